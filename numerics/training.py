"""Full-batch gradient descent on linear logits, many strengths alpha at once."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .checkpoints import load_checkpoint, save_checkpoint
from .descent import descent
from .host import on_host
from .losses import check_alpha
from .matrix_products import in_full_precision
from .slopes import is_traceable, mean_slopes
from .training_log import Log, Trajectory
from .training_problem import training_problem

__all__ = ["Trajectory", "recorded_epochs", "train"]

_SECONDS_BETWEEN_CHECKPOINTS = 60.0
# An interruption, the progress bar and a checkpoint wait for the end of at most so many epochs.
_EPOCHS_AT_A_TIME = 512


@in_full_precision
def train(
    X: Any,
    y: ArrayLike | None = None,
    *,
    penalty: Any = "quadratic",
    alpha: float | Sequence[float] | NDArray[Any] = 0.1,
    learning_rate: float = 0.1,
    epochs: int = 1000,
    record: int | Sequence[int] = 50,
    watch: Mapping[str, Callable[[Any], Any]] | None = None,
    start: Any = None,
    checkpoint: str | Path | None = None,
    progress: bool = False,
) -> Trajectory:
    """Gradient descent S <- S - rate * grad L(S), L = mean l(z_i), l = (1 - alpha) CE + alpha f.

    Logits are z = X S, or z = X W^T for K > 2 classes; an intercept is a column of ones in X. The
    weights of all alphas are moved by the same two matrix products. Where there are at least twice
    as many features as samples, they move in an orthonormal basis of the row space of X, which
    gradients never leave.

    Parameters
    ----------
    X : (n_samples, n_features) array of any array-API library, absorbed (x <- y x) if ``y`` is
        None. Training runs in its library and on its device, in float32 for float32, else float64.
    y : (n_samples,) labels of two or more classes, or None.
    penalty : name, expression or Penalty, finite everywhere. At a kink the slope is the middle of
        the jump, so that descent with a constant rate hovers around it.
    alpha : a strength in [0, 1), or A of them.
    learning_rate : the rate eta. It is stable while eta < 2/(largest curvature of the loss):
        :func:`logitreg.numerics.stable_rate.largest_stable_rate`.
    epochs : number of steps.
    record : how many epochs to record, spaced evenly in their logarithm, with epoch 0 and the last
        one; or the epochs themselves.
    watch : functions of the weights, which have the shape of ``Trajectory.weights``; what they
        return is recorded too, such as an accuracy on held-out data.
    start : weights at epoch 0, of that shape or one that broadcasts to it; zero by default.
    checkpoint : a .npz file. It is written about once a minute, at the end and on an interruption;
        where it exists, training resumes from it, and ends bit for bit where it would have ended,
        given the same functions to watch.
    progress : show a progress bar.

    Returns
    -------
    Trajectory. After a KeyboardInterrupt it holds what was recorded until then.

    Raises
    ------
    NotConvergedError : the weights overflow; the message has the largest stable rate.
    DataError : the checkpoint belongs to other data or settings.
    UnsupportedPenaltyError, AlphaError, ShapeError, NonFiniteError

    Examples
    --------
    >>> X = np.array([[1.0, 0.5], [1.0, -1.0], [2.0, 0.0]])
    >>> run = train(X, alpha=[0.1, 0.5], epochs=2000, record=10, watch={"first": lambda W: W[:, 0]})
    >>> run.loss.shape, run.weights.shape, run.watched["first"].shape
    ((10, 2), (2, 2), (10, 2))
    >>> bool(run.loss[-1, 0] < run.loss[0, 0])
    True
    """
    strengths = on_host(alpha)
    alphas = [check_alpha(a, zero=True) for a in strengths.reshape(-1).tolist()]
    if not (math.isfinite(learning_rate) and learning_rate > 0):
        raise ValueError(f"learning_rate is {learning_rate}; expected a positive number")
    problem = training_problem(X, y, penalty, alphas, start, single=strengths.ndim == 0)
    log = Log(problem, recorded_epochs(epochs, record), dict(watch or {}), learning_rate)
    state = (problem.start, 0)
    owner = "" if checkpoint is None else log.fingerprint()
    if checkpoint is not None and (saved := load_checkpoint(checkpoint, owner)) is not None:
        state = (problem.array(saved.pop("weights")), int(saved.pop("epoch")))
        log.restore(saved)

    def save() -> None:
        if checkpoint is not None:
            weights, epoch = state
            arrays = {"weights": on_host(weights), "epoch": np.asarray(epoch)}
            save_checkpoint(checkpoint, owner, arrays | log.stacked())

    slopes = mean_slopes(penalty, alphas, problem.X, problem.data.codes, problem.data.outputs)
    step = descent(problem.X, slopes, learning_rate, traceable=is_traceable(penalty))
    saved_at = time.monotonic()
    with _progress_bar(epochs, progress) as show, np.errstate(over="ignore", invalid="ignore"):
        try:
            while not log.completed:
                weights, epoch = state
                if epoch == log.next_epoch:
                    log.add(weights)
                    continue
                until = min(log.next_epoch, (epoch // _EPOCHS_AT_A_TIME + 1) * _EPOCHS_AT_A_TIME)
                state = (step(weights, until - epoch), until)
                show(until)
                if time.monotonic() - saved_at > _SECONDS_BETWEEN_CHECKPOINTS:
                    save()
                    saved_at = time.monotonic()
        except KeyboardInterrupt:
            if not log.records:
                raise
        save()
    return log.trajectory(state[0])


def recorded_epochs(epochs: int, record: int | Sequence[int]) -> list[int]:
    """The epochs that :func:`train` records: 0, then evenly spaced in the logarithm to the last.

    Examples
    --------
    >>> recorded_epochs(1000, 5), recorded_epochs(3, 50), recorded_epochs(9, [4])
    ([0, 1, 10, 100, 1000], [0, 1, 2, 3], [4, 9])
    """
    if epochs < 0 or int(epochs) != epochs:
        raise ValueError(f"epochs is {epochs}; expected a whole number, zero or more")
    if not isinstance(record, int):
        wanted = {int(epoch) for epoch in record}
        if not all(0 <= epoch <= epochs for epoch in wanted):
            raise ValueError(f"record is {sorted(wanted)}; expected epochs from 0 to {epochs}")
        return sorted(wanted | {epochs})
    if record < 2:
        raise ValueError(f"record is {record}; expected at least 2: the first epoch and the last")
    spaced = np.geomspace(max(epochs, 1), 1, record - 1).tolist()
    return sorted({0, epochs, *(round(epoch) for epoch in spaced if epochs)})


@contextmanager
def _progress_bar(epochs: int, wanted: bool) -> Iterator[Callable[[int], None]]:
    if not wanted:
        yield lambda epoch: None
        return
    from rich.progress import Progress

    with Progress() as bar:
        task = bar.add_task("epochs", total=epochs)
        yield lambda epoch: bar.update(task, completed=epoch)

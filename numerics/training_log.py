"""What a training run records, epoch by epoch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import NotConvergedError
from .checkpoints import fingerprint
from .concise import concise_repr
from .design import signed_margins
from .host import on_host
from .kernels import kernel
from .losses import sample_loss
from .rounding import Matrix
from .stable_rate import largest_stable_rate
from .training_problem import Problem

__all__ = ["Log", "Trajectory"]

_WATCHED = "watched "
# Penalties of the same name differ in their slopes here.
_PROBES = np.linspace(-3, 3, 13)


@dataclass(frozen=True)
class Trajectory:
    """What training recorded. A is the number of alphas; for a single number its axis is left out.

    Attributes
    ----------
    epochs : (n_records,) the recorded epochs; fewer than asked for if training was interrupted.
    loss : (n_records, A) the training loss.
    accuracy : (n_records, A) the fraction of training samples that are classified correctly.
    norm : (n_records, A) the Euclidean norm of the weights.
    watched : for each name, what the function of the weights returned, (n_records, ...).
    weights : the weights after the last epoch, or where training was interrupted, an array of the
        library, dtype and device of X: (A, n_features) for two classes, (A, n_classes, n_features)
        for more.
    completed : whether the last epoch was reached.
    """

    epochs: NDArray[np.int64]
    loss: Matrix
    accuracy: Matrix
    norm: Matrix
    watched: Mapping[str, NDArray[Any]]
    weights: Any
    completed: bool

    def __repr__(self) -> str:
        return concise_repr(self)


class Log:
    """What is recorded at the epochs of a grid."""

    def __init__(
        self,
        problem: Problem,
        grid: list[int],
        watch: Mapping[str, Callable[[Any], Any]],
        rate: float,
    ) -> None:
        self.problem, self.grid, self.watch, self.rate = problem, grid, watch, rate
        self.records: list[dict[str, NDArray[Any]]] = []

    @property
    def next_epoch(self) -> int:
        return self.grid[len(self.records)]

    @property
    def completed(self) -> bool:
        return len(self.records) == len(self.grid)

    def fingerprint(self) -> str:
        """Of everything on which the records depend, save the functions that watch."""
        p = self.problem
        f = kernel(p.penalty)
        settings = (f.name, p.alphas, p.single, self.rate, self.grid, str(p.X.dtype))
        arrays = (p.data.matrix, p.data.codes, on_host(p.full(p.start)), f.slope(_PROBES))
        return fingerprint(*settings, *arrays, sorted(self.watch))

    def add(self, weights: Any) -> None:
        """Record the weights of the next epoch of the grid.

        Raises
        ------
        NotConvergedError : they are not finite.
        """
        p = self.problem
        seen = on_host(p.full(weights)).astype(np.float64)
        if not np.all(np.isfinite(seen)):
            raise NotConvergedError(self._divergence())
        each = seen.reshape(len(p.alphas), p.data.outputs, -1)
        loss, accuracy = [], []
        for alpha, own in zip(p.alphas, each, strict=True):
            logits = p.data.matrix @ own.T
            values = sample_loss(p.penalty, alpha, p.data.codes, p.data.outputs).value(logits)
            loss.append(float(np.mean(values)))
            accuracy.append(float(np.mean(signed_margins(logits, p.data) > 0)))
        norm = np.linalg.norm(each, axis=(1, 2))
        shape = () if p.single else (len(p.alphas),)
        record = {
            "loss": np.reshape(loss, shape),
            "accuracy": np.reshape(accuracy, shape),
            "norm": np.reshape(norm, shape),
        }
        for name, function in self.watch.items():
            record[_WATCHED + name] = on_host(function(p.full(weights)))
        self.records.append(record)

    def _divergence(self) -> str:
        p = self.problem
        start = on_host(p.full(p.start)).reshape(len(p.alphas), p.data.outputs, -1)
        signed = p.data.matrix, p.data.codes
        rate = min(
            largest_stable_rate(*signed, penalty=p.penalty, alpha=a, weights=own)
            for a, own in zip(p.alphas, start, strict=True)
        )
        return (
            f"the weights overflowed by epoch {self.next_epoch} at learning_rate {self.rate:g}; "
            f"expected a rate below 2/(largest curvature), which is {rate:.3g} at the start; "
            "choose a smaller one"
        )

    def stacked(self) -> dict[str, NDArray[Any]]:
        """Arrays whose first axis is that of the records."""
        names = self.records[0] if self.records else ()
        return {name: np.stack([record[name] for record in self.records]) for name in names}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take up records that :meth:`stacked` has returned."""
        count = len(arrays["loss"]) if arrays else 0
        self.records = [{name: a[i] for name, a in arrays.items()} for i in range(count)]

    def trajectory(self, weights: Any) -> Trajectory:
        arrays = self.stacked()
        loss, accuracy, norm = (arrays.pop(name) for name in ("loss", "accuracy", "norm"))
        return Trajectory(
            epochs=np.asarray(self.grid[: len(self.records)], dtype=np.int64),
            loss=loss,
            accuracy=accuracy,
            norm=norm,
            watched={name.removeprefix(_WATCHED): values for name, values in arrays.items()},
            weights=self.problem.full(weights),
            completed=self.completed,
        )

"""What a wrong trainer minimises instead, read off the gradients at the weights that it found."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ...errors import LogitregError
from ...numerics.design import design, factor
from ...numerics.fit import fit
from ...numerics.kernels import kernel, penalties
from ...numerics.losses import is_shift_invariant, penalty_name, sample_loss
from ...numerics.rounding import Matrix
from .failures import number
from .smoothing_faults import strength_in_words
from .training import TrainedOn, relative_gradient

__all__ = ["trainer_fault"]

Diagnosis = tuple[str | None, str]

_MATCH = 1e-3


def trainer_fault(run: TrainedOn) -> Diagnosis:
    """The fault that explains the weights, and the claim that they contradict."""
    if not np.all(np.isfinite(run.solution)):
        return "training diverged: the learning rate is too large", "beck.finite-target"
    if not np.any(run.solution):
        return "the weights are zero: nothing was trained", "beck.finite-target"
    if run.solution.size > 2:
        for fault in (_strength, _weight_decay, _untrained_bias, _other_loss, _other_data, _scale):
            found = fault(run)
            if found is not None:
                return found
    return _against_the_minimiser(run)


def _explains(run: TrainedOn, residual: float) -> bool:
    return residual < _MATCH and residual < 0.03 * run.residual


def _gradients(run: TrainedOn, alpha: float) -> Matrix:
    loss = sample_loss(run.penalty, alpha, run.data.codes, run.data.outputs)
    return np.asarray(loss.gradient(run.data.matrix @ run.solution))


def _strength(run: TrainedOn) -> Diagnosis | None:
    """The loss of another alpha, whichever makes the gradient smallest."""
    q = factor(run.data.matrix).q
    ce, f = (q.T @ _gradients(run, alpha) for alpha in (0.0, 1.0))
    change = f - ce
    alpha = -float(np.sum(ce * change) / np.sum(change * change))
    loss = sample_loss(run.penalty, alpha, run.data.codes, run.data.outputs)
    if not _explains(run, relative_gradient(run.data, loss, run.solution)):
        return None
    meant, classes = run.alpha, max(2, run.data.outputs)
    ways = {
        "the penalty is missing": 0.0,
        "the factor 1 - alpha of the cross-entropy is missing": meant / (1 + meant),
        "the penalty is halved, as weight decay often is": meant / (2 - meant),
        "the penalty is doubled": 2 * meant / (1 + meant),
        "the factor alpha of the penalty is missing": 1 / (2 - meant),
        "both factors are missing, 1 - alpha and alpha": 0.5,
        "the penalty is averaged over the classes": meant / (classes - (classes - 1) * meant),
        "the penalty is subtracted, where it is to be added": -meant / (1 - 2 * meant)
        if meant != 0.5
        else np.inf,
    }
    way = next((f"{text}: " for text, value in ways.items() if abs(value - alpha) < 1e-3), "")
    strength = strength_in_words(alpha, meant, classes).replace("eps", "alpha")
    claim = "beck.ls-multiclass" if _smooths(run) and classes > 2 else "lead.target-derivative"
    return f"{way}the weights minimise the loss with alpha = {strength}", claim


def _smooths(run: TrainedOn) -> bool:
    return penalty_name(run.penalty) == "label-smoothing"


def _weight_decay(run: TrainedOn) -> Diagnosis | None:
    """A gradient that is -gamma times the weights, with the bias left out or not."""
    gradient = run.data.matrix.T @ _gradients(run, run.alpha) / len(run.data.matrix)
    slopes = np.ones_like(run.solution)
    if run.data.bias:
        slopes[-1] = 0
    for decayed, where in ((slopes, ""), (np.ones_like(slopes), ", bias included")):
        weights = run.solution * decayed
        gamma = -float(np.sum(gradient * weights) / np.sum(weights * weights))
        rest = np.linalg.norm(gradient + gamma * weights) / np.linalg.norm(gradient)
        if gamma > 0 and rest < 1e-2:
            C = 1 / (gamma * len(run.data.matrix))
            return (
                f"weight decay is left on: the weights minimise the mean loss + gamma/2 ||w||^2 "
                f"with gamma = {number(gamma)}{where} (in scikit-learn C = {number(C)})",
                "beck.weight-decay",
            )
    return None


def _untrained_bias(run: TrainedOn) -> Diagnosis | None:
    """A gradient that vanishes in the weights and not in the bias."""
    if not run.data.bias:
        return None
    gradient = run.data.matrix.T @ _gradients(run, run.alpha)
    if np.linalg.norm(gradient[:-1]) > 1e-2 * np.linalg.norm(gradient):
        return None
    return (
        "the weights are right for this bias, and the bias is not: it is regularised, frozen or "
        "trained too slowly",
        "beck.weight-decay",
    )


def _other_loss(run: TrainedOn) -> Diagnosis | None:
    for other in penalties():
        if other == penalty_name(run.penalty):
            continue
        try:
            if kernel(other).kinks:
                continue
            loss = sample_loss(other, run.alpha, run.data.codes, run.data.outputs)
        except LogitregError:
            continue
        if _explains(run, relative_gradient(run.data, loss, run.solution)):
            return (
                f"the penalty is {other}, not {penalty_name(run.penalty)}: the weights minimise "
                "that loss",
                "beck.finite-target",
            )
    return None


def _other_data(run: TrainedOn) -> Diagnosis | None:
    """The stated loss of other data than was given."""
    for text, claim, X, y in _changed(run):
        try:
            data = design(X, y, bias=run.data.bias)
            loss = sample_loss(run.penalty, run.alpha, data.codes, data.outputs)
            if data.outputs == run.data.outputs and _explains(
                run, relative_gradient(data, loss, run.solution)
            ):
                return text, claim
        except LogitregError:
            continue
    return None


def _changed(run: TrainedOn) -> Iterator[tuple[str, str, Matrix, Matrix | None]]:
    X, y = run.X, run.y
    for rows, name in ((slice(0, -1), "last"), (slice(1, None), "first")):
        yield (
            f"the {name} sample is left out of the training loss",
            "beck.finite-target",
            X[rows],
            None if y is None else y[rows],
        )
    kept = "the minimiser's logits do not depend on the scale of the features, its weights do"
    with np.errstate(all="ignore"):
        for ddof in (0, 1):
            deviation = np.std(X, axis=0, ddof=ddof)
            for centre, name in ((np.mean(X, axis=0), "standardised"), (0.0, "scaled")):
                yield (
                    f"the features are {name} first, and the weights belong to those: divide them "
                    f"by the deviations; {kept}",
                    "lead.equivariance",
                    (X - centre) / deviation,
                    y,
                )
        norms = np.linalg.norm(X, axis=1, keepdims=True)
        yield "the samples are scaled to norm 1 first", "lead.equivariance", X / norms, y
        centred = X - np.mean(X, axis=0)
        yield "the features are centred first, without a bias", "lead.equivariance", centred, y
    if y is None:
        yield "the labels are flipped", "beck.finite-target", -X, None
        return
    classes = np.unique(y)
    codes = np.searchsorted(classes, y)
    for text, mapped in (
        ("the labels are flipped" if len(classes) == 2 else "the classes are in reverse order", -1),
        ("the labels are off by one", 1),
    ):
        moved = len(classes) - 1 - codes if mapped < 0 else (codes + 1) % len(classes)
        yield text, "beck.finite-target", X, classes[moved]


def _scale(run: TrainedOn) -> Diagnosis | None:
    """The minimiser times a number."""

    def residual(scale: float) -> float:
        return relative_gradient(run.data, run.loss, run.solution * scale)

    scale = _smallest(residual, np.geomspace(0.02, 50, 161))
    if not _explains(run, residual(scale)):
        return None
    return (
        f"the direction is right, and the weights are {number(1 / scale)} times the minimiser's: "
        "look for a temperature, or for two logits whose difference was meant",
        "beck.finite-target",
    )


def _smallest(function: Callable[[float], float], grid: Matrix) -> float:
    best = int(np.argmin([function(float(x)) for x in grid]))
    low, high = float(grid[max(best - 1, 0)]), float(grid[min(best + 1, len(grid) - 1)])
    for _ in range(100):
        third = (high - low) / 3
        if function(low + third) < function(high - third):
            high -= third
        else:
            low += third
    return (low + high) / 2


def _against_the_minimiser(run: TrainedOn) -> Diagnosis:
    """What the minimiser itself tells, where no fault fits exactly."""
    claim = "beck.finite-target"
    try:
        best = fit(run.X, run.y, penalty=run.penalty, alpha=run.alpha, bias=run.data.bias)
    except LogitregError:
        return None, claim
    losses = [
        float(np.mean(run.loss.value(run.data.matrix @ weights)))
        for weights in (run.solution, 0 * run.solution)
    ]
    if losses[0] > losses[1]:
        return (
            f"the loss is {number(losses[0])}, above {number(losses[1])} at zero weights: the sign "
            "of a term is wrong, or the learning rate is too large",
            claim,
        )
    found, wanted = run.found.weights, best.weights
    if np.array_equal(found, found.astype(np.float16)):
        return "the weights are numbers of float16, too coarse for a minimiser: train wider", claim
    excess = number(losses[0] - best.loss)
    if run.data.outputs > 1 and is_shift_invariant(run.penalty, run.alpha):
        found = found - np.mean(found, axis=0)
    length = float(np.linalg.norm(found) / np.linalg.norm(wanted))
    if length < 1:
        why = "training stopped early, or the weights are held back by something else"
    else:
        why = "the penalty is too weak or missing, or training has not come back from overshooting"
    return (
        f"the loss is {excess} above its minimum, and the weights are {number(length)} times as "
        f"long as the minimiser's: {why}",
        claim,
    )

"""assert_stationary: trained weights minimise the loss that they are said to minimise."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from ...numerics.losses import penalty_name
from .failures import ContradictionError, number, shown
from .trainer_faults import trainer_fault
from .training import TrainedOn, train_on

__all__ = ["assert_stationary", "data_shown", "not_a_minimiser"]


def assert_stationary(
    trained: Any,
    X: ArrayLike,
    y: ArrayLike | None = None,
    *,
    penalty: Any,
    alpha: float,
    bias: bool | None = None,
    tolerance: float | None = None,
) -> None:
    """Assert that the gradient of mean((1 - alpha) CE + alpha f) vanishes at trained weights.

    The loss is convex, so that this is to be its minimiser. The measure is free of units:
    ||P G||/(||G|| + ||H z||), with G the gradients and H the curvatures of the samples' losses and
    P the projector on the range of the data. It is 1e-15 for an exact minimiser.

    Parameters
    ----------
    trained : a function of (X, y), or of X if ``y`` is None, that returns weights or
        (weights, bias); an estimator with fit; or what one of these returned. Weights have shape
        (n_features,) for two classes, (n_classes, n_features) for more, in any array library.
    X : (n_samples, n_features), absorbed (x <- y x) if ``y`` is None.
    y : (n_samples,) labels. Of two classes, the larger label is the positive one.
    penalty, alpha : the loss.
    bias : whether there is one to be minimised over; by default, whether one was returned.
    tolerance : the largest measure that passes; by default 1e-6, and 1e-4 for float32 weights.

    Raises
    ------
    ContradictionError : the weights are not a minimiser. It is an AssertionError.
    UnsupportedPenaltyError : the slope of the penalty jumps, so that no gradient need vanish.
    ShapeError, DataError, AlphaError

    Examples
    --------
    >>> from ...numerics.fit import fit
    >>> X = [[1.0, 0.2], [0.8, -0.3], [1.3, 0.1]]
    >>> assert_stationary(fit(X, alpha=0.2).weights, X, penalty="quadratic", alpha=0.2)
    """
    run = train_on(trained, X, y, penalty=penalty, alpha=alpha, bias=bias)
    if not run.residual <= run.tolerance(tolerance):
        raise not_a_minimiser(run, run, run.tolerance(tolerance))


def not_a_minimiser(
    run: TrainedOn, telling: TrainedOn, tolerance: float, angle: str | None = None
) -> ContradictionError:
    """The failure on one data set, with the diagnosis that another data set allows."""
    bias = "" if run.found.bias is None else f", bias {shown(run.found.bias)}"
    facts = {
        "example": data_shown(run),
        "expected": f"weights where the gradient vanishes, to {number(tolerance)} of its terms",
        "found": f"weights {shown(run.found.weights)}{bias}, where it is {number(run.residual)}",
    }
    if angle is not None:
        facts["angle"] = angle
    diagnosis, claim = trainer_fault(telling)
    name = penalty_name(run.penalty)
    return ContradictionError(
        f"the weights do not minimise the loss with penalty {name} and alpha = {run.alpha:g}",
        facts,
        diagnosis,
        claim,
    )


def data_shown(run: TrainedOn) -> str:
    """The data of a run, in a line."""
    return f"X = {shown(run.X)}" + ("" if run.y is None else f", y = {run.y.tolist()[:20]}")

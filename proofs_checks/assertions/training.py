"""A trainer's weights on a data set, and how far the gradient of the stated loss is from zero."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ...errors import ShapeError, UnsupportedPenaltyError
from ...numerics.design import Design, design, factor
from ...numerics.kernels import kernel
from ...numerics.losses import (
    SampleLoss,
    check_alpha,
    is_shift_invariant,
    penalty_name,
    sample_loss,
)
from ...numerics.rounding import Matrix
from .trained import Trained, as_trainer, read_weights

__all__ = ["TrainedOn", "relative_gradient", "train_on"]


@dataclass(frozen=True)
class TrainedOn:
    """Trained weights with the data and the loss that they are to minimise.

    Attributes
    ----------
    found : the weights.
    data, loss : the design matrix and the loss on its logits.
    solution : (n_columns, n_outputs), the weights as a matrix.
    residual : ||P G||/(||G|| + ||H z||), infinite if the weights are not finite.
    """

    penalty: Any
    alpha: float
    found: Trained
    X: Matrix
    y: Any
    data: Design
    loss: SampleLoss
    solution: Matrix
    residual: float

    def tolerance(self, given: float | None) -> float:
        """The tolerance that is given, or the one for the dtype of the weights."""
        if given is not None:
            return given
        return 1e-4 if self.found.dtype == "float32" else 1e-6


def train_on(
    trained: Any,
    X: ArrayLike,
    y: ArrayLike | None,
    *,
    penalty: Any,
    alpha: float,
    bias: bool | None,
) -> TrainedOn:
    """Train, or read what was trained, and measure the gradient."""
    alpha = check_alpha(alpha, zero=False)
    if kinks := kernel(penalty).kinks:
        raise UnsupportedPenaltyError(
            f"the slope of the penalty {penalty_name(penalty)!r} jumps at z = "
            f"{', '.join(f'{k:g}' for k in kinks)}: at a minimiser no gradient need vanish; "
            "expected a penalty with continuous slope"
        )
    matrix = np.asarray(X, dtype=np.float64)
    labels = None if y is None else np.asarray(y)
    classes = 2 if labels is None else max(2, len(np.unique(labels)))
    result = trained
    if _is_function(trained) or (hasattr(trained, "fit") and not _is_fitted(trained)):
        arguments = (matrix.copy(),) if labels is None else (matrix.copy(), labels.copy())
        result = as_trainer(trained)(*arguments)
    invariant = is_shift_invariant(penalty, alpha)
    found = read_weights(result, matrix.shape[1], classes, invariant=invariant)
    if bias and found.bias is None:
        raise ShapeError("bias=True, and the trainer returned none; expected (weights, bias)")
    if bias is False and np.any(found.bias):
        raise ShapeError(f"bias=False, and the trainer returned the bias {found.bias}")
    if bias is not True and not np.any(found.bias):
        found = replace(found, bias=None)
    data = design(matrix, labels, bias=found.bias is not None)
    loss = sample_loss(penalty, alpha, data.codes, data.outputs)
    solution = np.atleast_2d(found.weights).T
    if found.bias is not None:
        solution = np.vstack([solution, np.atleast_1d(found.bias)[None, :]])
    residual = relative_gradient(data, loss, solution)
    return TrainedOn(penalty, alpha, found, matrix, labels, data, loss, solution, residual)


def _is_function(trained: Any) -> bool:
    return callable(trained) and not any(
        hasattr(trained, name) for name in ("fit", "coef_", "weight", "weights")
    )


def _is_fitted(estimator: Any) -> bool:
    last = estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator
    return hasattr(last, "coef_")


def relative_gradient(data: Design, loss: SampleLoss, solution: Matrix) -> float:
    """||P G||/(||G|| + ||H z||) at the logits z of a solution."""
    if not np.all(np.isfinite(solution)):
        return float("inf")
    with np.errstate(over="ignore", invalid="ignore"):
        logits = data.matrix @ solution
        gradients = loss.gradient(logits)
        scale = np.linalg.norm(gradients) + np.linalg.norm(loss.curvature(logits)(logits))
        part = np.linalg.norm(factor(data.matrix).q.T @ gradients)
    if not np.isfinite(part):
        return float("inf")
    return float(part / scale) if scale > 0 else 0.0

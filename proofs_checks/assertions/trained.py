"""The linear map that a trainer found, in the form of the library's own solvers."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ...errors import DataError, ShapeError
from ...numerics.rounding import Matrix
from .frameworks import as_numpy

__all__ = ["Trained", "as_trainer", "read_weights"]


@dataclass(frozen=True)
class Trained:
    """Weights (n_features,) or (n_classes, n_features), and the bias, None without one.

    They are in float64; ``dtype`` names what they came in.
    """

    weights: Matrix
    bias: float | Matrix | None
    dtype: str = "float64"


def as_trainer(trainer: Any) -> Callable[..., Any]:
    """A function of data that trains anew: an estimator is copied before it is fitted."""
    if not hasattr(trainer, "fit"):
        if not callable(trainer):
            raise TypeError(
                f"the trainer is a {type(trainer).__name__}; expected a function of (X, y) or an "
                "estimator with fit"
            )
        return trainer  # type: ignore[no-any-return]

    def train(X: Matrix, *y: Any) -> Any:
        estimator = copy.deepcopy(trainer)
        estimator.fit(X, *y)
        return estimator

    return train


def read_weights(result: Any, features: int, classes: int, *, invariant: bool) -> Trained:
    """Read what a trainer returned.

    Parameters
    ----------
    result : weights, (weights, bias), an object with ``weight`` or ``weights`` and ``bias``
        (torch.nn.Linear, FitResult), or a fitted estimator. Of any array library.
    features, classes : the shape that is expected.
    invariant : whether two rows of weights for two classes may be replaced by their difference.

    Raises
    ------
    ShapeError, DataError

    Examples
    --------
    >>> read_weights(([1.0, 2.0], 3.0), 2, 2, invariant=True)
    Trained(weights=array([1., 2.]), bias=3.0, dtype='float64')
    """
    weights, bias = _parts(result, features)
    weights = as_numpy(weights)
    dtype, weights = str(weights.dtype), weights.astype(np.float64)
    if weights.ndim == 2 and weights.shape[1] != features and weights.shape[0] == features:
        weights = weights.T
    if bias is not None:
        bias = as_numpy(bias).astype(np.float64).ravel()
    if classes == 2 and weights.shape == (2, features) and invariant:
        weights = weights[1:] - weights[:1]
        bias = None if bias is None else bias[1:] - bias[:1]
    if classes == 2 and weights.shape in ((1, features), (features, 1)):
        weights = weights.reshape(features)
    expected = (features,) if classes == 2 else (classes, features)
    if weights.shape != expected:
        raise ShapeError(
            f"the trained weights have shape {weights.shape}; expected {expected}"
            + ("; of two rows of logits return the difference" if classes == 2 else "")
        )
    outputs = 1 if classes == 2 else classes
    if bias is not None and bias.size != outputs:
        raise ShapeError(f"the trained bias has {bias.size} entries; expected {outputs}")
    if bias is None:
        return Trained(weights, None, dtype)
    return Trained(weights, float(bias[0]) if classes == 2 else bias, dtype)


def _parts(result: Any, features: int) -> tuple[Any, Any]:
    if hasattr(result, "decision_function"):
        return _affine(result.decision_function, features)
    for name in ("coef_", "weights", "weight"):
        if hasattr(result, name):
            return getattr(result, name), getattr(result, _BIAS[name], None)
    if isinstance(result, tuple):
        if len(result) != 2:
            raise DataError(
                f"the trainer returned {len(result)} things; expected weights, or (weights, bias)"
            )
        return result
    return result, None


_BIAS = {"coef_": "intercept_", "weights": "bias", "weight": "bias"}


def _affine(decide: Callable[[Matrix], ArrayLike], features: int) -> tuple[Matrix, Matrix]:
    """The weights of an affine decision function, scaling and projections included."""
    points = np.vstack([np.zeros((1, features)), np.eye(features), np.full((1, features), 2.0)])
    values = np.asarray(decide(points), dtype=np.float64)
    values = values.reshape(len(points), -1)
    bias = values[0]
    weights = values[1:-1] - bias
    if not np.allclose(values[-1], 2 * np.sum(weights, axis=0) + bias, rtol=1e-6, atol=1e-6):
        raise DataError(
            "the decision function is not affine in the features: no weights describe it; expected "
            "a linear classifier, with linear preprocessing"
        )
    return weights.T, bias

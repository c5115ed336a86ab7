"""The per-sample loss (1 - alpha) CE + alpha f on logits: values, gradients, curvature.

The one place where solvers and certificates meet the penalties: it asks
:func:`logitreg.numerics.kernels.kernel` for f, f' and f''.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import logsumexp, softmax

from ..errors import AlphaError, NoFiniteTargetError
from .kernels import kernel
from .rounding import Matrix
from .targets import target

__all__ = ["SampleLoss", "check_alpha", "is_shift_invariant", "sample_loss", "target_levels"]

CurvatureProduct = Callable[[Matrix], Matrix]


@dataclass(frozen=True)
class SampleLoss:
    """The loss of every sample as a function of its logits, shape (n_samples, n_outputs).

    Attributes
    ----------
    value : logits -> (n_samples,) losses.
    gradient : logits -> (n_samples, n_outputs).
    curvature : logits -> the product of each sample's Hessian with a given (n_samples, n_outputs).
    """

    value: Callable[[Matrix], Matrix]
    gradient: Callable[[Matrix], Matrix]
    curvature: Callable[[Matrix], CurvatureProduct]


def penalty_name(penalty: Any) -> str:
    """The name by which a penalty is known in the catalogue, or the text of the expression."""
    return penalty if isinstance(penalty, str) else str(getattr(penalty, "name", penalty))


def is_shift_invariant(penalty: Any, alpha: float) -> bool:
    """Whether the K-class loss leaves the common level of a sample's logits free."""
    return alpha == 0 or penalty_name(penalty) in ("label-smoothing", "entropy")


def check_alpha(alpha: float, *, zero: bool) -> float:
    """alpha as a float in [0, 1), or in (0, 1) unless ``zero`` is allowed.

    Raises
    ------
    AlphaError

    Examples
    --------
    >>> check_alpha(0.1, zero=False)
    0.1
    """
    interval = "[0, 1)" if zero else "(0, 1)"
    try:
        number = float(alpha)
    except (TypeError, ValueError):
        raise AlphaError(f"alpha is {alpha!r}; expected a number in {interval}") from None
    if not (0 <= number < 1) or (number == 0 and not zero):
        raise AlphaError(
            f"alpha is {number}; expected a strength in {interval}"
            + ("" if zero else ": without a penalty the loss has no finite target")
        )
    return number


def sample_loss(
    penalty: Any, alpha: float, codes: NDArray[np.intp] | None = None, classes: int = 2
) -> SampleLoss:
    """The loss on signed logits (``codes`` None), or on K logits per sample with these labels.

    For K classes a penalty applies coordinate-wise, sum_k f(z_k), except label smoothing,
    logsumexp(z) - mean(z), and entropy, sum_k p_k log p_k with p = softmax(z).

    Examples
    --------
    >>> sample_loss("quadratic", 0.5).value(np.array([[0.0]]))
    array([0.34657359])
    """
    if codes is None:
        return _binary(penalty, alpha)
    return _multiclass(penalty, alpha, codes, classes)


def _binary(penalty: Any, alpha: float) -> SampleLoss:
    f = kernel(penalty)

    def value(z: Matrix) -> Matrix:
        loss = (1 - alpha) * np.logaddexp(0, -z)
        return np.asarray(loss + (alpha * f.value(z) if alpha else 0))[:, 0]

    def gradient(z: Matrix) -> Matrix:
        slope = -(1 - alpha) * _logistic(-z)
        return np.asarray(slope + (alpha * f.slope(z) if alpha else 0))

    def curvature(z: Matrix) -> CurvatureProduct:
        second = (1 - alpha) * _logistic(z) * _logistic(-z)
        diagonal = _finite(second + (alpha * f.curvature(z) if alpha else 0))
        return lambda u: diagonal * u

    return SampleLoss(value, gradient, curvature)


def _multiclass(penalty: Any, alpha: float, codes: NDArray[np.intp], classes: int) -> SampleLoss:
    f_value, f_gradient, f_curvature = _multiclass_penalty(penalty) if alpha else _no_penalty()
    indicator = np.eye(classes)[codes]

    def value(z: Matrix) -> Matrix:
        entropy = logsumexp(z, axis=1) - np.sum(indicator * z, axis=1)
        return np.asarray((1 - alpha) * entropy + alpha * f_value(z))

    def gradient(z: Matrix) -> Matrix:
        return np.asarray((1 - alpha) * (softmax(z, axis=1) - indicator) + alpha * f_gradient(z))

    def curvature(z: Matrix) -> CurvatureProduct:
        p = softmax(z, axis=1)
        penalty_product = f_curvature(z)
        return lambda u: (1 - alpha) * p * _deviation(p, u) + alpha * penalty_product(u)

    return SampleLoss(value, gradient, curvature)


MulticlassPenalty = tuple[
    Callable[[Matrix], Matrix], Callable[[Matrix], Matrix], Callable[[Matrix], CurvatureProduct]
]


def _no_penalty() -> MulticlassPenalty:
    return (lambda z: np.zeros(len(z))), np.zeros_like, (lambda z: np.zeros_like)


def _multiclass_penalty(penalty: Any) -> MulticlassPenalty:
    name = penalty_name(penalty)
    if name == "label-smoothing":
        return _label_smoothing()
    if name == "entropy":
        return _entropy()
    f = kernel(penalty)

    def curvature(z: Matrix) -> CurvatureProduct:
        diagonal = _finite(f.curvature(z))
        return lambda u: diagonal * u

    return (lambda z: np.sum(f.value(z), axis=1)), f.slope, curvature


def _label_smoothing() -> MulticlassPenalty:
    def curvature(z: Matrix) -> CurvatureProduct:
        p = softmax(z, axis=1)
        return lambda u: p * _deviation(p, u)

    return (
        lambda z: np.asarray(logsumexp(z, axis=1) - np.mean(z, axis=1)),
        lambda z: np.asarray(softmax(z, axis=1) - 1 / z.shape[1]),
        curvature,
    )


def _entropy() -> MulticlassPenalty:
    def parts(z: Matrix) -> tuple[Matrix, Matrix, Matrix]:
        log_p = np.asarray(z - logsumexp(z, axis=1, keepdims=True))
        p = np.exp(log_p)
        return p, log_p, np.sum(p * log_p, axis=1, keepdims=True)

    def value(z: Matrix) -> Matrix:
        return np.asarray(parts(z)[2][:, 0])

    def gradient(z: Matrix) -> Matrix:
        p, log_p, mean = parts(z)
        return np.asarray(p * (log_p - mean))

    def curvature(z: Matrix) -> CurvatureProduct:
        p, log_p, mean = parts(z)

        def apply(u: Matrix) -> Matrix:
            change = _deviation(p, u)
            dp = p * change
            d_mean = np.sum(dp * log_p, axis=1, keepdims=True)
            return np.asarray(dp * (log_p - mean) + p * (change - d_mean))

        return apply

    return value, gradient, curvature


def _deviation(p: Matrix, u: Matrix) -> Matrix:
    """u minus its mean under p, so that p * deviation = (diag p - p p^T) u."""
    return np.asarray(u - np.sum(p * u, axis=1, keepdims=True))


def _logistic(z: Matrix) -> Matrix:
    return np.asarray(np.exp(-np.logaddexp(0, -z)))


def _finite(curvature: Any) -> Matrix:
    # |z|^p with 1 < p < 2 has infinite curvature at zero: there any large number serves Newton.
    return np.minimum(np.asarray(curvature, dtype=np.float64), 1e12)


def target_levels(penalty: Any, alpha: float, classes: int) -> tuple[float, float]:
    """The target logits (z_low, z_high) of the other classes and of the true class.

    For two classes on the signed logit use :func:`logitreg.target`. A shift-invariant loss
    fixes the gap alone; the levels then sum to zero over the classes.

    Raises
    ------
    NoFiniteTargetError : the two levels cannot be told apart: the gap is zero.

    Examples
    --------
    >>> low, high = target_levels("quadratic", 0.1, 10)
    >>> abs(9 * low + high) < 1e-15
    True
    """
    gap = float(target(penalty, alpha, classes=classes))
    if not (math.isfinite(gap) and gap > 0):
        raise NoFiniteTargetError(
            f"the target gap of {penalty_name(penalty)!r} at alpha = {alpha} is {gap}; expected a "
            "positive number; choose a smaller alpha"
        )
    if is_shift_invariant(penalty, alpha):
        low = -gap / classes
        return low, gap + low
    f = kernel(penalty)

    def imbalance(low: float) -> float:
        ends = np.array([low + gap, low])
        slopes = np.asarray(f.slope(ends), dtype=np.float64)
        return float(slopes[0] + (classes - 1) * slopes[1])

    below, above = -gap, 0.0
    for _ in range(60):
        if imbalance(below) <= 0 <= imbalance(above):
            break
        below, above = 2 * below, 2 * above + gap
    else:
        raise NoFiniteTargetError(
            f"no common level of the logits balances the penalty {penalty_name(penalty)!r}"
        )
    low = float(brentq(imbalance, below, above, xtol=2.0**-60 * gap, rtol=1e-15))
    return low, gap + low

"""The per-sample loss (1 - alpha) CE + alpha f on logits: values, gradients, curvature.

The one place where solvers and certificates meet the penalties: it asks
:func:`logitreg.numerics.kernels.kernel` for f, f' and f''. Logits have the shape (n_samples,
n_outputs), or (n_samples, n_outputs, n_alphas) for many alphas at once, one for each last index.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, logsumexp, softmax

from ..errors import AlphaError, NoFiniteTargetError
from .kernels import kernel
from .rounding import Matrix
from .targets import target

__all__ = [
    "Pointwise",
    "SampleLoss",
    "Terms",
    "check_alpha",
    "is_shift_invariant",
    "penalty_name",
    "pointwise",
    "sample_loss",
    "target_levels",
]

CurvatureProduct = Callable[[Matrix], Matrix]

_TINY = 1e-290


@dataclass(frozen=True)
class Pointwise:
    """A penalty that acts on each logit by itself.

    Attributes
    ----------
    value, slope, curvature : f, f' and f''.
    kinks : where f' jumps or f ends.
    stiff : whether f has kinks, or infinite curvature at zero.
    convex : whether f is not known to be concave anywhere.
    """

    value: Callable[[Matrix], Matrix]
    slope: Callable[[Matrix], Matrix]
    curvature: Callable[[Matrix], Matrix]
    kinks: tuple[float, ...]
    stiff: bool
    convex: bool


@dataclass(frozen=True)
class Terms:
    """One of the two terms of the loss of every sample.

    Attributes
    ----------
    value : logits -> the terms, without the axis of the outputs.
    gradient : logits -> an array of their shape.
    curvature : logits -> the product of each sample's Hessian with a given array of their shape.
    restrict : indices of alphas -> the term for those; None where it is the same for all.
    pointwise : the penalty, if the term is one that acts on each logit by itself.
    """

    value: Callable[[Matrix], Matrix]
    gradient: Callable[[Matrix], Matrix]
    curvature: Callable[[Matrix], CurvatureProduct]
    restrict: Callable[[NDArray[np.intp]], Terms] | None = None
    pointwise: Pointwise | None = None


@dataclass(frozen=True)
class SampleLoss:
    """(1 - alpha) ``entropy`` + alpha ``penalty``; alpha = 0 where there is no penalty.

    Attributes
    ----------
    alpha : a number, or an array over the last axis of the logits.
    """

    alpha: Any
    entropy: Terms
    penalty: Terms | None

    def value(self, logits: Matrix) -> Matrix:
        """The loss of every sample."""
        return self._sum(lambda term: term.value(logits))

    def gradient(self, logits: Matrix) -> Matrix:
        """Its gradient in the logits of the sample."""
        return self._sum(lambda term: term.gradient(logits))

    def curvature(self, logits: Matrix) -> CurvatureProduct:
        """The product of the Hessian of every sample with an array of the logits' shape."""
        terms = (self.entropy,) if self.penalty is None else (self.entropy, self.penalty)
        products = {id(term): term.curvature(logits) for term in terms}
        return lambda u: self._sum(lambda term: products[id(term)](u))

    def restrict(self, columns: NDArray[np.intp]) -> SampleLoss:
        """The loss for some of the alphas, which are an array."""
        penalty = self.penalty
        if penalty is not None and penalty.restrict is not None:
            penalty = penalty.restrict(columns)
        return replace(self, alpha=self.alpha[columns], penalty=penalty)

    def _sum(self, part: Callable[[Terms], Matrix]) -> Matrix:
        if self.penalty is None:
            return part(self.entropy)
        return np.asarray((1 - self.alpha) * part(self.entropy) + self.alpha * part(self.penalty))


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
    penalty: Any, alpha: Any, labels: NDArray[Any] | None = None, classes: int = 2
) -> SampleLoss:
    """The loss on signed logits, or on K logits per sample.

    For K classes a penalty applies coordinate-wise, sum_k f(z_k), except label smoothing,
    logsumexp(z) - mean(z), and entropy, sum_k p_k log p_k with p = softmax(z). A distribution of
    labels averages the loss over the labels.

    Parameters
    ----------
    penalty, alpha : the loss; alpha is a number, or an array for the last axis of the logits.
    labels : None for signed logits; (n_samples,) codes in 0..K-1 for K logits per sample;
        (n_samples, K) distributions, whose logit for K = 2 is that of class 1 against class 0.
    classes : K.

    Examples
    --------
    >>> sample_loss("quadratic", 0.5).value(np.array([[0.0]]))
    array([0.34657359])
    """
    if labels is None or labels.shape[1:] == (2,):
        entropy = _binary_entropy(None if labels is None else labels[:, 1:])
    else:
        entropy = _entropy_of(np.eye(classes)[labels] if labels.ndim == 1 else labels)
    if np.ndim(alpha) == 0 and alpha == 0:
        return SampleLoss(alpha, entropy, None)
    name = penalty_name(penalty)
    if labels is not None and labels.shape[1:] != (2,) and name in _COUPLED:
        return SampleLoss(alpha, entropy, _COUPLED[name]())
    return SampleLoss(alpha, entropy, _separate(pointwise(penalty, labels)))


def pointwise(penalty: Any, labels: NDArray[Any] | None = None) -> Pointwise:
    """The penalty on single logits: f(z), or for distributions over two classes the average
    p f(z) + (1 - p) f(-z), which is f again where f is even."""
    f = kernel(penalty)
    stiff = bool(f.kinks) or not math.isfinite(f.curvature(0.0))
    if stiff:
        bend = f.curvature
        # Next to zero instead of at zero f'' is finite, if large.
        f = replace(f, curvature=lambda z: bend(np.where(np.abs(z) < _TINY, _TINY, z)))
    if labels is None or labels.shape[1:] != (2,):
        return Pointwise(f.value, f.slope, f.curvature, f.kinks, stiff, f.convex)
    share = labels[:, 1:]

    def mix(function: Callable[[Matrix], Matrix], sign: float) -> Callable[[Matrix], Matrix]:
        def average(z: Matrix) -> Matrix:
            p = _aligned(share, z)
            here, there = function(z), function(-z)
            # An infinite value counts only where the label has a share in the sample.
            return np.asarray(
                p * np.where(p > 0, here, 0) + sign * (1 - p) * np.where(p < 1, there, 0)
            )

        return average

    kinks = tuple(sorted({*f.kinks, *(-point for point in f.kinks)}))
    return Pointwise(mix(f.value, 1), mix(f.slope, -1), mix(f.curvature, 1), kinks, stiff, f.convex)


def _aligned(per_sample: Matrix, logits: Matrix) -> Matrix:
    """(n_samples, n) shaped to broadcast against logits for one alpha or for many."""
    return per_sample.reshape(per_sample.shape + (1,) * (logits.ndim - 2))


def _binary_entropy(share: Matrix | None) -> Terms:
    """log(1 + exp(-z)), averaged over the labels if class 1 has a ``share`` of each sample."""

    def value(z: Matrix) -> Matrix:
        hard = np.maximum(-z, 0) + np.log1p(np.exp(-np.abs(z)))
        soft = hard if share is None else hard + (1 - _aligned(share, z)) * z
        return np.asarray(soft[:, 0])

    def gradient(z: Matrix) -> Matrix:
        if share is None:
            return np.asarray(-expit(-z))
        p = _aligned(share, z)
        return np.asarray((1 - p) * expit(z) - p * expit(-z))

    def curvature(z: Matrix) -> CurvatureProduct:
        diagonal = expit(z) * expit(-z)
        return lambda u: diagonal * u

    return Terms(value, gradient, curvature)


def _entropy_of(labels: Matrix) -> Terms:
    rows, likeliest = np.arange(len(labels)), np.argmax(labels, axis=1)

    def value(z: Matrix) -> Matrix:
        return np.asarray(logsumexp(z, axis=1) - np.sum(_aligned(labels, z) * z, axis=1))

    def gradient(z: Matrix) -> Matrix:
        difference = softmax(z, axis=1) - _aligned(labels, z)
        # They sum to zero: that tells the largest share without cancellation.
        difference[rows, likeliest] = 0
        difference[rows, likeliest] = -np.sum(difference, axis=1)
        return np.asarray(difference)

    return Terms(value, gradient, _softmax_curvature)


def _softmax_curvature(z: Matrix) -> CurvatureProduct:
    p = softmax(z, axis=1)
    return lambda u: p * _deviation(p, u)


def _separate(f: Pointwise) -> Terms:
    def curvature(z: Matrix) -> CurvatureProduct:
        # |z|^p with 1 < p < 2 has infinite curvature at zero: there any large number serves Newton.
        diagonal = np.minimum(f.curvature(z), 1e12)
        return lambda u: diagonal * u

    return Terms(lambda z: np.sum(f.value(z), axis=1), f.slope, curvature, pointwise=f)


def _label_smoothing() -> Terms:
    return Terms(
        lambda z: np.asarray(logsumexp(z, axis=1) - np.mean(z, axis=1)),
        lambda z: np.asarray(softmax(z, axis=1) - 1 / z.shape[1]),
        _softmax_curvature,
    )


def _entropy() -> Terms:
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

    return Terms(value, gradient, curvature)


def _deviation(p: Matrix, u: Matrix) -> Matrix:
    """u minus its mean under p, so that p * deviation = (diag p - p p^T) u."""
    return np.asarray(u - np.sum(p * u, axis=1, keepdims=True))


_COUPLED: dict[str, Callable[[], Terms]] = {
    "label-smoothing": _label_smoothing,
    "entropy": _entropy,
}


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

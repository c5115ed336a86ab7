"""The per-sample loss (1 - alpha) CE + alpha f of labelled samples, and where it sends the logits.

Logits have the shape (n_samples, n_outputs), or (n_samples, n_outputs, n_alphas) for many alphas at
once, one for each last index. The formulas are in :mod:`logitreg.numerics.loss_terms`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from ..errors import AlphaError, NoFiniteTargetError
from .kernels import kernel
from .loss_terms import (
    COUPLED,
    LOGISTIC,
    SIGNED_CROSS_ENTROPY,
    Curvature,
    Logits,
    Signed,
    Term,
    cross_entropy,
    penalised,
    penalised_curvature,
    separate,
)
from .rounding import Matrix
from .targets import target

__all__ = [
    "Pointwise",
    "SampleLoss",
    "check_alpha",
    "is_shift_invariant",
    "penalty_name",
    "pointwise",
    "sample_loss",
    "target_levels",
]

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
class SampleLoss:
    """(1 - alpha) ``entropy`` + alpha ``penalty``; alpha = 0 where there is no penalty.

    Attributes
    ----------
    alpha : a number, or an array that broadcasts with the logits.
    pointwise : the penalty, if it acts on each logit by itself.
    """

    alpha: Any
    entropy: Term
    penalty: Term | None
    pointwise: Pointwise | None = None

    def at(self, logits: Any) -> Logits:
        """The logits with what the methods below compute of them, to be given to several."""
        return logits if isinstance(logits, Logits) else Logits(logits, axis=1)

    def value(self, logits: Any) -> Any:
        """The loss of every sample."""
        at = self.at(logits)
        return at.xp.squeeze(self._sum(lambda term: term.value(at)), axis=1)

    def gradient(self, logits: Any) -> Any:
        """Its gradient in the logits of the sample."""
        at = self.at(logits)
        return self._sum(lambda term: term.gradient(at))

    def curvature(self, logits: Any) -> Curvature:
        """The Hessian of every sample, a function that multiplies arrays of the logits' shape."""
        at = self.at(logits)
        entropy = self.entropy.curvature(at)
        if self.penalty is None:
            return entropy
        return penalised_curvature(self.alpha, entropy, self.penalty.curvature(at))

    def restrict(self, columns: NDArray[np.intp]) -> SampleLoss:
        """The loss for some of the alphas, which are an array for the last axis of the logits."""
        penalty = self.penalty
        if penalty is not None and penalty.restrict is not None:
            penalty = penalty.restrict(columns)
        return replace(self, alpha=self.alpha[columns], penalty=penalty)

    def _sum(self, part: Callable[[Term], Any]) -> Any:
        if self.penalty is None:
            return part(self.entropy)
        return penalised(self.alpha, part(self.entropy), part(self.penalty))


def penalty_name(penalty: Any) -> str:
    """The name by which a penalty is known in the catalogue, or the text of the expression."""
    return penalty if isinstance(penalty, str) else str(getattr(penalty, "name", penalty))


def is_shift_invariant(penalty: Any, alpha: float) -> bool:
    """Whether the K-class loss leaves the common level of a sample's logits free."""
    return alpha == 0 or penalty_name(penalty) in COUPLED


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
            + ("" if number else ": without a penalty the loss has no finite target")
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
    coupled = False
    if labels is None:
        entropy = SIGNED_CROSS_ENTROPY
    elif labels.shape[1:] == (2,):
        entropy = separate(_averaged(LOGISTIC, labels))
    else:
        entropy = cross_entropy(np.eye(classes)[labels] if labels.ndim == 1 else labels, axis=1)
        coupled = penalty_name(penalty) in COUPLED
    if np.ndim(alpha) == 0 and alpha == 0:
        return SampleLoss(alpha, entropy, None)
    if coupled:
        return SampleLoss(alpha, entropy, COUPLED[penalty_name(penalty)])
    f = pointwise(penalty, labels)
    return SampleLoss(alpha, entropy, separate(f), pointwise=f)


def pointwise(penalty: Any, labels: NDArray[Any] | None = None) -> Pointwise:
    """The penalty on single logits: f(z), or for distributions over two classes the average
    p f(z) + (1 - p) f(-z), which is f again where f is even."""
    f = kernel(penalty)
    kinks = f.kinks
    stiff = bool(kinks) or not math.isfinite(f.curvature(0.0))
    if stiff:
        bend = f.curvature
        # Next to zero instead of at zero f'' is finite, if large.
        f = replace(f, curvature=lambda z: bend(np.where(np.abs(z) < _TINY, _TINY, z)))
    if labels is not None and labels.shape[1:] == (2,):
        kinks = tuple(sorted({*kinks, *(-point for point in kinks)}))
    signed = _averaged(Signed(f.value, f.slope, f.curvature), labels)
    return Pointwise(*signed, kinks, stiff, f.convex)


def _averaged(f: Signed, labels: NDArray[Any] | None) -> Signed:
    """p f(z) + (1 - p) f(-z) for labels (n_samples, 2) with shares p of class 1; else f."""
    if labels is None or labels.shape[1:] != (2,):
        return f
    share = labels[:, 1:]

    def mix(function: Callable[[Matrix], Matrix], sign: float) -> Callable[[Matrix], Matrix]:
        def average(z: Matrix) -> Matrix:
            p = share.reshape(share.shape + (1,) * (z.ndim - 2))
            here, there = function(z), function(-z)
            # An infinite value counts only where the label has a share in the sample.
            return np.asarray(
                p * np.where(p > 0, here, 0) + sign * (1 - p) * np.where(p < 1, there, 0)
            )

        return average

    return Signed(mix(f.value, 1), mix(f.slope, -1), mix(f.curvature, 1))


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

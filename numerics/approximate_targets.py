"""Targets to about six digits, for any convex penalty: where certified solvers start."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from ..errors import NoFiniteTargetError
from .kernels import Kernel
from .stationary import SOLVERS

__all__ = ["approximate_logits", "balanced_levels"]

Array = NDArray[np.float64]

_FARTHEST = 1e6
_HALVINGS = 44


def approximate_logits(f: Kernel, alpha: Any, classes: int) -> tuple[Array, Array]:
    """(z_high, z_low) to about six digits, as a start; (z*, 0) for two classes.

    Raises
    ------
    NoFiniteTargetError : the loss falls towards z = infinity, or towards minus infinity.

    Examples
    --------
    >>> from .kernels import kernel
    >>> high, low = approximate_logits(kernel("quadratic"), [0.5], 10)
    >>> (high - low).round(6)
    array([0.471585])
    """
    strength = np.asarray(alpha, dtype=np.float64)
    if f.name in SOLVERS:
        with np.errstate(over="ignore", under="ignore"):
            gap = SOLVERS[f.name](array_namespace(strength), strength, classes, **f.parameters)
        if classes == 2 or f.name in ("label-smoothing", "entropy", "box"):
            return gap, np.zeros_like(gap)
        return balanced_levels(f, gap, classes)
    log_odds = np.log1p(-strength) - np.log(strength)
    _check_sides(f, classes)
    if classes == 2:
        z = _increasing_root(lambda z: f.slope(z) - np.exp(log_odds - np.logaddexp(0, z)), strength)
        return _bounded(f, z), np.zeros_like(z)
    rest = classes - 1

    def surplus(gap: Array) -> Array:
        pull = np.exp(log_odds - np.logaddexp(gap, math.log(rest)))
        return gap - (_slope_inverse(f, rest * pull) - _slope_inverse(f, -pull))

    gap = _increasing_root(surplus, strength)
    pull = np.exp(log_odds - np.logaddexp(gap, math.log(rest)))
    low = _bounded(f, _slope_inverse(f, -pull))
    return _bounded(f, low + gap), low


def _check_sides(f: Kernel, classes: int) -> None:
    """Cross-entropy pulls the true class's logit up and, for K > 2 classes, the others down."""
    slopes = {_FARTHEST: float(f.slope(_FARTHEST))}
    if classes > 2:
        slopes[-_FARTHEST] = -float(f.slope(-_FARTHEST))
    for z, resistance in slopes.items():
        if not resistance > 0:
            raise NoFiniteTargetError(
                f"the penalty {f.name!r} does not hold a logit back at z = {z:g}, so the loss has "
                "no finite minimiser; expected f'(z) > 0 for large z"
                + (" and f'(z) < 0 for very negative z" if classes > 2 else "")
            )


def _bounded(f: Kernel, z: Array) -> Array:
    if np.any(np.abs(z) >= 0.99 * _FARTHEST):
        raise NoFiniteTargetError(
            f"under the penalty {f.name!r} a logit runs to infinity at one of the alpha given; "
            "expected a slope f'(z) that balances the pull of cross-entropy on either side"
        )
    return z


def balanced_levels(f: Kernel, gap: Array, classes: int) -> tuple[Array, Array]:
    """The levels at which the slopes balance, f'(z_high) = -(K - 1) f'(z_low)."""
    low = _increasing_root(lambda z: f.slope(z + gap) + (classes - 1) * f.slope(z), gap)
    return low + gap, low


def _slope_inverse(f: Kernel, slope: Array) -> Array:
    return _increasing_root(lambda z: f.slope(z) - slope, slope)


def _increasing_root(function: Any, like: Array) -> Array:
    """Where an increasing function changes sign, by bisection in asinh(z/s), s = 1e-300."""
    scale = 1e-300
    high = np.full_like(like, math.asinh(_FARTHEST / scale))
    low = -high
    with np.errstate(all="ignore"):
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            positive = function(scale * np.sinh(middle)) > 0
            high = np.where(positive, middle, high)
            low = np.where(positive, low, middle)
    return np.asarray(scale * np.sinh((low + high) / 2))

"""The targets of penalties: the logit, or the gap of logits, that minimises the per-sample loss."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from array_api_compat import array_namespace, is_array_api_obj, is_numpy_array
from numpy.typing import NDArray

from ..errors import AlphaError, NoFiniteTargetError, NotConvexError
from .kernels import Kernel, kernel
from .stationary import SOLVERS
from .target_enclosures import rounded_target

__all__ = ["approximate_logits", "sensitivity", "target"]

Array = NDArray[np.float64]

_BLOCK = 2**14
_FARTHEST = 1e6
_HALVINGS = 44


def target(penalty: Any, alpha: Any, classes: int = 2, **parameters: float) -> Any:
    """The minimiser z* of the per-sample loss (1 - alpha) log(1 + exp(-z)) + alpha f(z).

    Parameters
    ----------
    penalty : a name in the catalogue, an expression in z, or a Penalty.
    alpha : a number or an array of any array-API library, in (0, 1); float32 or float64.
    classes : for K > 2 classes, with the loss (1 - alpha) CE + alpha f(z_1, ..., z_K), the gap
        z_high - z_low between the logit of the true class and the others. An expression f(z) then
        stands for the sum of f(z_k).
    parameters : values of the parameters of a catalogue penalty, such as ``delta=2``.

    Returns
    -------
    A float for a number; an array of alpha's library, shape and dtype for an array. A float64
    result for a catalogue penalty is within two units in the last place of the exact target, and
    for an expression it is the exact target correctly rounded, element by element and therefore
    slowly (about a millisecond each). Only the entropy's target, about 1/alpha, can overflow.

    Raises
    ------
    AlphaError : alpha is not in (0, 1), or NaN.
    NoFiniteTargetError : alpha is 0, or f does not hold the logit back.
    NotConvexError : an expression for which f''(z) < 0 is certain at some z.

    Examples
    --------
    >>> target("quadratic", 0.5)
    0.22232347127832913
    >>> target("label-smoothing", np.array([0.1, 0.2]), classes=10)
    array([4.51085951, 3.71357207])
    >>> target("z^2", 0.5) == target("quadratic", 0.5)
    True
    """
    if not isinstance(classes, int) or classes < 2:
        raise ValueError(f"classes is {classes!r}; expected an integer of at least 2")
    f = kernel(penalty, **parameters)
    if is_array_api_obj(alpha) and not np.isscalar(alpha):
        xp = array_namespace(alpha)
        if not xp.isdtype(alpha.dtype, "real floating"):
            raise AlphaError(f"alpha has dtype {alpha.dtype}; expected a real floating dtype")
        _check(bool(xp.all((alpha > 0) & (alpha < 1))), bool(xp.any(alpha == 0)), alpha)
        return _on_array(f, xp, alpha, classes)
    number = _number(alpha)
    _check(0 < number < 1, number == 0, number)
    return float(_in_blocks(f, np.array([number]), classes)[0])


def _number(alpha: Any) -> float:
    try:
        return float(alpha)
    except (TypeError, ValueError):
        raise AlphaError(f"alpha is {alpha!r}; expected a number or an array in (0, 1)") from None


def _check(inside: bool, zero: bool, alpha: Any) -> None:
    if inside:
        return
    if zero:
        raise NoFiniteTargetError(
            "alpha is 0: cross-entropy alone decreases for ever and has no finite minimiser; "
            "expected 0 < alpha < 1"
        )
    raise AlphaError(f"alpha is {alpha}; expected every strength to lie in (0, 1)")


def _on_array(f: Kernel, xp: Any, alpha: Any, classes: int) -> Any:
    if is_numpy_array(alpha) or f.name not in SOLVERS:
        numbers = np.ascontiguousarray(np.asarray(alpha), dtype=np.float64)
        result = _in_blocks(f, numbers.reshape(-1), classes).reshape(numbers.shape)
        return xp.asarray(result, dtype=alpha.dtype)
    wide = xp.astype(alpha, xp.float64)
    with np.errstate(over="ignore", under="ignore"):
        return xp.astype(SOLVERS[f.name](xp, wide, classes, **f.parameters), alpha.dtype)


def _in_blocks(f: Kernel, alpha: Array, classes: int) -> Array:
    """Blocks that stay in the cache: a solver makes many temporaries of the size of its input."""
    if f.name not in SOLVERS:
        return _certified(f, alpha, classes)
    result = np.empty_like(alpha)
    xp = array_namespace(alpha)
    with np.errstate(over="ignore", under="ignore"):
        for first in range(0, alpha.size, _BLOCK):
            block = slice(first, first + _BLOCK)
            result[block] = SOLVERS[f.name](xp, alpha[block], classes, **f.parameters)
    return result


def _certified(f: Kernel, alpha: Array, classes: int) -> Array:
    if f.concave_at is not None:
        raise NotConvexError(
            f"the penalty {f.name!r} is not convex: at z = {f.concave_at!r} its second derivative "
            "is negative or its slope jumps down; expected a convex f(z)"
        )
    high, low = approximate_logits(f, alpha, classes)
    return np.array(
        [
            rounded_target(f, float(a), classes, (float(h), float(b)))
            for a, h, b in zip(alpha, high, low, strict=True)
        ]
    )


def approximate_logits(f: Kernel, alpha: Any, classes: int) -> tuple[Array, Array]:
    """(z_high, z_low) to about six digits, as a start; (z*, 0) for two classes.

    Raises
    ------
    NoFiniteTargetError : the loss falls towards z = infinity, or towards minus infinity.

    Examples
    --------
    >>> high, low = approximate_logits(kernel("quadratic"), [0.5], 10)
    >>> abs(float(high[0] - low[0]) - target("quadratic", 0.5, classes=10)) < 1e-6
    True
    """
    strength = np.asarray(alpha, dtype=np.float64)
    if f.name in SOLVERS:
        gap = _in_blocks(f, strength, classes)
        if classes == 2 or f.name in ("label-smoothing", "entropy", "box"):
            return gap, np.zeros_like(gap)
        return _split(f, gap, classes)
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


def _split(f: Kernel, gap: Array, classes: int) -> tuple[Array, Array]:
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


def sensitivity(penalty: Any, alpha: float, **parameters: float) -> float:
    """dz*/dalpha for two classes, by the implicit-function theorem; 0 on a kink of f.

    With sigma the logistic function, dz*/dalpha = -sigma(-z*)/(alpha l''(z*)).

    Raises
    ------
    As :func:`target`.

    Examples
    --------
    >>> step = 1e-6
    >>> secant = (target("cosh", 0.3 + step) - target("cosh", 0.3 - step)) / (2 * step)
    >>> abs(sensitivity("cosh", 0.3) / secant - 1) < 1e-8
    True
    """
    f = kernel(penalty, **parameters)
    z = target(f, alpha)
    if z in f.kinks:
        return 0.0
    away = 1 / (1 + math.exp(z))
    curvature = (1 - alpha) * away * (1 - away) + alpha * float(f.curvature(z))
    return -away / (alpha * curvature)

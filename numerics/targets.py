"""The targets of penalties: the logit, or the gap of logits, that minimises the per-sample loss."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device, is_array_api_obj, is_numpy_array
from numpy.typing import NDArray

from ..errors import AlphaError, NoFiniteTargetError, NotConvexError, UnsupportedPenaltyError
from .autodiff import implicit_function
from .host import on_host
from .kernels import Kernel, kernel
from .sensitivity import target_derivative
from .stationary import SOLVERS
from .target_enclosures import rounded_target
from .tracing import is_compiling, is_torch, is_traced

__all__ = ["approximate_logits", "sensitivity", "target", "target_of_array"]

Array = NDArray[np.float64]

_BLOCK = 2**15
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

    JAX and PyTorch differentiate it, by :func:`sensitivity`. The targets of the catalogue work
    under jit, vmap and torch.compile, where alpha outside (0, 1) gives NaN instead of an error and
    a compiler that fuses products with sums may cost a few units more. JAX without float64 gets
    float32 results that are rounded from float64 all the same.

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
    if is_torch(alpha) and is_compiling():
        from .torch_rules import target_in_graph

        return target_in_graph(penalty, alpha, classes, tuple(parameters.items()))
    if is_array_api_obj(alpha) and not np.isscalar(alpha):
        return target_of_array(penalty, alpha, classes, **parameters)
    f = _kernel(penalty, classes, parameters)
    number = _number(alpha)
    _check(number, number)
    return float(_in_blocks(f, np.array([number]), classes)[0])


def _kernel(penalty: Any, classes: int, parameters: Mapping[str, float]) -> Kernel:
    if not isinstance(classes, int) or classes < 2:
        raise ValueError(f"classes is {classes!r}; expected an integer of at least 2")
    return kernel(penalty, **parameters)


def _number(alpha: Any) -> float:
    try:
        return float(alpha)
    except (TypeError, ValueError):
        raise AlphaError(f"alpha is {alpha!r}; expected a number or an array in (0, 1)") from None


def _check(lowest: Any, highest: Any) -> None:
    """Refuse strengths that do not all lie in (0, 1), NaN among them."""
    if lowest > 0 and highest < 1:
        return
    if lowest == 0:
        raise NoFiniteTargetError(
            "alpha is 0: cross-entropy alone decreases for ever and has no finite minimiser; "
            "expected 0 < alpha < 1"
        )
    found = f"{float(lowest)}" if lowest == highest else f"from {lowest} to {highest}"
    raise AlphaError(f"alpha is {found}; expected every strength to lie in (0, 1)")


def target_of_array(penalty: Any, alpha: Any, classes: int = 2, **parameters: float) -> Any:
    """:func:`target` of an array."""
    f = _kernel(penalty, classes, parameters)
    dtype = alpha.dtype
    if not array_namespace(alpha).isdtype(dtype, "real floating"):
        raise AlphaError(f"alpha has dtype {dtype}; expected a real floating dtype")
    return implicit_function(lambda a: _solve(f, a, classes), lambda a, z: _rate(f, a, z, classes))(
        alpha
    )


def _solve(f: Kernel, alpha: Any, classes: int) -> Any:
    xp = array_namespace(alpha)
    traced, known = is_traced(alpha), f.name in SOLVERS
    if not traced and 0 not in alpha.shape:
        _check(float(xp.min(alpha)), float(xp.max(alpha)))
    if traced and not known:
        raise UnsupportedPenaltyError(
            f"the target of {f.name!r} is computed number by number and cannot be traced; expected "
            "a penalty of the catalogue under jit, vmap or torch.compile"
        )
    if not known or (not traced and _in_main_memory(xp, alpha)):
        result = _in_blocks(f, on_host(alpha), classes)
        return xp.asarray(result, dtype=alpha.dtype, device=device(alpha))
    with np.errstate(over="ignore", under="ignore"):
        found = SOLVERS[f.name](xp, xp.astype(alpha, xp.float64), classes, **f.parameters)
    if traced:
        found = xp.where((alpha > 0) & (alpha < 1), found, math.nan)
    return xp.astype(found, alpha.dtype)


def _in_main_memory(xp: Any, array: Any) -> bool:
    """Whether NumPy sees the numbers without a copy, and so without temporaries of their size."""
    if is_torch(array):
        return bool(array.device.type == "cpu" and array.dtype in (xp.float32, xp.float64))
    return bool(is_numpy_array(array))


def _in_blocks(f: Kernel, alpha: NDArray[Any], classes: int) -> NDArray[Any]:
    """Blocks that stay in the cache: a solver makes many temporaries of the size of its input."""
    flat = alpha.reshape(-1)
    result = np.empty_like(flat)
    xp = array_namespace(alpha)
    with np.errstate(over="ignore", under="ignore"):
        for first in range(0, flat.size, _BLOCK):
            block = slice(first, first + _BLOCK)
            wide = flat[block].astype(np.float64, copy=False)
            if f.name in SOLVERS:
                result[block] = SOLVERS[f.name](xp, wide, classes, **f.parameters)
            else:
                result[block] = _certified(f, wide, classes)
    return result.reshape(alpha.shape)


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


def sensitivity(penalty: Any, alpha: Any, classes: int = 2, **parameters: float) -> Any:
    """dz*/dalpha, by the implicit-function theorem; 0 where a kink of f holds the target.

    For K > 2 classes the derivative of the gap z_high - z_low.

    Parameters
    ----------
    penalty, alpha, classes, parameters : as for :func:`target`, whose gradient in JAX and PyTorch
        this is.

    Returns
    -------
    A float for a number; an array of alpha's library, shape and dtype for an array.

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
    f = _kernel(penalty, classes, parameters)
    z = target(f, alpha, classes)
    if isinstance(z, float):
        return float(_rate(f, np.array([_number(alpha)]), np.array([z]), classes)[0])
    return _rate(f, alpha, z, classes)


def _rate(f: Kernel, alpha: Any, gap: Any, classes: int) -> Any:
    low = None
    if classes > 2 and f.inverse_slope is None and f.name not in SOLVERS:
        levels = _split(f, np.asarray(on_host(gap), dtype=np.float64), classes)[1]
        low = array_namespace(gap).asarray(levels, dtype=gap.dtype, device=device(gap))
    with np.errstate(all="ignore"):
        return target_derivative(f, alpha, gap, classes, low)

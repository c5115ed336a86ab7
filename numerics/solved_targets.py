"""Targets and their derivatives, computed: of a number, and of an array of any library.

Compilers of PyTorch do not come here by themselves, see :mod:`.torch_targets`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device, is_numpy_array
from numpy.typing import NDArray

from ..errors import AlphaError, NoFiniteTargetError, NotConvexError, UnsupportedPenaltyError
from .approximate_targets import approximate_logits, balanced_levels
from .autodiff import implicit_function
from .host import on_host
from .kernels import Kernel, kernel
from .sensitivity import target_derivative
from .stationary import SOLVERS
from .target_enclosures import rounded_target
from .tracing import is_torch, is_traced

__all__ = ["as_number", "rate_of_array", "target_of_array", "target_of_number"]

Array = NDArray[np.float64]

_BLOCK = 2**15


def target_of_number(penalty: Any, alpha: Any, classes: int = 2, **parameters: float) -> float:
    """:func:`logitreg.numerics.targets.target` of a number."""
    f = _kernel(penalty, classes, parameters)
    strength = as_number(alpha)
    _check(strength, strength)
    return float(_in_blocks(f, np.array([strength]), classes)[0])


def target_of_array(penalty: Any, alpha: Any, classes: int = 2, **parameters: float) -> Any:
    """:func:`logitreg.numerics.targets.target` of an array."""
    f = _kernel(penalty, classes, parameters)
    dtype = alpha.dtype
    if not array_namespace(alpha).isdtype(dtype, "real floating"):
        raise AlphaError(f"alpha has dtype {dtype}; expected a real floating dtype")
    return implicit_function(
        lambda a: _solve(f, a, classes), lambda a, z: rate_of_array(f, a, z, classes)
    )(alpha)


def as_number(alpha: Any) -> float:
    """alpha as a float."""
    try:
        return float(alpha)
    except (TypeError, ValueError):
        raise AlphaError(
            f"alpha is {alpha!r}; expected a number in (0, 1), or an array such as "
            "numpy.array([...])"
        ) from None


def _kernel(penalty: Any, classes: int, parameters: Mapping[str, float]) -> Kernel:
    if not isinstance(classes, int) or classes < 2:
        raise ValueError(f"classes is {classes!r}; expected an integer of at least 2")
    return kernel(penalty, **parameters)


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


def _check(lowest: Any, highest: Any) -> None:
    """Refuse strengths that do not all lie in (0, 1), NaN among them."""
    if lowest > 0 and highest < 1:
        return
    if lowest == 0:
        raise NoFiniteTargetError(
            "alpha is 0: cross-entropy alone decreases for ever and has no finite minimiser; "
            "expected 0 < alpha < 1"
        )
    # NaN is not equal to itself.
    alone = lowest == highest or (lowest != lowest and highest != highest)
    found = f"{float(lowest)}" if alone else f"from {lowest} to {highest}"
    raise AlphaError(f"alpha is {found}; expected every strength to lie in (0, 1)")


def rate_of_array(f: Kernel, alpha: Any, gap: Any, classes: int) -> Any:
    """dz*/dalpha at the targets ``gap`` of an array."""
    low = None
    if classes > 2 and f.inverse_slope is None and f.name not in SOLVERS:
        levels = balanced_levels(f, np.asarray(on_host(gap), dtype=np.float64), classes)[1]
        low = array_namespace(gap).asarray(levels, dtype=gap.dtype, device=device(gap))
    with np.errstate(all="ignore"):
        return target_derivative(f, alpha, gap, classes, low)

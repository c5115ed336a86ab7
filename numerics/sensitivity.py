"""The derivative of the target in alpha, by the implicit-function theorem.

On two levels, z_high for the true class and z_low for e = K - 1 others, the slopes balance the
pull of cross-entropy: f'(z_high) = e s and -f'(z_low) = s, with s = c/(exp(g) + e),
c = (1 - alpha)/alpha and the gap g = z_high - z_low. Differentiating both in alpha,

    dg/dalpha = -1/(alpha (1 - alpha) (h/s + p)),    1/h = e/f''(z_high) + 1/f''(z_low),

with p = exp(g)/(exp(g) + e). For two classes z is the gap, e = 1 and h = f''(z).
"""

from __future__ import annotations

from typing import Any

from array_api_compat import array_namespace

from .kernels import Kernel

__all__ = ["target_derivative"]


def target_derivative(f: Kernel, alpha: Any, gap: Any, classes: int = 2, low: Any = None) -> Any:
    """dg/dalpha at the target g, and 0 where a kink of f holds it.

    Only operations of the array library are used, so that the result may be differentiated.

    Parameters
    ----------
    f : the penalty.
    alpha, gap : real floating arrays of one shape.
    low : z_low, for K > 2 classes and a penalty that is not of the catalogue.

    Examples
    --------
    >>> import numpy as np
    >>> from .kernels import kernel
    >>> alpha = np.asarray([0.5])
    >>> target_derivative(kernel("label-smoothing"), alpha, np.log((2 - alpha) / alpha))
    array([-2.66666667])
    """
    xp = array_namespace(alpha, gap)
    rest = classes - 1.0
    p = 1 / (1 + rest * xp.exp(-gap))
    if f.name == "entropy":
        # h/s + p, freed of its cancellation by the condition g = c (1 + e exp(-g)).
        return -1 / (alpha * p * (alpha + (1 - alpha) * rest * xp.exp(-gap)))
    if f.name == "label-smoothing" and classes > 2:
        return -1 / (alpha * p)
    # exp(-g) and 1/alpha would leave the range of numbers, their product does not.
    half = xp.exp(-gap / 2)
    s = half * ((1 - alpha) * half / alpha) * p
    h, held = _curvature(xp, f, s, gap, classes, low)
    rate = -1 / (alpha * (1 - alpha) * (h / s + p))
    return xp.where(held, xp.zeros_like(rate), rate)


def _curvature(xp: Any, f: Kernel, s: Any, gap: Any, classes: int, low: Any) -> tuple[Any, Any]:
    """h, and where kinks hold the gap."""
    if classes == 2:
        return f.curvature(gap), _at_kink(xp, f, gap)
    if low is None:
        assert f.inverse_slope is not None
        low = -f.inverse_slope(s)
    high = gap + low
    upper = f.curvature(high)
    low_held = _at_kink(xp, f, low)
    lower = xp.where(low_held, xp.ones_like(low), f.curvature(low))
    bends = classes - 1 + xp.where(low_held, xp.zeros_like(upper), upper / lower)
    return upper / bends, low_held & _at_kink(xp, f, high)


def _at_kink(xp: Any, f: Kernel, z: Any) -> Any:
    held = xp.zeros_like(z, dtype=xp.bool)
    for kink in f.kinks:
        held = held | (z == kink)
    return held

"""Roots of m g (exp(g) + r) = n c and of g = c (1 + r exp(-g)), c = (1 - alpha)/alpha.

The first is a scaled r-Lambert function, the second c + W_0(r c exp(-c)). A start in float32 costs
a third of one in float64 and is right to about 1e-6. One step of Halley's from there gives all
digits, if its residual has them. For this, in the first, the start g has 24 bits, alpha is split
after 24 bits and S = exp(g) + r after 5, so that the product of the three high parts is exact:
beside the result itself, exp(g) alone is rounded. In the second it is c that needs such care.
"""

from __future__ import annotations

import math
from typing import Any

from array_api_compat import is_numpy_array

__all__ = ["entropy_root", "lambert_root"]

_TINY = 2.0**-100
_SPLITTER = 2.0**19 + 1
_FAR = 80.0


def lambert_root(xp: Any, alpha: Any, rest: float, m: float, n: float) -> Any:
    """The g > 0 with m g (exp(g) + rest) = n (1 - alpha)/alpha, for float64 alpha in (0, 1).

    Parameters
    ----------
    rest : a whole number r >= 1.
    m : 1 or 2.
    n : a whole number from 1 to 1 + rest.

    Examples
    --------
    >>> import numpy as np
    >>> g = lambert_root(np, np.asarray([0.1, 1e-200]), 1.0, 2.0, 1.0)
    >>> np.allclose(2 * g * (np.exp(g) + 1), [9, 1e200], rtol=1e-12)
    True
    """
    least = (1 + rest) * _TINY
    tiny = alpha < least
    all_usual = is_numpy_array(alpha) and not tiny.any()
    usual = alpha if all_usual else xp.where(tiny, least, alpha)
    short = xp.astype(usual, xp.float32)
    g, s, bend = _root_in_float32(xp, xp.astype(1 - usual, xp.float32) / short * (n / m), rest)
    g = xp.astype(g, xp.float64)
    if all_usual:
        return _corrected(xp, alpha, short, (g, s, bend), xp.exp(g), rest, m, n)
    tiny_alpha = xp.where(tiny, alpha, least)
    far = xp.astype(_root_of_tiny_in_float32(xp, tiny_alpha, n / m), xp.float64)
    # An exponential in float64 is dear where everything is computed for everyone: one for both.
    grown = xp.exp(xp.where(tiny, far / 2, g))
    near = _corrected(xp, usual, short, (g, s, bend), grown, rest, m, n)
    return xp.where(tiny, _corrected_of_tiny(xp, tiny_alpha, far, grown, n / m), near)


def _corrected(
    xp: Any, alpha: Any, short: Any, root: tuple[Any, Any, Any], grown: Any, *equation: float
) -> Any:
    """The root from that in float32, with grown = exp(g), and alpha rounded to float32."""
    (g, s, bend), (rest, m, n) = root, equation
    spread = s * _SPLITTER
    s_high = xp.astype(spread - (spread - s), xp.float64)
    alpha_high = xp.astype(short, xp.float64)
    s_low = grown - (s_high - rest)
    alpha_low = alpha - alpha_high
    scaled = g * m
    product = s_high * scaled
    pull, pull_low = 1 - alpha_high, alpha_low
    if n != 1:
        pull, pull_low = pull * n, pull_low * n
    residual = (pull - alpha_high * product) - pull_low
    residual = residual - alpha * (s_low * scaled) - alpha_low * product
    slope = alpha * ((scaled + m) * grown + m * rest)
    return g + residual / (slope + residual * xp.astype(bend, xp.float64))


def _root_in_float32(xp: Any, y: Any, rest: float) -> tuple[Any, Any, Any]:
    """The root g of h(g) = g (exp(g) + rest) = y to 1e-6, and exp(g) + rest and h''/(2 h') near it.

    The start is that of Lambert's W for a y that turns from y/(1 + rest) into y. Its constants are
    fitted: for rest = 1 the error is below 0.017, so that one step of Halley's is enough.
    """
    total = 1 + rest
    if rest == 1:
        w = xp.log1p(y - y / (2 + y * 0.75179))
        g = w - w * xp.log1p(w * 1.0513) / (w + 1.86329)
        steps = 1
    else:
        turned = y * (0.54 * rest**-0.43)
        w = xp.log1p(y * ((1 + turned) / (total + turned)))
        g = xp.minimum(w - w * xp.log1p(w) / (w + 2), y / total)
        steps = 1 + math.ceil(math.log10(total) / 3)
    for _ in range(steps):
        grown = xp.exp(g)
        s = grown + rest
        rise = g * grown
        slope = s + rise
        bend = (grown + rise * 0.5) / slope
        residual = y - g * s
        g = g + residual / (slope + residual * bend)
    return g, s, bend


def _root_of_tiny_in_float32(xp: Any, alpha: Any, ratio: float) -> Any:
    """The root where 1 - alpha and exp(g) + rest are 1 and exp(g) to all digits, to 1e-4.

    The series of Lambert's W at infinity. What float32 does not hold is brought into its range.
    """
    lifted, steps = alpha * 2.0**203, 0.0
    for k in (1, 2, 3):
        below = alpha < 2.0 ** (-78 - 249 * k)
        lifted = xp.where(below, alpha * 2.0 ** (203 + 249 * k), lifted)
        steps = xp.astype(below, xp.float32) + steps
    short = xp.astype(lifted, xp.float32)
    log_y = (steps * 249 + 203) * math.log(2) + math.log(ratio) - xp.log(short)
    twice = xp.log(log_y)
    return log_y - twice * (1 - (1 + (twice / 2 - 1) / log_y) / log_y)


def _corrected_of_tiny(xp: Any, alpha: Any, g: Any, half: Any, ratio: float) -> Any:
    """The root from that in float32, half = exp(g/2), by a step of Halley's on log(g exp(g)/y).

    In the logarithm a relative error of exp(g) counts for a part in g only.
    """
    excess = (alpha * half) * half * (g / ratio) - 1
    part = xp.astype(1 / (1 + xp.astype(g, xp.float32)), xp.float64)
    step = (excess - excess * excess * (0.5 - excess / 3)) * (1 - part)
    return g - step * (1 - step * (part * part / 2))


def entropy_root(xp: Any, alpha: Any, rest: float) -> Any:
    """The g > 0 with g = c (1 + rest exp(-g)), c = (1 - alpha)/alpha, for float64 alpha in (0, 1).

    Parameters
    ----------
    rest : a whole number r >= 1.

    Examples
    --------
    >>> import numpy as np
    >>> g = entropy_root(np, np.asarray([0.1, 0.5]), 1.0)
    >>> np.allclose(g, [9, 1] * (1 + np.exp(-g)), rtol=1e-12)
    True
    """
    rounded = 1 - alpha
    c = rounded / alpha
    # Beyond this c alone is left: 80 exp(-80) is far below its last bit.
    near = xp.clip(c, max=_FAR)
    short = xp.astype(near, xp.float32)
    w = _product_log_in_float32(xp, short * xp.exp(-short) * rest, rest)
    g = near + xp.astype(w, xp.float64)
    # What division has rounded away, with the product of the two high parts exact.
    high = xp.astype(short, xp.float64)
    alpha_high = xp.astype(xp.astype(alpha, xp.float32), xp.float64)
    lost = (rounded - high * alpha_high) - (near - high) * alpha_high - near * (alpha - alpha_high)
    lost = (xp.where(c < _FAR, lost, 0.0) + ((1 - rounded) - alpha)) / alpha
    pull = near * xp.exp(-g)
    if rest != 1:
        pull = pull * rest
    excess = g - near
    residual = (excess - pull) - lost * (1 + pull / near)
    slope = 1 + pull
    step = residual / (slope + residual * pull / (2 * slope))
    return c + (excess - step)


def _product_log_in_float32(xp: Any, y: Any, rest: float) -> Any:
    """Lambert's W_0 at y in (0, rest/e], to 1e-6."""
    if rest == 1:
        # Fitted: the relative error is below 5e-7 up to 1/e.
        return y * ((y * 0.16601103 + 1.616993) * y + 1) / ((y * 1.28523265 + 2.6169164) * y + 1)
    x = xp.log1p(y)
    w = x * (1 - xp.log1p(x) / (2 + x))
    for _ in range(2):
        grown = xp.exp(w)
        excess = w * grown - y
        w = w - excess / (grown * (w + 1) - excess * (w + 2) / (2 * w + 2))
    return w

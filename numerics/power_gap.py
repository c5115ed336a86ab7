"""The target of |z|^p, g^q (exp(g) + e) = e c (1 + e^(-1/q))^q/p with q = p - 1 and e = K - 1.

Halley's steps on the logarithm, in float32 where the root cannot underflow there; then one in
float64, with the power of g in double-double arithmetic.
"""

from __future__ import annotations

import math
from typing import Any

import mpmath

from .doubledouble import Pair, divide, multiply, one_minus, scaled, two_sum
from .single_logit import expm1_shifted

__all__ = ["power_gap"]

_LIFT = 2.0**600
_LARGEST_POWER = 500.0


def power_gap(xp: Any, alpha: Any, classes: int, p: float) -> Any:
    """The target gap of |z|^p for p > 1.

    Examples
    --------
    >>> import numpy as np
    >>> g = power_gap(np, np.asarray([0.1]), 2, 3.0)
    >>> np.allclose(3 * g**2 * (np.exp(g) + 1), 9, rtol=1e-12)
    True
    """
    if p > _LARGEST_POWER:
        raise ValueError(f"p is {p}; expected at most {_LARGEST_POWER:g} for targets in float64")
    order, rest, total = p - 1, classes - 1.0, float(classes)
    inverse = divide(Pair(1.0, 0.0), two_sum(p, -1.0))
    right = multiply(one_minus(alpha), _power_factor(classes, p))
    log_y = xp.log(right.high) - xp.log(alpha)
    # Roots of a large order are of moderate size: a start in single precision is good to 1e-6.
    if order >= 1:
        g = _power_root(xp, xp.astype(log_y, xp.float32), order, rest, 3)
        g = xp.astype(g, xp.float64)
    else:
        g = _power_root(xp, log_y, order, rest, 5)
    zero = g == 0
    g = xp.where(zero, 1.0, g)
    weight, grown = expm1_shifted(xp, alpha, g)
    # v = g^q as a double-double gives g = v^(1/q), whose error Newton's step reduces. Where v
    # could overflow, it is made 2^600 times smaller and its root 2^(600/q) times larger.
    lifted = (alpha < 1 / _LIFT) & (order > 1)
    weight = xp.where(lifted, weight * _LIFT, weight)
    lift = scaled(inverse, 600.0)
    v = divide(right, multiply(two_sum(grown, total), Pair(weight, 0.0)))
    change = inverse.high * (v.low / v.high)
    if inverse.low:
        change = change + inverse.low * xp.log(v.high)
    ones = xp.ones_like(alpha)
    change = change + xp.where(lifted, lift.low * math.log(2) * ones, 0.0)
    image = xp.sqrt(v.high) if order == 2 else v.high**inverse.high
    image = image * xp.where(lifted, 2.0 ** min(lift.high, 600.0) * ones, 1.0)
    share = (grown + 1) / (grown + total)
    excess = ((image - g) + image * change) / g
    slope = order + g * share
    step = order * xp.log1p(excess) / slope
    # Halley's step on log(g^order (exp(g) + rest)), nearly linear in g where g is large.
    step = step * (1 - step * ((1 - share) * share * g * g - order) / (2 * slope))
    return xp.where(zero, 0.0, g + g * step)


def _power_root(xp: Any, log_y: Any, order: float, rest: float, steps: int) -> Any:
    """The g with g^order (exp(g) + rest) = y by Halley's steps in log g; 0 if g underflows."""
    g = _start(xp, log_y, order, rest)
    zero = g == 0
    g = xp.where(zero, xp.ones_like(g), g)
    for _ in range(steps):
        near = xp.clip(g, max=40.0)
        grown = xp.exp(near)
        share = grown / (grown + rest)
        slope = order + g * share
        bend = g * share * (1 + g * (1 - share))
        step = order * xp.log(g) + xp.log(grown + rest) + (g - near) - log_y
        step = -step / (slope - step * bend / (2 * slope))
        g = g * xp.exp(xp.clip(step, min=-2.0, max=2.0))
        g = xp.clip(g, min=float(xp.finfo(g.dtype).smallest_normal))
    return xp.where(zero, xp.zeros_like(g), g)


def _power_factor(classes: int, p: float) -> Pair:
    """e (1 + b/a)^q/p with b/a = e^(-1/q), zero for two classes, where f acts on one logit."""
    with mpmath.workprec(160):
        exact = mpmath.mpf(classes - 1) / p
        if classes > 2:
            order = mpmath.mpf(p) - 1
            exact *= (1 + mpmath.mpf(classes - 1) ** (-1 / order)) ** order
        return Pair(float(exact), float(exact - float(exact)))


def _start(xp: Any, log_y: Any, order: float, rest: float) -> Any:
    """An approximation of the g with g^order (exp(g) + rest) = y."""
    linear = xp.exp(xp.clip((log_y - math.log1p(rest)) / order, max=709.0))
    x = log_y / order - math.log(order)
    w = xp.clip(x, min=0.0) + xp.log1p(xp.exp(-xp.abs(x)))
    lambert = order * w * (1 - xp.log1p(w) / (2 + w))
    return xp.minimum(linear, lambert)

"""The target of a penalty on one logit, f'(a) (exp(a) + 1) = c with c = (1 - alpha)/alpha.

Halley's steps on the logarithm of both sides: two in float32 lead to about 1e-6, and one in float64
from there to all digits, with a residual in double-double arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .doubledouble import Pair, add, multiply, negate, one_minus, two_sum

__all__ = ["FAR", "NEAR", "SHIFT", "expm1_shifted", "saturating_start", "single_logit"]

FAR, SHIFT = 512.0, 128.0
NEAR = 40.0

Bends = Callable[[Any, Any], tuple[Any, Any, Any]]
"""(a, min(a, 40)) -> f', l = a f''/f' and a dl/da; f' at the second if it grows exponentially."""

Quotient = Callable[[Any, Any], tuple[Pair, Pair | None]]
"""(a, exp(a) - 1) -> numerator and denominator of f'(a), None for one."""


def expm1_shifted(xp: Any, alpha: Any, g: Any) -> tuple[Any, Any]:
    """(weight, E) with weight E = alpha (exp(g) - 1), neither of which overflows.

    Beyond g = 512 a factor exp(128) moves from the one to the other. There what is added to
    E, less than exp(128) times too heavy, is below the last bit all the same.
    """
    far = g > FAR
    weight = xp.where(far, alpha * math.exp(SHIFT), alpha)
    return weight, xp.expm1(xp.where(far, g - SHIFT, g))


def single_logit(
    xp: Any, alpha: Any, start: Any, bends: Bends, exact: Quotient, growth: int
) -> Any:
    """The a with f'(a) (exp(a) + 1) = c, by Halley's steps on the logarithm, in float32 but for the
    last.

    Parameters
    ----------
    start : (y, rest of log y) -> a to a tenth or so; y = exp(min(log c, 40)).
    growth : 1 if f' grows as exp(a), 0 if it is bounded.
    """
    right = one_minus(alpha)
    log_y = xp.astype(xp.log(right.high) - xp.log(alpha), xp.float32)
    capped = xp.clip(log_y, max=NEAR)
    a = start(xp.exp(capped), log_y - capped)
    for _ in range(2):
        near = xp.clip(a, max=NEAR)
        grown = xp.exp(near)
        slope, bend, turn = bends(a, near)
        excess = xp.log(slope * (grown + 1)) + (a - near) * (1 + growth) - log_y
        a = a * xp.clip(1 + _halley(a, grown / (grown + 1), bend, turn, -excess), min=0.1)
    a = xp.astype(a, xp.float64)
    weight, grown = expm1_shifted(xp, alpha, a)
    numerator, denominator = exact(a, grown)
    left = multiply(multiply(two_sum(grown, 2.0), Pair(weight, 0.0)), numerator)
    right = right if denominator is None else multiply(right, denominator)
    residual = add(right, negate(left)).high / right.high
    _, bend, turn = bends(a, xp.clip(a, max=NEAR))
    # Minus log(1 - residual), the residual being about 1e-5 or less.
    wanted = residual * (1 + residual * (0.5 + residual / 3))
    return a + a * _halley(a, (grown + 1) / (grown + 2), bend, turn, wanted)


def _halley(a: Any, share: Any, bend: Any, turn: Any, wanted: Any) -> Any:
    """The relative change of a by which log(f'(a) (exp(a) + 1)) grows as wanted."""
    pull = a * share
    rise = bend + pull
    step = wanted / rise
    return step * (1 - step * (turn - bend + pull * (a - pull)) / (2 * rise))


def saturating_start(xp: Any) -> Callable[[Any, Any], Any]:
    return lambda y, rest: xp.log1p(y * ((0.5 + y) / (1 + y))) + rest

"""Unevaluated sums of two float64 arrays, with about 106 bits: error-free transformations.

Every function uses only +, -, *, / and so works on the arrays of any library and on floats. The
sources are Dekker, Numer. Math. 18 (1971), and Knuth, The Art of Computer Programming, vol. 2.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

__all__ = [
    "Pair",
    "add",
    "divide",
    "multiply",
    "negate",
    "one_minus",
    "scaled",
    "square_root",
    "two_prod",
    "two_sum",
]

_SPLITTER = 2.0**27 + 1


class Pair(NamedTuple):
    """The number high + low, |low| at most an ulp of high."""

    high: Any
    low: Any


def two_sum(a: Any, b: Any) -> Pair:
    """a + b exactly.

    >>> two_sum(1.0, 1e-30)
    Pair(high=1.0, low=1e-30)
    """
    total = a + b
    of_b = total - a
    return Pair(total, (a - (total - of_b)) + (b - of_b))


def _renormalised(high: Any, low: Any) -> Pair:
    total = high + low
    return Pair(total, low - (total - high))


def two_prod(a: Any, b: Any) -> Pair:
    """a b exactly, while neither 2^27 a, 2^27 b nor the low part leaves the range of float64.

    >>> two_prod(1 + 2.0**-30, 1 + 2.0**-30).low == 2.0**-60
    True
    """
    product = a * b
    spread = _SPLITTER * a
    a_high = spread - (spread - a)
    a_low = a - a_high
    spread = _SPLITTER * b
    b_high = spread - (spread - b)
    b_low = b - b_high
    low = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
    return Pair(product, low)


def add(x: Pair, y: Pair) -> Pair:
    """x + y, with a relative error of a few 2^-106 where the two have one sign."""
    high, low = two_sum(x.high, y.high)
    return _renormalised(high, low + (x.low + y.low))


def negate(x: Pair) -> Pair:
    """-x."""
    return Pair(-x.high, -x.low)


def multiply(x: Pair, y: Pair) -> Pair:
    """x y, with a relative error of a few 2^-106."""
    high, low = two_prod(x.high, y.high)
    return _renormalised(high, low + (x.high * y.low + x.low * y.high))


def divide(x: Pair, y: Pair) -> Pair:
    """x / y, with a relative error of a few 2^-106."""
    quotient = x.high / y.high
    high, low = two_prod(quotient, y.high)
    rest = ((x.high - high) - low) + (x.low - quotient * y.low)
    return _renormalised(quotient, rest / y.high)


def square_root(x: Pair, root_of_high: Any) -> Pair:
    """The square root of x > 0, given that of its high part to float64 precision."""
    high, low = two_prod(root_of_high, root_of_high)
    rest = ((x.high - high) - low) + x.low
    return _renormalised(root_of_high, rest / (2 * root_of_high))


def one_minus(x: Any) -> Pair:
    """1 - x exactly."""
    return two_sum(1.0, -x)


def scaled(x: Pair, factor: float) -> Pair:
    """x times a number; exact for a power of two."""
    if math.frexp(factor)[0] == 0.5:
        return Pair(x.high * factor, x.low * factor)
    return multiply(x, Pair(factor, 0.0))

"""Witnesses at rational points: where an expression has a sign that ball arithmetic certifies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import chain, islice

from flint import arb
from sympy import Expr, Interval, Rational, Symbol, oo, simplify

from ..numerics.balls import BallFunction, ball, ball_function, precision
from .smt import admits
from .subdivision import BITS, Domain

__all__ = ["first_nonzero", "first_witness", "sign_at", "tell", "values_on"]

_MAX_POINTS = 600

_Values = Iterable[tuple[dict[Symbol, Rational], arb]]


def sign_at(expression: Expr, point: Mapping[Symbol, Rational]) -> int:
    """The certified sign of the expression at a rational point, or 0 where none is certified.

    >>> z = Symbol("z", real=True)
    >>> sign_at(z**2 - 2, {z: Rational(1)}), sign_at(z**2 - 1, {z: Rational(1)})
    (-1, 0)
    """
    try:
        function = ball_function(expression, *point)
    except TypeError:
        return 0
    return _sign_of(_value_at(function, point))


def values_on(expression: Expr, domain: Domain) -> Iterator[tuple[dict[Symbol, Rational], arb]]:
    """Points of the domain and the enclosures there; none for a function without enclosure."""
    try:
        function = ball_function(expression, *domain)
    except TypeError:
        return
    for point in _rational_points(domain):
        yield point, _value_at(function, point)


def first_nonzero(values: _Values, expression: Expr) -> str | None:
    """The first of the points at which the expression is certified not to be zero."""
    return next((tell(expression, point) for point, value in values if _sign_of(value)), None)


def first_witness(values: _Values, expression: Expr, strict: bool) -> str | None:
    """The first of the points at which the expression is not positive, or is negative."""
    for point, value in values:
        vanishes = strict and value.is_finite() and value.contains(0)
        if value < 0 or (vanishes and simplify(expression.subs(point)) == 0):
            return tell(expression, point)
    return None


def tell(expression: Expr, point: Mapping[Symbol, Rational]) -> str:
    """The point and the value there, as the ledger shows a witness."""
    where = ", ".join(f"{symbol} = {value}" for symbol, value in point.items())
    value = expression.subs(point)
    exact = value if value.is_Rational else f"{str(value.evalf(16))[:17]}..."
    return f"{where} gives {exact}" if point else f"it is {exact}"


def _value_at(function: BallFunction, point: Mapping[Symbol, Rational]) -> arb:
    for bits in (BITS, 4 * BITS):
        with precision(bits):
            value = function(*map(ball, point.values()))
            if _sign_of(value):
                break
    return value


def _sign_of(value: arb) -> int:
    return int(value > 0) - int(value < 0)


def _rational_points(domain: Domain) -> Iterator[dict[Symbol, Rational]]:
    """Points of the domain, tame ones first."""
    choices = [
        [v for v in _numbers_in(interval) if admits(symbol, v)]
        for symbol, interval in domain.items()
    ]
    sizes = [len(c) for c in choices]
    steps = (_indices(sizes, total) for total in range(sum(sizes) + 1))
    for index in islice(chain.from_iterable(steps), _MAX_POINTS):
        yield {s: c[i] for s, c, i in zip(domain, choices, index, strict=True)}


@cache
def _numbers_in(interval: Interval) -> tuple[Rational, ...]:
    """Rational numbers in an interval, tame ones first."""
    ladder = [0, 1, 2, 3, 5, 8, 20, *(Rational(1, n) for n in (2, 3, 10, 1000))]
    numbers = [Rational(v) for v in ladder] + [-Rational(v) for v in ladder if v]
    if interval.inf.is_finite and interval.sup.is_finite:
        span = interval.sup - interval.inf
        between = (interval.inf + span * Rational(i, 16) for i in (8, 1, 15, 4, 12))
        numbers += [v for v in between if v.is_Rational]
    return tuple(v for v in dict.fromkeys(numbers) if _is_in(interval, v))


def _is_in(interval: Interval, number: Rational) -> bool:
    """Exact for rational ends, certified for others."""
    to_the_ends = (
        (number - interval.inf, interval.left_open),
        (interval.sup - number, interval.right_open),
    )
    return all(
        distance == oo or sign_at(distance, {}) > 0 or (distance == 0 and not is_open)
        for distance, is_open in to_the_ends
    )


def _indices(sizes: Sequence[int], total: int) -> Iterator[tuple[int, ...]]:
    """The indices into sequences of these sizes that sum to a total.

    >>> list(_indices([2, 3], 2))
    [(0, 2), (1, 1)]
    """
    if not sizes:
        yield from [()] if total == 0 else []
        return
    for first in range(min(sizes[0], total + 1)):
        for rest in _indices(sizes[1:], total - first):
            yield (first, *rest)

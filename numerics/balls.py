"""SymPy expressions as functions of Arb balls: rigorous enclosures of their range.

Where the expression is not a finite real number on the whole of a ball the enclosure is not finite,
so that no comparison with it holds. The expression is read through its ``func`` and ``args`` only,
so that SymPy is not imported here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import reduce
from operator import add, mul
from typing import Any

from flint import arb, ctx, fmpq

__all__ = ["BallFunction", "ball", "ball_function", "hull", "precision"]

BallFunction = Callable[..., arb]


@contextmanager
def precision(bits: int) -> Iterator[None]:
    """Arb's working precision within the block."""
    before = ctx.prec
    ctx.prec = bits
    try:
        yield
    finally:
        ctx.prec = before


def ball(number: Any) -> arb:
    """The number as a ball: exact for int, float and ball, enclosed for a rational.

    >>> ball(0.5)
    0.500000000000000
    """
    if isinstance(number, (arb, int, float)):
        return arb(number)
    return arb(fmpq(int(number.p), int(number.q)))


def hull(low: arb, high: arb) -> arb:
    """The smallest ball that contains both.

    >>> 1.5 in hull(arb(1), arb(2))
    True
    """
    return low.union(high)


def _absolute(x: arb) -> arb:
    """|x|: ``abs`` of a ball around zero would reach as far below zero as above."""
    if not x.contains(0):
        return abs(x)
    top = x.abs_upper()
    return arb(top / 2, top / 2)


def _even_power(x: arb, n: int) -> arb:
    return hull(x.abs_lower() ** n, x.abs_upper() ** n)


def _power(base: arb, exponent: Any) -> arb:
    if exponent.is_Integer:
        n = int(exponent)
        positive = _even_power(base, abs(n)) if n % 2 == 0 else base ** abs(n)
        return 1 / positive if n < 0 else positive
    if exponent.q == 2:
        root = base.sqrt() ** abs(int(exponent.p))
        return 1 / root if exponent.p < 0 else root
    if base.contains(0) and base >= 0 and exponent > 0:
        return hull(arb(0), arb(base.upper()) ** ball(exponent))
    return base ** ball(exponent)


def _tanh(x: arb) -> arb:
    """tanh is increasing, so its range on a wide ball is spanned by the endpoints."""
    return hull(arb(x.lower()).tanh(), arb(x.upper()).tanh())


def _increasing(name: str) -> Callable[[arb], arb]:
    def image(x: arb) -> arb:
        return hull(getattr(arb(x.lower()), name)(), getattr(arb(x.upper()), name)())

    return image


def _cosh(x: arb) -> arb:
    """cosh increases with |x|; Arb's own range on a wide ball is far too wide."""
    return hull(x.abs_lower().cosh(), x.abs_upper().cosh())


_ONE_ARGUMENT: dict[str, Callable[[arb], arb]] = {
    "exp": _increasing("exp"),
    "log": lambda x: x.log(),
    "sinh": _increasing("sinh"),
    "cosh": _cosh,
    "tanh": _tanh,
    "sech": lambda x: 1 / _cosh(x),
    "coth": lambda x: 1 / _tanh(x),
    "csch": lambda x: 1 / _increasing("sinh")(x),
    "asinh": _increasing("asinh"),
    "atan": _increasing("atan"),
    "erf": lambda x: x.erf(),
    "cos": lambda x: x.cos(),
    "sin": lambda x: x.sin(),
    "acos": lambda x: x.acos(),
    "LambertW": lambda x: x.lambertw(),
    "Abs": _absolute,
}


def _minimum(x: arb, y: arb) -> arb:
    return -_maximum(-x, -y)


def _maximum(x: arb, y: arb) -> arb:
    if x.is_nan() or y.is_nan():
        return arb("nan")
    if x > y or y > x:
        return x if x > y else y
    return hull(_larger(x.lower(), y.lower()), _larger(x.upper(), y.upper()))


def _larger(x: arb, y: arb) -> arb:
    return x if x > y else y


def _sign(x: arb) -> arb:
    if x > 0:
        return arb(1)
    if x < 0:
        return arb(-1)
    if x.is_nan():
        return x
    return arb(0) if x == 0 else arb(0, 1)


def _r_lambert(r: arb, y: arb) -> arb:
    """w (e^w + r) = y, enclosed between two points by the sign of the residual.

    Balls around zero reach a little below it. Where r > -1/4 and y > -1/8 the left side increases
    on w > -1/2, from below -1/8, so that there is one solution on w > -1/2; it increases with y,
    and with r it moves towards zero.
    """
    if not (r > -0.25 and y > -0.125 and r.is_finite() and y.is_finite()):
        return arb("nan")
    bottom, top = y.lower(), y.upper()
    low = _r_lambert_bound(r.upper() if bottom >= 0 else r.lower(), bottom, -1)
    high = _r_lambert_bound(r.lower() if top >= 0 else r.upper(), top, 1)
    return hull(low, high)


def _r_lambert_bound(r: arb, y: arb, side: int) -> arb:
    """A number below (side = -1) or above (side = 1) the solution for exact r and y."""
    if y == 0:
        return arb(0)
    x = arb((1 + y / (1 + r)).log().mid())
    for _ in range(_NEWTON_STEPS):
        e = x.exp()
        step = (x * (e + r) - y) / (e * (1 + x) + r)
        x = arb((x - step).mid())
        if abs(step) < abs(x) * arb(2) ** (-ctx.prec // 2):
            break
    x = arb((x - (x * (x.exp() + r) - y) / (x.exp() * (1 + x) + r)).mid())
    slack = arb(abs(x).upper()) * arb(2) ** (8 - ctx.prec) + arb(2) ** -1400
    for _ in range(_WIDENINGS):
        candidate = arb((x + side * slack).mid())
        residual = side * (candidate * (candidate.exp() + r) - y)
        if candidate > -0.5 and residual > 0:
            return candidate
        slack *= 4
    return arb("nan")


_NEWTON_STEPS = 200
_WIDENINGS = 100


def _logistic_pair(factors: tuple[Any, ...]) -> tuple[Any, Any] | None:
    """e^w and (1 + e^w)^-2, whose product 1/(2 + 2 cosh w) has a far narrower range."""
    for factor in factors:
        if factor.func.__name__ == "exp" and (square := (1 + factor) ** -2) in factors:
            return factor, square
    return None


def ball_function(expression: Any, *symbols: Any) -> BallFunction:
    """The expression as a function of balls, one for each symbol, in that order.

    The value contains f(x) for every x in the arguments' balls; it is not finite where f is not
    defined on all of them (Piecewise without a branch, the logarithm of a ball that reaches below
    zero, a quotient by a ball around zero).

    Raises
    ------
    TypeError : the expression holds a function that has no enclosure here.

    Examples
    --------
    >>> from sympy import Symbol, tanh
    >>> z = Symbol("z", real=True)
    >>> ball_function(tanh(z) + z**2, z)(arb(1))
    [1.76159415595576 +/- 5.08e-15]
    """
    position = {symbol: i for i, symbol in enumerate(symbols)}

    def build(node: Any) -> BallFunction:
        if node in position:
            i = position[node]
            return lambda *x: x[i]
        kind = node.func.__name__
        if node.is_Rational:
            # The ball is made at call time, at the precision that is then in force.
            return lambda *x: ball(node)
        if kind in ("Pi", "Exp1"):
            return lambda *x: arb.pi() if kind == "Pi" else arb(1).exp()
        if kind == "Pow" and node.args[1].is_Rational:
            base, exponent = build(node.args[0]), node.args[1]
            return lambda *x: _power(base(*x), exponent)
        if kind == "Piecewise":
            return _piecewise([(build(value), condition) for value, condition in node.args])
        if kind == "Mul" and (pair := _logistic_pair(node.args)):
            rest = [build(argument) for argument in node.args if argument not in pair]
            exponent = build(pair[0].args[0])
            return lambda *x: reduce(
                mul, (part(*x) for part in rest), 1 / (2 + 2 * _cosh(exponent(*x)))
            )
        parts = [build(argument) for argument in node.args]
        if kind in ("Add", "Mul"):
            combine = add if kind == "Add" else mul
            return lambda *x: reduce(combine, (part(*x) for part in parts))
        if kind == "Pow":
            return lambda *x: (parts[1](*x) * parts[0](*x).log()).exp()
        if kind in _ONE_ARGUMENT and len(parts) == 1:
            image = _ONE_ARGUMENT[kind]
            return lambda *x: image(parts[0](*x))
        if kind in ("Min", "Max"):
            choose = _minimum if kind == "Min" else _maximum
            return lambda *x: reduce(choose, (part(*x) for part in parts))
        if kind == "sign":
            return lambda *x: _sign(parts[0](*x))
        if kind == "RLambertW":
            return lambda *x: _r_lambert(parts[0](*x), parts[1](*x))
        raise TypeError(f"no enclosure for {kind} in {node}")

    def _piecewise(branches: list[tuple[BallFunction, Any]]) -> BallFunction:
        tests = [(value, _truth(condition, build)) for value, condition in branches]

        def image(*x: arb) -> arb:
            result: arb | None = None
            for value, test in tests:
                holds = test(*x)
                if holds is False:
                    continue
                result = value(*x) if result is None else hull(result, value(*x))
                if holds:
                    return result
            return arb("nan")

        return image

    return build(expression)


def _truth(condition: Any, build: Callable[[Any], BallFunction]) -> Callable[..., bool | None]:
    """The condition on balls: True or False where it is decided for the whole ball, else None."""
    kind = condition.func.__name__
    if kind in ("BooleanTrue", "BooleanFalse"):
        return lambda *x: kind == "BooleanTrue"
    if kind in _CONNECTIVES:
        parts = [_truth(part, build) for part in condition.args]
        return lambda *x: _CONNECTIVES[kind]([part(*x) for part in parts])
    if kind not in ("LessThan", "StrictLessThan", "GreaterThan", "StrictGreaterThan"):
        raise TypeError(f"no enclosure for the condition {condition}")
    left, right = build(condition.args[0]), build(condition.args[1])
    strict = kind.startswith("Strict")

    def decide(*x: arb) -> bool | None:
        a, b = left(*x), right(*x)
        if kind.endswith("LessThan"):
            a, b = b, a
        if (a > b) if strict else (a >= b):
            return True
        if (a <= b) if strict else (a < b):
            return False
        return None

    return decide


def _all(truths: list[bool | None]) -> bool | None:
    if False in truths:
        return False
    return None if None in truths else True


def _negated(truth: bool | None) -> bool | None:
    return None if truth is None else not truth


def _chosen(test: bool | None, one: bool | None, other: bool | None) -> bool | None:
    if test is None:
        return one if one == other else None
    return one if test else other


_CONNECTIVES: dict[str, Callable[[list[bool | None]], bool | None]] = {
    "And": _all,
    "Or": lambda truths: _negated(_all([_negated(truth) for truth in truths])),
    "Not": lambda truths: _negated(truths[0]),
    "ITE": lambda truths: _chosen(*truths),
}

"""SymPy expressions as functions of Arb balls: rigorous enclosures of their range.

The expression is read through its ``func`` and ``args`` only, so that SymPy is not imported here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import reduce
from operator import add, mul
from typing import Any

from flint import arb, ctx, fmpq

__all__ = ["ball", "ball_function", "hull", "precision"]

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
    """|x| with the exact range: ``abs`` of a ball around zero would reach below zero."""
    if not x.contains(0):
        return abs(x)
    top = x.abs_upper()
    return arb(top / 2, top / 2)


def _square(x: arb) -> arb:
    return _absolute(x) * _absolute(x)


def _power(base: arb, exponent: Any) -> arb:
    if exponent.is_Integer:
        n = int(exponent)
        positive = _square(base) ** (abs(n) // 2) if n % 2 == 0 else base ** abs(n)
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
    return arb(_absolute(x).cosh()) if not x.contains(0) else hull(arb(1), x.abs_upper().cosh())


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
    return hull(arb(min(x.lower(), y.lower())), arb(min(x.upper(), y.upper())))


def _maximum(x: arb, y: arb) -> arb:
    return hull(arb(max(x.lower(), y.lower())), arb(max(x.upper(), y.upper())))


def _sign(x: arb) -> arb:
    if x > 0:
        return arb(1)
    if x < 0:
        return arb(-1)
    return arb(0) if x == 0 else arb(0, 1)


def _r_lambert(r: arb, y: arb) -> arb:
    """w (e^w + r) = y for r, y >= 0, enclosed between two points by the sign of the residual."""
    return hull(
        _r_lambert_point(r.upper(), y.lower(), -1), _r_lambert_point(r.lower(), y.upper(), 1)
    )


def _r_lambert_point(r: arb, y: arb, side: int) -> arb:
    if y == 0:
        return arb(0)
    w = float((1 + y / (1 + r)).log())
    for _ in range(60):
        e = arb(w).exp()
        step = float(((arb(w) * (e + r) - y) / (e * (1 + arb(w)) + r)).mid())
        w -= step
        if abs(step) <= 1e-15 * abs(w):
            break
    x = arb(w)
    for _ in range(8):
        x = arb((x - (x * (x.exp() + r) - y) / (x.exp() * (1 + x) + r)).mid())
    slack = arb(abs(x).upper()) * arb(2) ** (8 - ctx.prec) + arb(2) ** -1400
    while True:
        candidate = arb((x + side * slack).mid())
        residual = candidate * (candidate.exp() + r) - y
        if (residual > 0) if side > 0 else (residual < 0 or candidate <= 0):
            return candidate
        slack *= 4


def ball_function(expression: Any, *symbols: Any) -> BallFunction:
    """The expression as a function of balls, one for each symbol, in that order.

    The value contains f(x) for every x in the arguments' balls.

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
                    break
            assert result is not None
            return result

        return image

    return build(expression)


def _truth(condition: Any, build: Callable[[Any], BallFunction]) -> Callable[..., bool | None]:
    """The condition on balls: True or False where it is decided for the whole ball, else None."""
    kind = condition.func.__name__
    if kind == "BooleanTrue":
        return lambda *x: True
    left, right = build(condition.args[0]), build(condition.args[1])

    def decide(*x: arb) -> bool | None:
        a, b = left(*x), right(*x)
        if kind in ("LessThan", "StrictLessThan"):
            a, b = b, a
        if a > b:
            return True
        if a < b:
            return False
        if a == b and kind in ("LessThan", "GreaterThan"):
            return True
        return None

    if kind not in ("LessThan", "StrictLessThan", "GreaterThan", "StrictGreaterThan"):
        raise TypeError(f"no enclosure for the condition {condition}")
    return decide

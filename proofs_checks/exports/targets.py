"""The targets as programs that lose no digits.

With c = (1 - alpha)/alpha, large targets need no c - 1 or c - 2 that cancels: alpha (c - 1) is
1 - 2 alpha, and alpha (c - 2) is (1 - 2 alpha) - alpha, exact near its zero alpha = 1/3 (Sterbenz).
For K classes alpha ((K - 1) c - K) = (K - 1) - (2 K - 1) alpha, exact near its zero if alpha is
split, since K has few digits. The closed forms of log-cosh and cosh are roots of cubics, which
cancel where they are small: Newton's steps on the cubic in E = exp(z) - 1 do not.
"""

from __future__ import annotations

from collections.abc import Callable

from sympy import Expr, Integer, Max, Piecewise, Rational, Symbol, exp, log, sqrt
from sympy.codegen.cfunctions import log1p

from ...theory.formulas import Formula
from ...theory.symbols import K, alpha
from .program import Let, Repeat, Routine, split
from .special import r_lambert, shifted_lambert

__all__ = ["target_routine"]

_odds, _excess, _g, _e, _value, _rate, _at_kink = (
    Symbol(name, real=True)
    for name in ("odds", "excess", "gap", "grown", "value", "rate", "at_kink")
)
_high, _low = Symbol("alpha_high", real=True), Symbol("alpha_low", real=True)
_NEWTON = 8

Body = tuple[Let | Repeat, ...]

_ODDS = Let(_odds, (1 - alpha) / alpha)
_BEYOND_TWO = (Let(_excess, 1 - 2 * alpha), Let(_excess, _excess - alpha))
"""alpha (c - 2)."""
_BEYOND_KINK: Body = (
    *split(alpha, _high, _low, 26),
    Let(_excess, K - 1 - (2 * K - 1) * _high),
    Let(_excess, _excess - (2 * K - 1) * _low),
)
"""alpha ((K - 1) c - K)."""


def _label_smoothing(several: bool) -> tuple[Body, Expr]:
    return (_ODDS,), log1p((K if several else 2) * _odds)


def _quadratic(several: bool) -> tuple[Body, Expr]:
    return (_ODDS,), r_lambert(*((K - 1, K * _odds / 2) if several else (Integer(1), _odds / 2)))


def _absolute(several: bool) -> tuple[Body, Expr]:
    return (_BEYOND_KINK if several else _BEYOND_TWO), log1p(Max(_excess, 0) / alpha)


def _huber(several: bool) -> tuple[Body, Expr]:
    inner = r_lambert(K - 1, K * _odds) if several else r_lambert(Integer(1), _odds)
    edge = K / (K - 1) if several else Integer(1)
    body = (
        _ODDS,
        Let(_excess, 1 - 2 * alpha),
        Let(_excess, (K - 1 if several else 1) * _excess / alpha),
        Let(_g, inner),
    )
    return body, Piecewise((_g, _g <= edge), (log(Max(_excess, 1)), True))


def _elastic(several: bool) -> tuple[Body, Expr]:
    half = Rational(1, 2)
    if not several:
        right = Max(_excess, 0) / (2 * alpha)
        return _BEYOND_TWO, shifted_lambert(half, Integer(1), right)
    body = (
        *_BEYOND_KINK,
        Let(_at_kink, shifted_lambert(half, K - 1, Max(_excess, 0) / (2 * alpha))),
        *_BEYOND_TWO,
        Let(_g, shifted_lambert(Integer(1), K - 1, K * Max(_excess, 0) / (2 * alpha))),
    )
    return body, Piecewise((_at_kink, _at_kink <= (K - 2) / 2), (_g, True))


def _entropy(several: bool) -> tuple[Body, Expr]:
    rest = K - 1 if several else Integer(1)
    return (_ODDS,), _odds + r_lambert(Integer(0), rest * _odds * exp(-_odds))


def _newton(start: Expr, value: tuple[Let, ...], rate: Expr) -> tuple[Body, Expr]:
    """E from value(E) = c by Newton's steps in log E, where d log value/d log E = rate."""
    step = (*value, Let(_rate, rate), Let(_e, _e - _e * (_value / _odds - 1) / _rate))
    return (_ODDS, Let(_e, start), Repeat(_NEWTON, step)), log1p(_e)


def _log_cosh(several: bool) -> tuple[Body, Expr]:
    """tanh(z) (1 + exp(z)) = E (E + 2)/(E + 2/(E + 2))."""
    lower, quotient = Symbol("lower", real=True), Symbol("quotient", real=True)
    return _newton(
        _odds * (1 - 1 / (2 + _odds)),
        (
            Let(lower, _e + 2 / (_e + 2)),
            Let(quotient, (_e + 2) / lower),
            Let(_value, _e * quotient),
        ),
        1 + _e / (_e + 2) - (1 - 2 / (_e + 2) ** 2) * _e / lower,
    )


def _cosh(several: bool) -> tuple[Body, Expr]:
    """sinh(z) (1 + exp(z)) = E (E + 2)^2/(2 (E + 1))."""
    quotient = Symbol("quotient", real=True)
    return _newton(
        _odds / (2 * sqrt(1 + _odds / 8)),
        (Let(quotient, (_e + 2) / (2 * (_e + 1))), Let(_value, _e * ((_e + 2) * quotient))),
        1 + 2 * _e / (_e + 2) - _e / (_e + 1),
    )


_BODIES: dict[str, Callable[[bool], tuple[Body, Expr]]] = {
    "label-smoothing": _label_smoothing,
    "quadratic": _quadratic,
    "absolute": _absolute,
    "huber": _huber,
    "log-cosh": _log_cosh,
    "cosh": _cosh,
    "elastic": _elastic,
    "entropy": _entropy,
}


def target_routine(penalty: str, formula: Formula) -> Routine:
    """The program of a catalogue penalty's target, for two classes or K.

    A penalty without a body of its own has a constant target.
    """
    several = K in formula.symbols
    body: Body = ()
    result = formula.expression
    if penalty in _BODIES:
        body, result = _BODIES[penalty](several)
    name = f"{penalty.replace('-', '_')}_target" + ("_multiclass" if several else "")
    return Routine(name, formula.symbols, body, result)

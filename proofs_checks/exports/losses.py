"""The per-sample loss of a penalty, its slope and its curvature as programs.

t = exp(-|z|) <= 1 does not overflow, and the cross-entropy log(1 + exp(-z)) is
max(-z, 0) + log(1 + t), in which nothing cancels.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

from sympy import (
    Abs,
    Add,
    DiracDelta,
    Expr,
    Mul,
    Piecewise,
    Pow,
    S,
    Symbol,
    cosh,
    coth,
    exp,
    log,
    sech,
    sign,
    sinh,
    sqrt,
    tanh,
)
from sympy.codegen.cfunctions import expm1, hypot, log1p

from ...numerics.generate import derivatives, in_logarithms
from ...theory.losses import cross_entropy, per_sample_loss
from ...theory.penalties import CATALOGUE, Penalty
from ...theory.symbols import alpha, z
from .program import Let, Part, Routine
from .stable import stable

__all__ = ["UNIT", "in_scalars", "loss_parts", "magnitude", "with_free_parameters"]

_x = Symbol("x", nonnegative=True)
_t = Symbol("t", positive=True)
_hinge = Symbol("hinge", nonnegative=True)
_cross = Symbol("cross_entropy", real=True)
_penalty = Symbol("penalty", real=True)

_SCALARS = (Let(_x, Abs(z)), Let(_t, exp(-_x)))
_CROSS_ENTROPY = (
    (Let(_hinge, (_x - z) / 2), Let(_cross, _hinge + log1p(_t))),
    (Let(_hinge, (_x + z) / 2), Let(_cross, -exp(-_hinge) / (1 + _t))),
    (Let(_cross, _t / (1 + _t) ** 2),),
)
"""log(1 + exp(-z)) and its two derivatives, in x = |z|."""

_SUFFIXES = ("", "_slope", "_curvature")
UNIT = "the sum of the magnitudes of its terms"


def loss_parts(penalty: Penalty, stem: str, ulps: tuple[int, int, int]) -> tuple[Part, ...]:
    """The loss (1 - alpha) log(1 + exp(-z)) + alpha f(z), its slope and its curvature.

    The parameters of a catalogue penalty are arguments. The errors are in units of the sum of the
    magnitudes of all terms, since a slope vanishes at the target.
    """
    free = with_free_parameters(penalty)
    forms = derivatives(free)
    arguments = (z, alpha, *(p.symbol for p in penalty.parameters))
    exact = per_sample_loss(free)
    cross_entropies = (cross_entropy(), -cross_entropy().diff(z), cross_entropy().diff(z, 2))
    parts = []
    for n, (suffix, form, ulp) in enumerate(zip(_SUFFIXES, forms, ulps, strict=True)):
        body = (*_SCALARS, *_CROSS_ENTROPY[n], Let(_penalty, _in_exponentials(_portable(form))))
        result = (1 - alpha) * _cross + alpha * _penalty
        routine = Routine(f"{stem}_loss{suffix}", arguments, body, result)
        scale = (1 - alpha) * cross_entropies[n] + alpha * magnitude(in_logarithms(form))
        parts.append(Part(routine, exact, ulp, scale, UNIT))
        exact = exact.diff(z).replace(DiracDelta, lambda *_: S.Zero)
    return tuple(parts)


def with_free_parameters(penalty: Penalty) -> Penalty:
    """The penalty at symbols for the values of its parameters."""
    symbols = {p.symbol.name: p.symbol for p in penalty.parameters}
    return replace(penalty, values=MappingProxyType(symbols))


def in_scalars(form: Expr) -> tuple[tuple[Let, ...], Expr]:
    """A function of z in few digits lost, and the assignments that it needs before it.

    >>> in_scalars(exp(-2 * Abs(z)))
    ((Let(symbol=x, value=Abs(z)), Let(symbol=t, value=exp(-x))), t**2)
    """
    form = _in_exponentials(_portable(form))
    used = form.free_symbols | (_SCALARS[1].value.free_symbols if form.has(_t) else set())
    return tuple(let for let in _SCALARS if let.symbol in used), form


def _in_exponentials(form: Expr) -> Expr:
    """The form in x = |z| and t = exp(-x)."""
    form = form.replace(Abs, lambda u: _x if u == z else Abs(u))
    return form.replace(
        lambda e: isinstance(e, exp) and (e.args[0] / _x).is_Integer,
        lambda e: _t ** -(e.args[0] / _x),
    )


def magnitude(form: Expr) -> Expr:
    """The form with every term of a sum, in every factor, replaced by its absolute value.

    >>> magnitude(z * (1 - z))
    (Abs(z) + 1)*Abs(z)
    """
    if isinstance(form, (Add, Mul)):
        return form.func(*map(magnitude, form.args))
    if isinstance(form, Pow) and form.exp.is_Integer:
        return magnitude(form.base) ** form.exp if form.exp > 0 else Abs(form)
    if isinstance(form, Piecewise):
        return Piecewise(*((magnitude(value), test) for value, test in form.args))
    return Abs(form)


_LOG_COSH, _, _ = derivatives(CATALOGUE["log-cosh"])


def _portable(form: Expr) -> Expr:
    """Without functions that some libraries lack, or compute with large errors."""

    def of_log(u: Expr) -> Expr:
        """Near u = 1 all digits of log u are in u - 1."""
        if isinstance(u, cosh):
            return _LOG_COSH.subs(z, u.args[0])
        if isinstance(u, sech):
            return -of_log(cosh(u.args[0]))
        if isinstance(u, Pow) and u.base.is_positive:
            return u.exp * of_log(u.base)
        if isinstance(u, Add) and u.subs(z, 0) == 1:
            grown = u.replace(cosh, lambda v: 1 + 2 * sinh(v / 2) ** 2)
            return log1p(grown.replace(exp, lambda v: 1 + expm1(v)) - 1)
        return log(u)

    def of_sinh(u: Expr) -> Expr:
        grown = expm1(Abs(u))
        return sign(u) * (grown + grown / (1 + grown)) / 2

    def of_tanh(u: Expr) -> Expr:
        shrunk = expm1(-2 * Abs(u))
        return -sign(u) * shrunk / (2 + shrunk)

    rewrites = {
        log: of_log,
        hypot: lambda u, v: sqrt(u**2 + v**2),
        coth: lambda u: 1 / tanh(u),
        sech: lambda u: 1 / cosh(u),
        cosh: lambda u: (exp(u) + exp(-u)) / 2,
        sinh: of_sinh,
        tanh: of_tanh,
    }
    for function, rewrite in rewrites.items():
        form = form.replace(function, rewrite)
    return stable(form)

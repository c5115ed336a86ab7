"""The per-sample loss of a penalty, and what follows from its shape on the positive half-line."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from sympy import (
    Dummy,
    Expr,
    Piecewise,
    Rational,
    Sum,
    Symbol,
    exp,
    log,
    oo,
    piecewise_fold,
    simplify,
)
from sympy.core.relational import Relational

from .corners import smooth_stretches
from .identities import is_identically_zero
from .penalties import Penalty
from .symbols import K, alpha, logits, z

__all__ = [
    "Piece",
    "cross_entropy",
    "high",
    "is_even",
    "linear_in",
    "low",
    "multiclass_loss",
    "per_sample_loss",
    "pieces",
    "sigmoid",
    "target_pieces",
    "two_level",
    "x",
]

high = Symbol("z_high", real=True)
"""The logit of the true class."""

low = Symbol("z_low", real=True)
"""The common logit of the other classes."""


def sigmoid(x: Expr) -> Expr:
    """1/(1 + exp(-x))."""
    return 1 / (1 + exp(-x))


def cross_entropy(x: Expr = z) -> Expr:
    """The cross-entropy of a signed logit, log(1 + exp(-x))."""
    return log(1 + exp(-x))


def per_sample_loss(penalty: Penalty) -> Expr:
    """l(z) = (1 - alpha) log(1 + exp(-z)) + alpha f(z): eq. (1) of Beck et al.

    >>> from logitreg.theory import penalty
    >>> per_sample_loss(penalty("quadratic"))
    alpha*z**2 + (1 - alpha)*log(1 + exp(-z))
    """
    return (1 - alpha) * cross_entropy() + alpha * penalty.expression


def two_level(symmetric: Expr, classes: Expr = K) -> Expr:
    """A symmetric function of the logits at (z_high, z_low, ..., z_low).

    Each sum of F(z_k) over the K classes becomes F(z_high) + (K - 1) F(z_low).
    """

    def collapse(total: Sum) -> Expr:
        inner, (index, _, _) = total.function, total.limits[0]
        inner = inner.replace(Sum, lambda *args: collapse(Sum(*args)))
        return inner.subs(logits[index], high) + (classes - 1) * inner.subs(logits[index], low)

    return symmetric.replace(Sum, lambda *args: collapse(Sum(*args))).subs(K, classes)


def multiclass_loss(penalty: Penalty, classes: Expr = K) -> Expr:
    """The loss of K classes at z_high for the true class and z_low for each other class."""
    cross = log(1 + (classes - 1) * exp(low - high))
    return (1 - alpha) * cross + alpha * two_level(penalty.multiclass_expression, classes)


@lru_cache(maxsize=256)
def is_even(expression: Expr) -> bool:
    """Whether f(-z) = f(z) is proved.

    >>> is_even(z**2), is_even(z**2 + z)
    (True, False)
    """
    return is_identically_zero(expression - expression.subs(z, -z)) is True


@dataclass(frozen=True)
class Piece:
    """A stretch low < x <= high on which f is one smooth formula.

    ``value`` is in ``symbol``: :data:`x` on the positive half-line, z on the whole line.
    """

    low: Expr
    high: Expr
    value: Expr
    symbol: Symbol

    @property
    def slope(self) -> Expr:
        """f' on the piece."""
        return _simplified_slope(self.value, self.symbol)


@lru_cache(maxsize=256)
def _simplified_slope(value: Expr, symbol: Symbol) -> Expr:
    return simplify(value.diff(symbol))


x = Dummy("x", positive=True)
"""A positive logit."""


def pieces(expression: Expr) -> tuple[Piece, ...]:
    """f on z > 0, piece by piece; the last piece ends at infinity or where f becomes infinite.

    Raises
    ------
    NotImplementedError : the conditions are not thresholds on z, or a corner is not found exactly.

    Examples
    --------
    >>> from logitreg.theory import penalty
    >>> [(p.low, p.high) for p in pieces(penalty("huber").expression)]
    [(0, 1), (1, oo)]
    """
    on_half_line = expression.subs(z, x)
    if on_half_line.has(Piecewise):
        on_half_line = piecewise_fold(on_half_line)
    if not on_half_line.has(Piecewise):
        return _smooth(on_half_line, x, Rational(0), oo)
    if not isinstance(on_half_line, Piecewise):
        raise NotImplementedError(f"{expression} is not a single Piecewise")
    found: list[Piece] = []
    low_end: Expr = Rational(0)
    for value, condition in on_half_line.args:
        high_end = oo if condition == True else _threshold(condition)  # noqa: E712
        if value != oo:
            found += _smooth(value, x, low_end, high_end)
        low_end = high_end
    return tuple(found)


def target_pieces(expression: Expr) -> tuple[Piece, ...]:
    """Where the target of f may lie, piece by piece: z > 0 for an even f, the line for another.

    Raises
    ------
    NotImplementedError : as for :func:`pieces`; or f is not even and is written as a Piecewise.

    Examples
    --------
    >>> from logitreg.theory import penalty
    >>> [(p.low, p.high, p.slope) for p in target_pieces(penalty("max(z - 1, 0)").expression)]
    [(-oo, 1, 0), (1, oo, 1)]
    """
    if is_even(expression):
        return pieces(expression)
    if expression.has(Piecewise):
        raise NotImplementedError(f"{expression} is not even, and is a Piecewise")
    return _smooth(expression, z, -oo, oo)


def _smooth(value: Expr, symbol: Symbol, low_end: Expr, high_end: Expr) -> tuple[Piece, ...]:
    stretches = smooth_stretches(value, symbol, low_end, high_end)
    return tuple(Piece(low, high, formula, symbol) for low, high, formula in stretches)


def _threshold(condition: Relational) -> Expr:
    if condition.args[0] == x and condition.rel_op in ("<=", "<"):
        return condition.args[1]
    raise NotImplementedError(f"{condition} is not a threshold on z")


def linear_in(expression: Expr, symbol: Symbol) -> tuple[Expr, Expr] | None:
    """(m, n) with expression = m * symbol + n, or None."""
    slope = expression.diff(symbol)
    if symbol in slope.free_symbols:
        return None
    return slope, simplify(expression - slope * symbol)

"""Where a penalty built of abs, max and min changes its formula, and the smooth formulas between.

A corner is where two arguments of max or min meet, or where the argument of abs vanishes: there a
rational function of z, or of exp(z), has a zero or a pole. Their real roots are isolated exactly,
so that none is missed.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import combinations, pairwise

from sympy import (
    Abs,
    Dummy,
    Expr,
    Max,
    Min,
    Poly,
    PolynomialError,
    Rational,
    Symbol,
    fraction,
    log,
    oo,
    real_roots,
    together,
)

from .identities import split_exponentials

__all__ = ["CORNERED", "smooth_stretches"]

CORNERED = (Abs, Max, Min)
"""The functions that have corners."""

_u = Dummy("u", positive=True)
_DIGITS = 50

Stretch = tuple[Expr, Expr, Expr]


@lru_cache(maxsize=256)
def smooth_stretches(
    f: Expr, symbol: Symbol, low: Expr = -oo, high: Expr = oo
) -> tuple[Stretch, ...]:
    """(low, high, formula) of each stretch between corners, ascending.

    Raises
    ------
    NotImplementedError : a corner is a root neither of a polynomial in z nor of one in exp(z).

    Examples
    --------
    >>> z = Symbol("z", real=True)
    >>> smooth_stretches(Max(z**2, Abs(z)), z)
    ((-oo, -1, z**2), (-1, 0, -z), (0, 1, z), (1, oo, z**2))
    """
    found: list[Stretch] = []
    for stretch in _stretches(f, symbol, low, high):
        if found and found[-1][2] == stretch[2]:
            stretch = (found.pop()[0], *stretch[1:])
        found.append(stretch)
    return tuple(found)


def _stretches(f: Expr, symbol: Symbol, low: Expr, high: Expr) -> Iterator[Stretch]:
    nodes = [n for n in f.atoms(*CORNERED) if not any(a.has(*CORNERED) for a in n.args)]
    if not nodes:
        yield low, high, f
        return
    node = min(nodes, key=str)
    choices = (node.args[0], -node.args[0]) if isinstance(node, Abs) else node.args
    corners = {
        corner
        for a, b in combinations(choices, 2)
        for corner in _changes_of_sign(a - b, symbol)
        if low < corner < high
    }
    largest = min if isinstance(node, Min) else max
    for left, right in pairwise((low, *sorted(corners), high)):
        point = _between(left, right)
        branch = largest(choices, key=lambda choice, at=point: choice.subs(symbol, at))
        yield from _stretches(f.xreplace({node: branch}), symbol, left, right)


@lru_cache(maxsize=256)
def _changes_of_sign(edge: Expr, symbol: Symbol) -> list[Expr]:
    """Zeros and poles of a rational function of z or of exp(z)."""
    for variable, form in ((symbol, edge), (_u, split_exponentials(edge, symbol, _u))):
        if variable not in form.free_symbols or form.free_symbols != {variable}:
            continue
        try:
            parts = [Poly(part, variable) for part in fraction(together(form))]
            roots = [root for part in parts for root in real_roots(part)]
        except (PolynomialError, NotImplementedError):
            continue
        return roots if variable == symbol else [log(r) for r in roots if r.is_positive]
    raise NotImplementedError(
        f"{edge} = 0, where the formula of f changes, is an equation neither in a polynomial of "
        f"{symbol} nor in one of exp({symbol})"
    )


def _between(low: Expr, high: Expr) -> Rational:
    if low == -oo and high == oo:
        return Rational(0)
    middle = high - 1 if low == -oo else low + 1 if high == oo else (low + high) / 2
    return middle if middle.is_Rational else Rational(str(middle.evalf(_DIGITS)))

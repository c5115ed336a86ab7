"""Mutants that are true although they say something else: proofs apart from the claims' checks.

A mutant that follows from the statement it was made from is weaker, and no check can refute it: a
larger upper bound, a stronger hypothesis, a multiple of a direction. What follows from what depends
on the part that a formula has in its statement, which is recorded here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sympy import (
    And,
    Basic,
    Expr,
    Gt,
    Matrix,
    MatrixExpr,
    Piecewise,
    Set,
    Symbol,
    limit,
    linsolve,
    symbols,
)
from sympy.core.relational import Relational

from ..theory import alignment, multiclass, neural_collapse, quadratic_loss
from ..theory.identities import is_identically_zero
from ..theory.sparsity import weight
from ..theory.symbols import K, z
from .cases import prove_in_cases

__all__ = ["is_still_true"]

Proof = Callable[[Any, Basic, Basic], bool]
"""Whether a content is proved true, given the formula in it before and after a change."""


def is_still_true(id: str, place: str, content: Any, before: Basic, after: Basic) -> bool:
    """Whether a mutant of a claim is proved to hold if the claim does.

    ``place`` is where in the content the formula stands, as fields and positions.

    Examples
    --------
    >>> F, G = Symbol("F", real=True), Symbol("G", real=True)
    >>> is_still_true("beck.lemma-C1", "relation", None, F <= G, F <= G + 1)
    True
    >>> is_still_true("beck.lemma-C1", "relation", None, F <= G, F <= G - 1)
    False
    """
    prove = _PARTS.get((id, place))
    if prove is None:
        return False
    try:
        return prove(content, before, after)
    except (TypeError, ValueError, AttributeError, NotImplementedError):
        return False


def _hypothesis(*given: Basic) -> Proof:
    """A stronger hypothesis leaves a weaker statement."""

    def prove(content: Any, before: Basic, after: Basic) -> bool:
        if isinstance(before, Set) and isinstance(after, Set):
            return after.is_subset(before) is True
        return prove_in_cases([*given, after], before).supported

    return prove


def _conclusion(content: Any, before: Basic, after: Basic) -> bool:
    return prove_in_cases([before], after).supported


def _upper_bound(*given: Basic) -> Proof:
    return lambda content, before, after: prove_in_cases([*given], after >= before).supported


def _direction(content: Any, before: MatrixExpr, after: MatrixExpr) -> bool:
    """A positive multiple is the same direction."""
    factor, rest = after.as_coeff_mmul()
    return bool(factor > 0) and rest == before


def _affine(symbol: Symbol, *, increasing: bool) -> Proof:
    """The formula enters up to an affine map: Jensen's gap, a mean of transformed values."""

    def prove(content: Any, before: Expr, after: Expr) -> bool:
        first, second = ([e.subs(symbol, at) for at in (1, 2)] for e in (before, after))
        factor = (second[1] - second[0]) / (first[1] - first[0])
        rest = second[0] - factor * first[0]
        if not (factor.is_real and rest.is_real) or is_identically_zero(factor):
            return False
        same = is_identically_zero(after - factor * before - rest) is True
        return same and (not increasing or bool(factor > 0))

    return prove

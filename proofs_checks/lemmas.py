"""Lemmas of real arithmetic, as outcomes."""

from __future__ import annotations

from collections.abc import Iterable

from ..theory.alignment import Lemma
from .checks import all_of
from .evidence import Outcome
from .smt import prove_implication

__all__ = ["lemma_is_valid", "lemmas_hold"]


def lemma_is_valid(lemma: Lemma) -> Outcome:
    """The lemma by z3; refuted at a point where the true conclusion is an equality.

    >>> from sympy import Symbol
    >>> x = Symbol("x", real=True)
    >>> lemma_is_valid(Lemma("squares", (), x**2 >= 0)).grade.name
    'PROVED'
    """
    for point in lemma.extremal:
        met = all(hypothesis.subs(point) == True for hypothesis in lemma.hypotheses)  # noqa: E712
        if met and lemma.conclusion.subs(point) == False:  # noqa: E712
            where = ", ".join(f"{s} = {v}" for s, v in point.items())
            return Outcome.refuted("exact evaluation", f"not {lemma.conclusion}", where)
    return prove_implication(lemma.hypotheses, lemma.conclusion, timeout_ms=10000)


def lemmas_hold(lemmas: Iterable[Lemma]) -> Outcome:
    """Every lemma is valid, by :func:`lemma_is_valid`."""
    return all_of(map(lemma_is_valid, lemmas))

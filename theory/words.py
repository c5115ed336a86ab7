"""Matrix algebra of symbolic size: polynomials in letters that do not commute, modulo relations.

A letter stands for a matrix, or for its transpose, of any size for which the products make sense;
the number 1 stands for the identity of the size that fits. What vanishes here follows from the
relations by distributivity and associativity alone, hence holds for matrices of every size.
"""

from __future__ import annotations

from collections.abc import Mapping

from sympy import Expr, Mul, S, Symbol, expand

__all__ = ["letters", "normal_form"]

Word = tuple[Symbol, ...]


def letters(names: str) -> tuple[Symbol, ...]:
    """Symbols that do not commute, for the names in a string separated by spaces."""
    return tuple(Symbol(name, commutative=False) for name in names.split())


def normal_form(expression: Expr, relations: Mapping[Word, Expr] | None = None) -> Expr:
    """The expanded polynomial in which no word holds the left side of a relation.

    Parameters
    ----------
    expression : a polynomial in letters, with commutative coefficients.
    relations : what each word is equal to. Every right side must be simpler than its word, so that
        rewriting ends.

    Examples
    --------
    >>> P, x = letters("P x")
    >>> normal_form((1 - P) * (1 - P) * x, {(P, P): P})
    -P*x + x
    """
    total = S.Zero
    for term in expand(expression).as_ordered_terms():
        coefficients, factors = term.args_cnc()
        word = tuple(letter for factor in factors for letter in _spelled(factor))
        total += Mul(*coefficients) * _reduced(word, relations or {})
    return expand(total)


def _spelled(factor: Expr) -> Word:
    base, exponent = factor.as_base_exp()
    return (base,) * int(exponent)


def _reduced(word: Word, relations: Mapping[Word, Expr]) -> Expr:
    for left, right in relations.items():
        for start in range(len(word) - len(left) + 1):
            if word[start : start + len(left)] == left:
                before, after = word[:start], word[start + len(left) :]
                return normal_form(Mul(*before) * right * Mul(*after), relations)
    return Mul(*word)

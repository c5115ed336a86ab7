"""Statements with moduli, signs, maxima and pieces, decided case by case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sympy import Abs, Basic, Expr, Max, Min, Not, Piecewise, S, sign
from sympy.core.relational import Relational
from sympy.logic.boolalg import And, BooleanFunction, Or

from .evidence import Outcome
from .smt import prove_implication

__all__ = ["in_cases", "prove_in_cases"]

_PIECE_FUNCTIONS = (Abs, sign, Max, Min, Piecewise)


def in_cases(statement: Basic) -> Basic:
    """The same statement without Abs, sign, Max, Min and Piecewise of real arguments.

    A relation that holds a piece function is the disjunction, over its pieces, of the piece's
    condition and the relation with the piece put in. The arguments of piece functions have to be
    defined everywhere: SymPy takes t >= 0 or t < 0 for true, also where t is not defined.

    Examples
    --------
    >>> from sympy import Symbol
    >>> x = Symbol("x", real=True)
    >>> in_cases(Abs(x) > 1)
    ((x >= 0) & (x > 1)) | ((x < 0) & (-x > 1))
    """
    if isinstance(statement, BooleanFunction):
        return statement.func(*map(in_cases, statement.args))
    nodes = statement.atoms(*_PIECE_FUNCTIONS) if isinstance(statement, Relational) else ()
    innermost = [n for n in nodes if not any(a.has(*_PIECE_FUNCTIONS) for a in n.args)]
    if not innermost:
        return statement
    node = min(innermost, key=str)
    cases, earlier = [], S.true
    for value, condition in _pieces(node):
        here = And(earlier, condition)
        cases.append(And(here, in_cases(statement.xreplace({node: value}))))
        earlier = And(earlier, Not(condition))
    return Or(*cases)


def _pieces(node: Expr) -> Sequence[tuple[Expr, Basic]]:
    """(value, condition), each condition to be read after the failure of those before."""
    if isinstance(node, Piecewise):
        return [(value, condition) for value, condition in node.args]
    first, *rest = node.args
    if isinstance(node, Abs):
        return [(first, first >= 0), (-first, S.true)]
    if isinstance(node, sign):
        return [(S.One, first > 0), (S.NegativeOne, first < 0), (S.Zero, S.true)]
    others = node.func(*rest)
    return [
        (first, first >= others if isinstance(node, Max) else first <= others),
        (others, S.true),
    ]


def prove_in_cases(
    hypotheses: Sequence[Basic], conclusion: Basic, *, timeout_ms: int = 4000
) -> Outcome:
    """Whether the hypotheses imply the conclusion for all real values, piece functions unfolded.

    Examples
    --------
    >>> from sympy import Symbol
    >>> x, y = Symbol("x", real=True), Symbol("y", real=True)
    >>> prove_in_cases([], Abs(x + y) <= Abs(x) + Abs(y)).grade.name
    'PROVED'
    """
    unfolded = [in_cases(hypothesis) for hypothesis in hypotheses]
    outcome = prove_implication(unfolded, in_cases(conclusion), timeout_ms=timeout_ms)
    if not (outcome.supported or outcome.refutes):
        return outcome
    given = " and ".join(map(str, hypotheses)) or "no hypotheses"
    verb = "unsat" if outcome.supported else "sat"
    return replace(outcome, detail=f"{verb}: {given}, and not ({conclusion})")

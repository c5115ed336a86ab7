"""Statements of real arithmetic, decided by z3.

An atom of a statement is a relation. It holds at a point where both sides are defined (no division
by zero, no root of a negative number) and related as it says; where a side is not defined, neither
the relation nor its negation holds. What z3 makes of 1/0 therefore decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import reduce
from operator import add, mul
from typing import Any

import z3
from sympy import Basic, Rational, S, Symbol, to_nnf
from sympy.core.relational import Relational
from sympy.logic.boolalg import And, Not, Or

from .evidence import Outcome

__all__ = ["admits", "prove_implication"]

_RELATIONS = {
    "==": "__eq__",
    "!=": "__ne__",
    "<": "__lt__",
    "<=": "__le__",
    ">": "__gt__",
    ">=": "__ge__",
}

_METHOD = f"z3 {z3.get_version_string()}"


def prove_implication(
    hypotheses: Sequence[Basic], conclusion: Basic, *, timeout_ms: int = 4000
) -> Outcome:
    """Whether the hypotheses imply the conclusion, for all real values of the symbols.

    Polynomial and rational relations in real symbols, joined by And, Or and Not. The sign that
    SymPy's assumptions give to a symbol is a hypothesis; integers are taken for reals in a proof. A
    model of the hypotheses and the negated conclusion is put back into the relations in exact
    arithmetic, and its values have to meet the symbols' assumptions, before it counts as a witness.
    Hypotheses that contradict one another prove the conclusion ``false`` and no other.

    Raises
    ------
    TypeError : a relation holds a function that real arithmetic does not have.

    Examples
    --------
    >>> x, y = Symbol("x", real=True), Symbol("y", real=True)
    >>> prove_implication([], x**2 + y**2 >= 2 * x * y).grade.name
    'PROVED'
    >>> prove_implication([x > 0], x > 1).status.value
    'refuted'
    >>> prove_implication([x > 1, x < 0], y > 5).status.value
    'undecided'
    """
    translation = _Translation()
    context = translation.context
    given = [translation.boolean(hypothesis) for hypothesis in hypotheses]
    holds = translation.boolean(conclusion)
    fails = translation.boolean(Not(conclusion))
    given += [*translation.roots, *translation.assumptions()]

    answer, found = _satisfy(context, [*given, fails], timeout_ms)
    shown = " and ".join(str(h) for h in hypotheses) or "no hypotheses"
    if answer == z3.sat:
        return _refuted(found, translation.names, hypotheses, conclusion, shown)
    if answer == z3.unsat and translation.may_be_undefined:
        answer, found = _satisfy(context, [*given, z3.Not(holds)], timeout_ms)
        if answer == z3.sat:
            return Outcome.undecided(_METHOD, f"{conclusion} is not defined everywhere")
    if answer == z3.unknown:
        return Outcome.undecided(_METHOD, f"z3 gave up: {found}")
    if conclusion != S.false and _satisfy(context, given, timeout_ms)[0] == z3.unsat:
        return Outcome.undecided(_METHOD, f"no point satisfies the hypotheses {shown}")
    return Outcome.proved(_METHOD, f"unsat: {shown}, and not ({conclusion})")


def _satisfy(context: Any, constraints: Sequence[Any], timeout_ms: int) -> tuple[Any, Any]:
    """z3's answer, with its model or with the reason why there is none."""
    solver = z3.Solver(ctx=context)
    solver.set("timeout", timeout_ms)
    solver.add(*constraints)
    answer = solver.check()
    return answer, solver.model() if answer == z3.sat else solver.reason_unknown()


def _refuted(
    model: Any,
    names: dict[Symbol, Any],
    hypotheses: Sequence[Basic],
    conclusion: Basic,
    shown: str,
) -> Outcome:
    point = _rational_point(model, names)
    if point is None:
        return Outcome.undecided(_METHOD, "z3 has a model, but not a rational one")
    confirmed = (
        all(admits(s, v) for s, v in point.items())
        and all(h.subs(point) == True for h in hypotheses)  # noqa: E712
        and conclusion.subs(point) == False  # noqa: E712
    )
    if not confirmed:
        return Outcome.undecided(_METHOD, f"z3's model {point} does not survive exact evaluation")
    text = ", ".join(f"{s} = {v}" for s, v in sorted(point.items(), key=lambda item: str(item[0])))
    return Outcome.refuted(_METHOD, f"sat: {shown}, and not ({conclusion})", text or "any value")


def _rational_point(model: Any, names: dict[Symbol, Any]) -> dict[Symbol, Rational] | None:
    point: dict[Symbol, Rational] = {}
    for symbol, variable in names.items():
        value = model.eval(variable, model_completion=True)
        if not z3.is_rational_value(value):
            return None
        fraction: Fraction = value.as_fraction()
        point[symbol] = Rational(fraction.numerator, fraction.denominator)
    return point


def admits(symbol: Symbol, value: Rational) -> bool:
    """Whether the number has every property that SymPy assumes of the symbol.

    >>> admits(Symbol("n", integer=True), Rational(1, 2))
    False
    """
    return all(getattr(value, f"is_{k}") is v for k, v in symbol.assumptions0.items())


class _Translation:
    """From SymPy to z3: a variable for each symbol, and a root s >= 0, s^2 = t for each sqrt(t)."""

    def __init__(self) -> None:
        # A context of its own, so that models do not depend on what was asked before.
        self.context = z3.Context()
        self.names: dict[Symbol, Any] = {}
        self.roots: list[Any] = []
        self._root_of: dict[Basic, Any] = {}
        self._defined: list[Any] = []
        self.may_be_undefined = False

    def boolean(self, node: Basic) -> Any:
        """The statement, each relation with the condition that its sides are defined."""
        return self._normal(to_nnf(node, simplify=False))

    def _normal(self, node: Basic) -> Any:
        if node in (S.true, S.false):
            return z3.BoolVal(bool(node), self.context)
        if isinstance(node, (And, Or)):
            join = z3.And if isinstance(node, And) else z3.Or
            return join(*map(self._normal, node.args))
        if isinstance(node, Relational):
            self._defined = []
            left, right = map(self.term, node.args)
            return z3.And(getattr(left, _RELATIONS[node.rel_op])(right), *self._defined)
        raise TypeError(f"{node} is not a relation of real arithmetic")

    def assumptions(self) -> list[Any]:
        """What SymPy takes for granted on the symbols' signs."""
        signs = {
            "positive": "__gt__",
            "negative": "__lt__",
            "nonnegative": "__ge__",
            "nonpositive": "__le__",
            "nonzero": "__ne__",
        }
        return [
            getattr(variable, compare)(0)
            for symbol, variable in self.names.items()
            for sign, compare in signs.items()
            if getattr(symbol, f"is_{sign}")
        ]

    def term(self, node: Basic) -> Any:
        if isinstance(node, Symbol):
            if node not in self.names:
                # Two symbols may share a name; two variables of z3 may not.
                self.names[node] = z3.Real(f"{node.name}!{len(self.names)}", self.context)
            return self.names[node]
        if node.is_Rational:
            return z3.RealVal(f"{node.p}/{node.q}", self.context)
        if node.is_Add or node.is_Mul:
            return reduce(add if node.is_Add else mul, map(self.term, node.args))
        if node.is_Pow and (2 * node.exp).is_Integer:
            base = self.term(node.base) if node.exp.is_Integer else self._root(node.base)
            n = int(node.exp if node.exp.is_Integer else 2 * node.exp)
            power = reduce(mul, [base] * abs(n))
            if n > 0:
                return power
            self._require(base != 0)
            return 1 / power
        raise TypeError(f"{node} is not a term of real arithmetic")

    def _require(self, condition: Any) -> None:
        self._defined.append(condition)
        self.may_be_undefined = True

    def _root(self, radicand: Basic) -> Any:
        inside = self.term(radicand)
        self._require(inside >= 0)
        if radicand not in self._root_of:
            root = self._root_of[radicand] = z3.Real(f"root!{len(self._root_of)}", self.context)
            self.roots += [root >= 0, z3.Implies(inside >= 0, root * root == inside)]
        return self._root_of[radicand]

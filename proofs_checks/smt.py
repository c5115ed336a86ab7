"""Statements of real arithmetic, decided by z3."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import reduce
from operator import add, mul
from typing import Any

import z3
from sympy import Basic, Rational, S, Symbol
from sympy.core.relational import Relational
from sympy.logic.boolalg import And, Not, Or

from .evidence import Outcome

__all__ = ["prove_implication"]

_RELATIONS = {
    "==": "__eq__",
    "!=": "__ne__",
    "<": "__lt__",
    "<=": "__le__",
    ">": "__gt__",
    ">=": "__ge__",
}


def prove_implication(
    hypotheses: Sequence[Basic], conclusion: Basic, *, timeout_ms: int = 4000
) -> Outcome:
    """Whether the hypotheses imply the conclusion, for all real values of the symbols.

    Polynomial and rational relations in real symbols, joined by And, Or and Not. Symbols that SymPy
    takes for positive or non-negative are so for z3. A model of the hypotheses and the negated
    conclusion is put back into the relations in exact arithmetic before it counts as a witness.

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
    """
    translation = _Translation()
    solver = z3.Solver()
    solver.set("timeout", timeout_ms)
    for hypothesis in hypotheses:
        solver.add(translation.boolean(hypothesis))
    solver.add(z3.Not(translation.boolean(conclusion)))
    solver.add(*translation.side_conditions)
    names = translation.names
    for symbol, variable in names.items():
        if symbol.is_positive:
            solver.add(variable > 0)
        elif symbol.is_nonnegative:
            solver.add(variable >= 0)
    answer = solver.check()
    method = f"z3 {z3.get_version_string()}"
    given = " and ".join(str(h) for h in hypotheses) or "no hypotheses"
    if answer == z3.unsat:
        return Outcome.proved(method, f"unsat: {given}, and not ({conclusion})")
    if answer == z3.unknown:
        return Outcome.undecided(method, f"z3 gave up: {solver.reason_unknown()}")
    point = _rational_point(solver.model(), names)
    if point is None:
        return Outcome.undecided(method, "z3 has a model, but not a rational one")
    if not all(h.subs(point) == True for h in hypotheses) or conclusion.subs(point) != False:  # noqa: E712
        return Outcome.undecided(method, f"z3's model {point} does not survive exact evaluation")
    text = ", ".join(f"{s} = {v}" for s, v in sorted(point.items(), key=lambda item: str(item[0])))
    return Outcome.refuted(method, f"sat: {given}, and not ({conclusion})", text or "any value")


def _rational_point(model: Any, names: dict[Symbol, Any]) -> dict[Symbol, Rational] | None:
    point: dict[Symbol, Rational] = {}
    for symbol, variable in names.items():
        value = model.eval(variable, model_completion=True)
        if not z3.is_rational_value(value):
            return None
        fraction: Fraction = value.as_fraction()
        point[symbol] = Rational(fraction.numerator, fraction.denominator)
    return point


class _Translation:
    """From SymPy to z3: a variable for each symbol, and a root s >= 0, s^2 = t for each sqrt(t)."""

    def __init__(self) -> None:
        self.names: dict[Symbol, Any] = {}
        self.side_conditions: list[Any] = []

    def boolean(self, node: Basic) -> Any:
        if node in (S.true, S.false):
            return z3.BoolVal(bool(node))
        if isinstance(node, (And, Or)):
            join = z3.And if isinstance(node, And) else z3.Or
            return join(*map(self.boolean, node.args))
        if isinstance(node, Not):
            return z3.Not(self.boolean(node.args[0]))
        if isinstance(node, Relational):
            left, right = map(self.term, node.args)
            return getattr(left, _RELATIONS[node.rel_op])(right)
        raise TypeError(f"{node} is not a relation of real arithmetic")

    def term(self, node: Basic) -> Any:
        if isinstance(node, Symbol):
            return self.names.setdefault(node, z3.Real(node.name))
        if node.is_Rational:
            return z3.RealVal(f"{node.p}/{node.q}")
        if node.is_Add or node.is_Mul:
            return reduce(add if node.is_Add else mul, map(self.term, node.args))
        if node.is_Pow and (2 * node.exp).is_Integer:
            base = self.term(node.base) if node.exp.is_Integer else self._root(node.base)
            n = int(node.exp if node.exp.is_Integer else 2 * node.exp)
            power = reduce(mul, [base] * abs(n))
            return power if n > 0 else 1 / power
        raise TypeError(f"{node} is not a term of real arithmetic")

    def _root(self, radicand: Basic) -> Any:
        inside = self.term(radicand)
        root = z3.Real(f"sqrt({radicand})")
        self.side_conditions += [root >= 0, root * root == inside]
        return root

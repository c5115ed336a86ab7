"""A derivation: an ordered list of steps, each an expression with the rule that leads to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from sympy import Basic, Eq, Expr, UnevaluatedExpr, latex

from .identities import is_identically_zero

__all__ = ["Derivation", "Step"]

Relation = Literal["start", "equals", "equivalent", "implied"]


@dataclass(frozen=True)
class Step:
    """An expression or relation, the rule that leads to it, and how it relates to the step before.

    ``equals``: the two expressions are the same function.
    ``equivalent``: two equations with the same solutions: their residuals (left minus right) differ
    by the factor ``factor``, which is nowhere zero.
    ``implied``: follows by ``rule`` from what came before; checked by the claim that uses it.
    """

    rule: str
    expression: Basic
    relation: Relation = "equals"
    factor: Expr | None = None


@dataclass(frozen=True)
class Derivation:
    """Steps from a definition to a result.

    Examples
    --------
    >>> from sympy import Symbol, cosh, exp
    >>> z = Symbol("z", real=True)
    >>> d = Derivation("cosh", (Step("definition", cosh(z), "start"),
    ...                         Step("in exponentials", (exp(z) + exp(-z)) / 2)))
    >>> d.unproved()
    ()
    """

    title: str
    steps: tuple[Step, ...]

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def unproved(self) -> tuple[int, ...]:
        """The numbers of the steps that are claimed to follow by algebra and do not."""
        pairs = zip(self.steps, self.steps[1:], strict=False)
        return tuple(i for i, (before, step) in enumerate(pairs, 1) if not _follows(before, step))

    def to_latex(self) -> str:
        """The steps as one LaTeX ``align*`` environment, the rule beside each line."""
        lines = [rf"& {latex(s.expression)} && \text{{{s.rule}}}" for s in self.steps]
        return "\\begin{align*}\n" + " \\\\\n".join(lines) + "\n\\end{align*}"

    def _repr_latex_(self) -> str:
        return self.to_latex()


def _follows(before: Step, step: Step) -> bool:
    if step.relation in ("start", "implied"):
        return True
    if step.relation == "equals":
        return _same(before.expression, step.expression)
    factor = step.factor
    if factor is None or not isinstance(before.expression, Eq) or factor.is_zero is not False:
        return False
    old, new = _residual(before.expression), _residual(step.expression)
    return is_identically_zero(old - factor * new) is True


def _same(a: Basic, b: Basic) -> bool:
    if isinstance(a, Eq) and isinstance(b, Eq):
        return _same(a.lhs, b.lhs) and _same(a.rhs, b.rhs)
    return a == b or is_identically_zero((a - b).replace(UnevaluatedExpr, lambda e: e)) is True


def _residual(equation: Basic) -> Expr:
    return equation.args[0] - equation.args[1]

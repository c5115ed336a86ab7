"""Formulas with their evidence, callable on arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..numerics.evaluation import evaluate
from ..theory import formulas as theory
from .ledger import expected_verdicts

__all__ = ["VerifiedFormula", "formula"]


@dataclass(frozen=True)
class VerifiedFormula(theory.Formula):
    """A formula with the verdict and grade that the ledger records for the claim of its id.

    Calling it takes one number or array for each symbol, in order, of any array-API library.
    """

    verdict: str
    grade: str

    def __call__(self, *arguments: Any) -> Any:
        return evaluate(self.expression, self.symbols, arguments)

    def to(self, target: str) -> str:
        """Source text in ``"numpy"``, ``"torch"``, ``"jax"``, ``"c"``, ``"js"`` or ``"latex"``.

        The text needs nothing but the target language. Its header names the claim and its evidence,
        the domain, and the largest error over the domain in units in the last place.

        Raises
        ------
        UnknownNameError : there is no such target.

        Examples
        --------
        >>> text = formula("lead.alignment-bound").to("c")
        >>> print(text[text.index("double") :])
        double alignment_bound(double r, double spread) {
            return r*spread/(sqrt(1 - spread)*sqrt(spread + 1));
        }
        <BLANKLINE>
        """
        from .exports.catalogue import export
        from .exports.source import source

        return source([export(self.id)], target)


def formula(id: str) -> VerifiedFormula:
    """The formula of an id, with the evidence that the ledger records for it.

    Parameters
    ----------
    id : the id of a claim that vouches for a formula, such as ``"lead.target-quadratic"``.

    Raises
    ------
    UnknownNameError : there is none; the message names the nearest ids.

    Examples
    --------
    >>> target = formula("lead.target-quadratic")
    >>> target.expression, target.verdict, target.grade
    (RLambertW(1, (1 - alpha)/(2*alpha)), 'holds', 'PROVED')
    >>> round(target(0.1), 6)
    1.112948
    """
    found = theory.formula(id)
    verdict, grade = expected_verdicts()[id]
    return VerifiedFormula(found.id, found.symbols, found.domain, found.expression, verdict, grade)

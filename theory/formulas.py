"""Formulas as data: the id of the claim that vouches for it, symbols, domain, expression."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache

from sympy import Expr, Interval, Set, Symbol, latex, oo

from ..errors import UnknownNameError
from .alignment import bound_on_sine, variation
from .alignment import epsilon as spread
from .penalties import CATALOGUE
from .symbols import K, alpha, odds
from .targets import closed_form

__all__ = ["SEVERAL", "Formula", "formula", "formula_ids", "target_formula_id"]

SEVERAL = 0
"""Theory's sign for a symbolic number of classes."""

_LEADS = {
    ("label-smoothing", 2): "lead.target-label-smoothing",
    ("label-smoothing", SEVERAL): "lead.target-label-smoothing-multiclass",
    ("quadratic", 2): "lead.target-quadratic",
    ("quadratic", SEVERAL): "lead.target-quadratic-multiclass",
    ("entropy", 2): "lead.target-entropy",
}


@dataclass(frozen=True)
class Formula:
    """A formula that a claim of the same id vouches for.

    Attributes
    ----------
    id : the id of the formula and of its claim in the ledger.
    symbols : the arguments, in order.
    domain : the set in which each argument lies.
    expression : the formula.
    """

    id: str
    symbols: tuple[Symbol, ...]
    domain: Mapping[Symbol, Set]
    expression: Expr

    def to_latex(self) -> str:
        """The formula in LaTeX."""
        return str(latex(self.expression))

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.to_latex()}$"


def target_formula_id(penalty: str, classes: int) -> str:
    """The id of the closed form of a catalogue penalty's target, for 2 or ``SEVERAL`` classes.

    >>> target_formula_id("quadratic", 2), target_formula_id("huber", SEVERAL)
    ('lead.target-quadratic', 'catalogue.target-huber-multiclass')
    """
    suffix = "" if classes == 2 else "-multiclass"
    return _LEADS.get((penalty, classes), f"catalogue.target-{penalty}{suffix}")


@cache
def _formulas() -> Mapping[str, Formula]:
    strengths: dict[Symbol, Set] = {alpha: Interval.open(0, 1)}
    found = [
        Formula(
            "lead.alignment-bound",
            (variation, spread),
            {variation: Interval(0, oo), spread: Interval.Ropen(0, 1)},
            bound_on_sine(),
        )
    ]
    for name, penalty in CATALOGUE.items():
        for classes in (2, SEVERAL):
            form = closed_form(penalty, classes)
            if form is None:
                continue
            expression = form.subs(odds, (1 - alpha) / alpha)
            several = classes == SEVERAL and K in expression.free_symbols
            symbols = (alpha, K) if several else (alpha,)
            domain = {**strengths, **({K: Interval(3, oo)} if several else {})}
            found.append(Formula(target_formula_id(name, classes), symbols, domain, expression))
    return {formula.id: formula for formula in found}


def formula_ids() -> tuple[str, ...]:
    """The ids of all formulas."""
    return tuple(_formulas())


def formula(id: str) -> Formula:
    """The formula of an id.

    Raises
    ------
    UnknownNameError : there is none; the message names the nearest ids.

    Examples
    --------
    >>> formula("lead.target-label-smoothing").expression
    log(1 + 2*(1 - alpha)/alpha)
    """
    known = _formulas()
    if id not in known:
        near = get_close_matches(id, known, n=3, cutoff=0.3) or list(known)[:3]
        raise UnknownNameError(f"no formula {id!r}; did you mean {' or '.join(near)}?")
    return known[id]

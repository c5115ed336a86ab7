"""Formulas as data: the id of the claim that vouches for it, symbols, domain, expression."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache

from sympy import Expr, Interval, Set, Symbol, erf, latex, oo, sqrt

from ..errors import UnknownNameError
from . import high_dimension, signal_noise
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


_POSITIVE = Interval.open(0, oo)


def _models() -> tuple[Formula, ...]:
    """The alignment bound, signal plus noise, and its limits in high dimension."""
    rho, ratio, sigma_n = signal_noise.rho, signal_noise.ratio, signal_noise.sigma_n
    aspect_ratio, effect = high_dimension.aspect_ratio, high_dimension.effect
    deviations = (signal_noise.mu_f, signal_noise.sigma_f, sigma_n)
    norms = (high_dimension.target, *deviations)
    excess = high_dimension.excess
    return (
        Formula(
            "lead.alignment-bound",
            (variation, spread),
            {variation: Interval(0, oo), spread: Interval.Ropen(0, 1)},
            bound_on_sine(),
        ),
        Formula(
            "beck.eq-4",
            (ratio, sigma_n),
            {ratio: Interval(0, oo), sigma_n: _POSITIVE},
            signal_noise.cosine_at_the_minimum(),
        ),
        Formula(
            "beck.eq-5",
            (rho, *deviations),
            {rho: Interval(-1, 1), **dict.fromkeys(deviations, _POSITIVE)},
            signal_noise.accuracy(),
        ),
        Formula(
            "lead.high-dimensional-quadratic",
            (aspect_ratio, effect),
            {aspect_ratio: Interval.open(0, 1), effect: _POSITIVE},
            (1 + erf(high_dimension.accuracy_argument() / sqrt(2))) / 2,
        ),
        Formula(
            "lead.least-norm",
            (*norms, aspect_ratio),
            {**dict.fromkeys(norms, _POSITIVE), aspect_ratio: Interval.open(1, oo)},
            high_dimension.least_norm_signal().subs(excess, aspect_ratio - 1),
        ),
    )


def _targets() -> Iterator[Formula]:
    strengths: dict[Symbol, Set] = {alpha: Interval.open(0, 1)}
    for name, penalty in CATALOGUE.items():
        for classes in (2, SEVERAL):
            form = closed_form(penalty, classes)
            # A gap that does not depend on K is no claim of its own.
            if form is None or (classes == SEVERAL and K not in form.free_symbols):
                continue
            expression = form.subs(odds, (1 - alpha) / alpha)
            several = classes == SEVERAL
            symbols = (alpha, K) if several else (alpha,)
            domain = {**strengths, **({K: Interval(3, oo)} if several else {})}
            yield Formula(target_formula_id(name, classes), symbols, domain, expression)


@cache
def _formulas() -> Mapping[str, Formula]:
    return {formula.id: formula for formula in (*_models(), *_targets())}


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
        near = get_close_matches(id, known, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "expected one of formula_ids()"
        raise UnknownNameError(f"no formula {id!r}; {hint}")
    return known[id]

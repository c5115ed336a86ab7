"""K logits reduced to one gap: checks that every closed form for several classes has to pass."""

from __future__ import annotations

from typing import Protocol

from sympy import Eq, Expr, Ge, Gt, Interval, Rational, Symbol, log, oo

from ..theory import gap_reduction as theory
from ..theory.identities import is_identically_zero
from ..theory.penalties import Penalty
from ..theory.symbols import K, gap
from ..theory.targets import Branch
from .checks import all_of, convex_in_the_logits, symmetric_in_the_logits
from .convexity import prove_convex
from .evidence import Grade, Outcome
from .lemmas import lemmas_hold
from .prover import prove
from .witnesses import sign_at

__all__ = ["equations_are_stationarity", "other_classes_share_one_logit"]

_SEVERAL = {K: Interval(3, oo)}


class _ClosedForm(Protocol):
    @property
    def penalty(self) -> Penalty: ...

    @property
    def branches(self) -> tuple[Branch, ...]: ...


def other_classes_share_one_logit(form: _ClosedForm) -> Outcome:
    """At every minimiser, by exchange: f is symmetric, and convex in the logits or probabilities.

    The chords that convexity gives are those of :func:`logitreg.theory.gap_reduction`.
    """
    penalty = form.penalty
    in_probabilities = theory.is_minus_entropy(penalty)
    symmetric = symmetric_in_the_logits(penalty.multiclass_expression)
    if in_probabilities:
        symmetric = Outcome.proved("structure", "a sum over all classes of p_k log p_k")
        p = Symbol("p", positive=True)
        unit = {p: Interval.open(0, 1)}
        convex = all_of(
            prove(Gt(part.diff(p, 2), 0, evaluate=False), unit) for part in (p * log(p), -log(p))
        )
    elif theory.is_coordinatewise(penalty):
        convex = prove_convex(penalty.expression)
    else:
        convex = convex_in_the_logits(penalty.multiclass_expression)
    lemmas = theory.exchange_lemmas(in_probabilities=in_probabilities)
    return all_of(
        (
            symmetric,
            convex,
            lemmas_hold(lemmas),
        )
    )


def equations_are_stationarity(form: _ClosedForm) -> Outcome:
    """Each branch's equation says that both slopes vanish, at levels in the right pieces of f."""
    possible = theory.gap_equations(form.penalty)
    ends = (*(branch.start for branch in form.branches[1:]), oo)
    outcomes = []
    for branch, end in zip(form.branches, ends, strict=True):
        if branch.equation is not None:
            outcomes.append(_is_stationarity(form.penalty, branch, end, possible))
    return all_of(outcomes)


def _is_stationarity(
    penalty: Penalty, branch: Branch, end: Expr, possible: tuple[theory.GapEquation, ...]
) -> Outcome:
    assert branch.equation is not None
    at = {K: Rational(3), gap: Rational(1)}
    residuals = [(equation, branch.equation.lhs - equation.h) for equation in possible]
    close = [(e, residual) for e, residual in residuals if not sign_at(residual.subs(at), {})]
    fitting = [equation for equation, residual in close if is_identically_zero(residual)]
    if not fitting:
        if possible and not close:
            claimed = branch.equation.lhs.subs(at)
            where = f"K = 3, g = 1: h = {claimed}, both slopes vanish at {possible[0].h.subs(at)}"
            method = "ball arithmetic at a rational point"
            return Outcome.refuted(method, "another condition", where, Grade.CERTIFIED)
        return Outcome.undecided("exact stationarity", f"{branch.equation} is not derived")
    slope, in_terms_of_h = theory.high_slope(penalty, fitting[0])
    if not is_identically_zero(slope - in_terms_of_h):
        return Outcome.undecided("exact stationarity", f"the slope {slope} is not that of h")
    return all_of(
        (
            Outcome.proved("symbolic identity", f"dF/dz_high = {in_terms_of_h}"),
            prove(Eq(fitting[0].balance(), 0, evaluate=False), _SEVERAL),
            *(
                prove(Ge(margin, 0, evaluate=False), _SEVERAL)
                for margin in theory.margins(penalty, fitting[0], branch.start, end)
            ),
        )
    )

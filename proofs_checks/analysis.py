"""Everything that follows from a penalty alone, derived and checked: ``logitreg derive``."""

from __future__ import annotations

from dataclasses import dataclass

from sympy import Expr

from ..errors import NoFiniteTargetError, NotConvexError
from ..numerics.target_enclosures import target_enclosure
from ..theory.derivations import Derivation
from ..theory.losses import is_even, per_sample_loss
from ..theory.penalties import CATALOGUE, Penalty
from ..theory.sensitivity import (
    condition_number,
    curvature_at_target,
    small_alpha_expansion,
    target_derivative,
)
from ..theory.targets import closed_form, derivation, stationary_condition
from .claim import Entry, judge
from .closed_forms import closed_form_claim
from .convexity import prove_convex
from .evidence import Outcome

__all__ = ["Analysis", "TargetValue", "analyse", "facts"]

_STRENGTHS = (0.001, 0.01, 0.1, 0.3, 0.5, 0.9)


@dataclass(frozen=True)
class TargetValue:
    """A target as a certified enclosure: the true value is within the decimal's radius."""

    alpha: float
    enclosure: str


@dataclass(frozen=True)
class Analysis:
    """What ``derive`` reports; expressions are in z, alpha and c = (1 - alpha)/alpha."""

    penalty: Penalty
    loss: Expr
    even: bool
    convexity: Outcome
    condition: Expr
    closed_form: Expr | None
    multiclass_closed_form: Expr | None
    closed_form_check: Entry | None
    values: tuple[TargetValue, ...]
    derivative: Expr
    curvature: Expr
    condition_number: Expr
    small_alpha: Expr | None
    derivation: Derivation


def analyse(penalty: Penalty) -> Analysis:
    """Derive loss, convexity, target, derivative, curvature and expansion of a penalty, and check.

    Raises
    ------
    NotConvexError : a user's f is not convex; the message carries a witness.
    NoFiniteTargetError : f is constant.

    Examples
    --------
    >>> from logitreg.theory import penalty
    >>> result = analyse(penalty("z**2/2"))
    >>> result.closed_form, result.closed_form_check.verdict.value
    (RLambertW(1, c), 'holds')
    """
    f = penalty.expression
    convexity = prove_convex(f)
    if convexity.refutes and penalty.name not in CATALOGUE:
        raise NotConvexError(
            f"the penalty {penalty.name} is not convex: its second derivative is negative "
            f"({convexity.witness}). Expected a convex function of z; see logitreg.penalties()."
        )
    if not f.free_symbols:
        raise NoFiniteTargetError(
            f"the penalty {penalty.name} is constant, so that the loss has no finite minimiser. "
            "Expected a function of z that grows, such as z**2."
        )
    form = closed_form(penalty)
    check = None
    if form is not None and penalty.name != "box":
        claim = closed_form_claim(penalty, 2, f"target of {penalty.name}", "derived", "")
        check = judge(claim)
    return Analysis(
        penalty=penalty,
        loss=per_sample_loss(penalty),
        even=is_even(f),
        convexity=convexity,
        condition=stationary_condition(penalty),
        closed_form=form,
        multiclass_closed_form=closed_form(penalty, 0),
        closed_form_check=check,
        values=tuple(
            TargetValue(a, target_enclosure(penalty, a, digits=30).str(30, radius=True))
            for a in _STRENGTHS
        ),
        derivative=target_derivative(penalty),
        curvature=curvature_at_target(penalty),
        condition_number=condition_number(penalty),
        small_alpha=small_alpha_expansion(penalty),
        derivation=derivation(penalty),
    )


Facts = tuple[tuple[str, str], ...]


def facts(analysis: Analysis) -> tuple[tuple[str, Facts], ...]:
    """The analysis as titled lists of (label, text), for a terminal."""
    penalty = analysis.penalty
    return (
        (
            f"penalty {penalty.name}",
            (
                ("f(z)", str(penalty.expression)),
                ("K classes", str(penalty.multiclass_expression)),
                ("even", "yes, proved" if analysis.even else "not proved"),
                ("convex", _verdict(analysis.convexity)),
                ("loss l(z)", str(analysis.loss)),
            ),
        ),
        (
            "target: the minimiser z* of l, with c = (1 - alpha)/alpha",
            (
                ("condition", f"{analysis.condition.lhs} = c   (z > 0)"),
                ("closed form", _or_none(analysis.closed_form)),
                ("checked", _checked(analysis)),
                ("K >= 3 classes", _or_none(analysis.multiclass_closed_form)),
                ("alpha -> 0", f"{_or_none(analysis.small_alpha)} + o(1)"),
                ("dz*/dalpha", f"{analysis.derivative}   at z = z*"),
                ("curvature l''", f"{analysis.curvature}   at z = z*"),
                ("condition number", f"{analysis.condition_number}   at z = z*"),
            ),
        ),
        (
            "certified values of z*",
            tuple((f"alpha = {v.alpha}", v.enclosure) for v in analysis.values),
        ),
        (
            analysis.derivation.title,
            (
                *_steps(analysis.derivation),
                ("checked", _checked_steps(analysis.derivation)),
            ),
        ),
    )


def _steps(derivation: Derivation) -> Facts:
    return tuple(
        (f"step {number}", f"{step.rule}: {step.expression}")
        for number, step in enumerate(derivation, 1)
    )


def _or_none(expression: Expr | None) -> str:
    return "none found; see the enclosures below" if expression is None else str(expression)


def _verdict(outcome: Outcome) -> str:
    if outcome.supported:
        return f"yes, {outcome.grade.name} by {outcome.method}: {outcome.detail}"
    if outcome.refutes:
        return f"no: f'' < 0 at {outcome.witness}"
    return f"undecided: {outcome.detail}"


def _checked(analysis: Analysis) -> str:
    entry = analysis.closed_form_check
    if entry is None:
        return "the enclosures below are certified by interval Newton steps"
    controls = f"rejects {entry.controls.rejected}/{entry.controls.total} false variants"
    return f"{entry.verdict.value}, {entry.grade} by substitution and uniqueness; {controls}"


def _checked_steps(derivation: Derivation) -> str:
    gaps = derivation.unproved()
    return f"steps not proved by algebra: {gaps}" if gaps else "every algebraic step is proved"

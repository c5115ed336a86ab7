"""Everything that follows from a penalty alone, derived and checked: ``logitreg derive``."""

from __future__ import annotations

from dataclasses import dataclass

from sympy import Expr

from ..errors import NoFiniteTargetError, NotConvexError
from ..numerics.enclosures import target_enclosure
from ..theory.derivations import Derivation
from ..theory.losses import is_even, per_sample_loss
from ..theory.penalties import CATALOGUE, Penalty
from ..theory.targets import (
    closed_form,
    condition_number,
    curvature_at_target,
    derivation,
    small_alpha_expansion,
    stationary_condition,
    target_derivative,
)
from .claim import Entry, judge
from .claims.closed_forms import closed_form_claim
from .convexity import prove_convex
from .evidence import Outcome

__all__ = ["Analysis", "TargetValue", "analyse"]

STRENGTHS = (0.001, 0.01, 0.1, 0.3, 0.5, 0.9)


@dataclass(frozen=True)
class TargetValue:
    """A target as a certified enclosure: the true value is within the decimal's radius."""

    alpha: float
    enclosure: str


@dataclass(frozen=True)
class Analysis:
    """What ``derive`` reports of a penalty; expressions are in z, alpha and c = (1 - alpha)/alpha."""

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
            for a in STRENGTHS
        ),
        derivative=target_derivative(penalty),
        curvature=curvature_at_target(penalty),
        condition_number=condition_number(penalty),
        small_alpha=small_alpha_expansion(penalty),
        derivation=derivation(penalty),
    )

"""Everything that follows from a penalty alone, derived and checked: ``logitreg derive``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sympy import Expr, Rational, nan, oo, simplify

from ..errors import (
    NoFiniteTargetError,
    NotConvergedError,
    NotConvexError,
    UnsupportedPenaltyError,
)
from ..numerics.kernels import Kernel, kernel
from ..numerics.target_enclosures import target_enclosure
from ..theory.derivations import Derivation
from ..theory.losses import is_even, per_sample_loss, target_pieces, x
from ..theory.optimality import Condition, least_odds, optimality_conditions, slope_at_infinity
from ..theory.penalties import CATALOGUE, Penalty
from ..theory.sensitivity import (
    condition_number,
    curvature_at_target,
    small_alpha_expansion,
    target_derivative,
)
from ..theory.symbols import z
from ..theory.targets import closed_form, derivation, stationary_condition
from .claim import Entry, Verdict, judge
from .closed_forms import closed_form_claim
from .convexity import prove_convex
from .evidence import Outcome
from .witnesses import sign_at

__all__ = ["STAGES", "Analysis", "TargetValue", "analyse", "facts"]

STAGES = ("convexity", "conditions", "closed form", "values", "sensitivity", "derivation")
"""What :func:`analyse` goes through, in order."""

_STRENGTHS = (0.001, 0.01, 0.1, 0.3, 0.5, 0.9)
_TRIED = (1, 2, 3, Rational(1, 2), 10)
"""Logits at which f is looked at: is it defined there, and at minus that the same?"""


@dataclass(frozen=True)
class TargetValue:
    """A target as a certified enclosure: the true value is within the decimal's radius."""

    alpha: float
    enclosure: str


@dataclass(frozen=True)
class Analysis:
    """What ``derive`` reports; expressions are in z, alpha and c = (1 - alpha)/alpha.

    ``asymmetry`` is where f(z) and f(-z) differ, None where that was not found. Only for c above
    ``least_odds`` is the target finite.
    """

    penalty: Penalty
    loss: Expr
    even: bool
    asymmetry: str | None
    convexity: Outcome
    condition: Expr
    conditions: tuple[Condition, ...]
    least_odds: Expr
    closed_form: Expr | None
    multiclass_closed_form: Expr | None
    closed_form_check: Entry | None
    values: tuple[TargetValue, ...]
    derivative: Expr
    curvature: Expr
    condition_number: Expr
    small_alpha: Expr | None
    derivation: Derivation


def analyse(penalty: Penalty, on_stage: Callable[[str], None] = lambda _: None) -> Analysis:
    """Derive loss, convexity, target, derivative, curvature and expansion of a penalty, and check.

    Parameters
    ----------
    penalty : what :func:`logitreg.theory.penalties.penalty` gives.
    on_stage : called with each of :data:`STAGES` once it is done.

    Raises
    ------
    NotConvexError : a user's f is not convex; the message carries a witness.
    NoFiniteTargetError : f is constant, or does not hold a logit back whatever alpha.
    UnsupportedPenaltyError : f is not real and finite everywhere, or its kinks are not found.

    Examples
    --------
    >>> from logitreg.theory import penalty
    >>> result = analyse(penalty("z**2/2"))
    >>> result.closed_form, result.closed_form_check.verdict.value
    (RLambertW(1, c), 'holds')
    """
    if penalty.name not in CATALOGUE:
        _require_definedness(penalty)
    convexity = prove_convex(penalty.expression)
    _require_a_target(penalty, convexity)
    on_stage("convexity")
    conditions, least = optimality_conditions(penalty), least_odds(penalty)
    condition = stationary_condition(penalty)
    on_stage("conditions")
    form, check = closed_form(penalty), None
    if form is not None and penalty.name != "box":
        check = judge(closed_form_claim(penalty, 2, f"target of {penalty.name}", "derived", ""))
    form_for_classes = closed_form(penalty, 0)
    on_stage("closed form")
    f = kernel(penalty)
    values = tuple(TargetValue(a, _enclosure(f, a, least)) for a in _STRENGTHS)
    on_stage("values")
    rate, curvature = target_derivative(penalty), curvature_at_target(penalty)
    relative, expansion = condition_number(penalty), small_alpha_expansion(penalty)
    on_stage("sensitivity")
    steps = derivation(penalty)
    on_stage("derivation")
    return Analysis(
        penalty=penalty,
        loss=per_sample_loss(penalty),
        even=is_even(penalty.expression),
        asymmetry=_asymmetry(penalty.expression),
        convexity=convexity,
        condition=condition,
        conditions=conditions,
        least_odds=least,
        closed_form=form,
        multiclass_closed_form=form_for_classes,
        closed_form_check=check,
        values=values,
        derivative=rate,
        curvature=curvature,
        condition_number=relative,
        small_alpha=expansion,
        derivation=steps,
    )


def _require_definedness(penalty: Penalty) -> None:
    for point in (0, *_TRIED, *(-p for p in _TRIED)):
        value = penalty.expression.subs(z, point)
        if value.is_real is False or value.is_finite is False or value is nan:
            raise UnsupportedPenaltyError(
                f"the penalty {penalty.name} is not a finite real number at z = {point}; expected "
                "one at every real z"
            )
    try:
        target_pieces(penalty.expression)
    except NotImplementedError as error:
        raise UnsupportedPenaltyError(
            f"the kinks of the penalty {penalty.name} were not found exactly: {error}. Expected "
            "max, min and abs that change over at roots of such a polynomial"
        ) from None


def _require_a_target(penalty: Penalty, convexity: Outcome) -> None:
    if not penalty.expression.free_symbols:
        raise NoFiniteTargetError(
            f"the penalty {penalty.name} is constant, so that the loss has no finite minimiser. "
            "Expected a function of z that grows, such as z**2."
        )
    if convexity.refutes and penalty.name not in CATALOGUE:
        witness = _in_z(convexity.witness or "")
        jump = witness.startswith("f")
        reason = witness if jump else f"its second derivative is negative ({witness})"
        raise NotConvexError(
            f"the penalty {penalty.name} is not convex: {reason}. "
            "Expected a convex function of z; see logitreg.penalties()."
        )
    # An even convex function that is not constant rises without end.
    if is_even(penalty.expression) or not convexity.supported:
        return
    slope = slope_at_infinity(penalty)
    if slope.is_nonpositive:
        raise NoFiniteTargetError(
            f"the penalty {penalty.name} holds no logit back: f is convex and f'(z) tends to "
            f"{slope} as z grows, so that f' <= 0 everywhere, and the loss has no finite "
            "minimiser for any alpha. Expected f'(z) > 0 for large z, as for z**2."
        )


def _asymmetry(f: Expr) -> str | None:
    for point in _TRIED:
        right, left = f.subs(z, point), f.subs(z, -point)
        if sign_at(right - left, {}):
            return f"f({point}) = {right} and f({-point}) = {left}"
    return None


def _enclosure(f: Kernel, alpha: float, least: Expr) -> str:
    odds = 1 / Rational(alpha) - 1
    if least != 0 and sign_at(odds - least, {}) <= 0:
        return f"no finite minimiser, since c <= {least}"
    try:
        ball = target_enclosure(f, alpha, digits=30)
    except (NotConvergedError, NoFiniteTargetError):
        return "no enclosure found"
    if ball.contains(0) and _is_stationary_at_zero(f.penalty, odds):
        return "0"
    return str(ball.str(30, radius=True))


def _is_stationary_at_zero(penalty: Penalty, odds: Rational) -> bool:
    """Whether f'(0) (1 + exp(0)) = c, exactly."""
    return any(
        simplify(2 * piece.slope.subs(piece.symbol, 0) - odds) == 0
        for piece in target_pieces(penalty.expression)
        if piece.low < 0 < piece.high
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
                ("even", _evenness(analysis)),
                ("convex", _verdict(analysis.convexity)),
                ("loss l(z)", str(analysis.loss)),
            ),
        ),
        (
            "target: the minimiser z* of l, with c = (1 - alpha)/alpha",
            (
                ("condition", "\n".join(map(_condition, analysis.conditions))),
                *_finite(analysis.least_odds),
                ("closed form", _or_none(analysis.closed_form, "; see the enclosures below")),
                ("checked", _checked(analysis)),
                ("K >= 3 classes", _or_none(analysis.multiclass_closed_form)),
                *_small_alpha(analysis.small_alpha),
                *_responses(analysis),
            ),
        ),
        (
            f"{_kind_of_values(analysis)}, at the float64 nearest to each alpha",
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


def _evenness(analysis: Analysis) -> str:
    if analysis.even:
        return "yes, proved"
    return f"no: {analysis.asymmetry}" if analysis.asymmetry else "not proved"


def _condition(condition: Condition) -> str:
    low, high = condition.low, condition.high
    if condition.at_a_kink:
        end = "oo)" if condition.greatest == oo else f"{condition.greatest}]"
        text = f"c in [{condition.least}, {end}   (z = {low})"
    else:
        text = f"{condition.least} = c{_range(low, high)}"
    return text if condition.solvable else f"{text}: for no c > 0"


def _range(low: Expr, high: Expr) -> str:
    if low == -oo:
        return "" if high == oo else f"   (z < {high})"
    return f"   (z > {low})" if high == oo else f"   ({low} < z < {high})"


def _finite(least: Expr) -> Facts:
    if least == 0:
        return ()
    reason = f"f' >= {least} everywhere, so that for c <= {least} the loss rises with z throughout"
    return (("finite", f"for c > {least} only: {reason}"),)


def _small_alpha(expansion: Expr | None) -> Facts:
    return () if expansion is None else (("alpha -> 0", f"{expansion} + o(1)"),)


def _responses(analysis: Analysis) -> Facts:
    solvable = [condition.at_a_kink for condition in analysis.conditions if condition.solvable]
    if all(solvable):
        return (("dz*/dalpha", "0: z* is the same for every alpha"),)
    at = "at z = z*"
    rest, bent = ("; 0 at a kink", "; infinite at a kink") if any(solvable) else ("", "")
    return (
        ("dz*/dalpha", f"{analysis.derivative}   {at}{rest}"),
        ("curvature l''", f"{analysis.curvature}   {at}{bent}"),
        ("condition number", f"{analysis.condition_number}   {at}{rest}"),
    )


def _kind_of_values(analysis: Analysis) -> str:
    # The entropy, which is not convex, has one stationary point all the same.
    if analysis.convexity.supported or analysis.penalty.name in CATALOGUE:
        return "certified values of z*"
    return "certified stationary points of l"


def _steps(derivation: Derivation) -> Facts:
    return tuple(
        (f"step {number}", f"{step.rule}: {step.expression}")
        for number, step in enumerate(derivation, 1)
    )


def _or_none(expression: Expr | None, otherwise: str = "") -> str:
    return f"none found{otherwise}" if expression is None else str(expression)


def _verdict(outcome: Outcome) -> str:
    if outcome.supported:
        return f"yes, {outcome.grade.name} by {outcome.method}: {_in_z(outcome.detail)}"
    if outcome.refutes:
        return f"no: f'' < 0 at {outcome.witness}"
    return f"undecided: {_in_z(outcome.detail)}"


def _in_z(text: str) -> str:
    """The positive logit of a half-line has a name that the reader does not know."""
    return text.replace(str(x), "z")


def _checked(analysis: Analysis) -> str:
    entry = analysis.closed_form_check
    if entry is None:
        return "the enclosures below are certified by interval Newton steps"
    controls = f"rejects {entry.controls.rejected}/{entry.controls.total} false variants"
    if entry.verdict is Verdict.OPEN:
        return f"open: not proved to solve the condition, and alone; {controls}"
    return f"{entry.verdict.value}, {entry.grade} by substitution and uniqueness; {controls}"


def _checked_steps(derivation: Derivation) -> str:
    gaps = derivation.unproved()
    return f"steps not proved by algebra: {gaps}" if gaps else "every algebraic step is proved"

"""What ``derive`` says of a user's penalty, against a minimisation of the loss at many digits."""

from __future__ import annotations

from functools import cache

import mpmath
import pytest
from logitreg.errors import NoFiniteTargetError, NotConvexError, UnsupportedPenaltyError
from logitreg.proofs_checks.analysis import STAGES, Analysis, analyse, facts
from logitreg.proofs_checks.convexity import prove_convex
from logitreg.proofs_checks.gallery import derivation_page
from logitreg.theory import odds, z
from logitreg.theory.corners import smooth_stretches
from logitreg.theory.optimality import least_odds, optimality_conditions, slope_at_infinity
from logitreg.theory.penalties import penalty
from mpmath import cosh, exp, log1p, mpf, sqrt
from sympy import E, Expr, Rational, lambdify
from sympy import log as logarithm

PENALTIES = {
    "abs(z-1)": lambda t: abs(t - 1),
    "abs(z)+abs(z-1)": lambda t: abs(t) + abs(t - 1),
    "max(z^2,abs(z))": lambda t: max(t**2, abs(t)),
    "max(abs(z)-1,0)^2": lambda t: max(abs(t) - 1, 0) ** 2,
    "max(z-1,0)": lambda t: max(t - 1, 0),
    "min(abs(z),1)^2/2+max(abs(z)-1,0)": lambda t: min(abs(t), 1) ** 2 / 2 + max(abs(t) - 1, 0),
    "z^2+abs(z-1)+abs(z+1)": lambda t: t**2 + abs(t - 1) + abs(t + 1),
    "max(1-z,0)^2+max(z-2,0)": lambda t: max(1 - t, 0) ** 2 + max(t - 2, 0),
    "max(cosh(z),2)": lambda t: max(cosh(t), 2),
    "abs(z-1)^(3/2)": lambda t: abs(t - 1) ** mpf("1.5"),
    "z^2+z": lambda t: t**2 + t,
    "softplus(z)": lambda t: log1p(exp(t)),
    "exp(z)": lambda t: exp(t),
    "z+softplus(z)": lambda t: t + log1p(exp(t)),
    "sqrt(1+(z-2)^2)": lambda t: sqrt(1 + (t - 2) ** 2),
}
WITH_CLOSED_FORM = [name for name in PENALTIES if name not in ("abs(z-1)^(3/2)", "sqrt(1+(z-2)^2)")]


@cache
def analysis_of(text: str) -> Analysis:
    return analyse(penalty(text))


def text_of(analysis: Analysis) -> str:
    return "\n".join(f"{label}  {text}" for _, lines in facts(analysis) for label, text in lines)


@cache
def minimiser(text: str, alpha: float) -> mpf:
    """By ternary search on the loss itself, to half of the digits of its values."""
    f, a = PENALTIES[text], mpf(alpha)
    low, high = mpf(-30), mpf(30)
    while high - low > mpf(10) ** -45:
        left, right = low + (high - low) / 3, high - (high - low) / 3
        losses = [(1 - a) * log1p(exp(-t)) + a * f(t) for t in (left, right)]
        low, high = (low, right) if losses[0] < losses[1] else (left, high)
    return (low + high) / 2


@pytest.mark.parametrize("text", PENALTIES)
def test_the_certified_values_hold_the_minimiser_of_the_loss(text: str) -> None:
    with mpmath.workdps(110):
        for value in analysis_of(text).values:
            if value.enclosure.startswith("no finite"):
                assert (1 - value.alpha) / value.alpha <= 1
                continue
            middle, _, radius = value.enclosure.strip("[]").partition(" +/- ")
            # Where the ball is a point, thirty digits of it are shown.
            slack = mpf(radius or "1e-28") + mpf(10) ** -40
            assert abs(minimiser(text, value.alpha) - mpf(middle)) <= slack


@pytest.mark.parametrize("text", PENALTIES)
def test_the_minimiser_meets_the_condition_of_where_it_lies(text: str) -> None:
    conditions = analysis_of(text).conditions
    with mpmath.workdps(110):
        for alpha in (0.01, 0.1, 0.3):
            at, c = minimiser(text, alpha), (1 - mpf(alpha)) / mpf(alpha)
            held = [k for k in conditions if k.at_a_kink and abs(at - number(k.low)) < 1e-40]
            for kink in held:
                assert number(kink.least) < c < number(kink.greatest)
            inside = [k for k in conditions if number(k.low) < at < number(k.high)]
            for stretch in inside if not held else ():
                h = lambdify(z, stretch.least, "mpmath")
                assert abs(h(at) - c) < 1e-30 * c
            solvable = held or inside
            assert len(solvable) == 1
            assert solvable[0].solvable


def number(expression: Expr) -> mpf:
    if expression.is_infinite:
        return mpmath.inf if expression > 0 else -mpmath.inf
    return mpf(str(expression.evalf(110)))


@pytest.mark.parametrize("text", WITH_CLOSED_FORM)
def test_a_closed_form_is_proved_and_is_the_minimiser(text: str) -> None:
    analysis = analysis_of(text)
    assert analysis.closed_form is not None
    assert analysis.closed_form_check is not None
    assert analysis.closed_form_check.verdict.value == "holds"
    controls = analysis.closed_form_check.controls
    assert controls.rejected == controls.total > 2
    with mpmath.workdps(110):
        for alpha in (0.01, 0.1, 0.3):
            c = 1 / Rational(alpha) - 1
            value = number(analysis.closed_form.subs(odds, c))
            assert abs(value - minimiser(text, alpha)) < mpf(10) ** -40


@pytest.mark.parametrize("text", PENALTIES)
def test_convexity_is_proved_and_no_distribution_is_shown(text: str) -> None:
    analysis = analysis_of(text)
    assert analysis.convexity.supported
    for name in ("DiracDelta", "Heaviside", "sign(", "_x", "zoo", "nan"):
        assert name not in text_of(analysis)


def test_conditions_are_equations_between_kinks_and_inclusions_at_them() -> None:
    (_, left), (kink, at), (_, right) = (
        ((k.low, k.high), (str(k.least), str(k.greatest), k.solvable))
        for k in optimality_conditions(penalty("abs(z-1)"))
    )
    assert left == ("-exp(z) - 1", "-exp(z) - 1", False)
    assert (kink, at) == ((1, 1), (str(-E - 1), str(1 + E), True))
    assert right == ("exp(z) + 1", "exp(z) + 1", True)
    text = text_of(analysis_of("abs(z-1)"))
    for line in (
        "-exp(z) - 1 = c   (z < 1): for no c > 0",
        "c in [-E - 1, 1 + E]   (z = 1)",
        "exp(z) + 1 = c   (z > 1)",
    ):
        assert line in text


def test_a_bend_is_no_kink_and_the_end_of_a_wall_is_one() -> None:
    assert [k.at_a_kink for k in optimality_conditions(penalty("huber"))] == [False, False]
    inside, wall = optimality_conditions(penalty("box"))
    assert (inside.solvable, wall.at_a_kink, str(wall.greatest)) == (False, True, "oo")


def test_corners_are_exact() -> None:
    f = penalty("max(abs(z)-1,0)^2 + abs(exp(z)-3)").expression
    ends = [low for low, _, _ in smooth_stretches(f, z)]
    assert ends[1:] == [-1, 1, logarithm(3)]
    assert len(smooth_stretches(penalty("max(z, 2*z, 3*z)").expression, z)) == 2
    assert [s[2] for s in smooth_stretches(penalty("max(1/(1+z^2), z)").expression, z)] == [
        1 / (1 + z**2),
        z,
    ]


@pytest.mark.parametrize(
    "text", ["abs(abs(z)-1)", "min(z,0)", "z*abs(z)", "abs(z-1) - z^2/100", "max(z^3,z)"]
)
def test_a_kinked_function_that_is_not_convex_is_refuted(text: str) -> None:
    assert prove_convex(penalty(text).expression).refutes
    with pytest.raises(
        NotConvexError, match=r"not convex: (f' jumps|its second derivative) .*z = "
    ):
        analyse(penalty(text))


def test_what_is_not_even_is_said_with_a_witness() -> None:
    assert "even  no: f(1) = 2 and f(-1) = 0" in text_of(analysis_of("z^2+z"))
    assert "even  no: f(2) = 2 and f(-2) = 1" in text_of(analyse(penalty("max(0,1-z)+z")))
    assert "even  yes, proved" in text_of(analysis_of("max(z^2,abs(z))"))


def test_a_target_that_is_zero_is_shown_as_zero() -> None:
    values = {value.alpha: value.enclosure for value in analysis_of("softplus(z)").values}
    assert values[0.5] == "0"
    assert values[0.3].startswith("[0.847297860387203")
    assert str(analysis_of("softplus(z)").closed_form) == "log(c)"


def test_a_slope_that_is_positive_everywhere_limits_alpha() -> None:
    analysis = analyse(penalty("z"))
    assert (analysis.least_odds, str(analysis.closed_form)) == (1, "log(c - 1)")
    assert "finite  for c > 1 only" in text_of(analysis)
    shown = [value.enclosure for value in analysis.values]
    assert [text.startswith("no finite minimiser") for text in shown] == [False] * 4 + [True] * 2
    assert least_odds(penalty("3*z + exp(z)")) == 3
    assert least_odds(penalty("z^2 + z")) == 0


@pytest.mark.parametrize("text", ["-z", "max(-z,0)", "softplus(-z)", "abs(z)-z", "exp(-z)"])
def test_a_penalty_that_holds_no_logit_back_is_refused_with_the_reason(text: str) -> None:
    assert slope_at_infinity(penalty(text)) <= 0
    with pytest.raises(NoFiniteTargetError, match="f' <= 0 everywhere"):
        analyse(penalty(text))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("log(z)", "not a finite real number at z = 0"),
        ("-log(1-z^2)", "not a finite real number at z = 1"),
        ("1/z", "not a finite real number at z = 0"),
        ("max(exp(z),2-z)", "kinks .* were not found exactly"),
    ],
)
def test_what_cannot_be_derived_is_refused(text: str, reason: str) -> None:
    with pytest.raises(UnsupportedPenaltyError, match=reason):
        analyse(penalty(text))


def test_growth_without_a_known_expansion_shows_no_line_for_it() -> None:
    assert "alpha -> 0" not in text_of(analyse(penalty("exp(z^2)")))
    assert "log(1/alpha) + o(1)" in text_of(analysis_of("max(z-1,0)"))


def test_a_target_below_the_range_of_float64_loses_its_line_alone() -> None:
    shown = [value.enclosure for value in analyse(penalty("abs(z)^(1001/1000)")).values]
    assert shown[-1] == "no enclosure found"
    assert all(text.startswith("[") for text in shown[:-1])


def test_the_stages_are_reported_in_order() -> None:
    seen: list[str] = []
    analyse(penalty("z**2"), seen.append)
    assert tuple(seen) == STAGES


def test_the_page_of_a_penalty_draws_its_target_where_there_is_one() -> None:
    page = derivation_page(analyse(penalty("50*z")))
    assert "for c &gt; 50 only" in page
    assert "<svg" in page

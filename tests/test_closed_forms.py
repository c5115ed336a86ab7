"""Closed forms of theory against the stationary conditions, solved by others."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import mpmath
import pytest
from logitreg.theory import CATALOGUE, K, odds, z
from logitreg.theory.derivations import Derivation, Step
from logitreg.theory.formulas import SEVERAL, formula, formula_ids, target_formula_id
from logitreg.theory.penalties import penalty
from logitreg.theory.sensitivity import (
    condition_number,
    curvature_at_target,
    small_alpha_expansion,
    target_derivative,
)
from logitreg.theory.targets import closed_form, derivation, stationary_condition, target_branches
from scipy.optimize import minimize_scalar
from sympy import Eq, Expr, Float, Rational, cos, lambdify, sin

WITHOUT = ["pseudo-huber", "power"]
WITH_CLOSED_FORM = [name for name in CATALOGUE if name not in WITHOUT]
STRENGTHS = [Rational(1, 1000), Rational(1, 20), Rational(1, 4), Rational(1, 2), Rational(9, 10)]


def minimiser_of(name: str, alpha: mpmath.mpf) -> mpmath.mpf:
    """The minimiser of the loss on z >= 0 by golden-section search on the loss itself."""
    f = lambdify(z, CATALOGUE[name].expression, "mpmath")

    def loss(x: mpmath.mpf) -> mpmath.mpf:
        return (1 - alpha) * mpmath.log1p(mpmath.exp(-x)) + alpha * f(x)

    low, high = mpmath.mpf(0), mpmath.mpf(1 if name == "box" else 60)
    ratio = (mpmath.sqrt(5) - 1) / 2
    while high - low > mpmath.mpf(10) ** -24:
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, right) if loss(left) < loss(right) else (left, high)
    return (low + high) / 2


@pytest.mark.parametrize("name", WITH_CLOSED_FORM)
def test_the_binary_closed_form_minimises_the_loss(name: str) -> None:
    form = closed_form(CATALOGUE[name])
    with mpmath.workdps(90):
        # At alpha = 1/1000 the entropy's target is 999, where the loss is flat to 400 digits.
        for alpha in STRENGTHS[name == "entropy" :]:
            value = form.subs(odds, (1 - alpha) / alpha).evalf(30)
            expected = minimiser_of(name, mpmath.mpf(alpha.p) / alpha.q)
            assert abs(value - Float(expected, 30)) < 1e-20


def multiclass_gap(name: str, classes: int, alpha: float) -> float:
    """The gap at the minimum of the loss over (z_high, z_low), one coordinate inside the other."""
    f = lambdify(z, CATALOGUE[name].expression, "math")
    n = classes - 1

    def penalised(a: float, b: float) -> float:
        if name == "label-smoothing":
            return b + math.log(math.exp(a - b) + n) - (a + n * b) / classes
        if name == "entropy":
            p = 1 / (1 + n * math.exp(b - a))
            q = (1 - p) / n
            return p * math.log(p) + n * q * math.log(q)
        return float(f(a)) + n * float(f(b))

    def loss(a: float, b: float) -> float:
        return (1 - alpha) * math.log1p(n * math.exp(b - a)) + alpha * penalised(a, b)

    def minimise(g: Callable[[float], float], low: float, high: float) -> float:
        found = minimize_scalar(g, bounds=(low, high), method="bounded", options={"xatol": 1e-11})
        return float(found.x)

    if name in ("label-smoothing", "entropy"):
        return minimise(lambda a: loss(a, 0.0), 0, 30)

    def level(g: float) -> float:
        return minimise(lambda b: loss(b + g, b), -g, 0.1)

    return minimise(lambda g: loss(level(g) + g, level(g)), 0, 20)


@pytest.mark.parametrize(
    "name", ["label-smoothing", "quadratic", "absolute", "huber", "elastic", "entropy"]
)
@pytest.mark.parametrize("classes", [3, 10])
def test_the_gap_of_several_classes_minimises_the_loss(name: str, classes: int) -> None:
    form = closed_form(CATALOGUE[name], SEVERAL)
    for alpha in (Rational(1, 6), Rational(1, 3)):
        value = form.subs({odds: (1 - alpha) / alpha, K: classes}).evalf(20)
        # The loss is flat to rounding within about the square root of the unit roundoff.
        assert abs(float(value) - multiclass_gap(name, classes, float(alpha))) < 1e-5


@pytest.mark.parametrize("name", WITHOUT)
def test_no_closed_form_is_claimed_where_none_is_known(name: str) -> None:
    assert closed_form(CATALOGUE[name]) is None


def test_parameters_enter_the_closed_form() -> None:
    form = closed_form(penalty("huber", delta=3))
    value = form.subs(odds, 1000).evalf(30)
    assert abs(value - Float(mpmath.log(mpmath.mpf(1000) / 3 - 1), 15)) < 1e-14


def test_a_users_penalty_gets_the_closed_form_of_its_shape() -> None:
    assert str(closed_form(penalty("z**2/2 + 2*abs(z)"))) == (
        "Piecewise((0, c <= 4), (RLambertW(exp(2), c*exp(2)) - 2, True))"
    )
    assert closed_form(penalty("z**4")) is None
    assert closed_form(penalty("z**2 + z**4")) is None
    assert str(closed_form(penalty("z**2 + z"))) == "RLambertW(exp(1/2), c*exp(1/2)/2) - 1/2"


def test_a_gap_in_closed_form_needs_pieces_that_go_on_with_the_same_slope() -> None:
    written_out = "min(abs(z), 1)^2/2 + max(abs(z) - 1, 0)"
    assert closed_form(penalty(written_out), SEVERAL) == closed_form(CATALOGUE["huber"], SEVERAL)
    for text in ("max(abs(z) - 1, 0)", "max(abs(z), 2*abs(z) - 1)", "max(z^2, abs(z))"):
        assert closed_form(penalty(text), SEVERAL) is None


@pytest.mark.parametrize("text", ["abs(z) - log(1 + abs(z))", "abs(z) - 2*log(2 + abs(z))"])
def test_no_closed_form_is_offered_where_an_argument_of_lambert_may_be_negative(text: str) -> None:
    """z (1 + exp(z)) = c (1 + z): z exp(z) + r z = c with r = 1 - c, negative for c > 1."""
    assert closed_form(penalty(text)) is None
    assert closed_form(penalty(text), SEVERAL) is None


def test_a_lambert_function_of_a_negative_argument_proves_nothing() -> None:
    from logitreg.proofs_checks.closed_forms import closed_form_claim
    from logitreg.theory.special import RLambertW

    claim = closed_form_claim(CATALOGUE["quadratic"], 2, "id", "source", "text")
    form = claim.printed.content
    equation = stationary_condition(penalty("abs(z) - log(1 + abs(z))"))
    branch = replace(form.branches[0], target=RLambertW(1 - odds, odds), equation=equation)
    outcome = claim.checks[0](replace(form, branches=(branch,)))
    assert outcome.status.value == "undecided"
    assert "not known to be defined" in outcome.detail


def test_branches_cover_all_strengths_in_order() -> None:
    for name in WITH_CLOSED_FORM:
        branches = target_branches(CATALOGUE[name])
        assert branches is not None
        ends = [float(branch.up_to) for branch in branches]
        assert ends == sorted(ends)
        assert ends[-1] == float("inf")


@pytest.mark.parametrize("name", [n for n in CATALOGUE if n not in ("box", "absolute")])
def test_the_derivative_in_alpha_is_that_of_the_implicit_function(name: str) -> None:
    """Against a central difference of the root at 40 digits."""
    condition = stationary_condition(CATALOGUE[name])
    h = lambdify(z, condition.lhs, "mpmath")
    with mpmath.workdps(40):

        def root(alpha: mpmath.mpf) -> mpmath.mpf:
            c = (1 - alpha) / alpha
            return mpmath.findroot(lambda x: h(x) - c, (0.1, 4), solver="anderson")

        alpha, step = mpmath.mpf(1) / 4, mpmath.mpf(10) ** -12
        difference = (root(alpha + step) - root(alpha - step)) / (2 * step)
        x = root(alpha)

        def at_root(formula: Expr) -> Expr:
            there = formula.subs(z, Float(x, 40))
            return there.subs(dict.fromkeys(there.free_symbols, Rational(1, 4))).evalf(30)

        derivative = at_root(target_derivative(CATALOGUE[name]))
        assert abs(derivative - Float(difference, 30)) < 1e-15 * abs(derivative)
        relative = abs(derivative) / 4 / Float(x, 40)
        assert abs(at_root(condition_number(CATALOGUE[name])) - relative) < 1e-15


@pytest.mark.parametrize("name", list(CATALOGUE))
def test_the_expansion_meets_the_target_as_alpha_vanishes(name: str) -> None:
    """The difference falls from alpha = 1e-20 to 1e-80, to O((log L/L)^2) with L = 184."""
    expansion = small_alpha_expansion(CATALOGUE[name])
    assert expansion is not None
    h = lambdify(z, stationary_condition(CATALOGUE[name]).lhs, "mpmath")
    errors = []
    with mpmath.workdps(120):
        for power in (20, 80):
            alpha = Rational(1, 10**power)
            at_alpha = expansion.subs(dict.fromkeys(expansion.free_symbols, alpha))
            guess = mpmath.mpf(str(at_alpha.evalf(100)))
            if name == "box":
                errors.append(abs(guess - 1))
                continue
            c = (1 - mpmath.mpf(1) / 10**power) * mpmath.mpf(10) ** power
            exact = mpmath.findroot(lambda x, c=c: mpmath.log(h(x)) - mpmath.log(c), guess)
            errors.append(abs(exact - guess))
    assert errors[1] <= errors[0]
    assert errors[1] < 4 * (math.log(184) / 184) ** 2


@pytest.mark.parametrize("name", list(CATALOGUE))
def test_every_step_of_a_derivation_is_proved(name: str) -> None:
    assert derivation(CATALOGUE[name]).unproved() == ()


def test_a_wrong_step_is_found() -> None:
    wrong = Derivation("wrong", (Step("start", sin(z) ** 2, "start"), Step("no", 1 + cos(z) ** 2)))
    assert wrong.unproved() == (1,)
    halved = Step("b", Eq(z, 4), "equivalent", Rational(2))
    dropped = Derivation("wrong factor", (Step("a", Eq(2 * z, 4), "start"), halved))
    assert dropped.unproved() == (1,)


def test_the_curvature_at_the_target_is_the_second_derivative_of_the_loss() -> None:
    from logitreg.theory.losses import per_sample_loss

    for name in ("label-smoothing", "quadratic", "log-cosh", "entropy"):
        bend = per_sample_loss(CATALOGUE[name]).diff(z, 2)
        difference = curvature_at_target(CATALOGUE[name]) - bend
        symbols = {s: Rational(3, 7) for s in difference.free_symbols}
        assert abs(difference.subs(symbols).evalf(40)) < 1e-35


def test_formulas_bear_the_ids_of_claims() -> None:
    from logitreg.proofs_checks.claims import all_claims

    claims = {claim.id for claim in all_claims()}
    assert set(formula_ids()) - {"catalogue.target-box-multiclass"} <= claims
    assert formula("lead.target-quadratic").to_latex()


def test_every_closed_form_of_theory_has_its_claim() -> None:
    from logitreg.proofs_checks.claims.closed_forms import CLAIMS

    solved = {
        target_formula_id(name, classes): branches
        for name, f in CATALOGUE.items()
        for classes in (2, SEVERAL)
        if name != "box" and (branches := target_branches(f, classes)) is not None
    }
    claims = {claim.id: claim for claim in CLAIMS if claim.id != "catalogue.target-box"}
    assert list(claims) == list(solved)
    for id, branches in solved.items():
        controls = [control.text for control in claims[id].controls]
        assert ("thresholds moved by 1" in controls) == (len(branches) > 1)
        assert claims[id].printed.content.branches == branches


def test_a_claim_of_a_closed_form_that_theory_does_not_have_is_refused() -> None:
    from logitreg.proofs_checks.closed_forms import closed_form_claim

    claim = closed_form_claim(CATALOGUE["power"], 2, "id", "source", "text")
    with pytest.raises(ValueError, match="power has no closed form"):
        assert claim.printed.content


@pytest.mark.parametrize("name", ["label-smoothing", "quadratic", "huber"])
def test_a_target_that_is_off_by_far_less_than_float64_is_refuted_by_balls(name: str) -> None:
    from logitreg.proofs_checks.closed_forms import closed_form_claim

    claim = closed_form_claim(CATALOGUE[name], 2, "id", "source", "text")
    form = claim.printed.content
    off = tuple(
        replace(branch, target=branch.target + Rational(1, 10**60))
        if branch.equation is not None
        else branch
        for branch in form.branches
    )
    outcome = claim.checks[0](replace(form, branches=off))
    assert (outcome.refutes, outcome.grade.name) == (True, "CERTIFIED")
    assert claim.checks[0](form).grade.name == "PROVED"


def test_branches_that_do_not_meet_by_little_are_refuted_by_balls() -> None:
    from logitreg.proofs_checks.closed_forms import closed_form_claim

    claim = closed_form_claim(CATALOGUE["huber"], 2, "id", "source", "text")
    form = claim.printed.content
    first, *rest = form.branches
    moved = replace(first, up_to=first.up_to + Rational(1, 10**60))
    outcome = claim.checks[1](replace(form, branches=(moved, *rest)))
    assert (outcome.refutes, outcome.grade.name) == (True, "CERTIFIED")


def test_growth_that_sympy_cannot_tell_gives_no_expansion() -> None:
    for text in ("z*asinh(z)", "exp(z^2)", "max(exp(z), 2 - z)"):
        assert small_alpha_expansion(penalty(text)) is None


def test_the_expansion_is_that_of_the_last_piece() -> None:
    expected = small_alpha_expansion(penalty("quadratic"))
    assert small_alpha_expansion(penalty("max(abs(z)-1,0)^2")) == expected
    assert str(small_alpha_expansion(penalty("max(z - 1, 0)"))) == "log(1/alpha)"

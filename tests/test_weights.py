"""Penalties on the weights: updates, the plateau, and the claims on them."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from logitreg.proofs_checks.cases import in_cases, prove_in_cases
from logitreg.proofs_checks.claim import Claim, Verdict, judge
from logitreg.proofs_checks.claims import dropout, sparsity, weights
from logitreg.theory.weights import (
    PENALTIES,
    gradient_step,
    l1_step,
    l2_step,
    l2_update_derivation,
    plateau,
    slope,
    slope_at_zero,
    step_size,
    strength,
    weight,
)
from sympy import Abs, Equivalent, Max, Min, Piecewise, Rational, Symbol, sign

x, y = Symbol("x", real=True), Symbol("y", real=True)

MODULES = (weights, sparsity, dropout)
ALL = {claim.id: claim for module in MODULES for claim in module.CLAIMS}
CORRECTED = [id for id, claim in ALL.items() if claim.correction]

VERDICTS = {
    "primer.l2-update": Verdict.HOLDS_IF,
    "primer.l2-never-zero": Verdict.HOLDS_IF,
    "primer.l1-update": Verdict.HOLDS_IF,
    "primer.l1-plateau": Verdict.HOLDS_IF,
    "primer.l1-zero": Verdict.MISPRINTED,
    "primer.convex": Verdict.HOLDS_IF,
    "primer.l0": Verdict.HOLDS,
    "primer.geometry": Verdict.HOLDS_IF,
    "primer.dropout": Verdict.HOLDS_IF,
    "weights.prox-l0": Verdict.HOLDS,
    "weights.prox-l1": Verdict.HOLDS,
    "weights.prox-l2": Verdict.HOLDS,
    "weights.dropout-inverted": Verdict.HOLDS,
    "weights.dropout-geometric-mean": Verdict.HOLDS,
}


@pytest.mark.parametrize("id", ALL)
def test_the_claims_are_judged_and_their_controls_rejected(id: str) -> None:
    entry = judge(ALL[id])
    assert entry.verdict is VERDICTS[id]
    assert entry.grade == ("CERTIFIED" if id == "primer.dropout" else "PROVED")
    assert entry.controls.total >= 3
    assert entry.controls.rejected == entry.controls.total


@pytest.mark.parametrize("id", CORRECTED)
def test_a_corrected_statement_holds_when_it_is_the_printed_one(id: str) -> None:
    claim = ALL[id]
    assert claim.correction is not None
    fixed = replace(claim, printed=claim.correction.variant, correction=None, controls=())
    assert judge(fixed).verdict is Verdict.HOLDS


@pytest.mark.parametrize("id", ALL)
def test_a_false_variant_is_refuted_when_it_is_printed_and_corrects_nothing(id: str) -> None:
    claim = ALL[id]
    wrong = replace(claim, printed=claim.controls[0], correction=None, controls=())
    assert judge(wrong).verdict is Verdict.REFUTED
    if claim.correction is not None:
        useless = replace(claim.correction, variant=claim.controls[0])
        assert judge(replace(claim, correction=useless, controls=())).verdict is Verdict.REFUTED


@pytest.mark.parametrize("name", ["l1", "l2"])
def test_the_step_descends_the_penalised_cost_of_three_weights(name: str) -> None:
    w = (Fraction(3, 2), Fraction(-2), Fraction(1, 3))
    rate, lam, h = Fraction(1, 7), Fraction(2, 5), Fraction(1, 1000)
    size = {"l1": abs, "l2": lambda t: t * t}[name]

    def cost(v: list[Fraction]) -> Fraction:
        return v[0] * v[1] + v[1] * v[2] + v[0] + lam * sum(map(size, v))

    for index, value in enumerate(w):
        ahead, behind = list(w), list(w)
        ahead[index] += h
        behind[index] -= h
        # The central difference is exact: the cost is quadratic (linear under |w|) in each weight.
        expected = value - rate * (cost(ahead) - cost(behind)) / (2 * h)
        others = (w[1] + 1, w[0] + w[2], w[1])[index]
        at = {weight: value, slope: others, step_size: rate, strength: lam}
        exact = {s: Rational(v.numerator, v.denominator) for s, v in at.items()}
        step = {"l1": l1_step, "l2": l2_step}[name]()
        assert step.subs(exact) == gradient_step(PENALTIES[name]).subs(exact)
        assert step.subs(exact) == Rational(expected.numerator, expected.denominator)


def test_the_derivation_of_the_l2_update_has_no_gap() -> None:
    assert l2_update_derivation().unproved() == ()


def test_l2_reaches_zero_in_one_step_at_the_critical_rate_and_at_no_other() -> None:
    for rate in (Rational(1, 4), Rational(1, 2), Rational(3, 4)):
        after = l2_step().subs({weight: 3, slope: 0, strength: 1, step_size: rate})
        assert (after == 0) == (rate == Rational(1, 2))


def _orbit(w: Fraction, rate: Fraction, lam: Fraction, constant: Fraction, bend: Fraction):
    """The weights of the sign update for J'(w) = constant + bend w."""
    while True:
        yield w
        turn = (w > 0) - (w < 0)
        w = w - rate * lam * turn - rate * (constant + bend * w)


def _ends(rate: Fraction, lam: Fraction, constant: Fraction) -> tuple[Fraction, Fraction]:
    at = {step_size: rate, strength: lam, slope_at_zero: constant}
    exact = {s: Rational(v.numerator, v.denominator) for s, v in at.items()}
    low, high = (end.subs(exact) for end in plateau())
    return Fraction(int(low.p), int(low.q)), Fraction(int(high.p), int(high.q))


@pytest.mark.parametrize("constant", [Fraction(0), Fraction(3, 10), Fraction(-7, 10)])
@pytest.mark.parametrize("bend", [Fraction(0), Fraction(1), Fraction(2)])
@pytest.mark.parametrize("start", [Fraction(5), Fraction(-17, 5), Fraction(0), Fraction(1, 97)])
def test_weights_enter_the_plateau_and_stay(
    constant: Fraction, bend: Fraction, start: Fraction
) -> None:
    rate, lam = Fraction(1, 2), Fraction(1)
    low, high = _ends(rate, lam, constant)
    assert high - low == 2 * rate * lam
    nearer = min(lam + constant, lam - constant) * rate
    steps = max(0, -(-max(start - high, low - start) // nearer))
    orbit = _orbit(start, rate, lam, constant, bend)
    for _ in range(steps):
        next(orbit)
    assert all(low <= next(orbit) <= high for _ in range(12))


def test_a_constant_slope_fills_the_whole_plateau() -> None:
    rate, lam, constant = Fraction(1, 2), Fraction(1), Fraction(1, 997)
    low, high = _ends(rate, lam, constant)
    orbit = _orbit(Fraction(1, 10), rate, lam, constant, Fraction(0))
    seen = [next(orbit) for _ in range(2000)]
    assert min(seen) - low < Fraction(1, 500)
    assert high - max(seen) < Fraction(1, 500)


def test_a_steep_cost_throws_weights_off_the_plateau() -> None:
    rate, lam = Fraction(1, 2), Fraction(1)
    low, high = _ends(rate, lam, Fraction(0))
    orbit = _orbit(Fraction(49, 100), rate, lam, Fraction(0), Fraction(3))
    assert low < next(orbit) < high
    assert next(orbit) < low


def test_statements_with_pieces_are_decided_case_by_case() -> None:
    assert prove_in_cases([], Max(x, y) + Min(x, y) <= Abs(x) + Abs(y)).supported
    assert prove_in_cases([x < y], Abs(x) < Abs(y)).refutes
    assert prove_in_cases([], Equivalent(sign(x) > 0, x > 0)).supported
    assert prove_in_cases([], Piecewise((x, x > 1), (1, True)) >= x).supported
    assert prove_in_cases([], Piecewise((x, Abs(x) > 1), (1, True)) >= x).supported
    assert prove_in_cases([], Piecewise((x, x > 1), (0, True)) >= x).refutes


@pytest.mark.parametrize("value", [-3, -1, 0, Rational(1, 2), 1, 2])
def test_unfolding_keeps_the_truth_of_a_statement(value: Rational) -> None:
    for statement in (
        Abs(Abs(x) - 1) < Max(x, Rational(1, 3)),
        sign(x - 1) * Min(x, 2) >= Piecewise((x, Abs(x) < 1), (-1, True)),
    ):
        assert in_cases(statement).subs(x, value) == statement.subs(x, value)


def test_the_ids_are_those_expected() -> None:
    assert set(ALL) == set(VERDICTS)
    assert all(isinstance(claim, Claim) for claim in ALL.values())

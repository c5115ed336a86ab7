"""The derivative and the condition number of every smooth target; the level of the logits."""

from __future__ import annotations

import logitreg as lr
import numpy as np
import pytest
from logitreg.numerics.losses import sample_loss, target_levels
from logitreg.proofs_checks.claim import Claim, judge
from logitreg.proofs_checks.claims.target_response import CLAIMS
from logitreg.theory import CATALOGUE, sensitivity
from logitreg.theory import target_response as theory
from logitreg.theory.symbols import K, alpha, gap, z
from mpmath import mp, mpf
from sympy import Rational, simplify

SMOOTH = {
    "quadratic": lambda x: 2 * x,
    "label-smoothing": lambda x: mp.tanh(x / 2) / 2,
    "log-cosh": mp.tanh,
    "cosh": mp.sinh,
    "pseudo-huber": lambda x: x / mp.sqrt(1 + x * x),
}
POINT = {z: Rational(5, 4), alpha: Rational(3, 10)}


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda c: c.id)
def test_claims_hold_and_reject_their_controls(claim: Claim) -> None:
    entry = judge(claim)
    assert (entry.verdict.value, entry.grade) == ("holds", "PROVED")
    assert entry.controls.rejected == entry.controls.total >= 5


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda c: c.id)
def test_every_false_variant_printed_in_its_place_is_refuted(claim: Claim) -> None:
    for control in claim.controls[:2]:
        swapped = Claim(claim.id, control, claim.source, claim.checks, ())
        assert judge(swapped).verdict.value == "refuted"


def target_at(slope: object, strength: mpf) -> mpf:
    """The target by bisection of l'(z) at 40 digits."""
    low, high = mpf(0), mpf(60)
    for _ in range(160):
        middle = (low + high) / 2
        rising = strength * slope(middle) > (1 - strength) / (1 + mp.exp(middle))
        low, high = (low, middle) if rising else (middle, high)
    return (low + high) / 2


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("strength", ["0.05", "0.4", "0.9"])
def test_formulas_are_the_difference_quotients_of_50_digit_targets(
    name: str, strength: str
) -> None:
    with mp.workdps(50):
        a, step = mpf(strength), mpf(10) ** -12
        target = target_at(SMOOTH[name], a)
        quotient = (target_at(SMOOTH[name], a + step) - target_at(SMOOTH[name], a - step)) / (
            2 * step
        )
        bend = mp.diff(SMOOTH[name], target)
        at = {z: target, alpha: a, theory.bend: bend}
        derivative = mpf(str(theory.derivative().subs(at).evalf(30)))
        condition = mpf(str(theory.condition_number().subs(at).evalf(30)))
        assert abs(derivative / quotient - 1) < mpf(10) ** -15
        assert abs(condition / abs(a * quotient / target) - 1) < mpf(10) ** -15
        assert abs(derivative * (1 + a / 1000) / quotient - 1) > mpf(10) ** -6


@pytest.mark.parametrize("name", SMOOTH)
def test_generic_formulas_are_those_of_each_penalty(name: str) -> None:
    penalty = CATALOGUE[name]
    bend = penalty.expression.diff(z, 2)
    for generic, own in (
        (theory.derivative(), sensitivity.target_derivative(penalty)),
        (theory.condition_number(), sensitivity.condition_number(penalty)),
    ):
        parameters = dict.fromkeys(bend.free_symbols - {z}, 1)
        values = [
            e.subs(theory.bend, bend).subs(parameters).subs(POINT).evalf(25) for e in (generic, own)
        ]
        assert abs(values[0] / values[1] - 1) < 1e-20


def test_derivation_has_no_gap() -> None:
    assert theory.derivation().unproved() == ()


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_levels_of_the_quadratic_are_those_of_the_solver(classes: int) -> None:
    strength = 0.3
    low, high = target_levels("quadratic", strength, classes)
    found = lr.target("quadratic", strength, classes=classes) if classes > 2 else high - low
    upper, lower = (float(e.subs({K: classes, gap: found})) for e in theory.zero_sum_levels())
    assert (upper, lower) == (pytest.approx(high, rel=1e-13), pytest.approx(low, rel=1e-13))


def test_level_slope_of_label_smoothing_is_zero_at_any_levels() -> None:
    from logitreg.theory.losses import high, low

    assert simplify(theory.level_slope(CATALOGUE["label-smoothing"], high, low)) == 0
    assert simplify(theory.level_slope(CATALOGUE["quadratic"], high, low)) != 0
    logits = np.array([[1.0, -2.0, 0.5]])
    loss = sample_loss("label-smoothing", 0.2, np.array([0]), 3)
    np.testing.assert_allclose(loss.value(logits), loss.value(logits + 7), rtol=1e-14)

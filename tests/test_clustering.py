"""Clustering of Gaussian logits: the lemmas, the slope dQ/dr, and the claims that rest on them."""

from __future__ import annotations

from dataclasses import replace

import mpmath
import pytest
from logitreg.proofs_checks.claim import Claim, Verdict, judge
from logitreg.proofs_checks.claims import (
    closeness,
    clustering,
    exact_alignment,
    fisher_direction,
    max_margin,
    quadratic_loss,
)
from logitreg.proofs_checks.counterexamples import is_convex_loss
from logitreg.proofs_checks.smt import prove_implication
from logitreg.theory.clustering import (
    at_larger_scale,
    at_smaller_scale,
    cone_derivation,
    cone_lemmas,
    envelope_derivation,
    gaussian_expectation,
    mean,
    ratio,
    scaling_derivation,
    scaling_lemma,
    slope_in_ratio,
    stein_residual,
)
from logitreg.theory.symbols import z
from mpmath import mp, mpf
from sympy import Abs, Expr, Le, Lt, Matrix, Max, Rational, Symbol, lambdify

MODULES = (max_margin, clustering, quadratic_loss, fisher_direction, exact_alignment, closeness)
CLAIMS = {claim.id: claim for module in MODULES for claim in module.CLAIMS}
VERDICTS = {
    "beck.unregularised": Verdict.HOLDS_IF,
    "beck.lemma-C1": Verdict.HOLDS,
    "lead.lemma-C1-strict": Verdict.HOLDS,
    "beck.prop-3.1": Verdict.HOLDS_IF,
    "beck.prop-C3": Verdict.HOLDS_IF,
    "beck.cor-3.2": Verdict.MISPRINTED,
    "beck.quadratic": Verdict.HOLDS_IF,
    "beck.toy-quadratic": Verdict.HOLDS,
    "beck.toy-hinge": Verdict.HOLDS,
    "beck.cor-3.3": Verdict.HOLDS_IF,
    "lead.elliptical": Verdict.HOLDS_IF,
    "lead.bias-exact": Verdict.HOLDS_IF,
    "lead.equivariance": Verdict.HOLDS,
    "lead.angle-identity": Verdict.HOLDS,
    "beck.insensitivity": Verdict.MISPRINTED,
}


@pytest.mark.parametrize("id", sorted(VERDICTS))
def test_verdict_is_proved_and_every_control_rejected(id: str) -> None:
    entry = judge(CLAIMS[id])
    assert (entry.verdict, entry.grade) == (VERDICTS[id], "PROVED")
    assert entry.controls.rejected == entry.controls.total >= 3


def test_every_claim_of_the_topic_is_listed() -> None:
    assert set(CLAIMS) == set(VERDICTS)


@pytest.mark.parametrize("id", [i for i, v in VERDICTS.items() if v is not Verdict.HOLDS])
def test_corrected_content_in_place_of_the_printed_one_holds(id: str) -> None:
    claim = CLAIMS[id]
    assert claim.correction is not None
    corrected = replace(claim, printed=claim.correction.variant, correction=None, controls=())
    assert judge(corrected).verdict is Verdict.HOLDS


@pytest.mark.parametrize("id", [i for i, v in VERDICTS.items() if v is not Verdict.HOLDS])
def test_printed_content_alone_is_refuted(id: str) -> None:
    bare = replace(CLAIMS[id], correction=None, controls=())
    assert judge(bare).verdict is Verdict.REFUTED


@pytest.mark.parametrize("claim", [CLAIMS[i] for i in sorted(VERDICTS)], ids=lambda c: c.id)
def test_false_content_as_a_correction_supports_nothing(claim: Claim) -> None:
    for control in claim.controls:
        false = replace(claim, printed=control, correction=None, controls=())
        assert judge(false).verdict is Verdict.REFUTED


@pytest.mark.parametrize("dropped", ["f convex", "E x = 0", "lambda > 0"])
def test_scaling_lemma_needs_each_hypothesis(dropped: str) -> None:
    names = frozenset({"f convex", "E x = 0", "lambda > 0"})
    conclusion = Le(at_smaller_scale, at_larger_scale)
    full = scaling_lemma(names, conclusion)
    less = scaling_lemma(names - {dropped}, conclusion)
    assert prove_implication(full.hypotheses, full.conclusion).supported
    assert not prove_implication(less.hypotheses, less.conclusion).supported


def test_convexity_alone_does_not_make_the_growth_strict() -> None:
    names = frozenset({"f convex", "E x = 0", "lambda > 0", "x not almost surely 0"})
    lemma = scaling_lemma(names, Lt(at_smaller_scale, at_larger_scale))
    assert not prove_implication(lemma.hypotheses, lemma.conclusion).supported


CONE = frozenset(
    {
        "l convex",
        "l has a unique minimum z*",
        "z* > 0",
        "logits of the minimiser not all zero",
    }
)


@pytest.mark.parametrize("dropped", sorted(CONE))
def test_cone_argument_needs_each_hypothesis(dropped: str) -> None:
    def provable(names: frozenset[str]) -> bool:
        return all(
            prove_implication(x.hypotheses, x.conclusion).supported for x in cone_lemmas(names)
        )

    assert provable(CONE)
    assert not provable(CONE - {dropped})


def test_derivations_follow_step_by_step() -> None:
    for derivation in (scaling_derivation, cone_derivation, envelope_derivation):
        assert derivation().unproved() == ()


@pytest.mark.parametrize("power", range(8))
def test_gaussian_moments_agree_with_quadrature(power: int) -> None:
    center, spread = Rational(3, 7), Rational(5, 4)
    exact = gaussian_expectation((z - 1) ** power, center, spread)
    with mp.workdps(30):
        numeric = mpmath.quad(
            lambda t: (mpf(3) / 7 + mpf(5) / 4 * t - 1) ** power * mpmath.npdf(t),
            [-mpmath.inf, 0, mpmath.inf],
        )
        assert abs(numeric - mpf(exact.p) / exact.q) < mpf(10) ** -20


def test_stein_residual_vanishes_for_the_true_coefficient_alone() -> None:
    assert stein_residual(ratio * mean**2) == 0
    for wrong in (ratio * mean, mean**2, 2 * ratio * mean**2, -ratio * mean**2):
        assert stein_residual(wrong) != 0


def test_slope_of_the_best_loss_agrees_with_finite_differences_at_50_digits() -> None:
    """f(z) = exp(z - 1) - z: E exp(mu (1 + r Y) - 1) = exp(mu - 1 + mu^2 r^2/2)."""
    with mp.workdps(50):

        def best(r: mpf) -> mpf:
            slope = lambda m: (1 + m * r**2) * mpmath.exp(m - 1 + (m * r) ** 2 / 2) - 1  # noqa: E731
            return mpmath.findroot(slope, mpf("0.8"))

        def lowest(r: mpf) -> mpf:
            m = best(r)
            return mpmath.exp(m - 1 + (m * r) ** 2 / 2) - m

        r = mpf("0.7")
        m = best(r)
        bend = mpmath.exp(m - 1 + (m * r) ** 2 / 2)
        assert abs(mpmath.diff(lowest, r) - r * m**2 * bend) < mpf(10) ** -15


def test_slope_in_ratio_of_a_shifted_quadratic() -> None:
    best, slope, bend = slope_in_ratio(3 * (z - 2) ** 2)
    assert (slope - ratio * best**2 * bend).simplify() == 0


def test_kinked_penalty_keeps_noisy_weights_at_zero() -> None:
    """E l(s x) for f = |z|, alpha = 3/10, x ~ N(1, 9), by quadrature, exceeds l(0) for s != 0."""
    kinked = next(p for p in clustering.LOSSES_AND_POPULATIONS if p.loss.has(Abs))
    loss = lambdify(z, kinked.loss, "mpmath")
    assert kinked.has_positive_target
    assert kinked.minimality().name == "CERTIFIED"
    for s in (mpf("-0.1"), mpf("-0.01"), mpf("0.01"), mpf("0.1"), mpf("0.5")):
        kink = -mpf(1) / 3
        value = mpmath.quad(lambda t, s=s: loss(s * (1 + 3 * t)) * mpmath.npdf(t), [-12, kink, 12])
        assert value > loss(mpf(0)) + mpf(10) ** -4


def test_weights_that_do_not_minimise_are_no_example() -> None:
    for example in clustering.LOSSES_AND_POPULATIONS:
        shifted = example.optimum + Matrix([1] * example.optimum.rows)
        assert example.minimality()
        assert not replace(example, optimum=shifted).minimality()


@pytest.mark.parametrize("loss", [(z - 2) ** 2 + 6 * Max(0, 1 - z), 2 * (z - 2) ** 2 + Max(0, -z)])
def test_a_hinge_loss_of_another_form_is_not_taken_for_the_one_that_is_solved(loss: Expr) -> None:
    (hinged,) = (p for p in clustering.LOSSES_AND_POPULATIONS if p.loss.has(Max))
    assert hinged.minimality().name == "PROVED"
    assert not replace(hinged, loss=loss).minimality()


def test_convexity_of_losses_with_hinges() -> None:
    assert is_convex_loss((z - 2) ** 2 + 6 * Max(0, -z))
    assert not is_convex_loss((z - 2) ** 2 - 6 * Max(0, -z))
    assert not is_convex_loss(z**4 - z**2)
    assert not is_convex_loss(z**2 + Max(0, 1 - z**2))


def test_loss_grows_with_the_spread_at_fixed_mean() -> None:
    t = Symbol("t", positive=True)
    quartic = gaussian_expectation((z - 1) ** 4 + z**2, mean, t)
    for center in (Rational(-2), Rational(0), Rational(1), Rational(5)):
        slope = quartic.subs(mean, center).diff(t)
        assert all(slope.subs(t, s) > 0 for s in (Rational(1, 10), 1, 3))

"""K logits reduced to one gap: against minimisers over all logits, and checks that can fail."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from logitreg.proofs_checks.claim import judge
from logitreg.proofs_checks.claims import closed_forms
from logitreg.proofs_checks.closed_forms import closed_form_claim
from logitreg.proofs_checks.gap_reduction import (
    equations_are_stationarity,
    other_classes_share_one_logit,
)
from logitreg.proofs_checks.smt import prove_implication
from logitreg.theory import gap_reduction as theory
from logitreg.theory.formulas import SEVERAL
from logitreg.theory.penalties import CATALOGUE, Penalty, coordinatewise
from logitreg.theory.symbols import K, gap, k, logits, odds, z
from logitreg.theory.targets import target_branches
from scipy.optimize import minimize
from sympy import Eq, Rational, Sum, Symbol, log

NAMES = ["label-smoothing", "quadratic", "absolute", "huber", "elastic", "entropy"]
FORMS = {
    name: closed_form_claim(CATALOGUE[name], SEVERAL, "id", "source", "text").printed.content
    for name in NAMES
}


def loss(name: str, logits: np.ndarray, alpha: float) -> float:
    """Of a sample of the first class, from the definitions."""
    largest = logits.max()
    log_sum = largest + np.log(np.exp(logits - largest).sum())
    p = np.exp(logits - log_sum)
    size = np.abs(logits)
    penalty = {
        "label-smoothing": lambda: log_sum - logits.mean(),
        "quadratic": lambda: (size**2).sum(),
        "huber": lambda: np.where(size <= 1, size**2 / 2, size - 0.5).sum(),
        "entropy": lambda: (p * (logits - log_sum)).sum(),
    }[name]()
    return float((1 - alpha) * (log_sum - logits[0]) + alpha * penalty)


@pytest.mark.parametrize("name", ["label-smoothing", "quadratic", "huber", "entropy"])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_minimiser_over_all_logits_has_two_levels_and_the_gap_of_the_closed_form(
    name: str, seed: int
) -> None:
    classes, alpha = 4, 0.3
    start = np.random.default_rng(seed).standard_normal(classes)
    found = minimize(lambda v: loss(name, v, alpha), start, method="BFGS", options={"gtol": 1e-9}).x
    assert np.ptp(found[1:]) < 1e-5
    branches = target_branches(CATALOGUE[name], classes)
    assert branches is not None
    c = Rational(7, 3)
    stated = next(b.target for b in branches if b.up_to.subs(odds, c) >= c)
    assert found[0] - found[1:].mean() == pytest.approx(float(stated.subs(odds, c)), abs=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_every_step_to_the_gap_is_proved(name: str) -> None:
    derivation = theory.gap_derivation(CATALOGUE[name], FORMS[name].branches)
    assert derivation.unproved() == ()


def test_claims_of_several_classes_carry_the_reduction() -> None:
    several = [c for c in closed_forms.CLAIMS if c.id.endswith("-multiclass")]
    assert len(several) == len(NAMES)
    for claim in several:
        assert {other_classes_share_one_logit, equations_are_stationarity} <= set(claim.checks)
        assert claim.derivation is not None


@pytest.mark.parametrize("name", NAMES)
def test_another_equation_is_not_that_of_a_stationary_point(name: str) -> None:
    form = FORMS[name]
    assert equations_are_stationarity(form).supported
    wrong = tuple(
        replace(b, equation=Eq(2 * b.equation.lhs, odds)) if b.equation is not None else b
        for b in form.branches
    )
    assert equations_are_stationarity(replace(form, branches=wrong)).refutes


def test_levels_outside_their_pieces_are_refused() -> None:
    first, second = FORMS["huber"].branches
    late = replace(second, start=2 * second.start)
    swapped = replace(FORMS["huber"], branches=(first, late))
    assert not equations_are_stationarity(swapped).supported


@pytest.mark.parametrize(
    "penalty",
    [
        Penalty("not symmetric", z**2, Sum(k * logits[k] ** 2, (k, 1, K))),
        Penalty("not convex", -(z**2), coordinatewise(-(z**2))),
    ],
    ids=lambda p: p.name,
)
def test_without_symmetry_or_convexity_there_is_no_reduction(penalty: Penalty) -> None:
    form = replace(FORMS["quadratic"], penalty=penalty)
    assert not other_classes_share_one_logit(form).supported


def test_exchange_needs_strict_convexity_somewhere() -> None:
    for in_probabilities in (False, True):
        bend, middle = theory.exchange_lemmas(in_probabilities=in_probabilities)
        for lemma in (bend, middle):
            assert prove_implication(lemma.hypotheses, lemma.conclusion).supported
        weak = [h.func(*h.args) if i else h.lhs <= h.rhs for i, h in enumerate(middle.hypotheses)]
        weak[1] = middle.hypotheses[1].lhs <= middle.hypotheses[1].rhs
        assert prove_implication(weak, middle.conclusion).refutes


def test_a_wrong_gap_leaves_the_claim_refuted() -> None:
    claim = next(c for c in closed_forms.CLAIMS if c.id == "lead.target-quadratic-multiclass")
    for control in claim.controls:
        assert judge(replace(claim, printed=control, controls=())).verdict == "refuted"


def test_only_minus_the_entropy_is_treated_in_the_probabilities() -> None:
    assert [name for name in CATALOGUE if theory.is_minus_entropy(CATALOGUE[name])] == ["entropy"]
    x = Symbol("x", positive=True)
    assert (x * log(x)).diff(x, 2) == 1 / x
    assert gap in theory.gap_equations(CATALOGUE["entropy"])[0].h.free_symbols

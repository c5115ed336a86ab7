"""Cover's count of separable labellings, and the lemmas of delayed generalisation."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pytest
from logitreg.proofs_checks import separation
from logitreg.proofs_checks.claim import judge
from logitreg.proofs_checks.claims import separability
from logitreg.proofs_checks.separation import is_separable, labellings_are_counted
from logitreg.proofs_checks.smt import prove_implication
from logitreg.theory import cover
from logitreg.theory import delayed_generalisation as grokking
from logitreg.theory import separability as separability_theory
from logitreg.theory.alignment import Lemma
from sympy import Expr, Integer, Matrix, diag

LEMMAS = (
    *cover.splitting_lemmas(),
    *grokking.fitting_lemmas(),
    *grokking.descent_lemmas(),
    *separability_theory.saturation_lemmas(),
    *separability_theory.regularisation_wins_lemmas(),
)


@pytest.mark.parametrize(("samples", "features"), [(3, 2), (4, 2), (4, 3)])
def test_exact_count_agrees_with_an_smt_solver_labelling_by_labelling(
    samples: int, features: int
) -> None:
    points = cover.points_in_general_position(samples, features)
    found = sum(is_separable(diag(*y) * points) for y in product((-1, 1), repeat=samples))
    assert cover.separable_labellings_counted(points) == found
    assert found == cover.separable_labellings(samples, features).doit()


@pytest.mark.parametrize(("samples", "features"), [(5, 2), (6, 3), (6, 4), (7, 3)])
def test_points_are_in_general_position_and_have_covers_count(samples: int, features: int) -> None:
    points = cover.points_in_general_position(samples, features)
    for subset in combinations(range(samples), features):
        assert points.extract(list(subset), range(features)).det() != 0
    stated = cover.separable_labellings(samples, features).doit()
    assert cover.separable_labellings_counted(points) == stated


def test_points_on_a_line_have_another_count() -> None:
    on_a_line = Matrix([[1, 0], [2, 0], [0, 1]])
    found = sum(is_separable(diag(*y) * on_a_line) for y in product((-1, 1), repeat=3))
    assert found == 4 != cover.separable_labellings(3, 2).doit()


@pytest.mark.parametrize("samples", [1, 2, 5, 9])
@pytest.mark.parametrize("features", [2, 3, 6])
def test_closed_form_obeys_the_recursion(samples: int, features: int) -> None:
    def count(n: int, d: int) -> int:
        if d == 0:
            return 0
        return 2 if n == 1 else count(n - 1, d) + count(n - 1, d - 1)

    assert cover.separable_labellings(samples, features).doit() == count(samples, features)


def test_identities_vanish() -> None:
    assert not any(cover.count_residuals())
    assert cover.dimensions_suffice() == cover.projection_identity() == 0


def test_a_wrong_count_refutes_the_threshold(monkeypatch: pytest.MonkeyPatch) -> None:
    claim = next(c for c in separability.CLAIMS if c.id == "beck.threshold-0")
    assert judge(replace(claim, controls=())).verdict == "misprinted"

    def doubled(samples: Expr, features: Expr) -> Expr:
        return Integer(2 * samples * features)

    labellings_are_counted.cache_clear()
    monkeypatch.setattr(separation.cover, "separable_labellings", doubled)
    assert labellings_are_counted().refutes
    assert judge(replace(claim, controls=())).verdict == "refuted"
    labellings_are_counted.cache_clear()
    monkeypatch.undo()
    assert labellings_are_counted().supported


@pytest.mark.parametrize("lemma", LEMMAS, ids=lambda lemma: lemma.sentence[:40])
def test_lemma_is_proved_and_its_negation_is_not(lemma: Lemma) -> None:
    assert prove_implication(lemma.hypotheses, lemma.conclusion).supported
    assert not prove_implication(lemma.hypotheses, ~lemma.conclusion).supported


@pytest.mark.parametrize(("lemma", "dropped"), [(0, 1), (1, 0), (1, 2), (2, 2), (3, 1)])
def test_descent_needs_its_hypotheses(lemma: int, dropped: int) -> None:
    found = grokking.descent_lemmas()[lemma]
    rest = [h for i, h in enumerate(found.hypotheses) if i != dropped]
    assert not prove_implication(rest, found.conclusion).supported


def test_descent_obeys_the_bound_at_every_step() -> None:
    rng = np.random.default_rng(0)
    X = np.hstack([np.ones((8, 1)), rng.standard_normal((8, 5))])

    def total(S: np.ndarray) -> float:
        return float(np.log1p(np.exp(-X @ S)).mean())

    smoothness = np.linalg.eigvalsh(X.T @ X / 8)[-1] / 4
    step, S = 1 / smoothness, np.zeros(6)
    for T in range(1, 200):
        S = S + step * X.T @ (1 / (1 + np.exp(X @ S))) / 8
        for t in (0.5, 2.0, 5.0):
            u = np.r_[t, np.zeros(5)]
            assert total(S) <= total(u) + u @ u / (2 * step * T)

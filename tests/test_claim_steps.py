"""Steps inside the proofs of claims: against numbers, and without a hypothesis that they need."""

from __future__ import annotations

import numpy as np
import pytest
from logitreg.proofs_checks.claims import (
    effective_noise,
    many_classes,
    signal_noise,
    targets,
    weights,
)
from logitreg.proofs_checks.smt import prove_implication
from logitreg.theory import alignment, clustering
from logitreg.theory import fisher as fisher_theory
from logitreg.theory import signal_noise as noise_theory
from logitreg.theory.signal_noise import ratio
from logitreg.theory.words import letters, normal_form

CLAIMS = {
    claim.id: claim
    for module in (effective_noise, many_classes, signal_noise, weights)
    for claim in module.CLAIMS
}


def test_linearity_bound_holds_with_the_parts_that_its_identities_name() -> None:
    assert all(rest == 0 for _, rest in alignment.linearity_identities())
    rng = np.random.default_rng(0)
    X = rng.standard_normal((12, 3))
    P = X @ np.linalg.pinv(X)
    for _ in range(20):
        V, T, Z = (rng.standard_normal((12, 2)) for _ in range(3))
        Z, (a, b) = X @ rng.standard_normal((3, 2)), rng.standard_normal(2)
        E = V - a * T - b * Z
        np.testing.assert_allclose(b * Z + a * P @ T, P @ V - P @ E, atol=1e-12)
        fisher_logits = P @ T
        cosine = (Z * fisher_logits).sum() / np.linalg.norm(Z) / np.linalg.norm(fisher_logits)
        bound = (np.linalg.norm(P @ V) + np.linalg.norm(E)) / (abs(b) * np.linalg.norm(Z))
        assert np.sqrt(1 - cosine**2) <= bound * (1 + 1e-12)


def test_triangle_inequality_needs_cauchy_schwarz() -> None:
    lemma = alignment.linearity_lemmas(alignment.linearity_bound())[0]
    assert prove_implication(lemma.hypotheses, lemma.conclusion).supported
    for dropped in range(len(lemma.hypotheses)):
        rest = [h for i, h in enumerate(lemma.hypotheses) if i != dropped]
        assert not prove_implication(rest, lemma.conclusion).supported


def test_interpolating_weights_give_every_sample_its_target() -> None:
    assert all(rest == 0 for _, rest in fisher_theory.interpolation())
    rng = np.random.default_rng(1)
    means, noise_space = rng.standard_normal((6, 3)), rng.standard_normal((6, 6))
    D = means[:, 1:] - means[:, :1]
    noise = noise_space - D @ np.linalg.pinv(D) @ noise_space
    z = 2.0 * np.eye(3) - 0.5
    W = (z[:, 1:] - z[:, :1]) @ np.linalg.pinv(D)
    b = z[:, 0] - W @ means[:, 0]
    for c in range(3):
        for n in noise.T:
            np.testing.assert_allclose(W @ (means[:, c] + n) + b, z[:, c], atol=1e-9)


def test_shortest_solution_lies_in_the_row_space() -> None:
    assert noise_theory.least_norm_identity() == noise_theory.signal_in_the_row_space() == 0
    at, x, xt, a, d, dt = letters("at X Xt a D Dt")
    left = normal_form((at * x + dt) * (xt * a + d) - at * x * xt * a - dt * d)
    assert left != 0
    X = np.random.default_rng(2).standard_normal((2, 4))
    shortest = X.T @ np.linalg.solve(X @ X.T, np.ones(2))
    other = shortest + (np.eye(4) - np.linalg.pinv(X) @ X) @ np.ones(4)
    np.testing.assert_allclose(X @ other, 1)
    assert np.linalg.norm(shortest) < np.linalg.norm(other)


def test_tangent_of_a_convex_function_needs_convexity() -> None:
    convex, not_convex = (clustering.pointwise_lemmas(frozenset(h)) for h in ({"f convex"}, ()))
    assert all(prove_implication(x.hypotheses, x.conclusion).supported for x in convex)
    assert prove_implication(not_convex[0].hypotheses, not_convex[0].conclusion).refutes


@pytest.mark.parametrize(("lemma", "needed"), [(0, "f convex"), (1, "f even")])
def test_the_only_target_is_not_negative_by_convexity_and_symmetry(lemma: int, needed: str) -> None:
    both = frozenset({"f convex", "f even"})
    assert all(outcome.supported for outcome in targets._uniqueness_lemmas(both))
    assert targets._uniqueness_lemmas(both - {needed})[lemma].refutes


def test_cosine_without_c_does_not_depend_on_the_signal_noise() -> None:
    claim = CLAIMS["beck.eq-4"]
    assert claim.correction is not None
    check = signal_noise._ratio_depends_on_the_signal_noise_alone
    content = claim.correction.variant.content
    assert check(content).supported
    assert check(content._replace(formula=content.formula.subs(ratio, 1))).refutes


def test_units_are_shown_to_cancel_and_not_taken_for_granted() -> None:
    content = CLAIMS["beck.effective-noise"].printed.content
    found = effective_noise._does_not_depend_on_units(content)
    assert found.supported
    assert "evaluates to true" not in found.detail
    assert effective_noise._does_not_depend_on_units(content._replace(per_distance=2)).refutes


def test_largest_logit_is_that_of_the_label_only_if_the_gap_is_positive() -> None:
    content = CLAIMS["beck.prop-D2"].correction.variant.content  # type: ignore[union-attr]
    found = many_classes._generalises_perfectly(content)
    assert found.supported
    assert "g > 0" in found.detail
    assert many_classes._generalises_perfectly(content - {many_classes._GAP}).refutes


def test_weights_enter_the_plateau_only_where_a_step_does_not_end_above_it() -> None:
    content = CLAIMS["primer.l1-plateau"].correction.variant.content  # type: ignore[union-attr]
    assert weights._enters_in_finitely_many_steps(content).supported
    assert weights._weights_end_in_the_interval(content).supported
    assert weights._weights_end_in_the_interval(content._replace(hypotheses=())).refutes

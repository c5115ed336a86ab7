"""Matrix algebra of the optimal direction, against explicit matrices."""

from __future__ import annotations

import numpy as np
import pytest
from logitreg.proofs_checks.claims.fisher_direction import CLAIMS
from logitreg.proofs_checks.counterexamples import evaluated
from logitreg.theory.fisher_direction import (
    angle_derivation,
    class_mean_gap,
    covariance,
    fisher,
    rival,
    simplified,
    square,
    with_bias,
    without_bias,
)
from scipy.optimize import minimize
from sympy import Identity, Matrix, Rational


def explicit(seed: int) -> dict[str, Matrix]:
    """A covariance, a mean and a direction orthogonal to the mean, in rationals."""
    rng = np.random.default_rng(seed)
    root = Matrix(3, 3, [Rational(int(v), 2) for v in rng.integers(-4, 5, 9)])
    mu = Matrix([Rational(int(v)) for v in rng.integers(1, 6, 3)])
    free = Matrix([Rational(int(v)) for v in rng.integers(-5, 6, 3)])
    across = free - (free.T * mu)[0] / (mu.T * mu)[0] * mu
    return {"Sigma": root * root.T + Matrix.eye(3), "delta": mu, "D": across}


@pytest.mark.parametrize("seed", range(4))
def test_simplified_form_has_the_value_of_the_original(seed: int) -> None:
    values = explicit(seed)
    original = (fisher() + rival).T * covariance * (fisher() + rival)
    rest = rival.T * covariance * rival
    assert simplified(original) == square * Identity(1) + rest
    kappa = (values["delta"].T * values["Sigma"].inv() * values["delta"])[0]
    assert evaluated(original, values)[0] == kappa + evaluated(rest, values)[0]


def test_products_that_do_not_vanish_are_kept() -> None:
    assert simplified(rival.T * covariance * class_mean_gap) != 0 * Identity(1)
    assert simplified(fisher().T * covariance * rival) == 0 * Identity(1)


@pytest.mark.parametrize("aim", [1, 3])
def test_weights_of_two_classes_agree_with_least_squares_on_weighted_points(aim: int) -> None:
    """A law with the classes' moments: for each class the points mean +- sqrt(d) L e_i."""
    share = Rational(1, 4)
    means = (Matrix([1, 2]), Matrix([0, -1]))
    spreads = (Matrix([[2, 1], [1, 3]]), Matrix([[1, 0], [0, 4]]))
    rows, weights, signs = [], [], []
    for sign, p, mu, sigma in zip((1, -1), (0.25, 0.75), means, spreads, strict=True):
        center = np.array(mu.T.tolist(), dtype=float)[0]
        root = np.linalg.cholesky(np.array(sigma.tolist(), dtype=float)) * np.sqrt(2)
        for step in np.vstack((root.T, -root.T)):
            rows.append(np.append(center + step, 1.0))
            weights.append(p / 4)
            signs.append(sign)
    X, w, y = np.array(rows), np.sqrt(weights), np.array(signs, dtype=float)
    biased = np.linalg.lstsq(X * w[:, None], aim * y * w, rcond=None)[0][:2]
    plain = np.linalg.lstsq(X[:, :2] * w[:, None], y * w, rcond=None)[0]
    found = with_bias(share, means, spreads, aim)
    np.testing.assert_allclose(np.array(found.T.tolist(), dtype=float)[0], biased, rtol=1e-10)
    found = without_bias(share, means, spreads)
    np.testing.assert_allclose(np.array(found.T.tolist(), dtype=float)[0], plain, rtol=1e-10)


def test_angle_derivation_follows() -> None:
    assert angle_derivation().unproved() == ()


@pytest.mark.parametrize("alpha", [0.05, 0.5])
def test_gaussian_minimiser_of_label_smoothing_is_along_the_inverse_covariance(
    alpha: float,
) -> None:
    sigma, mu = np.array([[2.0, 0.6], [0.6, 0.5]]), np.array([1.0, -0.7])
    nodes, masses = np.polynomial.hermite_e.hermegauss(80)
    masses /= masses.sum()

    def loss(s: np.ndarray) -> float:
        logits = s @ mu + np.sqrt(s @ sigma @ s) * nodes
        cross = (1 - alpha / 2) * np.logaddexp(0, -logits) + alpha / 2 * np.logaddexp(0, logits)
        return float(masses @ cross)

    found = minimize(loss, 0.1 * mu, options={"gtol": 1e-10}).x
    expected = np.linalg.solve(sigma, mu)
    cross = found[0] * expected[1] - found[1] * expected[0]
    assert abs(cross) < 1e-5 * np.linalg.norm(found) * np.linalg.norm(expected)
    assert found @ expected > 0


def test_claims_name_every_hypothesis_that_their_controls_drop() -> None:
    for claim in CLAIMS:
        assert claim.correction is not None
        full = claim.correction.variant.content.hypotheses
        assert claim.printed.content.hypotheses < full

"""Signal plus noise: accuracy, cosine, invariance and the small-noise expansion."""

from __future__ import annotations

from dataclasses import replace

import mpmath
import numpy as np
import pytest
from logitreg.proofs_checks.claim import Claim, judge
from logitreg.proofs_checks.claims import invariance, signal_noise
from logitreg.proofs_checks.signal_noise import least_squares_is_a_member
from logitreg.theory import signal_noise as theory
from logitreg.theory.symbols import alpha, z
from mpmath import mp
from scipy.optimize import minimize
from sympy import Matrix, lambdify

VERDICTS = {
    "beck.eq-4": "holds if",
    "beck.eq-5": "holds",
    "beck.C-linear": "holds",
    "beck.logit-variance": "holds if",
    "beck.prop-5.1": "misprinted",
    "beck.prop-6.1": "holds",
    "beck.tikhonov": "holds",
}
CLAIMS = {claim.id: claim for claim in signal_noise.CLAIMS + invariance.CLAIMS}


def minimiser(X: np.ndarray, strength: float) -> np.ndarray:
    """The minimiser of sum (1 - alpha) log(1 + exp(-z)) + alpha z^2, by Newton's method."""
    S = np.zeros(X.shape[1])
    for _ in range(60):
        logits = X @ S
        tail = 1 / (1 + np.exp(logits))
        slope = -(1 - strength) * tail + 2 * strength * logits
        bend = (1 - strength) * tail * (1 - tail) + 2 * strength
        S = S - np.linalg.solve(X.T @ (bend[:, None] * X), X.T @ slope)
    return S


def draw(samples: int, features: int, spread: float, seed: int = 0) -> np.ndarray:
    X = np.random.default_rng(seed).standard_normal((samples, features))
    X[:, 0] = 1 + spread * X[:, 0]
    return X


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS.keys())
def test_verdict_follows_and_every_control_is_rejected(claim: Claim) -> None:
    entry = judge(claim)
    assert (entry.verdict, entry.grade) == (VERDICTS[claim.id], "PROVED")
    assert entry.controls.rejected == entry.controls.total >= 3


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS.keys())
def test_exchanging_printed_content_changes_the_verdict(claim: Claim) -> None:
    for control in claim.controls:
        assert judge(replace(claim, printed=control, correction=None)).verdict == "refuted"
    if claim.correction:
        corrected = replace(claim, printed=claim.correction.variant, correction=None)
        assert judge(corrected).verdict == "holds"
        assert judge(replace(claim, correction=None)).verdict == "refuted"


def test_least_squares_is_a_member_of_the_class() -> None:
    assert least_squares_is_a_member()
    f = lambdify((z, alpha), theory.quadratic_member(), "mpmath")
    with mp.workdps(50):
        for value in map(mpmath.mpf, ("-7.5", "-1", "0", "0.3", "4")):
            strength = mpmath.mpf(2) / 5
            loss = (1 - strength) * mp.log1p(mp.exp(-value)) + strength * f(value, strength)
            assert mp.almosteq(loss, (1 - strength) * ((value - 1) ** 2 - 1) / 4, abs_eps=1e-45)


def test_accuracy_is_the_normal_distribution_function_of_mean_over_deviation() -> None:
    symbols = (theory.rho, theory.mu_f, theory.sigma_f, theory.sigma_n)
    formula = lambdify(symbols, theory.accuracy(), "mpmath")
    with mp.workdps(50):
        for rho, mu, spread, noise in [(0.9, 1, 0.5, 2), (-0.3, 2, 1, 0.1), (0, 1, 1, 1)]:
            r, m, s, n = map(mpmath.mpf, (rho, mu, spread, noise))
            deviation = mp.sqrt((r * s) ** 2 + (1 - r * r) * n**2)
            assert mp.almosteq(formula(r, m, s, n), mp.ncdf(r * m / deviation), 1e-45)


def test_least_norm_weights_agree_with_least_squares_of_numpy() -> None:
    for shape in [(5, 3), (3, 3), (2, 4)]:
        X = np.random.default_rng(1).integers(-4, 5, shape)
        exact = np.array(theory.least_norm_weights(Matrix(X.tolist())), dtype=float).ravel()
        found = np.linalg.lstsq(X.astype(float), np.ones(shape[0]), rcond=None)[0]
        np.testing.assert_allclose(exact, found, atol=1e-12)


@pytest.mark.parametrize("features", [3, 8])
def test_without_signal_noise_the_minimiser_is_the_signal_up_to_as_many_features_as_samples(
    features: int,
) -> None:
    weights = minimiser(draw(8, features, spread=0), 0.2)
    assert weights[0] > 0
    np.testing.assert_allclose(weights[1:], 0, atol=1e-10)


def test_least_norm_solution_leaves_the_signal_with_more_features_than_samples() -> None:
    weights = np.linalg.lstsq(draw(8, 9, spread=0), np.ones(8), rcond=None)[0]
    assert np.linalg.norm(weights[1:]) > 0.1


def test_test_logits_do_not_change_with_the_orthogonal_noise() -> None:
    X, fresh = draw(40, 20, 0.7), draw(100, 20, 0.7, seed=1)
    logits = [
        (fresh * scale) @ minimiser(X * scale, 0.2)
        for scale in (np.r_[1, np.full(19, noise)] for noise in (0.1, 1, 6))
    ]
    np.testing.assert_allclose(logits[1], logits[0], rtol=1e-9)
    np.testing.assert_allclose(logits[2], logits[0], rtol=1e-9)


def test_small_signal_noise_moves_the_weights_by_minus_the_regression_on_the_data() -> None:
    X, spread = draw(30, 10, 0), 1e-4
    xi = np.random.default_rng(5).standard_normal(30)
    moved = X.copy()
    moved[:, 0] += spread * xi
    before, after = minimiser(X, 0.2), minimiser(moved, 0.2)
    slope = -before[0] * np.linalg.lstsq(X, xi, rcond=None)[0]
    np.testing.assert_allclose((after - before) / spread, slope, rtol=1e-3, atol=1e-3)


def test_training_logits_vary_more_than_the_signal_for_large_signal_noise_only() -> None:
    """Least squares: more iff (mu_f/sigma_f)^2 < 1 - lambda, in the high-dimensional limit."""
    for spread, more in [(0.5, False), (1.0, False), (2.5, True)]:
        X = draw(1200, 600, spread)
        weights = np.linalg.lstsq(X, np.ones(1200), rcond=None)[0]
        assert (np.var(X @ weights) > (spread * weights[0]) ** 2) == more


def test_the_first_weight_of_a_minimiser_may_be_negative() -> None:
    weights = minimiser(np.array([[1.0, 2], [2, 3], [3, 4]]), 0.2)
    assert weights[0] < 0
    np.testing.assert_allclose(weights[0], -weights[1], rtol=1e-9)


def test_vandermonde_data_are_in_general_position() -> None:
    X = theory.vandermonde(5, 3)
    noise = X[:, 1:]
    for i in range(5):
        for j in range(i):
            assert noise.extract([i, j], [0, 1]).det() != 0
            for k in range(j):
                assert X.extract([i, j, k], [0, 1, 2]).det() != 0


def test_derivations_have_no_unproved_step() -> None:
    assert theory.accuracy_derivation().unproved() == ()
    assert theory.cosine_derivation().unproved() == ()


def test_weight_decay_pulls_the_weights_off_the_signal_and_the_more_so_the_noisier() -> None:
    X, sizes = draw(20, 8, 0), []
    for noise in (0.5, 2.0):
        scaled = X * np.r_[1, np.full(7, noise)]

        def loss(S: np.ndarray, data: np.ndarray = scaled) -> float:
            return float(np.logaddexp(0, -data @ S).sum() + 0.1 * S @ S)

        weights = minimize(loss, np.zeros(8), method="BFGS", options={"gtol": 1e-6}).x
        pull = 1 / (1 + np.exp(scaled @ weights))
        stationary = noise**2 * (X[:, 1:].T @ pull) / (X[:, 0] @ pull)
        np.testing.assert_allclose(noise * weights[1:] / weights[0], stationary, atol=1e-5)
        sizes.append(np.linalg.norm(stationary))
    assert sizes[1] > 2 * sizes[0] > 0.02

"""Two classes with a bias: the exact direction, by minimising the population loss."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

NODES, MASSES = np.polynomial.hermite_e.hermegauss(80)
MASSES = MASSES / MASSES.sum()
SIGMA = np.array([[2.0, 0.6], [0.6, 0.5]])
MEANS = np.array([[1.0, 0.5], [0.3, 1.4]])
SHARES = np.array([0.2, 0.8])


def minimiser(alpha: float, bias: bool, penalty: str) -> np.ndarray:
    def loss(parameters: np.ndarray) -> float:
        s, b = parameters[:2], parameters[2] if bias else 0.0
        spread, total = np.sqrt(s @ SIGMA @ s), 0.0
        for sign, share, mu in zip((1, -1), SHARES, MEANS, strict=True):
            logits = sign * (s @ mu + b) + spread * NODES
            cross = np.logaddexp(0, -logits)
            added = logits**2 if penalty == "quadratic" else np.logaddexp(0, logits) - logits / 2
            total += share * MASSES @ ((1 - alpha) * cross + alpha * added)
        return float(total)

    start = np.array([0.3, -0.2, 0.1])[: 3 if bias else 2]
    return np.asarray(minimize(loss, start, options={"gtol": 1e-10}).x[:2])


def sine(u: np.ndarray, v: np.ndarray) -> float:
    return float(abs(u[0] * v[1] - u[1] * v[0]) / (np.linalg.norm(u) * np.linalg.norm(v)))


@pytest.mark.parametrize("penalty", ["quadratic", "label-smoothing"])
@pytest.mark.parametrize("alpha", [0.0, 0.1, 0.6])
def test_bias_and_shared_covariance_give_fishers_discriminant(penalty: str, alpha: float) -> None:
    found = minimiser(alpha, True, penalty)
    expected = np.linalg.solve(SIGMA, MEANS[0] - MEANS[1])
    assert sine(found, expected) < 1e-5
    assert found @ expected > 0


def test_without_a_bias_the_direction_is_another() -> None:
    expected = np.linalg.solve(SIGMA, MEANS[0] - MEANS[1])
    assert sine(minimiser(0.1, False, "quadratic"), expected) > 0.01


def test_logits_do_not_depend_on_the_features_units_and_mixture() -> None:
    rng = np.random.default_rng(0)
    X, A = rng.normal(size=(30, 3)) + 0.5, rng.normal(size=(3, 3))

    def fit(samples: np.ndarray) -> np.ndarray:
        def loss(s: np.ndarray) -> float:
            logits = samples @ s
            return float(np.mean(0.7 * np.logaddexp(0, -logits) + 0.3 * logits**2))

        return np.asarray(minimize(loss, np.zeros(3), options={"gtol": 1e-10}).x)

    np.testing.assert_allclose(A @ fit(X @ A), fit(X), atol=1e-5)

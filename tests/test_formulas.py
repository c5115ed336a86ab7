"""The formulas of the models against what they are of: vectors, and drawn samples."""

from __future__ import annotations

import math
from collections.abc import Callable

import logitreg as lr
import numpy as np
import pytest
from logitreg.theory.formulas import formula, formula_ids
from scipy.stats import norm

Array = np.ndarray
SIGNAL, ALONG, ACROSS = 1.5, 0.75, 1.25  # mu_f, sigma_f, sigma_n


def drawn(seed: int, samples: int, features: int) -> Array:
    X = ACROSS * np.random.default_rng(seed).standard_normal((samples, features))
    X[:, 0] = SIGNAL + ALONG / ACROSS * X[:, 0]
    return X


def accuracy(weights: Array) -> float:
    """Of signal plus noise, by the mean and the deviation of the logit."""
    deviation = math.hypot(ALONG * weights[0], ACROSS * float(np.linalg.norm(weights[1:])))
    return float(norm.cdf(SIGNAL * weights[0] / deviation))


def check_mean(
    found: float, statistic: Callable[[Array], float], samples: int, aspect_ratio: float
) -> None:
    """Within five standard errors of the mean of 20 draws, and 1/N."""
    features = round(samples * aspect_ratio)
    values = [statistic(drawn(seed, samples, features)) for seed in range(20)]
    error = 5 * float(np.std(values)) / math.sqrt(20) + 1 / samples
    assert error < 0.1 * found
    assert found == pytest.approx(float(np.mean(values)), abs=error)


@pytest.mark.parametrize("rho", [-0.8, 0.0, 0.3, 1.0])
def test_accuracy_is_that_of_weights_at_the_cosine(rho: float) -> None:
    weights = 3 * np.array([rho, *math.sqrt(1 - rho**2) * np.array([0.6, -0.8])])
    found = float(lr.formula("beck.eq-5")(rho, SIGNAL, ALONG, ACROSS))
    assert found == pytest.approx(accuracy(weights), rel=1e-14)


@pytest.mark.parametrize("ratio", [0.0, 0.5, 20.0])
def test_cosine_is_that_of_whitened_noise_weights(ratio: float) -> None:
    weights = np.array([2.0, *2 * ratio * np.array([0.6, -0.8]) / ACROSS])
    found = float(lr.formula("beck.eq-4")(ratio, ACROSS))
    assert found == pytest.approx(weights[0] / np.linalg.norm(weights), rel=1e-14)


@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.9])
def test_bound_is_the_tangent_of_the_spread(epsilon: float) -> None:
    found = float(lr.formula("lead.alignment-bound")(0.4, epsilon))
    assert found == pytest.approx(0.4 * math.tan(math.asin(epsilon)), rel=1e-14)


@pytest.mark.parametrize("aspect_ratio", [0.1, 0.5, 0.75])
def test_accuracy_of_least_squares_is_that_of_large_samples(aspect_ratio: float) -> None:
    def of_fisher(X: Array) -> float:
        return accuracy(np.linalg.solve(X.T @ X, X.sum(axis=0)))

    found = float(lr.formula("lead.high-dimensional-quadratic")(aspect_ratio, SIGNAL / ALONG))
    check_mean(found, of_fisher, 320, aspect_ratio)


@pytest.mark.parametrize("aspect_ratio", [2.0, 4.0])
def test_signal_of_least_norm_weights_is_that_of_large_samples(aspect_ratio: float) -> None:
    def signal(X: Array) -> float:
        return float((X.T @ np.linalg.solve(X @ X.T, np.full(len(X), 2.0)))[0])

    found = float(lr.formula("lead.least-norm")(2.0, SIGNAL, ALONG, ACROSS, aspect_ratio))
    check_mean(found, signal, 160, aspect_ratio)


def test_other_formulas_are_not_those_of_the_samples() -> None:
    with pytest.raises(AssertionError):
        check_mean(0.9, lambda X: accuracy(X.sum(axis=0)), 320, 0.5)


@pytest.mark.parametrize("id", formula_ids())
def test_domains_hold_the_symbols_and_their_closed_ends(id: str) -> None:
    found = formula(id)
    assert found.expression.free_symbols <= set(found.symbols) == set(found.domain)
    for symbol, interval in found.domain.items():
        inside = {
            s: (where.inf + min(where.sup, where.inf + 2)) / 2 for s, where in found.domain.items()
        }
        ends = [end for end in (interval.inf, interval.sup) if end in interval]
        for end in (*ends, inside[symbol]):
            assert found.expression.subs({**inside, symbol: end}).evalf().is_finite

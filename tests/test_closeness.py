"""The angle to Fisher's direction and the share of wrong logits, from coefficients of variation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from logitreg.theory.fisher_direction import fisher_cosine, ratio_of_fisher
from logitreg.theory.quadratic_loss import ratio
from sympy import lambdify

COSINE = lambdify((ratio, ratio_of_fisher), fisher_cosine())


def variation(logits: np.ndarray) -> float:
    return float(logits.std() / logits.mean())


@pytest.mark.parametrize("seed", range(20))
def test_cosine_in_the_metric_of_the_data_comes_from_the_variations(seed: int) -> None:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(15, 4)) + rng.normal(size=4)
    weights = rng.normal(size=4)
    weights *= np.sign((X @ weights).mean())
    fisher = X @ np.linalg.lstsq(X, np.ones(15), rcond=None)[0]
    logits = X @ weights
    cosine = logits @ fisher / (np.linalg.norm(logits) * np.linalg.norm(fisher))
    assert cosine == pytest.approx(COSINE(variation(logits), variation(fisher)), rel=1e-10)
    assert math.sqrt(1 - cosine**2) <= variation(logits) * (1 + 1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_share_of_logits_that_are_not_positive_is_bounded(seed: int) -> None:
    rng = np.random.default_rng(seed)
    logits = rng.standard_t(3, size=200) + rng.uniform(0.2, 3)
    if logits.mean() > 0:
        r = variation(logits)
        assert (logits <= 0).mean() <= r**2 / (1 + r**2)


def test_bound_on_the_share_is_attained() -> None:
    for wrong in (1, 5, 9):
        logits = np.array([0.0] * wrong + [2.0] * (10 - wrong))
        r = variation(logits)
        assert r**2 / (1 + r**2) == pytest.approx(wrong / 10, rel=1e-12)


def test_euclidean_angle_does_not_shrink_with_the_variation() -> None:
    """Curvature 2 beyond the target 1 and curvature 1 below it, by iterated reweighting."""
    sines = []
    for t in (1e-1, 1e-2, 1e-3, 1e-4):
        X = np.array([[1, -t], [1 + t, 0], [1, 2 * t]])
        weights = np.ones(3)
        for _ in range(8):
            s = np.linalg.lstsq(X * np.sqrt(weights)[:, None], np.sqrt(weights), rcond=None)[0]
            weights = np.where(X @ s > 1, 2.0, 1.0)
        f = np.linalg.lstsq(X, np.ones(3), rcond=None)[0]
        sines.append(abs(s[0] * f[1] - s[1] * f[0]) / np.linalg.norm(s) / np.linalg.norm(f))
        assert variation(X @ s) < t
    limit = math.sin(math.atan(2 / 19) - math.atan(1 / 14))
    assert sines[-1] == pytest.approx(limit, rel=1e-3)
    assert min(sines) > 0.02

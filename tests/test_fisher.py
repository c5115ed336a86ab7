"""Fisher's discriminant."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from logitreg.errors import DataError, RankDeficientError, ShapeError
from logitreg.numerics.fisher import coefficient_of_variation, fisher_direction
from scipy.linalg import subspace_angles
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis


def cosine(u: np.ndarray, v: np.ndarray) -> float:
    return float(u @ v / np.linalg.norm(u) / np.linalg.norm(v))


def test_absorbed_direction_is_inverse_covariance_times_mean() -> None:
    X = np.random.default_rng(0).standard_normal((50, 4)) + np.array([1.0, 0.5, 0.0, -0.2])
    mean = X.mean(axis=0)
    expected = np.linalg.solve(np.cov(X.T, bias=True), mean)
    direction = fisher_direction(X)
    np.testing.assert_allclose(direction, expected / (1 + mean @ expected), rtol=1e-12)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=50, deadline=None, derandomize=True)
def test_no_direction_has_a_smaller_coefficient_of_variation(seed: int) -> None:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((20, 3)) + 0.7
    best = coefficient_of_variation(X, fisher_direction(X))
    other = abs(coefficient_of_variation(X, rng.standard_normal(3)))
    assert 0 < best <= other * (1 + 1e-12)


def test_binary_direction_with_bias_is_that_of_linear_discriminant_analysis() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    reference = LinearDiscriminantAnalysis(solver="lsqr").fit(X, y).coef_[0]
    spread = X.std(axis=0)
    assert cosine(fisher_direction(X, y, bias=True) * spread, reference * spread) > 1 - 1e-9


@pytest.mark.parametrize("load", [load_iris, load_wine])
def test_multiclass_subspace_is_that_of_linear_discriminant_analysis(load) -> None:  # type: ignore[no-untyped-def]
    X, y = load(return_X_y=True)
    X = X / X.std(axis=0)
    reference = LinearDiscriminantAnalysis(solver="eigen").fit(X, y).scalings_[:, :2]
    subspace = fisher_direction(X, y, bias=True)
    np.testing.assert_allclose(subspace.T @ subspace, np.eye(2), atol=1e-13)
    assert np.max(subspace_angles(subspace, reference)) < 1e-9


def test_multiclass_subspace_without_bias_is_the_range_of_the_regression() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((40, 5)) + 1, np.arange(40) % 3
    slopes = np.linalg.lstsq(X, np.eye(3)[y] - 1 / 3, rcond=None)[0]
    assert np.max(subspace_angles(fisher_direction(X, y), slopes[:, :2])) < 1e-12


def test_coefficient_of_variation_is_deviation_over_mean_of_the_signed_logits() -> None:
    X = np.array([[1.0], [2.0], [-2.0]])
    logits = np.array([2.5, 4.5, 3.5])
    r = coefficient_of_variation(X, [2.0], ["b", "b", "a"], bias=0.5)
    assert r == pytest.approx(np.std(logits) / np.mean(logits), rel=1e-15)
    assert coefficient_of_variation([[1.0], [-1.0]], [1.0]) == np.inf


def test_errors_say_what_was_wrong() -> None:
    X, y = load_iris(return_X_y=True)
    with pytest.raises(DataError, match="expected two"):
        coefficient_of_variation(X, np.ones(4), y)
    with pytest.raises(ShapeError, match=r"\(4,\)"):
        coefficient_of_variation(X, np.ones(3))
    with pytest.raises(DataError, match="1 discriminant direction"):
        fisher_direction(X[:, :1], y)
    with pytest.raises(RankDeficientError):
        fisher_direction(np.hstack([X, X]), y)
    with pytest.raises(DataError, match="pass X and y separately"):
        fisher_direction(X, bias=True)

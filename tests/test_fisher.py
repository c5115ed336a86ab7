"""Fisher's discriminant."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from logitreg.errors import DataError, RankDeficientError, ShapeError
from logitreg.numerics.fisher import (
    coefficient_of_variation,
    discriminant_subspace,
    fisher_criterion,
    fisher_direction,
)
from logitreg.numerics.shrinkage import ledoit_wolf
from scipy.linalg import eigh, subspace_angles
from sklearn.covariance import ledoit_wolf as reference_ledoit_wolf
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


def scatters(X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Within and between the classes, by their definition."""
    means = np.array([X[y == c].mean(axis=0) for c in np.unique(y)])
    within = (X - means[y]).T @ (X - means[y])
    between = (means[y] - X.mean(axis=0)).T @ (means[y] - X.mean(axis=0))
    return within, between


@pytest.mark.parametrize("load", [load_breast_cancer, load_iris, load_wine])
def test_discriminants_solve_the_generalised_eigenproblem(load) -> None:  # type: ignore[no-untyped-def]
    X, y = load(return_X_y=True)
    X = X / X.std(axis=0)
    within, between = scatters(X, y)
    found = discriminant_subspace(X, y)
    count = len(np.unique(y)) - 1
    values = eigh(between, within, eigvals_only=True)[::-1][:count]
    np.testing.assert_allclose(found.criterion, values, rtol=1e-9)
    V = found.directions
    np.testing.assert_allclose(V.T @ within @ V, len(X) * np.eye(count), atol=1e-9 * len(X))
    residual = between @ V - within @ V * found.criterion
    assert np.linalg.norm(residual) < 1e-11 * np.linalg.norm(between @ V)
    np.testing.assert_array_less(0, (X[y == count].mean(axis=0) - X.mean(axis=0)) @ V)


@pytest.mark.parametrize("load", [load_iris, load_wine])
def test_discriminants_are_those_of_the_eigen_solver(load) -> None:  # type: ignore[no-untyped-def]
    X, y = load(return_X_y=True)
    reference = LinearDiscriminantAnalysis(solver="eigen").fit(X, y)
    found = discriminant_subspace(X, y)
    expected = reference.scalings_[:, :2]
    signs = np.sign(np.sum(expected * found.directions, axis=0))
    np.testing.assert_allclose(found.directions, expected * signs, rtol=1e-7)
    ratio = found.criterion / np.sum(found.criterion)
    np.testing.assert_allclose(ratio, reference.explained_variance_ratio_[:2], rtol=1e-9)


@pytest.mark.parametrize("shrinkage", [None, 0.1, 0.8, "auto"])
def test_shrunk_discriminants_span_what_the_least_squares_solver_uses(shrinkage: object) -> None:
    X, y = load_wine(return_X_y=True)
    X = X / X.std(axis=0)
    reference = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage).fit(X, y)
    differences = (reference.coef_[1:] - reference.coef_[0]).T
    subspace = discriminant_subspace(X, y, shrinkage=shrinkage).directions
    assert np.max(subspace_angles(subspace, differences)) < 1e-9
    span = fisher_direction(X, y, bias=True, shrinkage=shrinkage)
    assert np.max(subspace_angles(span, differences)) < 1e-9
    if shrinkage is not None:
        assert np.max(subspace_angles(fisher_direction(X, y, bias=True), differences)) > 0.01


@pytest.mark.parametrize("shrinkage", [0.0, 0.3, 1.0, "auto"])
def test_shrunk_direction_is_that_of_linear_discriminant_analysis(shrinkage: object) -> None:
    X, y = load_breast_cancer(return_X_y=True)
    reference = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage).fit(X, y)
    spread = X.std(axis=0)
    direction = fisher_direction(X, y, bias=True, shrinkage=shrinkage)
    assert cosine(direction * spread, reference.coef_[0] * spread) > 1 - 1e-9


def test_shrunk_absorbed_direction_is_inverse_shrunk_covariance_times_mean() -> None:
    X = np.random.default_rng(0).standard_normal((50, 4)) * [1, 2, 3, 4] + 0.7
    mean, covariance = X.mean(axis=0), np.cov(X.T, bias=True)
    shrunk = 0.6 * covariance + 0.4 * np.trace(covariance) / 4 * np.eye(4)
    expected = np.linalg.solve(shrunk, mean)
    direction = fisher_direction(X, shrinkage=0.4)
    np.testing.assert_allclose(direction, expected / (1 + mean @ expected), rtol=1e-12)
    np.testing.assert_allclose(fisher_direction(X, shrinkage=0), fisher_direction(X), rtol=1e-12)


def test_null_space_of_the_scatter_is_left_out_as_by_the_svd_solver() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(20) % 3
    X = rng.standard_normal((20, 50)) + 2 * np.eye(3, 50)[y]
    reference = LinearDiscriminantAnalysis(solver="svd").fit(X, y).scalings_
    found = discriminant_subspace(X, y)
    assert np.max(subspace_angles(found.directions, reference)) < 1e-9
    assert np.all(np.isfinite(found.criterion))
    with_shrinkage = discriminant_subspace(X, y, shrinkage=0.5).directions
    assert np.max(subspace_angles(with_shrinkage, reference)) > 0.1


@pytest.mark.parametrize("shape", [(40, 5), (12, 30)])
def test_shrinkage_is_that_of_ledoit_and_wolf(shape: tuple[int, int]) -> None:
    X = np.random.default_rng(1).standard_normal(shape) * np.linspace(1, 3, shape[1])
    X -= X.mean(axis=0)
    assert ledoit_wolf(X) == pytest.approx(reference_ledoit_wolf(X)[1], rel=1e-12)


def test_criterion_is_largest_at_the_discriminants() -> None:
    X, y = load_wine(return_X_y=True)
    X = X / X.std(axis=0)
    found = discriminant_subspace(X, y)
    best, total = found.criterion[0], float(np.sum(found.criterion))
    assert fisher_criterion(X, found.directions[:, 0], y) == pytest.approx(best, rel=1e-12)
    mixed = found.directions @ np.array([[2.0, 1.0], [-3.0, 0.5]])
    assert fisher_criterion(X, mixed, y) == pytest.approx(total, rel=1e-12)
    within, between = scatters(X, y)
    for v in np.random.default_rng(0).standard_normal((20, 13)):
        ratio = (v @ between @ v) / (v @ within @ v)
        assert fisher_criterion(X, v, y) == pytest.approx(ratio, rel=1e-12)
        assert ratio < best


def test_criterion_of_absorbed_data_is_one_over_the_squared_variation() -> None:
    X = np.random.default_rng(0).standard_normal((30, 3)) + 0.5
    w = np.array([1.0, -0.5, 2.0])
    r = coefficient_of_variation(X, w)
    assert fisher_criterion(X, w) == pytest.approx(1 / r**2, rel=1e-12)
    assert fisher_criterion([[1.0, 0.0], [1.0, 3.0]], [1.0, 0.0]) == np.inf


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
    with pytest.raises(ShapeError, match="directions"):
        fisher_criterion(X, np.ones(3), y)
    for shrinkage in (-0.1, 1.5, "much"):
        with pytest.raises(DataError, match=r"\[0, 1\]"):
            discriminant_subspace(X, y, shrinkage=shrinkage)
    with pytest.raises(DataError, match="scatter within"):
        discriminant_subspace([[0.0, 1.0], [0.0, 1.0], [1.0, 0.0]], [0, 0, 1])

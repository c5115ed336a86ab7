"""Weights of samples, distributions of labels, and data that leaves the weights free."""

from __future__ import annotations

import numpy as np
import pytest
from logitreg.errors import DataError, NonFiniteError, ShapeError
from logitreg.numerics.fit import fit

PENALTIES = ["quadratic", "label-smoothing", "entropy", "absolute", "box", "abs(z - 1) + z^2"]


def data(classes: int = 2) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(classes)
    X = rng.standard_normal((50, 4))
    return X, (np.arange(50) + (X[:, 0] > 0)) % classes, rng.integers(0, 4, 50)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("penalty", PENALTIES)
def test_a_weight_counts_as_repetitions(penalty: str, classes: int) -> None:
    X, y, weight = data(classes)
    rows = np.repeat(np.arange(50), weight)
    ours = fit(X, y, penalty=penalty, alpha=0.1, bias=True, sample_weight=weight)
    repeated = fit(X[rows], y[rows], penalty=penalty, alpha=0.1, bias=True)
    np.testing.assert_allclose(ours.weights, repeated.weights, atol=3e-14)
    np.testing.assert_allclose(ours.bias, repeated.bias, atol=3e-14)
    assert ours.loss == pytest.approx(repeated.loss, rel=1e-13)
    assert ours.residual < 1e-13
    assert ours.logits.shape[0] == 50
    # The control: other weights, another minimiser.
    other = fit(X, y, penalty=penalty, alpha=0.1, bias=True, sample_weight=weight + 1)
    assert np.max(np.abs(other.weights - ours.weights)) > 1e-4


def test_samples_of_weight_zero_take_no_part() -> None:
    X, y, weight = data(3)
    kept = weight > 0
    wild = np.where(kept[:, None], X, 1e6)
    ours = fit(wild, y, sample_weight=weight)
    alone = fit(X[kept], y[kept], sample_weight=weight[kept])
    np.testing.assert_array_equal(ours.weights, alone.weights)
    # A class that only they have is a class nevertheless.
    named = fit(X, np.where(kept, y, 7), sample_weight=weight)
    assert named.classes is not None
    assert named.classes.tolist() == [0, 1, 2, 7]
    assert named.weights.shape == (4, 4)


@pytest.mark.parametrize("classes", [2, 4])
def test_one_hot_distributions_are_labels(classes: int) -> None:
    X, y, _ = data(classes)
    for penalty in ("quadratic", "absolute", "abs(z - 1) + z^2"):
        soft = fit(X, np.eye(classes)[y], penalty=penalty, alpha=0.2, bias=True)
        hard = fit(X, y, penalty=penalty, alpha=0.2, bias=True)
        np.testing.assert_allclose(soft.weights, hard.weights, atol=1e-14)
    if classes == 2:
        np.testing.assert_allclose(soft.logits * (2 * y - 1), hard.logits, atol=1e-13)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("penalty", PENALTIES)
def test_a_distribution_averages_over_its_labels(penalty: str, classes: int) -> None:
    X, _, _ = data()
    shares = np.random.default_rng(0).dirichlet(np.ones(classes), 50)
    soft = fit(X, shares, penalty=penalty, alpha=0.3, bias=True)
    every = np.repeat(np.arange(classes), 50)
    hard = fit(
        np.tile(X, (classes, 1)),
        every,
        penalty=penalty,
        alpha=0.3,
        bias=True,
        sample_weight=shares.T.ravel(),
    )
    np.testing.assert_allclose(soft.weights, hard.weights, atol=1e-13)
    assert soft.loss == pytest.approx(hard.loss, rel=1e-13)
    assert soft.residual < 1e-13


def test_smoothed_labels_are_the_penalty_label_smoothing() -> None:
    X, y, _ = data(3)
    smoothed = 0.8 * np.eye(3)[y] + 0.2 / 3
    np.testing.assert_allclose(
        fit(X, smoothed, alpha=0).weights,
        fit(X, y, penalty="label-smoothing", alpha=0.2).weights,
        atol=1e-13,
    )


def test_soft_labels_are_never_separable() -> None:
    X = np.array([[1.0], [2.0], [-1.0]])
    assert fit(X, np.array([[0.1, 0.9], [0.0, 1.0], [1.0, 0.0]]), alpha=0).residual < 1e-13


@pytest.mark.parametrize("penalty", ["quadratic", "huber", "absolute", "box"])
@pytest.mark.parametrize("classes", [2, 3])
def test_free_weights_have_the_least_norm(penalty: str, classes: int) -> None:
    rng = np.random.default_rng(0)
    y = np.arange(30) % classes
    base = rng.standard_normal((30, 3))
    for X, rank in (
        (np.hstack([base, base @ rng.standard_normal((3, 2)), np.ones((30, 1))]), 4),
        (rng.standard_normal((30, 80)), 30),
    ):
        result = fit(X, y, penalty=penalty, alpha=0.3)
        assert result.rank == rank
        assert result.residual < 1e-13
        logits = np.asarray(result.logits).T if classes > 2 else result.logits * (2 * y - 1)
        least = np.linalg.pinv(X) @ logits.T
        np.testing.assert_allclose(np.asarray(result.weights).T, least, atol=1e-12)


def test_gradient_descent_from_zero_finds_the_least_norm() -> None:
    rng = np.random.default_rng(1)
    X, y = rng.standard_normal((6, 9)) * np.logspace(-0.5, 0.5, 9), np.array([0, 1, 0, 1, 1, 0])
    columns = np.hstack([X, np.ones((6, 1))]) * (2 * y[:, None] - 1)
    w = np.zeros(10)
    for _ in range(4000):
        z = columns @ w
        w -= 0.3 * columns.T @ (0.4 * z - 0.8 / (1 + np.exp(z))) / 6
    result = fit(X, y, alpha=0.2, bias=True)
    np.testing.assert_allclose(np.append(result.weights, result.bias), w, atol=1e-9)


def test_features_without_any_information_get_no_weight() -> None:
    result = fit(np.zeros((4, 2)), [0, 1, 1, 0])
    assert (result.rank, result.residual) == (0, 0.0)
    np.testing.assert_array_equal(result.weights, [0, 0])


def test_errors_of_weights_and_distributions() -> None:
    X, y, _ = data()
    with pytest.raises(ShapeError, match="one weight per sample"):
        fit(X, y, sample_weight=np.ones(3))
    with pytest.raises(DataError, match="not all zero"):
        fit(X, y, sample_weight=np.zeros(50))
    with pytest.raises(DataError, match="non-negative"):
        fit(X, y, sample_weight=-np.ones(50))
    with pytest.raises(NonFiniteError, match="finite"):
        fit(X, y, sample_weight=np.full(50, np.nan))
    with pytest.raises(DataError, match="sum one"):
        fit(X, np.full((50, 3), 0.5))
    with pytest.raises(ShapeError, match="label distributions"):
        fit(X, y[:, None])

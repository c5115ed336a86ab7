"""The certified Euclidean angle to Fisher's direction, and the condition number."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import numpy as np
import pytest
from logitreg.errors import DataError, RankDeficientError
from logitreg.numerics.alignment import alignment
from logitreg.numerics.euclidean import euclidean_angle, spectral_norm_above
from logitreg.numerics.losses import target_levels
from mpmath import mp, mpf


def matrix(a: np.ndarray) -> Any:
    return mp.matrix([[mpf(float(x)) for x in row] for row in np.atleast_2d(a)])


def exact(design: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> tuple[Any, Any]:
    """Angle of the weights (columns x outputs) to the least-squares ones, and cond(X)."""
    X, T, W = matrix(design), matrix(targets), matrix(weights)
    fisher = (X.T * X) ** -1 * (X.T * T)
    places = [(i, j) for i in range(W.rows) for j in range(W.cols)]
    a, b = (mp.matrix([m[place] for place in places]) for m in (W, fisher))
    a, b = a / mp.norm(a), b / mp.norm(b)
    singular = mp.svd_r(X, compute_uv=False)
    return 2 * mp.atan2(mp.norm(a - b), mp.norm(a + b)), max(singular) / min(singular)


def check(certified: Any, angle: Any, condition: Any) -> None:
    assert abs(certified.angle - angle) <= certified.angle_error < 1e-6
    assert condition <= certified.condition <= condition * mpf("1.05")


@pytest.mark.parametrize("spread", [1.0, 1e-3, 1e-6])
def test_two_classes_agree_with_50_digits(spread: float) -> None:
    rng = np.random.default_rng(1)
    X = rng.standard_normal((9, 3)) @ np.diag([1.0, spread, 1.0]) + 1
    weights = np.array([1.0, -2.0, 0.5])
    with mpmath.workdps(50):
        expected = exact(X, np.ones((9, 1)), weights[:, None])
        check(euclidean_angle(X, weights), *expected)


def test_bias_and_labels_agree_with_50_digits() -> None:
    rng = np.random.default_rng(2)
    X, y = rng.standard_normal((9, 2)), np.array([0, 1] * 4 + [1])
    signs = np.where(y == 1, 1.0, -1.0)[:, None]
    weights = np.array([[1.0], [0.25], [-0.5]])
    with mpmath.workdps(50):
        expected = exact(signs * np.hstack([X, np.ones((9, 1))]), np.ones((9, 1)), weights)
        check(euclidean_angle(X, [1.0, 0.25], y, bias=-0.5), *expected)


@pytest.mark.parametrize("penalty", ["label-smoothing", "quadratic", "cosh"])
def test_many_classes_agree_with_50_digits(penalty: str) -> None:
    rng = np.random.default_rng(3)
    X, y = rng.standard_normal((10, 2)), np.arange(10) % 3
    weights = rng.standard_normal((3, 2))
    low, high = target_levels(penalty, 0.2, 3)
    targets = np.where(np.eye(3)[y] == 1, high, low)
    columns = weights.T
    if penalty == "label-smoothing":
        columns = columns - columns.mean(axis=1, keepdims=True)
        targets = targets - targets.mean(axis=1, keepdims=True)
    with mpmath.workdps(50):
        expected = exact(X, targets, columns)
        check(euclidean_angle(X, weights, y, penalty=penalty, alpha=0.2), *expected)


def test_condition_number_is_attained() -> None:
    """Directions near that of the largest singular value: the sine is cond(X) times the other."""
    X = np.array([[8.0, 0.125], [8.0, -0.125]])
    weights = np.array([1.0, 2.0**-10])
    euclidean = euclidean_angle(X, weights)
    sine = math.sin(alignment(X, weights, alpha=0.5).angle)
    assert 0.97 * euclidean.bound(sine) < euclidean.sine_below <= euclidean.bound(sine)
    assert euclidean.sine_below > 60 * sine


@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (3, 5), (40, 8)])
def test_spectral_norm_is_an_upper_bound_and_close(shape: tuple[int, int]) -> None:
    a = np.random.default_rng(0).uniform(-1, 1, shape)
    with mpmath.workdps(30):
        largest = max(mp.svd_r(matrix(a), compute_uv=False))
        assert largest <= spectral_norm_above(a) <= largest * mpf("1.05")
        # Without squaring it is the Frobenius norm, which is no more than an upper bound.
        assert min(shape) == 1 or spectral_norm_above(a, 0) > largest * mpf("1.05")


def test_units_that_overflow_when_squared_are_harmless() -> None:
    X = np.array([[2.0**400, 0.0], [0.0, 2.0**-400], [2.0**400, 2.0**-400]])
    found = euclidean_angle(X, [2.0**-400, 2.0**400])
    assert found.condition == pytest.approx(2.0**800 * math.sqrt(4 / 3), rel=0.02)


def test_errors_say_what_was_wrong() -> None:
    X = np.array([[1.0, 2.0], [0.0, 1.0], [1.0, 1.0]])
    with pytest.raises(DataError, match="all weights are zero"):
        euclidean_angle(X, [0.0, 0.0])
    with pytest.raises(RankDeficientError):
        euclidean_angle(X[:, [0, 0]], [1.0, 1.0])

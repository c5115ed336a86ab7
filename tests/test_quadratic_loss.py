"""The quadratic loss in moments and the exact minimisers, against NumPy and SciPy."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from logitreg.errors import ExpressionError, ShapeError
from logitreg.theory.quadratic_loss import (
    a,
    deviation,
    hinge_minimiser,
    in_moments,
    least_squares,
    mean,
    moments,
    quadratic_derivation,
    squared_ratio,
    target,
)
from logitreg.theory.symbols import z
from scipy.optimize import linprog
from sympy import Matrix, Rational, exp, sqrt


def random_samples(seed: int, count: int, width: int) -> Matrix:
    rng = np.random.default_rng(seed)
    return Matrix(count, width, [Rational(int(v), 3) for v in rng.integers(-9, 10, count * width)])


@pytest.mark.parametrize("seed", range(5))
def test_quadratic_loss_in_moments_is_the_average_over_samples(seed: int) -> None:
    samples, weights = random_samples(seed, 6, 3), random_samples(seed + 100, 3, 1)
    logits = samples * weights
    average = sum(5 * (v - 2) ** 2 for v in logits) / len(logits)
    center, spread = moments(samples)
    values = {
        a: 5,
        target: 2,
        mean: (weights.T * center)[0],
        deviation: sqrt((weights.T * spread * weights)[0]),
    }
    assert in_moments(a * (z - target) ** 2).subs(values) == average


def test_losses_that_are_not_quadratic_are_refused() -> None:
    for loss in (z**3, exp(z)):
        with pytest.raises(ExpressionError, match="degree at most two"):
            in_moments(loss)


def test_derivation_follows() -> None:
    assert quadratic_derivation().unproved() == ()


@pytest.mark.parametrize("seed", range(5))
def test_least_squares_agrees_with_numpy_and_has_the_smallest_ratio(seed: int) -> None:
    samples = random_samples(seed, 7, 3)
    found = least_squares(samples, Matrix([2] * 7))
    X = np.array(samples.tolist(), dtype=float)
    expected = np.linalg.lstsq(X, np.full(7, 2.0), rcond=None)[0]
    np.testing.assert_allclose(np.array(found.T.tolist(), dtype=float)[0], expected, rtol=1e-10)
    center, spread = moments(samples)
    smallest = squared_ratio(found, center, spread)
    assert smallest == 1 / (center.T * spread.LUsolve(center))[0]
    for other in range(10):
        rival = random_samples(other + 50, 3, 1)
        if (rival.T * center)[0] != 0:
            assert squared_ratio(rival, center, spread) >= smallest


def subgradient_contains_zero(X: np.ndarray, s: np.ndarray, aim: float, slope: float) -> bool:
    """Whether multipliers in [0, slope] at the kinks balance the rest, by linear programming."""
    logits = X @ s
    kinked = np.abs(logits) < 1e-9
    smooth = 2 * X.T @ (logits - aim) - slope * X[logits < -1e-9].sum(axis=0)
    if not kinked.any():
        return bool(np.allclose(smooth, 0, atol=1e-8))
    count = int(kinked.sum())
    result = linprog(
        np.zeros(count), A_eq=X[kinked].T, b_eq=smooth, bounds=[(-1e-9, slope + 1e-9)] * count
    )
    return bool(result.status == 0)


def is_in_general_position(samples: Matrix) -> bool:
    pairs = combinations(range(samples.rows), 2)
    return all(samples.extract(list(pair), [0, 1]).det() != 0 for pair in pairs)


GENERAL = [
    s for s in (random_samples(seed, 4, 2) for seed in range(40)) if is_in_general_position(s)
]


@pytest.mark.parametrize("samples", GENERAL)
def test_hinge_minimiser_has_zero_among_its_subgradients(samples: Matrix) -> None:
    found = hinge_minimiser(samples, Rational(2), Rational(6))
    X = np.array(samples.tolist(), dtype=float)
    s = np.array(found.tolist(), dtype=float)[:, 0]
    assert subgradient_contains_zero(X, s, 2.0, 6.0)
    assert not subgradient_contains_zero(X, s + 0.01, 2.0, 6.0)


def test_hinge_minimiser_meets_every_kind_of_pattern() -> None:
    kinds = set()
    for samples in GENERAL:
        logits = samples * hinge_minimiser(samples, Rational(2), Rational(6))
        kinds.add((any(v < 0 for v in logits), any(v == 0 for v in logits)))
    assert len(kinds) == 4


def test_samples_that_are_not_in_general_position_are_refused() -> None:
    for samples in (Matrix([[1, 0]]), Matrix([[1, 1], [2, 2], [0, 1]])):
        with pytest.raises(ShapeError, match="linearly independent"):
            hinge_minimiser(samples, Rational(2), Rational(6))
    with pytest.raises(ShapeError, match="slope >= 0"):
        hinge_minimiser(Matrix([[1, 0], [0, 1]]), Rational(2), Rational(-1))

"""Minimisers where digits are scarce: faint strengths, cusps, units far apart, single precision."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import logitreg as lr
import numpy as np
import pytest
from logitreg.errors import NotConvergedError
from logitreg.numerics.coordinates import coordinates
from logitreg.numerics.losses import sample_loss
from logitreg.numerics.newton import gradient_scale
from mpmath import mp, mpf
from numpy.testing import assert_allclose
from scipy.optimize import linprog


def scattered(classes: int = 2, samples: int = 40, features: int = 5, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    y = np.arange(samples) % classes
    return rng.standard_normal((samples, features)) + 0.5 * np.eye(classes, features)[y], y


def test_the_residual_is_that_of_the_weights_as_they_are_returned() -> None:
    X, _ = scattered()
    result = lr.fit(X.astype(np.float32), alpha=0.1)
    rows, weights = X.astype(np.float32).astype(float), result.weights.astype(float)
    z = rows @ weights
    pull = 0.2 * z - 0.9 / (1 + np.exp(z))
    bend = 0.2 + 0.9 / (2 + 2 * np.cosh(z))
    size = np.linalg.norm(pull) + np.linalg.norm(bend * z)
    assert result.residual == pytest.approx(
        np.linalg.norm(np.linalg.qr(rows)[0].T @ pull) / size, rel=1e-6
    )
    assert result.gradient_norm == pytest.approx(np.linalg.norm(rows.T @ pull) / 40, rel=1e-6)
    assert 1e-9 < result.residual < 1e-6
    assert lr.fit(rows, alpha=0.1).residual < 1e-14


def test_the_residual_tells_the_digits_that_float32_cannot_hold() -> None:
    X = np.random.default_rng(0).standard_normal((40, 2)) + 0.5
    X[:, 1] = X[:, 0] + 1e-6 * X[:, 1]
    single = X.astype(np.float32)
    assert lr.fit(single, alpha=0.1).residual > 1e-3
    assert lr.fit(single.astype(float), alpha=0.1).residual < 1e-9


@pytest.mark.parametrize("penalty", ["huber", "cosh", "log-cosh", "absolute"])
@pytest.mark.parametrize("limit", [1, 5, 10, 20, 40, 150])
def test_all_steps_together_stay_within_the_limit(penalty: str, limit: int) -> None:
    rng = np.random.default_rng(257)
    weight = 10 ** rng.uniform(-3, 3, 60)
    for X, y in (scattered(5, 60), (rng.standard_normal((900, 300)) + 0.3, None)):
        amounts = weight if len(X) == 60 else None
        try:
            found = lr.fit(X, y, penalty=penalty, alpha=1e-7, sample_weight=amounts, max_iter=limit)
            assert found.iterations <= limit
        except NotConvergedError as error:
            stopped = int(str(error).split(" steps")[0].rsplit(" ", 1)[1])
            assert stopped <= limit


@pytest.mark.parametrize("penalty", ["label-smoothing", "log-cosh", "pseudo-huber", "abs(z)^(5/4)"])
@pytest.mark.parametrize("classes", [3, 5])
def test_faint_penalties_under_weights_of_six_decades(penalty: str, classes: int) -> None:
    for seed in range(4):
        X, y = scattered(classes, 20, seed=seed)
        weight = 10 ** np.random.default_rng(seed).uniform(-3, 3, 20)
        found = lr.fit(X, y, penalty=penalty, alpha=1e-8, sample_weight=weight)
        assert found.residual < 1e-12
        assert found.gradient_norm < 1e-13


def test_a_faint_penalty_under_weights_of_six_decades_at_30_digits() -> None:
    X, y = scattered(3, 12, 2)
    case = {
        "penalty": "label-smoothing",
        "alpha": 1e-8,
        "sample_weight": 10 ** np.random.default_rng(0).uniform(-3, 3, 12),
    }
    found, exact = lr.fit(X, y, **case), lr.precise_fit(X, y, digits=30, **case)
    assert_allclose(found.weights, [[float(w.mid()) for w in row] for row in exact.weights], 1e-8)


@pytest.mark.parametrize("alpha", [1e-8, 1e-6, 0.1])
def test_straight_penalties_of_several_classes_are_least_where_they_are_said_to_be(
    alpha: float,
) -> None:
    rng = np.random.default_rng(0)
    y = np.arange(45) % 3
    X = np.eye(3)[y] @ rng.standard_normal((3, 4)) + rng.standard_normal((45, 4))
    found = lr.fit(X, y, penalty="abs(z) + abs(z - 1)", alpha=alpha)
    assert found.residual < 1e-13
    loss = sample_loss("abs(z) + abs(z - 1)", alpha, y, 3)
    steps = 10.0 ** rng.uniform(-6, 0, (300, 1, 1)) * rng.standard_normal((300, 3, 4))
    others = [float(np.mean(loss.value(X @ (found.weights + step).T))) for step in steps]
    assert min(others) > found.loss
    assert float(np.mean(loss.value(X @ found.weights.T))) == pytest.approx(found.loss, rel=1e-12)


@pytest.mark.parametrize("penalty", ["abs(z - 1)", "abs(z - 1) + z^2/5"])
def test_next_to_no_cross_entropy_leaves_the_penalty_alone(penalty: str) -> None:
    """Without the square it is the line of least absolute deviations, a linear programme."""
    X = np.random.default_rng(3).standard_normal((30, 4)) + 0.3
    found = lr.fit(X, penalty=penalty, alpha=1 - 1e-9)
    assert found.residual < 1e-12
    value = float(np.mean(sample_loss(penalty, 1 - 1e-9).value((X @ found.weights)[:, None])))
    assert value == pytest.approx(found.loss, rel=1e-12)
    if penalty == "abs(z - 1)":
        identity = np.eye(30)
        best = linprog(
            np.repeat([0.0, 1 / 30], [4, 30]),
            A_ub=np.block([[X, -identity], [-X, -identity]]),
            b_ub=np.repeat([1.0, -1.0], 30),
            bounds=[(None, None)] * 4 + [(0, None)] * 30,
        )
        assert found.loss == pytest.approx(best.fun, abs=1e-8)
        assert_allclose(found.weights, best.x[:4], atol=1e-8)


def test_features_without_any_information_leave_kinked_penalties_at_zero() -> None:
    found = lr.fit(np.zeros((3, 2)), penalty="abs(z - 1) + z^2/5", alpha=1 - 1e-12)
    assert found.rank == 0
    assert found.residual < 1e-14
    assert found.loss == pytest.approx(1.0)
    np.testing.assert_array_equal(found.weights, [0, 0])


@pytest.mark.parametrize(("penalty", "place"), [("10*abs(z-1)^(5/4)", 1), ("abs(z-2)^(3/2)", 2)])
def test_infinite_curvature_away_from_zero_at_50_digits(penalty: str, place: int) -> None:
    X = np.random.default_rng(0).standard_normal((40, 5)) + 0.4
    found = lr.fit(X, penalty=penalty, alpha=0.5)
    power, factor = (mpf(5) / 4, 10) if place == 1 else (mpf(3) / 2, 1)
    with mp.workdps(50):
        rows = [[mpf(float(v)) for v in row] for row in X]

        def gradient(*s: Any) -> list[Any]:
            z = [mp.fdot(row, s) for row in rows]
            away = [v - place for v in z]
            slopes = [factor * power * mp.sign(a) * abs(a) ** (power - 1) for a in away]
            slopes = [slope - 1 / (1 + mp.exp(v)) for slope, v in zip(slopes, z, strict=True)]
            return [mp.fdot(slopes, [row[j] for row in rows]) for j in range(5)]

        start = [mpf(float(w)) for w in found.weights]
        exact = mp.findroot(gradient, start, tol=1e-60)
        assert max(abs(e - s) for e, s in zip(exact, start, strict=True)) < 1e-11
        # The control: weights that are off have a gradient that tells.
        assert max(abs(g) for g in gradient(*[1.001 * s for s in start])) > 1e-3


def test_logits_on_a_cusp_do_not_hide_a_gradient() -> None:
    """At z = 1/2 the curvature is infinite, and any gradient small beside it: the target of every
    sample is elsewhere."""
    X = np.random.default_rng(14).standard_normal((10, 20))
    found = lr.fit(X, penalty="2*abs(z-1/2)^(7/4)", alpha=0.5)
    assert_allclose(found.logits, lr.target("2*abs(z-1/2)^(7/4)", 0.5), rtol=1e-10)
    loss, basis = sample_loss("2*abs(z-1/2)^(7/4)", np.array([0.5])), coordinates(X, np.ones(10))
    assert float(gradient_scale(basis, loss, np.full((10, 1, 1), 0.5))[0]) < 1e3


def row_space(matrix: list[list[Fraction]]) -> list[list[Fraction]]:
    """A basis, by elimination in exact arithmetic."""
    basis: list[tuple[int, list[Fraction]]] = []
    for row in matrix:
        for pivot, other in basis:
            factor = row[pivot] / other[pivot]
            row = [a - factor * b for a, b in zip(row, other, strict=True)]
        pivot = next((j for j, a in enumerate(row) if a), None)
        if pivot is not None:
            basis.append((pivot, row))
    return [row for _, row in basis]


def outside(weights: np.ndarray, X: np.ndarray) -> float:
    """The part of the weights that is orthogonal to the rows of X, relative, to 400 digits."""
    with mp.workdps(400):
        exact = row_space([[Fraction(float(v)) for v in row] for row in X])
        V = mp.matrix([[mpf(a.numerator) / a.denominator for a in row] for row in exact])
        s = mp.matrix(weights.tolist())
        inside = V.T * mp.lu_solve(V * V.T, V * s)
        return float(mp.norm(s - inside) / mp.norm(inside))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("bias", [False, True])
def test_weights_of_least_norm_where_columns_are_in_units_far_apart(seed: int, bias: bool) -> None:
    rng = np.random.default_rng(seed)
    factors = rng.integers(-8, 9, (16, 3)), rng.integers(-4, 5, (3, 8))
    units = 2.0 ** np.array([0, 40, -40, 40, 40, -40, 0, 20])
    X, y = np.asarray(factors[0] @ factors[1]) * units, np.arange(16) % 2
    found = lr.fit(X, y, alpha=0.1, bias=bias)
    assert found.residual < 1e-13
    weights, columns = found.weights, X
    if bias:
        weights, columns = np.append(weights, found.bias), np.hstack([X, np.ones((16, 1))])
    assert found.rank == len(row_space([[Fraction(float(v)) for v in row] for row in columns]))
    assert outside(weights, columns) < 1e-14
    # The control: as small a change as the root of the rounding unit would be seen.
    size = np.linalg.norm(weights)
    assert outside(weights + 1e-8 * size * rng.standard_normal(len(weights)), columns) > 1e-10

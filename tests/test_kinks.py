"""Penalties with kinks, or infinite: logits at rest, and the conditions of a minimum."""

from __future__ import annotations

from typing import Any

import logitreg as lr
import numpy as np
import pytest
from logitreg.numerics.fit import fit
from logitreg.numerics.kernels import kernel
from logitreg.numerics.losses import pointwise
from logitreg.numerics.proximal import proximal_point
from scipy.optimize import linprog, minimize
from scipy.special import softmax

KINKED = ["absolute", "elastic", "abs(z) + z^4", "abs(z - 1) + z^2/5"]


def data(seed: int = 0, samples: int = 60, features: int = 6) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, samples)
    return rng.standard_normal((samples, features)) + 0.3 * (2 * y[:, None] - 1), y


def misfit(X: np.ndarray, penalty: str, alpha: float, logits: np.ndarray) -> float:
    """The least max-norm of a subgradient of the summed loss in the weights, by linear programming.

    Logits within 1e-12 of a kink may use every slope in its jump.
    """
    f = kernel(penalty)
    slope = alpha * np.asarray(f.slope(logits)) - (1 - alpha) / (1 + np.exp(logits))
    half = np.zeros(len(logits))
    for kink in f.kinks:
        at = np.abs(logits - kink) < 1e-12
        left, right = (float(f.slope(kink + side * 1e-9)) for side in (-1, 1))
        slope[at] = alpha * (left + right) / 2 - (1 - alpha) / (1 + np.exp(kink))
        half[at] = alpha * (right - left) / 2
    count = X.shape[1]
    free = X.T * half
    ones = np.ones((count, 1))
    found = linprog(
        np.append(np.zeros(len(X)), 1.0),
        A_ub=np.block([[free, -ones], [-free, -ones]]),
        b_ub=np.concatenate([-X.T @ slope, X.T @ slope]),
        bounds=[(-1, 1)] * len(X) + [(0, None)],
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    return float(found.fun)


@pytest.mark.parametrize("alpha", [0.02, 0.3, 0.6])
@pytest.mark.parametrize("penalty", KINKED)
def test_zero_is_a_subgradient_at_the_minimiser(penalty: str, alpha: float) -> None:
    X, y = data()
    absorbed = X * (2 * y[:, None] - 1)
    result = fit(absorbed, penalty=penalty, alpha=alpha)
    assert result.residual < 1e-13
    assert result.gradient_norm < 1e-13
    assert misfit(absorbed, penalty, alpha, result.logits) < 1e-9
    # The control: logits of weights that are slightly off have no such subgradient.
    nudged = absorbed @ (np.asarray(result.weights) + 1e-4)
    assert misfit(absorbed, penalty, alpha, nudged) > 1e-5


def test_logits_come_to_rest_on_kinks_and_bounds() -> None:
    X, y = data()
    resting = fit(X, y, penalty="absolute", alpha=0.2, bias=True)
    assert 0 < np.sum(resting.logits == 0) <= 7
    boxed = fit(X, y, penalty="box", alpha=0.1)
    assert np.max(np.abs(boxed.logits)) == 1
    assert 0 < np.sum(np.abs(boxed.logits) == 1) <= 6
    nothing = fit(X, y, penalty="absolute", alpha=0.6)
    np.testing.assert_allclose(nothing.weights, 0, atol=1e-14)


def test_box_and_absolute_agree_with_constrained_optimisation() -> None:
    X, y = data(3, 30, 3)
    absorbed = X * (2 * y[:, None] - 1)

    def entropy(w: np.ndarray) -> float:
        return float(np.mean(np.logaddexp(0, -absorbed @ w)))

    inside = {"type": "ineq", "fun": lambda w: np.concatenate([1 - absorbed @ w, 1 + absorbed @ w])}
    options = {"ftol": 1e-15, "maxiter": 1000}
    box = minimize(entropy, np.zeros(3), constraints=inside, method="SLSQP", options=options)
    ours = fit(absorbed, penalty="box", alpha=0.3)
    np.testing.assert_allclose(ours.weights, box.x, atol=1e-6)
    assert ours.loss <= 0.7 * box.fun + 1e-12

    def epigraph(w: np.ndarray) -> float:
        return 0.8 * entropy(w[:3]) + 0.2 * float(np.mean(w[3:]))

    def above(w: np.ndarray) -> Any:
        return np.concatenate([w[3:] - absorbed @ w[:3], w[3:] + absorbed @ w[:3]])

    start = np.append(np.zeros(3), np.ones(30))
    above_both = {"type": "ineq", "fun": above}
    other = minimize(epigraph, start, constraints=above_both, method="SLSQP", options=options)
    ours = fit(absorbed, penalty="absolute", alpha=0.2)
    np.testing.assert_allclose(ours.weights, other.x[:3], atol=1e-5)
    assert ours.loss <= other.fun + 1e-12


@pytest.mark.parametrize("penalty", ["absolute", "box", "elastic"])
def test_several_classes_rest_on_kinks_too(penalty: str) -> None:
    rng = np.random.default_rng(1)
    y = np.arange(45) % 3
    X = np.eye(3)[y] @ rng.standard_normal((3, 4)) + rng.standard_normal((45, 4))
    result = fit(X, y, penalty=penalty, alpha=0.2, bias=True)
    assert result.residual < 1e-13
    kinks = kernel(penalty).kinks
    assert np.sum(np.isin(result.logits, kinks)) > 0
    # No nearby point is better, in any of many directions.
    assert isinstance(result.bias, np.ndarray)

    def loss(weights: np.ndarray, bias: np.ndarray) -> float:
        z = X @ weights.T + bias
        entropy = -np.log(softmax(z, axis=1)[np.arange(45), y])
        f = np.asarray(kernel(penalty).value(np.clip(z, -1, 1) if penalty == "box" else z))
        return float(np.mean(0.8 * entropy + 0.2 * np.sum(f, axis=1)))

    least = loss(result.weights, result.bias)
    assert least == pytest.approx(result.loss, rel=1e-12)
    for _ in range(50):
        step = 1e-3 * rng.standard_normal((3, 5))
        weights, bias = result.weights + step[:, :4], result.bias + step[:, 4]
        outside = penalty == "box" and np.max(np.abs(X @ weights.T + bias)) > 1
        assert outside or loss(weights, bias) > least


def test_power_one_is_the_absolute_value() -> None:
    X, y = data(5)
    one = fit(X, y, penalty=lr.penalty("power", p=1), alpha=0.3)
    np.testing.assert_allclose(one.weights, fit(X, y, penalty="absolute", alpha=0.3).weights)


@pytest.mark.parametrize("penalty", [*KINKED, "box", "abs(z)^(3/2)", "quadratic"])
def test_proximal_points_solve_their_inclusion(penalty: str) -> None:
    f = pointwise(penalty)
    t = np.linspace(-30, 30, 601).reshape(-1, 1, 1)
    for stiffness in (0.01, 1.0, 1e4):
        v = proximal_point(f, t, np.array([stiffness]))
        excess = v + f.slope(v) / stiffness - t
        resting = np.isin(v, f.kinks)
        assert np.max(np.abs(excess[~resting]), initial=0) < 1e-13 * np.max(np.abs(t))
        # The proximal map is monotone and nonexpansive.
        moved = np.diff(v, axis=0)
        assert np.all(moved >= -1e-13)
        assert np.all(moved <= np.diff(t, axis=0) + 1e-13)

"""Gradient flow against closed forms and against gradient descent at small rates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from logitreg.errors import AlphaError
from logitreg.numerics.gradient_flow import gradient_flow
from logitreg.numerics.losses import sample_loss
from logitreg.numerics.training import train
from mpmath import mp

# At alpha = 1/2 this even convex penalty makes the loss (z - 1)^2/8, up to a number.
LEAST_SQUARES = "z^2/4 - log(2*cosh(z/2))"


def data(samples: int, features: int) -> np.ndarray:
    X = np.random.default_rng(0).standard_normal((samples, features))
    X[:, 0] += 1
    return X


def exact(X: np.ndarray, time: float) -> np.ndarray:
    """The flow of the mean of (z - 1)^2/8 from zero, by the matrix exponential at 40 digits."""
    with mp.workdps(40):
        x = mp.matrix(X.tolist())
        hessian, right = x.T * x / (4 * len(X)), x.T * mp.ones(len(X), 1) / (4 * len(X))
        decay = mp.expm(-hessian * mp.mpf(time), method="taylor")
        found = mp.lu_solve(hessian, right - decay * right)
        return np.array([float(value) for value in found])


def test_the_flow_of_least_squares_is_the_matrix_exponential() -> None:
    X = data(8, 3)
    flow = gradient_flow(X, penalty=LEAST_SQUARES, alpha=0.5, time=30.0, record=[0.1, 1, 5, 30])
    for time, weights in zip(flow.times, flow.weights, strict=True):
        np.testing.assert_allclose(weights, exact(X, time), rtol=0, atol=10 * 1e-9)
        assert np.abs(weights - exact(X, 1.01 * time)).max() > 1e-7


def test_the_error_follows_the_tolerance() -> None:
    X = data(8, 3)
    errors = []
    for tolerance in (1e-5, 1e-10):
        flow = gradient_flow(
            X, penalty=LEAST_SQUARES, alpha=0.5, time=5.0, record=[5.0], tolerance=tolerance
        )
        errors.append(np.abs(flow.weights[0] - exact(X, 5.0)).max())
    assert errors[0] < 1e-4
    assert errors[1] < 1e-9


@pytest.mark.parametrize("classes", [2, 3])
def test_descent_approaches_the_flow_to_first_order_in_the_rate(classes: int) -> None:
    X, y = data(12, 4), np.arange(12) % classes
    end = gradient_flow(X, y, alpha=0.2, time=2.0, record=[2.0]).weights[0]
    coarse, fine = (
        np.abs(train(X, y, alpha=0.2, learning_rate=2.0 / n, epochs=n).weights - end).max()
        for n in (400, 800)
    )
    assert coarse < 1e-3
    assert coarse / fine == pytest.approx(2, rel=0.01)


def test_a_long_flow_ends_at_a_stationary_point() -> None:
    X, y = data(20, 3), np.arange(20) % 4
    weights = gradient_flow(X, y, alpha=0.3, time=1e6, record=2).weights[-1]
    slopes = sample_loss("quadratic", 0.3, y, 4).gradient(X @ weights.T)
    assert np.abs(slopes.T @ X).max() / 20 < 1e-8


def test_more_features_than_samples_and_a_start() -> None:
    X = data(3, 7)
    start = np.arange(7.0)
    flow = gradient_flow(X, alpha=0.2, time=1e4, record=2, start=start)
    np.testing.assert_array_equal(flow.times, [0, 1e4])
    np.testing.assert_allclose(flow.weights[0], start, rtol=0, atol=1e-14)
    moved = flow.weights[-1] - start
    residue = moved - np.linalg.pinv(X) @ (X @ moved)
    np.testing.assert_allclose(residue, 0, atol=1e-12)
    slopes = sample_loss("quadratic", 0.2).gradient((X @ flow.weights[-1])[:, None])
    assert np.abs(slopes).max() < 1e-8


def test_times_are_evenly_spaced_in_the_logarithm() -> None:
    times = gradient_flow(data(9, 2), alpha=0.2, time=100.0, record=6).times
    assert (len(times), times[0], times[-1]) == (6, 0, pytest.approx(100))
    assert np.ptp(np.diff(np.log(times[1:]))) < 1e-12


@pytest.mark.parametrize(
    ("error", "changed"),
    [
        (AlphaError, {"alpha": 1.0}),
        (ValueError, {"time": -1.0}),
        (ValueError, {"record": [2.0]}),
        (ValueError, {"record": 1}),
    ],
)
def test_errors_come_before_any_work(error: type[Exception], changed: dict[str, Any]) -> None:
    with pytest.raises(error, match="expected"):
        gradient_flow(data(9, 2), **({"alpha": 0.1, "time": 1.0} | changed))

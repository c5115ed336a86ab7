"""The slowest mode close to the targets of K classes: what is solved, and what descent does."""

from __future__ import annotations

import logitreg as lr
import numpy as np
import pytest
from logitreg.numerics.training import train
from logitreg.proofs_checks.figures.grokking import slowest_mode_of_classes
from logitreg.proofs_checks.many_class_approach import Approach, slowest_mode
from logitreg.theory.many_class_approach import bulk, companion, signal_mode


@pytest.mark.parametrize("curvature", [0.01, 3.0])
@pytest.mark.parametrize(("ratio", "noise"), [(0.1, 0.3), (0.7, 1.0), (0.95, 5.0)])
def test_equal_curvatures_give_the_edge_and_the_outlier_of_two_classes(
    curvature: float, ratio: float, noise: float
) -> None:
    strong = Approach(ratio, 20 * noise, noise, 5, curvature, curvature)
    edge = curvature * noise**2 * (1 - ratio**0.5) ** 2
    assert slowest_mode(strong) == pytest.approx(edge, rel=1e-9)
    square = 0.5 * noise**2 * (1 - ratio**0.5)
    weak = strong._replace(signal=(5 * square) ** 0.5)
    outlier = curvature * square * (1 - ratio * noise**2 / (noise**2 - square))
    assert slowest_mode(weak) == pytest.approx(outlier, rel=1e-9)


def test_edge_lies_between_those_of_the_two_curvatures() -> None:
    strong = Approach(0.6, 20.0, 1.0, 4, 0.1, 0.4)
    low, high = (slowest_mode(strong._replace(across=h, along=h)) for h in (0.1, 0.4))
    assert 1.1 * low < slowest_mode(strong) < high


def test_outlier_solves_its_equation_on_the_rising_branch() -> None:
    approach = Approach(0.7, 1.0, 1.0, 10, 0.1065, 0.2789)
    at = approach.symbols()
    found = slowest_mode(approach)
    grid = np.geomspace(1.0, 1e3, 4001)
    x = np.array([float(v) for v in _evaluated(bulk().subs(at), grid)])
    y = np.array([float(v) for v in _evaluated(signal_mode().subs(at), grid)])
    crossing = int(np.argmax(x > y))
    assert x[crossing - 1] < found < x[crossing]
    assert crossing < x.argmax()


def _evaluated(expression: object, grid: np.ndarray) -> np.ndarray:
    from sympy import lambdify

    return np.broadcast_to(lambdify(companion, expression)(grid), grid.shape)


def test_last_decay_of_descent_is_the_smallest_eigenvalue_at_the_targets() -> None:
    """K = 3, N = 60: late weights on the noise shrink by 1 - eta q, q of the Hessian at targets."""
    classes, alpha, rate = 3, 0.2, 0.5
    X, y = lr.signal_plus_noise(60, 24, signal=2.0, signal_noise=0.0, classes=classes, seed=3)
    norms = {"across": lambda W: np.linalg.norm(W[:, classes:])}
    run = train(X, y, alpha=alpha, learning_rate=rate, epochs=400, record=[200, 400], watch=norms)
    seen = run.watched["across"]
    measured = -np.log(seen[-1] / seen[0]) / 200 / rate
    gap = float(lr.target("quadratic", alpha, classes=classes))
    p = np.exp(gap * np.eye(classes))
    p /= p.sum(axis=1, keepdims=True)
    Q = sum(
        np.kron(
            (1 - alpha) * (np.diag(p[c]) - np.outer(p[c], p[c])) + 2 * alpha * np.eye(classes),
            X[y == c].T @ X[y == c] / len(X),
        )
        for c in range(classes)
    )
    flat = np.kron(np.full((classes, classes), 1.0), np.eye(24))
    smallest = np.linalg.eigvalsh(Q + flat)[0]
    assert measured == pytest.approx(-np.log1p(-rate * smallest) / rate, rel=0.01)


def test_limit_of_figure_8_is_below_the_bulk() -> None:
    x = slowest_mode_of_classes(0.04, 10, 0.7)
    assert x == pytest.approx(0.0025387, rel=1e-4)

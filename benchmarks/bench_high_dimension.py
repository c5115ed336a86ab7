"""The limit of high dimension: a grid of cells, against quadrature around a scalar minimiser.

    python -m pytest benchmarks/bench_high_dimension.py

The grid is lambda in [0.05, 0.95], sigma_f in [0.05, 1.5]. The comparator is what the replica
literature publishes: the order parameters by damped fixed-point iteration, each expectation by
adaptive quadrature, each proximal operator by a scalar minimiser. Within a group of ours alone, the
ratios are to the first.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from logitreg import asymptotics, asymptotics_many_classes, penalties
from logitreg.numerics.kernels import kernel
from scipy.integrate import quad
from scipy.optimize import minimize_scalar

CONVEX = [name for name in penalties() if kernel(name).convex]
GRID = [("quadratic", 0.4), ("quadratic", 0.001), *((name, 0.1) for name in CONVEX)]
SLOWER = [(4, "label-smoothing"), (10, "label-smoothing"), (100, "label-smoothing")]
SLOWER += [(10, "quadratic"), (3, "log-cosh"), (10, "log-cosh")]
MANY_CLASSES = [(3, "label-smoothing")] + [pytest.param(*c, marks=pytest.mark.slow) for c in SLOWER]


def proximal_step(z: float, gamma: float, alpha: float) -> float:
    def moreau(p: float) -> float:
        loss = (1 - alpha) * np.logaddexp(0, -p) + alpha * p * p
        return float(loss + (p - z) ** 2 / (2 * gamma))

    return float(minimize_scalar(moreau, bracket=(z - 1, z + 1), tol=1e-12).x) - z


def moment(power: int, times: int, mean: float, spread: float, gamma: float, alpha: float) -> float:
    """E G^times (p(Z) - Z)^power."""

    def integrand(g: float) -> float:
        density = np.exp(-g * g / 2) / np.sqrt(2 * np.pi)
        return float(g**times * proximal_step(mean + spread * g, gamma, alpha) ** power * density)

    return float(quad(integrand, -9, 9, epsabs=1e-9, epsrel=1e-9)[0])


def comparator(
    ratio: float, effect: float, alpha: float, tolerance: float
) -> tuple[float, float, int]:
    """a and q for the quadratic penalty, in whitened coordinates, and the iterations taken."""
    a, q, gamma = 1.0, 1.0, 1.0
    for iteration in range(1, 1000):
        law = a * effect, float(np.hypot(a, q)), gamma, alpha
        shift, square, along = moment(1, 0, *law), moment(2, 0, *law), moment(1, 1, *law)
        slope = 1 + along / law[1]
        new_gamma = gamma * (slope / (1 - ratio)) ** 0.5
        new_q = (square / ratio) ** 0.5
        new_a = effect * (shift / ratio + a * effect) / (1 + effect**2)
        change = abs(new_a - a) + abs(new_q - q) + abs(new_gamma - gamma)
        a, q, gamma = (a + new_a) / 2, (q + new_q) / 2, new_gamma
        if change < tolerance:
            return a, q, iteration
    raise ArithmeticError("the fixed-point iteration did not converge")


def limits(penalty: str, alpha: float, size: int) -> Any:
    ratios, noises = np.linspace(0.05, 0.95, size), np.linspace(0.05, 1.5, size)
    return asymptotics(ratios[:, None], signal_noise=noises, penalty=penalty, alpha=alpha)


def residual(limit: Any) -> str:
    return f"residuals up to {limit.residual.max():.0e}"


@pytest.mark.parametrize(("penalty", "alpha"), GRID)
def bench_grid(measure: Any, small: bool, penalty: str, alpha: float) -> None:
    size = 10 if small else 100
    run = lambda: limits(penalty, alpha, size)  # noqa: E731
    job = f"logitreg, {penalty}, alpha = {alpha}"
    measure(f"{size**2} cells", job, run, accuracy=residual, rounds=2)


def bench_cell_of_a_grid(measure: Any, small: bool) -> None:
    size = 10 if small else 100
    run = lambda: limits("quadratic", 0.4, size)  # noqa: E731
    measure("one cell", "logitreg, of a grid", run, accuracy=residual, parts=size**2, rounds=2)


def bench_cell(measure: Any, small: bool) -> None:
    ours = asymptotics(0.7, signal=2.0, signal_noise=1.0, alpha=0.4)
    tolerance = 0.1 if small else 1e-6

    def accuracy(found: tuple[float, float, int]) -> str:
        a, q, iterations = found
        gap = max(abs(a - ours.signal_weight), abs(q - ours.noise_weight))
        assert gap < 10 * tolerance
        return f"differs by {gap:.0e}, {iterations} iterations"

    run = lambda: comparator(0.7, 2.0, 0.4, tolerance)  # noqa: E731
    measure("one cell", "fixed point around quad", run, accuracy=accuracy, rounds=1)


@pytest.mark.parametrize(("classes", "penalty"), MANY_CLASSES)
def bench_many_classes(measure: Any, classes: int, penalty: str) -> None:
    measure(
        "many classes, one cell",
        f"logitreg, {classes} classes, {penalty}",
        lambda: asymptotics_many_classes(0.5, classes, penalty=penalty, alpha=0.1),
        accuracy=lambda limit: f"residual {limit.residual:.0e}, error {limit.error:.0e}",
        rounds=2,
    )

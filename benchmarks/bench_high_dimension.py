"""The limit of high dimension: a grid of cells, against quadrature around a scalar minimiser.

    python benchmarks/bench_high_dimension.py

Seconds are of process time. The comparator is what the replica literature publishes: the order
parameters by damped fixed-point iteration, each expectation by adaptive quadrature, each proximal
operator by a scalar minimiser.
"""

from __future__ import annotations

import time

import numpy as np
from logitreg import asymptotics, penalties
from logitreg.numerics.kernels import kernel
from logitreg.numerics.many_classes_limit import asymptotics_many_classes
from scipy.integrate import quad
from scipy.optimize import minimize_scalar

GRID = {name: (0.1,) for name in penalties() if kernel(name).convex} | {"quadratic": (0.4, 0.001)}
MANY_CLASSES = (
    ("label-smoothing", 3),
    ("label-smoothing", 4),
    ("label-smoothing", 10),
    ("label-smoothing", 100),
    ("quadratic", 10),
    ("log-cosh", 3),
    ("log-cosh", 10),
)


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


def main() -> None:
    ratios, noises = np.linspace(0.05, 0.95, 100), np.linspace(0.05, 1.5, 100)
    print(f"{ratios.size * noises.size} cells: lambda in [0.05, 0.95], sigma_f in [0.05, 1.5]")
    seconds = {}
    for penalty, alphas in GRID.items():
        for alpha in alphas:
            start = time.process_time()
            limit = asymptotics(ratios[:, None], signal_noise=noises, penalty=penalty, alpha=alpha)
            seconds[penalty, alpha] = time.process_time() - start
            print(
                f"{penalty:16} alpha = {alpha:<6} {seconds[penalty, alpha]:6.2f} s   "
                f"largest residual {limit.residual.max():.0e}"
            )
    start = time.process_time()
    a, q, iterations = comparator(0.7, 2.0, 0.4, 1e-6)
    one = time.process_time() - start
    ours = asymptotics(0.7, signal=2.0, signal_noise=1.0, alpha=0.4)
    gap = max(abs(a - ours.signal_weight), abs(q - ours.noise_weight))
    per_cell = seconds["quadratic", 0.4] / (ratios.size * noises.size)
    print(
        f"one cell: adaptive quadrature in a fixed point {one:.1f} s ({iterations} iterations, "
        f"differs by {gap:.0e}); ours, on the grid, {1e6 * per_cell:.0f} us: "
        f"{one / per_cell:.1e} times as fast"
    )
    for penalty, classes in MANY_CLASSES:
        start = time.process_time()
        many = asymptotics_many_classes(0.5, classes, penalty=penalty, alpha=0.1)
        print(
            f"{classes:3} classes, {penalty:16} {time.process_time() - start:6.2f} s   "
            f"residual {many.residual:.0e}, error of a and q {many.error:.0e}"
        )


if __name__ == "__main__":
    main()

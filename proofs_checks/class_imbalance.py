"""Unequal classes and a bias in high dimension: proposed equations solved, and seeded simulation.

Signal plus noise with mu_f = Delta and unit noises; the classes take their exact shares.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog, root
from sympy import Eq, lambdify

from ..numerics.batched import fit_batch
from ..numerics.kernels import kernel
from ..numerics.proximal_moments import break_points, cell_losses, moments
from ..theory import class_imbalance as theory
from ..theory import high_dimension as balanced

__all__ = [
    "BiasedPoint",
    "SeparableDraws",
    "Setting",
    "quadratic_point",
    "separable_draws",
    "solve_biased_system",
    "trained_weights",
]

Array = NDArray[np.float64]

_ORDER = 256


class Setting(NamedTuple):
    """A penalty, its strength, and the data: lambda, Delta and the fraction of the class +1."""

    penalty: str
    alpha: float
    aspect_ratio: float
    effect: float
    positive_fraction: float

    def __str__(self) -> str:
        return (
            f"{self.penalty}, alpha = {self.alpha:g}, lambda = {self.aspect_ratio:g}, "
            f"Delta = {self.effect:g}, pi = {self.positive_fraction:g}"
        )


class BiasedPoint(NamedTuple):
    """A solution (a, q, b) of the system."""

    signal: float
    noise: float
    bias: float


def quadratic_point(setting: Setting, target: float) -> tuple[float, float, float, float]:
    """a, q, b and gamma for (z - z*)^2/2, from the theory."""
    found = theory.quadratic_solution()
    at = {
        balanced.aspect_ratio: setting.aspect_ratio,
        balanced.effect: setting.effect,
        theory.positive_fraction: setting.positive_fraction,
        balanced.target: target,
    }
    keys = (balanced.signal, balanced.noise**2, theory.bias, balanced.envelope)
    a, q2, b, gamma = (float(found[key].subs(at)) for key in keys)
    return a, q2**0.5, b, gamma


def solve_biased_system(equations: Sequence[Eq], setting: Setting) -> BiasedPoint:
    """The (a, q, b) that with some gamma solve four equations in the moments of the proximal step.

    Powell's hybrid method from the solution for a quadratic loss.

    Raises
    ------
    ValueError : the residual of the equations does not vanish.
    """
    f = kernel(setting.penalty)
    loss = cell_losses(np, f, break_points(f), np.full((2, 1), setting.alpha))
    shares = np.array([setting.positive_fraction, 1 - setting.positive_fraction])
    signs = np.array([1.0, -1.0])
    names = (
        balanced.mean_slope,
        balanced.mean_step,
        balanced.mean_square_step,
        theory.mean_label_step,
        balanced.signal,
        balanced.noise,
        theory.bias,
        balanced.aspect_ratio,
        balanced.effect,
    )
    residuals = lambdify(names, [e.lhs - e.rhs for e in equations])

    def system(unknowns: Array) -> Array:
        a, b = unknowns[:2]
        q, gamma = np.exp(np.clip(unknowns[2:], -20, 20))
        mean = a * setting.effect + signs * b
        both = np.ones(2)
        found = moments(np, loss, mean, np.hypot(a, q) * both, gamma * both, _ORDER)
        values = (found.slope, found.step, found.square, signs * found.step)
        given = (a, q, b, setting.aspect_ratio, setting.effect)
        return np.asarray(residuals(*(float(shares @ value) for value in values), *given))

    level = float(loss.minimiser[0, 0])
    a, q, b, gamma = quadratic_point(setting, level)
    gamma /= float(loss.curvature(np.array([[level], [level]]))[0, 0])
    found = root(system, [a, b, np.log(q), np.log(gamma)], tol=1e-12)
    worst = float(np.abs(found.fun).max())
    if not worst < 1e-9:
        raise ValueError(
            f"no solution for {setting}: residual {worst:.1e}, expected 1e-9; choose data and a "
            "loss for which there is a minimiser"
        )
    return BiasedPoint(float(found.x[0]), float(np.exp(found.x[2])), float(found.x[1]))


def trained_weights(
    setting: Setting, samples: int = 120, seeds: int = 32
) -> tuple[Array, Array, Array]:
    """S_1, ||S_perp|| and b of the training minimisers of seeded data sets, (seeds,) each."""
    rng = np.random.default_rng(2714)
    features = round(setting.aspect_ratio * samples)
    y = np.where(np.arange(samples) < round(setting.positive_fraction * samples), 1, -1)
    x = rng.standard_normal((seeds, samples, features))
    x[:, :, 0] += setting.effect * y
    found = fit_batch(
        x,
        np.broadcast_to(y, (seeds, samples)),
        penalty=setting.penalty,
        alpha=setting.alpha,
        bias=True,
    )
    return found.weights[:, 0], np.linalg.norm(found.weights[:, 1:], axis=1), found.bias


class SeparableDraws(NamedTuple):
    """How many of the draws can be separated with a bias, and the 99 % interval of the share."""

    found: int
    draws: int
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.found} of {self.draws}, 99% interval [{self.low:.2f}, {self.high:.2f}]"


def separable_draws(
    features: int, effect: float, positive_fraction: float, samples: int = 200, draws: int = 16
) -> SeparableDraws:
    """Random data of these dimensions, separability by linear programming."""
    rng = np.random.default_rng(2715)
    y = np.where(np.arange(samples) < round(positive_fraction * samples), 1.0, -1.0)
    found = 0
    for _ in range(draws):
        x = rng.standard_normal((samples, features))
        x[:, 0] += effect * y
        rows = -y[:, None] * np.hstack([x, np.ones((samples, 1))])
        program = linprog(
            np.zeros(features + 1), A_ub=rows, b_ub=-np.ones(samples), bounds=(None, None)
        )
        found += int(program.status == 0)
    from scipy.stats import binomtest  # slow to import

    interval = binomtest(found, draws).proportion_ci(0.99)
    return SeparableDraws(found, draws, float(interval.low), float(interval.high))

"""The limits of high dimension for Gaussian signal plus noise, solved numerically."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.optimize import brentq, minimize_scalar, root, root_scalar
from scipy.special import expit
from sympy import Eq, Expr, lambdify

from ..numerics import loss_terms
from ..numerics.kernels import kernel
from ..numerics.loss_terms import LOGISTIC
from ..theory import high_dimension as theory

__all__ = [
    "Loss",
    "Moments",
    "Point",
    "largest_margin",
    "moments_at",
    "penalised",
    "quadratic_point",
    "separability_threshold",
    "solve_system",
]

Array = NDArray[np.float64]

_SWEEPS = 20


@dataclass(frozen=True)
class Loss:
    """The slope and the curvature of a per-sample loss, on arrays."""

    name: str
    slope: Callable[[Any], Any]
    curvature: Callable[[Any], Any]

    @property
    def target(self) -> float:
        """The minimiser, or 20 where it is larger or there is none."""
        low, high = 0.0, 20.0
        if self.slope(high) < 0:
            return high
        return float(root_scalar(self.slope, bracket=(low, high), xtol=1e-14).root)


def penalised(penalty: str, alpha: float) -> Loss:
    """(1 - alpha) times cross-entropy, plus alpha times a penalty of the catalogue."""
    f = kernel(penalty)

    def slope(z: Any) -> Any:
        return loss_terms.penalised(alpha, LOGISTIC.slope(np.asarray(z)), f.slope(z))

    def curvature(z: Any) -> Any:
        return loss_terms.penalised(alpha, LOGISTIC.curvature(np.asarray(z)), f.curvature(z))

    return Loss(f"{penalty}, alpha = {alpha:g}", slope, curvature)


@dataclass(frozen=True)
class Point:
    """A solution (a, q, gamma) of the system and the largest residual of its equations."""

    signal: float
    noise: float
    envelope: float
    residual: float

    def argument(self, effect: float) -> float:
        """The accuracy is Phi of a Delta/sqrt(a^2 + q^2)."""
        return float(self.signal * effect / np.hypot(self.signal, self.noise))


def quadratic_point(aspect_ratio: float, effect: float, target: float = 1.0) -> tuple[float, float]:
    """a and q for a quadratic loss, from the theory."""
    found = theory.quadratic_solution()
    point = {theory.aspect_ratio: aspect_ratio, theory.effect: effect, theory.target: target}
    a, q2 = (float(found[key].subs(point)) for key in (theory.signal, theory.noise**2))
    return a, q2**0.5


def solve_system(
    equations: Sequence[Eq], loss: Loss, aspect_ratio: float, effect: float, points: int = 1001
) -> Point:
    """The triple (a, q, gamma) that solves three equations in the moments of the proximal step.

    The trapezoidal rule in Z, whose error is exponentially small, safeguarded Newton's method for
    the proximal operator, Powell's hybrid method for the triple; where that fails, from a start
    that is improved by sweeps over the equations.

    Raises
    ------
    ValueError : the residual of the equations does not vanish.
    """
    names = (
        theory.mean_slope,
        theory.mean_step,
        theory.mean_square_step,
        theory.signal,
        theory.noise,
        theory.aspect_ratio,
        theory.effect,
    )
    residuals = lambdify(names, [e.lhs - e.rhs for e in equations])
    x = np.linspace(-9, 9, points)
    weights = np.exp(-(x**2) / 2)
    weights /= weights.sum()

    def moments(a: float, q: float, gamma: float) -> tuple[float, float, float]:
        z = a * effect + np.hypot(a, q) * x
        p = _proximal(loss, z, gamma)
        slope = weights @ (1 / (1 + gamma * loss.curvature(p)))
        return float(slope), float(weights @ (p - z)), float(weights @ (p - z) ** 2)

    def short_of_slope(a: float, q: float, gamma: float) -> float:
        return 1 - aspect_ratio - moments(a, q, gamma)[0]

    def system(unknowns: Array) -> Array:
        a, (q, gamma) = float(unknowns[0]), np.exp(np.clip(unknowns[1:], -20, 20))
        found = residuals(*moments(a, q, gamma), a, q, aspect_ratio, effect)
        return np.asarray(np.array(found) / (1, q**2, np.hypot(a, q)))

    level = min(loss.target, 3.0)
    a, q = quadratic_point(aspect_ratio, effect, level)
    gamma = aspect_ratio / (1 - aspect_ratio) / float(loss.curvature(level))
    for _ in range(_SWEEPS):
        found = root(system, [a, np.log(q), np.log(gamma)], tol=1e-13)
        worst = float(np.abs(found.fun).max())
        if worst < 1e-10:
            q, gamma = np.exp(found.x[1:])
            return Point(float(found.x[0]), float(q), float(gamma), worst)
        gamma = _increasing_root(partial(short_of_slope, a, q))
        _, step, square = moments(a, q, gamma)
        a = effect * (step / aspect_ratio + a * effect) / (1 + effect**2)
        q = (square / aspect_ratio) ** 0.5
    raise ValueError(
        f"no solution at lambda = {aspect_ratio:g}, Delta = {effect:g} for {loss.name}: "
        f"residual {worst:.1e}, expected 1e-10; choose data for which there is a minimiser"
    )


def _increasing_root(function: Callable[[float], float]) -> float:
    """The positive root of an increasing function, to a part in a thousand."""
    found = root_scalar(lambda t: function(np.exp(t)), bracket=(-12.0, 18.0), xtol=1e-3)
    return float(np.exp(found.root))


def _proximal(loss: Loss, z: Array, gamma: float) -> Array:
    """The solution p of p + gamma l'(p) = z, by Newton's method between z and z - gamma l'(z)."""
    other = z - gamma * loss.slope(z)
    low, high = np.minimum(z, other), np.maximum(z, other)
    p = (low + high) / 2
    for _ in range(200):
        value = p - z + gamma * loss.slope(p)
        low, high = np.where(value < 0, p, low), np.where(value < 0, high, p)
        step = value / (1 + gamma * loss.curvature(p))
        newton = p - step
        # A step of more than half the bracket may end in a cycle of two.
        useful = (low <= newton) & (newton <= high) & (2 * np.abs(step) <= high - low)
        moved = np.where(useful | (step == 0), newton, (low + high) / 2)
        settled = np.abs(moved - p).max() < 1e-14 * (1 + np.abs(p).max())
        p = moved
        if settled:
            break
    return np.asarray(p)


class Moments(NamedTuple):
    """gamma, E p', E (p - Z) and E (p - Z)^2."""

    envelope: float
    slope: float
    step: float
    square: float


def moments_at(loss: tuple[str, float], mean: float, spread: float, train_mean: float) -> Moments:
    """Of the proximal step under Z = mean + spread G, gamma such that E p is ``train_mean``.

    By adaptive quadrature and bisection, for a penalty of the catalogue and alpha.
    """
    penalty, alpha = loss
    f = kernel(penalty)

    def slope(z: float) -> float:
        return float(alpha * f.slope(z) - (1 - alpha) * expit(-z))

    def step(g: float, gamma: float) -> float:
        z = mean + spread * g
        ends = sorted((z, z - gamma * slope(z)))
        if ends[0] == ends[1]:
            return 0.0
        return float(brentq(lambda p: p - z + gamma * slope(p), *ends, xtol=1e-15) - z)

    def moment(power: int, times: int, gamma: float) -> float:
        def integrand(g: float) -> float:
            density = np.exp(-g * g / 2) / np.sqrt(2 * np.pi)
            return float(g**times * step(g, gamma) ** power * density)

        return float(quad(integrand, -9, 9, epsabs=1e-12, epsrel=1e-12, limit=200)[0])

    goal = train_mean - mean
    gamma = np.exp(brentq(lambda t: moment(1, 0, np.exp(t)) - goal, -6, 8, xtol=1e-13))
    return Moments(
        float(gamma), 1 + moment(1, 1, gamma) / spread, moment(1, 0, gamma), moment(2, 0, gamma)
    )


def separability_threshold(threshold: Expr, path: Any, effect: float) -> float:
    """The minimum over c of an expression in c and Delta."""
    value = lambdify((path, theory.effect), threshold)
    return float(minimize_scalar(lambda c: value(c, effect), bounds=(0, 50), method="bounded").fun)


def largest_margin(margin: Callable[[float], float]) -> tuple[float, float]:
    """The cosine in (0, 1) that makes kappa(rho) largest, and that kappa."""
    found = minimize_scalar(lambda rho: -margin(rho), bounds=(1e-6, 1 - 1e-9), method="bounded")
    return float(found.x), -float(found.fun)

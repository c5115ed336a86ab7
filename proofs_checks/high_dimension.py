"""The limits of high dimension solved numerically, and seeded simulations to hold them against.

Samples are Gaussian signal plus noise with labels absorbed. What is simulated is worth OBSERVED.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.linalg import eigvalsh_tridiagonal
from scipy.optimize import brentq, minimize_scalar, nnls, root, root_scalar
from scipy.special import expit
from sympy import Eq, Expr, lambdify

from ..numerics import loss_terms
from ..numerics.kernels import kernel
from ..numerics.loss_terms import LOGISTIC
from ..theory import high_dimension as theory
from .evidence import Grade, Outcome, Status

__all__ = [
    "Band",
    "Loss",
    "Moments",
    "Point",
    "band",
    "largest_margin",
    "largest_margins",
    "minimisers",
    "moments_at",
    "not_observed",
    "observed",
    "penalised",
    "quadratic_point",
    "separability_threshold",
    "signal_plus_noise",
    "smallest_eigenvalues",
    "solve_system",
]

Array = NDArray[np.float64]

_SWEEPS = 20
_SIMULATION = "seeded simulation"


@dataclass(frozen=True)
class Band:
    """A mean over the seeds, four standard errors to each side: all of 99.99 %."""

    low: float
    high: float

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high

    def __str__(self) -> str:
        return f"[{self.low:.4g}, {self.high:.4g}]"


def band(values: Array) -> Band:
    """The band of the mean of independent values.

    >>> print(band(np.array([1.0, 3.0] * 8)))
    [0.9672, 3.033]
    """
    half = 4 * values.std(ddof=1) / np.sqrt(values.size)
    return Band(float(values.mean() - half), float(values.mean() + half))


def observed(detail: str) -> Outcome:
    """Support by a seeded simulation."""
    return Outcome(Status.SUPPORTED, _SIMULATION, detail, Grade.OBSERVED)


def not_observed(detail: str, witness: str) -> Outcome:
    """A refutation by a seeded simulation."""
    return Outcome.refuted(_SIMULATION, detail, witness, Grade.OBSERVED)


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


def signal_plus_noise(
    samples: int,
    aspect_ratio: float,
    means: float,
    deviations: tuple[float, float],
    seeds: int,
    spectrum: Sequence[float] = (1.0,),
) -> Array:
    """Data sets (seeds, N, d) with mean mu_f and deviations (sigma_f, sigma_n).

    The noise across the signal has the eigenvalues of ``spectrum``, times sigma_n^2, in turn.
    """
    rng = np.random.default_rng(2711)
    x = rng.standard_normal((seeds, samples, round(aspect_ratio * samples)))
    x *= deviations[1]
    x[:, :, 1:] *= np.sqrt(np.resize(spectrum, x.shape[2] - 1))
    x[:, :, 0] *= deviations[0] / deviations[1]
    x[:, :, 0] += means
    return x


def minimisers(
    loss: Loss,
    aspect_ratio: float,
    mean: float,
    *,
    deviations: tuple[float, float] = (1.0, 1.0),
    weight_decay: float = 0.0,
    seeds: int = 32,
    spectrum: Sequence[float] = (1.0,),
) -> tuple[Array, Array]:
    """S_1 and ||S_perp|| of the training minimisers on seeded data, by Newton's method.

    With deviations of 1 these are a and q of whitened data, whose mean is Delta.

    Raises
    ------
    ValueError : some gradient is not small after 60 steps.
    """
    # N d^2 = 250 000: large for the limits, small enough for BLAS to stay on one thread.
    samples = round((500 / aspect_ratio) ** (2 / 3))
    x = signal_plus_noise(samples, aspect_ratio, mean, deviations, seeds, spectrum)
    transposed = np.ascontiguousarray(x.transpose(0, 2, 1))
    ridge = weight_decay * np.eye(x.shape[2])
    right = transposed.sum(axis=2, keepdims=True) * min(loss.target, 2.0)
    s = np.linalg.solve(transposed @ x + samples * ridge, right)
    gradient = np.full_like(s, np.inf)
    for _ in range(60):
        z = x @ s
        gradient = transposed @ loss.slope(z) / samples + weight_decay * s
        if np.abs(gradient).max() < 1e-10:
            break
        hessian = transposed @ (loss.curvature(z) * x) / samples + ridge
        s -= np.linalg.solve(hessian, gradient)
    if not np.abs(gradient).max() < 1e-8:
        raise ValueError(
            f"gradient {np.abs(gradient).max():.1e} after 60 Newton steps for {loss.name}; "
            "expected 1e-8 or less; choose a loss and data with a finite minimiser"
        )
    return s[:, 0, 0], np.linalg.norm(s[:, 1:, 0], axis=1)


def separability_threshold(threshold: Expr, path: Any, effect: float) -> float:
    """The minimum over c of an expression in c and Delta."""
    value = lambdify((path, theory.effect), threshold)
    return float(minimize_scalar(lambda c: value(c, effect), bounds=(0, 50), method="bounded").fun)


def largest_margin(margin: Callable[[float], float]) -> tuple[float, float]:
    """The cosine in (0, 1) that makes kappa(rho) largest, and that kappa."""
    found = minimize_scalar(lambda rho: -margin(rho), bounds=(1e-6, 1 - 1e-9), method="bounded")
    return float(found.x), -float(found.fun)


def largest_margins(x: Array) -> tuple[Array, Array]:
    """kappa and rho of the max-margin direction of each data set; kappa = 0 if not separable.

    The shortest S with all logits >= 1, by non-negative least squares (Lawson, Hanson: LDP).
    """
    margins, cosines = [], []
    for data in x:
        samples, features = data.shape
        stacked = np.vstack([data.T, np.ones(samples)])
        last = np.zeros(features + 1)
        last[-1] = 1
        weights, residual = nnls(stacked, last, maxiter=30 * samples)
        if residual < 1e-8:
            margins.append(0.0)
            cosines.append(0.0)
            continue
        rest = stacked @ weights - last
        s = -rest[:-1] / rest[-1]
        margins.append(float((data @ s).min() / np.linalg.norm(s)))
        cosines.append(float(s[0] / np.linalg.norm(s)))
    return np.array(margins), np.array(cosines)


def smallest_eigenvalues(
    aspect_ratio: float, mean: float, noise: float, *, samples: int = 400, seeds: int = 48
) -> Array:
    """The smallest eigenvalue of X^T X/N at sigma_f = 0, extrapolated to N -> infinity.

    From N and 4 N samples, with the order N^(-2/3) of the distance from the edge of the bulk.
    """
    rng = np.random.default_rng(2712)
    few, many = (
        np.array([_smallest_eigenvalue(rng, n, aspect_ratio, mean, noise) for _ in range(seeds)])
        for n in (samples, 4 * samples)
    )
    weight = 4 ** (2 / 3)
    return np.asarray((weight * many - few) / (weight - 1))


def _smallest_eigenvalue(
    rng: np.random.Generator, samples: int, aspect_ratio: float, mean: float, noise: float
) -> float:
    """Rotations of the rows and of the noise columns make X = [mu_f 1 | sigma_n Xi] bidiagonal.

    The diagonal is mu_f sqrt(N), then sigma_n chi with N - 1, N - 2, ... degrees of freedom; above
    it stand sigma_n chi with d - 1, ..., 1. So X^T X is tridiagonal, exactly in law.
    """
    features = round(aspect_ratio * samples)
    above = noise * np.sqrt(rng.chisquare(np.arange(features - 1, 0, -1)))
    below = noise * np.sqrt(rng.chisquare(np.arange(samples - 1, samples - features, -1)))
    diagonal = np.concatenate(([mean * np.sqrt(samples)], below))
    squares = diagonal**2
    squares[1:] += above**2
    found = eigvalsh_tridiagonal(squares, diagonal[:-1] * above, select="i", select_range=(0, 0))
    return float(found[0] / samples)

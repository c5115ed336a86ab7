"""Population minimisers for noise that is not Gaussian, by quadrature, and seeded simulation.

Samples have two independent coordinates of unit variance and the same law about their means.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.polynomial.hermite_e import hermeval
from numpy.typing import NDArray
from scipy.linalg import eigh_tridiagonal
from scipy.optimize import brentq
from sympy import Expr, lambdify

from ..numerics.batched import fit_batch
from ..theory import cumulant_correction as theory
from .high_dimension import Loss

__all__ = [
    "Noise",
    "deflection",
    "gamma_noise",
    "predicted",
    "student_noise",
    "trained_deflections",
]

Array = NDArray[np.float64]

_MEAN = (0.5, 1.2)
_NODES = 60


class Noise(NamedTuple):
    """Nodes and weights of a standardised law, and its third and fourth cumulant."""

    name: str
    nodes: Array
    weights: Array
    third: float
    fourth: float


def gamma_noise(shape: int) -> Noise:
    """A centred gamma law over sqrt(shape): Gauss's quadrature, from its Jacobi matrix."""
    n = np.arange(_NODES)
    nodes, vectors = eigh_tridiagonal(2 * n + shape, np.sqrt(n[1:] * (n[1:] + shape - 1)))
    root = shape**0.5
    return Noise(
        f"gamma of shape {shape}", (nodes - shape) / root, vectors[0] ** 2, 2 / root, 6 / shape
    )


def student_noise(freedom: int) -> Noise:
    """Student's law over its deviation, more than 4 degrees of freedom: the trapezoidal rule."""
    from scipy.stats import t as student_t  # slow to import

    nodes, step = np.linspace(-30, 30, 301), 0.2
    unit = ((freedom - 2) / freedom) ** 0.5
    weights = step * np.asarray(student_t.pdf(nodes / unit, freedom), dtype=np.float64) / unit
    return Noise(f"Student-t, nu = {freedom}", nodes, weights, 0.0, 6 / (freedom - 4))


def _angle(weights: Array) -> Array:
    """From the mean, which is Fisher's direction here, towards the second axis."""
    return np.asarray(np.arctan2(weights[..., 1], weights[..., 0]) - np.arctan2(_MEAN[1], _MEAN[0]))


def deflection(loss: Loss, noise: Noise) -> float:
    """The angle of the population minimiser to Fisher's direction, by Newton's method."""
    first, second = np.meshgrid(noise.nodes, noise.nodes, indexing="ij")
    x = np.stack([first.ravel(), second.ravel()], axis=1) + _MEAN
    shares = np.outer(noise.weights, noise.weights).ravel()
    s = np.array(_MEAN) / 2
    for _ in range(50):
        z = x @ s
        gradient = x.T @ (shares * loss.slope(z))
        if np.abs(gradient).max() < 1e-15:
            break
        s = s - np.linalg.solve(x.T @ ((shares * loss.curvature(z))[:, None] * x), gradient)
    if not np.abs(gradient).max() < 1e-13:
        raise ValueError(
            f"gradient {np.abs(gradient).max():.1e} for {loss.name} and {noise.name}; expected "
            "1e-13; choose a smooth convex loss"
        )
    return float(_angle(s))


@cache
def _gaussian(loss: Loss) -> tuple[float, tuple[float, ...]]:
    """a and L_1, ..., L_6 for Gaussian noise, from l' alone."""
    effect = float(np.hypot(*_MEAN))
    g = np.linspace(-10, 10, 2001)
    weights = np.exp(-(g**2) / 2)
    weights /= weights.sum()
    a = brentq(
        lambda a: weights @ ((effect + g) * loss.slope(a * (effect + g))), 1e-6, 50, xtol=1e-14
    )
    slopes = weights * loss.slope(a * (effect + g))
    return a, tuple(float(hermeval(g, np.eye(6)[n]) @ slopes) / a**n for n in range(6))


def predicted(tangent: Expr, loss: Loss, noise: Noise) -> float:
    """A coefficient of the tangent at these cumulants, which carry the powers of e."""
    effect = float(np.hypot(*_MEAN))
    u = np.array(_MEAN) / effect
    v = np.array([-u[1], u[0]])
    a, means = _gaussian(loss)
    values = {
        theory.effect: effect,
        theory.scale: a,
        theory.along: noise.third * np.sum(u**3),
        theory.across: noise.third * np.sum(u**2 * v),
        theory.across_twice: noise.third * np.sum(u * v**2),
        theory.fourth_across: noise.fourth * np.sum(u**3 * v),
        **dict(zip(theory.gaussian_means(), means, strict=True)),
    }
    names = tuple(values)
    function: Callable[..., float] = lambdify(names, tangent)
    return float(function(*values.values()))


def trained_deflections(
    penalty: str, alpha: float, freedom: int, samples: int = 20000, seeds: int = 32
) -> Array:
    """Of seeded Student-t data the angle of trained weights to Fisher's direction of the sample.

    The difference varies much less from seed to seed than either direction.
    """
    rng = np.random.default_rng(2716)
    x = rng.standard_t(freedom, size=(seeds, samples, 2)) * ((freedom - 2) / freedom) ** 0.5 + _MEAN
    weights = fit_batch(x, penalty=penalty, alpha=alpha).weights
    moments = x.transpose(0, 2, 1) @ x
    fisher = np.linalg.solve(moments, x.sum(axis=1)[:, :, None])[:, :, 0]
    return _angle(weights) - _angle(fisher)

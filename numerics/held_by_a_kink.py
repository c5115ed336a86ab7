"""Where a kink of the loss holds all logits, in the limit of high dimension."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from .normal import normal_density

__all__ = ["held_by_a_kink"]

Array = NDArray[np.float64]

_BISECTIONS = 44
_STEPS = 60
_EXACT = 1e-12
_TINY = 1e-300
# Bound on log gamma.
_FARTHEST = 30.0
# Steeper than any loss that is not a wall.
_WALL = 1e15
# Where the least g is farther out, q is as good as zero.
_NARROWEST = 1e-6


def held_by_a_kink(
    aspect_ratio: Array, signal: Array, signal_noise: Array, pull: Array, left: Array, right: Array
) -> NDArray[np.bool_]:
    """Whether weights at which every logit is at a kink are the limit of the minimisers.

    Near them the loss is l' = left below the kink and right above it, and the scalar problem of
    :mod:`logitreg.numerics.scalar_saddle` is positively homogeneous in the change (t, q) of the
    weights. They are optimal iff at q = 1, over t, the convex

        g(t) = max over gamma of E M_gamma(Z) - lambda/(2 gamma) + pull t,

    Z = t mu_f + sqrt(1 + t^2 sigma_f^2) G, is nowhere negative; and at q = 0, by continuity.

    Parameters
    ----------
    aspect_ratio, signal, signal_noise : (cells,) lambda, mu_f, sigma_f.
    pull : (cells,) of weight decay, kappa S_1.
    left, right : (cells,) left < right; the right one may be infinite.

    Examples
    --------
    A kink with slopes of either sign holds the logits of a signal that is not separable:

    >>> cell = [np.array([v]) for v in (0.1, 0.5, 2.0, 0.0)]
    >>> [bool(held_by_a_kink(*cell, np.array([-0.7]), np.array([b]))[0]) for b in (-0.1, -0.6)]
    [True, False]
    """
    a, b = -left, np.minimum(right, _WALL)

    def parts(t: Array, gamma: Array) -> tuple[Array, Array, Array, Array, Array]:
        """E M, E r, E r^2, the part of it off the kink, and the probability of the kink."""
        m, s = t * signal, np.sqrt(1 + (t * signal_noise) ** 2)
        low, high = (-gamma * a - m) / s, (gamma * b - m) / s
        below, above = ndtr(low), ndtr(-high)
        density_low, density_high = normal_density(low), normal_density(high)
        # E (m + s G) and E (m + s G)^2 over the three pieces.
        first_below, first_above = m * below - s * density_low, m * above + s * density_high
        rest = ndtr(high) - below
        first = m - first_below - first_above
        second = (
            m * first
            + s * (m * (density_low - density_high))
            + s**2 * (rest + _times(low, density_low) - _times(high, density_high))
        )
        step = gamma * (a * below - b * above) - first
        off = gamma**2 * (a**2 * below + b**2 * above)
        square = off + second
        value = -a * (first_below + gamma * a * below) + b * (first_above - gamma * b * above)
        return value + square / (2 * gamma), step, square, off, rest

    def envelope(t: Array) -> Array:
        """Where E r^2 = lambda, by Newton's method in logarithms between two bounds."""
        level, logarithm = np.log(aspect_ratio), np.zeros_like(t)
        low, high = np.full_like(t, -_FARTHEST), np.full_like(t, _FARTHEST)
        for _ in range(_STEPS):
            _, _, square, off, _ = parts(t, np.exp(logarithm))
            # Rounding may leave nothing of a small square.
            lack = level - np.log(np.maximum(square, _TINY))
            low, high = np.where(lack > 0, logarithm, low), np.where(lack < 0, logarithm, high)
            # Where p rests r depends on Z alone.
            newton = logarithm + lack * square / np.maximum(2 * off, _TINY)
            inside = (low < newton) & (newton < high)
            moved = np.where(inside, newton, (low + high) / 2)
            settled = np.max(np.abs(moved - logarithm)) < _EXACT
            logarithm = moved
            if settled:
                break
        return np.exp(logarithm)

    def slope(angle: Array) -> Array:
        t = np.tan(angle)
        gamma = envelope(t)
        _, step, _, _, rest = parts(t, gamma)
        return np.asarray((signal_noise**2 * t * rest - signal * step) / gamma + pull)

    low = np.full_like(signal, _NARROWEST - math.pi / 2)
    high = -low
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        rising = slope(middle) > 0
        low, high = np.where(rising, low, middle), np.where(rising, middle, high)
    t = np.tan(low)
    gamma = envelope(t)
    least = parts(t, gamma)[0] - aspect_ratio / (2 * gamma) + pull * t
    return np.asarray(least >= 0)


def _times(x: Array, density: Array) -> Array:
    """x phi(x), zero at infinity."""
    return np.where(density > 0, x, 0.0) * density

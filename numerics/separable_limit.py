"""Without a penalty in high dimension: when data is separable, and the largest margin."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from .correlated_noise import Spectrum, ridge
from .normal import normal_density

__all__ = ["largest_margin", "largest_margin_in_correlated_noise", "separability_threshold"]

Array = NDArray[np.float64]

_BISECTIONS = 60
# E (t + G)_+^2 keeps eleven digits there.
_FARTHEST = -12.0
_LEAST_RIDGE = 1e-100


def separability_threshold(effect: Any) -> Array:
    """lambda_s(Delta) = min over c >= 0 of E (-c Delta - sqrt(1 + c^2) G)_+^2.

    Gaussian signal plus noise with labels absorbed is separable through the origin, in the limit
    of high dimension, if and only if d/N > lambda_s.

    Parameters
    ----------
    effect : Delta = mu_f/sigma_f >= 0, any shape; infinity for sigma_f = 0.

    Returns
    -------
    float64 array of the same shape: 1/2 at Delta = 0, decreasing to 0.

    Examples
    --------
    >>> separability_threshold(np.array([0.0, 2.0, np.inf])).round(4)
    array([0.5   , 0.0483, 0.    ])
    """
    delta = np.asarray(effect, dtype=np.float64)
    # With c = tan(t), E (...)_+^2 = T(-sin(t) Delta, 1)/cos(t)^2; it is convex in c.
    finite = np.minimum(delta, 60.0)

    def slope(angle: Array) -> Array:
        sine, cosine = np.sin(angle), np.cos(angle)
        value, change = _truncated(-sine * finite)
        return np.asarray(-finite * change * cosine**2 + 2 * value * sine)

    angle = _increasing_root(slope, np.zeros_like(finite), np.full_like(finite, math.pi / 2))
    threshold = _truncated(-np.sin(angle) * finite)[0] / np.cos(angle) ** 2
    return np.where(np.isinf(delta), 0.0, threshold)


def largest_margin(
    aspect_ratio: Any, signal: Any, signal_noise: Any, orthogonal_noise: Any
) -> tuple[Array, Array]:
    """The cosine rho between the max-margin direction and e_1, and the margin kappa.

    For each rho the margin solves T(kappa - rho mu_f, s) = lambda sigma_n^2 (1 - rho^2) with
    T(m, s) = E (m + s G)_+^2 and s^2 = rho^2 sigma_f^2 + (1 - rho^2) sigma_n^2; rho maximises it.
    Shapes broadcast; the margin is positive exactly where the data is separable.

    Examples
    --------
    >>> cosine, margin = largest_margin(0.7, 1.0, 0.5, 1.0)
    >>> round(float(cosine), 4), round(float(margin), 4)
    (0.8108, 0.7862)
    """
    ratio, mu, sf, sn = np.broadcast_arrays(
        *(
            np.asarray(v, dtype=np.float64)
            for v in (aspect_ratio, signal, signal_noise, orthogonal_noise)
        )
    )

    def spread(angle: Array) -> Array:
        return np.asarray(np.hypot(np.cos(angle) * sf, np.sin(angle) * sn))

    def margin(angle: Array) -> Array:
        """With m/s = t: T(t, 1) = lambda sigma_n^2 sin^2/s^2."""
        s = spread(angle)
        level = ratio * (sn * np.sin(angle) / s) ** 2
        t = _increasing_root(
            lambda t: _truncated(t)[0] - level, np.full_like(s, -40.0), 1 + np.sqrt(level)
        )
        return np.asarray(np.cos(angle) * mu + s * t)

    def slope(angle: Array) -> Array:
        """The sign of -dkappa/dangle, by the implicit-function theorem."""
        s, cosine, sine = spread(angle), np.cos(angle), np.sin(angle)
        t = (margin(angle) - cosine * mu) / s
        value, change = _truncated(t)
        s_angle = sine * cosine * (sn**2 - sf**2) / s
        # T(m, s) = s^2 T(t): T_m = s T'(t), T_s = 2 s T - m T'.
        of_spread = s * (2 * value - t * change) * s_angle
        return np.asarray(s * change * sine * mu + of_spread - 2 * ratio * sn**2 * sine * cosine)

    tiny = np.full(ratio.shape, 1e-12)
    best = _increasing_root(slope, tiny, np.full(ratio.shape, math.pi / 2))
    return np.cos(best), margin(best)


def largest_margin_in_correlated_noise(
    aspect_ratio: Any, signal: Any, signal_noise: Any, orthogonal_noise: Any, spectrum: Spectrum
) -> tuple[Array, Array, Array]:
    """The cosine, the margin, and q = sigma_n ||Sigma^(1/2) S_perp||/||S||, for separable data.

    The system of training (:mod:`logitreg.theory.correlated_noise`) with p(Z) = max(Z, margin). At
    logits of deviation 1, t = margin - S_1 mu_f fixes the ridge k by Phi(t) = lambda D_1(k), then

        q^2 = T(t) D_2/(lambda D_1^2),  S_1 = mu_f T'(t)/(2 Phi(t) (sigma_f^2 + sigma_n^2 k)),

    T(t) = E (t + G)_+^2, and t is where S_1^2 sigma_f^2 + q^2 = 1. Shapes (cells,).

    Examples
    --------
    >>> from .correlated_noise import noise_spectrum
    >>> cell = (np.array([v]) for v in (0.7, 1.0, 0.5, 1.0))
    >>> cosine, margin, _ = largest_margin_in_correlated_noise(*cell, noise_spectrum([0.5, 1.5]))
    >>> round(float(cosine[0]), 4), round(float(margin[0]), 4)
    (0.812, 0.7599)
    """

    def at(t: Array) -> tuple[Array, Array, Array]:
        """k, S_1 and q^2."""
        below = ndtr(t)
        k = ridge(np, spectrum, below / aspect_ratio)
        value, change = _truncated(t)
        share = spectrum.moment(np, k, 2, 2) / (below / aspect_ratio) ** 2
        # Only k > 0 belongs to a least norm.
        pull = 2 * below * (signal_noise**2 + orthogonal_noise**2 * np.maximum(k, _LEAST_RIDGE))
        return k, signal * change / pull, value * share / aspect_ratio

    def excess(t: Array) -> Array:
        k, first, square = at(t)
        return np.where(k > 0, (first * signal_noise) ** 2 + square - 1, math.inf)

    low = np.full_like(aspect_ratio, _FARTHEST)
    # D_2 >= D_1^2, T(t) >= t^2.
    t = _increasing_root(excess, low, 1 + np.sqrt(aspect_ratio))
    k, first, square = at(t)
    across = square * spectrum.squared_norm(np, k) / orthogonal_noise**2
    length = np.sqrt(first**2 + across)
    return first / length, (t + first * signal) / length, np.sqrt(square) / length


def _truncated(t: Array) -> tuple[Array, Array]:
    """E (t + G)_+^2 = (1 + t^2) Phi(t) + t phi(t), and its derivative 2 E (t + G)_+."""
    below, density = ndtr(t), normal_density(t)
    return (1 + t**2) * below + t * density, 2 * (t * below + density)


def _increasing_root(function: Callable[[Array], Array], low: Array, high: Array) -> Array:
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        above = function(middle) > 0
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return (low + high) / 2

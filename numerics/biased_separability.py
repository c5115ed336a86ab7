"""When two classes of unequal size can be separated with a bias, in the limit of high dimension."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from .normal import normal_density

__all__ = ["biased_separability_threshold"]

Array = NDArray[np.float64]

_NEWTON_STEPS = 100
_HALVINGS = 40
# Beyond this Delta the threshold is below 1e-30, and so is this one.
_LARGEST_EFFECT = 12.0


def biased_separability_threshold(effect: Any, positive_fraction: Any) -> Array:
    """lambda_s(Delta, pi) = min over c and b of E (-c Delta - y b - sqrt(1 + c^2) G)_+^2.

    Gaussian signal plus noise with P(y = 1) = pi can be separated by a hyperplane, in the limit of
    high dimension, if and only if d/N > lambda_s.

    Parameters
    ----------
    effect : Delta = mu_f/sigma_f >= 0; infinity for sigma_f = 0.
    positive_fraction : pi in (0, 1). Both broadcast.

    Returns
    -------
    float64 array: 1/2 at most, and less the more the classes differ in size.

    Examples
    --------
    >>> biased_separability_threshold([0.0, 2.0, np.inf], 0.5).round(4)
    array([0.5   , 0.0483, 0.    ])
    >>> float(biased_separability_threshold(0.0, 0.9).round(4))
    0.2556
    """
    delta, share = np.broadcast_arrays(
        np.asarray(effect, dtype=np.float64), np.asarray(positive_fraction, dtype=np.float64)
    )
    finite = np.minimum(delta, _LARGEST_EFFECT)
    signs = np.array([1.0, -1.0]).reshape((2,) + (1,) * delta.ndim)
    weights = np.stack([share, 1 - share])

    def terms(c: Array, b: Array) -> tuple[Array, Array, Array, Array, Array]:
        m, s = -c * finite - signs * b, np.sqrt(1 + c**2)
        below, density = ndtr(m / s), normal_density(m / s)
        return m, s, below, density, np.asarray((m**2 + s**2) * below + m * s * density)

    def mean(values: Array) -> Array:
        return np.asarray(np.sum(weights * values, axis=0))

    c, b = np.zeros_like(finite), np.zeros_like(finite)
    for _ in range(_NEWTON_STEPS):
        m, s, below, density, square = terms(c, b)
        # With T(m, s) = E (m + s G)_+^2: T_m, T_s = 2 s Phi, T_mm = 2 Phi, T_ms = 2 phi, T_ss.
        of_m, of_s = m * below + s * density, s * below
        s_c = c / s
        gradient = mean(-finite * of_m + s_c * of_s), mean(-signs * of_m)
        cross = density * s_c - below * finite
        across = mean(-signs * cross)
        of_spread = (below - m / s * density) * s_c**2 + below / s**2
        upper = mean(finite**2 * below - 2 * finite * s_c * density + of_spread)
        lower = mean(below)
        determinant = upper * lower - across**2
        steps = (
            (across * gradient[1] - lower * gradient[0]) / determinant,
            (across * gradient[0] - upper * gradient[1]) / determinant,
        )
        length, best = np.ones_like(c), mean(square)
        for _ in range(_HALVINGS):
            risen = mean(terms(c + length * steps[0], b + length * steps[1])[-1]) > best
            if not np.any(risen):
                break
            length = np.where(risen, length / 2, length)
        c, b = c + length * steps[0], b + length * steps[1]
        if np.all(np.abs(steps[0]) + np.abs(steps[1]) <= 1e-9 * (1 + np.abs(c) + np.abs(b))):
            break
    return np.where(np.isinf(delta), 0.0, mean(terms(c, b)[-1]))

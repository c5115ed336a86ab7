"""The calibration error of Gaussian logits, cell by cell."""

from __future__ import annotations

import math
from typing import Any

from .quadrature import between, legendre

__all__ = ["calibration_error_of_gaussian_logits"]

# Ends of panels: in deviations around a peak, and in units of the scale of the gap at zero.
_PEAK = (-9.0, -6.0, -3.0, 0.0, 3.0, 6.0, 9.0)
_NEAR_ZERO = (0.0, 2.0, 8.0, 40.0)
_ORDER = 20
# Below where exp overflows.
_OVERFLOW = 700.0
_DENSITY = 1 / math.sqrt(2 * math.pi)


def calibration_error_of_gaussian_logits(xp: Any, mean: Any, deviation: Any) -> Any:
    """E |sigma(z) - P(y = +1 | z)| for signed logits of the law N(mean, deviation^2).

    What :func:`logitreg.numerics.calibration.gaussian_calibration_error` computes adaptively, to
    ten digits, here on the nodes of one rule. With D = m/s and t = |z|/s, the density of |z| times
    the gap of :mod:`logitreg.theory.calibration` is, up to its sign,

        phi(t - D) sigma(s t) (exp(-s t) - exp(-2 D t)).

    For D < 0 the classes are mistaken for each other, and it is phi(t + D) sigma(s t) times
    1 - exp(-(s - 2 D) t).

    Parameters
    ----------
    mean, deviation : arrays (cells,), finite, the deviation at least zero.

    Examples
    --------
    >>> import numpy as np
    >>> logits = np.array([0.5, 2.0, 2.0]), np.array([1.0, 0.01, 0.0])
    >>> calibration_error_of_gaussian_logits(np, *logits).round(4).tolist()
    [0.0, 0.1192, 0.1192]
    """
    spread = deviation > 0
    s = xp.where(spread, deviation, 1.0)[:, None]
    centre, right = xp.abs(mean)[:, None] / s, mean[:, None] >= 0
    # The slower exponential moves the peak of the density to -rate; steps count from the centre.
    rate = xp.where(right, xp.minimum(s, 2 * centre), 0.0)
    excess = xp.where(right, xp.abs(s * s - 2 * mean[:, None]) / s, s + 2 * centre)
    ends = [xp.full_like(s, _PEAK[-1])]
    ends += [peak + shift for shift in _PEAK[:-1] for peak in (xp.zeros_like(s), -rate)]
    ends += [scale / (s + 2 * centre) - centre for scale in _NEAR_ZERO]
    inside = [xp.clip(xp.maximum(end, -centre), None, _PEAK[-1]) for end in ends]
    steps = xp.sort(xp.concat(inside, axis=-1), axis=-1)
    panels = steps.shape[1] - 1
    begin, finish = (xp.reshape(part, (-1, 1)) for part in (steps[:, :-1], steps[:, 1:]))
    step, weights = (
        xp.reshape(part, (mean.shape[0], panels * _ORDER))
        for part in between(xp, legendre(_ORDER), begin, finish)
    )
    t = centre + step
    gap = -xp.expm1(-excess * t) / (1 + xp.exp(-s * t))
    total = xp.sum(weights * gap * xp.exp(-(step**2) / 2 - rate * t), axis=-1)
    # All logits are the mean, and all samples on its side.
    certain = 1 / (1 + xp.exp(xp.clip(mean, None, _OVERFLOW)))
    return xp.where(spread, total * _DENSITY, xp.where(mean != 0, certain, 0.0))

"""How long gradient descent takes to generalise, without noise along the signal."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtri

from ..errors import DataError
from .quadrature import between, legendre

__all__ = ["generalisation_time", "signal_spectrum"]

Array = NDArray[np.float64]

# Panels that halve towards either edge, on whatever scale the density changes there.
_HALVINGS, _ORDER = 100, 16
# Squares of what is between them, and their ratios, are no matter for float64.
_SMALLEST, _LARGEST = 1e-75, 1e75


def signal_spectrum(
    aspect_ratio: float, *, signal: float = 1.0, orthogonal_noise: float = 1.0
) -> tuple[Array, Array]:
    """Eigenvalues of X^T X/N at sigma_f = 0, and the weights of their eigenvectors on the signal.

    As N, d -> infinity with d/N = lambda < 1. In the bulk x = sigma_n^2 |u|^2 where
    u = 1 + sqrt(lambda) exp(i phi), 0 < phi < pi, and the density is |Im 1/(x - mu_f^2 u)|/pi; with
    t = mu_f^2/sigma_n^2 its weights are

        (2 t lambda/pi) sin(phi)^2/(|u|^2 |u - t|^2) dphi.

    Outside is the eigenvalue mu_f^2 (1 + lambda/(t - 1)) where D > 0, with the weight
    D/(D + t lambda); D = (1 - t)^2 - lambda.

    Returns
    -------
    points, weights : the nodes of a quadrature, 3200 between the edges; the weights sum to one.

    Raises
    ------
    DataError : lambda is not in (0, 1), or signal or noise not between 1e-75 and 1e75.

    Examples
    --------
    >>> points, weights = signal_spectrum(0.7, signal=0.5)
    >>> round(float(weights.sum()), 9), round(float(weights @ points), 9)
    (1.0, 0.25)
    """
    ratio, mu, deviation = map(_number, (aspect_ratio, signal, orthogonal_noise))
    if not (0 < ratio < 1 and all(_SMALLEST <= v <= _LARGEST for v in (mu, deviation))):
        raise DataError(
            f"aspect_ratio = {aspect_ratio!r}, signal = {signal!r}, orthogonal_noise = "
            f"{orthogonal_noise!r}; expected 0 < aspect_ratio < 1, since the limit of training is "
            f"along the signal only there, and two numbers from {_SMALLEST:g} to {_LARGEST:g}"
        )
    root, t = math.sqrt(ratio), (mu / deviation) ** 2
    ends = np.append(math.pi / 2 * 0.5 ** np.arange(_HALVINGS), 0.0)[:, None]
    near, lengths = (v.ravel() for v in between(np, legendre(_ORDER), ends[1:], ends[:-1]))
    # sin(phi/2) and cos(phi/2), with either edge at a distance of its own.
    sine = np.concatenate([np.sin(near / 2), np.cos(near / 2)])
    cosine = np.concatenate([np.cos(near / 2), np.sin(near / 2)])
    lengths = np.concatenate([lengths, lengths])
    # |c + sqrt(lambda) exp(i phi)|^2 for c = 1 and for c = 1 - t.
    low, apart = (1 - ratio) / (1 + root), abs(1 - t)
    # apart - root, without cancellation where both are close to one.
    gap = low - t if t < 0.5 else apart - root
    towards = cosine if t < 1 else sine
    square = low**2 + 4 * root * cosine**2
    other = gap**2 + 4 * apart * root * towards**2
    points = deviation**2 * square
    # sin(phi)^2 = 4 sine^2 cosine^2.
    weights = 8 * t * ratio / math.pi * lengths * (sine * cosine) ** 2 / (square * other)
    outside = gap * (apart + root)
    if outside > 0:
        points = np.append(points, mu**2 * (1 + ratio / (t - 1)))
        weights = np.append(weights, outside / (outside + t * ratio))
    return points, weights


def _number(value: Any) -> float:
    """NaN, which no domain holds, if it is none."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def generalisation_time(
    aspect_ratio: float,
    *,
    signal: float = 1.0,
    orthogonal_noise: float = 1.0,
    accuracy: float = 0.99,
) -> float:
    """eta l''(z*) T, T the epoch at which gradient descent from zero has an accuracy on fresh data.

    At sigma_f = 0 and lambda < 1 the minimiser is along the signal. A quadratic loss approaches it
    as S - S* = -exp(-eta l'' T X^T X/N) S*: with e_k the mean of exp(-k tau x) over
    :func:`signal_spectrum`, the mean of a fresh logit is 1 - e_1 and its deviation
    (sigma_n/mu_f) sqrt(e_2 - e_1^2), in units of z*. If f'(0) = 0 < f''(0), the loss comes to that
    as alpha -> 1, since its logits are then small; for weaker penalties it is the scale of T.

    Parameters
    ----------
    aspect_ratio : lambda in (0, 1).
    signal, orthogonal_noise : mu_f, sigma_n > 0.
    accuracy : in (1/2, 1). It grows with the epochs.

    Returns
    -------
    tau; zero if the first step is as accurate.

    Raises
    ------
    DataError : a parameter outside its domain.

    Examples
    --------
    >>> round(generalisation_time(0.7, signal=0.5), 4)
    22.9954
    >>> generalisation_time(0.7, signal=3.0)
    0.0
    """
    share = _number(accuracy)
    if not 0.5 < share < 1:
        raise DataError(f"accuracy is {accuracy!r}; expected a number between 1/2 and 1")
    points, weights = signal_spectrum(
        aspect_ratio, signal=signal, orthogonal_noise=orthogonal_noise
    )
    wanted = float(ndtri(share)) * float(orthogonal_noise) / float(signal)

    def excess(logarithm: float) -> float:
        gone = -np.expm1(-points * math.exp(logarithm))
        mean = float(weights @ gone)
        return mean - wanted * float(np.sqrt(weights @ (gone - mean) ** 2))

    slowest, fastest = float(points.min()), float(points.max())
    first = math.log(1e-6 / fastest)
    if excess(first) >= 0:
        return 0.0
    return math.exp(brentq(excess, first, math.log(100 / slowest), xtol=1e-14, rtol=1e-14))

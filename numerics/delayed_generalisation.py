"""How long gradient descent takes to generalise, without noise along the signal."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtri

from ..errors import ShapeError

__all__ = ["generalisation_time", "signal_spectrum"]

Array = NDArray[np.float64]

_NODES = 4000


def signal_spectrum(
    aspect_ratio: float, *, signal: float = 1.0, orthogonal_noise: float = 1.0
) -> tuple[Array, Array]:
    """Eigenvalues of X^T X/N at sigma_f = 0, and the weights of their eigenvectors on the signal.

    As N, d -> infinity with d/N = lambda < 1. With u the root of
    sigma_n^2 u^2 + (sigma_n^2 (lambda - 1) - x) u + x = 0 in the upper half plane, the density is
    |Im 1/(x - mu_f^2 u)|/pi between the edges sigma_n^2 (1 -+ sqrt(lambda))^2. Outside is the
    eigenvalue mu_f^2 (1 + lambda sigma_n^2/(mu_f^2 - sigma_n^2)) where D > 0, with the weight
    D/(D + t); t = mu_f^2/sigma_n^2, D = (1 - t)^2/lambda - 1.

    Returns
    -------
    points, weights : the nodes of a quadrature, 4000 between the edges; the weights sum to one.

    Raises
    ------
    ShapeError : lambda is not in (0, 1), or signal or noise not positive.

    Examples
    --------
    >>> points, weights = signal_spectrum(0.7, signal=0.5)
    >>> round(float(weights.sum()), 9), round(float(weights @ points), 9)
    (1.0, 0.25)
    """
    if not (0 < aspect_ratio < 1 and 0 < signal < math.inf and 0 < orthogonal_noise < math.inf):
        raise ShapeError(
            f"aspect_ratio = {aspect_ratio:g}, signal = {signal:g}, orthogonal_noise = "
            f"{orthogonal_noise:g}; expected 0 < aspect_ratio < 1, since the limit of training "
            "is along the signal only there, and positive finite numbers"
        )
    variance, root = orthogonal_noise**2, math.sqrt(aspect_ratio)
    # Chebyshev's nodes: the density vanishes like a root at the edges.
    angle = (np.arange(_NODES) + 0.5) * np.pi / _NODES
    points = variance * (1 + aspect_ratio - 2 * root * np.cos(angle))
    lengths = variance * 2 * root * np.sin(angle) * np.pi / _NODES
    half = points + variance * (1 - aspect_ratio)
    u = (half + 1j * np.sqrt(4 * variance * points - half**2)) / (2 * variance)
    weights = lengths * np.abs((1 / (points - signal**2 * u)).imag) / np.pi
    t = signal**2 / variance
    apart = (1 - t) ** 2 / aspect_ratio - 1
    if apart > 0:
        points = np.append(points, signal**2 * (1 + aspect_ratio / (t - 1)))
        weights = np.append(weights, apart / (apart + t))
    return points, weights


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
    (sigma_n/mu_f) sqrt(e_2 - e_1^2), in units of z*. Any loss comes to that as alpha -> 1, since
    its logits are then small; for weaker penalties it is the scale of T.

    Parameters
    ----------
    aspect_ratio : lambda in (0, 1).
    signal, orthogonal_noise : mu_f, sigma_n > 0.
    accuracy : in (1/2, 1).

    Returns
    -------
    tau; zero if the first step is as accurate.

    Raises
    ------
    ShapeError : a parameter outside its domain.

    Examples
    --------
    >>> round(generalisation_time(0.7, signal=0.5), 4)
    22.9954
    >>> generalisation_time(0.7, signal=3.0)
    0.0
    """
    if not 0.5 < accuracy < 1:
        raise ShapeError(f"accuracy is {accuracy:g}; expected a number between 1/2 and 1")
    points, weights = signal_spectrum(
        aspect_ratio, signal=signal, orthogonal_noise=orthogonal_noise
    )
    wanted = float(ndtri(accuracy)) * orthogonal_noise / signal

    def excess(logarithm: float) -> float:
        gone = -np.expm1(-points * math.exp(logarithm))
        mean = float(weights @ gone)
        return mean - wanted * float(np.sqrt(weights @ (gone - mean) ** 2))

    slowest, fastest = float(points.min()), float(points.max())
    first = math.log(1e-6 / fastest)
    if excess(first) >= 0:
        return 0.0
    return math.exp(brentq(excess, first, math.log(100 / slowest), xtol=1e-14, rtol=1e-14))

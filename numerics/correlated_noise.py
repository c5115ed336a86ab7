"""Correlated noise across the signal, which high dimension sees through its spectrum alone.

Of the covariance sigma_n^2 Sigma the eigenvalues s of Sigma have the weights w. Weight decay, or
the search for the least norm, prefers directions of large s as a ridge k would: what enters is

    D_1 = E s/(s + k),  D_2 = E s^2/(s + k)^2,  E_2 = E s/(s + k)^2,

and q = sigma_n ||Sigma^(1/2) S_perp|| belongs to the norm ||S_perp||^2 = (q/sigma_n)^2 E_2/D_2. See
:mod:`logitreg.theory.correlated_noise`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from array_api_compat import device

from ..errors import DataError, ShapeError
from .host import on_host

__all__ = ["Pull", "Spectrum", "noise_pull", "noise_spectrum", "on_device", "ridge"]

_STEPS = 100
_EXACT = 1e-15
# Squares of what is between them, and their ratios, are no matter for float64.
_SMALLEST, _LARGEST = 1e-75, 1e75


class Spectrum(NamedTuple):
    """Eigenvalues, positive, and their weights, which sum to one: (n,) each."""

    values: Any
    weights: Any

    def moment(self, xp: Any, ridge: Any, power: int, times: int) -> Any:
        """E s^power/(s + k)^times for k in each cell, as (cells,)."""
        s = self.values[None, :]
        return xp.sum(self.weights * s**power / (s + ridge[:, None]) ** times, axis=-1)

    def squared_norm(self, xp: Any, ridge: Any) -> Any:
        """E_2/D_2, that is (sigma_n ||S_perp||/q)^2 at the ridge k of each cell."""
        return self.moment(xp, ridge, 1, 2) / self.moment(xp, ridge, 2, 2)


class Pull(NamedTuple):
    """How the noise acts on q at an envelope gamma, in each cell.

    The scalar problem holds -tau(gamma) q^2/2, where tau = lambda/gamma for white noise without
    weight decay.

    Attributes
    ----------
    pull : tau gamma.
    level : -gamma^2 dtau/dgamma, what E (p - Z)^2/q^2 has to be.
    bend : -dlog(level)/dlog(gamma)/2, at least zero.
    squared_norm : (sigma_n ||S_perp||/q)^2.
    """

    pull: Any
    level: Any
    bend: Any
    squared_norm: Any


def noise_spectrum(given: Any) -> Spectrum:
    """The spectrum of (n,) equally likely eigenvalues, or of (2, n) eigenvalues and weights.

    Raises
    ------
    ShapeError : another shape.
    DataError : what is given holds no real numbers, an eigenvalue is not positive, or a weight is
        negative or all are zero. Directions without noise belong to no spectrum: training leaves
        them alone, so that they are dropped, and lambda counts the others.

    Examples
    --------
    >>> noise_spectrum(([0.5, 2.0], [3, 1])).weights.tolist()
    [0.75, 0.25]
    """
    try:
        numbers = on_host(given)
    except ValueError:
        raise ShapeError(
            "noise_spectrum holds eigenvalues and weights of different lengths; expected (n,) "
            "eigenvalues, or (2, n) eigenvalues and weights"
        ) from None
    if numbers.dtype.kind not in "biuf":
        raise DataError(f"noise_spectrum has dtype {numbers.dtype}; expected real numbers")
    numbers = numbers.astype(np.float64)
    paired = numbers.ndim == 2 and numbers.shape[0] == 2
    if numbers.size == 0 or not (paired or numbers.ndim == 1):
        raise ShapeError(
            f"noise_spectrum has shape {numbers.shape}; expected (n,) eigenvalues, or (2, n) "
            "eigenvalues and weights"
        )
    values, weights = numbers if paired else (numbers, np.ones_like(numbers))
    if not np.all((values >= _SMALLEST) & (values <= _LARGEST)):
        raise DataError(
            f"an eigenvalue of noise_spectrum is not positive and finite; expected numbers from "
            f"{_SMALLEST:g} to {_LARGEST:g}; drop directions without noise, and count lambda "
            "without them"
        )
    if not (np.all((weights >= 0) & np.isfinite(weights)) and np.any(weights > 0)):
        raise DataError(
            "the weights of noise_spectrum are not finite, at least zero and one of them positive; "
            "expected how often each eigenvalue occurs"
        )
    weights = weights / np.max(weights)
    present = weights > 0
    return Spectrum(values[present], weights[present] / np.sum(weights))


def ridge(xp: Any, spectrum: Spectrum, level: Any) -> Any:
    """The k in each cell at which E s/(s + k) is the level.

    Examples
    --------
    >>> half = ridge(np, noise_spectrum([2.0]), np.array([0.5]))  # 2/(2 + 2)
    >>> half.tolist()
    [2.0]
    """
    goal = level[:, None]
    return _decreasing_root(xp, spectrum, xp.ones_like(goal), 1 / spectrum.values[None, :], goal)


def noise_pull(
    xp: Any, spectrum: Spectrum | None, aspect_ratio: Any, decay: Any, envelope: Any
) -> Pull:
    """The pull of the noise; ``decay`` is kappa/sigma_n^2.

    tau solves gamma = lambda E s/(decay + tau s): tau = lambda/gamma - decay for white noise.
    """
    scaled = decay * envelope
    if spectrum is None:
        nought = xp.zeros_like(scaled)
        return Pull(aspect_ratio - scaled, aspect_ratio, nought, xp.ones_like(scaled))
    inverse = 1 / spectrum.values
    least = xp.min(inverse)
    # Counted from the pull at which the share of the largest eigenvalue is infinite.
    offset = scaled[:, None] * (inverse - least)[None, :]
    ones = xp.ones_like(inverse)[None, :]
    above = _decreasing_root(xp, spectrum, offset, ones, 1 / aspect_ratio[:, None])
    share = 1 / (offset + above[:, None])
    square, cube = (xp.sum(spectrum.weights * share**n, axis=-1) for n in (2, 3))
    return Pull(
        above - scaled * least,
        1 / (aspect_ratio * square),
        cube / (aspect_ratio * square**2) - 1,
        xp.sum(spectrum.weights * share**2 * inverse, axis=-1) / square,
    )


def _decreasing_root(xp: Any, spectrum: Spectrum, offset: Any, slope: Any, goal: Any) -> Any:
    """The x in each cell at which the sum of w/(offset + x slope) is the goal, as (cells,).

    One over the sum is concave in x: Newton's method, from below, stays below.
    """
    weights = spectrum.weights[None, :]
    # No term alone exceeds the goal, and not all are below their share of it.
    least = xp.min((1 / goal - offset) / slope, axis=-1, keepdims=True)
    x = xp.maximum(least, xp.max((weights / goal - offset) / slope, axis=-1, keepdims=True))
    for _ in range(_STEPS):
        term = weights / (offset + x * slope)
        total = xp.sum(term, axis=-1, keepdims=True)
        steepness = xp.sum(term**2 * slope / weights, axis=-1, keepdims=True)
        change = (total / goal - 1) * total / steepness
        x = x + change
        if bool(xp.all(xp.abs(change) <= _EXACT * xp.abs(x))):
            break
    return x[:, 0]


def on_device(xp: Any, spectrum: Spectrum, like: Any) -> Spectrum:
    """The spectrum in another library, beside an array of it."""
    return Spectrum(*(xp.asarray(v, dtype=like.dtype, device=device(like)) for v in spectrum))

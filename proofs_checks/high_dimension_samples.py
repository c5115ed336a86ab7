"""Seeded samples of Gaussian signal plus noise, labels absorbed, and what is measured on them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigvalsh_tridiagonal
from scipy.optimize import nnls

from .high_dimension import Loss

__all__ = ["largest_margins", "minimisers", "signal_plus_noise", "smallest_eigenvalues"]

Array = NDArray[np.float64]


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

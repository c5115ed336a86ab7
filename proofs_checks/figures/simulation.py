"""Trained classifiers on seeded data, and the limits to hold them against."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtr

from ...numerics.fit import fit
from ...numerics.high_dimension import Asymptotics, asymptotics
from ...numerics.signal_noise import signal_plus_noise
from ...numerics.training import train
from .data import Array, Line, Points

__all__ = [
    "RATE",
    "Measures",
    "Setting",
    "Size",
    "compared",
    "descended",
    "fitted",
    "limits",
    "limits_along",
    "measured",
    "over_seeds",
    "samples_of",
    "seeds_line",
]

RATE = 0.1
"""The learning rate of the source."""


class Size(NamedTuple):
    """How much to simulate: samples of each data set, data sets, epochs of gradient descent."""

    samples: int
    seeds: int
    epochs: int = 0


class Setting(NamedTuple):
    """lambda, mu_f, sigma_f and sigma_n of signal plus noise."""

    aspect_ratio: float
    signal: float = 1.0
    signal_noise: float = 0.5
    orthogonal_noise: float = 1.0


class Measures(NamedTuple):
    """What trained weights are, and do on fresh samples; names as those of Asymptotics."""

    signal_weight: float
    noise_weight: float
    cosine: float
    accuracy: float
    norm: float


def samples_of(setting: Setting, samples: int, seed: int, distribution: Any = None) -> Array:
    """Samples with labels absorbed, (samples, lambda * samples)."""
    X, y = signal_plus_noise(
        samples,
        round(setting.aspect_ratio * samples),
        signal=setting.signal,
        signal_noise=setting.signal_noise,
        orthogonal_noise=setting.orthogonal_noise,
        distribution=distribution,
        seed=seed,
    )
    return np.asarray(X * y[:, None], dtype=np.float64)


def fitted(X: Array, alpha: float) -> Array:
    """The minimiser; the max-margin direction where alpha = 0 and the data is separable."""
    return np.asarray(fit(X, alpha=alpha, on_separable="max-margin").weights)


def descended(X: Array, alpha: float, epochs: int) -> Array:
    """Where gradient descent from zero is after so many epochs at the source's rate."""
    return np.asarray(train(X, alpha=alpha, learning_rate=RATE, epochs=epochs, record=2).weights)


def measured(weights: Array, setting: Setting) -> Measures:
    """Cosine and norms of the weights; their accuracy on fresh Gaussian samples, in closed form.

    Examples
    --------
    >>> found = measured(np.array([3.0, 4.0]), Setting(1.0, signal_noise=0.0))
    >>> found.cosine, found.noise_weight, round(found.accuracy, 6)
    (0.6, 4.0, 0.773373)
    """
    first, across = float(weights[0]), float(np.linalg.norm(weights[1:]))
    spread = np.hypot(first * setting.signal_noise, across * setting.orthogonal_noise)
    norm = float(np.hypot(first, across))
    mean = first * setting.signal
    # Without noise on the signal, rounding is all that is left of the deviation.
    certain = spread <= 1e-12 * abs(mean)
    accuracy = float(mean > 0) if certain else float(ndtr(mean / spread))
    return Measures(first, across, first / norm, accuracy, norm)


def limits(settings: Sequence[Setting], alpha: float) -> Asymptotics:
    """The high-dimensional limit at each setting."""
    ratio, signal, signal_noise, orthogonal = (
        np.array(values, dtype=np.float64) for values in zip(*settings, strict=True)
    )
    return asymptotics(
        ratio,
        signal=signal,
        signal_noise=signal_noise,
        orthogonal_noise=orthogonal,
        alpha=alpha,
    )


def limits_along(setting: Setting, alphas: Array) -> Asymptotics:
    """The high-dimensional limit at each alpha."""
    return asymptotics(
        setting.aspect_ratio,
        signal=setting.signal,
        signal_noise=setting.signal_noise,
        orthogonal_noise=setting.orthogonal_noise,
        alpha=alphas,
    )


def over_seeds(run: Callable[[int], Sequence[float]], seeds: int) -> tuple[Array, Array]:
    """Means and standard errors of what ``run`` returns for the seeds 0, 1, ...

    Examples
    --------
    >>> mean, error = over_seeds(lambda seed: [seed, 1.0], 3)
    >>> mean.tolist(), error.round(4).tolist()
    ([1.0, 1.0], [0.5774, 0.0])
    """
    values = np.array([run(seed) for seed in range(seeds)], dtype=np.float64)
    if seeds < 2:
        return values.mean(axis=0), np.full(values.shape[1], np.nan)
    # Equal values may leave rounding behind.
    spread = np.where(np.ptp(values, axis=0) == 0, 0.0, values.std(axis=0, ddof=1))
    return values.mean(axis=0), spread / np.sqrt(seeds)


def compared(
    line: tuple[Array, Array],
    points: tuple[Array, Array, Array, Array],
    label: str,
    series: int,
    dash: int = 0,
) -> tuple[Line, Points]:
    """A theory line (x, y) and the simulation (x, mean, error, theory there) of one colour."""
    x, mean, error, expected = points
    return (
        Line(*line, f"{label}, theory", series, dash),
        Points(x, mean, error, f"{label}, simulation", series, expected, hollow=dash > 0),
    )


def seeds_line(size: Size) -> str:
    """How the points of a figure were simulated, for its caption."""
    return (
        f"Points: N = {size.samples}, mean and standard error over {size.seeds} data sets "
        f"(seeds 0 to {size.seeds - 1})."
    )

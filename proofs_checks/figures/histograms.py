"""Figures 1 and 4: histograms of signed logits at three times of training."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm

from ...numerics.kernels import kernel
from ...numerics.signal_noise import signal_plus_noise
from ...numerics.targets import target
from ...numerics.training import train
from .data import Array, FigureData, Histogram, Line, Panel, Track
from .simulation import RATE, Setting, Size, limits, samples_of

__all__ = ["figure_1", "figure_4", "training_density"]

_ALPHAS = (0.0, 0.2)
_FRESH = 5000
_BINS = 45


def figure_1(size: Size, track: Track) -> FigureData:
    """sigma_f = 0.5."""
    return _histograms(0.5, size, track)


def figure_4(size: Size, track: Track) -> FigureData:
    """sigma_f = 0."""
    return _histograms(0.0, size, track)


def _histograms(signal_noise: float, size: Size, track: Track) -> FigureData:
    setting = Setting(0.7, 1.0, signal_noise, 1.0)
    X = samples_of(setting, size.samples, 0)
    fresh = _fresh(setting, X.shape[1])
    times = [round(size.epochs * share) for share in (0.001, 0.03, 1.0)]
    shown: list[Panel] = []
    for alpha in track(_ALPHAS):
        for epochs in times:
            run = train(X, alpha=alpha, learning_rate=RATE, epochs=epochs, record=2)
            weights = np.asarray(run.weights)
            marks: list[Histogram | Line] = []
            for series, (data, words) in enumerate(((X, "training"), (fresh, "fresh"))):
                marks.append(_histogram(data @ weights, f"{words} samples, simulation", series))
            if alpha > 0 and epochs == times[-1]:
                marks += _theory(setting, alpha)
            title = f"α = {alpha:g}, epoch {epochs}"
            settled = float(np.ptp(fresh @ weights)) < 0.01
            around = (0.0, 2 * float(np.mean(fresh @ weights))) if settled else None
            panel = Panel("signed logit, z", "density", tuple(marks), title, x_limits=around)
            shown.append(panel)
    caption = (
        f"Signed logits of training and of fresh samples at three times, λ = 0.7, μ_f = 1, "
        f"σ_f = {signal_noise:g}, σ_n = 1, α = 0 (above) and f = z² at α = 0.2 (below). One data "
        f"set: N = {size.samples}, seed 0; {_FRESH} fresh samples, seed 1; gradient descent at the "
        "rate 0.1. The source's table gives the last epoch alone; the other two are chosen. "
    )
    caption += (
        "Lines, at the last epoch for α > 0: the high-dimensional limit of the minimiser, Gaussian "
        "for fresh samples and the law of the proximal operator for training samples. At α = 0 "
        "the weights grow without end, so that no law is reached."
        if signal_noise > 0
        else "Without noise along the signal every logit tends to the target z* (dotted), whose "
        "law is a single point. At α = 0 the weights grow without end."
    )
    return FigureData(caption, tuple(shown), 3)


def _histogram(logits: Array, label: str, series: int) -> Histogram:
    # Logits that have collapsed to one number fill one bin that is still seen.
    least = 0.02 * abs(float(logits.mean()))
    if np.ptp(logits) < least:
        edges = logits.mean() + np.array([-least, least])
    else:
        edges = np.linspace(logits.min(), logits.max(), _BINS + 1)
    return Histogram(edges, np.histogram(logits, edges, density=True)[0], label, series)


def _fresh(setting: Setting, features: int) -> Array:
    X, y = signal_plus_noise(
        _FRESH,
        features,
        signal=setting.signal,
        signal_noise=setting.signal_noise,
        orthogonal_noise=setting.orthogonal_noise,
        seed=1,
    )
    return np.asarray(X * y[:, None])


def _theory(setting: Setting, alpha: float) -> list[Line]:
    if setting.signal_noise == 0:
        goal = np.full(2, target("quadratic", alpha))
        # As high as the bin of logits that have all arrived, and a little.
        return [Line(goal, np.array([0.0, 30 / goal[0]]), "target z*, theory", 6, 2)]
    limit = limits([setting], alpha)
    mean, spread = float(limit.logit_mean[0]), float(limit.logit_deviation[0])
    z = mean + spread * np.linspace(-4, 4, 201)
    p, density = training_density(mean, spread, float(limit.train_logit_mean[0]), alpha)
    return [
        Line(p, density, "training samples, theory", 0),
        Line(z, norm.pdf(z, mean, spread), "fresh samples, theory", 1),
    ]


def training_density(
    mean: float, spread: float, train_mean: float, alpha: float
) -> tuple[Array, Array]:
    """The law of p = prox(Z), Z = mean + spread G, for f = z^2: places and densities.

    Z = p + gamma l'(p) gives the density phi((Z - mean)/spread) (1 + gamma l''(p))/spread. The
    gamma of the limit is the one at which E p is the mean of the training logits.

    Examples
    --------
    >>> limit = limits([Setting(0.7)], 0.2)
    >>> logit = float(limit.logit_mean[0]), float(limit.logit_deviation[0])
    >>> p, density = training_density(*logit, float(limit.train_logit_mean[0]), 0.2)
    >>> bool(abs(np.trapezoid(density, p) - 1) < 1e-3)
    True
    """
    f = kernel("quadratic")
    p = np.linspace(mean - 9 * spread, mean + 9 * spread, 4001)
    sigmoid = 1 / (1 + np.exp(-p))
    slope = alpha * f.slope(p) - (1 - alpha) * (1 - sigmoid)
    bend = alpha * f.curvature(p) + (1 - alpha) * sigmoid * (1 - sigmoid)

    def density(gamma: float) -> Array:
        return np.asarray(norm.pdf(p + gamma * slope, mean, spread) * (1 + gamma * bend))

    def surplus(gamma: float) -> float:
        weights = density(gamma)
        return float(weights @ p / weights.sum()) - train_mean

    found = density(float(brentq(surplus, 0.0, 1e4)))
    seen = found > 1e-4 * found.max()
    return p[seen], found[seen]

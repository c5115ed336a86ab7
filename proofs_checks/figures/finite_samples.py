"""Figure 10: the angle between the minimisers of two losses shrinks like 1/sqrt(N)."""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import brentq

from ...numerics.fisher import fisher_direction
from ...numerics.fit import fit
from ...numerics.losses import sample_loss
from .data import Array, FigureData, Line, Panel, Points, Track
from .simulation import Setting, Size, over_seeds, samples_of, seeds_line

__all__ = ["figure_10", "tangent"]

_MEAN = 1.0
_ALPHAS = np.array([1e-5, 1e-4, 1e-3, 1e-2, 0.1, 0.4])
_LINE = np.geomspace(1e-5, 0.4, 41)
_SAMPLES = (1, 8, 64)
"""Multiples of the smallest N."""


def figure_10(size: Size, track: Track) -> FigureData:
    """Two features, Gaussian noise."""
    line, expected = (np.array([tangent(a) for a in alphas]) for alphas in (_LINE, _ALPHAS))
    marks: list[Line | Points] = []
    for series, factor in enumerate(track(_SAMPLES)):
        count = factor * size.samples
        setting = Setting(2 / count, _MEAN, 1.0, 1.0)

        def run(seed: int, setting: Setting = setting, count: int = count) -> list[float]:
            X = samples_of(setting, count, seed)
            fisher = np.asarray(fisher_direction(X))
            return [
                abs(_tangent_of_angle(np.asarray(fit(X, alpha=alpha).weights), fisher))
                for alpha in _ALPHAS
            ]

        mean, error = over_seeds(run, size.seeds)
        scale = math.sqrt(2 / math.pi / count)
        label = f"N = {count}"
        marks += (
            Line(_LINE, scale * line, f"{label}, theory", series),
            Points(_ALPHAS, mean, error, f"{label}, simulation", series, scale * expected),
        )
    axes = ("strength of the penalty, α", "mean |tan| of the angle")
    caption = (
        "Mean |tan| of the angle between the minimiser for f = z² and that for the quadratic loss "
        "(Fisher's direction), against α, for d = 2 features with mean (1, 0) and covariance 1. "
        "Lines: first order in 1/√N, √(2/(πN)) times the deviation of the difference of the "
        "two estimators' influence functions. "
        + seeds_line(size).replace(f"N = {size.samples}", "N as in the legend")
        + " At small N and α the next order shows. The mean and the covariance are not in the "
        "source's table; these are chosen."
    )
    panel = Panel(*axes, tuple(marks), x_scale="log", y_scale="log")
    return FigureData(caption, (panel,), 1)


def tangent(alpha: float) -> float:
    """sqrt(N) times the deviation of the tangent, as N -> infinity, at mean 1 and covariance 1.

    The minimiser in the population is s e_1, E l'(z) x_1 = 0 for z = s x_1, x_1 = 1 + G. Across it
    x_2 is standard normal and independent of z, so that S_2/s is about
    -sum l'(z_i) x_2i/(N s E l''(z)): the tangents of two losses differ by a mean of N independent
    terms, with the variance E (l'(z)/(s E l'') - (z - a)/s_q)^2, the second for least squares.

    Examples
    --------
    >>> tangent(0.9) < tangent(0.1) < tangent(0.001)
    True
    """
    normal = np.linspace(-9, 9, 601)
    weights = np.exp(-(normal**2) / 2)
    weights /= weights.sum()
    x = _MEAN + normal
    loss = sample_loss("quadratic", alpha)

    def slope(s: float) -> Array:
        return np.asarray(loss.gradient((s * x)[:, None])[:, 0])

    s = float(brentq(lambda s: weights @ (slope(s) * x), 1e-6, 1e3))
    bend = np.asarray(loss.curvature((s * x)[:, None])(np.ones((len(x), 1)))[:, 0])
    # Least squares with a = 1: s_q = E x/E x^2.
    least = _MEAN / (_MEAN**2 + 1)
    difference = slope(s) / (s * (weights @ bend)) - (least * x - 1) / least
    return float(np.sqrt(weights @ difference**2))


def _tangent_of_angle(a: Array, b: Array) -> float:
    return float((a[0] * b[1] - a[1] * b[0]) / (a @ b))

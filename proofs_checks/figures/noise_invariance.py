"""Figure 19: 1/rho^2 is linear in 1/sigma_n^2."""

from __future__ import annotations

import numpy as np

from .data import FigureData, Line, Panel, Points, Track
from .simulation import (
    Setting,
    Size,
    compared,
    descended,
    fitted,
    limits,
    measured,
    over_seeds,
    samples_of,
    seeds_line,
)

__all__ = ["figure_19"]

_ALPHA = 0.2
_LINE = np.linspace(3.0, 0.5, 40)
_POINTS = np.array([3.0, 1.5, 1.0, 0.75, 0.6, 0.5])


def figure_19(size: Size, track: Track) -> FigureData:
    """1/rho^2 = 1 + C^2/sigma_n^2 (eq. 4)."""
    settings = [_setting(noise) for noise in _POINTS]
    collected = []
    for seed in track(range(size.seeds)):
        data = [samples_of(s, size.samples, seed) for s in settings]
        fits = [fitted(X, _ALPHA) for X in data]
        runs = [descended(X, _ALPHA, size.epochs) for X in data] if size.epochs else []
        pairs = zip(fits + runs, settings * 2, strict=False)
        collected.append([measured(S, s).cosine ** -2 for S, s in pairs])
    mean, error = over_seeds(lambda seed: collected[seed], size.seeds)
    line = limits([_setting(noise) for noise in _LINE], _ALPHA).cosine ** -2
    expected = limits(settings, _ALPHA).cosine ** -2
    x, count = _POINTS**-2.0, len(_POINTS)
    points = (x, mean[:count], error[:count], expected)
    marks: tuple[Line | Points, ...] = compared((_LINE**-2.0, line), points, "minimiser", 0)
    if size.epochs:
        label = "gradient descent, simulation"
        marks += (Points(x, mean[count:], error[count:], label, 1, hollow=True),)
    slope = float(np.polyfit(_LINE**-2.0, line, 1)[0])
    quadratic = 0.5**2 * 0.7 * (0.5**2 + 1) / (1 - 0.7)
    caption = (
        "1/ρ² against 1/σ_n² at λ = 0.7, μ_f = 1, σ_f = 0.5, α = 0.2 for f = z². Line: the "
        f"high-dimensional limit, straight with slope C² = {slope:.5f} and intercept 1; a "
        f"quadratic loss would have C² = {quadratic:.5f}. " + seeds_line(size)
    )
    if size.epochs:
        caption += (
            f" Gradient descent as the source ran it: {size.epochs} epochs at the rate 0.1; where "
            "σ_n is small it has not yet arrived."
        )
    return FigureData(caption, (Panel("1/σ_n²", "1/ρ²", marks),), 1)


def _setting(noise: float) -> Setting:
    return Setting(0.7, 1.0, 0.5, float(noise))

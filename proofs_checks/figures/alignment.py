"""Figures 2 and 13: the cosine with the signal and the norm of the weights against alpha."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...numerics.path import fit_path
from .data import Array, FigureData, Line, Panel, Points, Track
from .simulation import (
    Setting,
    Size,
    compared,
    limits_along,
    measured,
    over_seeds,
    samples_of,
    seeds_line,
)

__all__ = ["figure_2", "figure_13"]

_LINE = np.geomspace(1e-3, 0.9, 60)
_POINTS = np.array([0.001, 0.004, 0.015, 0.06, 0.2, 0.5, 0.9])
_QUANTITIES = (("cosine", "cosine with the signal, ρ"), ("norm", "norm of the weights, ‖S‖"))
_FREEDOMS = (2.1, 3.0, 20.0)
_ASPECT_RATIOS = (0.1, 0.7, 0.9)


def figure_13(size: Size, track: Track) -> FigureData:
    """Gaussian noise, three aspect ratios."""
    marks: dict[str, list[Line | Points]] = {name: [] for name, _ in _QUANTITIES}
    for series, ratio in enumerate(track(_ASPECT_RATIOS)):
        setting = Setting(ratio)
        lines, expected = (_limit(setting, alphas) for alphas in (_LINE, _POINTS))
        means, errors = _simulated(setting, size)
        for name, found in marks.items():
            points = (_POINTS, means[name], errors[name], expected[name])
            found += compared((_LINE, lines[name]), points, f"λ = {ratio:g}", series)
    caption = (
        "Cosine ρ with the signal and norm ‖S‖ of the minimiser against α for f = z², at "
        "μ_f = 1, σ_f = 0.5, σ_n = 1. Lines: the high-dimensional limit. "
        + seeds_line(size)
        + " The source ran gradient descent (rate 0.1, 20000 epochs); here minimisers, to which "
        "it converges for α > 0."
    )
    return FigureData(caption, _panels(marks), 2)


def figure_2(size: Size, track: Track) -> FigureData:
    """Student-t noise of unit variance, for which the line for Gaussian noise is no theory."""
    from scipy.stats import t

    setting = Setting(2 / 3, 1.0, 1.0, 1.0)
    gaussian = _limit(setting, _LINE)
    marks: dict[str, list[Line | Points]] = {
        name: [Line(_LINE, gaussian[name], "Gaussian noise, theory", 6)] for name, _ in _QUANTITIES
    }
    for series, freedom in enumerate(track(_FREEDOMS)):
        means, errors = _simulated(setting, size, t(df=freedom))
        for name, found in marks.items():
            label = f"Student's t, ν = {freedom:g}, simulation"
            found.append(Points(_POINTS, means[name], errors[name], label, series))
    caption = (
        "Cosine ρ and norm ‖S‖ of the minimiser against α for f = z², with noise drawn from "
        "Student's t with ν degrees of freedom, scaled to variance 1, λ = 2/3, "
        "μ_f = σ_f = σ_n = 1. The line is the limit for Gaussian noise, a reference and no theory "
        "of these points. "
        + seeds_line(size)
        + " The source trained by Adam (0.001, 2000 to 10000 epochs); here minimisers. Components "
        "of the noise are drawn independently: this is not the elliptical multivariate t, for "
        "which the population's direction would be exactly Fisher's."
    )
    return FigureData(caption, _panels(marks), 2)


def _limit(setting: Setting, alphas: Array) -> dict[str, Array]:
    found = limits_along(setting, alphas)
    return {"cosine": found.cosine, "norm": np.hypot(found.signal_weight, found.noise_weight)}


def _simulated(
    setting: Setting, size: Size, distribution: Any = None
) -> tuple[dict[str, Array], dict[str, Array]]:
    def run(seed: int) -> Sequence[float]:
        X = samples_of(setting, size.samples, seed, distribution)
        found = [measured(np.asarray(r.weights), setting) for r in fit_path(X, alphas=_POINTS)]
        return [getattr(m, name) for name, _ in _QUANTITIES for m in found]

    names = [name for name, _ in _QUANTITIES]
    mean, error = (v.reshape(len(names), -1) for v in over_seeds(run, size.seeds))
    return dict(zip(names, mean, strict=True)), dict(zip(names, error, strict=True))


def _panels(marks: dict[str, list[Line | Points]]) -> tuple[Panel, ...]:
    return tuple(
        Panel("strength of the penalty, α", words, tuple(marks[name]), x_scale="log")
        for name, words in _QUANTITIES
    )

"""Figures 14 and 20: logits and weights against the noise along the signal."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from .data import Array, FigureData, Line, Panel, Points, Track
from .simulation import (
    Setting,
    Size,
    compared,
    fitted,
    limits,
    measured,
    over_seeds,
    samples_of,
    seeds_line,
)

__all__ = ["figure_14", "figure_20"]


def figure_14(size: Size, track: Track) -> FigureData:
    """Mean and deviation of the logits of training and of fresh samples."""
    alpha, top = 0.2, 1.0
    places, line_places = np.linspace(0.1, top, 7), np.linspace(0.01, top, 50)

    def run(X: Array, setting: Setting) -> Sequence[float]:
        S = fitted(X, alpha)
        logits, found = X @ S, measured(S, setting)
        spread = np.hypot(
            found.signal_weight * setting.signal_noise,
            found.noise_weight * setting.orthogonal_noise,
        )
        mean = found.signal_weight * setting.signal
        return float(logits.mean()), float(logits.std()), mean, float(spread)

    means, errors = _swept(places, run, size, track)
    line, at = (limits([_setting(v) for v in v_s], alpha) for v_s in (line_places, places))
    marks: list[list[Line | Points]] = [[], []]
    names = ("train_logit_mean", "train_logit_deviation", "logit_mean", "logit_deviation")
    for row, name in enumerate(names):
        label = "training samples" if row < 2 else "fresh samples"
        points = (places, means[row], errors[row], getattr(at, name))
        marks[row % 2] += compared((line_places, getattr(line, name)), points, label, row // 2)
    floor = line_places * line.signal_weight
    marks[1].append(Line(line_places, floor, "σ_f S_1, of the signal alone", 6, 2))
    caption = (
        "Mean and standard deviation of signed logits against σ_f at λ = 0.7, μ_f = 1, σ_n = 1, "
        "f = z². The table of settings gives no α; 0.2 is chosen, as in figure 1. Lines: the "
        "high-dimensional limit, for training samples that of the proximal operator. The "
        "deviation of fresh logits lies above σ_f S_1, that of training logits below it (E.1). "
        + seeds_line(size)
        + " Moments of fresh logits are exact, given the weights."
    )
    axis = "noise along the signal, σ_f"
    panels = (
        Panel(axis, "mean of the logits", tuple(marks[0])),
        Panel(axis, "deviation of the logits", tuple(marks[1])),
    )
    return FigureData(caption, panels, 2)


def figure_20(size: Size, track: Track) -> FigureData:
    """S_1, the norm of the other weights, and their ratio."""
    alpha, top = 0.4, 0.5
    places, line_places = np.linspace(0.0, top, 6), np.linspace(0.0, top, 51)

    def run(X: Array, setting: Setting) -> Sequence[float]:
        found = measured(fitted(X, alpha), setting)
        ratio = found.noise_weight / found.signal_weight
        return found.signal_weight, found.noise_weight, ratio

    means, errors = _swept(places, run, size, track)
    lines, expected = (
        (found.signal_weight, found.noise_weight, found.noise_weight / found.signal_weight)
        for found in (limits([_setting(v) for v in v_s], alpha) for v_s in (line_places, places))
    )
    small = np.sqrt(0.7 / 0.3)
    panels = []
    for row, words in enumerate(("signal weight, S_1", "other weights, ‖S_⊥‖", "‖S_⊥‖/S_1")):
        points = (places, means[row], errors[row], expected[row])
        marks: list[Line | Points] = []
        marks += compared((line_places, lines[row]), points, "minimiser", 0)
        if row == 2:
            marks.append(Line(line_places, small * line_places, "tangent at σ_f = 0", 6, 2))
        panels.append(Panel("noise along the signal, σ_f", words, tuple(marks)))
    caption = (
        "S_1, ‖S_⊥‖ and their ratio against σ_f at λ = 0.7, μ_f = 1, σ_n = 1, α = 0.4, f = z². "
        "Lines: the high-dimensional limit; the ratio leaves zero with the slope √(λ/(1 − λ)) of "
        "a quadratic loss. "
        + seeds_line(size)
        + " The source trained by Adam (0.01, 1000 epochs); here minimisers."
    )
    return FigureData(caption, tuple(panels), 3)


def _setting(signal_noise: float) -> Setting:
    return Setting(0.7, 1.0, float(signal_noise), 1.0)


def _swept(
    places: Array, run: Callable[[Array, Setting], Sequence[float]], size: Size, track: Track
) -> tuple[Array, Array]:
    """Means and errors (quantities, places) of ``run`` at each sigma_f."""
    found = []
    for place in track(places.tolist()):
        setting = _setting(place)

        def once(seed: int, setting: Setting = setting) -> Sequence[float]:
            return run(samples_of(setting, size.samples, seed), setting)

        found.append(over_seeds(once, size.seeds))
    means, errors = (np.array(v).T for v in zip(*found, strict=True))
    return means, errors

"""Figures 6, 15 and 17: accuracy against the noise across the signal, and where a penalty helps."""

from __future__ import annotations

from functools import partial

import numpy as np

from ...numerics.separable_limit import separability_threshold
from .data import Array, FigureData, Line, Panel, Points, Track
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

__all__ = ["benefit", "boundary", "figure_6", "figure_15", "figure_17"]

_SIGNAL_NOISES = (0.5, 0.8)
_STRENGTHS = (0.0, 0.4)
_LINE = np.linspace(0.1, 6.0, 119)
_POINTS = np.array([0.1, 0.5, 1.0, 1.5, 2.5, 4.0, 6.0])
_BOUNDARY = np.array([0.2, 0.4, 0.6, 0.8])
_TRAINED_SEEDS = 2
_RATIOS = (0.4, 0.7)
_RANGE = 0.02, 30.0
_REFINEMENTS, _PLACES = 4, 33
_AROUND = 1.15


def figure_6(size: Size, track: Track) -> FigureData:
    """lambda = 0.7."""
    return benefit(0.7, size, track)


def figure_15(size: Size, track: Track) -> FigureData:
    """lambda = 0.4."""
    found = benefit(0.4, size, track)
    thresholds = separability_threshold(1 / np.array(_SIGNAL_NOISES))
    each = " and ".join(
        f"{threshold:.3f} at σ_f = {noise:g}"
        for threshold, noise in zip(thresholds, _SIGNAL_NOISES, strict=True)
    )
    note = (
        " The source calls this data generally not separable. In the limit it is separable, as "
        f"λ = 0.4 lies above the threshold of {each}; the "
        "accuracy at α = 0 saturates since the noise alone, without the signal, is not separable "
        "below λ = 1/2 (beck.nonseparable, lead.separability-threshold)."
    )
    return FigureData(found.caption + note, found.panels, found.columns)


def benefit(aspect_ratio: float, size: Size, track: Track) -> FigureData:
    """Accuracy against sigma_n at two sigma_f, and the boundary above which alpha = 0.4 wins."""
    trained = Size(size.samples, min(_TRAINED_SEEDS, size.seeds), size.epochs)
    panels = []
    for signal_noise in track(_SIGNAL_NOISES):
        of = partial(Setting, aspect_ratio, 1.0, signal_noise)
        marks = list(_against_noise(of, size, "accuracy", _STRENGTHS))
        if size.epochs:
            marks.append(_descent(of, trained))
        panels.append(
            Panel("noise across the signal, σ_n", "accuracy", tuple(marks), f"σ_f = {signal_noise}")
        )
    panels.append(_boundary_panel(aspect_ratio, size))
    caption = (
        f"Accuracy on fresh data against σ_n at λ = {aspect_ratio:g}, μ_f = 1, and the boundary in "
        "the (σ_f, σ_n) plane above which the penalty f = z² at α = 0.4 beats α = 0. "
        "Lines: the high-dimensional limit, at α = 0 of the max-margin direction. "
        + seeds_line(size)
        + " At α = 0 they are max-margin directions, or minimisers where a data set is not "
        "separable; boundary points are where the two mean accuracies cross. "
        "Accuracies are the exact ones of the trained weights."
    )
    if size.epochs:
        caption += (
            f" Gradient descent as the source ran it ({size.epochs} epochs at the rate 0.1, "
            f"{trained.seeds} data sets) has not arrived at its limit for α = 0, where the angle "
            "shrinks like one over the logarithm of time."
        )
    return FigureData(caption, tuple(panels), 3)


def figure_17(size: Size, track: Track) -> FigureData:
    """Accuracy and cosine against sigma_n, without and with a penalty, at two aspect ratios."""
    panels = []
    for ratio in track(_RATIOS):
        of = partial(Setting, ratio, 1.0, 0.5)
        for name, words in (("accuracy", "accuracy"), ("cosine", "cosine with the signal, ρ")):
            marks = tuple(_against_noise(of, size, name, _STRENGTHS))
            panels.append(Panel("noise across the signal, σ_n", words, marks, f"λ = {ratio:g}"))
    caption = (
        "Accuracy and ρ against σ_n at μ_f = 1, σ_f = 0.5, α = 0 and 0.4 for f = z². The table "
        "of settings gives none for this figure; these are chosen to match figures 6 and 15. "
        "The penalised accuracy does not depend on σ_n, while ρ does (eq. 4). "
        + seeds_line(size)
        + " At α = 0: the max-margin direction, or the minimiser if there is one."
    )
    return FigureData(caption, tuple(panels), 2)


def _against_noise(
    of: partial[Setting], size: Size, name: str, alphas: tuple[float, ...]
) -> list[Line | Points]:
    """``name`` of the limit and of simulated weights against sigma_n, a colour for each alpha."""
    marks: list[Line | Points] = []
    settings = [of(sigma) for sigma in _POINTS]

    for series, alpha in enumerate(alphas):

        def run(seed: int, alpha: float = alpha) -> list[float]:
            return [
                getattr(measured(fitted(samples_of(s, size.samples, seed), alpha), s), name)
                for s in settings
            ]

        mean, error = over_seeds(run, size.seeds)
        line = getattr(limits([of(sigma) for sigma in _LINE], alpha), name)
        expected = getattr(limits(settings, alpha), name)
        points = (_POINTS, mean, error, expected)
        marks += compared((_LINE, line), points, f"α = {alpha:g}", series)
    return marks


def _descent(of: partial[Setting], size: Size) -> Points:
    places = _POINTS[::2]
    settings = [of(sigma) for sigma in places]

    def run(seed: int) -> list[float]:
        data = [samples_of(s, size.samples, seed) for s in settings]
        return [
            measured(descended(X, 0.0, size.epochs), s).accuracy
            for X, s in zip(data, settings, strict=True)
        ]

    mean, error = over_seeds(run, size.seeds)
    return Points(places, mean, error, "α = 0, gradient descent", 2, hollow=True)


def _boundary_panel(aspect_ratio: float, size: Size) -> Panel:
    line = np.linspace(0.15, 1.2, 43)
    expected = boundary(aspect_ratio, _BOUNDARY)
    found = [
        _simulated_crossing(Setting(aspect_ratio, 1.0, float(noise)), float(near), size)
        for noise, near in zip(_BOUNDARY, expected, strict=True)
    ]
    mean, error = np.array(found).T
    marks = (
        Line(line, boundary(aspect_ratio, line), "equal accuracy, theory", 6),
        Points(_BOUNDARY, mean, error, "equal accuracy, simulation", 6, expected),
    )
    return Panel("noise along the signal, σ_f", "noise across, σ_n", marks, "α = 0.4 wins above")


def boundary(aspect_ratio: float, signal_noises: Array) -> Array:
    """The sigma_n at which alpha = 0.4 and alpha = 0 have the same accuracy; NaN if none has.

    At equal noises the accuracy increases with the cosine, which is what is compared; with a
    penalty it is that of eq. (4), with C from any one sigma_n.

    Examples
    --------
    >>> boundary(0.7, np.array([0.5])).round(3)
    array([1.216])
    """
    penalised = limits([Setting(aspect_ratio, 1.0, noise, 1.0) for noise in signal_noises], 0.4)
    ratio = penalised.noise_weight / penalised.signal_weight
    low, high = (np.full(signal_noises.shape, np.log(end)) for end in _RANGE)

    def surplus(log_noise: Array) -> Array:
        """For log sigma_n of shape (places, signal_noises)."""
        along = np.broadcast_to(signal_noises, log_noise.shape)
        pairs = zip(along.flat, np.exp(log_noise).flat, strict=True)
        free = limits([Setting(aspect_ratio, 1.0, *pair) for pair in pairs], 0.0).cosine
        return np.asarray(1 / np.hypot(1, ratio / np.exp(log_noise)) - free.reshape(along.shape))

    ends = surplus(np.stack([low, high]))
    for _ in range(_REFINEMENTS):
        grid = np.linspace(low, high, _PLACES)
        first = np.clip(np.argmax(surplus(grid) > 0, axis=0), 1, None)
        low, high = (np.take_along_axis(grid, i[None], axis=0)[0] for i in (first - 1, first))
    crosses = (ends[0] < 0) & (ends[1] > 0)
    return np.where(crosses, np.exp((low + high) / 2), np.nan)


def _simulated_crossing(of: Setting, near: float, size: Size) -> tuple[float, float]:
    """Where the mean accuracies cross, by a straight line around ``near``, and its error."""
    ends = [of._replace(orthogonal_noise=near * factor) for factor in (1 / _AROUND, _AROUND)]

    def surpluses(seed: int) -> list[float]:
        found = []
        for setting in ends:
            X = samples_of(setting, size.samples, seed)
            penalised, free = (measured(fitted(X, a), setting).accuracy for a in (0.4, 0.0))
            found.append(penalised - free)
        return found

    seen = np.array([surpluses(seed) for seed in range(size.seeds)])
    first, last = seen.mean(axis=0)
    share = first / (first - last)
    at_crossing = (1 - share) * seen[:, 0] + share * seen[:, 1]
    width = 2 * np.log(_AROUND)
    crossing = float(near / _AROUND * np.exp(share * width))
    error = at_crossing.std(ddof=1) / np.sqrt(size.seeds) / abs(last - first) * width
    return crossing, crossing * float(error)

"""Figures 16 and 18: accuracy and cosine against the aspect ratio lambda = d/N."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from ...errors import NotConvergedError
from ...numerics.high_dimension import asymptotics
from .data import Array, FigureData, Line, Panel, Points, Track
from .simulation import (
    Setting,
    Size,
    fitted,
    limits,
    measured,
    over_seeds,
    samples_of,
    seeds_line,
)

__all__ = ["decayed", "figure_16", "figure_18"]

_SIGNAL_NOISES = (0.0, 0.5, 1.0)
_TABLE, _CAPTION = (0.2, 4.0), (1.0, 2.0)
_POINTS = np.array([0.2, 0.4, 0.7, 1.3, 2.0])
# Both sides of lambda = 1, where the least norm is infinite and the accuracy 1/2.
_LINE = np.union1d(np.linspace(0.05, 2.0, 79), [0.99, 0.999, 1.001, 1.01])
_SPARSE_LINE = np.linspace(0.05, 2.0, 27)
_QUANTITIES = (("accuracy", "accuracy"), ("cosine", "cosine, ρ"))
_DECAY = 0.2
_SAMPLES_OF_THE_SOURCE = 2000


def figure_16(size: Size, track: Track) -> FigureData:
    """Without and with a penalty: four sigma_n, two of them simulated."""
    panels = {}
    for signal_noise in track(_SIGNAL_NOISES):
        for alpha in (0.0, 0.4):
            marks: dict[str, list[Line | Points]] = {name: [] for name, _ in _QUANTITIES}
            for series, noise in enumerate((*_TABLE, *_CAPTION)):
                of = partial(_setting, signal_noise, noise)
                line = limits([of(r) for r in _LINE], alpha)
                for name, found in marks.items():
                    label = f"σ_n = {noise:g}, theory"
                    found.append(Line(_LINE, getattr(line, name), label, series))
                if noise in _TABLE:
                    at = limits([of(r) for r in _POINTS], alpha)
                    means, errors = _simulated(of, partial(fitted, alpha=alpha), size)
                    for row, (name, found) in enumerate(marks.items()):
                        label = f"σ_n = {noise:g}, simulation"
                        points = (_POINTS, means[row], errors[row], label, series)
                        found.append(Points(*points, getattr(at, name)))
            for name, words in _QUANTITIES:
                title = f"α = {alpha:g}, σ_f = {signal_noise:g}"
                panels[name, alpha, signal_noise] = _panel(words, marks[name], title)
    ordered = tuple(
        panels[name, alpha, signal_noise]
        for name, _ in _QUANTITIES
        for alpha in (0.0, 0.4)
        for signal_noise in _SIGNAL_NOISES
    )
    caption = (
        "Accuracy on fresh data and cosine ρ against λ = d/N at μ_f = 1, for α = 0 and for f = z² "
        "at α = 0.4. The source's table of settings has σ_n = 0.2 and 4, its caption says 1 and 2: "
        "all four have lines, those of the table are simulated. Lines: the high-dimensional "
        "limit, at α = 0 the max-margin direction beyond the threshold of separability, and the "
        "minimiser below; at λ > 1 the least norm. "
        + seeds_line(size)
        + " No points at λ = 1, where the norm diverges and samples of any finite number lie far "
        "from the limit."
    )
    return FigureData(caption, ordered, 3)


def figure_18(size: Size, track: Track) -> FigureData:
    """Weight decay instead of a penalty, in both readings of its formula."""
    readings = (
        ("mean + γ‖S‖²/2", _DECAY, 0),
        ("sum + γ‖S‖²/2", _DECAY / _SAMPLES_OF_THE_SOURCE, 1),
    )
    panels: dict[tuple[str, float], Panel] = {}
    for signal_noise in track(_SIGNAL_NOISES):
        marks: dict[str, list[Line | Points]] = {name: [] for name, _ in _QUANTITIES}
        for series, noise in enumerate(_CAPTION):
            of = partial(_setting, signal_noise, noise)
            for words, decay, dash in readings:
                line, at = (_decayed_limit(of, v, decay) for v in (_SPARSE_LINE, _POINTS))
                means, errors = _simulated(of, partial(decayed, decay=decay), size)
                label = f"σ_n = {noise:g}, {words}"
                for row, found in enumerate(marks.values()):
                    theory = Line(_SPARSE_LINE, line[row], f"{label}, theory", series, dash)
                    points = (_POINTS, means[row], errors[row], f"{label}, simulation", series)
                    found += theory, Points(*points, at[row], hollow=dash > 0)
        for name, words in _QUANTITIES:
            panels[name, signal_noise] = _panel(words, marks[name], f"σ_f = {signal_noise:g}")
    caption = (
        "Accuracy and cosine ρ against λ with weight decay γ = 0.2 and α = 0. The source prints "
        "Σ log(1 + e^(−z)) + (γ/2)‖S‖², a sum over samples, which at its N = 2000 is a decay of "
        "1e-4 on the mean loss, almost none; beside it (solid, filled) the mean loss with the "
        "whole γ. Lines: the high-dimensional limit, with gaps where its equations are not solved "
        "to 1e-12. "
        + seeds_line(size)
        + " Points are minimisers; the source ran gradient descent (rate 0.1, 2000 epochs)."
    )
    ordered = tuple(panels[name, noise] for name, _ in _QUANTITIES for noise in _SIGNAL_NOISES)
    return FigureData(caption, ordered, 3)


def decayed(X: Array, decay: float) -> Array:
    """The minimiser of mean log(1 + e^(-z)) + decay |S|^2/2, decay > 0.

    Raises
    ------
    NotConvergedError : the gradient is not small enough.

    Examples
    --------
    >>> S = decayed(np.array([[2.0]]), 0.5)
    >>> bool(abs(0.5 * S[0] - 2 / (1 + np.exp(2 * S[0]))) < 1e-8)
    True
    """

    def loss(S: Array) -> tuple[float, Array]:
        z = X @ S
        gradient = decay * S - expit(-z) @ X / len(X)
        return float(np.mean(np.logaddexp(0, -z)) + decay * (S @ S) / 2), gradient

    options = {"gtol": 1e-8, "ftol": 0.0, "maxiter": 10_000, "maxcor": 30}
    found = minimize(loss, np.zeros(X.shape[1]), jac=True, method="L-BFGS-B", options=options)
    slope = float(np.max(np.abs(found.jac)))
    if not slope < 1e-6:
        raise NotConvergedError(
            f"the gradient of the loss with weight decay {decay:g} is {slope:.1e} after "
            f"{found.nit} steps; expected 1e-6; choose a larger decay"
        )
    return np.asarray(found.x)


def _setting(signal_noise: float, noise: float, ratio: float) -> Setting:
    return Setting(ratio, 1.0, signal_noise, noise)


def _decayed_limit(of: Callable[[float], Setting], ratios: Array, decay: float) -> Array:
    """A row for each quantity; NaN where the solver does not reach its goal."""
    setting = of(1.0)

    def rows(some: Array) -> Array:
        limit = asymptotics(
            some,
            signal=setting.signal,
            signal_noise=setting.signal_noise,
            orthogonal_noise=setting.orthogonal_noise,
            alpha=0.0,
            weight_decay=decay,
        )
        return np.array([getattr(limit, name) for name, _ in _QUANTITIES])

    try:
        return rows(ratios)
    except NotConvergedError:
        if len(ratios) == 1:
            return np.full((len(_QUANTITIES), 1), np.nan)
        halves = np.split(ratios, [len(ratios) // 2])
        return np.hstack([_decayed_limit(of, half, decay) for half in halves])


def _simulated(
    of: Callable[[float], Setting], train: Callable[[Array], Array], size: Size
) -> tuple[Array, Array]:
    """Means and errors, a row for each quantity."""

    def run(seed: int) -> list[float]:
        found = [measured(train(samples_of(s, size.samples, seed)), s) for s in map(of, _POINTS)]
        return [getattr(m, name) for name, _ in _QUANTITIES for m in found]

    mean, error = over_seeds(run, size.seeds)
    return mean.reshape(len(_QUANTITIES), -1), error.reshape(len(_QUANTITIES), -1)


def _panel(words: str, marks: list[Line | Points], title: str) -> Panel:
    low = 0.45 if words == "accuracy" else -0.03
    return Panel("aspect ratio, λ = d/N", words, tuple(marks), title, y_limits=(low, 1.04))

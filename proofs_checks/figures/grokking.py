"""Figures 5 and 8: gradient descent overfits, and generalises much later."""

from __future__ import annotations

from functools import partial

import numpy as np
from scipy.special import ndtr

from ...numerics.losses import sample_loss
from ...numerics.signal_noise import signal_plus_noise
from ...numerics.targets import target
from ...numerics.training import train
from ...theory import many_class_approach as many_classes
from ...theory.final_approach import outlier
from ...theory.high_dimension import aspect_ratio
from ...theory.signal_noise import mu_f, sigma_n
from ...theory.symbols import K
from ...theory.symbols import alpha as strength
from ..many_class_approach import Approach, slowest_mode
from .data import Array, FigureData, Line, Panel, Points, Track
from .simulation import RATE, Setting, Size, limits, samples_of

__all__ = ["figure_5", "figure_8", "slowest_mode_of_classes", "slowest_rate"]

_ALPHAS = (0.0, 0.001, 0.01, 0.1)
_RECORDS = 36
_CLASSES, _MANY_ALPHA, _MANY_RATIO, _FRESH = 10, 0.04, 0.7, 2000


def figure_5(size: Size, track: Track) -> FigureData:
    """Two classes without noise along the signal, four strengths."""
    setting = Setting(0.7, 0.1, 0.0, 1.0)
    X = samples_of(setting, size.samples, 0)
    at = {aspect_ratio: setting.aspect_ratio, mu_f: setting.signal, sigma_n: 1.0}
    limit_of_smallest = float(outlier().subs(at))
    smallest = float(np.linalg.eigvalsh(X.T @ X / len(X))[0])
    marks: tuple[list[Line | Points], ...] = ([], [], [], [])
    for series, alpha in enumerate(track(_ALPHAS)):
        run = train(
            X,
            alpha=alpha,
            learning_rate=RATE,
            epochs=size.epochs,
            record=_RECORDS,
            watch={
                "accuracy": partial(_fresh_accuracy, setting),
                "loss": partial(_fresh_loss, setting, alpha),
                "across": lambda S: np.linalg.norm(S[1:]),
            },
        )
        epochs = run.epochs[1:].astype(np.float64)
        label = f"α = {alpha:g}"
        columns = (run.watched["accuracy"], run.watched["loss"], run.accuracy, run.loss)
        rows = [column[1:] for column in columns]
        for panel, (fresh, own) in enumerate(((rows[0], rows[2]), (rows[1], rows[3]))):
            marks[panel].append(_points(epochs, fresh, f"{label}, fresh samples", series))
            marks[panel].append(_points(epochs, own, f"{label}, training", series, hollow=True))
        across = run.watched["across"][1:]
        marks[2].append(_points(epochs, across, f"{label}, fresh samples", series))
        if alpha > 0:
            rate = slowest_rate(alpha, smallest)
            late = epochs >= epochs[-1] / 8
            decline = across[-1] * np.exp(-rate * (epochs[late] - epochs[-1]))
            marks[2].append(Line(epochs[late], decline, f"{label}, rate in theory", series))
        limit = float(limits([setting], alpha).accuracy[0])
        ends = np.array([epochs[0], epochs[-1]])
        name = "α = 0, limit" if alpha == 0 else "α > 0, limit"
        if alpha in (0.0, _ALPHAS[-1]):
            marks[0].append(Line(ends, np.full(2, limit), name, 6, 1 if alpha == 0 else 2))
    words = ("accuracy", "loss", "other weights, ‖S_⊥‖")
    panels = tuple(
        Panel("epoch", word, tuple(found), x_scale="log", y_scale=scale)
        for word, found, scale in zip(words, marks, ("linear", "log", "log"), strict=False)
    )
    caption = (
        "Accuracy, loss and noise weights against the epoch, λ = 0.7, μ_f = 0.1, σ_f = 0, σ_n = 1, "
        f"f = z². One data set: N = {size.samples}, seed 0; gradient descent at the rate 0.1, "
        f"{size.epochs} epochs; numbers on fresh samples are exact, given the weights. "
        "Black lines: accuracy in the high-dimensional limit of endless training. Coloured lines: "
        "the slowest mode decays at η l''(z*) ν per epoch, ν the smallest eigenvalue of XᵀX/N, "
        f"here {smallest:.3g} (its limit, {limit_of_smallest:.3g}, lies below the bulk, as μ_f is "
        "weak); their slope is theory, their height is that of the last epoch."
    )
    return FigureData(caption, panels, 3)


def slowest_rate(alpha: float, smallest: float) -> float:
    """eta l''(z*) nu: 1/epochs in which the last mode shrinks by a factor e, f = z^2.

    Examples
    --------
    >>> slowest_rate(0.1, 0.003) > slowest_rate(0.01, 0.003)
    True
    """
    goal = np.array([[target("quadratic", alpha)]])
    curvature = sample_loss("quadratic", alpha).curvature(goal)(np.ones((1, 1)))
    # A step multiplies by 1 - eta l'' nu.
    return float(-np.log1p(-RATE * curvature[0, 0] * smallest))


def slowest_mode_of_classes(alpha: float, classes: int, aspect_ratio: float) -> float:
    """x of the decay at eta x per epoch close to the targets, f = ||z||^2, mu_f = sigma_n = 1.

    Examples
    --------
    >>> round(slowest_mode_of_classes(0.04, 10, 0.7), 6)
    0.002539
    """
    odds = np.exp(float(target("quadratic", alpha, classes=classes)))
    at = {
        strength: alpha,
        K: classes,
        many_classes.confidence: odds / (odds + classes - 1),
    }
    across, along = (
        float(curvature.subs(at))
        for curvature in many_classes.curvatures_of_the_quadratic_penalty()
    )
    return slowest_mode(Approach(aspect_ratio, 1.0, 1.0, classes, across, along))


def figure_8(size: Size, track: Track) -> FigureData:
    """Ten classes without noise along the templates."""
    features = round(_MANY_RATIO * size.samples)
    draw = partial(signal_plus_noise, signal_noise=0.0, classes=_CLASSES)
    X, y = draw(size.samples, features, seed=0)
    fresh, labels = draw(_FRESH, features, seed=1)
    watch = {
        "accuracy": lambda W: np.mean(np.argmax(fresh @ W.T, axis=1) == labels),
        "fresh gap": lambda W: _gaps(fresh @ W.T, labels),
        "gap": lambda W: _gaps(X @ W.T, y),
    }
    (run,) = (
        train(
            X,
            y,
            alpha=alpha,
            learning_rate=RATE,
            epochs=size.epochs,
            record=_RECORDS,
            watch=watch,
        )
        for alpha in track([_MANY_ALPHA])
    )
    epochs = run.epochs[1:].astype(np.float64)
    gap = float(target("quadratic", _MANY_ALPHA, classes=_CLASSES))
    slowest = slowest_mode_of_classes(_MANY_ALPHA, _CLASSES, _MANY_RATIO)
    ends = np.array([epochs[0], epochs[-1]])
    panels = []
    accuracies = (run.watched["accuracy"], run.accuracy)
    kinds = (("fresh samples, simulation", False), ("training samples, simulation", True))
    found: list[Line | Points] = [
        _points(epochs, values[1:], label, int(hollow), hollow=hollow)
        for values, (label, hollow) in zip(accuracies, kinds, strict=True)
    ]
    panels.append(Panel("epoch", "accuracy", tuple(found), x_scale="log"))
    for column, words in ((0, "mean gap of the logits"), (1, "deviation of the gap")):
        marks: list[Line | Points] = [
            _points(epochs, run.watched[name][1:, column], label, int(hollow), hollow=hollow)
            for name, (label, hollow) in zip(("fresh gap", "gap"), kinds, strict=True)
        ]
        if column == 0:
            marks.append(Line(ends, np.full(2, gap), "target gap, theory", 6))
        else:
            late = epochs >= epochs[-1] / 8
            left = run.watched["fresh gap"][-1, column]
            decline = left * np.exp(-RATE * slowest * (epochs[late] - epochs[-1]))
            marks.append(Line(epochs[late], decline, "slowest mode, theory", 6))
        scale = "log" if column else "linear"
        panels.append(Panel("epoch", words, tuple(marks), x_scale="log", y_scale=scale))
    caption = (
        "Ten classes, λ = 0.7, μ_f = 1, σ_f = 0, σ_n = 1, f = ‖z‖² at α = 0.04: accuracy, and mean "
        "and deviation of the gap between the true logit and the mean of the others. Lines: gap "
        "z_high − z_low of the target, the simplex to whose vertices the logits collapse; and the "
        f"decay η x of the slowest mode, x = {slowest:.3g} in the limit of large N (slope in "
        "theory, height that of the last epoch). The signal is weak: x belongs to "
        f"{_CLASSES * (_CLASSES - 2)} eigenvalues below the bulk, which finite N spreads about "
        "their limit, so that the last of the decay is slower. One data "
        f"set: N = {size.samples}, seed 0, {_FRESH} fresh samples, seed 1; gradient descent at the "
        f"rate 0.1. The source's table gives no number of epochs; {size.epochs} are run."
    )
    return FigureData(caption, tuple(panels), 3)


def _points(epochs: Array, values: Array, label: str, series: int, hollow: bool = False) -> Points:
    return Points(epochs, values, np.full(len(values), np.nan), label, series, hollow=hollow)


def _fresh_accuracy(setting: Setting, S: Array) -> float:
    across = float(np.linalg.norm(S[1:]))
    mean = float(S[0]) * setting.signal
    if across == 0:
        return 0.5 if mean == 0 else float(mean > 0)
    return float(ndtr(mean / (across * setting.orthogonal_noise)))


def _fresh_loss(setting: Setting, alpha: float, S: Array) -> float:
    """E l(z), z Gaussian, by the trapezoidal rule."""
    normal = np.linspace(-9, 9, 401)
    weights = np.exp(-(normal**2) / 2)
    spread = float(np.linalg.norm(S[1:])) * setting.orthogonal_noise
    z = float(S[0]) * setting.signal + spread * normal
    values = sample_loss("quadratic", alpha).value(z[:, None])
    return float(weights @ values / weights.sum())


def _gaps(logits: Array, labels: Array) -> Array:
    true = logits[np.arange(len(logits)), labels]
    gaps = true - (logits.sum(axis=1) - true) / (logits.shape[1] - 1)
    return np.array([gaps.mean(), gaps.std()])

"""Figures 3 and 9: linear probes on embeddings, or on the digits where no file is given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError
from ...numerics.datasets import Dataset, bundled, read_file
from ...numerics.fit import fit
from ...numerics.signal_noise import effective_noises, rescale_orthogonal, signal_basis
from ...numerics.stable_rate import largest_stable_rate
from ...numerics.training import train
from .data import Array, FigureData, Panel, Points, Track
from .simulation import Size, over_seeds

__all__ = ["figure_3", "figure_9", "load"]

_ALPHAS = (0.001, 0.01, 0.1, 0.5, 0.9)
_FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)
_PENALTIES = ("quadratic", "label-smoothing", "log-cosh")
_STRENGTH = 0.1


class _Split(NamedTuple):
    X: Array
    y: NDArray[np.intp]
    fresh: Array
    labels: NDArray[np.intp]


def load(path: Path | None) -> Dataset:
    """The file, or else scikit-learn's digits."""
    return bundled("digits") if path is None else read_file(path)


def figure_9(size: Size, track: Track, data: Dataset) -> FigureData:
    """Accuracy against alpha, and against the rescaling gamma of the noise across the signal."""

    def run(split: _Split) -> list[float]:
        penalised = [_accuracy(split, _fitted(split, "quadratic", a)) for a in _ALPHAS]
        basis = signal_basis(split.X, split.y)
        rescaled = [
            split._replace(
                X=rescale_orthogonal(split.X, basis, factor),
                fresh=rescale_orthogonal(split.fresh, basis, factor),
            )
            for factor in _FACTORS
        ]
        with_penalty = [_accuracy(s, _fitted(s, "quadratic", _STRENGTH)) for s in rescaled]
        without = [_accuracy(s, _descended(s, size.epochs)) for s in rescaled]
        return [*penalised, *with_penalty, *without]

    mean, error = _over_splits(run, data, size, track)
    first, second = len(_ALPHAS), len(_ALPHAS) + len(_FACTORS)
    alphas, factors = np.array(_ALPHAS), np.array(_FACTORS)
    middle, last = slice(first, second), slice(second, None)
    panels = (
        Panel(
            "strength of the penalty, α",
            "accuracy",
            (Points(alphas, mean[:first], error[:first], "α > 0, minimiser", 1),),
            x_scale="log",
        ),
        Panel(
            "rescaling of the noise across, γ",
            "accuracy",
            (
                Points(factors, mean[last], error[last], "α = 0, gradient descent", 0),
                Points(factors, mean[middle], error[middle], f"α = {_STRENGTH:g}, minimiser", 2),
            ),
            x_scale="log2",
        ),
    )
    noises = effective_noises(data.X, data.y)
    caption = (
        "Accuracy on held-out samples against α for f = ‖z‖², and against the factor γ of "
        f"eq. (36), which multiplies σ_n alone. {_described(data, size)} Effective noises "
        f"(eq. 35): σ_f = {noises.signal:.2f}, σ_n = {noises.orthogonal:.2f}. The basis of the "
        f"signal is that of the training half. α = 0 is gradient descent, {size.epochs} epochs at "
        "nine tenths of the largest stable rate; α > 0 are minimisers, which γ does not change "
        "where the features are independent. The source trained 512 features by Adam (1e-4, 30000 "
        "epochs) on 1000 samples and tested on 9000. No theory line: the data is not Gaussian."
    )
    return FigureData(caption, panels, 2)


def figure_3(size: Size, track: Track, data: Dataset) -> FigureData:
    """Accuracy against alpha for several penalties."""

    def run(split: _Split) -> list[float]:
        return [_accuracy(split, _fitted(split, f, a)) for f in _PENALTIES for a in _ALPHAS]

    mean, error = (v.reshape(len(_PENALTIES), -1) for v in _over_splits(run, data, size, track))
    marks = tuple(
        Points(np.array(_ALPHAS), mean[i], error[i], name, i) for i, name in enumerate(_PENALTIES)
    )
    caption = (
        "Accuracy on held-out samples against α for three penalties: it hardly depends on their "
        f"form or strength (beck.insensitivity). {_described(data, size)} The source's table has "
        "no settings for figure 3; what is drawn is the statement it illustrates. No theory line: "
        "the data is not Gaussian."
    )
    panel = Panel("strength of the penalty, α", "accuracy", marks, x_scale="log")
    return FigureData(caption, (panel,), 1)


def _described(data: Dataset, size: Size) -> str:
    train_size = _train_size(data, size)
    return (
        f"{data.name}: {data.X.shape[1]} features, {len(np.unique(data.y))} classes, {train_size} "
        f"training and {len(data.y) - train_size} held-out samples, {size.seeds} random splits "
        f"(seeds 0 to {size.seeds - 1}), standard errors over splits."
    )


def _train_size(data: Dataset, size: Size) -> int:
    return min(size.samples, len(data.y) // 2)


def _over_splits(
    run: Callable[[_Split], list[float]], data: Dataset, size: Size, track: Track
) -> tuple[Array, Array]:
    found = [run(_split(data, size, seed)) for seed in track(range(size.seeds))]
    return over_seeds(lambda seed: found[seed], size.seeds)


def _split(data: Dataset, size: Size, seed: int) -> _Split:
    """Centred and scaled by one number, both of the training half; the bias is a column of ones."""
    codes = np.unique(data.y, return_inverse=True)[1]
    order = np.random.default_rng(seed).permutation(len(codes))
    train_size = _train_size(data, size)
    own, rest = order[:train_size], order[train_size:]
    if len(np.unique(codes[own])) < len(np.unique(codes)):
        raise DataError(
            f"a training set of {train_size} samples of {data.name!r} lacks a class; expected some "
            "of each; give more samples, or fewer classes"
        )
    centre, scale = data.X[own].mean(axis=0), data.X[own].std()
    X = (data.X - centre) / scale
    return _Split(X[own], codes[own], X[rest], codes[rest])


def _with_ones(X: Array) -> Array:
    return np.hstack([X, np.ones((len(X), 1))])


def _fitted(split: _Split, penalty: str, alpha: float) -> Array:
    return np.asarray(fit(_with_ones(split.X), split.y, penalty=penalty, alpha=alpha).weights)


def _descended(split: _Split, epochs: int) -> Array:
    X = _with_ones(split.X)
    rate = 0.9 * largest_stable_rate(X, split.y, alpha=0.0)
    return np.asarray(
        train(X, split.y, alpha=0.0, learning_rate=rate, epochs=epochs, record=2).weights
    )


def _accuracy(split: _Split, weights: Array) -> float:
    logits = _with_ones(split.fresh) @ weights.T
    # Two classes have one weight vector, and signed logits.
    found = np.argmax(logits, axis=1) if weights.ndim == 2 else logits > 0
    return float(np.mean(found == split.labels))

"""What is computed in a cell: functions of its parameters that return a flat dict of floats."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy.linalg import lstsq
from scipy.special import ndtr

from ...errors import DataError, LogitregError
from ...numerics.datasets import Dataset, read_file
from ...numerics.design import design
from ...numerics.fisher import fisher_targets
from ...numerics.fit import FitResult, fit
from ...numerics.high_dimension import asymptotics
from ...numerics.signal_noise import signal_plus_noise

__all__ = ["JOBS", "Cell", "Values", "digest", "fit_cell"]

Cell = Mapping[str, Any]
Values = dict[str, float]


def fit_cell(cell: Cell, folder: Path) -> Values:
    """Train on the data of the cell, and measure the weights.

    Returns
    -------
    accuracy : on fresh data; exact for the signal-plus-noise model, Phi of the mean of a fresh
        signed logit over its deviation; on the samples of a file that were held out.
    fisher_cosine : of the angle to Fisher's discriminant (with a bias if there is one) in the
        metric of the training data, (X S).(X S_F)/(||X S|| ||X S_F||); over all classes.
    train_loss, residual : as :func:`logitreg.numerics.fit.fit` has them. Where alpha is 0 and the
        classes are separable, the weights are those of the max-margin separator, of infinite
        length, and the loss is 0.
    signal_weight, noise_weight, cosine : S_1, ||S_perp|| and S_1/||S||, for the model.
    theory_accuracy, ... : their limits, and that of ``train_loss``, from
        :func:`logitreg.numerics.high_dimension.asymptotics` at d/N of the cell, where the theory
        applies: the model, without a bias, under a convex penalty.

    Examples
    --------
    >>> cell = {"n_samples": 400, "n_features": 80, "signal": 1.0, "signal_noise": 0.5}
    >>> cell |= {"orthogonal_noise": 1.0, "seed": 0}
    >>> values = fit_cell(cell | {"penalty": "quadratic", "alpha": 0.4, "bias": False}, Path())
    >>> abs(values["accuracy"] - values["theory_accuracy"]) < 0.01
    True
    """
    return _on_file(cell, folder) if "file" in cell else _on_model(cell)


JOBS: dict[str, Callable[[Cell, Path], Values]] = {"fit": fit_cell}
"""The jobs that a specification may name."""


def _on_model(cell: Cell) -> Values:
    levels = {name: cell[name] for name in ("signal", "signal_noise", "orthogonal_noise")}
    X, y = signal_plus_noise(cell["n_samples"], cell["n_features"], **levels, seed=cell["seed"])
    result = _fit(X, y, cell)
    weights = result.weights
    if not np.any(result.logits):
        # All logits rest on a kink at zero: what is left of the weights is rounding.
        weights = np.zeros_like(weights)
    first, across = float(weights[0]), float(np.linalg.norm(weights[1:]))
    # In the limit of gradient descent only the direction is finite.
    length = 1.0 if result.support is None else math.inf
    values = {
        "accuracy": _fresh_accuracy(first, across, result.bias or 0.0, **levels),
        "signal_weight": first * length if first else 0.0,
        "noise_weight": across * length if across else 0.0,
        "cosine": first / math.hypot(first, across) if first or across else math.nan,
    }
    values |= _on_training_data(X, y, result)
    if not cell["bias"]:
        ratio = cell["n_features"] / cell["n_samples"]
        values |= _theory(ratio, penalty=cell["penalty"], alpha=cell["alpha"], **levels)
    return values


def _on_file(cell: Cell, folder: Path) -> Values:
    data = _loaded(folder / cell["file"], cell.get("target"), cell["sha256"])
    order = np.random.default_rng(cell["seed"]).permutation(len(data.y))
    count = round(cell["train_fraction"] * len(order))
    if not 0 < count < len(order):
        raise DataError(
            f"train_fraction {cell['train_fraction']:g} of {len(order)} samples leaves a part "
            "empty; expected samples to train on, and others to test on"
        )
    train, test = order[:count], order[count:]
    result = _fit(data.X[train], data.y[train], cell)
    scores = data.X[test] @ result.weights.T + (0.0 if result.bias is None else result.bias)
    chosen = np.argmax(scores, axis=1) if scores.ndim == 2 else (scores > 0).astype(int)
    assert result.classes is not None
    values = {"accuracy": float(np.mean(result.classes[chosen] == data.y[test]))}
    return values | _on_training_data(data.X[train], data.y[train], result)


def _fit(X: Any, y: Any, cell: Cell) -> FitResult:
    loss = {"penalty": cell["penalty"], "alpha": cell["alpha"], "bias": cell["bias"]}
    found: FitResult = fit(X, y, **loss, on_separable="max-margin")
    return found


def _fresh_accuracy(
    first: float,
    across: float,
    bias: float,
    *,
    signal: float,
    signal_noise: float,
    orthogonal_noise: float,
) -> float:
    """The mean over both classes of Phi((S_1 mu_f +- b)/s), s the deviation of a fresh logit."""
    spread = math.hypot(first * signal_noise, across * orthogonal_noise)
    means = np.array([first * signal + bias, first * signal - bias])
    if spread == 0:
        return float(np.mean(np.heaviside(means, 0.5)))
    return float(np.mean(ndtr(means / spread)))


def _on_training_data(X: Any, y: Any, result: FitResult) -> Values:
    data = design(X, y, bias=result.bias is not None)
    targets = fisher_targets(data)
    discriminant = data.matrix @ lstsq(data.matrix, targets, lapack_driver="gelsy")[0]
    logits = result.logits.reshape(targets.shape)
    if data.outputs > 1:
        # A common level of the K logits separates no classes.
        logits = logits - np.mean(logits, axis=1, keepdims=True)
    norms = float(np.linalg.norm(logits) * np.linalg.norm(discriminant))
    return {
        "fisher_cosine": float(np.sum(logits * discriminant)) / norms if norms else math.nan,
        "train_loss": result.loss if result.support is None else 0.0,
        "residual": result.residual,
    }


@lru_cache(maxsize=1024)
def _theory(aspect_ratio: float, **parameters: Any) -> Values:
    """The limits; none outside the domain of the theory or where its solver gives up."""
    try:
        limit = asymptotics(aspect_ratio, **parameters)
    except LogitregError:
        return {}
    names = ("accuracy", "signal_weight", "noise_weight", "cosine", "train_loss")
    return {f"theory_{name}": float(getattr(limit, name)) for name in names}


def digest(file: Path) -> str:
    """SHA-256 of a data file: another content makes other cells."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


@lru_cache(maxsize=4)
def _loaded(file: Path, target: str | None, sha256: str) -> Dataset:
    data = read_file(file, target)
    if digest(file) != sha256:
        raise DataError(
            f"{file.name!r} has changed since the sweep began; expected the same file for every "
            "cell; start the sweep again"
        )
    return data

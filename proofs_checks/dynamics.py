"""Gradient descent on several seeded problems at once.

What is simulated is worth OBSERVED: some problems, some seeds, one step size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Collapse", "Curves", "collapse", "first_reached", "training_curves"]

Array = NDArray[np.float64]


def _softmax(logits: Array) -> Array:
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class Collapse:
    """Epochs, and the metrics of collapse at each of them: arrays (epochs, seeds)."""

    epochs: Array
    within: Array
    """NC1: tr(Sigma_W Sigma_B^+)/K."""
    weights: Array
    """NC2 of the weights."""
    means: Array
    """NC2 of the class means."""
    duality: Array
    """NC3."""

    def worst(self) -> Array:
        """The largest of the four metrics, epoch by epoch and seed by seed."""
        stacked = (self.within, self.weights, self.means, self.duality)
        return np.asarray(np.max(stacked, axis=0))


def collapse(
    smoothing: float,
    weight_decay: float,
    feature_decay: float,
    *,
    seeds: int = 8,
    classes: int = 4,
    per_class: int = 5,
    features: int = 8,
    step: float = 1.0,
    epochs: int = 4000,
    every: int = 20,
) -> Collapse:
    """Gradient descent on the unconstrained feature model from small random factors."""
    rng = np.random.default_rng(2402)
    count = classes * per_class
    w = 0.5 * rng.standard_normal((seeds, classes, features)) / np.sqrt(features)
    h = 0.5 * rng.standard_normal((seeds, features, count))
    b = np.zeros((seeds, classes, 1))
    one_hot = np.kron(np.eye(classes), np.ones(per_class))
    targets = (1 - smoothing) * one_hot + smoothing / classes
    rows = []
    for epoch in range(epochs + 1):
        if epoch % every == 0:
            rows.append(_metrics(w, h, classes))
        residual = (_softmax(w @ h + b) - targets) / count
        dw = residual @ h.transpose(0, 2, 1) + weight_decay * w
        dh = w.transpose(0, 2, 1) @ residual + feature_decay * h
        w, h, b = w - step * dw, h - step * dh, b - step * residual.sum(axis=2, keepdims=True)
    within, weights, means, duality = np.array(rows).transpose(1, 0, 2)
    return Collapse(np.arange(0.0, epochs + 1, every), within, weights, means, duality)


def _metrics(w: Array, h: Array, classes: int) -> tuple[Array, Array, Array, Array]:
    seeds, features, count = h.shape
    grouped = h.reshape(seeds, features, classes, count // classes)
    means = grouped.mean(axis=3)
    centred = means - means.mean(axis=2, keepdims=True)
    spread = (grouped - means[..., None]).reshape(h.shape)
    transposed = centred.transpose(0, 2, 1)
    inside = spread @ spread.transpose(0, 2, 1) / count
    between = centred @ transposed / classes
    within = np.trace(inside @ np.linalg.pinv(between, rcond=1e-10), axis1=1, axis2=2) / classes
    frame = (np.eye(classes) - 1 / classes) / np.sqrt(classes - 1)
    return (
        within,
        _norm(_unit(w @ w.transpose(0, 2, 1)) - frame),
        _norm(_unit(transposed @ centred) - frame),
        _norm(_unit(w) - _unit(transposed)),
    )


def _norm(matrices: Array) -> Array:
    return np.asarray(np.linalg.norm(matrices, axis=(1, 2)))


def _unit(matrices: Array) -> Array:
    return matrices / _norm(matrices)[:, None, None]


def first_reached(epochs: Array, values: Array, level: float) -> Array:
    """The first of the epochs at which each column of values is at most level; nan if none is.

    >>> first_reached(np.array([0.0, 10.0]), np.array([[2.0, 3.0], [1.0, 2.0]]), 1.5)
    array([10., nan])
    """
    below = values <= level
    return np.where(below.any(axis=0), epochs[below.argmax(axis=0)], np.nan)


@dataclass(frozen=True)
class Curves:
    """Epochs, and accuracy at each of them: arrays (epochs, seeds)."""

    epochs: Array
    train: Array
    test: Array
    spread: float
    """The root mean square distance of the last training logits from their class means, over the
    mean distance of the class means from one another."""


def training_curves(
    strength: float,
    *,
    seeds: int = 8,
    classes: int = 10,
    samples: int = 100,
    features: int = 70,
    step: float = 0.5,
    epochs: int = 4000,
    every: int = 20,
    tests: int = 200,
) -> Curves:
    """Softmax regression with the penalty ``strength`` times the squared norm of the logits.

    Class means e_1, ..., e_K, no noise in their span, unit Gaussian noise across it; balanced
    classes, a bias, gradient descent from zero on the mean loss.
    """
    rng = np.random.default_rng(2602)
    noise = np.ones(features)
    noise[:classes] = 0
    labels, fresh = np.arange(samples) % classes, np.arange(tests) % classes
    x = noise * rng.standard_normal((seeds, samples, features)) + np.eye(classes, features)[labels]
    t = noise * rng.standard_normal((seeds, tests, features)) + np.eye(classes, features)[fresh]
    one_hot = np.eye(classes)[labels]
    w, b = np.zeros((seeds, features, classes)), np.zeros((seeds, 1, classes))
    transposed = np.ascontiguousarray(x.transpose(0, 2, 1))
    train, test = [], []
    z = x @ w + b
    for epoch in range(epochs + 1):
        if epoch % every == 0:
            train.append((z.argmax(axis=2) == labels).mean(axis=1))
            test.append(((t @ w + b).argmax(axis=2) == fresh).mean(axis=1))
        p = _softmax(z.transpose(0, 2, 1)).transpose(0, 2, 1)
        slope = ((1 - strength) * (p - one_hot) + 2 * strength * z) / samples
        w -= step * (transposed @ slope)
        b -= step * slope.sum(axis=1, keepdims=True)
        z = x @ w + b
    grouped = z[:, np.argsort(labels, kind="stable")].reshape(seeds, classes, -1, classes)
    centres = grouped.mean(axis=2, keepdims=True)
    spread = np.sqrt(((grouped - centres) ** 2).sum(axis=3).mean())
    distances = np.sqrt(((centres - centres.transpose(0, 2, 1, 3)) ** 2).sum(axis=3))
    distance = distances.sum() / (seeds * classes * (classes - 1))
    relative = float(spread / max(distance, np.finfo(float).tiny))
    return Curves(np.arange(0.0, epochs + 1, every), np.array(train), np.array(test), relative)

"""The loss of the fits as a user writes it, which stops whoever has come near its minimum."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit

PENALTIES: dict[str, tuple[Callable[[Any], Any], ...]] = {
    "quadratic": (lambda z: z**2, lambda z: 2 * z, lambda z: 2 + 0 * z),
    "label-smoothing": (
        lambda z: np.logaddexp(0, -z) + z / 2,
        lambda z: 0.5 - expit(-z),
        lambda z: expit(z) * expit(-z),
    ),
    "huber": (
        lambda z: np.where(np.abs(z) <= 1, z**2 / 2, np.abs(z) - 0.5),
        lambda z: np.clip(z, -1, 1),
        lambda z: np.where(np.abs(z) <= 1, 1.0, 0.0),
    ),
}
"""f, f' and f''."""


class ArrivedError(Exception):
    """The gradient is as small as asked."""


class Objective:
    """mean (1 - alpha) log(1 + exp(-z)) + alpha f(z), z = X w, until a gradient is below the goal.

    The goal is relative to the gradient at zero.
    """

    def __init__(self, X: np.ndarray, penalty: str, alpha: float, goal: float = 0.0) -> None:
        self.X, self.penalty, self.alpha = X, penalty, alpha
        self.f, self.slope, self.curvature = PENALTIES[penalty]
        self.goal, self.first, self.least = goal, 1.0, np.inf
        self.first = float(np.linalg.norm(self.gradient(np.zeros(X.shape[1]))))

    def least_gradient(self, method: Callable[[Objective], Any]) -> float:
        """Run the method until it arrives or gives up; the least relative gradient that it saw."""
        self.least = np.inf
        with suppress(ArrivedError):
            method(self)
        return self.least

    def value(self, w: np.ndarray) -> float:
        z = self.X @ w
        return float(np.mean((1 - self.alpha) * np.logaddexp(0, -z) + self.alpha * self.f(z)))

    def gradient(self, w: np.ndarray) -> np.ndarray:
        z = self.X @ w
        slope = self.alpha * self.slope(z) - (1 - self.alpha) * expit(-z)
        gradient = np.asarray(self.X.T @ slope / len(z))
        self.least = min(self.least, float(np.linalg.norm(gradient)) / self.first)
        if self.least <= self.goal:
            raise ArrivedError
        return gradient

    def weights_of_hessian(self, w: np.ndarray) -> np.ndarray:
        z = self.X @ w
        bend = (1 - self.alpha) * expit(z) * expit(-z) + self.alpha * self.curvature(z)
        return np.asarray(bend / len(z))

    def product(self, w: np.ndarray, v: np.ndarray) -> np.ndarray:
        return np.asarray(self.X.T @ (self.weights_of_hessian(w) * (self.X @ v)))


def full_newton(loss: Objective) -> np.ndarray:
    """Form the Hessian, factor it, step; to rounding level."""
    w, last = np.zeros(loss.X.shape[1]), np.inf
    for _ in range(50):
        gradient = loss.gradient(w)
        size = float(np.linalg.norm(gradient)) / loss.first
        if size <= 1e-14 or last <= size < 1e-11:
            break
        last = size
        rows = np.sqrt(loss.weights_of_hessian(w))[:, None] * loss.X
        w = w - cho_solve(cho_factor(rows.T @ rows), gradient)
    return w


def absorbed(samples: int, features: int, condition: float = 1.0) -> np.ndarray:
    """Signal plus noise, labels absorbed; the features differ in scale by ``condition``."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((samples, features))
    X[:, 0] += 1
    return X * np.logspace(0, np.log10(condition), features)

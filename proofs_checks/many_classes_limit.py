"""The limit of K classes by other nodes and another proximal operator, and seeded trainings.

What is trained is worth OBSERVED.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import lambertw, logsumexp
from sympy import Eq, Symbol, lambdify

from ..errors import NotConvergedError
from ..numerics.fit import fit
from ..numerics.kernels import kernel
from ..numerics.loss_terms import Logits
from ..numerics.many_classes_limit import ClassAsymptotics, asymptotics_many_classes
from ..numerics.many_classes_problem import class_loss
from ..numerics.signal_noise import signal_plus_noise
from ..theory import high_dimension as two
from ..theory import many_classes_limit as theory
from ..theory.signal_noise import mu_f, sigma_f, sigma_n
from ..theory.training_limit import weight_decay

__all__ = ["Equations", "Setting", "Training", "defects", "moments", "sides", "solved", "trainings"]

Array = NDArray[np.float64]
Equations = tuple[Eq, Eq, Eq]


class Setting(NamedTuple):
    """A loss, the number of classes and the data."""

    penalty: str
    alpha: float
    classes: int
    aspect_ratio: float
    signal: float
    signal_noise: float
    orthogonal_noise: float
    decay: float = 0.0

    @property
    def constants(self) -> dict[Symbol, float]:
        """The values of the theory's symbols in the plane of zero sum."""
        return {
            two.aspect_ratio: self.aspect_ratio,
            mu_f: self.signal,
            sigma_f: self.signal_noise,
            sigma_n: self.orthogonal_noise,
            weight_decay: self.decay,
            theory.dimension: self.classes - 1.0,
        }


def _smoothed_labels(setting: Setting) -> Array:
    labels = np.full(setting.classes, setting.alpha / setting.classes)
    labels[0] += 1 - setting.alpha
    return labels


def _step(z: Array, labels: Array, gamma: float) -> Array:
    """p - Z for the cross-entropy with these labels, by a scalar equation for L = logsumexp(p).

    p_k + gamma exp(p_k - L) = Z_k + gamma y_k =: T_k, so that gamma exp(p_k - L) is Lambert's
    W(gamma exp(T_k - L)). The sum of exp(p_k - L) over k is one; it is convex and falls in L, so
    that Newton's method from the left meets the root.

    Raises
    ------
    NotConvergedError : that sum is not one after 100 steps.
    """
    t = z + gamma * labels
    total = t.max(axis=1) - gamma
    for _ in range(100):
        shares = lambertw(gamma * np.exp(t - total[:, None])).real / gamma
        excess = shares.sum(axis=1) - 1
        worst = np.abs(excess).max()
        if worst < 1e-13:
            return np.asarray(gamma * (labels - shares))
        total += excess / np.sum(shares / (1 + gamma * shares), axis=1)
    raise NotConvergedError(
        f"the proximal step at gamma = {gamma:g} has probabilities that sum to 1 within "
        f"{worst:.1e} after 100 steps; expected 1e-13"
    )


@cache
def solved(setting: Setting) -> ClassAsymptotics:
    """What the solver says."""
    return asymptotics_many_classes(
        setting.aspect_ratio,
        setting.classes,
        signal=setting.signal,
        signal_noise=setting.signal_noise,
        orthogonal_noise=setting.orthogonal_noise,
        penalty=setting.penalty,
        alpha=setting.alpha,
        weight_decay=setting.decay,
    )


@cache
def moments(setting: Setting) -> dict[Symbol, float]:
    """The solver's a and q for label smoothing of three classes, and the moments there.

    By other nodes and another proximal operator.
    """
    found = solved(setting)
    a, q = found.signal_weight, found.noise_weight * setting.orthogonal_noise
    spread = np.hypot(setting.signal_noise * a, q)
    # The trapezoidal rule over the plane.
    line = np.arange(-7.5, 7.6, 0.3)
    g = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    weights = np.exp(-np.sum(g**2, axis=1) / 2)
    weights /= weights.sum()
    normal = g @ np.array([[2, -1, -1], [0, 3**0.5, -(3**0.5)]]) / 6**0.5
    direction = np.array([2, -1, -1]) / 3
    z = setting.signal * a * direction + spread * normal
    labels = _smoothed_labels(setting)

    def loss(gamma: float) -> float:
        p = z + _step(z, labels, gamma)
        return float(weights @ (logsumexp(p, axis=1) - p @ labels))

    # The training loss, which falls with gamma, tells it.
    logarithm = brentq(lambda x: loss(np.exp(x)) - found.train_loss, -2, 5, xtol=1e-13)
    gamma = float(np.exp(logarithm))
    r = _step(z, labels, gamma)
    return {
        **setting.constants,
        two.signal: a,
        two.noise: q,
        two.envelope: gamma,
        two.mean_step: float(weights @ (r @ direction)),
        two.mean_square_step: float(weights @ np.sum(r**2, axis=1)) / 2,
        two.mean_slope: 1 + float(weights @ np.sum(r * normal, axis=1)) / (2 * spread),
    }


@cache
def _compiled(equation: Eq, names: tuple[Symbol, ...]) -> Callable[..., tuple[float, float]]:
    function: Callable[..., tuple[float, float]] = lambdify(names, equation.args)
    return function


def sides(equation: Eq, values: dict[Symbol, float]) -> tuple[float, float]:
    """The values of both sides."""
    left, right = _compiled(equation, tuple(values))(*values.values())
    return float(left), float(right)


class Training(NamedTuple):
    """What is seen of trained weights: a, q and, at each training sample, slope and Hessian."""

    signal: float
    noise: float
    pulls: Array
    hessians: Array


@cache
def trainings(setting: Setting, samples: int, seeds: int) -> tuple[Training, ...]:
    """One for each seed."""
    K, along, across = setting.classes, setting.signal_noise, setting.orthogonal_noise
    plane = np.eye(K) - 1 / K
    loss = class_loss(kernel(setting.penalty), setting.alpha, K)
    seen = []
    for seed in range(seeds):
        data = signal_plus_noise(
            samples,
            round(setting.aspect_ratio * samples),
            signal=setting.signal,
            signal_noise=along,
            orthogonal_noise=across,
            classes=K,
            seed=seed,
        )
        weights = fit(data.X, data.y, penalty=setting.penalty, alpha=setting.alpha).weights
        a = np.trace(plane @ weights[:, :K]) / (K - 1)
        deviations = np.where(np.arange(weights.shape[1]) < K, along, across)
        covariance = plane @ (weights * deviations**2) @ weights.T
        q = np.sqrt(np.trace(covariance) / (K - 1) - (along * a) ** 2)
        # The true class first.
        order = np.argsort(np.arange(K) != data.y[:, None], axis=1, kind="stable")
        at = Logits(np.take_along_axis(data.X @ weights.T, order, axis=1), axis=1)
        bend = np.broadcast_to(loss.bend(at) + loss.share * at.p, at.p.shape)
        hessians = bend[:, :, None] * np.eye(K)
        hessians -= loss.share * at.p[:, :, None] * at.p[:, None, :]
        seen.append(Training(float(a), float(q), -loss.gradient(at) @ plane, hessians))
    return tuple(seen)


def defects(equations: Equations, setting: Setting, seen: Training) -> tuple[float, float]:
    """Of the last two equations, relative, at the gamma of the first; p - Z is gamma times -l'."""
    K = setting.classes
    plane = np.eye(K) - 1 / K
    eigenvalues = np.linalg.eigvalsh(plane @ seen.hessians @ plane)
    step, square = np.mean(seen.pulls[:, 0]), np.mean(np.sum(seen.pulls**2, axis=1)) / (K - 1)
    values = {**setting.constants, two.signal: seen.signal, two.noise: seen.noise}

    def at(gamma: float) -> dict[Symbol, float]:
        # The level is one of the eigenvectors, with eigenvalue 0, and counts 1 in the trace.
        slope = np.mean(np.sum(1 / (1 + gamma * eigenvalues), axis=1) - 1) / (K - 1)
        return {
            **values,
            two.envelope: gamma,
            two.mean_slope: float(slope),
            two.mean_step: gamma * float(step),
            two.mean_square_step: gamma**2 * float(square),
        }

    def first(logarithm: float) -> float:
        left, right = sides(equations[0], at(float(np.exp(logarithm))))
        return left - right

    gamma = float(np.exp(brentq(first, -9, 9, xtol=1e-12)))
    second, third = (sides(equation, at(gamma)) for equation in equations[1:])
    return second[0] / second[1] - 1, third[0] / third[1] - 1

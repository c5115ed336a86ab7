"""One cell of the limit of high dimension for K classes: saddle or closed form."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import log_ndtr

from ..errors import (
    DataError,
    NotConvergedError,
    SeparableError,
    UnsupportedPenaltyError,
)
from .kernels import Kernel, require_convex
from .loss_terms import COUPLED, LOGISTIC, Logits, penalised
from .losses import check_alpha, target_levels
from .many_classes_problem import Point, Problem, class_loss
from .many_classes_saddle import Saddle, solve

__all__ = ["ClassAsymptotics", "of_cell"]

Array = NDArray[np.float64]

_ACCEPTED = 1e-3
# Squares of what is between them, and their ratios, are no matter for float64.
_SMALLEST, _LARGEST = 1e-75, 1e75
# A start for logits without a finite target.
_FAR = 3.0
# Of the quadrature, whose nodes are vectors of K logits: these take a gigabyte.
_MOST_CLASSES = 10_000


@dataclass(frozen=True)
class ClassAsymptotics:
    """The limits of a trained classifier of K classes; logits are z = W x.

    Every field has the shape of the parameters.

    In the plane of logits of zero sum W is a times the projection of the first K features plus
    noise, and along the level (1, ..., 1) likewise, with numbers of its own.

    Attributes
    ----------
    signal_weight, noise_weight : a, and the norm of v^T W beyond the first K features for any unit
        v in the plane, v = (e_1 - e_2)/sqrt(2), say.
    level_signal_weight, level_noise_weight : the same for v = (1, ..., 1)/sqrt(K); zero where the
        loss leaves the level free (the least norm is meant) or holds it at zero, to within 1e-4 of
        the noise weight.
    cosine : a over the norm of v^T W: of the angle to the templates.
    accuracy : on fresh data, the probability that the logit of the true class is the largest.
    logit_mean, other_logit_mean, logit_deviation : of the logits of the true class and of another
        class on fresh samples, which are Gaussian; the deviation is the same for all.
    train_logit_mean, train_other_logit_mean, train_logit_deviation : on training samples, where
        they are not Gaussian; the deviation is that of the true class.
    train_loss : the mean of the per-sample loss over training samples.
    residual : of the equations that were solved, relative, their quadrature included; zero where a
        closed form applies.
    error : what the quadrature may have added to a and q, relative: about 1e-10 for up to four
        classes without a level, 1e-5 for ten, 1e-6 for a hundred, 1e-9 for ten thousand (from eight
        replicates).
    """

    signal_weight: Any
    noise_weight: Any
    level_signal_weight: Any
    level_noise_weight: Any
    cosine: Any
    accuracy: Any
    logit_mean: Any
    other_logit_mean: Any
    logit_deviation: Any
    train_logit_mean: Any
    train_other_logit_mean: Any
    train_logit_deviation: Any
    train_loss: Any
    residual: Any
    error: Any


def of_cell(
    f: Kernel,
    classes: int,
    *,
    aspect_ratio: float,
    signal: float,
    signal_noise: float,
    orthogonal_noise: float,
    alpha: float,
    weight_decay: float,
) -> ClassAsymptotics:
    """The limits, floats.

    Raises
    ------
    Errors as of :func:`logitreg.numerics.many_classes_limit.asymptotics_many_classes`.
    """
    strength = check_alpha(alpha, zero=True)
    _check_numbers(aspect_ratio, signal, signal_noise, orthogonal_noise, weight_decay)
    blocks = 1 if strength == 0 or _keeps_the_level(f) else 2
    _check_penalty(f, strength, blocks, classes)
    problem = Problem(
        class_loss(f, strength, classes),
        classes,
        blocks,
        aspect_ratio,
        signal,
        signal_noise,
        orthogonal_noise,
        weight_decay,
    )
    absorbed = problem.aspect_ratio >= 1 or problem.signal_noise == 0
    if problem.weight_decay == 0 and absorbed:
        return _interpolating(problem, f)
    if classes > _MOST_CLASSES:
        raise DataError(
            f"classes is {classes}; expected at most {_MOST_CLASSES} where no closed form applies, "
            "as each node of the quadrature is a vector of K logits"
        )
    return _trained(solve(problem, _start(problem, _goals(problem, f))))


def _check_numbers(
    aspect_ratio: float, signal: float, along: float, across: float, decay: float
) -> None:
    positive = {"aspect_ratio": aspect_ratio, "signal": signal, "orthogonal_noise": across}
    for name, value in (positive | {"signal_noise": along, "weight_decay": decay}).items():
        least = _SMALLEST if name in positive else 0.0
        if not least <= value <= _LARGEST:
            raise DataError(f"{name} is {value!r}; expected from {least:g} to {_LARGEST:g}")


def _check_penalty(f: Kernel, alpha: float, blocks: int, classes: int) -> None:
    if alpha == 0:
        return
    require_convex(f)
    if f.kinks or not math.isfinite(f.curvature(0.0)):
        raise UnsupportedPenaltyError(
            f"the penalty {f.name!r} has a kink or infinite curvature; for K classes expected one "
            "with a bounded second derivative, such as 'pseudo-huber' for 'absolute'"
        )
    if blocks > 1 and classes == 2:
        raise UnsupportedPenaltyError(
            f"for two classes the level of the logits may vanish under {f.name!r}, where the "
            "equations degenerate; use asymptotics with the penalty 2 f(z/2) and signal/sqrt(2)"
        )


def _keeps_the_level(f: Kernel) -> bool:
    """Whether the loss leaves the level free or, with f a multiple of z^2, holds it at zero."""
    if f.name in COUPLED:
        return True
    bends = np.asarray(f.curvature(np.linspace(-20.0, 20.0, 9)))
    return bool(np.all(bends == bends[0])) and f.slope(0.0) == 0


def _goals(problem: Problem, f: Kernel) -> Array:
    """Of the target logits t: t_1 - t_2 and, for a second block, their sum over the classes."""
    if problem.loss.alpha == 0:
        return np.array([_FAR + math.log(problem.classes)])
    if problem.classes == 2 and f.name not in COUPLED:
        return np.array([_gap_of_two(f, problem.loss.alpha)])
    low, high = target_levels(f, problem.loss.alpha, problem.classes)
    return np.array([high - low, high + (problem.classes - 1) * low])[: problem.blocks]


def _gap_of_two(f: Kernel, alpha: float) -> float:
    """The gap g of two logits g/2 and -g/2 under f(g/2) + f(-g/2), a multiple of g^2."""

    def slope(gap: float) -> float:
        return float(penalised(alpha, LOGISTIC.slope(np.asarray(gap)), f.slope(gap / 2)))

    return float(brentq(slope, 0.0, (1 - alpha) / (alpha * f.slope(0.5)), xtol=1e-15))


def _distance_square(problem: Problem, goals: Array, signal: Array) -> Array:
    """The mean square by which signals a_j alone miss the goals, for a unit vector of the block."""
    missed = (goals - problem.signal * signal) ** 2 / problem.classes
    return np.asarray(missed + (problem.signal_noise * signal) ** 2)


def _start(problem: Problem, goals: Array) -> Point:
    """The saddle for a quadratic loss with the curvature at the target."""
    K, variance = problem.classes, problem.signal_noise**2
    # Of q^2 to the distance: as without weight decay, or half of it.
    excess = problem.aspect_ratio - 1
    ratio = problem.aspect_ratio / -excess if excess < -0.1 else 1 / max(2 * excess, 0.1)
    a = goals * problem.signal / (problem.signal**2 + K * variance)
    # Kept off q = 0.
    q = np.sqrt(ratio * _distance_square(problem, goals, a) + 1e-4 * np.max(goals) ** 2)
    at = Logits(_target(problem, goals), axis=1)
    shares = problem.loss.share * at.p * (1 - at.p) + problem.loss.bend(at)
    return Point(a, q, np.log(ratio / np.full(problem.blocks, np.mean(shares))))


def _target(problem: Problem, goals: Array) -> Array:
    """(1, K): goals_j P_j e_1 summed over the blocks."""
    return np.asarray(goals @ problem.directions)[None, :]


def _interpolating(problem: Problem, f: Kernel) -> ClassAsymptotics:
    """Every training sample at its target: the least norm, or without noise along the templates."""
    if problem.loss.alpha == 0:
        raise SeparableError(
            f"alpha and the weight decay are 0, and with d/N = {problem.aspect_ratio:g} and "
            f"signal_noise = {problem.signal_noise:g} the classes are separable, so that no "
            "minimiser exists; expected alpha > 0 or weight_decay > 0"
        )
    goals, excess = _goals(problem, f), problem.aspect_ratio - 1
    variance = problem.signal_noise**2 + problem.orthogonal_noise**2 * max(excess, 0.0)
    a = goals * problem.signal / (problem.signal**2 + problem.classes * variance)
    square = _distance_square(problem, goals, a)
    if problem.signal_noise == 0 and excess <= 0:
        q = np.zeros_like(a)
    else:
        # At lambda = 1 the norm is infinite.
        q = np.sqrt(square / excess) if excess > 0 else np.where(square > 0, math.inf, 0.0)
    target = _target(problem, goals)
    loss = problem.loss.value(Logits(target, axis=1))
    train = float(target[0, 0]), float(target[0, 1]), 0.0, float(loss[0])
    return _summary(problem, Point(a, q, np.zeros_like(a)), train, 0.0, 0.0)


def _trained(saddle: Saddle) -> ClassAsymptotics:
    problem = saddle.problem
    a, q = saddle.point.signal[0], saddle.point.noise[0]
    error = max(
        saddle.error(lambda point: float(point.signal[0] / a)),
        saddle.error(lambda point: float(point.noise[0] / q)),
    )
    if not error < _ACCEPTED:
        raise NotConvergedError(
            f"the quadrature leaves a relative error of {error:.1e} in the weights, expected "
            f"{_ACCEPTED:g} at most; choose a larger alpha, a penalty without bends or fewer "
            "classes"
        )

    def mean(function: Callable[[Array], Array]) -> float:
        rules = zip(saddle.rules, saddle.proximal, strict=True)
        return float(np.mean([nodes.weights @ function(p) for nodes, p in rules]))

    true = mean(lambda p: p[:, 0])
    train = (
        true,
        mean(lambda p: p[:, 1:].mean(axis=1)),
        math.sqrt(mean(lambda p: (p[:, 0] - true) ** 2)),
        mean(lambda p: problem.loss.value(Logits(p, axis=1))),
    )
    return _summary(problem, saddle.point, train, saddle.residual, error)


def _summary(
    problem: Problem,
    point: Point,
    train: tuple[float, float, float, float],
    residual: float,
    error: float,
) -> ClassAsymptotics:
    """What weights with these a_j and q_j do on fresh samples."""
    K = problem.classes
    signal, level_signal = (*map(float, point.signal), 0.0)[:2]
    noises = point.noise / problem.orthogonal_noise
    noise, level_noise = (*map(float, noises), 0.0)[:2]
    spreads = problem.spread(point)
    shares = np.array([1 - 1 / K, 1 / K])[: problem.blocks]
    true, other = _target(problem, problem.signal * point.signal)[0, :2]
    shift = problem.signal * signal
    return ClassAsymptotics(
        signal_weight=signal,
        noise_weight=noise,
        level_signal_weight=level_signal,
        level_noise_weight=level_noise,
        cosine=signal / math.hypot(signal, noise),
        accuracy=_accuracy(shift / spreads[0] if spreads[0] > 0 else math.inf, K),
        logit_mean=float(true),
        other_logit_mean=float(other),
        logit_deviation=float(np.sqrt(shares @ spreads**2)),
        train_logit_mean=train[0],
        train_other_logit_mean=train[1],
        train_logit_deviation=train[2],
        train_loss=train[3],
        residual=residual,
        error=error,
    )


def _accuracy(shift: float, classes: int) -> float:
    """E Phi(G + shift)^(K-1): that G_1 + shift exceeds G_2, ..., G_K, all standard normal.

    The trapezoidal rule, whose error is exponentially small.

    >>> round(_accuracy(0.0, 5), 15), _accuracy(math.inf, 5)
    (0.2, 1.0)
    """
    g = np.linspace(-10, 10, 401)
    density = np.exp(-(g**2) / 2)
    below = np.exp((classes - 1) * log_ndtr(g + shift))
    return float(density @ below / density.sum())

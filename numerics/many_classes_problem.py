"""The scalar problem of training with K classes in high dimension, and its first two derivatives.

The K logits of a sample are split into the plane of zero sum (m = K - 1) and the common level
(m = 1): blocks with the projections P_j. Over signals a_j and noises q_j minimise, over envelopes
gamma_j maximise

    E M(Z) + sum_j m_j (kappa (a_j^2 + q_j^2/sigma_n^2) - lambda q_j^2/gamma_j)/2,
    Z = sum_j P_j (mu_f a_j e_1 + s_j G),    s_j^2 = sigma_f^2 a_j^2 + q_j^2,

where M(Z) = min_p l(p) + sum_j |P_j (p - Z)|^2/(2 gamma_j) is Moreau's envelope of the loss of a
sample of the first class. Where the loss leaves the level zero, the plane is the only block.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import NotConvergedError
from .kernels import Kernel
from .loss_terms import COUPLED, Logits, Term, cross_entropy, penalised, penalty_term
from .simplex_nodes import Nodes

__all__ = ["ClassLoss", "Expansion", "Point", "Problem", "class_loss", "expansion"]

Array = NDArray[np.float64]

_PROXIMAL_STEPS = 200
_HALVINGS = 50
# After a Newton step of this size, relative, what is left is rounding.
_SMALL = 1e-9
_ROUNDING = 2.0**-50


@dataclass(frozen=True)
class ClassLoss:
    """l = (1 - alpha) CE + alpha f for samples of the first of K classes, on logits (n, K).

    Attributes
    ----------
    share : c, in the Hessian c (diag(p) - p p^T) + diag(bend) with p = softmax.
    bend : logits -> an array of their shape, or zero.
    """

    alpha: float
    entropy: Term
    penalty: Term
    share: float
    bend: Callable[[Logits], Any]

    def value(self, at: Logits) -> Array:
        """The loss at each node, (n,)."""
        return self._sum(self.entropy.value(at), self.penalty.value(at))[:, 0]

    def gradient(self, at: Logits) -> Array:
        return self._sum(self.entropy.gradient(at), self.penalty.gradient(at))

    def _sum(self, entropy: Any, penalty: Any) -> Array:
        return np.asarray(penalised(self.alpha, entropy, penalty))


def class_loss(f: Kernel, alpha: float, classes: int) -> ClassLoss:
    """The loss for a convex and smooth penalty.

    Examples
    --------
    >>> from .kernels import kernel
    >>> loss = class_loss(kernel("quadratic"), 0.5, 3)
    >>> loss.value(Logits(np.zeros((1, 3)), axis=1)).round(4)
    array([0.5493])
    """
    entropy = cross_entropy(np.eye(1, classes), axis=1)
    if alpha == 0:
        return ClassLoss(alpha, entropy, entropy, 1.0, lambda at: 0.0)
    penalty = penalty_term(f)
    if f.name in COUPLED:
        return ClassLoss(alpha, entropy, penalty, 1.0, lambda at: 0.0)
    return ClassLoss(alpha, entropy, penalty, 1 - alpha, lambda at: alpha * f.curvature(at.z))


class Point(NamedTuple):
    """a_j, q_j and log gamma_j, each (blocks,)."""

    signal: Array
    noise: Array
    envelope: Array

    def moved(self, step: NDArray[Any]) -> Point:
        return Point(*(part + change for part, change in zip(self, np.split(step, 3), strict=True)))


@dataclass(frozen=True)
class Problem:
    """The loss and the parameters; one block if the level of the logits stays zero, else two."""

    loss: ClassLoss
    classes: int
    blocks: int
    aspect_ratio: float
    signal: float
    signal_noise: float
    orthogonal_noise: float
    weight_decay: float

    @property
    def dimensions(self) -> Array:
        """m_j."""
        return np.array([self.classes - 1.0, 1.0])[: self.blocks]

    @property
    def directions(self) -> Array:
        """P_j e_1, (blocks, K)."""
        level = np.full(self.classes, 1 / self.classes)
        return np.array([np.eye(1, self.classes)[0] - level, level])[: self.blocks]

    def spread(self, point: Point) -> Array:
        """s_j."""
        return np.hypot(self.signal_noise * point.signal, point.noise)

    def logits(self, point: Point, nodes: Nodes) -> Array:
        """Z, the logits of fresh samples, at the nodes (n, K)."""
        means = self.signal * point.signal @ self.directions
        return np.asarray(means + np.tensordot(self.spread(point), nodes.parts, 1))


class Expansion(NamedTuple):
    """Gradient (3 blocks,) and Hessian in (a, q, log gamma), and p at the nodes (n, K)."""

    gradient: Array
    hessian: Array
    proximal: Array


def expansion(problem: Problem, point: Point, nodes: Nodes, start: Array) -> Expansion:
    """The derivatives of the scalar problem, its expectations taken over the nodes.

    With r = p - Z, dM = -V^-1 r dZ - sum_j |P_j r|^2/(2 gamma_j) dlog gamma_j, V = sum_j gamma_j
    P_j, and (V^-1 + H) dp = V^-1 dZ + sum_j P_j r/gamma_j dlog gamma_j.

    Parameters
    ----------
    start : (n, K) where to look for p.

    Raises
    ------
    NotConvergedError : some p was not found.
    """
    count = problem.blocks
    metric = _Metric.of(point, problem.classes)
    z = problem.logits(point, nodes)
    p, solve = _proximal(problem.loss, z, metric, start)
    s, q, a, variance = problem.spread(point), point.noise, point.signal, problem.signal_noise**2
    along = problem.signal * problem.directions[:, None, :]
    along = along + (variance * a / s)[:, None, None] * nodes.parts
    moves = [*along, *((q / s)[:, None, None] * nodes.parts)]
    pulls = [
        inverse * part
        for inverse, part in zip(np.exp(-point.envelope), _split(p - z, count), strict=True)
    ]
    loads = [*(metric(move) for move in moves), *pulls]
    answers = [solve(load) for load in loads]

    def mean(left: Array, right: Array) -> float:
        return float(nodes.weights @ np.einsum("nk,nk->n", left, right))

    size, free = 3 * count, 2 * count
    gradient, hessian = np.empty(size), np.empty((size, size))
    for i in range(size):
        for j in range(i, size):
            bend = -mean(loads[i], answers[j])
            if j < free:
                bend += mean(loads[i], moves[j])
            elif i < free:
                bend += mean(moves[i], pulls[j - free])
            hessian[i, j] = hessian[j, i] = bend
    for j in range(count):
        a_j, q_j, gamma_j = j, count + j, free + j
        square = np.exp(point.envelope[j]) * mean(pulls[j], pulls[j])
        gradient[a_j] = -mean(pulls[j], moves[a_j])
        gradient[q_j] = -mean(pulls[j], moves[q_j])
        gradient[gamma_j] = -square / 2
        hessian[gamma_j, gamma_j] += square / 2
        # How the moves change: s_j is not linear in a_j and q_j.
        bend = -mean(pulls[j], nodes.parts[j]) * variance / s[j] ** 3
        hessian[a_j, a_j] += bend * q[j] ** 2
        hessian[q_j, q_j] += bend * a[j] ** 2
        hessian[a_j, q_j] -= bend * a[j] * q[j]
        hessian[q_j, a_j] = hessian[a_j, q_j]
    _add_norms(problem, point, gradient, hessian)
    return Expansion(gradient, hessian, p)


def _add_norms(problem: Problem, point: Point, gradient: Array, hessian: Array) -> None:
    """The terms without an expectation."""
    m, q = problem.dimensions, point.noise
    decay = m * problem.weight_decay
    across, inside = decay / problem.orthogonal_noise**2, m * problem.aspect_ratio
    inside = inside * np.exp(-point.envelope)
    a, b, c = np.split(np.arange(gradient.size), 3)
    gradient += np.concatenate([decay * point.signal, (across - inside) * q, inside * q**2 / 2])
    hessian[a, a] += decay
    hessian[b, b] += across - inside
    hessian[b, c] += inside * q
    hessian[c, b] += inside * q
    hessian[c, c] -= inside * q**2 / 2


def _split(u: Array, count: int) -> list[Array]:
    """P_j u; a single block holds all of it."""
    if count == 1:
        return [u]
    level = np.broadcast_to(u.mean(axis=1, keepdims=True), u.shape)
    return [u - level, level]


class _Metric(NamedTuple):
    """V^-1 = sum_j P_j/gamma_j: ``inverse`` and ``level`` times the matrix of ones."""

    inverse: float
    level: float

    @classmethod
    def of(cls, point: Point, classes: int) -> _Metric:
        first, *second = np.exp(-point.envelope)
        return cls(float(first), float((second[0] - first) / classes) if second else 0.0)

    def __call__(self, u: Array) -> Array:
        return np.asarray(self.inverse * u + self.level * np.sum(u, axis=-1, keepdims=True))


def _proximal(
    loss: ClassLoss, z: Array, metric: _Metric, start: Array
) -> tuple[Array, Callable[[Array], Array]]:
    """p, and x -> (V^-1 + H)^-1 x at it, by Newton's method.

    A step is halved while the slope at its end has risen past half of the fall.
    """
    p = start
    at, gradient = _at(loss, p, z, metric)
    for _ in range(_PROXIMAL_STEPS):
        solve = _inverse(loss, at, metric)
        step = -solve(gradient)
        fall = np.abs(np.sum(gradient * step, axis=1, keepdims=True))
        # A flat loss lifts the rounding of its gradient.
        terms = 1 + metric.inverse * (_largest(p) + _largest(z))
        small = _largest(step) <= _SMALL * (1 + _largest(p))
        small |= _largest(gradient) <= _ROUNDING * terms
        length = np.ones_like(fall)
        for _ in range(_HALVINGS):
            at, gradient = _at(loss, p + length * step, z, metric)
            rise = np.sum(gradient * step, axis=1, keepdims=True)
            fine = small | (rise <= fall / 2)
            if np.all(fine):
                break
            length = np.where(fine, length, length / 2)
        p = at.z
        if np.all(small):
            return p, _inverse(loss, at, metric)
    raise NotConvergedError(
        f"no proximal point after {_PROXIMAL_STEPS} Newton steps at {np.count_nonzero(~small)} of "
        f"{len(z)} nodes; expected one at each; choose a penalty that is smooth and less steep"
    )


def _largest(u: Array) -> Array:
    return np.asarray(np.max(np.abs(u), axis=1, keepdims=True))


def _at(loss: ClassLoss, p: Array, z: Array, metric: _Metric) -> tuple[Logits, Array]:
    at = Logits(p, axis=1)
    return at, metric(p - z) + loss.gradient(at)


def _inverse(loss: ClassLoss, at: Logits, metric: _Metric) -> Callable[[Array], Array]:
    """The inverse of V^-1 + H = diag(d) - c p p^T + level 1 1^T, one rank after the other."""
    p, c = at.p, loss.share
    rest = loss.bend(at) + metric.inverse
    d = c * p + rest
    tilted = p / d
    # 1 - c p^T p/d, without cancellation as p sums to one.
    room = np.sum(tilted * rest, axis=-1, keepdims=True)

    def without_level(x: Array) -> Array:
        along = np.sum(tilted * x, axis=-1, keepdims=True)
        return np.asarray(x / d + tilted * (c * along / room))

    if metric.level == 0:
        return without_level
    ones = without_level(np.ones_like(p))
    drop = metric.level / (1 + metric.level * np.sum(ones, axis=-1, keepdims=True))

    def inverse(x: Array) -> Array:
        first = without_level(x)
        return np.asarray(first - ones * (drop * np.sum(first, axis=-1, keepdims=True)))

    return inverse

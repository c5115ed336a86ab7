"""Damped Newton iterations for many small problems at once, on arrays of any library."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar

from array_api_compat import device, is_numpy_array

from .kernels import Kernel
from .loss_terms import (
    COUPLED,
    SIGNED_CROSS_ENTROPY,
    Logits,
    cross_entropy,
    penalised,
    penalised_curvature,
    penalty_term,
    separate,
)

__all__ = [
    "Problems",
    "Solution",
    "accuracy",
    "approach",
    "choose",
    "hessian",
    "in_blocks",
    "minimise",
    "newton_step",
    "norm",
    "relative_gradient",
    "repeat",
]

# Relative gradients, in units of the rounding unit: one that no step can improve upon, and one
# that is small enough once steps no longer improve upon it (1e-13 in float64).
_ROUNDING, _GOAL = 2, 450
_PATIENCE = 5
_ARMIJO, _WOLFE = 1e-4, 0.8
_LEAST_DAMPING, _LARGEST_DAMPING = 1e-7, 1e9
_BLOCK = 2**19

T = TypeVar("T")


class Expansion(NamedTuple):
    """Value (..., n), gradient (..., n, K) and Hessian (..., n, K, K) of the loss of n samples."""

    value: Any
    gradient: Any
    hessian: Any


@dataclass(frozen=True)
class Problems:
    """A batch of problems: minimise mean l(q c) over the coordinates c, (..., d, K).

    Attributes
    ----------
    xp : the namespace of the arrays.
    penalty : f in l = (1 - alpha) CE + alpha f.
    alpha : (..., 1, 1)
    q : (..., n, d) with orthonormal columns, the labels absorbed if there are two classes.
    indicator : (..., n, K) ones at the true classes; None for two classes.
    shape : the shape of the batch.
    root : (..., n, 1) square roots r of the weights of the samples, whose logits are then z = q c/r
        and whose mean weight is one; None if all are one.
    """

    xp: Any
    penalty: Kernel
    alpha: Any
    q: Any
    indicator: Any
    shape: tuple[int, ...]
    root: Any = None

    @property
    def outputs(self) -> int:
        """Logits per sample: one for two classes."""
        return 1 if self.indicator is None else int(self.indicator.shape[-1])

    def part(self, first: int, last: int) -> Problems:
        """The problems first, ..., last - 1 along the first dimension of the batch."""

        def cut(a: Any, trailing: int) -> Any:
            full = a is not None and len(a.shape) == len(self.shape) + trailing
            return a[first:last] if full and a.shape[0] > 1 else a

        return replace(
            self,
            alpha=cut(self.alpha, 2),
            q=cut(self.q, 2),
            indicator=cut(self.indicator, 2),
            root=cut(self.root, 2),
            shape=(min(last, self.shape[0]) - first, *self.shape[1:]),
        )

    def weighted(self, values: Any) -> Any:
        """Values of the samples (..., n, K) times the roots of their weights."""
        return values if self.root is None else self.root * values

    def logits(self, weighted: Any) -> Any:
        """z from r z, which is zero for samples of weight zero."""
        if self.root is None:
            return weighted
        return weighted / self.xp.where(self.root > 0, self.root, self.xp.ones_like(self.root))

    def expansion(self, weighted: Any) -> Expansion:
        """The weighted per-sample losses at r z, (..., n, K), with derivatives in r z."""
        logits = self.logits(weighted)
        if self.indicator is None:
            entropy, penalty = SIGNED_CROSS_ENTROPY, separate(self.penalty)
        else:
            entropy = cross_entropy(self.indicator, axis=-1)
            penalty = penalty_term(self.penalty)
        at = Logits(logits, axis=-1)
        curvature = penalised_curvature(self.alpha, entropy.curvature(at), penalty.curvature(at))
        value = penalised(self.alpha, entropy.value(at), penalty.value(at))
        return Expansion(
            self.weighted(self.weighted(value))[..., 0],
            self.weighted(penalised(self.alpha, entropy.gradient(at), penalty.gradient(at))),
            curvature.matrix,
        )

    @property
    def level_is_free(self) -> Any:
        """(..., 1, 1) whether the loss leaves the common level of the K logits free."""
        if self.penalty.name in COUPLED:
            return self.alpha >= 0
        return self.alpha == 0


class Solution(NamedTuple):
    """Coordinates (..., d, K), whether each problem has arrived (...), and the steps taken."""

    coordinates: Any
    converged: Any
    iterations: Any


class _Point(NamedTuple):
    """The loss of every problem at its coordinates; K d unknowns, class by class."""

    coordinates: Any
    value: Any
    noise: Any
    gradient: Any
    hessian: Any
    residual: Any


class _State(NamedTuple):
    point: _Point
    best: Any
    best_coordinates: Any
    damping: Any
    stalled: Any
    done: Any
    iterations: Any


def relative_gradient(problems: Problems, expansion: Expansion, logits: Any) -> Any:
    """||P G|| / (||G|| + ||H z||) of every problem, at weighted logits: free of units."""
    return _relative(problems, expansion, logits)[0]


def _relative(problems: Problems, expansion: Expansion, logits: Any) -> tuple[Any, Any]:
    xp = problems.xp
    gradient = xp.matrix_transpose(problems.q) @ expansion.gradient
    if problems.outputs == 1:
        bent = expansion.hessian[..., 0] * logits
    else:
        bent = xp.sum(expansion.hessian * logits[..., None, :], axis=-1)
    scale = norm(xp, expansion.gradient) + norm(xp, bent)
    safe = xp.where(scale > 0, scale, xp.ones_like(scale))
    return norm(xp, gradient) / safe, gradient


def minimise(problems: Problems, max_iter: int, traced: bool) -> Solution:
    """Minimise every problem to rounding level, from Fisher's discriminant.

    A step s solves (H + mu I) s = -g. It is taken if it decreases the loss by Armijo's rule, or
    where rounding hides the decrease by the slope at its end [1]_. The damping mu is zero until a
    step fails, then grows until one succeeds, and fades: curvatures that differ by many orders of
    magnitude, or are not positive, ask for very different ones.

    .. [1] Hager and Zhang, SIAM J. Optim. 16, 170 (2005): the approximate Wolfe condition.
    """
    return in_blocks(problems, lambda part: approach(part, 0.0, max_iter, traced))


def in_blocks(problems: Problems, solve: Callable[[Problems], T]) -> T:
    """What ``solve`` gives for the problems: a named tuple of arrays (batch, ...) and of counts ().

    NumPy makes many temporaries of the size of its operands: there it is called for blocks of the
    batch that stay in the cache.
    """
    xp, shape = problems.xp, problems.shape
    if not is_numpy_array(problems.q) or not shape:
        return solve(problems)
    size = math.prod(shape[1:]) * math.prod(problems.q.shape[-2:]) * problems.outputs
    length = max(1, _BLOCK // size)
    parts: list[Any] = [solve(problems.part(i, i + length)) for i in range(0, shape[0], length)]
    kind: Any = type(parts[0])
    fields = zip(*parts, strict=True)
    whole: T = kind(*(xp.concat(f) if f[0].ndim else xp.max(xp.stack(f)) for f in fields))
    return whole


def approach(problems: Problems, enough: Any, max_iter: int, traced: bool) -> Solution:
    """Minimise every problem of a block until its relative gradient is ``enough``, or rounding."""
    xp, start = problems.xp, _start(problems)
    unit, goal, accepted = accuracy(problems)

    def unfinished(state: _State) -> Any:
        return xp.any(~state.done) & (state.iterations < max_iter)

    def advance(state: _State) -> _State:
        point = state.point
        step = newton_step(problems, point.gradient, point.hessian, state.damping)
        trial = _evaluate(problems, point.coordinates + step)
        slope = _inner(xp, point.gradient, step)
        change = trial.value - point.value
        decreases = (change <= _ARMIJO * slope) & (change <= -point.noise)
        levels_off = xp.abs(change) <= point.noise
        levels_off = levels_off & (_inner(xp, trial.gradient, step) <= -_WOLFE * slope)
        taken = (slope < 0) & (decreases | levels_off) & ~state.done
        closer = taken & (trial.residual < state.best)
        stalled = xp.where(
            taken & (trial.residual < 0.5 * state.best),
            xp.zeros_like(state.stalled),
            state.stalled + 1,
        )
        best = xp.where(closer, trial.residual, state.best)
        done = (best <= goal) & (stalled > 0) | (best <= accepted) & (stalled >= _PATIENCE)
        done = done | (best <= _ROUNDING * unit) | (best <= enough)
        return _State(
            _Point(*(choose(xp, taken, new, old) for new, old in zip(trial, point, strict=True))),
            best,
            choose(xp, closer, trial.coordinates, state.best_coordinates),
            _next_damping(xp, state.damping, taken | state.done),
            stalled,
            state.done | done,
            state.iterations + 1,
        )

    # A steep penalty may be huge at an outlier's logit, or overflow: then zero is a better start.
    at_start = xp.mean(problems.expansion(problems.q @ start).value, axis=-1)
    lower = at_start < _loss_at_zero(problems)
    point = _evaluate(problems, choose(xp, lower, start, xp.zeros_like(start)))
    zeros = xp.zeros_like(point.value)
    counter = xp.asarray(0, device=device(start))
    none = zeros > 0
    best = point.residual
    state = _State(point, best, point.coordinates, zeros, zeros, none, counter)
    state = repeat(unfinished, advance, state, traced)
    return Solution(state.best_coordinates, state.best <= accepted, state.iterations)


def accuracy(problems: Problems) -> tuple[float, float, float]:
    """The rounding unit; the residual to reach; and what will do if no step improves upon it."""
    unit = float(problems.xp.finfo(problems.q.dtype).eps)
    goal = _GOAL * unit
    return unit, goal, max(goal, unit**0.5 / 15)


def _start(problems: Problems) -> Any:
    """Fisher's discriminant: the least-squares solution for targets 1, or centred indicators."""
    xp, q = problems.xp, problems.q
    if problems.indicator is None:
        targets = xp.ones_like(q[..., :1])
    else:
        targets = problems.indicator - 1 / problems.outputs
    coordinates = xp.matrix_transpose(q) @ problems.weighted(targets)
    return xp.broadcast_to(coordinates, (*problems.shape, *coordinates.shape[-2:]))


def _loss_at_zero(problems: Problems) -> Any:
    """(...) the same for every sample, so that one is enough."""
    one = problems.q[..., :1, :1]
    if problems.indicator is None:
        return replace(problems, root=None).expansion(one * 0).value[..., 0]
    first = problems.indicator[..., :1, :]
    return replace(problems, indicator=first, root=None).expansion(first * 0).value[..., 0]


def repeat(unfinished: Callable[[T], Any], advance: Callable[[T], T], state: T, traced: bool) -> T:
    """The state after as many steps as are unfinished, in JAX where it is traced."""
    if traced:
        from jax.lax import while_loop

        result: T = while_loop(unfinished, advance, state)
        return result
    while bool(unfinished(state)):
        state = advance(state)
    return state


def _evaluate(problems: Problems, coordinates: Any) -> _Point:
    xp = problems.xp
    samples = problems.q.shape[-2]
    logits = problems.q @ coordinates
    expansion = problems.expansion(logits)
    residual, gradient = _relative(problems, expansion, logits)
    unit = float(xp.finfo(coordinates.dtype).eps)
    return _Point(
        coordinates,
        xp.mean(expansion.value, axis=-1),
        45 * unit * xp.mean(xp.abs(expansion.value), axis=-1),
        gradient / samples,
        hessian(xp, problems.q, expansion.hessian) / samples,
        residual,
    )


def hessian(xp: Any, q: Any, per_sample: Any) -> Any:
    """(..., K d, K d), class by class, from the samples' (..., n, K, K)."""
    columns, outputs = q.shape[-1], per_sample.shape[-1]
    weights = xp.moveaxis(per_sample, -3, -1)[..., None]
    transposed, factor = xp.matrix_transpose(q)[..., None, :, :], q[..., None, :, :]
    rows = [transposed @ (weights[..., k, :, :, :] * factor) for k in range(outputs)]
    # (..., k, l, i, j) -> (..., k, i, l, j)
    blocks = xp.moveaxis(xp.stack(rows, axis=-4), -2, -3)
    size = outputs * columns
    return xp.reshape(blocks, (*blocks.shape[:-4], size, size))


def newton_step(problems: Problems, gradient: Any, curvature: Any, damping: Any) -> Any:
    """(..., d, K) the s with (H + mu I) s = -g, for mu in units of the mean diagonal of H."""
    xp = problems.xp
    columns, outputs = gradient.shape[-2:]
    size = columns * outputs
    unit = float(xp.finfo(gradient.dtype).eps)
    like = {"dtype": gradient.dtype, "device": device(gradient)}
    identity = xp.eye(size, **like)
    mean = xp.linalg.trace(curvature) / size
    least = float(xp.finfo(gradient.dtype).smallest_normal) / unit**2
    mean = xp.where(mean > least, mean, xp.ones_like(mean))[..., None, None]
    # At least the rounding of the factorisation: no pivot is zero where curvature vanishes.
    shift = (damping[..., None, None] + 2 * size * unit) * mean
    matrix = curvature + shift * identity
    if outputs > 1:
        # Where the loss leaves the common level of the logits free, H is singular along it and g
        # has no part in it: filling H there leaves the step as it is.
        everywhere = xp.ones((outputs, 1, outputs, 1), **like)
        level = xp.reshape(
            everywhere * xp.reshape(xp.eye(columns, **like), (1, columns, 1, columns)), (size, size)
        )
        free = problems.level_is_free
        matrix = matrix + xp.where(free, mean, xp.zeros_like(mean)) * level
    right = xp.reshape(xp.matrix_transpose(gradient), (*problems.shape, size, 1))
    step = xp.linalg.solve(matrix, -right)
    return xp.matrix_transpose(xp.reshape(step, (*problems.shape, outputs, columns)))


def _next_damping(xp: Any, damping: Any, rests: Any) -> Any:
    """In units of the mean diagonal of H; it fades once a step was taken, or none is needed."""
    faded = xp.where(damping > _LEAST_DAMPING, damping / 100, xp.zeros_like(damping))
    raised = xp.clip(10 * damping, 10 * _LEAST_DAMPING, _LARGEST_DAMPING)
    return xp.where(rests, faded, raised)


def choose(xp: Any, mask: Any, new: Any, old: Any) -> Any:
    extra = len(new.shape) - len(mask.shape)
    return xp.where(xp.reshape(mask, (*mask.shape, *(1,) * extra)), new, old)


def _inner(xp: Any, a: Any, b: Any) -> Any:
    return xp.sum(a * b, axis=(-2, -1))


def norm(xp: Any, a: Any) -> Any:
    return xp.sqrt(_inner(xp, a, a))

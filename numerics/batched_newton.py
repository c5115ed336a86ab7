"""Damped Newton iterations for many small problems at once, on arrays of any library."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from array_api_compat import device

from .batched_iteration import choose, counted, in_blocks, repeat
from .batched_problems import Expansion, Problems, accuracy

__all__ = [
    "Solution",
    "approach",
    "hessian",
    "minimise",
    "newton_step",
    "norm",
    "relative_gradient",
]

# A relative gradient that no step can improve upon, in units of the rounding unit.
_ROUNDING = 2
_PATIENCE = 5
_ARMIJO, _WOLFE = 1e-4, 0.8
_LEAST_DAMPING, _LARGEST_DAMPING = 1e-7, 1e9


class Solution(NamedTuple):
    """Coordinates (..., d, K), whether each problem has arrived, and its steps, both (...)."""

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
    enough: Any
    limit: Any


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


def approach(problems: Problems, enough: Any, max_iter: Any, traced: bool) -> Solution:
    """Minimise every problem of a block until its relative gradient is ``enough``, or rounding.

    Parameters
    ----------
    enough, max_iter : numbers, or arrays (...) with one for every problem.
    """
    xp, start = problems.xp, _start(problems)
    # A steep penalty may be huge at an outlier's logit, or overflow: then zero is a better start.
    at_start = xp.mean(problems.expansion(problems.q @ start).value, axis=-1)
    lower = at_start < _loss_at_zero(problems)
    point = _evaluate(problems, choose(xp, lower, start, xp.zeros_like(start)))
    zeros = xp.zeros_like(point.value)
    steps = xp.zeros_like(zeros, dtype=xp.int32)
    state = _State(
        point=point,
        best=point.residual,
        best_coordinates=point.coordinates,
        damping=zeros,
        stalled=zeros,
        done=steps >= max_iter,
        iterations=steps,
        enough=zeros + enough,
        limit=steps + max_iter,
    )
    state = repeat(problems, _newton, state, traced)
    converged = state.best <= accuracy(problems)[2]
    return Solution(state.best_coordinates, converged, state.iterations)


def _newton(problems: Problems) -> Callable[[_State], _State]:
    """A step for each of the problems."""
    xp = problems.xp
    unit, goal, accepted = accuracy(problems)

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
        done = done | (best <= _ROUNDING * unit) | (best <= state.enough)
        iterations = counted(xp, state.iterations, state.done)
        return _State(
            _Point(*(choose(xp, taken, new, old) for new, old in zip(trial, point, strict=True))),
            best,
            choose(xp, closer, trial.coordinates, state.best_coordinates),
            _next_damping(xp, state.damping, taken | state.done),
            stalled,
            state.done | done | (iterations >= state.limit),
            iterations,
            state.enough,
            state.limit,
        )

    return advance


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


def _evaluate(problems: Problems, coordinates: Any) -> _Point:
    xp = problems.xp
    samples = problems.q.shape[-2]
    logits = problems.q @ coordinates
    expansion = problems.expansion(logits)
    residual, gradient = _relative(problems, expansion, logits)
    unit = float(xp.finfo(coordinates.dtype).eps)
    # Penalties such as log(cosh(z)) are rounded to units of one, however small they are.
    units = 2 * unit * problems.alpha[..., 0, 0]
    return _Point(
        coordinates,
        xp.mean(expansion.value, axis=-1),
        45 * unit * xp.mean(xp.abs(expansion.value), axis=-1) + units,
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


def _inner(xp: Any, a: Any, b: Any) -> Any:
    return xp.sum(a * b, axis=(-2, -1))


def norm(xp: Any, a: Any) -> Any:
    return xp.sqrt(_inner(xp, a, a))

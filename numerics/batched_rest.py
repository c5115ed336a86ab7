"""Logits at rest on the kinks of a penalty, for many small problems at once.

A minimiser for a penalty alpha (g + h) with kinks (see :mod:`logitreg.numerics.batched_kinks`)
comes with a subgradient of every term of alpha h at every logit: an end of its interval off the
kink, anything between its ends where the logit rests on it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from array_api_compat import device

from .batched_iteration import choose, counted, repeat
from .batched_kinks import Kinks
from .batched_newton import hessian, newton_step, norm
from .batched_problems import Problems, accuracy

__all__ = [
    "Bounds",
    "Rest",
    "Resting",
    "at_rest",
    "bounds",
    "curvature",
    "distances",
    "finish",
    "step",
    "total",
]

_PATIENCE = 3


class Bounds(NamedTuple):
    """The kinks of every problem, m of them: the subgradients of alpha h that they allow.

    Attributes
    ----------
    places : (m,)
    lower, upper : (..., 1, 1, m); those of h itself where alpha is 0.
    size : (..., 1, 1, m) how large the subgradients are.
    present : (..., 1, 1, 1) whether there is a penalty: alpha > 0.
    """

    places: Any
    lower: Any
    upper: Any
    size: Any
    present: Any


class Resting(NamedTuple):
    """Minimisers: coordinates (..., d, K), whether each problem has arrived and its steps, (...),
    and of every logit and kink (..., n, K, m) whether it rests there, and the subgradient.
    """

    coordinates: Any
    converged: Any
    iterations: Any
    resting: Any
    subgradients: Any


class Rest(NamedTuple):
    """Logits (..., n, K), exactly on the kinks where they rest, and of every problem the loss there
    and the residual (...).
    """

    logits: Any
    loss: Any
    residual: Any


class _State(NamedTuple):
    coordinates: Any
    subgradients: Any
    best: Any
    found: tuple[Any, Any, Any]
    stalled: Any
    done: Any
    iterations: Any
    bend: Any


def bounds(problems: Problems, kinks: Kinks) -> Bounds:
    """The kinks as arrays, in units of the loss."""
    xp, alpha = problems.xp, problems.alpha[..., None]
    like = {"dtype": problems.q.dtype, "device": device(problems.q)}
    places, lower, upper = (xp.asarray(part, **like) for part in kinks)
    strength = xp.where(alpha > 0, alpha, xp.ones_like(alpha))
    jumps = xp.isfinite(lower) & xp.isfinite(upper)
    # At a wall they balance the cross-entropy.
    size = xp.where(jumps, strength * xp.where(jumps, upper, xp.ones_like(upper)), 1 - alpha)
    return Bounds(places, strength * lower, strength * upper, size, alpha > 0)


def distances(problems: Problems, kinks: Bounds, weighted: Any) -> Any:
    """z - k, (..., n, K, m), at weighted logits."""
    return problems.logits(weighted)[..., None] - kinks.places


def total(problems: Problems, kinks: Bounds, values: Any) -> Any:
    """The sum over the kinks, zero without a penalty."""
    xp = problems.xp
    return xp.sum(xp.where(kinks.present, values, xp.zeros_like(values)), axis=-1)


def curvature(problems: Problems, kinks: Bounds, per_sample: Any, rates: Any) -> Any:
    """The mean Hessian in the coordinates, where the kinks add ``rates`` to the curvatures."""
    xp = problems.xp
    identity = xp.eye(problems.outputs, dtype=rates.dtype, device=device(rates))
    per_sample = per_sample + total(problems, kinks, rates)[..., None] * identity
    return hessian(xp, problems.q, per_sample) / problems.q.shape[-2]


def step(
    problems: Problems, kinks: Bounds, bent: Any, gradient: Any, slopes: Any
) -> tuple[Any, Any]:
    """Newton's step where the kinks add ``slopes`` to the weighted gradients, and by how much it
    moves the logits, (..., n, K, 1)."""
    q = problems.q
    gradient = gradient + problems.weighted(total(problems, kinks, slopes))
    pull = problems.xp.matrix_transpose(q) @ gradient / q.shape[-2]
    found = newton_step(problems, pull, bent, 0 * pull[..., 0, 0])
    return found, problems.logits(q @ found)[..., None]


def finish(
    problems: Problems,
    kinks: Kinks,
    start: tuple[Any, Any, Any],
    iterations: Any,
    max_iter: int,
    traced: bool,
) -> Resting:
    """Newton's method with the logits at rest held to their kinks by stiff springs, whose forces
    the subgradients take over; which logits those are is decided anew at every step.

    Parameters
    ----------
    start : coordinates, subgradients, and the Hessians of the samples.
    """
    xp = problems.xp
    coordinates, subgradients, hessians = start
    bend = xp.mean(xp.linalg.diagonal(hessians), axis=(-2, -1))
    zeros = 0 * bend
    state = _State(
        coordinates,
        subgradients,
        best=zeros + xp.inf,
        found=(coordinates, subgradients < -xp.inf, subgradients),
        stalled=zeros,
        done=iterations >= max_iter,
        iterations=iterations,
        bend=bend,
    )
    state = repeat(problems, partial(_held, kinks=kinks, max_iter=max_iter), state, traced)
    coordinates, resting, subgradients = state.found
    arrived = state.best <= accuracy(problems)[2]
    return Resting(coordinates, arrived, state.iterations, resting, subgradients)


def _held(problems: Problems, kinks: Kinks, max_iter: int) -> Callable[[_State], _State]:
    """A step for each of the problems."""
    xp, limits = problems.xp, bounds(problems, kinks)
    unit, goal, _ = accuracy(problems)
    identity = xp.eye(problems.outputs, dtype=problems.q.dtype, device=device(problems.q))

    def advance(state: _State) -> _State:
        weighted = problems.q @ state.coordinates
        away, expansion = distances(problems, limits, weighted), problems.expansion(weighted)
        bend = state.bend[..., None, None, None]
        # A force on a logit against its distance from the kink, each on its own scale.
        balance = state.subgradients + xp.minimum(limits.size, bend) * away
        resting = (balance > limits.lower) & (balance < limits.upper) & limits.present
        springs = xp.where(resting, unit ** (-1 / 3) * bend, xp.zeros_like(away))
        held = xp.where(resting, state.subgradients, xp.clip(balance, limits.lower, limits.upper))
        # Walls may leave the level of the logits free.
        least = unit**0.5 * bend * identity
        bent = curvature(problems, limits, expansion.hessian + least, springs)
        change, moved = step(problems, limits, bent, expansion.gradient, held + springs * away)
        coordinates = state.coordinates + change
        subgradients = held + springs * (away + moved)
        residual, ends = _residual(
            problems, limits, problems.q @ coordinates, resting, subgradients
        )
        better = (residual < state.best) & ~state.done
        closer = residual < 0.9 * state.best
        stalled = xp.where(closer, xp.zeros_like(residual), state.stalled + 1)
        best = xp.where(better, residual, state.best)
        latest = (coordinates, resting, ends)
        arrived = (best <= goal) & (stalled > 0) | (best <= 2 * unit)
        iterations = counted(xp, state.iterations, state.done)
        return _State(
            choose(xp, state.done, state.coordinates, coordinates),
            choose(xp, state.done, state.subgradients, subgradients),
            best,
            tuple(choose(xp, better, a, b) for a, b in zip(latest, state.found, strict=True)),
            stalled,
            state.done | arrived | (stalled >= _PATIENCE) | (iterations >= max_iter),
            iterations,
            state.bend,
        )

    return advance


def at_rest(problems: Problems, kinks: Bounds, logits: Any, found: Resting) -> Rest:
    """What the minimisers found come to at their logits, (..., n, K)."""
    xp = problems.xp
    residual, _ = _residual(
        problems, kinks, problems.weighted(logits), found.resting, found.subgradients
    )
    resting = found.resting
    if problems.root is not None:
        resting = resting & (problems.root > 0)[..., None]
    for i in range(kinks.places.shape[0]):
        logits = xp.where(resting[..., i], kinks.places[i], logits)
    away = logits[..., None] - kinks.places
    zeros = xp.zeros_like(away)
    value = xp.where(away > 0, kinks.upper * away, zeros)
    value = xp.where(away < 0, kinks.lower * away, value)
    if problems.root is not None:
        value = xp.where((problems.root > 0)[..., None], value, zeros)
    value = xp.sum(total(problems, kinks, value), axis=-1, keepdims=True)
    smooth = problems.expansion(problems.weighted(logits)).value
    loss = xp.mean(smooth + problems.weighted(problems.weighted(value))[..., 0], axis=-1)
    return Rest(logits, loss, residual)


def _residual(
    problems: Problems, kinks: Bounds, weighted: Any, resting: Any, subgradients: Any
) -> tuple[Any, Any]:
    """The residual that :class:`logitreg.numerics.batched.BatchFit` documents, at weighted logits,
    and subgradients within their bounds: at the logits z, or where they rest at the kinks v."""
    xp = problems.xp
    away, expansion = distances(problems, kinks, weighted), problems.expansion(weighted)
    inside = xp.clip(subgradients, kinks.lower, kinks.upper)
    beside = xp.where(away > 0, kinks.upper, xp.where(away < 0, kinks.lower, inside))
    subgradients = xp.where(resting, inside, beside)
    penalty = problems.weighted(total(problems, kinks, subgradients))
    gap = problems.weighted(xp.sum(xp.where(resting, away, xp.zeros_like(away)), axis=-1))
    bend = xp.linalg.diagonal(expansion.hessian)
    sizes = problems.weighted(total(problems, kinks, xp.abs(subgradients)))
    scale = sum(norm(xp, part) for part in (expansion.gradient, sizes, bend * weighted))
    pull = xp.matrix_transpose(problems.q) @ (expansion.gradient + penalty)
    safe = xp.where(scale > 0, scale, xp.ones_like(scale))
    return (norm(xp, pull) + norm(xp, bend * gap)) / safe, subgradients

"""Penalties with kinks for many small problems at once: Mehrotra's interior-point method.

To every term of h at a kink k (see :mod:`logitreg.numerics.batched_kinks`) belongs a subgradient y
between l and u. On the central path z - k = p - m with (u - y) p = (y - l) m = mu, which goes to
zero; a Newton step on these equations [1]_ takes no more than one on a smooth loss, since only the
coordinates are left to solve for. Few steps tell on which kinks the logits of any problem come to
rest, and Newton's method holds them there in the end.

.. [1] S. Wright, Primal-Dual Interior-Point Methods, SIAM 1997.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from array_api_compat import device

from .batched_iteration import choose, counted, in_blocks, repeat
from .batched_kinks import Kinks, rounded
from .batched_newton import approach, norm
from .batched_problems import Problems, accuracy
from .batched_rest import Bounds, Resting, bounds, curvature, distances, finish, step, total

__all__ = ["minimise_kinked"]

_ROUGH = 1e-3
_GAP, _PULL = 2e-13, 4
_TO_THE_EDGE = 0.99
_CENTRING = 1e-6
# Products below the first are off the path; after a step that led astray mu is at least the second.
_LEAST, _RECENTRING = 1e-3, 0.1
# Gradient over gap, each relative to the first: where mu has to wait, and where steps are refused.
_WAITING, _REFUSED = 10, 300
_ARMIJO = 1e-3
# Strength of a pull towards zero, in units of mu: where flat parts leave the level of K logits free
# the central path would go off to infinity.
_PULL_BACK = 1e-2
_PATIENCE = 20


class _Pairs(NamedTuple):
    """Positive p, m, u - y and y - l, of every logit and kink (..., n, K, m). A wall has no p, or
    no m, which is then zero, and its partner infinite."""

    above: Any
    below: Any
    up: Any
    down: Any


class _Point(NamedTuple):
    """A point near the central path.

    Attributes
    ----------
    away : (..., n, K, m) z - k.
    gradient : (..., n, K) of the samples, weighted, with the subgradients of the kinks and a pull
        towards zero that fades with mu.
    hessian : (..., n, K, K) of the samples, without the kinks.
    gap : (...) the mean of the products.
    misfit : (...) how far gradient and z - k = p - m are from being met, free of units.
    """

    coordinates: Any
    pairs: _Pairs
    away: Any
    gradient: Any
    hessian: Any
    gap: Any
    misfit: Any


class _State(NamedTuple):
    point: _Point
    good: Any
    length: Any
    best: Any
    stalled: Any
    done: Any
    iterations: Any
    first_gap: Any


def minimise_kinked(problems: Problems, kinks: Kinks, max_iter: int, traced: bool) -> Resting:
    """Minimise every problem to rounding level; its penalty g is what is smooth of g + h."""

    def solve(part: Problems) -> Resting:
        limits = bounds(part, kinks)
        coordinates, steps = _nearby(part, kinks, max_iter, traced)
        start = _start(part, limits, coordinates)
        ones = part.xp.ones_like(start.gap)
        done = (part.alpha[..., 0, 0] == 0) | (steps >= max_iter)
        state = _State(start, ones > 0, ones, 2 * ones, 0 * ones, done, steps, start.gap)
        state = repeat(part, partial(_follow, kinks=kinks, max_iter=max_iter), state, traced)
        point = state.point
        nearly = (point.coordinates, _subgradients(part, limits, point.pairs), point.hessian)
        return finish(part, kinks, nearly, state.iterations, max_iter, traced)

    return in_blocks(problems, solve)


def _nearby(problems: Problems, kinks: Kinks, max_iter: int, traced: bool) -> tuple[Any, Any]:
    """Coordinates near the central path at mu = J/2, where |z - k| is rounded off and Newton's
    method finds it; zero where there are walls. Without a penalty, the minimisers."""
    xp, present = problems.xp, problems.alpha > 0
    walls = math.inf in (*kinks.upper, *(-bound for bound in kinks.lower))
    enough = xp.where(present, xp.full_like(problems.alpha, math.inf if walls else _ROUGH), 0.0)
    smooth = replace(problems, penalty=rounded(problems.penalty, kinks))
    # For K logits and a one-sided penalty there is no such point: that must not take all steps.
    limit = max_iter - max_iter // 2 * xp.astype(present[..., 0, 0], xp.int32)
    found = approach(smooth, enough[..., 0, 0], limit, traced)
    start = found.coordinates
    return xp.where(present, xp.zeros_like(start), start) if walls else start, found.iterations


def _start(problems: Problems, kinks: Bounds, coordinates: Any) -> _Point:
    """With z - k = mu/(u - y) - mu/(y - l) at a jump J, where mu = u = -l = J/2."""
    xp, size = problems.xp, kinks.size
    away = distances(problems, kinks, problems.q @ coordinates)
    ones, zeros = xp.ones_like(away), xp.zeros_like(away)
    root = xp.hypot(ones, away)
    near = size * (1 + 1 / (root + xp.abs(away))) / (1 + root)
    up = xp.where(away > 0, near, 2 * size - near)
    down = xp.where(away > 0, 2 * size - near, near)
    # Behind a wall p and m do not fit z - k: the misfit takes care of that.
    far = (xp.abs(away) + xp.hypot(2 * ones, away)) / 2
    above, below = xp.where(away > 0, far, 1 / far), xp.where(away > 0, 1 / far, far)
    first, last = xp.isinf(kinks.lower), xp.isinf(kinks.upper)
    pairs = _Pairs(
        xp.where(last, zeros, xp.where(first, above, size / up)),
        xp.where(first, zeros, xp.where(last, below, size / down)),
        xp.where(last, ones * math.inf, xp.where(first, size / above, up)),
        xp.where(first, ones * math.inf, xp.where(last, size / below, down)),
    )
    return _point(problems, kinks, coordinates, pairs)


def _point(problems: Problems, kinks: Bounds, coordinates: Any, pairs: _Pairs) -> _Point:
    xp = problems.xp
    weighted = problems.q @ coordinates
    away, expansion = distances(problems, kinks, weighted), problems.expansion(weighted)
    subgradients = _subgradients(problems, kinks, pairs)
    penalty = problems.weighted(total(problems, kinks, subgradients))
    gap = _gap(problems, kinks, pairs)
    back = _PULL_BACK * gap[..., None, None]
    gradient = expansion.gradient + penalty + back * weighted
    identity = xp.eye(problems.outputs, dtype=gap.dtype, device=device(gap))
    hessian = expansion.hessian + back[..., None] * identity
    apart = kinks.size * xp.abs(away - pairs.above + pairs.below)
    apart = problems.weighted(total(problems, kinks, apart))
    misfit = norm(xp, xp.matrix_transpose(problems.q) @ gradient) + norm(xp, apart)
    # Subgradients at several kinks may cancel, which magnifies their rounding.
    sizes = problems.weighted(total(problems, kinks, xp.abs(subgradients)))
    scale = norm(xp, expansion.gradient) + norm(xp, sizes)
    misfit = misfit / xp.where(scale > 0, scale, xp.ones_like(scale))
    return _Point(coordinates, pairs, away, gradient, hessian, gap, misfit)


def _follow(problems: Problems, kinks: Kinks, max_iter: int) -> Callable[[_State], _State]:
    """A step along the central path for each problem, until it is clear which logits rest."""
    xp, limits = problems.xp, bounds(problems, kinks)
    unit = accuracy(problems)[0]
    enough = max(unit, _GAP)

    def advance(state: _State) -> _State:
        point = state.point
        change, pairs, length = _step(problems, limits, state)
        coordinates = point.coordinates + length[..., None, None] * change
        trial = _point(problems, limits, coordinates, _ahead(point.pairs, pairs, length))
        closer = trial.misfit <= (1 - _ARMIJO * length) * point.misfit
        closer = closer | (trial.misfit * state.first_gap <= _REFUSED * trial.gap)
        closer = closer & _is_central(problems, limits, trial)
        taken = closer & ~state.done
        merit = xp.maximum(trial.misfit, trial.gap / state.first_gap)
        falls = taken & (merit < 0.9 * state.best)
        stalled = xp.where(falls, xp.zeros_like(merit), state.stalled + 1)
        arrived = (trial.misfit <= _PULL * unit**0.5) & (trial.gap <= enough * state.first_gap)
        iterations = counted(xp, state.iterations, state.done)
        return _State(
            _chosen(xp, taken, trial, point),
            closer & ((trial.gap < point.gap) | ~state.good),
            xp.where(closer, xp.clip(4 * state.length, 0.0, 1.0), state.length / 4),
            xp.where(taken & (merit < state.best), merit, state.best),
            stalled,
            state.done | taken & arrived | (stalled >= _PATIENCE) | (iterations >= max_iter),
            iterations,
            state.first_gap,
        )

    return advance


def _step(problems: Problems, kinks: Bounds, state: _State) -> tuple[Any, _Pairs, Any]:
    """Newton's step in the coordinates and in the pairs, and how much of it to take."""
    xp, point, pairs = problems.xp, state.point, state.point.pairs
    rates = 1 / (pairs.above / pairs.up + pairs.below / pairs.down)
    bent = curvature(problems, kinks, point.hessian, rates)

    def towards(above: Any, below: Any) -> tuple[Any, _Pairs, Any]:
        """To given (u - y) p and (y - l) m, with a length that keeps them positive."""
        short = point.away - above / pairs.up + below / pairs.down
        found, moved = step(problems, kinks, bent, point.gradient, rates * short)
        rise = xp.where(kinks.present, rates * (moved + short), xp.zeros_like(short))
        change = _Pairs(
            (above + pairs.above * rise) / pairs.up - pairs.above,
            (below - pairs.below * rise) / pairs.down - pairs.below,
            -rise,
            rise,
        )
        return found, change, xp.clip(_TO_THE_EDGE * _reach(xp, pairs, change), 0.0, 1.0)

    # Mehrotra's predictor tells how far mu can fall, and what the products of the changes add.
    zeros = xp.zeros_like(rates)
    _, change, length = towards(zeros, zeros)
    left = _gap(problems, kinks, _ahead(pairs, change, length)) / point.gap
    least = xp.where(state.good, xp.full_like(left, _CENTRING), xp.full_like(left, _RECENTRING))
    # Ahead of the gradient, subgradients at their bounds would leave it no way down.
    waits = point.misfit * state.first_gap > _WAITING * point.gap
    centring = xp.where(waits, xp.ones_like(left), xp.clip(left**3, least, 1.0))
    mu = (centring * point.gap)[..., None, None, None]
    good = state.good[..., None, None, None]
    above = xp.where(good, mu - change.up * change.above, mu)
    below = xp.where(good, mu - change.down * change.below, mu)
    found, change, length = towards(above, below)
    return found, change, length * state.length


def _ahead(pairs: _Pairs, change: _Pairs, length: Any) -> _Pairs:
    far = length[..., None, None, None]
    return _Pairs(*(a + far * b for a, b in zip(pairs, change, strict=True)))


def _subgradients(problems: Problems, kinks: Bounds, pairs: _Pairs) -> Any:
    """y, from the closer bound, which it may all but equal."""
    closer = pairs.down < pairs.up
    return problems.xp.where(closer, kinks.lower + pairs.down, kinks.upper - pairs.up)


def _products(xp: Any, pairs: _Pairs) -> list[tuple[Any, Any]]:
    """(u - y) p and (y - l) m, each with whether there is such a side, or a wall."""
    sides = ((pairs.up, pairs.above), (pairs.down, pairs.below))
    return [(xp.isfinite(a), xp.where(xp.isfinite(a), a * b, 0 * b)) for a, b in sides]


def _gap(problems: Problems, kinks: Bounds, pairs: _Pairs) -> Any:
    xp = problems.xp
    both = sum(total(problems, kinks, product) for _, product in _products(xp, pairs))
    sides = xp.isfinite(xp.concat([kinks.lower, kinks.upper], axis=-1))
    each = both / xp.sum(xp.astype(sides, both.dtype), axis=-1)
    return xp.mean(problems.weighted(problems.weighted(each)), axis=(-2, -1))


def _is_central(problems: Problems, kinks: Bounds, point: _Point) -> Any:
    """(...) whether no product is far below the others: steps from there go astray."""
    xp = problems.xp
    least = _LEAST * point.gap[..., None, None, None]
    first, second = (
        (product >= least) | ~there | ~kinks.present
        for there, product in _products(xp, point.pairs)
    )
    return xp.all(first & second, axis=(-3, -2, -1))


def _reach(xp: Any, pairs: _Pairs, change: _Pairs) -> Any:
    """(...) the length of the step at which the first of the pairs becomes zero."""
    shares = []
    for value, fall in zip(pairs, change, strict=True):
        share = xp.where(fall < 0, -fall / value, xp.zeros_like(value))
        shares.append(xp.max(share, axis=(-3, -2, -1)))
    return 1 / xp.max(xp.stack(shares), axis=0)


def _chosen(xp: Any, taken: Any, new: _Point, old: _Point) -> _Point:
    pairs = (choose(xp, taken, a, b) for a, b in zip(new.pairs, old.pairs, strict=True))
    arrays = zip(new._replace(pairs=new.gap), old._replace(pairs=old.gap), strict=True)
    return _Point(*(choose(xp, taken, a, b) for a, b in arrays))._replace(pairs=_Pairs(*pairs))

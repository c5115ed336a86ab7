"""The saddle of the scalar problem that training concentrates on in high dimension, solved.

See :mod:`.scalar_problem` for the problem.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from array_api_compat import device

from .correlated_noise import Spectrum
from .parameter_grid import in_order
from .proximal_losses import CellLosses, about_the_minimiser
from .proximal_nodes import MOST_EVEN
from .scalar_descent import VANISHED, descend
from .scalar_problem import Cells, Problem, State, defect, slopes, steepness

__all__ = ["Saddle", "solve", "start_at_parabola", "start_below"]

_ORDERS = (64, 128, 256, 512, 1024, 2048)
# Steps and halvings of each: all cells wait for the last one, at first not for long.
_QUICK, _PATIENT = (12, 2), (40, 5)
# In log S_1, log q and log gamma together.
_LONGEST = 3.0
_EXACT = 1e-13


class Saddle(NamedTuple):
    """The saddle in each cell, arrays of shape (cells,).

    ``residual`` is the largest of: the defects of the three equations, relative to the sizes of
    their terms (of E p' to one at least), and that of an integration by parts, which an exact
    quadrature satisfies.
    """

    signal_weight: Any
    noise: Any
    noise_weight: Any
    train_mean: Any
    train_deviation: Any
    train_loss: Any
    residual: Any

    def at(self, mask: Any) -> Saddle:
        """Of the cells that a mask selects."""
        return Saddle(*(value[mask] for value in self))


def start_at_parabola(xp: Any, cells: Cells, level: Any, curvature: Any) -> tuple[Any, ...]:
    """S_1, q and gamma in white noise for the loss c (z - level)^2/2, kept off q = 0."""
    ratio, mu, variance = cells.aspect_ratio, cells.signal, cells.signal_noise**2
    # x/(1 + x) = lambda - decay x for x = gamma c.
    decay = cells.weight_decay / cells.orthogonal_noise**2 / curvature
    half = (1 - ratio + decay) / 2
    root = xp.sqrt(half**2 + decay * ratio)
    safe = xp.where(decay > 0, decay, 1.0)
    x = xp.where(half > 0, ratio / (xp.abs(half) + root), (root - half) / safe)
    lack = x / (1 + x)
    held = cells.weight_decay * x / curvature
    pull = lack * (mu**2 + variance) + held
    first = level * mu * lack / pull
    missed = level * (lack * variance + held) / pull
    square = xp.maximum(missed**2 + first**2 * variance, 1e-20 * level**2)
    return first, lack * xp.sqrt(square / (ratio - lack**2)), x / curvature


def start_below(xp: Any, cells: Cells, level: Any) -> tuple[Any, ...]:
    """S_1, q and gamma such that a wall at this level can be met: E (Z - level)_+^2 < lambda q^2.

    At c deviations below the level it is less than exp(-c^2/2)/2 of the variance, here lambda/2,
    of which q^2 is three quarters.
    """
    distance = xp.sqrt(-2 * xp.log(xp.clip(cells.aspect_ratio, None, 0.9)))
    unit = xp.maximum(2 * cells.signal_noise, 0.01 * cells.signal)
    first = level / (cells.signal + distance * unit)
    return first, math.sqrt(0.75) * xp.abs(first) * unit, xp.ones_like(first)


def solve(
    xp: Any,
    losses: Callable[[Any], CellLosses],
    cells: Cells,
    start: tuple[Any, ...],
    spectrum: Spectrum | None = None,
    *,
    descent: int | None = None,
) -> tuple[Saddle, Any]:
    """The saddle in each cell by Newton's method, and the cells where it is lost.

    The order of the quadrature is doubled in the cells whose residual asks for it. Where that does
    not help, logits are counted from the minimiser of the loss, which they may be so close to that
    nothing but their distance from it has digits, and the quadrature starts fine.

    Parameters
    ----------
    losses : gives the losses of cells with these strengths, of shape (cells, 1).
    start : (cells,) S_1, of the sign of the minimiser, and q and gamma, both positive.
    spectrum : of the noise across the signal; None if it is white.
    descent : the steps of a slow descent to go first, where Newton's method alone was lost.
    """
    found, envelope, lost = _solve(xp, losses, cells, start, spectrum, descent)
    rough = lost | ~(found.residual < _EXACT)
    if not bool(xp.any(rough)):
        return found, lost
    reached = (found.signal_weight, found.noise, envelope)
    sound = xp.isfinite(found.residual) & ~lost
    begin = tuple(
        xp.where(sound, value, first)[rough] for value, first in zip(reached, start, strict=True)
    )
    again, _, failed = _solve(
        xp, losses, cells.at(rough), begin, spectrum, descent, about_minimiser=True
    )
    first = found.at(rough)
    taken = lost[rough] | ~(first.residual <= again.residual)
    chosen = (xp.where(taken, new, old) for new, old in zip(again, first, strict=True))
    places = [xp.nonzero(rough)[0], xp.nonzero(~rough)[0]]
    kept = (*found.at(~rough), lost[~rough])
    *merged, lost = in_order(xp, places, [(*chosen, taken & failed), kept])
    return Saddle(*merged), lost


def _solve(
    xp: Any,
    losses: Callable[[Any], CellLosses],
    cells: Cells,
    start: tuple[Any, ...],
    spectrum: Spectrum | None,
    descent: int | None,
    *,
    about_minimiser: bool = False,
) -> tuple[Saddle, Any, Any]:
    """The saddle, gamma, and where it is lost; logits may be counted from their minimiser."""
    places, pieces = [], []
    index = xp.arange(start[0].shape[0], device=device(start[0]))
    least = 0.0 if about_minimiser else VANISHED
    first, q, gamma = start
    offset = None
    for order in _orders(losses(cells.alpha[:1, None]), about_minimiser):
        loss = losses(cells.alpha[:, None])
        if about_minimiser:
            loss = about_the_minimiser(xp, loss)
        problem = Problem(xp, loss, cells, order, spectrum)
        state = problem.state(first, q, gamma, offset=offset)
        if descent is not None:
            state = descend(problem, state, descent, least)
        state, lost = _newton(problem, state, *(_QUICK if descent is None else _PATIENT))
        saddle = _summary(problem, state)
        lost = lost | ~(saddle.noise > least * q)
        done = (saddle.residual < _EXACT) | lost | (order == _ORDERS[-1])
        places.append(index[done])
        pieces.append((*saddle.at(done), state.envelope[done], lost[done]))
        rest = ~done
        if not bool(xp.any(rest)):
            break
        index, cells = index[rest], cells.at(rest)
        first, q, gamma, offset = (value[rest] for value in state[:4])
    *found, envelope, failed = in_order(xp, places, pieces)
    return Saddle(*found), envelope, failed


def _orders(loss: CellLosses, careful: bool) -> tuple[int, ...]:
    """Of the quadrature; the first may be too coarse for Newton's method to find its way."""
    coarse = (_ORDERS[0] if loss.breaks else MOST_EVEN) if careful else 0
    return tuple(order for order in _ORDERS if order > coarse)


def _newton(problem: Problem, state: State, steps: int, halvings: int) -> tuple[State, Any]:
    """Newton's method in log S_1, log q and log gamma, and the cells where it is lost.

    Unlike with gamma eliminated, E r^2 need not depend on gamma: where a wall holds the logits, it
    does not.
    """
    xp = problem.xp
    lost = settled = xp.zeros_like(state.noise) == 1
    for _ in range(steps):
        equations = _equations(problem, state)
        step = _solve_three(xp, _jacobian(problem, state), equations)
        size = xp.abs(step[0]) + xp.abs(step[1]) + xp.abs(step[2])
        far = _norm(problem, state, equations)
        settled = (size < 1e-9) & (far < 1e-6)
        length = 1 / xp.maximum(size / _LONGEST, xp.ones_like(size))
        trial = state
        for _ in range(halvings):
            first, q, gamma = (v * xp.exp(length * d) for v, d in zip(state[:3], step, strict=True))
            moved = state.signal_weight * problem.cells.signal * xp.expm1(length * step[0])
            trial = problem.state(first, q, gamma, state.moments.proximal, state.offset + moved)
            reached = _norm(problem, state, _equations(problem, trial))
            good = settled | (reached <= (1 - length / 4) * far)
            if bool(xp.all(good | lost)):
                break
            length = xp.where(good, length, length / 2)
        lost, state = lost | ~good, trial
        if bool(xp.all(settled | lost)):
            break
    return state, lost | ~settled


def _equations(problem: Problem, state: State) -> tuple[Any, Any, Any]:
    """What vanishes at the saddle: the slopes in S_1 and q, over them, and log E r^2/(nu q^2)."""
    along, across = slopes(problem, state).gradient
    level = state.pull.level * state.noise**2
    return (
        along / state.signal_weight,
        across / state.noise,
        problem.xp.log(state.moments.square / level),
    )


def _jacobian(problem: Problem, state: State) -> tuple[tuple[Any, Any, Any], ...]:
    """The slopes of the three equations in log S_1, log q and log gamma."""
    first, q = state[:2]
    (along, across), _, (aa, ab, bb), (of_weight, of_noise), _ = slopes(problem, state)
    square, level = state.moments.square, state.pull.level
    return (
        (aa - along / first, ab * q / first, (along - of_weight / 2) / first),
        (ab * first / q, bb - across / q, (across - of_noise / 2) / q),
        (
            of_weight * first / square,
            (of_noise + 2 * level * q) * q / square - 2,
            2 * steepness(problem.xp, state.moments) / square + 2 * state.pull.bend,
        ),
    )


def _norm(problem: Problem, state: State, equations: tuple[Any, Any, Any]) -> Any:
    """Of the equations, relative to what they balance at a state."""
    return (
        problem.xp.abs(equations[0] * state.signal_weight) / _balance(problem, state)
        + problem.xp.abs(equations[1])
        + problem.xp.abs(equations[2])
    )


def _balance(problem: Problem, state: State) -> Any:
    """The size of the terms in the slope in S_1."""
    cells = problem.cells
    decay = cells.weight_decay * state.envelope * state.signal_weight
    power = cells.signal**2 + cells.signal_noise**2
    return problem.xp.sqrt(power * state.moments.square + decay**2)


def _solve_three(
    xp: Any, rows: tuple[tuple[Any, Any, Any], ...], values: tuple[Any, Any, Any]
) -> tuple[Any, Any, Any]:
    """Newton's step by Cramer's rule; none where there is no determinant to divide by."""
    one, two, three = rows
    minors = (_cross(two, three), _cross(three, one), _cross(one, two))
    determinant = one[0] * minors[0][0] + one[1] * minors[0][1] + one[2] * minors[0][2]
    sound = xp.isfinite(determinant) & (determinant != 0)
    safe = xp.where(sound, determinant, 1.0)
    along, across, stretch = (
        xp.where(sound, -sum(m[i] * v for m, v in zip(minors, values, strict=True)) / safe, 0.0)
        for i in range(3)
    )
    return along, across, stretch


def _cross(u: tuple[Any, Any, Any], v: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
    return (u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0])


def _summary(problem: Problem, state: State) -> Saddle:
    xp, cells, found = problem.xp, problem.cells, state.moments
    decay = cells.weight_decay * state.envelope
    variance = cells.signal_noise**2
    lack = found.products[0]
    slope = (lack - state.pull.pull) / xp.clip(cells.aspect_ratio, 1.0, None)
    square = found.square / (state.pull.level * state.noise**2) - 1
    weight = state.signal_weight * (variance * lack + decay)
    balance = (cells.signal * found.step - weight) / _balance(problem, state)
    residual = defect(problem, state)
    for other in (slope, square, balance):
        residual = xp.maximum(residual, xp.abs(other))
    train_mean = state.offset + found.step

    def over_samples(values: Any) -> Any:
        return xp.sum(found.weights * values, axis=-1)

    return Saddle(
        state.signal_weight,
        state.noise,
        state.noise * xp.sqrt(state.pull.squared_norm) / cells.orthogonal_noise,
        problem.origin + train_mean,
        xp.sqrt(over_samples((found.proximal - train_mean[:, None]) ** 2)),
        over_samples(problem.loss.value(found.proximal)),
        residual,
    )

"""A slow descent to the scalar saddle that cannot miss: gamma is eliminated at every step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from .scalar_problem import Problem, State, defect, slopes, steepness

__all__ = ["VANISHED", "descend", "halved", "with_envelope"]


class _HasEnvelope(Protocol):
    @property
    def envelope(self) -> Any: ...


_AnyState = TypeVar("_AnyState", bound=_HasEnvelope)

_INNER = 40
_HALVINGS = 12
# Bounds on log gamma.
_LOWEST, _HIGHEST = -60.0, 30.0
VANISHED = 1e-8
"""Weights that shrink so far go to zero: a kink of the loss holds every logit."""


def descend(problem: Problem, state: State, steps: int, least: float) -> State:
    """Newton's method in (S_1, q), gamma eliminated, with a line search: to three digits.

    All cells take steps until the last one is there, or has shrunk to this share of its q.
    """
    xp, noise = problem.xp, state.noise
    state = _maximised(problem, state)
    for _ in range(steps):
        gradient, hessian = _derivatives(problem, state)
        change = _solve_two(xp, hessian, gradient)
        shift = xp.abs(change[0] * problem.cells.signal)
        scale = xp.minimum(
            xp.abs(problem.origin + state.offset), problem.spread(state.signal_weight, state.noise)
        )
        size = xp.maximum(shift / scale, xp.abs(change[1] / state.noise))
        # A fall below what the quadrature resolves leads nowhere.
        fall = -(gradient[0] * change[0] + gradient[1] * change[1])
        noise_level = defect(problem, state) * state.noise * xp.abs(change[1])
        vanished = state.noise < least * noise
        settled = (size < 1e-3) | (fall < 10 * noise_level) | vanished
        state = _line_search(problem, state, change, fall, settled)
        if bool(xp.all(settled)):
            break
    return state


def _maximised(problem: Problem, state: State) -> State:
    """The envelope at which E (p - Z)^2 = -gamma^2 tau' q^2: the quotient increases with it."""
    xp = problem.xp

    def lack(state: State) -> tuple[Any, Any]:
        square = state.moments.square
        rate = steepness(xp, state.moments) / square + state.pull.bend
        return xp.log(state.pull.level * state.noise**2) - xp.log(square), 2 * rate

    def at(state: State, envelope: Any) -> State:
        first, q, _, offset = state[:4]
        return problem.state(first, q, envelope, state.moments.proximal, offset)

    return with_envelope(xp, state, lack, at)


def with_envelope(
    xp: Any,
    state: _AnyState,
    lack: Callable[[_AnyState], tuple[Any, Any]],
    at: Callable[[_AnyState, Any], _AnyState],
) -> _AnyState:
    """The state at the gamma where nothing lacks, to a part in 10^5: Newton's method in log gamma.

    Parameters
    ----------
    lack : state -> what is lacking, and how fast that falls in log gamma.
    at : state, gamma -> the state there.
    """
    logarithm = xp.log(state.envelope)
    low, high = xp.full_like(logarithm, _LOWEST), xp.full_like(logarithm, _HIGHEST)
    for _ in range(_INNER):
        lacking, rate = lack(state)
        low, high = xp.where(lacking > 0, logarithm, low), xp.where(lacking < 0, logarithm, high)
        change = xp.clip(lacking / rate, -3.0, 3.0)
        # A step of more than half the bracket may end in a cycle of two.
        within = (2 * xp.abs(change) <= high - low) | (lacking == 0)
        moved = xp.where(within, logarithm + change, (low + high) / 2)
        size, logarithm = xp.abs(moved - logarithm), moved
        state = at(state, xp.exp(logarithm))
        # Where weight decay alone bounds the weights there is no root, and gamma has to stop.
        if bool(xp.all((size < 1e-5) | (logarithm > _HIGHEST - 0.1))):
            break
    return state


def halved(
    xp: Any,
    at: Callable[[Any], tuple[_AnyState, Any]],
    length: Any,
    fall: Any,
    settled: Any,
) -> _AnyState:
    """A step of each cell, halved while the slope at its end has risen past half of the fall.

    Parameters
    ----------
    at : lengths -> the state there, and the slope along the step.
    length, fall : the longest step, and the slope that it begins with, downwards.
    settled : cells whose step is taken as it is.
    """
    for _ in range(_HALVINGS):
        state, rise = at(length)
        good = settled | (rise <= 0.5 * xp.abs(fall))
        if bool(xp.all(good)):
            break
        length = xp.where(good, length, length / 2)
    return state


def _line_search(
    problem: Problem, state: State, change: tuple[Any, Any], fall: Any, settled: Any
) -> State:
    """A step of each cell, as far as S_1 and q keep their signs."""
    xp = problem.xp
    length = xp.ones_like(fall)
    for value, step in zip(state[:2], change, strict=True):
        shrinking = xp.where(value * step < 0, -step / value, 0.5)
        length = xp.minimum(length, 0.9 / xp.maximum(shrinking, xp.full_like(length, 0.5)))

    def at(length: Any) -> tuple[State, Any]:
        offset = state.offset + length * problem.cells.signal * change[0]
        first, q = (v + length * step for v, step in zip(state[:2], change, strict=True))
        start = problem.state(first, q, state.envelope, state.moments.proximal, offset)
        trial = _maximised(problem, start)
        ahead, _ = _derivatives(problem, trial)
        return trial, (ahead[0] * change[0] + ahead[1] * change[1]) / trial.envelope

    return halved(xp, at, length, fall / state.envelope, settled)


def _derivatives(problem: Problem, state: State) -> tuple[tuple[Any, Any], tuple[Any, Any, Any]]:
    """In (S_1, q), with gamma eliminated to first order, all times gamma: gradient and Hessian."""
    gradient, surplus, (aa, ab, bb), (of_weight, of_noise), curvature = slopes(problem, state)
    drop = 1 / (4 * curvature)
    return (
        (gradient[0] + surplus * of_weight * drop, gradient[1] + surplus * of_noise * drop),
        (aa + of_weight**2 * drop, ab + of_weight * of_noise * drop, bb + of_noise**2 * drop),
    )


def _solve_two(
    xp: Any, hessian: tuple[Any, Any, Any], gradient: tuple[Any, Any]
) -> tuple[Any, Any]:
    """Newton's step; coordinate by coordinate where rounding leaves the Hessian no determinant."""
    aa, ab, bb = hessian
    determinant = aa * bb - ab**2
    sound = determinant > 1e-14 * xp.abs(aa * bb)
    safe = xp.where(sound, determinant, 1.0)
    return (
        xp.where(sound, (ab * gradient[1] - bb * gradient[0]) / safe, -gradient[0] / aa),
        xp.where(sound, (ab * gradient[0] - aa * gradient[1]) / safe, -gradient[1] / bb),
    )

"""The scalar problem that the training problem concentrates on in high dimension, solved.

Over S_1 and q = sigma_n ||S_perp|| minimise, over the envelope gamma maximise,

    E M_gamma(Z) - lambda q^2/(2 gamma) + kappa (S_1^2 + q^2/sigma_n^2)/2,

Z = S_1 mu_f + sqrt(S_1^2 sigma_f^2 + q^2) G, with Moreau's envelope M_gamma of the per-sample loss
and weight decay kappa. It is concave in 1/gamma and, that maximised, convex in (S_1, q).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from .proximal_moments import CellLosses, Moments, moments

__all__ = ["Cells", "Saddle", "solve"]

_ORDERS = (64, 128, 256, 512, 1024)
_DESCENT = 25
_POLISH = 6
_INNER = 40
_HALVINGS = 12
_EXACT = 1e-13
# Bounds on log gamma.
_LOWEST, _HIGHEST = -60.0, 30.0
# Weights that shrink so far go to zero: a kink of the loss holds every logit.
_VANISHED = 1e-8


@dataclass(frozen=True)
class Cells:
    """The parameters of each cell, arrays of shape (cells,)."""

    aspect_ratio: Any
    signal: Any
    signal_noise: Any
    orthogonal_noise: Any
    weight_decay: Any
    alpha: Any

    def at(self, index: Any) -> Cells:
        """The cells that a mask or an array of positions selects."""
        return Cells(*(getattr(self, field.name)[index] for field in fields(self)))


class Saddle(NamedTuple):
    """The saddle in each cell, arrays of shape (cells,).

    ``residual`` is the largest of: E p' against its equation, the two other equations relative to
    their sizes, and the defect of an integration by parts, which an exact quadrature satisfies.
    """

    signal_weight: Any
    noise: Any
    train_mean: Any
    train_deviation: Any
    train_loss: Any
    residual: Any


class _State(NamedTuple):
    signal_weight: Any
    noise: Any
    envelope: Any
    moments: Moments


class _Problem(NamedTuple):
    xp: Any
    loss: CellLosses
    cells: Cells
    order: int

    def law(self, signal_weight: Any, noise: Any) -> tuple[Any, Any]:
        """Mean and deviation of Z."""
        along = signal_weight * self.cells.signal_noise
        return signal_weight * self.cells.signal, self.xp.sqrt(along**2 + noise**2)

    def state(self, signal_weight: Any, noise: Any, envelope: Any, start: Any = None) -> _State:
        mean, spread = self.law(signal_weight, noise)
        found = moments(self.xp, self.loss, mean, spread, envelope, self.order, start)
        return _State(signal_weight, noise, envelope, found)


def solve(
    xp: Any, losses: Callable[[Any], CellLosses], cells: Cells, signal_weight: Any, noise: Any
) -> Saddle:
    """The saddle in each cell: a descent that cannot miss, then Newton's method to the last digits.

    The order of the quadrature is doubled in the cells whose residual asks for it.

    Parameters
    ----------
    losses : gives the losses of cells with these strengths, of shape (cells, 1).
    signal_weight, noise : (cells,) where to start, both positive.
    """
    envelope = xp.ones_like(noise)
    index = xp.arange(signal_weight.shape[0])
    places, pieces = [], []
    for order in _ORDERS:
        problem = _Problem(xp, losses(cells.alpha[:, None]), cells, order)
        state = _polish(problem, _descend(problem, signal_weight, noise, envelope))
        saddle = _summary(problem, state)
        hopeless = ~(saddle.noise > _VANISHED * noise) | (order == _ORDERS[-1])
        done = (saddle.residual < _EXACT) | hopeless
        places.append(index[done])
        pieces.append(Saddle(*(value[done] for value in saddle)))
        rest = ~done
        if not bool(xp.any(rest)):
            break
        index, cells = index[rest], cells.at(rest)
        signal_weight, noise, envelope = (value[rest] for value in state[:3])
    order_of = xp.argsort(xp.concat(places))
    return Saddle(*(xp.take(xp.concat(part), order_of) for part in zip(*pieces, strict=True)))


def _descend(problem: _Problem, signal_weight: Any, noise: Any, envelope: Any) -> _State:
    """Newton's method in (S_1, q), gamma eliminated, with a line search: to three digits.

    All cells take steps until the last one is there.
    """
    xp = problem.xp
    state = _maximised(problem, problem.state(signal_weight, noise, envelope))
    for _ in range(_DESCENT):
        gradient, hessian, _ = _derivatives(problem, state)
        change = _solve_two(xp, hessian, gradient)
        size = xp.maximum(xp.abs(change[0] / state.signal_weight), xp.abs(change[1] / state.noise))
        # A fall below what the quadrature resolves leads nowhere.
        fall = -(gradient[0] * change[0] + gradient[1] * change[1])
        noise_level = _defect(problem, state) * state.noise * xp.abs(change[1])
        vanished = state.noise < _VANISHED * noise
        settled = (size < 1e-3) | (fall < 10 * noise_level) | vanished
        state = _line_search(problem, state, gradient, change, settled)
        if bool(xp.all(settled)):
            break
    return state


def _maximised(problem: _Problem, state: _State) -> _State:
    """The envelope at which E (p - Z)^2 = lambda q^2: the left side increases with it."""
    xp = problem.xp
    level = xp.log(problem.cells.aspect_ratio * state.noise**2)
    logarithm = xp.log(state.envelope)
    low, high = xp.full_like(level, _LOWEST), xp.full_like(level, _HIGHEST)
    for _ in range(_INNER):
        lack = level - xp.log(state.moments.square)
        low, high = xp.where(lack > 0, logarithm, low), xp.where(lack < 0, logarithm, high)
        steepness = 2 * _steepness(xp, state.moments) / state.moments.square
        change = xp.clip(lack / steepness, -3.0, 3.0)
        # A step of more than half the bracket may end in a cycle of two.
        within = (2 * xp.abs(change) <= high - low) | (lack == 0)
        moved = xp.where(within, logarithm + change, (low + high) / 2)
        size, logarithm = xp.abs(moved - logarithm), moved
        state = problem.state(
            state.signal_weight, state.noise, xp.exp(logarithm), state.moments.proximal
        )
        # Where weight decay alone bounds the weights there is no root, and gamma has to stop.
        if bool(xp.all((size < 1e-5) | (logarithm > _HIGHEST - 0.1))):
            break
    return state


def _line_search(
    problem: _Problem,
    state: _State,
    gradient: tuple[Any, Any],
    change: tuple[Any, Any],
    settled: Any,
) -> _State:
    """A step of each cell, halved while the slope at its end has risen past half of the fall."""
    xp = problem.xp
    fall = -(gradient[0] * change[0] + gradient[1] * change[1]) / state.envelope
    length = xp.ones_like(fall)
    for value, step in zip(state[:2], change, strict=True):
        backwards = xp.where(step < 0, step, -1.0)
        length = xp.where(step < 0, xp.minimum(length, -0.9 * value / backwards), length)
    trial = state
    for _ in range(_HALVINGS):
        weight, noise = (
            value + length * step for value, step in zip(state[:2], change, strict=True)
        )
        start = problem.state(weight, noise, state.envelope, state.moments.proximal)
        trial = _maximised(problem, start)
        ahead, _, _ = _derivatives(problem, trial)
        rise = (ahead[0] * change[0] + ahead[1] * change[1]) / trial.envelope
        good = settled | (rise <= 0.5 * xp.abs(fall))
        if bool(xp.all(good)):
            break
        length = xp.where(good, length, length / 2)
    return trial


def _polish(problem: _Problem, state: _State) -> _State:
    """Newton's method in (S_1, q, log gamma)."""
    xp = problem.xp
    state = problem.state(*state[:3])
    for _ in range(_POLISH):
        gradient, hessian, (lack, of_weight, of_noise) = _derivatives(problem, state)
        along, across = _solve_two(xp, hessian, gradient)
        log_change = -(lack + of_weight * along + of_noise * across) / (
            2 * _steepness(xp, state.moments)
        )
        weight = state.signal_weight + xp.clip(
            along, -0.5 * state.signal_weight, state.signal_weight
        )
        noise = state.noise + xp.clip(across, -0.5 * state.noise, state.noise)
        envelope = state.envelope * xp.exp(xp.clip(log_change, -1.0, 1.0))
        state = problem.state(weight, noise, envelope, state.moments.proximal)
        size = xp.abs(along / weight) + xp.abs(across / noise) + xp.abs(log_change)
        if bool(xp.all(size < 1e-9)):
            break
    return state


def _derivatives(
    problem: _Problem, state: _State
) -> tuple[tuple[Any, Any], tuple[Any, Any, Any], tuple[Any, Any, Any]]:
    """In (S_1, q), with gamma eliminated to first order, all times gamma: gradient and Hessian.

    The third part is E r^2 - lambda q^2, which the envelope makes zero, and its derivatives.
    """
    cells = problem.cells
    first, q, gamma, found = state
    _, s = problem.law(first, q)
    lack, g_lack, gg_lack, r_lack, gr_lack, _ = found.products
    variance = cells.signal_noise**2
    decay = cells.weight_decay * gamma
    across = decay / cells.orthogonal_noise**2 - cells.aspect_ratio
    # How s moves with S_1 and with q; Z moves by mu_f + s_first G and by s_q G.
    s_first, s_q = first * variance / s, q / s
    pull = -found.normal_step
    # dr/dZ = p' - 1, dr/dlog gamma = r p'.
    mu, bend = cells.signal, pull / s
    of_weight = -2 * (mu * r_lack + s_first * gr_lack)
    of_noise = -2 * (s_q * gr_lack + cells.aspect_ratio * q)
    surplus = found.square - cells.aspect_ratio * q**2
    drop = 1 / (4 * _steepness(problem.xp, found))
    gradient = (
        decay * first - mu * found.step + s_first * pull + surplus * of_weight * drop,
        s_q * pull + across * q + surplus * of_noise * drop,
    )
    hessian = (
        mu**2 * lack
        + 2 * mu * s_first * g_lack
        + s_first**2 * gg_lack
        + variance * bend * (1 - s_first * first / s)
        + decay
        + of_weight**2 * drop,
        s_q * (mu * g_lack + s_first * (gg_lack - bend)) + of_weight * of_noise * drop,
        s_q**2 * gg_lack + bend * (1 - s_q**2) + across + of_noise**2 * drop,
    )
    return gradient, hessian, (surplus, of_weight, of_noise)


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


def _steepness(xp: Any, found: Moments) -> Any:
    """E r^2 p', half the slope of E r^2 in log gamma; kept off zero, where all p rest on kinks."""
    return xp.maximum(found.products[-1], 1e-14 * found.square)


def _defect(problem: _Problem, state: _State) -> Any:
    """By how much the quadrature misses E G r = s (E p' - 1)."""
    _, spread = problem.law(state.signal_weight, state.noise)
    return problem.xp.abs(state.moments.normal_step / spread + 1 - state.moments.slope)


def _summary(problem: _Problem, state: _State) -> Saddle:
    xp, cells, found = problem.xp, problem.cells, state.moments
    mean, _ = problem.law(state.signal_weight, state.noise)
    decay = cells.weight_decay * state.envelope
    variance = cells.signal_noise**2
    slope = found.slope - (1 - cells.aspect_ratio + decay / cells.orthogonal_noise**2)
    square = found.square / (cells.aspect_ratio * state.noise**2) - 1
    weight = state.signal_weight * (variance * (1 - found.slope) + decay)
    scale = (cells.signal**2 + variance) * found.square + (decay * state.signal_weight) ** 2
    balance = (cells.signal * found.step - weight) / xp.sqrt(scale)
    residual = _defect(problem, state)
    for other in (slope, square, balance):
        residual = xp.maximum(residual, xp.abs(other))
    train_mean = mean + found.step

    def over_samples(values: Any) -> Any:
        return xp.sum(found.weights * values, axis=-1)

    return Saddle(
        state.signal_weight,
        state.noise,
        train_mean,
        xp.sqrt(over_samples((found.proximal - train_mean[:, None]) ** 2)),
        over_samples(problem.loss.value(found.proximal)),
        residual,
    )

"""The scalar problem of high dimension with a bias, for classes of unequal size, solved.

Over S_1, b and q = sigma_n ||S_perp|| minimise, over the envelope gamma maximise,

    E M_gamma(Z_y) - lambda q^2/(2 gamma),  Z_y = S_1 mu_f + y b + sqrt(S_1^2 sigma_f^2 + q^2) G,

with Moreau's envelope M_gamma of the per-sample loss and P(y = 1) = pi. It is concave in 1/gamma
and, that maximised, convex in (S_1, b, q).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from array_api_compat import device

from .parameter_grid import CellParameters, in_order
from .proximal_moments import CellLosses, Moments, moments
from .scalar_descent import VANISHED, halved, with_envelope

__all__ = ["BiasedSaddle", "ImbalancedCells", "solve_with_bias"]

_ORDERS = (64, 128, 256, 512, 1024)
_DESCENT = 40
_NEWTON_STEPS = 12
_EXACT = 1e-13
# A larger residual says that Newton's method is lost.
_NEAR = 1e-3


@dataclass(frozen=True)
class ImbalancedCells(CellParameters):
    """The parameters of each cell, arrays of shape (cells,)."""

    aspect_ratio: Any
    positive_fraction: Any
    signal: Any
    signal_noise: Any
    orthogonal_noise: Any
    alpha: Any


class BiasedSaddle(NamedTuple):
    """The saddle in each cell; of the training logits of either class, arrays (2, cells).

    ``residual`` is the largest of: E p' against its equation, the three other equations relative
    to their sizes, and the defect of an integration by parts, which an exact quadrature satisfies.
    """

    signal_weight: Any
    bias: Any
    noise: Any
    train_mean: Any
    train_deviation: Any
    train_loss: Any
    residual: Any


class _State(NamedTuple):
    """The unknowns (cells, 3) in the order S_1, b, q; gamma (cells,); moments of both classes."""

    unknowns: Any
    envelope: Any
    moments: Moments


class _Problem(NamedTuple):
    xp: Any
    loss: CellLosses
    cells: ImbalancedCells
    order: int

    def spread(self, unknowns: Any) -> Any:
        along = unknowns[:, 0] * self.cells.signal_noise
        return self.xp.sqrt(along**2 + unknowns[:, 2] ** 2)

    def state(self, unknowns: Any, envelope: Any, start: Any = None) -> _State:
        xp = self.xp
        middle, bias = unknowns[:, 0] * self.cells.signal, unknowns[:, 1]
        mean = xp.concat([middle + bias, middle - bias])
        spread, both = (xp.concat([v, v]) for v in (self.spread(unknowns), envelope))
        found = moments(xp, self.loss, mean, spread, both, self.order, start)
        return _State(unknowns, envelope, found)

    def classes(self, values: Any) -> Any:
        """(2, cells) of what is given for the cells of class 1 and then of class -1."""
        return self.xp.reshape(values, (2, -1))

    def mean(self, values: Any) -> Any:
        """E over y."""
        plus, minus = (self.classes(values)[i, :] for i in (0, 1))
        return self.cells.positive_fraction * plus + (1 - self.cells.positive_fraction) * minus

    def label_mean(self, values: Any) -> Any:
        """E y times the values."""
        plus, minus = (self.classes(values)[i, :] for i in (0, 1))
        return self.cells.positive_fraction * plus - (1 - self.cells.positive_fraction) * minus

    def surplus(self, state: _State) -> Any:
        """E r^2 - lambda q^2, which the envelope makes zero."""
        return self.mean(state.moments.square) - (
            self.cells.aspect_ratio * state.unknowns[:, 2] ** 2
        )

    def steepness(self, state: _State) -> Any:
        """E r^2 p', half the slope of E r^2 in log gamma; kept off zero."""
        found = state.moments
        return self.xp.maximum(self.mean(found.products[-1]), 1e-14 * self.mean(found.square))


def solve_with_bias(
    xp: Any,
    losses: Callable[[Any], CellLosses],
    cells: ImbalancedCells,
    signal_weight: Any,
    bias: Any,
    noise: Any,
    envelope: Any,
) -> BiasedSaddle:
    """The saddle in each cell by Newton's method, after a descent that cannot miss if it is lost.

    The order of the quadrature is doubled in the cells whose residual asks for it. The problem is
    convex and concave: there is no other saddle that Newton's method could end at.

    Parameters
    ----------
    losses : gives the losses of cells with these strengths, of shape (cells, 1).
    signal_weight, bias, noise, envelope : (cells,) where to start; all but the bias positive.
    """
    start = xp.stack([signal_weight, bias, noise], axis=-1), envelope
    found, lost = _solve(xp, losses, cells, start, descent=False)
    if not bool(xp.any(lost)):
        return found
    again, _ = _solve(xp, losses, cells.at(lost), tuple(v[lost, ...] for v in start), descent=True)
    places = [xp.nonzero(~lost)[0], xp.nonzero(lost)[0]]
    kept = [xp.take(value, places[0], axis=-1) for value in found]
    return BiasedSaddle(*in_order(xp, places, [kept, again]))


def _solve(
    xp: Any,
    losses: Callable[[Any], CellLosses],
    cells: ImbalancedCells,
    start: tuple[Any, ...],
    *,
    descent: bool,
) -> tuple[BiasedSaddle, Any]:
    """The saddle in each cell, and the cells where it is lost; the descent loses none."""
    unknowns, envelope = start
    index = xp.arange(envelope.shape[0], device=device(envelope))
    places, pieces = [], []
    for order in _ORDERS:
        strengths = xp.concat([cells.alpha, cells.alpha])
        problem = _Problem(xp, losses(strengths[:, None]), cells, order)
        state = problem.state(unknowns, envelope)
        state = _newton(problem, _descend(problem, state) if descent else state)
        saddle = _summary(problem, state)
        vanished = ~(saddle.noise > VANISHED * unknowns[:, 2])
        lost = xp.zeros_like(vanished) if descent else vanished | ~(saddle.residual < _NEAR)
        done = (saddle.residual < _EXACT) | vanished | lost | (order == _ORDERS[-1])
        finished = xp.nonzero(done)[0]
        places.append(index[done])
        pieces.append([*(xp.take(value, finished, axis=-1) for value in saddle), lost[done]])
        rest = ~done
        if not bool(xp.any(rest)):
            break
        index, cells = index[rest], cells.at(rest)
        unknowns = xp.take(state.unknowns, xp.nonzero(rest)[0], axis=0)
        envelope = state.envelope[rest]
    *found, failed = in_order(xp, places, pieces)
    return BiasedSaddle(*found), failed


def _descend(problem: _Problem, state: _State) -> _State:
    """Newton's method in (S_1, b, q), gamma eliminated, with a line search: to three digits."""
    xp, noise = problem.xp, state.unknowns[:, 2]
    state = _maximised(problem, state)
    for _ in range(_DESCENT):
        gradient, hessian, _ = _derivatives(problem, state)
        change = _newton_step(xp, hessian, gradient)
        size = xp.max(xp.abs(change) / _scale(problem, state)[:, None], axis=-1)
        fall = -xp.sum(gradient * change, axis=-1)
        # A fall below what the quadrature resolves leads nowhere.
        unresolved = 10 * _defect(problem, state) * state.unknowns[:, 2] * xp.abs(change[:, 2])
        vanished = state.unknowns[:, 2] < VANISHED * noise
        settled = ~(size >= 1e-3) | (fall < unresolved) | vanished
        if bool(xp.all(settled)):
            break
        state = _line_search(problem, state, change, fall, settled)
    return state


def _scale(problem: _Problem, state: _State) -> Any:
    """The size of the unknowns: the deviation of Z, in whose terms q and S_1 sigma_f are parts."""
    return problem.spread(state.unknowns)


def _maximised(problem: _Problem, state: _State) -> _State:
    """The envelope at which E (p - Z)^2 = lambda q^2: the left side increases with it."""
    xp = problem.xp

    def lack(state: _State) -> tuple[Any, Any]:
        square = problem.mean(state.moments.square)
        level = problem.cells.aspect_ratio * state.unknowns[:, 2] ** 2
        return xp.log(level) - xp.log(square), 2 * problem.steepness(state) / square

    def at(state: _State, envelope: Any) -> _State:
        return problem.state(state.unknowns, envelope, state.moments.proximal)

    return with_envelope(xp, state, lack, at)


def _line_search(problem: _Problem, state: _State, change: Any, fall: Any, settled: Any) -> _State:
    """A step of each cell, as far as S_1 and q stay positive."""
    xp = problem.xp
    shrink = -change[:, ::2] / state.unknowns[:, ::2]
    length = 0.9 / xp.maximum(xp.max(shrink, axis=-1), xp.full_like(fall, 0.9))

    def at(length: Any) -> tuple[_State, Any]:
        unknowns = state.unknowns + length[:, None] * change
        trial = _maximised(problem, problem.state(unknowns, state.envelope, state.moments.proximal))
        ahead, _, _ = _derivatives(problem, trial)
        return trial, xp.sum(ahead * change, axis=-1) / trial.envelope

    return halved(xp, at, length, fall / state.envelope, settled)


def _newton(problem: _Problem, state: _State) -> _State:
    """Newton's method in (S_1, b, q, log gamma)."""
    xp = problem.xp
    for _ in range(_NEWTON_STEPS):
        gradient, hessian, of_unknowns = _derivatives(problem, state)
        change = _newton_step(xp, hessian, gradient)
        lack = problem.surplus(state) + xp.sum(of_unknowns * change, axis=-1)
        log_change = -lack / (2 * problem.steepness(state))
        shrink = -change[:, ::2] / state.unknowns[:, ::2]
        length = 0.5 / xp.maximum(xp.max(shrink, axis=-1), xp.full_like(lack, 0.5))
        unknowns = state.unknowns + length[:, None] * change
        envelope = state.envelope * xp.exp(xp.clip(log_change, -1.0, 1.0))
        size = xp.max(xp.abs(change), axis=-1) / _scale(problem, state) + xp.abs(log_change)
        state = problem.state(unknowns, envelope, state.moments.proximal)
        if not bool(xp.any(size >= 1e-9)):
            break
    return state


def _derivatives(problem: _Problem, state: _State) -> tuple[Any, Any, Any]:
    """In (S_1, b, q), with gamma eliminated to first order, all times gamma: gradient and Hessian.

    The third part is the derivatives of E r^2 - lambda q^2.
    """
    xp, cells, found = problem.xp, problem.cells, state.moments
    first, q = state.unknowns[:, 0], state.unknowns[:, 2]
    s = problem.spread(state.unknowns)
    lack, g_lack, gg_lack, r_lack, gr_lack = map(problem.mean, found.products[:5])
    y_lack, yg_lack, _, yr_lack, _ = map(problem.label_mean, found.products[:5])
    mu, variance = cells.signal, cells.signal_noise**2
    # How s moves with S_1 and with q; Z moves by mu_f + s_first G, by y and by s_q G.
    s_first, s_q = first * variance / s, q / s
    pull = -problem.mean(found.normal_step)
    bend = pull / s
    # dr/dZ = p' - 1, dr/dlog gamma = r p'.
    of_unknowns = -2 * xp.stack(
        [mu * r_lack + s_first * gr_lack, yr_lack, s_q * gr_lack + cells.aspect_ratio * q],
        axis=-1,
    )
    drop = 1 / (4 * problem.steepness(state))
    gradient = xp.stack(
        [
            s_first * pull - mu * problem.mean(found.step),
            -problem.label_mean(found.step),
            s_q * pull - cells.aspect_ratio * q,
        ],
        axis=-1,
    )
    gradient = gradient + (problem.surplus(state) * drop)[:, None] * of_unknowns
    first_first = (
        mu**2 * lack
        + 2 * mu * s_first * g_lack
        + s_first**2 * gg_lack
        + bend * (variance - s_first**2)
    )
    first_bias = mu * y_lack + s_first * yg_lack
    first_q = s_q * (mu * g_lack + s_first * (gg_lack - bend))
    q_q = s_q**2 * gg_lack + bend * (1 - s_q**2) - cells.aspect_ratio
    rows = (
        (first_first, first_bias, first_q),
        (first_bias, lack, s_q * yg_lack),
        (first_q, s_q * yg_lack, q_q),
    )
    hessian = xp.stack([xp.stack(row, axis=-1) for row in rows], axis=-2)
    products = of_unknowns[:, :, None] * of_unknowns[:, None, :]
    return gradient, hessian + drop[:, None, None] * products, of_unknowns


def _newton_step(xp: Any, hessian: Any, gradient: Any) -> Any:
    """-H^-1 g, with H scaled to a unit diagonal and kept off singularity by rounding."""
    diagonal = xp.stack([hessian[:, i, i] for i in range(3)], axis=-1)
    scale = 1 / xp.sqrt(xp.where(diagonal > 0, diagonal, 1.0))
    unit = xp.eye(3, dtype=hessian.dtype, device=device(hessian))
    scaled = hessian * scale[:, :, None] * scale[:, None, :] + 1e-15 * unit
    return -scale * xp.linalg.solve(scaled, (scale * gradient)[:, :, None])[:, :, 0]


def _defect(problem: _Problem, state: _State) -> Any:
    """By how much the quadrature misses E G r = s (E p' - 1)."""
    found, s = state.moments, problem.spread(state.unknowns)
    misses = problem.classes(found.normal_step) / s + 1 - problem.classes(found.slope)
    return problem.xp.max(problem.xp.abs(misses), axis=0)


def _summary(problem: _Problem, state: _State) -> BiasedSaddle:
    xp, cells, found = problem.xp, problem.cells, state.moments
    first, bias, noise = (state.unknowns[:, i] for i in range(3))
    variance, square = cells.signal_noise**2, problem.mean(found.square)
    slope = problem.mean(found.slope)
    balance = cells.signal * problem.mean(found.step) - first * variance * (1 - slope)
    misses = (
        slope - (1 - cells.aspect_ratio),
        square / (cells.aspect_ratio * noise**2) - 1,
        balance / xp.sqrt((cells.signal**2 + variance) * square),
        problem.label_mean(found.step) / xp.sqrt(square),
    )
    residual = _defect(problem, state)
    for miss in misses:
        residual = xp.maximum(residual, xp.abs(miss))
    z = found.proximal
    means = xp.sum(found.weights * z, axis=-1)
    deviations = xp.sqrt(xp.sum(found.weights * (z - means[:, None]) ** 2, axis=-1))
    losses = xp.sum(found.weights * problem.loss.value(z), axis=-1)
    return BiasedSaddle(
        first,
        bias,
        noise,
        problem.classes(means),
        problem.classes(deviations),
        problem.mean(losses),
        residual,
    )

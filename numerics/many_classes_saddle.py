"""The saddle of the scalar problem of K classes, and how far the quadrature may have moved it.

The problem is concave in 1/gamma and, that maximised, convex in (a, q): a descent on few nodes
cannot miss, and Newton's method on more nodes takes it to the last digits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import NotConvergedError, SeparableError
from .many_classes_problem import Expansion, Point, Problem, expansion
from .simplex_nodes import Nodes, product_nodes, scrambled_nodes

__all__ = ["Saddle", "solve"]

Array = NDArray[np.float64]

# Steps of the product rules for one, two and three coordinates.
_STEPS = ((0.4, 0.2, 0.1, 0.05, 0.025), (0.6, 0.4, 0.3, 0.2, 0.1), (0.8, 0.65, 0.5, 0.4, 0.3))
_GOAL = 1e-10
# Replicates of scrambled points, and bounds on log2 of their number in each.
_REPLICATES, _LOG2_LEAST, _LOG2_COUNT, _LOG2_COARSE = 8, 8, 12, 10
# Of points times classes, which average themselves: as many suffice for any number of classes.
_LOG2_TOTAL = 19
_DESCENT, _INNER, _POLISH, _HALVINGS = 80, 60, 12, 30
_ROUGH, _EXACT, _SOLVED = 1e-3, 1e-13, 1e-8
# A share of the noise at which that of the level is taken for zero.
_VANISHED = 1e-4
# A bound on log gamma.
_HIGHEST = 20.0


@dataclass(frozen=True)
class Saddle:
    """A saddle, and what a mean over training samples needs.

    Attributes
    ----------
    problem : the problem that was solved, with a single block where the level vanishes.
    others : saddles of other rules, at first order: of the finer rule, or of each replicate.
    residual : the largest defect of an equation, relative, or standard error of one.
    rules, proximal : nodes, and the training logits p there.
    """

    problem: Problem
    point: Point
    others: tuple[Point, ...]
    residual: float
    rules: tuple[Nodes, ...]
    proximal: tuple[Array, ...]

    def error(self, function: Callable[[Point], float]) -> float:
        """Of a function of the saddle, what the quadrature may have added to it."""
        values = np.array([function(point) for point in self.others])
        if len(values) == 1:
            return abs(float(values[0]) - function(self.point))
        return float(values.std(ddof=1) / len(values) ** 0.5)


class _State(NamedTuple):
    """A point with the expansions of the rules that are averaged."""

    point: Point
    rules: tuple[Nodes, ...]
    expansions: tuple[Expansion, ...]

    @property
    def gradient(self) -> Array:
        return np.asarray(np.mean([e.gradient for e in self.expansions], axis=0))

    @property
    def hessian(self) -> Array:
        return np.asarray(np.mean([e.hessian for e in self.expansions], axis=0))


class _Level(NamedTuple):
    """Rules to solve with, and a finer one to judge by; replicates judge each other."""

    rules: tuple[Nodes, ...]
    finer: Nodes | None


def solve(problem: Problem, start: Point) -> Saddle:
    """The saddle, on the first quadrature that is precise enough or on the finest.

    Raises
    ------
    SeparableError : without a penalty, classes are separable or nearly so.
    NotConvergedError : an iteration did not end.
    """
    dimension = problem.classes - 2 + problem.blocks
    levels = (
        _product_levels(problem, _STEPS[dimension - 1])
        if dimension <= len(_STEPS)
        else _scrambled_levels(problem)
    )
    # A proximal step may overflow on its way, which halving mends.
    try:
        with np.errstate(all="ignore"):
            state = _descend(problem, _begun(problem, start, next(levels)))
            if _level_vanishes(state.point):
                plane = Point(*(part[:1] for part in state.point))
                return solve(replace(problem, blocks=1), plane)
            for level in levels:
                state = _polish(problem, _begun(problem, state.point, level))
                saddle = _judged(problem, state, level)
                if saddle.residual < _GOAL:
                    break
    except np.linalg.LinAlgError as error:
        raise NotConvergedError(
            "the scalar problem is flat to rounding, as next to the separability threshold; choose "
            "a larger alpha or weight decay"
        ) from error
    return saddle


def _product_levels(problem: Problem, steps: Sequence[float]) -> Iterator[_Level]:
    """The first for the descent."""
    rules = (product_nodes(problem.classes, problem.blocks, step) for step in steps)
    rule = next(rules)
    yield _Level((rule,), None)
    for finer in rules:
        yield _Level((rule,), finer)
        rule = finer


def _scrambled_levels(problem: Problem) -> Iterator[_Level]:
    log2_count = _LOG2_TOTAL - int(np.log2(problem.classes))
    fine = min(max(log2_count, _LOG2_LEAST), _LOG2_COUNT)
    for log2_count, seeds in ((min(fine, _LOG2_COARSE), range(1)), (fine, range(_REPLICATES))):
        rules = (scrambled_nodes(problem.classes, problem.blocks, log2_count, s) for s in seeds)
        yield _Level(tuple(rules), None)


def _begun(problem: Problem, point: Point, level: _Level) -> _State:
    starts = [problem.logits(point, nodes) for nodes in level.rules]
    return _expanded(problem, point, level.rules, starts)


def _expanded(
    problem: Problem, point: Point, rules: Sequence[Nodes], starts: Sequence[Array]
) -> _State:
    found = (expansion(problem, point, n, start) for n, start in zip(rules, starts, strict=True))
    return _State(point, tuple(rules), tuple(found))


def _at(problem: Problem, state: _State, point: Point) -> _State:
    """The state at another point, found from the proximal points of this one."""
    return _expanded(problem, point, state.rules, [e.proximal for e in state.expansions])


def _descend(problem: Problem, state: _State) -> _State:
    """Newton's method in (a, q), gamma eliminated, with a line search: to three digits."""
    count = problem.blocks
    state = _maximised(problem, state)
    for _ in range(_DESCENT):
        slope, bend = _reduced(problem, state)
        change = -np.linalg.solve(bend, slope)
        noise = state.point.noise
        sizes = np.concatenate([np.abs(state.point.signal) + noise, noise])
        if np.max(np.abs(change) / sizes) < _ROUGH or _level_vanishes(state.point):
            return state
        shrinking = np.maximum(-change[count:] / noise, 1e-300)
        length = min(1.0, 0.9 / float(np.max(shrinking)))
        for _ in range(_HALVINGS):
            step = np.concatenate([length * change, np.zeros(count)])
            trial = _maximised(problem, _at(problem, state, state.point.moved(step)))
            # Halved while the slope at its end has risen past half of the fall.
            if _reduced(problem, trial)[0] @ change <= abs(slope @ change) / 2:
                break
            length /= 2
        state = trial
    raise NotConvergedError(
        f"the weights still move after {_DESCENT} steps, to a = {state.point.signal[0]:.3g}; "
        "expected a minimiser; without a penalty (alpha = 0) separable classes have none: choose "
        "alpha > 0, fewer features or a weaker signal"
    )


def _level_vanishes(point: Point) -> bool:
    """Logits that stay where f is a parabola do not move the level."""
    return len(point.noise) > 1 and bool(point.noise[1] < _VANISHED * point.noise[0])


def _reduced(problem: Problem, state: _State) -> tuple[Array, Array]:
    """Slope and Hessian in (a, q), gamma maximised over to first order."""
    free, held = slice(2 * problem.blocks), slice(2 * problem.blocks, None)
    hessian, gradient = state.hessian, state.gradient
    answer = np.linalg.solve(hessian[held, held], hessian[held, free])
    slope = gradient[free] - answer.T @ gradient[held]
    return slope, hessian[free, free] - hessian[free, held] @ answer


def _maximised(problem: Problem, state: _State) -> _State:
    """The envelopes at which E |P_j (p - Z)|^2, which grow with them, are lambda m_j q_j^2.

    Without a penalty the limit of the left side is the squared distance of Z from correct logits.
    Where that is less, noise of size q corrects all samples: they are separable.
    """
    held = slice(2 * problem.blocks, None)
    for _ in range(_INNER):
        goal = _weight(problem, state.point) / 2
        square = goal - state.gradient[held]
        lack = np.log(goal / square)
        growth = 1 - (goal + np.diag(state.hessian)[held]) / square
        # Where weight decay alone bounds the weights there is no root, and gamma has to stop.
        change = np.minimum(np.clip(lack / growth, -3, 3), _HIGHEST - state.point.envelope)
        if np.all((np.abs(lack) < _ROUGH) | (change == 0)):
            break
        step = np.concatenate([np.zeros(2 * problem.blocks), change])
        state = _at(problem, state, state.point.moved(step))
    else:
        raise NotConvergedError(
            f"no envelope of the loss after {_INNER} steps at a = {state.point.signal[0]:.3g}, q = "
            f"{state.point.noise[0]:.3g}; choose a larger alpha or weight decay"
        )
    if problem.loss.alpha == problem.weight_decay == 0 and np.any(lack > _ROUGH):
        raise SeparableError(
            f"at alpha = 0, d/N = {problem.aspect_ratio:g} and signal/signal_noise = "
            f"{problem.signal / problem.signal_noise:g} the {problem.classes} classes are "
            "separable, or nearly so, and no minimiser exists; expected alpha > 0, weight_decay > "
            "0 or fewer features"
        )
    return state


def _weight(problem: Problem, point: Point) -> Array:
    """lambda m_j q_j^2/gamma_j, the size of what the equations balance."""
    inside = problem.aspect_ratio * problem.dimensions * point.noise**2
    return np.asarray(inside * np.exp(-point.envelope))


def _polish(problem: Problem, state: _State) -> _State:
    """Newton's method in (a, q, log gamma)."""
    for _ in range(_POLISH):
        change = -np.linalg.solve(state.hessian, state.gradient)
        noise = np.clip(change[problem.blocks : 2 * problem.blocks], -state.point.noise / 2, None)
        change[problem.blocks : 2 * problem.blocks] = noise
        state = _at(problem, state, state.point.moved(change))
        left = float(np.max(np.abs(_relative(problem, state.point, state.gradient))))
        if left < _EXACT:
            break
    if not left < _SOLVED:
        raise NotConvergedError(
            f"Newton's method stopped at a residual of {left:.1e}, expected {_SOLVED:g}; choose a "
            "larger alpha or weight decay"
        )
    return state


def _relative(problem: Problem, point: Point, gradient: Array) -> Array:
    """The defects of the equations, relative to the sizes of their terms."""
    weight = _weight(problem, point)
    power = problem.signal**2 / problem.classes + problem.signal_noise**2
    a, q, gamma = np.split(gradient, 3)
    noise = point.noise / weight
    return np.concatenate([a * noise / power**0.5, q * noise, 2 * gamma / weight])


def _judged(problem: Problem, state: _State, level: _Level) -> Saddle:
    point = state.point
    if level.finer is None:
        found = state.expansions
    else:
        start = problem.logits(point, level.finer)
        found = (expansion(problem, point, level.finer, start),)
    defects = np.array([_relative(problem, point, e.gradient) for e in found])
    residual = np.max(np.abs(_relative(problem, point, state.gradient)))
    if level.finer is None:
        quadrature = np.max(defects.std(axis=0, ddof=1)) / len(found) ** 0.5
    else:
        quadrature = np.max(np.abs(defects))
    others = (point.moved(-np.linalg.solve(state.hessian, e.gradient)) for e in found)
    return Saddle(
        problem,
        point,
        tuple(others),
        float(max(residual, quadrature)),
        state.rules,
        tuple(e.proximal for e in state.expansions),
    )

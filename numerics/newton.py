"""Truncated Newton in orthonormal coordinates, for many strengths alpha at once.

Clustered logits have nearly equal curvatures l''(z_i), so that the Hessian Q^T diag(l'') Q is
nearly a multiple of the identity, and few steps of conjugate gradients solve with it: they contract
by about the epsilon of the alignment bound each. All alphas share the products with Q.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky

from .coordinates import Coordinates, Rough
from .loss_terms import Curvature, Logits
from .losses import SampleLoss
from .rounding import Matrix

__all__ = ["ACCEPTED", "GOAL", "Minimum", "gradient_scale", "newton", "norms", "scaled_start"]

GOAL = 1e-14
ACCEPTED = 1e-11
_PATIENCE = 5
_CG_STEPS = 300
_CG_ACCURACY = 1e-5
# Unknowns up to which a Hessian that is too ill-conditioned for conjugate gradients is factored.
_FACTORED = 2048
# Relative gradient from which a full Newton step is worth more than one that stops early.
_NEAR = 1e-5
_SEARCH_STEPS = 60
# By how much more the loss has to fall at half the length.
_WORTH = 1.1
# Curvatures that may be those of a cusp, and how much steeper one is there than beside it.
_STEEP, _SPIKE = 1e6, 4.0
_REACH = 10.0
_LARGEST_FACTOR, _SMALLEST_FACTOR = 10, -6

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Minimum:
    """What was found for each alpha: the last axis of every array.

    Attributes
    ----------
    coordinates : (rank, n_outputs, n_alphas).
    steps : Newton steps.
    relative : the norm of the gradient over :func:`gradient_scale`.
    reached : whether that is at rounding level.
    """

    coordinates: Matrix
    steps: NDArray[np.int_]
    relative: Matrix
    reached: Flags


def gradient_scale(basis: Coordinates, loss: SampleLoss, logits: Any) -> Matrix:
    """(n_alphas,) ||G|| + ||H z||, G the gradients of the samples and H their curvatures."""
    at = loss.at(logits)
    return _scale(basis, loss, at, loss.gradient(at), loss.curvature(at))


def _scale(
    basis: Coordinates, loss: SampleLoss, at: Logits, pull: Matrix, curvature: Curvature
) -> Matrix:
    """The same; a curvature that towers above that a thousandth to its left and right, as beside
    the cusp of abs(z - 1)^(3/2), would make any gradient look small, and counts as those do."""
    bent = curvature(at.z)
    if np.max(curvature.diagonal) > _STEEP:
        beside = [loss.curvature(step * at.z).diagonal for step in (0.999, 1.001)]
        bent = bent - np.maximum(curvature.diagonal - _SPIKE * np.maximum(*beside), 0) * at.z
    return np.asarray(norms(basis.weighted(pull)) + norms(basis.weighted(bent)))


def scaled_start(basis: Coordinates, loss: SampleLoss, targets: Matrix, alphas: int) -> Matrix:
    """The multiple of the least-squares solution for ``targets`` that minimises the loss, roughly:
    a power of two, or zero.

    Parameters
    ----------
    targets : (n_samples, n_outputs), where the logits should go up to a factor.

    Returns
    -------
    coordinates : (rank, n_outputs, n_alphas).
    """
    direction = basis.collect(basis.weighted(targets))
    logits = np.repeat(basis.weighted(basis.spread(direction), -1)[..., None], alphas, axis=2)

    def total(factor: float) -> Matrix:
        with np.errstate(over="ignore", invalid="ignore"):
            found = np.sum(basis.weighted(loss.value(factor * logits), 2), axis=0)
        return np.asarray(np.where(np.isnan(found), np.inf, found))

    at_one = total(1.0)
    best, least = np.zeros(alphas), total(0.0)
    best, least = np.where(at_one < least, 1.0, best), np.minimum(at_one, least)
    # Upwards from one, then downwards, as long as the loss of some alpha falls or overflows.
    for sign, end in ((1, _LARGEST_FACTOR), (-1, -_SMALLEST_FACTOR)):
        last = at_one
        for exponent in range(1, end + 1):
            factor = 2.0 ** (sign * exponent)
            here = total(factor)
            best, least = np.where(here < least, factor, best), np.minimum(here, least)
            if not np.any(here < last) and (sign > 0 or np.all(np.isfinite(here))):
                break
            last = here
        if np.all(best > 1):
            break
    return np.asarray(direction[..., None] * best)


def newton(
    basis: Coordinates,
    loss: SampleLoss,
    start: Matrix,
    max_steps: int,
    *,
    goal: Any = GOAL,
    accepted: float = ACCEPTED,
    scale: Callable[[Matrix, NDArray[np.intp]], Matrix] | None = None,
    stop: Callable[[Matrix], bool] | None = None,
    rough: Rough | None = None,
) -> Minimum:
    """Minimise the sum of the losses over the coordinates, from ``start``, for every alpha.

    Parameters
    ----------
    loss : with an array of n_alphas strengths.
    start : (rank, n_outputs, n_alphas).
    goal : relative size of the gradient to reach; a number, or one for each alpha.
    accepted : what is enough where no further progress is made.
    scale : (logits, indices of the alphas) -> what gradients are relative to;
        :func:`gradient_scale` if None.
    stop : logits -> whether to give up here.
    rough : coordinates for conjugate gradients; by default those for the curvatures at the start.
    """
    alphas = start.shape[2]
    goals = np.broadcast_to(np.asarray(goal, dtype=np.float64), (alphas,))
    found, steps = start.copy(), np.zeros(alphas, dtype=int)
    best, stalled = np.full(alphas, np.inf), np.zeros(alphas, dtype=int)
    shortened = np.zeros(alphas, dtype=bool)
    active = np.arange(alphas)
    reach = np.linalg.norm(basis.weighted(np.ones(len(basis.matrix))))
    c, at = start, loss.at(basis.weighted(basis.spread(start), -1))
    value = loss.value(at)
    for step in range(max_steps + 1):
        part = loss.restrict(active)
        pull, curvature = part.gradient(at), part.curvature(at)
        gradient = basis.collect(basis.weighted(pull))
        size = norms(gradient)
        unit = _scale(basis, part, at, pull, curvature) if scale is None else scale(at.z, active)
        relative = np.where(unit > 0, size / np.where(unit > 0, unit, 1), 0)
        stalled[active] = np.where(relative < 0.9 * best[active], 0, stalled[active] + 1)
        better = relative <= best[active]
        best[active[better]] = relative[better]
        found[..., active[better]] = c[..., better]
        steps[active] = step
        if stop is not None and stop(at.z):
            return Minimum(c, steps, best, np.zeros(alphas, dtype=bool))
        going = best[active] > goals[active]
        going &= ~((best[active] <= accepted) & (stalled[active] >= _PATIENCE))
        if not np.any(going) or step == max_steps:
            break
        fraction = np.maximum(relative, 0.1 * goals[active] / np.maximum(relative, goals[active]))
        fraction = np.clip(fraction, _CG_ACCURACY, 0.1)
        damping = size / (_REACH * (norms(c) + reach))
        if rough is None:
            rough = basis.rough(curvature.diagonal)
        direction, short = _conjugate_gradients(rough, curvature, -gradient, damping, fraction)
        short &= (relative < _NEAR) & (gradient[..., 0].size <= _FACTORED)
        for i in np.flatnonzero(short):
            solved = _factored(basis, curvature.restrict([i]), -gradient[..., i], damping[i])
            direction[..., i] = direction[..., i] if solved is None else solved
        change = basis.weighted(basis.spread(direction), -1)
        slope = _inner(gradient, direction)
        length, at, value = _line_search(basis, part, at, value, change, slope, shortened[active])
        shortened[active] = length < 1
        going &= length > 0
        c = c + length * direction
        if not np.all(going):
            active, c, value = active[going], c[..., going], value[..., going]
            at = loss.at(at.z[..., going])
        if not len(active):
            break
    return Minimum(found, steps, best, best <= np.maximum(goals, accepted))


def _conjugate_gradients(
    rough: Rough, curvature: Curvature, rhs: Matrix, damping: Matrix, fraction: Matrix
) -> tuple[Matrix, Flags]:
    """Solve (Hessian + damping) u = rhs for every alpha, to a residual of ``fraction`` times the
    right-hand side; stop where the curvature is not positive. Tell where there is still more left.

    A damping in proportion to the gradient keeps the quadratic convergence, and the steps within
    ``_REACH`` times the logits that are there, or within that if they are small. Single precision,
    where the coordinates suggest it, serves right-hand sides and curvatures of the size of one; but
    not more than the products where K logits share a level that next to nothing curves.
    """
    single = rhs.shape[1] == 1
    dtype = rough.basis.matrix.dtype if single else np.dtype(np.float64)
    size, bend = _positive(norms(rhs)), np.max(np.abs(curvature.diagonal), axis=(0, 1))
    top = _positive(np.maximum(bend, damping))
    unit = rough.gradient(rhs / size).astype(dtype)
    pairs = tuple(((a / top).astype(dtype), b.astype(dtype)) for a, b in curvature.pairs)
    curvature = Curvature(curvature.at, (curvature.diagonal / top).astype(dtype), pairs)
    limit = min(unit[..., 0].size + 10, _CG_STEPS)
    solve = _one_at_a_time if len(size) == 1 else _many_at_a_time
    found, short = solve(
        rough.basis, curvature, unit, (damping / top).astype(dtype), fraction, limit
    )
    return np.asarray(rough.leave(found) * (size / top)), short


def _many_at_a_time(
    basis: Coordinates,
    curvature: Curvature,
    rhs: Matrix,
    damping: Matrix,
    fraction: Matrix,
    limit: int,
) -> tuple[Matrix, Flags]:
    result, short = np.zeros_like(rhs), np.ones(rhs.shape[2], dtype=bool)
    active = np.arange(rhs.shape[2])
    solution, residual, direction = np.zeros_like(rhs), rhs, rhs
    squared = _inner(rhs, rhs)
    enough = fraction**2 * squared
    for _ in range(limit):
        product = basis.collect(curvature(basis.spread(direction))) + damping * direction
        bend = _inner(direction, product)
        straight = bend <= 0
        length = np.where(straight, 0, squared / np.where(straight, 1, bend))
        solution = solution + length * direction
        # Where the very first direction is not curved upwards it is followed a tenth of the reach.
        stuck = straight & ~np.any(solution, axis=(0, 1))
        solution = np.where(stuck, 0.01 * rhs[..., active] / _positive(damping), solution)
        residual = residual - length * product
        previous, squared = squared, _inner(residual, residual)
        going = ~straight & (squared > enough)
        result[..., active[~going]], short[active[~going]] = solution[..., ~going], False
        if not np.any(going):
            return result, short
        direction = residual + squared / _positive(previous) * direction
        if not np.all(going):
            active, curvature = active[going], curvature.restrict(going)
            solution, residual = solution[..., going], residual[..., going]
            direction, squared = direction[..., going], squared[going]
            damping, enough = damping[going], enough[going]
    result[..., active] = solution
    return result, short


def _one_at_a_time(
    basis: Coordinates,
    curvature: Curvature,
    rhs: Matrix,
    damping: Matrix,
    fraction: Matrix,
    limit: int,
) -> tuple[Matrix, Flags]:
    """The same for a single alpha, without what it costs to keep many apart."""
    solution, residual, direction = np.zeros_like(rhs), rhs, rhs
    squared = float(np.vdot(rhs, rhs))
    enough = float(fraction[0]) ** 2 * squared
    for _ in range(limit):
        product = basis.collect(curvature(basis.spread(direction))) + damping * direction
        bend = float(np.vdot(direction, product))
        if bend <= 0:
            stuck = not np.any(solution)
            return 0.01 * rhs / _positive(damping) if stuck else solution, np.array([False])
        length = squared / bend
        solution = solution + length * direction
        residual = residual - length * product
        previous, squared = squared, float(np.vdot(residual, residual))
        if squared <= enough:
            return solution, np.array([False])
        direction = residual + squared / previous * direction
    return solution, np.array([True])


def _factored(
    basis: Coordinates, curvature: Curvature, rhs: Matrix, damping: float
) -> Matrix | None:
    """Solve the same for a single alpha by Cholesky's factorisation of the Hessian, if it has one.

    Parameters
    ----------
    rhs : (rank, n_outputs).
    """
    q, outputs = basis.q, range(rhs.shape[1])
    blocks = []
    for output in outputs:
        one = np.zeros((len(q), len(outputs), 1))
        one[:, output] = 1
        column = curvature(one)
        blocks.append([q.T @ (column[:, other] * q) for other in outputs])
    hessian = np.block(blocks)
    hessian[np.diag_indices_from(hessian)] += damping
    try:
        upper = cholesky(hessian, check_finite=False)
    except np.linalg.LinAlgError:
        return None
    solution = cho_solve((upper, False), rhs.T.ravel(), check_finite=False)
    return np.asarray(solution.reshape(rhs.T.shape).T)


def _positive(a: Matrix) -> Matrix:
    return np.where(a > 0, a, np.ones_like(a))


def _line_search(
    basis: Coordinates,
    loss: SampleLoss,
    at: Logits,
    before: Matrix,
    step: Matrix,
    slope: Matrix,
    again: Flags,
) -> tuple[Matrix, Logits, Matrix]:
    """For every alpha the largest 2^-k that decreases the loss, or 0: by Armijo's rule, or where
    rounding hides the decrease by the slope at the end of the step, which a quadratic model lets
    rise to at most -0.8 times that at its start [1]_.

    Parameters
    ----------
    again : whether the last step had to be shortened as well. This one is then halved as long as
        that pays: steps that end on the far side of a bend come back from there, and back again.

    Returns
    -------
    lengths, the logits at the ends of the steps, and the losses of the samples there.

    .. [1] Hager and Zhang, SIAM J. Optim. 16, 170 (2005): the approximate Wolfe condition.
    """
    # Penalties such as log(cosh(z)) are rounded to units of one, however small they are.
    units = loss.alpha * 2.0**-51 * np.sum(basis.weighted(np.ones(len(before)), 2))
    noise = units + 1e-14 * np.sum(basis.weighted(np.abs(before), 2), axis=0)
    length = np.ones(step.shape[2])
    accepted = np.zeros(step.shape[2], dtype=bool)
    for _ in range(_SEARCH_STEPS):
        trial = loss.at(at.z + length * step)
        with np.errstate(over="ignore", invalid="ignore"):
            after = loss.value(trial)
            change = np.sum(basis.weighted(after - before, 2), axis=0)
            accepted |= change <= np.minimum(1e-4 * length * slope, -noise)
            hidden = ~accepted & (np.abs(change) <= noise)
            if np.any(hidden):
                end = np.sum(basis.weighted(loss.gradient(trial) * step, 2), axis=(0, 1))
                accepted |= hidden & (end <= -0.8 * slope)
        if np.all(accepted):
            break
        length = np.where(accepted, length, length / 2)
    shortened = again & accepted & (length < 1)
    while np.any(shortened):
        half = np.where(shortened, length / 2, length)
        lower = loss.value(at.z + half * step)
        fall = np.sum(basis.weighted(before - after, 2), axis=0)
        shortened &= np.sum(basis.weighted(before - lower, 2), axis=0) > _WORTH * fall + noise
        if np.any(shortened):
            length = np.where(shortened, half, length)
            trial = loss.at(at.z + length * step)
            after = loss.value(trial)
    return np.where(accepted, length, 0), trial, after


def _inner(a: Matrix, b: Matrix) -> Matrix:
    return np.asarray(np.einsum("rkm,rkm->m", a, b))


def norms(a: Matrix) -> Matrix:
    """(n_alphas,) Euclidean norms over the other axes."""
    return np.sqrt(_inner(a, a))

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

from .coordinates import Coordinates
from .loss_terms import Logits
from .losses import SampleLoss
from .rounding import Matrix

__all__ = ["ACCEPTED", "GOAL", "Minimum", "gradient_scale", "newton", "norms", "scaled_start"]

GOAL = 1e-14
ACCEPTED = 1e-11
_PATIENCE = 5
_CG_STEPS = 300
_CG_ACCURACY = 1e-5
_SEARCH_STEPS = 60
_REACH = 10.0

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
    bent = loss.curvature(at)(at.z)
    return np.asarray(norms(basis.weighted(loss.gradient(at))) + norms(basis.weighted(bent)))


def scaled_start(basis: Coordinates, loss: SampleLoss, targets: Matrix, alphas: int) -> Matrix:
    """The multiple of the least-squares solution for ``targets`` with the smallest loss.

    Parameters
    ----------
    targets : (n_samples, n_outputs), where the logits should go up to a factor.

    Returns
    -------
    coordinates : (rank, n_outputs, n_alphas).
    """
    direction = basis.collect(basis.weighted(targets))
    logits = basis.weighted(basis.spread(direction), -1)[..., None]
    factors = np.concatenate([[0.0], 2.0 ** np.arange(-6, 11)])
    with np.errstate(over="ignore", invalid="ignore"):
        losses = [_total(basis, loss, s * np.repeat(logits, alphas, axis=2)) for s in factors]
    best = np.argmin(np.where(np.isfinite(losses), losses, np.inf), axis=0)
    return np.asarray(direction[..., None] * factors[best])


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
    """
    alphas = start.shape[2]
    goals = np.broadcast_to(np.asarray(goal, dtype=np.float64), (alphas,))
    found, steps = start.copy(), np.zeros(alphas, dtype=int)
    best, stalled = np.full(alphas, np.inf), np.zeros(alphas, dtype=int)
    active = np.arange(alphas)
    c, logits = start, basis.weighted(basis.spread(start), -1)
    for step in range(max_steps + 1):
        part = loss.restrict(active)
        at = part.at(logits)
        gradient = basis.collect(basis.weighted(part.gradient(at)))
        size = norms(gradient)
        unit = gradient_scale(basis, part, at) if scale is None else scale(logits, active)
        relative = np.where(unit > 0, size / np.where(unit > 0, unit, 1), 0)
        stalled[active] = np.where(relative < 0.9 * best[active], 0, stalled[active] + 1)
        better = relative <= best[active]
        best[active[better]] = relative[better]
        found[..., active[better]] = c[..., better]
        steps[active] = step
        if stop is not None and stop(logits):
            return Minimum(c, steps, best, np.zeros(alphas, dtype=bool))
        going = best[active] > goals[active]
        going &= ~((best[active] <= accepted) & (stalled[active] >= _PATIENCE))
        if not np.any(going) or step == max_steps:
            break
        fraction = np.maximum(relative, 0.1 * goals[active] / np.maximum(relative, goals[active]))
        tolerance = size * np.clip(fraction, _CG_ACCURACY, 0.1)
        reach = norms(c) + norms(basis.weighted(np.ones_like(logits[:, :1])))
        damping = size / (_REACH * reach)
        direction = _conjugate_gradients(basis, part, at, -gradient, damping, tolerance)
        change = basis.weighted(basis.spread(direction), -1)
        length = _step_lengths(basis, part, at, change)
        going &= length > 0
        active, length = active[going], length[going]
        c = c[..., going] + length * direction[..., going]
        logits = logits[..., going] + length * change[..., going]
        if not len(active):
            break
    return Minimum(found, steps, best, best <= np.maximum(goals, accepted))


def _conjugate_gradients(
    basis: Coordinates,
    loss: SampleLoss,
    at: Logits,
    rhs: Matrix,
    damping: Matrix,
    tolerance: Matrix,
) -> Matrix:
    """Solve (Hessian + damping) u = rhs for every alpha; stop where the curvature is not positive.

    A damping in proportion to the gradient keeps the quadratic convergence, and the steps within
    ``_REACH`` times the logits that are there, or within that if they are small.
    """
    result = np.zeros_like(rhs)
    active = np.arange(rhs.shape[2])
    curvature, rough = loss.curvature(at), basis.rough
    solution, residual, direction = np.zeros_like(rhs), rhs, rhs
    squared = _inner(rhs, rhs)
    for _ in range(min(rhs[..., 0].size + 10, _CG_STEPS)):
        product = rough.collect(curvature(rough.spread(direction))) + damping[active] * direction
        bend = _inner(direction, product)
        straight = bend <= 0
        length = np.where(straight, 0, squared / np.where(straight, 1, bend))
        solution = solution + length * direction
        # Where the very first direction is not curved upwards it is followed a tenth of the reach.
        stuck = straight & ~np.any(solution, axis=(0, 1))
        reach = np.where(damping[active] > 0, damping[active], 1)
        solution = np.where(stuck, 0.01 * rhs[..., active] / reach, solution)
        residual = residual - length * product
        previous, squared = squared, _inner(residual, residual)
        going = ~straight & (squared > tolerance[active] ** 2)
        result[..., active[~going]] = solution[..., ~going]
        if not np.any(going):
            return result
        direction = residual + squared / np.where(previous > 0, previous, 1) * direction
        if not np.all(going):
            active = active[going]
            solution, residual = solution[..., going], residual[..., going]
            direction, squared = direction[..., going], squared[going]
            curvature = loss.restrict(active).curvature(at.z[..., active])
    result[..., active] = solution
    return result


def _step_lengths(basis: Coordinates, loss: SampleLoss, at: Logits, step: Matrix) -> Matrix:
    """For every alpha the largest 2^-k that decreases the loss, or 0: by Armijo's rule, or where
    rounding hides the decrease by the slope at the end of the step, which a quadratic model lets
    rise to at most -0.8 times that at its start [1]_.

    .. [1] Hager and Zhang, SIAM J. Optim. 16, 170 (2005): the approximate Wolfe condition.
    """
    before = loss.value(at)
    noise = 1e-14 * np.sum(basis.weighted(np.abs(before), 2), axis=0)
    slope = _slope(basis, loss, at, step)
    length = np.ones(step.shape[2])
    accepted = np.zeros(step.shape[2], dtype=bool)
    for _ in range(_SEARCH_STEPS):
        trial = loss.at(at.z + length * step)
        with np.errstate(over="ignore", invalid="ignore"):
            change = np.sum(basis.weighted(loss.value(trial) - before, 2), axis=0)
            accepted |= change <= np.minimum(1e-4 * length * slope, -noise)
            hidden = ~accepted & (np.abs(change) <= noise)
            if np.any(hidden):
                accepted |= hidden & (_slope(basis, loss, trial, step) <= -0.8 * slope)
        if np.all(accepted):
            return length
        length = np.where(accepted, length, length / 2)
    return np.where(accepted, length, 0)


def _slope(basis: Coordinates, loss: SampleLoss, at: Logits, step: Matrix) -> Matrix:
    return np.asarray(np.sum(basis.weighted(loss.gradient(at) * step, 2), axis=(0, 1)))


def _total(basis: Coordinates, loss: SampleLoss, logits: Matrix) -> Matrix:
    return np.asarray(np.sum(basis.weighted(loss.value(logits), 2), axis=0))


def _inner(a: Matrix, b: Matrix) -> Matrix:
    return np.asarray(np.einsum("rkm,rkm->m", a, b))


def norms(a: Matrix) -> Matrix:
    """(n_alphas,) Euclidean norms over the other axes."""
    return np.sqrt(_inner(a, a))

"""Gradient flow, the limit of gradient descent for a learning rate that tends to zero."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.integrate import solve_ivp

from ..errors import NotConvergedError
from .concise import concise_repr
from .host import on_host, real_array
from .losses import check_alpha, sample_loss
from .rounding import Matrix
from .slopes import mean_slopes
from .stable_rate import largest_stable_rate
from .training_problem import Problem, training_problem

__all__ = ["Flow", "gradient_flow"]


class Flow(NamedTuple):
    """Gradient flow at the recorded times.

    Attributes
    ----------
    times : (n_records,)
    weights : (n_records, n_features) for two classes, (n_records, n_classes, n_features) for more.
    loss : (n_records,) the training loss.
    """

    times: Matrix
    weights: Matrix
    loss: Matrix

    def __repr__(self) -> str:
        return concise_repr(self)


def gradient_flow(
    X: Any,
    y: ArrayLike | None = None,
    *,
    penalty: Any = "quadratic",
    alpha: float = 0.1,
    time: float,
    record: int | Sequence[float] = 50,
    start: Any = None,
    tolerance: float = 1e-9,
) -> Flow:
    """Solve dS/dt = -grad L(S), L = mean l(z_i), l = (1 - alpha) CE + alpha f, z = X S.

    ``epochs`` steps of :func:`logitreg.numerics.training.train` at the rate eta follow the flow to
    t = eta * epochs, with an error of first order in eta. The flow is stiff, as the curvatures of
    the loss span many decades; it is solved by backward differentiation formulas of variable order
    and step, with the exact Hessian, in float64. The cost is that of some hundred factorisations
    of the Hessian and some thousand gradients, and grows with the logarithm of the time alone.

    Parameters
    ----------
    X, y, penalty, start : as for :func:`logitreg.numerics.training.train`.
    alpha : a strength in [0, 1).
    time : the end.
    record : how many times to record, 0 and then evenly spaced in the logarithm from the fastest
        time scale of the start to the end; or the times themselves.
    tolerance : bound on the estimated error of each step, relative to the weights. The flow of a
        convex loss contracts, so that errors add up but do not grow: where the flow is known in
        closed form, the largest is within ten times the tolerance.

    Raises
    ------
    NotConvergedError : the solver fails, as it may where the slope of the penalty jumps.
    UnsupportedPenaltyError, AlphaError, ShapeError, NonFiniteError

    Examples
    --------
    >>> flow = gradient_flow([[1.0, 0.0], [1.0, 1.0]], alpha=0.3, time=10.0, record=5)
    >>> flow.weights.shape, bool(np.all(np.diff(flow.loss) <= 0))
    ((5, 2), True)
    """
    strength = check_alpha(alpha, zero=True)
    if not (np.isfinite(time) and time > 0):
        raise ValueError(f"time is {time}; expected a positive number")
    features = on_host(real_array(X)).astype(np.float64)
    problem = training_problem(features, y, penalty, [strength], start, single=True)
    data, x = problem.data, problem.X
    samples, columns = x.shape
    shape = (data.outputs, columns)
    slopes = mean_slopes(penalty, [strength], x, data.codes, data.outputs)
    loss = sample_loss(penalty, strength, data.codes, data.outputs)

    def velocity(_: float, flat: Matrix) -> Matrix:
        return np.asarray(-slopes(flat.reshape(shape) @ x.T, slice(None)) @ x).reshape(-1)

    def jacobian(_: float, flat: Matrix) -> Matrix:
        curvature = loss.curvature(x @ flat.reshape(shape).T)
        hessian = np.empty((*shape, *shape))
        for k, unit in enumerate(np.eye(data.outputs)):
            bend = curvature(np.tile(unit, (samples, 1)))
            for j in range(data.outputs):
                hessian[k, :, j, :] = x.T @ (bend[:, j, None] * x)
        return np.asarray(-hessian.reshape(flat.size, flat.size) / samples)

    times = _times(problem, penalty, strength, time, record)
    with np.errstate(over="ignore"):
        found = solve_ivp(
            velocity,
            (0.0, time),
            problem.start.reshape(-1),
            method="BDF",
            t_eval=times,
            jac=jacobian,
            rtol=tolerance,
            atol=tolerance * 1e-2,
        )
    if not found.success:
        raise NotConvergedError(
            f"the solver of the gradient flow stopped at t = {found.t[-1] if found.t.size else 0}: "
            f"{found.message}; expected to reach t = {time}; choose a smooth penalty or train with "
            "a small learning rate"
        )
    weights = np.stack([problem.full(flat.reshape(shape)) for flat in found.y.T])
    logits = (x @ flat.reshape(shape).T for flat in found.y.T)
    return Flow(times, weights, np.array([np.mean(loss.value(z)) for z in logits]))


def _times(
    problem: Problem, penalty: Any, alpha: float, time: float, record: int | Sequence[float]
) -> Matrix:
    if not isinstance(record, int):
        times = np.array(sorted({float(t) for t in record}))
        if not (times.size and times[0] >= 0 and times[-1] <= time):
            raise ValueError(f"record is {times.tolist()}; expected times from 0 to {time}")
        return times
    if record < 2:
        raise ValueError(f"record is {record}; expected at least 2: the start and the end")
    data = problem.data
    weights = problem.full(problem.start)
    rate = largest_stable_rate(
        data.matrix, data.codes, penalty=penalty, alpha=alpha, weights=weights
    )
    first = min(rate, time / 2) if record > 2 else time
    return np.array([0.0, *np.geomspace(first, time, record - 1)])

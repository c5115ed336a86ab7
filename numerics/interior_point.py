"""Penalties with kinks, for which the method of multipliers did not arrive, one at a time.

The interior-point method factors Hessians of all weights: it is for problems that are not large,
and also solves those that nothing but the kinks holds.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import UnsupportedPenaltyError
from .batched_interior import minimise_kinked
from .batched_kinks import split
from .batched_problems import Problems
from .kernels import kernel
from .problem import Problem
from .rounding import Matrix

__all__ = ["Found", "interior_point"]

# Weights, all classes together.
_LARGEST = 512


class Found(NamedTuple):
    """Coordinates (rank, n_outputs), the Newton steps they took, and for the logits of every sample
    (n_kept, n_outputs) the point v and the subgradient y of the penalty at v."""

    coordinates: Matrix
    steps: int
    v: Matrix
    y: Matrix


def interior_point(problem: Problem, penalty: Any, alpha: float, max_iter: int) -> Found | None:
    """The minimiser for a penalty with kinks; None if the method does not apply or arrive.

    Examples
    --------
    >>> from .problem import problem
    >>> data = problem([[1.0], [2.0]], None, False, None)
    >>> found = interior_point(data, "absolute", 0.9, 100)
    >>> found.v.ravel(), bool(abs(found.y[0, 0] + 2 * found.y[1, 0] - 1 / 6) < 1e-12)
    (array([0., 0.]), True)
    """
    labels, outputs = problem.labels, problem.data.outputs
    two_shares = labels is not None and labels.shape[1:] == (2,)
    if two_shares or not 0 < problem.basis.rank * outputs <= _LARGEST:
        return None
    try:
        smooth, kinks = split(kernel(penalty))
    except UnsupportedPenaltyError:
        return None
    indicator: NDArray[Any] | None = labels
    if labels is not None and labels.ndim == 1:
        indicator = np.eye(outputs)[labels]
    root = None if problem.basis.root is None else np.sqrt(problem.share * len(problem.share))
    scale = 1.0 if root is None else float(root[0] / problem.basis.root[0])  # type: ignore[index]
    problems = Problems(
        np,
        smooth,
        np.full((1, 1), alpha),
        problem.basis.q,
        indicator,
        (),
        None if root is None else root[:, None],
    )
    with np.errstate(all="ignore"):
        found = minimise_kinked(problems, kinks, max_iter, False)
    if not found.converged:
        return None
    coordinates = found.coordinates / scale
    v = problem.logits(coordinates[..., None])[..., 0]
    for place, rests in zip(kinks.places, np.moveaxis(found.resting, -1, 0), strict=True):
        v = np.where(rests, place, v)
    y = smooth.slope(v) + np.sum(found.subgradients, axis=-1) / alpha
    return Found(coordinates, int(found.iterations), v, y)

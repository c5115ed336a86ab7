"""The hard-margin separator: the direction in which gradient descent on separable data goes.

min ||S||^2 subject to every margin being at least 1 is a least-distance problem, whose dual is a
non-negative least-squares problem [1]_: for u of least norm with G u >= h minimise
||G^T m||^2 + (h^T m - 1)^2 over m >= 0; then u = G^T m/(1 - h^T m). Biases b are free of charge:
with the charge |b - b'|^2/M^2, b' the bias before, their sequence ends at the free minimiser
(the proximal-point method), in a few rounds since M is large.

.. [1] Lawson and Hanson, Solving Least Squares Problems, SIAM 1995, ch. 23.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import null_space, qr, solve_triangular
from scipy.optimize import nnls

from ..errors import DataError, NotConvergedError
from .design import numerical_rank
from .rounding import Matrix
from .separability import margin_rows

__all__ = ["MaxMargin", "max_margin"]

_FREEDOM = 30.0
_ROUNDS = 20
_SETTLED = 1e-12
_CONTRADICTION = 1e-9


class _Optimum(NamedTuple):
    residual: float
    weights: Matrix
    biases: Matrix
    multipliers: Matrix


class MaxMargin(NamedTuple):
    """The separator S with smallest margin 1, the samples at margin 1 that hold it, and how far
    the optimality conditions are from being met, relative to ||S||^2."""

    solution: Matrix
    support: NDArray[np.intp]
    residual: float


def max_margin(matrix: Matrix, labels: NDArray[Any] | None, outputs: int, bias: bool) -> MaxMargin:
    """Minimise the norm of the weights, bias excluded, with every margin at least 1.

    For K classes the margins are those of the true logit to each other one (Crammer and Singer).

    Parameters
    ----------
    matrix : (n_samples, n_columns), the last column being that of the bias if there is one. The
        data has to be separable, strictly.
    labels : as for :func:`logitreg.numerics.separability.margin_rows`.

    Returns
    -------
    MaxMargin, with a solution of shape (n_columns, n_outputs).

    Raises
    ------
    DataError : the data is not separable: a combination of margins with non-negative factors is
        zero, or its norm below 1e-9 of the features.
    NotConvergedError

    Examples
    --------
    >>> found = max_margin(np.array([[1.0, 0.0], [3.0, 4.0]]), None, 1, False)
    >>> found.solution.ravel().round(12).tolist(), found.support.tolist()
    ([1.0, 0.0], [0])
    """
    features = matrix[:, :-1] if bias else matrix
    scale = float(np.max(np.abs(features))) or 1.0
    features = features / scale
    # Weights of least norm are combinations of the rows: N coordinates are enough.
    rotation, small = None, features
    if features.shape[0] < features.shape[1]:
        rotation, upper = qr(features.T, mode="economic")
        small = upper.T
    margins, sample = margin_rows(small, labels, outputs)
    slopes = np.asarray(margins.toarray())
    ones = matrix[:, -1:] if bias else np.empty((len(matrix), 0))
    free = np.asarray(margin_rows(ones, labels, outputs)[0].toarray())
    rows = np.hstack([slopes, _FREEDOM * free])
    best = _Optimum(np.inf, *(np.zeros(size) for size in (slopes.shape[1], free.shape[1], 0)))
    biases = np.zeros(free.shape[1])
    for _ in range(_ROUNDS):
        solution, multipliers = _least_distance(rows, 1 - free @ biases, sample)
        biases = biases + _FREEDOM * solution[slopes.shape[1] :]
        rough = _optimum(slopes, free, solution[: slopes.shape[1]], biases, multipliers)
        best = min(best, rough, _polished(slopes, free, multipliers), key=lambda o: o.residual)
        if best.residual <= _SETTLED:
            break
    residual, weights, biases, multipliers = best
    if not residual < 1e-8:
        raise NotConvergedError(
            f"the max-margin separator violates its optimality conditions by {residual:.1e} "
            "(expected 1e-8 or less): the margin is too small for float64; rescale the features, "
            "drop nearly contradictory samples, or choose alpha > 0"
        )
    found = weights.reshape(outputs, -1).T / scale
    if rotation is not None:
        found = rotation @ found
    if bias:
        found = np.vstack([found, biases.reshape(1, -1)])
    held = multipliers > 1e-10 * np.max(multipliers)
    return MaxMargin(np.ascontiguousarray(found), np.unique(sample[held]), residual)


def _least_distance(
    rows: Matrix, bounds: Matrix, sample: NDArray[np.intp]
) -> tuple[Matrix, Matrix]:
    """The u of least norm with rows @ u >= bounds, and its multipliers m >= 0, u = rows^T m."""
    target = np.zeros(rows.shape[1] + 1)
    target[-1] = 1
    scaled = np.vstack([rows.T, bounds])
    try:
        dual, _ = nnls(scaled, target, maxiter=30 * scaled.shape[1])
    except RuntimeError:
        raise NotConvergedError(
            f"non-negative least squares did not find the {scaled.shape[1]} multipliers of the "
            "max-margin separator; expected it within 30 steps for each; the margin is too small "
            "for float64: drop nearly contradictory samples, or choose alpha > 0"
        ) from None
    if np.linalg.norm(rows.T @ dual) < _CONTRADICTION * np.sum(dual):
        against = np.unique(sample[dual > 0])
        raise DataError(
            "no hyperplane separates the classes strictly: with positive factors the margins of "
            f"samples {', '.join(map(str, against[:8]))}{', ...' if len(against) > 8 else ''} "
            "cancel, whatever the weights and the bias; expected separable data; choose alpha > 0"
        )
    multipliers = dual / (1 - bounds @ dual)
    return rows.T @ multipliers, multipliers


def _polished(slopes: Matrix, free: Matrix, multipliers: Matrix) -> _Optimum:
    """The optimum if exactly the margins with positive multipliers are 1.

    G u + F b = 1 on those. Projected on the complement of the range of F it is A u = h without b,
    whose least solution is u = Q R^-T h with A^T = Q R.
    """
    held = np.flatnonzero(multipliers > 0)
    complement = null_space(free[held].T) if free.shape[1] else np.eye(len(held))
    q, r, pivots = qr(slopes[held].T @ complement, mode="economic", pivoting=True)
    if numerical_rank(r, slopes.shape) < complement.shape[1]:
        return _Optimum(np.inf, slopes[0], free[0], multipliers)
    rest = solve_triangular(r, np.sum(complement, axis=0)[pivots], trans="T")
    weights = q @ rest
    biases = np.linalg.lstsq(free[held], 1 - slopes[held] @ weights, rcond=None)[0]
    exact = np.zeros_like(multipliers)
    exact[held] = complement[:, pivots] @ solve_triangular(r, rest)
    return _optimum(slopes, free, weights, biases, exact)


def _optimum(
    slopes: Matrix, free: Matrix, weights: Matrix, biases: Matrix, multipliers: Matrix
) -> _Optimum:
    """How far all conditions of optimality are from being met, relative to the quantities."""
    squared = float(weights @ weights)
    total = float(np.sum(np.abs(multipliers)))
    margins = slopes @ weights + free @ biases
    violations = (
        np.max(1 - margins),
        np.max(-multipliers) / total,
        np.abs(multipliers @ (margins - 1)) / total,
        np.linalg.norm(free.T @ multipliers) / total,
        np.linalg.norm(slopes.T @ multipliers - weights) / squared**0.5,
    )
    return _Optimum(float(max(0.0, *violations)), weights, biases, multipliers)

"""Whether a hyperplane separates the classes, decided by linear programming, with a direction."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import csr_array

from .rounding import Matrix

__all__ = ["margin_rows", "separating_direction"]

_POSITIVE = 1e-7


def margin_rows(rows: Matrix, labels: NDArray[Any] | None, outputs: int) -> tuple[Any, Any]:
    """What has to be non-negative for the logits rows @ S to be right: M vec(S), M sparse.

    Parameters
    ----------
    rows : (n_samples, n_columns)
    labels : None, (n_samples,) codes or (n_samples, n_classes) distributions. A class with any
        share in a sample claims it: logits of several such classes have to be equal.
    outputs : logits per sample.

    Returns
    -------
    matrix : (n_margins, n_outputs n_columns), for S^T flattened.
    sample : (n_margins,) the sample of each margin.

    Examples
    --------
    >>> margin_rows(np.array([[2.0]]), np.array([1]), 3)[0].toarray()
    array([[-2.,  2.,  0.],
           [ 0.,  2., -2.]])
    """
    samples, columns = rows.shape
    if labels is None:
        return csr_array(rows), np.arange(samples)
    if outputs == 1:
        right, wrong = np.flatnonzero(labels[:, 1] > 0), np.flatnonzero(labels[:, 0] > 0)
        return csr_array(np.vstack([rows[right], -rows[wrong]])), np.concatenate([right, wrong])
    claims = labels > 0 if labels.ndim == 2 else np.eye(outputs, dtype=bool)[labels]
    pairs = claims[:, :, None] & ~np.eye(outputs, dtype=bool)
    sample, own, other = np.nonzero(pairs)
    column = np.arange(columns)
    indices = np.stack([own, other], axis=1)[:, :, None] * columns + column
    values = np.stack([rows[sample], -rows[sample]], axis=1)
    starts = np.arange(len(sample) + 1) * 2 * columns
    shape = (len(sample), outputs * columns)
    return csr_array((values.ravel(), indices.ravel(), starts), shape=shape), sample


def separating_direction(rows: Matrix, labels: NDArray[Any] | None, outputs: int) -> Matrix | None:
    """Some S with every margin of rows @ S non-negative and not all zero; None if there is none.

    Where possible all margins are positive. The rows should be of order one.

    Returns
    -------
    direction : (n_columns, n_outputs), entries in [-1, 1]; or None.

    Examples
    --------
    >>> separating_direction(np.array([[1.0], [-1.0]]), None, 1)
    >>> separating_direction(np.array([[1.0], [0.5]]), None, 1)
    array([[1.]])
    """
    margins, _ = margin_rows(rows, labels, outputs)
    unknowns = margins.shape[1]
    found = linprog(
        -np.asarray(margins.sum(axis=0)).ravel(),
        A_ub=-margins,
        b_ub=np.zeros(margins.shape[0]),
        bounds=(-1, 1),
        method="highs",
    )
    if found.status != 0 or -found.fun <= _POSITIVE:
        return None
    direction = found.x
    if np.min(margins @ direction) <= _POSITIVE:
        # Maximise the smallest margin t: the largest sum may leave some margins at zero.
        lifted = csr_array(np.hstack([-margins.toarray(), np.ones((margins.shape[0], 1))]))
        objective = np.zeros(unknowns + 1)
        objective[-1] = -1
        best = linprog(
            objective,
            A_ub=lifted,
            b_ub=np.zeros(margins.shape[0]),
            bounds=[(-1, 1)] * unknowns + [(0, None)],
            method="highs",
        )
        if best.status == 0 and best.x[-1] > _POSITIVE:
            direction = best.x[:-1]
    return np.asarray(direction.reshape(outputs, -1).T)

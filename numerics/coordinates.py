"""Coordinates of the logits that linear weights can reach, in which the data is orthonormal."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, qr, solve_triangular
from scipy.linalg.lapack import dtrcon

from .design import numerical_rank, scaled_columns
from .rounding import Matrix

__all__ = ["Coordinates", "coordinates"]

# The Gram matrix squares the condition number: down to here Q is orthonormal to eight digits.
_WELL_CONDITIONED = 1e-4
_LARGE = 2**18


@dataclass(frozen=True)
class Coordinates:
    """With weights w_i of the samples, sqrt(w_i) z_i = (Q c)_i for logits z = X S and c = R S.

    The range of Q is that of the weighted data, so that the gradient of sum w_i l(z_i) vanishes
    in S where that in c does, and its Hessian in c is Q^T diag(l''(z)) Q.

    Attributes
    ----------
    q : (n_samples, rank), orthonormal columns.
    root : (n_samples,) square roots of the weights of the samples; None if all are one.
    weights : coordinates (rank, n) -> the S of least Euclidean norm with R S = c, (n_columns, n).
    """

    q: Matrix
    root: Matrix | None
    weights: Callable[[Matrix], Matrix]

    @cached_property
    def rough(self) -> Coordinates:
        """The same in single precision where the matrix is too large for a processor's cache."""
        if self.q.size < _LARGE:
            return self
        return replace(self, q=self.q.astype(np.float32))

    @property
    def rank(self) -> int:
        """The rank of the data."""
        return int(self.q.shape[1])

    def weighted(self, values: Matrix, power: int = 1) -> Matrix:
        """Values of the samples times a power of ``root``."""
        if self.root is None:
            return values
        return np.asarray(values * self.root.reshape(-1, *[1] * (values.ndim - 1)) ** power)

    def spread(self, c: Matrix) -> Matrix:
        """Q c, for c of shape (rank, ...)."""
        return _along(self.q, c)

    def collect(self, values: Matrix) -> Matrix:
        """Q^T v, for v of shape (n_samples, ...)."""
        return _along(self.q.T, values)


def _along(matrix: Matrix, values: Matrix) -> Matrix:
    rest = values.shape[1:]
    # A few long rows go through BLAS faster than a few long columns.
    rows = np.ascontiguousarray(values.reshape(len(values), math.prod(rest)).T)
    if matrix.dtype == np.float64:
        return np.asarray(rows @ matrix.T).T.reshape(len(matrix), *rest)
    # Single precision has a narrow range: gradients of large logits would underflow.
    peak = np.maximum(np.max(np.abs(rows), axis=1, keepdims=True), 1e-300)
    product = (rows / peak).astype(matrix.dtype) @ matrix.T
    return np.asarray(product * peak).T.reshape(len(matrix), *rest)


def coordinates(matrix: Matrix, weights: Matrix) -> Coordinates:
    """Orthonormal coordinates by the fastest factorisation that the data allows.

    Columns are scaled by powers of two, so that their units do not matter. Where the Gram matrix is
    well conditioned, its Cholesky factor is R; otherwise pivoted QR also finds the rank.

    Parameters
    ----------
    matrix : (n_samples, n_columns), of any rank.
    weights : (n_samples,) positive.

    Examples
    --------
    >>> found = coordinates(np.array([[3.0, 4.0]]), np.ones(1))
    >>> found.rank, found.weights(found.collect(np.array([[50.0]]))).ravel().round(12).tolist()
    (1, [6.0, 8.0])
    """
    scaled, exponents = scaled_columns(matrix)
    root = None if np.all(weights == 1) else np.sqrt(weights)
    if root is not None:
        scaled = scaled * root[:, None]
    upper = _gram_factor(scaled)
    if upper is not None:
        q = solve_triangular(upper, scaled.T, trans="T", check_finite=False).T
        return Coordinates(q, root, _unique(upper, np.arange(len(upper)), exponents))
    q, r, pivots = qr(scaled, mode="economic", pivoting=True)
    rank = numerical_rank(r, scaled.shape)
    q = np.ascontiguousarray(q[:, :rank])
    if rank == len(pivots):
        return Coordinates(q, root, _unique(r, pivots, exponents))
    return Coordinates(q, root, _least_norm(r[:rank], pivots, exponents))


def _gram_factor(scaled: Matrix) -> Matrix | None:
    """R with R^T R = A^T A, if A is well conditioned."""
    if scaled.shape[0] < scaled.shape[1]:
        return None
    try:
        upper = cholesky(scaled.T @ scaled, check_finite=False)
    except np.linalg.LinAlgError:
        return None
    reciprocal, _ = dtrcon(upper)
    return upper if reciprocal > _WELL_CONDITIONED else None


def _unique(
    r: Matrix, pivots: NDArray[np.int_], exponents: NDArray[np.int_]
) -> Callable[[Matrix], Matrix]:
    def weights(c: Matrix) -> Matrix:
        solution = np.empty_like(c)
        solution[pivots] = solve_triangular(r, c)
        return np.ldexp(solution, -exponents[:, None])

    return weights


def _least_norm(
    r: Matrix, pivots: NDArray[np.int_], exponents: NDArray[np.int_]
) -> Callable[[Matrix], Matrix]:
    """Solve R D S = c, D = diag(2^exponents): D R^T = V T gives S = V T^-T c of least norm.

    With the largest rows first and pivoting, errors are relative to the size of each row [1]_.

    .. [1] Cox and Higham, BIT 38, 34 (1998).
    """
    order = np.argsort(-exponents[pivots], kind="stable")
    rows = np.ldexp(r.T, exponents[pivots, None])[order]
    v, t, turned = qr(rows, mode="economic", pivoting=True)

    def weights(c: Matrix) -> Matrix:
        solution = np.zeros((len(pivots), c.shape[1]))
        if len(c):
            solution[pivots[order]] = v @ solve_triangular(t, c[turned], trans="T")
        return solution

    return weights

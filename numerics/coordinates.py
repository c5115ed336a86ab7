"""Coordinates of the logits that linear weights can reach, in which the data is orthonormal."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, qr, solve_triangular
from scipy.linalg.blas import strmm
from scipy.linalg.lapack import dtrcon, strcon, strtri

from .design import numerical_rank, scaled_columns
from .rounding import Matrix

__all__ = ["Coordinates", "coordinates"]

# The Gram matrix squares the condition number: down to here Q is orthonormal to eight digits.
_WELL_CONDITIONED = 1e-4
# How far a basis found in single precision may be from orthonormal.
_ORTHONORMAL = 3e-4
# Sizes from which the factors, and the products on the way, are in single precision.
_MEDIUM, _LARGE = 2**16, 2**18
_LARGEST_EXPONENT = 500
# Products with so few vectors are slower as a matrix product than one by one.
_FEW = 8
# Q costs as much as some hundred products with X and V, and saves a part of each.
_WORTH_FORMING = 500

Single = NDArray[np.float32]


@dataclass(frozen=True)
class Coordinates:
    """With weights w_i of the samples, sqrt(w_i) z_i = (Q c)_i for logits z = X S and S = V c.

    The columns of Q are (nearly) orthonormal, and its range is that of the weighted data, so that
    the gradient of sum w_i l(z_i) vanishes in S where that in c does; its Hessian in c is
    Q^T diag(l''(z)) Q.

    Attributes
    ----------
    matrix : (n_samples, n_columns), Q itself if there is no ``inverse``; else X, with
        Q = diag(sqrt(w)) X V never formed.
    inverse : (n_columns, n_columns) upper triangular V; or None.
    root : (n_samples,) square roots of the weights of the samples; None if all are one.
    weights : coordinates (rank, n) -> the S of least Euclidean norm, (n_columns, n).
    single : ``matrix`` and ``inverse`` in single precision, weighted and scaled; None without an
        ``inverse``.
    """

    matrix: Matrix
    inverse: Matrix | None
    root: Matrix | None
    weights: Callable[[Matrix], Matrix]
    single: tuple[Single, Single] | None = None

    @property
    def rank(self) -> int:
        """The rank of the data."""
        return int(self.matrix.shape[1])

    @property
    def q(self) -> Matrix:
        """(n_samples, rank) Q, formed anew where it is not at hand."""
        return self.matrix if self.inverse is None else self.spread(np.eye(self.rank))

    def rough(self, columns: int) -> Coordinates:
        """The same in single precision where the matrix is too large for a processor's cache.

        Parameters
        ----------
        columns : how many vectors are to be multiplied at a time. For many of them Q is formed.
        """
        if self.matrix.size < _LARGE:
            return self
        if self.single is not None and _WORTH_FORMING * columns < len(self.matrix):
            return self._factored
        return self._formed

    @cached_property
    def _factored(self) -> Coordinates:
        assert self.single is not None
        return Coordinates(*self.single, None, self.weights)  # type: ignore[arg-type]

    @cached_property
    def _formed(self) -> Coordinates:
        if self.single is None:
            q: Any = self.matrix.astype(np.float32)
        else:
            rows, inverse = self.single
            q = strmm(1.0, inverse, rows.T, trans_a=1).T
        return Coordinates(q, None, None, self.weights)

    def weighted(self, values: Matrix, power: int = 1) -> Matrix:
        """Values of the samples times a power of ``root``."""
        if self.root is None:
            return values
        return np.asarray(values * self.root.reshape(-1, *[1] * (values.ndim - 1)) ** power)

    def spread(self, c: Matrix) -> Matrix:
        """Q c, for c of shape (rank, ...)."""
        if self.inverse is None:
            return _along(self.matrix, c)
        return self.weighted(_along(self.matrix, _along(self.inverse, c)))

    def collect(self, values: Matrix) -> Matrix:
        """Q^T v, for v of shape (n_samples, ...)."""
        if self.inverse is None:
            return _along(self.matrix.T, values)
        return _along(self.inverse.T, _along(self.matrix.T, self.weighted(values)))


def _along(matrix: Any, values: Matrix) -> Matrix:
    rest = values.shape[1:]
    columns = math.prod(rest)
    flat = values.reshape(-1) if columns == 1 else values.reshape(len(values), columns)
    if matrix.dtype == np.float64:
        return np.asarray(_product(matrix, flat)).reshape(len(matrix), *rest)
    # Single precision has a narrow range: gradients of large logits would underflow.
    peak = np.maximum(np.max(np.abs(flat), axis=0), 1e-300)
    product = _product(matrix, (flat / peak).astype(matrix.dtype))
    return np.asarray(product * peak).reshape(len(matrix), *rest)


def _product(matrix: Any, columns: Any) -> Any:
    """matrix @ columns, in the order in which BLAS is fastest for thin columns."""
    if columns.ndim == 1:
        return matrix @ columns
    if columns.shape[1] <= _FEW:
        return np.stack([matrix @ column for column in np.ascontiguousarray(columns.T)]).T
    if matrix.flags.c_contiguous:
        return matrix @ np.ascontiguousarray(columns)
    return (np.ascontiguousarray(columns.T) @ matrix.T).T


def coordinates(matrix: Matrix, weights: Matrix) -> Coordinates:
    """Orthonormal coordinates by the fastest factorisation that the data allows.

    Columns are scaled by powers of two, so that their units do not matter. If the data is large and
    well conditioned, V is the inverse Cholesky factor of the Gram matrix in single precision: Q
    has to be nearly orthonormal alone, which is checked, and X V is applied in double precision.
    Otherwise Q = X R^-1 is formed in double precision; or found by pivoted QR, with the rank.

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
    root = None if np.all(weights == 1) else np.sqrt(weights)
    found = _from_single_precision(matrix, root)
    if found is not None:
        return found
    scaled, exponents = scaled_columns(matrix)
    if root is not None:
        scaled = scaled * root[:, None]
    upper = _gram_factor(scaled)
    if upper is not None:
        q = solve_triangular(upper, scaled.T, trans="T", check_finite=False).T
        return Coordinates(q, None, root, _unique(upper, np.arange(len(upper)), exponents))
    q, r, pivots = qr(scaled, mode="economic", pivoting=True)
    rank = numerical_rank(r, scaled.shape)
    q = np.ascontiguousarray(q[:, :rank])
    if rank == len(pivots):
        return Coordinates(q, None, root, _unique(r, pivots, exponents))
    return Coordinates(q, None, root, _least_norm(r[:rank], pivots, exponents))


def _from_single_precision(matrix: Matrix, root: Matrix | None) -> Coordinates | None:
    """Coordinates without Q in double precision, if the data is well conditioned."""
    if matrix.size < _MEDIUM or matrix.shape[0] < matrix.shape[1]:
        return None
    with np.errstate(over="ignore", under="ignore"):
        rows = matrix if root is None else matrix * root[:, None]
        exponents = np.frexp(np.maximum(np.max(rows, axis=0), -np.min(rows, axis=0)))[1]
        if np.max(np.abs(exponents)) > _LARGEST_EXPONENT:
            return None
        single = (rows * np.ldexp(1.0, -exponents)).astype(np.float32)
    try:
        upper = cholesky(single.T @ single, check_finite=False)
    except np.linalg.LinAlgError:
        return None
    if not strcon(upper)[0] > _WELL_CONDITIONED:
        return None
    short = strtri(upper)[0]
    inverse = np.ldexp(short.astype(np.float64), -exponents[:, None])
    found = Coordinates(matrix, inverse, root, lambda c: inverse @ c, (single, short))
    probe = np.random.default_rng(0).standard_normal((len(inverse), 2))
    image = found.collect(found.spread(probe))
    off = np.linalg.norm(image - probe, axis=0) / np.linalg.norm(probe, axis=0)
    return found if np.max(off) <= _ORTHONORMAL else None


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

"""Coordinates of the logits that linear weights can reach, in which the data is orthonormal."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, qr, solve_triangular
from scipy.linalg.blas import dtrsm, dtrsv, strsm, strsv
from scipy.linalg.lapack import dtrcon, strcon

from .design import numerical_rank, scaled_columns
from .rounding import Matrix

__all__ = ["Coordinates", "Rough", "coordinates"]

# The Gram matrix squares the condition number: down to here Q is orthonormal to eight digits.
_WELL_CONDITIONED = 1e-4
# How far a basis found in single precision may be from orthonormal.
_ORTHONORMAL = 3e-4
# Sizes from which the factors, and the products on the way, are in single precision.
_MEDIUM, _LARGE = 2**16, 2**18
# Least curvature that is told from zero, relative to the largest, and least one of those.
_FLATTEST, _SMALLEST = 1e-4, 1e-300
# Squared lengths of columns that single precision holds with all digits of their entries.
_LEAST_SQUARE, _LARGEST_SQUARE = 1e-25, 1e30
# Products with so few vectors are slower as a matrix product than one by one.
_FEW = 3
# Columns are of one magnitude up to two to this.
_ALIKE = 6
_UNIT = float(np.finfo(np.float64).eps)
# Q costs as much as some hundred products with X and R, and saves a part of each.
_WORTH_FORMING = 200

Single = NDArray[np.float32]


@dataclass(frozen=True)
class Coordinates:
    """With weights w_i of the samples, sqrt(w_i) z_i = (Q c)_i for logits z = X S and c = R S.

    The columns of Q are (nearly) orthonormal, and its range is that of the weighted data, so that
    the gradient of sum w_i l(z_i) vanishes in S where that in c does; its Hessian in c is
    Q^T diag(l''(z)) Q.

    Attributes
    ----------
    matrix : (n_samples, n_columns), Q itself if there is no ``upper``; else X, with
        Q = diag(sqrt(w)) X R^-1 never formed.
    upper : (n_columns, n_columns) upper triangular R; or None.
    root : (n_samples,) square roots of the weights of the samples; None if all are one.
    weights : coordinates (rank, n) -> the S of least Euclidean norm, (n_columns, n).
    single : ``matrix`` and ``upper`` in single precision; None without an ``upper``.
    """

    matrix: Matrix
    upper: Matrix | None
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
        return self.matrix if self.upper is None else self.spread(np.eye(self.rank))

    @cached_property
    def quick(self) -> Coordinates:
        """The same coordinates, in single precision if the data is large."""
        if self.matrix.size < _LARGE:
            return self
        matrix, upper = self.single or (self.matrix.astype(np.float32), None)
        return Coordinates(matrix, upper, self.root, self.weights)  # type: ignore[arg-type]

    def rough(self, curvature: Matrix) -> Rough:
        """Coordinates for conjugate gradients on Hessians Q^T diag(curvature) Q.

        They are in single precision if the data is large. Many products at a time are worth a Q of
        their own, orthonormal with the geometric mean of the curvatures as weights: alphas whose
        curvatures differ by powers of each other share the condition number, at its root.

        Parameters
        ----------
        curvature : (n_samples, n_outputs, n_alphas)
        """
        few = _WORTH_FORMING * curvature[0].size < len(self.matrix)
        if few or self.matrix.size < _LARGE:
            return Rough(self.quick)
        return self._adapted(curvature)

    def _adapted(self, curvature: Matrix) -> Rough:
        least = _FLATTEST * np.maximum(np.max(curvature, axis=0), _SMALLEST)
        mean = np.mean(np.log(np.maximum(curvature, least) / least), axis=(1, 2))
        root = np.exp(mean / 2 - np.max(mean) / 2).astype(np.float32)[:, None]
        q: Any = self.quick.matrix
        if self.quick.upper is not None:
            q = self.weighted(strsm(1.0, self.quick.upper, q.T, trans_a=1).T)
        weighted = root * q
        upper = cholesky((weighted.T @ weighted).T, overwrite_a=True, check_finite=False)
        del weighted
        q = strsm(1.0, upper, q.T, trans_a=1).T
        return Rough(Coordinates(q, None, self.root, self.weights), upper)

    def weighted(self, values: Matrix, power: int = 1) -> Matrix:
        """Values of the samples times a power of ``root``."""
        if self.root is None:
            return values
        root = self.root.astype(values.dtype).reshape(-1, *[1] * (values.ndim - 1))
        return np.asarray(values * root**power)

    def spread(self, c: Matrix) -> Matrix:
        """Q c, for c of shape (rank, ...)."""
        if self.upper is None:
            return _along(self.matrix, c)
        return self.weighted(_along(self.matrix, _solved(self.upper, c)))

    def collect(self, values: Matrix) -> Matrix:
        """Q^T v, for v of shape (n_samples, ...)."""
        if self.upper is None:
            return _along(self.matrix.T, values)
        return _solved(self.upper, _along(self.matrix.T, self.weighted(values)), trans=1)


@dataclass(frozen=True)
class Rough:
    """Other coordinates u = R c of the same logits, often in single precision.

    Attributes
    ----------
    basis : the coordinates u.
    upper : upper triangular R; None if it is one.
    """

    basis: Coordinates
    upper: Single | None = None

    def enter(self, c: Matrix) -> Matrix:
        """u from c."""
        if self.upper is None:
            return c
        return np.asarray(self.upper @ c.reshape(len(c), -1)).reshape(c.shape)

    def leave(self, u: Matrix) -> Matrix:
        """c from u."""
        return u if self.upper is None else _solved(self.upper, u)

    def gradient(self, in_c: Matrix) -> Matrix:
        """The gradient in u from that in c."""
        return in_c if self.upper is None else _solved(self.upper, in_c, trans=1)


def _solved(upper: Any, values: Matrix, trans: int = 0) -> Matrix:
    """R^-1 v, or R^-T v, for v of shape (rank, ...), in the precision of R."""
    flat = values.reshape(len(values), -1)
    single = upper.dtype == np.float32
    if flat.shape[1] == 1:
        found = (strsv if single else dtrsv)(upper, flat[:, 0], trans=trans)
    else:
        found = (strsm if single else dtrsm)(1.0, upper, flat, trans_a=trans)
    return np.asarray(found, dtype=values.dtype, order="C").reshape(values.shape)


def _along(matrix: Any, values: Matrix) -> Matrix:
    columns = math.prod(values.shape[1:])
    flat = values.reshape(-1) if columns == 1 else values.reshape(len(values), columns)
    product = _product(matrix, flat.astype(matrix.dtype, copy=False))
    return np.asarray(product.astype(values.dtype, copy=False).reshape(-1, *values.shape[1:]))


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
    well conditioned, R is the Cholesky factor of the Gram matrix in single precision: Q has to be
    nearly orthonormal alone, which is checked, and X R^-1 is applied in double precision.
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
    r = r[:rank]
    if np.ptp(exponents) >= _ALIKE:
        graded = _by_magnitude(scaled, exponents)
        if len(graded[1]) == rank:
            q, r, pivots = graded
    return Coordinates(q, None, root, _least_norm(r, pivots, exponents))


def _from_single_precision(matrix: Matrix, root: Matrix | None) -> Coordinates | None:
    """Coordinates without Q in double precision, if the data is well conditioned."""
    if matrix.size < _MEDIUM or matrix.shape[0] < matrix.shape[1]:
        return None
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        single = matrix.astype(np.float32)
        rows = single if root is None else single * root.astype(np.float32)[:, None]
        gram = rows.T @ rows
    del rows
    squares = np.diag(gram)
    if not (np.min(squares) > _LEAST_SQUARE and np.max(squares) < _LARGEST_SQUARE):
        return None
    exponents = np.frexp(squares)[1] // 2
    scale = np.ldexp(np.float32(1), -exponents)
    try:
        gram *= scale
        gram *= scale[:, None]
        upper = cholesky(gram.T, overwrite_a=True, check_finite=False)
    except np.linalg.LinAlgError:
        return None
    if not strcon(upper)[0] > _WELL_CONDITIONED:
        return None
    upper /= scale
    double = upper.astype(np.float64)
    found = Coordinates(matrix, double, root, partial(_solved, double), (single, upper))
    probe = np.random.default_rng(0).standard_normal((len(upper), 2))
    image = found.quick.collect(found.quick.spread(probe))
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


def _by_magnitude(
    scaled: Matrix, exponents: NDArray[np.int_]
) -> tuple[Matrix, Matrix, NDArray[np.intp]]:
    """Q and R for dependent columns of several magnitudes, in falling order, and that order.

    Columns are taken to depend on larger ones if they do to rounding; R has zeros there, not what
    rounding has left, which in the units of much smaller columns is no longer small.
    """
    order = np.argsort(-exponents, kind="stable")
    steps = (exponents[order[0]] - exponents[order]) // _ALIKE
    least = _UNIT * max(scaled.shape) * np.max(np.linalg.norm(scaled, axis=0))
    q = np.empty((len(scaled), 0))
    parts = []
    for step in np.unique(steps):
        columns = scaled[:, order[steps == step]]
        rest = columns
        for _ in range(2):
            rest = rest - q @ (q.T @ rest)
        turned, r, _ = qr(rest, mode="economic", pivoting=True)
        q = np.hstack([q, turned[:, : np.sum(np.abs(np.diag(r)) > least)]])
        parts.append(q.T @ columns)
    stairs = [np.pad(part, ((0, q.shape[1] - len(part)), (0, 0))) for part in parts]
    return q, np.hstack(stairs), order


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

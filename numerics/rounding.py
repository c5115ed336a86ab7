"""Products of float64 arrays with proven error bounds: every result is a centre and a radius.

The bounds hold for any order of summation, with or without fused multiply-add, so they hold for
any BLAS [1]_: |fl(AB) - AB| <= gamma_k |A||B| for inner dimension k, gamma_k = k u/(1 - k u).

.. [1] Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., SIAM 2002, sec. 3.1 and 3.5.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError

__all__ = ["Enclosed", "Matrix", "exact_scaling", "matrix_product", "norm_above", "product"]

Matrix = NDArray[np.float64]

_UNIT = 2.0**-53
# Some platforms report a nonsensical epsilon for a pair of doubles; 2^-63 is safe for all of them.
_WIDE_UNIT = max(float(np.finfo(np.longdouble).eps), 2.0**-63)
_SMALLEST = 2.0**-1022
# Covers the rounding of the bounds themselves as long as inner dimensions stay below 1e10.
_SLACK = 1 + 1e-5
_BLOCK = 1 << 20


class Enclosed(NamedTuple):
    """Every entry of the exact array lies within ``radius`` of ``mid``."""

    mid: Matrix
    radius: Matrix


def product(a: Matrix, b: Matrix) -> Enclosed:
    """The product of a with a thin b, in extended precision where the platform has it.

    Parameters
    ----------
    a : array, shape (n, k)
    b : array, shape (k, m), m small: the cost is that of m unblocked matrix-vector products.

    Examples
    --------
    >>> enclosed = product(np.array([[1.0, 1e16, -1e16]]), np.ones((3, 1)))
    >>> bool(abs(enclosed.mid[0, 0] - 1) <= enclosed.radius[0, 0])
    True
    """
    inner = a.shape[1]
    mid = np.zeros((a.shape[0], b.shape[1]))
    bound = np.zeros_like(mid)
    wide = b.astype(np.longdouble)
    magnitude = np.abs(b)
    step = max(1, _BLOCK // max(1, inner))
    for start in range(0, a.shape[0], step):
        rows = a[start : start + step]
        mid[start : start + step] = rows.astype(np.longdouble) @ wide
        bound[start : start + step] = np.abs(rows) @ magnitude
    radius = _SLACK * ((inner + 2) * _WIDE_UNIT * bound + 2 * _UNIT * np.abs(mid))
    return Enclosed(mid, radius + 4 * (inner + 2) * _SMALLEST)


def matrix_product(a: Matrix, b: Matrix) -> Enclosed:
    """The product of two large matrices by BLAS, in float64.

    Examples
    --------
    >>> matrix_product(np.eye(2), np.eye(2)).mid
    array([[1., 0.],
           [0., 1.]])
    """
    inner = a.shape[1]
    bound = np.abs(a) @ np.abs(b)
    return Enclosed(a @ b, _SLACK * (inner + 2) * _UNIT * bound + 4 * (inner + 2) * _SMALLEST)


def norm_above(a: Matrix) -> float:
    """An upper bound of the Euclidean (Frobenius) norm, within a few units of rounding.

    Examples
    --------
    >>> 5 <= norm_above(np.array([3.0, 4.0])) < 5.00001
    True
    """
    size = a.size
    # Squares below the normal range may be lost: each is then less than 2^-1022.
    lost = math.sqrt(size) * 2.0**-510
    return float(np.sqrt(np.sum(a * a))) * (1 + (size + 8) * 2 * _UNIT) + lost


def exact_scaling(a: Matrix, exponents: NDArray[np.int_], what: str) -> Matrix:
    """a * 2**exponents, without rounding.

    Raises
    ------
    DataError : an entry would overflow or lose digits; ``what`` names the array.

    Examples
    --------
    >>> exact_scaling(np.array([1.0, 3.0]), np.array([1, -1]), "weights")
    array([2. , 1.5])
    """
    with np.errstate(over="ignore", under="ignore"):
        scaled = np.ldexp(a, exponents)
        back = np.ldexp(scaled, -exponents)
    if not np.array_equal(back, a):
        raise DataError(
            f"the {what} span more orders of magnitude than float64 can hold side by side; "
            "expected magnitudes between about 1e-150 and 1e150; rescale the features"
        )
    return scaled

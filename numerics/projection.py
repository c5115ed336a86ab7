"""Rigorous norms of projections on the range of a matrix, without trusting a factorisation."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from flint import arb

from ..errors import RankDeficientError
from .design import Factors
from .enclosures import ball_above, ball_below
from .rounding import Enclosed, Matrix, matrix_product, norm_above, product

__all__ = [
    "Projection",
    "angle",
    "arcsine",
    "certified_projection",
    "inner_below",
    "sine_below",
]

_UNIT = 2.0**-53


@dataclass(frozen=True)
class Projection:
    """The orthogonal projector P on the range of A, through columns Y = A C nearly orthonormal.

    Attributes
    ----------
    transposed : A^T.
    combination : C^T. Both are exact: Y is their exact product.
    defect : upper bound of ||Y^T Y - I||, below 1, which proves that A has full column rank.
    """

    transposed: Matrix
    combination: Matrix
    defect: float

    def norm_above(self, values: Enclosed) -> float:
        """Upper bound of ||P V||: ||P V|| <= ||Y^T V||/sqrt(1 - defect), ||P dV|| <= ||dV||."""
        along = product(self.transposed, values.mid)
        coefficients = product(self.combination, along.mid)
        slack = np.abs(self.combination) @ along.radius * (1 + 1e-5)
        size = norm_above(np.abs(coefficients.mid) + coefficients.radius + slack)
        inside = arb(size) / (1 - arb(self.defect)).sqrt()
        return ball_above(inside * (1 + arb(2) ** -50) + arb(norm_above(values.radius)))


def certified_projection(factors: Factors) -> Projection:
    """The projector on the range of the scaled design matrix.

    Raises
    ------
    RankDeficientError : the rounding errors are too large to prove full column rank.
    """
    columns = factors.scaled.shape[1]
    combination = factors.weights(np.eye(columns))
    basis = matrix_product(factors.scaled, combination)
    size, error = norm_above(basis.mid), norm_above(basis.radius)
    gram = basis.mid.T @ basis.mid - np.eye(columns)
    rounding = 1.01 * (len(basis.mid) + 4) * _UNIT * (size**2 + columns)
    defect = (norm_above(gram) + rounding + 2 * size * error + error**2) * (1 + 1e-9)
    if not defect < 1:
        raise RankDeficientError(
            "the design matrix is so close to rank deficient that rounding hides whether it has "
            f"full column rank (defect {defect:.1e}, expected below 1); drop nearly dependent "
            "features, centre them, or use fewer principal components"
        )
    return Projection(
        np.ascontiguousarray(factors.scaled.T), np.ascontiguousarray(combination.T), defect
    )


def inner_below(a: Matrix, a_radius: float, b: Enclosed) -> float:
    """Lower bound of the inner product of an array within ``a_radius`` of a with an enclosed one.

    Examples
    --------
    >>> one = np.ones((2, 1))
    >>> 1.999999 < inner_below(one, 0.0, Enclosed(one, 0 * one)) <= 2
    True
    """
    terms = a * b.mid
    lost = np.abs(a) * b.radius + a_radius * (np.abs(b.mid) + b.radius) + 2 * _UNIT * np.abs(terms)
    ball = arb(math.fsum(terms.ravel())) - arb(math.fsum(lost.ravel())) * (1 + arb(2) ** -20)
    return ball_below(ball - abs(ball) * arb(2) ** -50)


def angle(a: Matrix, b: Matrix) -> tuple[float, float]:
    """Angle of two arrays as vectors, in radians, and a bound on its rounding error.

    Computed as 2 atan2(|a' - b'|, |a' + b'|) of the normalised vectors [1]_, which is accurate for
    small angles too.

    .. [1] Kahan, How futile are mindless assessments of roundoff, 2006, sec. 12.

    Examples
    --------
    >>> angle(np.array([1.0, 0.0]), np.array([1.0, 1e-9]))[0]
    1e-09
    """
    first, second = _unit(a), _unit(b)
    value = 2 * math.atan2(_norm(first - second), _norm(first + second))
    return value, 64 * _UNIT


def arcsine(sine: arb) -> arb:
    """An upper bound of the angle of at most this sine; pi where the sine may reach 1."""
    return arb(sine.upper()).asin() if sine < 1 else arb.pi()


def sine_below(angle: float, error: float) -> float:
    """Lower bound of the sine of an angle in [0, pi] that is known up to an error.

    Examples
    --------
    >>> sine_below(0.5, 0.25) <= math.sin(0.25) < sine_below(0.5, 0.2499)
    True
    >>> sine_below(0.1, 0.2)
    0.0
    """
    low, high = arb(angle) - arb(error), arb(angle) + arb(error)
    if not (low > 0 and high < arb.pi()):
        return 0.0
    # The sine is concave on [0, pi].
    return max(0.0, min(ball_below(low.sin()), ball_below(high.sin())))


def _unit(a: Matrix) -> Matrix:
    scaled = a / np.max(np.abs(a))
    return np.asarray(scaled / _norm(scaled))


def _norm(a: Matrix) -> float:
    # Exact summation: the relative error stays at a few units of rounding for any length.
    return math.sqrt(math.fsum((a * a).ravel()))

"""The Euclidean angle between given weights and Fisher's, and the condition number of the data.

Two vectors u, v span a plane on which X has singular values s <= b, between those of X, so that

    sin angle(u, v) <= (b/s) sin angle_X(u, v) <= cond(X) sin angle_X(u, v),

where angle_X is the angle in the metric of the data, <u, v> = (Xu)^T (Xv). So the bounds of
:mod:`.alignment` hold for the Euclidean angle once they are multiplied by cond(X). For several
classes the matrices of weights are vectors, on which X acts column by column.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb
from numpy.typing import ArrayLike

from ..errors import DataError
from .alignment import stacked_weights, target_logits
from .balls import precision
from .design import design, factor
from .enclosures import ball_above
from .losses import check_alpha
from .projection import angle, arcsine, certified_projection, sine_below
from .rounding import Enclosed, Matrix, norm_above, product

__all__ = ["EuclideanAngle", "euclidean_angle", "spectral_norm_above"]


@dataclass(frozen=True)
class EuclideanAngle:
    """The angle of weights to Fisher's, in the metric of the features as they are given.

    Attributes
    ----------
    angle : between the weights (with the bias, if there is one) and Fisher's, in radians.
    angle_error : the true angle lies within this distance of ``angle``, rounding included.
    condition : upper bound of the condition number of the data (with the column of ones).
    """

    angle: float
    angle_error: float
    condition: float

    @property
    def sine_below(self) -> float:
        """Lower bound of the sine of the angle, rounding included."""
        return sine_below(self.angle, self.angle_error)

    def bound(self, sine: float) -> float:
        """What a bound on the sine in the metric of the data says of this one."""
        return ball_above(arb(self.condition) * arb(sine))


def euclidean_angle(
    X: ArrayLike,
    weights: ArrayLike,
    y: ArrayLike | None = None,
    *,
    penalty: Any = "quadratic",
    alpha: float = 0.1,
    bias: ArrayLike | None = None,
) -> EuclideanAngle:
    """Certify the Euclidean angle between weights and Fisher's, and cond(X) from above.

    Parameters and errors are those of :func:`logitreg.alignment`. The loss enters through the
    targets of several classes alone: for two classes Fisher's direction does not depend on it.

    Examples
    --------
    >>> from .alignment import alignment
    >>> X, weights = [[1.0, 0.2], [0.8, -0.3], [1.3, 0.1]], [1.0, 0.0]
    >>> euclidean = euclidean_angle(X, weights)
    >>> 4.5 < euclidean.condition < 5
    True
    >>> certificate = alignment(X, weights)
    >>> euclidean.sine_below <= euclidean.bound(certificate.linearity_bound)
    True
    """
    alpha = check_alpha(alpha, zero=False)
    data = design(X, y, bias=bias is not None)
    factors = factor(data.matrix)
    targets = target_logits(data, penalty, alpha)
    coordinates = factors.weights(factors.q.T @ targets.matrix)
    fisher = factors.unscale(coordinates)
    given, rounding = stacked_weights(data, weights, bias), np.zeros(())
    if targets.centred:
        rounding = (data.outputs + 4) * 2.0**-52 * np.sum(np.abs(given), axis=1, keepdims=True)
        given = given - np.mean(given, axis=1, keepdims=True)
    if not (np.any(given) and np.any(fisher)):
        raise DataError("all weights are zero; expected weights that have a direction")

    projection = certified_projection(factors)
    logits = product(factors.scaled, coordinates)
    residue = targets.matrix - logits.mid
    radius = logits.radius + targets.radius + 2.0**-52 * np.abs(residue)
    with precision(96):
        # X times this matrix is orthonormal up to the defect: its norm bounds that of X^-1.
        combination = np.ldexp(projection.combination, -factors.exponents)
        inverse = _spectral_norm(combination) / (1 - arb(projection.defect)).sqrt()
        displaced = inverse * arb(projection.norm_above(Enclosed(residue, radius)))
        rounded = _spectral_norm(np.broadcast_to(rounding, given.shape))
        measured, error = angle(given, fisher)
        errors = (
            arcsine(displaced / _frobenius_below(fisher))
            + arcsine(arb(data.outputs).sqrt() * rounded / _frobenius_below(given))
            + arb(error)
        )
        condition = _spectral_norm(data.matrix) * inverse
        return EuclideanAngle(measured, ball_above(errors), ball_above(condition))


def spectral_norm_above(a: Matrix, squarings: int = 6) -> float:
    """Upper bound of the largest singular value of a, within a factor d^(2^-squarings / 2).

    By ||A||^2 = ||A^T A|| and ||A|| <= ||A||_F, with the rounding of each product added.

    Parameters
    ----------
    a : (n, d), with entries of at most 1 in magnitude.

    Examples
    --------
    >>> 1 <= spectral_norm_above(np.eye(4)) < 1.02
    True
    """
    size = norm_above(a)
    if squarings == 0 or size == 0:
        return size
    # A power of two keeps the norm near one, and the products exact in their exponents.
    exponent = math.frexp(size)[1]
    unit = np.ldexp(a, -exponent)
    lost = (len(a) + 4) * 2.0**-53 * math.ldexp(size, -exponent) ** 2 * (1 + 1e-5) + 2.0**-900
    squared = spectral_norm_above(unit.T @ unit, squarings - 1) + lost
    return math.ldexp(math.sqrt(squared) * (1 + 2.0**-50), exponent)


def _spectral_norm(a: Matrix) -> arb:
    """The same as a ball, for entries of any magnitude."""
    exponent = int(np.frexp(np.max(np.abs(a)))[1])
    return arb(spectral_norm_above(np.ldexp(a, -exponent))) * arb(2) ** exponent


def _frobenius_below(a: Matrix) -> arb:
    largest = float(np.max(np.abs(a)))
    return arb(largest) * float(np.linalg.norm(a / largest)) * (1 - arb(2) ** -40)

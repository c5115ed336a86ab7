"""Rigorous bounds on a loss at given logits: gradients, and curvature towards the target."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from flint import arb
from numpy.typing import NDArray

from ..errors import UnsupportedPenaltyError
from .balls import hull
from .enclosures import ball_above, ball_below, mean_curvature_range
from .kernels import kernel
from .losses import penalty_name
from .rounding import Enclosed, Matrix

__all__ = ["GradientBounds", "binary_bounds", "multiclass_bounds"]

_MAX_PIECES = 32
# Covers the rounding of a few dozen float64 operations on positive numbers.
_UP, _DOWN = 1 + 1e-12, 1 - 1e-12


@dataclass(frozen=True)
class GradientBounds:
    """Bounds on the loss at the logits of all samples.

    Attributes
    ----------
    low, high : bounds of the eigenvalues of each sample's Hessian, averaged over the segment from
        the target to the sample's logits.
    gradient : (n_samples, n_outputs) enclosure of the gradients at the logits.
    at_target : upper bound of the Euclidean norm of one sample's gradient at the target, which is
        zero up to the rounding of the target.
    """

    low: float
    high: float
    gradient: Enclosed
    at_target: float


def binary_bounds(penalty: Any, alpha: float, level: float, logits: Enclosed) -> GradientBounds:
    """Bounds for signed logits, (n_samples, 1), with target ``level``.

    Raises
    ------
    UnsupportedPenaltyError : the slope of the penalty jumps at the target.
    """
    f = kernel(penalty)
    _require_smooth_target(penalty, f.kinks, (level,))
    strength, rest = arb(alpha), 1 - arb(alpha)

    def slope(z: arb) -> arb:
        return strength * f.balls.slope(z) - rest * _decreasing_logistic(z)

    def curvature(z: arb) -> arb:
        return strength * f.balls.curvature(z) + rest * _logistic_curvature(z)

    below, above = _extent(logits.mid, logits.radius)
    low, high = mean_curvature_range(slope, curvature, level, below, above, f.kinks)
    gradient = _from_balls([[slope(z) for z in row] for row in _balls(logits)])
    return GradientBounds(low, high, gradient, ball_above(abs(slope(arb(level)))))


def _decreasing_logistic(z: arb) -> arb:
    """1/(1 + e^z), with the exact range on wide balls."""
    return hull(1 / (1 + arb(z.lower()).exp()), 1 / (1 + arb(z.upper()).exp()))


def _logistic_curvature(z: arb) -> arb:
    """1/((1 + e^z)(1 + e^-z)), even and decreasing in |z|, with the exact range on wide balls."""
    ends = arb(z.abs_lower()), arb(z.abs_upper())
    return hull(*(1 / (2 + 2 * x.cosh()) for x in ends))


def multiclass_bounds(
    penalty: Any,
    alpha: float,
    levels: tuple[float, float],
    codes: NDArray[np.intp],
    logits: Enclosed,
) -> GradientBounds:
    """Bounds for K logits per sample, with target levels (z_low, z_high).

    Cross-entropy has Hessian diag p - p p^T. On the logits that sum to zero its eigenvalues are at
    least min_k p_k: a variance is at least that times the squared norm. Along a segment each
    log p_k is concave, so that p_k is at least the smaller of its values at the ends. Averages over
    a segment are bounded piece by piece.

    A coordinate-wise penalty adds the diagonal of its mean curvatures towards the target.

    Raises
    ------
    UnsupportedPenaltyError : entropy, which is not convex; or a kink at the target.
    """
    name = penalty_name(penalty)
    if name == "entropy":
        raise UnsupportedPenaltyError(
            "the entropy penalty is not convex for more than two classes: its curvature has no "
            "positive lower bound; expected a convex penalty; use 'label-smoothing' or "
            "'quadratic', or two classes"
        )
    classes = logits.mid.shape[1]
    strength, rest = arb(alpha), 1 - arb(alpha)
    samples = _balls(logits)
    true, other = arb(levels[1]), arb(levels[0])
    targets = [[true if k == code else other for k in range(classes)] for code in codes]

    if name == "label-smoothing":

        def gradient(z: list[arb], code: int) -> list[arb]:
            return [
                p - strength / classes - (rest if k == code else 0)
                for k, p in enumerate(_softmax(z))
            ]

        low = _smallest_mean(targets, samples)
        high = _largest_mean(targets, samples)
    else:
        f = kernel(penalty)
        _require_smooth_target(penalty, f.kinks, levels)

        def gradient(z: list[arb], code: int) -> list[arb]:
            return [
                rest * (p - (1 if k == code else 0)) + strength * f.balls.slope(z[k])
                for k, p in enumerate(_softmax(z))
            ]

        chosen = np.eye(classes, dtype=bool)[codes]
        ranges = [
            mean_curvature_range(
                f.balls.slope,
                f.balls.curvature,
                level,
                *_extent(logits.mid[mask], logits.radius[mask]),
                f.kinks,
            )
            for level, mask in ((levels[1], chosen), (levels[0], ~chosen))
        ]
        low = ball_below(strength * arb(min(bottom for bottom, _ in ranges)))
        cross_entropy = rest * arb(_largest_mean(targets, samples))
        high = ball_above(strength * arb(max(top for _, top in ranges)) + cross_entropy)
    values = _from_balls([gradient(z, int(c)) for z, c in zip(samples, codes, strict=True)])
    rounding = sum((g**2 for g in gradient(targets[0], int(codes[0]))), arb(0))
    return GradientBounds(low, high, values, ball_above(arb(rounding.upper()).sqrt()))


def _require_smooth_target(
    penalty: Any, kinks: tuple[float, ...], levels: tuple[float, ...]
) -> None:
    if any(abs(level - kink) <= 1e-9 * max(1.0, abs(kink)) for kink in kinks for level in levels):
        raise UnsupportedPenaltyError(
            f"the target of {penalty_name(penalty)!r} sits on a kink of the penalty (targets "
            f"{levels}, kinks {kinks}), where the curvature is infinite; expected a target away "
            "from kinks; choose another alpha or a smooth penalty"
        )


def _softmax(z: list[arb]) -> list[arb]:
    exponentials = [x.exp() for x in z]
    total = sum(exponentials, arb(0))
    return [e / total for e in exponentials]


def _probabilities(target: list[arb], logits: list[arb], pieces: int) -> list[list[float]]:
    """Lower bounds of the probabilities at the ends of equal pieces of the segment."""
    return [
        [
            max(0.0, ball_below(p))
            for p in _softmax(
                [t + (z - t) * step / pieces for t, z in zip(target, logits, strict=True)]
            )
        ]
        for step in range(pieces + 1)
    ]


def _largest_mean(targets: list[list[arb]], samples: list[list[arb]]) -> float:
    """Upper bound over samples of the largest eigenvalue of the averaged diag p - p p^T."""

    def mean(sample: int, pieces: int) -> float:
        ends = _probabilities(targets[sample], samples[sample], pieces)
        total = 0.0
        for left, right in pairwise(ends):
            total += _largest_eigenvalue([min(pair) for pair in zip(left, right, strict=True)])
        return _UP * total / pieces

    return _extreme(mean, len(samples))


def _largest_eigenvalue(least: list[float]) -> float:
    """Upper bound for diag p - p p^T over the probabilities p that are at least these.

    It is at most max p, and at most 1/2: a variance is at most a quarter of the squared range.
    Where one p_c >= a > 1/2, Gershgorin's discs give 2 a (1 - a); with the axis c in units of
    K - 1, in which the eigenvector at a target has entries of one size, they give the larger of
    a (1 - a) K/(K - 1) and p_k (2 (1 - p_k) + p_c (K - 2)) for the other classes k.
    """
    classes = len(least)
    slack = max(0.0, 1 - sum(least)) + classes * 2.0**-52
    second, first = sorted(least)[-2:]
    if first <= 0.5:
        return min(0.5, first + slack)
    plain = 2 * first * (1 - first)
    other = min(second + slack, 0.5)
    scaled = other * (2 * (1 - other) + (first + slack) * (classes - 2))
    return min(plain, max(plain * classes / (2 * (classes - 1)), scaled))


def _smallest_mean(targets: list[list[arb]], samples: list[list[arb]]) -> float:
    """Lower bound over samples of the smallest eigenvalue on the logits that sum to zero."""

    def negated(sample: int, pieces: int) -> float:
        ends = _probabilities(targets[sample], samples[sample], pieces)
        total = sum(min(*left, *right) for left, right in pairwise(ends))
        return -_DOWN * total / pieces

    return -_extreme(negated, len(samples))


def _extreme(mean: Callable[[int, int], float], samples: int) -> float:
    """The largest bound over samples; those that decide it are bounded in finer pieces."""
    heap = [(-mean(sample, 1), sample, 1) for sample in range(samples)]
    heapq.heapify(heap)
    while heap[0][2] < _MAX_PIECES:
        negative, sample, pieces = heap[0]
        finer = max(negative, -mean(sample, 2 * pieces))
        heapq.heapreplace(heap, (finer, sample, 2 * pieces))
    return -heap[0][0]


def _extent(mid: Matrix, radius: Matrix) -> tuple[float, float]:
    """The smallest and the largest value that the enclosed entries can take."""
    low, high = float(np.min(mid - radius)), float(np.max(mid + radius))
    return math.nextafter(low, -math.inf), math.nextafter(high, math.inf)


def _balls(enclosed: Enclosed) -> list[list[arb]]:
    return [
        [arb(m, r) for m, r in zip(mids, radii, strict=True)]
        for mids, radii in zip(enclosed.mid.tolist(), enclosed.radius.tolist(), strict=True)
    ]


def _from_balls(rows: list[list[arb]]) -> Enclosed:
    mid = np.array([[float(x.mid()) for x in row] for row in rows])
    radius = np.array([[float(x.rad()) for x in row] for row in rows])
    return Enclosed(mid, radius * _UP + 2.0**-52 * np.abs(mid) + 2.0**-1022)

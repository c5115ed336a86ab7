"""Calibration error: binned, from predictions and labels, and of Gaussian logits, by quadrature."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import quad

from ..errors import DataError, NonFiniteError, NotConvergedError, ShapeError
from .host import on_host
from .rounding import Matrix

__all__ = ["Reliability", "calibration_error", "gaussian_calibration_error", "reliability"]

_EXTREME = 1e100
_TAIL = 40.0
_GOAL = 1e-10


class Reliability(NamedTuple):
    """Bins of a reliability diagram, those that hold samples, in order of confidence.

    Attributes
    ----------
    confidence : (n,) mean predicted probability of the predicted class in each bin.
    accuracy : (n,) fraction of its samples that are classified correctly.
    samples : (n,) number of its samples.
    """

    confidence: Matrix
    accuracy: Matrix
    samples: NDArray[np.intp]

    @property
    def error(self) -> float:
        """sum_b (n_b/N) |accuracy_b - confidence_b|."""
        gaps = np.abs(self.accuracy - self.confidence)
        return float(np.sum(self.samples * gaps) / np.sum(self.samples))


def reliability(
    probabilities: Any, labels: ArrayLike, *, bins: int = 15, equal_mass: bool = False
) -> Reliability:
    """Confidence and accuracy of the predicted class, in bins of confidence.

    Parameters
    ----------
    probabilities : (n_samples, n_classes) predicted distributions, or (n_samples,) probabilities of
        the positive one of two classes.
    labels : (n_samples,) classes 0, ..., K - 1; with (n_samples,) probabilities, positive numbers
        or True mark the positive class.
    bins : number of bins.
    equal_mass : bins with numbers of samples that differ by at most one, instead of the intervals
        ((b - 1)/B, b/B] of equal width.

    Raises
    ------
    ShapeError, NonFiniteError, DataError

    Examples
    --------
    >>> found = reliability([0.9, 0.9, 0.2, 0.6], [1, 0, 0, 1], bins=10)
    >>> found.confidence.round(12).tolist(), found.accuracy.tolist(), found.samples.tolist()
    ([0.6, 0.8, 0.9], [1.0, 1.0, 0.5], [1, 1, 2])
    """
    if bins < 1:
        raise ValueError(f"bins is {bins}; expected at least 1")
    confidence, correct = _top_label(probabilities, labels)
    if equal_mass:
        order = np.argsort(confidence, kind="stable")
        groups = [group for group in np.array_split(order, bins) if group.size]
    else:
        edges = np.arange(1, bins) / bins
        place = np.searchsorted(edges, confidence, side="left")
        groups = [np.flatnonzero(place == b) for b in np.unique(place)]
    return Reliability(
        np.array([np.mean(confidence[group]) for group in groups]),
        np.array([np.mean(correct[group]) for group in groups]),
        np.array([group.size for group in groups]),
    )


def calibration_error(
    probabilities: Any, labels: ArrayLike, *, bins: int = 15, equal_mass: bool = False
) -> float:
    """The expected calibration error of the predicted class, estimated in bins.

    The estimate is biased. Within a bin positive and negative gaps cancel, so that with infinite
    data it is at most E |P(correct | confidence) - confidence|; with N samples the noise of the
    accuracies, of order sqrt(B/N) together, adds to it: calibrated predictions do not give zero.

    Parameters
    ----------
    As for :func:`reliability`.

    Examples
    --------
    >>> round(calibration_error([0.9, 0.9, 0.2, 0.6], [1, 0, 0, 1], bins=10), 12)
    0.35
    """
    return reliability(probabilities, labels, bins=bins, equal_mass=equal_mass).error


def gaussian_calibration_error(mean: float, deviation: float) -> float:
    """E |sigma(z) - P(y = +1 | z)| for signed logits of the law N(mean, deviation^2).

    With equally likely classes the posterior is sigma(k z), k = 2 m/s^2, so that the error is zero
    iff s^2 = 2 m, and the integrand sinh((1 - k) z/2)/(2 cosh(z/2) cosh(k z/2)) has the sign of
    (1 - k) z: see :mod:`logitreg.theory.calibration`. The error is therefore that of confidence,
    |E sigma(|z|) - Phi(m/s)|. It is integrated over z > 0, with no cancellation.

    Parameters
    ----------
    mean, deviation : moments of the signed logits; the deviation is positive.

    Returns
    -------
    The error, with a relative error estimated below 1e-10.

    Raises
    ------
    DataError : a moment is out of range.
    NotConvergedError : the estimated error of the quadrature is too large.

    Examples
    --------
    >>> gaussian_calibration_error(0.5, 1.0)
    0.0
    >>> round(gaussian_calibration_error(2.0, 0.01), 4)  # all logits near 2: 1 - sigma(2)
    0.1192
    """
    m, s = float(mean), float(deviation)
    if not (abs(m) <= _EXTREME and 1 / _EXTREME <= s <= _EXTREME):
        raise DataError(
            f"mean {m} and deviation {s}; expected numbers of size at most {_EXTREME:g} and a "
            f"deviation of at least {1 / _EXTREME:g}"
        )
    square = Fraction(s) ** 2
    k = float(2 * Fraction(m) / square)
    excess = float(abs(square - 2 * Fraction(m)) / square)
    decay, centre = min(1.0, max(k, 0.0)), abs(m) / s

    def integrand(t: float) -> float:
        z = max(abs(m) + s * t, 0.0)
        gap = -math.expm1(-excess * z) / ((1 + math.exp(-z)) * (1 + math.exp(-abs(k) * z)))
        mirrored = t + 2 * centre
        return gap * (
            math.exp(-t * t / 2 - decay * z) + math.exp(-mirrored * mirrored / 2 - decay * z)
        )

    # With z = |m| + s t: where the density, its product with exp(-decay z), or the gap change fast.
    low, high = max(-centre, -decay * s - _TAIL), _TAIL
    steps = (-12.0, -4.0, -1.0, 0.0, 1.0, 4.0, 12.0)
    points = {shift + step for shift in (0.0, -decay * s, -centre) for step in steps}
    scales = [1.0, *(1 / rate for rate in (abs(k), excess) if rate > 0)]
    points |= {factor * scale / s - centre for scale in scales for factor in (0.1, 1, 6, _TAIL)}
    nodes = [low, *sorted(point for point in points if low < point < high), high]
    pieces = [
        quad(integrand, *ends, epsabs=0, epsrel=1e-12, full_output=1) for ends in pairwise(nodes)
    ]
    value = math.fsum(piece[0] for piece in pieces)
    error = math.fsum(piece[1] for piece in pieces)
    if error > _GOAL * value:
        raise NotConvergedError(
            f"the quadrature of the calibration error at mean {m}, deviation {s} has an estimated "
            f"relative error of {error / value:.1e}; expected {_GOAL:.0e}; check the moments"
        )
    return value / math.sqrt(2 * math.pi)


def _top_label(probabilities: Any, labels: ArrayLike) -> tuple[Matrix, NDArray[np.bool_]]:
    """The probability of the predicted class, and whether it is the true one."""
    p = on_host(probabilities).astype(np.float64)
    y = on_host(labels)
    if p.ndim not in (1, 2) or p.shape[0] == 0 or y.shape != p.shape[:1]:
        raise ShapeError(
            f"probabilities have shape {p.shape} and labels {y.shape}; expected (n_samples,) or "
            "(n_samples, n_classes), and (n_samples,), with at least one sample"
        )
    if not np.all(np.isfinite(p)):
        raise NonFiniteError("probabilities hold NaN or infinity; expected numbers in [0, 1]")
    if p.ndim == 1:
        p, y = np.stack([1 - p, p], axis=1), (y > 0).astype(np.intp)
    # Probabilities in float32 sum to one to seven digits.
    if np.any(p < 0) or np.any(np.abs(np.sum(p, axis=1) - 1) > 1e-5):
        raise DataError(
            "a row of probabilities has a negative entry or does not sum to 1; expected "
            "distributions; apply softmax to logits first"
        )
    if y.dtype.kind not in "biu" or np.any((y < 0) | (y >= p.shape[1])):
        raise DataError(f"labels are not all classes 0 to {p.shape[1] - 1}; expected such integers")
    predicted = np.argmax(p, axis=1)
    return p[np.arange(len(p)), predicted], predicted == y

"""Fisher's linear discriminant, as a least-squares problem."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..errors import DataError, ShapeError
from .design import Design, design, factor
from .rounding import Matrix

__all__ = ["coefficient_of_variation", "fisher_direction"]


def fisher_direction(X: ArrayLike, y: ArrayLike | None = None, *, bias: bool = False) -> Matrix:
    """Fisher's discriminant direction, or subspace for more than two classes.

    For absorbed data it is the least-squares solution of X S = 1. With mean m and covariance C
    (centred) of the rows of X, X^T X / N = C + m m^T, so that S = C^-1 m / (1 + m^T C^-1 m) where
    C is invertible: Fisher's direction C^-1 m. With ``bias`` it is the slope of the regression of
    the labels -1, +1 on the features, proportional to W^-1 (m_+ - m_-), W the scatter within the
    classes.

    For K > 2 classes it is the range of the least-squares regression on the centred indicators
    of the classes. With ``bias`` this is the span of W^-1 (m_c - m), the discriminant subspace.

    Parameters
    ----------
    X : (n_samples, n_features), absorbed (x <- y x) if ``y`` is None.
    y : (n_samples,) labels, or None.
    bias : let the regression have an intercept. It is not part of the result.

    Returns
    -------
    direction : (n_features,) float64 for two classes; (n_features, K - 1) with orthonormal
        columns for K classes, in order of decreasing regression strength.

    Raises
    ------
    ShapeError, NonFiniteError, FewerSamplesThanFeaturesError, RankDeficientError, DataError

    Examples
    --------
    >>> fisher_direction([[1.0, 0.0], [1.0, 2.0], [2.0, 1.0]]).round(12)
    array([0.57142857, 0.14285714])
    """
    data = design(X, y, bias=bias)
    factors = factor(data.matrix)
    solution = factors.unscale(factors.weights(factors.q.T @ fisher_targets(data)))
    slopes = solution[:-1] if bias else solution
    if data.codes is None:
        return np.asarray(slopes[:, 0])
    wanted = data.outputs - 1
    left, singular, _ = np.linalg.svd(slopes, full_matrices=False)
    strength = singular / singular[0] if singular[0] > 0 else singular
    rank = int(np.sum(strength > np.finfo(np.float64).eps * max(data.matrix.shape)))
    if rank < wanted:
        raise DataError(
            f"the {data.outputs} classes span {rank} discriminant direction(s); expected {wanted}: "
            "there are too few features, or class means are affinely dependent; merge or drop "
            "classes"
        )
    return np.asarray(left[:, :wanted])


def fisher_targets(data: Design) -> Matrix:
    """(n_samples, n_outputs): ones for two classes, centred indicators for more."""
    if data.codes is None:
        return np.ones((len(data.matrix), 1))
    return np.asarray(np.eye(data.outputs)[data.codes] - 1.0 / data.outputs)


def coefficient_of_variation(
    X: ArrayLike, weights: ArrayLike, y: ArrayLike | None = None, *, bias: float | None = None
) -> float:
    """r(S) = sigma(S)/mu(S) of the signed logits z = X S: standard deviation over mean.

    Parameters
    ----------
    X : (n_samples, n_features), absorbed if ``y`` is None.
    weights : (n_features,)
    y : (n_samples,) labels of two classes, or None.
    bias : the intercept, added before the labels are absorbed.

    Returns
    -------
    r : float; negative when the mean logit is, infinite when it is zero.

    Raises
    ------
    ShapeError, NonFiniteError, DataError

    Examples
    --------
    >>> coefficient_of_variation([[1.0], [3.0]], [2.0])
    0.5
    """
    data = design(X, y, bias=bias is not None)
    slopes = np.asarray(weights, dtype=np.float64)
    if data.codes is not None:
        raise DataError(f"y holds {data.outputs} classes; expected two: r is defined for those")
    full = slopes if bias is None else np.append(slopes, bias)
    if full.shape != (data.matrix.shape[1],):
        raise ShapeError(
            f"weights have shape {slopes.shape}; expected one per feature, ({np.shape(X)[1]},)"
        )
    logits = data.matrix @ full
    mean, deviation = float(np.mean(logits)), float(np.std(logits))
    if mean == 0:
        return float("inf")
    return deviation / mean

"""Fisher's linear discriminant: as a least-squares problem, and as an eigenproblem."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import ArrayLike, NDArray

from ..errors import DataError, ShapeError
from .class_statistics import ClassStatistics, between_root, least_squares, summary
from .concise import concise_repr
from .design import Design, design, factor
from .host import from_host, on_host
from .rounding import Matrix
from .shrinkage import ledoit_wolf_root, shrunk_root

__all__ = [
    "DiscriminantSubspace",
    "coefficient_of_variation",
    "discriminant_subspace",
    "fisher_criterion",
    "fisher_direction",
    "regression_subspace",
    "subspace_of",
]


def fisher_direction(
    X: ArrayLike,
    y: ArrayLike | None = None,
    *,
    bias: bool = False,
    shrinkage: float | str | None = None,
) -> Any:
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
    shrinkage : of C, or with ``bias`` of the covariance W/N within the classes, towards a multiple
        of the identity: a number in [0, 1] or "auto", as in :func:`discriminant_subspace`.

    Returns
    -------
    direction : (n_features,) for two classes; (n_features, K - 1) with orthonormal columns for K
        classes, in order of decreasing regression strength; of X's library and device, in float32
        if X is, else in float64. It is computed in float64 by NumPy.

    Raises
    ------
    ShapeError, NonFiniteError, FewerSamplesThanFeaturesError, RankDeficientError, DataError

    Examples
    --------
    >>> fisher_direction([[1.0, 0.0], [1.0, 2.0], [2.0, 1.0]]).round(12)
    array([0.57142857, 0.14285714])
    """
    data = design(X, y, bias=bias)
    if shrinkage is None:
        factors = factor(data.matrix)
        solution = factors.unscale(factors.weights(factors.q.T @ fisher_targets(data)))
        slopes = solution[:-1] if bias else solution
    else:
        slopes = _shrunk_slopes(X, y, bias, shrinkage)
    home = from_host(X)
    if data.codes is None:
        return home(slopes[:, 0])
    return home(regression_subspace(slopes, len(data.matrix)))


def regression_subspace(slopes: Any, samples: int) -> Any:
    """Orthonormal columns that span the range of the slopes (n_features, K), in an array library.

    Raises
    ------
    DataError : the rank is below K - 1.

    Examples
    --------
    >>> regression_subspace(np.asarray([[3.0, -3.0], [0.0, 0.0]]), 10).shape
    (2, 1)
    """
    xp = array_namespace(slopes)
    features, classes = slopes.shape
    left, singular, _ = xp.linalg.svd(slopes, full_matrices=False)
    unit = float(xp.finfo(slopes.dtype).eps) * max(samples, features)
    rank = int(xp.count_nonzero(singular > unit * singular[0]))
    if rank < classes - 1:
        raise DataError(
            f"the {classes} classes span {rank} discriminant direction(s); expected {classes - 1}: "
            "there are too few features, or class means are affinely dependent; merge or drop "
            "classes"
        )
    return left[:, : classes - 1]


def _shrunk_slopes(X: ArrayLike, y: ArrayLike | None, bias: bool, shrinkage: float | str) -> Matrix:
    statistics, features, codes = _statistics(X, y, absorb=not bias)
    if shrinkage == "auto":
        root = ledoit_wolf_root(features, codes)
    else:
        root = shrunk_root(statistics.root, shrinkage)
    size = len(statistics.counts)
    targets = np.eye(size) - 1 / size if size > 2 else np.array([[-1.0], [1.0]])[-size:]
    slopes, _ = least_squares(replace(statistics, root=root), targets, bias=bias)
    return np.asarray(slopes)


class DiscriminantSubspace(NamedTuple):
    """Directions that separate the classes best, in the order of the criterion.

    Attributes
    ----------
    directions : (n_features, m) with V^T C_W V = I, C_W the covariance within the classes (divided
        by N, shrunk if so asked); each points so that the last class scores above the mean.
    criterion : (m,) the eigenvalues v^T S_B v / v^T S_W v, descending.
    """

    directions: Any
    criterion: Any

    def __repr__(self) -> str:
        return concise_repr(self)


def discriminant_subspace(
    X: ArrayLike, y: ArrayLike, *, shrinkage: float | str | None = None
) -> DiscriminantSubspace:
    """The solutions of S_B v = lambda S_W v with lambda > 0, for K >= 2 classes.

    S_B = sum_c n_c (m_c - m)(m_c - m)^T is the scatter between the classes, S_W that within them.
    Where S_W is singular its null space is left out (the pseudoinverse, with every feature in
    units of its deviation within the classes): the directions of scikit-learn's solver "svd". Use
    shrinkage to have these directions count.

    Parameters
    ----------
    X : (n_samples, n_features)
    y : (n_samples,) labels of two or more classes.
    shrinkage : gamma in [0, 1] replaces S_W by (1 - gamma) S_W + gamma (trace S_W/d) I; "auto"
        does so with the gamma of Ledoit and Wolf for the standardised features of each class.
        S_B stays as it is, as with scikit-learn's solver "lsqr"; its solver "eigen" shrinks
        S_B + S_W as well.

    Returns
    -------
    DiscriminantSubspace, with at most K - 1 directions.

    Raises
    ------
    ShapeError, NonFiniteError, DataError

    Examples
    --------
    >>> X = [[0.0, 1.0], [2.0, 0.0], [3.0, 1.0], [5.0, 3.0]]
    >>> discriminant_subspace(X, [0, 0, 1, 1]).criterion.round(12)
    array([2.5])
    """
    statistics, features, codes = _statistics(X, y, absorb=False)
    if shrinkage == "auto":
        root = ledoit_wolf_root(features, codes)
        found = subspace_of(replace(statistics, root=root), None)
    else:
        found = subspace_of(statistics, shrinkage)
    return DiscriminantSubspace(*map(from_host(X), found))


def subspace_of(statistics: ClassStatistics, shrinkage: float | str | None) -> DiscriminantSubspace:
    """The solutions of S_B v = lambda S_W v from sufficient statistics; arrays of their library.

    Raises
    ------
    DataError : the shrinkage is not a number in [0, 1], or S_W is zero.

    Examples
    --------
    >>> statistics = summary(np.asarray([[0.0], [2.0], [5.0]]), np.eye(2)[[0, 0, 1]])
    >>> subspace_of(statistics, None).criterion.round(12)
    array([5.33333333])
    """
    xp = array_namespace(statistics.root)
    samples = float(xp.sum(statistics.counts))
    root = shrunk_root(statistics.root, shrinkage)
    lengths = xp.linalg.vector_norm(root, axis=0)
    units = xp.where(lengths > 0, lengths, xp.ones_like(lengths))
    _, singular, right = xp.linalg.svd(root / units, full_matrices=False)
    unit = float(xp.finfo(root.dtype).eps) * max(samples, root.shape[-1])
    kept = int(xp.count_nonzero(singular > unit * singular[0]))
    if kept == 0:
        raise DataError(
            "every sample equals the mean of its class, so that nothing limits the criterion; "
            "expected scatter within the classes; add samples"
        )
    whitening = right[:kept, :].T / units[:, None] / singular[:kept]
    between = between_root(statistics)
    _, strength, rotation = xp.linalg.svd(between @ whitening, full_matrices=False)
    wanted = int(xp.count_nonzero(strength > unit * strength[0]))
    directions = samples**0.5 * (whitening @ rotation[:wanted, :].T)
    signs = xp.where(between[-1, :] @ directions < 0, -1.0, 1.0)
    return DiscriminantSubspace(directions * signs, strength[:wanted] ** 2)


def fisher_criterion(X: ArrayLike, directions: ArrayLike, y: ArrayLike | None = None) -> float:
    """J(V) = trace((V^T S_W V)^-1 V^T S_B V); w^T S_B w / w^T S_W w for one direction.

    For absorbed data J(w) = (w.m)^2 / w^T C w = 1/r(w)^2, with r the coefficient of variation.

    Parameters
    ----------
    X : (n_samples, n_features), absorbed if ``y`` is None.
    directions : (n_features,) or (n_features, m), linearly independent.
    y : (n_samples,) labels, or None.

    Returns
    -------
    J : float; infinite where the classes have no scatter along a direction.

    Raises
    ------
    ShapeError, NonFiniteError, DataError

    Examples
    --------
    >>> fisher_criterion([[1.0], [3.0]], [2.0])
    4.0
    """
    statistics, features, _ = _statistics(X, y, absorb=False)
    V = on_host(directions).astype(np.float64)
    if V.ndim not in (1, 2) or len(V) != features.shape[1]:
        raise ShapeError(
            f"directions have shape {V.shape}; expected ({features.shape[1]},) or "
            f"({features.shape[1]}, m)"
        )
    V = V.reshape(len(V), -1)
    if y is None:
        between = np.sqrt(statistics.counts)[:, None] * statistics.means(np.zeros(len(V)))
    else:
        between = between_root(statistics)
    within = np.linalg.qr(statistics.root @ V).R
    if len(within) < V.shape[1] or not np.all(np.diag(within)):
        return float("inf")
    return float(np.sum(np.linalg.solve(within.T, (between @ V).T) ** 2))


def _statistics(
    X: ArrayLike, y: ArrayLike | None, *, absorb: bool
) -> tuple[ClassStatistics, Matrix, NDArray[np.intp]]:
    """Statistics, features and codes; the labels of two classes absorbed if so asked."""
    data = design(X, y)
    if y is None or (absorb and data.codes is None):
        features, codes = data.matrix, np.zeros(len(data.matrix), dtype=np.intp)
    elif data.codes is not None:
        features, codes = data.matrix, data.codes
    else:
        signs = design(np.ones((len(data.matrix), 1)), y).matrix
        features, codes = signs * data.matrix, (signs[:, 0] > 0).astype(np.intp)
    return summary(features, np.eye(int(np.max(codes)) + 1)[codes]), features, codes


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
    slopes = on_host(weights).astype(np.float64)
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

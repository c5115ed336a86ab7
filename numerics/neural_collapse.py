"""Metrics of neural collapse, NC1 to NC4, from features, labels and a linear classifier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import DataError, NonFiniteError, ShapeError
from .host import on_host, real_array
from .rounding import Matrix

__all__ = ["CollapseMetrics", "collapse_metrics"]


@dataclass(frozen=True)
class CollapseMetrics:
    """The metrics; all vanish at neural collapse.

    Attributes
    ----------
    within : NC1, K^-1 tr(Sigma_W Sigma_B^+).
    weights : NC2 of the classifier, the distance of W W^T/||W W^T|| from the simplex.
    means : NC2 of the centred class means.
    duality : NC3, ||W/||W|| - M/||M||||.
    nearest_centre : NC4, the fraction of samples that the classifier puts into another class than
        that of the nearest class mean.
    """

    within: float
    weights: float
    means: float
    duality: float
    nearest_centre: float


def collapse_metrics(
    features: Any, labels: ArrayLike, weights: Any, bias: Any = None
) -> CollapseMetrics:
    """How far last-layer features and a linear classifier are from neural collapse.

    With class means mu_c, their mean mu_G, and M the rows mu_c - mu_G: Sigma_W is the mean of
    (h - mu_c)(h - mu_c)^T over all samples, Sigma_B = K^-1 M^T M, and the simplex is
    (1 - 1 1^T/K)/sqrt(K - 1). Norms are Frobenius norms. All work is done in float64; matrices are
    no larger than the features.

    Parameters
    ----------
    features : (n_samples, n_features) features h.
    labels : (n_samples,) labels, whose sorted values belong to the rows of ``weights`` in order.
    weights : (n_classes, n_features) classifier W; logits are h W^T + b.
    bias : (n_classes,) b, zero if None.

    Raises
    ------
    ShapeError, NonFiniteError
    DataError : a class has no sample, class means coincide or the weights are zero.

    References
    ----------
    Papyan, Han and Donoho, PNAS 117, 24652 (2020); Guo et al. 2025.

    Examples
    --------
    >>> frame = np.eye(3) - 1 / 3
    >>> collapse_metrics(np.repeat(frame, 4, axis=0), np.repeat([0, 1, 2], 4), 2 * frame).within
    0.0
    """
    H, W = (_finite(name, v) for name, v in (("features", features), ("weights", weights)))
    b = np.zeros(len(W)) if bias is None else _finite("bias", bias)
    y = on_host(labels)
    if H.ndim != 2 or W.shape[1:] != H.shape[1:] or b.shape != W.shape[:1] or y.shape != (len(H),):
        raise ShapeError(
            f"features {H.shape}, labels {y.shape}, weights {W.shape} and bias {b.shape}; expected "
            "(n, d), (n,), (K, d) and (K,)"
        )
    present, codes = np.unique(y, return_inverse=True)
    K = len(W)
    if len(present) != K or K < 2:
        raise DataError(
            f"{len(present)} classes among the labels and {K} rows of weights; expected a row for "
            "each class, at least two, and samples of each"
        )
    counts = np.bincount(codes)
    means = np.stack([np.mean(H[codes == c], axis=0) for c in range(K)])
    M = means - np.mean(means, axis=0)
    simplex = (np.eye(K) - 1 / K) / np.sqrt(K - 1)
    agreement = np.argmax(H @ W.T + b, axis=1) == _nearest(H, means)
    return CollapseMetrics(
        within=_variability(H - means[codes], M, float(counts.sum())),
        weights=float(np.linalg.norm(_unit("the weights", W @ W.T) - simplex)),
        means=float(np.linalg.norm(_unit("the centred class means", M @ M.T) - simplex)),
        duality=float(np.linalg.norm(_unit("the weights", W) - _unit("the class means", M))),
        nearest_centre=float(np.mean(~agreement)),
    )


def _variability(spread: Matrix, M: Matrix, samples: float) -> float:
    """K^-1 tr(Sigma_W Sigma_B^+): with M = U S V^T, Sigma_B^+ = K V S^-2 V^T."""
    _, singular, right = np.linalg.svd(M, full_matrices=False)
    rank = int(np.sum(singular > singular[0] * np.finfo(np.float64).eps * max(M.shape)))
    rank = min(rank, len(M) - 1)
    coordinates = spread @ right[:rank].T / singular[:rank]
    return float(np.sum(coordinates**2) / samples)


def _nearest(H: Matrix, means: Matrix) -> NDArray[np.intp]:
    """argmin_c ||h - mu_c||^2, less the ||h||^2 that all have in common."""
    centre = np.mean(means, axis=0)
    shifted = means - centre
    distances = np.sum(shifted**2, axis=1) - 2 * (H - centre) @ shifted.T
    return np.asarray(np.argmin(distances, axis=1))


def _unit(name: str, matrix: Matrix) -> Matrix:
    norm = float(np.linalg.norm(matrix))
    if norm == 0:
        raise DataError(f"{name} are zero; expected a direction")
    return matrix / norm


def _finite(name: str, values: Any) -> Matrix:
    array = on_host(real_array(values, name)).astype(np.float64)
    if not np.all(np.isfinite(array)):
        raise NonFiniteError(f"{name} hold NaN or infinity; expected finite numbers")
    return array

"""Shrinkage of the covariance within classes towards a multiple of the identity, in factored form.

A covariance C of d features becomes (1 - gamma) C + gamma (trace C/d) I. All is done on factors,
root^T root = N C.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from array_api_compat import array_namespace, device
from numpy.typing import NDArray

from ..errors import DataError
from .rounding import Matrix

__all__ = ["ledoit_wolf", "ledoit_wolf_root", "shrunk_root"]


def shrunk_root(root: Any, shrinkage: float | str | None) -> Any:
    """The factor (d, d) of the shrunk scatter, from that of the scatter (r, d).

    Raises
    ------
    DataError : the shrinkage is not in [0, 1].

    Examples
    --------
    >>> root = shrunk_root(np.asarray([[2.0, 0.0], [0.0, 0.0]]), 0.5)
    >>> (root.T @ root).round(12)
    array([[3., 0.],
           [0., 1.]])
    """
    if shrinkage is None:
        return root
    if isinstance(shrinkage, str) or not 0 <= shrinkage <= 1:
        raise DataError(
            f"shrinkage is {shrinkage!r}; expected a number in [0, 1], None, or, where all of the "
            "data is at hand, 'auto'"
        )
    xp = array_namespace(root)
    features = root.shape[-1]
    mean = xp.sum(root * root) / features
    identity = xp.eye(features, dtype=root.dtype, device=device(root))
    rows = [(1 - shrinkage) ** 0.5 * root, xp.sqrt(shrinkage * mean) * identity]
    return xp.linalg.qr(xp.concat(rows, axis=0)).R


def ledoit_wolf(X: Matrix) -> float:
    """The shrinkage in [0, 1] that Ledoit and Wolf [1]_ estimate to be closest to the covariance.

    Parameters
    ----------
    X : (n_samples, n_features), centred.

    References
    ----------
    .. [1] Ledoit and Wolf, Journal of Multivariate Analysis 88, 365 (2004).

    Examples
    --------
    >>> ledoit_wolf(np.asarray([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]))
    0.0
    """
    samples, features = X.shape
    squared_norms = np.sum(X * X, axis=1)
    gram = X.T @ X if features <= samples else X @ X.T
    covariance = float(np.sum(gram * gram)) / samples**2
    mean = float(np.sum(squared_norms)) / (samples * features)
    error = (float(np.sum(squared_norms**2)) / samples - covariance) / samples
    distance = covariance - features * mean**2
    return min(1.0, error / distance) if error > 0 and distance > 0 else 0.0


def ledoit_wolf_root(X: Matrix, codes: NDArray[np.intp]) -> Matrix:
    """The factor (d, d) of the scatter within the classes, each class shrunk by its own measure.

    As scikit-learn's discriminants do it: the features of a class are standardised, shrunk, and
    scaled back, so that the result does not depend on their units.

    Examples
    --------
    >>> X = np.random.default_rng(0).standard_normal((10, 3))
    >>> ledoit_wolf_root(X, np.arange(10) % 2).shape
    (3, 3)
    """
    rows = []
    for code in range(int(np.max(codes)) + 1):
        members = X[codes == code]
        centred = members - np.mean(members, axis=0)
        deviation = np.sqrt(np.mean(centred**2, axis=0))
        units = np.where(deviation > 0, deviation, 1.0)
        standard = centred / units
        root = np.linalg.qr(standard).R
        rows.append(shrunk_root(root, ledoit_wolf(standard)) * units)
    return np.asarray(np.linalg.qr(np.concatenate(rows)).R)

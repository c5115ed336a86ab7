"""The learning rate up to which gradient descent is stable."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse.linalg import LinearOperator, eigsh

from .design import design
from .host import on_host
from .losses import sample_loss
from .rounding import Matrix

__all__ = ["largest_stable_rate"]


def largest_stable_rate(
    X: Any,
    y: ArrayLike | None = None,
    *,
    penalty: Any = "quadratic",
    alpha: float = 0.1,
    weights: Any = None,
) -> float:
    """2 over the largest eigenvalue of the Hessian of the training loss at ``weights``.

    At a larger rate gradient descent leaves a minimum with that curvature. At zero weights, the
    default, cross-entropy bends most, and so do penalties whose f'' is largest at zero: there the
    rate is stable everywhere. Elsewhere, as for "cosh", pass weights near the minimiser.

    Parameters
    ----------
    As for :func:`train`; weights (n_features,) for two classes, (n_classes, n_features) for more.

    Examples
    --------
    >>> round(largest_stable_rate([[1.0, 0.0], [0.0, 1.0]], alpha=0.5), 9)
    3.555555556
    """
    data = design(X, y)
    samples, features = data.matrix.shape
    size = features * data.outputs
    flat = np.zeros(size) if weights is None else on_host(weights).astype(np.float64).reshape(-1)
    logits = data.matrix @ flat.reshape(data.outputs, features).T
    curvature = sample_loss(penalty, alpha, data.codes, data.outputs).curvature(logits)

    def hessian(u: Matrix) -> Matrix:
        bent = curvature(data.matrix @ u.reshape(data.outputs, features).T)
        return np.asarray(bent.T @ data.matrix / samples).reshape(-1)

    if size < 3:
        largest = np.linalg.eigvalsh(np.stack([hessian(unit) for unit in np.eye(size)]))[-1]
    else:
        guess = np.random.default_rng(0).standard_normal(size)
        operator = LinearOperator((size, size), matvec=hessian, dtype=np.float64)
        largest = eigsh(operator, k=1, which="LA", tol=1e-6, v0=guess)[0][0]
    return float(2 / largest) if largest > 0 else math.inf

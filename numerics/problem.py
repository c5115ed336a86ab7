"""A data set made ready for fitting: checked, weighted and factored once for every loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .coordinates import Coordinates, coordinates
from .design import Design, checked_weights, design
from .host import from_host
from .losses import SampleLoss, sample_loss
from .rounding import Matrix

__all__ = ["Problem", "problem"]


@dataclass(frozen=True)
class Problem:
    """What every fit on one data set shares.

    Attributes
    ----------
    data : all samples.
    kept : (n_samples,) whether a sample has a positive weight.
    share : (n_kept,) the weights of those, with sum one.
    matrix : the rows of the design matrix that are kept.
    labels : their labels as :func:`logitreg.numerics.losses.sample_loss` takes them.
    basis : orthonormal coordinates of ``matrix``.
    home : a NumPy array -> an array like the user's, in library, device and dtype.
    """

    data: Design
    kept: NDArray[np.bool_]
    share: Matrix
    matrix: Matrix
    labels: NDArray[Any] | None
    basis: Coordinates
    home: Callable[[Matrix], Any]

    def loss(self, penalty: Any, alpha: Any) -> SampleLoss:
        """The loss of the samples that are kept."""
        return sample_loss(penalty, alpha, self.labels, self.data.outputs)

    def logits(self, c: Matrix) -> Matrix:
        """The logits of the samples that are kept, from coordinates."""
        return self.basis.weighted(self.basis.spread(c), -1)

    def separated(self, logits: Matrix) -> bool:
        """Whether every hard label is right, strictly, at the logits of the last alpha."""
        z = logits[..., -1]
        if self.labels is None:
            return bool(np.min(z) > 0)
        if self.labels.ndim == 2:
            return False
        rows = np.arange(len(z))
        others = z.copy()
        others[rows, self.labels] = -np.inf
        return bool(np.min(z[rows, self.labels] - np.max(others, axis=1)) > 0)

    @property
    def targets(self) -> Matrix:
        """(n_kept, n_outputs): where the logits should go, up to a factor, the level being zero."""
        if self.labels is None:
            return np.ones((len(self.matrix), 1))
        if self.data.codes is None:
            return np.asarray(2 * self.labels[:, 1:] - 1)
        shares = self.labels if self.labels.ndim == 2 else np.eye(self.data.outputs)[self.labels]
        return np.asarray(shares - 1 / self.data.outputs)


def problem(X: Any, y: Any, bias: bool, sample_weight: ArrayLike | None) -> Problem:
    """Check the data, drop the samples of weight zero and factor the rest.

    Raises
    ------
    ShapeError, NonFiniteError, DataError

    Examples
    --------
    >>> problem([[1.0], [2.0]], None, False, [0.0, 3.0]).matrix
    array([[2.]])
    """
    data = design(X, y, bias=bias, distributions=True)
    weights = checked_weights(sample_weight, len(data.matrix))
    kept = weights > 0
    matrix = data.matrix if np.all(kept) else data.matrix[kept]
    labels: NDArray[Any] | None = data.codes if data.distribution is None else data.distribution
    return Problem(
        data=data,
        kept=kept,
        share=weights[kept] / np.sum(weights),
        matrix=matrix,
        labels=None if labels is None else labels[kept],
        basis=coordinates(matrix, weights[kept]),
        home=from_host(X),
    )

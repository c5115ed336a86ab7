"""Sufficient statistics of labelled samples: counts, class means and the scatter within classes.

The scatter is held as a factor, root^T root = sum_i (x_i - m_{c(i)}) (x_i - m_{c(i)})^T, which is
updated by QR decompositions: the condition number of the data is never squared. Means are held
relative to a sample of their class: a mean far larger than the spread costs no digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from array_api_compat import array_namespace, device

from ..errors import RankDeficientError
from .batched_design import dependent_columns

__all__ = ["ClassStatistics", "between_root", "least_squares", "merged", "summary"]


@dataclass(frozen=True)
class ClassStatistics:
    """Statistics of n_c samples of each of K classes, arrays of one library.

    Attributes
    ----------
    counts : (K,) n_c; zero is allowed.
    origins : (K, d) a sample of each class.
    offsets : (K, d) the class means less the origins.
    root : (r, d) with root^T root the within-class scatter, r <= d.
    """

    counts: Any
    origins: Any
    offsets: Any
    root: Any

    def means(self, origin: Any) -> Any:
        """(K, d) the class means less an origin (d,)."""
        return (self.origins - origin) + self.offsets


def summary(X: Any, indicator: Any) -> ClassStatistics:
    """The statistics of samples X (n, d), with ones at their classes in the indicator (n, K).

    Examples
    --------
    >>> import numpy as np
    >>> summary(np.asarray([[1.0], [3.0]]), np.ones((2, 1))).root ** 2
    array([[2.]])
    """
    xp = array_namespace(X)
    origins = xp.take(X, xp.argmax(indicator, axis=0), axis=0)
    # Products with ones and zeros are exact.
    deviations = X - indicator @ origins
    counts = xp.sum(indicator, axis=0)
    offsets = (indicator.T @ deviations) / _positive(xp, counts)[:, None]
    root = xp.linalg.qr(deviations - indicator @ offsets).R
    return ClassStatistics(counts, origins, offsets, root)


def merged(a: ClassStatistics, b: ClassStatistics) -> ClassStatistics:
    """The statistics of the union of two sets of samples with the same classes.

    With d_c = m_c^b - m_c^a the scatter grows by n_c^a n_c^b/(n_c^a + n_c^b) d_c d_c^T [1]_.

    .. [1] Chan, Golub and LeVeque, The American Statistician 37, 242 (1983).

    Examples
    --------
    >>> import numpy as np
    >>> one = np.ones((1, 1))
    >>> union = merged(summary(one, one), summary(3 * one, one))
    >>> float(union.means(one[0])[0, 0]), round(float(union.root[0, 0]) ** 2, 12)
    (1.0, 2.0)
    """
    xp = array_namespace(a.root)
    share = b.counts / _positive(xp, a.counts + b.counts)
    difference = (b.origins - a.origins) + (b.offsets - a.offsets)
    known = (a.counts > 0)[:, None]
    rows = xp.sqrt(a.counts * share)[:, None] * difference
    return ClassStatistics(
        a.counts + b.counts,
        xp.where(known, a.origins, b.origins),
        xp.where(known, a.offsets + share[:, None] * difference, b.offsets),
        xp.linalg.qr(xp.concat([a.root, b.root, rows], axis=0)).R,
    )


def _positive(xp: Any, counts: Any) -> Any:
    return xp.where(counts > 0, counts, xp.ones_like(counts))


def least_squares(statistics: ClassStatistics, targets: Any, *, bias: bool) -> tuple[Any, Any]:
    """The minimiser of sum_i ||S^T x_i + b - t_{c(i)}||^2, for targets (K, m).

    A reflection of the K weighted means gathers the intercept, and an origin common to all, in the
    first row: the other rows, like those of ``root``, are made of differences of samples.

    Returns
    -------
    (S, b) : (d, m) and (m,); b is zero without ``bias``.

    Raises
    ------
    RankDeficientError

    Examples
    --------
    >>> import numpy as np
    >>> X, indicator = np.asarray([[0.0], [2.0], [3.0]]), np.asarray([[1, 0], [1, 0], [0, 1.0]])
    >>> S, b = least_squares(summary(X, indicator), np.asarray([[-1.0], [1.0]]), bias=True)
    >>> round(float(S[0, 0]), 12), round(float(b[0]), 12)
    (0.571428571429, -1.285714285714)
    """
    xp = array_namespace(statistics.root)
    shares = xp.sqrt(statistics.counts)
    reflect, first = _reflection(xp, shares)
    origin = statistics.origins[0, :]
    means = reflect(shares[:, None] * statistics.means(origin))
    aims = reflect(shares[:, None] * targets)
    if bias:
        system = xp.concat([means[1:, :], statistics.root], axis=0)
        aims_left = aims[1:, :]
    else:
        system = xp.concat([means[:1, :] + first * origin, means[1:, :], statistics.root])
        aims_left = aims
    q, r = xp.linalg.qr(system)
    _require_full_rank(r, float(xp.sum(statistics.counts)))
    slopes = xp.linalg.solve(r, q[: aims_left.shape[0], :].T @ aims_left)
    if not bias:
        return slopes, xp.zeros_like(slopes[0, :])
    return slopes, (aims[0, :] - means[0, :] @ slopes) / first - origin @ slopes


def _reflection(xp: Any, v: Any) -> tuple[Any, Any]:
    """The Householder reflection that takes v to a multiple of the first unit vector; that."""
    length = xp.linalg.vector_norm(v)
    unit = xp.asarray([1.0] + [0.0] * (v.shape[0] - 1), dtype=v.dtype, device=device(v))
    # v has no negative entry: adding does not cancel.
    normal = v / length + unit
    normal = normal / xp.linalg.vector_norm(normal)

    def reflect(rows: Any) -> Any:
        return rows - 2 * normal[:, None] * (normal[None, :] @ rows)

    return reflect, -length


def _require_full_rank(r: Any, samples: float) -> None:
    columns = r.shape[-1]
    if r.shape[0] < columns or bool(dependent_columns(r, max(samples, columns))):
        raise RankDeficientError(
            f"the {columns} features (with a bias, less their means) are linearly dependent; "
            "expected linearly independent columns; drop some"
        )


def between_root(statistics: ClassStatistics) -> Any:
    """(K, d) rows sqrt(n_c) (m_c - m), with m the mean of all samples.

    Examples
    --------
    >>> import numpy as np
    >>> X, indicator = np.asarray([[0.0], [2.0]]), np.eye(2)
    >>> between_root(summary(X, indicator))
    array([[-1.],
           [ 1.]])
    """
    xp = array_namespace(statistics.root)
    means = statistics.means(statistics.origins[0, :])
    centre = (statistics.counts / xp.sum(statistics.counts)) @ means
    return xp.sqrt(statistics.counts)[:, None] * (means - centre)

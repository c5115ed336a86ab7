"""Fisher's direction and quadratic losses from data that comes in chunks."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from array_api_compat import array_namespace, device
from numpy.typing import ArrayLike, NDArray

from ..errors import DataError, FewerSamplesThanFeaturesError, NonFiniteError, ShapeError
from .class_statistics import ClassStatistics, least_squares, merged, summary
from .concise import concise_repr
from .fisher import DiscriminantSubspace, regression_subspace, subspace_of
from .host import on_host, real_array

__all__ = ["LinearSolution", "StreamingStatistics"]


class LinearSolution(NamedTuple):
    """Weights (n_features,) or (n_classes, n_features), and the bias, None without one."""

    weights: Any
    bias: Any

    def __repr__(self) -> str:
        return concise_repr(self)


class StreamingStatistics:
    """Sufficient statistics of labelled data, chunk by chunk, in memory (K + d) d for any N.

    What they give equals the result on the whole data up to rounding, in whatever chunks and order
    these come. Sums run in float64, also over float32 chunks. Chunks of at least n_features rows
    are the most efficient: each costs a QR decomposition.

    Attributes
    ----------
    classes : the labels seen so far, ascending; None while there is no data, or if the labels came
        absorbed.
    counts : (n_classes,) samples of each class seen so far.

    Examples
    --------
    >>> X, y = [[0.0, 1.0], [2.0, 0.0], [3.0, 1.0], [5.0, 3.0]], [0, 0, 1, 1]
    >>> first = StreamingStatistics().partial_fit(X[:3], y[:3])
    >>> rest = StreamingStatistics().partial_fit(X[3:], y[3:])
    >>> first.merge(rest).fisher_direction(bias=True).round(8)
    array([0.38095238, 0.19047619])
    """

    def __init__(self) -> None:
        self.classes: NDArray[Any] | None = None
        self._statistics: ClassStatistics | None = None

    @property
    def counts(self) -> NDArray[np.int64]:
        """(n_classes,) samples of each class; one number if the labels came absorbed."""
        if self._statistics is None:
            return np.zeros(0, dtype=np.int64)
        return on_host(self._statistics.counts).astype(np.int64)

    def partial_fit(self, X: Any, y: ArrayLike | None = None) -> StreamingStatistics:
        """Add a chunk of samples; returns self.

        Parameters
        ----------
        X : (n, n_features) real numbers; an array of any array-API library is worked on in its
            library and on its device (under JAX with 64-bit floats enabled). Absorbed (x <- y x)
            if ``y`` is None.
        y : (n,) labels, or None; labels that were not seen before may appear in any chunk.

        Raises
        ------
        ShapeError, NonFiniteError, DataError
        """
        chunk = StreamingStatistics()
        features = _features(X)
        if y is None:
            indicator = np.ones((features.shape[0], 1))
        else:
            labels = _labels(y, features.shape[0])
            chunk.classes, codes = np.unique(labels, return_inverse=True)
            indicator = np.eye(len(chunk.classes))[codes]
        xp = array_namespace(features)
        ones = xp.asarray(indicator, dtype=xp.float64, device=device(features))
        chunk._statistics = summary(features, ones)
        return self.merge(chunk)

    def merge(self, other: StreamingStatistics) -> StreamingStatistics:
        """Add the samples of another instance, which stays as it is; returns self.

        Raises
        ------
        ShapeError, DataError
        """
        theirs, ours = other._statistics, self._statistics
        if theirs is None:
            return self
        if ours is None:
            self.classes, self._statistics = other.classes, theirs
            return self
        if ours.root.shape[-1] != theirs.root.shape[-1]:
            raise ShapeError(
                f"one part has {ours.root.shape[-1]} features and the other "
                f"{theirs.root.shape[-1]}; expected the same features"
            )
        if self.classes is None and other.classes is None:
            self._statistics = merged(ours, theirs)
            return self
        classes = _united(self.classes, other.classes)
        self._statistics = merged(
            _extended(ours, self.classes, classes), _extended(theirs, other.classes, classes)
        )
        self.classes = classes
        return self

    def fisher_direction(self, *, bias: bool = False) -> Any:
        """What :func:`logitreg.fisher_direction` gives on all samples at once.

        Raises
        ------
        DataError, FewerSamplesThanFeaturesError, RankDeficientError
        """
        size = len(self.counts)
        levels = (-1.0 / size, 1 - 1.0 / size) if size > 2 else (-1.0, 1.0)
        slopes, _ = self._least_squares(levels, bias)
        return slopes[:, 0] if size <= 2 else regression_subspace(slopes, int(sum(self.counts)))

    def discriminant_subspace(self, *, shrinkage: float | None = None) -> DiscriminantSubspace:
        """What :func:`logitreg.numerics.fisher.discriminant_subspace` gives on all samples.

        The shrinkage is a number or None: that of Ledoit and Wolf needs fourth moments.

        Raises
        ------
        DataError
        """
        if self.classes is None or self._statistics is None:
            raise DataError("no labels were given; expected samples of two classes or more")
        _require_two(self.classes)
        return subspace_of(self._statistics, shrinkage)

    def quadratic_minimiser(
        self, target: float | tuple[float, float] = 1.0, *, bias: bool = False
    ) -> LinearSolution:
        """The weights that minimise the mean of (z - target)^2, or of ||z - t||^2 for K classes.

        Parameters
        ----------
        target : the target z* of the signed logit; (z_low, z_high) for more than two classes, as
            in :attr:`logitreg.AlignmentCertificate.target`.
        bias : with an intercept.

        Raises
        ------
        DataError, FewerSamplesThanFeaturesError, RankDeficientError
        """
        binary = len(self.counts) <= 2
        pair = isinstance(target, tuple)
        if binary == pair:
            raise DataError(
                f"target is {target!r} for {len(self.counts)} classes; expected one number for two "
                "classes and a pair (z_low, z_high) for more"
            )
        levels = target if isinstance(target, tuple) else (-target, target)
        slopes, intercept = self._least_squares(levels, bias)
        if binary:
            return LinearSolution(slopes[:, 0], intercept[0] if bias else None)
        return LinearSolution(slopes.T, intercept if bias else None)

    def _least_squares(self, levels: tuple[float, float], bias: bool) -> tuple[Any, Any]:
        """Regression on high for the true class and low for others; on +-z* for two classes."""
        if self._statistics is None:
            raise DataError("no data was given yet; expected a call of partial_fit before")
        low, high = levels
        if self.classes is None:
            if bias:
                raise DataError("bias=True needs labels; expected partial_fit(X, y)")
            targets = np.array([[high]])
        else:
            _require_two(self.classes)
            size = len(self.classes)
            targets = np.where(np.eye(size) > 0, high, low)
            targets = targets[:, 1:] if size == 2 else targets
        root = self._statistics.root
        columns = root.shape[-1] + bias
        if sum(self.counts) < columns:
            raise FewerSamplesThanFeaturesError(
                f"{sum(self.counts)} samples for {columns} columns (a bias is one); expected at "
                "least as many samples as columns; add chunks or project the features"
            )
        xp = array_namespace(root)
        aims = xp.asarray(targets, dtype=root.dtype, device=device(root))
        return least_squares(self._statistics, aims, bias=bias)


def _features(X: Any) -> Any:
    features = real_array(X)
    xp = array_namespace(features)
    if len(features.shape) != 2 or 0 in features.shape:
        raise ShapeError(
            f"X has shape {tuple(features.shape)}; expected (n_samples, n_features), neither zero"
        )
    features = xp.astype(features, xp.float64)
    if not bool(xp.all(xp.isfinite(features))):
        raise NonFiniteError("X holds NaN or infinity; expected finite numbers")
    return features


def _labels(y: ArrayLike, samples: int) -> NDArray[Any]:
    labels = on_host(y)
    if labels.shape != (samples,):
        raise ShapeError(f"y has shape {labels.shape}; expected one label per sample, ({samples},)")
    if labels.dtype.kind == "O":
        labels = labels.astype(str)
    if labels.dtype.kind not in "biufUS" or (labels.dtype.kind == "f" and np.isnan(labels).any()):
        raise DataError(f"y has dtype {labels.dtype} or holds NaN; expected class labels")
    return labels


def _united(a: NDArray[Any] | None, b: NDArray[Any] | None) -> NDArray[Any]:
    if a is None or b is None or (a.dtype.kind in "US") != (b.dtype.kind in "US"):
        raise DataError(
            "one part has labels of another kind than the other (numbers, text, or absorbed); "
            "expected the same kind in every chunk"
        )
    return np.union1d(a, b)


def _extended(
    statistics: ClassStatistics, classes: NDArray[Any] | None, wanted: NDArray[Any]
) -> ClassStatistics:
    """The statistics with room for wanted classes that have no samples."""
    root = statistics.root
    xp = array_namespace(root)
    same = wanted[:, None] == np.asarray(classes)[None, :]
    ones = xp.asarray(same.astype(np.float64), dtype=root.dtype, device=device(root))
    return ClassStatistics(
        ones @ statistics.counts, ones @ statistics.origins, ones @ statistics.offsets, root
    )


def _require_two(classes: NDArray[Any]) -> None:
    if len(classes) < 2:
        raise DataError(
            f"only the label {classes[0]} was seen; expected two classes or more; if X is already "
            "multiplied by its labels, leave y out"
        )

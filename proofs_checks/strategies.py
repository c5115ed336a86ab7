"""Hypothesis strategies for losses and data sets that break trainers and certificates.

Data sets are small integers on which exact operations are performed: unimodular mixing, scaling by
powers of two, adding to a column a tiny multiple of another. So their rank is known without
rounding, they can be read into exact rationals as they stand, and they shrink to rows of the
identity. Only :func:`embeddings` and :func:`clustered_logits` round.

>>> from hypothesis import find
>>> find(label_absorbed_data(), lambda X: len(X) > 2)
array([[1.],
       [0.],
       [0.]])
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from hypothesis.strategies import DrawFn, SearchStrategy
from numpy.typing import NDArray

from ..numerics.rounding import Matrix
from ..numerics.targets import target
from .loss_strategies import alphas, penalties

__all__ = [
    "ClusteredLogits",
    "alphas",
    "clustered_logits",
    "embeddings",
    "label_absorbed_data",
    "labelled_data",
    "penalties",
]

Labels = NDArray[Any]
Complication = Callable[[DrawFn, Matrix], Matrix]


def label_absorbed_data(
    *,
    max_samples: int = 12,
    max_features: int = 4,
    full_rank: bool | None = True,
    moderate: bool = False,
) -> SearchStrategy[NDArray[Any]]:
    """Data multiplied by its labels, (n_samples, n_features): float64, int64 or float32.

    Parameters
    ----------
    max_samples, max_features : limits of the shape; N = d, N = d + 1 and, without full rank,
        N = d - 1 come often.
    full_rank : True for linearly independent columns (exactly so), False for dependent ones,
        None for both.
    moderate : small whole numbers alone; else samples up to 2^20 times the others (heavy tails) or
        columns parallel up to 2^-20, units from 2^-400 to 2^400, repeated samples, and data that
        is just separable through the origin or just not. With full rank the condition number in
        the best units stays within what float64 can factor.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(label_absorbed_data(full_rank=False), lambda X: True)
    array([[0.]])
    """
    return _absorbed(max_samples, max_features, full_rank, moderate)


@st.composite
def _absorbed(
    draw: DrawFn, max_samples: int, max_features: int, full_rank: bool | None, moderate: bool
) -> NDArray[Any]:
    features = draw(st.integers(1, min(max_features, max_samples)))
    samples = draw(st.integers(features, max_samples))
    X = _independent(draw, samples, features, anchored=False)
    if not moderate:
        if draw(st.booleans()):
            X = _just_separable(draw, X)
        X = _complicated(draw, X)
    if full_rank is None:
        full_rank = draw(st.just(True) | st.just(False))
    return _in_some_dtype(draw, X if full_rank else _dependent(draw, X, least=1))


def labelled_data(
    classes: int | SearchStrategy[int] = 2,
    *,
    max_samples: int = 12,
    max_features: int = 4,
    full_rank: bool | None = True,
    moderate: bool = False,
) -> SearchStrategy[tuple[NDArray[Any], Labels]]:
    """Features X, (n_samples, n_features), and labels y of this many classes, none of them empty.

    Labels are 0 to K - 1, strings, or for two classes -1 and 1 or booleans: drawn freely, or in the
    order of the first feature, so that the classes are separable. One class alone is possible.

    Parameters
    ----------
    classes : their number, or a strategy for it.
    max_samples, max_features, full_rank, moderate : as for :func:`label_absorbed_data`. Full rank
        is that of the features together with a column of ones, as a bias needs.

    Examples
    --------
    >>> from hypothesis import find
    >>> X, y = find(labelled_data(), lambda data: True)
    >>> X.tolist(), y.tolist()
    ([[0.0], [1.0]], [0, 1])
    """
    number = st.just(classes) if isinstance(classes, int) else classes
    return _labelled(number, max_samples, max_features, full_rank, moderate)


@st.composite
def _labelled(
    draw: DrawFn,
    number: SearchStrategy[int],
    max_samples: int,
    max_features: int,
    full_rank: bool | None,
    moderate: bool,
) -> tuple[NDArray[Any], Labels]:
    classes = draw(number)
    features = draw(st.integers(1, min(max_features, max_samples - 1)))
    samples = draw(st.integers(max(classes, features + 1), max(max_samples, classes)))
    X = _independent(draw, samples, features, anchored=True)
    if not moderate:
        X = _complicated(draw, X)
    if full_rank is None:
        full_rank = draw(st.just(True) | st.just(False))
    X = X if full_rank else _dependent(draw, X, least=classes)
    codes = _codes(draw, len(X), classes)
    if draw(st.booleans()):
        codes[np.argsort(X[:, 0], kind="stable")] = np.sort(codes)
    return _in_some_dtype(draw, X), _named(draw, codes, classes)


def _codes(draw: DrawFn, samples: int, classes: int) -> NDArray[np.int64]:
    rest = draw(npst.arrays(np.int64, samples - classes, elements=st.integers(0, classes - 1)))
    codes = np.concatenate([np.arange(classes), rest])
    return np.array(draw(st.permutations(codes.tolist())))


def _named(draw: DrawFn, codes: NDArray[np.int64], classes: int) -> Labels:
    names: list[Any] = [np.arange(classes), np.array([f"class {k}" for k in range(classes)])]
    if classes == 2:
        names += [np.array([-1, 1]), np.array([False, True])]
    return np.asarray(draw(st.sampled_from(names))[codes])


def _independent(draw: DrawFn, samples: int, features: int, *, anchored: bool) -> Matrix:
    """Whole numbers, of full column rank; with a column of ones as well if ``anchored``.

    The rows begin with a zero row if anchored and a triangle with a diagonal without zeros; an
    integer matrix of determinant one mixes the columns.
    """
    X = draw(npst.arrays(np.int64, (samples, features), elements=st.integers(-5, 5)))
    triangle = X[anchored : anchored + features]
    diagonal = np.diagonal(triangle)
    triangle[:] = np.tril(triangle, -1) + np.diag(np.where(diagonal == 0, 1, diagonal))
    X[:anchored] = 0
    mixing = draw(npst.arrays(np.int64, (features, features), elements=st.integers(-2, 2)))
    return np.asarray(X @ (np.triu(mixing, 1) + np.eye(features, dtype=int)), dtype=np.float64)


def _just_separable(draw: DrawFn, X: Matrix) -> Matrix:
    """Rows flipped to have no negative first entry, the last one by a hair, or all but the last."""
    X = np.where(X[:, :1] < 0, -X, X)
    # A row of the triangle must keep its diagonal.
    if len(X) > X.shape[1]:
        X[-1, 0] = draw(st.sampled_from([1.0, -1.0])) * 2.0 ** -draw(st.integers(1, 40))
    return X


def _near_collinear(draw: DrawFn, X: Matrix) -> Matrix:
    column = draw(st.integers(0, X.shape[1] - 1))
    if column == 0:
        return X
    X = X.copy()
    X[:, column] = X[:, column - 1] + X[:, column] * 2.0 ** -draw(st.integers(1, 20))
    return X


def _repeated(draw: DrawFn, X: Matrix) -> Matrix:
    kept = draw(st.integers(X.shape[1], len(X)))
    # An anchored design begins with one row more than it has columns, of which none may go.
    kept = max(kept, X.shape[1] + (not X[0].any()))
    return np.asarray(X[np.arange(len(X)) % kept])


def _heavy_tailed(draw: DrawFn, X: Matrix) -> Matrix:
    rows = draw(npst.arrays(np.int64, len(X), elements=st.integers(0, 20), fill=st.just(0)))
    return np.asarray(np.ldexp(X, rows[:, None]))


def _ill_conditioned(draw: DrawFn, X: Matrix) -> Matrix:
    # One or the other: both together would hide the rank from any float64 factorisation.
    make: Complication = draw(st.sampled_from([_near_collinear, _heavy_tailed]))
    return make(draw, X)


def _in_other_units(draw: DrawFn, X: Matrix) -> Matrix:
    units = draw(npst.arrays(np.int64, X.shape[1], elements=st.integers(-400, 400)))
    return np.asarray(np.ldexp(X, units))


# In this order: to add columns is exact as long as they have no units of their own.
_COMPLICATIONS: tuple[Complication, ...] = (
    _ill_conditioned,
    _repeated,
    _in_other_units,
)


def _complicated(draw: DrawFn, X: Matrix) -> Matrix:
    chosen = draw(st.lists(st.sampled_from(range(len(_COMPLICATIONS))), unique=True))
    for index in sorted(chosen):
        X = _COMPLICATIONS[index](draw, X)
    return X


def _dependent(draw: DrawFn, X: Matrix, least: int) -> Matrix:
    """One sample fewer than features, or a column that is a multiple of another, or zero."""
    if X.shape[1] > least and draw(st.booleans()):
        return X[: X.shape[1] - 1]
    X = X.copy()
    column = draw(st.integers(0, X.shape[1] - 1))
    X[:, column] = draw(st.integers(-2, 2)) * (X[:, column - 1] if X.shape[1] > 1 else 0)
    return X


def _in_some_dtype(draw: DrawFn, X: Matrix) -> NDArray[Any]:
    """In another dtype, where that holds the same numbers and, for float32, weights for them."""
    dtype = draw(st.sampled_from([np.float64, np.int64, np.float32]))
    sizes = np.abs(X[X != 0])
    if sizes.size and not 2.0**-60 <= np.min(sizes) <= np.max(sizes) <= 2.0**60:
        return X
    cast = X.astype(dtype)
    return cast if np.array_equal(cast, X) else X


class ClusteredLogits(NamedTuple):
    """Absorbed data X with weights whose logits are target (1 + spread e_i), |e_i| <= 1.

    The minimiser's loss is no larger, so that its logits cluster as well.
    """

    X: Matrix
    weights: Matrix
    penalty: str
    alpha: float
    target: float
    spread: float


def clustered_logits(
    *,
    penalty: SearchStrategy[str] | None = None,
    alpha: SearchStrategy[float] | None = None,
    max_samples: int = 12,
    max_features: int = 4,
) -> SearchStrategy[ClusteredLogits]:
    """Absorbed data, of full column rank, that some weights fit up to a spread of 1 to 2^-40.

    Parameters
    ----------
    penalty, alpha : strategies for the loss; smooth penalties of the catalogue and strengths of
        1e-3 to 0.9 by default. The target must not be zero.

    Examples
    --------
    >>> from hypothesis import find
    >>> found = find(clustered_logits(), lambda case: True)
    >>> found.X.tolist() == [[found.target]], found.weights.tolist()
    (True, [1.0])
    """
    losses = penalties(smooth=True, names_only=True) if penalty is None else penalty
    return _clustered(
        losses, alphas(1e-3, 0.9) if alpha is None else alpha, max_samples, max_features
    )


@st.composite
def _clustered(
    draw: DrawFn,
    losses: SearchStrategy[str],
    strengths: SearchStrategy[float],
    max_samples: int,
    max_features: int,
) -> ClusteredLogits:
    loss, strength = draw(losses), draw(strengths)
    level = float(target(loss, strength))
    features = draw(st.integers(1, min(max_features, max_samples)))
    samples = draw(st.integers(features, max_samples))
    spread = 2.0 ** -draw(st.integers(0, 40))
    eighths = draw(npst.arrays(np.int64, samples, elements=st.integers(-8, 8)))
    logits = level * (1 + spread * eighths / 8)
    # The anchor's logit must not vanish, or the first column would depend on the others.
    logits[0] = level
    weights = np.ones(features)
    weights[1:] = draw(npst.arrays(np.int64, features - 1, elements=st.integers(-3, 3)))
    X = np.zeros((samples, features))
    if features > 1:
        X[:, 1:] = level * _independent(draw, samples, features - 1, anchored=True)
    X[:, 0] = logits - X[:, 1:] @ weights[1:]
    return ClusteredLogits(X, weights, loss, strength, level, spread)


def embeddings(
    classes: int | SearchStrategy[int] = 3,
    *,
    max_class_size: int = 20,
    max_features: int = 6,
) -> SearchStrategy[tuple[NDArray[Any], Labels]]:
    """Features such as a network's last layer gives, and labels 0 to K - 1.

    Classes of unequal sizes; correlated coordinates of decaying variance and a common offset;
    Gaussian or Student-t noise down to 2.1 degrees of freedom; float64 or float32. The numbers come
    from a seeded generator: only sizes, seed and the parameters of the distribution shrink.

    Parameters
    ----------
    classes : their number, or a strategy for it.
    max_class_size, max_features : limits of the shape; there are at least d + 1 samples.

    Examples
    --------
    >>> from hypothesis import find
    >>> X, y = find(embeddings(classes=2), lambda data: True)
    >>> X.shape, y.tolist()
    ((2, 1), [0, 1])
    """
    number = st.just(classes) if isinstance(classes, int) else classes
    return _embeddings(number, max_class_size, max_features)


@st.composite
def _embeddings(
    draw: DrawFn, number: SearchStrategy[int], max_class_size: int, max_features: int
) -> tuple[NDArray[Any], Labels]:
    classes = draw(number)
    sizes = draw(st.lists(st.integers(1, max_class_size), min_size=classes, max_size=classes))
    samples = sum(sizes)
    features = draw(st.integers(1, max(1, min(max_features, samples - 1))))
    freedom = draw(st.sampled_from([math.inf, 20.0, 3.0, 2.1]))
    separation = draw(st.sampled_from([1.0, 4.0, 0.25]))
    decay = draw(st.sampled_from([1.0, 0.5, 0.1]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    y = np.repeat(np.arange(classes), sizes)
    noise = rng.standard_normal((samples, features))
    if math.isfinite(freedom):
        noise /= np.sqrt(rng.chisquare(freedom, (samples, 1)) / freedom)
    rotation = np.linalg.qr(rng.standard_normal((features, features)))[0]
    means = separation * rng.standard_normal((classes, features))
    X = means[y] + (noise * decay ** np.arange(features)) @ rotation + rng.standard_normal(features)
    return X.astype(draw(st.sampled_from([np.float64, np.float32]))), y

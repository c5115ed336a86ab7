"""The data of a batch of problems: checked arrays of one library, factored all at once."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from array_api_compat import (
    array_namespace,
    device,
    is_array_api_obj,
    is_numpy_array,
    is_numpy_namespace,
)

from ..errors import AlphaError, DataError, NonFiniteError, RankDeficientError, ShapeError
from .host import on_host, real_array
from .tracing import is_jax, is_traced

__all__ = ["BatchedDesign", "batched_design", "dependent_columns", "first_failure", "weights"]


class BatchedDesign(NamedTuple):
    """What the solvers see of a batch of data sets: arrays of one library, dtype and device.

    Attributes
    ----------
    xp : the namespace of the arrays.
    matrix : (..., n_samples, n_columns); columns are the features, then ones if there is a bias.
        With two classes each row is multiplied by its label -1 or +1.
    scale : (..., 1, n_columns) powers of two, by which the columns were multiplied before they were
        factored; (..., 1, 1) with fewer samples than columns.
    q : (..., n_samples, rank) with orthonormal columns that span those of the matrix.
    right, basis : X = Q R with ``right`` = R and ``basis`` None, for X scaled; with fewer samples
        than columns X^T = P R with ``right`` = R and ``basis`` = P, and Q holds the labels alone.
    indicator : (..., n_samples, K) ones at the true classes; None for two classes.
    root : (..., n_samples, 1) square roots of the weights of the samples, whose mean is one, by
        which the rows of the matrix were multiplied before it was factored; None without weights.
    alpha : (...) strengths.
    levels : (K,) the labels, ascending; None if they came absorbed.
    shape : the shape of the batch, which X, y and alpha broadcast to.
    traced : whether values are unknown, as under ``jax.jit``.
    """

    xp: Any
    matrix: Any
    scale: Any
    q: Any
    right: Any
    basis: Any
    indicator: Any
    root: Any
    alpha: Any
    levels: Any
    shape: tuple[int, ...]
    traced: bool


def batched_design(
    X: Any,
    y: Any,
    alpha: Any,
    *,
    bias: bool,
    classes: int | None,
    sample_weight: Any = None,
) -> BatchedDesign:
    """Check and factor the data; values are checked where they are known.

    The arguments are those of :func:`logitreg.numerics.batched.fit_batch`.

    Raises
    ------
    AlphaError, ShapeError, NonFiniteError, DataError, RankDeficientError

    Examples
    --------
    >>> batched_design(np.ones((5, 3, 1)), None, 0.1, bias=False, classes=None).q.shape
    (5, 3, 1)
    """
    xp, features, labels, strengths = _arrays(X, y, alpha)
    amounts = None
    if sample_weight is not None:
        amounts = _floating(xp, real_array(sample_weight, "sample_weight"), features)
    traced = any(is_jax(a) and is_traced(a) for a in (features, labels, strengths, amounts))
    shape = _batch_shape(features, labels, strengths, amounts, bias)
    if not traced:
        _check_values(xp, features, labels, strengths)
        if amounts is not None:
            _check_weights(xp, amounts, features.shape[-1] + bias)
    levels = None if labels is None else _levels(xp, labels, classes, traced)
    like = {"dtype": features.dtype, "device": device(features)}
    matrix, basis = features, None
    if bias:
        matrix = xp.concat([features, xp.ones((*features.shape[:-1], 1), **like)], axis=-1)
    samples, columns = matrix.shape[-2:]
    root = None
    if amounts is not None:
        amounts = amounts / xp.max(amounts, axis=-1, keepdims=True)
        root = xp.sqrt(amounts / xp.mean(amounts, axis=-1, keepdims=True))[..., None]
    tall = samples >= columns
    # Mean sizes of the columns, by a product: NumPy is slow to reduce short rows.
    sizes = xp.full((1, samples), 1 / samples, **like) @ xp.abs(matrix)
    scale = _powers_of_two(xp, sizes if tall else xp.max(sizes, axis=-1, keepdims=True))
    if tall:
        q, right = xp.linalg.qr(scale * matrix if root is None else root * (scale * matrix))
        triangle = right
    else:
        basis, right, triangle = _least_norm(xp, scale * matrix)
        q = xp.broadcast_to(xp.eye(samples, **like), (*matrix.shape[:-1], samples))
        q = q if root is None else root * q
    if not traced:
        _require_rank(xp, triangle, max(samples, columns))
    indicator = None
    if levels is not None and levels.shape[0] == 2:
        # Labels multiply the rows of Q and leave R as it is.
        ones = xp.ones_like(q[..., :1])
        signs = xp.where((labels == levels[1])[..., None], ones, -ones)
        q, matrix = signs * q, signs * matrix
    elif levels is not None:
        indicator = xp.astype(labels[..., None] == levels, features.dtype)
    return BatchedDesign(
        xp, matrix, scale, q, right, basis, indicator, root, strengths, levels, shape, traced
    )


def weights(data: BatchedDesign, coordinates: Any) -> Any:
    """The weights (..., n_columns, K) of least norm for which the logits are Q c."""
    xp, right = data.xp, data.right
    if data.basis is None:
        scaled = _solved(xp, right, coordinates)
    else:
        scaled = data.basis @ _solved(xp, xp.matrix_transpose(right), coordinates)
    return xp.matrix_transpose(data.scale) * scaled


def _powers_of_two(xp: Any, sizes: Any) -> Any:
    """Factors that bring the sizes near one, and round nothing."""
    largest = math.floor(-math.log2(float(xp.finfo(sizes.dtype).smallest_normal)))
    exponents = xp.round(xp.log2(xp.where(sizes > 0, sizes, xp.ones_like(sizes))))
    return 2.0 ** -xp.clip(exponents, -float(largest), float(largest))


def _least_norm(xp: Any, matrix: Any) -> tuple[Any, Any, Any]:
    """P and R with X^T = P R, with errors in proportion to every row of X^T; and R as a triangle.

    That takes the largest rows first, and pivoting of the columns [1]_, for which the order of
    their lengths stands in: it makes a triangle of R.

    .. [1] Cox and Higham, BIT 38, 34 (1998).
    """
    features = xp.argsort(xp.max(xp.abs(matrix), axis=-2), axis=-1, descending=True)
    samples = xp.argsort(xp.linalg.vector_norm(matrix, axis=-1), axis=-1, descending=True)
    ordered = _ordered(xp, matrix, samples)
    ordered = _ordered(xp, xp.matrix_transpose(ordered), features)
    basis, triangle = xp.linalg.qr(ordered)
    right = xp.matrix_transpose(_ordered(xp, xp.matrix_transpose(triangle), xp.argsort(samples)))
    return _ordered(xp, basis, xp.argsort(features)), right, triangle


def _ordered(xp: Any, rows: Any, order: Any) -> Any:
    return xp.take_along_axis(rows, order[..., None], axis=-2)


def _arrays(X: Any, y: Any, alpha: Any) -> tuple[Any, Any, Any, Any]:
    """The namespace; X, y and alpha as arrays of one library and device, X and alpha floating."""
    features = real_array(X)
    xp = array_namespace(features)
    if not xp.isdtype(features.dtype, "real floating"):
        defaults = xp.__array_namespace_info__().default_dtypes()
        features = xp.astype(features, defaults["real floating"])
    place = device(features)
    labels = None if y is None else _label_array(xp, y, place)
    return xp, features, labels, _floating(xp, real_array(alpha, "alpha"), features)


def _label_array(xp: Any, y: Any, place: Any) -> Any:
    if _belongs(y, xp) and not is_numpy_array(y):
        return y
    labels = on_host(y)
    if labels.dtype.kind == "O":
        labels = labels.astype(str)
    texts = "US" if is_numpy_namespace(xp) else ""
    if labels.dtype.kind not in "biuf" + texts:
        raise DataError(
            f"y has dtype {labels.dtype}; expected integers{', strings' * bool(texts)} or booleans"
        )
    return xp.asarray(labels, device=place)


def _floating(xp: Any, values: Any, like: Any) -> Any:
    """The values as an array of that library, dtype and device."""
    if _belongs(values, xp):
        return xp.astype(values, like.dtype)
    numbers = on_host(values).astype(np.float64)
    return xp.asarray(numbers, dtype=like.dtype, device=device(like))


def _belongs(a: Any, xp: Any) -> bool:
    return is_array_api_obj(a) and array_namespace(a) == xp


def _batch_shape(X: Any, y: Any, alpha: Any, amounts: Any, bias: bool) -> tuple[int, ...]:
    """The shape of the batch."""
    if len(X.shape) < 2 or 0 in X.shape[-2:]:
        raise ShapeError(
            f"X has shape {tuple(X.shape)}; expected (..., n_samples, n_features), neither of them "
            "0"
        )
    samples = X.shape[-2]
    if y is None and bias:
        raise DataError(
            "bias=True needs the labels y: in absorbed data (y=None) the column of ones would have "
            "to be multiplied by labels that are no longer known; pass X and y separately"
        )
    if y is not None and (len(y.shape) == 0 or y.shape[-1] != samples):
        raise ShapeError(
            f"y has shape {tuple(y.shape)}; expected one label per sample, (..., {samples})"
        )
    if amounts is not None and (len(amounts.shape) == 0 or amounts.shape[-1] != samples):
        raise ShapeError(
            f"sample_weight has shape {tuple(amounts.shape)}; expected one weight per sample, "
            f"(..., {samples})"
        )
    labels, extra = (() if a is None else tuple(a.shape[:-1]) for a in (y, amounts))
    try:
        return np.broadcast_shapes(tuple(X.shape[:-2]), labels, extra, tuple(alpha.shape))
    except ValueError:
        raise ShapeError(
            f"the leading dimensions of X {tuple(X.shape[:-2])}, of y {labels}, of sample_weight "
            f"{extra} and the shape of alpha {tuple(alpha.shape)} do not broadcast; expected one "
            "batch shape"
        ) from None


def _check_weights(xp: Any, amounts: Any, columns: int) -> None:
    wrong = ~(xp.isfinite(amounts) & (amounts >= 0))
    if bool(xp.any(wrong)):
        count, first = first_failure(wrong)
        raise DataError(
            f"{count} of the weights, first at {first}, are negative, NaN or infinite; expected "
            "finite non-negative weights"
        )
    used = xp.sum(xp.astype(amounts > 0, xp.int64), axis=-1)
    least = 1 if amounts.shape[-1] >= columns else amounts.shape[-1]
    if bool(xp.any(used < least)):
        count, first = first_failure(used < least)
        raise DataError(
            f"in {count} of the problems, first in problem {first}, too many samples have weight "
            f"zero: expected at least {least} positive weights"
            + ("" if least == 1 else ", since there are fewer samples than columns")
            + "; drop the samples"
        )


def _check_values(xp: Any, X: Any, y: Any, alpha: Any) -> None:
    if not bool(xp.all(xp.isfinite(X))):
        _, first = first_failure(~xp.isfinite(X))
        raise NonFiniteError(f"X{first} is NaN or infinite; expected finite numbers")
    if y is not None and _is_floating(xp, y) and not bool(xp.all(xp.isfinite(y))):
        raise NonFiniteError("y holds NaN or infinity; expected a label for each sample")
    outside = ~((alpha >= 0) & (alpha < 1))
    if bool(xp.any(outside)):
        count, first = first_failure(outside)
        raise AlphaError(
            f"{count} of the strengths alpha, first at {first}, lie outside [0, 1) in {alpha.dtype}"
        )


def _is_floating(xp: Any, y: Any) -> bool:
    # The standard knows no text, which NumPy does.
    return bool(y.dtype.kind == "f" if is_numpy_array(y) else xp.isdtype(y.dtype, "real floating"))


def _levels(xp: Any, y: Any, classes: int | None, traced: bool) -> Any:
    """(K,) the labels that occur, ascending."""
    if classes is not None:
        levels = xp.arange(classes, dtype=y.dtype, device=device(y))
        if not traced and not bool(xp.all(xp.any(y[..., None] == levels, axis=-1))):
            raise DataError(f"y holds other labels than 0, ..., {classes - 1}; expected only those")
    elif traced:
        raise DataError(
            "the labels y are traced, so that they cannot be counted; expected classes=K, with "
            "labels 0, ..., K - 1"
        )
    else:
        levels = xp.unique_values(y)
    if levels.shape[0] < 2:
        raise DataError(f"y holds {levels.shape[0]} label; expected two classes or more")
    if levels.shape[0] > y.shape[-1]:
        raise DataError(
            f"y holds {levels.shape[0]} labels for {y.shape[-1]} samples a problem, which look "
            "like a regression target; expected class labels that the whole batch shares"
        )
    return levels


def _solved(xp: Any, triangle: Any, columns: Any) -> Any:
    """R^-1 C, from [[R, -C], [0, I]] [R^-1 C, I] = [0, I].

    XLA would factor R itself beside the QR decomposition that it comes from, and with few threads
    two such calls at once can wait for each other for ever.
    """
    size, count = columns.shape[-2:]
    batch = tuple(columns.shape[:-2])
    identity = xp.eye(size + count, dtype=columns.dtype, device=device(columns))
    top = xp.concat([xp.broadcast_to(triangle, (*batch, size, size)), -columns], axis=-1)
    bottom = xp.broadcast_to(identity[size:, :], (*batch, count, size + count))
    both = xp.linalg.solve(xp.concat([top, bottom], axis=-2), identity[:, size:])
    return both[..., :size, :]


def dependent_columns(right: Any, size: float) -> Any:
    """(...) whether a column of X = Q R depends on those before it, for R (..., d, d).

    Each |r_jj| is the distance of a column from the span of those before it.

    Parameters
    ----------
    size : the larger dimension of X, to which rounding is in proportion.

    Examples
    --------
    >>> bool(dependent_columns(np.asarray([[1.0, 1.0], [0.0, 1e-16]]), 2))
    True
    """
    xp = array_namespace(right)
    lengths = xp.linalg.vector_norm(right, axis=-2)
    unit = float(xp.finfo(right.dtype).eps) * size
    return xp.any(xp.abs(xp.linalg.diagonal(right)) <= unit * lengths, axis=-1)


def _require_rank(xp: Any, right: Any, size: int) -> None:
    dependent = dependent_columns(right, size)
    if bool(xp.any(dependent)):
        count, first = first_failure(dependent)
        raise RankDeficientError(
            f"the data is rank deficient in {count} of the problems, first in problem {first}; "
            "expected full rank (with a bias, no constant features); drop columns that depend on "
            "others, or solve these problems with fit"
        )


def first_failure(mask: Any) -> tuple[int, list[int]]:
    """How many are true, and the index of the first.

    Examples
    --------
    >>> first_failure(np.asarray([False, True, True]))
    (2, [1])
    """
    places = np.argwhere(on_host(mask))
    return len(places), [int(i) for i in places[0]]

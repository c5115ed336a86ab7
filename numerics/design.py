"""The design matrix: checked features and labels, absorbed, scaled and factored once for all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import qr, solve_triangular

from ..errors import (
    DataError,
    FewerSamplesThanFeaturesError,
    NonFiniteError,
    RankDeficientError,
    ShapeError,
)
from .host import on_host, real_array
from .rounding import Matrix, exact_scaling

__all__ = [
    "Design",
    "Factors",
    "checked_weights",
    "design",
    "factor",
    "numerical_rank",
    "scaled_columns",
    "signed_margins",
]


@dataclass(frozen=True)
class Design:
    """What the solvers see of a data set.

    Attributes
    ----------
    matrix : (n_samples, n_columns) float64; columns are the features, then ones if ``bias``.
        With two classes each row is multiplied by its label -1 or +1.
    classes : the sorted labels; None if the labels came absorbed.
    codes : (n_samples,) the position of each label in ``classes``; None for two classes.
    bias : whether the last column is the intercept.
    distribution : (n_samples, n_classes) if labels are distributions; with two classes the rows
        of ``matrix`` are then not multiplied, and the logit is that of class 1 against class 0.
    """

    matrix: Matrix
    classes: NDArray[Any] | None
    codes: NDArray[np.intp] | None
    bias: bool
    distribution: Matrix | None = None

    @property
    def outputs(self) -> int:
        """Logits per sample: one for two classes (the signed logit), else the number of classes."""
        return 1 if self.codes is None or self.classes is None else len(self.classes)


def design(
    X: ArrayLike, y: ArrayLike | None = None, *, bias: bool = False, distributions: bool = False
) -> Design:
    """Check the data and absorb the labels, x <- y x.

    Parameters
    ----------
    X : (n_samples, n_features) real numbers, of any array library on any device.
    y : (n_samples,) labels of two or more classes, integers, strings or booleans; None if they
        are absorbed in X already. Of two classes, the larger label counts as +1.
    bias : append a column of ones, before the labels are absorbed.
    distributions : let y be (n_samples, n_classes), the probability of each class 0, 1, ... in
        each sample.

    Raises
    ------
    ShapeError, NonFiniteError, DataError

    Examples
    --------
    >>> design([[1.0], [2.0]], ["a", "b"], bias=True).matrix
    array([[-1., -1.],
           [ 2.,  1.]])
    """
    features = _features(X)
    if y is None and bias:
        raise DataError(
            "bias=True needs the labels y: in absorbed data (y=None) the column of ones would have "
            "to be multiplied by labels that are no longer known; pass X and y separately"
        )
    matrix = np.hstack([features, np.ones((len(features), 1))]) if bias else features
    if distributions and y is not None and np.ndim(y) == 2:
        shares = _distribution(y, len(features))
        names = np.arange(shares.shape[1])
        likeliest = np.argmax(shares, axis=1) if len(names) > 2 else None
        return Design(np.ascontiguousarray(matrix), names, likeliest, bias, shares)
    classes, codes = (None, None) if y is None else _labels(y, len(features))
    if classes is not None and len(classes) == 2:
        matrix = matrix * np.where(codes == 1, 1.0, -1.0)[:, None]
        codes = None
    return Design(np.ascontiguousarray(matrix), classes, codes, bias)


def _features(X: ArrayLike) -> Matrix:
    array = on_host(real_array(X))
    if array.ndim != 2:
        raise ShapeError(
            f"X has shape {array.shape}; expected (n_samples, n_features); "
            "a single feature is X.reshape(-1, 1)"
        )
    if array.size == 0:
        raise ShapeError(f"X has shape {array.shape}; expected at least one sample and one feature")
    features = array.astype(np.float64)
    if not np.all(np.isfinite(features)):
        row, column = np.argwhere(~np.isfinite(features))[0]
        raise NonFiniteError(
            f"X[{row}, {column}] is {features[row, column]}; expected finite numbers; "
            "impute or drop the missing values"
        )
    return features


def _labels(y: ArrayLike, samples: int) -> tuple[NDArray[Any], NDArray[np.intp]]:
    labels = on_host(y)
    if labels.shape != (samples,):
        raise ShapeError(
            f"y has shape {labels.shape}; expected one label per sample, shape ({samples},)"
        )
    if labels.dtype.kind == "f" and not np.all(np.isfinite(labels)):
        raise NonFiniteError("y holds NaN or infinity; expected a label for each sample")
    if labels.dtype.kind == "O":
        labels = labels.astype(str)
    if labels.dtype.kind not in "biufUS":
        raise DataError(f"y has dtype {labels.dtype}; expected integers, strings or booleans")
    classes, codes = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise DataError(
            f"y holds the single label {classes[0]}; expected two classes or more; if X is "
            "already multiplied by its labels, leave y out"
        )
    if len(classes) > 2 and labels.dtype.kind == "f" and not np.all(classes == np.floor(classes)):
        raise DataError(
            f"y holds {len(classes)} fractional values, which look like a regression target; "
            "expected class labels: two values, or integers, or strings"
        )
    return classes, codes.astype(np.intp)


def _distribution(y: ArrayLike, samples: int) -> Matrix:
    shares = on_host(y)
    if shares.shape[0] != samples or shares.shape[1] < 2 or shares.dtype.kind not in "biuf":
        raise ShapeError(
            f"y has shape {shares.shape} and dtype {shares.dtype}; expected labels, shape "
            f"({samples},), or label distributions, shape ({samples}, n_classes) with at least two "
            "classes"
        )
    shares = shares.astype(np.float64)
    total = np.sum(shares, axis=1)
    # Probabilities in float32 sum to one to seven digits.
    wrong = ~((np.min(shares, axis=1) >= 0) & (np.abs(total - 1) < 1e-5))
    if np.any(wrong):
        row = int(np.argmax(wrong))
        raise DataError(
            f"y[{row}] is {shares[row].tolist()}; expected a distribution over the classes: "
            "non-negative numbers with sum one; divide each row by its sum"
        )
    return np.asarray(shares / total[:, None])


def checked_weights(sample_weight: ArrayLike | None, samples: int) -> Matrix:
    """(n_samples,) finite non-negative weights, not all zero; ones if none are given.

    Raises
    ------
    ShapeError, NonFiniteError, DataError

    Examples
    --------
    >>> checked_weights([1, 0, 2], 3)
    array([1., 0., 2.])
    """
    if sample_weight is None:
        return np.ones(samples)
    weights = on_host(real_array(sample_weight, "sample_weight"))
    if weights.shape != (samples,):
        raise ShapeError(
            f"sample_weight has shape {weights.shape}; expected one weight per sample, ({samples},)"
        )
    weights = weights.astype(np.float64)
    if not np.all(np.isfinite(weights)):
        raise NonFiniteError("sample_weight holds NaN or infinity; expected finite numbers")
    if np.min(weights) < 0 or np.max(weights) == 0:
        raise DataError(
            f"sample_weight ranges from {np.min(weights):g} to {np.max(weights):g}; expected "
            "non-negative weights, not all zero; drop samples instead of subtracting them"
        )
    return weights


def signed_margins(logits: Matrix, data: Design) -> Matrix:
    """(n_samples,) signed logits, or true logit minus the largest other one for K > 2 classes."""
    if data.codes is None:
        return np.asarray(logits[:, 0])
    rows = np.arange(len(logits))
    others = logits.copy()
    others[rows, data.codes] = -np.inf
    return np.asarray(logits[rows, data.codes] - np.max(others, axis=1))


@dataclass(frozen=True)
class Factors:
    """Pivoted QR of the scaled design matrix: A = matrix * 2**-exponents, A[:, pivots] = Q R.

    Attributes
    ----------
    scaled : A, an exact scaling of the design matrix whose columns have maximum in [1/2, 1).
    exponents : (n_columns,) the powers of two.
    """

    scaled: Matrix
    exponents: NDArray[np.int_]
    q: Matrix
    r: Matrix
    pivots: NDArray[np.int_]

    def weights(self, coordinates: Matrix) -> Matrix:
        """Weights of the scaled matrix, (n_columns, n_outputs), from coordinates R w."""
        solution = np.empty_like(coordinates)
        solution[self.pivots] = solve_triangular(self.r, coordinates)
        return solution

    def unscale(self, weights: Matrix) -> Matrix:
        """Weights of the design matrix from weights of the scaled matrix."""
        return np.ldexp(weights, -self.exponents[:, None])

    def rescale(self, weights: Matrix) -> Matrix:
        """Weights of the scaled matrix from weights of the design matrix, exactly."""
        return exact_scaling(weights, self.exponents[:, None], "weights")


def factor(matrix: Matrix) -> Factors:
    """Scale the columns by powers of two and factor A = Q R with column pivoting.

    Raises
    ------
    FewerSamplesThanFeaturesError : N < d.
    RankDeficientError : a diagonal entry of R is below eps max(N, d) times the largest.

    Examples
    --------
    >>> factor(np.array([[3.0, 0.0], [0.0, 5.0]])).exponents.tolist()
    [2, 3]
    """
    samples, columns = matrix.shape
    if samples < columns:
        raise FewerSamplesThanFeaturesError(
            f"{samples} samples for {columns} columns (a bias is one); expected at least as many "
            "samples as columns; add samples or project the features"
        )
    scaled, exponents = scaled_columns(matrix)
    q, r, pivots = qr(scaled, mode="economic", pivoting=True)
    rank = numerical_rank(r, matrix.shape)
    if rank < matrix.shape[1]:
        dependent = sorted(int(column) for column in pivots[rank:])
        raise RankDeficientError(
            f"the design matrix has rank {rank} of {matrix.shape[1]}; dependent on the others: "
            f"column {', '.join(map(str, dependent[:5]))}{', ...' if len(dependent) > 5 else ''}; "
            "expected linearly independent columns; drop those columns (with a bias, constant "
            "features too)",
            tuple(dependent),
        )
    return Factors(scaled, exponents, q, r, pivots)


def scaled_columns(matrix: Matrix) -> tuple[Matrix, NDArray[np.int_]]:
    """The matrix with its columns scaled to a maximum in [1/2, 1), exactly, and the exponents."""
    exponents = np.frexp(np.max(np.abs(matrix), axis=0))[1]
    return exact_scaling(matrix, -exponents, "features"), exponents


def numerical_rank(r: Matrix, shape: tuple[int, ...]) -> int:
    """The rank that the diagonal of a pivoted R shows: entries above eps max(N, d) the largest."""
    diagonal = np.abs(np.diag(r))
    return int(np.sum(diagonal > diagonal[0] * np.finfo(np.float64).eps * max(shape)))

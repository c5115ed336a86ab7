"""The data of a training run in the library that trains it, and the shapes of its weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device
from numpy.typing import NDArray

from ..errors import NonFiniteError, ShapeError
from .design import Design, design
from .host import on_host, real_array

__all__ = ["Problem", "training_problem"]


@dataclass(frozen=True)
class Problem:
    """The data in the library that trains it.

    Attributes
    ----------
    data : the checked data, absorbed for two classes.
    single : whether the caller gave one alpha as a number.
    X : (n_samples, n_columns), the features or their coordinates in ``basis``.
    start : (n_alphas * n_outputs, n_columns) weights at epoch 0.
    basis, rest : (n_features, n_columns) an orthonormal basis of the row space and the part of the
        weights across it, which training leaves as it is; or None.
    """

    data: Design
    penalty: Any
    alphas: list[float]
    single: bool
    X: Any
    start: Any
    basis: Any
    rest: Any

    def array(self, values: NDArray[Any]) -> Any:
        """The values in the library, dtype and device of X."""
        return _like(self.X, values)

    def full(self, weights: Any) -> Any:
        """The weights of all features, in the shape that the caller sees."""
        xp = array_namespace(weights)
        if self.basis is not None:
            weights = self.rest + weights @ xp.matrix_transpose(self.basis)
        return xp.reshape(weights, _shape(self.data, self.alphas, self.single))


def _like(X: Any, values: NDArray[Any]) -> Any:
    return array_namespace(X).asarray(values, dtype=X.dtype, device=device(X))


def _shape(data: Design, alphas: list[float], single: bool) -> tuple[int, ...]:
    each = (data.matrix.shape[1],) if data.codes is None else (data.outputs, data.matrix.shape[1])
    return each if single else (len(alphas), *each)


def training_problem(
    X: Any, y: Any, penalty: Any, alphas: list[float], start: Any, *, single: bool
) -> Problem:
    """Check the data and the start; wide data is turned into an orthonormal basis of its rows.

    Raises
    ------
    ShapeError, NonFiniteError, DataError

    Examples
    --------
    >>> training_problem(np.ones((1, 3)), None, "quadratic", [0.1], None, single=True).X.shape
    (1, 1)
    """
    given = real_array(X)
    data = design(given, y)
    xp = array_namespace(given)
    known = given.dtype in (xp.float32, xp.float64)
    # Without a dtype JAX takes the widest it has switched on.
    dtype = given.dtype if known else xp.asarray(np.zeros(1)).dtype
    array = xp.asarray(data.matrix, dtype=dtype, device=device(given))

    shape = _shape(data, alphas, single)
    begin = np.zeros(()) if start is None else on_host(start)
    try:
        begin = np.broadcast_to(begin, shape).reshape(-1, data.matrix.shape[1]).copy()
    except ValueError:
        raise ShapeError(
            f"start has shape {begin.shape}; expected {shape}, or one that broadcasts to it"
        ) from None
    if not np.all(np.isfinite(begin)):
        raise NonFiniteError("start holds NaN or infinity; expected finite weights")
    weights = _like(array, begin)
    basis = rest = None
    if array.shape[1] >= 2 * array.shape[0]:
        basis, triangle = xp.linalg.qr(xp.matrix_transpose(array))
        array = xp.matrix_transpose(triangle)
        inside = weights @ basis
        rest = weights - inside @ xp.matrix_transpose(basis)
        weights = inside
    return Problem(data, penalty, alphas, single, array, weights, basis, rest)

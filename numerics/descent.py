"""Epochs of full-batch gradient descent, in the form that is fastest for each array library."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from array_api_compat import array_namespace, is_jax_array, is_numpy_array
from numpy.typing import NDArray

__all__ = ["Descent", "Slopes", "descent"]

Slopes = Callable[[Any, slice], Any]
"""Slopes of the mean loss at the logits (n_outputs, n) of the samples in a slice."""

Descent = Callable[[Any, int], Any]
"""Weights (n_outputs, n_features) after a number of epochs, from weights."""

_EVERYTHING = slice(None)
# OpenBLAS multiplies matrices below this product of dimensions in place, without packing them.
_SMALL_PRODUCT = 10**6
_CACHE = 2**21
_FEWEST_ROWS = 40


def descent(X: Any, slopes: Slopes, rate: float, *, traceable: bool) -> Descent:
    """The map W -> W - rate * slopes(W X^T) X, applied a number of times.

    NumPy passes over X once for each epoch, in blocks of rows that stay in the cache. JAX compiles
    the loop where ``traceable`` says that the slopes take no decision that depends on data.

    Parameters
    ----------
    X : (n_samples, n_features) real floating array of any array-API library.
    slopes : logits (n_outputs, n) of the n samples in a slice -> array of that shape.
    rate : the learning rate.

    Examples
    --------
    >>> step = descent(np.array([[1.0], [2.0]]), lambda z, rows: z, 0.1, traceable=True)
    >>> step(np.array([[8.0]]), 3)
    array([[1.]])
    """
    if is_numpy_array(X):
        return _in_blocks(np.ascontiguousarray(X), slopes, rate)
    if traceable and is_jax_array(X):
        return _compiled(X, slopes, rate)
    transposed = array_namespace(X).matrix_transpose(X)

    def epoch(weights: Any) -> Any:
        return weights - rate * (slopes(weights @ transposed, _EVERYTHING) @ X)

    def run(weights: Any, epochs: int) -> Any:
        for _ in range(epochs):
            weights = epoch(weights)
        return weights

    return run


def _in_blocks(X: NDArray[Any], slopes: Slopes, rate: float) -> Descent:
    samples, features = X.shape

    def run(weights: NDArray[Any], epochs: int) -> NDArray[Any]:
        weights = weights.copy()
        outputs = len(weights)
        rows = min(_SMALL_PRODUCT // (features * outputs), _CACHE // (features * X.itemsize))
        # A single output is a matrix-vector product, for which blocks bring nothing.
        rows = min(rows, samples) if rows >= _FEWEST_ROWS and outputs > 1 else samples
        blocks = []
        for first in range(0, samples, rows):
            block = slice(first, min(first + rows, samples))
            logits = np.empty((outputs, block.stop - first), dtype=X.dtype)
            blocks.append((X[block], X[block].T, logits, block))
        gradient, part = np.empty_like(weights), np.empty_like(weights)
        for _ in range(epochs):
            gradient[...] = 0
            for x, transposed, logits, block in blocks:
                np.matmul(weights, transposed, out=logits)
                gradient += np.matmul(slopes(logits, block), x, out=part)
            gradient *= rate
            weights -= gradient
        return weights

    return run


def _compiled(X: Any, slopes: Slopes, rate: float) -> Descent:
    jax: Any = import_module("jax")

    @jax.jit  # type: ignore[untyped-decorator]
    def run(data: Any, weights: Any, epochs: Any) -> Any:
        def epoch(_: Any, w: Any) -> Any:
            return w - rate * (slopes(w @ data.T, _EVERYTHING) @ data)

        return jax.lax.fori_loop(0, epochs, epoch, weights)

    return lambda weights, epochs: run(X, weights, epochs)

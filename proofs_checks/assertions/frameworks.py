"""Calling functions of NumPy, PyTorch or JAX with NumPy data, and reading their results."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from array_api_compat import is_jax_array, is_torch_array
from numpy.typing import NDArray

from ...errors import DataError
from ...numerics.rounding import Matrix

__all__ = ["LossCall", "as_numpy", "loss_caller"]

Labels = NDArray[Any] | None


@dataclass(frozen=True)
class LossCall:
    """A loss on NumPy data.

    Attributes
    ----------
    value : logits, labels -> its result, () or (n_samples,), and the name of its dtype.
    gradient : logits, labels -> that of the sum of the result with respect to the logits, or None
        if the library has no automatic differentiation or the loss left it.
    """

    value: Callable[[Matrix, Labels], tuple[Matrix, str]]
    gradient: Callable[[Matrix, Labels], Matrix | None]


def as_numpy(value: Any) -> NDArray[Any]:
    """A NumPy array of the values of any library's array, off the graph and off the device.

    >>> as_numpy([1, 2]).tolist()
    [1, 2]
    """
    if is_torch_array(value):
        value = value.detach().cpu()
        value = value.float() if str(value.dtype) == "torch.bfloat16" else value
        return np.asarray(value.numpy())
    return np.asarray(value)


def loss_caller(function: Callable[..., Any], logits: Matrix, labels: Labels) -> LossCall:
    """How to call a loss: with the arrays of the first library that it takes.

    Parameters
    ----------
    function : a loss of logits and labels, or of logits alone where ``labels`` is None.
    logits, labels : a batch to try it on.

    Raises
    ------
    DataError : no library's arrays are taken; the message quotes what each attempt raised.
    """
    attempts: dict[str, Callable[[], LossCall]] = {"NumPy": lambda: _of_numpy(function)}
    if "torch" in sys.modules:
        attempts["PyTorch, float64"] = lambda: _of_torch(function, "float64")
        attempts["PyTorch, float32"] = lambda: _of_torch(function, "float32")
    if "jax" in sys.modules:
        attempts["JAX"] = lambda: _of_jax(function)
    refused = []
    for name, caller in attempts.items():
        call = caller()
        try:
            # A PyTorch or JAX function may take NumPy arrays and fail on them in any way.
            with np.errstate(all="ignore"):
                call.value(logits, labels)
        except Exception as error:
            refused.append(f"{name}: {type(error).__name__}: {str(error).splitlines()[:1]}")
            continue
        in_jax = name == "NumPy" and is_jax_array(_applied(function, logits, labels))
        return _of_jax(function) if in_jax else call
    expected = "logits" if labels is None else f"labels of dtype {labels.dtype}"
    raise DataError(
        f"the loss could not be called on logits of shape {logits.shape} and {expected}; "
        f"wrap it in a function that can; {'; '.join(refused)}"
    )


def _applied(function: Callable[..., Any], logits: Any, labels: Any) -> Any:
    return function(logits) if labels is None else function(logits, labels)


def _read(result: Any) -> tuple[Matrix, str]:
    dtype = str(getattr(result, "dtype", "float64")).removeprefix("torch.")
    return as_numpy(result).astype(np.float64), dtype


def _of_numpy(function: Callable[..., Any]) -> LossCall:
    def value(logits: Matrix, labels: Labels) -> tuple[Matrix, str]:
        own = None if labels is None else labels.copy()
        return _read(_applied(function, logits.copy(), own))

    return LossCall(value, lambda logits, labels: None)


def _of_torch(function: Callable[..., Any], dtype: str) -> LossCall:
    torch = import_module("torch")

    def result(logits: Matrix, labels: Labels, tracked: bool) -> tuple[Any, Any]:
        z = torch.tensor(logits, dtype=getattr(torch, dtype), requires_grad=tracked)
        y = None if labels is None else torch.tensor(labels)
        if y is not None and y.is_floating_point():
            y = y.to(z.dtype)
        return _applied(function, z, y), z

    def gradient(logits: Matrix, labels: Labels) -> Matrix | None:
        loss, z = result(logits, labels, True)
        if not is_torch_array(loss):
            return None
        found = None
        if loss.requires_grad:
            (found,) = torch.autograd.grad(loss.sum(), z, allow_unused=True)
        return np.zeros_like(logits) if found is None else _read(found)[0]

    return LossCall(lambda logits, labels: _read(result(logits, labels, False)[0]), gradient)


def _of_jax(function: Callable[..., Any]) -> LossCall:
    jax = import_module("jax")

    def arguments(logits: Matrix, labels: Labels) -> tuple[Any, Any]:
        return jax.numpy.asarray(logits), None if labels is None else jax.numpy.asarray(labels)

    def gradient(logits: Matrix, labels: Labels) -> Matrix:
        z, y = arguments(logits, labels)
        return _read(jax.grad(lambda z: jax.numpy.sum(_applied(function, z, y)))(z))[0]

    return LossCall(
        lambda logits, labels: _read(_applied(function, *arguments(logits, labels))), gradient
    )

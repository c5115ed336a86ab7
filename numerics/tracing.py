"""Whether an array has numbers, or stands for them while a transformation records a program."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["is_compiling", "is_jax", "is_torch", "is_traced"]


def is_torch(array: Any) -> bool:
    """Whether the array is a tensor of PyTorch, which is not imported for the question."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(array, torch.Tensor)


def is_jax(array: Any) -> bool:
    """Whether the array is one of JAX, which is not imported for the question."""
    jax = sys.modules.get("jax")
    return jax is not None and isinstance(array, jax.Array)


def is_compiling() -> bool:
    """Whether torch.compile or torch.export is recording."""
    torch = sys.modules.get("torch")
    return torch is not None and bool(torch.compiler.is_compiling())


def is_traced(array: Any) -> bool:
    """Whether no decision may depend on the array's numbers: under jit, vmap or torch.compile.

    Examples
    --------
    >>> import numpy as np
    >>> is_traced(np.ones(3))
    False
    """
    if is_jax(array):
        return isinstance(array, sys.modules["jax"].core.Tracer)
    if is_torch(array):
        torch = sys.modules["torch"]
        plain = type(array) in (torch.Tensor, torch.nn.Parameter)
        return not plain or bool(torch._C._functorch.is_functorch_wrapped_tensor(array))
    return False

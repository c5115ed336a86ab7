"""Functions of arrays with derivatives from a formula, for the libraries that differentiate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .tracing import is_jax, is_torch

__all__ = ["implicit_function", "with_derivatives"]

ArrayFunction = Callable[[Any], Any]


def implicit_function(solve: ArrayFunction, rate: Callable[[Any, Any], Any]) -> ArrayFunction:
    """A root solve(a) that JAX and PyTorch differentiate by its derivative rate(a, root).

    Examples
    --------
    >>> implicit_function(lambda a: a**0.5, lambda a, root: 1 / (2 * root))(4.0)
    2.0
    """

    def root(a: Any) -> Any:
        if is_jax(a):
            from . import jax_rules

            return jax_rules.implicit_function(solve, rate)(a)
        if is_torch(a):
            from . import torch_rules

            return torch_rules.implicit_function(solve, rate)(a)
        return solve(a)

    return root


def with_derivatives(function: ArrayFunction, *derivatives: ArrayFunction) -> ArrayFunction:
    """A function whose derivatives, in order, are given; beyond them the library takes over.

    Examples
    --------
    >>> with_derivatives(abs, lambda z: z / abs(z))(-2.0)
    2.0
    """

    def known(z: Any) -> Any:
        if is_jax(z):
            from . import jax_rules

            return jax_rules.with_derivatives(function, *derivatives)(z)
        if is_torch(z):
            from . import torch_rules

            return torch_rules.with_derivatives(function, *derivatives)(z)
        return function(z)

    return known

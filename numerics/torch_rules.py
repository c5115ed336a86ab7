"""Rules of differentiation for PyTorch; imported when a tensor is met."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

__all__ = ["implicit_function", "in_graph", "with_derivatives"]

ArrayFunction = Callable[[Any], Any]


class _Root(torch.autograd.Function):
    """solve(a) with the derivative rate(a, root): the root is kept as part of the graph."""

    generate_vmap_rule = True

    @staticmethod
    def forward(a: Any, solve: ArrayFunction, rate: Callable[[Any, Any], Any]) -> Any:
        return solve(a)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        a, _, ctx.rate = inputs
        ctx.save_for_backward(a, output)
        ctx.save_for_forward(a, output)

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> tuple[Any, None, None]:
        return gradient * ctx.rate(*ctx.saved_tensors), None, None

    @staticmethod
    def jvp(ctx: Any, tangent: Any, *_: Any) -> Any:
        return tangent * ctx.rate(*ctx.saved_tensors)


class _Known(torch.autograd.Function):
    """A function with a given derivative."""

    generate_vmap_rule = True

    @staticmethod
    def forward(z: Any, function: ArrayFunction, slope: ArrayFunction) -> Any:
        return function(z)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        z, _, ctx.slope = inputs
        ctx.save_for_backward(z)
        ctx.save_for_forward(z)

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> tuple[Any, None, None]:
        (z,) = ctx.saved_tensors
        return gradient * ctx.slope(z), None, None

    @staticmethod
    def jvp(ctx: Any, tangent: Any, *_: Any) -> Any:
        (z,) = ctx.saved_tensors
        return tangent * ctx.slope(z)


def implicit_function(solve: ArrayFunction, rate: Callable[[Any, Any], Any]) -> ArrayFunction:
    """solve(a), with the derivative rate(a, solve(a)), twice differentiable and more."""
    apply: Callable[..., Any] = _Root.apply
    return lambda a: apply(a, solve, rate)


def with_derivatives(function: ArrayFunction, *derivatives: ArrayFunction) -> ArrayFunction:
    """The function with its derivative, that with the next, and so on; the last is PyTorch's."""
    if not derivatives:
        return function
    slope = with_derivatives(*derivatives)
    apply: Callable[..., Any] = _Known.apply
    return lambda z: apply(z, function, slope)


_allow_in_graph: Callable[..., Any] = torch.compiler.allow_in_graph


def in_graph(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as one node of the graph that torch.compile records, to be traced through later.

    Dynamo would otherwise follow the choice of the array library and warn of its caches. Beside
    arrays the function may take strings and numbers; numbers that change between calls may come as
    symbols, which int() and float() turn back.
    """
    inner: Callable[..., Any] = _allow_in_graph(function)
    return inner

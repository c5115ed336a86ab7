"""Rules of differentiation for PyTorch; imported when a tensor is met."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

__all__ = ["implicit_function", "in_graph", "target_in_graph", "with_derivatives"]

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


# With K > 2 classes their targets take so many steps that a compiler needs minutes for the fusion.
_OPAQUE = ("pseudo-huber", "log-cosh", "cosh")


def _target(
    penalty: str, alpha: Any, classes: int, parameters: tuple[tuple[str, float], ...]
) -> Any:
    from .targets import target_of_array

    values = {name: float(value) for name, value in parameters}
    if int(classes) > 2 and penalty in _OPAQUE:
        return _opaque_target(alpha, penalty, int(classes), list(values), list(values.values()))
    return target_of_array(penalty, alpha, int(classes), **values)


target_in_graph = in_graph(_target)
"""(penalty, alpha, classes, parameters) -> the target, under torch.compile."""


@torch.library.custom_op(
    "logitreg::target",
    mutates_args=(),
    schema="(Tensor alpha, str penalty, int classes, str[] names, float[] values) -> Tensor",
)
def _opaque_target(
    alpha: Any, penalty: str, classes: int, names: list[str], values: list[float]
) -> Any:
    """The target as a call that compilers do not look into; NaN where alpha is not in (0, 1)."""
    from .targets import target_of_array

    inside = (alpha > 0) & (alpha < 1)
    known = torch.where(inside, alpha, 0.5)
    found = target_of_array(penalty, known, classes, **dict(zip(names, values, strict=True)))
    return torch.where(inside, found, torch.nan)


@_opaque_target.register_fake
def _(alpha: Any, *_: Any) -> Any:
    return torch.empty_like(alpha)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    alpha, *ctx.which = inputs
    ctx.save_for_backward(alpha, output)


def _backward(ctx: Any, gradient: Any) -> tuple[Any, ...]:
    from .kernels import kernel
    from .sensitivity import target_derivative

    penalty, classes, names, values = ctx.which
    f = kernel(penalty, **dict(zip(names, values, strict=True)))
    alpha, gap = ctx.saved_tensors
    return gradient * target_derivative(f, alpha, gap, classes), None, None, None, None


_opaque_target.register_autograd(_backward, setup_context=_keep)

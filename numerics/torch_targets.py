"""The target as PyTorch's compilers see it; imported when they meet one."""

from __future__ import annotations

from typing import Any

import torch

from .kernels import kernel
from .sensitivity import target_derivative
from .solved_targets import target_of_array
from .torch_rules import in_graph

__all__ = ["target_in_graph"]

# With K > 2 classes their targets take so many steps that a compiler needs minutes for the fusion.
_OPAQUE = ("pseudo-huber", "log-cosh", "cosh")


def _target(
    penalty: str, alpha: Any, classes: int, parameters: tuple[tuple[str, float], ...]
) -> Any:
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
    penalty, classes, names, values = ctx.which
    f = kernel(penalty, **dict(zip(names, values, strict=True)))
    alpha, gap = ctx.saved_tensors
    return gradient * target_derivative(f, alpha, gap, classes), None, None, None, None


_opaque_target.register_autograd(_backward, setup_context=_keep)

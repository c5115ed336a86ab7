"""Logit-regularised cross-entropy as a module of PyTorch."""

from __future__ import annotations

from typing import Any

import torch

from ..errors import AlphaError
from .kernels import kernel
from .loss_functions import regularized_cross_entropy
from .torch_rules import in_graph

__all__ = ["LogitRegularizedCrossEntropy"]

_REDUCTIONS = ("none", "mean", "sum")


class LogitRegularizedCrossEntropy(torch.nn.Module):
    """The loss (1 - alpha) CE + alpha f, for K logits per sample or for signed logits.

    Parameters
    ----------
    penalty : a name in the catalogue or an expression in z. Under torch.compile an expression is
        not rescued where its own evaluation overflows.
    alpha : the strength in [0, 1). With ``penalty="label-smoothing"`` and K logits the loss is that
        of ``torch.nn.CrossEntropyLoss(label_smoothing=alpha)``.
    reduction : "mean", "sum" or "none".
    parameters : values of the penalty's parameters, such as ``delta=2``.

    Called with logits and target:

    logits (..., K), target (...) : the indices of the true classes, from 0 to K - 1.
    logits (..., K), target (..., K) : probabilities of the classes.
    logits of any shape, no target : signed logits y z of two classes, y = 1 or -1.

    The loss is differentiable twice, under torch.func and torch.compile too. Logits narrower than
    float32, as under autocast, give a loss in float32.

    Raises
    ------
    AlphaError : alpha is outside [0, 1).
    ShapeError : the target does not fit the logits.

    Examples
    --------
    >>> loss = LogitRegularizedCrossEntropy("quadratic", alpha=0.1)
    >>> loss(torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 1]))
    tensor(0.4481)
    >>> loss(torch.tensor([1.0]))
    tensor(0.3819)
    """

    def __init__(
        self,
        penalty: str = "quadratic",
        alpha: float = 0.1,
        reduction: str = "mean",
        **parameters: float,
    ) -> None:
        super().__init__()
        if reduction not in _REDUCTIONS:
            raise ValueError(f"reduction is {reduction!r}; expected one of {_REDUCTIONS}")
        if not 0 <= alpha < 1:
            raise AlphaError(f"alpha is {alpha}; expected a strength in [0, 1)")
        kernel(penalty, **parameters)
        self.penalty = penalty
        self.alpha = float(alpha)
        self.reduction = reduction
        self.parameters_of_penalty = tuple(parameters.items())

    def forward(self, logits: Any, target: Any = None) -> Any:
        """The reduced loss."""
        losses = _losses_in_graph(
            self.penalty, self.alpha, logits, target, self.parameters_of_penalty
        )
        if self.reduction == "none":
            return losses
        return losses.mean() if self.reduction == "mean" else losses.sum()

    def extra_repr(self) -> str:
        """The settings, as they appear in the module's text."""
        values = "".join(f", {name}={value}" for name, value in self.parameters_of_penalty)
        return f"{self.penalty!r}, alpha={self.alpha}, reduction={self.reduction!r}{values}"


def _losses(
    penalty: str,
    alpha: float,
    logits: Any,
    target: Any,
    parameters: tuple[tuple[str, float], ...],
) -> Any:
    if target is not None and not target.is_floating_point():
        target = target.long()
    values = {name: float(value) for name, value in parameters}
    return regularized_cross_entropy(penalty, float(alpha), logits, target, **values)


_losses_in_graph = in_graph(_losses)

"""The losses of a batch of problems, with derivatives, on arrays of any library."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from .kernels import Kernel
from .loss_terms import (
    COUPLED,
    SIGNED_CROSS_ENTROPY,
    Logits,
    cross_entropy,
    penalised,
    penalised_curvature,
    penalty_term,
    separate,
)

__all__ = ["Expansion", "Problems", "accuracy"]

# A relative gradient that is small enough once steps no longer improve upon it, in units of the
# rounding unit (1e-13 in float64).
_GOAL = 450


class Expansion(NamedTuple):
    """Value (..., n), gradient (..., n, K) and Hessian (..., n, K, K) of the loss of n samples."""

    value: Any
    gradient: Any
    hessian: Any


@dataclass(frozen=True)
class Problems:
    """A batch of problems: minimise mean l(q c) over the coordinates c, (..., d, K).

    Attributes
    ----------
    xp : the namespace of the arrays.
    penalty : f in l = (1 - alpha) CE + alpha f.
    alpha : (..., 1, 1)
    q : (..., n, d) with orthonormal columns, the labels absorbed if there are two classes.
    indicator : (..., n, K) ones at the true classes; None for two classes.
    shape : the shape of the batch.
    root : (..., n, 1) square roots r of the weights of the samples, whose logits are then z = q c/r
        and whose mean weight is one; None if all are one.
    """

    xp: Any
    penalty: Kernel
    alpha: Any
    q: Any
    indicator: Any
    shape: tuple[int, ...]
    root: Any = None

    @property
    def outputs(self) -> int:
        """Logits per sample: one for two classes."""
        return 1 if self.indicator is None else int(self.indicator.shape[-1])

    def part(self, chosen: Any) -> Problems:
        """Some of the problems along the first dimension of the batch, as NumPy indexes them."""

        def cut(a: Any, trailing: int) -> Any:
            full = a is not None and len(a.shape) == len(self.shape) + trailing
            return a[chosen] if full and a.shape[0] > 1 else a

        return replace(
            self,
            alpha=cut(self.alpha, 2),
            q=cut(self.q, 2),
            indicator=cut(self.indicator, 2),
            root=cut(self.root, 2),
            shape=(len(np.arange(self.shape[0])[chosen]), *self.shape[1:]),
        )

    def weighted(self, values: Any) -> Any:
        """Values of the samples (..., n, K) times the roots of their weights."""
        return values if self.root is None else self.root * values

    def logits(self, weighted: Any) -> Any:
        """z from r z, which is zero for samples of weight zero."""
        if self.root is None:
            return weighted
        return weighted / self.xp.where(self.root > 0, self.root, self.xp.ones_like(self.root))

    def expansion(self, weighted: Any) -> Expansion:
        """The weighted per-sample losses at r z, (..., n, K), with derivatives in r z."""
        logits = self.logits(weighted)
        if self.indicator is None:
            entropy, penalty = SIGNED_CROSS_ENTROPY, separate(self.penalty)
        else:
            entropy = cross_entropy(self.indicator, axis=-1)
            penalty = penalty_term(self.penalty)
        at = Logits(logits, axis=-1)
        curvature = penalised_curvature(self.alpha, entropy.curvature(at), penalty.curvature(at))
        value = penalised(self.alpha, entropy.value(at), penalty.value(at))
        return Expansion(
            self.weighted(self.weighted(value))[..., 0],
            self.weighted(penalised(self.alpha, entropy.gradient(at), penalty.gradient(at))),
            curvature.matrix,
        )

    @property
    def level_is_free(self) -> Any:
        """(..., 1, 1) whether the loss leaves the common level of the K logits free."""
        if self.penalty.name in COUPLED:
            return self.alpha >= 0
        return self.alpha == 0


def accuracy(problems: Problems) -> tuple[float, float, float]:
    """The rounding unit; the residual to reach; and what will do if no step improves upon it."""
    unit = float(problems.xp.finfo(problems.q.dtype).eps)
    goal = _GOAL * unit
    return unit, goal, max(goal, unit**0.5 / 15)

"""Problems of a batch that have no minimiser, or whose minimiser was not reached."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..errors import NotConvergedError, SeparableError
from .batched_design import BatchedDesign, first_failure
from .batched_problems import Problems, accuracy
from .host import on_host

__all__ = ["Outcome", "outcome", "require_minimisers"]

# How far logits go, in units of -log of the least gradient, before the data may be separable.
_SUSPICIOUS = 2 / 3


class Outcome(NamedTuple):
    """What became of every problem, (...).

    Attributes
    ----------
    arrived : whether the solver reached rounding level.
    exact : whether the weights, rounded, have kept half of the digits.
    apart : whether alpha is 0 and the logits are all on their side: there is no minimiser.
    """

    arrived: Any
    exact: Any
    apart: Any

    @property
    def converged(self) -> Any:
        """Whether there is a minimiser at hand."""
        return self.arrived & self.exact & ~self.apart


def outcome(problems: Problems, arrived: Any, logits: Any, residual: Any) -> Outcome:
    """What became of the problems, for logits (..., n, K) of their weights."""
    xp = problems.xp
    if problems.indicator is None:
        margins = logits[..., 0]
    else:
        true = xp.sum(problems.indicator * logits, axis=-1)
        others = xp.where(problems.indicator > 0, xp.full_like(logits, -xp.inf), logits)
        margins = true - xp.max(others, axis=-1)
    if problems.root is not None:
        margins = xp.where(problems.root[..., 0] > 0, margins, xp.ones_like(margins))
    apart = (problems.alpha[..., 0, 0] == 0) & xp.all(margins > 0, axis=-1)
    return Outcome(arrived, residual <= accuracy(problems)[0] ** 0.5, apart)


def require_minimisers(
    data: BatchedDesign, problems: Problems, logits: Any, found: Outcome, max_iter: int
) -> None:
    """Raise an error if some problem has no minimiser, or it was not found.

    Raises
    ------
    SeparableError, NotConvergedError
    """
    xp = problems.xp
    apart = on_host(found.apart)
    if bool(xp.any(problems.alpha == 0)):
        apart = apart | _separated(data, on_host(_suspicious(problems, logits, found)))
    if np.any(apart):
        count, first = first_failure(apart)
        raise SeparableError(
            f"alpha is 0 and a hyperplane separates the classes in {count} of the problems, first "
            f"in problem {first}: their losses decrease for ever; expected overlapping classes; "
            "choose alpha > 0"
        )
    wider = ", or pass X in float64" * (accuracy(problems)[0] > 1e-10)
    if bool(xp.any(~found.arrived)):
        count, first = first_failure(~found.arrived)
        raise NotConvergedError(
            f"{count} of the problems, first problem {first}, did not reach rounding level within "
            f"{max_iter} Newton steps; raise max_iter, or check that the penalty is convex{wider}"
        )
    if bool(xp.any(~found.exact)):
        count, first = first_failure(~found.exact)
        raise NotConvergedError(
            f"in {count} of the problems, first in problem {first}, the minimiser was found, but "
            "rounding its weights has cost half of the digits: columns are nearly dependent, so "
            "that large terms add up to small logits; drop one of them, or subtract from each what "
            f"it shares with the others{wider}"
        )


def _suspicious(problems: Problems, logits: Any, found: Outcome) -> Any:
    """Whether a plane may separate the classes with samples on it."""
    xp = problems.xp
    spread = xp.max(logits, axis=-1) - xp.min(logits, axis=-1)
    if problems.indicator is None:
        spread = xp.abs(logits[..., 0])
    if problems.root is not None:
        spread = xp.where(problems.root[..., 0] > 0, spread, xp.zeros_like(spread))
    far = xp.max(spread, axis=-1) > -_SUSPICIOUS * math.log(accuracy(problems)[1])
    return (problems.alpha[..., 0, 0] == 0) & ~found.apart & (far | ~found.arrived)


def _separated(data: BatchedDesign, suspicious: Any) -> Any:
    """Which of the suspicious problems a hyperplane separates, with samples on it or without."""
    xp, found = data.xp, np.zeros_like(suspicious)
    if not np.any(suspicious):
        return found
    # SciPy's linear programming takes longer to import than a batch to fit.
    from .coordinates import coordinates
    from .separability import separating_direction

    def of(array: Any, place: tuple[int, ...]) -> Any:
        return on_host(xp.broadcast_to(array, (*data.shape, *array.shape[-2:]))[(*place, ...)])

    for place in map(tuple, np.argwhere(suspicious)):
        rows = of(data.scale * data.matrix, place).astype(np.float64)
        used = slice(None) if data.root is None else of(data.root, place)[:, 0] > 0
        basis = coordinates(rows[used], np.ones(len(rows[used]))).q
        labels, outputs = None, 1 if data.indicator is None else data.indicator.shape[-1]
        if data.indicator is not None:
            labels = np.argmax(of(data.indicator, place), axis=1)[used]
        found[place] = separating_direction(basis, labels, outputs) is not None
    return found

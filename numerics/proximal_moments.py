"""Gaussian moments of proximal steps p(Z) - Z, Z = m + s G, of many per-sample losses at once."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from .normal import normal_density
from .proximal_losses import (
    JUMP,
    Break,
    CellLosses,
    LossFamily,
    break_points,
    cell_losses,
)
from .proximal_nodes import nodes
from .quadrature import between, double_exponential, legendre

__all__ = [
    "JUMP",
    "Break",
    "CellLosses",
    "LossFamily",
    "Moments",
    "break_points",
    "cell_losses",
    "mean_loss",
    "moments",
]

# Beyond nine deviations lies 2e-19 of the Gaussian.
_TAIL, _FARTHEST_TAIL = 9.0, 36.0


@dataclass(frozen=True)
class Moments:
    """The step r = p(Z) - Z in each cell: its moments with G and p'.

    Attributes
    ----------
    slope : E p'.
    step, square : E r and E r^2.
    normal_step : E G r, which is s (E p' - 1) by parts (Stein).
    products : E of (1 - p'), G (1 - p'), G^2 (1 - p'), r (1 - p'), G r (1 - p') and r^2 p', from
        which every derivative of the moments follows.
    proximal, weights : p on the nodes, a start for the next call, and the weights of a mean.
    """

    slope: Any
    step: Any
    square: Any
    normal_step: Any
    products: tuple[Any, ...]
    proximal: Any
    weights: Any


def moments(
    xp: Any,
    loss: CellLosses,
    mean: Any,
    spread: Any,
    envelope: Any,
    order: int,
    start: Any = None,
) -> Moments:
    """The moments of prox(Z) - Z in each cell, prox of envelope times the loss.

    Parameters
    ----------
    mean, spread, envelope : (cells,) m, s > 0 and gamma > 0.
    order : of the quadrature of :func:`logitreg.numerics.proximal_nodes.nodes`, even.
    start : ``Moments.proximal`` of a nearby call, or None.
    """
    m, s, gamma = mean[:, None], spread[:, None], envelope[:, None]
    normal, weights, p, step, bend, resting = nodes(xp, loss, m, s, gamma, order, start)
    slope = xp.where(resting, 0.0, 1 / (1 + bend))
    # 1 - p', without a difference where p' is nearly one.
    small = (bend < 1) & ~resting
    lack = xp.where(small, xp.where(small, bend, 0.0) * slope, 1 - slope)
    weighted, normal_weighted = weights * lack, weights * normal
    return Moments(
        slope=xp.sum(weights * slope, axis=-1),
        step=xp.sum(weights * step, axis=-1),
        square=xp.sum(weights * step**2, axis=-1),
        normal_step=xp.sum(normal_weighted * step, axis=-1),
        products=tuple(
            xp.sum(values, axis=-1)
            for values in (
                weighted,
                normal * weighted,
                normal**2 * weighted,
                step * weighted,
                normal * step * weighted,
                weights * step**2 * slope,
            )
        ),
        proximal=p,
        weights=weights,
    )


def mean_loss(xp: Any, loss: CellLosses, mean: Any, spread: Any, order: int) -> Any:
    """E l(m + s G) in each cell.

    Examples
    --------
    >>> import math
    >>> import numpy as np
    >>> from .kernels import kernel
    >>> f = kernel("absolute")
    >>> loss = cell_losses(np, f, break_points(f), np.array([[1 - 2.0**-53]]))
    >>> value = mean_loss(np, loss, np.array([0.0]), np.array([2.0]), 256)
    >>> abs(float(value[0]) - 2 * math.sqrt(2 / math.pi)) < 1e-14
    True
    """
    m, s = mean[:, None], spread[:, None]
    safe = xp.where(s > 0, s, 1.0)
    # Where the loss grows exponentially, most of its mean may come from s deviations away.
    tail = _TAIL + xp.clip(s, 0.0, _FARTHEST_TAIL - _TAIL)
    farthest = float(xp.max(xp.abs(m) + s * tail)) if m.shape[0] else 0.0
    points = sorted({*_panel_ends(farthest), *(point for point, _, _ in loss.breaks)})
    inner = (xp.minimum(xp.maximum((point - m) / safe, -tail), tail) for point in points)
    rule = legendre(order // 4) if loss.bounded else double_exponential(order)
    total = xp.zeros_like(mean)
    for begin, finish in pairwise([-tail, *inner, tail]):
        normal, weights = between(xp, rule, begin, finish)
        # Beyond a wall the loss is infinite, and an empty panel may lie there.
        value = xp.where(weights > 0, loss.value(m + s * normal), 0.0)
        total = total + xp.sum(weights * normal_density(normal) * value, axis=-1)
    return total


def _panel_ends(farthest: float) -> list[float]:
    """0, +-4, +-16, ... up to the farthest logit: losses bend near zero, and at no larger scale."""
    powers = [4.0**k for k in range(1, 40) if 4.0**k < farthest]
    return [-power for power in powers] + [0.0] + powers

"""Nodes for Gaussian means of proximal steps p(Z) - Z, Z = m + s G.

The map from p to Z = p + gamma l'(p) is explicit. So quadrature over p, from break to break of l,
needs no proximal operator but at its ends; where p rests on a kink, G itself is integrated over.
Where l is analytic, the trapezoidal rule over G takes fewer nodes, and where l'' is infinite at a
break, p is smoother in G than G in p: there p is solved for at each node.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from .normal import normal_density
from .proximal_losses import JUMP, Break, CellLosses
from .quadrature import between, double_exponential, legendre, trapezoidal

__all__ = ["MOST_EVEN", "Nodes", "nodes"]

# Beyond nine deviations lies 2e-19 of the Gaussian.
_TAIL = 9.0
_PROXIMAL_STEPS = 100
MOST_EVEN = 256
"""The trapezoidal rule takes no more nodes: the bends that they miss are sharp."""
# From here on p is solved for, wherever l has breaks: large envelopes magnify its rounding.
_LARGEST = 2048
_ROUGH = 1e-2
# Lengths of panels in asinh(p), and in G.
_STRETCH, _WIDTH = 2.0, 6.0
# Where p bends for a larger envelope is far from zero.
_FAR = 30.0
# Shorter panels are even in p itself.
_SHORT = 1e-3


class Nodes(NamedTuple):
    """G at the nodes of each cell, weights of a mean, p, r = p - Z, gamma l'', and whether p rests.

    All of shape (cells, nodes).
    """

    normal: Any
    weights: Any
    proximal: Any
    step: Any
    bend: Any
    resting: Any


def nodes(
    xp: Any, loss: CellLosses, m: Any, s: Any, gamma: Any, order: int, start: Any = None
) -> Nodes:
    """Of arrays (cells, 1).

    Parameters
    ----------
    order : nodes of the trapezoidal rule; of Legendre's, half as many a panel between breaks, and
        an eighth where there are none.
    start : ``Nodes.proximal`` of a nearby call, or None.
    """
    if loss.bounded and (order < _LARGEST if loss.breaks else order > MOST_EVEN):
        return _over_the_proximal_point(xp, loss, m, s, gamma, order, start)
    return _over_the_normal(xp, loss, m, s, gamma, order, start)


def _over_the_proximal_point(
    xp: Any, loss: CellLosses, m: Any, s: Any, gamma: Any, order: int, start: Any
) -> Nodes:
    tails = m + s * xp.concat([xp.full_like(m, -_TAIL), xp.full_like(m, _TAIL)], axis=-1)
    low, high = xp.full_like(tails, -math.inf), xp.full_like(tails, math.inf)
    for point, left, right in loss.breaks:
        low = xp.where(tails >= point + gamma * left, point + xp.zeros_like(low), low)
        high = xp.where(tails <= point + gamma * right, point + xp.zeros_like(high), high)
    if start is not None:
        start = xp.stack([xp.min(start, axis=-1), xp.max(start, axis=-1)], axis=-1)
    limits, _ = _proximal(xp, loss, tails, s, gamma, (low, high), start, rough=True)
    first, last = limits[:, :1], limits[:, 1:]
    breaks = [point + xp.zeros_like(m) for point, _, _ in loss.breaks]
    if bool(xp.any(gamma > _FAR)):
        # Where l'' of cross-entropy falls to 1/gamma, p bends.
        soft = xp.log1p(gamma) - loss.origin
        breaks.append(xp.maximum(soft, breaks[-1]) if breaks else soft)
    ends = [first, *(xp.minimum(xp.maximum(point, first), last) for point in breaks), last]
    rule = legendre(order // 2 if loss.breaks else order // 8)
    panels = [panel for pair in pairwise(ends) for panel in _stretched(xp, loss, *pair)]
    parts = [part for kink in loss.breaks for part in _at_rest(xp, kink, m, s, gamma, rule)]
    if not parts and not panels:
        # All p of all cells are one float64: the equations will say that this does not do.
        panels = [(first, last)]
    if panels:
        p, weights = _together(xp, [between(xp, rule, *panel) for panel in panels])
        # Beyond a wall the slope is infinite.
        empty = weights == 0
        pull = xp.where(empty, 0.0, gamma * loss.slope(p))
        bend = xp.where(empty, 0.0, gamma * loss.curvature(p))
        normal = (p - m + pull) / s
        weights = weights * normal_density(normal) * (1 + bend) / s
        parts.append(Nodes(normal, weights, p, -pull, bend, xp.zeros_like(empty)))
    return parts[0] if len(parts) == 1 else Nodes(*_together(xp, parts))


def _together(xp: Any, parts: Sequence[tuple[Any, ...]]) -> tuple[Any, ...]:
    return tuple(xp.concat(part, axis=-1) for part in zip(*parts, strict=True))


def _stretched(xp: Any, loss: CellLosses, begin: Any, finish: Any) -> list[tuple[Any, Any]]:
    """Panels between two ends, of even length in asinh(z): losses bend near zero."""
    low, high = xp.asinh(loss.origin + begin), xp.asinh(loss.origin + finish)
    count = _count(xp, finish - begin, high - low, _STRETCH)
    width = xp.sinh(high) - xp.sinh(low)
    long = high - low > _SHORT
    ends = [begin]
    for i in range(1, count):
        part = (xp.sinh(low + (high - low) * (i / count)) - xp.sinh(low)) / width
        ends.append(begin + (finish - begin) * xp.where(long, part, i / count))
    return list(pairwise([*ends, finish])) if count else []


def _count(xp: Any, widths: Any, lengths: Any, longest: float) -> int:
    """Of panels no longer than the longest; none where all widths are zero."""
    if bool(xp.all(widths == 0)):
        return 0
    finite = xp.where(xp.isfinite(lengths), lengths, 0.0)
    return max(1, math.ceil(float(xp.max(finite)) / longest))


def _at_rest(
    xp: Any, kink: Break, m: Any, s: Any, gamma: Any, rule: tuple[Any, Any]
) -> list[Nodes]:
    """The nodes among values of G at which p rests on a kink, if there are any."""
    point, left, right = kink
    if not bool(xp.any(right - left > JUMP)):
        return []
    low, high = (xp.clip((point - m + gamma * side) / s, -_TAIL, _TAIL) for side in (left, right))
    count = _count(xp, high - low, high - low, _WIDTH)
    if count == 0:
        return []
    ends = [low + (high - low) * (i / count) for i in range(count + 1)]
    normal, weights = _together(xp, [between(xp, rule, *panel) for panel in pairwise(ends)])
    weights, nought = weights * normal_density(normal), xp.zeros_like(normal)
    return [Nodes(normal, weights, point + nought, point - m - s * normal, nought, nought == 0)]


def _over_the_normal(
    xp: Any, loss: CellLosses, m: Any, s: Any, gamma: Any, order: int, start: Any
) -> Nodes:
    """p is solved for, panel by panel."""
    normal, weights, low, high = _panels(xp, loss, m, s, gamma, order)
    z = m + s * normal
    p, step = _proximal(xp, loss, z, s, gamma, (low, high), start)
    resting = low == high
    return Nodes(
        normal,
        weights * normal_density(normal),
        p,
        xp.where(resting, p - z, step) if loss.breaks else step,
        gamma * loss.curvature(p),
        resting,
    )


def _panels(
    xp: Any, loss: CellLosses, m: Any, s: Any, gamma: Any, order: int
) -> tuple[Any, Any, Any, Any]:
    """G and its weights without the density, and the limits of p."""
    ends = [xp.full_like(m, -_TAIL)]
    limits = [(-math.inf, math.inf)]
    for point, left, right in loss.breaks:
        # The slopes are those of neighbouring floats: a bend leaves a difference of rounding.
        sides = (left, right) if bool(xp.any(right - left > JUMP)) else (left,)
        ends += [xp.clip((point + gamma * side - m) / s, -_TAIL, _TAIL) for side in sides]
        rests = [(point, point)] if len(sides) == 2 else []
        limits = [*limits[:-1], (limits[-1][0], point), *rests, (point, math.inf)]
    ends.append(xp.full_like(m, _TAIL))
    rule = double_exponential(order) if loss.breaks else trapezoidal(order)
    parts = []
    for (begin, finish), (lowest, highest) in zip(pairwise(ends), limits, strict=True):
        normal, weights = between(xp, rule, begin, finish)
        low, high = (limit + xp.zeros_like(normal) for limit in (lowest, highest))
        # The nodes of an empty panel are beyond its limits: there p rests on one of them.
        rest = xp.where(xp.isfinite(low), low, high)
        empty = begin >= finish
        parts.append((normal, weights, xp.where(empty, rest, low), xp.where(empty, rest, high)))
    normal, weights, low, high = _together(xp, parts)
    return normal, weights, low, high


def _proximal(
    xp: Any,
    loss: CellLosses,
    z: Any,
    s: Any,
    gamma: Any,
    limits: tuple[Any, Any],
    start: Any,
    *,
    rough: bool = False,
) -> tuple[Any, Any]:
    """The solution p of p + gamma l'(p) = Z within limits, by safeguarded Newton's method.

    And p - Z, as -gamma l'(p) if that is more precise.

    Parameters
    ----------
    rough : to a hundredth of s in Z are enough.
    """
    low, high = limits
    # The solution lies between Z and the minimiser, or Z - gamma l'(Z) where there is none.
    unpenalised = z - gamma * loss.slope(xp.clip(z, low, high))
    other = xp.where(xp.isfinite(loss.minimiser), loss.minimiser, unpenalised)
    low = xp.clip(xp.minimum(z, other), low, high)
    high = xp.clip(xp.maximum(z, other), low, high)
    if start is None:
        # As if the loss were the parabola at its minimiser.
        pull = gamma * loss.curvature(loss.minimiser)
        parabola = (z + pull * loss.minimiser) / (1 + pull)
        start = xp.where(xp.isfinite(parabola), parabola, (low + high) / 2)
    p = xp.clip(start, low, high)
    last = xp.full_like(p, math.inf)
    for _ in range(_PROXIMAL_STEPS):
        pulled, bend = gamma * loss.slope(p), gamma * loss.curvature(p)
        value = p - z + pulled
        low, high = xp.where(value < 0, p, low), xp.where(value > 0, p, high)
        change = value / (1 + bend)
        newton = p - change
        # The step after a small one would be its square, or rounding.
        small = 1e-9 * (s + xp.abs(p))
        # Large steps that do not halve may end in a cycle of two.
        useful = (low <= newton) & (newton <= high)
        useful = useful & (xp.abs(change) <= xp.maximum(last / 2, small))
        moved = xp.where(useful | (change == 0), newton, (low + high) / 2)
        last, before, p = xp.abs(moved - p), p, moved
        settled = (xp.abs(value) < _ROUGH * s) | (low == high) if rough else last <= small
        if bool(xp.all(settled)):
            break
    # Neither a difference of large numbers nor a multiple of a small one.
    return p, xp.where(bend < 1, -(pulled + bend * (p - before)), p - z)

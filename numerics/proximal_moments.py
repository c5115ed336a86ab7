"""Gaussian moments of proximal steps p(Z) - Z, Z = m + s G, of many per-sample losses at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from .kernels import ArrayFunction, Kernel
from .loss_terms import LOGISTIC, penalised
from .normal import normal_density
from .quadrature import between, double_exponential, legendre, trapezoidal
from .targets import target

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
_TAIL = 9.0
_FARTHEST_TAIL = 36.0
_PROXIMAL_STEPS = 100
_LARGE_CURVATURE = 1e6
JUMP = 1e-12
"""Of two slopes beside a break, more than rounding."""


class Break(NamedTuple):
    """A point where l is not analytic, with l' from the left and from the right, (cells, 1)."""

    point: float
    left: Any
    right: Any


@dataclass(frozen=True)
class CellLosses:
    """l = (1 - alpha) CE + alpha f with a strength for each cell, on arrays (cells, nodes).

    Attributes
    ----------
    value, slope, curvature : l, l' and l''.
    minimiser : (cells, 1), infinite for alpha = 0.
    breaks : ascending; beyond a wall of f the slope is infinite.
    bounded : whether the curvature is finite beside each break, where f is.
    """

    value: Callable[[Any], Any]
    slope: Callable[[Any], Any]
    curvature: Callable[[Any], Any]
    minimiser: Any
    breaks: tuple[Break, ...]
    bounded: bool


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


def cell_losses(xp: Any, f: Kernel, points: Sequence[float], alpha: Any) -> CellLosses:
    """The per-sample loss in each cell, alpha of shape (cells, 1) in [0, 1).

    Parameters
    ----------
    points : of :func:`break_points`.

    Examples
    --------
    >>> from .kernels import kernel
    >>> f = kernel("absolute")
    >>> loss = cell_losses(np, f, break_points(f), np.array([[0.5]]))
    >>> [(point, float(left[0, 0]), float(right[0, 0])) for point, left, right in loss.breaks]
    [(0.0, -0.75, 0.25)]
    """

    def of(term: ArrayFunction, penalty: ArrayFunction) -> ArrayFunction:
        # Where alpha is zero, f may be infinite.
        strength = xp.where(alpha > 0, alpha, 0.5)

        def mixed(z: Any) -> Any:
            entropy = term(z)
            return xp.where(alpha > 0, penalised(strength, entropy, penalty(z)), entropy)

        return mixed

    value = of(LOGISTIC.value, f.value)
    slope = of(LOGISTIC.slope, f.slope)
    curvature = of(LOGISTIC.curvature, f.curvature)

    def one_sided(point: float, towards: float) -> Any:
        beside = float(np.nextafter(point, towards))
        near = slope(xp.full_like(alpha, beside))
        if math.isfinite(float(f.value(beside))):
            return near
        return xp.where(alpha > 0, math.copysign(math.inf, towards), near)

    breaks = tuple(
        Break(point, one_sided(point, -math.inf), one_sided(point, math.inf)) for point in points
    )
    penalised_cells = alpha > 0
    goal = target(f, xp.where(penalised_cells, alpha, 0.5))
    minimiser = xp.where(penalised_cells, goal, math.inf)
    beside = np.concatenate([np.nextafter(points, side) for side in (-math.inf, math.inf)])
    within = beside[np.isfinite(f.value(beside))]
    bounded = bool(np.all(np.abs(f.curvature(within)) < _LARGE_CURVATURE))
    return CellLosses(value, slope, curvature, minimiser, breaks, bounded)


@dataclass(frozen=True)
class LossFamily:
    """The per-sample loss of a penalty, at the strength of each cell."""

    xp: Any
    penalty: Kernel
    breaks: tuple[float, ...]

    def losses(self, alpha: Any) -> CellLosses:
        return cell_losses(self.xp, self.penalty, self.breaks, alpha)


def break_points(f: Kernel) -> tuple[float, ...]:
    """Where f' or f'' jumps, and zero if f'' has a kink there, as that of |z|^3 has.

    Examples
    --------
    >>> from .kernels import kernel
    >>> break_points(kernel("huber", delta=0.3)), break_points(kernel("cosh"))
    ((-0.3, 0.3), ())
    """

    def bend(z: Any) -> Any:
        return np.asarray(f.curvature(np.asarray(z)), dtype=np.float64)

    grid = np.linspace(-60, 60, 12007)
    left, right = grid[:-1], grid[1:]
    with np.errstate(invalid="ignore"):
        for _ in range(60):
            before, after = bend(left), bend(right)
            steep = np.abs(after - before) > 1e-3 * np.maximum(np.abs(before), np.abs(after))
            left, right = left[steep], right[steep]
            middle = (left + right) / 2
            first = np.abs(bend(middle) - before[steep]) >= np.abs(after[steep] - bend(middle))
            left, right = np.where(first, left, middle), np.where(first, middle, right)
        step = 1e-6
        beside = bend(np.array([1, 2, -1, -2]) * step)
        rough = not abs(beside[1] - beside[0] + beside[3] - beside[2]) < 1e-3 * step
    # Of the two neighbours in float64 the shorter number is meant.
    jumps = {
        min((float(a), float(b)), key=lambda point: len(repr(point)))
        for a, b in zip(left, right, strict=True)
    }
    return tuple(sorted({*map(float, f.kinks), *jumps, *([0.0] if rough else [])}))


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

    The trapezoidal rule, whose error for an analytic integrand is exponentially small; where l has
    breaks, Gauss-Legendre quadrature between the values of Z that are drawn to them, or
    double-exponential quadrature if l'' is infinite there.

    Parameters
    ----------
    mean, spread, envelope : (cells,) m, s > 0 and gamma > 0.
    order : nodes between two breaks, even.
    start : ``Moments.proximal`` of a nearby call, or None.
    """
    m, s, gamma = mean[:, None], spread[:, None], envelope[:, None]
    normal, weights, low, high = _nodes(xp, loss, m, s, gamma, order)
    weights = weights * normal_density(normal)
    z = m + s * normal
    p = _proximal(xp, loss, z, s, gamma, low, high, start)
    resting = low == high
    bend = gamma * loss.curvature(p)
    slope = xp.where(resting, 0.0, 1 / (1 + bend))
    # 1 - p', without a difference where p' is nearly one.
    small = (bend < 1) & ~resting
    lack = xp.where(small, xp.where(small, bend, 0.0) * slope, 1 - slope)
    step = p - z
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


def _nodes(
    xp: Any, loss: CellLosses, m: Any, s: Any, gamma: Any, order: int
) -> tuple[Any, Any, Any, Any]:
    """G and its weights without the density, and the limits of p, panel by panel."""
    ends = [xp.full_like(m, -_TAIL)]
    limits = [(-math.inf, math.inf)]
    for point, left, right in loss.breaks:
        # The slopes are those of neighbouring floats: a bend leaves a difference of rounding.
        sides = (left, right) if bool(xp.any(right - left > JUMP)) else (left,)
        ends += [xp.clip((point + gamma * side - m) / s, -_TAIL, _TAIL) for side in sides]
        rests = [(point, point)] if len(sides) == 2 else []
        limits = [*limits[:-1], (limits[-1][0], point), *rests, (point, math.inf)]
    ends.append(xp.full_like(m, _TAIL))
    if loss.breaks:
        # Where l'' of cross-entropy falls to 1/gamma, p bends: the last panel is cut there.
        soft = xp.log1p(gamma)
        image = xp.clip((soft + gamma * loss.slope(soft) - m) / s, ends[-2], _TAIL)
        ends.insert(-1, xp.where(soft > loss.breaks[-1].point, image, ends[-2]))
        limits.append(limits[-1])
    parts = []
    for (begin, finish), (lowest, highest) in zip(pairwise(ends), limits, strict=True):
        if _beyond_a_wall(xp, loss, lowest, highest):
            continue
        normal, weights = _rule(xp, loss, begin, finish, order)
        # The nodes of an empty panel are beyond its limits: there p rests on one of them.
        empty = begin >= finish
        rest = xp.full_like(normal, lowest if math.isfinite(lowest) else highest)
        bounds = (xp.where(empty, rest, xp.full_like(normal, v)) for v in (lowest, highest))
        parts.append((normal, weights, *bounds))
    normal, weights, low, high = (xp.concat(part, axis=-1) for part in zip(*parts, strict=True))
    return normal, weights, low, high


def _beyond_a_wall(xp: Any, loss: CellLosses, lowest: float, highest: float) -> bool:
    """Whether no p lies between, in any cell."""
    slopes = [right for point, _, right in loss.breaks if point == lowest < highest]
    slopes += [left for point, left, _ in loss.breaks if point == highest > lowest]
    return any(bool(xp.all(xp.isinf(slope))) for slope in slopes)


def _proximal(
    xp: Any, loss: CellLosses, z: Any, s: Any, gamma: Any, low: Any, high: Any, start: Any
) -> Any:
    """The solution p of p + gamma l'(p) = Z in [low, high], by safeguarded Newton's method."""
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
        value = p - z + gamma * loss.slope(p)
        low, high = xp.where(value < 0, p, low), xp.where(value > 0, p, high)
        change = value / (1 + gamma * loss.curvature(p))
        newton = p - change
        # The step after a small one would be its square, or rounding.
        small = 1e-9 * (s + xp.abs(p))
        # Large steps that do not halve may end in a cycle of two.
        useful = (low <= newton) & (newton <= high)
        useful = useful & (xp.abs(change) <= xp.maximum(last / 2, small))
        moved = xp.where(useful | (change == 0), newton, (low + high) / 2)
        last, p = xp.abs(moved - p), moved
        settled = bool(xp.all(last <= small))
        if settled:
            break
    return p


def _rule(xp: Any, loss: CellLosses, begin: Any, finish: Any, order: int) -> tuple[Any, Any]:
    """Nodes and weights between two ends for each cell; none if they are in the wrong order."""
    if not loss.breaks:
        rule = trapezoidal(order)
    else:
        rule = legendre(order // 2) if loss.bounded else double_exponential(order)
    return between(xp, rule, begin, finish)


def mean_loss(xp: Any, loss: CellLosses, mean: Any, spread: Any, order: int) -> Any:
    """E l(m + s G) in each cell.

    Examples
    --------
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

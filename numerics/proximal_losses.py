"""The per-sample losses of many cells at once, with the points where they are not analytic."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .kernels import ArrayFunction, Kernel
from .loss_terms import LOGISTIC, penalised
from .quadrature import legendre
from .targets import target

__all__ = [
    "JUMP",
    "Break",
    "CellLosses",
    "LossFamily",
    "about_the_minimiser",
    "break_points",
    "cell_losses",
]

_LARGE_CURVATURE = 1e6
JUMP = 1e-12
"""Of two slopes beside a break, more than rounding."""
# So near the minimiser the slope is integrated from its curvature.
_NEAR = 0.01
_NODES = 6


class Break(NamedTuple):
    """A point where l is not analytic, with l' from the left and from the right, (cells, 1).

    The point is a number, or (cells, 1) about the minimisers.
    """

    point: Any
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
    origin : the logit from which the arguments, minimiser and breaks are counted.
    """

    value: Callable[[Any], Any]
    slope: Callable[[Any], Any]
    curvature: Callable[[Any], Any]
    minimiser: Any
    breaks: tuple[Break, ...]
    bounded: bool
    origin: Any = 0.0


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


def about_the_minimiser(xp: Any, loss: CellLosses) -> CellLosses:
    """The losses as functions of v = z - z*, precise where v is small; of z where z* is infinite.

    Next to z* rounding leaves nothing of l', a difference. Its integral of l'' has all digits.

    Examples
    --------
    >>> from .kernels import kernel
    >>> loss = cell_losses(np, kernel("quadratic"), (), np.array([[0.5]]))
    >>> shifted = about_the_minimiser(np, loss)
    >>> v = np.array([[1e-12]])
    >>> quotient = shifted.slope(v) / (v * shifted.curvature(v))
    >>> bool(abs(quotient[0, 0] - 1) < 1e-11)
    True
    """
    finite = xp.isfinite(loss.minimiser)
    centre = xp.where(finite, loss.minimiser, 0.0)
    places, weights = legendre(_NODES)
    breaks = tuple(Break(point - centre, left, right) for point, left, right in loss.breaks)

    def slope(v: Any) -> Any:
        near = finite & (xp.abs(v) < _NEAR)
        for between in breaks:
            near = near & ((between.point * v < 0) | (xp.abs(between.point) > xp.abs(v)))
        far = loss.slope(centre + v)
        if not bool(xp.any(near)):
            return far
        inside = xp.where(near, v, 0.0)
        bends = (
            float(w) * loss.curvature(centre + inside * float(x))
            for x, w in zip(_from_zero(places), weights, strict=True)
        )
        return xp.where(near, inside * sum(bends), far)

    return CellLosses(
        value=lambda v: loss.value(centre + v),
        slope=slope,
        curvature=lambda v: loss.curvature(centre + v),
        minimiser=xp.where(finite, 0.0, loss.minimiser),
        breaks=breaks,
        bounded=loss.bounded,
        origin=centre,
    )


def _from_zero(places: Any) -> Any:
    """Places in [0, 1] of a rule that counts its second half from the far end."""
    half = len(places) // 2
    return np.concatenate([places[:half], 1 - places[half:]])

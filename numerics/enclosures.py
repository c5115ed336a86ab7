"""Rigorous ranges of mean curvatures, and boxes that hold exactly one zero."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from itertools import pairwise

from flint import arb, arb_mat

from .balls import hull

__all__ = ["ball_above", "ball_below", "mean_curvature_range", "only_zero"]

BallFunction = Callable[[arb], arb]

_CELLS = 16
_MAX_SPLITS = 4000
_TURNS = 3


def ball_above(x: arb) -> float:
    """A float64 that no point of the ball exceeds.

    >>> ball_above(arb(1, 2)) >= 3
    True
    """
    return math.inf if not x.is_finite() else math.nextafter(float(x.upper()), math.inf)


def ball_below(x: arb) -> float:
    """A float64 that no point of the ball falls below.

    >>> ball_below(arb(1, 2)) <= -1
    True
    """
    return -math.inf if not x.is_finite() else math.nextafter(float(x.lower()), -math.inf)


def mean_curvature_range(
    slope: BallFunction,
    curvature: BallFunction,
    anchor: float,
    low: float,
    high: float,
    kinks: tuple[float, ...] = (),
    tolerance: float = 1e-7,
) -> tuple[float, float]:
    """Bounds m <= w(z) <= M on [low, high] of the mean curvature between ``anchor`` and z,

        w(z) = (g(z) - g(anchor)) / (z - anchor),   w(anchor) = g'(anchor),

    for a slope g with derivative ``curvature``, sharp to ``tolerance`` of M - m.

    A cell J of z is enclosed three ways: w is the mean of g' over the segment to the anchor; it
    is the quotient above; and w' = (g' - w)/(z - anchor) gives a mean value form, of second order
    in the width of J. The cells that decide the extremes are halved until the bounds are sharp.

    Parameters
    ----------
    slope, curvature : enclosures of g and g' on Arb balls.
    kinks : points where g jumps; ``slope`` must enclose the whole jump. None may be the anchor.

    Returns
    -------
    (m, M) : rigorous, infinite if the enclosures are.

    Examples
    --------
    >>> m, M = mean_curvature_range(lambda x: x**3, lambda x: 3 * x**2, 1.0, 0.0, 2.0)
    >>> m <= 1 and M >= 7 and M - m < 6.00001
    True
    """

    def bound(a: float, b: float) -> tuple[float, float]:
        return _cell(slope, curvature, anchor, a, b, kinks)

    width = (high - low) / _CELLS
    knots = [low, *(low + i * width for i in range(1, _CELLS)), high]
    cells = [(a, b, *bound(a, b)) for a, b in pairwise(knots)]
    values = [bound(x, x)[0] for x in knots]
    reached, lowest = max(values), min(values)
    gap = tolerance * (reached - lowest) + 2.0**-50 * abs(reached)
    largest = _supremum([(top, a, b) for a, b, _, top in cells], bound, reached, gap)

    def negated(a: float, b: float) -> tuple[float, float]:
        bottom, top = bound(a, b)
        return -top, -bottom

    flipped = [(-bottom, a, b) for a, b, bottom, _ in cells]
    smallest = -_supremum(flipped, negated, -lowest, gap)
    return smallest, largest


def _supremum(
    cells: list[tuple[float, float, float]],
    bound: Callable[[float, float], tuple[float, float]],
    reached: float,
    gap: float,
) -> float:
    """An upper bound of a function over cells (its upper bound there, left end, right end).

    ``reached`` is a value of the function up to rounding; cells are halved until no bound exceeds
    the largest value known by more than ``gap``.
    """
    heap = [(-top, a, b) for top, a, b in cells]
    heapq.heapify(heap)
    for _ in range(_MAX_SPLITS):
        top, a, b = -heap[0][0], heap[0][1], heap[0][2]
        middle = a + (b - a) / 2
        if top - reached <= gap or not a < middle < b:
            break
        reached = max(reached, bound(middle, middle)[0])
        heapq.heapreplace(heap, (-min(top, bound(a, middle)[1]), a, middle))
        heapq.heappush(heap, (-min(top, bound(middle, b)[1]), middle, b))
    return -heap[0][0]


def _cell(
    slope: BallFunction,
    curvature: BallFunction,
    anchor: float,
    a: float,
    b: float,
    kinks: tuple[float, ...],
) -> tuple[float, float]:
    fixed, cell = arb(anchor), hull(arb(a), arb(b))
    bottom, top = -math.inf, math.inf

    def narrow(enclosure: arb) -> None:
        nonlocal bottom, top
        if enclosure.is_finite():
            bottom = max(bottom, ball_below(enclosure))
            top = min(top, ball_above(enclosure))

    if not any(min(a, anchor) <= kink <= max(b, anchor) for kink in kinks):
        narrow(curvature(hull(cell, fixed)))
    if a <= anchor <= b:
        return bottom, top
    distance = cell - fixed
    narrow((slope(cell) - slope(fixed)) / distance)
    if a < b and not any(a <= kink <= b for kink in kinks) and math.isfinite(top - bottom):
        centre = arb(a + (b - a) / 2)
        value = (slope(centre) - slope(fixed)) / (centre - fixed)
        bend = curvature(cell)
        # w' has a range as wide as that of w: each turn narrows one by the other.
        for _ in range(_TURNS):
            derivative = (bend - hull(arb(bottom), arb(top))) / distance
            narrow(value + derivative * (cell - centre))
    return bottom, top


def only_zero(
    function: Callable[[list[arb]], list[arb]],
    jacobian: Callable[[list[arb]], arb_mat],
    centre: list[arb],
    radii: list[arb],
) -> list[arb] | None:
    """Balls that hold the one zero of a system in the box centre +- radii; None if not proven.

    Interval Newton: if the image N = centre - J^-1 F(centre) of the box, J the range of the
    Jacobian over it, lies in the interior of the box, then the box holds exactly one zero, and
    so does N (Moore, Nickel; see Neumaier, Interval Methods for Systems of Equations, 1990).

    Parameters
    ----------
    function, jacobian : enclosures of F and its Jacobian on balls.
    centre : exact numbers (their radii are ignored).
    radii : positive half-widths of the box.

    Examples
    --------
    >>> root = only_zero(
    ...     lambda x: [x[0] ** 2 - 2], lambda x: arb_mat([[2 * x[0]]]), [arb(1.4142)], [arb(1e-3)]
    ... )
    >>> root is not None and root[0].contains(arb(2).sqrt())
    True
    """
    middle = [arb(x.mid()) for x in centre]
    box = [x + arb(0, radius.abs_upper()) for x, radius in zip(middle, radii, strict=True)]
    try:
        step = jacobian(box).solve(arb_mat([[value] for value in function(middle)]))
    except ZeroDivisionError:
        return None
    image = [x - step[i, 0] for i, x in enumerate(middle)]
    inside = all(cell.contains_interior(x) for cell, x in zip(box, image, strict=True))
    return image if inside else None

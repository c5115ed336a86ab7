"""A search for a point where f is certainly not convex."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from itertools import pairwise

from flint import arb

from .balls import hull, precision

__all__ = ["Side", "concave_point"]

Side = tuple[Callable[[], arb], Callable[[], arb], Callable[[], arb]]
"""A kink of f and the limits of f' from the left and from the right."""

_BITS = 192
_CELLS = 64
_SPLITS = 1500
_FARTHEST = 1e4


def concave_point(curvature: Callable[[arb], arb], sides: tuple[Side, ...] = ()) -> float | None:
    """A z where f''(z) < 0, or where f' jumps down, by ball arithmetic; None if none was found.

    Cells of the line |z| <= 10^4, narrow near zero, are halved while f'' is not known to be
    non-negative on them, widest and innermost first, and f'' is enclosed at their midpoints. A
    point is a proof. None is no proof: whether f is convex stays open here.

    Examples
    --------
    >>> concave_point(lambda z: 12 * z**2)
    >>> z = concave_point(lambda z: 12 * z**2 - 1)
    >>> 12 * z**2 < 1
    True
    """
    with precision(_BITS):
        for corner, left, right in sides:
            if right() < left():
                return float(corner())
        return _search(curvature)


def _search(curvature: Callable[[arb], arb]) -> float | None:
    # z = sinh(t) gives the tails and the neighbourhood of zero their share of the cells.
    reach = math.asinh(_FARTHEST)
    knots = [reach * (2 * i / _CELLS - 1) for i in range(_CELLS + 1)]
    heap = [(0, abs(a + b), a, b) for a, b in pairwise(knots)]
    heapq.heapify(heap)
    for _ in range(_SPLITS):
        if not heap:
            return None
        depth, _, a, b = heapq.heappop(heap)
        middle = a + (b - a) / 2
        if not a < middle < b:
            continue
        point = math.sinh(middle)
        if curvature(arb(point)) < 0:
            return point
        for low, high in ((a, middle), (middle, b)):
            image = curvature(hull(arb(math.sinh(low)), arb(math.sinh(high))))
            if not image >= 0:
                heapq.heappush(heap, (depth + 1, abs(low + high), low, high))
    return None

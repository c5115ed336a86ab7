"""A convex penalty with kinks as a smooth one plus what is straight between the kinks: f = g + h.

Every kink k of f, where the slope jumps by J, becomes a term (J/2) |z - k| of h; every wall, beyond
which f is infinite, a term that is zero before it and infinite behind. What is left is smooth: g,
continued behind a wall along its tangent there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from array_api_compat import array_namespace

from ..errors import UnsupportedPenaltyError
from .catalogue import CATALOGUE
from .kernels import Kernel

__all__ = ["Kinks", "rounded", "split"]

# Infinite curvature beside a kink leaves no smooth part.
_STEEPEST = 1e12


class Kinks(NamedTuple):
    """The terms of h: one for each place, with subgradients from ``lower`` to ``upper``.

    Attributes
    ----------
    places : ascending.
    lower, upper : -J/2 and J/2 at a jump J of the slope; 0 and inf, or -inf and 0, at a wall.

    Examples
    --------
    >>> from .kernels import kernel
    >>> split(kernel("box"))[1]
    Kinks(places=(-1.0, 1.0), lower=(-inf, 0.0), upper=(0.0, inf))
    """

    places: tuple[float, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]


def split(f: Kernel) -> tuple[Kernel, Kinks]:
    """The smooth part g, a kernel without kinks, and the kinks of f.

    Raises
    ------
    UnsupportedPenaltyError : f is not convex, or its curvature is infinite at a kink.

    Examples
    --------
    >>> import numpy as np
    >>> from .kernels import kernel
    >>> g, kinks = split(kernel("elastic"))
    >>> g.slope(np.array([-3.0])), kinks
    (array([-6.]), Kinks(places=(0.0,), lower=(-1.0,), upper=(1.0,)))
    """
    if not f.convex:
        raise UnsupportedPenaltyError(
            f"the penalty {f.name!r} has kinks and is not convex, as can be seen at z = "
            f"{f.concave_at:g}: no method here finds its minimisers; expected one or the other; "
            "smooth its kinks (a narrow pseudo-huber approximates |z|)"
        )
    sides = _sides(f)
    for place, left, right in sides:
        beside = max(abs(place) * 2.0**-50, 1e-300)
        bends = [float(f.curvature(place + side * beside)) for side in (-1, 1)]
        if max(bends) > _STEEPEST or not (math.isfinite(left) or math.isfinite(right)):
            raise UnsupportedPenaltyError(
                f"the penalty {f.name!r} is infinitely curved or steep beside its kink z = "
                f"{place:g}; expected a kink between smooth pieces; solve one problem at a time "
                "with fit"
            )
    jumps = {place: (right - left) / 2 for place, left, right in sides}
    kinks = Kinks(
        tuple(jumps),
        tuple(_bound(-jumps[place], left) for place, left, _ in sides),
        tuple(_bound(jumps[place], right) for place, _, right in sides),
    )
    return _smooth(f, sides, {k: half for k, half in jumps.items() if math.isfinite(half)}), kinks


def rounded(g: Kernel, kinks: Kinks) -> Kernel:
    """g, and J/2 (r - log(1 + r)) with r = sqrt(1 + (z - k)^2) in place of every J/2 |z - k|.

    Examples
    --------
    >>> import numpy as np
    >>> from .kernels import kernel
    >>> rounded(*split(kernel("absolute"))).slope(np.array([0.75]))
    array([0.33333333])
    """

    def with_jumps(smooth: Any, term: Callable[[Any, Any, Any], Any]) -> Callable[[Any], Any]:
        def total(z: Any) -> Any:
            xp, found = array_namespace(z), smooth(z)
            for place, half in zip(kinks.places, kinks.upper, strict=True):
                if 0 < half < math.inf:
                    root = xp.hypot(xp.ones_like(z), z - place)
                    found = found + half * term(xp, z - place, root)
            return found

        return total

    return replace(
        g,
        value=with_jumps(g.value, lambda xp, _, root: root - xp.log1p(root)),
        slope=with_jumps(g.slope, lambda _, away, root: away / (1 + root)),
        curvature=with_jumps(g.curvature, lambda _, __, root: 1 / (root * (1 + root))),
    )


def _bound(half: float, slope: float) -> float:
    """Half of a jump; at a wall zero on its near side, infinite on the far one."""
    if math.isfinite(half):
        return half
    return slope if math.isinf(slope) else 0.0


def _sides(f: Kernel) -> list[tuple[float, float, float]]:
    """The kinks of f with the limits of the slope from the left and from the right."""
    if f.name not in CATALOGUE:
        return [
            (float(at().mid()), float(left().mid()), float(right().mid()))
            for at, left, right in f.balls.sides
        ]

    def limit(place: float, side: int) -> float:
        beside = place + side * max(abs(place) * 2.0**-52, 1e-300)
        return side * math.inf if math.isinf(f.value(beside)) else float(f.slope(beside))

    return [(place, limit(place, -1), limit(place, 1)) for place in map(float, f.kinks)]


def _smooth(
    f: Kernel, sides: list[tuple[float, float, float]], jumps: dict[float, float]
) -> Kernel:
    """f less its kinks, and continued straight behind its walls."""
    first, at_first = next(((p, r) for p, left, r in sides if math.isinf(left)), (-math.inf, 0.0))
    last, at_last = next(((p, left) for p, left, r in sides if math.isinf(r)), (math.inf, 0.0))
    walls = math.isfinite(first) or math.isfinite(last)

    def within(z: Any) -> Any:
        return array_namespace(z).clip(z, first, last) if walls else z

    def value(z: Any) -> Any:
        xp, near = array_namespace(z), within(z)
        found = f.value(near)
        for place, half in jumps.items():
            found = found - half * xp.abs(z - place)
        if walls:
            found = found + xp.where(z < near, at_first * (z - near), at_last * (z - near))
        return found

    def slope(z: Any) -> Any:
        xp, found = array_namespace(z), f.slope(z)
        for place, half in jumps.items():
            side = xp.astype(z > place, z.dtype) - xp.astype(z < place, z.dtype)
            found = found - half * side
        if walls:
            found = xp.where(z <= first, xp.full_like(z, at_first), found)
            found = xp.where(z >= last, xp.full_like(z, at_last), found)
        return found

    def curvature(z: Any) -> Any:
        xp, apart = array_namespace(z), within(z)
        info = xp.finfo(z.dtype)
        for place, _, right in sides:
            # At a kink f'' may be undefined: it is taken from the side on which f is finite.
            step = max(4 * abs(place) * float(info.eps), 4 * float(info.smallest_normal))
            beside = place - step if math.isinf(right) else place + step
            apart = xp.where(apart == place, xp.full_like(z, beside), apart)
        found = f.curvature(apart)
        return xp.where((z < first) | (z > last), xp.zeros_like(z), found) if walls else found

    return replace(f, value=value, slope=slope, curvature=curvature, kinks=())

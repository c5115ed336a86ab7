"""Targets with proof: Arb balls that contain the target, and float64 targets correctly rounded.

The minimiser of a convex per-sample loss is where the optimality conditions hold. Either a logit
sits on a kink of f and its subgradient is checked, or an interval Newton step maps a box into its
own interior, so that the conditions hold for exactly one point of it [1]_. Convexity makes that
point the minimiser; the entropy, which is not convex, has one stationary point all the same.

.. [1] Tucker, Validated Numerics, Princeton University Press 2011, chapter 5.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

from flint import arb, arb_mat

from ..errors import AlphaError, NotConvergedError
from .approximate_targets import approximate_logits
from .balls import precision
from .convexity import Side
from .kernels import Kernel, kernel

__all__ = ["rounded_target", "target_enclosure"]

System = Callable[[list[arb]], tuple[list[arb], list[list[arb]]]]
"""x -> F(x) and its Jacobian, on balls."""

_MOST_DIGITS = 5000


def target_enclosure(
    penalty: Any,
    alpha: float | arb,
    classes: int = 2,
    digits: int = 50,
    start: tuple[float, float] | None = None,
) -> arb:
    """A ball that contains the target, of radius at most 10^-digits of it (10^-400 at zero).

    Parameters
    ----------
    penalty : as for :func:`logitreg.numerics.kernels.kernel`.
    alpha : the strength in (0, 1), an exact float.
    classes : 2 for the signed logit, more for the gap z_high - z_low.
    digits : the accuracy wanted, in significant decimal digits.
    start : approximate (z_high, z_low), to spare the search for them.

    Raises
    ------
    AlphaError : alpha is not in (0, 1).
    NotConvexError, NoFiniteTargetError : as for :func:`logitreg.numerics.targets.target`.
    NotConvergedError : no certificate was found; f may not be strictly convex at its minimum.

    Examples
    --------
    >>> target_enclosure("quadratic", 0.5, digits=20)
    [0.222323471278329 +/- 1.41e-16]
    """
    if not 0 < alpha < 1:
        raise AlphaError(f"alpha is {alpha}; expected a strength in (0, 1)")
    f = kernel(penalty)
    if start is None:
        high, low = approximate_logits(f, [float(alpha)], classes)
        start = float(high[0]), float(low[0])
    bits = int(digits * 3.33) + 32
    while bits < 3.4 * _MOST_DIGITS:
        with precision(bits):
            found = _enclosed(f, arb(alpha), classes, start)
            if found is not None and _is_accurate(found, digits):
                return found
        bits *= 2
    raise NotConvergedError(
        f"no enclosure of the target of {f.name!r} at alpha = {alpha} with {digits} digits; "
        "expected f to be strictly convex, or kinked, at its target; check the penalty there"
    )


def rounded_target(f: Kernel, alpha: float, classes: int, start: tuple[float, float]) -> float:
    """The target rounded to the nearest float64: the precision rises until that is unambiguous."""
    for digits in (20, 60, 200, 800):
        ball = target_enclosure(f, alpha, classes, digits, start)
        with precision(int(digits * 3.33) + 64):
            low, high = float(ball.lower()), float(ball.upper())
        if low == high:
            break
    return low + 0.0


def _is_accurate(ball: arb, digits: int) -> bool:
    # A target that is exactly zero has no digits: 10^-400 of it is as good as zero in float64.
    bound = arb(10) ** -400 if ball.contains(0) else abs(ball) * arb(10) ** -digits
    return bool(ball.rad() <= bound)


def _enclosed(f: Kernel, alpha: arb, classes: int, start: tuple[float, float]) -> arb | None:
    odds, rest = (1 - alpha) / alpha, classes - 1
    if f.name == "label-smoothing":
        return (1 + classes * odds).log()
    if f.name == "box":
        return f.balls.sides[1][0]() * (1 if classes == 2 else 2)
    if f.name == "entropy":
        root = _newton(_entropy(odds, rest), [arb(start[0] - start[1])])
        return None if root is None else root[0]
    if classes == 2:
        return _two_classes(f, odds, start[0])
    return _many_classes(f, odds, rest, start)


def _entropy(odds: arb, rest: int) -> System:
    def system(x: list[arb]) -> tuple[list[arb], list[list[arb]]]:
        decay = rest * odds * (-x[0]).exp()
        return [x[0] - odds - decay], [[1 + decay]]

    return system


def _two_classes(f: Kernel, odds: arb, start: float) -> arb | None:
    """The z with f'(z) = c/(1 + exp(z)), or a kink whose subgradients contain that."""

    def pull(z: arb) -> arb:
        return odds / (1 + z.exp())

    for corner, left, right in f.balls.sides:
        at = corner()
        if left() <= pull(at) <= right():
            return at

    def system(x: list[arb]) -> tuple[list[arb], list[list[arb]]]:
        z = x[0]
        share = 1 / (1 + (-z).exp())
        return [f.balls.slope(z) - pull(z)], [[f.balls.curvature(z) + pull(z) * share]]

    root = _newton(system, [arb(start)])
    return None if root is None else root[0]


def _many_classes(f: Kernel, odds: arb, rest: int, start: tuple[float, float]) -> arb | None:
    """The gap of the (z_high, z_low) with f'(z_high) = e t, f'(z_low) = -t, t = c/(exp(gap) + e).

    Each logit is either free, and obeys its equation, or on a kink, and obeys an inclusion.
    """

    def pulls(high: arb, low: arb) -> tuple[arb, arb, arb]:
        growth = (high - low).exp()
        t = odds / (growth + rest)
        return rest * t, -t, t * growth / (growth + rest)

    options: list[Side | None] = [*f.balls.sides, None]
    for sides in product(options, repeat=2):
        free = [i for i in range(2) if sides[i] is None]

        def logits(x: list[arb], sides: Any = sides) -> list[arb]:
            rising = iter(x)
            return [next(rising) if side is None else side[0]() for side in sides]

        def system(
            x: list[arb], free: list[int] = free, logits: Any = logits
        ) -> tuple[list[arb], list[list[arb]]]:
            z = logits(x)
            high, low, change = pulls(*z)
            residual = [f.balls.slope(z[i]) - (high, low)[i] for i in free]
            coupling = [[rest * change, -rest * change], [-change, change]]
            jacobian = [
                [coupling[i][j] + (f.balls.curvature(z[i]) if i == j else 0) for j in free]
                for i in free
            ]
            return residual, jacobian

        root = _newton(system, [arb(start[i]) for i in free]) if free else []
        if root is None:
            continue
        z = logits(root)
        pulled = pulls(*z)
        if all(side is None or side[1]() <= pulled[i] <= side[2]() for i, side in enumerate(sides)):
            return z[0] - z[1]
    return None


def _newton(system: System, x: list[arb]) -> list[arb] | None:
    """The box around x that holds exactly one root of the system, or None if none was certified."""
    smallest, radii = None, [arb(0)]
    for _ in range(60):
        step = _step(system, x, x)
        if step is None:
            return None
        radii = [16 * arb(s.abs_upper()) for s in step]
        x = [arb((xi - s).mid()) for xi, s in zip(x, step, strict=True)]
        size = max(
            float(abs(s / xi).mid()) if xi != 0 else 0.0 for xi, s in zip(x, step, strict=True)
        )
        if smallest is not None and size >= smallest and size < 1e-10:
            break
        smallest = size
    for _ in range(4):
        box = [arb(xi, radius) for xi, radius in zip(x, radii, strict=True)]
        step = _step(system, x, box)
        if step is not None:
            image = [xi - s for xi, s in zip(x, step, strict=True)]
            if all(b.contains_interior(i) for b, i in zip(box, image, strict=True)):
                return image
        radii = [64 * radius for radius in radii]
    return None


def _step(system: System, point: list[arb], box: list[arb]) -> list[arb] | None:
    """J(box)^-1 F(point), enclosed; None where J(box) may be singular."""
    residual, _ = system(point)
    _, jacobian = system(box)
    try:
        solved = arb_mat(jacobian).solve(arb_mat([[r] for r in residual]))
    except ZeroDivisionError:
        return None
    step = [solved[i, 0] for i in range(len(point))]
    return step if all(s.is_finite() for s in step) else None

"""Proximal maps of penalties on the weights, Jensen's gap, and least norms on a line.

The proximal step of a cost J with g = dJ/dw, step size alpha and penalty lambda P is

    w <- argmin_u (u - v)^2/2 + t P(u),    v = w - alpha g,    t = alpha lambda.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from sympy import Abs, Eq, Expr, Max, Piecewise, S, Symbol, sign

from .derivations import Derivation, Step
from .weights import slope, step_size, strength, weight

__all__ = [
    "PROXIMAL_MAPS",
    "first",
    "hard_threshold",
    "jensen_gap",
    "least_square_norm",
    "line",
    "mixture",
    "offset",
    "point",
    "proximal_objective",
    "proximal_step",
    "second",
    "shrinkage",
    "soft_threshold",
    "soft_threshold_derivation",
    "solution",
    "threshold",
]

point = Symbol("v", real=True)
"""Where a proximal map is taken."""
threshold = Symbol("t", positive=True)
"""The factor of the penalty in a proximal map; alpha lambda in a step."""
first, second = Symbol("x", real=True), Symbol("y", real=True)
mixture = Symbol("theta", positive=True)
"""In (0, 1)."""
line = (Symbol("a_1", real=True), Symbol("a_2", real=True))
"""The normal of the line a_1 w_1 + a_2 w_2 = c."""
offset = Symbol("c", real=True)
solution = (Symbol("w_1", real=True), Symbol("w_2", real=True))


def soft_threshold() -> Expr:
    """argmin_w (w - v)^2/2 + t |w| = sign(v) max(|v| - t, 0).

    >>> [soft_threshold().subs({point: v, threshold: 1}) for v in (-3, 1, 2)]
    [-2, 0, 1]
    """
    return sign(point) * Max(Abs(point) - threshold, 0)


def shrinkage() -> Expr:
    """argmin_w (w - v)^2/2 + t w^2 = v/(1 + 2 t)."""
    return point / (1 + 2 * threshold)


def hard_threshold() -> Expr:
    """argmin_w (w - v)^2/2 + t [w != 0] = v where v^2 > 2 t, and 0 elsewhere.

    At v^2 = 2 t both v and 0 are minimisers.

    >>> [hard_threshold().subs({point: v, threshold: 2}) for v in (-3, 1, 2)]
    [-3, 0, 0]
    """
    return Piecewise((point, point**2 > 2 * threshold), (S.Zero, True))


PROXIMAL_MAPS: Mapping[str, Expr] = MappingProxyType(
    {"l0": hard_threshold(), "l1": soft_threshold(), "l2": shrinkage()}
)


def proximal_objective(penalty: Expr) -> Expr:
    """(w - v)^2/2 + t P(w).

    >>> proximal_objective(weight**2)
    t*w**2 + (-v + w)**2/2
    """
    return (weight - point) ** 2 / 2 + threshold * penalty


def proximal_step(proximal_map: Expr) -> Expr:
    """The proximal map after a gradient step of J alone.

    >>> proximal_step(shrinkage())
    (-alpha*g + w)/(2*alpha*lambda + 1)
    """
    return proximal_map.subs(
        {point: weight - step_size * slope, threshold: step_size * strength}, simultaneous=True
    )


def jensen_gap(penalty: Expr) -> Expr:
    """theta P(x) + (1 - theta) P(y) - P(theta x + (1 - theta) y).

    The gap of a sum is the sum of the gaps: what a penalty adds to the gap of a cost does not
    depend on the cost.

    >>> jensen_gap(weight**2).factor()
    -theta*(theta - 1)*(x - y)**2
    """
    middle = mixture * first + (1 - mixture) * second
    at_first, at_second, at_middle = (penalty.subs(weight, x) for x in (first, second, middle))
    return mixture * at_first + (1 - mixture) * at_second - at_middle


def least_square_norm() -> tuple[Expr, Expr]:
    """The point of the line a_1 w_1 + a_2 w_2 = c that is nearest to the origin.

    >>> least_square_norm()
    (a_1*c/(a_1**2 + a_2**2), a_2*c/(a_1**2 + a_2**2))
    """
    length = line[0] ** 2 + line[1] ** 2
    return line[0] * offset / length, line[1] * offset / length


def soft_threshold_derivation() -> Derivation:
    """The positive branch of the soft threshold; the negative one is its mirror image."""
    u = Symbol("w", positive=True)
    objective = (u - point) ** 2 / 2 + threshold * Abs(u)
    return Derivation(
        "soft threshold for w > 0",
        (
            Step("stationary for w > 0", Eq(objective.diff(u), 0, evaluate=False), "start"),
            Step("|w| = w", Eq(u - point + threshold, 0), "equivalent", S.One),
            Step("solved", Eq(u, point - threshold), "equivalent", S.One),
            Step("with w < 0 by symmetry and w = 0 between", soft_threshold(), "implied"),
        ),
    )

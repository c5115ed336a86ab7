"""How any smooth penalty's target answers to alpha, and which targets have a free level.

For an even convex f the target z* > 0 of two classes solves l'(z, alpha) = 0 with

    l'(z, alpha) = alpha f'(z) - (1 - alpha) sigmoid(-z),

hence alpha = 1/(1 + f'(z) (1 + exp(z))): the inverse function of the target, whatever f. Where f''
exists and f'' >= 0 its derivative is negative, so that z* is differentiable and
dz*/dalpha = 1/(dalpha/dz).
"""

from __future__ import annotations

from sympy import Expr, Symbol, exp, log, simplify

from .derivations import Derivation, Step
from .losses import high, low, multiclass_loss, sigmoid
from .penalties import Penalty
from .symbols import K, alpha, gap, z

__all__ = [
    "bend",
    "condition_number",
    "curvature",
    "derivation",
    "derivative",
    "inverse",
    "inverse_slope",
    "label_smoothing_target",
    "level_slope",
    "slope",
    "slope_at_the_target",
    "slope_in_strength",
    "zero_sum_levels",
]

slope = Symbol("f1", positive=True)
"""f'(z) at the target: positive, since it balances the pull of cross-entropy."""

bend = Symbol("f2", nonnegative=True)
"""f''(z) at the target."""


def curvature() -> Expr:
    """l''(z) = alpha f''(z) + (1 - alpha) sigmoid(z) sigmoid(-z)."""
    return alpha * bend + (1 - alpha) * sigmoid(z) * sigmoid(-z)


def slope_in_strength() -> Expr:
    """The derivative of l'(z, alpha) in alpha: f'(z) + sigmoid(-z)."""
    return slope + sigmoid(-z)


def slope_at_the_target() -> Expr:
    """f'(z*) = (1 - alpha) sigmoid(-z*)/alpha, which is l'(z*) = 0."""
    return (1 - alpha) * sigmoid(-z) / alpha


def derivative() -> Expr:
    """dz*/dalpha = -sigmoid(-z)/(alpha l''(z)) at z = z*."""
    return -sigmoid(-z) / (alpha * curvature())


def condition_number() -> Expr:
    """|alpha (dz*/dalpha)/z*| = sigmoid(-z)/(z l''(z)) at z = z* > 0."""
    return sigmoid(-z) / (z * curvature())


def inverse() -> Expr:
    """alpha as a function of the target: 1/(1 + f'(z) (1 + exp(z)))."""
    return 1 / (1 + slope * (1 + exp(z)))


def inverse_slope() -> Expr:
    """dalpha/dz, with f'' for the derivative of f'."""
    at = inverse()
    return at.diff(slope) * bend + at.diff(z)


def label_smoothing_target() -> Expr:
    """log((2 - alpha)/alpha), a target whose derivative needs no theorem.

    >>> simplify(label_smoothing_target().diff(alpha))
    2/(alpha*(alpha - 2))
    """
    return log((2 - alpha) / alpha)


def derivation() -> Derivation:
    """The implicit-function theorem, with l'(z*, alpha) = 0 put in."""
    return Derivation(
        "the derivative of the target",
        (
            Step(
                "l'(z*, alpha) = 0 differentiated in alpha, f'(z*) put in",
                -slope_in_strength().subs(slope, slope_at_the_target()) / curvature(),
                "start",
            ),
            Step("(1 - alpha)/alpha + 1 = 1/alpha", derivative()),
        ),
    )


def level_slope(penalty: Penalty, upper: Expr, lower: Expr) -> Expr:
    """The derivative of the loss of K classes when all logits of a sample grow together.

    >>> from logitreg.theory import penalty
    >>> level_slope(penalty("quadratic"), high, low)
    2*alpha*(z_high + z_low*(K - 1))
    """
    shift = Symbol("s", real=True)
    moved = multiclass_loss(penalty).subs({high: high + shift, low: low + shift}, simultaneous=True)
    rate = moved.diff(shift).subs({high: upper, low: lower}, simultaneous=True)
    return simplify(rate.subs(shift, 0))


def zero_sum_levels() -> tuple[Expr, Expr]:
    """((K - 1) g/K, -g/K): the two levels at the gap g that sum to zero over the classes.

    >>> upper, lower = zero_sum_levels()
    >>> simplify(upper - lower), simplify(upper + (K - 1) * lower)
    (g, 0)
    """
    return (K - 1) * gap / K, -gap / K

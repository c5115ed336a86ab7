"""Penalties on the weights, and what a step of gradient descent makes of them.

A penalty lambda P is added to a cost J. With g = dJ/dw and the step size alpha the step is

    w <- w - alpha g - alpha lambda P'(w).

The penalties are sums over the coordinates, so that one coordinate stands for all.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from sympy import Abs, Eq, Expr, IndexedBase, Piecewise, S, Sum, Symbol, sign

from .derivations import Derivation, Step

__all__ = [
    "PENALTIES",
    "gradient_step",
    "l1_step",
    "l2_step",
    "l2_update_derivation",
    "partial_derivative",
    "plateau",
    "slope",
    "slope_at_zero",
    "step_size",
    "strength",
    "weight",
]

weight = Symbol("w", real=True)
slope = Symbol("g", real=True)
"""dJ/dw at the weight."""
slope_at_zero = Symbol("g_0", real=True)
"""dJ/dw at w = 0."""
step_size = Symbol("alpha", positive=True)
strength = Symbol("lambda", positive=True)

_i = Symbol("i", integer=True, positive=True)
_j = Symbol("j", integer=True, positive=True)
_after_j = Symbol("r", integer=True, nonnegative=True)
_weights = IndexedBase("w", real=True)

PENALTIES: Mapping[str, Expr] = MappingProxyType(
    {
        "l0": Piecewise((S.Zero, Eq(weight, 0)), (S.One, True)),
        "l1": Abs(weight),
        "l2": weight**2,
    }
)
"""One coordinate of the number of non-zeros, of ||w||_1 and of ||w||_2^2."""


def partial_derivative(penalty: Expr) -> Expr:
    """d/dw_j of the sum of the penalty over the coordinates 1, ..., d, for any d = j + r >= j.

    >>> partial_derivative(PENALTIES["l2"])
    2*w[j]
    """
    total = Sum(penalty.subs(weight, _weights[_i]), (_i, 1, _j + _after_j))
    return total.diff(_weights[_j]).doit()


def gradient_step(penalty: Expr) -> Expr:
    """The gradient step of J + lambda times the sum of the penalty, at one coordinate.

    >>> gradient_step(PENALTIES["l2"])
    -alpha*(g + 2*lambda*w) + w
    """
    derivative = partial_derivative(penalty).subs(_weights[_j], weight)
    return weight - step_size * (slope + strength * derivative)


def l2_step() -> Expr:
    """w - 2 alpha lambda w - alpha g."""
    return weight - 2 * step_size * strength * weight - step_size * slope


def l1_step() -> Expr:
    """w - alpha lambda sign(w) - alpha g, with sign(0) = 0."""
    return weight - step_size * strength * sign(weight) - step_size * slope


def plateau() -> tuple[Expr, Expr]:
    """The ends of the smallest interval around zero that the L1 step maps into itself.

    It is [-alpha (lambda + g_0), alpha (lambda - g_0)], of width 2 alpha lambda.

    >>> low, high = plateau()
    >>> (high - low).expand()
    2*alpha*lambda
    """
    return -step_size * (strength + slope_at_zero), step_size * (strength - slope_at_zero)


def l2_update_derivation() -> Derivation:
    """The gradient step of J + lambda ||w||^2."""
    return Derivation(
        "gradient step with an L2 penalty",
        (
            Step("w_j - alpha d/dw_j (J + lambda sum w_i^2)", gradient_step(weight**2), "start"),
            Step("sorted", l2_step()),
        ),
    )

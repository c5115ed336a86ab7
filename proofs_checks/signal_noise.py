"""What claims on signal plus noise share: a member of the class, its weights, a change of units."""

from __future__ import annotations

from functools import cache

from sympy import Rational, exp, log

from ..theory import signal_noise as theory
from ..theory.identities import is_identically_zero
from ..theory.losses import is_even
from ..theory.symbols import alpha, z
from .convexity import prove_convex
from .evidence import Outcome

__all__ = ["least_squares_is_a_member", "logits_are_equivariant", "weights_follow_the_regression"]


@cache
def least_squares_is_a_member() -> bool:
    """Least squares with target 1 is logit regularisation with an even convex f (alpha = 2/5)."""
    f = theory.quadratic_member()
    loss = (1 - alpha) * log(1 + exp(-z)) + alpha * f
    same = is_identically_zero(loss - (1 - alpha) * ((z - 1) ** 2 - 1) / 4) is True
    at_strength = f.subs(alpha, Rational(2, 5))
    return same and is_even(at_strength) and prove_convex(at_strength).supported


def weights_follow_the_regression() -> Outcome:
    """To first order in sigma_f the weights move by minus S_1 times the regression of xi_f on X."""
    if any(theory.first_order_gradient_residuals()):
        return Outcome.undecided("symbolic derivative", "not l''(z*) x (S_1 xi_f + x^T dS)")
    if not theory.first_order_stationarity().doit().is_ZeroMatrix:
        return Outcome.undecided("matrix algebra", "the first-order weights are not stationary")
    return Outcome.proved(
        "implicit function, matrix algebra",
        "dS/dsigma_f = -S_1 (X^T X)^-1 X^T xi_f at sigma_f = 0, where S_perp = 0",
    )


def logits_are_equivariant() -> Outcome:
    """(X A)(A^-1 S) = X S for symbolic N and d."""
    moved, fixed = theory.equivariance()
    if moved.doit() != fixed:
        return Outcome.undecided("matrix algebra", f"{moved} not reduced to {fixed}")
    return Outcome.proved("matrix algebra", "(X A)(A^-1 S) = X S for invertible A")

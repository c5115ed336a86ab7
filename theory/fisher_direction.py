"""Where the optimal direction is Sigma^-1 mu: matrix algebra, two classes, the angle to it.

Matrices have symbolic dimensions; those that are symmetric by definition (covariances) are treated
as equal to their transposes. All data sets are exact: rationals or symbols.
"""

from __future__ import annotations

from sympy import (
    Eq,
    Expr,
    Identity,
    Inverse,
    Matrix,
    MatrixExpr,
    MatrixSymbol,
    Symbol,
    Transpose,
    diag,
    sqrt,
    zeros,
)

from .derivations import Derivation, Step
from .quadratic_loss import ratio

__all__ = [
    "angle_derivation",
    "class_mean_gap",
    "covariance",
    "data",
    "fisher",
    "fisher_cosine",
    "ratio_of_fisher",
    "rival",
    "simplified",
    "square",
    "transformation",
    "weights",
    "with_bias",
    "without_bias",
]

ratio_of_fisher = Symbol("r_F", nonnegative=True)
"""The coefficient of variation of Fisher's logits, the smallest one."""

# Algebra of matrices of symbolic dimension.

_d = Symbol("d", integer=True, positive=True)
_n = Symbol("N", integer=True, positive=True)

data = MatrixSymbol("X", _n, _d)
"""The samples as rows, labels absorbed."""

weights = MatrixSymbol("S", _d, 1)
"""Weights."""

covariance = MatrixSymbol("Sigma", _d, _d)
"""A symmetric positive definite covariance."""

class_mean_gap = MatrixSymbol("delta", _d, 1)
"""A mean of the samples, or the difference of the means of two classes."""

rival = MatrixSymbol("D", _d, 1)
"""A direction with delta^T D = 0."""

transformation = MatrixSymbol("A", _d, _d)
"""An invertible change of features."""

square = Symbol("kappa", positive=True)
"""delta^T Sigma^-1 delta."""


def fisher() -> MatrixExpr:
    """Sigma^-1 delta."""
    return Inverse(covariance) * class_mean_gap


def simplified(expression: MatrixExpr) -> MatrixExpr:
    """Expanded, with Sigma^T = Sigma, delta^T D = 0 and delta^T Sigma^-1 delta = kappa.

    >>> simplified((fisher() + rival).T * covariance * (fisher() + rival))
    kappa*I + D.T*Sigma*D
    """
    one = Identity(1)
    gap = class_mean_gap
    rules = {
        Transpose(covariance): covariance,
        Transpose(Inverse(covariance)): Inverse(covariance),
    }
    current = expression.expand().doit()
    for _ in range(2):
        current = current.subs(rules).doit().expand().doit()
    orthogonal = {rival.T * gap: 0 * one, gap.T * rival: 0 * one}
    current = current.subs(orthogonal).doit()
    return current.subs(gap.T * Inverse(covariance) * gap, square * one).doit()


# Exact data sets.


def without_bias(
    share: Expr, means: tuple[Matrix, Matrix], covariances: tuple[Matrix, Matrix]
) -> Matrix:
    """Weights that minimise E (y S^T x - 1)^2 over two classes, the first of weight ``share``."""
    weights_of = (share, 1 - share)
    cross = weights_of[0] * means[0] - weights_of[1] * means[1]
    gram = zeros(*covariances[0].shape)
    for p, mu, sigma in zip(weights_of, means, covariances, strict=True):
        gram += p * (sigma + mu * mu.T)
    return gram.LUsolve(cross)


def with_bias(
    share: Expr, means: tuple[Matrix, Matrix], covariances: tuple[Matrix, Matrix], aim: Expr
) -> Matrix:
    """Weights (without the bias) that minimise E (y (S^T x + b) - aim)^2.

    >>> from sympy import Rational
    >>> identity = diag(1, 1)
    >>> with_bias(Rational(1, 3), (Matrix([1, 2]), Matrix([0, 0])), (identity, identity), 1).T
    Matrix([[4/19, 8/19]])
    """
    extended = tuple(mu.col_join(Matrix([1])) for mu in means)
    flat = tuple(diag(sigma, Matrix([[0]])) for sigma in covariances)
    return Matrix((aim * without_bias(share, extended, flat))[:-1, :])


# The angle to Fisher's direction.


def fisher_cosine() -> Expr:
    """cos angle(S, S_F) in the metric of the data, for any weights with positive mean."""
    return sqrt((1 + ratio_of_fisher**2) / (1 + ratio**2))


def angle_derivation() -> Derivation:
    """<X S, X S_F> = z* 1^T X S: the angle to Fisher's direction from the moments alone."""
    mu, best = Symbol("mu", positive=True), Symbol("mu_F", positive=True)
    aim, count = Symbol("z_star", positive=True), Symbol("N", positive=True)
    product_of_norms = sqrt(count * mu**2 * (1 + ratio**2)) * sqrt(count * aim * best)
    return Derivation(
        "the angle to Fisher's direction in the metric of the data",
        (
            Step(
                "X^T X S_F = z* X^T 1 gives <X S, X S_F> = z* N mu(S), ||X S_F||^2 = z* N mu_F",
                aim * count * mu / product_of_norms,
                "start",
            ),
            Step("reduced", sqrt(aim / (best * (1 + ratio**2)))),
            Step(
                "||X S_F||^2 = N mu_F^2 (1 + r_F^2), so mu_F = z*/(1 + r_F^2)",
                Eq(best, aim / (1 + ratio_of_fisher**2)),
                "implied",
            ),
            Step("cosine", fisher_cosine(), "implied"),
        ),
    )

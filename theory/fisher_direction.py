"""Where the optimal direction is Sigma^-1 mu: quadratic losses, shared covariances, equivariance.

Matrices have symbolic dimensions; those that are symmetric by definition (covariances) are treated
as equal to their transposes. All data sets are exact: rationals or symbols.
"""

from __future__ import annotations

from itertools import combinations, product

from sympy import (
    Eq,
    Expr,
    Identity,
    Inverse,
    Matrix,
    MatrixExpr,
    MatrixSymbol,
    Rational,
    Symbol,
    Transpose,
    diag,
    expand,
    sqrt,
    zeros,
)

from ..errors import ExpressionError, ShapeError
from .derivations import Derivation, Step
from .symbols import z

__all__ = [
    "a",
    "angle_derivation",
    "class_mean_gap",
    "covariance",
    "data",
    "deviation",
    "fisher",
    "fisher_cosine",
    "hinge_minimiser",
    "in_moments",
    "largest_multiple",
    "least_squares",
    "mean",
    "moments",
    "quadratic_derivation",
    "ratio",
    "ratio_of_fisher",
    "rival",
    "second_moment",
    "simplified",
    "square",
    "squared_ratio",
    "target",
    "transformation",
    "weights",
    "with_bias",
    "without_bias",
]

a = Symbol("a", positive=True)
"""The factor of the quadratic loss a (z - z*)^2."""

target = Symbol("z_star", real=True)
"""z*, the minimiser of the loss."""

mean = Symbol("mu", real=True)
"""The mean of the logits."""

deviation = Symbol("sigma", nonnegative=True)
"""Their standard deviation (divided by N, not N - 1)."""

second_moment = Symbol("M_2", nonnegative=True)
"""Their mean square."""

ratio = Symbol("r", nonnegative=True)
"""The coefficient of variation of the logits."""

ratio_of_fisher = Symbol("r_F", nonnegative=True)
"""The same for Fisher's direction: the smallest one."""

largest_multiple = Symbol("g", nonnegative=True)
"""The norm g of weights along a given unit direction."""


def in_moments(loss: Expr) -> Expr:
    """E l(z) for a loss of degree two at most, by the mean and the deviation of the logits.

    >>> in_moments((z - 1) ** 2)
    mu**2 - 2*mu + sigma**2 + 1
    """
    terms = loss.as_poly(z)
    if terms is None or terms.degree() > 2:
        raise ExpressionError(
            f"expected a polynomial in z of degree at most two, got {loss}; only such a loss is a "
            "function of the mean and the variance of the logits"
        )
    moments_of_z = (1, mean, deviation**2 + mean**2)
    return expand(sum(terms.nth(n) * m for n, m in enumerate(moments_of_z)))


def quadratic_derivation() -> Derivation:
    """E (z - z*)^2 along a ray of weights, its best scale and its least value."""
    rho = Symbol("rho", positive=True)
    complete = (1 + rho) * (mean - target / (1 + rho)) ** 2
    return Derivation(
        "the quadratic loss along a ray with sigma^2 = rho mu^2",
        (
            Step(
                "E (z - z*)^2",
                in_moments((z - target) ** 2).subs(deviation, sqrt(rho) * mean),
                "start",
            ),
            Step("completed square", complete + target**2 * rho / (1 + rho)),
        ),
    )


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


def moments(samples: Matrix) -> tuple[Matrix, Matrix]:
    """The mean and the centred covariance (divided by N) of the rows."""
    count = samples.rows
    center = samples.T * Matrix([1] * count) / count
    return center, samples.T * samples / count - center * center.T


def squared_ratio(direction: Matrix, mu: Matrix, sigma: Matrix) -> Expr:
    """r^2 = S^T Sigma S/(S^T mu)^2.

    >>> squared_ratio(Matrix([1, 1]), Matrix([1, 2]), diag(1, 2))
    1/3
    """
    return (direction.T * sigma * direction)[0] / (direction.T * mu)[0] ** 2


def least_squares(samples: Matrix, targets: Matrix) -> Matrix:
    """The minimiser of sum (z_i - t_i)^2 for samples of full column rank, without simplification."""
    return (samples.T * samples).LUsolve(samples.T * targets)


def hinge_minimiser(samples: Matrix, aim: Rational, slope: Rational) -> Matrix:
    """The exact minimiser of sum (z_i - aim)^2 + slope max(0, -z_i).

    The samples are in general position: at least d of them, any d linearly independent.

    On each pattern of signs the loss is quadratic, with z_i = 0 for the samples at the kink and a
    multiplier there between 0 and slope. The loss is strictly convex in the weights: the one point
    that meets the conditions of its own pattern is the minimiser. Other weights than 0 have fewer
    than d logits at the kink, so that 0 is the minimiser where no such pattern fits.

    Raises
    ------
    ShapeError : the samples are fewer than d or not in general position, or the slope is negative.

    Examples
    --------
    >>> hinge_minimiser(Matrix([[1, 0], [0, 1]]), Rational(2), Rational(6)).T
    Matrix([[2, 2]])
    """
    width = samples.cols
    picks = combinations(range(samples.rows), width)
    if (
        slope < 0
        or samples.rows < width
        or any(samples.extract(list(pick), list(range(width))).det() == 0 for pick in picks)
    ):
        raise ShapeError(
            f"expected slope >= 0 and samples any {width} of which are linearly independent, got "
            f"slope {slope} and {samples.tolist()}; remove dependent samples"
        )
    for pattern in product((1, -1, 0), repeat=samples.rows):
        kinked = [i for i, sign in enumerate(pattern) if sign == 0]
        pull = Matrix([2 * aim + (slope if sign < 0 else 0) for sign in pattern])
        at_kink = samples.extract(kinked, list(range(width)))
        size = len(kinked)
        if size >= width:
            continue
        system = (2 * samples.T * samples).row_join(-at_kink.T)
        system = system.col_join(at_kink.row_join(zeros(size, size)))
        solution = system.LUsolve((samples.T * pull).col_join(zeros(size, 1)))
        found, multipliers = solution[:width, :], solution[width:, :]
        logits = samples * Matrix(found)
        signs_agree = all(sign * logits[i] > 0 for i, sign in enumerate(pattern) if sign)
        if signs_agree and all(0 <= value <= slope for value in multipliers):
            return Matrix(found)
    return zeros(width, 1)


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

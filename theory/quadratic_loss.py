"""The quadratic loss: a function of the logits' mean and variance. Exact minimisers of samples.

Where a hinge is added the loss is piecewise quadratic, and the minimiser is found by cases.
"""

from __future__ import annotations

from itertools import combinations, product

from sympy import Expr, Matrix, Rational, Symbol, expand, sqrt, zeros

from ..errors import ExpressionError, ShapeError
from .derivations import Derivation, Step
from .symbols import z

__all__ = [
    "a",
    "deviation",
    "hinge_minimiser",
    "in_moments",
    "least_squares",
    "mean",
    "moments",
    "norm",
    "quadratic_derivation",
    "ratio",
    "squared_ratio",
    "target",
]

a = Symbol("a", positive=True)
"""The factor of the quadratic loss a (z - z*)^2."""

target = Symbol("z_star", real=True)
"""z*, the minimiser of the loss."""

mean = Symbol("mu", real=True)
"""The mean of the logits."""

deviation = Symbol("sigma", nonnegative=True)
"""Their standard deviation (divided by N, not N - 1)."""

ratio = Symbol("r", nonnegative=True)
"""The coefficient of variation of the logits."""

norm = Symbol("g", nonnegative=True)
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


def moments(samples: Matrix) -> tuple[Matrix, Matrix]:
    """The mean and the centred covariance (divided by N) of the rows."""
    count = samples.rows
    center = samples.T * Matrix([1] * count) / count
    return center, samples.T * samples / count - center * center.T


def squared_ratio(direction: Matrix, mu: Matrix, sigma: Matrix) -> Expr:
    """r^2 = S^T Sigma S/(S^T mu)^2.

    >>> from sympy import diag
    >>> squared_ratio(Matrix([1, 1]), Matrix([1, 2]), diag(1, 2))
    1/3
    """
    return (direction.T * sigma * direction)[0] / (direction.T * mu)[0] ** 2


def least_squares(samples: Matrix, targets: Matrix) -> Matrix:
    """The minimiser of sum (z_i - t_i)^2 for samples of full column rank."""
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

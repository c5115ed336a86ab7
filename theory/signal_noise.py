"""Signal plus noise: accuracy, cosine, variances, and how the minimiser moves with the noise.

A test sample with absorbed label is x = (mu_f + sigma_f xi_f) e_1 + sigma_n xi_perp with
independent xi of unit variance. Weights S = S_1 e_1 + S_perp have norm n and cosine rho = S_1/n.
The training data are X = [x_1 | sigma_n Xi], N samples in d dimensions.

Whatever the loss, it sees S through X S. So S(X A) = A^-1 S(X) for invertible A; with
A = diag(1, sigma_n, ..., sigma_n) the weights are (S_1, w/sigma_n), where S_1 and w are those of
sigma_n = 1, and every test logit is what it was.
"""

from __future__ import annotations

from functools import cache

from sympy import (
    Expr,
    Identity,
    Matrix,
    MatrixExpr,
    MatrixSymbol,
    OneMatrix,
    S,
    Symbol,
    cosh,
    erf,
    exp,
    expand,
    integrate,
    log,
    ones,
    oo,
    pi,
    sqrt,
)

from .derivations import Derivation, Step
from .symbols import alpha, z
from .words import letters, normal_form

__all__ = [
    "accuracy",
    "accuracy_derivation",
    "accuracy_of_moments",
    "cosine",
    "cosine_at_the_minimum",
    "cosine_derivation",
    "equivariance",
    "first_order_gradient_residuals",
    "first_order_stationarity",
    "least_norm_identity",
    "least_norm_weights",
    "logit_moments",
    "mean_square_logit",
    "quadratic_member",
    "reaches_equal_logits_by_signal",
    "second_moment",
    "signal_in_the_row_space",
    "vandermonde",
]

rho = Symbol("rho", real=True)
norm = Symbol("n", positive=True)
mu_f = Symbol("mu_f", positive=True)
sigma_f = Symbol("sigma_f", positive=True)
sigma_n = Symbol("sigma_n", positive=True)
signal_weight = Symbol("S_1", real=True)
noise_weight = Symbol("w", nonnegative=True)
"""||w||, the norm of S_perp at sigma_n = 1."""
ratio = Symbol("C", nonnegative=True)

_N = Symbol("N", integer=True, positive=True)
_d = Symbol("d", integer=True, positive=True)


def quadratic_member() -> Expr:
    """An even convex f for which (1 - alpha) log(1 + exp(-z)) + alpha f(z) is quadratic.

    It is (1 - alpha) ((z - 1)^2 - 1)/4, since log(1 + exp(-z)) = log(2 cosh(z/2)) - z/2. So least
    squares with target 1 is logit regularisation, and rational data have rational minimisers.

    >>> from sympy import Integer
    >>> quadratic_member().subs(alpha, Integer(1) / 2)
    z**2/4 - log(2*cosh(z/2))
    """
    return (1 - alpha) / alpha * (z**2 / 4 - log(2 * cosh(z / 2)))


def least_norm_weights(X: Matrix) -> Matrix:
    """The least-norm minimiser of sum (z_i - 1)^2: gradient descent from zero ends there.

    Parameters
    ----------
    X : (N, d) exact matrix, labels absorbed.

    Returns
    -------
    (d, 1) exact matrix. Where X has rank d it is the only minimiser.

    Examples
    --------
    >>> least_norm_weights(Matrix([[1, 1], [1, -1], [1, 3]])).T
    Matrix([[1, 0]])
    """
    return X.pinv() * ones(X.rows, 1)


def least_norm_identity() -> Expr:
    """||S + D||^2 - ||S||^2 - ||D||^2 for S = X^T a in the row space and X D = 0: it vanishes.

    So of all solutions S + D of the same equations that in the row space is the shortest.

    >>> least_norm_identity()
    0
    """
    at, x, xt, a, d, dt = letters("at X Xt a D Dt")
    total = (at * x + dt) * (xt * a + d) - at * x * xt * a - dt * d
    return normal_form(total, {(x, d): S.Zero, (dt, xt): S.Zero})


def signal_in_the_row_space() -> Expr:
    """X (s X^T a) - s 1 where e_1 = X^T a and X e_1 = 1: it vanishes.

    >>> signal_in_the_row_space()
    0
    """
    x, xt, a, one = letters("X Xt a 1_N")
    level = Symbol("s", real=True)
    return normal_form(x * (level * xt * a) - level * one, {(x, xt, a): one})


def vandermonde(samples: int, features: int) -> Matrix:
    """Rows (1, t, t^2, ...) at t = 1, ..., N: a unit signal without noise, noise t^k.

    Any d of these rows are independent, and so are any d - 1 rows of the noise.

    >>> vandermonde(2, 3)
    Matrix([
    [1, 1, 1],
    [1, 2, 4]])
    """
    return Matrix(samples, features, lambda i, j: (i + 1) ** j)


def reaches_equal_logits_by_signal(X: Matrix) -> bool:
    """Whether the least-norm S with all logits equal has no component off the signal.

    It is e_1 (times a number) iff e_1 is in the row space of X = [1 | Xi].

    >>> reaches_equal_logits_by_signal(vandermonde(2, 2))
    True
    >>> reaches_equal_logits_by_signal(vandermonde(2, 3))
    False
    """
    signal = Matrix(1, X.cols, lambda _, j: int(j == 0))
    return bool(X.col_join(signal).rank() == X.rank())


@cache
def accuracy_of_moments() -> Expr:
    """P(z > 0) for Gaussian z, by integration of the density.

    >>> accuracy_of_moments()
    erf(sqrt(2)*m/(2*s))/2 + 1/2
    """
    t, m, s = Symbol("t", real=True), Symbol("m", real=True), Symbol("s", positive=True)
    density = exp(-((t - m) ** 2) / (2 * s**2)) / (s * sqrt(2 * pi))
    return expand(integrate(density, (t, 0, oo)).rewrite(erf))


def logit_moments() -> tuple[Expr, Expr]:
    """Mean and variance of the test logits of weights with norm n and cosine rho.

    z - S_1 mu_f = S_1 sigma_f xi_f + sigma_n ||S_perp|| eta with eta = S_perp^T xi_perp/||S_perp||.
    Of the terms of its square, xi_f^2 and eta^2 have mean one, xi_f eta has mean zero.

    >>> logit_moments()[1].expand()
    n**2*rho**2*sigma_f**2 - n**2*rho**2*sigma_n**2 + n**2*sigma_n**2
    """
    xi, eta = Symbol("xi_f", real=True), Symbol("eta", real=True)
    first, rest = rho * norm, sqrt(1 - rho**2) * norm
    square = expand((first * sigma_f * xi + sigma_n * rest * eta) ** 2)
    variance = square.coeff(xi, 2).coeff(eta, 0) + square.coeff(eta, 2).coeff(xi, 0)
    return first * mu_f, variance


def accuracy() -> Expr:
    """The accuracy of weights with cosine rho: (1 + erf(rho mu_f/sqrt(2 (...))))/2."""
    spread = rho**2 * sigma_f**2 + (1 - rho**2) * sigma_n**2
    return (1 + erf(rho * mu_f / sqrt(2 * spread))) / 2


def accuracy_derivation() -> Derivation:
    """From the probability of a positive Gaussian logit to the accuracy of a cosine."""
    gaussian = accuracy_of_moments()
    m, s = Symbol("m", real=True), Symbol("s", positive=True)
    mean, variance = logit_moments()
    return Derivation(
        "accuracy of weights with cosine rho",
        (
            Step("P(z > 0) for z ~ N(m, s^2)", gaussian, "start"),
            Step(
                "m = S_1 mu_f, s^2 = sigma_f^2 S_1^2 + sigma_n^2 ||S_perp||^2",
                gaussian.subs({m: mean, s: sqrt(variance)}),
                "implied",
            ),
            Step("the norm n cancels", accuracy()),
        ),
    )


def cosine(first: Expr = signal_weight, noise: Expr = noise_weight) -> Expr:
    """rho of the weights (S_1, w/sigma_n), with its sign.

    >>> from sympy import Integer
    >>> cosine(Integer(3), Integer(4)).subs(sigma_n, 1)
    3/5
    """
    return first / sqrt(first**2 + noise**2 / sigma_n**2)


def cosine_at_the_minimum() -> Expr:
    """1/sqrt(1 + (C/sigma_n)^2)."""
    return 1 / sqrt(1 + (ratio / sigma_n) ** 2)


def cosine_derivation() -> Derivation:
    """From the weights (S_1, w/sigma_n), S_1 > 0, to the cosine as a function of C = ||w||/S_1."""
    first = Symbol("S_1", positive=True)
    return Derivation(
        "cosine at the minimum",
        (
            Step("S = (S_1, w/sigma_n) by equivariance", cosine(first), "start"),
            Step(
                "C = ||w||/S_1 with S_1 > 0",
                cosine_at_the_minimum().subs(ratio, noise_weight / first),
            ),
        ),
    )


def equivariance() -> tuple[MatrixExpr, MatrixExpr]:
    """Logits of X A under A^-1 S, and logits of X under S: the same, for any invertible A.

    >>> moved, fixed = equivariance()
    >>> moved.doit() == fixed
    True
    """
    X, A, S = MatrixSymbol("X", _N, _d), MatrixSymbol("A", _d, _d), MatrixSymbol("S", _d, 1)
    return (X * A) * (A.I * S), X * S


def first_order_gradient_residuals() -> tuple[Expr, Expr]:
    """d/dsigma_f of one sample's gradient x l'(x^T S) at 0, less l''(z*) x (S_1 xi + x^T dS).

    Both are zero: along the signal, and along any coordinate eta of the noise. To first order S is
    (z*/mu_f + sigma_f a, sigma_f w) and l' is l''(z*) (z - z*); m = w^T xi_perp.

    >>> first_order_gradient_residuals()
    (0, 0)
    """
    t, xi, a, m, eta, target = (
        Symbol(name, real=True) for name in ("t", "xi_f", "a", "m", "eta", "z_star")
    )
    bend = Symbol("l_bend", positive=True)
    first = target / mu_f
    logit = (mu_f + t * xi) * (first + t * a) + t * m
    along, off = (
        expand((x * bend * (logit - target)).diff(t).subs(t, 0) - claimed)
        for x, claimed in (
            (mu_f + t * xi, mu_f * bend * (first * xi + mu_f * a + m)),
            (eta, eta * bend * (first * xi + mu_f * a + m)),
        )
    )
    return along, off


def first_order_stationarity() -> MatrixExpr:
    """The derivative of X^T l'(X S) at sigma_f = 0, over l''(z*) S_1, at the derivative of S.

    At sigma_f = 0 all logits are z* and l'(z*) = 0, so that only l''(z*) X^T dz is left, with
    dz = S_1 xi + X dS for signal noise xi. With the Gram matrix G = X^T X and g = X^T xi, the value
    dS = -S_1 G^-1 g makes it zero: dS is minus S_1 times the regression of xi on X, whatever the
    loss, and dz = S_1 (I - P) xi with P the projector on the range of X.

    >>> first_order_stationarity().doit()
    0
    """
    G, g = MatrixSymbol("G", _d, _d), MatrixSymbol("g", _d, 1)
    return g + G * (-(G.I * g))


def mean_square_logit(X: MatrixExpr | Matrix, S: MatrixExpr | Matrix, count: Expr) -> MatrixExpr:
    """N^-1 sum z_i^2 = N^-1 (X S)^T (X S)."""
    return (X * S).T * (X * S) / count


def second_moment(
    X: MatrixExpr | Matrix, count: Expr, *, centred: bool = False
) -> MatrixExpr | Matrix:
    """N^-1 sum x_i x_i^T, or the covariance N^-1 sum (x_i - mean)(x_i - mean)^T.

    >>> second_moment(Matrix([1, 2]), 2), second_moment(Matrix([1, 2]), 2, centred=True)
    (Matrix([[5/2]]), Matrix([[1/4]]))
    """
    if not centred:
        return X.T * X / count
    keep = Identity(count) - OneMatrix(count, count) / count
    if isinstance(X, Matrix):
        return X.T * keep.as_explicit() * X / count
    return X.T * keep * X / count

"""The final approach of gradient descent to the target, and its slowest mode.

At sigma_f = 0 the data are X = [mu_f 1 | sigma_n Xi] and the minimiser has all logits z*. Close to
it gradient descent on the mean loss maps S - S* to (1 - eta l''(z*) X^T X/N)(S - S*). For small
steps the slowest mode is that of the smallest eigenvalue of X^T X/N.

The bulk of the eigenvalues is that of sigma_n^2 Xi^T Xi/N, whose lower edge tends to
sigma_n^2 (1 - sqrt(lambda))^2 (Marchenko, Pastur; Bai, Yin). By the secular equation x is an
eigenvalue outside the bulk where the companion Stieltjes transform m(x) is -1/mu_f^2.

How fast the signal is learnt is told by e_1^T exp(-t X^T X/N) e_1, the transform of a measure: with
u = -x m(x), which solves x = sigma_n^2 u (1 + lambda/(u - 1)), Schur's complement of the noise
gives its resolvent 1/(x - mu_f^2 u).
"""

from __future__ import annotations

from sympy import Expr, IndexedBase, Sum, Symbol, limit, oo, sqrt

from .high_dimension import aspect_ratio
from .losses import sigmoid
from .signal_noise import mu_f, sigma_n
from .symbols import alpha, z

__all__ = [
    "bulk_edge",
    "companion_inverse",
    "companion_slope",
    "curvature_excess",
    "eigenvalue",
    "outlier",
    "outlier_weight",
    "quadratic_form_at_the_target",
    "signal_resolvent",
    "spectral_point",
    "spectral_variable",
    "step_size",
    "strong_signal",
    "target_curvature",
]

step_size = Symbol("eta", positive=True)
target_curvature = Symbol("l_2", positive=True)
"""l''(z*)."""
spectral_variable = Symbol("u")
eigenvalue = Symbol("x", positive=True)


def quadratic_form_at_the_target() -> Expr:
    """The second derivative of N^-1 sum l(z* + t v_i) at t = 0, v = X u, for any N and any l.

    It is l''(z*) u^T (X^T X/N) u. Taylor's polynomial of l at z* stands for l, since the rest is
    of higher order than t^2; its linear term vanishes, l'(z*) = 0.

    >>> quadratic_form_at_the_target()
    l_2*Sum(v[i]**2, (i, 1, N))/N
    """
    count, i = (Symbol(name, integer=True, positive=True) for name in ("N", "i"))
    t, least, v = Symbol("t", real=True), Symbol("l_0", real=True), IndexedBase("v", real=True)
    total = Sum(least + target_curvature * (t * v[i]) ** 2 / 2, (i, 1, count)) / count
    return total.diff(t, 2).factor()


def bulk_edge() -> Expr:
    """sigma_n^2 (1 - sqrt(lambda))^2."""
    return sigma_n**2 * (1 - sqrt(aspect_ratio)) ** 2


def strong_signal() -> Expr:
    """sigma_n^2 (1 - sqrt(lambda)): at or above it mu_f^2 leaves no eigenvalue below the bulk."""
    return sigma_n**2 * (1 - sqrt(aspect_ratio))


def companion_inverse(m: Expr) -> Expr:
    """The point x where the companion Stieltjes transform of the bulk is m (Silverstein).

    It is one where x'(m) > 0, and only there.
    """
    return -1 / m + aspect_ratio * sigma_n**2 / (1 + sigma_n**2 * m)


def outlier() -> Expr:
    """The eigenvalue below the bulk, for mu_f^2 < sigma_n^2 (1 - sqrt(lambda)).

    >>> outlier().subs({mu_f: 1, sigma_n: 2}).expand()
    1 - 4*lambda/3
    """
    return companion_inverse(-1 / mu_f**2)


def companion_slope() -> Expr:
    """x'(m) at m = -1/mu_f^2, times (mu_f^2 - sigma_n^2)^2/mu_f^4.

    >>> companion_slope()
    -lambda*sigma_n**4 + (mu_f**2 - sigma_n**2)**2
    """
    m = Symbol("m", negative=True)
    slope = companion_inverse(m).diff(m).subs(m, -1 / mu_f**2)
    square = (mu_f**2 - sigma_n**2) ** 2
    rest = (slope * square / mu_f**4).simplify()
    return square + (rest - square).expand()


def curvature_excess(asymptote: Expr) -> Expr:
    """The limit of (2 alpha (1 + z sigmoid(z)) - asymptote)/alpha as z -> infinity.

    As alpha -> 0 the target of f = z^2 grows without bound, since 2 z (1 + exp(z)) = (1 - alpha)/
    alpha there.

    >>> curvature_excess(2 * alpha * z)
    2
    """
    return limit(((2 * alpha * (1 + z * sigmoid(z)) - asymptote) / alpha).simplify(), z, oo)


def spectral_point() -> Expr:
    """x as a function of u; its branch in the upper half plane has the density of the bulk.

    >>> spectral_point()
    sigma_n**2*u*(lambda/(u - 1) + 1)
    """
    u = spectral_variable
    return sigma_n**2 * u * (1 + aspect_ratio / (u - 1))


def signal_resolvent() -> Expr:
    """e_1^T (x - X^T X/N)^-1 e_1."""
    return 1 / (eigenvalue - mu_f**2 * spectral_variable)


def outlier_weight() -> Expr:
    """The square of the first entry of the outlier's eigenvector.

    >>> from sympy import Rational
    >>> outlier_weight().subs({mu_f: 1, sigma_n: 2, aspect_ratio: Rational(1, 4)})
    5/6
    """
    share = mu_f**2 / sigma_n**2
    apart = (1 - share) ** 2 / aspect_ratio - 1
    return apart / (apart + share)

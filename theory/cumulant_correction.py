"""Off Fisher's direction: what the third and fourth cumulants of the data do to the minimiser.

The population minimiser S of E l(x^T S) solves E x l'(z) = 0, z = x^T S. With mean mu, covariance
Sigma and higher cumulants kappa_n of x, for functions g that grow no faster than the law allows,

    E (x - mu) g(z) = sum_(n >= 1) kappa_(n+1)(S, ..., S, .) E g^(n)(z)/n!,

which is Stein's lemma where the law is Gaussian: only Sigma S E g' is left. And E g(z) is the
Gaussian mean of exp(kappa_3(S, S, S) D^3/6 + kappa_4(S, S, S, S) D^4/24 + ...) g (Gram, Charlier).

In whitened coordinates mu = Delta u, |u| = 1, and the Gaussian minimiser is a u (Fisher). Let
kappa_n be of order e^(n - 2), as for a standardised sum of 1/e^2 independent vectors. Then S = (a +
e a_1) u + e w_1 + e^2 (w_2 + a_2 u) + ... with w_1, w_2 orthogonal to u. The coefficients are
Gaussian means L_n of l^(n) at a Delta + a G, not derivatives at the target. They are scalars, so
that the plane of u and one more direction is all that is needed to find them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from math import factorial

from sympy import Expr, Function, Symbol, exp, symbols

from .derivations import Derivation, Step
from .linear_equations import linear_root

__all__ = [
    "across",
    "across_twice",
    "along",
    "bending",
    "correction_derivation",
    "cumulant_stein",
    "effect",
    "fourth_across",
    "gaussian_means",
    "gram_charlier",
    "hermite_by_parts",
    "scale",
    "scale_change",
    "solved_orders",
    "stationary_order",
    "tangents",
    "third_form",
]

effect = Symbol("Delta", positive=True)
"""sqrt(mu^T Sigma^-1 mu)."""
scale = Symbol("a", positive=True)
"""The length of the whitened minimiser for Gaussian data, Delta L_1 + a L_2 = 0."""
size = Symbol("e", positive=True)
"""The order of the third cumulant."""

along = Symbol("T", real=True)
"""kappa_3(u, u, u)."""
across = Symbol("A", real=True)
"""kappa_3(u, u, v) for a unit vector v orthogonal to u."""
across_twice = Symbol("B", real=True)
"""kappa_3(u, v, v)."""
fourth_across = Symbol("Q", real=True)
"""kappa_4(u, u, u, v)."""

_third_rest = Symbol("C", real=True)
_fourth = symbols("Q_0 Q_2 Q_3 Q_4", real=True)

scale_change = Symbol("a_1", real=True)
bending = symbols("w_1 w_2", real=True)
"""The components of w_1 and w_2 along v."""


def gaussian_means() -> tuple[Symbol, ...]:
    """L_1, ..., L_6, the means of l', ..., l^(6) for Gaussian data at its minimiser; L_2 > 0."""
    return tuple(
        Symbol(f"L_{n}", positive=True if n == 2 else None, real=True) for n in range(1, 7)
    )


def third_form(x: Expr, y: Expr) -> Expr:
    """kappa_3(S, S, S) for S = x u + y v; a third of its gradient is kappa_3(S, S, .)."""
    return along * x**3 + 3 * across * x**2 * y + 3 * across_twice * x * y**2 + _third_rest * y**3


def _fourth_form(x: Expr, y: Expr) -> Expr:
    pure, mixed, skew, last = _fourth
    return (
        pure * x**4
        + 4 * fourth_across * x**3 * y
        + 6 * mixed * x**2 * y**2
        + 4 * skew * x * y**3
        + last * y**4
    )


# The two expansions, on exponentials, whose span holds the polynomials.


def cumulant_stein() -> Expr:
    """(E (x - mu)_v g(z) - sum kappa_(n+1)(S, ..., S, v) E g^(n)(z)/n!)/E g(z) for g = exp(t z).

    The first term is the derivative along v of the logarithm of E exp((x - mu)^T r) at r = t S,
    here with cumulants up to the fourth. Zero:

    >>> cumulant_stein()
    0
    """
    t, x, y, first, second = symbols("t S_u S_v r_u r_v", real=True)
    logarithm = (
        (first**2 + second**2) / 2
        + third_form(first, second) / factorial(3)
        + _fourth_form(first, second) / factorial(4)
    )
    left = logarithm.diff(second).subs({first: t * x, second: t * y})
    right = (
        y * t
        + third_form(x, y).diff(y) / 3 * t**2 / factorial(2)
        + _fourth_form(x, y).diff(y) / 4 * t**3 / factorial(3)
    )
    return (left - right).expand()


def gram_charlier() -> Expr:
    """E exp(t z) over its Gaussian value, less the exponential of kappa_3 t^3/6 + kappa_4 t^4/24.

    Each D of the expansion gives t on exp(t z). Zero:

    >>> gram_charlier()
    0
    """
    t, mean, variance, third, fourth = symbols("t m v k_3 k_4", real=True)
    cumulants = (mean, variance, third, fourth)
    whole = sum(k * t**n / factorial(n) for n, k in enumerate(cumulants, 1))
    gaussian = mean * t + variance * t**2 / 2
    change = third * t**3 / 6 + fourth * t**4 / 24
    return (exp(whole - gaussian) - exp(change)).simplify()


def hermite_by_parts() -> Expr:
    """He_n g phi + (He_(n-1) g phi)' - He_(n-1) g' phi for n = 1, ..., 6, summed: zero.

    With He_n = x He_(n-1) - He_(n-1)' and phi' = -x phi. So s^n E g^(n)(m + s G) = E He_n(G)
    g(m + s G): means of derivatives need no derivatives.

    >>> hermite_by_parts()
    0
    """
    x = Symbol("x", real=True)
    g, density = Function("g")(x), exp(-(x**2) / 2)
    total, lower = x * 0, x**0
    for _ in range(6):
        upper = (x * lower - lower.diff(x)).expand()
        rest = upper * g * density + (lower * g * density).diff(x) - lower * g.diff(x) * density
        total += (rest / density).expand() ** 2
        lower = upper
    return total


# The orders.


def _mean(order: int, x: Expr, y: Expr) -> Expr:
    """E l^(order)(z) to first order in e for S = x u + y v, in terms of the L_n."""
    means = gaussian_means()

    def derivative(n: int) -> Expr:
        return means[order + n - 1]

    shift = (effect * (x - scale)) * derivative(1)
    spread = (x**2 + y**2 - scale**2) / 2 * derivative(2)
    skewness = size * third_form(x, y) / 6 * derivative(3)
    change = (shift + spread + skewness).expand().coeff(size, 1)
    return derivative(0) + size * change


@cache
def stationary_order(order: int) -> tuple[Expr, Expr]:
    """The coefficients of e^order in u^T E x l'(z) and v^T E x l'(z): both are to vanish.

    The first is given to order 1, which fixes a_1; the second to order 2, which fixes w_2.

    >>> stationary_order(0)
    (Delta*L_1 + L_2*a, 0)
    """
    x = scale + size * scale_change
    y = size * bending[0] + size**2 * bending[1]
    p, r = symbols("p r", real=True)
    at = {p: x, r: y}
    parts = []
    for direction, lead in (
        (p, effect * _mean(1, x, y) + x * _mean(2, x, y)),
        (r, y * _mean(2, x, y)),
    ):
        third = (third_form(p, r).diff(direction) / 3).subs(at) / 2
        fourth = (_fourth_form(p, r).diff(direction) / 4).subs(at) / 6
        total = lead + size * third * _mean(3, x, y) + size**2 * fourth * gaussian_means()[3]
        parts.append(total.expand().coeff(size, order))
    return parts[0], parts[1]


@cache
def solved_orders() -> Mapping[Symbol, Expr]:
    """a_1, w_1 and w_2 from the orders 1 and 2."""
    first, second = bending
    along_first, across_first = stationary_order(1)
    w1 = linear_root(across_first, first)
    a1 = linear_root(along_first, scale_change)
    w2 = linear_root(stationary_order(2)[1], second)
    return {scale_change: a1, first: w1, second: w2.subs({first: w1, scale_change: a1})}


@cache
def tangents() -> tuple[Expr, Expr]:
    """The tangent of the angle from u towards v: the coefficients of e and of e^2.

    (e w_1 + e^2 w_2)/(a + e a_1) = e w_1/a + e^2 (w_2/a - w_1 a_1/a^2) + ...

    >>> tangents()[0]
    -A*L_3*a/(2*L_2)
    """
    found = solved_orders()
    w1, w2 = (found[w] for w in bending)
    second = w2 / scale - w1 * found[scale_change] / scale**2
    return (w1 / scale).factor(), second.factor()


def correction_derivation() -> Derivation:
    """The first order of the stationarity across u, solved for the tangent of the deflection."""
    _, _, third = gaussian_means()[:3]
    curvature = gaussian_means()[1]
    return Derivation(
        "the deflection from Fisher's direction by the third cumulant",
        (
            Step("order e of v^T E x l'(z)", stationary_order(1)[1], "start"),
            Step(
                "the part of Sigma S, and half of kappa_3(S, S, v)",
                curvature * bending[0] + scale**2 * across * third / 2,
            ),
            Step("solved for w_1/a", -scale * third / (2 * curvature) * across, "implied"),
        ),
    )

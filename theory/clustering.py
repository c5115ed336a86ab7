"""Why logits cluster: convex losses of Gaussian logits shrink their coefficient of variation.

Expectations enter the lemmas as numbers: E is linear and monotone, so that a convexity inequality
that holds for every value of x holds between the expectations. For z = m + s Y, with E Y = 0, the
loss E l(z) grows with s at fixed m; along a ray of weights r = s/m is fixed and m is free, so that
a minimiser has the smallest r that any weights attain.
"""

from __future__ import annotations

from sympy import (
    And,
    Eq,
    Expr,
    Function,
    Ge,
    Gt,
    Le,
    Lt,
    Ne,
    Or,
    Rational,
    Subs,
    Symbol,
    exp,
    pi,
    sqrt,
)
from sympy.core.relational import Relational
from sympy.logic.boolalg import Boolean

from .alignment import Lemma
from .derivations import Derivation, Step
from .symbols import z

__all__ = [
    "at_larger_scale",
    "at_smaller_scale",
    "cone_derivation",
    "cone_lemmas",
    "envelope_derivation",
    "gaussian_expectation",
    "mean",
    "pointwise_lemmas",
    "ratio",
    "scaling_derivation",
    "scaling_lemma",
    "slope_in_ratio",
    "stein_residual",
    "y",
]

mean = Symbol("mu", positive=True)
"""The mean of the logits."""

ratio = Symbol("r", nonnegative=True)
"""The coefficient of variation of the logits."""

y = Symbol("y", real=True)
"""A value of the standard normal variable Y."""

_density = exp(-(y**2) / 2) / sqrt(2 * pi)
_f = Function("f")


def gaussian_expectation(polynomial: Expr, center: Expr, spread: Expr) -> Expr:
    """E g(center + spread Y) for a polynomial g in z and a standard normal Y.

    >>> gaussian_expectation(z**2, mean, mean * ratio).factor()
    mu**2*(r**2 + 1)
    """
    powers = (polynomial.subs(z, center + spread * y)).expand().as_poly(y).terms()
    return sum(
        (c * _odd_factorial(n - 1) for (n,), c in powers if n % 2 == 0), start=Rational(0)
    ).expand()


def _odd_factorial(n: int) -> int:
    return n * _odd_factorial(n - 2) if n > 0 else 1


# E f(lambda x) grows with lambda.

at_smaller_scale = Symbol("F_1", real=True)
"""E f(lambda_1 x)."""

at_larger_scale = Symbol("F_2", real=True)
"""E f(lambda_2 x), lambda_1 < lambda_2."""


def scaling_lemma(hypotheses: frozenset[str], conclusion: Relational) -> Lemma:
    """The conclusion on E f(lambda_1 x) and E f(lambda_2 x) from the hypotheses that are named.

    With t = lambda_1/lambda_2 in (0, 1), f(t u) <= t f(u) + (1 - t) f(0) at u = lambda_2 x, and
    f(u) >= f(0) + g u for a subgradient g: the expectations inherit both. Where f is strictly
    convex the first is strict for u != 0.
    """
    t, f0, g, average, small, large = (
        Symbol(n, real=True) for n in ("t", "f_0", "g", "E_x", "lambda_1", "lambda_2")
    )
    inside = And(Gt(t, 0), Lt(t, 1))
    chord = t * at_larger_scale + (1 - t) * f0
    given = [Lt(small, large), Ne(large, 0), Eq(t * large, small)]
    if "lambda > 0" in hypotheses:
        given.append(Gt(small, 0))
    if "f convex" in hypotheses or "f strictly convex" in hypotheses:
        given.append(Or(~inside, Le(at_smaller_scale, chord)))
        given.append(Ge(at_larger_scale, f0 + g * large * average))
    if {"f strictly convex", "x not almost surely 0"} <= hypotheses:
        given.append(Or(~inside, Lt(at_smaller_scale, chord)))
    if "E x = 0" in hypotheses:
        given.append(Eq(average, 0))
    return Lemma("E f(lambda x) grows with lambda", tuple(given), conclusion)


def pointwise_lemmas(hypotheses: frozenset[str]) -> tuple[Lemma, ...]:
    """The chord and the tangent of f that :func:`scaling_lemma` takes in expectation, at one x.

    ``t u + (1 - t) 0`` is t u, so that the chord is convexity itself. The tangent at 0 is the limit
    of chords: from the slopes (f(s) - f(0))/s to the left and to the right of 0, which convexity
    orders, one number g between them is a subgradient.
    """
    f0, left, right, s, u, g, fu = (
        Symbol(n, real=True) for n in ("f_0", "f_left", "f_right", "s", "u", "g", "f_u")
    )
    given: list[Boolean] = [Gt(s, 0), Gt(u, 0)]
    if "f convex" in hypotheses or "f strictly convex" in hypotheses:
        # 0 lies on the chord from -s to u.
        given.append(Le(f0, (s * right + u * left) / (s + u)))
    side = Or(And(Eq(fu, right), Ge(right, f0 + g * u)), And(Eq(fu, left), Ge(left, f0 - g * s)))
    return (
        Lemma(
            "the slopes of f to the left of 0 are at most those to the right",
            tuple(given),
            Le((f0 - left) / s, (right - f0) / u),
        ),
        Lemma(
            "a number g between them is a subgradient, on either side",
            (
                Gt(s, 0),
                Gt(u, 0),
                Le((f0 - left) / s, g),
                Le(g, (right - f0) / u),
                Or(Eq(fu, right), Eq(fu, left)),
            ),
            side,
        ),
    )


def scaling_derivation() -> Derivation:
    """From the chord and the tangent of f to the monotonicity of E f(lambda x)."""
    t, f0 = Symbol("t", positive=True), Symbol("f_0", real=True)
    chord = t * at_larger_scale + (1 - t) * f0
    return Derivation(
        "E f(lambda x) is non-decreasing",
        (
            Step("the chord from 0 to lambda_2 x, in expectation", chord, "start"),
            Step("rearranged", at_larger_scale - (1 - t) * (at_larger_scale - f0)),
            Step(
                "Jensen: E f(lambda_2 x) >= f(0), so the bracket is not negative",
                Le(at_smaller_scale, at_larger_scale),
                "implied",
            ),
        ),
    )


# A minimiser of E l(m + s Y) has the smallest ratio s/m.


def cone_lemmas(hypotheses: frozenset[str]) -> tuple[Lemma, ...]:
    """The scalar statements from which a minimiser has positive mean and the smallest ratio.

    l(m) <= E l(m + s Y) is Jensen's inequality. It is strict for s > 0: equality needs l affine on
    the range of m + s Y, which is the whole line for a Gaussian, while an affine l has no unique
    minimum. (Where Y is bounded, l affine on the range would have slope 0 there, as a minimiser
    along its ray has, and again no unique minimum.)
    """
    l0, l_mean, l_target, value, rival, target, m, s, t, u, r1, r2 = (
        Symbol(n, real=True)
        for n in ("l_0", "l_mu", "l_min", "L", "L_rival", "z_star", "mu", "s", "t", "u", "r", "r_2")
    )
    convex = "l convex" in hypotheses
    minimum = "l has a unique minimum z*" in hypotheses
    on_chord = And(Ge(u, 0), Lt(u, 1), Eq((1 - u) * m + u * target, 0))
    spread = [Ge(s, 0)]
    shrinks = [Ge(t, 0), Lt(t, 1), Eq(t * r1, r2)]
    if "logits of the minimiser not all zero" in hypotheses:
        spread.append(Or(Gt(s, 0), Ne(m, 0)))
    if "z* > 0" in hypotheses:
        spread.append(Gt(target, 0))
    if convex:
        # For mu <= 0 < z*, 0 lies on the chord from mu to z*.
        spread += [Or(Gt(m, 0), And(on_chord, Le(l0, (1 - u) * l_mean + u * l_target)))]
        spread.append(Ge(value, l_mean))
        shrinks.append(Le(rival, t * value + (1 - t) * l_mean))
    if minimum:
        spread.append(Or(Eq(m, target), Gt(l_mean, l_target)))
    if convex and minimum:
        spread.append(Or(Eq(s, 0), Gt(value, l_mean)))
        shrinks.append(Lt(l_mean, value))
    return (
        Lemma(
            "weights with mu <= 0 do worse than S = 0 (L <= l(0) at a minimiser)",
            (*spread, Le(value, l0)),
            Gt(m, 0),
        ),
        Lemma(
            "weights of the same mean and smaller ratio r_2 = t r do better",
            (*shrinks, Gt(r1, 0), Gt(m, 0)),
            Lt(rival, value),
        ),
    )


def cone_derivation() -> Derivation:
    """The geometric route: scale the rival to the same mean, then compare at fixed mean."""
    m, r1, r2 = mean, Symbol("r_1", positive=True), Symbol("r_2", positive=True)
    return Derivation(
        "a minimiser has the smallest coefficient of variation",
        (
            Step("deviation of a rival with ratio r_2, scaled to the mean mu", m * r2, "start"),
            Step("as a fraction of the deviation mu r_1", (r2 / r1) * (m * r1)),
            Step(
                "r_2 < r_1: strictly smaller loss, by scaling at fixed mean", Lt(r2, r1), "implied"
            ),
        ),
    )


# The slope of the best loss at a given ratio.


def _derivative(order: int) -> Expr:
    """The derivative of f at mu (1 + r y)."""
    return Subs(_f(z).diff(z, order), z, mean * (1 + ratio * y))


def stein_residual(coefficient: Expr) -> Expr:
    """d/dr [f(mu (1 + r y)) phi(y)] - coefficient f'' phi, up to a total derivative in y.

    Zero is Stein's lemma: E [mu Y f'] = coefficient E f'', the boundary term f' phi vanishing.

    >>> stein_residual(ratio * mean**2)
    0
    """
    inside = _f(mean * (1 + ratio * y)) * _density
    total = -mean * (_derivative(1).doit() * _density).diff(y)
    return (inside.diff(ratio) - coefficient * _derivative(2).doit() * _density - total).simplify()


def slope_in_ratio(f: Expr) -> tuple[Expr, Expr, Expr]:
    """mu*(r), dQ/dr and E f'' at mu*(r) for a quadratic f, from their definitions.

    >>> slope_in_ratio((z - 1) ** 2)
    (1/(r**2 + 1), 2*r/(r**2 + 1)**2, 2)
    """
    loss = gaussian_expectation(f, mean, mean * ratio)
    slope = loss.diff(mean).as_poly(mean)
    best = (-slope.nth(0) / slope.nth(1)).factor()
    lowest = loss.subs(mean, best).factor()
    bend = gaussian_expectation(f.diff(z, 2), best, best * ratio)
    return best, lowest.diff(ratio).factor(), bend.factor()


def envelope_derivation() -> Derivation:
    """dQ/dr from the chain rule, the stationarity of mu* and Stein's lemma."""
    r = Symbol("r", positive=True)
    q, best, bend = Function("q"), Function("mu_star"), Symbol("E_bend", real=True)
    a, b = Symbol("a", real=True), Symbol("b", real=True)
    partial = Subs(q(a, b).diff(b), (a, b), (best(r), r))
    through_mean = Subs(q(a, b).diff(a), (a, b), (best(r), r))
    return Derivation(
        "the best loss grows with the coefficient of variation",
        (
            Step("Q(r) = q(mu*(r), r)", q(best(r), r).diff(r), "start"),
            Step("chain rule", partial + through_mean * best(r).diff(r)),
            Step("dq/dmu = 0 at mu*(r)", partial, "implied"),
            Step("Stein's lemma: E [Y f'] = mu r E f''", r * best(r) ** 2 * bend, "implied"),
        ),
    )

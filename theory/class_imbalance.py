"""Unequal classes and a bias, in the limits of high dimension for Gaussian signal plus noise.

A sample of label y = +-1, P(y = 1) = pi, is x = (y mu_f + sigma_f xi) e_1 + sigma_n xi_perp; its
loss is l(y (x^T S + b)). With the label absorbed, y b is the logit of one more feature, which is y
itself and independent of the noise. So Gordon's comparison is that of
:mod:`logitreg.theory.high_dimension` with Z_y = a Delta + y b + a g_0 + q g: the scalar problem
averages over y too, and is stationary in b as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from sympy import Eq, Expr, Symbol, sqrt

from . import high_dimension as balanced
from .derivations import Derivation, Step
from .high_dimension import (
    aspect_ratio,
    chi_square_limit,
    effect,
    envelope,
    excess,
    mean_slope,
    mean_square_step,
    mean_step,
    noise,
    signal,
    target,
)
from .linear_equations import linear_root
from .separability import separability_function
from .signal_noise import mu_f, sigma_f, sigma_n, signal_weight

__all__ = [
    "balance",
    "bias",
    "bias_cost",
    "effective_balance",
    "exact_direction_argument",
    "imbalance",
    "label_step",
    "least_norm_derivation",
    "least_norm_noise",
    "least_norm_solution",
    "mean_correlation",
    "mean_label_step",
    "mean_square_rest",
    "path",
    "positive_fraction",
    "quadratic_derivation",
    "quadratic_solution",
    "separability_mean",
    "stationarity",
    "system",
]

positive_fraction = Symbol("pi_plus", positive=True)
"""pi, the fraction of the samples that are of class +1."""
bias = Symbol("b", real=True)
mean_label_step = Symbol("E_label", real=True)
"""E y (p(Z_y) - Z_y)."""
path = Symbol("c_0", real=True)
"""The share of the signal in a separating direction over that of the noise."""
bias_cost = Symbol("c", nonnegative=True)
"""What b^2 costs beside |S|^2 where a norm is least: 0 if the bias is free, 1 if it is a weight."""


def imbalance() -> Expr:
    """E y = 2 pi - 1."""
    return 2 * positive_fraction - 1


def balance() -> Expr:
    """h = 1 - (E y)^2 = 4 pi (1 - pi), the variance of the label: one for equal classes."""
    return 4 * positive_fraction * (1 - positive_fraction)


def system() -> tuple[Eq, Eq, Eq, Eq]:
    """That of equal classes, with means over y too, and E y (p - Z) = 0."""
    return (*balanced.system(), Eq(mean_label_step, 0))


def stationarity() -> tuple[Expr, Expr, Expr, Expr]:
    """The derivatives of E M(Z_y) - lambda q^2/(2 gamma) in a, q, gamma and b.

    The first three are those of equal classes: integration by parts, and the derivatives of Z_y in
    a and in q, are the same given y. The slope of Moreau's envelope is (Z - p)/gamma, and
    dZ_y/db = y.
    """
    return (*balanced.stationarity(), -mean_label_step / envelope)


def mean_square_rest(first: Expr, shift: Expr, aim: Expr = target) -> Expr:
    """E (z* - m - y b)^2 for weights whose logits have the mean m + y b.

    >>> mean_square_rest(signal * effect, bias).subs(bias, 0)
    (-Delta*a + z_star)**2
    """
    return (aim - first) ** 2 - 2 * imbalance() * shift * (aim - first) + shift**2


def label_step(plus: Expr, minus: Expr) -> Expr:
    """E y r(Z_y) of a step whose means given y = 1 and y = -1 are these.

    With b = 0 the law of Z_y does not depend on y, so that both are the same: equal classes solve
    the four equations with b = 0 and what solves the first three.

    >>> m = Symbol("m", real=True)
    >>> label_step(m, m).expand()
    2*m*pi_plus - m
    """
    return positive_fraction * plus - (1 - positive_fraction) * minus


@cache
def quadratic_solution() -> Mapping[Expr, Expr]:
    """a, q^2, b and gamma for l = (z - z*)^2/2, from the system.

    The proximal operator is (Z + gamma z*)/(1 + gamma), so that the step is that fraction of
    z* - Z_y: given y of mean z* - a Delta - y b and variance a^2 + q^2.
    """
    square = Symbol("q_square", positive=True)
    rate = envelope / (1 + envelope)
    rest = target - signal * effect
    moments = {
        mean_slope: 1 / (1 + envelope),
        mean_step: rate * (rest - imbalance() * bias),
        mean_label_step: rate * (imbalance() * rest - bias),
        mean_square_step: rate**2 * (mean_square_rest(signal * effect, bias) + signal**2 + square),
    }
    slope, steps, weight, shift = (
        (equation.lhs - equation.rhs).subs(noise, sqrt(square)).subs(moments)
        for equation in system()
    )
    gamma = linear_root(slope, envelope)
    b = linear_root(shift, bias)
    a = linear_root(weight.subs(bias, b).subs(envelope, gamma), signal)
    q2 = linear_root(steps.subs(bias, b).subs(envelope, gamma).subs(signal, a), square)
    return {
        envelope: gamma,
        signal: a,
        noise**2: q2,
        bias: b.subs(signal, a).factor(),
    }


def exact_direction_argument() -> Expr:
    """The limit of a Delta/sqrt(a^2 + q^2) for least squares from its exact law.

    The slope is along W^-1 (m_+ - m_-), W the scatter within the classes
    (:func:`logitreg.theory.alignment_extensions.eliminated_bias`), a Wishart matrix of N - 2
    samples that is independent of the means. With n_+ = pi N and n_- = N - n_+ the whitened
    difference is 2 Delta e_1 + sqrt(1/n_+ + 1/n_-) g, which is along
    u = sqrt(N h) Delta e_1 + g; and W^-1 u is along u/|u| + t, t isotropic in the complement of u
    with |t|^2 = chi^2_{d-1}/chi^2_{N-d}.
    """
    samples = Symbol("N", positive=True)
    features = aspect_ratio * samples
    plus = positive_fraction * samples
    minus = samples - plus
    strength = ((2 * effect) ** 2 / (1 / plus + 1 / minus) / samples).simplify()
    across = chi_square_limit(features - 1, samples)
    within = chi_square_limit(samples - features, samples)
    return effect * sqrt(strength / (strength + across) / (1 + across / within))


def mean_correlation() -> Expr:
    """The covariance of m_+ - m_- and pi m_+ + (1 - pi) m_-, per coordinate of unit noise: zero.

    So the slope, a function of W and m_+ - m_-, is independent of the noise of the mean sample, and
    the normal equation of the bias, E y z* = S^T E x + b, tends to b = (2 pi - 1)(z* - S_1 mu_f).

    >>> mean_correlation()
    0
    """
    samples = Symbol("N", positive=True)
    plus = positive_fraction * samples
    minus = samples - plus
    return (positive_fraction / plus - (1 - positive_fraction) / minus).simplify()


def quadratic_derivation() -> Derivation:
    """The squared argument of equal accuracies (b = 0) for quadratic l and unequal classes."""
    found = quadratic_solution()
    a, q2 = found[signal], found[noise**2]
    h = balance()
    return Derivation(
        "the direction in high dimension for a quadratic loss, unequal classes and a bias",
        (
            Step("(a Delta)^2/(a^2 + q^2)", effect**2 * a**2 / (a**2 + q2), "start"),
            Step("z* cancels", effect**4 * h * (1 - aspect_ratio) / (h * effect**2 + aspect_ratio)),
            Step("the same from the exact law", exact_direction_argument() ** 2),
        ),
    )


def separability_mean(drift: Expr, shift: Expr, scale: Expr) -> Expr:
    """E (-drift - y shift - scale G)_+^2 over y and G.

    With drift c_0 Delta, shift b and scale sqrt(1 + c_0^2) its minimum over c_0 and b is the aspect
    ratio at which the classes turn separable with a bias, as with equal classes
    (:func:`logitreg.theory.separability.separability_function`), where b = 0.
    """
    plus, minus = (separability_function(drift + label * shift, scale) for label in (1, -1))
    return positive_fraction * plus + (1 - positive_fraction) * minus


# More features than samples.


def least_norm_noise(first: Expr, shift: Expr) -> Expr:
    """The limit of ||S_perp||^2 for the shortest S_perp that completes S_1, b to equal logits z*.

    As for equal classes (:func:`logitreg.theory.high_dimension.least_norm_noise`), with
    v_i = z* - S_1 (mu_f + sigma_f xi_i) - y_i b.
    """
    mean_square = mean_square_rest(first * mu_f, shift) + first**2 * sigma_f**2
    return mean_square / (sigma_n**2 * excess)


def effective_balance() -> Expr:
    """1 - (E y)^2/(1 + c sigma_n^2 (lambda - 1)): h if the bias is free."""
    return 1 - imbalance() ** 2 / (1 + bias_cost * sigma_n**2 * excess)


@cache
def least_norm_solution() -> Mapping[Symbol, Expr]:
    """The S_1 and the b that make S_1^2 + ||S_perp||^2 + c b^2 least.

    >>> from sympy import Rational
    >>> least_norm_solution()[bias].subs(positive_fraction, Rational(1, 2))
    0
    """
    first = signal_weight
    total = first**2 + bias_cost * bias**2 + least_norm_noise(first, bias)
    b = linear_root(total.diff(bias), bias)
    weight = linear_root(total.diff(first).subs(bias, b), first)
    return {first: weight, bias: b.subs(first, weight).factor()}


def least_norm_derivation() -> Derivation:
    """The signal component of the shortest weights with all logits equal to z*, at the best b."""
    odds = Symbol("omega", positive=True)
    first, k = signal_weight, sigma_n**2 * excess
    total = first**2 + bias_cost * bias**2 + least_norm_noise(first, bias)
    best = imbalance() * (target - first * mu_f) / (1 + bias_cost * k)
    h = effective_balance()
    slope = Eq(total.subs(bias, best).diff(first), 0)
    solution = Eq(first, h * target * mu_f / (h * mu_f**2 + sigma_f**2 + k))
    factor = 2 * (h * mu_f**2 + sigma_f**2 + k) / k
    in_odds = {positive_fraction: odds / (1 + odds)}
    return Derivation(
        "shortest weights with equal logits, unequal classes and a bias",
        (
            Step(
                "the slope of S_1^2 + ||S_perp||^2 + c b^2 at the best b, omega = pi/(1 - pi)",
                slope.subs(in_odds),
                "start",
            ),
            Step(
                "solved for S_1",
                solution.subs(in_odds),
                "equivalent",
                factor.subs(in_odds).factor(),
            ),
        ),
    )

"""Limits N, d -> infinity with d/N -> lambda for K classes of Gaussian signal plus noise.

A sample of class c is x = mu_f e_c + sigma_f xi along e_1, ..., e_K and sigma_n xi across; its K
logits are z = W x, and the training loss is the mean of l_c(z) plus kappa |W|^2/2.

Relabelling the classes maps the data to equally likely data, and the minimiser with it. So in the
limit the first K columns A of W, the covariance W_perp W_perp^T sigma_n^2 = Q of the logits of the
noise across, and the metric of the envelope commute with all permutations of the classes: each is a
multiple of P = 1 - 1 1^T/K plus a multiple of 1 1^T/K (:func:`invariant_matrices`). The K logits
fall into two blocks, the plane of zero sum (m = K - 1) and the common level (m = 1), each with a
signal a, a noise q and an envelope gamma. With Z = sum P_j (mu_f a_j e_c + s_j G),
s_j^2 = sigma_f^2 a_j^2 + q_j^2, and M(Z) = min_p l_c(p) + sum_j |P_j (p - Z)|^2/(2 gamma_j),

    E M(Z) + sum_j m_j (kappa (a_j^2 + q_j^2/sigma_n^2) - lambda q_j^2/gamma_j)/2

is stationary. A loss that leaves the level free (label smoothing) has the proximal operator Z along
it, so that q = 0 there, and the least norm has a = 0; f = sum z_k^2 splits into plane and level and
holds the level at zero. Then the plane is the only block. For K = 2 it has one coordinate, (z_1 -
z_2)/sqrt(2), and the problem is that of signed logits with mu_f/sqrt(2) for mu_f.

Not derived here: that training concentrates on this problem. Gordon's comparison, which gives it
for signed logits, is for one vector of weights; for K classes it is a theorem of Loureiro, Sicuro,
Gerbelot, Pacco, Krzakala and Zdeborova (2021), by approximate message passing, for convex losses
and penalties on the weights. For least squares and for least norm no comparison is needed: each
unit vector v of logits is a regression of its own with the exact law of two classes.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from sympy import (
    Derivative,
    Eq,
    Expr,
    Function,
    Integral,
    Matrix,
    S,
    Symbol,
    erf,
    exp,
    oo,
    pi,
    sqrt,
    symbols,
)

from .derivations import Derivation, Step
from .high_dimension import (
    aspect_ratio,
    chi_square_limit,
    envelope,
    excess,
    mean_slope,
    mean_square_step,
    mean_step,
    noise,
    signal,
)
from .linear_equations import linear_root
from .signal_noise import mu_f, sigma_f, sigma_n
from .training_limit import weight_decay
from .words import letters, normal_form

__all__ = [
    "Solution",
    "accuracy",
    "block_slopes",
    "invariant_matrices",
    "least_norm",
    "least_norm_noise_square",
    "least_squares_argument_square",
    "quadratic_argument_square",
    "quadratic_derivation",
    "quadratic_solution",
    "regression_in_two_parts",
    "stationarity",
    "system",
    "two_classes",
]

classes = Symbol("K", positive=True)
dimension = Symbol("m", positive=True)
"""Of a block: K - 1 or 1."""
goal = Symbol("h", real=True)
"""Of the target logits t: t_1 - t_2 in the plane, their sum along the level."""


def invariant_matrices(count: int) -> tuple[Matrix, ...]:
    """A basis of the matrices of this size that commute with all permutations: 1 and 1 1^T span it.

    A transposition and a cycle generate the permutations.

    >>> len(invariant_matrices(5))
    2
    """
    entries = symbols(f"m:{count * count}")
    unknown = Matrix(count, count, entries)
    cycle = Matrix(count, count, lambda i, j: int((i + 1) % count == j))
    swap = Matrix.eye(count)
    swap.row_swap(0, 1)
    conditions = [entry for g in (cycle, swap) for entry in g * unknown - unknown * g]
    equations = Matrix([[condition.coeff(entry) for entry in entries] for condition in conditions])
    return tuple(vector.reshape(count, count) for vector in equations.nullspace())


def block_slopes() -> tuple[Expr, Expr]:
    """Two coordinates with envelopes of their own: the slopes of M in Z_1 and gamma_1.

    What they are off by from (Z_1 - p_1)/gamma_1 and -(Z_1 - p_1)^2/(2 gamma_1^2). Both are sums of
    multiples of the conditions dl/dp_j = (Z_j - p_j)/gamma_j, which are taken out.

    >>> block_slopes()
    (0, 0)
    """
    arguments = symbols("Z_1 Z_2", real=True)
    envelopes = symbols("gamma_1 gamma_2", positive=True)
    values = symbols("p_1 p_2", real=True)
    steps = [Function(f"p_{j}")(*arguments, *envelopes) for j in (1, 2)]
    loss = Function("l")(*values)
    moreau = loss + sum(
        (z - p) ** 2 / (2 * gamma) for z, p, gamma in zip(arguments, values, envelopes, strict=True)
    )
    at = dict(zip(values, steps, strict=True))
    inner = [moreau.diff(value).subs(at) for value in values]
    direct = {
        arguments[0]: (arguments[0] - steps[0]) / envelopes[0],
        envelopes[0]: -((arguments[0] - steps[0]) ** 2) / (2 * envelopes[0] ** 2),
    }
    found = []
    for symbol, expected in direct.items():
        chain = sum(slope * Derivative(p, symbol) for slope, p in zip(inner, steps, strict=True))
        found.append((moreau.subs(at).diff(symbol) - chain - expected).doit().simplify())
    return found[0], found[1]


def stationarity() -> tuple[Expr, Expr, Expr]:
    """The derivatives of the scalar problem in a, q and gamma of one block, which are to vanish.

    E_step is E (P e_c)^T (p - Z); E_slope and E_square are E tr(P Dp) and E |P (p - Z)|^2 over m.
    dM/dZ along the block is P (Z - p)/gamma (:func:`block_slopes`), and Z depends on a and q
    through mu_f a and s. Coordinate by coordinate of the block, by parts,
    E (Z - p)^T P G = s m (1 - E_slope).
    """
    spread = sqrt(sigma_f**2 * signal**2 + noise**2)
    normal = spread * dimension * (1 - mean_slope)
    norms = weight_decay * (signal**2 + noise**2 / sigma_n**2)
    rest = dimension * (norms - aspect_ratio * noise**2 / envelope) / 2
    return (
        (spread.diff(signal) * normal - mu_f * mean_step) / envelope + rest.diff(signal),
        spread.diff(noise) * normal / envelope + rest.diff(noise),
        -dimension * mean_square_step / (2 * envelope**2) + rest.diff(envelope),
    )


def system() -> tuple[Eq, Eq, Eq]:
    """The equations for a, q and gamma of one block, in the moments of the proximal step.

    Examples
    --------
    >>> system()[1]
    Eq(E_square, lambda*q**2)
    """
    decay = weight_decay * envelope
    return (
        Eq(mean_slope, 1 - aspect_ratio + decay / sigma_n**2),
        Eq(mean_square_step, aspect_ratio * noise**2),
        Eq(mu_f * mean_step, dimension * signal * (sigma_f**2 * (1 - mean_slope) + decay)),
    )


class Solution(NamedTuple):
    """a, q^2 and gamma of one block."""

    signal: Expr
    noise_square: Expr
    envelope: Expr


@cache
def quadratic_solution() -> Solution:
    """For l_c = |z - t|^2/2 and kappa = 0, t the target of class c; another factor divides gamma.

    The proximal operator (Z + gamma t)/(1 + gamma) is affine. In the plane |P (t - mu_f a e_c)|^2
    is (h - mu_f a)^2 (1 - 1/K), along the level (h - mu_f a)^2/K: over m, the same.
    """
    square = Symbol("q_square", positive=True)
    rate = envelope / (1 + envelope)
    missed = goal - mu_f * signal
    moments = {
        mean_slope: 1 / (1 + envelope),
        mean_step: rate * dimension * missed / classes,
        mean_square_step: rate**2 * (missed**2 / classes + sigma_f**2 * signal**2 + square),
        weight_decay: 0,
        noise: sqrt(square),
    }
    first, second, third = ((e.lhs - e.rhs).subs(moments) for e in system())
    gamma = linear_root(first, envelope)
    a = linear_root(third.subs(envelope, gamma), signal)
    q2 = linear_root(second.subs(envelope, gamma).subs(signal, a), square)
    return Solution(a, q2, gamma)


def quadratic_argument_square() -> Expr:
    """(mu_f a/s)^2 for a quadratic loss; the accuracy is that of :func:`accuracy`.

    >>> at = {mu_f: 2, sigma_f: 1, classes: 4, aspect_ratio: S.Half}
    >>> quadratic_argument_square().subs(at)
    4/3
    """
    a, q2, _ = quadratic_solution()
    return (mu_f**2 / (sigma_f**2 + (q2 / a**2).factor())).factor()


def regression_in_two_parts() -> tuple[Expr, Expr]:
    """The normal equations at w_2 = (X_2^T M X_2)^-1 X_2^T M y, M = 1 - X_1 (X_1^T X_1)^-1 X_1^T.

    Zero, with w_1 = (X_1^T X_1)^-1 X_1^T (y - X_2 w_2): the weights of some features are those of a
    regression on what of them and of y is orthogonal to the other features (Frisch, Waugh).

    >>> regression_in_two_parts()
    (0, 0)
    """
    first_t, first, first_inverse = letters("X_1^T X_1 (X_1^TX_1)^-1")
    second_t, second, second_inverse, y = letters("X_2^T X_2 (X_2^TMX_2)^-1 y")
    hat = first * first_inverse * first_t
    w2 = second_inverse * second_t * (1 - hat) * y
    w1 = first_inverse * first_t * (y - second * w2)
    rest = y - first * w1 - second * w2
    relations = {
        (first_t, first, first_inverse): S.One,
        (second_t, second, second_inverse): 1 + second_t * hat * second * second_inverse,
    }
    return normal_form(first_t * rest, relations), normal_form(second_t * rest, relations)


def least_squares_argument_square() -> Expr:
    """The limit of (mu_f a/s)^2 for least squares from its exact law.

    For a unit vector v of logits of zero sum the targets are h v_c: with u_v = sum_i v_(c_i) e_i
    sqrt(K/N), of unit length, y = h sqrt(N/K) u_v, and the feature along v is mu_f sqrt(N/K) u_v
    plus noise. The K - 1 features along the vectors orthogonal to v, of mean orthogonal to u_v, are
    taken out by :func:`regression_in_two_parts`: N - K + 1 samples of two classes and d - K + 1
    features are left, Delta^2 = |M u_v|^2 mu_f^2/(K sigma_f^2), and |M u_v|^2 -> 1 since the
    squared product of u_v with each of those features, over its square, is of order 1/N. From here
    it is :func:`~logitreg.theory.high_dimension.least_squares_accuracy_argument`.
    """
    samples = Symbol("N", positive=True)
    taken = classes - 1
    features, left = aspect_ratio * samples - taken, samples - taken
    across = chi_square_limit(features - 1, samples)
    within = chi_square_limit(left - features + 1, samples)
    effect_square = mu_f**2 / (classes * sigma_f**2)
    cosine_square = effect_square / (effect_square + across) / (1 + across / within)
    return (cosine_square * mu_f**2 / sigma_f**2).factor()


def quadratic_derivation() -> Derivation:
    """The square of mu_f a/s for a quadratic loss."""
    a, q2, _ = quadratic_solution()
    sorted_out = mu_f**4 * (1 - aspect_ratio)
    sorted_out /= sigma_f**2 * (mu_f**2 + classes * aspect_ratio * sigma_f**2)
    return Derivation(
        "accuracy of K classes in high dimension for a quadratic loss",
        (
            Step(
                "(mu_f a)^2/(sigma_f^2 a^2 + q^2)",
                (mu_f * a) ** 2 / (sigma_f**2 * a**2 + q2),
                "start",
            ),
            Step("h cancels", quadratic_argument_square()),
            Step("sorted", sorted_out),
            Step("the same from the exact law", least_squares_argument_square()),
        ),
    )


def least_norm_noise_square(first: Expr) -> Expr:
    """The limit of |v^T W_perp|^2 for the shortest that completes a to logits at their targets.

    v^T W x = h v_c for every sample, v of unit length in the block: what the first K features leave
    is (h - mu_f a) v_c - a sigma_f xi, whose mean square over the classes is (h - mu_f a)^2/K +
    (a sigma_f)^2. The rest is as for two classes: over chi^2_{d - N} and sigma_n^2.
    """
    samples = Symbol("N", positive=True)
    freedom = chi_square_limit((1 + excess) * samples - samples - classes + 1, samples)
    mean_square = (goal - first * mu_f) ** 2 / classes + (first * sigma_f) ** 2
    return mean_square / (sigma_n**2 * freedom)


def least_norm() -> Expr:
    """The a that makes a^2 + |v^T W_perp|^2 least.

    >>> least_norm().subs({goal: 3, mu_f: 1, sigma_f: 1, sigma_n: 1, excess: 1, classes: 2})
    3/5
    """
    total = signal**2 + least_norm_noise_square(signal)
    return linear_root(total.diff(signal), signal)


def accuracy(argument: Expr, count: Expr = classes) -> Expr:
    """P(the true logit is the largest) = E Phi(G + t)^(K - 1), t = mu_f a/s.

    In the plane a fresh logit is mu_f a (e_c - 1/K) + s P G; adding the independent level s 1 1^T
    G/K moves all logits alike and makes them mu_f a [k = c] + s G_k less a common number.
    """
    g = Symbol("g", real=True)
    below = (1 + erf((g + argument) / sqrt(2))) / 2
    return Integral(below ** (count - 1) * exp(-(g**2) / 2) / sqrt(2 * pi), (g, -oo, oo))


def two_classes() -> tuple[Expr, Expr]:
    """By how much the slope in t of the accuracy for K = 2 misses that of Phi(t/sqrt(2)); at t = 0.

    Both slopes are Gaussian integrals, and Phi(t/sqrt(2)) is the accuracy of signed logits: the
    difference of two logits has mean mu_f a and deviation sqrt(2) s.

    >>> two_classes()
    (0, 0)
    """
    t = Symbol("t", real=True)
    found = accuracy(t, S(2))
    slope = Integral(found.function.diff(t), *found.limits).doit()
    expected = (1 + erf(t / 2)) / 2
    at_zero = found.subs(t, 0).doit() - expected.subs(t, 0)
    return (slope - expected.diff(t)).simplify(), at_zero.simplify()

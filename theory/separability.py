"""Separability through the origin, and what unregularised training does with it.

Data x_i = (x_1i, sigma_n xi_i) with absorbed labels are separable iff some S has S^T x_i > 0 for
all i; if not, and only then, some weights a_i >= 0, not all zero, have sum a_i x_i = 0 (Gordan).

Of the 2^N labellings of N points in general position in d dimensions 2 sum_{k<d} binomial(N-1, k)
are separable (:mod:`logitreg.theory.cover`). For a random labelling, or noise of a symmetric
density with any labels, the probability is P(B <= d - 1) with B binomial(N - 1, 1/2).

What decides here is the noise alone, N vectors in d - 1 dimensions. At sigma_f = 0 the max-margin
direction is e_1 iff the noise is not separable; as sigma_n grows the max-margin accuracy falls to
1/2 iff the noise is separable.
"""

from __future__ import annotations

from sympy import (
    And,
    Eq,
    Expr,
    Ge,
    Gt,
    Le,
    Lt,
    Matrix,
    Ne,
    Or,
    Rational,
    S,
    Symbol,
    binomial,
    erf,
    exp,
    limit,
    log,
    oo,
    pi,
    sqrt,
)

from .alignment import Lemma
from .cover import N
from .signal_noise import sigma_n

__all__ = [
    "alternating_labels_certificate",
    "binomial_variance",
    "decayed_noise_weight",
    "deviation_bound",
    "hinge_square",
    "hinge_square_residuals",
    "max_margin_lemmas",
    "regularisation_wins_lemmas",
    "saturation_lemmas",
    "separability_function",
    "separable_fraction",
    "vanishing_signal_lemmas",
    "weight_decay_lemmas",
]

excess = Symbol("delta", positive=True)
"""|lambda - 1/2|."""


def separable_fraction(samples: int, features: int) -> Rational:
    """The fraction of the 2^N labellings that is separable.

    >>> separable_fraction(10, 5)
    1/2
    """
    total = sum(binomial(samples - 1, k) for k in range(min(features, samples)))
    return Rational(total, 2 ** (samples - 1))


def binomial_variance(trials: Expr) -> Expr:
    """The variance of binomial(n, 1/2): the second derivative of n log((1 + e^t)/2) at 0.

    >>> binomial_variance(N)
    N/4
    """
    t = Symbol("t", real=True)
    return (trials * log((1 + exp(t)) / 2)).diff(t, 2).subs(t, 0)


def deviation_bound(lost: int, *, above: bool) -> Expr:
    """Chebyshev's bound on the fraction of the exceptional labellings at lambda = 1/2 +- delta.

    With n = N - 1 trials and d - ``lost`` dimensions: above 1/2 the exception is B >= d - lost, at
    the distance d - lost - n/2 from the mean; below, B <= d - lost - 1, at n/2 - d + lost + 1.

    >>> deviation_bound(0, above=True)
    (N/4 - 1/4)/(N*delta + 1/2)**2
    """
    trials = N - 1
    features = (Rational(1, 2) + (excess if above else -excess)) * N - lost
    gap = features - trials / 2 if above else trials / 2 - features + 1
    return binomial_variance(trials) / gap.expand() ** 2


def alternating_labels_certificate(samples: int, features: int) -> tuple[Matrix, Matrix]:
    """Points (1, t, ..., t^(d-1)) with labels (-1)^t absorbed, and a with sum a_i x_i = 0, N > d.

    The positive a_i are binomial(N - 1, i): the (N-1)-th difference of t^k vanishes for k < N - 1.
    No d of the points are dependent, so that they are in general position.

    >>> X, a = alternating_labels_certificate(3, 2)
    >>> list(a), list(X.T * a)
    ([1, 2, 1], [0, 0])
    """
    X = Matrix(samples, features, lambda i, j: (-1) ** i * (i + 1) ** j)
    return X, Matrix(samples, 1, lambda i, _: binomial(samples - 1, i))


def hinge_square(level: Expr) -> Expr:
    """E[(G - t)_+^2] = (1 + t^2) Phi(-t) - t phi(t) for a standard normal G.

    >>> hinge_square(Rational(0))
    1/2
    """
    tail = (1 - erf(level / sqrt(2))) / 2
    return (1 + level**2) * tail - level * exp(-(level**2) / 2) / sqrt(2 * pi)


def hinge_square_residuals() -> tuple[Expr, Expr, Expr]:
    """All zero, which proves the closed form H of E[(G - t)_+^2].

    As t -> oo H and H' tend to 0, and H'' = 2 Phi(-t): the expectation has the same three.

    >>> hinge_square_residuals()
    (0, 0, 0)
    """
    t = Symbol("t", real=True)
    closed = hinge_square(t)
    tail = (1 - erf(t / sqrt(2))) / 2
    bend = (closed.diff(t, 2) - 2 * tail).simplify()
    return bend, limit(closed, t, oo), limit(closed.diff(t), t, oo)


def separability_function(drift: Expr, scale: Expr) -> Expr:
    """E[(-drift - scale G)_+^2]; with drift c Delta and scale sqrt(1 + c^2) it is N^-1 times the
    mean squared distance of c x_1/sigma_f + G, G the noise along one vector, from the positive
    orthant. Its minimum over c is the aspect ratio at which Gaussian data turn separable.
    """
    return scale**2 * hinge_square(drift / scale)


def max_margin_lemmas() -> tuple[Lemma, ...]:
    """sigma_f = 0: max margin (min ||S||, S^T x_i >= 1) is e_1/mu iff the noise is not separable.

    m = mu^2 ||v||^2 for v with sigma_n v^T xi_i >= 1; S = (1 - t) e_1/mu + t v is feasible.
    """
    m, t = Symbol("m", positive=True), Symbol("t", real=True)
    mu, first, off = Symbol("mu", positive=True), Symbol("S_1", real=True), Symbol("o", real=True)
    return (
        Lemma(
            "noise separable by v: at t = 1/(1 + m), S is shorter than e_1/mu",
            (Eq(t * (1 + m), 1),),
            Lt((1 - t) ** 2 + t**2 * m, 1),
        ),
        Lemma(
            "noise not separable, sum a_i xi_i = 0, sum a_i = 1: averaging the constraints gives "
            "mu S_1 >= 1, so that no feasible S is shorter than e_1/mu, and none as short but it",
            (Ge(mu * first, 1),),
            And(
                Ge(first**2 + off**2, 1 / mu**2),
                Or(Gt(first**2 + off**2, 1 / mu**2), And(Eq(off, 0), Eq(mu * first, 1))),
            ),
        ),
    )


def vanishing_signal_lemmas() -> tuple[Lemma, ...]:
    """Noise separable: S_1 sigma_n/||w|| stays bounded, so that max-margin accuracy falls to 1/2.

    Max margin minimises S_1^2 + ||w||^2/sigma_n^2 subject to x_1i S_1 + xi_i^T w >= 1. Some v has
    xi_i^T v >= 1 for all i; m = ||v||. For one sample, X = |x_1i| and b = ||xi_i||.
    """
    first, w = Symbol("S_1", nonnegative=True), Symbol("w", nonnegative=True)
    m, X, b, sigma = (Symbol(s, positive=True) for s in ("m", "X", "b", "sigma"))
    return (
        Lemma(
            "(0, v) is feasible, so that |S_1| <= m/sigma_n",
            (Le(first**2 + w**2 / sigma**2, m**2 / sigma**2),),
            Le(first * sigma, m),
        ),
        Lemma(
            "once sigma_n >= 2 X m the signal covers at most half of the margin",
            (Le(first * sigma, m), Ge(sigma, 2 * X * m)),
            Le(X * first, Rational(1, 2)),
        ),
        Lemma(
            "the noise covers the rest: ||w|| >= 1/(2 b)",
            (Le(X * first, Rational(1, 2)), Ge(X * first + b * w, 1)),
            Ge(b * w, Rational(1, 2)),
        ),
        Lemma(
            "so S_1/||w|| <= 2 b m/sigma_n, and the accuracy is at most Phi(2 b m mu/sigma_n)",
            (Le(first * sigma, m), Ge(b * w, Rational(1, 2))),
            Le(first * sigma, 2 * b * m * w),
        ),
    )


def regularisation_wins_lemmas() -> tuple[Lemma, ...]:
    """Mean over deviation of a test logit: a > 0 at every sigma_n, against at most k/sigma_n.

    The first is S_1 mu/sqrt(sigma_f^2 S_1^2 + ||w||^2) of the regularised minimiser, where S_1 and
    w do not depend on sigma_n; for the second, of max margin, k = 2 b m mu.
    """
    first, mu, w = (Symbol(s, positive=True) for s in ("S_1", "mu", "w"))
    a, bound, sigma, margin, spread = (Symbol(s, real=True) for s in ("a", "k", "p", "q", "s"))
    return (
        Lemma(
            "noise along the signal, sigma_f S_1 = s, only lowers mean over deviation",
            (),
            Le(first * mu / sqrt(spread**2 + w**2), first * mu / w),
        ),
        Lemma(
            "above sigma_n = k/a the regularised one is larger",
            (Gt(a, 0), Gt(bound, 0), Gt(sigma, bound / a), Le(margin, bound / sigma)),
            Lt(margin, a),
        ),
    )


def saturation_lemmas() -> tuple[Lemma, ...]:
    """Noise not separable: the max-margin (S_1, w) converges as sigma_n grows, with S_1 not to 0.

    With sum a_i xi_i = 0, a_i >= 0, sum a_i = 1 and h = sum a_i x_1i they average to h S_1 >= 1.
    (S_1, w) and (T_1, u) are optimal at sigma < tau. The smallest feasible |S_1| is attained, by
    (t_1, w_t), as the feasible set is a polyhedron.
    """
    s, t, w, u, sigma, tau, c, v = (
        Symbol(name, nonnegative=True) for name in ("s", "t", "w", "u", "p", "q", "c", "v")
    )
    h, first = Symbol("h", real=True), Symbol("S_1", real=True)
    return (
        Lemma("h S_1 >= 1 keeps S_1 from 0", (Ge(h * first, 1),), Ge((h * first) ** 2, 1)),
        Lemma(
            "p = 1/sigma^2 > q = 1/tau^2: with s = S_1^2, w = ||w||^2 and t, u at tau, "
            "S_1^2 falls and ||w||^2 grows with sigma_n",
            (Gt(sigma, tau), Le(s + w * sigma, t + u * sigma), Le(t + u * tau, s + w * tau)),
            And(Ge(u, w), Le(t, s)),
        ),
        Lemma(
            "||w||^2 is at most v = ||w_t||^2, as S_1^2 = s is at least c = t_1^2",
            (Gt(sigma, 0), Ge(s, c), Le(s + w * sigma, c + v * sigma)),
            Le(w, v),
        ),
        Lemma(
            "so mean over deviation, squared and over mu^2, stays away from 0: s/(f s + w), with "
            "f = sigma_f^2 = t, s >= c > 0 and w <= v",
            (Gt(c, 0), Ge(s, c), Le(w, v), Gt(t * s + w, 0), Gt(t * c + v, 0)),
            Ge(s / (t * s + w), c / (t * c + v)),
        ),
    )


def decayed_noise_weight(power: int) -> Expr:
    """||w|| under weight decay (gamma/2)(S_1^2 + ||w||^2/sigma_n^power), w = S_perp at sigma_n = 1.

    Stationarity is gamma w = sigma_n^power sum a_i xi_i with a_i = -l'(z_i); B is the norm of the
    sum. The a_i are at most one, so that at power 2 w -> 0 as sigma_n -> 0, while S_1 tends to the
    weight of the signal alone, which is not zero. The accuracy would be constant only if w were
    zero for every sigma_n, and with it the sum of a_i xi_i at those S_1.

    >>> decayed_noise_weight(2)
    B*sigma_n**2/gamma
    """
    gamma, pull = Symbol("gamma", positive=True), Symbol("B", positive=True)
    return pull * sigma_n**power / gamma


def weight_decay_lemmas(*, noise_has_mean: bool = True) -> tuple[Lemma, ...]:
    """sigma_f = 0: no weights e_1 s (s > 0) are stationary under weight decay.

    All logits are mu s there, with one slope l' = l'(mu s), that of cross-entropy, negative;
    stationarity along the mean b of the noise is l' ||b||^2 = 0, and along the signal
    N mu l' + gamma s = 0.
    """
    slope, s = Symbol("l_prime", negative=True), Symbol("s", positive=True)
    gamma, count = Symbol("gamma", nonnegative=True), Symbol("M", positive=True)
    square = Symbol("B", nonnegative=True)
    given: tuple[Expr, ...] = (
        Eq(slope * square, 0, evaluate=False),
        Eq(count * slope + gamma * s, 0),
    )
    if noise_has_mean:
        given += (Ne(square, 0),)
    return (Lemma("no stationary weights along the signal", given, S.false),)

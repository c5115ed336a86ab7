"""Limits N, d -> infinity with d/N -> lambda, for Gaussian signal plus noise.

A sample is x = (mu_f + sigma_f xi) e_1 + sigma_n xi_perp. In whitened coordinates the weights are
a e_1 + s with |s| = q, that is S_1 = a/sigma_f, ||S_perp|| = q/sigma_n; Delta = mu_f/sigma_f.

Gordon's comparison replaces the training problem by a scalar one (Thrampoulidis, Oymak, Hassibi):
with Z = a Delta + a g_0 + q g, minimise E l(z) over a, q and z such that E (Z - z)^2 <= lambda q^2.
With the multiplier 1/(2 gamma) the inner minimum is Moreau's envelope M(Z) at z = prox(Z), and

    E M(Z) - lambda q^2/(2 gamma)

is stationary in a, q and gamma. That the training problem concentrates on it is not derived here.

For least squares and for least-norm interpolation no comparison is needed: the laws are exact
ratios of chi-squares at every N and d, and a chi-square of k(N) degrees of freedom, over N, tends
to lim k/N, since its variance 2 k/N^2 tends to zero (Chebyshev).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from sympy import (
    Derivative,
    Eq,
    Expr,
    Function,
    Identity,
    MatrixExpr,
    MatrixSymbol,
    S,
    Symbol,
    erf,
    exp,
    limit,
    oo,
    pi,
    sqrt,
)

from .derivations import Derivation, Step
from .linear_equations import linear_root
from .signal_noise import mu_f, sigma_f, sigma_n, signal_weight

__all__ = [
    "accuracy_argument",
    "chi_square_limit",
    "envelope_slopes",
    "gaussian_by_parts",
    "growth_of_the_truncated_square",
    "interpolation",
    "inverse_of_a_block",
    "least_norm_derivation",
    "least_norm_noise",
    "least_norm_signal",
    "least_squares_accuracy_argument",
    "least_squares_noise_ratio",
    "noise_ratio",
    "quadratic_derivation",
    "quadratic_solution",
    "rank_one_update",
    "stationarity",
    "system",
    "truncated_square",
]

aspect_ratio = Symbol("lambda", positive=True)
effect = Symbol("Delta", positive=True)
"""mu_f/sigma_f."""
signal = Symbol("a", real=True)
noise = Symbol("q", positive=True)
envelope = Symbol("gamma", positive=True)
target = Symbol("z_star", positive=True)
excess = Symbol("e", positive=True)
"""lambda - 1, where there are more features than samples."""

mean_slope = Symbol("E_slope", real=True)
"""E p'(Z), with p the proximal operator of gamma l."""
mean_step = Symbol("E_step", real=True)
"""E (p(Z) - Z)."""
mean_square_step = Symbol("E_square", real=True)
"""E (p(Z) - Z)^2."""


def system() -> tuple[Eq, Eq, Eq]:
    """E p' = 1 - lambda, E (p - Z)^2 = lambda q^2 and Delta E (p - Z) = lambda a."""
    return (
        Eq(mean_slope, 1 - aspect_ratio),
        Eq(mean_square_step, aspect_ratio * noise**2),
        Eq(effect * mean_step, aspect_ratio * signal),
    )


def envelope_slopes() -> tuple[Expr, Expr]:
    """What dM/dZ and dM/dgamma are off by from (Z - p)/gamma and -(Z - p)^2/(2 gamma^2).

    Both are multiples of l'(p) - (Z - p)/gamma, which vanishes at p = prox(Z); that multiple is
    taken out, so that the pair is (0, 0).
    """
    z, gamma = Symbol("Z", real=True), envelope
    loss, p = Function("l"), Function("p")(z, gamma)
    value = Symbol("p", real=True)
    moreau = loss(value) + (z - value) ** 2 / (2 * gamma)
    inner = moreau.diff(value)
    direct = {z: (z - p) / gamma, gamma: -((z - p) ** 2) / (2 * gamma**2)}
    at = moreau.subs(value, p)
    found = []
    for symbol, expected in direct.items():
        chain = inner.subs(value, p) * Derivative(p, symbol)
        found.append((at.diff(symbol) - chain - expected).doit().simplify())
    return found[0], found[1]


def gaussian_by_parts() -> Expr:
    """r' exp(-g^2/2) - g r exp(-g^2/2) - d/dg (r exp(-g^2/2)), which is zero.

    Integrated over the line: E g r(m + s g) = s E r'(m + s g) (Stein).

    >>> gaussian_by_parts()
    0
    """
    g, m, s = Symbol("g", real=True), Symbol("m", real=True), Symbol("s", positive=True)
    r = Function("r")(m + s * g)
    density = exp(-(g**2) / 2)
    return ((r.diff(g) - g * r) * density - (r * density).diff(g)).doit().simplify()


def stationarity() -> tuple[Expr, Expr, Expr]:
    """The derivatives of E M(Z) - lambda q^2/(2 gamma) in a, q and gamma, which are to vanish.

    dZ/da = Delta + g_0 and dZ/dq = g. By parts E (Z - p) g_0 = a E (1 - p') and
    E (Z - p) g = q E (1 - p').
    """
    bend = 1 - mean_slope
    return (
        (-effect * mean_step + signal * bend) / envelope,
        (noise * bend - aspect_ratio * noise) / envelope,
        (aspect_ratio * noise**2 - mean_square_step) / (2 * envelope**2),
    )


@cache
def quadratic_solution() -> Mapping[Symbol, Expr]:
    """a, q^2 and gamma for l = c (z - z*)^2/2 with c = 1, from the system.

    The proximal operator (Z + gamma z*)/(1 + gamma) is affine, and E Z = a Delta,
    E Z^2 = (a Delta)^2 + a^2 + q^2. Another c only divides gamma.
    """
    square = Symbol("q_square", positive=True)
    first, second, third = (
        equation.lhs - equation.rhs for equation in (e.subs(noise, sqrt(square)) for e in system())
    )
    rate = envelope / (1 + envelope)
    mean = target - signal * effect
    moments = {
        mean_slope: 1 / (1 + envelope),
        mean_step: rate * mean,
        mean_square_step: rate**2 * (mean**2 + signal**2 + square),
    }
    gamma = linear_root(first.subs(moments), envelope)
    a = linear_root(third.subs(moments).subs(envelope, gamma), signal)
    q2 = linear_root(second.subs(moments).subs(envelope, gamma).subs(signal, a), square)
    return {envelope: gamma, signal: a, noise**2: q2}


def accuracy_argument() -> Expr:
    """a Delta/sqrt(a^2 + q^2) at the solution for quadratic l; the accuracy is Phi of it."""
    found = quadratic_solution()
    ratio = (found[noise**2] / found[signal] ** 2).factor()
    return effect / sqrt(1 + ratio)


def noise_ratio() -> Expr:
    """C = sigma_n ||S_perp||/S_1 = sigma_f q/a at the solution for quadratic l."""
    found = quadratic_solution()
    ratio = (found[noise**2] / found[signal] ** 2).factor()
    return (sigma_f * sqrt(ratio)).subs(effect, mu_f / sigma_f)


def chi_square_limit(freedom: Expr, samples: Symbol) -> Expr:
    """The limit of a chi-square over N, in probability: its mean k and variance 2 k allow it.

    Raises
    ------
    ValueError : the variance of the quotient does not tend to zero.

    Examples
    --------
    >>> N = Symbol("N", positive=True)
    >>> chi_square_limit(N * aspect_ratio - 1, N)
    lambda
    """
    if limit(2 * freedom / samples**2, samples, oo) != 0:
        raise ValueError(
            f"a chi-square of {freedom} degrees of freedom over {samples} does not concentrate; "
            f"expected degrees of freedom of lower order than {samples}**2"
        )
    return limit(freedom / samples, samples, oo)


def rank_one_update() -> Expr:
    """(W + y y^T) W^-1 y - y (1 + y^T W^-1 y): zero, so that (W + y y^T)^-1 y is along W^-1 y.

    >>> rank_one_update()
    0
    """
    d = Symbol("d", integer=True, positive=True)
    W, y = MatrixSymbol("W", d, d), MatrixSymbol("y", d, 1)
    form = y.T * W.I * y
    return _scalar_zero(((W + y * y.T) * W.I * y - y - y * form).doit().expand().doit())


def inverse_of_a_block() -> Expr:
    """The lower block of W (1, -W_22^-1 w_21): zero, so that W^-1 e_1 is along that vector.

    Its first component is the Schur complement w_11 - w_12 W_22^-1 w_21, the squared distance of
    the first row of a factor from the span of the others, and 1/(W^-1)_11.

    >>> inverse_of_a_block()
    0
    """
    n = Symbol("n", integer=True, positive=True)
    W22, w21 = MatrixSymbol("W_22", n, n), MatrixSymbol("w_21", n, 1)
    return _scalar_zero((w21 + W22 * (-(W22.I * w21))).doit())


def _scalar_zero(rest: MatrixExpr) -> Expr:
    """Zero for a zero matrix of any size, else the matrix."""
    return S.Zero if rest.is_ZeroMatrix else rest


def least_squares_accuracy_argument() -> Expr:
    """The limit for least squares from its exact law, without Gordon's comparison.

    Rotate the samples so that the labels become (sqrt(N), 0, ..., 0): the whitened first row is
    y = sqrt(N) Delta e_1 + g, the others are an independent Gaussian matrix with Wishart
    W = G^T G of N - 1 samples. The minimiser is along (W + y y^T)^-1 y, thus along W^-1 y, thus
    along y/|y| + t, with t isotropic in the complement of y and
    |t|^2 = chi^2_{d-1}/chi^2_{N-d+1}. The cosine of y with e_1 has the square
    (sqrt(N) Delta + g_1)^2/((sqrt(N) Delta + g_1)^2 + chi^2_{d-1}).
    """
    samples = Symbol("N", positive=True)
    features = aspect_ratio * samples
    across = chi_square_limit(features - 1, samples)
    within = chi_square_limit(samples - features + 1, samples)
    along = effect**2 / (effect**2 + across)
    return effect * sqrt(along / (1 + across / within))


def least_squares_noise_ratio() -> Expr:
    """C = sigma_f sqrt(1/cos^2 - 1) for the cosine of the exact law."""
    cosine_square = (least_squares_accuracy_argument() / effect) ** 2
    ratio = (1 / cosine_square - 1).factor()
    return (sigma_f * sqrt(ratio)).subs(effect, mu_f / sigma_f)


def quadratic_derivation() -> Derivation:
    """The square of the positive number whose Phi is the accuracy for quadratic l."""
    found = quadratic_solution()
    a, q2 = found[signal], found[noise**2]
    return Derivation(
        "accuracy in high dimension for a quadratic loss",
        (
            Step("(a Delta)^2/(a^2 + q^2)", effect**2 * a**2 / (a**2 + q2), "start"),
            Step("z* cancels", accuracy_argument() ** 2),
            Step("sorted", effect**4 * (1 - aspect_ratio) / (effect**2 + aspect_ratio)),
            Step("the same from the exact law", least_squares_accuracy_argument() ** 2),
        ),
    )


def least_norm_noise(first: Expr) -> Expr:
    """The limit of ||S_perp||^2 for the shortest S_perp that completes S_1 to equal logits z*.

    sigma_n Xi S_perp = v with v_i = z* - S_1 (mu_f + sigma_f xi_i), thus sigma_n^2 ||S_perp||^2 is
    v^T (Xi Xi^T)^-1 v = |v|^2/chi^2_{d-N}: the inverse of a Wishart matrix, along a direction that
    does not depend on it, is one over a squared distance to a span of N - 1 vectors in d - 1
    dimensions. And |v|^2/N tends to its mean.
    """
    samples = Symbol("N", positive=True)
    freedom = chi_square_limit((1 + excess) * samples - samples, samples)
    mean_square = (target - first * mu_f) ** 2 + first**2 * sigma_f**2
    return mean_square / (sigma_n**2 * freedom)


def least_norm_signal() -> Expr:
    """The S_1 that makes S_1^2 + ||S_perp||^2 least.

    Both are quadratics in S_1; that their three coefficients converge gives the limit of the
    minimiser.
    """
    first = signal_weight
    total = first**2 + least_norm_noise(first)
    return linear_root(total.diff(first), first)


def least_norm_derivation() -> Derivation:
    """The signal component of the shortest weights with all logits equal to z*."""
    first = signal_weight
    total = first**2 + least_norm_noise(first)
    slope = Eq(total.diff(first), 0)
    solution = target * mu_f / (mu_f**2 + sigma_f**2 + sigma_n**2 * excess)
    factor = 2 * (mu_f**2 + sigma_f**2 + sigma_n**2 * excess) / (sigma_n**2 * excess)
    return Derivation(
        "shortest weights with equal logits",
        (
            Step("the slope of S_1^2 + ||S_perp||^2", slope, "start"),
            Step("solved for S_1", Eq(first, solution), "equivalent", factor),
        ),
    )


def truncated_square(mean: Expr, deviation: Expr) -> Expr:
    """E (m + s G)_+^2 = (m^2 + s^2) Phi(m/s) + m s phi(m/s).

    >>> truncated_square(S.Zero, Symbol("s", positive=True))
    s**2/2
    """
    t = mean / deviation
    below = (1 + erf(t / sqrt(2))) / 2
    density = exp(-(t**2) / 2) / sqrt(2 * pi)
    return (mean**2 + deviation**2) * below + mean * deviation * density


def interpolation() -> Expr:
    """X X^T (X X^T)^-1 - 1: zero, so that S = X^T (X X^T)^-1 z* 1 has all logits z*.

    With N <= d generic samples it exists, and is the shortest weights that do. Every sample is then
    at its own least loss, whatever l is.

    >>> interpolation()
    0
    """
    n, d = (Symbol(name, integer=True, positive=True) for name in ("N", "d"))
    X = MatrixSymbol("X", n, d)
    return _scalar_zero((X * X.T * (X * X.T).I - Identity(n)).doit())


def growth_of_the_truncated_square() -> tuple[Expr, Expr, Expr]:
    """T = E (m + s G)_+^2 grows with m: what T_mm is off by from 2 Phi(m/s), and T_m at -infinity.

    The last is what T(t m, t s) is off by from t^2 T(m, s); all three are zero.

    >>> growth_of_the_truncated_square()
    (0, 0, 0)
    """
    m = Symbol("m", real=True)
    s, t = Symbol("s", positive=True), Symbol("t", positive=True)
    value = truncated_square(m, s)
    bend = value.diff(m, 2) - (1 + erf(m / (sqrt(2) * s)))
    scaled = truncated_square(t * m, t * s) - t**2 * value
    return bend.simplify(), limit(value.diff(m).subs(s, 1), m, -oo), scaled.simplify()

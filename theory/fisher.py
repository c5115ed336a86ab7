"""Many classes, Fisher's scatter ratio, and what rescaling the noise leaves unchanged.

Matrices are letters of a free algebra (:mod:`logitreg.theory.words`): what is shown of them holds
for any number of samples N, features d and classes K. Features x = mean of the class + noise; the
signal space is the span of the differences of the means, of dimension m, with an orthonormal basis
Q_1, and Q_2 is one of its orthogonal complement.
"""

from __future__ import annotations

from sympy import Expr, Matrix, S, Symbol, zeros

from .words import letters, normal_form

__all__ = [
    "between_scatter",
    "equivariance",
    "interpolation",
    "kernel_of_the_weights",
    "noise_level",
    "rescaling_identities",
    "residual_of_normal_equations",
    "scale",
    "signal_differences",
    "signal_noise",
    "signal_projector",
    "traces_of_the_model",
]

scale = Symbol("q", real=True)
"""The gap q of the targets q e_c."""

signal_noise = Symbol("sigma_f", positive=True)
noise_level = Symbol("sigma_n", positive=True)

_shift = Symbol("s", real=True)

Relations = dict[tuple[Symbol, ...], Expr]


def residual_of_normal_equations() -> Expr:
    """The residual for the targets q Y + s 1 1^T, less q and s times those for Y and for 1.

    W solves X^T X W = X^T Y and w solves X^T X w = X^T 1; so q W + s w 1^T solves the normal
    equations for q Y + s 1 1^T. What is returned vanishes.

    >>> residual_of_normal_equations()
    0
    """
    x, xt, y, w, v, one, row = letters("X Xt Y W w 1_N 1_Kt")
    combined = xt * (x * (scale * w + _shift * v * row) - (scale * y + _shift * one * row))
    return normal_form(combined - scale * xt * (x * w - y) - _shift * xt * (x * v - one) * row)


def interpolation() -> tuple[tuple[str, Expr], ...]:
    """Weights W = Z G D^T that reach the targets, G = (D^T D)^-1.

    The columns of D are the differences mu_c - mu_1 of the means, those of Z the differences of the
    targets; b = z_1 - W mu_1 does the rest. Noise n is orthogonal to every column of D. A sample of
    class c is x = mu_1 + D e + n, with e the unit vector of c (zero for the first class), and its
    target is z_1 + Z e. Each expression vanishes.
    """
    d, dt, inverse, targets, noise = letters("D Dt G Z n")
    mean, unit, first = letters("mu_1 e z_1")
    weights = targets * inverse * dt
    relations: Relations = {(inverse, dt, d): S.One, (dt, noise): S.Zero}
    logits = weights * (mean + d * unit + noise) + first - weights * mean
    return (
        ("W D = Z", normal_form(weights * d - targets, relations)),
        ("W n = 0", normal_form(weights * noise, relations)),
        ("W x + b = z_1 + Z e", normal_form(logits - first - targets * unit, relations)),
    )


def equivariance() -> Expr:
    """(W A^-1)(A x) - W x, for invertible A: the same logits from transformed features.

    >>> equivariance()
    0
    """
    weights, a, inverse, x = letters("W A Ai x")
    return normal_form(weights * inverse * a * x - weights * x, {(inverse, a): S.One})


def _orthonormal(q1: Symbol, q1t: Symbol, q2: Symbol, q2t: Symbol, d: Symbol) -> Relations:
    """Q_1 and Q_2 are orthonormal bases of orthogonal complements, and D = Q_1 (...)."""
    return {
        (q1t, q1): S.One,
        (q2t, q2): S.One,
        (q1t, q2): S.Zero,
        (q2t, q1): S.Zero,
        (q2t, d): S.Zero,
    }


def rescaling_identities(on_signal: Expr, on_noise: Expr) -> tuple[tuple[str, Expr], ...]:
    """Whether A = on_signal (I - P) + on_noise P, P = Q_2 Q_2^T, changes sigma_n alone.

    Each expression vanishes if it does: differences of means and signal coordinates unchanged,
    noise coordinates multiplied by gamma, and A invertible.
    """
    gamma = Symbol("gamma", positive=True)
    q1, q1t, q2, q2t, d = letters("Q1 Q1t Q2 Q2t D")
    projector, relations = q2 * q2t, _orthonormal(q1, q1t, q2, q2t, d)
    a = on_signal * (1 - projector) + on_noise * projector
    inverse = (1 - projector) / on_signal + projector / on_noise
    return (
        ("A D = D", normal_form(a * d - d, relations)),
        ("Q_1^T A = Q_1^T", normal_form(q1t * a - q1t, relations)),
        ("Q_2^T A = gamma Q_2^T", normal_form(q2t * a - gamma * q2t, relations)),
        ("A A^-1 = 1", normal_form(a * inverse - 1, relations)),
    )


def traces_of_the_model(size: Expr, complement: Expr) -> tuple[Expr, Expr]:
    """tr(Q_1^T Sigma Q_1) and tr(Q_2^T Sigma Q_2) for signal plus noise.

    Sigma = sigma_f^2 Q_1 Q_1^T + sigma_n^2 Q_2 Q_2^T; the traces of the identities are the
    dimensions.

    >>> traces_of_the_model(Symbol("m"), Symbol("k"))
    (m*sigma_f**2, k*sigma_n**2)
    """
    q1, q1t, q2, q2t, d = letters("Q1 Q1t Q2 Q2t D")
    relations = _orthonormal(q1, q1t, q2, q2t, d)
    sigma = signal_noise**2 * q1 * q1t + noise_level**2 * q2 * q2t
    first = normal_form(q1t * sigma * q1, relations)
    second = normal_form(q2t * sigma * q2, relations)
    return first * size, second * complement


def signal_differences(means: Matrix) -> Matrix:
    """The columns mu_c - mu_1, c = 2, ..., K, of means given as columns.

    >>> signal_differences(Matrix([[1, 2, 4]]))
    Matrix([[1, 3]])
    """
    first = means[:, 0]
    columns = [means[:, i] - first for i in range(1, means.cols)]
    return Matrix.hstack(*columns)


def signal_projector(spanning: Matrix) -> Matrix:
    """The orthogonal projector on the span of the columns, in exact rationals.

    >>> signal_projector(Matrix([[1], [1]]))
    Matrix([
    [1/2, 1/2],
    [1/2, 1/2]])
    """
    independent = spanning.columnspace()
    if not independent:
        return zeros(spanning.rows, spanning.rows)
    basis = Matrix.hstack(*independent)
    return basis * (basis.T * basis).inv() * basis.T


def kernel_of_the_weights(centred: bool = True) -> Expr:
    """C 1 for S_B = M C M^T, C = diag(pi) - pi pi^T, or diag(pi) where S_B is not centred.

    It vanishes where S_B is centred, whose rank is then K - 1 at most.

    >>> kernel_of_the_weights()
    0
    """
    weights, pi, pit, one = letters("D pi pit 1_K")
    relations: Relations = {(weights, one): pi, (pit, one): S.One}
    return normal_form((weights - (pi * pit if centred else 0)) * one, relations)


def between_scatter(means: Matrix, proportions: Matrix, *, centred: bool = True) -> Matrix:
    """S_B = sum_c pi_c (mu_c - mu)(mu_c - mu)^T, mu = sum_c pi_c mu_c.

    >>> between_scatter(Matrix([[1, -1]]), Matrix([1, 1]) / 2)
    Matrix([[1]])
    """
    mean = means * proportions if centred else zeros(means.rows, 1)
    total = zeros(means.rows, means.rows)
    for column, weight in enumerate(proportions):
        deviation = means[:, column] - mean
        total += weight * deviation * deviation.T
    return total

"""Alignment with a bias, for several classes, in the limit of clustering, and for features.

The bound of :mod:`logitreg.theory.alignment` is that of the metric of the data. What is added here:

- with a column of ones that is absorbed like the features, Fisher's weights are the regression of
  the labels, whose slope is W^-1 (m_+ - m_-), W the scatter within the classes;
- for K classes V = L' - w (1 + E) R, with V the gradients at the logits Z, L' those at the targets
  T, R = T - Z, w (1 + E_i) the Hessian averaged from t_i to z_i; so P R = -P E R + P (L' - V)/w;
- as logits cluster at their targets the averaged Hessians tend to those at the targets, whose
  eigenvalues for K > 2 classes differ: epsilon has a positive limit;
- two vectors u, v span a plane on which X has singular values s <= b between those of X, and there
  sin E(u, v) = sin X(u, v) |Xu| |Xv|/(b s |u| |v|): the Euclidean sine is at most b/s times the
  sine in the metric of the data.
"""

from __future__ import annotations

from typing import NamedTuple

from sympy import Expr, Matrix, Rational, S, Symbol, diag, eye, ones, sqrt

from .alignment import epsilon
from .neural_collapse import hessian_eigenpairs
from .symbols import K, alpha
from .words import letters, normal_form

__all__ = [
    "BiasedSines",
    "absorbed_bias_identities",
    "areas",
    "attained_share",
    "class_outlier_design",
    "condition_factor",
    "confidence",
    "eliminated_bias",
    "expectile_weights",
    "hessian_products",
    "label",
    "largest_singular",
    "least_squares",
    "limit_of_epsilon",
    "multiclass_identity",
    "outlier_design",
    "quadratic_eigenvalues",
    "quadratic_limit",
    "sine_squared",
    "sines_with_bias",
    "smallest_singular",
    "smoothing_limit",
    "target_gap",
    "weighted_solution",
    "with_column",
]

label = Symbol("y", real=True)
"""The label of a sample, -1 or 1."""

confidence = Symbol("p", positive=True)
"""The probability p_c of the true class at its target, above 1/K."""

target_gap = Symbol("g", positive=True)

largest_singular = Symbol("b", positive=True)
smallest_singular = Symbol("s", positive=True)


# A bias.


def absorbed_bias_identities() -> tuple[tuple[str, Expr], ...]:
    """The normal equations of D [X 1] and the target 1 are those of [X 1] and the labels D 1.

    D = diag(y), and D D = 1 for labels -1 and 1. Each expression vanishes.
    """
    d, x, xt, one = letters("D X Xt 1_N")
    relations = {(d, d): S.One}
    return (
        ("(D X)^T (D X) = X^T X", normal_form(xt * d * (d * x) - xt * x, relations)),
        ("(D X)^T 1 = X^T y", normal_form(xt * d * one - xt * (d * one), relations)),
    )


def eliminated_bias() -> tuple[Expr, Expr]:
    """Coefficients of m_+ and m_- in the normal equations at S = gamma W^-1 (m_+ - m_-).

    The equations are (W + n_+ m_+ m_+^T + n_- m_- m_-^T) S + (n_+ m_+ + n_- m_-) b
    = n_+ m_+ - n_- m_- and (n_+ m_+ + n_- m_-)^T S + (n_+ + n_-) b = n_+ - n_-. Both coefficients
    vanish for gamma = 2 h/(1 + h u), h = n_+ n_-/(n_+ + n_-), u = (m_+ - m_-)^T W^-1 (m_+ - m_-).
    """
    plus, minus, u = (Symbol(name, positive=True) for name in ("n_+", "n_-", "u"))
    upper = Symbol("m_+^T W^-1 (m_+ - m_-)", real=True)
    lower = upper - u
    total, harmonic = plus + minus, plus * minus / (plus + minus)
    scale = 2 * harmonic / (1 + harmonic * u)
    bias = (plus - minus - scale * (plus * upper + minus * lower)) / total
    return (
        scale + plus * upper * scale + plus * bias - plus,
        -scale + minus * lower * scale + minus * bias + minus,
    )


def with_column(features: Matrix, labels: Matrix, column: Expr) -> Matrix:
    """The absorbed design: rows y x, and at the end a column that is a function of the label.

    >>> with_column(Matrix([[2], [3]]), Matrix([1, -1]), label)
    Matrix([
    [ 2,  1],
    [-3, -1]])
    """
    added = labels.applyfunc(lambda y: S(column).subs(label, y))
    return Matrix.hstack(diag(*labels) * features, added)


def least_squares(X: Matrix, targets: Matrix) -> Matrix:
    """The least-squares solution of X S = targets, for X of full column rank."""
    return (X.T * X).LUsolve(X.T * targets)


class BiasedSines(NamedTuple):
    """Squared sines of the angles of (S, b) and of the slopes, and squared norms of Fisher's."""

    joint: Expr
    slope: Expr
    joint_square: Expr
    centred_square: Expr


def sines_with_bias(features: Matrix, labels: Matrix, ratio: Rational) -> BiasedSines:
    """At the exact minimiser of asymmetric squares over slope and bias, against Fisher's.

    The angle of (S, b) is that of the logits; the angle of the slopes is that of the logits'
    parts orthogonal to the column y of the bias.
    """
    design = with_column(features, labels, label)
    logits = design * expectile_weights(design, ratio)
    fisher = design * least_squares(design, ones(design.rows, 1))
    centre = labels * labels.T / (labels.T * labels)[0]
    parts = logits - centre * logits, fisher - centre * fisher
    return BiasedSines(
        sine_squared(logits, fisher),
        sine_squared(*parts),
        fisher.dot(fisher),
        parts[1].dot(parts[1]),
    )


# Several classes.


def multiclass_identity() -> Expr:
    """P R + P E R - P (L' - V)/w where V = L' - w (R + E R): it vanishes.

    P, E and the letters for R, L' are operators on, and elements of, the N x K matrices: P acts on
    the columns, E on each row by its own symmetric matrix.
    """
    P, E, R, at_target = letters("P E R L")
    weight = Symbol("w", positive=True)
    gradients = at_target - weight * (R + E * R)
    return normal_form(P * R + P * E * R - P * (at_target - gradients) / weight)


def weighted_solution(X: Matrix, targets: Matrix, hessians: tuple[Matrix, ...]) -> Matrix:
    """W (d x K) with sum_i x_i (A_i (t_i - W^T x_i))^T = 0, in exact arithmetic.

    It minimises sum_i (z_i - t_i)^T A_i (z_i - t_i)/2, whose averaged Hessians are the A_i.
    """
    features, classes = X.cols, targets.cols
    system = Matrix.zeros(features * classes, features * classes)
    right = Matrix.zeros(features * classes, 1)
    for i, hessian in enumerate(hessians):
        moment = X[i, :].T * X[i, :]
        for j in range(features):
            rows = slice(j * classes, (j + 1) * classes)
            right[rows, 0] += X[i, j] * hessian * targets[i, :].T
            for k in range(features):
                system[rows, slice(k * classes, (k + 1) * classes)] += moment[j, k] * hessian
    return Matrix(system.LUsolve(right)).reshape(features, classes)


def sine_squared(u: Matrix, v: Matrix) -> Expr:
    """The squared sine of the angle between two matrices, in the inner product trace(u^T v)."""
    product = (u.T * v).trace()
    return 1 - product**2 / ((u.T * u).trace() * (v.T * v).trace())


def outlier_design(ordinary: int, height: Expr) -> Matrix:
    """Rows (1, 0), and two outliers (1 + h, 1), (1 - h, 1): data on which the bound is nearly met.

    Fisher's residuals sit on the outliers, with opposite signs, so that a loss that weighs signs
    differently moves the weights along the second column alone.
    """
    rows = [[S.One, S.Zero]] * ordinary + [[1 + height, S.One], [1 - height, S.One]]
    return Matrix(rows)


def class_outlier_design(classes: int, ordinary: int, height: Expr) -> tuple[Matrix, Matrix]:
    """Rows (e_c, 0) of each class c, two outliers (e_1 + h (e_1 - e_2), 1) and
    (e_2 - h (e_1 - e_2), 1) of the classes 1 and 2, and the labels, one-hot.

    Fisher's residuals are opposite on the outliers, along t_1 - t_2. Where the Hessians at the
    targets are w (1 + epsilon) along t_c and w (1 - epsilon) across it, the last column gets the
    weights -(A_1 + A_2)^-1 (A_1 - A_2) h (t_1 - t_2) as h -> 0.
    """
    unit = eye(classes + 1)
    tilt = height * (unit[0, :] - unit[1, :])
    outliers = (unit[0, :] + tilt + unit[-1, :], unit[1, :] - tilt + unit[-1, :])
    codes = [c for c in range(classes) for _ in range(ordinary)]
    X = Matrix.vstack(*(unit[c, :] for c in codes), *outliers)
    return X, Matrix.vstack(*(unit[c, :-1] for c in (*codes, 0, 1)))


def attained_share() -> Expr:
    """The sine over its bound r epsilon/sqrt(1 - epsilon^2) on those data, as h -> 0.

    |epsilon (v_1 v_1^T - v_2 v_2^T) q|/((1 - epsilon/(K - 1)) |q|) for unit vectors v_1, v_2 with
    the scalar product -1/(K - 1) and q along v_1 - v_2, over epsilon/sqrt(1 - epsilon^2). The bound
    is attained where epsilon = 1/(K - 1), under label smoothing for K p = K/(K - 2).

    >>> attained_share().subs(epsilon, 1 / (K - 1)).subs(K, 5)
    1
    """
    return sqrt(1 - epsilon**2) * sqrt(K * (K - 2)) / (K - 1 - epsilon)


# The limit of clustering.


def limit_of_epsilon(largest: Expr, smallest: Expr) -> Expr:
    """(M - m)/(M + m)."""
    return (largest - smallest) / (largest + smallest)


def hessian_products() -> tuple[tuple[Expr, Expr], ...]:
    """(diag(p) - p p^T) v - lambda v at the true and at another class, for the known eigenpairs.

    All entries that are not shown are equal to those that are, or minus those: each expression
    vanishes.
    """
    other = (1 - confidence) / (K - 1)
    residuals = []
    for value, _, (at_true, first, second) in hessian_eigenpairs():
        rest = first * (K - 1) if first == second else first + second
        mean = confidence * at_true + other * rest
        residuals.append(
            (
                confidence * (at_true - mean) - value * at_true,
                other * (first - mean) - value * first,
            )
        )
    return tuple(residuals)


def smoothing_limit() -> Expr:
    """(K p - 1)/(K p + 1): the limit of epsilon for label smoothing and K > 2 classes."""
    return (K * confidence - 1) / (K * confidence + 1)


def quadratic_eigenvalues() -> tuple[Expr, Expr]:
    """Largest and smallest eigenvalue of the Hessian for f = ||z||^2 on the logits of sum zero.

    (1 - alpha) p_o = 2 alpha g/K at the target, p_o the probability of another class.
    """
    pull = 2 * alpha * target_gap / K
    return 2 * alpha + K * confidence * pull, 2 * alpha + pull


def quadratic_limit() -> Expr:
    """g (K p - 1)/(2 K + g (K p + 1)): the limit of epsilon for f = ||z||^2 and K > 2 classes."""
    return target_gap * (K * confidence - 1) / (2 * K + target_gap * (K * confidence + 1))


# The Euclidean angle.


def areas() -> tuple[Expr, Expr, Matrix, Matrix]:
    """|u|^2 |v|^2 - (u . v)^2 before and after X = diag(b, s), with u and v on the plane.

    By the singular value decomposition of X on the plane of u and v nothing else can occur; its
    singular values there lie between the extreme ones of X.
    """
    u = Matrix([Symbol("u1", real=True), Symbol("u2", real=True)])
    v = Matrix([Symbol("v1", real=True), Symbol("v2", real=True)])
    X = diag(largest_singular, smallest_singular)

    def area(a: Matrix, b: Matrix) -> Expr:
        return a.dot(a) * b.dot(b) - a.dot(b) ** 2

    return area(u, v), area(X * u, X * v), u, v


def condition_factor() -> Expr:
    """kappa(X) = b/s.

    >>> condition_factor()
    b/s
    """
    return largest_singular / smallest_singular


def expectile_weights(X: Matrix, ratio: Rational) -> Matrix:
    """Minimiser of sum l(z_i), l(z) = (z - 1)^2/2 for z <= 1 and ratio (z - 1)^2/2 above: exact.

    l is convex and differentiable, its minimiser is 1. Newton's method ends after finitely many
    steps where the signs of z_i - 1 repeat.

    >>> expectile_weights(Matrix([1, 2]), Rational(3))
    Matrix([[7/13]])
    """
    weights = [S.One] * X.rows
    for _ in range(4 * X.rows):
        scaled = diag(*weights) * X
        solution = (scaled.T * X).LUsolve(scaled.T * ones(X.rows, 1))
        found = [ratio if logit > 1 else S.One for logit in X * solution]
        if found == weights:
            return solution
        weights = found
    raise ArithmeticError("Newton's method cycled; expected the signs to settle: take other data")

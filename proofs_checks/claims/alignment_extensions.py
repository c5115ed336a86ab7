"""Claims: the alignment bound with a bias, for several classes, and for the Euclidean angle."""

from __future__ import annotations

from typing import NamedTuple

from sympy import (
    Eq,
    Expr,
    Interval,
    Le,
    Matrix,
    Rational,
    S,
    Symbol,
    diag,
    expand,
    eye,
    limit,
    simplify,
    sqrt,
)

from ...theory import alignment as bound_theory
from ...theory import alignment_extensions as theory
from ...theory.alignment import epsilon, variation
from ...theory.alignment_extensions import (
    label,
    largest_singular,
    smallest_singular,
)
from ..alignment_on_data import (
    HessianRange,
    Weighted,
    bound_with_matrices,
)
from ..checks import Proposition, all_of, holds_on_its_domain, identical
from ..claim import Claim, Variant
from ..evidence import Grade, Outcome
from ..lemmas import lemmas_hold
from ..matrix_identities import vanishes
from ..smt import prove_implication
from ..witnesses import sign_at

__all__ = ["CLAIMS"]

_SOURCE = "lead: clustered logits align with Fisher's direction"
_SINE = bound_theory.bound_on_sine()


def _polynomials_agree(left: Expr, right: Expr) -> Outcome:
    rest = expand(left - right)
    if rest == 0:
        return Outcome.proved("symbolic identity", f"{left} = {right}")
    return Outcome.undecided("symbolic identity", f"{left} less {right} is {rest}")


# A bias.

_FEATURES = Matrix([[1, 2], [2, 1], [3, 5], [0, 1], [-1, 0], [2, 7], [-3, 1]])
_LABELS = Matrix([1, 1, 1, -1, -1, -1, -1])


def _column_gives_the_logits(column: Expr) -> Outcome:
    """y (x . S + b) = (y x) . S + c(y) b for both labels, c the last column of the design."""
    logit, bias = Symbol("t", real=True), Symbol("beta", real=True)
    return all_of(
        identical(y * (logit + bias), y * logit + S(column).subs(label, y) * bias) for y in (1, -1)
    )


def _column_gives_fisher(column: Expr) -> Outcome:
    """The slope of the least-squares solution is W^-1 (m_+ - m_-) for any data; here 7 samples."""
    design = theory.with_column(_FEATURES, _LABELS, column)
    scatter, means = Matrix.zeros(2, 2), []
    for sign in (1, -1):
        rows = [_FEATURES[i, :] for i in range(len(_LABELS)) if _LABELS[i] == sign]
        mean = sum(rows, Matrix.zeros(1, 2)) / len(rows)
        means.append(mean)
        scatter += sum(((r - mean).T * (r - mean) for r in rows), Matrix.zeros(2, 2))
    fisher = scatter.inv() * (means[0] - means[1]).T
    if design.rank() == design.cols:
        slope = theory.least_squares(design, Matrix([1] * design.rows))[:2, 0]
        area = Matrix.hstack(slope, fisher).det()
        if area:
            witness = f"7 samples, column {column}: slope {list(slope)}, Fisher {list(fisher)}"
            return Outcome.refuted("exact rationals", "not parallel to Fisher's direction", witness)
    return all_of(
        (
            *(vanishes(name, rest) for name, rest in theory.absorbed_bias_identities()),
            *(identical(coefficient, S.Zero) for coefficient in theory.eliminated_bias()),
        )
    )


_joint_norm = Symbol("f", positive=True)
_centred_norm = Symbol("c", positive=True)


def _slope_factor_holds(factor: Expr) -> Outcome:
    """sin of the slopes <= factor * sin of (S, b), by data in exact rationals and by a lemma.

    Projecting off the bias column moves no two points apart: the distance of the centred Fisher
    logits from the line of the centred logits is at most that of the Fisher logits, D.
    """
    for name, features, labels, ratio in _BIASED:
        sines = theory.sines_with_bias(features, labels, Rational(ratio))
        norms = {_joint_norm: sqrt(sines.joint_square), _centred_norm: sqrt(sines.centred_square)}
        allowed = S(factor).subs(norms) ** 2 * sines.joint
        if sign_at(sines.slope - allowed, {}) > 0:
            where = f"{name}: sin^2 = {sines.slope}, of (S, b) {sines.joint}; allowed {allowed}"
            what = "the slopes are further apart"
            return Outcome.refuted("ball arithmetic, exact data", what, where, Grade.CERTIFIED)
    centred, joint = Symbol("d", nonnegative=True), Symbol("D", nonnegative=True)
    lemma = prove_implication(
        [centred <= joint], Le(centred / _centred_norm, factor * joint / _joint_norm)
    )
    # Numbers that no data have refute nothing.
    return Outcome.undecided(lemma.method, lemma.detail) if lemma.refutes else lemma


_TIGHT = Matrix([[0, 1], [-3, 3], [2, -1], [3, -1], [-2, 2], [0, 1]])
"""Data on which the factor is met with equality."""

_BIASED = (
    ("6 samples, 2 positive, errors above weigh 2", _TIGHT, Matrix([1, 1, -1, -1, -1, -1]), 2),
    ("7 samples, 3 positive, errors above weigh 9", _FEATURES, _LABELS, 9),
)


# Several classes.


class _Multiclass(NamedTuple):
    """A bound on the sine in r and epsilon, and the m and M that epsilon is taken of."""

    bound: Expr
    extremes: HessianRange


def _eigenvalue_range(hessians: tuple[Matrix, ...]) -> tuple[Expr, Expr]:
    values = [value for hessian in hessians for value in hessian.eigenvals()]
    return min(values), max(values)


def _diagonal_range(hessians: tuple[Matrix, ...]) -> tuple[Expr, Expr]:
    values = [value for hessian in hessians for value in hessian.diagonal()]
    return min(values), max(values)


def _range_of_the_mean(hessians: tuple[Matrix, ...]) -> tuple[Expr, Expr]:
    total = sum(hessians, Matrix.zeros(*hessians[0].shape)) / len(hessians)
    return _eigenvalue_range((total,))


def _weighted_data() -> tuple[Weighted, ...]:
    """Hessians with rational eigenvalues: symmetric with rows (a, c), (c, a), and diagonal ones."""
    X = theory.outlier_design(14, Rational(1, 10))
    targets = Matrix([[1, -1]] * X.rows)
    sides = [3 if i == X.rows - 2 else 6 for i in range(X.rows)]
    scalar = tuple(w * eye(2) for w in sides)
    tilted = tuple(Matrix([[2, (-1) ** i], [(-1) ** i, 2]]) for i in range(X.rows))
    three = Matrix([[1, 0, 0], [0, 1, 0], [0, 0, 1]])
    Y = Matrix.vstack(*[three[i % 3, :] - Matrix([[1, 1, 1]]) / 3 for i in range(7)])
    F = Matrix([[2, 0], [0, 3], [-1, -1], [3, 1], [1, 2], [-2, -1], [1, 1]])
    mixed = tuple(diag(1 + i % 2, 2, 3 - i % 3) for i in range(7))
    uneven = Matrix([[1, i % 3] for i in range(6)])
    halves = tuple(Matrix([[2, (-1) ** (i // 2)], [(-1) ** (i // 2), 2]]) for i in range(6))
    other = Matrix([[1 + i % 2, -1] for i in range(6)])
    return (
        Weighted("two outliers among 16, A = 3 or 6", X, targets, scalar),
        Weighted("two outliers among 16, A = [[2, +-1], [+-1, 2]]", X, targets, tilted),
        Weighted("7 samples, 3 outputs, diagonal A", F, Y, mixed),
        Weighted("6 samples, A = [[2, +-1], [+-1, 2]]", uneven, other, halves),
    )


def _matrix_bound_follows(statement: _Multiclass) -> Outcome:
    """The identity P R = -P E R + P (L' - V)/w, and the lemmas in the Frobenius norm.

    An average of symmetric matrices with eigenvalues in [m, M] has u^T A u in [m, M] for unit u,
    hence |u^T E u| <= epsilon and, E being symmetric, ||E r|| <= epsilon ||r||; summed over the
    samples, ||E R|| <= epsilon ||R||. P acts on the columns and is an orthogonal projector.
    """
    on_data = bound_with_matrices(statement.bound, statement.extremes, _weighted_data())
    if not on_data.supported:
        return on_data
    displacement = bound_theory.displacement_bound().subs(bound_theory.beta, 0)
    implied = simplify(displacement / bound_theory.residual_norm * variation)
    return all_of(
        (
            vanishes("P R = -P E R + P (L' - V)/w", theory.multiclass_identity()),
            lemmas_hold(bound_theory.lemmas()[:3]),
            holds_on_its_domain(
                [
                    Proposition(
                        Eq(implied, statement.bound, evaluate=False),
                        {epsilon: Interval.Ropen(0, 1)},
                    )
                ]
            ),
        )
    )


# The Euclidean angle.


def _euclidean_factor_holds(factor: Expr) -> Outcome:
    """sin E <= factor sin X, from sin E/sin X = |Xu| |Xv|/(b s |u| |v|) and |Xu| <= b |u|.

    The sine is the area of the parallelogram over the lengths, and X multiplies areas by b s. The
    factor b^2/(b s) is the least: it is approached by u = (1, 0) and v = (1, h), h -> 0.
    """
    area, image_area, u, v = theory.areas()
    (u1, u2), (v1, v2) = u, v
    X = diag(largest_singular, smallest_singular)
    ratio = theory.sine_squared(u, v) / theory.sine_squared(X * u, X * v)
    for b in (Rational(2), Rational(10)):
        point = {largest_singular: b, smallest_singular: 1, u1: 1, u2: 0, v1: 1}
        found = ratio.subs(point).subs(v2, Rational(1, 1000))
        allowed = S(factor).subs(point) ** 2
        if sign_at(found - allowed, {}) > 0:
            where = f"X = diag({b}, 1), u = (1, 0), v = (1, 1/1000): (sin E/sin X)^2 = {found}"
            return Outcome.refuted("exact rationals", f"above {allowed}", where)
    b, s = largest_singular, smallest_singular
    reached = limit(ratio.subs({u1: 1, u2: 0, v1: 1}), v2, 0)
    least = identical(factor**2, reached)
    if not least.supported:
        return least
    ordered = [s <= b]
    norm, image = (b * u1) ** 2 + (s * u2) ** 2, b**2 * (u1**2 + u2**2)
    return all_of(
        (
            least,
            _polynomials_agree(image_area, (b * s) ** 2 * area),
            prove_implication(ordered, norm <= image),
            prove_implication(ordered, factor >= b * b / (b * s)),
        )
    )


CLAIMS = (
    Claim(
        id="lead.alignment-bias",
        printed=Variant(
            "With a bias (a column of ones before the labels are absorbed, $y$ after) the same "
            "theorem bounds the angle of $(S, b)$ to the least-squares solution, whose slope is "
            "$W^{-1}(m_+ - m_-)$, $W$ the scatter within the classes.",
            label,
        ),
        source=_SOURCE,
        hypotheses=("labels -1 and 1, both present", "[X 1] has full column rank", "W invertible"),
        checks=(_column_gives_the_logits, _column_gives_fisher),
        controls=(
            Variant("a column of ones after absorbing", S.One),
            Variant("no column", S.Zero),
            Variant("ones for one class alone", (1 + label) / 2),
        ),
    ),
    Claim(
        id="lead.alignment-bias-slope",
        printed=Variant(
            "The sine of the angle of the slopes, in the metric of the centred data, is at most "
            "that of $(S, b)$ times $f/c$, the norm of Fisher's logits over that of their part "
            "orthogonal to the bias column.",
            _joint_norm / _centred_norm,
        ),
        source="lead: found with the certificate with a bias",
        hypotheses=("labels -1 and 1, both present", "[X 1] has full column rank"),
        checks=(_slope_factor_holds,),
        controls=(
            Variant("the same bound for the slopes", S.One),
            Variant("c/f for f/c", _centred_norm / _joint_norm),
            Variant("sqrt(f/c)", sqrt(_joint_norm / _centred_norm)),
        ),
    ),
    Claim(
        id="lead.alignment-multiclass",
        printed=Variant(
            "For several classes the bound $r \\epsilon/\\sqrt{1 - \\epsilon^2}$ holds with "
            "matrix-valued $W$: $m$ and $M$ bound the eigenvalues of the Hessians averaged from "
            "the targets to the logits, $r = \\|T - P T\\|/\\|P T\\|$, norms and the angle "
            "being those of Frobenius.",
            _Multiclass(_SINE, _eigenvalue_range),
        ),
        source=_SOURCE,
        hypotheses=(
            "X has full column rank",
            "every averaged Hessian symmetric with eigenvalues in [m, M], m > 0",
            "the gradient of the training loss is zero",
        ),
        checks=(_matrix_bound_follows,),
        controls=(
            Variant("m, M from the diagonals", _Multiclass(_SINE, _diagonal_range)),
            Variant("m, M from the mean Hessian", _Multiclass(_SINE, _range_of_the_mean)),
            Variant("half the bound", _Multiclass(_SINE / 2, _eigenvalue_range)),
            Variant("epsilon squared", _Multiclass(_SINE * epsilon, _eigenvalue_range)),
        ),
    ),
    Claim(
        id="lead.alignment-euclidean",
        printed=Variant(
            "The sine of the Euclidean angle of $S$ and $S_F$ is at most $\\kappa(X)$ times the "
            "sine in the metric of the data, hence at most "
            "$\\kappa(X) r \\epsilon/\\sqrt{1 - \\epsilon^2}$; no smaller factor will do.",
            theory.condition_factor(),
        ),
        source=_SOURCE,
        hypotheses=("X has full column rank", "kappa(X) the ratio of its extreme singular values"),
        checks=(_euclidean_factor_holds,),
        controls=(
            Variant("no factor", S.One),
            Variant("sqrt(kappa)", sqrt(theory.condition_factor())),
            Variant(
                "(kappa + 1/kappa)/2",
                (theory.condition_factor() + 1 / theory.condition_factor()) / 2,
            ),
            Variant("99/100 kappa", Rational(99, 100) * theory.condition_factor()),
            Variant("2 kappa as the least factor", 2 * theory.condition_factor()),
        ),
    ),
)

"""Checks on exact data: is it separable, and how many labellings are?"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from sympy import Gt, Matrix, Rational, S, Symbol, exp, limit, log, oo

from ..theory import cover
from ..theory import separability as theory
from ..theory import signal_noise as theory_of_noise
from ..theory.alignment import Lemma
from ..theory.identities import is_identically_zero
from ..theory.losses import is_even
from ..theory.signal_noise import equivariance, quadratic_member
from ..theory.symbols import alpha, z
from .checks import all_of
from .convexity import prove_convex
from .evidence import Outcome
from .smt import prove_implication

__all__ = [
    "EXACT",
    "HALF",
    "is_separable",
    "labellings_are_counted",
    "least_squares_is_a_member",
    "lemmas_hold",
    "logits_are_equivariant",
    "random_labels_turn_separable_at",
    "rows",
    "weights_follow_the_regression",
]

EXACT = "exact rational data"
HALF = Rational(1, 2)


def lemmas_hold(lemmas: Iterable[Lemma]) -> Outcome:
    """Every lemma is valid in real arithmetic."""
    return all_of(prove_implication(lemma.hypotheses, lemma.conclusion) for lemma in lemmas)


def is_separable(vectors: Matrix) -> bool:
    """Whether some S has S^T x > 0 for every row x, decided by z3 over the reals.

    >>> is_separable(Matrix([[1, 0], [-1, 1]])), is_separable(Matrix([[1, 0], [-1, 0]]))
    (True, False)
    """
    weights = Matrix([Symbol(f"s_{j}", real=True) for j in range(vectors.cols)])
    outcome = prove_implication([Gt(value, 0) for value in vectors * weights], S.false)
    if not (outcome.supported or outcome.refutes):
        raise ArithmeticError(f"separability of {vectors.tolist()} not decided: {outcome.detail}")
    return outcome.refutes


def rows(X: Matrix) -> str:
    """The rows of a matrix, as a witness shows them.

    >>> rows(Matrix([[1, 2], [3, 4]]))
    '(1, 2), (3, 4)'
    """
    return ", ".join(str(tuple(X.row(i))) for i in range(X.rows))


@cache
def labellings_are_counted() -> Outcome:
    """Cover's count: the recursion and its closed form, and exact counts on rational points."""
    for samples, features in ((3, 2), (4, 3), (5, 2), (5, 3), (6, 3), (6, 4)):
        points = cover.points_in_general_position(samples, features)
        counted = cover.separable_labellings_counted(points)
        stated = cover.separable_labellings(samples, features).doit()
        if counted != stated:
            witness = f"points {rows(points)}: {counted} labellings are separable, not {stated}"
            return Outcome.refuted(EXACT, "another count", witness)
    zeros = (*cover.count_residuals(), cover.dimensions_suffice(), cover.projection_identity())
    if any(zeros):
        return Outcome.undecided("symbolic identity", f"Cover's recursion leaves {zeros}")
    counts = Outcome.proved("Cover's recursion", "C(N+1, d) = C(N, d) + C(N, d-1), C(1, d) = 2")
    return all_of((counts, lemmas_hold(cover.splitting_lemmas())))


def random_labels_turn_separable_at(threshold: Rational, lost: int) -> Outcome:
    """As N grows at fixed lambda = d/N, the fraction of separable labellings of N points in general
    position in d - ``lost`` dimensions tends to 1 above the threshold, and to 0 below it.
    """
    counted = labellings_are_counted()
    if not counted.supported:
        return counted
    bounds = [theory.deviation_bound(lost, above=side) for side in (True, False)]
    if any(limit(bound, cover.N, oo) != 0 for bound in bounds):
        return Outcome.undecided("symbolic limit", f"no limit found for {bounds}")
    found = (
        f"exceptions to a turn at 1/2 are at most {bounds[0]} above and {bounds[1]} below, which "
        "tend to 0"
    )
    if threshold == HALF:
        return all_of((counted, Outcome.proved("Chebyshev's bound", found)))
    between = (threshold + HALF) / 2
    samples = between.q * (400 // between.q + 1)
    fraction = theory.separable_fraction(samples, int(between * samples) - lost)
    limit_there = 1 if between > HALF else 0
    if abs(fraction - limit_there) > Rational(1, 10):
        return Outcome.undecided("exact count", f"lambda = {between}: fraction {fraction}")
    return Outcome.refuted(
        "exact count, Chebyshev's bound",
        found,
        f"lambda = {between}, N = {samples}: the fraction of separable labellings is "
        f"{float(fraction):.4g}, and tends to {limit_there}",
    )


@cache
def least_squares_is_a_member() -> bool:
    """Least squares with target 1 is logit regularisation with an even convex f (alpha = 2/5)."""
    f = quadratic_member()
    loss = (1 - alpha) * log(1 + exp(-z)) + alpha * f
    same = is_identically_zero(loss - (1 - alpha) * ((z - 1) ** 2 - 1) / 4) is True
    at_strength = f.subs(alpha, Rational(2, 5))
    return same and is_even(at_strength) and prove_convex(at_strength).supported


def weights_follow_the_regression() -> Outcome:
    """To first order in sigma_f the weights move by minus S_1 times the regression of xi_f on X."""
    if any(theory_of_noise.first_order_gradient_residuals()):
        return Outcome.undecided("symbolic derivative", "not l''(z*) x (S_1 xi_f + x^T dS)")
    if not theory_of_noise.first_order_stationarity().doit().is_ZeroMatrix:
        return Outcome.undecided("matrix algebra", "the first-order weights are not stationary")
    return Outcome.proved(
        "implicit function, matrix algebra",
        "dS/dsigma_f = -S_1 (X^T X)^-1 X^T xi_f at sigma_f = 0, where S_perp = 0",
    )


def logits_are_equivariant() -> Outcome:
    """(X A)(A^-1 S) = X S for symbolic N and d."""
    moved, fixed = equivariance()
    if moved.doit() != fixed:
        return Outcome.undecided("matrix algebra", f"{moved} not reduced to {fixed}")
    return Outcome.proved("matrix algebra", "(X A)(A^-1 S) = X S for invertible A")

"""Separability: of exact data, and of how many labellings."""

from __future__ import annotations

from functools import cache

from sympy import Gt, Matrix, Rational, S, Symbol, limit, oo

from ..theory import cover
from ..theory import separability as theory
from .checks import all_of
from .evidence import Outcome
from .lemmas import lemmas_hold
from .smt import prove_implication

__all__ = [
    "EXACT",
    "HALF",
    "is_separable",
    "labellings_are_counted",
    "random_labels_turn_separable_at",
    "rows",
]

EXACT = "exact rational data"
HALF = Rational(1, 2)


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

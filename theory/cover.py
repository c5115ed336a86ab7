"""Cover's count of the labellings of N points in d dimensions that some weights separate.

Points in general position: any d of them, or all where there are fewer, are independent. A
labelling y is separable iff some S has y_i S^T x_i > 0 for all i. With C(N, d) the number of
separable labellings,

    C(N + 1, d) = C(N, d) + C(N, d - 1),   C(1, d) = 2,   C(N, 0) = 0:

a new point x gets a label with every separable labelling of the old ones, and either label iff some
weights S that separate the old ones have S^T x = 0; these are the separable labellings of the old
points projected along x, in d - 1 dimensions and again in general position (d - 1 of the projected
points and x are independent as d of the points are). Hence C(N, d) = 2 sum_{k<d} binomial(N-1, k),
and all labellings are separable where d >= N.
"""

from __future__ import annotations

from itertools import combinations

from sympy import And, Eq, Expr, Ge, Gt, Le, Lt, Matrix, S, Sum, Symbol, binomial, combsimp

from .alignment import Lemma
from .words import letters, normal_form

__all__ = [
    "count_residuals",
    "dimensions_suffice",
    "points_in_general_position",
    "projection_identity",
    "separable_labellings",
    "separable_labellings_counted",
    "splitting_lemmas",
]

N = Symbol("N", integer=True, positive=True)
_d = Symbol("d", integer=True, positive=True)
_k = Symbol("k", integer=True, nonnegative=True)


def separable_labellings(samples: Expr, features: Expr) -> Expr:
    """The number of separable labellings of points in general position.

    >>> separable_labellings(3, 2).doit(), separable_labellings(3, 3).doit()
    (6, 8)
    """
    return 2 * Sum(binomial(samples - 1, _k), (_k, 0, features - 1))


def count_residuals() -> tuple[Expr, ...]:
    """All zero, which proves that the closed form is Cover's C(N, d), by induction on d.

    R(d) = C(N + 1, d) - C(N, d) - C(N, d - 1) is zero at d = 1, and R(d + 1) - R(d), in which each
    sum gains its last term, is zero by Pascal's rule. Last, C(1, d) = 2.

    >>> count_residuals()
    (0, 0, 0)
    """

    def gained(samples: Expr, features: Expr) -> Expr:
        """C(samples, features + 1) - C(samples, features)."""
        return 2 * binomial(samples - 1, features)

    at_one = separable_labellings(N + 1, 1) - separable_labellings(N, 1)
    step = gained(N + 1, _d) - gained(N, _d) - gained(N, _d - 1)
    of_one = separable_labellings(S.One, 1).doit() + gained(S.One, _d) - 2
    return at_one.doit(), combsimp(step / binomial(N, _d)), of_one


def dimensions_suffice() -> Expr:
    """X S - y for S = X^T G y, G = (X X^T)^-1: d >= N independent points take any labels y.

    >>> dimensions_suffice()
    0
    """
    x, xt, inverse, labels = letters("X Xt G y")
    return normal_form(x * (xt * inverse * labels) - labels, {(x, xt, inverse): S.One})


def projection_identity() -> Expr:
    """S^T (1 - x x^T) x_i - S^T x_i for S^T x = 0, ||x|| = 1: S sees the projected points alone.

    >>> projection_identity()
    0
    """
    st, x, xt, point = letters("St x xt x_i")
    return normal_form(st * (1 - x * xt) * point - st * point, {(st, x): S.Zero})


def splitting_lemmas() -> tuple[Lemma, ...]:
    """Both labels of the new point are possible iff weights that separate the old have S^T x = 0.

    For an old point z and z_2 are y_i S^T x_i under two weights; p and q are S^T x under them.
    """
    first, second, p, q, t = (Symbol(n, real=True) for n in ("z", "z_2", "p", "q", "t"))
    step, shift, most = (Symbol(n, real=True) for n in ("e", "w", "M"))
    return (
        Lemma(
            "weights on either side of x: between them some have S^T x = 0 and separate as well",
            (Gt(first, 0), Gt(second, 0), Gt(p, 0), Lt(q, 0), Eq(t * (p - q), -q)),
            And(Eq(t * p + (1 - t) * q, 0), Gt(t * first + (1 - t) * second, 0)),
        ),
        Lemma(
            "S^T x = 0: S + e x and S - e x separate for small e, either side of x (||x|| = 1)",
            (Gt(first, step * most), Gt(step, 0), Le(shift, most), Ge(shift, -most)),
            And(Gt(first + step * shift, 0), Gt(first - step * shift, 0)),
        ),
    )


def points_in_general_position(samples: int, features: int) -> Matrix:
    """Rows of small integers, no d of which are dependent, taken in turn from a fixed sequence.

    >>> points_in_general_position(3, 2)
    Matrix([
    [-4,  2],
    [ 5, -3],
    [-5, -4]])
    """
    rows: list[list[int]] = []
    state = 1
    while len(rows) < samples:
        row = []
        for _ in range(features):
            row.append(state % 11 - 5 or 5)
            state = 7 * state % 1009
        subsets = combinations(rows, min(features - 1, len(rows)))
        if all(Matrix([*others, row]).rank() == len(others) + 1 for others in subsets):
            rows.append(row)
    return Matrix(rows)


def separable_labellings_counted(points: Matrix) -> int:
    """The number of separable labellings of points in general position, one by one, exactly.

    A labelling is not separable iff some positive combination of the labelled points vanishes
    (Gordan), and then one of d + 1 of them does (Caratheodory): iff the labels of some d + 1 points
    are the signs of the one combination of these that vanishes, or the opposite ones.

    >>> separable_labellings_counted(Matrix([[1, 0], [0, 1], [1, 1]]))
    6
    """
    samples, features = points.shape
    vanishing = []
    for subset in combinations(range(samples), features + 1):
        (weights,) = points.extract(list(subset), range(features)).T.nullspace()
        # Bit i of the mask: point i is involved; bit i of the signs: its weight is positive.
        mask = sum(1 << i for i in subset)
        vanishing.append((mask, sum(1 << i for i, w in zip(subset, weights, strict=True) if w > 0)))
    count = 0
    for labels in range(2**samples):
        shared = ((labels & mask, mask, signs) for mask, signs in vanishing)
        count += all(found not in (signs, mask ^ signs) for found, mask, signs in shared)
    return count

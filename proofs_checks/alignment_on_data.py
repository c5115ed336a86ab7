"""The alignment bound on given rational data, at minimisers that are exact or enclosed.

Sine and bound are compared as exact rationals or as balls: nothing is approximated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from flint import arb
from sympy import Expr, Matrix, Rational, S, ones

from ..numerics.balls import ball, ball_function, hull, precision
from ..numerics.fit import fit
from ..theory.alignment import epsilon, variation
from ..theory.alignment_extensions import (
    expectile_weights,
    least_squares,
    limit_of_epsilon,
    sine_squared,
    weighted_solution,
)
from ..theory.special import RLambertW
from .evidence import Grade, Outcome

__all__ = [
    "DataSet",
    "HessianRange",
    "Weighted",
    "bound_at_enclosed_minimisers",
    "bound_at_exact_minimisers",
    "bound_with_matrices",
    "sine_variation_epsilon",
]

_BITS = 160


class DataSet(NamedTuple):
    """Absorbed rational data."""

    name: str
    X: Matrix


def bound_at_exact_minimisers(bound: Expr, cases: Sequence[tuple[DataSet, Rational]]) -> Outcome:
    """The bound, in r and epsilon, against the sine at exact minimisers of asymmetric squares.

    ``cases`` are data sets, each with what its positive errors weigh.
    """
    closest = 0.0
    for (name, X), ratio in cases:
        logits = X * expectile_weights(X, ratio)
        fisher = X * least_squares(X, ones(X.rows, 1))
        curvatures = [ratio if z > 1 else S.One for z in logits if z != 1]
        spread = limit_of_epsilon(max(curvatures), min(curvatures))
        residuals = ones(X.rows, 1) - fisher
        fraction = residuals.dot(residuals) / fisher.dot(fisher)
        limit = _squared(bound, fraction, spread)
        found = sine_squared(logits, fisher)
        if found > limit:
            where = f"{name}, errors above weigh {ratio}: sin^2 = {found} > {limit} = bound^2"
            return Outcome.refuted("exact rationals", "the sine exceeds the bound", where)
        closest = max(closest, float(found / limit)) if limit else closest
    return Outcome.tested(
        "exact rationals", f"{len(cases)} data sets, sin/bound up to {closest**0.5:.3f}"
    )


def _squared(bound: Expr, fraction: Expr, spread: Expr) -> Expr:
    """The square of the bound at r^2 = fraction: a rational, r being a factor of the bound."""
    per_variation = (bound / variation).subs(epsilon, spread)
    return S(per_variation**2 * fraction).simplify()


def bound_at_enclosed_minimisers(bound: Expr, cases: Sequence[tuple[DataSet, Rational]]) -> Outcome:
    """The bound, in r and epsilon, against the sine for f = z^2, the minimiser enclosed.

    ``cases`` are data sets, each with the strength of the penalty.

    Since l'' >= 2 alpha, the logits X S of the minimiser are within ||P l'(X U)||/(2 alpha) of
    those of any weights U: the dyadic rationals that the solver returns.
    """
    closest = 0.0
    function = ball_function(bound, variation, epsilon)
    with precision(_BITS):
        for (name, X), alpha in cases:
            sine, r, spread = sine_variation_epsilon(X, alpha)
            limit = function(r, spread)
            where = f"{name}, alpha = {alpha}: sin = {sine.str(8)}, bound = {limit.str(8)}"
            if sine > limit:
                method = "ball arithmetic, enclosed minimiser"
                return Outcome.refuted(method, "the sine exceeds the bound", where, Grade.CERTIFIED)
            if not sine <= limit:
                return Outcome.undecided("ball arithmetic, enclosed minimiser", where)
            closest = max(closest, float(sine / limit))
    return Outcome.tested(
        "ball arithmetic, enclosed minimiser",
        f"f = z^2 on {len(cases)} data sets, sin/bound up to {closest:.3f}",
    )


def sine_variation_epsilon(X: Matrix, alpha: Rational) -> tuple[arb, arb, arb]:
    """Enclosures of the sine at the minimiser, of r, and of epsilon, for f = z^2 at alpha.

    Parameters
    ----------
    X : (N, d) rational matrix of rank d, labels absorbed.
    alpha : a rational in (0, 1).

    Examples
    --------
    >>> sine, r, epsilon = sine_variation_epsilon(Matrix([[2, 4], [2, -4], [1, 3]]), Rational(1, 8))
    >>> sine < r * epsilon / (1 - epsilon**2).sqrt()
    True
    """
    strength = ball(alpha)
    target = ball_function(RLambertW(1, (1 - alpha) / (2 * alpha)))()

    def slope(z: arb) -> arb:
        return 2 * strength * z - (1 - strength) / (1 + z.exp())

    floats = fit([[float(x) for x in row] for row in X.tolist()], alpha=float(alpha)).weights
    near = X * Matrix([Rational(w) for w in floats.tolist()])
    approximate = [ball(z) for z in near]
    pull = [slope(z) for z in approximate]
    projector = X * (X.T * X).inv() * X.T
    rows = [[ball(p) for p in projector[i, :]] for i in range(X.rows)]
    shown = [sum((p * v for p, v in zip(row, pull, strict=True)), arb(0)) for row in rows]
    radius = _norm(shown) / (2 * strength)
    logits = [z + hull(-radius, radius) for z in approximate]

    def curvature(z: arb) -> arb:
        between = hull(z, target)
        towards = 2 * strength + (1 - strength) / (2 + 2 * between.cosh())
        return towards if (z - target).contains(0) else (slope(z) - slope(target)) / (z - target)

    weights = [curvature(z) for z in logits]
    low, high = (_extreme(weights, choose) for choose in (arb.min, arb.max))
    fisher = [ball(x) for x in projector * ones(X.rows, 1)]
    residuals = [1 - x for x in fisher]
    wedge = [logits[i] * fisher[j] - logits[j] * fisher[i] for i in range(X.rows) for j in range(i)]
    sine = _norm(wedge) / (_norm(logits) * _norm(fisher))
    return sine, _norm(residuals) / _norm(fisher), (high - low) / (high + low)


def _extreme(values: list[arb], choose: Callable[[arb, arb], arb]) -> arb:
    result = values[0]
    for value in values[1:]:
        result = choose(result, value)
    return result


def _norm(values: list[arb]) -> arb:
    squares = (hull(v.abs_lower() ** 2, v.abs_upper() ** 2) for v in values)
    # The hull is rounded outwards, and so may reach below zero.
    return sum(squares, arb(0)).nonnegative_part().sqrt()


HessianRange = Callable[[tuple[Matrix, ...]], tuple[Expr, Expr]]


class Weighted(NamedTuple):
    """Data, targets of several outputs, and the averaged Hessian of every sample."""

    name: str
    X: Matrix
    targets: Matrix
    hessians: tuple[Matrix, ...]


def bound_with_matrices(bound: Expr, extremes: HessianRange, data: tuple[Weighted, ...]) -> Outcome:
    """The bound against the sine at exact weights for several outputs, in exact rationals.

    ``extremes`` gives (m, M) from the Hessians; what is claimed of the bound depends on it.
    """
    closest = 0.0
    for name, X, targets, hessians in data:
        logits = X * weighted_solution(X, targets, hessians)
        fisher = X * least_squares(X, targets)
        residuals = targets - fisher
        fraction = (residuals.T * residuals).trace() / (fisher.T * fisher).trace()
        low, high = extremes(hessians)
        limit = _squared(bound, fraction, limit_of_epsilon(high, low))
        found = sine_squared(logits, fisher)
        if found > limit:
            where = f"{name}: sin^2 = {found} > {limit} = bound^2"
            return Outcome.refuted("exact rationals", "the sine exceeds the bound", where)
        closest = max(closest, float(found / limit)) if limit else closest
    return Outcome.tested(
        "exact rationals", f"{len(data)} data sets, sin/bound up to {closest**0.5:.3f}"
    )

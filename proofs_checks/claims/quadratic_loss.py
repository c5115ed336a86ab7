"""Claims: the quadratic loss and its toy examples (Beck et al. sec. 3.3, App. C, figs 11, 12)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from sympy import Eq, Expr, Ge, Gt, Lt, Matrix, Rational, Symbol
from sympy.logic.boolalg import Boolean

from ...theory import quadratic_loss as theory
from ...theory.quadratic_loss import a, deviation, mean, ratio, target
from ...theory.symbols import z
from ..checks import all_of
from ..claim import Claim, Correction, Repair, Variant
from ..counterexamples import Population, counterexample, needs
from ..evidence import Outcome
from ..smt import prove_implication

__all__ = ["CLAIMS"]


# The quadratic loss on any data.


class _InMoments(NamedTuple):
    """L(S) for l = a (z - z*)^2 by moments, and the hypotheses under which r is minimal."""

    value: Expr
    hypotheses: frozenset[str]


def _is_the_quadratic_loss(statement: _InMoments) -> Outcome:
    exact = theory.in_moments(a * (z - target) ** 2)
    return prove_implication([], Eq(exact, statement.value, evaluate=False))


def _quadratic(name: str, aim: int, samples: Matrix) -> Population:
    center, spread = theory.moments(samples)
    second = spread + center * center.T
    optimum = aim * second.LUsolve(center)
    return Population(name, (z - aim) ** 2, center, spread, optimum, "finite", samples)


_CROSS = Matrix([[1, 1], [-1, 1], [1, -1], [-1, -1]])
_SCATTERED = Matrix([[1, 0], [0, 1], [1, 2]])
_SAMPLES = (
    _quadratic("l = z^2, samples (1, 0), (0, 1), (1, 2)", 0, _SCATTERED),
    _quadratic("l = (z + 1)^2, samples (1, 0), (0, 1), (1, 2)", -1, _SCATTERED),
    _quadratic("l = (z - 1)^2, samples (+-1, +-1)", 1, _CROSS),
)
_OF_THE_SAMPLES: Mapping[str, Callable[[Population], bool]] = {
    "z* > 0": lambda p: p.has_positive_target,
    "sample mean not zero": lambda p: any(p.mean),
}


def _has_no_positive_mean(example: Population) -> str | None:
    if not example.separates:
        return f"the minimiser is S = {tuple(example.optimum)}: its logits are zero and r = 0/0"
    if example.optimal_mean < 0:
        return f"the minimiser has mean {example.optimal_mean} < 0, and r < 0 has no minimum"
    return None


def _minimises_the_ratio(statement: _InMoments) -> Outcome:
    """With sigma^2 = rho mu^2 the loss is (1 + rho)(mu - z*/(1 + rho))^2 + z*^2 rho/(1 + rho).

    So the best weights of ratio rho have the positive mean z*/(1 + rho) and a loss that grows with
    rho; weights of mean zero have at least a z*^2.
    """
    refutation = counterexample(
        statement.hypotheses, _SAMPLES, _OF_THE_SAMPLES, _has_no_positive_mean
    )
    if refutation is not None:
        return refutation
    rho, rival_rho, m, m_r, s = (Symbol(n, real=True) for n in ("rho", "rho_2", "mu", "mu_2", "s"))
    aim = Symbol("z_star", positive=True)

    def loss(p: Expr, at: Expr) -> Expr:
        return p * at**2 + (at - aim) ** 2

    best = Eq(m_r, aim / (1 + rival_rho))
    return all_of(
        needs(outcome)
        for outcome in (
            prove_implication(
                [Ge(rival_rho, 0), Lt(rival_rho, rho), best], Lt(loss(rival_rho, m_r), loss(rho, m))
            ),
            prove_implication(
                [Ge(rival_rho, 0), Ge(s, 0), best], Lt(loss(rival_rho, m_r), s + aim**2)
            ),
            prove_implication([Ge(rho, 0), Eq(m, aim / (1 + rho))], Gt(m, 0)),
        )
    )


_TWO_HYPOTHESES = frozenset({"z* > 0", "sample mean not zero"})
_MOMENTS = a * (deviation**2 + (mean - target) ** 2)

_COR_32 = Claim(
    id="beck.cor-3.2",
    printed=Variant(
        "For any data and $\\ell(z) = a (z - z^*)^2$, $L(S) = a \\sigma^2(S) + (\\mu(S) - z^*)^2$, "
        "and the optimal direction minimises $r$.",
        _InMoments(a * deviation**2 + (mean - target) ** 2, frozenset()),
    ),
    source="Beck et al. 2026, cor. 3.2",
    hypotheses=("a > 0",),
    checks=(_is_the_quadratic_loss, _minimises_the_ratio),
    correction=Correction(
        Repair.FORMULA,
        Variant(
            "For any data and $\\ell(z) = a (z - z^*)^2$, "
            "$L(S) = a [\\sigma^2(S) + (\\mu(S) - z^*)^2]$, with $\\sigma^2$ the mean squared "
            "deviation. If $z^* > 0$ and the samples' mean is not zero, a minimiser has "
            "$\\mu(S) > 0$ and the smallest $r$ among such weights.",
            _InMoments(_MOMENTS, _TWO_HYPOTHESES),
        ),
    ),
    controls=(
        Variant(
            "a on the second term alone",
            _InMoments(deviation**2 + a * (mean - target) ** 2, _TWO_HYPOTHESES),
        ),
        Variant(
            "sigma for its square",
            _InMoments(a * (deviation + (mean - target) ** 2), _TWO_HYPOTHESES),
        ),
        Variant("z* of any sign", _InMoments(_MOMENTS, _TWO_HYPOTHESES - {"z* > 0"})),
        Variant(
            "a mean of zero allowed",
            _InMoments(_MOMENTS, _TWO_HYPOTHESES - {"sample mean not zero"}),
        ),
    ),
    derivation=theory.quadratic_derivation,
)


# The quadratic loss along a unit direction.

_g, _aim = theory.norm, Symbol("a", real=True)


class _AlongADirection(NamedTuple):
    """g*, mu* and L_min for a direction of mean mu and deviation sigma, and hypotheses on them."""

    norm: Expr
    mean: Expr
    least: Expr
    hypotheses: tuple[Boolean, ...]


def _is_the_best_norm(claimed: _AlongADirection) -> Outcome:
    """E (z - a)^2 at g: no norm g >= 0 does better, and the mean and the loss are as claimed."""
    loss = theory.in_moments((z - _aim) ** 2).subs(
        {mean: _g * mean, deviation: _g * deviation}, simultaneous=True
    )
    r = deviation / mean
    best_mean, least = (e.subs(ratio, r) for e in (claimed.mean, claimed.least))
    given = list(claimed.hypotheses)
    return all_of(
        prove_implication(given, conclusion)
        for conclusion in (
            Ge(claimed.norm, 0),
            Ge(loss, loss.subs(_g, claimed.norm)),
            Eq(best_mean, claimed.norm * mean),
            Eq(least, loss.subs(_g, claimed.norm)),
        )
    )


_NORM = _aim * mean / (mean**2 + deviation**2)
_MEAN, _LEAST = _aim / (1 + ratio**2), _aim**2 / (1 + 1 / ratio**2)
_SPREAD = (Gt(deviation, 0),)
_FACING = (Gt(deviation, 0), Gt(_aim * mean, 0))

_ALONG = Claim(
    id="beck.quadratic",
    printed=Variant(
        "For $E (z - a)^2$, a unit direction with moments $\\hat\\mu, \\hat\\sigma$ and norm $g$: "
        "$g^* = a \\hat\\mu/(\\hat\\mu^2 + \\hat\\sigma^2)$, $\\mu^* = a/(1 + r^2)$, "
        "$L_{min} = a^2/(1 + 1/r^2)$.",
        _AlongADirection(_NORM, _MEAN, _LEAST, _SPREAD),
    ),
    source="Beck et al. 2026, eqs 15-20",
    hypotheses=("sigma > 0", "g >= 0, the norm of the weights"),
    checks=(_is_the_best_norm,),
    correction=Correction(
        Repair.HYPOTHESIS,
        Variant(
            "It holds if $a \\hat\\mu > 0$; otherwise the best norm is 0. (At $\\hat\\sigma = 0$ "
            "the least loss is 0, the limit of the formula.)",
            _AlongADirection(_NORM, _MEAN, _LEAST, _FACING),
        ),
    ),
    controls=(
        Variant(
            "L_min = a^2/(1 + r^2)",
            _AlongADirection(_NORM, _MEAN, _aim**2 / (1 + ratio**2), _FACING),
        ),
        Variant("mu* = a/(1 + r)", _AlongADirection(_NORM, _aim / (1 + ratio), _LEAST, _FACING)),
        Variant("g* = a/mu", _AlongADirection(_aim / mean, _MEAN, _LEAST, _FACING)),
        Variant(
            "sigma = 0 and any sign",
            _AlongADirection(_NORM, _MEAN, _LEAST, (Ge(deviation, 0), Gt(mean, 0))),
        ),
    ),
    derivation=theory.quadratic_derivation,
)


# Three points in the plane.


class _Toy(NamedTuple):
    """Per-sample targets in terms of a, and the ratios of S and of r between a = 6 and a = 2."""

    targets: tuple[Expr, Expr, Expr]
    of_weights: Rational
    of_ratio: Rational


_POINTS = Matrix([[2, 0], [-3, 2], [1, -1]])
_UNKNOWN = Matrix(3, 2, [Symbol(f"x_{i}{j}", real=True) for i in (1, 2, 3) for j in (1, 2)])


def _minimisers_are_colinear(toy: _Toy) -> Outcome:
    """S(6) = c S(2) for points that are symbols, by the normal equations, and hence r.

    The points span the plane; their sum is not zero, so that S is not zero.
    """
    small, large = (Matrix([t.subs(a, value) for t in toy.targets]) for value in (2, 6))
    at_points = [theory.least_squares(_POINTS, t) for t in (small, large)]
    squared = [theory.squared_ratio(s, *theory.moments(_POINTS)) for s in at_points]
    ratios_as_claimed = toy.of_ratio >= 0 and squared[1] == toy.of_ratio**2 * squared[0]
    if at_points[1] != toy.of_weights * at_points[0] or not ratios_as_claimed:
        witness = (
            f"points (2, 0), (-3, 2), (1, -1): S = {tuple(at_points[0])} and "
            f"{tuple(at_points[1])}, r^2 = {squared[0]} and {squared[1]}"
        )
        return Outcome.refuted("exact rationals", "not as claimed", witness)
    scaled = theory.least_squares(_UNKNOWN, large) - toy.of_weights * theory.least_squares(
        _UNKNOWN, small
    )
    if not all(entry.cancel() == 0 for entry in scaled):
        return Outcome.undecided("normal equations", f"left over: {scaled}")
    c, one, two, off = (Symbol(n, nonzero=True) for n in ("c", "s_1", "s_2", "s_12"))
    direction, center = Matrix([1, one]), Matrix([1, two])
    spread = Matrix([[1, off], [off, 1]])
    ratios = [theory.squared_ratio(k * direction, center, spread) for k in (1, c)]
    if (ratios[1] - toy.of_ratio**2 * ratios[0]).cancel() != 0:
        return Outcome.undecided("rational functions", "r changes with the scale of S")
    return Outcome.proved(
        "normal equations, points symbolic", f"S(6) = {toy.of_weights} S(2); r(c S) = r(S)"
    )


_COMMON = (a, a, a)

_TOY_QUADRATIC = Claim(
    id="beck.toy-quadratic",
    printed=Variant(
        "Three points in the plane, $\\ell(z) = (z - a)^2$: the minimisers for $a = 2$ and $a = 6$ "
        "are colinear and $r$ is equal.",
        _Toy(_COMMON, Rational(3), Rational(1)),
    ),
    source="Beck et al. 2026, fig. 11",
    hypotheses=(
        "the points span the plane",
        "their sum is not zero",
        "colinear: S(6) = 3 S(2)",
    ),
    checks=(_minimisers_are_colinear,),
    controls=(
        Variant("the minimisers are equal", _Toy(_COMMON, Rational(1), Rational(1))),
        Variant("r grows with a", _Toy(_COMMON, Rational(3), Rational(3))),
        Variant(
            "one sample keeps the target 1", _Toy((a, a, Rational(1)), Rational(3), Rational(1))
        ),
        Variant("targets a, a, a^2", _Toy((a, a, a**2), Rational(3), Rational(1))),
    ),
)


class _Hinge(NamedTuple):
    """Points, and the slope b of the hinge added to (z - 2)^2."""

    points: Matrix
    slope: Rational


def _minimisers_differ_in_direction(hinge: _Hinge) -> Outcome:
    """The exact minimisers for b = 0 and for the given b are not colinear."""
    plain = theory.least_squares(hinge.points, Matrix([2, 2, 2]))
    hinged = theory.hinge_minimiser(hinge.points, Rational(2), hinge.slope)
    method, shown = "exact rationals", f"b = 0: {tuple(plain)}, b = {hinge.slope}: {tuple(hinged)}"
    if plain.row_join(hinged).det() == 0:
        return Outcome.refuted(method, "colinear", f"points {hinge.points.tolist()}: {shown}")
    before, after = (
        theory.squared_ratio(s, *theory.moments(hinge.points)) for s in (plain, hinged)
    )
    return Outcome.proved(method, f"{shown}, not colinear; r^2 = {before} and {after}")


_TOY_HINGE = Claim(
    id="beck.toy-hinge",
    printed=Variant(
        "The same points, $\\ell(z) = (z - 2)^2 + b \\max(0, -z)$: the minimisers for $b = 0$ and "
        "$b = 6$ need not be colinear.",
        _Hinge(_POINTS, Rational(6)),
    ),
    source="Beck et al. 2026, fig. 12",
    hypotheses=("some sample is misclassified at b = 0", "the points (2, 0), (-3, 2), (1, -1)"),
    checks=(_minimisers_differ_in_direction,),
    controls=(
        Variant("b = 0", _Hinge(_POINTS, Rational(0))),
        Variant(
            "all logits positive at b = 0", _Hinge(Matrix([[1, 0], [0, 1], [1, 2]]), Rational(6))
        ),
        Variant(
            "points symmetric about the optimal direction",
            _Hinge(Matrix([[1, 1], [1, -1], [-1, 0]]), Rational(6)),
        ),
    ),
)


CLAIMS = (_COR_32, _ALONG, _TOY_QUADRATIC, _TOY_HINGE)

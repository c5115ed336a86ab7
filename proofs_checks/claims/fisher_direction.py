"""Claims: where the optimal direction is Fisher's (Beck et al. sec. 3.3, 3.4, App. C), and beyond."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from sympy import (
    Eq,
    Expr,
    Ge,
    Gt,
    Identity,
    Interval,
    Inverse,
    Le,
    Lt,
    Matrix,
    MatrixExpr,
    Rational,
    S,
    Symbol,
    Transpose,
    ZeroMatrix,
    diag,
    eye,
    expand,
    oo,
    sqrt,
    zeros,
)
from sympy.logic.boolalg import Boolean

from ...theory import alignment
from ...theory import fisher_direction as theory
from ...theory.clustering import cone_lemmas
from ...theory.fisher_direction import (
    a,
    class_mean_gap,
    covariance,
    data,
    deviation,
    mean,
    ratio,
    ratio_of_fisher,
    rival,
    target,
    transformation,
    weights,
)
from ...theory.symbols import z
from ..checks import all_of
from ..claim import Claim, Correction, Repair, Variant
from ..counterexamples import Population, counterexample, needs
from ..evidence import Outcome
from ..prover import prove
from ..smt import prove_implication
from .clustering import LOSSES_AND_POPULATIONS

__all__ = ["CLAIMS"]

_ONE, _TWO = S.One, Rational(2)
_POSITIVE = Interval.open(0, oo)
_REALS = Interval(-oo, oo)


# The quadratic loss on any data.


class _InMoments(NamedTuple):
    """L(S) for l = a (z - z*)^2 by moments, and the hypotheses under which r is minimal."""

    value: Expr
    hypotheses: frozenset[str]


def _is_the_quadratic_loss(statement: _InMoments) -> Outcome:
    exact = theory.in_moments(a * (z - target) ** 2)
    domain = {a: _POSITIVE, mean: _REALS, target: _REALS, deviation: Interval(0, oo)}
    return prove(Eq(exact, statement.value, evaluate=False), domain)


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
        Variant("a on the second term alone", _InMoments(
            deviation**2 + a * (mean - target) ** 2, _TWO_HYPOTHESES)),
        Variant("sigma for its square", _InMoments(
            a * (deviation + (mean - target) ** 2), _TWO_HYPOTHESES)),
        Variant("z* of any sign", _InMoments(_MOMENTS, _TWO_HYPOTHESES - {"z* > 0"})),
        Variant("a mean of zero allowed", _InMoments(
            _MOMENTS, _TWO_HYPOTHESES - {"sample mean not zero"})),
    ),
    derivation=theory.quadratic_derivation,
)


# The quadratic loss along a unit direction.

_g, _aim = theory.largest_multiple, Symbol("a", real=True)


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
        Variant("L_min = a^2/(1 + r^2)", _AlongADirection(
            _NORM, _MEAN, _aim**2 / (1 + ratio**2), _FACING)),
        Variant("mu* = a/(1 + r)", _AlongADirection(_NORM, _aim / (1 + ratio), _LEAST, _FACING)),
        Variant("g* = a/mu", _AlongADirection(_aim / mean, _MEAN, _LEAST, _FACING)),
        Variant("sigma = 0 and any sign", _AlongADirection(
            _NORM, _MEAN, _LEAST, (Ge(deviation, 0), Gt(mean, 0)))),
    ),
    derivation=theory.quadratic_derivation,
)


# The optimal direction is Sigma^-1 mu.


class _Optimum(NamedTuple):
    """A direction in terms of Sigma and delta, and hypotheses on the law and the loss."""

    direction: MatrixExpr
    hypotheses: frozenset[str]


_EXACT_MEAN, _EXACT_COVARIANCE = Matrix([1, 2]), Matrix([[2, 1], [1, 3]])


def _has_the_smallest_squared_ratio(optimum: _Optimum) -> Outcome:
    """Cauchy-Schwarz: with S = c Sigma^-1 mu + D, mu^T D = 0, and kappa = mu^T Sigma^-1 mu,

    S^T Sigma S = c^2 kappa + D^T Sigma D and S^T mu = c kappa, so that r^2 >= 1/kappa, with
    equality for D = 0 alone. Every S with S^T mu != 0 is of this form.
    """
    exact = _at_the_exact_example(optimum.direction)
    best = _EXACT_COVARIANCE.LUsolve(_EXACT_MEAN)
    found, smallest = (
        theory.squared_ratio(s, _EXACT_MEAN, _EXACT_COVARIANCE) for s in (exact, best)
    )
    if found > smallest:
        witness = (
            f"mu = (1, 2), Sigma = [[2, 1], [1, 3]]: {tuple(exact)} has r^2 = {found}, "
            f"{tuple(best)} has {smallest}"
        )
        return Outcome.refuted("exact rationals", "not the smallest ratio", witness)
    candidate = optimum.direction
    spread = theory.simplified((candidate + rival).T * covariance * (candidate + rival))
    one = Identity(1)
    expected = theory.square * one + rival.T * covariance * rival
    center = theory.simplified(class_mean_gap.T * (candidate + rival))
    if spread != expected or center != theory.square * one:
        return Outcome.undecided("matrix algebra", f"S^T Sigma S = {spread}, S^T mu = {center}")
    c, kappa, rest = (Symbol(n, real=True) for n in ("c", "kappa", "D_Sigma_D"))
    squared = (c**2 * kappa + rest) / (c * kappa) ** 2
    given = [Gt(c, 0), Gt(kappa, 0), Ge(rest, 0)]
    return all_of(
        (
            Outcome.proved("matrix algebra", f"S^T Sigma S = {spread} for S = Sigma^-1 mu + D"),
            prove_implication(given, Ge(squared, 1 / kappa)),
            prove_implication([*given, Eq(squared, 1 / kappa)], Eq(rest, 0)),
        )
    )


def _at_the_exact_example(direction: MatrixExpr) -> Matrix:
    values = {covariance: _EXACT_COVARIANCE, class_mean_gap: _EXACT_MEAN}
    size = {class_mean_gap.rows: 2}
    return Matrix(
        direction.subs({k.subs(size): v for k, v in values.items()} | size)
        .subs({k.subs(size): v for k, v in values.items()})
        .doit()
    )

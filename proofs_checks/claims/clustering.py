"""Claims: convex losses make Gaussian logits cluster (Beck et al. secs. 3.2, 3.3, App. C)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from sympy import (
    Abs,
    Expr,
    Ge,
    Gt,
    Interval,
    Le,
    Lt,
    Matrix,
    Max,
    Rational,
    S,
    Symbol,
    diag,
    exp,
    limit,
    oo,
    zeros,
)
from sympy.core.relational import Relational

from ...theory import clustering as theory
from ...theory.clustering import at_larger_scale, at_smaller_scale, mean, ratio, y
from ...theory.losses import cross_entropy
from ...theory.quadratic_loss import hinge_minimiser, moments, squared_ratio
from ...theory.symbols import z
from ..checks import all_of
from ..claim import Claim, Correction, Repair, Variant
from ..counterexamples import Population, counterexample, is_convex_loss, needs
from ..evidence import Outcome
from ..lemmas import lemma_is_valid
from ..prover import prove

__all__ = ["CLAIMS", "LOSSES_AND_POPULATIONS"]

_LINE = {z: Interval(-oo, oo)}


# E f(lambda x) grows with lambda.


class _Scaling(NamedTuple):
    """A relation between E f(lambda_1 x) and E f(lambda_2 x), lambda_1 < lambda_2."""

    hypotheses: frozenset[str]
    conclusion: Relational


class _Law(NamedTuple):
    """A function f, a law of x with equally likely values, and two scales."""

    f: Expr
    values: tuple[int, ...]
    scales: tuple[Rational, Rational]

    def expectation(self, scale: Rational) -> Expr:
        return sum(self.f.subs(z, scale * v) for v in self.values) / len(self.values)


_ABOUT_THE_LAW: Mapping[str, Callable[[_Law], bool]] = {
    "f convex": lambda law: is_convex_loss(law.f),
    "f strictly convex": lambda law: prove(Gt(law.f.diff(z, 2), 0), _LINE).supported,
    "E x = 0": lambda law: sum(law.values) == 0,
    "x not almost surely 0": lambda law: any(law.values),
    "lambda > 0": lambda law: law.scales[0] > 0,
}

_ONE, _TWO = S.One, Rational(2)
_LAWS = (
    _Law(z**2, (-1, 1), (_ONE, _TWO)),
    _Law((z - 1) ** 2, (1,), (_ONE / 2, _ONE)),
    _Law(-(z**2), (-1, 1), (_ONE, _TWO)),
    _Law(z**2, (-1, 1), (-_TWO, -_ONE)),
    _Law(z, (-1, 1), (_ONE, _TWO)),
    _Law(z**2, (0,), (_ONE, _TWO)),
    _Law(Max(0, z - 1) + Max(0, -z - 1), (-1, 1), (_ONE / 4, _ONE / 2)),
)


def _grows_with_scale(scaling: _Scaling) -> Outcome:
    for law in _LAWS:
        if all(_ABOUT_THE_LAW[name](law) for name in scaling.hypotheses):
            small, large = map(law.expectation, law.scales)
            values = {at_smaller_scale: small, at_larger_scale: large}
            if scaling.conclusion.subs(values) == False:  # noqa: E712
                witness = (
                    f"f = {law.f}, x uniform on {law.values}, lambda = {law.scales}: "
                    f"{small} and {large}"
                )
                return Outcome.refuted("exact rationals", "the conclusion fails", witness)
    whole = theory.scaling_lemma(scaling.hypotheses, scaling.conclusion)
    lemmas = (*theory.pointwise_lemmas(scaling.hypotheses), whole)
    return all_of(needs(lemma_is_valid(lemma), scaling.hypotheses) for lemma in lemmas)


_WEAK = frozenset({"f convex", "E x = 0", "lambda > 0"})
_STRICT = frozenset({"f strictly convex", "E x = 0", "lambda > 0", "x not almost surely 0"})
_GROWS = Le(at_smaller_scale, at_larger_scale)
_GROWS_STRICTLY = Lt(at_smaller_scale, at_larger_scale)

_LEMMA_C1 = Claim(
    id="beck.lemma-C1",
    printed=Variant(
        "For zero-mean $x$ and convex $f$, $E f(\\lambda x)$ is non-decreasing in $\\lambda > 0$.",
        _Scaling(_WEAK, _GROWS),
    ),
    source="Beck et al. 2026, lemma C.1",
    hypotheses=(
        "E x = 0",
        "f convex",
        "lambda > 0",
        "not by machine: an inequality that holds at every x holds between expectations",
    ),
    checks=(_grows_with_scale,),
    controls=(
        *(
            Variant(f"without: {name}", _Scaling(_WEAK - {name}, _GROWS))
            for name in ("f convex", "E x = 0", "lambda > 0")
        ),
        Variant("non-increasing", _Scaling(_WEAK, Ge(at_smaller_scale, at_larger_scale))),
        Variant("strictly increasing", _Scaling(_WEAK, _GROWS_STRICTLY)),
    ),
    derivation=theory.scaling_derivation,
)

_STRICT_LEMMA = Claim(
    id="lead.lemma-C1-strict",
    printed=Variant(
        "For strictly convex $f$ and a zero-mean $x$ that is not almost surely 0, "
        "$E f(\\lambda x)$ is strictly increasing in $\\lambda > 0$ where it is finite.",
        _Scaling(_STRICT, _GROWS_STRICTLY),
    ),
    source="lead: the strict form of lemma C.1",
    hypotheses=(
        "E x = 0",
        "x not almost surely 0",
        "f strictly convex",
        "lambda > 0",
        "not by machine: an inequality that holds at every x holds between expectations, strictly "
        "if it is strict with a positive probability",
    ),
    checks=(_grows_with_scale,),
    controls=(
        Variant(
            "f convex, not strictly",
            _Scaling(_STRICT - {"f strictly convex"} | {"f convex"}, _GROWS_STRICTLY),
        ),
        Variant("x = 0 allowed", _Scaling(_STRICT - {"x not almost surely 0"}, _GROWS_STRICTLY)),
        Variant("x of any mean", _Scaling(_STRICT - {"E x = 0"}, _GROWS_STRICTLY)),
        Variant("any lambda", _Scaling(_STRICT - {"lambda > 0"}, _GROWS_STRICTLY)),
    ),
    derivation=theory.scaling_derivation,
)


# A minimiser of E l(S^T x) has the smallest coefficient of variation.

_PLANE = Matrix([1, 0])
_STRENGTH = Rational(3, 10)
_KINKED = (1 - _STRENGTH) * cross_entropy() + _STRENGTH * Abs(z)
_HINGED = (z - 2) ** 2 + 6 * Max(0, -z)
_POINTS = Matrix([[2, 0], [-3, 2], [1, -1]])

LOSSES_AND_POPULATIONS = (
    Population("l = z^2, x ~ N((1, 0), I)", z**2, _PLANE, diag(1, 1), zeros(2, 1)),
    Population("l = (z + 1)^2, x ~ N((1, 0), I)", (z + 1) ** 2, _PLANE, diag(1, 1), -_PLANE / 2),
    Population(
        "f = |z|, alpha = 3/10, z* = log(4/3) > 0, x ~ N(1, 9)",
        _KINKED,
        Matrix([1]),
        Matrix([9]),
        zeros(1, 1),
    ),
    Population(
        "l = (z - 2)^2 + 6 max(0, -z), x uniform on (2, 0), (-3, 2), (1, -1)",
        _HINGED,
        *moments(_POINTS),
        hinge_minimiser(_POINTS, _TWO, Rational(6)),
        "finite",
        _POINTS,
    ),
)

_OF_THE_LOSS: Mapping[str, Callable[[Population], bool]] = {
    "Gaussian data": lambda p: p.law == "Gaussian",
    "mean not zero": lambda p: any(p.mean),
    "l convex": lambda p: p.is_convex,
    "l has a unique minimum z*": lambda p: p.has_unique_minimum,
    "z* > 0": lambda p: p.has_positive_target,
    "logits of the minimiser not all zero": lambda p: p.separates,
}


def _has_a_larger_ratio(example: Population) -> str | None:
    shown = f"S = {tuple(example.optimum)}"
    if not example.separates:
        return f"the minimiser is {shown}: its logits are all zero and r = 0/0"
    if example.optimal_mean <= 0:
        return f"the minimiser {shown} has mean {example.optimal_mean} <= 0"
    fisher = example.covariance.LUsolve(example.mean)
    smallest = squared_ratio(fisher, example.mean, example.covariance)
    if smallest < example.squared_ratio:
        return f"{shown} has r^2 = {example.squared_ratio}, S = {tuple(fisher)} has {smallest}"
    return None


def _has_the_smallest_ratio(hypotheses: frozenset[str]) -> Outcome:
    """Among the weights with mu(S) > 0, by scaling a rival to the same mean.

    Where l is differentiable at 0 and E l(S^T x) is finite near S = 0, the minimiser is not 0: the
    slope of E l(t S^T x) at t = 0 is l'(0) mu(S), and l'(0) < 0 < z*.
    """
    refutation = counterexample(
        hypotheses, LOSSES_AND_POPULATIONS, _OF_THE_LOSS, _has_a_larger_ratio
    )
    if refutation is not None:
        return refutation
    if "Gaussian data" not in hypotheses:
        return Outcome.undecided("cone", "no proof: the law of the logits is not m + s Y")
    return all_of(
        needs(lemma_is_valid(lemma), hypotheses) for lemma in theory.cone_lemmas(hypotheses)
    )


_PRINTED_PROP = frozenset(
    {"Gaussian data", "mean not zero", "l convex", "l has a unique minimum z*"}
)
_FULL_PROP = _PRINTED_PROP | {"z* > 0", "logits of the minimiser not all zero"}

_PROPOSITION = Claim(
    id="beck.prop-3.1",
    printed=Variant(
        "Let $x \\sim N(\\mu_x, \\Sigma_x)$, $\\mu_x \\neq 0$, and $\\ell$ convex with a unique "
        "minimum. Then a minimiser of $E \\ell(S^T x)$ minimises $r(S)$.",
        _PRINTED_PROP,
    ),
    source="Beck et al. 2026, prop. 3.1",
    hypotheses=(
        "x Gaussian",
        "mu_x != 0",
        "l convex with a unique minimum",
        "not by machine: E l has at S = 0 the slope l'(0) mu(S) where l is differentiable",
    ),
    checks=(_has_the_smallest_ratio,),
    correction=Correction(
        Repair.HYPOTHESIS,
        Variant(
            "It holds, among $S$ with $\\mu(S) > 0$, if moreover $z^* > 0$ and the logits of the "
            "minimiser are not all zero. They are not if $\\ell$ is differentiable at 0 and "
            "$E \\ell(S^T x)$ is finite near $S = 0$; for $f = |z|$ and large $r$ they can be.",
            _FULL_PROP,
        ),
    ),
    controls=(
        Variant("any law of x", _FULL_PROP - {"Gaussian data"}),
        Variant("a target of any sign", _FULL_PROP - {"z* > 0"}),
        Variant("S = 0 allowed", _FULL_PROP - {"logits of the minimiser not all zero"}),
    ),
    derivation=theory.cone_derivation,
)


# The slope of the best loss at ratio r.


class _Slope(NamedTuple):
    """dQ/dr = coefficient E f'', positive, from the hypotheses that are named."""

    coefficient: Expr
    hypotheses: frozenset[str]


class _Shape(NamedTuple):
    """A function f and a ratio at which the statement can fail."""

    f: Expr
    at: Expr


_ABOUT_THE_SHAPE: Mapping[str, Callable[[_Shape], bool]] = {
    "f convex": lambda s: is_convex_loss(s.f),
    "f twice differentiable": lambda s: not s.f.has(Abs, Max),
    "unique minimiser m > 0": lambda s: bool(s.f.diff(z).subs(z, 0) < 0),
    "f'' of at most exponential growth": lambda s: s.f.is_polynomial(z),
    "r > 0": lambda s: bool(s.at > 0),
}

_SHAPES = (
    _Shape(exp(z**4) - z, _ONE),
    _Shape((z - 1) ** 2, _ONE),
    _Shape((z - 1) ** 2, _TWO),
    _Shape((z - 1) ** 2, S.Zero),
    _Shape(z**2, _ONE),
)


def _has_this_slope(slope: _Slope) -> Outcome:
    """dQ/dr = dq/dr at mu*(r) by the envelope theorem, and Stein's lemma turns it into f''.

    mu*(r) exists and is unique: q falls at mu = 0, where its slope is f'(0) < 0, is strictly convex
    in mu, as E [(1 + r Y)^2 f''] > 0, and grows without bound, as f does. E f'' > 0, since f'' >= 0
    is continuous and not zero everywhere (an affine f has no unique minimiser).
    """
    for shape in _SHAPES:
        if all(_ABOUT_THE_SHAPE[name](shape) for name in sorted(slope.hypotheses)):
            broken = _breaks_the_slope(shape, slope.coefficient)
            if broken is not None:
                witness = f"f = {shape.f}, r = {shape.at}: {broken}"
                return Outcome.refuted("exact counterexample", "the formula fails", witness)
    missing = set(_ABOUT_THE_SHAPE) - slope.hypotheses
    if missing:
        return Outcome.undecided("Stein's lemma", f"no proof without: {sorted(missing)}")
    residual = theory.stein_residual(slope.coefficient)
    if residual != 0:
        return Outcome.undecided("integration by parts", f"left over: {residual}")
    r, growth, bend = (Symbol(n, positive=True) for n in ("r", "C", "bend"))
    ends = [
        limit(exp(growth * (1 + side * r * y) * mean - y**2 / 2), y, side * oo) for side in (1, -1)
    ]
    if ends != [0, 0]:
        return Outcome.undecided("boundary terms", f"f' phi tends to {ends}")
    positive = slope.coefficient.subs(ratio, r) * bend
    parts = Outcome.proved(
        "symbolic identity",
        "d/dr of f(mu (1 + r y)) phi is r mu^2 f'' phi up to a total derivative in y",
    )
    domain = {symbol: Interval.open(0, oo) for symbol in positive.free_symbols}
    return all_of((parts, prove(Gt(positive, 0, evaluate=False), domain)))


def _breaks_the_slope(shape: _Shape, coefficient: Expr) -> str | None:
    if shape.f.has(exp):
        m, r = Symbol("mu", positive=True), Symbol("r", positive=True)
        (term,) = shape.f.atoms(exp)
        exponent = term.args[0].subs(z, m * (1 + r * y)) - y**2 / 2
        if limit(exponent, y, oo) == oo:
            return "E f(mu (1 + r Y)) is infinite for every mu > 0, and so is Q"
        return None
    best, slope, bend = (e.subs(ratio, shape.at) for e in theory.slope_in_ratio(shape.f))
    if best <= 0:
        return "q has no minimum over mu > 0"
    claimed = coefficient.subs({mean: best, ratio: shape.at}) * bend
    if claimed != slope:
        return f"dQ/dr = {slope}, not {claimed}"
    return None if slope > 0 else f"dQ/dr = {slope}"


_SMOOTH = frozenset({"f convex", "f twice differentiable", "unique minimiser m > 0"})
_TAME = _SMOOTH | {"r > 0", "f'' of at most exponential growth"}
_STEIN = ratio * mean**2

_ENVELOPE = Claim(
    id="beck.prop-C3",
    printed=Variant(
        "With $q(\\mu, r) = E f(\\mu (1 + rY))$, $Y \\sim N(0, 1)$, $f$ convex, twice "
        "differentiable, with unique minimiser $m > 0$, and $Q(r) = \\min_{\\mu > 0} q$: "
        "$dQ/dr = r \\mu^*(r)^2 E f''(\\mu^* (1 + rY)) > 0$.",
        _Slope(_STEIN, _SMOOTH),
    ),
    source="Beck et al. 2026, prop. C.3",
    hypotheses=(
        "f convex",
        "f twice differentiable",
        "unique minimiser m > 0",
        "not by machine: derivatives under the expectation, and that mu*(r) exists",
    ),
    checks=(_has_this_slope,),
    correction=Correction(
        Repair.HYPOTHESIS,
        Variant(
            "It holds for $r > 0$ (at $r = 0$ the slope is 0) if $f''$ is continuous and grows at "
            "most exponentially, so that the expectations are finite and the boundary terms "
            "vanish.",
            _Slope(_STEIN, _TAME),
        ),
    ),
    controls=(
        Variant("f of any growth", _Slope(_STEIN, _TAME - {"f'' of at most exponential growth"})),
        Variant("r = 0 allowed", _Slope(_STEIN, _TAME - {"r > 0"})),
        Variant("m >= 0", _Slope(_STEIN, _TAME - {"unique minimiser m > 0"})),
        Variant("mu* for its square", _Slope(ratio * mean, _TAME)),
        Variant("twice the slope", _Slope(2 * _STEIN, _TAME)),
        Variant("r^2 for r", _Slope(ratio**2 * mean**2, _TAME)),
        Variant("the other sign", _Slope(-_STEIN, _TAME)),
    ),
    derivation=theory.envelope_derivation,
)


CLAIMS = (_LEMMA_C1, _STRICT_LEMMA, _PROPOSITION, _ENVELOPE)

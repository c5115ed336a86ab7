"""Claims: proximal maps, convexity and the geometry behind sparse weights."""

from __future__ import annotations

from typing import NamedTuple

from sympy import (
    Abs,
    Basic,
    Eq,
    Equivalent,
    Expr,
    Ge,
    Gt,
    Le,
    Lt,
    Max,
    Ne,
    Piecewise,
    S,
    Symbol,
    sign,
    simplify,
)
from sympy.logic.boolalg import And, Or

from ...theory import sparsity as theory
from ...theory.sparsity import first, line, mixture, offset, point, second, solution, threshold
from ...theory.weights import PENALTIES, l1_step, l2_step, slope, step_size, strength, weight
from ..cases import prove_in_cases
from ..checks import all_of
from ..claim import Check, Claim, Correction, Repair, Variant
from ..evidence import Outcome

__all__ = ["CLAIMS"]

_PRIMER = "primer, regularisation of weights"
_L0, _L1, _L2 = PENALTIES["l0"], PENALTIES["l1"], PENALTIES["l2"]


# Proximal maps: exact minimisers, and the fixed points of the proximal step.


class _Prox(NamedTuple):
    """A map, where its value is the only minimiser, and when a weight is kept by the step."""

    map: Expr
    unique: Basic
    kept: Basic


_value = Symbol("m", real=True)
"""The value of the map, as a symbol, so that its cases and those of the penalty do not multiply."""


def _minimises(penalty: Expr) -> Check:
    """The map is a global minimiser for every v and t > 0, and the only one where stated."""
    objective = theory.proximal_objective(penalty)

    def check(content: _Prox) -> Outcome:
        least = objective.subs(weight, _value)
        given = [Eq(_value, content.map)]
        return all_of(
            (
                prove_in_cases(given, Ge(objective, least)),
                prove_in_cases([*given, Ne(weight, _value), content.unique], Gt(objective, least)),
                *_ties(objective, content),
            )
        )

    return check


def _ties(objective: Expr, content: _Prox) -> tuple[Outcome, ...]:
    """Where the minimiser is not said to be unique, v and 0 are two of the same value."""
    if content.unique == S.true:
        return ()
    equal = Eq(objective.subs(weight, 0), objective.subs(weight, point))
    return (prove_in_cases([~content.unique], equal),)


def _step_keeps(content: _Prox) -> Outcome:
    given = [Eq(_value, theory.proximal_step(content.map))]
    return prove_in_cases(given, Equivalent(content.kept, Eq(_value, weight)))


def _proximal_claim(name: str, text: str, content: _Prox, controls: tuple[Variant, ...]) -> Claim:
    return Claim(
        id=f"weights.prox-{name}",
        printed=Variant(text, content),
        source="derived from the penalty",
        hypotheses=("t > 0", "alpha > 0", "lambda > 0"),
        checks=(_minimises(PENALTIES[name]), _step_keeps),
        controls=controls,
        derivation=theory.soft_threshold_derivation if name == "l1" else None,
    )


_LASSO = Or(
    And(weight > 0, Eq(slope, -strength)),
    And(weight < 0, Eq(slope, strength)),
    And(Eq(weight, 0), Abs(slope) <= strength),
)
_RIDGE = Eq(slope, -2 * strength * weight)
_ZERO_IS_KEPT = And(Eq(weight, 0), step_size * slope**2 <= 2 * strength)
_SUBSET = Or(
    _ZERO_IS_KEPT,
    And(Eq(slope, 0), weight**2 > 2 * step_size * strength),
)
_SOFT, _SHRINK, _HARD = theory.soft_threshold(), theory.shrinkage(), theory.hard_threshold()
_NO_TIE = Ne(point**2, 2 * threshold)

_PROX_L1 = _proximal_claim(
    "l1",
    "$\\arg\\min_w (w - v)^2/2 + t|w| = \\mathrm{sign}(v) \\max(|v| - t, 0)$, uniquely. The "
    "proximal step keeps $w$ if and only if $0 \\in J'(w) + \\lambda \\partial|w|$.",
    _Prox(_SOFT, S.true, _LASSO),
    (
        Variant("threshold t/2", _Prox(_SOFT.subs(threshold, threshold / 2), S.true, _LASSO)),
        Variant("v - t sign(v)", _Prox(point - threshold * sign(point), S.true, _LASSO)),
        Variant(
            "v where |v| > t",
            _Prox(Piecewise((point, Abs(point) > threshold), (0, True)), S.true, _LASSO),
        ),
        Variant("keeps w iff J' = 0", _Prox(_SOFT, S.true, Eq(slope, 0))),
        Variant(
            "keeps w iff J' = -lambda sign(w)",
            _Prox(_SOFT, S.true, Eq(slope, -strength * sign(weight))),
        ),
    ),
)

_PROX_L2 = _proximal_claim(
    "l2",
    "$\\arg\\min_w (w - v)^2/2 + t w^2 = v/(1 + 2t)$, uniquely. The proximal step keeps $w$ if and "
    "only if $J'(w) + 2\\lambda w = 0$.",
    _Prox(_SHRINK, S.true, _RIDGE),
    (
        Variant("v/(1 + t)", _Prox(point / (1 + threshold), S.true, _RIDGE)),
        Variant("(1 - 2 t) v", _Prox(point * (1 - 2 * threshold), S.true, _RIDGE)),
        Variant(
            "keeps w iff J' + lambda w = 0", _Prox(_SHRINK, S.true, Eq(slope, -strength * weight))
        ),
    ),
)

_PROX_L0 = _proximal_claim(
    "l0",
    "$\\arg\\min_w (w - v)^2/2 + t [w \\neq 0]$ is $v$ where $v^2 > 2t$ and 0 where $v^2 < 2t$; at "
    "$v^2 = 2t$ both are minimisers. The proximal step (0 at a tie) keeps $w = 0$ if and only if "
    "$\\alpha J'(0)^2 \\leq 2\\lambda$, and $w \\neq 0$ if and only if $J'(w) = 0$ and "
    "$w^2 > 2\\alpha\\lambda$.",
    _Prox(_HARD, _NO_TIE, _SUBSET),
    (
        Variant("unique at the tie", _Prox(_HARD, S.true, _SUBSET)),
        Variant(
            "v where v^2 > t",
            _Prox(Piecewise((point, point**2 > threshold), (0, True)), _NO_TIE, _SUBSET),
        ),
        Variant("the soft threshold", _Prox(_SOFT, _NO_TIE, _SUBSET)),
        Variant(
            "keeps every w with J' = 0", _Prox(_HARD, _NO_TIE, Or(Eq(slope, 0), _ZERO_IS_KEPT))
        ),
    ),
)


# Does a step that crosses zero stop there?


def _crossing_zero_stops_there(update: Expr) -> Outcome:
    """The step of J keeps the sign of w, the L1 part would change it: the new weight is zero."""
    crosses = [Gt(weight * (weight - step_size * slope), 0), Lt(weight * l1_step(), 0)]
    return prove_in_cases(crosses, Eq(update, 0))


def _zero_is_kept(update: Expr) -> Outcome:
    """Sparsity lasts: at w = 0 the update stays exactly if zero minimises g w + lambda |w|."""
    given = [Eq(weight, 0)]
    return prove_in_cases(given, Equivalent(Le(Abs(slope), strength), Eq(update, 0)))


def _is_the_least_of_its_model(update: Expr) -> Outcome:
    """The update minimises (x - w)^2/(2 alpha) + g x + lambda |x|: the model of the step."""
    model = theory.proximal_step(theory.proximal_objective(_L1).subs(weight, first))
    return prove_in_cases([Eq(_value, update)], Ge(model, model.subs(first, _value)))


_L1_ZERO = Claim(
    id="primer.l1-zero",
    printed=Variant(
        "With that update, a step that would cross zero sets the weight to exactly zero, hence "
        "sparsity.",
        l1_step(),
    ),
    source=_PRIMER,
    hypotheses=("alpha > 0", "lambda > 0"),
    checks=(_crossing_zero_stops_there, _zero_is_kept, _is_the_least_of_its_model),
    correction=Correction(
        Repair.FORMULA,
        Variant(
            "With that update a step that crosses zero lands on the other side. With the proximal "
            "step $v = w - \\alpha\\, \\partial J/\\partial w$, $w \\leftarrow \\mathrm{sign}(v) "
            "\\max(|v| - \\alpha\\lambda, 0)$ it sets the weight to exactly zero, where it stays "
            "as long as $|\\partial J/\\partial w| \\leq \\lambda$: hence sparsity.",
            theory.proximal_step(_SOFT),
        ),
    ),
    controls=(
        Variant("the L2 update", l2_step()),
        Variant("the proximal step of L2", theory.proximal_step(_SHRINK)),
        Variant("half the threshold", theory.proximal_step(_SOFT.subs(threshold, threshold / 2))),
        Variant(
            "the step cut at zero, from either side alone",
            Piecewise((S.Zero, weight * l1_step() < 0), (l1_step(), True)),
        ),
    ),
)


# Does a penalty make a cost more convex?

_SEGMENT = (mixture < 1, Ne(first, second))


class _MoreConvex(NamedTuple):
    """A penalty, and for which pairs of distinct points it enlarges Jensen's gap."""

    penalty: Expr
    pairs: Basic


def _enlarges_the_gap_exactly_for(content: tuple[_MoreConvex, ...]) -> Outcome:
    """What P adds to the gap is its own gap: never negative, and positive exactly for the pairs."""
    return all_of(
        prove_in_cases(_SEGMENT, conclusion)
        for penalty, pairs in content
        for gap in [theory.jensen_gap(penalty)]
        for conclusion in (Ge(gap, 0), Equivalent(pairs, Gt(gap, 0)))
    )


_CONVEX = Claim(
    id="primer.convex",
    printed=Variant(
        "Adding L1 or L2 makes the cost more convex.",
        (_MoreConvex(_L1, S.true), _MoreConvex(_L2, S.true)),
    ),
    source=_PRIMER,
    hypotheses=(
        "more convex: Jensen's gap theta J(x) + (1 - theta) J(y) - J(theta x + (1 - theta) y) "
        "grows, for x != y and 0 < theta < 1",
    ),
    checks=(_enlarges_the_gap_exactly_for,),
    correction=Correction(
        Repair.HYPOTHESIS,
        Variant(
            "Neither penalty ever lessens Jensen's gap, so that a convex cost stays convex. L2 "
            "enlarges it for every two points; L1 exactly for those that differ in the sign of "
            "some coordinate, with neither zero: elsewhere it is linear and adds no curvature.",
            (_MoreConvex(_L1, first * second < 0), _MoreConvex(_L2, S.true)),
        ),
    ),
    controls=(
        Variant("minus L2", (_MoreConvex(-_L2, S.true),)),
        Variant("L1, also with one point at zero", (_MoreConvex(_L1, first * second <= 0),)),
        Variant("L0", (_MoreConvex(_L0, first * second < 0),)),
        Variant("L2 for opposite signs alone", (_MoreConvex(_L2, first * second < 0),)),
        Variant("a cubic penalty", (_MoreConvex(weight**3, S.true),)),
    ),
)


def _is_not_convex(penalty: Expr) -> Outcome:
    """Jensen's inequality fails at a point of the line, so also for the sum over d coordinates."""
    convex = prove_in_cases(_SEGMENT, Ge(theory.jensen_gap(penalty), 0))
    if convex.refutes:
        return Outcome.proved(convex.method, f"Jensen's inequality fails at {convex.witness}")
    if convex.supported:
        return Outcome.refuted(convex.method, convex.detail, "Jensen's inequality for every pair")
    return convex


_COUNTING = Claim(
    id="primer.l0",
    printed=Variant("Counting non-zeros is not convex.", _L0),
    source=_PRIMER,
    checks=(_is_not_convex,),
    controls=(
        Variant("the 1-norm is not convex", _L1),
        Variant("the squared 2-norm is not convex", _L2),
        Variant("max(|w| - 1, 0) is not convex", Max(Abs(weight) - 1, 0)),
    ),
)


# The diamond and the disc.


class _Line(NamedTuple):
    """Hypotheses on the line a_1 w_1 + a_2 w_2 = c."""

    hypotheses: tuple[Basic, ...]


_ON_THE_LINE = Eq(line[0] * solution[0] + line[1] * solution[1], offset)
_A_LINE = Or(Ne(line[0], 0), Ne(line[1], 0))


def _the_l1_solution_is_sparse(content: _Line) -> Outcome:
    """Every w on the line with ||w||_1 <= |c|/max |a_i|, which is its distance, is on an axis."""
    norm = Symbol("n", real=True)
    shortest = [Abs(a) * norm <= Abs(offset) for a in line]
    length = Eq(norm, Abs(solution[0]) + Abs(solution[1]))
    given = [_A_LINE, *content.hypotheses, _ON_THE_LINE, length, *shortest]
    return prove_in_cases(given, Eq(solution[0] * solution[1], 0))


def _the_l2_solution_is_not_sparse(content: _Line) -> Outcome:
    """The projection of the origin is the only nearest point, and is on no axis."""
    nearest = theory.least_square_norm()
    other = Or(*(Ne(w, m) for w, m in zip(solution, nearest, strict=True)))
    length, least = (simplify(sum(x**2 for x in w)) for w in (solution, nearest))
    given = [_A_LINE, *content.hypotheses]
    return all_of(
        (
            prove_in_cases(given, Ne(nearest[0] * nearest[1], 0)),
            prove_in_cases([*given, _ON_THE_LINE, other], Gt(length, least)),
        )
    )


_OBLIQUE, _UNEVEN = Ne(line[0] * line[1], 0), Ne(Abs(line[0]), Abs(line[1]))
_OFF_ORIGIN = Ne(offset, 0)

_GEOMETRY = Claim(
    id="primer.geometry",
    printed=Variant(
        "On a line meeting the diamond or the disc, the L1 solution is sparse, the L2 solution is "
        "not.",
        _Line((_OFF_ORIGIN,)),
    ),
    source=_PRIMER,
    hypotheses=("solution: a point of the line of least norm", "the line misses the origin"),
    checks=(_the_l1_solution_is_sparse, _the_l2_solution_is_not_sparse),
    correction=Correction(
        Repair.HYPOTHESIS,
        Variant(
            "On a line $a_1 w_1 + a_2 w_2 = c$, $c \\neq 0$, with $|a_1| \\neq |a_2|$ (not "
            "parallel to an edge of the diamond) and $a_1 a_2 \\neq 0$ (not parallel to an axis), "
            "the L1 solution is sparse and the L2 solution is not.",
            _Line((_OFF_ORIGIN, _UNEVEN, _OBLIQUE)),
        ),
    ),
    controls=(
        Variant("not parallel to an edge alone", _Line((_OFF_ORIGIN, _UNEVEN))),
        Variant("not parallel to an axis alone", _Line((_OFF_ORIGIN, _OBLIQUE))),
        Variant("a line through the origin", _Line((_UNEVEN, _OBLIQUE))),
        Variant("a_1 != a_2, signs and all", _Line((_OFF_ORIGIN, Ne(*line), _OBLIQUE))),
    ),
)


CLAIMS = (_PROX_L1, _PROX_L2, _PROX_L0, _L1_ZERO, _CONVEX, _COUNTING, _GEOMETRY)

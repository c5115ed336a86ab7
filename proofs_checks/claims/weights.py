"""Claims: what L2, L1 and L0 penalties do to a weight, step by step and at the minimiser."""

from __future__ import annotations

from typing import NamedTuple

from sympy import (
    Abs,
    Basic,
    Eq,
    Equivalent,
    Expr,
    Ge,
    Le,
    Lt,
    Min,
    Ne,
    Piecewise,
    S,
    Set,
    Symbol,
    limit,
    sign,
    simplify,
)
from sympy.logic.boolalg import And, Or

from ...theory import weights as theory
from ...theory.weights import PENALTIES, slope, slope_at_zero, step_size, strength, weight
from ..cases import prove_in_cases
from ..checks import all_of
from ..claim import Claim, Correction, Repair, Variant
from ..evidence import Outcome
from ..smt import prove_implication

__all__ = ["CLAIMS"]

_PRIMER = "primer, regularisation of weights"
_ALPHA_LAMBDA = step_size * strength


# One step of gradient descent with an L2 penalty.


class _Shrinking(NamedTuple):
    """An update, and when it makes a non-zero weight smaller: in general, and where J' = 0."""

    update: Expr
    condition: Basic
    without_cost: Basic


def _is_the_gradient_step_of_l2(content: _Shrinking) -> Outcome:
    return prove_in_cases([], Eq(content.update, theory.gradient_step(PENALTIES["l2"])))


def _shrinks_exactly_if(content: _Shrinking) -> Outcome:
    shrinks = Lt(Abs(content.update), Abs(weight))
    return all_of(
        (
            prove_in_cases([Ne(weight, 0)], Equivalent(content.condition, shrinks)),
            prove_in_cases(
                [Ne(weight, 0), Eq(slope, 0)], Equivalent(content.without_cost, shrinks)
            ),
        )
    )


_L2_STEP = theory.l2_step()
_pull = step_size * (2 * strength + slope / weight)
_SHRINKS = And(_pull > 0, _pull < 2)

_L2_UPDATE = Claim(
    id="primer.l2-update",
    printed=Variant(
        "$J + \\lambda \\|w\\|^2$ gives $w \\leftarrow w - 2\\alpha\\lambda w - \\alpha\\, "
        "\\partial J/\\partial w$: each step pushes $w$ to a slightly lower value in magnitude.",
        _Shrinking(_L2_STEP, S.true, S.true),
    ),
    source=_PRIMER,
    hypotheses=("alpha > 0", "lambda > 0", "J differentiable"),
    checks=(_is_the_gradient_step_of_l2, _shrinks_exactly_if),
    correction=Correction(
        Repair.HYPOTHESIS,
        Variant(
            "The update is as printed. A step makes $w \\neq 0$ smaller in magnitude if and only "
            "if $0 < \\alpha (2\\lambda + J'(w)/w) < 2$; for the penalty alone ($J' = 0$) that is "
            "$\\alpha\\lambda < 1$.",
            _Shrinking(_L2_STEP, _SHRINKS, _ALPHA_LAMBDA < 1),
        ),
    ),
    controls=(
        Variant(
            "w - alpha lambda w - alpha J'",
            _Shrinking(_L2_STEP + _ALPHA_LAMBDA * weight, S.true, S.true),
        ),
        Variant(
            "the sign of J' flipped",
            _Shrinking(_L2_STEP + 2 * step_size * slope, S.true, S.true),
        ),
        Variant("iff alpha lambda < 1", _Shrinking(_L2_STEP, _ALPHA_LAMBDA < 1, _ALPHA_LAMBDA < 1)),
        Variant("iff the pull is positive", _Shrinking(_L2_STEP, _pull > 0, S.true)),
        Variant(
            "iff 0 < pull < 1", _Shrinking(_L2_STEP, And(_pull > 0, _pull < 1), _ALPHA_LAMBDA < 1)
        ),
        Variant(
            "2 alpha lambda < 1 for the penalty alone",
            _Shrinking(_L2_STEP, _SHRINKS, 2 * _ALPHA_LAMBDA < 1),
        ),
    ),
    derivation=theory.l2_update_derivation,
)


# Does L2 reach zero?


class _NeverZero(NamedTuple):
    """When a step of L2 alone leaves zero alone, and when zero is not the minimiser."""

    step: Basic
    cost: Basic


def _a_step_misses_zero_exactly_if(content: _NeverZero) -> Outcome:
    """From w != 0, with J' = 0. Such a step multiplies w by q = 1 - 2 alpha lambda.

    So n steps multiply it by q^n, which is not 0 if q is not.
    """
    alone, q = [Ne(weight, 0), Eq(slope, 0)], 1 - 2 * _ALPHA_LAMBDA
    return all_of(
        (
            prove_in_cases(alone, Equivalent(content.step, Ne(_L2_STEP, 0))),
            prove_in_cases(alone, Eq(_L2_STEP, q * weight)),
            prove_in_cases(alone, Equivalent(content.step, Ne(q, 0))),
        )
    )


def _the_minimiser_is_not_zero_exactly_if(content: _NeverZero) -> Outcome:
    """w minimises J + lambda w^2, J convex and differentiable: the derivative vanishes there."""
    given = [
        Eq(slope + 2 * strength * weight, 0),
        Ge((slope - slope_at_zero) * weight, 0),
        Or(Ne(weight, 0), Eq(slope, slope_at_zero)),
    ]
    return prove_in_cases(given, Equivalent(content.cost, Ne(weight, 0)))


_L2_NEVER_ZERO = Claim(
    id="primer.l2-never-zero",
    printed=Variant("L2 alone never drives a weight exactly to zero.", _NeverZero(S.true, S.true)),
    source=_PRIMER,
    hypotheses=("alpha > 0", "lambda > 0", "J convex and differentiable", "w != 0 at the start"),
    checks=(_a_step_misses_zero_exactly_if, _the_minimiser_is_not_zero_exactly_if),
    correction=Correction(
        Repair.HYPOTHESIS,
        Variant(
            "Steps of L2 alone never reach zero if and only if $2\\alpha\\lambda \\neq 1$ (at "
            "$2\\alpha\\lambda = 1$ the first one does); the minimiser of $J + \\lambda w^2$ is "
            "not zero if and only if $J'(0) \\neq 0$.",
            _NeverZero(Ne(2 * _ALPHA_LAMBDA, 1), Ne(slope_at_zero, 0)),
        ),
    ),
    controls=(
        Variant("if alpha lambda != 1", _NeverZero(Ne(_ALPHA_LAMBDA, 1), Ne(slope_at_zero, 0))),
        Variant(
            "if 2 alpha lambda < 1 only", _NeverZero(2 * _ALPHA_LAMBDA < 1, Ne(slope_at_zero, 0))
        ),
        Variant("whatever J'(0)", _NeverZero(Ne(2 * _ALPHA_LAMBDA, 1), S.true)),
        Variant(
            "only if |J'(0)| > lambda",
            _NeverZero(Ne(2 * _ALPHA_LAMBDA, 1), Abs(slope_at_zero) > strength),
        ),
    ),
)


# One step with an L1 penalty.


class _L1Update(NamedTuple):
    """An update, and the weights at which it is to be a gradient step."""

    update: Expr
    weights: Set


def _is_the_gradient_step_of_l1(content: _L1Update) -> Outcome:
    size = Abs(weight)
    right, left = (limit(size / weight, weight, 0, side) for side in "+-")
    if 0 in content.weights and right != left:
        where = f"w = 0: |w| has the slope {right} to the right and {left} to the left"
        return Outcome.refuted("one-sided limits", "no gradient", where)
    modulus = Piecewise((right, weight > 0), (left, True))
    expected = weight - step_size * (slope + strength * modulus)
    return prove_in_cases([Ne(weight, 0)], Eq(content.update, expected))


def _is_a_subgradient_step_at_zero(content: _L1Update) -> Outcome:
    """(0 - update(0))/alpha - J' is a slope s of lambda |w| at zero: lambda |w| >= s w."""
    element = simplify(-content.update.subs(weight, 0) / step_size - slope)
    return prove_in_cases([], Ge(strength * Abs(weight), element * weight))


_L1_STEP = theory.l1_step()
_NOT_ZERO = S.Reals - {S.Zero}

_L1_UPDATE = Claim(
    id="primer.l1-update",
    printed=Variant(
        "$J + \\lambda \\|w\\|_1$ gives $w \\leftarrow w - \\alpha\\lambda\\, \\mathrm{sign}(w) - "
        "\\alpha\\, \\partial J/\\partial w$.",
        _L1Update(_L1_STEP, S.Reals),
    ),
    source=_PRIMER,
    hypotheses=("alpha > 0", "lambda > 0", "J differentiable"),
    checks=(_is_the_gradient_step_of_l1, _is_a_subgradient_step_at_zero),
    correction=Correction(
        Repair.HYPOTHESIS,
        Variant(
            "For $w \\neq 0$ the update is the gradient step. At $w = 0$ there is no gradient; "
            "with $\\mathrm{sign}(0) = 0$ it is a subgradient step.",
            _L1Update(_L1_STEP, _NOT_ZERO),
        ),
    ),
    controls=(
        Variant(
            "2 alpha lambda sign(w)", _L1Update(_L1_STEP - _ALPHA_LAMBDA * sign(weight), _NOT_ZERO)
        ),
        Variant(
            "+ alpha lambda sign(w)",
            _L1Update(_L1_STEP + 2 * _ALPHA_LAMBDA * sign(weight), _NOT_ZERO),
        ),
        Variant("the L2 update", _L1Update(_L2_STEP, _NOT_ZERO)),
        Variant(
            "sign(0) = 2",
            _L1Update(
                Piecewise((_L1_STEP - 2 * _ALPHA_LAMBDA, Eq(weight, 0)), (_L1_STEP, True)),
                _NOT_ZERO,
            ),
        ),
    ),
)


# Where weights hover.


class _Plateau(NamedTuple):
    """Hypotheses, the interval in which weights end, its width, and the hop of a weight in it."""

    hypotheses: tuple[Basic, ...]
    low: Expr
    high: Expr
    width: Expr
    hop: Expr = _ALPHA_LAMBDA


_turn = Symbol("s", real=True)
"""sign(w), and any number of [-1, 1] at w = 0."""
_SET_VALUED_SIGN = (
    Or(Le(weight, 0), Eq(_turn, 1)),
    Or(Ge(weight, 0), Eq(_turn, -1)),
    Le(Abs(_turn), 1),
    Or(Ne(weight, 0), Eq(slope, slope_at_zero)),
)
_NEXT = weight - _ALPHA_LAMBDA * _turn - step_size * slope


def _weights_end_in_the_interval(content: _Plateau) -> Outcome:
    """From inside a step stays inside; from outside it comes nearer by a constant, never past.

    So a weight enters at the latest in as many steps as the constant goes into the distance
    (:func:`_enters_in_finitely_many_steps`).
    """
    low, high = content.low, content.high
    given = [*content.hypotheses, *_SET_VALUED_SIGN]
    stays = And(Le(low, _NEXT), Le(_NEXT, high))
    down, up = step_size * (strength + slope_at_zero), step_size * (strength - slope_at_zero)
    return all_of(
        prove_in_cases(given + where, conclusion)
        for where, conclusion in (
            ([], And(low < 0, high > 0)),
            ([Le(low, weight), Le(weight, high)], stays),
            ([weight > high], And(down > 0, Le(low, _NEXT), Le(_NEXT, weight - down))),
            ([weight < low], And(up > 0, Le(_NEXT, high), Ge(_NEXT, weight + up))),
        )
    )


def _enters_in_finitely_many_steps(content: _Plateau) -> Outcome:
    """A weight that falls by b > 0 at each step is at most w_0 - n b after n, until it enters."""
    w, after, start, n, b = (Symbol(name, real=True) for name in ("w_n", "w_next", "w_0", "n", "b"))
    return all_of(
        (
            prove_implication([w <= start - n * b, after <= w - b], after <= start - (n + 1) * b),
            prove_implication(
                [b > 0, w <= start - n * b, n * b >= start - content.high], w <= content.high
            ),
        )
    )


def _has_the_width(content: _Plateau) -> Outcome:
    return prove_in_cases(content.hypotheses, Eq(content.high - content.low, content.width))


def _no_smaller_interval_does(content: _Plateau) -> Outcome:
    """With a constant J', a shorter interval [c, e] around zero loses a weight close to zero."""
    c, e = Symbol("c", real=True), Symbol("e", real=True)
    given = [Eq(slope, slope_at_zero), *_SET_VALUED_SIGN, *content.hypotheses, c < 0, e > 0]
    return all_of(
        (
            prove_in_cases(
                [*given, c > content.low, Eq(weight, Min(e, (c - content.low) / 2))], c > _NEXT
            ),
            prove_in_cases(
                [*given, e < content.high, Eq(-weight, Min(-c, (content.high - e) / 2))], e < _NEXT
            ),
        )
    )


def _a_weight_alternates(content: _Plateau) -> Outcome:
    """Where J' = 0, two values a hop apart on either side of zero follow one another."""
    once = _L1_STEP.subs(slope, 0)
    inside = [Ne(weight, 0), Abs(weight) < _ALPHA_LAMBDA]
    hops = And(Eq(Abs(once - weight), content.hop), once * weight < 0)
    return prove_in_cases(inside, And(hops, Eq(once.subs(weight, once), weight)))


_STRONG = Abs(slope_at_zero) < strength
_rise = step_size * (slope - slope_at_zero) * weight
_TAME = And(_rise >= 0, _rise <= weight**2)
_LOW, _HIGH = theory.plateau()
_WIDTH = 2 * _ALPHA_LAMBDA

_L1_PLATEAU = Claim(
    id="primer.l1-plateau",
    printed=Variant(
        "With too large $\\lambda$, weights hover on a plateau of width $2\\alpha\\lambda$ around "
        "zero.",
        _Plateau((_STRONG, _rise >= 0), _LOW, _HIGH, _WIDTH),
    ),
    source=_PRIMER,
    hypotheses=("alpha > 0", "lambda too large: lambda > |J'(0)|", "J convex"),
    checks=(
        _weights_end_in_the_interval,
        _enters_in_finitely_many_steps,
        _has_the_width,
        _no_smaller_interval_does,
        _a_weight_alternates,
    ),
    correction=Correction(
        Repair.HYPOTHESIS,
        Variant(
            "With $\\lambda > |J'(0)|$, $J$ convex and $\\alpha (J'(w) - J'(0))/w \\leq 1$, the "
            "sign update takes every weight in finitely many steps into "
            "$[-\\alpha(\\lambda + J'(0)), \\alpha(\\lambda - J'(0))]$ and keeps it there: width "
            "$2\\alpha\\lambda$, around zero, whatever $\\mathrm{sign}(0) \\in [-1, 1]$. Where "
            "$J'$ is constant no shorter interval around zero is kept. A single weight may hover "
            "on less: for $J' = 0$ it alternates between two values $\\alpha\\lambda$ apart.",
            _Plateau((_STRONG, _TAME), _LOW, _HIGH, _WIDTH),
        ),
    ),
    controls=(
        Variant("width alpha lambda", _Plateau((_STRONG, _TAME), _LOW, _HIGH, _ALPHA_LAMBDA)),
        Variant(
            "half the interval", _Plateau((_STRONG, _TAME), _LOW / 2, _HIGH / 2, _ALPHA_LAMBDA)
        ),
        Variant("twice the interval", _Plateau((_STRONG, _TAME), 2 * _LOW, 2 * _HIGH, 2 * _WIDTH)),
        Variant(
            "centred at zero whatever J'(0)",
            _Plateau((_STRONG, _TAME), -_ALPHA_LAMBDA, _ALPHA_LAMBDA, _WIDTH),
        ),
        Variant(
            "a single weight hops by 2 alpha lambda",
            _Plateau((_STRONG, _TAME), _LOW, _HIGH, _WIDTH, _WIDTH),
        ),
        Variant("whatever J'(0)", _Plateau((_TAME,), _LOW, _HIGH, _WIDTH)),
        Variant("J not convex", _Plateau((_STRONG, _rise <= weight**2), _LOW, _HIGH, _WIDTH)),
    ),
)


CLAIMS = (_L2_UPDATE, _L2_NEVER_ZERO, _L1_UPDATE, _L1_PLATEAU)

"""Claims: how the target of any smooth penalty answers to alpha; where its level is free."""

from __future__ import annotations

from typing import NamedTuple

from sympy import Eq, Expr, Gt, Interval, Lt, exp, oo, simplify

from ...theory import target_response as theory
from ...theory.label_smoothing import multiclass_cross_entropy
from ...theory.losses import cross_entropy, sigmoid
from ...theory.multiclass import shifted
from ...theory.penalties import CATALOGUE
from ...theory.symbols import K, alpha, gap, z
from ...theory.target_response import bend, slope
from ..checks import Proposition, all_of, holds_on_its_domain, same_function_of_logits
from ..claim import Claim, Variant
from ..evidence import Outcome

__all__ = ["CLAIMS"]

_POSITIVE = Interval.open(0, oo)
_GENERIC = {z: _POSITIVE, slope: _POSITIVE, bend: Interval(0, oo)}


class _Response(NamedTuple):
    """A proposed dz*/dalpha and condition number, in z = z*, alpha and f''(z)."""

    derivative: Expr
    condition: Expr


def _inverts_the_slope_of_the_strength(response: _Response) -> Outcome:
    """dz*/dalpha times dalpha/dz is 1 for any values of f'(z*) > 0, f''(z*) >= 0 and z* > 0.

    dalpha/dz < 0, so that the inverse function exists and is differentiable; z* > 0 since
    l'(0) = -(1 - alpha)/2 < 0, f being even.
    """
    inverse, rate = theory.inverse(), theory.inverse_slope()
    derivative = response.derivative.subs(alpha, inverse)
    condition = response.condition.subs(alpha, inverse)
    start = (1 - alpha) * cross_entropy().diff(z).subs(z, 0)
    return holds_on_its_domain(
        [
            Proposition(Eq(derivative * rate, 1, evaluate=False), _GENERIC),
            Proposition(Eq(condition * -rate * z, inverse, evaluate=False), _GENERIC),
            Proposition(Lt(rate, 0, evaluate=False), _GENERIC),
            Proposition(Lt(start, 0, evaluate=False), {alpha: Interval.open(0, 1)}),
        ]
    )


def _agrees_with_a_closed_form(response: _Response) -> Outcome:
    """Label smoothing, whose target log((2 - alpha)/alpha) can be differentiated directly."""
    target = theory.label_smoothing_target()
    second = CATALOGUE["label-smoothing"].expression.diff(z, 2)
    at = response.derivative.subs(bend, second).rewrite(exp).subs(z, target)
    direct = simplify(target.diff(alpha))
    domain = {alpha: Interval.open(0, 1)}
    return holds_on_its_domain([Proposition(Eq(simplify(at), direct, evaluate=False), domain)])


_DERIVATIVE, _CONDITION = theory.derivative(), theory.condition_number()


class _Levels(NamedTuple):
    """The penalty whose level is free, the one whose level is not, and the levels of that one."""

    free: str
    fixed: str
    upper: Expr
    lower: Expr


def _level_is_free(levels: _Levels) -> Outcome:
    """The loss of K classes does not change when all logits of a sample are shifted."""
    f = CATALOGUE[levels.free].multiclass_expression
    loss = (1 - alpha) * multiclass_cross_entropy() + alpha * f
    return same_function_of_logits((shifted(loss, gap), loss))


def _level_is_where_the_slopes_balance(levels: _Levels) -> Outcome:
    """At the claimed levels, g apart, the loss is stationary in the common level of the logits.

    The slope in that level has a positive derivative, so that no other level at this gap is.
    """
    penalty = CATALOGUE[levels.fixed]
    domain = {alpha: Interval.open(0, 1), K: Interval(2, oo), gap: _POSITIVE}
    rate = theory.level_slope(penalty, levels.upper, levels.lower)
    moved = theory.level_slope(penalty, levels.upper + z, levels.lower + z)
    return holds_on_its_domain(
        [
            Proposition(Eq(levels.upper - levels.lower, gap, evaluate=False), domain),
            Proposition(Eq(rate, 0, evaluate=False), domain),
            Proposition(
                Gt(simplify(moved.diff(z)), 0, evaluate=False), {**domain, z: Interval(-oo, oo)}
            ),
        ]
    )


def _levels_follow(levels: _Levels) -> Outcome:
    return all_of((_level_is_free(levels), _level_is_where_the_slopes_balance(levels)))


_LEVELS = _Levels("label-smoothing", "quadratic", *theory.zero_sum_levels())

CLAIMS = (
    Claim(
        id="lead.target-derivative",
        printed=Variant(
            "For every smooth penalty $dz^*/d\\alpha = -\\sigma(-z^*)/(\\alpha \\ell''(z^*))$, and "
            "the condition number of the target is $\\sigma(-z^*)/(z^* \\ell''(z^*))$.",
            _Response(_DERIVATIVE, _CONDITION),
        ),
        source="lead: targets in closed form",
        hypotheses=("f convex and even, f'' exists at z*", "0 < alpha < 1"),
        checks=(_inverts_the_slope_of_the_strength, _agrees_with_a_closed_form),
        controls=(
            Variant("the other sign", _Response(-_DERIVATIVE, _CONDITION)),
            Variant("without 1/alpha", _Response(alpha * _DERIVATIVE, _CONDITION)),
            Variant(
                "sigmoid(z) for sigmoid(-z)",
                _Response(_DERIVATIVE * sigmoid(z) / sigmoid(-z), _CONDITION),
            ),
            Variant(
                "alpha (1 + f'') for l''",
                _Response(_DERIVATIVE * theory.curvature() / (alpha * (bend + 1)), _CONDITION),
            ),
            Variant("condition number times z*", _Response(_DERIVATIVE, z * _CONDITION)),
            Variant("condition number over alpha", _Response(_DERIVATIVE, _CONDITION / alpha)),
        ),
        derivation=theory.derivation,
    ),
    Claim(
        id="lead.level-free",
        printed=Variant(
            "$K$ classes: for label smoothing the level is free, only the gap $g$ is determined; "
            "for $f = \\|z\\|^2$, $z_{high} = (K - 1) g/K$ and $z_{low} = -g/K$.",
            _LEVELS,
        ),
        source="lead: targets in closed form",
        hypotheses=("K >= 2 classes", "0 < alpha < 1", "the other classes share one logit"),
        checks=(_levels_follow,),
        controls=(
            Variant("the level of ||z||^2 is free", _LEVELS._replace(free="quadratic")),
            Variant("label smoothing fixes a level", _LEVELS._replace(fixed="label-smoothing")),
            Variant("z_high = g, z_low = 0", _LEVELS._replace(upper=gap, lower=gap * 0)),
            Variant("z_high = g/2, z_low = -g/2", _LEVELS._replace(upper=gap / 2, lower=-gap / 2)),
            Variant(
                "z_high = g, z_low = -g/(K - 1)", _LEVELS._replace(upper=gap, lower=-gap / (K - 1))
            ),
        ),
    ),
)

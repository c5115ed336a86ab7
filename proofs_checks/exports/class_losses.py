"""The per-sample loss of K classes and its gradient in the logits as programs.

With m the largest logit, log sum exp(z_k) is m + log(1 + s), s the sum of exp(z_k - m) over the
other classes: both terms of the cross-entropy, m - z_c and log(1 + s), are non-negative. Its
derivative p_c - 1 is less the share of all other classes, in which nothing cancels.
"""

from __future__ import annotations

from typing import NamedTuple

from sympy import Abs, Eq, Expr, KroneckerDelta, Piecewise, Sum, Symbol, exp, log, oo
from sympy.codegen.cfunctions import log1p

from ...numerics.generate import derivatives, in_logarithms
from ...theory.label_smoothing import multiclass_cross_entropy, true_class
from ...theory.penalties import Penalty, coordinatewise
from ...theory.symbols import K, alpha, k, logits, z
from .losses import UNIT, in_scalars, magnitude, with_free_parameters
from .program import ClassRoutine, Largest, Let, Part, Pick, Total
from .special import exp_of_difference

__all__ = ["class_loss_parts", "derivative_class"]

derivative_class = Symbol("j", integer=True, positive=True)
"""The class in whose logit a derivative is."""

_label, _first = Symbol("label", integer=True), Symbol("first", integer=True)
_top, _others, _tail, _lag, _chosen, _rest, _total, _below, _log_p, _excess, _mean = (
    Symbol(name, real=True)
    for name in (
        *("top", "others", "tail", "lag", "chosen", "rest", "total"),
        *("below", "log_p", "excess", "mean"),
    )
)
_cross, _penalty = Symbol("cross_entropy", real=True), Symbol("penalty", real=True)
_outside = Symbol("outside", real=True)
_grown = exp_of_difference(z, _top)
_share = _grown / _total

_LARGEST = (
    Largest(_first),
    Pick(_top, _first),
    Total(_others, Piecewise((0, Eq(k, _first)), (_grown, True))),
)
_TOTAL = Let(_total, 1 + _others)
_CROSS_ENTROPY = (
    *_LARGEST,
    Pick(_chosen, _label),
    Let(_lag, _top - _chosen),
    Let(_tail, log1p(_others)),
    Let(_cross, _lag + _tail),
)
_SHARES = (*_LARGEST, _TOTAL, Total(_rest, Piecewise((0, Eq(k, _label)), (_grown, True))))
_LESS_LABEL = Let(_cross, Piecewise((-_rest, Eq(k, _label)), (_grown, True)) / _total)


_Body = tuple[Let | Largest | Pick | Total, ...]
_Terms = tuple[Expr, Expr]


class _Own(NamedTuple):
    """What a penalty adds to the two programs.

    Attributes
    ----------
    value, gradient, each : steps of the loss, of the gradient, and of the gradient of a class.
    slope : the derivative of f in z_j.
    scales : the sums of the magnitudes of the terms of f and of its derivative.
    """

    value: tuple[Let | Total, ...]
    gradient: tuple[Total, ...]
    each: tuple[Let, ...]
    slope: Expr
    scales: tuple[Expr, Expr]


def class_loss_parts(penalty: Penalty, stem: str, ulps: tuple[int, int]) -> tuple[Part, ...]:
    """The loss (1 - alpha) (log sum exp(z_k) - z_c) + alpha f(z_1, ..., z_K), and its gradient.

    The errors are in units of the sum of the magnitudes of all terms, since the gradient vanishes
    at the target.
    """
    free = with_free_parameters(penalty)
    own = _COUPLED[penalty.name] if penalty.name in _COUPLED else _separate(free)
    arguments = (alpha, *(p.symbol for p in penalty.parameters))

    def part(
        suffix: str, body: _Body, each: tuple[Let, ...] | None, terms: _Terms, scale: Expr, ulp: int
    ) -> Part:
        entropy, of_penalty = terms
        result = (1 - alpha) * _cross + alpha * _penalty
        return Part(
            ClassRoutine(f"{stem}_loss_multiclass{suffix}", arguments, body, result, each),
            (1 - alpha) * entropy + alpha * of_penalty,
            ulp,
            (1 - alpha) * Abs(entropy) + alpha * scale,
            UNIT,
        )

    cross = multiclass_cross_entropy()
    value = (cross, free.multiclass_expression)
    gradient = (_cross_entropy_slope(), own.slope)
    each = (_LESS_LABEL, *own.each)
    return (
        part("", (*_CROSS_ENTROPY, *own.value), None, value, own.scales[0], ulps[0]),
        part("_gradient", (*_SHARES, *own.gradient), each, gradient, own.scales[1], ulps[1]),
    )


def _cross_entropy_slope() -> Expr:
    """The derivative in z_j of the cross-entropy.

    >>> _cross_entropy_slope()
    exp(z[j])/Sum(exp(z[k]), (k, 1, K)) - KroneckerDelta(c, j)
    """
    return _p_j - KroneckerDelta(derivative_class, true_class)


def _separate(penalty: Penalty) -> _Own:
    """The sum of f over the logits."""
    value, slope, _ = derivatives(penalty)
    scales = (
        coordinatewise(magnitude(in_logarithms(value))),
        magnitude(in_logarithms(slope)).subs(z, logits[derivative_class]),
    )
    each, form = in_scalars(slope)
    if value.has(oo):
        # A sum with compensation has no infinite terms.
        outside = Total(_outside, value.subs(oo, 1))
        whole: tuple[Let | Total, ...] = (
            outside,
            Let(_penalty, Piecewise((oo, _outside > 0), (0, True))),
        )
    else:
        before, term = in_scalars(value)
        whole = (Total(_penalty, term, before),)
    exact = penalty.expression.diff(z).subs(z, logits[derivative_class])
    return _Own(whole, (), (*each, Let(_penalty, form)), exact, scales)


_sum_of_exp = Sum(exp(logits[k]), (k, 1, K))
_p_j, _p_k = exp(logits[derivative_class]) / _sum_of_exp, exp(logits[k]) / _sum_of_exp
_mean_log_p = Sum(_p_k * log(_p_k), (k, 1, K))

_COUPLED = {
    "label-smoothing": _Own(
        (Total(_below, _top - z), Let(_penalty, _tail + _below / K)),
        (),
        (Let(_penalty, _share - 1 / K),),
        _p_j - 1 / K,
        (log(_sum_of_exp) - Sum(logits[k], (k, 1, K)) / K, _p_j + 1 / K),
    ),
    "entropy": _Own(
        (
            _TOTAL,
            Total(_penalty, _log_p * _share, (Let(_log_p, z - _top), Let(_log_p, _log_p - _tail))),
        ),
        (Total(_mean, (z - _top) * _share),),
        (Let(_excess, z - _top), Let(_excess, _excess - _mean), Let(_penalty, _excess * _share)),
        _p_j * (log(_p_j) - _mean_log_p),
        (-_mean_log_p, -_p_j * (log(_p_j) + _mean_log_p)),
    ),
}
"""Penalties that act on all logits together."""

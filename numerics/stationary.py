"""The targets of the catalogue's penalties, from a fixed number of vectorised steps.

With c = (1 - alpha)/alpha, e = K - 1 and, for two classes, the logit in place of the gap g:

==================  ===============================================================
label-smoothing     g = log(1 + K c)
absolute            g = log(e (c - 1)), or 0 where c <= K/e
quadratic           g (exp(g) + e) = K c/2
elastic             (g + s)(exp(g) + e) = y, s and y by regime
huber               g (exp(g) + e) = K c up to g = K delta/e, then log(e (c/delta - 1))
power               g^q (exp(g) + e) = e c (1 + e^(-1/q))^q/p, q = p - 1
entropy             g = c (1 + e exp(-g))
box                 g = 2 b, and b for two classes
the others          f'(a) = e f'(b), f'(b)(exp(a + b) + e) = c, g = a + b
==================  ===============================================================

For two classes f acts on one logit: K c/2 becomes c/2, and so on. c overflows and is never formed:
both sides are multiplied by alpha, and 1 - alpha is an exact double-double. The last step corrects
by a residual in double-double arithmetic, in which only exp(g) - 1 is rounded, by about an ulp.
Nothing depends on the numbers but through ``where``: the solvers may be traced.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .doubledouble import (
    Pair,
    add,
    divide,
    multiply,
    negate,
    one_minus,
    scaled,
    square_root,
    two_prod,
    two_sum,
)
from .lambert import entropy_root, lambert_root
from .power_gap import power_gap
from .single_logit import FAR, NEAR, SHIFT, expm1_shifted, saturating_start, single_logit

__all__ = ["SOLVERS", "Solver"]

Solver = Callable[..., Any]
"""(xp, alpha, classes, **parameters) -> target, on float64 arrays with 0 < alpha < 1."""

_LIFT = 2.0**300
# log 2 = 0x1.62e42fefa39efp-1 + 2.319...e-17 to twice float64 precision.
_LOG_LIFT = scaled(Pair(math.log(2), 2.3190468138462996e-17), 300.0)


def _log1p_quotient(xp: Any, numerator: Pair, alpha: Any, scale: float) -> Any:
    """log(1 + numerator/(scale alpha)), and 0 where the numerator is negative."""
    # Where the quotient may overflow 1 counts for nothing beside it.
    huge = alpha * (scale * _LIFT * _LIFT) < numerator.high
    divisor = scaled(Pair(xp.where(huge, alpha * _LIFT, alpha), 0.0), scale)
    positive = numerator.high > 0
    high, low = (xp.where(positive, part, 0.0) for part in numerator)
    quotient = high / divisor.high
    product = two_prod(quotient, divisor.high)
    rest = ((high - product.high) - product.low) + (low - quotient * divisor.low)
    found = xp.log1p(quotient) + rest / (divisor.high * (1 + quotient))
    return xp.where(huge, found + _LOG_LIFT.low + _LOG_LIFT.high, found)


def _shifted_lambert(xp: Any, alpha: Any, right: Pair, shift: float, rest: float) -> Any:
    """The g >= 0 with (g + shift)(exp(g) + rest) = shift (1 + rest) + right/alpha, for shift > 0.

    Written g (E + 1 + rest) + shift E with E = exp(g) - 1 the left side has no cancellation,
    and a vanishing right side gives g = 0 exactly. The steps are Halley's, in log g.
    """
    positive = right.high > 0
    high = xp.where(positive, right.high, 1.0)
    low = xp.where(positive, right.low, 0.0)
    total = 1 + rest
    # y = right/alpha does not overflow at the clipped alpha; the rest of log y is added.
    clipped = xp.clip(alpha, min=1e-290)
    y = high / clipped
    # As for Lambert's W of a y that turns from y/(1 + rest) into y.
    turned = (0.539 if rest == 1 else 0.54 * rest**-0.43) * y
    w = xp.log1p(y * ((1 + turned) / (total + turned))) + xp.log(clipped / alpha)
    g = xp.minimum(w * (1 - xp.log1p(w) / (2 + w)), y / (total + shift))
    far = g > FAR
    weight = xp.where(far, alpha * math.exp(SHIFT), alpha)
    offset = xp.where(far, SHIFT, 0.0 * g)
    scale = weight / high
    for _ in range(1 + math.ceil(math.log10(total) / 3)):
        grown = xp.expm1(g - offset)
        lifted = (grown + 1) * (g + shift)
        value = grown * (g + shift) + total * g
        step = xp.log(scale * value)
        slope = g * (lifted + grown + total) / value
        bend = slope + g * g * (lifted + 2 * (grown + 1)) / value - slope * slope
        step = -step / (slope - step * bend / (2 * slope))
        g = g * ((2 + step) / (2 - step))
    grown = xp.expm1(g - offset)
    left = add(multiply(two_sum(g, shift), Pair(grown, 0.0)), two_prod(g, total))
    scaled = two_prod(left.high, weight)
    residual = ((high - scaled.high) - scaled.low) + (low - left.low * weight)
    lifted = (grown + 1) * (g + shift)
    slope = lifted + grown + total
    change = residual / (weight * slope)
    change = change * (1 - change * (lifted + 2 * (grown + 1)) / (2 * slope))
    return xp.where(positive, g + change, 0.0)


def _label_smoothing(xp: Any, alpha: Any, classes: int) -> Any:
    return _log1p_quotient(xp, scaled(one_minus(alpha), float(classes)), alpha, 1.0)


def _beyond_kink(alpha: Any, classes: int, scale: float) -> Pair:
    """alpha ((K - 1) c - K scale): positive where the slope ``scale`` is not enough."""
    left = scaled(one_minus(alpha), float(classes - 1))
    return add(left, negate(scaled(scaled(Pair(alpha, 0.0), scale), float(classes))))


def _absolute(xp: Any, alpha: Any, classes: int) -> Any:
    return _log1p_quotient(xp, _beyond_kink(alpha, classes, 1.0), alpha, 1.0)


def _quadratic(xp: Any, alpha: Any, classes: int) -> Any:
    return lambert_root(xp, alpha, classes - 1.0, 2.0, 1.0 if classes == 2 else float(classes))


def _huber(xp: Any, alpha: Any, classes: int, delta: float) -> Any:
    edge = delta if classes == 2 else delta * classes / (classes - 1)
    inner = lambert_root(xp, alpha, classes - 1.0, 1.0, 1.0 if classes == 2 else float(classes))
    outer = _log1p_quotient(xp, _beyond_kink(alpha, classes, delta), alpha, delta)
    return xp.where(inner <= edge, inner, outer)


def _elastic(xp: Any, alpha: Any, classes: int) -> Any:
    rest = classes - 1.0
    low_at_kink = _shifted_lambert(
        xp, alpha, scaled(_beyond_kink(alpha, classes, 1.0), 0.5), 0.5, rest
    )
    if classes == 2:
        return low_at_kink
    right = scaled(_beyond_kink(alpha, 2, 1.0), classes / 2)
    both_move = _shifted_lambert(xp, alpha, right, 1.0, rest)
    return xp.where(low_at_kink <= (classes - 2) / 2, low_at_kink, both_move)


def _power(xp: Any, alpha: Any, classes: int, p: float) -> Any:
    return _absolute(xp, alpha, classes) if p == 1 else power_gap(xp, alpha, classes, p)


def _entropy(xp: Any, alpha: Any, classes: int) -> Any:
    return entropy_root(xp, alpha, classes - 1.0)


def _box(xp: Any, alpha: Any, classes: int, b: float) -> Any:
    return xp.full_like(alpha, b if classes == 2 else 2 * b)


Rough = Callable[[Any], tuple[Any, Any, Any, Any]]
"""a -> f'(a), its logarithmic derivative a f''(a)/f'(a), the low logit b(a) and b'(a)."""
Exact = Callable[[Any], Pair]
"""a -> f'(a)."""


def _high_logit(
    xp: Any,
    alpha: Any,
    classes: int,
    rough: Rough,
    exact: Exact,
    bracket: tuple[Any, Any],
    steps: int,
    flat: bool = False,
) -> Any:
    """g = a + b(a) where f'(a) (exp(a + b) + e) = e c, by Newton's steps in log a, bracketed.

    Where f' is ``flat`` the rough residual leaves half of the digits open, so that one step with
    the exact residual is not enough.
    """
    total, rest = float(classes), classes - 1.0
    right = scaled(one_minus(alpha), rest)
    log_y = xp.log(right.high) - xp.log(alpha)
    low, high = bracket
    a = high
    for _ in range(steps):
        slope, bend, b, db = rough(a)
        g = a + b
        grown = xp.expm1(xp.clip(g, max=40.0))
        excess = xp.log(slope * (grown + total)) + xp.clip(g - 40.0, min=0.0) - log_y
        above = excess > 0
        high = xp.where(above, a, high)
        low = xp.where(above, low, a)
        rise = bend + a * (1 + db) * (grown + 1) / (grown + total)
        newton = a * xp.exp(xp.clip(-excess / rise, min=-700.0, max=700.0))
        inside = (newton >= low) & (newton <= high)
        a = xp.where(inside, newton, xp.sqrt(low * high))
    for _ in range(2 if flat else 1):
        _, bend, b, db = rough(a)
        g = two_sum(a, b)
        weight, grown = expm1_shifted(xp, alpha, g.high)
        left = add(two_sum(grown, total), Pair(g.low * (grown + 1), 0.0))
        left = multiply(multiply(left, Pair(weight, 0.0)), exact(a))
        residual = add(right, negate(left)).high / right.high
        change = a * residual / (bend + a * (1 + db) * (grown + 1) / (grown + total))
        a = a + change
    return g.high + (g.low + change * (1 + db))


def _saturating_bracket(xp: Any, alpha: Any, classes: int, delta: float) -> tuple[Any, Any]:
    """Bounds on a, where min(a, delta)/sqrt 2 <= f'(a) <= a."""
    rest = classes - 1.0
    log_y = math.log(rest) + xp.log(1 - alpha) - xp.log(alpha)
    y = xp.exp(xp.clip(log_y, max=700.0))
    low = xp.clip(y / (math.e + rest), max=0.5)
    knee = min(delta, 1.0)
    near = xp.clip(y * math.sqrt(2) / classes, max=knee)
    far = log_y + math.log(math.sqrt(2) / knee)
    return 0.99 * low, 1.01 * xp.where(near > far, near, far)


def _steps(classes: int, delta: float) -> int:
    """Enough of Newton's steps: the plateau of f' doubles a at each, until exp(a) sets in."""
    return 7 + math.ceil(3 * math.log10(1 / min(delta, 1.0)) + 2.5 * math.log10(classes))


def _pseudo_huber(xp: Any, alpha: Any, classes: int, delta: float) -> Any:
    rest = classes - 1.0
    square = two_prod(delta, delta)

    def bends(a: Any, _: Any) -> tuple[Any, Any, Any]:
        bend = 1 / (1 + (a / delta) ** 2)
        return a * xp.sqrt(bend), bend, 2 * bend * (bend - 1)

    def quotient(a: Any, _: Any) -> tuple[Pair, Pair]:
        norm = add(two_prod(a, a), square)
        return two_prod(a, delta), square_root(norm, xp.sqrt(norm.high))

    def exact(a: Any) -> Pair:
        return divide(*quotient(a, None))

    if classes == 2 and 0.5 <= delta <= 2:
        return single_logit(xp, alpha, saturating_start(xp), bends, quotient, 0)

    def rough(a: Any) -> tuple[Any, Any, Any, Any]:
        q = (a / delta) ** 2
        bend = 1 / (1 + q)
        slope = a * xp.sqrt(bend)
        if classes == 2:
            return slope, bend, 0.0 * a, 0.0
        ratio = 1 / (rest * rest + (rest * rest - 1) * q)
        scale = xp.sqrt(ratio)
        return slope, bend, a * scale, rest * rest * ratio * scale

    bracket = _saturating_bracket(xp, alpha, classes, delta)
    steps = _steps(classes, delta)
    return _high_logit(xp, alpha, classes, rough, exact, bracket, steps, flat=delta < 0.1)


def _log_cosh(xp: Any, alpha: Any, classes: int) -> Any:
    rest = classes - 1.0

    def quotient(a: Any, _: Any) -> tuple[Pair, Pair]:
        # tanh a = E (2 + E)/(2 + E (2 + E)) with E = exp(a) - 1: E alone is rounded.
        grown = xp.expm1(xp.clip(a, max=NEAR))
        product = multiply(two_sum(2.0, grown), Pair(grown, 0.0))
        return product, add(product, Pair(2.0, 0.0))

    def exact(a: Any) -> Pair:
        return divide(*quotient(a, None))

    def bends(a: Any, near: Any) -> tuple[Any, Any, Any]:
        t = xp.tanh(near)
        bend = near * (1 - t) * ((1 + t) / t)
        return t, bend, bend * (1 - bend - 2 * near * t)

    if classes == 2:
        return single_logit(xp, alpha, saturating_start(xp), bends, quotient, 0)

    def rough(a: Any) -> tuple[Any, Any, Any, Any]:
        grown = xp.expm1(xp.clip(a, max=40.0))
        product = grown * (2 + grown)
        t = product / (2 + product)
        sech_squared = 4 * ((1 + grown) / (2 + product)) ** 2
        bend = a * sech_squared / t
        b = 0.5 * xp.log1p(2 * t / (rest - t))
        return t, bend, b, rest * sech_squared / ((rest - t) * (rest + t))

    bracket = _saturating_bracket(xp, alpha, classes, 1.0)
    return _high_logit(xp, alpha, classes, rough, exact, bracket, _steps(classes, 1.0))


def _cosh(xp: Any, alpha: Any, classes: int) -> Any:
    rest = classes - 1.0

    def exact(a: Any) -> Pair:
        # sinh a = E (2 + E)/(2 + 2 E) with E = exp(a) - 1: E alone is rounded.
        grown = xp.expm1(a)
        quotient = divide(two_sum(2.0, grown), scaled(two_sum(1.0, grown), 2.0))
        return multiply(quotient, Pair(grown, 0.0))

    def start(y: Any, rest: Any) -> Any:
        return (xp.log1p(y * ((1 + 2 * y) / (1 + y))) + rest) / 2

    def bends(a: Any, near: Any) -> tuple[Any, Any, Any]:
        bend = a / xp.tanh(a)
        return xp.sinh(near), bend, bend * (1 - bend) + a * a

    def quotient(_: Any, grown: Any) -> tuple[Pair, None]:
        # sinh a = (E + E/(1 + E))/2.
        total = two_sum(1.0, grown)
        decay = grown / total.high
        high, low = two_sum(grown, decay)
        return Pair(high / 2, (low - decay * total.low / total.high) / 2), None

    if classes == 2:
        return single_logit(xp, alpha, start, bends, quotient, 1)

    def rough(a: Any) -> tuple[Any, Any, Any, Any]:
        grown = xp.expm1(a)
        sinh = grown * ((2 + grown) / (2 + 2 * grown))
        cosh = sinh + 1 / (1 + grown)
        s = sinh / rest
        root = xp.hypot(s, 1 + 0 * s)
        return sinh, a * cosh / sinh, xp.log1p(s + s * (s / (1 + root))), cosh / (rest * root)

    log_y = math.log(rest) + xp.log(1 - alpha) - xp.log(alpha)
    y = xp.exp(xp.clip(log_y, max=700.0))
    low = xp.clip(y / (1.05 * (math.e + rest)), max=0.5)
    high = xp.minimum(y / classes, xp.clip(0.5 * (log_y + math.log(2.4)), min=1.0))
    return _high_logit(xp, alpha, classes, rough, exact, (0.99 * low, 1.01 * high), 6)


SOLVERS: dict[str, Solver] = {
    "label-smoothing": _label_smoothing,
    "quadratic": _quadratic,
    "absolute": _absolute,
    "huber": _huber,
    "pseudo-huber": _pseudo_huber,
    "log-cosh": _log_cosh,
    "cosh": _cosh,
    "power": _power,
    "elastic": _elastic,
    "entropy": _entropy,
    "box": _box,
}

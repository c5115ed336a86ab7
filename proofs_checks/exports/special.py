"""Functions that no target language has, or not with all digits."""

from __future__ import annotations

from sympy import Expr, Function, Piecewise, Rational, Symbol, exp, pi
from sympy.codegen.cfunctions import expm1, log1p

from .program import Let, Repeat, Routine, split

__all__ = ["HELPERS", "erfc", "exp_of_difference", "r_lambert", "shifted_lambert"]

_STEPS = 9
_NODES = 14
_OUTERMOST = 2 * pi
"""1/h times pi: where the contour has passed the pole, and its residue is left out."""
_UNDERFLOW = 40
_BITS = 20
"""With these behind the point the square of a number below 64 is exact."""

shifted_lambert = Function("shifted_lambert", real=True)
"""(s, r, y) -> the g >= 0 with (g + s)(exp(g) + r) = s (1 + r) + y."""

erfc = Function("complementary_error", real=True)

exp_of_difference = Function("exp_of_difference", positive=True)
"""(a, b) -> exp(a - b)."""


def r_lambert(r: Expr, y: Expr) -> Expr:
    """The w >= 0 with w (exp(w) + r) = y."""
    return shifted_lambert(Rational(0), r, y)


def _lambert_routine() -> Routine:
    """Halley's steps on g (E + 1 + r) + s E = y, E = exp(g) - 1, which cancels nowhere.

    The start lies below the root where exp(g) dominates, since W(y) < log y, and is near
    y/(1 + r + s) where r does.
    """
    s, r, y, g, grown, slope, step, leading = (
        Symbol(name, real=True)
        for name in ("s", "r", "y", "g", "grown", "slope", "step", "leading")
    )
    linear = Symbol("linear", real=True)
    start = leading - log1p(leading)
    return Routine(
        "shifted_lambert",
        (s, r, y),
        (
            Let(leading, log1p(y)),
            Let(linear, y / (1 + r + s)),
            Let(g, start),
            Let(g, Piecewise((linear, linear < g), (g, True))),
            Repeat(
                _STEPS,
                (
                    Let(grown, expm1(g)),
                    Let(slope, (grown + 1) * (g + s + 1) + r),
                    Let(step, (g * (grown + 1 + r) + s * grown - y) / slope),
                    Let(g, g - step / (1 - step * (grown + 1) / slope * (g + s + 2) / 2)),
                ),
            ),
        ),
        g,
        "The g >= 0 with (g + s)(exp(g) + r) = s (1 + r) + y, for s, r, y >= 0, by Halley's steps.",
    )


def _erfc_routine() -> Routine:
    """The midpoint rule with step h = 1/2, and the residue of the pole that it passes.

    erfc(x) = (2 x exp(-x^2)/pi) int_0^oo exp(-t^2)/(t^2 + x^2) dt. The error is below
    exp(-pi^2/h^2) = 7e-18, and all terms are positive. x is split, since the rounding of x^2 would
    cost exp(-x^2) digits.
    """
    x, high, low, square, total, tail, pole = (
        Symbol(name, real=True)
        for name in ("x", "x_high", "x_low", "square", "total", "tail", "pole")
    )
    squares = [(Rational(2 * n + 1, 4)) ** 2 for n in range(_NODES)]
    first, *others = [exp(-node).evalf(20) / (square + node) for node in squares]
    return Routine(
        "complementary_error",
        (x,),
        (
            Let(x, Piecewise((x, x < _UNDERFLOW), (_UNDERFLOW, True))),
            *split(x, high, low, _BITS),
            Let(square, x**2),
            Let(total, first),
            *(Let(total, total + term) for term in others),
            Let(tail, exp(-(high**2)) * exp(-low * (x + high)) * x / pi * total),
            Let(pole, Piecewise((2 / (1 + exp(4 * pi * x)), x < _OUTERMOST), (0, True))),
        ),
        tail + pole,
        "erfc(x) for x >= 0: the midpoint rule on its integral, with the residue of the pole.",
    )


def _exp_routine() -> Routine:
    """exp(d) (1 + e), where d + e = a - b exactly: Knuth's error of a sum, for any order."""
    a, b, gap, back, part, lost, grown = (
        Symbol(name, real=True) for name in ("a", "b", "gap", "back", "part", "lost", "grown")
    )
    return Routine(
        "exp_of_difference",
        (a, b),
        (
            Let(gap, a - b),
            Let(back, gap - a),
            Let(part, gap - back),
            Let(part, a - part),
            Let(lost, -b - back),
            Let(lost, lost + part),
            Let(grown, exp(gap)),
        ),
        grown + grown * lost,
        "exp(a - b) for a <= b, also where a - b is rounded.",
    )


HELPERS = {
    routine.name: routine for routine in (_lambert_routine(), _erfc_routine(), _exp_routine())
}

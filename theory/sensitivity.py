"""How the target answers to alpha: curvature of the loss, derivative, condition, expansion."""

from __future__ import annotations

from sympy import Abs, Expr, exp, limit, log, oo, simplify

from .losses import is_even, pieces, sigmoid, x
from .penalties import Penalty
from .symbols import alpha, z
from .targets import by_piece, tidy

__all__ = [
    "condition_number",
    "curvature_at_target",
    "small_alpha_expansion",
    "target_derivative",
]


def curvature_at_target(penalty: Penalty) -> Expr:
    """l''(z) as a function of z and alpha, to be evaluated at the target.

    >>> from logitreg.theory import penalty
    >>> curvature_at_target(penalty("quadratic"))
    2*alpha + (1 - alpha)*exp(z)/(exp(z) + 1)**2
    """
    bend = by_piece(penalty, lambda piece: simplify(piece.slope.diff(piece.symbol)))
    return alpha * bend + (1 - alpha) * exp(z) / (1 + exp(z)) ** 2


def target_derivative(penalty: Penalty) -> Expr:
    """dz*/dalpha = -sigmoid(-z)/(alpha l''(z)) at z = z*, by the implicit-function theorem."""
    return -sigmoid(-z) / (alpha * curvature_at_target(penalty))


def condition_number(penalty: Penalty) -> Expr:
    """|alpha z*'(alpha)/z*| = sigmoid(-z)/(|z| l''(z)) at z = z*: relative error out over in.

    For even f the target is positive, and |z| is written z.
    """
    size = z if is_even(penalty.expression) else Abs(z)
    return sigmoid(-z) / (size * curvature_at_target(penalty))


def small_alpha_expansion(penalty: Penalty) -> Expr | None:
    """The target as alpha -> 0, from the growth f'(z) ~ A z^p exp(q z) at infinity.

    With L = log(1/(A alpha))/(1 + q) and s = p/(1 + q), h(z) ~ A z^p exp((1 + q) z) = c gives
    z* = L - s log L + s^2 (log L)/L + O((log L/L)^2), for q > -1. For bounded penalties z* is the
    bound. None where the growth is of another kind.

    Examples
    --------
    >>> from logitreg.theory import penalty
    >>> small_alpha_expansion(penalty("absolute"))
    log(1/alpha)
    """
    try:
        last = pieces(penalty.expression)[-1]
        if last.high != oo:
            return last.high
        slope = tidy(last.slope)
        q = limit(slope.diff(x) / slope, x, oo)
        p = limit(simplify(x * (slope.diff(x) / slope - q)), x, oo)
        constant = limit(simplify(slope / (x**p * exp(q * x))), x, oo)
    except (NotImplementedError, TypeError, ValueError):
        # SymPy's limits end in a TypeError where functions such as Heaviside have no series.
        return None
    if not (q.is_finite and p.is_finite and constant.is_positive):
        return None
    if q == -1:
        # h has the growth of a power only: here h(z) - A z -> 0, so that z* = c/A + o(1).
        linear = p == 1 and limit(tidy(slope * (1 + exp(x))) - constant * x, x, oo) == 0
        return (1 / alpha - 1) / constant if linear else None
    leading = log(1 / (constant * alpha)) / (1 + q)
    s = p / (1 + q)
    return leading - s * log(leading) + s**2 * log(leading) / leading

"""Where the loss of one sample is least: an equation where f is smooth, an inclusion at its kinks.

For a convex penalty f the logit z minimises the per-sample loss if and only if its
c = (1 - alpha)/alpha lies between the limits of f'(z) (1 + exp(z)) from the left and the right.
"""

from __future__ import annotations

from dataclasses import dataclass

from sympy import Expr, Rational, exp, limit, oo, simplify

from .losses import is_even, target_pieces
from .penalties import Penalty
from .symbols import z
from .targets import may_hold_a_target, pulled, value_at

__all__ = ["Condition", "least_odds", "optimality_conditions", "slope_at_infinity"]


@dataclass(frozen=True)
class Condition:
    """What c is where the target is in low < z < high, or at the kink low = high.

    ``least`` = c = ``greatest`` where f is smooth, both being f'(z) (1 + exp(z));
    ``least`` <= c <= ``greatest`` at a kink. ``solvable`` is false where no c > 0 can be so.
    """

    low: Expr
    high: Expr
    least: Expr
    greatest: Expr
    solvable: bool

    @property
    def at_a_kink(self) -> bool:
        """Whether it is an inclusion, at a kink of f or at the end of where f is finite."""
        return bool(self.low == self.high)


def optimality_conditions(penalty: Penalty) -> tuple[Condition, ...]:
    """The conditions from left to right; for an even f those of z >= 0.

    Raises
    ------
    NotImplementedError : as for :func:`logitreg.theory.losses.target_pieces`.

    Examples
    --------
    >>> from logitreg.theory import penalty
    >>> for condition in optimality_conditions(penalty("max(z, 2*z - 1)")):
    ...     print(condition.low, condition.high, condition.least, condition.greatest)
    -oo 1 exp(z) + 1 exp(z) + 1
    1 1 1 + E 2 + 2*E
    1 oo 2*exp(z) + 2 2*exp(z) + 2
    """
    stretches = target_pieces(penalty.expression)
    found: list[Condition] = []
    before: Expr = -oo
    for piece in stretches:
        after = value_at(piece.slope, piece.symbol, piece.low)
        if piece.low == 0 and is_even(penalty.expression):
            before = -after
        if piece.low != -oo:
            found += _kink(piece.low, before, after)
        h = pulled(piece).subs(piece.symbol, z)
        found.append(Condition(piece.low, piece.high, h, h, may_hold_a_target(piece)))
        before = value_at(piece.slope, piece.symbol, piece.high, "-")
    if stretches[-1].high != oo:
        found += _kink(stretches[-1].high, before, oo)
    return tuple(found)


def _kink(at: Expr, left: Expr, right: Expr) -> list[Condition]:
    if simplify(right - left) == 0:
        return []
    least, greatest = (simplify(slope * (1 + exp(at))) for slope in (left, right))
    return [Condition(at, at, least, greatest, not greatest.is_nonpositive)]


def least_odds(penalty: Penalty) -> Expr:
    """The c that the target needs to exceed: f'(-oo) where that is positive, otherwise 0.

    At any smaller c the loss of a convex f falls for ever towards z = -oo.

    >>> from logitreg.theory import penalty
    >>> least_odds(penalty("z + exp(z)")), least_odds(penalty("quadratic"))
    (1, 0)
    """
    first = target_pieces(penalty.expression)[0]
    slope = value_at(first.slope, first.symbol, -oo) if first.low == -oo else Rational(0)
    return slope if slope.is_extended_positive else Rational(0)


def slope_at_infinity(penalty: Penalty) -> Expr:
    """The limit of f' at infinity; where that of a convex f is not positive, no c has a target.

    >>> from logitreg.theory import penalty
    >>> slope_at_infinity(penalty("abs(z) - z"))
    0
    """
    last = target_pieces(penalty.expression)[-1]
    return limit(last.slope, last.symbol, oo) if last.high == oo else oo

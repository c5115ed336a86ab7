"""From K logits to one gap: the other classes share one logit, and the equation the gap solves.

The loss F = (1 - alpha) CE_c + alpha f of a sample of class c does not change when two of the other
classes are swapped. If their logits differ, halfway between the logits and the swapped ones F is
smaller: f is convex and cross-entropy strictly so along e_i - e_j (K >= 3). So the other classes
have one logit at every minimiser. (Minus the entropy is not convex in the logits; in the
probabilities it is, strictly, as -log p_c is convex, and the same argument holds there.)

At two levels the slopes in the K - 1 low logits are equal, so that a point at which the slopes in
z_high and z_low vanish is stationary, and F being convex, a minimiser.
"""

from __future__ import annotations

from typing import NamedTuple

from sympy import Eq, Expr, Gt, Le, Lt, Rational, Sum, Symbol, cancel, exp, factor, log, oo

from .alignment import Lemma
from .derivations import Derivation, Step
from .identities import is_identically_zero
from .losses import Piece, high, low, multiclass_loss, pieces, x
from .penalties import Penalty, coordinatewise
from .symbols import K, alpha, gap, k, logits, odds
from .targets import Branch, gap_condition

__all__ = [
    "GapEquation",
    "exchange_lemmas",
    "gap_derivation",
    "gap_equations",
    "high_slope",
    "is_coordinatewise",
    "is_minus_entropy",
    "margins",
    "two_level_loss",
]


def is_coordinatewise(penalty: Penalty) -> bool:
    """Whether the penalty of K logits is the sum of f over the logits."""
    return bool(penalty.multiclass_expression == coordinatewise(penalty.expression))


def is_minus_entropy(penalty: Penalty) -> bool:
    """Whether the penalty of K logits is the sum of p_k log p_k over the probabilities."""
    p = exp(logits[k]) / Sum(exp(logits[k]), (k, 1, K))
    return bool(penalty.multiclass_expression == Sum(p * log(p), (k, 1, K)))


def exchange_lemmas(*, in_probabilities: bool = False) -> tuple[Lemma, ...]:
    """Halfway between two logits (or probabilities) that differ and their exchange F is smaller.

    Along e_i - e_j the second derivative of log(sum of w_k), w_k = exp(z_k), is
    (w_i + w_j)/S - ((w_i - w_j)/S)^2, and that of sum p_k log p_k is 1/p_i + 1/p_j.
    """
    first, second, total = (Symbol(n, real=True) for n in ("w_i", "w_j", "S"))
    given = (Gt(first, 0), Gt(second, 0))
    strength = Symbol("alpha", real=True)
    ce, ce_mid, f, f_mid = (Symbol(n, real=True) for n in ("C", "C_mid", "f", "f_mid"))
    value, value_mid = ((1 - strength) * a + strength * b for a, b in ((ce, f), (ce_mid, f_mid)))
    if in_probabilities:
        bend, known = 1 / first + 1 / second, (*given, first + second < 1)
        middle = (Le(ce_mid, ce), Lt(f_mid, f))
    else:
        bend = (first + second) / total - ((first - second) / total) ** 2
        known = (*given, Gt(total, first + second))
        middle = (Lt(ce_mid, ce), Le(f_mid, f))
    return (
        Lemma("strictly convex along e_i - e_j, a third class having its share", known, bend > 0),
        Lemma(
            "F at the middle is smaller: swapping leaves C and f as they are, so that the mean of "
            "the two ends is the value at each",
            (*middle, Gt(strength, 0), Lt(strength, 1)),
            Lt(value_mid, value),
        ),
    )


class GapEquation(NamedTuple):
    """h(g) = c, with the logits as functions of the gap g, and the pieces of f in which they lie.

    ``low_piece`` is None where the low logits are held by a kink of f at zero, and both are None
    where f depends on the gap alone.
    """

    h: Expr
    high: Expr
    low: Expr
    high_piece: Piece | None = None
    low_piece: Piece | None = None

    def balance(self) -> Expr:
        """The slope f'(z_high) less K - 1 times f'(-z_low): zero, as the slopes of CE balance."""
        if self.high_piece is None or self.low_piece is None:
            return Rational(0)
        up = self.high_piece.slope.subs(x, self.high)
        return cancel(up - (K - 1) * self.low_piece.slope.subs(x, -self.low))


def gap_equations(penalty: Penalty) -> tuple[GapEquation, ...]:
    """Every way in which both slopes of the loss at two levels can vanish.

    The slope in z_high is alpha f'(z_high) - (1 - alpha) (K - 1)/(exp(g) + K - 1), that in each of
    the K - 1 low logits (1 - alpha)/(exp(g) + K - 1) - alpha f'(-z_low).

    >>> from logitreg.theory import penalty
    >>> [equation.h for equation in gap_equations(penalty("quadratic"))]
    [2*g*(K + exp(g) - 1)/K]
    """
    if not is_coordinatewise(penalty):
        condition = gap_condition(penalty)
        return () if condition is None else (GapEquation(condition.lhs, gap, Rational(0)),)
    stretches = pieces(penalty.expression)
    first = stretches[0]
    weight = (exp(gap) + K - 1) / (K - 1)
    found = []
    if first.slope.subs(x, 0) != 0:
        found += [
            GapEquation(p.slope.subs(x, gap) * weight, gap, Rational(0), p) for p in stretches
        ]
    # f'(depth) = m depth + n on the first piece, and f'(g - depth) = (K - 1) f'(depth).
    m, n = first.slope.diff(x), first.slope.subs(x, 0)
    if m != 0 and not m.has(x):
        for piece in stretches:
            rise, start = piece.slope.diff(x), piece.slope.subs(x, 0)
            if rise.has(x):
                continue
            depth = (rise * gap + start - (K - 1) * n) / ((K - 1) * m + rise)
            up = piece.slope.subs(x, gap - depth)
            found.append(GapEquation(factor(up) * weight, gap - depth, -depth, piece, first))
    return tuple(found)


def two_level_loss(penalty: Penalty, equation: GapEquation) -> Expr:
    """The loss at z_high and z_low, in the pieces of f in which the equation has them."""
    if equation.high_piece is None:
        return multiclass_loss(penalty)
    value = equation.high_piece.value.subs(x, high)
    if equation.low_piece is not None:
        value += (K - 1) * equation.low_piece.value.subs(x, -low)
    return (1 - alpha) * log(1 + (K - 1) * exp(low - high)) + alpha * value


def high_slope(penalty: Penalty, equation: GapEquation) -> tuple[Expr, Expr]:
    """The slope of the loss in z_high at the levels of the equation, and what h makes of it.

    They are the same: alpha (h - (1 - alpha)/alpha) (K - 1)/(exp(g) + K - 1).
    """
    levels = {high: equation.high, low: equation.low}
    slope = two_level_loss(penalty, equation).diff(high).subs(levels)
    share = (K - 1) / (exp(gap) + K - 1)
    return slope, alpha * (equation.h - (1 - alpha) / alpha) * share


def gap_derivation(penalty: Penalty, branches: tuple[Branch, ...]) -> Derivation:
    """From the loss of K logits to the gap, for the first branch on which the gap has an equation.

    The levels are those of the equation; that no minimiser has other ones is what
    :func:`exchange_lemmas` say.
    """
    solved = next(branch for branch in branches if branch.equation is not None)
    assert solved.equation is not None
    ratio = (1 - alpha) / alpha
    residuals = ((e, e.h - solved.equation.lhs) for e in gap_equations(penalty))
    equation = next(e for e, residual in residuals if is_identically_zero(residual))
    slope, in_terms_of_h = high_slope(penalty, equation)
    return Derivation(
        f"the gap of {penalty.name} for K classes",
        (
            Step(
                "the other classes share one logit, by exchange and convexity",
                two_level_loss(penalty, equation),
                "start",
            ),
            Step("its slope in the high logit, at these levels", slope, "implied"),
            Step("h(g) in brackets, less c = (1 - alpha)/alpha", in_terms_of_h),
            Step("it vanishes", Eq(solved.equation.lhs, ratio, evaluate=False), "implied"),
            Step("solved for the gap", Eq(gap, solved.target.subs(odds, ratio)), "implied"),
        ),
    )


def margins(penalty: Penalty, equation: GapEquation, start: Expr, end: Expr) -> tuple[Expr, ...]:
    """Not negative if the levels lie in their pieces of f while the gap goes from start to end.

    The levels are linear in the gap. A kink of slope n at zero holds the low logits while their
    pull, f'(z_high)/(K - 1), does not exceed n.
    """
    above, below = equation.high_piece, equation.low_piece
    if above is None:
        return ()
    last = start if end == oo else end
    found = [equation.high.subs(gap, start) - above.low]
    if above.high != oo:
        found.append(above.high - equation.high.subs(gap, end))
    if below is None:
        kink = pieces(penalty.expression)[0].slope.subs(x, 0)
        found.append((K - 1) * kink - above.slope.subs(x, equation.high.subs(gap, last)))
    else:
        found.append(-equation.low.subs(gap, start))
        if below.high != oo:
            found.append(below.high + equation.low.subs(gap, last))
    return tuple(map(cancel, found))

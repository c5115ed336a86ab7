"""The target of a penalty: stationary condition, closed form and derivation.

A penalty f and a strength alpha give every sample the per-sample loss
l(z) = (1 - alpha) log(1 + exp(-z)) + alpha f(z). Where f is smooth its minimiser z* solves

    h(z) = f'(z) (1 + exp(z)) = c,    c = (1 - alpha)/alpha;

it is not negative if f is even. For K classes the unknown is the gap g = z_high - z_low. Where
the condition, cleared of denominators, is of degree one in z and of degree one in exp(z), the
solution is an r-Lambert function, if its arguments are not negative: only then is there one real
solution. Where the condition is a polynomial in exp(z) of degree at most three, it is a logarithm
of radicals.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from sympy import (
    Eq,
    Expr,
    FiniteSet,
    Interval,
    LambertW,
    Piecewise,
    Poly,
    PolynomialError,
    Rational,
    Symbol,
    acos,
    cbrt,
    cos,
    discriminant,
    exp,
    expand,
    factor,
    fraction,
    limit,
    log,
    oo,
    simplify,
    solve,
    solveset,
    sqrt,
    together,
)

from .derivations import Derivation, Step
from .identities import in_exponentials, is_identically_zero, split_exponentials
from .losses import (
    Piece,
    high,
    is_even,
    linear_in,
    low,
    multiclass_loss,
    per_sample_loss,
    target_pieces,
    x,
)
from .penalties import Penalty, coordinatewise
from .special import RLambertW
from .symbols import K, alpha, gap, odds, z

__all__ = [
    "Branch",
    "by_piece",
    "closed_form",
    "derivation",
    "stationary_condition",
    "target_branches",
]

_u = Symbol("u", positive=True)


@dataclass(frozen=True)
class Branch:
    """The target where c <= ``up_to`` and no earlier branch applies.

    ``equation`` is the condition h(z) = c that ``target`` solves on the branch, which begins at the
    target ``start``; None where the target sits at a kink or at a bound for every such c.
    """

    start: Expr
    target: Expr
    up_to: Expr
    equation: Eq | None


def stationary_condition(penalty: Penalty) -> Eq:
    """f'(z) (1 + exp(z)) = c away from the kinks of f, with c = (1 - alpha)/alpha.

    It is meant for z > 0 where f is even, for every z where it is not.

    >>> from logitreg.theory import penalty
    >>> stationary_condition(penalty("quadratic"))
    Eq(2*z*(exp(z) + 1), c)
    """
    return Eq(by_piece(penalty, pulled), odds, evaluate=False)


def pulled(piece: Piece) -> Expr:
    """h(z) = f'(z) (1 + exp(z)) on a piece, in the piece's symbol."""
    return tidy(piece.slope * (1 + exp(piece.symbol)))


def by_piece(penalty: Penalty, formula: Callable[[Piece], Expr]) -> Expr:
    """A formula for each piece of f, in z: in z > 0 where f is even."""
    stretches = target_pieces(penalty.expression)
    return Piecewise(
        *((formula(p).subs(p.symbol, z), z < p.high if p.high != oo else True) for p in stretches)
    )


def may_hold_a_target(piece: Piece) -> bool:
    """Whether the slope of a convex f can be positive on the piece: not where it ends at most 0."""
    if piece.slope.is_nonpositive:
        return False
    end = value_at(piece.slope, piece.symbol, piece.high, "-")
    return not end.is_nonpositive


def closed_form(penalty: Penalty, classes: int | None = None) -> Expr | None:
    """The target in closed form, as a function of c = (1 - alpha)/alpha, or None.

    Parameters
    ----------
    classes : None or 2 for the binary target z*, K > 2 for the gap; ``0`` keeps K symbolic.

    Examples
    --------
    >>> from logitreg.theory import penalty
    >>> closed_form(penalty("label-smoothing"))
    log(2*c + 1)
    >>> closed_form(penalty("quadratic"), classes=10)
    RLambertW(9, 5*c)
    """
    branches = target_branches(penalty, classes)
    if not branches:
        return None
    if len(branches) == 1:
        return branches[0].target
    return Piecewise(*((b.target, odds <= b.up_to if b.up_to != oo else True) for b in branches))


@lru_cache(maxsize=512)
def target_branches(penalty: Penalty, classes: int | None = None) -> tuple[Branch, ...] | None:
    """The closed form branch by branch in increasing c, or None where there is none.

    No branch is there where no c has a target.
    """
    try:
        stretches = target_pieces(penalty.expression)
        if classes in (None, 2):
            return _binary_branches(stretches)
    except NotImplementedError:
        # A corner or a limit that SymPy does not find.
        return None
    if not is_even(penalty.expression):
        return None
    count = K if classes == 0 else Rational(classes)
    if penalty.multiclass_expression != coordinatewise(penalty.expression):
        return _shift_invariant_branches(penalty, count)
    return _coordinatewise_branches(stretches, count)


def _binary_branches(stretches: tuple[Piece, ...]) -> tuple[Branch, ...] | None:
    branches: list[Branch] = []
    reached: Expr = Rational(0)
    for piece in filter(may_hold_a_target, stretches):
        h = pulled(piece)
        begin, start = piece.low, value_at(h, piece.symbol, piece.low)
        if begin == -oo and start.is_positive:
            # Where c is less, the loss falls for ever towards minus infinity.
            reached = start
        if not branches and start.is_extended_negative:
            begin, start = _stationary_point(piece), reached
        target = _solve_exponential_linear(h - odds, piece.symbol)
        if begin is None or target is None:
            return None
        if is_identically_zero(start - reached) is not True:
            branches.append(Branch(begin, begin, start, None))
        reached = value_at(h, piece.symbol, piece.high, "-")
        branches.append(Branch(begin, target, reached, Eq(h.subs(piece.symbol, z), odds)))
    if stretches[-1].high != oo:
        wall = stretches[-1].high
        branches.append(Branch(wall, wall, oo, None))
    return tuple(branches)


def _stationary_point(piece: Piece) -> Expr | None:
    """The only z of the piece where f' = 0, if SymPy finds it."""
    zeros = solveset(piece.slope, piece.symbol, Interval.open(piece.low, piece.high))
    return zeros.args[0] if isinstance(zeros, FiniteSet) and len(zeros) == 1 else None


def _coordinatewise_branches(
    stretches: tuple[Piece, ...], count: Expr
) -> tuple[Branch, ...] | None:
    """Targets of a sum over coordinates: f'(z_high) = (K-1) f'(-z_low) = c (K-1)/(exp(g)+K-1)."""
    first = stretches[0]
    line = linear_in(first.slope, x)
    if line is None:
        return None
    m, n = line
    if m == 0 and n == 0:
        wall = len(stretches) == 1
        return (Branch(2 * first.high, 2 * first.high, oo, None),) if wall else None
    branches: list[Branch] = []
    reached: Expr = Rational(0)
    weight = exp(x) + count - 1
    if n != 0:
        # At c <= n K/(K-1) the kink at zero holds all logits; above it, the low ones alone.
        branches.append(Branch(reached, reached, n * count / (count - 1), None))
        h = first.slope * weight / (count - 1)
        alone = _solve_exponential_linear(h - odds, x)
        if alone is None:
            return None
        start, reached = reached, oo if m == 0 else (count - 2) * n / m
        branches.append(Branch(start, alone, value_at(h, x, reached), Eq(h.subs(x, gap), odds)))
    if m != 0:
        depth = (m * x - (count - 2) * n) / (m * count)
        h = (m * depth + n) * weight
        both = _solve_exponential_linear(h - odds, x)
        if both is None:
            return None
        # The high logit g - depth leaves the first piece at g = (high K m - (K-2) n)/(m (K-1)).
        start = reached
        if first.high == oo:
            reached = oo
        else:
            reached = simplify((first.high * count * m - (count - 2) * n) / (m * (count - 1)))
        branches.append(Branch(start, both, value_at(h, x, reached), Eq(h.subs(x, gap), odds)))
    for piece in stretches[1:]:
        jump = piece.slope - first.slope.subs(x, first.high)
        if piece.slope.has(x) or piece.high != oo or is_identically_zero(jump) is not True:
            return None
        h = piece.slope * weight / (count - 1)
        target = log((count - 1) * (odds / piece.slope - 1))
        branches.append(Branch(reached, target, oo, Eq(h.subs(x, gap), odds)))
    return tuple(branches)


def _shift_invariant_branches(penalty: Penalty, count: Expr) -> tuple[Branch, ...] | None:
    """Only the gap matters: one condition, d/dz_high of the loss at (g, 0, ..., 0)."""
    condition = gap_condition(penalty, count)
    if condition is None:
        return None
    target = _solve_exponential_linear((condition.lhs - condition.rhs).subs(gap, x), x)
    return None if target is None else (Branch(Rational(0), target, oo, condition),)


@lru_cache(maxsize=512)
def gap_condition(penalty: Penalty, count: Expr = K) -> Eq | None:
    """The stationary condition of a shift-invariant penalty, as (function of g) = c, or None.

    >>> from logitreg.theory import penalty
    >>> gap_condition(penalty("label-smoothing"))
    Eq((exp(g) - 1)/K, c)
    """
    loss = multiclass_loss(penalty, count)
    slope = loss.diff(high).subs({high: gap, low: 0})
    if is_identically_zero(loss.diff(high) + loss.diff(low)) is not True:
        return None
    pulled = (slope.subs(alpha, 1)) / -(slope.subs(alpha, 0))
    return Eq(tidy(pulled), odds)


def _solve_exponential_linear(residual: Expr, symbol: Symbol) -> Expr | None:
    """The positive root of a condition polynomial in x and exp(x), of the shapes we can solve."""
    numerator, _ = fraction(together(split_exponentials(residual, symbol, _u)))
    try:
        terms = Poly(expand(numerator), symbol, _u)
    except PolynomialError:
        return None
    # A power of exp(x) times the condition has the same roots.
    lowest = min(j for (_, j) in terms.monoms())
    coefficient = {(i, j - lowest): value for (i, j), value in terms.terms()}
    degree_x = max(i for i, _ in coefficient)
    degree_u = max(j for _, j in coefficient)
    if degree_x == 0:
        reduced = Poly({(j,): value for (_, j), value in coefficient.items()}, _u)
        root = _positive_root(_without_root_at_minus_one(reduced))
        return None if root is None else log(root)
    if degree_x > 1 or degree_u > 1:
        return None
    a, b, c, d = (coefficient.get(key, Rational(0)) for key in ((1, 1), (0, 1), (1, 0), (0, 0)))
    if a == 0:
        return None
    # (x + b/a) e^x + (c/a) x + d/a = 0 with w = x + b/a is w e^w + r w = y.
    shift = simplify(b / a)
    r = simplify(c / a * exp(shift))
    y = simplify((b * c / a**2 - d / a) * exp(shift))
    if not (r.is_nonnegative and y.is_nonnegative):
        return None
    return (LambertW(y) if r == 0 else RLambertW(r, y)) - shift


def _without_root_at_minus_one(polynomial: Poly) -> Poly:
    quotient, remainder = polynomial.div(Poly(_u + 1, _u))
    return quotient if remainder.is_zero else polynomial


def _positive_root(polynomial: Poly) -> Expr | None:
    """The positive root of a polynomial of degree 1 to 3 whose other roots are to its left."""
    if polynomial.degree() == 1:
        return simplify(solve(polynomial.as_expr(), _u)[0])
    if polynomial.degree() == 2:
        a, b, c = polynomial.all_coeffs()
        opposite_signs = all(map(_positive_for_positive_odds, (a, -c)))
        return (sqrt(factor(b**2 - 4 * a * c)) - b) / (2 * a) if opposite_signs else None
    if polynomial.degree() != 3:
        return None
    a, b, c, d = polynomial.all_coeffs()
    shift, p = b / (3 * a), (3 * a * c - b**2) / (3 * a**2)
    q = (2 * b**3 - 9 * a * b * c + 27 * a**2 * d) / (27 * a**3)
    sign = factor(discriminant(polynomial.as_expr(), _u))
    if _positive_for_positive_odds(sign):
        # Three real roots: the largest, by Viete's cosine.
        angle = acos(simplify(3 * q / (2 * p)) * sqrt(-3 / p)) / 3
        return 2 * sqrt(simplify(-p / 3)) * cos(angle) - shift
    if _positive_for_positive_odds(-sign) and all(map(_positive_for_positive_odds, (-p, -q))):
        # One real root, by Cardano; both radicands are positive, their product being (-p/3)^3.
        radical = sqrt(factor(q**2 / 4 + p**3 / 27))
        return cbrt(-q / 2 + radical) + cbrt(-q / 2 - radical) - shift
    return None


def _positive_for_positive_odds(expression: Expr) -> bool:
    """Exactly: no root of the polynomial lies on c > 0 (Sturm), and it is positive at one point."""
    if expression.is_positive or expression.free_symbols != {odds}:
        return bool(expression.is_positive)
    polynomial = Poly(expand(expression), odds)
    while polynomial.eval(0) == 0:
        polynomial = polynomial.quo(Poly(odds, odds))
    if not (polynomial.domain.is_ZZ or polynomial.domain.is_QQ):
        return False
    return bool(polynomial.count_roots(0, oo) == 0 and polynomial.eval(1) > 0)


def value_at(h: Expr, symbol: Symbol, point: Expr, side: str = "+") -> Expr:
    """h at a point, or its limit there from one side."""
    if point == oo:
        return oo
    value = h.subs(symbol, point)
    return simplify(limit(h, symbol, point, side) if value.is_finite is None else value)


@lru_cache(maxsize=512)
def tidy(expression: Expr) -> Expr:
    """The shorter of the expression simplified as it stands and in exponentials."""
    exponentials = simplify(in_exponentials(expression))
    plain = simplify(expression)
    return plain if plain.count_ops() <= exponentials.count_ops() else exponentials


def derivation(penalty: Penalty) -> Derivation:
    """From the per-sample loss to the target, each step checked by algebra.

    Where f has several pieces, the first that holds an interior target is shown.
    """
    loss = per_sample_loss(penalty)
    steps = [Step("the per-sample loss", loss, "start")]
    branches = target_branches(penalty)
    solved = next((b for b in branches or () if b.equation is not None), None)
    stretch = next(filter(may_hold_a_target, target_pieces(penalty.expression)), None)
    if stretch is None:
        return Derivation(f"target of {penalty.name}", tuple(steps))
    value, pull = (e.subs(stretch.symbol, z) for e in (stretch.value, stretch.slope))
    smooth_loss = (1 - alpha) * log(1 + exp(-z)) + alpha * value
    slope = -(1 - alpha) / (1 + exp(z)) + alpha * pull
    if smooth_loss != loss:
        where = "" if stretch.low == -oo else f"{stretch.low} < "
        where += "z" if stretch.high == oo else f"z < {stretch.high}"
        steps.append(Step(f"the loss for {where}", smooth_loss, "start"))
    steps.append(Step("its slope vanishes at the target", Eq(smooth_loss.diff(z), 0), "implied"))
    steps.append(Step("simplified", Eq(slope, 0), "equivalent", Rational(1)))
    condition = Eq(pull * (1 + exp(z)), odds)
    steps.append(
        Step(
            "times (1 + exp(z))/alpha, with c = (1 - alpha)/alpha",
            condition.subs(odds, (1 - alpha) / alpha),
            "equivalent",
            alpha / (1 + exp(z)),
        )
    )
    if solved is not None:
        steps.append(
            Step("solved for z", Eq(z, solved.target.subs(odds, (1 - alpha) / alpha)), "implied")
        )
    return Derivation(f"target of {penalty.name}", tuple(steps))

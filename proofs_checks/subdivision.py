"""Ball arithmetic over a whole domain: an analytic bound on tails, subdivision of the rest."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from itertools import count

from flint import arb
from sympy import (
    Dummy,
    Expr,
    Interval,
    Poly,
    PolynomialError,
    Rational,
    Symbol,
    fraction,
    oo,
    together,
)

from ..numerics.balls import ball, ball_function, precision
from ..theory.identities import split_exponentials
from .evidence import Outcome

__all__ = ["BITS", "Domain", "certify", "tail_start"]

Domain = Mapping[Symbol, Interval]

BITS = 128
"""The working precision."""


def certify(expression: Expr, domain: Domain, max_boxes: int) -> Outcome:
    """The expression, which is defined on the whole domain, is positive there; or undecided.

    Examples
    --------
    >>> from sympy import exp
    >>> z = Symbol("z", real=True)
    >>> certify(exp(z) - z, {z: Interval(-oo, oo)}, 100).grade.name
    'CERTIFIED'
    """
    try:
        ball_function(expression, *domain)
    except TypeError as error:
        return Outcome.undecided("Arb balls", str(error))
    unbounded = [s for s, i in domain.items() if not (i.inf.is_finite and i.sup.is_finite)]
    if len(unbounded) > 1:
        return Outcome.undecided("Arb balls", f"more than one unbounded symbol: {unbounded}")
    low = {s: i.inf for s, i in domain.items()}
    high = {s: i.sup for s, i in domain.items()}
    notes = []
    for symbol in unbounded:
        interval = domain[symbol]
        others = {s: i for s, i in domain.items() if s != symbol}
        # The tail variable is positive, whatever the sign of the symbol.
        distance = Dummy("t", positive=True)
        for side, end in ((1, interval.sup), (-1, interval.inf)):
            if end.is_finite:
                continue
            other_end = interval.inf if side > 0 else -interval.sup
            start = max(Rational(1), other_end) if other_end.is_Rational else Rational(1)
            cut = tail_start(expression.subs(symbol, side * distance), distance, others, start)
            if cut is None:
                return Outcome.undecided("Arb balls", f"no tail bound for {symbol} -> {side * oo}")
            notes.append(f"tail beyond {symbol} = {side * cut} by its dominant term")
            (high if side > 0 else low)[symbol] = side * cut
    return _subdivide(expression, low, high, notes, max_boxes)


def _subdivide(
    expression: Expr,
    low: Mapping[Symbol, Expr],
    high: Mapping[Symbol, Expr],
    notes: list[str],
    max_boxes: int,
) -> Outcome:
    symbols = list(low)
    function = ball_function(expression, *symbols)
    with precision(BITS):
        ends = [(_dyadic(low[s], -1), _dyadic(high[s], 1)) for s in symbols]
        # The widest box first; of equals, the one that was made first.
        made = count()
        queue = [(-1.0, next(made), ends)]
        done = 0
        while queue:
            _, _, box = heapq.heappop(queue)
            done += 1
            if not function(*(a.union(b) for a, b in box)) > 0:
                if not box:
                    return Outcome.undecided("Arb balls", f"no sign of {expression}")
                if done > max_boxes:
                    where = ", ".join(
                        f"{s} in [{float(a):.6g}, {float(b):.6g}]"
                        for s, (a, b) in zip(symbols, box, strict=True)
                    )
                    return Outcome.undecided("Arb balls", f"{done} boxes; open at {where}")
                widths = [float(b - a) for a, b in box]
                axis = max(range(len(box)), key=widths.__getitem__)
                a, b = box[axis]
                middle = arb(((a + b) / 2).mid())
                for half in ((a, middle), (middle, b)):
                    child = [half if i == axis else side for i, side in enumerate(box)]
                    heapq.heappush(queue, (-widths[axis], next(made), child))
    return Outcome.certified("Arb balls", "; ".join([f"{done} boxes", *notes]))


def _dyadic(number: Expr, side: int) -> arb:
    enclosure = ball_function(number)()
    return arb(enclosure.lower() if side < 0 else enclosure.upper())


def tail_start(
    expression: Expr, symbol: Symbol, domain: Domain, start: Rational
) -> Rational | None:
    """R >= start >= 1 such that expression > 0 for symbol >= R, from the dominant term, or None.

    ``domain`` holds bounded intervals of the other symbols.

    The expression, over a common denominator, is a sum of terms c s^a e^(b s). Divided by the
    dominant term each other one is largest at s = R once R >= -a/b, so that a sum of their moduli
    below one at R settles the sign on the whole tail.
    """
    u = Dummy("u", positive=True)
    numerator, denominator = fraction(together(split_exponentials(expression, symbol, u)))
    cut = start
    for _ in range(8):
        signs = [_tail_sign(part, symbol, u, domain, cut) for part in (numerator, denominator)]
        if all(signs):
            return cut if signs[0] == signs[1] else None
        cut *= 2
    return None


def _tail_sign(part: Expr, symbol: Symbol, u: Symbol, domain: Domain, cut: Rational) -> int:
    try:
        terms = Poly(part, symbol, u)
    except PolynomialError:
        return 0
    others = list(domain)
    boxes = [_dyadic(domain[s].inf, -1).union(_dyadic(domain[s].sup, 1)) for s in others]
    if any(c.has(symbol, u) for c in terms.coeffs()):
        return 0
    (a0, b0), lead = max(terms.terms(), key=lambda term: (term[0][1], term[0][0]))
    with precision(BITS):
        leading = ball_function(lead, *others)(*boxes)
        if leading.contains(0):
            return 0
        total, r = arb(0), ball(cut)
        for (a, b), coefficient in terms.terms():
            if (a, b) == (a0, b0):
                continue
            if b < b0 and r * (b0 - b) < a - a0:
                return 0
            size = abs(ball_function(coefficient, *others)(*boxes) / leading)
            total += size * r ** (a - a0) * (r * (b - b0)).exp()
        if not total < 1:
            return 0
        return 1 if leading > 0 else -1

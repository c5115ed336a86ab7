"""Is a penalty convex? A verdict with a proof or a witness, from f alone."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from sympy import Abs, Eq, Expr, Ge, Interval, Max, Min, Piecewise, Rational, Symbol, oo

from ..theory.definedness import is_defined_everywhere
from ..theory.identities import in_exponentials
from ..theory.losses import Piece, target_pieces, x
from ..theory.symbols import z
from .checks import all_of
from .evidence import Outcome, weakest
from .prover import continuous_on, prove
from .witnesses import sign_at

__all__ = ["prove_convex"]


def prove_convex(f: Expr) -> Outcome:
    """Whether f is convex on the whole line.

    A smooth f by f'' >= 0 on the line; one in several pieces by f'' >= 0 on each piece, values that
    agree and slopes that do not fall from a piece to the next. Of an even f the pieces of z > 0 do,
    with a value at 0 that is the limit at 0+ and a slope at 0+ that is not negative; f may be
    infinite beyond the last of them.

    Examples
    --------
    >>> from logitreg.theory import penalty
    >>> prove_convex(penalty("pseudo-huber").expression).grade.name
    'PROVED'
    >>> prove_convex(penalty("entropy").expression).witness
    'z = 2 gives -0.05493141670879...'
    """
    if not f.has(Piecewise, Abs, Max, Min):
        return _bends_upwards(f, f.diff(z), z, Interval(-oo, oo))
    try:
        stretches = target_pieces(f)
    except NotImplementedError as error:
        return Outcome.undecided("structure", str(error))
    if not _follow_one_another(stretches):
        return Outcome.undecided("structure", f"the pieces of {f} do not follow one another")
    outcomes = [
        _bends_upwards(p.value, p.slope, p.symbol, Interval.open(p.low, p.high)) for p in stretches
    ]
    if stretches[0].symbol == x:
        # By symmetry the slope at 0- is minus that at 0+, as if a constant ended at 0.
        stretches = (Piece(Rational(0), Rational(0), f.subs(z, 0), x), *stretches)
    for before, after in pairwise(stretches):
        outcomes += _join(before, after)
    return all_of(outcomes)


def _bends_upwards(f: Expr, slope: Expr, symbol: Symbol, interval: Interval) -> Outcome:
    """f is differentiable on the interval and f'' >= 0 there.

    A derivative taken by SymPy is silent about jumps, so that f and f' have to be continuous.
    """
    domain = {symbol: interval}
    outcome = prove(Ge(slope.diff(symbol), 0, evaluate=False), domain)
    if not outcome.supported:
        return outcome
    smooth = [continuous_on(e, domain) for e in (f, slope)]
    if not all(side.supported for side in smooth):
        return Outcome.undecided("structure", f"it is not known that {f} is smooth on {interval}")
    return replace(outcome, grade=weakest([outcome, *smooth]).grade)


def _follow_one_another(stretches: tuple[Piece, ...]) -> bool:
    start = Rational(0) if stretches[0].symbol == x else -oo
    ends = [start, *(end for p in stretches for end in (p.low, p.high))]
    return (
        all(end.is_number for end in ends)
        and all(oo in (p.high, -p.low) or sign_at(p.high - p.low, {}) > 0 for p in stretches)
        and all(a == b for a, b in zip(ends[::2], ends[1::2], strict=False))
    )


def _join(before: Piece, after: Piece) -> tuple[Outcome, ...]:
    """Where two pieces meet, their values agree and the slope does not fall."""
    value, slope = (
        in_exponentials(right.subs(after.symbol, after.low))
        - in_exponentials(left.subs(before.symbol, before.high))
        for left, right in ((before.value, after.value), (before.slope, after.slope))
    )
    if not (is_defined_everywhere(value) and is_defined_everywhere(slope)):
        return (Outcome.undecided("structure", f"no value or slope of f at {after.low}"),)
    return (
        _with_witness(
            prove(Eq(value, 0, evaluate=False), {}), f"f jumps by {value} at z = {after.low}"
        ),
        _with_witness(
            prove(Ge(slope, 0, evaluate=False), {}), f"f' jumps by {slope} at z = {after.low}"
        ),
    )


def _with_witness(outcome: Outcome, witness: str) -> Outcome:
    return replace(outcome, witness=witness) if outcome.refutes else outcome

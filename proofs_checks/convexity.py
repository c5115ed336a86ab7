"""Is a penalty convex? A verdict with a proof or a witness, from f alone."""

from __future__ import annotations

from sympy import Abs, Expr, Ge, Interval, Max, Min, Piecewise, oo

from ..theory.losses import is_even, pieces, x
from ..theory.symbols import z
from .checks import all_of
from .evidence import Outcome
from .prover import prove

__all__ = ["prove_convex"]


def prove_convex(f: Expr) -> Outcome:
    """Whether f is convex on the whole line.

    A smooth f by f'' >= 0 on the line. An even f in several pieces by f'' >= 0 on each piece of
    z > 0, slopes that do not fall from a piece to the next, and a slope at 0+ that is not negative.

    Examples
    --------
    >>> from logitreg.theory import penalty
    >>> prove_convex(penalty("pseudo-huber").expression).grade.name
    'PROVED'
    >>> prove_convex(penalty("entropy").expression).witness
    'z = 2 gives -0.05493141670879...'
    """
    if not f.has(Piecewise, Abs, Max, Min):
        return prove(Ge(f.diff(z, 2), 0), {z: Interval(-oo, oo)})
    if not is_even(f):
        return Outcome.undecided("structure", f"{f} has kinks and is not even")
    try:
        stretches = pieces(f)
    except NotImplementedError as error:
        return Outcome.undecided("structure", str(error))
    outcomes = [prove(Ge(p.slope.diff(x), 0), {x: Interval.open(p.low, p.high)}) for p in stretches]
    outcomes.append(prove(Ge(stretches[0].slope.subs(x, 0), 0), {}))
    for before, after in zip(stretches, stretches[1:], strict=False):
        jump = after.slope.subs(x, after.low) - before.slope.subs(x, before.high)
        outcomes.append(prove(Ge(jump, 0), {}))
    return all_of(outcomes)

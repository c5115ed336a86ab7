"""Where is an expression a finite real number? The conditions, read from its nodes."""

from __future__ import annotations

from sympy import (
    Abs,
    Expr,
    Ge,
    Gt,
    LambertW,
    Le,
    Max,
    Min,
    Ne,
    Piecewise,
    Symbol,
    acos,
    asin,
    asinh,
    atan,
    cos,
    cosh,
    coth,
    csch,
    erf,
    exp,
    factor,
    log,
    sech,
    sign,
    sin,
    sinh,
    tanh,
    together,
)
from sympy.core.relational import Relational

from .special import RLambertW

__all__ = ["conditions", "is_defined_everywhere"]

_CONTINUOUS = (Abs, Max, Min, asinh, atan, cos, cosh, erf, exp, sech, sin, sinh, tanh)


def conditions(expression: Expr, *, continuous: bool = False) -> tuple[Relational, ...] | None:
    """Relations that together make the expression real and finite; None where none are known.

    They are sufficient. Each is meant where the conditions before it hold: its own sides are
    defined there.

    Parameters
    ----------
    continuous : also rule out functions that jump, so that the expression is continuous.

    Examples
    --------
    >>> z = Symbol("z", real=True)
    >>> conditions(log(1 + 1 / z))
    (Ne(z, 0), 1 + 1/z > 0)
    >>> conditions(tanh(z) + z**2)
    ()
    """
    found: list[Relational] = []
    pending = [expression]
    while pending:
        node = pending.pop()
        if isinstance(node, Symbol):
            continue
        if node.is_Number or (node.is_Atom and node.is_number):
            if not (node.is_extended_real and node.is_finite):
                return None
            continue
        own = _of_node(node, continuous)
        if own is None:
            return None
        found += own
        if isinstance(node, Piecewise):
            pending += [value for value, _ in node.args]
            pending += [s for _, c in node.args for r in c.atoms(Relational) for s in r.args]
        else:
            pending += node.args
    return tuple(dict.fromkeys(reversed(found)))


def _of_node(node: Expr, continuous: bool) -> list[Relational] | None:
    """The conditions on the arguments of a node, or None for an unknown function."""
    if node.is_Add or node.is_Mul or isinstance(node, _CONTINUOUS):
        return []
    if node.is_Pow:
        return _of_power(node.base, node.exp)
    if isinstance(node, log):
        return [Gt(node.args[0], 0, evaluate=False)]
    if isinstance(node, (coth, csch)):
        return [Ne(node.args[0], 0, evaluate=False)]
    if isinstance(node, (acos, asin)):
        return [Le(node.args[0] ** 2, 1, evaluate=False)]
    if isinstance(node, RLambertW) or (isinstance(node, LambertW) and len(node.args) == 1):
        return [Ge(argument, 0, evaluate=False) for argument in node.args]
    if isinstance(node, sign):
        return None if continuous else []
    if isinstance(node, Piecewise) and not continuous:
        return [] if node.args[-1].cond == True else None  # noqa: E712
    return None


def _of_power(base: Expr, exponent: Expr) -> list[Relational]:
    if exponent.is_Integer and exponent > 0:
        return []
    if exponent.is_Integer:
        return [Ne(base, 0, evaluate=False)]
    if exponent.is_Rational and exponent > 0:
        return [Ge(base, 0, evaluate=False)]
    return [Gt(base, 0, evaluate=False)]


def is_defined_everywhere(expression: Expr, *, continuous: bool = False) -> bool:
    """Whether the expression is proved to be real and finite for all values of its symbols.

    >>> z = Symbol("z", real=True)
    >>> is_defined_everywhere(log(1 + exp(-z))), is_defined_everywhere(log(z))
    (True, False)
    """
    needed = conditions(expression, continuous=continuous)
    return needed is not None and all(map(_by_assumptions, needed))


def _by_assumptions(condition: Relational) -> bool:
    difference = condition.lhs - condition.rhs
    for form in (difference, factor(together(difference))):
        known = {
            Gt: form.is_positive,
            Ge: form.is_nonnegative,
            Le: form.is_nonpositive,
            Ne: form.is_nonzero,
        }
        if known[type(condition)]:
            return True
    return False

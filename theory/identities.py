"""Exact decisions: is an expression identically zero on the reals?

No floating point decides anything here. ``True`` is a proof: the expression reduces to zero as a
rational function of z and exp(z); or it is continuous on the whole line, its derivative reduces to
zero, and it vanishes at one point. ``None`` says that no proof was found.
"""

from __future__ import annotations

from sympy import (
    Abs,
    Dummy,
    Expr,
    Piecewise,
    Symbol,
    cancel,
    cosh,
    exp,
    expand,
    expand_log,
    expand_power_exp,
    log,
    logcombine,
    powsimp,
    sech,
    simplify,
    sinh,
    tanh,
    together,
)

from .definedness import is_defined_everywhere

__all__ = ["in_exponentials", "is_identically_zero", "split_exponentials"]


def in_exponentials(expression: Expr) -> Expr:
    """Hyperbolic functions written in exponentials, exponents of products written as powers.

    >>> z = Symbol("z", real=True)
    >>> in_exponentials(tanh(z))
    (exp(z) - exp(-z))/(exp(z) + exp(-z))
    """
    rewritten = expression
    for function in (tanh, sinh, cosh, sech):
        rewritten = rewritten.rewrite(function, exp) if rewritten.has(function) else rewritten
    rewritten = rewritten.replace(lambda e: isinstance(e, (tanh, sinh, cosh, sech)), _to_exp)
    return expand_power_exp(rewritten)


def _to_exp(node: Expr) -> Expr:
    return node.rewrite(exp)


def split_exponentials(expression: Expr, symbol: Symbol, u: Symbol) -> Expr:
    """The expression with exp(n * symbol + rest) written as u**n * exp(rest).

    >>> z, u = Symbol("z", real=True), Symbol("u", positive=True)
    >>> split_exponentials(exp(2 * z + 1) + exp(-z), z, u)
    E*u**2 + 1/u
    """

    def split(argument: Expr) -> Expr:
        factor = expand(argument).coeff(symbol, 1)
        rest = expand(argument - factor * symbol)
        if rest.has(symbol) or factor.free_symbols:
            return exp(argument)
        return u**factor * exp(rest)

    return in_exponentials(expression).replace(exp, split)


def is_identically_zero(expression: Expr) -> bool | None:
    """Whether the expression vanishes for all real values of its symbols at which it is defined.

    The values are those that the symbols' assumptions admit. Where the expression is defined is not
    asked here; :func:`logitreg.theory.definedness.conditions` tells.

    Returns
    -------
    True with a proof, None without one. (That it is *not* zero is shown by a witness, elsewhere.)

    Examples
    --------
    >>> z = Symbol("z", real=True)
    >>> is_identically_zero(log(1 + exp(-z)) + log(1 + exp(z)) - log(2 + 2 * cosh(z)))
    True
    >>> is_identically_zero(log(1 + exp(-z)) + z - log(2 + exp(z)))
    """
    if expression.has(Piecewise, Abs):
        expression = simplify(expression)
    if expression == 0 or _vanishes_as_rational_function(expression):
        return True
    # A zero derivative makes a function constant on an interval only, not across a pole.
    smooth = expression.has(log) and is_defined_everywhere(expression, continuous=True)
    for symbol in sorted(filter(_ranges_over_an_interval, expression.free_symbols), key=str):
        if not smooth:
            break
        slope = expression.diff(symbol)
        if _vanishes_as_rational_function(slope):
            rest = _at_a_point(expression, symbol)
            if rest is not None and (rest == 0 or is_identically_zero(rest)):
                return True
    return True if simplify(expression) == 0 else None


def _vanishes_as_rational_function(expression: Expr) -> bool:
    for symbol in expression.free_symbols:
        expression = split_exponentials(expression, symbol, Dummy("u", positive=True))
    reduced = cancel(together(expression))
    if reduced == 0:
        return True
    combined = logcombine(expand_log(reduced, force=False))
    return bool(powsimp(expand(combined)) == 0)


def _ranges_over_an_interval(symbol: Symbol) -> bool:
    if not symbol.is_real or not (symbol.is_nonzero is None or symbol.is_positive is not None):
        return False
    return symbol.is_algebraic is None and symbol.is_rational is None


def _at_a_point(expression: Expr, symbol: Symbol) -> Expr | None:
    """The value at 0, or at 1 or -1 where the symbol has a sign: a point of its domain."""
    point = 1 if symbol.is_positive else -1 if symbol.is_negative else 0
    value = expression.subs(symbol, point)
    return simplify(value) if value.is_finite is not False else None

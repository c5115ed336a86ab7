"""Exact decisions: is an expression identically zero on the reals?

No floating point decides anything here. ``True`` is a proof: the expression reduces to zero as a
rational function of z and exp(z), or its derivative does and it vanishes at one point. ``None``
says that no proof was found.
"""

from __future__ import annotations

from sympy import (
    Abs,
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
    powdenest,
    powsimp,
    sech,
    simplify,
    sinh,
    tanh,
    together,
)

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
    """Whether the expression vanishes for every real value of its symbols.

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
    for symbol in sorted(expression.free_symbols, key=str):
        if not expression.has(log):
            break
        slope = expression.diff(symbol)
        if _vanishes_as_rational_function(slope):
            rest = _at_a_point(expression, symbol)
            if rest is not None and (rest == 0 or is_identically_zero(rest)):
                return True
    return True if simplify(expression) == 0 else None


def _vanishes_as_rational_function(expression: Expr) -> bool:
    generator = {s: Symbol(f"u_{s}", positive=True) for s in expression.free_symbols}
    for symbol, u in generator.items():
        expression = split_exponentials(expression, symbol, u)
    reduced = cancel(together(powdenest(expression, force=True)))
    if reduced == 0:
        return True
    combined = logcombine(expand_log(reduced, force=False))
    return bool(powsimp(expand(combined)) == 0)


def _at_a_point(expression: Expr, symbol: Symbol) -> Expr | None:
    """The value at 0, or at 1 where the symbol is positive: a point of its domain."""
    value = expression.subs(symbol, 1 if symbol.is_positive else 0)
    return simplify(value) if value.is_finite is not False else None

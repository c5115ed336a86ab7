"""Equations that are linear in their unknown, solved without a search for the way."""

from __future__ import annotations

from sympy import Expr, Poly, Symbol, fraction, together

__all__ = ["linear_root"]


def linear_root(expression: Expr, unknown: Symbol) -> Expr:
    """The only x at which the expression, whose numerator is linear in x, vanishes; factored.

    Raises
    ------
    ValueError : the numerator is not linear in the unknown.

    Examples
    --------
    >>> from sympy.abc import a, b, x
    >>> linear_root(a / (1 + x) - b, x)
    (a - b)/b
    """
    numerator = Poly(fraction(together(expression))[0], unknown)
    if numerator.degree() != 1:
        raise ValueError(f"{expression} is not linear in {unknown}; expected one root")
    slope, rest = numerator.all_coeffs()
    return (-rest / slope).factor()

"""Rewriting of an expression into one that loses fewer digits in floating point."""

from __future__ import annotations

from sympy import Add, Expr, Mul, Pow, exp, log
from sympy.codegen.cfunctions import expm1, log1p
from sympy.codegen.rewriting import ReplaceOptim, optimize

__all__ = ["stable"]


def _is_log_of_one_plus(e: Expr) -> bool:
    return isinstance(e, log) and isinstance(e.args[0], Add) and 1 in e.args[0].args


_LOG1P = ReplaceOptim(_is_log_of_one_plus, lambda e: log1p(e.args[0] - 1))


def _is_exp_less_one(e: Expr) -> bool:
    return (
        isinstance(e, Add) and len(e.args) == 2 and e.args[0] == -1 and isinstance(e.args[1], exp)
    )


_EXPM1 = ReplaceOptim(_is_exp_less_one, lambda e: expm1(e.args[1].args[0]))


def _is_one_minus_square(e: Expr) -> bool:
    if not (isinstance(e, Add) and len(e.args) == 2 and e.args[0] == 1):
        return False
    square = -e.args[1]
    return isinstance(square, Pow) and square.exp == 2 and square.base.is_Symbol


def _in_factors(e: Expr) -> Expr:
    base = (-e.args[1]).base
    return Mul(1 - base, 1 + base, evaluate=False)


_SQUARES = ReplaceOptim(_is_one_minus_square, _in_factors)


def stable(expression: Expr) -> Expr:
    """The same function with log1p, expm1 and (1 - x)(1 + x) for 1 - x^2.

    >>> from sympy import Symbol, sqrt
    >>> x = Symbol("x", positive=True)
    >>> stable(log(1 + x) / (exp(x) - 1) + sqrt(1 - x**2))
    sqrt(1 - x)*sqrt(x + 1) + log1p(x)/expm1(x)
    """
    return optimize(expression, (_LOG1P, _EXPM1, _SQUARES))

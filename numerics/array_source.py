"""Expressions as Python source text in terms of the array-API standard."""

from __future__ import annotations

from typing import Any

from sympy import (
    ITE,
    Add,
    And,
    Expr,
    Mul,
    Or,
    Piecewise,
    Pow,
    Rational,
    S,
    Symbol,
    UnevaluatedExpr,
    oo,
)

from ..theory.symbols import z

__all__ = ["printed", "written"]

_FUNCTIONS = {
    "exp": "exp",
    "log": "log",
    "log1p": "log1p",
    "expm1": "expm1",
    "sinh": "sinh",
    "cosh": "cosh",
    "tanh": "tanh",
    "asinh": "asinh",
    "atanh": "atanh",
    "atan": "atan",
    "Abs": "abs",
    "sign": "sign",
    "hypot": "hypot",
}


def printed(form: Expr, argument: Symbol = z) -> str:
    """Python source of the expression, for an array ``z`` of the array-API namespace ``xp``.

    The array may be another ``argument`` than z.

    Examples
    --------
    >>> from sympy import tanh
    >>> printed(z**2 / 3 + tanh(z))
    '(z ** 2) / 3 + xp.tanh(z)'
    """
    if not form.has(argument):
        return f"xp.full_like({argument.name}, {written(form)})"
    if isinstance(form, Piecewise):
        return _choice([(v, c) for v, c in form.args], argument)
    return written(form)


def written(e: Expr, inner: bool = False) -> str:
    """Python source of an expression; in brackets where it needs them as an operand (``inner``)."""
    text, atomic = _text(e)
    return f"({text})" if inner and not atomic else text


def _text(e: Expr) -> tuple[str, bool]:
    kind = e.func.__name__
    if e is oo:
        return "math.inf", True
    if e.is_Integer:
        return str(e), bool(e >= 0)
    if e.is_Rational:
        return f"{e.p} / {e.q}", False
    if e.is_Symbol:
        return e.name, True
    if e.is_NumberSymbol:
        return repr(float(e)), True
    if isinstance(e, Add):
        terms = [written(a, inner=isinstance(a, Piecewise)) for a in e.as_ordered_terms()]
        return " + ".join(terms).replace("+ -", "- "), False
    if isinstance(e, Mul):
        return _product(e), False
    if isinstance(e, Pow):
        return _power(e.base, e.exp)
    if isinstance(e, UnevaluatedExpr):
        return f"({written(e.args[0])})", True
    if isinstance(e, Piecewise):
        return _choice([(v, c) for v, c in e.args], z), True
    if kind == "sech":
        return f"1 / xp.cosh({written(e.args[0])})", False
    if kind == "coth":
        return f"1 / xp.tanh({written(e.args[0])})", False
    if kind == "hypot":
        # Arrays only: the standard's hypot takes no scalar.
        one, other = e.args
        return f"xp.hypot(xp.full_like(z, {written(one)}), {written(other)})", True
    arguments = ", ".join(written(a) for a in e.args)
    return f"xp.{_FUNCTIONS[kind]}({arguments})", True


def _product(e: Expr) -> str:
    numerator, denominator = [], []
    for factor in e.as_ordered_factors():
        if isinstance(factor, Pow) and factor.exp.is_Rational and factor.exp < 0:
            denominator.append(1 / factor)
        elif factor.is_Rational and not factor.is_Integer:
            numerator += [factor.p] if factor.p != 1 else []
            denominator.append(S(factor.q))
        else:
            numerator.append(factor)
    negative = bool(numerator) and numerator[0] == -1
    over = " * ".join(written(S(f), inner=True) for f in numerator[negative:]) or "1"
    under = " * ".join(written(f, inner=True) for f in denominator)
    sign_text = "-" if negative else ""
    if not under:
        return sign_text + over
    return (
        f"{sign_text}{over} / ({under})" if len(denominator) > 1 else f"{sign_text}{over} / {under}"
    )


def _power(base: Expr, exponent: Expr) -> tuple[str, bool]:
    if exponent == Rational(1, 2):
        return f"xp.sqrt({written(base)})", True
    if exponent.is_Rational and exponent < 0:
        return f"1 / {written(base**-exponent, inner=True)}", False
    return f"{written(base, inner=True)} ** {written(exponent, inner=True)}", False


def _choice(branches: list[tuple[Expr, Any]], argument: Symbol) -> str:
    (value, condition), rest = branches[0], branches[1:]
    if not rest:
        return printed(value, argument)
    chosen = printed(value, argument)
    return f"xp.where({_test(condition)}, {chosen}, {_choice(rest, argument)})"


def _test(condition: Any) -> str:
    if isinstance(condition, (And, Or)):
        mark = " & " if isinstance(condition, And) else " | "
        return mark.join(f"({_test(part)})" for part in condition.args)
    if isinstance(condition, ITE):
        return _test(condition.to_nnf(simplify=False))
    symbol = {"StrictLessThan": "<", "LessThan": "<=", "StrictGreaterThan": ">"}
    mark = symbol.get(condition.func.__name__, ">=")
    return f"{written(condition.lhs)} {mark} {written(condition.rhs)}"

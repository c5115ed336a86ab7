"""Does a closed form solve its equation? Decided by the defining equations of what it contains.

exp of W_r(y) is y/W_r(y) - r; the cosine of a third of an arc cosine is a root C of
4 C^3 - 3 C = X (Viete); two positive cube roots A, B are known by A^3, B^3 and A B (Cardano). Each
is replaced by a symbol of its own, and the residual has to vanish modulo these equations.
"""

from __future__ import annotations

from sympy import (
    Dummy,
    Expr,
    LambertW,
    Mul,
    Poly,
    Pow,
    Rational,
    Symbol,
    acos,
    cos,
    exp,
    expand,
    factor_list,
    fraction,
    rem,
    simplify,
    together,
)

from .identities import in_exponentials
from .special import RLambertW

__all__ = ["vanishes_by_definition"]


def vanishes_by_definition(residual: Expr) -> bool:
    """Whether the residual of an equation, its closed form put in, is proved to be zero.

    >>> c = Symbol("c", positive=True)
    >>> w = RLambertW(1, c / 2)
    >>> vanishes_by_definition(2 * w * (1 + exp(w)) - c)
    True
    >>> vanishes_by_definition(2 * w * (1 + exp(w)) - 2 * c)
    False
    """
    reduced = in_exponentials(residual)
    functions = sorted(reduced.atoms(RLambertW) | reduced.atoms(LambertW), key=str)
    for function in functions:
        reduced = _without_lambert(reduced, function)
    for node in sorted(reduced.atoms(cos), key=str):
        if isinstance(3 * node.args[0], acos):
            return _vanishes_by_viete(reduced, node)
    roots = sorted((p for p in reduced.atoms(Pow) if p.exp == Rational(1, 3)), key=str)
    if len(roots) == 2:
        return _vanishes_by_cardano(reduced, *roots)
    return bool(simplify(reduced) == 0)


def _without_lambert(expression: Expr, function: Expr) -> Expr:
    r, y = function.args if isinstance(function, RLambertW) else (Rational(0), function.args[0])
    # The value is positive where y is; nothing is assumed of it where that is not known.
    w = Dummy("w", positive=True) if y.is_positive else Dummy("w")

    def by_definition(argument: Expr) -> Expr:
        power = expand(argument).coeff(w, 1)
        if not (power.is_integer or w.is_positive):
            return exp(argument)
        return exp(expand(argument - power * w)) * (y / w - r) ** power

    return expand(expression.subs(function, w), power_exp=True).replace(exp, by_definition)


def _vanishes_by_viete(expression: Expr, node: Expr) -> bool:
    cosine = Dummy("C", real=True)
    argument = (3 * node.args[0]).args[0]
    numerator = fraction(together(simplify(expression.subs(node, cosine))))[0]
    left = rem(expand(numerator), 4 * cosine**3 - 3 * cosine - argument, cosine)
    return bool(simplify(left) == 0)


def _vanishes_by_cardano(expression: Expr, first: Expr, second: Expr) -> bool:
    a, b = Dummy("A", positive=True), Dummy("B", positive=True)
    product = _cube_root_of_polynomial(expand(first.base * second.base))
    if product is None or not _both_positive(first.base, second.base):
        return False
    left = expand(fraction(together(expression.subs({first: a, second: b})))[0])
    while True:
        terms = Poly(left, a, b).terms()
        if all(min(i, j) == 0 and max(i, j) < 3 for (i, j), _ in terms):
            return all(simplify(value) == 0 for _, value in terms)
        left = expand(
            sum(
                value
                * product ** min(i, j)
                * _reduced_power(a, first.base, i - min(i, j))
                * _reduced_power(b, second.base, j - min(i, j))
                for (i, j), value in terms
            )
        )


def _both_positive(first: Expr, second: Expr) -> bool:
    """Two numbers are real where (a - b)^2 >= 0, and then positive where a + b and a b are."""
    return all(map(_is_positive, ((first - second) ** 2, first + second, first * second)))


def _is_positive(expression: Expr) -> bool:
    """Whether a polynomial in one positive symbol has no root and a positive leading term."""
    polynomial = expand(expression)
    symbols = polynomial.free_symbols
    if len(symbols) != 1 or not polynomial.is_polynomial(*symbols):
        return bool(polynomial.is_positive)
    (symbol,) = symbols
    _, rest = Poly(polynomial, symbol).terms_gcd()
    if not (symbol.is_positive and (rest.domain.is_QQ or rest.domain.is_ZZ)):
        return False
    return bool(rest.LC() > 0 and rest.count_roots(0) == 0)


def _reduced_power(symbol: Symbol, cube: Expr, exponent: int) -> Expr:
    return cube ** (exponent // 3) * symbol ** (exponent % 3)


def _cube_root_of_polynomial(polynomial: Expr) -> Expr | None:
    content, factors = factor_list(polynomial)
    if any(exponent % 3 for _, exponent in factors):
        return None
    return Mul(content ** Rational(1, 3), *(base ** (e // 3) for base, e in factors))

"""What a user's penalty may be built of: SymPy's constructors behind a look at what they would do.

SymPy computes as it builds: exp(10**9*log(2)) becomes 2**(10**9), and the sign of a constant that
is zero in disguise may be searched for without end. The functions here refuse such arguments first.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from itertools import combinations

from sympy import (
    Abs,
    Add,
    E,
    Expr,
    Max,
    Min,
    Mul,
    Pow,
    Rational,
    S,
    Symbol,
    asinh,
    atan,
    cosh,
    exp,
    log,
    pi,
    sech,
    sinh,
    tanh,
)

from .symbols import z

__all__ = [
    "CONSTANTS",
    "FUNCTIONS",
    "HEADS",
    "MAX_ARGUMENTS",
    "MAX_BITS",
    "MAX_DENOMINATOR",
    "MAX_EXPONENT",
    "NotAdmittedError",
    "add",
    "admitted",
    "divide",
    "multiply",
    "power",
    "shown",
]

MAX_EXPONENT = 64
"""The largest size of an exponent."""

MAX_DENOMINATOR = 1000
"""The largest denominator of an exponent."""

MAX_ARGUMENTS = 16
"""The most arguments of max or min, which SymPy compares in pairs."""

MAX_BITS = 4096
"""The most binary digits in the numerator or the denominator of a number."""

_LARGEST = 1e300
_CANCELLATION = 1e-9
_SHOWN = 60


class NotAdmittedError(Exception):
    """Why an expression is refused, and the offset into the text where that was noticed."""

    def __init__(self, reason: str, offset: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.offset = offset


def shown(part: object) -> str:
    """A short quotation, in which look-alikes of ASCII characters are escaped."""
    quoted = str(part)
    return ascii(quoted if len(quoted) <= _SHOWN else quoted[:_SHOWN] + "...")


def admitted(expression: Expr) -> Expr:
    """The expression, once it is seen to hold only finite real constants and functions of z.

    SymPy's automatic simplifications may turn admitted parts into something that is not: sqrt(-1).
    """
    if not expression.free_symbols:
        _value(expression)
    elif not isinstance(expression, Symbol):
        if type(expression) not in HEADS:
            raise NotAdmittedError(f"it leads to the function {shown(type(expression).__name__)}")
        for argument in expression.args:
            admitted(argument)
        if isinstance(expression, Pow):
            _check_power(*expression.args)
    return expression


def _value(constant: Expr) -> float:
    """The constant in double precision, refused where that is no finite real number."""
    if isinstance(constant, Rational):
        if _bits(constant) > MAX_BITS:
            raise NotAdmittedError(f"a number has more than {MAX_BITS} binary digits")
    elif constant not in (pi, E) and type(constant) not in HEADS:
        raise NotAdmittedError(f"the constant {shown(constant)} is not a finite real number")
    try:
        value = _in_double_precision(constant)
    except (OverflowError, ZeroDivisionError):
        value = math.inf
    except ValueError:
        raise NotAdmittedError(f"the constant {shown(constant)} is not a real number") from None
    if constant != 0 and not 1 / _LARGEST < abs(value) < _LARGEST:
        raise NotAdmittedError(
            f"the constant {shown(constant)} is 0, or not between 1e-300 and 1e300 in size, "
            "in double precision"
        )
    return value


def _in_double_precision(constant: Expr) -> float:
    if isinstance(constant, Rational):
        return float(int(constant.p) / int(constant.q))
    if constant == pi:
        return math.pi
    if constant == E:
        return math.e
    if isinstance(constant, Pow):
        _check_power(*constant.args)
    return _DOUBLES[type(constant)](*map(_value, constant.args))


def _bits(rational: Rational) -> int:
    return max(abs(int(rational.p)).bit_length(), int(rational.q).bit_length())


def add(*terms: Expr) -> Expr:
    """The sum."""
    total = Add(*terms)
    _check_cancellation(total)
    return admitted(total)


def _check_cancellation(total: Expr) -> None:
    """Refuse coefficients that all but cancel: SymPy may search long for the sign of their sum."""
    coefficients: defaultdict[Expr, list[float]] = defaultdict(list)
    for term in Add.make_args(total):
        coefficient, factor = term.as_independent(z, as_Add=False)
        coefficients[factor].append(_value(coefficient))
    for parts in coefficients.values():
        if len(parts) > 1 and abs(math.fsum(parts)) <= _CANCELLATION * math.fsum(map(abs, parts)):
            raise NotAdmittedError("constants cancel almost or wholly: simplify them by hand")


def multiply(*factors: Expr) -> Expr:
    """The product."""
    return admitted(Mul(*factors))


def divide(numerator: Expr, denominator: Expr) -> Expr:
    """The quotient."""
    return multiply(numerator, power(denominator, S.NegativeOne))


def power(base: Expr, exponent: Expr) -> Expr:
    """The power; its exponent is a small constant, and rational where the base holds z."""
    _check_power(base, exponent)
    if base.free_symbols and not exponent.is_Integer:
        _check_real(base, "a root of")
    return admitted(Pow(base, exponent))


def _check_power(base: Expr, exponent: Expr) -> None:
    if exponent.free_symbols:
        raise NotAdmittedError("an exponent contains z: write exp(...), as exp(z*log(2)) for 2^z")
    value = _value(exponent)
    if abs(value) > MAX_EXPONENT:
        raise NotAdmittedError(f"the exponent {shown(exponent)} is beyond {MAX_EXPONENT} in size")
    if isinstance(exponent, Rational):
        if exponent.q > MAX_DENOMINATOR:
            raise NotAdmittedError(
                f"the exponent {shown(exponent)} has a denominator beyond {MAX_DENOMINATOR}"
            )
    elif base.free_symbols:
        raise NotAdmittedError(
            f"the exponent {shown(exponent)} is not rational, and its base has z"
        )
    if base == 0 and value < 0:
        raise NotAdmittedError("division by zero")
    work = max(abs(value), exponent.q if isinstance(exponent, Rational) else 1)
    if work * max(map(_bits, base.atoms(Rational)), default=0) > MAX_BITS:
        raise NotAdmittedError(f"a power would have more than {MAX_BITS} binary digits")


def _check_real(expression: Expr, use: str) -> None:
    """Refuse what may be complex where SymPy would expand it into real and imaginary parts."""
    if not _is_real(expression):
        raise NotAdmittedError(f"{use} something that is not seen to be real for every real z")


def _is_real(expression: Expr) -> bool:
    """Whether the expression is surely real; SymPy's own answer may take it long."""
    if not expression.args or not expression.free_symbols:
        return True
    if not all(map(_is_real, expression.args)):
        return False
    if isinstance(expression, log) or (
        isinstance(expression, Pow) and not expression.args[1].is_Integer
    ):
        return bool(expression.args[0].is_extended_nonnegative)
    return True


def _exp(argument: Expr) -> Expr:
    """The exponential; SymPy turns exp(c log b) into b**c, so that c is an exponent too."""
    _check_real(argument, "exp of")
    for term in Add.make_args(argument):
        factors = Mul.make_args(term)
        logarithms = [factor for factor in factors if isinstance(factor, log)]
        others = [factor for factor in factors if not isinstance(factor, log)]
        if len(logarithms) == 1 and not any(factor.free_symbols for factor in others):
            _check_power(logarithms[0].args[0], Mul(*others))
    return admitted(exp(argument))


def _plain(head: Callable[[Expr], Expr], name: str) -> Callable[[Expr], Expr]:
    def build(x: Expr) -> Expr:
        _check_real(x, f"{name} of")
        return admitted(head(x))

    return build


def _hyperbolic(head: Callable[[Expr], Expr], name: str) -> Callable[[Expr], Expr]:
    def build(x: Expr) -> Expr:
        _check_real(x, f"{name} of")
        # Unless SymPy knows this, it expands the function's imaginary part whenever asked for it.
        if not x.is_real:
            raise NotAdmittedError(f"{name} of something not seen to be finite for every real z")
        return admitted(head(x))

    return build


def _extreme(head: Callable[..., Expr]) -> Callable[..., Expr]:
    def build(*arguments: Expr) -> Expr:
        if len(arguments) > MAX_ARGUMENTS:
            raise NotAdmittedError(f"max and min take at most {MAX_ARGUMENTS} arguments")
        for argument in arguments:
            _check_real(argument, "max or min of")
        for x, y in combinations(arguments, 2):
            if x != y:
                _check_cancellation(Add(x, Mul(S.NegativeOne, y)))
        return admitted(head(*arguments))

    return build


HEADS: dict[type, Callable[..., Expr]] = {
    Abs: _plain(Abs, "abs"),
    Add: add,
    Max: _extreme(Max),
    Min: _extreme(Min),
    Mul: multiply,
    Pow: power,
    asinh: _plain(asinh, "asinh"),
    atan: _plain(atan, "atan"),
    cosh: _hyperbolic(cosh, "cosh"),
    exp: _exp,
    log: _plain(log, "log"),
    sech: _hyperbolic(sech, "sech"),
    sinh: _hyperbolic(sinh, "sinh"),
    tanh: _hyperbolic(tanh, "tanh"),
}
"""The SymPy node classes that are admitted, each with the function that builds it."""

_DOUBLES: dict[type, Callable[..., float]] = {
    Abs: abs,
    Add: lambda *x: math.fsum(x),
    Max: max,
    Min: min,
    Mul: lambda *x: math.prod(x),
    Pow: math.pow,
    asinh: math.asinh,
    atan: math.atan,
    cosh: math.cosh,
    exp: math.exp,
    log: math.log,
    sech: lambda x: 1 / math.cosh(x),
    sinh: math.sinh,
    tanh: math.tanh,
}

FUNCTIONS: dict[str, Callable[..., Expr]] = {
    "abs": HEADS[Abs],
    "asinh": HEADS[asinh],
    "atan": HEADS[atan],
    "cosh": HEADS[cosh],
    "exp": _exp,
    "log": HEADS[log],
    "max": HEADS[Max],
    "min": HEADS[Min],
    "sech": HEADS[sech],
    "sigmoid": lambda x: divide(S.One, add(S.One, _exp(multiply(S.NegativeOne, x)))),
    "sinh": HEADS[sinh],
    "softplus": lambda x: HEADS[log](add(S.One, _exp(x))),
    "sqrt": lambda x: power(x, S.Half),
    "tanh": HEADS[tanh],
}
"""The functions that a text may name."""

CONSTANTS: dict[str, Expr] = {"pi": pi, "e": E, "E": E}
"""The constants that a text may name."""

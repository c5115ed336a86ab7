"""An expression of the theory on arrays of any array-API library.

The expression is read through its ``func`` and ``args`` only, so that SymPy is not imported here.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np
from array_api_compat import array_namespace, is_array_api_obj

from .normal import normal_cdf
from .special import r_lambert

__all__ = ["evaluate"]

_ONE_ARGUMENT = frozenset(
    {"acos", "asinh", "atan", "cos", "cosh", "exp", "log", "sign", "sin", "sinh", "tanh"}
)
_COMPARISONS = {
    "LessThan": "less_equal",
    "StrictLessThan": "less",
    "GreaterThan": "greater_equal",
    "StrictGreaterThan": "greater",
}


def evaluate(expression: Any, symbols: Sequence[Any], arguments: Sequence[Any]) -> Any:
    """The expression at the arguments, one for each symbol.

    Parameters
    ----------
    expression, symbols : a SymPy expression and its symbols, in the order of the arguments.
    arguments : numbers, or floating arrays of one library, broadcast against each other.

    Returns
    -------
    An array of the caller's library; a float if every argument is a number.

    Raises
    ------
    TypeError : not one argument for each symbol, or a function that arrays do not have.

    Examples
    --------
    >>> from sympy import Symbol, log
    >>> x = Symbol("x")
    >>> evaluate(log(1 + x), [x], [np.asarray([0.0, 1.0])])
    array([0.        , 0.69314718])
    """
    if len(arguments) != len(symbols):
        names = ", ".join(str(symbol) for symbol in symbols)
        raise TypeError(f"expected {len(symbols)} arguments ({names}), got {len(arguments)}")
    arrays = [a for a in arguments if is_array_api_obj(a)]
    if not arrays:
        numbers = [np.asarray(a, dtype=np.float64) for a in arguments]
        return float(evaluate(expression, symbols, numbers))
    xp = array_namespace(*arrays)
    dtype = xp.result_type(*arrays)
    given = [a if is_array_api_obj(a) else xp.asarray(a, dtype=dtype) for a in arguments]
    values = dict(zip(symbols, xp.broadcast_arrays(*given), strict=True))
    # A branch that is not taken may divide by zero.
    with np.errstate(all="ignore"):
        return _value(expression, values, xp, dtype)


def _value(node: Any, values: dict[Any, Any], xp: Any, dtype: Any) -> Any:
    if node in values:
        return values[node]
    like = next(iter(values.values()))
    if not node.free_symbols:
        return xp.full_like(like, float(node.evalf(20)), dtype=dtype)
    kind = node.func.__name__
    if kind == "Piecewise":
        *branches, (last, _) = node.args
        chosen = _value(last, values, xp, dtype)
        for value, condition in reversed(branches):
            left, right = (_value(side, values, xp, dtype) for side in condition.args)
            test = getattr(xp, _COMPARISONS[condition.func.__name__])(left, right)
            chosen = xp.where(test, _value(value, values, xp, dtype), chosen)
        return chosen
    parts = [_value(argument, values, xp, dtype) for argument in node.args]
    if kind == "Pow":
        return _power(node.args[1], parts[0], parts[1], xp)
    if kind in ("Add", "Mul"):
        return reduce(xp.add if kind == "Add" else xp.multiply, parts)
    if kind == "Abs":
        return xp.abs(parts[0])
    if kind == "RLambertW":
        return r_lambert(*parts)
    if kind == "LambertW":
        return r_lambert(xp.zeros_like(parts[0]), parts[0])
    if kind == "erf":
        return 2 * normal_cdf(2**0.5 * parts[0]) - 1
    if kind in _ONE_ARGUMENT:
        return getattr(xp, kind)(parts[0])
    raise TypeError(f"no array function for {kind} in {node}")


def _power(exponent: Any, base: Any, power: Any, xp: Any) -> Any:
    if exponent == -1:
        return 1 / base
    if exponent.is_Rational and exponent.q == 2:
        root = xp.sqrt(base) ** abs(int(exponent.p))
        return root if exponent > 0 else 1 / root
    return base**power

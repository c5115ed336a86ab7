"""The error of an exported routine in ulp: its NumPy text against 100-digit values."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, cast

import mpmath
import numpy as np
from numpy.typing import NDArray
from sympy import Expr, Symbol, lambdify, solve
from sympy.core.relational import Relational

from ...theory.special import RLambertW
from .printers import LANGUAGES
from .program import Argument, Part, called
from .special import HELPERS

__all__ = ["measured_error"]

_DIGITS = 100
_POINTS = 11
_NEAR = 10.0 ** np.arange(-16, 0, 2)
_SMALLEST_NORMAL = 2.0**-1022


def measured_error(part: Part, arguments: Iterable[Argument]) -> float:
    """The largest error on a grid over the domain, in units in the last place of the scale.

    Points where the exact value does not exist, such as a slope at a kink, are left out. It is
    infinite where the routine is not near a finite value.
    """
    domain = {argument.symbol: argument for argument in arguments}
    axes = [_axis(domain[symbol], part.exact) for symbol in part.routine.arguments]
    mesh = [axis.reshape(-1) for axis in np.meshgrid(*axes)]
    found = np.broadcast_to(_run(part)(*mesh), mesh[0].shape)
    exact = _high_precision(part.exact, part.routine.arguments)
    scale = exact if part.scale is None else _high_precision(part.scale, part.routine.arguments)
    worst = 0.0
    with mpmath.workdps(_DIGITS):
        for value, *point in zip(found, *mesh, strict=True):
            numbers = [mpmath.mpf(float(x)) for x in point]
            try:
                truth, unit = exact(*numbers), abs(scale(*numbers))
            except ZeroDivisionError:
                continue
            if mpmath.isfinite(truth) and mpmath.isfinite(unit):
                worst = max(worst, _in_ulp(float(value), truth, unit))
    return worst


def _axis(argument: Argument, exact: Expr) -> NDArray[np.float64]:
    """Both ends, and points that are dense near zero, near one, and where a branch begins."""
    low, high = argument.low, argument.high
    half = np.geomspace(max(low, 1e-8 * high), high, _POINTS)
    points = [half, -half, np.array([low]), high - _NEAR]
    for edge in _edges(exact, argument.symbol):
        points += [edge * (1 - _NEAR), np.array([edge]), edge * (1 + _NEAR)]
    inside = np.concatenate(points)
    return np.unique(inside[(inside >= low) & (inside <= high)])


def _edges(exact: Expr, symbol: Symbol) -> list[float]:
    """Where the branches of the expression meet, if they are told apart by one argument."""
    tests = [t for t in exact.atoms(Relational) if t.free_symbols == {symbol}]
    roots = (root for test in tests for root in solve(test.lhs - test.rhs, symbol))
    return [float(root) for root in roots if root.is_real]


def _run(part: Part) -> Callable[..., NDArray[np.float64]]:
    language = LANGUAGES["numpy"]
    texts = [language.routine(HELPERS[name], False) for name in called(part.routine)]
    namespace: dict[str, Any] = {"np": np}
    # The text is printed from a tree that the parser has admitted.
    exec("\n".join([*texts, language.routine(part.routine, True)]), namespace)
    return cast(Callable[..., NDArray[np.float64]], namespace[part.routine.name])


def _high_precision(expression: Expr, symbols: tuple[Symbol, ...]) -> Callable[..., Any]:
    names = {"RLambertW": lambda r, y: mpmath.mpmathify(RLambertW(r, y).evalf(_DIGITS))}
    return cast(Callable[..., Any], lambdify(symbols, expression, [names, "mpmath"]))


def _in_ulp(value: float, truth: Any, unit: Any) -> float:
    if not math.isfinite(float(truth)):
        return 0.0 if value == float(truth) else math.inf
    error = abs(mpmath.mpf(value) - truth) if math.isfinite(value) else mpmath.inf
    return float(max(error - _SMALLEST_NORMAL, 0) / mpmath.mpf(math.ulp(float(unit))))

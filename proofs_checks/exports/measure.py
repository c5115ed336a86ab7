"""The error of an exported routine in ulp: its NumPy text against 100-digit values."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable
from typing import Any, cast

import mpmath
import numpy as np
from numpy.typing import NDArray
from sympy import Basic, Expr, Symbol, lambdify, solve
from sympy.core.relational import Relational

from ...theory.label_smoothing import true_class
from ...theory.special import RLambertW
from ...theory.symbols import K, logits
from .class_losses import derivative_class
from .printers import LANGUAGES
from .program import Argument, Part, called
from .special import HELPERS

__all__ = ["measured_class_error", "measured_error"]

_DIGITS = 100
_POINTS = 11
_NEAR = 10.0 ** np.arange(-16, 0, 2)
_CLASSES = (2, 3, 10, 1000)
_STRENGTHS = (1e-8, 0.01, 0.1, 0.5, 0.9, 1 - 2.0**-30)
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
    with mpmath.workdps(_DIGITS):
        return max(
            _error(float(value), exact, scale, [mpmath.mpf(float(x)) for x in point])
            for value, *point in zip(found, *mesh, strict=True)
        )


def measured_class_error(part: Part, largest: float) -> float:
    """The same for a function of K logits between -largest and largest, at random points.

    Of a gradient the derivatives in the logits of the label and of the last class.
    """
    assert part.scale is not None
    symbols = (logits, K, true_class, derivative_class, *part.routine.arguments)
    exact, scale = _high_precision(part.exact, symbols), _high_precision(part.scale, symbols)
    function, worst = _run(part), 0.0
    rng = np.random.default_rng(0)
    with mpmath.workdps(_DIGITS):
        for classes, spread in itertools.product(_CLASSES, (1e-8, 1.0, largest)):
            z = rng.uniform(-spread, spread, classes)
            label, alpha = int(rng.integers(classes)), float(rng.choice(_STRENGTHS))
            found = np.atleast_1d(function(z, label, alpha))
            sample = [None, *(mpmath.mpf(float(x)) for x in z)]
            for j in {0} if len(found) == 1 else {label, classes - 1}:
                point = [sample, classes, label + 1, j + 1, mpmath.mpf(alpha)]
                worst = max(worst, _error(float(found[j]), exact, scale, point))
    return worst


def _error(
    value: float, exact: Callable[..., Any], scale: Callable[..., Any], point: list[Any]
) -> float:
    """At a point where the exact value does not exist it is zero."""
    try:
        truth, unit = exact(*point), abs(scale(*point))
    except ZeroDivisionError:
        return 0.0
    exists = mpmath.isfinite(truth) and mpmath.isfinite(unit)
    return _in_ulp(value, truth, unit) if exists else 0.0


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
    exec("\n".join([*texts, language.public(part.routine)]), namespace)
    return cast(Callable[..., NDArray[np.float64]], namespace[part.routine.name])


def _high_precision(expression: Expr, symbols: tuple[Basic, ...]) -> Callable[..., Any]:
    names = {"RLambertW": lambda r, y: mpmath.mpmathify(RLambertW(r, y).evalf(_DIGITS))}
    return cast(Callable[..., Any], lambdify(symbols, expression, [names, "mpmath"]))


def _in_ulp(value: float, truth: Any, unit: Any) -> float:
    if not math.isfinite(float(truth)):
        return 0.0 if value == float(truth) else math.inf
    error = abs(mpmath.mpf(value) - truth) if math.isfinite(value) else mpmath.inf
    return float(max(error - _SMALLEST_NORMAL, 0) / mpmath.mpf(math.ulp(float(unit))))

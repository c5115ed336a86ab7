"""A penalty as functions of arrays: its value, slope and curvature on the whole line.

The one door from numerics to theory: a name of the catalogue needs no SymPy, an expression or a
Penalty of one's own is handed to :mod:`logitreg.theory.penalties` and printed as array source.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from array_api_compat import array_namespace, is_array_api_obj
from flint import arb

from ..errors import NotConvexError, ParameterError, UnknownNameError
from .balls import ball_function, precision
from .catalogue import CATALOGUE
from .convexity import Side, concave_point
from .tracing import is_torch, is_traced

if TYPE_CHECKING:
    from ..theory.penalties import Penalty

__all__ = ["Balls", "Kernel", "kernel", "penalties", "require_convex"]

ArrayFunction = Callable[[Any], Any]


@dataclass(frozen=True)
class Balls:
    """Enclosures of f' and f'' on Arb balls; at a kink, of the derivatives away from it.

    ``sides`` holds each kink of f with the limits of f' from the left and from the right.
    """

    slope: Callable[[arb], arb]
    curvature: Callable[[arb], arb]
    sides: tuple[Side, ...]


@dataclass(frozen=True)
class Kernel:
    """A penalty f as array functions.

    Attributes
    ----------
    name : the name in the catalogue or the text of the expression.
    value, slope, curvature : f, f' and f'' on arrays of any array-API library, or on floats. They
        are finite, or infinite where f is; at a kink the slope is the middle of the jump.
    kinks : where f' jumps or f becomes infinite, ascending.
    parameters : the values of the parameters.
    inverse_slope : the z >= 0 of a slope s > 0 near zero, or the kink at which s lies in the jump;
        None where it is not known.
    concave_at : a point where f is certainly not convex, None if none was found.
    convex : whether no such point was found.

    Examples
    --------
    >>> k = kernel("huber")
    >>> k.slope(0.5), k.slope(-3.0)
    (0.5, -1.0)
    """

    name: str
    value: ArrayFunction
    slope: ArrayFunction
    curvature: ArrayFunction
    kinks: tuple[float, ...] = ()
    parameters: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    concave_at: float | None = None
    inverse_slope: ArrayFunction | None = None
    _penalty: Penalty | None = field(default=None, repr=False, compare=False)

    @property
    def convex(self) -> bool:
        return self.concave_at is None

    @cached_property
    def balls(self) -> Balls:
        """Enclosures on Arb balls, read from the theory (this imports SymPy)."""
        return _balls(self.penalty)

    @cached_property
    def penalty(self) -> Penalty:
        """The penalty in the theory (this imports SymPy)."""
        if self._penalty is not None:
            return self._penalty
        from sympy import Rational

        from ..theory.penalties import penalty as in_theory

        # The parameters are exact floats: no nearby simple fraction is meant.
        exact = {name: Rational(value) for name, value in self.parameters.items()}
        return in_theory(self.name, **exact)


def penalties() -> tuple[str, ...]:
    """The names of the penalties in the catalogue.

    Examples
    --------
    >>> penalties()[:3]
    ('label-smoothing', 'quadratic', 'absolute')
    """
    return tuple(CATALOGUE)


def kernel(penalty: Any, **parameters: float) -> Kernel:
    """The array functions of a penalty.

    Parameters
    ----------
    penalty : a name in the catalogue, the text of an expression in z, a SymPy expression or a
        :class:`logitreg.theory.penalties.Penalty`. Only a name does without SymPy.
    parameters : values of the parameters of a catalogue penalty, such as ``delta=2``.

    Raises
    ------
    UnknownNameError : the penalty has no parameter of that name.
    ParameterError : a value outside the parameter's domain.
    ExpressionError : the text is neither a name nor an expression.

    Examples
    --------
    >>> float(kernel("label-smoothing").slope(1000.0))
    0.5
    >>> kernel("abs(z) + z^4").kinks
    (0.0,)
    """
    if isinstance(penalty, Kernel):
        return penalty
    if isinstance(penalty, str) and penalty in CATALOGUE:
        return _from_catalogue(penalty, tuple(sorted(parameters.items())))
    if isinstance(penalty, str) and not parameters:
        return _from_text(penalty)
    from ..theory.penalties import penalty as in_theory

    return _from_theory(in_theory(penalty, **parameters))


def require_convex(f: Kernel) -> None:
    """Refuse a penalty that is known not to be convex, which limits of high dimension assume.

    Raises
    ------
    NotConvexError : it is not; the words hold a witness.
    """
    if not f.convex:
        raise NotConvexError(
            f"the penalty {f.name!r} is not convex: at z = {f.concave_at!r} its second derivative "
            "is negative; expected a convex f(z), since the limit theory rests on convexity"
        )


@lru_cache(maxsize=256)
def _from_catalogue(name: str, given: tuple[tuple[str, float], ...]) -> Kernel:
    entry = CATALOGUE[name]
    values = dict(entry.parameters)
    for parameter, value in given:
        if parameter not in values:
            raise UnknownNameError(
                f"penalty {name!r} has no parameter {parameter!r}; it has: "
                + (", ".join(values) or "none")
            )
        lowest = "p >= 1" if parameter == "p" else f"{parameter} > 0"
        number = float(value)
        if not (math.isfinite(number) and (number >= 1 if parameter == "p" else number > 0)):
            raise ParameterError(
                f"parameter {parameter} of penalty {name!r} is {value}; expected {lowest}"
            )
        values[parameter] = number
    shape, arguments = entry, values
    if name == "power" and values["p"] == 1:
        # p (p - 1) |z|^(p - 2) is 0 * infinity at zero.
        shape, arguments = CATALOGUE["absolute"], {}
    inverse = shape.inverse_slope
    return Kernel(
        name,
        _on_arrays(shape.value, arguments),
        _on_arrays(shape.slope, arguments),
        _on_arrays(shape.curvature, arguments),
        shape.kinks(**arguments),
        MappingProxyType(values),
        entry.concave_at,
        inverse and _on_arrays(inverse, arguments),
    )


@lru_cache(maxsize=256)
def _from_text(text: str) -> Kernel:
    from ..theory.penalties import penalty as in_theory

    return _from_theory(in_theory(text))


def _from_theory(penalty: Penalty) -> Kernel:
    from ..theory.penalties import CATALOGUE as KNOWN
    from ..theory.symbols import z
    from .array_source import printed
    from .generate import derivatives, in_logarithms

    name = penalty.name
    if name in KNOWN and KNOWN[name].family == penalty.family:
        values = {key: float(value) for key, value in penalty.values.items()}
        known = _from_catalogue(name, tuple(sorted(values.items())))
        exact = all(Fraction(values[key]) == value for key, value in penalty.values.items())
        # Enclosures are for the rational parameters, which float64 may only approximate.
        return known if exact else replace(known, _penalty=penalty)
    value, slope, curvature = (
        _patched(_compiled(printed(form)), ball_function(in_logarithms(form), z))
        for form in derivatives(penalty)
    )
    balls = _balls(penalty)
    jumps = {float(corner().mid()): _middle(left(), right()) for corner, left, right in balls.sides}
    return Kernel(
        name=name if name not in KNOWN else str(penalty.expression),
        value=value,
        slope=_with_values(slope, jumps),
        curvature=curvature,
        kinks=tuple(jumps),
        concave_at=concave_point(balls.curvature, balls.sides),
        _penalty=penalty,
    )


def _middle(left: arb, right: arb) -> float:
    return float(((left + right) / 2).mid())


def _with_values(function: ArrayFunction, values: Mapping[float, float]) -> ArrayFunction:
    """The function with other values at some points."""

    def apply(xp: Any, z: Any) -> Any:
        result = function(z)
        for point, value in values.items():
            result = xp.where(z == point, xp.full_like(result, value), result)
        return result

    return _on_arrays(apply, {}) if values else function


def _on_arrays(function: Callable[..., Any], parameters: Mapping[str, float]) -> ArrayFunction:
    """The function of (xp, z, **parameters) as one of z, a float or an array of any library."""

    def apply(z: Any) -> Any:
        if is_array_api_obj(z) and not np.isscalar(z):
            xp = array_namespace(z)
            if not xp.isdtype(z.dtype, "real floating"):
                z = xp.astype(z, xp.float64)
            if is_torch(z):
                # The sign of array-api-compat looks for NaN, which vmap does not allow.
                xp = sys.modules["torch"]
            with np.errstate(all="ignore"):
                return function(xp, z, **parameters)
        numbers = np.asarray(z, dtype=np.float64)
        with np.errstate(all="ignore"):
            result = function(array_namespace(numbers), numbers, **parameters)
        return float(result) if numbers.ndim == 0 else result

    return apply


def _compiled(source: str) -> Callable[..., Any]:
    # The text is not the user's: it was printed from a tree that the whitelist has admitted.
    return cast(Callable[..., Any], eval(f"lambda xp, z: {source}", {"math": math}))


def _patched(function: Callable[..., Any], enclosure: Callable[[arb], arb]) -> ArrayFunction:
    """The function, and where float64 overflows or is undefined on the way, its enclosure.

    A traced array has no numbers to look at, and gets the function alone.
    """

    def apply(xp: Any, z: Any) -> Any:
        result = function(xp, z)
        if is_traced(z):
            return result
        lost = xp.isfinite(z) & ~xp.isfinite(result)
        if not bool(xp.any(lost)):
            return result
        numbers = np.array(result, dtype=np.float64)
        for index in np.argwhere(np.asarray(lost)):
            at = tuple(index)
            numbers[at] = _midpoint(enclosure, float(np.asarray(z)[at]), numbers[at])
        return xp.asarray(numbers, dtype=result.dtype)

    return _on_arrays(apply, {})


def _midpoint(enclosure: Callable[[arb], arb], point: float, otherwise: float) -> float:
    for bits in (128, 1024, 4096):
        with precision(bits):
            image = enclosure(arb(point))
            if image.rel_accuracy_bits() > 53 or image.abs_upper() < arb(2) ** -1075:
                return float(image.mid())
    return otherwise


def _balls(penalty: Penalty) -> Balls:
    from ..theory.symbols import z
    from .generate import derivatives, in_logarithms, sides

    _, slope, curvature = (in_logarithms(form) for form in derivatives(penalty))
    return Balls(ball_function(slope, z), ball_function(curvature, z), sides(penalty))

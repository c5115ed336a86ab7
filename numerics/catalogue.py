"""The catalogue's penalties as array functions, by ``generate.py``: do not edit."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["CATALOGUE", "Entry"]


class Entry(NamedTuple):
    """f, f' and f'' as functions (xp, z, **parameters), and what the theory knows about f.

    ``inverse_slope`` is a function (xp, s, **parameters): the z >= 0 of a small slope s.
    """

    value: Callable[..., Any]
    slope: Callable[..., Any]
    curvature: Callable[..., Any]
    kinks: Callable[..., tuple[float, ...]]
    parameters: dict[str, float]
    concave_at: float | None
    inverse_slope: Callable[..., Any] | None


def _label_smoothing_value(xp: Any, z: Any) -> Any:
    return xp.abs(z) / 2 + xp.log1p(xp.exp(-xp.abs(z)))


def _label_smoothing_slope(xp: Any, z: Any) -> Any:
    return xp.tanh(z / 2) / 2


def _label_smoothing_curvature(xp: Any, z: Any) -> Any:
    return xp.exp(-xp.abs(z)) / ((1 + xp.exp(-xp.abs(z))) ** 2)


def _label_smoothing_kinks() -> tuple[float, ...]:
    return ()


def _quadratic_value(xp: Any, z: Any) -> Any:
    return z**2


def _quadratic_slope(xp: Any, z: Any) -> Any:
    return 2 * z


def _quadratic_curvature(xp: Any, z: Any) -> Any:
    return xp.full_like(z, 2)


def _quadratic_kinks() -> tuple[float, ...]:
    return ()


def _quadratic_inverse_slope(xp: Any, s: Any) -> Any:
    return s / 2


def _absolute_value(xp: Any, z: Any) -> Any:
    return xp.abs(z)


def _absolute_slope(xp: Any, z: Any) -> Any:
    return xp.sign(z)


def _absolute_curvature(xp: Any, z: Any) -> Any:
    return xp.full_like(z, 0)


def _absolute_kinks() -> tuple[float, ...]:
    return (0,)


def _absolute_inverse_slope(xp: Any, s: Any) -> Any:
    return xp.full_like(s, 0)


def _huber_value(xp: Any, z: Any, delta: float) -> Any:
    return xp.where(delta >= xp.abs(z), (z**2) / 2, -(delta**2) / 2 + delta * xp.abs(z))


def _huber_slope(xp: Any, z: Any, delta: float) -> Any:
    return xp.where(delta >= xp.abs(z), z, delta * xp.sign(z))


def _huber_curvature(xp: Any, z: Any, delta: float) -> Any:
    return xp.where(delta >= xp.abs(z), xp.full_like(z, 1), xp.full_like(z, 0))


def _huber_kinks(delta: float) -> tuple[float, ...]:
    return ()


def _huber_inverse_slope(xp: Any, s: Any, delta: float) -> Any:
    return s


def _pseudo_huber_value(xp: Any, z: Any, delta: float) -> Any:
    return z * (z / (xp.hypot(xp.full_like(z, 1), z / delta) + 1))


def _pseudo_huber_slope(xp: Any, z: Any, delta: float) -> Any:
    return z / xp.hypot(xp.full_like(z, 1), z / delta)


def _pseudo_huber_curvature(xp: Any, z: Any, delta: float) -> Any:
    return 1 / (xp.hypot(xp.full_like(z, 1), z / delta) ** 3)


def _pseudo_huber_kinks(delta: float) -> tuple[float, ...]:
    return ()


def _pseudo_huber_inverse_slope(xp: Any, s: Any, delta: float) -> Any:
    return s / xp.sqrt(1 - (s**2) / (delta**2))


def _log_cosh_value(xp: Any, z: Any) -> Any:
    return xp.where(
        xp.abs(z) <= 1,
        xp.log1p(2 * (xp.sinh(z / 2) ** 2)),
        xp.abs(z) + xp.log1p(xp.expm1(-2 * xp.abs(z)) / 2),
    )


def _log_cosh_slope(xp: Any, z: Any) -> Any:
    return xp.tanh(z)


def _log_cosh_curvature(xp: Any, z: Any) -> Any:
    return 4 * xp.exp(-2 * xp.abs(z)) / ((1 + xp.exp(-2 * xp.abs(z))) ** 2)


def _log_cosh_kinks() -> tuple[float, ...]:
    return ()


def _log_cosh_inverse_slope(xp: Any, s: Any) -> Any:
    return xp.atanh(s)


def _cosh_value(xp: Any, z: Any) -> Any:
    return xp.cosh(z)


def _cosh_slope(xp: Any, z: Any) -> Any:
    return xp.sinh(z)


def _cosh_curvature(xp: Any, z: Any) -> Any:
    return xp.cosh(z)


def _cosh_kinks() -> tuple[float, ...]:
    return ()


def _cosh_inverse_slope(xp: Any, s: Any) -> Any:
    return xp.asinh(s)


def _power_value(xp: Any, z: Any, p: float) -> Any:
    return xp.abs(z) ** p


def _power_slope(xp: Any, z: Any, p: float) -> Any:
    return p * (xp.abs(z) ** (p - 1)) * xp.sign(z)


def _power_curvature(xp: Any, z: Any, p: float) -> Any:
    return p * (p - 1) * (xp.abs(z) ** (p - 2))


def _power_kinks(p: float) -> tuple[float, ...]:
    return ()


def _power_inverse_slope(xp: Any, s: Any, p: float) -> Any:
    return (s / p) ** (1 / (p - 1))


def _elastic_value(xp: Any, z: Any) -> Any:
    return z**2 + xp.abs(z)


def _elastic_slope(xp: Any, z: Any) -> Any:
    return 2 * z + xp.sign(z)


def _elastic_curvature(xp: Any, z: Any) -> Any:
    return xp.full_like(z, 2)


def _elastic_kinks() -> tuple[float, ...]:
    return (0,)


def _elastic_inverse_slope(xp: Any, s: Any) -> Any:
    return xp.where(s > 1, s / 2 - 1 / 2, xp.full_like(s, 0))


def _entropy_value(xp: Any, z: Any) -> Any:
    return -xp.log1p(xp.exp(-xp.abs(z))) - xp.exp(-xp.abs(z)) * xp.abs(z) / (1 + xp.exp(-xp.abs(z)))


def _entropy_slope(xp: Any, z: Any) -> Any:
    return z * xp.exp(-xp.abs(z)) / ((1 + xp.exp(-xp.abs(z))) ** 2)


def _entropy_curvature(xp: Any, z: Any) -> Any:
    return (-z * xp.tanh(z / 2) + 1) * xp.exp(-xp.abs(z)) / ((1 + xp.exp(-xp.abs(z))) ** 2)


def _entropy_kinks() -> tuple[float, ...]:
    return ()


def _box_value(xp: Any, z: Any, b: float) -> Any:
    return xp.where(b >= xp.abs(z), xp.full_like(z, 0), xp.full_like(z, math.inf))


def _box_slope(xp: Any, z: Any, b: float) -> Any:
    return xp.full_like(z, 0)


def _box_curvature(xp: Any, z: Any, b: float) -> Any:
    return xp.full_like(z, 0)


def _box_kinks(b: float) -> tuple[float, ...]:
    return (
        -b,
        b,
    )


def _box_inverse_slope(xp: Any, s: Any, b: float) -> Any:
    return xp.full_like(s, b)


CATALOGUE: dict[str, Entry] = {
    "label-smoothing": Entry(
        _label_smoothing_value,
        _label_smoothing_slope,
        _label_smoothing_curvature,
        _label_smoothing_kinks,
        {},
        None,
        None,
    ),
    "quadratic": Entry(
        _quadratic_value,
        _quadratic_slope,
        _quadratic_curvature,
        _quadratic_kinks,
        {},
        None,
        _quadratic_inverse_slope,
    ),
    "absolute": Entry(
        _absolute_value,
        _absolute_slope,
        _absolute_curvature,
        _absolute_kinks,
        {},
        None,
        _absolute_inverse_slope,
    ),
    "huber": Entry(
        _huber_value,
        _huber_slope,
        _huber_curvature,
        _huber_kinks,
        {"delta": 1.0},
        None,
        _huber_inverse_slope,
    ),
    "pseudo-huber": Entry(
        _pseudo_huber_value,
        _pseudo_huber_slope,
        _pseudo_huber_curvature,
        _pseudo_huber_kinks,
        {"delta": 1.0},
        None,
        _pseudo_huber_inverse_slope,
    ),
    "log-cosh": Entry(
        _log_cosh_value,
        _log_cosh_slope,
        _log_cosh_curvature,
        _log_cosh_kinks,
        {},
        None,
        _log_cosh_inverse_slope,
    ),
    "cosh": Entry(
        _cosh_value, _cosh_slope, _cosh_curvature, _cosh_kinks, {}, None, _cosh_inverse_slope
    ),
    "power": Entry(
        _power_value,
        _power_slope,
        _power_curvature,
        _power_kinks,
        {"p": 3.0},
        None,
        _power_inverse_slope,
    ),
    "elastic": Entry(
        _elastic_value,
        _elastic_slope,
        _elastic_curvature,
        _elastic_kinks,
        {},
        None,
        _elastic_inverse_slope,
    ),
    "entropy": Entry(
        _entropy_value,
        _entropy_slope,
        _entropy_curvature,
        _entropy_kinks,
        {},
        -1.8886033950807366,
        None,
    ),
    "box": Entry(
        _box_value, _box_slope, _box_curvature, _box_kinks, {"b": 1.0}, None, _box_inverse_slope
    ),
}

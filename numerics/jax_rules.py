"""Rules of differentiation for JAX; imported when an array of JAX is met."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

__all__ = ["implicit_function", "with_derivatives"]

ArrayFunction = Callable[[Any], Any]


def implicit_function(solve: ArrayFunction, rate: Callable[[Any, Any], Any]) -> ArrayFunction:
    """solve(a), with the derivative rate(a, solve(a)).

    Inside ``solve`` there is float64, whether or not jax_enable_x64 is set.
    """

    @jax.custom_jvp
    def root(a: Any) -> Any:
        a = jax.numpy.asarray(a)
        with jax.enable_x64(True):
            return solve(a)

    root.defjvps(lambda tangent, value, a: rate(a, value) * tangent)
    return root


def with_derivatives(function: ArrayFunction, *derivatives: ArrayFunction) -> ArrayFunction:
    """The function with its derivative, that with the next, and so on; the last is JAX's own."""
    if not derivatives:
        return function
    slope = with_derivatives(*derivatives)
    known = jax.custom_jvp(function)
    known.defjvps(lambda tangent, value, z: slope(z) * tangent)
    return known

"""Errors of floating-point numbers in units of the last place."""

from __future__ import annotations

import math

import mpmath
from mpmath import mpf

SMALLEST_NORMAL = 2.0**-1022


def error_in_ulp(computed: float, exact: mpf, scale: mpf) -> float:
    """In units of the last place of the scale; what is below 2^-1022 may be flushed to zero."""
    if not (math.isfinite(computed) and math.isfinite(float(exact))):
        return 0.0 if computed == float(exact) else math.inf
    with mpmath.workdps(40):
        error = max(abs(mpf(computed) - exact) - SMALLEST_NORMAL, mpf(0))
        return float(error / mpf(math.ulp(float(scale))))

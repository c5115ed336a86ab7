"""The r-Lambert function on arrays, against 40-digit roots."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from logitreg.numerics.special import r_lambert

ARGUMENTS = np.concatenate([[0.0], np.geomspace(1e-300, 1e307, 60), np.linspace(0.1, 30, 40)])


def by_bisection(r: float, y: float) -> mpmath.mpf:
    """The root of w (e^w + r) = y; it lies below y/(1 + r) and below log(1 + y)."""
    low, high = mpmath.mpf(0), min(mpmath.mpf(y) / (1 + mpmath.mpf(r)), mpmath.log1p(y))
    for _ in range(70):
        middle = (low + high) / 2
        if middle * (mpmath.exp(middle) + r) < y:
            low = middle
        else:
            high = middle
    return (low + high) / 2


@pytest.mark.parametrize("r", [0.0, 1e-6, 1.0, float(np.exp(0.5)), 9.0, 1e6])
@pytest.mark.filterwarnings("error")
def test_solves_its_equation_over_the_whole_range(r: float) -> None:
    found = r_lambert(np.asarray(r), ARGUMENTS)
    assert found[0] == 0
    with mpmath.workdps(40):
        for y, w in zip(ARGUMENTS[1:], found[1:], strict=True):
            exact = by_bisection(r, float(y))
            assert abs(w - exact) <= 4 * np.spacing(float(exact))


def test_outside_its_domain_it_is_nan() -> None:
    assert np.all(np.isnan(r_lambert(np.asarray([1.0, -3.0]), np.asarray([-0.5, 1.0]))))

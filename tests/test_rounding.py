"""Products with proven error bounds, and rigorous ranges."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st
from logitreg.errors import DataError
from logitreg.numerics.enclosures import mean_curvature_range
from logitreg.numerics.projection import angle, inner_below
from logitreg.numerics.rounding import (
    Enclosed,
    exact_scaling,
    matrix_product,
    norm_above,
    product,
)

wild = st.floats(-1e100, 1e100, allow_subnormal=False)


def exact_product(a: np.ndarray, b: np.ndarray) -> list[list[Fraction]]:
    return [
        [
            sum((Fraction(x) * Fraction(y) for x, y in zip(row, col, strict=True)), Fraction(0))
            for col in b.T.tolist()
        ]
        for row in a.tolist()
    ]


@given(st.lists(wild, min_size=12, max_size=12), st.lists(wild, min_size=4, max_size=4))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_products_contain_the_exact_one(entries: list[float], vector: list[float]) -> None:
    a, b = np.array(entries).reshape(3, 4), np.array(vector).reshape(4, 1)
    exact = exact_product(a, b)
    for enclosed in (product(a, b), matrix_product(a, b)):
        for i in range(3):
            error = abs(Fraction(float(enclosed.mid[i, 0])) - exact[i][0])
            assert error <= Fraction(float(enclosed.radius[i, 0]))


def test_radius_is_small_enough_to_be_of_use() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((50, 200)), rng.standard_normal((200, 1))
    assert np.max(matrix_product(a, b).radius) < 1e-11
    assert np.max(product(a, b).radius) < 1e-11


@given(st.lists(wild, min_size=1, max_size=40))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_norm_is_an_upper_bound(entries: list[float]) -> None:
    bound = Fraction(norm_above(np.array(entries)))
    assert sum(Fraction(x) ** 2 for x in entries) <= bound**2


@given(st.lists(st.tuples(wild, wild), min_size=1, max_size=20))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_inner_product_is_a_lower_bound(pairs: list[tuple[float, float]]) -> None:
    a, b = np.array(pairs).T[:, :, None]
    exact = sum(Fraction(x) * Fraction(y) for x, y in pairs)
    assert Fraction(inner_below(a, 0.0, Enclosed(b, 0 * b))) <= exact


def test_scaling_that_would_round_is_refused() -> None:
    with pytest.raises(DataError, match="orders of magnitude"):
        exact_scaling(np.array([1.0, 1e-300]), np.array(-100), "features")


@pytest.mark.parametrize("tiny", [0.0, 1e-300, 1e-12, 1e-5, 0.5, 1.0])
def test_angles_keep_their_digits_when_small(tiny: float) -> None:
    value, error = angle(np.array([3.0, 0.0]), np.array([math.cos(tiny), math.sin(tiny)]))
    assert abs(value - tiny) <= error
    assert value == pytest.approx(tiny, rel=1e-12, abs=1e-290)


def test_range_of_the_mean_curvature_is_sharp_and_contains_it() -> None:
    # g = sin: w(z) = (sin z - sin a)/(z - a), with interior extremes on [-8, 8].
    anchor = 0.5
    calls = []

    def slope(x: arb) -> arb:
        calls.append(x)
        return x.sin()

    low, high = mean_curvature_range(slope, lambda x: x.cos(), anchor, -8.0, 8.0)
    assert len(calls) < 5000
    z = np.linspace(-8, 8, 200_001)
    z = z[np.abs(z - anchor) > 1e-6]
    w = (np.sin(z) - np.sin(anchor)) / (z - anchor)
    assert low <= np.min(w) <= low + 1e-6
    assert high - 1e-6 <= np.max(w) <= high + 1e-12


def test_range_across_a_kink_includes_both_sides_of_the_jump() -> None:
    # g = sign(x) + x, anchored at 1: w jumps from 1 + 2/(1 - z) to 1 as z crosses zero.
    low, high = mean_curvature_range(
        lambda x: x.sgn() + x, lambda x: arb(1), 1.0, -1.0, 0.5, kinks=(0.0,)
    )
    assert 1 - 1e-6 < low <= 1
    assert 3 <= high < 3.0001


def test_infinite_curvature_gives_an_infinite_range() -> None:
    low, high = mean_curvature_range(lambda x: arb("nan"), lambda x: arb("nan"), 1.0, 0.0, 2.0)
    assert (low, high) == (-math.inf, math.inf)


@pytest.mark.parametrize("scale", [1e-200, 1e-30, 1.0, 1e30])
def test_ranges_of_curvatures_of_any_size_are_sharp(scale: float) -> None:
    """The mean of 3 x^2 from 1 to z in [0, 2] is z^2 + z + 1."""
    low, high = mean_curvature_range(
        lambda x: scale * x**3, lambda x: 3 * scale * x**2, 1.0, 0.0, 2.0
    )
    assert 0.99999 * scale < low <= scale
    assert 7 * scale <= high < 7.00001 * scale

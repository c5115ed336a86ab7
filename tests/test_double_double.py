"""Double-double arithmetic against rationals: exact sums and products, 2^-100 for the rest."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from logitreg.numerics.doubledouble import (
    Pair,
    add,
    divide,
    multiply,
    negate,
    square_root,
    two_prod,
    two_sum,
)

Refutes = Callable[..., None]

LIMIT = Fraction(1, 2**100)

numbers = st.floats(2.0**-200, 2.0**200)
signed = st.builds(math.copysign, numbers, st.sampled_from([-1.0, 1.0]))
# Positive, and with a low part of up to half an ulp of the high one.
pairs = st.builds(
    lambda high, share: two_sum(high, share * high * 2.0**-53), numbers, st.floats(-1, 1)
)


def exact(x: Pair) -> Fraction:
    return Fraction(x.high) + Fraction(x.low)


def check_close(x: Pair, value: Fraction) -> None:
    """A high part that is the number to nearly an ulp, and together 2^-100."""
    assert abs(x.low) <= math.ulp(x.high)
    assert abs(exact(x) - value) <= LIMIT * abs(value)


def check_sum(transformation: Callable[[float, float], Pair], a: float, b: float) -> None:
    found = transformation(a, b)
    assert found.high == a + b
    assert exact(found) == Fraction(a) + Fraction(b)


def check_product(transformation: Callable[[float, float], Pair], a: float, b: float) -> None:
    found = transformation(a, b)
    assert found.high == a * b
    assert exact(found) == Fraction(a) * Fraction(b)


@given(signed, signed)
def test_sums_are_exact(a: float, b: float) -> None:
    check_sum(two_sum, a, b)


@given(signed, signed)
def test_products_are_exact(a: float, b: float) -> None:
    check_product(two_prod, a, b)


@given(pairs, pairs)
def test_arithmetic_has_a_hundred_bits(x: Pair, y: Pair) -> None:
    check_close(add(x, y), exact(x) + exact(y))
    check_close(multiply(x, y), exact(x) * exact(y))
    check_close(divide(x, y), exact(x) / exact(y))
    assert exact(negate(x)) == -exact(x)


@given(pairs)
def test_square_roots_have_a_hundred_bits(x: Pair) -> None:
    root = square_root(x, math.sqrt(x.high))
    assert abs(exact(root) ** 2 - exact(x)) <= 2 * LIMIT * exact(x)
    assert abs(root.low) <= math.ulp(root.high)


def test_transformations_of_numbers_in_order_of_size_only_are_refuted(refutes: Refutes) -> None:
    """Dekker's sum needs the first number to be the larger one."""

    def quick(a: float, b: float) -> Pair:
        total = a + b
        return Pair(total, b - (total - a))

    refutes(lambda a, b: check_sum(quick, a, b), signed, signed, within=10)


@pytest.mark.parametrize("broken", ["the low parts dropped", "float64"])
def test_less_precise_arithmetic_is_refuted(broken: str, refutes: Refutes) -> None:
    def check(x: Pair, y: Pair) -> None:
        if broken == "float64":
            check_close(Pair(x.high * y.high, 0.0), exact(x) * exact(y))
        else:
            check_close(two_prod(x.high, y.high), exact(x) * exact(y))

    refutes(check, pairs, pairs, within=5)

"""Dropout of the features of a linear model, against all masks."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import mpmath
import pytest
from logitreg.theory.dropout import (
    contribution,
    dropout_derivation,
    error,
    expected_square,
    keep,
    prediction_derivation,
    variance,
)
from sympy import Rational

X = [[Fraction(3, 2), Fraction(-1), Fraction(2)], [Fraction(0), Fraction(5, 3), Fraction(1)]]
Y = [Fraction(1), Fraction(-2)]
W = [Fraction(1, 2), Fraction(-2), Fraction(3, 4)]
KEEP = [Fraction(1, 5), Fraction(1, 2), Fraction(9, 10)]


def _masks(p: Fraction, size: int):
    for mask in product((0, 1), repeat=size):
        yield mask, p ** sum(mask) * (1 - p) ** (size - sum(mask))


def _expected_loss(p: Fraction, scale: Fraction) -> Fraction:
    """Over one mask for each sample; samples may share it, the expectation does not see that."""
    return sum(
        chance * (y - scale * sum(r * x * w for r, x, w in zip(mask, row, W, strict=True))) ** 2
        for row, y in zip(X, Y, strict=True)
        for mask, chance in _masks(p, 3)
    )


def _closed(p: Fraction, mean: Fraction, ridge: Fraction) -> Fraction:
    fit = sum(
        (y - mean * sum(x * w for x, w in zip(row, W, strict=True))) ** 2
        for row, y in zip(X, Y, strict=True)
    )
    return fit + ridge * sum(w**2 * sum(row[j] ** 2 for row in X) for j, w in enumerate(W))


@pytest.mark.parametrize("p", KEEP)
def test_the_expected_loss_over_all_masks_is_the_closed_form(p: Fraction) -> None:
    assert _expected_loss(p, Fraction(1)) == _closed(p, p, p * (1 - p))
    assert _expected_loss(p, 1 / p) == _closed(p, Fraction(1), (1 - p) / p)


@pytest.mark.parametrize("p", KEEP)
def test_features_added_one_at_a_time_give_the_expected_loss(p: Fraction) -> None:
    chance = Rational(p.numerator, p.denominator)
    total = Rational(0)
    for row, y in zip(X, Y, strict=True):
        mean, spread = Rational(y.numerator, y.denominator), Rational(0)
        for x, w in zip(row, W, strict=True):
            a = Rational((x * w).numerator, (x * w).denominator)
            at = {keep: chance, contribution: a, error: mean, variance: spread}
            after = expected_square().subs(at)
            mean = mean - chance * a
            spread = after - mean**2
        total += mean**2 + spread
    expected = _expected_loss(p, Fraction(1))
    assert total == Rational(expected.numerator, expected.denominator)


@pytest.mark.parametrize("p", KEEP)
def test_the_scaled_logistic_prediction_is_the_normalised_geometric_mean_alone(p: Fraction) -> None:
    with mpmath.workdps(50):
        chances, logits = [], []
        for mask, chance in _masks(p, 3):
            chances.append(mpmath.mpf(chance.numerator) / chance.denominator)
            z = sum(r * x * w for r, x, w in zip(mask, X[0], W, strict=True))
            logits.append(mpmath.mpf(z.numerator) / z.denominator)
        full = p * sum(x * w for x, w in zip(X[0], W, strict=True))
        scaled = 1 / (1 + mpmath.exp(-mpmath.mpf(full.numerator) / full.denominator))
        pairs = list(zip(chances, logits, strict=True))
        one = mpmath.fprod((1 / (1 + mpmath.exp(-z))) ** c for c, z in pairs)
        other = mpmath.fprod((1 / (1 + mpmath.exp(z))) ** c for c, z in pairs)
        arithmetic = mpmath.fsum(c / (1 + mpmath.exp(-z)) for c, z in pairs)
        assert abs(one / (one + other) - scaled) < mpmath.mpf(10) ** -45
        assert abs(arithmetic - scaled) > mpmath.mpf("1e-3")
        assert abs(one - scaled) > mpmath.mpf("1e-3")


def test_the_derivations_have_no_gap() -> None:
    assert dropout_derivation().unproved() == ()
    assert prediction_derivation().unproved() == ()

"""Calibration: derivations, binned errors by hand, Gaussian logits by mpmath and by simulation."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import numpy as np
import pytest
from logitreg.errors import DataError, NonFiniteError, ShapeError
from logitreg.numerics.calibration import (
    calibration_error,
    gaussian_calibration_error,
    reliability,
)
from logitreg.theory import calibration as theory
from logitreg.theory.derivations import Derivation
from logitreg.theory.identities import is_identically_zero
from logitreg.theory.symbols import z
from mpmath import mp
from scipy.special import expit
from scipy.stats import norm

DERIVATIONS = (
    theory.posterior_derivation(),
    theory.gap_derivation(),
    theory.perfect_derivation(),
)


@pytest.mark.parametrize("derivation", DERIVATIONS, ids=lambda d: d.title)
def test_every_step_follows(derivation: Derivation) -> None:
    assert derivation.unproved() == ()


def test_wrong_posteriors_and_gaps_are_not_proved() -> None:
    start, *_ = theory.posterior_derivation()
    for factor in (2, -1):
        wrong = theory.posterior().subs(theory.mean, factor * theory.mean)
        assert is_identically_zero(start.expression - wrong) is not True
    start, *_ = theory.gap_derivation()
    wrong = theory.calibration_gap().subs(theory.sharpness, -theory.sharpness)
    assert is_identically_zero(start.expression - wrong) is not True


def exact_error(mean: float, deviation: float) -> mpmath.mpf:
    """E |sigma(z) - P(+1 | z)| at 30 digits, the posterior by Bayes' rule."""
    with mp.workdps(30):
        m, s = mp.mpf(mean), mp.mpf(deviation)

        def integrand(t: mpmath.mpf) -> mpmath.mpf:
            x = m + s * t
            there = mp.exp(-2 * m * x / s**2)
            return abs(1 / (1 + mp.exp(-x)) - 1 / (1 + there)) * mp.exp(-t * t / 2)

        # Nodes at zero, where the modulus has its kink, and across both scales.
        kink = -m / s
        scales = [1 / s, *([s / abs(2 * m)] if m else [])]
        nodes = {*range(-30, 31, 3), -s, kink}
        nodes |= {kink + sign * f * c for c in scales for sign in (1, -1) for f in (0.3, 1, 3, 9)}
        inside = sorted(t for t in nodes if -30 <= t <= 30)
        return mp.quad(integrand, inside) / mp.sqrt(2 * mp.pi)


@pytest.mark.parametrize(
    "moments",
    [
        (0.5, 1.1),
        (2.0, 0.05),
        (1.0, 1.0),
        (-1.0, 2.0),
        (0.0, 1.0),
        (0.0, 1e-3),
        (3.0, 50.0),
        (0.1, 300.0),
        (30.0, 2.0),
        (8.0, 4 + 1e-13),
        (1e-3, 1e-3),
        (1e-6, 2.0),
        (-40.0, 5.0),
    ],
)
def test_the_error_of_gaussian_logits_is_the_expectation(moments: tuple[float, float]) -> None:
    expected = exact_error(*moments)
    assert abs(gaussian_calibration_error(*moments) / expected - 1) < 1e-12


def test_clustered_logits_have_the_error_of_their_mean() -> None:
    for mean in (1.0, -3.0, 20.0):
        assert gaussian_calibration_error(mean, 1e-30) == pytest.approx(expit(-mean), rel=1e-13)


@pytest.mark.parametrize("deviation", [1e5, 1e6, 1e9])
def test_widely_spread_logits_of_mean_zero_have_the_error_of_a_coin(deviation: float) -> None:
    """All but the share near zero predict 0 or 1: 1/2 - log(2) sqrt(2/pi)/s + O(1/s^3)."""
    expected = 0.5 - math.log(2) * math.sqrt(2 / math.pi) / deviation
    assert gaussian_calibration_error(0.0, deviation) == pytest.approx(expected, rel=1e-13)


def test_the_error_is_confidence_less_accuracy() -> None:
    for m, s in ((1.0, 1.0), (3.0, 1.0), (1.0, 4.0)):
        t = np.linspace(-12, 12, 20_001)
        density = norm.pdf(t)
        confidence = np.sum(expit(np.abs(m + s * t)) * density) / np.sum(density)
        expected = abs(confidence - norm.cdf(m / s))
        assert gaussian_calibration_error(m, s) == pytest.approx(expected, rel=1e-6)


def test_logits_are_calibrated_iff_the_variance_is_twice_the_mean() -> None:
    for m, s in ((0.5, 1.0), (2.0, 2.0), (8.0, 4.0), (200.0, 20.0)):
        assert gaussian_calibration_error(m, s) == 0
        assert gaussian_calibration_error(m, np.nextafter(s, 9e9)) > 0
        assert gaussian_calibration_error(m, np.nextafter(s, 0)) > 0


def simulated(m: float, s: float, size: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(7)
    y = rng.integers(0, 2, size)
    return expit((2 * y - 1) * (m + s * rng.standard_normal(size))), y


@pytest.mark.parametrize("equal_mass", [False, True])
@pytest.mark.parametrize("moments", [(1.0, 1.0), (1.0, 2.5), (-0.5, 1.0)])
def test_binned_errors_of_simulated_logits_approach_the_expectation(
    moments: tuple[float, float], equal_mass: bool
) -> None:
    p, y = simulated(*moments, 200_000)
    found = calibration_error(p, y, bins=30, equal_mass=equal_mass)
    # Accuracies of 30 bins with 200 000 samples: noise of order sqrt(30/200 000)/2 = 0.006.
    assert found == pytest.approx(gaussian_calibration_error(*moments), abs=0.006)
    assert abs(calibration_error(p, 1 - y, bins=30) - found) > 0.05


def test_the_bias_of_calibrated_predictions_falls_with_the_samples() -> None:
    few, many = (calibration_error(*simulated(2.0, 2.0, n), bins=20) for n in (2000, 200_000))
    assert 0.005 < few < 2 * np.sqrt(20 / 2000)
    assert many < few / 4


def test_bins_of_equal_width_by_hand() -> None:
    p = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.3, 0.4, 0.3], [0.2, 0.2, 0.6], [0, 1, 0]])
    found = reliability(p, [0, 2, 1, 2, 1], bins=5)
    # (0.2, 0.4]: 0.4, right; (0.4, 0.6]: 0.6 twice, one right; (0.6, 0.8]: 0.7, right; 1, right.
    np.testing.assert_allclose(found.confidence, [0.4, 0.6, 0.7, 1.0], rtol=1e-15)
    np.testing.assert_array_equal(found.accuracy, [1, 0.5, 1, 1])
    np.testing.assert_array_equal(found.samples, [1, 2, 1, 1])
    assert found.error == pytest.approx((0.6 + 2 * 0.1 + 0.3 + 0) / 5, rel=1e-14)
    assert calibration_error(p, [0, 2, 1, 2, 1], bins=5) == found.error


def test_bins_of_equal_mass_by_hand() -> None:
    p = [0.9, 0.6, 0.8, 0.3, 0.95]
    found = reliability(p, [1, 1, 0, 1, 1], bins=2, equal_mass=True)
    # Confidences 0.6, 0.7 (wrong), 0.8 (wrong); 0.9, 0.95.
    np.testing.assert_allclose(found.confidence, [0.7, 0.925], rtol=1e-15)
    np.testing.assert_allclose(found.accuracy, [1 / 3, 1], rtol=1e-15)
    assert found.error == pytest.approx((3 * (0.7 - 1 / 3) + 2 * 0.075) / 5, rel=1e-14)
    assert len(reliability(p, [1, 1, 0, 1, 1], bins=9, equal_mass=True).samples) == 5


def test_two_columns_and_one_probability_agree() -> None:
    p, y = simulated(1.0, 1.0, 500)
    both = np.stack([1 - p, p], axis=1)
    assert calibration_error(p, y) == calibration_error(both, y)
    assert calibration_error(p, 2 * y - 1) == calibration_error(p, y == 1)


def test_tensors_are_taken() -> None:
    torch = pytest.importorskip("torch")
    p, y = simulated(1.0, 1.0, 50)
    found = calibration_error(torch.asarray(p).requires_grad_(), torch.asarray(y))
    assert found == calibration_error(p, y)


@pytest.mark.parametrize(
    ("error", "p", "y"),
    [
        (ShapeError, [0.5, 0.5], [1]),
        (ShapeError, [], []),
        (DataError, [[0.5, 0.6]], [1]),
        (DataError, [1.5], [1]),
        (DataError, [[0.5, 0.5]], [2]),
        (DataError, [[0.5, 0.5]], ["a"]),
        (NonFiniteError, [np.nan], [1]),
    ],
)
def test_errors_of_predictions_say_what_was_expected(
    error: type[Exception], p: list[Any], y: list[Any]
) -> None:
    with pytest.raises(error, match="expected"):
        calibration_error(p, y)


@pytest.mark.parametrize("moments", [(0.0, 0.0), (np.nan, 1.0), (np.inf, 1.0), (0.0, -1.0)])
def test_moments_out_of_range_are_refused(moments: tuple[float, float]) -> None:
    with pytest.raises(DataError, match="expected"):
        gaussian_calibration_error(*moments)


def test_the_gap_of_the_theory_is_the_difference() -> None:
    at = {z: 1.3, theory.sharpness: -0.4}
    expected = expit(1.3) - expit(-0.4 * 1.3)
    assert float(theory.calibration_gap().subs(at)) == pytest.approx(expected, rel=1e-14)

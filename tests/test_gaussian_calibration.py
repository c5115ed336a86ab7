"""The calibration error of Gaussian logits in the limit: by integrals, simulation and its claim."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from logitreg.numerics.calibration import gaussian_calibration_error
from logitreg.numerics.gaussian_calibration import calibration_error_of_gaussian_logits
from logitreg.numerics.high_dimension import asymptotics
from mpmath import mp
from numpy.testing import assert_allclose
from scipy.special import expit


def exact_error(mean: float, deviation: float) -> mpmath.mpf:
    """E |sigma(z) - P(y = 1 | z)| at 30 digits, the posterior by Bayes' rule."""
    with mp.workdps(30):
        m, s = mp.mpf(mean), mp.mpf(deviation)

        def integrand(t: mpmath.mpf) -> mpmath.mpf:
            z = m + s * t
            gap = 1 / (1 + mp.exp(-z)) - 1 / (1 + mp.exp(-2 * m * z / s**2))
            return abs(gap) * mp.npdf(t)

        kink = -m / s
        return mp.quad(integrand, sorted({*range(-16, 17, 2), kink, kink - 1 / s, kink + 1 / s}))


@pytest.mark.parametrize("setting", [{}, {"alpha": 0.001}, {"alpha": 0.9}, {"aspect_ratio": 2.0}])
def test_the_calibration_error_is_the_expectation(setting: dict[str, float]) -> None:
    found = asymptotics(**{"aspect_ratio": 0.4, "alpha": 0.2, "signal_noise": 0.7} | setting)
    expected = exact_error(found.logit_mean, found.logit_deviation)
    assert abs(found.calibration_error - expected) < 1e-14
    wrong = exact_error(found.logit_mean, 1.01 * found.logit_deviation)
    assert abs(found.calibration_error - wrong) > 1e-5


def test_calibration_errors_on_nodes_are_those_of_adaptive_quadrature() -> None:
    means = np.array([-60.0, -5.0, -0.5, -1e-3, 0.0, 1e-9, 1e-3, 0.5, 1.0, 5.0, 60.0])
    deviations = np.array([1e-8, 1e-3, 0.3, 1.0, 2.01, 10.0, 300.0, 1e4])
    m, s = (grid.ravel() for grid in np.meshgrid(means, deviations))
    expected = [gaussian_calibration_error(*pair) for pair in zip(m, s, strict=True)]
    found = calibration_error_of_gaussian_logits(np, m, s)
    assert_allclose(found, expected, rtol=0, atol=1e-14)


def test_the_calibration_error_is_that_of_simulated_predictions() -> None:
    found = asymptotics(0.4, signal_noise=0.7, alpha=0.02)
    rng = np.random.default_rng(3)
    logits = found.logit_mean + found.logit_deviation * rng.standard_normal(10**6)
    gaps = expit(np.abs(logits)) - (logits > 0)
    assert abs(abs(gaps.mean()) - found.calibration_error) < 4 * gaps.std() / 1000
    assert found.calibration_error > 0.01


def test_certain_and_zero_logits_have_the_calibration_error_of_their_accuracy() -> None:
    separable = asymptotics(0.8, alpha=0.0)
    assert separable.calibration_error == 1 - separable.accuracy
    assert asymptotics(1.0, alpha=0.3).calibration_error == 0.5
    assert asymptotics(0.4, penalty="absolute", alpha=0.9).calibration_error == 0
    collapsed = asymptotics(0.4, signal_noise=0.0, alpha=0.3)
    assert_allclose(collapsed.calibration_error, expit(-collapsed.logit_mean))

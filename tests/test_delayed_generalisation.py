"""When gradient descent generalises: the spectrum seen from the signal, and the time it gives."""

from __future__ import annotations

from typing import Any

import logitreg as lr
import numpy as np
import pytest
from logitreg.errors import DataError
from logitreg.numerics.delayed_generalisation import generalisation_time, signal_spectrum
from logitreg.numerics.training import train
from logitreg.proofs_checks.grokking_time import grokking_time
from logitreg.theory.final_approach import outlier
from logitreg.theory.high_dimension import aspect_ratio
from logitreg.theory.signal_noise import mu_f, sigma_n
from scipy.special import ndtr

# A strong signal, a weak one with an eigenvalue below the bulk, and one above.
SETTINGS = [(0.7, 0.5, 1.0), (0.7, 0.2, 1.0), (0.5, 3.0, 0.7)]


def absorbed(ratio: float, signal: float, noise: float, samples: int, seed: int) -> np.ndarray:
    X, y = lr.signal_plus_noise(
        samples,
        round(ratio * samples),
        signal=signal,
        signal_noise=0.0,
        orthogonal_noise=noise,
        seed=seed,
    )
    return np.asarray(X * y[:, None])


@pytest.mark.parametrize(("ratio", "signal", "noise"), SETTINGS)
def test_moments_of_the_spectrum_are_those_of_the_matrix(
    ratio: float, signal: float, noise: float
) -> None:
    """e_1^T (X^T X/N)^k e_1 in the limit: 1, mu^2, mu^2 (mu^2 + lambda sigma^2)."""
    points, weights = signal_spectrum(ratio, signal=signal, orthogonal_noise=noise)
    moments = [float(weights @ points**k) for k in range(3)]
    square = signal**2
    expected = [1.0, square, square * (square + ratio * noise**2)]
    assert moments == pytest.approx(expected, rel=1e-9)


def test_smallest_point_is_the_outlier_of_the_theory() -> None:
    points, weights = signal_spectrum(0.7, signal=0.2)
    exact = float(outlier().subs({aspect_ratio: 0.7, mu_f: 0.2, sigma_n: 1.0}))
    assert points.min() == pytest.approx(exact, rel=1e-14)
    assert weights[points.argmin()] > 0.5


@pytest.mark.parametrize(("ratio", "signal", "noise"), SETTINGS)
def test_spectrum_damps_the_signal_as_data_does(ratio: float, signal: float, noise: float) -> None:
    """e_1^T exp(-tau X^T X/N) e_1 at the time of 90 % accuracy, or one at which much is left."""
    points, weights = signal_spectrum(ratio, signal=signal, orthogonal_noise=noise)
    tau = max(
        generalisation_time(ratio, signal=signal, orthogonal_noise=noise, accuracy=0.9),
        1 / signal**2,
    )
    left = []
    for seed in range(12):
        X = absorbed(ratio, signal, noise, 300, seed)
        values, vectors = np.linalg.eigh(X.T @ X / len(X))
        left.append(vectors[0] ** 2 @ np.exp(-tau * values))
    error = np.std(left, ddof=1) / np.sqrt(12)
    gap = abs(np.mean(left) - weights @ np.exp(-tau * points))
    assert gap < 4 * error < 0.2 * np.mean(left)


def test_strong_penalty_takes_the_time_of_a_quadratic_loss() -> None:
    """At alpha = 0.9 the logits are small: eta l''(z*) T is tau but for the size N = 300."""
    alpha, rate, signal = 0.9, 0.1, 0.5
    z = float(lr.target("quadratic", alpha))
    sigmoid = 1 / (1 + np.exp(-z))
    curvature = 2 * alpha + (1 - alpha) * sigmoid * (1 - sigmoid)
    tau = generalisation_time(0.7, signal=signal)
    times = []
    for seed in range(8):
        X = absorbed(0.7, signal, 1.0, 300, seed)
        run = train(
            X,
            alpha=alpha,
            learning_rate=rate,
            epochs=round(3 * tau / (rate * curvature)),
            record=200,
            watch={"score": lambda S: signal * S[0] / max(np.linalg.norm(S[1:]), 1e-300)},
        )
        first = int(np.argmax(ndtr(run.watched["score"][1:]) > 0.99)) + 1
        times.append(run.epochs[first] * rate * curvature)
    error = np.std(times, ddof=1) / np.sqrt(len(times))
    assert abs(np.mean(times) - tau) < 4 * error
    assert error < 0.1 * tau


def test_recorded_times_are_those_of_the_theory_for_strong_penalties() -> None:
    record = grokking_time()
    assert record.alphas[-1] == 0.6
    for row in record.settings:
        assert row.tau == pytest.approx(generalisation_time(row.aspect_ratio, signal=row.signal))
        strong, weak = row.constants[-1], row.constants[0]
        assert abs(strong.mean - 1) < 4 * strong.error < 0.2
        assert weak.mean < strong.mean - 0.05
        assert -1 < row.exponent.mean < -0.85
    assert record.exponent_in_rate.mean == pytest.approx(-1, abs=0.002)
    assert abs(record.exponent_in_tau.mean - 1) < 4 * record.exponent_in_tau.error < 0.2


def test_a_signal_that_is_clear_at_once_takes_no_time() -> None:
    assert generalisation_time(0.7, signal=1.5) == 0.0


def test_scale_of_the_data_scales_the_time() -> None:
    once = generalisation_time(0.6, signal=0.4)
    twice = generalisation_time(0.6, signal=0.8, orthogonal_noise=2.0)
    assert twice == pytest.approx(once / 4, rel=1e-9)


@pytest.mark.parametrize("ratio", [1e-12, 0.3, 0.7, 0.9999, 1 - 1e-10])
@pytest.mark.parametrize("offset", [-0.9, -1e-3, -1e-9, 0.0, 1e-6, 1e-2, 5.0])
def test_spectrum_is_resolved_where_an_eigenvalue_leaves_the_bulk_and_for_long_tails(
    ratio: float, offset: float
) -> None:
    """mu_f^2 close to sigma_n^2 (1 - sqrt(lambda)), and edges that are close to zero."""
    signal = ((1 - ratio**0.5) * (1 + offset)) ** 0.5
    points, weights = signal_spectrum(ratio, signal=signal)
    assert float(weights.sum()) == pytest.approx(1, abs=1e-10)
    assert float(weights @ points) == pytest.approx(signal**2, rel=1e-12)
    assert 0 <= generalisation_time(ratio, signal=signal) < np.inf


@pytest.mark.parametrize(
    "wrong",
    [
        {"aspect_ratio": "half"},
        {"aspect_ratio": None},
        {"aspect_ratio": np.array([0.5, 0.6])},
        {"aspect_ratio": 0.5, "signal": 1e160},
        {"aspect_ratio": 0.5, "signal": 1e-160},
        {"aspect_ratio": 0.5, "accuracy": "high"},
        {"aspect_ratio": 1.0},
        {"aspect_ratio": 0.5, "signal": 0.0},
        {"aspect_ratio": 0.5, "orthogonal_noise": np.inf},
        {"aspect_ratio": 0.5, "accuracy": 0.5},
    ],
)
def test_parameters_outside_their_domain_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="expected"):
        generalisation_time(**wrong)

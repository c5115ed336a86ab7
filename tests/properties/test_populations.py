"""Properties of random data: the rate towards Fisher's direction, and thresholds."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import logitreg as lr
import numpy as np
import pytest
from flint import fmpq, fmpq_mat
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from logitreg.numerics.fisher import fisher_direction
from logitreg.numerics.losses import sample_loss
from logitreg.proofs_checks.strategies import alphas, penalties
from scipy.stats import f as f_distribution

Array = Any
Refutes = Callable[..., None]

UNIT = 2.0**-53
few = settings(max_examples=max(1, settings().max_examples // 3))
smooth = penalties(smooth=True, names_only=True)


# Convergence to Fisher's direction of the population.


def gaussian(seed: int, samples: int, features: int, signal: float) -> Array:
    """Whitened: Fisher's direction of the population is the first axis."""
    X = np.random.default_rng(seed).standard_normal((samples, features))
    X[:, 0] += signal
    return X


def check_law(X: Array, weights: Array, displacement: float) -> None:
    """The features without signal are Gaussian and independent of the rest, so that their share of
    a regression of 1 on X has the F law with (d - 1, N - d) degrees of freedom: the angle to the
    population's direction falls as 1/sqrt(N), with known constants. Here both tails have 1e-9.

    Logits that are within ``displacement`` of the regression's change the root of the quotient by
    its share of the root of the residual.
    """
    samples, features = X.shape
    rest = X[:, 1:] - np.outer(X[:, 0], X[:, 0] @ X[:, 1:]) / (X[:, 0] @ X[:, 0])
    regression = X @ np.linalg.lstsq(X, np.ones(samples), rcond=None)[0]
    residual = np.linalg.norm(1 - regression)
    root = np.linalg.norm(rest @ weights[1:]) / residual
    scale = math.sqrt((features - 1) / (samples - features))
    low, high = (
        scale * math.sqrt(f_distribution.isf(tail, features - 1, samples - features))
        for tail in (1 - 1e-9, 1e-9)
    )
    assert low - displacement / residual <= root <= high + displacement / residual


populations = (
    st.integers(0, 2**32 - 1),
    st.sampled_from([40, 160, 640]),
    st.integers(2, 6),
    st.sampled_from([0.5, 1.0, 3.0]),
)


@given(*populations)
def test_angle_to_the_population_has_its_law(
    seed: int, samples: int, features: int, signal: float
) -> None:
    X = gaussian(seed, samples, features, signal)
    check_law(X, fisher_direction(X), 0.0)


@given(*populations, smooth, alphas(0.05, 0.9))
@few
def test_minimisers_have_the_law_up_to_the_proven_bound(
    seed: int, samples: int, features: int, signal: float, penalty: str, alpha: float
) -> None:
    X = gaussian(seed, min(samples, 160), features, signal)
    found = lr.fit(X, penalty=penalty, alpha=alpha)
    regression = X @ fisher_direction(X)
    # Scaled to the foot of the perpendicular from Fisher's logits, which is the nearest point.
    scale = (found.logits @ regression) / (found.logits @ found.logits)
    certificate = lr.alignment(X, found.weights, penalty=penalty, alpha=alpha)
    sine = min(1.0, certificate.bound, certificate.linearity_bound)
    check_law(X, scale * found.weights, sine * float(np.linalg.norm(regression)) * (1 + 1e-9))


@pytest.mark.parametrize("broken", ["the mean", "a tenth of the sample"])
def test_slower_estimates_are_refuted(broken: str, refutes: Refutes) -> None:
    def check(seed: int, samples: int, features: int, signal: float) -> None:
        X = gaussian(seed, samples, features, signal)
        if broken == "the mean":
            X[:, 1:] += X[:, :1]
            weights = X.mean(axis=0) / (X.mean(axis=0) @ X.mean(axis=0))
        else:
            weights = fisher_direction(X[: max(samples // 10, features)])
        check_law(X, weights, 0.0)

    refutes(check, *populations, within=30)


def check_rate(weights_of: Callable[[Array], Array], freedom: float) -> None:
    """16 times the samples, a quarter of the angle (median of 40 seeds)."""

    def tangents(samples: int) -> list[float]:
        found = []
        for seed in range(40):
            rng = np.random.default_rng(seed)
            radii = np.sqrt(freedom / rng.chisquare(freedom, (samples, 1)))
            X = rng.standard_normal((samples, 4)) * radii + np.array([1.0, 0.0, 0.0, 0.0])
            weights = weights_of(X)
            found.append(float(np.linalg.norm(weights[1:]) / abs(weights[0])))
        return found

    assert 2.8 < np.median(tangents(100)) / np.median(tangents(1600)) < 5.6


@pytest.mark.parametrize("freedom", [5.0, 3.0])
def test_elliptical_data_converge_at_the_same_rate(freedom: float) -> None:
    """Student-t noise."""
    check_rate(lambda X: lr.fit(X, penalty="quadratic", alpha=0.2).weights, freedom)


@pytest.mark.parametrize("broken", ["a root of the sample", "off by a fifth", "exact"])
def test_other_rates_are_refuted(broken: str) -> None:
    def weights_of(X: Array) -> Array:
        if broken == "a root of the sample":
            return fisher_direction(X[: math.isqrt(len(X))])
        found = fisher_direction(X)
        if broken == "off by a fifth":
            found[1] += found[0] / 5
        else:
            found[1:] /= len(X)
        return found

    with pytest.raises(AssertionError):
        check_rate(weights_of, 5.0)


# Thresholds.


def noiseless_signal(seed: Array, samples: int, features: int) -> Array:
    """Rows (2, whole numbers): sigma_f = 0, and full rank."""
    noise = np.resize(seed, (samples, features - 1)).astype(float)
    noise[0] = 0
    noise[1:features] = np.tril(noise[1:features], -1) + np.eye(features - 1)
    return np.hstack([np.full((samples, 1), 2.0), noise])


def check_no_weight_on_noise(
    fit: Callable[..., Any], seed: Array, features: int, extra: int, penalty: str, alpha: float
) -> None:
    """For N >= d the first feature alone meets every target, and the minimiser is unique.

    The logits are then within (|P G| + rounding)/m of the target, m the least curvature between,
    and the weights within that over the least singular value.
    """
    X = noiseless_signal(seed, features + extra, features)
    found = fit(X, penalty=penalty, alpha=alpha)
    loss, z = sample_loss(penalty, alpha), (X @ found.weights)[:, None]
    level = lr.target(penalty, alpha)
    between = np.linspace(0, 1, 33) * (z - level) + level
    least = min(float(np.min(loss.curvature(c[:, None])(np.ones((len(X), 1))))) for c in between.T)
    size = np.linalg.norm(loss.gradient(z)) + np.linalg.norm(loss.curvature(z)(z))
    bend = float(np.max(loss.curvature(z)(np.ones_like(z))))
    moved = bend * np.linalg.norm(np.abs(X) @ np.abs(found.weights)) * (features + 4) * UNIT
    reach = (1e-9 * size + 2 * moved) / least
    assert np.linalg.norm(found.weights[1:]) <= reach / np.linalg.svd(X, compute_uv=False)[-1]


below_threshold = (
    npst.arrays(np.int64, 12, elements=st.integers(-3, 3)),
    st.integers(2, 4),
    st.integers(0, 4),
    smooth,
    alphas(1e-2, 0.9),
)


@given(*below_threshold)
def test_noiseless_signal_is_found_exactly_from_as_many_samples_as_features(
    seed: Array, features: int, extra: int, penalty: str, alpha: float
) -> None:
    check_no_weight_on_noise(lr.fit, seed, features, extra, penalty, alpha)


def test_weight_decay_does_not_find_it(refutes: Refutes) -> None:
    class Ridge:
        def __init__(self, X: Array, **_options: Any) -> None:
            self.weights = np.linalg.solve(X.T @ X + np.eye(X.shape[1]), X.sum(axis=0))

    def check(seed: Array, features: int, extra: int, penalty: str, alpha: float) -> None:
        check_no_weight_on_noise(Ridge, seed, features, extra, penalty, alpha)

    refutes(check, *below_threshold, within=20)


def check_weight_on_noise(seed: Array, features: int, samples: int) -> None:
    """In exact rationals: the least-norm solution X^T (X X^T)^-1 1 has noise in it."""
    noise = np.tril(np.resize(seed, (features - 1, features - 1)), -1) + np.eye(
        features - 1, dtype=int
    )
    X = np.hstack([np.full((features - 1, 1), 2), noise])
    X = np.vstack([X, np.eye(1, features, dtype=int) * 2])[:samples]
    exact = fmpq_mat(*X.shape, [fmpq(int(x)) for x in X.ravel()])
    one = fmpq_mat(samples, 1, [fmpq(1)] * samples)
    weights = exact.transpose() * (exact * exact.transpose()).solve(one)
    assert any(weights[row, 0] != 0 for row in range(1, features))


above_threshold = npst.arrays(np.int64, 12, elements=st.integers(-3, 3)), st.integers(2, 5)


@given(*above_threshold)
def test_one_sample_fewer_than_features_puts_weight_on_noise(seed: Array, features: int) -> None:
    check_weight_on_noise(seed, features, features - 1)


def test_as_many_samples_as_features_put_none(refutes: Refutes) -> None:
    def check(seed: Array, features: int) -> None:
        check_weight_on_noise(seed, features, features)

    refutes(check, *above_threshold, within=1)


def check_collapse(
    collapsed: Callable[[float, float], bool], K: int, n: int, delta: float, c: float
) -> None:
    """Cross-entropy of W H with targets smoothed by delta, plus (l_W |W|^2 + l_H |H|^2)/2.

    Its least value over W and H is that of the convex loss of Z = W H plus sqrt(l_W l_H) times
    the nuclear norm of Z. Zero is optimal if and only if the gradient there has a spectral norm of
    at most sqrt(l_W l_H) = c/sqrt(K N), N = K n.
    """
    samples = K * n
    labels = np.repeat(np.eye(K), n, axis=1)
    gradient = (1 / K - (1 - delta) * labels - delta / K) / samples
    steepness = float(np.linalg.norm(gradient, 2))
    weight = c / math.sqrt(K * samples)
    if abs(steepness / weight - 1) > 64 * K * UNIT:
        assert collapsed(c, delta) == (steepness < weight)


def check_gap(gap: Callable[[float, int], float], K: int, n: int, delta: float, c: float) -> None:
    """Below the threshold Z = g (I - 11^T/K) (x) 1_n^T is optimal: the gradient is -weight U V^T on
    the singular vectors of Z, which are those of the labels without their mean, and no larger
    elsewhere."""
    samples = K * n
    labels = np.repeat(np.eye(K), n, axis=1)
    centred = labels - 1 / K
    z = gap(c + delta, K) * centred
    p = np.exp(z) / np.exp(z).sum(axis=0)
    gradient = (p - (1 - delta) * labels - delta / K) / samples
    weight = c / math.sqrt(K * samples)
    expected = -weight * centred / math.sqrt(n)
    # A few units of each of the terms, of size at most 1/N, and of the exponentials of size g.
    error = 16 * UNIT * (1 + float(np.max(np.abs(z)))) * K / samples
    assert np.max(np.abs(gradient - expected)) <= error


unconstrained = (
    st.integers(2, 6),
    st.integers(1, 4),
    st.integers(0, 60).map(lambda k: k / 64),
    st.floats(1e-3, 1.5),
)


@given(*unconstrained)
def test_features_collapse_to_zero_exactly_when_decay_and_smoothing_reach_one(
    K: int, n: int, delta: float, c: float
) -> None:
    check_collapse(lambda c, delta: c + delta >= 1, K, n, delta, c)
    if c + delta < 1:
        check_gap(lambda s, k: math.log(k / s - k + 1), K, n, delta, c)


@pytest.mark.parametrize("threshold", [lambda c, d: c >= 1, lambda c, d: c**2 + d >= 1])
def test_other_thresholds_are_refuted(
    threshold: Callable[[float, float], bool], refutes: Refutes
) -> None:
    def check(K: int, n: int, delta: float, c: float) -> None:
        check_collapse(threshold, K, n, delta, c)

    refutes(check, *unconstrained, within=30)


def test_another_gap_is_refuted(refutes: Refutes) -> None:
    def check(K: int, n: int, delta: float, c: float) -> None:
        if c + delta < 1:
            check_gap(lambda s, k: math.log(k / s - 1), K, n, delta, c)

    refutes(check, st.integers(3, 6), *unconstrained[1:], within=10)

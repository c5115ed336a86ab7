"""The certificate of alignment with Fisher's direction."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from logitreg.errors import (
    AlphaError,
    DataError,
    NoFiniteTargetError,
    NonFiniteError,
    RankDeficientError,
    ShapeError,
    UnsupportedPenaltyError,
)
from logitreg.numerics.alignment import AlignmentCertificate, alignment
from logitreg.numerics.curvature import multiclass_bounds
from logitreg.numerics.fit import fit
from logitreg.numerics.losses import target_levels
from logitreg.numerics.rounding import Enclosed

PENALTIES = ["quadratic", "label-smoothing", "log-cosh", "pseudo-huber", "huber", "cosh"]


def random_data(seed: int, samples: int, features: int) -> np.ndarray:
    """Multiples of 1/8, so that they are exact, with a mean along the first feature."""
    rng = np.random.default_rng(seed)
    X = np.round(8 * rng.standard_normal((samples, features))) / 8
    X[:, 0] += 1
    return X


def bound_without_gradient(certificate: AlignmentCertificate, factor: float = 1.0) -> float:
    epsilon = factor * certificate.epsilon
    return certificate.variation * epsilon / math.sqrt(1 - epsilon**2)


def assert_holds(certificate: AlignmentCertificate) -> None:
    least = max(0.0, certificate.angle - certificate.angle_error)
    assert math.sin(least) <= certificate.bound
    assert math.sin(least) <= certificate.linearity_bound
    if certificate.bound < 1:
        assert least <= math.pi / 2


@given(
    seed=st.integers(0, 10**6),
    features=st.integers(1, 4),
    extra=st.integers(0, 8),
    penalty=st.sampled_from(PENALTIES),
    alpha=st.sampled_from([0.01, 0.1, 0.5, 0.9]),
    noise=st.sampled_from([0.0, 1e-9, 1e-3, 0.3]),
)
@settings(max_examples=120, deadline=None, derandomize=True)
def test_measured_angle_stays_below_the_bound(
    seed: int, features: int, extra: int, penalty: str, alpha: float, noise: float
) -> None:
    X = random_data(seed, features + extra, features)
    try:
        weights = fit(X, penalty=penalty, alpha=alpha).weights
    except RankDeficientError:
        assume(False)
    weights = weights + noise * np.random.default_rng(seed).standard_normal(features)
    assume(np.any(X @ weights))
    assert_holds(alignment(X, weights, penalty=penalty, alpha=alpha))


@given(
    seed=st.integers(0, 10**6),
    classes=st.integers(3, 5),
    penalty=st.sampled_from(PENALTIES),
    alpha=st.sampled_from([0.1, 0.5, 0.9]),
    noise=st.sampled_from([0.0, 1e-2]),
)
@settings(max_examples=40, deadline=None, derandomize=True)
def test_multiclass_angle_stays_below_the_bound(
    seed: int, classes: int, penalty: str, alpha: float, noise: float
) -> None:
    rng = np.random.default_rng(seed)
    y = np.arange(6 * classes) % classes
    X = np.eye(classes)[y] @ rng.standard_normal((classes, 3)) + 0.3 * rng.standard_normal(
        (len(y), 3)
    )
    result = fit(X, y, penalty=penalty, alpha=alpha, bias=True)
    weights = result.weights + noise * rng.standard_normal(result.weights.shape)
    assert_holds(alignment(X, weights, y, penalty=penalty, alpha=alpha, bias=result.bias))


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("classes", [2, 4])
def test_gradient_part_of_a_minimiser_is_at_rounding_level(penalty: str, classes: int) -> None:
    rng = np.random.default_rng(classes)
    y = np.arange(40) % classes
    X = np.eye(classes)[y] @ rng.standard_normal((classes, 3)) + 0.3 * rng.standard_normal((40, 3))
    result = fit(X, y, penalty=penalty, alpha=0.5, bias=True)
    certificate = alignment(X, result.weights, y, penalty=penalty, alpha=0.5, bias=result.bias)
    assert certificate.bound < math.inf
    assert certificate.gradient_part < 1e-10 < certificate.bound


def test_a_random_direction_violates_the_bound_without_its_gradient_part() -> None:
    violated = 0
    for seed in range(20):
        X = random_data(seed, 12, 3)
        weights = np.random.default_rng(seed).standard_normal(3)
        certificate = alignment(X, weights, alpha=0.5)
        violated += math.sin(certificate.angle) > bound_without_gradient(certificate)
        assert_holds(certificate)
    assert violated >= 10


def test_weights_trained_at_another_alpha_violate_the_bound_without_its_gradient_part() -> None:
    violated = 0
    for seed in range(20):
        X = random_data(seed, 12, 3)
        certificate = alignment(X, fit(X, alpha=0.005).weights, alpha=0.9)
        violated += math.sin(certificate.angle) > bound_without_gradient(certificate)
        assert_holds(certificate)
    assert violated >= 10


@pytest.mark.parametrize(
    ("X", "penalty", "alpha"),
    [
        ([[3.0, 4.0], [-1.0, 1.25], [-1.0, 1.5]], "log-cosh", 0.5),
        ([[0.0, -0.125], [8.5, 2.5], [0.5, 0.0]], "quadratic", 0.2),
    ],
)
def test_half_the_spread_of_curvatures_is_not_enough(
    X: list[list[float]], penalty: str, alpha: float
) -> None:
    certificate = alignment(
        X, fit(X, penalty=penalty, alpha=alpha).weights, penalty=penalty, alpha=alpha
    )
    assert_holds(certificate)
    assert math.sin(certificate.angle) > bound_without_gradient(certificate, factor=0.5)


def test_linearity_bound_is_the_sharper_one_where_curvature_varies() -> None:
    X = random_data(0, 60, 5)
    for penalty in ("label-smoothing", "log-cosh"):
        weights = fit(X, penalty=penalty, alpha=0.05).weights
        certificate = alignment(X, weights, penalty=penalty, alpha=0.05)
        assert math.sin(certificate.angle) < certificate.linearity_bound < certificate.bound / 2


def test_half_the_linearity_bound_is_not_enough() -> None:
    violated = 0
    for seed in range(40):
        X = random_data(seed, 4, 3)
        weights = fit(X, penalty="label-smoothing", alpha=0.2).weights
        certificate = alignment(X, weights, penalty="label-smoothing", alpha=0.2)
        assert_holds(certificate)
        violated += math.sin(certificate.angle) > certificate.linearity_bound / 2
    assert violated >= 5


@pytest.mark.parametrize("penalty", ["label-smoothing", "quadratic", "log-cosh"])
def test_averaged_hessians_have_their_eigenvalues_within_the_range(penalty: str) -> None:
    rng = np.random.default_rng(8)
    classes, samples, alpha = 4, 60, 0.2
    codes = rng.integers(0, classes, samples)
    low, high = target_levels(penalty, alpha, classes)
    T = np.where(np.eye(classes)[codes] == 1, high, low)
    Z = T + rng.standard_normal(T.shape) * rng.exponential(1.5, (samples, 1))
    bounds = multiclass_bounds(penalty, alpha, (low, high), codes, Enclosed(Z, 0 * Z))
    curvatures = {
        "quadratic": lambda z: 2 + 0 * z,
        "log-cosh": lambda z: 1 / np.cosh(z) ** 2,
    }
    nodes, node_weights = np.polynomial.legendre.leggauss(40)
    plane = np.linalg.svd(np.eye(classes) - 1 / classes)[0][:, :-1]
    least, most = np.inf, -np.inf
    for t, z in zip(T, Z, strict=True):
        average = np.zeros((classes, classes))
        for s, weight in zip((nodes + 1) / 2, node_weights / 2, strict=True):
            point = t + s * (z - t)
            p = np.exp(point) / np.sum(np.exp(point))
            hessian = np.diag(p) - np.outer(p, p)
            if penalty != "label-smoothing":
                hessian = (1 - alpha) * hessian + alpha * np.diag(curvatures[penalty](point))
            average += weight * hessian
        if penalty == "label-smoothing":
            average = plane.T @ average @ plane
        eigenvalues = np.linalg.eigvalsh(average)
        least, most = min(least, eigenvalues[0]), max(most, eigenvalues[-1])
    assert bounds.low <= least + 1e-12
    assert bounds.high >= most - 1e-12
    assert least < 0.05 or penalty == "quadratic"
    assert bounds.low > 0
    assert bounds.high < 1.6 * most


def test_fishers_own_weights_have_angle_zero_within_the_error() -> None:
    X = random_data(11, 30, 4)
    weights = np.linalg.lstsq(X, np.ones(30), rcond=None)[0]
    certificate = alignment(X, weights)
    assert certificate.angle <= certificate.angle_error + 1e-14 < 1e-12


def test_units_of_the_features_do_not_matter() -> None:
    X = random_data(2, 20, 3)
    units = np.array([2.0**-300, 1.0, 2.0**200])
    weights = fit(X, alpha=0.3).weights
    assert alignment(X, weights, alpha=0.3) == alignment(X * units, weights / units, alpha=0.3)


def test_level_of_the_logits_does_not_matter_where_the_loss_leaves_it_free() -> None:
    rng = np.random.default_rng(4)
    y = np.arange(30) % 3
    X = np.eye(3)[y] @ rng.standard_normal((3, 2)) + 0.2 * rng.standard_normal((30, 2))
    result = fit(X, y, penalty="label-smoothing", alpha=0.5, bias=True)
    options: dict[str, Any] = {"penalty": "label-smoothing", "alpha": 0.5}
    base = alignment(X, result.weights, y, bias=result.bias, **options)
    shifted = alignment(X, result.weights + 1.5, y, bias=result.bias - 2.5, **options)
    assert shifted.angle == pytest.approx(base.angle, abs=1e-13)
    assert shifted.bound == pytest.approx(base.bound, rel=1e-6)


def test_two_labels_give_the_certificate_of_the_absorbed_data() -> None:
    X = random_data(6, 20, 3)
    y = np.where(np.arange(20) % 2, "yes", "no")
    signs = np.where(y == "yes", 1.0, -1.0)[:, None]
    weights = np.array([1.0, 0.25, -0.5])
    absorbed = np.hstack([X, np.ones((20, 1))]) * signs
    labelled = alignment(X, weights, y, bias=0.125, alpha=0.4)
    assert labelled == alignment(absorbed, [*weights, 0.125], alpha=0.4)


def test_smooth_side_of_a_kinked_penalty_is_certified() -> None:
    X = random_data(9, 25, 2)
    certificate = alignment(X, [1.0, 0.1], penalty="absolute", alpha=0.1)
    assert certificate.target == pytest.approx(math.log(8), rel=1e-14)
    assert_holds(certificate)


def test_an_inexact_target_widens_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    X = random_data(7, 30, 3)
    weights = fit(X, alpha=0.3).weights
    exact = alignment(X, weights, alpha=0.3)
    monkeypatch.setattr("logitreg.numerics.alignment.target", lambda *_args: exact.target + 0.125)
    shifted = alignment(X, weights, alpha=0.3)
    assert_holds(shifted)
    assert exact.gradient_part < 1e-12
    assert shifted.gradient_part > 0.05


def test_errors_say_what_was_wrong() -> None:
    X = random_data(1, 10, 2)
    y = np.arange(10) % 3
    with pytest.raises(AlphaError, match=r"\(0, 1\)"):
        alignment(X, [1.0, 1.0], alpha=0)
    with pytest.raises(NoFiniteTargetError, match="zero"):
        alignment(X, [1.0, 1.0], penalty="absolute", alpha=0.7)
    with pytest.raises(UnsupportedPenaltyError, match="kink"):
        alignment(X, [1.0, 1.0], penalty="box", alpha=0.1)
    with pytest.raises(UnsupportedPenaltyError, match="not convex"):
        alignment(X, np.eye(3, 2), y, penalty="entropy")
    with pytest.raises(ShapeError, match=r"expected \(2,\)"):
        alignment(X, [1.0, 1.0, 1.0])
    with pytest.raises(ShapeError, match="3 number"):
        alignment(X, np.eye(3, 2), y, bias=1.0)
    with pytest.raises(NonFiniteError, match="weights"):
        alignment(X, [1.0, math.nan])
    with pytest.raises(DataError, match="logits are zero"):
        alignment(X, [0.0, 0.0])
    with pytest.raises(RankDeficientError, match="depend"):
        alignment(X[:, [0, 0]], [1.0, 1.0])
    with pytest.raises(DataError, match="labels y"):
        alignment(X, [1.0, 1.0], bias=1.0)


def test_rank_that_rounding_hides_is_refused() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((25, 20))
    X[:, 1] = X[:, 0] + 4e-14 * X[:, 1]
    with pytest.raises(RankDeficientError, match="rounding hides"):
        alignment(X, np.ones(20))

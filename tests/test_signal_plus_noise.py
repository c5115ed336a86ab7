"""Seeded data of the model, effective noises of labelled features, and their rescaling."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest
from logitreg.errors import DataError, NonFiniteError, ShapeError
from logitreg.numerics.signal_noise import (
    effective_noises,
    rescale_orthogonal,
    signal_basis,
    signal_plus_noise,
)
from scipy import stats

LAWS = {
    "normal": None,
    "student-t": stats.t(df=2.1),
    "laplace": stats.laplace(),
    "shifted gamma": stats.gamma(3, loc=5, scale=4),
    "discrete": stats.poisson(2),
}


@pytest.fixture(params=["array_api_strict", "torch", "jax.numpy"])
def xp(request: pytest.FixtureRequest) -> ModuleType:
    module: ModuleType = pytest.importorskip(request.param)
    if request.param.startswith("jax"):
        import jax

        jax.config.update("jax_enable_x64", True)
    return module


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("law", LAWS)
def test_samples_are_templates_plus_scaled_standard_noise(law: str, classes: int) -> None:
    settings: dict[str, Any] = {"classes": classes, "distribution": LAWS[law], "seed": 4}
    unit = signal_plus_noise(50, 6, signal=0, signal_noise=1, orthogonal_noise=1, **settings)
    X, y = signal_plus_noise(50, 6, signal=3, signal_noise=0.5, orthogonal_noise=2, **settings)
    signed = classes == 2
    labels = np.tile([-1, 1] if signed else range(classes), 50)[:50]
    np.testing.assert_array_equal(y, labels)
    templates = np.zeros((50, 6))
    templates[np.arange(50), 0 if signed else y] = 3 * (y if signed else 1)
    scales = np.where(np.arange(6) < (1 if signed else classes), 0.5, 2)
    np.testing.assert_allclose(X, templates + unit.X * scales, rtol=0, atol=1e-13)


@pytest.mark.parametrize("law", [name for name in LAWS if name != "student-t"])
def test_noise_has_mean_zero_and_variance_one(law: str) -> None:
    X, _ = signal_plus_noise(
        20_000, 5, signal=0, signal_noise=1, orthogonal_noise=1, distribution=LAWS[law]
    )
    # Six standard errors of 10^5 draws; the kurtosis of none of the laws exceeds 6.
    assert abs(X.mean()) < 6 / np.sqrt(X.size)
    assert abs((X**2).mean() - 1) < 6 * np.sqrt(5 / X.size)
    assert abs(X.mean(axis=0)).max() < 6 / np.sqrt(len(X))


def test_heavy_tails_are_scaled_by_the_exact_deviation() -> None:
    X, _ = signal_plus_noise(
        30_000, 3, signal=0, signal_noise=1, orthogonal_noise=1, distribution=stats.t(df=2.1)
    )
    law = stats.t(df=2.1, scale=np.sqrt(0.1 / 2.1))
    assert stats.kstest(X.reshape(-1), law.cdf).pvalue > 1e-3
    assert stats.kstest(X.reshape(-1), stats.t(df=2.1).cdf).pvalue < 1e-9


def test_a_law_without_variance_is_taken_as_it_is() -> None:
    X, _ = signal_plus_noise(
        2000, 2, signal=0, signal_noise=1, orthogonal_noise=1, distribution=stats.cauchy()
    )
    assert stats.kstest(X.reshape(-1), stats.cauchy().cdf).pvalue > 1e-3


def test_a_seed_fixes_the_draws_and_another_changes_them() -> None:
    first, same, other = (signal_plus_noise(10, 3, seed=seed).X for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, same)
    assert np.abs(first - other).max() > 0.1
    generator = np.random.default_rng(1)
    np.testing.assert_array_equal(signal_plus_noise(10, 3, seed=generator).X, first)
    assert np.abs(signal_plus_noise(10, 3, seed=generator).X - first).max() > 0.1


@pytest.mark.parametrize("law", LAWS)
def test_every_library_gets_the_same_numbers(xp: ModuleType, law: str) -> None:
    settings: dict[str, Any] = {"classes": 3, "distribution": LAWS[law], "seed": 8}
    X, y = signal_plus_noise(20, 5, xp=xp, **settings)
    expected = signal_plus_noise(20, 5, **settings)
    assert type(X) is type(xp.asarray(expected.X))
    assert X.dtype == xp.float64
    np.testing.assert_array_equal(np.asarray(X), expected.X)
    np.testing.assert_array_equal(np.asarray(y), expected.y)
    single = signal_plus_noise(20, 5, xp=xp, dtype=xp.float32, **settings).X
    np.testing.assert_array_equal(np.asarray(single), expected.X.astype(np.float32))


def three_classes(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.array([0] * 7 + [1] * 9 + [2] * 12)
    return rng.standard_normal((3, 6))[y] + 0.4 * rng.standard_normal((28, 6)), y


def by_definition(X: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Eq. (35) with full orthonormal bases and covariance matrices."""
    means = np.array([X[y == c].mean(axis=0) for c in range(3)])
    q, _ = np.linalg.qr((means[1:] - means[0]).T, mode="complete")
    distance = np.mean([np.linalg.norm(means[a] - means[b]) for a, b in ((0, 1), (0, 2), (1, 2))])
    parts = [q[:, :2], q[:, 2:]]
    noises = [
        np.mean(
            [
                np.sqrt(np.trace(Q.T @ np.cov(X[y == c].T, bias=True) @ Q) / Q.shape[1])
                for c in range(3)
            ]
        )
        for Q in parts
    ]
    return noises[0] / distance, noises[1] / distance


def test_effective_noises_are_their_definition() -> None:
    np.testing.assert_allclose(
        effective_noises(*three_classes()), by_definition(*three_classes()), rtol=1e-12
    )


def test_effective_noises_do_not_see_rotation_scale_or_origin() -> None:
    X, y = three_classes()
    rotation = stats.ortho_group.rvs(6, random_state=1)
    moved = effective_noises(3 * X @ rotation + np.arange(6), np.array(["u", "v", "w"])[y])
    np.testing.assert_allclose(moved, effective_noises(X, y), rtol=1e-12)


@pytest.mark.parametrize("factor", [0.0, 0.25, 10.0])
def test_rescaling_multiplies_the_orthogonal_noise_alone(factor: float) -> None:
    X, y = three_classes()
    before = effective_noises(X, y)
    scaled = rescale_orthogonal(X, signal_basis(X, y), factor)
    after = effective_noises(scaled, y)
    assert after.signal == pytest.approx(before.signal, rel=1e-13)
    assert after.orthogonal == pytest.approx(factor * before.orthogonal, rel=1e-13, abs=1e-15)
    wrong = effective_noises(rescale_orthogonal(X, signal_basis(X, y)[:, :1], 2.0), y)
    assert abs(wrong.signal / before.signal - 1) > 1e-3


def test_effective_noises_recover_those_of_the_model() -> None:
    X, y = signal_plus_noise(
        6000, 40, signal=2.0, signal_noise=0.3, orthogonal_noise=0.8, classes=2, seed=3
    )
    found = effective_noises(X, y)
    assert found.signal == pytest.approx(0.3 / 4, rel=0.05)
    assert found.orthogonal == pytest.approx(0.8 / 4, rel=0.05)


def test_dependent_class_means_span_fewer_dimensions() -> None:
    X = np.array([[0.0, 0, 1], [1.0, 0, 1], [2.0, 0, 1]])
    assert signal_basis(X, [0, 1, 2]).shape == (3, 1)


def test_every_library_finds_the_same_noises(xp: ModuleType) -> None:
    X, y = three_classes()
    there = xp.asarray(X)
    np.testing.assert_allclose(
        effective_noises(there, xp.asarray(y)), effective_noises(X, y), rtol=1e-12
    )
    scaled = rescale_orthogonal(there, signal_basis(there, y), 2.0)
    assert type(scaled) is type(there)
    expected = rescale_orthogonal(X, signal_basis(X, y), 2.0)
    np.testing.assert_allclose(np.asarray(scaled), expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    ("error", "arguments"),
    [
        (ShapeError, {"n_samples": 0}),
        (ShapeError, {"classes": 4}),
        (DataError, {"signal_noise": -1.0}),
        (DataError, {"orthogonal_noise": np.nan}),
        (DataError, {"distribution": "laplace"}),
        (DataError, {"distribution": stats.multivariate_normal([0, 0])}),
    ],
)
def test_errors_of_the_model_say_what_was_expected(
    error: type[Exception], arguments: dict[str, Any]
) -> None:
    with pytest.raises(error, match="expected"):
        signal_plus_noise(**({"n_samples": 5, "n_features": 3} | arguments))


@pytest.mark.parametrize(
    ("error", "X", "y"),
    [
        (ShapeError, np.zeros((3, 2)), [0, 1]),
        (DataError, np.zeros((2, 2)), [1, 1]),
        (DataError, np.zeros((2, 2)), [0, 1]),
        (DataError, np.zeros((2, 2), dtype=int), [0, 1]),
        (NonFiniteError, np.array([[np.nan], [1.0]]), [0, 1]),
    ],
)
def test_errors_of_the_noises_say_what_was_expected(
    error: type[Exception], X: np.ndarray, y: list[int]
) -> None:
    with pytest.raises(error, match="expected"):
        effective_noises(X, y)

"""Many alphas in one call; arrays of other libraries."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from logitreg.errors import AlphaError, SeparableError, ShapeError
from logitreg.numerics.fit import fit
from logitreg.numerics.path import fit_path

ALPHAS = np.append(np.logspace(-4, -0.05, 7), 0.2)


def data(classes: int = 2) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = np.arange(80) % classes
    return rng.standard_normal((80, 5)) + 0.8 * np.eye(classes, 5)[y], y


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("penalty", ["quadratic", "label-smoothing", "elastic"])
def test_a_path_is_the_fits_of_its_alphas(penalty: str, classes: int) -> None:
    X, y = data(classes)
    path = fit_path(X, y, penalty=penalty, alphas=ALPHAS, bias=True)
    for alpha, result in zip(ALPHAS, path, strict=True):
        alone = fit(X, y, penalty=penalty, alpha=alpha, bias=True)
        assert result.residual < 1e-13
        np.testing.assert_allclose(result.weights, alone.weights, rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose(result.bias, alone.bias, rtol=1e-9, atol=1e-11)
        assert result.loss == pytest.approx(alone.loss, rel=1e-13)


def test_large_problems_use_single_precision_on_the_way_alone() -> None:
    X = np.random.default_rng(1).standard_normal((1000, 300)) + 0.2
    for result in fit_path(X, alphas=[1e-3, 0.1]):
        assert result.residual < 1e-13


@pytest.mark.parametrize(
    ("classes", "penalty", "rank"),
    [(2, "huber", 300), (3, "label-smoothing", 300), (2, "cosh", 299)],
)
def test_many_alphas_on_large_data_reach_rounding_level(
    classes: int, penalty: str, rank: int
) -> None:
    rng = np.random.default_rng(2)
    y = np.arange(900) % classes
    X = rng.standard_normal((900, 300)) + 0.8 * np.eye(classes, 300)[y]
    X[:, rank:] = X[:, :1]
    alphas, weight = np.geomspace(1e-3, 0.9, 31), rng.uniform(0.1, 3, 900)
    path = fit_path(X, y, penalty=penalty, alphas=alphas, sample_weight=weight)
    assert max(result.residual for result in path) < 1e-13
    for i in (0, 30):
        alone = fit(X, y, penalty=penalty, alpha=alphas[i], sample_weight=weight)
        assert path[i].rank == alone.rank == rank
        size = np.max(np.abs(alone.weights))
        np.testing.assert_allclose(path[i].weights, alone.weights, rtol=0, atol=1e-10 * size)
        assert not np.allclose(path[i].weights, path[15].weights, rtol=0, atol=1e-2 * size)
        if classes > 2:
            np.testing.assert_allclose(np.sum(path[i].weights, axis=0), 0, atol=1e-13 * size)


def test_penalties_may_differ_along_a_path() -> None:
    X, y = data()
    penalties = ["quadratic", "absolute", "quadratic"]
    path = fit_path(X, y, penalty=penalties, alphas=[0.1, 0.2, 0.0])
    for penalty, alpha, result in zip(penalties, [0.1, 0.2, 0.0], path, strict=True):
        alone = fit(X, y, penalty=penalty, alpha=alpha)
        np.testing.assert_allclose(result.weights, alone.weights, atol=1e-12)


def test_errors_of_a_path() -> None:
    X, y = data()
    for alphas in (0.1, [], [0.1, 1.5]):
        with pytest.raises(AlphaError, match=r"\[0, 1\)"):
            fit_path(X, y, alphas=alphas)
    with pytest.raises(ShapeError, match="2 penalties for 3 alphas"):
        fit_path(X, y, penalty=["huber", "cosh"], alphas=[0.1, 0.2, 0.3])
    with pytest.raises(SeparableError):
        fit_path(np.abs(X), alphas=[0.1, 0.0])


@pytest.mark.parametrize("library", ["numpy", "array_api_strict", "torch", "jax.numpy"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_arrays_come_back_in_their_library_and_dtype(library: str, dtype: str) -> None:
    xp: Any = pytest.importorskip(library)
    if library.startswith("jax"):
        import jax

        jax.config.update("jax_enable_x64", True)
    X, y = data(3)
    X = X.astype(dtype)
    expected = fit(X, y, bias=True)
    mine = xp.asarray(X)
    result = fit(mine, xp.asarray(y), bias=True, sample_weight=xp.ones(80))
    for name in ("weights", "bias", "logits"):
        array = getattr(result, name)
        assert type(array) is type(mine)
        assert array.dtype == mine.dtype
        tolerance = 1e-6 if dtype == "float32" else 1e-13
        np.testing.assert_allclose(
            np.asarray(array), getattr(expected, name), rtol=tolerance, atol=tolerance
        )
    assert expected.weights.dtype == np.dtype(dtype)


def test_integers_give_float64() -> None:
    X = np.array([[1, 0], [0, 2], [3, 1]])
    assert fit(X).weights.dtype == np.float64
    assert fit(X > 0).weights.dtype == np.float64


def test_more_dimensions_are_many_problems() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((3, 40, 4)) + 0.3
    found = fit(X, alpha=0.2)
    for one, weights in zip(X, found.weights, strict=True):
        np.testing.assert_allclose(weights, fit(one, alpha=0.2).weights, atol=1e-12)
    amounts = rng.uniform(0.5, 2, 40)
    weighted = fit(X, alpha=0.2, sample_weight=amounts).weights
    alone = fit(X[1], alpha=0.2, sample_weight=amounts).weights
    np.testing.assert_allclose(weighted[1], alone, atol=1e-12)
    assert not np.allclose(weighted[1], found.weights[1], atol=1e-3)
    with pytest.raises(ShapeError, match="one by one"):
        fit(X, on_separable="max-margin")

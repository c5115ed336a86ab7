"""The array functions on a GPU, where there is one: the numbers of the CPU, left on the device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import logitreg as lr
import numpy as np
import pytest
from array_api_compat import device
from logitreg.numerics.host import on_host
from numpy.testing import assert_allclose


def _torch(values: Any) -> Any:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("PyTorch sees no GPU")
    return torch.asarray(values, device="cuda")


def _cupy(values: Any) -> Any:
    cupy = pytest.importorskip("cupy")
    return cupy.asarray(values)


def _jax(values: Any) -> Any:
    jax = pytest.importorskip("jax")
    if jax.default_backend() != "gpu":
        pytest.skip("JAX sees no GPU")
    jax.config.update("jax_enable_x64", True)
    return jax.numpy.asarray(values)


@pytest.fixture(params=[_torch, _cupy, _jax], ids=["torch", "cupy", "jax"])
def to_gpu(request: pytest.FixtureRequest) -> Callable[[Any], Any]:
    function: Callable[[Any], Any] = request.param
    function(np.zeros(1))
    return function


@pytest.mark.parametrize("penalty", ["label-smoothing", "quadratic", "huber", "log-cosh"])
def test_targets_stay_on_the_device(to_gpu: Callable[[Any], Any], penalty: str) -> None:
    alpha = np.geomspace(1e-8, 0.97, 1000)
    here = to_gpu(alpha)
    found = lr.target(penalty, here)
    assert device(found) == device(here)
    assert_allclose(on_host(found), lr.target(penalty, alpha), rtol=4e-16 * 4)


def test_batches_stay_on_the_device(to_gpu: Callable[[Any], Any]) -> None:
    X = np.random.default_rng(0).normal(size=(16, 40, 4)) + 1
    here = to_gpu(X)
    found = lr.fit_batch(here, alpha=0.2)
    assert device(found.weights) == device(here)
    assert_allclose(on_host(found.weights), lr.fit_batch(X, alpha=0.2).weights, rtol=1e-12)


def test_limits_stay_on_the_device(to_gpu: Callable[[Any], Any]) -> None:
    ratio = np.linspace(0.1, 0.9, 5)
    here = to_gpu(ratio)
    found = lr.asymptotics(here, alpha=0.2)
    assert device(found.accuracy) == device(here)
    assert_allclose(on_host(found.accuracy), lr.asymptotics(ratio, alpha=0.2).accuracy, rtol=1e-10)


def test_training_stays_on_the_device(to_gpu: Callable[[Any], Any]) -> None:
    X, y = lr.signal_plus_noise(60, 20, seed=1)
    here = to_gpu(X)
    found = lr.train(here, to_gpu(y), alpha=0.2, epochs=200)
    assert device(found.weights) == device(here)
    assert_allclose(
        on_host(found.weights), lr.train(X, y, alpha=0.2, epochs=200).weights, rtol=1e-9
    )

"""Gradient descent on N = 2000, d = 1400 with four alphas, next to what a user would write.

    python -m pytest benchmarks/bench_training.py

Times are per epoch, of 200, or 2000 on a GPU, with what comes before the first. An epoch has to
read X, which is half of a copy, and to do 16 N d operations. The accuracy is the largest distance
of the weights from those of the plain loop in float64, relative to the largest weight. The goal on
a GPU is 200 000 epochs in less than 30 s.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from logitreg import signal_plus_noise, train
from logitreg.numerics.descent import descent
from logitreg.numerics.host import on_host
from scipy.special import expit

ALPHAS = np.array([0.0, 0.001, 0.01, 0.1])
RATE = 0.1


def ours(X: Any, epochs: int) -> Any:
    return train(X, alpha=ALPHAS, learning_rate=RATE, epochs=epochs, record=2).weights


def products(X: np.ndarray, epochs: int) -> np.ndarray:
    """The matrix products of ours alone."""
    step = descent(X, lambda z, rows: z, RATE / len(X), traceable=True)
    return np.asarray(step(np.ones((len(ALPHAS), X.shape[1]), X.dtype), epochs))


def plain(X: np.ndarray, epochs: int) -> np.ndarray:
    """The loop as one writes it, labels absorbed."""
    W = np.zeros((X.shape[1], len(ALPHAS)), X.dtype)
    weak = ALPHAS.astype(X.dtype)
    for _ in range(epochs):
        z = X @ W
        W -= RATE / len(X) * (X.T @ (2 * weak * z - (1 - weak) * expit(-z)))
    return W.T


def autograd(X: Any, epochs: int) -> Any:
    import torch

    weak = torch.asarray(ALPHAS, dtype=X.dtype, device=X.device)
    W = torch.zeros(X.shape[1], len(ALPHAS), dtype=X.dtype, device=X.device, requires_grad=True)
    step = torch.optim.SGD([W], lr=RATE)
    for _ in range(epochs):
        step.zero_grad()
        z = X @ W
        cross_entropy = torch.nn.functional.softplus(-z).mean(0)
        ((1 - weak) * cross_entropy + weak * (z**2).mean(0)).sum().backward()
        step.step()
    return W.detach().T


JOBS: dict[str, tuple[str, Callable[[Any, int], Any]]] = {
    "logitreg": ("numpy", ours),
    "logitreg, torch": ("torch", ours),
    "logitreg, jax": ("jax", ours),
    "the products of logitreg": ("numpy", products),
    "plain NumPy": ("numpy", plain),
    "torch autograd": ("torch", autograd),
}
"""The library of the data, and what is run on them."""

ON_GPU = pytest.mark.benchmark(timer=time.perf_counter)
CASES = [("cpu", job) for job in JOBS] + [
    pytest.param("cuda", job, marks=ON_GPU)
    for job, (library, _) in JOBS.items()
    if library != "numpy"
]


@pytest.fixture(params=["float64", "float32"])
def data(request: pytest.FixtureRequest, small: bool) -> np.ndarray:
    samples, features = (200, 140) if small else (2000, 1400)
    X, y = signal_plus_noise(samples, features, signal=0.1, signal_noise=0.0, dtype=request.param)
    return np.asarray(X * y[:, None].astype(X.dtype))


def placed(X: np.ndarray, library: str, device: str) -> Any:
    """The data as an array of the library on the device, or the benchmark is skipped."""
    if library == "numpy":
        return X
    module = pytest.importorskip(library)
    if library == "torch":
        if device == "cuda" and not module.cuda.is_available():
            pytest.skip("PyTorch sees no GPU")
        return module.asarray(X, device=device)
    if device == "cuda" and module.default_backend() != "gpu":
        pytest.skip("JAX sees no GPU")
    module.config.update("jax_enable_x64", True)
    return module.numpy.asarray(X)


@pytest.mark.parametrize(("device", "job"), CASES)
def bench_epoch(measure: Any, small: bool, data: np.ndarray, device: str, job: str) -> None:
    library, function = JOBS[job]
    given = placed(data, library, device)
    epochs = 20 if small else 200 if device == "cpu" else 2000

    def accuracy(weights: np.ndarray) -> str:
        if function is products:
            return ""
        expected = plain(data.astype(np.float64), epochs)
        error = np.max(np.abs(weights - expected)) / np.max(np.abs(expected))
        assert error < 1e-4
        return f"{error:.0e}"

    settings: dict[str, Any] = {} if library == "numpy" else {"traced": False}
    run = lambda: on_host(function(given, epochs))  # noqa: E731
    measure(f"epoch, {data.dtype}, {device}", job, run, accuracy=accuracy, parts=epochs, **settings)


@pytest.mark.parametrize("job", ["half of a copy of X", "16 N d operations of a large product"])
def bench_bound(measure: Any, data: np.ndarray, job: str) -> None:
    copy, square = np.empty_like(data), np.ones((1000, 1000), data.dtype)
    run, parts = lambda: np.copyto(copy, data), 2.0
    if "product" in job:
        run, parts = lambda: square @ square, 2 * 1000**3 / (4 * len(ALPHAS) * data.size)
    measure(f"epoch, {data.dtype}, cpu", job, run, parts=parts)


@ON_GPU
@pytest.mark.parametrize("library", ["torch", "jax"])
def bench_goal(measure: Any, small: bool, data: np.ndarray, library: str) -> None:
    given, epochs = placed(data, library, "cuda"), 2000 if small else 200_000
    run = lambda: on_host(ours(given, epochs))  # noqa: E731
    group, job = f"{epochs} epochs, {data.dtype}, cuda", f"logitreg, {library}"
    measure(group, job, run, traced=False, rounds=1)

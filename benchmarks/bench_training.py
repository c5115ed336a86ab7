"""Gradient descent on N = 2000, d = 1400 with four alphas, next to what a user would write.

    python benchmarks/bench_training.py [--epochs 200] [--device cuda]

Microseconds per epoch, all in one run: our ``train``; its matrix products alone; the loop of a few
lines of NumPy, all alphas at once; PyTorch with autograd, if it is installed. The bound is the time
to read X once at the speed of a copy, or to do the 16 N d operations at the speed of a product of
large matrices, whichever is longer.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
from logitreg.numerics.descent import descent
from logitreg.numerics.signal_noise import signal_plus_noise
from logitreg.numerics.training import train
from scipy.special import expit

ALPHAS = np.array([0.0, 0.001, 0.01, 0.1])
RATE = 0.1


def _microseconds(run: Callable[[], Any], epochs: int, repeats: int = 5) -> float:
    run()
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return 1e6 * best / epochs


def _plain_loop(X: np.ndarray, epochs: int) -> np.ndarray:
    """The loop as one writes it, labels absorbed."""
    W = np.zeros((X.shape[1], len(ALPHAS)), X.dtype)
    weak = ALPHAS.astype(X.dtype)
    for _ in range(epochs):
        z = X @ W
        W -= RATE / len(X) * (X.T @ (2 * weak * z - (1 - weak) * expit(-z)))
    return W


def _autograd(X: np.ndarray, epochs: int, device: str) -> Any:
    import torch

    data = torch.as_tensor(X, device=device)
    weak = torch.as_tensor(ALPHAS, dtype=data.dtype, device=device)
    W = torch.zeros(X.shape[1], len(ALPHAS), dtype=data.dtype, device=device, requires_grad=True)
    step = torch.optim.SGD([W], lr=RATE)
    for _ in range(epochs):
        step.zero_grad()
        z = data @ W
        cross_entropy = torch.nn.functional.softplus(-z).mean(0)
        ((1 - weak) * cross_entropy + weak * (z**2).mean(0)).sum().backward()
        step.step()
    return W.detach().cpu().numpy()


def _bound(X: np.ndarray) -> float:
    """Microseconds, measured here: a copy of X at least reads it, a large product is compute."""
    target = np.empty_like(X)
    copy = _microseconds(lambda: np.copyto(target, X), 1, 20)
    square = X[:1000, :1000].copy()
    product = _microseconds(lambda: square @ square, 1, 20)
    return max(copy / 2, product * 4 * len(ALPHAS) * X.size / (2 * 1000**3))


def measure(dtype: Any, epochs: int, device: str) -> dict[str, float]:
    """Microseconds per epoch of each way."""
    X, y = signal_plus_noise(2000, 1400, signal=0.1, signal_noise=0.0, dtype=dtype)
    X *= y[:, None].astype(dtype)
    data: Any = X
    if device != "cpu":
        import torch

        data = torch.as_tensor(X, device=device)
    settings: dict[str, Any] = {"alpha": ALPHAS, "learning_rate": RATE, "record": 2}

    def ours() -> Any:
        return train(data, epochs=epochs, **settings).weights

    expected = _plain_loop(X, epochs).T
    if not np.allclose(np.asarray(ours().tolist()), expected, rtol=1e-3, atol=1e-5):
        raise ArithmeticError("train and the plain loop disagree")
    setup = _microseconds(lambda: train(data, epochs=0, **settings), 1)
    times = {"train": _microseconds(ours, epochs) - setup / epochs}
    products = descent(X, lambda z, rows: z, RATE / 2000, traceable=True)
    times["its products"] = _microseconds(lambda: products(expected, epochs), epochs)
    times["plain NumPy"] = _microseconds(lambda: _plain_loop(X, epochs), epochs)
    if find_spec("torch"):
        times[f"PyTorch autograd, {device}"] = _microseconds(
            lambda: _autograd(X, epochs, device), epochs
        )
    return times | {"bound": _bound(X)}


def main() -> None:
    """Print the times and their ratios to ours."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    for dtype in (np.float64, np.float32):
        times = measure(dtype, options.epochs, options.device)
        print(f"{np.dtype(dtype).name}: {1e6 / times['train']:.0f} epochs/s")
        for name, spent in times.items():
            print(f"  {name:24s} {spent:9.0f} us {spent / times['train']:7.2f}")


if __name__ == "__main__":
    main()

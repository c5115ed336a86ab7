"""Thousands of small fits: one call of fit_batch against loops and against a Newton under vmap.

    python benchmarks/bench_batched.py [--problems 4096] [--samples 64] [--features 8]

Quadratic penalty, alpha = 0.1, float64. Loops run over a part of the problems and are scaled up.
Times are the best of a few runs; the first call of jitted functions is left out. The error is the
largest relative distance of weights from enclosures at 30 digits, over a part of the problems.
PyTorch and JAX are measured where they are installed, on their default device.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
from logitreg.numerics.batched import fit_batch
from logitreg.numerics.fit import fit
from logitreg.numerics.high_precision import precise_fit
from numpy.typing import NDArray
from scipy.optimize import minimize

ALPHA = 0.1
PART = 128
REFERENCES = 16

Solver = Callable[[], Any]


def seconds(run: Solver, repeats: int = 5) -> float:
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return best


def by_scipy(X: NDArray[np.float64]) -> NDArray[np.float64]:
    """L-BFGS on the weights of one problem, as one would write it."""

    def loss(w: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        z = X @ w
        value = (1 - ALPHA) * np.logaddexp(0, -z) + ALPHA * z**2
        slope = 2 * ALPHA * z - (1 - ALPHA) / (1 + np.exp(z))
        return float(np.mean(value)), X.T @ slope / len(z)

    options = {"gtol": 1e-12, "ftol": 1e-15}
    result = minimize(loss, np.zeros(X.shape[1]), jac=True, method="L-BFGS-B", options=options)
    return np.asarray(result.x)


def by_vmap() -> Callable[[Any], Any]:
    """A plain Newton method in the weights with ten steps, vmapped and jitted."""
    import jax
    import jax.numpy as jnp

    def loss(w: Any, X: Any) -> Any:
        z = X @ w
        return jnp.mean((1 - ALPHA) * jax.nn.softplus(-z) + ALPHA * z**2)

    def newton(X: Any) -> Any:
        def step(_: int, w: Any) -> Any:
            return w - jnp.linalg.solve(jax.hessian(loss)(w, X), jax.grad(loss)(w, X))

        return jax.lax.fori_loop(0, 10, step, jnp.zeros(X.shape[1]))

    return jax.jit(jax.vmap(newton))


def solvers(X: NDArray[np.float64]) -> dict[str, tuple[Solver, int]]:
    """Name -> a function that gives the weights, and how many problems it solves."""
    part = X[:PART]
    found: dict[str, tuple[Solver, int]] = {
        "fit_batch, NumPy": (lambda: fit_batch(X, alpha=ALPHA).weights, len(X)),
        "loop over fit": (lambda: [fit(x, alpha=ALPHA).weights for x in part], PART),
        "loop over scipy L-BFGS": (lambda: [by_scipy(x) for x in part], PART),
    }
    if find_spec("torch"):
        import torch

        given = torch.asarray(X)
        found["fit_batch, PyTorch"] = (lambda: fit_batch(given, alpha=ALPHA).weights, len(X))
    if find_spec("jax"):
        import jax

        jax.config.update("jax_enable_x64", True)
        there = jax.numpy.asarray(X)
        ours = jax.jit(lambda X: fit_batch(X, alpha=ALPHA).weights)
        plain = by_vmap()
        found["fit_batch, jax.jit"] = (lambda: ours(there).block_until_ready(), len(X))
        found["Newton, jax.vmap + jit"] = (lambda: plain(there).block_until_ready(), len(X))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--problems", type=int, default=4096)
    parser.add_argument("--samples", type=int, default=64)
    parser.add_argument("--features", type=int, default=8)
    sizes = parser.parse_args()
    rng = np.random.default_rng(0)
    X = rng.standard_normal((sizes.problems, sizes.samples, sizes.features)) + 0.3
    exact = np.array(
        [
            [float(w.mid()) for w in precise_fit(x, alpha=ALPHA, digits=30).weights]
            for x in X[:REFERENCES]
        ]
    )
    print(f"{'':26s} {'us/problem':>10s} {'ratio':>8s} {'error':>9s}")
    ours = None
    for name, (run, problems) in solvers(X).items():
        weights = np.asarray(run())[:REFERENCES]
        error = np.max(np.abs(weights - exact)) / np.max(np.abs(exact))
        each = 1e6 * seconds(run, 5 if problems == len(X) else 2) / problems
        ours = ours or each
        print(f"{name:26s} {each:10.1f} {each / ours:8.2f} {error:9.1e}")


if __name__ == "__main__":
    main()

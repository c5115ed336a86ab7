"""Thousands of small fits: one call of fit_batch next to loops and to a Newton method under vmap.

    python -m pytest benchmarks/bench_batched.py

Times are per problem, of 4096 with 64 samples and 8 features, alpha = 0.1; loops run over 16 of
them. The accuracy is the largest error of their weights, relative to the largest weight. Penalties
with kinks (absolute, elastic, box) have no other solver here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from logitreg import fit, fit_batch, precise_fit
from logitreg.numerics.host import on_host
from logitreg.numerics.kernels import kernel
from scipy.optimize import minimize

ALPHA = 0.1


def by_scipy(X: np.ndarray) -> np.ndarray:
    """L-BFGS on the weights of one problem, as one would write it."""

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
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

    def loss(w: Any, x: Any) -> Any:
        z = x @ w
        return jnp.mean((1 - ALPHA) * jax.nn.softplus(-z) + ALPHA * z**2)

    def newton(x: Any) -> Any:
        def step(_: int, w: Any) -> Any:
            return w - jnp.linalg.solve(jax.hessian(loss)(w, x), jax.grad(loss)(w, x))

        return jax.lax.fori_loop(0, 10, step, jnp.zeros(x.shape[1]))

    return jax.jit(jax.vmap(newton))


OURS = ["logitreg", "logitreg, torch", "logitreg, jax.jit", "loop over logitreg.fit"]
JOBS = [(name, job) for name in ("quadratic", "absolute", "elastic", "box") for job in OURS]
JOBS += [("quadratic", "loop over SciPy L-BFGS"), ("quadratic", "Newton, jax.vmap")]


@pytest.fixture(scope="module")
def data(small: bool) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((50 if small else 4096, 64, 8)) + 0.3


def exact(x: np.ndarray, penalty: str) -> Any:
    """The weights of one problem: of an enclosure, or of fit where a kink leaves none."""
    if kernel(penalty).kinks:
        return fit(x, penalty=penalty, alpha=ALPHA).weights
    enclosed = precise_fit(x, penalty=penalty, alpha=ALPHA, digits=30)
    return [float(w.mid()) for w in enclosed.weights]


@pytest.mark.parametrize(("penalty", "job"), JOBS)
def bench_batch(measure: Any, small: bool, data: np.ndarray, penalty: str, job: str) -> None:
    part = data[: 3 if small else 16]

    def ours(X: Any) -> Any:
        return fit_batch(X, penalty=penalty, alpha=ALPHA).weights

    given, call = data, ours
    if "loop" in job:
        one = by_scipy if "SciPy" in job else lambda x: fit(x, penalty=penalty, alpha=ALPHA).weights
        given, call = part, lambda X: [one(x) for x in X]
    elif "torch" in job:
        given = pytest.importorskip("torch").asarray(data)
    elif "jax" in job:
        jax = pytest.importorskip("jax")
        jax.config.update("jax_enable_x64", True)
        given, call = jax.numpy.asarray(data), jax.jit(ours) if "jit" in job else by_vmap()

    def accuracy(weights: np.ndarray) -> str:
        expected = np.array([exact(x, penalty) for x in part])
        error = np.max(np.abs(weights[: len(part)] - expected)) / np.max(np.abs(expected))
        assert error < 1e-6
        return f"{error:.0e}"

    settings: dict[str, Any] = {"accuracy": accuracy, "parts": len(given)}
    if given is not data and "loop" not in job:
        settings["traced"] = False
    measure(penalty, job, lambda: on_host(call(given)), **settings)

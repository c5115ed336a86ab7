"""Targets next to what a user would pick, and how many units of the last place each is off.

    python -m pytest benchmarks/bench_targets.py

Times are per value, for 10^6 alphas, uniform in the logarithm over [1e-8, 0.97]; for 10^8 on a GPU,
where the ratio of a copy is the share of its bandwidth. The accuracy is the largest error over 100
of the alphas, against enclosures.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from flint import arb
from logitreg import penalties, target
from logitreg.numerics.kernels import kernel
from logitreg.numerics.target_enclosures import target_enclosure
from scipy.optimize import newton
from scipy.optimize.elementwise import find_root
from scipy.special import lambertw

# A kink or a bound leaves the root finders no equation; the entropy's slope underflows for them.
SMOOTH = [name for name in penalties() if name not in ("absolute", "elastic", "box", "entropy")]


def residual(z: Any, alpha: Any, name: str) -> Any:
    return alpha * kernel(name).slope(z) - (1 - alpha) / (1 + np.exp(z))


def by_find_root(name: str, alpha: Any) -> Any:
    ends = np.zeros_like(alpha), np.full_like(alpha, 30.0)
    return find_root(lambda z, a: residual(z, a, name), ends, args=(alpha,)).x


def by_newton(name: str, alpha: Any) -> Any:
    def derivative(z: Any, a: Any) -> Any:
        e = np.exp(z)
        return a * kernel(name).curvature(z) + (1 - a) * e / (1 + e) ** 2

    zero = np.zeros_like(alpha)
    return newton(lambda z, a: residual(z, a, name), zero, fprime=derivative, args=(alpha,))


def by_halley(name: str, alpha: Any) -> Any:
    """Four steps of Halley's on z (exp(z) + 1) = y, for the quadratic penalty."""
    y = (1 - alpha) / (2 * alpha)
    z = np.minimum(y / 2, np.log1p(y))
    for _ in range(4):
        e = np.exp(z)
        slope = e * (1 + z) + 1
        step = (z * (e + 1) - y) / slope
        z = z - step / (1 - step * e * (2 + z) / (2 * slope))
    return z


def by_lambertw(name: str, alpha: Any) -> Any:
    c = (1 - alpha) / alpha
    return c + lambertw(c * np.exp(-c)).real


ROOT_FINDERS = {"logitreg": target, "SciPy find_root": by_find_root, "SciPy newton": by_newton}
JOBS = {
    **{(name, job): run for name in SMOOTH for job, run in ROOT_FINDERS.items()},
    ("quadratic", "4 steps of Halley's, NumPy"): by_halley,
    ("entropy", "logitreg"): target,
    ("entropy", "SciPy lambertw"): by_lambertw,
}


def in_ulp(name: str, alpha: Any) -> Callable[[Any], str]:
    """Accuracy of targets in units of the last place; all must agree to 1e-6."""

    def accuracy(found: Any) -> str:
        worst = 0.0
        for a, z in zip(alpha[:100].tolist(), found[:100].tolist(), strict=True):
            exact = target_enclosure(name, a, digits=20)
            worst = max(worst, float(abs(arb(z) - exact)) / math.ulp(float(exact)))
        assert worst < 1e-6 * 2**52, f"{name}: off by {worst:.3g} ulp"
        return f"{worst:.2g} ulp"

    return accuracy


@pytest.fixture(scope="module")
def alpha(small: bool) -> Any:
    size = 10**3 if small else 10**6
    return np.exp(np.random.default_rng(0).uniform(np.log(1e-8), np.log(0.97), size))


@pytest.mark.parametrize(("name", "job"), JOBS)
def bench_target(measure: Any, alpha: Any, name: str, job: str) -> None:
    run, accuracy = JOBS[name, job], in_ulp(name, alpha)
    measure(name, job, lambda: run(name, alpha), accuracy=accuracy, parts=alpha.size)


def quadratic(alpha: Any) -> Any:
    return target("quadratic", alpha)


def compiled(alpha: Any) -> tuple[Callable[[Any], Any], Callable[[Any], str]]:
    """The quadratic target of PyTorch's compiler, and its accuracy, if it is one kernel."""
    torch = pytest.importorskip("torch")
    metrics = pytest.importorskip("torch._inductor.metrics")
    metrics.reset()

    def accuracy(found: Any) -> str:
        assert metrics.generated_kernel_count == 1
        return in_ulp("quadratic", alpha)(found) + ", one kernel"

    return torch.compile(quadratic, fullgraph=True), accuracy


def bench_jax(measure: Any, alpha: Any) -> None:
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    given, call = jax.numpy.asarray(alpha), jax.jit(quadratic)
    settings = {"accuracy": in_ulp("quadratic", alpha), "traced": False, "parts": alpha.size}
    measure("quadratic", "logitreg, jax.jit", lambda: call(given).block_until_ready(), **settings)


@pytest.mark.parametrize("job", ["logitreg, torch", "logitreg, torch.compile"])
def bench_torch(measure: Any, alpha: Any, job: str) -> None:
    given = pytest.importorskip("torch").asarray(alpha)
    eager = quadratic, in_ulp("quadratic", alpha)
    call, accuracy = compiled(alpha) if "compile" in job else eager
    settings = {"accuracy": accuracy, "traced": False, "parts": alpha.size}
    measure("quadratic", job, lambda: call(given), **settings)


@pytest.mark.benchmark(timer=time.perf_counter)
@pytest.mark.parametrize("job", ["logitreg, torch.compile", "copy"])
def bench_torch_on_gpu(measure: Any, alpha: Any, job: str) -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("PyTorch sees no GPU")
    given = torch.asarray(alpha, device="cuda").repeat(100)
    copy = torch.empty_like(given).copy_, lambda found: ""
    call, accuracy = copy if job == "copy" else compiled(alpha)
    settings = {"accuracy": accuracy, "traced": False, "parts": given.numel()}
    run = lambda: (call(given), torch.cuda.synchronize())[0]  # noqa: E731
    measure(f"quadratic, {torch.cuda.get_device_name()}", job, run, **settings)

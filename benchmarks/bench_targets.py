"""Targets next to what a user would write instead: nanoseconds per value, and ratios.

    python benchmarks/bench_targets.py

All penalties against SciPy's vectorised find_root on the same equation, for 10^6 alphas, uniform in
the logarithm over [1e-8, 0.97]; the quadratic one also against Halley's iteration in NumPy, and
under the compilers of JAX and PyTorch where these are installed. One core, except for PyTorch. The
best of several runs that alternate, so that a busy machine slows all alike.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
from logitreg.numerics.catalogue import CATALOGUE
from logitreg.numerics.kernels import kernel
from logitreg.numerics.targets import target
from scipy.optimize.elementwise import find_root
from scipy.special import lambertw

# A kink or a bound leaves the root finder no equation; the entropy's slope underflows for it.
_LEFT_OUT = ("absolute", "elastic", "box", "entropy")

Job = Callable[[], Any]


def _best(jobs: dict[str, Job], repeats: int) -> dict[str, float]:
    """Seconds of the fastest run of each job, after one that warms up."""
    best = dict.fromkeys(jobs, float("inf"))
    for run in range(repeats + 1):
        for name, job in jobs.items():
            start = time.perf_counter()
            job()
            if run:
                best[name] = min(best[name], time.perf_counter() - start)
    return best


def _strengths(size: int) -> Any:
    return np.exp(np.random.default_rng(0).uniform(np.log(1e-8), np.log(0.97), size))


def _root_finder(name: str, alpha: Any) -> Any:
    slope = kernel(name).slope

    def residual(z: Any, strength: Any) -> Any:
        return strength * slope(z) - (1 - strength) / (1 + np.exp(z))

    with np.errstate(all="ignore"):
        ends = np.zeros_like(alpha), np.full_like(alpha, 30.0)
        return find_root(residual, ends, args=(alpha,)).x


def _halley(alpha: Any) -> Any:
    """Four steps of Halley's on z (exp(z) + 1) = y, in plain NumPy."""
    y = (1 - alpha) / (2 * alpha)
    z = np.minimum(y / 2, np.log1p(y))
    for _ in range(4):
        e = np.exp(z)
        slope = e * (1 + z) + 1
        step = (z * (e + 1) - y) / slope
        z = z - step / (1 - step * e * (2 + z) / (2 * slope))
    return z


def _entropy_by_lambert(alpha: Any) -> Any:
    c = (1 - alpha) / alpha
    return c + lambertw(c * np.exp(-c)).real


def _compilers(alpha: Any) -> dict[str, Job]:
    jobs: dict[str, Job] = {}
    if importlib.util.find_spec("jax"):
        import jax

        jax.config.update("jax_enable_x64", True)
        on_jax, jitted = jax.numpy.asarray(alpha), jax.jit(lambda a: target("quadratic", a))
        jobs["jax.jit"] = lambda: jitted(on_jax).block_until_ready()
    if importlib.util.find_spec("torch"):
        import torch

        tensor = torch.from_numpy(alpha)
        compiled = torch.compile(lambda a: target("quadratic", a), fullgraph=True)
        jobs["torch"] = lambda: target("quadratic", tensor)
        jobs["torch.compile"] = lambda: compiled(tensor)
    return jobs


def _row(label: str, seconds: float, reference: float, size: int) -> None:
    print(f"{label:28s} {1e9 * seconds / size:10.1f} {reference / seconds:8.1f}")


def _every_penalty(size: int) -> None:
    alpha = _strengths(size)
    print(f"{'penalty':28s} {'ns':>10s} {'x find_root':>11s}")
    for name in CATALOGUE:
        if name in _LEFT_OUT:
            continue
        if not np.allclose(_root_finder(name, alpha), target(name, alpha), rtol=1e-6, atol=1e-9):
            raise ArithmeticError(f"{name}: the two methods disagree")
        best = _best(
            {
                "ours": lambda n=name: target(n, alpha),
                "theirs": lambda n=name: _root_finder(n, alpha),
            },
            2,
        )
        _row(name, best["ours"], best["theirs"], size)
    jobs = {
        "ours": lambda: target("entropy", alpha),
        "theirs": lambda: _entropy_by_lambert(alpha),
    }
    best = _best(jobs, 3)
    print(f"entropy: {best['theirs'] / best['ours']:.1f} times scipy.special.lambertw")


def _quadratic(size: int) -> None:
    alpha = _strengths(size)
    jobs = {
        "find_root": lambda: _root_finder("quadratic", alpha),
        "target": lambda: target("quadratic", alpha),
        "target, 10 classes": lambda: target("quadratic", alpha, classes=10),
        "4 Halley steps in NumPy": lambda: _halley(alpha),
        "exp alone": lambda: np.exp(alpha),
        **_compilers(alpha),
    }
    print(f"\n{'quadratic':28s} {'ns':>10s} {'x find_root':>11s}")
    best = _best(jobs, 7)
    for name, seconds in best.items():
        _row(name, seconds, best["find_root"], size)
    exact, plain = target("quadratic", alpha), _halley(alpha)
    print(f"4 Halley steps: off by {np.max(np.abs(plain - exact) / np.spacing(exact)):.0f} ulp")
    tracemalloc.start()
    target("quadratic", alpha)
    peak = tracemalloc.get_traced_memory()[1] - alpha.nbytes
    tracemalloc.stop()
    print(f"memory beside the result: {peak / 2**20:.1f} MiB")


def _on_gpu(size: int) -> None:
    """Share of the copy bandwidth that one fused kernel of the quadratic target reaches."""
    import torch

    alpha = torch.empty(size, dtype=torch.float64, device="cuda").uniform_(1e-8, 0.97)
    result = torch.empty_like(alpha)
    compiled = torch.compile(lambda a: target("quadratic", a), fullgraph=True)

    def synchronous(job: Job) -> Job:
        return lambda: (job(), torch.cuda.synchronize())

    jobs = {
        "copy": synchronous(lambda: result.copy_(alpha)),
        "target": synchronous(lambda: compiled(alpha)),
    }
    best = _best(jobs, 10)
    print(f"\n{torch.cuda.get_device_name()}: {16 * size / best['target'] / 1e9:.0f} GB/s,")
    print(f"{best['copy'] / best['target']:.2f} of the bandwidth of a copy")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--size", type=int, default=10**6)
    parser.add_argument("--gpu-size", type=int, default=10**8)
    arguments = parser.parse_args()
    _every_penalty(arguments.size)
    _quadratic(arguments.size)
    if importlib.util.find_spec("torch"):
        import torch

        if torch.cuda.is_available():
            _on_gpu(arguments.gpu_size)


if __name__ == "__main__":
    main()

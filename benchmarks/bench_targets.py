"""Targets of the catalogue against a vectorised root finder on the same equation.

    python benchmarks/bench_targets.py

Both solve f'(z) alpha = (1 - alpha)/(1 + exp(z)) for 10^6 alphas in [1e-8, 0.97]; the ratio is
that of the best of a few runs each.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from logitreg.numerics.catalogue import CATALOGUE
from logitreg.numerics.kernels import kernel
from logitreg.numerics.targets import target
from scipy.optimize.elementwise import find_root

# A kink or a bound leaves the root finder no equation; the entropy's slope underflows for it.
_LEFT_OUT = ("absolute", "elastic", "box", "entropy")


def _seconds(run: Callable[[], Any], repeats: int) -> float:
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return best


def measure(name: str, size: int) -> tuple[float, float]:
    """Seconds of lr.target and of SciPy's find_root for one penalty."""
    exponents = np.random.default_rng(0).uniform(np.log(1e-8), np.log(0.97), size)
    alpha = np.exp(exponents)
    slope = kernel(name).slope

    def residual(z: Any, strength: Any) -> Any:
        return strength * slope(z) - (1 - strength) / (1 + np.exp(z))

    def by_root_finder() -> Any:
        high = np.full(size, 30.0)
        return find_root(residual, (np.zeros(size), high), args=(alpha,))

    with np.errstate(all="ignore"):
        found = by_root_finder()
        ours = target(name, alpha)
        if not np.allclose(found.x, ours, rtol=1e-6, atol=1e-9):
            raise ArithmeticError(f"{name}: the two methods disagree")
        return _seconds(lambda: target(name, alpha), 5), _seconds(by_root_finder, 2)


def main() -> None:
    """Print nanoseconds per target and the ratio, for the smooth penalties."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--size", type=int, default=10**6)
    size = parser.parse_args().size
    print(f"{'penalty':16s} {'target ns':>10s} {'find_root ns':>13s} {'ratio':>7s}")
    for name in CATALOGUE:
        if name not in _LEFT_OUT:
            ours, theirs = (1e9 * t / size for t in measure(name, size))
            print(f"{name:16s} {ours:10.1f} {theirs:13.0f} {theirs / ours:7.1f}")


if __name__ == "__main__":
    main()

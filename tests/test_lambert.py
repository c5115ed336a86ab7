"""The fast root behind the quadratic and Huber targets."""

from __future__ import annotations

import tracemalloc

import logitreg as lr
import mpmath
import numpy as np
import pytest
from logitreg.numerics import lambert
from logitreg.numerics.lambert import lambert_root
from mpmath import mpf

CASES = [(1.0, 2.0, 1.0), (1.0, 1.0, 1.0), (2.0, 2.0, 3.0), (9.0, 2.0, 10.0), (1e6, 1.0, 1e6 + 1)]


def exact_root(alpha: float, rest: float, m: float, n: float) -> mpf:
    with mpmath.workdps(50):
        y = mpf(n) * (1 - mpf(alpha)) / (mpf(alpha) * mpf(m))
        # In log g the condition is convex and increasing: Newton's method cannot fail.
        u = mpmath.log(min(y, mpmath.log1p(y)))
        for _ in range(200):
            g = mpmath.exp(u)
            share = mpmath.exp(g) / (mpmath.exp(g) + rest)
            excess = u + mpmath.log(mpmath.exp(g) + rest) - mpmath.log(y)
            step = excess / (1 + g * share)
            u -= step
            if abs(step) < mpf(10) ** -40:
                return mpmath.exp(u)
    raise ArithmeticError("no convergence")


def errors_in_ulp(alpha: np.ndarray, found: np.ndarray, case: tuple[float, ...]) -> list[float]:
    with mpmath.workdps(50):
        exact = [exact_root(float(a), *case) for a in alpha]
        return [
            float(abs(mpf(float(g)) - e) / mpf(float(np.spacing(float(e)))))
            for g, e in zip(found, exact, strict=True)
        ]


def strengths(rest: float) -> np.ndarray:
    rng = np.random.default_rng(1)
    least = (1 + rest) * lambert._TINY
    at_the_change = [least, np.nextafter(least, 0), least * 1.5, least / 1.5]
    small, middle = 10 ** rng.uniform(-323, -30, 25), 10 ** rng.uniform(-30, 0, 60)
    large = 1 - 10 ** rng.uniform(-15.9, 0, 25)
    return np.concatenate([[5e-324, 1 - 2.0**-53], at_the_change, small, middle, large])


@pytest.mark.parametrize("case", CASES, ids=str)
def test_root_is_within_one_and_a_half_ulp_everywhere(case: tuple[float, ...]) -> None:
    alpha = strengths(case[0])
    with np.errstate(over="ignore", under="ignore"):
        found = lambert_root(np, alpha, *case)
    assert max(errors_in_ulp(alpha, found, case)) <= 1.5


def test_the_criterion_rejects_a_residual_without_its_low_parts() -> None:
    case = CASES[0]
    alpha = np.linspace(0.01, 0.6, 400)
    g = lambert_root(np, alpha, *case)
    grown = np.exp(g)
    naive = g + ((1 - alpha) / (2 * alpha) - g * (grown + 1)) / (grown * (1 + g) + 1)
    assert max(errors_in_ulp(alpha, naive, case)) > 1.5


def test_start_for_two_classes_is_as_near_as_one_step_needs() -> None:
    g = np.concatenate([np.logspace(-16, 0, 200), np.linspace(1, 70, 2000)])
    y = g * (np.exp(g) + 1)
    after, _, _ = lambert._root_in_float32(np, y.astype(np.float32), 1.0)
    assert np.max(np.abs(after / g - 1)) < 2e-6
    w = np.log1p(y - y / (2 + y * 0.75179))
    start = w - w * np.log1p(w * 1.0513) / (w + 1.86329)
    assert np.max(np.abs(start - g) / np.minimum(g, 1)) < 0.017


@pytest.mark.parametrize("rest", [2.0, 9.0, 999.0, 1e6, 1e8])
def test_start_for_many_classes_is_as_near(rest: float) -> None:
    g = np.concatenate([np.logspace(-16, 0, 200), np.linspace(1, 60, 2000)])
    y = (g * (np.exp(g) + rest)).astype(np.float32)
    found, _, _ = lambert._root_in_float32(np, y, rest)
    assert np.max(np.abs(found / g - 1)) < 4e-6


def test_a_target_does_not_depend_on_its_neighbours() -> None:
    rng = np.random.default_rng(2)
    alpha = np.exp(rng.uniform(np.log(1e-8), np.log(0.97), 3000))
    mixed = np.concatenate([alpha, [5e-324, 1e-200, 1e-30]])
    for classes in (2, 10):
        together = lr.target("quadratic", mixed, classes)[: alpha.size]
        np.testing.assert_array_equal(together, lr.target("quadratic", alpha, classes))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_memory_beside_the_result_does_not_grow_with_the_size(dtype: type) -> None:
    alpha = np.linspace(0.01, 0.9, 2_000_000, dtype=dtype)
    lr.target("quadratic", alpha[:10])
    tracemalloc.start()
    lr.target("quadratic", alpha)
    beside = tracemalloc.get_traced_memory()[1] - alpha.nbytes
    tracemalloc.stop()
    assert beside < 6 * 2**20

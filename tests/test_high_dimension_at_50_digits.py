"""The limit of high dimension against its equations at 50 digits, from the easy to the extreme.

The means are taken over p, from Z = p + gamma l'(p), by Gauss-Legendre quadrature in mpmath.
Newton's method for the equations of :mod:`logitreg.theory.high_dimension` then says by how much the
float64 answer is off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

import logitreg as lr
import mpmath
import numpy as np
import pytest
from mpmath import mpf

_DIGITS, _NODES, _TAIL = 50, 28, 11


class Penalty(NamedTuple):
    """f' and f'', and the kinks of f with the jump of f' to either side of zero, or walls."""

    slope: Callable[[Any], Any]
    curvature: Callable[[Any], Any]
    kinks: tuple[tuple[int, Any], ...] = ()
    bends: tuple[int, ...] = ()


PENALTIES = {
    "quadratic": Penalty(lambda z: 2 * z, lambda z: mpf(2)),
    "(z + 1)^2": Penalty(lambda z: 2 * z + 2, lambda z: mpf(2)),
    "log-cosh": Penalty(mpmath.tanh, lambda z: mpmath.sech(z) ** 2),
    "absolute": Penalty(mpmath.sign, lambda z: mpf(0), kinks=((0, 1),)),
    "huber": Penalty(
        lambda z: z if abs(z) < 1 else mpmath.sign(z),
        lambda z: mpf(abs(z) < 1),
        bends=(-1, 1),
    ),
}


@cache
def legendre() -> list[tuple[Any, Any]]:
    """Nodes and weights on [-1, 1], those of NumPy refined by Newton's method."""
    with mpmath.workdps(_DIGITS):
        found = []
        for start in np.polynomial.legendre.leggauss(_NODES)[0]:
            x = mpf(float(start))
            for _ in range(3):
                last, value = mpf(1), x
                for k in range(2, _NODES + 1):
                    last, value = value, ((2 * k - 1) * x * value - (k - 1) * last) / k
                slope = _NODES * (x * value - last) / (x * x - 1)
                x -= value / slope
            found.append((x, 2 / ((1 - x * x) * slope**2)))
        return found


class Cell(NamedTuple):
    penalty: str
    alpha: float
    aspect_ratio: float
    signal_noise: float
    weight_decay: float

    def slope(self, z: Any, kink: Any = 0) -> Any:
        """l', at a kink of f with this for f'."""
        f = PENALTIES[self.penalty]
        at_kink = any(z == point for point, _ in f.kinks)
        bend = mpf(kink) if at_kink else f.slope(z)
        return -(1 - mpf(self.alpha)) / (1 + mpmath.exp(z)) + mpf(self.alpha) * bend

    def curvature(self, z: Any) -> Any:
        entropy = (1 - mpf(self.alpha)) / (2 + mpmath.exp(z) + mpmath.exp(-z))
        return entropy + mpf(self.alpha) * PENALTIES[self.penalty].curvature(z)

    def proximal(self, z: Any, gamma: Any) -> Any:
        """By bisection, to what the ends of an integral need."""
        for point, jump in PENALTIES[self.penalty].kinks:
            low, high = (point + gamma * self.slope(point, side * jump) for side in (-1, 1))
            if low <= z <= high:
                return mpf(point)
        low, high = -abs(z) - gamma - 1, abs(z) + gamma + 1
        while high - low > mpf(10) ** -22 * (abs(low) + abs(high)):
            middle = (low + high) / 2
            if middle + gamma * self.slope(middle) > z:
                high = middle
            else:
                low = middle
        return low

    def means(self, first: Any, q: Any, gamma: Any) -> tuple[Any, Any, Any]:
        """E p', E r and E r^2, mu_f and sigma_n being one."""
        s = mpmath.hypot(first * mpf(self.signal_noise), q)
        totals = [mpf(0)] * 3

        def add(weight: Any, *values: Any) -> None:
            for i, value in enumerate(values):
                totals[i] += weight * value

        ends = [self.proximal(first + side * _TAIL * s, gamma) for side in (-1, 1)]
        f = PENALTIES[self.penalty]
        points = [*f.bends, *(point for point, _ in f.kinks)]
        for begin, finish in self.panels(*ends, points):
            for node, weight in legendre():
                p = (begin + finish + (finish - begin) * node) / 2
                pull, bend = gamma * self.slope(p), gamma * self.curvature(p)
                density = mpmath.npdf((p + pull - first) / s) * weight * (finish - begin) / (2 * s)
                add(density, 1, -(1 + bend) * pull, (1 + bend) * pull**2)
        for point, jump in f.kinks:
            low, high = (
                (point + gamma * self.slope(point, side * jump) - first) / s for side in (-1, 1)
            )
            inside = [mpf(v) for v in range(-_TAIL, _TAIL + 1, 2)]
            cuts = [min(max(v, low), high) for v in inside]
            for begin, finish in pairwise(sorted({*cuts, max(low, inside[0])})):
                for node, weight in legendre():
                    g = (begin + finish + (finish - begin) * node) / 2
                    r = point - first - s * g
                    add(mpmath.npdf(g) * weight * (finish - begin) / 2, 0, r, r**2)
        return totals[0], totals[1], totals[2]

    @staticmethod
    def panels(low: Any, high: Any, points: list[int]) -> Iterator[tuple[Any, Any]]:
        """Between the points, of even length in asinh(p)."""
        inner = [mpf(point) for point in sorted(points) if low < point < high]
        for begin, finish in pairwise([low, *inner, high]):
            first, last = mpmath.asinh(begin), mpmath.asinh(finish)
            count = max(3, int((last - first) / mpf("0.8")) + 1)
            if last - first < mpf("1e-3"):
                cuts = [begin + (finish - begin) * i / count for i in range(1, count)]
            else:
                cuts = [mpmath.sinh(first + (last - first) * i / count) for i in range(1, count)]
            yield from pairwise([begin, *cuts, finish])

    def defects(self, first: Any, q: Any, gamma: Any) -> tuple[Any, Any, Any]:
        slope, step, square = self.means(first, q, gamma)
        ratio, decay = mpf(self.aspect_ratio), mpf(self.weight_decay) * gamma
        pull = first * (mpf(self.signal_noise) ** 2 * (ratio - decay) + decay)
        return slope - 1 + ratio - decay, square / (ratio * q**2) - 1, (step - pull) / q


def correction(cell: Cell, first: float, q: float) -> float:
    """The relative change of S_1 and q on the way to the solution at 50 digits."""
    with mpmath.workdps(_DIGITS):
        a, b = mpf(first), mpf(q)
        # E r^2 grows with gamma.
        low, high = mpf(-12), mpf(32)
        for _ in range(14):
            middle = (low + high) / 2
            if cell.defects(a, b, mpmath.exp(middle))[1] > 0:
                high = middle
            else:
                low = middle
        x = mpmath.matrix([0, 0, low])

        def defects(x: Any) -> Any:
            return mpmath.matrix(cell.defects(a + b * x[0], b * mpmath.exp(x[1]), mpmath.exp(x[2])))

        for _ in range(4):
            value, jacobian, h = defects(x), mpmath.matrix(3, 3), mpf(10) ** -16
            for j in range(3):
                moved = x.copy()
                moved[j] += h
                change = (defects(moved) - value) / h
                for i in range(3):
                    jacobian[i, j] = change[i]
            x -= mpmath.lu_solve(jacobian, value)
        assert max(abs(v) for v in defects(x)) < mpf(10) ** -15
        return float(max(abs(b * x[0] / a), abs(x[1])))


@pytest.mark.parametrize(
    "cell",
    [
        Cell("huber", 0.1, 0.9, 1.0, 1e-3),
        Cell("absolute", 0.1, 0.5, 10.0, 1.0),
        # Logits alike to seven and to thirteen digits.
        Cell("huber", 0.5, 0.5, 0.0, 1e-6),
        Cell("quadratic", 0.97, 0.001, 0.0, 1e-12),
        # Logits 600 wide, next to the separability threshold.
        Cell("log-cosh", 1e-4, 0.5, 10.0, 0.0),
        # A negative target.
        Cell("(z + 1)^2", 0.5, 2.0, 10.0, 1000.0),
        # A large envelope.
        Cell("absolute", 1e-4, 1000.0, 1000.0, 1e-3),
    ],
    ids=str,
)
def test_the_weights_solve_the_equations_at_50_digits(cell: Cell) -> None:
    found = lr.asymptotics(
        cell.aspect_ratio,
        signal_noise=cell.signal_noise,
        penalty=cell.penalty,
        alpha=cell.alpha,
        weight_decay=cell.weight_decay,
    )
    weights = found.signal_weight, found.noise_weight
    assert correction(cell, *weights) < 1e-12


def test_weights_that_are_off_are_told() -> None:
    cell = Cell("quadratic", 0.1, 0.5, 0.3, 0.0)
    found = lr.asymptotics(0.5, signal_noise=0.3, alpha=0.1)
    off = correction(cell, found.signal_weight * (1 + 1e-9), found.noise_weight)
    assert 0.9e-9 < off < 1.1e-9

"""The certificate of alignment against the theorem, evaluated at 50 digits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from logitreg.numerics.alignment import alignment
from logitreg.numerics.fit import fit
from mpmath import mp, mpf

# (f', f'') in mpmath, written out independently of the package.
REFERENCE: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "quadratic": (lambda z: 2 * z, lambda z: mpf(2)),
    "label-smoothing": (lambda z: mp.tanh(z / 2) / 2, lambda z: mp.sech(z / 2) ** 2 / 4),
    "log-cosh": (mp.tanh, lambda z: mp.sech(z) ** 2),
    "pseudo-huber": (lambda z: z / mp.sqrt(1 + z * z), lambda z: (1 + z * z) ** mpf(-1.5)),
}


def exact_certificate(
    X: np.ndarray, weights: np.ndarray, penalty: str, alpha: float
) -> dict[str, Any]:
    """The theorem's terms at 50 digits, by the textbook formulas."""
    f_slope, f_curvature = REFERENCE[penalty]
    a = mpf(alpha)

    def slope(z: Any) -> Any:
        return a * f_slope(z) - (1 - a) / (1 + mp.exp(z))

    def curvature(z: Any) -> Any:
        return a * f_curvature(z) + (1 - a) / (2 + 2 * mp.cosh(z))

    A = mp.matrix(X.tolist())
    z = A * mp.matrix([mpf(float(w)) for w in weights])
    star = mp.findroot(slope, 1.0)

    def w(x: Any) -> Any:
        return curvature(star) if x == star else (slope(x) - slope(star)) / (x - star)

    low, high = min(z), max(z)
    grid = [low + (high - low) * mpf(i) / 400 for i in range(401)]
    values = [w(x) for x in grid]
    extremes = []
    for best in (min, max):
        i = values.index(best(values))
        left, right = grid[max(i - 1, 0)], grid[min(i + 1, 400)]
        for _ in range(60):  # trisection of the bracket
            p, q = left + (right - left) / 3, right - (right - left) / 3
            if best(w(p), w(q)) == w(p):
                right = q
            else:
                left = p
        extremes.append(best(best(values), w((left + right) / 2)))
    m, M = extremes
    gram = A.T * A
    ones = mp.matrix([1] * A.rows)

    def project(v: Any) -> Any:
        return A * mp.lu_solve(gram, A.T * v)

    eps, mean = (M - m) / (M + m), (M + m) / 2
    beta = mp.norm(project(mp.matrix([slope(x) for x in z]))) / mean
    fisher = star * project(ones)
    q = mp.norm(star * ones - fisher)
    p = (beta + eps * mp.sqrt(beta**2 + (1 - eps**2) * q**2)) / (1 - eps**2)
    along = fisher / mp.norm(fisher)
    v = mp.matrix([slope(x) for x in z])
    b = mp.fdot(v - ones * (sum(v) / len(v)), v) / mp.fdot(z - ones * (sum(z) / len(z)), v)
    misfit = v - b * z - ones * (sum(v - b * z) / len(v))
    overlap = mp.fdot(along, z)
    return {
        "curvature": (m, M),
        "epsilon": eps,
        "variation": q / mp.norm(fisher),
        "bound": p / mp.norm(fisher),
        "linearity_bound": (mp.norm(project(v)) + mp.norm(misfit)) / abs(b) / mp.norm(z),
        "angle": mp.atan2(mp.norm(z - overlap * along), overlap),
    }


@pytest.mark.parametrize("penalty", sorted(REFERENCE))
@pytest.mark.parametrize("noise", [0.0, 1e-3, 0.2])
def test_agrees_with_the_theorem_at_50_digits(penalty: str, noise: float) -> None:
    # Multiples of 1/8, so that they are exact, with a mean along the first feature.
    X = np.round(8 * np.random.default_rng(5).standard_normal((7, 2))) / 8 + [1.0, 0.0]
    weights = fit(X, penalty=penalty, alpha=0.3).weights + noise * np.array([1.0, -1.0])
    certificate = alignment(X, weights, penalty=penalty, alpha=0.3)
    with mpmath.workdps(50):
        exact = exact_certificate(X, weights, penalty, 0.3)
        assert abs(certificate.angle - exact["angle"]) <= certificate.angle_error
        assert abs(certificate.linearity_bound / exact["linearity_bound"] - 1) < 1e-9
        for name in ("bound", "epsilon", "variation"):
            assert exact[name] <= getattr(certificate, name) <= exact[name] * (1 + mpf(10) ** -6)
        (m, M), (low, high) = exact["curvature"], certificate.curvature
        assert m * (1 - mpf(10) ** -6) <= low <= m
        assert M <= high <= M * (1 + mpf(10) ** -6)


def test_angle_of_an_ill_conditioned_matrix_lies_within_its_error() -> None:
    rng = np.random.default_rng(3)
    X = rng.standard_normal((12, 4)) @ np.diag([1.0, 1e-3, 1e-6, 1.0])
    X[:, 3] = X[:, 0] + 1e-7 * X[:, 3]
    weights = fit(X, penalty="log-cosh", alpha=0.3).weights
    certificate = alignment(X, weights, penalty="log-cosh", alpha=0.3)
    with mpmath.workdps(50):
        exact = exact_certificate(X, weights, "log-cosh", 0.3)
        assert abs(certificate.angle - exact["angle"]) <= certificate.angle_error < 1e-6
        assert exact["bound"] <= certificate.bound


@pytest.mark.parametrize("alpha", [1e-5, 0.999, 1 - 1e-6])
@pytest.mark.parametrize("name", ["label-smoothing", "log-cosh", "pseudo-huber"])
def test_the_spread_of_curvatures_is_sharp_for_every_strength(name: str, alpha: float) -> None:
    X = np.array([[1.0, 0.3], [2.0, -1.0], [-0.5, 0.4], [0.7, 1.0]])
    weights = fit(X, penalty=name, alpha=alpha).weights
    certificate = alignment(X, weights, penalty=name, alpha=alpha)
    slope, _ = REFERENCE[name]
    with mp.workdps(50):
        target = mpf(certificate.target)

        def full(z: Any) -> Any:
            return alpha * slope(z) - (1 - mpf(alpha)) / (1 + mp.exp(z))

        low, high = certificate.logit_min, certificate.logit_max
        means = [
            (full(z) - full(target)) / (z - target)
            for z in (mpf(low) + (mpf(high) - mpf(low)) * k / 997 for k in range(998))
        ]
        spread = max(means) - min(means)
        m, M = map(mpf, certificate.curvature)
        assert m <= min(means)
        assert max(means) <= M
        # A thousand points miss the extremes by less than that; float64 rounds the bounds.
        assert M - m <= spread * (1 + 1e-4) + mpf(2) ** -49

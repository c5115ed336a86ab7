"""Parts of the certificate of alignment hold whatever the numbers are that they enclose."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from flint import arb
from logitreg.numerics.alignment import Targets, _centred, _linearity_bound
from logitreg.numerics.curvature import _largest_eigenvalue
from logitreg.numerics.rounding import Enclosed


def softmax_curvature(p: np.ndarray) -> float:
    return float(np.linalg.eigvalsh(np.diag(p) - np.outer(p, p))[-1])


def test_largest_curvature_of_the_softmax_is_within_its_bound() -> None:
    """The bound knows of each probability only that it is at least so much."""
    rng = np.random.default_rng(12)
    for _ in range(3000):
        p = rng.dirichlet(np.full(rng.integers(2, 8), 10.0 ** rng.uniform(-1.5, 1.5)))
        least = p * (1 - rng.choice([0, 1e-9, 0.1, 0.5]) * rng.uniform(size=p.size))
        assert softmax_curvature(p) <= _largest_eigenvalue(least.tolist()) + 1e-15


@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize(("alpha", "factor"), [(1e-6, 1.0001), (0.1, 1.1), (0.9, 1.5)])
def test_bound_of_the_curvature_is_sharp_at_targets(
    classes: int, alpha: float, factor: float
) -> None:
    p = np.full(classes, alpha / classes)
    p[1] += 1 - alpha
    exact = classes * p[0] * p[1]
    assert softmax_curvature(p) == pytest.approx(exact, rel=1e-6)
    assert exact <= _largest_eigenvalue(p.tolist()) * (1 + 1e-12)
    assert _largest_eigenvalue(p.tolist()) <= factor * exact


@pytest.mark.parametrize("wide", ["gradients", "logits", "targets"])
def test_linearity_bound_covers_all_that_the_enclosures_hold(wide: str) -> None:
    """At the ends of wide radii, where the misfit is the largest."""
    rng = np.random.default_rng(7)
    V, Z, T = rng.standard_normal((3, 20, 2))
    radius = {"gradients": 0.0, "logits": 0.0, "targets": 0.0} | {wide: 0.05}
    bound = _linearity_bound(
        Enclosed(V, np.full_like(V, radius["gradients"])),
        Enclosed(Z, np.full_like(Z, radius["logits"])),
        Targets(T, radius["targets"], 1.0, False),
        arb(0.25),
    )
    columns = np.stack([T.ravel(), V.ravel()], axis=1)
    s, t = np.linalg.lstsq(columns, Z.ravel(), rcond=None)[0]
    misfit = np.sign(Z - s * T - t * V)
    moved = {"gradients": -np.sign(t) * misfit, "logits": misfit, "targets": -np.sign(s) * misfit}
    V, Z, T = (
        M + radius[name] * moved[name]
        for name, M in (("gradients", V), ("logits", Z), ("targets", T))
    )
    worst = (abs(t) * 0.25 + np.linalg.norm(Z - s * T - t * V)) / np.linalg.norm(Z)
    assert worst <= bound <= 1.1 * worst


def test_centred_logits_are_enclosed_whatever_their_radii() -> None:
    """Of logits in boxes the centred k-th moves by r_k (1 - 1/K) and the others' r/K."""
    rng = np.random.default_rng(8)
    mid, radius = rng.standard_normal((5, 3)), rng.uniform(0, 1, (5, 3)) ** 4
    found = _centred(Enclosed(mid, radius))
    for signs in itertools.product((-1, 1), repeat=3):
        corner = mid + signs * radius
        distance = np.abs(corner - corner.mean(axis=1, keepdims=True) - found.mid)
        assert np.all(distance <= found.radius)
    assert np.all(found.radius <= radius + radius.mean(axis=1, keepdims=True) + 1e-8)

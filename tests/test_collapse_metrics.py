"""NC1 to NC4: zero at collapse, invariances, and definitions computed in another way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from logitreg.errors import DataError, NonFiniteError, ShapeError
from logitreg.numerics.neural_collapse import CollapseMetrics, collapse_metrics
from logitreg.proofs_checks.dynamics import collapse
from logitreg.theory import neural_collapse as theory
from logitreg.theory.symbols import K
from scipy.stats import ortho_group

CLASSES, EACH, FEATURES = 4, 6, 7


def frame() -> np.ndarray:
    """Rows of P R, R with orthonormal rows: a simplex in FEATURES dimensions."""
    rotation = ortho_group.rvs(FEATURES, random_state=3)[:CLASSES]
    return (np.eye(CLASSES) - 1 / CLASSES) @ rotation


def noisy(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(CLASSES), EACH)
    H = frame()[y] + 0.3 * rng.standard_normal((len(y), FEATURES))
    return H, y, frame() + 0.2 * rng.standard_normal((CLASSES, FEATURES))


def as_array(metrics: CollapseMetrics) -> np.ndarray:
    return np.array([getattr(metrics, name) for name in vars(metrics)])


def by_definition(H: np.ndarray, y: np.ndarray, W: np.ndarray) -> np.ndarray:
    """The definitions word for word, with pseudo-inverse and loops."""
    means = np.array([H[y == c].mean(axis=0) for c in range(CLASSES)])
    M = means - means.mean(axis=0)
    inside = sum(np.outer(h - means[c], h - means[c]) for h, c in zip(H, y, strict=True)) / len(H)
    between = sum(np.outer(m, m) for m in M) / CLASSES
    simplex = (np.eye(CLASSES) - 1 / CLASSES) / np.sqrt(CLASSES - 1)
    wrong = [np.argmax(W @ h) != np.argmin([np.linalg.norm(h - m) for m in means]) for h in H]
    return np.array(
        [
            np.trace(inside @ np.linalg.pinv(between, rcond=1e-10)) / CLASSES,
            np.linalg.norm(W @ W.T / np.linalg.norm(W @ W.T) - simplex),
            np.linalg.norm(M @ M.T / np.linalg.norm(M @ M.T) - simplex),
            np.linalg.norm(W / np.linalg.norm(W) - M / np.linalg.norm(M)),
            np.mean(wrong),
        ]
    )


def test_metrics_are_their_definitions() -> None:
    found = collapse_metrics(*noisy())
    expected = by_definition(*noisy())
    assert expected[-1] > 0
    np.testing.assert_allclose(as_array(found), expected, rtol=1e-12)


def test_all_metrics_vanish_at_the_minimiser_of_the_theory() -> None:
    n, decays = EACH, {theory.weight_decay: 5e-3, theory.feature_decay: 2e-3}
    strength = theory.decay_weights().subs({K: CLASSES, theory.samples: n, **decays})
    point = {theory.decay_strength: float(strength), theory.delta: 0.1, K: CLASSES}
    gap = float(theory.gap_at_minimiser().subs(point))
    scale = np.sqrt(float(theory.features_scale(gap).subs({**decays, theory.samples: n})))
    H = np.repeat(scale * frame(), n, axis=0)
    W = gap / scale * frame()
    size = theory.weights_squared_norm(gap).subs({**decays, theory.samples: n, K: CLASSES})
    assert np.linalg.norm(W) ** 2 == pytest.approx(float(size), rel=1e-12)
    found = collapse_metrics(H, np.repeat(np.arange(CLASSES), n), W)
    assert as_array(found).max() < 1e-14
    tilted = W + 0.1 * np.eye(CLASSES, FEATURES)
    assert collapse_metrics(H, np.repeat(np.arange(CLASSES), n), tilted).duality > 1e-3


def test_rotations_and_scales_of_the_features_and_a_shift_change_nothing() -> None:
    H, y, W = noisy()
    before = as_array(collapse_metrics(H, y, W))
    rotation = ortho_group.rvs(FEATURES, random_state=1)
    after = as_array(collapse_metrics(5 * H @ rotation, y, 0.3 * W @ rotation))
    np.testing.assert_allclose(after, before, rtol=1e-12)
    shift = np.arange(FEATURES)
    shifted = collapse_metrics(H + shift, y, W, bias=-W @ shift)
    np.testing.assert_allclose(as_array(shifted), before, rtol=1e-12)
    stretched = H * np.linspace(1, 2, FEATURES)
    assert abs(as_array(collapse_metrics(stretched, y, W))[2] - before[2]) > 1e-3


def test_the_order_of_samples_and_the_names_of_classes_do_not_matter() -> None:
    H, y, W = noisy()
    order = np.random.default_rng(2).permutation(len(y))
    renamed = np.array(["a", "b", "c", "d"])[y]
    np.testing.assert_allclose(
        as_array(collapse_metrics(H[order], renamed[order], W)),
        as_array(collapse_metrics(H, y, W)),
        rtol=1e-12,
    )


def test_spread_within_classes_moves_the_first_metric_alone() -> None:
    y = np.repeat(np.arange(CLASSES), 2)
    sign = np.tile([1.0, -1.0], CLASSES)[:, None]
    step = 0.1 * frame()[0]
    for size in (1, 2):
        found = collapse_metrics(frame()[y] + size * sign * step, y, frame())
        # Sigma_B = R^T P R/K and step = 0.1 P R: K^-1 tr = 0.01 P_00 times size^2.
        assert found.within == pytest.approx(0.01 * size**2 * (1 - 1 / CLASSES), rel=1e-12)
        assert as_array(found)[1:].max() < 1e-14


def test_trained_features_have_metrics_as_the_simulation_reports_them() -> None:
    run = collapse(0.1, 5e-3, 5e-3, seeds=1, epochs=0)
    rng = np.random.default_rng(2402)
    W = 0.5 * rng.standard_normal((1, 4, 8)) / np.sqrt(8)
    H = 0.5 * rng.standard_normal((1, 8, 20)) / np.sqrt(1)
    found = collapse_metrics(H[0].T, np.repeat(np.arange(4), 5), W[0])
    expected = [run.within[0, 0], run.weights[0, 0], run.means[0, 0], run.duality[0, 0]]
    np.testing.assert_allclose(as_array(found)[:4], expected, rtol=1e-10)


def test_tensors_are_taken() -> None:
    torch = pytest.importorskip("torch")
    H, y, W = noisy()
    found = collapse_metrics(torch.asarray(H), torch.asarray(y), torch.asarray(W).requires_grad_())
    np.testing.assert_array_equal(as_array(found), as_array(collapse_metrics(H, y, W)))


@pytest.mark.parametrize(
    ("error", "changed"),
    [
        (ShapeError, {"weights": np.eye(4)}),
        (ShapeError, {"bias": np.zeros(3)}),
        (DataError, {"labels": np.zeros(24)}),
        (DataError, {"weights": np.zeros((4, 7))}),
        (DataError, {"features": np.ones((24, 7))}),
        (NonFiniteError, {"features": np.full((24, 7), np.nan)}),
    ],
)
def test_errors_say_what_was_expected(error: type[Exception], changed: dict[str, Any]) -> None:
    H, y, W = noisy()
    with pytest.raises(error, match="expected"):
        collapse_metrics(**({"features": H, "labels": y, "weights": W} | changed))


def test_spread_counts_along_the_means_alone_where_they_are_on_a_line() -> None:
    """The definition with the pseudo-inverse of the covariance between the classes, of rank one."""
    rng = np.random.default_rng(3)
    y = np.repeat([0, 1, 2], 5)
    line = np.array([0.6, 0.48, 0.64])
    H = np.outer(np.array([0.0, 1.0, 3.0])[y], line) + rng.standard_normal((15, 3))
    for c in range(3):
        H[y == c] += np.array([0.0, 1.0, 3.0])[c] * line - H[y == c].mean(axis=0)
    means = np.stack([H[y == c].mean(axis=0) for c in range(3)])
    M = means - means.mean(axis=0)
    within = (H - means[y]).T @ (H - means[y]) / len(H)
    expected = np.trace(within @ np.linalg.pinv(M.T @ M / 3, rcond=1e-10)) / 3
    assert collapse_metrics(H, y, np.eye(3)).within == pytest.approx(expected, rel=1e-9)

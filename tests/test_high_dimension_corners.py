"""Corners of the limit of high dimension: kinks, walls, small weight decay, weak penalties."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import mpmath
import numpy as np
import pytest
from logitreg.numerics.held_by_a_kink import held_by_a_kink
from logitreg.numerics.high_dimension import asymptotics
from logitreg.proofs_checks.high_dimension_samples import signal_plus_noise
from numpy.testing import assert_allclose
from scipy.optimize import linprog

ALPHA, SIGNAL = 0.3, 0.5
LEFT, RIGHT = -(1 - ALPHA) / 2 - ALPHA, -(1 - ALPHA) / 2 + ALPHA


@cache
def threshold() -> float:
    """The lambda up to which the kink of the absolute value holds zero weights, to 0.001."""
    ratios = np.arange(0.05, 0.95, 0.001)
    cell = (np.full_like(ratios, v) for v in (SIGNAL, 1.0, 0.0, LEFT, RIGHT))
    held = held_by_a_kink(ratios, *cell)
    assert np.all(np.diff(held.astype(int)) <= 0)
    return float(ratios[held].max())


def test_a_kink_holds_the_weights_of_data_at_zero_below_its_threshold() -> None:
    """Zero weights are optimal iff slopes of the kink balance: a linear programme."""
    limit = threshold()
    assert 0.1 < limit < 0.9
    for ratio, expected in ((limit - 0.1, True), (limit + 0.1, False)):
        for data in signal_plus_noise(250, ratio, SIGNAL, (1.0, 1.0), 4):
            balance = linprog(
                np.zeros(len(data)), A_eq=data.T, b_eq=np.zeros(data.shape[1]), bounds=(LEFT, RIGHT)
            )
            assert (balance.status == 0) == expected


def test_beyond_the_threshold_of_a_kink_the_weights_grow_from_zero() -> None:
    limit = threshold()
    ratios = limit + np.array([-0.01, 2e-3, 1e-2, 0.1])
    found = asymptotics(ratios, signal=SIGNAL, signal_noise=1.0, penalty="absolute", alpha=ALPHA)
    assert found.noise_weight[0] == found.signal_weight[0] == 0
    assert np.isnan(found.cosine[0])
    assert np.all(np.diff(found.noise_weight) > 0)
    assert found.noise_weight[1] < 0.05
    assert np.all(found.residual < 1e-12)


@pytest.mark.parametrize("spread", [0.5, 2.0])
def test_a_kink_without_signal_holds_where_half_the_samples_cannot_agree(spread: float) -> None:
    """A symmetric kink, l' = -1 and 1: zero weights are optimal for any lambda below one."""
    ones = np.ones(3)
    ratios = np.array([0.1, 0.5, 0.99])
    assert held_by_a_kink(ratios, 1e-9 * ones, spread * ones, 0 * ones, -ones, ones).all()
    assert not held_by_a_kink(ratios, 20 * ones, spread * ones, 0 * ones, -ones, -0.9 * ones).any()


def test_walls_hold_all_logits_under_weight_decay_without_noise_along_the_signal() -> None:
    found = asymptotics(
        0.5, signal=2.0, signal_noise=np.array([0.0, 1e-3]), penalty="box", weight_decay=0.01
    )
    assert found.noise_weight[0] == 0
    assert found.train_logit_deviation[0] == 0
    assert found.signal_weight[0] == 0.5 * found.train_logit_mean[0]
    assert_allclose(found.signal_weight[1], found.signal_weight[0], rtol=1e-2)
    strong = asymptotics(0.5, signal=2.0, signal_noise=0.0, penalty="box", weight_decay=1.0)
    assert strong.signal_weight < found.signal_weight[0]


@pytest.mark.parametrize("penalty", ["box", "max(abs(z) - 1, 0)", "quadratic", "huber"])
def test_weight_decay_that_vanishes_tends_to_the_least_norm(penalty: str) -> None:
    cells = {"signal_noise": np.array([0.05, 0.8, 1.5]), "penalty": penalty, "alpha": 0.5}
    exact = asymptotics(1.7, **cells)
    gaps = [
        np.abs(asymptotics(1.7, weight_decay=decay, **cells).noise_weight - exact.noise_weight)
        for decay in (1e-3, 1e-4)
    ]
    assert np.all(gaps[1] <= 0.15 * gaps[0] + 1e-14)
    assert np.all(gaps[1] < 1e-3)


def test_weight_decay_of_any_size_is_solved_without_a_penalty() -> None:
    ratios, noises = np.array([0.1, 0.5, 1.0, 3.0])[:, None, None], np.array([0.1, 1.0])[:, None]
    decays = np.geomspace(1e-5, 10, 7)
    found = asymptotics(ratios, signal_noise=noises, alpha=0.0, weight_decay=decays)
    assert np.all(found.residual < 1e-12)
    assert np.all(np.diff(np.hypot(found.signal_weight, found.noise_weight), axis=-1) < 0)


@pytest.mark.parametrize("penalty", ["absolute", "huber", "label-smoothing", "elastic"])
def test_penalties_too_weak_to_cluster_the_logits_are_solved(penalty: str) -> None:
    found = asymptotics(
        np.array([0.05, 0.5, 0.95])[:, None],
        signal_noise=np.array([0.3, 1.2]),
        penalty=penalty,
        alpha=0.003,
    )
    assert np.all(found.residual < 1e-12)


def test_a_penalty_with_walls_stands_beside_none() -> None:
    found = asymptotics(0.02, penalty="box", signal_noise=1.0, alpha=np.array([0.0, 0.1]))
    free = asymptotics(0.02, penalty="quadratic", signal_noise=1.0, alpha=0.0)
    assert_allclose(found.loss, [free.loss, np.inf], rtol=1e-12)


def test_other_libraries_take_the_same_paths() -> None:
    xp = pytest.importorskip("array_api_strict")
    paths = (
        (np.array([0.04, 0.05]), {"signal": 0.3, "signal_noise": 2.7, "penalty": "absolute"}),
        (np.array([0.05, 0.54]), {"signal_noise": 0.05, "penalty": "box"}),
    )
    for ratios, setting in paths:
        found = asymptotics(xp.asarray(ratios), alpha=0.14, **setting)
        expected = asymptotics(ratios, alpha=0.14, **setting)
        assert_allclose(np.asarray(found.accuracy), expected.accuracy, rtol=1e-12)
        assert np.all(np.asarray(found.residual) < 1e-12)


@pytest.mark.parametrize(
    ("penalty", "f", "cell"),
    [
        # Logits 47 wide, which a grid of even steps would sample too coarsely.
        (
            "log-cosh",
            lambda z: mpmath.log(mpmath.cosh(z)),
            {"aspect_ratio": 0.4, "signal_noise": 1.5, "orthogonal_noise": 2.0, "alpha": 0.003},
        ),
        # Most of this mean comes from logits five deviations away.
        (
            "cosh",
            mpmath.cosh,
            {"aspect_ratio": 0.952, "signal_noise": 1.044, "alpha": 0.057},
        ),
    ],
)
def test_loss_of_fresh_samples_is_exact_for_wide_logits(
    penalty: str, f: Callable[[Any], Any], cell: dict[str, float]
) -> None:
    found = asymptotics(penalty=penalty, **cell)
    with mpmath.workdps(25):
        mean, spread = mpmath.mpf(found.logit_mean), mpmath.mpf(found.logit_deviation)

        def integrand(g: Any) -> Any:
            z = mean + spread * g
            loss = (1 - mpmath.mpf(cell["alpha"])) * mpmath.log1p(mpmath.exp(-z))
            return (loss + mpmath.mpf(cell["alpha"]) * f(z)) * mpmath.npdf(g)

        bends = [(z - mean) / spread for z in (-16, -4, -1, 0, 1, 4, 16)]
        expected = mpmath.quad(integrand, sorted([*bends, *range(-30, 31, 3)]))
    assert_allclose(found.loss, float(expected), rtol=1e-13)


@pytest.mark.parametrize("penalty", ["quadratic", "huber", "power", "label-smoothing", "box"])
def test_extreme_cells_are_solved(penalty: str) -> None:
    """The quadrature follows logits that are 1e-13 or 1e5 wide."""
    found = asymptotics(
        np.array([1e-3, 0.5, 1.01, 10.0])[:, None, None, None],
        signal_noise=np.array([0.0, 1e-3, 10.0, 1000.0])[:, None, None],
        weight_decay=np.array([1e-12, 1e-6, 1000.0])[:, None],
        penalty=penalty,
        alpha=np.array([1e-4, 0.5]),
    )
    assert np.all(found.residual < 1e-12)


def test_without_noise_along_the_signal_weak_decay_leaves_noise_in_proportion() -> None:
    """At leading order the loss is a parabola: q^2 = x^2 (l'/l'')^2/(lambda - x^2)."""
    decays = np.array([1e-12, 1e-9, 1e-6])
    found = asymptotics(0.5, signal_noise=0.0, alpha=0.2, weight_decay=decays)
    z = found.train_logit_mean
    bend = 0.8 / (2 + 2 * np.cosh(z)) + 0.4
    # l' = -(1 + gamma l'') kappa z, and 1/(1 + gamma l'') = 1 - x.
    pull = decays * z / (1 - 0.5) / bend
    q = 0.5 * pull / np.sqrt(0.5 - 0.5**2)
    assert np.all(np.abs(found.noise_weight / q - 1) <= 20 * decays + 1e-14)


def test_proximal_points_that_are_one_float64_are_told_apart() -> None:
    cell = {"signal_noise": 1000.0, "penalty": "absolute", "alpha": 0.1}
    found, exact = asymptotics(1000.0, weight_decay=1e-14, **cell), asymptotics(1000.0, **cell)
    assert_allclose(found.signal_weight, exact.signal_weight, rtol=1e-12)
    assert_allclose(found.noise_weight, exact.noise_weight, rtol=1e-12)

"""Unequal classes and a bias in high dimension: against exact laws, other solvers and fits."""

from __future__ import annotations

from dataclasses import fields
from types import ModuleType

import logitreg as lr
import numpy as np
import pytest
from logitreg.errors import (
    AlphaError,
    DataError,
    NotConvergedError,
    NotConvexError,
    SeparableError,
    ShapeError,
)
from logitreg.numerics.biased_separability import biased_separability_threshold
from logitreg.numerics.class_imbalance import BiasedAsymptotics, asymptotics_with_bias
from logitreg.numerics.separable_limit import separability_threshold
from logitreg.proofs_checks.claims import class_imbalance as claims
from logitreg.proofs_checks.class_imbalance import Setting, separable_draws, solve_biased_system
from logitreg.theory import class_imbalance as theory
from logitreg.theory import high_dimension as balanced
from scipy.optimize import brentq, minimize
from scipy.special import expit, log_expit, ndtr
from scipy.stats import norm
from sympy import Eq, lambdify, sqrt

_EXACTLY_QUADRATIC = "z^2/4 - log(2*cosh(z/2))"
"""At alpha = 1/2 the per-sample loss is (z - 1)^2/8 up to a constant."""


def test_simulation_alone_refutes_other_equations() -> None:
    claim = claims.CLAIMS[0]
    simulation = claim.checks[-1]
    first, second, third, fourth = theory.system()
    assert simulation((first, second, third, fourth)).supported
    assert simulation((first, second, third, Eq(theory.bias, 0))).refutes
    assert simulation((first, second, Eq(third.lhs, 2 * third.rhs), fourth)).refutes


def test_derivations_have_no_gaps() -> None:
    assert theory.quadratic_derivation().unproved() == ()
    assert theory.least_norm_derivation().unproved() == ()


# The solver.

_GRID = {
    "aspect_ratio": np.array([0.05, 0.4, 0.9, 1.0, 1.6])[:, None, None],
    "positive_fraction": np.array([0.01, 0.3, 0.5, 0.97])[:, None],
    "alpha": np.array([0.05, 0.3, 0.9]),
}


@pytest.mark.parametrize("penalty", ["quadratic", "label-smoothing", "huber", "cosh"])
def test_residuals_are_at_rounding_level_and_blocks_agree_with_single_cells(penalty: str) -> None:
    given = {**_GRID, "penalty": penalty, "signal_noise": np.array([0.3, 0.8, 1.5])}
    grid = asymptotics_with_bias(**given, signal=0.9)
    assert grid.bias.shape == (5, 4, 3)
    assert np.max(grid.residual) < 1e-12
    cell = asymptotics_with_bias(
        0.4, positive_fraction=0.97, alpha=0.3, signal_noise=0.8, signal=0.9, penalty=penalty
    )
    for field in fields(BiasedAsymptotics):
        value = getattr(cell, field.name)
        assert type(value) is float
        if field.name != "residual":
            assert getattr(grid, field.name)[1, 3, 1] == pytest.approx(value, rel=1e-11, abs=1e-13)


@pytest.mark.parametrize("penalty", ["quadratic", "label-smoothing", "huber", "absolute"])
def test_equal_classes_need_no_bias(penalty: str) -> None:
    ratio, alpha = np.array([0.1, 0.6, 1.0, 2.5])[:, None], np.array([0.05, 0.2, 0.6])
    given = {"signal": 1.3, "signal_noise": 0.6, "orthogonal_noise": 0.7, "penalty": penalty}
    found = asymptotics_with_bias(ratio, alpha=alpha, **given)
    plain = lr.asymptotics(ratio, alpha=alpha, **given)
    np.testing.assert_allclose(found.bias, 0, atol=1e-13)
    for name in ("signal_weight", "noise_weight", "accuracy", "logit_deviation", "loss"):
        np.testing.assert_allclose(getattr(found, name), getattr(plain, name), rtol=1e-11)
    for side in ("positive", "negative"):
        for name in ("logit_mean", "train_logit_mean", "train_logit_deviation"):
            mine, other = getattr(found, f"{name}_{side}"), getattr(plain, name)
            np.testing.assert_allclose(mine, other, rtol=1e-11, atol=1e-13)


def test_a_quadratic_loss_has_the_closed_form() -> None:
    share, ratio, effect = np.array([0.02, 0.4, 0.9]), 0.35, 1.7
    found = asymptotics_with_bias(
        ratio,
        positive_fraction=share,
        signal=effect,
        signal_noise=1.0,
        orthogonal_noise=2.0,
        penalty=_EXACTLY_QUADRATIC,
        alpha=0.5,
    )
    h = 4 * share * (1 - share)
    a = h * effect / (1 + h * effect**2)
    q = np.sqrt(ratio / (1 - ratio) * h / (1 + h * effect**2))
    b = (2 * share - 1) / (1 + h * effect**2)
    np.testing.assert_allclose(found.signal_weight, a, rtol=1e-11)
    np.testing.assert_allclose(found.noise_weight, q / 2, rtol=1e-11)
    np.testing.assert_allclose(found.bias, b, rtol=1e-11)
    np.testing.assert_allclose(found.logit_deviation, np.hypot(a, q), rtol=1e-11)
    plus, minus = ndtr((a * effect + b) / np.hypot(a, q)), ndtr((a * effect - b) / np.hypot(a, q))
    np.testing.assert_allclose(found.accuracy_positive, plus, rtol=1e-11)
    np.testing.assert_allclose(found.accuracy, share * plus + (1 - share) * minus, rtol=1e-11)
    # Training logits are Z + lambda (z* - Z) here.
    train = (1 - ratio) * (a * effect + b) + ratio
    np.testing.assert_allclose(found.train_logit_mean_positive, train, rtol=1e-11)
    deviation = (1 - ratio) * np.hypot(a, q)
    np.testing.assert_allclose(found.train_logit_deviation_negative, deviation, rtol=1e-11)


@pytest.mark.parametrize("penalty", ["quadratic", "label-smoothing"])
def test_another_solver_finds_the_same(penalty: str) -> None:
    setting = Setting(penalty, 0.1, 0.6, 1.4, 0.85)
    point = solve_biased_system(theory.system(), setting)
    found = asymptotics_with_bias(
        0.6, positive_fraction=0.85, signal=1.4, signal_noise=1.0, alpha=0.1, penalty=penalty
    )
    assert found.signal_weight == pytest.approx(point.signal, rel=1e-8)
    assert found.noise_weight == pytest.approx(point.noise, rel=1e-8)
    assert found.bias == pytest.approx(point.bias, rel=1e-8)


def test_the_equations_hold_by_bisection_and_another_quadrature() -> None:
    """Label smoothing, alpha = 0.2: gamma from the second equation, then the three others."""
    alpha, ratio, share, sigma = 0.2, 0.6, 0.8, 0.5
    found = asymptotics_with_bias(
        ratio, positive_fraction=share, alpha=alpha, penalty="label-smoothing"
    )
    first, q, b = found.signal_weight, found.noise_weight, found.bias
    g = np.linspace(-10, 10, 2001)
    weights = np.array([[share], [1 - share]]) * norm.pdf(g) * (g[1] - g[0])
    labels = np.array([[1.0], [-1.0]])
    z = first + labels * b + np.hypot(first * sigma, q) * g

    def proximal(gamma: float) -> np.ndarray:
        low, high = z - gamma, z + gamma
        for _ in range(60):
            middle = (low + high) / 2
            above = middle - z + gamma * (alpha / 2 - expit(-middle)) > 0
            low, high = np.where(above, low, middle), np.where(above, middle, high)
        return np.asarray((low + high) / 2)

    def surplus(gamma: float) -> float:
        return float(np.sum(weights * (proximal(gamma) - z) ** 2) - ratio * q**2)

    gamma = brentq(surplus, 0.1, 100, xtol=1e-13)
    p = proximal(gamma)
    slope = 1 / (1 + gamma * expit(p) * expit(-p))
    assert np.sum(weights * slope) == pytest.approx(1 - ratio, abs=1e-11)
    assert np.sum(weights * (p - z)) == pytest.approx(ratio * first * sigma**2, abs=1e-11)
    assert np.sum(weights * labels * (p - z)) == pytest.approx(0, abs=1e-11)


def test_the_other_class_is_the_mirror_image() -> None:
    share = np.array([0.03, 0.2])
    here = asymptotics_with_bias(0.5, positive_fraction=share, alpha=0.2)
    there = asymptotics_with_bias(0.5, positive_fraction=1 - share, alpha=0.2)
    np.testing.assert_allclose(here.bias, -there.bias, rtol=1e-10)
    np.testing.assert_allclose(here.accuracy_positive, there.accuracy_negative, rtol=1e-10)
    np.testing.assert_allclose(here.loss, there.loss, rtol=1e-10)


def test_limits_meet_at_their_borders() -> None:
    given = {"positive_fraction": 0.8, "alpha": 0.3}
    beside = asymptotics_with_bias(np.array([0.9999, 1.0, 1.0001]), **given)
    np.testing.assert_allclose(beside.signal_weight, beside.signal_weight[1], rtol=1e-3)
    np.testing.assert_allclose(beside.bias, beside.bias[1], rtol=1e-3)
    assert beside.noise_weight[1] == np.inf
    assert beside.accuracy[1] == 0.5
    clean = asymptotics_with_bias(0.6, signal_noise=np.array([0.0, 1e-4]), **given)
    np.testing.assert_allclose(clean.signal_weight, lr.target("quadratic", 0.3), rtol=1e-6)
    np.testing.assert_allclose(clean.bias, 0, atol=1e-6)
    assert clean.accuracy_negative[0] == 1
    resting = asymptotics_with_bias(0.6, penalty="absolute", positive_fraction=0.8, alpha=0.9)
    assert (resting.signal_weight, resting.bias, resting.accuracy) == (0, 0, 0.5)


def test_a_target_on_the_wrong_side_is_reached_by_weights_of_positive_norm() -> None:
    """(z + 3)^2 has its minimum where every sample is misclassified."""
    ratios = np.array([0.5, 0.9999, 1.0, 1.0001, 2.0])
    beside = asymptotics_with_bias(ratios, penalty="(z+3)^2", positive_fraction=0.8, alpha=0.2)
    assert np.all(beside.signal_weight < 0)
    assert np.all(beside.noise_weight > 0)
    assert beside.noise_weight[2] == np.inf
    assert beside.accuracy[2] == 0.5
    np.testing.assert_allclose(beside.bias[1:4], beside.bias[2], rtol=1e-3)


def test_orthogonal_noise_changes_the_noise_weight_alone() -> None:
    given = {"positive_fraction": 0.7, "alpha": 0.2}
    found = asymptotics_with_bias(0.7, orthogonal_noise=np.array([0.1, 1.0, 6.0]), **given)
    np.testing.assert_allclose(found.bias, found.bias[0], rtol=1e-12)
    scaled = found.noise_weight * np.array([0.1, 1.0, 6.0])
    np.testing.assert_allclose(scaled, scaled[0], rtol=1e-12)


def test_what_cannot_be_solved_is_said() -> None:
    with pytest.raises(AlphaError, match=r"\[0, 1\)"):
        asymptotics_with_bias(0.5, alpha=1.0)
    with pytest.raises(SeparableError, match="2 cells have alpha = 0"):
        asymptotics_with_bias(np.array([0.01, 0.3, 1.5]), signal_noise=1.0, alpha=0.0)
    with pytest.raises(SeparableError, match="threshold 0"):
        asymptotics_with_bias(0.01, signal_noise=0.0, alpha=np.array([0.1, 0.0]))
    with pytest.raises(DataError, match="positive_fraction"):
        asymptotics_with_bias(0.5, positive_fraction=1.0)
    with pytest.raises(DataError, match="signal_noise"):
        asymptotics_with_bias(0.5, signal_noise=-1.0)
    with pytest.raises(DataError, match="orthogonal_noise"):
        asymptotics_with_bias(0.5, orthogonal_noise=0.0)
    with pytest.raises(ShapeError, match="at least one cell"):
        asymptotics_with_bias(np.empty(0))
    with pytest.raises(ShapeError, match="do not broadcast"):
        asymptotics_with_bias(np.ones(2) / 2, alpha=np.ones(3) / 2)
    with pytest.raises(NotConvexError, match="entropy"):
        asymptotics_with_bias(0.5, penalty="entropy")
    # The kink of |z| holds every logit at zero, although the target is not zero.
    with pytest.raises(NotConvergedError, match="1 of 2 cells"):
        asymptotics_with_bias(
            np.array([0.5, 0.04]),
            positive_fraction=0.78,
            signal=0.1,
            signal_noise=0.7,
            penalty="absolute",
            alpha=np.array([0.05, 0.31]),
        )


@pytest.mark.parametrize("library", ["array_api_strict", "torch"])
def test_other_array_libraries_give_the_same(library: str) -> None:
    xp: ModuleType = pytest.importorskip(library)
    ratio, share = np.array([0.3, 0.8, 1.5]), np.array([0.2, 0.9, 0.7])
    found = asymptotics_with_bias(
        xp.asarray(ratio), positive_fraction=xp.asarray(share), signal_noise=0.7, alpha=0.2
    )
    expected = asymptotics_with_bias(ratio, positive_fraction=share, signal_noise=0.7, alpha=0.2)
    assert type(found.bias) is type(xp.asarray(ratio))
    for field in fields(BiasedAsymptotics):
        if field.name != "residual":
            mine = np.asarray(getattr(found, field.name))
            np.testing.assert_allclose(mine, getattr(expected, field.name), rtol=1e-10)


# Without a penalty.


def test_without_a_penalty_equal_classes_need_no_bias() -> None:
    ratio = np.array([0.02, 0.08])
    found = asymptotics_with_bias(ratio, signal_noise=1.0, alpha=0.0)
    plain = lr.asymptotics(ratio, signal_noise=1.0, alpha=0.0)
    np.testing.assert_allclose(found.bias, 0, atol=1e-12)
    np.testing.assert_allclose(found.signal_weight, plain.signal_weight, rtol=1e-11)
    np.testing.assert_allclose(found.noise_weight, plain.noise_weight, rtol=1e-11)


def test_the_threshold_is_the_minimum_of_the_expression() -> None:
    names = (theory.path, theory.bias, balanced.effect, theory.positive_fraction)
    drift, scale = theory.path * balanced.effect, sqrt(1 + theory.path**2)
    mean = theory.separability_mean(drift, theory.bias, scale)
    value = lambdify(names, mean, modules="scipy")
    effects, shares = np.array([0.0, 0.5, 2.0])[:, None], np.array([0.01, 0.3, 0.5])
    found = biased_separability_threshold(effects, shares)
    for (i, j), threshold in np.ndenumerate(found):
        effect, share = effects[i, 0], shares[j]
        least = minimize(
            lambda x, effect=effect, share=share: value(*x, effect, share),
            (0.5, 0.1),
            method="Nelder-Mead",
            options={"xatol": 1e-9, "fatol": 1e-15, "maxiter": 5000},
        )
        assert threshold == pytest.approx(least.fun, rel=1e-9)
    np.testing.assert_allclose(found[:, 2], separability_threshold(effects[:, 0]), rtol=1e-12)
    assert np.all(np.diff(found, axis=1) > 0)


@pytest.mark.parametrize(("offset", "share"), [(-0.08, 0.0), (0.08, 1.0)])
def test_data_is_separable_above_the_threshold_alone(offset: float, share: float) -> None:
    ratio = float(biased_separability_threshold(1.0, 0.8)) + offset
    seen = separable_draws(round(400 * ratio), 1.0, 0.8, samples=400, draws=4)
    assert seen.found / seen.draws == share


# Trained classifiers.


def _fitted(
    samples: int, ratio: float, share: float, noise: float, penalty: str, alpha: float, seeds: int
) -> np.ndarray:
    """Of each seed S_1, ||S_perp||, b, the training loss, and the mean logit of the class -1."""
    rng = np.random.default_rng(0)
    y = np.where(np.arange(samples) < share * samples, 1, -1)
    rows = []
    for _ in range(seeds):
        X = rng.standard_normal((samples, round(ratio * samples)))
        X[:, 0] = noise * X[:, 0] + y
        found = lr.fit(X, y, penalty=penalty, alpha=alpha, bias=True)
        part = float(np.linalg.norm(found.weights[1:]))
        rows.append(
            (found.weights[0], part, found.bias, found.loss, np.mean(found.logits[y == -1]))
        )
    return np.array(rows)


@pytest.mark.parametrize(
    ("ratio", "share", "noise", "penalty", "alpha"),
    [
        (0.1, 0.8, 0.5, "quadratic", 0.1),
        (0.1, 0.95, 1.0, "label-smoothing", 0.2),
        (0.05, 0.8, 1.0, "quadratic", 0.0),
        (0.1, 0.3, 0.7, "huber", 0.4),
    ],
)
def test_fits_of_2000_samples_are_within_four_standard_errors(
    ratio: float, share: float, noise: float, penalty: str, alpha: float
) -> None:
    limit = asymptotics_with_bias(
        ratio, positive_fraction=share, signal_noise=noise, penalty=penalty, alpha=alpha
    )
    expected = (
        limit.signal_weight,
        limit.noise_weight,
        limit.bias,
        limit.train_loss,
        limit.train_logit_mean_negative,
    )
    seen = _fitted(2000, ratio, share, noise, penalty, alpha, 20)
    error = seen.std(axis=0, ddof=1) / np.sqrt(len(seen))
    assert np.all(np.abs(seen.mean(axis=0) - expected) < 4 * error)
    # The limit for equal classes is told from it.
    equal = lr.asymptotics(ratio, signal_noise=noise, penalty=penalty, alpha=alpha)
    assert abs(seen[:, 0].mean() - equal.signal_weight) > 4 * error[0]
    assert abs(seen[:, 2].mean()) > 4 * error[2]


@pytest.mark.parametrize("bias_in_norm", [True, False])
def test_least_norm_weights_approach_their_limit(bias_in_norm: bool) -> None:
    ratio, share, noise, samples = 1.5, 0.8, 0.5, 250
    limit = asymptotics_with_bias(
        ratio, positive_fraction=share, signal_noise=noise, alpha=0.2, bias_in_norm=bias_in_norm
    )
    goal = lr.target("quadratic", 0.2)
    rng = np.random.default_rng(1)
    y = np.where(np.arange(samples) < share * samples, 1.0, -1.0)
    rows = []
    for _ in range(20):
        X = rng.standard_normal((samples, round(ratio * samples)))
        X[:, 0] = noise * X[:, 0] + y
        if bias_in_norm:
            found = lr.fit(X, y, alpha=0.2, bias=True)
            weights, bias = found.weights, float(found.bias)
        else:
            weights = np.linalg.lstsq(X - X.mean(axis=0), goal * (y - y.mean()), rcond=None)[0]
            bias = goal * y.mean() - X.mean(axis=0) @ weights
        rows.append((weights[0], np.linalg.norm(weights[1:]), bias))
    seen = np.array(rows)
    error = seen.std(axis=0, ddof=1) / np.sqrt(len(seen))
    expected = np.array([limit.signal_weight, limit.noise_weight, limit.bias])
    assert np.all(np.abs(seen.mean(axis=0) - expected) < 4 * error)
    other = asymptotics_with_bias(
        ratio, positive_fraction=share, signal_noise=noise, alpha=0.2, bias_in_norm=not bias_in_norm
    )
    assert abs(seen[:, 2].mean() - other.bias) > 4 * error[2]
    cross_entropy = -log_expit(goal)
    assert limit.train_loss == pytest.approx(0.8 * cross_entropy + 0.2 * goal**2, rel=1e-12)

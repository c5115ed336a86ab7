"""The solver of the high-dimensional limit, against other solvers, closed forms and data."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from array_api_compat import array_namespace
from logitreg.errors import AlphaError, DataError, NotConvergedError, NotConvexError, ShapeError
from logitreg.numerics.high_dimension import Asymptotics, asymptotics
from logitreg.numerics.separable_limit import largest_margin, separability_threshold
from logitreg.proofs_checks.claims import training_limit
from logitreg.proofs_checks.high_dimension import penalised, solve_system
from logitreg.proofs_checks.high_dimension import separability_threshold as minimum
from logitreg.theory import high_dimension as theory
from numpy.testing import assert_allclose
from scipy.stats import norm
from sympy import Symbol, lambdify, sqrt


def values(limit: Asymptotics) -> dict[str, Any]:
    return {field.name: getattr(limit, field.name) for field in fields(limit)}


@pytest.mark.parametrize(
    ("penalty", "alpha", "aspect_ratio", "effect"),
    [
        ("quadratic", 0.001, 0.5, 1.0),
        ("label-smoothing", 0.2, 0.9, 1.0),
        ("log-cosh", 0.1, 0.3, 0.3),
        ("quadratic", 0.0, 0.15, 0.5),
    ],
)
def test_the_saddle_is_that_of_another_solver_of_the_printed_equations(
    penalty: str, alpha: float, aspect_ratio: float, effect: float
) -> None:
    loss = penalised(penalty, alpha)
    point = solve_system(theory.system(), loss, aspect_ratio, effect)
    limit = asymptotics(aspect_ratio, signal=effect, signal_noise=1, penalty=penalty, alpha=alpha)
    assert limit.residual < 1e-12
    assert_allclose(
        (limit.signal_weight, limit.noise_weight), (point.signal, point.noise), rtol=1e-10
    )


def test_a_loss_that_is_nearly_quadratic_has_the_closed_form_accuracy() -> None:
    ratio, effect = np.array([[0.01], [0.5], [0.9]]), np.array([0.5, 1.0, 2.0])
    limit = asymptotics(ratio, signal=effect, signal_noise=1.0, alpha=1 - 1e-9)
    closed = norm.cdf(effect**2 * np.sqrt(1 - ratio) / np.sqrt(effect**2 + ratio))
    assert_allclose(limit.accuracy, closed, rtol=0, atol=1e-12)


def test_more_features_than_samples_give_the_least_norm() -> None:
    limit = asymptotics(1.7, signal=1.3, signal_noise=0.4, orthogonal_noise=0.8, alpha=0.2)
    goal = limit.train_logit_mean
    first = goal * 1.3 / (1.3**2 + 0.4**2 + 0.8**2 * 0.7)
    square = ((goal - first * 1.3) ** 2 + first**2 * 0.4**2) / (0.8**2 * 0.7)
    assert_allclose((limit.signal_weight, limit.noise_weight**2), (first, square), rtol=1e-14)


def test_both_sides_of_equal_numbers_tend_to_a_coin_toss() -> None:
    limit = asymptotics(np.array([0.9999, 1.0, 1.0001]), alpha=0.3)
    assert limit.accuracy[1] == 0.5
    assert limit.noise_weight[1] == np.inf
    assert np.all(np.abs(limit.accuracy - 0.5) < 0.02)


def test_vanishing_noise_along_the_signal_leads_to_the_collapsed_solution() -> None:
    limit = asymptotics(0.6, signal=2.0, signal_noise=np.array([0.0, 1e-4]), alpha=0.2)
    assert limit.accuracy.tolist() == [1.0, 1.0]
    assert limit.noise_weight[0] == 0
    assert_allclose(limit.signal_weight[1], limit.signal_weight[0], rtol=1e-7)


def test_orthogonal_noise_changes_neither_accuracy_nor_logits_without_weight_decay() -> None:
    limit = asymptotics(0.7, orthogonal_noise=np.array([0.1, 1.0, 6.0]), alpha=0.2)
    assert_allclose(limit.accuracy, limit.accuracy[0], rtol=1e-13)
    assert_allclose(limit.noise_weight * np.array([0.1, 1, 6]), limit.noise_weight[1], rtol=1e-12)
    decayed = asymptotics(
        0.7, orthogonal_noise=np.array([0.1, 1.0, 6.0]), alpha=0.2, weight_decay=0.1
    )
    assert np.ptp(decayed.accuracy) > 0.01


def test_a_kink_is_the_limit_of_a_sharp_bend() -> None:
    kink = asymptotics(0.5, penalty="absolute", alpha=0.2)
    bends = [
        asymptotics(0.5, penalty=f"sqrt(z^2 + {width}^2)", alpha=0.2).signal_weight
        for width in ("1/50", "1/100")
    ]
    assert kink.residual < 1e-12
    assert abs(bends[1] - kink.signal_weight) < 0.5 * abs(bends[0] - kink.signal_weight) < 1e-3


@pytest.mark.parametrize("penalty", ["absolute", "huber", "box", "elastic", "power", "cosh"])
def test_penalties_with_kinks_bends_walls_and_steep_sides_are_solved(penalty: str) -> None:
    limit = asymptotics(np.array([0.2, 0.8]), signal_noise=0.7, penalty=penalty, alpha=0.1)
    assert np.all(limit.residual < 1e-12)


def test_the_separability_threshold_at_its_ends_and_against_simulated_margins() -> None:
    assert_allclose(separability_threshold(np.array([0.0, np.inf])), [0.5, 0.0], atol=1e-15)
    threshold = float(separability_threshold(2.0))
    below, above = largest_margin(np.array([0.99, 1.01]) * threshold, 2.0, 1.0, 1.0)[1]
    assert below < 0 < above


@pytest.mark.parametrize("effect", [0.5, 1.0, 2.0])
def test_the_separability_threshold_is_the_least_value_of_the_theorys_expression(
    effect: float,
) -> None:
    c = Symbol("c", positive=True)
    square = theory.truncated_square(-c * theory.effect, sqrt(1 + c**2))
    expected = minimum(square, c, effect)
    assert_allclose(separability_threshold(effect), expected, rtol=1e-9)
    assert not np.isclose(separability_threshold(effect), minimum(2 * square, c, effect))


def test_the_largest_margin_solves_the_theorys_equation_and_none_near_is_larger() -> None:
    ratio, mu, along, across = 0.7, 1.0, 0.5, 1.3
    m, s = Symbol("m", real=True), Symbol("s", positive=True)
    square = lambdify((m, s), theory.truncated_square(m, s), "scipy")
    cosine, margin = (float(v) for v in largest_margin(ratio, mu, along, across))

    def excess(rho: float) -> float:
        spread = np.hypot(rho * along, np.sqrt(1 - rho**2) * across)
        return float(square(margin - rho * mu, spread) - ratio * across**2 * (1 - rho**2))

    assert abs(excess(cosine)) < 1e-12
    assert excess(cosine - 1e-3) > 1e-8
    assert excess(cosine + 1e-3) > 1e-8


def test_the_margin_and_its_direction_are_those_of_large_data_sets() -> None:
    from sklearn.svm import LinearSVC

    limit = asymptotics(0.8, signal=1.0, signal_noise=0.5, alpha=0.0)
    rng = np.random.default_rng(5)
    margins, cosines = [], []
    for _ in range(8):
        x = rng.standard_normal((500, 400))
        x[:, 0] = 1 + 0.5 * x[:, 0]
        signs = np.where(np.arange(500) % 2, 1, -1)
        machine = LinearSVC(C=1e5, loss="hinge", fit_intercept=False, max_iter=100_000, tol=1e-4)
        weights = machine.fit(x * signs[:, None], signs).coef_[0]
        margins.append((x @ weights).min() / np.linalg.norm(weights))
        cosines.append(weights[0] / np.linalg.norm(weights))
    for found, seen in ((limit.margin, margins), (limit.cosine, cosines)):
        assert abs(found - np.mean(seen)) < 4 * np.std(seen, ddof=1) / np.sqrt(8) + 0.01
    assert limit.signal_weight == np.inf
    assert limit.train_loss == 0


def test_where_the_target_is_zero_so_are_the_weights() -> None:
    limit = asymptotics(np.array([0.4, 1.6]), penalty="absolute", alpha=0.9)
    assert limit.signal_weight.tolist() == limit.noise_weight.tolist() == [0.0, 0.0]
    assert limit.accuracy.tolist() == [0.5, 0.5]
    assert np.all(np.isnan(limit.cosine))


def test_test_logits_and_losses_are_those_of_the_gaussian_law() -> None:
    limit = asymptotics(0.4, penalty="label-smoothing", alpha=0.3)
    assert_allclose(limit.accuracy, norm.cdf(limit.logit_mean / limit.logit_deviation))
    z = limit.logit_mean + limit.logit_deviation * np.random.default_rng(1).standard_normal(10**6)
    losses = 0.7 * np.logaddexp(0, -z) + 0.3 * (np.logaddexp(0, -z) + z / 2)
    assert abs(losses.mean() - limit.loss) < 5 * losses.std() / 1000
    assert limit.train_loss < limit.loss


@pytest.mark.parametrize("library", ["array_api_strict", "torch", "jax.numpy"])
def test_arrays_of_other_libraries_give_the_same_numbers(library: str) -> None:
    xp = pytest.importorskip(library)
    if library == "jax.numpy":
        pytest.importorskip("jax").config.update("jax_enable_x64", True)
    ratios = [0.3, 0.7, 1.5]
    limit = asymptotics(xp.asarray(ratios, dtype=xp.float64), alpha=0.2)
    assert array_namespace(limit.accuracy) is array_namespace(xp.asarray([0.0]))
    expected = asymptotics(np.array(ratios), alpha=0.2)
    for name, value in values(limit).items():
        assert_allclose(np.asarray(value), getattr(expected, name), rtol=1e-9, atol=1e-12)


def test_numbers_give_floats_and_arrays_broadcast() -> None:
    assert all(isinstance(value, float) for value in values(asymptotics(0.5)).values())
    limit = asymptotics(np.array([[0.3], [0.6]]), alpha=np.array([0.0, 0.1, 0.2]))
    assert {np.shape(value) for value in values(limit).values()} == {(2, 3)}
    single = asymptotics(0.6, alpha=0.1)
    assert_allclose(limit.accuracy[1, 1], single.accuracy, rtol=1e-13)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"alpha": 1.0}, AlphaError, r"\[0, 1\)"),
        ({"signal": -1.0}, DataError, r"signal leaves \[1e-75"),
        ({"weight_decay": np.nan}, DataError, "weight_decay"),
        ({"signal": "strong"}, DataError, "signal is 'strong'"),
        ({"signal": np.array([1j])}, DataError, "complex"),
        ({"alpha": np.zeros(2), "signal": np.ones(3)}, ShapeError, "broadcast"),
        ({"penalty": "entropy"}, NotConvexError, "convex"),
        (
            {"aspect_ratio": 1.0, "penalty": "box", "weight_decay": 1e-6, "signal_noise": 0.0},
            NotConvergedError,
            "collapse",
        ),
    ],
)
def test_bad_parameters_are_named(
    arguments: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        asymptotics(**{"aspect_ratio": 0.02} | arguments)


def test_simulation_supports_the_solution_of_the_right_equations_alone() -> None:
    (claim,) = training_limit.CLAIMS
    simulated = claim.checks[-1]
    assert simulated(claim.printed.content).supported
    for control in claim.controls:
        assert simulated(control.content).refutes

"""The limit of K classes against signed logits, exact laws, other nodes and finite samples."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import logitreg as lr
import mpmath
import numpy as np
import pytest
from logitreg.errors import (
    AlphaError,
    DataError,
    NotConvergedError,
    NotConvexError,
    SeparableError,
    ShapeError,
    UnsupportedPenaltyError,
)
from logitreg.numerics import many_classes_saddle
from logitreg.numerics.kernels import kernel
from logitreg.numerics.losses import target_levels
from logitreg.numerics.many_classes_limit import ClassAsymptotics, asymptotics_many_classes
from logitreg.numerics.many_classes_problem import Point, Problem, class_loss, expansion
from logitreg.numerics.simplex_nodes import scrambled_nodes
from logitreg.proofs_checks import many_classes_limit as by_other_means
from logitreg.proofs_checks.claims import many_classes_limit as claims
from logitreg.proofs_checks.seeded_simulation import band
from logitreg.theory import many_classes_limit as theory
from logitreg.theory.high_dimension import aspect_ratio, excess
from logitreg.theory.signal_noise import mu_f, sigma_f, sigma_n
from numpy.testing import assert_allclose
from scipy.stats import norm
from sympy import Eq, Rational

_ROOT = 2**0.5

# Two classes.


@pytest.mark.parametrize(
    ("ratio", "penalty", "signed", "alpha", "decay"),
    [
        (0.7, "label-smoothing", "label-smoothing", 0.2, 0.0),
        (0.3, "quadratic", "z^2/2", 0.001, 0.0),
        (1.6, "quadratic", "z^2/2", 0.2, 0.0),
        (1.6, "label-smoothing", "label-smoothing", 0.1, 0.03),
        (0.1, "quadratic", "quadratic", 0.0, 0.0),
    ],
)
def test_two_classes_are_those_of_signed_logits(
    ratio: float, penalty: str, signed: str, alpha: float, decay: float
) -> None:
    data = {"signal_noise": 0.6, "orthogonal_noise": 0.8, "alpha": alpha}
    found = asymptotics_many_classes(
        ratio, 2, signal=1.2, penalty=penalty, weight_decay=decay, **data
    )
    binary = lr.asymptotics(
        ratio, signal=1.2 / _ROOT, penalty=signed, weight_decay=decay / 2, **data
    )
    pairs = {
        found.signal_weight * _ROOT: binary.signal_weight,
        found.noise_weight * _ROOT: binary.noise_weight,
        found.cosine: binary.cosine,
        found.accuracy: binary.accuracy,
        found.logit_mean - found.other_logit_mean: binary.logit_mean,
        2 * found.logit_deviation: binary.logit_deviation,
        found.train_logit_mean - found.train_other_logit_mean: binary.train_logit_mean,
        2 * found.train_logit_deviation: binary.train_logit_deviation,
    }
    assert_allclose(list(pairs), list(pairs.values()), rtol=1e-8, atol=1e-13)
    wrong = lr.asymptotics(ratio, signal=1.2, penalty=signed, weight_decay=decay / 2, **data)
    assert abs(wrong.accuracy - found.accuracy) > 1e-3


@pytest.mark.parametrize(("factor", "separable"), [(0.8, False), (1.05, True)])
def test_without_a_penalty_two_classes_separate_where_signed_logits_do(
    factor: float, separable: bool
) -> None:
    ratio = 0.150086665317848 * factor
    assert np.isfinite(lr.asymptotics(ratio, signal=1 / _ROOT, alpha=0.0).margin) == separable
    if separable:
        with pytest.raises(SeparableError, match="2 classes are separable"):
            asymptotics_many_classes(ratio, 2, alpha=0.0)
    else:
        assert asymptotics_many_classes(ratio, 2, alpha=0.0).error < 1e-4


# Finite samples.


def _measured(
    weights: np.ndarray[Any, Any], data: Any, noises: tuple[float, float], signal: float
) -> dict[str, float]:
    """What the fields of the limit are for these weights, all noise being counted across."""
    K, (along, across) = len(weights), noises
    plane = np.eye(K) - 1 / K
    a, b = np.trace(plane @ weights[:, :K]) / (K - 1), weights[:, :K].sum() / K
    deviations = np.where(np.arange(weights.shape[1]) < K, along, across)
    covariance = (weights * deviations**2) @ weights.T
    square = np.trace(plane @ covariance) / (K - 1) - (along * a) ** 2
    level_square = max(covariance.sum() / K - (along * b) ** 2, 0.0)
    fresh = (
        np.random.default_rng(0).standard_normal((20_000, K))
        @ np.linalg.cholesky(covariance + 1e-12 * np.eye(K)).T
        + np.tile(signal * weights[:, :K].T, (20_000 // K + 1, 1))[:20_000]
    )
    true = (data.X @ weights.T)[np.arange(len(data.y)), data.y]
    return {
        "signal_weight": a,
        "noise_weight": np.sqrt(square) / across,
        "level_signal_weight": b,
        "level_noise_weight": np.sqrt(level_square) / across,
        "accuracy": np.mean(np.argmax(fresh, axis=1) == np.arange(20_000) % K),
        "train_logit_mean": true.mean(),
        "train_logit_deviation": true.std(),
    }


@pytest.mark.parametrize(
    ("samples", "ratio", "classes", "penalty", "alpha", "noises", "seeds"),
    [
        (2000, 0.3, 3, "label-smoothing", 0.1, (0.5, 1.0), 6),
        (2000, 0.2, 10, "quadratic", 0.1, (0.4, 1.0), 5),
        (800, 0.4, 3, "log-cosh", 0.1, (0.4, 0.8), 8),
        (400, 1.5, 3, "cosh", 0.2, (0.5, 1.0), 12),
    ],
)
def test_trained_weights_approach_the_limit(
    samples: int,
    ratio: float,
    classes: int,
    penalty: str,
    alpha: float,
    noises: tuple[float, float],
    seeds: int,
) -> None:
    rows = []
    for seed in range(seeds):
        data = lr.signal_plus_noise(
            samples,
            round(ratio * samples),
            classes=classes,
            signal=1.3,
            signal_noise=noises[0],
            orthogonal_noise=noises[1],
            seed=seed,
        )
        weights = lr.fit(data.X, data.y, penalty=penalty, alpha=alpha).weights
        rows.append(_measured(weights, data, noises, 1.3))

    def limit(ratio: float) -> ClassAsymptotics:
        return asymptotics_many_classes(
            ratio,
            classes,
            signal=1.3,
            signal_noise=noises[0],
            orthogonal_noise=noises[1],
            penalty=penalty,
            alpha=alpha,
        )

    found, other = limit(ratio), limit(0.8 * ratio)
    told = []
    for name in rows[0]:
        values = np.array([row[name] for row in rows])
        if np.ptp(values) > 1e-5:
            assert band(values).holds(getattr(found, name)), (name, band(values), found)
            told.append(band(values).holds(getattr(other, name)))
        else:
            assert_allclose(values, getattr(found, name), atol=1e-5)
    assert not all(told)


# Closed forms.


@pytest.mark.parametrize("classes", [3, 7])
def test_a_quadratic_loss_has_the_accuracy_of_the_exact_law(classes: int) -> None:
    """At alpha -> 1 under f = sum z_k^2 the per-sample loss is quadratic."""
    found = asymptotics_many_classes(0.4, classes, signal=1.5, signal_noise=0.7, alpha=1 - 1e-7)
    at = {mu_f: 1.5, sigma_f: 0.7, aspect_ratio: 0.4}

    def accuracy(classes_of_formula: int) -> float:
        formula = theory.quadratic_argument_square().subs(
            {**at, theory.classes: classes_of_formula}
        )
        shift = mpmath.sqrt(mpmath.mpf(str(formula.evalf(30))))
        return float(
            mpmath.quad(
                lambda g: mpmath.npdf(g) * mpmath.ncdf(g + shift) ** (classes - 1),
                [-9, -4, 0, 4, 9],
            )
        )

    assert abs(found.accuracy - accuracy(classes)) < 1e-7
    assert abs(found.accuracy - accuracy(classes - 1)) > 1e-3


def test_quadratic_solution_solves_the_equations_in_exact_fractions() -> None:
    a, q2, gamma = (
        Fraction(
            str(
                part.subs(
                    {
                        mu_f: 2,
                        sigma_f: Rational(1, 2),
                        aspect_ratio: Rational(1, 3),
                        theory.classes: 5,
                        theory.goal: 3,
                    }
                )
            )
        )
        for part in theory.quadratic_solution()
    )
    rate, missed, m = gamma / (1 + gamma), 3 - 2 * a, 4
    assert 1 / (1 + gamma) == Fraction(2, 3)
    assert rate**2 * (missed**2 * Fraction(4, 5) / m + a**2 / 4 + q2) == q2 / 3
    assert 2 * rate * missed * Fraction(4, 5) == m * a * Fraction(1, 4) / 3


def test_beyond_as_many_features_as_samples_the_least_norm_has_every_sample_at_its_target() -> None:
    found = asymptotics_many_classes(
        1.7, 5, signal=1.3, signal_noise=0.4, orthogonal_noise=0.8, penalty="log-cosh", alpha=0.2
    )
    low, high = target_levels("log-cosh", 0.2, 5)
    assert_allclose((found.train_logit_mean, found.train_other_logit_mean), (high, low), rtol=1e-14)
    at = {mu_f: 1.3, sigma_f: 0.4, sigma_n: 0.8, excess: 0.7, theory.classes: 5}
    for goal, signal, noise in (
        (high - low, found.signal_weight, found.noise_weight),
        (high + 4 * low, found.level_signal_weight, found.level_noise_weight),
    ):
        here = {**at, theory.goal: goal}
        square = theory.least_norm_noise_square(theory.signal).subs(here)
        assert_allclose(signal, float(theory.least_norm().subs(here)), rtol=1e-13)
        assert_allclose(noise**2, float(square.subs({theory.signal: signal})), rtol=1e-12)


def test_small_weight_decay_leads_to_the_least_norm() -> None:
    least = asymptotics_many_classes(1.5, 3, penalty="label-smoothing", alpha=0.2)
    gaps = [
        abs(
            asymptotics_many_classes(
                1.5, 3, penalty="label-smoothing", alpha=0.2, weight_decay=decay
            ).accuracy
            - least.accuracy
        )
        for decay in (1e-3, 1e-4)
    ]
    assert gaps[1] < 0.15 * gaps[0] < 0.01


def test_ends_of_the_ratio_and_of_the_noise() -> None:
    chance = asymptotics_many_classes(1.0, 4, alpha=0.2)
    assert (chance.accuracy, chance.noise_weight) == (pytest.approx(0.25, abs=1e-15), np.inf)
    assert abs(asymptotics_many_classes(0.999, 4, alpha=0.2).accuracy - 0.25) < 0.02
    exact = asymptotics_many_classes(0.6, 3, signal_noise=0.0, alpha=0.2)
    near = asymptotics_many_classes(0.6, 3, signal_noise=1e-3, alpha=0.2)
    assert (exact.accuracy, exact.noise_weight, exact.cosine) == (1.0, 0.0, 1.0)
    assert_allclose(near.signal_weight, exact.signal_weight, rtol=1e-5)


def test_logits_that_stay_where_the_penalty_is_a_parabola_leave_the_level_at_zero() -> None:
    data = {"signal": 0.3, "signal_noise": 0.5, "alpha": 0.4}
    huber = asymptotics_many_classes(0.05, 3, penalty="huber", **data)
    parabola = asymptotics_many_classes(0.05, 3, penalty="z^2/2", **data)
    assert huber.level_signal_weight == huber.level_noise_weight == 0
    assert_allclose(huber.accuracy, parabola.accuracy, rtol=1e-7)
    wide = asymptotics_many_classes(0.05, 3, penalty="pseudo-huber", **data)
    assert wide.level_noise_weight > 1e-5


def test_scrambled_points_err_by_what_they_report(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = asymptotics_many_classes(0.4, 4, penalty="label-smoothing", alpha=0.1)
    monkeypatch.setattr(many_classes_saddle, "_STEPS", ())
    found = asymptotics_many_classes(0.4, 4, penalty="label-smoothing", alpha=0.1)
    assert exact.error < 1e-9 < 1e-7 < found.error < 1e-4
    for name in ("signal_weight", "noise_weight"):
        gap = abs(getattr(found, name) / getattr(exact, name) - 1)
        assert 1e-8 < gap < 5 * found.error


def test_the_accuracy_is_the_orthant_probability() -> None:
    found = asymptotics_many_classes(0.5, 6, alpha=0.3)
    shift = found.signal_weight / np.hypot(0.5 * found.signal_weight, found.noise_weight)
    noise = np.random.default_rng(2).standard_normal((10**6, 6))
    noise[:, 0] += shift
    share = np.mean(np.argmax(noise, axis=1) == 0)
    assert abs(found.accuracy - share) < 5 * np.sqrt(share * (1 - share) / 10**6)
    pair = asymptotics_many_classes(0.5, 2, alpha=0.3)
    shift = pair.signal_weight / np.hypot(0.5 * pair.signal_weight, pair.noise_weight)
    assert_allclose(pair.accuracy, norm.cdf(shift / _ROOT), rtol=1e-14)


def test_the_hessian_is_the_derivative_of_the_gradient_and_the_gradient_of_the_problem() -> None:
    loss = class_loss(kernel("log-cosh"), 0.2, 4)
    problem = Problem(loss, 4, 2, 0.5, 1.3, 0.6, 1.1, 0.05)
    nodes = scrambled_nodes(4, 2, 6, seed=0)
    point = np.array([1.0, 0.3, 0.8, 0.5, 0.7, 0.2])

    def at(x: np.ndarray[Any, Any]) -> Any:
        here = Point(*np.split(x, 3))
        return expansion(problem, here, nodes, problem.logits(here, nodes))

    steps = 1e-5 * np.eye(6)
    differences = [(at(point + h).gradient - at(point - h).gradient) / 2e-5 for h in steps]
    assert_allclose(differences, at(point).hessian, atol=1e-8)
    assert_allclose(at(point).hessian, at(point).hessian.T, rtol=1e-14)


# What is refused.


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"alpha": 1.0}, AlphaError, r"\[0, 1\)"),
        ({"classes": 1}, DataError, "at least 2"),
        ({"classes": 2.5}, DataError, "integer"),
        ({"aspect_ratio": 0.0}, DataError, "aspect_ratio"),
        ({"weight_decay": -1.0}, DataError, "weight_decay"),
        ({"signal": np.nan}, DataError, "signal"),
        ({"signal": 1e200}, DataError, "signal is 1e"),
        ({"orthogonal_noise": 1e-200}, DataError, "orthogonal_noise is 1e-200"),
        ({"signal_noise": "half"}, DataError, "signal_noise is 'half'"),
        ({"weight_decay": None}, DataError, "weight_decay is None"),
        ({"alpha": np.ones(2), "signal": np.ones(3)}, ShapeError, "do not broadcast"),
        ({"classes": 10_001}, DataError, "classes is 10001; expected at most 10000"),
        ({"penalty": "entropy"}, NotConvexError, "convex"),
        ({"penalty": "absolute"}, UnsupportedPenaltyError, "pseudo-huber"),
        ({"penalty": "cosh", "classes": 2}, UnsupportedPenaltyError, "two classes"),
        ({"alpha": 0.0, "signal_noise": 0.0}, SeparableError, "separable"),
        ({"alpha": 0.0, "aspect_ratio": 1.2}, SeparableError, "separable"),
        ({"alpha": 0.0, "aspect_ratio": 0.9}, SeparableError, "separable"),
    ],
)
def test_bad_parameters_are_named(
    arguments: dict[str, Any], error: type[Exception], words: str
) -> None:
    given = {"aspect_ratio": 0.5, "classes": 3, **arguments}
    with pytest.raises(error, match=words):
        asymptotics_many_classes(**given)


def test_integers_of_other_libraries_count_classes() -> None:
    found = asymptotics_many_classes(0.5, np.int64(3))  # type: ignore[arg-type]
    assert found == asymptotics_many_classes(0.5, 3)


# The claims.


def test_other_nodes_and_trained_weights_reject_other_equations_by_themselves() -> None:
    _, solver, trained, simulated = claims.CLAIMS[0].checks
    first, second, third = theory.system()
    assert solver((first, second, third)).supported
    assert trained((first, second, third)).supported
    assert simulated((first, second, third)).supported
    for false in (
        (Eq(first.lhs, 1 - 2 * aspect_ratio / 3), second, third),
        (first, Eq(second.lhs, 2 * second.rhs), third),
        (first, second, Eq(third.lhs, 2 * third.rhs)),
    ):
        assert solver(false).refutes
        assert trained(false).refutes
        assert simulated(false).refutes


def test_the_derivation_has_no_gaps() -> None:
    assert theory.quadratic_derivation().unproved() == ()
    assert theory.regression_in_two_parts() == (0, 0)
    assert theory.block_slopes() == (0, 0)
    assert theory.two_classes() == (0, 0)


def test_the_other_proximal_step_is_stationary_and_says_where_it_fails() -> None:
    z = np.random.default_rng(0).standard_normal((200, 3))
    labels = np.array([0.9, 0.05, 0.05])
    for gamma in (0.2, 1.0, 30.0):
        p = z + by_other_means._step(z, labels, gamma)
        share = np.exp(p - np.logaddexp.reduce(p, axis=1)[:, None])
        assert_allclose(p - z, gamma * (labels - share), rtol=0, atol=1e-11)
    with np.errstate(all="ignore"), pytest.raises(NotConvergedError, match=r"gamma = 1e\+06"):
        by_other_means._step(100 * z, labels, 1e6)

"""Properties of targets, of the strength and of the squared loss, for all penalties and data."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import logitreg as lr
import numpy as np
import pytest
from flint import fmpq, fmpq_mat
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from logitreg.numerics.fisher import fisher_direction
from logitreg.numerics.kernels import kernel
from logitreg.numerics.losses import sample_loss, target_levels
from logitreg.proofs_checks.strategies import (
    alphas,
    embeddings,
    label_absorbed_data,
    labelled_data,
    penalties,
)

Array = Any
Refutes = Callable[..., None]

UNIT = 2.0**-53
few = settings(max_examples=max(1, settings().max_examples // 3))
names = penalties(names_only=True)
smooth = penalties(smooth=True, names_only=True)


# Targets and the strength.


def check_monotone(
    target: Callable[[str, float, int], float], penalty: str, pair: list[float], classes: int
) -> None:
    """Targets are within two units in the last place each."""
    weak, strong = sorted(pair)
    least, most = target(penalty, strong, classes), target(penalty, weak, classes)
    assert least <= most * (1 + 8 * UNIT)


strengths = st.lists(alphas(), min_size=2, max_size=2)


@given(names, strengths, st.integers(2, 12))
def test_targets_fall_as_the_strength_rises(penalty: str, pair: list[float], classes: int) -> None:
    check_monotone(lr.target, penalty, pair, classes)


@given(penalties(), st.lists(alphas(1e-6, 1 - 1e-6), min_size=2, max_size=2))
@few
def test_targets_of_ones_own_penalty_fall_as_the_strength_rises(
    penalty: str, pair: list[float]
) -> None:
    check_monotone(lr.target, penalty, pair, 2)


def test_targets_at_the_other_strength_are_refuted(refutes: Refutes) -> None:
    def check(penalty: str, pair: list[float], classes: int) -> None:
        check_monotone(
            lambda p, alpha, k: float(lr.target(p, 1 - alpha, k)), penalty, pair, classes
        )

    refutes(
        check, names, st.lists(alphas(0.01, 0.9), min_size=2, max_size=2), st.just(2), within=20
    )


def check_penalty_falls(found: list[Any], pair: list[float], penalty: str, samples: int) -> None:
    """L_a = (1 - a) C + a F: minimisers y at a and z at b > a have F(z) <= F(y), up to

        F(z) - F(y) <= ((1 - b) d_a + (1 - a) d_b)/(b - a),   d_a >= L_a(y) - L_a(z).

    By convexity N d_a <= |P G| |y - z| with G the gradients at y, whose projection the residual
    gives. For f = z^2, F is the square of the norm of the weights in the metric of the data.
    """
    (weak, strong), (first, second) = sorted(pair), found
    f = kernel(penalty)
    distance = float(np.linalg.norm(first.logits - second.logits))
    excess, noise = [], 0.0
    for result, alpha in ((first, weak), (second, strong)):
        loss = sample_loss(penalty, alpha)
        z = result.logits[:, None]
        size = np.linalg.norm(loss.gradient(z)) + np.linalg.norm(loss.curvature(z)(z))
        excess.append(result.residual * size * distance / samples)
        noise += float(np.mean(np.abs(f.value(z)) + np.abs(f.slope(z) * z))) * (samples + 8) * UNIT
    limit = ((1 - strong) * excess[0] + (1 - weak) * excess[1]) / (strong - weak) + noise
    assert float(np.mean(f.value(second.logits)) - np.mean(f.value(first.logits))) <= limit


separate_strengths = st.lists(
    st.integers(1, 63).map(lambda k: k / 64), min_size=2, max_size=2, unique=True
)


@given(label_absorbed_data(), smooth, separate_strengths)
def test_penalty_of_the_minimiser_falls_as_the_strength_rises(
    X: Array, penalty: str, pair: list[float]
) -> None:
    found = [lr.fit(X.astype(float), penalty=penalty, alpha=alpha) for alpha in sorted(pair)]
    check_penalty_falls(found, pair, penalty, len(X))


def test_strengths_that_are_mixed_up_are_refuted(refutes: Refutes) -> None:
    def check(X: Array, penalty: str, pair: list[float]) -> None:
        found = [lr.fit(X, penalty=penalty, alpha=1 - alpha) for alpha in sorted(pair)]
        check_penalty_falls(found, pair, penalty, len(X))

    refutes(check, label_absorbed_data(moderate=True), smooth, separate_strengths, within=20)


def check_simplex(
    gap: Callable[[str, float, int], float], classes: int, penalty: str, alpha: float
) -> None:
    """One sample of each class with a feature of its own has the target of its class as logits:
    z_low everywhere but at its class, where the gap comes on top.

    The gradients vanish there, up to a few units of rounding of their terms, and the computed
    logits z obey (z - t) . (G(z) - G(t)) <= |z - t| (|G(z)| + |G(t)|).
    """
    codes = np.arange(classes)
    loss = sample_loss(penalty, alpha, codes, classes)

    def size(logits: Array) -> float:
        bent = loss.curvature(logits)(logits)
        return float(np.linalg.norm(loss.gradient(logits)) + np.linalg.norm(bent)) + 1 - alpha

    low, _ = target_levels(penalty, alpha, classes)
    vertices = np.full((classes, classes), low) + gap(penalty, alpha, classes) * np.eye(classes)
    rounding = 8 * classes * UNIT * size(vertices)
    at_vertices = loss.gradient(vertices)
    assert np.linalg.norm(at_vertices) <= rounding

    found = lr.fit(np.eye(classes), codes, penalty=penalty, alpha=alpha)
    z = found.logits
    apart = z - vertices
    left = float(np.sum(apart * (loss.gradient(z) - at_vertices)))
    limit = found.residual * size(z) + 8 * classes * UNIT * size(z) + rounding
    assert left <= float(np.linalg.norm(apart)) * limit


@given(st.integers(3, 6), smooth, alphas(1e-9, 1 - 1e-9))
@few
def test_targets_are_the_vertices_of_a_symmetric_simplex(
    classes: int, penalty: str, alpha: float
) -> None:
    check_simplex(lr.target, classes, penalty, alpha)


def test_wrong_gaps_are_refuted(refutes: Refutes) -> None:
    """The mass alpha/(K - 1) on the other classes, in place of alpha/K."""

    def check(classes: int, alpha: float) -> None:
        check_simplex(
            lambda _penalty, a, k: math.log((1 - a) * (k - 1) / a),
            classes,
            "label-smoothing",
            alpha,
        )

    refutes(check, st.integers(3, 6), alphas(1e-3, 0.5), within=5)


# Calibration.


def check_calibration(fit: Callable[..., Any], data: tuple[Array, Array], alpha: float) -> None:
    """With a bias the mean predicted probability of a class is (1 - alpha) share + alpha/K.

    Their difference is the gradient of the loss in the bias.
    """
    X, y = data[0].astype(float), data[1]
    found = fit(X, y, penalty="label-smoothing", alpha=alpha, bias=True)
    classes, codes = np.unique(y, return_inverse=True)
    z = X @ found.weights.T + found.bias
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    share = np.bincount(codes) / len(y)
    expected = (1 - alpha) * share + alpha / len(classes)
    size = float(np.max(np.abs(X) @ np.abs(found.weights.T) + np.abs(found.bias)))
    rounding = 4 * (X.shape[1] + len(X) + 8) * UNIT * (1 + size)
    assert np.max(np.abs(p.mean(axis=0) - expected)) <= found.gradient_norm + rounding
    assert found.gradient_norm <= 1e-9 * (1 + np.linalg.norm(X, 2)) * (1 + size)


samples_of_classes = labelled_data(st.integers(3, 5), moderate=True)


@given(samples_of_classes | embeddings(4), alphas(1e-3, 0.99))
def test_mean_prediction_is_the_smoothed_share(data: tuple[Array, Array], alpha: float) -> None:
    check_calibration(lr.fit, data, alpha)


def test_mean_prediction_under_another_penalty_is_refuted(refutes: Refutes) -> None:
    def check(data: tuple[Array, Array], alpha: float) -> None:
        def quadratic(X: Array, y: Array, **options: Any) -> Any:
            return lr.fit(X, y, **{**options, "penalty": "quadratic"})

        check_calibration(quadratic, data, alpha)

    refutes(check, samples_of_classes, alphas(0.05, 0.9), within=10)


# The squared loss, whose minimiser is Fisher's direction on any data.


def rational(X: Array) -> fmpq_mat:
    entries = [fmpq(*Fraction(float(x)).as_integer_ratio()) for x in np.ravel(X)]
    return fmpq_mat(*np.shape(X), entries)


def ones(rows: int) -> fmpq_mat:
    return fmpq_mat(rows, 1, [fmpq(1)] * rows)


def exact_least_squares(X: fmpq_mat) -> fmpq_mat:
    return (X.transpose() * X).solve(X.transpose() * ones(X.nrows()))


def squared_variation(X: fmpq_mat, weights: fmpq_mat) -> fmpq | None:
    """r^2 = N sum z^2/(sum z)^2 - 1, or None for infinity."""
    z = X * weights
    total = (ones(X.nrows()).transpose() * z)[0, 0]
    return None if total == 0 else X.nrows() * (z.transpose() * z)[0, 0] / total**2 - 1


def check_variation(best_of: Callable[[fmpq_mat], fmpq_mat], X: Array, seed: Array) -> None:
    """In exact rationals, with no tolerance."""
    exact = rational(X)
    best = squared_variation(exact, best_of(exact))
    other = squared_variation(exact, rational(seed[: X.shape[1], None]))
    assert other is None or (best is not None and best <= other)


any_weights = npst.arrays(np.int64, 4, elements=st.integers(-9, 9))


@given(label_absorbed_data(), any_weights)
def test_no_weights_vary_relatively_less_than_those_of_the_squared_loss(
    X: Array, seed: Array
) -> None:
    check_variation(exact_least_squares, X, seed)


def test_the_mean_as_a_direction_is_refuted(refutes: Refutes) -> None:
    def check(X: Array, seed: Array) -> None:
        check_variation(lambda exact: exact.transpose() * ones(exact.nrows()), X, seed)

    refutes(check, label_absorbed_data(moderate=True), any_weights, within=300)


def in_float64(X: Array) -> Array:
    """Fisher's direction, which float32 data would get rounded to float32."""
    return np.asarray(fisher_direction(X.astype(float)))


def check_fisher(direction: Callable[[Array], Array], X: Array) -> None:
    """Against exact rationals, to the bound of a backward stable least-squares solver [1]_,

        |X (S - S_F)| <= c N d u (1 + cond(X)) sqrt(N),

    with c = 8 and the columns in units that make their maximum about one.

    .. [1] Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., thm. 20.3 and 20.2.
    """
    exact = rational(X)
    difference = exact * (exact_least_squares(exact) - rational(direction(X)[:, None]))
    squares = sum((entry * entry for entry in difference.entries()), fmpq(0))
    scaled = np.ldexp(X.astype(float), -np.frexp(np.max(np.abs(X.astype(float)), axis=0))[1])
    samples, features = X.shape
    limit = 8 * samples * features * UNIT * (1 + np.linalg.cond(scaled)) * math.sqrt(samples)
    assert squares <= fmpq(*Fraction(limit**2).as_integer_ratio())


@given(label_absorbed_data())
def test_fisher_direction_minimises_the_squared_loss(X: Array) -> None:
    check_fisher(in_float64, X)


def test_fisher_direction_by_the_normal_equations_is_refuted(refutes: Refutes) -> None:
    """They square the condition number."""

    def normal_equations(X: Array) -> Array:
        X = X.astype(float)
        return np.linalg.solve(X.T @ X, X.sum(axis=0))

    def check(X: Array) -> None:
        X = X.astype(float)
        if np.max(np.abs(X)) < 1e100 and np.min(np.max(np.abs(X), axis=0)) > 1e-60:
            check_fisher(normal_equations, X)

    refutes(check, label_absorbed_data(), within=200)


def check_rescaled(direction: Callable[[Array], Array], X: Array, level: float) -> None:
    """S(t) = t S(1): here by X -> X/t, exactly for powers of two."""
    X = X.astype(float)
    assert np.array_equal(direction(X / level), level * direction(X))


levels = st.sampled_from([2.0**-40, 0.5, 2.0, 2.0**40])


@given(label_absorbed_data(), levels)
def test_rescaled_target_of_the_squared_loss_rescales_the_weights(X: Array, level: float) -> None:
    check_rescaled(in_float64, X, level)


@pytest.mark.parametrize("broken", ["of length one", "with weight decay"])
def test_directions_that_do_not_scale_with_the_target_are_refuted(
    broken: str, refutes: Refutes
) -> None:
    def direction(X: Array) -> Array:
        if broken == "with weight decay":
            return np.linalg.solve(X.T @ X + np.eye(X.shape[1]), X.sum(axis=0))
        found = in_float64(X)
        return found / max(float(np.linalg.norm(found)), UNIT)

    def check(X: Array, level: float) -> None:
        check_rescaled(direction, X, level)

    refutes(check, label_absorbed_data(moderate=True), levels, within=10)


def check_angle_is_zero(direction: Callable[[Array], Array], X: Array) -> None:
    """No angle can be told from zero, by a certificate that is sharp."""
    if not np.any(X.sum(axis=0)):
        return
    certificate = lr.alignment(X, direction(X), penalty="quadratic", alpha=0.5)
    assert certificate.sine_below == 0
    assert certificate.angle_error < 1e-9


@given(label_absorbed_data(moderate=True))
def test_fisher_direction_has_angle_zero(X: Array) -> None:
    check_angle_is_zero(in_float64, X)


def test_a_direction_off_by_1e_8_is_refuted(refutes: Refutes) -> None:
    def check(X: Array) -> None:
        off = 1 + 1e-8 * np.arange(X.shape[1])
        check_angle_is_zero(lambda data: off * in_float64(data), X)

    refutes(check, label_absorbed_data(moderate=True), within=20)

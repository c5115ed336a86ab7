"""Minimisers of the training loss."""

from __future__ import annotations

from typing import Any

import logitreg as lr
import mpmath
import numpy as np
import pytest
from logitreg.errors import (
    AlphaError,
    DataError,
    NonFiniteError,
    NotConvergedError,
    SeparableError,
    ShapeError,
    UnsupportedPenaltyError,
)
from logitreg.numerics.coordinates import coordinates
from logitreg.numerics.fit import fit
from logitreg.numerics.losses import sample_loss
from logitreg.numerics.newton import newton
from mpmath import mp, mpf
from scipy.special import logsumexp, softmax
from sklearn.linear_model import LogisticRegression

SMOOTH = ["quadratic", "label-smoothing", "log-cosh", "pseudo-huber", "huber", "cosh"]


def binary_data(seed: int = 0, samples: int = 40, features: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((samples, features)) + 0.4


def multiclass_data(classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    y = np.arange(20 * classes) % classes
    return np.eye(classes)[y] @ rng.standard_normal((classes, 4)) + rng.standard_normal(
        (len(y), 4)
    ), y


@pytest.mark.parametrize("penalty", [*SMOOTH, "power", "entropy"])
@pytest.mark.parametrize("alpha", [1e-3, 0.1, 0.9])
def test_gradient_vanishes_to_rounding_level(penalty: str, alpha: float) -> None:
    assert fit(binary_data(), penalty=penalty, alpha=alpha).residual < 1e-12


@pytest.mark.parametrize("penalty", [*SMOOTH, "entropy"])
@pytest.mark.parametrize("bias", [False, True])
def test_multiclass_gradient_vanishes_to_rounding_level(penalty: str, bias: bool) -> None:
    X, y = multiclass_data()
    result = fit(X, y, penalty=penalty, alpha=0.1, bias=bias)
    assert result.residual < 1e-12
    assert result.weights.shape == (3, 4)
    assert (result.bias is None) != bias


@pytest.mark.parametrize(
    ("X", "y", "penalty", "alpha", "bias"),
    [
        (np.eye(4), range(4), "pseudo-huber", 1e-3, False),
        ([[1.0]], None, "quadratic", 1e-300, False),
        ([[0.0], [-8.0], [-3.0], [9.0]], [0, 1, 0, 2], "label-smoothing", 1e-6, True),
        ([[0.0, 0.0], [1.0, 1.0], [0.0, 0.5]], [0, 1, 2], "quadratic", 1e-6, True),
        ([[0.0], [7.4e78], [1.2e81]], [0, 2, 1], "label-smoothing", 1 - 3.6e-12, False),
    ],
)
def test_faint_and_overwhelming_penalties_are_solved_to_rounding_level(
    X: Any, y: Any, penalty: str, alpha: float, bias: bool
) -> None:
    result = fit(X, y, penalty=penalty, alpha=alpha, bias=bias)
    assert result.residual < 1e-13
    assert result.iterations < 30


def test_a_loss_with_a_faint_penalty_is_solved_at_50_digits() -> None:
    X = [[0.0, 0.0], [1.0, 1.0], [0.0, 0.5]]
    ours = fit(X, [0, 1, 2], penalty="quadratic", alpha=1e-6, bias=True)
    with mp.workdps(50):
        exact = lr.precise_fit(X, [0, 1, 2], penalty="quadratic", alpha=1e-6, bias=True, digits=50)
        pairs = list(zip(ours.weights.ravel(), np.ravel(exact.weights), strict=True))
        largest = max(abs(theirs) for _, theirs in pairs)
        assert all(abs(mine - theirs) <= 1e-9 * largest for mine, theirs in pairs)


NEARLY_PARALLEL = [
    [-6.09863722e-20, -3.56526721e29],
    [2.03287907e-20, 1.18842243e29],
    [0.0, 5.31266229e21],
    [0.0, 0.0],
    [-1.35525272e-20, -7.92281625e28],
    [-5.42101086e-20, -3.16912636e29],
]


def test_a_penalty_that_is_lost_in_rounding_is_named() -> None:
    with pytest.raises(NotConvergedError, match="below the rounding unit"):
        fit([[0.0], [1.0], [2.0], [0.5]], [0, 1, 2, 2], alpha=1e-30, bias=True, max_iter=5)
    with pytest.raises(NotConvergedError) as other:
        fit([[0.0], [1.0], [2.0], [0.5]], [0, 1, 2, 2], alpha=1e-6, bias=True, max_iter=1)
    assert "rounding" not in str(other.value)


def test_a_cusp_that_is_almost_a_kink_is_named() -> None:
    X = np.random.default_rng(0).standard_normal((40, 5)) + 0.4
    sharp, rounded = "10*abs(z-1)^(21/20)", "10*((z-1)^2+1/10^4)^(21/40)"
    with pytest.raises(NotConvergedError, match=r"next to the logit (0\.99|1\.00|1[, ]).*round"):
        fit(X, penalty=sharp, alpha=0.5)
    assert fit(X, penalty=rounded, alpha=0.5).residual < 1e-12
    with pytest.raises(NotConvergedError, match="raise max_iter"):
        fit(X, penalty="cosh", alpha=0.5, max_iter=1)


def test_rounded_weights_have_the_residual_that_rounding_leaves() -> None:
    X = np.array(NEARLY_PARALLEL)
    result = fit(X, alpha=0.1)
    terms = np.abs(X) @ np.abs(result.weights)
    assert result.residual < 2.0**-52 * np.linalg.norm(terms) / np.linalg.norm(result.logits)


@pytest.mark.parametrize("distance", [1e-8, 1e-11])
def test_weights_that_rounding_has_spoilt_are_not_returned(distance: float) -> None:
    rng = np.random.default_rng(0)
    column = 1 + 0.1 * rng.standard_normal(8)
    X = np.stack([column, column + distance * rng.standard_normal(8)], axis=1)
    if distance == 1e-8:
        assert fit(X, alpha=0.1).residual < 1e-9
    else:
        with pytest.raises(NotConvergedError, match="columns are nearly dependent"):
            fit(X, alpha=0.1)


@pytest.mark.parametrize("unit", [1e-30, 1e-10, 1e30])
def test_least_norm_weights_in_extreme_units_keep_their_digits(unit: float) -> None:
    X = unit * np.array([[1.0, -1.0, 3.5], [0.0, -1.0, -2.5], [-1.0, 2.0, 1.0]])
    assert fit(X, [0, 1, 1], penalty="pseudo-huber", alpha=0.1, bias=True).residual < 1e-14


def test_weights_beyond_float32_are_refused() -> None:
    X = np.array([[1, 0.2], [0.8, -0.3], [1.3, 0.1]])
    with pytest.raises(DataError, match="float32 does not hold"):
        fit((1e-39 * X).astype(np.float32))
    assert np.all(np.isfinite(fit((1e-37 * X).astype(np.float32)).weights))
    assert np.all(np.isfinite(fit(1e-39 * X).weights))


def test_quadratic_minimiser_at_50_digits() -> None:
    X = np.round(8 * binary_data(2, 8, 2)) / 8
    alpha = 0.25
    weights = fit(X, alpha=alpha).weights
    with mpmath.workdps(50):
        rows = [[mpf(float(v)) for v in row] for row in X]

        def gradient(*s: Any) -> list[Any]:
            z = [mp.fdot(row, s) for row in rows]
            slopes = [-(1 - mpf(alpha)) / (1 + mp.exp(v)) + 2 * alpha * v for v in z]
            return [mp.fdot(slopes, [row[j] for row in rows]) for j in range(2)]

        exact = mp.findroot(gradient, [mpf(float(w)) for w in weights])
        assert max(abs(float(e) - w) for e, w in zip(exact, weights, strict=True)) < 1e-14


@pytest.mark.parametrize("penalty", ["quadratic", "label-smoothing", "entropy", "log-cosh"])
def test_multiclass_derivatives_agree_with_differences(penalty: str) -> None:
    rng = np.random.default_rng(0)
    z, u, codes = rng.standard_normal((6, 3)), rng.standard_normal((6, 3)), np.arange(6) % 3
    loss = sample_loss(penalty, 0.3, codes, 3)
    h = 1e-5
    slope = (loss.value(z + h * u) - loss.value(z - h * u)) / (2 * h)
    np.testing.assert_allclose(np.sum(loss.gradient(z) * u, axis=1), slope, atol=1e-9)
    bend = (loss.gradient(z + h * u) - loss.gradient(z - h * u)) / (2 * h)
    np.testing.assert_allclose(loss.curvature(z)(u), bend, atol=1e-9)


def test_multiclass_losses_are_those_of_the_literature() -> None:
    rng = np.random.default_rng(0)
    z, codes = rng.standard_normal((6, 3)), np.arange(6) % 3
    log_p = z - logsumexp(z, axis=1, keepdims=True)
    smoothed = 0.7 * np.eye(3)[codes] + 0.3 / 3
    np.testing.assert_allclose(
        sample_loss("label-smoothing", 0.3, codes, 3).value(z), -np.sum(smoothed * log_p, axis=1)
    )
    entropy = -np.sum(softmax(z, axis=1) * log_p, axis=1)
    cross = -log_p[np.arange(6), codes]
    np.testing.assert_allclose(
        sample_loss("entropy", 0.3, codes, 3).value(z), 0.7 * cross - 0.3 * entropy
    )


def test_without_penalty_it_is_logistic_regression() -> None:
    rng = np.random.default_rng(3)
    X = rng.standard_normal((300, 3))
    y = (X[:, 0] + 1.5 * rng.standard_normal(300) > 0).astype(int)
    reference = LogisticRegression(C=np.inf, tol=1e-12, max_iter=1000).fit(X, y)
    result = fit(X, y, alpha=0, bias=True)
    np.testing.assert_allclose(result.weights, reference.coef_[0], rtol=1e-6)
    assert result.bias == pytest.approx(reference.intercept_[0], rel=1e-5)


def test_two_classes_solve_the_stationarity_of_smoothed_labels() -> None:
    X, y = multiclass_data(2)
    binary = fit(X, y, penalty="label-smoothing", alpha=0.2)
    gaps = binary.logits
    p = 1 / (1 + np.exp(-gaps))
    np.testing.assert_allclose(X.T @ ((p - 0.9) * np.where(y == 1, 1, -1)), 0, atol=1e-12)


def test_free_level_of_the_logits_is_centred() -> None:
    X, y = multiclass_data()
    result = fit(X, y, penalty="label-smoothing", bias=True)
    assert isinstance(result.bias, np.ndarray)
    np.testing.assert_allclose(np.sum(result.weights, axis=0), 0, atol=1e-13)
    assert abs(np.sum(result.bias)) < 1e-13


def test_logits_do_not_depend_on_the_units_and_mixing_of_the_features() -> None:
    X = binary_data()
    units = np.logspace(-100, 100, 5)
    np.testing.assert_allclose(fit(X * units).logits, fit(X).logits, rtol=1e-12)
    mixing = np.eye(5) + np.triu(np.full((5, 5), 30.0), 1)
    np.testing.assert_allclose(fit(X @ mixing).logits, fit(X).logits, rtol=1e-8)


def test_newton_reaches_a_local_minimum_from_where_the_loss_is_concave() -> None:
    basis = coordinates(np.ones((1, 1)), np.ones(1))
    loss = sample_loss("entropy", np.array([0.5]))
    start = np.array([[[3.5]]])
    assert loss.curvature(start)(np.ones_like(start)) < 0
    found = newton(basis, loss, start, 100)
    assert found.reached.all()
    assert float(loss.gradient(found.coordinates)[0, 0, 0]) == pytest.approx(0, abs=1e-15)
    assert float(found.coordinates[0, 0, 0]) == pytest.approx(lr.target("entropy", 0.5), rel=1e-13)


@pytest.mark.parametrize("alpha", [0.01, 0.5, 0.99])
@pytest.mark.parametrize("samples", [12, 60])
def test_entropy_and_fractional_powers_reach_rounding_level(samples: int, alpha: float) -> None:
    X = binary_data(4, samples, 8)
    for penalty in ("entropy", lr.penalty("power", p="3/2"), "abs(z)^(5/4)"):
        result = fit(X, penalty=penalty, alpha=alpha)
        # The logits of fractional powers are as small as 1e-13 here.
        assert result.residual < (1e-12 if alpha == 0.99 else 1e-13)
        assert result.gradient_norm < 1e-14


def test_bias_equals_a_column_of_ones() -> None:
    X, y = multiclass_data()
    with_ones = fit(np.hstack([X, np.ones((len(X), 1))]), y)
    result = fit(X, y, bias=True)
    np.testing.assert_array_equal(result.weights, with_ones.weights[:, :-1])
    np.testing.assert_array_equal(result.bias, with_ones.weights[:, -1])


@pytest.mark.parametrize("classes", [2, 3])
def test_separable_data_without_penalty_is_refused(classes: int) -> None:
    X, y = multiclass_data(classes)
    X = X + 20 * np.eye(4)[y]
    with pytest.raises(SeparableError, match="choose alpha > 0"):
        fit(X, y, alpha=0, bias=True)
    assert fit(X, y, alpha=0.01, bias=True).residual < 1e-12


@pytest.mark.parametrize("classes", [2, 3])
def test_touching_classes_without_penalty_are_refused(classes: int) -> None:
    X = np.concatenate([[c, c + 1.0] for c in range(classes)])[:, None]
    y = np.repeat(np.arange(classes), 2)
    with pytest.raises(SeparableError):
        fit(X, y, alpha=0, bias=True)


def test_errors_say_what_was_wrong() -> None:
    X, y = multiclass_data()
    for alpha in (-0.1, 1.0, float("nan"), "much"):
        with pytest.raises(AlphaError, match=r"\[0, 1\)"):
            fit(X, y, alpha=alpha)  # type: ignore[arg-type]
    with pytest.raises(UnsupportedPenaltyError, match="pseudo-huber"):
        fit(X, y, penalty="abs(z) - z^2")
    with pytest.raises(ValueError, match="'raise' or 'max-margin'"):
        fit(X, y, on_separable="ignore")  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="one label per sample"):
        fit(X, y[:-1])
    with pytest.raises(ShapeError, match="n_samples, n_features"):
        fit(X[:, 0])
    with pytest.raises(ShapeError, match="at least one"):
        fit(np.empty((0, 3)))
    with pytest.raises(DataError, match="single label"):
        fit(X, np.ones(len(X)), bias=True)
    with pytest.raises(DataError, match="regression target"):
        fit(X, X[:, 0])
    with pytest.raises(DataError, match="dtype"):
        fit(X.astype(str), y)
    with pytest.raises(DataError, match="dtype"):
        fit(X.astype(complex), y)
    broken = X.copy()
    broken[3, 1] = np.nan
    with pytest.raises(NonFiniteError, match=r"X\[3, 1\]"):
        fit(broken, y)
    with pytest.raises(NotConvergedError, match="limit 1"):
        fit(X, y, penalty="cosh", max_iter=1)


@pytest.mark.parametrize("weighted", [False, True])
def test_factors_in_single_precision_serve_minimisers_in_double_precision(weighted: bool) -> None:
    rng = np.random.default_rng(3)
    X = (rng.standard_normal((1500, 60)) + 0.2) * np.logspace(-6, 6, 60)
    weight = rng.uniform(0.1, 3, 1500) if weighted else np.ones(1500)
    basis = coordinates(X, weight)
    assert basis.single is not None
    np.testing.assert_allclose(basis.q.T @ basis.q, np.eye(60), atol=1e-4)
    for columns in (1, 3, 20):
        c = rng.standard_normal((60, columns))
        v = rng.standard_normal((1500, columns))
        np.testing.assert_allclose(basis.spread(c), basis.q @ c, atol=1e-13)
        np.testing.assert_allclose(basis.collect(v), basis.q.T @ v, atol=1e-12)
    result = fit(X, alpha=0.2, sample_weight=weight)
    assert result.residual < 1e-14
    slopes = 0.4 * result.logits - 0.8 / (1 + np.exp(result.logits))
    pull = np.linalg.qr(X * np.sqrt(weight)[:, None])[0].T @ (np.sqrt(weight) * slopes)
    assert np.linalg.norm(pull) < 1e-13 * np.linalg.norm(slopes)


@pytest.mark.parametrize("case", ["well conditioned", "weighted", "ill conditioned"])
def test_rough_coordinates_share_the_condition_of_many_hessians(case: str) -> None:
    rng = np.random.default_rng(5)
    X = rng.standard_normal((2000, 140)) * np.logspace(-3, 3, 140)
    if case == "ill conditioned":
        X[:, 1] = X[:, 0] + 1e-5 * X[:, 1]
    weight = rng.uniform(0.1, 3, 2000) if case == "weighted" else np.ones(2000)
    basis = coordinates(X, weight)
    assert (basis.single is None) == (case == "ill conditioned")
    curvature = 10 ** np.outer(rng.uniform(-3, 0, 2000), np.linspace(0, 1, 40))[:, None]
    rough = basis.rough(curvature)
    c, v = rng.standard_normal((140, 1, 40)), rng.standard_normal((2000, 1, 40))
    u = rough.enter(c)
    assert rough.basis.matrix.dtype == np.float32
    np.testing.assert_allclose(rough.leave(u), c, atol=1e-4)
    np.testing.assert_allclose(rough.basis.spread(u), basis.spread(c), atol=1e-4)
    np.testing.assert_allclose(
        rough.basis.collect(v), rough.gradient(basis.collect(v)), rtol=1e-3, atol=1e-3
    )

    def condition(q: Any, alpha: int) -> float:
        return float(np.linalg.cond(q.T @ (curvature[..., alpha] * q)))

    plain = [condition(basis.q, alpha) for alpha in (0, 39)]
    shared = [condition(rough.basis.q, alpha) for alpha in (0, 39)]
    assert max(shared) < 0.5 * max(plain)
    assert max(shared) < 2 * min(shared)


@pytest.mark.parametrize("case", ["dependent", "nearly", "units"])
def test_ill_conditioned_data_is_not_factored_in_single_precision(case: str) -> None:
    X = np.random.default_rng(3).standard_normal((1500, 60)) + 0.2
    if case == "units":
        X = X * np.logspace(-300, 300, 60)
    else:
        X[:, 1] = X[:, 0] + (1e-3 * X[:, 1] if case == "nearly" else 0)
    basis = coordinates(X, np.ones(1500))
    assert basis.single is None
    assert basis.rank == (59 if case == "dependent" else 60)


@pytest.mark.parametrize("alpha", [1e-7, 1e-9])
def test_faint_bends_under_large_logits_are_reached_by_way_of_larger_strengths(
    alpha: float,
) -> None:
    X, y = np.array([[0.0, 0.0], [1.0, 0.0], [4096.0, 4096.0], [1.0, 1.0]]), [1, 0, 2, 0]
    assert fit(X, y, penalty="huber", alpha=alpha, bias=True).residual < 1e-11


@pytest.mark.parametrize("penalty", ["label-smoothing", "huber", "log-cosh"])
def test_faint_penalties_of_many_classes_are_solved_on_large_data(penalty: str) -> None:
    y = np.arange(900) % 3
    noise = np.random.default_rng(0).standard_normal((900, 300))
    X = noise + np.random.default_rng(1).standard_normal((3, 300))[y]
    for alpha in (1e-8, 1e-5):
        found = lr.fit(X, y, penalty=penalty, alpha=alpha)
        assert found.residual < 1e-13
        assert found.iterations < 30

"""Enclosed minimisers, and the float64 solvers against them."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest
from flint import arb, arb_mat
from logitreg.errors import NotConvergedError, UnsupportedPenaltyError
from logitreg.numerics.ball_losses import ball_loss
from logitreg.numerics.balls import precision
from logitreg.numerics.batched import fit_batch
from logitreg.numerics.enclosures import only_zero
from logitreg.numerics.fit import fit
from logitreg.numerics.high_precision import PreciseFit, precise_fit
from logitreg.numerics.kernels import kernel, penalties
from mpmath import mp, mpf

SMOOTH = [name for name in penalties() if not kernel(name).kinks]


def data(classes: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(classes)
    y = np.arange(24) % classes
    return rng.standard_normal((24, 3)) + 0.8 * np.eye(3)[y], y


def midpoints(balls: Any) -> np.ndarray:
    if isinstance(balls, tuple):
        return np.array([midpoints(ball) for ball in balls])
    return np.asarray(float(balls.mid()))


def relative_error(found: Any, exact: PreciseFit) -> float:
    weights = midpoints(exact.weights)
    errors = [np.abs(found.weights - weights)]
    if exact.bias is not None:
        errors.append(np.abs(found.bias - midpoints(exact.bias)))
    return max(float(np.max(error)) for error in errors) / float(np.max(np.abs(weights)))


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("name", SMOOTH)
def test_both_solvers_reach_the_enclosed_minimiser(name: str, classes: int, bias: bool) -> None:
    X, y = data(classes)
    exact = precise_fit(X, y, penalty=name, alpha=0.2, bias=bias, digits=30)
    assert relative_error(fit(X, y, penalty=name, alpha=0.2, bias=bias), exact) < 1e-13
    found = fit_batch(X, y, penalty=name, alpha=0.2, bias=bias)
    assert relative_error(found, exact) < 4e-15
    assert float(found.loss) == pytest.approx(float(exact.loss.mid()), rel=1e-14)


def test_other_data_or_strengths_are_told_apart() -> None:
    X, y = data(3)
    exact = precise_fit(X, y, alpha=0.2, digits=30)
    assert relative_error(fit_batch(X, y, alpha=0.2 + 1e-9), exact) > 1e-10
    nudged = X.copy()
    nudged[0, 0] += 1e-9
    assert relative_error(fit_batch(nudged, y, alpha=0.2), exact) > 1e-11


def test_weights_are_those_of_an_independent_root_finder_at_50_digits() -> None:
    X = np.round(8 * data(2)[0][:, :2]) / 8
    exact = precise_fit(X, alpha=0.25, digits=50)
    with mpmath.workdps(60):
        rows = [[mpf(v) for v in row] for row in X.tolist()]

        def gradient(*s: Any) -> list[Any]:
            z = [mp.fdot(row, s) for row in rows]
            slopes = [-mpf(0.75) / (1 + mp.exp(v)) + v / 2 for v in z]
            return [mp.fdot(slopes, [row[j] for row in rows]) for j in range(2)]

        root = mp.findroot(gradient, [mpf(float(w.mid())) for w in exact.weights])
        with precision(250):
            for found, weight in zip(root, exact.weights, strict=True):
                assert abs(arb(mp.nstr(found, 58)) - weight) < arb(10) ** -50
                assert weight.rad() < arb(10) ** -50


@pytest.mark.parametrize("digits", [20, 200])
def test_balls_are_as_sharp_as_asked(digits: int) -> None:
    X, y = data(2)
    exact = precise_fit(X, y, penalty="log-cosh", digits=digits)
    with precision(1000):
        largest = max(float(abs(w).mid()) for w in exact.weights)
        assert all(w.rad() < 10 * largest * arb(10) ** -digits for w in exact.weights)


def test_units_of_the_features_do_not_matter() -> None:
    X, _ = data(2)
    units = 2.0 ** np.array([-300, 0, 300])
    plain, scaled = precise_fit(X), precise_fit(X * units)
    with precision(300):
        assert all(a.overlaps(b) for a, b in zip(plain.logits, scaled.logits, strict=True))


def test_level_of_the_logits_is_zero_where_it_is_free() -> None:
    X, y = data(3)
    exact = precise_fit(X, y, penalty="label-smoothing", bias=True)
    for column in zip(*exact.weights, strict=True):
        assert sum(column, arb(0)).contains(0)
    assert sum(exact.bias, arb(0)).contains(0)


def test_a_weight_counts_a_sample_that_often() -> None:
    X, y = data(3)
    weights = np.arange(24) % 4
    weighted = precise_fit(X, y, sample_weight=weights, bias=True)
    repeated = precise_fit(np.repeat(X, weights, axis=0), np.repeat(y, weights), bias=True)
    with precision(250):
        for ours, theirs in zip(weighted.weights, repeated.weights, strict=True):
            assert all(a.overlaps(b) for a, b in zip(ours, theirs, strict=True))
        assert weighted.loss.overlaps(repeated.loss)
        assert not weighted.loss.overlaps(precise_fit(X, y, bias=True).loss)
    found = fit(X, y, sample_weight=weights, bias=True)
    assert relative_error(found, weighted) < 2e-12


@pytest.mark.parametrize("name", SMOOTH)
def test_ball_losses_are_derivatives_of_their_values(name: str) -> None:
    with precision(200):
        step = arb(2) ** -60
        for outputs in (1, 3):
            loss = ball_loss(kernel(name), arb(0.25), outputs)
            z = [arb(0.5), arb(-0.25), arb(1.75)][:outputs]
            for k in range(outputs):
                ahead = [x + step * (i == k) for i, x in enumerate(z)]
                behind = [x - step * (i == k) for i, x in enumerate(z)]
                slope = (loss.value(ahead, 0) - loss.value(behind, 0)) / (2 * step)
                assert abs(slope - loss.gradient(z, 0)[k]) < 1e-30
                for j in range(outputs):
                    bend = (loss.gradient(ahead, 0)[j] - loss.gradient(behind, 0)[j]) / (2 * step)
                    assert abs(bend - loss.hessian(z)[k][j]) < 1e-30


def test_no_zero_is_found_where_there_is_none_or_more_than_one() -> None:
    def jacobian(x: list[arb]) -> arb_mat:
        return arb_mat([[2 * x[0]]])

    def parabola(level: int) -> Any:
        return lambda x: [x[0] ** 2 + level]

    assert only_zero(parabola(1), jacobian, [arb(1)], [arb(0.5)]) is None
    assert only_zero(parabola(-1), jacobian, [arb(0)], [arb(2)]) is None
    assert only_zero(parabola(-1), jacobian, [arb(1.5)], [arb(0.25)]) is None
    found = only_zero(parabola(-1), jacobian, [arb(1.01)], [arb(0.25)])
    assert found is not None
    assert found[0].contains(1)


def test_errors_say_what_was_wrong() -> None:
    X, y = data(2)
    with pytest.raises(UnsupportedPenaltyError, match="z = 0"):
        precise_fit(X, y, penalty="elastic")
    with pytest.raises(NotConvergedError, match="singular"):
        precise_fit(np.hstack([X, X]), y)

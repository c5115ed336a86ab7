"""Many small problems in one call."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType
from typing import Any

import logitreg as lr
import numpy as np
import pytest
from logitreg.errors import (
    AlphaError,
    DataError,
    NonFiniteError,
    NotConvergedError,
    RankDeficientError,
    SeparableError,
    ShapeError,
)
from logitreg.numerics import batched_iteration, batched_newton, batched_problems
from logitreg.numerics.batched import BatchFit, fit_batch
from logitreg.numerics.kernels import kernel, penalties
from logitreg.numerics.losses import sample_loss

SMOOTH = [name for name in penalties() if not kernel(name).kinks]


def features(*batch: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((*batch, 30, 4)) + 0.4


def labels(*batch: int, classes: int = 3) -> np.ndarray:
    return np.random.default_rng(1).integers(0, classes, (*batch, 30))


@pytest.mark.parametrize("alpha", [1e-3, 0.2, 0.9])
@pytest.mark.parametrize("name", SMOOTH)
def test_each_problem_is_solved_as_by_fit(name: str, alpha: float) -> None:
    X = features(6)
    found = fit_batch(X, penalty=name, alpha=alpha)
    assert np.all(found.converged)
    for i, x in enumerate(X):
        single = lr.fit(x, penalty=name, alpha=alpha)
        # Errors are the rounding of the gradient over the curvature, which fades with alpha.
        np.testing.assert_allclose(found.weights[i], single.weights, rtol=0, atol=1e-12 / alpha)
        assert float(found.loss[i]) == pytest.approx(single.loss, rel=1e-13)
    assert np.max(found.residual) < 1e-13


@pytest.mark.parametrize("alpha", [0.05, 0.8])
@pytest.mark.parametrize("name", SMOOTH)
def test_many_classes_are_solved_at_weak_and_strong_penalties(name: str, alpha: float) -> None:
    X, y = features(4), labels(4)
    found = fit_batch(X, y, penalty=name, alpha=alpha)
    assert np.max(found.residual) < 1e-13
    single = lr.fit(X[0], y[0], penalty=name, alpha=alpha)
    np.testing.assert_allclose(found.weights[0], single.weights, rtol=0, atol=1e-11)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("classes", [2, 3])
def test_labels_and_bias_are_those_of_fit(classes: int, bias: bool) -> None:
    X, y = features(4), labels(4, classes=classes)
    found = fit_batch(X, y, bias=bias)
    for i in range(4):
        single = lr.fit(X[i], y[i], bias=bias)
        np.testing.assert_allclose(found.weights[i], single.weights, atol=1e-12)
        np.testing.assert_allclose(found.logits[i], single.logits, atol=1e-12)
        if bias:
            np.testing.assert_allclose(found.bias[i], single.bias, atol=1e-12)
    assert (found.bias is None) != bias
    np.testing.assert_array_equal(found.classes, np.arange(classes))


def test_fit_hands_stacks_of_problems_over() -> None:
    X, y = features(2, 3), labels(2, 3)
    found = lr.fit(X, y, bias=True)
    assert isinstance(found, BatchFit)
    assert found.weights.shape == (2, 3, 3, 4)
    assert found.bias.shape == (2, 3, 3)
    assert found.loss.shape == (2, 3)


def test_one_data_set_and_many_strengths_are_a_path() -> None:
    X, alpha = features(), np.geomspace(1e-3, 0.9, 7)
    path = fit_batch(X, alpha=alpha)
    assert path.weights.shape == (7, 4)
    for weights, strength in zip(path.weights, alpha, strict=True):
        np.testing.assert_allclose(weights, fit_batch(X, alpha=strength).weights, atol=1e-13)
    shared = fit_batch(X, labels(5), alpha=alpha[:5], bias=True)
    np.testing.assert_allclose(
        shared.weights[3], fit_batch(X, labels(5)[3], alpha=alpha[3], bias=True).weights, atol=1e-12
    )


def test_without_penalty_it_is_logistic_regression() -> None:
    X = features(3) - 0.2
    found = fit_batch(X, alpha=0)
    slopes = -1 / (1 + np.exp(found.logits))
    np.testing.assert_allclose(np.einsum("bni,bn->bi", X, slopes), 0, atol=1e-12)
    many = fit_batch(X, labels(3), alpha=[0.0, 0.2, 0.0])
    np.testing.assert_allclose(np.sum(many.weights[0], axis=0), 0, atol=1e-12)


def test_more_features_than_samples_have_the_weights_of_least_norm() -> None:
    X, y = np.random.default_rng(0).standard_normal((3, 4, 9)), np.array([0, 1, 0, 1])
    found = fit_batch(X, y, bias=True)
    np.testing.assert_allclose(found.logits, lr.target("quadratic", 0.1), rtol=1e-14)
    design = (2 * y - 1)[:, None] * np.concatenate([X, np.ones((3, 4, 1))], axis=2)
    least = np.einsum("bij,bj->bi", np.linalg.pinv(design), found.logits)
    np.testing.assert_allclose(found.weights, least[:, :-1], atol=1e-13)
    np.testing.assert_allclose(found.bias, least[:, -1], atol=1e-13)


def test_blocks_of_the_batch_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y, alpha = features(7), labels(), np.linspace(0.1, 0.5, 7)
    whole = fit_batch(X, y, alpha=alpha)
    monkeypatch.setattr(batched_iteration, "_BLOCK", 2 * X[0].size * 3)
    np.testing.assert_allclose(fit_batch(X, y, alpha=alpha).weights, whole.weights, atol=1e-14)


def test_steps_that_overshoot_are_damped(monkeypatch: pytest.MonkeyPatch) -> None:
    # From zero, where |z|^3 does not bend, the first full step goes far too far.
    X = features(5)
    assert np.max(fit_batch(X, penalty="power", alpha=0.9).residual) < 1e-13
    monkeypatch.setattr(batched_newton, "_next_damping", lambda xp, damping, rests: 0 * damping)
    with pytest.raises(NotConvergedError, match="5 of the problems"):
        fit_batch(X, penalty="power", alpha=0.9)


def test_nearly_separable_classes_under_a_faint_penalty_are_solved() -> None:
    X, y = features(20), labels(20)
    X[..., :3] += 2 * np.eye(3)[y]
    found = fit_batch(X, y, penalty="huber", alpha=1e-5, bias=True)
    assert np.max(found.residual) < 1e-9
    assert found.iterations > 20


def test_a_start_that_is_huge_or_overflows_is_left_for_zero() -> None:
    X = np.full((2, 60000, 1), 1e-2, dtype=np.float32)
    X[0, 0] = 1e-2 * 60000**0.5
    fisher = np.sum(X[0]) / np.sum(X[0] ** 2)
    with np.errstate(over="ignore"):
        assert np.isinf(np.cosh(fisher * X[0, 0]))
    found = fit_batch(X, penalty="cosh", alpha=0.2)
    np.testing.assert_allclose(
        found.weights, fit_batch(X.astype(np.float64), penalty="cosh", alpha=0.2).weights, rtol=1e-4
    )


@pytest.mark.parametrize("name", SMOOTH)
def test_losses_are_those_of_the_solver_for_one_problem(name: str) -> None:
    import array_api_compat.numpy as xp

    rng = np.random.default_rng(0)
    z, codes = 3 * rng.standard_normal((9, 3)), np.arange(9) % 3
    u, alpha = rng.standard_normal((9, 3)), np.full((1, 1), 0.3)
    problems = batched_problems.Problems(xp, kernel(name), alpha, np.eye(9), np.eye(3)[codes], ())
    ours, theirs = problems.expansion(z), sample_loss(name, 0.3, codes, 3)
    np.testing.assert_allclose(ours.value, theirs.value(z), rtol=1e-13)
    np.testing.assert_allclose(ours.gradient, theirs.gradient(z), atol=1e-14)
    product = np.einsum("nkl,nl->nk", ours.hessian, u)
    np.testing.assert_allclose(product, theirs.curvature(z)(u), atol=1e-14)
    binary, signed = replace(problems, indicator=None), sample_loss(name, 0.3)
    found = binary.expansion(z[:, :1])
    np.testing.assert_allclose(found.value, signed.value(z[:, :1]), rtol=1e-13)
    np.testing.assert_allclose(found.gradient, signed.gradient(z[:, :1]), atol=1e-14)
    np.testing.assert_allclose(
        found.hessian[..., 0] * u[:, :1], signed.curvature(z[:, :1])(u[:, :1]), atol=1e-14
    )


@pytest.fixture(params=["array_api_strict", "torch"])
def xp(request: pytest.FixtureRequest) -> ModuleType:
    module: ModuleType = pytest.importorskip(request.param)
    return module


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("classes", [2, 3])
def test_every_library_gives_its_own_arrays(xp: Any, classes: int, dtype: str) -> None:
    X, y = features(5).astype(dtype), labels(5, classes=classes)
    found = fit_batch(xp.asarray(X), xp.asarray(y), alpha=0.2, bias=True)
    expected = fit_batch(X.astype("float64"), y, alpha=0.2, bias=True)
    unit = np.finfo(dtype).eps
    for name in ("weights", "bias", "logits", "loss"):
        array = getattr(found, name)
        assert type(array) is type(xp.asarray(X))
        assert array.dtype == xp.asarray(X).dtype
        np.testing.assert_allclose(np.asarray(array), getattr(expected, name), atol=50 * unit)


def test_it_runs_under_jit_and_vmap() -> None:
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    X, y, alpha = features(5), labels(5), np.linspace(0.1, 0.5, 5)

    @jax.jit
    def solve(X: Any, y: Any, alpha: Any) -> Any:
        return jax.vmap(lambda *one: fit_batch(one[0], one[1], alpha=one[2], classes=3))(
            X, y, alpha
        )

    found = solve(X, y, alpha)
    assert bool(found.converged.all())
    expected = fit_batch(X, y, alpha=alpha)
    np.testing.assert_allclose(np.asarray(found.weights), expected.weights, atol=1e-13)
    # What cannot converge is reported, not raised: the values are unknown while tracing.
    apart = solve(X + 50 * np.eye(3, 4)[y], y, 0 * alpha)
    assert not bool(apart.converged.any())


def test_traced_labels_need_the_number_of_classes() -> None:
    jax = pytest.importorskip("jax")
    with pytest.raises(DataError, match="classes=K"):
        jax.jit(lambda X, y: fit_batch(X, y).weights)(features(2), labels(2))


def test_problems_that_fail_are_counted_and_the_first_is_named() -> None:
    X = features(2, 3)
    X[1, 0] += 40
    X[1, 2] += 40
    with pytest.raises(SeparableError, match=r"2 of the problems, first in problem \[1, 0\]"):
        fit_batch(X - 0.4, alpha=0)
    with pytest.raises(NotConvergedError, match=r"6 of the problems, first problem \[0, 0\]"):
        fit_batch(X, penalty="cosh", max_iter=1)
    X[1, 1, :, 3] = X[1, 1, :, 0] + X[1, 1, :, 2]
    with pytest.raises(RankDeficientError, match=r"1 of the problems, first in problem \[1, 1\]"):
        fit_batch(X)


def test_errors_say_what_was_wrong() -> None:
    X, y = features(3), labels(3)
    with pytest.raises(AlphaError, match=r"1 of the strengths alpha, first at \[2\]"):
        fit_batch(X, alpha=[0.1, 0.2, 1.0])
    with pytest.raises(ShapeError, match="do not broadcast"):
        fit_batch(X, alpha=[0.1, 0.2])
    with pytest.raises(ShapeError, match="one label per sample"):
        fit_batch(X, y[:, 1:])
    with pytest.raises(ShapeError, match="n_samples, n_features"):
        fit_batch(X[0, 0])
    with pytest.raises(DataError, match="pass X and y separately"):
        fit_batch(X, bias=True)
    with pytest.raises(DataError, match="1 label"):
        fit_batch(X, 0 * y)
    with pytest.raises(DataError, match="regression target"):
        fit_batch(X, X[..., 0])
    with pytest.raises(DataError, match=r"0, \.\.\., 1"):
        fit_batch(X, y, classes=2)
    with pytest.raises(DataError, match="dtype"):
        fit_batch(X.astype(complex))
    X[1, 2, 3] = np.nan
    with pytest.raises(NonFiniteError, match=r"X\[1, 2, 3\]"):
        fit_batch(X)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("samples", [30, 3])
def test_weights_of_the_samples_count_as_they_do_in_fit(samples: int, classes: int) -> None:
    X, y = features(5)[:, :samples], np.arange(samples) % classes
    amounts = np.random.default_rng(2).uniform(0.1, 5, (5, samples))
    if samples > 4:
        amounts[:, ::7] = 0
    found = fit_batch(X, y, penalty="cosh", bias=True, sample_weight=amounts)
    assert np.max(found.residual) < 1e-14
    for i, x in enumerate(X):
        single = lr.fit(x, y, penalty="cosh", bias=True, sample_weight=amounts[i])
        np.testing.assert_allclose(found.weights[i], single.weights, rtol=0, atol=1e-11)
        np.testing.assert_allclose(found.logits[i], single.logits, rtol=0, atol=1e-11)
        assert float(found.loss[i]) == pytest.approx(single.loss, rel=1e-13)
    plain = fit_batch(X, y, penalty="cosh", bias=True)
    assert samples == 3 or not np.allclose(plain.weights, found.weights, atol=1e-3)


def test_problems_of_different_sizes_are_one_batch_with_weights_of_zero() -> None:
    X, sizes = features(3), (30, 21, 9)
    padded = np.where(np.arange(30)[:, None] < np.array(sizes)[:, None, None], X, 7.0)
    used = (np.arange(30) < np.array(sizes)[:, None]).astype(float)
    found = fit_batch(padded, sample_weight=used)
    for i, size in enumerate(sizes):
        np.testing.assert_allclose(found.weights[i], lr.fit(X[i, :size]).weights, atol=1e-12)
    padded[:, 9:] = 0
    with pytest.raises(SeparableError):
        fit_batch(np.abs(padded), alpha=0, sample_weight=used)


def test_weights_that_cannot_be_used_are_refused() -> None:
    X = features(2)
    with pytest.raises(ShapeError, match="one weight per sample"):
        fit_batch(X, sample_weight=np.ones(4))
    with pytest.raises(ShapeError, match="of sample_weight"):
        fit_batch(X, sample_weight=np.ones((3, 30)))
    for wrong in (-1.0, np.nan):
        with pytest.raises(DataError, match="negative, NaN or infinite"):
            fit_batch(X, sample_weight=np.full(30, wrong))
    with pytest.raises(DataError, match="at least 1 positive"):
        fit_batch(X, sample_weight=np.zeros(30))
    with pytest.raises(DataError, match="fewer samples than columns"):
        fit_batch(X[:, :3], sample_weight=np.array([1.0, 1.0, 0.0]))


@pytest.mark.parametrize(
    "scales", [[1, 1e12, 1e-12, 1e6], [1e200, 1e-200, 1, 1], [1e300] * 4, [1e-300] * 4]
)
def test_units_of_the_features_do_not_matter(scales: list[float]) -> None:
    X, plain = features(3) * np.array(scales), fit_batch(features(3))
    found = fit_batch(X)
    assert np.max(found.residual) < 1e-14
    np.testing.assert_allclose(found.weights * np.array(scales), plain.weights, rtol=1e-11)
    single = fit_batch((features(3) * 1e25).astype(np.float32))
    np.testing.assert_allclose(1e25 * single.weights, plain.weights, rtol=1e-5)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("scales", [[1, 1e12, 1, 1, 1], [1e9, 1, 1e-9, 1e5, 1], [1e150] * 5])
def test_least_norms_are_exact_for_features_of_any_units(scales: list[float], bias: bool) -> None:
    X = np.random.default_rng(0).standard_normal((4, 3, 5)) * np.array(scales)
    y = np.array([0, 1, 0])
    found = fit_batch(X, y, bias=bias)
    assert np.max(found.residual) < 1e-13
    np.testing.assert_allclose(found.logits, lr.target("quadratic", 0.1), rtol=1e-13)
    for i, x in enumerate(X):
        np.testing.assert_allclose(found.weights[i], lr.fit(x, y, bias=bias).weights, rtol=1e-11)


def test_weights_that_lose_half_of_the_digits_are_refused_as_by_fit() -> None:
    X = features(3)
    X[1, :, 3] = X[1, :, 0] + 1e-11 * X[1, :, 3]
    X[2, :, 3] = X[2, :, 0] + 1e-5 * X[2, :, 3]
    assert np.max(fit_batch(X[::2]).residual) < 1e-10
    with pytest.raises(NotConvergedError, match="nearly dependent"):
        lr.fit(X[1])
    with pytest.raises(
        NotConvergedError, match=r"1 of the problems, first in problem \[1\], the min"
    ):
        fit_batch(X)
    with pytest.raises(NotConvergedError, match=r"problem \[2\].* or pass X in float64"):
        fit_batch(np.where(np.arange(3)[:, None, None] == 1, features(3), X).astype(np.float32))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("penalty", ["quadratic", "absolute"])
def test_separable_classes_are_no_minimum_however_small_the_loss(penalty: str, dtype: str) -> None:
    wide = np.random.default_rng(0).standard_normal((3, 4, 9)).astype(dtype)
    with pytest.raises(SeparableError, match="3 of the problems"):
        fit_batch(wide, penalty=penalty, alpha=0)
    # A plane with samples on it is no less of one: the first two, on which the loss has a minimum.
    X = np.abs(features(3)).astype(dtype)
    X[:2, :2, 1:], X[:2, :2, 0], X[:2, 2:, 0] = 0, [1, -1], 0
    X[2] -= np.asarray(0.9, dtype=dtype)
    with pytest.raises(SeparableError, match="2 of the problems"):
        fit_batch(X, penalty=penalty, alpha=0)
    assert fit_batch(X[2:], penalty=penalty, alpha=0).converged.all()
    many = np.where(labels(2)[..., None] == 2, 9.0, 0.0) + features(2)[..., :1]
    with pytest.raises(SeparableError, match=r"first in problem \[0\]"):
        fit_batch(many.astype(dtype), np.maximum(labels(2), 1), penalty=penalty, alpha=0, bias=True)


def test_a_loss_that_is_rounded_to_units_of_one_does_not_stop_the_descent() -> None:
    X = np.random.default_rng(1).standard_normal((6, 12, 3)) * np.geomspace(1e-4, 1e4, 3) + 1
    assert np.max(fit_batch(X, penalty="log(cosh(z))", alpha=0.999).residual) < 1e-13


@pytest.mark.parametrize("penalty", ["quadratic", "absolute"])
def test_a_batch_of_no_problems_has_no_minimisers(penalty: str) -> None:
    assert fit_batch(np.zeros((0, 5, 2)), penalty=penalty).weights.shape == (0, 2)
    found = fit_batch(np.zeros((3, 0, 5, 9)), np.arange(5) % 3, penalty=penalty, bias=True)
    assert (found.weights.shape, found.bias.shape) == ((3, 0, 3, 9), (3, 0, 3))
    assert (found.loss.shape, int(found.iterations)) == ((3, 0), 0)


@pytest.mark.parametrize("dtype", ["float16", "longdouble", "complex128", "object"])
def test_numbers_of_other_kinds_are_refused(dtype: str) -> None:
    X = features(2)
    for given in ({"X": X.astype(dtype)}, {"X": X, "sample_weight": np.ones(30).astype(dtype)}):
        with pytest.raises(DataError, match=r"(X|sample_weight) has dtype"):
            fit_batch(**given)
    with pytest.raises(DataError, match="masked"):
        fit_batch(np.ma.masked_greater(X, 1))
    with pytest.raises(DataError, match="y has dtype"):
        fit_batch(X, labels(2) + 0j)
    with pytest.raises(NonFiniteError, match="y holds NaN"):
        fit_batch(X, np.where(labels(2) == 1, np.nan, 1.0))
    np.testing.assert_array_equal(fit_batch(X, np.array(list("ab") * 15)).classes, ["a", "b"])

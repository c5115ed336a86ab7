"""Penalties with kinks and walls, for many small problems in one call."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType
from typing import Any

import logitreg as lr
import numpy as np
import pytest
from logitreg.errors import NotConvergedError, SeparableError, UnsupportedPenaltyError
from logitreg.numerics import batched, batched_interior, batched_rest
from logitreg.numerics.batched import BatchFit, fit_batch
from logitreg.numerics.batched_kinks import Kinks, rounded, split
from logitreg.numerics.kernels import kernel

KINKED = [
    "absolute",
    "elastic",
    "box",
    "abs(z) + z^2/4",
    "abs(z - 1) + z^2/5",
    "abs(z) + abs(z - 1)",
]
# z^2 within the walls of a box.
WALLED = replace(
    kernel("box"),
    value=lambda z: np.where(np.abs(z) <= 1, z**2, np.inf),
    slope=lambda z: 2 * z,
    curvature=lambda z: np.full_like(z, 2.0),
)


def features(*batch: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((*batch, 30, 4)) + 0.4


def labels(*batch: int, classes: int = 3) -> np.ndarray:
    return np.random.default_rng(1).integers(0, classes, (*batch, 30))


def at_rest(logits: Any, penalty: Any) -> np.ndarray:
    return np.isin(np.asarray(logits), kernel(penalty).kinks)


@pytest.mark.parametrize("alpha", [1e-3, 0.05, 0.4, 0.9])
@pytest.mark.parametrize("penalty", [*KINKED, WALLED], ids=[*KINKED, "walled"])
def test_each_problem_is_solved_as_by_fit(penalty: Any, alpha: float) -> None:
    X = features(5)
    found = fit_batch(X, penalty=penalty, alpha=alpha)
    assert np.all(found.converged)
    assert np.max(found.residual) < 1e-14
    for i, x in enumerate(X):
        single = lr.fit(x, penalty=penalty, alpha=alpha)
        np.testing.assert_allclose(found.weights[i], single.weights, rtol=0, atol=1e-12 / alpha)
        assert float(found.loss[i]) == pytest.approx(single.loss, rel=1e-12)


@pytest.mark.parametrize("penalty", ["absolute", "elastic", "abs(z - 1) + z^2/5"])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("classes", [2, 3])
def test_classes_bias_and_weights_of_samples_are_those_of_fit(
    classes: int, bias: bool, penalty: str
) -> None:
    X, y = features(4), labels(4, classes=classes)
    amounts = np.random.default_rng(2).uniform(0.1, 5, (4, 30))
    amounts[:, ::7] = 0
    kwargs: dict[str, Any] = {"penalty": penalty, "alpha": 0.1, "bias": bias}
    found = fit_batch(X, y, sample_weight=amounts, **kwargs)
    assert np.max(found.residual) < 1e-14
    for i in range(4):
        single = lr.fit(X[i], y[i], sample_weight=amounts[i], **kwargs)
        np.testing.assert_allclose(found.weights[i], single.weights, rtol=0, atol=1e-11)
        np.testing.assert_allclose(found.logits[i], single.logits, rtol=0, atol=1e-11)
        near = np.abs(single.logits - kernel(penalty).kinks[0]) < 1e-11
        used = amounts[i] > 0
        np.testing.assert_array_equal(at_rest(found.logits[i], penalty)[used], near[used])
        assert float(found.loss[i]) == pytest.approx(single.loss, rel=1e-13)
        if bias:
            np.testing.assert_allclose(found.bias[i], single.bias, rtol=0, atol=1e-11)


def test_a_box_bounds_the_logits_of_several_classes() -> None:
    X, y = features(4), labels(4)
    amounts = np.random.default_rng(3).uniform(0.1, 5, 30) * (np.arange(30) < 25)
    found = fit_batch(X, y, penalty="box", bias=True, sample_weight=amounts)
    counted = found.logits[:, :25]
    assert np.all(np.max(np.abs(counted), axis=(1, 2)) == 1)
    assert np.max(np.abs(found.logits[:, 25:])) > 1
    for i in range(4):
        # The minimisers are not unique where the box leaves the level of the logits free.
        single = lr.fit(X[i], y[i], penalty="box", bias=True, sample_weight=amounts)
        assert float(found.loss[i]) == pytest.approx(single.loss, rel=1e-13)


def test_strong_penalties_hold_every_logit_on_the_kink() -> None:
    X = features(3)
    for penalty, place in (("absolute", 0.0), ("elastic", 0.0), ("abs(z)", 0.0)):
        found = fit_batch(X, penalty=penalty, alpha=0.8)
        np.testing.assert_array_equal(found.logits, place)
        np.testing.assert_allclose(found.weights, 0, atol=1e-14)
        np.testing.assert_allclose(found.loss, 0.2 * np.log(2), rtol=1e-14)
    y = labels(3)
    one = fit_batch(X, y, penalty="abs(z - 1)", alpha=0.8, bias=True)
    np.testing.assert_array_equal(one.logits, 1.0)
    np.testing.assert_allclose(one.bias, 1, rtol=1e-13)


def test_more_features_than_samples_have_the_weights_of_least_norm() -> None:
    X, y = np.random.default_rng(0).standard_normal((3, 4, 9)), np.array([0, 1, 0, 1])
    found = fit_batch(X, y, penalty="box", bias=True)
    np.testing.assert_array_equal(found.logits, 1)
    design = (2 * y - 1)[:, None] * np.concatenate([X, np.ones((3, 4, 1))], axis=2)
    least = np.einsum("bij,bj->bi", np.linalg.pinv(design), found.logits)
    np.testing.assert_allclose(found.weights, least[:, :-1], atol=1e-13)
    np.testing.assert_allclose(found.bias, least[:, -1], atol=1e-13)
    soft = fit_batch(X, y, penalty="elastic", alpha=0.1)
    np.testing.assert_allclose(soft.logits, lr.target("elastic", 0.1), rtol=1e-13)


@pytest.mark.parametrize("penalty", ["absolute", "box"])
def test_strengths_differ_and_may_be_zero(penalty: str) -> None:
    X, y, alpha = features(), labels(), np.array([0, 1e-6, 0.1, 0.5, 0, 0.99])
    path = fit_batch(X, y == 0, penalty=penalty, alpha=alpha, bias=True)
    assert np.max(path.residual) < 1e-13
    for weights, strength in zip(path.weights, alpha, strict=True):
        single = fit_batch(X, y == 0, penalty=penalty, alpha=strength, bias=True)
        np.testing.assert_allclose(weights, single.weights, rtol=0, atol=1e-12)
    plain = fit_batch(X, y == 0, alpha=0, bias=True)
    np.testing.assert_allclose(path.weights[0], plain.weights, rtol=0, atol=1e-13)
    with pytest.raises(SeparableError, match=r"1 of the problems, first in problem \[1\]"):
        fit_batch(np.abs(X), penalty=penalty, alpha=[0.1, 0.0])
    both = fit_batch(X, labels(5), penalty=penalty, alpha=alpha[1:].reshape(5, 1)[:, 0])
    assert both.weights.shape == (5, 3, 4)


@pytest.mark.parametrize("penalty", KINKED)
def test_wild_and_nearly_separable_data_are_solved(penalty: str) -> None:
    rng = np.random.default_rng(0)
    wild = rng.standard_t(2, (100, 30, 4)) * np.geomspace(1e-3, 1e3, 4) + 0.2
    apart = rng.standard_normal((100, 30, 4)) + 0.8
    for X in (wild, apart):
        for alpha in (1e-6, 0.3, 0.95):
            found = fit_batch(X, penalty=penalty, alpha=alpha)
            assert np.max(found.residual) < 1e-12


def misfit(X: np.ndarray, result: BatchFit, penalty: str) -> np.ndarray:
    """The residuals of other weights with the logits at rest and the subgradients of a result."""
    problems, kinks, found = caught["problems"], caught["kinks"], caught["found"]
    logits = (X @ np.asarray(result.weights)[..., None]) + 0.0
    return np.asarray(batched_rest.at_rest(problems, kinks, logits, found).residual)


caught: dict[str, Any] = {}


def test_the_residual_tells_what_is_no_minimiser(monkeypatch: pytest.MonkeyPatch) -> None:
    def spy(problems: Any, kinks: Any, logits: Any, found: Any) -> Any:
        caught.update(problems=problems, kinks=kinks, found=found)
        return batched_rest.at_rest(problems, kinks, logits, found)

    monkeypatch.setattr(batched, "at_rest", spy)
    X = features(6)
    found = fit_batch(X, penalty="absolute", alpha=0.15)
    assert np.max(misfit(X, found, "absolute")) < 1e-15
    assert np.min(misfit(X, found._replace(weights=found.weights + 1e-6), "absolute")) > 1e-8
    # No subgradient beyond the jump of the slope counts.
    resting = caught["found"].resting
    beyond = np.where(resting, 1.0, caught["found"].subgradients)
    caught["found"] = caught["found"]._replace(subgradients=beyond)
    assert np.min(misfit(X, found, "absolute")[np.any(resting, axis=(1, 2, 3))]) > 1e-4
    # Nor does an end of it off the kink.
    caught["found"] = caught["found"]._replace(resting=~resting)
    assert np.min(misfit(X, found, "absolute")) > 1e-2


def test_stopping_early_is_not_taken_for_a_minimum(monkeypatch: pytest.MonkeyPatch) -> None:
    X = features(5)
    steps = int(fit_batch(X, penalty="elastic", alpha=0.1).iterations)
    with pytest.raises(NotConvergedError, match="5 of the problems"):
        fit_batch(X, penalty="elastic", alpha=0.1, max_iter=steps // 2)
    # At the start of the path it is not clear which logits rest.
    monkeypatch.setattr(batched_interior, "_GAP", 1.0)
    monkeypatch.setattr(batched_interior, "_PULL", 1e9)
    with pytest.raises(NotConvergedError):
        fit_batch(X, penalty="abs(z) + abs(z - 1)", alpha=0.6)


def test_other_bounds_of_the_subgradients_are_another_penalty(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    X = features(5)
    right = fit_batch(X, penalty="absolute", alpha=0.1)
    g, kinks = split(kernel("absolute"))
    wrong = Kinks(kinks.places, (-0.5,), (0.5,))
    monkeypatch.setattr(batched, "split", lambda f: (g, wrong))
    found = fit_batch(X, penalty="absolute", alpha=0.1)
    assert np.min(np.max(np.abs(found.weights - right.weights), axis=1)) > 1e-2


@pytest.mark.parametrize(
    "penalty",
    [*KINKED, "max(z, 0)", "abs(z) + z^4/50", WALLED],
    ids=[*KINKED, "one-sided", "quartic", "walled"],
)
def test_smooth_part_and_kinks_add_up_to_the_penalty(penalty: Any) -> None:
    f = kernel(penalty)
    g, kinks = split(f)
    assert kinks.places == f.kinks
    z = np.linspace(-4, 4, 801)
    h = np.zeros_like(z)
    for place, lower, upper in zip(*kinks, strict=True):
        with np.errstate(invalid="ignore"):
            h += np.where(
                z > place, upper * (z - place), np.where(z < place, lower * (z - place), 0)
            )
    inside = np.isfinite(f.value(z))
    np.testing.assert_array_equal(np.isinf(h), ~inside)
    np.testing.assert_allclose((g.value(z) + h)[inside], f.value(z)[inside], rtol=1e-13, atol=1e-13)
    # It has no kinks, behind walls either, and its derivatives are its own.
    for smooth in (g, rounded(g, kinks)):
        middle = (z[1:] + z[:-1]) / 2
        rise = np.diff(smooth.value(z)) / np.diff(z)
        np.testing.assert_allclose(rise, smooth.slope(middle), rtol=0, atol=2e-4)
        jumps = np.diff(smooth.slope(z))
        assert np.max(np.abs(jumps)) < 0.3
        away = np.min(np.abs(middle[:, None] - np.array(kinks.places)), axis=1) > 0.01
        np.testing.assert_allclose(
            (jumps / np.diff(z))[away], smooth.curvature(middle)[away], rtol=0, atol=1e-3
        )
    assert np.all(np.isfinite(g.curvature(np.array(kinks.places))))


def test_penalties_that_no_method_solves_are_refused() -> None:
    X = features(2)
    with pytest.raises(UnsupportedPenaltyError, match="not convex"):
        fit_batch(X, penalty="abs(z) - z^2/8")
    with pytest.raises(UnsupportedPenaltyError, match=r"infinitely curved .* z = 0"):
        fit_batch(X, penalty="abs(z) + abs(z)^(3/2)")


@pytest.fixture(params=["array_api_strict", "torch"])
def xp(request: pytest.FixtureRequest) -> ModuleType:
    module: ModuleType = pytest.importorskip(request.param)
    return module


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("penalty", ["absolute", "box", "abs(z - 1) + z^2/5"])
def test_every_library_gives_its_own_arrays(xp: Any, penalty: str, dtype: str) -> None:
    X, y = features(5).astype(dtype), labels(5, classes=2)
    found = fit_batch(xp.asarray(X), xp.asarray(y), penalty=penalty, alpha=0.1, bias=True)
    expected = fit_batch(X.astype("float64"), y, penalty=penalty, alpha=0.1, bias=True)
    unit = np.finfo(dtype).eps
    for name in ("weights", "bias", "logits", "loss"):
        array = getattr(found, name)
        assert type(array) is type(xp.asarray(X))
        assert array.dtype == xp.asarray(X).dtype
        np.testing.assert_allclose(np.asarray(array), getattr(expected, name), atol=200 * unit)
    assert float(np.max(np.asarray(found.residual))) < 5 * unit
    np.testing.assert_array_equal(at_rest(found.logits, penalty), at_rest(expected.logits, penalty))


def test_it_runs_under_jit_and_vmap() -> None:
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    X, y, alpha = features(5), labels(5, classes=2), np.array([0, 0.1, 0.2, 0.5, 0.9])

    @jax.jit
    @jax.vmap
    def solve(X: Any, y: Any, alpha: Any) -> Any:
        return fit_batch(X, y, penalty="absolute", alpha=alpha, bias=True, classes=2)

    expected = fit_batch(X, y, penalty="absolute", alpha=alpha, bias=True)
    found = solve(X, y, alpha)
    assert bool(found.converged.all())
    np.testing.assert_allclose(np.asarray(found.weights), expected.weights, atol=1e-12)
    np.testing.assert_array_equal(
        at_rest(found.logits, "absolute"), at_rest(expected.logits, "absolute")
    )
    assert not bool(solve(np.abs(X) * (2 * y - 1)[..., None], y, 0 * alpha).converged.any())


@pytest.mark.parametrize("penalty", ["quadratic", "absolute", "box"])
def test_all_steps_are_there_for_problems_without_a_penalty(penalty: str) -> None:
    amounts = 10.0 ** np.random.default_rng(0).uniform(-12, 12, (4, 30))
    X = features(4) - 0.4
    steps = int(fit_batch(X, alpha=0, sample_weight=amounts).iterations)
    found = fit_batch(X, penalty=penalty, alpha=0, sample_weight=amounts, max_iter=steps + 3)
    assert steps // 2 + 5 < int(found.iterations) <= steps + 3
    assert np.max(found.residual) < 1e-12


@pytest.mark.parametrize("classes", [2, 3])
def test_problems_do_not_depend_on_those_beside_them(classes: int) -> None:
    X, y = np.random.default_rng(3).standard_t(2, (12, 30, 4)) + 0.2, labels(12, classes=classes)
    for penalty in ("quadratic", "absolute", "box"):
        whole = fit_batch(X, y, penalty=penalty, bias=True)
        alone = [fit_batch(x, t, penalty=penalty, bias=True) for x, t in zip(X, y, strict=True)]
        assert len({int(one.iterations) for one in alone}) > 1
        assert int(whole.iterations) == max(int(one.iterations) for one in alone)
        for i, one in enumerate(alone):
            np.testing.assert_allclose(whole.loss[i], one.loss, rtol=1e-13)
            np.testing.assert_allclose(whole.residual[i], one.residual, rtol=0, atol=1e-14)
            # A box may leave the common level of three logits free.
            if (penalty, classes) != ("box", 3):
                np.testing.assert_allclose(whole.weights[i], one.weights, rtol=0, atol=1e-10)


@pytest.mark.parametrize("alpha", [0.01, 0.999])
@pytest.mark.parametrize(("bias", "dtype"), [(False, "float32"), (True, "float64")])
def test_flat_parts_that_free_the_level_do_not_let_it_run_away(
    bias: bool, alpha: float, dtype: str
) -> None:
    X, y = features(2).astype(dtype), labels(2)
    for penalty in ("max(z, 0)", "abs(z) + abs(z - 1)"):
        found = fit_batch(X, y, penalty=penalty, alpha=alpha, bias=bias)
        assert np.max(np.abs(found.logits)) < 100
        for i in range(2):
            single = lr.fit(X[i], y[i], penalty=penalty, alpha=alpha, bias=bias)
            error = abs(float(found.loss[i]) - single.loss)
            close = 1e-12 * (1 - alpha) if dtype == "float64" else 1e-6
            assert error < close + 1e-15 * single.loss


def test_subgradients_that_all_but_cancel_do_not_stop_the_descent() -> None:
    # Between its kinks the penalty is flat, and only a faint cross-entropy pulls.
    for alpha in (0.999, 1 - 1e-8):
        found = fit_batch(np.array([[[1.3]], [[0.1]]]), penalty="abs(z) + abs(z - 1)", alpha=alpha)
        np.testing.assert_array_equal(found.logits, 1)
        assert int(found.iterations) < 30

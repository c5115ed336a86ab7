"""Penalties with kinks and walls, for many small problems in one call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any, NamedTuple

import logitreg as lr
import mpmath as mp
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


class Reference(NamedTuple):
    """f' and f'' between the kinks, and the bounds of f' at each of them."""

    slope: Callable[[Any], Any]
    bend: float
    sides: dict[float, tuple[float, float]]


REFERENCES = {
    "absolute": Reference(mp.sign, 0, {0: (-1, 1)}),
    "elastic": Reference(lambda z: 2 * z + mp.sign(z), 2, {0: (-1, 1)}),
    "box": Reference(lambda z: 0, 0, {-1: (-mp.inf, 0), 1: (0, mp.inf)}),
    "abs(z) + z^2/4": Reference(lambda z: mp.sign(z) + z / 2, 0.5, {0: (-1, 1)}),
    "abs(z) + abs(z - 1)": Reference(
        lambda z: mp.sign(z) + mp.sign(z - 1), 0, {0: (-2, 0), 1: (0, 2)}
    ),
}


def certified(
    X: np.ndarray, penalty: str, alpha: float, start: np.ndarray, kinks: np.ndarray
) -> tuple[list[Any], bool]:
    """To 50 digits the minimiser among weights for which logits are at given kinks (NaN where they
    are free), and whether it is one among all: whether subgradients balance the gradient there."""
    f = REFERENCES[penalty]
    held = np.flatnonzero(~np.isnan(kinks))
    count, size = X.shape[1], X.shape[1] + len(held)
    with mp.workdps(50):
        rows, strength = mp.matrix(X.tolist()), mp.mpf(alpha)
        unknowns = mp.matrix([*start.tolist(), *[0.0] * len(held)])
        for _ in range(60):
            z = rows * unknowns[:count]
            system, right = mp.zeros(size), mp.zeros(size, 1)
            for i in range(len(X)):
                decay = mp.exp(-z[i])
                slope = -(1 - strength) * decay / (1 + decay)
                bend = (1 - strength) * decay / (1 + decay) ** 2
                if i not in held:
                    slope, bend = slope + strength * f.slope(z[i]), bend + strength * f.bend
                for j in range(count):
                    right[j] -= rows[i, j] * slope
                    for k in range(count):
                        system[j, k] += rows[i, j] * rows[i, k] * bend
            for place, i in enumerate(held, start=count):
                right[place] = mp.mpf(float(kinks[i])) - z[int(i)]
                for j in range(count):
                    system[place, j] = system[j, place] = rows[int(i), j]
                    right[j] -= rows[int(i), j] * unknowns[place]
            step = mp.lu_solve(system, right)
            unknowns += step
            if mp.norm(step, mp.inf) < mp.mpf(10) ** -40:
                break
        else:
            return list(unknowns[:count]), False
        inside = (
            strength * f.sides[kinks[i]][0] <= unknowns[place] <= strength * f.sides[kinks[i]][1]
            for place, i in enumerate(held, start=count)
        )
        walls = [k for k, sides in f.sides.items() if mp.inf in map(abs, sides)]
        z = rows * unknowns[:count]
        free = (abs(z[i]) < 1 for i in range(len(X)) if i not in held) if walls else ()
        return list(unknowns[:count]), all(inside) and all(free)


@pytest.mark.parametrize("alpha", [0.03, 0.2])
@pytest.mark.parametrize("penalty", REFERENCES)
def test_minimisers_are_those_of_fifty_digits(penalty: str, alpha: float) -> None:
    X = features(8)
    found = fit_batch(X, penalty=penalty, alpha=alpha)
    rests = at_rest(found.logits, penalty)
    assert np.any(rests)
    refuted = 0
    for i, x in enumerate(X):
        kinks = np.where(rests[i], found.logits[i], np.nan)
        exact, least = certified(x, penalty, alpha, found.weights[i], kinks)
        assert least
        errors = [abs(mp.mpf(float(w)) - e) for w, e in zip(found.weights[i], exact, strict=True)]
        assert max(errors) < 1e-13
        # The control: with a logit of another sample on the kink it is not the minimiser.
        free = np.flatnonzero(~rests[i])
        if np.sum(rests[i]) < 4:
            kinks[free[np.argmin(np.abs(found.logits[i][free]))]] = next(
                iter(kernel(penalty).kinks)
            )
            refuted += not certified(x, penalty, alpha, found.weights[i], kinks)[1]
    assert refuted > 0


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

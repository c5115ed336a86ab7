"""Strategies keep their promises, reach what breaks things, and shrink to what can be read."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from random import Random
from typing import Any

import logitreg as lr
import numpy as np
import pytest
from flint import fmpq, fmpq_mat
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from logitreg.numerics.fisher import fisher_direction
from logitreg.numerics.kernels import kernel
from logitreg.proofs_checks.strategies import (
    ClusteredLogits,
    alphas,
    clustered_logits,
    embeddings,
    label_absorbed_data,
    labelled_data,
    penalties,
)

Array = Any
Refutes = Callable[..., None]


def rank(X: Array) -> int:
    """In exact rationals: units span 800 binary orders."""
    entries = [fmpq(*Fraction(float(x)).as_integer_ratio()) for x in X.ravel()]
    return fmpq_mat(*X.shape, entries).rank() if len(X) else 0


def with_ones(X: Array) -> Array:
    return np.column_stack([X.astype(float), np.ones(len(X))])


def condition(X: Array) -> float:
    X = X.astype(float)
    return float(np.linalg.cond(np.ldexp(X, -np.frexp(np.max(np.abs(X), axis=0))[1])))


def margins(X: Array) -> Array:
    """Along the first axis, relative to the largest."""
    first = X[:, 0].astype(float)
    return first / np.max(np.abs(first)) if first.any() else first


def check_full_rank(X: Array) -> None:
    assert rank(X) == X.shape[1] <= len(X)
    assert condition(X) < 1e12


def check_dependent(X: Array) -> None:
    assert rank(X) < X.shape[1]


def check_full_rank_with_a_bias(data: tuple[Array, Array]) -> None:
    X, y = data
    assert rank(with_ones(X)) == X.shape[1] + 1 <= len(X) == len(y)
    assert condition(with_ones(X)) < 1e13


def check_penalty(penalty: str, alpha: float) -> None:
    f = kernel(penalty)
    assert f.convex
    assert f.value(1.75) == pytest.approx(f.value(-1.75), rel=2**-48)
    assert f.slope(1.75) == pytest.approx(-f.slope(-1.75), rel=2**-48)
    assert 0 < alpha < 1
    assert 0 <= lr.target(penalty, alpha) < np.inf


def check_kinks(smooth: str, kinked: str) -> None:
    assert not kernel(smooth).kinks
    assert kernel(kinked).kinks


@given(label_absorbed_data())
def test_absorbed_data_has_full_rank(X: Array) -> None:
    check_full_rank(X)


@given(label_absorbed_data(full_rank=False))
def test_dependent_data_has_not(X: Array) -> None:
    check_dependent(X)


@given(labelled_data(st.integers(1, 4)))
def test_labelled_data_has_full_rank_with_a_bias_and_no_empty_class(
    data: tuple[Array, Array],
) -> None:
    check_full_rank_with_a_bias(data)


@given(labelled_data(2, full_rank=False))
def test_dependent_labelled_data_has_not(data: tuple[Array, Array]) -> None:
    check_dependent(data[0])
    assert len(data[0]) == len(data[1])


@given(penalties(), alphas())
def test_penalties_are_convex_even_and_have_a_target(penalty: str, alpha: float) -> None:
    check_penalty(penalty, alpha)


@given(penalties(smooth=True), penalties(smooth=False))
def test_slopes_jump_only_where_they_may(smooth: str, kinked: str) -> None:
    check_kinks(smooth, kinked)


@given(
    st.sampled_from([(0.25, 0.5), (1e-300, 1e-299), (0.1, 0.1), (0.999, 1 - 2.0**-53)]), st.data()
)
def test_strengths_stay_within_their_limits(limits: tuple[float, float], data: Any) -> None:
    alpha = data.draw(alphas(*limits))
    assert limits[0] <= alpha <= limits[1]


@pytest.mark.parametrize("limits", [(0.0, 0.5), (0.5, 0.1), (0.5, 1.0)])
def test_limits_outside_the_interval_are_refused(limits: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="min_value <= max_value"):
        alphas(*limits)


def check_spread(case: ClusteredLogits) -> None:
    logits = case.X @ case.weights
    size = np.max(np.abs(case.X) @ np.abs(case.weights)) + case.target
    assert np.max(np.abs(logits - case.target)) <= case.target * case.spread + 2**-48 * size
    assert rank(case.X) == case.X.shape[1]


def check_embeddings(data: tuple[Array, Array]) -> None:
    X, y = data
    assert len(X) == len(y)
    assert len(X) > X.shape[1] or len(X) == 1
    assert np.all(np.isfinite(X))
    assert np.array_equal(np.unique(y), np.arange(y.max() + 1))


@given(clustered_logits())
def test_logits_lie_within_their_spread(case: ClusteredLogits) -> None:
    check_spread(case)


@given(embeddings(st.integers(1, 5)))
def test_embeddings_have_every_class_and_more_samples_than_features(
    data: tuple[Array, Array],
) -> None:
    check_embeddings(data)


BROKEN: dict[str, tuple[Callable[..., None], tuple[st.SearchStrategy[Any], ...]]] = {
    "any rank, taken for full": (check_full_rank, (label_absorbed_data(full_rank=None),)),
    "any rank, taken for dependent": (check_dependent, (label_absorbed_data(full_rank=None),)),
    "no room for a bias": (
        check_full_rank_with_a_bias,
        (label_absorbed_data().map(lambda X: (X, X[:, 0] > 0)),),
    ),
    "a penalty that is not convex": (check_penalty, (st.just("z**4 - 3*z**2"), alphas())),
    "a penalty that is not even": (check_penalty, (st.just("z**2 + z"), alphas())),
    "a kink among smooth penalties": (check_kinks, (penalties(), penalties(smooth=False))),
    "a smooth penalty among kinked ones": (check_kinks, (penalties(smooth=True), penalties())),
    "half the spread": (
        check_spread,
        (clustered_logits().map(lambda case: case._replace(spread=case.spread / 2)),),
    ),
    "no more samples than features": (
        check_embeddings,
        (embeddings(3).map(lambda data: (data[0][: data[0].shape[1]], data[1])),),
    ),
    "an empty class": (check_embeddings, (embeddings(3).map(lambda d: (d[0], d[1] + (d[1] > 0))),)),
}


@pytest.mark.parametrize("name", BROKEN)
def test_strategies_that_break_their_promise_are_refuted(name: str, refutes: Refutes) -> None:
    check, strategies = BROKEN[name]
    refutes(check, *strategies, within=50)


REACHED: dict[str, tuple[st.SearchStrategy[Any], Callable[[Any], bool]]] = {
    "N = d": (label_absorbed_data(), lambda X: X.shape[0] == X.shape[1] > 2),
    "N = d + 1": (label_absorbed_data(), lambda X: X.shape[0] == X.shape[1] + 1 > 3),
    "N = d - 1": (label_absorbed_data(full_rank=None), lambda X: X.shape[0] == X.shape[1] - 1),
    "dependent columns": (
        label_absorbed_data(full_rank=None),
        lambda X: X.shape[0] > X.shape[1] > rank(X),
    ),
    "near-collinear": (label_absorbed_data(), lambda X: condition(X) > 1e6),
    "heavy tails": (
        label_absorbed_data(),
        lambda X: np.max(np.abs(margins(X))) > 1e4 * np.median(np.abs(margins(X))) > 0,
    ),
    "repeated samples": (
        label_absorbed_data(),
        lambda X: len(np.unique(X[X.any(axis=1)], axis=0)) < np.sum(X.any(axis=1)) - 2,
    ),
    "huge": (label_absorbed_data(), lambda X: np.max(np.abs(X)) > 2.0**300),
    "tiny": (label_absorbed_data(), lambda X: 0 < np.max(np.abs(X)) < 2.0**-200),
    "int64": (label_absorbed_data(), lambda X: X.dtype == np.int64 and X.size > 4),
    "float32": (label_absorbed_data(), lambda X: X.dtype == np.float32 and X.size > 4),
    "just separable": (
        label_absorbed_data(),
        lambda X: X.shape[1] > 1 and 0 < np.min(margins(X)) < 1e-6,
    ),
    "just not separable": (
        label_absorbed_data(),
        lambda X: len(X) > 3 and np.sum(margins(X) < 0) == 1 and np.min(margins(X)) > -1e-6,
    ),
    "separable classes": (
        labelled_data(2),
        lambda d: (
            len(d[1]) > 4
            and np.max(d[0][d[1] == np.unique(d[1])[0], 0])
            < np.min(d[0][d[1] == np.unique(d[1])[1], 0])
        ),
    ),
    "one class": (labelled_data(st.integers(1, 3)), lambda d: len(np.unique(d[1])) == 1),
    "rare class": (
        labelled_data(3),
        lambda d: min(np.unique(d[1], return_counts=True)[1]) == 1 and len(d[1]) > 6,
    ),
    "strings": (labelled_data(2), lambda d: d[1].dtype.kind == "U"),
    "booleans": (labelled_data(2), lambda d: d[1].dtype.kind == "b"),
    "smallest strength": (alphas(), lambda alpha: alpha == 1e-300),
    "largest strength": (alphas(), lambda alpha: alpha == 1 - 2.0**-53),
    "expression": (penalties(), lambda penalty: "z" in penalty and "+" in penalty),
    "kink": (penalties(), lambda penalty: bool(kernel(penalty).kinks)),
    "close logits": (clustered_logits(), lambda case: case.spread < 1e-6 and len(case.X) > 3),
    "far logits": (clustered_logits(), lambda case: case.spread >= 0.5 and len(case.X) > 3),
    "unequal classes": (
        embeddings(3),
        lambda d: max(np.bincount(d[1])) > 8 * min(np.bincount(d[1])),
    ),
}


@pytest.mark.parametrize("name", REACHED)
def test_what_breaks_things_is_reached_within_300_examples(name: str) -> None:
    strategy, condition = REACHED[name]
    options = settings(max_examples=300, phases=[Phase.generate], database=None)
    find(strategy, lambda case: bool(condition(case)), settings=options, random=Random(0))


# What the smallest failing example of a broken solver looks like.


def smallest(strategy: st.SearchStrategy[Any], fails: Callable[[Any], bool]) -> Any:
    options = settings(max_examples=1000, phases=[Phase.generate, Phase.shrink], database=None)
    return find(strategy, fails, settings=options, random=Random(0))


def differ(a: Array, b: Array) -> bool:
    return bool(np.linalg.norm(a - b) > 1e-6 * np.linalg.norm(b))


def test_a_solver_that_drops_the_last_sample_fails_on_few_small_numbers() -> None:
    def fails(X: Array) -> bool:
        return len(X) > X.shape[1] and differ(
            np.linalg.lstsq(X[:-1], np.ones(len(X) - 1), rcond=None)[0], fisher_direction(X)
        )

    X = smallest(label_absorbed_data(moderate=True), fails)
    assert X.size <= 6
    assert set(np.abs(X).ravel().tolist()) <= {0.0, 1.0, 2.0}


def test_a_solver_that_centres_absorbed_data_fails_on_the_identity() -> None:
    def fails(X: Array) -> bool:
        return X.shape[1] > 1 and differ(
            np.linalg.lstsq(X - X.mean(axis=0), np.ones(len(X)), rcond=None)[0],
            fisher_direction(X),
        )

    assert smallest(label_absorbed_data(), fails).tolist() == [[1.0, 0.0], [0.0, 1.0]]


def test_a_trainer_that_penalises_the_bias_fails_on_a_class_of_one() -> None:
    def fails(data: tuple[Array, Array]) -> bool:
        X, y = data
        D = np.where(y == np.unique(y)[-1], 1, -1)[:, None] * with_ones(X)
        decayed = np.linalg.solve(D.T @ D + np.diag([0.0] * X.shape[1] + [1.0]), D.sum(axis=0))
        return differ(decayed[:-1], fisher_direction(X, y, bias=True))

    X, y = smallest(labelled_data(2, moderate=True), fails)
    assert X.shape == (2, 1)
    assert sorted(X.ravel().tolist()) == [0.0, 1.0]
    assert y.tolist() == [0, 1]


def test_a_float32_solver_fails_on_a_number_that_float32_cannot_hold() -> None:
    def fails(X: Array) -> bool:
        X = X.astype(float)
        with np.errstate(all="ignore"):
            return not np.array_equal(X.astype(np.float32), X)

    X = smallest(label_absorbed_data(), fails)
    assert X.shape == (1, 1)
    assert X[0, 0] == 2.0**-150 or X[0, 0] == 2.0**128

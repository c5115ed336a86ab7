"""Statistics of data that comes in chunks, against the whole data and against exact arithmetic."""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from logitreg.errors import (
    DataError,
    FewerSamplesThanFeaturesError,
    NonFiniteError,
    RankDeficientError,
    ShapeError,
)
from logitreg.numerics.fisher import discriminant_subspace, fisher_direction
from logitreg.numerics.streaming import StreamingStatistics
from mpmath import mp, mpf


def samples(classes: int, count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(classes)
    y = rng.integers(0, classes, count)
    return rng.standard_normal((count, 4)) + 1.5 * np.eye(4)[y], y


def chunked(X: Any, y: Any, cuts: list[int]) -> StreamingStatistics:
    total = StreamingStatistics()
    for first, last in pairwise([0, *cuts, len(X)]):
        total.partial_fit(X[first:last], None if y is None else y[first:last])
    return total


def exact_regression(X: np.ndarray, targets: np.ndarray, bias: bool) -> np.ndarray:
    """Least squares by the normal equations in 60 digits."""
    rows = np.hstack([X, np.ones((len(X), 1))]) if bias else X
    with mpmath.workdps(60):
        A = mp.matrix([[mpf(float(v)) for v in row] for row in rows])
        solution = mp.lu_solve(A.T * A, A.T * mp.matrix([mpf(float(t)) for t in targets]))
        return np.array([float(v) for v in solution])


@given(
    seed=st.integers(0, 10**6),
    cuts=st.lists(st.integers(1, 59), unique=True, max_size=20),
    classes=st.sampled_from([2, 3, 4]),
    bias=st.booleans(),
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_chunks_of_any_size_and_order_give_the_result_of_the_whole(
    seed: int, cuts: list[int], classes: int, bias: bool
) -> None:
    X, y = samples(classes)
    order = np.random.default_rng(seed).permutation(len(X))
    total = chunked(X[order], y[order], sorted(cuts))
    whole, found = fisher_direction(X, y, bias=bias), total.fisher_direction(bias=bias)
    if classes > 2:
        whole, found = whole @ whole.T, found @ found.T
    np.testing.assert_allclose(found, whole, rtol=0, atol=1e-13 * np.max(np.abs(whole)))
    np.testing.assert_array_equal(total.counts, np.bincount(y))


def test_absorbed_chunks_give_the_absorbed_direction() -> None:
    X = samples(2)[0]
    found = chunked(X, None, [1, 2, 30]).fisher_direction()
    np.testing.assert_allclose(found, fisher_direction(X), rtol=1e-13)


@pytest.mark.parametrize(("bias", "absorbed"), [(False, False), (False, True), (True, False)])
def test_a_mean_of_1e8_spreads_costs_no_digits(bias: bool, absorbed: bool) -> None:
    X, y = samples(2)
    X = X + 1e8 * np.array([1.0, -2.0, 0.5, 3.0])
    signs = np.where(y == 1, 1.0, -1.0)
    rows, targets = (X, np.ones(len(X))) if absorbed else (X, signs)
    exact = exact_regression(rows, targets, bias)
    total = chunked(X, None if absorbed else y, [7, 8, 31])
    found = total.quadratic_minimiser(bias=bias)
    np.testing.assert_allclose(found.weights, exact[:4], rtol=0, atol=3e-14 * max(abs(exact[:4])))
    if bias:
        assert found.bias == pytest.approx(exact[4], rel=3e-14)
    # The moments that one would add up naively have lost eight digits or all of them.
    gram, pull = X.T @ X, X.T @ targets
    if bias:
        centred, mean = gram - len(X) * np.outer(X.mean(0), X.mean(0)), np.mean(targets)
        gram, pull = centred, pull - len(X) * mean * X.mean(0)
    naive = np.linalg.lstsq(gram, pull, rcond=None)[0]
    assert np.max(np.abs(naive - exact[:4])) > 1e-8 * np.max(np.abs(exact[:4]))


def test_an_outlying_first_sample_and_a_distant_class_cost_no_digits() -> None:
    X, y = samples(2)
    X[y == 1] += 1e7
    X, y = np.vstack([[1e4, 0, 0, 0], X]), np.array([0, *y])
    exact = exact_regression(X, np.where(y == 1, 1.0, -1.0), bias=True)
    found = chunked(X, y, [1, 20, 33]).quadratic_minimiser(bias=True)
    tolerance = 1e-11 * np.max(np.abs(exact))
    np.testing.assert_allclose(found.weights, exact[:4], rtol=0, atol=tolerance)
    assert found.bias == pytest.approx(exact[4], rel=1e-11)


def test_merging_as_a_tree_equals_one_pass() -> None:
    X, y = samples(3, 64)
    parts = [StreamingStatistics().partial_fit(X[i : i + 4], y[i : i + 4]) for i in range(0, 64, 4)]
    while len(parts) > 1:
        parts = [a.merge(b) for a, b in zip(parts[::2], parts[1::2], strict=True)]
    one = StreamingStatistics().partial_fit(X, y)
    for bias in (False, True):
        ours = parts[0].quadratic_minimiser((-0.5, 1.0), bias=bias)
        theirs = one.quadratic_minimiser((-0.5, 1.0), bias=bias)
        np.testing.assert_allclose(ours.weights, theirs.weights, rtol=0, atol=1e-14)


def test_merging_leaves_the_other_part_as_it_is() -> None:
    X, y = samples(3)
    first, second = chunked(X[:30], y[:30], []), chunked(X[30:], y[30:], [])
    before = copy.deepcopy(second).fisher_direction()
    first.merge(second).partial_fit(X, y)
    np.testing.assert_array_equal(second.fisher_direction(), before)
    assert StreamingStatistics().merge(StreamingStatistics()).classes is None


def test_new_classes_may_come_late() -> None:
    X, y = samples(4)
    names = np.array(["d", "b", "c", "a"])[y]
    order = np.argsort(-y, kind="stable")
    total = chunked(X[order], names[order], list(range(1, 60)))
    np.testing.assert_array_equal(total.classes, ["a", "b", "c", "d"])
    whole, found = fisher_direction(X, names), total.fisher_direction()
    np.testing.assert_allclose(found @ found.T, whole @ whole.T, atol=1e-13)


def test_discriminants_are_those_of_the_whole_data() -> None:
    X, y = samples(3)
    for shrinkage in (None, 0.3):
        whole = discriminant_subspace(X, y, shrinkage=shrinkage)
        found = chunked(X, y, [5, 50]).discriminant_subspace(shrinkage=shrinkage)
        np.testing.assert_allclose(found.criterion, whole.criterion, rtol=1e-13)
        np.testing.assert_allclose(found.directions, whole.directions, atol=1e-13)


def test_quadratic_minimiser_scales_with_the_target() -> None:
    X, y = samples(2)
    total = chunked(X, y, [10])
    one, three = total.quadratic_minimiser(1.0), total.quadratic_minimiser(3.0)
    np.testing.assert_allclose(three.weights, 3 * one.weights, rtol=1e-14)
    assert one.bias is None


def test_float32_chunks_are_summed_in_float64() -> None:
    X, y = samples(2, 2000)
    small = (X + 300).astype(np.float32)
    found = chunked(small, y, list(range(40, 2000, 40))).fisher_direction(bias=True)
    assert found.dtype == np.float64
    expected = fisher_direction(small.astype(np.float64), y, bias=True)
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_memory_does_not_grow_with_the_samples() -> None:
    X, y = samples(3, 3000)
    total = chunked(X, y, list(range(100, 3000, 100)))
    statistics = total._statistics
    assert statistics is not None
    assert statistics.root.shape == (4, 4)
    assert statistics.offsets.shape == statistics.origins.shape == (3, 4)


@pytest.mark.parametrize("library", ["array_api_strict", "torch"])
def test_chunks_of_every_library(library: str) -> None:
    xp = pytest.importorskip(library)
    X, y = samples(3)
    total = StreamingStatistics()
    for first in range(0, 60, 20):
        total.partial_fit(xp.asarray(X[first : first + 20]), xp.asarray(y[first : first + 20]))
    found = total.fisher_direction(bias=True)
    assert type(found) is type(xp.asarray(X))
    whole, numbers = fisher_direction(X, y, bias=True), np.asarray(found)
    np.testing.assert_allclose(numbers @ numbers.T, whole @ whole.T, atol=1e-13)


def test_errors_say_what_was_wrong() -> None:
    X, y = samples(3)
    total = StreamingStatistics()
    with pytest.raises(DataError, match="no data"):
        total.fisher_direction()
    total.partial_fit(X[:2], y[:2])
    with pytest.raises(FewerSamplesThanFeaturesError, match="2 samples for 4"):
        total.quadratic_minimiser()
    with pytest.raises(ShapeError, match="the other 3"):
        total.partial_fit(X[:, :3], y)
    with pytest.raises(DataError, match="another kind"):
        total.partial_fit(X, y.astype(str))
    with pytest.raises(DataError, match="another kind"):
        total.partial_fit(X)
    with pytest.raises(ShapeError, match="one label per sample"):
        total.partial_fit(X, y[1:])
    with pytest.raises(ShapeError, match="n_samples, n_features"):
        total.partial_fit(X[0], y)
    with pytest.raises(NonFiniteError):
        total.partial_fit(X * np.inf, y)
    with pytest.raises(DataError, match="dtype"):
        total.partial_fit(X.astype(complex), y)
    with pytest.raises(DataError, match="only the label"):
        chunked(X, 0 * y, []).fisher_direction()
    with pytest.raises(DataError, match="needs labels"):
        chunked(X, None, []).fisher_direction(bias=True)
    with pytest.raises(DataError, match="no labels"):
        chunked(X, None, []).discriminant_subspace()
    with pytest.raises(DataError, match="pair"):
        chunked(X, y, []).quadratic_minimiser(1.0)
    with pytest.raises(RankDeficientError):
        chunked(np.hstack([X, X]), y, []).fisher_direction()
    with pytest.raises(DataError, match=r"\[0, 1\]"):
        chunked(X, y, []).discriminant_subspace(shrinkage=1.5)

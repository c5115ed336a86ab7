"""Margins of all kinds of labels against their definition, and directions that keep them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import logitreg as lr
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from logitreg.errors import SeparableError
from logitreg.numerics.max_margin import _least_distance, _optimum
from logitreg.numerics.separability import margin_rows, separating_direction

Array = Any
Refutes = Callable[..., None]


def shares_of(labels: Array | None, samples: int, classes: int) -> Array:
    """As distributions. Absorbed samples are those of the second of two classes."""
    if labels is None:
        return np.tile([0.0, 1.0], (samples, 1))
    return labels if labels.ndim == 2 else np.eye(classes)[labels]


def defined_margins(logits: Array, shares: Array) -> list[tuple[int, float]]:
    """(sample, own logit minus another's) for each class with a share; one logit z stands for the
    pair (0, z).
    """
    pairs = np.column_stack([0 * logits, logits]) if logits.shape[1] == 1 else logits
    samples, classes = pairs.shape
    return [
        (i, float(pairs[i, own] - pairs[i, other]))
        for i in range(samples)
        for own in range(classes)
        for other in range(classes)
        if shares[i, own] > 0 and other != own
    ]


def check_margins(
    of: Callable[..., Any], rows: Array, labels: Array | None, outputs: int, S: Array
) -> None:
    """Whole numbers: the two are equal, in some order."""
    matrix, sample = of(rows, labels, outputs)
    found = zip(sample.tolist(), (matrix @ S.T.ravel()).tolist(), strict=True)
    shares = shares_of(labels, len(rows), max(outputs, 2))
    assert sorted(found) == sorted(defined_margins(rows @ S, shares))


@st.composite
def problems(draw: st.DrawFn) -> tuple[Array, Array | None, int, Array]:
    samples, columns = draw(st.integers(1, 5)), draw(st.integers(1, 3))
    outputs = draw(st.sampled_from([1, 3, 4]))
    whole = st.integers(-9, 9)
    rows = draw(npst.arrays(np.int64, (samples, columns), elements=whole)).astype(float)
    S = draw(npst.arrays(np.int64, (columns, outputs), elements=whole)).astype(float)
    classes = max(outputs, 2)
    codes = draw(npst.arrays(np.int64, samples, elements=st.integers(0, classes - 1)))
    weight = draw(npst.arrays(np.int64, (samples, classes), elements=st.integers(0, 2)))
    weight[np.arange(samples), codes] += 1
    shares = weight / weight.sum(axis=1, keepdims=True)
    # With one logit, codes are absorbed into the rows beforehand.
    labels = draw(st.sampled_from([None, shares] if outputs == 1 else [codes, shares]))
    return rows, labels, outputs, S


@given(problems())
def test_margins_are_those_of_the_definition(
    problem: tuple[Array, Array | None, int, Array],
) -> None:
    check_margins(margin_rows, *problem)


@pytest.mark.parametrize("broken", ["signs", "samples", "one class"])
def test_other_margins_are_refuted(broken: str, refutes: Refutes) -> None:
    def wrong(rows: Array, labels: Array | None, outputs: int) -> Any:
        matrix, sample = margin_rows(rows, labels, outputs)
        if broken == "signs":
            return -matrix, sample
        if broken == "samples":
            return matrix, sample[::-1]
        keep = np.unique(sample, return_index=True)[1]
        return matrix[keep], sample[keep]

    def check(problem: tuple[Array, Array | None, int, Array]) -> None:
        check_margins(wrong, *problem)

    refutes(check, problems(), within=20)


@given(problems())
def test_a_direction_that_separates_keeps_every_margin(
    problem: tuple[Array, Array | None, int, Array],
) -> None:
    """And is found where the drawn weights are one."""
    rows, labels, outputs, S = problem
    shares = shares_of(labels, len(rows), max(outputs, 2))
    margins = np.array([margin for _, margin in defined_margins(rows @ S, shares)])
    found = separating_direction(rows / 9, labels, outputs)
    if found is None:
        assert np.any(margins < 0) or not np.any(margins)
        return
    kept = np.array([margin for _, margin in defined_margins(rows @ found, shares)])
    assert np.min(kept) >= -1e-9
    assert np.max(kept) > 0
    assert np.max(np.abs(found)) <= 1
    if np.min(margins) > 0:
        assert np.min(kept) > 0


# Rows 1 and 2 with u = 1: the first is held, by the multiplier 1. All in units of 1/scale.
OPTIMUM: dict[str, Any] = {
    "slopes": np.array([[1.0], [2.0]]),
    "free": np.zeros((2, 0)),
    "weights": np.array([1.0]),
    "biases": np.zeros(0),
    "multipliers": np.array([1.0, 0.0]),
}


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize(
    ("change", "residual"),
    [
        ({}, 0),
        ({"weights": np.array([0.75])}, 1 / 3),  # u - A^T m is 1/4 of 3/4; the margin lacks 1/4
        ({"multipliers": np.array([1.5, -0.25])}, 0.25 / 1.75),
        ({"multipliers": np.array([0.5, 0.25])}, 0.25 / 0.75),
        ({"multipliers": np.array([1.5, 0.0])}, 0.5),
        ({"free": np.array([[0.75], [0.0]]), "biases": np.zeros(1)}, 0.75),
    ],
)
def test_conditions_of_optimality_are_measured_without_units(
    change: dict[str, Any], residual: float, scale: float
) -> None:
    """Features in units of 1/scale, so that weights are in those of scale, and the multipliers in
    those of its square; a bias has none."""
    given = OPTIMUM | change
    scaled = given | {
        "slopes": given["slopes"] / scale,
        "weights": given["weights"] * scale,
        "multipliers": given["multipliers"] * scale**2,
    }
    assert _optimum(**scaled).residual == pytest.approx(residual, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([[1.0], [2.0], [0.5]], "with all 3 samples on their side: "),
        ([[1.0], [2.0], [0.0]], "with 2 of 3 samples on their side, the others on itself: "),
    ],
)
def test_samples_on_the_hyperplane_are_told_from_those_on_their_side(
    rows: list[list[float]], words: str
) -> None:
    with pytest.raises(SeparableError, match=words):
        lr.fit(rows, alpha=0)


@pytest.mark.parametrize("seed", range(5))
def test_the_nearest_point_of_a_polyhedron_is_held_by_its_multipliers(seed: int) -> None:
    """u = A^T m of least norm with A u >= b: m >= 0, and zero where a margin is to spare."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((6, 3)) + np.array([2.0, 0, 0])
    bounds = rng.uniform(0.5, 3, 6)
    u, m = _least_distance(rows, bounds, np.arange(6))
    assert np.min(m) >= 0 < np.max(m)
    np.testing.assert_allclose(rows.T @ m, u, rtol=1e-9)
    assert np.min(rows @ u - bounds) >= -1e-9
    assert m @ (rows @ u - bounds) == pytest.approx(0, abs=1e-9)

"""What lies at a limit is accepted; what lies beyond is refused, by a message that names it."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import logitreg as lr
import numpy as np
import pytest
from logitreg.errors import (
    DataError,
    LogitregError,
    RankDeficientError,
    ShapeError,
    UnsupportedPenaltyError,
)
from logitreg.numerics.calibration import gaussian_calibration_error, reliability
from logitreg.numerics.curvature import binary_bounds
from logitreg.numerics.euclidean import spectral_norm_above
from logitreg.numerics.fisher import fisher_direction
from logitreg.numerics.losses import sample_loss, target_levels
from logitreg.numerics.rounding import Enclosed
from logitreg.numerics.signal_noise import signal_plus_noise

ROWS = np.array([[1.0, 0.5], [-0.5, 1.0], [0.25, -1.0], [2.0, 0.75]])


def classes_of(features: int) -> Any:
    return fisher_direction(np.eye(4)[:, :features].repeat(3, axis=0), np.arange(12) % 3)


# (call, argument at the limit, argument beyond, error, words)
LIMITS: dict[str, tuple[Callable[[Any], Any], Any, Any, type[Exception], str]] = {
    "features for classes": (
        lambda K: signal_plus_noise(6, 3, classes=K),
        3,
        4,
        ShapeError,
        "6 samples, 3 features and 4 classes",
    ),
    "two classes in one feature": (
        lambda d: signal_plus_noise(2, d),
        1,
        0,
        ShapeError,
        "2 samples, 0 features and 2 classes",
    ),
    "one sample": (lambda n: signal_plus_noise(n, 1), 1, 0, ShapeError, "0 samples, 1 features"),
    "noise": (
        lambda level: signal_plus_noise(2, 1, signal_noise=level),
        0.0,
        -1e-9,
        DataError,
        "signal_noise is -1e-09",
    ),
    "largest mean": (
        lambda m: gaussian_calibration_error(m, 1.0),
        1e100,
        1.1e100,
        DataError,
        r"mean 1.1e\+100 .* size at most 1e\+100",
    ),
    "least deviation": (
        lambda s: gaussian_calibration_error(1.0, s),
        1e-100,
        0.9e-100,
        DataError,
        "a deviation of at least 1e-100",
    ),
    "largest deviation": (
        lambda s: gaussian_calibration_error(1.0, s),
        1e100,
        1.1e100,
        DataError,
        r"deviation 1.1e\+100",
    ),
    "least mean": (
        lambda m: gaussian_calibration_error(m, 1.0),
        -1e100,
        -1.1e100,
        DataError,
        r"mean -1.1e\+100",
    ),
    "bins": (lambda b: reliability([0.9], [1], bins=b), 1, 0, ValueError, "bins is 0"),
    "probabilities that add up": (
        lambda excess: reliability([[0.25, 0.75 + excess]], [1]),
        0.9e-5,
        1.1e-5,
        DataError,
        "does not sum to 1",
    ),
    "probabilities that fall short": (
        lambda excess: reliability([[0.25, 0.75 + excess]], [1]),
        -0.9e-5,
        -1.1e-5,
        DataError,
        "does not sum to 1",
    ),
    "no probability": (
        lambda p: reliability([[p, 1 - p]], [1]),
        0.0,
        -1e-9,
        DataError,
        "a negative entry",
    ),
    "largest label": (
        lambda c: reliability([[0.25, 0.5, 0.25]], [c]),
        2,
        3,
        DataError,
        "not all classes 0 to 2",
    ),
    "least label": (
        lambda c: reliability([[0.25, 0.5, 0.25]], [c]),
        0,
        -1,
        DataError,
        "not all classes 0 to 2",
    ),
    "weight of a sample": (
        lambda w: lr.fit(ROWS, alpha=0.2, sample_weight=[1, 1, 1, w]),
        0.0,
        -0.5,
        DataError,
        "ranges from -0.5 to 1",
    ),
    "as many samples as columns": (
        lambda n: lr.alignment(ROWS[:n], [1.0, 0.5]),
        2,
        1,
        LogitregError,
        "1 samples for 2 columns",
    ),
    "logits of the certificate": (
        lambda size: lr.alignment([[1.0], [0.5]], [size]),
        1e120,
        1.1e120,
        DataError,
        r"reach 1.1e\+120, .* expected at most 1e\+120",
    ),
    "columns of a distribution": (
        lambda K: lr.fit(ROWS, np.full((4, K), 1 / K), alpha=0.2),
        2,
        1,
        ShapeError,
        r"shape \(4, 1\)",
    ),
}


@pytest.mark.parametrize("name", LIMITS)
def test_a_limit_is_where_it_says(name: str) -> None:
    call, at, beyond, error, words = LIMITS[name]
    call(at)
    with pytest.raises(error, match=words):
        call(beyond)


def test_features_for_discriminants_of_every_class() -> None:
    assert classes_of(2) is not None
    with pytest.raises(DataError, match=r"3 classes span 1 discriminant .* expected 2:"):
        classes_of(1)


@pytest.mark.parametrize(
    ("copies", "words"),
    [
        (1, r"rank 2 of 3; dependent on the others: column \d; "),
        (5, r"rank 2 of 7; dependent on the others: column \d(, \d){4}; "),
        (6, r"rank 2 of 8; dependent on the others: column \d(, \d){4}, \.\.\.; "),
    ],
)
def test_the_first_five_dependent_columns_are_named(copies: int, words: str) -> None:
    X = np.random.default_rng(0).standard_normal((9, 2))
    with pytest.raises(RankDeficientError, match=words):
        fisher_direction(np.hstack([X, *[X[:, :1]] * copies]))


def test_labels_of_a_batch_are_counted() -> None:
    X = np.random.default_rng(0).standard_normal((2, 4, 2))
    assert lr.fit_batch(X, np.array([[0, 1, 2, 2], [2, 1, 0, 0]]), classes=3).converged.all()
    with pytest.raises(DataError, match=r"other labels than 0, \.\.\., 2; "):
        lr.fit_batch(X, np.array([[0, 1, 2, 3], [2, 1, 0, 0]]), classes=3)
    with pytest.raises(DataError, match="holds 1 label; "):
        lr.fit_batch(X, np.zeros((2, 4), dtype=int))
    with pytest.raises(DataError, match="holds 8 labels for 4 samples"):
        lr.fit_batch(X, np.arange(8).reshape(2, 4))


@pytest.mark.parametrize("bend", [0.0, 1e-3])
def test_three_class_means_on_a_line_have_one_discriminant(bend: float) -> None:
    around = np.vstack([np.eye(3), -np.eye(3)])
    means = np.array([[0.0, 0, 0], [1, bend, 0], [2, 0, 0]])
    X, y = np.vstack([around + mean for mean in means]), np.repeat([0, 1, 2], len(around))
    if bend:
        assert np.linalg.matrix_rank(fisher_direction(X, y, bias=True)) == 2
    else:
        with pytest.raises(DataError, match=r"3 classes span 1 discriminant direction\(s\)"):
            fisher_direction(X, y, bias=True)


@pytest.mark.parametrize("penalty", ["label-smoothing", "entropy", "box"])
def test_traced_strengths_outside_the_interval_have_no_target(penalty: str) -> None:
    jax = pytest.importorskip("jax")
    strengths = jax.numpy.asarray([-0.5, 0.0, 0.25, 1.0, 1.5])
    found = jax.jit(lambda alpha: lr.target(penalty, alpha))(strengths)
    assert np.isnan(np.asarray(found)).tolist() == [True, True, False, True, True]


@pytest.mark.parametrize("kink", [0, 1, 100])
@pytest.mark.parametrize(("share", "refused"), [(0.5, True), (-0.5, True), (2.0, False)])
def test_a_target_counts_as_on_a_kink_within_a_billionth(
    kink: int, share: float, refused: bool
) -> None:
    logits = Enclosed(np.array([[kink + 0.5]]), np.zeros((1, 1)))
    level = kink + share * 1e-9 * max(kink, 1)
    penalty = f"abs(z - {kink}) + z**2"
    if refused:
        with pytest.raises(UnsupportedPenaltyError, match="sits on a kink"):
            binary_bounds(penalty, 0.3, level, logits)
    else:
        assert binary_bounds(penalty, 0.3, level, logits).low > 0


@pytest.mark.parametrize("penalty", ["(z - 3)**2", "(z + 3)**2", "cosh(z - 20)", "z**2 + z"])
@pytest.mark.parametrize("classes", [3, 5])
def test_levels_of_a_penalty_that_is_not_even_balance_the_loss(penalty: str, classes: int) -> None:
    low, high = target_levels(penalty, 0.3, classes)
    assert low < high
    vertices = np.full((classes, classes), low) + (high - low) * np.eye(classes)
    gradient = sample_loss(penalty, 0.3, np.arange(classes), classes).gradient(vertices)
    assert np.max(np.abs(gradient)) < 1e-9


@pytest.mark.parametrize("squarings", [0, 1, 3])
@pytest.mark.parametrize("rows", [2**10, 2**14])
def test_a_bound_of_the_norm_holds_where_rounding_loses_a_part_of_the_sum(
    rows: int, squarings: int
) -> None:
    """1 + n 2^-54: each term is lost when it is added to 1."""
    column = np.full((rows, 1), 2.0**-27)
    column[0] = 1
    exact = 1 + Fraction(rows - 1, 2**54)
    bound = Fraction(spectral_norm_above(column, squarings))
    assert exact <= bound**2 < exact * (1 + Fraction(rows, 2**49))

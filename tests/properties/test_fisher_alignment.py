"""The angle to Fisher's direction is within the proven bound, and the bound is nearly attained.

No tolerance is involved: a lower bound of the sine is compared with upper bounds of the bounds,
both with rounding included. Every property has controls: what it would be were a part of the
theorem left out, or the trainer broken, is refuted within the number of examples that is stated.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import logitreg as lr
import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from logitreg.errors import (
    DataError,
    NoFiniteTargetError,
    NotConvergedError,
    UnsupportedPenaltyError,
)
from logitreg.numerics.alignment import AlignmentCertificate, alignment, target_logits
from logitreg.numerics.design import design, factor
from logitreg.numerics.euclidean import euclidean_angle
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

Array = np.ndarray
Refutes = Callable[..., None]
Bounds = Callable[[AlignmentCertificate], tuple[float, ...]]

few = settings(max_examples=max(1, settings().max_examples // 3))

smooth = penalties(smooth=True, names_only=True)
# Closer to zero a penalty is lost in rounding beside the cross-entropy. For weights that are no
# minimisers all strengths are tried.
strengths = alphas(1e-12, 1 - 1e-12)
# From here on lr.fit has to converge, whatever the data.
SURE = 1e-6


def proven(certificate: AlignmentCertificate) -> tuple[float, ...]:
    return certificate.bound, certificate.linearity_bound


def check_certificate(certificate: AlignmentCertificate | None, bounds: Bounds = proven) -> None:
    if certificate is None:
        return
    assert all(certificate.sine_below <= bound for bound in bounds(certificate))
    if certificate.bound < 1:
        assert certificate.angle - certificate.angle_error <= math.pi / 2


def certified(
    X: Array, weights: Array, y: Array | None, penalty: str, alpha: float, bias: Any = None
) -> AlignmentCertificate | None:
    """None where the targets, up to their level, are orthogonal to the features.

    Then the slope of cross-entropy at zero logits, a multiple of the targets without their level,
    is orthogonal to the features too: the minimiser is zero, and has no direction.
    """
    try:
        return alignment(X, weights, y, penalty=penalty, alpha=alpha, bias=bias)
    except DataError:
        data = design(X, y, bias=bias is not None)
        targets = target_logits(data, penalty, alpha).matrix
        if targets.shape[1] > 1:
            targets = targets - targets.mean(axis=1, keepdims=True)
        seen = np.linalg.norm(factor(data.matrix).q.T @ targets)
        assert seen <= 1e-6 * np.linalg.norm(targets)
        return None


def minimiser(X: Array, y: Array | None, penalty: str, alpha: float, bias: bool = False) -> Any:
    """Of faint penalties only where rounding lets the solver, or the weights, get there."""
    try:
        return lr.fit(X, y, penalty=penalty, alpha=alpha, bias=bias)
    except NotConvergedError:
        assert alpha < SURE
        return reject()


def check_minimiser(
    X: Array, y: Array | None, penalty: str, alpha: float, bounds: Bounds = proven
) -> None:
    """With labels, there is a bias."""
    found = minimiser(X, y, penalty, alpha, bias=y is not None)
    check_certificate(certified(X, found.weights, y, penalty, alpha, found.bias), bounds)


# Minimisers.


@given(label_absorbed_data(), smooth, strengths)
def test_minimiser(X: Array, penalty: str, alpha: float) -> None:
    check_minimiser(X, None, penalty, alpha)


@given(label_absorbed_data(max_samples=6, max_features=3), penalties(smooth=True), strengths)
@few
def test_minimiser_under_a_penalty_of_ones_own(X: Array, penalty: str, alpha: float) -> None:
    check_minimiser(X, None, penalty, alpha)


@given(labelled_data(2), smooth, strengths)
def test_minimiser_with_a_bias(data: tuple[Array, Array], penalty: str, alpha: float) -> None:
    check_minimiser(*data, penalty, alpha)


@given(labelled_data(st.integers(3, 5), max_samples=8), smooth, strengths)
@few
def test_minimiser_of_many_classes(data: tuple[Array, Array], penalty: str, alpha: float) -> None:
    check_minimiser(*data, penalty, alpha)


@given(labelled_data(3, max_samples=8), smooth, strengths)
@few
def test_minimiser_of_many_classes_without_a_bias(
    data: tuple[Array, Array], penalty: str, alpha: float
) -> None:
    X, y = data
    found = minimiser(X, y, penalty, alpha)
    check_certificate(certified(X, found.weights, y, penalty, alpha))


@given(embeddings(st.integers(2, 4), max_class_size=6), smooth, strengths)
@few
def test_minimiser_on_embeddings(data: tuple[Array, Array], penalty: str, alpha: float) -> None:
    check_minimiser(*data, penalty, alpha)


@given(clustered_logits())
def test_minimiser_where_logits_cluster(case: ClusteredLogits) -> None:
    check_minimiser(case.X, None, case.penalty, case.alpha)


@given(
    label_absorbed_data(max_samples=6, moderate=True),
    penalties(smooth=False, names_only=True),
    alphas(1e-3, 0.99),
)
@few
def test_minimiser_under_a_kinked_penalty(X: Array, penalty: str, alpha: float) -> None:
    try:
        check_minimiser(X, None, penalty, alpha)
    except (UnsupportedPenaltyError, NoFiniteTargetError):
        # The theorem needs a gradient at the target, and a target other than zero.
        distances = [abs(lr.target(penalty, alpha) - kink) for kink in kernel(penalty).kinks]
        assert min(distances) <= 1e-9


def parts_left_out(leave: str) -> Bounds:
    """The bound of a minimiser with a part of it left out."""

    def bounds(certificate: AlignmentCertificate) -> tuple[float, ...]:
        r, epsilon = certificate.variation, certificate.epsilon
        whole = r * epsilon / math.sqrt(max(1 - epsilon**2, 1e-300))
        return {
            "r": (whole / r if r else math.inf,),
            "epsilon": (whole * epsilon,),
            "the factor 2 in M + m": (r * epsilon / 2 / math.sqrt(1 - epsilon**2 / 4),),
            "half of linearity": (certificate.linearity_bound / 2,),
            "half of it": (whole / 2,),
        }[leave]

    return bounds


@pytest.mark.parametrize(
    "leave", ["epsilon", "the factor 2 in M + m", "half of linearity", "half of it"]
)
def test_bound_with_a_part_left_out_is_refuted(leave: str, refutes: Refutes) -> None:
    def check(case: ClusteredLogits) -> None:
        check_minimiser(case.X, None, case.penalty, case.alpha, parts_left_out(leave))

    refutes(check, clustered_logits(), within=100)


# Any weights: the gradient enters.


def weights_like(X: Array, seed: Array) -> Array:
    """As many of the numbers as there are features, not all of them zero."""
    weights = np.resize(seed, X.shape[1])
    return weights if weights.any() else np.ones_like(weights)


def scaled_numbers(largest_exponent: int) -> st.SearchStrategy[Array]:
    whole = npst.arrays(np.int64, 4, elements=st.integers(-9, 9))
    powers = st.integers(-largest_exponent, largest_exponent)
    return st.tuples(whole, powers).map(lambda pair: np.ldexp(pair[0].astype(float), pair[1]))


@given(label_absorbed_data(moderate=True), scaled_numbers(40), smooth, alphas())
def test_any_weights(X: Array, seed: Array, penalty: str, alpha: float) -> None:
    check_certificate(certified(X, weights_like(X, seed), None, penalty, alpha))


@given(label_absorbed_data(moderate=True), scaled_numbers(8), alphas(1e-300, 0.3))
@few
def test_any_weights_under_a_kinked_penalty(X: Array, seed: Array, alpha: float) -> None:
    # Up to alpha = 1/3 the target of |z| is not at its kink.
    check_certificate(certified(X, weights_like(X, seed), None, "absolute", alpha))


def check_approximate_minimiser(
    X: Array, seed: Array, nearness: float, penalty: str, alpha: float, bounds: Bounds = proven
) -> None:
    found = minimiser(X, None, penalty, alpha).weights
    weights = found * (1 + nearness * weights_like(X, seed))
    check_certificate(certified(X, weights, None, penalty, alpha), bounds)


approximate = (
    label_absorbed_data(),
    scaled_numbers(0),
    st.integers(4, 50).map(lambda k: 2.0**-k),
    smooth,
    strengths,
)


@given(*approximate)
def test_approximate_minimiser(
    X: Array, seed: Array, nearness: float, penalty: str, alpha: float
) -> None:
    check_approximate_minimiser(X, seed, nearness, penalty, alpha)


def test_bound_without_the_gradient_is_refuted(refutes: Refutes) -> None:
    def check(X: Array, seed: Array, nearness: float, penalty: str, alpha: float) -> None:
        check_approximate_minimiser(
            X, seed, nearness, penalty, alpha, lambda c: (c.bound - c.gradient_part,)
        )

    refutes(check, *approximate, within=50)


def test_a_trainer_with_weight_decay_is_refuted(refutes: Refutes) -> None:
    """Of weights that claim to be a minimiser the gradient part of the bound is not granted."""

    def check(X: Array, alpha: float) -> None:
        data = design(X).matrix
        ridge = data.T @ data + len(data) * np.eye(data.shape[1])
        weights = np.linalg.solve(ridge, data.sum(axis=0))
        certificate = certified(X, weights, None, "quadratic", alpha)
        check_certificate(certificate, lambda c: (c.bound - c.gradient_part,))

    refutes(check, label_absorbed_data(moderate=True), alphas(0.1, 0.9), within=50)


# The Euclidean angle.


def check_euclidean(
    X: Array, y: Array | None, penalty: str, alpha: float, times_condition: bool = True
) -> None:
    found = minimiser(X, y, penalty, alpha, bias=y is not None)
    options: dict[str, Any] = {"penalty": penalty, "alpha": alpha, "bias": found.bias}
    certificate = certified(X, found.weights, y, **options)
    if certificate is None:
        return
    euclidean = euclidean_angle(X, found.weights, y, **options)
    for bound in proven(certificate):
        assert euclidean.sine_below <= (euclidean.bound(bound) if times_condition else bound)


@given(label_absorbed_data(), smooth, strengths)
@few
def test_euclidean_angle(X: Array, penalty: str, alpha: float) -> None:
    check_euclidean(X, None, penalty, alpha)


@given(labelled_data(st.integers(2, 4), max_samples=8), smooth, strengths)
@few
def test_euclidean_angle_with_labels(data: tuple[Array, Array], penalty: str, alpha: float) -> None:
    check_euclidean(*data, penalty, alpha)


def test_euclidean_angle_without_the_condition_number_is_refuted(refutes: Refutes) -> None:
    def check(X: Array, penalty: str, alpha: float) -> None:
        check_euclidean(X, None, penalty, alpha, times_condition=False)

    refutes(check, label_absorbed_data(), smooth, alphas(1e-3, 0.9), within=100)


# The bound is nearly attained.


def outliers(ordinary: int, height: float) -> Array:
    return np.array([[1.0, 0.0]] * ordinary + [[1 + height, 1.0], [1 - height, 1.0]])


def check_tight(
    ordinary: int,
    height: float,
    bias: bool,
    penalty: str,
    alpha: float,
    bounds: Bounds = proven,
) -> None:
    """n rows (1, 0) and the rows (1 + h, 1), (1 - h, 1): as h -> 0 the bound is attained up to
    sqrt(1 - epsilon^2) sqrt(n/(n + 2)), and the linearity bound is attained.

    With w_1, w_2 the curvatures of the last two samples, (w_2 - w_1)/(w_1 + w_2) = +-epsilon, the
    minimiser gives each of them the logit b = +-epsilon h z* more than Fisher's to first order; the
    part of this change across Fisher's logits z* 1 has norm sqrt(2 n/(n + 2)) epsilon h z*, and
    r = h sqrt(2/(n + 2)). With a bias each sample is there under either label, with the features
    x and -x: by symmetry the bias vanishes, and all else is the same.
    """
    X, y = outliers(ordinary, height), None
    if bias:
        X, y = np.vstack([X, -X]), np.repeat([1, -1], len(X))
    found = lr.fit(X, y, penalty=penalty, alpha=alpha, bias=bias)
    certificate = alignment(X, found.weights, y, penalty=penalty, alpha=alpha, bias=found.bias)
    check_certificate(certificate)
    attained = math.sqrt((1 - certificate.epsilon**2) * ordinary / (ordinary + 2))
    bound, linearity = bounds(certificate)
    assert certificate.sine_below >= 0.95 * attained * bound
    assert certificate.sine_below >= 0.95 * linearity


tight = (
    st.integers(1, 30),
    # The sine is of order h^2: for a smaller h the rounding of the trained weights shows in it.
    st.integers(6, 9).map(lambda k: 2.0**-k),
    st.booleans(),
    st.sampled_from(["label-smoothing", "quadratic", "pseudo-huber", "log-cosh", "cosh", "power"]),
    alphas(0.05, 0.9),
)


@given(*tight)
def test_bounds_are_attained_as_logits_cluster(
    ordinary: int, height: float, bias: bool, penalty: str, alpha: float
) -> None:
    check_tight(ordinary, height, bias, penalty, alpha)


@given(st.integers(1, 30), st.integers(7, 12).map(lambda k: 2.0**-k))
@few
def test_bound_is_attained_where_the_curvature_jumps_at_the_target(
    ordinary: int, height: float
) -> None:
    # Huber's penalty of threshold 1 has its target there, and epsilon does not vanish.
    X, alpha = outliers(ordinary, height), 1 / (2 + math.e)
    found = lr.fit(X, penalty="huber", alpha=alpha)
    certificate = alignment(X, found.weights, penalty="huber", alpha=alpha)
    check_certificate(certificate)
    assert certificate.epsilon > 0.4
    attained = math.sqrt((1 - certificate.epsilon**2) * ordinary / (ordinary + 2))
    assert certificate.sine_below >= 0.95 * attained * certificate.bound


@pytest.mark.parametrize("factor", [1.1, 2.0])
def test_weaker_bounds_are_refuted(factor: float, refutes: Refutes) -> None:
    def weaker(certificate: AlignmentCertificate) -> tuple[float, ...]:
        return tuple(factor * bound for bound in proven(certificate))

    def check(ordinary: int, height: float, bias: bool, penalty: str, alpha: float) -> None:
        check_tight(ordinary, height, bias, penalty, alpha, weaker)

    refutes(check, *tight, within=1)

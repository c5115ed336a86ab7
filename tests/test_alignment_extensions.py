"""Alignment with a bias, for several classes, on features, in the limit: theory and claims."""

from __future__ import annotations

import math
from fractions import Fraction

import logitreg as lr
import numpy as np
import pytest
from logitreg.numerics.balls import precision
from logitreg.numerics.curvature import multiclass_bounds
from logitreg.numerics.losses import target_levels
from logitreg.numerics.rounding import Enclosed
from logitreg.proofs_checks.alignment_on_data import (
    DataSet,
    bound_at_enclosed_minimisers,
    bound_at_exact_minimisers,
    sine_variation_epsilon,
)
from logitreg.proofs_checks.claim import Claim, Repair, judge
from logitreg.proofs_checks.claims import alignment_extensions, alignment_limits
from logitreg.theory import alignment_extensions as theory
from logitreg.theory.alignment import bound_on_sine
from scipy.optimize import minimize
from sympy import Matrix, Rational, eye, ones, simplify

CLAIMS = {c.id: c for c in (*alignment_extensions.CLAIMS, *alignment_limits.CLAIMS)}
EXPECTED = {
    "lead.alignment-bias": ("holds", "PROVED"),
    "lead.alignment-bias-slope": ("holds", "PROVED"),
    "lead.alignment-multiclass": ("holds", "PROVED"),
    "lead.alignment-euclidean": ("holds", "PROVED"),
    "lead.alignment-vanishes": ("holds if", "PROVED"),
    "lead.alignment-multiclass-limit": ("holds", "PROVED"),
    "lead.alignment-bound-on-data": ("holds", "TESTED"),
}


@pytest.mark.parametrize("id", CLAIMS)
def test_claims_are_judged_as_expected_and_reject_their_controls(id: str) -> None:
    entry = judge(CLAIMS[id])
    assert (entry.verdict.value, entry.grade) == EXPECTED[id]
    assert entry.controls.rejected == entry.controls.total >= 3


@pytest.mark.parametrize("id", CLAIMS)
def test_a_false_statement_printed_in_place_of_the_true_one_is_refuted(id: str) -> None:
    claim = CLAIMS[id]
    swapped = Claim(claim.id, claim.controls[0], claim.source, claim.checks, ())
    assert judge(swapped).verdict.value == "refuted"


def test_correction_of_the_limit_printed_holds_without_one() -> None:
    claim = CLAIMS["lead.alignment-vanishes"]
    assert claim.correction is not None
    assert claim.correction.repair is Repair.HYPOTHESIS
    corrected = Claim(claim.id, claim.correction.variant, claim.source, claim.checks, ())
    assert judge(corrected).verdict.value == "holds"


def test_elimination_of_the_bias_leaves_nothing() -> None:
    assert [simplify(c) for c in theory.eliminated_bias()] == [0, 0]
    assert theory.multiclass_identity() == 0
    assert all(rest == 0 for _, rest in theory.absorbed_bias_identities())


def test_absorbed_bias_gives_the_regression_of_the_labels() -> None:
    rng = np.random.default_rng(0)
    features, labels = rng.standard_normal((9, 2)), np.array([1, -1, -1, 1, -1, -1, -1, 1, -1])
    exact = theory.with_column(
        Matrix(9, 2, [Rational(x) for x in features.ravel()]), Matrix(labels), theory.label
    )
    ours = np.array(theory.least_squares(exact, ones(9, 1))).astype(float)[:, 0]
    columns = np.column_stack([features, np.ones(9)])
    reference = np.linalg.lstsq(columns, labels, rcond=None)[0]
    np.testing.assert_allclose(ours, reference, rtol=1e-12)
    shifted = theory.with_column(
        Matrix(9, 2, [Rational(x) for x in features.ravel()]), Matrix(labels), Rational(1)
    )
    other = np.array(theory.least_squares(shifted, ones(9, 1))).astype(float)[:, 0]
    assert float(np.max(np.abs(other - reference))) > 1e-2


@pytest.mark.parametrize("ratio", [2, 9])
def test_exact_minimiser_of_asymmetric_squares_is_that_of_scipy(ratio: int) -> None:
    X = theory.outlier_design(4, Rational(1, 2))
    exact = np.array(theory.expectile_weights(X, Rational(ratio))).astype(float)[:, 0]
    data = np.array(X).astype(float)

    def loss(weights: np.ndarray) -> float:
        errors = data @ weights - 1
        return float(np.sum(np.where(errors > 0, ratio, 1) * errors**2))

    found = minimize(loss, np.zeros(2), method="BFGS", options={"gtol": 1e-10})
    np.testing.assert_allclose(exact, found.x, atol=1e-6)
    assert loss(exact) <= loss(exact + np.array([1e-3, 0.0])) - 1e-7


def test_weights_of_given_hessians_make_the_gradient_zero() -> None:
    X = Matrix([[1, 2], [3, -1], [0, 1], [2, 2]])
    T = Matrix([[1, 0], [0, 1], [1, 1], [-1, 2]])
    A = tuple(Matrix([[2 + i, 1], [1, 3]]) for i in range(4))
    W = theory.weighted_solution(X, T, A)
    gradient = sum((X[i, :].T * (T[i, :] - X[i, :] * W) * A[i] for i in range(4)), Matrix.zeros(2))
    assert gradient == Matrix.zeros(2)
    assert theory.weighted_solution(X, T, (A[0],) * 4) == theory.least_squares(X, T)


@pytest.mark.parametrize(
    ("classes", "spread"), [(3, "1/2"), (3, "1/10"), (4, "1/3"), (4, "3/5"), (5, "1/4")]
)
def test_bound_of_several_classes_is_attained_as_far_as_stated(classes: int, spread: str) -> None:
    """In exact arithmetic, with Hessians that are those at the targets up to a factor."""
    X, labels = theory.class_outlier_design(classes, 2, Rational(1, 10**4))
    targets = labels - ones(*labels.shape) / classes
    along = [t.T * t * Rational(classes, classes - 1) for t in map(targets.row, range(X.rows))]
    epsilon = Rational(spread)
    hessians = tuple(eye(classes) + epsilon * (2 * a - eye(classes)) for a in along)
    fisher = X * theory.least_squares(X, targets)
    weights = theory.weighted_solution(X, targets, hessians)
    residue = targets - fisher
    r_squared = (residue.T * residue).trace() / (fisher.T * fisher).trace()
    sine_squared = theory.sine_squared(X * weights, fisher)
    share_squared = sine_squared / r_squared * (1 - epsilon**2) / epsilon**2
    stated = theory.attained_share().subs({theory.K: classes, theory.epsilon: epsilon})
    assert share_squared <= 1
    assert math.sqrt(share_squared) == pytest.approx(float(stated), rel=1e-3)
    assert (stated == 1) == (epsilon * (classes - 1) == 1)


@pytest.mark.parametrize("classes", [3, 5, 10])
@pytest.mark.parametrize("alpha", [0.1, 0.5])
def test_epsilon_of_the_certificate_does_not_vanish_at_the_targets(
    classes: int, alpha: float
) -> None:
    """The certificate bounds the eigenvalues from outside: its epsilon is above the limit."""
    low, high = target_levels("label-smoothing", alpha, classes)
    codes = np.arange(classes)
    logits = np.full((classes, classes), low)
    logits[codes, codes] = high
    bounds = multiclass_bounds(
        "label-smoothing", alpha, (low, high), codes, Enclosed(logits, np.zeros_like(logits))
    )
    epsilon = (bounds.high - bounds.low) / (bounds.high + bounds.low)
    true = math.exp(high) / (math.exp(high) + (classes - 1) * math.exp(low))
    limit = float(theory.smoothing_limit().subs({theory.K: classes, theory.confidence: true}))
    assert 0.2 < limit <= epsilon * (1 + 1e-12)


@pytest.mark.parametrize("penalty", ["label-smoothing", "quadratic"])
@pytest.mark.parametrize("classes", [3, 6])
def test_limits_are_those_of_numerical_eigenvalues(penalty: str, classes: int) -> None:
    alpha = 0.2
    low, high = target_levels(penalty, alpha, classes)
    z = np.full(classes, low)
    z[0] = high
    p = np.exp(z) / np.sum(np.exp(z))
    hessian = np.diag(p) - np.outer(p, p)
    if penalty == "quadratic":
        hessian = (1 - alpha) * hessian + 2 * alpha * np.eye(classes)
    basis = np.linalg.svd(np.eye(classes) - 1 / classes)[0][:, :-1]
    values = np.linalg.eigvalsh(basis.T @ hessian @ basis)
    found = (values[-1] - values[0]) / (values[-1] + values[0])
    formula = theory.smoothing_limit() if penalty == "label-smoothing" else theory.quadratic_limit()
    at = {theory.K: classes, theory.confidence: p[0], theory.target_gap: high - low}
    assert float(formula.subs(at)) == pytest.approx(found, rel=1e-12)
    assert float(formula.subs({**at, theory.K: classes + 1})) != pytest.approx(found, rel=1e-2)


def test_bound_of_several_classes_keeps_its_epsilon_where_that_of_two_loses_it() -> None:
    rng = np.random.default_rng(5)
    epsilons = {}
    for classes in (2, 3):
        y = np.arange(60) % classes
        X = np.eye(classes)[y] + 1e-3 * rng.standard_normal((60, classes))
        result = lr.fit(X, y, penalty="label-smoothing", alpha=0.2)
        certificate = lr.alignment(X, result.weights, y, penalty="label-smoothing", alpha=0.2)
        epsilons[classes] = certificate.epsilon
    assert epsilons[2] < 0.01
    assert epsilons[3] > 0.2


def test_euclidean_sine_is_below_the_condition_number_times_that_of_the_data() -> None:
    rng = np.random.default_rng(6)
    largest = 0.0
    for _ in range(300):
        X = rng.standard_normal((8, 3)) * np.array([1.0, 5.0, 0.2])
        u = rng.standard_normal(3)
        v = u + 10.0 ** rng.uniform(-3, 1) * rng.standard_normal(3)
        sines = [
            np.linalg.norm(b / np.linalg.norm(b) - a * (a @ b) / (a @ a) / np.linalg.norm(b))
            for a, b in ((u, v), (X @ u, X @ v))
        ]
        largest = max(largest, sines[0] / sines[1] / np.linalg.cond(X))
    assert 0.2 < largest <= 1


def test_enclosed_sine_and_bound_hold_those_of_floats() -> None:
    X = Matrix([[2, 4], [2, 3], [-1, 0], [-4, -3]])
    data = np.array(X).astype(float)
    with precision(160):
        sine, r, epsilon = sine_variation_epsilon(X, Rational(1, 8))
    certificate = lr.alignment(data, lr.fit(data, alpha=0.125).weights, alpha=0.125)
    assert float(sine) == pytest.approx(math.sin(certificate.angle), rel=1e-9)
    assert float(r) == pytest.approx(certificate.variation, rel=1e-9)
    assert float(epsilon) <= certificate.epsilon <= 1.01 * float(epsilon)


def test_bound_on_data_is_refuted_below_the_ratio_that_is_reached() -> None:
    data = DataSet("outliers", theory.outlier_design(14, Rational(1, 100)))
    exact, enclosed = ([(data, parameter)] for parameter in (Rational(2), Rational(1, 2)))
    bound = bound_on_sine()
    assert bound_at_exact_minimisers(bound, exact).supported
    assert bound_at_exact_minimisers(bound * Rational(89, 100), exact).supported
    assert bound_at_exact_minimisers(bound * Rational(88, 100), exact).refutes
    assert bound_at_enclosed_minimisers(bound, enclosed).supported
    assert bound_at_enclosed_minimisers(bound / 2, enclosed).refutes


def test_slopes_can_be_further_apart_than_weights_with_bias() -> None:
    sines = theory.sines_with_bias(
        Matrix([[0, 1], [-3, 3], [2, -1], [3, -1], [-2, 2], [0, 1]]),
        Matrix([1, 1, -1, -1, -1, -1]),
        Rational(2),
    )
    assert (sines.joint, sines.slope) == (Rational(1, 320), Rational(3, 728))
    ratio = Fraction(int(sines.slope.p), int(sines.slope.q)) / Fraction(1, 320)
    assert sines.joint_square / sines.centred_square == Rational(ratio.numerator, ratio.denominator)

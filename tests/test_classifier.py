"""The scikit-learn estimator: its contract, its minimiser, its probabilities, its limits."""

from __future__ import annotations

import importlib
import pickle
import sys
from typing import Any

import logitreg as lr
import numpy as np
import pytest
from logitreg.errors import (
    AlphaError,
    DataError,
    MissingDependencyError,
    NotConvergedError,
    SeparableError,
    UnsupportedPenaltyError,
)
from logitreg.numerics.calibration import calibration_error
from logitreg.numerics.classifier import LogitRegularizedClassifier
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import expit, softmax
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

Array = NDArray[Any]


@parametrize_with_checks(
    [
        LogitRegularizedClassifier(),
        LogitRegularizedClassifier("quadratic", fit_intercept=False),
    ]
)
def test_the_contract_of_scikit_learn(estimator: Any, check: Any) -> None:
    check(estimator)


def test_logits_at_rest_on_a_kink_have_the_same_probabilities_however_rounded() -> None:
    X, y = overlapping(3, 60)
    model = LogitRegularizedClassifier("absolute", 0.3).fit(X, y)
    at_rest = np.abs(model.decision_function(X)) < 1e-12
    assert np.sum(at_rest) > 3
    again = LogitRegularizedClassifier("absolute", 0.3).fit(X[::-1], y[::-1])
    assert np.any(again.decision_function(X)[at_rest] != model.decision_function(X)[at_rest])
    np.testing.assert_allclose(again.predict_proba(X), model.predict_proba(X), atol=1e-9)


def overlapping(classes: int, samples: int = 200) -> tuple[Array, Array]:
    rng = np.random.default_rng(classes)
    y = rng.integers(0, classes, samples)
    return rng.standard_normal((samples, 3)) + np.eye(classes, 3)[y], y


@pytest.mark.parametrize("classes", [2, 3])
def test_without_a_penalty_it_is_logistic_regression(classes: int) -> None:
    X, y = overlapping(classes)
    ours = LogitRegularizedClassifier(alpha=0).fit(X, y)
    theirs = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-13).fit(X, y)
    assert ours.coef_.shape == theirs.coef_.shape
    assert ours.intercept_.shape == theirs.intercept_.shape
    # The level of K logits is free: probabilities and differences are not.
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-10)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    regularised = LogitRegularizedClassifier(alpha=0.05).fit(X, y)
    assert np.max(np.abs(regularised.coef_ - ours.coef_)) > 0.01


@pytest.mark.parametrize("classes", [2, 3])
def test_label_smoothing_is_weighted_samples_of_every_label(classes: int) -> None:
    X, y = overlapping(classes)
    alpha = 0.2
    ours = LogitRegularizedClassifier(alpha=alpha).fit(X, y)
    copies, labels = np.tile(X, (classes, 1)), np.repeat(np.arange(classes), len(y))
    weights = alpha / classes + (1 - alpha) * (labels == np.tile(y, classes))
    theirs = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-13)
    theirs.fit(copies, labels, sample_weight=weights)
    centred = theirs.coef_ - (np.mean(theirs.coef_, axis=0) if classes > 2 else 0)
    np.testing.assert_allclose(ours.coef_, centred, atol=1e-8)
    unsmoothed = (theirs.predict_proba(X) - alpha / classes) / (1 - alpha)
    inside = np.min(unsmoothed, axis=1) > 0
    assert 50 < np.sum(inside) < len(y)
    np.testing.assert_allclose(ours.predict_proba(X)[inside], unsmoothed[inside], atol=1e-8)
    # The same with the labels as distributions, and no penalty.
    shares = (1 - alpha) * np.eye(classes)[y] + alpha / classes
    soft = LogitRegularizedClassifier(alpha=0).fit(X, shares)
    np.testing.assert_allclose(soft.coef_, ours.coef_, atol=1e-12)
    np.testing.assert_allclose(soft.intercept_, ours.intercept_, atol=1e-12)


def well_specified(penalty: str, classes: int, samples: int) -> tuple[Array, Array]:
    """Features, and posteriors that are those of logits linear in them, at alpha = 0.1."""
    rng = np.random.default_rng(7)
    X = rng.uniform(-1, 1, (samples, 2))
    if classes == 2:
        z = (X @ [1.0, -0.6] + 0.2) * (0.98 * float(lr.target(penalty, 0.1)) / 1.8)
        smoothed = penalty == "label-smoothing"
        second = (expit(z) - 0.05) / 0.9 if smoothed else expit(z) + 2 * z / 9
        return X, np.stack([1 - second, second], axis=1)
    z = 0.6 * X @ np.array([[1.0, -0.4, -0.6], [0.2, 0.7, -0.9]])
    if penalty == "label-smoothing":
        return X, (softmax(z, axis=1) - 0.1 / 3) / 0.9
    return X, softmax(z / 3, axis=1) + 2 * (z / 3) / 9


@pytest.mark.parametrize("penalty", ["label-smoothing", "quadratic"])
@pytest.mark.parametrize("classes", [2, 3])
def test_probabilities_are_those_of_a_well_specified_model(penalty: str, classes: int) -> None:
    X, truth = well_specified(penalty, classes, 500)
    assert np.min(truth) >= 0
    model = LogitRegularizedClassifier(penalty).fit(X, truth)
    np.testing.assert_allclose(model.predict_proba(X), truth, atol=1e-12)
    # The control: the softmax of the same logits is far from the truth.
    logits = model.decision_function(X)
    naive = expit(logits) if classes == 2 else softmax(logits, axis=1)[:, 1]
    assert np.max(np.abs(naive - truth[:, 1])) > 0.02


@pytest.mark.parametrize("penalty", ["label-smoothing", "quadratic"])
def test_probabilities_of_sampled_labels_are_calibrated(penalty: str) -> None:
    X, truth = well_specified(penalty, 2, 40_000)
    y = (np.random.default_rng(8).random(len(X)) < truth[:, 1]).astype(int)
    model = LogitRegularizedClassifier(penalty).fit(X, y)
    p = model.predict_proba(X)
    assert np.max(np.abs(p - truth)) < 0.02
    assert calibration_error(p, y) < 0.01
    naive = expit(model.decision_function(X))
    assert calibration_error(np.stack([1 - naive, naive], axis=1), y) > 0.02
    reference = LogisticRegression(C=np.inf).fit(X, y).predict_proba(X)
    assert np.mean((p - truth) ** 2) < np.mean((reference - truth) ** 2)


@pytest.mark.parametrize("classes", [2, 3])
def test_distributions_as_labels(classes: int) -> None:
    X, y = overlapping(classes)
    hard = LogitRegularizedClassifier().fit(X, y)
    one_hot = LogitRegularizedClassifier().fit(X, np.eye(classes)[y])
    np.testing.assert_allclose(one_hot.coef_, hard.coef_, atol=1e-12)
    np.testing.assert_array_equal(one_hot.classes_, np.arange(classes))
    assert one_hot.score(X, np.eye(classes)[y]) == pytest.approx(hard.score(X, y), rel=1e-15)
    weight = np.arange(len(y))
    shares = np.full((len(y), classes), 1 / classes)
    assert one_hot.score(X, shares, weight) == pytest.approx(1 / classes)
    named = LogitRegularizedClassifier().fit(X, np.array(["c", "a", "b"])[y])
    assert named.classes_.tolist() == sorted(["c", "a", "b"][:classes])
    assert set(named.predict(X)) <= set(named.classes_)


@pytest.mark.parametrize(
    "y",
    [
        np.ones((4, 2)),
        np.array([[1, 0, 1], [0, 1, 1], [1, 1, 0], [0, 0, 1]]),
        np.array([[2.0, -1.0]] * 4),
    ],
)
def test_columns_that_are_no_distributions_are_refused(y: Array) -> None:
    with pytest.raises(DataError, match="divide each row by its sum"):
        LogitRegularizedClassifier().fit(np.arange(8.0).reshape(4, 2), y)


def test_sparse_arrays_are_refused() -> None:
    X, y = np.arange(8.0).reshape(4, 2), np.array([0, 0, 1, 1])
    with pytest.raises(TypeError, match="Sparse"):
        LogitRegularizedClassifier().fit(csr_array(X), y)
    with pytest.raises(DataError, match=r"y is sparse.*toarray"):
        LogitRegularizedClassifier().fit(X, csr_array(np.eye(2)[y]))


def test_errors_say_what_is_wrong() -> None:
    X, y = np.array([[-1.0], [-2.0], [1.0], [2.0]]), np.array([0, 0, 1, 1])
    with pytest.raises(DataError, match="one class, a;"):
        LogitRegularizedClassifier().fit(X, ["a"] * 4)
    with pytest.raises(AlphaError):
        LogitRegularizedClassifier(alpha=1.5).fit(X, y)
    with pytest.raises(UnsupportedPenaltyError, match="even penalty"):
        LogitRegularizedClassifier("(z + 1)^2", alpha=0.5).fit(X, y)
    with pytest.raises(NotConvergedError, match="max_iter"):
        LogitRegularizedClassifier("cosh", max_iter=1).fit(*overlapping(2))
    with pytest.raises(NotFittedError):
        LogitRegularizedClassifier().fisher_alignment(X, y)


def test_separable_data_without_a_penalty() -> None:
    X, y = np.array([[-3.0], [-1.0], [1.0], [2.0]]), np.array([0, 0, 1, 1])
    with pytest.raises(SeparableError):
        LogitRegularizedClassifier(alpha=0).fit(X, y)
    model = LogitRegularizedClassifier(alpha=0, on_separable="max-margin").fit(X, y)
    np.testing.assert_allclose(model.decision_function([[1.0], [-1.0]]), [1, -1], atol=1e-12)
    assert model.support_.tolist() == [1, 2]
    np.testing.assert_array_equal(model.predict_proba([[0.1], [-5.0]]), [[0, 1], [1, 0]])
    assert LogitRegularizedClassifier().fit(X, y).support_ is None


def test_it_works_in_pipelines_and_grid_search() -> None:
    X, y = overlapping(3)
    grid = {
        "logitregularizedclassifier__penalty": ["label-smoothing", "quadratic", "log(cosh(z))"],
        "logitregularizedclassifier__alpha": [0.02, 0.1, 0.4],
    }
    pipeline = make_pipeline(StandardScaler(), LogitRegularizedClassifier())
    search = GridSearchCV(pipeline, grid, cv=3).fit(X, y)
    assert not np.any(np.isnan(search.cv_results_["mean_test_score"]))
    assert search.best_score_ > 0.4
    soft = GridSearchCV(LogitRegularizedClassifier(), {"alpha": [0.1, 0.3]}, cv=3)
    assert 0.3 < soft.fit(X, np.eye(3)[y]).best_score_ < 1


def test_copies_and_pickles_are_the_same_model() -> None:
    X, y = overlapping(2)
    model = LogitRegularizedClassifier("quadratic", 0.3, max_iter=77).fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    assert clone(model).get_params() == model.get_params()
    assert not hasattr(clone(model), "coef_")


def test_float32_stays_float32() -> None:
    X, y = overlapping(3)
    wide = LogitRegularizedClassifier().fit(X.astype(np.float32).astype(float), y)
    narrow = LogitRegularizedClassifier().fit(X.astype(np.float32), y)
    assert narrow.coef_.dtype == narrow.intercept_.dtype == np.float32
    assert narrow.predict_proba(X.astype(np.float32)).dtype == np.float32
    np.testing.assert_array_equal(narrow.coef_, wide.coef_.astype(np.float32))


def test_more_features_than_samples() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((6, 30)), np.array([0, 1, 0, 1, 1, 0])
    model = LogitRegularizedClassifier("quadratic", 0.1).fit(X, y)
    z_star = lr.target("quadratic", 0.1)
    np.testing.assert_allclose(model.decision_function(X), z_star * (2 * y - 1), rtol=1e-12)
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], y, atol=1e-12)
    # Least norm, intercept included: in the span of the samples.
    full = np.column_stack([X, np.ones(6)])
    solution = np.append(model.coef_, model.intercept_)
    np.testing.assert_allclose(np.linalg.pinv(full) @ (full @ solution), solution, atol=1e-12)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("intercept", [True, False])
def test_the_certificate_is_that_of_the_weights(classes: int, intercept: bool) -> None:
    X, y = overlapping(classes)
    model = LogitRegularizedClassifier("quadratic", 0.3, fit_intercept=intercept).fit(X, y)
    result = lr.fit(X, y, penalty="quadratic", alpha=0.3, bias=intercept)
    expected = lr.alignment(X, result.weights, y, penalty="quadratic", alpha=0.3, bias=result.bias)
    assert model.fisher_alignment(X, y) == expected


def test_without_scikit_learn_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "logitreg.numerics.classifier")
    monkeypatch.setitem(sys.modules, "sklearn.base", None)
    with pytest.raises(MissingDependencyError, match=r"logitreg\[sklearn\]"):
        importlib.import_module("logitreg.numerics.classifier")

"""Trainers that are broken on purpose: the suite catches each and names most; sound ones pass."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.errors import FailedHealthCheck, Unsatisfiable
from logitreg.errors import DataError, ShapeError, UnsupportedPenaltyError
from logitreg.proofs_checks import (
    ContradictionError,
    assert_fisher_alignment,
    assert_stationary,
    label_absorbed_data,
)
from logitreg.proofs_checks.assertions import alignment as module
from scipy.optimize import minimize, root
from scipy.special import expit, log_softmax, softmax
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

ALPHA = 0.2
QUADRATIC: dict[str, Any] = {"penalty": "quadratic", "alpha": ALPHA}
SMOOTHING: dict[str, Any] = {"penalty": "label-smoothing", "alpha": ALPHA}

DATA = np.array([[1.0, 0.2, 0.1], [0.8, -0.3, 0.4], [1.3, 0.1, -0.2], [-0.4, 1.0, 1.0]])
LABELS = np.array([0, 1, 1, 0])

Trainer = Callable[[np.ndarray, np.ndarray], Any]
Slope = Callable[[np.ndarray], np.ndarray]


def signs(y: np.ndarray) -> np.ndarray:
    return 2.0 * y - 1.0


def ridge(z: np.ndarray) -> np.ndarray:
    return 2 * z


def newton(
    X: np.ndarray,
    y: np.ndarray,
    ce: float = 1 - ALPHA,
    f: float = ALPHA,
    slope: Slope = ridge,
    decay: float | np.ndarray = 0.0,
) -> np.ndarray:
    """Minimise mean(ce CE + f penalty) + decay/2 |w|^2 by quasi-Newton, independently of ours."""
    A = X * signs(y)[:, None]

    def gradient(w: np.ndarray) -> np.ndarray:
        z = A @ w
        return A.T @ (f * slope(z) - ce * expit(-z)) / len(A) + decay * w

    w = np.zeros(A.shape[1])
    for _ in range(60):
        step = 1e-6
        basis = np.eye(len(w))
        hessian = [(gradient(w + step * e) - gradient(w - step * e)) / (2 * step) for e in basis]
        w = w - np.linalg.solve(np.array(hessian), gradient(w))
    return w


def descent(
    X: np.ndarray,
    y: np.ndarray,
    rate: float = 0.1,
    steps: int = 60,
    batch: int | None = None,
) -> np.ndarray:
    A, w = X * signs(y)[:, None], np.zeros(X.shape[1])
    for step in range(steps):
        rows = A if batch is None else np.take(A, range(step, step + batch), axis=0, mode="wrap")
        with np.errstate(all="ignore"):
            z = rows @ w
            w = w - rate * rows.T @ (2 * ALPHA * z - (1 - ALPHA) * expit(-z)) / len(rows)
    return w


def with_bias(X: np.ndarray, y: np.ndarray, decay: float = 0.0) -> tuple[np.ndarray, float]:
    design = np.column_stack([X, np.ones(len(X))])
    only_the_bias = np.append(np.zeros(X.shape[1]), decay)
    w = newton(design, y, decay=only_the_bias)
    return w[:-1], w[-1]


def frozen_bias(X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, float]:
    slopes, bias = with_bias(X, y)
    A, shift = X * signs(y)[:, None], (bias + 0.3) * signs(y)

    def gradient(w: np.ndarray) -> np.ndarray:
        z = A @ w + shift
        return A.T @ (2 * ALPHA * z - (1 - ALPHA) * expit(-z)) / len(A)

    return root(gradient, slopes, tol=1e-13).x, bias + 0.3


def many_classes(X: np.ndarray, y: np.ndarray, on: float, off: float) -> np.ndarray:
    """Cross-entropy against targets ``on`` and ``off``, by BFGS."""
    K = int(np.max(y)) + 1
    targets = np.where(np.eye(K)[y] == 1, on, off)

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        z = X @ w.reshape(K, -1).T
        slope = targets.sum(axis=1, keepdims=True) * softmax(z, axis=1) - targets
        value = -np.sum(targets * log_softmax(z, axis=1)) / len(X)
        return float(value), (slope.T @ X / len(X)).ravel()

    start = np.zeros(K * X.shape[1])
    options = {"gtol": 1e-9, "maxiter": 2000}
    return minimize(loss, start, jac=True, method="BFGS", options=options).x.reshape(K, -1)


class Smoothed(LogisticRegression):
    """Label smoothing of two classes by scikit-learn: every sample with either label, weighted."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        y = np.asarray(y)
        weights = np.repeat([1 - ALPHA / 2, ALPHA / 2], len(y))
        return super().fit(np.vstack([X, X]), np.concatenate([y, 1 - y]), sample_weight=weights)


def smoothed(**options: Any) -> Smoothed:
    return Smoothed(**{"C": np.inf, "tol": 1e-10, "max_iter": 1000, **options})


def standardised(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    return newton((X - X.mean(axis=0)) / X.std(axis=0), y)


THREE = {**SMOOTHING, "classes": 3}
BIAS = {**QUADRATIC, "bias": True}

BROKEN: dict[str, tuple[Any, dict[str, Any], str]] = {
    "alpha doubled": (lambda X, y: newton(X, y, 0.6, 0.4), QUADRATIC, "alpha = 0.4, that is 2"),
    "alpha and 1 - alpha swapped": (lambda X, y: newton(X, y, 0.2, 0.8), QUADRATIC, "1 - alpha"),
    "factor 1 - alpha missing": (
        lambda X, y: newton(X, y, 1.0), QUADRATIC, "factor 1 - alpha of the cross-entropy is"
    ),
    "penalty halved": (lambda X, y: newton(X, y, f=0.1), QUADRATIC, "halved"),
    "another penalty": (lambda X, y: newton(X, y, slope=np.tanh), QUADRATIC, "log-cosh, not quad"),
    "weight decay left on": (
        lambda X, y: newton(X, y, decay=0.05), QUADRATIC, "weight decay is left on.*gamma = 0.05"
    ),
    "bias regularised": (lambda X, y: with_bias(X, y, 0.2), BIAS, "the bias is not: it is regul"),
    "bias frozen": (frozen_bias, BIAS, "the bias is not.*frozen"),
    "standardised features": (standardised, QUADRATIC, "standardised"),
    "unit samples": (
        lambda X, y: newton(X / np.maximum(np.linalg.norm(X, axis=1, keepdims=True), 1e-9), y),
        QUADRATIC,
        "norm 1",
    ),
    "centred features": (
        lambda X, y: newton(X - X.mean(axis=0), y), QUADRATIC, "centred"
    ),
    "last sample dropped": (
        lambda X, y: newton(X[:-1], y[:-1]), QUADRATIC, "last sample is left out"
    ),
    "first sample dropped": (
        lambda X, y: newton(X[1:], y[1:]), QUADRATIC, "first sample is left out"
    ),
    "labels flipped": (lambda X, y: newton(X, 1 - y), QUADRATIC, "flipped"),
    "temperature": (lambda X, y: newton(X, y) * 1.5, QUADRATIC, "1.5 times the minimiser"),
    "unit weights": (
        lambda X, y: newton(X, y) / np.linalg.norm(newton(X, y)), QUADRATIC, "direction is right"
    ),
    "early stopping": (descent, QUADRATIC, "stopped early"),
    "learning rate too large": (
        lambda X, y: descent(X, y, rate=30.0, steps=3000), QUADRATIC, "diverged|learning rate"
    ),
    "constant rate on batches": (
        lambda X, y: descent(X, y, steps=600, batch=2), QUADRATIC, "above its minimum"
    ),
    "float16": (lambda X, y: newton(X, y).astype(np.float16), QUADRATIC, "float16"),
    "nothing trained": (lambda X, y: 0 * X[0], QUADRATIC, "nothing was trained"),
    "random weights": (lambda X, y: np.arange(1.0, X.shape[1] + 1), QUADRATIC, "above"),
    "scikit-learn's C": (
        smoothed(C=1.0), {**SMOOTHING, "bias": True}, r"weight decay is left on.*C = 1\)"
    ),
    "scikit-learn's C, in a pipeline": (
        make_pipeline(StandardScaler(), smoothed(C=1.0)), {**SMOOTHING, "bias": True}, "above"
    ),
    "eps/(K - 1)": (
        lambda X, y: many_classes(X, y, 1 - ALPHA, ALPHA / 2), THREE, r"alpha K/\(K - 1\)"
    ),
    "labels from 1": (
        lambda X, y: many_classes(X, (y + 1) % 3, 1 - 2 * ALPHA / 3, ALPHA / 3),
        THREE,
        "off by one",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("trainer", "stated", "words"), BROKEN.values(), ids=BROKEN)
def test_a_broken_trainer_is_caught_and_named(
    trainer: Any, stated: dict[str, Any], words: str
) -> None:
    with pytest.raises(ContradictionError) as failure:
        assert_fisher_alignment(trainer, **stated, tolerance=1e-5, max_examples=8)
    assert re.search(words, failure.value.diagnosis or "")
    assert f"logitreg show {failure.value.claim}" in str(failure.value)


CORRECT: dict[str, tuple[Any, dict[str, Any]]] = {
    "quasi-Newton": (newton, QUADRATIC),
    "with bias": (with_bias, BIAS),
    "long descent": (lambda X, y: descent(X, y, 0.15, 6000), QUADRATIC),
    "three classes": (lambda X, y: many_classes(X, y, 1 - 2 * ALPHA / 3, ALPHA / 3), THREE),
    "scikit-learn": (smoothed(fit_intercept=False), SMOOTHING),
    "scikit-learn, in a pipeline": (
        make_pipeline(StandardScaler(), smoothed()), {**SMOOTHING, "bias": True}
    ),
}  # fmt: skip


@pytest.mark.parametrize(("trainer", "stated"), CORRECT.values(), ids=CORRECT)
def test_a_sound_trainer_passes(trainer: Any, stated: dict[str, Any]) -> None:
    assert_fisher_alignment(trainer, **stated, tolerance=1e-5, max_examples=8)


def test_a_trainer_that_fails_now_and_then_is_judged_by_the_run_that_failed() -> None:
    calls = iter(range(10**6))
    data = st.sampled_from([(DATA * scale, LABELS) for scale in (1.0, 2.0, 3.0)])

    def unsteady(X: np.ndarray, y: np.ndarray) -> np.ndarray:
        return newton(X, y, decay=0.3 if next(calls) == 1 else 0.0)

    with pytest.raises(ContradictionError, match="do not minimise the loss"):
        assert_fisher_alignment(unsteady, **QUADRATIC, data=data)


def test_a_pipeline_is_not_fitted_in_place() -> None:
    pipeline = make_pipeline(StandardScaler(), smoothed())
    assert_fisher_alignment(pipeline, **SMOOTHING, bias=True, tolerance=1e-5, max_examples=2)
    assert not hasattr(pipeline[-1], "coef_")


def test_an_angle_beyond_the_bound_is_a_failure_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_sharp(*data: Any, **stated: Any) -> Any:
        return replace(certify(*data, **stated), bound=1e-12, linearity_bound=1e-12)

    certify = module.alignment
    monkeypatch.setattr(module, "alignment", too_sharp)
    with pytest.raises(ContradictionError, match="farther from Fisher's direction") as failure:
        assert_fisher_alignment(newton, **QUADRATIC, tolerance=1e-5, max_examples=12)
    assert failure.value.claim == "lead.alignment-bound"


def test_absorbed_data_of_the_strategies_is_taken() -> None:
    def train(X: np.ndarray) -> np.ndarray:
        return newton(X, np.ones(len(X)))

    data = label_absorbed_data(moderate=True)
    assert_fisher_alignment(train, **QUADRATIC, data=data, tolerance=1e-5, max_examples=12)


def test_weights_are_read_in_every_form() -> None:
    w = newton(DATA, LABELS)
    for form in (w, w.tolist(), w[None, :], w[:, None], (w, None), (w, 0.0), (w, [0.0])):
        assert_stationary(form, DATA, LABELS, **QUADRATIC)
    two_rows = np.stack([0 * w, newton(DATA, LABELS, slope=lambda z: np.tanh(z / 2) / 2)])
    assert_stationary(two_rows, DATA, LABELS, **SMOOTHING)


def test_float32_weights_are_held_to_what_float32_can_do() -> None:
    w = newton(DATA, LABELS)
    assert_stationary(w.astype(np.float32), DATA, LABELS, **QUADRATIC)
    for rough in (w.astype(np.float32).astype(np.float64), w.astype(np.float16)):
        with pytest.raises(ContradictionError):
            assert_stationary(rough, DATA, LABELS, **QUADRATIC, tolerance=1e-9)
    with pytest.raises(ContradictionError, match="float16"):
        assert_stationary(w.astype(np.float16), DATA, LABELS, **QUADRATIC)


def test_the_labels_may_have_any_names() -> None:
    named = np.array(["no", "yes"])[LABELS]
    assert_stationary(newton(DATA, LABELS), DATA, named, **QUADRATIC)
    with pytest.raises(ContradictionError, match="flipped"):
        assert_stationary(-newton(DATA, LABELS), DATA, named, **QUADRATIC)


def test_absorbed_data_needs_no_labels() -> None:
    absorbed = DATA * signs(LABELS)[:, None]
    assert_stationary(newton(DATA, LABELS), absorbed, **QUADRATIC)


def test_the_failure_shows_its_data_and_its_measure() -> None:
    with pytest.raises(ContradictionError) as failure:
        assert_stationary(newton(DATA, LABELS, f=0.1), DATA, LABELS, **QUADRATIC)
    assert list(failure.value.facts) == ["example", "expected", "found"]
    assert "X = [[1, 0.2, 0.1], " in failure.value.facts["example"]


@pytest.mark.parametrize(
    ("trained", "stated", "error", "message"),
    [
        (np.ones(4), {}, ShapeError, r"shape \(4,\); expected \(3,\)"),
        ((np.ones(3), [1.0, 2.0]), {}, ShapeError, "bias has 2 entries; expected 1"),
        ((1, 2, 3), {}, DataError, "returned 3 things"),
        (np.ones(3), {"bias": True}, ShapeError, "returned none"),
        ((np.ones(3), 1.0), {"bias": False}, ShapeError, "bias=False"),
        (np.ones(3), {"penalty": "absolute"}, UnsupportedPenaltyError, "jumps at z = 0"),
    ],
)
def test_what_cannot_be_judged_is_refused(
    trained: Any, stated: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        assert_stationary(trained, DATA, LABELS, **{**QUADRATIC, **stated})


def test_data_that_determines_no_weights_is_not_taken_for_a_pass() -> None:
    one_class = st.just((np.ones((4, 1)), np.zeros(4, dtype=int)))
    with pytest.raises((Unsatisfiable, FailedHealthCheck)):
        assert_fisher_alignment(newton, **QUADRATIC, data=one_class, max_examples=30)


def test_a_fitted_pipeline_is_judged_as_it_is() -> None:
    stated = {**SMOOTHING, "tolerance": 1e-5}
    pipeline = make_pipeline(StandardScaler(with_mean=False), smoothed(fit_intercept=False))
    assert_stationary(pipeline.fit(DATA, LABELS), DATA, LABELS, **stated)
    pipeline[-1].coef_ *= 1.1
    with pytest.raises(ContradictionError, match=r"1.1 times the minimiser's"):
        assert_stationary(pipeline, DATA, LABELS, **stated)


def test_weights_of_another_shape_are_refused_in_a_search_too() -> None:
    with pytest.raises(ShapeError, match="the trained weights have shape"):
        assert_fisher_alignment(lambda X, y: np.ones(X.shape[1] + 1), **QUADRATIC, max_examples=5)


def test_a_trainer_must_be_callable() -> None:
    with pytest.raises(TypeError, match="expected a function of"):
        assert_fisher_alignment(3, **QUADRATIC)


def test_a_decision_that_is_not_affine_is_refused() -> None:
    class Squared:
        def fit(self, X: np.ndarray, y: np.ndarray) -> None: ...

        def decision_function(self, X: np.ndarray) -> np.ndarray:
            return np.sum(X**2, axis=1)

    with pytest.raises(DataError, match="not affine"):
        assert_stationary(Squared(), DATA, LABELS, **QUADRATIC)

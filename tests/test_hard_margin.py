"""Separable data without a penalty: the witness, and the max-margin separator."""

from __future__ import annotations

import pickle
import re

import numpy as np
import pytest
from logitreg.errors import DataError, SeparableError
from logitreg.numerics.fit import fit
from logitreg.numerics.max_margin import max_margin
from scipy.optimize import linprog, minimize
from sklearn.svm import SVC


def separable(seed: int, samples: int, features: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X, w = rng.standard_normal((samples, features)), rng.standard_normal(features)
    y = (X @ w > 0.2).astype(int)
    return X + 0.2 * np.where(y == 1, 1, -1)[:, None] * w / np.linalg.norm(w), y


def margins(X: np.ndarray, y: np.ndarray, weights: np.ndarray, bias: np.ndarray) -> np.ndarray:
    z = X @ weights.T + bias
    rows = np.arange(len(y))
    return np.asarray(np.delete((z[rows, y][:, None] - z).ravel(), rows * z.shape[1] + y))


@pytest.mark.parametrize("shape", [(40, 3), (60, 20), (20, 50)])
def test_with_a_bias_it_is_the_support_vector_machine(shape: tuple[int, int]) -> None:
    X, y = separable(0, *shape)
    result = fit(X, y, alpha=0, bias=True, on_separable="max-margin")
    reference = SVC(kernel="linear", C=1e10, tol=1e-9).fit(X, y)
    np.testing.assert_allclose(result.weights, reference.coef_[0], rtol=1e-5, atol=1e-6)
    assert result.bias == pytest.approx(reference.intercept_[0], rel=1e-5, abs=1e-6)
    assert result.support is not None
    assert set(result.support) == set(reference.support_)
    assert np.min(result.logits) == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(result.logits[result.support], 1, atol=1e-12)
    assert result.residual < 1e-12


def test_through_the_origin_its_dual_is_feasible_and_equal() -> None:
    X, y = separable(1, 50, 8)
    absorbed = X * np.where(y == 1, 1, -1)[:, None]
    result = fit(absorbed, alpha=0, on_separable="max-margin")
    held = absorbed[result.support]
    multipliers = np.linalg.lstsq(held.T, result.weights, rcond=None)[0]
    assert np.all(multipliers > 0)
    np.testing.assert_allclose(held.T @ multipliers, result.weights, atol=1e-12)
    # Weak duality: 2 sum m - |sum m x|^2 <= |w|^2, with equality at the optimum alone.
    assert 2 * np.sum(multipliers) - result.weights @ result.weights == pytest.approx(
        result.weights @ result.weights, rel=1e-12
    )


@pytest.mark.parametrize("bias", [False, True])
def test_several_classes_have_the_margin_of_crammer_and_singer(bias: bool) -> None:
    rng = np.random.default_rng(2)
    y = np.arange(24) % 3
    X = 2.5 * np.eye(3)[y] + 0.5 * rng.standard_normal((24, 3))
    result = fit(X, y, alpha=0, bias=bias, on_separable="max-margin")
    offset = result.bias if bias else np.zeros(3)
    assert np.min(margins(X, y, result.weights, offset)) == pytest.approx(1, abs=1e-12)

    def shortfall(v: np.ndarray) -> np.ndarray:
        return margins(X, y, v[:9].reshape(3, 3), v[9:] if bias else np.zeros(3)) - 1

    start = np.append(5 * np.eye(3).ravel(), np.zeros(3 * bias))
    other = minimize(
        lambda v: v[:9] @ v[:9],
        start,
        jac=lambda v: np.append(2 * v[:9], np.zeros(3 * bias)),
        constraints={"type": "ineq", "fun": shortfall},
        method="SLSQP",
        options={"ftol": 1e-15, "maxiter": 500},
    )
    np.testing.assert_allclose(result.weights.ravel(), other.x[:9], atol=1e-6)


def test_weak_regularisation_tends_to_it() -> None:
    X, y = separable(3, 30, 4)
    absorbed = X * np.where(y == 1, 1, -1)[:, None]
    limit = fit(absorbed, alpha=0, on_separable="max-margin").weights

    def angle(alpha: float) -> float:
        w = fit(absorbed, penalty="huber", alpha=alpha).weights
        return float(np.arccos(w @ limit / np.linalg.norm(w) / np.linalg.norm(limit)))

    assert angle(0.5) > 3 * angle(1e-3)


@pytest.mark.parametrize("classes", [2, 3])
def test_the_witness_separates(classes: int) -> None:
    rng = np.random.default_rng(4)
    y = np.arange(30) % classes
    X = 4 * np.eye(classes, 4)[y] + 0.3 * rng.standard_normal((30, 4))
    with pytest.raises(SeparableError, match="all 30 samples on their side") as caught:
        fit(X, y, alpha=0, bias=True)
    witness = caught.value.witness
    assert witness.shape == ((5,) if classes == 2 else (3, 5))
    columns = np.hstack([X, np.ones((30, 1))])
    if classes == 2:
        assert np.all(columns @ witness * (2 * y - 1) > 0)
    else:
        assert np.all(np.argmax(columns @ witness.T, axis=1) == y)
    copy = pickle.loads(pickle.dumps(caught.value))
    np.testing.assert_array_equal(copy.witness, witness)


def test_a_hyperplane_through_samples_has_no_margin() -> None:
    X = np.array([[1.0, 0.0], [2.0, 1.0], [0.0, 1.0], [0.0, -1.0]])
    with pytest.raises(SeparableError, match="2 of 4 samples on their side") as caught:
        fit(X, alpha=0, on_separable="max-margin")
    assert np.all(X @ caught.value.witness >= 0)


def test_separability_is_what_linear_programming_says() -> None:
    rng = np.random.default_rng(5)
    seen = set()
    for _ in range(20):
        X = rng.standard_normal((16, 8)) + 0.1
        feasible = linprog(np.zeros(8), A_ub=-X, b_ub=-np.ones(16), bounds=(None, None)).status == 0
        try:
            fit(X, alpha=0)
            found = False
        except SeparableError:
            found = True
        assert found == feasible
        seen.add(found)
    assert seen == {True, False}


def test_residual_shows_a_wrong_separator() -> None:
    X, y = separable(6, 30, 3)
    absorbed = X * np.where(y == 1, 1, -1)[:, None]
    best = max_margin(absorbed, None, 1, False)
    assert best.residual < 1e-12
    without = max_margin(np.delete(absorbed, best.support[0], axis=0), None, 1, False)
    assert np.linalg.norm(without.solution) < np.linalg.norm(best.solution) * (1 - 1e-6)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("classes", [2, 3])
def test_overlapping_classes_have_no_separator_and_the_error_names_samples_that_show_it(
    bias: bool, classes: int
) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((30, 3)), np.arange(30) % classes
    ones = np.ones((30, int(bias)))
    matrix = np.hstack([X, ones])
    signs = np.where(y == 1, 1.0, -1.0)[:, None]
    rows, labels, outputs = (matrix * signs, None, 1) if classes == 2 else (matrix, y, classes)
    with pytest.raises(DataError, match="no hyperplane separates the classes") as caught:
        max_margin(rows, labels, outputs, bias)
    named = [int(word) for word in re.findall(r"\d+", str(caught.value).split("cancel")[0])]
    assert "..." not in str(caught.value)
    with pytest.raises(DataError):
        max_margin(rows[named], None if labels is None else labels[named], outputs, bias)
    with pytest.raises(DataError):
        max_margin(np.zeros((2, 2)), None, 1, False)

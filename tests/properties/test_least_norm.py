"""As many features as samples, or more, or dependent ones: the minimiser of least norm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import logitreg as lr
import numpy as np
import pytest
from flint import fmpz_mat
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from logitreg.numerics.losses import sample_loss
from logitreg.proofs_checks.strategies import alphas, label_absorbed_data, penalties

Array = Any
Refutes = Callable[..., None]

UNIT = 2.0**-53
few = settings(max_examples=max(1, settings().max_examples // 3))
smooth = penalties(smooth=True, names_only=True)


def check_least_norm(fit: Callable[..., Any], rows: Array, penalty: str, alpha: float) -> None:
    """Independent samples meet the target, all of them, and the loss enters through it alone.

    The logits are within (|G| + rounding)/m of z*, m the least curvature between: here that at the
    farthest logit. The weights are those of least norm: orthogonal to the null space of X.
    """
    found = fit(rows, penalty=penalty, alpha=alpha)
    level, loss = lr.target(penalty, alpha), sample_loss(penalty, alpha)
    z = (rows @ found.weights)[:, None]
    size = float(np.linalg.norm(loss.gradient(z)) + np.linalg.norm(loss.curvature(z)(z)))
    far = np.array([[float(np.max(np.abs(z))) + level]])
    least = float(loss.curvature(far)(np.ones((1, 1)))[0, 0])
    moved = 8 * rows.shape[1] * UNIT * float(np.linalg.norm(np.abs(rows) @ np.abs(found.weights)))
    # The documented residual, per unit of the terms; then rounding of G and of the logits.
    assert np.linalg.norm(z - level) <= (1e-9 + 16 * UNIT) * size / least + moved

    exact = fmpz_mat(*rows.shape, [int(x) for x in rows.ravel()])
    basis, nullity = exact.nullspace()
    unit = 16 * rows.size * UNIT * float(np.linalg.cond(rows))
    for column in range(nullity):
        free = np.array([float(int(basis[row, column])) for row in range(rows.shape[1])])
        across = abs(float(free @ found.weights))
        assert across <= unit * np.linalg.norm(free) * np.linalg.norm(found.weights)


def independent_rows(size: int, extra: int, seed: Array) -> Array:
    lower = np.tril(seed[:5, :5], -1) + np.eye(5, dtype=int)
    upper = np.triu(seed[5:, :5], 1) + np.eye(5, dtype=int)
    square = (lower[:size, :size] @ upper[:size, :size]).astype(float)
    return np.hstack([square, seed[:size, 5 : 5 + extra].astype(float)])


rows = st.builds(
    independent_rows,
    st.integers(1, 5),
    st.integers(0, 3),
    npst.arrays(np.int64, (10, 8), elements=st.integers(-3, 3)),
)
# Their curvature falls with |z|, or is constant but for that of the cross-entropy.
decreasing = st.sampled_from(["quadratic", "label-smoothing", "log-cosh", "pseudo-huber"])


@given(rows, decreasing, alphas(0.02, 0.9))
def test_no_more_samples_than_features_meet_every_target_with_least_norm(
    X: Array, penalty: str, alpha: float
) -> None:
    check_least_norm(lr.fit, X, penalty, alpha)


@pytest.mark.parametrize("broken", ["another target", "not the least norm", "weight decay"])
def test_other_interpolators_are_refuted(broken: str, refutes: Refutes) -> None:
    class Broken:
        def __init__(self, X: Array, penalty: str, alpha: float) -> None:
            level = lr.target(penalty, alpha)
            self.weights = np.linalg.lstsq(X, np.full(len(X), level), rcond=None)[0]
            if broken == "another target":
                self.weights *= 1.01
            elif broken == "not the least norm":
                square = X[:, : len(X)]
                self.weights[:] = 0
                self.weights[: len(X)] = np.linalg.solve(square, np.full(len(X), level))
            else:
                gram = X.T @ X + 0.1 * np.eye(X.shape[1])
                self.weights = np.linalg.solve(gram, X.T @ np.full(len(X), level))

    def check(X: Array, penalty: str, alpha: float) -> None:
        check_least_norm(Broken, X, penalty, alpha)

    refutes(check, rows, decreasing, alphas(0.02, 0.9), within=20)


def check_dependent(fit: Callable[..., Any], X: Array, penalty: str, alpha: float) -> None:
    """The part of the weights in the null space vanishes, and the gradient does."""
    X = X.astype(float)
    found = fit(X, penalty=penalty, alpha=alpha)
    assert found.residual <= 1e-9
    _, singular, right = np.linalg.svd(X)
    kept = int(np.sum(singular > 1e-9 * max(singular[0], 1.0)))
    condition = singular[0] / singular[kept - 1] if kept else 1.0
    free = right[kept:] @ found.weights
    assert np.linalg.norm(free) <= 16 * X.size * UNIT * condition * np.linalg.norm(found.weights)


dependent = (label_absorbed_data(full_rank=False, moderate=True), smooth, alphas(0.02, 0.9))


@given(*dependent)
@few
def test_dependent_features_share_the_weight_of_least_norm(
    X: Array, penalty: str, alpha: float
) -> None:
    check_dependent(lr.fit, X, penalty, alpha)


def test_weights_of_which_some_act_on_nothing_are_refuted(refutes: Refutes) -> None:
    """The same logits, from gradient descent that did not start at zero."""

    def from_another_start(X: Array, **options: Any) -> Any:
        found = lr.fit(X, **options)
        start = np.random.default_rng(0).standard_normal(X.shape[1])
        return replace(found, weights=found.weights + start - np.linalg.pinv(X) @ X @ start)

    def check(X: Array, penalty: str, alpha: float) -> None:
        check_dependent(from_another_start, X, penalty, alpha)

    refutes(check, *dependent, within=5)

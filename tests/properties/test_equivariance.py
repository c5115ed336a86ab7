"""What does not change the problem does not change the minimiser, whoever computes it.

Two trainings of one problem give weights w and v whose gradients, of the mean loss, are at most g
and h in every coordinate, as the trainer claims. With D the data and V, U the gradients of the
samples at the logits Dw and Dv,

    sum_i (Dw - Dv)_i (V - U)_i = (w - v) . D^T (V - U) <= N |w - v|_1 (g + h),

and where the second problem has the data D B instead, h bounds B^T D^T U/N and multiplies
|B^-1 (w - v)|_1. The left side is not negative, and zero only if the logits agree where the loss is
strictly convex. Rounding is added to g and h: that of the products (N + d + 4 roundings) and that
of weights of float64.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import logitreg as lr
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from logitreg.numerics.fisher import fisher_direction
from logitreg.numerics.kernels import kernel
from logitreg.proofs_checks.strategies import alphas, labelled_data, penalties

Array = Any
Refutes = Callable[..., None]
# (features, labels -1 and 1, penalty, alpha) -> weights with the bias last, claimed max |gradient|
Trainer = Callable[[Array, Array, str, float], tuple[Array, float]]

UNIT = 2.0**-53
few = settings(max_examples=max(1, settings().max_examples // 3))
rare = settings(max_examples=max(1, settings().max_examples // 6))


def ours(X: Array, y: Array, penalty: str, alpha: float) -> tuple[Array, float]:
    found = lr.fit(X, y, penalty=penalty, alpha=alpha, bias=True)
    assert found.residual <= 1e-9
    return np.append(found.weights, found.bias), found.gradient_norm


def scikit_learn(X: Array, y: Array, penalty: str, alpha: float) -> tuple[Array, float]:
    """Label smoothing as cross-entropy on every sample with both labels, weighted."""
    linear_model = pytest.importorskip("sklearn.linear_model")
    share = np.full(len(y), alpha / 2)
    model = linear_model.LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-9)
    model.fit(np.vstack([X, X]), np.append(y, -y), np.append(1 - share, share))
    return np.append(model.coef_, model.intercept_), 1e-9


def pytorch(X: Array, y: Array, penalty: str, alpha: float) -> tuple[Array, float]:
    torch = pytest.importorskip("torch")
    D = torch.tensor(np.column_stack([X, np.ones(len(X))]))
    targets = torch.tensor((1 + (1 - alpha) * y) / 2)
    w = torch.zeros(D.shape[1], dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS(
        [w], max_iter=200, tolerance_grad=1e-6, tolerance_change=0, line_search_fn="strong_wolfe"
    )

    def loss() -> Any:
        optimiser.zero_grad()
        value = torch.nn.functional.binary_cross_entropy_with_logits(D @ w, targets)
        value.backward()
        return value

    optimiser.step(loss)
    return w.detach().numpy(), 1e-6


TRAINERS = {"logitreg": ours, "scikit-learn": scikit_learn, "PyTorch": pytorch}
SMOOTHING_ONLY = ("scikit-learn", "PyTorch")


def absorbed(X: Array, y: Array) -> Array:
    return y[:, None] * np.column_stack([X, np.ones(len(X))])


def gradients(z: Array, penalty: str, alpha: float) -> Array:
    slope = np.asarray(kernel(penalty).slope(z))
    return alpha * slope - (1 - alpha) * np.exp(-np.logaddexp(0, z))


def rounding(D: Array, w: Array, penalty: str, alpha: float) -> float:
    """Of one entry of D^T V/N: of the sum, of V, whose terms are at most |V| + 1, and of the logits
    that V is computed from; the curvature of these losses is at most 2.
    """
    samples, columns = D.shape
    terms = np.abs(gradients(D @ w, penalty, alpha)) + 1 + 2 * np.abs(D) @ np.abs(w)
    return float(np.max(np.abs(D).T @ terms)) / samples * (samples + columns + 4) * UNIT


def check_agreement(
    D: Array, w: Array, g: float, u: Array, h: float, B: Array, penalty: str, alpha: float
) -> None:
    """w is the solution for D, and u that for D B, with v = B u."""
    v = B @ u
    gap = (D @ (w - v)) @ (gradients(D @ w, penalty, alpha) - gradients(D @ v, penalty, alpha))
    here, there = np.abs(w - v).sum(), np.abs(np.linalg.solve(B, w - v)).sum()
    g += rounding(D, w, penalty, alpha) + rounding(D, v, penalty, alpha)
    h += rounding(D @ B, u, penalty, alpha)
    assert gap <= len(D) * (here * g + there * h)


def check_map(
    train: Trainer, data: tuple[Array, Array], seed: Array, penalty: str, alpha: float
) -> None:
    """X A and A^-1 S, for an integer matrix A of determinant one or two."""
    X, y = data
    A = np.resize(seed, (X.shape[1], X.shape[1]))
    A = (np.triu(A, 1) + np.eye(len(A), dtype=int)) @ (np.tril(A, -1) + np.diag([1] * len(A)))
    A[:, 0] *= 2
    w, g = train(X, y, penalty, alpha)
    u, h = train(X @ A, y, penalty, alpha)
    B = np.eye(len(w))
    B[:-1, :-1] = A
    check_agreement(absorbed(X, y), w, g, u, h, B, penalty, alpha)


def check_permutation(
    train: Trainer, data: tuple[Array, Array], seed: Array, penalty: str, alpha: float
) -> None:
    X, y = data
    order = np.random.default_rng(int(np.abs(seed).sum())).permutation(len(X))
    w, g = train(X, y, penalty, alpha)
    u, h = train(X[order], y[order], penalty, alpha)
    check_agreement(absorbed(X, y), w, g, u, h, np.eye(len(w)), penalty, alpha)


def check_duplication(
    train: Trainer, data: tuple[Array, Array], seed: Array, penalty: str, alpha: float
) -> None:
    """Every sample two or three times."""
    X, y = data
    times = 2 + int(seed[0]) % 2
    w, g = train(X, y, penalty, alpha)
    u, h = train(np.tile(X, (times, 1)), np.tile(y, times), penalty, alpha)
    check_agreement(absorbed(X, y), w, g, u, h, np.eye(len(w)), penalty, alpha)


def check_flip(
    train: Trainer, data: tuple[Array, Array], seed: Array, penalty: str, alpha: float
) -> None:
    """The other names for the classes: minus the weights."""
    X, y = data
    w, g = train(X, y, penalty, alpha)
    u, h = train(X, -y, penalty, alpha)
    check_agreement(absorbed(X, y), w, g, u, h, -np.eye(len(w)), penalty, alpha)


CHECKS = {
    "map": check_map,
    "permutation": check_permutation,
    "duplication": check_duplication,
    "flip": check_flip,
}

with_signs = labelled_data(2, max_samples=10, max_features=3, moderate=True).map(
    lambda data: (data[0].astype(float), np.where(data[1] == np.unique(data[1])[-1], 1, -1))
)
problems = (
    with_signs,
    npst.arrays(np.int64, 9, elements=st.integers(-2, 2)),
    st.sampled_from(["label-smoothing", "quadratic", "pseudo-huber", "huber", "log-cosh"]),
    alphas(0.02, 0.9),
)


@pytest.mark.parametrize("change", CHECKS)
@given(*problems)
def test_our_minimiser(
    change: str, data: tuple[Array, Array], seed: Array, penalty: str, alpha: float
) -> None:
    CHECKS[change](ours, data, seed, penalty, alpha)


@pytest.mark.parametrize("change", CHECKS)
@pytest.mark.parametrize("trainer", SMOOTHING_ONLY)
@given(*problems)
@rare
def test_minimiser_of_other_libraries(
    change: str, trainer: str, data: tuple[Array, Array], seed: Array, penalty: str, alpha: float
) -> None:
    CHECKS[change](TRAINERS[trainer], data, seed, "label-smoothing", alpha)


def check_same(train: Trainer, data: tuple[Array, Array], alpha: float) -> None:
    X, y = data
    (w, g), (u, h) = (of(X, y, "label-smoothing", alpha) for of in (ours, train))
    check_agreement(absorbed(X, y), w, g, u, h, np.eye(len(w)), "label-smoothing", alpha)


@pytest.mark.parametrize("trainer", SMOOTHING_ONLY)
@given(with_signs, alphas(0.02, 0.9))
@rare
def test_other_libraries_find_our_minimiser(
    trainer: str, data: tuple[Array, Array], alpha: float
) -> None:
    check_same(TRAINERS[trainer], data, alpha)


def check_sample_weights(
    fit: Callable[..., Any], data: tuple[Array, Array], counts: Array, penalty: str, alpha: float
) -> None:
    X, y = data
    times = counts[: len(y)]
    weighted = fit(X, y, penalty=penalty, alpha=alpha, bias=True, sample_weight=times)
    w = np.append(weighted.weights, weighted.bias)
    repeated = np.repeat(X, times, axis=0), np.repeat(y, times)
    u, h = ours(*repeated, penalty, alpha)
    D = absorbed(*repeated)
    check_agreement(D, w, weighted.gradient_norm, u, h, np.eye(len(w)), penalty, alpha)


weighted_problems = (
    with_signs,
    npst.arrays(np.int64, 10, elements=st.integers(1, 4)),
    st.sampled_from(["label-smoothing", "quadratic", "huber"]),
    alphas(0.02, 0.9),
)


@given(*weighted_problems)
def test_whole_sample_weights_count_samples(
    data: tuple[Array, Array], counts: Array, penalty: str, alpha: float
) -> None:
    check_sample_weights(lr.fit, data, counts, penalty, alpha)


def test_sample_weights_that_are_ignored_are_refuted(refutes: Refutes) -> None:
    def careless(X: Array, y: Array, sample_weight: Array, **options: Any) -> Any:
        return lr.fit(X, y, **options)

    def check(data: tuple[Array, Array], counts: Array, penalty: str, alpha: float) -> None:
        check_sample_weights(careless, data, counts, penalty, alpha)

    refutes(check, *weighted_problems, within=20)


def with_weight_decay(X: Array, y: Array, penalty: str, alpha: float) -> tuple[Array, float]:
    D = absorbed(X, y)
    return np.linalg.solve(D.T @ D + np.eye(D.shape[1]), D.sum(axis=0)), 1e-9


def stopped_early(X: Array, y: Array, penalty: str, alpha: float) -> tuple[Array, float]:
    D = absorbed(X, y)
    w = np.zeros(D.shape[1])
    for _ in range(20):
        w -= 0.01 * D.T @ gradients(D @ w, penalty, alpha) / len(D)
    return w, 1e-9


def without_the_last_sample(X: Array, y: Array, penalty: str, alpha: float) -> tuple[Array, float]:
    return with_weight_decay(X[:-1], y[:-1], penalty, alpha)


def with_a_class_weight(X: Array, y: Array, penalty: str, alpha: float) -> tuple[Array, float]:
    weight = np.where(y > 0, 3, 1)
    return with_weight_decay(np.repeat(X, weight, axis=0), np.repeat(y, weight), penalty, alpha)


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        ("map", with_weight_decay),
        ("map", stopped_early),
        ("permutation", without_the_last_sample),
        ("duplication", with_weight_decay),
        ("flip", with_a_class_weight),
    ],
)
def test_broken_trainers_are_refuted(change: str, broken: Trainer, refutes: Refutes) -> None:
    def check(data: tuple[Array, Array], seed: Array, penalty: str, alpha: float) -> None:
        CHECKS[change](broken, data, seed, penalty, alpha)

    refutes(check, *problems, within=20)


@pytest.mark.parametrize("broken", [with_weight_decay, stopped_early, without_the_last_sample])
def test_another_minimiser_than_ours_is_refuted(broken: Trainer, refutes: Refutes) -> None:
    def check(data: tuple[Array, Array], alpha: float) -> None:
        check_same(broken, data, alpha)

    refutes(check, with_signs, alphas(0.02, 0.9), within=5)


def check_units(
    fit: Callable[..., Any], data: tuple[Array, Array], exponents: Array, penalty: str, alpha: float
) -> None:
    X, y = data[0].astype(float), data[1]
    units = 2.0 ** exponents[: X.shape[1]]
    first, second = (
        fit(features, y, penalty=penalty, alpha=alpha, bias=True) for features in (X, X * units)
    )
    assert np.array_equal(first.logits, second.logits)
    assert np.array_equal(first.weights, second.weights * units)


in_units = (
    labelled_data(st.integers(2, 4)),
    npst.arrays(np.int64, 4, elements=st.integers(-60, 60)),
    penalties(smooth=True, names_only=True),
    alphas(1e-3, 0.99),
)


@given(*in_units)
@few
def test_units_of_the_features_leave_every_bit_of_the_logits(
    data: tuple[Array, Array], exponents: Array, penalty: str, alpha: float
) -> None:
    check_units(lr.fit, data, exponents, penalty, alpha)


def test_a_solver_that_does_not_scale_its_columns_is_refuted(refutes: Refutes) -> None:
    """It moves the last bits of the logits."""

    class LeastSquares:
        def __init__(self, X: Array, y: Array, **_options: Any) -> None:
            columns = np.column_stack([X, np.ones(len(X))])
            solution = np.linalg.lstsq(columns, np.eye(4)[np.unique(y, return_inverse=True)[1]])[0]
            self.weights, self.logits = solution[:-1].T, columns @ solution

    def check(data: tuple[Array, Array], exponents: Array, penalty: str, alpha: float) -> None:
        check_units(LeastSquares, data, exponents, penalty, alpha)

    refutes(check, labelled_data(st.integers(2, 4), moderate=True), *in_units[1:], within=10)


def check_discriminant_analysis(direction: Callable[..., Array], data: tuple[Array, Array]) -> None:
    """LDA solves W S = m_+ - m_-, W the scatter within the classes: where it is well conditioned
    both are accurate to N d u cond(W), for us cond([X 1])^2 that of the bordered scatter.
    """
    analysis = pytest.importorskip("sklearn.discriminant_analysis")
    X, y = data
    if min(np.sum(y > 0), np.sum(y < 0)) < 2:
        return
    centred = X - np.array([X[y == label].mean(axis=0) for label in y])
    scatter = centred.T @ centred
    between = X[y > 0].mean(axis=0) - X[y < 0].mean(axis=0)
    condition = np.linalg.cond(scatter) * np.linalg.cond(np.column_stack([X, np.ones(len(X))])) ** 2
    if not (condition < 1e9 and np.linalg.norm(between) > 1e-6):
        return
    theirs = analysis.LinearDiscriminantAnalysis(solver="lsqr").fit(X, y).coef_[0]
    mine = direction(X, y, bias=True)
    theirs, mine = theirs / np.linalg.norm(theirs), mine / np.linalg.norm(mine)
    relative = np.linalg.norm(X) / np.linalg.norm(between)
    assert np.linalg.norm(theirs - mine) <= 4 * X.size * UNIT * condition * relative


@given(with_signs)
def test_fisher_direction_is_that_of_discriminant_analysis(data: tuple[Array, Array]) -> None:
    check_discriminant_analysis(fisher_direction, data)


def test_a_direction_without_a_bias_is_not_that_of_discriminant_analysis(
    refutes: Refutes,
) -> None:
    def check(data: tuple[Array, Array]) -> None:
        check_discriminant_analysis(lambda X, y, bias: fisher_direction(X, y), data)

    refutes(check, with_signs, within=50)

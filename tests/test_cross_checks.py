"""The package against scikit-learn, SciPy and PyTorch: code that nobody here wrote."""

from __future__ import annotations

import math

import logitreg as lr
import numpy as np
import pytest
from logitreg.numerics.fisher import fisher_direction
from logitreg.numerics.kernels import kernel
from logitreg.numerics.losses import sample_loss
from logitreg.numerics.special import r_lambert
from logitreg.theory.label_smoothing import (
    epsilon,
    smoothed_cross_entropy,
    smoothed_multiclass_cross_entropy,
    smoothed_targets,
)
from logitreg.theory.multiclass import at_logits
from logitreg.theory.special import RLambertW
from logitreg.theory.symbols import z
from scipy import special
from sympy import Rational

CLASSES = [3, 4, 6]


FEATURES = 7


def classes_in_noise(
    classes: int, seed: int = 0, spread: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Gaussian classes of unequal sizes and a shared covariance, means of the given spread."""
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(classes), 30 + 10 * np.arange(classes))
    means = spread * rng.standard_normal((classes, FEATURES))
    noise = rng.standard_normal((len(y), FEATURES)) @ rng.standard_normal((FEATURES, FEATURES))
    return means[y] + noise, y


def sine(u: np.ndarray, v: np.ndarray) -> float:
    """The sine of the largest angle between two subspaces, given by columns."""
    a, _ = np.linalg.qr(u.reshape(len(u), -1))
    b, _ = np.linalg.qr(v.reshape(len(v), -1))
    return float(np.linalg.norm(b - a @ (a.T @ b), 2))


# scikit-learn: discriminant analysis and logistic regression.


@pytest.mark.parametrize("solver", ["lsqr", "eigen"])
@pytest.mark.parametrize("seed", range(3))
def test_fisher_direction_with_bias_is_the_binary_discriminant_of_sklearn(
    solver: str, seed: int
) -> None:
    analysis = pytest.importorskip("sklearn.discriminant_analysis")
    X, y = classes_in_noise(2, seed)
    reference = analysis.LinearDiscriminantAnalysis(solver=solver).fit(X, y).coef_[0]
    ours = fisher_direction(X, y, bias=True)
    assert sine(ours, reference) < 1e-12
    assert float(ours @ reference) > 0
    # The direction without a bias is another one, and so is the difference of the means.
    means = X[y == 1].mean(axis=0) - X[y == 0].mean(axis=0)
    assert sine(fisher_direction(X, y), reference) > 1e-3
    assert sine(means, reference) > 1e-2


@pytest.mark.parametrize("classes", CLASSES)
def test_fisher_subspace_is_the_multiclass_discriminant_of_sklearn(classes: int) -> None:
    analysis = pytest.importorskip("sklearn.discriminant_analysis")
    X, y = classes_in_noise(classes)
    fitted = analysis.LinearDiscriminantAnalysis(solver="eigen").fit(X, y)
    rank = classes - 1
    # The rows of the coefficients are W^-1 m_c, so that their differences span the subspace.
    reference = np.linalg.svd((fitted.coef_ - fitted.coef_.mean(axis=0)).T)[0][:, :rank]
    ours = fisher_direction(X, y, bias=True)
    assert ours.shape == (FEATURES, rank)
    assert sine(ours, reference) < 1e-11
    assert sine(ours, fitted.scalings_[:, :rank]) < 1e-11
    assert sine(fisher_direction(X, y), reference) > 1e-3


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("classes", [2, 3])
def test_fit_without_penalty_is_the_unpenalised_logistic_regression_of_sklearn(
    classes: int, bias: bool
) -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    X, y = classes_in_noise(classes, spread=0.3)
    model = linear.LogisticRegression(
        C=np.inf, solver="newton-cg", fit_intercept=bias, tol=1e-12, max_iter=1000
    ).fit(X, y)
    reference = model.coef_[0] if classes == 2 else model.coef_ - model.coef_.mean(axis=0)
    ours = lr.fit(X, y, alpha=0.0, bias=bias)
    np.testing.assert_allclose(ours.weights, reference, rtol=0, atol=1e-6)
    if bias:
        level = model.intercept_[0] if classes == 2 else model.intercept_ - model.intercept_.mean()
        np.testing.assert_allclose(ours.bias, level, rtol=0, atol=1e-6)
    # What a penalty of strength 1/100 changes is seen.
    other = lr.fit(X, y, alpha=0.01, bias=bias)
    assert float(np.max(np.abs(other.weights - reference))) > 1e-4


# SciPy: special functions.


def test_r_lambert_at_zero_is_the_lambert_function_of_scipy() -> None:
    y = np.concatenate([np.logspace(-12, 12, 200), [0.0, math.e]])
    reference = special.lambertw(y).real
    np.testing.assert_allclose(r_lambert(np.zeros_like(y), y), reference, rtol=1e-14, atol=0)
    np.testing.assert_array_less(r_lambert(np.full_like(y, 1e-3), y[y > 0].min()), reference[0])
    for value in (Rational(1, 7), Rational(3), Rational(10) ** 6):
        ours = float(RLambertW(0, value).evalf(20))
        assert ours == pytest.approx(float(special.lambertw(float(value)).real), rel=1e-15)


def test_quadratic_target_solves_its_equation_with_the_expit_of_scipy() -> None:
    for alpha in (0.01, 0.3, 0.9):
        target = lr.target("quadratic", alpha)
        residual = 2 * alpha * target - (1 - alpha) * special.expit(-target)
        assert abs(residual) < 1e-15
        moved = target * (1 + 1e-12)
        assert abs(2 * alpha * moved - (1 - alpha) * special.expit(-moved)) > abs(residual)


def test_label_smoothing_kernel_is_made_of_the_expit_of_scipy() -> None:
    grid = np.linspace(-700, 700, 1401)
    f = kernel("label-smoothing")
    probability, rest = special.expit(grid), special.expit(-grid)
    value = -(special.log_expit(grid) + special.log_expit(-grid)) / 2
    np.testing.assert_allclose(f.value(grid), value, rtol=1e-14, atol=0)
    np.testing.assert_allclose(f.slope(grid), (probability - rest) / 2, rtol=1e-13, atol=1e-16)
    np.testing.assert_allclose(f.curvature(grid), probability * rest, rtol=1e-12, atol=0)
    assert float(np.max(np.abs(f.slope(grid) - (probability - rest)))) > 0.4


def test_binary_entropy_kernel_is_made_of_the_entr_of_scipy() -> None:
    grid = np.linspace(-30, 30, 601)
    probability = special.expit(grid)
    value = -(special.entr(probability) + special.entr(special.expit(-grid)))
    np.testing.assert_allclose(kernel("entropy").value(grid), value, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("classes", CLASSES)
def test_multiclass_gradient_is_made_of_the_softmax_of_scipy(classes: int) -> None:
    rng = np.random.default_rng(classes)
    logits, codes = 5 * rng.standard_normal((20, classes)), rng.integers(0, classes, 20)
    loss = sample_loss("label-smoothing", 0.3, codes, classes)
    y = 0.7 * np.eye(classes)[codes] + 0.3 / classes
    np.testing.assert_allclose(
        loss.value(logits), -np.sum(y * special.log_softmax(logits, axis=1), axis=1), rtol=1e-13
    )
    np.testing.assert_allclose(
        loss.gradient(logits), special.softmax(logits, axis=1) - y, rtol=0, atol=1e-15
    )


# PyTorch: what its epsilon means, and where its loss has its minimum.


def torch_loss(logits: np.ndarray, codes: np.ndarray, smoothing: float) -> np.ndarray:
    torch = pytest.importorskip("torch")
    criterion = torch.nn.CrossEntropyLoss(label_smoothing=smoothing, reduction="none")
    return np.asarray(criterion(torch.from_numpy(logits), torch.from_numpy(codes)).numpy())


def theory_loss(row: np.ndarray, code: int, smoothing: Rational) -> float:
    """The smoothed cross-entropy of theory at the exact values of the floats."""
    expression = smoothed_multiclass_cross_entropy(smoothed_targets())
    exact = at_logits(expression, [Rational(float(x)) for x in row], int(code) + 1)
    return float(exact.subs(epsilon, smoothing).evalf(25))


@pytest.mark.parametrize("smoothing", [Rational(1, 16), Rational(1, 4), Rational(1, 2)])
@pytest.mark.parametrize("classes", [2, 3, 5])
def test_label_smoothing_of_torch_spreads_epsilon_over_all_classes(
    classes: int, smoothing: Rational
) -> None:
    rng = np.random.default_rng(classes)
    logits, codes = 3 * rng.standard_normal((4, classes)), rng.integers(0, classes, 4)
    reference = torch_loss(logits, codes, float(smoothing))
    # With eps/(K - 1) on each other class the true one keeps 1 - eps: a smoothing eps K/(K - 1).
    others_alone = smoothing * classes / (classes - 1)
    for row, code, value in zip(logits, codes, reference, strict=True):
        assert theory_loss(row, code, smoothing) == pytest.approx(value, rel=1e-13)
        assert theory_loss(row, code, others_alone) != pytest.approx(value, rel=1e-3)


@pytest.mark.parametrize("classes", CLASSES)
def test_alpha_of_the_multiclass_loss_is_the_epsilon_of_torch(classes: int) -> None:
    rng = np.random.default_rng(classes)
    logits, codes = 3 * rng.standard_normal((50, classes)), rng.integers(0, classes, 50)
    reference = torch_loss(logits, codes, 0.2)
    ours = sample_loss("label-smoothing", 0.2, codes, classes).value(logits)
    np.testing.assert_allclose(ours, reference, rtol=1e-13)
    # The mass alpha (K - 1)/K that leaves the true class is another epsilon.
    other = sample_loss("label-smoothing", 0.2 * (classes - 1) / classes, codes, classes)
    assert float(np.max(np.abs(other.value(logits) - reference))) > 1e-2


@pytest.mark.parametrize("smoothing", [0.0625, 0.25, 0.5])
def test_two_classes_of_torch_are_the_binary_form_at_half_its_epsilon(smoothing: float) -> None:
    margins = np.linspace(-6, 6, 13)
    logits = np.stack([np.zeros_like(margins), margins], axis=1)
    reference = torch_loss(logits, np.ones(len(margins), dtype=np.int64), smoothing)
    ours = sample_loss("label-smoothing", smoothing).value(margins[:, None])
    np.testing.assert_allclose(ours, reference, rtol=1e-13)
    for margin, value in zip(margins, reference, strict=True):
        at = smoothed_cross_entropy().subs(z, Rational(float(margin)))
        half = Rational(smoothing) / 2
        assert float(at.subs(epsilon, half).evalf(25)) == pytest.approx(value, rel=1e-13)
        if margin:
            whole = float(at.subs(epsilon, Rational(smoothing)).evalf(25))
            assert abs(whole - value) > 1e-2


@pytest.mark.parametrize("smoothing", [0.1, 0.4])
@pytest.mark.parametrize("classes", [2, 3, 10])
def test_torch_minimises_its_smoothed_loss_at_the_target_gap(
    classes: int, smoothing: float
) -> None:
    torch = pytest.importorskip("torch")
    start = torch.linspace(-1, 1, classes, dtype=torch.float64)
    logits = start.clone().requires_grad_(True)
    optimiser = torch.optim.LBFGS(
        [logits],
        lr=1,
        max_iter=500,
        tolerance_grad=1e-15,
        tolerance_change=0,
        line_search_fn="strong_wolfe",
    )
    criterion = torch.nn.CrossEntropyLoss(label_smoothing=smoothing)

    def closure() -> object:
        optimiser.zero_grad()
        loss = criterion(logits[None], torch.tensor([0]))
        loss.backward()
        return loss

    optimiser.step(closure)
    found = logits.detach().numpy()
    gaps = found[0] - found[1:]
    expected = lr.target("label-smoothing", smoothing, classes=classes)
    np.testing.assert_allclose(gaps, expected, rtol=1e-6)
    # The level is where it was at the start: the loss leaves it free.
    assert float(found.mean()) == pytest.approx(float(start.mean()), abs=1e-9)
    other = lr.target("label-smoothing", smoothing * (classes - 1) / classes, classes=classes)
    assert abs(other - expected) > 0.1

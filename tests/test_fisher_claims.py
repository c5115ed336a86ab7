"""Fisher's ratio, perfect generalisation and the noise level: references and claims."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from logitreg.proofs_checks.claim import Claim, Verdict, judge
from logitreg.proofs_checks.claims import effective_noise, fisher, many_classes, noise_level
from logitreg.proofs_checks.dynamics import training_curves
from logitreg.proofs_checks.two_class_fits import Fit, Penalised
from logitreg.theory import fisher as theory
from numpy.typing import NDArray
from scipy.linalg import eigh, lstsq
from scipy.optimize import minimize
from sklearn.svm import SVC
from sympy import Matrix, Rational, S, Symbol, log, sqrt, symbols, zeros

Array = NDArray[np.float64]
CLAIMS = {
    c.id: c
    for module in (fisher, effective_noise, many_classes, noise_level)
    for c in module.CLAIMS
}


def softmax_fit(x: Array, labels: Array, classes: int, alpha: float) -> tuple[Array, Array]:
    """W and b that minimise the mean of (1 - alpha) CE + alpha |z|^2, by Newton-CG."""
    count, d = x.shape
    one_hot = np.eye(classes)[labels]

    def loss(v: Array) -> tuple[float, Array]:
        w, b = v[: classes * d].reshape(classes, d), v[classes * d :]
        z = x @ w.T + b
        e = np.exp(z)
        p = e / e.sum(axis=1, keepdims=True)
        value = (1 - alpha) * (np.log(e.sum(axis=1)) - (one_hot * z).sum(axis=1))
        value += alpha * (z**2).sum(axis=1)
        slope = ((1 - alpha) * (p - one_hot) + 2 * alpha * z) / count
        return float(value.mean()), np.concatenate([(slope.T @ x).ravel(), slope.sum(axis=0)])

    start = np.zeros(classes * (d + 1))
    options = {"maxiter": 20000, "maxfun": 20000, "ftol": 1e-17, "gtol": 1e-11}
    v = minimize(loss, start, jac=True, method="L-BFGS-B", options=options).x
    return v[: classes * d].reshape(classes, d), v[classes * d :]


def data(
    count: int, d: int, signal_noise: float, noise: float, seed: int = 0
) -> tuple[Array, Array]:
    """Three classes, means at the corners of a triangle in the first two features."""
    rng = np.random.default_rng(seed)
    means = np.zeros((3, d))
    means[:, :2] = [[1, 0], [-1, 1], [0, -2]]
    labels = np.arange(count) % 3
    scale = np.full(d, noise)
    scale[:2] = signal_noise
    return means[labels] + scale * rng.standard_normal((count, d)), labels


def test_minimiser_below_one_ignores_the_noise_and_above_it_does_not() -> None:
    for count, quiet in ((21, True), (20, False)):
        x, labels = data(count, 20, 0.0, 1.0)
        w, _ = softmax_fit(x, labels, 3, 0.2)
        assert bool(np.abs(w[:, 2:]).max() < 1e-3) is quiet


def test_logits_do_not_change_with_the_noise_level() -> None:
    low, labels = data(30, 8, 0.5, 1.0)
    high, _ = data(30, 8, 0.5, 3.0)
    fresh_low, _ = data(12, 8, 0.5, 1.0, seed=5)
    fresh_high, _ = data(12, 8, 0.5, 3.0, seed=5)
    (w, b), (v, c) = softmax_fit(low, labels, 3, 0.2), softmax_fit(high, labels, 3, 0.2)
    np.testing.assert_allclose(fresh_low @ w.T + b, fresh_high @ v.T + c, atol=1e-4)


def test_least_squares_classes_do_not_depend_on_a_positive_gap_and_reverse_with_its_sign() -> None:
    x, labels = data(40, 5, 1.0, 1.0)
    design = np.c_[x, np.ones(40)]
    one_hot = np.eye(3)[labels]

    def predicted(q: float, shift: float) -> Array:
        logits = design @ lstsq(design, q * one_hot + shift)[0]
        return np.asarray(logits.argmax(axis=1))

    reference = predicted(1.0, 0.0)
    np.testing.assert_array_equal(predicted(7.5, -3.0), reference)
    lowest = (design @ lstsq(design, one_hot)[0]).argmin(axis=1)
    np.testing.assert_array_equal(predicted(-2.0, 1.0), lowest)
    assert (lowest != reference).all()


def test_generalised_eigenvectors_maximise_the_ratio_of_scatters() -> None:
    rng = np.random.default_rng(3)
    means = rng.standard_normal((6, 4))
    centred = means - means.mean(axis=1, keepdims=True)
    between, root = centred @ centred.T / 4, rng.standard_normal((6, 6))
    within = root @ root.T + np.eye(6)
    values, vectors = eigh(between, within)
    exact = theory.between_scatter(Matrix(means.tolist()), Matrix([Rational(1, 4)] * 4))
    np.testing.assert_allclose(np.array(exact.tolist(), float), between, atol=1e-12)

    def ratio(u: Array) -> float:
        return float(np.trace(np.linalg.solve(u.T @ within @ u, u.T @ between @ u)))

    top = ratio(vectors[:, -3:])
    assert top == pytest.approx(values.sum(), rel=1e-9)
    for columns in (1, 2, 3, 5):
        for _ in range(50):
            assert ratio(rng.standard_normal((6, columns))) <= top * (1 + 1e-12)


def test_projector_is_that_of_a_singular_value_decomposition() -> None:
    spanning = np.array([[1, 2, 3], [0, 1, 1], [2, 0, 2], [1, 1, 2]])
    u, s, _ = np.linalg.svd(spanning)
    basis = u[:, : (s > 1e-12).sum()]
    found = np.array(theory.signal_projector(Matrix(spanning.tolist())).tolist(), float)
    np.testing.assert_allclose(found, basis @ basis.T, atol=1e-12)


def test_rescaling_other_than_of_the_noise_leaves_something_over() -> None:
    gamma = Symbol("gamma", positive=True)
    assert all(rest == 0 for _, rest in theory.rescaling_identities(S.One, gamma))
    assert any(rest != 0 for _, rest in theory.rescaling_identities(gamma, gamma))
    assert any(rest != 0 for _, rest in theory.rescaling_identities(S.One, gamma**2))


def examples() -> list[Fit]:
    pairs = (
        noise_level._LARGEST_MARGIN,
        noise_level._LEAST_NORM,
        noise_level._NO_NOISE,
        noise_level._OVERLAPPING,
    )
    return [fit for pair in pairs for fit in pair.fits] + [t.fit for t in many_classes._TRIALS]


@pytest.mark.parametrize("fit", examples(), ids=lambda fit: fit.name)
def test_every_example_is_a_minimiser_and_nothing_near_it_is(fit: Fit) -> None:
    assert fit.is_minimised()
    nudge = Matrix([[Rational(1, 7)] * fit.features])
    assert not replace(fit, weights=fit.weights + nudge, bias=fit.bias + 1).is_minimised()


def test_largest_margin_is_that_of_a_support_vector_machine() -> None:
    for fit in noise_level._LARGEST_MARGIN.fits:
        x = np.array(fit.samples.T.tolist(), float)
        machine = SVC(kernel="linear", C=1e8).fit(x, [c == 1 for c in fit.classes])
        np.testing.assert_allclose(
            machine.coef_[0], np.array(fit.weights.tolist(), float)[0], atol=1e-3
        )
        assert abs(machine.intercept_[0]) < 1e-3


def test_smoothed_fit_is_where_a_numerical_minimiser_ends() -> None:
    fit = noise_level._NO_NOISE.fits[1]
    x = np.array(fit.samples.tolist(), float)
    t = np.where(np.array(fit.classes) == 1, 0.75, 0.25)

    def loss(v: Array) -> float:
        z = v[0] * x[0] + v[1]
        return float((np.logaddexp(0, z) - t * z).sum())

    found = minimize(loss, np.zeros(2), tol=1e-12).x
    np.testing.assert_allclose(found, [np.log(7 / 5), 0], atol=1e-5)
    assert fit.weights[0] == log(Rational(7, 5))


def test_penalties_say_whether_they_attract_and_whether_their_gap_vanishes() -> None:
    assert Penalised(Rational(1, 3), "absolute value").gap_vanishes()
    assert not Penalised(Rational(1, 4), "absolute value").gap_vanishes()
    assert not Penalised(S.Zero).attracts()
    assert not Penalised(Rational(1, 2), "zero").attracts()


def test_zero_weights_do_not_minimise_where_one_class_prevails() -> None:
    one = Fit("one", Matrix([[1, -1]]), Matrix([[1, 1]]), (1, 1), Penalised(S.Half), zeros(1, 1))
    assert not one.is_minimised()


def test_training_curves_start_at_chance_and_fit_the_training_set() -> None:
    curves = training_curves(0.04, seeds=8, epochs=40, every=20)
    assert curves.train[0].max() <= 0.2
    assert curves.train[-1].min() == 1
    assert curves.test[-1].max() < 0.9


def changed(name: str, change: Callable[[Any], Any]) -> Claim:
    claim = CLAIMS[name]
    printed = replace(claim.printed, content=change(claim.printed.content))
    return replace(claim, printed=printed, correction=None, controls=())


def test_nearest_targets_allow_every_gap_but_zero() -> None:
    nearest = changed("beck.prop-D1", lambda c: c._replace(decision="nearest target"))
    assert judge(nearest).verdict is Verdict.HOLDS


def test_a_misprinted_noise_level_would_be_refuted() -> None:
    t, m, d = symbols("t_2 m d", positive=True)
    at = {effective_noise._t2: t, effective_noise._m: m, effective_noise._d: d}
    assert effective_noise._EQ_35.noise.subs(at) == sqrt(t / (d - m))
    wrong = changed("beck.effective-noise", lambda c: c._replace(noise=sqrt(2) * c.noise))
    assert judge(wrong).verdict is Verdict.REFUTED

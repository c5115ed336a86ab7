"""Neural collapse under label smoothing: closed forms against a numerical minimiser, and claims."""

from __future__ import annotations

import math

import numpy as np
import pytest
from logitreg.proofs_checks.claims import collapse_conditioning, collapse_training, neural_collapse
from logitreg.proofs_checks.dynamics import collapse, first_reached
from logitreg.proofs_checks.local_convergence import descend
from logitreg.proofs_checks.seeded_simulation import student_band
from logitreg.theory import neural_collapse as theory
from logitreg.theory.symbols import K
from logitreg.theory.words import letters, normal_form
from mpmath import mp
from numpy.typing import NDArray
from scipy.optimize import minimize
from sympy import Rational

Array = NDArray[np.float64]
CLAIMS = {
    claim.id: claim
    for module in (neural_collapse, collapse_conditioning, collapse_training)
    for claim in module.CLAIMS
}


def softmax(logits: Array) -> Array:
    e = np.exp(logits - logits.max(axis=0))
    return np.asarray(e / e.sum(axis=0))


def minimise(
    classes: int, n: int, d: int, smoothing: float, lw: float, lh: float, lb: float = 0.1
) -> tuple[Array, Array, Array]:
    """W, H and b from L-BFGS, written out independently of the package."""
    count = classes * n
    targets = (1 - smoothing) * np.kron(np.eye(classes), np.ones(n)) + smoothing / classes
    split = [classes * d, classes * d + d * count]

    def unpack(v: Array) -> tuple[Array, Array, Array]:
        w, h, b = np.split(v, split)
        return w.reshape(classes, d), h.reshape(d, count), b

    def loss(v: Array) -> tuple[float, Array]:
        w, h, b = unpack(v)
        z = w @ h + b[:, None]
        top = z.max(axis=0)
        log_sum = top + np.log(np.exp(z - top).sum(axis=0))
        value = ((log_sum - z) * targets).sum() / count
        value += (lw * (w**2).sum() + lh * (h**2).sum() + lb * (b**2).sum()) / 2
        residual = (softmax(z) - targets) / count
        parts = (residual @ h.T + lw * w, w.T @ residual + lh * h, residual.sum(axis=1) + lb * b)
        return float(value), np.concatenate([p.ravel() for p in parts])

    start = np.random.default_rng(1).standard_normal(split[1] + classes)
    options = {"maxiter": 20000, "maxfun": 40000, "ftol": 1e-16, "gtol": 1e-10}
    return unpack(minimize(loss, start, jac=True, method="L-BFGS-B", options=options).x)


def gap(classes: int, strength: float) -> float:
    return math.log(classes / strength - classes + 1)


def frame(classes: int) -> Array:
    return np.asarray(np.eye(classes) - 1 / classes)


@pytest.mark.parametrize(
    ("classes", "n", "d", "smoothing", "lw", "lh"),
    [(3, 2, 4, 0.0, 0.02, 0.01), (3, 2, 2, 0.1, 0.02, 0.01), (2, 3, 1, 0.2, 0.05, 0.01)],
)
def test_closed_form_is_what_a_minimiser_finds(
    classes: int, n: int, d: int, smoothing: float, lw: float, lh: float
) -> None:
    w, h, b = minimise(classes, n, d, smoothing, lw, lh)
    c = math.sqrt(classes * classes * n * lw * lh)
    at = {theory.decay_strength: c, theory.delta: smoothing, K: classes}
    g = float(theory.gap_at_minimiser().subs(at))
    assert g == pytest.approx(gap(classes, c + smoothing), rel=1e-12)
    expected = g * np.kron(frame(classes), np.ones(n))
    np.testing.assert_allclose(w @ h, expected, atol=2e-5)
    np.testing.assert_allclose(b, 0, atol=1e-5)
    norm = theory.weights_squared_norm(Rational(1)).subs(
        {K: classes, theory.samples: n, theory.feature_decay: lh, theory.weight_decay: lw}
    )
    assert (w**2).sum() == pytest.approx(g * float(norm), rel=1e-4)
    scale = theory.features_scale(Rational(1)).subs(
        {theory.samples: n, theory.feature_decay: lh, theory.weight_decay: lw}
    )
    assert (h**2).sum() == pytest.approx(g * float(scale) * n * (classes - 1), rel=1e-4)


def test_minimiser_is_zero_from_the_threshold_on() -> None:
    w, h, _ = minimise(3, 2, 3, 0.5, 0.15, 0.15)
    assert math.sqrt(18 * 0.15**2) + 0.5 > 1
    assert max(np.abs(w).max(), np.abs(h).max()) < 1e-3


def test_fewer_features_than_classes_less_one_allow_no_simplex() -> None:
    w, h, _ = minimise(3, 1, 1, 0.1, 0.1, 0.1)
    assert np.abs(w @ h - gap(3, 0.4) * frame(3)).max() > 0.3


def hessian_in_the_weights(classes: int, strength: float, scale: float, lw: float) -> Array:
    """Of the mean cross-entropy in W (d = K, rows of W one after another), at the minimiser."""
    g = gap(classes, strength)
    total = np.zeros((classes**2, classes**2))
    for c in range(classes):
        p = softmax(g * frame(classes)[:, c])
        h = math.sqrt(scale) * frame(classes)[:, c]
        total += np.kron(np.diag(p) - np.outer(p, p), np.outer(h, h)) / classes
    return np.asarray(total + lw * np.eye(classes**2))


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_spectrum_in_the_weights_is_that_of_an_explicit_hessian(classes: int) -> None:
    strength, scale = 0.3, 1.7
    values = np.linalg.eigvalsh(hessian_in_the_weights(classes, strength, scale, 0.0))
    found = sorted(v for v in values if v > 1e-10)
    least, middle, largest = (
        float(v.subs(K, classes)) * scale / classes for v in theory.within_hessian(Rational(3, 10))
    )
    counts = (max(0, classes**2 - 3 * classes + 1), classes - 1 if classes > 2 else 0, 1)
    expected = [least] * counts[0] + [middle] * counts[1] + [largest]
    np.testing.assert_allclose(found, sorted(expected), rtol=1e-9)
    if classes > 2:
        kappa = float(theory.condition_number(Rational(3, 10)).subs(K, classes))
        assert found[-1] / found[0] == pytest.approx(kappa, rel=1e-9)


@pytest.mark.parametrize(("c", "smoothing"), [(0.001, 0.0), (0.001, 0.1), (0.2, 0.1)])
def test_weight_decay_enters_the_condition_number_as_stated(c: float, smoothing: float) -> None:
    classes, n, lw = 4, 5, 0.003
    lh = c**2 / (classes**2 * n * lw)
    scale = gap(classes, c + smoothing) * math.sqrt(lw / (n * lh))
    values = np.linalg.eigvalsh(hessian_in_the_weights(classes, c + smoothing, scale, lw))
    for on_the_range, smallest in ((False, values[0]), (True, values[values > lw * (1 + 1e-9)][0])):
        stated = theory.regularised_condition_number(
            on_the_range, Rational(str(c)) + Rational(str(smoothing)), Rational(str(c))
        )
        ratio = values[-1] / smallest
        assert float(stated.subs(K, classes)) == pytest.approx(ratio, rel=1e-6)


def test_per_sample_eigenpairs_hold_in_fifty_digits() -> None:
    with mp.workdps(50):
        own, classes = mp.mpf("0.7"), 5
        p = [own] + [(1 - own) / (classes - 1)] * (classes - 1)
        h = mp.matrix(classes, classes)
        for i in range(classes):
            for j in range(classes):
                h[i, j] = (p[i] if i == j else 0) - p[i] * p[j]
        values = sorted(mp.eigsy(h, eigvals_only=True))
        symbol = next(iter(theory.hessian_eigenpairs()[2][0].free_symbols - {K}))
        at = {K: classes, symbol: Rational(7, 10)}
        expected = []
        for value, count, _ in theory.hessian_eigenpairs():
            number = value.subs(at)
            expected += [mp.mpf(number.p) / number.q] * int(count.subs(at))
        assert max(abs(a - b) for a, b in zip(values, sorted(expected), strict=True)) < 1e-45


def test_simulated_features_tend_to_exact_collapse() -> None:
    run = collapse(0.1, 0.005, 0.005, seeds=8, epochs=3000, every=1000)
    assert run.worst()[-1].max() < 1e-4
    assert run.worst()[0].min() > 0.1


def test_first_reached_is_nan_where_the_level_is_not_reached() -> None:
    values = np.array([[3.0, 3.0], [1.0, 2.0], [0.5, 2.0]])
    found = first_reached(np.array([0.0, 10.0, 20.0]), values, 1.0)
    assert found[0] == 10
    assert np.isnan(found[1])


def test_interval_covers_the_mean_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    for seeds in (5, 16):
        draws = [student_band(rng.standard_normal(seeds)) for _ in range(2000)]
        assert 0.94 < np.mean([drawn.holds(0) for drawn in draws]) < 0.96


def test_words_are_rewritten_by_relations_wherever_they_stand() -> None:
    a, b = letters("A B")
    assert normal_form(a * b * a - a * b * a) == 0
    assert normal_form(b * a * b * a * b, {(b, a): Rational(2)}) == 4 * b
    assert normal_form(a * b - b * a) != 0


def test_derivation_of_the_gap_has_no_unproved_step() -> None:
    assert theory.threshold_derivation().unproved() == ()


@pytest.mark.parametrize(("classes", "strength"), [(3, 0.2), (5, 0.4), (10, 0.15)])
def test_descent_contracts_by_the_condition_number_of_theory(classes: int, strength: float) -> None:
    at = {K: classes, theory.total_strength: strength}
    kappa = float(theory.condition_number().subs(at))
    found = descend(classes, strength)
    np.testing.assert_allclose(found.factor, (kappa - 1) / (kappa + 1), rtol=1e-4)
    expected = math.log(1e-6) / math.log((kappa - 1) / (kappa + 1))
    assert np.all(np.abs(found.steps - expected) < 5)


def test_convergence_is_not_faster_without_its_hypotheses() -> None:
    faster = collapse_conditioning._descent_converges_faster
    claim = CLAIMS["guo.conditioning"]
    assert claim.correction is not None
    given = claim.correction.variant.content
    assert faster(given).supported
    for name in ("K > 2", "c + delta < 1"):
        assert faster(given - {name}).refutes
    assert not faster(frozenset()).supported


@pytest.mark.parametrize("name", ["lead.collapse-threshold", "guo.closed-form"])
def test_room_for_the_simplex_follows_from_the_stated_width(name: str) -> None:
    correction = CLAIMS[name].correction
    assert correction is not None
    content = correction.variant.content
    assert neural_collapse._has_room(content).supported
    for narrower in (frozenset(), frozenset({"d >= K - 2"})):
        assert neural_collapse._has_room(content._replace(hypotheses=narrower)).refutes

"""Probabilities from logits: derivations, the minimised expected loss, limits, array libraries."""

from __future__ import annotations

import math

import logitreg as lr
import numpy as np
import pytest
from logitreg.errors import AlphaError, ShapeError, UnsupportedPenaltyError
from logitreg.numerics.kernels import kernel
from logitreg.numerics.losses import sample_loss
from logitreg.numerics.probabilities import posterior, require_sign
from logitreg.theory import probabilities as theory
from logitreg.theory.derivations import Derivation
from logitreg.theory.identities import is_identically_zero
from logitreg.theory.losses import per_sample_loss, sigmoid
from logitreg.theory.symbols import alpha, z
from mpmath import mp
from scipy.optimize import minimize, nnls
from scipy.special import expit, softmax
from sympy import Expr, Rational, Symbol, diff, factor, lambdify

SMOOTH = ["label-smoothing", "quadratic", "pseudo-huber", "log-cosh", "cosh", "power"]
DERIVATIONS = (
    theory.link_derivation(),
    theory.even_derivation(),
    theory.multiclass_derivation(),
    theory.label_smoothing_derivation(),
    theory.monotone_derivation(),
)


@pytest.mark.parametrize("derivation", DERIVATIONS, ids=lambda d: d.title)
def test_every_step_follows(derivation: Derivation) -> None:
    assert derivation.unproved() == ()


def test_wrong_links_are_not_proved() -> None:
    start, *_, last = theory.even_derivation()
    for wrong in (
        last.expression.subs(theory.slope, -theory.slope),
        last.expression.subs(theory.slope, 2 * theory.slope),
        sigmoid(z),
    ):
        assert is_identically_zero(start.expression - wrong) is not True
    start, last = theory.label_smoothing_derivation()
    for multiple in (2, -1):
        wrong = last.expression.subs(alpha, multiple * alpha)
        assert is_identically_zero(start.expression - wrong) is not True
    start, _ = theory.monotone_derivation()
    wrong = theory.link_slope().subs(theory.pull, theory.opposite_pull)
    assert is_identically_zero(start.expression - wrong) is not True


def test_the_link_is_strictly_proper() -> None:
    # Two posteriors that differ have not the same best logit.
    start, last = theory.link_derivation()
    gradient, p = start.expression.lhs, last.expression.lhs
    gap = Symbol("d", real=True, nonzero=True)
    assert factor(gradient.subs(p, p + gap) - gradient).is_zero is False
    # The control: at a kink the pull is any number of an interval, and two posteriors share it.
    a, b = theory.pull, theory.opposite_pull
    assert gradient.subs({p: Rational(1, 2), a: 1, b: 1}) == 0
    assert gradient.subs({p: Rational(1, 3), a: 2, b: 1}) == 0
    # The posterior is in (0, 1), increases where l'' > 0, and is 1 at the target, where a = 0.
    found = last.expression.rhs
    assert found.is_positive
    assert (1 - found).together().is_positive
    assert theory.link_slope().is_positive
    assert found.subs(a, 0) == 1


@pytest.mark.parametrize("name", [*SMOOTH, "entropy", "(z - 1)^2"])
def test_the_expected_loss_is_stationary_at_the_posterior(name: str) -> None:
    penalty = lr.penalty(name)
    here = diff(per_sample_loss(penalty), z)
    for point in (Rational(1, 3), Rational(-1, 5)):

        def gradient(p: Expr, point: Rational = point) -> Expr:
            expected = p * here - (1 - p) * here.subs(z, -z)
            return expected.subs({z: point, alpha: Rational(1, 10)}).evalf(50)

        assert abs(gradient(theory.posterior(penalty))) < mp.mpf(10) ** -45
        assert abs(gradient(sigmoid(z))) > 1e-3


@pytest.mark.parametrize("name", [*SMOOTH, "entropy", "huber", "(z - 1)^2"])
@pytest.mark.parametrize("strength", [0.02, 0.3])
def test_two_classes_agree_with_the_minimised_expected_loss(name: str, strength: float) -> None:
    f = kernel(name)
    slope = lambdify(z, lr.penalty(name).expression.diff(z), "mpmath")
    z_star = mp.mpf(float(lr.target(name, strength)))
    naive = []
    for p in (0.03, 0.4, 0.5, 0.9, 0.999):
        with mp.workdps(30):
            low, high = -z_star, z_star
            for _ in range(70):
                x = (low + high) / 2
                cross = (1 - mp.mpf(strength)) * (1 / (1 + mp.exp(-x)) - p)
                rising = cross + strength * (p * slope(x) - (1 - p) * slope(-x)) > 0
                low, high = (low, x) if rising else (x, high)
        best = float(low)
        found = posterior(np.array([best]), penalty=name, alpha=strength)[0]
        # One rounding of the logit moves p by its slope in z.
        assert found == pytest.approx(p, abs=1e-15 * (2 + abs(best * float(f.curvature(best)))))
        naive.append(abs(expit(best) - p))
    assert max(naive) > 0.002


@pytest.mark.parametrize("name", [*SMOOTH, "entropy", "huber"])
def test_several_classes_agree_with_the_minimised_expected_loss(name: str) -> None:
    strength, p = 0.05, np.array([0.55, 0.3, 0.1, 0.05])

    def expected_loss(x: np.ndarray) -> float:
        return float(p @ sample_loss(name, strength, np.arange(4), 4).value(np.tile(x, (4, 1))))

    best = minimize(expected_loss, np.zeros(4), method="BFGS", options={"gtol": 1e-9}).x
    found = posterior(best[None, :], penalty=name, alpha=strength)[0]
    np.testing.assert_allclose(found, p, atol=1e-6)
    assert np.max(np.abs(softmax(best) - p)) > 1e-3


@pytest.mark.parametrize("name", [*SMOOTH, "entropy"])
def test_the_array_functions_are_those_of_the_theory(name: str) -> None:
    symbols = [Symbol(f"z_{i}", real=True) for i in range(3)]
    values = np.array([0.2, -0.05, -0.15])
    at = {alpha: 0.1, z: 0.2, **dict(zip(symbols, values, strict=True))}
    penalty = lr.penalty(name)
    two = float(theory.posterior(penalty).subs(at))
    assert posterior(values[:1], penalty=name)[0] == pytest.approx(two, rel=1e-14)
    raw = [float(part.subs(at)) for part in theory.multiclass_posterior(penalty, symbols)]
    # Off the best level they do not sum to one: the nearest numbers that do are returned.
    level = (sum(raw) - 1) / 3
    found = posterior(values[None, :], penalty=name)[0]
    np.testing.assert_allclose(found, np.array(raw) - level, rtol=1e-13)


def test_label_smoothing_takes_the_smoothing_out() -> None:
    logits = np.random.default_rng(0).standard_normal((200, 5))
    q = softmax(logits, axis=1)
    q = q[np.min(q, axis=1) > 0.2 / 5]
    assert len(q) > 50
    found = posterior(np.log(q), penalty="label-smoothing", alpha=0.2)
    np.testing.assert_allclose(found, (q - 0.2 / 5) / 0.8, atol=1e-15)


@pytest.mark.parametrize("name", lr.penalties())
def test_probabilities_are_monotone_distributions_in_the_order_of_the_logits(name: str) -> None:
    line = np.concatenate([np.linspace(-8, 8, 1601), [-1e300, -800.0, 800.0, 1e300]])
    line.sort()
    two = posterior(line, penalty=name, alpha=0.1)
    assert np.all(np.diff(two) >= 0)
    np.testing.assert_allclose(two + two[::-1], 1, rtol=1e-15)
    z_star = float(lr.target(name, 0.1))
    np.testing.assert_array_equal(two[line > z_star * (1 + 1e-7)], 1.0)
    assert np.all(two[np.abs(line) < z_star * (1 - 1e-6)] < 1)
    many = np.random.default_rng(1).standard_normal((300, 4)) * np.logspace(-3, 3, 300)[:, None]
    p = posterior(many, penalty=name, alpha=0.1)
    assert np.all(p >= 0)
    np.testing.assert_allclose(np.sum(p, axis=1), 1, rtol=1e-9)
    np.testing.assert_array_equal(np.argmax(p, axis=1), np.argmax(many, axis=1))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", lr.penalties())
def test_no_finite_logit_or_strength_overflows(name: str, dtype: type) -> None:
    largest = np.finfo(dtype).max
    line = np.array([-largest, -40, -1e-30, 0, 1e-30, 40, largest], dtype=dtype)
    three = np.stack([line, line[::-1], np.zeros_like(line)], axis=1)
    for strength in (5e-324, 1e-300, 1e-16, 0.5, 1 - 2**-53):
        two = posterior(line, penalty=name, alpha=strength)
        assert np.all((two >= 0) & (two <= 1))
        assert np.all(np.diff(two) >= 0)
        total = np.sum(posterior(three, penalty=name, alpha=strength), axis=1)
        np.testing.assert_allclose(total, 1, atol=1e-6)


def test_outside_the_simplex_the_nearest_distribution_is_returned() -> None:
    logits = np.random.default_rng(2).standard_normal((20, 5)) * 2
    found = posterior(logits, penalty="quadratic", alpha=0.3)
    raw = softmax(logits, axis=1) + 2 * logits * 0.3 / 0.7
    for v, ours in zip(raw, found, strict=True):
        # Least squares over p >= 0, its sum held at one by a heavy row.
        reference, _ = nnls(np.vstack([np.eye(5), 1e6 * np.ones(5)]), np.append(v, 1e6))
        np.testing.assert_allclose(ours, reference, atol=1e-9)
    clipped = np.maximum(raw, 0)
    clipped /= np.sum(clipped, axis=1, keepdims=True)
    assert np.max(np.abs(clipped - found)) > 0.01


def test_on_a_kink_rounding_does_not_decide() -> None:
    here = posterior(np.array([-1e-15, 0.0, 1e-15]), penalty="absolute", alpha=0.2)
    np.testing.assert_allclose(here, 0.5, atol=1e-14)
    edge = posterior(np.array([1 - 1e-15, 1.0, 1 + 1e-15, 1.1]), penalty="box", alpha=0.2)
    np.testing.assert_allclose(edge[:3], expit(1), rtol=1e-14)
    assert edge[3] == 1


def test_without_a_penalty_it_is_the_softmax() -> None:
    logits = np.array([[1.0, 800.0], [0.3, -0.4]])
    np.testing.assert_allclose(posterior(logits, alpha=0), softmax(logits, axis=1), rtol=1e-15)
    np.testing.assert_allclose(posterior([-800.0, 0.3], alpha=0), expit([-800.0, 0.3]), rtol=1e-15)


@pytest.mark.parametrize("library", ["array_api_strict", "torch", "jax.numpy"])
@pytest.mark.parametrize("name", ["label-smoothing", "quadratic", "absolute", "entropy", "cosh"])
def test_arrays_of_every_library_and_width(library: str, name: str) -> None:
    xp = pytest.importorskip(library)
    numbers = np.random.default_rng(3).standard_normal((6, 3)).astype(np.float32)
    for values in (numbers, numbers[:, 0]):
        given = xp.asarray(values)
        found = posterior(given, penalty=name)
        assert type(found) is type(given)
        assert found.dtype == given.dtype
        expected = posterior(values.astype(np.float64), penalty=name)
        np.testing.assert_allclose(np.asarray(found), expected, atol=2e-6)


def test_errors_say_what_is_wrong() -> None:
    with pytest.raises(ShapeError, match=r"shape \(1, 1\)"):
        posterior([[1.0]])
    with pytest.raises(AlphaError):
        posterior([1.0], alpha=1.0)
    with pytest.raises(UnsupportedPenaltyError, match="even penalty"):
        posterior([1.0], penalty="(z + 1)^2", alpha=0.5)
    require_sign("(z + 1)^2", 0.1)
    assert math.isclose(posterior([0.0], penalty="(z + 1)^2", alpha=0.1)[0], 0.5)

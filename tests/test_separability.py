"""Separability through the origin, and training without logit regularisation."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, product

import mpmath
import numpy as np
import pytest
from logitreg.proofs_checks.claim import Claim, judge
from logitreg.proofs_checks.claims import large_noise, separability
from logitreg.proofs_checks.separation import is_separable
from logitreg.theory import cover, delayed_generalisation
from logitreg.theory import separability as theory
from logitreg.theory.symbols import z
from mpmath import mp
from scipy.optimize import linprog, minimize
from scipy.special import expit
from scipy.stats import binom, norm
from sympy import Matrix, Rational

CLAIMS = {claim.id: claim for claim in separability.CLAIMS + large_noise.CLAIMS}


def separable(X: np.ndarray) -> bool:
    objective, margin = np.zeros(X.shape[1]), -np.ones(len(X))
    found = linprog(objective, A_ub=-X, b_ub=margin, bounds=(None, None), method="highs")
    return bool(found.status == 0)


def max_margin(X: np.ndarray) -> np.ndarray:
    """argmin ||S||^2 subject to X S >= 1."""
    start = linprog(
        np.zeros(X.shape[1]), A_ub=-X, b_ub=-np.ones(len(X)), bounds=(None, None), method="highs"
    ).x
    constraint = {"type": "ineq", "fun": lambda S: X @ S - 1, "jac": lambda S: X}
    found = minimize(
        lambda S: S @ S,
        start,
        jac=lambda S: 2 * S,
        constraints=constraint,
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    return np.asarray(found.x)


def descend(
    X: np.ndarray, strength: float, steps: int, step_size: float
) -> tuple[np.ndarray, np.ndarray]:
    """Per step of gradient descent from zero: the least logit, and ||S_perp||/S_1."""
    S, least, ratio = np.zeros(X.shape[1]), [], []
    for _ in range(steps):
        logits = X @ S
        slope = -(1 - strength) / (1 + np.exp(logits)) + 2 * strength * logits
        S = S - step_size * X.T @ slope
        least.append(np.min(X @ S))
        ratio.append(np.linalg.norm(S[1:]) / S[0])
    return np.array(least), np.array(ratio)


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS.keys())
def test_exchanging_printed_content_changes_the_verdict(claim: Claim) -> None:
    wrong = replace(claim, printed=claim.controls[0], correction=None)
    assert judge(wrong).verdict == "refuted"
    if claim.correction:
        corrected = replace(claim, printed=claim.correction.variant, correction=None)
        assert judge(corrected).verdict == "holds"


@pytest.mark.parametrize(("samples", "features"), [(3, 2), (4, 2), (4, 3), (5, 3), (3, 3), (2, 3)])
def test_count_of_separable_labellings_agrees_with_linear_programming(
    samples: int, features: int
) -> None:
    X = np.random.default_rng(samples).standard_normal((samples, features))
    signs = product((-1, 1), repeat=samples)
    count = sum(separable(X * np.array(sign)[:, None]) for sign in signs)
    assert count == cover.separable_labellings(samples, features).doit()
    assert Rational(count, 2**samples) == theory.separable_fraction(samples, features)


def test_fraction_is_a_binomial_probability_and_deviates_less_than_chebyshev() -> None:
    for samples, delta in [(20, 0.1), (100, 0.1), (400, 0.05)]:
        for above in (True, False):
            features = round((0.5 + (delta if above else -delta)) * samples)
            fraction = float(theory.separable_fraction(samples, features))
            assert fraction == pytest.approx(binom.cdf(features - 1, samples - 1, 0.5), rel=1e-12)
            bound = theory.deviation_bound(0, above=above)
            bound = float(bound.subs({cover.N: samples, theory.excess: Rational(str(delta))}))
            assert (1 - fraction if above else fraction) <= bound


@pytest.mark.parametrize("features", [2, 3, 4])
def test_alternating_labels_are_in_general_position_and_not_separable(features: int) -> None:
    X, weights = theory.alternating_labels_certificate(features + 2, features)
    assert min(weights) > 0
    assert X.T * weights == Matrix.zeros(features, 1)
    for subset in combinations(range(X.rows), features):
        assert X.extract(list(subset), range(features)).det() != 0
    assert not separable(np.array(X, dtype=float))
    assert not is_separable(X)


def test_max_margin_is_the_signal_iff_the_noise_is_not_separable() -> None:
    rng, seen = np.random.default_rng(3), set()
    for _ in range(12):
        noise = rng.standard_normal((8, 4))
        weights = max_margin(np.hstack([np.ones((8, 1)), noise]))
        off_signal = np.linalg.norm(weights[1:]) > 1e-4
        assert off_signal == separable(noise)
        seen.add(off_signal)
    assert seen == {True, False}


def _separable_noise() -> np.ndarray:
    noise = np.random.default_rng(0).standard_normal((12, 8))
    noise[:, 0] = np.abs(noise[:, 0]) + 0.2
    return noise


def test_unregularised_descent_fits_and_stays_off_the_signal_at_every_step() -> None:
    noise = _separable_noise()
    X = np.hstack([np.ones((12, 1)), noise])
    margin = 1 / np.linalg.norm(max_margin(noise))
    least, ratio = descend(X, 0, 5000, 0.02)
    assert least[-1] > 0
    assert np.min(ratio) >= margin


def test_delay_until_generalisation_grows_as_the_penalty_weakens() -> None:
    X = np.hstack([np.ones((12, 1)), _separable_noise()])
    delays = []
    for strength in (0.1, 0.01, 0.001):
        least, ratio = descend(X, strength, 40_000, 0.05)
        general = np.flatnonzero(ratio < 0.05)
        assert general.size
        delays.append(general[0] - np.flatnonzero(least > 0)[0])
    assert delays[0] > 0
    assert delays[2] > 3 * delays[1] > 9 * delays[0]


def test_noise_weight_stays_confined_where_two_samples_oppose() -> None:
    X = np.array([[1.0, 2], [1, -2], [1, 1]])
    _, ratio = descend(X, 0, 5000, 0.1)
    assert ratio[-1] < 0.1


def test_max_margin_accuracy_falls_to_one_half_iff_the_noise_is_separable() -> None:
    for noise_separable in (True, False):
        rng = np.random.default_rng(2 if noise_separable else 5)
        noise = _separable_noise() if noise_separable else rng.standard_normal((12, 2))
        X = np.hstack([1 + 0.3 * rng.random((12, 1)), noise])
        assert separable(noise) == noise_separable
        scores = []
        for scale in (1.0, 4.0, 16.0):
            weights = max_margin(X * np.r_[1, np.full(noise.shape[1], scale)])
            scores.append(weights[0] / np.linalg.norm(scale * weights[1:]))
        if noise_separable:
            assert scores[2] < scores[1] / 4 < scores[0]
        else:
            assert scores[2] > 1
            assert scores[2] == pytest.approx(scores[1], rel=0.2)


@pytest.mark.parametrize("level", ["-2", "0", "0.7", "3"])
def test_hinge_square_is_the_expectation(level: str) -> None:
    with mp.workdps(30):
        t = mpmath.mpf(level)
        expected = mp.quad(lambda g: (g - t) ** 2 * mp.npdf(g), [t, t + 5, t + 30])
        found = theory.hinge_square(Rational(level)).evalf(30)
        assert mp.almosteq(mpmath.mpf(str(found)), expected, 1e-20)


@pytest.mark.parametrize("spread", [0.5, 0.8])
def test_drawn_data_below_one_half_are_separable(spread: float) -> None:
    rng = np.random.default_rng(0)
    for _ in range(5):
        X = rng.standard_normal((200, 80))
        X[:, 0] = 1 + spread * X[:, 0]
        assert separable(X)
        assert not separable(X[:, 1:])


def test_five_samples_are_all_on_the_right_side_with_probability_above_one_half() -> None:
    for spread in (0.5, 0.8):
        assert norm.cdf(1 / spread) ** 5 > 0.57


def test_steps_at_either_end_are_the_sums_of_logistic_pulls() -> None:
    noise, signal = [1.0, -2.0, 0.25, 0.5], 0.75
    ends = delayed_generalisation.noise_weight_is_confined(Matrix(noise))
    for weight, end in zip((1, -1), ends, strict=True):
        xi = np.array(noise)
        step = float(np.sum(xi * expit(-signal - xi * weight)))
        assert float(end.lts.subs(z, signal) - end.gts.subs(z, signal)) == pytest.approx(
            -abs(step), rel=1e-14
        )
        assert (step < 0) == (weight > 0)

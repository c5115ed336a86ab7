"""Details that no other test noticed when they were changed, one by one, in mutation testing."""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError
from typing import Any

import logitreg as lr
import mpmath
import numpy as np
import pytest
from logitreg.errors import NotConvergedError, UnknownNameError
from logitreg.numerics import (
    biased_saddle,
    calibration,
    descent,
    euclidean,
    probabilities,
    scalar_descent,
    scalar_problem,
    scalar_saddle,
)
from logitreg.numerics.array_source import printed
from logitreg.numerics.euclidean import euclidean_angle
from logitreg.numerics.evaluation import evaluate
from logitreg.numerics.kernels import kernel
from logitreg.numerics.proximal_moments import CellLosses, break_points, cell_losses
from logitreg.numerics.separable_limit import separability_threshold
from logitreg.numerics.training import recorded_epochs
from logitreg.theory import alignment, final_approach, gap_reduction, targets
from logitreg.theory.delayed_generalisation import comparator_excess
from logitreg.theory.penalties import penalty
from logitreg.theory.separability import binomial_variance
from logitreg.theory.signal_noise import mu_f, sigma_n
from logitreg.theory.symbols import z
from logitreg.theory.weights import PENALTIES, weight
from mpmath import mp, mpf
from numpy.testing import assert_allclose
from sympy import Poly, Rational, Symbol, exp, log, tanh


def test_the_rounding_error_of_a_measured_angle_is_part_of_the_certified_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    X = np.random.default_rng(1).standard_normal((9, 3))
    monkeypatch.setattr(euclidean, "angle", lambda *_: (0.5, 0.125))
    assert euclidean_angle(X, [1.0, -2.0, 0.5]).angle_error >= 0.125


def test_a_lower_bound_of_the_norm_of_frobenius_is_below_it() -> None:
    below = euclidean._frobenius_below(np.array([[3.0, 4.0]]))
    assert 5 - 1e-10 < below < 5


@pytest.mark.parametrize("effect", [0.3, 2.0, 3.0, 5.0])
def test_the_separability_threshold_is_the_least_mean_square_also_of_steep_directions(
    effect: float,
) -> None:
    """min over c of E (sqrt(1 + c^2) G - c Delta)_+^2, to 30 digits."""

    def mean_square(c: Any) -> Any:
        t = -c * mpf(effect) / mp.sqrt(1 + c * c)
        return (1 + c * c) * ((1 + t * t) * mp.ncdf(t) + t * mp.npdf(t))

    with mpmath.workdps(30):
        low, high = mpf(0), mpf(30)
        for _ in range(80):
            third = (high - low) / 3
            if mean_square(low + third) < mean_square(high - third):
                high -= third
            else:
                low += third
        expected = float(mean_square(low))
    assert float(separability_threshold(effect)) == pytest.approx(expected, rel=1e-10)


def test_printed_source_has_no_needless_brackets() -> None:
    assert printed(z**2 / 3 + tanh(z)) == "(z ** 2) / 3 + xp.tanh(z)"


def test_the_lemma_on_weights_about_their_middle_is_attained() -> None:
    """With m = 1 and M = 3, epsilon is 1/2 and the middle 2: weights of 1 and 3 are the ends."""
    (lemma, *_) = alignment.lemmas()
    at = {alignment.smallest: 1, alignment.largest: 3}
    (weight,) = lemma.conclusion.free_symbols - set(at)
    past = Rational(1, 1000)
    for end, outside in ((1, 1 - past), (3, 3 + past)):
        assert lemma.conclusion.subs({**at, weight: end}) == True  # noqa: E712
        assert lemma.conclusion.subs({**at, weight: outside}) == False  # noqa: E712


def saddle() -> tuple[scalar_problem.Problem, np.ndarray]:
    alpha = np.array([0.2])
    f = kernel("quadratic")
    losses = cell_losses(np, f, break_points(f), alpha[:, None])
    cells = scalar_problem.Cells(*(np.array([v]) for v in (0.5, 1.5, 0.7, 1.3, 0.3)), alpha)
    return scalar_problem.Problem(np, losses, cells, 256), alpha


def test_the_hessian_of_the_scalar_saddle_is_the_difference_quotient_of_its_gradient() -> None:
    problem, _ = saddle()

    def derivatives(signal_weight: float, noise: float) -> tuple[Any, Any, float]:
        start = problem.state(np.array([signal_weight]), np.array([noise]), np.ones(1))
        state = scalar_descent._maximised(problem, scalar_descent._maximised(problem, start))
        gradient, hessian = scalar_descent._derivatives(problem, state)
        return np.ravel(gradient), np.ravel(hessian), float(state.envelope[0])

    def slope(one: tuple[float, float], other: tuple[float, float], width: float) -> Any:
        """Both are times gamma; the gradient without it is the one that has a Hessian."""
        (ahead, _, after), (behind, _, before) = derivatives(*one), derivatives(*other)
        return (ahead / after - behind / before) / width

    (_, (aa, ab, bb), gamma), h = derivatives(0.6, 0.8), 1e-4
    assert_allclose(gamma * slope((0.6 + h, 0.8), (0.6 - h, 0.8), 2 * h), [aa, ab], rtol=1e-6)
    assert_allclose(gamma * slope((0.6, 0.8 + h), (0.6, 0.8 - h), 2 * h), [ab, bb], rtol=1e-6)


@pytest.mark.parametrize("noise", [1e-2, 30.0])
def test_the_scalar_saddle_does_not_depend_on_where_the_descent_starts(noise: float) -> None:
    problem, alpha = saddle()
    f = kernel("quadratic")

    def from_there(noise: float, descent: int | None) -> Any:
        found, lost = scalar_saddle.solve(
            np,
            lambda strengths: cell_losses(np, f, break_points(f), strengths),
            problem.cells,
            (np.ones_like(alpha), np.full_like(alpha, noise), np.ones_like(alpha)),
            descent=descent,
        )
        assert not lost.any()
        return found

    found, expected = from_there(noise, 25), from_there(1.0, None)
    assert found.residual < 1e-12
    assert_allclose(found[:6], expected[:6], rtol=1e-10)


def test_the_descent_finds_the_saddle_that_newton_loses_and_the_one_that_it_finds() -> None:
    f = kernel("label-smoothing")
    # lambda, pi, mu_f, sigma_f, sigma_n, alpha.
    rows = ((0.7, 0.3, 1.0, 0.2, 1.0, 0.012), (0.5, 0.6, 1.0, 0.5, 1.0, 0.2))
    cells = biased_saddle.ImbalancedCells(*np.array(rows).T)

    def losses(strengths: np.ndarray) -> CellLosses:
        return cell_losses(np, f, break_points(f), strengths)

    unknowns = np.array([[1.0, 0.1, 1.0], [1.0, 0.1, 1.0]])
    _, lost = biased_saddle._solve(
        np, losses, cells, (unknowns, np.array([1e-3, 1.0])), descent=False
    )
    assert lost.tolist() == [True, False]
    found = biased_saddle.solve_with_bias(np, losses, cells, *unknowns.T, np.array([1e-3, 1.0]))
    assert found.residual.max() < 1e-12
    everywhere, _ = biased_saddle._solve(np, losses, cells, (unknowns, np.ones(2)), descent=True)
    for one, other in zip(found[:-1], everywhere[:-1], strict=True):
        assert_allclose(one, other, rtol=1e-10)


def test_the_excess_of_the_comparator_is_its_loss_and_its_weight_decay() -> None:
    t, mu, eta = (Symbol(name, positive=True) for name in ("t", "mu", "eta"))
    at = {t: 2, mu: Rational(1, 2), eta: Rational(1, 5)}
    # ||u||^2/(2 eta T) = 4/(2 (1/5) 8).
    assert comparator_excess().subs(at) == log(1 + exp(-1)) + Rational(5, 4)


def test_an_expression_of_ones_own_takes_no_parameters() -> None:
    with pytest.raises(UnknownNameError):
        kernel("abs(z) + z^2", delta=2.0)


def test_two_records_are_enough_and_one_is_not() -> None:
    assert {0, 9} <= set(recorded_epochs(9, 2))
    with pytest.raises(ValueError, match="at least 2"):
        recorded_epochs(9, 1)


def test_the_largest_root_of_a_cubic_whose_first_coefficient_is_not_one() -> None:
    u = targets._u
    cubic = Poly(2 * (u - 3) * (u + Rational(1, 2)) * (u + 2), u)
    assert abs(targets._positive_root(cubic).evalf(30) - 3) < 1e-25


def test_a_box_holds_every_coordinate_and_the_target_is_its_width() -> None:
    (branch,) = targets.target_branches(penalty("box", b=3), 5)
    assert (branch.start, branch.target, branch.equation) == (6, 6, None)


def test_a_reciprocal_of_arrays_is_one() -> None:
    x = Symbol("x")
    assert evaluate(1 / x, [x], [np.array([0.5, 4.0])]).tolist() == [2.0, 0.25]


def test_a_logit_counts_as_on_a_kink_relative_to_where_the_kink_is() -> None:
    near = 2.0**-26
    on, off = 1000 * (1 + near / 2), 1000 * (1 + 2 * near)
    slopes = probabilities._slope(np, kernel("box", b=1000.0), np.array([1000.0, on, off]))
    assert slopes[0] == slopes[1] == 0
    assert slopes[2] > 1e300


def test_a_quadrature_that_misses_its_goal_says_by_how_much(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(calibration, "_GOAL", 1e-30)
    with pytest.raises(NotConvergedError, match=r"error of \d\.\de-1\d; expected 1e-30"):
        calibration.gaussian_calibration_error(2.0, 0.5)


def test_the_penalties_on_weights_are_those_of_their_names() -> None:
    at = {weight: Rational(-1, 2)}
    values = [PENALTIES[name].subs(at) for name in ("l0", "l1", "l2")]
    assert values == [1, Rational(1, 2), Rational(1, 4)]
    assert PENALTIES["l0"].subs(weight, 0) == 0


def test_labels_of_three_axes_are_refused_before_they_are_taken_for_distributions() -> None:
    pytest.importorskip("sklearn")
    from logitreg.numerics import classifier

    with pytest.raises(ValueError, match=r"1d array|dim 3"):
        classifier._classes_and_labels(np.zeros((4, 2, 2)))


def test_the_curvatures_of_the_exchange_lemmas_are_second_derivatives() -> None:
    """Along e_i - e_j, of sum p_k log p_k and of log(sum of exp(z_k))."""
    t, w = Symbol("t"), (Rational(1, 4), Rational(1, 2))
    entropy = sum(p * log(p) for p in (w[0] + t, w[1] - t))
    partition = log(w[0] * exp(t) + w[1] * exp(-t) + 3)
    for in_probabilities, along in ((True, entropy), (False, partition)):
        (lemma, _) = gap_reduction.exchange_lemmas(in_probabilities=in_probabilities)
        symbols = dict(zip(("w_i", "w_j", "S"), (*w, sum(w) + 3), strict=True))
        bend = lemma.conclusion.lhs.subs({Symbol(n, real=True): v for n, v in symbols.items()})
        assert bend == along.diff(t, 2).subs(t, 0)


def test_a_trajectory_is_not_changed_by_accident() -> None:
    trajectory = lr.train([[1.0], [2.0]], alpha=0.1, learning_rate=0.1, epochs=2)
    with pytest.raises(FrozenInstanceError):
        trajectory.completed = False  # type: ignore[misc]


def test_classes_whose_rows_are_too_long_for_a_block_are_trained_in_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((12, 4)), np.arange(12) % 3

    def weights() -> Any:
        return lr.train(X, y, alpha=0.1, learning_rate=0.1, epochs=3).weights

    expected = weights()
    monkeypatch.setattr(descent, "_SMALL_PRODUCT", 1)
    assert_allclose(weights(), expected, rtol=1e-13)


def test_gradients_whose_squares_overflow_leave_the_certificate_infinite_without_a_warning() -> (
    None
):
    X = np.random.default_rng(0).normal(size=(12, 3)) + 1
    weights = np.array([1.0, 2.0, 0.5])
    weights = weights * 400 / np.max(np.abs(X @ weights))
    certificate = lr.alignment(X, weights, penalty="cosh", alpha=0.3)
    assert certificate.bound == certificate.linearity_bound == np.inf


def test_the_second_cumulant_is_the_variance_of_the_number_of_heads() -> None:
    squares = [math.comb(12, k) * (k - 6) ** 2 for k in range(13)]
    assert binomial_variance(Rational(12)) == Rational(sum(squares), 2**12)


def test_the_slope_of_the_companion_transform_is_that_of_silversteins_equation() -> None:
    """x'(m) = 1/m^2 - lambda s^4/(1 + s^2 m)^2 at m = -1/4, for s = 1 and lambda = 1/2."""
    at = {mu_f: 2, sigma_n: 1, final_approach.aspect_ratio: Rational(1, 2)}
    slope = 16 - Rational(1, 2) / Rational(3, 4) ** 2
    assert final_approach.companion_slope().subs(at) == slope * Rational(9, 16)


@pytest.mark.parametrize("p", [2.7, 8.1])
def test_targets_of_powers_are_nearly_correctly_rounded_where_alpha_is_lifted(p: float) -> None:
    """p z^(p - 1) (1 + exp(z)) = (1 - alpha)/alpha, solved for log z to 40 digits."""
    alphas = 10.0 ** np.random.default_rng(0).uniform(-322, -182, 60)
    found = lr.target("power", p=p, alpha=alphas)
    with mpmath.workdps(40):
        for alpha, target in zip(alphas.tolist(), found.tolist(), strict=True):
            log_odds = mp.log1p(-mpf(alpha)) - mp.log(mpf(alpha)) - mp.log(p)
            expected = mp.exp(
                mp.findroot(
                    lambda u, level=log_odds: (p - 1) * u + mp.log1p(mp.exp(mp.exp(u))) - level,
                    mp.log(600),
                )
            )
            assert abs(mpf(target) - expected) < 0.6 * np.spacing(target)

"""The direction of the minimiser for data that is not Gaussian: quadrature, fits, exact laws."""

from __future__ import annotations

from typing import Any

import logitreg as lr
import mpmath
import numpy as np
import pytest
from logitreg.errors import (
    AlphaError,
    DataError,
    NoFiniteTargetError,
    NonFiniteError,
    NotConvexError,
    RankDeficientError,
    ShapeError,
    UnsupportedPenaltyError,
)
from logitreg.numerics.cumulant_correction import direction_correction, sample_direction_correction
from logitreg.proofs_checks.claim import Claim
from logitreg.proofs_checks.claims import cumulant_correction as claims
from logitreg.proofs_checks.cumulant_correction import deflection, gamma_noise, student_noise
from logitreg.proofs_checks.high_dimension import penalised
from logitreg.theory import cumulant_correction as theory
from mpmath import mp, mpf

_EXACTLY_QUADRATIC = "z^2/4 - log(2*cosh(z/2))"
"""At alpha = 1/2 the per-sample loss is (z - 1)^2/8 up to a constant."""
_MEAN = np.array([0.5, 1.2])


@pytest.mark.parametrize("claim", claims.CLAIMS, ids=lambda claim: claim.id)
def test_minimisers_alone_refute_other_formulas(claim: Claim) -> None:
    for check in claim.checks[1:]:
        assert check(claim.printed.content).supported
    for control in claim.controls:
        assert any(check(control.content).refutes for check in claim.checks[1:]), control.text


def test_the_derivation_has_no_gaps() -> None:
    assert theory.correction_derivation().unproved() == ()


def test_the_gaussian_minimiser_is_stationary_to_order_zero() -> None:
    along, across = theory.stationary_order(0)
    first, second = theory.gaussian_means()[:2]
    assert along == theory.effect * first + theory.scale * second
    assert across == 0


# Predicted directions.


def _independent(third: float, fourth: float, mixing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cumulant tensors of M xi, with independent coordinates xi of these cumulants."""
    return (
        third * np.einsum("im,jm,km->ijk", *[mixing] * 3),
        fourth * np.einsum("im,jm,km,lm->ijkl", *[mixing] * 4),
    )


@pytest.mark.parametrize(
    ("penalty", "alpha"), [("quadratic", 0.1), ("log-cosh", 0.5), ("cosh", 0.3)]
)
def test_in_the_plane_it_is_the_deflection_of_the_minimiser(penalty: str, alpha: float) -> None:
    for noise in (gamma_noise(400), student_noise(64)):
        tensors = _independent(noise.third, noise.fourth, np.eye(2))
        found = direction_correction(_MEAN, np.eye(2), *tensors, penalty=penalty, alpha=alpha)
        angle = np.arctan2(found.direction[1], found.direction[0]) - np.arctan2(1.2, 0.5)
        exact = deflection(penalised(penalty, alpha), noise)
        assert abs(angle - exact) < 0.02 * abs(exact)


def _minimiser(
    rule: tuple[np.ndarray, np.ndarray], mixing: np.ndarray, mean: np.ndarray
) -> np.ndarray:
    """The direction for label smoothing, alpha = 0.2, of mean + M xi with three coordinates."""
    nodes, weights = rule
    grid = np.stack(np.meshgrid(*[nodes] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    shares = np.einsum("i,j,k->ijk", *[weights] * 3).ravel()
    loss = penalised("label-smoothing", 0.2)
    x = mean + grid @ mixing.T
    s = np.linalg.solve(mixing @ mixing.T, mean) / 2
    for _ in range(30):
        z = x @ s
        hessian = x.T @ ((shares * loss.curvature(z))[:, None] * x)
        s -= np.linalg.solve(hessian, x.T @ (shares * loss.slope(z)))
    return np.asarray(s / np.linalg.norm(s))


def test_mixed_features_leave_an_error_of_third_order() -> None:
    """Halving the third cumulant divides what the two orders miss by four and by eight."""
    mixing = np.array([[1.0, 0.3, 0.0], [-0.4, 0.8, 0.5], [0.2, 0.0, 1.5]])
    mean = np.array([0.7, 0.4, -1.0])
    misses = []
    for shape in (256, 1024):
        noise = gamma_noise(shape)
        keep = noise.weights > 1e-20
        exact = _minimiser((noise.nodes[keep], noise.weights[keep]), mixing, mean)
        tensors = _independent(noise.third, noise.fourth, mixing)
        found = direction_correction(
            mean, mixing @ mixing.T, *tensors, penalty="label-smoothing", alpha=0.2
        )
        first = found.fisher + found.third
        misses.append(
            [
                np.linalg.norm(v / np.linalg.norm(v) - exact)
                for v in (found.fisher, first, found.direction)
            ]
        )
    ratios = np.array(misses[0]) / misses[1]
    np.testing.assert_allclose(ratios, [2, 4, 8], rtol=0.15)


def test_the_first_order_has_the_means_of_20_digits() -> None:
    """Label smoothing: l'' = s (1 - s) and l''' = s (1 - s) (1 - 2 s), s = sigmoid(z)."""
    alpha, effect, skewness = mpf("0.2"), mpf(2), 0.3
    with mp.workdps(20):

        def mean(function: object, a: mpf) -> mpf:
            return mpmath.quad(
                lambda g: function(a * (effect + g), g) * mpmath.npdf(g),  # type: ignore[operator]
                [-9, 0, 9],
            )

        def sigmoid(z: mpf) -> mpf:
            return 1 / (1 + mpmath.exp(-z))

        a = mpmath.findroot(
            lambda a: mean(lambda z, g: (effect + g) * (alpha / 2 - sigmoid(-z)), a), (1, 2)
        )
        second = mean(lambda z, _: sigmoid(z) * sigmoid(-z), a)
        third = mean(lambda z, _: sigmoid(z) * sigmoid(-z) * (1 - 2 * sigmoid(z)), a)
        expected = float(-a * third / (2 * second)) * skewness
    tensor = np.zeros((2, 2, 2))
    for place in ((0, 0, 1), (0, 1, 0), (1, 0, 0)):
        tensor[place] = skewness
    found = direction_correction([2, 0], np.eye(2), tensor, penalty="label-smoothing", alpha=0.2)
    np.testing.assert_allclose(found.third, [0, expected], rtol=1e-11, atol=1e-16)


def test_gaussian_data_and_quadratic_losses_keep_fishers_direction() -> None:
    covariance = np.array([[2.0, 0.3], [0.3, 0.5]])
    plain = direction_correction(_MEAN, covariance, np.zeros((2, 2, 2)), alpha=0.3)
    fisher = np.linalg.solve(covariance, _MEAN)
    np.testing.assert_allclose(plain.direction, fisher / np.linalg.norm(fisher), rtol=1e-14)
    skewed = _independent(0.8, 2.0, np.array([[1.0, 0.4], [0.0, 0.5]]))
    found = direction_correction(_MEAN, covariance, *skewed, penalty=_EXACTLY_QUADRATIC, alpha=0.5)
    np.testing.assert_allclose(found.direction, plain.fisher, rtol=1e-13)
    other = direction_correction(_MEAN, covariance, *skewed, penalty="label-smoothing", alpha=0.2)
    assert np.linalg.norm(other.direction - plain.fisher) > 1e-3


def test_elliptical_noise_keeps_fishers_direction_and_independent_coordinates_do_not() -> None:
    one = np.eye(2)
    pairs = [np.einsum(f"{a}{b},{c}{d}->ijkl", one, one) for a, b, c, d in ("ijkl", "ikjl", "iljk")]
    spherical = direction_correction(_MEAN, one, np.zeros((2, 2, 2)), sum(pairs) / 3)
    np.testing.assert_allclose(spherical.second, 0, atol=1e-16)
    _, fourth = _independent(0.0, 1.0, one)
    independent = direction_correction(_MEAN, one, np.zeros((2, 2, 2)), fourth)
    assert np.linalg.norm(independent.second) > 1e-3
    # Along an axis, as in signal plus noise, symmetry keeps the direction.
    signal = direction_correction([1.0, 0.0], one, np.zeros((2, 2, 2)), fourth)
    np.testing.assert_allclose(signal.second, 0, atol=1e-16)


def test_a_change_of_features_carries_the_direction_over() -> None:
    change = np.array([[2.0, 1.0], [-0.5, 3.0]])
    third, fourth = _independent(0.5, 0.4, np.eye(2))
    here = direction_correction(_MEAN, np.eye(2), third, fourth)
    there = direction_correction(change @ _MEAN, change @ change.T, *_independent(0.5, 0.4, change))
    back = change.T @ there.direction
    np.testing.assert_allclose(back / np.linalg.norm(back), here.direction, rtol=1e-12)


@pytest.mark.parametrize("effect", [1e-6, 1e-2, 1.0, 30.0, 1e4])
@pytest.mark.parametrize("alpha", [1e-12, 0.3, 1 - 1e-9])
def test_weak_and_strong_signals_and_penalties_have_a_direction(
    effect: float, alpha: float
) -> None:
    tensors = _independent(0.5, 0.4, np.eye(2))
    found = direction_correction([effect, 2 * effect], np.eye(2), *tensors, alpha=alpha)
    assert np.linalg.norm(found.direction) == pytest.approx(1, rel=1e-14)
    assert abs(found.third @ found.fisher) < 1e-12


def test_a_kink_is_the_limit_of_smooth_penalties() -> None:
    tensors = _independent(0.5, 0.4, np.eye(2))
    sharp = direction_correction(_MEAN, np.eye(2), *tensors, penalty="absolute", alpha=0.2)
    smooth = direction_correction(_MEAN, np.eye(2), *tensors, penalty="sqrt(z^2 + 1e-6)", alpha=0.2)
    np.testing.assert_allclose(sharp.direction, smooth.direction, atol=1e-5)
    assert np.linalg.norm(sharp.direction - sharp.fisher) > 1e-3


# From samples.


def _skewed_samples(samples: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    y = rng.integers(0, 2, samples)
    noise = (
        (rng.gamma(16.0, size=(samples, 3)) - 16)
        / 4
        @ np.array([[1.0, 0.3, 0.0], [-0.4, 0.8, 0.5], [0.2, 0.0, 1.5]])
    )
    return np.where(y == 1, 1, -1)[:, None] * (noise + np.array([0.7, 0.4, -1.0])), y


def test_samples_give_what_their_cumulant_tensors_give() -> None:
    X, y = _skewed_samples(500)
    absorbed = X * np.where(y == 1, 1, -1)[:, None]
    mean = absorbed.mean(axis=0)
    c = absorbed - mean
    covariance = c.T @ c / 500
    third = np.einsum("ni,nj,nk->ijk", c, c, c) / 500
    fourth = np.einsum("ni,nj,nk,nl->ijkl", c, c, c, c) / 500
    for places in ("ij,kl->ijkl", "ik,jl->ijkl", "il,jk->ijkl"):
        fourth -= np.einsum(places, covariance, covariance)
    expected = direction_correction(mean, covariance, third, fourth, alpha=0.2)
    for found in (
        sample_direction_correction(X, y, alpha=0.2),
        sample_direction_correction(absorbed, alpha=0.2),
    ):
        np.testing.assert_allclose(found.third, expected.third, rtol=1e-10)
        np.testing.assert_allclose(found.second, expected.second, rtol=1e-10)


@pytest.mark.parametrize("penalty", ["quadratic", "label-smoothing", "pseudo-huber"])
def test_trained_weights_follow_the_predicted_direction(penalty: str) -> None:
    X, y = _skewed_samples(20000)
    weights = lr.fit(X, y, penalty=penalty, alpha=0.3).weights
    trained = weights / np.linalg.norm(weights)
    found = sample_direction_correction(X, y, penalty=penalty, alpha=0.3)
    first = (found.fisher + found.third) / np.linalg.norm(found.fisher + found.third)
    misses = [np.linalg.norm(v - trained) for v in (found.fisher, first, found.direction)]
    assert misses[0] > 3 * misses[1] > 6 * misses[2]


def test_what_cannot_be_predicted_is_said() -> None:
    zero = np.zeros((2, 2, 2))
    with pytest.raises(ShapeError, match=r"\(d, d, d\)"):
        direction_correction([1, 0], np.eye(2), np.zeros((2, 2)))
    with pytest.raises(NonFiniteError):
        direction_correction([1, np.nan], np.eye(2), zero)
    with pytest.raises(DataError, match="mean is zero"):
        direction_correction([0, 0], np.eye(2), zero)
    with pytest.raises(RankDeficientError):
        direction_correction([1, 0], np.ones((2, 2)), zero)
    with pytest.raises(AlphaError):
        direction_correction([1, 0], np.eye(2), zero, alpha=1.0)
    with pytest.raises(NoFiniteTargetError, match="'absolute'"):
        direction_correction([1, 0], np.eye(2), zero, penalty="absolute", alpha=0.9)
    with pytest.raises(UnsupportedPenaltyError, match="'box' is infinite"):
        direction_correction([1, 0], np.eye(2), zero, penalty="box", alpha=0.3)
    with pytest.raises(NotConvexError, match="not convex"):
        direction_correction([1, 0], np.eye(2), zero, penalty="z^3", alpha=0.3)
    with pytest.raises(DataError, match="two"):
        sample_direction_correction(np.eye(3), [0, 1, 2])
    noise = np.random.default_rng(5).standard_normal((50, 2))
    with pytest.raises(DataError, match="mean is zero"):
        sample_direction_correction(noise - noise.mean(axis=0))
    with pytest.raises(NonFiniteError, match="overflow"):
        sample_direction_correction(noise * 1e200)


_ZERO = np.zeros((2, 2, 2))
_SKEW = np.array([[0.0, 1.0], [0.0, 0.0]])


@pytest.mark.parametrize(
    ("mean", "covariance", "third", "error", "words"),
    [
        (["a", "b"], np.eye(2), _ZERO, DataError, "mean has dtype"),
        ([1.0, 1j], np.eye(2), _ZERO, DataError, "mean has dtype complex"),
        ([1, 1], None, _ZERO, DataError, "covariance has dtype object"),
        ([1, 1], [[1, 0], [0]], _ZERO, ShapeError, "covariance holds rows of different lengths"),
        (1.0, np.eye(2), _ZERO, ShapeError, "shapes"),
        ([], np.zeros((0, 0)), np.zeros((0, 0, 0)), ShapeError, "d >= 1"),
        ([1, 1], np.eye(2) + _SKEW, _ZERO, DataError, "covariance changes when its indices 0"),
        ([1, 1], np.eye(2), np.arange(8.0).reshape(2, 2, 2), DataError, "third changes"),
        ([1e200, 0], np.eye(2), _ZERO, DataError, "deviations from zero"),
        ([1, 1], 1e-200 * np.eye(2), _ZERO, DataError, "deviations from zero"),
        ([1, 0.5], np.eye(2), np.full((2, 2, 2), 1e200), NonFiniteError, "overflow"),
    ],
)
def test_cumulants_that_are_none_are_named(
    mean: Any, covariance: Any, third: Any, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        direction_correction(mean, covariance, third)

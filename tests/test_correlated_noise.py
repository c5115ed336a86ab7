"""The limit of high dimension under correlated noise: against white noise, roots and data."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import mpmath
import numpy as np
import pytest
from logitreg.errors import DataError, ShapeError
from logitreg.numerics.correlated_noise import noise_pull, noise_spectrum, ridge
from logitreg.numerics.high_dimension import Asymptotics, asymptotics
from logitreg.numerics.separable_limit import (
    largest_margin,
    largest_margin_in_correlated_noise,
)
from logitreg.proofs_checks.claims import correlated_noise as claims
from logitreg.theory import correlated_noise as theory
from numpy.testing import assert_allclose
from scipy.optimize import brentq
from scipy.special import ndtr

(CLAIM,) = claims.CLAIMS
VALUES, WEIGHTS = np.array([0.2, 1.0, 5.0]), np.array([0.5, 0.3, 0.2])
REGIMES: tuple[dict[str, Any], ...] = (
    {"aspect_ratio": 0.6, "alpha": 0.2},
    {"aspect_ratio": 0.6, "alpha": 0.0, "weight_decay": 0.03},
    {"aspect_ratio": 1.7, "alpha": 0.2, "penalty": "absolute", "weight_decay": 0.2},
    {"aspect_ratio": 1.7, "alpha": 0.2},
    {"aspect_ratio": 0.6, "alpha": 0.0},
    {"aspect_ratio": 1.0, "alpha": 0.2},
)


def values(limit: Asymptotics) -> dict[str, float]:
    return {field.name: getattr(limit, field.name) for field in fields(limit)}


def same(found: Asymptotics, expected: Asymptotics, *, but: tuple[str, ...] = ()) -> bool:
    return all(
        np.isclose(value, getattr(expected, name), rtol=1e-11, atol=1e-12, equal_nan=True)
        for name, value in values(found).items()
        if name not in but
    )


def test_simulations_refute_equations_of_white_noise() -> None:
    """Without the check against the scalar problem, data and solver decide alone."""
    white = theory.SpectralSystem(*map(theory.flat, theory.spectral_system()))
    for check in CLAIM.checks[2:]:
        assert check(theory.spectral_system()).supported
        assert check(white).refutes


@pytest.mark.parametrize("setting", REGIMES, ids=str)
def test_a_flat_spectrum_is_white_noise(setting: dict[str, Any]) -> None:
    common = {**setting, "signal_noise": 0.7}
    expected = asymptotics(**common, orthogonal_noise=1.3)
    assert same(asymptotics(**common, orthogonal_noise=1.3, noise_spectrum=[1.0, 1.0]), expected)
    scaled = asymptotics(**common, orthogonal_noise=1.3 / 2, noise_spectrum=[4.0])
    assert same(scaled, expected)
    other = asymptotics(**common, orthogonal_noise=1.3, noise_spectrum=VALUES)
    assert not same(other, expected) or setting["aspect_ratio"] == 1


@pytest.mark.parametrize("setting", REGIMES[:5], ids=str)
def test_weights_count_equal_eigenvalues(setting: dict[str, Any]) -> None:
    counted = asymptotics(**setting, noise_spectrum=(VALUES, WEIGHTS))
    repeated = asymptotics(**setting, noise_spectrum=np.repeat(VALUES, [5, 3, 2]))
    assert same(counted, repeated)


def test_without_weight_decay_a_minimiser_keeps_all_but_its_norm() -> None:
    white = asymptotics(0.6, alpha=0.2)
    found = asymptotics(0.6, alpha=0.2, noise_spectrum=(VALUES, WEIGHTS))
    assert same(found, white, but=("noise_weight", "cosine"))
    harmonic = 1 / np.sum(WEIGHTS / VALUES)
    assert_allclose(found.noise_weight, white.noise_weight / np.sqrt(harmonic), rtol=1e-12)


def test_weight_decay_that_vanishes_tends_to_the_least_norm_and_to_the_largest_margin() -> None:
    spectrum = (VALUES, WEIGHTS)
    exact = asymptotics(1.7, alpha=0.2, noise_spectrum=spectrum)
    near = [
        asymptotics(1.7, alpha=0.2, weight_decay=decay, noise_spectrum=spectrum)
        for decay in (2e-4, 1e-4)
    ]
    gaps = [abs(limit.noise_weight - exact.noise_weight) for limit in near]
    assert gaps[1] < 0.52 * gaps[0] < 1e-3
    separable = asymptotics(0.6, alpha=0.0, noise_spectrum=spectrum)
    strong, weak = (
        asymptotics(0.6, alpha=0.0, weight_decay=decay, noise_spectrum=spectrum)
        for decay in (1e-1, 1e-3)
    )
    assert abs(weak.cosine - separable.cosine) < 0.6 * abs(strong.cosine - separable.cosine)


def test_the_largest_margin_is_that_of_the_search_over_the_cosine() -> None:
    ratios, effects = np.meshgrid([0.5, 0.99, 1.5, 20.0, 1000.0], [1.0, 3.0])
    cells = (ratios.ravel(), effects.ravel(), np.full(10, 0.8), np.full(10, 1.4))
    cosine, margin, noise = largest_margin_in_correlated_noise(*cells, noise_spectrum([1.0]))
    assert_allclose(np.stack(largest_margin(*cells)), (cosine, margin), rtol=1e-12)
    assert_allclose(noise, 1.4 * np.sqrt(1 - cosine**2), rtol=1e-12)


def test_no_weights_near_those_of_the_largest_margin_have_a_larger_one() -> None:
    """Gordon's bound on the margin of unit weights with a given cosine and ridge."""
    ratio, mu, along, across = 0.7, 1.0, 0.5, 1.3
    spectrum = noise_spectrum((VALUES, WEIGHTS))

    def margin(cosine: float, k: float) -> float:
        first, second, norm = (
            float(spectrum.moment(np, np.array([k]), *powers)[0])
            for powers in ((1, 1), (2, 2), (1, 2))
        )
        square = across**2 * (1 - cosine**2) / norm
        spread = np.sqrt((cosine * along) ** 2 + square * second)
        level = ratio * square * first**2

        def excess(m: float) -> float:
            t = (m - cosine * mu) / spread
            density = np.exp(-(t**2) / 2) / np.sqrt(2 * np.pi)
            return float(spread**2 * ((1 + t**2) * ndtr(t) + t * density) - level)

        return float(brentq(excess, -20, 20, xtol=1e-15))

    cell = (np.array([v]) for v in (ratio, mu, along, across))
    cosine, best, _ = (float(v[0]) for v in largest_margin_in_correlated_noise(*cell, spectrum))
    ridges = np.geomspace(0.01, 10, 400)
    over_ridges = [margin(cosine, k) for k in ridges]
    assert max(over_ridges) == pytest.approx(best, rel=1e-5)
    assert max(over_ridges) <= best + 1e-12
    k = ridges[int(np.argmax(over_ridges))]
    assert all(margin(cosine + step, k) < best - 1e-6 for step in (-0.01, 0.01))


def test_the_ridge_has_the_mean_share_that_it_is_asked_for() -> None:
    spectrum = noise_spectrum((VALUES, WEIGHTS))
    for level in (1e-6, 0.3, 1 - 1e-9):
        k = float(ridge(np, spectrum, np.array([level]))[0])
        with mpmath.workdps(30):
            share = sum(
                mpmath.mpf(w) * s / (mpmath.mpf(s) + k)
                for s, w in zip(VALUES, WEIGHTS, strict=True)
            )
            assert abs(share / level - 1) < 1e-14


def test_the_pull_of_the_noise_is_consistent_with_its_slopes() -> None:
    spectrum, h = noise_spectrum((VALUES, WEIGHTS)), 1e-5
    given = (np.array([0.7]), np.array([0.2]))

    def at(envelope: float) -> Any:
        return noise_pull(np, spectrum, *given, np.array([envelope]))

    for envelope in (1e-2, 1.0, 30.0):
        here, above, below = (at(envelope * np.exp(step)) for step in (0, h, -h))
        with_gamma = (above.pull / np.exp(h) - below.pull / np.exp(-h)) / (2 * h)
        assert_allclose(here.level, -with_gamma, rtol=1e-8)
        bend = -(np.log(above.level) - np.log(below.level)) / (4 * h)
        assert_allclose(here.bend, bend, rtol=1e-7)
        # gamma = lambda E s/(kappa + tau s).
        tau = here.pull / envelope
        assert_allclose(0.7 * np.sum(WEIGHTS * VALUES / (0.2 + tau * VALUES)), envelope, rtol=1e-12)


def test_cells_of_another_library_take_a_spectrum() -> None:
    xp = pytest.importorskip("array_api_strict")
    for setting in ({"alpha": 0.2}, {"alpha": 0.2, "weight_decay": 0.1}, {"alpha": 0.0}):
        ratios = [0.6, 1.5]
        found = asymptotics(
            xp.asarray(ratios, dtype=xp.float64), **setting, noise_spectrum=(VALUES, WEIGHTS)
        )
        expected = asymptotics(np.array(ratios), **setting, noise_spectrum=(VALUES, WEIGHTS))
        for name, value in values(found).items():
            assert_allclose(np.asarray(value), getattr(expected, name), rtol=1e-9, atol=1e-12)


def test_large_weights_are_shares() -> None:
    spectrum = noise_spectrum(([1.0, 2.0], [1e308, 1.5e308]))
    assert_allclose(spectrum.weights, [0.4, 0.6], rtol=1e-15)


@pytest.mark.parametrize(
    ("spectrum", "error", "words"),
    [
        ([], ShapeError, "eigenvalues"),
        (np.ones((3, 2)), ShapeError, r"\(3, 2\)"),
        (([1.0, 2.0], [1.0]), ShapeError, "different lengths"),
        ([1.0, 0.0], DataError, "not positive.*drop directions without noise"),
        (["one", "two"], DataError, "real numbers"),
        ([1.0, 2.0j], DataError, "real numbers"),
        ([1.0, 1e-200], DataError, "from 1e-75"),
        (([1.0, 2.0], [np.nan, 1.0]), DataError, "weights"),
        ([1.0, np.inf], DataError, "not positive"),
        (([1.0, 2.0], [1.0, -1.0]), DataError, "weights"),
        (([1.0, 2.0], [0.0, 0.0]), DataError, "weights"),
    ],
)
def test_a_spectrum_that_is_none_is_named(
    spectrum: Any, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        asymptotics(0.5, noise_spectrum=spectrum)

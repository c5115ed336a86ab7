"""Claim: the limits of high dimension under correlated noise across the signal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq, root
from sympy import Eq, Expr, S, Symbol, erf, lambdify, solve, sqrt

from ...theory import correlated_noise as spectral
from ...theory import high_dimension as theory
from ...theory.correlated_noise import SpectralSystem
from ...theory.signal_noise import mu_f, sigma_f, sigma_n, signal_weight
from ...theory.training_limit import training_system, weight_decay
from ..checks import all_of
from ..claim import Claim, Variant
from ..evidence import Outcome
from ..high_dimension_samples import largest_margins, signal_plus_noise
from ..matrix_identities import vanishes
from ..seeded_simulation import band, limits_in_bands
from ..smt import prove_implication
from ..training_limit import Setting, defect, equations_hold, predicts_trained_weights, solved

__all__ = ["CLAIMS"]

_lambda, _gamma, _q = theory.aspect_ratio, theory.envelope, theory.noise
_k, _tau, _beta_square = spectral.ridge, spectral.pull, spectral.strength_square
_D1, _D2, _E2 = spectral.share, spectral.square_share, spectral.share_of_the_norm
_moments = (theory.mean_slope, theory.mean_square_step, theory.mean_step)
_margin = Symbol("m", positive=True)


def _is_stationarity(system: SpectralSystem) -> Outcome:
    """The equations hold exactly where the scalar problem is stationary."""
    decay = Eq(weight_decay, sigma_n**2 * _tau * _k)
    stationary = tuple(Eq(slope, 0) for slope in spectral.scalar_stationarity())
    multipliers = (
        Eq(_tau * _gamma, _lambda * _D1),
        Eq(_beta_square * _gamma**2, theory.mean_square_step),
    )
    norm = spectral.norm_of_the_minimiser()
    share = spectral.coordinate() + spectral.eigenvalue / (2 * _tau * (spectral.eigenvalue + _k))
    return all_of(
        (
            vanishes("least value of a coordinate", share.simplify()),
            vanishes("square of the minimising coordinate", spectral.coordinate_rest()),
            *(prove_implication((decay, *stationary), equation) for equation in system[:4]),
            prove_implication((decay, *stationary, norm), system.norm),
            *(prove_implication((decay, *multipliers, *system[:4]), slope) for slope in stationary),
        )
    )


def _is_that_of_white_noise(system: SpectralSystem) -> Outcome:
    """With every s = 1: the system with weight decay, and the least norm."""
    white = tuple(spectral.flat(equation) for equation in system)
    interpolating = tuple(equation.subs(_least_norm()) for equation in white[:3])
    return all_of(
        (
            *(prove_implication(white[:4], each) for each in training_system()),
            prove_implication((white[4],), Eq(spectral.noise_norm_square * sigma_n**2, _q**2)),
            prove_implication(interpolating, Eq(_k, _lambda - 1)),
            prove_implication(
                interpolating,
                Eq(signal_weight, theory.least_norm_signal().subs(theory.excess, _lambda - 1)),
            ),
        )
    )


def _least_norm() -> dict[Symbol, Expr]:
    """p = z*."""
    gap = theory.target - signal_weight * mu_f
    square = gap**2 + signal_weight**2 * sigma_f**2 + _q**2
    return dict(zip(_moments, (S.Zero, square, gap), strict=True))


def _largest_margin() -> dict[Symbol, Expr]:
    """p = max(Z, 1); half the slope of E (m - Z)_+^2 in m is E (m - Z)_+."""
    spread = sqrt(signal_weight**2 * sigma_f**2 + _q**2)
    square = theory.truncated_square(_margin - signal_weight * mu_f, spread)
    slope = (1 - erf((_margin - signal_weight * mu_f) / (sqrt(2) * spread))) / 2
    found = (slope, square, square.diff(_margin) / 2)
    return {name: value.subs(_margin, 1) for name, value in zip(_moments, found, strict=True)}


class _Data(NamedTuple):
    aspect_ratio: float
    signal: float
    signal_noise: float
    orthogonal_noise: float
    spectrum: tuple[float, ...]


_SPECTRUM = (0.1, 1.0, 4.0)
_INTERPOLATING = _Data(1.5, 1.0, 0.5, 1.2, _SPECTRUM)
_SEPARABLE = _Data(0.7, 1.0, 0.5, 1.0, _SPECTRUM)
_START = (0.5, 0.0, -2.0)
"""S_1, log q and log k."""


def _shares(k: float, spectrum: Sequence[float]) -> tuple[float, float, float]:
    """D_1, D_2 and E_2."""
    s = np.array(spectrum)
    means = (s / (s + k), s**2 / (s + k) ** 2, s / (s + k) ** 2)
    first, second, third = (float(np.mean(values)) for values in means)
    return first, second, third


def _solved(system: SpectralSystem, regime: dict[Symbol, Expr], data: _Data) -> tuple[float, float]:
    """S_1 and ||S_perp||, by Powell's hybrid method.

    Raises
    ------
    ValueError : the residual of the equations does not vanish.
    """
    ratio, mu, deviation, across, spectrum = data
    fixed = {_lambda: ratio, mu_f: mu, sigma_f: deviation, sigma_n: across, theory.target: 1}
    names = (signal_weight, _q, _k, _D1, _D2, _E2)
    gaps = [(each.lhs - each.rhs).subs(regime).subs(fixed) for each in system[:3]]
    residuals = lambdify(names, gaps, "scipy")
    (square,) = solve(system.norm, spectral.noise_norm_square)

    def values(unknowns: Sequence[float]) -> tuple[float, ...]:
        q, k = (float(v) for v in np.exp(np.clip(unknowns[1:], -20, 20)))
        return float(unknowns[0]), q, k, *_shares(k, spectrum)

    found = root(lambda unknowns: residuals(*values(unknowns)), _START, tol=1e-12)
    if not np.abs(found.fun).max() < 1e-9:
        raise ValueError(f"residual {np.abs(found.fun).max():.1e}; expected a solution")
    at = values(found.x)
    length = lambdify(names, square.subs(fixed))(*at) ** 0.5
    return at[0], float(length)


def _predicts_least_norms_and_margins(system: SpectralSystem) -> Outcome:
    """S_1 and ||S_perp||, rho and the margin of seeded data, four standard errors to each side."""
    ratio, mu, deviation, across, spectrum = _INTERPOLATING
    x = signal_plus_noise(200, ratio, mu, (deviation, across), 16, spectrum)
    weights = np.array([np.linalg.lstsq(data, np.ones(len(data)), rcond=None)[0] for data in x])
    lengths = np.linalg.norm(weights[:, 1:], axis=1)
    x = signal_plus_noise(200, *_SEPARABLE[:2], _SEPARABLE[2:4], 16, _SEPARABLE.spectrum)
    margins, cosines = largest_margins(x)
    try:
        shortest = _solved(system, _least_norm(), _INTERPOLATING)
        widest = _solved(system, _largest_margin(), _SEPARABLE)
    except ValueError as failure:
        return Outcome.undecided("seeded simulation", str(failure))
    length = float(np.hypot(*widest))
    comparisons = (
        ("S_1", shortest[0], band(weights[:, 0])),
        ("||S_perp||", shortest[1], band(lengths)),
        ("rho", widest[0] / length, band(cosines)),
        ("margin", 1 / length, band(margins)),
    )
    return limits_in_bands(comparisons, f"N = 200, 16 seeds, eigenvalues {spectrum}")


_TRAININGS = (
    Setting("quadratic", 0.2, 0.6, 1.0, 0.5, 1.2, 0.1, (0.2, 3.0)),
    Setting("label-smoothing", 0.1, 1.5, 1.3, 0.5, 0.8, 0.05, (0.2, 3.0)),
)


def _with_ridge(system: SpectralSystem, setting: Setting) -> dict[Symbol, float]:
    """The solver's values, and k by the equation of weight decay with its means."""
    values = solved(setting)

    def at(k: float) -> dict[Symbol, float]:
        shares = zip((_D1, _D2, _E2), _shares(k, setting.eigenvalues), strict=True)
        return {**values, _k: k, **dict(shares)}

    return at(brentq(lambda k: defect(system.decay, at(k)), 1e-9, 1e9, xtol=1e-15))


def _the_solver_solves(system: SpectralSystem) -> Outcome:
    """The equations at the solver's values, the moments by another quadrature."""
    solutions = ((each, _with_ridge(system, each)) for each in _TRAININGS)
    return equations_hold(solutions, (system.slope, system.square, system.step, system.norm))


def _predicts_the_minimisers(system: SpectralSystem) -> Outcome:
    """S_1 and ||S_perp|| of trained weights, where the equations hold at the solver's values."""
    solution = _the_solver_solves(system)
    return predicts_trained_weights(_TRAININGS) if solution.supported else solution


_PRINTED = spectral.spectral_system()

CLAIMS = (
    Claim(
        id="lead.correlated-noise",
        printed=Variant(
            "Noise across the signal with covariance $\\sigma_n^2\\Sigma$, "
            "$q = \\sigma_n\\|\\Sigma^{1/2} S_\\perp\\|$; over the spectrum "
            "$D_1 = E\\frac{s}{s + k}$, $D_2 = E\\frac{s^2}{(s + k)^2}$, "
            "$E_2 = E\\frac{s}{(s + k)^2}$: $E p'(Z) = 1 - \\lambda D_1$, "
            "$E (p(Z) - Z)^2 = \\lambda q^2 D_1^2/D_2$, "
            "$\\mu_f E (p(Z) - Z) = \\lambda D_1 S_1(\\sigma_f^2 + \\sigma_n^2 k)$ and "
            "$\\|S_\\perp\\|^2 = (q/\\sigma_n)^2 E_2/D_2$. Weight decay has "
            "$p = \\mathrm{prox}_{\\gamma\\ell}$ and $\\kappa\\gamma = \\lambda\\sigma_n^2 k D_1$, "
            "the least norm $p = z^*$, the largest margin $m$ has $p = \\max(Z, m)$.",
            _PRINTED,
        ),
        source="lead: high-dimensional limit, correlated noise",
        hypotheses=(
            "l convex; kappa > 0, or lambda > 1, or alpha = 0 and data separable",
            "the spectrum of Sigma converges to one bounded away from zero and infinity",
            "Gaussian signal plus noise, the noise along and across the signal independent",
            "not by machine: the training problem concentrates on the scalar one (Gordon)",
        ),
        checks=(
            _is_stationarity,
            _is_that_of_white_noise,
            _predicts_least_norms_and_margins,
            _predicts_the_minimisers,
        ),
        controls=(
            Variant("lambda for lambda D_1", _PRINTED._replace(slope=Eq(_moments[0], 1 - _lambda))),
            Variant(
                "D_1^2 for D_2",
                _PRINTED._replace(square=Eq(theory.mean_square_step, _lambda * _q**2)),
            ),
            Variant(
                "the mean eigenvalue for the spectrum",
                SpectralSystem(*map(spectral.flat, _PRINTED)),
            ),
            Variant(
                "k without sigma_n^2",
                _PRINTED._replace(
                    step=Eq(
                        mu_f * theory.mean_step, _lambda * _D1 * signal_weight * (sigma_f**2 + _k)
                    )
                ),
            ),
            Variant(
                "||S_perp|| = q/sigma_n",
                _PRINTED._replace(norm=Eq(spectral.noise_norm_square * sigma_n**2, _q**2)),
            ),
        ),
    ),
)

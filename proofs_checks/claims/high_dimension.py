"""Claims: the limits of high dimension, for Gaussian signal plus noise."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr
from sympy import Eq, Expr, Gt, sqrt

from ...theory import high_dimension as theory
from ...theory.signal_noise import mu_f, sigma_f, sigma_n, signal_weight
from ..checks import all_of
from ..claim import Claim, Variant
from ..evidence import Grade, Outcome
from ..high_dimension import penalised, quadratic_point, solve_system
from ..high_dimension_samples import minimisers
from ..matrix_identities import vanishes
from ..seeded_simulation import Band, band, limits_in_bands
from ..smt import prove_implication

__all__ = ["CLAIMS"]

_lambda, _Delta, _a, _q = theory.aspect_ratio, theory.effect, theory.signal, theory.noise


# The system.

_Equations = tuple[Eq, Eq, Eq]


def _is_gordons_stationarity(equations: _Equations) -> Outcome:
    """The equations hold exactly where Gordon's scalar problem is stationary in a, q and gamma."""
    signs = (_q > 0, theory.envelope > 0, _lambda > 0, _lambda < 1, _Delta > 0)
    stationary = tuple(Eq(slope, 0) for slope in theory.stationarity())
    slopes = theory.envelope_slopes()
    return all_of(
        (
            vanishes("slope of Moreau's envelope in Z", slopes[0]),
            vanishes("slope of Moreau's envelope in gamma", slopes[1]),
            vanishes("integration by parts under the Gaussian", theory.gaussian_by_parts()),
            *(prove_implication((*signs, *stationary), equation) for equation in equations),
            *(prove_implication((*signs, *equations), slope) for slope in stationary),
        )
    )


_TRAININGS = (
    ("quadratic", 0.001, 0.5, 1.0),
    ("label-smoothing", 0.2, 0.5, 1.0),
    ("quadratic", 0.4, 0.7, 2.0),
    ("quadratic", 0.0, 0.15, 0.5),
)
"""Penalty, alpha, lambda, Delta: clustered logits and spread ones, the last without a penalty."""


def _predicts_the_minimisers(equations: _Equations) -> Outcome:
    """a and q of the training minimisers, four standard errors to each side."""
    return limits_in_bands(_comparisons(equations), "N d^2 = 250 000, 32 seeds")


def _comparisons(equations: _Equations) -> Iterator[tuple[str, float, Band]]:
    for penalty, alpha, aspect_ratio, effect in _TRAININGS:
        loss = penalised(penalty, alpha)
        point = solve_system(equations, loss, aspect_ratio, effect)
        where = f"{loss.name}, lambda = {aspect_ratio:g}, Delta = {effect:g}"
        bands = map(band, minimisers(loss, aspect_ratio, effect))
        for name, limit, seen in zip("aq", (point.signal, point.noise), bands, strict=True):
            yield f"{where}: {name}", limit, seen


_FIRST, _SECOND, _THIRD = theory.system()

_SYSTEM = Claim(
    id="lead.high-dimensional-system",
    printed=Variant(
        "With $Z = a\\Delta + \\sqrt{a^2 + q^2}\\,G$ and $p = \\mathrm{prox}_{\\gamma \\ell}$, the "
        "triple $(a, q, \\gamma)$ solves $E p'(Z) = 1 - \\lambda$, "
        "$E (p(Z) - Z)^2 = \\lambda q^2$, $\\Delta E (p(Z) - Z) = \\lambda a$.",
        theory.system(),
    ),
    source="lead: high-dimensional limit",
    hypotheses=(
        "0 < lambda < 1",
        "l smooth and strictly convex with a minimiser, or alpha = 0 and data not separable",
        "Gaussian signal plus noise",
    ),
    checks=(_is_gordons_stationarity, _predicts_the_minimisers),
    controls=(
        Variant("E p' = lambda", (Eq(theory.mean_slope, _lambda), _SECOND, _THIRD)),
        Variant(
            "a^2 + q^2 for q^2",
            (_FIRST, Eq(theory.mean_square_step, _lambda * (_a**2 + _q**2)), _THIRD),
        ),
        Variant("q for a", (_FIRST, _SECOND, Eq(_Delta * theory.mean_step, _lambda * _q))),
        Variant("without Delta", (_FIRST, _SECOND, Eq(theory.mean_step, _lambda * _a))),
    ),
)

# A quadratic loss.


class _Quadratic(NamedTuple):
    """The accuracy is Phi of the argument; C = sigma_n ||S_perp||/S_1."""

    argument: Expr
    ratio: Expr

    def same_as(self, argument: Expr, ratio: Expr) -> Outcome:
        """Both are positive numbers with the squares of the others."""
        return all_of(
            prove_implication((_lambda < 1,), relation)
            for relation in (
                Eq(self.argument**2, argument**2),
                Gt(self.argument, 0),
                Eq(self.ratio**2, ratio**2),
                Gt(self.ratio, 0),
            )
        )


def _solves_the_system(claim: _Quadratic) -> Outcome:
    return claim.same_as(theory.accuracy_argument(), theory.noise_ratio())


def _is_the_limit_of_the_exact_law(claim: _Quadratic) -> Outcome:
    """Least squares has an exact law at every N and d, a ratio of chi-squares."""
    return all_of(
        (
            vanishes("(W + y y^T) W^-1 y is along y", theory.rank_one_update()),
            vanishes("W (1, -W_22^-1 w_21) is along e_1", theory.inverse_of_a_block()),
            claim.same_as(
                theory.least_squares_accuracy_argument(), theory.least_squares_noise_ratio()
            ),
        )
    )


_ARGUMENT = _Delta**2 * sqrt(1 - _lambda) / sqrt(_Delta**2 + _lambda)
_RATIO = sigma_f / mu_f * sqrt(_lambda * (sigma_f**2 + mu_f**2) / (1 - _lambda))

_QUADRATIC = Claim(
    id="lead.high-dimensional-quadratic",
    printed=Variant(
        "Quadratic $\\ell$: the accuracy tends to "
        "$\\Phi(\\Delta^2 \\sqrt{1 - \\lambda}/\\sqrt{\\Delta^2 + \\lambda})$, and $C$ of eq. (4) "
        "to $(\\sigma_f/\\mu_f) \\sqrt{\\lambda (\\sigma_f^2 + \\mu_f^2)/(1 - \\lambda)}$.",
        _Quadratic(_ARGUMENT, _RATIO),
    ),
    source="lead: high-dimensional limit",
    hypotheses=("0 < lambda < 1", "l(z) = c (z - z*)^2, z* > 0", "Gaussian signal plus noise"),
    checks=(_solves_the_system, _is_the_limit_of_the_exact_law),
    controls=(
        Variant(
            "Delta sqrt(1 - lambda)",
            _Quadratic(_Delta * sqrt(1 - _lambda), _RATIO),
        ),
        Variant(
            "1 - lambda without the root",
            _Quadratic(_Delta**2 * (1 - _lambda) / sqrt(_Delta**2 + _lambda), _RATIO),
        ),
        Variant("minus the argument", _Quadratic(-_ARGUMENT, _RATIO)),
        Variant(
            "C without mu_f^2",
            _Quadratic(_ARGUMENT, sigma_f**2 / mu_f * sqrt(_lambda / (1 - _lambda))),
        ),
        Variant(
            "C with sigma_f/mu_f inverted", _Quadratic(_ARGUMENT, _RATIO * mu_f**2 / sigma_f**2)
        ),
    ),
    derivation=theory.quadratic_derivation,
)


# The plateau.


class _Plateau(NamedTuple):
    """The largest difference in accuracy from the quadratic loss is about ``size``."""

    penalty: str
    alpha: float
    size: float


_PLATEAU_GRID = tuple((x, d) for x in (0.1, 0.4, 0.7) for d in (1.0, 1.25, 2.0))
"""lambda and Delta: those of the figures among them."""


@cache
def _difference(
    penalty: str, alpha: float, aspect_ratio: float, effect: float, points: int = 401
) -> float:
    loss = penalised(penalty, alpha)
    point = solve_system(theory.system(), loss, aspect_ratio, effect, points)
    a, q = quadratic_point(aspect_ratio, effect)
    accuracies = ndtr([point.argument(effect), a * effect / np.hypot(a, q)])
    return float(abs(accuracies[0] - accuracies[1]))


def _is_of_that_order(claim: _Plateau) -> Outcome:
    """Within half a decade; the same to 1 % with twice the points in the quadrature."""
    largest, told = 0.0, ""
    for aspect_ratio, effect in _PLATEAU_GRID:
        gap = _difference(claim.penalty, claim.alpha, aspect_ratio, effect)
        finer = _difference(claim.penalty, claim.alpha, aspect_ratio, effect, 801)
        if abs(finer - gap) > 0.01 * gap:
            return Outcome.undecided("quadrature", f"{gap:.3e}, or {finer:.3e} with finer points")
        if gap > largest:
            largest, told = gap, f"lambda = {aspect_ratio:g}, Delta = {effect:g}: {gap:.2e}"
        if largest > 10**0.5 * claim.size:
            return Outcome.refuted("solved systems", "a larger one", told, Grade.TESTED)
    if largest < 10**-0.5 * claim.size:
        return Outcome.refuted("solved systems", "all are smaller", told, Grade.TESTED)
    return Outcome.tested("solved systems", f"{len(_PLATEAU_GRID)} points; the largest at {told}")


_PLATEAU = Claim(
    id="lead.plateau-explained",
    printed=Variant(
        "At $\\alpha = 0.4$, $f = z^2$ the solution of the system differs from that for quadratic "
        "$\\ell$ by about $10^{-7}$ in accuracy.",
        _Plateau("quadratic", 0.4, 1e-7),
    ),
    source="lead: high-dimensional limit",
    hypotheses=("the largest difference over lambda and Delta is meant",),
    checks=(_is_of_that_order,),
    controls=(
        Variant("about 1e-6", _Plateau("quadratic", 0.4, 1e-6)),
        Variant("about 1e-8", _Plateau("quadratic", 0.4, 1e-8)),
        Variant("alpha = 0.1", _Plateau("quadratic", 0.1, 1e-7)),
        Variant("label smoothing", _Plateau("label-smoothing", 0.4, 1e-7)),
    ),
)

# Fewer samples than features.


class _LeastNorm(NamedTuple):
    """S_1, and ||S_perp||^2 as a function of S_1."""

    signal: Expr
    noise_square: Expr


def _is_the_shortest(claim: _LeastNorm) -> Outcome:
    """The limit of the exact law of the perpendicular part, and the least total over S_1."""
    here = {_lambda: 1 + theory.excess}
    signal, noise = (part.subs(here) for part in claim)
    slope = (signal_weight**2 + theory.least_norm_noise(signal_weight)).diff(signal_weight)
    return all_of(
        (
            vanishes("X X^T (X X^T)^-1 = 1", theory.interpolation()),
            prove_implication((), Eq(noise, theory.least_norm_noise(signal_weight))),
            prove_implication((), Eq(slope.subs(signal_weight, signal), 0)),
            prove_implication((), Gt(slope.diff(signal_weight), 0, evaluate=False)),
        )
    )


_z = theory.target
_SIGNAL = _z * mu_f / (mu_f**2 + sigma_f**2 + sigma_n**2 * (_lambda - 1))
_NOISE = ((_z - signal_weight * mu_f) ** 2 + signal_weight**2 * sigma_f**2) / (
    sigma_n**2 * (_lambda - 1)
)

_LEAST_NORM = Claim(
    id="lead.least-norm",
    printed=Variant(
        "$\\lambda > 1$, least-norm minimiser: "
        "$S_1 = z^* \\mu_f/(\\mu_f^2 + \\sigma_f^2 + \\sigma_n^2 (\\lambda - 1))$, "
        "$\\|S_\\perp\\|^2 = ((z^* - S_1 \\mu_f)^2 + S_1^2 \\sigma_f^2)/"
        "(\\sigma_n^2 (\\lambda - 1))$. The loss enters through $z^*$ alone.",
        _LeastNorm(_SIGNAL, _NOISE),
    ),
    source="lead: high-dimensional limit",
    hypotheses=("lambda > 1", "l has the only minimiser z*", "Gaussian signal plus noise"),
    checks=(_is_the_shortest,),
    controls=(
        Variant("lambda for lambda - 1", _LeastNorm(_SIGNAL.subs(_lambda, _lambda + 1), _NOISE)),
        Variant(
            "without sigma_f^2 in S_1",
            _LeastNorm(_z * mu_f / (mu_f**2 + sigma_n**2 * (_lambda - 1)), _NOISE),
        ),
        Variant("without sigma_n^2", _LeastNorm(_SIGNAL, _NOISE * sigma_n**2)),
        Variant("plus S_1 mu_f", _LeastNorm(_SIGNAL, _NOISE.subs(mu_f, -mu_f))),
    ),
    derivation=theory.least_norm_derivation,
)

CLAIMS = (_SYSTEM, _QUADRATIC, _PLATEAU, _LEAST_NORM)

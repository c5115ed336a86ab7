"""Claims: the limit of high dimension for K classes of Gaussian signal plus noise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from sympy import Eq, Expr, Gt, sqrt

from ...theory import high_dimension as two
from ...theory import many_classes_limit as theory
from ...theory.signal_noise import mu_f, sigma_f, sigma_n
from ...theory.training_limit import weight_decay
from ..checks import all_of
from ..claim import Claim, Variant
from ..evidence import Grade, Outcome
from ..many_classes_limit import Equations, Setting, defects, moments, sides, solved, trainings
from ..matrix_identities import vanishes
from ..seeded_simulation import Band, band, limits_in_bands, not_observed, observed
from ..smt import prove_implication

__all__ = ["CLAIMS"]

_lambda, _gamma, _q, _a = two.aspect_ratio, two.envelope, two.noise, two.signal
_K, _m, _h = theory.classes, theory.dimension, theory.goal

# The system.


def _is_stationarity(equations: Equations) -> Outcome:
    """The equations hold exactly where the scalar problem of a block is stationary."""
    stationary = tuple(Eq(slope, 0) for slope in theory.stationarity())
    slopes = theory.block_slopes()
    commuting = (len(theory.invariant_matrices(count)) - 2 for count in (3, 4, 5))
    return all_of(
        (
            *(vanishes("what else commutes with all permutations", rest) for rest in commuting),
            vanishes("slope of Moreau's envelope in Z", slopes[0]),
            vanishes("slope of Moreau's envelope in gamma", slopes[1]),
            vanishes("integration by parts under the Gaussian", two.gaussian_by_parts()),
            *(prove_implication(stationary, equation) for equation in equations),
            *(prove_implication(equations, slope) for slope in stationary),
        )
    )


_SOLVED = (
    Setting("label-smoothing", 0.2, 3, 0.7, 1.3, 0.5, 0.8),
    Setting("label-smoothing", 0.05, 3, 1.5, 1.0, 0.7, 2.0, 0.05),
)


def _the_solver_solves(equations: Equations) -> Outcome:
    """The equations at the solver's values, with other nodes and proximal operators."""
    worst = 0.0
    for setting in _SOLVED:
        for equation in equations:
            left, right = sides(equation, moments(setting))
            gap = abs(left - right) / max(1.0, abs(left))
            if gap > 1e-8:
                where = f"{setting}: {left:.6g} against {right:.6g}"
                return Outcome.refuted("trapezoidal rule", "does not hold", where, Grade.TESTED)
            worst = max(worst, gap)
    return Outcome.tested(
        "trapezoidal rule", f"{len(_SOLVED)} settings, largest defect {worst:.0e}"
    )


_TRAINED = (
    Setting("label-smoothing", 0.2, 3, 0.5, 1.3, 0.7, 1.0),
    Setting("quadratic", 0.1, 4, 0.3, 1.0, 0.4, 0.5),
)
_SAMPLES, _SEEDS = 300, 12


def _holds_for_trained_weights(equations: Equations) -> Outcome:
    """Zero is in the band of the mean defect, four standard errors to each side."""
    told = []
    for setting in _TRAINED:
        seeds = trainings(setting, _SAMPLES, _SEEDS)
        off_by = np.array([defects(equations, setting, seen) for seen in seeds])
        for name, values in zip(("second", "third"), off_by.T, strict=True):
            off = band(values)
            where = f"{setting.penalty}, K = {setting.classes}: {name} equation off by {off}"
            if not off.holds(0):
                return not_observed("an equation fails for trained weights", where)
            told.append(where)
    return observed(f"N = {_SAMPLES}, {_SEEDS} seeds; {'; '.join(told)}")


def _is_where_training_ends(equations: Equations) -> Outcome:
    """a and q of the solution in the bands of trained weights, four standard errors each side."""
    solution = _the_solver_solves(equations)
    if not solution.supported:
        return solution
    return limits_in_bands(_comparisons(), f"N = {_SAMPLES}, {_SEEDS} seeds")


def _comparisons() -> Iterator[tuple[str, float, Band]]:
    for setting in _TRAINED:
        found = solved(setting)
        limits = found.signal_weight, found.noise_weight * setting.orthogonal_noise
        trained = np.array([seen[:2] for seen in trainings(setting, _SAMPLES, _SEEDS)])
        for name, limit, values in zip("aq", limits, trained.T, strict=True):
            yield f"{setting.penalty}, K = {setting.classes}: {name}", limit, band(values)


_FIRST, _SECOND, _THIRD = theory.system()
_STEP, _DECAY = mu_f * two.mean_step, weight_decay * _gamma

_SYSTEM = Claim(
    id="lead.many-classes-limit",
    printed=Variant(
        "$K$ classes, logits of zero sum, $P = 1 - 1 1^T/K$, $m = K - 1$: with "
        "$Z = P(a \\mu_f e_c + \\sqrt{\\sigma_f^2 a^2 + q^2}\\,G)$ and "
        "$p = \\mathrm{prox}_{\\gamma \\ell_c}$, the triple $(a, q, \\gamma)$ solves "
        "$E\\,\\mathrm{tr}\\,P\\,Dp(Z) = m (1 - \\lambda + \\kappa\\gamma/\\sigma_n^2)$, "
        "$E |p(Z) - Z|^2 = m \\lambda q^2$, $\\mu_f E\\,e_c^T P (p(Z) - Z) = "
        "m a (\\sigma_f^2 (\\lambda - \\kappa\\gamma/\\sigma_n^2) + \\kappa\\gamma)$. "
        "Along the level, unless the loss leaves it free, the same holds with $m = 1$ and unknowns "
        "of its own.",
        theory.system(),
    ),
    source="lead: high-dimensional limit",
    hypotheses=(
        "lambda < 1 or kappa > 0",
        "l smooth and convex with a minimiser, symmetric in the other classes",
        "Gaussian signal plus noise, balanced classes",
        "not by machine: training concentrates on the scalar problem (Loureiro et al. 2021)",
    ),
    checks=(
        _is_stationarity,
        _the_solver_solves,
        _holds_for_trained_weights,
        _is_where_training_ends,
    ),
    controls=(
        Variant(
            "E tr P Dp = m lambda + ...",
            (Eq(two.mean_slope, _lambda + _DECAY / sigma_n**2), _SECOND, _THIRD),
        ),
        Variant("without m", (_FIRST, Eq(_m * two.mean_square_step, _lambda * _q**2), _THIRD)),
        Variant(
            "K for m",
            (_FIRST, _SECOND, Eq(_STEP, (_m + 1) * _THIRD.rhs / _m)),
        ),
        Variant("without sigma_f", (_FIRST, _SECOND, _THIRD.subs(sigma_f, 1))),
        Variant(
            "without the decay of a", (_FIRST, _SECOND, Eq(_STEP, _THIRD.rhs - _m * _a * _DECAY))
        ),
    ),
)

# A quadratic loss.


def _solves_the_system(square: Expr) -> Outcome:
    return _same_square(square, theory.quadratic_argument_square())


def _is_the_limit_of_the_exact_law(square: Expr) -> Outcome:
    """Each vector of logits is a regression with the exact law of two classes."""
    first, second = theory.regression_in_two_parts()
    return all_of(
        (
            vanishes("normal equations of the features taken out", first),
            vanishes("normal equations of the others", second),
            vanishes("(W + y y^T) W^-1 y is along y", two.rank_one_update()),
            vanishes("W (1, -W_22^-1 w_21) is along e_1", two.inverse_of_a_block()),
            _same_square(square, theory.least_squares_argument_square()),
        )
    )


def _same_square(square: Expr, other: Expr) -> Outcome:
    return prove_implication((_lambda < 1,), Eq(square, other))


def _agrees_with_two_classes(square: Expr) -> Outcome:
    """At K = 2 twice the square of signed logits, whose signal is mu_f/sqrt(2)."""
    effect = mu_f / (sqrt(2) * sigma_f)
    signed = (two.accuracy_argument() ** 2).subs(two.effect, effect)
    slope, start = theory.two_classes()
    return all_of(
        (
            vanishes("slope of E Phi(G + t) less that of Phi(t/sqrt(2))", slope),
            vanishes("their difference at t = 0", start),
            _same_square(square.subs(_K, 2), 2 * signed),
        )
    )


_SQUARE = mu_f**4 * (1 - _lambda) / (sigma_f**2 * (mu_f**2 + _K * _lambda * sigma_f**2))

_QUADRATIC = Claim(
    id="lead.many-classes-quadratic",
    printed=Variant(
        "$K$ classes, $\\ell_c$ a quadratic: the accuracy tends to $E\\,\\Phi(G + t)^{K - 1}$, "
        "$t = \\mu_f^2 \\sqrt{1 - \\lambda}/(\\sigma_f "
        "\\sqrt{\\mu_f^2 + K \\lambda \\sigma_f^2})$.",
        _SQUARE,
    ),
    source="lead: high-dimensional limit",
    hypotheses=(
        "0 < lambda < 1, sigma_f > 0",
        "l_c(z) = |z - t_c|^2 up to factors on plane and level, t_c symmetric in the other classes",
        "t_c is largest for the true class, no weight decay",
        "Gaussian signal plus noise, balanced classes",
        "not by machine: what is left of the label vector is of unit length in the limit",
    ),
    checks=(_solves_the_system, _is_the_limit_of_the_exact_law, _agrees_with_two_classes),
    controls=(
        Variant("without K", _SQUARE.subs(_K, 1)),
        Variant("K - 1 for K", _SQUARE.subs(_K, _K - 1)),
        Variant("without 1 - lambda", _SQUARE / (1 - _lambda)),
        Variant("(1 - lambda)^2", _SQUARE * (1 - _lambda)),
    ),
    derivation=theory.quadratic_derivation,
)

# Fewer samples than features.


class _LeastNorm(NamedTuple):
    """a, and |v^T W_perp|^2 as a function of a."""

    signal: Expr
    noise_square: Expr


def _is_the_shortest(claim: _LeastNorm) -> Outcome:
    """The limit of the exact law of the perpendicular part, and the least total over a."""
    signal, noise_square = (part.subs(_lambda, 1 + two.excess) for part in claim)
    slope = (_a**2 + theory.least_norm_noise_square(_a)).diff(_a)
    return all_of(
        (
            vanishes("X X^T (X X^T)^-1 = 1", two.interpolation()),
            prove_implication((), Eq(noise_square, theory.least_norm_noise_square(_a))),
            prove_implication((), Eq(slope.subs(_a, signal), 0)),
            prove_implication((), Gt(slope.diff(_a), 0, evaluate=False)),
        )
    )


_LEAST = _h * mu_f / (mu_f**2 + _K * (sigma_f**2 + sigma_n**2 * (_lambda - 1)))
_ACROSS = ((_h - _a * mu_f) ** 2 / _K + _a**2 * sigma_f**2) / (sigma_n**2 * (_lambda - 1))

_LEAST_NORM = Claim(
    id="lead.many-classes-least-norm",
    printed=Variant(
        "$K$ classes, $\\lambda > 1$, least-norm minimiser: "
        "$a = h \\mu_f/(\\mu_f^2 + K (\\sigma_f^2 + \\sigma_n^2 (\\lambda - 1)))$ and, for every "
        "unit vector $v$ of logits of zero sum, $|v^T W_\\perp|^2 = "
        "((h - a \\mu_f)^2/K + a^2 \\sigma_f^2)/(\\sigma_n^2 (\\lambda - 1))$. "
        "The loss enters through its target gap $h$ alone.",
        _LeastNorm(_LEAST, _ACROSS),
    ),
    source="lead: high-dimensional limit",
    hypotheses=(
        "lambda > 1",
        "l_c has one minimiser up to the level, symmetric in the other classes",
        "Gaussian signal plus noise, balanced classes",
        "not by machine: W is a P on the first K features in the limit, by symmetry",
    ),
    checks=(_is_the_shortest,),
    controls=(
        Variant("without K", _LeastNorm(_LEAST.subs(_K, 1), _ACROSS)),
        Variant("lambda for lambda - 1", _LeastNorm(_LEAST.subs(_lambda, _lambda + 1), _ACROSS)),
        Variant("without sigma_n^2", _LeastNorm(_LEAST, _ACROSS * sigma_n**2)),
        Variant("plus a mu_f", _LeastNorm(_LEAST, _ACROSS.subs(mu_f, -mu_f))),
    ),
)

CLAIMS = (_SYSTEM, _QUADRATIC, _LEAST_NORM)

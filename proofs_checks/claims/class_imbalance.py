"""Claims: classes of unequal size and a bias, in the limits of high dimension."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from scipy.optimize import minimize
from sympy import Eq, Expr, Gt, S, lambdify, sqrt

from ...theory import class_imbalance as theory
from ...theory import high_dimension as balanced
from ...theory.alignment_extensions import eliminated_bias
from ...theory.separability import hinge_square_residuals
from ...theory.signal_noise import mu_f, sigma_f, sigma_n, signal_weight
from ..checks import all_of
from ..claim import Claim, Variant
from ..class_imbalance import Setting, separable_draws, solve_biased_system, trained_weights
from ..evidence import Outcome
from ..matrix_identities import vanishes
from ..seeded_simulation import Band, band, limits_in_bands, not_observed, observed
from ..smt import prove_implication

__all__ = ["CLAIMS"]

_SOURCE = "lead: high-dimensional limit, class imbalance with bias"
_lambda, _Delta, _share = balanced.aspect_ratio, balanced.effect, theory.positive_fraction
_a, _b, _q = balanced.signal, theory.bias, balanced.noise
_BOTH_CLASSES = (_share < 1,)


# The system.

_Equations = tuple[Eq, Eq, Eq, Eq]


def _is_gordons_stationarity(equations: _Equations) -> Outcome:
    """The equations hold exactly where the scalar problem is stationary in a, q, gamma and b."""
    signs = (_lambda < 1, *_BOTH_CLASSES)
    stationary = tuple(Eq(slope, 0) for slope in theory.stationarity())
    slopes = balanced.envelope_slopes()
    return all_of(
        (
            vanishes("slope of Moreau's envelope in Z", slopes[0]),
            vanishes("slope of Moreau's envelope in gamma", slopes[1]),
            vanishes("integration by parts under the Gaussian", balanced.gaussian_by_parts()),
            *(prove_implication((*signs, *stationary), equation) for equation in equations),
            *(prove_implication((*signs, *equations), slope) for slope in stationary),
        )
    )


def _is_met_by_equal_classes(equations: _Equations) -> Outcome:
    """At pi = 1/2 and b = 0 steps have the same mean for either label, whatever the loss."""
    mean = balanced.mean_step
    step = theory.label_step(mean, mean).subs(_share, S.Half)
    here = {theory.mean_label_step: step, _b: 0}
    given = tuple(balanced.system())
    return all_of(prove_implication(given, equation.subs(here)) for equation in equations)


_TRAININGS = (
    Setting("quadratic", 0.05, 0.5, 1.0, 0.8),
    Setting("label-smoothing", 0.2, 0.6, 2.0, 0.9),
)


def _predicts_the_minimisers(equations: _Equations) -> Outcome:
    """a, q and b of the training minimisers, four standard errors to each side."""
    return limits_in_bands(_comparisons(equations), "N = 120, 32 seeds")


def _comparisons(equations: _Equations) -> Iterator[tuple[str, float, Band]]:
    for setting in _TRAININGS:
        point = solve_biased_system(equations, setting)
        bands = map(band, trained_weights(setting))
        for name, limit, seen in zip("aqb", point, bands, strict=True):
            yield f"{setting}: {name}", limit, seen


_FIRST, _SECOND, _THIRD, _FOURTH = theory.system()

_SYSTEM = Claim(
    id="lead.class-imbalance",
    printed=Variant(
        "$P(y = 1) = \\pi$ and a bias $b$: with $Z_y = a\\Delta + y b + \\sqrt{a^2 + q^2}\\,G$ and "
        "$p = \\mathrm{prox}_{\\gamma \\ell}$, $(a, q, \\gamma, b)$ solves "
        "$E p'(Z_y) = 1 - \\lambda$, $E (p(Z_y) - Z_y)^2 = \\lambda q^2$, "
        "$\\Delta E (p(Z_y) - Z_y) = \\lambda a$, $E y (p(Z_y) - Z_y) = 0$, means over $y$ and "
        "$G$; at $\\pi = 1/2$ it is the system of equal classes, with $b = 0$.",
        theory.system(),
    ),
    source=_SOURCE,
    hypotheses=(
        "0 < lambda < 1",
        "0 < pi < 1",
        "l smooth and strictly convex with a minimiser",
        "Gaussian signal plus noise",
        "not by machine: training concentrates on the scalar problem (Gordon)",
    ),
    checks=(_is_gordons_stationarity, _is_met_by_equal_classes, _predicts_the_minimisers),
    controls=(
        Variant("E p' = lambda", (Eq(balanced.mean_slope, _lambda), _SECOND, _THIRD, _FOURTH)),
        Variant("b = 0 for any pi", (_FIRST, _SECOND, _THIRD, Eq(_b, 0))),
        Variant(
            "E y (p - Z) = lambda b, as for a penalised weight",
            (_FIRST, _SECOND, _THIRD, Eq(theory.mean_label_step, _lambda * _b)),
        ),
        Variant("without Delta", (_FIRST, _SECOND, Eq(balanced.mean_step, _lambda * _a), _FOURTH)),
    ),
)


# A quadratic loss.


class _Quadratic(NamedTuple):
    """a Delta/sqrt(a^2 + q^2), which fixes the direction, and b."""

    argument: Expr
    bias: Expr

    def same_as(self, argument: Expr, shift: Expr) -> Outcome:
        relations = (
            Eq(self.argument**2, argument**2),
            Gt(self.argument, 0),
            Eq(self.bias, shift),
        )
        return all_of(
            prove_implication((_lambda < 1, *_BOTH_CLASSES), relation) for relation in relations
        )


def _solves_the_system(claim: _Quadratic) -> Outcome:
    found = theory.quadratic_solution()
    argument = found[_a] * _Delta / sqrt(found[_a] ** 2 + found[_q**2])
    return claim.same_as(argument, found[_b])


def _is_the_limit_of_the_exact_law(claim: _Quadratic) -> Outcome:
    """Least squares with an intercept, at every N and d: the slope first, then the bias."""
    slope = theory.quadratic_solution()[_a]
    plus, minus = eliminated_bias()
    return all_of(
        (
            vanishes("S along W^-1 (m_+ - m_-), part m_+", plus.simplify()),
            vanishes("S along W^-1 (m_+ - m_-), part m_-", minus.simplify()),
            vanishes("W (1, -W_22^-1 w_21) is along e_1", balanced.inverse_of_a_block()),
            vanishes("S is independent of the mean noise", theory.mean_correlation()),
            claim.same_as(
                theory.exact_direction_argument(),
                theory.imbalance() * (balanced.target - slope * _Delta),
            ),
        )
    )


def _is_that_of_equal_classes(claim: _Quadratic) -> Outcome:
    """The argument over Delta is that of equal classes for the signal Delta sqrt(h)."""
    weaker = balanced.accuracy_argument().subs(_Delta, _Delta * sqrt(theory.balance()))
    return prove_implication(
        (_lambda < 1, *_BOTH_CLASSES), Eq(claim.argument**2 * theory.balance(), weaker**2)
    )


_h = theory.balance()
_ARGUMENT = _Delta**2 * sqrt(_h * (1 - _lambda) / (_h * _Delta**2 + _lambda))
_SHIFT = theory.imbalance() * balanced.target / (1 + _h * _Delta**2)

_QUADRATIC = Claim(
    id="lead.class-imbalance-quadratic",
    printed=Variant(
        "Quadratic $\\ell$, $h = 4\\pi(1 - \\pi)$: the direction is that of equal classes with the "
        "signal $\\mu_f \\sqrt{h}$, $a\\Delta/\\sqrt{a^2 + q^2} = "
        "\\Delta^2 \\sqrt{h (1 - \\lambda)/(h \\Delta^2 + \\lambda)}$, and "
        "$b = (2\\pi - 1) z^*/(1 + h \\Delta^2)$.",
        _Quadratic(_ARGUMENT, _SHIFT),
    ),
    source=_SOURCE,
    hypotheses=("0 < lambda < 1", "0 < pi < 1", "l(z) = c (z - z*)^2, z* > 0", "Gaussian noise"),
    checks=(_solves_the_system, _is_the_limit_of_the_exact_law, _is_that_of_equal_classes),
    controls=(
        Variant("h = 1 in the direction", _Quadratic(_ARGUMENT.subs(_share, S.Half), _SHIFT)),
        Variant(
            "h for its root",
            _Quadratic(
                _Delta**2 * _h * sqrt((1 - _lambda) / (_h**2 * _Delta**2 + _lambda)), _SHIFT
            ),
        ),
        Variant("minus the bias", _Quadratic(_ARGUMENT, -_SHIFT)),
        Variant("b = (2 pi - 1) z*", _Quadratic(_ARGUMENT, theory.imbalance() * balanced.target)),
    ),
    derivation=theory.quadratic_derivation,
)


# Fewer samples than features.


class _LeastNorm(NamedTuple):
    """S_1 and b of the least S_1^2 + ||S_perp||^2 + c b^2, and ||S_perp||^2 as a function."""

    signal: Expr
    bias: Expr
    noise_square: Expr


def _is_the_shortest(claim: _LeastNorm) -> Outcome:
    """The limit of the exact law of the perpendicular part, and the least total over S_1 and b."""
    found = theory.least_norm_solution()
    total = signal_weight**2 + theory.bias_cost * _b**2 + theory.least_norm_noise(signal_weight, _b)
    first, shift = signal_weight, _b
    bend = total.diff(first, 2) * total.diff(shift, 2) - total.diff(first, shift) ** 2
    relations = (
        Eq(claim.noise_square, theory.least_norm_noise(signal_weight, _b)),
        Eq(claim.signal, found[signal_weight]),
        Eq(claim.bias, found[_b]),
        Gt(total.diff(first, 2), 0, evaluate=False),
        Gt(bend, 0, evaluate=False),
    )
    return all_of(
        (
            vanishes("X X^T (X X^T)^-1 = 1", balanced.interpolation()),
            *(prove_implication(_BOTH_CLASSES, relation) for relation in relations),
        )
    )


_k = sigma_n**2 * balanced.excess
_c = theory.bias_cost
_balance = theory.effective_balance()
_SIGNAL = _balance * balanced.target * mu_f / (_balance * mu_f**2 + sigma_f**2 + _k)
_BIAS = theory.imbalance() * (balanced.target - _SIGNAL * mu_f) / (1 + _c * _k)
_rest = balanced.target - signal_weight * mu_f
_NOISE = (
    _rest**2 - 2 * theory.imbalance() * _b * _rest + _b**2 + signal_weight**2 * sigma_f**2
) / _k

_LEAST_NORM = Claim(
    id="lead.class-imbalance-least-norm",
    printed=Variant(
        "$\\lambda > 1$, all logits $z^*$ at the least $|S|^2 + c\\,b^2$; with "
        "$k = \\sigma_n^2 (\\lambda - 1)$ and $h_c = 1 - (2\\pi - 1)^2/(1 + c k)$: "
        "$S_1 = h_c z^* \\mu_f/(h_c \\mu_f^2 + \\sigma_f^2 + k)$, "
        "$b = (2\\pi - 1)(z^* - S_1 \\mu_f)/(1 + c k)$, $\\|S_\\perp\\|^2 = "
        "E[(z^* - S_1 \\mu_f - y b)^2 + S_1^2 \\sigma_f^2]/k$.",
        _LeastNorm(_SIGNAL, _BIAS, _NOISE),
    ),
    source=_SOURCE,
    hypotheses=(
        "lambda > 1",
        "0 < pi < 1",
        "c >= 0 (c = 0: the bias is free)",
        "l has the only minimiser z* > 0",
        "Gaussian signal plus noise",
    ),
    checks=(_is_the_shortest,),
    controls=(
        Variant("h_c = 1", _LeastNorm(_SIGNAL.subs(_share, S.Half), _BIAS, _NOISE)),
        Variant("h for h_c", _LeastNorm(_SIGNAL.subs(_c, 0), _BIAS, _NOISE)),
        Variant("a free bias", _LeastNorm(_SIGNAL, _BIAS.subs(_c, 0), _NOISE)),
        Variant("without the bias's part", _LeastNorm(_SIGNAL, _BIAS, _NOISE.subs(_b, 0))),
    ),
    derivation=theory.least_norm_derivation,
)

# Without a penalty.


class _Conic(NamedTuple):
    """lambda_s = min over c_0 and b of E (-drift - y shift - scale G)_+^2."""

    drift: Expr
    shift: Expr
    scale: Expr


def _expectation_has_its_closed_form(_: _Conic) -> Outcome:
    names = ("H'' = 2 Phi(-t)", "H at infinity", "H' at infinity")
    return all_of(map(vanishes, names, hinge_square_residuals()))


def _turns_separable_there(claim: _Conic) -> Outcome:
    """Random data at 3/4 and 5/4 of the threshold."""
    names = ((theory.path, _b), _Delta, _share)
    value = lambdify(names, theory.separability_mean(*claim), "scipy")
    told, samples = [], 200
    for effect, share in ((0.5, 0.9), (1.0, 0.3)):
        threshold = minimize(value, (0.5, 0.0), (effect, share), method="Nelder-Mead").fun
        for side in (0.75, 1.25):
            features = max(1, round(side * threshold * samples))
            seen = separable_draws(features, effect, share, samples)
            where = (
                f"Delta = {effect:g}, pi = {share:g}, lambda = {features / samples:g} = "
                f"{side:g} lambda_s: {seen}"
            )
            if seen.high < 0.5 if side > 1 else seen.low > 0.5:
                return not_observed("the wrong side", where)
            if seen.low <= 0.5 <= seen.high:
                return Outcome.undecided("seeded simulation", where)
            told.append(where)
    return observed("; ".join(told))


_SCALE = sqrt(1 + theory.path**2)
_DRIFT = theory.path * _Delta

_THRESHOLD = Claim(
    id="lead.class-imbalance-threshold",
    printed=Variant(
        "Classes of shares $\\pi$ and $1 - \\pi$ are separable with a bias, as $N, d \\to "
        "\\infty$, iff $\\lambda > \\min_{c, b} E(-c\\Delta - y b - \\sqrt{1 + c^2}\\, G)_+^2$, "
        "the mean over $y$ and $G$.",
        _Conic(_DRIFT, _b, _SCALE),
    ),
    source=_SOURCE,
    hypotheses=(
        "0 < pi < 1",
        "Gaussian signal plus noise, sigma_f > 0, sigma_n > 0",
        "lambda is not the minimum itself",
        "not by machine: the largest margin concentrates on the scalar problem (Gordon)",
    ),
    checks=(_expectation_has_its_closed_form, _turns_separable_there),
    controls=(
        Variant("without a bias", _Conic(_DRIFT, S.Zero, _SCALE)),
        Variant("one shift for both classes", _Conic(_DRIFT + _b, S.Zero, _SCALE)),
        Variant("twice the signal", _Conic(2 * _DRIFT, _b, _SCALE)),
    ),
)

CLAIMS = (_SYSTEM, _QUADRATIC, _LEAST_NORM, _THRESHOLD)

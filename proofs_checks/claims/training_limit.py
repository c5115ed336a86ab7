"""Claims: the limit of high dimension with weight decay, and the solver of its equations."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from sympy import Eq, Expr, Symbol, lambdify

from ...numerics.high_dimension import asymptotics
from ...theory import high_dimension as theory
from ...theory.signal_noise import mu_f, sigma_f, sigma_n, signal_weight
from ...theory.training_limit import scalar_stationarity, training_system, weight_decay
from ..checks import all_of
from ..claim import Claim, Variant
from ..evidence import Grade, Outcome
from ..high_dimension import (
    band,
    minimisers,
    moments_at,
    not_observed,
    observed,
    penalised,
)
from ..smt import prove_implication

__all__ = ["CLAIMS"]

_lambda, _gamma, _q = theory.aspect_ratio, theory.envelope, theory.noise
_Equations = tuple[Eq, Eq, Eq]


def _is_stationarity(equations: _Equations) -> Outcome:
    """The equations hold exactly where the scalar problem is stationary."""
    signs = (_q > 0, _gamma > 0, _lambda > 0, sigma_n > 0)
    stationary = tuple(Eq(slope, 0) for slope in scalar_stationarity())
    return all_of(
        (
            *(prove_implication((*signs, *stationary), equation) for equation in equations),
            *(prove_implication((*signs, *equations), slope) for slope in stationary),
        )
    )


class _Setting(NamedTuple):
    penalty: str
    alpha: float
    aspect_ratio: float
    signal: float
    signal_noise: float
    orthogonal_noise: float
    decay: float


_SETTINGS = (
    _Setting("quadratic", 0.0, 0.7, 1.0, 0.5, 1.0, 0.2),
    _Setting("label-smoothing", 0.1, 1.5, 1.3, 0.5, 0.8, 0.05),
    _Setting("quadratic", 0.4, 0.5, 0.7, 0.9, 2.0, 0.0),
)


@cache
def _solved(setting: _Setting) -> dict[Symbol, float]:
    """The numerical solution, and the moments at it by adaptive quadrature and bisection."""
    penalty, alpha, ratio, mu, deviation, across, decay = setting
    found = asymptotics(
        ratio,
        signal=mu,
        signal_noise=deviation,
        orthogonal_noise=across,
        penalty=penalty,
        alpha=alpha,
        weight_decay=decay,
    )
    first, q = found.signal_weight, across * found.noise_weight
    law = first * mu, float(np.hypot(first * deviation, q))
    gamma, mean_slope, step, square = moments_at((penalty, alpha), *law, found.train_logit_mean)
    return {
        theory.aspect_ratio: ratio,
        mu_f: mu,
        sigma_f: deviation,
        sigma_n: across,
        weight_decay: decay,
        signal_weight: first,
        _q: q,
        _gamma: gamma,
        theory.mean_step: step,
        theory.mean_square_step: square,
        theory.mean_slope: mean_slope,
    }


def _the_solver_solves(equations: _Equations) -> Outcome:
    """The equations at the solver's values, the moments by another quadrature."""
    worst = 0.0
    for setting in _SETTINGS:
        values = _solved(setting)
        for equation in equations:
            sides = (
                float(lambdify(tuple(values), side)(*values.values())) for side in equation.args
            )
            left, right = sides
            gap = abs(left - right) / max(1.0, abs(left))
            if gap > 1e-8:
                where = f"{setting}: {left:.6g} against {right:.6g}"
                return Outcome.refuted("adaptive quadrature", "does not hold", where, Grade.TESTED)
            worst = max(worst, gap)
    return Outcome.tested("adaptive quadrature", f"3 settings, largest defect {worst:.0e}")


def _predicts_the_minimisers(equations: _Equations) -> Outcome:
    """S_1 and ||S_perp|| of trained weights at the solution, four standard errors to each side."""
    solution = _the_solver_solves(equations)
    if not solution.supported:
        return solution
    told = []
    for setting in _SETTINGS:
        solved = _solved(setting)
        limits = solved[signal_weight], solved[_q] / setting.orthogonal_noise
        trained = minimisers(
            penalised(setting.penalty, setting.alpha),
            setting.aspect_ratio,
            setting.signal,
            deviations=(setting.signal_noise, setting.orthogonal_noise),
            weight_decay=setting.decay,
        )
        for name, limit, values in zip(("S_1", "||S_perp||"), limits, trained, strict=True):
            seen = band(values)
            where = f"{setting.penalty}, kappa = {setting.decay:g}: {name} in {seen}"
            if not seen.holds(limit):
                return not_observed("the means differ", f"{where}, solved {limit:.4g}")
            told.append(f"{where}, solved {limit:.4g}")
    return observed(f"32 seeds; {'; '.join(told)}")


def _with(position: int, equation: Expr) -> _Equations:
    system = list(training_system())
    system[position] = equation
    return system[0], system[1], system[2]


CLAIMS = (
    Claim(
        id="lead.weight-decay-limit",
        printed=Variant(
            "With weight decay $\\kappa\\|S\\|^2/2$, $Z = S_1\\mu_f + s\\,G$, "
            "$s^2 = S_1^2\\sigma_f^2 + q^2$ and $q = \\sigma_n\\|S_\\perp\\|$: "
            "$E p'(Z) = 1 - \\lambda + \\kappa\\gamma/\\sigma_n^2$, "
            "$E (p(Z) - Z)^2 = \\lambda q^2$, "
            "$\\mu_f E (p(Z) - Z) = S_1(\\sigma_f^2 (1 - E p'(Z)) + \\kappa\\gamma)$.",
            training_system(),
        ),
        source="lead: high-dimensional limit, in the original coordinates",
        hypotheses=(
            "l convex; lambda < 1, or kappa > 0",
            "Gaussian signal plus noise",
            "not by machine: the training problem concentrates on the scalar one (Gordon)",
        ),
        checks=(_is_stationarity, _the_solver_solves, _predicts_the_minimisers),
        controls=(
            Variant(
                "the decay without sigma_n",
                _with(0, Eq(theory.mean_slope, 1 - _lambda + weight_decay * _gamma)),
            ),
            Variant("no decay in E p'", _with(0, Eq(theory.mean_slope, 1 - _lambda))),
            Variant("q^2 for lambda q^2", _with(1, Eq(theory.mean_square_step, _q**2))),
            Variant(
                "no decay along the signal",
                _with(
                    2,
                    Eq(
                        mu_f * theory.mean_step,
                        signal_weight * sigma_f**2 * (1 - theory.mean_slope),
                    ),
                ),
            ),
        ),
    ),
)

"""The limit with weight decay as numerics solves it, against its equations and seeded trainings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from sympy import Eq, Symbol, lambdify

from ..numerics.high_dimension import asymptotics
from ..theory import high_dimension as theory
from ..theory.correlated_noise import noise_norm_square
from ..theory.signal_noise import mu_f, sigma_f, sigma_n, signal_weight
from ..theory.training_limit import weight_decay
from .evidence import Grade, Outcome
from .high_dimension import moments_at, penalised
from .high_dimension_samples import minimisers
from .seeded_simulation import Band, band, limits_in_bands

__all__ = ["Setting", "defect", "equations_hold", "predicts_trained_weights", "solved"]

Values = dict[Symbol, float]


class Setting(NamedTuple):
    """A loss, the data and weight decay; the eigenvalues of the noise unless it is white."""

    penalty: str
    alpha: float
    aspect_ratio: float
    signal: float
    signal_noise: float
    orthogonal_noise: float
    decay: float
    spectrum: tuple[float, ...] | None = None

    @property
    def eigenvalues(self) -> tuple[float, ...]:
        return self.spectrum or (1.0,)


@cache
def solved(setting: Setting) -> Values:
    """The numerical solution, and the moments at it by adaptive quadrature and bisection."""
    penalty, alpha, ratio, mu, deviation, across, decay, spectrum = setting
    found = asymptotics(
        ratio,
        signal=mu,
        signal_noise=deviation,
        orthogonal_noise=across,
        penalty=penalty,
        alpha=alpha,
        weight_decay=decay,
        noise_spectrum=spectrum,
    )
    law = found.logit_mean, found.logit_deviation
    gamma, mean_slope, step, square = moments_at((penalty, alpha), *law, found.train_logit_mean)
    return {
        theory.aspect_ratio: ratio,
        mu_f: mu,
        sigma_f: deviation,
        sigma_n: across,
        weight_decay: decay,
        signal_weight: found.signal_weight,
        theory.noise: float(np.sqrt(law[1] ** 2 - (found.signal_weight * deviation) ** 2)),
        noise_norm_square: found.noise_weight**2,
        theory.envelope: gamma,
        theory.mean_slope: mean_slope,
        theory.mean_step: step,
        theory.mean_square_step: square,
    }


def defect(equation: Eq, values: Values) -> float:
    """Left less right side."""
    return float(lambdify(tuple(values), equation.lhs - equation.rhs)(*values.values()))


def equations_hold(solutions: Iterable[tuple[Setting, Values]], equations: Sequence[Eq]) -> Outcome:
    """Whether all equations hold, to 1e-8, at the values of each solution."""
    worst, count = 0.0, 0
    for setting, values in solutions:
        for equation in equations:
            gap = abs(defect(equation, values))
            if gap > 1e-8:
                where = f"{setting}: {equation} is off by {gap:.2g}"
                return Outcome.refuted("adaptive quadrature", "does not hold", where, Grade.TESTED)
            worst = max(worst, gap)
        count += 1
    return Outcome.tested("adaptive quadrature", f"{count} settings, largest defect {worst:.0e}")


def predicts_trained_weights(settings: Sequence[Setting]) -> Outcome:
    """S_1 and ||S_perp|| of seeded trainings at the solution, four standard errors to each side."""
    return limits_in_bands(_comparisons(settings), "32 seeds")


def _comparisons(settings: Sequence[Setting]) -> Iterator[tuple[str, float, Band]]:
    for setting in settings:
        values = solved(setting)
        limits = values[signal_weight], values[noise_norm_square] ** 0.5
        trained = minimisers(
            penalised(setting.penalty, setting.alpha),
            setting.aspect_ratio,
            setting.signal,
            deviations=(setting.signal_noise, setting.orthogonal_noise),
            weight_decay=setting.decay,
            spectrum=setting.eigenvalues,
        )
        where = f"{setting.penalty}, kappa = {setting.decay:g}"
        for name, limit, seen in zip(("S_1", "||S_perp||"), limits, trained, strict=True):
            yield f"{where}: {name}", limit, band(seen)

"""Claim: the calibration of Gaussian logits, as those of fresh samples are in high dimension."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import expit, ndtr
from sympy import Eq, Expr, Interval, lambdify, oo

from ...numerics.calibration import gaussian_calibration_error
from ...theory import calibration as theory
from ...theory.symbols import z
from ..checks import all_of
from ..claim import Claim, Variant
from ..evidence import Grade, Outcome
from ..prover import prove
from ..smt import prove_implication

__all__ = ["CLAIMS"]

_m, _s = theory.mean, theory.deviation
_real, _positive = Interval(-oo, oo), Interval.open(0, oo)


class _Calibration(NamedTuple):
    """P(y = 1 | z) = 1/(1 + exp(-multiple z)), the variance of calibrated logits, and the error.

    The error is |E sigma(|z|) - Phi(argument)|.
    """

    multiple: Expr
    variance: Expr
    argument: Expr


def _is_the_posterior(claim: _Calibration) -> Outcome:
    """The odds of the two densities at z are exp(multiple z)."""
    exponent = ((z + _m) ** 2 - (z - _m) ** 2) / (2 * _s**2)
    return prove(
        Eq(exponent, claim.multiple * z, evaluate=False), {z: _real, _m: _real, _s: _positive}
    )


def _vanishes_at_that_variance_alone(claim: _Calibration) -> Outcome:
    """The gap is sinh((1 - k) z/2) over positive terms: zero at all z iff k = 1."""
    if gaps := theory.gap_derivation().unproved():
        return Outcome.undecided("derivation", f"steps {gaps} do not follow")
    calibrated, of_variance = Eq(claim.multiple, 1), Eq(_s**2, claim.variance)
    return all_of(
        (
            Outcome.proved("derivation", "sigma(z) - sigma(k z) = sinh((1 - k) z/2)/positive"),
            prove_implication((calibrated,), of_variance),
            prove_implication((of_variance,), calibrated),
        )
    )


_LAWS = ((1.0, 1.0), (0.4, 2.0), (3.0, 1.5), (2.0, 2.0), (-1.0, 1.0))
"""Mean and deviation: too sharp and too flat logits, calibrated ones, and worse than chance."""


def _is_confidence_less_accuracy(claim: _Calibration) -> Outcome:
    """The mean gap by its definition, by the claimed difference, and by the quadrature in use."""
    t = np.linspace(-12, 12, 200_001)
    weights = np.exp(-(t**2) / 2) / np.sum(np.exp(-(t**2) / 2))
    multiple, argument = (lambdify((_m, _s), part) for part in (claim.multiple, claim.argument))
    worst = 0.0
    for mean, deviation in _LAWS:
        logits = mean + deviation * t
        gap = np.sum(weights * np.abs(expit(logits) - expit(multiple(mean, deviation) * logits)))
        confidence = np.sum(weights * expit(np.abs(logits)))
        claimed = abs(confidence - ndtr(argument(mean, deviation)))
        values = (float(gap), float(claimed), gaussian_calibration_error(mean, deviation))
        if (spread := max(values) - min(values)) > 1e-8:
            told = ", ".join(f"{value:.6g}" for value in values)
            where = f"m = {mean:g}, s = {deviation:g}: {told}"
            return Outcome.refuted("quadrature", "the three differ", where, Grade.TESTED)
        worst = max(worst, spread)
    return Outcome.tested("quadrature", f"{len(_LAWS)} laws, largest difference {worst:.0e}")


_PRINTED = _Calibration(2 * _m / _s**2, 2 * _m, _m / _s)

CLAIMS = (
    Claim(
        id="lead.gaussian-calibration",
        printed=Variant(
            "If the signed logits are $N(m, s^2)$ and the classes equally likely, "
            "$P(y = 1 \\mid z) = \\sigma(2 m z/s^2)$. The logits are calibrated iff $s^2 = 2 m$, "
            "and their expected calibration error is $|E\\,\\sigma(|z|) - \\Phi(m/s)|$.",
            _PRINTED,
        ),
        source="lead: calibration in the high-dimensional limit",
        hypotheses=("two equally likely classes, s > 0", "the predicted probability is sigma(z)"),
        checks=(
            _is_the_posterior,
            _vanishes_at_that_variance_alone,
            _is_confidence_less_accuracy,
        ),
        controls=(
            Variant("sigma(m z/s^2)", _PRINTED._replace(multiple=_m / _s**2)),
            Variant("sigma(2 m z/s)", _PRINTED._replace(multiple=2 * _m / _s)),
            Variant("s^2 = m", _PRINTED._replace(variance=_m)),
            Variant("Phi(2 m/s)", _PRINTED._replace(argument=2 * _m / _s)),
        ),
        derivation=theory.posterior_derivation,
    ),
)

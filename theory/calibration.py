"""Calibration of Gaussian logits: posterior, the gap to the predicted probability, when it is zero.

Classes y = -1, +1 are equally likely, and the logit of class +1 has the law N(y m, s^2); the signed
logit is then N(m, s^2). The classifier predicts sigma(z), the logistic function, for class +1.
"""

from __future__ import annotations

from sympy import Eq, Expr, Rational, Symbol, cosh, exp, pi, sinh, sqrt

from .derivations import Derivation, Step
from .losses import sigmoid
from .symbols import z

__all__ = [
    "calibration_gap",
    "deviation",
    "gap_derivation",
    "mean",
    "perfect_derivation",
    "posterior",
    "posterior_derivation",
    "sharpness",
]

mean = Symbol("m", real=True)
"""The mean of the signed logits."""

deviation = Symbol("s", positive=True)
"""Their standard deviation."""

sharpness = Symbol("k", real=True)
"""k = 2 m/s^2, the factor by which the logits are too small."""


def _density(center: Expr) -> Expr:
    return exp(-((z - center) ** 2) / (2 * deviation**2)) / (deviation * sqrt(2 * pi))


def posterior() -> Expr:
    """The probability of class +1 at the logit z: sigma(2 m z/s^2).

    >>> posterior()
    1/(1 + exp(-2*m*z/s**2))
    """
    return sigmoid(2 * mean * z / deviation**2)


def posterior_derivation() -> Derivation:
    """From Bayes' rule to the logistic function of a multiple of the logit."""
    here, there = _density(mean), _density(-mean)
    exponent = ((z - mean) ** 2 - (z + mean) ** 2) / (2 * deviation**2)
    return Derivation(
        "the posterior of a Gaussian logit is a logistic function",
        (
            Step("Bayes' rule with equal priors", here / (here + there), "start"),
            Step("divided by the density of class +1", 1 / (1 + exp(exponent))),
            Step("(z - m)^2 - (z + m)^2 = -4 m z", posterior()),
        ),
    )


def calibration_gap() -> Expr:
    """sigma(z) - sigma(k z) as one product, whose sign is that of (1 - k) z.

    >>> calibration_gap()
    sinh(z*(1/2 - k/2))/(2*cosh(z/2)*cosh(k*z/2))
    """
    difference = (Rational(1, 2) - sharpness / 2) * z
    return sinh(difference) / (2 * cosh(z / 2) * cosh(sharpness * z / 2))


def gap_derivation() -> Derivation:
    """From the predicted probability less the posterior to a form without cancellation."""
    a, b = z / 2, sharpness * z / 2
    return Derivation(
        "predicted probability less posterior",
        (
            Step("definition", sigmoid(z) - sigmoid(sharpness * z), "start"),
            Step(
                "2 sigma(x) - 1 = sinh(x/2)/cosh(x/2)",
                (sinh(a) / cosh(a) - sinh(b) / cosh(b)) / 2,
            ),
            Step("sinh a cosh b - cosh a sinh b = sinh(a - b)", calibration_gap()),
        ),
    )


def perfect_derivation() -> Derivation:
    """From a gap that vanishes at every logit to the variance of calibrated logits."""
    return Derivation(
        "logits are calibrated iff s^2 = 2 m",
        (
            Step("the gap vanishes at every z", Eq(calibration_gap(), 0, evaluate=False), "start"),
            Step(
                "sinh has the one zero 0, cosh has none",
                Eq(1 - sharpness, 0, evaluate=False),
                "implied",
            ),
            Step("k = 2 m/s^2", Eq(1 - 2 * mean / deviation**2, 0, evaluate=False), "implied"),
            Step(
                "times s^2",
                Eq(deviation**2, 2 * mean, evaluate=False),
                "equivalent",
                1 / deviation**2,
            ),
        ),
    )

"""Dropout of the features of a linear model: the expected loss, and the average prediction.

Each feature of each sample is kept with probability p, independently: R_ij ~ Bernoulli(p). Then

    E ||y - (X o R) w||^2 = ||y - p X w||^2 + p (1 - p) ||Gamma w||^2,   Gamma = diag(X^T X)^(1/2).

It is proved for any number of features by induction, one feature at a time, and for any number of
samples because both sides are sums over the samples.
"""

from __future__ import annotations

from sympy import Expr, MatrixSymbol, S, Symbol

from .derivations import Derivation, Step

__all__ = [
    "contribution",
    "data",
    "dropout_derivation",
    "error",
    "expected_logit",
    "expected_square",
    "gram",
    "keep",
    "mean_logit",
    "prediction_derivation",
    "variance",
]

keep = Symbol("p", positive=True)
"""The probability of keeping a feature, in (0, 1)."""
contribution = Symbol("a", real=True)
"""x_ij w_j, what the feature adds to the prediction when it is kept."""
error = Symbol("e", real=True)
"""The label minus the mean prediction, before the feature is added."""
variance = Symbol("V", nonnegative=True)
"""The variance of the prediction, before the feature is added."""
mean_logit = Symbol("m", real=True)
"""The mean logit over the masks, before the feature is added."""
_n = Symbol("n", integer=True, positive=True)
_d = Symbol("d", integer=True, positive=True)
data = MatrixSymbol("X", _n, _d)
gram = data.T * data


def expected_square(scale: Expr = S.One) -> Expr:
    """E (e' - R b)^2 for a mask R ~ Bernoulli(p), independent of e', and b = scale * a.

    e' is the label less the prediction of the other features: E e' = e, E e'^2 = e^2 + V.

    >>> expected_square().subs({error: 0, variance: 0}).expand()
    a**2*p
    """
    square = error**2 + variance
    kept = scale * contribution
    return keep * (square - 2 * kept * error + kept**2) + (1 - keep) * square


def dropout_derivation() -> Derivation:
    """The step of an induction over the features: what one more feature does to E (y - z)^2."""
    return Derivation(
        "expected squared error under dropout",
        (
            Step("the feature is kept with probability p", expected_square(), "start"),
            Step(
                "collected",
                error**2 + variance - 2 * keep * contribution * error + keep * contribution**2,
            ),
            Step(
                "the mean moves by p a, the variance grows by p (1 - p) a^2",
                (error - keep * contribution) ** 2 + variance + keep * (1 - keep) * contribution**2,
            ),
        ),
    )


def expected_logit() -> Expr:
    """The mean logit with one more feature, which adds a to it when it is kept.

    >>> expected_logit().expand()
    a*p + m
    """
    return keep * (mean_logit + contribution) + (1 - keep) * mean_logit


def prediction_derivation() -> Derivation:
    """The step of an induction over the features: the mean logit is that of the weights p w."""
    return Derivation(
        "mean logit under dropout",
        (
            Step("the feature is kept with probability p", expected_logit(), "start"),
            Step("the feature counts with the weight p", mean_logit + keep * contribution),
        ),
    )

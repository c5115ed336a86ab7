"""Label smoothing is logit regularisation, for two classes and for K."""

from __future__ import annotations

from sympy import Eq, Expr, KroneckerDelta, Sum, Symbol, UnevaluatedExpr, cosh, exp, log
from sympy.concrete.delta import deltasummation

from .derivations import Derivation, Step
from .losses import cross_entropy
from .symbols import K, k, logits, z

__all__ = [
    "binary_derivation",
    "epsilon",
    "instance_of_logit_regularisation",
    "multiclass_cross_entropy",
    "multiclass_derivation",
    "smoothed_cross_entropy",
    "smoothed_multiclass_cross_entropy",
    "smoothed_targets",
    "true_class",
]

epsilon = Symbol("epsilon", positive=True)
"""The smoothing of the labels, in (0, 1)."""

true_class = Symbol("c", integer=True, positive=True)
"""The index of the true class."""

_log_sum_exp = log(Sum(exp(logits[k]), (k, 1, K)))


def smoothed_cross_entropy(weight: Expr = epsilon) -> Expr:
    """Cross-entropy of the signed logit against the targets (1 - weight, weight).

    >>> smoothed_cross_entropy()
    epsilon*log(exp(z) + 1) + (1 - epsilon)*log(1 + exp(-z))
    """
    return (1 - weight) * cross_entropy(z) + weight * cross_entropy(-z)


def instance_of_logit_regularisation(f: Expr, alpha: Expr) -> Eq:
    """The statement that smoothed cross-entropy is (1 - alpha) cross-entropy + alpha f."""
    return Eq(smoothed_cross_entropy(), (1 - alpha) * cross_entropy() + alpha * f, evaluate=False)


def smoothed_targets(off_target: Expr = epsilon / K) -> Expr:
    """y'_k = (1 - epsilon) y_k + off_target for the one-hot label y of the true class.

    >>> smoothed_targets()
    (1 - epsilon)*KroneckerDelta(c, k) + epsilon/K
    """
    return (1 - epsilon) * KroneckerDelta(k, true_class) + off_target


def multiclass_cross_entropy() -> Expr:
    """log sum_k exp(z_k) - z_c."""
    return _log_sum_exp - logits[true_class]


def smoothed_multiclass_cross_entropy(targets: Expr) -> Expr:
    """sum_k y'_k (log sum_j exp(z_j) - z_k) for targets linear in KroneckerDelta(k, c).

    The sums over k are carried out for symbolic K.
    """
    delta = KroneckerDelta(k, true_class)
    on, off = targets.coeff(delta), targets.subs(delta, 0)
    mass = deltasummation(on * delta, (k, 1, K), no_piecewise=True) + K * off
    picked = deltasummation(on * delta * logits[k], (k, 1, K), no_piecewise=True)
    return mass * _log_sum_exp - picked - off * Sum(logits[k], (k, 1, K))


def binary_derivation() -> Derivation:
    """From smoothed targets to (1 - alpha) cross-entropy + alpha f, f = log(2 + 2 cosh z)/2."""
    shared = epsilon * (cross_entropy(z) + cross_entropy(-z))
    return Derivation(
        "binary label smoothing is logit regularisation",
        (
            Step("cross-entropy against (1 - eps, eps)", smoothed_cross_entropy(), "start"),
            Step("split off 2 eps of the first term", (1 - 2 * epsilon) * cross_entropy() + shared),
            Step(
                "(1 + exp(z)) (1 + exp(-z)) = 2 + 2 cosh z",
                (1 - 2 * epsilon) * cross_entropy() + epsilon * log(2 + 2 * cosh(z)),
            ),
            Step(
                "alpha = 2 eps and f = log(2 + 2 cosh z)/2",
                (1 - 2 * epsilon) * cross_entropy()
                + 2 * epsilon * UnevaluatedExpr(log(2 + 2 * cosh(z)) / 2),
            ),
        ),
    )


def multiclass_derivation() -> Derivation:
    """From smoothed one-hot labels to (1 - eps) cross-entropy + eps f, for symbolic K."""
    mean = Sum(logits[k], (k, 1, K)) / K
    return Derivation(
        "label smoothing of K classes is logit regularisation",
        (
            Step(
                "cross-entropy against y' = (1 - eps) y + eps/K",
                smoothed_multiclass_cross_entropy(smoothed_targets()),
                "start",
            ),
            Step(
                "cross-entropy split off: alpha = eps and f = log sum exp(z_k) - mean(z)",
                (1 - epsilon) * multiclass_cross_entropy() + epsilon * (_log_sum_exp - mean),
            ),
        ),
    )

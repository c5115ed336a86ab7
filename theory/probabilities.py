"""Probabilities from logits: the posterior under which given logits are the best ones.

Let p = P(y = +1) be the posterior of class +1 and Z its logit. The expected loss of the sample,
p l(Z) + (1 - p) l(-Z), is stationary where

    p = b/(a + b),   a = -l'(Z),  b = -l'(-Z),

with a, b > 0 between the targets, -z* < Z < z*. For an even penalty p = sigma(Z) + f'(Z)/c, where
c = (1 - alpha)/alpha; it is 1 at the target, while sigma(Z) never is. For K logits
p_k = softmax_k(z) + (df/dz_k)/c.

So p is a function of the logits: no two posteriors share their best logits, and where l is convex
those are unique. The loss is strictly proper, and this function is its inverse link. At a kink of f
a whole interval of posteriors has the same best logit.
"""

from __future__ import annotations

from collections.abc import Sequence

from sympy import Eq, Expr, Symbol, exp, log

from .derivations import Derivation, Step
from .losses import is_even, per_sample_loss, sigmoid
from .multiclass import at_logits
from .penalties import Penalty
from .symbols import K, alpha, odds, z

__all__ = [
    "even_derivation",
    "label_smoothing_derivation",
    "link_derivation",
    "link_slope",
    "monotone_derivation",
    "multiclass_derivation",
    "multiclass_posterior",
    "opposite_pull",
    "posterior",
    "pull",
    "slope",
    "softmax",
]

pull = Symbol("a", positive=True)
"""a = -l'(Z), the pull of the loss of label +1 on the logit, towards the target."""

opposite_pull = Symbol("b", positive=True)
"""b = -l'(-Z), the pull of the loss of label -1, the other way."""

slope = Symbol("s", real=True)
"""f'(Z), or df/dz_k."""

softmax = Symbol("q", positive=True)
"""softmax_k(z), one of K."""

_p = Symbol("p", real=True)
_here = Symbol("l_1", positive=True)
_there = Symbol("l_2", positive=True)


def posterior(penalty: Penalty) -> Expr:
    """P(y = +1) at the logit z of class +1, for logits between the targets.

    Examples
    --------
    >>> from logitreg.theory import penalty
    >>> posterior(penalty("quadratic"))
    2*alpha*z/(1 - alpha) + 1/(1 + exp(-z))
    """
    if is_even(penalty.expression):
        return sigmoid(z) + alpha * penalty.expression.diff(z) / (1 - alpha)
    here = -per_sample_loss(penalty).diff(z)
    there = here.subs(z, -z)
    return there / (here + there)


def multiclass_posterior(penalty: Penalty, values: Sequence[Expr]) -> tuple[Expr, ...]:
    """The probabilities of K = len(values) classes at given logits, which are symbols.

    They are the gradient of logsumexp(z) + f(z)/c. Their sum is one where the penalty is stationary
    in the common level of the logits, as it is at the best logits.

    Examples
    --------
    >>> from logitreg.theory import penalty
    >>> u, v = Symbol("u", real=True), Symbol("v", real=True)
    >>> multiclass_posterior(penalty("quadratic"), [u, v])[0]
    2*alpha*u/(1 - alpha) + exp(u)/(exp(u) + exp(v))
    """
    cross = log(sum(exp(value) for value in values))
    f = at_logits(penalty.multiclass_expression, values)
    return tuple(cross.diff(value) + alpha * f.diff(value) / (1 - alpha) for value in values)


def link_derivation() -> Derivation:
    """From the stationary expected loss to the posterior."""
    return Derivation(
        "the posterior of a logit",
        (
            Step(
                "p l'(Z) - (1 - p) l'(-Z) = 0",
                Eq((1 - _p) * opposite_pull - _p * pull, 0, evaluate=False),
                "start",
            ),
            Step(
                "solved for p: a + b > 0 between the targets",
                Eq(_p, opposite_pull / (pull + opposite_pull), evaluate=False),
                "equivalent",
                -(pull + opposite_pull),
            ),
        ),
    )


def even_derivation() -> Derivation:
    """From b/(a + b) to sigma(Z) + f'(Z)/c, for f'(-Z) = -f'(Z); the loss divided by alpha."""
    here = odds * sigmoid(-z) - slope
    there = odds * sigmoid(z) + slope
    return Derivation(
        "the posterior of a logit under an even penalty",
        (
            Step("b/(a + b), written out", there / (here + there), "start"),
            Step("sigma(Z) + sigma(-Z) = 1", there / odds),
            Step("divided", sigmoid(z) + slope / odds),
        ),
    )


def multiclass_derivation() -> Derivation:
    """From the stationary expected loss of K logits to the posterior."""
    return Derivation(
        "the posterior of K logits",
        (
            Step(
                "gradient of c (logsumexp(z) - sum p_k z_k) + f(z), at class k",
                Eq(odds * (softmax - _p) + slope, 0, evaluate=False),
                "start",
            ),
            Step(
                "solved for p_k",
                Eq(_p, softmax + slope / odds, evaluate=False),
                "equivalent",
                -odds,
            ),
        ),
    )


def label_smoothing_derivation() -> Derivation:
    """From the posterior of K logits to the softmax with the smoothing taken out."""
    mixture = softmax + (softmax - 1 / K) / odds
    return Derivation(
        "the posterior under label smoothing",
        (
            Step("df/dz_k = softmax_k - 1/K", mixture.subs(odds, (1 - alpha) / alpha), "start"),
            Step("over 1 - alpha", (softmax - alpha / K) / (1 - alpha)),
        ),
    )


def link_slope() -> Expr:
    """dp/dZ, by the curvatures l''(Z) and l''(-Z); positive if they are.

    >>> link_slope()
    (a*l_2 + b*l_1)/(a + b)**2
    """
    return (pull * _there + opposite_pull * _here) / (pull + opposite_pull) ** 2


def monotone_derivation() -> Derivation:
    """From p = b/(a + b) to its derivative, with a' = -l''(Z) and b' = l''(-Z)."""
    step = Symbol("t", real=True)
    a, b = pull - step * _here, opposite_pull + step * _there
    return Derivation(
        "the posterior increases with the logit",
        (
            Step("d/dZ of b/(a + b)", (b / (a + b)).diff(step).subs(step, 0), "start"),
            Step("over a common denominator", link_slope()),
        ),
    )

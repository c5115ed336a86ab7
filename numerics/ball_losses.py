"""The per-sample loss (1 - alpha) CE + alpha f on balls: enclosures of value, gradient, Hessian."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce

from flint import arb

from .balls import ball_function
from .kernels import Kernel

__all__ = ["BallLoss", "ball_loss"]

Vector = list[arb]


@dataclass(frozen=True)
class BallLoss:
    """The loss of a sample with K logits (K = 1: the signed logit).

    Attributes
    ----------
    value, gradient : functions of the logits and the true class (0 if K = 1).
    hessian : of the logits; it does not depend on the true class.
    level_is_free : whether the loss leaves the common level of the K logits free.
    """

    value: Callable[[Vector, int], arb]
    gradient: Callable[[Vector, int], Vector]
    hessian: Callable[[Vector], list[Vector]]
    level_is_free: bool


def ball_loss(f: Kernel, alpha: arb, outputs: int) -> BallLoss:
    """The loss of one sample, as defined in :mod:`logitreg.numerics.losses`.

    Parameters
    ----------
    f : a penalty with continuous slope.
    alpha : its strength; an exact zero leaves it out.
    outputs : K, or 1 for signed logits.

    Examples
    --------
    >>> from .kernels import kernel
    >>> ball_loss(kernel("quadratic"), arb(0.5), 1).gradient([arb(0)], 0)
    [-0.250000000000000]
    """
    rest = 1 - alpha
    if alpha == 0:
        penalty = _coordinatewise(*[lambda z: arb(0)] * 3)
    elif outputs > 1 and f.name == "label-smoothing":
        penalty = _label_smoothing()
    elif outputs > 1 and f.name == "entropy":
        penalty = _entropy()
    else:
        from ..theory.symbols import z

        value = ball_function(f.penalty.expression, z)
        penalty = _coordinatewise(value, f.balls.slope, f.balls.curvature)
    entropy = _signed_cross_entropy() if outputs == 1 else _cross_entropy()

    def hessian(z: Vector) -> list[Vector]:
        pairs = zip(entropy.hessian(z), penalty.hessian(z), strict=True)
        return [[rest * a + alpha * b for a, b in zip(*rows, strict=True)] for rows in pairs]

    return BallLoss(
        lambda z, c: rest * entropy.value(z, c) + alpha * penalty.value(z, c),
        lambda z, c: [
            rest * a + alpha * b
            for a, b in zip(entropy.gradient(z, c), penalty.gradient(z, c), strict=True)
        ],
        hessian,
        outputs > 1 and (alpha == 0 or penalty.level_is_free),
    )


def _signed_cross_entropy() -> BallLoss:
    return BallLoss(
        lambda z, _: (1 + (-z[0]).exp()).log(),
        lambda z, _: [-1 / (1 + z[0].exp())],
        lambda z: [[1 / (2 + 2 * z[0].cosh())]],
        False,
    )


def _cross_entropy() -> BallLoss:
    return BallLoss(
        lambda z, c: -_log_softmax(z)[c],
        lambda z, c: [p - (k == c) for k, p in enumerate(_softmax(z))],
        _spread,
        True,
    )


def _coordinatewise(
    value: Callable[[arb], arb], slope: Callable[[arb], arb], curvature: Callable[[arb], arb]
) -> BallLoss:
    return BallLoss(
        lambda z, _: _total([value(x) for x in z]),
        lambda z, _: [slope(x) for x in z],
        lambda z: [
            [curvature(x) if k == j else arb(0) for j in range(len(z))] for k, x in enumerate(z)
        ],
        False,
    )


def _label_smoothing() -> BallLoss:
    return BallLoss(
        lambda z, _: -_total(_log_softmax(z)) / len(z),
        lambda z, _: [p - arb(1) / len(z) for p in _softmax(z)],
        _spread,
        True,
    )


def _entropy() -> BallLoss:
    """sum p log p: the gradient is p a and the Hessian diag(p (1 + a)) - p p^T (1 + a + a^T),
    with a = log p - sum p log p."""

    def parts(z: Vector) -> tuple[Vector, arb, Vector]:
        log_p, p = _log_softmax(z), _softmax(z)
        mean = _total([x * y for x, y in zip(p, log_p, strict=True)])
        return p, mean, [x - mean for x in log_p]

    def gradient(z: Vector, _: int) -> Vector:
        p, _mean, a = parts(z)
        return [x * y for x, y in zip(p, a, strict=True)]

    def hessian(z: Vector) -> list[Vector]:
        p, _, a = parts(z)
        indices = range(len(z))
        return [
            [p[k] * ((1 + a[k]) * (k == j) - p[j] * (1 + a[k] + a[j])) for j in indices]
            for k in indices
        ]

    return BallLoss(lambda z, _: parts(z)[1], gradient, hessian, True)


def _softmax(z: Vector) -> Vector:
    """1/(sum over j of exp(z_j - z_k)): on wide balls, a tighter range than a quotient."""
    return [1 / _total([(x - y).exp() if x is not y else arb(1) for x in z]) for y in z]


def _log_softmax(z: Vector) -> Vector:
    return [p.log() for p in _softmax(z)]


def _spread(z: Vector) -> list[Vector]:
    """diag p - p p^T."""
    p = _softmax(z)
    return [[p[k] * ((k == j) - p[j]) for j in range(len(z))] for k in range(len(z))]


def _total(values: Sequence[arb]) -> arb:
    return reduce(lambda a, b: a + b, values, arb(0))

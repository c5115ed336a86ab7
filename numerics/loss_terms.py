"""The two terms of the per-sample loss (1 - alpha) CE + alpha f, on arrays of any library.

The only place with their formulas: solvers, training and the loss modules of the libraries take
value, gradient and curvature from here. For signed logits they are functions of each logit; for K
logits per sample, functions of :class:`Logits`, which has the K logits along any axis.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from array_api_compat import array_namespace, device

from .kernels import Kernel

__all__ = [
    "COUPLED",
    "LOGISTIC",
    "SIGNED_CROSS_ENTROPY",
    "Curvature",
    "Logits",
    "Signed",
    "Term",
    "cross_entropy",
    "penalised",
    "penalised_curvature",
    "penalty_term",
    "separate",
    "surprise",
]

ArrayFunction = Callable[[Any], Any]

# |z - k|^p with 1 < p < 2 has infinite curvature at k: there any large number serves Newton.
_LARGEST_CURVATURE = 1e12


def penalised(alpha: Any, entropy: Any, penalty: Any) -> Any:
    """(1 - alpha) CE + alpha f, or a derivative of it.

    Examples
    --------
    >>> penalised(0.25, 8.0, 4.0)
    7.0
    """
    return (1 - alpha) * entropy + alpha * penalty


class Signed(NamedTuple):
    """A function of the signed logit: value, slope and curvature on arrays of any shape."""

    value: ArrayFunction
    slope: ArrayFunction
    curvature: ArrayFunction


def _decay(z: Any) -> Any:
    xp = array_namespace(z)
    return xp.exp(-xp.abs(z))


def _logistic(z: Any, decay: Any) -> Any:
    xp = array_namespace(z)
    return xp.log1p(decay) + (xp.abs(z) / 2 - z / 2)


def _logistic_slope(z: Any, decay: Any) -> Any:
    xp = array_namespace(z)
    return -xp.where(z > 0, decay, xp.ones_like(z)) / (1 + decay)


def _logistic_curvature(decay: Any) -> Any:
    large = 1 / (1 + decay)
    return decay * large * large


LOGISTIC = Signed(
    lambda z: _logistic(z, _decay(z)),
    lambda z: _logistic_slope(z, _decay(z)),
    lambda z: _logistic_curvature(_decay(z)),
)
"""The cross-entropy log(1 + exp(-z)): no overflow, and all digits where it is small."""


class Logits:
    """Logits with the outputs of a sample along one axis, and functions of them, computed once.

    Examples
    --------
    >>> import numpy as np
    >>> Logits(np.zeros((1, 4)), axis=1).p
    array([[0.25, 0.25, 0.25, 0.25]])
    """

    def __init__(self, z: Any, axis: int) -> None:
        self.z, self.axis, self.xp = z, axis, array_namespace(z)

    def sum(self, values: Any) -> Any:
        """The sum over the outputs, whose axis is kept."""
        return self.xp.sum(values, axis=self.axis, keepdims=True)

    @property
    def outputs(self) -> int:
        """Logits per sample."""
        return int(self.z.shape[self.axis])

    @cached_property
    def shifted(self) -> Any:
        """z less the largest logit of the sample."""
        return self.z - self.xp.max(self.z, axis=self.axis, keepdims=True)

    @cached_property
    def _grown(self) -> Any:
        return self.xp.exp(self.shifted)

    @cached_property
    def total(self) -> Any:
        """The sum of exp(shifted)."""
        return self.sum(self._grown)

    @cached_property
    def decay(self) -> Any:
        """exp(-|z|)."""
        return _decay(self.z)

    @cached_property
    def p(self) -> Any:
        """softmax(z)."""
        return self._grown / self.total

    @cached_property
    def log_p(self) -> Any:
        """log softmax(z), which is small where a class is nearly certain, with all digits."""
        xp, grown = self.xp, self._grown
        others = xp.where(self.shifted < 0, grown, xp.zeros_like(grown))
        return self.shifted - xp.log1p(self.sum(others) + (self.sum(grown - others) - 1))


@dataclass(frozen=True)
class Curvature:
    """The Hessian of every sample, diag(d) - sum_r a_r b_r^T.

    Attributes
    ----------
    diagonal : d, like the logits.
    pairs : (a_r, b_r), like the logits.

    Examples
    --------
    >>> import numpy as np
    >>> at = Logits(np.zeros((1, 2)), axis=1)
    >>> Curvature(at, at.p, ((at.p, at.p),))(np.array([[1.0, 0.0]]))
    array([[ 0.25, -0.25]])
    """

    at: Logits
    diagonal: Any
    pairs: tuple[tuple[Any, Any], ...] = ()

    def __call__(self, u: Any) -> Any:
        """The product with u, like the logits."""
        bent = self.diagonal * u
        for a, b in self.pairs:
            bent = bent - a * self.at.sum(b * u)
        return bent

    def restrict(self, columns: Any) -> Curvature:
        """The Hessians for some of the alphas, which the last axis counts."""
        pairs = tuple((a[..., columns], b[..., columns]) for a, b in self.pairs)
        return Curvature(self.at, self.diagonal[..., columns], pairs)

    @property
    def matrix(self) -> Any:
        """(..., K, K) where the axis of the outputs is the last one."""
        xp, d = self.at.xp, self.diagonal[..., None]
        if self.at.outputs == 1:
            return d
        full = xp.eye(self.at.outputs, dtype=d.dtype, device=device(d)) * d
        for a, b in self.pairs:
            full = full - a[..., :, None] * b[..., None, :]
        return full


@dataclass(frozen=True)
class Term:
    """A term of the loss of every sample.

    Attributes
    ----------
    value : logits -> the terms; the axis of the outputs stays, with length one.
    gradient : logits -> an array of their shape.
    curvature : logits -> Hessians.
    restrict : indices of alphas -> the term for those; None where it is the same for all.
    """

    value: Callable[[Logits], Any]
    gradient: Callable[[Logits], Any]
    curvature: Callable[[Logits], Curvature]
    restrict: Callable[[Any], Term] | None = None


def penalised_curvature(alpha: Any, entropy: Curvature, penalty: Curvature) -> Curvature:
    """The Hessians of (1 - alpha) CE + alpha f."""
    weighted = ((1 - alpha, entropy), (alpha, penalty))
    pairs = [(weight * a, b) for weight, part in weighted for a, b in part.pairs]
    if len(pairs) == 2 and pairs[0][1] is pairs[1][1]:
        pairs = [(pairs[0][0] + pairs[1][0], pairs[0][1])]
    diagonal = penalised(alpha, entropy.diagonal, penalty.diagonal)
    return Curvature(entropy.at, diagonal, tuple(pairs))


SIGNED_CROSS_ENTROPY = Term(
    lambda at: at.sum(_logistic(at.z, at.decay)),
    lambda at: _logistic_slope(at.z, at.decay),
    lambda at: Curvature(at, _logistic_curvature(at.decay)),
)
"""The cross-entropy of signed logits, one for each sample."""


def separate(f: Any) -> Term:
    """The sum of f over the logits of a sample.

    Parameters
    ----------
    f : with value, slope and curvature.

    Examples
    --------
    >>> import numpy as np
    >>> separate(LOGISTIC).value(Logits(np.zeros((1, 1)), axis=1))
    array([[0.69314718]])
    """

    def curvature(at: Logits) -> Curvature:
        bend = f.curvature(at.z)
        largest = at.xp.full_like(bend, _LARGEST_CURVATURE)
        # Where the curvature is infinite it may come out as NaN.
        return Curvature(at, at.xp.where(bend < largest, bend, largest))

    return Term(lambda at: at.sum(f.value(at.z)), lambda at: f.slope(at.z), curvature)


def surprise(at: Logits, labels: Any) -> Any:
    """The softmax cross-entropy, -sum_k q_k log p_k for labels q; the axis stays.

    Parameters
    ----------
    labels : distributions q that broadcast with the logits; or integers from 0 to K - 1, with an
        axis of length one for the outputs.

    Examples
    --------
    >>> import numpy as np
    >>> surprise(Logits(np.zeros((1, 2)), axis=1), np.array([[1]]))
    array([[0.69314718]])
    """
    if at.xp.isdtype(labels.dtype, "real floating"):
        return -at.sum(labels * at.log_p)
    return -at.xp.take_along_axis(at.log_p, labels, axis=at.axis)


def cross_entropy(labels: Any, axis: int) -> Term:
    """The softmax cross-entropy for distributions over K labels along an axis.

    Where the axis is counted from the front, the logits may have more dimensions behind.

    Examples
    --------
    >>> import numpy as np
    >>> cross_entropy(np.eye(2), axis=1).gradient(Logits(np.array([[50.0, 0.0], [0.0, 0.0]]), 1))
    array([[-1.92874985e-22,  1.92874985e-22],
           [ 5.00000000e-01, -5.00000000e-01]])
    """
    xp = array_namespace(labels)
    places = xp.arange(labels.shape[axis], device=device(labels))
    shape = tuple(-1 if i == axis % labels.ndim else 1 for i in range(labels.ndim))
    places = xp.reshape(places, shape)
    likeliest = xp.argmax(labels, axis=axis, keepdims=True) == places
    likeliest = xp.astype(likeliest, labels.dtype)

    def aligned(array: Any, at: Logits) -> Any:
        behind = at.z.ndim - array.ndim if axis >= 0 else 0
        return xp.reshape(array, (*array.shape, *(1,) * behind))

    def gradient(at: Logits) -> Any:
        difference = at.p - aligned(labels, at)
        # The entries sum to zero: that tells the largest share's without cancellation.
        return difference - aligned(likeliest, at) * at.sum(difference)

    return Term(lambda at: surprise(at, aligned(labels, at)), gradient, _softmax_curvature)


def _softmax_curvature(at: Logits) -> Curvature:
    return Curvature(at, at.p, ((at.p, at.p),))


def _smoothing_slope(at: Logits) -> Any:
    """p - 1/K, also near equal logits with all digits."""
    grown = at.xp.expm1(at.shifted)
    return (grown - at.sum(grown) / at.outputs) / at.total


_LABEL_SMOOTHING = Term(
    lambda at: -at.sum(at.log_p) / at.outputs,
    _smoothing_slope,
    _softmax_curvature,
)


def _excess(at: Logits) -> Any:
    """log p less its mean under p, on which a common shift has no effect."""
    return at.shifted - at.sum(at.p * at.shifted)


def _entropy_curvature(at: Logits) -> Curvature:
    excess = _excess(at)
    half = at.p * (0.5 + excess)
    return Curvature(at, at.p * (1 + excess), ((at.p, half), (half, at.p)))


_ENTROPY = Term(
    lambda at: at.sum(at.p * at.log_p),
    lambda at: at.p * _excess(at),
    _entropy_curvature,
)

COUPLED = {"label-smoothing": _LABEL_SMOOTHING, "entropy": _ENTROPY}
"""Penalties that for K logits act on all together: logsumexp(z) - mean(z), and sum_k p_k log p_k
with p = softmax(z). They do not change with the common level of the logits."""


def penalty_term(f: Kernel) -> Term:
    """The penalty of K logits: the sum of f over them, unless it is one of ``COUPLED``.

    Examples
    --------
    >>> import numpy as np
    >>> from .kernels import kernel
    >>> penalty_term(kernel("quadratic")).value(Logits(np.asarray([[1.0, 2.0]]), axis=1))
    array([[5.]])
    """
    return COUPLED.get(f.name) or separate(f)

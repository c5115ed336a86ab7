"""The loss (1 - alpha) CE + alpha f of logits, as a function that array libraries differentiate.

First and second derivatives of cross-entropy and of f come from their formulas, so that they are
right at z = 0, where automatic differentiation of abs(z) is not, and finite where the value is.
"""

from __future__ import annotations

from typing import Any

from array_api_compat import array_namespace

from ..errors import AlphaError, ShapeError
from .autodiff import with_derivatives
from .kernels import Kernel, kernel

__all__ = ["regularized_cross_entropy"]


def regularized_cross_entropy(
    penalty: Any, alpha: Any, logits: Any, labels: Any = None, **parameters: float
) -> Any:
    """The loss of every sample.

    Parameters
    ----------
    penalty : a name in the catalogue or an expression in z.
    alpha : the strength in [0, 1): a number, or an array that broadcasts against the losses.
    logits : (..., K) with labels; else signed logits y z of any shape, for two classes. Floats of
        any library; those narrower than float32 are widened to it.
    labels : integers (...) from 0 to K - 1, or probabilities (..., K).
    parameters : values of the penalty's parameters, such as ``delta=2``.

    Returns
    -------
    array of the losses, with the leading shape of the logits. For K logits the penalty is the sum
    of f(z_k), but logsumexp(z) - mean(z) for label smoothing and sum_k p_k log p_k with
    p = softmax(z) for the entropy.

    Raises
    ------
    AlphaError : alpha is a number outside [0, 1).
    ShapeError : the labels do not fit the logits.

    Examples
    --------
    >>> import numpy as np
    >>> regularized_cross_entropy("quadratic", 0.5, np.asarray([[2.0, 0.0]]), np.asarray([0]))
    array([2.06346401])
    """
    f = kernel(penalty, **parameters)
    if isinstance(alpha, int | float) and not 0 <= alpha < 1:
        raise AlphaError(f"alpha is {alpha}; expected a strength in [0, 1)")
    xp = array_namespace(logits)
    if xp.finfo(logits.dtype).bits < 32:
        logits = xp.astype(logits, xp.float32)
    if labels is None:
        return (1 - alpha) * _cross_entropy(logits) + alpha * _smooth(f)(logits)
    shape = tuple(logits.shape)
    log_p = _log_softmax(xp, logits)
    if xp.isdtype(labels.dtype, "real floating"):
        if tuple(labels.shape) != shape:
            raise ShapeError(
                f"labels have the shape {tuple(labels.shape)} and logits {shape}; expected "
                "probabilities of the logits' shape"
            )
        surprise = -xp.sum(xp.astype(labels, log_p.dtype) * log_p, axis=-1)
    else:
        if tuple(labels.shape) != shape[:-1]:
            raise ShapeError(
                f"labels have the shape {tuple(labels.shape)} and logits {shape}; expected one "
                "integer for every row of logits"
            )
        surprise = -xp.take_along_axis(log_p, labels[..., None], axis=-1)[..., 0]
    return (1 - alpha) * surprise + alpha * _penalty(xp, f, logits, log_p)


def _penalty(xp: Any, f: Kernel, logits: Any, log_p: Any) -> Any:
    if f.name == "label-smoothing":
        return -xp.mean(log_p, axis=-1)
    if f.name == "entropy":
        return xp.sum(xp.exp(log_p) * log_p, axis=-1)
    return xp.sum(_smooth(f)(logits), axis=-1)


def _smooth(f: Kernel) -> Any:
    return with_derivatives(f.value, f.slope, f.curvature)


def _log_softmax(xp: Any, z: Any) -> Any:
    shifted = z - xp.max(z, axis=-1, keepdims=True)
    return shifted - xp.log(xp.sum(xp.exp(shifted), axis=-1, keepdims=True))


def _cross_entropy(z: Any) -> Any:
    """log(1 + exp(-z)), without overflow and with all digits where it is small."""
    xp = array_namespace(z)

    def decayed(z: Any) -> tuple[Any, Any]:
        """sigmoid(-|z|) and sigmoid(|z|)."""
        decay = xp.exp(-xp.abs(z))
        return decay / (1 + decay), 1 / (1 + decay)

    def value(z: Any) -> Any:
        size = xp.abs(z)
        return xp.log1p(xp.exp(-size)) + (size - z) / 2

    def slope(z: Any) -> Any:
        small, large = decayed(z)
        return -xp.where(z > 0, small, large)

    def curvature(z: Any) -> Any:
        small, large = decayed(z)
        return small * large

    return with_derivatives(value, slope, curvature)(z)

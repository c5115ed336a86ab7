"""The per-sample loss (1 - alpha) CE + alpha f on logits of any array-API library.

The losses are those of :mod:`logitreg.numerics.losses`; here every sample brings its whole Hessian,
and arrays may have any leading dimensions and stay in their library, dtype and device.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from array_api_compat import device

from .kernels import Kernel

__all__ = ["Expansion", "signed_loss", "softmax_loss"]

# |z|^p with 1 < p < 2 has infinite curvature at zero: there any large number serves Newton.
_LARGEST_CURVATURE = 1e12


class Expansion(NamedTuple):
    """Value (..., n), gradient (..., n, K) and Hessian (..., n, K, K) of the loss of n samples."""

    value: Any
    gradient: Any
    hessian: Any


def signed_loss(xp: Any, f: Kernel, alpha: Any, z: Any) -> Expansion:
    """The loss log(1 + exp(-z)) of signed logits, with penalty: K = 1.

    Parameters
    ----------
    xp : the namespace of the arrays.
    f : the penalty.
    alpha : (..., 1, 1) strengths.
    z : (..., n, 1) signed logits.

    Examples
    --------
    >>> import array_api_compat.numpy as xp
    >>> from .kernels import kernel
    >>> signed_loss(xp, kernel("quadratic"), xp.asarray([[0.5]]), xp.zeros((1, 1))).value
    array([0.34657359])
    """
    size = xp.abs(z)
    decay = xp.exp(-size)
    large = 1 / (1 + decay)
    small = decay * large
    cross_entropy = xp.log1p(decay) + (size - z) / 2
    pull = xp.where(z > 0, small, large)
    value = (1 - alpha) * cross_entropy + alpha * f.value(z)
    gradient = alpha * f.slope(z) - (1 - alpha) * pull
    hessian = (1 - alpha) * (small * large) + alpha * _bounded(xp, f.curvature(z))
    return Expansion(value[..., 0], gradient, hessian[..., None])


def softmax_loss(xp: Any, f: Kernel, alpha: Any, z: Any, indicator: Any) -> Expansion:
    """The softmax cross-entropy of K logits per sample, with penalty.

    A penalty applies coordinate-wise, except label smoothing, logsumexp(z) - mean(z), and
    entropy, sum_k p_k log p_k with p = softmax(z).

    Parameters
    ----------
    xp, f, alpha : as for :func:`signed_loss`.
    z : (..., n, K) logits.
    indicator : (..., n, K) ones at the true classes.

    Examples
    --------
    >>> import array_api_compat.numpy as xp
    >>> from .kernels import kernel
    >>> true = xp.asarray([[1.0, 0.0]])
    >>> softmax_loss(xp, kernel("quadratic"), xp.asarray([[0.5]]), xp.zeros((1, 2)), true).value
    array([0.34657359])
    """
    largest = xp.max(z, axis=-1, keepdims=True)
    level = largest + xp.log(xp.sum(xp.exp(z - largest), axis=-1, keepdims=True))
    log_p = z - level
    p = xp.exp(log_p)
    diagonal = xp.eye(z.shape[-1], dtype=z.dtype, device=device(z))
    spread = p[..., :, None] * (diagonal - p[..., None, :])
    penalty = _softmax_penalty(xp, f, z, log_p, p, diagonal, spread)
    per_sample, per_pair = alpha[..., 0], alpha[..., None]
    return Expansion(
        per_sample * penalty.value - (1 - per_sample) * xp.sum(indicator * log_p, axis=-1),
        alpha * penalty.gradient + (1 - alpha) * (p - indicator),
        per_pair * penalty.hessian + (1 - per_pair) * spread,
    )


def _softmax_penalty(
    xp: Any, f: Kernel, z: Any, log_p: Any, p: Any, diagonal: Any, spread: Any
) -> Expansion:
    if f.name == "label-smoothing":
        return Expansion(-xp.mean(log_p, axis=-1), p - 1 / z.shape[-1], spread)
    if f.name == "entropy":
        mean = xp.sum(p * log_p, axis=-1, keepdims=True)
        excess = log_p - mean
        pairs = excess[..., :, None] + excess[..., None, :] + 1
        hessian = (
            diagonal * (p * (1 + excess))[..., None] - p[..., :, None] * p[..., None, :] * pairs
        )
        return Expansion(mean[..., 0], p * excess, hessian)
    curvature = _bounded(xp, f.curvature(z))
    return Expansion(xp.sum(f.value(z), axis=-1), f.slope(z), diagonal * curvature[..., None])


def _bounded(xp: Any, curvature: Any) -> Any:
    return xp.minimum(curvature, xp.full_like(curvature, _LARGEST_CURVATURE))

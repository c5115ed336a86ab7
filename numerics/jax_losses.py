"""Logit-regularised cross-entropy as a function of JAX."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from .loss_functions import regularized_cross_entropy

__all__ = ["logit_regularized_cross_entropy"]


def logit_regularized_cross_entropy(
    logits: Any, labels: Any = None, *, penalty: str = "quadratic", alpha: Any, **parameters: float
) -> jax.Array:
    """The loss (1 - alpha) CE + alpha f of every sample, for K logits or for signed logits.

    It works under jit, vmap and grad, and is differentiable twice, in alpha also.

    Parameters
    ----------
    logits : (..., K) with labels, else signed logits y z of any shape, for two classes.
    labels : integers (...) from 0 to K - 1, or probabilities (..., K).
    penalty : a name in the catalogue or an expression in z; an expression is not rescued under jit
        where its own evaluation overflows.
    alpha : the strength in [0, 1), which is checked where it is a Python number.
    parameters : values of the penalty's parameters, such as ``delta=2``.

    Returns
    -------
    Losses of the logits' leading shape, in float32 for narrower logits.

    Raises
    ------
    AlphaError : alpha is a number outside [0, 1).
    ShapeError : the labels do not fit the logits.

    Examples
    --------
    >>> logits = jnp.asarray([[2.0, 0.0], [0.0, 1.0]])
    >>> losses = logit_regularized_cross_entropy(logits, jnp.asarray([0, 1]), alpha=0.1)
    >>> [round(float(loss), 4) for loss in losses]
    [0.5142, 0.3819]
    """
    logits = jnp.asarray(logits)
    labels = None if labels is None else jnp.asarray(labels)
    losses: jax.Array = regularized_cross_entropy(penalty, alpha, logits, labels, **parameters)
    return losses

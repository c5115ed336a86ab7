"""The loss (1 - alpha) CE + alpha f of logits, as a function that array libraries differentiate.

First and second derivatives of cross-entropy and of f come from their formulas, so that they are
right at z = 0, where automatic differentiation of abs(z) is not, and finite where the value is.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from array_api_compat import array_namespace

from ..errors import AlphaError, ShapeError
from .autodiff import with_derivatives
from .kernels import kernel
from .loss_terms import LOGISTIC, Logits, penalised, penalty_term, surprise

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
    # JAX and PyTorch differentiate f by its formulas, not by the operations that compute it.
    f = replace(f, value=with_derivatives(f.value, f.slope, f.curvature))
    if labels is None:
        return penalised(alpha, with_derivatives(*LOGISTIC)(logits), f.value(logits))
    shape = tuple(logits.shape)
    if xp.isdtype(labels.dtype, "real floating"):
        if tuple(labels.shape) != shape:
            raise ShapeError(
                f"labels have the shape {tuple(labels.shape)} and logits {shape}; expected "
                "probabilities of the logits' shape"
            )
        labels = xp.astype(labels, logits.dtype)
    elif tuple(labels.shape) != shape[:-1]:
        raise ShapeError(
            f"labels have the shape {tuple(labels.shape)} and logits {shape}; expected one "
            "integer for every row of logits"
        )
    else:
        labels = labels[..., None]
    at = Logits(logits, axis=-1)
    entropy, penalty = surprise(at, labels), penalty_term(f).value(at)
    return penalised(alpha, entropy[..., 0], penalty[..., 0])

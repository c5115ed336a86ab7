"""Probabilities from the logits of a regularised model: the inverse link of its loss.

Where f pulls the logits back, softmax(z) is not the posterior. At the logits that minimise the
expected loss p_k = softmax_k(z) + (df/dz_k) alpha/(1 - alpha), see
:mod:`logitreg.theory.probabilities`. Logits that are best for no posterior get the nearest one.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device, is_array_api_obj

from ..errors import ShapeError, UnsupportedPenaltyError
from .kernels import Kernel, kernel
from .loss_terms import LOGISTIC, Logits, penalised, penalty_term
from .losses import check_alpha

__all__ = ["posterior", "require_sign"]

# Far outside the simplex only the order of the classes counts.
_FAR = 1e6


def posterior(logits: Any, *, penalty: Any = "quadratic", alpha: float = 0.1) -> Any:
    """The class probabilities for which these logits minimise the expected loss.

    Parameters
    ----------
    logits : finite, (n_samples,) of class +1 against class -1, or (n_samples, n_classes). Arrays of
        any array-API library.
    penalty : name, expression or Penalty, as in :func:`logitreg.fit`.
    alpha : strength in [0, 1); at 0 the result is the softmax.

    Returns
    -------
    (n_samples,) probabilities of class +1, or (n_samples, n_classes), in the library, device and
    dtype of the logits. Two classes: logits beyond the targets -z* and z* get 0 and 1. More
    classes: where p is not a distribution, the nearest one in the Euclidean norm, that is the one
    under which the gradient of the expected loss in the logits is smallest. At a kink of f (to half
    the digits), where many posteriors have the same best logit, it is that of the subgradient in
    the middle; where f jumps to infinity, that of the least one.

    Raises
    ------
    UnsupportedPenaltyError : the sign of the logit does not tell the likelier class.
    AlphaError, ShapeError

    Examples
    --------
    The label smoothing target at alpha = 0.1 is log 19. Between 0 and the target:

    >>> posterior([0.0, 1.0, math.log(19), 5.0], penalty="label-smoothing").round(6)
    array([0.5     , 0.756732, 1.      , 1.      ])
    >>> posterior([[1.0, 0.0, -1.0]], penalty="label-smoothing", alpha=0.3).round(6)
    array([[0.800366, 0.199634, 0.      ]])
    """
    strength = check_alpha(alpha, zero=True)
    z = logits if is_array_api_obj(logits) else np.asarray(logits)
    xp = array_namespace(z)
    if not xp.isdtype(z.dtype, "real floating"):
        z = xp.astype(z, xp.float64)
    if z.ndim not in (1, 2) or (z.ndim == 2 and z.shape[1] < 2):
        raise ShapeError(
            f"logits have shape {tuple(z.shape)}; expected (n_samples,) for two classes, or "
            "(n_samples, n_classes)"
        )
    z = _bounded(xp, z)
    f = kernel(penalty)
    if z.ndim == 2:
        return _of_classes(xp, f, strength, z)
    require_sign(f, strength)
    return _of_sign(xp, f, strength, z)


def require_sign(penalty: Any, alpha: float) -> None:
    """Check that for two classes the better sign of the logit is that of the likelier class.

    That is l'(0) < 0, which an even penalty always has.

    Raises
    ------
    UnsupportedPenaltyError

    Examples
    --------
    >>> require_sign("(z - 1)^2", 0.5)
    >>> require_sign("(z + 1)^2", 0.5)
    Traceback (most recent call last):
    logitreg.errors.UnsupportedPenaltyError: ... choose an even penalty or a smaller alpha
    """
    f = kernel(penalty)
    at_zero = alpha * float(f.slope(0.0)) - (1 - alpha) / 2
    if not at_zero < 0:
        raise UnsupportedPenaltyError(
            f"the loss of the penalty {f.name!r} at alpha = {alpha:g} has slope {at_zero:g} at "
            "logit 0; expected a negative one: as it is, right labels are driven to negative "
            "logits; choose an even penalty or a smaller alpha"
        )


def _of_sign(xp: Any, f: Kernel, alpha: float, z: Any) -> Any:
    if alpha == 0:
        return -LOGISTIC.slope(-z)
    ceiling = _ceiling(xp, z)

    def pull(z: Any) -> Any:
        """-l'(z), 0 beyond the target."""
        return xp.clip(-penalised(alpha, LOGISTIC.slope(z), _slope(xp, f, z)), 0.0, ceiling)

    here, there = pull(z), pull(-z)
    total = here + there
    # Nothing pulls either way beyond both targets, which only a non-convex odd part can bring.
    pulled = total > 0
    return xp.where(pulled, there / xp.where(pulled, total, xp.ones_like(z)), xp.full_like(z, 0.5))


def _of_classes(xp: Any, f: Kernel, alpha: float, z: Any) -> Any:
    at = Logits(z, axis=-1)
    if alpha == 0:
        return at.p
    gradient = penalty_term(replace(f, slope=lambda z: _slope(xp, f, z))).gradient(at)
    ratio = alpha / (1 - alpha)
    far = min(_FAR / ratio, _ceiling(xp, z))
    return _nearest_distribution(xp, at.p + ratio * xp.clip(gradient, -far, far))


def _slope(xp: Any, f: Kernel, z: Any) -> Any:
    """f', huge where f is infinite. Logits are rounded: next to a kink they count as on it."""
    near = math.sqrt(float(xp.finfo(z.dtype).eps))
    for kink in f.kinks:
        z = xp.where(xp.abs(z - kink) <= near * max(1.0, abs(kink)), xp.full_like(z, kink), z)
    endless = xp.full_like(z, math.inf)
    outside = xp.isinf(f.value(z))
    return _bounded(xp, xp.where(outside, xp.where(z > 0, endless, -endless), f.slope(z)))


def _bounded(xp: Any, numbers: Any) -> Any:
    """The numbers, cut to where a sum of two does not overflow."""
    ceiling = _ceiling(xp, numbers)
    return xp.clip(numbers, -ceiling, ceiling)


def _ceiling(xp: Any, numbers: Any) -> float:
    return float(xp.finfo(numbers.dtype).max) / 4


def _nearest_distribution(xp: Any, v: Any) -> Any:
    """The Euclidean projection on the simplex, max(v - t, 0) with sum one.

    Over the k largest entries t would be (sum - 1)/k; the right k gives the largest of these.
    """
    largest_first = xp.sort(v, axis=-1, descending=True)
    counts = xp.arange(1, v.shape[-1] + 1, dtype=v.dtype, device=device(v))
    excess = (xp.cumulative_sum(largest_first, axis=-1) - 1) / counts
    return xp.clip(v - xp.max(excess, axis=-1, keepdims=True), 0.0, 1.0)

"""Slopes of the mean loss in the logits, for many strengths alpha at once and any array library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device
from numpy.typing import NDArray

from ..errors import UnsupportedPenaltyError
from .catalogue import CATALOGUE
from .descent import Slopes
from .kernels import kernel
from .loss_terms import Logits, penalty_term

__all__ = ["is_traceable", "mean_slopes"]


def is_traceable(penalty: Any) -> bool:
    """Whether the slopes take no decision that depends on data; a user's expression may.

    Examples
    --------
    >>> is_traceable("quadratic"), is_traceable("z^2 + z^4")
    (True, False)
    """
    return kernel(penalty).name in CATALOGUE


def mean_slopes(
    penalty: Any, alphas: Sequence[float], X: Any, codes: NDArray[np.intp] | None, classes: int = 2
) -> Slopes:
    """The derivative of the mean loss with respect to the logits, one loss for each alpha.

    Parameters
    ----------
    alphas : A strengths in [0, 1).
    X : (n_samples, n_features), whose library, dtype and device are used.
    codes : (n_samples,) labels 0, ..., K - 1; None for signed logits.
    classes : K.

    Returns
    -------
    A function of logits (A, n), or (A K, n) with the K logits of each alpha together, and the slice
    of the n samples. It equals :func:`logitreg.numerics.losses.sample_loss`'s gradient over N.

    Raises
    ------
    UnsupportedPenaltyError : the penalty becomes infinite, so that a step may leave its domain.

    Examples
    --------
    >>> slopes = mean_slopes("quadratic", [0.0, 0.5], np.ones((1, 1)), None)
    >>> slopes(np.array([[0.0], [0.0]]), slice(None))
    array([[-0.5 ],
           [-0.25]])
    """
    f = kernel(penalty)
    if any(math.isinf(f.value(kink + side)) for kink in f.kinks for side in (-1.0, 1.0)):
        raise UnsupportedPenaltyError(
            f"the penalty {f.name!r} is infinite beyond z = {f.kinks[-1]:g}, where a step of "
            "gradient descent may end; expected a penalty that is finite everywhere"
        )
    xp = array_namespace(X)
    column = np.asarray(alphas, dtype=np.float64).reshape(-1, 1)
    weak = xp.asarray(column / X.shape[0], dtype=X.dtype, device=device(X))
    strong = xp.asarray((1 - column) / X.shape[0], dtype=X.dtype, device=device(X))
    if codes is None:
        # The logistic slope, in half the passes over memory; exp may overflow to the right result.
        return lambda z, _: weak * f.slope(z) - strong / (1 + xp.exp(z))

    one_hot = xp.asarray(np.eye(classes)[:, codes], dtype=X.dtype, device=device(X))
    weak, strong = weak[..., None], strong[..., None]
    penalty = penalty_term(f)

    def multiclass(z: Any, rows: slice) -> Any:
        at = Logits(xp.reshape(z, (len(alphas), classes, z.shape[1])), axis=1)
        # Of the cross-entropy's gradient in all digits the weights would not keep any.
        slope = strong * (at.p - one_hot[:, rows]) + weak * penalty.gradient(at)
        return xp.reshape(slope, z.shape)

    return multiclass

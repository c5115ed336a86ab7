"""The minimiser of the training loss, to rounding level."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from ..errors import SeparableError, ShapeError
from .host import real_array
from .losses import check_alpha
from .problem import problem
from .separability import margin_rows
from .solutions import FitResult, max_margin_result, minimisers

__all__ = ["FitResult", "fit"]


def fit(
    X: Any,
    y: Any = None,
    *,
    penalty: Any = "quadratic",
    alpha: Any = 0.1,
    bias: bool = False,
    sample_weight: ArrayLike | None = None,
    on_separable: Literal["raise", "max-margin"] = "raise",
    max_iter: int = 200,
) -> Any:
    """Minimise L(S) = sum w_i l(z_i) / sum w_i, l = (1 - alpha) CE + alpha f, over z = X S + b.

    With X = Q R the loss is minimised in the coordinates c = R S, in which X^T X is the identity:
    the condition number of the data drops out, and truncated Newton (conjugate gradients on the
    Hessian) needs few products with Q. A penalty with kinks, or infinite, is handled by the method
    of multipliers around the same solver. The weights follow from R; where the data leaves them
    free (dependent features, or more features than samples) they have the least norm, bias
    included, as the limit of gradient descent from zero has.

    Parameters
    ----------
    X : (n_samples, n_features) real numbers, absorbed (x <- y x) if ``y`` is None; an array of
        any array-API library. (..., n_samples, n_features) for many problems in one call:
        see :func:`logitreg.numerics.batched.fit_batch`, whose result is then returned.
    y : (n_samples,) labels of two or more classes; or (n_samples, n_classes) distributions, rows
        that sum to one, over the classes 0..K-1: the loss is averaged over the labels. None if
        the labels are absorbed.
    penalty : name, expression or Penalty. With kinks or infinite curvature it has to be convex.
        For K classes it applies coordinate-wise, except label smoothing and entropy, whose
        K-class forms are used.
    alpha : strength in [0, 1).
    bias : fit an intercept (it is part of the logits, which the penalty acts on).
    sample_weight : (n_samples,) non-negative numbers, not all zero; a weight of 2 counts as the
        same sample twice. A sample of weight zero takes no part, except that its label still
        names a class.
    on_separable : what to do where alpha = 0 and the classes are separable, so that there is no
        minimiser: raise SeparableError, or return the max-margin separator, in whose direction
        gradient descent goes: the weights of least norm, bias excluded, with all margins at least
        1 (for the limit of gradient descent on the bias too, append a column of ones to X).
    max_iter : limit on Newton steps.

    Returns
    -------
    FitResult, with arrays of X's library and device, in float32 if X is, else in float64. It is
    computed in float64 by NumPy on the processor, from a copy if X lies elsewhere, and what it
    states of the weights is true of them as they are returned, rounded; batches, X of
    more than two dimensions, are solved by X's library where they lie. Where the loss leaves the
    common level of the K logits free, the weights sum to zero over the classes.

    Raises
    ------
    UnsupportedPenaltyError : the penalty has kinks and is not convex.
    SeparableError : alpha = 0 and the data is separable; it carries a separating direction.
    NotConvergedError : the goal was not reached in ``max_iter`` steps; or columns are so nearly
        dependent that weights rounded to float64 have a residual above 2^-26.
    DataError : the result does not fit float32, the type of X.
    AlphaError, ShapeError, NonFiniteError

    Examples
    --------
    >>> result = fit([[1.0, 0.2], [0.8, -0.3], [1.3, 0.1]], alpha=0.2)
    >>> result.residual < 1e-12
    True
    >>> fit([[3.0, 4.0]], penalty="box", alpha=0.5).weights.round(12)
    array([0.12, 0.16])
    """
    if real_array(X).ndim > 2:
        from .batched import fit_batch

        if on_separable != "raise":
            raise ShapeError(
                f"X has shape {np.shape(X)}; expected (n_samples, n_features) with on_separable: "
                "many problems in one call do without it; fit them one by one"
            )
        return fit_batch(
            X,
            y,
            penalty=penalty,
            alpha=alpha,
            bias=bias,
            sample_weight=sample_weight,
            max_iter=max_iter,
        )
    strength = check_alpha(alpha, zero=True)
    if on_separable not in ("raise", "max-margin"):
        raise ValueError(f"on_separable is {on_separable!r}; expected 'raise' or 'max-margin'")
    data = problem(X, y, bias, sample_weight)
    try:
        return minimisers(data, penalty, np.array([strength]), max_iter)[0]
    except SeparableError as error:
        margins, _ = margin_rows(data.matrix, data.labels, data.data.outputs)
        if on_separable == "raise" or np.min(margins @ np.ravel(error.witness)) <= 0:
            raise
    return max_margin_result(data)

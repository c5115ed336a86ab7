"""Minimisers of the training loss for thousands of small problems in one call."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..errors import NotConvergedError, SeparableError, UnsupportedPenaltyError
from .batched_design import batched_design, first_failure, weights
from .batched_newton import Problems, minimise, relative_gradient
from .kernels import kernel

__all__ = ["BatchFit", "fit_batch"]


class BatchFit(NamedTuple):
    """Minimisers of the training losses of a batch; arrays of the caller's library and device.

    Attributes
    ----------
    weights : (..., n_features) for two classes, (..., n_classes, n_features) for more.
    bias : (...) for two classes, (..., n_classes) for more; None without one.
    logits : (..., n_samples) signed logits for two classes, (..., n_samples, n_classes) for more.
    loss : (...) training losses.
    residual : (...) ||P G|| / (||G|| + ||H z||), with P the projector on the range of the data,
        G the per-sample gradients and H the Hessians: about the rounding unit at a minimiser.
    converged : (...) booleans; all true unless the call was traced.
    iterations : () Newton steps of the problem that took the most.
    classes : (n_classes,) the labels, ascending; None if they came absorbed.
    """

    weights: Any
    bias: Any
    logits: Any
    loss: Any
    residual: Any
    converged: Any
    iterations: Any
    classes: Any


def fit_batch(
    X: Any,
    y: Any = None,
    *,
    penalty: Any = "quadratic",
    alpha: Any = 0.1,
    bias: bool = False,
    classes: int | None = None,
    sample_weight: Any = None,
    max_iter: int = 200,
) -> BatchFit:
    """Minimise L(S) = sum w_i l(z_i) / sum w_i, l = (1 - alpha) CE + alpha f, for every problem.

    As :func:`logitreg.fit` does, each problem is solved by Newton's method in the coordinates in
    which X^T X is the identity. All problems advance together, each with a damping of its own;
    one that has arrived rests. The work is done by the library of the arrays, on their device,
    without a loop over problems, and under ``jax.jit`` and ``jax.vmap`` as well: there the values
    are not checked and ``converged`` says what became of each problem.

    The Hessians are held explicitly: (K n_columns)^2 numbers for each problem with K > 2 classes,
    n_columns^2 for two.

    Parameters
    ----------
    X : (..., n_samples, n_features) floating array of any array-API library, absorbed
        (x <- y x) if ``y`` is None.
    y : (..., n_samples) labels, shared by the whole batch, of two or more classes; of two, the
        larger counts as +1. None if they are absorbed.
    penalty : name, expression or Penalty, with continuous slope, as for :func:`logitreg.fit`.
    alpha : strengths in [0, 1), a number or an array with the shape of the batch. The leading
        dimensions of X, y and alpha broadcast: one data set and many alpha is a path.
    bias : fit an intercept.
    classes : the number of classes K, when the labels are 0, ..., K - 1. Needed where labels are
        traced, since their values are then not known; otherwise the labels are counted.
    sample_weight : (..., n_samples) non-negative numbers, whose leading dimensions broadcast with
        the others. With as many samples as columns weights of zero leave samples out, which makes
        problems of different sizes one batch.
    max_iter : limit on Newton steps.

    Returns
    -------
    BatchFit. With fewer samples than columns, the weights (with the bias) of least norm.

    Raises
    ------
    NotConvergedError : some problems did not reach rounding level; with their number and the
        first one's index.
    SeparableError : likewise, for problems with alpha = 0 whose classes are separated.
    UnsupportedPenaltyError : the slope of the penalty jumps.
    RankDeficientError : the rank of some data is below both its dimensions.
    AlphaError, ShapeError, NonFiniteError, DataError

    Examples
    --------
    >>> X = np.random.default_rng(0).standard_normal((1000, 20, 3)) + 1
    >>> result = fit_batch(X, alpha=0.2)
    >>> result.weights.shape, bool(np.max(result.residual) < 1e-13)
    ((1000, 3), True)
    """
    f = kernel(penalty)
    if f.kinks:
        places = ", ".join(f"{point:g}" for point in f.kinks)
        raise UnsupportedPenaltyError(
            f"the slope of the penalty {f.name!r} jumps at z = {places}; expected a penalty with "
            "continuous slope, such as 'quadratic' or 'pseudo-huber'; solve one problem at a time "
            "with fit"
        )
    data = batched_design(X, y, alpha, bias=bias, classes=classes, sample_weight=sample_weight)
    xp = data.xp
    problems = Problems(
        xp, f, data.alpha[..., None, None], data.q, data.indicator, data.shape, data.root
    )
    with np.errstate(all="ignore"):
        solution = minimise(problems, max_iter, data.traced)
        columns = weights(data, solution.coordinates)
        logits = data.matrix @ columns
        weighted = problems.weighted(logits)
        expansion = problems.expansion(weighted)
    if not data.traced:
        _require_converged(problems, logits, solution.converged, max_iter)
    slopes = columns[..., :-1, :] if bias else columns
    binary = problems.indicator is None
    intercept = columns[..., -1, 0] if binary else columns[..., -1, :]
    return BatchFit(
        weights=slopes[..., 0] if binary else xp.matrix_transpose(slopes),
        bias=intercept if bias else None,
        logits=logits[..., 0] if binary else logits,
        loss=xp.mean(expansion.value, axis=-1),
        residual=relative_gradient(problems, expansion, weighted),
        converged=solution.converged,
        iterations=solution.iterations,
        classes=data.levels,
    )


def _require_converged(problems: Problems, logits: Any, converged: Any, max_iter: int) -> None:
    xp = problems.xp
    if bool(xp.all(converged)):
        return
    count, first = first_failure(~converged)
    if problems.indicator is None:
        margins = logits[..., 0]
    else:
        true = xp.sum(problems.indicator * logits, axis=-1)
        others = xp.where(problems.indicator > 0, xp.full_like(logits, -xp.inf), logits)
        margins = true - xp.max(others, axis=-1)
    if problems.root is not None:
        margins = xp.where(problems.root[..., 0] > 0, margins, xp.ones_like(margins))
    apart = ~converged & (problems.alpha[..., 0, 0] == 0) & xp.all(margins > 0, axis=-1)
    if bool(xp.any(apart)):
        count, first = first_failure(apart)
        raise SeparableError(
            f"alpha is 0 and a hyperplane separates the classes in {count} of the problems, first "
            f"in problem {first}: their losses decrease for ever; expected overlapping classes; "
            "choose alpha > 0"
        )
    raise NotConvergedError(
        f"{count} of the problems, first problem {first}, did not reach rounding level within "
        f"{max_iter} Newton steps; raise max_iter, or check that the penalty is convex"
    )

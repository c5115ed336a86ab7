"""Minimisers of the training loss for thousands of small problems in one call."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .batched_design import batched_design, weights
from .batched_failures import outcome, require_minimisers
from .batched_interior import minimise_kinked
from .batched_kinks import split
from .batched_newton import Solution, minimise, relative_gradient
from .batched_problems import Problems
from .batched_rest import Resting, at_rest, bounds
from .kernels import kernel
from .matrix_products import in_full_precision

__all__ = ["BatchFit", "fit_batch"]


class BatchFit(NamedTuple):
    """Minimisers of the training losses of a batch; arrays of the caller's library and device.

    Attributes
    ----------
    weights : (..., n_features) for two classes, (..., n_classes, n_features) for more.
    bias : (...) for two classes, (..., n_classes) for more; None without one.
    logits : (..., n_samples) signed logits for two classes, (..., n_samples, n_classes) for more.
        A logit at rest on a kink of the penalty is exactly there.
    loss : (...) training losses.
    residual : (...) ||P G|| / (||G|| + ||H z||), with P the projector on the range of the data,
        G the per-sample gradients and H the Hessians: about the rounding unit at a minimiser.
        For penalties alpha (g + h) with kinks G is CE' + alpha g' at the logits z, plus
        subgradients y of alpha h at points v, which differ from z only on kinks; it is
        (||P G|| + ||diag(H) (z - v)||) / (||CE' + alpha g'|| + ||y|| + ||diag(H) z||), with |y|
        summed over the kinks: zero only for a minimiser.
    converged : (...) booleans; all true unless the call was traced. There, at alpha = 0, a plane
        that separates the classes with samples on it is not looked for.
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


@in_full_precision
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
    one that has arrived rests. For penalties with kinks or walls an interior-point method finds out
    which logits rest there, and Newton's method ends with these held. The work is done by the
    library of the arrays, on their device, without a loop over problems, and under ``jax.jit`` and
    ``jax.vmap`` as well: there the values are not checked and ``converged`` says what became of
    each problem.

    The Hessians are held explicitly: (K n_columns)^2 numbers for each problem with K > 2 classes,
    n_columns^2 for two.

    Parameters
    ----------
    X : (..., n_samples, n_features) floating array of any array-API library, absorbed
        (x <- y x) if ``y`` is None.
    y : (..., n_samples) labels, shared by the whole batch, of two or more classes; of two, the
        larger counts as +1. None if they are absorbed.
    penalty : name, expression or Penalty, as for :func:`logitreg.fit`. With kinks or walls it has
        to be convex, with finite slope and curvature beside them.
    alpha : strengths in [0, 1), a number or an array with the shape of the batch. The leading
        dimensions of X, y and alpha broadcast: one data set and many alpha is a path.
    bias : fit an intercept.
    classes : the number of classes K, when the labels are 0, ..., K - 1. Needed where labels are
        traced, since their values are then not known; otherwise the labels are counted.
    sample_weight : (..., n_samples) non-negative numbers, whose leading dimensions broadcast with
        the others. With as many samples as columns weights of zero leave samples out, which makes
        problems of different sizes one batch.
    max_iter : limit on the Newton steps of each problem.

    Returns
    -------
    BatchFit. With fewer samples than columns, the weights (with the bias) of least norm. For two
    classes the minimiser is unique. For more, the common level of the logits may be free: where it
    is so altogether, at alpha = 0 and for label smoothing and entropy, the weights sum to zero over
    the classes; where walls and kinks leave it some room, as those of a box and the flat parts of
    max(z, 0) do, the minimiser is one of several.

    Raises
    ------
    NotConvergedError : some problems did not reach rounding level, or columns are so nearly
        dependent that rounding the weights cost half of the digits; with the number of these
        problems and the first one's index.
    SeparableError : likewise, for problems with alpha = 0 whose classes are separated.
    UnsupportedPenaltyError : the penalty has kinks, and is not convex or is infinitely curved
        beside one.
    RankDeficientError : the rank of some data is below both its dimensions.
    AlphaError, ShapeError, NonFiniteError, DataError

    Examples
    --------
    >>> X = np.random.default_rng(0).standard_normal((1000, 20, 3)) + 1
    >>> result = fit_batch(X, alpha=0.2)
    >>> result.weights.shape, bool(np.max(result.residual) < 1e-13)
    ((1000, 3), True)
    >>> boxed = fit_batch(X, penalty="box", alpha=0.2)
    >>> bool(np.all(np.max(np.abs(boxed.logits), axis=1) == 1))
    True
    """
    f = kernel(penalty)
    smooth, kinks = split(f) if f.kinks else (f, None)
    data = batched_design(X, y, alpha, bias=bias, classes=classes, sample_weight=sample_weight)
    xp = data.xp
    problems = Problems(
        xp, smooth, data.alpha[..., None, None], data.q, data.indicator, data.shape, data.root
    )
    with np.errstate(all="ignore"):
        if kinks is None:
            solution: Solution | Resting = minimise(problems, max_iter, data.traced)
        else:
            solution = minimise_kinked(problems, kinks, max_iter, data.traced)
        columns = weights(data, solution.coordinates)
        logits = data.matrix @ columns
        weighted = problems.weighted(logits)
        if isinstance(solution, Resting) and kinks is not None:
            logits, loss, residual = at_rest(problems, bounds(problems, kinks), logits, solution)
        else:
            expansion = problems.expansion(weighted)
            loss = xp.mean(expansion.value, axis=-1)
            residual = relative_gradient(problems, expansion, weighted)
        found = outcome(problems, solution.converged, logits, residual)
        if not data.traced:
            require_minimisers(data, problems, logits, found, max_iter)
    slopes = columns[..., :-1, :] if bias else columns
    binary = problems.indicator is None
    intercept = columns[..., -1, 0] if binary else columns[..., -1, :]
    return BatchFit(
        weights=slopes[..., 0] if binary else xp.matrix_transpose(slopes),
        bias=intercept if bias else None,
        logits=logits[..., 0] if binary else logits,
        loss=loss,
        residual=residual,
        converged=found.converged,
        iterations=xp.max(solution.iterations) if 0 not in data.shape else xp.asarray(0),
        classes=data.levels,
    )

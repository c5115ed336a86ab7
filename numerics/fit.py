"""The minimiser of the training loss, to rounding level, by Newton's method in Q-coordinates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linprog
from scipy.sparse import lil_matrix

from ..errors import NotConvergedError, SeparableError, UnsupportedPenaltyError
from .design import Design, Factors, design, factor, signed_margins
from .fisher import fisher_targets
from .kernels import kernel
from .losses import SampleLoss, check_alpha, penalty_name, sample_loss
from .rounding import Matrix

__all__ = ["FitResult", "fit"]

_GOAL = 1e-13
_ACCEPTED = 1e-9
_PATIENCE = 5
_CG_STEPS = 300
# Without a penalty, logits beyond this are suspicious: the data may be separable.
_LARGE_LOGIT = 20.0


@dataclass(frozen=True)
class FitResult:
    """A minimiser of the training loss.

    Attributes
    ----------
    weights : (n_features,) for two classes, (n_classes, n_features) for more.
    bias : the intercept, a float or (n_classes,); None without one.
    logits : (n_samples,) signed logits y (x . S + b) for two classes, positive where the sample
        is classified correctly; (n_samples, n_classes) for more.
    loss : the training loss.
    gradient_norm : Euclidean norm of the gradient of the training loss in weights and bias.
    residual : ||P G|| / (||G|| + ||H z||), with P the projector on the range of the data, G the
        per-sample gradients and H the curvatures: free of units, about 1e-15 at rounding level.
    iterations : Newton steps.
    classes : the sorted labels; None if they came absorbed.
    """

    weights: Matrix
    bias: float | Matrix | None
    logits: Matrix
    loss: float
    gradient_norm: float
    residual: float
    iterations: int
    classes: NDArray[Any] | None


def fit(
    X: ArrayLike,
    y: ArrayLike | None = None,
    *,
    penalty: Any = "quadratic",
    alpha: float = 0.1,
    bias: bool = False,
    max_iter: int = 200,
) -> FitResult:
    """Minimise L(S) = mean l(z_i), l = (1 - alpha) CE + alpha f, over linear logits z = X S + b.

    With the thin QR factorisation X = Q R the loss is minimised in the coordinates c = R S, in
    which X^T X is the identity: the condition number of the data drops out, and truncated Newton
    (conjugate gradients on the Hessian) needs few products with Q. The weights follow from R.

    Parameters
    ----------
    X : (n_samples, n_features) real numbers, absorbed (x <- y x) if ``y`` is None.
    y : (n_samples,) labels of two or more classes, or None.
    penalty : name, expression or Penalty, with continuous slope. For K classes it applies
        coordinate-wise, except label smoothing and entropy, whose K-class forms are used.
    alpha : strength in [0, 1).
    bias : fit an intercept (it is part of the logits, which the penalty acts on).
    max_iter : limit on Newton steps.

    Returns
    -------
    FitResult, with weights in float64. Where the loss leaves the common level of the K logits
    free, the weights sum to zero over the classes.

    Raises
    ------
    UnsupportedPenaltyError : the slope of the penalty jumps.
    SeparableError : alpha = 0 and the data is separable: no finite minimiser.
    NotConvergedError : the goal was not reached in ``max_iter`` steps.
    AlphaError, ShapeError, NonFiniteError, DataError, FewerSamplesThanFeaturesError,
    RankDeficientError

    Examples
    --------
    >>> result = fit([[1.0, 0.2], [0.8, -0.3], [1.3, 0.1]], alpha=0.2)
    >>> result.residual < 1e-12
    True
    """
    alpha = check_alpha(alpha, zero=True)
    _require_continuous_slope(penalty, alpha)
    data = design(X, y, bias=bias)
    factors = factor(data.matrix)
    loss = sample_loss(penalty, alpha, data.codes, data.outputs)

    def watch(logits: Matrix) -> None:
        if alpha == 0 and np.min(signed_margins(logits, data)) > 0:
            raise _separable()

    q = factors.q
    coordinates, iterations, reached = _newton(q, loss, fisher_targets(data), max_iter, watch)
    logits = q @ coordinates
    if alpha == 0 and (not reached or np.max(np.abs(logits)) > _LARGE_LOGIT):
        _require_overlap(factors, data)
    if not reached:
        raise NotConvergedError(
            f"Newton's method stopped after {iterations} steps (limit {max_iter}) with relative "
            f"gradient {_residual(q, loss, logits):.1e}; expected {_ACCEPTED:.0e} or "
            "less; raise max_iter, or check that the penalty is convex"
        )
    solution = factors.unscale(factors.weights(coordinates))
    return _result(data, factors, loss, solution, iterations)


def _require_continuous_slope(penalty: Any, alpha: float) -> None:
    if alpha > 0 and (kinks := kernel(penalty).kinks):
        places = ", ".join(f"{point:g}" for point in kinks)
        raise UnsupportedPenaltyError(
            f"the slope of the penalty {penalty_name(penalty)!r} jumps at z = {places}: logits may "
            "come to rest there, which takes a proximal method; expected a penalty with continuous "
            "slope, such as 'quadratic', 'label-smoothing', 'huber', 'pseudo-huber' or 'log-cosh' "
            "(a narrow pseudo-huber approximates |z|)"
        )


def _newton(
    q: Matrix,
    loss: SampleLoss,
    targets: Matrix,
    max_iter: int,
    watch: Callable[[Matrix], None],
) -> tuple[Matrix, int, bool]:
    """Minimise mean loss(q c) over c: the minimiser, the steps taken, whether it was reached."""
    samples = len(q)
    # Where the loss leaves the level of the logits free, steps sum to zero over the classes, as
    # the targets do: so does the minimiser that is reached, which has the least norm.
    coordinates = q.T @ targets
    logits = q @ coordinates
    best, best_coordinates, stalled = np.inf, coordinates, 0
    for iteration in range(max_iter):
        watch(logits)
        curvature = loss.curvature(logits)
        per_sample = loss.gradient(logits)
        gradient = q.T @ per_sample / samples
        size = float(np.linalg.norm(gradient))
        scale = float(np.linalg.norm(per_sample) + np.linalg.norm(curvature(logits))) / samples
        stalled = 0 if size < 0.9 * best * scale else stalled + 1
        if size <= best * scale:
            best, best_coordinates = (size / scale if scale > 0 else 0.0), coordinates
        if best <= _GOAL or (best <= _ACCEPTED and stalled >= _PATIENCE):
            return best_coordinates, iteration, True
        step = _conjugate_gradients(
            lambda u, product=curvature: q.T @ product(q @ u) / samples,  # type: ignore[misc]
            -gradient,
            tolerance=size * min(0.1, size / scale),
        )
        logit_step = q @ step
        length = _step_length(loss, logits, logit_step)
        if length == 0:
            return best_coordinates, iteration, best <= _ACCEPTED
        coordinates = coordinates + length * step
        logits = q @ coordinates
    return best_coordinates, max_iter, best <= _ACCEPTED


def _residual(q: Matrix, loss: SampleLoss, logits: Matrix) -> float:
    per_sample = loss.gradient(logits)
    scale = np.linalg.norm(per_sample) + np.linalg.norm(loss.curvature(logits)(logits))
    return float(np.linalg.norm(q.T @ per_sample) / scale) if scale > 0 else 0.0


def _conjugate_gradients(
    hessian: Callable[[Matrix], Matrix], rhs: Matrix, tolerance: float
) -> Matrix:
    """Solve hessian(u) = rhs; stop early at a direction of non-positive curvature."""
    solution = np.zeros_like(rhs)
    residual = rhs
    direction = rhs
    squared = float(np.sum(residual * residual))
    for _ in range(min(rhs.size + 10, _CG_STEPS)):
        product = hessian(direction)
        bend = float(np.sum(direction * product))
        if bend <= 1e-18 * float(np.sum(direction * direction)):
            return solution if solution.any() else rhs
        length = squared / bend
        solution = solution + length * direction
        residual = residual - length * product
        previous, squared = squared, float(np.sum(residual * residual))
        if squared <= tolerance**2:
            break
        direction = residual + (squared / previous) * direction
    return solution


def _step_length(loss: SampleLoss, logits: Matrix, step: Matrix) -> float:
    """The largest 2^-k that decreases the loss: by Armijo's rule, or where rounding hides the
    decrease by the slope at its end, which a quadratic model lets rise to at most -0.8 times that
    at its start [1]_.

    .. [1] Hager and Zhang, SIAM J. Optim. 16, 170 (2005): the approximate Wolfe condition.
    """
    before = loss.value(logits)
    noise = 1e-14 * float(np.sum(np.abs(before)))
    slope = float(np.sum(loss.gradient(logits) * step))
    length = 1.0
    for _ in range(60):
        trial = logits + length * step
        with np.errstate(over="ignore", invalid="ignore"):
            change = float(np.sum(loss.value(trial) - before))
            if change <= min(1e-4 * length * slope, -noise):
                return length
            if abs(change) <= noise and np.sum(loss.gradient(trial) * step) <= -0.8 * slope:
                return length
        length /= 2
    return 0.0


def _separable() -> SeparableError:
    return SeparableError(
        "alpha is 0 and a hyperplane separates the classes: the loss decreases along it for ever "
        "and has no finite minimiser; expected overlapping classes; choose alpha > 0"
    )


def _require_overlap(factors: Factors, data: Design) -> None:
    """Raise SeparableError if some direction leaves every margin >= 0 and not all zero."""
    q, outputs = factors.q, data.outputs
    samples, columns = q.shape
    if data.codes is None:
        margins: Any = q
    else:
        blocks = lil_matrix((samples * (outputs - 1), columns * outputs))
        row = 0
        for sample, code in enumerate(data.codes):
            for other in range(outputs):
                if other != code:
                    blocks[row, code * columns : (code + 1) * columns] = q[sample]
                    blocks[row, other * columns : (other + 1) * columns] = -q[sample]
                    row += 1
        margins = blocks.tocsr()
    total = np.asarray(margins.sum(axis=0)).ravel()
    solution = linprog(
        -total, A_ub=-margins, b_ub=np.zeros(margins.shape[0]), bounds=(-1, 1), method="highs"
    )
    if solution.status == 0 and -solution.fun > 1e-7:
        raise _separable()


def _result(
    data: Design, factors: Factors, loss: SampleLoss, solution: Matrix, iterations: int
) -> FitResult:
    logits = data.matrix @ solution
    gradient = data.matrix.T @ loss.gradient(logits) / len(logits)
    slopes = solution[:-1] if data.bias else solution
    binary = data.codes is None
    intercept: float | Matrix | None = None
    if data.bias:
        intercept = float(solution[-1, 0]) if binary else solution[-1]
    return FitResult(
        weights=slopes[:, 0] if binary else np.ascontiguousarray(slopes.T),
        bias=intercept,
        logits=logits[:, 0] if binary else logits,
        loss=float(np.mean(loss.value(logits))),
        gradient_norm=float(np.linalg.norm(gradient)),
        residual=_residual(factors.q, loss, logits),
        iterations=iterations,
        classes=data.classes,
    )

"""From a data set and a loss to its minimisers, one for every alpha."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from ..errors import NotConvergedError, SeparableError, UnsupportedPenaltyError
from .concise import concise_repr
from .coordinates import Rough
from .host import on_host
from .interior_point import interior_point
from .loss_terms import penalised
from .losses import Pointwise, SampleLoss, is_shift_invariant, penalty_name
from .max_margin import max_margin
from .newton import ACCEPTED, Minimum, gradient_scale, newton, norms, scaled_start
from .problem import Problem
from .proximal import entropy_scale, gap_size, multipliers
from .rounding import Matrix
from .separability import margin_rows, separating_direction

__all__ = ["FitResult", "max_margin_result", "minimisers"]

# Without a penalty, logits beyond this are suspicious: the data may be separable.
_LARGE_LOGIT = 20.0
_KNOTS = 10
# Relative gradient of rough minimisers, and the steps that they are worth.
_NEAR, _ROUGH_STEPS = 1e-3, 20
# A residual beyond this means that rounding the weights has cost half of the digits.
_LOST = 2.0**-26
# Newton steps for the direct way to a minimiser; if more are allowed, at least two thirds of them.
_DIRECT = 100
# How much steeper a curvature is at a cusp than beside it.
_SPIKE = 4.0
_FAINT = (
    "; a strength below the rounding unit is lost beside the cross-entropy, so that rounding level "
    "may be out of reach: choose a larger alpha, or precise_fit"
)
_CUSP = (
    "the curvature of the penalty has no bound next to the logit {:.6g}, and away from zero floats "
    "are too coarse for that: round the penalty off there, as ((z - k)^2 + c^2)^(p/2) does "
    "abs(z - k)^p"
)


@dataclass(frozen=True)
class FitResult:
    """A minimiser of the training loss.

    Attributes
    ----------
    weights : (n_features,) for two classes, (n_classes, n_features) for more.
    bias : the intercept, a float or (n_classes,); None without one.
    logits : (n_samples,) signed logits y (x . S + b) for two classes, positive where the sample
        is classified correctly (for label distributions that of class 1 against class 0);
        (n_samples, n_classes) for more. A logit at rest on a kink of the penalty is exactly there.
    loss : the training loss.
    gradient_norm : Euclidean norm of the gradient of the training loss in weights and bias. Where
        logits rest on kinks it is made with the subgradients that the solver found there.
    residual : ||P G|| / (||G|| + ||H z||), with P the projector on the range of the data, G the
        gradients of the samples and H their curvatures (each times the root of the sample's
        weight): free of units, about 1e-15 at rounding level, and 1e-8 where the weights are
        returned in float32. Where columns are nearly dependent, rounding the weights leaves up to
        about cond(X) times the rounding unit. For penalties with kinks G is
        CE'(z) + alpha f'(v) with subgradients f' at points v next to the logits, and
        ||CE'' (z - v)||, relative to the same, and ||z - v|| / (||z|| + ||1||) are added: zero only
        for a minimiser. For a
        max-margin separator, how far its optimality conditions are from being met in float64.
    iterations : Newton steps.
    rank : the rank of the data, with the column of ones if there is a bias. Where it is less than
        the number of columns, weights and bias together have the least norm.
    classes : the sorted labels, 0..K-1 for label distributions; None if they came absorbed.
    support : for a max-margin separator the indices of the samples that hold it, else None.
    """

    weights: Any
    bias: Any
    logits: Any
    loss: float
    gradient_norm: float
    residual: float
    iterations: int
    rank: int
    classes: NDArray[Any] | None
    support: NDArray[np.intp] | None = None

    def __repr__(self) -> str:
        return concise_repr(self)


class Rest(NamedTuple):
    """Where the logits came to rest on a penalty f with kinks: at v, with subgradients y."""

    f: Pointwise
    v: Matrix
    y: Matrix


def minimisers(problem: Problem, penalty: Any, alphas: Matrix, max_iter: int) -> list[FitResult]:
    """The minimisers for one penalty and alphas that are all positive or all zero.

    Raises
    ------
    SeparableError : alpha = 0, and the loss has no minimiser.
    UnsupportedPenaltyError : a penalty with kinks is not convex.
    NotConvergedError
    """
    regularised = bool(np.all(alphas > 0))
    loss = problem.loss(penalty, alphas if regularised else 0.0)
    loss = replace(loss, alpha=alphas)
    start = scaled_start(problem.basis.quick, loss, problem.targets, len(alphas))
    direct = max(max_iter - max_iter // 3, min(max_iter, _DIRECT))
    f = loss.pointwise
    rest: Rest | None = None
    if f is not None and f.stiff:
        _require_convex(f, penalty)
        found, *pair = multipliers(problem.basis, loss, f, start, direct)
        rest = Rest(f, *pair)
        for i in np.flatnonzero(~found.reached):
            _through_the_interior(problem, penalty, float(alphas[i]), rest, found, int(i), max_iter)
    elif regularised:
        found = _from_nearby(problem, loss, start, direct)
        for i in np.flatnonzero(~found.reached):
            _continue(problem, loss, start, found, int(i), max_iter)
    else:
        found = newton(problem.basis, loss, start, max_iter, stop=problem.separated)
        _require_overlap(problem, found)
    if not np.all(found.reached):
        worst = int(np.argmin(found.reached))
        advice = "raise max_iter, or check that the penalty is convex"
        cusp = (
            None
            if f is None or not f.convex
            else _cusp(f, problem.logits(found.coordinates[..., [worst]]))
        )
        if cusp is not None:
            advice = _CUSP.format(cusp)
        elif 0 < alphas[worst] < 2.0**-52:
            advice += _FAINT
        raise NotConvergedError(
            f"the solver stopped after {found.steps[worst]} steps (limit {max_iter}) at alpha = "
            f"{alphas[worst]:g} with relative gradient {found.relative[worst]:.1e}; expected "
            f"{ACCEPTED:.0e} or less; {advice}"
        )
    if problem.data.outputs > 1 and is_shift_invariant(penalty, float(alphas[0])):
        # Single precision on the way has moved the common level, which the loss leaves free.
        level = np.mean(found.coordinates, axis=1, keepdims=True)
        found = replace(found, coordinates=found.coordinates - level)
    return _results(problem, loss, rest, found)


def _from_nearby(problem: Problem, loss: SampleLoss, start: Matrix, max_iter: int) -> Minimum:
    """Newton's method from rough minimisers, found in single precision where that is at hand and
    there is one logit; for many alphas from those of a few, by a cubic spline in log alpha."""
    quick = problem.basis.quick
    logits = quick.weighted(quick.spread(start), -1)
    rough = problem.basis.rough(loss.curvature(logits).diagonal)
    chosen = np.unique(loss.alpha, return_index=True)[1]
    many = len(chosen) >= 3 * _KNOTS
    if many:
        chosen = chosen[np.linspace(0, len(chosen) - 1, _KNOTS).astype(int)]
    elif rough.basis is problem.basis or problem.data.outputs > 1:
        return newton(problem.basis, loss, start, max_iter, rough=rough)
    else:
        chosen = np.arange(len(loss.alpha))
    near = newton(
        rough.basis,
        loss.restrict(chosen),
        rough.enter(start[..., chosen]),
        min(max_iter, _ROUGH_STEPS),
        goal=_NEAR,
        rough=Rough(rough.basis),
    )
    nearby = rough.leave(near.coordinates)
    if many:
        spline = CubicSpline(np.log(loss.alpha[chosen]), nearby, axis=2)
        return newton(problem.basis, loss, spline(np.log(loss.alpha)), max_iter, rough=rough)
    found = newton(problem.basis, loss, nearby, max_iter - int(np.max(near.steps)), rough=rough)
    return replace(found, steps=near.steps + found.steps)


def _continue(
    problem: Problem, loss: SampleLoss, start: Matrix, found: Minimum, i: int, max_iter: int
) -> None:
    """Find the minimiser of strength i anew, by way of larger strengths, each a tenth of the last.

    On long straight parts of a penalty nothing but a faint cross-entropy curves the loss, and steps
    from afar end at every bend; the minimiser for ten times alpha is on the right side of most.
    """
    alpha, at, steps = float(loss.alpha[i]), start[..., [i]], int(found.steps[i])
    tenfold = alpha * 10.0 ** np.arange(math.ceil(-math.log10(alpha)) - 1, 0, -1)
    if not len(tenfold):
        return
    for strength in (*tenfold, alpha):
        here = replace(loss, alpha=np.array([strength]))
        step = newton(problem.basis, here, at, max_iter - steps)
        at, steps = step.coordinates, steps + int(step.steps[0])
    found.steps[i] = steps
    if step.reached[0]:
        found.coordinates[..., i], found.reached[i] = at[..., 0], True
        found.relative[i] = step.relative[0]


def _through_the_interior(
    problem: Problem, penalty: Any, alpha: float, rest: Rest, found: Minimum, i: int, max_iter: int
) -> None:
    """Find the minimiser of strength i anew, by the interior-point method."""
    inside = interior_point(problem, penalty, alpha, max_iter - int(found.steps[i]))
    if inside is not None:
        found.coordinates[..., i], found.reached[i] = inside.coordinates, True
        found.steps[i] += inside.steps
        rest.v[..., i], rest.y[..., i] = inside.v, inside.y


def _cusp(f: Pointwise, logits: Matrix) -> float | None:
    """A logit, not zero, whose curvature towers above that a thousandth to its left and right."""
    here, left, right = (
        np.nan_to_num(f.curvature(step * logits), nan=np.inf) for step in (1, 0.999, 1.001)
    )
    spikes = (here > _SPIKE * np.maximum(left, right)) & (logits != 0)
    return float(logits[spikes][0]) if np.any(spikes) else None


def _require_convex(f: Pointwise, penalty: Any) -> None:
    if not f.convex:
        raise UnsupportedPenaltyError(
            f"the penalty {penalty_name(penalty)!r} has kinks or infinite curvature and is not "
            "convex: no method here finds its minimisers; expected one or the other; smooth its "
            "kinks (a narrow pseudo-huber approximates |z|)"
        )


def _require_overlap(problem: Problem, found: Minimum) -> None:
    """Raise SeparableError if the minimum without a penalty is at infinity."""
    c = found.coordinates[..., 0]
    logits = problem.logits(c)
    if np.all(found.reached) and np.max(np.abs(logits)) <= _LARGE_LOGIT:
        return
    direction: Matrix | None = c
    if not problem.separated(logits[..., None]):
        direction = separating_direction(problem.basis.q, problem.labels, problem.data.outputs)
    if direction is not None:
        raise _separable(problem, problem.basis.weights(direction))


def _separable(problem: Problem, solution: Matrix) -> SeparableError:
    margins, sample = margin_rows(problem.matrix, problem.labels, problem.data.outputs)
    values = margins @ solution.T.ravel()
    right = np.setdiff1d(sample, sample[values <= 1e-9 * np.max(values)])
    total = len(problem.matrix)
    where = f"all {total} samples" if len(right) == total else f"{len(right)} of {total} samples"
    on_it = "" if len(right) == total else ", the others on itself"
    return SeparableError(
        f"alpha is 0 and a hyperplane separates the classes, with {where} on their side{on_it}: "
        "the loss decreases along it for ever and has no finite minimiser; expected overlapping "
        "classes; choose alpha > 0, or on_separable='max-margin' where the separation is strict",
        solution[:, 0] if problem.data.outputs == 1 else np.ascontiguousarray(solution.T),
    )


def max_margin_result(problem: Problem) -> FitResult:
    """The hard-margin separator, as a FitResult.

    Raises
    ------
    NotConvergedError
    """
    data = problem.data
    best = max_margin(problem.matrix, problem.labels, data.outputs, data.bias)
    loss = problem.loss("quadratic", 0.0)
    logits = problem.matrix @ best.solution
    return _result(
        problem,
        solution=best.solution,
        logits=data.matrix @ best.solution,
        loss=float(problem.share @ loss.value(logits)),
        gradient_norm=float(
            np.linalg.norm(problem.matrix.T @ (problem.share[:, None] * loss.gradient(logits)))
        ),
        residual=best.residual,
        iterations=0,
        support=np.flatnonzero(problem.kept)[best.support],
    )


def _results(
    problem: Problem, loss: SampleLoss, rest: Rest | None, found: Minimum
) -> list[FitResult]:
    basis, shape = problem.basis, found.coordinates.shape[1:]
    weights = basis.weights(found.coordinates.reshape(basis.rank, shape[0] * shape[1]))
    results = _of_weights(problem, loss, rest, found, weights)
    _require_digits(problem, weights, results)
    returned = on_host(problem.home(weights))
    if returned.dtype == np.float64:
        return results
    return _of_weights(problem, loss, rest, found, returned.astype(np.float64))


def _of_weights(
    problem: Problem, loss: SampleLoss, rest: Rest | None, found: Minimum, weights: Matrix
) -> list[FitResult]:
    basis, shape = problem.basis, found.coordinates.shape[1:]
    solutions = weights.reshape(-1, *shape)
    every = np.asarray(problem.data.matrix @ weights).reshape(-1, *shape)
    logits = every[problem.kept]
    at = loss.at(logits)
    if rest is None:
        values, gradients = loss.value(at), loss.gradient(at)
        scale, distance = gradient_scale(basis, loss, at), np.zeros(len(loss.alpha))
    else:
        f, v, y = rest
        values = penalised(loss.alpha, loss.entropy.value(at), at.sum(f.value(v)))[:, 0]
        gradients = penalised(loss.alpha, loss.entropy.gradient(at), y)
        scale = entropy_scale(basis, loss, logits, y)
        distance = gap_size(basis, loss, logits, v, y)
        every[problem.kept] = np.where(np.isin(v, f.kinks), v, logits)
    share = problem.share
    slopes = problem.matrix.T @ (share[:, None] * gradients.reshape(len(share), -1))
    sizes = np.linalg.norm(slopes.reshape(-1, len(loss.alpha)), axis=0)
    pull = norms(basis.collect(basis.weighted(gradients)))
    residuals = distance + pull / np.where(scale > 0, scale, 1)
    return [
        _result(
            problem,
            solution=solutions[..., i],
            logits=every[..., i],
            loss=float(share @ values[:, i]),
            gradient_norm=float(sizes[i]),
            residual=float(residuals[i]),
            iterations=int(found.steps[i]),
        )
        for i in range(len(loss.alpha))
    ]


def _require_digits(problem: Problem, weights: Matrix, results: list[FitResult]) -> None:
    """Raise NotConvergedError if rounding the weights has undone what the solver reached."""
    worst = max(results, key=lambda result: result.residual)
    if worst.residual <= _LOST:
        return
    terms = np.max(np.abs(problem.matrix)[:, :, None] * np.abs(weights), axis=(0, 1))
    raise NotConvergedError(
        f"the minimiser was found, but its weights in float64 have the relative gradient "
        f"{worst.residual:.1e}; expected {_LOST:.0e} or less: columns are nearly dependent, so "
        f"that terms of up to {np.max(terms):.1e} add up to logits of at most "
        f"{np.max(np.abs(on_host(worst.logits))):.1e}, and rounding level is out of reach; drop "
        "one of the columns, or subtract from each what it shares with the others"
    )


def _result(
    problem: Problem,
    *,
    solution: Matrix,
    logits: Matrix,
    loss: float,
    gradient_norm: float,
    residual: float,
    iterations: int,
    support: NDArray[np.intp] | None = None,
) -> FitResult:
    data, home = problem.data, problem.home
    slopes = solution[:-1] if data.bias else solution
    binary = data.outputs == 1
    intercept: Any = None
    if data.bias:
        intercept = float(solution[-1, 0]) if binary else home(solution[-1])
    return FitResult(
        weights=home(slopes[:, 0] if binary else np.ascontiguousarray(slopes.T)),
        bias=intercept,
        logits=home(logits[:, 0] if binary else logits),
        loss=loss,
        gradient_norm=gradient_norm,
        residual=residual,
        iterations=iterations,
        rank=problem.basis.rank,
        classes=data.classes,
        support=support,
    )

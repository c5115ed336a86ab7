"""The limit N, d -> infinity with d/N fixed, for Gaussian signal plus noise."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device, is_array_api_obj

from ..errors import AlphaError, NotConvergedError, NotConvexError, ShapeError
from .host import on_host
from .kernels import Kernel, kernel
from .normal import normal_cdf
from .proximal_moments import CellLosses, break_points, cell_losses, mean_loss
from .scalar_saddle import Cells, solve
from .separable_limit import largest_margin, separability_threshold

__all__ = ["Asymptotics", "asymptotics"]

_BLOCK = 128
_FRESH_ORDER = 256
_GOAL = 1e-12
# A start for logits without a finite target.
_FAR = 3.0


@dataclass(frozen=True)
class Asymptotics:
    """The limits of a trained classifier; every field has the shape of the parameters.

    Attributes
    ----------
    signal_weight, noise_weight : S_1 and the norm of the other weights; infinite without a finite
        minimiser.
    cosine : rho, between the weights and the signal; NaN for zero weights, where z* is zero.
    accuracy : on fresh data, Phi(mean/deviation of a fresh logit).
    logit_mean, logit_deviation : of signed logits of fresh samples, which are Gaussian.
    train_logit_mean, train_logit_deviation : of signed logits of training samples, which are not.
    loss, train_loss : the mean of the per-sample loss over fresh and over training samples.
    margin : the largest margin of a unit vector, where alpha and the weight decay are zero and the
        data is separable; else NaN.
    residual : of the equations that were solved; zero where a closed form applies.
    """

    signal_weight: Any
    noise_weight: Any
    cosine: Any
    accuracy: Any
    logit_mean: Any
    logit_deviation: Any
    train_logit_mean: Any
    train_logit_deviation: Any
    loss: Any
    train_loss: Any
    margin: Any
    residual: Any


def asymptotics(
    aspect_ratio: Any,
    *,
    signal: Any = 1.0,
    signal_noise: Any = 0.5,
    orthogonal_noise: Any = 1.0,
    penalty: Any = "quadratic",
    alpha: Any = 0.1,
    weight_decay: Any = 0.0,
) -> Asymptotics:
    """What training on N samples in d dimensions gives, as N, d -> infinity with d/N = lambda.

    Samples with labels absorbed are x = (mu_f + sigma_f xi) e_1 + sigma_n xi_perp, xi Gaussian; the
    training loss is the mean of l = (1 - alpha) CE + alpha f plus kappa |S|^2/2. With
    Z = S_1 mu_f + s G, s^2 = S_1^2 sigma_f^2 + q^2, q = sigma_n ||S_perp||, and p the proximal
    operator of gamma l, the triple (S_1, q, gamma) solves

        E p'(Z) = 1 - lambda + kappa gamma/sigma_n^2,    E (p(Z) - Z)^2 = lambda q^2,
        mu_f E (p(Z) - Z) = S_1 (sigma_f^2 (1 - E p'(Z)) + kappa gamma).

    Closed forms take over for lambda >= 1 (least norm), for sigma_f = 0, and for alpha = 0 beyond
    the separability threshold (largest margin); there kappa = 0.

    Parameters
    ----------
    aspect_ratio : lambda > 0.
    signal, signal_noise, orthogonal_noise : mu_f > 0, sigma_f >= 0, sigma_n > 0.
    penalty : name, expression or Penalty, convex; kinks are allowed.
    alpha : in [0, 1).
    weight_decay : kappa >= 0.

    All numbers broadcast against each other; arrays of one array-API library give its arrays.

    Returns
    -------
    Asymptotics, of floats if all parameters are numbers. A thousand cells take about a second.

    Raises
    ------
    AlphaError, ShapeError : a parameter outside its domain, shapes that do not broadcast.
    NotConvexError : the penalty is not convex, which the theory assumes.
    NotConvergedError : a residual above 1e-12, with the first cell where it happened.

    Examples
    --------
    >>> limit = asymptotics(0.7, signal_noise=0.5, alpha=0.4)
    >>> round(limit.accuracy, 6)
    0.843892
    >>> separable = asymptotics(0.7, signal_noise=0.5, alpha=0.0)
    >>> separable.margin > 0 and separable.accuracy > limit.accuracy
    True
    """
    f = kernel(penalty)
    if not f.convex:
        raise NotConvexError(
            f"the penalty {f.name!r} is not convex: at z = {f.concave_at!r} its second derivative "
            "is negative; expected a convex f(z), since the limit theory rests on convexity"
        )
    given = {
        "aspect_ratio": aspect_ratio,
        "signal": signal,
        "signal_noise": signal_noise,
        "orthogonal_noise": orthogonal_noise,
        "alpha": alpha,
        "weight_decay": weight_decay,
    }
    xp, arrays, shape = _broadcast(given)
    _check(xp, arrays)
    model = _Model(xp, f, break_points(f))
    cells = {name: xp.reshape(array, (-1,)) for name, array in arrays.items()}
    count = math.prod(shape)
    blocks = [
        _in_block(model, Cells(**{name: c[first:last] for name, c in cells.items()}))
        for first, last in ((i, min(i + _BLOCK, count)) for i in range(0, count, _BLOCK))
    ]
    names = [field.name for field in fields(Asymptotics)]
    joined = (
        xp.reshape(xp.concat([getattr(block, name) for block in blocks]), shape) for name in names
    )
    if any(is_array_api_obj(v) for v in given.values()):
        return Asymptotics(*joined)
    return Asymptotics(*(float(v) for v in joined))


def _broadcast(given: dict[str, Any]) -> tuple[Any, dict[str, Any], tuple[int, ...]]:
    arrays = [v for v in given.values() if is_array_api_obj(v)]
    xp = array_namespace(*arrays) if arrays else array_namespace(np.empty(0))
    where = device(arrays[0]) if arrays else None
    wide = {
        name: xp.astype(v, xp.float64)
        if is_array_api_obj(v)
        else xp.asarray(float(v), dtype=xp.float64, device=where)
        for name, v in given.items()
    }
    try:
        together = xp.broadcast_arrays(*wide.values())
    except (ValueError, RuntimeError, TypeError):
        shapes = ", ".join(f"{name} {tuple(v.shape)}" for name, v in wide.items())
        raise ShapeError(f"the shapes {shapes} do not broadcast; expected shapes that do") from None
    return xp, dict(zip(wide, together, strict=True)), tuple(together[0].shape)


def _check(xp: Any, arrays: dict[str, Any]) -> None:
    if not bool(xp.all((arrays["alpha"] >= 0) & (arrays["alpha"] < 1))):
        raise AlphaError("alpha leaves [0, 1); expected strengths in [0, 1)")
    for name, low in (("aspect_ratio", 0), ("signal", 0), ("orthogonal_noise", 0)):
        if not bool(xp.all((arrays[name] > low) & xp.isfinite(arrays[name]))):
            raise ShapeError(f"{name} must be positive and finite in every cell")
    for name in ("signal_noise", "weight_decay"):
        if not bool(xp.all((arrays[name] >= 0) & xp.isfinite(arrays[name]))):
            raise ShapeError(f"{name} must be at least zero and finite in every cell")


@dataclass(frozen=True)
class _Model:
    """The per-sample loss, at the strength of each cell."""

    xp: Any
    penalty: Kernel
    breaks: tuple[float, ...]

    def losses(self, alpha: Any) -> CellLosses:
        return cell_losses(self.xp, self.penalty, self.breaks, alpha)


def _in_block(model: _Model, cells: Cells) -> Asymptotics:
    """Each cell by the regime that it belongs to, put together in order."""
    xp = model.xp
    free = cells.weight_decay == 0
    penalised = cells.alpha > 0
    noiseless = cells.signal_noise == 0
    wide = cells.aspect_ratio >= 1
    effect = cells.signal / xp.where(noiseless, 1.0, cells.signal_noise)
    (threshold,) = _by_numpy(xp, separability_threshold, xp.where(noiseless, math.inf, effect))
    separable = free & ~penalised & (cells.aspect_ratio > threshold)
    # Where the target is zero, so are the weights.
    still = model.losses(cells.alpha[:, None]).minimiser[:, 0] == 0
    interpolating = free & penalised & wide & ~still
    collapsed = (free & penalised & ~wide & noiseless) | still
    regimes = (
        (separable, _separable),
        (interpolating, _interpolating),
        (collapsed, _collapsed),
        (~(separable | interpolating | collapsed), _saddle),
    )
    places, pieces = [], []
    for mask, regime in regimes:
        if bool(xp.any(mask)):
            places.append(xp.nonzero(mask)[0])
            pieces.append(regime(model, cells.at(mask)))
    order = xp.argsort(xp.concat(places))
    return Asymptotics(
        *(
            xp.take(xp.concat([getattr(piece, field.name) for piece in pieces]), order)
            for field in fields(Asymptotics)
        )
    )


def _by_numpy(xp: Any, function: Any, *arrays: Any) -> tuple[Any, ...]:
    """A function of NumPy arrays on arrays of another library."""
    results = function(*(on_host(array) for array in arrays))
    like = arrays[0]
    return tuple(
        xp.asarray(np.asarray(r), dtype=like.dtype, device=device(like))
        for r in (results if isinstance(results, tuple) else (results,))
    )


def _separable(model: _Model, cells: Cells) -> Asymptotics:
    """The direction of the largest margin: gradient descent follows it without end."""
    xp = model.xp
    given = (cells.aspect_ratio, cells.signal, cells.signal_noise, cells.orthogonal_noise)
    cosine, margin = _by_numpy(xp, largest_margin, *given)
    mean, spread = _fresh_logit(xp, cells, cosine, xp.sqrt(1 - cosine**2) * cells.orthogonal_noise)
    infinite, zero = xp.full_like(cosine, math.inf), xp.zeros_like(cosine)
    return Asymptotics(
        signal_weight=infinite,
        noise_weight=infinite,
        cosine=cosine,
        accuracy=_accuracy(xp, mean, spread),
        logit_mean=infinite,
        logit_deviation=infinite,
        train_logit_mean=infinite,
        train_logit_deviation=infinite,
        loss=infinite,
        train_loss=zero,
        margin=margin,
        residual=zero,
    )


def _interpolating(model: _Model, cells: Cells) -> Asymptotics:
    """The least norm at which all logits of the training samples are z*."""
    xp = model.xp
    goal = model.losses(cells.alpha[:, None]).minimiser[:, 0]
    mu, variance, excess = cells.signal, cells.signal_noise**2, cells.aspect_ratio - 1
    first = goal * mu / (mu**2 + variance + cells.orthogonal_noise**2 * excess)
    square = (goal - first * mu) ** 2 + first**2 * variance
    # At lambda = 1 the norm is infinite, unless the signal has no noise.
    noise = xp.sqrt(square / xp.where(excess > 0, excess, 1.0))
    noise = xp.where((excess == 0) & (variance > 0), math.inf, noise)
    return _fitted(model, cells, first, xp.where((excess == 0) & (variance == 0), 0.0, noise))


def _collapsed(model: _Model, cells: Cells) -> Asymptotics:
    """S = (z*/mu_f) e_1 has all logits z*, without noise along the signal or if z* is zero."""
    first = model.losses(cells.alpha[:, None]).minimiser[:, 0] / cells.signal
    return _fitted(model, cells, first, model.xp.zeros_like(first))


def _fitted(model: _Model, cells: Cells, first: Any, noise: Any) -> Asymptotics:
    """All training logits are z*."""
    goal = model.losses(cells.alpha[:, None]).minimiser[:, 0]
    zero = model.xp.zeros_like(goal)
    loss = model.losses(cells.alpha[:, None]).value(goal[:, None])[:, 0]
    return _trained(model, cells, first, noise, train=(goal, zero, loss), residual=zero)


def _saddle(model: _Model, cells: Cells) -> Asymptotics:
    xp = model.xp
    level = xp.clip(model.losses(cells.alpha[:, None]).minimiser[:, 0], None, _FAR)
    power = cells.signal**2 + cells.signal_noise**2
    ratio = xp.clip(cells.aspect_ratio, None, 0.9)
    # From the solution for a quadratic loss, kept off q = 0.
    share = xp.clip(cells.signal_noise**2 / power, 1e-4, None)
    start = level * cells.signal / power, level * xp.sqrt(ratio * share / (1 - ratio))
    # On its way a proximal step of a steep penalty may overflow, which its bracket mends.
    with np.errstate(all="ignore"):
        found = solve(xp, model.losses, cells, *start)
    _require_converged(model, cells, found.residual)
    train = (found.train_mean, found.train_deviation, found.train_loss)
    return _trained(
        model, cells, found.signal_weight, found.noise, train=train, residual=found.residual
    )


def _trained(
    model: _Model,
    cells: Cells,
    first: Any,
    noise: Any,
    *,
    train: tuple[Any, Any, Any],
    residual: Any,
) -> Asymptotics:
    """Weights that training reaches, and what they do on fresh samples."""
    xp = model.xp
    mean, spread = _fresh_logit(xp, cells, first, noise)
    across = noise / cells.orthogonal_noise
    losses = model.losses(cells.alpha[:, None])
    bounded = xp.isfinite(spread)
    loss = mean_loss(xp, losses, mean, xp.where(bounded, spread, 0.0), _FRESH_ORDER)
    return Asymptotics(
        signal_weight=first,
        noise_weight=across,
        cosine=_cosine(xp, first, across),
        accuracy=_accuracy(xp, mean, spread),
        logit_mean=mean,
        logit_deviation=spread,
        train_logit_mean=train[0],
        train_logit_deviation=train[1],
        loss=xp.where(bounded, loss, math.inf),
        train_loss=train[2],
        margin=xp.full_like(mean, math.nan),
        residual=residual,
    )


def _fresh_logit(xp: Any, cells: Cells, first: Any, noise: Any) -> tuple[Any, Any]:
    return first * cells.signal, xp.hypot(first * cells.signal_noise, noise)


def _cosine(xp: Any, first: Any, across: Any) -> Any:
    """S_1/|S|: zero beside an infinite part, NaN for zero weights."""
    finite = xp.isfinite(across)
    length = xp.hypot(first, xp.where(finite, across, 0.0))
    cosine = xp.where(finite, first / xp.where(length > 0, length, 1.0), 0.0)
    return xp.where(length > 0, cosine, math.nan)


def _accuracy(xp: Any, mean: Any, spread: Any) -> Any:
    """Phi(mean/spread): 1/2 for logits that are all zero."""
    certain = (spread == 0) & (mean > 0)
    ratio = mean / xp.where(spread > 0, spread, 1.0)
    return normal_cdf(xp.where(certain, math.inf, ratio))


def _require_converged(model: _Model, cells: Cells, residual: Any) -> None:
    xp = model.xp
    failed = xp.astype(~(residual < _GOAL), xp.int64)
    count = int(xp.sum(failed))
    if count == 0:
        return
    first = int(xp.argmax(failed))
    where = ", ".join(f"{f.name} = {float(getattr(cells, f.name)[first]):g}" for f in fields(cells))
    raise NotConvergedError(
        f"{count} of {failed.shape[0]} cells under {model.penalty.name!r} have a residual above "
        f"{_GOAL:g}; the first is {float(residual[first]):.1e} at {where}; stay farther from the "
        "separability threshold and from lambda = 1, or from where a kink holds all logits at zero"
    )

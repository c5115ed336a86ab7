"""The regimes of training in high dimension: saddle, least norm, largest margin, collapse."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from array_api_compat import device

from . import correlated_noise
from .correlated_noise import Spectrum
from .gaussian_calibration import calibration_error_of_gaussian_logits
from .held_by_a_kink import held_by_a_kink
from .host import on_host
from .normal import positive_probability
from .parameter_grid import in_order, require_converged, values
from .proximal_moments import JUMP, Break, LossFamily, mean_loss
from .scalar_problem import Cells
from .scalar_saddle import Saddle, solve, start_at_parabola, start_below
from .separable_limit import (
    largest_margin,
    largest_margin_in_correlated_noise,
    separability_threshold,
)

__all__ = ["Asymptotics", "Training", "in_regimes"]

_FRESH_ORDER = 256
# A start for logits without a finite target.
_FAR = 6.0
# Steps of ever longer descents.
_DESCENTS = (0, 4, 25)
_ADVICE = (
    "stay farther from the separability threshold, from lambda = 1, or from the collapse of all "
    "logits to one"
)


@dataclass(frozen=True)
class Asymptotics:
    """The limits of a trained classifier; every field has the shape of the parameters.

    Attributes
    ----------
    signal_weight, noise_weight : S_1 and the norm of the other weights; infinite without a finite
        minimiser.
    cosine : rho, between the weights and the signal; NaN for zero weights.
    accuracy : on fresh data, Phi(mean/deviation of a fresh logit).
    calibration_error : the expected one on fresh data, E |sigma(z) - P(y = 1 | z)|, of the logistic
        function of the logit z as the predicted probability. Infinite logits are certain.
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
    calibration_error: Any
    logit_mean: Any
    logit_deviation: Any
    train_logit_mean: Any
    train_logit_deviation: Any
    loss: Any
    train_loss: Any
    margin: Any
    residual: Any


@dataclass(frozen=True)
class Training(LossFamily):
    """The per-sample loss, and the noise that is the same in all cells."""

    spectrum: Spectrum | None


def in_regimes(model: Training, cells: Cells) -> Asymptotics:
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
    pieces = []
    for mask, regime in regimes:
        if bool(xp.any(mask)):
            pieces.append((xp.nonzero(mask)[0], regime(model, cells.at(mask))))
    return _joined(xp, pieces)


def _joined(xp: Any, pieces: list[tuple[Any, Asymptotics]]) -> Asymptotics:
    """The limits of all cells, from pieces with their places."""
    places, limits = zip(*pieces, strict=True)
    return Asymptotics(*in_order(xp, places, map(values, limits)))


def _by_numpy(xp: Any, function: Any, *arrays: Any) -> tuple[Any, ...]:
    """A function of NumPy arrays on arrays of another library."""
    results = function(*(on_host(array) for array in arrays))
    like = arrays[0]
    return tuple(
        xp.asarray(np.asarray(r), dtype=like.dtype, device=device(like))
        for r in (results if isinstance(results, tuple) else (results,))
    )


def _separable(model: Training, cells: Cells) -> Asymptotics:
    """The direction of the largest margin: gradient descent follows it without end."""
    xp = model.xp
    given = (cells.aspect_ratio, cells.signal, cells.signal_noise, cells.orthogonal_noise)
    if model.spectrum is None:
        cosine, margin = _by_numpy(xp, largest_margin, *given)
        noise = xp.sqrt(1 - cosine**2) * cells.orthogonal_noise
    else:
        correlated = partial(largest_margin_in_correlated_noise, spectrum=model.spectrum)
        cosine, margin, noise = _by_numpy(xp, correlated, *given)
    mean, spread = _fresh_logit(xp, cells, cosine, noise)
    infinite, zero = xp.full_like(cosine, math.inf), xp.zeros_like(cosine)
    accuracy = positive_probability(mean, spread)
    return Asymptotics(
        signal_weight=infinite,
        noise_weight=infinite,
        cosine=cosine,
        accuracy=accuracy,
        calibration_error=1 - accuracy,
        logit_mean=infinite,
        logit_deviation=infinite,
        train_logit_mean=infinite,
        train_logit_deviation=infinite,
        loss=infinite,
        train_loss=zero,
        margin=margin,
        residual=zero,
    )


def _interpolating(model: Training, cells: Cells) -> Asymptotics:
    """The least norm at which all logits of the training samples are z*."""
    xp = model.xp
    goal = model.losses(cells.alpha[:, None]).minimiser[:, 0]
    mu, variance = cells.signal, cells.signal_noise**2
    at_one = cells.aspect_ratio == 1
    if model.spectrum is None:
        excess, norm = cells.aspect_ratio - 1, xp.ones_like(mu)
    else:
        spectrum = correlated_noise.on_device(xp, model.spectrum, mu)
        excess = correlated_noise.ridge(xp, spectrum, 1 / cells.aspect_ratio)
        norm = spectrum.squared_norm(xp, excess)
    first = goal * mu / (mu**2 + variance + cells.orthogonal_noise**2 * excess)
    square = (goal - first * mu) ** 2 + first**2 * variance
    # At lambda = 1 the norm is infinite, unless the signal has no noise.
    length = xp.sqrt(square / xp.where(at_one, 1.0, excess))
    length = xp.where(at_one & (variance > 0), math.inf, length)
    length = xp.where(at_one & (variance == 0), 0.0, length)
    across = length / cells.orthogonal_noise
    return _fitted(model, cells, goal, (first, length / xp.sqrt(norm), across))


def _collapsed(model: Training, cells: Cells) -> Asymptotics:
    """All logits are z*, without noise along the signal or if z* is zero."""
    return _at_one_logit(model, cells, model.losses(cells.alpha[:, None]).minimiser[:, 0])


def _at_one_logit(model: Training, cells: Cells, level: Any) -> Asymptotics:
    """S = (level/mu_f) e_1."""
    zero = model.xp.zeros_like(level)
    return _fitted(model, cells, level, (level / cells.signal, zero, zero))


def _fitted(
    model: Training, cells: Cells, level: Any, weights: tuple[Any, Any, Any]
) -> Asymptotics:
    """All training logits are at one level."""
    zero = model.xp.zeros_like(level)
    loss = model.losses(cells.alpha[:, None]).value(level[:, None])[:, 0]
    return _trained(model, cells, *weights, train=(level, zero, loss), residual=zero)


def _saddle(model: Training, cells: Cells) -> Asymptotics:
    """Newton's method; where it is lost, a kink may hold all logits, or a descent leads there."""
    xp = model.xp
    losses = model.losses(cells.alpha[:, None])
    level = xp.clip(losses.minimiser[:, 0], None, _FAR)
    curvature = xp.clip(losses.curvature(level[:, None])[:, 0], 1e-3, 1e3)
    start = start_at_parabola(xp, cells, level, curvature)
    spectrum = model.spectrum and correlated_noise.on_device(xp, model.spectrum, level)
    # On its way a proximal step of a steep penalty may overflow, which its bracket mends.
    with np.errstate(all="ignore"):
        found, lost = solve(xp, model.losses, cells, start, spectrum)
    pieces = [(xp.nonzero(~lost)[0], _at_saddle(model, cells.at(~lost), found.at(~lost)))]
    for kink in losses.breaks:
        held = _held(model, cells, kink, lost)
        if bool(xp.any(held)):
            point = xp.full_like(cells.signal[held], kink.point)
            pieces.append((xp.nonzero(held)[0], _at_one_logit(model, cells.at(held), point)))
            lost = lost & ~held
    left = xp.nonzero(lost)[0]
    for descent in _DESCENTS:
        if left.shape[0] == 0:
            break
        rest = cells.at(left)
        begin = start_below(xp, rest, level[left])
        with np.errstate(all="ignore"):
            found, again = solve(xp, model.losses, rest, begin, spectrum, descent=descent)
        done = ~again | (descent == _DESCENTS[-1])
        pieces.append((left[done], _at_saddle(model, rest.at(done), found.at(done))))
        left = left[~done]
    return _joined(xp, pieces)


def _held(model: Training, cells: Cells, kink: Break, among: Any) -> Any:
    """Where the kink holds all logits: at zero, or anywhere without noise along the signal."""
    xp, (point, left, right) = model.xp, kink
    weight = point / cells.signal
    mask = among & (weight >= 0) & ((right - left)[:, 0] > JUMP)
    mask = mask & ((weight == 0) | (cells.signal_noise == 0))
    where = xp.nonzero(mask)[0]
    if where.shape[0] == 0:
        return mask
    some = cells.at(where)
    given = (some.aspect_ratio, some.signal, some.signal_noise, some.weight_decay * weight[where])
    (held,) = _by_numpy(xp, held_by_a_kink, *given, left[where, 0], right[where, 0])
    free = xp.zeros_like(weight[~mask])
    (found,) = in_order(xp, [where, xp.nonzero(~mask)[0]], [(held,), (free,)])
    return found > 0


def _at_saddle(model: Training, cells: Cells, found: Saddle) -> Asymptotics:
    require_converged(model.xp, model.penalty.name, cells, found.residual, _ADVICE)
    train = (found.train_mean, found.train_deviation, found.train_loss)
    weights = (found.signal_weight, found.noise, found.noise_weight)
    return _trained(model, cells, *weights, train=train, residual=found.residual)


def _trained(
    model: Training,
    cells: Cells,
    first: Any,
    noise: Any,
    across: Any,
    *,
    train: tuple[Any, Any, Any],
    residual: Any,
) -> Asymptotics:
    """Weights that training reaches, and what they do on fresh samples."""
    xp = model.xp
    mean, spread = _fresh_logit(xp, cells, first, noise)
    losses = model.losses(cells.alpha[:, None])
    bounded = xp.isfinite(spread)
    finite = xp.where(bounded, spread, 0.0)
    loss = mean_loss(xp, losses, mean, finite, _FRESH_ORDER)
    accuracy = positive_probability(mean, spread)
    gap = calibration_error_of_gaussian_logits(xp, mean, finite)
    return Asymptotics(
        signal_weight=first,
        noise_weight=across,
        cosine=_cosine(xp, first, across),
        accuracy=accuracy,
        calibration_error=xp.where(bounded, gap, 1 - accuracy),
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

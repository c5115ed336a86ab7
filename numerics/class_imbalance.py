"""The limit N, d -> infinity with d/N fixed, for classes of unequal size and a bias."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from array_api_compat import is_array_api_obj

from ..errors import AlphaError, NotConvergedError, NotConvexError, SeparableError, ShapeError
from .biased_saddle import ImbalancedCells, solve_with_bias
from .biased_separability import biased_separability_threshold
from .host import on_host
from .kernels import Kernel, kernel
from .normal import normal_cdf
from .parameter_grid import broadcast_parameters
from .proximal_moments import CellLosses, break_points, cell_losses, mean_loss

__all__ = ["BiasedAsymptotics", "asymptotics_with_bias"]

_BLOCK = 128
_FRESH_ORDER = 256
_GOAL = 1e-12
# A start for logits whose target is far away, or infinite.
_FAR = 3.0


@dataclass(frozen=True)
class BiasedAsymptotics:
    """The limits of a classifier with a bias; every field has the shape of the parameters.

    Attributes
    ----------
    signal_weight, noise_weight, bias : S_1, the norm of the other weights, and b.
    accuracy : on fresh data, pi Phi(m_+/s) + (1 - pi) Phi(m_-/s).
    accuracy_positive, accuracy_negative : on fresh data of the class y = 1 and of y = -1.
    logit_mean_positive, logit_mean_negative : m_+ = S_1 mu_f + b and m_- = S_1 mu_f - b, of signed
        logits of fresh samples, which are Gaussian given the class.
    logit_deviation : s, the same for both classes.
    train_logit_mean_positive, train_logit_mean_negative, train_logit_deviation_positive,
    train_logit_deviation_negative : of signed logits of training samples, which are not Gaussian.
    loss, train_loss : the mean of the per-sample loss over fresh and over training samples.
    residual : of the equations that were solved; zero where a closed form applies.
    """

    signal_weight: Any
    noise_weight: Any
    bias: Any
    accuracy: Any
    accuracy_positive: Any
    accuracy_negative: Any
    logit_mean_positive: Any
    logit_mean_negative: Any
    logit_deviation: Any
    train_logit_mean_positive: Any
    train_logit_mean_negative: Any
    train_logit_deviation_positive: Any
    train_logit_deviation_negative: Any
    loss: Any
    train_loss: Any
    residual: Any


def asymptotics_with_bias(
    aspect_ratio: Any,
    *,
    positive_fraction: Any = 0.5,
    signal: Any = 1.0,
    signal_noise: Any = 0.5,
    orthogonal_noise: Any = 1.0,
    penalty: Any = "quadratic",
    alpha: Any = 0.1,
    bias_in_norm: bool = True,
) -> BiasedAsymptotics:
    """What training with a bias on unequal classes gives, as N, d -> infinity with d/N = lambda.

    Samples of label y = +-1, P(y = 1) = pi, are x = (y mu_f + sigma_f xi) e_1 + sigma_n xi_perp, xi
    Gaussian; the training loss is the mean of l(y (x^T S + b)), l = (1 - alpha) CE + alpha f. With
    Z_y = S_1 mu_f + y b + s G, s^2 = S_1^2 sigma_f^2 + q^2, q = sigma_n ||S_perp||, and p the
    proximal operator of gamma l, (S_1, q, gamma, b) solves, with means over y and G,

        E p'(Z_y) = 1 - lambda,                        E (p(Z_y) - Z_y)^2 = lambda q^2,
        mu_f E (p(Z_y) - Z_y) = lambda S_1 sigma_f^2,  E y (p(Z_y) - Z_y) = 0.

    For lambda >= 1 and for sigma_f = 0 closed forms take over. For a quadratic l the direction is
    that of equal classes with the signal mu_f 2 sqrt(pi (1 - pi)).

    Parameters
    ----------
    aspect_ratio : lambda > 0.
    positive_fraction : pi in (0, 1).
    signal, signal_noise, orthogonal_noise : mu_f > 0, sigma_f >= 0, sigma_n > 0.
    penalty : name, expression or Penalty, convex; kinks are allowed.
    alpha : in [0, 1).
    bias_in_norm : for lambda > 1, whether the least norm is that of (S, b), which gradient descent
        from zero and :func:`logitreg.fit` reach, or that of S alone, as with centred features.

    All numbers broadcast against each other; arrays of one array-API library give its arrays.

    Returns
    -------
    BiasedAsymptotics, of floats if all parameters are numbers.

    Raises
    ------
    AlphaError, ShapeError : a parameter outside its domain, shapes that do not broadcast.
    NotConvexError : the penalty is not convex, which the theory assumes.
    SeparableError : alpha = 0, and lambda is above the threshold of separability
        (:func:`logitreg.numerics.biased_separability.biased_separability_threshold`).
    NotConvergedError : a residual above 1e-12, with the first cell where it happened.

    Examples
    --------
    >>> limit = asymptotics_with_bias(0.5, positive_fraction=0.9, alpha=0.2)
    >>> limit.bias > 0 and limit.accuracy_positive > limit.accuracy_negative
    True
    >>> abs(asymptotics_with_bias(0.5, alpha=0.2).bias) < 1e-12
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
        "positive_fraction": positive_fraction,
        "signal": signal,
        "signal_noise": signal_noise,
        "orthogonal_noise": orthogonal_noise,
        "alpha": alpha,
    }
    xp, arrays, shape = broadcast_parameters(given)
    _check(xp, arrays)
    model = _Model(xp, f, break_points(f), bias_in_norm)
    cells = {name: xp.reshape(array, (-1,)) for name, array in arrays.items()}
    count = math.prod(shape)
    blocks = [
        _in_block(model, ImbalancedCells(**{name: c[first:last] for name, c in cells.items()}))
        for first, last in ((i, min(i + _BLOCK, count)) for i in range(0, count, _BLOCK))
    ]
    names = [field.name for field in fields(BiasedAsymptotics)]
    joined = (
        xp.reshape(xp.concat([getattr(block, name) for block in blocks]), shape) for name in names
    )
    if any(is_array_api_obj(v) for v in given.values()):
        return BiasedAsymptotics(*joined)
    return BiasedAsymptotics(*(float(v) for v in joined))


def _check(xp: Any, arrays: dict[str, Any]) -> None:
    if not bool(xp.all((arrays["alpha"] >= 0) & (arrays["alpha"] < 1))):
        raise AlphaError("alpha leaves [0, 1); expected strengths in [0, 1)")
    fraction = arrays["positive_fraction"]
    if not bool(xp.all((fraction > 0) & (fraction < 1))):
        raise ShapeError(
            "positive_fraction leaves (0, 1); expected samples of either class in every cell"
        )
    for name in ("aspect_ratio", "signal", "orthogonal_noise"):
        if not bool(xp.all((arrays[name] > 0) & xp.isfinite(arrays[name]))):
            raise ShapeError(f"{name} must be positive and finite in every cell")
    noise = arrays["signal_noise"]
    if not bool(xp.all((noise >= 0) & xp.isfinite(noise))):
        raise ShapeError("signal_noise must be at least zero and finite in every cell")


@dataclass(frozen=True)
class _Model:
    """The per-sample loss, at the strength of each cell."""

    xp: Any
    penalty: Kernel
    breaks: tuple[float, ...]
    bias_in_norm: bool

    def losses(self, alpha: Any) -> CellLosses:
        return cell_losses(self.xp, self.penalty, self.breaks, alpha)


def _in_block(model: _Model, cells: ImbalancedCells) -> BiasedAsymptotics:
    """Each cell by the regime that it belongs to, put together in order."""
    xp = model.xp
    _require_a_minimiser(cells)
    still = model.losses(cells.alpha[:, None]).minimiser[:, 0] == 0
    wide = cells.aspect_ratio >= 1
    fitted = wide | (cells.signal_noise == 0) | still
    places, pieces = [], []
    for mask, regime in ((fitted, _fitted), (~fitted, _saddle)):
        if bool(xp.any(mask)):
            places.append(xp.nonzero(mask)[0])
            pieces.append(regime(model, cells.at(mask)))
    order = xp.argsort(xp.concat(places))
    return BiasedAsymptotics(
        *(
            xp.take(xp.concat([getattr(piece, field.name) for piece in pieces]), order)
            for field in fields(BiasedAsymptotics)
        )
    )


def _fitted(model: _Model, cells: ImbalancedCells) -> BiasedAsymptotics:
    """All training logits are z*: at the least norm for lambda >= 1, else along the signal alone.

    Without noise along the signal, and for z* = 0, S = (z*/mu_f) e_1 has these logits; for
    lambda < 1 no other weights do.
    """
    xp = model.xp
    losses = model.losses(cells.alpha[:, None])
    goal, zero = losses.minimiser[:, 0], xp.zeros_like(cells.alpha)
    mu, variance = cells.signal, cells.signal_noise**2
    wide = cells.aspect_ratio >= 1
    excess = xp.where(wide, cells.aspect_ratio - 1, 0.0)
    cost = cells.orthogonal_noise**2 * excess
    level = 2 * cells.positive_fraction - 1
    shrink = 1 + cost if model.bias_in_norm else xp.ones_like(cost)
    # 1 - (2 pi - 1)^2/shrink, without cancellation.
    balance = (4 * cells.positive_fraction * (1 - cells.positive_fraction) + shrink - 1) / shrink
    power = balance * mu**2 + xp.where(wide, variance, 0.0) + cost
    first = goal * mu * balance / power
    rest = goal - first * mu
    bias = level * rest / shrink
    square = (rest - bias) ** 2 + 2 * (1 - level) * bias * rest + first**2 * variance
    # At lambda = 1 the norm is infinite, unless the signal has no noise.
    noise = xp.sqrt(square / xp.where(excess > 0, excess, 1.0))
    infinite = wide & (excess == 0) & (variance > 0) & (goal > 0)
    noise = xp.where(excess > 0, noise, xp.where(infinite, math.inf, zero))
    train = (xp.stack([goal, goal]), xp.stack([zero, zero]), losses.value(goal[:, None])[:, 0])
    return _trained(model, cells, (first, bias, noise), train=train, residual=zero)


def _saddle(model: _Model, cells: ImbalancedCells) -> BiasedAsymptotics:
    xp = model.xp
    level = xp.clip(model.losses(cells.alpha[:, None]).minimiser[:, 0], None, _FAR)
    # From the solution for a quadratic loss, kept off q = 0.
    balance = 4 * cells.positive_fraction * (1 - cells.positive_fraction)
    variance = cells.signal_noise**2
    share = balance * cells.signal**2
    first = level * balance * cells.signal / (share + variance)
    bias = (2 * cells.positive_fraction - 1) * (level - first * cells.signal)
    spread = xp.maximum(variance / (share + variance), xp.full_like(share, 1e-4))
    ratio = cells.aspect_ratio / (1 - cells.aspect_ratio)
    noise = level * xp.sqrt(balance * spread * ratio)
    # On its way a proximal step of a steep penalty may overflow, which its bracket mends.
    with np.errstate(all="ignore"):
        found = solve_with_bias(xp, model.losses, cells, first, bias, noise)
    _require_converged(model, cells, found.residual)
    train = (found.train_mean, found.train_deviation, found.train_loss)
    weights = (found.signal_weight, found.bias, found.noise)
    return _trained(model, cells, weights, train=train, residual=found.residual)


def _trained(
    model: _Model,
    cells: ImbalancedCells,
    weights: tuple[Any, Any, Any],
    *,
    train: tuple[Any, Any, Any],
    residual: Any,
) -> BiasedAsymptotics:
    """Weights S_1, b and q that training reaches, and what they do on fresh samples."""
    xp = model.xp
    first, bias, noise = weights
    spread = xp.hypot(first * cells.signal_noise, noise)
    plus, minus = first * cells.signal + bias, first * cells.signal - bias
    losses = model.losses(cells.alpha[:, None])
    bounded = xp.isfinite(spread)
    finite = xp.where(bounded, spread, 0.0)

    def over_classes(of_plus: Any, of_minus: Any) -> Any:
        return cells.positive_fraction * of_plus + (1 - cells.positive_fraction) * of_minus

    loss = over_classes(*(mean_loss(xp, losses, m, finite, _FRESH_ORDER) for m in (plus, minus)))
    accuracies = _accuracy(xp, plus, spread), _accuracy(xp, minus, spread)
    return BiasedAsymptotics(
        signal_weight=first,
        noise_weight=noise / cells.orthogonal_noise,
        bias=bias,
        accuracy=over_classes(*accuracies),
        accuracy_positive=accuracies[0],
        accuracy_negative=accuracies[1],
        logit_mean_positive=plus,
        logit_mean_negative=minus,
        logit_deviation=spread,
        train_logit_mean_positive=train[0][0, :],
        train_logit_mean_negative=train[0][1, :],
        train_logit_deviation_positive=train[1][0, :],
        train_logit_deviation_negative=train[1][1, :],
        loss=xp.where(bounded, loss, math.inf),
        train_loss=train[2],
        residual=residual,
    )


def _accuracy(xp: Any, mean: Any, spread: Any) -> Any:
    """Phi(mean/spread): 1/2 for logits that are all zero."""
    infinite = xp.full_like(mean, math.inf)
    certain = xp.where(mean > 0, infinite, xp.where(mean < 0, -infinite, mean))
    ratio = mean / xp.where(spread > 0, spread, 1.0)
    return normal_cdf(xp.where(spread > 0, ratio, certain))


def _require_a_minimiser(cells: ImbalancedCells) -> None:
    free = on_host(cells.alpha == 0)
    if not free.any():
        return
    ratio, share, signal, noise = (
        on_host(v)[free]
        for v in (cells.aspect_ratio, cells.positive_fraction, cells.signal, cells.signal_noise)
    )
    with np.errstate(divide="ignore"):
        thresholds = biased_separability_threshold(signal / noise, share)
    separable = ratio > thresholds
    if separable.any():
        first = int(np.argmax(separable))
        raise SeparableError(
            f"{np.sum(separable)} cells have alpha = 0 and separable classes, so that there is no "
            f"finite minimiser; the first has lambda = {ratio[first]:g}, above the threshold "
            f"{thresholds[first]:g}; expected alpha > 0, or fewer features"
        )


def _require_converged(model: _Model, cells: ImbalancedCells, residual: Any) -> None:
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
        "separability threshold and from lambda = 1, or from where a kink holds all logits"
    )

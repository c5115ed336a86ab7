"""The limit N, d -> infinity with d/N fixed, for classes of unequal size and a bias."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import DataError, SeparableError
from .biased_saddle import ImbalancedCells, solve_with_bias
from .biased_separability import biased_separability_threshold
from .host import on_host
from .kernels import kernel, require_convex
from .normal import positive_probability
from .parameter_grid import (
    broadcast_parameters,
    in_blocks,
    in_order,
    like_given,
    require_converged,
    require_ranges,
    values,
)
from .proximal_moments import LossFamily, break_points, mean_loss

__all__ = ["BiasedAsymptotics", "asymptotics_with_bias"]

_BLOCK = 128
_FRESH_ORDER = 256
# A start for logits whose target is far away, or infinite.
_FAR = 3.0
_ADVICE = (
    "stay farther from the separability threshold and from lambda = 1, or from where a kink holds "
    "all logits"
)


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

    For lambda >= 1 and for sigma_f = 0 closed forms take over. For a quadratic l and lambda < 1 the
    direction is that of equal classes with the signal mu_f 2 sqrt(pi (1 - pi)).

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
    AlphaError, DataError, ShapeError : a parameter outside its domain, shapes that do not
        broadcast.
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
    require_convex(f)
    given = {
        "aspect_ratio": aspect_ratio,
        "positive_fraction": positive_fraction,
        "signal": signal,
        "signal_noise": signal_noise,
        "orthogonal_noise": orthogonal_noise,
        "alpha": alpha,
    }
    xp, arrays, shape = broadcast_parameters(given)
    positive = ("aspect_ratio", "signal", "orthogonal_noise")
    require_ranges(xp, arrays, positive, ("signal_noise",))
    share = arrays["positive_fraction"]
    if not bool(xp.all((share > 0) & (share < 1))):
        raise DataError("positive_fraction leaves (0, 1); expected samples of either class")
    model = _Model(xp, f, break_points(f), bias_in_norm)
    limit = in_blocks(
        xp, lambda part: _in_block(model, ImbalancedCells(**part)), arrays, shape, _BLOCK
    )
    return like_given(limit, given.values())


@dataclass(frozen=True)
class _Model(LossFamily):
    """The per-sample loss, and which norm is least."""

    bias_in_norm: bool


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
    return BiasedAsymptotics(*in_order(xp, places, map(values, pieces)))


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
    infinite = wide & (excess == 0) & (variance > 0) & (goal != 0)
    noise = xp.where(excess > 0, noise, xp.where(infinite, math.inf, zero))
    train = (xp.stack([goal, goal]), xp.stack([zero, zero]), losses.value(goal[:, None])[:, 0])
    return _trained(model, cells, (first, bias, noise), train=train, residual=zero)


def _saddle(model: _Model, cells: ImbalancedCells) -> BiasedAsymptotics:
    xp = model.xp
    losses = model.losses(cells.alpha[:, None])
    level = xp.clip(losses.minimiser[:, 0], None, _FAR)
    curvature = xp.clip(losses.curvature(level[:, None])[:, 0], 1e-3, 1e3)
    # From the solution for a quadratic loss, kept off q = 0.
    balance = 4 * cells.positive_fraction * (1 - cells.positive_fraction)
    variance = cells.signal_noise**2
    share = balance * cells.signal**2
    first = level * balance * cells.signal / (share + variance)
    bias = (2 * cells.positive_fraction - 1) * (level - first * cells.signal)
    spread = xp.maximum(variance / (share + variance), xp.full_like(share, 1e-4))
    ratio = cells.aspect_ratio / (1 - cells.aspect_ratio)
    noise = xp.abs(level) * xp.sqrt(balance * spread * ratio)
    # On its way a proximal step of a steep penalty may overflow, which its bracket mends.
    with np.errstate(all="ignore"):
        found = solve_with_bias(xp, model.losses, cells, first, bias, noise, ratio / curvature)
    require_converged(xp, model.penalty.name, cells, found.residual, _ADVICE)
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
    accuracies = positive_probability(plus, spread), positive_probability(minus, spread)
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

"""Limits of high dimension under noise across the signal with a covariance sigma_n^2 Sigma.

In v = sigma_n Sigma^(1/2) S_perp, |v| = q, the logits are those of white noise; the weight decay is
not, kappa |S_perp|^2/2 = (kappa/sigma_n^2) v^T Sigma^-1 v/2. Gordon's comparison (see
:mod:`.high_dimension` and :mod:`.training_limit`) leaves beta h^T v/sqrt(N) of the samples, with h
Gaussian. With a multiplier tau of |v|^2 = q^2 the coordinates of v are free; an eigenvalue s of
Sigma contributes what :func:`coordinate` tells, and lambda N of them make their mean over the
spectrum. The scalar problem, maximised over beta and tau as over gamma, is

    E M_gamma(Z) + gamma beta^2/2 - lambda beta^2 E[s/(kappa/sigma_n^2 + tau s)]/2 - tau q^2/2
        + kappa S_1^2/2.

With the ridge k = kappa/(sigma_n^2 tau) the spectrum enters through D_1 = E s/(s + k),
D_2 = E s^2/(s + k)^2 and E_2 = E s/(s + k)^2 alone. What is known of p(Z) makes three regimes:

- weight decay: p = prox of gamma l, and kappa gamma = lambda sigma_n^2 k D_1 gives k;
- the least norm at lambda > 1, the limit kappa -> 0, gamma -> infinity: p = z*;
- the largest margin m, the same for losses without a minimiser: p = max(Z, m).

That the training problem concentrates on the scalar one is not derived here.
"""

from __future__ import annotations

from typing import NamedTuple

from sympy import Eq, Expr, Symbol

from .high_dimension import (
    aspect_ratio,
    envelope,
    mean_slope,
    mean_square_step,
    mean_step,
    noise,
)
from .linear_equations import linear_root
from .signal_noise import mu_f, sigma_f, sigma_n, signal_weight
from .training_limit import weight_decay

__all__ = [
    "SpectralSystem",
    "coordinate",
    "coordinate_rest",
    "eigenvalue",
    "flat",
    "noise_norm_square",
    "norm_of_the_minimiser",
    "pull",
    "ridge",
    "scalar_stationarity",
    "share",
    "share_of_the_norm",
    "spectral_system",
    "square_share",
    "strength_square",
]

eigenvalue = Symbol("s", positive=True)
ridge = Symbol("k", positive=True)
pull = Symbol("tau", positive=True)
strength_square = Symbol("beta_square", positive=True)
"""beta^2."""
share = Symbol("D_1", positive=True)
"""E s/(s + k) over the spectrum."""
square_share = Symbol("D_2", positive=True)
"""E s^2/(s + k)^2."""
share_of_the_norm = Symbol("E_2", positive=True)
"""E s/(s + k)^2."""
noise_norm_square = Symbol("S_perp_square", positive=True)


class SpectralSystem(NamedTuple):
    """The equations for S_1, q and the moments of p(Z), and those for k and ||S_perp||."""

    slope: Eq
    square: Eq
    step: Eq
    decay: Eq
    norm: Eq


def spectral_system() -> SpectralSystem:
    """The equations of all three regimes; the fourth is that of weight decay alone.

    Examples
    --------
    >>> spectral_system().slope
    Eq(E_slope, -D_1*lambda + 1)
    """
    bend = aspect_ratio * share
    return SpectralSystem(
        Eq(mean_slope, 1 - bend),
        Eq(mean_square_step * square_share, bend * share * noise**2),
        Eq(mu_f * mean_step, bend * signal_weight * (sigma_f**2 + sigma_n**2 * ridge)),
        Eq(weight_decay * envelope, bend * sigma_n**2 * ridge),
        Eq(noise_norm_square * sigma_n**2 * square_share, noise**2 * share_of_the_norm),
    )


def coordinate() -> Expr:
    """The least value of beta h v + (kappa/(sigma_n^2 s) + tau) v^2/2 over v, at beta h = 1.

    >>> coordinate()
    -s/(2*tau*(k + s))
    """
    slope, v, value = _coordinate()
    return value.subs(v, linear_root(slope, v)).factor()


def coordinate_rest() -> Expr:
    """What the minimising v^2 is off by from s^2/(tau (s + k))^2, of which |v|^2 is the sum.

    So S_perp^2 = v^2/(sigma_n^2 s) is the sum of s/(tau (s + k))^2/sigma_n^2.

    >>> coordinate_rest()
    0
    """
    slope, v, _ = _coordinate()
    expected = eigenvalue**2 / (pull * (eigenvalue + ridge)) ** 2
    return (linear_root(slope, v) ** 2 - expected).simplify()


def _coordinate() -> tuple[Expr, Symbol, Expr]:
    """The slope in v, v, and the value, with kappa/sigma_n^2 = tau k."""
    v = Symbol("v", real=True)
    value = v + (pull * ridge / eigenvalue + pull) * v**2 / 2
    return value.diff(v), v, value


def scalar_stationarity() -> tuple[Expr, ...]:
    """The derivatives of the scalar problem in beta^2, tau, gamma, q and S_1, which are to vanish.

    The mean of :func:`coordinate` is -D_1/(2 tau); its derivative in tau at a fixed decay has the
    mean of s^2/(2 (tau (s + k))^2), that is D_2/(2 tau^2). Those of E M are as for white noise.
    """
    bend = 1 - mean_slope
    return (
        envelope / 2 - aspect_ratio * share / (2 * pull),
        aspect_ratio * strength_square * square_share / (2 * pull**2) - noise**2 / 2,
        strength_square / 2 - mean_square_step / (2 * envelope**2),
        noise * bend / envelope - pull * noise,
        (sigma_f**2 * signal_weight * bend - mu_f * mean_step) / envelope
        + weight_decay * signal_weight,
    )


def norm_of_the_minimiser() -> Eq:
    """What the coordinates make of ||S_perp||^2, to be held against q^2 = lambda beta^2 D_2/tau^2.

    >>> norm_of_the_minimiser().rhs
    E_2*beta_square*lambda/tau**2
    """
    total = aspect_ratio * strength_square * share_of_the_norm / pull**2
    return Eq(noise_norm_square * sigma_n**2, total)


def flat(relation: Eq) -> Eq:
    """A relation under white noise, where every s is 1.

    >>> flat(Eq(share, square_share))
    Eq(1/(k + 1), (k + 1)**(-2))
    """
    one = 1 / (1 + ridge)
    white = {share: one, square_share: one**2, share_of_the_norm: one**2}
    return relation.subs(white)

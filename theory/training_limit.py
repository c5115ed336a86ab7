"""The limit of high dimension in the original coordinates, with weight decay.

The scalar problem of :mod:`.high_dimension` in S_1 and q = sigma_n ||S_perp||, with kappa |S|^2/2
added to the training loss: over S_1 and q minimise, over gamma maximise

    E M_gamma(Z) - lambda q^2/(2 gamma) + kappa (S_1^2 + q^2/sigma_n^2)/2,
    Z = S_1 mu_f + S_1 sigma_f g_0 + q g.

Without noise along the signal (sigma_f = 0) the whitened coordinates do not exist, but these do.
"""

from __future__ import annotations

from sympy import Eq, Expr, Symbol

from .high_dimension import (
    aspect_ratio,
    envelope,
    mean_slope,
    mean_square_step,
    mean_step,
    noise,
)
from .signal_noise import mu_f, sigma_f, sigma_n, signal_weight

__all__ = ["scalar_stationarity", "training_system", "weight_decay"]

weight_decay = Symbol("kappa", nonnegative=True)


def training_system() -> tuple[Eq, Eq, Eq]:
    """The equations for S_1, q and gamma in the moments of the proximal step.

    Examples
    --------
    >>> training_system()[1]
    Eq(E_square, lambda*q**2)
    """
    across = weight_decay * envelope / sigma_n**2
    along = sigma_f**2 * (1 - mean_slope) + weight_decay * envelope
    return (
        Eq(mean_slope, 1 - aspect_ratio + across),
        Eq(mean_square_step, aspect_ratio * noise**2),
        Eq(mu_f * mean_step, signal_weight * along),
    )


def scalar_stationarity() -> tuple[Expr, Expr, Expr]:
    """The derivatives of the scalar problem in S_1, q and gamma, which are to vanish.

    dM/dZ = (Z - p)/gamma; by parts E (Z - p) g_0 = S_1 sigma_f E (1 - p') and
    E (Z - p) g = q E (1 - p').
    """
    bend = 1 - mean_slope
    return (
        (sigma_f**2 * signal_weight * bend - mu_f * mean_step) / envelope
        + weight_decay * signal_weight,
        (noise * bend - aspect_ratio * noise) / envelope + weight_decay * noise / sigma_n**2,
        (aspect_ratio * noise**2 - mean_square_step) / (2 * envelope**2),
    )

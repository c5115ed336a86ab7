"""The limit N, d -> infinity with d/N fixed, for Gaussian signal plus noise."""

from __future__ import annotations

from typing import Any

from . import correlated_noise
from .kernels import kernel, require_convex
from .parameter_grid import broadcast_parameters, in_blocks, like_given, require_ranges
from .proximal_moments import break_points
from .scalar_problem import Cells
from .training_regimes import Asymptotics, Training, in_regimes

__all__ = ["Asymptotics", "asymptotics"]

_BLOCK = 256


def asymptotics(
    aspect_ratio: Any,
    *,
    signal: Any = 1.0,
    signal_noise: Any = 0.5,
    orthogonal_noise: Any = 1.0,
    penalty: Any = "quadratic",
    alpha: Any = 0.1,
    weight_decay: Any = 0.0,
    noise_spectrum: Any = None,
) -> Asymptotics:
    """What training on N samples in d dimensions gives, as N, d -> infinity with d/N = lambda.

    Samples with labels absorbed are x = (mu_f + sigma_f xi) e_1 + sigma_n xi_perp, xi Gaussian; the
    training loss is the mean of l = (1 - alpha) CE + alpha f plus kappa |S|^2/2. With
    Z = S_1 mu_f + s G, s^2 = S_1^2 sigma_f^2 + q^2, q = sigma_n ||S_perp||, and p the proximal
    operator of gamma l, the triple (S_1, q, gamma) solves

        E p'(Z) = 1 - lambda + kappa gamma/sigma_n^2,    E (p(Z) - Z)^2 = lambda q^2,
        mu_f E (p(Z) - Z) = S_1 (sigma_f^2 (1 - E p'(Z)) + kappa gamma).

    Closed forms take over for lambda >= 1 (least norm), for sigma_f = 0, and for alpha = 0 beyond
    the separability threshold (largest margin), there kappa = 0; and where a kink of the loss holds
    all logits (:mod:`logitreg.numerics.held_by_a_kink`).

    If xi_perp has a covariance Sigma, q = sigma_n ||Sigma^(1/2) S_perp||, and the spectrum of Sigma
    enters the equations (:mod:`logitreg.theory.correlated_noise`). Where there is a minimiser at
    kappa = 0 and lambda < 1, training commutes with linear maps of the features: a correlation
    across the signal changes nothing but ||S_perp||, and one of it with the signal only asks for
    the deviation of the signal given the noise across it in the place of sigma_f.

    Parameters
    ----------
    aspect_ratio : lambda > 0.
    signal, signal_noise, orthogonal_noise : mu_f > 0, sigma_f >= 0, sigma_n > 0.
    penalty : name, expression or Penalty, convex; kinks are allowed.
    alpha : in [0, 1).
    weight_decay : kappa >= 0.
    noise_spectrum : the eigenvalues of Sigma, in units of sigma_n^2, for all cells: (n,) equally
        likely ones, or (2, n) eigenvalues and weights; white noise if it is None.

    All other numbers broadcast against each other; arrays of one array-API library give its arrays.

    Returns
    -------
    Asymptotics, of floats if all parameters are numbers. Ten thousand cells take some seconds.

    Raises
    ------
    AlphaError, ShapeError, DataError : a parameter outside its domain, shapes that do not
        broadcast, a spectrum that is none.
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
    require_convex(f)
    given = {
        "aspect_ratio": aspect_ratio,
        "signal": signal,
        "signal_noise": signal_noise,
        "orthogonal_noise": orthogonal_noise,
        "alpha": alpha,
        "weight_decay": weight_decay,
    }
    xp, arrays, shape = broadcast_parameters(given)
    positive = ("aspect_ratio", "signal", "orthogonal_noise")
    require_ranges(xp, arrays, positive, ("signal_noise", "weight_decay"))
    spectrum = None if noise_spectrum is None else correlated_noise.noise_spectrum(noise_spectrum)
    model = Training(xp, f, break_points(f), spectrum)
    limit = in_blocks(xp, lambda part: in_regimes(model, Cells(**part)), arrays, shape, _BLOCK)
    return like_given(limit, given.values())

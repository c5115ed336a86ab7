"""The final approach of gradient descent with K classes, each with a Hessian of its own.

At sigma_f = 0 a sample of class c is x_i = (mu_f e_c, sigma_n xi_i), and the minimiser gives all
samples of a class its target. Close to it descent maps V = W - W* to V - eta Q V, where
Q V = N^-1 sum H_c(i) V x_i x_i^T and H_c is the Hessian of the per-sample loss at the target of
class c. Under label smoothing and under f = |z|^2 logits that sum to zero stay so; among them H_c
has the curvature H along e_c - 1/K and h <= H across it, K - 2 times.

The classes are balanced and equal in law, so that the resolvent (x - Q)^-1 of the noise weights
tends to g times the identity where logits sum to zero. With -g = m > 0 below the bulk and
a sample removed at a time,

    x = -1/m + sigma_n^2 E[w/(1 + lambda sigma_n^2 m w)],

w = h with probability (K - 2)/(K - 1), else H: the law of Marchenko and Pastur for samples with
random weights. It holds where x'(m) > 0; since m^2 x'(m) falls in m > 0, from 1 to 1 - 1/lambda,
the lower edge is the maximum of x. By Schur's complement of the noise, the column c of the signal
weights has an eigenvalue x outside the bulk where x = (mu_f^2/K) w/(1 + lambda sigma_n^2 m w), w an
eigenvalue of H_c. The right side grows with w, so that the smallest such x is that of w = h.
"""

from __future__ import annotations

from sympy import Expr, Rational, Symbol

from .high_dimension import aspect_ratio
from .neural_collapse import hessian_eigenpairs
from .signal_noise import mu_f, sigma_n
from .symbols import K, alpha

__all__ = [
    "across",
    "along",
    "bulk",
    "companion",
    "confidence",
    "curvatures_of_the_quadratic_penalty",
    "equal_curvatures_edge",
    "signal_mode",
]

across = Symbol("h", positive=True)
"""The curvature across the direction of the true class, h."""
along = Symbol("H", positive=True)
"""The curvature along it, H."""
companion = Symbol("m", positive=True)
confidence = Symbol("p", positive=True)
"""The probability of the true class at its target."""


def bulk() -> Expr:
    """The point x(m) below the bulk, where x'(m) > 0.

    >>> bulk().subs(K, 2)
    H*sigma_n**2/(H*lambda*m*sigma_n**2 + 1) - 1/m
    """
    return -1 / companion + sigma_n**2 * (
        (K - 2) / (K - 1) * _damped(across) + _damped(along) / (K - 1)
    )


def signal_mode(curvature: Expr = across) -> Expr:
    """What x(m) has to be at an eigenvalue of the signal weights, K (K - 2) times for w = h."""
    return mu_f**2 / K * _damped(curvature)


def _damped(curvature: Expr) -> Expr:
    return curvature / (1 + aspect_ratio * sigma_n**2 * companion * curvature)


def equal_curvatures_edge() -> Expr:
    """The m at which x(m) is largest for h = H, as with two classes."""
    root = aspect_ratio ** Rational(1, 2)
    return 1 / (across * sigma_n**2 * root * (1 - root))


def curvatures_of_the_quadratic_penalty() -> tuple[Expr, Expr]:
    """h and H for f = ||z||^2.

    >>> curvatures_of_the_quadratic_penalty()[0]
    2*alpha + (1 - alpha)*(1 - p)/(K - 1)
    """
    _, true, other = (pair[0] for pair in hessian_eigenpairs())
    return 2 * alpha + (1 - alpha) * other, 2 * alpha + (1 - alpha) * true

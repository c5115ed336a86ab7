"""Claim: when gradient descent generalises, without noise along the signal."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri
from sympy import (
    Expr,
    Matrix,
    Poly,
    S,
    Symbol,
    discriminant,
    factor,
    fraction,
    lambdify,
    sqrt,
    together,
)

from ...numerics.delayed_generalisation import generalisation_time, signal_spectrum
from ...numerics.losses import sample_loss
from ...numerics.signal_noise import signal_plus_noise
from ...numerics.targets import target
from ...numerics.training import train
from ...theory import final_approach as theory
from ...theory.final_approach import eigenvalue, spectral_variable, step_size, target_curvature
from ...theory.high_dimension import aspect_ratio
from ...theory.signal_noise import mu_f, sigma_n
from ..checks import all_of
from ..claim import Claim, Variant
from ..evidence import Outcome
from ..matrix_identities import vanishes
from ..seeded_simulation import Band, band, not_observed, observed

__all__ = ["CLAIMS"]

_tau = Symbol("tau", positive=True)


class _Law(NamedTuple):
    """The spectrum seen from the signal, and the epoch T in tau, eta and l''(z*)."""

    point: Expr
    resolvent: Expr
    weight: Expr
    time: Expr


class _Setting(NamedTuple):
    aspect_ratio: float
    signal: float
    noise: float
    alpha: float
    rate: float


_SETTINGS = (
    _Setting(0.7, 0.5, 1.0, 0.9, 0.05),
    _Setting(0.7, 0.5, 1.0, 0.9, 0.2),
    _Setting(0.5, 0.6, 1.5, 0.6, 0.1),
)
_ACCURACY = 0.99
_SCORE = float(ndtri(_ACCURACY))
"""The mean over the deviation of a fresh logit that has it."""


def _meets_the_edges_and_the_outlier(law: _Law) -> Outcome:
    """u branches at the edges of the bulk; the resolvent has a pole at the outlier, its residue."""
    u, x = spectral_variable, eigenvalue
    root = sqrt(aspect_ratio)
    edges = (x - sigma_n**2 * (1 - root) ** 2) * (x - sigma_n**2 * (1 + root) ** 2)
    # At a pole x = f(u) for the resolvent 1/(x - f).
    pole = x - 1 / law.resolvent
    at, there = {x: theory.outlier()}, {u: theory.outlier() / mu_f**2}
    residue = 1 / (1 - pole.diff(u) / law.point.diff(u))
    rests = {
        "the bulk's edges": discriminant(_relation(law), u) - edges,
        "u at the outlier": law.point.subs(there) - theory.outlier(),
        "the resolvent's pole": (pole - x).subs(there).subs(at),
        "its residue": residue.subs(there).subs(at) - law.weight,
    }
    square = {aspect_ratio: Symbol("s", positive=True) ** 2}
    return all_of(vanishes(name, factor(rest.subs(square))) for name, rest in rests.items())


def _relation(law: _Law) -> Expr:
    """The polynomial in u that vanishes where x is the point."""
    top, _ = fraction(together(law.point - eigenvalue))
    return top


def _has_the_moments(law: _Law) -> Outcome:
    """The resolvent's series at infinity against the moments of the matrix and the quadrature."""
    u, x, t = spectral_variable, eigenvalue, Symbol("t", positive=True)
    # u = 1 + c_1 t + c_2 t^2 at x = 1/t, from the relation term by term.
    c = [Symbol(f"c_{k}") for k in (1, 2)]
    series = 1 + c[0] * t + c[1] * t**2
    terms = Poly((_relation(law) * t).subs(u, series).subs(x, 1 / t).expand(), t).all_coeffs()[::-1]
    found: dict[Symbol, Expr] = {}
    for name, term in zip(c, terms[1:3], strict=True):
        found[name] = factor(-term.subs(found).subs(name, 0) / term.diff(name))
    value = law.resolvent.subs(u, series.subs(found)).subs(x, 1 / t) / t
    moments = [value.series(t, 0, 4).removeO().coeff(t, k).expand() for k in range(4)]
    # For X = [mu_f 1 | sigma_n Xi], by hand: 1^T Xi Xi^T 1/N^2 -> lambda, and its next power.
    strength, one = mu_f**2, aspect_ratio * sigma_n**2
    two = aspect_ratio * (1 + aspect_ratio) * sigma_n**4
    exact = (
        S.One,
        strength,
        strength * (strength + one),
        strength * (strength**2 + 2 * strength * one + two),
    )
    for k, (moment, known) in enumerate(zip(moments, exact, strict=True)):
        if factor(moment - known) != 0:
            witness = f"its moment {k} is {moment}, that of X^T X/N is {known}"
            return Outcome.refuted("series at infinity", "another spectrum", witness)
    for setting in _SETTINGS:
        ratio, signal, noise = setting[:3]
        points, weights = signal_spectrum(ratio, signal=signal, orthogonal_noise=noise)
        at = {aspect_ratio: ratio, mu_f: signal, sigma_n: noise}
        for k, known in enumerate(Matrix(exact).subs(at)):
            if abs(weights @ points**k - float(known)) > 1e-9 * float(known):
                return Outcome.undecided("series at infinity", f"the quadrature misses {setting}")
    return Outcome.tested("series at infinity", "moments 0 to 3, also of the quadrature")


def _curvature(alpha: float) -> float:
    goal = np.array([[target("quadratic", alpha)]])
    return float(sample_loss("quadratic", alpha).curvature(goal)(np.ones((1, 1)))[0, 0])


def _tau_of(setting: _Setting) -> float:
    ratio, signal, noise = setting[:3]
    return generalisation_time(ratio, signal=signal, orthogonal_noise=noise, accuracy=_ACCURACY)


@cache
def _times(setting: _Setting) -> Band:
    """The epochs at which the accuracy is passed, f = z^2, N = 300, on 16 data sets."""
    ratio, signal, noise, alpha, rate = setting
    epochs = round(4 * _tau_of(setting) / (rate * _curvature(alpha)))
    found = []
    for seed in range(16):
        X, y = signal_plus_noise(
            300,
            round(300 * ratio),
            signal=signal,
            signal_noise=0.0,
            orthogonal_noise=noise,
            seed=seed,
        )
        run = train(
            X,
            y,
            alpha=alpha,
            learning_rate=rate,
            epochs=epochs,
            record=100,
            watch={"weights": lambda weights: weights},
        )
        weights = run.watched["weights"][1:]
        score = signal * weights[:, 0] / (noise * np.linalg.norm(weights[:, 1:], axis=1))
        k = int(np.argmax(score > _SCORE))
        found.append(np.interp(_SCORE, score[k - 1 : k + 1], run.epochs[k : k + 2]))
    return band(np.array(found))


def _is_the_measured_time(law: _Law) -> Outcome:
    """Descent on seeded data, four standard errors to each side."""
    time = lambdify((_tau, step_size, target_curvature), law.time)
    told = []
    for setting in _SETTINGS:
        seen = _times(setting)
        claimed = float(time(_tau_of(setting), setting.rate, _curvature(setting.alpha)))
        where = f"{_words(setting)}: T in {seen}, claimed {claimed:.4g}"
        if not seen.holds(claimed):
            return not_observed("another time", where)
        told.append(where)
    return observed(f"N = 300, 16 seeds; {'; '.join(told)}")


def _words(setting: _Setting) -> str:
    ratio, signal, noise, alpha, rate = setting
    return f"lambda = {ratio}, mu_f = {signal}, sigma_n = {noise}, alpha = {alpha}, eta = {rate}"


_PRINTED = _Law(
    theory.spectral_point(),
    theory.signal_resolvent(),
    theory.outlier_weight(),
    _tau / (step_size * target_curvature),
)

CLAIMS = (
    Claim(
        id="lead.generalisation-time",
        printed=Variant(
            "$\\sigma_f = 0$, $\\lambda < 1$: gradient descent from zero on a quadratic loss has "
            "the accuracy $\\Phi(s)$ on fresh data at $T = \\tau/(\\eta\\, \\ell'')$, where "
            "$1 - e_1 = s\\, (\\sigma_n/\\mu_f) \\sqrt{e_2 - e_1^2}$ and $e_k$ is the mean of "
            "$\\exp(-k \\tau x)$ over the eigenvalues of $X^T X/N$ as the signal sees them: "
            "those with the resolvent $1/(x - \\mu_f^2 u)$, $x = \\sigma_n^2 u (1 + "
            "\\lambda/(u - 1))$. A loss whose penalty has $f'(0) = 0 < f''(0)$ comes to "
            "that as $\\alpha \\to 1$.",
            _PRINTED,
        ),
        source="lead: found with the rate of the final approach",
        hypotheses=(
            "Gaussian noise, N -> infinity, small steps, f = z^2 in the simulation",
            "not by machine: with H = X^T X/N descent is at S = (1 - exp(-eta l'' T H)) S*, whose "
            "mean and deviation are 1 - e_1 and sqrt(e_2 - e_1^2); logits are small as alpha -> 1",
        ),
        checks=(_meets_the_edges_and_the_outlier, _has_the_moments, _is_the_measured_time),
        controls=(
            Variant("1/(x - u)", _PRINTED._replace(resolvent=1 / (eigenvalue - spectral_variable))),
            Variant(
                "x moved by 2 sigma_n^2",
                _PRINTED._replace(point=theory.spectral_point() + 2 * sigma_n**2),
            ),
            Variant("T does not depend on l''", _PRINTED._replace(time=_tau / step_size)),
            Variant(
                "T as 1/sqrt(eta)",
                _PRINTED._replace(time=_tau / (sqrt(step_size) * target_curvature)),
            ),
            Variant("2 tau", _PRINTED._replace(time=2 * _PRINTED.time)),
        ),
    ),
)

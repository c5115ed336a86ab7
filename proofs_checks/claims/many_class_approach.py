"""Claim: the slowest mode of gradient descent close to the targets of K classes."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from sympy import (
    Expr,
    Matrix,
    Rational,
    Symbol,
    cancel,
    diag,
    diff,
    eye,
    factor,
    lambdify,
    solve,
    sqrt,
)

from ...theory import many_class_approach as theory
from ...theory.final_approach import bulk_edge, outlier
from ...theory.high_dimension import aspect_ratio
from ...theory.many_class_approach import across, along, companion, confidence
from ...theory.signal_noise import mu_f
from ...theory.symbols import K, alpha
from ..checks import all_of
from ..claim import Claim, Variant
from ..evidence import Outcome
from ..many_class_approach import Approach, resolvent_traces, slowest_mode, smallest_eigenvalues
from ..matrix_identities import vanishes
from ..seeded_simulation import Band, band, not_observed, observed

__all__ = ["CLAIMS"]


class _Mode(NamedTuple):
    """x(m); what it is at an eigenvalue of the signal; h and H for f = ||z||^2."""

    bulk: Expr
    signal: Expr
    across: Expr
    along: Expr


_SETTINGS = (
    Approach(0.5, 2.0, 1.0, 3, 0.15, 0.25),
    Approach(0.25, 3.0, 0.7, 4, 0.1, 0.5),
    Approach(0.25, 0.6, 0.8, 3, 0.3, 1.0),
    Approach(0.4, 0.5, 1.0, 4, 0.1, 0.4),
)
"""Two strong signals and two weak ones."""


def _are_curvatures(claim: _Mode) -> Outcome:
    """The Hessian times its eigenvectors at K = 3 and 5, in p and alpha."""
    for classes in (3, 5):
        p = Matrix([confidence] + [(1 - confidence) / (classes - 1)] * (classes - 1))
        hessian = (1 - alpha) * (diag(*p) - p * p.T) + 2 * alpha * eye(classes)
        true = Matrix([classes - 1] + [-1] * (classes - 1))
        other = Matrix([0, 1, -1] + [0] * (classes - 3))
        for name, vector, value in (("h", other, claim.across), ("H", true, claim.along)):
            rest = (hessian * vector - value.subs(K, classes) * vector).applyfunc(cancel)
            if any(rest):
                where = f"K = {classes}, p = 3/4, alpha = 1/10"
                at = rest.subs({confidence: Rational(3, 4), alpha: Rational(1, 10)})
                witness = f"{where}: (H_c - {name}) v = {list(at)}, v = {list(vector)}"
                return Outcome.refuted("symbolic identity", f"{name} is no eigenvalue", witness)
    return Outcome.proved("symbolic identity", "h and H are eigenvalues at K = 3 and 5")


def _is_that_of_two_classes_at_equal_curvatures(claim: _Mode) -> Outcome:
    """H = h: h times edge and outlier of lead.weak-signal-rate, with mu_f^2/K for mu_f^2."""
    point, signal = (side.subs(along, across) for side in (claim.bulk, claim.signal))
    top = theory.equal_curvatures_edge()
    outside = across * outlier().subs(mu_f, mu_f / sqrt(K))
    rests = {
        "x' = 0 at the edge": diff(point, companion).subs(companion, top),
        "the edge": point.subs(companion, top) - across * bulk_edge(),
    }
    for root in solve(cancel(point - signal), companion):
        rests["the outlier"] = signal.subs(companion, root) - outside
    # Rational in the root of lambda.
    root_of = {aspect_ratio: Symbol("s", positive=True) ** 2}
    return all_of(vanishes(name, factor(rest.subs(root_of))) for name, rest in rests.items())


@cache
def _traces(setting: Approach) -> dict[float, Band]:
    points = (0.0, -(setting.noise**2) * setting.across)
    traces = resolvent_traces(setting, points, samples=240, seeds=12)
    return {x: band(found) for x, found in zip(points, traces, strict=True)}


@cache
def _smallest(setting: Approach) -> Band:
    return band(smallest_eigenvalues(setting, samples=60, seeds=24))


def _is_the_resolvent(claim: _Mode) -> Outcome:
    """Seeded noise at x = 0 and below: its mean resolvent is the m of x(m) = x."""
    told = []
    for setting in _SETTINGS:
        point = lambdify(companion, claim.bulk.subs(setting.symbols()))
        for x, seen in _traces(setting).items():
            ends = point(seen.low), point(seen.high)
            where = (
                f"{_words(setting)}, x = {x:g}: m in {seen}, x(m) in [{ends[0]:.3g}, {ends[1]:.3g}]"
            )
            if not ends[0] <= x <= ends[1]:
                return not_observed("another resolvent", where)
            told.append(where)
    return observed(f"N = 240, 12 seeds; {'; '.join(told)}")


def _is_the_smallest_eigenvalue(claim: _Mode) -> Outcome:
    """Seeded data, extrapolated to large N, four standard errors to each side."""
    told = []
    for setting in _SETTINGS:
        seen, claimed = _smallest(setting), slowest_mode(setting, claim.bulk, claim.signal)
        where = f"{_words(setting)}: {seen}, claimed {claimed:.4g}"
        if not seen.holds(claimed):
            return not_observed("another eigenvalue", where)
        told.append(where)
    return observed(f"N = 60, 240, 24 seeds; {'; '.join(told)}")


def _words(setting: Approach) -> str:
    ratio, signal, noise, classes, h, H = setting
    return f"K = {classes}, lambda = {ratio}, mu_f = {signal}, sigma_n = {noise}, h = {h}, H = {H}"


_PRINTED = _Mode(theory.bulk(), theory.signal_mode(), *theory.curvatures_of_the_quadratic_penalty())
_ALL_ACROSS = theory.bulk().subs(along, across)
_EXCHANGED = theory.bulk().subs({across: along, along: across}, simultaneous=True)
_AVERAGE = ((K - 2) * across + along) / (K - 1)

CLAIMS = (
    Claim(
        id="lead.many-class-rate",
        printed=Variant(
            "$K$ classes, $\\sigma_f = 0$: the slowest mode of the final approach decays at "
            "$\\eta x$. With $h$ and $H$ the curvatures of $\\ell$ at the target across and along "
            "the direction of the true class (for $f = \\|z\\|^2$: $h = 2\\alpha + (1 - \\alpha)"
            "(1 - p_c)/(K - 1)$ and $H = 2\\alpha + (1 - \\alpha) K p_c (1 - p_c)/(K - 1)$), and "
            "$x(m) = -1/m + \\sigma_n^2 (\\frac{K - 2}{K - 1} \\frac{h}{1 + \\lambda \\sigma_n^2 "
            "m h} + \\frac{1}{K - 1} \\frac{H}{1 + \\lambda \\sigma_n^2 m H})$, $x$ is the maximum "
            "of $x(m)$ over $m > 0$, or its value where it first is $\\frac{\\mu_f^2}{K} "
            "\\frac{h}{1 + \\lambda \\sigma_n^2 m h}$, if that comes before the maximum.",
            _PRINTED,
        ),
        source="lead: found with the rate of the final approach",
        hypotheses=(
            "K > 2 balanced classes with the templates mu_f e_c, Gaussian noise, 0 < lambda < 1, "
            "N -> infinity, gradient descent from zero with small steps",
            "l keeps logits of zero sum, as label smoothing and f = ||z||^2 do, and h <= H",
            "not by machine: that the resolvent concentrates on the solution of the equation",
        ),
        checks=(
            _are_curvatures,
            _is_the_resolvent,
            _is_the_smallest_eigenvalue,
            _is_that_of_two_classes_at_equal_curvatures,
        ),
        controls=(
            Variant("h times the edge of two classes", _PRINTED._replace(bulk=_ALL_ACROSS)),
            Variant("the shares of h and H exchanged", _PRINTED._replace(bulk=_EXCHANGED)),
            Variant(
                "the average curvature times the edge",
                _PRINTED._replace(bulk=_ALL_ACROSS.subs(across, _AVERAGE)),
            ),
            Variant("mu_f^2", _PRINTED._replace(signal=K * theory.signal_mode())),
            Variant("H for the signal", _PRINTED._replace(signal=theory.signal_mode(along))),
            Variant("no outlier", _PRINTED._replace(signal=K**9 * theory.signal_mode())),
            Variant(
                "H without the factor K",
                _PRINTED._replace(along=2 * alpha + (1 - alpha) * confidence * (1 - confidence)),
            ),
        ),
    ),
)

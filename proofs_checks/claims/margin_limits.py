"""Claims: separability and the largest margin in high dimension, without a penalty."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from scipy.optimize import brentq
from sympy import Eq, Expr, Ge, Gt, Interval, Lt, S, Symbol, lambdify, oo, sqrt

from ...theory import high_dimension as theory
from ...theory.signal_noise import mu_f, rho, sigma_f, sigma_n
from ..checks import all_of, identical
from ..claim import Claim, Variant
from ..evidence import Outcome
from ..high_dimension import largest_margin, separability_threshold
from ..high_dimension_samples import largest_margins, signal_plus_noise
from ..matrix_identities import vanishes
from ..prover import prove
from ..seeded_simulation import Band, band, limits_in_bands, not_observed, observed

__all__ = ["CLAIMS"]

_lambda, _Delta = theory.aspect_ratio, theory.effect
_positive = Interval.open(0, oo)
_path, _margin = Symbol("c", nonnegative=True), Symbol("kappa", real=True)


class _Margin(NamedTuple):
    """Means and deviations of what is truncated, and the right side of the equation for kappa.

    lambda_s is the minimum over c of E (mean + deviation G)_+^2 for the first pair; kappa(rho)
    makes that of the second pair equal to the right side.
    """

    separable: tuple[Expr, Expr]
    margin: tuple[Expr, Expr]
    right: Expr

    def threshold(self) -> Expr:
        return theory.truncated_square(*self.separable)


def _halves_agree(claim: _Margin) -> Outcome:
    """kappa(rho) > 0 for some rho exactly where lambda exceeds the minimum over c.

    At kappa = 0 and c = rho sigma_f/(sigma_n sqrt(1 - rho^2)) the two equations are the same, and
    the left side grows with kappa.
    """
    unit = sigma_n * sqrt(1 - rho**2)
    at = {_path: rho * sigma_f / unit, _Delta: mu_f / sigma_f}
    domain = dict.fromkeys((mu_f, sigma_f, sigma_n, _lambda), _positive)
    domain[rho] = Interval.open(0, 1)
    mean, deviation = (part.subs(at) for part in claim.separable)
    zero = tuple(part.subs(_margin, 0) for part in claim.margin)
    names = ("T_mm = 2 Phi(m/s)", "T_m -> 0 at -infinity", "T(t m, t s) = t^2 T(m, s)")
    return all_of(
        (
            *map(vanishes, names, theory.growth_of_the_truncated_square()),
            prove(Eq(mean * unit, zero[0], evaluate=False), domain),
            prove(Eq(deviation**2 * unit**2, zero[1] ** 2, evaluate=False), domain),
            prove(Eq(claim.right, _lambda * unit**2, evaluate=False), domain),
            prove(Gt(claim.margin[0].diff(_margin), 0), {_margin: Interval(-oo, oo)}),
        )
    )


def _is_one_half_without_signal(claim: _Margin) -> Outcome:
    """lambda_s = 1/2 at Delta = 0, and less at Delta > 0, where T falls with c at c = 0."""
    threshold = claim.threshold()
    none = threshold.subs(_Delta, 0).simplify()
    slope = threshold.diff(_path).subs(_path, 0).simplify()
    return all_of(
        (
            prove(Ge(none, S.Half), {_path: Interval(0, oo)}),
            identical(threshold.subs(_path, 0).simplify(), S.Half),
            prove(Lt(slope, 0), {_Delta: _positive}),
        )
    )


_EFFECTS = (0.5, 1.0)
_SEPARABLE_DATA = ((0.7, 1.0, 0.5, 1.0), (0.7, 1.0, 1.0, 1.0), (0.5, 0.5, 1.0, 2.0))
"""lambda, mu_f, sigma_f, sigma_n."""


def _data_turn_separable_there(claim: _Margin) -> Outcome:
    """None of the seeded data sets is separable at lambda_s - 0.1, all are at lambda_s + 0.1."""
    told = []
    for effect in _EFFECTS:
        turn = separability_threshold(claim.threshold(), _path, effect)
        for side, expected in ((-0.1, 0), (0.1, 16)):
            x = signal_plus_noise(300, turn + side, effect, (1.0, 1.0), 16)
            count = int((largest_margins(x)[0] > 0).sum())
            where = f"Delta = {effect:g}, lambda = {turn + side:.3f}: {count}/16 separable"
            if count != expected:
                return not_observed(f"lambda_s = {turn:.3f}", where)
            told.append(where)
    return observed(f"N = 300; {'; '.join(told)}")


def _margin_at(gap: Callable[..., float], rest: tuple[float, ...], cosine: float) -> float:
    return float(brentq(lambda margin: gap(margin, cosine, *rest), -50, 50))


def _predicts_the_margins(claim: _Margin) -> Outcome:
    """kappa and rho of seeded max-margin directions, four standard errors to each side."""
    return limits_in_bands(_comparisons(claim), "N = 200, 16 seeds")


def _comparisons(claim: _Margin) -> Iterator[tuple[str, float, Band]]:
    names = (_margin, rho, mu_f, sigma_f, sigma_n, _lambda)
    gap = lambdify(names, theory.truncated_square(*claim.margin) - claim.right, "scipy")
    for aspect_ratio, means, signal, noise in _SEPARABLE_DATA:
        rest = (means, signal, noise, aspect_ratio)
        cosine, margin = largest_margin(partial(_margin_at, gap, rest))
        seen = largest_margins(signal_plus_noise(200, aspect_ratio, means, (signal, noise), 16))
        for name, limit, values in zip(("kappa", "rho"), (margin, cosine), seen, strict=True):
            where = f"lambda, mu_f, sigma_f, sigma_n = {aspect_ratio, means, signal, noise}"
            yield f"{where}: {name}", limit, band(values)


_PRINTED_MARGIN = _Margin(
    (-_path * _Delta, sqrt(1 + _path**2)),
    (_margin - rho * mu_f, sqrt(rho**2 * sigma_f**2 + (1 - rho**2) * sigma_n**2)),
    _lambda * sigma_n**2 * (1 - rho**2),
)

CLAIMS = (
    Claim(
        id="lead.max-margin",
        printed=Variant(
            "$\\alpha = 0$: separable through the origin iff "
            "$\\lambda > \\lambda_s(\\Delta) = \\min_c E[(-c\\Delta - \\sqrt{1 + c^2}\\,G)_+^2]$, "
            "which is 1/2 only as $\\Delta \\to 0$. Above it $E[(\\kappa - \\rho\\mu_f - "
            "\\sqrt{\\rho^2\\sigma_f^2 + (1 - \\rho^2)\\sigma_n^2}\\,G)_+^2] = "
            "\\lambda \\sigma_n^2 (1 - \\rho^2)$ gives $\\kappa(\\rho)$, and $\\rho$ maximises it.",
            _PRINTED_MARGIN,
        ),
        source="lead: high-dimensional limit",
        hypotheses=("Gaussian signal plus noise", "probabilities tend to 0 or 1", "sigma_f > 0"),
        checks=(
            _halves_agree,
            _is_one_half_without_signal,
            _data_turn_separable_there,
            _predicts_the_margins,
        ),
        controls=(
            Variant(
                "+ c Delta",
                _PRINTED_MARGIN._replace(separable=(_path * _Delta, sqrt(1 + _path**2))),
            ),
            Variant(
                "without c Delta",
                _PRINTED_MARGIN._replace(separable=(S.Zero, sqrt(1 + _path**2))),
            ),
            Variant("lambda sigma_n^2", _PRINTED_MARGIN._replace(right=_lambda * sigma_n**2)),
            Variant(
                "2 kappa",
                _PRINTED_MARGIN._replace(
                    margin=(2 * _margin - rho * mu_f, _PRINTED_MARGIN.margin[1])
                ),
            ),
        ),
    ),
)

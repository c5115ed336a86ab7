"""Claims: the slowest mode of gradient descent close to the target."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from sympy import Expr, Ge, Gt, Lt, Piecewise, Rational, S, Symbol, sqrt
from sympy.core.relational import Relational
from sympy.logic.boolalg import Boolean

from ...theory import final_approach as theory
from ...theory.final_approach import step_size, target_curvature
from ...theory.high_dimension import aspect_ratio
from ...theory.signal_noise import mu_f, sigma_n
from ...theory.symbols import alpha, z
from ..checks import all_of
from ..claim import Claim, Correction, Repair, Variant
from ..evidence import Grade, Outcome
from ..high_dimension_samples import smallest_eigenvalues
from ..seeded_simulation import Band, band, not_observed, observed
from ..smt import prove_implication
from ..witnesses import sign_at

__all__ = ["CLAIMS"]


class _Rate(NamedTuple):
    """1 - rate is the factor of the slowest mode per step; l''(z*) of f = z^2 as alpha -> 0."""

    rate: Expr
    curvature: Expr
    hypothesis: Boolean | Relational = S.true

    def eigenvalue(self) -> Expr:
        return self.rate / (step_size * target_curvature)

    def is_met(self, point: _Point) -> bool:
        """Whether the hypothesis is certified there, as a strict inequality."""
        if self.hypothesis == S.true:
            return True
        return sign_at(self.hypothesis.gts - self.hypothesis.lts, _values(point)) > 0


_Point = tuple[Rational, Rational, Rational]
"""lambda, mu_f, sigma_n."""


def _values(point: _Point) -> dict[Symbol, Rational]:
    return dict(zip((aspect_ratio, mu_f, sigma_n), point, strict=True))


def _where(point: _Point) -> str:
    return f"lambda = {point[0]}, mu_f = {point[1]}, sigma_n = {point[2]}"


_FIGURE_5 = (Rational(7, 10), Rational(1, 10), S.One)
_SETTINGS: tuple[_Point, ...] = (
    _FIGURE_5,
    (Rational(1, 4), S.One, S.One),
    (Rational(1, 2), S.One, S.One),
    (Rational(2, 5), Rational(2), Rational(1, 2)),
    (Rational(1, 4), Rational(3, 5), S.One),
    (Rational(1, 2), Rational(1, 10), S.One),
    (Rational(1, 2), Rational(4, 5), S.One),
)
"""Where it is simulated."""
_EXACT_SETTINGS: tuple[_Point, ...] = (
    *_SETTINGS,
    (Rational(1, 4), S.One, Rational(2)),
    (Rational(1, 4), Rational(3, 10), Rational(1, 2)),
    (Rational(1, 2), Rational(3, 5), S.One),
    (Rational(1, 4), Rational(5, 2), Rational(3)),
)
"""Weak and strong signals close to where the one turns into the other, and sigma_n other than 1."""


def _is_linear_in_step_and_curvature(claim: _Rate) -> Outcome:
    """Close to the target S - S* is multiplied by 1 - eta l''(z*) X^T X/N, for any N, d and l."""
    form = theory.quadratic_form_at_the_target()
    if (form / target_curvature).has(target_curvature):
        return Outcome.undecided("second derivative", f"the quadratic form is {form}")
    scale = claim.rate / claim.rate.subs({step_size: 1, target_curvature: 1})
    relation = scale.simplify() - step_size * target_curvature
    if relation == 0:
        return Outcome.proved("second derivative", f"the quadratic form at the target is {form}")
    times = scale.subs({step_size: 2, target_curvature: 2}).simplify()
    if not times.is_Rational or times == 4:
        return Outcome.undecided("second derivative", f"the rate scales as {scale}")
    witness = f"eta = 2, l'' = 2: {times} times, not 4"
    return Outcome.refuted("second derivative", f"the rate scales as {scale}", witness)


def _is_the_curvature_for_small_alpha(claim: _Rate) -> Outcome:
    """alpha -> 0 means z* -> infinity, as 2 z* (1 + exp(z*)) = (1 - alpha)/alpha.

    The difference is to vanish against alpha; for a ratio that tends to 1, 2 alpha z* would do.
    """
    excess = theory.curvature_excess(claim.curvature)
    if excess == 0:
        return Outcome.proved("limit", "2 alpha (1 + z sigmoid(z)) less it is o(alpha)")
    if not (excess.is_Rational or excess.is_infinite):
        return Outcome.undecided("limit", f"the difference over alpha tends to {excess}")
    witness = f"the difference over alpha tends to {excess}"
    return Outcome.refuted("limit", "another curvature", witness)


def _is_no_more_than_a_rayleigh_quotient(claim: _Rate) -> Outcome:
    """The smallest eigenvalue is at most e_1^T X^T X e_1/N = mu_f^2, whatever N and the noise."""
    for point in _EXACT_SETTINGS:
        if claim.is_met(point) and sign_at(claim.eigenvalue() - mu_f**2, _values(point)) > 0:
            claimed = claim.eigenvalue().subs(_values(point))
            witness = f"{_where(point)}: an eigenvalue is at most {point[1] ** 2} < {claimed}"
            return Outcome.refuted("Rayleigh quotient", "a slower mode", witness, Grade.CERTIFIED)
    return Outcome.tested("Rayleigh quotient", f"at most mu_f^2 at {len(_EXACT_SETTINGS)} settings")


def _outlier_is_below_the_bulk() -> Outcome:
    """edge - outlier is a square over sigma_n^2 - mu_f^2; it exists where x'(m) > 0."""
    s, root = sigma_n**2, sqrt(aspect_ratio)
    gap = theory.bulk_edge() - theory.outlier()
    square = (mu_f**2 - theory.strong_signal()) ** 2 / (s - mu_f**2)
    slope = theory.companion_slope()
    weak = (aspect_ratio < 1, Lt(mu_f**2, s * (1 - root)))
    strong = (aspect_ratio < 1, Ge(mu_f**2, s * (1 - root)), Lt(mu_f**2, s))
    if (gap - square).simplify() != 0:
        return Outcome.undecided("symbolic identity", f"edge - outlier = {gap}")
    above = theory.outlier() > theory.bulk_edge()
    return all_of(
        (
            prove_implication(weak, slope > 0),
            prove_implication(strong, slope <= 0),
            prove_implication((aspect_ratio < 1, Gt(mu_f**2, s)), above),
        )
    )


@cache
def _seen(point: _Point) -> Band:
    ratio, mean, noise = map(float, point)
    return band(smallest_eigenvalues(ratio, mean, noise))


def _is_the_smallest_eigenvalue(claim: _Rate) -> Outcome:
    """Seeded matrices, exact in law, extrapolated to large N, four standard errors to each side."""
    told = []
    for point in filter(claim.is_met, _SETTINGS):
        seen, claimed = _seen(point), float(claim.eigenvalue().subs(_values(point)))
        shown = f"{_where(point)}: {seen}, claimed {claimed:.4g}"
        if not seen.holds(claimed):
            return not_observed("another eigenvalue", shown)
        told.append(shown)
    if not told:
        return Outcome.undecided("seeded simulation", "the hypothesis holds at no setting")
    return observed(f"N = 400, 1600, 48 seeds; {'; '.join(told)}")


def _follows_from_the_secular_equation(claim: _Rate) -> Outcome:
    """At each setting it is the outlier if the signal is weak, else the edge."""
    difference = claim.eigenvalue() - _BOTH.eigenvalue()
    for point in filter(claim.is_met, _EXACT_SETTINGS):
        at = _values(point)
        if sign_at(difference, at):
            claimed, true = (mode.eigenvalue().subs(at) for mode in (claim, _BOTH))
            witness = f"{_where(point)}: {claimed}, the secular equation has {true}"
            method = "secular equation"
            return Outcome.refuted(method, "another eigenvalue", witness, Grade.CERTIFIED)
        if difference.subs(at).simplify() != 0:
            return Outcome.undecided("secular equation", f"{_where(point)}: {difference}")
    settings = Outcome.tested("secular equation", f"the same at {len(_EXACT_SETTINGS)} settings")
    return all_of((_outlier_is_below_the_bulk(), settings))


_SCALE = step_size * target_curvature
_SMALL_ALPHA = 2 * alpha * (1 + z)
_STRONG = Ge(mu_f**2, theory.strong_signal())
_PRINTED = _Rate(_SCALE * theory.bulk_edge(), _SMALL_ALPHA)
_BOTH = _Rate(
    _SCALE * Piecewise((theory.bulk_edge(), _STRONG), (theory.outlier(), True)), _SMALL_ALPHA
)
_WEAK = mu_f**2 * (1 - aspect_ratio * sigma_n**2 / (sigma_n**2 - mu_f**2))
_PIECEWISE = _BOTH._replace(rate=_SCALE * Piecewise((theory.bulk_edge(), _STRONG), (_WEAK, True)))
_CHECKS = (
    _is_linear_in_step_and_curvature,
    _is_the_curvature_for_small_alpha,
    _is_no_more_than_a_rayleigh_quotient,
    _follows_from_the_secular_equation,
    _is_the_smallest_eigenvalue,
)
_HYPOTHESES = (
    "sigma_f = 0, 0 < lambda < 1, Gaussian noise, N -> infinity",
    "gradient descent on the mean loss with small steps, eta l''(z*) at most 1 over the norm",
    "alpha > 0; ~ is read as: up to o(alpha)",
)

CLAIMS = (
    Claim(
        id="lead.grokking-rate",
        printed=Variant(
            "The slowest mode of the final approach decays at "
            "$\\eta\\, \\ell''(z^*) \\sigma_n^2 (1 - \\sqrt\\lambda)^2$, with "
            "$\\ell''(z^*) \\sim 2\\alpha (1 + z^*)$ for $f = z^2$ as $\\alpha \\to 0$.",
            _PRINTED,
        ),
        source="lead: high-dimensional limit",
        hypotheses=_HYPOTHESES,
        checks=_CHECKS,
        correction=Correction(
            Repair.HYPOTHESIS,
            Variant(
                "It does if $\\mu_f^2 \\geq \\sigma_n^2 (1 - \\sqrt\\lambda)$. A weaker signal, as "
                "that of the grokking figure ($\\mu_f = 0.1$, $\\lambda = 0.7$), has a slower mode "
                "(lead.weak-signal-rate).",
                _PRINTED._replace(hypothesis=_STRONG),
            ),
        ),
        controls=(
            Variant(
                "1 - lambda",
                _PRINTED._replace(
                    rate=_SCALE * sigma_n**2 * (1 - aspect_ratio) ** 2, hypothesis=_STRONG
                ),
            ),
            Variant(
                "(1 - sqrt(lambda))",
                _PRINTED._replace(rate=_SCALE * theory.strong_signal(), hypothesis=_STRONG),
            ),
            Variant(
                "l''(z*)^2",
                _PRINTED._replace(rate=_PRINTED.rate * target_curvature, hypothesis=_STRONG),
            ),
            Variant("l'' ~ 2 alpha", _PRINTED._replace(curvature=2 * alpha, hypothesis=_STRONG)),
            Variant(
                "if mu_f^2 >= sigma_n^2 (1 - sqrt(lambda))^2",
                _PRINTED._replace(hypothesis=Ge(mu_f**2, theory.bulk_edge())),
            ),
        ),
    ),
    Claim(
        id="lead.weak-signal-rate",
        printed=Variant(
            "For $\\mu_f^2 < \\sigma_n^2 (1 - \\sqrt\\lambda)$ the slowest mode decays at "
            "$\\eta\\, \\ell''(z^*) \\mu_f^2 (1 - \\lambda \\sigma_n^2/(\\sigma_n^2 - \\mu_f^2))$, "
            "below $\\eta\\, \\ell''(z^*) \\sigma_n^2 (1 - \\sqrt\\lambda)^2$, which is the rate "
            "for every stronger signal.",
            _PIECEWISE,
        ),
        source="lead: found with the rate of the final approach",
        hypotheses=_HYPOTHESES,
        checks=_CHECKS,
        controls=(
            Variant("the edge for every signal", _PRINTED),
            Variant(
                "the outlier for every signal",
                _BOTH._replace(rate=_SCALE * theory.outlier(), hypothesis=Gt(sigma_n, mu_f)),
            ),
            Variant(
                "mu_f^2 for a weak signal",
                _BOTH._replace(
                    rate=_SCALE * Piecewise((theory.bulk_edge(), _STRONG), (mu_f**2, True))
                ),
            ),
        ),
    ),
)

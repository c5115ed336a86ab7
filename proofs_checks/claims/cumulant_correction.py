"""Claims: what the third and fourth cumulants of the data do to the minimiser's direction."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from sympy import Eq, Expr, S, Symbol, symbols

from ...theory import cumulant_correction as theory
from ...theory.cumulant_correction import across, across_twice, along, effect, fourth_across, scale
from ..checks import Proposition, all_of, holds_on_its_domain
from ..claim import Claim, Variant
from ..cumulant_correction import (
    Noise,
    deflection,
    gamma_noise,
    predicted,
    student_noise,
    trained_deflections,
)
from ..evidence import Grade, Outcome
from ..high_dimension import penalised
from ..matrix_identities import vanishes
from ..seeded_simulation import band, not_observed, observed

__all__ = ["CLAIMS"]

_SOURCE = "lead: correction to the direction for non-Gaussian signal noise"
_L1, _L2, _L3, _L4, _L5, _L6 = theory.gaussian_means()
_CURVED = effect**2 * _L2 + 2 * effect * scale * _L3 + _L2 + scale**2 * _L4
"""E (Delta + G)^2 l''(a Delta + a G), by parts: positive for convex l."""


_bend = Symbol("H", positive=True)


@cache
def _same(name: str, left: Expr, right: Expr) -> Outcome:
    """Equal wherever that mean is positive: L_4 is written in terms of it."""
    fourth = ((_bend - _CURVED) / scale**2 + _L4).expand()
    sides = (side.subs(_L4, fourth) for side in (left, right))
    found = holds_on_its_domain([Proposition(Eq(*sides, evaluate=False), {})])
    return Outcome.proved(found.method, name) if found.supported else found


@cache
def _expansions_hold() -> Outcome:
    return all_of(
        (
            vanishes("E (x - mu) g(z) = sum of kappa_(n+1) E g^(n)/n!", theory.cumulant_stein()),
            vanishes("E g = Gaussian mean of exp(sum kappa_n D^n/n!) g", theory.gram_charlier()),
            vanishes("s^n E g^(n) = E He_n g", theory.hermite_by_parts()),
        )
    )


# The two orders.


class _Tangents(NamedTuple):
    """The coefficients of e and e^2 in the tangent of the angle from u towards v."""

    first: Expr
    second: Expr


def _solves_the_stationarity(claim: _Tangents) -> Outcome:
    first, second = theory.tangents()
    return all_of(
        (
            _expansions_hold(),
            _same("order e solved for t_1", claim.first, first),
            _same("order e^2 solved for t_2", claim.second, second),
        )
    )


_LOSSES = (("quadratic", 0.1), ("cosh", 0.3))


@cache
def _deflection(penalty: str, alpha: float, parameter: int, skewed: bool) -> tuple[float, Noise]:
    noise = gamma_noise(parameter) if skewed else student_noise(parameter)
    return deflection(penalised(penalty, alpha), noise), noise


def _shrinks(
    name: str, parameters: tuple[int, int], tangents: tuple[Expr, ...], factor: float, skewed: bool
) -> Outcome:
    """What the tangents miss falls by about the factor where the cumulant is halved."""
    told = []
    for penalty, alpha in _LOSSES:
        misses = []
        for parameter in parameters:
            angle, noise = _deflection(penalty, alpha, parameter, skewed)
            sums = sum(predicted(tangent, penalised(penalty, alpha), noise) for tangent in tangents)
            misses.append(abs(angle - sums))
        found = misses[0] / misses[1]
        where = f"{penalty}, alpha = {alpha:g}, {name}: missed by {misses[0]:.2e}, {misses[1]:.2e}"
        if not 0.8 * factor < found < 1.25 * factor:
            return Outcome.refuted("quadrature", "another order", where, Grade.TESTED)
        told.append(where)
    return Outcome.tested("quadrature", "; ".join(told))


def _misses_by_the_next_order(claim: _Tangents) -> Outcome:
    """Gamma noise of shapes 256 and 1024: kappa_3 is halved, kappa_4 quartered.

    The angle differs from its tangent in the third order.
    """
    shapes = (256, 1024)
    return all_of(
        (
            _shrinks("the first order", shapes, (claim.first,), 4, True),
            _shrinks("both orders", shapes, (claim.first, claim.second), 8, True),
        )
    )


def _change(order: int) -> Expr:
    """Of L_n, to first order in e."""
    means = theory.gaussian_means()
    moved = _A1 * (effect * means[order] + scale * means[order + 1])
    return moved + scale**3 * along * means[order + 2] / 6


_A1 = -along * scale**2 * (effect * scale * _L4 + 3 * _L3 + scale**2 * _L5) / (6 * _CURVED)
_FIRST = -scale * _L3 / (2 * _L2) * across
_AGAIN = _FIRST * (
    _A1 / scale - _change(2) / _L2 - scale * _L3 * across_twice / _L2
) - scale * _change(3) * across / (2 * _L2)
_FOURTH = -(scale**2) * _L4 / (6 * _L2) * fourth_across
_PRINTED = _Tangents(_FIRST, _AGAIN + _FOURTH)

_BOTH = Claim(
    id="lead.cumulant-correction",
    printed=Variant(
        "Whitened, $\\mu = \\Delta u$; Gaussian data have the minimiser $a u$, and $L_n = "
        "E \\ell^{(n)}(a\\Delta + a G)$. With $\\kappa_3$ of order $e$, $\\kappa_4$ of order "
        "$e^2$, the tangent of the angle from $u$ towards $v \\perp u$ is $t_1 + t_2 + O(e^3)$: "
        "$t_1 = -\\frac{a L_3}{2 L_2} \\kappa_3(u, u, v)$ and $t_2 = t_1 (a_1/a - "
        "\\delta_2/L_2 - \\frac{a L_3}{L_2} \\kappa_3(u, v, v)) - \\frac{a \\delta_3}{2 L_2} "
        "\\kappa_3(u, u, v) - \\frac{a^2 L_4}{6 L_2} \\kappa_4(u, u, u, v)$, with "
        "$\\delta_n = a_1 (\\Delta L_{n+1} + a L_{n+2}) + \\frac{a^3}{6} \\kappa_3(u, u, u) "
        "L_{n+3}$ and $a_1 = -\\frac{a^2}{6} \\kappa_3(u, u, u) (a \\Delta L_4 + 3 L_3 + a^2 L_5)/"
        "E (\\Delta + G)^2 \\ell''$.",
        _PRINTED,
    ),
    source=_SOURCE,
    hypotheses=(
        "l convex and six times differentiable, its minimiser for Gaussian data finite, a > 0",
        "kappa_n of order e^(n - 2) for n > 4 too",
        "the deflection lies in the plane of u and v",
        "not by machine: the remainder of the expansions, for l that is no polynomial",
    ),
    checks=(_solves_the_stationarity, _misses_by_the_next_order),
    controls=(
        Variant("t_1 = 0: Fisher's direction", _PRINTED._replace(first=S.Zero)),
        Variant("t_1 without the half", _PRINTED._replace(first=2 * _FIRST)),
        Variant("minus t_1", _PRINTED._replace(first=-_FIRST)),
        Variant("kappa_3(u, u, u) in t_1", _PRINTED._replace(first=_FIRST.subs(across, along))),
        Variant("t_2 without kappa_3", _PRINTED._replace(second=_FOURTH)),
        Variant("t_2 without kappa_4", _PRINTED._replace(second=_AGAIN)),
        Variant("kappa_4/24 in t_2", _PRINTED._replace(second=_AGAIN + _FOURTH / 4)),
    ),
    derivation=theory.correction_derivation,
)


# Symmetric noise.


def _is_what_remains_without_a_third(claim: Expr) -> Outcome:
    """Odd cumulants of a symmetric law vanish; so does kappa_4(u, u, u, v) of a spherical one."""
    symmetric = {along: 0, across: 0, across_twice: 0}
    first, second = (tangent.subs(symmetric) for tangent in theory.tangents())
    x, y = symbols("x y", real=True)
    spherical = ((x**2 + y**2) ** 2).diff(y).subs(y, 0)
    return all_of(
        (
            _expansions_hold(),
            vanishes("no deflection by a third cumulant", first),
            vanishes("kappa_4(u, u, u, v) of a spherical law", spherical),
            _same("order e^2 solved for t_2", claim, second),
        )
    )


def _misses_students_by_the_next_order(claim: Expr) -> Outcome:
    """Student-t coordinates, nu = 28 and 52: kappa_4 = 6/(nu - 4) is halved."""
    return _shrinks("Student-t", (28, 52), (claim,), 4, False)


def _predicts_trained_weights(claim: Expr) -> Outcome:
    """Student-t coordinates, nu = 10, four standard errors to each side."""
    penalty, alpha, freedom = "label-smoothing", 0.2, 10
    seen = band(trained_deflections(penalty, alpha, freedom))
    limit = predicted(claim, penalised(penalty, alpha), student_noise(freedom))
    where = f"{penalty}, alpha = {alpha:g}, nu = {freedom}: in {seen}, predicted {limit:.4g}"
    return observed(where) if seen.holds(limit) else not_observed("another angle", where)


_STUDENT = Claim(
    id="lead.cumulant-correction-student",
    printed=Variant(
        "Noise that is symmetric about the mean has no third cumulant, and the tangent of the "
        "angle from $u$ towards $v \\perp u$ is $-\\frac{a^2 L_4}{6 L_2} \\kappa_4(u, u, u, v)$ "
        "to first order in $\\kappa_4$. For independent Student-t coordinates $\\kappa_4 = "
        "6/(\\nu - 4)$ in each; for elliptical noise $\\kappa_4(u, u, u, v) = 0$.",
        _FOURTH,
    ),
    source=_SOURCE,
    hypotheses=(
        "l convex and smooth, its minimiser for Gaussian data finite, a > 0",
        "nu > 4; higher cumulants are of higher order in kappa_4, as Student's are for large nu",
        "not by machine: the remainder of the expansions, for l that is no polynomial",
    ),
    checks=(
        _is_what_remains_without_a_third,
        _misses_students_by_the_next_order,
        _predicts_trained_weights,
    ),
    controls=(
        Variant("Fisher's direction", S.Zero),
        Variant("kappa_4/2, as the third cumulant enters", 3 * _FOURTH),
        Variant("minus the angle", -_FOURTH),
        Variant("L_3 for L_4", _FOURTH.subs(_L4, _L3)),
    ),
)

CLAIMS = (_BOTH, _STUDENT)

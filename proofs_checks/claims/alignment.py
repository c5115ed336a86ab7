"""Claims: clustered logits align the weights with Fisher's direction, with a bound."""

from __future__ import annotations

from typing import NamedTuple

from sympy import Eq, Expr, Ge, Interval, exp, oo, sqrt

from ...theory import alignment as theory
from ...theory.alignment import beta, epsilon, residual_norm
from ...theory.losses import sigmoid
from ...theory.penalties import CATALOGUE
from ...theory.sensitivity import curvature_at_target
from ...theory.symbols import alpha, z
from ..checks import Proposition, all_of, holds_on_its_domain
from ..claim import Claim, Variant
from ..evidence import Outcome
from ..lemmas import lemmas_hold
from ..matrix_identities import vanishes
from ..prover import prove

__all__ = ["CLAIMS"]


class _Bound(NamedTuple):
    """A proposed epsilon (in m, M) and bound on ||X (S - S_F)|| (in epsilon, beta, q)."""

    spread: Expr
    displacement: Expr


def _follows_from_the_lemmas(bound: _Bound) -> Outcome:
    """Every lemma is valid in real arithmetic, and holds where the true one is an equality."""
    return lemmas_hold(theory.lemmas(bound.spread, bound.displacement))


def _linearity_follows(bound: Expr) -> Outcome:
    """The lemma is valid for the proposed bound on the sine, and the bound is not negative."""
    lemmas = lemmas_hold(theory.linearity_lemmas(bound))
    identities = (vanishes(name, rest) for name, rest in theory.linearity_identities())
    positive = {s: Interval.open(0, oo) for s in (theory.slope, theory.logit_norm)}
    domain = {**positive, theory.error_norm: Interval(0, oo)}
    sign = prove(Ge(bound, 0, evaluate=False), domain)
    return all_of((lemmas, sign, *identities))


_SPREAD, _DISPLACEMENT = theory.relative_spread(), theory.displacement_bound()
_inner = sqrt(beta**2 + (1 - epsilon**2) * residual_norm**2)


def _is_the_curvature(expression: Expr) -> Outcome:
    """l''(z) at the stationary point of the quadratic penalty, where 2 z (1 + exp(z)) = c."""
    quadratic = curvature_at_target(CATALOGUE["quadratic"])
    strength = 1 / (1 + 2 * z * (1 + exp(z)))
    at_target = (quadratic - expression).subs(alpha, strength)
    relation = Eq(at_target, 0, evaluate=False)
    return holds_on_its_domain([Proposition(relation, {z: Interval.open(0, oo)})])


CLAIMS = (
    Claim(
        id="lead.alignment-bound",
        printed=Variant(
            "$\\sin \\angle(S, S_F) \\leq r \\epsilon / \\sqrt{1 - \\epsilon^2}$ in the "
            "metric of the data, with $\\epsilon = (M - m)/(M + m)$ and "
            "$m \\leq \\ell'(z_i)/(z_i - z^*) \\leq M$; for weights that are no "
            "minimiser the gradient enters as $\\beta$.",
            _Bound(_SPREAD, _DISPLACEMENT),
        ),
        source="lead: clustered logits align with Fisher's direction",
        hypotheses=(
            "X has full column rank",
            "l convex and differentiable, with minimiser z* != 0",
            "m > 0, so that epsilon < 1",
            "not by machine: the norms that enter the lemmas, from X^T l'(z) and the projector P",
        ),
        checks=(_follows_from_the_lemmas,),
        controls=(
            Variant("epsilon = (M - m)/(2 (M + m))", _Bound(_SPREAD / 2, _DISPLACEMENT)),
            Variant(
                "without 1/sqrt(1 - epsilon^2)",
                _Bound(
                    _SPREAD, (beta + epsilon * sqrt(1 - epsilon**2) * _inner) / (1 - epsilon**2)
                ),
            ),
            Variant(
                "epsilon squared", _Bound(_SPREAD, (beta + epsilon**2 * _inner) / (1 - epsilon**2))
            ),
            Variant("without the gradient", _Bound(_SPREAD, epsilon * _inner / (1 - epsilon**2))),
        ),
        derivation=theory.derivation,
    ),
    Claim(
        id="lead.linearity-bound",
        printed=Variant(
            "For any numbers $a$ and $b \\neq 0$, $\\sin \\angle(S, S_F) \\leq "
            "(\\|P V\\| + \\|V - a T - b Z\\|)/(|b| \\|Z\\|)$ in the metric of the data, with "
            "$V$ the gradients of the samples, $T$ their targets, $Z$ their logits and $P$ the "
            "projector on the range of the data; no convexity is needed.",
            theory.linearity_bound(),
        ),
        source="lead: found with the certificate of alignment",
        hypotheses=("X has full column rank", "Z != 0", "P T != 0"),
        checks=(_linearity_follows,),
        controls=(
            Variant("half of it", theory.linearity_bound() / 2),
            Variant("b squared for |b|", theory.linearity_bound() / theory.slope),
            Variant("without dividing by b", theory.linearity_bound() * theory.slope / 4),
        ),
    ),
    Claim(
        id="lead.curvature-quadratic",
        printed=Variant(
            "For $f = z^2$ the curvature at the target is "
            "$\\ell''(z^*) = 2\\alpha (1 + z^* \\sigma(z^*))$.",
            2 * alpha * (1 + z * sigmoid(z)),
        ),
        source="lead: targets in closed form",
        hypotheses=("0 < alpha < 1",),
        checks=(_is_the_curvature,),
        controls=(
            Variant("2 alpha (1 + z*)", 2 * alpha * (1 + z)),
            Variant("alpha (1 + z* sigmoid(z*))", alpha * (1 + z * sigmoid(z))),
            Variant("2 alpha (1 + z* sigmoid(-z*))", 2 * alpha * (1 + z * sigmoid(-z))),
        ),
    ),
)

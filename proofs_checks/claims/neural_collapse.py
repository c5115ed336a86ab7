"""Claims: the global minimisers of the unconstrained feature model (Guo et al., and a lead)."""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import NamedTuple

from sympy import (
    And,
    Eq,
    Expr,
    Interval,
    Lt,
    Matrix,
    Rational,
    S,
    Symbol,
    exp,
    eye,
    log,
    ones,
    oo,
    simplify,
    sqrt,
)

from ...theory import neural_collapse as theory
from ...theory.neural_collapse import decay_strength as c
from ...theory.neural_collapse import delta, feature_decay, weight_decay
from ...theory.neural_collapse import samples as n
from ...theory.symbols import K
from ...theory.words import letters, normal_form
from ..checks import all_of
from ..claim import Claim, Correction, Repair, Variant
from ..counterexamples import needs
from ..evidence import Outcome
from ..matrix_identities import vanishes
from ..prover import prove
from ..smt import prove_implication

__all__ = ["CLAIMS"]

_WIDE, _NARROWER, _BELOW = "d >= K - 1", "d >= K - 2", "c + delta < 1"
_d = Symbol("d", integer=True, positive=True)
_WIDTHS = {_WIDE: _d >= K - 1, _NARROWER: _d >= K - 2}
_g = Symbol("g", positive=True)
_POSITIVE = Interval.open(0, oo)
_DOMAIN = {
    K: Interval(2, oo),
    n: Interval(1, oo),
    weight_decay: _POSITIVE,
    feature_decay: _POSITIVE,
    delta: Interval.Ropen(0, 1),
}
_TAU = sqrt(weight_decay * feature_decay)


@cache
def _same(left: Expr, right: Expr) -> Outcome:
    symbols = left.free_symbols | right.free_symbols
    domain = {s: _DOMAIN.get(s, _POSITIVE) for s in sorted(symbols, key=str)}
    return prove(Eq(left, right, evaluate=False), domain)


class _Minimiser(NamedTuple):
    """W = w P R, H = h R^T P (x) 1^T, W H = g P (x) 1^T if ``total`` < 1, and 0 otherwise."""

    gap: Expr
    weights: Expr
    features: Expr
    hypotheses: frozenset[str]
    strength: Expr = theory.decay_weights()
    total: Expr = c + delta
    squared_norm: Expr = theory.weights_squared_norm()


def _is_stationary(m: _Minimiser) -> Outcome:
    """||G||_2 = tau at the gap, and both gradients of the factors vanish.

    With G = -(e/n) P (x) 1^T, e = sqrt(n) ||G||_2, they are -e h P R + lambda_W w P R and
    -(e/n) w R^T P + lambda_H h R^T P, times 1^T.
    """
    norm = theory.gradient_norm(exp(m.gap)).subs(c, m.strength)
    e = sqrt(n) * _TAU
    return all_of(
        (
            _same(m.weights * m.features, _g),
            _same(norm, _TAU),
            _same(e * m.features, weight_decay * m.weights),
            _same(e * m.weights / n, feature_decay * m.features),
        )
    )


def _is_global(m: _Minimiser) -> Outcome:
    """The certificate: ||G||_2 <= tau, tau ||M||_* the least weight decay; both sides of threshold.

    tau K sqrt(n) = c and ||G||_2 K sqrt(n) = 1 - delta at M = 0; below the threshold g > 0.
    """
    scale = K * sqrt(n)
    given = [K >= 2, c > 0, delta >= 0, delta < 1]
    return all_of(
        (
            _same(scale * _TAU, m.strength),
            _same(scale * theory.gradient_norm(S.One), 1 - delta),
            prove_implication([*given, m.total < 1], 1 - delta > c),
            prove_implication([*given, m.total >= 1], 1 - delta <= c),
            prove_implication([*given, m.total < 1], exp(m.gap) > 1),
            _same(theory.scalar_slope(exp(m.gap)), S.Zero),
            _convex_with_certificate(),
        )
    )


@cache
def _convex_with_certificate() -> Outcome:
    """What no statement changes: P, the least weight decay, convexity, the certificate."""
    P, relations = theory.centring_relations()
    a, b, s = (Symbol(name, nonnegative=True) for name in ("a", "b", "s"))
    balanced = weight_decay * sqrt(feature_decay / weight_decay) * s / 2
    other = feature_decay * sqrt(weight_decay / feature_decay) * s / 2
    growth = Symbol("E", positive=True)
    slope = theory.scalar_slope(growth)
    return all_of(
        (
            vanishes("P P = P", normal_form(P * P - P, relations)),
            _same((1 - 1 / K) * K, K - 1),
            prove_implication([], a**2 + b**2 >= 2 * a * b),
            _same(balanced + other, _TAU * s),
            _same(theory.scalar_objective(_g).diff(_g), slope.subs(growth, exp(_g))),
            prove_implication([K >= 2, growth >= 1], growth * slope.diff(growth) > 0),
            _certificate_suffices(),
        )
    )


def _certificate_suffices() -> Outcome:
    """l' >= l + <G, M'> - <G, M>, t' >= -<G, M'> and t = -<G, M> give l' + t' >= l + t."""
    loss, loss_there, decay, decay_there, here, there = (
        Symbol(name, real=True) for name in ("l", "l'", "t", "t'", "G_M", "G_M'")
    )
    return prove_implication(
        [loss_there >= loss + there - here, decay_there >= -there, Eq(decay, -here)],
        loss_there + decay_there >= loss + decay,
    )


def _norm_follows(m: _Minimiser) -> Outcome:
    """||W||^2 = w^2 tr P, and lambda_W ||W||^2 = tau ||M||_* = tau g sqrt(n) (K - 1)."""
    return all_of(
        (
            _same(m.squared_norm, m.weights**2 * (K - 1)),
            _same(theory.features_scale(), m.features**2),
            _same(weight_decay * m.squared_norm, _TAU * _g * sqrt(n) * (K - 1)),
        )
    )


def _falls_with_both(m: _Minimiser) -> Outcome:
    """g is a decreasing function of c + delta alone."""
    inside = exp(m.gap)
    slope = Lt(simplify(inside.diff(delta)), 0, evaluate=False)
    domain = {K: Interval(2, oo), c: _POSITIVE, delta: Interval.Ropen(0, 1)}
    return all_of((prove(slope, domain), _same(inside.diff(delta), inside.diff(c))))


def _has_room(m: _Minimiser) -> Outcome:
    """W H = g P (x) 1^T with g > 0 has the rank of P, which W (K x d) and H have iff it is <= d.

    The rank of the projector P = I - J/K is its trace, K - tr(J)/K.
    """
    given = [_WIDTHS[name] for name in sorted(m.hypotheses & set(_WIDTHS))]
    decay, smoothing = Rational(3, 10), Rational(1, 10)
    for classes, width in product((2, 3, 4), (1, 2)):
        gap = m.gap.subs({c: decay, delta: smoothing, K: classes})
        rank = (eye(classes) - ones(classes) / classes).rank()
        at = {K: classes, _d: width}
        if rank > width and all(h.subs(at) for h in given) and exp(gap) > 1:
            return Outcome.refuted(
                "exact rank",
                "no W (K x d) and H give this W H",
                f"K = {classes}, d = {width}, c = {decay}, delta = {smoothing}: g = {gap} > 0, and "
                f"g (I - J/{classes}) has rank {rank}",
            )
    P, _ = theory.centring_relations()
    (J,) = letters("J")
    trace = K * P.subs(J, 0) + K * P.coeff(J)
    return needs(prove_implication([K >= 2, *given], trace <= _d), m.hypotheses)


_GAP = theory.gap_at_minimiser()
_QUARTER = Rational(1, 4)
_RATIO = feature_decay / weight_decay
_W = sqrt(_g) * (_RATIO * n) ** _QUARTER
_H = sqrt(_g) / (_RATIO * n) ** _QUARTER
_MINIMISER = _Minimiser(_GAP, _W, _H, frozenset({_WIDE}))
_ANY_WIDTH = _MINIMISER._replace(hypotheses=frozenset())


class _Collapsed(NamedTuple):
    """The frame that the Gram matrices are compared with (in J), its norm, and the hypotheses."""

    frame: Expr
    norm: Expr
    hypotheses: frozenset[str]


def _collapse_is_exact(statement: _Collapsed) -> Outcome:
    """W = w P R, means h R^T P: Gram matrices w^2 P, h^2 P with ||P|| = sqrt(tr P P) = sqrt(K - 1).

    The columns of H of one class are equal, so that NC1 = 0; W/||W|| = P R/sqrt(K - 1) is the
    transpose of M/||M||.
    """
    if _BELOW not in statement.hypotheses:
        at_zero = prove_implication([Eq(c, 2), Eq(delta, 0)], And(1 - delta <= c, c + delta >= 1))
        if at_zero.supported:
            where = "K = 2, n = 1, lambda_W = lambda_H = 1, delta = 0: c = 2, W = H = 0, NC2 = 0/0"
            return Outcome.refuted("the minimiser is zero", "no metric is defined", where)
    if _WIDE not in statement.hypotheses:
        return _has_room(_ANY_WIDTH)
    ones_word = letters("J")[0]
    P, J_relation = theory.centring_relations()
    frame = normal_form(statement.frame - P, J_relation)
    Q, R, Rt = letters("P R Rt")
    factors = {(Q, Q): Q, (R, Rt): S.One}
    if frame != 0:
        gap = (eye(3) - ones(3) / 3) - _explicit(statement.frame, ones_word, 3)
        witness = f"K = 3: the Gram matrix of the minimiser differs by {gap.tolist()}"
        return Outcome.refuted("exact rationals", "another frame", witness)
    return all_of(
        (
            vanishes("P P = P", normal_form(P * P - P, J_relation)),
            vanishes("(P R)(P R)^T = P", normal_form((Q * R) * (Rt * Q) - Q, factors)),
            _same(statement.norm, sqrt(K - 1)),
            _is_stationary(_MINIMISER),
        )
    )


def _explicit(polynomial: Expr, letter: Symbol, size: int) -> Matrix:
    coefficient = polynomial.coeff(letter)
    return (polynomial.subs(letter, 0) * eye(size) + coefficient * ones(size)).subs(K, size)


_WORDS = (
    "With $c = \\sqrt{K N \\lambda_W \\lambda_H}$: if $c + \\delta < 1$, every global minimiser "
    "has $W H = g (I - 11^T/K) \\otimes 1_n^T$, $g = \\log(K/(c + \\delta) - K + 1)$ and "
    "$\\|W\\|^2 = g (K - 1) \\sqrt{n \\lambda_H/\\lambda_W}$; otherwise $W H = 0$."
)
_SETTING = (
    "K >= 2 balanced classes",
    "lambda_W, lambda_H > 0, lambda_b >= 0",
    "0 <= delta < 1",
    "not by machine: the least weight decay of a product W H is tau times its nuclear norm, which "
    "-G/tau with ||G||_2 <= tau bounds from below; minimisers have no part in the null spaces of G",
)
_COLLAPSED = _Collapsed(1 - letters("J")[0] / K, sqrt(K - 1), frozenset({_BELOW, _WIDE}))

CLAIMS = (
    Claim(
        id="lead.collapse-threshold",
        printed=Variant(_WORDS, _ANY_WIDTH),
        source="lead: neural collapse",
        hypotheses=_SETTING,
        checks=(_is_stationary, _is_global, _norm_follows, _falls_with_both, _has_room),
        correction=Correction(
            Repair.HYPOTHESIS,
            Variant(_WORDS + " This needs $d \\geq K - 1$.", _MINIMISER),
        ),
        controls=(
            Variant(
                "c = sqrt(N lambda_W lambda_H)",
                _MINIMISER._replace(strength=theory.decay_weights() / sqrt(K)),
            ),
            Variant(
                "g = log(K/(c + delta) - 1)",
                _MINIMISER._replace(gap=log(K / (c + delta) - 1)),
            ),
            Variant("d >= K - 2", _MINIMISER._replace(hypotheses=frozenset({_NARROWER}))),
            Variant("the threshold c < 1", _MINIMISER._replace(total=c)),
            Variant("the threshold c + 2 delta < 1", _MINIMISER._replace(total=c + 2 * delta)),
            Variant(
                "||W||^2 with the weight decays exchanged",
                _MINIMISER._replace(squared_norm=_g * (K - 1) * sqrt(n / _RATIO)),
            ),
            Variant(
                "||W||^2 without K - 1", _MINIMISER._replace(squared_norm=_g * sqrt(n * _RATIO))
            ),
        ),
        derivation=theory.threshold_derivation,
    ),
    Claim(
        id="guo.closed-form",
        printed=Variant(
            "The global minimisers have a closed form for cross-entropy ($\\delta = 0$) and for "
            "label smoothing: $W = w P R$, $H = h R^T P \\otimes 1_n^T$ with $P = I - 11^T/K$, "
            "$R R^T = I$, $w^2 = g \\sqrt{n \\lambda_H/\\lambda_W}$, $w h = g$.",
            _ANY_WIDTH,
        ),
        source="Guo et al. 2025, abstract",
        hypotheses=_SETTING,
        checks=(_is_stationary, _is_global, _norm_follows, _has_room),
        correction=Correction(
            Repair.HYPOTHESIS,
            Variant(
                "They have it if $d \\geq K - 1$: $W = w P R$, $H = h R^T P \\otimes 1_n^T$, "
                "$b = 0$ ($\\lambda_b > 0$), $w^2 = g \\sqrt{n \\lambda_H/\\lambda_W}$, $w h = g$, "
                "$g = \\log(K/(c + \\delta) - K + 1)$ if $c + \\delta < 1$; $W = 0$, "
                "$H = 0$ otherwise.",
                _MINIMISER,
            ),
        ),
        controls=(
            Variant("w and h exchanged", _MINIMISER._replace(weights=_H, features=_W)),
            Variant("w = h = sqrt(g)", _MINIMISER._replace(weights=sqrt(_g), features=sqrt(_g))),
            Variant(
                "smoothing leaves the gap as it is",
                _MINIMISER._replace(gap=_GAP.subs(delta, 0)),
            ),
            Variant(
                "weight decay leaves the gap as it is",
                _MINIMISER._replace(gap=log(K / delta - K + 1)),
            ),
        ),
        derivation=theory.threshold_derivation,
    ),
    Claim(
        id="guo.collapse",
        printed=Variant(
            "The global minimisers satisfy NC1, NC2 and NC3 exactly.",
            _COLLAPSED._replace(hypotheses=frozenset()),
        ),
        source="Guo et al. 2025, abstract",
        hypotheses=_SETTING,
        checks=(_collapse_is_exact,),
        correction=Correction(
            Repair.HYPOTHESIS,
            Variant(
                "They do if $c + \\delta < 1$ and $d \\geq K - 1$. At $c + \\delta \\geq 1$ the "
                "only minimiser is $W = 0$, $H = 0$, where the three are not defined.",
                _COLLAPSED,
            ),
        ),
        controls=(
            Variant("without c + delta < 1", _COLLAPSED._replace(hypotheses=frozenset({_WIDE}))),
            Variant("without d >= K - 1", _COLLAPSED._replace(hypotheses=frozenset({_BELOW}))),
            Variant("NC2 normalised by sqrt(K)", _COLLAPSED._replace(norm=sqrt(K))),
            Variant(
                "the frame I - J/(K + 1)",
                _COLLAPSED._replace(frame=1 - letters("J")[0] / (K + 1)),
            ),
            Variant("an orthogonal frame", _COLLAPSED._replace(frame=S.One)),
        ),
    ),
)

"""Clustered logits align the weights with Fisher's direction: the bound and why it holds.

X (N x d) has full column rank; l is convex with minimiser z* != 0; z = X S are the logits of any
weights S. With w_i = l'(z_i)/(z_i - z*) in [m, M], epsilon = (M - m)/(M + m), P the projector on
the range of X, and beta = ||P l'(z)||/wbar (zero at a minimiser of the training loss),

    sin angle(S, S_F) <= (beta + epsilon sqrt(beta^2 + (1 - epsilon^2) q^2))
                         / ((1 - epsilon^2) ||X S_F||),

where S_F is the least-squares solution of X S = z* 1, Fisher's direction, q = ||X S_F - z* 1||, and
the angle is that of the data metric <u, v> = (Xu)^T (Xv). At a minimiser this is
r epsilon/sqrt(1 - epsilon^2), r = q/||X S_F|| the coefficient of variation of Fisher's logits.
"""

from __future__ import annotations

from dataclasses import dataclass

from sympy import And, Eq, Expr, Ge, Le, Rational, Symbol, sqrt
from sympy.logic.boolalg import Boolean

from .derivations import Derivation, Step
from .words import letters, normal_form

__all__ = [
    "Lemma",
    "beta",
    "bound_on_sine",
    "derivation",
    "displacement_bound",
    "epsilon",
    "lemmas",
    "linearity_bound",
    "linearity_identities",
    "linearity_lemmas",
    "relative_spread",
    "residual_norm",
    "variation",
]

smallest = Symbol("m", positive=True)
largest = Symbol("M", positive=True)
epsilon = Symbol("epsilon", nonnegative=True)
beta = Symbol("beta", nonnegative=True)
residual_norm = Symbol("q", nonnegative=True)
variation = Symbol("r", nonnegative=True)

error_norm = Symbol("E", nonnegative=True)
slope = Symbol("b", positive=True)
logit_norm = Symbol("n_Z", positive=True)

_s = Symbol("s", real=True)
_weight = Symbol("w", positive=True)
_p = Symbol("p", nonnegative=True)
_n = Symbol("n", nonnegative=True)
_t = Symbol("t", nonnegative=True)
_cosine = Symbol("cosine", real=True)
_fraction = Symbol("mu", positive=True)


def relative_spread() -> Expr:
    """epsilon = (M - m)/(M + m)."""
    return (largest - smallest) / (largest + smallest)


def displacement_bound() -> Expr:
    """The bound on ||X (S - S_F)|| in terms of epsilon, beta and q.

    >>> displacement_bound().subs(beta, 0).simplify()
    epsilon*q/sqrt(1 - epsilon**2)
    """
    return (beta + epsilon * sqrt(beta**2 + (1 - epsilon**2) * residual_norm**2)) / (1 - epsilon**2)


def bound_on_sine() -> Expr:
    """The bound at a minimiser: r epsilon/sqrt(1 - epsilon^2)."""
    return variation * epsilon / sqrt(1 - epsilon**2)


@dataclass(frozen=True)
class Lemma:
    """Hypotheses and conclusion in real arithmetic, with the sentence that they formalise.

    ``extremal`` are points at which the true conclusion is an equality: a sharper one fails there.
    """

    sentence: str
    hypotheses: tuple[Boolean, ...]
    conclusion: Boolean
    extremal: tuple[dict[Symbol, Rational], ...] = ()


def lemmas(spread: Expr | None = None, displacement: Expr | None = None) -> tuple[Lemma, ...]:
    """The scalar statements that the bound rests on, for a proposed epsilon and displacement bound.

    Norms enter as non-negative numbers: p = ||P rho||, q = ||(I - P) rho||, n = ||rho|| with
    rho = z* 1 - X S; p^2 + q^2 = n^2 is Pythagoras for the orthogonal projector P.
    """
    spread = relative_spread() if spread is None else spread
    displacement = displacement_bound() if displacement is None else displacement
    middle = (largest + smallest) / 2
    return (
        Lemma(
            "|w_i/wbar - 1| <= epsilon for m <= w_i <= M and wbar = (M + m)/2",
            (Le(smallest, _weight), Le(_weight, largest)),
            And(
                Le(_weight - middle, spread * middle),
                Ge(_weight - middle, -spread * middle),
            ),
        ),
        Lemma(
            "p <= epsilon n + beta and p^2 + q^2 = n^2 bound p",
            (
                epsilon < 1,
                Le(_p, epsilon * _n + beta),
                Eq(_p**2 + residual_norm**2, _n**2),
            ),
            Le(_p, displacement),
            extremal=(
                {epsilon: Rational(3, 5), _p: 3, residual_norm: 4, _n: 5, beta: 0},
                {epsilon: 0, _p: 3, residual_norm: 4, _n: 5, beta: 3},
            ),
        ),
        Lemma(
            "the sine of the angle between a and b is at most ||a - b||/||b|| "
            "(||b|| = 1, ||a|| = t)",
            (Le(_cosine**2, 1),),
            Ge(_t**2 - 2 * _t * _cosine + 1, 1 - _cosine**2),
        ),
        Lemma(
            "q^2/||X S_F||^2 = (1 - mu)/mu is the squared coefficient of variation of Fisher's "
            "logits, whose mean is mu and mean square mu (mu = ||P 1||^2/N, z* = 1)",
            (_fraction <= 1,),
            Eq((_fraction - _fraction**2) / _fraction**2, (1 - _fraction) / _fraction),
        ),
    )


def linearity_bound() -> Expr:
    """The bound ||error||/(|b| ||Z||) on the sine, from gradients that are nearly linear in z.

    For any numbers a and b != 0 put E = V - a T - b Z, with V the gradients of the samples, T their
    targets and Z = X S. Then b Z + a P T = P V - P E, of norm at most ||P V|| + ||E||.
    """
    return error_norm / (slope * logit_norm)


def linearity_identities() -> tuple[tuple[str, Expr], ...]:
    """What the bound takes from V, T, Z = X S and the projector P: each expression vanishes.

    The norms are those of Frobenius, so that the columns may be those of several outputs.
    """
    p, v, t, z, e, et = letters("P V T Z E Et")
    a, b = Symbol("a", real=True), Symbol("b", real=True)
    relations = {(p, z): z, (p, p): p}
    error = v - a * t - b * z
    along = b * z + a * p * t - (p * v - p * error)
    rest = et * (1 - p) * (1 - p) * e
    return (
        ("b Z + a P T = P V - P E", normal_form(along, relations)),
        (
            "||E||^2 = ||P E||^2 + ||(1 - P) E||^2",
            normal_form(et * e - et * p * p * e - rest, relations),
        ),
    )


def linearity_lemmas(bound: Expr) -> tuple[Lemma, ...]:
    """The scalar statement that a proposed linearity bound rests on.

    With Z of norm n at the angle of the given cosine to the unit vector along P T, and any s,
    ||b (Z + s P T/||P T||)|| <= error bounds the sine of that angle.
    """
    distance_squared = logit_norm**2 + 2 * logit_norm * _s * _cosine + _s**2
    projected, inner, part = (Symbol(name, real=True) for name in ("p", "c", "e"))
    whole = Symbol("E", real=True)
    return (
        Lemma(
            "||P V - P E|| <= ||P V|| + ||E||, c the inner product and e = ||P E|| at most ||E||",
            (
                Ge(projected, 0),
                Ge(whole, 0),
                Le(part**2, whole**2),
                Le(inner**2, projected**2 * part**2),
            ),
            Le(projected**2 - 2 * inner + part**2, (projected + whole) ** 2),
        ),
        Lemma(
            "b^2 ||Z + s u||^2 <= error^2 for some s bounds the sine of the angle between Z and u",
            (
                Le(_cosine**2, 1),
                slope > 0,
                logit_norm > 0,
                Le(slope**2 * distance_squared, error_norm**2),
            ),
            Le(1 - _cosine**2, bound**2),
            extremal=({_cosine: 0, _s: 0, logit_norm: 2, slope: 3, error_norm: 6},),
        ),
    )


def derivation() -> Derivation:
    """The displacement bound solved from p <= epsilon sqrt(p^2 + q^2) + beta."""
    n = sqrt(_p**2 + residual_norm**2)
    return Derivation(
        "clustered logits align with Fisher's direction",
        (
            Step(
                "stationarity X^T W rho = -X^T l'(z), with W = wbar (I + E) and ||E|| <= epsilon, "
                "gives ||P rho|| <= epsilon ||rho|| + beta",
                Le(_p, epsilon * _n + beta),
                "start",
            ),
            Step(
                "(I - P) rho = (I - P) z* 1: ||rho||^2 = p^2 + q^2 with the q of Fisher's logits",
                Le(_p, epsilon * n + beta),
                "implied",
            ),
            Step("solved for p = ||X (S - S_F)||", Le(_p, displacement_bound()), "implied"),
            Step(
                "at a minimiser beta = 0, and sin angle(S, S_F) <= p/||X S_F||, q/||X S_F|| = r",
                bound_on_sine(),
                "implied",
            ),
        ),
    )

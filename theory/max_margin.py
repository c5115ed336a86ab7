"""Without a penalty gradient flow on separable data tends to the max-margin direction."""

from __future__ import annotations

from sympy import Eq, Expr, Ge, Gt, Le, Symbol, exp, log

from .alignment import Lemma
from .derivations import Derivation, Step
from .losses import cross_entropy
from .symbols import z

__all__ = ["margin_derivation", "margin_lemmas", "single_sample_logit"]


def single_sample_logit(total: Expr) -> Expr:
    """The logit of a single sample whose cross-entropy is ``total``: -log(exp(total) - 1).

    >>> single_sample_logit(log(1 + exp(-Symbol("x", real=True))))
    x
    """
    return -log((exp(total) - 1).simplify())


def margin_lemmas() -> tuple[Lemma, ...]:
    """Scalar statements for T = sum of cross-entropies and G = the largest margin of a unit vector.

    |grad T| >= G sum (1 - exp(-l_i)) >= G (1 - exp(-T)), so that along the flow the logit
    Phi(T) = -log(exp(T) - 1) gains at least G for each unit of path; every logit is >= Phi(T).
    """
    a, b, g, margin, path, start, norm, gap = (
        Symbol(n, real=True) for n in ("a", "b", "G", "margin", "path", "C", "norm", "delta")
    )
    share = Symbol("share", real=True)
    return (
        Lemma(
            "1 - a b <= (1 - a) + (1 - b) for a, b in [0, 1]: by induction 1 - exp(-sum l_i) <= "
            "sum (1 - exp(-l_i))",
            (Ge(a, 0), Le(a, 1), Ge(b, 0), Le(b, 1)),
            Le(1 - a * b, (1 - a) + (1 - b)),
        ),
        Lemma(
            "with Phi >= C + G path and path >= norm the margin of S/norm is at least G + C/norm",
            (Gt(norm, 0), Gt(g, 0), Ge(path, norm), Ge(margin * norm, start + g * path)),
            Ge(margin, g + start / norm),
        ),
        Lemma(
            "unit vectors at distance delta have a midpoint of squared norm 1 - delta^2/4 and "
            "margin at least (margin + G)/2: delta^2/4 <= 1 - share^2, share = (1 + margin/G)/2",
            (
                Gt(g, 0),
                Gt(margin, 0),
                Eq(share * 2 * g, g + margin),
                Le(((margin + g) / 2) ** 2, g**2 * (1 - gap**2 / 4)),
            ),
            Le(gap**2, 4 * (1 - share**2)),
        ),
    )


def margin_derivation() -> Derivation:
    """The slope of cross-entropy in terms of its value, and the logit that it defines."""
    return Derivation(
        "gradient flow on separable data tends to the max-margin direction",
        (
            Step("minus the slope of cross-entropy", -cross_entropy().diff(z), "start"),
            Step("in terms of its value l", 1 - exp(-cross_entropy())),
            Step(
                "Phi(T) = -log(exp(T) - 1) gains at least the largest margin per unit of path",
                Eq(Symbol("Phi"), -log(exp(Symbol("T")) - 1)),
                "implied",
            ),
        ),
    )

"""Claims: the closed form of each target solves its equation, and is its only solution."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sympy import Expr, Interval, Lt, Rational

from ...theory.formulas import SEVERAL, target_formula_id
from ...theory.gap_reduction import gap_derivation
from ...theory.losses import cross_entropy, pieces
from ...theory.losses import x as positive_logit
from ...theory.penalties import CATALOGUE, Penalty
from ...theory.symbols import z
from ...theory.targets import target_branches
from ..claim import Claim, Variant
from ..closed_forms import closed_form_claim
from ..evidence import Outcome
from ..gap_reduction import equations_are_stationarity, other_classes_share_one_logit
from ..prover import prove

__all__ = ["CLAIMS"]


def _target_sits_at_the_bound(candidate: Expr) -> Outcome:
    """A bounded penalty: the loss falls up to the bound b = 1 and is infinite beyond it."""
    (piece,) = pieces(CATALOGUE["box"].expression)
    if candidate == piece.high:
        slope = cross_entropy().diff(z) + piece.value.diff(positive_logit)
        return prove(Lt(slope, 0, evaluate=False), {z: Interval.open(piece.low, piece.high)})
    where = "f is infinite there" if candidate > piece.high else "l' < 0 there"
    return Outcome.refuted("exact evaluation", "not the minimiser", f"z = {candidate}: {where}")


_TEXTS = {
    "lead.target-label-smoothing": "Label smoothing, two classes: "
    "$z^* = \\log((2 - \\alpha)/\\alpha) = \\log(1 + 2c)$.",
    "lead.target-label-smoothing-multiclass": "Label smoothing, $K$ classes: the gap is "
    "$\\log(K/\\alpha - K + 1) = \\log(1 + K c)$.",
    "lead.target-quadratic": "$f = z^2$, two classes: $z^* = W_1((1 - \\alpha)/(2\\alpha))$.",
    "lead.target-quadratic-multiclass": "$f = \\|z\\|^2$, $K$ classes: the gap is "
    "$W_{K-1}(K(1 - \\alpha)/(2\\alpha))$.",
    "lead.target-entropy": "Minus the entropy, two classes: $z^* = c + W_0(c e^{-c})$ with "
    "$c = (1 - \\alpha)/\\alpha$.",
}


_IN_CLOSED_FORM = {
    "label-smoothing": (2, SEVERAL),
    "quadratic": (2, SEVERAL),
    "absolute": (2, SEVERAL),
    "huber": (2, SEVERAL),
    "log-cosh": (2,),
    "cosh": (2,),
    "elastic": (2, SEVERAL),
    "entropy": (2, SEVERAL),
}
"""Where theory has a closed form. To ask it takes a second or two; a test does."""


def _catalogue_claims() -> Iterator[Claim]:
    for name, numbers_of_classes in _IN_CLOSED_FORM.items():
        for classes in numbers_of_classes:
            id = target_formula_id(name, classes)
            kind = "two classes" if classes == 2 else "K >= 3 classes"
            text = _TEXTS.get(id, f"The closed form of the target of {name}, {kind}.")
            source = "lead: targets in closed form" if id in _TEXTS else "derived from f"
            claim = closed_form_claim(CATALOGUE[name], classes, id, source, text)
            yield claim if classes == 2 else _for_several_classes(claim, CATALOGUE[name])


def _for_several_classes(claim: Claim, penalty: Penalty) -> Claim:
    """The closed form is that of two levels: it has to be shown that there are no more."""
    return replace(
        claim,
        hypotheses=(
            *claim.hypotheses,
            "K >= 3",
            "not by machine: F at the middle of two points is below the mean where F'' > 0 between",
        ),
        checks=(*claim.checks, equations_are_stationarity, other_classes_share_one_logit),
        derivation=lambda: gap_derivation(penalty, target_branches(penalty, SEVERAL) or ()),
    )


CLAIMS = (
    *_catalogue_claims(),
    Claim(
        id="catalogue.target-box",
        printed=Variant(
            "The target of the penalty that is 0 on $|z| \\leq 1$ and infinite beyond is 1.",
            Rational(1),
        ),
        source="derived from f",
        hypotheses=("0 < alpha < 1",),
        checks=(_target_sits_at_the_bound,),
        controls=(
            Variant("half the bound", Rational(1, 2)),
            Variant("beyond the bound", Rational(2)),
            Variant("zero", Rational(0)),
        ),
    ),
)

"""Claims: which penalties are convex (Beck et al. secs. 2 and 9)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ...theory.penalties import CATALOGUE, Penalty
from ...theory.symbols import z
from ..checks import all_of, convex_in_the_logits
from ..claim import Claim, Correction, Repair, Variant
from ..convexity import prove_convex
from ..evidence import Outcome

__all__ = ["CLAIMS"]


def _all_convex(names: tuple[str, ...]) -> Outcome:
    """Each penalty is convex in the signed logit, and its K-class form in the K logits."""

    def outcomes() -> Iterator[Outcome]:
        for name in names:
            yield prove_convex(CATALOGUE[name].expression)
            yield convex_in_the_logits(CATALOGUE[name].multiclass_expression)

    return all_of(outcomes())


def _is_convex(penalty: Penalty) -> Outcome:
    return prove_convex(penalty.expression)


def _convex_claim(penalty: Penalty) -> Claim:
    name, f = penalty.name, penalty.family
    false = {
        f"minus the penalty {name}": -f,
        f"the penalty {name} less 4 z^2": f - 4 * z**2,
        f"the penalty {name} less z^4": f - z**4,
    }
    return Claim(
        id=f"catalogue.convex-{name}",
        printed=Variant(f"The penalty {name} is convex in the signed logit.", penalty),
        source="derived from f",
        checks=(_is_convex,),
        controls=tuple(Variant(text, replace(penalty, family=g)) for text, g in false.items()),
    )


CLAIMS = (
    Claim(
        id="beck.class",
        printed=Variant(
            "Convex logit penalties contain label smoothing, entropy-based penalties (minus the "
            "entropy of the prediction) and logit-norm penalties.",
            ("label-smoothing", "entropy", "quadratic"),
        ),
        source="Beck et al. 2026, secs. 2, 9",
        checks=(_all_convex,),
        correction=Correction(
            Repair.FORMULA,
            Variant(
                "Convex logit penalties contain label smoothing and logit-norm penalties. Minus "
                "the entropy is not convex in the logits, though its target is finite and unique "
                "(lead.target-entropy).",
                ("label-smoothing", "quadratic"),
            ),
        ),
        controls=(
            Variant("the entropy penalty alone", ("entropy",)),
            Variant("label smoothing and the entropy", ("label-smoothing", "entropy")),
            Variant("the norm and the entropy", ("quadratic", "entropy")),
        ),
    ),
    *(_convex_claim(f) for name, f in CATALOGUE.items() if name not in ("entropy", "box")),
)

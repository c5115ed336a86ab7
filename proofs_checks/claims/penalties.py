"""Claims: which penalties are convex (Beck et al. secs. 2 and 9)."""

from __future__ import annotations

from ...theory.penalties import CATALOGUE
from ...theory.symbols import z
from ..checks import all_of, convex_in_the_logits
from ..claim import Claim, Correction, Repair, Variant
from ..convexity import prove_convex
from ..evidence import Outcome

__all__ = ["CLAIMS"]


def _all_convex(names: tuple[str, ...]) -> Outcome:
    """Each penalty is convex in the signed logit, and its K-class form in the K logits."""
    return all_of(
        outcome
        for name in names
        for outcome in (
            prove_convex(CATALOGUE[name].expression),
            convex_in_the_logits(CATALOGUE[name].multiclass_expression),
        )
    )


def _convex_claim(name: str) -> Claim:
    f = CATALOGUE[name].expression
    return Claim(
        id=f"catalogue.convex-{name}",
        printed=Variant(f"The penalty {name} is convex in the signed logit.", f),
        source="derived from f",
        checks=(prove_convex,),
        controls=(
            Variant(f"minus the penalty {name}", -f),
            Variant(f"the penalty {name} less 4 z^2", f - 4 * z**2),
            Variant(f"the penalty {name} less z^4", f - z**4),
        ),
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
    *(_convex_claim(name) for name in CATALOGUE if name not in ("entropy", "box")),
)

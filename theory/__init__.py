"""What is true: penalties, losses, targets and derivations, exact and symbolic."""

from __future__ import annotations

from .derivations import Derivation, Step
from .formulas import Formula, formula, formula_ids
from .penalties import CATALOGUE, Parameter, Penalty, penalty
from .special import RLambertW
from .symbols import K, alpha, gap, logits, odds, z

__all__ = [
    "CATALOGUE",
    "Derivation",
    "Formula",
    "K",
    "Parameter",
    "Penalty",
    "RLambertW",
    "Step",
    "alpha",
    "formula",
    "formula_ids",
    "gap",
    "logits",
    "odds",
    "penalty",
    "z",
]

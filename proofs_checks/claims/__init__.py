"""Every claim of the ledger, one module for each topic."""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from importlib import import_module

from ...errors import UnknownNameError
from ..claim import Claim

__all__ = ["all_claims", "find_claim"]


_TOPICS = (
    "label_smoothing",
    "penalties",
    "targets",
    "max_margin",
    "clustering",
    "quadratic_loss",
    "fisher_direction",
    "exact_alignment",
    "closeness",
    "separability",
    "signal_noise",
    "invariance",
    "large_noise",
    "high_dimension",
    "training_limit",
    "many_classes_limit",
    "margin_limits",
    "correlated_noise",
    "gaussian_calibration",
    "class_imbalance",
    "final_approach",
    "many_class_approach",
    "generalisation_time",
    "multiclass",
    "fisher",
    "effective_noise",
    "many_classes",
    "noise_level",
    "neural_collapse",
    "collapse_conditioning",
    "collapse_training",
    "closed_forms",
    "target_response",
    "alignment",
    "alignment_extensions",
    "alignment_limits",
    "cumulant_correction",
    "weights",
    "sparsity",
    "dropout",
)
"""The modules of this package, in the order of the ledger."""


@cache
def all_claims() -> tuple[Claim, ...]:
    """The claims in the order of the ledger."""
    modules = (import_module(f".{topic}", __name__) for topic in _TOPICS)
    return tuple(claim for module in modules for claim in module.CLAIMS)


def find_claim(id: str) -> Claim:
    """The claim that bears this id.

    Raises
    ------
    UnknownNameError : there is none; the message names the nearest ids.
    """
    known = {claim.id: claim for claim in all_claims()}
    if id not in known:
        near = get_close_matches(id, known, n=3)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise UnknownNameError(f"no claim {id!r}; {hint}`logitreg verify` lists all claims")
    return known[id]

"""The recorded long run of the property tests, as evidence beside the checks of a claim.

Hypothesis tries tens of thousands of examples in half an hour (benchmarks/thorough_properties.py);
how many passed is kept in thorough.json. A run in which a property failed is evidence of nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from .evidence import Evidence, Grade

__all__ = ["PINNED", "PropertyRun", "property_evidence", "property_run"]

_ALIGNMENT = tuple(
    f"test_fisher_alignment.py::{name}"
    for name in (
        "test_minimiser",
        "test_minimiser_under_a_penalty_of_ones_own",
        "test_minimiser_where_logits_cluster",
        "test_minimiser_under_a_kinked_penalty",
        "test_approximate_minimiser",
        "test_any_weights",
        "test_any_weights_under_a_kinked_penalty",
        "test_bounds_are_attained_as_logits_cluster",
        "test_bound_is_attained_where_the_curvature_jumps_at_the_target",
    )
)

PINNED: Mapping[str, tuple[str, ...]] = {
    "lead.alignment-bound": _ALIGNMENT,
    "lead.linearity-bound": _ALIGNMENT,
    "lead.alignment-bias": ("test_fisher_alignment.py::test_minimiser_with_a_bias",),
    "lead.alignment-multiclass": (
        "test_fisher_alignment.py::test_minimiser_of_many_classes",
        "test_fisher_alignment.py::test_minimiser_of_many_classes_without_a_bias",
        "test_fisher_alignment.py::test_minimiser_on_embeddings",
    ),
    "lead.alignment-euclidean": (
        "test_fisher_alignment.py::test_euclidean_angle",
        "test_fisher_alignment.py::test_euclidean_angle_with_labels",
    ),
    "lead.equivariance": ("test_equivariance.py::test_our_minimiser",),
    "beck.simplex": ("test_losses.py::test_targets_are_the_vertices_of_a_symmetric_simplex",),
    "beck.prop-5.1": (
        "test_populations.py::"
        "test_noiseless_signal_is_found_exactly_from_as_many_samples_as_features",
        "test_populations.py::test_one_sample_fewer_than_features_puts_weight_on_noise",
    ),
    "lead.collapse-threshold": (
        "test_populations.py::"
        "test_features_collapse_to_zero_exactly_when_decay_and_smoothing_reach_one",
    ),
}
"""The property tests of a claim, in tests/properties."""


@dataclass(frozen=True)
class PropertyRun:
    """A run of all the property tests: how many examples of each passed."""

    date: str
    passed: bool
    examples: Mapping[str, int]

    @property
    def total(self) -> int:
        return sum(self.examples.values())

    def evidence(self, claim: str) -> tuple[Evidence, ...]:
        """What the run adds to a claim: nothing unless it passed and has tests of the claim.

        >>> run = PropertyRun("2026-11-21", True, {PINNED["lead.equivariance"][0] + "[map]": 900})
        >>> run.evidence("lead.equivariance")[0].detail
        '900 examples of 1 property on 2026-11-21, none against it'
        """
        tests = PINNED.get(claim, ())
        counts = [n for name, n in self.examples.items() if name.partition("[")[0] in tests]
        if not self.passed or not sum(counts):
            return ()
        properties = "1 property" if len(counts) == 1 else f"{len(counts)} properties"
        detail = f"{sum(counts)} examples of {properties} on {self.date}, none against it"
        return (Evidence("property tests, recorded run", detail, Grade.TESTED.name, 0.0),)


@cache
def property_run() -> PropertyRun | None:
    """The recorded run; None where none is recorded."""
    path = files(__package__).joinpath("thorough.json")
    if not path.is_file():
        return None
    record = json.loads(path.read_text(encoding="utf-8"))
    return PropertyRun(record["date"], record["passed"], record["properties"])


def property_evidence(claim: str) -> tuple[Evidence, ...]:
    """What the recorded run adds to a claim."""
    run = property_run()
    return () if run is None else run.evidence(claim)

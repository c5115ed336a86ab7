"""Claims on many classes and neural collapse: verdicts, and corrections in the place of claims."""

from __future__ import annotations

from dataclasses import replace

import pytest
from logitreg.proofs_checks.claim import Entry, Verdict, judge
from logitreg.proofs_checks.claims import (
    collapse_conditioning,
    collapse_training,
    effective_noise,
    fisher,
    many_classes,
    neural_collapse,
    noise_level,
)

MODULES = (
    effective_noise,
    fisher,
    many_classes,
    noise_level,
    neural_collapse,
    collapse_conditioning,
    collapse_training,
)
CLAIMS = {claim.id: claim for module in MODULES for claim in module.CLAIMS}
EXPECTED = {
    "beck.prop-D1": (Verdict.HOLDS_IF, "PROVED"),
    "beck.fisher-multi": (Verdict.HOLDS_IF, "PROVED"),
    "beck.effective-noise": (Verdict.HOLDS, "PROVED"),
    "beck.prop-D2": (Verdict.HOLDS_IF, "PROVED"),
    "beck.prop-D3": (Verdict.HOLDS_IF, "PROVED"),
    "beck.rescaling": (Verdict.HOLDS_IF, "PROVED"),
    "beck.multi-grokking": (Verdict.HOLDS, "OBSERVED"),
    "lead.collapse-threshold": (Verdict.HOLDS_IF, "PROVED"),
    "guo.closed-form": (Verdict.HOLDS_IF, "PROVED"),
    "guo.collapse": (Verdict.HOLDS_IF, "PROVED"),
    "lead.hessian-spectrum": (Verdict.HOLDS, "PROVED"),
    "guo.conditioning": (Verdict.HOLDS_IF, "OBSERVED"),
    "guo.faster": (Verdict.HOLDS_IF, "OBSERVED"),
    "guo.nc2-at-nc1": (Verdict.HOLDS_IF, "OBSERVED"),
    "guo.calibration": (Verdict.HOLDS_IF, "PROVED"),
}
CORRECTED = [name for name, claim in CLAIMS.items() if claim.correction]


@pytest.fixture(scope="module")
def entries() -> dict[str, Entry]:
    return {name: judge(claim) for name, claim in CLAIMS.items()}


def test_every_claim_has_its_expected_verdict() -> None:
    assert CLAIMS.keys() == EXPECTED.keys()


@pytest.mark.parametrize("name", EXPECTED)
def test_verdict_follows_and_every_control_is_rejected(
    name: str, entries: dict[str, Entry]
) -> None:
    entry = entries[name]
    assert (entry.verdict, entry.grade) == EXPECTED[name]
    assert entry.controls.rejected == entry.controls.total >= 3


@pytest.mark.parametrize("name", CORRECTED)
def test_the_correction_printed_in_its_place_holds(name: str) -> None:
    claim = CLAIMS[name]
    assert claim.correction is not None
    printed = replace(claim.printed, content=claim.correction.variant.content)
    assert judge(replace(claim, printed=printed, controls=())).verdict is Verdict.HOLDS


@pytest.mark.parametrize("name", CORRECTED)
def test_without_a_correction_that_holds_the_statement_is_refuted(name: str) -> None:
    claim = CLAIMS[name]
    assert claim.correction is not None
    wrong = replace(claim.correction.variant, content=claim.controls[0].content)
    spoiled = replace(claim, correction=replace(claim.correction, variant=wrong), controls=())
    assert judge(spoiled).verdict is Verdict.REFUTED

"""A verdict is what the checks find: swap right and wrong, and the verdict swaps."""

from __future__ import annotations

from dataclasses import replace

import pytest
from logitreg.proofs_checks.claim import Claim, Correction, Repair, Variant, Verdict, judge
from logitreg.proofs_checks.claims import all_claims, find_claim
from logitreg.proofs_checks.evidence import Grade, Outcome
from logitreg.proofs_checks.ledger import expected_verdicts
from logitreg.theory.derivations import Derivation, Step
from sympy import Eq, Symbol

z = Symbol("z", real=True)


def _is_even(number: int) -> Outcome:
    if number % 2 == 0:
        return Outcome.proved("division", f"{number} = 2 * {number // 2}")
    return Outcome.refuted("division", "odd", f"{number} leaves 1", Grade.CERTIFIED)


def _is_small(number: int) -> Outcome:
    if abs(number) < 100:
        return Outcome.tested("comparison", "small")
    return Outcome.undecided("comparison", "large")


def _raises(number: int) -> Outcome:
    raise ZeroDivisionError(f"no check for {number}")


def _claim(printed: int = 4, corrected: int | None = None, **changes) -> Claim:
    correction = (
        None
        if corrected is None
        else Correction(Repair.FORMULA, Variant(f"{corrected} is even", corrected))
    )
    claim = Claim(
        "toy",
        Variant(f"{printed} is even", printed),
        "a test",
        (_is_even,),
        (Variant("1 is even", 1),),
        correction=correction,
    )
    return replace(claim, **changes)


def test_toy_verdicts_follow_from_the_checks():
    assert judge(_claim(4)).verdict is Verdict.HOLDS
    assert judge(_claim(3)).verdict is Verdict.REFUTED
    assert judge(_claim(3, corrected=4)).verdict is Verdict.MISPRINTED
    assert judge(_claim(4, corrected=3)).verdict is Verdict.HOLDS
    assert judge(_claim(3, corrected=5)).verdict is Verdict.REFUTED
    adds = Correction(Repair.HYPOTHESIS, Variant("4 is even", 4))
    assert judge(_claim(3, correction=adds)).verdict is Verdict.HOLDS_IF
    assert judge(_claim(4, checks=(_is_even, _is_small))).grade == "TESTED"
    assert judge(_claim(400, checks=(_is_even, _is_small))).verdict is Verdict.OPEN


def test_grade_of_a_misprint_is_the_weaker_of_refutation_and_repair():
    assert judge(_claim(3, corrected=4)).grade == "CERTIFIED"
    assert judge(_claim(3, corrected=4, checks=(_is_even, _is_small))).grade == "TESTED"


def test_a_check_that_raises_decides_nothing():
    entry = judge(_claim(4, checks=(_is_even, _raises)))
    assert entry.verdict is Verdict.OPEN
    assert entry.grade == "NONE"
    assert "ZeroDivisionError: no check for 4" in entry.evidence[-1].detail
    assert judge(_claim(3, checks=(_raises, _is_even))).verdict is Verdict.REFUTED
    assert judge(_claim(4, checks=(_raises,))).controls.rejected == 0


def test_a_correction_that_is_the_statement_repairs_nothing():
    entry = judge(_claim(3, corrected=3))
    assert entry.verdict is Verdict.REFUTED
    assert entry.corrected is None


def test_a_control_that_is_the_statement_or_its_correction_is_not_rejected():
    for claim in (
        _claim(4, controls=(Variant("the statement", 4),)),
        _claim(3, controls=(Variant("the statement", 3),)),
        _claim(3, corrected=4, controls=(Variant("the correction", 4),)),
        _claim(4, controls=(Variant("true as well", 6),)),
    ):
        controls = judge(claim).controls
        assert (controls.rejected, controls.total) == (0, 1)
        assert controls.details[0][1].startswith("NOT REJECTED")
    assert judge(_claim(4)).controls.rejected == 1


def test_a_claim_without_checks_is_refused():
    with pytest.raises(ValueError, match="no checks"):
        _claim(4, checks=())


def test_a_gap_in_the_derivation_leaves_the_claim_open():
    sound = Derivation("sound", (Step("start", z + z, "start"), Step("collected", 2 * z)))
    gap = Derivation("gap", (Step("start", z + z, "start"), Step("collected", 3 * z)))
    no_factor = Derivation(
        "no factor",
        (Step("start", Eq(z, 0), "start"), Step("times z", Eq(z**2, 0), "equivalent")),
    )
    assert judge(_claim(4, derivation=lambda: sound)).verdict is Verdict.HOLDS
    for broken in (gap, no_factor):
        entry = judge(_claim(3, corrected=4, derivation=lambda broken=broken: broken))
        assert (entry.verdict, entry.grade, entry.corrected) == (Verdict.OPEN, "NONE", None)


# The claims of the ledger. A derivation proves the true statement alone, so it is left out here.

FIXED = [c.id for c in all_claims() if c.correction is not None]
# A simulation refutes a control like any other check, only more slowly.
SOUND = [
    c.id
    for c in all_claims()
    if c.correction is None and expected_verdicts()[c.id][1] != "OBSERVED"
]


def _without_derivation(id: str) -> Claim:
    return replace(find_claim(id), derivation=None, controls=())


@pytest.mark.parametrize("id", FIXED)
def test_exchanging_the_print_with_its_correction_makes_the_claim_hold(id):
    claim = _without_derivation(id)
    swapped = replace(claim, printed=claim.correction.variant)
    assert judge(claim).verdict in (Verdict.MISPRINTED, Verdict.HOLDS_IF)
    assert judge(swapped).verdict is Verdict.HOLDS


@pytest.mark.parametrize("id", FIXED)
def test_without_its_correction_a_misprint_is_refuted_with_a_witness(id):
    entry = judge(replace(_without_derivation(id), correction=None))
    assert entry.verdict is Verdict.REFUTED
    assert entry.witness
    false = Correction(Repair.FORMULA, find_claim(id).printed)
    assert judge(replace(_without_derivation(id), correction=false)).verdict is Verdict.REFUTED


@pytest.mark.parametrize("id", SOUND)
def test_a_control_in_place_of_the_print_is_refuted(id):
    claim = _without_derivation(id)
    control = find_claim(id).controls[0]
    swapped = replace(claim, printed=control, correction=Correction(Repair.FORMULA, claim.printed))
    entry = judge(swapped)
    assert entry.verdict is Verdict.MISPRINTED
    assert entry.witness
    assert entry.corrected == claim.printed.text


@pytest.mark.parametrize("id", [c.id for c in all_claims()])
def test_the_statement_among_its_own_controls_is_not_rejected(id):
    claim = find_claim(id)
    entry = judge(
        replace(
            claim,
            checks=(lambda content: Outcome.undecided("none", "skipped"),),
            derivation=None,
            controls=(claim.printed,),
        )
    )
    assert (entry.controls.rejected, entry.controls.total) == (0, 1)

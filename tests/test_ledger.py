"""The ledger: every claim judged, as recorded, with every control rejected."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from logitreg.errors import UnknownNameError
from logitreg.proofs_checks.claim import Entry, Verdict
from logitreg.proofs_checks.claims import all_claims, find_claim
from logitreg.proofs_checks.ledger import Ledger, expected_verdicts, select, verify
from logitreg.proofs_checks.property_tests import PINNED, PropertyRun, property_run
from logitreg.proofs_checks.workers import in_processes


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    return verify()


def test_every_verdict_is_as_recorded_and_every_control_rejected(ledger: Ledger) -> None:
    assert ledger.deviations() == ()


def test_no_claim_is_recorded_that_is_not_judged(ledger: Ledger) -> None:
    assert set(expected_verdicts()) == {entry.id for entry in ledger}


def test_ids_are_unique() -> None:
    ids = [claim.id for claim in all_claims()]
    assert len(ids) == len(set(ids))


def test_claims_of_the_sources_are_all_there(ledger: Ledger) -> None:
    expected = {
        "beck.ls-main",
        "beck.ls-binary",
        "beck.ls-multiclass",
        "beck.class",
        "beck.finite-target",
        "beck.lower-bound",
        "beck.simplex",
        "primer.ls-formula",
        "primer.ls-example",
        "primer.ls-loss",
    }
    assert expected <= {entry.id for entry in ledger}


def test_what_is_not_supported_has_a_witness_and_what_is_corrected_holds(ledger: Ledger) -> None:
    for entry in ledger:
        failed = entry.verdict in (Verdict.MISPRINTED, Verdict.HOLDS_IF, Verdict.REFUTED)
        assert failed == (entry.witness is not None)
        assert (entry.corrected is not None) == (
            entry.verdict in (Verdict.MISPRINTED, Verdict.HOLDS_IF)
        )


def test_every_claim_has_controls(ledger: Ledger) -> None:
    for entry in ledger:
        assert entry.controls.total >= 3


def test_deviations_are_reported(ledger: Ledger) -> None:
    first: Entry = ledger.entries[0]
    changed = replace(first, verdict=Verdict.HOLDS)
    unrejected = replace(first, controls=replace(first.controls, rejected=0))
    unknown = replace(first, id="nobody.knows")
    assert "holds CERTIFIED, recorded: misprinted CERTIFIED" in Ledger((changed,)).deviations()[0]
    assert "rejects 0 of 3 controls" in Ledger((unrejected,)).deviations()[0]
    assert "recorded: nothing" in Ledger((unknown,)).deviations()[0]


def test_processes_give_the_same_ledger_as_one_alone() -> None:
    def without_times(ledger: Ledger) -> object:
        return [
            {k: v for k, v in entry.items() if k not in ("seconds", "evidence")}
            for entry in json.loads(ledger.to_json())
        ]

    ids = ["primer.*", "beck.lower-bound"]
    assert without_times(verify(ids, workers=2)) == without_times(verify(ids))


def test_claims_that_rest_on_simulations_can_be_left_out_and_are_named() -> None:
    ids = ["beck.ls-main", "guo.faster", "lead.plateau-explained", "lead.weak-signal-rate"]
    ledger = verify(ids, controls=False, simulations=False)
    assert [entry.id for entry in ledger] == ["beck.ls-main", "lead.plateau-explained"]
    assert ledger.left_out == ("lead.weak-signal-rate", "guo.faster")
    assert ledger.deviations() == ()
    assert verify(["primer.ls-example"], controls=False).left_out == ()


def test_processes_take_every_claim_once_and_an_error_reaches_the_caller() -> None:
    ids = [str(i) for i in range(7)]
    for count in (1, 2, 3):
        assert dict(in_processes(len, ids, count)) == dict.fromkeys(ids, 1)
    assert list(in_processes(len, [], 0)) == []
    with pytest.raises(ValueError, match="invalid literal"):
        list(in_processes(int, ["1", "2", "x", "4"], 2))


def test_patterns_select_claims_in_order() -> None:
    assert select(["primer.*", "beck.ls-main"])[0] == "beck.ls-main"
    assert len(select(["*"])) == len(all_claims())
    with pytest.raises(UnknownNameError, match=r"did you mean beck\.simplex"):
        select(["beck.simplx"])
    with pytest.raises(UnknownNameError):
        find_claim("")


def test_a_recorded_property_run_stands_beside_the_checks_and_leaves_the_grade(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    test = PINNED["lead.equivariance"][0]
    counts = {f"{test}[map-ours]": 900, f"{test}[flip-ours]": 800, "test_losses.py::test_x": 7}
    run = PropertyRun("2026-11-21", True, counts)
    plain, beside, failed = (
        _with_run(monkeypatch, recorded) for recorded in (None, run, replace(run, passed=False))
    )
    *checks, tested = beside.evidence
    assert len(checks) == len(plain.evidence) == len(failed.evidence)
    assert tested.detail == "1700 examples of 2 properties on 2026-11-21, none against it"
    assert (tested.grade, beside.grade) == ("TESTED", plain.grade)
    assert '"property tests, recorded run"' in Ledger((beside,)).to_json()
    assert run.evidence("beck.ls-main") == ()


def _with_run(monkeypatch: pytest.MonkeyPatch, run: PropertyRun | None) -> Entry:
    module = "logitreg.proofs_checks.property_tests.property_run"
    monkeypatch.setattr(module, lambda: run)
    return verify(["lead.equivariance"], controls=False)["lead.equivariance"]


def test_tests_of_claims_are_there_and_were_run() -> None:
    folder = Path(__file__).parent / "properties"
    there = {
        f"{path.name}::{name}"
        for path in folder.glob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    pinned = {name for names in PINNED.values() for name in names}
    assert pinned <= there
    assert set(PINNED) <= set(expected_verdicts())
    run = property_run()
    if run is not None:
        assert run.passed
        assert pinned <= {name.partition("[")[0] for name in run.examples}

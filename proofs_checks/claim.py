"""A claim: a statement, the checks that judge it, its false variants, and its correction if any.

The verdict is never written down: it follows from what the checks find for the statement as printed
and, where that fails, for its correction.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from ..theory.derivations import Derivation
from .evidence import Evidence, Outcome, Status, weakest

__all__ = [
    "Check",
    "Claim",
    "ControlReport",
    "Correction",
    "DeferredVariant",
    "Entry",
    "Repair",
    "Variant",
    "Verdict",
    "judge",
]

Check = Callable[[Any], Outcome]


class Verdict(StrEnum):
    """What the evidence says of a statement."""

    HOLDS = "holds"
    HOLDS_IF = "holds if"
    MISPRINTED = "misprinted"
    REFUTED = "refuted"
    OPEN = "open"


class Repair(StrEnum):
    """How a correction departs from the printed statement."""

    HYPOTHESIS = "adds a hypothesis"
    FORMULA = "changes the conclusion"


@dataclass(frozen=True)
class Variant:
    """A statement in words and its formal content, which is what the checks are given."""

    text: str
    content: Any


class DeferredVariant(Variant):
    """A variant whose content takes long to make, and is made when it is first asked for."""

    def __init__(self, text: str, make: Callable[[], Any]) -> None:
        object.__setattr__(self, "text", text)
        object.__setattr__(self, "_make", make)

    @cached_property
    def content(self) -> Any:
        make: Callable[[], Any] = self.__dict__["_make"]
        return make()


@dataclass(frozen=True)
class Correction:
    """A statement proposed in place of a printed one that fails."""

    repair: Repair
    variant: Variant


@dataclass(frozen=True)
class Claim:
    """A statement of a source and all that is needed to judge it.

    Attributes
    ----------
    id : the id in the ledger.
    printed : the statement as its source has it.
    source : where it stands.
    hypotheses : the hypotheses as the source states them.
    checks : functions from the content of a variant to an outcome; all are necessary.
    controls : false variants, each of which some check must refute.
    correction : the statement that holds where the printed one does not.
    derivation : the steps that lead to the statement, for the report.
    """

    id: str
    printed: Variant
    source: str
    checks: tuple[Check, ...]
    controls: tuple[Variant, ...]
    hypotheses: tuple[str, ...] = ()
    correction: Correction | None = None
    derivation: Callable[[], Derivation] | None = None

    def __post_init__(self) -> None:
        if not self.checks:
            raise ValueError(f"claim {self.id} has no checks; give it at least one")


@dataclass(frozen=True)
class ControlReport:
    """How many of the false variants were rejected, and how."""

    rejected: int
    total: int
    details: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Entry:
    """What the ledger keeps of a claim."""

    id: str
    statement: str
    source: str
    verdict: Verdict
    grade: str
    hypotheses: tuple[str, ...]
    corrected: str | None
    witness: str | None
    evidence: tuple[Evidence, ...]
    controls: ControlReport
    seconds: float
    derivation: Derivation | None


def judge(claim: Claim) -> Entry:
    """Run the checks of a claim on its statement, on its controls, and on its correction if needed.

    A check that raises an error decides nothing. A control that is the statement itself, or its
    correction, is not rejected, whatever the checks say.
    """
    start = time.perf_counter()
    evidence: list[Evidence] = []
    printed = _run(claim, claim.printed, "", evidence)
    decisive, verdict, corrected = printed, _VERDICT[printed.status], None
    if printed.refutes and claim.correction is not None:
        variant = claim.correction.variant
        repaired = _run(claim, variant, "corrected: ", evidence)
        if repaired.supported:
            adds = claim.correction.repair is Repair.HYPOTHESIS
            verdict = Verdict.HOLDS_IF if adds else Verdict.MISPRINTED
            corrected = variant.text
            decisive = min(printed, repaired, key=lambda outcome: outcome.grade)
    derivation = claim.derivation() if claim.derivation else None
    if derivation is not None and (gaps := derivation.unproved()):
        verdict, corrected = Verdict.OPEN, None
        decisive = Outcome.undecided("derivation", f"steps {gaps} unproved")
        evidence.append(Evidence(decisive.method, decisive.detail, "UNDECIDED", 0.0))
    controls = _reject(claim)
    return Entry(
        id=claim.id,
        statement=claim.printed.text,
        source=claim.source,
        verdict=verdict,
        grade=decisive.grade.name,
        hypotheses=claim.hypotheses,
        corrected=corrected,
        witness=printed.witness,
        evidence=tuple(evidence),
        controls=controls,
        seconds=time.perf_counter() - start,
        derivation=derivation,
    )


_VERDICT = {
    Status.SUPPORTED: Verdict.HOLDS,
    Status.REFUTED: Verdict.REFUTED,
    Status.UNDECIDED: Verdict.OPEN,
}


def _run(claim: Claim, variant: Variant, prefix: str, evidence: list[Evidence]) -> Outcome:
    outcomes = []
    for check in claim.checks:
        start = time.perf_counter()
        try:
            outcome = check(variant.content)
        except Exception as error:
            outcome = Outcome.undecided("error", f"{type(error).__name__}: {error}")
        outcomes.append(outcome)
        found = outcome.grade.name if outcome.supported else outcome.status.value.upper()
        note = outcome.detail + (f"; witness: {outcome.witness}" if outcome.witness else "")
        seconds = time.perf_counter() - start
        evidence.append(Evidence(prefix + outcome.method, note, found, seconds))
        if outcome.refutes:
            break
    return weakest(outcomes)


def _reject(claim: Claim) -> ControlReport:
    details, rejected = [], 0
    statements = [claim.printed.content]
    if claim.correction is not None:
        statements.append(claim.correction.variant.content)
    for control in claim.controls:
        if control.content in statements:
            details.append((control.text, "NOT REJECTED: it is the statement itself"))
            continue
        outcome = _run(claim, control, "", [])
        rejected += outcome.refutes
        how = (
            f"rejected: {outcome.witness}" if outcome.refutes else f"NOT REJECTED: {outcome.detail}"
        )
        details.append((control.text, how))
    return ControlReport(rejected, len(claim.controls), tuple(details))

"""Mutation tests of the claims: change one symbol, sign or number; the checks have to notice.

The content that the checks support is mutated, one change at a time. A mutant that is proved to say
the same is equivalent; every other one should be rejected: refuted with a witness, or at least not
supported. A mutant that the checks support is a survivor, and a weakness of the checks.

The formulas of a content are mutated, not its words: a claim whose content is a set of named
hypotheses has no mutants, and its controls have to do.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from sympy import Basic, Expr, ImmutableMatrix
from sympy.logic.boolalg import Boolean

from ..theory.identities import is_identically_zero
from .cases import prove_in_cases
from .claim import Claim, Entry, Variant, Verdict, judge
from .claims import all_claims, find_claim
from .ledger import select
from .mutation import formulas, mutate
from .weaker import is_still_true
from .workers import in_processes, start

__all__ = [
    "MUTANTS_PER_CLAIM",
    "Fate",
    "Mutant",
    "MutantReport",
    "Trial",
    "mutants",
    "says_the_same",
    "try_mutants",
    "write",
]

MUTANTS_PER_CLAIM = 40
"""At most so many mutants of a claim are tried, spread evenly over the places of its content."""


class Fate(StrEnum):
    """What became of a mutant."""

    REFUTED = "refuted"
    NOT_SUPPORTED = "not supported"
    EQUIVALENT = "equivalent"
    STILL_TRUE = "still true"
    SURVIVED = "survived"


@dataclass(frozen=True)
class Mutant:
    """A content with one formula changed, where it stands, and that formula before and after."""

    content: Any
    place: str
    before: Basic
    after: Basic


@dataclass(frozen=True)
class Trial:
    """What the checks made of one mutant."""

    place: str
    before: str
    after: str
    fate: Fate
    detail: str
    seconds: float

    @property
    def change(self) -> str:
        """What was changed, and where."""
        where = f" in {self.place}" if self.place else ""
        return f"{self.before} -> {self.after}{where}"


@dataclass(frozen=True)
class MutantReport:
    """The trials of all mutants of a claim."""

    id: str
    trials: tuple[Trial, ...]
    seconds: float

    def __len__(self) -> int:
        return len(self.trials)

    def count(self, *fates: Fate) -> int:
        """How many mutants met one of these fates."""
        return sum(trial.fate in fates for trial in self.trials)

    @property
    def survivors(self) -> tuple[Trial, ...]:
        return tuple(trial for trial in self.trials if trial.fate is Fate.SURVIVED)


def try_mutants(
    claims: Sequence[str] | None = None,
    *,
    workers: int = 1,
    on_report: Callable[[MutantReport], None] = lambda report: None,
) -> tuple[MutantReport, ...]:
    """Put the mutants of claims to their checks.

    Parameters
    ----------
    claims : ids, or patterns such as ``"beck.*"``; None for every claim.
    workers : processes, as for :func:`logitreg.proofs_checks.ledger.verify`.
    on_report : called with the report of each claim as it is finished.

    Returns
    -------
    One report for each claim, in the order of the registry.

    Raises
    ------
    UnknownNameError : a pattern matches no claim.

    Examples
    --------
    >>> (report,) = try_mutants(["primer.ls-formula"])
    >>> len(report.trials) > 5, report.survivors
    (True, ())
    """
    if workers > 1:
        start()
    ids = select(claims) if claims is not None else tuple(claim.id for claim in all_claims())
    done = {}
    for id, report in in_processes(_try_by_id, ids, min(workers, len(ids))):
        done[id] = report
        on_report(report)
    return tuple(done[id] for id in ids)


def write(reports: Iterable[MutantReport], path: Path) -> None:
    """Write the reports as JSON: a list with one object for each claim."""
    path.write_text(json.dumps([asdict(r) for r in reports], indent=2) + "\n", encoding="utf-8")


def _try_by_id(id: str) -> MutantReport:
    start = time.perf_counter()
    claim = find_claim(id)
    trials = tuple(_try(claim, mutant) for mutant in mutants(claim))
    return MutantReport(id, trials, time.perf_counter() - start)


def mutants(claim: Claim) -> tuple[Mutant, ...]:
    """The mutants of what a claim's checks support: the statement printed, else its correction.

    There are none where neither is supported, and at most ``MUTANTS_PER_CLAIM``.

    Examples
    --------
    >>> mutant = mutants(find_claim("primer.ls-formula"))[0]
    >>> print(mutant.before, "->", mutant.after)
    epsilon/K -> -epsilon/K
    """
    supported = _supported(claim)
    if supported is None:
        return ()
    found = [
        Mutant(put_back(after), ".".join(place), before, after)
        for place, before, put_back in formulas(supported.content)
        for after in mutate(before)
    ]
    count = min(len(found), MUTANTS_PER_CLAIM)
    return tuple(found[i * len(found) // count] for i in range(count))


def _supported(claim: Claim) -> Variant | None:
    verdict = judge(replace(claim, controls=())).verdict
    if verdict is Verdict.HOLDS:
        return claim.printed
    if verdict in (Verdict.HOLDS_IF, Verdict.MISPRINTED) and claim.correction is not None:
        return claim.correction.variant
    return None


def _try(claim: Claim, mutant: Mutant) -> Trial:
    start = time.perf_counter()
    entry = _judge_content(claim, mutant.content)
    if entry.verdict is Verdict.REFUTED:
        fate, detail = Fate.REFUTED, str(entry.witness)
    elif entry.verdict is Verdict.OPEN:
        fate, detail = (
            Fate.NOT_SUPPORTED,
            "; ".join(e.detail for e in entry.evidence if e.grade == "UNDECIDED"),
        )
    else:
        fate, detail = Fate.SURVIVED, entry.grade
    if fate is not Fate.REFUTED and says_the_same(mutant.before, mutant.after):
        fate, detail = Fate.EQUIVALENT, "proved to say the same"
    elif fate is Fate.SURVIVED and is_still_true(
        claim.id, mutant.place, mutant.content, mutant.before, mutant.after
    ):
        fate, detail = Fate.STILL_TRUE, "proved to follow"
    seconds = time.perf_counter() - start
    return Trial(mutant.place, str(mutant.before), str(mutant.after), fate, detail, seconds)


def _judge_content(claim: Claim, content: Any) -> Entry:
    """The checks alone, on another content."""
    printed = Variant(claim.printed.text, content)
    with np.errstate(all="ignore"):  # a mutant need not be defined where it is evaluated
        return judge(replace(claim, printed=printed, controls=(), correction=None, derivation=None))


def says_the_same(before: Basic, after: Basic) -> bool:
    """Whether two formulas are proved equal, or equivalent, for all values of their symbols.

    Examples
    --------
    >>> from sympy import cosh, symbols
    >>> x, y = symbols("x y", real=True)
    >>> says_the_same(cosh(x), cosh(-x)), says_the_same(x < y, -y < -x), says_the_same(x, 2 * x)
    (True, True, False)
    """
    try:
        if isinstance(before, Expr) and isinstance(after, Expr):
            return is_identically_zero(before - after) is True
        if isinstance(before, ImmutableMatrix) and isinstance(after, ImmutableMatrix):
            return all(is_identically_zero(entry) is True for entry in before - after)
        if isinstance(before, Boolean) and isinstance(after, Boolean):
            return _follows(before, after) and _follows(after, before)
    except (TypeError, ValueError, NotImplementedError):
        return False
    return False


def _follows(hypothesis: Boolean, conclusion: Boolean) -> bool:
    return prove_in_cases([hypothesis], conclusion).supported

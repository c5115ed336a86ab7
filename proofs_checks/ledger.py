"""The ledger: every claim with its verdict, its evidence and its controls."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatchcase
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

from ..errors import UnknownNameError
from .claim import Entry, judge
from .claims import all_claims, find_claim
from .evidence import Grade
from .property_tests import property_evidence
from .workers import in_processes, start

__all__ = ["Ledger", "expected_verdicts", "select", "verify"]


@dataclass(frozen=True)
class Ledger:
    """The judged claims, in the order of the registry, and the ids of those left out.

    Examples
    --------
    >>> ledger = verify(["primer.ls-example"])
    >>> ledger["primer.ls-example"].verdict.value
    'misprinted'
    >>> ledger.deviations()
    ()
    """

    entries: tuple[Entry, ...]
    left_out: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, id: str) -> Entry:
        for entry in self.entries:
            if entry.id == id:
                return entry
        raise UnknownNameError(f"no claim {id!r} in this ledger of {len(self)} claims")

    def deviations(self) -> tuple[str, ...]:
        """Where a verdict or a grade is not the recorded one, or a control was not rejected."""
        expected = expected_verdicts()
        found = []
        for entry in self.entries:
            now = (entry.verdict.value, entry.grade)
            if now != expected.get(entry.id):
                recorded = " ".join(expected.get(entry.id, ("nothing",)))
                found.append(f"{entry.id}: {' '.join(now)}, recorded: {recorded}")
            if entry.controls.rejected != entry.controls.total:
                controls = entry.controls
                found.append(
                    f"{entry.id}: rejects {controls.rejected} of {controls.total} controls"
                )
        return tuple(found)

    def to_json(self) -> str:
        """The ledger as JSON: a list with one object for each claim."""
        return json.dumps(
            [_as_object(entry) for entry in self.entries], indent=2, ensure_ascii=False
        )

    def write(self, path: Path) -> None:
        """Write :meth:`to_json` to a file."""
        path.write_text(self.to_json() + "\n", encoding="utf-8")


def _as_object(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "statement": entry.statement,
        "source": entry.source,
        "verdict": entry.verdict.value,
        "grade": entry.grade,
        "hypotheses": list(entry.hypotheses),
        "corrected": entry.corrected,
        "witness": entry.witness,
        "evidence": [asdict(piece) for piece in entry.evidence],
        "controls": {"rejected": entry.controls.rejected, "total": entry.controls.total},
        "seconds": entry.seconds,
    }


def expected_verdicts() -> dict[str, tuple[str, str]]:
    """The verdict and grade that the repository records for each claim."""
    text = files(__package__).joinpath("expected.json").read_text(encoding="utf-8")
    return {id: (verdict, grade) for id, (verdict, grade) in json.loads(text).items()}


def select(patterns: Sequence[str]) -> tuple[str, ...]:
    """The ids that match any of the patterns (``beck.*``), in the order of the ledger.

    Raises
    ------
    UnknownNameError : a pattern matches no claim.
    """
    ids = [claim.id for claim in all_claims()]
    for pattern in patterns:
        if not any(fnmatchcase(id, pattern) for id in ids):
            find_claim(pattern)
    return tuple(id for id in ids if any(fnmatchcase(id, pattern) for pattern in patterns))


def verify(
    claims: Sequence[str] | None = None,
    *,
    controls: bool = True,
    simulations: bool = True,
    workers: int = 1,
    on_entry: Callable[[Entry], None] | None = None,
) -> Ledger:
    """Derive, check and judge claims.

    Parameters
    ----------
    claims : ids, or patterns such as ``"beck.*"``; None for every claim.
    controls : whether each claim's false variants are tried as well.
    simulations : whether claims that rest on a simulation, those recorded as OBSERVED, are judged
        as well; if not, they are not in the ledger, which names them as left out.
    workers : processes. With more than one, the calling script needs the usual
        ``if __name__ == "__main__"`` guard of :mod:`multiprocessing`.
    on_entry : called with each entry as it is finished.

    Returns
    -------
    Ledger : in the order of the registry, whatever the order in which the claims were finished.

    Raises
    ------
    UnknownNameError : a pattern matches no claim.

    Examples
    --------
    >>> [entry.verdict.value for entry in verify(["beck.ls-*"])]
    ['misprinted', 'holds', 'holds']
    """
    if workers > 1:
        start()
    ids = select(claims) if claims is not None else tuple(claim.id for claim in all_claims())
    left_out = () if simulations else _simulated(ids)
    ids = tuple(id for id in ids if id not in left_out)
    work = partial(_judge_by_id, controls=controls)
    done: dict[str, Entry] = {}
    for id, entry in in_processes(work, ids, min(workers, len(ids))):
        done[id] = entry
        if on_entry is not None:
            on_entry(entry)
    return Ledger(tuple(done[id] for id in ids), left_out)


def _simulated(ids: Sequence[str]) -> tuple[str, ...]:
    recorded = expected_verdicts()
    return tuple(id for id in ids if recorded.get(id, ("", ""))[1] == Grade.OBSERVED.name)


def _judge_by_id(id: str, *, controls: bool) -> Entry:
    """Checks give verdict and grade; the recorded run of the property tests stands beside them."""
    claim = find_claim(id)
    entry = judge(claim if controls else replace(claim, controls=()))
    return replace(entry, evidence=entry.evidence + property_evidence(id))

"""What a check found, and what it is worth."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum

__all__ = ["Evidence", "Grade", "Outcome", "Status", "weakest"]


class Grade(IntEnum):
    """The worth of a piece of evidence; a claim is worth its weakest necessary piece."""

    NONE = 0
    OBSERVED = 1
    """Simulation with a confidence interval."""
    TESTED = 2
    """Examples without a counterexample."""
    CERTIFIED = 3
    """Interval arithmetic over the whole domain, tails included."""
    PROVED = 4
    """An exact symbolic derivation, or an SMT solver's unsat."""


class Status(Enum):
    """What a check says of a statement."""

    SUPPORTED = "supported"
    REFUTED = "refuted"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Outcome:
    """The result of one check on one statement.

    A refutation always carries a ``witness`` that anyone can evaluate again. What is decided bears
    the grade of the method that decided it.
    """

    status: Status
    method: str
    detail: str
    grade: Grade = Grade.NONE
    witness: str | None = None

    def __post_init__(self) -> None:
        if (self.status is Status.REFUTED) != (self.witness is not None):
            raise ValueError("a refutation needs a witness, and only a refutation has one")
        if (self.status is Status.UNDECIDED) != (self.grade is Grade.NONE):
            raise ValueError("a decision needs a grade, and only a decision has one")

    @classmethod
    def proved(cls, method: str, detail: str) -> Outcome:
        return cls(Status.SUPPORTED, method, detail, Grade.PROVED)

    @classmethod
    def certified(cls, method: str, detail: str) -> Outcome:
        return cls(Status.SUPPORTED, method, detail, Grade.CERTIFIED)

    @classmethod
    def tested(cls, method: str, detail: str) -> Outcome:
        return cls(Status.SUPPORTED, method, detail, Grade.TESTED)

    @classmethod
    def refuted(
        cls, method: str, detail: str, witness: str, grade: Grade = Grade.PROVED
    ) -> Outcome:
        return cls(Status.REFUTED, method, detail, grade, witness)

    @classmethod
    def undecided(cls, method: str, detail: str) -> Outcome:
        return cls(Status.UNDECIDED, method, detail)

    @property
    def supported(self) -> bool:
        return self.status is Status.SUPPORTED

    @property
    def refutes(self) -> bool:
        return self.status is Status.REFUTED


@dataclass(frozen=True)
class Evidence:
    """One check of a claim, as the ledger keeps it."""

    method: str
    detail: str
    grade: str
    seconds: float


def weakest(outcomes: list[Outcome] | tuple[Outcome, ...]) -> Outcome:
    """The outcome that decides a conjunction: a refutation, else undecided, else the worst."""
    if not outcomes:
        raise ValueError("no checks, no verdict")
    order = {Status.REFUTED: 0, Status.UNDECIDED: 1, Status.SUPPORTED: 2}
    return min(outcomes, key=lambda o: (order[o.status], o.grade))

"""What is exported, before it has a language: assignments, loops of fixed length, one result.

Every expression is SymPy's. A sum is evaluated in an order that SymPy chooses, so wherever the
order of roundings counts, each operation is an assignment of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sympy import Expr, Symbol, floor
from sympy.core.function import AppliedUndef

__all__ = [
    "Argument",
    "Export",
    "Let",
    "Part",
    "Repeat",
    "Routine",
    "assignments",
    "called",
    "split",
]


@dataclass(frozen=True)
class Let:
    """symbol = value; a symbol may be set again."""

    symbol: Symbol
    value: Expr


@dataclass(frozen=True)
class Repeat:
    """The assignments, ``count`` times."""

    count: int
    body: tuple[Let, ...]


@dataclass(frozen=True)
class Routine:
    """A function of float64 numbers, or of arrays element by element.

    Attributes
    ----------
    name : an identifier of every target language.
    arguments : the arguments, in order; their names are identifiers too.
    body, result : the program.
    summary : what it returns, for a comment.
    """

    name: str
    arguments: tuple[Symbol, ...]
    body: tuple[Let | Repeat, ...]
    result: Expr
    summary: str = ""


@dataclass(frozen=True)
class Argument:
    """The symbol of an argument, its smallest and largest value, its meaning, its LaTeX."""

    symbol: Symbol
    low: float
    high: float
    meaning: str
    tex: str = ""

    @property
    def interval(self) -> str:
        """The domain in words.

        >>> Argument(Symbol("alpha"), 1e-300, 1 - 2.0**-53, "").interval
        '1e-300 <= alpha <= 1 - 2^-53'
        """
        return f"{_number(self.low)} <= {self.symbol.name} <= {_number(self.high)}"


def _number(x: float) -> str:
    """The number, as a power of two off one where it is that."""
    for exponent in (52, 53):
        if abs(x - 1) == 2.0**-exponent:
            return f"1 {'+' if x > 1 else '-'} 2^-{exponent}"
    return f"{x:g}" if x != 2**20 else "2^20"


@dataclass(frozen=True)
class Part:
    """One exported function.

    Attributes
    ----------
    routine : the program.
    exact : the theory's expression, in the symbols of the routine.
    ulp : the largest error, in units in the last place of ``scale``.
    scale : a non-negative expression; None where it is the value itself.
    unit : the scale in words.
    """

    routine: Routine
    exact: Expr
    ulp: int
    scale: Expr | None = None
    unit: str = "the value"


@dataclass(frozen=True)
class Export:
    """Functions that are exported together, with what vouches for them.

    Attributes
    ----------
    id : the name on the command line.
    summary : what the functions are.
    claim : the id of the claim in the ledger that vouches for them; "" for a user's expression.
    arguments : the domain, with every argument that a part has.
    parts : the functions.
    """

    id: str
    summary: str
    claim: str
    arguments: tuple[Argument, ...]
    parts: tuple[Part, ...]


def split(symbol: Symbol, high: Symbol, low: Symbol, bits: int) -> tuple[Let, Let]:
    """high + low = symbol >= 0 exactly, high a multiple of 2^-bits and low less than that.

    All that is rounded off is exact, so that a fused multiply-add changes nothing.
    """
    return Let(high, floor(2**bits * symbol) / 2**bits), Let(low, symbol - high)


def assignments(routine: Routine) -> Iterator[Let]:
    """Every assignment once, those of loops too."""
    for step in routine.body:
        yield from step.body if isinstance(step, Repeat) else (step,)


def called(routine: Routine) -> Iterator[str]:
    """The names of the routines that a routine calls."""
    for expression in (*(let.value for let in assignments(routine)), routine.result):
        for call in sorted(expression.atoms(AppliedUndef), key=str):
            yield call.func.__name__

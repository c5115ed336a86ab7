"""What is exported, before it has a language: assignments, loops, sums over classes, a result.

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
    "ClassRoutine",
    "Export",
    "Largest",
    "Let",
    "Part",
    "Pick",
    "Repeat",
    "Routine",
    "Total",
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

    @property
    def signature(self) -> tuple[str, ...]:
        """The names of what it is called with."""
        return tuple(symbol.name for symbol in self.arguments)


@dataclass(frozen=True)
class Largest:
    """symbol = the class of the largest logit, the first of equals."""

    symbol: Symbol


@dataclass(frozen=True)
class Pick:
    """symbol = the logit of a class."""

    symbol: Symbol
    index: Symbol


@dataclass(frozen=True)
class Total:
    """symbol = the sum over the classes of ``value``, after ``each`` for every class.

    All terms have the same sign: so sums in pairs, and compensated ones, are right to few ulp.
    """

    symbol: Symbol
    value: Expr
    each: tuple[Let, ...] = ()


@dataclass(frozen=True)
class ClassRoutine:
    """A function of the K logits of a sample, its label counted from zero, and numbers.

    Attributes
    ----------
    name : an identifier of every target language.
    arguments : the numbers, in order.
    body : the program; the logit of a class is the symbol ``z``, its index the symbol ``k``.
    result : one number, or one for every class.
    each : the assignments before the result of a class; None where the result is one number.
    """

    name: str
    arguments: tuple[Symbol, ...]
    body: tuple[Let | Largest | Pick | Total, ...]
    result: Expr
    each: tuple[Let, ...] | None = None

    @property
    def signature(self) -> tuple[str, ...]:
        """The names of what it is called with."""
        return ("logits", "label", *(symbol.name for symbol in self.arguments))


@dataclass(frozen=True)
class Argument:
    """An argument of float64 numbers.

    Attributes
    ----------
    symbol : the symbol of the routines.
    low, high : the smallest and the largest value.
    meaning : what it is, in words.
    domain : the set in which the formula holds, as a condition in LaTeX.
    tex : the symbol in LaTeX, where it is not that of its name.
    """

    symbol: Symbol
    low: float
    high: float
    meaning: str
    domain: str
    tex: str = ""

    @property
    def interval(self) -> str:
        """The domain in words.

        >>> Argument(Symbol("alpha"), 1e-300, 1 - 2.0**-53, "", "").interval
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
    exact : the theory's expression, in the symbols of the routine; in that of a
        :class:`ClassRoutine` z[k] is the logit of class k = 1, ..., K, and c the true class.
    ulp : the largest error, in units in the last place of ``scale``.
    scale : a non-negative expression; None where it is the value itself.
    unit : the scale in words.
    """

    routine: Routine | ClassRoutine
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


def assignments(routine: Routine | ClassRoutine) -> Iterator[Let]:
    """Every assignment once, those of loops and sums too."""
    for step in routine.body:
        if isinstance(step, Let):
            yield step
        elif isinstance(step, Repeat):
            yield from step.body
        elif isinstance(step, Total):
            yield from (*step.each, Let(step.symbol, step.value))
    if isinstance(routine, ClassRoutine):
        yield from routine.each or ()


def called(routine: Routine | ClassRoutine) -> Iterator[str]:
    """The names of the routines that a routine calls."""
    for expression in (*(let.value for let in assignments(routine)), routine.result):
        for call in sorted(expression.atoms(AppliedUndef), key=str):
            yield call.func.__name__

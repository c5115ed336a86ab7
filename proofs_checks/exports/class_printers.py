"""How a function of the logits of K classes is written: as array operations, or as loops.

Arrays have the logits along the last axis. Loops add with Kahan's compensation, so that the error
does not grow with the number of classes; the sums of array libraries add in pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sympy import Expr

from ...theory.symbols import z
from .program import ClassRoutine, Largest, Let, Pick, Total

__all__ = ["Braces", "class_routine_in_braces", "class_routine_on_arrays"]

_Text = Callable[[Expr], str]


def class_routine_on_arrays(
    text: _Text,
    namespace: str,
    asarray: str,
    *,
    decorator: str = "",
    placed: str = "",
    order: str = "",
) -> Callable[[ClassRoutine], str]:
    """The writer for an array library.

    Parameters
    ----------
    asarray : the call that makes an array of what it is given, up to that.
    placed : further arguments of such a call that put an array where ``z`` is.
    order : those that make the logits of a sample neighbours, where only such are added in pairs.
    """
    double = f"dtype={namespace}.float64"

    def total(term: str) -> str:
        return f"{namespace}.sum({term}, axis=-1, keepdims=True)"

    def chosen(index: str) -> str:
        return total(f"{namespace}.where(k == {index}, z, 0)")

    def step(program: Let | Largest | Pick | Total) -> Iterable[str]:
        name = program.symbol.name
        if isinstance(program, Largest):
            yield f"{name} = {namespace}.argmax(z, axis=-1, keepdims=True)"
        elif isinstance(program, Pick):
            yield f"{name} = {chosen(program.index.name)}"
        elif isinstance(program, Total):
            yield from (f"{let.symbol.name} = {text(let.value)}" for let in program.each)
            yield f"{name} = {total(text(program.value))}"
        else:
            yield f"{name} = {text(program.value)}"

    def routine(program: ClassRoutine) -> str:
        lines = [f"z = {asarray}(logits, {double}{order})"]
        lines += [f"label = {asarray}(label{placed})[..., None]"]
        lines += [
            f"{symbol.name} = {asarray}({symbol.name}, {double}{placed})[..., None]"
            for symbol in program.arguments
        ]
        lines += ["K = z.shape[-1]", f"k = {namespace}.arange(K{placed})"]
        for one in (*program.body, *(program.each or ())):
            lines += step(one)
        end = f"({text(program.result)})[..., 0]" if program.each is None else text(program.result)
        head = [decorator] if decorator else []
        head += [f"def {program.name}({', '.join(program.signature)}):"]
        return "\n".join([*head, *(f"    {line}" for line in (*lines, f"return {end}"))])

    return routine


@dataclass(frozen=True)
class Braces:
    """What differs between languages with braces.

    Attributes
    ----------
    number, index : what declares a number and the index of a class.
    count : the name of the number of classes.
    head : the lines that open a routine; the flag says whether its result is one number.
    store : the statement that stores an expression as the result of class k.
    tail : the lines that close a routine whose results are stored.
    """

    number: str
    index: str
    count: str
    head: Callable[[ClassRoutine, bool], list[str]]
    store: Callable[[str], str]
    tail: list[str]


def class_routine_in_braces(text: _Text, language: Braces) -> Callable[[ClassRoutine], str]:
    """The writer for a language with braces."""

    def loop(body: list[str]) -> list[str]:
        head = f"for ({language.index} k = 0; k < {language.count}; k++) {{"
        return [head, *(f"    {line}" for line in body), "}"]

    def for_each(lets: tuple[Let, ...], value: Expr) -> list[str]:
        """The logit, if it occurs, and the assignments."""
        used = value.free_symbols.union(*(let.value.free_symbols for let in lets))
        lines = [f"{language.number} z = logits[k];"] if z in used else []
        known: set[str] = set()
        for let in lets:
            new = "" if let.symbol.name in known else f"{language.number} "
            known.add(let.symbol.name)
            lines.append(f"{new}{let.symbol.name} = {text(let.value)};")
        return lines

    def step(program: Let | Largest | Pick | Total) -> list[str]:
        name = program.symbol.name
        if isinstance(program, Largest):
            larger = f"if (logits[k] > logits[{name}]) {name} = k;"
            return [f"{language.index} {name} = 0;", *loop([larger])]
        if isinstance(program, Pick):
            return [f"{language.number} {name} = logits[{program.index.name}];"]
        if isinstance(program, Total):
            lost = f"{name}_lost"
            return [
                f"{language.number} {name} = 0, {lost} = 0;",
                *loop(
                    [
                        *for_each(program.each, program.value),
                        f"{language.number} term = {text(program.value)} - {lost};",
                        f"{language.number} next = {name} + term;",
                        f"{lost} = (next - {name}) - term;",
                        f"{name} = next;",
                    ]
                ),
            ]
        return [f"{language.number} {name} = {text(program.value)};"]

    def routine(program: ClassRoutine) -> str:
        lines = [line for one in program.body for line in step(one)]
        result = text(program.result)
        if program.each is None:
            lines.append(f"return {result};")
        else:
            lines += loop([*for_each(program.each, program.result), language.store(result)])
            lines += language.tail
        head = language.head(program, program.each is None)
        return "\n".join([*head, *(f"    {line}" for line in lines), "}"])

    return routine

"""The target languages: how each writes an expression, a routine and a comment.

Expressions are printed by SymPy's own printers, which are changed in three places: a number is
printed with all digits, in arrays a choice is ``where``, and the function names of arrays are those
of the library.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sympy import Expr, Float, Max, Min, Piecewise, Pow, Rational, Symbol
from sympy.printing.c import C99CodePrinter
from sympy.printing.codeprinter import CodePrinter
from sympy.printing.jscode import JavascriptCodePrinter
from sympy.printing.numpy import NumPyPrinter

from ...theory.symbols import K
from .class_printers import Braces, class_routine_in_braces, class_routine_on_arrays
from .program import ClassRoutine, Let, Repeat, Routine, assignments

__all__ = ["LANGUAGES", "Language"]

_Write = Callable[[Routine, bool], str]
"""The text of a routine; the flag says whether it is one that users call."""

_SETTINGS = {"allow_unknown_functions": True}
_LONGEST_PRODUCT = 3


class _Numbers:
    """Numbers with all digits, and small powers of a variable as products."""

    def _print_Float(self, number: Float) -> str:  # noqa: N802
        return repr(float(number))

    def _print_Rational(self, number: Rational) -> str:  # noqa: N802
        if number.q & (number.q - 1) == 0:
            return repr(float(number))
        return str(super()._print_Rational(number))  # type: ignore[misc]

    def _print_Half(self, number: Rational) -> str:  # noqa: N802
        return self._print_Rational(number)

    def _print_Pow(self, expr: Pow, **settings: Any) -> str:  # noqa: N802
        if expr.base.is_Symbol and expr.exp.is_Integer and 2 <= expr.exp <= _LONGEST_PRODUCT:
            return f"({'*'.join([expr.base.name] * int(expr.exp))})"
        return self._power(expr)

    def _power(self, expr: Pow) -> str:
        return str(super()._print_Pow(expr))  # type: ignore[misc]


class _C(_Numbers, C99CodePrinter):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__(dict(_SETTINGS))


class _JavaScript(_Numbers, JavascriptCodePrinter):  # type: ignore[misc]
    def __init__(self) -> None:
        names = {name: f"Math.{name}" for name in ("log1p", "expm1", "cosh", "sinh", "tanh")}
        super().__init__({**_SETTINGS, "user_functions": names})


class _Arrays(_Numbers, NumPyPrinter):  # type: ignore[misc]
    """The functions of the namespace; NumPy, PyTorch and JAX give them the same names."""

    def __init__(self, namespace: str) -> None:
        super().__init__(dict(_SETTINGS))
        self._namespace = namespace

    def _module_format(self, fqn: str, register: bool = True) -> str:
        return f"{self._namespace}.{fqn.rpartition('.')[2]}"

    def _power(self, expr: Pow) -> str:
        return str(self._hprint_Pow(expr, sqrt="numpy.sqrt"))

    def _print_Piecewise(self, expr: Piecewise) -> str:  # noqa: N802
        *branches, (last, _) = expr.args
        text = str(self._print(last))
        for value, test in reversed(branches):
            text = f"{self._namespace}.where({self._print(test)}, {self._print(value)}, {text})"
        return text

    def _print_Max(self, expr: Max) -> str:  # noqa: N802
        return self._print_Piecewise(expr.rewrite(Piecewise))

    def _print_Min(self, expr: Min) -> str:  # noqa: N802
        return self._print_Piecewise(expr.rewrite(Piecewise))

    def _print_Relational(self, expr: Any) -> str:  # noqa: N802
        return f"{self._print(expr.lhs)} {expr.rel_op} {self._print(expr.rhs)}"


@dataclass(frozen=True)
class Language:
    """How a target language looks.

    Attributes
    ----------
    comment : what begins a line of a comment.
    preamble : what comes before the routines.
    notes : what a user has to know, one sentence each.
    class_note : what a user has to know of functions of the logits of K classes.
    routine : the text of a routine, and whether it is one that users call.
    class_routine : the text of a function of the logits of K classes.
    """

    comment: str
    preamble: str
    notes: tuple[str, ...]
    class_note: str
    routine: _Write
    class_routine: Callable[[ClassRoutine], str]

    def public(self, routine: Routine | ClassRoutine) -> str:
        """The text of a routine that users call."""
        if isinstance(routine, ClassRoutine):
            return self.class_routine(routine)
        return self.routine(routine, True)


def _text(printer: CodePrinter, expression: Expr) -> str:
    text = " ".join(str(printer.doprint(_with_literals(expression))).split())
    return re.sub(r"(?<!\w)\((\d+\.\d+(?:e-\d+)?)\)", r"\1", text)


def _with_literals(expression: Expr) -> Expr:
    """Irrational constants as float64 numbers."""
    return expression.replace(
        lambda e: e.is_number and e.is_real and not (e.is_Rational or e.is_Float),
        lambda e: e.evalf(17),
    )


def _for_arrays(namespace: str, asarray: str, decorator: str = "") -> _Write:
    printer = _Arrays(namespace)

    def routine(program: Routine, public: bool) -> str:
        names = [symbol.name for symbol in program.arguments]
        lines = [decorator] if public and decorator else []
        lines += [f"def {program.name}({', '.join(names)}):"]
        lines += [f'    """{program.summary}"""'] if program.summary else []
        if public:
            dtype = f"dtype={namespace}.float64"
            lines += [f"    {name} = {namespace}.{asarray}({name}, {dtype})" for name in names]
        for step in program.body:
            repeated = isinstance(step, Repeat)
            lines += [f"    for _ in range({step.count}):"] if isinstance(step, Repeat) else []
            for let in step.body if isinstance(step, Repeat) else (step,):
                indent = "        " if repeated else "    "
                lines.append(f"{indent}{let.symbol.name} = {_text(printer, let.value)}")
        result = _text(printer, program.result)
        if not program.result.free_symbols:
            result = f"{namespace}.full_like({names[0]}, {result})"
        return "\n".join([*lines, f"    return {result}"])

    return routine


def _in_braces(
    printer: CodePrinter,
    opening: Callable[[Routine, bool], list[str]],
    declare: str,
    counter: str,
) -> _Write:
    def routine(program: Routine, public: bool) -> str:
        known = {symbol.name for symbol in program.arguments}
        lines = [f"/* {program.summary} */"] if program.summary else []
        lines += opening(program, public)

        def assign(let: Let, indent: str) -> str:
            new = "" if let.symbol.name in known else f"{declare} "
            known.add(let.symbol.name)
            return f"{indent}{new}{let.symbol.name} = {_text(printer, let.value)};"

        for step in program.body:
            if isinstance(step, Let):
                lines.append(assign(step, "    "))
                continue
            lines.append(f"    for ({counter} i = 0; i < {step.count}; i++) {{")
            outside = set(known)
            lines += [assign(let, "        ") for let in step.body]
            known = outside
            lines.append("    }")
        return "\n".join([*lines, f"    return {_text(printer, program.result)};", "}"])

    return routine


def _used(program: Routine | ClassRoutine) -> set[Symbol]:
    expressions = [program.result, *(let.value for let in assignments(program))]
    return set().union(*(expression.free_symbols for expression in expressions))


def _unused(program: Routine | ClassRoutine) -> list[str]:
    """Statements for the arguments that do not occur, which compilers warn of."""
    used = _used(program)
    return [f"    (void){symbol.name};" for symbol in program.arguments if symbol not in used]


def _c_opening(program: Routine, public: bool) -> list[str]:
    arguments = ", ".join(f"double {symbol.name}" for symbol in program.arguments)
    start = f"{'' if public else 'static '}double {program.name}({arguments}) {{"
    return [start, *_unused(program)]


def _js_opening(program: Routine, public: bool) -> list[str]:
    return [f"function {program.name}({', '.join(s.name for s in program.arguments)}) {{"]


def _c_class_head(program: ClassRoutine, single: bool) -> list[str]:
    numbers = [f"double {symbol.name}" for symbol in program.arguments]
    inputs = ["const double *logits", "int classes", "int label", *numbers]
    inputs += [] if single else ["double *gradient"]
    start = f"{'double' if single else 'void'} {program.name}({', '.join(inputs)}) {{"
    # A quotient of whole numbers would be cut off.
    number = ["    double K = classes;"] if K in _used(program) else []
    return [start, *_unused(program), *number]


def _js_class_head(program: ClassRoutine, single: bool) -> list[str]:
    head = [
        f"function {program.name}({', '.join(program.signature)}) {{",
        "    const K = logits.length;",
    ]
    return head if single else [*head, "    const gradient = [];"]


_ARRAYS = "Arguments are numbers or arrays that broadcast against each other; results are float64."
_ON_CPU = "The errors were measured on a CPU."
_LAST_AXIS = (
    "logits has the shape (..., K); label and the numbers are broadcast against the shape before K."
)


def _array_library(
    namespace: str,
    library: str,
    asarray: str,
    *notes: str,
    decorator: str = "",
    **of_logits: str,
) -> Language:
    def text(expression: Expr) -> str:
        return _text(_Arrays(namespace), expression)

    return Language(
        "# ",
        f"import {library}",
        (_ARRAYS, _ON_CPU, *notes),
        _LAST_AXIS,
        _for_arrays(namespace, asarray, decorator),
        class_routine_on_arrays(
            text, namespace, f"{namespace}.{asarray}", decorator=decorator, **of_logits
        ),
    )


LANGUAGES = {
    "numpy": _array_library(
        "np",
        "numpy as np",
        "asarray",
        decorator='@np.errstate(all="ignore")',
        order=', order="C"',
    ),
    "torch": _array_library("torch", "torch", "as_tensor", placed=", device=z.device"),
    "jax": _array_library(
        "jnp",
        "jax.numpy as jnp",
        "asarray",
        'Needs jax.config.update("jax_enable_x64", True).',
    ),
    "c": Language(
        "// ",
        "#include <math.h>",
        ("The errors were measured with GCC and the GNU libm. Not for -ffast-math.",),
        "logits has as many numbers as there are classes; so has gradient, which is written.",
        _in_braces(_C(), _c_opening, "double", "int"),
        class_routine_in_braces(
            lambda expression: _text(_C(), expression),
            Braces(
                "double",
                "int",
                "classes",
                _c_class_head,
                lambda result: f"gradient[k] = {result};",
                [],
            ),
        ),
    ),
    "js": Language(
        "// ",
        '"use strict";',
        ("The errors were measured with Node.js.",),
        "logits is an array of K numbers.",
        _in_braces(_JavaScript(), _js_opening, "let", "let"),
        class_routine_in_braces(
            lambda expression: _text(_JavaScript(), expression),
            Braces(
                "let",
                "let",
                "K",
                _js_class_head,
                lambda result: f"gradient.push({result});",
                ["return gradient;"],
            ),
        ),
    ),
}
"""The languages that are executed; LaTeX is text."""

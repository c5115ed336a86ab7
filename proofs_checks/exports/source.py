"""The text of an export: a header, the helpers that it calls, and its functions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap

from sympy import LambertW

from ...errors import UnknownNameError
from ...theory.special import RLambertW
from ..ledger import expected_verdicts
from .latex import formulas_in_latex
from .printers import LANGUAGES
from .program import ClassRoutine, Export, Part, Routine, called
from .special import HELPERS

__all__ = ["TARGETS", "call", "evidence", "source"]

TARGETS = (*LANGUAGES, "latex")
"""What an export can be written in."""

_WIDTH = 96
_MANY = 1000
_UNDERFLOW = "In float64; a result below 2.3e-308 may be zero."


def source(exports: Sequence[Export], target: str) -> str:
    """The source text of exports, which needs nothing but the target language.

    Parameters
    ----------
    target : one of :data:`TARGETS`.

    Raises
    ------
    UnknownNameError : there is no such target.

    Examples
    --------
    >>> from logitreg.proofs_checks.exports.catalogue import export
    >>> print(source([export("lead.target-label-smoothing")], "c"))  # doctest: +ELLIPSIS
    // lead.target-label-smoothing: the target of the penalty label-smoothing for two classes: ...
    #include <math.h>
    <BLANKLINE>
    double label_smoothing_target(double alpha) {
        double odds = (1 - alpha)/alpha;
        return log1p(2*odds);
    }
    <BLANKLINE>
    """
    if target not in TARGETS:
        raise UnknownNameError(f"no target {target!r}; expected one of {', '.join(TARGETS)}")
    if target == "latex":
        return "\n".join(map(_latex, exports))
    language = LANGUAGES[target]
    routines = [part.routine for found in exports for part in found.parts]
    helpers = dict.fromkeys(name for routine in routines for name in called(routine))
    texts = [language.routine(HELPERS[name], False) for name in helpers]
    texts += [language.public(routine) for routine in routines]
    mark = language.comment
    heads = [_comment(_header(found), mark) for found in exports]
    of_classes = any(isinstance(routine, ClassRoutine) for routine in routines)
    notes = [*language.notes, *([language.class_note] if of_classes else []), _UNDERFLOW]
    heads.append(_comment(notes, mark))
    top = "\n".join([f"\n{mark.strip()}\n".join(heads), language.preamble])
    return ("\n\n\n" if mark == "# " else "\n\n").join([top, *texts]) + "\n"


def _comment(sentences: list[str], mark: str) -> str:
    lines = (
        line
        for sentence in sentences
        for line in wrap(sentence, _WIDTH, subsequent_indent="    ", break_long_words=False)
    )
    return "\n".join(f"{mark}{line}" for line in lines)


def _header(export: Export) -> list[str]:
    """What the functions are, what vouches for them, where, and how exact they are."""
    return [
        f"{export.id}: {export.summary}.",
        *(f"{call(part.routine)} = {part.exact}" for part in export.parts),
        *_words(export),
        evidence(export),
        *(f"Domain: {a.interval}: {a.meaning}." for a in export.arguments),
        *(f"Error of {part.routine.name}: {_error(part)}." for part in export.parts),
        *([] if export.claim else ["The errors are the largest of those measured, in NumPy."]),
    ]


def call(routine: Routine | ClassRoutine) -> str:
    """A call of the routine, with the names of its arguments."""
    return f"{routine.name}({', '.join(routine.signature)})"


def _words(export: Export) -> Iterator[str]:
    """What the functions are that have no common name."""
    if any(part.exact.has(RLambertW) for part in export.parts):
        yield "RLambertW(r, y) is the w >= 0 with w (exp(w) + r) = y."
    if any(part.exact.has(LambertW) for part in export.parts):
        yield "LambertW(y) is the w >= 0 with w exp(w) = y."
    if any(isinstance(part.routine, ClassRoutine) for part in export.parts):
        yield "Labels count from 0: c = label + 1. KroneckerDelta(c, j) is 1 if c = j, else 0."


def evidence(export: Export) -> str:
    """The claim that vouches for an export, with the verdict and grade of the ledger."""
    if not export.claim:
        return "Claim: none of the ledger."
    verdict, grade = expected_verdicts()[export.claim]
    return f"Claim: {export.claim}, {verdict}, evidence {grade}."


def _error(part: Part) -> str:
    units = "1 unit" if part.ulp == 1 else f"{part.ulp} units"
    text = f"at most {units} in the last place of {part.unit}"
    return text if part.ulp < _MANY else f"{text}, which is {part.ulp * 2.0**-52:.0e} of it"


def _latex(export: Export) -> str:
    """The formulas as display mathematics, after the header as a comment."""
    head = [f"{export.id}: {export.summary}.", evidence(export)]
    head += [f"Domain: {a.domain}: {a.meaning}." for a in export.arguments]
    return "\n".join([_comment(head, "% "), *formulas_in_latex(export)])

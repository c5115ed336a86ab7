"""What the notebooks share: how a derivation, the evidence of a claim and a plot are shown."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import logitreg as lr
import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler
from IPython.display import Markdown
from logitreg.theory.alignment import Lemma
from logitreg.theory.derivations import Derivation
from matplotlib.axes import Axes
from sympy import Basic, Expr, Symbol
from sympy.printing.latex import LatexPrinter

__all__ = [
    "evidence",
    "formulas",
    "identities",
    "panels",
    "sentences",
    "shown",
    "steps",
    "typeset",
]

# The palette of Okabe and Ito, which colour-blind readers can tell apart; dashes as well.
_COLOURS = ("#0072b2", "#d55e00", "#008563", "#a8518a", "#5c5c5c", "#b07d00")
_DASHES = ("-", (0, (5, 1.6)), (0, (1.2, 1.4)), (0, (5, 1.4, 1.2, 1.4)), (0, (9, 2)), (0, (3, 3)))
_RELATION = {
    "start": "given",
    "equals": "algebra, checked",
    "equivalent": "algebra, checked",
    "implied": "follows; checked by the claim",
}

plt.rcParams.update(
    {
        "axes.prop_cycle": cycler(color=_COLOURS) + cycler(linestyle=_DASHES),
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlesize": 10.0,
        "figure.dpi": 90,
        "font.size": 9.0,
        "legend.frameon": False,
        "legend.handlelength": 2.6,
        "lines.linewidth": 1.5,
    }
)


class _Printer(LatexPrinter):  # type: ignore[misc]
    """SymPy's LaTeX, with z* for the symbol ``z_star`` and W_r for the r-Lambert function."""

    def _print_Symbol(self, symbol: Symbol, style: str = "plain") -> str:  # noqa: N802
        name = symbol.name.removesuffix("_star")
        plain = str(super()._print_Symbol(Symbol(name), style))
        return plain if name == symbol.name else plain + "^{*}"

    def _print_RLambertW(self, call: Expr, exp: str | None = None) -> str:  # noqa: N802
        r, y = map(self._print, call.args)
        power = "" if exp is None else f"^{{{exp}}}"
        return rf"W_{{{r}}}{power}{{\left({y} \right)}}"


def shown(expression: Basic) -> str:
    """LaTeX of an expression."""
    return str(_Printer().doprint(expression))


def steps(derivation: Derivation) -> Markdown:
    """A derivation line by line: each expression, the rule that leads to it, who checks the step.

    Raises
    ------
    ValueError : a step that is claimed to follow by algebra does not.
    """
    if gaps := derivation.unproved():
        raise ValueError(f"steps {gaps} of {derivation.title!r} do not follow from those before")
    lines = [f"**{_plain(derivation.title[:1].upper() + derivation.title[1:])}**"]
    for number, step in enumerate(derivation, 1):
        how = _RELATION[step.relation]
        lines.append(f"({number}) {typeset(step.rule)} — *{how}*")
        lines.append(f"$$\\displaystyle {shown(step.expression)}$$")
    return Markdown("\n\n".join(lines))


def evidence(*ids: str, controls: bool = True, witness: bool = False) -> Markdown:
    """Judge claims, here and now: statement, verdict, grade, and the false variants rejected.

    With ``witness`` also where the statement as printed fails.
    """
    entries = lr.verify(list(ids), controls=controls)
    blocks = []
    for entry in entries:
        head = f"**`{entry.id}`** — **{entry.verdict.value}**, {entry.grade}"
        if controls:
            head += f"; rejects {entry.controls.rejected}/{entry.controls.total} false variants"
        lines = [head, entry.statement]
        if witness and entry.witness is not None:
            lines.append(f"*Witness:* {_plain(entry.witness)}")
        if entry.corrected is not None:
            lines.append(f"*What holds:* {entry.corrected}")
        blocks.append("  \n".join(lines))
    return Markdown("\n\n".join(blocks))


def formulas(rows: dict[str, Expr]) -> Markdown:
    """A table of named formulas."""
    lines = ["| | |", "|:--|:--|"]
    for name, formula in rows.items():
        # A bar would end the cell.
        body = (
            shown(formula).replace("\\left|", "\\left\\vert ").replace("\\right|", "\\right\\vert ")
        )
        lines.append(f"| {name} | $\\displaystyle {body}$ |")
    return Markdown("\n".join(lines))


def identities(pairs: Iterable[tuple[str, Expr]]) -> Markdown:
    """Matrix identities of any size: what vanishes, and what is left of it (zero)."""
    return Markdown("\n".join(f"- `{name}`: the sides differ by ${shown(d)}$" for name, d in pairs))


def sentences(lemmas: Iterable[Lemma]) -> Markdown:
    """The sentences that lemmas formalise."""
    return Markdown(
        "\n".join(f"{n}. {typeset(lemma.sentence)}" for n, lemma in enumerate(lemmas, 1))
    )


def panels(count: int = 1, height: float = 2.9, **options: Any) -> Any:
    """Axes side by side: one Axes, or an array of them."""
    width = 4.6 if count == 1 else 3.9 * count
    _, axes = plt.subplots(1, count, figsize=(width, height), layout="constrained", **options)
    for ax in np.atleast_1d(axes):
        _light_grid(ax)
    return axes


def _light_grid(axes: Axes) -> None:
    axes.grid(True, color="#dddddd", linewidth=0.5)
    axes.set_axisbelow(True)


_NAMES = (
    "alpha beta gamma delta epsilon eta kappa lambda mu rho sigma tau Delta Lambda Phi Sigma "
    "exp log sin cos cosh sinh sum perp"
)
_MACROS = {
    **{name: rf"\{name}" for name in _NAMES.split()},
    "eps": r"\epsilon",
    "angle": r"\angle",
    "mean": r"\operatorname{mean}",
    "wbar": r"\bar w",
    "dw": "dw",
}
_SIGNS = {
    "<=": r"\le ", ">=": r"\ge ", "<": r"\lt ", ">": r"\gt ", "||": r"\|", "|": r"\vert ",
    "~": r"\sim ",
}  # fmt: skip
_WORD = re.compile(r"[A-Za-z]+('s?)?|[A-Za-z]+(-[A-Za-z]+)+|L[012]")
_OPENED, _CLOSED = re.compile(r"\(|<(?=\w)"), re.compile(r"\)|(?<=\w)>")


def typeset(text: str) -> str:
    r"""Markdown of a sentence, its formulas as LaTeX.

    A formula is a run of words that are none of English: with signs or digits, single letters, the
    names of Greek letters and functions.

    >>> typeset("times (1 + exp(z))/alpha, with c = (1 - alpha)/alpha")
    '$(1 + \\exp(z))/\\alpha$, with $c = (1 - \\alpha)/\\alpha$'
    """
    words = text.split(" ")
    pieces: list[str] = []
    run: list[str] = []
    for word, following in zip(words, (*words[1:], ""), strict=True):
        if not _is_formula(word, bool(run), following):
            pieces += [_formula(run), _plain(word)]
            run = []
            continue
        run.append(word)
        so_far = " ".join(run)
        if word[-1] in ",;:" and len(_OPENED.findall(so_far)) <= len(_CLOSED.findall(so_far)):
            pieces.append(_formula(run))
            run = []
    return " ".join(filter(None, (*pieces, _formula(run))))


def _is_formula(word: str, in_formula: bool, following: str) -> bool:
    core = word.strip("(),;:.")
    if core in ("a", "A", "I"):
        opens = word[0] == "(" and _is_formula(following, True, "")
        return in_formula or opens or following in ("+", "-", "=")
    if _WORD.fullmatch(core):
        return len(core.rstrip("'")) == 1 or (core in _MACROS and core not in ("angle", "mean"))
    return bool(core)


def _formula(run: list[str]) -> str:
    """A run between dollar signs, with the punctuation after it outside."""
    text = " ".join(run)
    bare = text.rstrip(",;:.")
    tex = re.sub(r"<(\w[^<>=]*\w)>", r"\\langle \1\\rangle ", bare)
    tex = re.sub(r"<=|>=|<|>|\|\|?|~", lambda sign: _SIGNS[sign[0]], tex)
    tex = re.sub(r"(?<=\w)\*", "^*", tex)
    tex = re.sub(r"([_^])(-?\w+)", r"\1{\2}", tex)
    tex = re.sub(r"(?<![\\A-Za-z])[A-Za-z]{2,}", _macro, tex)
    return tex and f"${' '.join(tex.split())}${text[len(bare) :]}"


def _macro(name: re.Match[str]) -> str:
    return _MACROS.get(name[0], rf"\mathrm{{{name[0]}}}")


def _plain(text: str) -> str:
    """Text that Markdown leaves as it is."""
    return re.sub(r"([\\`*_<>|$#])", r"\\\1", text)

"""The formulas of an export as LaTeX: what a paper shows."""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Expr, Heaviside, Indexed, KroneckerDelta, LambertW, Sum, Symbol, Tuple
from sympy.printing.latex import LatexPrinter

from ...theory.special import RLambertW
from .program import ClassRoutine, Export

__all__ = ["formulas_in_latex"]


def formulas_in_latex(export: Export) -> Iterator[str]:
    """Each formula as display mathematics, then a sentence for each symbol that needs one."""
    printer = _Latex({"symbol_names": {a.symbol: a.tex for a in export.arguments if a.tex}})
    for part in export.parts:
        name = rf"\mathrm{{{part.routine.name}}}".replace("_", r"\_")
        arguments = [printer.doprint(symbol) for symbol in part.routine.arguments]
        if isinstance(part.routine, ClassRoutine):
            name += "" if part.routine.each is None else "_{j}"
            arguments = ["z", "c", *arguments]
        formula = printer.doprint(_with_distinct_indices(part.exact))
        yield f"\\[\n  {name}({', '.join(arguments)}) = {formula}\n\\]\n"
    yield from (f"Here {sentence}.\n" for sentence in _definitions(export))


def _definitions(export: Export) -> Iterator[str]:
    """What has no common name, in LaTeX."""
    if any(part.exact.has(RLambertW) for part in export.parts):
        yield r"$W_r(y)$ is the $w \ge 0$ with $w (e^w + r) = y$"
    if any(part.exact.has(LambertW) for part in export.parts):
        yield r"$W(y)$ is the $w \ge 0$ with $w e^w = y$"
    if any(part.exact.has(Heaviside) for part in export.parts):
        yield r"$\theta(x)$ is 1 for $x > 0$ and 0 for $x < 0$"
    if any(part.exact.has(KroneckerDelta) for part in export.parts):
        yield r"$\mathbf{1}_{c = j}$ is 1 if $c = j$, else 0"


def _with_distinct_indices(expression: Expr) -> Expr:
    """A sum within a sum has an index of its own."""

    def outer(term: Expr, over: Tuple) -> Expr:
        return Sum(term.replace(Sum, lambda f, limits: inner(f, limits, over[0])), over)

    def inner(term: Expr, over: Tuple, taken: Symbol) -> Expr:
        index = Symbol("i", integer=True, positive=True) if over[0] == taken else over[0]
        return Sum(term.subs(over[0], index), (index, *over[1:]))

    return expression.replace(Sum, outer)


class _Latex(LatexPrinter):  # type: ignore[misc]
    def _print_RLambertW(self, expr: RLambertW) -> str:  # noqa: N802
        r, y = map(self._print, expr.args)
        return rf"W_{{{r}}}\left({y}\right)"

    def _print_Indexed(self, expr: Indexed) -> str:  # noqa: N802
        return rf"{self._print(expr.base)}_{{{self._print(expr.indices[0])}}}"

    def _print_KroneckerDelta(self, expr: KroneckerDelta, exp: str | None = None) -> str:  # noqa: N802
        a, b = map(self._print, expr.args)
        return rf"\mathbf{{1}}_{{{a} = {b}}}"

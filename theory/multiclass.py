"""Functions of K logits, K symbolic: directional derivatives, shifts, values at given logits."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sympy import Expr, Indexed, IndexedBase, Sum, Symbol, sympify

from .label_smoothing import true_class
from .symbols import K, logits

__all__ = [
    "at_logits",
    "direction",
    "second_directional_derivative",
    "shifted",
    "sums_as_symbols",
]

direction = IndexedBase("v", shape=(K,), real=True)
"""A direction v in the space of logits."""

_s = Symbol("s", real=True)


def shifted(f: Expr, amount: Expr) -> Expr:
    """f(z + amount (1, ..., 1))."""
    return _translated(f, lambda index: amount)


def second_directional_derivative(f: Expr) -> Expr:
    """The second derivative of f(z + s v) at s = 0, for symbolic K.

    >>> from logitreg.theory import CATALOGUE
    >>> second_directional_derivative(CATALOGUE["quadratic"].multiclass)
    2*Sum(v[k]**2, (k, 1, K))
    """
    return (
        _translated(f, lambda index: _s * direction[index]).diff(_s, 2).subs(_s, 0).doit(deep=False)
    )


def _translated(f: Expr, amount: Callable[[Expr], Expr]) -> Expr:
    return f.replace(
        lambda e: isinstance(e, Indexed) and e.base == logits,
        lambda e: e + amount(e.indices[0]),
    )


def at_logits(f: Expr, values: Sequence[Expr | int], label: int = 1) -> Expr:
    """f at given logits, K = len(values), the true class being ``label`` (counted from one).

    >>> from sympy import exp
    >>> from logitreg.theory.symbols import k
    >>> at_logits(Sum(exp(logits[k]), (k, 1, K)) - logits[true_class], [0, 1])
    1 + E
    """
    expanded = f.subs({true_class: label, K: len(values)}).doit()
    return expanded.replace(
        lambda e: isinstance(e, Indexed) and e.base.label == logits.label,
        lambda e: sympify(values[int(e.indices[0]) - 1]),
    )


def sums_as_symbols(f: Expr) -> tuple[Expr, dict[Sum, Symbol]]:
    """f with each sum over the classes replaced by a symbol, and which symbol is which sum."""
    names: dict[Sum, Symbol] = {}
    for total in sorted(f.atoms(Sum), key=str):
        names[total] = Symbol(f"S_{len(names)}", real=True)
    return f.subs(names), names

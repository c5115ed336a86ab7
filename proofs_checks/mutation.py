"""Formulas with one change each, and the places in a content where formulas stand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields, is_dataclass, replace
from functools import partial
from itertools import combinations
from typing import Any

from sympy import (
    Abs,
    Add,
    And,
    Basic,
    Expr,
    Function,
    ImmutableMatrix,
    Indexed,
    IndexedBase,
    MatrixBase,
    Max,
    Min,
    Mul,
    Number,
    Or,
    Pow,
    Symbol,
    cos,
    cosh,
    nan,
    sin,
    sinh,
    zoo,
)
from sympy.concrete.expr_with_limits import ExprWithLimits
from sympy.core.relational import Eq, Ge, Gt, Le, Lt, Ne, Relational
from sympy.logic.boolalg import BooleanAtom
from sympy.matrices.expressions import (
    Inverse,
    MatAdd,
    MatMul,
    MatPow,
    MatrixExpr,
    MatrixSymbol,
    Transpose,
)

from ..theory.penalties import Penalty

__all__ = ["formulas", "mutate"]

PutBack = Callable[[Any], Any]


def formulas(content: Any) -> Iterator[tuple[tuple[str, ...], Basic, PutBack]]:
    """The formulas in a content: where, what, and the function that puts another in its place.

    >>> x = Symbol("x")
    >>> [(place, formula, put(-x)) for place, formula, put in formulas((x, ("word", 2 * x)))]
    [(('0',), x, (-x, ('word', 2*x))), (('1', '1'), 2*x, (x, ('word', -x)))]
    """
    if isinstance(content, Basic):
        yield (), content, lambda new: new
    elif isinstance(content, MatrixBase):
        yield (), content.as_immutable(), type(content)
    for name, part, put_in in _parts(content):
        for place, formula, put in formulas(part):
            yield (name, *place), formula, partial(_compose, put_in, put)


def _compose(outer: PutBack, inner: PutBack, new: Any) -> Any:
    return outer(inner(new))


def _parts(content: Any) -> Iterator[tuple[str, Any, PutBack]]:
    """The parts of a content that is no formula, with how to put another part in its place."""
    if isinstance(content, (Basic, MatrixBase, Penalty)):
        return  # a penalty is what a statement is about, not what it says
    if is_dataclass(content) and not isinstance(content, type):
        for name in (field.name for field in fields(content)):
            yield name, getattr(content, name), partial(_with_field, content, name)
    elif isinstance(content, tuple):
        names = getattr(content, "_fields", range(len(content)))
        for i, (name, part) in enumerate(zip(names, content, strict=True)):
            yield str(name), part, partial(_with_item, content, i)
    elif isinstance(content, frozenset):
        for member in sorted(content, key=str):
            yield str(member), member, partial(_with_member, content, member)


def _with_field(content: Any, name: str, new: Any) -> Any:
    return replace(content, **{name: new})


def _with_item(content: tuple[Any, ...], i: int, new: Any) -> Any:
    items = (*content[:i], new, *content[i + 1 :])
    return content._make(items) if hasattr(content, "_make") else items


def _with_member(content: frozenset[Any], member: Any, new: Any) -> frozenset[Any]:
    return (content - {member}) | {new}


def mutate(formula: Basic) -> tuple[Basic, ...]:
    """Every formula that one change makes of this one, each once, in the order of the places.

    The changes: another sign, a term or factor dropped, a number or exponent changed, a function
    or a relation turned into its opposite, two symbols swapped.

    Examples
    --------
    >>> x = Symbol("x")
    >>> mutate(3 * x)
    (-3*x, 6*x, 3*x + 1, x, 3, 0, 4*x)
    """
    seen: dict[Basic, None] = {}
    for changed in _everywhere(formula, root=True):
        if changed != formula and not changed.has(*_UNDEFINED):
            seen.setdefault(changed)
    return tuple(seen)


_UNDEFINED = (nan, zoo)
_SWAPPED = {cosh: sinh, sinh: cosh, cos: sin, sin: cos, Max: Min, Min: Max, And: Or, Or: And}
_RELATIONS = {Lt: (Gt, Le), Le: (Ge, Lt), Gt: (Lt, Ge), Ge: (Le, Gt), Eq: (Ne,), Ne: (Eq,)}
_LEAVES = (Symbol, MatrixSymbol, Indexed, IndexedBase)


def _everywhere(node: Basic, *, root: bool = False) -> Iterator[Basic]:
    """One change at this node, or at one below it; ``root`` where a whole formula begins."""
    if root:
        yield from _attempted(_changes_of_a_whole(node))
    yield from _attempted(_changes(node))
    if isinstance(node, _LEAVES):
        return
    if isinstance(node, ImmutableMatrix):
        for i, entry in enumerate(node.flat()):
            for changed in _everywhere(entry, root=True):
                yield node.func(*node.shape, [*node.flat()[:i], changed, *node.flat()[i + 1 :]])
        return
    for i, argument in enumerate(node.args):
        if isinstance(node, ExprWithLimits) and i > 0:
            continue  # the variable of a sum is no part of what it says
        if isinstance(node, (Pow, MatPow)) and i == 1 and isinstance(argument, Number):
            continue
        for changed in _everywhere(argument, root=isinstance(node, Relational)):
            yield from _attempted([partial(_with_argument, node, i, changed)])


def _with_argument(node: Basic, i: int, changed: Basic) -> Basic:
    return node.func(*node.args[:i], changed, *node.args[i + 1 :])


def _product(node: Basic, factors: tuple[Basic, ...]) -> Basic:
    return factors[0] if len(factors) == 1 else node.func(*factors)


def _attempted(makers: Iterable[Callable[[], Basic]]) -> Iterator[Basic]:
    """What can be made: not every change leaves a formula, a product of matrices for one."""
    for make in makers:
        try:
            changed = make()
        except (TypeError, ValueError, AttributeError, NotImplementedError):
            continue
        yield changed


def _changes_of_a_whole(node: Basic) -> Iterator[Callable[[], Basic]]:
    if isinstance(node, (Expr, MatrixExpr)) and not isinstance(node, Number):
        yield lambda: -node
        yield lambda: 2 * node
    if isinstance(node, Expr) and not isinstance(node, (MatrixExpr, Number)):
        yield lambda: node + 1
    labels = {base.label for base in node.atoms(IndexedBase)}
    names = [s for s in node.free_symbols if isinstance(s, (Symbol, MatrixSymbol))]
    for pair in combinations(sorted(set(names) - labels, key=str), 2):
        if getattr(pair[0], "shape", ()) == getattr(pair[1], "shape", ()):
            yield partial(node.xreplace, dict(zip(pair, pair[::-1], strict=True)))


def _changes(node: Basic) -> Iterator[Callable[[], Basic]]:
    if isinstance(node, Number):
        for factor in (-1, 2, 0):
            yield partial(Mul, factor, node)
        yield partial(Add, node, 1)
    elif isinstance(node, (Add, MatAdd)):
        for i, term in enumerate(node.args):
            for changed in (-term, 0 * term, 2 * term):
                yield partial(_with_argument, node, i, changed)
    elif isinstance(node, (Mul, MatMul, And, Or)):
        for i in range(len(node.args)):
            yield partial(_product, node, (*node.args[:i], *node.args[i + 1 :]))
    elif isinstance(node, Pow) and isinstance(node.exp, Number):
        yield lambda: node.base ** (node.exp + 1)
        yield lambda: node.base**-node.exp
    elif isinstance(node, (Inverse, Transpose)):
        yield lambda: node.arg
    elif isinstance(node, Relational):
        for kind in _RELATIONS[type(node)]:
            yield partial(kind, *node.args)
    elif isinstance(node, BooleanAtom):
        yield lambda: ~node
    elif isinstance(node, Function) and isinstance(node.args[-1], Expr):
        for factor in (-1, 2):
            yield partial(node.func, *node.args[:-1], factor * node.args[-1])
    if isinstance(node, Abs):
        yield lambda: node.args[0]
    if node.func in _SWAPPED:
        yield partial(_SWAPPED[node.func], *node.args)

"""Mutation tests of the claims: change one symbol, sign or number; the checks have to notice.

The content that the checks support is mutated, one change at a time. A mutant that is proved to say
the same is equivalent; every other one should be rejected: refuted with a witness, or at least not
supported. A mutant that the checks support is a survivor, and a weakness of the checks.

The formulas of a content are mutated, not its words: a claim whose content is a set of named
hypotheses has no mutants, and its controls have to do.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from enum import StrEnum
from functools import partial
from itertools import combinations
from pathlib import Path
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
from sympy.logic.boolalg import Boolean, BooleanAtom
from sympy.matrices.expressions import (
    Inverse,
    MatAdd,
    MatMul,
    MatrixExpr,
    MatrixSymbol,
    Transpose,
)

from ..theory.identities import is_identically_zero
from ..theory.penalties import Penalty
from .claim import Claim, Entry, Variant, Verdict, judge
from .claims import all_claims, find_claim
from .ledger import _processes, select
from .smt import prove_implication

__all__ = ["Fate", "Mutant", "MutantReport", "Trial", "mutants", "mutate", "try_mutants", "write"]

MUTANTS_PER_CLAIM = 40
"""At most so many mutants of a claim are tried, spread evenly over the places of its content."""


class Fate(StrEnum):
    """What became of a mutant."""

    REFUTED = "refuted"
    NOT_SUPPORTED = "not supported"
    EQUIVALENT = "equivalent"
    SURVIVED = "survived"


@dataclass(frozen=True)
class Mutant:
    """A content with one formula changed, and that formula before and after."""

    content: Any
    before: Basic
    after: Basic


@dataclass(frozen=True)
class Trial:
    """What the checks made of one mutant."""

    before: str
    after: str
    fate: Fate
    detail: str
    seconds: float


@dataclass(frozen=True)
class MutantReport:
    """The trials of all mutants of a claim."""

    id: str
    trials: tuple[Trial, ...]
    seconds: float

    def count(self, *fates: Fate) -> int:
        """How many mutants met one of these fates."""
        return sum(trial.fate in fates for trial in self.trials)

    @property
    def survivors(self) -> tuple[Trial, ...]:
        return tuple(trial for trial in self.trials if trial.fate is Fate.SURVIVED)


def try_mutants(
    claims: Sequence[str] | None = None,
    *,
    workers: int = 1,
    on_report: Callable[[MutantReport], None] = lambda report: None,
) -> tuple[MutantReport, ...]:
    """Put the mutants of claims to their checks.

    Parameters
    ----------
    claims : ids, or patterns such as ``"beck.*"``; None for every claim.
    workers : processes, as for :func:`logitreg.proofs_checks.ledger.verify`.
    on_report : called with the report of each claim as it is finished.

    Returns
    -------
    One report for each claim, in the order of the registry.

    Raises
    ------
    UnknownNameError : a pattern matches no claim.

    Examples
    --------
    >>> (report,) = try_mutants(["primer.ls-formula"])
    >>> len(report.trials) > 5, report.survivors
    (True, ())
    """
    ids = select(claims) if claims is not None else tuple(claim.id for claim in all_claims())
    if workers <= 1:
        reports = []
        for id in ids:
            reports.append(_try_by_id(id))
            on_report(reports[-1])
        return tuple(reports)
    done = {}
    with ProcessPoolExecutor(workers, mp_context=_processes()) as pool:
        futures = [pool.submit(_try_by_id, id) for id in ids]
        try:
            for future in as_completed(futures):
                report = future.result()
                done[report.id] = report
                on_report(report)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return tuple(done[id] for id in ids)


def write(reports: Iterable[MutantReport], path: Path) -> None:
    """Write the reports as JSON: a list with one object for each claim."""
    path.write_text(json.dumps([asdict(r) for r in reports], indent=2) + "\n", encoding="utf-8")


def _try_by_id(id: str) -> MutantReport:
    start = time.perf_counter()
    claim = find_claim(id)
    trials = tuple(_try(claim, mutant) for mutant in mutants(claim))
    return MutantReport(id, trials, time.perf_counter() - start)


def mutants(claim: Claim) -> tuple[Mutant, ...]:
    """The mutants of what a claim's checks support: the statement printed, else its correction.

    There are none where neither is supported, and at most ``MUTANTS_PER_CLAIM``.

    Examples
    --------
    >>> mutant = mutants(find_claim("primer.ls-formula"))[0]
    >>> print(mutant.before, "->", mutant.after)
    epsilon/K -> -epsilon/K
    """
    supported = _supported(claim)
    if supported is None:
        return ()
    found = [
        Mutant(put_back(after), before, after)
        for before, put_back in _formulas(supported.content)
        for after in mutate(before)
    ]
    count = min(len(found), MUTANTS_PER_CLAIM)
    return tuple(found[i * len(found) // count] for i in range(count))


def _supported(claim: Claim) -> Variant | None:
    verdict = judge(replace(claim, controls=())).verdict
    if verdict is Verdict.HOLDS:
        return claim.printed
    if verdict in (Verdict.HOLDS_IF, Verdict.MISPRINTED) and claim.correction is not None:
        return claim.correction.variant
    return None


def _try(claim: Claim, mutant: Mutant) -> Trial:
    start = time.perf_counter()
    entry = _judge_content(claim, mutant.content)
    if entry.verdict is Verdict.REFUTED:
        fate, detail = Fate.REFUTED, str(entry.witness)
    elif entry.verdict is Verdict.OPEN:
        fate, detail = Fate.NOT_SUPPORTED, "; ".join(
            e.detail for e in entry.evidence if e.grade == "UNDECIDED"
        )
    else:
        fate, detail = Fate.SURVIVED, entry.grade
    if fate is not Fate.REFUTED and says_the_same(mutant.before, mutant.after):
        fate, detail = Fate.EQUIVALENT, "proved to say the same"
    seconds = time.perf_counter() - start
    return Trial(str(mutant.before), str(mutant.after), fate, detail, seconds)


def _judge_content(claim: Claim, content: Any) -> Entry:
    """The checks alone, on another content."""
    printed = Variant(claim.printed.text, content)
    return judge(replace(claim, printed=printed, controls=(), correction=None, derivation=None))


def says_the_same(before: Basic, after: Basic) -> bool:
    """Whether two formulas are proved equal, or equivalent, for all values of their symbols.

    Examples
    --------
    >>> x, y = Symbol("x", real=True), Symbol("y", real=True)
    >>> says_the_same(cosh(x), cosh(-x)), says_the_same(x < y, -y < -x), says_the_same(x, 2 * x)
    (True, True, False)
    """
    try:
        if isinstance(before, Expr) and isinstance(after, Expr):
            return is_identically_zero(before - after) is True
        if isinstance(before, ImmutableMatrix) and isinstance(after, ImmutableMatrix):
            return all(is_identically_zero(entry) is True for entry in before - after)
        if isinstance(before, Boolean) and isinstance(after, Boolean):
            return _follows(before, after) and _follows(after, before)
    except (TypeError, ValueError, NotImplementedError):
        return False
    return False


def _follows(hypothesis: Boolean, conclusion: Boolean) -> bool:
    return prove_implication([hypothesis], conclusion).supported


def _formulas(content: Any) -> Iterator[tuple[Basic, Callable[[Any], Any]]]:
    """The formulas in a content, each with the function that puts another one in its place."""
    if isinstance(content, Basic):
        yield content, lambda new: new
    elif isinstance(content, MatrixBase):
        yield content.as_immutable(), type(content)
    elif isinstance(content, Penalty):
        return  # what the statement is about, not what it says
    elif is_dataclass(content) and not isinstance(content, type):
        for field in fields(content):
            for formula, put in _formulas(getattr(content, field.name)):
                yield formula, _in_field(content, field.name, put)
    elif isinstance(content, tuple):
        for i, item in enumerate(content):
            for formula, put in _formulas(item):
                yield formula, _in_tuple(content, i, put)
    elif isinstance(content, frozenset):
        for item in sorted(content, key=str):
            for formula, put in _formulas(item):
                yield formula, _in_set(content, item, put)


def _in_field(content: Any, name: str, put: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda new: replace(content, **{name: put(new)})


def _in_tuple(content: tuple[Any, ...], i: int, put: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def put_back(new: Any) -> Any:
        items = (*content[:i], put(new), *content[i + 1 :])
        return content._make(items) if hasattr(content, "_make") else items

    return put_back


def _in_set(
    content: frozenset[Any], item: Any, put: Callable[[Any], Any]
) -> Callable[[Any], Any]:
    return lambda new: (content - {item}) | {put(new)}


def mutate(formula: Basic) -> tuple[Basic, ...]:
    """Every formula that one change makes of this one, each once, in the order of the places.

    The changes: another sign, a term or factor dropped, a number or exponent changed, a function
    or a relation turned into its opposite, two symbols swapped.

    Examples
    --------
    >>> x, y = Symbol("x"), Symbol("y")
    >>> mutate(x - y)
    (-x + y, 2*x - 2*y, x - y + 1, x + y, -y, -x - y, x, 2*x - y, x - 2*y)
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
        if isinstance(node, Pow) and i == 1 and isinstance(argument, Number):
            continue
        for changed in _everywhere(argument, root=isinstance(node, Relational)):
            yield from _attempted([partial(_with_argument, node, i, changed)])


def _with_argument(node: Basic, i: int, changed: Basic) -> Basic:
    return node.func(*node.args[:i], changed, *node.args[i + 1 :])


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
            yield lambda pair=pair: node.xreplace(dict(zip(pair, pair[::-1], strict=True)))


def _changes(node: Basic) -> Iterator[Callable[[], Basic]]:
    if isinstance(node, Number):
        for number in (-node, node + 1, 2 * node, 0 * node):
            yield lambda number=number: number
    elif isinstance(node, (Add, MatAdd)):
        for i, term in enumerate(node.args):
            for changed in (-term, 0 * term, 2 * term):
                yield partial(_with_argument, node, i, changed)
    elif isinstance(node, (Mul, MatMul, And, Or)):
        for i in range(len(node.args)):
            yield lambda i=i: node.func(*node.args[:i], *node.args[i + 1 :])
    elif isinstance(node, Pow) and isinstance(node.exp, Number):
        yield lambda: node.base ** (node.exp + 1)
        yield lambda: node.base**-node.exp
    elif isinstance(node, (Inverse, Transpose)):
        yield lambda: node.arg
    elif isinstance(node, Relational):
        for kind in _RELATIONS[type(node)]:
            yield lambda kind=kind: kind(*node.args)
    elif isinstance(node, BooleanAtom):
        yield lambda: ~node
    elif isinstance(node, Function):
        for factor in (-1, 2):
            yield lambda factor=factor: node.func(*node.args[:-1], factor * node.args[-1])
    if isinstance(node, Abs):
        yield lambda: node.args[0]
    if node.func in _SWAPPED:
        yield lambda: _SWAPPED[node.func](*node.args)

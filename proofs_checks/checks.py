"""Checks that several claims share: from the formal content of a statement to an outcome."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sympy import Dummy, Eq, Expr, Rational, Sum, Symbol
from sympy.core.relational import Relational

from ..theory.multiclass import (
    at_logits,
    direction,
    second_directional_derivative,
    sums_as_symbols,
)
from ..theory.symbols import K, k, logits
from .evidence import Grade, Outcome, weakest
from .prover import Domain, prove
from .smt import prove_implication
from .witnesses import sign_at

__all__ = [
    "Proposition",
    "all_of",
    "convex_in_the_logits",
    "holds_on_its_domain",
    "identical",
    "same_function_of_logits",
    "symmetric_in_the_logits",
]


@dataclass(frozen=True)
class Proposition:
    """A relation that is to hold on a whole domain."""

    relation: Relational
    domain: Domain


def holds_on_its_domain(propositions: Sequence[Proposition]) -> Outcome:
    """Every proposition holds on its domain."""
    return all_of(prove(p.relation, p.domain) for p in propositions)


def identical(left: Expr, right: Expr) -> Outcome:
    """Both sides are equal for all values of their symbols."""
    return prove(Eq(left, right, evaluate=False), {})


def all_of(outcomes: Iterable[Outcome]) -> Outcome:
    """The conjunction, up to the first refutation; the details of all that were needed."""
    seen: list[Outcome] = []
    for outcome in outcomes:
        seen.append(outcome)
        if outcome.refutes:
            return outcome
    decisive = weakest(seen)
    if not decisive.supported or len(seen) == 1:
        return decisive
    methods = " + ".join(dict.fromkeys(o.method for o in seen))
    details = "; ".join(o.detail for o in seen)
    return Outcome(decisive.status, methods, details, decisive.grade)


def _depends_on_the_class(total: Sum) -> bool:
    """Whether the summand holds the class other than through its logit."""
    return bool(total.replace(logits[k], Symbol("x")).function.has(k))


_SAMPLE_LOGITS = tuple(map(Rational, (1, 0, -2)))
_AT_LOGITS = "ball arithmetic at exact logits"


def same_function_of_logits(sides: tuple[Expr, Expr]) -> Outcome:
    """Two functions of K logits are the same for every K, or differ at K = 3 and given logits."""
    difference = (sides[0] - sides[1]).expand()
    if difference == 0 or difference.simplify() == 0:
        return Outcome.proved("symbolic identity, K symbolic", f"{sides[0]} = {sides[1]}")
    return _differs_at(difference, "the two sides differ")


def _differs_at(difference: Expr, what: str) -> Outcome:
    value = at_logits(difference, _SAMPLE_LOGITS)
    point = {s: Rational(1, 10) for s in value.free_symbols}
    if sign_at(value, point):
        shown = f"{str(value.subs(point).evalf(16))[:17]}..."
        values = "".join(f", {s} = {v}" for s, v in point.items())
        where = f"K = 3, logits (1, 0, -2), true class 1{values}"
        witness = f"{where}: difference {shown}"
        return Outcome.refuted(_AT_LOGITS, what, witness, Grade.CERTIFIED)
    return Outcome.undecided("symbolic identity, K symbolic", f"no proof, no witness: {difference}")


def symmetric_in_the_logits(f: Expr) -> Outcome:
    """A function of the logits is unchanged when the classes are permuted."""
    reduced, names = sums_as_symbols(f)
    over_all = all(total.limits == ((k, 1, K),) for total in names)
    if over_all and not reduced.has(logits) and not any(map(_depends_on_the_class, names)):
        return Outcome.proved("structure", "the logits enter through sums over all classes alone")
    swapped = at_logits(f, (_SAMPLE_LOGITS[1], _SAMPLE_LOGITS[0], _SAMPLE_LOGITS[2]))
    difference = at_logits(f, _SAMPLE_LOGITS) - swapped
    point = {s: Rational(1, 10) for s in difference.free_symbols}
    if sign_at(difference, point):
        witness = "K = 3: the logits (1, 0, -2) and (0, 1, -2) give different values"
        return Outcome.refuted(_AT_LOGITS, "not symmetric", witness, Grade.CERTIFIED)
    return Outcome.undecided("structure", f"symmetry of {f} neither proved nor refuted")


def convex_in_the_logits(f: Expr) -> Outcome:
    """The second derivative of f along every direction v is non-negative, K symbolic.

    Proved where it is a sum of terms each non-negative under its sum, or the variance
    S_2/S_0 - (S_1/S_0)^2 of v under positive weights; refuted at K = 3.
    """
    bend = second_directional_derivative(f)
    outcome = _proved_nonnegative(bend)
    if outcome.supported:
        return outcome
    negative = _negative_direction(f)
    if negative is not None:
        return Outcome.refuted(_AT_LOGITS, "negative curvature", negative, Grade.CERTIFIED)
    return outcome


def _proved_nonnegative(bend: Expr) -> Outcome:
    reduced, names = sums_as_symbols(bend.expand())
    hypotheses: list[Relational] = []
    for total, symbol in names.items():
        term = total.function.subs({direction[k]: Symbol("v", real=True)})
        if term.is_positive:
            hypotheses.append(symbol > 0)
        elif term.is_nonnegative:
            hypotheses.append(symbol >= 0)
    for s0, s1, s2 in _moments(names):
        # The weighted mean of (v - mean)^2, times the total weight.
        mean = Dummy("mean", real=True)
        hypotheses += [s2 - 2 * mean * s1 + mean**2 * s0 >= 0, Eq(mean * s0, s1)]
    try:
        outcome = prove_implication(hypotheses, reduced >= 0)
    except TypeError as error:
        return Outcome.undecided("z3", str(error))
    if outcome.supported:
        return outcome
    return Outcome.undecided("z3", f"curvature {bend} neither proved nor refuted")


def _moments(names: Mapping[Sum, Symbol]) -> Iterator[tuple[Symbol, Symbol, Symbol]]:
    """The symbols of sum_k w_k v_k^n, n = 0, 1, 2, for each set of positive weights w_k."""
    by_summand = {(total.function, total.limits): symbol for total, symbol in names.items()}
    for weight, limits in by_summand:
        first, second = ((weight * direction[k] ** n, limits) for n in (1, 2))
        if weight.is_positive and not weight.has(direction) and {first, second} <= set(by_summand):
            yield by_summand[weight, limits], by_summand[first], by_summand[second]


def _negative_direction(f: Expr) -> str | None:
    vectors = [(1, 0, 0), (1, -1, 0), (1, 1, 1)]
    step = Symbol("s", real=True)
    for values in ((3, 0, 0), (1, 0, -2), (8, 0, -1)):
        for vector in vectors:
            along = at_logits(f, [z + step * v for z, v in zip(values, vector, strict=True)])
            number = along.diff(step, 2).subs(step, 0)
            if not number.free_symbols and sign_at(number, {}) < 0:
                return (
                    f"K = 3, logits {values}, direction {vector}: {str(number.evalf(12))[:14]}..."
                )
    return None

"""The closed form of a target as a claim: it solves its equation, and is the only solution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache

from sympy import (
    Eq,
    Expr,
    Gt,
    Interval,
    LambertW,
    Piecewise,
    Rational,
    S,
    Symbol,
    expand,
    factor,
    fraction,
    limit,
    oo,
    simplify,
    together,
)

from ..theory.corners import CORNERED
from ..theory.identities import in_exponentials, is_identically_zero
from ..theory.losses import x as positive_logit
from ..theory.optimality import least_odds, optimality_conditions
from ..theory.penalties import Penalty
from ..theory.special import RLambertW
from ..theory.substitution import vanishes_by_definition
from ..theory.symbols import K, gap, odds, z
from ..theory.targets import Branch, derivation, target_branches
from .checks import all_of
from .claim import Claim, DeferredVariant
from .evidence import Grade, Outcome
from .prover import prove
from .witnesses import sign_at, tell

__all__ = ["closed_form_claim"]


@dataclass(frozen=True)
class _ClosedForm:
    """The branches that are claimed for the target of a penalty."""

    penalty: Penalty
    branches: tuple[Branch, ...]


def _solves_its_equation(form: _ClosedForm) -> Outcome:
    """h(target) = c on every branch that has an equation."""
    return all_of(_branch_solves(branch) for branch in form.branches if branch.equation is not None)


def _branch_solves(branch: Branch) -> Outcome:
    assert branch.equation is not None
    residual = _at(branch, branch.target) - branch.equation.rhs
    if not isinstance(branch.equation, Eq):
        point = {s: Rational(3) for s in residual.free_symbols}
        return Outcome.refuted(
            "structure", "no equation", f"{branch.equation}; {tell(residual, point)}"
        )
    # A value first: where there is no proof, to look for it takes long.
    first, *others = map(Rational, (8, 20, 3, 60, "1/2"))
    if refuted := _first_difference(branch, residual, [first]):
        return refuted
    # Lambert's functions are defined for arguments that are not negative.
    if not all(w.is_extended_real for w in branch.target.atoms(LambertW, RLambertW)):
        return Outcome.undecided("substitution", f"{branch.target} is not known to be defined")
    if vanishes_by_definition(residual):
        return Outcome.proved("substitution", f"{branch.equation} at {branch.target}")
    return _first_difference(branch, residual, others) or Outcome.undecided(
        "substitution", f"{residual} not reduced to zero"
    )


def _first_difference(branch: Branch, residual: Expr, values: Sequence[Rational]) -> Outcome | None:
    """A refutation at one of the values of c that are certified to lie on the branch."""
    for value in values:
        point = {s: value if s == odds else Rational(3) for s in residual.free_symbols}
        if branch.up_to != oo and sign_at(branch.up_to.subs(K, 3) - value, {}) <= 0:
            continue
        if sign_at(residual, point):
            return Outcome.refuted(
                "ball arithmetic at a rational point",
                f"{branch.target} does not solve {branch.equation}",
                tell(residual, point) if point else f"h - c = {residual} at every c",
                Grade.CERTIFIED,
            )
    return None


def _at(branch: Branch, point: Expr) -> Expr:
    """h at a point of the branch, or its limit towards minus infinity."""
    assert branch.equation is not None
    h = branch.equation.lhs
    return limit(h, z, -oo) if point == -oo else h.subs(_unknown(branch), point)


def _unknown(branch: Branch) -> Symbol:
    return gap if branch.equation is not None and branch.equation.lhs.has(gap) else z


def _branches_meet(form: _ClosedForm) -> Outcome:
    """Every c with a target has its branch: each begins, from its start, where the last ended.

    A branch without an equation stays at its start, and the last one has no end.
    """
    outcomes = []
    ends = (least_odds(form.penalty), *(branch.up_to for branch in form.branches))
    if ends[-1] != oo:
        return Outcome.refuted("structure", "large c has no branch", f"c > {ends[-1]}")
    for i, branch in enumerate(form.branches):
        if branch.equation is None:
            outcomes.append(_same("the target stays", branch.target, branch.start))
            continue
        kink = i > 0 and form.branches[i - 1].equation is None
        outcomes.append(_same(f"c at {branch.start}", _at(branch, branch.start), ends[i]))
        if i > 0 and not kink:
            before = _at(form.branches[i - 1], branch.start)
            outcomes.append(_same(f"c at {branch.start}", before, ends[i]))
    return all_of(outcomes)


def _same(what: str, value: Expr, claimed: Expr) -> Outcome:
    difference = simplify(in_exponentials(value - claimed))
    if is_identically_zero(difference):
        return Outcome.proved("substitution", f"{what} = {claimed}")
    point = {s: Rational(3) for s in difference.free_symbols}
    witness = f"{what}: {value}, not {claimed}; {tell(difference, point)}"
    if sign_at(difference, point):
        method = "ball arithmetic at a rational point"
        return Outcome.refuted(method, "the branches do not meet", witness, Grade.CERTIFIED)
    return Outcome.undecided("substitution", witness)


def _has_one_solution(form: _ClosedForm) -> Outcome:
    """h is strictly increasing on each branch, so that a solution of h = c is the only one."""
    return all_of(_increases(branch) for branch in form.branches if branch.equation is not None)


def _increases(branch: Branch) -> Outcome:
    begin = branch.start if branch.start.is_number else S.Zero
    unknown = positive_logit if begin.is_nonnegative else z
    slope = _at(branch, unknown).diff(unknown)
    if not slope.has(K):
        return prove(Gt(slope, 0, evaluate=False), {unknown: Interval.open(begin, oo)})
    # K = 3, 4, ... as 3 plus a non-negative number: the sign follows term by term.
    shifted = in_exponentials(slope.subs(K, 3 + Symbol("n", nonnegative=True)))
    for rewrite in (expand, _over_one_denominator, simplify):
        if rewrite(shifted).is_positive:
            return Outcome.proved("symbolic sign", f"{slope} > 0 for K >= 3")
    return Outcome.undecided("symbolic sign", f"sign of {slope}")


def _over_one_denominator(expression: Expr) -> Expr:
    numerator, denominator = fraction(together(expression))
    return expand(numerator) / factor(denominator)


_Change = Callable[[Branch], Branch]


def _with_target(change: Callable[[Expr], Expr]) -> _Change:
    def changed(branch: Branch) -> Branch:
        return (
            replace(branch, target=change(branch.target)) if branch.equation is not None else branch
        )

    return changed


def _with_the_threshold_moved(branch: Branch) -> Branch:
    return replace(branch, up_to=branch.up_to + 1) if branch.up_to != oo else branch


def _has_thresholds(penalty: Penalty) -> bool:
    """Whether the target of two classes passes from one condition to another."""
    return sum(condition.solvable for condition in optimality_conditions(penalty)) > 1


def closed_form_claim(penalty: Penalty, classes: int, id: str, source: str, text: str) -> Claim:
    """The claim that theory's closed form of a target solves its equation, and uniquely.

    ``classes`` is 2 for the binary target and ``SEVERAL`` for the gap at symbolic K >= 3.
    """

    @cache
    def branches() -> tuple[Branch, ...]:
        found = target_branches(penalty, classes)
        if found is None:
            raise ValueError(f"{penalty.name} has no closed form for its target; leave it out")
        return found

    def changed(text: str, change: _Change) -> DeferredVariant:
        return DeferredVariant(
            text, lambda: _ClosedForm(penalty, tuple(change(branch) for branch in branches()))
        )

    controls = [
        changed("2 c for c", _with_target(lambda t: t.subs(odds, 2 * odds))),
        changed("the target plus 1/1000", _with_target(lambda t: t + Rational(1, 1000))),
        changed("c + 1 for c", _with_target(lambda t: t.subs(odds, odds + 1))),
    ]
    if penalty.expression.has(*CORNERED, Piecewise) and _has_thresholds(penalty):
        controls.append(changed("thresholds moved by 1", _with_the_threshold_moved))
    return Claim(
        id=id,
        printed=DeferredVariant(text, lambda: _ClosedForm(penalty, branches())),
        source=source,
        hypotheses=("0 < alpha < 1", "c = (1 - alpha)/alpha"),
        checks=(_solves_its_equation, _branches_meet, _has_one_solution),
        controls=tuple(controls),
        derivation=(lambda: derivation(penalty)) if classes == 2 else None,
    )

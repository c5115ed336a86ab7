"""The closed form of a target as a claim: it solves its equation, and is the only solution."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from sympy import Eq, Expr, Gt, Interval, Rational, S, Symbol, expand, oo, simplify

from ..theory.identities import in_exponentials, is_identically_zero
from ..theory.losses import x as positive_logit
from ..theory.penalties import Penalty
from ..theory.substitution import vanishes_by_definition
from ..theory.symbols import K, gap, odds, z
from ..theory.targets import Branch, derivation, target_branches
from .checks import all_of
from .claim import Claim, Variant
from .evidence import Grade, Outcome
from .prover import prove, tell

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
    if vanishes_by_definition(residual):
        return Outcome.proved("substitution", f"{branch.equation} at {branch.target}")
    for value in map(Rational, (8, 20, 3, 60, "1/2")):
        point = {s: value if s == odds else Rational(3) for s in residual.free_symbols}
        if branch.up_to != oo and not value <= branch.up_to.subs(point):
            continue
        number = residual.subs(point).evalf(30)
        if number.is_comparable and abs(number) > Rational(1, 10**12):
            return Outcome.refuted(
                "evaluation at 30 digits",
                f"{branch.target} does not solve {branch.equation}",
                tell(residual, point) if point else f"h - c = {residual} at every c",
                Grade.CERTIFIED,
            )
    return Outcome.undecided("substitution", f"{residual} not reduced to zero")


def _at(branch: Branch, point: Expr) -> Expr:
    """h at a point of the branch."""
    assert branch.equation is not None
    return branch.equation.lhs.subs(_unknown(branch), point)


def _unknown(branch: Branch) -> Symbol:
    return gap if branch.equation is not None and branch.equation.lhs.has(gap) else z


def _branches_meet(form: _ClosedForm) -> Outcome:
    """Every c > 0 has its branch: each begins, from its start, at the c at which the last ended.

    A branch without an equation stays at its start, and the last one has no end.
    """
    outcomes = []
    ends = (S.Zero, *(branch.up_to for branch in form.branches))
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
    difference = simplify(value - claimed)
    if is_identically_zero(difference):
        return Outcome.proved("substitution", f"{what} = {claimed}")
    point = {s: Rational(3) for s in difference.free_symbols}
    witness = f"{what}: {value}, not {claimed}; {tell(difference, point)}"
    if difference.subs(point).evalf(20).is_zero is False:
        return Outcome.refuted("substitution", "the branches do not meet", witness)
    return Outcome.undecided("substitution", witness)


def _has_one_solution(form: _ClosedForm) -> Outcome:
    """h is strictly increasing on each branch, so that a solution of h = c is the only one."""
    return all_of(_increases(branch) for branch in form.branches if branch.equation is not None)


def _increases(branch: Branch) -> Outcome:
    slope = simplify(_at(branch, positive_logit).diff(positive_logit))
    if not slope.has(K):
        return prove(Gt(slope, 0, evaluate=False), {positive_logit: Interval.open(0, oo)})
    # K = 3, 4, ... as 3 plus a non-negative number: the sign follows term by term.
    shifted = expand(in_exponentials(slope.subs(K, 3 + Symbol("n", nonnegative=True))))
    for form in (simplify(shifted), shifted):
        if form.is_positive:
            return Outcome.proved("symbolic sign", f"{slope} > 0 for K >= 3")
    return Outcome.undecided("symbolic sign", f"sign of {slope}")


def _perturbed(form: _ClosedForm, change: Callable[[Branch], Branch]) -> _ClosedForm:
    return replace(
        form,
        branches=tuple(change(b) if b.equation is not None else b for b in form.branches),
    )


def _with_target(change: Callable[[Expr], Expr]) -> Callable[[Branch], Branch]:
    return lambda branch: replace(branch, target=change(branch.target))


def closed_form_claim(penalty: Penalty, classes: int, id: str, source: str, text: str) -> Claim:
    """The claim that theory's closed form of a target solves its equation, and uniquely.

    ``classes`` is 2 for the binary target and ``SEVERAL`` for the gap at symbolic K >= 3.
    """
    form = _ClosedForm(penalty, target_branches(penalty, classes) or ())
    controls = [
        Variant("2 c for c", _perturbed(form, _with_target(lambda t: t.subs(odds, 2 * odds)))),
        Variant(
            "the target plus 1/1000",
            _perturbed(form, _with_target(lambda t: t + Rational(1, 1000))),
        ),
        Variant("c + 1 for c", _perturbed(form, _with_target(lambda t: t.subs(odds, odds + 1)))),
    ]
    if len(form.branches) > 1:
        moved = tuple(replace(b, up_to=b.up_to + 1) if b.up_to != oo else b for b in form.branches)
        controls.append(Variant("thresholds moved by 1", replace(form, branches=moved)))
    return Claim(
        id=id,
        printed=Variant(text, form),
        source=source,
        hypotheses=("0 < alpha < 1", "c = (1 - alpha)/alpha"),
        checks=(_solves_its_equation, _branches_meet, _has_one_solution),
        controls=tuple(controls),
        derivation=(lambda: derivation(penalty)) if classes == 2 else None,
    )

"""One door to a proof: ``prove(relation, domain)`` is PROVED, CERTIFIED, refuted or undecided.

In this order: a witness at one of a few rational points, its sign certified by ball arithmetic;
exact algebra with assumptions; z3, with exp(z) as a variable of its own; a witness at many points;
ball arithmetic with subdivision on the compact part of the domain and an analytic bound on its
tails. No relation is proved before both of its sides are shown to be real and finite on the whole
domain: algebra cancels poles.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import islice

from flint import arb
from sympy import (
    And,
    Dummy,
    Eq,
    Expr,
    Ge,
    Gt,
    Interval,
    Le,
    Lt,
    Ne,
    S,
    Symbol,
    factor,
    fraction,
    oo,
    simplify,
    together,
)
from sympy.core.relational import Relational

from ..theory.definedness import conditions
from ..theory.identities import in_exponentials, is_identically_zero, split_exponentials
from .evidence import Grade, Outcome, weakest
from .smt import prove_implication
from .subdivision import Domain, certify
from .witnesses import first_nonzero, first_witness, values_on

__all__ = ["Domain", "certify_positive", "continuous_on", "prove"]

_MAX_BOXES = 20000
_MAX_BOXES_OF_A_CONDITION = 2000
_FIRST_POINTS = 60
"""So many points are tried before a proof is: most false statements fail at one of them."""


def prove(relation: Relational, domain: Domain) -> Outcome:
    """Whether the relation holds for every point of the domain.

    Parameters
    ----------
    relation : Eq, Gt, Ge, Lt or Le between real expressions. Where SymPy decides it already when
        it is built, that is taken for the answer; build it with ``evaluate=False`` to have shown
        here that both sides are defined.
    domain : an interval, bounded or not, for each free symbol of the relation. It must lie within
        the sign that SymPy assumes of the symbol; an integer symbol takes the integers in it. In
        an equation a symbol without an interval takes all values that its sign admits.

    Returns
    -------
    Outcome : PROVED or CERTIFIED support, a refutation with its witness, or undecided with the
        place where the certificate stopped.

    Raises
    ------
    ValueError : a symbol has no interval, or one that its assumptions do not admit.
    TypeError : not an equation or an inequality.

    Examples
    --------
    >>> from sympy import cosh, tanh
    >>> z = Symbol("z", real=True)
    >>> line = {z: Interval(-oo, oo)}
    >>> prove(Ge(cosh(z), 1 + z**2 / 2), {z: Interval(1, 2)}).grade.name
    'CERTIFIED'
    >>> prove(Gt(1 - z * tanh(z / 2), 0), line).witness
    'z = 2 gives -0.52318831191152...'
    """
    if isinstance(relation, Eq):
        rest = sorted(relation.free_symbols - set(domain), key=str)
        domain = {**domain, **{symbol: _all_values(symbol) for symbol in rest}}
    _check_domain(relation, domain)
    if relation == S.true:
        return Outcome.proved("symbolic sign", "the relation evaluates to true")
    if relation == S.false:
        return Outcome.refuted("symbolic sign", "the relation evaluates to false", "any value")
    if isinstance(relation, Eq):
        return _prove_equality(relation, domain)
    strict = isinstance(relation, (Gt, Lt))
    if not isinstance(relation, (Gt, Ge, Lt, Le)):
        raise TypeError(f"expected an equation or an inequality, got {relation}")
    positive = relation.gts - relation.lts
    values = values_on(positive, domain)
    witness = first_witness(islice(values, _FIRST_POINTS), positive, strict)
    if witness is not None:
        return _refuted(relation, witness)
    defined = _defined(relation.args, domain)
    if defined.supported and (proof := _proved_positive(positive, domain, strict)):
        return replace(proof, grade=min(proof.grade, defined.grade))
    witness = first_witness(values, positive, strict)
    if witness is not None:
        return _refuted(relation, witness)
    if not defined.supported:
        return Outcome.undecided(defined.method, f"{relation}: {defined.detail}")
    return certify(positive, domain, _MAX_BOXES)


def _all_values(symbol: Symbol) -> Interval:
    low = 0 if symbol.is_nonnegative else -oo
    high = 0 if symbol.is_nonpositive else oo
    return Interval(
        low, high, left_open=bool(symbol.is_positive), right_open=bool(symbol.is_negative)
    )


def _check_domain(relation: Relational, domain: Domain) -> None:
    missing = relation.free_symbols - set(domain)
    if missing:
        raise ValueError(f"no domain given for {sorted(map(str, missing))} in {relation}")
    for symbol, interval in domain.items():
        if not isinstance(interval, Interval) or interval.free_symbols:
            raise ValueError(
                f"expected an interval with numbers for ends and more than one point for {symbol}, "
                f"got {interval}; substitute a single value"
            )
        sign = {
            "positive": interval.inf > 0 or (interval.inf == 0 and interval.left_open),
            "negative": interval.sup < 0 or (interval.sup == 0 and interval.right_open),
            "nonnegative": interval.inf >= 0,
            "nonpositive": interval.sup <= 0,
            "nonzero": 0 not in interval,
        }
        for name, within in sign.items():
            if getattr(symbol, f"is_{name}") and not within:
                raise ValueError(
                    f"{symbol} is assumed to be {name} but its domain is {interval}; "
                    "give the symbol weaker assumptions or a smaller domain"
                )


def _prove_equality(relation: Eq, domain: Domain) -> Outcome:
    difference = relation.lhs - relation.rhs
    values = values_on(difference, domain)
    witness = first_nonzero(islice(values, _FIRST_POINTS), difference)
    if witness is not None:
        return _refuted(relation, witness)
    identical = is_identically_zero(difference)
    witness = None if identical else first_nonzero(values, difference)
    if witness is not None:
        return _refuted(relation, witness)
    if not identical:
        return Outcome.undecided("symbolic identity", f"no proof and no witness for {relation}")
    defined = _defined(relation.args, domain)
    if not defined.supported:
        return Outcome.undecided(defined.method, f"{relation}: {defined.detail}")
    proof = Outcome.proved("symbolic identity", f"{relation.lhs} = {relation.rhs}")
    return replace(proof, grade=defined.grade)


def _proved_positive(expression: Expr, domain: Domain, strict: bool) -> Outcome | None:
    """Exact, for an expression that is defined on the whole domain; the slowest method last."""
    return (
        _positive_by_signs(expression, domain, strict)
        or _positive_by_signs(factor(together(in_exponentials(expression))), domain, strict)
        or _positive_by_smt(expression, domain, strict)
        or _positive_by_signs(simplify(expression), domain, strict)
    )


def continuous_on(expression: Expr, domain: Domain) -> Outcome:
    """Whether the expression is real, finite and continuous on the domain: support, or undecided.

    >>> z = Symbol("z", real=True)
    >>> [continuous_on(1 / z, {z: Interval(low, 2)}).status.value for low in (1, -1)]
    ['supported', 'undecided']
    """
    return _defined([expression], domain, continuous=True)


def _defined(expressions: Iterable[Expr], domain: Domain, *, continuous: bool = False) -> Outcome:
    """Whether all conditions for the expressions to be defined hold, as the worst of them does."""
    method = "domain of definition"
    outcomes = [Outcome.proved(method, "the expressions are defined")]
    for expression in expressions:
        needed = conditions(expression, continuous=continuous)
        if needed is None:
            return Outcome.undecided(method, f"it is not known where {expression} is defined")
        for condition in needed:
            outcome = _condition(condition, domain)
            if not outcome.supported:
                return Outcome.undecided(method, f"{condition} is not proved")
            outcomes.append(outcome)
    return weakest(outcomes)


def _condition(condition: Relational, domain: Domain) -> Outcome:
    """By induction along the list of conditions, both sides are defined."""
    if isinstance(condition, Ne):
        difference = condition.lhs - condition.rhs
        value = next((value for _, value in values_on(difference, domain)), arb(1))
        positive, strict = (-1 if value < 0 else 1) * difference, True
    else:
        positive, strict = condition.gts - condition.lts, isinstance(condition, (Gt, Lt))
    proof = _proved_positive(positive, domain, strict)
    return proof or certify(positive, domain, _MAX_BOXES_OF_A_CONDITION)


def _refuted(relation: Relational, witness: str) -> Outcome:
    method = "ball arithmetic at a rational point"
    return Outcome.refuted(method, f"{relation} fails", witness, Grade.CERTIFIED)


def _positive_by_signs(form: Expr, domain: Domain, strict: bool) -> Outcome | None:
    """SymPy's assumptions, on symbols that carry the sign of their domain.

    Cancelled poles do not matter here: the expression is known to be defined. The sign of a number
    that is not rational SymPy takes from its value in floating point, which proves nothing.
    """
    if form.is_number and not form.is_Rational:
        return None
    marked = form.subs({symbol: _with_sign(symbol, i) for symbol, i in domain.items()})
    if marked.is_positive or (not strict and marked.is_nonnegative):
        return Outcome.proved("symbolic sign", f"{form} {'>' if strict else '>='} 0")
    return None


def _with_sign(symbol: Symbol, interval: Interval) -> Symbol:
    if interval.inf > 0 or (interval.inf == 0 and interval.left_open):
        return Dummy(symbol.name, positive=True)
    if interval.inf == 0:
        return Dummy(symbol.name, nonnegative=True)
    return Dummy(symbol.name, real=True)


def _positive_by_smt(expression: Expr, domain: Domain, strict: bool) -> Outcome | None:
    """z3 on the expression with exp(s) as a variable; what it proves so holds for the true exp."""
    hypotheses: list[Relational] = []
    reduced = expression
    for symbol, interval in domain.items():
        u = Dummy(f"exp_{symbol.name}", positive=True)
        reduced = split_exponentials(reduced, symbol, u)
        if reduced.has(u):
            hypotheses += [Ge(u, 1 + symbol), Ge(1, u * (1 - symbol))]
            if interval.inf >= 0:
                hypotheses.append(Ge(u, 1 + symbol + symbol**2 / 2))
        if interval.inf != -oo:
            hypotheses.append((Gt if interval.left_open else Ge)(symbol, interval.inf))
        if interval.sup != oo:
            hypotheses.append((Lt if interval.right_open else Le)(symbol, interval.sup))
    numerator, denominator = fraction(together(reduced))
    # Left as it stands: SymPy would decide a relation of numbers by floating point.
    goal = (Gt if strict else Ge)(numerator * denominator, 0, evaluate=False)
    if not denominator.is_number:
        goal = And(goal, Ne(denominator, 0))
    try:
        outcome = prove_implication([h for h in hypotheses if h != S.true], goal, timeout_ms=2000)
    except TypeError:
        return None
    return outcome if outcome.supported else None


def certify_positive(expression: Expr, domain: Domain) -> Outcome:
    """Ball arithmetic: tails by an analytic bound, the compact rest by subdivision.

    At most one symbol may range over an unbounded interval. The strict inequality is certified,
    also where the weak one was asked for.
    """
    defined = _defined([expression], domain)
    return certify(expression, domain, _MAX_BOXES) if defined.supported else defined

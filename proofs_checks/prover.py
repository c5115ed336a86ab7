"""One door to a proof: ``prove(relation, domain)`` is PROVED, CERTIFIED, refuted or undecided.

In this order: a witness at one of a few rational points, its sign certified by ball arithmetic;
exact algebra with assumptions; z3, with exp(z) as a variable of its own; a witness at many points;
ball arithmetic with subdivision on the compact part of the domain and an analytic bound on its
tails. No relation is proved before both of
its sides are shown to be real and finite on the whole domain: algebra cancels poles.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import chain, islice

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
    Rational,
    S,
    Symbol,
    factor,
    fraction,
    oo,
    simplify,
    together,
)
from sympy.core.relational import Relational

from ..numerics.balls import BallFunction, ball, ball_function, precision
from ..theory.definedness import conditions
from ..theory.identities import in_exponentials, is_identically_zero, split_exponentials
from .evidence import Grade, Outcome
from .smt import admits, prove_implication
from .subdivision import BITS, Domain, certify, tail_start

__all__ = [
    "Domain",
    "certify_positive",
    "find_witness",
    "is_continuous_on",
    "prove",
    "sign_at",
    "tail_start",
    "tell",
]

_MAX_BOXES = 20000
_MAX_BOXES_OF_A_CONDITION = 2000
_MAX_POINTS = 600
_FIRST_POINTS = 60
"""So many points are tried before a proof is: most false statements fail at one of them."""

_Values = Iterator[tuple[dict[Symbol, Rational], arb]]


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
    values = _values(positive, domain)
    witness = _first_witness(islice(values, _FIRST_POINTS), positive, strict)
    if witness is not None:
        return _refuted(relation, witness)
    open_condition = _open_condition(relation.args, domain)
    if open_condition is None and (proof := _proved_positive(positive, domain, strict)):
        return proof
    witness = _first_witness(values, positive, strict)
    if witness is not None:
        return _refuted(relation, witness)
    if open_condition is not None:
        return Outcome.undecided("domain of definition", f"{relation}: {open_condition}")
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
    values = _values(difference, domain)
    witness = _first_nonzero(islice(values, _FIRST_POINTS), difference)
    if witness is not None:
        return _refuted(relation, witness)
    identical = is_identically_zero(difference)
    witness = None if identical else _first_nonzero(values, difference)
    if witness is not None:
        return _refuted(relation, witness)
    if not identical:
        return Outcome.undecided("symbolic identity", f"no proof and no witness for {relation}")
    open_condition = _open_condition(relation.args, domain)
    if open_condition is not None:
        return Outcome.undecided("domain of definition", f"{relation}: {open_condition}")
    return Outcome.proved("symbolic identity", f"{relation.lhs} = {relation.rhs}")


def _first_nonzero(values: _Values, expression: Expr) -> str | None:
    return next((tell(expression, point) for point, value in values if _sign_of(value)), None)


def _proved_positive(expression: Expr, domain: Domain, strict: bool) -> Outcome | None:
    """Exact, for an expression that is defined on the whole domain; the slowest method last."""
    return (
        _positive_by_signs(expression, domain, strict)
        or _positive_by_signs(factor(together(in_exponentials(expression))), domain, strict)
        or _positive_by_smt(expression, domain, strict)
        or _positive_by_signs(simplify(expression), domain, strict)
    )


def is_continuous_on(expression: Expr, domain: Domain) -> bool:
    """Whether the expression is proved to be real, finite and continuous on the domain.

    >>> z = Symbol("z", real=True)
    >>> is_continuous_on(1 / z, {z: Interval(1, 2)}), is_continuous_on(1 / z, {z: Interval(-1, 2)})
    (True, False)
    """
    return _open_condition([expression], domain, continuous=True) is None


def _open_condition(
    expressions: Iterable[Expr], domain: Domain, *, continuous: bool = False
) -> str | None:
    """A condition for the expressions to be defined that is not proved to hold, or None."""
    for expression in expressions:
        needed = conditions(expression, continuous=continuous)
        if needed is None:
            return f"it is not known where {expression} is defined"
        for condition in needed:
            if not _condition_holds(condition, domain):
                return f"{condition} is not proved"
    return None


def _condition_holds(condition: Relational, domain: Domain) -> bool:
    """By induction along the list of conditions, both sides are defined."""
    if isinstance(condition, Ne):
        difference = condition.lhs - condition.rhs
        value = next((value for _, value in _values(difference, domain)), arb(1))
        side = -1 if value < 0 else 1
        return _is_positive(side * difference, domain, True)
    positive, strict = condition.gts - condition.lts, isinstance(condition, (Gt, Lt))
    return _is_positive(positive, domain, strict)


def _is_positive(expression: Expr, domain: Domain, strict: bool) -> bool:
    """For an expression that is defined on the whole domain."""
    proof = _proved_positive(expression, domain, strict)
    return (proof or certify(expression, domain, _MAX_BOXES_OF_A_CONDITION)).supported


def _refuted(relation: Relational, witness: str) -> Outcome:
    method = "ball arithmetic at a rational point"
    return Outcome.refuted(method, f"{relation} fails", witness, Grade.CERTIFIED)


def _positive_by_signs(form: Expr, domain: Domain, strict: bool) -> Outcome | None:
    """SymPy's assumptions, on symbols that carry the sign of their domain.

    Cancelled poles do not matter here: the expression is known to be defined.
    """
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
    goal = (Gt if strict else Ge)(numerator * denominator, 0)
    if not denominator.is_number:
        goal = And(goal, Ne(denominator, 0))
    try:
        outcome = prove_implication([h for h in hypotheses if h != S.true], goal, timeout_ms=2000)
    except TypeError:
        return None
    return outcome if outcome.supported else None


def sign_at(expression: Expr, point: Mapping[Symbol, Rational]) -> int:
    """The certified sign of the expression at a rational point, or 0 where none is certified."""
    return _sign_of(_value_at(ball_function(expression, *point), point))


def _values(expression: Expr, domain: Domain) -> _Values:
    """Points of the domain and the enclosures there; none for a function without enclosure."""
    try:
        function = ball_function(expression, *domain)
    except TypeError:
        return
    for point in _rational_points(domain):
        yield point, _value_at(function, point)


def _value_at(function: BallFunction, point: Mapping[Symbol, Rational]) -> arb:
    for bits in (BITS, 4 * BITS):
        with precision(bits):
            value = function(*map(ball, point.values()))
            if _sign_of(value):
                break
    return value


def _sign_of(value: arb) -> int:
    return int(value > 0) - int(value < 0)


def find_witness(expression: Expr, domain: Domain, *, strict: bool) -> str | None:
    """A rational point of the domain at which ``expression`` is certified not to be positive."""
    return _first_witness(_values(expression, domain), expression, strict)


def _first_witness(values: _Values, expression: Expr, strict: bool) -> str | None:
    for point, value in values:
        vanishes = strict and value.is_finite() and value.contains(0)
        if value < 0 or (vanishes and simplify(expression.subs(point)) == 0):
            return tell(expression, point)
    return None


def tell(expression: Expr, point: Mapping[Symbol, Rational]) -> str:
    """The point and the value there, as the ledger shows a witness."""
    where = ", ".join(f"{symbol} = {value}" for symbol, value in point.items())
    value = expression.subs(point)
    exact = value if value.is_Rational else f"{str(value.evalf(16))[:17]}..."
    return f"{where} gives {exact}"


def _rational_points(domain: Domain) -> Iterator[dict[Symbol, Rational]]:
    """Points of the domain, tame ones first."""
    choices = [
        [v for v in _numbers_in(interval) if admits(symbol, v)]
        for symbol, interval in domain.items()
    ]
    sizes = [len(c) for c in choices]
    steps = (_indices(sizes, total) for total in range(sum(sizes) + 1))
    for index in islice(chain.from_iterable(steps), _MAX_POINTS):
        yield {s: c[i] for s, c, i in zip(domain, choices, index, strict=True)}


@cache
def _numbers_in(interval: Interval) -> tuple[Rational, ...]:
    """Rational numbers in an interval, tame ones first."""
    ladder = [0, 1, 2, 3, 5, 8, 20, *(Rational(1, n) for n in (2, 3, 10, 1000))]
    signed = [Rational(v) for v in ladder] + [-Rational(v) for v in ladder if v]
    inside = [v for v in signed if v in interval]
    if interval.inf.is_finite and interval.sup.is_finite:
        span = interval.sup - interval.inf
        more = [interval.inf + span * Rational(i, 16) for i in (8, 1, 15, 4, 12)]
        inside += [v for v in more if v.is_Rational and v not in inside and v in interval]
    return tuple(inside)


def _indices(sizes: Sequence[int], total: int) -> Iterator[tuple[int, ...]]:
    """The indices into sequences of these sizes that sum to a total.

    >>> list(_indices([2, 3], 2))
    [(0, 2), (1, 1)]
    """
    if not sizes:
        yield from [()] if total == 0 else []
        return
    for first in range(min(sizes[0], total + 1)):
        for rest in _indices(sizes[1:], total - first):
            yield (first, *rest)


def certify_positive(expression: Expr, domain: Domain) -> Outcome:
    """Ball arithmetic: tails by an analytic bound, the compact rest by subdivision.

    At most one symbol may range over an unbounded interval. The strict inequality is certified,
    also where the weak one was asked for.
    """
    open_condition = _open_condition([expression], domain)
    if open_condition is not None:
        return Outcome.undecided("domain of definition", open_condition)
    return certify(expression, domain, _MAX_BOXES)

"""The prover never proves what is false or undefined, and never refutes what is true."""

from __future__ import annotations

import pytest
from logitreg.proofs_checks.checks import convex_in_the_logits, symmetric_in_the_logits
from logitreg.proofs_checks.convexity import prove_convex
from logitreg.proofs_checks.evidence import Status
from logitreg.proofs_checks.prover import certify_positive, continuous_on, prove
from logitreg.proofs_checks.subdivision import tail_start
from logitreg.proofs_checks.witnesses import first_witness, sign_at, values_on
from logitreg.theory.symbols import K, k, logits, z
from sympy import (
    Abs,
    Dummy,
    Eq,
    Function,
    Ge,
    Gt,
    Interval,
    Le,
    Lt,
    Max,
    Min,
    Piecewise,
    Rational,
    Sum,
    Symbol,
    atan,
    cosh,
    erf,
    exp,
    floor,
    log,
    oo,
    pi,
    sign,
    sqrt,
    tanh,
)

LINE = {z: Interval(-oo, oo)}
HALF_LINE = {z: Interval.open(0, oo)}
UNIT = {z: Interval.open(0, 1)}
p, n = Symbol("p", positive=True), Symbol("n", integer=True)


@pytest.mark.parametrize(
    ("relation", "domain"),
    [
        (Gt(exp(z), z), LINE),
        (Ge(cosh(z), 1 + z**2 / 2), {z: Interval(1, oo)}),
        (Gt(z * (1 - z), 0), UNIT),
        (Ge(z * (1 - z), 0), {z: Interval(0, 1)}),
        (Gt(exp(z) - z**3 + 100, 0), LINE),
        (Gt(exp(-z) * (z**2 + 1), 0), LINE),
        (Lt(tanh(z), 1), LINE),
        (Gt(1 / z, 1), {z: Interval.open(0, Rational(1, 2))}),
        (Gt(z - log(z), 0), {z: Interval(1, 50)}),
        (Gt(log(1 + exp(z)), Abs(z) - 50 * z), {z: Interval(1, oo)}),
        (Gt(K - 1, 0), {K: Interval(2, oo)}),
        (Gt(n**2 + n + 1, 0), {n: Interval(-oo, oo)}),
        (Eq(log(z) + log(1 / z) + tanh(z), tanh(z), evaluate=False), HALF_LINE),
        (Eq(log(1 + exp(z)) - z, log(1 + exp(-z))), LINE),
    ],
)
def test_true_relations_are_supported_or_left_open_and_never_refuted(relation, domain):
    assert not prove(relation, domain).refutes


def test_most_of_the_true_relations_are_supported():
    assert prove(Gt(exp(z), z), LINE).supported
    assert prove(Gt(z * (1 - z), 0), UNIT).supported
    assert prove(Gt(exp(z) - z**3 + 100, 0), LINE).grade.name == "CERTIFIED"
    assert prove(Gt(1 / z, 1), {z: Interval.open(0, Rational(1, 2))}).supported
    assert prove(Gt(K - 1, 0), {K: Interval(2, oo)}).supported
    assert prove(Eq(log(1 + exp(z)) - z, log(1 + exp(-z))), LINE).supported


@pytest.mark.parametrize(
    ("relation", "domain"),
    [
        (Gt(z * (1 - z), 0), {z: Interval(0, 1)}),
        (Gt(z, 0), {z: Interval(0, 1)}),
        (Gt(exp(z) - z**3, 0), LINE),
        (Lt(tanh(z), Rational(99, 100)), LINE),
        (Gt(K - 2, 0), {K: Interval(2, oo)}),
        (Ge(-(z**2), 0), {z: Interval.open(0, 1)}),
        (Eq(sqrt(z**2), z, evaluate=False), LINE),
        (Eq(log(1 + exp(z)), log(1 + exp(-z))), LINE),
        (Eq(atan(z) + atan(1 / z), pi / 2), {z: Interval.open(-oo, 0)}),
    ],
)
def test_false_relations_are_refuted_with_a_witness(relation, domain):
    assert prove(relation, domain).witness


@pytest.mark.parametrize(
    ("relation", "domain"),
    [
        (Gt(z**-2, 0), LINE),
        (Gt((z**2 - 1) / (z - 1) - z, 0), LINE),
        (Ge(z * (z**2 + z) / (z + 1), 0), LINE),
        (Gt(sqrt(z) + 1, 0), LINE),
        (Ge(z + sqrt(z - 1) - 1, 0), LINE),
        (Gt(log(z) ** 2 + 1, 0), LINE),
        (Gt(1 + 1 / z**2, 0), {z: Interval(0, 1)}),
        (Gt(Piecewise((z**2 + exp(z), z > 0)), 0, evaluate=False), LINE),
        (Gt(Function("f", real=True)(z) ** 2, -1, evaluate=False), LINE),
        (Gt(exp(-1 / z**2) + 1, 0), LINE),
        (Gt(tanh(1 / z) + 2, 0), LINE),
        (Gt(sign(1 / z) + 2, 0), LINE),
        (Eq(1 / z + z, z + 1 / z, evaluate=False), LINE),
        (Eq(log(z) + log(1 / z), 0, evaluate=False), LINE),
        (Eq(log((z - 1) ** 2) - 2 * log(1 - z), 0), LINE),
        (Eq((z**2 - 1) / (z - 1), z + 1), LINE),
    ],
)
def test_nothing_is_proved_where_a_side_is_not_defined_on_the_whole_domain(relation, domain):
    assert prove(relation, domain).status is Status.UNDECIDED


def test_the_same_relations_are_proved_where_they_are_defined():
    assert prove(Gt(z**-2, 0), HALF_LINE).supported
    assert prove(Gt((z**2 - 1) / (z - 1) - z, 0), {z: Interval(2, oo)}).supported
    assert prove(Gt(sqrt(z) + 1, 0), {z: Interval(0, oo)}).supported
    assert prove(Eq((z**2 - 1) / (z - 1), z + 1), {z: Interval(2, 3)}).supported


def test_a_function_that_is_constant_on_each_side_of_a_pole_is_not_taken_for_constant():
    jump = atan(1 / (z - 1)) + atan(z - 1) + pi / 2 + log(1 + exp(z)) - log(1 + exp(-z)) - z
    assert prove(Eq(jump, 0), {z: Interval.open(2, oo)}).refutes
    assert not prove(Eq(jump, 0), {z: Interval.open(-oo, 0)}).refutes


def test_symbols_that_look_like_the_provers_own_stay_apart():
    u, exp_z = Symbol("u", positive=True), Symbol("exp_z", positive=True)
    domain = {z: Interval(0, oo), u: Interval(1, 2)}
    assert not certify_positive(3 * u - exp(z), domain).supported
    assert prove(Gt(3 * u - exp(z), 0), domain).refutes
    assert prove(Eq(u, exp(z)), domain).refutes
    narrow = {z: Interval(0, 1), exp_z: Interval(Rational(1, 10), 1)}
    assert prove(Gt(exp_z - exp(z) + 1, 0), narrow).refutes
    twin = Symbol("z", positive=True)
    assert prove(
        Eq(exp(twin), exp(z), evaluate=False), {z: Interval(0, 1), twin: Interval(1, 2)}
    ).refutes


@pytest.mark.parametrize(
    "domain",
    [
        *({p: Interval(-1, 1)}, {p: Interval(0, 1)}, {p: Interval(-3, -1)}, {}),
        *({p: Interval(1, 1)}, {p: Interval(1, 0)}, {p: Interval(1, Symbol("b", real=True))}),
    ],
)
def test_domains_that_the_symbol_does_not_admit_are_refused(domain):
    with pytest.raises(ValueError, match=r"domain|interval"):
        prove(Gt(p + 1 / p - 3, 0), domain)


def test_a_domain_within_the_assumptions_is_accepted():
    assert prove(Gt(p + 1 / p - 3, 0), {p: Interval(4, 5)}).supported
    assert prove(Gt(p + 1 / p - 3, 0), {p: Interval.open(0, 5)}).refutes


def witness(expression, domain, *, strict):
    return first_witness(values_on(expression, domain), expression, strict)


def test_a_witness_is_an_admitted_point_of_the_domain():
    even = Symbol("m", even=True)
    assert witness(n * (n - 1), {n: Interval(0, oo)}, strict=False) is None
    assert witness(n * (n - 2), {n: Interval(0, oo)}, strict=False) == "n = 1 gives -1"
    assert witness((even - 1) ** 2, {even: Interval(-oo, oo)}, strict=True) is None
    assert witness(z, {z: Interval.open(0, 1)}, strict=True) is None
    assert witness(z, {z: Interval.Ropen(0, 1)}, strict=True) == "z = 0 gives 0"
    assert witness(1 / z, {z: Interval(0, 1)}, strict=True) is None


def test_a_witness_lies_between_ends_that_are_not_rational():
    between = {z: Interval.open(log(2), log(8))}
    assert witness(z - 2, between, strict=False) == "z = 1 gives -1"
    assert witness(2 - z, between, strict=True) == "z = 2 gives 0"
    assert witness((z - 3) * (Rational(1, 2) - z), between, strict=True) is None


def test_a_sign_is_certified_or_none_is_given():
    one = {z: Rational(1)}
    assert sign_at(exp(z) - 2, one) == 1
    assert sign_at(exp(z) * exp(-z) - 1 - Rational(1, 10**40), one) == -1
    assert sign_at(exp(z) * exp(-z) - 1, one) == 0
    assert sign_at(1 / (z - 1), one) == sign_at(floor(z), one) == 0


@pytest.mark.parametrize(
    "e",
    [
        *(1 - exp(z) / 100, z - exp(z / 2), 1 - z, -1 + exp(-z), z - 10 * log(z), log(z) - 50),
        *(-z * exp(z) + exp(2 * z) / 10**6 - exp(3 * z), (1 - z) / (1 + z), sqrt(z) - z),
    ],
)
def test_no_tail_bound_is_found_for_what_becomes_negative(e):
    t = Dummy("t", positive=True)
    assert tail_start(e.subs(z, t), t, {}, Rational(1)) is None


def test_tail_bound_is_one():
    t = Dummy("t", positive=True)
    for e in (exp(t) - t**3, t**2 - 5 * t, (exp(2 * t) - t) / (exp(t) + 1), t - 3 + exp(-t)):
        start = tail_start(e, t, {}, Rational(1))
        assert start is not None
        assert all((e.subs(t, start + j * Rational(1, 2)) > 0) for j in range(20))


def test_negative_tails_and_other_symbols_enter_by_their_whole_range():
    domain = {z: Interval(-oo, 0), p: Interval(1, 2)}
    assert prove(Gt(exp(-z) - p * z, 0), domain).supported
    assert (
        prove(Gt(p * exp(-z) + 2 * z - z**2 * (p - 1), Rational(-9)), domain).grade.name != "NONE"
    )
    assert not prove(Gt((p - Rational(3, 2)) * exp(-z) + 5, 0), domain).supported


def test_continuity_needs_more_than_definedness():
    assert continuous_on(Abs(z), LINE).supported
    assert not continuous_on(sign(z), LINE).supported
    assert not continuous_on(1 / z, LINE).supported
    assert not continuous_on(floor(z), LINE).supported


CONVEX = [Abs(z), z**2 + Abs(z), Abs(z) ** 3, Abs(z) ** Rational(3, 2), log(cosh(z)), exp(z)]
NOT_CONVEX = [
    Piecewise((z**2, Abs(z) <= 1), (2 * Abs(z) + 7, True)),
    Piecewise((z**2, Abs(z) <= 1), (2 * Abs(z) - 7, True)),
    Piecewise((z**2, Abs(z) <= 1), (oo, Abs(z) <= 2), (z**2, True)),
    Piecewise((z**2, Abs(z) <= 2), (7, Abs(z) <= 1), (z**2, True)),
    Piecewise((5, Abs(z) <= 0), (z**2, True)),
    *(Min(Abs(z), 1), -Abs(Abs(z) - 1), Max(1 - Abs(z), 0), sign(z), floor(z), sqrt(Abs(z))),
    *(1 / z**2, -log(z), Abs(z) * log(Abs(z)), -Abs(z), 1 / Abs(z), z**3, tanh(z), -cosh(z)),
    *(Abs(z**2 - 1), Abs(z) - log(1 + z**2), -sqrt(z**4 + z**2)),
]


@pytest.mark.parametrize("f", CONVEX)
def test_convex_functions_are_proved_convex(f):
    assert prove_convex(f).supported


@pytest.mark.parametrize("f", NOT_CONVEX)
def test_functions_that_are_not_convex_on_the_line_are_never_proved_convex(f):
    assert not prove_convex(f).supported


def test_sums_over_some_classes_only_are_not_symmetric():
    assert not symmetric_in_the_logits(Sum(logits[k], (k, 1, K - 1))).supported
    assert not symmetric_in_the_logits(Sum(logits[k] ** 2, (k, 2, K))).supported
    assert symmetric_in_the_logits(Sum(logits[k] ** 2, (k, 1, K))).supported


def test_variances_are_taken_under_one_weight():
    first, second = (Sum(exp(a * logits[k]), (k, 1, K)) for a in (1, 2))
    assert convex_in_the_logits(log(first) + log(second)).supported
    for f in (log(first) - log(second), 2 * log(first) - log(second), log(second) - 3 * log(first)):
        assert not convex_in_the_logits(f).supported


def test_relations_that_are_none_are_refused():
    with pytest.raises(TypeError, match="expected an equation or an inequality"):
        prove(Gt(z, 0) & Le(z, 1), LINE)


def test_a_witness_is_found_that_does_not_lie_among_the_first_points() -> None:
    """x y < 399 on [0, 20]^2 fails at the corner, which comes late in the order of the points."""
    x, y = Symbol("x", real=True), Symbol("y", real=True)
    square = {x: Interval(0, 20), y: Interval(0, 20)}
    outcome = prove(Gt(399 - x * y, 0), square)
    assert outcome.witness == "x = 20, y = 20 gives -1"
    vanishing = x * (x - 1) * (x - 2) * y * (y - 1) * (y - 2)
    assert prove(Eq(vanishing * (x - y), 0), square).refutes


def test_the_sign_of_a_number_is_certified_unless_it_is_rational():
    assert prove(Gt(exp(1) - 2, 0, evaluate=False), {}).grade.name == "CERTIFIED"
    assert prove(Gt(Rational(1, 3), 0, evaluate=False), {}).grade.name == "PROVED"
    assert prove(Gt(sqrt(2) - 1, 0, evaluate=False), {}).grade.name == "PROVED"  # by z3
    assert prove(Gt(erf(1) - 1, 0, evaluate=False), {}).witness == "it is -0.15729920705028..."
    assert certify_positive(log(4) - 2 * log(2), {}).status is Status.UNDECIDED


def test_a_proof_is_worth_no_more_than_that_both_sides_are_defined():
    between = {z: Interval(1, 2)}
    outcomes = [
        prove(Eq(log(inside), log(inside), evaluate=False), between)
        for inside in (1 + z**2, 2 - z * log(z))
    ]
    assert [outcome.grade.name for outcome in outcomes] == ["PROVED", "CERTIFIED"]

"""Implications of real arithmetic: proved, refuted by an exact witness, or left open."""

from __future__ import annotations

import pytest
from logitreg.proofs_checks.evidence import Status
from logitreg.proofs_checks.smt import admits, prove_implication
from sympy import And, Eq, Ge, Gt, Implies, Ne, Not, Or, Rational, S, Symbol, exp, sqrt

x, y, p = Symbol("x", real=True), Symbol("y", real=True), Symbol("p", positive=True)
n = Symbol("n", integer=True)


@pytest.mark.parametrize(
    ("hypotheses", "conclusion"),
    [
        ([], x**2 + y**2 >= 2 * x * y),
        ([x > 0], 1 / x > 0),
        ([x >= 0], Gt(sqrt(x) + 1, 0, evaluate=False)),
        ([sqrt(x - 1) > 2], x > 5),
        ([Eq(y, 1 / x)], Eq(x * y, 1)),
        ([p + x > 0, x < 0], p > -x),
        ([Not(And(x > 0, y > 0)), x > 0], y <= 0),
        ([Implies(x > 0, y > 0), x > 0], y > 0),
        ([Or(x > 1, x < -1)], x**2 > 1),
        ([Ne(x, y)], (x - y) ** 2 > 0),
        ([n > 1], n > 0),
    ],
)
def test_true_implications_are_proved(hypotheses, conclusion):
    assert prove_implication(hypotheses, conclusion).grade.name == "PROVED"


@pytest.mark.parametrize(
    ("hypotheses", "conclusion"),
    [
        ([], x**2 + y**2 > 2 * x * y),
        ([], 1 / x >= 0),
        ([sqrt(x - 1) > 2], x > 6),
        ([x >= 0], x > 0),
        ([Or(x > 1, x < -1)], x > 1),
        ([n > 0], n >= 3),
        ([], p > 1),
    ],
)
def test_false_implications_are_refuted_by_a_point_that_is_one(hypotheses, conclusion):
    outcome = prove_implication(hypotheses, conclusion)
    assert outcome.refutes
    symbols = {s.name: s for s in conclusion.free_symbols}
    point = {
        symbols[name]: Rational(value)
        for name, value in (part.split(" = ") for part in outcome.witness.split(", "))
    }
    assert all(h.subs(point) == True for h in hypotheses)  # noqa: E712
    assert conclusion.subs(point) == False  # noqa: E712
    assert all(admits(symbol, value) for symbol, value in point.items())


@pytest.mark.parametrize(
    "conclusion",
    [
        Gt(sqrt(x) + 1, 0, evaluate=False),
        Ge(sqrt(x - 1), 0, evaluate=False),
        Ge(1 / x**2, 0, evaluate=False),
        Ge(sqrt(x) + x, 0),
        Gt(1 / (1 + 1 / x**2), -1),
    ],
)
def test_what_is_not_defined_everywhere_is_not_proved(conclusion):
    assert prove_implication([], conclusion).status is Status.UNDECIDED


def test_contradicting_hypotheses_prove_only_that_they_do():
    assert prove_implication([x > 1, x < 0], y > 5).status is Status.UNDECIDED
    assert prove_implication([x > 1, x < 0], y**2 >= 0).status is Status.UNDECIDED
    assert prove_implication([p > 1, p < 0], y > 5).status is Status.UNDECIDED
    assert prove_implication([x > 1, x < 0], S.false).supported
    assert prove_implication([x > 1], S.false).refutes
    # A root of a negative number contradicts a hypothesis as well.
    assert prove_implication([x < 0, sqrt(x) > 1], y > 5).status is Status.UNDECIDED


def test_symbols_of_one_name_and_different_assumptions_stay_apart():
    assert prove_implication([Symbol("x", positive=True) > 1], x > 1).refutes
    assert prove_implication([], Eq(Symbol("x", positive=True), x)).refutes


def test_integers_are_reals_in_a_proof_and_integers_in_a_witness():
    true_for_integers_alone = prove_implication([n > 0], n >= 1)
    assert true_for_integers_alone.status is Status.UNDECIDED
    assert prove_implication([x > 0], x >= 1).refutes


def test_signs_assumed_of_symbols_are_hypotheses():
    low, nonzero = Symbol("a", nonpositive=True), Symbol("b", real=True, nonzero=True)
    assert prove_implication([], low - p + x**2 < x**2).supported
    assert prove_implication([], nonzero**2 + x**2 > x**2).supported
    assert prove_implication([], y**2 + x**2 > x**2).refutes


def test_functions_outside_real_arithmetic_are_refused():
    with pytest.raises(TypeError, match="not a term of real arithmetic"):
        prove_implication([], exp(x) + x > 0)
    with pytest.raises(TypeError, match="not a relation"):
        prove_implication([Symbol("b")], x > 0)

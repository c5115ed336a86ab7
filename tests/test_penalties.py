"""Penalties: the catalogue, parameters, evenness, convexity, pieces."""

from __future__ import annotations

import logitreg as lr
import pytest
from logitreg.errors import ExpressionError, UnknownNameError
from logitreg.proofs_checks.analysis import analyse
from logitreg.proofs_checks.convexity import prove_convex
from logitreg.proofs_checks.evidence import Status
from logitreg.theory import CATALOGUE, K, logits, z
from logitreg.theory.losses import is_even, per_sample_loss, pieces, two_level
from logitreg.theory.penalties import coordinatewise, penalty
from sympy import Abs, Rational, Symbol, cosh, exp, log, oo

NAMES = [
    *("label-smoothing", "quadratic", "absolute", "huber", "pseudo-huber", "log-cosh"),
    *("cosh", "power", "elastic", "entropy", "box"),
]


def test_the_catalogue_holds_the_named_penalties() -> None:
    assert list(CATALOGUE) == NAMES
    assert list(lr.penalties()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_catalogue_penalty_is_even(name: str) -> None:
    assert is_even(CATALOGUE[name].expression)


@pytest.mark.parametrize("text", ["z", "z**2 + z", "exp(z)", "abs(z) + z/10"])
def test_a_function_that_is_not_even_is_not_taken_for_one(text: str) -> None:
    assert not is_even(penalty(text).expression)


@pytest.mark.parametrize("name", [n for n in NAMES if n != "entropy"])
def test_convexity_of_the_catalogue_is_proved(name: str) -> None:
    assert prove_convex(CATALOGUE[name].expression).supported


@pytest.mark.parametrize(
    "text", ["-z**2", "z**4 - z**2", "log(1 + z**2)", "-abs(z)", "abs(z) - z**2/100", "tanh(z)**2"]
)
def test_a_function_that_is_not_convex_is_refuted_with_a_witness(text: str) -> None:
    outcome = prove_convex(penalty(text).expression)
    assert outcome.status is Status.REFUTED
    assert outcome.witness


def test_the_entropy_penalty_is_not_convex_and_is_convex_near_zero() -> None:
    bend = CATALOGUE["entropy"].expression.diff(z, 2)
    assert prove_convex(CATALOGUE["entropy"].expression).refutes
    assert bend.subs(z, 2).evalf(30) < 0 < bend.subs(z, 1).evalf(30)


def test_parameters_are_exact_and_kept_in_their_domain() -> None:
    assert penalty("huber", delta=0.5).expression.subs(z, 3) == Rational(1, 2) * 3 - Rational(1, 8)
    assert penalty("power", p="3/2").expression == Abs(z) ** Rational(3, 2)
    with pytest.raises(ValueError, match="delta of penalty 'huber' is -1"):
        penalty("huber", delta=-1)
    with pytest.raises(ValueError, match=r"p of penalty 'power' is 0\.5"):
        penalty("power", p=0.5)
    with pytest.raises(UnknownNameError, match="no parameter 'gamma'; it has: delta"):
        penalty("huber", gamma=1)


def test_an_expression_becomes_a_penalty_like_any_other() -> None:
    user = penalty("log(cosh(z))")
    assert user.expression == CATALOGUE["log-cosh"].expression
    assert user.multiclass == CATALOGUE["log-cosh"].multiclass
    with pytest.raises(ExpressionError, match="Did you mean the penalty 'quadratic'"):
        penalty("quadratics")


def test_pieces_end_where_the_penalty_becomes_infinite() -> None:
    assert [(p.low, p.high) for p in pieces(CATALOGUE["box"].expression)] == [(0, 1)]
    assert [(p.low, p.high) for p in pieces(z**2 + Abs(z))] == [(0, oo)]


def test_two_levels_of_a_sum_over_classes() -> None:
    high, low = Symbol("z_high", real=True), Symbol("z_low", real=True)
    assert two_level(coordinatewise(z**2)) == high**2 + (K - 1) * low**2
    smoothing = two_level(CATALOGUE["label-smoothing"].multiclass)
    expected = log(exp(high) + (K - 1) * exp(low)) - (high + (K - 1) * low) / K
    assert smoothing.equals(expected)
    assert not smoothing.has(logits)


def test_the_loss_mixes_cross_entropy_and_penalty() -> None:
    alpha = Symbol("alpha", positive=True)
    expected = (1 - alpha) * log(1 + exp(-z)) + alpha * cosh(z)
    assert per_sample_loss(CATALOGUE["cosh"]) == expected


def test_analysis_of_a_user_penalty_refuses_what_has_no_target() -> None:
    with pytest.raises(lr.errors.NotConvexError, match=r"not convex.*z = 1 gives -2"):
        analyse(penalty("z**2/2 - z**4/4"))
    with pytest.raises(lr.errors.NoFiniteTargetError, match="constant"):
        analyse(penalty("1 + 1"))


def test_a_penalty_survives_copying_and_pickling() -> None:
    import copy
    import pickle

    huber = penalty("huber", delta=2)
    for twin in (copy.deepcopy(huber), pickle.loads(pickle.dumps(huber))):
        assert twin == huber
        assert twin.expression == huber.expression
        with pytest.raises(TypeError):
            twin.values["delta"] = 3

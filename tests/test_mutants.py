"""Mutants: every small change of a formula is made, and a check that overlooks one is found out."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner
from logitreg.errors import UnknownNameError
from logitreg.proofs_checks import mutants as mutants_module
from logitreg.proofs_checks.claim import Claim, Variant, Verdict, judge
from logitreg.proofs_checks.claims import find_claim
from logitreg.proofs_checks.cli import main
from logitreg.proofs_checks.evidence import Outcome
from logitreg.proofs_checks.mutants import (
    MUTANTS_PER_CLAIM,
    Fate,
    mutants,
    says_the_same,
    try_mutants,
)
from logitreg.proofs_checks.mutation import formulas, mutate
from logitreg.proofs_checks.weaker import is_still_true
from logitreg.theory import alignment
from logitreg.theory.final_approach import strong_signal
from logitreg.theory.high_dimension import aspect_ratio
from logitreg.theory.penalties import CATALOGUE
from logitreg.theory.signal_noise import mu_f, sigma_n
from logitreg.theory.symbols import alpha, z
from logitreg.theory.weights import weight
from sympy import (
    Abs,
    And,
    Eq,
    Expr,
    Ge,
    Gt,
    Inverse,
    Le,
    Lt,
    Matrix,
    MatrixSymbol,
    Ne,
    Or,
    Piecewise,
    Sum,
    Symbol,
    cosh,
    exp,
    log,
    oo,
    sinh,
    sqrt,
)

x, y = Symbol("x", real=True), Symbol("y", real=True)


@pytest.mark.parametrize(
    ("formula", "mutant"),
    [
        (x + y, x - y),
        (x + y, x),
        (3 * x + y, 4 * x + y),
        (3 * x + y, 6 * x + y),
        (3 * x + y, y),
        (x * y, x),
        (x**3, x**4),
        (x**3, x**-3),
        (sqrt(x), 1 / sqrt(x)),
        (x - 2 * y, y - 2 * x),
        (exp(x), exp(-x)),
        (sinh(x), cosh(x)),
        (cosh(x), sinh(x)),
        (log(1 + exp(x)), log(2 + 2 * exp(x))),
        (log(1 + exp(x)), log(1 + exp(-x))),
        (Abs(x), x),
        (Lt(x, y), Gt(x, y)),
        (Lt(x, y), Le(x, y)),
        (Eq(x, y), Ne(x, y)),
        (And(x > 0, y > 0), Or(x > 0, y > 0)),
        (And(x > 0, y > 0), x > 0),
    ],
)
def test_each_kind_of_change_is_made(formula: Expr, mutant: Expr) -> None:
    assert mutant in mutate(formula)


def test_no_mutant_is_the_formula_itself_or_undefined_or_made_twice() -> None:
    for formula in (x + y, 1 / x, log(x / y), Ge(x**2, 0), cosh(x) + exp(-x) / 2):
        found = mutate(formula)
        assert formula not in found
        assert len(found) == len(set(found))
        assert not any(mutant.has(oo, -oo) for mutant in found)


def test_bound_variables_and_matrix_shapes_survive_every_change() -> None:
    k = Symbol("k", integer=True)
    found = mutate(Sum(k * x**2, (k, 1, 3)))
    assert {Sum(k * x**3, (k, 1, 3)), Sum(k, (k, 1, 3)), Sum(x**2, (k, 1, 3))} <= set(found)
    assert all(mutant.free_symbols <= {x} for mutant in found)
    sigma, delta = MatrixSymbol("Sigma", 2, 2), MatrixSymbol("delta", 2, 1)
    found = mutate(Inverse(sigma) * delta)
    assert {sigma * delta, -Inverse(sigma) * delta, delta} <= set(found)
    assert all(mutant.rows == 2 for mutant in found)


class _Pair(NamedTuple):
    left: Any
    right: Any


@dataclass(frozen=True)
class _Record:
    word: str
    pair: _Pair


def test_formulas_are_found_and_replaced_wherever_they_stand() -> None:
    content = _Record("hypothesis", _Pair(frozenset({x > 0, "convex"}), (Matrix([x, y]), 3)))
    found = {".".join(place): (formula, put) for place, formula, put in formulas(content)}
    assert set(found) == {"pair.left.x > 0", "pair.right.0"}
    _, put = found["pair.left.x > 0"]
    assert put(x < 0) == replace(content, pair=_Pair(frozenset({x < 0, "convex"}), content.pair[1]))
    matrix, put = found["pair.right.0"]
    assert put(2 * matrix).pair.right == (Matrix([2 * x, 2 * y]), 3)


def test_a_penalty_is_no_part_of_what_a_statement_says() -> None:
    assert list(formulas(("name", CATALOGUE["quadratic"], 3))) == []


def test_equal_formulas_are_proved_equal_and_others_are_not() -> None:
    assert says_the_same(log(1 + exp(x)), x + log(1 + exp(-x)))
    assert says_the_same(Lt(x, y), Gt(2 * y, 2 * x))
    assert says_the_same(Ne(Abs(x), Abs(y)), Ne(Abs(y), Abs(x)))
    assert not says_the_same(x, x + 1)
    assert not says_the_same(Lt(x, y), Le(x, y))
    assert not says_the_same(x, x > 0)


@pytest.mark.parametrize(
    ("id", "place", "before", "weaker", "stronger"),
    [
        ("beck.lemma-C1", "conclusion", Le(x, y), Le(x, y + 1), Lt(x, y)),
        ("beck.prop-D1", "condition", x > 0, x > 1, x > -1),
        (
            "lead.grokking-rate",
            "hypothesis",
            mu_f**2 >= strong_signal(),
            mu_f**2 > 2 * strong_signal(),
            mu_f**2 >= strong_signal() / 2,
        ),
        ("primer.convex", "0.penalty", weight**2, 3 * weight**2 + 1, -(weight**2)),
        (
            "lead.linearity-bound",
            "",
            alignment.linearity_bound(),
            2 * alignment.linearity_bound(),
            alignment.linearity_bound() / 2,
        ),
    ],
)
def test_what_follows_is_true_and_what_does_not_is_not(
    id: str, place: str, before: Expr, weaker: Expr, stronger: Expr
) -> None:
    assert is_still_true(id, place, None, before, weaker)
    assert not is_still_true(id, place, None, before, stronger)
    assert not is_still_true("primer.l2-update", place, None, before, weaker)


def _equals_two_x(content: Expr) -> Outcome:
    if content.subs(x, 1) == 2:
        return Outcome.tested("evaluation", "at x = 1")
    return Outcome.refuted("evaluation", "another value", "x = 1")


def _equals_two_x_at_two_points(content: Expr) -> Outcome:
    if content.subs(x, 2) == 4:
        return Outcome.tested("evaluation", "at x = 2")
    return Outcome.refuted("evaluation", "another value", "x = 2")


def test_a_check_that_overlooks_a_change_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    weak = Claim("weak", Variant("y = 2 x", 2 * x), "", (_equals_two_x,), ())
    monkeypatch.setattr(mutants_module, "select", lambda ids: tuple(ids))
    monkeypatch.setattr(mutants_module, "find_claim", {"weak": weak}.__getitem__)
    (report,) = try_mutants(["weak"])
    assert [(t.before, t.after) for t in report.survivors] == [("2*x", "2")]
    strong = replace(weak, checks=(_equals_two_x, _equals_two_x_at_two_points))
    monkeypatch.setattr(mutants_module, "find_claim", {"weak": strong}.__getitem__)
    (report,) = try_mutants(["weak"])
    assert report.survivors == ()
    assert report.count(Fate.REFUTED) == len(report)


def test_a_check_that_raises_does_not_support_a_mutant(monkeypatch: pytest.MonkeyPatch) -> None:
    def check(content: Expr) -> Outcome:
        assert content == 2 * x
        return Outcome.proved("equality", "")

    claim = Claim("c", Variant("y = 2 x", 2 * x), "", (check,), ())
    monkeypatch.setattr(mutants_module, "select", lambda ids: tuple(ids))
    monkeypatch.setattr(mutants_module, "find_claim", lambda id: claim)
    (report,) = try_mutants(["c"])
    assert report.count(Fate.NOT_SUPPORTED) == len(report) > 0


def test_the_correction_is_mutated_where_the_printed_statement_fails() -> None:
    claim = find_claim("beck.lower-bound")
    assert claim.correction is not None
    assert {m.before for m in mutants(claim)} == {claim.correction.variant.content}


def test_what_is_not_supported_and_what_has_no_formula_has_no_mutants() -> None:
    claim = find_claim("beck.lower-bound")
    assert mutants(replace(claim, correction=None)) == ()
    assert mutants(find_claim("beck.prop-3.1")) == ()


def test_mutants_are_the_same_each_time_and_capped() -> None:
    claim = find_claim("beck.ls-multiclass")
    first, second = mutants(claim), mutants(claim)
    assert [m.after for m in first] == [m.after for m in second]
    assert len(first) <= MUTANTS_PER_CLAIM


@pytest.mark.parametrize(
    "id",
    [
        "primer.ls-loss",
        "primer.l0",
        "lead.target-quadratic",
        "lead.linearity-bound",
        "beck.toy-quadratic",
        "beck.toy-hinge",
        "weights.dropout-geometric-mean",
        "guo.collapse",
    ],
)
def test_no_mutant_of_these_claims_survives(id: str) -> None:
    (report,) = try_mutants([id])
    assert report.survivors == ()
    assert report.count(Fate.REFUTED, Fate.NOT_SUPPORTED) > 0


@pytest.mark.parametrize(
    "change",
    [
        {sigma_n: sigma_n**2},
        {sigma_n**2: sigma_n**3},
        {mu_f: mu_f**2},
        {aspect_ratio: aspect_ratio**2},
    ],
)
def test_exponents_of_every_symbol_of_the_slowest_mode_are_seen(change: dict[Expr, Expr]) -> None:
    claim = find_claim("lead.weak-signal-rate")
    rate = claim.printed.content.rate
    for value, _ in rate.atoms(Piecewise).pop().args:
        changed = rate.subs(value, value.subs(change))
        printed = Variant("another exponent", claim.printed.content._replace(rate=changed))
        rejected = judge(replace(claim, printed=printed, controls=())).verdict is Verdict.REFUTED
        assert rejected == (changed != rate)


def test_the_curvature_is_that_up_to_a_vanishing_share_of_alpha() -> None:
    claim = find_claim("lead.weak-signal-rate")
    for wrong in (2 * alpha * z, 2 * alpha * (z + 2), alpha * (z + 1)):
        printed = Variant("another curvature", claim.printed.content._replace(curvature=wrong))
        assert judge(replace(claim, printed=printed, controls=())).verdict is Verdict.REFUTED


def test_processes_give_the_same_reports_as_one_alone() -> None:
    ids = ["primer.ls-formula", "primer.ls-example"]
    alone, together = try_mutants(ids), try_mutants(ids, workers=2)
    for one, other in zip(alone, together, strict=True):
        assert one.id == other.id
        assert [(t.after, t.fate) for t in one.trials] == [(t.after, t.fate) for t in other.trials]


def test_an_unknown_claim_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="did you mean"):
        try_mutants(["beck.simplx"])


def test_the_command_prints_a_table_and_writes_the_mutants(tmp_path: Path) -> None:
    arguments = ["verify", "--mutants", "primer.ls-formula", "--output", str(tmp_path)]
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    for word in ("claim", "mutants", "refuted", "supported", "equivalent", "survived"):
        assert word in result.output
    (report,) = json.loads((tmp_path / "mutants.json").read_text(encoding="utf-8"))
    assert report["id"] == "primer.ls-formula"
    assert {trial["fate"] for trial in report["trials"]} == {"refuted"}
    assert not (tmp_path / "ledger.json").exists()


def test_a_survivor_gives_exit_status_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weak = Claim("weak", Variant("y = 2 x", 2 * x), "", (_equals_two_x,), ())
    (report,) = (mutants_module.MutantReport("weak", (_surviving(weak),), 0.0),)
    monkeypatch.setattr(mutants_module, "try_mutants", lambda *args, **options: (report,))
    arguments = ["verify", "--mutants", "primer.ls-formula", "--output", str(tmp_path)]
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 1
    assert "SURVIVOR weak: 2*x -> 2" in result.output


def _surviving(claim: Claim) -> mutants_module.Trial:
    return mutants_module.Trial("", str(claim.printed.content), "2", Fate.SURVIVED, "", 0.0)

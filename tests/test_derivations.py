"""Every derivation of the theory, step by step, and with one step wrong."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module
from itertools import pairwise
from pkgutil import iter_modules
from typing import Any

import logitreg.theory
import pytest
from logitreg.theory import alignment
from logitreg.theory.derivations import Derivation, Step
from scipy.optimize import minimize_scalar
from sympy import And, Basic, Eq, Rational, Rel, S, latex, simplify, sqrt

Source = Callable[[], Derivation]


def derivations() -> Iterator[tuple[str, Source]]:
    for module in iter_modules(logitreg.theory.__path__):
        name = f"{logitreg.theory.__name__}.{module.name}"
        for function in vars(import_module(name)).values():
            if inspect.isfunction(function) and function.__module__ == name:
                signature = inspect.signature(function)
                if signature.return_annotation == "Derivation" and not signature.parameters:
                    yield f"{module.name}.{function.__name__}", function


SOURCES = dict(derivations())
# A wrong integral takes seconds to be found wrong: test_calibration has one.
TRIED_ELSEWHERE = ("calibration.gap_derivation",)


def moved(expression: Basic) -> Basic:
    if isinstance(expression, Eq):
        return Eq(expression.lhs, expression.rhs + Rational(1, 7), evaluate=False)
    return expression + Rational(1, 7)


def follows(before: Step, step: Step) -> bool:
    return Derivation("one step", (before, step)).unproved() == ()


def test_the_derivations_of_the_theory_are_found() -> None:
    assert {"calibration.perfect_derivation", "probabilities.multiclass_derivation"} < set(SOURCES)
    assert len(SOURCES) > 25


@pytest.mark.parametrize("name", SOURCES)
def test_a_derivation_has_no_gap_and_every_wrong_step_is_one(name: str) -> None:
    sound = SOURCES[name]()
    relations = [step.relation for step in sound]
    assert sound.unproved() == ()
    assert relations[0] == "start"
    assert "start" not in relations[1:]
    for before, step in pairwise(sound):
        if step.relation in ("equals", "equivalent") and name not in TRIED_ELSEWHERE:
            assert not follows(before, replace(step, expression=moved(step.expression)))


@pytest.mark.parametrize("name", SOURCES)
def test_a_derivation_is_typeset_line_by_line(name: str) -> None:
    found = SOURCES[name]()
    begin, *lines, end = found._repr_latex_().splitlines()
    assert (begin, end) == (r"\begin{align*}", r"\end{align*}")
    assert len(lines) == len(found.steps)
    for line, step in zip(lines, found, strict=True):
        body = rf"& {latex(step.expression)} && \text{{{step.rule}}}"
        assert line in (body, body + r" \\")
    assert [line.endswith(r" \\") for line in lines] == [True] * (len(lines) - 1) + [False]


# Steps that follow by more than algebra, in numbers.


def step(name: str, number: int, at: dict[str, Any] | None = None) -> Any:
    """A step of a derivation, symbols of the given names replaced; of a relation both sides."""
    expression = SOURCES[name]().steps[number].expression
    values = {s: at[s.name] for s in expression.free_symbols if s.name in (at or {})}
    if isinstance(expression, Rel):
        return tuple(side.subs(values) for side in expression.args)
    return expression.subs(values)


def test_the_bound_on_the_displacement_is_where_its_inequality_is_an_equation() -> None:
    name, at = "alignment.derivation", {"epsilon": Rational(3, 5), "beta": 2, "q": 7}
    _, largest = step(name, 2, at)
    p, bound = step(name, 1, at | {"p": largest})
    assert float(p) == pytest.approx(float(bound), rel=1e-14)
    _, at_minimiser = step(name, 2, at | {"beta": 0})
    assert at_minimiser / 7 * 2 == step(name, 3, at | {"r": 2})


def test_logistic_logits_are_calibrated_where_the_variance_is_twice_the_mean() -> None:
    name = "calibration.perfect_derivation"
    assert step(name, 0, {"k": 1}) == step(name, 1, {"k": 1}) == (0, 0)
    slope, zero = step(name, 2, {"m": 3, "s": 2})
    assert (slope, zero) == (1 - 2 * Rational(3, 4), 0)


def test_the_correction_solves_the_balance_of_its_two_parts() -> None:
    balance, corrected = (step("cumulant_correction.correction_derivation", i) for i in (1, 2))
    by_name = {symbol.name: symbol for symbol in balance.free_symbols}
    assert simplify(balance.subs(by_name["w_1"], by_name["a"] * corrected)) == 0


def test_the_gap_of_collapse_solves_its_equation() -> None:
    at = {"K": 5, "c": Rational(1, 5), "delta": Rational(1, 10)}
    name = "neural_collapse.threshold_derivation"
    _, gap = step(name, 3, at)
    for number in (0, 1, 2):
        left, right = step(name, number, at | {"g": gap})
        assert float(left - right) == pytest.approx(0, abs=1e-14)


def test_the_accuracy_is_that_of_the_mean_and_the_deviation_of_the_logit() -> None:
    n, rho, mu, along, across = 2, Rational(3, 5), 3, Rational(1, 2), Rational(4, 3)
    deviation = sqrt(n**2 * (rho**2 * along**2 + (1 - rho**2) * across**2))
    first = step("signal_noise.accuracy_derivation", 0, {"m": n * rho * mu, "s": deviation})
    at = {"n": n, "rho": rho, "mu_f": mu, "sigma_f": along, "sigma_n": across}
    for number in (1, 2):
        assert float(step("signal_noise.accuracy_derivation", number, at)) == pytest.approx(
            float(first), rel=1e-14
        )


def test_the_cosine_takes_the_mean_of_fishers_logits() -> None:
    name, at = "fisher_direction.angle_derivation", {"z_star": 3, "r": 2, "r_F": Rational(1, 2)}
    _, mean = step(name, 2, at)
    cosine = float(step(name, 3, at))
    for number in (0, 1):
        assert float(step(name, number, at | {"mu_F": mean})) == pytest.approx(cosine, rel=1e-14)


@pytest.mark.parametrize("v", [-3.0, -0.5, 0.25, 2.0])
def test_soft_thresholding_is_the_least_of_its_loss(v: float) -> None:
    found = minimize_scalar(lambda w: (w - v) ** 2 / 2 + abs(w), bounds=(-5, 5), method="bounded")
    threshold = step("sparsity.soft_threshold_derivation", 3, {"v": v, "t": 1})
    assert float(threshold) == pytest.approx(found.x, abs=1e-4)


LEMMAS = [*alignment.lemmas(), *alignment.linearity_lemmas(alignment.linearity_bound())]
EXTREMAL = [(lemma, point) for lemma in LEMMAS for point in lemma.extremal]


@pytest.mark.parametrize(("lemma", "point"), EXTREMAL)
def test_a_lemma_is_met_with_equality_where_it_says(
    lemma: alignment.Lemma, point: dict[Basic, Basic]
) -> None:
    assert And(*lemma.hypotheses).subs(point) == S.true
    assert lemma.conclusion.lhs.subs(point) == lemma.conclusion.rhs.subs(point)

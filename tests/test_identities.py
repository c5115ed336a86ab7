"""Identities are proved where they hold for all real values, and substitutions by definitions."""

from __future__ import annotations

import pytest
from logitreg.theory import RLambertW
from logitreg.theory.definedness import conditions, is_defined_everywhere
from logitreg.theory.identities import in_exponentials, is_identically_zero, split_exponentials
from logitreg.theory.substitution import vanishes_by_definition
from sympy import (
    Abs,
    Dummy,
    Function,
    I,
    LambertW,
    Piecewise,
    Rational,
    Symbol,
    acos,
    atan,
    cos,
    cosh,
    coth,
    exp,
    log,
    pi,
    sech,
    sign,
    sinh,
    sqrt,
    tanh,
    zoo,
)

y, z = Symbol("y", real=True), Symbol("z", real=True)
c, p = Symbol("c", positive=True), Symbol("p", positive=True)
w = Symbol("w", real=True, nonzero=True)


@pytest.mark.parametrize(
    "e",
    [
        cosh(z) ** 2 - sinh(z) ** 2 - 1,
        tanh(z) - (exp(2 * z) - 1) / (exp(2 * z) + 1),
        sech(z) * cosh(z) - 1,
        log(1 + exp(-z)) + log(1 + exp(z)) - log(2 + 2 * cosh(z)),
        log(1 + exp(z + y)) - z - y - log(1 + exp(-z - y)),
        log(cosh(z)) - z - log(1 + exp(-2 * z)) + log(2),
        log(p) + log(1 / p),
    ],
)
def test_true_identities_are_proved_and_false_ones_near_them_are_not(e):
    assert is_identically_zero(e) is True
    assert is_identically_zero(e + z / 10**6) is None
    assert is_identically_zero(e + Rational(1, 10**6)) is None


@pytest.mark.parametrize(
    "e",
    [
        exp(Symbol("x", real=True)) - exp(Symbol("x", positive=True)),
        exp(z) - Symbol("u_z", positive=True),
        atan(1 / (z - 1)) + atan(z - 1) + pi / 2 + log(1 + exp(z)) - log(1 + exp(-z)) - z,
        atan(1 / w) + atan(w) - pi / 2 + log(1 + exp(w)) - log(1 + exp(-w)) - w,
        log((z - 1) ** 2) - 2 * log(1 - z),
        sqrt((z * y) ** 2) - z * y,
        sqrt(z) * sqrt(y) - sqrt(z * y),
        ((z - 1) ** 3) ** Rational(1, 3) - z + 1,
        sqrt(z**2 - 2 * z + 1) - z + 1,
        ((z - 1) ** 4) ** Rational(1, 4) - z + 1,
        Abs(z) - z,
        sign(z) - 1 + log(1 + exp(z)) - z - log(1 + exp(-z)),
        Piecewise((0, z < 1), (1, True)) + log(1 + exp(z)) - z - log(1 + exp(-z)),
        log(exp(z) * y) - z - log(y) + pi,
    ],
)
def test_what_holds_on_a_part_of_the_reals_only_is_not_an_identity(e):
    assert is_identically_zero(e) is None


def test_rewriting_in_exponentials_keeps_the_value():
    e = tanh(z) + 1 / cosh(2 * z) - sinh(y - z)
    point = {z: Rational(3, 7), y: Rational(-2, 5)}
    u = Dummy("u", positive=True)
    split = split_exponentials(e, z, u)
    for same in (in_exponentials(e), split.subs(u, exp(z))):
        assert abs((same - e).subs(point).evalf(40)) < 1e-38
    assert not in_exponentials(e).has(tanh, sinh, cosh)
    assert abs((split.subs(u, exp(-z)) - e).subs(point).evalf(40)) > 1e-3


@pytest.mark.parametrize(
    ("e", "outside"),
    [
        *((1 / (z - 1), 1), (sqrt(z), -1), (log(1 - z), 1), (coth(z), 0), (z**-3, 0)),
        *((acos(z), 2), (1 / (1 - exp(z)), 0), (log(tanh(z)), -1), (z**z, -1), (sqrt(z) ** 3, -1)),
        *(
            (z ** Rational(-1, 3), 0),
            (LambertW(z), -1),
            (RLambertW(1, z), -1),
            (RLambertW(z, 1), -1),
        ),
        *((exp(1 / z), 0), (1 / (1 / z + 1), 0), (log(log(z)), 1)),
    ],
)
def test_a_condition_fails_where_the_expression_is_not_defined(e, outside):
    assert not is_defined_everywhere(e)
    verdicts = []
    for condition in conditions(e):
        try:
            verdicts.append(bool(condition.subs(z, outside)))
        except TypeError:  # a side of the condition is itself not defined
            verdicts.append(False)
    assert not all(verdicts)


def test_smooth_functions_are_defined_everywhere_and_unknown_ones_nowhere():
    assert is_defined_everywhere(log(1 + exp(-z)) + tanh(z) / (1 + z**2) + sqrt(1 + z**2))
    assert is_defined_everywhere(log(c) / p)
    assert is_defined_everywhere(sign(z))
    assert not is_defined_everywhere(sign(z), continuous=True)
    assert is_defined_everywhere(Piecewise((z, z > 0), (0, True)))
    for unknown in (Function("f")(z), z + I, z + zoo, Piecewise((z, z > 0)), 1 / (1 + z)):
        assert not is_defined_everywhere(unknown)


def test_closed_forms_solve_their_own_equations_only():
    first, second = RLambertW(1, c / 2), RLambertW(2, c / 2)
    assert vanishes_by_definition(2 * first * (1 + exp(first)) - c)
    assert vanishes_by_definition(2 * second * (2 + exp(second)) - c)
    assert not vanishes_by_definition(2 * second * (1 + exp(second)) - c)
    assert vanishes_by_definition(LambertW(c) * exp(LambertW(c)) - c)
    assert not vanishes_by_definition(LambertW(c) * exp(LambertW(c)) - 2 * c)


def test_two_values_of_lambert_functions_are_not_taken_for_one():
    assert not vanishes_by_definition(RLambertW(1, c) - RLambertW(2, c))
    assert not vanishes_by_definition(LambertW(c) - LambertW(2 * c))
    assert not vanishes_by_definition(LambertW(c) - Symbol("w", positive=True))
    assert vanishes_by_definition(
        LambertW(c) * exp(LambertW(c)) + RLambertW(1, c) * (1 + exp(RLambertW(1, c))) - 2 * c
    )


def test_viete_takes_a_third_of_an_arc_cosine_and_nothing_else():
    third = cos(acos(c) / 3)
    assert vanishes_by_definition(4 * third**3 - 3 * third - c)
    assert not vanishes_by_definition(4 * third**3 - 3 * third - c - 1)
    other = cos(2 * acos(c) / 3)
    assert not vanishes_by_definition(4 * other**3 - 3 * other - 2)


def _cardano(q, radicand):
    """The root of t^3 + 3 t - 2 q when radicand = q^2 + 1, were the cube roots real."""
    return [(q + s * sqrt(radicand)) ** Rational(1, 3) for s in (1, -1)]


def test_cardano_needs_positive_cubes():
    a, b = _cardano(c + 2, (c + 2) ** 2 - 1)
    assert vanishes_by_definition((a + b) ** 3 - 3 * (a + b) - 2 * (c + 2))
    assert not vanishes_by_definition((a + b) ** 3 - 3 * (a + b) - 2 * (c + 1))
    a, b = _cardano(c, c**2 + 1)  # b is the root of a negative number
    assert not vanishes_by_definition((a + b) ** 3 + 3 * (a + b) - 2 * c)

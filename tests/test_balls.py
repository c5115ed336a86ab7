"""Enclosures contain the true values: against mpmath at 60 digits, and at the edges of domains."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import mpmath
import pytest
import sympy as sp
from flint import arb, fmpq
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from logitreg.numerics import balls
from logitreg.numerics.balls import ball, ball_function, hull, precision
from logitreg.theory import RLambertW

x, y = sp.Symbol("x", real=True), sp.Symbol("y", real=True)
AROUND_ZERO = hull(arb(-1), arb(1))

_UNARY = (
    *(sp.exp, sp.log, sp.sinh, sp.cosh, sp.tanh, sp.sech, sp.coth, sp.csch, sp.asinh, sp.atan),
    *(sp.erf, sp.cos, sp.sin, sp.Abs, sp.sign, sp.LambertW),
    *(lambda t, n=n: t**n for n in (2, 3, 4, -1, -2, -3, sp.S.Half, -sp.S.Half)),
    *(lambda t, n=n: t**n for n in (sp.Rational(3, 2), sp.Rational(1, 3))),
)
_BINARY = (
    *(lambda s, t: s + t, lambda s, t: s * t, lambda s, t: s - 2 * t, sp.Max, sp.Min),
    lambda s, t: sp.Piecewise((s, x > y), (t, sp.Or(y <= 0, x >= 1)), (s * t + 1, True)),
)


@st.composite
def _expressions(draw: st.DrawFn) -> sp.Expr:
    e = draw(st.sampled_from([x, y, x + sp.Rational(1, 3), x * y]))
    for _ in range(draw(st.integers(1, 3))):
        if draw(st.booleans()):
            e = draw(st.sampled_from(_UNARY))(e)
        else:
            e = draw(st.sampled_from(_BINARY))(e, draw(st.sampled_from(_UNARY))(y))
    return e


_EIGHTHS = st.integers(-32, 32).map(lambda n: sp.Rational(n, 8))
_WIDTHS = st.sampled_from([sp.Integer(0), sp.Rational(1, 64), sp.Integer(1), sp.Integer(3)])
_SHARES = st.integers(0, 16).map(lambda n: sp.Rational(n, 16))


def _exact(value: mpmath.mpf) -> arb:
    numerator, denominator = mpmath.libmp.to_rational(value._mpf_)
    return arb(fmpq(int(numerator), int(denominator)))


def _real_value(e: sp.Expr, a: sp.Rational, b: sp.Rational) -> mpmath.mpf | None:
    """The value at 60 digits; None where it is not real and finite, or cancels."""
    f = sp.lambdify((x, y), e, "mpmath")
    values = []
    for digits in (60, 90):
        with mpmath.workdps(digits):
            try:
                value = f(mpmath.mpf(a.p) / a.q, mpmath.mpf(b.p) / b.q)
            except (TypeError, ValueError, ZeroDivisionError, OverflowError):
                return None
            if isinstance(value, mpmath.mpc) or not mpmath.isfinite(value) or abs(value) > 1e200:
                return None
            values.append(mpmath.mpf(value))
    return values[1] if abs(values[1] - values[0]) <= 1e-50 * (1 + abs(values[1])) else None


@settings(max_examples=1000, deadline=None, derandomize=True)
@given(_expressions(), _EIGHTHS, _EIGHTHS, _WIDTHS, _WIDTHS, _SHARES, _SHARES)
def test_enclosure_contains_the_value_at_every_point_of_the_box(e, a, b, da, db, s, t):
    truth = _real_value(e, a + s * da, b + t * db)
    assume(truth is not None)
    with precision(128):
        enclosure = ball_function(e, x, y)(hull(ball(a), ball(a + da)), hull(ball(b), ball(b + db)))
        reference = _exact(truth) + arb(0, 1e-45) * (1 + abs(_exact(truth)))
        assert not enclosure.is_finite() or enclosure.overlaps(reference)


def test_the_comparison_with_mpmath_can_fail():
    with precision(128):
        wrong = ball_function(sp.exp(x), x)(arb(1)) + arb(10) ** -30
        with mpmath.workdps(60):
            assert not wrong.overlaps(_exact(mpmath.e))
            assert ball_function(sp.exp(x), x)(arb(1)).overlaps(_exact(mpmath.e))


@pytest.mark.parametrize(
    "e",
    [
        *(1 / x, x**-2, x**-3, 1 / sp.sqrt(x), sp.sqrt(x), sp.log(x), sp.coth(x), sp.csch(x)),
        *(sp.atan(1 / x), sp.sign(1 / x), sp.tanh(1 / x), sp.exp(-1 / x**2), sp.acos(2 * x)),
        *(sp.Max(-1, 1 / x), sp.Min(1, 1 / x), sp.Min(1 / x, 1), sp.Abs(1 / x), x**sp.pi),
        *(x ** sp.Rational(1, 3), sp.LambertW(x), RLambertW(1, 4 * x), RLambertW(4 * x, 1)),
        sp.Piecewise((x, x > 0)),
        sp.Piecewise((1 / x, x < 2), (0, True)),
    ],
)
def test_no_comparison_holds_where_the_expression_is_not_defined_on_the_whole_ball(e):
    value = ball_function(e, x)(AROUND_ZERO)
    assert not any((value > -100, value < 100, value >= -100, value == 0))


def test_comparisons_hold_where_the_same_functions_are_defined():
    box = hull(arb(1), arb(2))
    for e in (1 / x, sp.sqrt(x), sp.coth(x), sp.Min(1, 1 / x), RLambertW(1, x)):
        assert ball_function(e, x)(box) > 0


def test_even_powers_of_a_ball_around_zero_hardly_fall_below_zero():
    for n in (2, 4, 6):
        value = ball_function(x**n, x)(AROUND_ZERO)
        assert value > -1e-8
        assert value.contains(0)
        assert value.contains(1)
    assert not ball_function(x**3, x)(AROUND_ZERO) > -0.9


def test_piecewise_with_undecided_conditions_joins_the_branches():
    steps = sp.Piecewise(
        (10, sp.And(x >= -2, x <= sp.Rational(-1, 2))), (20, sp.Or(x > 5, x > 0)), (30, True)
    )
    value = ball_function(steps, x)(AROUND_ZERO)
    assert all(value.contains(v) for v in (10, 20, 30))
    assert ball_function(steps, x)(arb(-1)) == 10
    assert ball_function(steps, x)(arb(1)) == 20
    assert ball_function(steps, x)(arb(-0.25)) == 30
    strict = sp.Piecewise((1, x > 0), (2, True))
    assert ball_function(strict, x)(arb(0)) == 2
    assert (
        ball_function(sp.Piecewise((1, sp.Not(sp.And(x > 0, y > 0))), (2, True)), x, y)(
            arb(1), arb(1)
        )
        == 2
    )


def _r_lambert(r: float, y: float) -> mpmath.mpf:
    with mpmath.workdps(50):
        r, y = mpmath.mpf(r), mpmath.mpf(y)
        guess = mpmath.log1p(y) / 2
        return mpmath.findroot(lambda w: w * (mpmath.exp(w) + r) - y, guess)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    *(st.tuples(st.floats(0, 50), st.floats(0, 3)) for _ in range(2)),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_r_lambert_on_wide_balls_contains_the_roots(over_r, over_y, s, t):
    (r, dr), (v, dv) = over_r, over_y
    with precision(128):
        value = ball_function(RLambertW(x, y), x, y)(
            hull(arb(r), arb(r + dr)), hull(arb(v), arb(v + dv))
        )
    at_r, at_v = min(r + s * dr, r + dr), min(v + t * dv, v + dv)
    root = _r_lambert(at_r, at_v)
    assert value.is_finite()
    assert value.overlaps(_exact(root) + arb(0, 1e-35))


def test_r_lambert_is_tight_at_points_and_answers_at_extreme_arguments():
    f = ball_function(RLambertW(1, x), x)
    with precision(128):
        assert float(f(arb(2)).rad()) < 1e-30
        assert f(arb(0)) == 0
        huge = f(arb(10) ** 1000)
        assert (huge * (huge.exp() + 1) - arb(10) ** 1000).contains(0)
        tiny = f(arb(10) ** -1000)
        assert tiny.contains(arb(10) ** -1000 / 2)
    for outside in (
        arb("inf"),
        arb("nan"),
        arb(-3),
        hull(arb(-3), arb(1)),
        arb(10).exp().exp().exp(),
    ):
        assert not f(outside).is_finite()


def test_huge_arguments_of_exp_do_not_overflow_into_a_false_bound():
    f = ball_function(sp.exp(x) - sp.exp(x - 1), x)
    assert f(arb(10) ** 6) > 0
    assert not ball_function(sp.exp(sp.exp(sp.exp(x))), x)(arb(10)) < 1


def test_precision_is_the_one_at_the_call_and_is_restored():
    f = ball_function(sp.pi + sp.Rational(1, 3) * x, x)
    before = float(f(arb(1)).rad())
    with precision(200):
        assert float(f(arb(1)).rad()) < 1e-50 < before
    assert float(f(arb(1)).rad()) == before


def test_numbers_become_balls_that_contain_them():
    assert ball(3) == 3
    assert ball(0.1) == arb(0.1)
    assert not ball(0.1).contains(fmpq(1, 10))
    assert ball(sp.Rational(1, 3)).contains(fmpq(1, 3))
    assert ball(fmpq(1, 3)).contains(fmpq(1, 3))


@pytest.mark.parametrize(
    "e", [sp.gamma(x), sp.oo * sp.Heaviside(x), sp.LambertW(x, -1), sp.floor(x)]
)
def test_functions_without_an_enclosure_are_refused(e):
    with pytest.raises(TypeError, match="no enclosure"):
        ball_function(e, x)


@pytest.mark.parametrize("sign", [1, -1])
def test_even_hyperbolic_functions_have_the_range_of_their_ends(sign):
    z = sp.Symbol("z", real=True)
    decay = sp.exp(-2 * sp.Abs(z))
    with precision(96):
        x = sign * hull(arb(1) / 1000, arb(1) / 500)
        for form in (
            sp.cosh(z),
            sp.sech(z),
            decay / (1 + decay) ** 2,
            3 * decay / (1 + decay) ** 2,
        ):
            function = ball_function(form, z)
            ends = function(arb(1) / 1000), function(arb(1) / 500)
            assert function(x).contains(ends[0].union(ends[1]))
            assert function(x).rad() < 0.51 * abs(ends[0] - ends[1])
        # Factor by factor the range is that of one end with the other.
        factor = ball_function(decay, z)(x)
        assert (factor / (1 + factor) ** 2).rad() > 10 * abs(ends[0] - ends[1])


CONNECTIVES: dict[str, tuple[int, Callable[..., bool]]] = {
    "And": (3, lambda *truths: all(truths)),
    "Or": (3, lambda *truths: any(truths)),
    "Not": (1, lambda truth: not truth),
    "ITE": (3, lambda test, one, other: one if test else other),
}


@pytest.mark.parametrize("name", CONNECTIVES)
def test_what_is_undecided_is_decided_where_all_its_completions_agree(name: str) -> None:
    arguments, connective = CONNECTIVES[name]
    for truths in itertools.product((True, False, None), repeat=arguments):
        completions = itertools.product(*((True, False) if t is None else (t,) for t in truths))
        values = {bool(connective(*completion)) for completion in completions}
        assert balls._CONNECTIVES[name](list(truths)) is (
            values.pop() if len(values) == 1 else None
        )

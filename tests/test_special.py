"""The r-Lambert function against roots found at 50 digits, and its symbolic properties."""

from __future__ import annotations

import mpmath
import pytest
from logitreg.theory import RLambertW
from sympy import LambertW, O, Rational, S, Symbol, exp, limit, log, oo, simplify

r, y = Symbol("r", nonnegative=True), Symbol("y", positive=True)
POINTS = [
    (r0, y0)
    for r0 in (Rational(0), Rational(1, 1000), Rational(1), Rational(7, 2), Rational(10) ** 6)
    for y0 in (
        Rational(1, 10**30),
        Rational(1, 3),
        Rational(2),
        Rational(10) ** 4,
        Rational(10) ** 40,
    )
]


def _root(r0, y0, digits):
    """By bisection of log w + log(e^w + r) = log y, which uses no derivative."""
    with mpmath.workdps(digits + 10):
        a, b = mpmath.mpf(r0.p) / r0.q, mpmath.mpf(y0.p) / y0.q
        low, high = mpmath.mpf(-200), mpmath.log(mpmath.log1p(b) + b)  # of log w
        high = min(high, mpmath.log(mpmath.log1p(b))) + 1
        for _ in range(4 * digits + 40):
            middle = (low + high) / 2
            w = mpmath.exp(middle)
            if middle + mpmath.log(mpmath.exp(w) + a) < mpmath.log(b):
                low = middle
            else:
                high = middle
        return mpmath.exp(low)


@pytest.mark.parametrize(("r0", "y0"), POINTS)
def test_evaluation_at_50_digits_is_the_root(r0, y0):
    value = RLambertW(r0, y0).evalf(50)
    root = _root(r0, y0, 50)
    with mpmath.workdps(60):
        assert abs(mpmath.mpf(value._mpf_) / root - 1) < mpmath.mpf(10) ** -49
        assert abs(mpmath.mpf(value._mpf_) * (1 + mpmath.mpf(10) ** -45) / root - 1) > 1e-49


@pytest.mark.parametrize("digits", [5, 15, 30, 100, 400])
def test_every_asked_precision_is_delivered(digits):
    value = RLambertW(Rational(1, 3), Rational(5, 7)).evalf(digits)
    assert value._prec >= 3.3 * digits
    with mpmath.workdps(digits + 10):
        w = mpmath.mpf(value._mpf_)
        assert abs(w * (mpmath.exp(w) + mpmath.mpf(1) / 3) - mpmath.mpf(5) / 7) < mpmath.mpf(
            10
        ) ** (1 - digits)


def test_cancellation_in_the_argument_costs_no_digits():
    tiny = exp(1) - Rational(271828182845904523536028747135, 10**29)
    assert abs(RLambertW(1, tiny).evalf(20) / (tiny / 2).evalf(20) - 1) < 1e-18


def test_r_zero_is_lamberts_function_and_y_zero_is_zero():
    assert RLambertW(0, y) == LambertW(y)
    assert RLambertW(r, 0) == 0
    assert RLambertW(r, y).rewrite(LambertW) == RLambertW(r, y)
    assert RLambertW(2, oo) is oo
    assert RLambertW(1, y) != LambertW(y)


def test_outside_its_domain_it_stays_symbolic():
    for arguments in ((1, -2), (-1, 2)):
        assert isinstance(RLambertW(*arguments).evalf(), RLambertW)


def test_derivatives_agree_with_difference_quotients():
    w = RLambertW(r, y)
    point = {r: Rational(3, 2), y: Rational(4, 5)}
    h = Rational(1, 10**15)
    for symbol in (r, y):
        quotient = (w.subs(symbol, symbol + h) - w.subs(symbol, symbol - h)).subs(point) / (2 * h)
        exact = w.diff(symbol).subs(point)
        assert abs((quotient / exact).evalf(40) - 1) < 1e-25
    assert w.diff(r).subs(point).evalf() < 0 < w.diff(y).subs(point).evalf()


def test_series_at_zero_solves_the_equation_order_by_order():
    w = RLambertW(r, y).series(y, 0, 4).removeO()
    residual = (w * (exp(w) + r) - y).series(y, 0, 4).removeO()
    assert simplify(residual) == 0
    wrong = w + y**3
    assert simplify((wrong * (exp(wrong) + r) - y).series(y, 0, 4).removeO()) != 0


def test_logarithmic_form_has_the_same_value():
    w = RLambertW(Rational(2), Rational(9, 2))
    assert w.rewrite(log).has(log)
    assert abs((w.rewrite(log) - w).evalf(30)) < 1e-28


def test_asymptotic_terms_are_good_to_the_order_they_state():
    expansion = RLambertW(2, y)._eval_aseries(3, (S(2), oo), y, None)
    assert expansion.has(O)
    terms = expansion.removeO()
    errors = []
    for k in (50, 500, 5000):
        at = {y: Rational(10) ** k}
        size = ((log(log(y)) / log(y)) ** 2).subs(at).evalf(30)
        errors.append(abs((terms - RLambertW(2, y)).subs(at).evalf(30)) / size)
    assert all(e < 1 for e in errors)
    assert limit(RLambertW(2, y) / log(y), y, oo) == 1


def test_sign_is_known_where_the_arguments_are_admitted():
    w = RLambertW(r, y)
    assert w.is_positive
    assert w.is_real
    assert RLambertW(Symbol("s", real=True), y).is_positive is None

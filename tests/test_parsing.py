"""The parser of penalties reads what it admits exactly, and says what is wrong with all else."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from logitreg.errors import ExpressionError
from logitreg.theory import parsing
from logitreg.theory.parsing import parse_expression
from logitreg.theory.symbols import z
from sympy import (
    Abs,
    Add,
    E,
    Float,
    Function,
    Integer,
    Max,
    Min,
    Mul,
    Pow,
    Rational,
    Symbol,
    asinh,
    atan,
    cos,
    cosh,
    exp,
    gamma,
    log,
    oo,
    pi,
    sech,
    sinh,
    sqrt,
    sympify,
    tanh,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("foo(z)", "unknown function 'foo' at column 1"),
        ("z^2 + foo(z)", "unknown function 'foo' at column 7"),
        ("z + cosch(z)", "unknown function 'cosch' at column 5 (did you mean 'cosh'?)"),
        ("sigmod(z)", "did you mean 'sigmoid'?"),
        ("ln(z)", "did you mean 'log'?"),
        ("x^2", "unknown name 'x' at column 1 (did you mean 'z'?)"),
        ("z^2 + z^z", "write exp(...), as exp(z*log(2)) for 2^z (at column 7)"),
        ("z^2^2 + exp(z, z)", "exp takes one argument, not 2 (at column 9)"),
        ("z + |z|", "'|' at column 5: write abs(z)"),
        ("z + 2z", "'z' at column 6 follows a number: write * between"),
        ("z + z/0", "division by zero (at column 5)"),
        ("z + \u0435", "CYRILLIC SMALL LETTER IE) at column 5 is not ASCII"),
        ("z $ 1", "the character '$' at column 3"),
        ("z^99", "the exponent '99' is beyond 64"),
        ("  foo(z)", "cannot read penalty 'foo(z)'"),
        ("z)", "')' at column 2 closes no '('"),
        ("z^2 + * z", "malformed near column 7"),
    ],
)
def test_message_names_the_offending_part_and_its_column(text, expected):
    with pytest.raises(ExpressionError) as caught:
        parse_expression(text)
    assert expected in str(caught.value)


def test_an_expression_error_is_a_value_error():
    with pytest.raises(ValueError, match="unknown name"):
        parse_expression("y")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("z", z),
        ("\n z^2 \n", z**2),
        ("z**2", z**2),
        ("-z^2", -(z**2)),
        ("(-z)^3", -(z**3)),
        ("2^-1", Rational(1, 2)),
        ("z^-2", z**-2),
        ("z^2^3", z**8),
        ("(z^2)^3", z**6),
        ("z^2 + 1", z**2 + 1),
        ("1 - 2 - 3", Integer(-4)),
        ("8/4/2", Integer(1)),
        ("z/2*3", 3 * z / 2),
        ("+z - -z", 2 * z),
        ("2*-z", -2 * z),
        ("0.1*z", z / 10),
        ("1e-3*z", z / 1000),
        (".5 + 5. + 1.5E2", Rational(311, 2)),
        ("z^0.5", sqrt(z)),
        ("z^(2/3)", z ** Rational(2, 3)),
        ("abs(z)^1.5", Abs(z) ** Rational(3, 2)),
        ("pi*z + e + E", pi * z + 2 * E),
        ("2^pi", 2**pi),
        ("(1 + z)^64", (1 + z) ** 64),
        ("exp(z)", exp(z)),
        ("log(cosh(z))", log(cosh(z))),
        ("sqrt(1 + z^2) - 1", sqrt(1 + z**2) - 1),
        ("sqrt(z^2)", Abs(z)),
        ("abs(z)", Abs(z)),
        ("sinh(z)", sinh(z)),
        ("cosh(z)", cosh(z)),
        ("tanh(z)", tanh(z)),
        ("sech(z)", sech(z)),
        ("asinh(z)", asinh(z)),
        ("atan(z)", atan(z)),
        ("sigmoid(2*z)", 1 / (1 + exp(-2 * z))),
        ("softplus(-z)", log(1 + exp(-z))),
        ("max(z, 0)", Max(z, 0)),
        ("max(z)", z),
        ("min(z, -z, 1)", Min(z, -z, 1)),
        ("max(0, abs(z) - 1)^2", Max(0, Abs(z) - 1) ** 2),
        ("exp ( z )", exp(z)),
        ("log(sinh(z)/z)", log(sinh(z) / z)),
        ("sqrt(z)", sqrt(z)),
        ("z*log(z)", z * log(z)),
        ("log(z^2 - z + 1)", log(z**2 - z + 1)),
        ("7", Integer(7)),
        ("z - z", Integer(0)),
        ("exp(z*log(2))", exp(z * log(2))),
        ("log(2 + 2*cosh(z))/2", log(2 + 2 * cosh(z)) / 2),
    ],
)
def test_the_parse_is_the_expression_built_by_hand(text, expected):
    assert parse_expression(text) == expected


def test_a_polynomial_of_many_terms_is_read():
    text = "+".join(f"z^{n}/{n}" for n in range(1, 31))
    assert parse_expression(text) == Add(*(z**n / n for n in range(1, 31)))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (Symbol("z") ** 2, z**2),
        (Symbol("z", positive=True) + 1, z + 1),
        (log(cosh(Symbol("z"))), log(cosh(z))),
        (Max(z, 0) + Abs(z), Max(z, 0) + Abs(z)),
        (Integer(3), Integer(3)),
    ],
)
def test_a_sympy_expression_is_read_in_the_real_symbol(expression, expected):
    parsed = parse_expression(expression)
    assert parsed == expected
    assert parsed.free_symbols <= {z}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (Symbol("x") ** 2, "the symbol 'x' is not the variable z"),
        (z * Symbol("alpha"), "the symbol 'alpha'"),
        (cos(z), "'cos' is not admitted"),
        (gamma(z), "'gamma' is not admitted"),
        (Function("exp")(z), "'exp' is not admitted"),
        (Float(0.1) * z, "write an exact Rational"),
        (oo * Abs(z) + 1, "is not admitted"),
        (2**z, "write exp(...)"),
        (Pow(9, Pow(9, 9), evaluate=False), "is beyond 64"),
        (Integer(10) ** 5000, "binary digits"),
        (z * Integer(10) ** 5000, "binary digits"),
        (exp(Mul(10**9, log(2, evaluate=False), evaluate=False), evaluate=False), "is beyond 64"),
        (Add(*(z**n for n in range(2000))), "more than 1500 nodes"),
        (3, "expected the text of an expression"),
        (0.5, "expected the text of an expression"),
        (None, "expected the text of an expression"),
        (b"z", "expected the text of an expression"),
        ([z], "expected the text of an expression"),
        (z < 1, "expected the text of an expression"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else value,
)
def test_what_is_neither_text_nor_admitted_is_refused(expression, expected):
    start = time.perf_counter()
    with pytest.raises(ExpressionError) as caught:
        parse_expression(expression)
    assert time.perf_counter() - start < 30
    assert expected in str(caught.value)


numbers = st.one_of(
    st.integers(-9, 9).map(Integer), st.builds(Rational, st.integers(-9, 9), st.integers(1, 9))
)
expressions = st.recursive(
    st.one_of(st.just(z), st.just(z), numbers, st.sampled_from([pi, E])),
    lambda inner: st.one_of(
        st.builds(Add, inner, inner),
        st.builds(Mul, inner, inner),
        st.builds(lambda x, n: (1 + x**2) ** n, inner, st.integers(-3, 3)),
        st.builds(lambda x, q: (2 + x**2) ** Rational(1, q), inner, st.integers(2, 5)),
        st.builds(lambda f, x: f(x), st.sampled_from([exp, sinh, cosh, tanh, sech]), inner),
        st.builds(lambda f, x: f(x), st.sampled_from([asinh, atan, Abs]), inner),
        st.builds(lambda f, x: f(x, z), st.sampled_from([Max, Min]), inner),
        st.builds(lambda x: log(1 + exp(x)), inner),
    ),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(expressions)
def test_what_sympy_prints_is_read_as_sympy_itself_reads_it(expression):
    text = str(expression)
    try:
        parsed = parse_expression(text)
    except ExpressionError as refusal:
        # Random constants may overflow or cancel; nothing else of these may be refused.
        reason = str(refusal)
    else:
        reason = ""
    if reason:
        assert any(word in reason for word in ("1e300", "cancel", "beyond", "binary"))
        return
    assert parsed == sympify(text, locals={"z": z})
    for point in (Rational(-7, 5), Rational(3, 10)):
        expected = expression.subs(z, point).evalf(30)
        assert abs(parsed.subs(z, point).evalf(30) - expected) <= abs(expected) * Float("1e-25")


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.text(alphabet="z+-*/^().,e12 ", max_size=12))
def test_arithmetic_text_is_read_as_python_reads_it_or_refused(text):
    try:
        parsed = parse_expression(text)
    except ExpressionError:
        return
    assert parsed == sympify(
        text.strip().replace("^", "**"), locals={"z": z, "e": E}, rational=True
    )


def test_limits_admit_the_largest_and_refuse_the_next():
    n = parsing.MAX_DEPTH
    assert parse_expression("(" * n + "z" + ")" * n) == z
    with pytest.raises(ExpressionError, match="nested deeper"):
        parse_expression("(" * (n + 1) + "z" + ")" * (n + 1))
    digits = parsing.MAX_DIGITS
    assert parse_expression("1" * digits) == Integer("1" * digits)
    with pytest.raises(ExpressionError, match="digits"):
        parse_expression("1" * (digits + 1))
    assert parse_expression("z^64") == z**64
    with pytest.raises(ExpressionError, match="beyond 64"):
        parse_expression("z^65")
    spaces = " " * (parsing.MAX_CHARACTERS - 3)
    assert parse_expression("z+" + spaces + "1") == z + 1
    with pytest.raises(ExpressionError, match="1001 characters"):
        parse_expression("z+" + spaces + " 1")


def test_a_formula_that_breaks_off_is_malformed_at_its_end() -> None:
    with pytest.raises(ExpressionError, match="malformed near column 4"):
        parse_expression("z +")

"""The parser of penalties refuses hostile text quickly, and never evaluates it."""

import builtins
import time

import pytest
from logitreg.errors import ExpressionError
from logitreg.theory.parsing import parse_expression

HOSTILE = [
    # attributes, calls and names of Python
    "z.__class__",
    "z.__class__.__bases__[0].__subclasses__()",
    "().__class__",
    "z.real",
    "1..real",
    "__import__('os').system('touch SENTINEL')",
    "open('SENTINEL', 'w')",
    "eval('z')",
    "exec('z')",
    "exec(z)",
    "__builtins__",
    "globals()",
    "getattr(z, z)",
    "breakpoint()",
    "Symbol(z)",
    "sympify(z)",
    "Function(z)",
    "I",
    "oo",
    "nan",
    "S",
    # Python's other syntax
    "lambda: z",
    "(lambda z: z)(z)",
    "[z for z in (z, z)]",
    "(z for z in z)",
    "{z: z}",
    "f'{z}'",
    "'z'",
    '"z"',
    "b'z'",
    "(z := z)",
    "z = 1",
    "z[0]",
    "z and z",
    "not z",
    "z < 1",
    "z if z else z",
    "z if (z) else __import__('os').remove('SENTINEL')",
    "await z",
    "(yield z)",
    "max(*z)",
    "max(*(z, z))",
    "exp(**z)",
    "exp(x=z)",
    "(z, z)",
    "z, z",
    "...",
    "~z",
    "z % 2",
    "z @ z",
    "z // 2",
    "z | z",
    "z & z",
    "z << 2",
    "z! ",
    "factorial(999999999)",
    # several lines, comments and separators
    "z; import os",
    "z\nimport os",
    "z # comment",
    "z \\\n + z",
    "z\tz",
    "z\x0c",
    "z\x00",
    "\x00",
    "",
    "   ",
    "\n",
    # numbers that are not decimal literals
    "1j",
    "1_000",
    "0x10",
    "0b1",
    "0o7",
    "007",
    "1.2.3",
    "1e",
    "1e999999999",
    "1e-999999999",
    "9" * 900,
    "1e" + "9" * 900,
    "True",
    "None",
    # malformed
    "z +",
    "* z",
    "z z",
    "(z",
    "z)",
    ")z(",
    "()",
    "z ^^ 2",
    "2z",
    "2(z + 1)",
    "z(z + 1)",
    "(z)(z)",
    "|z|",
    "exp",
    "exp + 1",
    "exp()",
    "exp(z, z)",
    "max()",
    "exp z",
    # powers and numbers that explode
    "9**9**9",
    "9^9^9^9",
    "2**(2**(2**30))",
    "((2^60)^60)^60",
    "((z^60)^60)^60",
    "z^(10^20)",
    "z^0.0001",
    "z^pi",
    "2^z",
    "z^z",
    "e^z",
    "2^2^z",
    "exp(1000000000*log(10))",
    "exp(z - 1000000000*log(2))",
    "exp(1000000000*(log(2) + z))",
    "exp(1000000000*log(2*z))",
    "exp(exp(exp(exp(9))))",
    "exp(-exp(exp(exp(9))))",
    "abs(exp(exp(exp(9))) - exp(exp(exp(8))))",
    "sinh(10^30)",
    "(z/99999999999999999999999999999999)^(63/997)",
    # constants that are zero in disguise, and complex numbers to expand
    "abs((sqrt(2) + 1)^2 - 3 - 2*sqrt(2))",
    "max(z*(2^(1/997) + 1)^2, z*(1 + 2*2^(1/997) + 2^(2/997)))",
    "1/(log(6) - log(2) - log(3))",
    "max(tanh(asinh(z)*log(0.5 - z)^64), z)",
    "(((log(z) + sqrt(z))^60 + 1)^(1/3))^(1/2)",
    "sqrt(exp((log(z) + sqrt(z))^60))",
    "sinh(((z/2)^0.5 - 36)^64*sigmoid(z))",
    "exp(cosh(exp(3 + z)*asinh(z)^64/asinh(z/min(1, z^2)^0.5)))",
    "abs(tanh(((log(z) + sqrt(z))^60 + 1)^60))",
    "sqrt(tanh(((log(z) + sqrt(z))^60 + 1)^60))",
    # not finite or not real
    "1/0",
    "z/0",
    "z/(z - z)",
    "0^-1",
    "log(0)",
    "sqrt(-1)",
    "(-8)^(1/3)",
    "log(-2)",
    "z*sqrt(-2)",
    "sqrt(-exp(z))",
    # sizes
    "(" * 900 + "z",
    "(" * 400 + "z" + ")" * 400,
    "-" * 900 + "z",
    "-" * 200 + "z",
    "exp(" * 60 + "z" + ")" * 60,
    "2^" * 100 + "1",
    "z" * 100_000,
    "z+" * 400 + "z",
    "max(" + "z," * 300 + "z)",
    "max(" + ",".join(f"abs(z-{n})" for n in range(1, 30)) + ")",
    " " * 2000 + "z" + "+z" * 2000,
    # look-alikes of ASCII characters
    "\u0435\u0445\u0440(z)",
    "\uff45\uff58\uff50(z)",
    "exp\uff08z\uff09",
    "\uff12*z",
    "\u0662*z",
    "\U0001d433",
    "z\u200b",
    "\u202ez",
    "\ufeffz",
    "z\u00b2",
    "z \u2212 1",
    "z\u00a0+ 1",
    "\u03c0",
    "\ud800",
]


@pytest.fixture
def nothing_is_evaluated(monkeypatch, tmp_path):
    """Python's evaluators raise within the test, and files would be created in an empty folder."""

    def forbidden(*_args, **_keywords):
        raise AssertionError("text reached an evaluator")

    monkeypatch.chdir(tmp_path)
    for name in ("eval", "exec", "open"):
        monkeypatch.setattr(builtins, name, forbidden)
    monkeypatch.setattr("sympy.sympify", forbidden)
    monkeypatch.setattr("sympy.parsing.sympy_parser.parse_expr", forbidden)
    yield
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:40]))
def test_hostile_text_is_refused_quickly_and_never_evaluated(text, nothing_is_evaluated):
    start = time.perf_counter()
    with pytest.raises(ExpressionError) as caught:
        parse_expression(text)
    assert time.perf_counter() - start < 30
    message = str(caught.value)
    assert message.startswith("cannot read penalty '") or message.startswith(
        'cannot read penalty "'
    )
    assert "Allowed: the variable z; numbers" in message
    assert "logitreg.penalties()" in message
    assert len(message) < 700

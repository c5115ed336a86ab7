r"""The LaTeX of an export, read as a mathematician reads it, has the values of the theory.

The reader below knows nothing of how the text is made. Products are written side by side and bind
closer than sums; a sum over k extends to the next plus or minus outside of brackets.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from logitreg.proofs_checks.exports.catalogue import export, export_ids
from logitreg.proofs_checks.exports.custom import class_exports_of_penalty, exports_of_penalty
from logitreg.proofs_checks.exports.program import Argument, ClassRoutine, Export, Part
from logitreg.proofs_checks.exports.source import source
from logitreg.theory import penalty
from logitreg.theory.label_smoothing import true_class
from logitreg.theory.symbols import K, logits
from mpmath import mpf
from sympy import Symbol, lambdify

DIGITS = 50
Value = Any
Names = dict[str, Value]

TOKEN = re.compile(r"\\left\||\\right\||\\[a-zA-Z]+|\\[\\:{}]|\\.|[a-zA-Z]|\d+|[^\s]")
ENDS = {"", "+", "-", "}", ")", r"\right|", "&", r"\\", r"\end", r"\leq", r"\geq"}
"""What ends a product."""
FUNCTIONS: dict[str, Callable[..., Value]] = {
    r"\log": mpmath.log,
    r"\sinh": mpmath.sinh,
    r"\cosh": mpmath.cosh,
    r"\cos": mpmath.cos,
    "acos": mpmath.acos,
    "erf": mpmath.erf,
    "erfc": mpmath.erfc,
    "sign": mpmath.sign,
}


def lambert(r: mpf, y: mpf) -> mpf:
    """The w >= 0 with w (e^w + r) = y, by bisection."""
    low, high = mpf(0), 1 + mpmath.log1p(y)
    while high - low > mpf(10) ** (-DIGITS) * (1 + high):
        middle = (low + high) / 2
        low, high = (middle, high) if middle * (mpmath.exp(middle) + r) < y else (low, middle)
    return low


class Reader:
    """A value from LaTeX, by recursive descent: sum, product, power, atom."""

    def __init__(self, text: str, names: Names) -> None:
        self.tokens = [t for t in TOKEN.findall(text) if t not in (r"\:", r"\left", r"\right")]
        self.at = 0
        self.names = names

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, *expected: str) -> str:
        token = self.peek()
        assert token, f"the text ends; expected {expected}"
        assert not expected or token in expected, (token, expected)
        self.at += 1
        return token

    def skip(self) -> None:
        """Over a group in braces, or one token."""
        depth = 0
        while True:
            depth += {"{": 1, "}": -1}.get(self.take(), 0)
            if depth == 0:
                return

    def whole(self) -> Value:
        value = self.sum()
        assert self.peek() == "", self.tokens[self.at :]
        return value

    def group(self) -> Value:
        self.take("{")
        value = self.sum()
        self.take("}")
        return value

    def sum(self) -> Value:
        first = self.take() if self.peek() in ("+", "-") else "+"
        total = self.product() if first == "+" else -self.product()
        while self.peek() in ("+", "-"):
            total += self.product() if self.take() == "+" else -self.product()
        return total

    def product(self) -> Value:
        value = self.power()
        while self.peek() not in ENDS:
            value *= self.power()
        return value

    def power(self) -> Value:
        base = self.atom()
        if self.peek() != "^":
            return base
        self.take()
        return base ** self.group()

    def subscript(self) -> str:
        """The text of a subscript; "" without one."""
        if self.peek() != "_":
            return ""
        self.take()
        start = self.at
        self.skip()
        return "".join(self.tokens[start : self.at]).strip("{}")

    def atom(self) -> Value:
        token = self.take()
        if token.isdigit():
            return mpf(token)
        if token == "(":
            value = self.sum()
            self.take(")")
            return value
        if token == "{":
            self.at -= 1
            return self.group()
        if token == r"\left|":
            value = self.sum()
            self.take(r"\right|")
            return abs(value)
        if token == r"\frac":
            return self.group() / self.group()
        if token == r"\sqrt":
            return self.root()
        if token == r"\sum":
            return self.total()
        if token == r"\begin":
            return self.cases()
        if token == r"\infty":
            return mpmath.inf
        if token == r"\operatorname":
            self.take("{")
            name = ""
            while self.peek() != "}":
                name += self.take()
            self.take("}")
            return self.call(FUNCTIONS[name])
        if token in FUNCTIONS:
            return self.call(FUNCTIONS[token])
        if token == "W":
            return self.lambert()
        if token == r"\mathbf":
            return self.indicator()
        if token == "e":
            return mpmath.e
        return self.variable(token)

    def variable(self, token: str) -> Value:
        index = self.subscript()
        if token == "z" and index:
            return self.names["z"][int(self.names[index])]
        name = f"{token}_{index}" if index else token
        if self.peek() == "^" and self.tokens[self.at + 2] == r"\star":
            self.at += 4
            name += "*"
        return self.names[name]

    def root(self) -> Value:
        degree = mpf(2)
        if self.peek() == "[":
            self.take()
            degree = mpf(self.take())
            self.take("]")
        return self.group() ** (1 / degree)

    def call(self, function: Callable[..., Value]) -> Value:
        power = mpf(1)
        if self.peek() == "^":
            self.take()
            power = self.group()
        return function(self.argument()) ** power

    def argument(self) -> Value:
        """What is in brackets, which may stand in braces."""
        braces = self.peek() == "{"
        if braces:
            self.take("{")
        self.take("(")
        value = self.sum()
        self.take(")")
        if braces:
            self.take("}")
        return value

    def lambert(self) -> Value:
        r = mpf(0)
        if self.peek() == "_":
            self.take()
            r = self.group()
        return lambert(r, self.argument())

    def indicator(self) -> Value:
        assert self.group() == 1
        left, right = self.subscript().split("=")
        return mpf(self.names[left] == self.names[right])

    def total(self) -> Value:
        index, start = self.subscript().split("=")
        self.take("^")
        end = int(self.group())
        body = self.at
        total = mpf(0)
        for value in range(int(start), end + 1):
            self.at = body
            self.names = {**self.names, index: value}
            total += self.product()
        return total

    def cases(self) -> Value:
        self.skip()
        found, done = mpf(0), False
        while True:
            value = self.sum()
            self.take("&")
            self.take(r"\text")
            word = self.tokens[self.at : self.at + 5]
            self.skip()
            holds = word[1:4] != list("for") or self.condition()
            if holds and not done:
                found, done = value, True
            if self.take(r"\\", r"\end") == r"\end":
                self.skip()
                return found

    def condition(self) -> bool:
        left = self.sum()
        relation = self.take(r"\leq", r"\geq")
        right = self.sum()
        return bool(left <= right if relation == r"\leq" else left >= right)


def formulas(found: Export) -> list[str]:
    return re.findall(r"\\\[\s*(.*?)\s*\\\]", source((found,), "latex"), re.S)


def numbers(arguments: tuple[Argument, ...], rng: np.random.Generator) -> dict[Symbol, float]:
    """Of moderate size, in the domain."""
    found = {}
    for argument in arguments:
        low, high = max(argument.low, -4), min(argument.high, 4)
        found[argument.symbol] = float(rng.uniform(low, high))
        if argument.symbol == K:
            found[K] = float(rng.integers(3, 8))
    return found


def names_in_latex(found: Export, values: dict[Symbol, float]) -> Names:
    """The values by the names that the text gives to the arguments."""
    names: Names = {}
    for argument in found.arguments:
        name = argument.tex or argument.symbol.name
        name = re.sub(r"^(alpha|delta|epsilon|rho|mu|sigma)", r"\\\1", name)
        names[name.replace(r"^{\star}", "*")] = mpf(values[argument.symbol])
    return names


def pairs(found: Export, text: Callable[[str], str] = str) -> list[tuple[mpf, mpf]]:
    """Of every formula at several points: as it is read and as it is in the theory."""
    rng = np.random.default_rng(3)
    result = []
    for part, line in zip(found.parts, formulas(found), strict=True):
        _call, formula = line.split(" = ", 1)
        for _ in range(4):
            values = numbers(found.arguments, rng)
            names = names_in_latex(found, values)
            sample = None
            if isinstance(part.routine, ClassRoutine):
                classes = int(values[K])
                sample = [mpf(x) for x in rng.normal(size=classes) * 2]
                label, j = (int(x) for x in rng.integers(1, classes + 1, 2))
                names |= {"z": [None, *sample], "c": label, "j": j}
                values |= {true_class: label, Symbol("j", integer=True, positive=True): j}
            read = Reader(text(formula), names).whole()
            result.append((read, of_theory(part, values, sample)))
    return result


def of_theory(part: Part, values: dict[Symbol, float], sample: list[mpf] | None) -> mpf:
    given = {symbol: int(x) if symbol.is_integer else mpf(x) for symbol, x in values.items()}
    exact = part.exact
    if sample is not None:
        given[logits] = [None, *sample]
        # The number of classes is an index of Python, whose quotients are float64.
        inverse = Symbol("inverse_of_K")
        given[inverse] = 1 / mpf(given[K])
        exact = exact.xreplace({1 / K: inverse})
    names = {"RLambertW": lambert, "LambertW": lambda y: lambert(mpf(0), y)}
    return lambdify(list(given), exact, [names, "mpmath"])(*given.values())


def agree(a: Value, b: Value) -> bool:
    if mpmath.isinf(a) or mpmath.isinf(b):
        return bool(a == b)
    return bool(abs(a - b) <= mpf(10) ** (12 - DIGITS) * (1 + abs(b)))


@pytest.mark.parametrize("id", export_ids())
def test_the_latex_states_the_formula(id: str) -> None:
    with mpmath.workdps(DIGITS):
        for read, exact in pairs(export(id)):
            assert agree(read, exact)


def test_the_latex_of_a_penalty_of_ones_own_states_its_losses() -> None:
    own = penalty("z^2 + log(cosh(z/2))")
    with mpmath.workdps(DIGITS):
        for found in (*exports_of_penalty(own), *class_exports_of_penalty(own)):
            assert all(agree(read, exact) for read, exact in pairs(found))


@pytest.mark.parametrize("id", export_ids())
def test_a_changed_sign_is_noticed(id: str) -> None:
    """The control: of the formula's last plus or minus, or of all, where it has none."""

    def changed(formula: str) -> str:
        at = max(formula.rfind("+"), formula.rfind("-"))
        if at < 0:
            return f"- {formula}"
        return formula[:at] + ("-" if formula[at] == "+" else "+") + formula[at + 1 :]

    with mpmath.workdps(DIGITS):
        assert not all(agree(read, exact) for read, exact in pairs(export(id), changed))

"""A user's penalty f(z), a text or a SymPy expression, read by a whitelist and never evaluated.

A text is checked character by character and token by token, parsed by :mod:`ast`, and its tree is
walked; a SymPy expression is walked likewise. Both are built anew by :mod:`.admission`.
"""

from __future__ import annotations

import ast
import re
import unicodedata
from collections.abc import Callable
from difflib import get_close_matches
from fractions import Fraction

from sympy import E, Expr, Rational, S, Symbol, pi

from ..errors import ExpressionError
from .admission import (
    CONSTANTS,
    FUNCTIONS,
    HEADS,
    NotAdmittedError,
    add,
    admitted,
    divide,
    multiply,
    power,
    shown,
)
from .symbols import z

__all__ = [
    "MAX_CHARACTERS",
    "MAX_DECIMAL_EXPONENT",
    "MAX_DEPTH",
    "MAX_DIGITS",
    "MAX_NODES",
    "MAX_TOKENS",
    "parse_expression",
]

MAX_CHARACTERS = 1000
"""The longest text."""

MAX_TOKENS = 250
"""The most numbers, names, operators, brackets and commas in a text."""

MAX_DEPTH = 24
"""The deepest nesting of brackets, functions, signs and powers in a text."""

MAX_NODES = 1500
"""The most nodes in the tree of a SymPy expression."""

MAX_DIGITS = 32
"""The most digits in a number, before its exponent."""

MAX_DECIMAL_EXPONENT = 32
"""The largest n in a number such as 1e-n."""


_TOKEN = re.compile(
    r"(?P<space>\ +)"
    r"|(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<operator>[-+*/^(),])"
)

# SymPy prints abs, max and min with capitals.
_CALLABLE = FUNCTIONS | {name.capitalize(): FUNCTIONS[name] for name in ("abs", "max", "min")}

_OPERATORS: dict[type[ast.operator], Callable[[Expr, Expr], Expr]] = {
    ast.Add: add,
    ast.Sub: lambda x, y: add(x, multiply(S.NegativeOne, y)),
    ast.Mult: multiply,
    ast.Div: divide,
    ast.Pow: power,
}

_MANY_ARGUMENTS = frozenset({"max", "min", "Max", "Min"})

_SPOKEN: dict[type[ast.AST], str] = {
    ast.BinOp: "the operator //",
    ast.Starred: "a starred argument",
    ast.Tuple: "a tuple",
}

_MEANT = {
    "arcsinh": "asinh",
    "arctan": "atan",
    "expit": "sigmoid",
    "ln": "log",
    "logistic": "sigmoid",
    "x": "z",
}


def parse_expression(text: str | Expr) -> Expr:
    """The penalty f(z) that a text or a SymPy expression denotes, in the symbol ``z``.

    Admitted are the variable z, numbers (decimals are exact: 0.1 is 1/10), pi and e, the operators
    + - * / and ** or ^, brackets, and the functions abs, asinh, atan, cosh, exp, log, max, min,
    sech, sigmoid(x) = 1/(1 + exp(-x)), sinh, softplus(x) = log(1 + exp(x)), sqrt and tanh.
    An exponent is a constant: a rational number where the base holds z. The powers bind as in
    mathematics: -z^2 is -(z^2), and z^2^3 is z^8. The argument of a function, and the base of a
    root, must be seen to be real for every real z; of the hyperbolic functions, finite as well.

    Parameters
    ----------
    text : the text; or a SymPy expression of the same functions in one symbol named z, which is
        replaced by the real symbol of :mod:`logitreg.theory.symbols`.

    Returns
    -------
    f(z) as SymPy builds it, with its automatic simplifications (z**2)**(1/2) = Abs(z) and alike.

    Raises
    ------
    ExpressionError : anything else, or a size beyond a limit named here or in :mod:`.admission`.

    Examples
    --------
    >>> parse_expression("0.5*z^2 + softplus(-z)")
    z**2/2 + log(1 + exp(-z))
    >>> parse_expression("__import__('os')")
    Traceback (most recent call last):
        ...
    logitreg.errors.ExpressionError: cannot read penalty "__import__('os')": unknown name \
'__import__' at column 1. Allowed: the variable z; numbers such as 2, 0.5 and 1e-3; pi and e; \
+ - * / ** (or ^); brackets ( ); the functions abs, asinh, atan, cosh, exp, log, max, min, sech, \
sigmoid, sinh, softplus, sqrt, tanh. Or one of the catalogue's names: see logitreg.penalties()
    """
    try:
        if isinstance(text, str):
            text = text.strip(" \t\r\n")
            subject = f"penalty {shown(text)}"
            return _read_text(text)
        subject = f"a penalty of type {type(text).__name__}"
        if not isinstance(text, Expr):
            raise NotAdmittedError("expected the text of an expression or a SymPy expression")
        _check_node_count(text)
        return _read_sympy(text)
    except NotAdmittedError as refusal:
        reason = refusal.reason
    except (RecursionError, MemoryError):
        reason = "it is nested too deeply"
    raise ExpressionError(
        f"cannot read {subject}: {reason}. Allowed: the variable z; numbers such as 2, 0.5 and "
        f"1e-3; pi and e; + - * / ** (or ^); brackets ( ); the functions "
        f"{', '.join(sorted(FUNCTIONS))}. "
        "Or one of the catalogue's names: see logitreg.penalties()"
    )


# Text: characters and tokens


def _read_text(text: str) -> Expr:
    if not text:
        raise NotAdmittedError("the text is empty")
    if len(text) > MAX_CHARACTERS:
        raise NotAdmittedError(f"it has {len(text)} characters, the limit is {MAX_CHARACTERS}")
    _check_tokens(text)
    # Python's ^ binds more weakly than its +, so it must become ** before the text is parsed.
    python = text.replace("^", "**")
    column = [i for i, character in enumerate(text, 1) for _ in range(1 + (character == "^"))]
    column.append(len(text) + 1)
    try:
        tree = ast.parse(python, mode="eval")
    except SyntaxError as error:
        at = column[min((error.offset or len(python) + 1) - 1, len(python))]
        raise NotAdmittedError(f"the formula is malformed near column {at}") from None
    try:
        return _read_node(tree.body, python, 0)
    except NotAdmittedError as refusal:
        at = column[refusal.offset or 0]
        raise NotAdmittedError(f"{refusal.reason} (at column {at})") from None


def _check_tokens(text: str) -> None:
    """Refuse what is not a sequence of admitted tokens, so that ast sees nothing else."""
    position = depth = count = 0
    previous = ""
    while position < len(text):
        column = position + 1
        token = _TOKEN.match(text, position)
        if token is None:
            raise NotAdmittedError(_bad_character(text[position], column))
        kind, word = str(token.lastgroup), token.group()
        if previous == "number" and kind in ("number", "name"):
            raise NotAdmittedError(
                f"{shown(word)} at column {column} follows a number: write * between"
            )
        if kind == "name" and word != "z" and word not in CONSTANTS and word not in _CALLABLE:
            raise NotAdmittedError(_unknown_name(word, text[token.end() :], column))
        depth += {"(": 1, ")": -1}.get(word, 0)
        if depth < 0:
            raise NotAdmittedError(f"')' at column {column} closes no '('")
        if depth > MAX_DEPTH:
            raise NotAdmittedError(
                f"brackets are nested deeper than {MAX_DEPTH} at column {column}"
            )
        count += kind != "space"
        if count > MAX_TOKENS:
            raise NotAdmittedError(f"it has more than {MAX_TOKENS} numbers, names and operators")
        previous, position = kind, token.end()
    if depth > 0:
        raise NotAdmittedError(f"{depth} '(' not closed")


def _bad_character(character: str, column: int) -> str:
    if character == "|":
        return f"'|' at column {column}: write abs(z) for |z|"
    if character.isascii():
        return f"the character {character!a} at column {column} is not admitted"
    name = unicodedata.name(character, "no name")
    return f"the character {character!a} ({name}) at column {column} is not ASCII"


def _unknown_name(word: str, rest: str, column: int) -> str:
    kind = "function" if rest.lstrip(" ").startswith("(") and word.isalpha() else "name"
    near = get_close_matches(word.lower(), sorted(FUNCTIONS), n=1)
    meant = _MEANT.get(word.lower(), near[0] if near else "")
    hint = f" (did you mean {meant!r}?)" if meant else ""
    return f"unknown {kind} {shown(word)} at column {column}{hint}"


# Text: the tree


def _read_node(node: ast.expr, text: str, depth: int) -> Expr:
    """The expression of a node of the tree; a refusal within it learns where it happened."""
    try:
        if depth > MAX_DEPTH:
            raise NotAdmittedError(f"it is nested deeper than {MAX_DEPTH}")
        return _build(node, text, depth)
    except NotAdmittedError as refusal:
        if refusal.offset is None:
            refusal.offset = node.col_offset
        raise


def _build(node: ast.expr, text: str, depth: int) -> Expr:
    match node:
        case ast.Name(id="z"):
            return z
        case ast.Name(id=name) if name in CONSTANTS:
            return CONSTANTS[name]
        case ast.Name(id=name):
            raise NotAdmittedError(f"the function {name!r} has no argument: write {name}(z)")
        case ast.Constant():
            return _number(text[node.col_offset : node.end_col_offset])
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _read_node(operand, text, depth + 1)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return multiply(S.NegativeOne, _read_node(operand, text, depth + 1))
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _OPERATORS:
            # A chain such as a + b + c leans to the left and is not what depth is meant to bound.
            chained = isinstance(left, ast.BinOp) and not isinstance(left.op, ast.Pow)
            first = _read_node(left, text, depth if chained else depth + 1)
            return _OPERATORS[type(operator)](first, _read_node(right, text, depth + 1))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in _CALLABLE:
            if name not in _MANY_ARGUMENTS and len(arguments) != 1:
                raise NotAdmittedError(f"{name} takes one argument, not {len(arguments)}")
            if not arguments:
                raise NotAdmittedError(f"{name} takes at least one argument")
            return _CALLABLE[name](*(_read_node(a, text, depth + 1) for a in arguments))
        case ast.Call(func=ast.Name(id=name)) if name in _CALLABLE:
            raise NotAdmittedError(f"{name} takes no keyword arguments")
        case ast.Call():
            raise NotAdmittedError("what stands before '(' is not a function: write * between")
    raise NotAdmittedError(f"{_SPOKEN.get(type(node), 'this construct')} is not admitted")


def _number(literal: str) -> Rational:
    mantissa, _, exponent = literal.lower().partition("e")
    if len(mantissa) - mantissa.count(".") > MAX_DIGITS:
        raise NotAdmittedError(f"the number {shown(literal)} has more than {MAX_DIGITS} digits")
    if len(exponent) > MAX_DIGITS or abs(int(exponent or 0)) > MAX_DECIMAL_EXPONENT:
        raise NotAdmittedError(f"the exponent of {shown(literal)} is beyond {MAX_DECIMAL_EXPONENT}")
    exact = Fraction(literal)
    return Rational(exact.numerator, exact.denominator)


# SymPy expressions


def _check_node_count(expression: Expr) -> None:
    stack, count = [expression], 0
    while stack:
        count += 1
        if count > MAX_NODES:
            raise NotAdmittedError(f"it has more than {MAX_NODES} nodes")
        stack.extend(stack.pop().args)


def _read_sympy(node: Expr) -> Expr:
    if isinstance(node, Symbol):
        if node.name != "z":
            raise NotAdmittedError(f"the symbol {shown(node.name)} is not the variable z")
        return z
    if isinstance(node, Rational):
        return admitted(node)
    if node in (pi, E):
        return node
    if node.is_Float:
        raise NotAdmittedError(f"the float {shown(node)}: write an exact Rational instead")
    if type(node) not in HEADS:
        raise NotAdmittedError(f"{shown(type(node).__name__)} is not admitted")
    return HEADS[type(node)](*(_read_sympy(argument) for argument in node.args))

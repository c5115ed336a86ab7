"""Array source code of the penalties, written by SymPy; rewrites ``catalogue.py``.

    python -m logitreg.numerics.generate

The formulas are those of :mod:`logitreg.theory.penalties` and their derivatives. Where these
overflow or cancel in floating point, a form in t = exp(-|z|) <= 1 is printed instead, after
:func:`check_stable_forms` has proved that it is the same function.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import cast

from flint import arb
from sympy import (
    Abs,
    DiracDelta,
    Expr,
    Max,
    Min,
    Piecewise,
    S,
    Symbol,
    UnevaluatedExpr,
    acosh,
    asinh,
    atanh,
    exp,
    limit,
    log,
    oo,
    sign,
    simplify,
    sinh,
    solveset,
    sqrt,
    tanh,
)
from sympy.codegen.cfunctions import expm1, hypot, log1p
from sympy.core.relational import Relational

from ..theory.identities import is_identically_zero
from ..theory.losses import pieces, x
from ..theory.penalties import CATALOGUE, Penalty
from ..theory.symbols import z
from .array_source import printed, written
from .balls import ball_function
from .convexity import Side, concave_point

__all__ = [
    "catalogue_source",
    "check_inverse_slopes",
    "check_stable_forms",
    "derivatives",
    "in_logarithms",
    "kinks",
    "sides",
]

_x = Abs(z)
_t = exp(-_x)
_delta = CATALOGUE["pseudo-huber"].parameters[0].symbol
_p = CATALOGUE["power"].parameters[0].symbol
_root = hypot(1, z / _delta)

STABLE: dict[str, dict[int, Expr]] = {
    "label-smoothing": {0: _x / 2 + log1p(_t), 1: tanh(z / 2) / 2, 2: _t / (1 + _t) ** 2},
    "pseudo-huber": {
        0: z * UnevaluatedExpr(z / (1 + _root)),
        1: z / _root,
        2: 1 / _root**3,
    },
    "log-cosh": {
        0: Piecewise(
            (log1p(2 * sinh(z / 2) ** 2), _x <= 1),
            (_x + log1p(expm1(-2 * _x) / 2), True),
        ),
        1: tanh(z),
        2: (2 * _t / (1 + _t**2)) ** 2,
    },
    "power": {1: _p * sign(z) * _x ** (_p - 1), 2: _p * (_p - 1) * _x ** (_p - 2)},
    "entropy": {
        0: -log1p(_t) - _x * _t / (1 + _t),
        1: z * _t / (1 + _t) ** 2,
        2: _t / (1 + _t) ** 2 * (1 - z * tanh(z / 2)),
    },
}
"""Derivatives, by order, in a form that neither overflows nor cancels."""

_s = Symbol("s", positive=True)

INVERSE_SLOPES: dict[str, Expr] = {
    "quadratic": _s / 2,
    "absolute": S.Zero,
    "huber": _s,
    "pseudo-huber": _s / sqrt(1 - (_s / _delta) ** 2),
    "log-cosh": atanh(_s),
    "cosh": asinh(_s),
    "power": (_s / _p) ** (1 / (_p - 1)),
    "elastic": Piecewise(((_s - 1) / 2, _s > 1), (0, True)),
    "box": CATALOGUE["box"].parameters[0].symbol,
}
"""The z >= 0 of slope s, or the kink in whose jump s lies, on the first smooth stretch of f.

The penalties that are no sums over the logits of K classes are left out.
"""


def derivatives(penalty: Penalty) -> tuple[Expr, Expr, Expr]:
    """f, f' and f'' in z at the parameters' values, in the stable form where there is one.

    The derivatives are valid away from the kinks of f.

    Examples
    --------
    >>> derivatives(CATALOGUE["elastic"])
    (z**2 + Abs(z), 2*z + sign(z), 2)
    """
    known = CATALOGUE.get(penalty.name)
    families = _families(penalty) if known and known.family == penalty.family else _defined(penalty)
    values = {p.symbol: penalty.values[p.symbol.name] for p in penalty.parameters}
    value, slope, curvature = (form.subs(values) for form in families)
    return value, slope, curvature


def _families(penalty: Penalty) -> list[Expr]:
    """f, f' and f'' of a penalty of the catalogue, with its parameters as symbols."""
    stable = STABLE.get(penalty.name, {})
    return [stable.get(n, form) for n, form in enumerate(_defined(penalty))]


def _defined(penalty: Penalty) -> list[Expr]:
    """f, f' and f'' by differentiation alone."""
    f = penalty.family.replace(lambda e: isinstance(e, (Max, Min)), _as_piecewise)
    orders = [f]
    for _ in range(2):
        orders.append(orders[-1].diff(z).replace(DiracDelta, lambda *_: S.Zero))
    return orders


def _as_piecewise(node: Expr) -> Expr:
    return node.rewrite(Piecewise)


def check_stable_forms() -> list[tuple[str, int]]:
    """The forms, by (name, order of the derivative), not proved equal to the theory's.

    f is compared with the theory's, f' and f'' with the derivative of the form before. Each has
    the parity of its order, so z > 0 decides, where the difference vanishes identically.

    Examples
    --------
    >>> check_stable_forms()
    []
    """
    unproved = []
    for name in STABLE:
        forms = _families(CATALOGUE[name])
        theory = CATALOGUE[name].family
        for order, form in enumerate(forms):
            parity = (-1) ** order
            mirrored = all(_agree(f, parity * f.subs(z, -z)) for f in (theory, form))
            pieces = [e for e, _ in form.args] if isinstance(form, Piecewise) else [form]
            if not (mirrored and all(_agree(theory, piece) for piece in pieces)):
                unproved.append((name, order))
            theory = in_logarithms(pieces[0]).diff(z).replace(DiracDelta, lambda *_: S.Zero)
    return unproved


def check_inverse_slopes() -> list[str]:
    """The names in :data:`INVERSE_SLOPES` whose form is not proved to invert the theory's slope.

    Each branch has to be an inverse of f', from one side or the other, or a kink of f.

    Examples
    --------
    >>> check_inverse_slopes()
    []
    """
    unproved = []
    for name, inverse in INVERSE_SLOPES.items():
        penalty = CATALOGUE[name]
        slope = pieces(penalty.family)[0].slope
        held = [at for at, _, _ in kinks(penalty)]
        branches = [e for e, _ in inverse.args] if isinstance(inverse, Piecewise) else [inverse]
        proved = (
            b in held
            or simplify(slope.subs(x, b) - _s) == 0
            or simplify(b.subs(_s, slope) / x) == 1
            for b in branches
        )
        if not all(proved):
            unproved.append(name)
    return unproved


def _agree(a: Expr, b: Expr) -> bool:
    """Whether a = b for every z > 0, by a proof."""
    if isinstance(a, Piecewise):
        return all(_agree(p, q) for (p, _), (q, _) in zip(a.args, b.args, strict=True))
    half = Symbol("x", positive=True)
    # On z = 2 x every exponential that occurs is a power of exp(x).
    difference = (in_logarithms(a) - in_logarithms(b)).subs(z, 2 * half)
    if not difference.has(log):
        return is_identically_zero(difference) is True
    at_zero = simplify(difference.subs(half, 0))
    return at_zero == 0 and is_identically_zero(difference.diff(half)) is True


def in_logarithms(form: Expr) -> Expr:
    """The form without the functions that floating point alone needs, such as log1p.

    >>> in_logarithms(log1p(z**2))
    log(z**2 + 1)
    """
    rewrites = {
        log1p: lambda u: log(1 + u),
        expm1: lambda u: exp(u) - 1,
        hypot: lambda u, v: sqrt(u**2 + v**2),
        UnevaluatedExpr: lambda u: u,
    }
    for function, rewrite in rewrites.items():
        form = form.replace(function, rewrite)
    return form


def kinks(penalty: Penalty) -> tuple[tuple[Expr, Expr, Expr], ...]:
    """The points where f' jumps or f becomes infinite, with f' on the left and on the right.

    Examples
    --------
    >>> kinks(CATALOGUE["elastic"]), kinks(CATALOGUE["huber"])
    (((0, -1, 1),), ())
    """
    f, slope, _ = _defined(penalty)
    if oo in f.atoms():
        b = penalty.parameters[0].symbol
        return ((-b, -oo, S.Zero), (b, S.Zero, oo))
    values = {p.symbol: penalty.values[p.symbol.name] for p in penalty.parameters}
    f, slope = f.subs(values), slope.subs(values)
    corners: set[Expr] = set()
    for node in f.atoms(Abs, Relational):
        edges = [node.args[0]] if isinstance(node, Abs) else _edges(node)
        corners = corners.union(*(_roots(edge) for edge in edges))
    ordered = [-oo, *sorted(corners), oo]
    found = []
    for before, corner, after in zip(ordered, ordered[1:], ordered[2:], strict=False):
        left, right = (
            limit(_branch_at(slope, point), z, corner)
            for point in (_between(before, corner), _between(corner, after))
        )
        if left != right:
            found.append((corner, left, right))
    return tuple(found)


def _between(low: Expr, high: Expr) -> Expr:
    if low == -oo:
        return high - 1
    return low + 1 if high == oo else (low + high) / 2


def _branch_at(form: Expr, point: Expr) -> Expr:
    """The smooth function that the form is around the point."""
    form = form.replace(
        lambda e: isinstance(e, Piecewise),
        lambda e: next(value for value, test in e.args if test.subs(z, point) == True),  # noqa: E712
    )
    form = form.replace(sign, lambda u: sign(u.subs(z, point)))
    return form.replace(Abs, lambda u: u * sign(u.subs(z, point)))


def _edges(condition: Relational) -> list[Expr]:
    """Where the two sides meet; an absolute value meets a bound twice."""
    difference = condition.lhs - condition.rhs
    inner = list(difference.atoms(Abs))
    if len(inner) != 1:
        return [difference]
    return [difference.subs(inner[0], s * inner[0].args[0]) for s in (1, -1)]


def _roots(edge: Expr) -> list[Expr]:
    found = solveset(edge, z, S.Reals)
    # Balls know no acosh.
    return [root.rewrite(acosh, log) for root in found] if found.is_FiniteSet else []


_HEADER = '''"""The catalogue's penalties as array functions, by ``generate.py``: do not edit."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["CATALOGUE", "Entry"]


class Entry(NamedTuple):
    """f, f' and f'' as functions (xp, z, **parameters), and what the theory knows about f.

    ``inverse_slope`` is a function (xp, s, **parameters): the z >= 0 of a small slope s.
    """

    value: Callable[..., Any]
    slope: Callable[..., Any]
    curvature: Callable[..., Any]
    kinks: Callable[..., tuple[float, ...]]
    parameters: dict[str, float]
    concave_at: float | None
    inverse_slope: Callable[..., Any] | None
'''


def catalogue_source() -> str:
    """The text of ``catalogue.py``."""
    parts = [_HEADER]
    entries = []
    for name, penalty in CATALOGUE.items():
        stem = "_" + name.replace("-", "_")
        parameters = "".join(f", {p.symbol.name}: float" for p in penalty.parameters)
        for part, form in zip(("value", "slope", "curvature"), _families(penalty), strict=True):
            parts.append(
                f"def {stem}_{part}(xp: Any, z: Any{parameters}) -> Any:\n"
                f"    return {printed(form)}\n"
            )
        points = "".join(f"{written(corner)}, " for corner, _, _ in kinks(penalty))
        parts.append(
            f"def {stem}_kinks({parameters[2:]}) -> tuple[float, ...]:\n    return ({points})\n"
        )
        inverse = INVERSE_SLOPES.get(name)
        if inverse is not None:
            parts.append(
                f"def {stem}_inverse_slope(xp: Any, s: Any{parameters}) -> Any:\n"
                f"    return {printed(inverse, _s)}\n"
            )
        inverse_name = "None" if inverse is None else f"{stem}_inverse_slope"
        defaults = {p.symbol.name: float(p.default) for p in penalty.parameters}
        witness = _concave_point(penalty)
        entries.append(
            f"    {name!r}: Entry({stem}_value, {stem}_slope, {stem}_curvature, {stem}_kinks, "
            f"{defaults!r}, {witness!r}, {inverse_name}),"
        )
    table = "\n".join(["CATALOGUE: dict[str, Entry] = {", *entries, "}"])
    return "\n\n".join([*parts, table]) + "\n"


def _concave_point(penalty: Penalty) -> float | None:
    curvature = in_logarithms(derivatives(penalty)[2])
    return concave_point(ball_function(curvature, z), sides(penalty))


def sides(penalty: Penalty) -> tuple[Side, ...]:
    """The kinks of the penalty at its parameters' values, in ball arithmetic."""
    values = {p.symbol: penalty.values[p.symbol.name] for p in penalty.parameters}
    return tuple(
        (ball_function(at.subs(values)), _constant(left), _constant(right))
        for at, left, right in kinks(penalty)
    )


def _constant(number: Expr) -> Callable[[], arb]:
    if number.is_infinite:
        return lambda: arb(math.inf if number > 0 else -math.inf)
    return cast(Callable[[], arb], ball_function(number))


def main() -> None:
    """Rewrite ``catalogue.py`` beside this module."""
    if unproved := check_stable_forms():
        raise ArithmeticError(f"not proved equal to the theory: {unproved}; correct STABLE")
    if wrong := check_inverse_slopes():
        raise ArithmeticError(f"not proved to be inverses: {wrong}; correct INVERSE_SLOPES")
    Path(__file__).with_name("catalogue.py").write_text(catalogue_source(), encoding="utf-8")


if __name__ == "__main__":
    main()

"""Penalties on the logit: a name, an expression, parameters and a source; all else is derived."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

from sympy import (
    Abs,
    Expr,
    Interval,
    Piecewise,
    Rational,
    Set,
    Sum,
    Symbol,
    cosh,
    exp,
    log,
    nsimplify,
    oo,
    sqrt,
    sympify,
)

from ..errors import ExpressionError, ParameterError, UnknownNameError
from .parsing import parse_expression
from .symbols import K, k, logits, z

__all__ = ["CATALOGUE", "Parameter", "Penalty", "coordinatewise", "penalty"]


@dataclass(frozen=True)
class Parameter:
    """A parameter of a penalty: its symbol, the set it lives in and its default value."""

    symbol: Symbol
    domain: Set
    default: Rational


@dataclass(frozen=True)
class Penalty:
    """A penalty f(z) on the signed logit, and its form for K classes.

    Attributes
    ----------
    name : the name in the catalogue, or the text of the user's expression.
    family : f(z) in the symbol ``z`` of :mod:`logitreg.theory.symbols` and its parameters.
    multiclass : f(z_1, ..., z_K) as sums over the indexed logits, K symbolic.
    parameters : the parameters of the family.
    values : the values of the parameters, exact rationals.
    source : who uses or introduced it.

    Examples
    --------
    >>> penalty("huber", delta=2).expression
    Piecewise((z**2/2, Abs(z) <= 2), (2*Abs(z) - 2, True))
    """

    name: str
    family: Expr
    multiclass: Expr
    parameters: tuple[Parameter, ...] = ()
    values: Mapping[str, Rational] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    source: str = "the user's expression"

    # A mapping proxy cannot be copied or pickled, as a grid search over penalties does.
    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "values": dict(self.values)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, values=MappingProxyType(state["values"]))

    @property
    def expression(self) -> Expr:
        """f(z) with the values of the parameters put in."""
        return self.family.subs({p.symbol: self.values[p.symbol.name] for p in self.parameters})

    @property
    def multiclass_expression(self) -> Expr:
        """f(z_1, ..., z_K) with the values of the parameters put in."""
        return self.multiclass.subs({p.symbol: self.values[p.symbol.name] for p in self.parameters})

    def with_values(self, **values: object) -> Penalty:
        """The same family at other values of its parameters.

        Raises
        ------
        UnknownNameError : the family has no parameter of that name.
        ParameterError : the value is outside the parameter's domain.
        """
        known = {p.symbol.name: p for p in self.parameters}
        exact = dict(self.values)
        for name, value in values.items():
            if name not in known:
                raise UnknownNameError(
                    f"penalty {self.name!r} has no parameter {name!r}; it has: "
                    + (", ".join(known) or "none")
                )
            number = nsimplify(sympify(value), rational=True)
            if number not in known[name].domain:
                domain = known[name].domain
                raise ParameterError(
                    f"parameter {name} of penalty {self.name!r} is {value}; "
                    f"expected {name} {'>' if domain.left_open else '>='} {domain.start}"
                )
            exact[name] = number
        return replace(self, values=MappingProxyType(exact))


def coordinatewise(expression: Expr) -> Expr:
    """The K-class form that applies f to each logit: the sum of f(z_k)."""
    return Sum(expression.subs(z, logits[k]), (k, 1, K))


_delta = Symbol("delta", positive=True)
_p = Symbol("p", positive=True)
_bound = Symbol("b", positive=True)

_log_sum_exp = log(Sum(exp(logits[k]), (k, 1, K)))
_softmax = exp(logits[k]) / Sum(exp(logits[k]), (k, 1, K))
_sigmoid = 1 / (1 + exp(-z))


def _entry(
    name: str,
    expression: Expr,
    source: str,
    *parameters: Parameter,
    multiclass: Expr | None = None,
) -> Penalty:
    return Penalty(
        name=name,
        family=expression,
        multiclass=coordinatewise(expression) if multiclass is None else multiclass,
        parameters=parameters,
        values=MappingProxyType({p.symbol.name: p.default for p in parameters}),
        source=source,
    )


_positive = Interval.open(0, oo)

CATALOGUE: Mapping[str, Penalty] = MappingProxyType(
    {
        entry.name: entry
        for entry in (
            _entry(
                "label-smoothing",
                log(2 + 2 * cosh(z)) / 2,
                "Szegedy et al. 2016; Beck et al. 2026, App. B",
                multiclass=_log_sum_exp - Sum(logits[k], (k, 1, K)) / K,
            ),
            _entry("quadratic", z**2, "Dauphin & Cubuk 2021; Beck et al. 2026"),
            _entry("absolute", Abs(z), "the l1 norm of the logits"),
            _entry(
                "huber",
                Piecewise((z**2 / 2, Abs(z) <= _delta), (_delta * Abs(z) - _delta**2 / 2, True)),
                "Huber 1964",
                Parameter(_delta, _positive, Rational(1)),
            ),
            _entry(
                "pseudo-huber",
                _delta**2 * (sqrt(1 + (z / _delta) ** 2) - 1),
                "Charbonnier et al. 1997",
                Parameter(_delta, _positive, Rational(1)),
            ),
            _entry("log-cosh", log(cosh(z)), "Green 1990"),
            _entry("cosh", cosh(z), "hyperbolic cosine"),
            _entry(
                "power",
                Abs(z) ** _p,
                "the l_p norm of the logits, to the power p",
                Parameter(_p, Interval(1, oo), Rational(3)),
            ),
            _entry("elastic", z**2 + Abs(z), "Zou & Hastie 2005, on logits"),
            _entry(
                "entropy",
                _sigmoid * log(_sigmoid) + (1 - _sigmoid) * log(1 - _sigmoid),
                "minus the entropy of the prediction: Pereyra et al. 2017",
                multiclass=Sum(_softmax * log(_softmax), (k, 1, K)),
            ),
            _entry(
                "box",
                Piecewise((0, Abs(z) <= _bound), (oo, True)),
                "logits clipped to |z| <= b",
                Parameter(_bound, _positive, Rational(1)),
            ),
        )
    }
)


def penalty(name_or_expression: str | Expr | Penalty, **values: object) -> Penalty:
    """The penalty of a name in the catalogue, or of an expression in z.

    Parameters
    ----------
    name_or_expression : a name (see :func:`logitreg.penalties`), the text of an expression such
        as ``"log(cosh(z))"``, a SymPy expression in one symbol ``z``, or a Penalty.
    values : values of the parameters of a catalogue penalty, e.g. ``delta=2``.

    Raises
    ------
    ExpressionError : the text is neither a name nor an expression that the parser admits.

    Examples
    --------
    >>> penalty("quadratic").expression
    z**2
    >>> penalty("z^4/12 + abs(z)").expression
    z**4/12 + Abs(z)
    """
    if isinstance(name_or_expression, Penalty):
        return name_or_expression.with_values(**values)
    if isinstance(name_or_expression, str) and name_or_expression in CATALOGUE:
        return CATALOGUE[name_or_expression].with_values(**values)
    try:
        expression = parse_expression(name_or_expression)
    except ExpressionError as error:
        # A call, as of cos(z), is no slip in a name.
        named = "(" not in str(name_or_expression)
        near = get_close_matches(str(name_or_expression), CATALOGUE, n=1) if named else []
        hint = f"Did you mean the penalty {near[0]!r}? As an expression: " if near else ""
        raise ExpressionError(f"{hint}{error}") from None
    user = Penalty(str(name_or_expression), expression, coordinatewise(expression))
    return user.with_values(**values)

"""Claims: every penalty gives a unique finite target, which bounds the training loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from sympy import (
    Eq,
    Expr,
    Ge,
    Gt,
    Interval,
    Le,
    Lt,
    Ne,
    Or,
    Rational,
    Symbol,
    cosh,
    log,
    oo,
)

from ...theory.losses import cross_entropy, is_even
from ...theory.penalties import CATALOGUE
from ...theory.symbols import z
from ..checks import all_of
from ..claim import Claim, Correction, Repair, Variant
from ..counterexamples import needs
from ..evidence import Grade, Outcome
from ..prover import prove
from ..smt import prove_implication
from ..witnesses import sign_at

__all__ = ["CLAIMS"]

_LINE = {z: Interval(-oo, oo)}


# Every penalty has a unique finite target: a statement about all functions f.


class _Example(NamedTuple):
    """A pair (f, alpha) on which a hypothesis can be dropped."""

    f: Expr
    strength: Rational

    @property
    def loss(self) -> Expr:
        return (1 - self.strength) * cross_entropy() + self.strength * self.f


def _is_convex(example: _Example) -> bool:
    return prove(Ge(example.f.diff(z, 2), 0, evaluate=False), _LINE).supported


_HYPOTHESES: Mapping[str, Callable[[_Example], bool]] = {
    "f convex": _is_convex,
    "f even": lambda e: is_even(e.f),
    "f not constant": lambda e: e.f.diff(z) != 0,
    "alpha > 0": lambda e: e.strength > 0,
}

_EXAMPLES = (
    _Example(Rational(0), Rational(1, 2)),
    _Example(-z, Rational(1, 2)),
    _Example(-log(2 + 2 * cosh(z)) / 4, Rational(1, 2)),
    _Example(z**2, Rational(0)),
)


def _has_a_unique_finite_target(hypotheses: frozenset[str]) -> Outcome:
    """Refuted by an example that meets the hypotheses and whose loss decreases on the whole line.

    Proved in real arithmetic otherwise: cross-entropy is strictly convex, hence so is the loss and
    its minimiser is unique, halfway between two the loss being smaller; f(b) > f(0) for some b > 0
    and convexity make f grow at least linearly on both sides, while cross-entropy is positive, so
    that a minimiser exists. It is not negative: l(-z) - l(z) = (1 - alpha) z, f being even.
    """
    for example in _EXAMPLES:
        if all(_HYPOTHESES[name](example) for name in hypotheses):
            falls = prove(Lt(example.loss.diff(z), 0, evaluate=False), _LINE)
            if falls.supported:
                witness = f"f = {example.f}, alpha = {example.strength}: l'(z) < 0 for every z"
                return Outcome.refuted(falls.method, "no finite minimiser", witness, falls.grade)
    return all_of(
        (
            prove(Gt(cross_entropy().diff(z, 2), 0), _LINE),
            prove(Gt(cross_entropy(), 0, evaluate=False), _LINE),
            prove(Eq(cross_entropy(-z) - cross_entropy(z), z, evaluate=False), _LINE),
            *map(needs, _growth_lemmas(hypotheses)),
            *map(needs, _uniqueness_lemmas(hypotheses)),
        )
    )


def _uniqueness_lemmas(hypotheses: frozenset[str]) -> tuple[Outcome, ...]:
    """Between two minimisers the loss would be smaller; at the mirror of z* < 0 as well."""
    ce1, ce2, ce, f1, f2, f, value = (
        Symbol(n, real=True) for n in ("C_1", "C_2", "C_mid", "f_1", "f_2", "f_mid", "l_min")
    )
    strength, target, mirrored = (Symbol(n, real=True) for n in ("alpha", "z_star", "l_mirror"))

    def loss(cross: Expr, penalty: Expr) -> Expr:
        return (1 - strength) * cross + strength * penalty

    below_one = [Ge(strength, 0), Lt(strength, 1)]
    between = [Lt(ce, (ce1 + ce2) / 2), Eq(loss(ce1, f1), value), Eq(loss(ce2, f2), value)]
    if "f convex" in hypotheses:
        between.append(Le(f, (f1 + f2) / 2))
    mirror = [Ge(mirrored, value)]
    if "f even" in hypotheses:
        mirror.append(Eq(mirrored - value, (1 - strength) * target))
    return (
        prove_implication([*below_one, *between], Lt(loss(ce, f), value)),
        prove_implication([*below_one, *mirror], Ge(target, 0)),
    )


def _growth_lemmas(hypotheses: frozenset[str]) -> tuple[Outcome, ...]:
    f0, fb, fz, f_minus_b, t, b = (
        Symbol(n, real=True) for n in ("f_0", "f_b", "f_z", "f_-b", "t", "b")
    )
    strength = Symbol("alpha", real=True)
    given = [Gt(t, b), Gt(b, 0)]
    if "f convex" in hypotheses:
        # f at b = (b/t) t + (1 - b/t) 0, and at 0 = (b - b)/2.
        given += [Le(fb, b / t * fz + (1 - b / t) * f0), Le(2 * f0, fb + f_minus_b)]
    if "f even" in hypotheses:
        given.append(Eq(fb, f_minus_b))
    if "f not constant" in hypotheses:
        # A convex even f has its minimum at 0, so a non-constant one exceeds f(0) at some b > 0.
        given.append(Ne(fb, f0))
    if "alpha > 0" in hypotheses:
        given.append(Gt(strength, 0))
    grows = prove_implication(
        given, Or(Gt(strength * (fz - f0), 0) & Ge(b * (fz - f0), t * (fb - f0)), evaluate=False)
    )
    return (grows,)


_PRINTED = frozenset({"f convex", "f even", "alpha > 0"})

_FINITE_TARGET = Claim(
    id="beck.finite-target",
    printed=Variant(
        "For $\\alpha > 0$ and $f$ convex and even, $\\ell$ has a unique finite global minimiser "
        "$z^*$.",
        _PRINTED,
    ),
    source="Beck et al. 2026, sec. 3.2",
    hypotheses=(
        "f convex",
        "f even",
        "0 < alpha < 1",
        "not by machine: a continuous function that grows on both sides has a minimum",
    ),
    checks=(_has_a_unique_finite_target,),
    correction=Correction(
        Repair.HYPOTHESIS,
        Variant(
            "For $0 < \\alpha < 1$ and $f$ convex, even and not constant, $\\ell$ has a unique "
            "finite global minimiser $z^* \\geq 0$.",
            _PRINTED | {"f not constant"},
        ),
    ),
    controls=(
        Variant("alpha = 0 allowed", frozenset({"f convex", "f even", "f not constant"})),
        Variant("f not even", frozenset({"f convex", "f not constant", "alpha > 0"})),
        Variant("f not convex", frozenset({"f even", "f not constant", "alpha > 0"})),
    ),
)


# The lower bound on the training loss.

_z_star = Symbol("z_star", real=True)
_l_star = Symbol("l_star", real=True)
_l_zero = Symbol("l_zero", real=True)


def _bounds_the_training_loss(bound: Expr) -> Outcome:
    """At N = 1 and z_1 = z* the training loss is l(z*); there the bound must not exceed it.

    The proof for N samples is by induction on N, from N = 1: a sum of terms, each at least l(z*),
    is at least N l(z*), with equality iff every term is l(z*), and z* is the only logit at which
    it is.
    """
    strength = Rational(1, 10)
    target = log(1 + 2 * (1 - strength) / strength)
    penalty = CATALOGUE["label-smoothing"].expression
    loss = (1 - strength) * cross_entropy() + strength * penalty
    values = {_z_star: target, _l_star: loss.subs(z, target), _l_zero: loss.subs(z, 0)}
    slack = (_l_star - bound).subs(values)
    if sign_at(slack, {}) < 0:
        return Outcome.refuted(
            "ball arithmetic",
            "the bound exceeds the loss at its minimiser",
            "label smoothing, alpha = 1/10, N = 1, z_1 = z* = log 19: "
            f"L = {values[_l_star].evalf(10)}, bound = {bound.subs(values).evalf(10)}",
            Grade.CERTIFIED,
        )
    total, term, n, logit = (Symbol(s, real=True) for s in ("total", "term", "n", "z_i"))
    minimum = [Or(Eq(logit, _z_star), Gt(term, _l_star)), Or(Ne(logit, _z_star), Eq(term, _l_star))]
    given = [*minimum, Ge(total, n * _l_star), Ge(n, 1)]
    attained = Eq(total + term, (n + 1) * bound)
    return all_of(
        prove_implication(hypotheses, conclusion)
        for hypotheses, conclusion in (
            (minimum, Ge(term, bound)),
            ([*minimum, Eq(term, bound)], Eq(logit, _z_star)),
            (given, Ge(total + term, (n + 1) * bound)),
            ([*given, attained], Eq(total, n * bound) & Eq(logit, _z_star)),
            ([*given, Eq(total, n * bound), Eq(logit, _z_star)], attained),
        )
    )


_LOWER_BOUND = Claim(
    id="beck.lower-bound",
    printed=Variant("$L \\geq z^*$, attained only if $z_i = z^*$ for all $i$.", _z_star),
    source="Beck et al. 2026, sec. 3.2",
    hypotheses=("z* the unique minimiser of l",),
    checks=(_bounds_the_training_loss,),
    correction=Correction(
        Repair.FORMULA,
        Variant("$L \\geq \\ell(z^*)$, attained if and only if $z_i = z^*$ for all $i$.", _l_star),
    ),
    controls=(
        Variant("L >= 2 l(z*)", 2 * _l_star),
        Variant("L >= l(0)", _l_zero),
        Variant("L >= l(z*) + z*/100", _l_star + _z_star / 100),
    ),
)


CLAIMS = (_FINITE_TARGET, _LOWER_BOUND)

"""Claims: the targets of K classes are the vertices of a simplex (Beck et al. sec. 7.2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from sympy import (
    Eq,
    Expr,
    Ge,
    Gt,
    Interval,
    Lt,
    Ne,
    Rational,
    Sum,
    Symbol,
    exp,
    limit,
    log,
    oo,
    simplify,
)

from ...theory.identities import is_identically_zero
from ...theory.losses import high, low, pieces, two_level, x
from ...theory.multiclass import direction, second_directional_derivative
from ...theory.penalties import CATALOGUE, Penalty, coordinatewise
from ...theory.symbols import K, k, logits, odds, z
from ...theory.targets import closed_form
from ..checks import all_of, convex_in_the_logits, symmetric_in_the_logits
from ..claim import Claim, Correction, Repair, Variant
from ..convexity import prove_convex
from ..evidence import Outcome
from ..prover import prove
from ..smt import prove_implication

__all__ = ["CLAIMS"]

_gap = Symbol("g", real=True)
_shift = Symbol("t", real=True)
_THREE = Rational(3)


@dataclass(frozen=True)
class _Example:
    """A K-class penalty and a strength; its properties are decided, not declared."""

    f: Penalty
    strength: Rational

    @cached_property
    def _coordinatewise(self) -> bool:
        return bool(self.f.multiclass == coordinatewise(self.f.family))

    def is_symmetric(self) -> bool:
        return symmetric_in_the_logits(self.f.multiclass).supported

    def is_convex(self) -> bool:
        if self._coordinatewise:
            return prove_convex(self.f.expression).supported
        return convex_in_the_logits(self.f.multiclass).supported

    def is_differentiable(self) -> bool:
        if self._coordinatewise:
            return bool(pieces(self.f.expression)[0].slope.subs(x, 0) == 0)
        return True

    def fixes_the_level(self) -> bool:
        """Strictly convex and coercive along (1, ..., 1); an even f is both if it is the first."""
        if self._coordinatewise:
            bends = [p.slope.diff(x) for p in pieces(self.f.expression)]
            return all(prove(Gt(bend, 0), {x: Interval.open(0, oo)}).supported for bend in bends)
        along = second_directional_derivative(self.f.multiclass).replace(direction[k], Rational(1))
        level = Symbol("t", real=True)
        values = self.f.multiclass.replace(logits[k], level).doit()
        coercive = all(limit(values, level, end) == oo for end in (oo, -oo))
        return coercive and bool(simplify(along.doit()).is_positive)

    def grows_along_the_gap(self) -> bool:
        return bool(
            limit(self._along_the_gap(two_level(self.f.multiclass, _THREE)), _gap, oo) == oo
        )

    def _along_the_gap(self, of_two_levels: Expr) -> Expr:
        """At z_high = 2 g/3, z_low = -g/3: three classes, the mean of the logits zero."""
        return of_two_levels.subs({high: 2 * _gap / 3, low: -_gap / 3})

    def violation(self) -> str | None:
        """How the statement fails for this penalty at K = 3, or None."""
        f = two_level(self.f.multiclass, _THREE)
        loss = (1 - self.strength) * log(1 + 2 * exp(low - high)) + self.strength * f
        if is_identically_zero(loss.subs({high: high + _shift, low: low + _shift}) - loss):
            return "adding one number to all logits does not change the loss: no unique target"
        if not self.is_symmetric():
            return self._low_logits_differ()
        slope = simplify(self._along_the_gap(loss).diff(_gap))
        if prove(Lt(slope, 0), {_gap: Interval(-oo, oo)}).supported:
            return "the loss falls along the whole line z_high - z_low: no finite target"
        formula = closed_form(self.f, 3) if self._coordinatewise else None
        if formula is not None and formula.subs(odds, (1 - self.strength) / self.strength) == 0:
            return "the gap is 0: the targets of all classes coincide"
        return None

    def _low_logits_differ(self) -> str | None:
        """Equal low logits b cannot make the slopes p + f_2(b) and p + f_3(b) vanish at once."""
        b, p = Symbol("b", real=True), Symbol("p", positive=True)
        at_two, at_three = (
            self.f.multiclass.doit().function.diff(logits[k]).subs(logits[k], b).subs(k, i)
            for i in (2, 3)
        )
        both = [Eq(p + at_two, 0), Eq(p + at_three, 0)]
        if prove_implication(both, Lt(p, 0)).supported:
            return "the other classes' slopes do not vanish at one common low logit"
        return None


_HYPOTHESES: Mapping[str, Callable[[_Example], bool]] = {
    "f symmetric": _Example.is_symmetric,
    "f convex": _Example.is_convex,
    "f differentiable at equal logits": _Example.is_differentiable,
    "f strictly convex and coercive in the common level": _Example.fixes_the_level,
    "f grows without bound with the gap": _Example.grows_along_the_gap,
}


def _penalty(name: str, multiclass: Expr) -> Penalty:
    return Penalty(name, z**2, multiclass)


_HALF = Rational(1, 2)
_EXAMPLES = (
    _Example(CATALOGUE["label-smoothing"], _HALF),
    _Example(_penalty("(sum of the logits)^2", Sum(logits[k], (k, 1, K)) ** 2), _HALF),
    _Example(CATALOGUE["elastic"], Rational(3, 4)),
    _Example(_penalty("sum of k z_k^2", Sum(k * logits[k] ** 2, (k, 1, K))), _HALF),
)


def _targets_are_a_simplex(hypotheses: frozenset[str]) -> Outcome:
    """Refuted by an example that meets the hypotheses; proved by convexity and symmetry otherwise.

    Cross-entropy is convex, strictly so across (1, ..., 1): its second derivative along v is a
    variance, half the sum of p_i p_j (v_i - v_j)^2. So the loss is strictly convex, grows in every
    direction, and has one minimiser; permuting the other classes leaves the loss and hence the
    minimiser unchanged. At equal logits the loss still falls with the gap, so that the gap is
    positive; the targets z_low + g e_c are at distance sqrt(2) g from one another.
    """
    for example in _EXAMPLES:
        if all(_HYPOTHESES[name](example) for name in hypotheses):
            violation = example.violation()
            if violation is not None:
                witness = f"f = {example.f.name}, alpha = {example.strength}, K = 3: {violation}"
                return Outcome.refuted("exact evaluation", "the statement fails", witness)
    missing = set(_HYPOTHESES) - hypotheses
    if missing:
        return Outcome.undecided("convexity and symmetry", f"no proof without: {sorted(missing)}")
    p, q, v, w = (Symbol(n, real=True) for n in ("p", "q", "v", "w"))
    classes = Symbol("K", integer=True, positive=True)
    along_the_gap = log(1 + (K - 1) * exp(-_gap)).diff(_gap).subs(_gap, 0)
    partial = Symbol("f_k", real=True)
    of_penalty = (1 - 1 / classes) * partial - (classes - 1) * partial / classes
    low_level = Symbol("z_low", real=True)
    squared_distance = 2 * ((low_level + _gap) - low_level) ** 2
    return all_of(
        (
            convex_in_the_logits(log(Sum(exp(logits[k]), (k, 1, K)))),
            prove_implication([p > 0, q > 0, Ne(v, w)], p * q * (v - w) ** 2 > 0),
            prove(Eq(of_penalty, 0, evaluate=False), {classes: Interval(2, oo)}),
            prove(Lt(along_the_gap, 0), {K: Interval(2, oo)}),
            prove(Eq(squared_distance, 2 * _gap**2, evaluate=False), {_gap: Interval(0, oo)}),
            _grows_at_least_linearly(),
        )
    )


def _grows_at_least_linearly() -> Outcome:
    """Beyond b, a convex function lies above the chord from its minimum at 0 through b."""
    f0, fb, ft, t, b = (Symbol(n, real=True) for n in ("f_0", "f_b", "f_t", "t", "b"))
    chord = fb <= b / t * ft + (1 - b / t) * f0
    return prove_implication([b > 0, t > b, chord], Ge(b * (ft - f0), t * (fb - f0)))


_PRINTED = frozenset({"f symmetric", "f convex"})
_ALL = frozenset(_HYPOTHESES)

CLAIMS = (
    Claim(
        id="beck.simplex",
        printed=Variant(
            "For each class $c$ there is a unique target vector $z^*_{(c)}$, $z_{high}$ at $c$ and "
            "$z_{low}$ elsewhere; the $K$ targets are the vertices of a symmetric simplex.",
            _PRINTED,
        ),
        source="Beck et al. 2026, sec. 7.2, eqs 9, 21",
        hypotheses=(
            "0 < alpha < 1",
            "f symmetric",
            "f convex",
            "not by machine: growth in the directions between, by averaging over permutations",
        ),
        checks=(_targets_are_a_simplex,),
        correction=Correction(
            Repair.HYPOTHESIS,
            Variant(
                "It holds if $f$ is moreover differentiable at equal logits, grows without bound "
                "with the gap, and is strictly convex and coercive in the common level of the "
                "logits. For a shift-invariant $f$ (label smoothing) the targets are unique up to "
                "that level.",
                _ALL,
            ),
        ),
        controls=tuple(
            Variant(f"without: {name}", _ALL - {name})
            for name in (
                "f strictly convex and coercive in the common level",
                "f grows without bound with the gap",
                "f differentiable at equal logits",
                "f symmetric",
            )
        ),
    ),
)

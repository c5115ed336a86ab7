"""Claims: what the alignment bound tends to as logits cluster, and what it is on given data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from itertools import combinations, product
from typing import NamedTuple

from sympy import (
    Abs,
    Eq,
    Expr,
    Ge,
    Interval,
    Le,
    Lt,
    Matrix,
    Rational,
    S,
    Symbol,
    exp,
    limit,
    oo,
    simplify,
    sqrt,
)

from ...theory import alignment as bound_theory
from ...theory import alignment_extensions as theory
from ...theory.alignment import epsilon, variation
from ...theory.alignment_extensions import (
    confidence,
    target_gap,
)
from ...theory.neural_collapse import hessian_eigenpairs
from ...theory.symbols import K
from ..alignment_on_data import (
    DataSet,
    bound_at_enclosed_minimisers,
    bound_at_exact_minimisers,
)
from ..checks import Proposition, all_of, holds_on_its_domain
from ..claim import Claim, Correction, Repair, Variant
from ..evidence import Grade, Outcome
from ..smt import prove_implication
from ..witnesses import sign_at

__all__ = ["CLAIMS"]

_SOURCE = "lead: clustered logits align with Fisher's direction"
_SINE = bound_theory.bound_on_sine()


# Clustering.

_h = Symbol("h", positive=True)


class _Example(NamedTuple):
    """A loss near its target: l'(z* + h) for h > 0 and for h < 0, or eigenvalues for K > 2."""

    name: str
    above: Expr
    below: Expr
    eigenvalues: tuple[Expr, ...] = ()

    def curvatures(self) -> tuple[Expr, ...]:
        """w at z* + h, z* + 2 h and z* - h; the eigenvalues at the targets for K > 2."""
        if self.eigenvalues:
            return self.eigenvalues
        rise = self.above / _h
        return rise, rise.subs(_h, 2 * _h), (self.below / _h).subs(_h, -_h)


@cache
def _limits(example: _Example) -> tuple[Expr, ...]:
    """Limits of |w - w'|/(w + w') as h -> 0: epsilon, of all samples, is the largest."""
    pairs = list(combinations(example.curvatures(), 2))
    ends = [(simplify(limit(w, _h, 0)), simplify(limit(v, _h, 0))) for w, v in pairs]
    if all(w + v != 0 for w, v in ends):
        return tuple(Abs(simplify((w - v) / (w + v))) for w, v in ends)
    return tuple(Abs(limit(simplify((w - v) / (w + v)), _h, 0)) for w, v in pairs)


def _huber_at_its_kink() -> _Example:
    """f Huber's with threshold 1 and alpha = 1/(2 + e): the target is 1, where f'' jumps."""
    strength = 1 / (2 + exp(1))
    pull = (1 - strength) / (1 + exp(1 + _h))
    return _Example(
        "Huber's penalty, alpha = 1/(2 + e)", strength - pull, strength * (1 + _h) - pull
    )


_EXAMPLES = (
    _Example(
        "label smoothing, K = 3, p_c = 2/3",
        S.Zero,
        S.Zero,
        (Rational(1, 3), Rational(1, 6)),
    ),
    _huber_at_its_kink(),
    _Example("l(z) = (z - z*)^4/4", _h**3, _h**3),
)


def _bends_alike(example: _Example) -> bool:
    sides = [limit(side.diff(_h), _h, 0) for side in (example.above, example.below)]
    return bool(simplify(sides[0] - sides[1]) == 0)


_SINGLE, _CONTINUOUS, _CURVED = "one signed logit", "l'' continuous at z*", "l''(z*) > 0"
_HYPOTHESES: Mapping[str, Callable[[_Example], bool]] = {
    _SINGLE: lambda e: not e.eigenvalues,
    _CONTINUOUS: lambda e: bool(e.eigenvalues) or _bends_alike(e),
    _CURVED: lambda e: all(sign_at(limit(w, _h, 0, "+"), {}) > 0 for w in e.curvatures()),
}


def _both_factors_vanish(hypotheses: frozenset[str]) -> Outcome:
    """Refuted by an example that meets the hypotheses and whose epsilon has a positive limit.

    With one logit, w_i is the mean of l'' over a segment from z*, so that it tends to l''(z*) as
    z_i does: |w_i - L| <= eta, and epsilon <= eta/L. The Fisher logits are the nearest to z* 1, so
    that q <= ||X S - z* 1|| = n, and r = q/sqrt(t^2 - q^2) <= n/sqrt(t^2 - n^2), t = ||z* 1||.
    """
    for example in _EXAMPLES:
        if all(_HYPOTHESES[name](example) for name in hypotheses):
            for value in _limits(example):
                if sign_at(value, {}) > 0:
                    where = f"{example.name}: epsilon -> {value} or more"
                    grade = Grade.PROVED if value.is_Rational else Grade.CERTIFIED
                    return Outcome.refuted("exact limit", "epsilon does not vanish", where, grade)
    low, high, level, error, q, n, t = (
        Symbol(name, positive=True) for name in ("m", "M", "L", "eta", "q", "n", "t")
    )
    around = [error < level, Ge(low, level - error), Le(high, level + error), low <= high]
    return all_of(
        (
            prove_implication(around, Le(theory.limit_of_epsilon(high, low), error / level)),
            prove_implication([q <= n, n < t], Le(q**2 * (t**2 - n**2), n**2 * (t**2 - q**2))),
        )
    )


class _Limits(NamedTuple):
    """The limit of epsilon for label smoothing and for f = ||z||^2, and its part in the bound."""

    smoothing: Expr
    quadratic: Expr
    factor: Expr


_CLASSES = {K: Interval(3, oo), target_gap: Interval.open(0, oo)}
_excess = Symbol("e", positive=True)


def _above_uniform(expression: Expr) -> Expr:
    """p_c written as (1 + e)/K, e > 0."""
    return S(expression).subs(confidence, (1 + _excess) / K)


def _limits_follow(limits: _Limits) -> Outcome:
    """The Hessians at the targets have these eigenvalues, whose extremes make the limit of epsilon.

    Hessians are continuous, so that the averaged ones tend to those at the targets. The smallest
    and the largest eigenvalue occur for every class.
    """
    largest, smallest = (value for value, _, _ in hessian_eigenpairs()[1:])
    domain = {**_CLASSES, _excess: Interval.open(0, oo)}
    ratios = (
        (limits.smoothing, theory.limit_of_epsilon(largest, smallest)),
        (limits.quadratic, theory.limit_of_epsilon(*theory.quadratic_eigenvalues())),
    )
    part = limits.smoothing / sqrt(1 - limits.smoothing**2)
    found = all_of(
        holds_on_its_domain(
            [Proposition(Eq(*map(simplify, map(_above_uniform, pair)), evaluate=False), domain)]
        )
        for pair in (*ratios, (part**2, limits.factor**2))
    )
    if not found.supported:
        return found
    residuals = [r for pair in theory.hessian_products() for r in pair]
    positive = [
        Proposition(Lt(0, simplify(_above_uniform(limit)), evaluate=False), domain)
        for limit in limits[:2]
    ]
    return all_of(
        (
            found,
            *(
                holds_on_its_domain(
                    [Proposition(Eq(_above_uniform(rest), 0, evaluate=False), domain)]
                )
                for rest in residuals
            ),
            holds_on_its_domain(positive),
        )
    )


_LIMITS = _Limits(
    theory.smoothing_limit(),
    theory.quadratic_limit(),
    (K * confidence - 1) / (2 * sqrt(K * confidence)),
)


# Given data.


def _outliers() -> tuple[DataSet, ...]:
    return tuple(
        DataSet(f"{n} rows (1, 0), rows (1 +- {height}, 1)", theory.outlier_design(n, height))
        for n in (2, 6, 14)
        for height in (Rational(1, 100), Rational(1, 10), Rational(1, 2))
    )


_SMALL = tuple(
    DataSet(f"X = {rows}", Matrix(rows))
    for rows in (
        [[2, 4], [2, 3], [-1, 0], [-4, -3]],
        [[2, 4], [2, -4], [1, 3]],
        [[1, 1], [1, 2], [0, 3], [1, 4], [4, -2]],
        [[3, 1, 0], [2, -1, 1], [2, 0, -1], [4, 1, 1], [1, 0, 2]],
    )
)


def _nearly_sharp() -> DataSet:
    """The residuals are along (10, 10, -19): weights 1 and 2 share them as at equality."""
    corner = Matrix([[1, 19, 0], [-1, 0, 0], [0, 10, 0]])
    name = "rows (1, 19, 0), (-1, 0, 0), (0, 10, 0) and 60 rows (0, 0, 1)"
    return DataSet(name, corner.col_join(Matrix([[0, 0, 1]] * 60)))


def _exact_data(bound: Expr) -> Outcome:
    two, nine, hundred = map(Rational, (2, 9, 100))
    cases = (
        *product(_outliers(), (two, nine, hundred)),
        *product(_SMALL, (two, nine)),
        (_nearly_sharp(), two),
    )
    return bound_at_exact_minimisers(bound, cases)


def _enclosed_data(bound: Expr) -> Outcome:
    weak, middle, strong = (Rational(1, n) for n in (64, 8, 2))
    cases = (
        *product(_outliers(), (middle, strong)),
        *product(_SMALL, (weak, middle, strong)),
    )
    return bound_at_enclosed_minimisers(bound, cases)


CLAIMS = (
    Claim(
        id="lead.alignment-vanishes",
        printed=Variant(
            "Both factors of the bound, $r$ and $\\epsilon$, vanish as the logits cluster at "
            "their targets, for any such loss and any number of classes.",
            frozenset[str](),
        ),
        source=_SOURCE,
        hypotheses=("l convex and differentiable with minimiser z* != 0",),
        checks=(_both_factors_vanish,),
        correction=Correction(
            Repair.HYPOTHESIS,
            Variant(
                "Both factors vanish as the logits cluster if there is one signed logit (two "
                "classes), $\\ell''$ is continuous at $z^*$ and $\\ell''(z^*) > 0$; $r$ does in "
                "any case.",
                frozenset({_SINGLE, _CONTINUOUS, _CURVED}),
            ),
        ),
        controls=(
            Variant("any number of classes", frozenset({_CONTINUOUS, _CURVED})),
            Variant("l'' may jump at z*", frozenset({_SINGLE, _CURVED})),
            Variant("l''(z*) = 0 allowed", frozenset({_SINGLE, _CONTINUOUS})),
        ),
    ),
    Claim(
        id="lead.alignment-multiclass-limit",
        printed=Variant(
            "For $K > 2$ classes $\\epsilon$ tends to $(K p_c - 1)/(K p_c + 1) > 0$ as the logits "
            "cluster under label smoothing, $p_c$ the probability of the true class at its target, "
            "so that $\\epsilon/\\sqrt{1 - \\epsilon^2} \\to (K p_c - 1)/(2 \\sqrt{K p_c})$; for "
            "$f = \\|z\\|^2$ it tends to $g (K p_c - 1)/(2 K + g (K p_c + 1))$, $g$ the gap.",
            _LIMITS,
        ),
        source="lead: found with the certificate for several classes",
        hypotheses=("K > 2", "p_c > 1/K", "logits that sum to zero over the classes"),
        checks=(_limits_follow,),
        controls=(
            Variant("epsilon -> 0", _LIMITS._replace(smoothing=S.Zero)),
            Variant(
                "(p_c - 1/K)/(p_c + 1)",
                _LIMITS._replace(smoothing=(confidence - 1 / K) / (confidence + 1)),
            ),
            Variant("quadratic: as label smoothing", _LIMITS._replace(quadratic=_LIMITS.smoothing)),
            Variant(
                "quadratic: g p_c/(2 + g p_c)",
                _LIMITS._replace(quadratic=target_gap * confidence / (2 + target_gap * confidence)),
            ),
            Variant("factor without the half", _LIMITS._replace(factor=2 * _LIMITS.factor)),
        ),
    ),
    Claim(
        id="lead.alignment-bound-on-data",
        printed=Variant(
            "On rational data, at exact minimisers of asymmetric squares and at enclosed "
            "minimisers for $f = z^2$, $\\sin \\angle(S, S_F) \\leq "
            "r \\epsilon/\\sqrt{1 - \\epsilon^2}$.",
            _SINE,
        ),
        source=_SOURCE,
        hypotheses=("the data listed",),
        checks=(_exact_data, _enclosed_data),
        controls=(
            Variant("half the bound", _SINE / 2),
            Variant("epsilon squared", _SINE * epsilon),
            Variant("4/5 of the bound", Rational(4, 5) * _SINE),
            Variant(
                "1/sqrt(1 + epsilon^2) to the power 4", variation * epsilon / (1 + epsilon**2) ** 2
            ),
        ),
    ),
)

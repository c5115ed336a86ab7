"""Mutants that are true although they say something else: proofs apart from the claims' checks.

A mutant that follows from the statement it was made from is weaker, and no check can refute it: a
larger upper bound, a stronger hypothesis, a multiple of a direction. What follows from what depends
on the part that a formula has in its statement, which is recorded here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sympy import And, Basic, Eq, Expr, MatrixExpr, Ne, Set, Symbol, false, ones, true, zeros

from ..theory import alignment, quadratic_loss
from ..theory.high_dimension import aspect_ratio
from ..theory.identities import is_identically_zero
from ..theory.label_smoothing import epsilon
from ..theory.neural_collapse import decay_strength, delta
from ..theory.symbols import K, z
from ..theory.weights import weight
from .cases import prove_in_cases

__all__ = ["is_still_true"]

Proof = Callable[[Any, Basic, Basic], bool]
"""Whether a content is proved true, given the formula in it before and after a change."""


def is_still_true(id: str, place: str, content: Any, before: Basic, after: Basic) -> bool:
    """Whether a mutant of a claim is proved to hold if the claim does.

    ``place`` is where in the content the formula stands, as fields and positions.

    Examples
    --------
    >>> F, G = Symbol("F", real=True), Symbol("G", real=True)
    >>> is_still_true("beck.lemma-C1", "conclusion", None, F <= G, F <= G + 1)
    True
    >>> is_still_true("beck.lemma-C1", "conclusion", None, F <= G, F <= G - 1)
    False
    """
    prove = _PARTS.get((id, place))
    if prove is None:
        return False
    try:
        return prove(content, before, after)
    except (TypeError, ValueError, AttributeError, NotImplementedError):
        return False


def _hypothesis(*given: Basic) -> Proof:
    """A stronger hypothesis leaves a weaker statement."""

    def prove(content: Any, before: Basic, after: Basic) -> bool:
        if isinstance(before, Set) and isinstance(after, Set):
            return after.is_subset(before) is True
        return prove_in_cases([*given, after], before).supported

    return prove


def _conclusion(content: Any, before: Basic, after: Basic) -> bool:
    return prove_in_cases([before], after).supported


def _upper_bound(*given: Basic) -> Proof:
    return lambda content, before, after: prove_in_cases([*given], after >= before).supported


def _direction(content: Any, before: MatrixExpr, after: MatrixExpr) -> bool:
    """A positive multiple is the same direction."""
    factor, rest = after.as_coeff_mmul()
    return bool(factor > 0) and rest == before


def _affine(symbol: Symbol, *, increasing: bool) -> Proof:
    """The formula enters up to an affine map: Jensen's gap, a mean of transformed values."""

    def prove(content: Any, before: Expr, after: Expr) -> bool:
        first, second = ([e.subs(symbol, at) for at in (1, 2)] for e in (before, after))
        factor = (second[1] - second[0]) / (first[1] - first[0])
        rest = second[0] - factor * first[0]
        if not (factor.is_real and rest.is_real) or is_identically_zero(factor):
            return False
        same = is_identically_zero(after - factor * before - rest) is True
        return same and (not increasing or bool(factor > 0))

    return prove


def _jumps(content: Any, before: Basic, after: Expr) -> bool:
    """A convex function that is finite on the line is continuous; this one is not at some point."""
    conditions = after.atoms(Eq, Ne)
    elsewhere = after.xreplace({c: true if isinstance(c, Ne) else false for c in conditions})
    edges = (c.rhs for c in conditions if c.lhs == weight)
    return elsewhere.is_number and any(after.subs(weight, edge) != elsewhere for edge in edges)


def _grows_threefold(content: Any, before: Basic, after: Expr) -> bool:
    """The minimiser is linear in the targets: each target at a = 6 is 3 times that at a = 2."""
    a = quadratic_loss.a
    return is_identically_zero(after.subs(a, 6) - 3 * after.subs(a, 2)) is True


def _hinge_turns_the_minimiser(content: Any, before: Basic, after: Basic) -> bool:
    """By the conditions of optimality in exact numbers: with and without the hinge."""
    points, slope = content.points, content.slope
    aim = ones(points.rows, 1) * 2
    plain = (points.T * points).inv() * points.T * aim
    hinged = quadratic_loss.hinge_minimiser(points, aim[0], slope)
    logits = points * hinged
    samples = [(points.row(i).T, logits[i]) for i in range(points.rows)]
    below = [sample for sample, logit in samples if logit < 0]
    at_zero = [sample for sample, logit in samples if logit == 0]
    pull = 2 * points.T * (logits - aim) - sum((slope * x for x in below), zeros(points.cols, 1))
    optimal = pull.is_zero_matrix
    if len(at_zero) == 1:
        multiplier = pull.dot(at_zero[0]) / at_zero[0].dot(at_zero[0])
        optimal = pull == multiplier * at_zero[0] and 0 <= multiplier <= slope
    return bool(optimal) and plain.row_join(hinged).det() != 0


def _is_a_probability(content: Any, before: Basic, after: Expr) -> bool:
    """Every target strictly between 0 and 1 has a finite logit."""
    given = [epsilon > 0, epsilon <= 1, K >= 2]
    return prove_in_cases(given, And(after > 0, after < 1)).supported


_of_the_collapse = (K >= 2, decay_strength > 0, delta > 0, decay_strength + delta < 1)
_curvatures = (alignment.smallest <= alignment.largest,)
_PARTS: dict[tuple[str, str], Proof] = {
    ("beck.lemma-C1", "conclusion"): _conclusion,
    ("lead.lemma-C1-strict", "conclusion"): _conclusion,
    ("beck.cor-3.3", "direction"): _direction,
    ("lead.elliptical", "direction"): _direction,
    ("lead.bias-exact", "direction"): _direction,
    ("beck.insensitivity", "sine"): _upper_bound(),
    ("beck.insensitivity", "error"): _upper_bound(),
    ("beck.quadratic", "hypotheses.0"): _hypothesis(),
    ("beck.quadratic", "hypotheses.1"): _hypothesis(),
    ("beck.prop-D1", "condition"): _hypothesis(),
    ("guo.calibration", "hypothesis"): _hypothesis(*_of_the_collapse),
    ("lead.grokking-rate", "hypothesis"): _hypothesis(aspect_ratio < 1),
    ("lead.alignment-bound", "spread"): _upper_bound(*_curvatures),
    ("lead.alignment-bound", "displacement"): _upper_bound(alignment.epsilon < 1),
    ("lead.alignment-bias-slope", ""): _upper_bound(),
    ("lead.alignment-bound-on-data", ""): _upper_bound(alignment.epsilon < 1),
    ("lead.linearity-bound", ""): _upper_bound(),
    ("primer.l1-update", "weights"): _hypothesis(),
    ("primer.l1-plateau", "hypotheses.0"): _hypothesis(),
    ("primer.l1-plateau", "hypotheses.1"): _hypothesis(),
    ("primer.convex", "0.penalty"): _affine(weight, increasing=True),
    ("primer.convex", "1.penalty"): _affine(weight, increasing=True),
    ("primer.dropout", "output"): _affine(z, increasing=False),
    ("weights.dropout-inverted", "output"): _affine(z, increasing=False),
    ("weights.dropout-geometric-mean", "transformed"): _affine(z, increasing=False),
    ("primer.l0", ""): _jumps,
    ("primer.ls-loss", ""): _is_a_probability,
    ("beck.toy-quadratic", "targets.0"): _grows_threefold,
    ("beck.toy-quadratic", "targets.1"): _grows_threefold,
    ("beck.toy-quadratic", "targets.2"): _grows_threefold,
    ("beck.toy-hinge", "points"): _hinge_turns_the_minimiser,
    ("beck.toy-hinge", "slope"): _hinge_turns_the_minimiser,
}

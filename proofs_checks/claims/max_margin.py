"""Claims: without a penalty the weights diverge (Beck et al. sec. 3.2)."""

from __future__ import annotations

from typing import NamedTuple

from sympy import Eq, Expr, Gt, Interval, Lt, Matrix, Rational, Symbol, exp, limit, log, oo

from ...theory import max_margin as theory
from ...theory.losses import cross_entropy
from ...theory.penalties import CATALOGUE
from ...theory.symbols import alpha, z
from ..checks import all_of
from ..claim import Claim, Correction, Repair, Variant
from ..counterexamples import needs
from ..evidence import Outcome
from ..lemmas import lemma_is_valid
from ..prover import prove

__all__ = ["CLAIMS"]

_LINE = {z: Interval(-oo, oo)}


class _Training(NamedTuple):
    """A per-sample loss and what is known of the data and of the weights."""

    loss: Expr
    hypotheses: frozenset[str]


_SEPARABLE, _FLOW = "linearly separable data", "weights from gradient flow"


def _is_monotone(training: _Training) -> Outcome:
    return prove(Lt(training.loss.diff(z), 0, evaluate=False), _LINE)


def _diverges_along_the_largest_margin(training: _Training) -> Outcome:
    """Gradient flow on T = sum of l(z_i), with G the largest margin of a unit vector.

    -dT/dt = |grad T|^2 and |grad T| >= G (1 - exp(-T)) make Phi(T) = -log(exp(T) - 1) rise by G for
    each unit of path, and without bound, since 1 - exp(-T) = 1/(1 + exp(Phi)). As every logit is at
    least Phi(T), T -> 0 and |S| -> infinity; the margin of S/|S| is at least G - C/|S|, and the
    unit vector of margin G is the only limit.
    """
    if _SEPARABLE not in training.hypotheses:
        bounded = _stays_at_zero(training.loss)
        if bounded is not None:
            return bounded
    if _FLOW not in training.hypotheses:
        other = _another_direction_does(training.loss)
        if other is not None:
            return other
    if training.loss.diff(z, 2) == 0:
        return _linear_loss_follows_the_sum(training.loss)
    if not {_SEPARABLE, _FLOW} <= training.hypotheses:
        return Outcome.undecided("gradient flow", "no proof without both hypotheses")
    value, phi = Symbol("T", positive=True), Symbol("Phi", real=True)
    total = log(1 + exp(-phi))
    logit = theory.single_sample_logit(value)
    return all_of(
        needs(lemma)
        for lemma in (
            prove(Eq(-training.loss.diff(z), 1 - exp(-training.loss), evaluate=False), _LINE),
            prove(Eq(theory.single_sample_logit(training.loss), z, evaluate=False), _LINE),
            prove(
                Eq(logit.diff(value) * (1 - exp(-value)), -1, evaluate=False),
                {value: Interval.open(0, oo)},
            ),
            prove(
                Eq(1 - exp(-total), 1 / (1 + exp(phi)), evaluate=False), {phi: Interval(-oo, oo)}
            ),
            *map(lemma_is_valid, theory.margin_lemmas()),
        )
    )


def _stays_at_zero(loss: Expr) -> Outcome | None:
    """The samples 1 and -1 on a line: the loss l(s) + l(-s) is strictly convex and even."""
    both = loss + loss.subs(z, -z)
    bend = prove(Gt(both.diff(z, 2), 0), _LINE)
    if not bend.supported or both.diff(z).subs(z, 0) != 0:
        return None
    witness = "samples 1 and -1 on a line: the only minimiser is S = 0"
    return Outcome.refuted(bend.method, "the weights do not diverge", witness, bend.grade)


def _another_direction_does(loss: Expr) -> Outcome | None:
    """The samples (1, 1), (1, -1): margin 1/sqrt(2) along (1, 0), but (2, 1) t does as well."""
    t = Symbol("t", positive=True)
    samples, other = Matrix([[1, 1], [1, -1]]), Matrix([2, 1])
    value = sum(loss.subs(z, t * logit) for logit in samples * other)
    if limit(value, t, oo) != 0 or not prove(Gt(loss, 0, evaluate=False), _LINE).supported:
        return None
    witness = (
        "samples (1, 1), (1, -1): the loss tends to its infimum 0 along t (2, 1), t -> infinity, "
        "while the max-margin direction is (1, 0)"
    )
    return Outcome.refuted("exact limit", "minimising sequences have other directions", witness)


def _linear_loss_follows_the_sum(loss: Expr) -> Outcome:
    """The flow of a linear loss is S = t (x_1 + ... + x_N), up to a factor."""
    samples, best = Matrix([[1, 1], [3, -1]]), Matrix([1, 1])
    flow = -loss.diff(z) * (samples.T * Matrix([1, 1]))
    margins = [min(samples * s) ** 2 / (s.T * s)[0] for s in (flow, best)]
    if not margins[0] < margins[1]:
        return Outcome.undecided("exact rationals", f"margins {margins}")
    witness = f"samples (1, 1), (3, -1): the flow has squared margin {margins[0]}, (1, 1) has 2"
    return Outcome.refuted("exact rationals", "not the largest margin", witness)


_QUADRATIC = CATALOGUE["quadratic"].expression
_PENALISED = ((1 - alpha) * cross_entropy() + alpha * _QUADRATIC).subs(alpha, Rational(1, 10))

_UNREGULARISED = Claim(
    id="beck.unregularised",
    printed=Variant(
        "For $\\alpha = 0$, $\\ell$ is monotone, and on separable data $\\|S\\| \\to \\infty$ in "
        "the max-margin direction.",
        _Training(cross_entropy(), frozenset({_SEPARABLE})),
    ),
    source="Beck et al. 2026, sec. 3.2",
    hypotheses=(
        "alpha = 0",
        "linearly separable data",
        "not by machine: the calculus along the flow that joins the lemmas",
    ),
    checks=(_is_monotone, _diverges_along_the_largest_margin),
    correction=Correction(
        Repair.HYPOTHESIS,
        Variant(
            "For $\\alpha = 0$, $\\ell$ is strictly decreasing; on linearly separable data "
            "gradient flow has $\\|S\\| \\to \\infty$ and "
            "$\\min_i S^T x_i/\\|S\\| \\geq G - C/\\|S\\|$, with $G$ the largest margin: its "
            "direction tends to that of the largest margin. (Other minimising sequences need not.)",
            _Training(cross_entropy(), frozenset({_SEPARABLE, _FLOW})),
        ),
    ),
    controls=(
        Variant("any data", _Training(cross_entropy(), frozenset({_FLOW}))),
        Variant("the linear loss -z", _Training(-z, frozenset({_SEPARABLE, _FLOW}))),
        Variant("f = z^2, alpha = 1/10", _Training(_PENALISED, frozenset({_SEPARABLE, _FLOW}))),
        Variant(
            "cross-entropy of -z", _Training(cross_entropy(-z), frozenset({_SEPARABLE, _FLOW}))
        ),
    ),
    derivation=theory.margin_derivation,
)

CLAIMS = (_UNREGULARISED,)

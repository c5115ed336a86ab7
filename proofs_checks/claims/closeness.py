"""Claims: how close weights with clustered logits are to Fisher's (Beck et al. sec. 3.4)."""

from __future__ import annotations

from typing import NamedTuple

from sympy import (
    Eq,
    Expr,
    Ge,
    Le,
    Matrix,
    Rational,
    Symbol,
    diag,
    eye,
    sqrt,
)

from ...theory import alignment
from ...theory import fisher_direction as theory
from ...theory.fisher_direction import (
    class_mean_gap,
    covariance,
    ratio_of_fisher,
    weights,
)
from ...theory.quadratic_loss import least_squares, moments, ratio, squared_ratio
from ..checks import all_of
from ..claim import Claim, Correction, Repair, Variant
from ..counterexamples import needs
from ..evidence import Outcome
from ..lemmas import lemmas_hold
from ..smt import prove_implication

__all__ = ["CLAIMS"]

_EXACT = "exact rationals"
_SAMPLES = Matrix([[1, 0], [1, 1], [0, 2]])
_ONES = Matrix([1, 1, 1])


def _is_the_squared_cosine(cosine: Expr) -> Outcome:
    """<X S, X S_F> = 1^T X S and |X S_F|^2 = 1^T X S_F, as X^T X S_F = X^T 1 (z* = 1)."""
    samples, chosen = _SAMPLES, Matrix([1, 2])
    fisher = least_squares(samples, _ONES)
    u, v = samples * chosen, samples * fisher
    exact = (u.T * v)[0] ** 2 / ((u.T * u)[0] * (v.T * v)[0])
    ratios = [squared_ratio(s, *moments(samples)) for s in (chosen, fisher)]
    claimed = cosine.subs({ratio: sqrt(ratios[0]), ratio_of_fisher: sqrt(ratios[1])})
    # A square root is compared by its square.
    if claimed**2 != exact**2:
        witness = f"X = {samples.tolist()}, S = (1, 2): cos^2 = {exact}, not {claimed}"
        return Outcome.refuted(_EXACT, "not the squared cosine", witness)
    # The Gram matrix X^T X in the part of Sigma, X^T 1 in that of delta.
    inner = theory.simplified(weights.T * covariance * theory.fisher())
    if inner != weights.T * class_mean_gap:
        return Outcome.undecided("matrix algebra", f"<X S, X S_F> = {inner}")
    mu, mu_fisher, n = (Symbol(name, positive=True) for name in ("mu", "mu_F", "N"))
    square = (n * mu) ** 2 / (n * mu**2 * (1 + ratio**2) * n * mu_fisher)
    given = Eq(n * mu_fisher, n * mu_fisher**2 * (1 + ratio_of_fisher**2))
    algebra = Outcome.proved("matrix algebra", f"<X S, X S_F> = {inner}")
    return all_of((algebra, needs(prove_implication([given], Eq(square, cosine)))))


_COSINE = theory.fisher_cosine() ** 2

_ANGLE = Claim(
    id="lead.angle-identity",
    printed=Variant(
        "For any data of full column rank and any weights with $\\mu(S) > 0$, in the metric of the "
        "data, $\\cos^2 \\angle(S, S_F) = (1 + r_F^2)/(1 + r(S)^2)$: weights whose logits cluster "
        "are close to Fisher's, $\\sin \\angle \\leq r(S)$.",
        _COSINE,
    ),
    source="lead: the angle from the coefficients of variation alone",
    hypotheses=("X of full column rank", "mu(S) > 0", "the samples' mean is not zero"),
    checks=(_is_the_squared_cosine,),
    controls=(
        Variant("1/(1 + r^2)", 1 / (1 + ratio**2)),
        Variant("its square root", sqrt(_COSINE)),
        Variant("1 - r^2 + r_F^2", 1 - ratio**2 + ratio_of_fisher**2),
    ),
    derivation=theory.angle_derivation,
)


class _Closeness(NamedTuple):
    """A metric for the angle, a bound on its sine and one on the share of logits z <= 0."""

    metric: str
    sine: Expr
    error: Expr


def _asymmetric_minimiser(samples: Matrix, above: Rational) -> Matrix:
    """For l = (z - 1)^2 below 1 and ``above`` times that beyond it, by iterated cases."""
    weighting = eye(samples.rows)
    for _ in range(2**samples.rows):
        root = (samples.T * weighting * samples).LUsolve(
            samples.T * weighting * Matrix([1] * samples.rows)
        )
        fitting = diag(*(above if value > 1 else 1 for value in samples * root))
        if fitting == weighting:
            return root
        weighting = fitting
    raise AssertionError("the reweighting of a piecewise quadratic loss settles")


def _stays_close(claimed: _Closeness) -> Outcome:
    """The angle in the named metric is small whenever r(S) is.

    Samples (1, -t), (1 + t, 0), (1, 2 t) with a loss of curvatures 1 and 2: as t -> 0 the logits
    cluster, r(S) ~ t, and the Euclidean angle tends to that between (1, 2/19) and (1, 1/14).
    """
    if claimed.metric == "Euclidean":
        t = Rational(1, 1000)
        samples = Matrix([[1, -t], [1 + t, 0], [1, 2 * t]])
        chosen = _asymmetric_minimiser(samples, Rational(2))
        fisher = least_squares(samples, _ONES)
        sine = chosen.row_join(fisher).det() ** 2 / (
            (chosen.T * chosen)[0] * (fisher.T * fisher)[0]
        )
        squared = squared_ratio(chosen, *moments(samples))
        if sine > claimed.sine.subs(ratio, sqrt(squared)) ** 2:
            witness = (
                f"l with curvatures 1 and 2, samples (1, -t), (1 + t, 0), (1, 2 t), t = {t}: "
                f"sin^2 of the Euclidean angle {sine.evalf(6)}, r^2 = {squared.evalf(6)}"
            )
            return Outcome.refuted(_EXACT, "not close though the logits cluster", witness)
        return Outcome.undecided(_EXACT, f"sin^2 = {sine}, r^2 = {squared}")
    r, at = Symbol("r", real=True), {ratio: Rational(1, 2), ratio_of_fisher: 0}
    if claimed.sine.subs(at) ** 2 < 1 - _COSINE.subs(at):
        witness = f"r_F = 0, r = 1/2: sin^2 = {1 - _COSINE.subs(at)}, bound {claimed.sine.subs(at)}"
        return Outcome.refuted(_EXACT, "the bound is too small", witness)
    return all_of(
        (
            _is_the_squared_cosine(_COSINE),
            needs(
                prove_implication([Ge(ratio, ratio_of_fisher)], Le(1 - _COSINE, claimed.sine**2))
            ),
            needs(prove_implication([Ge(r, 0)], Ge(claimed.sine.subs(ratio, r), 0))),
            lemmas_hold(alignment.lemmas()),
        )
    )


def _classifies(claimed: _Closeness) -> Outcome:
    """Cantelli: 1[z <= 0] <= (z - c)^2/c^2 at c = mu (1 + r^2), in expectation r^2/(1 + r^2).

    Equality: z = 0 with probability 1/2 and 2 otherwise has r = 1.
    """
    at_one = claimed.error.subs(ratio, 1)
    if at_one < Rational(1, 2):
        witness = f"z = 0 or 2 with equal chances: r = 1, error 1/2 > {at_one}"
        return Outcome.refuted(_EXACT, "more logits are not positive", witness)
    logit, c, mu = Symbol("z", real=True), Symbol("c", positive=True), Symbol("mu", positive=True)
    shift = mu * (1 + ratio**2)
    mean_square = (mu**2 * ratio**2 + (mu - shift) ** 2) / shift**2
    return all_of(
        needs(outcome)
        for outcome in (
            prove_implication([Le(logit, 0)], Le(1, (logit - c) ** 2 / c**2)),
            prove_implication([], Le(mean_square, claimed.error)),
        )
    )


_ERROR = ratio**2 / (1 + ratio**2)

_INSENSITIVITY = Claim(
    id="beck.insensitivity",
    printed=Variant(
        "Beyond these cases the direction stays close to Fisher's whenever the logits cluster, so "
        "generalisation accuracy hardly depends on the form or strength of the penalty.",
        _Closeness("Euclidean", ratio, _ERROR),
    ),
    source="Beck et al. 2026, sec. 3.4",
    hypotheses=(
        "X of full column rank",
        "mu(S) > 0",
        "close, as the source leaves it open: a Euclidean angle of sine at most r",
        "not by machine: expectations are monotone (Cantelli's inequality)",
    ),
    checks=(_stays_close, _classifies),
    correction=Correction(
        Repair.FORMULA,
        Variant(
            "In the metric of the data $\\sin \\angle(S, S_F) \\leq r(S)$ for any weights, and "
            "$\\leq r_F \\epsilon/\\sqrt{1 - \\epsilon^2}$ at a minimiser; the share of logits "
            "$z \\leq 0$ is at most $r^2/(1 + r^2)$ under the law for which $r$ is taken. "
            "What this says of new data rests on the logits clustering there too.",
            _Closeness("data", ratio, _ERROR),
        ),
    ),
    controls=(
        Variant("sin <= r/2", _Closeness("data", ratio / 2, _ERROR)),
        Variant("sin <= r^2", _Closeness("data", ratio**2, _ERROR)),
        Variant("error <= r^2/(2 + r^2)", _Closeness("data", ratio, ratio**2 / (2 + ratio**2))),
        Variant("Euclidean, error <= r^2", _Closeness("Euclidean", ratio, ratio**2)),
    ),
    derivation=theory.angle_derivation,
)


CLAIMS = (_ANGLE, _INSENSITIVITY)

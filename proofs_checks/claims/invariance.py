"""Claims: perfect generalisation and invariance (Beck et al. props. 5.1, 6.1, App. E.4).

Exact data are rows (x_1, xi) at sigma_n = 1. Their minimisers are those of least squares with
target 1, a member of the class (see ``quadratic_member``).
"""

from __future__ import annotations

from typing import NamedTuple

from sympy import (
    Eq,
    Expr,
    Ge,
    Gt,
    Interval,
    Le,
    Lt,
    Matrix,
    MatrixSymbol,
    Ne,
    Or,
    Rational,
    Symbol,
    diag,
    exp,
    limit,
    log,
    oo,
)
from sympy.core.relational import Relational

from ...theory import signal_noise as theory
from ...theory.losses import per_sample_loss
from ...theory.penalties import CATALOGUE
from ...theory.symbols import alpha, z
from ..checks import all_of
from ..claim import Claim, Correction, Repair, Variant
from ..evidence import Outcome
from ..matrix_identities import vanishes
from ..prover import prove
from ..separation import EXACT, rows
from ..signal_noise import logits_are_equivariant
from ..smt import prove_implication

__all__ = ["CLAIMS"]

_N = Symbol("N", integer=True, positive=True)
_d = Symbol("d", integer=True, positive=True)


# Perfect generalisation without signal noise.


class _Perfect(NamedTuple):
    """In N, d: when it generalises perfectly. Whether f has to be differentiable at 0."""

    condition: Relational
    differentiable: bool


def _signal_alone_gives_the_minimiser(claim: _Perfect) -> Outcome:
    """The least-norm solution of X S = z* 1 is along e_1 iff e_1 is in the row space of [1 | Xi].

    It is the one in the row space, and (z*/mu) e_1 is a solution too. By
    rank([1 | Xi]; e_1) = 1 + rank(Xi), with rank(Xi) = min(N, d - 1), rank([1 | Xi]) = min(N, d) in
    general position, that is iff min(N + 1, d) = min(N, d).
    """
    for samples in range(1, 5):
        for features in range(2, 6):
            X = theory.vandermonde(samples, features)
            perfect = theory.reaches_equal_logits_by_signal(X)
            if perfect != bool(claim.condition.subs({_N: samples, _d: features})):
                return Outcome.refuted(
                    EXACT,
                    f"{claim.condition} does not decide",
                    f"N = {samples}, d = {features}, rows {rows(X)}: the least-norm minimiser is "
                    f"z* {tuple(theory.least_norm_weights(X))}",
                )
    count, rank, more = (Symbol(s, integer=True, positive=True) for s in ("N", "r", "q"))
    given = [Le(rank, count), Le(rank, _d), Or(Eq(rank, count), Eq(rank, _d))]
    given += [Le(more, count + 1), Le(more, _d), Or(Eq(more, count + 1), Eq(more, _d))]
    return all_of(
        (
            vanishes("||S + D||^2 = ||S||^2 + ||D||^2", theory.least_norm_identity()),
            vanishes("X (s X^T a) = s 1", theory.signal_in_the_row_space()),
            prove_implication([*given, claim.condition], Eq(more, rank)),
            prove_implication([*given, Eq(more, rank)], claim.condition),
        )
    )


def _target_is_positive(claim: _Perfect) -> Outcome:
    """l'(0) = -(1 - alpha)/2 + alpha f'(0), where f'(0) = 0 for an even differentiable f."""
    if not claim.differentiable:
        loss = per_sample_loss(CATALOGUE["absolute"]).subs(alpha, Rational(1, 2))
        right, left = (limit(loss.diff(z), z, 0, side) for side in "+-")
        if left < 0 < right:
            return Outcome.refuted(
                "exact one-sided slopes",
                "the target is 0, and with it the minimiser S = 0",
                f"f = |z|, alpha = 1/2: l has the slopes {left} and {right} at 0, so that z* = 0",
            )
        return Outcome.undecided("exact one-sided slopes", f"{left}, {right}")
    slope = (1 - alpha) * log(1 + exp(-z)).diff(z).subs(z, 0)
    return prove(Lt(slope, 0), {alpha: Interval.open(0, 1)})


_PROP_51 = Claim(
    id="beck.prop-5.1",
    printed=Variant(
        "Let $\\sigma_f = 0$ and $\\alpha > 0$. The minimiser of the training loss generalises "
        "perfectly if and only if $\\lambda < 1$.",
        _Perfect(Lt(_d, _N), differentiable=False),
    ),
    source="Beck et al. 2026, prop. 5.1",
    hypotheses=(
        "mu_f > 0, sigma_n > 0, f convex, even and not constant",
        "noise in general position (Gaussian: almost surely)",
        "among several minimisers the one of least norm, which gradient descent from zero finds",
        "not by machine: the ranks of [1 | Xi], with and without e_1, in general position",
    ),
    checks=(_signal_alone_gives_the_minimiser, _target_is_positive),
    correction=Correction(
        Repair.FORMULA,
        Variant(
            "Let $\\sigma_f = 0$, $\\alpha > 0$ and $f$ differentiable at 0, so that $z^* > 0$. "
            "The minimiser generalises perfectly if and only if $\\lambda \\leq 1$: at $N = d$ it "
            "is still $z^* e_1/\\mu_f$.",
            _Perfect(Le(_d, _N), differentiable=True),
        ),
    ),
    controls=(
        Variant("iff lambda < 1, f differentiable", _Perfect(Lt(_d, _N), True)),
        Variant("iff N >= d, any f", _Perfect(Le(_d, _N), False)),
        Variant("iff N >= d - 1", _Perfect(Le(_d, _N + 1), True)),
        Variant("iff lambda <= 1/2", _Perfect(Le(2 * _d, _N), True)),
    ),
)


# Invariance to sigma_n.

_ALPHA, _LAMBDA, _RANK, _SIGMA = "alpha > 0", "lambda < 1", "X of rank d", "sigma_n > 0"
_FITS = (
    (Matrix([[1, 1], [1, 2], [1, 3]]), Rational(0)),
    (Matrix([[1, 1]]), Rational(2, 5)),
    (Matrix([[1, 1], [1, 1], [1, 1]]), Rational(2, 5)),
    (Matrix([[1, 2], [2, -1], [1, 1]]), Rational(2, 5)),
)


def _direction(X: Matrix, strength: Rational, noise: Rational) -> Expr:
    """w/S_1 of the least-norm minimiser (d = 2), or of max margin on one support vector."""
    scaled = X * diag(1, noise)
    if strength > 0:
        weights = theory.least_norm_weights(scaled)
    else:
        support = min((scaled.row(i) for i in range(X.rows)), key=lambda row: row.dot(row))
        weights = support.T / support.dot(support)
        if min(scaled * weights) < 1:
            raise ArithmeticError(f"{rows(scaled)} has more than one support vector")
    return noise * weights[1] / weights[0]


def _accuracy_does_not_depend_on_the_noise(hypotheses: frozenset[str]) -> Outcome:
    for X, strength in _FITS:
        excluded = (
            (_ALPHA in hypotheses and strength == 0)
            or (_LAMBDA in hypotheses and X.cols >= X.rows)
            or (_RANK in hypotheses and X.rank() < X.cols and X.rows >= X.cols)
        )
        if excluded:
            continue
        noises = (Rational(1), Rational(2) if _SIGMA in hypotheses else Rational(0))
        directions = [_direction(X, strength, noise) for noise in noises]
        if directions[0] != directions[1]:
            return Outcome.refuted(
                EXACT,
                "the test logits change with sigma_n",
                f"alpha = {strength}, rows {rows(X)}: w/S_1 = {directions[0]} at sigma_n = "
                f"{noises[0]} and {directions[1]} at sigma_n = {noises[1]}",
            )
    if not hypotheses >= {_ALPHA, _LAMBDA, _RANK, _SIGMA}:
        return Outcome.undecided(EXACT, "neither proved nor refuted")
    # The minimiser is unique: l is strictly convex and S -> X S is injective.
    strictly = prove(Gt(log(1 + exp(-z)).diff(z, 2), 0), {z: Interval(-oo, oo)})
    bend, u, rest = (Symbol(n, real=True) for n in ("l_bend", "u_i", "rest"))
    along = prove_implication([Gt(bend, 0), Ne(u, 0), Ge(rest, 0)], Gt(bend * u**2 + rest, 0))
    return all_of((strictly, along, logits_are_equivariant()))


_GIVEN = frozenset({_ALPHA, _LAMBDA, _RANK, _SIGMA})

_PROP_61 = Claim(
    id="beck.prop-6.1",
    printed=Variant(
        "Let $\\alpha > 0$, $\\lambda < 1$. The optimal generalisation accuracy is strictly "
        "independent of $\\sigma_n$.",
        _GIVEN,
    ),
    source="Beck et al. 2026, prop. 6.1",
    hypotheses=(
        "sigma_n > 0, and the same xi for every sigma_n",
        "X of full column rank (Gaussian noise: almost surely)",
        "f convex, even and not constant, alpha < 1",
        "not by machine: a loss that grows with every logit has a minimiser if X has rank d",
    ),
    checks=(_accuracy_does_not_depend_on_the_noise,),
    controls=(
        Variant("alpha = 0 allowed", _GIVEN - {_ALPHA}),
        Variant("lambda > 1 allowed (least norm)", _GIVEN - {_LAMBDA}),
        Variant("dependent columns allowed (least norm)", _GIVEN - {_RANK}),
        Variant("sigma_n = 0 allowed", _GIVEN - {_SIGMA}),
    ),
)


# The Tikhonov penalty.


class _Tikhonov(NamedTuple):
    """N^-1 sum z_i^2 as a multiple of S^T Sigma S, with Sigma centred or not."""

    centred: bool
    multiple: Expr


def _is_the_mean_square(claim: _Tikhonov) -> Outcome:
    X, S, N = MatrixSymbol("X", _N, _d), MatrixSymbol("S", _d, 1), _N
    form = S.T * theory.second_moment(X, N, centred=claim.centred) * S * claim.multiple
    if (theory.mean_square_logit(X, S, N) - form).doit().is_ZeroMatrix:
        return Outcome.proved(
            "matrix algebra", "(X S)^T (X S)/N = S^T (X^T X/N) S, symbolic N and d"
        )
    data, weights, n = Matrix([[1], [2]]), Matrix([[1]]), Rational(2)
    penalty = theory.mean_square_logit(data, weights, n)[0]
    moment = theory.second_moment(data, n, centred=claim.centred)
    given = (weights.T * moment * weights)[0] * claim.multiple.subs(_N, n)
    if penalty == given:
        return Outcome.undecided("matrix algebra", f"no proof, no witness: {form}")
    return Outcome.refuted(
        EXACT,
        "the two differ",
        f"samples 1 and 2 in one dimension, S = 1: mean square {penalty}, quadratic form {given}",
    )


_TIKHONOV = Claim(
    id="beck.tikhonov",
    printed=Variant(
        "For linear models $\\alpha z^2$ is the Tikhonov penalty $\\alpha S^T \\hat\\Sigma S$, "
        "with $\\hat\\Sigma = N^{-1}\\sum x x^T$ not centred.",
        _Tikhonov(centred=False, multiple=Rational(1)),
    ),
    source="Beck et al. 2026, App. E.4",
    hypotheses=("the loss is the mean over samples", "no bias"),
    checks=(_is_the_mean_square,),
    controls=(
        Variant("the centred covariance", _Tikhonov(centred=True, multiple=Rational(1))),
        Variant("half of it", _Tikhonov(centred=False, multiple=Rational(1, 2))),
        Variant("N - 1 for N", _Tikhonov(centred=False, multiple=_N / (_N - 1))),
    ),
)

CLAIMS = (_PROP_51, _PROP_61, _TIKHONOV)

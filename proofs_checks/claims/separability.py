"""Claims: the interpolation threshold and delayed generalisation (Beck et al. sec. 5)."""

from __future__ import annotations

from math import floor
from typing import Literal, NamedTuple

import numpy as np
from scipy.optimize import linprog, minimize_scalar
from scipy.special import betaincinv
from sympy import (
    Eq,
    Expr,
    Gt,
    Interval,
    Matrix,
    Rational,
    Symbol,
    binomial,
    exp,
    lambdify,
    limit,
    log,
    ones,
    oo,
    sqrt,
    summation,
)

from ...theory import cover
from ...theory import delayed_generalisation as grokking
from ...theory import separability as theory
from ...theory.losses import cross_entropy
from ...theory.signal_noise import least_norm_weights
from ...theory.symbols import z
from ..checks import all_of, identical
from ..claim import Claim, Correction, Repair, Variant
from ..evidence import Grade, Outcome, Status
from ..lemmas import lemmas_hold
from ..matrix_identities import vanishes
from ..prover import certify_positive, prove
from ..separation import (
    EXACT,
    HALF,
    is_separable,
    random_labels_turn_separable_at,
    rows,
)

__all__ = ["CLAIMS"]

# The interpolation threshold.


class _Threshold(NamedTuple):
    """Above this d/N the labellings named are separable; below it, max margin is along e_1."""

    aspect_ratio: Rational
    labellings: Literal["every", "almost every"]


def _labellings_are_separable_above(claim: _Threshold) -> Outcome:
    if claim.labellings == "almost every":
        return random_labels_turn_separable_at(claim.aspect_ratio, lost=0)
    k, n = Symbol("k", integer=True, nonnegative=True), Symbol("n", integer=True, nonnegative=True)
    if claim.aspect_ratio >= 1:
        total = summation(binomial(n, k), (k, 0, n))
        if total != 2**n:
            return Outcome.undecided("Cover's count", f"sum of binomials is {total}")
        every = Outcome.proved("Cover's count", "2 sum_{k < N} binomial(N-1, k) = 2^N at d >= N")
        return all_of((every, vanishes("X X^T (X X^T)^-1 y = y", cover.dimensions_suffice())))
    samples = floor(1 / (1 - claim.aspect_ratio)) + 1
    X, a = theory.alternating_labels_certificate(samples, samples - 1)
    certified = X.T * a == Matrix.zeros(samples - 1, 1) and min(a) > 0
    if not certified or is_separable(X):
        return Outcome.undecided(EXACT, f"{rows(X)} not shown to be inseparable")
    count = cover.separable_labellings(samples, samples - 1).doit()
    return Outcome.refuted(
        EXACT,
        "a positive combination of the points vanishes",
        f"N = {samples}, d = {samples - 1}: labels absorbed {rows(X)}, in general position, with "
        f"weights {tuple(a)} sum to 0; {count} of {2**samples} labellings are separable",
    )


def _max_margin_is_the_signal_below(claim: _Threshold) -> Outcome:
    """sigma_f = 0: below the threshold the max-margin direction is e_1, above it is not."""
    if claim.labellings == "almost every":
        turn = random_labels_turn_separable_at(claim.aspect_ratio, lost=1)
        return all_of((turn, lemmas_hold(theory.max_margin_lemmas())))
    samples = floor(2 / claim.aspect_ratio) + 1
    X = Matrix(samples, 2, lambda i, j: 1 if j == 0 else i + 1)
    shorter = Matrix([HALF, HALF])
    if min(X * shorter) < 1:
        return Outcome.undecided(EXACT, f"{tuple(shorter)} does not separate {rows(X)}")
    return Outcome.refuted(
        EXACT,
        "a shorter S than e_1 has the margin 1",
        f"N = {samples}, d = 2, rows (1, 1), ..., (1, {samples}): S = (1/2, 1/2) has all logits "
        f">= 1 and ||S||^2 = {shorter.dot(shorter)}, while e_1 has 1",
    )


_THRESHOLD_0 = Claim(
    id="beck.threshold-0",
    printed=Variant(
        "Without regularisation the interpolation threshold is $\\lambda_c = 1/2$: for "
        "$\\lambda > 1/2$, points in general position are linearly separable regardless of their "
        "labels. With $\\sigma_f = 0$ the unregularised solution generalises perfectly below it "
        "and overfits above it.",
        _Threshold(HALF, "every"),
    ),
    source="Beck et al. 2026, sec. 5.1",
    hypotheses=(
        "no bias",
        "the unregularised solution has the max-margin direction",
        "not by machine: the projection of points in general position along one of them is so too",
    ),
    checks=(_labellings_are_separable_above, _max_margin_is_the_signal_below),
    correction=Correction(
        Repair.FORMULA,
        Variant(
            "Of the $2^N$ labellings of $N$ points in general position "
            "$2\\sum_{k<d} \\binom{N-1}{k}$ are separable: all only for $\\lambda \\geq 1$, a "
            "fraction tending to 1 for $\\lambda > 1/2$ and to 0 for $\\lambda < 1/2$. With "
            "$\\sigma_f = 0$ the data are separable at every $\\lambda$; max margin generalises "
            "perfectly iff the noise vectors are not separable, which for noise of a symmetric "
            "density has a probability tending to 1 below 1/2 and to 0 above it.",
            _Threshold(HALF, "almost every"),
        ),
    ),
    controls=(
        Variant("every labelling above 2/3", _Threshold(Rational(2, 3), "every")),
        Variant("every labelling above 1", _Threshold(Rational(1), "every")),
        Variant("almost every labelling above 1/3", _Threshold(Rational(1, 3), "almost every")),
        Variant("almost every labelling from 2/3 on", _Threshold(Rational(2, 3), "almost every")),
    ),
)


# Delayed generalisation.

_LAMBDA, _NOISE, _ALPHA = "1/2 < lambda < 1", "noise separable", "alpha > 0"
_NOISES = (
    Matrix([[1, 0], [2, 1], [1, 3], [1, -1]]),
    Matrix([2, -2, 1]),
    Matrix([[1, 0], [2, 1]]),
)


def _groks(hypotheses: frozenset[str]) -> Outcome:
    """sigma_f = 0, mu_f = sigma_n = 1, gradient descent from zero."""
    for noise in _NOISES:
        X = ones(noise.rows, 1).row_join(noise)
        aspect_ratio, separable = Rational(X.cols, X.rows), is_separable(noise)
        if _LAMBDA in hypotheses and not HALF < aspect_ratio < 1:
            continue
        if _NOISE in hypotheses and not separable:
            continue
        failure = _how_grokking_fails(X, separable, _ALPHA in hypotheses)
        if failure:
            return Outcome.refuted(
                EXACT, "no delayed generalisation", f"rows {rows(X)}: {failure}", Grade.CERTIFIED
            )
    if not hypotheses >= {_LAMBDA, _NOISE, _ALPHA}:
        return Outcome.undecided(EXACT, "neither proved nor refuted")
    line = {z: Interval(-oo, oo)}
    if limit(grokking.comparator_excess(), Symbol("t", positive=True), oo) != 0:
        return Outcome.undecided("symbolic limit", f"{grokking.comparator_excess()}")
    loss = cross_entropy()
    return all_of(
        (
            prove(Gt(1 / (1 + exp(z)), 0, evaluate=False), line),
            prove(Eq(loss.diff(z), -1 / (1 + exp(z)), evaluate=False), line),
            identical(loss.subs(z, 0), log(2)),
            lemmas_hold((*grokking.fitting_lemmas(), *grokking.descent_lemmas())),
        )
    )


def _how_grokking_fails(X: Matrix, separable: bool, regularised: bool) -> str | None:
    if not separable and X.cols == 2:
        ends = grokking.noise_weight_is_confined(X[:, 1])
        line = {z: Interval(0, oo)}
        if all(certify_positive(end.gts - end.lts, line).supported for end in ends):
            return (
                "at alpha = 0 the noise weight stays within [-1, 1] while S_1 grows without end: "
                "the accuracy tends to 1 there, so that the delay does not diverge"
            )
    if separable and not regularised and lemmas_hold(grokking.fitting_lemmas()).supported:
        return "at alpha = 0 ||S_perp||/S_1 is bounded from below: no generalisation"
    limit_point = least_norm_weights(X)
    if any(limit_point[1:]):
        return f"descent ends at S = z* {tuple(limit_point)}: no generalisation"
    return None


_GROKKING = Claim(
    id="beck.grokking",
    printed=Variant(
        "For $1/2 < \\lambda < 1$, $\\sigma_f = 0$ and small $\\alpha$, gradient descent first "
        "overfits, then generalises; the delay diverges as $\\alpha \\to 0$.",
        frozenset({_LAMBDA, _ALPHA}),
    ),
    source="Beck et al. 2026, sec. 5.2",
    hypotheses=(
        "gradient descent from zero with step at most 1/smoothness",
        "f convex, smooth, not constant",
        "noise in general position (Gaussian: almost surely)",
        "not by machine: S_T is continuous in alpha; F(S_T) -> min F brings S_T to the minimiser",
    ),
    checks=(_groks,),
    correction=Correction(
        Repair.HYPOTHESIS,
        Variant(
            "For $1/2 < \\lambda < 1$, $\\sigma_f = 0$, $\\alpha > 0$ and noise vectors that are "
            "separable with margin $\\kappa$ (Gaussian noise: with a probability tending to 1), "
            "gradient descent at $\\alpha = 0$ fits all samples while its accuracy never exceeds "
            "$\\Phi(\\mu_f^2/(\\sigma_n^2 \\kappa))$; for small enough $\\alpha > 0$ it does so, "
            "within any tolerance, up to any given time, and then tends to $z^* e_1/\\mu_f$.",
            frozenset({_LAMBDA, _ALPHA, _NOISE}),
        ),
    ),
    controls=(
        Variant("alpha = 0 allowed", frozenset({_LAMBDA, _NOISE})),
        Variant("lambda > 1 allowed", frozenset({_NOISE, _ALPHA})),
        Variant("noise not separable, any lambda", frozenset({_ALPHA})),
    ),
)

# The threshold of data with signal.

_c, _Delta = Symbol("c", nonnegative=True), Symbol("Delta", positive=True)
_SAMPLES, _DRAWS = 200, 20


class _Conic(NamedTuple):
    """lambda_s(Delta) = min over c of E[(-drift - scale G)_+^2]."""

    drift: Expr
    scale: Expr


def _expectation_has_its_closed_form(_: _Conic) -> Outcome:
    residuals = theory.hinge_square_residuals()
    if any(residual != 0 for residual in residuals):
        return Outcome.undecided("symbolic identity", f"{residuals} not reduced to zero")
    return Outcome.proved(
        "symbolic identity", f"E[(G - t)_+^2] = {theory.hinge_square(_c)} at t = c"
    )


def _turns_separable_there(claim: _Conic) -> Outcome:
    """Random Gaussian data at 3/4 and 5/4 of the threshold, separability by linear programming."""
    rng = np.random.default_rng(0)
    formula = lambdify(
        (_c, _Delta), theory.separability_function(claim.drift, claim.scale), "scipy"
    )
    notes = []
    for signal in (0.5, 1.0):
        threshold = minimize_scalar(formula, args=(signal,), bounds=(0, 20), method="bounded").fun
        for side in (0.75, 1.25):
            features = max(1, round(side * threshold * _SAMPLES))
            found = sum(_draw_is_separable(rng, features, signal) for _ in range(_DRAWS))
            low, high = _proportion_interval(found, _DRAWS)
            seen = (
                f"Delta = {signal}, lambda = {features / _SAMPLES} = {side} lambda_s: {found} of "
                f"{_DRAWS} separable, 99% interval [{low:.2f}, {high:.2f}]"
            )
            if (high < 0.5) if side > 1 else (low > 0.5):
                return Outcome.refuted("simulation", "the wrong side", seen, Grade.OBSERVED)
            if (low <= 0.5) if side > 1 else (high >= 0.5):
                return Outcome.undecided("simulation", seen)
            notes.append(seen)
    return Outcome(Status.SUPPORTED, "simulation", "; ".join(notes), Grade.OBSERVED)


def _proportion_interval(found: int, draws: int) -> tuple[float, float]:
    """Clopper and Pearson's 99 % interval.

    >>> "%.4f %.4f" % _proportion_interval(0, 20)
    '0.0000 0.2327'
    """
    low = betaincinv(found, draws - found + 1, 0.005) if found else 0.0
    high = betaincinv(found + 1, draws - found, 0.995) if found < draws else 1.0
    return float(low), float(high)


def _draw_is_separable(rng: np.random.Generator, features: int, signal: float) -> bool:
    X = rng.standard_normal((_SAMPLES, features))
    X[:, 0] += signal
    margin = -np.ones(_SAMPLES)
    found = linprog(np.zeros(features), A_ub=-X, b_ub=margin, bounds=(None, None), method="highs")
    return bool(found.status == 0)


_SCALE = sqrt(1 + _c**2)

_SEPARABILITY = Claim(
    id="lead.separability-threshold",
    printed=Variant(
        "Gaussian data with $\\Delta = \\mu_f/\\sigma_f$ are separable through the origin, as "
        "$N, d \\to \\infty$, iff $\\lambda > \\lambda_s(\\Delta) = \\min_c "
        "E[(-c\\Delta - \\sqrt{1 + c^2}\\, G)_+^2]$.",
        _Conic(_c * _Delta, _SCALE),
    ),
    source="lead: high-dimensional limit",
    hypotheses=("Gaussian xi", "sigma_n > 0"),
    checks=(_expectation_has_its_closed_form, _turns_separable_there),
    controls=(
        Variant("lambda_s = 1/2 for every Delta", _Conic(0 * _c, 1 + 0 * _c)),
        Variant("twice the signal", _Conic(2 * _c * _Delta, _SCALE)),
        Variant("the signal without its own noise", _Conic(_c * _Delta, 1 + 0 * _c)),
    ),
)

CLAIMS = (_THRESHOLD_0, _GROKKING, _SEPARABILITY)

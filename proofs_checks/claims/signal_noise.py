"""Claims: signal plus noise under logit regularisation (Beck et al. secs. 5, 6, App. E).

Exact data are rows (x_1, xi) at sigma_n = 1. Their minimisers are those of least squares with
target 1, a member of the class (see ``quadratic_member``).
"""

from __future__ import annotations

from typing import NamedTuple

from sympy import (
    Abs,
    Eq,
    Expr,
    Gt,
    Interval,
    Lt,
    Matrix,
    Symbol,
    diag,
    erf,
    factor,
    limit,
    ones,
    oo,
    sqrt,
)

from ...theory import signal_noise as theory
from ...theory.signal_noise import (
    mu_f,
    norm,
    ratio,
    rho,
    sigma_f,
    sigma_n,
    signal_weight,
)
from ..checks import all_of, identical
from ..claim import Claim, Correction, Repair, Variant
from ..evidence import Outcome
from ..prover import prove
from ..separation import EXACT, rows
from ..signal_noise import (
    least_squares_is_a_member,
    logits_are_equivariant,
    weights_follow_the_regression,
)
from ..smt import prove_implication

__all__ = ["CLAIMS"]

_POSITIVE = Interval.open(0, oo)


# The cosine at the minimum and the accuracy.


class _Cosine(NamedTuple):
    """rho as a function of C and sigma_n, for S_1 > 0 or for any sign."""

    formula: Expr
    positive: bool


def _is_the_cosine(claim: _Cosine) -> Outcome:
    first, w = Symbol("S_1", positive=True), Symbol("w", positive=True)
    if not claim.positive:
        X = Matrix([[1, 2], [2, 3], [3, 4]])
        weights = theory.least_norm_weights(X)
        true = theory.cosine(weights[0], weights[1]).subs(sigma_n, 1)
        given = claim.formula.subs({ratio: Abs(weights[1] / weights[0]), sigma_n: 1})
        if X * weights == ones(3, 1) and true.is_negative and given.is_positive:
            return Outcome.refuted(
                EXACT,
                "S_1 < 0",
                f"sigma_n = 1, rows {rows(X)}: all logits are z* at S = z* {tuple(weights)}, so "
                f"that rho = {true}, not {given}",
            )
    # A = diag(1, sigma_n, ..., sigma_n) makes (S_1, w/sigma_n) of the weights at sigma_n = 1.
    moved = diag(1, sigma_n).inv() * Matrix([first, w])
    weights = identical(theory.cosine(first, w), moved[0] / moved.norm())
    relation = Eq(moved[0] / moved.norm(), claim.formula.subs(ratio, w / first), evaluate=False)
    domain = {first: _POSITIVE, w: _POSITIVE, sigma_n: _POSITIVE}
    return all_of((logits_are_equivariant(), weights, prove(relation, domain)))


def _ratio_depends_on_the_signal_noise_alone(claim: _Cosine) -> Outcome:
    """C is in the formula, and at given xi it changes with sigma_f, for least squares."""
    if not claim.formula.has(ratio):
        return Outcome.refuted("structure", "no C", f"{claim.formula} does not depend on C")
    X = _with_signal_noise(4)
    values = [_spurious_ratio(X).subs(sigma_f, level) for level in (1, 2)]
    if values[0] == values[1] or not least_squares_is_a_member():
        return Outcome.undecided(EXACT, f"C^2 = {values[0]} at sigma_f = 1 and at 2")
    return Outcome.proved(EXACT, f"rows {rows(X)}: C^2 = {values[0]} and {values[1]}")


_RHO_MIN = theory.cosine_at_the_minimum()

_EQ_4 = Claim(
    id="beck.eq-4",
    printed=Variant(
        "$\\rho_{min} = 1/\\sqrt{1 + (C/\\sigma_n)^2}$, with $C$ dependent on $\\sigma_f$ but not "
        "on $\\sigma_n$.",
        _Cosine(_RHO_MIN, positive=False),
    ),
    source="Beck et al. 2026, eq. 4 (= 34)",
    hypotheses=(
        "alpha > 0, lambda < 1, X of full column rank: there is one minimiser (beck.prop-6.1)",
        "sigma_n > 0",
        "dependent on sigma_f: C changes with sigma_f on some data",
    ),
    checks=(_is_the_cosine, _ratio_depends_on_the_signal_noise_alone),
    correction=Correction(
        Repair.HYPOTHESIS,
        Variant(
            "If $S_1 > 0$ at the minimum, $\\rho = 1/\\sqrt{1 + (C/\\sigma_n)^2}$ with "
            "$C = \\sigma_n \\|S_\\perp\\|/S_1$, which does not depend on $\\sigma_n$. (If "
            "$S_1 < 0$, as finite data with $\\sigma_f > 0$ allow, $\\rho$ is minus that.)",
            _Cosine(_RHO_MIN, positive=True),
        ),
    ),
    controls=(
        Variant("C sigma_n for C/sigma_n", _Cosine(1 / sqrt(1 + (ratio * sigma_n) ** 2), True)),
        Variant("without the square", _Cosine(1 / sqrt(1 + ratio / sigma_n), True)),
        Variant("without the root", _Cosine(1 / (1 + (ratio / sigma_n) ** 2), True)),
        Variant("the sine", _Cosine(_RHO_MIN * ratio / sigma_n, True)),
        Variant("C that depends on nothing", _Cosine(_RHO_MIN.subs(ratio, 1), True)),
    ),
    derivation=theory.cosine_derivation,
)


def _is_the_accuracy(formula: Expr) -> Outcome:
    """As derived, on the whole domain; and 1 in the limit sigma_f -> 0 at rho = 1."""
    domain = {mu_f: _POSITIVE, sigma_f: _POSITIVE, sigma_n: _POSITIVE, rho: Interval(-1, 1)}
    derived = theory.accuracy_derivation().steps[1].expression
    outcome = prove(Eq(derived, formula, evaluate=False), domain | {norm: _POSITIVE})
    if outcome.supported and limit(formula.subs(rho, 1), sigma_f, 0, "+") != 1:
        return Outcome.undecided("symbolic limit", "no limit 1 at rho = 1, sigma_f -> 0")
    return outcome


_SPREAD = rho**2 * sigma_f**2 + (1 - rho**2) * sigma_n**2

_EQ_5 = Claim(
    id="beck.eq-5",
    printed=Variant(
        "Gaussian data: the accuracy is $\\tfrac{1}{2}[1 + \\mathrm{erf}(\\rho\\mu_f/"
        "\\sqrt{2(\\rho^2\\sigma_f^2 + (1 - \\rho^2)\\sigma_n^2)})]$.",
        theory.accuracy(),
    ),
    source="Beck et al. 2026, eq. 5",
    hypotheses=("the variance is positive; at rho = 1, sigma_f = 0 as a limit",),
    checks=(_is_the_accuracy,),
    controls=(
        Variant("no 2 under the root", (1 + erf(rho * mu_f / sqrt(_SPREAD))) / 2),
        Variant(
            "the two deviations exchanged",
            theory.accuracy().subs({sigma_f: sigma_n, sigma_n: sigma_f}, simultaneous=True),
        ),
        Variant(
            "1 - rho for 1 - rho^2",
            (1 + erf(rho * mu_f / sqrt(2 * (rho**2 * sigma_f**2 + (1 - rho) * sigma_n**2)))) / 2,
        ),
        Variant("mu_f without rho", (1 + erf(mu_f / sqrt(2 * _SPREAD))) / 2),
    ),
    derivation=theory.accuracy_derivation,
)


# Small sigma_f: C and the training logits.

_XI, _ETA = Matrix([1, 1, -1, -1]), Matrix([-1, 0, -1, 1])


def _with_signal_noise(samples: int) -> Matrix:
    """Rows (1 + sigma_f xi_f, eta), with xi_f of mean 0 and variance 1 over all four."""
    return (ones(samples, 1) + sigma_f * _XI[:samples, 0]).row_join(_ETA[:samples, 0])


def _spurious_ratio(X: Matrix) -> Expr:
    """||w||/S_1 of the least-norm least-squares minimiser, squared, as a function of sigma_f."""
    if X.rows >= X.cols:
        weights = (X.T * X).adjugate() * (X.T * ones(X.rows, 1))
    else:
        weights = X.T * (X * X.T).adjugate() * ones(X.rows, 1)
    return factor((weights[1] / weights[0]) ** 2)


class _Growth(NamedTuple):
    """C ~ sigma_f^power as sigma_f -> 0, or equal to a multiple of it; with N >= d or without."""

    power: int
    exactly: bool
    determined: bool


def _grows_as_claimed(claim: _Growth) -> Outcome:
    for samples in (4, 1):
        if claim.determined and samples < 2:
            continue
        X = _with_signal_noise(samples)
        squared = factor(_spurious_ratio(X) / sigma_f ** (2 * claim.power))
        leading = limit(squared, sigma_f, 0, "+")
        shown = f"rows {rows(X)}: (C/sigma_f^{claim.power})^2 = {squared}"
        if leading in (0, oo):
            return Outcome.refuted(EXACT, "another power of sigma_f", f"{shown} -> {leading}")
        if claim.exactly and squared.has(sigma_f):
            return Outcome.refuted(EXACT, "not constant", shown)
        if claim.determined:
            slope = (X.subs(sigma_f, 0).pinv() * _XI[:samples, 0])[1]
            if leading != slope**2:
                return Outcome.undecided(EXACT, f"{leading} is not the regression's {slope**2}")
    if not claim.determined or claim.power != 1:
        return Outcome.undecided(EXACT, "neither proved nor refuted")
    return weights_follow_the_regression()


_C_LINEAR = Claim(
    id="beck.C-linear",
    printed=Variant(
        "$\\|S_\\perp\\|/S_1$ is linear in $\\sigma_f$ for small $\\sigma_f$.",
        _Growth(power=1, exactly=False, determined=True),
    ),
    source="Beck et al. 2026, App. E.5",
    hypotheses=(
        "the same xi for every sigma_f; X of full column rank, lambda < 1",
        "linear: to leading order",
        "l twice continuously differentiable near z* > 0, l''(z*) > 0",
        "the regression of xi_f on (1, noise) has noise coefficients (almost surely)",
        "not by machine: the minimiser is differentiable in sigma_f (implicit function theorem)",
    ),
    checks=(_grows_as_claimed,),
    controls=(
        Variant("proportional to sigma_f exactly", _Growth(1, exactly=True, determined=True)),
        Variant("quadratic in sigma_f", _Growth(2, exactly=False, determined=True)),
        Variant("constant", _Growth(0, exactly=False, determined=True)),
        Variant("also for lambda > 1", _Growth(1, exactly=False, determined=False)),
    ),
)

_OFF = Symbol("S_perp", nonnegative=True)


class _LogitVariance(NamedTuple):
    """The variance of test logits; whether training logits vary less for small sigma_f alone."""

    test: Expr
    small: bool


def _is_the_test_variance(claim: _LogitVariance) -> Outcome:
    given = claim.test.subs({signal_weight: rho * norm, _OFF: norm * sqrt(1 - rho**2)})
    _, variance = theory.logit_moments()
    domain = {norm: _POSITIVE, rho: Interval.open(-1, 1), sigma_f: _POSITIVE, sigma_n: _POSITIVE}
    above = variance - sigma_f**2 * (rho * norm) ** 2
    return all_of(
        (
            prove(Eq(variance.expand(), given.expand(), evaluate=False), domain),
            prove(Gt(factor(above), 0), domain),
        )
    )


def _training_logits_vary_less(claim: _LogitVariance) -> Outcome:
    """xi_f of sample variance 1: is the sample variance of the logits below sigma_f^2 S_1^2?

    For small sigma_f the logits are z* + sigma_f S_1 (I - P) xi_f, with ||(I - P) xi_f||^2 = n - p,
    n = ||xi_f||^2, and p = ||P xi_f||^2 at least m, the part along the ones.
    """
    X = _with_signal_noise(4)
    weights = (X.T * X).inv() * X.T * ones(4, 1)
    fitted = X * weights
    mean = sum(fitted) / 4
    variance = sum((fitted[i] - mean) ** 2 for i in range(4)) / 4
    relative = factor(variance / (sigma_f * weights[0]) ** 2)
    more = relative.subs(sigma_f, 2) > 1 and least_squares_is_a_member()
    if not claim.small and more:
        at_two = X.subs(sigma_f, 2)
        return Outcome.refuted(
            EXACT,
            "the training logits vary more",
            f"mu_f = 1, sigma_f = 2, rows {rows(at_two)}: least squares, a member of the "
            f"class, has S_1 = {weights[0].subs(sigma_f, 2)}; the logits' variance is "
            f"{relative.subs(sigma_f, 2)} times sigma_f^2 S_1^2",
        )
    projected = (_XI.T * X.subs(sigma_f, 0) * X.subs(sigma_f, 0).pinv() * _XI)[0]
    if not claim.small or limit(relative, sigma_f, 0, "+") != 1 - projected / 4:
        return Outcome.undecided(EXACT, f"{relative} does not tend to {1 - projected / 4}")
    n, p, m, q = (Symbol(name, nonnegative=True) for name in ("n", "p", "m", "q"))
    below = prove_implication([Eq(q + p, n), Gt(p, m)], Lt(q, n - m))
    return all_of((weights_follow_the_regression(), below))


_VARIANCE = sigma_f**2 * signal_weight**2 + sigma_n**2 * _OFF**2

_LOGIT_VARIANCE = Claim(
    id="beck.logit-variance",
    printed=Variant(
        "Test logits have variance $\\sigma_f^2 S_1^2 + \\sigma_n^2 \\|S_\\perp\\|^2$, above "
        "$\\sigma_f^2 S_1^2$; training logits lie below it.",
        _LogitVariance(_VARIANCE, small=False),
    ),
    source="Beck et al. 2026, App. E.1",
    hypotheses=(
        "alpha > 0, lambda < 1, X of full column rank, S_perp != 0",
        "the regression of xi_f on (1, noise) has noise coefficients (almost surely)",
        "not by machine: the minimiser is differentiable in sigma_f (implicit function theorem)",
        "sigma_f taken as the deviation of the sample's sigma_f xi_f",
    ),
    checks=(_is_the_test_variance, _training_logits_vary_less),
    correction=Correction(
        Repair.HYPOTHESIS,
        Variant(
            "Test logits have variance $\\sigma_f^2 S_1^2 + \\sigma_n^2 \\|S_\\perp\\|^2$, above "
            "$\\sigma_f^2 S_1^2$. For small enough $\\sigma_f$ and smooth $\\ell$ training logits "
            "lie below it: with $P$ the projector on the range of $X$ their variance is "
            "$\\sigma_f^2 S_1^2 \\|(I - P)\\xi_f\\|^2/N$ to leading order.",
            _LogitVariance(_VARIANCE, small=True),
        ),
    ),
    controls=(
        Variant("without squares on S", _LogitVariance(_VARIANCE.subs(_OFF, sqrt(_OFF)), True)),
        Variant(
            "the deviations exchanged",
            _LogitVariance(
                _VARIANCE.subs({sigma_f: sigma_n, sigma_n: sigma_f}, simultaneous=True), True
            ),
        ),
        Variant("the signal's part alone", _LogitVariance(sigma_f**2 * signal_weight**2, True)),
    ),
)

CLAIMS = (_EQ_4, _EQ_5, _C_LINEAR, _LOGIT_VARIANCE)

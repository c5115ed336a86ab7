"""Claims: the model of signal plus noise under logit regularisation (Beck et al. secs. 5, 6, App. E).

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
    Le,
    Lt,
    Matrix,
    MatrixSymbol,
    Or,
    Rational,
    Symbol,
    diag,
    erf,
    exp,
    factor,
    limit,
    log,
    ones,
    oo,
    simplify,
    sqrt,
)
from sympy.core.relational import Relational

from ...theory import signal_noise as theory
from ...theory.losses import per_sample_loss
from ...theory.penalties import CATALOGUE
from ...theory.signal_noise import (
    mu_f,
    norm,
    ratio,
    rho,
    sigma_f,
    sigma_n,
    signal_weight,
)
from ...theory.symbols import alpha, z
from ..checks import all_of
from ..claim import Claim, Correction, Repair, Variant
from ..evidence import Outcome
from ..prover import prove
from ..separation import EXACT, logits_are_equivariant, rows
from ..smt import prove_implication

__all__ = ["CLAIMS"]

_N = Symbol("N", integer=True, positive=True)
_d = Symbol("d", integer=True, positive=True)
_POSITIVE = Interval.open(0, oo)


# Perfect generalisation without signal noise.


class _Perfect(NamedTuple):
    """In N, d: when it generalises perfectly. Whether f has to be differentiable at 0."""

    condition: Relational
    differentiable: bool


def _signal_alone_gives_the_minimiser(claim: _Perfect) -> Outcome:
    """The least-norm solution of X S = z* 1 is along e_1 iff e_1 is in the row space of [1 | Xi].

    By rank([1 | Xi]; e_1) = 1 + rank(Xi), with rank(Xi) = min(N, d - 1), rank([1 | Xi]) = min(N, d)
    in general position, that is iff min(N + 1, d) = min(N, d).
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
                f"f = |z|, alpha = 1/2: the slopes of l at 0 are {left} and {right}, so that z* = 0",
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
    ),
    checks=(_signal_alone_gives_the_minimiser, _target_is_positive),
    correction=Correction(
        Repair.FORMULA,
        Variant(
            "Let $\\sigma_f = 0$, $\\alpha > 0$ and $f$ differentiable at 0, so that $z^* > 0$. The "
            "minimiser generalises perfectly if and only if $\\lambda \\leq 1$: at $N = d$ it is "
            "still $z^* e_1/\\mu_f$.",
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
    return all_of((strictly, logits_are_equivariant()))


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
        "f convex and not constant, alpha < 1",
    ),
    checks=(_accuracy_does_not_depend_on_the_noise,),
    controls=(
        Variant("alpha = 0 allowed", _GIVEN - {_ALPHA}),
        Variant("lambda > 1 allowed (least norm)", _GIVEN - {_LAMBDA}),
        Variant("dependent columns allowed (least norm)", _GIVEN - {_RANK}),
        Variant("sigma_n = 0 allowed", _GIVEN - {_SIGMA}),
    ),
)


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
        if X * weights == ones(3, 1) and simplify(true - given) != 0:
            return Outcome.refuted(
                EXACT,
                "S_1 < 0",
                f"sigma_n = 1, rows {rows(X)}: all logits are z* at S = z* {tuple(weights)}, so "
                f"that rho = {true}, not {given}",
            )
    relation = Eq(theory.cosine(first, w), claim.formula.subs(ratio, w / first), evaluate=False)
    domain = {first: _POSITIVE, w: _POSITIVE, sigma_n: _POSITIVE}
    return all_of((logits_are_equivariant(), prove(relation, domain)))


_RHO_MIN = theory.cosine_at_the_minimum()

_EQ_4 = Claim(
    id="beck.eq-4",
    printed=Variant(
        "$\\rho_{min} = 1/\\sqrt{1 + (C/\\sigma_n)^2}$, with $C$ dependent on $\\sigma_f$ but not on "
        "$\\sigma_n$.",
        _Cosine(_RHO_MIN, positive=False),
    ),
    source="Beck et al. 2026, eq. 4 (= 34)",
    hypotheses=("alpha > 0, lambda < 1, X of full column rank", "sigma_n > 0"),
    checks=(_is_the_cosine,),
    correction=Correction(
        Repair.HYPOTHESIS,
        Variant(
            "If $S_1 > 0$ at the minimum, $\\rho = 1/\\sqrt{1 + (C/\\sigma_n)^2}$ with "
            "$C = \\sigma_n \\|S_\\perp\\|/S_1$, which does not depend on $\\sigma_n$. (If $S_1 < 0$, "
            "which finite data with $\\sigma_f > 0$ allow, $\\rho$ is minus that.)",
            _Cosine(_RHO_MIN, positive=True),
        ),
    ),
    controls=(
        Variant("C sigma_n for C/sigma_n", _Cosine(1 / sqrt(1 + (ratio * sigma_n) ** 2), True)),
        Variant("without the square", _Cosine(1 / sqrt(1 + ratio / sigma_n), True)),
        Variant("without the root", _Cosine(1 / (1 + (ratio / sigma_n) ** 2), True)),
        Variant("the sine", _Cosine(_RHO_MIN * ratio / sigma_n, True)),
    ),
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
    if not theory.first_order_stationarity().doit().is_ZeroMatrix:
        return Outcome.undecided("matrix algebra", "the first-order weights are not stationary")
    return Outcome.proved(
        "implicit function, matrix algebra",
        "dS/dsigma_f = -S_1 (X^T X)^-1 X^T xi_f at sigma_f = 0, where S_perp = 0",
    )


_C_LINEAR = Claim(
    id="beck.C-linear",
    printed=Variant(
        "$\\|S_\\perp\\|/S_1$ is linear in $\\sigma_f$ for small $\\sigma_f$ (to leading order).",
        _Growth(power=1, exactly=False, determined=True),
    ),
    source="Beck et al. 2026, App. E.5",
    hypotheses=(
        "the same xi for every sigma_f; X of full column rank, lambda < 1",
        "l twice differentiable at z* > 0",
        "the regression of xi_f on (1, noise) has noise coefficients (almost surely)",
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
    if not claim.small and relative.subs(sigma_f, 2) >= 1:
        at_two = X.subs(sigma_f, 2)
        return Outcome.refuted(
            EXACT,
            "the training logits vary more",
            f"mu_f = 1, sigma_f = 2, rows {rows(at_two)}: least squares, a member of the class, has "
            f"S_1 = {weights[0].subs(sigma_f, 2)}; the logits' variance is "
            f"{relative.subs(sigma_f, 2)} times sigma_f^2 S_1^2",
        )
    projected = (_XI.T * X.subs(sigma_f, 0) * X.subs(sigma_f, 0).pinv() * _XI)[0]
    if limit(relative, sigma_f, 0, "+") != 1 - projected / 4:
        return Outcome.undecided(EXACT, f"{relative} does not tend to {1 - projected / 4}")
    n, p, m, q = (Symbol(name, nonnegative=True) for name in ("n", "p", "m", "q"))
    below = prove_implication([Eq(q + p, n), Gt(p, m)], Lt(q, n - m))
    return all_of((logits_are_equivariant(), below))


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
        "sigma_f taken as the deviation of the sample's sigma_f xi_f",
    ),
    checks=(_is_the_test_variance, _training_logits_vary_less),
    correction=Correction(
        Repair.HYPOTHESIS,
        Variant(
            "Test logits have variance $\\sigma_f^2 S_1^2 + \\sigma_n^2 \\|S_\\perp\\|^2$, above "
            "$\\sigma_f^2 S_1^2$. For small enough $\\sigma_f$ and smooth $\\ell$ training logits lie "
            "below it: with $P$ the projector on the range of $X$ their variance is "
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
            "matrix algebra", "(X S)^T (X S)/N = S^T (X^T X/N) S, N and d symbolic"
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
        "For linear models $\\alpha z^2$ is the Tikhonov penalty $\\alpha S^T \\hat\\Sigma S$, with "
        "$\\hat\\Sigma = N^{-1}\\sum x x^T$ not centred.",
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

CLAIMS = (_PROP_51, _PROP_61, _EQ_4, _EQ_5, _C_LINEAR, _LOGIT_VARIANCE, _TIKHONOV)

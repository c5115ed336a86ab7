"""Claims: label smoothing and the condition number at the minimiser (Guo et al., and a lead)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from sympy import (
    Abs,
    And,
    Eq,
    Expr,
    Integer,
    Interval,
    Matrix,
    Or,
    Rational,
    S,
    Symbol,
    diag,
    ones,
    oo,
)

from ...theory import neural_collapse as theory
from ...theory.neural_collapse import decay_strength as c
from ...theory.neural_collapse import delta, total_strength
from ...theory.symbols import K
from ..cases import prove_in_cases
from ..checks import all_of
from ..claim import Claim, Correction, Repair, Variant
from ..evidence import Grade, Outcome, Status
from ..local_convergence import descend
from ..prover import prove
from ..seeded_simulation import student_band
from ..smt import prove_implication
from ..witnesses import sign_at

__all__ = ["CLAIMS"]

_p = Symbol("p", positive=True)
_BELOW = "c + delta < 1"


def _same(left: Expr, right: Expr) -> Outcome:
    """Equality for K >= 2, p and c + delta in (0, 1) and any values of the other symbols."""
    unit = Interval.open(0, 1)
    domain = {K: Interval(2, oo), _p: unit, total_strength: unit}
    symbols = sorted((left.free_symbols | right.free_symbols) & set(domain), key=str)
    return prove(Eq(left, right, evaluate=False), {s: domain[s] for s in symbols})


class _Spectrum(NamedTuple):
    """Eigenvalues with multiplicities and vectors, the condition number, and the least K."""

    pairs: tuple[tuple[Expr, Expr, tuple[Expr, Expr, Expr]], ...]
    condition: Expr
    least_classes: int


def _pairs_are_eigenpairs(spectrum: _Spectrum) -> Outcome:
    """(diag(p) - p p^T) v = value v, at the true class and at two others.

    Multiplicities sum to K and the eigenvalues to the trace.
    """
    other = (1 - _p) / (K - 1)
    steps = []
    for value, _, (own, first, second) in spectrum.pairs:
        rest = (K - 1) * first if first == second else first + second
        mean = _p * own + other * rest
        for weight, entry in ((_p, own), (other, first), (other, second)):
            steps.append(_same(weight * (entry - mean), value * entry))
    total = sum((count for _, count, _ in spectrum.pairs), S.Zero)
    trace = sum((value * count for value, count, _ in spectrum.pairs), S.Zero)
    steps += [_same(total, K), _same(trace, 1 - _p**2 - (K - 1) * other**2)]
    return all_of(steps)


def _condition_number_is_the_ratio(spectrum: _Spectrum) -> Outcome:
    """Largest over smallest nonzero eigenvalue, p >= 1/K; at small K from an explicit matrix."""
    for count in range(spectrum.least_classes, 5):
        probability = Rational(count + 3, count + 4)
        others = [(1 - probability) / (count - 1)] * (count - 1)
        p = Matrix([probability, *others])
        values = [v for v in (diag(*p) - p * p.T).eigenvals() if v != 0]
        true, stated = (
            max(values) / min(values),
            spectrum.condition.subs({K: count, _p: probability}),
        )
        if true != stated:
            witness = f"K = {count}, p_c = {probability}: {true}, not {stated}"
            return Outcome.refuted("exact eigenvalues", "another condition number", witness)
    (_, _, _), (large, _, _), (small, _, _) = spectrum.pairs
    at_minimiser = spectrum.condition.subs(_p, theory.confidence())
    return all_of(
        (
            _same(large / small, spectrum.condition),
            prove_implication([K >= 2, _p >= 1 / K, _p < 1], large >= small),
            _same(at_minimiser, theory.condition_number()),
            prove_implication([K >= 2], at_minimiser.diff(total_strength) < 0),
        )
    )


_PAIRS = theory.hessian_eigenpairs()


_MANY, _NO_DECAY, _RANGE = "K > 2", "weight decay left out", "on the range of the Hessian"


def _smoothing_lowers_the_condition_number(given: frozenset[str]) -> Outcome:
    """Of the Hessian of one sample in its logits, and of the loss in W, H at the minimiser."""
    if _NO_DECAY not in given:
        few = {K: Integer(10)}
        with_decay = theory.regularised_condition_number
        before, after = Rational(1, 1000), Rational(101, 1000)
        values = [with_decay(_RANGE in given, t, before).subs(few) for t in (before, after)]
        if sign_at(values[1] - values[0], {}) > 0:
            shown = " < ".join(f"{v.evalf(6)}" for v in values)
            where = f"K = 10, c = 1/1000, delta = 0 and 1/10, loss with lambda_W ||W||^2/2: {shown}"
            return Outcome.refuted("ball arithmetic", "smoothing raises it", where, Grade.CERTIFIED)
    if _RANGE not in given:
        singular = (diag(*[Rational(1, 2)] * 2) - Rational(1, 4) * ones(2)).det()
        where = f"K = 2, p = (1/2, 1/2): determinant {singular}, with and without smoothing"
        return Outcome.refuted("exact eigenvalues", "no finite condition number", where)
    for name, classes, decay in ((_BELOW, 3, Rational(1)), (_MANY, 2, Rational(1, 10))):
        if name not in given:
            plain, smoothed = (_ratio(classes, decay + extra) for extra in (0, Rational(1, 10)))
            if smoothed >= plain:
                where = (
                    f"K = {classes}, c = {decay}: {plain} at delta = 0, {smoothed} at delta = 1/10"
                )
                return Outcome.refuted("exact eigenvalues", "not lower", where)
    return all_of((_of_one_sample(), _of_the_weights(), _rate_of_the_quadratic()))


def _ratio(classes: int, strength: Expr) -> Expr:
    """Of the extreme nonzero eigenvalues of one sample; from the threshold on p is uniform."""
    own = max(theory.confidence(strength).subs(K, classes), Rational(1, classes))
    p = Matrix([own, *[(1 - own) / (classes - 1)] * (classes - 1)])
    values = [v for v in (diag(*p) - p * p.T).eigenvals() if v != 0]
    return max(values) / min(values)


def _of_one_sample() -> Outcome:
    kappa = theory.condition_number(c + delta)
    return all_of(
        (
            _condition_number_is_the_ratio(_Spectrum(_PAIRS, K * _p, 3)),
            prove_implication([K >= 3, delta > 0], kappa < kappa.subs(delta, 0)),
            prove_implication([K >= 3, c + delta < 1, delta > 0], kappa > 1),
        )
    )


def _of_the_weights() -> Outcome:
    """The eigenvalues in W of theory.within_hessian; their ratio is that of one sample.

    On columns v with sum v = 0 the form of one sample is q ||v||^2 + r (1 - r) v_c^2; the diagonal
    of P diag(a) P is (1 - 2/K) a where sum a = 0, that of P is 1 - 1/K.
    """
    least, middle, largest = theory.within_hessian()
    q, r, own, rest = (Symbol(name, real=True) for name in ("q", "r", "v", "s"))
    form = (q + r) * own**2 + q * rest - ((q + r) * own - q * own) ** 2
    a, gap = Symbol("a", real=True), Symbol("g", positive=True)
    over_decay = theory.features_scale(gap) * least / (K * theory.weight_decay)
    return all_of(
        (
            _same(form, q * (own**2 + rest) + r * (1 - r) * own**2),
            _same(a - 2 * a / K, (1 - 2 / K) * a),
            _same(1 + (K - 1) + (K**2 - 3 * K + 1), (K - 1) ** 2),
            _same(largest / least, theory.condition_number()),
            _same(over_decay, gap * total_strength / (K * theory.decay_weights())),
            prove_implication(
                [K >= 3, total_strength > 0, total_strength < 1],
                And(least <= middle, middle <= largest),
            ),
        )
    )


def _rate_of_the_quadratic() -> Outcome:
    """The best constant step contracts by (kappa - 1)/(kappa + 1), which grows with kappa.

    A step eta multiplies the error along an eigenvector of eigenvalue h by 1 - eta h. At
    eta = 2/(m + M) that is at most (M - m)/(M + m) for every h in [m, M]; any other step does no
    better at h = m or at h = M.
    """
    x, y, v, h, eta = (Symbol(n, real=True) for n in ("kappa", "kappa_2", "v", "h", "eta"))
    least, most, kappa = (Symbol(n, positive=True) for n in ("m", "M", "kappa"))
    factor = (most - least) / (most + least)
    given = [least <= most]
    step = v - eta * (h * v**2 / 2).diff(v)
    return all_of(
        (
            _same(step, (1 - eta * h) * v),
            prove_in_cases(
                [*given, least <= h, h <= most, Eq(eta * (least + most), 2)],
                Abs(1 - eta * h) <= factor,
            ),
            prove_in_cases(
                given, Or(Abs(1 - eta * least) >= factor, Abs(1 - eta * most) >= factor)
            ),
            _same(factor.subs(most, kappa * least), (kappa - 1) / (kappa + 1)),
            prove_implication([x >= 1, y > x], (x - 1) / (x + 1) < (y - 1) / (y + 1)),
        )
    )


class _Setting(NamedTuple):
    """Classes, weight decay c, and smoothing delta, against the same without smoothing."""

    classes: int
    decay: float
    smoothing: float

    def strengths(self) -> tuple[float, float]:
        """From c + delta = 1 on the minimiser is that of c + delta = 1."""
        return min(1.0, self.decay), min(1.0, self.decay + self.smoothing)


_SETTINGS = (
    _Setting(2, 0.1, 0.2),
    _Setting(4, 1.0, 0.1),
    _Setting(3, 0.1, 0.1),
    _Setting(4, 0.4, 0.2),
    _Setting(10, 0.05, 0.1),
)
_OF_THE_SETTING: Mapping[str, Callable[[_Setting], bool]] = {
    _MANY: lambda s: s.classes > 2,
    _BELOW: lambda s: s.decay + s.smoothing < 1,
}
_METHOD, _OBSERVED = "gradient descent, 8 seeds", Grade.OBSERVED


def _descent_converges_faster(given: frozenset[str]) -> Outcome:
    """Gradient descent on the cross-entropy itself, in W: the steps to a millionth of the error."""
    if missing := sorted(_ALL - given - set(_OF_THE_SETTING)):
        return Outcome.undecided(_METHOD, f"no descent without: {missing}")
    told = []
    for setting in _SETTINGS:
        if not all(_OF_THE_SETTING[name](setting) for name in given & set(_OF_THE_SETTING)):
            continue
        plain, smoothed = (descend(setting.classes, s) for s in setting.strengths())
        saved = student_band(np.log(smoothed.steps / plain.steps))
        kappa = setting.classes - (setting.classes - 1) * setting.strengths()[1]
        error = np.abs(smoothed.factor - (kappa - 1) / (kappa + 1)).max()
        shown = f"K = {setting.classes}, c = {setting.decay}, delta = {setting.smoothing}: "
        shown += f"log of the ratio of the steps {saved}, factor per step within {error:.1g} of it"
        if saved.low >= 0 or error > 1e-3:
            return Outcome.refuted(_METHOD, "not faster, or by another factor", shown, _OBSERVED)
        if saved.high >= 0:
            return Outcome.undecided(_METHOD, shown)
        told.append(shown)
    return Outcome(Status.SUPPORTED, _METHOD, "; ".join(told), _OBSERVED)


_KAPPA = K * _p
_SPECTRUM = _Spectrum(_PAIRS, _KAPPA, 3)
_ALL = frozenset({_MANY, _NO_DECAY, _RANGE, _BELOW})

CLAIMS = (
    Claim(
        id="lead.hessian-spectrum",
        printed=Variant(
            "The per-sample Hessian $\\mathrm{diag}(p) - p p^T$ at the minimiser has the "
            "eigenvalues 0, $(1 - p_c)/(K - 1)$ ($K - 2$ times) and $K p_c (1 - p_c)/(K - 1)$; on "
            "the non-null space its condition number is $K p_c$ ($K > 2$), which falls with "
            "$\\delta$.",
            _SPECTRUM,
        ),
        source="lead: neural collapse",
        hypotheses=("K > 2", "p_c >= 1/K, and equal probabilities of the other classes"),
        checks=(_condition_number_is_the_ratio, _pairs_are_eigenpairs),
        controls=(
            Variant("K = 2 as well", _SPECTRUM._replace(least_classes=2)),
            Variant("condition number (K - 1) p_c", _SPECTRUM._replace(condition=(K - 1) * _p)),
            Variant(
                "condition number p_c (K - 1)/(1 - p_c)",
                _SPECTRUM._replace(condition=(K - 1) * _p / (1 - _p)),
            ),
            Variant(
                "largest eigenvalue p_c (1 - p_c)",
                _SPECTRUM._replace(pairs=(_PAIRS[0], (_p * (1 - _p), *_PAIRS[1][1:]), _PAIRS[2])),
            ),
            Variant(
                "smallest eigenvalue K - 1 times",
                _SPECTRUM._replace(
                    pairs=(*_PAIRS[:2], (_PAIRS[2][0], K - 1, _PAIRS[2][2])),
                ),
            ),
        ),
    ),
    Claim(
        id="guo.conditioning",
        printed=Variant(
            "The loss at the minimiser has a lower condition number under label smoothing than "
            "under cross-entropy, and so converges faster.",
            frozenset(),
        ),
        source="Guo et al. 2025, abstract",
        hypotheses=(
            "the unconstrained feature model at its minimiser",
            "delta > 0",
            "converges: gradient descent with the best constant step, close to the minimiser",
            "not by machine: that the loss there contracts as its quadratic part does, which is "
            "observed",
        ),
        checks=(_smoothing_lowers_the_condition_number, _descent_converges_faster),
        correction=Correction(
            Repair.HYPOTHESIS,
            Variant(
                "For $K > 2$ and $c + \\delta < 1$ the Hessian of the cross-entropy alone, without "
                "weight decay, on its range, in the logits of a sample as in $W$ at fixed $H$, has "
                "the condition number $K - (K - 1)(c + \\delta)$, which falls with $\\delta$; so "
                "does the contraction $(\\kappa - 1)/(\\kappa + 1)$ of gradient descent with the "
                "best step, on the quadratic part of the loss and, as observed, on the loss close "
                "to its minimiser. For $K = 2$ it is 1 with and without smoothing, and with the "
                "weight decay included smoothing can raise it.",
                _ALL,
            ),
        ),
        controls=tuple(
            Variant(f"without: {name}", _ALL - {name})
            for name in (_MANY, _NO_DECAY, _RANGE, _BELOW)
        ),
    ),
)

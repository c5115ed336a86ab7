"""Claims: label smoothing and the condition number at the minimiser (Guo et al., and a lead)."""

from __future__ import annotations

from typing import NamedTuple

from sympy import And, Eq, Expr, Gt, Integer, Interval, Matrix, Rational, S, Symbol, diag, ones, oo

from ...theory import neural_collapse as theory
from ...theory.neural_collapse import decay_strength as c
from ...theory.neural_collapse import delta, total_strength
from ...theory.symbols import K
from ..checks import all_of
from ..claim import Claim, Correction, Repair, Variant
from ..evidence import Outcome
from ..prover import prove
from ..smt import prove_implication

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
        higher = prove(Gt(values[1], values[0]), {})
        if higher.supported:
            shown = " < ".join(f"{v.evalf(6)}" for v in values)
            where = f"K = 10, c = 1/1000, delta = 0 and 1/10, loss with lambda_W ||W||^2/2: {shown}"
            return Outcome.refuted(higher.method, "smoothing raises it", where, higher.grade)
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
    return all_of((_of_one_sample(), _of_the_weights(), _rate_follows()))


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


def _rate_follows() -> Outcome:
    """Gradient descent on a quadratic with the best step contracts by (kappa - 1)/(kappa + 1)."""
    x, y = Symbol("kappa", real=True), Symbol("kappa_2", real=True)
    return prove_implication([x >= 1, y > x], (x - 1) / (x + 1) < (y - 1) / (y + 1))


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
        hypotheses=("the unconstrained feature model at its minimiser", "delta > 0"),
        checks=(_smoothing_lowers_the_condition_number,),
        correction=Correction(
            Repair.HYPOTHESIS,
            Variant(
                "For $K > 2$ and $c + \\delta < 1$ the Hessian of the cross-entropy alone, without "
                "weight decay, on its range, in the logits of a sample as in $W$ at fixed $H$, has "
                "the condition number $K - (K - 1)(c + \\delta)$, which falls with $\\delta$; so "
                "does the contraction $(\\kappa - 1)/(\\kappa + 1)$ of gradient descent with the "
                "best step. For $K = 2$ it is 1 with and without smoothing, and with the weight "
                "decay included smoothing can raise it.",
                _ALL,
            ),
        ),
        controls=tuple(
            Variant(f"without: {name}", _ALL - {name})
            for name in (_MANY, _NO_DECAY, _RANGE, _BELOW)
        ),
    ),
)

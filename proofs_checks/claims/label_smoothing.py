"""Claims: label smoothing is logit regularisation (Beck et al. sec. 3.1, App. B; the primer)."""

from __future__ import annotations

from typing import NamedTuple

from sympy import (
    Eq,
    Expr,
    Ge,
    Gt,
    Interval,
    Lt,
    Matrix,
    Ne,
    Rational,
    Sum,
    Symbol,
    cancel,
    cosh,
    exp,
    limit,
    log,
    oo,
)

from ...theory import label_smoothing as theory
from ...theory.label_smoothing import epsilon
from ...theory.losses import cross_entropy
from ...theory.symbols import K, k, logits, z
from ..checks import (
    Proposition,
    all_of,
    convex_in_the_logits,
    holds_on_its_domain,
    same_function_of_logits,
    symmetric_in_the_logits,
)
from ..claim import Claim, Correction, Repair, Variant
from ..evidence import Outcome
from ..smt import prove_implication

__all__ = ["CLAIMS"]

_DOMAIN = {z: Interval(-oo, oo), epsilon: Interval.open(0, Rational(1, 2))}
_F = log(2 + 2 * cosh(z))


class _Instance(NamedTuple):
    """A penalty f and the strength alpha(epsilon) at which it is to be label smoothing."""

    f: Expr
    alpha: Expr


def _is_label_smoothing(instance: _Instance) -> Outcome:
    relation = theory.instance_of_logit_regularisation(instance.f, instance.alpha)
    return holds_on_its_domain([Proposition(relation, _DOMAIN)])


def _some_strength_gives_label_smoothing(f: Expr) -> Outcome:
    """As z -> oo the smoothed loss grows like epsilon z and alpha f like alpha f'(oo) z.

    So alpha = epsilon/f'(oo) is the only strength that can do.
    """
    growth = limit(f.diff(z), z, oo)
    return _is_label_smoothing(_Instance(f, epsilon / growth))


def _twice_it_is_an_instance_up_to_a_factor(f: Expr) -> Outcome:
    """1/(1 - eps) of the smoothed loss is that of the penalty 2 f at alpha = eps/(1 - eps)."""
    factor, alpha = 1 - epsilon, epsilon / (1 - epsilon)
    of_cross_entropy, of_penalty = (cancel(factor * weight) for weight in (1 - alpha, alpha))
    scaled = of_cross_entropy * cross_entropy() + of_penalty * 2 * f
    relation = Eq(theory.smoothed_cross_entropy(), scaled, evaluate=False)
    return holds_on_its_domain([Proposition(relation, _DOMAIN)])


_MEAN = Sum(logits[k], (k, 1, K)) / K
_LOG_SUM_EXP = log(Sum(exp(logits[k]), (k, 1, K)))


class _MulticlassInstance(NamedTuple):
    targets: Expr
    f: Expr
    alpha: Expr


def _is_multiclass_label_smoothing(instance: _MulticlassInstance) -> Outcome:
    smoothed = theory.smoothed_multiclass_cross_entropy(instance.targets)
    cross = theory.multiclass_cross_entropy()
    return same_function_of_logits(
        (smoothed, (1 - instance.alpha) * cross + instance.alpha * instance.f)
    )


def _convex_and_symmetric(instance: _MulticlassInstance) -> Outcome:
    return all_of((convex_in_the_logits(instance.f), symmetric_in_the_logits(instance.f)))


_ONE_HOT = theory.smoothed_targets()


def _targets_are_a_distribution(off_target: Expr) -> Outcome:
    """The true class gets 1 - eps + off, each other class off: total 1, for every K and eps."""
    total = (1 - epsilon) + K * off_target
    domain = {epsilon: Interval.open(0, 1), K: Interval(2, oo)}
    return holds_on_its_domain(
        [
            Proposition(Eq(total, 1, evaluate=False), domain),
            Proposition(Ge(off_target, 0, evaluate=False), domain),
        ]
    )


class _Example(NamedTuple):
    epsilon: Rational
    label: tuple[int, ...]
    smoothed: tuple[Rational, ...]


def _example_follows_the_formula(example: _Example) -> Outcome:
    n = len(example.label)
    expected = Matrix([(1 - example.epsilon) * y + example.epsilon / n for y in example.label])
    shown = Matrix(example.smoothed)
    if expected == shown:
        return Outcome.proved("exact rationals", f"{list(expected)}")
    return Outcome.refuted(
        "exact rationals",
        "the formula gives other numbers",
        f"y' = {list(expected)}, not {list(shown)}",
    )


_target = Symbol("y", positive=True)


def _loss_has_a_finite_minimiser(smallest_target: Expr) -> Outcome:
    """-sum_k y'_k log p_k = log sum_k exp(z_k) - sum_k y'_k z_k, as sum_k y'_k = 1, for every K.

    Its slope in z_k is p_k - y'_k, which vanishes for all k at the finite logits log y'_k if all
    targets are positive; it is convex, strictly in the differences of the logits, so that this is
    the only minimiser up to a common level. Along the logit x of one class against the rest the
    loss is -y' log sigmoid(x) - (1 - y') log sigmoid(-x), of slope sigmoid(x) - y': with 0 < y' < 1
    it vanishes at x = log(y'/(1 - y')) and is increasing; with y' = 0 it is positive everywhere, so
    that the loss falls without end as x -> -oo.
    """
    sigmoid = 1 / (1 + exp(-z))
    line = {z: Interval(-oo, oo)}
    if smallest_target == 0:
        slope = holds_on_its_domain([Proposition(Gt(sigmoid, 0, evaluate=False), line)])
        if not slope.supported:
            return Outcome.undecided(slope.method, slope.detail)
        return Outcome.refuted(
            slope.method,
            "the slope sigmoid(x) never vanishes",
            "epsilon = 0: the loss of a one-hot label decreases strictly as the margin grows",
            slope.grade,
        )
    at_root = sigmoid.subs(z, log(_target / (1 - _target)))
    domain = {_target: Interval.open(0, 1)}
    of_the_targets = {epsilon: Interval.Lopen(0, 1), K: Interval(2, oo)}
    positive = holds_on_its_domain(
        [
            Proposition(Gt(smallest_target, 0, evaluate=False), of_the_targets),
            Proposition(Lt(smallest_target, 1, evaluate=False), of_the_targets),
            Proposition(Eq(at_root, _target, evaluate=False), domain),
            Proposition(Gt(sigmoid.diff(z), 0, evaluate=False), line),
        ]
    )
    return positive if positive.refutes else all_of((positive, *_stationary_at_the_log_targets()))


def _stationary_at_the_log_targets() -> tuple[Outcome, ...]:
    """p_k = y'_k at z_k = log y'_k, r being the sum of the other targets; and convexity."""
    rest, own = Symbol("r", positive=True), Symbol("z_k", real=True)
    others = exp(own) + Symbol("R", positive=True)
    probability = log(others).diff(own)
    at_targets = probability.subs(Symbol("R", positive=True), rest).subs(own, log(_target))
    p, q, v, w = (Symbol(name, real=True) for name in ("p", "q", "v", "w"))
    return (
        prove_implication([Eq(_target + rest, 1)], Eq(at_targets, _target)),
        convex_in_the_logits(_LOG_SUM_EXP),
        # The second derivative along v is the sum over pairs of classes of p_i p_j (v_i - v_j)^2.
        prove_implication([p > 0, q > 0, Ne(v, w)], p * q * (v - w) ** 2 > 0),
    )


CLAIMS = (
    Claim(
        id="beck.ls-main",
        printed=Variant(
            "Standard label smoothing is the instance $f(z) = \\log(2 + 2\\cosh z)$ of "
            "$\\ell = (1 - \\alpha) \\log(1 + e^{-z}) + \\alpha f(z)$.",
            _F,
        ),
        source="Beck et al. 2026, sec. 3.1",
        hypotheses=(
            "targets (1 - eps, eps) with 0 < eps < 1/2",
            "instance: the two losses are equal for some alpha, not up to a factor",
        ),
        checks=(_some_strength_gives_label_smoothing, _twice_it_is_an_instance_up_to_a_factor),
        correction=Correction(
            Repair.FORMULA,
            Variant(
                "Label smoothing with targets $(1 - \\epsilon, \\epsilon)$ is the instance "
                "$f(z) = \\tfrac{1}{2} \\log(2 + 2\\cosh z)$ with $\\alpha = 2\\epsilon$. (Up to "
                "the factor $1 - \\epsilon$ it is also that of $f(z) = \\log(2 + 2\\cosh z)$, with "
                "$\\alpha = \\epsilon/(1 - \\epsilon)$.)",
                _F / 2,
            ),
        ),
        controls=(
            Variant("f = log(2 + 2 cosh z)/3", _F / 3),
            Variant("f = log(1 + cosh z)", log(1 + cosh(z))),
            Variant("f = log(2 cosh z)/2", log(2 * cosh(z)) / 2),
        ),
        derivation=theory.binary_derivation,
    ),
    Claim(
        id="beck.ls-binary",
        printed=Variant(
            "With targets $(1 - \\epsilon, \\epsilon)$ the smoothed loss is "
            "$(1 - 2\\epsilon) \\ell_{CE}(t) + \\epsilon \\log(2 + 2\\cosh t)$, so that "
            "$f(t) = \\tfrac{1}{2} \\log(2 + 2\\cosh t)$ with $\\alpha = 2\\epsilon$.",
            _Instance(_F / 2, 2 * epsilon),
        ),
        source="Beck et al. 2026, App. B, eqs 10-12",
        hypotheses=("0 < eps < 1/2",),
        checks=(_is_label_smoothing,),
        controls=(
            Variant("alpha = eps", _Instance(_F / 2, epsilon)),
            Variant("f without the half", _Instance(_F, 2 * epsilon)),
            Variant("f = log(2 + cosh t)/2", _Instance(log(2 + cosh(z)) / 2, 2 * epsilon)),
            Variant("f with t/2 added (not even)", _Instance(_F / 2 + z / 2, 2 * epsilon)),
        ),
        derivation=theory.binary_derivation,
    ),
    Claim(
        id="beck.ls-multiclass",
        printed=Variant(
            "With targets $(1 - \\epsilon) y + \\epsilon/K$, label smoothing is "
            "$(1 - \\alpha) \\ell_{CE} + \\alpha f$ with "
            "$f(z) = \\log \\sum_k e^{z_k} - K^{-1} \\sum_k z_k$, convex and "
            "permutation-symmetric.",
            _MulticlassInstance(_ONE_HOT, _LOG_SUM_EXP - _MEAN, epsilon),
        ),
        source="Beck et al. 2026, eqs 7, 13, 14",
        hypotheses=("0 < eps < 1",),
        checks=(_is_multiclass_label_smoothing, _convex_and_symmetric),
        controls=(
            Variant(
                "alpha = 2 eps", _MulticlassInstance(_ONE_HOT, _LOG_SUM_EXP - _MEAN, 2 * epsilon)
            ),
            Variant(
                "off-target mass eps/(K - 1)",
                _MulticlassInstance(
                    theory.smoothed_targets(epsilon / (K - 1)), _LOG_SUM_EXP - _MEAN, epsilon
                ),
            ),
            Variant(
                "f without the mean of the logits",
                _MulticlassInstance(_ONE_HOT, _LOG_SUM_EXP, epsilon),
            ),
            Variant(
                "f with the sum of the logits for their mean",
                _MulticlassInstance(_ONE_HOT, _LOG_SUM_EXP - K * _MEAN, epsilon),
            ),
        ),
        derivation=theory.multiclass_derivation,
    ),
    Claim(
        id="primer.ls-formula",
        printed=Variant(
            "Smoothing replaces the one-hot target $y$ by "
            "$y'_i = (1 - \\epsilon) y_i + \\epsilon/N$ for $N$ classes.",
            epsilon / K,
        ),
        source="Chadha 2020, Label smoothing",
        hypotheses=("0 < eps < 1", "N >= 2 classes", "y' is to be a distribution, as y is"),
        checks=(_targets_are_a_distribution,),
        controls=(
            Variant("off-target mass eps/(N - 1)", epsilon / (K - 1)),
            Variant("off-target mass eps", epsilon),
            Variant("off-target mass (1 - eps)/N", (1 - epsilon) / K),
        ),
    ),
    Claim(
        id="primer.ls-example",
        printed=Variant(
            "For $\\epsilon = 0.1$ and $N = 3$, $[1, 0, 0]$ becomes $[0.9, 0.05, 0.05]$.",
            _Example(
                Rational(1, 10),
                (1, 0, 0),
                (Rational(9, 10), Rational(1, 20), Rational(1, 20)),
            ),
        ),
        source="Chadha 2020, Label smoothing",
        hypotheses=("the formula of primer.ls-formula",),
        checks=(_example_follows_the_formula,),
        correction=Correction(
            Repair.FORMULA,
            Variant(
                "For $\\epsilon = 0.1$ and $N = 3$, $[1, 0, 0]$ becomes "
                "$[14/15, 1/30, 1/30] \\approx [0.933, 0.033, 0.033]$; the printed numbers "
                "are those of off-target mass $\\epsilon/(N - 1)$.",
                _Example(
                    Rational(1, 10),
                    (1, 0, 0),
                    (Rational(14, 15), Rational(1, 30), Rational(1, 30)),
                ),
            ),
        ),
        controls=(
            Variant(
                "the true class keeps 1",
                _Example(
                    Rational(1, 10), (1, 0, 0), (Rational(1), Rational(1, 30), Rational(1, 30))
                ),
            ),
            Variant(
                "eps = 0.15 for the same numbers",
                _Example(
                    Rational(3, 20), (1, 0, 0), (Rational(14, 15), Rational(1, 30), Rational(1, 30))
                ),
            ),
            Variant(
                "the label of another class",
                _Example(
                    Rational(1, 10), (0, 1, 0), (Rational(14, 15), Rational(1, 30), Rational(1, 30))
                ),
            ),
        ),
    ),
    Claim(
        id="primer.ls-loss",
        printed=Variant(
            "The loss $-\\sum_i y'_i \\log \\hat y_i$ prevents over-confidence "
            "(its minimiser is finite).",
            epsilon / K,
        ),
        source="Chadha 2020, Label smoothing",
        hypotheses=(
            "0 < eps <= 1, so that every y'_i > 0",
            "N >= 2 classes; logits up to their common level",
        ),
        checks=(_loss_has_a_finite_minimiser,),
        controls=(
            Variant("no smoothing: eps = 0", Rational(0)),
            Variant("a negative target -eps/N", -epsilon / K),
            Variant("smoothing that empties a class: y' = eps - 1/2", epsilon - Rational(1, 2)),
        ),
    ),
)

"""Claims: training without logit regularisation at large sigma_n (Beck et al. sec. 6.2, App. E).

Data are given at sigma_n = 1 as rows (x_1, xi); weights as (S_1, w) with S_perp = w/sigma_n.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from sympy import Matrix, Rational, erf, limit, ones, sqrt

from ...theory import separability as theory
from ...theory.signal_noise import least_norm_weights, sigma_n
from ..checks import all_of
from ..claim import Claim, Correction, Repair, Variant
from ..evidence import Grade, Outcome
from ..lemmas import lemmas_hold
from ..separation import EXACT, HALF, is_separable, random_labels_turn_separable_at, rows
from ..signal_noise import least_squares_is_a_member, logits_are_equivariant
from ..witnesses import sign_at

__all__ = ["CLAIMS"]

_NOISE = "noise separable"

_SIGNAL = "S_1 > 0 at the regularised minimiser"
_DATA = (
    Matrix([[1, 1], [1, -1], [3, 1], [3, 1], [3, 1]]),
    Matrix([[1, 2], [2, 3], [3, 4]]),
    Matrix([[1, 1], [1, 2], [1, 3]]),
)


def _max_margin_is_along_the_signal(X: Matrix) -> bool:
    """For every sigma_n: the samples of least x_1 > 0 have noise that is not separable.

    Some a >= 0 on these samples has sum a_i xi_i = 0, so that e_1/min x_1 is a combination of
    samples at the margin with weights a_i >= 0: the condition of Karush, Kuhn and Tucker.
    """
    least = min(X[:, 0])
    nearest = [i for i in range(X.rows) if X[i, 0] == least]
    return bool(least > 0) and not is_separable(X[nearest, 1:])


def _signal_is_best(X: Matrix, weights: Matrix) -> bool:
    """Max margin is along e_1 at every sigma_n, and these weights of least squares are not."""
    return (
        _max_margin_is_along_the_signal(X) and any(weights[1:, 0]) and least_squares_is_a_member()
    )


def _regularisation_wins_at_large_noise(hypotheses: frozenset[str]) -> Outcome:
    for X in _DATA:
        weights, noise_separable = least_norm_weights(X), is_separable(X[:, 1:])
        if _SIGNAL in hypotheses and not weights[0] > 0:
            continue
        if noise_separable and not weights[0] > 0:
            witness = (
                f"rows {rows(X)}: all logits are z* at S = z* {tuple(weights)}, of accuracy < 1/2 "
                "at every sigma_n, while max margin tends to 1/2"
            )
        elif _NOISE not in hypotheses and _signal_is_best(X, weights):
            witness = (
                f"rows {rows(X)}: max margin is along e_1 at every sigma_n, the best accuracy "
                f"there is; least squares, a member of the class, has w/S_1 = "
                f"{tuple(weights[1:, 0] / weights[0])}"
            )
        else:
            continue
        return Outcome.refuted(EXACT, "alpha = 0 is better at every large sigma_n", witness)
    if not hypotheses >= {_NOISE, _SIGNAL}:
        return Outcome.undecided(EXACT, "neither proved nor refuted")
    lemmas = (*theory.vanishing_signal_lemmas(), *theory.regularisation_wins_lemmas())
    return all_of((logits_are_equivariant(), lemmas_hold(lemmas)))


_PHASE = Claim(
    id="beck.phase",
    printed=Variant(
        "There is a $\\sigma_n$ above which logit regularisation ($\\alpha = 0.4$) beats "
        "$\\alpha = 0$ (drawn for $\\lambda = 0.7$ and $\\lambda = 0.4$).",
        frozenset(),
    ),
    source="Beck et al. 2026, sec. 6.2, App. E.2",
    hypotheses=(
        "lambda < 1, X of full column rank",
        "alpha = 0: the max-margin direction",
        "Gaussian noise: accuracy is Phi of mean over deviation of the test logit",
    ),
    checks=(_regularisation_wins_at_large_noise,),
    correction=Correction(
        Repair.HYPOTHESIS,
        Variant(
            "If the noise vectors are separable (Gaussian noise and $\\lambda > 1/2$: with a "
            "probability tending to 1) and $S_1 > 0$ at the regularised minimiser, there is a "
            "$\\sigma_n$ above which logit regularisation, at any $\\alpha$, beats "
            "$\\alpha = 0$.",
            frozenset({_NOISE, _SIGNAL}),
        ),
    ),
    controls=(
        Variant("noise separable, S_1 of either sign", frozenset({_NOISE})),
        Variant("S_1 > 0, noise not separable", frozenset({_SIGNAL})),
        Variant("lambda < 1 alone", frozenset({"lambda < 1"})),
    ),
)


class _Saturation(NamedTuple):
    """Below the threshold these vectors are mostly inseparable; what alpha = 0 tends to."""

    vectors: Literal["data", "noise"]
    threshold: Rational
    below: Literal["constant", "half"]
    above: Literal["constant", "half"]


def _mostly_inseparable_below(claim: _Saturation) -> Outcome:
    if claim.vectors == "noise":
        return random_labels_turn_separable_at(claim.threshold, lost=1)
    notes = []
    for spread in (Rational(1, 2), Rational(4, 5)):
        # At N = 5, d = 2 (lambda = 0.4): e_1 separates where all five x_1 are positive.
        chance = ((1 + erf(1 / (spread * sqrt(2)))) / 2) ** 5
        if sign_at(chance - HALF, {}) <= 0:
            return Outcome.undecided("Arb balls", f"P(all x_1 > 0) = {chance}")
        notes.append(f"sigma_f = {spread}: {float(chance):.4f}")
    return Outcome.refuted(
        "Arb balls",
        "separable with a probability above 1/2",
        "lambda = 0.4, N = 5, d = 2, mu_f = 1: P(all x_1 > 0), so that e_1 separates, is at least "
        + ", ".join(notes),
        Grade.CERTIFIED,
    )


def _tends_as_sigma_n_grows(claim: _Saturation) -> Outcome:
    along, _, spurious = _DATA
    if claim.below == "half" and _max_margin_is_along_the_signal(along):
        return Outcome.refuted(
            EXACT,
            "the accuracy does not fall",
            f"lambda = 2/5, rows {rows(along)}: max margin is e_1 at every sigma_n",
        )
    if claim.above == "constant":
        weights = Matrix([1, sigma_n**2]) / (1 + sigma_n**2)
        margins = (spurious * weights - ones(3, 1)).applyfunc(lambda entry: entry.simplify())
        # One support vector (1, sigma_n): the weights are parallel to it in its own coordinates.
        if margins[0] == 0 and all(entry.is_positive for entry in margins[1:]):
            return Outcome.refuted(
                EXACT,
                "the accuracy falls to 1/2",
                f"lambda = 2/3, rows {rows(spurious)}: max margin has S_1/w = "
                f"{weights[0] / weights[1]}",
            )
    return all_of(
        (
            logits_are_equivariant(),
            lemmas_hold((*theory.saturation_lemmas(), *theory.vanishing_signal_lemmas())),
        )
    )


_NONSEPARABLE = Claim(
    id="beck.nonseparable",
    printed=Variant(
        "For $\\lambda < 1/2$ (drawn: $\\lambda = 0.4$, $\\sigma_f \\in \\{0.5, 0.8\\}$) the data "
        "is generally not linearly separable; there the accuracy at $\\alpha = 0$ saturates at a "
        "constant as $\\sigma_n$ grows, while for $\\lambda > 1/2$ it decays to 1/2.",
        _Saturation("data", HALF, "constant", "half"),
    ),
    source="Beck et al. 2026, App. E.2",
    hypotheses=(
        "mu_f = 1",
        "generally: with a probability of at least 1/2, at every N",
        "alpha = 0: the max-margin direction, or the minimiser if there is one",
        "not by machine: the projection of points in general position along one of them is so "
        "too; S_1^2 and ||w||^2, monotone and bounded, converge",
        "not by machine: data that are not separable have one minimiser",
    ),
    checks=(_mostly_inseparable_below, _tends_as_sigma_n_grows),
    correction=Correction(
        Repair.FORMULA,
        Variant(
            "What decides is whether the noise vectors are separable, data aside: with a "
            "probability tending to 1 they are not for $\\lambda < 1/2$, and are for "
            "$\\lambda > 1/2$. If they are not, the accuracy at $\\alpha = 0$ tends to a constant "
            "other than 1/2 where the data are separable, and does not depend on $\\sigma_n$ at "
            "all where they are not; if they are, it decays to 1/2. (The data drawn are separable: "
            "see lead.separability-threshold.)",
            _Saturation("noise", HALF, "constant", "half"),
        ),
    ),
    controls=(
        Variant("noise, below 1/3", _Saturation("noise", Rational(1, 3), "constant", "half")),
        Variant("noise, below 2/3", _Saturation("noise", Rational(2, 3), "constant", "half")),
        Variant("decays on both sides", _Saturation("noise", HALF, "half", "half")),
        Variant("saturates on both sides", _Saturation("noise", HALF, "constant", "constant")),
    ),
)


# Weight decay.


class _Decay(NamedTuple):
    """(gamma/2)(S_1^2 + ||w||^2/sigma_n^power), w = S_perp at sigma_n = 1; the noise's mean."""

    positive: bool
    power: int
    noise_has_mean: bool


def _has_no_perfect_minimiser(decay: _Decay) -> Outcome:
    return lemmas_hold(theory.weight_decay_lemmas(noise_has_mean=decay.noise_has_mean))


def _depends_on_the_noise(decay: _Decay) -> Outcome:
    weight = theory.decayed_noise_weight(decay.power)
    if not (decay.positive and weight.has(sigma_n)):
        return Outcome.refuted(
            "matrix algebra",
            "the loss is the same function of (S_1, w) for every sigma_n",
            f"power {decay.power}: sigma_n = 1 and sigma_n = 2 have the same minimiser (S_1, w)",
        )
    if limit(weight, sigma_n, 0, "+") == 0:
        return Outcome.proved("symbolic limit", f"||w|| = {weight} -> 0, and is not 0")
    return Outcome.undecided("symbolic limit", f"||w|| = {weight}")


_WEIGHT_DECAY = Claim(
    id="beck.weight-decay",
    printed=Variant(
        "With $\\sum \\log(1 + e^{-z}) + (\\gamma/2)\\|S\\|^2$ neither the threshold shift nor the "
        "$\\sigma_n$ invariance occurs.",
        _Decay(positive=True, power=2, noise_has_mean=True),
    ),
    source="Beck et al. 2026, App. E.4",
    hypotheses=(
        "gamma > 0",
        "sum xi_i != 0 and, with the weights a_i of sigma_n = 0, sum a_i xi_i != 0 (Gaussian "
        "noise: almost surely)",
        "not by machine: sum a_i xi_i is bounded, and S_1 does not vanish as sigma_n -> 0",
    ),
    checks=(_has_no_perfect_minimiser, _depends_on_the_noise),
    controls=(
        Variant("no weight decay", _Decay(positive=False, power=2, noise_has_mean=True)),
        Variant("decay in units of the noise", _Decay(positive=True, power=0, noise_has_mean=True)),
        Variant("noise that sums to zero", _Decay(positive=True, power=2, noise_has_mean=False)),
    ),
)

CLAIMS = (_PHASE, _NONSEPARABLE, _WEIGHT_DECAY)

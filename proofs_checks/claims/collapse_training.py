"""Claims: what label smoothing does to training and to calibration (Guo et al.)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from sympy import Eq, Gt, Interval, Lt, Rational, S, Symbol, log
from sympy.logic.boolalg import Boolean

from ...theory import neural_collapse as theory
from ...theory.neural_collapse import decay_strength as c
from ...theory.neural_collapse import delta
from ...theory.symbols import K
from ..checks import all_of
from ..claim import Claim, Correction, Repair, Variant
from ..dynamics import Array, Collapse, collapse, first_reached
from ..evidence import Grade, Outcome, Status
from ..prover import prove
from ..seeded_simulation import student_band
from ..smt import prove_implication

__all__ = ["CLAIMS"]

_accuracy = Symbol("a", positive=True)
_over = theory.calibration_gap(c, _accuracy)


class _Calibration(NamedTuple):
    """Whether the classifier is the collapsed one, and the hypothesis on its over-confidence."""

    collapsed: bool
    hypothesis: Boolean


def _improves_calibration(statement: _Calibration) -> Outcome:
    """The distance of confidence from accuracy falls, at the classifiers that are spoken of."""
    if not statement.collapsed:
        return _at_the_population_minimiser()
    given = [delta > 0, c > 0, c + delta < 1, _accuracy <= 1, statement.hypothesis]
    after = theory.calibration_gap(c + delta, _accuracy)
    narrower = Lt(after**2, _over**2)
    at_two = prove_implication([h.subs(K, 2) for h in given], narrower.subs(K, 2))
    return at_two if at_two.refutes else prove_implication([K >= 2, *given], narrower)


def _at_the_population_minimiser() -> Outcome:
    """Smoothing has the minimiser (1 - delta) eta + delta/K, cross-entropy the posterior eta."""
    eta, p, level = Rational(3, 4), Symbol("p", positive=True), Symbol("delta", positive=True)
    target = (1 - level) * eta + level / 2
    unit = Interval.open(0, 1)
    loss = -target * log(p) - (1 - target) * log(1 - p)
    slope = Eq(loss.diff(p), (p - target) / (p * (1 - p)), evaluate=False)
    at = target.subs(level, Rational(1, 10))
    if not prove(slope, {p: unit, level: unit}).supported or at == eta:
        return Outcome.undecided("exact population minimiser", "the slope is not as expected")
    where = f"K = 2, posterior {eta}, delta = 1/10: predicts {at}, without smoothing {eta}"
    return Outcome.refuted("exact population minimiser", "smoothing is miscalibrated", where)


_SETTINGS = ((5e-3, 5e-3), (5e-3, 5e-4), (1e-3, 1e-4))
_METHOD = "simulation, 16 seeds"


class _Race(NamedTuple):
    """What is compared with and without smoothing: metrics of collapse, at levels of NC1."""

    metrics: tuple[Callable[[Collapse], Array], ...]
    levels: tuple[float, ...]
    smoothing: float = 0.1


@cache
def _trained(smoothing: float, weight_decay: float, feature_decay: float) -> Collapse:
    return collapse(smoothing, weight_decay, feature_decay, seeds=16)


def _within(run: Collapse) -> Array:
    return run.within


def _weights(run: Collapse) -> Array:
    return run.weights


def _means(run: Collapse) -> Array:
    return run.means


def _observed(difference: Array, what: str) -> Outcome:
    """Supported if the mean lies below zero with its interval, refuted if it lies above."""
    if not np.isfinite(difference).all():
        return Outcome.undecided(_METHOD, f"{what}: not reached in every run")
    interval = student_band(difference)
    if interval.high < 0:
        return Outcome(Status.SUPPORTED, _METHOD, f"{what}: {interval}", Grade.OBSERVED)
    if interval.low > 0:
        witness = f"{what}: {interval}, 95 %"
        return Outcome.refuted(_METHOD, "the opposite is seen", witness, Grade.OBSERVED)
    return Outcome.undecided(_METHOD, f"{what}: {interval} holds zero")


def _pairs(race: _Race) -> list[tuple[str, Collapse, Collapse]]:
    found = []
    for decays in _SETTINGS:
        where = f"K = 4, n = 5, d = 8, decays {decays[0]:g} and {decays[1]:g}"
        where += f", delta = {race.smoothing:g} against 0"
        found.append((where, _trained(0.0, *decays), _trained(race.smoothing, *decays)))
    return found


def _reaches_sooner(race: _Race) -> Outcome:
    """The logarithm of the ratio of the epochs at which all the metrics are below the level."""
    outcomes = []
    for where, plain, smoothed in _pairs(race):
        for level in race.levels:
            epochs = [
                first_reached(run.epochs, np.max([m(run) for m in race.metrics], axis=0), level)
                for run in (plain, smoothed)
            ]
            what = f"{where}: log of the ratio of the epochs to level {level:g}"
            outcomes.append(_observed(np.log(epochs[1] / epochs[0]), what))
    return all_of(outcomes)


def _is_stronger_at_the_end(race: _Race) -> Outcome:
    """The logarithm of the ratio of the metrics after 1000 epochs."""
    outcomes = []
    for where, plain, smoothed in _pairs(race):
        row = int(np.searchsorted(plain.epochs, 1000))
        for metric in race.metrics:
            ratio = np.log(metric(smoothed)[row] / metric(plain)[row])
            name = metric.__name__.strip("_")
            outcomes.append(_observed(ratio, f"{where}: log ratio of {name} at epoch 1000"))
    return all_of(outcomes)


def _is_stronger_at_equal_within(race: _Race) -> Outcome:
    """The logarithm of the ratio of the metrics where NC1 first falls to the level."""
    outcomes = []
    for where, plain, smoothed in _pairs(race):
        for level in race.levels:
            for metric in race.metrics:
                values = [_where_reached(run, metric, level) for run in (plain, smoothed)]
                name = metric.__name__.strip("_")
                what = f"{where}: log ratio of NC2 of the {name} at NC1 = {level:g}"
                outcomes.append(_observed(np.log(values[1] / values[0]), what))
    return all_of(outcomes)


def _where_reached(run: Collapse, metric: Callable[[Collapse], Array], level: float) -> Array:
    epochs = first_reached(run.epochs, run.within, level)
    rows = np.searchsorted(run.epochs, np.nan_to_num(epochs))
    values = metric(run)[rows, np.arange(rows.size)]
    return np.where(np.isfinite(epochs), values, np.nan)


_EVERY_METRIC = _Race((_within, _weights, _means), (0.1,))
_ONLY_WITHIN = _Race((_within,), (0.03, 0.01))
_ALL_LEVELS = _Race((_weights, _means), (0.1, 0.01))
_EARLY = _Race((_weights, _means), (0.1,))
_MODEL = ("the unconstrained feature model, gradient descent from small random factors",)

CLAIMS = (
    Claim(
        id="guo.faster",
        printed=Variant(
            "Under label smoothing training reaches collapse faster, and a stronger level of it.",
            _EVERY_METRIC,
        ),
        source="Guo et al. 2025, abstract",
        hypotheses=_MODEL,
        checks=(_reaches_sooner, _is_stronger_at_the_end),
        correction=Correction(
            Repair.HYPOTHESIS,
            Variant(
                "In the model it does if collapse is measured by NC1. NC2 of the weights can be "
                "weaker at the same epoch; and at the minimiser itself NC1, NC2 and NC3 are exact "
                "with and without smoothing.",
                _ONLY_WITHIN,
            ),
        ),
        controls=(
            Variant("NC2 of the weights alone", _Race((_weights,), (0.1,))),
            Variant("NC2 of the weights, at level 0.05", _Race((_weights,), (0.05,))),
            Variant("negative smoothing", _ONLY_WITHIN._replace(smoothing=-0.05)),
        ),
    ),
    Claim(
        id="guo.nc2-at-nc1",
        printed=Variant(
            "At the same level of NC1, label smoothing shows a stronger NC2.", _ALL_LEVELS
        ),
        source="Guo et al. 2025, abstract",
        hypotheses=_MODEL,
        checks=(_is_stronger_at_equal_within,),
        correction=Correction(
            Repair.HYPOTHESIS,
            Variant(
                "In the model it does early in training, at NC1 = 0.1; later NC1 falls faster than "
                "NC2 under smoothing, and at NC1 = 0.01 its NC2 of the weights is the weaker one.",
                _EARLY,
            ),
        ),
        controls=(
            Variant("at NC1 = 0.01, NC2 of the weights", _Race((_weights,), (0.01,))),
            Variant("at NC1 = 0.003, NC2 of the weights", _Race((_weights,), (0.003,))),
            Variant("negative smoothing, early", _EARLY._replace(smoothing=-0.1)),
        ),
    ),
    Claim(
        id="guo.calibration",
        printed=Variant("Label smoothing improves calibration.", _Calibration(False, S.true)),
        source="Guo et al. 2025, abstract",
        hypotheses=("0 < delta < 1",),
        checks=(_improves_calibration,),
        correction=Correction(
            Repair.HYPOTHESIS,
            Variant(
                "At a collapsed classifier whose test points bear the confidence of the minimiser, "
                "$p = 1 - (K - 1)(c + \\delta)/K$, it narrows the gap to the test accuracy $a$ if "
                "the confidence without smoothing exceeds $a$ by more than $(K - 1)\\delta/(2K)$. "
                "Where cross-entropy is minimised over the population it is calibrated and "
                "smoothing is not.",
                _Calibration(True, Gt(_over, (K - 1) * delta / (2 * K))),
            ),
        ),
        controls=(
            Variant("any collapsed classifier", _Calibration(True, S.true)),
            Variant("any over-confident one", _Calibration(True, Gt(_over, 0))),
            Variant(
                "over-confident by (K - 1) delta/(4 K)",
                _Calibration(True, Gt(_over, (K - 1) * delta / (4 * K))),
            ),
            Variant("the under-confident ones", _Calibration(True, Lt(_over, 0))),
        ),
    ),
)

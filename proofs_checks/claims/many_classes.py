"""Claims: generalisation of softmax regression with many classes (Beck et al.)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import NamedTuple

import numpy as np
from sympy import Eq, Expr, Matrix, Rational, S, Symbol, ones, symbols, zeros

from ...theory import fisher as theory
from ...theory.symbols import K
from ..checks import all_of
from ..claim import Claim, Correction, Repair, Variant
from ..dynamics import Curves, first_reached, training_curves
from ..evidence import Grade, Outcome, Status
from ..matrix_identities import vanishes
from ..seeded_simulation import student_band
from ..smt import prove_implication
from ..two_class_fits import (
    SMOOTHED_GAP,
    Fit,
    Penalised,
    strictly_convex_in_the_differences,
)

__all__ = ["CLAIMS"]

_HALF = Rational(1, 2)
_SMOOTH = Penalised(_HALF)
_A = "alpha > 0"
_CLEAN = "no noise along the signal"
_MANY = "N > d"
_AFFINE = "class means affinely independent"
_BIAS = "a bias"
_GAP = "the targets of the classes differ"
_PRESENT = "every class among the samples"


class _Trial(NamedTuple):
    """A fit and a test point of class 1 or 2."""

    fit: Fit
    point: Matrix
    label: int

    def broken(self) -> str | None:
        """How perfect generalisation fails, or None."""
        if not self.fit.penalty.attracts() and self.fit.is_separated():
            return f"{self.fit.name}: no minimiser, the loss falls as separating weights grow"
        if self.fit.is_minimised() and self.fit.is_wrong(self.point, self.label):
            where = f"u = {list(self.fit.weights)}, beta = {self.fit.bias}"
            return f"{self.fit.name}: {where} is a minimiser, wrong at x = {list(self.point)}"
        return None


_FACTS: Mapping[str, Callable[[_Trial], bool]] = {
    _A: lambda t: bool(t.fit.penalty.alpha > 0),
    _CLEAN: lambda t: (
        not t.fit.signal_noise_in(t.fit.samples, t.fit.classes)
        and not t.fit.signal_noise_in(t.point, (t.label,))
    ),
    _MANY: lambda t: t.fit.size > t.fit.features,
    _AFFINE: lambda t: theory.signal_differences(t.fit.means).rank() == t.fit.means.cols - 1,
    _BIAS: lambda t: t.fit.has_bias,
    _GAP: lambda t: not t.fit.penalty.gap_vanishes(),
    _PRESENT: lambda t: set(t.fit.classes) == {1, 2},
}


def _line(name: str, means: str, samples: str, classes: str, penalty: Penalised = _SMOOTH) -> Fit:
    """One feature; the fit of zero weights."""
    rows = [Matrix([[Rational(v) for v in text.split()]]) for text in (means, samples)]
    labels = tuple(map(int, classes.split()))
    return Fit(name, rows[0], rows[1], labels, penalty, zeros(1, 1))


def _with(fit: Fit, weights: Matrix, bias: Expr = S.Zero, *, has_bias: bool = True) -> Fit:
    given = (fit.name, fit.means, fit.samples, fit.classes, fit.penalty)
    return Fit(*given, weights, bias, has_bias)


_g = SMOOTHED_GAP
_TRIALS = (
    _Trial(
        _with(_line("alpha = 0", "1 -1", "1 -1", "1 2", Penalised(S.Zero)), ones(1, 1)),
        Matrix([1]),
        1,
    ),
    _Trial(
        _with(
            _line("samples 3/2, -1/2, means 1, -1", "1 -1", "3/2 -1/2", "1 2"),
            Matrix([[_g]]),
            -_g / 2,
        ),
        Matrix([-1]),
        1,
    ),
    _Trial(
        Fit(
            "N = d = 2, samples (1, 1), (-1, 0), means (1, 0), (-1, 0)",
            Matrix([[1, -1], [0, 0]]),
            Matrix([[1, -1], [1, 0]]),
            (1, 2),
            _SMOOTH,
            Matrix([[_g / 2, _g]]),
            -_g / 2,
        ),
        Matrix([1, -2]),
        1,
    ),
    _Trial(_line("equal means", "1 1", "1 1", "1 2"), Matrix([1]), 1),
    _Trial(
        _with(
            _line("no bias, means 1, 2, samples 1, 1, 2", "1 2", "1 1 2", "1 1 2"),
            zeros(1, 1),
            has_bias=False,
        ),
        Matrix([2]),
        2,
    ),
    _Trial(
        _line(
            "f = |z_1| + |z_2|, alpha = 3/4",
            "1 -1",
            "1 -1",
            "1 2",
            Penalised(Rational(3, 4), "absolute value"),
        ),
        Matrix([1]),
        1,
    ),
    _Trial(
        _with(_line("no sample of class 2", "1 -1", "1 1", "1 1"), zeros(1, 1), _g), Matrix([-1]), 2
    ),
)


def _generalises_perfectly(hypotheses: frozenset[str]) -> Outcome:
    """Every sample can reach its target, hence at every minimiser does, so that noise is not seen.

    A loss of N samples that is at most N times the least loss has each sample at its target. Then
    the logits of a test sample are its target too, and its label has the largest logit.

    The N - K differences of samples within classes lie in the complement of the signal, of
    dimension d - K + 1 <= N - K, and W (x_i - x_j) = 0 (up to a common shift of all logits). They
    span it for almost all noise: they do where the first noise of each class is zero and the others
    hold a basis, and where they do not a polynomial in the noise vanishes.
    """
    for trial in _TRIALS:
        if all(_FACTS[name](trial) for name in sorted(hypotheses)):
            broken = trial.broken()
            if broken is not None:
                return Outcome.refuted("exact stationarity", "an error remains", broken)
    missing = sorted(set(_FACTS) - hypotheses)
    if missing:
        return Outcome.undecided("interpolation", f"no proof without: {missing}")
    samples, features = symbols("N d", integer=True, positive=True)
    gap, level, rest, term, least, n = (
        Symbol(name, real=True) for name in ("g", "z_low", "rest", "term", "l_min", "n")
    )
    every_other = rest >= (n - 1) * least
    return all_of(
        (
            *(vanishes(name, rest) for name, rest in theory.interpolation()),
            prove_implication(
                [every_other, term >= least, rest + term <= n * least], Eq(term, least)
            ),
            strictly_convex_in_the_differences(),
            prove_implication([samples >= features + 1], samples - K >= features - (K - 1)),
            prove_implication([gap > 0], level + gap > level),
            prove_implication([level + gap > level], gap > 0),
        )
    )


class _Grokking(NamedTuple):
    """Strength, samples, features, and the factor by which test lags behind training."""

    strength: float
    samples: int = 100
    features: int = 70
    delay: float = 5.0


def _test_accuracy_lags(setting: _Grokking) -> Outcome:
    """Epochs to 99 % in training and in test, and the spread of logits around their class means."""
    curves = _curves(setting.strength, setting.samples, setting.features)
    train, test = (
        first_reached(curves.epochs, -accuracy, -0.99) for accuracy in (curves.train, curves.test)
    )
    where = f"K = 10, N = {setting.samples}, d = {setting.features}, alpha = {setting.strength}"
    final = student_band(curves.test[-1])
    if not np.isfinite(test).all():
        if final.high < 0.99:
            told = f"{where}: test accuracy {final} at the last epoch"
            return Outcome.refuted(_SIMULATED, "no generalisation", told, Grade.OBSERVED)
        return Outcome.undecided(_SIMULATED, f"{where}: 99 % not reached in every run")
    ratio, spread = student_band(test / np.maximum(train, curves.epochs[1])), curves.spread
    found = f"{where}: test over train epochs {ratio}, spread {spread:.2g} of the gap"
    if ratio.high < setting.delay or spread > 0.05:
        return Outcome.refuted(_SIMULATED, "no late collapse", found, Grade.OBSERVED)
    if ratio.low > setting.delay:
        return Outcome(Status.SUPPORTED, _SIMULATED, found, Grade.OBSERVED)
    return Outcome.undecided(_SIMULATED, found)


_SIMULATED = "simulation, 8 seeds"


@cache
def _curves(strength: float, samples: int, features: int) -> Curves:
    return training_curves(strength, samples=samples, features=features)


_REQUIRED = frozenset(_FACTS)
_FIG_8 = _Grokking(0.04)

CLAIMS = (
    Claim(
        id="beck.prop-D2",
        printed=Variant(
            "Let $\\alpha > 0$, $\\sigma_f = 0$, $\\lambda < 1$, class means affinely independent. "
            "The minimiser generalises perfectly.",
            frozenset({_A, _CLEAN, _MANY, _AFFINE, _BIAS}),
        ),
        source="Beck et al. 2026, prop. D.2",
        hypotheses=(
            "logits Wx + b",
            "noise with a density across the signal",
            "not by machine: noise for which the differences do not span is the null set of a "
            "polynomial",
        ),
        checks=(_generalises_perfectly,),
        correction=Correction(
            Repair.HYPOTHESIS,
            Variant(
                "It does, almost surely, if moreover the targets of the classes differ (gap "
                "$z_{high} - z_{low} > 0$) and every class occurs among the samples. Without a "
                "bias the means have to be such that $W \\mu_c = z^*_{(c)}$ can be solved; "
                "linearly independent means are.",
                _REQUIRED,
            ),
        ),
        controls=tuple(Variant(f"without: {name}", _REQUIRED - {name}) for name in _FACTS),
    ),
    Claim(
        id="beck.multi-grokking",
        printed=Variant(
            "$K = 10$, $\\lambda = 0.7$, $\\sigma_f = 0$, $\\alpha = 0.04$: delayed "
            "generalisation, then collapse to the vertices.",
            _FIG_8,
        ),
        source="Beck et al. 2026, fig. 8",
        hypotheses=("f = |z|^2, gradient descent from zero", "N = 100 here, 2000 in the figure"),
        checks=(_test_accuracy_lags,),
        controls=(
            Variant("alpha = 0: no late collapse", _FIG_8._replace(strength=0.0)),
            Variant("lambda = 1.5", _FIG_8._replace(features=150)),
            Variant("a delay by a factor of 100", _FIG_8._replace(delay=100.0)),
        ),
    ),
)

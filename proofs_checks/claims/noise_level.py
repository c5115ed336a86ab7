"""Claims: the accuracy of softmax regression does not see the noise level (Beck et al.)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from sympy import Expr, Matrix, Rational, S, Symbol, log

from ...theory import fisher as theory
from ..checks import all_of
from ..claim import Claim, Correction, Repair, Variant
from ..evidence import Outcome
from ..matrix_identities import vanishes
from ..two_class_fits import (
    SMOOTHED_GAP,
    Fit,
    Penalised,
    standardised_margin,
    strictly_convex_in_the_differences,
)

__all__ = ["CLAIMS"]

_HALF = Rational(1, 2)
_SMOOTH = Penalised(_HALF)
_g = SMOOTHED_GAP
_gamma = Symbol("gamma", positive=True)
_A = "alpha > 0"
_MANY = "N > d"


class _Pair(NamedTuple):
    """The same unit noise at two noise levels, each with its minimiser; sigma_f of the test law."""

    levels: tuple[Expr, Expr]
    fits: tuple[Fit, Fit]
    signal_noise: Expr

    def accuracies_differ(self) -> bool | None:
        """Whether Phi of the standardised margins do, their squares being rational.

        None if the fits are not the minimisers, or if that does not decide.
        """
        if not all(fit.is_minimised() for fit in self.fits):
            return None
        first, second = (
            standardised_margin(fit, self.signal_noise, level)
            for fit, level in zip(self.fits, self.levels, strict=True)
        )
        squares = [(a**2, b**2) for a, b in zip(first, second, strict=True)]
        if any(a.is_Rational and b.is_Rational and a != b for a, b in squares):
            return True
        return False if first == second else None

    def told(self) -> str:
        shown = [
            standardised_margin(fit, self.signal_noise, level)[0]
            for fit, level in zip(self.fits, self.levels, strict=True)
        ]
        name, (low, high) = self.fits[0].name, self.levels
        return f"{name}: accuracy Phi({shown[0]}) at noise {low}, Phi({shown[1]}) at {high}"


def _plane(
    name: str,
    unit: Matrix,
    classes: tuple[int, ...],
    level: Expr,
    penalty: Penalised,
    weights: Matrix,
) -> Fit:
    """Signal along the first feature, means 1 and -1, noise along the second."""
    scaled = Matrix([list(unit[0, :]), [level * v for v in unit[1, :]]])
    return Fit(name, Matrix([[1, -1], [0, 0]]), scaled, classes, penalty, weights)


def _pair(
    name: str,
    unit: Matrix,
    classes: tuple[int, ...],
    levels: tuple[Expr, Expr],
    weights: Callable[[Expr], Matrix],
    penalty: Penalised = _SMOOTH,
    signal_noise: Expr = S.Zero,
) -> _Pair:
    first, second = (
        _plane(name, unit, classes, level, penalty, weights(level)) for level in levels
    )
    return _Pair(levels, (first, second), signal_noise)


_LARGEST_MARGIN = _pair(
    "largest margin, samples +-(1, 1), +-(3, 0)",
    Matrix([[1, 3, -1, -3], [1, 0, -1, 0]]),
    (1, 1, 2, 2),
    (S.One, _HALF),
    lambda s: Matrix([[1, s]]) / (1 + s**2),
    Penalised(S.Zero),
    S.One,
)
_PLAIN_FIT_OF_ZERO = _pair(
    "f = 0, samples +-(1, 1), +-(3, 0)",
    Matrix([[1, 3, -1, -3], [1, 0, -1, 0]]),
    (1, 1, 2, 2),
    (S.One, _HALF),
    lambda s: Matrix([[1, s]]) / (1 + s**2),
    Penalised(_HALF, "zero"),
    S.One,
)
_LEAST_NORM = _pair(
    "N = d = 2, least norm, samples +-(1, 1)",
    Matrix([[1, -1], [1, -1]]),
    (1, 2),
    (S.One, Rational(2)),
    lambda s: _g * Matrix([[1, s]]) / (1 + s**2),
)
_CORNERS = Matrix([[1, 1, 1, -1, -1, -1], [1, 1, -1, -1, -1, 1]])
_NO_NOISE = _pair(
    "samples of class 1 at (1, 1), (1, 1), (-1, 1), their negatives of class 2",
    _CORNERS,
    (1, 1, 2, 2, 2, 1),
    (S.One, S.Zero),
    lambda s: Matrix([[0, _g / s]]) if s else Matrix([[log(Rational(7, 5)), 0]]),
    signal_noise=S.One,
)
_OVERLAPPING = _pair(
    "alpha = 0, three samples at each of +-(1, 0), +-(0, 1), one of them of the other class",
    Matrix([[1, 1, 1, 0, 0, 0, -1, -1, -1, 0, 0, 0], [0, 0, 0, 1, 1, 1, 0, 0, 0, -1, -1, -1]]),
    (1, 1, 2, 1, 1, 2, 2, 2, 1, 2, 2, 1),
    (S.One, _HALF),
    lambda s: log(2) * Matrix([[1, 1 / s]]),
    Penalised(S.Zero),
    S.One,
)

_GROWS = "f grows without bound with the gap"
_NOISY = "sigma_n > 0"
_SEPARABLE = "the training data is separable"
_PAIR_FACTS: Mapping[str, Callable[[_Pair], bool]] = {
    _A: lambda p: all(fit.penalty.alpha > 0 for fit in p.fits),
    _GROWS: lambda p: all(fit.penalty.alpha == 0 or fit.penalty.attracts() for fit in p.fits),
    _MANY: lambda p: all(fit.size > fit.features for fit in p.fits),
    _NOISY: lambda p: all(level > 0 for level in p.levels),
}
_REGULARISED = (_LARGEST_MARGIN, _PLAIN_FIT_OF_ZERO, _LEAST_NORM, _NO_NOISE)


def _noise_level_is_not_seen(hypotheses: frozenset[str]) -> Outcome:
    """W A^-1 has on A x the logits of W on x; the minimiser is unique up to a common shift.

    With N > d generic samples and a column of ones have full column rank, and the loss is strictly
    convex in the differences of the logits; where f grows it has a minimiser.
    """
    for pair in _REGULARISED:
        if all(_PAIR_FACTS[name](pair) for name in sorted(hypotheses)) and pair.accuracies_differ():
            return Outcome.refuted("exact stationarity", "the accuracy changes", pair.told())
    missing = sorted(set(_PAIR_FACTS) - hypotheses)
    if missing:
        return Outcome.undecided("equivariance", f"no proof without: {missing}")
    same = vanishes("(W A^-1)(A x) = W x", theory.equivariance())
    return all_of((same, strictly_convex_in_the_differences()))


class _Rescaling(NamedTuple):
    """A = on_signal (I - P) + on_noise P, and the hypotheses."""

    on_signal: Expr
    on_noise: Expr
    hypotheses: frozenset[str]


def _changes_the_noise_alone(rescaling: _Rescaling) -> Outcome:
    """Means, distances and signal coordinates stay, noise coordinates are multiplied by gamma."""
    identities = theory.rescaling_identities(rescaling.on_signal, rescaling.on_noise)
    for name, rest in identities:
        if rest != 0:
            factors = [f.subs(_gamma, 2) for f in (rescaling.on_signal, rescaling.on_noise)]
            witness = (
                f"d = 2, Q_1 = e_1, Q_2 = e_2, gamma = 2: A = diag{tuple(factors)}, not {name}"
            )
            return Outcome.refuted("exact matrices", "another rescaling", witness)
    return all_of(vanishes(name, rest) for name, rest in identities)


def _regularised_accuracy_stays(rescaling: _Rescaling) -> Outcome:
    kept = {_MANY, _NOISY} & rescaling.hypotheses
    return _noise_level_is_not_seen(frozenset({_A, _GROWS, *kept}))


def _unregularised_accuracy_changes(rescaling: _Rescaling) -> Outcome:
    """On separable data gradient descent tends to the largest margin, which gamma can turn."""
    for pair in (_OVERLAPPING, _LARGEST_MARGIN):
        meets = _SEPARABLE not in rescaling.hypotheses or pair.fits[0].is_separated()
        if meets and pair.accuracies_differ() is False:
            return Outcome.refuted("exact stationarity", "the accuracy stays", pair.told())
    if _SEPARABLE in rescaling.hypotheses and _LARGEST_MARGIN.accuracies_differ():
        return Outcome.proved("exact optimality conditions", _LARGEST_MARGIN.told())
    return Outcome.undecided("exact optimality conditions", "no example of a change")


_FULL = frozenset(_PAIR_FACTS)
_SCALED = _Rescaling(S.One, _gamma, frozenset({_MANY, _NOISY, _SEPARABLE}))

CLAIMS = (
    Claim(
        id="beck.prop-D3",
        printed=Variant(
            "Let $\\alpha > 0$, $\\lambda < 1$. Accuracy is independent of $\\sigma_n$.",
            frozenset({_A, _MANY, _NOISY}),
        ),
        source="Beck et al. 2026, prop. D.3",
        hypotheses=("logits Wx + b", "noise with a density, sigma_n > 0, the same up to scale"),
        checks=(_noise_level_is_not_seen,),
        correction=Correction(
            Repair.HYPOTHESIS,
            Variant(
                "It is if moreover $f$ grows without bound with the gap, so that there is a "
                "minimiser also on separable data ($f = 0$ is convex and even): the logits of "
                "every sample, old or new, are the same at every $\\sigma_n > 0$.",
                _FULL,
            ),
        ),
        controls=tuple(Variant(f"without: {name}", _FULL - {name}) for name in (_A, _MANY, _NOISY)),
    ),
    Claim(
        id="beck.rescaling",
        printed=Variant(
            "$x \\leftarrow (I - P_\\perp) x + \\gamma P_\\perp x$, $P_\\perp = Q_2 Q_2^T$, "
            "changes $\\sigma_n$ alone; regularised accuracy is insensitive to $\\gamma$, "
            "unregularised accuracy is not.",
            _SCALED._replace(hypotheses=frozenset({_MANY, _NOISY})),
        ),
        source="Beck et al. 2026, eq. 36",
        hypotheses=("gamma > 0", "N > d", "f grows without bound with the gap"),
        checks=(
            _changes_the_noise_alone,
            _regularised_accuracy_stays,
            _unregularised_accuracy_changes,
        ),
        correction=Correction(
            Repair.HYPOTHESIS,
            Variant(
                "On separable training data unregularised accuracy can change with $\\gamma$. On "
                "data that is not separable the unregularised minimiser exists as well, and its "
                "accuracy does not depend on $\\gamma$ either.",
                _SCALED,
            ),
        ),
        controls=(
            Variant("gamma on the signal", _Rescaling(_gamma, S.One, _SCALED.hypotheses)),
            Variant("gamma squared", _SCALED._replace(on_noise=_gamma**2)),
            Variant("gamma on both", _SCALED._replace(on_signal=_gamma)),
            *(
                Variant(
                    f"without: {name}", _SCALED._replace(hypotheses=_SCALED.hypotheses - {name})
                )
                for name in (_MANY, _NOISY)
            ),
        ),
    ),
)

"""Claim: noise along and across the signal, estimated from data (Beck et al.)."""

from __future__ import annotations

from typing import NamedTuple

from sympy import Expr, Matrix, Symbol, eye, sqrt

from ...theory import fisher as theory
from ...theory.fisher import noise_level, signal_noise
from ...theory.symbols import K
from ..checks import all_of, identical
from ..claim import Claim, Variant
from ..evidence import Outcome

__all__ = ["CLAIMS"]


class _Estimate(NamedTuple):
    """sigma_f and sigma_n from the traces t_1, t_2, and the basis that Q_1 spans."""

    signal: Expr
    noise: Expr
    spans: str = "differences"
    per_distance: int = 1


_t1, _t2 = Symbol("t_1", positive=True), Symbol("t_2", positive=True)
_m, _d = Symbol("m", integer=True, positive=True), Symbol("d", integer=True, positive=True)


def _recovers_the_model(estimate: _Estimate) -> Outcome:
    """For Sigma_c = sigma_f^2 P + sigma_n^2 (1 - P): sigma_f and sigma_n, m < d symbolic."""
    excess = Symbol("k", integer=True, positive=True)
    first, second = theory.traces_of_the_model(_m, excess)
    given = {_t1: first, _t2: second, _d: _m + excess}
    return all_of(
        (
            identical(estimate.signal.subs(given), signal_noise),
            identical(estimate.noise.subs(given), noise_level),
        )
    )


def _recovers_examples(estimate: _Estimate) -> Outcome:
    """Exact projectors of three populations, one with means whose differences are dependent."""
    examples = (
        Matrix([[1, 1], [1, -1], [0, 0]]),
        Matrix([[1, 2, 4], [0, 0, 0], [0, 0, 0]]),
        Matrix([[1, 0, 0], [0, 1, 0], [0, 0, 1]]),
    )
    for means in examples:
        signal = theory.signal_projector(theory.signal_differences(means))
        sigma = 4 * signal + 9 * (eye(3) - signal)
        spanning = theory.signal_differences(means) if estimate.spans == "differences" else means
        first = theory.signal_projector(spanning)
        rank = first.rank()
        given = {_t1: (first * sigma).trace(), _t2: ((eye(3) - first) * sigma).trace()}
        given |= {_m: rank, _d: 3, K: means.cols}
        found = [e.subs(given) for e in (estimate.signal, estimate.noise)]
        if found != [2, 3]:
            told = f"means {means.tolist()}, sigma_f = 2, sigma_n = 3: found {found}"
            return Outcome.refuted("exact rationals", "another noise", told)
    return Outcome.tested("exact rationals", f"{len(examples)} populations")


def _does_not_depend_on_units(estimate: _Estimate) -> Outcome:
    """x -> t x multiplies the traces by t^2 and the mean distance of the centroids by t."""
    t, distance = Symbol("t", positive=True), Symbol("Delta", positive=True)
    checks = []
    for sigma in (estimate.signal, estimate.noise):
        effective = sigma / distance**estimate.per_distance
        moved = effective.subs({_t1: t**2 * _t1, _t2: t**2 * _t2, distance: t * distance})
        at = {_d: _m + 1}
        checks.append(identical(moved.subs(at), effective.subs(at)))
    return all_of(checks)


def _recovers(estimate: _Estimate) -> Outcome:
    """The examples refute; where they do not, the projector algebra decides."""
    examples = _recovers_examples(estimate)
    if examples.refutes:
        return examples
    return all_of((_recovers_the_model(estimate), _does_not_depend_on_units(estimate)))


_EQ_35 = _Estimate(sqrt(_t1 / _m), sqrt(_t2 / (_d - _m)))

CLAIMS = (
    Claim(
        id="beck.effective-noise",
        printed=Variant(
            "$Q_1$ an orthonormal basis of $\\mathrm{span}\\{\\mu_c - \\mu_1\\}$, $Q_2$ its "
            "complement: "
            "$\\sigma_f = K^{-1} \\sum_c \\sqrt{\\mathrm{tr}(Q_1^T \\Sigma_c Q_1)/\\dim}$, "
            "$\\sigma_n$ likewise with $Q_2$, over the mean distance of the centroids, are the "
            "noise levels along and across the signal.",
            _EQ_35,
        ),
        source="Beck et al. 2026, eq. 35",
        hypotheses=("means that are not all equal, d > dim of their span", "population moments"),
        checks=(_recovers,),
        controls=(
            Variant(
                "both divided by the dimension of the signal", _EQ_35._replace(noise=sqrt(_t2 / _m))
            ),
            Variant("K - 1 for the dimension", _EQ_35._replace(signal=sqrt(_t1 / (K - 1)))),
            Variant("without the root", _EQ_35._replace(signal=_t1 / _m)),
            Variant("Q_1 of the span of the means", _EQ_35._replace(spans="means")),
            Variant("over the squared distance", _EQ_35._replace(per_distance=2)),
        ),
    ),
)

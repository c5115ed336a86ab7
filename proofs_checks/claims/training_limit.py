"""Claims: the limit of high dimension with weight decay, and the solver of its equations."""

from __future__ import annotations

from sympy import Eq, Expr

from ...theory import high_dimension as theory
from ...theory.correlated_noise import noise_norm_square
from ...theory.signal_noise import mu_f, sigma_f, sigma_n, signal_weight
from ...theory.training_limit import scalar_stationarity, training_system, weight_decay
from ..checks import all_of
from ..claim import Claim, Variant
from ..evidence import Outcome
from ..smt import prove_implication
from ..training_limit import Setting, equations_hold, predicts_trained_weights, solved

__all__ = ["CLAIMS"]

_lambda, _gamma, _q = theory.aspect_ratio, theory.envelope, theory.noise
_Equations = tuple[Eq, Eq, Eq]


def _is_stationarity(equations: _Equations) -> Outcome:
    """The equations hold exactly where the scalar problem is stationary."""
    signs = (_q > 0, _gamma > 0, _lambda > 0, sigma_n > 0)
    stationary = tuple(Eq(slope, 0) for slope in scalar_stationarity())
    return all_of(
        (
            *(prove_implication((*signs, *stationary), equation) for equation in equations),
            *(prove_implication((*signs, *equations), slope) for slope in stationary),
        )
    )


_SETTINGS = (
    Setting("quadratic", 0.0, 0.7, 1.0, 0.5, 1.0, 0.2),
    Setting("label-smoothing", 0.1, 1.5, 1.3, 0.5, 0.8, 0.05),
    Setting("quadratic", 0.4, 0.5, 0.7, 0.9, 2.0, 0.0),
)
_NORM = Eq(noise_norm_square * sigma_n**2, _q**2)


def _the_solver_solves(equations: _Equations) -> Outcome:
    """The equations at the solver's values, the moments by another quadrature."""
    return equations_hold(((each, solved(each)) for each in _SETTINGS), (*equations, _NORM))


def _predicts_the_minimisers(equations: _Equations) -> Outcome:
    """S_1 and ||S_perp|| of trained weights at the solution, four standard errors to each side."""
    solution = _the_solver_solves(equations)
    return predicts_trained_weights(_SETTINGS) if solution.supported else solution


def _with(position: int, equation: Expr) -> _Equations:
    system = list(training_system())
    system[position] = equation
    return system[0], system[1], system[2]


CLAIMS = (
    Claim(
        id="lead.weight-decay-limit",
        printed=Variant(
            "With weight decay $\\kappa\\|S\\|^2/2$, $Z = S_1\\mu_f + s\\,G$, "
            "$s^2 = S_1^2\\sigma_f^2 + q^2$ and $q = \\sigma_n\\|S_\\perp\\|$: "
            "$E p'(Z) = 1 - \\lambda + \\kappa\\gamma/\\sigma_n^2$, "
            "$E (p(Z) - Z)^2 = \\lambda q^2$, "
            "$\\mu_f E (p(Z) - Z) = S_1(\\sigma_f^2 (1 - E p'(Z)) + \\kappa\\gamma)$.",
            training_system(),
        ),
        source="lead: high-dimensional limit, in the original coordinates",
        hypotheses=(
            "l convex; lambda < 1, or kappa > 0",
            "Gaussian signal plus noise",
            "not by machine: the training problem concentrates on the scalar one (Gordon)",
        ),
        checks=(_is_stationarity, _the_solver_solves, _predicts_the_minimisers),
        controls=(
            Variant(
                "the decay without sigma_n",
                _with(0, Eq(theory.mean_slope, 1 - _lambda + weight_decay * _gamma)),
            ),
            Variant("no decay in E p'", _with(0, Eq(theory.mean_slope, 1 - _lambda))),
            Variant("q^2 for lambda q^2", _with(1, Eq(theory.mean_square_step, _q**2))),
            Variant(
                "no decay along the signal",
                _with(
                    2,
                    Eq(
                        mu_f * theory.mean_step,
                        signal_weight * sigma_f**2 * (1 - theory.mean_slope),
                    ),
                ),
            ),
        ),
    ),
)

"""The limits of high dimension against integrals, exact laws, other solvers and finite samples."""

from __future__ import annotations

from fractions import Fraction

import mpmath
import numpy as np
import pytest
from logitreg.proofs_checks.claim import Claim, Verdict, judge
from logitreg.proofs_checks.claims import final_approach as approach_claims
from logitreg.proofs_checks.claims import high_dimension as claims
from logitreg.proofs_checks.claims import margin_limits as margin_claims
from logitreg.proofs_checks.high_dimension import (
    penalised,
    quadratic_point,
    separability_threshold,
    solve_system,
)
from logitreg.proofs_checks.high_dimension_samples import (
    largest_margins,
    minimisers,
    signal_plus_noise,
    smallest_eigenvalues,
)
from logitreg.proofs_checks.seeded_simulation import band
from logitreg.theory import final_approach, high_dimension
from logitreg.theory.signal_noise import mu_f, sigma_f, sigma_n, signal_weight
from mpmath import mp, mpf
from scipy.optimize import linprog, minimize
from scipy.stats import norm
from sympy import Eq, Rational, Symbol, sqrt

_ALL = (*claims.CLAIMS, *margin_claims.CLAIMS, *approach_claims.CLAIMS)


def test_a_false_content_is_refuted_as_the_printed_one() -> None:
    for claim in _ALL:
        swapped = Claim(claim.id, claim.controls[0], claim.source, claim.checks, ())
        assert judge(swapped).verdict is Verdict.REFUTED, claim.id


def test_grokking_rate_holds_once_the_signal_is_strong() -> None:
    claim = next(c for c in approach_claims.CLAIMS if c.id == "lead.grokking-rate")
    assert claim.correction is not None
    repaired = Claim(claim.id, claim.correction.variant, claim.source, claim.checks, ())
    assert judge(repaired).verdict is Verdict.HOLDS


def test_derivations_have_no_gaps() -> None:
    assert high_dimension.quadratic_derivation().unproved() == ()
    assert high_dimension.least_norm_derivation().unproved() == ()


def test_quadratic_solution_solves_the_system_in_exact_fractions() -> None:
    lam, delta, target = Fraction(1, 3), Fraction(3, 2), Fraction(2)
    at = {
        high_dimension.aspect_ratio: Rational(1, 3),
        high_dimension.effect: Rational(3, 2),
        high_dimension.target: 2,
    }
    found = high_dimension.quadratic_solution()
    a, q2, gamma = (
        Fraction(str(found[key].subs(at)))
        for key in (high_dimension.signal, high_dimension.noise**2, high_dimension.envelope)
    )
    step = gamma / (1 + gamma) * (target - a * delta)
    square = (gamma / (1 + gamma)) ** 2 * ((target - a * delta) ** 2 + a**2 + q2)
    assert 1 / (1 + gamma) == 1 - lam
    assert square == lam * q2
    assert delta * step == lam * a


def test_truncated_square_is_the_gaussian_integral() -> None:
    with mp.workdps(30):
        for m, s in ((mpf("0.7"), mpf("1.3")), (mpf(-2), mpf("0.5"))):
            value = mpmath.quad(
                lambda g, m=m, s=s: (m + s * g) ** 2 * mpmath.npdf(g),
                [-m / s, 0, 3, 6, 10, 20] if m > 0 else [-m / s, 6, 10, 20],
            )
            x, y = Symbol("x", real=True), Symbol("y", positive=True)
            formula = high_dimension.truncated_square(x, y)
            found = formula.evalf(30, subs={x: m, y: s})
            assert abs(mpf(str(found)) - value) < mpf(10) ** -20


@pytest.mark.parametrize(("alpha", "aspect_ratio", "effect"), [(0.001, 0.5, 1), (0.4, 0.7, 2)])
def test_solved_system_meets_its_equations_by_another_quadrature(
    alpha: float, aspect_ratio: float, effect: float
) -> None:
    point = solve_system(
        high_dimension.system(), penalised("quadratic", alpha), aspect_ratio, effect
    )
    a, q, gamma = point.signal, point.noise, point.envelope

    def slope(p: mpf) -> mpf:
        return 2 * alpha * p - (1 - alpha) / (1 + mpmath.exp(p))

    def proximal(z: mpf) -> mpf:
        low, high = sorted((z, z - gamma * slope(z)))
        return mpmath.findroot(
            lambda p: p - z + gamma * slope(p), (low - 1, high + 1), solver="anderson", tol=1e-24
        )

    def mean(function: object) -> mpf:
        def integrand(g: mpf) -> mpf:
            z = a * effect + mpmath.hypot(a, q) * g
            return function(proximal(z), z) * mpmath.npdf(g)  # type: ignore[operator]

        return mpmath.quad(integrand, [-8, -4, -2, -1, 0, 1, 2, 4, 8], maxdegree=4)

    def derivative(p: mpf, _z: mpf) -> mpf:
        sigmoid = 1 / (1 + mpmath.exp(-p))
        return 1 / (1 + gamma * (2 * alpha + (1 - alpha) * sigmoid * (1 - sigmoid)))

    assert abs(mean(derivative) - (1 - aspect_ratio)) < 1e-7
    assert abs(mean(lambda p, z: (p - z) ** 2) / (aspect_ratio * q**2) - 1) < 1e-7
    assert abs(effect * mean(lambda p, z: p - z) - aspect_ratio * a) < 1e-7 * max(1, a)


def test_simulation_tells_the_loss_from_a_quadratic_one() -> None:
    loss = penalised("quadratic", 0.001)
    a, q = minimisers(loss, 0.5, 1.0)
    for seen, other in zip((a, q), quadratic_point(0.5, 1.0, loss.target), strict=True):
        assert not band(seen).holds(other)


def test_simulation_refutes_other_equations() -> None:
    """Without the check against Gordon's problem the training minimisers decide alone."""
    first, second, third = high_dimension.system()
    doubled = (first, second, Eq(third.lhs, 2 * third.rhs))
    claim = next(c for c in claims.CLAIMS if c.id == "lead.high-dimensional-system")
    simulation = claim.checks[-1]
    assert simulation((first, second, third)).supported
    assert simulation(doubled).refutes


def test_least_squares_accuracy_approaches_its_limit() -> None:
    x = signal_plus_noise(120, 0.5, 1.0, (1.0, 1.0), 64)
    arguments = []
    for data in x:
        s = np.linalg.lstsq(data, np.ones(len(data)), rcond=None)[0]
        arguments.append(s[0] / np.linalg.norm(s))
    at = {high_dimension.aspect_ratio: Rational(1, 2), high_dimension.effect: 1}
    limit = float(high_dimension.least_squares_accuracy_argument().subs(at))
    assert band(np.array(arguments)).holds(limit)
    assert abs(norm.cdf(np.mean(arguments)) - norm.cdf(limit)) < 0.01


def test_least_norm_weights_approach_their_limit() -> None:
    means, signal, noise = 1.0, 0.5, 2.0
    x = signal_plus_noise(60, 1.5, means, (signal, noise), 64)
    weights = np.array([np.linalg.lstsq(d, 3 * np.ones(len(d)), rcond=None)[0] for d in x])
    at = {high_dimension.excess: 0.5, mu_f: means, sigma_f: signal, sigma_n: noise}
    at[high_dimension.target] = 3
    first = float(high_dimension.least_norm_signal().subs(at))
    across = float(
        high_dimension.least_norm_noise(signal_weight).subs({**at, signal_weight: first})
    )
    assert band(weights[:, 0]).holds(first)
    assert band((weights[:, 1:] ** 2).sum(axis=1)).holds(across)


def test_largest_margins_agree_with_other_solvers() -> None:
    for aspect_ratio in (0.1, 0.6):
        (data,) = signal_plus_noise(40, aspect_ratio, 0.5, (1.0, 1.0), 1)
        margins, cosines = largest_margins(data[None])
        feasible = linprog(
            np.zeros(data.shape[1]), A_ub=-data, b_ub=-np.ones(40), bounds=(None, None)
        )
        assert (margins[0] > 0) == (feasible.status == 0)
        if margins[0] > 0:
            result = minimize(
                lambda s: s @ s,
                feasible.x,
                jac=lambda s: 2 * s,
                constraints={
                    "type": "ineq",
                    "fun": lambda s, data=data: data @ s - 1,
                    "jac": lambda s, data=data: data,
                },
                method="SLSQP",
                options={"ftol": 1e-14, "maxiter": 500},
            )
            length = np.linalg.norm(result.x)
            assert margins[0] == pytest.approx(1 / length, rel=1e-5)
            assert cosines[0] == pytest.approx(result.x[0] / length, rel=1e-4)


def test_threshold_of_separability_tends_to_one_half() -> None:
    path = Symbol("c", nonnegative=True)
    value = high_dimension.truncated_square(-path * high_dimension.effect, sqrt(1 + path**2))
    found = [separability_threshold(value, path, effect) for effect in (0.001, 0.5, 1.0, 2.0)]
    assert found[0] == pytest.approx(0.5, abs=1e-5)
    assert found == sorted(found, reverse=True)


def test_outlier_of_the_grokking_figure_is_far_below_the_bulk() -> None:
    at = {high_dimension.aspect_ratio: Rational(7, 10), mu_f: Rational(1, 10), sigma_n: 1}
    outlier, edge = (
        float(f.subs(at)) for f in (final_approach.outlier(), final_approach.bulk_edge())
    )
    (data,) = signal_plus_noise(300, 0.7, 0.1, (0.0, 1.0), 1)
    smallest = np.linalg.eigvalsh(data.T @ data / 300)[:2]
    assert smallest[0] < edge / 5 < edge / 2 < smallest[1]
    assert band(smallest_eigenvalues(0.7, 0.1, 1.0)).holds(outlier)


def test_eigenvalues_from_bidiagonal_factors_have_the_law_of_the_data() -> None:
    """The same extrapolation from matrices of signal plus noise."""
    few, many = (
        np.array(
            [
                np.linalg.eigvalsh(data.T @ data / samples)[0]
                for data in signal_plus_noise(samples, 0.5, 0.7, (0.0, 1.0), 400)
            ]
        )
        for samples in (20, 80)
    )
    weight = 4 ** (2 / 3)
    direct = band((weight * many - few) / (weight - 1))
    other = band(smallest_eigenvalues(0.5, 0.7, 1.0, samples=20, seeds=400))
    assert max(direct.low, other.low) < min(direct.high, other.high)


def test_gradient_descent_slows_to_the_rate_of_the_outlier() -> None:
    """200 samples, 100 features, mu_f = 0.1: the distance to the target shrinks as predicted."""
    loss, (data,) = penalised("quadratic", 0.2), signal_plus_noise(200, 0.5, 0.1, (0.0, 1.0), 1)
    target = np.zeros(100)
    target[0] = loss.target / 0.1
    eigenvalues, vectors = np.linalg.eigh(data.T @ data / 200)
    s, step = target + 1e-4 * vectors.sum(axis=1), 1.0
    distances = []
    for _ in range(6000):
        s = s - step * data.T @ loss.slope(data @ s) / 200
        distances.append(np.linalg.norm(s - target))
    rate = 1 - (distances[-1] / distances[-1001]) ** (1 / 1000)
    assert rate == pytest.approx(step * loss.curvature(loss.target) * eigenvalues[0], rel=1e-4)
    at = {high_dimension.aspect_ratio: Rational(1, 2), mu_f: Rational(1, 10), sigma_n: 1}
    assert eigenvalues[0] < float(final_approach.bulk_edge().subs(at)) / 5

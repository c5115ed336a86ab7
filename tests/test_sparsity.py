"""Proximal maps against other solvers, Jensen's gap, and least norms on a line."""

from __future__ import annotations

import numpy as np
import pytest
from logitreg.theory.sparsity import (
    PROXIMAL_MAPS,
    first,
    jensen_gap,
    least_square_norm,
    line,
    mixture,
    offset,
    point,
    proximal_objective,
    proximal_step,
    second,
    soft_threshold,
    soft_threshold_derivation,
    threshold,
)
from logitreg.theory.weights import PENALTIES, slope, step_size, strength, weight
from scipy.optimize import linprog
from sklearn.linear_model import Lasso, Ridge
from sympy import Rational

POINTS = [Rational(n, 4) for n in (-13, -5, -4, -1, 0, 2, 4, 7, 16)]


@pytest.mark.parametrize("v", POINTS)
@pytest.mark.parametrize("t", [Rational(1, 3), Rational(1), Rational(9, 4)])
@pytest.mark.parametrize("name", ["l0", "l1", "l2"])
def test_a_proximal_map_is_no_worse_than_any_point_of_a_grid(
    name: str, v: Rational, t: Rational
) -> None:
    objective = proximal_objective(PENALTIES[name]).subs({point: v, threshold: t})
    least = objective.subs(weight, PROXIMAL_MAPS[name].subs({point: v, threshold: t}))
    grid = [Rational(n, 8) for n in range(-40, 41, 3)] + [Rational(0), v]
    assert all(objective.subs(weight, w) >= least for w in grid)


@pytest.mark.parametrize("v", [-2.5, -0.3, 0.8, 3.0])
@pytest.mark.parametrize("t", [0.25, 1.0])
def test_soft_threshold_and_shrinkage_are_lasso_and_ridge_with_one_sample(
    v: float, t: float
) -> None:
    X, y = np.ones((1, 1)), np.array([v])
    lasso = Lasso(alpha=t, fit_intercept=False, tol=1e-14).fit(X, y).coef_[0]
    ridge = Ridge(alpha=2 * t, fit_intercept=False).fit(X, y).coef_[0]
    at = {point: Rational(v), threshold: Rational(t)}
    assert float(PROXIMAL_MAPS["l1"].subs(at)) == pytest.approx(lasso, abs=1e-12)
    assert float(PROXIMAL_MAPS["l2"].subs(at)) == pytest.approx(ridge, abs=1e-12)


def test_the_proximal_step_finds_the_lasso_solution_of_a_quadratic_and_stays() -> None:
    step = proximal_step(soft_threshold()).subs({step_size: Rational(1, 2), strength: 1})
    for centre, expected in ((Rational(3), 2), (Rational(1, 2), 0), (Rational(-5, 2), -1.5)):
        w = Rational(4)
        for _ in range(60):
            w = step.subs({slope: w - centre, weight: w})
        assert abs(w - expected) < Rational(1, 10**9)
        assert expected != 0 or w == 0


def test_the_derivation_of_the_soft_threshold_has_no_gap() -> None:
    assert soft_threshold_derivation().unproved() == ()


def test_jensens_gap_of_the_square_is_the_spread_and_of_the_modulus_the_crossing() -> None:
    at = {first: Rational(3), second: Rational(-1), mixture: Rational(1, 4)}
    assert jensen_gap(PENALTIES["l2"]).subs(at) == Rational(1, 4) * Rational(3, 4) * 16
    assert jensen_gap(PENALTIES["l1"]).subs(at) == Rational(3, 2)
    assert jensen_gap(PENALTIES["l1"]).subs({**at, second: Rational(1)}) == 0
    assert jensen_gap(PENALTIES["l0"]).subs({**at, second: Rational(0)}) == Rational(-3, 4)


@pytest.mark.parametrize(
    ("normal", "sparse_l1", "sparse_l2"),
    [((2, 1), True, False), ((1, -3), True, False), ((0, 2), True, True)],
)
def test_least_norms_on_a_line_against_linear_programming_and_least_squares(
    normal: tuple[int, int], sparse_l1: bool, sparse_l2: bool
) -> None:
    a, c = np.array(normal, float), 3.0
    split = linprog(np.ones(4), A_eq=np.concatenate([a, -a])[None], b_eq=[c]).x
    l1 = split[:2] - split[2:]
    l2 = np.linalg.lstsq(a[None], np.array([c]), rcond=None)[0]
    assert bool(np.any(np.abs(l1) < 1e-9)) == sparse_l1
    assert bool(np.any(np.abs(l2) < 1e-9)) == sparse_l2
    at = {line[0]: normal[0], line[1]: normal[1], offset: 3}
    exact = [float(w.subs(at)) for w in least_square_norm()]
    np.testing.assert_allclose(exact, l2, rtol=1e-12, atol=1e-12)


def test_along_an_edge_of_the_diamond_a_dense_point_is_as_short_as_a_sparse_one() -> None:
    dense, corner = (Rational(1, 2), Rational(1, 2)), (Rational(1), Rational(0))
    assert sum(dense) == sum(corner) == 1
    assert sum(map(abs, dense)) == sum(map(abs, corner))

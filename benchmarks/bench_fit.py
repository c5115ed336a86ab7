"""Fits next to general optimisers, scikit-learn and skglm on the same loss.

    python -m pytest benchmarks/bench_fit.py

Every other method is charged with the time until its gradient is 1e-8 of that at zero weights, and
stopped there; ours with the whole fit. The accuracy is the least relative gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from logitreg import fit
from objective import Objective, absorbed, full_newton
from scipy.optimize import minimize

GOAL = 1e-8

Run = Callable[[Objective], Any]


def logitreg(loss: Objective) -> None:
    loss.gradient(fit(loss.X, penalty=loss.penalty, alpha=loss.alpha).weights)


def descent(loss: Objective) -> None:
    """Gradient descent at the rate 1/L, L the largest eigenvalue of X^T X/N times the curvature."""
    bound = (1 - loss.alpha) / 4 + loss.alpha * (2 if loss.penalty == "quadratic" else 0.25)
    rate = len(loss.X) / (np.linalg.norm(loss.X, 2) ** 2 * bound)
    w = np.zeros(loss.X.shape[1])
    for _ in range(1500):
        w = w - rate * loss.gradient(w)


def scipy(method: str, **options: float) -> Run:
    def run(loss: Objective) -> None:
        extra: dict[str, Any] = {} if method == "L-BFGS-B" else {"hessp": loss.product}
        zero, options_ = np.zeros(loss.X.shape[1]), {"maxiter": 3000, **options}
        minimize(loss.value, zero, jac=loss.gradient, method=method, options=options_, **extra)

    return run


def scikit_learn(solver: str, tolerance: float) -> Run:
    """Label smoothing as weighted copies of each sample with either label."""

    def run(loss: Objective) -> None:
        linear_model = pytest.importorskip("sklearn.linear_model")
        model = linear_model.LogisticRegression(
            C=np.inf, solver=solver, tol=tolerance, max_iter=10000, fit_intercept=False
        )
        X, half = loss.X, loss.alpha / 2
        labels, weights = np.repeat([1, 0], len(X)), np.repeat([1 - half, half], len(X)) / len(X)
        if half == 0:
            labels, weights = np.arange(len(X)) % 2, None
            X = X * (2 * labels - 1)[:, None]
        else:
            X = np.vstack([X, X])
        loss.gradient(model.fit(X, labels, sample_weight=weights).coef_[0])

    return run


def skglm(tolerance: float) -> Run:
    """Logistic regression without a penalty, by skglm's proximal Newton method."""

    def run(loss: Objective) -> None:
        solvers = pytest.importorskip("skglm.solvers")
        from skglm.datafits import Logistic
        from skglm.penalties import L1

        solver = solvers.ProxNewton(tol=tolerance, max_iter=100, fit_intercept=False)
        X = np.asfortranarray(loss.X)
        loss.gradient(solver.solve(X, np.ones(len(X)), Logistic(), L1(0.0))[0])

    return run


GENERAL: dict[str, list[Run]] = {
    "logitreg": [logitreg],
    "full Newton": [full_newton],
    "SciPy newton-cg": [scipy("Newton-CG", xtol=1e-14)],
    "SciPy trust-ncg": [scipy("trust-ncg", gtol=1e-12)],
    "SciPy L-BFGS-B": [scipy("L-BFGS-B", ftol=0, gtol=0, maxcor=20)],
    "gradient descent": [descent],
}
# These are given a tolerance, not a gradient to be seen: the loosest that arrives is charged.
TOLERANCES = [10.0**-digits for digits in range(4, 16, 2)]
LOGISTIC: dict[str, list[Run]] = {
    "scikit-learn newton-cholesky": [scikit_learn("newton-cholesky", t) for t in TOLERANCES],
    "scikit-learn lbfgs": [scikit_learn("lbfgs", t) for t in TOLERANCES],
}
UNPENALISED: dict[str, list[Run]] = {"skglm ProxNewton": [skglm(t) for t in TOLERANCES]}
METHODS = GENERAL | LOGISTIC | UNPENALISED

# Features of 2000 samples, condition of their scales, penalty, alpha; and who can fit that.
PROBLEMS = {
    (500, 100, "quadratic", 0.1): GENERAL,
    (500, 100, "label-smoothing", 0.1): GENERAL | LOGISTIC,
    (50, 100, "quadratic", 0.0): METHODS,
    (500, 1, "quadratic", 0.1): GENERAL,
}


def first_to_arrive(loss: Objective, runs: list[Run]) -> tuple[Run | None, float]:
    """The first run that reaches the goal, if one does, and the least gradient until then."""
    least = np.inf
    for run in runs:
        least = min(least, loss.least_gradient(run))
        if least <= GOAL:
            return run, least
    return None, least


@pytest.mark.parametrize(
    ("problem", "method"), [(p, m) for p in PROBLEMS for m in PROBLEMS[p]], ids=str
)
def bench_fit(measure: Any, never: Any, small: bool, problem: Any, method: str) -> None:
    features, condition, penalty, alpha = problem
    shape = (300, features // 10) if small else (2000, features)
    loss = Objective(absorbed(*shape, condition), penalty, alpha, GOAL)
    group = f"{shape[0]} x {shape[1]}, scales 1 to {condition}, {penalty}, alpha = {alpha}"
    run, least = first_to_arrive(loss, METHODS[method])
    if run is None:
        never(group, method, lambda: loss.least_gradient(METHODS[method][-1]), f"{least:.0e}")
    measure(group, method, lambda: loss.least_gradient(run), accuracy="{:.0e}".format)

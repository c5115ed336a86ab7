"""Fits and paths against general optimisers, scikit-learn and skglm on the same loss.

    python benchmarks/bench_fit.py

Seconds are CPU seconds of one BLAS thread, the best of a few runs, so that other work on the
machine counts little. Every method is charged with the time until the gradient is 1e-8 of that at
zero weights; ours, with the whole fit. The last column is the smallest relative gradient a method
ever reaches.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from logitreg.numerics.fit import fit
from logitreg.numerics.path import fit_path
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

_GOAL = 1e-8


def data(samples: int, features: int, condition: float) -> np.ndarray:
    """Absorbed signal-plus-noise data; the features differ in scale by ``condition``."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((samples, features))
    X[:, 0] += 1
    return X * np.logspace(0, np.log10(condition), features)


_PENALTIES: dict[str, tuple[Callable[[Any], Any], ...]] = {
    "quadratic": (lambda z: z**2, lambda z: 2 * z, lambda z: 2 + 0 * z),
    "label-smoothing": (
        lambda z: np.logaddexp(0, -z) + z / 2,
        lambda z: 0.5 - expit(-z),
        lambda z: expit(z) * expit(-z),
    ),
    "huber": (
        lambda z: np.where(np.abs(z) <= 1, z**2 / 2, np.abs(z) - 0.5),
        lambda z: np.clip(z, -1, 1),
        lambda z: np.where(np.abs(z) <= 1, 1.0, 0.0),
    ),
}
"""f, f' and f''."""


class Objective:
    """mean (1 - alpha) log(1 + exp(-z)) + alpha f(z), and a trace of the relative gradient over CPU
    time."""

    def __init__(self, X: np.ndarray, penalty: str, alpha: float) -> None:
        self.X, self.penalty, self.alpha = X, penalty, alpha
        self.f, self.slope, self.curvature = _PENALTIES[penalty]
        self.first = float(np.linalg.norm(self.gradient(np.zeros(X.shape[1]))))
        self.trace: list[tuple[float, float]] = []

    def value(self, w: np.ndarray) -> float:
        z = self.X @ w
        return float(np.mean((1 - self.alpha) * np.logaddexp(0, -z) + self.alpha * self.f(z)))

    def gradient(self, w: np.ndarray) -> np.ndarray:
        z = self.X @ w
        slope = self.alpha * self.slope(z) - (1 - self.alpha) * expit(-z)
        return np.asarray(self.X.T @ slope / len(z))

    def weights_of_hessian(self, w: np.ndarray) -> np.ndarray:
        z = self.X @ w
        bend = (1 - self.alpha) * expit(z) * expit(-z) + self.alpha * self.curvature(z)
        return np.asarray(bend / len(z))

    def product(self, w: np.ndarray, v: np.ndarray) -> np.ndarray:
        return np.asarray(self.X.T @ (self.weights_of_hessian(w) * (self.X @ v)))

    def relative(self, w: np.ndarray) -> float:
        return float(np.linalg.norm(self.gradient(w))) / self.first

    def record(self, w: np.ndarray) -> None:
        self.trace.append((time.process_time(), self.relative(w)))


def full_newton(loss: Objective) -> np.ndarray:
    """Plain Newton: form the Hessian, factor it, step; to rounding level."""
    w, last = np.zeros(loss.X.shape[1]), np.inf
    for _ in range(50):
        gradient = loss.gradient(w)
        size = float(np.linalg.norm(gradient))
        if size <= 1e-14 * loss.first or (size < 1e-11 * loss.first and size >= last):
            break
        last = size
        rows = np.sqrt(loss.weights_of_hessian(w))[:, None] * loss.X
        w = w - cho_solve(cho_factor(rows.T @ rows), gradient)
        loss.record(w)
    return w


def descent(loss: Objective) -> None:
    """Gradient descent at the rate 1/L, L the largest eigenvalue of X^T X/N times the curvature."""
    bound = (1 - loss.alpha) / 4 + loss.alpha * (2 if loss.penalty == "quadratic" else 0.25)
    rate = len(loss.X) / (np.linalg.norm(loss.X, 2) ** 2 * bound)
    w = np.zeros(loss.X.shape[1])
    for step in range(1500):
        w = w - rate * loss.gradient(w)
        if step % 50 == 0:
            loss.record(w)


def by_scipy(method: str, **options: float) -> Callable[[Objective], None]:
    def run(loss: Objective) -> None:
        extra: dict[str, Any] = {} if method == "L-BFGS-B" else {"hessp": loss.product}
        minimize(
            loss.value,
            np.zeros(loss.X.shape[1]),
            jac=loss.gradient,
            method=method,
            callback=lambda w: loss.record(w),
            options={"maxiter": 3000, **options},
            **extra,
        )

    return run


def by_scikit_learn(solver: str, tolerance: float) -> Callable[[Objective], None]:
    """Label smoothing as weighted copies of each sample with either label."""

    def run(loss: Objective) -> None:
        X, half = loss.X, loss.alpha / 2
        labels = np.repeat([1, 0], len(X))
        weights = np.repeat([1 - half, half], len(X)) / len(X)
        model = LogisticRegression(
            C=np.inf, solver=solver, tol=tolerance, max_iter=10000, fit_intercept=False
        )
        model.fit(np.vstack([X, X]), labels, sample_weight=weights)
        loss.record(model.coef_[0])

    return run


def by_skglm(loss: Objective) -> None:
    """Logistic regression without a penalty, alpha = 0, by skglm's proximal Newton method."""
    from skglm.datafits import Logistic
    from skglm.penalties import L1
    from skglm.solvers import ProxNewton

    datafit, penalty = Logistic(), L1(0.0)
    X = np.asfortranarray(loss.X)
    solver = ProxNewton(tol=1e-14, max_iter=100, fit_intercept=False)
    loss.record(solver.solve(X, np.ones(len(X)), datafit, penalty)[0])


def seconds(run: Callable[[], Any], repeats: int = 3) -> float:
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        run()
        best = min(best, time.process_time() - start)
    return best


def row(name: str, loss: Objective, run: Callable[[Objective], Any], ours: float) -> None:
    """Print the seconds to the goal, their ratio to ours, and the least gradient."""
    best, least = float("inf"), float("inf")
    for _ in range(2):
        loss.trace.clear()
        start = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            run(loss)
        least = min([least, *(gradient for _, gradient in loss.trace)])
        there = [moment - start for moment, gradient in loss.trace if gradient <= _GOAL]
        best = min([best, *there[:1]])
    shown = f"{best:9.4f} {best / ours:8.1f}" if best < float("inf") else f"{'never':>9s} {'':8s}"
    print(f"  {name:28s} {shown} {least:10.1e}")


def table(samples: int, features: int, condition: float, penalty: str, alpha: float) -> None:
    """One problem, every method."""
    loss = Objective(data(samples, features, condition), penalty, alpha)
    ours = seconds(lambda: fit(loss.X, penalty=penalty, alpha=alpha))
    found = fit(loss.X, penalty=penalty, alpha=alpha)
    print(f"N = {samples}, d = {features}, scales 1..{condition:g}, {penalty}, alpha = {alpha}")
    print(f"  {'method':28s} {'seconds':>9s} {'/ ours':>8s} {'gradient':>10s}")
    print(f"  {'logitreg':28s} {ours:9.4f} {1:8.1f} {loss.relative(found.weights):10.1e}")
    row("full Newton", loss, full_newton, ours)
    row("scipy L-BFGS-B", loss, by_scipy("L-BFGS-B", ftol=0, gtol=0, maxcor=20), ours)
    row("scipy newton-cg", loss, by_scipy("Newton-CG", xtol=1e-14), ours)
    row("scipy trust-ncg", loss, by_scipy("trust-ncg", gtol=1e-12), ours)
    if penalty == "label-smoothing":
        for solver in ("lbfgs", "newton-cholesky"):
            for tolerance in (1e-6, 1e-10, 1e-14):
                name = f"scikit-learn {solver} {tolerance:.0e}"
                row(name, loss, by_scikit_learn(solver, tolerance), ours)
    if alpha == 0:
        try:
            row("skglm ProxNewton", loss, by_skglm, ours)
        except ImportError:
            print("  skglm is not installed")
    row("gradient descent", loss, descent, ours)


def path(samples: int, features: int, penalty: str, lowest: float) -> None:
    """50 alphas against one full Newton solve, at the middle of them and at the lowest."""
    X = data(samples, features, 1.0)
    alphas = np.geomspace(lowest, 0.9, 50)
    ours = seconds(lambda: fit_path(X, penalty=penalty, alphas=alphas), 2)
    worst = max(result.residual for result in fit_path(X, penalty=penalty, alphas=alphas))
    ratios = []
    for alpha in (alphas[25], alphas[0]):
        loss = Objective(X, penalty, float(alpha))
        one = seconds(lambda loss=loss: full_newton(loss), 2)  # type: ignore[misc]
        ratios.append(f"{ours / one:.2f} x one solve at {alpha:.2g} ({one:.2f} s)")
    print(
        f"50 alphas, {lowest:g} to 0.9, {penalty}, N = {samples}, d = {features}: {ours:.2f} s, "
        f"residuals up to {worst:.0e}: " + ", ".join(ratios)
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--small", action="store_true", help="sizes for a quick look")
    small = parser.parse_args().small
    samples, features = (600, 100) if small else (2000, 500)
    for condition in (1.0, 100.0):
        table(samples, features, condition, "quadratic", 0.1)
    table(samples, features, 100.0, "label-smoothing", 0.1)
    table(samples, features // 10, 100.0, "quadratic", 0.0)
    samples, features = (500, 350) if small else (2000, 1400)
    for lowest in (1e-2, 1e-3, 1e-4):
        path(samples, features, "quadratic", lowest)
    path(samples, features, "huber", 1e-2)


if __name__ == "__main__":
    main()

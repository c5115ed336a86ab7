"""Gradient flow on separable data: the identities behind the bound, and the flow itself."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from logitreg.proofs_checks.smt import prove_implication
from logitreg.theory.max_margin import margin_derivation, margin_lemmas, single_sample_logit
from mpmath import mp, mpf
from scipy.integrate import solve_ivp
from scipy.optimize import minimize
from sympy import Symbol


def test_lemmas_hold_and_the_derivation_follows() -> None:
    for lemma in margin_lemmas():
        assert prove_implication(lemma.hypotheses, lemma.conclusion).supported, lemma.sentence
    assert margin_derivation().unproved() == ()


def test_single_sample_logit_inverts_cross_entropy() -> None:
    total = Symbol("T", positive=True)
    with mp.workdps(50):
        for logit in (mpf(-3), mpf("0.25"), mpf(7)):
            value = mpmath.log(1 + mpmath.exp(-logit))
            found = single_sample_logit(total).evalf(50, subs={total: value})
            assert abs(mpf(str(found)) - logit) < mpf(10) ** -40


def largest_margin(samples: np.ndarray) -> float:
    """max min_i u^T x_i over unit vectors: the inverse norm of the least S with all logits >= 1."""
    result = minimize(
        lambda s: s @ s,
        np.linalg.lstsq(samples, 2 * np.ones(len(samples)), rcond=None)[0],
        jac=lambda s: 2 * s,
        constraints={"type": "ineq", "fun": lambda s: samples @ s - 1, "jac": lambda s: samples},
        method="SLSQP",
        options={"ftol": 1e-14},
    )
    return float(1 / np.linalg.norm(result.x))


@pytest.mark.parametrize("seed", range(4))
def test_flow_obeys_the_bound_on_its_margin(seed: int) -> None:
    """min_i S^T x_i >= G |S| + Phi(T(0)), for the flow that starts at 0."""
    rng = np.random.default_rng(seed)
    samples = rng.normal(size=(8, 2)) + np.array([2.5, 0.0])
    samples *= np.sign(samples @ np.array([1.0, 0.0]))[:, None]

    def velocity(_time: float, s: np.ndarray) -> np.ndarray:
        return samples.T @ (1 / (1 + np.exp(samples @ s)))

    flow = solve_ivp(velocity, (0, 1e5), np.zeros(2), method="LSODA", rtol=1e-9, atol=1e-11)
    margin = largest_margin(samples)
    start = -math.log(math.expm1(len(samples) * math.log(2)))
    norms = np.linalg.norm(flow.y, axis=0)
    assert np.all((samples @ flow.y).min(axis=0) >= margin * norms + start - 1e-6)
    # Phi' >= G^2/(1 + exp(Phi)), so that exp(Phi) + Phi gains at least G^2 t.
    total = np.logaddexp(0, -(samples @ flow.y[:, -1])).sum()
    last = -math.log(math.expm1(total))
    assert math.exp(last) + last >= margin**2 * 1e5

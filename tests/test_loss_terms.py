"""The formulas of the loss, which every solver, training loop and loss module shares."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from logitreg.numerics.kernels import kernel
from logitreg.numerics.loss_terms import COUPLED, LOGISTIC, Logits, Term, cross_entropy, separate
from logitreg.numerics.losses import sample_loss
from mpmath import mp, mpf

LOGITS = [
    [0.0, 0.0, 0.0],
    [1e-9, -2e-9, 0.0],
    [1.0, -2.0, 0.3],
    [40.0, 0.0, 1.0],
    [-300.0, 0.0, 7.0],
]


def probabilities(z: list[float]) -> list[Any]:
    grown = [mp.exp(mpf(x)) for x in z]
    return [e / mp.fsum(grown) for e in grown]


def reference(name: str, z: list[float]) -> tuple[Any, list[Any]]:
    """Value and gradient at 60 digits; class 0 is the true one."""
    p = probabilities(z)
    if name == "cross-entropy":
        return -mp.log(p[0]), [p[0] - 1, *p[1:]]
    if name == "label-smoothing":
        return -mp.fsum(map(mp.log, p)) / 3, [x - mpf(1) / 3 for x in p]
    mean = mp.fsum(x * mp.log(x) for x in p)
    return mean, [x * (mp.log(x) - mean) for x in p]


def terms() -> dict[str, Term]:
    return {"cross-entropy": cross_entropy(np.array([[1.0, 0.0, 0.0]]), axis=1), **COUPLED}


@pytest.mark.parametrize("name", ["cross-entropy", "label-smoothing", "entropy"])
@pytest.mark.parametrize("z", LOGITS)
def test_values_and_gradients_have_their_digits_where_they_are_small(
    name: str, z: list[float]
) -> None:
    with mp.workdps(60):
        value, gradient = reference(name, z)
        at, term = Logits(np.array([z]), axis=1), terms()[name]
        assert abs(term.value(at)[0, 0] - value) <= 1e-15 * abs(value)
        largest = max(map(abs, gradient))
        for found, exact in zip(term.gradient(at)[0], gradient, strict=True):
            assert abs(found - exact) <= (4e-16 + 1e-15 * (name == "entropy")) * largest


def test_the_difference_of_probabilities_and_labels_has_not() -> None:
    """What the gradients avoid: p - q where p is close to q."""
    at = Logits(np.array([[40.0, 0.0, 1.0]]), axis=1)
    with mp.workdps(60):
        exact = probabilities([40.0, 0.0, 1.0])[0] - 1
        assert abs((at.p[0, 0] - 1) - exact) > 1e-3 * abs(exact)


@pytest.mark.parametrize("z", [-800.0, -30.0, -1e-9, 0.0, 1e-9, 30.0, 740.0])
def test_the_logistic_loss_has_all_digits(z: float) -> None:
    with mp.workdps(400):
        e = mp.exp(-mpf(z))
        exact = mp.log1p(e), -e / (1 + e), e / (1 + e) ** 2
        for found, reference in zip((f(np.array([z]))[0] for f in LOGISTIC), exact, strict=True):
            assert abs(found - reference) <= 1e-15 * abs(reference) + mpf(2) ** -1074


@pytest.mark.parametrize("name", ["quadratic", "label-smoothing", "entropy", "cosh"])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_the_matrix_and_the_product_are_the_derivative_of_the_gradient(
    name: str, axis: int
) -> None:
    rng = np.random.default_rng(0)
    z, u = rng.standard_normal((2, 6, 3))
    loss = sample_loss(name, 0.3, np.arange(6) % 3, 3)
    h = 1e-5
    change = (loss.gradient(z + h * u) - loss.gradient(z - h * u)) / (2 * h)
    curvature = loss.curvature(z)
    np.testing.assert_allclose(curvature(u), change, atol=1e-9)
    np.testing.assert_allclose(np.einsum("nkl,nl->nk", curvature.matrix, u), change, atol=1e-9)
    f = COUPLED.get(name)
    if f is not None:
        turned = Logits(z if axis != 0 else z.T, axis=axis)
        along = f.gradient(turned) if axis != 0 else f.gradient(turned).T
        np.testing.assert_allclose(along, f.gradient(Logits(z, axis=1)), rtol=1e-15)


def test_infinite_curvature_is_cut() -> None:
    f = kernel("power", p=1.5)
    assert np.isinf(f.curvature(0.0))
    assert np.all(separate(f).curvature(Logits(np.zeros((1, 1)), axis=1)).diagonal == 1e12)

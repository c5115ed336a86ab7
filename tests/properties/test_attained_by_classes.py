"""For K classes too the bounds on the angle are attained, so that no weaker ones pass unnoticed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import logitreg as lr
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from logitreg.numerics.alignment import AlignmentCertificate, alignment
from logitreg.proofs_checks.strategies import alphas
from logitreg.theory import alignment_extensions as theory
from sympy import Rational

Array = np.ndarray
Refutes = Callable[..., None]

few = settings(max_examples=max(1, settings().max_examples // 3))


def outliers(classes: int, ordinary: int, height: float, bias: bool) -> tuple[Array, Array]:
    """The theory's design. Its first columns add up to the column of a bias, which replaces one."""
    exact, one_hot = theory.class_outlier_design(classes, ordinary, Rational(height))
    X, y = np.array(exact, dtype=float), np.argmax(np.array(one_hot, dtype=float), axis=1)
    return X[:, bias:], y


def certified(
    classes: int, ordinary: int, height: float, bias: bool, penalty: str, alpha: float
) -> AlignmentCertificate:
    X, y = outliers(classes, ordinary, height, bias)
    found = lr.fit(X, y, penalty=penalty, alpha=alpha, bias=bias)
    options: dict[str, Any] = {"bias": found.bias} if bias else {}
    return alignment(X, found.weights, y, penalty=penalty, alpha=alpha, **options)


def check_linearity_bound(
    data: tuple[int, int, float, bool], penalty: str, alpha: float, weakened: float = 1.0
) -> None:
    """Attained as h -> 0, whatever the penalty: V then spans (I - P) T, the part of the targets
    that Fisher leaves, and Z is as far from the plane of T and V as from the line of P T.
    """
    certificate = certified(*data, penalty, alpha)
    assert certificate.sine_below <= certificate.linearity_bound
    assert certificate.sine_below >= 0.999 * weakened * certificate.linearity_bound


def check_bound(data: tuple[int, int, float, bool], alpha: float, weakened: float = 1.0) -> None:
    """Label smoothing: the share of the theory at the epsilon of the Hessians at the targets, less
    what the certificate loses by bounding their eigenvalues.
    """
    certificate, K = certified(*data, "label-smoothing", alpha), data[0]
    p = 1 - alpha + alpha / K
    epsilon = theory.smoothing_limit().subs({theory.K: K, theory.confidence: p})
    share = float(theory.attained_share().subs({theory.K: K, theory.epsilon: epsilon}))
    assert certificate.sine_below <= certificate.bound
    assert certificate.sine_below >= 0.9 * share * weakened * certificate.bound


data = st.tuples(
    st.integers(3, 6), st.integers(1, 4), st.integers(8, 12).map(lambda k: 2.0**-k), st.booleans()
)
smooth = st.sampled_from(["label-smoothing", "quadratic", "pseudo-huber", "log-cosh", "cosh"])


@given(data, smooth, alphas(0.02, 0.9))
@few
def test_linearity_bound_is_attained_by_classes(
    data: tuple[int, int, float, bool], penalty: str, alpha: float
) -> None:
    check_linearity_bound(data, penalty, alpha)


@given(data, alphas(0.02, 0.3))
@few
def test_bound_is_attained_by_classes_up_to_its_share(
    data: tuple[int, int, float, bool], alpha: float
) -> None:
    check_bound(data, alpha)


@pytest.mark.parametrize("factor", [1.01, 2.0])
def test_weaker_linearity_bounds_are_refuted(factor: float, refutes: Refutes) -> None:
    def check(data: tuple[int, int, float, bool], penalty: str, alpha: float) -> None:
        check_linearity_bound(data, penalty, alpha, factor)

    refutes(check, data, smooth, alphas(0.02, 0.9), within=1)


@pytest.mark.parametrize("factor", [1.12, 2.0])
def test_weaker_bounds_are_refuted(factor: float, refutes: Refutes) -> None:
    def check(data: tuple[int, int, float, bool], alpha: float) -> None:
        check_bound(data, alpha, factor)

    refutes(check, data, alphas(0.02, 0.3), within=1)

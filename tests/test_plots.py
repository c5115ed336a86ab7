"""The plot of a penalty: its minimisers, its colours, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from demo_report import loss_of_label_smoothing, target_of_label_smoothing
from logitreg.errors import NoFiniteTargetError
from logitreg.proofs_checks.plots import penalty_figure

z = sp.Symbol("z", real=True)


def loss_of_quadratic(logit: np.ndarray, strength: float) -> np.ndarray:
    return (1 - strength) * np.logaddexp(0, -logit) + strength * logit**2


def test_figure_marks_minimisers_where_the_loss_is_least() -> None:
    root = sp.nsolve(2 * z * (1 + sp.exp(z)) - 4, z, 0.7)
    figure = penalty_figure(
        "quadratic",
        loss_of_quadratic,
        lambda a: np.where(a == 0.2, float(root), np.inf),
        alphas=(0.2, 0.5),
    )
    assert f"z* = {float(root):.3g} for α = 0.2;" in figure.description
    assert "0.5" not in figure.description.split(";")[0]


def test_figure_takes_its_colours_and_fonts_from_the_page() -> None:
    svg = penalty_figure("a", loss_of_label_smoothing, target_of_label_smoothing).svg
    assert "currentColor" in svg
    assert "var(--series-3, #008563)" in svg
    assert "font-family" not in svg
    assert "<style" not in svg
    assert "<metadata" not in svg
    assert "stroke-dasharray" in svg
    assert ">strength α</text>" in svg


def test_figure_without_a_finite_target_is_refused() -> None:
    with pytest.raises(NoFiniteTargetError, match="no finite target"):
        penalty_figure("zero", loss_of_quadratic, lambda a: np.full_like(a, np.inf))

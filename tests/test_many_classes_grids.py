"""The limit of K classes on arrays of parameters, and for many classes."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from logitreg.errors import SeparableError
from logitreg.numerics import many_classes_saddle
from logitreg.numerics.losses import target_levels
from logitreg.numerics.many_classes_limit import ClassAsymptotics, asymptotics_many_classes
from logitreg.theory import many_classes_limit as theory
from logitreg.theory.high_dimension import excess
from logitreg.theory.signal_noise import mu_f, sigma_f, sigma_n
from numpy.testing import assert_allclose


def test_arrays_of_parameters_give_the_limits_of_their_cells() -> None:
    xp = pytest.importorskip("array_api_strict")
    ratios, alphas = np.array([[0.3], [1.5]]), np.array([0.1, 0.2])
    found = asymptotics_many_classes(ratios, 3, alpha=alphas, penalty="label-smoothing")
    other = asymptotics_many_classes(
        xp.asarray(ratios), 3, alpha=xp.asarray(alphas), penalty="label-smoothing"
    )
    for field in fields(ClassAsymptotics):
        values = getattr(found, field.name)
        assert values.shape == (2, 2)
        assert np.array_equal(np.asarray(getattr(other, field.name)), values)
    alone = asymptotics_many_classes(1.5, 3, alpha=0.1, penalty="label-smoothing")
    assert isinstance(alone.accuracy, float)
    assert [alone.accuracy, alone.residual] == [found.accuracy[1, 0], found.residual[1, 0]]


def test_of_a_grid_the_cell_that_fails_is_named() -> None:
    with pytest.raises(SeparableError) as caught:
        asymptotics_many_classes(np.array([0.05, 0.9]), 3, alpha=0.0)
    assert "in the cell aspect_ratio = 0.9, signal = 1" in caught.value.__notes__[0]


def test_closed_forms_take_any_number_of_classes() -> None:
    found = asymptotics_many_classes(1.5, 10**6, signal=1e3)
    at = {mu_f: 1000, sigma_f: 0.5, sigma_n: 1, excess: 0.5, theory.classes: 10**6}
    low, high = target_levels("quadratic", 0.1, 10**6)
    signal = theory.least_norm().subs({**at, theory.goal: high - low})
    assert_allclose(found.signal_weight, float(signal), rtol=1e-13)


def test_more_classes_need_fewer_points(monkeypatch: pytest.MonkeyPatch) -> None:
    """A node of many classes averages over them by itself."""
    cell: dict[str, Any] = {"signal": 4.0, "penalty": "label-smoothing", "alpha": 0.1}
    many = asymptotics_many_classes(0.5, 40, **cell)
    monkeypatch.setattr(many_classes_saddle, "_LOG2_TOTAL", 13)
    few = asymptotics_many_classes(0.5, 40, **cell)
    assert many.error < few.error < 1e-4
    assert 0 < abs(few.signal_weight / many.signal_weight - 1) < 5 * few.error

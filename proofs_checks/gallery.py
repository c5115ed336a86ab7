"""The pictures and pages that the commands write: the catalogue's plots, a penalty's derivation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..numerics.kernels import Kernel, kernel, penalties
from ..numerics.targets import target
from .analysis import Analysis, facts
from .plots import Figure, penalty_figure
from .report import derivation_section, facts_section, gallery_section, render_page

__all__ = ["catalogue_figures", "derivation_page", "figure_of"]

FloatArray = NDArray[np.float64]


def catalogue_figures() -> tuple[Figure, ...]:
    """Loss and target of each penalty in the catalogue."""
    return tuple(figure_of(kernel(name)) for name in penalties())


def figure_of(penalty: Kernel, greatest_alpha: float = 1.0) -> Figure:
    """Loss and target of a penalty, which is finite below the greatest alpha."""

    def loss(z: FloatArray, alpha: float) -> FloatArray:
        total: FloatArray = (1 - alpha) * np.logaddexp(0, -z) + alpha * penalty.value(z)
        return total

    def targets(alpha: FloatArray) -> FloatArray:
        found = np.full(alpha.shape, np.nan)
        finite = alpha < greatest_alpha
        found[finite] = target(penalty, alpha[finite])
        return found

    shown = [share * greatest_alpha for share in (0.05, 0.2, 0.6)]
    return penalty_figure(penalty.name, loss, targets, alphas=shown)


def derivation_page(analysis: Analysis) -> str:
    """The analysis of a penalty as one HTML page."""
    lists = [
        facts_section(title, {label: text.replace("\n", "; ") for label, text in items})
        for title, items in facts(analysis)[:-1]
    ]
    steps = derivation_section(analysis.derivation)
    figure = figure_of(kernel(analysis.penalty), float(1 / (1 + analysis.least_odds)))
    plot = gallery_section("Loss and target", [figure])
    return render_page(f"The penalty {analysis.penalty.name}", [*lists, steps, plot])

"""What a figure shows, as numbers: drawn by another module, checked by tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Array",
    "Cloud",
    "FigureData",
    "Histogram",
    "Line",
    "Panel",
    "Points",
    "Track",
    "deviations",
    "untracked",
]

Array = NDArray[np.float64]
Track = Callable[[Sequence[Any]], Iterable[Any]]
"""What hands out the pieces of work one by one, so that a progress bar may count them."""

# Rounding of the solvers, where all seeds give the same number.
_ROUNDING = 1e-9


class Line(NamedTuple):
    """A curve; series picks its colour, dash its pattern."""

    x: Array
    y: Array
    label: str
    series: int = 0
    dash: int = 0


class Points(NamedTuple):
    """Means over seeds with their standard errors, and what theory expects at the same places.

    Without a theory for them ``expected`` is None, or NaN at some; without repetition ``error`` is
    NaN.
    """

    x: Array
    y: Array
    error: Array
    label: str
    series: int = 0
    expected: Array | None = None
    hollow: bool = False


class Histogram(NamedTuple):
    """Densities between edges, one more than densities."""

    edges: Array
    density: Array
    label: str
    series: int = 0


class Cloud(NamedTuple):
    """Single samples in the plane."""

    x: Array
    y: Array
    label: str
    series: int = 0


class Panel(NamedTuple):
    """One pair of axes; scales are linear or log, of x also log2."""

    x_label: str
    y_label: str
    marks: tuple[Line | Points | Histogram | Cloud, ...]
    title: str = ""
    x_scale: str = "linear"
    y_scale: str = "linear"
    x_limits: tuple[float, float] | None = None
    y_limits: tuple[float, float] | None = None
    equal: bool = False


@dataclass(frozen=True)
class FigureData:
    """The panels of a figure, row by row, and what its caption says."""

    caption: str
    panels: tuple[Panel, ...]
    columns: int = 1


def deviations(data: FigureData) -> Array:
    """Simulation minus theory, in standard errors, at every point that has a theory.

    Infinite where all seeds agree on another number than the theory's.

    Examples
    --------
    >>> points = Points(*(np.array([v]) for v in (0.0, 1.5, 0.25)), "", expected=np.array([1.0]))
    >>> deviations(FigureData("", (Panel("x", "y", (points,)),)))
    array([2.])
    """
    found = []
    for panel in data.panels:
        for mark in panel.marks:
            if isinstance(mark, Points) and mark.expected is not None:
                gap = mark.y - mark.expected
                gap = np.where(np.abs(gap) <= _ROUNDING * (1 + np.abs(mark.expected)), 0.0, gap)
                certain = np.where(gap == 0, 0.0, np.copysign(np.inf, gap))
                spread = mark.error > 0
                scaled = np.where(spread, gap / np.where(spread, mark.error, 1.0), certain)
                found.append(scaled[np.isfinite(mark.expected)])
    return np.concatenate(found) if found else np.empty(0)


def untracked(items: Sequence[Any]) -> Iterable[Any]:
    """No progress bar."""
    return items

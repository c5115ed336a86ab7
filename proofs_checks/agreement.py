"""Trained weights against the high-dimensional limit: a recorded simulation, and what it says.

The simulation takes most of an hour (benchmarks/agreement.py); its means and standard errors are
kept in agreement.json, beside the theory of that day; :func:`limits` is the theory of today.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np

from ..numerics.high_dimension import asymptotics

__all__ = ["QUANTITIES", "Agreement", "Cell", "Comparison", "Found", "Mean", "agreement", "limits"]

QUANTITIES = ("accuracy", "cosine", "signal_weight", "noise_weight", "margin")
"""Fields of Asymptotics that are held against trained weights, where they are finite."""

_WIDEST = 4.0


class Cell(NamedTuple):
    """lambda, sigma_f, sigma_n, the penalty and alpha; mu_f = 1."""

    aspect_ratio: float
    signal_noise: float
    orthogonal_noise: float
    penalty: str
    alpha: float


class Mean(NamedTuple):
    """A mean over data sets, and its standard error."""

    mean: float
    error: float


class Found(StrEnum):
    """What a comparison says."""

    AGREES = "agrees"
    CHANCE = "agrees on fresh data sets"
    FINITE = "agrees but for the finite size"
    DIFFERS = "differs"


@dataclass(frozen=True)
class Comparison:
    """One quantity in one cell: simulated, simulated at a smaller size, and in theory.

    Attributes
    ----------
    measured : at the full size.
    small : at a size that is smaller by a factor of ``shrunk``.
    fresh : at the full size on other data sets; None where they were not asked for, as
        ``measured`` is within four standard errors.
    """

    cell: Cell
    quantity: str
    theory: float
    measured: Mean
    small: Mean
    shrunk: float
    fresh: Mean | None = None

    @property
    def deviation(self) -> float:
        """Simulation minus theory, in standard errors."""
        return _in_errors(self.measured.mean - self.theory, self.measured)

    @property
    def bias(self) -> float:
        """What finite size does, in standard errors: of order 1/N, and so seen at the small size.

        >>> cell = Cell(0.4, 0.5, 1.0, "quadratic", 0.1)
        >>> seen = Comparison(cell, "cosine", 0.5, Mean(0.51, 0.01), Mean(0.54, 0.01), 4.0)
        >>> round(seen.deviation, 12), round(seen.bias, 12), seen.found.value
        (1.0, 1.0, 'agrees')
        """
        return _in_errors((self.small.mean - self.theory) / self.shrunk, self.measured)

    @property
    def found(self) -> Found:
        """Whether theory and simulation are within four standard errors, and if not, why."""
        if abs(self.deviation) <= _WIDEST:
            return Found.AGREES
        if self.fresh is not None:
            if abs(_in_errors(self.fresh.mean - self.theory, self.fresh)) <= _WIDEST:
                return Found.CHANCE
            bias = self.bias * self.measured.error
            if abs(_in_errors(self.fresh.mean - self.theory - bias, self.fresh)) <= _WIDEST:
                return Found.FINITE
        return Found.DIFFERS


def _in_errors(gap: float, measured: Mean) -> float:
    """Gap over error; rounding is all that is left of the error where all data sets agree."""
    if abs(gap) <= 1e-12 * (1 + abs(measured.mean)):
        return 0.0
    return gap / measured.error if measured.error else math.copysign(math.inf, gap)


@dataclass(frozen=True)
class Agreement:
    """The recorded simulation: how much of it there is, and what it found."""

    date: str
    samples: int
    seeds: int
    fresh_seeds: int
    small_samples: int
    small_seeds: int
    comparisons: tuple[Comparison, ...]

    def beyond(self) -> tuple[Comparison, ...]:
        """The comparisons that do not agree at first sight."""
        return tuple(c for c in self.comparisons if c.found is not Found.AGREES)


def limits(cells: Sequence[Cell]) -> list[dict[str, float]]:
    """The quantities of :data:`QUANTITIES` that are finite, in theory, cell by cell.

    >>> limits([Cell(0.4, 0.8, 0.5, "huber", 0.0)])[0].keys()
    dict_keys(['accuracy', 'cosine', 'margin'])
    """
    found: list[dict[str, float]] = [{} for _ in cells]
    for penalty in dict.fromkeys(cell.penalty for cell in cells):
        places = [i for i, cell in enumerate(cells) if cell.penalty == penalty]
        ratio, along, across, alpha = (
            np.array([getattr(cells[i], name) for i in places])
            for name in ("aspect_ratio", "signal_noise", "orthogonal_noise", "alpha")
        )
        limit = asymptotics(
            ratio, signal_noise=along, orthogonal_noise=across, penalty=penalty, alpha=alpha
        )
        for name in QUANTITIES:
            for i, value in zip(places, getattr(limit, name).tolist(), strict=True):
                if math.isfinite(value):
                    found[i][name] = value
    return found


def agreement() -> Agreement:
    """The record of this version."""
    path = files(__package__).joinpath("agreement.json")
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    sizes = ("date", "samples", "seeds", "fresh_seeds", "small_samples", "small_seeds")
    return Agreement(
        **{name: record[name] for name in sizes},
        comparisons=tuple(
            Comparison(
                Cell(*row["cell"]),
                quantity,
                values["theory"],
                Mean(*values["measured"]),
                Mean(*values["small"]),
                record["samples"] / record["small_samples"],
                Mean(*values["fresh"]) if "fresh" in values else None,
            )
            for row in record["cells"]
            for quantity, values in row["quantities"].items()
        ),
    )

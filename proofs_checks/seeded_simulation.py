"""What seeded simulations say: bands of means over the seeds, worth OBSERVED."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from .evidence import Grade, Outcome, Status

__all__ = ["Band", "band", "limits_in_bands", "not_observed", "observed", "student_band"]

Array = NDArray[np.float64]

_METHOD = "seeded simulation"


@dataclass(frozen=True)
class Band:
    """An interval for a mean over the seeds."""

    low: float
    high: float

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high

    def __str__(self) -> str:
        return f"[{self.low:.4g}, {self.high:.4g}]"


def band(values: Array) -> Band:
    """The mean of independent values, four standard errors to each side: all of 99.99 %.

    >>> print(band(np.array([1.0, 3.0] * 8)))
    [0.9672, 3.033]
    """
    return _standard_errors_around(values, 4.0)


def student_band(values: Array) -> Band:
    """Student's 95 % interval for the mean of independent values.

    >>> print(student_band(np.array([1.0, 2.0] * 4)))
    [1.053, 1.947]
    """
    return _standard_errors_around(values, stdtrit(values.size - 1, 0.975))


def _standard_errors_around(values: Array, number: float) -> Band:
    half = number * values.std(ddof=1) / np.sqrt(values.size)
    return Band(float(values.mean() - half), float(values.mean() + half))


def observed(detail: str) -> Outcome:
    """Support by a seeded simulation."""
    return Outcome(Status.SUPPORTED, _METHOD, detail, Grade.OBSERVED)


def not_observed(detail: str, witness: str) -> Outcome:
    """A refutation by a seeded simulation."""
    return Outcome.refuted(_METHOD, detail, witness, Grade.OBSERVED)


def limits_in_bands(comparisons: Iterable[tuple[str, float, Band]], data: str) -> Outcome:
    """Whether each band holds the limit of its mean; the first that does not refutes.

    Parameters
    ----------
    comparisons : what was measured, its limit, and its band.
    data : in words.

    Examples
    --------
    >>> limits_in_bands([("S_1", 0.5, Band(0.4, 0.7))], "32 seeds").detail
    '32 seeds; S_1 in [0.4, 0.7], solved 0.5'
    """
    told = []
    for name, limit, seen in comparisons:
        shown = f"{name} in {seen}, solved {limit:.4g}"
        if not seen.holds(limit):
            return not_observed("the means differ", shown)
        told.append(shown)
    return observed(f"{data}; {'; '.join(told)}")

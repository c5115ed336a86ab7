"""Single samples on which a loss is compared with hypotheses about what it computes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...numerics.rounding import Matrix
from .stated_loss import Codes, StatedLoss

__all__ = ["Probes", "probe"]

_MOST_LABELS = 12
_MOST_COLUMNS = 30


@dataclass(frozen=True)
class Probes:
    """Values of a loss, one sample at a time.

    Attributes
    ----------
    logits, codes : n samples.
    found : (n,) what the loss gave, up to a constant for each label.
    tolerance : (n,) how far that may be from a hypothesis.
    """

    stated: StatedLoss
    logits: Matrix
    codes: Codes
    found: Matrix
    tolerance: Matrix

    def fit(self, *columns: Matrix) -> Matrix | None:
        """The coefficients with which the columns give the loss exactly, or None.

        >>> z, codes = np.array([0.0, 1.0, 2.0]), np.zeros(3, dtype=np.int64)
        >>> Probes(None, z, codes, 3 * z + 1, np.full(3, 1e-9)).fit(z).round(9).tolist()
        [3.0]
        """
        labels = (self.codes[:, None] == np.unique(self.codes)).astype(np.float64)
        matrix = np.column_stack([*columns, labels])
        if not np.all(np.isfinite(matrix)):
            return None
        rows = 1 / self.tolerance
        solution = np.linalg.lstsq(matrix * rows[:, None], self.found * rows, rcond=None)[0]
        misfit = np.abs(matrix @ solution - self.found)
        return np.asarray(solution[: len(columns)]) if np.all(misfit <= self.tolerance) else None

    def matches(self, values: Matrix) -> bool:
        """Whether the loss has these values, up to a constant for each label."""
        return self.misfit(values) <= 1

    def misfit(self, values: Matrix) -> float:
        """The largest difference in units of the tolerance, up to a constant for each label."""
        if not np.all(np.isfinite(values)):
            return np.inf
        difference = self.found - values
        for code in np.unique(self.codes):
            own = self.codes == code
            best = np.flatnonzero(own)[np.argmin(self.tolerance[own])]
            difference[own] -= difference[best]
        return float(np.max(np.abs(difference) / self.tolerance))

    def where(self, chosen: NDArray[np.bool_]) -> Probes:
        """Some of the probes."""
        return Probes(
            self.stated,
            self.logits[chosen],
            self.codes[chosen],
            self.found[chosen],
            self.tolerance[chosen],
        )


def probe(stated: StatedLoss, evaluate: Callable[[Matrix, Codes], Any], rtol: float) -> Probes:
    """Evaluate a loss of single samples at logits of moderate and of large size."""
    rng = np.random.default_rng(1)
    labels = np.arange(min(stated.classes, _MOST_LABELS))
    if stated.labels == "absorbed":
        labels = np.array([1])
    rows = max(min(stated.classes, _MOST_COLUMNS) + 6, 16)
    codes = np.repeat(labels, 2 * rows)
    scale = np.where(np.arange(len(codes)) % 2 == 0, 2.0, 16.0)
    logits = rng.standard_normal(stated.shape(len(codes)))
    logits = np.clip(np.round(8 * (logits.T * scale).T) / 8, -40, 40)
    found = np.array(
        [float(evaluate(logits[i : i + 1], codes[i : i + 1])) for i in range(len(codes))]
    )
    usable = np.isfinite(found) & np.isfinite(stated.values(logits, codes))
    logits, codes, found = logits[usable], codes[usable], found[usable]
    reach = np.max(np.abs(logits.reshape(len(logits), -1)), axis=1, initial=0.0)
    tolerance = 10 * rtol * (1 + reach + np.abs(found) + np.abs(stated.values(logits, codes)))
    return Probes(stated, logits, codes, found, tolerance)

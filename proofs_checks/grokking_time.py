"""The recorded measurement of when gradient descent generalises (benchmarks/grokking_time.py)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import NamedTuple

__all__ = ["GrokkingTime", "Measured", "Setting", "grokking_time"]


class Measured(NamedTuple):
    """A mean over data sets, and its standard error."""

    mean: float
    error: float


class Setting(NamedTuple):
    """lambda and mu_f, tau in theory, the exponent of l''(z*), and eta l''(z*) T/tau by alpha."""

    aspect_ratio: float
    signal: float
    tau: float
    exponent: Measured
    constants: tuple[Measured, ...]


@dataclass(frozen=True)
class GrokkingTime:
    """T is the epoch at which an accuracy on fresh data is passed; sigma_f = 0, sigma_n = 1."""

    date: str
    samples: int
    seeds: int
    accuracy: float
    alphas: tuple[float, ...]
    exponent_in_rate: Measured
    exponent_in_tau: Measured
    settings: tuple[Setting, ...]


def grokking_time() -> GrokkingTime:
    """The record of this version."""
    path = files(__package__).joinpath("grokking_time.json")
    record = json.loads(path.read_text(encoding="utf-8"))
    return GrokkingTime(
        **{name: record[name] for name in ("date", "samples", "seeds", "accuracy")},
        alphas=tuple(record["alphas"]),
        exponent_in_rate=Measured(*record["exponent_in_rate"]),
        exponent_in_tau=Measured(*record["exponent_in_tau"]),
        settings=tuple(
            Setting(
                row["aspect_ratio"],
                row["signal"],
                row["tau"],
                Measured(*row["exponent"]),
                tuple(Measured(*pair) for pair in row["constants"]),
            )
            for row in record["settings"]
        ),
    )

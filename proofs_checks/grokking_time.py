"""The recorded measurement of when gradient descent generalises (benchmarks/grokking_time.py)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import NamedTuple

from .agreement import Mean

__all__ = ["GrokkingTime", "Setting", "grokking_time"]


class Setting(NamedTuple):
    """lambda and mu_f, tau in theory, the exponent of l''(z*), and eta l''(z*) T/tau by alpha."""

    aspect_ratio: float
    signal: float
    tau: float
    exponent: Mean
    constants: tuple[Mean, ...]


@dataclass(frozen=True)
class GrokkingTime:
    """T is the epoch at which an accuracy on fresh data is passed; sigma_f = 0, sigma_n = 1."""

    date: str
    samples: int
    seeds: int
    accuracy: float
    alphas: tuple[float, ...]
    exponent_in_rate: Mean
    exponent_in_tau: Mean
    settings: tuple[Setting, ...]


def grokking_time() -> GrokkingTime:
    """The record of this version."""
    path = files(__package__).joinpath("grokking_time.json")
    record = json.loads(path.read_text(encoding="utf-8"))
    return GrokkingTime(
        **{name: record[name] for name in ("date", "samples", "seeds", "accuracy")},
        alphas=tuple(record["alphas"]),
        exponent_in_rate=Mean(*record["exponent_in_rate"]),
        exponent_in_tau=Mean(*record["exponent_in_tau"]),
        settings=tuple(
            Setting(
                row["aspect_ratio"],
                row["signal"],
                row["tau"],
                Mean(*row["exponent"]),
                tuple(Mean(*pair) for pair in row["constants"]),
            )
            for row in record["settings"]
        ),
    )

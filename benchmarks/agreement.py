"""Train on signal plus noise over a grid, and record how far the weights are from their limit.

    python benchmarks/agreement.py [--work FILE] [--output FILE]

Gaussian data sets with lambda = d/N, each with draws of its own, also along the axis of sigma_n
(which would be vacuous on shared draws, since minimisers are equivariant). Accuracy is exact, given
the weights. Three runs: 20 data sets of N = 2000 in each setting; 60 of N = 500, for the bias of
order 1/N; and, decided by the rule before the run, 60 fresh ones of N = 2000 in each setting where
some quantity is more than four standard errors off. Every fit is kept in the work file (SQLite) as
it is finished: stop it at any time, and the same command goes on. A quarter of an hour of one core.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
from logitreg.numerics.fit import FitResult, fit
from logitreg.numerics.path import fit_path
from logitreg.numerics.signal_noise import signal_plus_noise
from logitreg.proofs_checks.agreement import Cell, Comparison, Found, Mean, limits
from rich.progress import track
from scipy.special import ndtr

_ROOT = Path(__file__).resolve().parent.parent
_SETTINGS = tuple(product((0.1, 0.4, 0.7, 1.4), (0.2, 0.8), (0.5, 2.0)))
_SMOOTH = ("quadratic", "label-smoothing", "huber")
_LOSSES = (*product(_SMOOTH, (0.001, 0.1, 0.4)), ("absolute", 0.1), ("quadratic", 0.0))
# Without a penalty where lambda < 1/2: to find the margin takes more time than all the rest.
_CELLS = tuple(
    Cell(*setting, *loss)
    for setting in _SETTINGS
    for loss in _LOSSES
    if loss[1] > 0 or setting[0] < 0.5
)
_SAMPLES, _DRAWS, _FRESH = 2000, 20, 60
_SMALL_SAMPLES, _SMALL_DRAWS = 500, 60
_TABLE = """
create table if not exists fits (
    samples integer, aspect_ratio real, signal_noise real, orthogonal_noise real,
    penalty text, alpha real, draw integer, first real, across real, separable integer,
    primary key (samples, aspect_ratio, signal_noise, orthogonal_noise, penalty, alpha, draw)
)"""
_WHERE = """
samples = ? and aspect_ratio = ? and signal_noise = ? and orthogonal_noise = ? and penalty = ?
and alpha = ?"""


class _Data(NamedTuple):
    """The data set number ``draw`` of a size and a setting."""

    samples: int
    setting: int
    draw: int


def _fit_missing(work: sqlite3.Connection, data: _Data) -> None:
    """Every loss on one data set, but for what is there; in one transaction."""
    setting = _SETTINGS[data.setting]
    there = set(
        work.execute(
            "select penalty, alpha from fits where samples = ? and aspect_ratio = ? "
            "and signal_noise = ? and orthogonal_noise = ? and draw = ?",
            (data.samples, *setting, data.draw),
        )
    )
    missing = [cell[3:] for cell in _CELLS if cell[:3] == setting and cell[3:] not in there]
    if not missing:
        return
    rows = [
        (data.samples, *setting, *loss, data.draw, float(w[0]), float(np.linalg.norm(w[1:])), held)
        for loss, result in zip(missing, _fits(data, missing), strict=True)
        for w, held in [(result.weights, result.support is not None)]
    ]
    with work:
        work.executemany(f"insert or ignore into fits values ({', '.join('?' * 10)})", rows)


def _fits(data: _Data, losses: Sequence[tuple[str, float]]) -> list[FitResult]:
    ratio, along, across = _SETTINGS[data.setting]
    X, y = signal_plus_noise(
        data.samples,
        round(ratio * data.samples),
        signal_noise=along,
        orthogonal_noise=across,
        seed=np.random.default_rng(data),
    )
    penalised = [loss for loss in losses if loss[1] > 0]
    penalties, alphas = [name for name, _ in penalised], [alpha for _, alpha in penalised]
    found = dict(
        zip(penalised, fit_path(X, y, penalty=penalties, alphas=alphas), strict=True)
        if penalised
        else ()
    )
    for loss in losses:
        if loss not in found:
            found[loss] = fit(X, y, penalty=loss[0], alpha=loss[1], on_separable="max-margin")
    return [found[loss] for loss in losses]


def _measured(
    work: sqlite3.Connection, cell: Cell, samples: int, draws: tuple[int, int]
) -> dict[str, Mean]:
    """The means over the data sets; of separators, what their direction says, and the margin."""
    query = f"select first, across, separable from fits where {_WHERE} and draw between ? and ?"
    first, across, held = np.array(
        work.execute(query, (samples, *cell, draws[0], draws[1] - 1)).fetchall()
    ).T
    if first.size != draws[1] - draws[0]:
        raise SystemExit(f"{first.size} of {draws} data sets for {cell}: run this again")
    length = np.hypot(first, across)
    spread = np.hypot(first * cell.signal_noise, across * cell.orthogonal_noise)
    values = {"accuracy": ndtr(first / spread), "cosine": first / length}
    if held.all():
        values["margin"] = 1 / length
    elif not held.any():
        values |= {"signal_weight": first, "noise_weight": across}
    root = math.sqrt(first.size)
    return {name: Mean(float(v.mean()), float(v.std(ddof=1)) / root) for name, v in values.items()}


def _compared(
    work: sqlite3.Connection, fresh: frozenset[tuple[float, ...]]
) -> Iterator[Comparison]:
    """Every quantity of every cell; with fresh data sets in the settings named."""
    for cell, limit in zip(_CELLS, limits(_CELLS), strict=True):
        measured = _measured(work, cell, _SAMPLES, (0, _DRAWS))
        small = _measured(work, cell, _SMALL_SAMPLES, (0, _SMALL_DRAWS))
        again = {}
        if cell[:3] in fresh:
            again = _measured(work, cell, _SAMPLES, (_DRAWS, _DRAWS + _FRESH))
        if not limit.keys() == measured.keys() == small.keys():
            raise SystemExit(f"{cell}: limits of {set(limit)}, measured {set(measured)}")
        for name, value in limit.items():
            shrunk = _SAMPLES / _SMALL_SAMPLES
            sizes = (measured[name], small[name], shrunk, again.get(name))
            yield Comparison(cell, name, value, *sizes)


def _record(comparisons: Sequence[Comparison]) -> dict[str, object]:
    cells: dict[Cell, dict[str, object]] = {}
    for c in comparisons:
        values = {"theory": c.theory, "measured": c.measured, "small": c.small}
        if c.fresh is not None and abs(c.deviation) > 4:
            values["fresh"] = c.fresh
        cells.setdefault(c.cell, {})[c.quantity] = values
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "samples": _SAMPLES,
        "seeds": _DRAWS,
        "fresh_seeds": _FRESH,
        "small_samples": _SMALL_SAMPLES,
        "small_seeds": _SMALL_DRAWS,
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("numpy", "scipy")},
        "cells": [{"cell": cell, "quantities": found} for cell, found in cells.items()],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=_ROOT / "build/agreement.sqlite")
    parser.add_argument("--output", type=Path, default=_ROOT / "proofs_checks/agreement.json")
    given = parser.parse_args()
    given.work.parent.mkdir(parents=True, exist_ok=True)
    work = sqlite3.connect(given.work)
    work.execute(_TABLE)
    sizes = ((_SMALL_SAMPLES, _SMALL_DRAWS), (_SAMPLES, _DRAWS))
    planned = [
        _Data(samples, setting, draw)
        for samples, draws in sizes
        for draw in range(draws)
        for setting in range(len(_SETTINGS))
    ]
    for data in track(planned, "data sets"):
        _fit_missing(work, data)
    off = frozenset(c.cell[:3] for c in _compared(work, frozenset()) if c.found is not Found.AGREES)
    again = [
        _Data(_SAMPLES, _SETTINGS.index(setting), draw)
        for setting in sorted(off)
        for draw in range(_DRAWS, _DRAWS + _FRESH)
    ]
    for data in track(again, "fresh data sets"):
        _fit_missing(work, data)
    comparisons = list(_compared(work, off))
    lines = json.dumps(_record(comparisons)).replace('{"cell"', '\n{"cell"')
    given.output.write_text(lines + "\n", encoding="utf-8")
    for c in comparisons:
        if c.found is not Found.AGREES:
            print(f"{c.cell}, {c.quantity}: {c.deviation:+.2f} errors, {c.found.value}")
    print(f"{len(comparisons)} comparisons in {len(_CELLS)} cells -> {given.output}")


if __name__ == "__main__":
    main()

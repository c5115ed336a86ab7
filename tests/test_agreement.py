"""The recorded agreement of theory and simulation: it is today's theory, and it can disagree."""

from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from logitreg.proofs_checks.agreement import (
    QUANTITIES,
    Agreement,
    Cell,
    Comparison,
    Found,
    Mean,
    agreement,
    limits,
)

SCRIPT = Path(__file__).resolve().parent.parent / "benchmarks" / "agreement.py"


@pytest.fixture(scope="module")
def record() -> Agreement:
    return agreement()


def test_grid_is_the_one_asked_for(record: Agreement) -> None:
    assert record.samples == 2000
    assert record.seeds >= 20
    cells = {c.cell for c in record.comparisons}
    axes = [set(axis) for axis in zip(*cells, strict=True)]
    assert {0.4, 0.7, 1.4} <= axes[0]
    assert [len(axis) >= 2 for axis in axes[1:3]] == [True, True]
    assert {"quadratic", "label-smoothing", "huber"} <= axes[3]
    assert {0.0, 0.001, 0.1, 0.4} <= axes[4]
    quantities = {c.quantity for c in record.comparisons}
    assert quantities == set(QUANTITIES)


def test_recorded_theory_is_that_of_today(record: Agreement) -> None:
    cells = list(dict.fromkeys(c.cell for c in record.comparisons))
    today = dict(zip(cells, limits(cells), strict=True))
    for c in record.comparisons:
        assert c.theory == pytest.approx(today[c.cell][c.quantity], rel=1e-9, abs=1e-12), c
    assert sum(map(len, today.values())) == len(record.comparisons)


def test_every_comparison_is_within_four_errors_or_explained(record: Agreement) -> None:
    assert [c for c in record.comparisons if c.found is Found.DIFFERS] == []


def test_deviations_are_as_large_as_chance_makes_them(record: Agreement) -> None:
    """Sharper than cell by cell: the root mean square of Student's t with 19 degrees is 1.06."""
    for quantity in ("accuracy", "cosine", "signal_weight", "noise_weight"):
        found = [c.deviation for c in record.comparisons if c.quantity == quantity]
        assert 0.5 < np.sqrt(np.mean(np.square(found))) < 1.6


def test_theory_off_by_three_standard_errors_would_be_noticed(record: Agreement) -> None:
    for sign in (-3, 3):
        moved = [
            replace(c, theory=c.theory + sign * c.measured.error, fresh=c.fresh or c.measured)
            for c in record.comparisons
        ]
        assert any(c.found is Found.DIFFERS for c in moved)
        assert np.sqrt(np.mean([c.deviation**2 for c in moved])) > 2.5


CELL = Cell(0.4, 0.5, 1.0, "quadratic", 0.1)


def compared(measured: float, small: float, fresh: float | None) -> Comparison:
    again = None if fresh is None else Mean(fresh, 0.1)
    return Comparison(CELL, "cosine", 0.0, Mean(measured, 0.1), Mean(small, 0.1), 4.0, again)


@pytest.mark.parametrize(
    ("comparison", "found"),
    [
        (compared(0.3, 0.0, None), Found.AGREES),
        (compared(0.5, 0.0, 0.2), Found.CHANCE),
        (compared(0.5, 2.0, 0.5), Found.FINITE),
        (compared(0.5, -2.0, 0.5), Found.DIFFERS),
        (compared(0.5, 0.0, 0.5), Found.DIFFERS),
        (compared(0.5, 0.0, None), Found.DIFFERS),
    ],
)
def test_what_is_beyond_four_errors_needs_fresh_data_to_be_explained(
    comparison: Comparison, found: Found
) -> None:
    assert comparison.found is found


def test_data_sets_that_all_agree_leave_no_error() -> None:
    same = replace(compared(0.0, 0.0, None), measured=Mean(1e-14, 0.0))
    assert same.deviation == 0.0
    assert replace(same, measured=Mean(0.1, 0.0)).found is Found.DIFFERS


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("agreement_script", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_an_interrupted_run_goes_on_and_ends_with_the_same_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = script()
    settings = ((0.2, 0.5, 1.0), (1.5, 0.5, 1.0))
    losses = (("quadratic", 0.4), ("huber", 0.1), ("quadratic", 0.0))
    cells = tuple(Cell(*setting, *loss) for setting in settings for loss in losses)
    small = {"_SETTINGS": settings, "_CELLS": cells, "_SAMPLES": 60, "_SMALL_SAMPLES": 40}
    for name, value in (small | {"_DRAWS": 4, "_FRESH": 3, "_SMALL_DRAWS": 3}).items():
        monkeypatch.setattr(module, name, value)
    made: list[object] = []
    original = module._fits
    monkeypatch.setattr(module, "_fits", lambda data, losses: interrupted(data, losses))

    def interrupted(data: object, losses: object, after: int = 5) -> object:
        if len(made) == after:
            made.append(None)
            raise KeyboardInterrupt
        made.append(data)
        return original(data, losses)

    def run(name: str) -> list[object]:
        work, output = tmp_path / f"{name}.sqlite", tmp_path / f"{name}.json"
        monkeypatch.setattr(sys, "argv", ["x", "--work", str(work), "--output", str(output)])
        module.main()
        return json.loads(output.read_text(encoding="utf-8"))["cells"]

    with pytest.raises(KeyboardInterrupt):
        run("stopped")
    first = run("stopped")
    fitted = [data for data in made if data is not None]
    assert len(fitted) == len(set(fitted))
    assert first == run("stopped")
    assert len(made) == len(fitted) + 1
    assert first == run("whole")
    assert {tuple(row["cell"]) for row in first} == set(cells)
    assert "comparisons in 6 cells" in capsys.readouterr().out

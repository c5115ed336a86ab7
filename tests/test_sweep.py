"""Sweeps: the file of results, resuming, failures, tables and the command."""

from __future__ import annotations

import csv
import math
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from logitreg.errors import DataError, LogitregError, MissingDependencyError, SweepError
from logitreg.proofs_checks.commands.sweep import command
from logitreg.proofs_checks.sweeps import execution, jobs
from logitreg.proofs_checks.sweeps.code_version import CODE_VERSION
from logitreg.proofs_checks.sweeps.export import export, table
from logitreg.proofs_checks.sweeps.run import run, standing
from logitreg.proofs_checks.sweeps.spec import cell_key
from logitreg.proofs_checks.sweeps.store import Row, open_store
from sweep_grids import seeds, written

SHAPE = "[data]\nn_samples = 10\nn_features = 2\n"


# The file of results


def test_a_cell_that_is_done_cannot_be_recorded_twice(tmp_path: Path) -> None:
    with open_store(tmp_path / "r.sqlite", "1", write=True) as store:
        store.record("a", Row({"x": 1.0}, None, 0.1))
        with pytest.raises(sqlite3.IntegrityError):
            store.record("a", Row({"x": 2.0}, None, 0.1))
        assert dict(store.rows())["a"].values == {"x": 1.0}


def test_a_failure_gives_way_to_a_result(tmp_path: Path) -> None:
    with open_store(tmp_path / "r.sqlite", "1", write=True) as store:
        store.record("a", Row({}, "DataError: no", 0.1))
        assert store.states() == {"a": False}
        store.record("a", Row({"x": math.nan, "y": -math.inf, "z": 0.1}, None, 0.2))
        assert store.states() == {"a": True}
        assert dict(store.rows()) == {"a": Row({"x": None, "y": -math.inf, "z": 0.1}, None, 0.2)}


def test_cells_of_another_version_of_the_code_are_kept_apart(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    for code in ("1", "2"):
        with open_store(path, code, write=True) as store:
            assert store.states() == {}
            store.record("a", Row({"x": float(code)}, None, 0.1))
            assert store.others() == int(code) - 1
            assert dict(store.rows())["a"].values == {"x": float(code)}


def test_one_sweep_writes_at_a_time_and_others_may_read(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    with open_store(path, "1", write=True) as store:
        store.record("a", Row({}, None, 0.1))
        with (
            pytest.raises(SweepError, match="another sweep is writing"),
            open_store(path, "1", write=True),
        ):
            pass
        with open_store(path, "1", write=False) as reader:
            assert reader.states() == {"a": True}
    with open_store(path, "1", write=True) as store:
        assert store.states() == {"a": True}


def test_reading_makes_no_file(tmp_path: Path) -> None:
    with open_store(tmp_path / "r.sqlite", "1", write=False) as store:
        assert store.states() == {}
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_something_else_is_left_alone(tmp_path: Path) -> None:
    text = written(tmp_path, "no database, but longer than the header of one" * 40, "text")
    other = tmp_path / "other"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE cells (id)")
    for path in (text, other):
        before = path.read_bytes()
        for write in (True, False):
            with pytest.raises(SweepError), open_store(path, "1", write=write):
                pass
        assert path.read_bytes() == before
    with pytest.raises(SweepError, match="no file"), open_store(tmp_path, "1", write=True):
        pass
    nowhere = tmp_path / "none" / "r.sqlite"
    with pytest.raises(SweepError, match="cannot be used"), open_store(nowhere, "1", write=True):
        pass


# Running


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The seeds of the cells that were computed, by a job that fails at seeds 3 and 4."""
    calls: list[int] = []

    def job(cell: jobs.Cell, folder: Path) -> jobs.Values:
        calls.append(cell["seed"])
        if cell["seed"] == 3:
            raise DataError("three is no seed")
        if cell["seed"] == 4:
            raise ZeroDivisionError("four")
        return {"double": 2.0 * cell["seed"]}

    monkeypatch.setitem(jobs.JOBS, "fit", job)
    return calls


def test_a_sweep_computes_what_is_missing_and_failures_stop_no_other_cell(
    tmp_path: Path, computed: list[int]
) -> None:
    path = tmp_path / "r.sqlite"
    small, large = seeds(tmp_path, 5), seeds(tmp_path, 7)
    with open_store(path, CODE_VERSION, write=True) as store:
        run(small, store)
        assert computed == [0, 1, 2, 3, 4]
        assert standing(small, store) == (5, 3, 2)
        assert standing(large, store).left == 2
    with open_store(path, CODE_VERSION, write=True) as store:
        run(large, store)
        assert computed[5:] == [5, 6]
        run(large, store)
        assert len(computed) == 7
        errors = [row.error for _, row in store.rows() if row.error]
    assert errors == ["DataError: three is no seed", "ZeroDivisionError: four"]


def test_failed_cells_are_tried_again_on_demand(
    tmp_path: Path, computed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = seeds(tmp_path, 5)
    with open_store(tmp_path / "r.sqlite", CODE_VERSION, write=True) as store:
        run(spec, store)
        monkeypatch.setitem(jobs.JOBS, "fit", lambda cell, folder: {"double": 2.0 * cell["seed"]})
        run(spec, store, retry_failed=True)
        assert standing(spec, store) == (5, 5, 0)
        assert table(spec, store)["double"] == [0.0, 2.0, 4.0, 6.0, 8.0]


def test_a_worker_with_other_code_stops_the_sweep(
    tmp_path: Path, computed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = seeds(tmp_path, 3)
    monkeypatch.setattr(execution, "CODE_VERSION", "0.0.0+other")
    with open_store(tmp_path / "r.sqlite", CODE_VERSION, write=True) as store:
        with pytest.raises(SweepError, match=r"a worker has logitreg 0\.0\.0\+other"):
            run(spec, store)
        assert store.states() == {}


def test_without_the_extra_cells_side_by_side_are_refused_and_one_by_one_they_run(
    tmp_path: Path, computed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "joblib", None)
    monkeypatch.setitem(sys.modules, "distributed", None)
    spec = seeds(tmp_path, 3)
    ways: list[dict[str, Any]] = [{"workers": 2}, {"address": "tcp://127.0.0.1:1"}]
    with open_store(tmp_path / "r.sqlite", CODE_VERSION, write=True) as store:
        for way in ways:
            with pytest.raises(MissingDependencyError, match=r"logitreg\[sweep\]"):
                run(spec, store, **way)
        run(spec, store, workers=1)
        assert standing(spec, store).done == 3


# Tables and the command


def invoked(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments)


def test_the_table_has_a_row_for_each_cell_that_was_tried(
    tmp_path: Path, computed: list[int]
) -> None:
    spec = seeds(tmp_path, 5)
    with open_store(tmp_path / "r.sqlite", CODE_VERSION, write=True) as store:
        run(seeds(tmp_path, 4), store)
        store.record(cell_key(list(spec.cells())[4]), Row({"double": math.inf}, None, 1.0))
        assert export(spec, store, tmp_path / "r.csv") == 5
        columns = table(spec, store)
    with (tmp_path / "r.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["seed"] for row in rows] == ["0", "1", "2", "3", "4"]
    assert [row["double"] for row in rows] == ["0.0", "2.0", "4.0", "", "inf"]
    assert [row["error"] for row in rows] == ["", "", "", "DataError: three is no seed", ""]
    assert list(rows[0])[:3] == ["job", "n_samples", "n_features"]
    assert columns["double"] == [0.0, 2.0, 4.0, None, math.inf]
    assert sorted(path.name for path in tmp_path.glob("r.csv*")) == ["r.csv"]


def test_parquet_holds_the_same_table(tmp_path: Path, computed: list[int]) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    spec = seeds(tmp_path, 5)
    with open_store(tmp_path / "r.sqlite", CODE_VERSION, write=True) as store:
        export(spec, store, tmp_path / "empty.parquet")
        run(spec, store)
        export(spec, store, tmp_path / "r.parquet")
        expected = table(spec, store)
    found = parquet.read_table(tmp_path / "r.parquet")
    assert found.to_pydict() == expected
    assert str(found.schema.field("double").type) == "double"
    assert parquet.read_table(tmp_path / "empty.parquet").num_rows == 0


def test_a_dry_run_counts_and_computes_nothing(tmp_path: Path, computed: list[int]) -> None:
    path = written(tmp_path, "seeds = 5\n" + SHAPE)
    result = invoked(str(path), "--dry-run")
    assert result.exit_code == 0
    assert result.stdout == "5 = 5 seed cells; 0 done, 5 to compute.\n"
    assert computed == []
    assert list(tmp_path.iterdir()) == [path]
    single = invoked(str(written(tmp_path, "seeds = 1\n" + SHAPE)), "--dry-run")
    assert single.stdout == "1 cell; 0 done, 1 to compute.\n"


def test_an_address_that_is_none_is_refused_before_anything_is_begun(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    path = written(tmp_path, SHAPE)
    result = invoked(str(path), "--dask", "nonsense")
    assert isinstance(result.exception, SweepError)
    assert "such as tcp://host:8786" in str(result.exception)
    assert list(tmp_path.iterdir()) == [path]


def test_the_command_ends_with_the_standing_and_a_status(
    tmp_path: Path, computed: list[int]
) -> None:
    path = written(tmp_path, "seeds = 5\n" + SHAPE)
    result = invoked(str(path), "--workers", "1", "--export", str(tmp_path / "table.csv"))
    assert result.exit_code == 1
    assert "3 done, 2 failed, 0 to compute" in result.stdout
    assert "three is no seed" in result.stderr
    assert "--retry-failed" in result.stderr
    assert len((tmp_path / "table.csv").read_text(encoding="utf-8").splitlines()) == 6
    again = invoked(str(path), "--workers", "1", "--retry-failed", "--results", f"{tmp_path}/b")
    assert again.exit_code == 1
    assert len(computed) == 10
    path = written(tmp_path, "seeds = 3\n" + SHAPE)
    assert invoked(str(path), "--workers", "1").exit_code == 0
    assert len(computed) == 10


@pytest.mark.parametrize("name", ["table.xls", "none/table.csv"])
def test_an_export_that_cannot_be_written_is_refused_before_anything_is_computed(
    name: str, tmp_path: Path, computed: list[int]
) -> None:
    path = written(tmp_path, "seeds = 5\n" + SHAPE)
    result = invoked(str(path), "--export", str(tmp_path / name))
    assert isinstance(result.exception, LogitregError)
    assert computed == []

"""Sweeps that are killed or interrupted, here and on a cluster: nothing is lost or done twice."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from logitreg.errors import SweepError
from logitreg.proofs_checks.sweeps import execution, jobs
from logitreg.proofs_checks.sweeps.code_version import CODE_VERSION
from logitreg.proofs_checks.sweeps.run import run
from logitreg.proofs_checks.sweeps.spec import read_spec
from logitreg.proofs_checks.sweeps.store import open_store
from sweep_grids import seeds, spec_of, written

GRID = """
seeds = 60
[data]
n_samples = 120
n_features = 30
[loss]
alpha = [0.1, 0.2]
"""
CELLS = 120


Kept = dict[str, tuple[Any, ...]]


def kept(path: Path) -> Kept:
    """Every cell with all that the file holds of it, as another process reads it."""
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            cells = connection.execute("SELECT * FROM cells").fetchall()
            query = "SELECT name, value FROM results WHERE cell = ? ORDER BY name"
            return {c[1]: (*c, *connection.execute(query, (c[0],)).fetchall()) for c in cells}
    except sqlite3.OperationalError:
        return {}


def assert_nothing_lost_or_done_twice(before: Kept, after: Kept) -> None:
    assert {key: after.get(key) for key in before} == before


def started(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    program = "from logitreg.proofs_checks.commands.sweep import command; command()"
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", program, str(folder / "grid.toml"), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def wait_for(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the sweep did not get on"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, float | None]]:
    """The results of the grid, computed in one go."""
    folder = tmp_path_factory.mktemp("straight")
    spec = spec_of(folder, GRID)
    with open_store(folder / "r.sqlite", CODE_VERSION, write=True) as store:
        run(spec, store)
        return {key: dict(row.values) for key, row in store.rows()}


def assert_complete(path: Path, straight: dict[str, dict[str, float | None]]) -> None:
    with open_store(path, CODE_VERSION, write=False) as store:
        rows = list(store.rows())
    assert len(rows) == len(dict(rows)) == CELLS
    for key, row in rows:
        assert row.error is None
        assert dict(row.values) == pytest.approx(straight[key], rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("workers", [1, 2])
def test_killed_at_any_point_the_sweep_goes_on_with_nothing_lost_and_nothing_twice(
    tmp_path: Path, workers: int, straight: dict[str, dict[str, float | None]]
) -> None:
    if workers > 1:
        pytest.importorskip("joblib")
    written(tmp_path, GRID)
    results = tmp_path / "grid.sqlite"
    chance = random.Random(workers)
    unfinished = 0
    for kill in range(4 - workers):
        before = kept(results)
        goal = len(before) + chance.randrange(3, 30)
        process = started(tmp_path, "--workers", str(workers))
        if kill == 0:
            # While it starts, perhaps while the file is made.
            time.sleep(chance.random())
        else:
            wait_for(lambda goal=goal: len(kept(results)) >= goal)  # type: ignore[misc]
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        after = kept(results)
        unfinished += len(after) < CELLS
        assert_nothing_lost_or_done_twice(before, after)
    assert unfinished
    before = kept(results)
    process = started(tmp_path, "--workers", str(workers))
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert f"{len(before)} done, {CELLS - len(before)} to compute" in output
    assert_nothing_lost_or_done_twice(before, kept(results))
    assert_complete(results, straight)


def test_a_sweep_that_does_its_cells_again_would_be_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(jobs.JOBS, "fit", lambda cell, folder: {"double": 2.0 * cell["seed"]})
    results, spec = tmp_path / "r.sqlite", seeds(tmp_path, 3)
    with open_store(results, CODE_VERSION, write=True) as store:
        run(spec, store)
    before = kept(results)
    with closing(sqlite3.connect(results)) as connection, connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("DELETE FROM cells WHERE id = 2")
    with pytest.raises(AssertionError):
        assert_nothing_lost_or_done_twice(before, kept(results))
    with open_store(results, CODE_VERSION, write=True) as store:
        run(spec, store)
    with pytest.raises(AssertionError):
        assert_nothing_lost_or_done_twice(before, kept(results))


@pytest.mark.parametrize("workers", [1, 2])
def test_interrupted_the_sweep_says_how_to_go_on(
    tmp_path: Path, workers: int, straight: dict[str, dict[str, float | None]]
) -> None:
    if workers > 1:
        pytest.importorskip("joblib")
    written(tmp_path, GRID)
    results = tmp_path / "grid.sqlite"
    process = started(tmp_path, "--workers", str(workers))
    wait_for(lambda: len(kept(results)) >= 1)
    os.killpg(process.pid, signal.SIGINT)
    _, messages = process.communicate(timeout=60)
    assert process.returncode == 130
    before = kept(results)
    assert f"Interrupted: {len(before)} of {CELLS} cells are kept" in messages
    assert "run the same command again" in messages
    assert "Traceback" not in messages
    assert "Warning" not in messages
    spec = read_spec(tmp_path / "grid.toml")
    with open_store(results, CODE_VERSION, write=True) as store:
        run(spec, store)
    assert_nothing_lost_or_done_twice(before, kept(results))
    assert_complete(results, straight)


def test_the_processes_of_a_sweep_leave_interrupts_to_the_command(
    tmp_path: Path, straight: dict[str, dict[str, float | None]]
) -> None:
    pytest.importorskip("joblib")
    psutil = pytest.importorskip("psutil")
    results = tmp_path / "r.sqlite"

    def interrupt_all(outcome: execution.Outcome) -> None:
        for child in psutil.Process().children():
            child.send_signal(signal.SIGINT)

    with open_store(results, CODE_VERSION, write=True) as store:
        run(spec_of(tmp_path, GRID), store, workers=2, on_outcome=interrupt_all)
    assert_complete(results, straight)


def test_a_process_that_is_killed_stops_the_sweep_with_its_cells_kept(
    tmp_path: Path, straight: dict[str, dict[str, float | None]]
) -> None:
    pytest.importorskip("joblib")
    psutil = pytest.importorskip("psutil")
    spec = spec_of(tmp_path, GRID)
    results = tmp_path / "r.sqlite"
    counted: list[str] = []

    def kill_one(outcome: execution.Outcome) -> None:
        counted.append(outcome.key)
        if len(counted) == 20:
            children = psutil.Process().children()
            next(c for c in children if "LokyProcess" in " ".join(c.cmdline())).kill()

    with open_store(results, CODE_VERSION, write=True) as store:
        with pytest.raises(SweepError, match="a process of the sweep was killed"):
            run(spec, store, workers=2, on_outcome=kill_one)
        before = kept(results)
        assert len(before) == len(counted) >= 20
        run(spec, store)
    assert_nothing_lost_or_done_twice(before, kept(results))
    assert_complete(results, straight)


# On a cluster


@pytest.fixture
def cluster() -> Iterator[Any]:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        host="127.0.0.1",
        protocol="tcp://",
        dashboard_address=None,
        silence_logs=60,
    ) as found:
        yield found
        # A cluster that is closed while it starts a worker anew may wait for it for ever.
        wait_for(lambda: len(found.scheduler_info["workers"]) == 2)


def test_on_a_cluster_whose_workers_are_killed_nothing_is_lost_and_nothing_done_twice(
    tmp_path: Path, cluster: Any, straight: dict[str, dict[str, float | None]]
) -> None:
    spec = spec_of(tmp_path, GRID)
    results = tmp_path / "r.sqlite"
    counted: list[str] = []
    killed: set[int] = set()

    def kill_some(outcome: execution.Outcome) -> None:
        counted.append(outcome.key)
        if len(counted) in (10, 60):
            process = next(n.process for n in cluster.workers.values() if n.pid not in killed)
            killed.add(process.pid)
            os.kill(process.pid, signal.SIGKILL)

    assert cluster.scheduler_address.startswith("tcp://127.0.0.1:")
    with open_store(results, CODE_VERSION, write=True) as store:
        run(spec, store, address=cluster.scheduler_address, on_outcome=kill_some)
    assert len(killed) == 2
    assert len(counted) == len(set(counted)) == CELLS
    assert_complete(results, straight)


def test_a_scheduler_that_does_not_answer_is_a_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(execution, "_CONNECT_SECONDS", 0.2)
    spec = seeds(tmp_path, 3)
    with open_store(tmp_path / "r.sqlite", CODE_VERSION, write=True) as store:
        for address in ("tcp://127.0.0.1:1", "nonsense://"):
            with pytest.raises(SweepError, match="no Dask scheduler answers"):
                run(spec, store, address=address)


class Broken:
    """A future whose result is an error."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def result(self) -> None:
        raise self.error


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (CancelledError("gone"), "scheduler was lost"),
        (OSError("gone"), "scheduler was lost"),
        (ModuleNotFoundError("no logitreg"), "a Dask worker cannot run the sweep: no logitreg"),
    ],
)
def test_without_an_outcome_from_the_cluster_the_sweep_stops(
    error: Exception, message: str
) -> None:
    pytest.importorskip("distributed")
    with pytest.raises(SweepError, match=message):
        execution._outcome(Broken(error), "key")


def test_a_cell_that_kills_its_workers_counts_as_failed() -> None:
    distributed = pytest.importorskip("distributed")
    last = SimpleNamespace(address="tcp://127.0.0.1:9")
    outcome = execution._outcome(Broken(distributed.KilledWorker("task", last, 4)), "key")
    assert outcome.key == "key"
    assert outcome.row.error is not None
    assert outcome.row.error.startswith("KilledWorker: ")

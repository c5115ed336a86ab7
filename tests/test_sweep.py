"""Sweeps: the specification, what is computed, and that nothing is lost or done twice."""

from __future__ import annotations

import csv
import json
import math
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import logitreg as lr
import numpy as np
import pytest
from click.testing import CliRunner, Result
from logitreg.errors import DataError, LogitregError, MissingDependencyError, SweepError
from logitreg.proofs_checks.commands.sweep import command
from logitreg.proofs_checks.sweeps import execution, jobs
from logitreg.proofs_checks.sweeps.code_version import CODE_VERSION
from logitreg.proofs_checks.sweeps.export import export, table
from logitreg.proofs_checks.sweeps.jobs import digest, fit_cell
from logitreg.proofs_checks.sweeps.run import run, standing
from logitreg.proofs_checks.sweeps.spec import Spec, cell_key, read_spec
from logitreg.proofs_checks.sweeps.store import Row, open_store

MODEL = {
    "n_samples": 200,
    "n_features": 60,
    "signal": 1.0,
    "signal_noise": 0.5,
    "orthogonal_noise": 2.0,
    "penalty": "quadratic",
    "alpha": 0.2,
    "bias": False,
    "seed": 0,
}
GRID = """
seeds = 100
[data]
n_samples = 60
n_features = 20
[loss]
alpha = [0.1, 0.2]
"""
CELLS = 200


def written(folder: Path, text: str, name: str = "grid.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def spec_of(folder: Path, text: str) -> Spec:
    return read_spec(written(folder, text))


def seeds(folder: Path, count: int) -> Spec:
    return spec_of(folder, f"seeds = {count}\n[data]\nn_samples = 20\nn_features = 3\n")


# The specification


def test_a_grid_is_the_product_of_its_axes_in_their_order(tmp_path: Path) -> None:
    spec = spec_of(
        tmp_path,
        """
        job = "fit"
        seeds = [3, 1]
        [data]
        n_samples = { geomspace = [10, 1000, 3] }
        aspect_ratio = { linspace = [0.5, 1.5, 3] }
        signal = 2
        [loss]
        alpha = { geomspace = [0.001, 0.1, 3] }
        """,
    )
    cells = list(spec.cells())
    assert len(spec) == len(cells) == 54
    assert spec.size() == "54 = 3 n_samples x 3 aspect_ratio x 3 alpha x 2 seed"
    assert cells[0] == {
        "job": "fit",
        "n_samples": 10,
        "n_features": 5,
        "signal": 2.0,
        "signal_noise": 0.5,
        "orthogonal_noise": 1.0,
        "penalty": "quadratic",
        "alpha": 0.001,
        "bias": False,
        "seed": 3,
    }
    assert [cell["seed"] for cell in cells[:3]] == [3, 1, 3]
    assert cells[2]["alpha"] == 0.01
    assert (cells[-1]["n_samples"], cells[-1]["n_features"]) == (1000, 1500)


def test_a_cell_has_one_key_however_its_numbers_are_written(tmp_path: Path) -> None:
    text = "[data]\nn_samples = 10\nn_features = 2\nsignal = {}\n"
    keys = {
        cell_key(cell)
        for signal in ("1", "1.0", "1e0", "{ linspace = [1, 1, 1] }")
        for cell in spec_of(tmp_path, text.format(signal)).cells()
    }
    assert len(keys) == 1
    (other,) = spec_of(tmp_path, text.format("1.0000000000000002")).cells()
    assert cell_key(other) not in keys
    assert list(json.loads(cell_key(other))) == sorted(other)


SHAPE = "[data]\nn_samples = 10\nn_features = 2\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seeds = ", "not a TOML file"),
        ("sedes = 3\n" + SHAPE, "unknown key 'sedes' above the first table; .* 'seeds'"),
        (SHAPE + "seeds = 3\n", "did you mean 'seeds', which belongs above the first table"),
        (SHAPE + "sigma_noise = 1\n", "did you mean 'signal_noise'"),
        (SHAPE + "alpha = 0.1\n", r"did you mean 'alpha', which belongs in \[loss\]"),
        (SHAPE + "[loss]\nqqq = 1\n", "expected penalty, alpha, bias$"),
        ("data = 3\n", r"expected a table \[data\]"),
        ('job = "fly"\n' + SHAPE, "job is 'fly'; expected one of: fit"),
        ("job = [1]\n" + SHAPE, "job is"),
        ("seeds = 0\n" + SHAPE, "at least 1"),
        ("seeds = true\n" + SHAPE, "at least 1"),
        ("seeds = []\n" + SHAPE, "seeds is an empty list"),
        ("seeds = [0, -1]\n" + SHAPE, "seeds is -1; expected an integer, not negative"),
        ("seeds = [2, 2]\n" + SHAPE, "seeds holds 2 twice"),
        ("", "describes no data"),
        ("[data]\nn_samples = 10\n", "n_features or aspect_ratio"),
        (SHAPE + "aspect_ratio = 0.5\n", "not both"),
        (SHAPE + "signal = []\n", "data.signal is an empty list"),
        (SHAPE + "signal = -1\n", "data.signal is -1.0; expected a finite number, not negative"),
        (SHAPE + "signal = nan\n", "data.signal is nan"),
        (SHAPE + "signal = true\n", "data.signal is True"),
        (SHAPE + 'signal = "1"\n', "data.signal is '1'"),
        (SHAPE + "signal = [1, 1.0]\n", "holds 1.0 twice"),
        ("[data]\nn_samples = 10.5\nn_features = 2\n", "n_samples is 10.5; expected an integer"),
        ("[data]\nn_samples = 10\naspect_ratio = [0.5, 0.51]\n", "both 5 features at 10 samples"),
        (SHAPE + "[loss]\nalpha = 1.0\n", r"a number in \[0, 1\)"),
        (SHAPE + "[loss]\nbias = 1\n", "true or false"),
        (SHAPE + '[loss]\npenalty = "quadratc"\n', "loss.penalty 'quadratc'"),
        (SHAPE + "[loss]\nalpha = { logspace = [1, 2, 3] }\n", "linspace"),
        (SHAPE + "[loss]\nalpha = { linspace = [0.1, 0.2] }\n", "first, last, count"),
        (SHAPE + "[loss]\nalpha = { linspace = [0.1, 0.2, 0] }\n", "first, last, count"),
        (SHAPE + "[loss]\nalpha = { geomspace = [0, 0.2, 3] }\n", "positive"),
        (SHAPE + "[loss]\npenalty = { linspace = [0, 1, 2] }\n", "an expression in z, or a list"),
        ('[data]\nfile = "none.csv"\n', "no file"),
        ('[data]\nfile = "none.csv"\nsignal = 1\n', "unknown key 'signal' in .data. with a file"),
        ("seeds = 10000001\n" + SHAPE, "expected at most 10000000"),
    ],
)
def test_a_specification_that_cannot_be_used_is_refused_early(
    text: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises((SweepError, DataError), match=message):
        spec_of(tmp_path, text)


def test_a_specification_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SweepError, match="cannot be read"):
        read_spec(tmp_path / "none.toml")


def test_another_content_of_a_data_file_makes_other_cells(tmp_path: Path) -> None:
    file = tmp_path / "data.npz"
    text = '[data]\nfile = "data.npz"\n'
    np.savez(file, X=np.arange(12.0).reshape(6, 2), y=[0, 1] * 3)
    (first,) = spec_of(tmp_path, text).cells()
    np.savez(file, X=np.arange(12.0).reshape(6, 2) + 1, y=[0, 1] * 3)
    (second,) = spec_of(tmp_path, text).cells()
    assert cell_key(first) != cell_key(second)
    with pytest.raises(DataError, match="has changed since the sweep began"):
        fit_cell(first, tmp_path)


# What is computed


def fresh_share(values: dict[str, float], **noises: float) -> tuple[float, float]:
    """The share of fresh samples that weights (S_1, |S_perp|, 0, ...) classify, and its error."""
    draws = np.random.default_rng(9).standard_normal((2, 200_000))
    along = values["signal_weight"] * (1 + noises["signal_noise"] * draws[0])
    share = float(
        np.mean(along + values["noise_weight"] * noises["orthogonal_noise"] * draws[1] > 0)
    )
    return share, math.sqrt(share * (1 - share) / draws.shape[1])


def test_accuracy_is_that_on_fresh_samples() -> None:
    values = fit_cell(MODEL, Path())
    share, error = fresh_share(values, signal_noise=0.5, orthogonal_noise=2.0)
    assert abs(values["accuracy"] - share) < 4 * error
    swapped, error = fresh_share(values, signal_noise=2.0, orthogonal_noise=0.5)
    assert abs(values["accuracy"] - swapped) > 4 * error


def test_accuracy_counts_the_bias_against_one_of_the_classes() -> None:
    cell = {**MODEL, "n_samples": 21, "n_features": 3, "bias": True}
    X, y = lr.numerics.signal_noise.signal_plus_noise(21, 3, orthogonal_noise=2.0, seed=0)
    fitted = lr.fit(X, y, alpha=0.2, bias=True)
    fresh = lr.numerics.signal_noise.signal_plus_noise(200_000, 3, orthogonal_noise=2.0, seed=1)
    right = fresh.y * (fresh.X @ fitted.weights + fitted.bias) > 0
    error = float(np.std(right)) / math.sqrt(len(right))
    values = fit_cell(cell, Path())
    assert abs(values["accuracy"] - np.mean(right)) < 4 * error
    assert "theory_accuracy" not in values


def test_the_theory_stands_beside_what_was_measured() -> None:
    runs = [fit_cell({**MODEL, "n_samples": 400, "seed": seed}, Path()) for seed in range(10)]
    for name in ("accuracy", "cosine", "signal_weight", "noise_weight", "train_loss"):
        measured = np.array([values[name] for values in runs])
        error = float(np.std(measured, ddof=1)) / math.sqrt(len(runs))
        assert abs(np.mean(measured) - runs[0][f"theory_{name}"]) < 4 * error, name
        if name != "train_loss":
            other = fit_cell({**MODEL, "n_samples": 100}, Path())[f"theory_{name}"]
            assert abs(np.mean(measured) - other) > 4 * error, name


def test_separable_data_without_a_penalty_has_weights_of_infinite_length() -> None:
    values = fit_cell({**MODEL, "n_features": 190, "alpha": 0.0}, Path())
    assert values["signal_weight"] == values["noise_weight"] == math.inf
    assert values["train_loss"] == 0.0
    assert values["cosine"] == pytest.approx(values["theory_cosine"], abs=0.05)


def test_without_a_direction_accuracy_is_a_half_and_cosines_are_undefined() -> None:
    values = fit_cell({**MODEL, "penalty": "absolute", "alpha": 0.9}, Path())
    assert values["accuracy"] == 0.5
    assert math.isnan(values["cosine"])
    assert math.isnan(values["fisher_cosine"])


def test_where_the_theory_does_not_apply_its_line_is_left_out() -> None:
    assert not any(
        name.startswith("theory") for name in fit_cell({**MODEL, "penalty": "entropy"}, Path())
    )


@pytest.fixture
def three_classes(tmp_path: Path) -> Path:
    rng = np.random.default_rng(4)
    y = np.arange(240) % 3
    X = rng.normal(size=(240, 5)) + 2.5 * np.eye(5)[y]
    np.savez(tmp_path / "three.npz", X=X, y=np.array(["a", "b", "c"])[y])
    return tmp_path / "three.npz"


def test_a_file_is_split_by_the_seed_and_tested_on_what_was_held_out(three_classes: Path) -> None:
    text = '[data]\nfile = "three.npz"\ntrain_fraction = 0.75\n[loss]\nbias = true\n'
    (cell,) = spec_of(three_classes.parent, text).cells()
    values = fit_cell(cell, three_classes.parent)
    with np.load(three_classes) as arrays:
        order = np.random.default_rng(0).permutation(240)
        X, y = arrays["X"][order], arrays["y"][order]
    fitted = lr.fit(X[:180], y[:180], alpha=0.1, bias=True)
    right = fitted.classes[np.argmax(X @ fitted.weights.T + fitted.bias, axis=1)] == y
    assert values["accuracy"] == np.mean(right[180:])
    assert values["accuracy"] != np.mean(right[:180])
    certificate = lr.alignment(X[:180], fitted.weights, y[:180], bias=fitted.bias, alpha=0.1)
    assert values["fisher_cosine"] == pytest.approx(math.cos(certificate.angle), abs=1e-9)


def test_the_cosine_with_fisher_is_that_of_the_certificate() -> None:
    X, y = lr.numerics.signal_noise.signal_plus_noise(200, 60, orthogonal_noise=2.0, seed=0)
    fitted = lr.fit(X, y, penalty="label-smoothing", alpha=0.2)
    certificate = lr.alignment(X, fitted.weights, y, penalty="label-smoothing", alpha=0.2)
    values = fit_cell({**MODEL, "penalty": "label-smoothing"}, Path())
    assert values["fisher_cosine"] == pytest.approx(math.cos(certificate.angle), abs=1e-9)
    assert 1 - values["fisher_cosine"] > 1e-4


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


# Killed sweeps

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
    for kill in range(3):
        before = kept(results)
        goal = len(before) + chance.randrange(5, 60)
        process = started(tmp_path, "--workers", str(workers))
        if kill == 0:
            # While it starts, perhaps while the file is made.
            time.sleep(chance.random())
        else:
            wait_for(lambda goal=goal: len(kept(results)) >= goal)  # type: ignore[misc]
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        after = kept(results)
        assert len(after) < CELLS
        assert_nothing_lost_or_done_twice(before, after)
    before = kept(results)
    process = started(tmp_path, "--workers", str(workers))
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert f"{len(before)} done, {CELLS - len(before)} to compute" in output
    assert_nothing_lost_or_done_twice(before, kept(results))
    assert_complete(results, straight)


def test_a_sweep_that_does_its_cells_again_would_be_noticed(
    tmp_path: Path, computed: list[int]
) -> None:
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
    wait_for(lambda: len(kept(results)) >= 20)
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


def test_on_a_cluster_whose_workers_are_killed_nothing_is_lost_and_nothing_done_twice(
    tmp_path: Path, cluster: Any, straight: dict[str, dict[str, float | None]]
) -> None:
    spec = spec_of(tmp_path, GRID)
    results = tmp_path / "r.sqlite"
    counted: list[str] = []
    killed: set[int] = set()

    def kill_some(outcome: execution.Outcome) -> None:
        counted.append(outcome.key)
        if len(counted) in (10, 90):
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


@pytest.mark.parametrize(
    ("raised", "message"),
    [
        ("CancelledError", "scheduler was lost"),
        ("OSError", "scheduler was lost"),
        ("ModuleNotFoundError", "a Dask worker cannot run the sweep"),
    ],
)
def test_without_an_outcome_from_the_cluster_the_sweep_stops(raised: str, message: str) -> None:
    pytest.importorskip("distributed")
    with pytest.raises(SweepError, match=message):
        execution._outcome(Broken(raised), "key")


def test_a_cell_that_kills_its_workers_counts_as_failed() -> None:
    pytest.importorskip("distributed")
    outcome = execution._outcome(Broken("KilledWorker"), "key")
    assert outcome.key == "key"
    assert outcome.row.error is not None
    assert outcome.row.error.startswith("KilledWorker: ")


class Broken:
    """A future whose result is an error."""

    def __init__(self, name: str) -> None:
        self.name = name

    def result(self) -> None:
        from concurrent.futures import CancelledError

        from distributed import KilledWorker

        errors = {"CancelledError": CancelledError("gone"), "OSError": OSError("gone")}
        errors |= {"ModuleNotFoundError": ModuleNotFoundError("no logitreg")}
        errors |= {"KilledWorker": KilledWorker("task", None, 4)}
        raise errors[self.name]


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
    assert list(rows[0])[:3] == ["job", "n_samples", "signal"]
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


def test_a_digest_is_that_of_the_content(tmp_path: Path) -> None:
    path = written(tmp_path, "abc", "abc")
    assert digest(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

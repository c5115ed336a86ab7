"""The benchmarks run, in their small form and untimed; and their table says what was measured."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("pytest_benchmark")

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"

JOBS = """
import numpy as np

def bench_ours(measure):
    measure("zeros", "logitreg", lambda: np.zeros(2**20), accuracy=lambda z: f"{z.max():.1f}")

def bench_theirs(measure):
    measure("zeros", "two", lambda: [np.zeros(2**20), np.zeros(2**20)], parts=1e-3)

def bench_outside(measure):
    assert measure("zeros", "outside", lambda: 7, traced=False, rounds=2) == 7

def bench_never(never):
    never("zeros", "unreached", lambda: np.zeros(2**21), "only 3e-9")

def bench_wrong(measure):
    def accuracy(found):
        assert found == 8
    measure("zeros", "wrong", lambda: 7, accuracy=accuracy)
"""


def run(folder: Path, cwd: Path, *options: str) -> subprocess.CompletedProcess[str]:
    # In a process of pytest-xdist benchmarks are switched off by its variables.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", str(folder), *options]
    return subprocess.run(command, env=environment, cwd=cwd, capture_output=True, text=True)


def test_every_benchmark_runs(tmp_path: Path) -> None:
    # Compilers take their time: the benchmarks that need one are left out.
    without = "not torch and not jax and not skglm"
    done = run(BENCHMARKS, tmp_path, "--small", "--benchmark-disable", "-q", "-rp", "-k", without)
    assert done.returncode == 0, done.stdout + done.stderr
    ran = set(re.findall(r"^PASSED .*?(\w+\.py)::", done.stdout, re.MULTILINE))
    assert ran == {path.name for path in BENCHMARKS.glob("bench_*.py")}


def test_table_has_time_ratio_memory_and_accuracy_of_each_job(tmp_path: Path) -> None:
    for name in ("conftest.py", "pytest.ini"):
        shutil.copy(BENCHMARKS / name, tmp_path)
    (tmp_path / "bench_zeros.py").write_text(JOBS, encoding="utf-8")
    done = run(tmp_path, tmp_path, "--benchmark-max-time=0.01")
    assert "1 failed, 3 passed, 1 skipped" in done.stdout, done.stdout
    table = done.stdout[done.stdout.index("MiB  accuracy") :]
    rows = {line.split()[0]: line.split()[1:] for line in table.splitlines()[1:6] if line}
    assert rows["logitreg"][2:] == ["1", "8.0", "0.0"]
    time, unit, ratio, memory = rows["two"]
    assert unit in ("ms", "s")
    assert float(time) > 0
    assert float(ratio) > 1
    assert memory == "16.0"
    assert rows["outside"][-1] == "-"
    assert rows["unreached"] == ["never", "16.0", "only", "3e-9"]
    assert "wrong" not in rows

"""Whole processes, by the clock on the wall: the import and the commands.

    python -m pytest benchmarks/bench_commands.py

``--small`` leaves out all but the import.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from logitreg import penalties

pytestmark = pytest.mark.benchmark(timer=time.perf_counter)

SELECTED = {
    "all claims": "",
    "--quick": "--quick",
    "label smoothing": "beck.ls-* beck.class beck.finite-target beck.lower-bound beck.simplex "
    "primer.ls-*",
}


def measure_process(measure: Any, group: str, job: str, rounds: int, *arguments: str) -> None:
    def run() -> None:
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)

    measure(group, job, run, traced=False, rounds=rounds)


@pytest.mark.parametrize("module", ["logitreg", "numpy", "sys"])
def bench_import(measure: Any, module: str) -> None:
    measure_process(measure, "import", f"import {module}", 15, "-c", f"import {module}")


@pytest.mark.slow
@pytest.mark.parametrize("name", penalties())
def bench_derive(measure: Any, name: str) -> None:
    measure_process(measure, "derive", name, 3, "-m", "logitreg", "derive", name)


@pytest.mark.slow
@pytest.mark.parametrize("selected", SELECTED)
def bench_verify(measure: Any, tmp_path: Path, selected: str) -> None:
    command = ["-m", "logitreg", "verify", *SELECTED[selected].split(), "--output", str(tmp_path)]
    measure_process(measure, "verify", selected, 1, *command)

"""Whole-process times of the import and of the commands (medians; one run of each verify).

    python benchmarks/bench_commands.py

``import logitreg`` is compared with ``import numpy``, in turn, as the ratio of the medians.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time

from logitreg import penalties

LABEL_SMOOTHING = ["beck.ls-*", "beck.class", "beck.finite-target", "beck.lower-bound"]
LABEL_SMOOTHING += ["beck.simplex", "primer.ls-*"]


def seconds(*arguments: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    imports: dict[str, list[float]] = {"numpy": [], "logitreg": [], "nothing": []}
    for _ in range(15):
        for name, times in imports.items():
            times.append(seconds("-c", "pass" if name == "nothing" else f"import {name}"))
    medians = {name: statistics.median(times) for name, times in imports.items()}
    for name, median in medians.items():
        print(f"{'import ' + name:40} {median:8.3f} s")
    print(f"{'import logitreg / import numpy':40} {medians['logitreg'] / medians['numpy']:8.2f}")
    with tempfile.TemporaryDirectory() as folder:
        for options in ([], ["--quick"], LABEL_SMOOTHING):
            taken = seconds("-m", "logitreg", "verify", *options, "--output", folder)
            print(f"{' '.join(['verify', *options])[:40]:40} {taken:8.2f} s")
    for name in penalties():
        median = statistics.median(seconds("-m", "logitreg", "derive", name) for _ in range(3))
        print(f"{'derive ' + name:40} {median:8.2f} s")


if __name__ == "__main__":
    main()

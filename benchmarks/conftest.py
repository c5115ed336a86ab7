"""What benchmarks share: one thread, small sizes, the memory of a job, and one table at the end.

Every benchmark calls ``measure``. pytest-benchmark times the job; the rest is reported beside it.
"""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Callable
from typing import Any, NoReturn

import pytest

# The libraries, not loaded yet, read these; the clock of pytest.ini counts the time of all threads.
for _library in ("OPENBLAS", "MKL", "OMP"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")

_ROWS = pytest.StashKey[list[dict[str, Any]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--small", action="store_true", help="benchmarks: sizes for a quick look")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_ROWS] = []


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if config.getoption("small") and item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="slow, and --small was given"))


@pytest.fixture(scope="session")
def small(pytestconfig: pytest.Config) -> bool:
    """Whether sizes for a quick look are wanted."""
    return bool(pytestconfig.getoption("small"))


def _peak(run: Callable[[], Any]) -> float:
    """MiB that NumPy and Python allocate at the most, the result among them, in one more run."""
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()


@pytest.fixture
def measure(benchmark: Any, pytestconfig: pytest.Config) -> Callable[..., Any]:
    """measure(group, job, run): time ``run()``, weigh it, and give its result.

    The table compares the jobs of a group with the first called logitreg. A run before the first
    round pays for compilers; with ``rounds`` there are just so many, and none before. ``parts``
    divides the time shown. ``accuracy(result)`` says how good the result is, or raises. Memory that
    is not of Python or NumPy is out of sight: ``traced=False``.
    """

    def measure(
        group: str,
        job: str,
        run: Callable[[], Any],
        *,
        accuracy: Callable[[Any], str] = lambda found: "",
        parts: float = 1,
        rounds: int | None = None,
        traced: bool = True,
    ) -> Any:
        benchmark.group = group
        found = benchmark.pedantic(run, rounds=rounds) if rounds else benchmark(run)
        stated = accuracy(found)
        if benchmark.enabled:
            peak = _peak(run) if traced else None
            benchmark.extra_info |= {"job": job, "accuracy": stated, "MiB": peak}
            row = {"group": group, "seconds": benchmark.stats.stats.min / parts}
            pytestconfig.stash[_ROWS].append(row | benchmark.extra_info)
        return found

    return measure


@pytest.fixture
def never(benchmark: Any, pytestconfig: pytest.Config) -> Callable[..., NoReturn]:
    """never(group, job, run, accuracy): a job that misses the goal is weighed, and not timed."""

    def never(group: str, job: str, run: Callable[[], Any], accuracy: str) -> NoReturn:
        if benchmark.enabled:
            row = {"group": group, "seconds": None, "job": job, "accuracy": accuracy}
            pytestconfig.stash[_ROWS].append(row | {"MiB": _peak(run)})
        pytest.skip(f"{group}, {job}: never, {accuracy}")

    return never


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """One table, after those of pytest-benchmark: each job next to ours."""
    rows = config.stash[_ROWS]
    for group in dict.fromkeys(row["group"] for row in rows):
        members = [row for row in rows if row["group"] == group]
        width = max(len(group), *(len(row["job"]) for row in members)) + 2
        heads = f"\n{group:{width}}{'time':>9}{'/ ours':>9}{'MiB':>9}  accuracy"
        terminalreporter.write_line(heads, bold=True)
        ours = next((row["seconds"] for row in members if "logitreg" in row["job"]), None)
        for row in members:
            seconds, peak = row["seconds"], row["MiB"]
            time = "never" if seconds is None else _shown(seconds)
            ratio = f"{seconds / ours:.3g}" if seconds and ours else ""
            memory = "-" if peak is None else f"{peak:.1f}"
            cells = f"{row['job']:{width}}{time:>9}{ratio:>9}{memory:>9}  {row['accuracy']}"
            terminalreporter.write_line(cells)


def _shown(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"

"""Cells computed one by one, in processes of this machine, or on a Dask cluster."""

from __future__ import annotations

import signal
import threading
import warnings
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

from ...errors import SweepError
from ...lazy import optional
from .code_version import CODE_VERSION
from .jobs import JOBS, Cell
from .store import Row

__all__ = ["Outcome", "Task", "check_workers", "in_processes", "on_cluster", "one_by_one"]

# Enough to keep a large cluster busy, and not too many to hold in the scheduler.
_WINDOW = 1000
_CONNECT_SECONDS = 10

Outcomes = Generator["Outcome", None, None]


class Task(NamedTuple):
    """A cell to compute: its key, its parameters, and the folder of its data files."""

    key: str
    cell: Cell
    folder: Path


class Outcome(NamedTuple):
    """What became of a cell, and under which code."""

    key: str
    row: Row
    code: str


def check_workers(workers: int, address: str | None) -> None:
    """Raise before anything is begun if the cells could not be computed so.

    Raises
    ------
    MissingDependencyError : joblib or dask.distributed is not installed.
    SweepError : the text is no address of a scheduler.
    """
    if address is not None:
        try:
            _distributed().comm.get_address_host_port(address)
        except ValueError as error:
            raise SweepError(_no_scheduler(address, error)) from error
    elif workers > 1:
        _joblib()


def attempt(task: Task) -> Outcome:
    """Compute a cell; an error becomes part of the outcome."""
    start = perf_counter()
    try:
        values, error = JOBS[task.cell["job"]](task.cell, task.folder), None
    except Exception as stopped:
        values, error = {}, f"{type(stopped).__name__}: {stopped}"
    return Outcome(task.key, Row(values, error, perf_counter() - start), CODE_VERSION)


def one_by_one(tasks: Iterable[Task]) -> Outcomes:
    """In this process, in order."""
    yield from map(attempt, tasks)


def in_processes(tasks: Iterable[Task], workers: int) -> Outcomes:
    """In processes of this machine, in the order in which they finish.

    Raises
    ------
    MissingDependencyError : joblib is not installed.
    SweepError : a process was killed.
    """
    joblib = _joblib()
    # Batches would hold results back, which a kill would lose.
    parallel = joblib.Parallel(workers, return_as="generator_unordered", batch_size=1)
    with _deaf_to_interrupts():
        outcomes = parallel(joblib.delayed(attempt)(task) for task in tasks)
    try:
        # Not `yield from`, which would close the cells' generator before it can be told below.
        for outcome in outcomes:  # noqa: UP028
            yield outcome
    except GeneratorExit:
        with warnings.catch_warnings():
            # That cells which were begun are given up is what was asked for.
            warnings.simplefilter("ignore", UserWarning)
            outcomes.close()
        raise
    except BrokenExecutor as error:
        raise SweepError(
            "a process of the sweep was killed (perhaps for want of memory); expected it to live; "
            "run the same command again, with fewer --workers if it recurs"
        ) from error


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Processes started meanwhile ignore Ctrl-C for good: this one alone answers it, ends them."""
    if threading.current_thread() is not threading.main_thread():  # which alone may set handlers
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def on_cluster(tasks: Iterable[Task], address: str) -> Outcomes:
    """On the workers of a Dask scheduler, in the order in which they finish.

    What a killed worker had begun is done by another. A cell that was on too many killed workers
    (Dask's ``allowed-failures``) counts as failed.

    Raises
    ------
    MissingDependencyError : dask.distributed is not installed.
    SweepError : no scheduler answers, it was lost, or a worker has other code.
    """
    distributed = _distributed()
    waiting = iter(tasks)
    try:
        client = distributed.Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise SweepError(_no_scheduler(address, error)) from error
    keys: dict[str, str] = {}

    def submit(count: int) -> list[Any]:
        chosen = list(islice(waiting, count))
        futures: list[Any] = client.map(attempt, chosen, pure=False)
        keys.update((f.key, task.key) for f, task in zip(futures, chosen, strict=True))
        return futures

    with client:
        running = distributed.as_completed(submit(_WINDOW), loop=client.loop)
        for batch in running.batches():
            running.update(submit(len(batch)))
            names = [keys.pop(future.key) for future in batch]
            try:
                outcomes = client.gather(batch)
            except Exception:
                # One of them has no outcome: ask for each alone.
                outcomes = map(_outcome, batch, names)
            yield from outcomes


def _outcome(future: Any, key: str) -> Outcome:
    killed = _distributed().KilledWorker
    try:
        found: Outcome = future.result()
    except killed as error:
        return Outcome(key, Row({}, f"KilledWorker: {error}", 0.0), CODE_VERSION)
    except (CancelledError, OSError) as error:
        raise SweepError(
            "the Dask scheduler was lost; expected it to live until the sweep ends; restart it and "
            "run the same command again"
        ) from error
    except Exception as error:
        raise SweepError(
            f"a Dask worker cannot run the sweep: {error}; expected logitreg {CODE_VERSION} on "
            "every worker; install it and restart the workers"
        ) from error
    return found


def _no_scheduler(address: str, error: Exception) -> str:
    return (
        f"no Dask scheduler answers at {address!r} ({error}); expected an address such as "
        "tcp://host:8786, as `dask scheduler` prints it"
    )


def _joblib() -> Any:
    return optional("joblib", "a sweep in several processes", "compute one by one: --workers 1")


def _distributed() -> Any:
    return optional("distributed", "a sweep on a Dask cluster", "do without --dask")

"""Processes that judge claims side by side."""

from __future__ import annotations

import gc
import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import pairwise
from multiprocessing import forkserver
from multiprocessing.context import BaseContext
from pathlib import Path
from pkgutil import iter_modules
from typing import TypeVar

__all__ = ["in_processes", "start"]

Result = TypeVar("Result")

_OBJECTS_BETWEEN_COLLECTIONS = 100_000
# The processes share the cores, and SymPy's cache holds too little for many proofs by default.
_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "SYMPY_CACHE_SIZE": "20000"}


def start() -> None:
    """Begin to load the claims in the process from which the others will be forked.

    To call this first, before the claims are loaded here as well, lets the two go on side by side.
    """
    if _context().get_start_method() == "forkserver":
        missing = _ENVIRONMENT.keys() - os.environ.keys()
        os.environ.update((name, _ENVIRONMENT[name]) for name in missing)
        forkserver.ensure_running()
        for name in missing:
            del os.environ[name]


def in_processes(
    work: Callable[[str], Result], ids: Sequence[str], count: int
) -> Iterator[tuple[str, Result]]:
    """Each id with what ``work`` makes of it, as it is finished.

    A process takes neighbours one after the other, since what they need in common is kept; one that
    has no more takes from the end of the longest queue. One process is the caller's own.
    """
    if count <= 1:
        yield from ((id, work(id)) for id in ids)
        return
    ends = [len(ids) * i // count for i in range(count + 1)]
    queues = [deque(ids[a:b]) for a, b in pairwise(ends)]
    pools = [ProcessPoolExecutor(1, _context(), _prepare) for _ in queues]
    running: dict[Future[Result], tuple[int, str]] = {}

    def go_on(i: int) -> None:
        longest = max(queues, key=len)
        if longest:
            id = queues[i].popleft() if queues[i] else longest.pop()
            running[pools[i].submit(work, id)] = i, id

    try:
        for i in range(count):
            go_on(i)
        while running:
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                i, id = running.pop(future)
                go_on(i)
                yield id, future.result()
    finally:
        for pool in pools:
            pool.shutdown(wait=False, cancel_futures=True)


def _context() -> BaseContext:
    """Processes that do not inherit the caller's threads, with the claims loaded once for all."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    folder = f"{__package__}.claims"
    topics = iter_modules([str(Path(__file__).parent / "claims")])
    context.set_forkserver_preload([f"{folder}.{topic.name}" for topic in topics])
    return context


def _prepare() -> None:
    """Proofs make many small objects and few cycles: collect garbage less often."""
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)

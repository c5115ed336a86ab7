"""A sweep: what is left of a grid is computed and kept, cell by cell."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import NamedTuple

from ...errors import SweepError
from .code_version import CODE_VERSION
from .execution import Outcome, Task, in_processes, on_cluster, one_by_one
from .spec import Spec, cell_key
from .store import Store

__all__ = ["Standing", "run", "standing"]


class Standing(NamedTuple):
    """How many cells a grid has, and how many of them are done or have failed."""

    total: int
    done: int
    failed: int

    @property
    def left(self) -> int:
        return self.total - self.done - self.failed


def standing(spec: Spec, store: Store) -> Standing:
    """What the file of results holds of a grid."""
    states = store.states()
    found = [states[key] for key in map(cell_key, spec.cells()) if key in states]
    return Standing(len(spec), sum(found), len(found) - sum(found))


def run(
    spec: Spec,
    store: Store,
    *,
    workers: int = 1,
    address: str | None = None,
    retry_failed: bool = False,
    on_outcome: Callable[[Outcome], None] = lambda outcome: None,
) -> None:
    """Compute the cells that the file of results lacks, and keep each as it is finished.

    Parameters
    ----------
    workers : processes of this machine; with one the cells are computed in this process, in order.
    address : of a Dask scheduler, whose workers are used instead.
    retry_failed : also the cells that failed before.
    on_outcome : called after each cell, when it is kept.

    Raises
    ------
    MissingDependencyError, SweepError : the cells that are finished are kept.
    """
    states, folder = store.states(), spec.folder.resolve()
    tasks = (
        Task(key, cell, folder)
        for cell in spec.cells()
        if states.get(key := cell_key(cell)) is None or (retry_failed and not states[key])
    )
    if address is not None:
        outcomes = on_cluster(tasks, address)
    elif workers > 1:
        outcomes = in_processes(tasks, workers)
    else:
        outcomes = one_by_one(tasks)
    with closing(outcomes):
        for outcome in outcomes:
            if outcome.code != CODE_VERSION:
                raise SweepError(
                    f"a worker has logitreg {outcome.code}; expected {CODE_VERSION}, as here; "
                    "install the same version everywhere and restart the workers"
                )
            store.record(outcome.key, outcome.row)
            on_outcome(outcome)

"""``logitreg sweep``: a grid of experiments that goes on where it was stopped."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..terminal import counted, err, out

if TYPE_CHECKING:
    from ..sweeps.execution import Outcome
    from ..sweeps.run import Standing

__all__ = ["command"]

_SOME_FAILED = 1
_INTERRUPTED = 130


@click.command("sweep")
@click.argument("spec", type=click.Path(path_type=Path))
@click.option(
    "--results",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Keep the results in this file.  [default: SPEC with the suffix .sqlite]",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    metavar="N",
    default=os.cpu_count() or 1,
    help="Compute in N processes; more than 1 need joblib.  [default: one per processor]",
)
@click.option(
    "--dask",
    "address",
    metavar="ADDRESS",
    help="Compute on the workers of this Dask scheduler, such as tcp://host:8786.",
)
@click.option("--retry-failed", is_flag=True, help="Compute the cells that failed before, too.")
@click.option(
    "--dry-run", is_flag=True, help="Check SPEC and what it needs, count its cells, and stop."
)
@click.option(
    "--export",
    "exported",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="At the end, write a table of the results to this .csv or .parquet file.",
)
def command(
    spec: Path,
    results: Path | None,
    workers: int,
    address: str | None,
    retry_failed: bool,
    dry_run: bool,
    exported: Path | None,
) -> None:
    """Compute the cells of the grid in SPEC, a TOML file, that the file of results lacks.

    \b
    seeds = 20                  # how many, or a list of them
    [data]                      # signal plus noise:
    n_samples = 400
    aspect_ratio = [0.1, 0.7]   # features per sample; or n_features
    signal = 1.0                # the default
    signal_noise = 0.5          # the default; [0.25, 0.5] is an axis
    orthogonal_noise = 1.0      # the default
    [loss]
    penalty = ["quadratic", "label-smoothing"]    # default "quadratic"
    alpha = { geomspace = [0.001, 0.5, 6] }       # in [0, 1), default 0.1
    bias = false                # the default

    A list is an axis of the grid, and so is { linspace = [first, last, count] }. Data of your own:

    \b
    [data]
    file = "data.csv"           # .npz, .csv or .parquet, beside SPEC
    target = "label"            # the column that holds the labels
    train_fraction = 0.8        # the default; accuracy is that on the rest

    Each cell is kept as it is finished: a sweep that was stopped, however hard, goes on when the
    same command is run again. With --dry-run, --export writes what is there.

    Exit status: 0 if every cell is done; 1 if some failed; 2 for bad input; 130 if interrupted.
    """
    from ..sweeps.code_version import CODE_VERSION
    from ..sweeps.execution import check_workers
    from ..sweeps.export import check_export, export
    from ..sweeps.run import run, standing
    from ..sweeps.spec import read_spec
    from ..sweeps.store import open_store

    grid = read_spec(spec)
    check_workers(workers, address)
    if exported is not None:
        check_export(exported)
    file = results or spec.with_suffix(".sqlite")
    with open_store(file, CODE_VERSION, write=not dry_run) as store:
        before = standing(grid, store)
        noun = "cell" if len(grid) == 1 else "cells"
        out.print(f"{grid.size()} {noun}; {_described(before)}", soft_wrap=True)
        if others := store.others():
            note = (
                f"Not counted: {counted(others, 'cell')} of other versions of the code in {file}."
            )
            out.print(note, soft_wrap=True)
        if not dry_run:
            try:
                with _progress(before, retry_failed) as advance:
                    run(
                        grid,
                        store,
                        workers=workers,
                        address=address,
                        retry_failed=retry_failed,
                        on_outcome=advance,
                    )
            except KeyboardInterrupt:
                kept = standing(grid, store)
                err.print(
                    f"Interrupted: {kept.done + kept.failed} of {kept.total} cells are kept in "
                    f"{file}; run the same command again to go on.",
                    soft_wrap=True,
                )
                raise SystemExit(_INTERRUPTED) from None
        if exported is not None:
            rows = counted(export(grid, store, exported), "row")
            out.print(f"Wrote {rows} to {exported}.", soft_wrap=True)
        after = standing(grid, store)
    if dry_run:
        return
    out.print(f"Results in {file}: {_described(after)}", soft_wrap=True)
    if after.failed:
        err.print("Try the failed cells again with --retry-failed.")
        raise SystemExit(_SOME_FAILED)


def _described(found: Standing) -> str:
    failed = f", {found.failed} failed" if found.failed else ""
    return f"{found.done} done{failed}, {found.left} to compute."


@contextmanager
def _progress(before: Standing, retry_failed: bool) -> Iterator[Callable[[Outcome], None]]:
    """A bar with the time left; failures are printed above it as they come."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    settled = before.done + (0 if retry_failed else before.failed)
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("", total=before.total, completed=settled)

        def advance(outcome: Outcome) -> None:
            bar.advance(task)
            if outcome.row.error is not None:
                err.print(f"FAILED {outcome.key}: {outcome.row.error}")

        yield advance

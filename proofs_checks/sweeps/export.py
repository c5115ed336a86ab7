"""The results of a grid as one table: a row for each cell that was tried."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ...errors import SweepError
from ...lazy import optional
from .spec import Spec, cell_key
from .store import Store

__all__ = ["check_export", "export", "table"]


def table(spec: Spec, store: Store) -> dict[str, list[Any]]:
    """Columns of equal length, in the order of the grid: parameters, results, seconds and error.

    None stands where a cell has no such parameter or result, or where it is undefined.
    """
    rows = dict(store.rows())
    tried = [(cell, rows[key]) for cell in spec.cells() if (key := cell_key(cell)) in rows]
    parameters = _names(cell for cell, _ in tried)
    results = _names(row.values for _, row in tried)
    columns: dict[str, list[Any]] = {name: [c.get(name) for c, _ in tried] for name in parameters}
    columns |= {name: [row.values.get(name) for _, row in tried] for name in results}
    columns["seconds"] = [row.seconds for _, row in tried]
    columns["error"] = [row.error for _, row in tried]
    return columns


def _names(mappings: Iterable[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for mapping in mappings for name in mapping))


def check_export(file: Path) -> None:
    """Raise before anything is computed if the table could not be written.

    Raises
    ------
    SweepError, MissingDependencyError
    """
    if file.suffix.lower() not in _WRITERS:
        raise SweepError(f"{file.name!r} has an unknown suffix; expected {' or '.join(_WRITERS)}")
    if not file.parent.is_dir():
        raise SweepError(f"there is no folder {str(file.parent)!r} to export to; make it first")
    if file.suffix.lower() == ".parquet":
        optional("pyarrow.parquet", repr(file.name), "export to .csv")


def export(spec: Spec, store: Store, file: Path) -> int:
    """Write the table as .csv or .parquet, and return its number of rows.

    The file appears as a whole or not at all.
    """
    check_export(file)
    columns = table(spec, store)
    unfinished = file.with_name(f"{file.name}.part")
    _WRITERS[file.suffix.lower()](columns, unfinished)
    os.replace(unfinished, file)
    return len(columns["error"])


def _write_csv(columns: Mapping[str, list[Any]], file: Path) -> None:
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def _write_parquet(columns: Mapping[str, list[Any]], file: Path) -> None:
    arrow, parquet = optional("pyarrow", ".parquet"), optional("pyarrow.parquet", ".parquet")
    # A column without values has no type of its own.
    columns_of = {
        name: arrow.array(values, None if name != "error" else arrow.string())
        for name, values in columns.items()
    }
    parquet.write_table(arrow.table(columns_of), file)


_WRITERS = {".csv": _write_csv, ".parquet": _write_parquet}

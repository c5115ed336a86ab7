"""The results of sweeps, in an SQLite file: one transaction for each cell."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from ...errors import SweepError

__all__ = ["Row", "Store", "open_store"]

_APPLICATION = 0x4C525357
_FORMAT = 1

_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS cells (
    id INTEGER PRIMARY KEY,
    parameters TEXT NOT NULL,
    code TEXT NOT NULL,
    error TEXT,
    seconds REAL NOT NULL,
    finished TEXT NOT NULL,
    UNIQUE (parameters, code)
);
CREATE TABLE IF NOT EXISTS results (
    cell INTEGER NOT NULL REFERENCES cells ON DELETE CASCADE,
    name TEXT NOT NULL,
    value REAL,
    UNIQUE (cell, name)
);
PRAGMA application_id = {_APPLICATION};
PRAGMA user_version = {_FORMAT};
COMMIT;
"""


class Row(NamedTuple):
    """What is kept of a cell: its values, or the error that stopped it, and the time it took."""

    values: Mapping[str, float | None]
    error: str | None
    seconds: float


class Store:
    """The cells of one version of the code, by their canonical JSON."""

    def __init__(self, connection: sqlite3.Connection, code: str) -> None:
        self._connection = connection
        self._code = code

    def states(self) -> dict[str, bool]:
        """Each cell that was tried, and whether it succeeded."""
        query = "SELECT parameters, error IS NULL FROM cells WHERE code = ?"
        return {key: bool(done) for key, done in self._connection.execute(query, (self._code,))}

    def others(self) -> int:
        """The number of cells of other versions of the code."""
        query = "SELECT count(*) FROM cells WHERE code <> ?"
        return int(self._connection.execute(query, (self._code,)).fetchone()[0])

    def record(self, key: str, row: Row) -> None:
        """Keep a cell, in place of its failure if it had failed before.

        Raises
        ------
        sqlite3.IntegrityError : the cell is there already, and did not fail.
        """
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        with self._connection as transaction:
            transaction.execute(
                "DELETE FROM cells WHERE parameters = ? AND code = ? AND error IS NOT NULL",
                (key, self._code),
            )
            cell = transaction.execute(
                "INSERT INTO cells (parameters, code, error, seconds, finished) "
                "VALUES (?, ?, ?, ?, ?)",
                (key, self._code, row.error, row.seconds, now),
            ).lastrowid
            # SQLite has no NaN: it becomes NULL.
            transaction.executemany(
                "INSERT INTO results VALUES (?, ?, ?)",
                [(cell, name, value) for name, value in row.values.items()],
            )

    def rows(self) -> Iterator[tuple[str, Row]]:
        """Every cell with what is kept of it."""
        query = "SELECT id, parameters, error, seconds FROM cells WHERE code = ?"
        for cell, key, error, seconds in self._connection.execute(query, (self._code,)):
            values = self._connection.execute(
                "SELECT name, value FROM results WHERE cell = ? ORDER BY rowid", (cell,)
            )
            yield key, Row(dict(values), error, seconds)


@contextmanager
def open_store(path: Path, code: str, *, write: bool) -> Iterator[Store]:
    """The results in a file, which is made if need be; at most one process writes.

    Others may read while one writes. Without ``write`` a file that does not exist counts as empty,
    and is not made.

    Raises
    ------
    SweepError : the file holds something else, cannot be opened, or another sweep writes to it.
    """
    if path.exists() and not path.is_file():
        raise SweepError(f"{str(path)!r} is no file; expected the file of results, or none yet")
    try:
        with closing(_connect(path, write)) as connection:
            _check_format(connection, path)
            if not write:
                yield Store(connection, code)
                return
            with _sole_writer(path):
                _prepare(connection)
                yield Store(connection, code)
    except sqlite3.IntegrityError:
        raise
    except sqlite3.DatabaseError as error:
        raise SweepError(
            f"{str(path)!r} cannot be used: {error}; expected a file of results, or none yet, in a "
            "folder that can be written to; check it and the space on the disk"
        ) from error


def _connect(path: Path, write: bool) -> sqlite3.Connection:
    if write:
        return sqlite3.connect(path)
    if not path.exists():
        empty = sqlite3.connect(":memory:")
        _prepare(empty)
        return empty
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    # No wait for the disk at each cell: a killed process loses nothing, a power cut the last cells.
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.executescript(_SCHEMA)


def _check_format(connection: sqlite3.Connection, path: Path) -> None:
    ((tables,),) = connection.execute("SELECT count(*) FROM sqlite_master")
    ((application,),) = connection.execute("PRAGMA application_id")
    ((version,),) = connection.execute("PRAGMA user_version")
    if tables and (application, version) != (_APPLICATION, _FORMAT):
        raise SweepError(
            f"{str(path)!r} is a database of something else, or of another version of logitreg; "
            "expected one that a sweep wrote, or the name of a new file"
        )


@contextmanager
def _sole_writer(path: Path) -> Iterator[None]:
    """A lock that the system releases however the process ends."""
    with closing(sqlite3.connect(f"{path}-lock", timeout=0, isolation_level=None)) as lock:
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            raise SweepError(
                f"another sweep is writing to {str(path)!r}; expected one at a time; wait for it, "
                "stop it, or choose another file of results"
            ) from error
        yield

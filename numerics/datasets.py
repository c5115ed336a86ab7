"""Data sets from files, and those that come with scikit-learn."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile, is_zipfile

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, NonFiniteError, ShapeError, UnknownNameError
from ..lazy import optional
from .concise import concise_repr
from .rounding import Matrix

__all__ = ["BUNDLED", "Dataset", "bundled", "load_dataset", "read_file"]

BUNDLED = ("breast_cancer", "digits", "iris", "wine")
"""The classification sets that come with scikit-learn."""

_EXACT_INTEGERS = 2**53
_LABEL_COLUMNS = ("y", "label", "target", "class")


@dataclass(frozen=True)
class Dataset:
    """Features and labels, with the constant features left out.

    Attributes
    ----------
    name : the name of the set or of the file.
    X : (n_samples, n_features) float64.
    y : (n_samples,) labels, integers or strings.
    feature_names : one name per column of X.
    dropped : names of constant features, which are collinear with an intercept.
    target : the name of the column or array that holds the labels.
    """

    name: str
    X: Matrix
    y: NDArray[Any]
    feature_names: tuple[str, ...]

    def __repr__(self) -> str:
        return concise_repr(self)

    dropped: tuple[str, ...]
    target: str = "y"


def load_dataset(source: str | Path, target: str | None = None) -> Dataset:
    """A bundled set by name, or else a file by path.

    Examples
    --------
    >>> load_dataset("iris").X.shape
    (150, 4)
    """
    return bundled(str(source)) if str(source) in BUNDLED else read_file(source, target)


def bundled(name: str) -> Dataset:
    """One of scikit-learn's bundled sets: digits, breast_cancer, iris or wine.

    Raises
    ------
    UnknownNameError : no such set.
    MissingDependencyError : scikit-learn is not installed.

    Examples
    --------
    >>> len(bundled("digits").dropped)
    3
    """
    if name not in BUNDLED:
        raise UnknownNameError(
            f"no bundled data set is called {name!r}; expected one of {', '.join(BUNDLED)}, or the "
            "path of a .npz, .csv or .parquet file"
        )
    bunch = getattr(optional("sklearn.datasets", f"the data set {name!r}"), f"load_{name}")()
    names = [str(feature) for feature in bunch.feature_names]
    data = np.asarray(bunch.data, dtype=np.float64)
    return _dataset(name, _Table(data, bunch.target, names, "target"))


def read_file(path: str | Path, target: str | None = None) -> Dataset:
    """Read a data set from a .npz, .csv or .parquet file.

    Parameters
    ----------
    path : a .npz with arrays X (n_samples, n_features) and y (n_samples,); or a table, .csv (comma
        separated, UTF-8, names in the first line) or .parquet, with one column of labels.
    target : the column of labels. By default the one column called y, label, target or class (in
        any case), or else the last one. A .npz takes the name of the array instead of y.

    Returns
    -------
    Dataset

    Raises
    ------
    DataError : the file is missing, of unknown kind, empty or without names of its columns; a
        feature is not a number, or a label is a fraction; the message names the column and the
        first such value.
    NonFiniteError : NaN, infinity or an empty cell.
    ShapeError : X and y do not belong together.
    MissingDependencyError : pyarrow is needed for .parquet.
    """
    file = Path(path)
    readers = {".npz": _read_npz, ".csv": _read_csv, ".parquet": _read_parquet}
    suffix = file.suffix.lower()
    if suffix not in readers:
        raise DataError(
            f"{file.name!r} has {f'the suffix {suffix!r}' if suffix else 'no suffix'}; expected "
            f"{', '.join(readers)}, or the name of a bundled set: {', '.join(BUNDLED)}"
        )
    if not file.is_file():
        raise DataError(
            f"{str(file)!r} is a folder; expected a data file"
            if file.is_dir()
            else f"there is no file {str(file)!r}; check the path, expected a data file"
        )
    if file.stat().st_size == 0:
        raise DataError(f"{file.name!r} is empty; expected a data set")
    try:
        table = readers[suffix](file, target)
    except OSError as error:
        raise DataError(
            f"{str(file)!r} cannot be read ({error}); expected a whole {suffix} file that may be "
            "read; check its permissions, and write it again"
        ) from error
    return _dataset(file.stem, table)


class _Table(NamedTuple):
    """Features, labels, the names of the features, and that of the labels."""

    X: Matrix
    y: NDArray[Any]
    names: list[str]
    target: str


def _read_npz(file: Path, target: str | None) -> _Table:
    wanted = ("X", target or "y")
    with file.open("rb") as stream:
        if not is_zipfile(stream):
            raise DataError(
                f"{file.name!r} cannot be read as .npz (it is no such archive); expected one that "
                "numpy.savez has saved"
            )
    try:
        with np.load(file, allow_pickle=False) as archive:
            missing = [name for name in wanted if name not in archive.files]
            if missing:
                raise DataError(
                    f"{file.name!r} holds the arrays {', '.join(archive.files) or 'none'}; "
                    f"expected {' and '.join(wanted)}; save it by "
                    f"numpy.savez(path, X=X, {wanted[1]}=y)"
                )
            X, y = archive[wanted[0]], archive[wanted[1]]
    except (BadZipFile, EOFError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"{file.name!r} cannot be read as .npz ({error}); expected plain numeric arrays and "
            "labels without Python objects, saved by numpy.savez"
        ) from error
    if X.dtype.kind not in "biuf":
        raise DataError(f"X in {file.name!r} has dtype {X.dtype}; expected real numbers")
    if X.ndim != 2 or y.shape != X.shape[:1]:
        raise ShapeError(
            f"{file.name!r} holds X of shape {X.shape} and {wanted[1]} of shape {y.shape}; "
            "expected (n_samples, n_features) and (n_samples,)"
        )
    y = _class_labels(file.name, wanted[1], y)
    return _Table(X.astype(np.float64), y, [f"x{i}" for i in range(X.shape[1])], wanted[1])


def _read_csv(file: Path, target: str | None) -> _Table:
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            rows = [[cell.strip() for cell in row] for row in csv.reader(stream) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{file.name!r} is not comma-separated UTF-8 text: {error}") from error
    if len(rows) < 2:
        raise DataError(f"{file.name!r} has no samples; expected a line of names, then samples")
    header = rows[0]
    for line, row in enumerate(rows[1:], start=1):
        if len(row) != len(header):
            raise DataError(
                f"sample {line} of {file.name!r} has {len(row)} cells; expected {len(header)}, as "
                "in the line of names"
            )
    columns = [list(column) for column in zip(*rows[1:], strict=True)]
    if all(_is_number(name) or name in cells for name, cells in zip(header, columns, strict=True)):
        shown = ",".join(header[:4]) + (",..." if len(header) > 4 else "")
        raise DataError(
            f"{file.name!r} begins with values, {shown}; expected a first line of names, which are "
            "no numbers; add one, such as x0,x1,...,y"
        )
    return _table(file.name, header, columns, target)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _read_parquet(file: Path, target: str | None) -> _Table:
    parquet = optional("pyarrow.parquet", repr(file.name), "save it as .csv")
    try:
        table = parquet.read_table(file)
    except ValueError as error:
        raise DataError(
            f"{file.name!r} cannot be read as .parquet ({error}); expected a whole file"
        ) from error
    if table.num_rows == 0:
        raise DataError(f"{file.name!r} has no samples; expected one row per sample")
    columns = [column.to_pylist() for column in table.columns]
    return _table(file.name, list(table.column_names), columns, target)


def _table(name: str, header: list[str], columns: list[list[Any]], target: str | None) -> _Table:
    repeated = sorted({column for column in header if header.count(column) > 1})
    if repeated:
        raise DataError(
            f"{name!r} has several columns called {repeated[0]!r}; expected distinct names in its "
            "first line"
        )
    label = _label_column(name, header, target)
    y = _label_values(name, header[label], columns[label])
    features = [i for i in range(len(header)) if i != label]
    if not features:
        raise DataError(
            f"{name!r} has the column {header[label]!r} alone; expected features too, and commas "
            "between the columns of a .csv"
        )
    X = np.column_stack([_numbers(name, header[i], columns[i]) for i in features])
    return _Table(X, y, [header[i] for i in features], header[label])


def _label_column(name: str, header: list[str], target: str | None) -> int:
    if target is not None:
        if target not in header:
            raise DataError(
                f"{name!r} has no column {target!r}; expected one of {', '.join(header)}"
            )
        return header.index(target)
    candidates = [i for i, column in enumerate(header) if column.lower() in _LABEL_COLUMNS]
    if len(candidates) > 1:
        found = ", ".join(header[i] for i in candidates)
        raise DataError(
            f"{name!r} has several columns that may hold the labels: {found}; say which by target"
        )
    return candidates[0] if candidates else len(header) - 1


def _label_values(name: str, column: str, cells: list[Any]) -> NDArray[Any]:
    for row, cell in enumerate(cells, start=1):
        if cell is None or cell == "" or cell != cell:
            raise NonFiniteError(
                f"the label in column {column!r}, sample {row} of {name!r} is missing; expected a "
                "label for each sample; drop the sample"
            )
    if all(isinstance(cell, str) for cell in cells):
        cells = _parsed(cells)
    return _class_labels(name, column, np.array(cells))


def _parsed(cells: list[str]) -> list[Any]:
    for kind in (int, float):
        with suppress(ValueError):
            return [kind(cell) for cell in cells]
    return cells


def _class_labels(name: str, column: str, values: NDArray[Any]) -> NDArray[Any]:
    """Labels that name classes: whole numbers become integers, fractions are refused."""
    if values.dtype.kind != "f":
        return values
    finite = np.isfinite(values)
    if (wrong := np.flatnonzero(~finite | (values != np.rint(values)))).size:
        first = wrong[0]
        raise (DataError if finite[first] else NonFiniteError)(
            f"the labels in {column!r} of {name!r} hold {values[first]} in sample {first + 1}; "
            "expected whole numbers or words, one for each class; name the labels by target, or "
            "make classes of these numbers first"
        )
    return values.astype(np.int64) if np.all(np.abs(values) < _EXACT_INTEGERS) else values


def _numbers(name: str, column: str, cells: Sequence[Any]) -> Matrix:
    numbers = np.empty(len(cells))
    for row, cell in enumerate(cells):
        try:
            numbers[row] = np.nan if cell is None or cell == "" else float(cell)
        except (TypeError, ValueError):
            raise DataError(
                f"column {column!r} of {name!r} holds {cell!r} in sample {row + 1}; expected a "
                "number; encode or drop the column, or name it as the target if it holds the labels"
            ) from None
        if not np.isfinite(numbers[row]):
            raise NonFiniteError(
                f"column {column!r} of {name!r} holds {cell!r} in sample {row + 1}; expected a "
                "finite number; impute the value or drop the sample"
            )
    return numbers


def _dataset(name: str, table: _Table) -> Dataset:
    X, names = table.X, table.names
    if X.size == 0:
        raise ShapeError(f"{name!r} has X of shape {X.shape}; expected samples and features")
    if not np.all(np.isfinite(X)):
        row, column = np.argwhere(~np.isfinite(X))[0]
        raise NonFiniteError(
            f"feature {names[column]!r} of {name!r} is {X[row, column]} in sample {row + 1}; "
            "expected a finite number; impute the value or drop the sample"
        )
    constant = np.all(X[0] == X, axis=0)
    if np.all(constant):
        raise DataError(f"every feature of {name!r} is constant; expected one that varies")
    return Dataset(
        name=name,
        X=np.ascontiguousarray(X[:, ~constant]),
        y=np.asarray(table.y),
        feature_names=tuple(n for n, drop in zip(names, constant, strict=True) if not drop),
        dropped=tuple(n for n, drop in zip(names, constant, strict=True) if drop),
        target=table.target,
    )

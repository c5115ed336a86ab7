"""Data sets from files, and those that come with scikit-learn."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, MissingDependencyError, NonFiniteError, ShapeError, UnknownNameError
from .rounding import Matrix

__all__ = ["BUNDLED", "Dataset", "bundled", "load_dataset", "read_file"]

BUNDLED = ("breast_cancer", "digits", "iris", "wine")
"""The classification sets that come with scikit-learn."""

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
    """

    name: str
    X: Matrix
    y: NDArray[Any]
    feature_names: tuple[str, ...]
    dropped: tuple[str, ...]


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
    bunch = getattr(_optional("sklearn.datasets", "sklearn"), f"load_{name}")()
    names = [str(feature) for feature in bunch.feature_names]
    return _dataset(name, np.asarray(bunch.data, dtype=np.float64), bunch.target, names)


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
    DataError : the file is missing, of unknown kind, empty, or a feature is not a number; the
        message names the column and the first such value.
    NonFiniteError : NaN, infinity or an empty cell.
    ShapeError : X and y do not belong together.
    MissingDependencyError : pyarrow is needed for .parquet.
    """
    file = Path(path)
    readers = {".npz": _read_npz, ".csv": _read_csv, ".parquet": _read_parquet}
    if file.suffix.lower() not in readers:
        raise DataError(
            f"{file.name!r} has the suffix {file.suffix!r}; expected {', '.join(readers)}, or the "
            f"name of a bundled set: {', '.join(BUNDLED)}"
        )
    if not file.is_file():
        raise DataError(f"there is no file {str(file)!r}; check the path, expected a data file")
    if file.stat().st_size == 0:
        raise DataError(f"{file.name!r} is empty; expected a data set")
    X, y, names = readers[file.suffix.lower()](file, target)
    return _dataset(file.stem, X, y, names)


Columns = tuple[Matrix, NDArray[Any], list[str]]


def _read_npz(file: Path, target: str | None) -> Columns:
    wanted = ("X", target or "y")
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
    except (OSError, ValueError) as error:
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
    return X.astype(np.float64), y, [f"x{i}" for i in range(X.shape[1])]


def _read_csv(file: Path, target: str | None) -> Columns:
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            rows = [row for row in csv.reader(stream) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{file.name!r} is not comma-separated UTF-8 text: {error}") from error
    if len(rows) < 2:
        raise DataError(f"{file.name!r} has no samples; expected a line of names, then samples")
    header = [name.strip() for name in rows[0]]
    for line, row in enumerate(rows[1:], start=1):
        if len(row) != len(header):
            raise DataError(
                f"sample {line} of {file.name!r} has {len(row)} cells; expected {len(header)}, as "
                "in the line of names"
            )
    columns = list(zip(*rows[1:], strict=True))
    return _table(file.name, header, [[cell.strip() for cell in c] for c in columns], target)


def _read_parquet(file: Path, target: str | None) -> Columns:
    parquet = _optional("pyarrow.parquet", "parquet")
    try:
        table = parquet.read_table(file)
    except (OSError, ValueError) as error:
        raise DataError(f"{file.name!r} cannot be read as .parquet: {error}") from error
    if table.num_rows == 0:
        raise DataError(f"{file.name!r} has no samples; expected one row per sample")
    columns = [column.to_pylist() for column in table.columns]
    return _table(file.name, list(table.column_names), columns, target)


def _table(name: str, header: list[str], columns: list[list[Any]], target: str | None) -> Columns:
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
        raise DataError(f"{name!r} has the column {header[label]!r} alone; expected features too")
    X = np.column_stack([_numbers(name, header[i], columns[i]) for i in features])
    return X, y, [header[i] for i in features]


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
        try:
            return np.array([int(cell) for cell in cells])
        except ValueError:
            return np.array(cells, dtype=str)
    return np.array(cells)


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


def _dataset(name: str, X: Matrix, y: NDArray[Any], names: Sequence[str]) -> Dataset:
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
        y=np.asarray(y),
        feature_names=tuple(n for n, drop in zip(names, constant, strict=True) if not drop),
        dropped=tuple(n for n, drop in zip(names, constant, strict=True) if drop),
    )


def _optional(module: str, extra: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingDependencyError(
            f"{module.split('.')[0]} is not installed; expected it for this data set; run: "
            f"pip install 'logitreg[{extra}]'"
        ) from error

"""Data sets from files and from scikit-learn."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from logitreg.errors import (
    DataError,
    MissingDependencyError,
    NonFiniteError,
    ShapeError,
    UnknownNameError,
)
from logitreg.numerics.datasets import BUNDLED, bundled, load_dataset, read_file

TABLE = "a,b,Label,c\n1,2.5,yes,7\n2,1e-3,no,7\n-1,0,yes,7\n"


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_csv_has_its_labels_found_and_constant_features_dropped(tmp_path: Path) -> None:
    data = read_file(write(tmp_path / "table.csv", TABLE))
    assert data.name == "table"
    np.testing.assert_array_equal(data.X, [[1, 2.5], [2, 1e-3], [-1, 0]])
    assert data.y.tolist() == ["yes", "no", "yes"]
    assert (data.feature_names, data.dropped) == (("a", "b"), ("c",))


def test_labels_are_the_last_column_or_the_one_named(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "a,b,c\n1,5,0\n2,6,1\n")
    assert read_file(path).y.tolist() == [0, 1]
    assert read_file(path, target="a").y.tolist() == [1, 2]


def test_npz_round_trip(tmp_path: Path) -> None:
    X, y = np.arange(6).reshape(3, 2), np.array([0, 1, 1])
    np.savez(tmp_path / "d.npz", X=X, y=y, other=y + 5)
    data = load_dataset(tmp_path / "d.npz")
    np.testing.assert_array_equal(data.X, X)
    assert data.X.dtype == np.float64
    np.testing.assert_array_equal(load_dataset(tmp_path / "d.npz", target="other").y, y + 5)


def test_parquet_equals_csv(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = {"a": [1, 2, -1], "b": [2.5, 1e-3, 0.0], "Label": ["yes", "no", "yes"], "c": [7] * 3}
    parquet.write_table(pa.table(columns), tmp_path / "t.parquet")
    data, reference = (
        read_file(tmp_path / "t.parquet"),
        read_file(write(tmp_path / "t.csv", TABLE)),
    )
    np.testing.assert_array_equal(data.X, reference.X)
    np.testing.assert_array_equal(data.y, reference.y)
    assert data.feature_names == reference.feature_names


@pytest.mark.parametrize(
    ("name", "shape", "dropped"),
    [
        ("breast_cancer", (569, 30), 0),
        ("digits", (1797, 61), 3),
        ("iris", (150, 4), 0),
        ("wine", (178, 13), 0),
    ],
)
def test_bundled_sets(name: str, shape: tuple[int, int], dropped: int) -> None:
    data = load_dataset(name)
    assert (data.X.shape, len(data.dropped)) == (shape, dropped)
    assert len(data.feature_names) == shape[1]
    assert name in BUNDLED


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("", DataError, "is empty"),
        ("a,y\n", DataError, "no samples"),
        ("a,y\n1,0\n2\n", DataError, r"sample 2 .* has 1 cells; expected 2"),
        ("a,y\n1,0\nblue,1\n", DataError, r"column 'a' .* 'blue' in sample 2"),
        ("a,y\n1,0\n,1\n", NonFiniteError, r"column 'a' .* in sample 2"),
        ("a,y\n1,0\ninf,1\n", NonFiniteError, "'inf' in sample 2"),
        ("a,y\n1,0\n2,\n", NonFiniteError, r"label in column 'y', sample 2"),
        ("a,y,target\n1,0,1\n", DataError, "y, target; say which"),
        ("a,a,y\n1,0,1\n", DataError, "several columns called 'a'"),
        ("y\n1\n", DataError, "alone"),
        ("a,y\n1,0\n1,1\n", DataError, "constant"),
        ("0.5,-1,0\n1,2,0\n2,3,1\n", DataError, r"begins with values, 0\.5,-1,0; .* line of names"),
        ("5.1,3.5,rose\n4.9,3,rose\n7,3,lily\n", DataError, "begins with values, 5.1,3.5,rose"),
        ("rose,5.1\nrose,4.9\nlily,7\n", DataError, "begins with values"),
        ("a,price\n1,3\n2,0.5\n", DataError, r"'price' .* 0\.5 in sample 2; .* words"),
        ("a,y\n1,0\n2,nan\n", NonFiniteError, "'y' of 't.csv' hold nan in sample 2"),
        ("a;y\n1;0\n2;1\n", DataError, "commas between"),
    ],
)
def test_broken_tables_are_refused(
    tmp_path: Path, text: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        read_file(write(tmp_path / "t.csv", text))


def test_names_may_be_numbers_beside_names_that_are_none(tmp_path: Path) -> None:
    data = read_file(write(tmp_path / "t.csv", "1990,1991,rose\n1,2,lily\n2,5,daisy\n"))
    assert data.feature_names == ("1990", "1991")
    assert (data.target, data.y.tolist()) == ("rose", ["lily", "daisy"])


def test_whole_numbers_are_integers_however_they_are_written(tmp_path: Path) -> None:
    data = read_file(write(tmp_path / "t.csv", "a,y\n1,0.0\n2,1.0e0\n3,1e300\n"))
    assert data.y.tolist() == [0.0, 1.0, 1e300]
    data = read_file(write(tmp_path / "t.csv", "a,y\n1,0.0\n2,1.0e0\n"))
    assert (data.y.dtype.kind, data.y.tolist()) == ("i", [0, 1])
    np.savez(tmp_path / "d.npz", X=np.arange(2.0)[:, None], y=np.array([-1.0, 1.0]))
    assert read_file(tmp_path / "d.npz").y.dtype.kind == "i"


def test_broken_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file"):
        read_file(tmp_path / "absent.csv")
    with pytest.raises(DataError, match=r"suffix '\.txt'"):
        read_file(tmp_path / "t.txt")
    with pytest.raises(DataError, match="no suffix"):
        read_file(tmp_path / "table")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(DataError, match="is a folder"):
        read_file(tmp_path / "folder.csv")
    with pytest.raises(DataError, match="cannot be read as"):
        read_file(write(tmp_path / "t.npz", "nonsense"))
    np.savez(tmp_path / "whole.npz", X=np.eye(20), y=np.arange(20) % 2)
    content = bytearray((tmp_path / "whole.npz").read_bytes())
    content[len(content) // 3] ^= 255
    (tmp_path / "flipped.npz").write_bytes(content)
    with pytest.raises(DataError, match="cannot be read as"):
        read_file(tmp_path / "flipped.npz")
    np.save(tmp_path / "array.npy", np.eye(2))
    (tmp_path / "array.npy").rename(tmp_path / "array.npz")
    with pytest.raises(DataError, match=r"numpy\.savez"):
        read_file(tmp_path / "array.npz")
    with pytest.raises(DataError, match="no column 'z'"):
        read_file(write(tmp_path / "t.csv", TABLE), target="z")
    (tmp_path / "latin.csv").write_bytes(b"a,y\n\xff,1\n")
    with pytest.raises(DataError, match="UTF-8"):
        read_file(tmp_path / "latin.csv")
    with pytest.raises(UnknownNameError, match="breast_cancer"):
        bundled("mnist")


@pytest.mark.parametrize(
    ("arrays", "error", "message"),
    [
        ({"X": np.eye(2)}, DataError, "expected X and y"),
        ({"X": np.eye(2), "y": np.arange(3)}, ShapeError, r"shape \(3,\)"),
        ({"X": np.eye(2) * np.nan, "y": np.arange(2)}, NonFiniteError, r"'x0' .* sample 1"),
        ({"X": np.array([["a"], ["b"]]), "y": np.arange(2)}, DataError, "real numbers"),
        ({"X": np.array([[None], [1]]), "y": np.arange(2)}, DataError, "without Python objects"),
        ({"X": np.eye(2), "y": np.array([0, np.nan])}, NonFiniteError, "hold nan in sample 2"),
        ({"X": np.eye(2), "y": np.array([0.5, 1])}, DataError, r"hold 0\.5 in sample 1"),
        ({"X": np.empty((0, 2)), "y": np.empty(0)}, ShapeError, "samples and features"),
    ],
)
def test_broken_archives_are_refused(
    tmp_path: Path, arrays: dict[str, np.ndarray], error: type[Exception], message: str
) -> None:
    np.savez(tmp_path / "t.npz", **arrays)
    with pytest.raises(error, match=message):
        read_file(tmp_path / "t.npz")


@pytest.mark.parametrize("name", ["t.csv", "t.npz"])
def test_a_file_that_may_not_be_read_is_refused(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(file: Path, *arguments: object, **settings: object) -> None:
        raise PermissionError(13, "Permission denied", str(file))

    path = write(tmp_path / name, TABLE)
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DataError, match=r"cannot be read \(.*Permission denied"):
        read_file(path)


def test_missing_libraries_are_named_with_their_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(MissingDependencyError, match=r"logitreg\[parquet\]"):
        read_file(write(tmp_path / "t.parquet", "x"))
    with pytest.raises(MissingDependencyError, match=r"logitreg\[sklearn\]"):
        bundled("iris")

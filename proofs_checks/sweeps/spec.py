"""The specification of a sweep: a TOML file, checked as a whole before anything is computed."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...errors import LogitregError, SweepError
from ...numerics.datasets import read_file
from ...numerics.kernels import kernel
from .jobs import JOBS, Cell, digest

__all__ = ["Spec", "cell_key", "read_spec"]

Scalar = str | int | float | bool

_LARGEST = 10**7


@dataclass(frozen=True)
class Spec:
    """A grid of cells.

    Attributes
    ----------
    folder : where the file lies, from which data files are found.
    job : what is computed in each cell.
    axes : the values of each parameter, in the order of the grid: the last varies fastest.
    digests : SHA-256 of each data file.
    """

    folder: Path
    job: str
    axes: Mapping[str, tuple[Scalar, ...]]
    digests: Mapping[str, str]

    def __len__(self) -> int:
        return math.prod(map(len, self.axes.values()))

    def cells(self) -> Iterator[Cell]:
        """The parameters of each cell; aspect_ratio is turned into n_features."""
        for values in product(*self.axes.values()):
            cell: dict[str, Any] = {"job": self.job}
            for name, value in zip(self.axes, values, strict=True):
                if name == "aspect_ratio":
                    cell["n_features"] = _width(value, cell["n_samples"])
                else:
                    cell[name] = value
            if "file" in cell:
                cell["sha256"] = self.digests[cell["file"]]
            yield cell

    def size(self) -> str:
        """The number of cells as a product, such as ``"6 = 3 alpha x 2 seed"``."""
        long = [f"{len(axis)} {name}" for name, axis in self.axes.items() if len(axis) > 1]
        return f"{len(self)} = {' x '.join(long)}" if long else str(len(self))


def cell_key(cell: Cell) -> str:
    """The cell as canonical JSON: equal texts mean equal parameters.

    Examples
    --------
    >>> cell_key({"seed": 0, "alpha": 0.1})
    '{"alpha":0.1,"seed":0}'
    """
    return json.dumps(cell, sort_keys=True, separators=(",", ":"), allow_nan=False)


class _Parameter(NamedTuple):
    """A type, the domain in words, and whether a value of that type lies in it."""

    type: type
    expected: str
    holds: Callable[[Any], bool]
    default: Scalar | None = None


_LEVEL = ("a finite number, not negative", lambda x: 0 <= x < math.inf)

_MODEL = {
    "n_samples": _Parameter(int, "an integer of at least 2", lambda n: n >= 2),
    "n_features": _Parameter(int, "a positive integer", lambda n: n >= 1),
    "aspect_ratio": _Parameter(float, "a positive finite number", lambda x: 0 < x < math.inf),
    "signal": _Parameter(float, *_LEVEL, 1.0),
    "signal_noise": _Parameter(float, *_LEVEL, 0.5),
    "orthogonal_noise": _Parameter(float, *_LEVEL, 1.0),
}
_FILE = {
    "file": _Parameter(str, "the path of a .npz, .csv or .parquet file", bool),
    "target": _Parameter(str, "the name of the column of labels", bool),
    "train_fraction": _Parameter(float, "a number in (0, 1)", lambda x: 0 < x < 1, 0.8),
}
_LOSS = {
    "penalty": _Parameter(str, "a name or an expression in z", bool, "quadratic"),
    "alpha": _Parameter(float, "a number in [0, 1)", lambda x: 0 <= x < 1, 0.1),
    "bias": _Parameter(bool, "true or false", lambda _: True, False),
}
_SEED = _Parameter(int, "an integer, not negative", lambda n: n >= 0)
_HOME = {
    **dict.fromkeys(("job", "seeds"), "above the first table"),
    **dict.fromkeys((*_MODEL, *_FILE), "in [data]"),
    **dict.fromkeys(_LOSS, "in [loss]"),
}


def read_spec(path: str | Path) -> Spec:
    """Read and check a specification.

    ``job`` names one of :data:`logitreg.proofs_checks.sweeps.jobs.JOBS`, ``seeds`` is a list or
    the number of seeds 0, 1, ...; the table ``[data]`` describes the signal-plus-noise model or
    names a ``file``, and ``[loss]`` holds penalty, alpha and bias. Each value may be a list, or
    ``{ linspace = [first, last, count] }`` or ``{ geomspace = ... }``, rounded to 12 digits: one
    axis of the grid.

    Raises
    ------
    SweepError : the file cannot be read, or the first key or value that cannot be used.
    """
    file = Path(path)
    try:
        given = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SweepError(f"{str(file)!r} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SweepError(f"{file.name!r} is not a TOML file in UTF-8: {error}") from error
    _check_keys(given, ("job", "seeds", "data", "loss"), "above the first table")
    data, loss = _table(given, "data"), _table(given, "loss")
    known = _FILE if "file" in data else _MODEL
    _check_keys(data, tuple(known), "in [data]" + (" with a file" if "file" in data else ""))
    _check_keys(loss, tuple(_LOSS), "in [loss]")
    axes = _axes(data, known, "data") | _axes(loss, _LOSS, "loss")
    axes["seed"] = _seeds(given.get("seeds", 1))
    _check_penalties(axes["penalty"])
    if "file" in data:
        digests = _digests(file.parent, axes)
    else:
        digests = {}
        _check_shapes(axes)
    spec = Spec(file.parent, _job(given.get("job", "fit")), axes, digests)
    if len(spec) > _LARGEST:
        raise SweepError(f"the grid has {spec.size()} cells; expected at most {_LARGEST}")
    return spec


def _check_keys(given: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    for key in given:
        if key in known:
            continue
        near = get_close_matches(key, known, 1) or get_close_matches(key, _HOME, 1)
        hint = ""
        if near:
            hint = f"; did you mean {near[0]!r}"
            hint += "" if near[0] in known else f", which belongs {_HOME[near[0]]}"
            hint += "?"
        raise SweepError(f"unknown key {key!r} {where}; expected {', '.join(known)}{hint}")


def _table(given: Mapping[str, Any], name: str) -> dict[str, Any]:
    table = given.get(name, {})
    if not isinstance(table, dict):
        raise SweepError(f"{name} is {table!r}; expected a table [{name}]")
    return table


def _job(name: Any) -> str:
    if not isinstance(name, str) or name not in JOBS:
        raise SweepError(f"job is {name!r}; expected one of: {', '.join(JOBS)}")
    return name


def _seeds(given: Any) -> tuple[Scalar, ...]:
    if isinstance(given, list):
        return _axis("seeds", given, _SEED)
    if type(given) is not int or given < 1:
        raise SweepError(f"seeds is {given!r}; expected how many (at least 1), or a list of them")
    if given > _LARGEST:
        raise SweepError(f"seeds is {given}; expected at most {_LARGEST}")
    return tuple(range(given))


def _axes(
    given: Mapping[str, Any], known: Mapping[str, _Parameter], table: str
) -> dict[str, tuple[Scalar, ...]]:
    axes = {}
    for name, parameter in known.items():
        if name in given:
            axes[name] = _axis(f"{table}.{name}", given[name], parameter)
        elif parameter.default is not None:
            axes[name] = (parameter.default,)
    return axes


def _axis(name: str, given: Any, parameter: _Parameter) -> tuple[Scalar, ...]:
    if isinstance(given, dict):
        given = _spaced(name, given, parameter)
    values = given if isinstance(given, list) else [given]
    if not values:
        raise SweepError(f"{name} is an empty list; expected at least one value")
    axis: dict[Scalar, None] = {}
    for value in (_value(name, value, parameter) for value in values):
        if value in axis:
            raise SweepError(f"{name} holds {value!r} twice; expected distinct values")
        axis[value] = None
    return tuple(axis)


def _value(name: str, given: Any, parameter: _Parameter) -> Scalar:
    value: Scalar = float(given) if parameter.type is float and type(given) is int else given
    if type(value) is not parameter.type or not parameter.holds(value):
        raise SweepError(f"{name} is {given!r}; expected {parameter.expected}")
    return value


def _spaced(name: str, given: dict[str, Any], parameter: _Parameter) -> list[float]:
    spacings: dict[str, Callable[..., Any]] = {"linspace": np.linspace, "geomspace": np.geomspace}
    expected = "{ linspace = [first, last, count] } or { geomspace = ... }"
    if parameter.type not in (int, float):
        raise SweepError(f"{name} is {given!r}; expected {parameter.expected}, or a list")
    if len(given) != 1 or not set(given) <= set(spacings):
        raise SweepError(
            f"{name} is {given!r}; expected {parameter.expected}, a list or {expected}"
        )
    ((spacing, ends),) = given.items()
    numbers = isinstance(ends, list) and [type(end) in (int, float) for end in ends]
    if numbers != [True] * 3 or type(ends[2]) is not int or not 1 <= ends[2] <= _LARGEST:
        raise SweepError(
            f"{name}.{spacing} is {ends!r}; expected {expected}, with a count from 1 to {_LARGEST}"
        )
    if not (math.isfinite(ends[0]) and math.isfinite(ends[1])) or (
        spacing == "geomspace" and not (ends[0] > 0 and ends[1] > 0)
    ):
        raise SweepError(
            f"{name}.{spacing} is {ends!r}; expected finite ends, positive in geomspace"
        )
    points = spacings[spacing](*ends).tolist()
    # Libraries differ in the last bits, which would make other cells of them.
    return [round(x) if parameter.type is int else float(f"{x:.12g}") for x in points]


def _digests(folder: Path, axes: Mapping[str, tuple[Scalar, ...]]) -> dict[str, str]:
    """Read every data file, which checks it."""
    target, *others = axes.get("target", (None,))
    if others:
        raise SweepError("data.target is a list; expected the name of one column")
    found = {}
    for name in map(str, axes["file"]):
        read_file(folder / name, None if target is None else str(target))
        found[name] = digest(folder / name)
    return found


def _check_shapes(axes: Mapping[str, tuple[Scalar, ...]]) -> None:
    if "n_samples" not in axes or ("n_features" in axes) == ("aspect_ratio" in axes):
        raise SweepError(
            "[data] describes no data; expected n_samples with n_features or aspect_ratio (and not "
            "both), or a file"
        )
    for n_samples in axes["n_samples"]:
        made: dict[int, Scalar] = {}
        for ratio in axes.get("aspect_ratio", ()):
            width = _width(ratio, n_samples)
            if width in made:
                raise SweepError(
                    f"data.aspect_ratio holds {made[width]!r} and {ratio!r}, both {width} features "
                    f"at {n_samples} samples; expected ratios farther apart, or more samples"
                )
            made[width] = ratio


def _width(aspect_ratio: Any, n_samples: Any) -> int:
    return max(1, round(float(aspect_ratio) * int(n_samples)))


def _check_penalties(names: Sequence[Scalar]) -> None:
    for name in names:
        try:
            kernel(name)
        except LogitregError as error:
            raise SweepError(f"loss.penalty {name!r}: {error}") from error

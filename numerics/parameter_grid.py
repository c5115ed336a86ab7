"""Parameters that are numbers or arrays of one library, broadcast into the cells of a grid.

What is found for the cells is kept in records, dataclasses of arrays whose last axis is the cells.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self, TypeVar

import numpy as np
from array_api_compat import array_namespace, device, is_array_api_obj, is_jax_array

from ..errors import AlphaError, DataError, NotConvergedError, ShapeError
from .host import on_host

__all__ = [
    "CellParameters",
    "broadcast_parameters",
    "in_blocks",
    "in_order",
    "like_given",
    "require_converged",
    "require_ranges",
    "values",
]

_GOAL = 1e-12
# Squares and ratios of numbers between them neither overflow nor vanish in float64.
_SMALLEST, _LARGEST = 1e-75, 1e75

Record = TypeVar("Record")


@dataclass(frozen=True)
class CellParameters:
    """Fields of shape (cells,)."""

    def at(self, index: Any) -> Self:
        """The cells that a mask or an array of positions selects."""
        return type(self)(*(value[index] for value in values(self)))


def broadcast_parameters(given: dict[str, Any]) -> tuple[Any, dict[str, Any], tuple[int, ...]]:
    """The namespace, the parameters as float64 arrays of one shape, and that shape.

    JAX's are taken to NumPy: the solvers select cells by masks, and JAX compiles each of its
    operations anew for every number of them, which takes a hundred times as long as the work.

    Raises
    ------
    ShapeError : the shapes do not broadcast, or leave no cell.
    DataError : a parameter that is no real number, and no array of them.

    Examples
    --------
    >>> _, arrays, shape = broadcast_parameters({"alpha": np.array([0.1, 0.2]), "signal": 1})
    >>> shape, arrays["signal"].tolist()
    ((2,), [1.0, 1.0])
    """
    given = {name: on_host(v) if is_jax_array(v) else v for name, v in given.items()}
    arrays = [v for v in given.values() if is_array_api_obj(v)]
    xp = array_namespace(*arrays) if arrays else array_namespace(np.empty(0))
    where = device(arrays[0]) if arrays else None
    wide = {name: _wide(xp, name, v, where) for name, v in given.items()}
    try:
        together = xp.broadcast_arrays(*wide.values())
    except (ValueError, RuntimeError, TypeError):
        shapes = ", ".join(f"{name} {tuple(v.shape)}" for name, v in wide.items())
        raise ShapeError(f"the shapes {shapes} do not broadcast; expected shapes that do") from None
    shape = tuple(together[0].shape)
    if 0 in shape:
        raise ShapeError(f"the parameters have the shape {shape}; expected at least one cell")
    return xp, dict(zip(wide, together, strict=True)), shape


def _wide(xp: Any, name: str, value: Any, where: Any) -> Any:
    """A number or an array of real numbers as a float64 array."""
    if not is_array_api_obj(value):
        try:
            return xp.asarray(float(value), dtype=xp.float64, device=where)
        except (TypeError, ValueError, OverflowError):
            raise DataError(
                f"{name} is {value!r}; expected a number, or an array such as numpy.array([...])"
            ) from None
    try:
        real = bool(xp.isdtype(value.dtype, ("bool", "integral", "real floating")))
    except TypeError:
        real = False
    if not real:
        raise DataError(f"{name} has dtype {value.dtype}; expected real numbers")
    return xp.astype(value, xp.float64)


def require_ranges(
    xp: Any, arrays: dict[str, Any], positive: Iterable[str], non_negative: Iterable[str]
) -> None:
    """Refuse alpha outside [0, 1), and of the named parameters what is infinite or too small.

    Raises
    ------
    AlphaError, DataError : which parameter, and what was expected.
    """
    if not bool(xp.all((arrays["alpha"] >= 0) & (arrays["alpha"] < 1))):
        raise AlphaError("alpha leaves [0, 1); expected strengths in [0, 1)")
    for name in positive:
        if not bool(xp.all((arrays[name] >= _SMALLEST) & (arrays[name] <= _LARGEST))):
            raise DataError(
                f"{name} leaves [{_SMALLEST:g}, {_LARGEST:g}]; expected positive numbers in it"
            )
    for name in non_negative:
        if not bool(xp.all((arrays[name] >= 0) & (arrays[name] <= _LARGEST))):
            raise DataError(f"{name} leaves [0, {_LARGEST:g}]; expected numbers in it")


def in_blocks(
    xp: Any,
    solve: Callable[[dict[str, Any]], Record],
    arrays: dict[str, Any],
    shape: tuple[int, ...],
    size: int,
) -> Record:
    """What is solved for flat blocks of so many cells, in the shape of the parameters.

    Small blocks stay in the cache, and wait only for their own slowest cell.
    """
    flat = {name: xp.reshape(array, (-1,)) for name, array in arrays.items()}
    count = math.prod(shape)
    blocks = [
        solve({name: array[first : min(first + size, count)] for name, array in flat.items()})
        for first in range(0, count, size)
    ]
    parts = zip(*map(values, blocks), strict=True)
    return type(blocks[0])(*(xp.reshape(xp.concat(part), shape) for part in parts))


def like_given(record: Record, given: Iterable[Any]) -> Record:
    """Floats instead of arrays, if all that was given are numbers; JAX's arrays, if any was."""
    arrays = [v for v in given if is_array_api_obj(v)]
    if not arrays:
        return type(record)(*map(float, values(record)))
    jax = [v for v in arrays if is_jax_array(v)]
    if not jax:
        return record
    xp, place = array_namespace(*jax), device(jax[0])
    return type(record)(*(xp.asarray(v, device=place) for v in values(record)))


def values(record: Any) -> tuple[Any, ...]:
    """The fields of a dataclass, without copies."""
    return tuple(getattr(record, field.name) for field in fields(record))


def in_order(xp: Any, places: Sequence[Any], pieces: Iterable[Iterable[Any]]) -> list[Any]:
    """Each array put together from its pieces, given the places of their cells.

    Examples
    --------
    >>> places = [np.array([2, 0]), np.array([1])]
    >>> in_order(np, places, [(np.array([2.0, 0.0]),), (np.array([1.0]),)])
    [array([0., 1., 2.])]
    """
    order = xp.argsort(xp.concat(places))
    parts = zip(*pieces, strict=True)
    return [xp.take(xp.concat(part, axis=-1), order, axis=-1) for part in parts]


def require_converged(xp: Any, penalty: str, cells: Any, residual: Any, advice: str) -> None:
    """Refuse residuals of 1e-12 or more, naming the parameters of the first such cell.

    Raises
    ------
    NotConvergedError : there is one; the words end in the advice.
    """
    failed = xp.astype(~(residual < _GOAL), xp.int64)
    count = int(xp.sum(failed))
    if count == 0:
        return
    first = int(xp.argmax(failed))
    where = ", ".join(f"{f.name} = {float(getattr(cells, f.name)[first]):g}" for f in fields(cells))
    raise NotConvergedError(
        f"{count} of {failed.shape[0]} cells under {penalty!r} have a residual above {_GOAL:g}; "
        f"the first is {float(residual[first]):.1e} at {where}; {advice}"
    )

"""Arrays of any library: checked, as NumPy arrays in main memory, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from array_api_compat import (
    array_namespace,
    device,
    is_array_api_obj,
    is_cupy_array,
    is_jax_array,
    is_numpy_array,
    is_torch_array,
    to_device,
)
from numpy.typing import NDArray

from ..errors import DataError, ShapeError
from .tracing import is_traced

__all__ = ["from_host", "on_host", "real_array"]

_REAL = {"bool", "float32", "float64"} | {
    f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)
}


def real_array(values: Any, what: str = "X") -> Any:
    """The values as a dense array of real numbers, in the library that they come in, if any.

    Raises
    ------
    DataError : they are of another kind, such as complex numbers, text, objects, numbers in half or
        extended precision; or the array is sparse or masked.
    ShapeError : rows differ in length.

    Examples
    --------
    >>> real_array([[1, 2], [3, 4]]).dtype.kind
    'i'
    """
    if isinstance(values, np.ma.MaskedArray):
        raise DataError(
            f"{what} is a masked array; expected a plain one, since what the mask hides would "
            "count; fill in or drop the masked entries, as by filled"
        )
    layout = str(getattr(values, "layout", "torch.strided"))
    if layout != "torch.strided" or hasattr(values, "toarray") or hasattr(values, "todense"):
        raise DataError(
            f"{what} is a sparse {type(values).__name__}; expected a dense array; convert it, as "
            "by toarray, todense or to_dense"
        )
    try:
        array = values if is_array_api_obj(values) else on_host(values)
    except ValueError:
        raise ShapeError(
            f"{what} holds rows of different lengths; expected an array of numbers"
        ) from None
    dtype = getattr(array.dtype, "name", None) or str(array.dtype).rpartition(".")[2]
    if dtype not in _REAL:
        raise DataError(
            f"{what} has dtype {dtype}; expected real numbers in float32 or float64 (or integers "
            "or booleans); convert it to one of these, text and categories encoded as numbers"
        )
    return array


def on_host(values: Any) -> NDArray[Any]:
    """The values as a NumPy array, copied from their device if need be.

    Raises
    ------
    DataError : the array stands for numbers that are not known yet.

    Examples
    --------
    >>> on_host([1.0, 2.0])
    array([1., 2.])
    """
    if isinstance(values, list | tuple) and any(is_array_api_obj(value) for value in values):
        return np.asarray([on_host(value) for value in values])
    if is_traced(values):
        raise DataError(
            "an array is traced (by jit, vmap or grad), so that its numbers are not known; "
            "expected numbers, on which decisions depend here; call this outside of the traced "
            "function, in which target, sensitivity, fit_batch and the losses may be used"
        )
    if is_torch_array(values):
        values = values.detach()
    if is_torch_array(values) or is_cupy_array(values):
        values = to_device(values, "cpu")
    elif is_array_api_obj(values) and not (is_numpy_array(values) or is_jax_array(values)):
        return np.from_dlpack(values, device="cpu")
    return np.asarray(values)


def from_host(like: Any) -> Callable[[NDArray[np.float64]], Any]:
    """A function that makes of a NumPy array one like the given: in library, device and dtype.

    It gives float32 for float32 and float64 for everything else, and NumPy's arrays where the given
    is no array but a list, say.

    Examples
    --------
    >>> from_host(np.zeros(2, dtype=np.float32))(np.array([0.5])).dtype
    dtype('float32')
    """
    if not is_array_api_obj(like):
        return lambda values: values
    fitting = _single if str(like.dtype).endswith("float32") else np.asarray
    if is_numpy_array(like):
        return fitting
    xp, place = array_namespace(like), device(like)
    # Without 64 bits enabled JAX has no float64.
    return lambda values: xp.asarray(fitting(values), device=place)


def _single(values: NDArray[np.float64]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        rounded = values.astype(np.float32)
    if not np.all(np.isfinite(rounded)):
        raise DataError(
            f"the result reaches {np.max(np.abs(values)):.1e}, which float32 does not hold, the "
            "type of the data; expected at most 3.4e38; rescale the features, or pass them in "
            "float64"
        )
    return rounded

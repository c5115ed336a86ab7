"""Arrays of any library as NumPy arrays in main memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from array_api_compat import is_array_api_obj, is_cupy_array, is_torch_array, to_device
from numpy.typing import NDArray

__all__ = ["on_host"]


def on_host(values: Any) -> NDArray[Any]:
    """The values as a NumPy array, copied from their device if need be.

    Examples
    --------
    >>> on_host([1.0, 2.0])
    array([1., 2.])
    """
    if is_torch_array(values):
        values = values.detach()
    if is_torch_array(values) or is_cupy_array(values):
        values = to_device(values, "cpu")
    if isinstance(values, list | tuple) and any(is_array_api_obj(value) for value in values):
        return np.asarray([on_host(value) for value in values])
    return np.asarray(values)

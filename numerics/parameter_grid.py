"""Parameters that are numbers or arrays of one library, broadcast into the cells of a grid."""

from __future__ import annotations

from typing import Any

import numpy as np
from array_api_compat import array_namespace, device, is_array_api_obj

from ..errors import ShapeError

__all__ = ["broadcast_parameters"]


def broadcast_parameters(given: dict[str, Any]) -> tuple[Any, dict[str, Any], tuple[int, ...]]:
    """The namespace, the parameters as float64 arrays of one shape, and that shape.

    Raises
    ------
    ShapeError : the shapes do not broadcast.

    Examples
    --------
    >>> _, arrays, shape = broadcast_parameters({"alpha": np.array([0.1, 0.2]), "signal": 1})
    >>> shape, arrays["signal"].tolist()
    ((2,), [1.0, 1.0])
    """
    arrays = [v for v in given.values() if is_array_api_obj(v)]
    xp = array_namespace(*arrays) if arrays else array_namespace(np.empty(0))
    where = device(arrays[0]) if arrays else None
    wide = {
        name: xp.astype(v, xp.float64)
        if is_array_api_obj(v)
        else xp.asarray(float(v), dtype=xp.float64, device=where)
        for name, v in given.items()
    }
    try:
        together = xp.broadcast_arrays(*wide.values())
    except (ValueError, RuntimeError, TypeError):
        shapes = ", ".join(f"{name} {tuple(v.shape)}" for name, v in wide.items())
        raise ShapeError(f"the shapes {shapes} do not broadcast; expected shapes that do") from None
    return xp, dict(zip(wide, together, strict=True)), tuple(together[0].shape)

"""Results on one line: large arrays by their shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["concise_repr"]

_FEW = 6


def concise_repr(result: Any) -> str:
    """What a dataclass or a named tuple holds, arrays of more than six numbers by their shape.

    Examples
    --------
    >>> import numpy as np
    >>> from typing import NamedTuple
    >>> class Found(NamedTuple):
    ...     weights: object
    ...     loss: float
    ...     def __repr__(self):
    ...         return concise_repr(self)
    >>> Found(np.zeros((500, 3)), 0.25), Found(np.zeros(2), 0.25)
    (Found(weights=<float64, shape (500, 3)>, loss=0.25), Found(weights=array([0., 0.]), loss=0.25))
    """
    names = getattr(result, "_fields", None) or list(result.__dataclass_fields__)
    fields = ", ".join(f"{name}={_brief(getattr(result, name))}" for name in names)
    return f"{type(result).__name__}({fields})"


def _brief(value: Any) -> str:
    shape = getattr(value, "shape", None)
    if shape is not None and (len(shape) > 1 or (len(shape) == 1 and shape[0] > _FEW)):
        dtype = str(value.dtype).rpartition(".")[2]
        return f"<{dtype}, shape {tuple(shape)}>"
    if type(value) in (list, tuple) and len(value) > _FEW:
        return f"<{len(value)} entries>"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key!r}: {_brief(value[key])}" for key in value) + "}"
    return repr(value)

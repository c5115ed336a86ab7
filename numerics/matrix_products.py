"""Matrix products with all the digits of their type, on every device."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

__all__ = ["in_full_precision"]

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def in_full_precision(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """The function, with the matrix products of JAX in the precision of their arrays.

    By itself JAX lets GPUs round float32 factors to 10 bits (TF32), and TPUs to 8. The other
    libraries do so on request only.

    Examples
    --------
    >>> import numpy as np
    >>> in_full_precision(lambda a: a @ a)(np.eye(2))
    array([[1., 0.],
           [0., 1.]])
    """

    @wraps(function)
    def called(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        if (jax := sys.modules.get("jax")) is None:
            return function(*args, **kwargs)
        with jax.default_matmul_precision("highest"):
            return function(*args, **kwargs)

    return called

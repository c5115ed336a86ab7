"""The r-Lambert function on arrays."""

from __future__ import annotations

from typing import Any

from array_api_compat import array_namespace

__all__ = ["r_lambert"]

_STEPS = 9


def r_lambert(r: Any, y: Any) -> Any:
    """W_r(y): the solution w >= 0 of w (e^w + r) = y, element by element.

    Halley's iteration in a fixed number of steps from the smaller of y/(1 + r), above the solution
    and near it where r dominates, and L - log(1 + L), L = log(1 + y), near it where e^w does.

    Parameters
    ----------
    r, y : floating arrays of one array-API library, broadcast against each other; r, y >= 0.

    Returns
    -------
    array of the broadcast shape and of the library's dtype; NaN outside the domain.

    Examples
    --------
    >>> import numpy as np
    >>> w = r_lambert(np.asarray(1.0), np.asarray([0.0, 2.0, 1e300]))
    >>> np.allclose(w * (np.exp(w) + 1), [0.0, 2.0, 1e300], rtol=1e-12)
    True
    """
    xp = array_namespace(r, y)
    leading = xp.log1p(y)
    w = xp.minimum(y / (1 + r), leading - xp.log1p(leading))
    for _ in range(_STEPS):
        e = xp.exp(w)
        slope = e * (1 + w) + r
        step = (w * (e + r) - y) / slope
        w = w - step / (1 - step * (e / slope) * (2 + w) / 2)
    return xp.where((r >= 0) & (y >= 0), w, xp.asarray(float("nan"), dtype=w.dtype))

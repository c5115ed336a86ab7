"""The Gaussian distribution function and density on arrays of any library."""

from __future__ import annotations

import math
from typing import Any

from array_api_compat import array_namespace, device, is_jax_namespace, is_torch_namespace
from scipy.special import ndtr

from .host import on_host

__all__ = ["normal_cdf", "normal_density", "positive_probability"]


def normal_cdf(x: Any) -> Any:
    """Phi(x), element by element, of x's library and device.

    Examples
    --------
    >>> import numpy as np
    >>> normal_cdf(np.array([0.0, np.inf])).tolist()
    [0.5, 1.0]
    """
    xp = array_namespace(x)
    if is_torch_namespace(xp):
        return xp.special.ndtr(x)
    if is_jax_namespace(xp):
        from jax.scipy.special import ndtr as on_jax

        return on_jax(x)
    return xp.asarray(ndtr(on_host(x)), dtype=x.dtype, device=device(x))


def normal_density(x: Any) -> Any:
    """phi(x), element by element, of x's library and device.

    Examples
    --------
    >>> import numpy as np
    >>> normal_density(np.array([0.0, np.inf])).round(12).tolist()
    [0.398942280401, 0.0]
    """
    return array_namespace(x).exp(-(x**2) / 2) / math.sqrt(2 * math.pi)


def positive_probability(mean: Any, deviation: Any) -> Any:
    """P(mean + deviation G > 0), the accuracy of Gaussian signed logits; 1/2 if all are zero.

    Examples
    --------
    >>> import numpy as np
    >>> positive_probability(np.array([0.0, -1.0, 2.0]), np.zeros(3)).tolist()
    [0.5, 0.0, 1.0]
    """
    xp = array_namespace(mean)
    infinite = xp.full_like(mean, math.inf)
    certain = xp.where(mean > 0, infinite, xp.where(mean < 0, -infinite, mean))
    ratio = mean / xp.where(deviation > 0, deviation, 1.0)
    return normal_cdf(xp.where(deviation > 0, ratio, certain))

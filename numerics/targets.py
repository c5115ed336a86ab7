"""The targets of penalties: the logit, or the gap of logits, that minimises the per-sample loss."""

from __future__ import annotations

from typing import Any

import numpy as np
from array_api_compat import is_array_api_obj

from .kernels import kernel
from .solved_targets import as_number, rate_of_array, target_of_array, target_of_number
from .tracing import is_compiling, is_torch

__all__ = ["sensitivity", "target"]


def target(penalty: Any, alpha: Any, classes: int = 2, **parameters: float) -> Any:
    """The minimiser z* of the per-sample loss (1 - alpha) log(1 + exp(-z)) + alpha f(z).

    Parameters
    ----------
    penalty : a name in the catalogue, an expression in z, or a Penalty.
    alpha : a number or an array of any array-API library, in (0, 1); float32 or float64.
    classes : for K > 2 classes, with the loss (1 - alpha) CE + alpha f(z_1, ..., z_K), the gap
        z_high - z_low between the logit of the true class and the others. An expression f(z) then
        stands for the sum of f(z_k).
    parameters : values of the parameters of a catalogue penalty, such as ``delta=2``.

    Returns
    -------
    A float for a number; an array of alpha's library, shape and dtype for an array. A float64
    result for a catalogue penalty is within two units in the last place of the exact target, and
    for an expression it is the exact target correctly rounded, element by element and therefore
    slowly (about a millisecond each). Only the entropy's target, about 1/alpha, can overflow.

    JAX and PyTorch differentiate it, by :func:`sensitivity`. The targets of the catalogue work
    under jit, vmap and torch.compile, where alpha outside (0, 1) gives NaN instead of an error and
    a compiler that fuses products with sums may cost a few units more. JAX without float64 gets
    float32 results that are rounded from float64 all the same.

    Raises
    ------
    AlphaError : alpha is not in (0, 1), or NaN.
    NoFiniteTargetError : alpha is 0, or f does not hold the logit back.
    NotConvexError : an expression for which f''(z) < 0 is certain at some z.

    Examples
    --------
    >>> target("quadratic", 0.5)
    0.22232347127832913
    >>> target("label-smoothing", np.array([0.1, 0.2]), classes=10)
    array([4.51085951, 3.71357207])
    >>> target("z^2", 0.5) == target("quadratic", 0.5)
    True
    """
    if is_torch(alpha) and is_compiling():
        from .torch_targets import target_in_graph

        return target_in_graph(penalty, alpha, classes, tuple(parameters.items()))
    if is_array_api_obj(alpha) and not np.isscalar(alpha):
        return target_of_array(penalty, alpha, classes, **parameters)
    return target_of_number(penalty, alpha, classes, **parameters)


def sensitivity(penalty: Any, alpha: Any, classes: int = 2, **parameters: float) -> Any:
    """dz*/dalpha, by the implicit-function theorem; 0 where a kink of f holds the target.

    For K > 2 classes the derivative of the gap z_high - z_low.

    Parameters
    ----------
    penalty, alpha, classes, parameters : as for :func:`target`, whose gradient in JAX and PyTorch
        this is.

    Returns
    -------
    A float for a number; an array of alpha's library, shape and dtype for an array.

    Raises
    ------
    As :func:`target`.

    Examples
    --------
    >>> step = 1e-6
    >>> secant = (target("cosh", 0.3 + step) - target("cosh", 0.3 - step)) / (2 * step)
    >>> abs(sensitivity("cosh", 0.3) / secant - 1) < 1e-8
    True
    """
    f = kernel(penalty, **parameters)
    z = target(f, alpha, classes)
    if isinstance(z, float):
        return float(rate_of_array(f, np.array([as_number(alpha)]), np.array([z]), classes)[0])
    return rate_of_array(f, alpha, z, classes)

"""The limit N, d -> infinity with d/N fixed for K classes of Gaussian signal plus noise."""

from __future__ import annotations

from typing import Any

import numpy as np
from array_api_compat import device

from ..errors import DataError, LogitregError
from .host import on_host
from .kernels import kernel
from .many_classes_regimes import ClassAsymptotics, of_cell
from .parameter_grid import broadcast_parameters, like_given, values

__all__ = ["ClassAsymptotics", "asymptotics_many_classes"]


def asymptotics_many_classes(
    aspect_ratio: Any,
    classes: int,
    *,
    signal: Any = 1.0,
    signal_noise: Any = 0.5,
    orthogonal_noise: Any = 1.0,
    penalty: Any = "quadratic",
    alpha: Any = 0.1,
    weight_decay: Any = 0.0,
) -> ClassAsymptotics:
    """What training K classes gives, as N, d -> infinity with d/N = lambda.

    Samples are those of :func:`logitreg.signal_plus_noise` for K > 2: x = mu_f e_c plus noise
    sigma_f along e_1, ..., e_K and sigma_n across, as many of each class. The training loss is the
    mean of (1 - alpha) CE + alpha f plus kappa |W|^2/2; there is no bias. For three numbers in the
    plane of zero sum, a, q = sigma_n times the noise weight and gamma, and three along the level if
    the loss does not hold it at zero, :mod:`logitreg.theory.many_classes_limit` has the equations.

    Closed forms take over for kappa = 0 with lambda >= 1 (least norm: every training sample at its
    target) or sigma_f = 0. K = 2 is :func:`asymptotics` with mu_f/sqrt(2), kappa/2 and, for a
    coordinate-wise f, 2 f(z/2): its weights and logits are sqrt(2) and 2 times as large.

    Parameters
    ----------
    aspect_ratio : lambda > 0.
    classes : K >= 2; up to 10 000 where no closed form applies.
    signal, signal_noise, orthogonal_noise : mu_f > 0, sigma_f >= 0, sigma_n > 0.
    penalty : name, expression or Penalty, convex and without kinks. It applies coordinate-wise,
        except label smoothing, whose K-class form is used.
    alpha : in [0, 1).
    weight_decay : kappa >= 0.

    All numbers but K broadcast against each other; arrays of one array-API library give its arrays.
    The cells of a grid are solved one by one.

    Returns
    -------
    ClassAsymptotics, of floats if all parameters are numbers. A cell of three classes takes about
    a tenth of a second, of ten a second, of a hundred ten, of ten thousand a hundred.

    Raises
    ------
    AlphaError, DataError : a parameter outside its domain, above 1e75, or positive below 1e-75;
        more classes than the quadrature takes.
    ShapeError : shapes that do not broadcast.
    NoFiniteTargetError : the target logits of the classes cannot be told apart.
    NotConvexError, UnsupportedPenaltyError : the penalty is not convex, or has kinks; or K = 2 and
        the penalty is neither label smoothing nor quadratic.
    SeparableError : alpha = kappa = 0, and the classes are separable or nearly so (within some
        hundredths of the threshold in lambda), so that there is no minimiser.
    NotConvergedError : no saddle was found, or the error of its quadrature is above 1e-3.

    Examples
    --------
    >>> limit = asymptotics_many_classes(0.5, 3, alpha=0.1)
    >>> round(limit.accuracy, 6)
    0.689642
    >>> limit.accuracy < asymptotics_many_classes(0.2, 3, alpha=0.1).accuracy
    True
    """
    f = kernel(penalty)
    if not isinstance(classes, int | np.integer) or classes < 2:
        raise DataError(f"classes is {classes!r}; expected an integer, at least 2")
    given = {
        "aspect_ratio": aspect_ratio,
        "signal": signal,
        "signal_noise": signal_noise,
        "orthogonal_noise": orthogonal_noise,
        "alpha": alpha,
        "weight_decay": weight_decay,
    }
    xp, arrays, shape = broadcast_parameters(given)
    limits = []
    for cell in zip(*(on_host(v).ravel().tolist() for v in arrays.values()), strict=True):
        numbers = dict(zip(arrays, cell, strict=True))
        try:
            limits.append(values(of_cell(f, int(classes), **numbers)))
        except LogitregError as error:
            where = ", ".join(f"{name} = {value:g}" for name, value in numbers.items())
            error.add_note(f"in the cell {where}")
            raise
    like = arrays["alpha"]
    columns = (
        xp.reshape(xp.asarray(column, dtype=like.dtype, device=device(like)), shape)
        for column in zip(*limits, strict=True)
    )
    return like_given(ClassAsymptotics(*columns), given.values())

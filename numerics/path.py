"""Many strengths and penalties on one data set, for little more than the price of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..errors import AlphaError, ShapeError
from .losses import check_alpha
from .problem import problem
from .solutions import FitResult, minimisers

__all__ = ["fit_path"]


def fit_path(
    X: Any,
    y: Any = None,
    *,
    penalty: Any = "quadratic",
    alphas: ArrayLike,
    bias: bool = False,
    sample_weight: ArrayLike | None = None,
    max_iter: int = 200,
) -> tuple[FitResult, ...]:
    """The minimisers of :func:`logitreg.fit` for many alphas.

    One factorisation of the data serves them all, and the products with it are those of two
    matrices instead of a matrix and a vector.

    Parameters
    ----------
    penalty : one penalty, or a list with one for each alpha.
    alphas : (n_alphas,) strengths in [0, 1), in any order.
    X, y, bias, sample_weight, max_iter : as for :func:`logitreg.fit`.

    Returns
    -------
    One FitResult for each alpha.

    Raises
    ------
    As :func:`logitreg.fit`.

    Examples
    --------
    >>> X = [[1.0, 0.2], [0.8, -0.3], [1.3, 0.1]]
    >>> [round(float(r.loss), 6) for r in fit_path(X, alphas=[0.1, 0.2])]
    [0.384358, 0.423137]
    """
    strengths = _strengths(alphas)
    penalties = list(penalty) if isinstance(penalty, list | tuple) else [penalty] * len(strengths)
    if len(penalties) != len(strengths):
        raise ShapeError(
            f"{len(penalties)} penalties for {len(strengths)} alphas; expected one penalty, or a "
            "list with one for each alpha"
        )
    data = problem(X, y, bias, sample_weight)
    results: dict[int, FitResult] = {}
    for group in _groups(penalties, strengths):
        found = minimisers(data, penalties[group[0]], strengths[group], max_iter)
        results.update(zip(group, found, strict=True))
    return tuple(results[i] for i in range(len(strengths)))


def _strengths(alphas: ArrayLike) -> np.ndarray[Any, np.dtype[np.float64]]:
    if np.ndim(alphas) != 1 or np.size(alphas) == 0:
        raise AlphaError(f"alphas is {alphas!r}; expected a list of strengths in [0, 1)")
    return np.array([check_alpha(alpha, zero=True) for alpha in np.asarray(alphas)])


def _groups(penalties: Sequence[Any], strengths: Any) -> list[list[int]]:
    """Indices with the same penalty, those without any strength apart."""
    groups: list[list[int]] = []
    for i, (penalty, strength) in enumerate(zip(penalties, strengths, strict=True)):
        for group in groups:
            first = group[0]
            same = penalties[first] is penalty or penalties[first] == penalty
            if same and (strengths[first] > 0) == (strength > 0):
                group.append(i)
                break
        else:
            groups.append([i])
    return groups

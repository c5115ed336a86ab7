"""Quadrature rules between two ends, which differ from cell to cell.

A rule is, for an even number of nodes in [0, 1], their distances from the nearer end and weights.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from array_api_compat import device
from numpy.typing import NDArray

__all__ = ["between", "double_exponential", "legendre", "trapezoidal"]

Array = NDArray[np.float64]

# Distances from an end down to 1e-33: enough for an inverse square root there.
_DOUBLE_EXPONENTIAL_END = 3.9


@lru_cache(maxsize=32)
def trapezoidal(order: int) -> tuple[Array, Array]:
    """Exponentially accurate for an analytic integrand that vanishes at both ends."""
    return _from_both_ends(np.linspace(0, 1, order)), np.full(order, 1 / (order - 1))


@lru_cache(maxsize=32)
def legendre(order: int) -> tuple[Array, Array]:
    """Gauss-Legendre, for an integrand that is analytic up to its ends."""
    nodes, weights = np.polynomial.legendre.leggauss(order)
    return _from_both_ends((1 + nodes) / 2), weights / 2


@lru_cache(maxsize=32)
def double_exponential(order: int) -> tuple[Array, Array]:
    """For an integrand that is singular at its ends, or changes fast there."""
    h = 2 * _DOUBLE_EXPONENTIAL_END / order
    t = h * (0.5 + np.arange(order // 2))[::-1]
    distance = 1 / (1 + np.exp(math.pi * np.sinh(t)))
    weight = h * math.pi * np.cosh(t) * distance * (1 - distance)
    return np.concatenate([distance, distance[::-1]]), np.concatenate([weight, weight[::-1]])


def between(xp: Any, rule: tuple[Array, Array], begin: Any, finish: Any) -> tuple[Any, Any]:
    """Nodes and weights (cells, nodes) for ends (cells, 1); weights zero if the ends are reversed.

    Examples
    --------
    >>> ends = np.array([[1.0]]), np.array([[3.0]])
    >>> nodes, weights = between(np, legendre(4), *ends)
    >>> round(float((weights * nodes**3).sum()), 12)  # 3^4/4 - 1/4
    20.0
    """
    width = xp.maximum(finish - begin, xp.zeros_like(begin))
    place, weights = (xp.asarray(v, dtype=begin.dtype, device=device(begin))[None, :] for v in rule)
    half = place.shape[1] // 2
    # The second half counts from the far end, close to which it may be.
    nodes = (begin + width * place[:, :half], begin + width - width * place[:, half:])
    return xp.concat(nodes, axis=-1), width * weights


def _from_both_ends(place: Array) -> Array:
    half = len(place) // 2
    return np.concatenate([place[:half], place[:half][::-1]])

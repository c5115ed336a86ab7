"""Gaussian nodes in the space of K logits, split into the plane of zero sum and the common level.

Coordinates: one along e_1 - 1/K, as the samples are of the first class; K - 2 across it within the
plane; and, if the level counts, one along (1, ..., 1). Up to three take the trapezoidal rule.
More take scrambled Sobol points, whose weights are then moved, as little as can be, so that the
polynomials of degree six in which the other K - 1 classes enter alike are integrated exactly. What
they leave unexplained of smooth integrands is a hundredth to a ten thousandth; the error is
estimated from replicates.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.polynomial.hermite_e import hermeval
from numpy.typing import NDArray
from scipy.special import ndtri

__all__ = ["Nodes", "mean_of_power_sums", "product_nodes", "scrambled_nodes", "shares"]

Array = NDArray[np.float64]

_DEGREE = 6
_RADIUS = 8.5


class Nodes(NamedTuple):
    """The projections P_j G of the nodes, (blocks, nodes, K), and weights that sum to one."""

    parts: Array
    weights: Array


def shares(classes: int) -> Array:
    """An orthonormal basis in rows: e_1 - 1/K first, the level (1, ..., 1) last (Helmert).

    Examples
    --------
    >>> (shares(3)[[0, 2]] ** 2 * 6).round(12)
    array([[4., 1., 1.],
           [2., 2., 2.]])
    """
    rows = np.triu(np.full((classes, classes), -1.0), 1)
    np.fill_diagonal(rows, np.arange(classes - 1, -1, -1))
    rows[-1] = 1
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def product_nodes(classes: int, blocks: int, step: float) -> Nodes:
    """The trapezoidal rule with this step, out to where the density is rounding.

    For analytic functions its error falls like exp(-2 pi y/step), y the distance to a singularity.

    Examples
    --------
    >>> nodes = product_nodes(3, 1, 0.5)
    >>> [float(v) for v in (nodes.weights @ nodes.parts[0] ** 2).round(12)]
    [0.666666666667, 0.666666666667, 0.666666666667]
    """
    count = int(_RADIUS / step)
    line = step * np.arange(-count, count + 1)
    lines = [line] * (classes - 2 + blocks)
    if classes > 2:
        # The other sign of this coordinate exchanges the last two classes, which are alike.
        lines[classes - 2] = line[count:]
    grid = np.meshgrid(*lines, indexing="ij")
    points = np.stack(grid, axis=-1).reshape(-1, len(grid))
    points = points[np.sum(points**2, axis=1) <= _RADIUS**2]
    weights = np.exp(-np.sum(points**2, axis=1) / 2)
    if classes > 2:
        weights *= 1 + (points[:, classes - 2] > 0)
    return Nodes(_parts(points, classes, blocks), weights / weights.sum())


def scrambled_nodes(classes: int, blocks: int, log2_count: int, seed: int) -> Nodes:
    """2^log2_count scrambled Sobol points with corrected weights, for three classes or more.

    Examples
    --------
    >>> nodes = scrambled_nodes(5, 1, 8, seed=0)
    >>> first, *others = nodes.weights @ nodes.parts[0] ** 4
    >>> round(first, 12), round(sum(others) / 4, 12)  # E g^4 = 3 (1 - 1/K)^2
    (np.float64(1.92), np.float64(1.92))
    """
    from scipy.stats import qmc  # slow to import

    dimension = classes - 2 + blocks
    points = ndtri(qmc.Sobol(dimension, rng=np.random.default_rng(seed)).random_base2(log2_count))
    parts = _parts(points, classes, blocks)
    features = _invariants(points, parts[0], blocks)
    # Of all changes after which the features have mean zero, the smallest.
    constraints = np.vstack([np.ones(len(points)), features])
    gaps = np.concatenate([[0.0], -features.mean(axis=1)])
    change = np.linalg.lstsq(constraints, gaps, rcond=1e-10)[0]
    return Nodes(parts, 1 / len(points) + change)


def _parts(points: Array, classes: int, blocks: int) -> Array:
    """The coordinates in the rows of :func:`shares`, put together without the matrix."""
    left = np.arange(classes - 1, 0, -1)
    inside = points[:, : classes - 1] / np.sqrt(left * (left + 1))
    plane = np.zeros((len(points), classes))
    plane[:, :-1] = left * inside
    plane[:, 1:] -= np.cumsum(inside, axis=1)
    if blocks == 1:
        return plane[None]
    level = np.broadcast_to(points[:, -1:] / math.sqrt(classes), plane.shape)
    return np.stack([plane, level])


def _invariants(points: Array, plane: Array, blocks: int) -> Array:
    """Polynomials of Gaussian mean zero that span the symmetric ones, (features, nodes)."""
    others = plane[:, 1:] - plane[:, 1:].mean(axis=1, keepdims=True)
    sums = [np.sum(others**power, axis=1) for power in range(_DEGREE + 1)]
    along, level = _hermite(points[:, 0]), _hermite(points[:, -1])
    features = []
    for degree in range(_DEGREE + 1):
        rest = _DEGREE - degree
        for powers in _partitions(degree):
            product = math.prod((sums[power] for power in powers), start=np.ones(len(points)))
            features.append(product - mean_of_power_sums(powers, others.shape[1]))
            features += [
                product * along[i] * level[j]
                for i in range(rest + 1)
                for j in range(rest + 1 - i if blocks > 1 else 1)
                if i + j > 0
            ]
    stacked = np.stack(features)
    sizes = np.sqrt(np.mean(stacked**2, axis=1, keepdims=True))
    return np.asarray(stacked / np.maximum(sizes, 1e-9))


def _hermite(x: Array) -> Array:
    """He_0, ..., He_6 at x."""
    return np.asarray(hermeval(x, np.eye(_DEGREE + 1)))


def _partitions(degree: int, least: int = 2) -> Iterator[tuple[int, ...]]:
    """Ascending numbers, two or more each, with the given sum."""
    if degree == 0:
        yield ()
    for first in range(least, degree + 1):
        for rest in _partitions(degree - first, first):
            yield (first, *rest)


@lru_cache(maxsize=1024)
def mean_of_power_sums(powers: tuple[int, ...], count: int) -> float:
    """E of the product of sum_k v_k^n over n in powers, v = g - mean(g), g standard normal.

    The v_k have the covariance delta_kl - 1/count. Which factors share a k sorts the terms.

    Examples
    --------
    >>> mean_of_power_sums((2,), 5), round(mean_of_power_sums((2, 2), 5), 12)  # of a chi-square
    (4.0, 24.0)
    """
    return sum(
        math.perm(count, len(blocks)) * _moment(tuple(sum(block) for block in blocks), count)
        for blocks in _set_partitions(powers)
    )


def _set_partitions(items: Sequence[int]) -> Iterator[list[list[int]]]:
    if not items:
        yield []
        return
    for blocks in _set_partitions(items[1:]):
        yield [[items[0]], *blocks]
        for i, block in enumerate(blocks):
            yield [*blocks[:i], [items[0], *block], *blocks[i + 1 :]]


@lru_cache(maxsize=4096)
def _moment(powers: tuple[int, ...], count: int) -> float:
    """E prod_k v_k^n_k over different k, by parts: E v_1 F = sum_k cov(v_1, v_k) E dF/dv_k."""
    powers = tuple(power for power in powers if power)
    if not powers:
        return 1.0
    reduced = (powers[0] - 1, *powers[1:])
    total = 0.0
    for k, power in enumerate(reduced):
        if power:
            lower = (*reduced[:k], power - 1, *reduced[k + 1 :])
            total += ((k == 0) - 1 / count) * power * _moment(lower, count)
    return total

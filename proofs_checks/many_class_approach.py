"""The slowest mode of the final approach with K classes: solved, and seeded matrices beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.optimize import brentq, minimize_scalar
from sympy import Expr, Symbol, lambdify

from ..numerics.signal_noise import signal_plus_noise
from ..theory.high_dimension import aspect_ratio
from ..theory.many_class_approach import across, along, bulk, companion, signal_mode
from ..theory.signal_noise import mu_f, sigma_n
from ..theory.symbols import K

__all__ = ["Approach", "resolvent_traces", "slowest_mode", "smallest_eigenvalues"]

Array = NDArray[np.float64]


class Approach(NamedTuple):
    """lambda, mu_f, sigma_n, K, and the curvatures across and along the true class."""

    aspect_ratio: float
    signal: float
    noise: float
    classes: int
    across: float
    along: float

    def symbols(self) -> dict[Symbol, float]:
        names = (aspect_ratio, mu_f, sigma_n, K, across, along)
        return dict(zip(names, self, strict=True))


def slowest_mode(
    approach: Approach, edge_of: Expr | None = None, outlier_of: Expr | None = None
) -> float:
    """The smallest eigenvalue of Q in the limit: an outlier below the bulk, if any, else its edge.

    1/epochs in which the slowest mode shrinks by a factor e is eta times that.

    Examples
    --------
    >>> strong = Approach(0.25, 9.0, 1.0, 3, 0.2, 0.2)
    >>> round(slowest_mode(strong), 12) == 0.2 * (1 - 0.25**0.5) ** 2
    True
    """
    at = approach.symbols()
    point, signal = (
        lambdify(companion, expression.subs(at))
        for expression in (edge_of or bulk(), outlier_of or signal_mode())
    )
    # Scaled by the noise and the curvature: m is of order 1/(sigma_n^2 h).
    unit = np.log(approach.noise**2 * approach.across)
    found = minimize_scalar(
        lambda t: -point(np.exp(t - unit)),
        bounds=(-20, 20),
        method="bounded",
        options={"xatol": 1e-12},
    )
    top = float(np.exp(found.x - unit))
    if signal(top) >= point(top):
        return float(point(top))
    root = brentq(lambda m: point(m) - signal(m), top * 1e-12, top, xtol=1e-15 * top, rtol=1e-14)
    return float(point(root))


def smallest_eigenvalues(approach: Approach, samples: int, seeds: int) -> Array:
    """The smallest eigenvalue of Q on seeded data, extrapolated from N and 4 N samples.

    An edge is approached with N^(-2/3), from above; a weak signal has K (K - 2) outliers that are
    equal in the limit, and their mean approaches it with 1/N.
    """
    edge = slowest_mode(approach, outlier_of=signal_mode() * 1e9)
    weak = slowest_mode(approach) < edge * (1 - 1e-9)
    count, order = (approach.classes * (approach.classes - 2), 1.0) if weak else (1, 2 / 3)
    few, many = (
        np.array([_lowest(approach, size, [seed, size], count) for seed in range(seeds)])
        for size in (samples, 4 * samples)
    )
    return np.asarray((4**order * many - few) / (4**order - 1))


def resolvent_traces(
    approach: Approach, points: Sequence[float], samples: int, seeds: int
) -> list[Array]:
    """At each point the mean of 1/(q - point) over the eigenvalues q of seeded Q, for all seeds.

    Q is that of the noise weights alone.
    """
    forms = (_form(approach, samples, [seed, samples], signal=False) for seed in range(seeds))
    values = np.array([np.linalg.eigvalsh(form) for form in forms])
    return [np.mean(1 / (values - point), axis=1) for point in points]


def _lowest(approach: Approach, samples: int, seed: Sequence[int], count: int) -> float:
    """The mean of the ``count`` smallest eigenvalues of Q."""
    Q = _form(approach, samples, seed, signal=True)
    return float(eigh(Q, eigvals_only=True, subset_by_index=(0, count - 1)).mean())


def _form(approach: Approach, samples: int, seed: Sequence[int], *, signal: bool) -> Array:
    """Q where logits sum to zero; of the noise weights alone, if not of those of the signal."""
    classes = approach.classes
    # As many noise features as lambda N: the signal's are none of the bulk.
    X, y = signal_plus_noise(
        samples,
        round(approach.aspect_ratio * samples) + classes,
        signal=approach.signal,
        signal_noise=0.0,
        orthogonal_noise=approach.noise,
        classes=classes,
        seed=np.random.default_rng(seed),
    )
    X = X if signal else X[:, classes:]
    # An orthonormal basis of the logits that sum to zero.
    basis = np.linalg.qr(np.eye(classes) - 1 / classes)[0][:, : classes - 1]
    Q = np.zeros(((classes - 1) * X.shape[1],) * 2)
    for label in range(classes):
        true = basis[label] / np.linalg.norm(basis[label])
        bent = approach.across * np.eye(classes - 1)
        bent += (approach.along - approach.across) * np.outer(true, true)
        own = X[y == label]
        Q += np.kron(bent, own.T @ own / samples)
    return Q

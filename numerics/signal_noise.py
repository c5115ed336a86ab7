"""Signal plus noise: seeded data sets, the effective noises of embeddings, and their rescaling."""

from __future__ import annotations

from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from array_api_compat import array_namespace, device, is_array_api_obj
from numpy.typing import ArrayLike, NDArray

from ..errors import DataError, NonFiniteError, ShapeError
from .concise import concise_repr
from .host import on_host

__all__ = [
    "EffectiveNoises",
    "SignalPlusNoise",
    "effective_noises",
    "rescale_orthogonal",
    "signal_basis",
    "signal_plus_noise",
]


class SignalPlusNoise(NamedTuple):
    """Samples X (n_samples, n_features) and their labels y (n_samples,)."""

    X: Any
    y: Any

    def __repr__(self) -> str:
        return concise_repr(self)


class EffectiveNoises(NamedTuple):
    """Noise within the span of the class means and across it, in units of their distance."""

    signal: float
    orthogonal: float


def signal_plus_noise(
    n_samples: int,
    n_features: int,
    *,
    signal: float = 1.0,
    signal_noise: float = 0.5,
    orthogonal_noise: float = 1.0,
    classes: int = 2,
    distribution: Any = None,
    seed: int | np.random.Generator = 0,
    xp: ModuleType = np,
    dtype: Any = None,
) -> SignalPlusNoise:
    """Draw from the signal-plus-noise model.

    Two classes, y = -1, +1: x = (y mu_f + sigma_f xi_1) e_1 + sigma_n (xi_2 e_2 + ...). For K > 2
    classes, y = 0, ..., K - 1, the templates are mu_f e_1, ..., mu_f e_K: x = mu_f e_(y+1) plus
    noise sigma_f xi_j along e_1, ..., e_K and sigma_n xi_j along the others. The xi are
    independent, with mean 0 and variance 1.

    Classes take turns, so that they are as equal in size as can be. The draws xi depend on the
    seed, the shape of X and the distribution alone: they are the same in every array library and at
    every strength of signal and noise.

    Parameters
    ----------
    signal, signal_noise, orthogonal_noise : mu_f, sigma_f and sigma_n, not negative.
    classes : K, at most ``n_features`` for K > 2.
    distribution : law of the xi, a frozen distribution of scipy.stats such as ``t(df=3)`` or
        ``laplace()``; normal by default. It is shifted to mean 0 and scaled to variance 1. Where
        its variance is infinite or undefined, as for ``cauchy()``, draws are taken as they are.
    seed : a seed, or a generator, from which the draws are taken.
    xp : namespace of the arrays, such as ``torch`` or ``jax.numpy``.
    dtype : of X; by default float64, or float32 where JAX has float64 switched off.

    Raises
    ------
    ShapeError, DataError

    Examples
    --------
    >>> from scipy.stats import t
    >>> X, y = signal_plus_noise(4, 3, signal=2.0, signal_noise=0.0, distribution=t(df=2.1))
    >>> X[:, 0].tolist(), y.tolist()
    ([-2.0, 2.0, -2.0, 2.0], [-1, 1, -1, 1])
    """
    if n_samples < 1 or n_features < 1 or classes < 2 or (classes > 2 and n_features < classes):
        raise ShapeError(
            f"{n_samples} samples, {n_features} features and {classes} classes; expected at least "
            "one sample, two classes, and one feature for two classes or K for K > 2 templates"
        )
    levels = {"signal": signal, "signal_noise": signal_noise, "orthogonal_noise": orthogonal_noise}
    for name, level in levels.items():
        if not 0 <= level < float("inf"):
            raise DataError(f"{name} is {level}; expected a finite number, not negative")
    X = _draws(np.random.default_rng(seed), (n_samples, n_features), distribution)
    labels = np.arange(n_samples) % classes
    templates = 1 if classes == 2 else classes
    X[:, :templates] *= signal_noise
    X[:, templates:] *= orthogonal_noise
    y = 2 * labels - 1 if classes == 2 else labels
    X[np.arange(n_samples), 0 if classes == 2 else labels] += signal * (y if classes == 2 else 1)
    # Without a dtype JAX takes the widest it has switched on.
    array = xp.asarray(X) if dtype is None else xp.asarray(X, dtype=dtype)
    return SignalPlusNoise(array, xp.asarray(y))


def _draws(
    generator: np.random.Generator, shape: tuple[int, int], distribution: Any
) -> NDArray[np.float64]:
    if distribution is None:
        return generator.standard_normal(shape)
    try:
        draws = distribution.rvs(size=shape, random_state=generator)
        mean, deviation = float(distribution.mean()), float(distribution.std())
    except (AttributeError, TypeError) as error:
        raise DataError(
            f"distribution is {distribution!r}; expected a frozen univariate distribution of "
            "scipy.stats, such as scipy.stats.t(df=3)"
        ) from error
    noise = np.asarray(draws, dtype=np.float64)
    if not (np.isfinite(mean) and np.isfinite(deviation)):
        return noise
    if deviation == 0:
        raise DataError("the distribution has variance 0; expected one that varies")
    return (noise - mean) / deviation


def signal_basis(X: Any, y: ArrayLike) -> Any:
    """Q_1, an orthonormal basis of the span of the differences mu_c - mu_1 of the class means.

    Parameters
    ----------
    X : (n_samples, n_features) floating array of any array-API library.
    y : (n_samples,) labels of two or more classes.

    Returns
    -------
    (n_features, m) array of X's library; m = K - 1 unless the means are affinely dependent.

    Examples
    --------
    >>> X = np.array([[0.0, 1.0], [0.0, -1.0], [3.0, 2.0], [3.0, -2.0]])
    >>> abs(signal_basis(X, [0, 0, 1, 1])).tolist()
    [[1.0], [0.0]]
    """
    _, means = _classes(X, y)
    xp = array_namespace(X)
    differences = xp.matrix_transpose(means[1:, :] - means[:1, :])
    left, singular, _ = xp.linalg.svd(differences, full_matrices=False)
    # Means carry the rounding of coordinates that may be large and cancel in the differences.
    scale = float(xp.max(xp.abs(means))) * max(differences.shape)
    rank = int(xp.sum(xp.astype(singular > scale * xp.finfo(X.dtype).eps, xp.int64)))
    if rank == 0:
        raise DataError("all class means are equal; expected a signal: means that differ")
    return left[:, :rank]


def effective_noises(X: Any, y: ArrayLike) -> EffectiveNoises:
    """sigma_f and sigma_n of labelled features, over the mean distance of two class means.

    With Q_1 from :func:`signal_basis`, m columns, and Q_2 a basis of the complement,
    sigma_f = K^-1 sum_c sqrt(tr(Q_1^T Sigma_c Q_1)/m), and sigma_n likewise with Q_2 and n - m;
    Sigma_c is the mean of (x - mu_c)(x - mu_c)^T over class c. Without a complement sigma_n is 0.

    Parameters
    ----------
    X, y : as for :func:`signal_basis`.

    Raises
    ------
    ShapeError, NonFiniteError, DataError

    References
    ----------
    Beck et al. 2026, eq. (35).

    Examples
    --------
    >>> X = np.array([[0.0, 1.0], [0.0, -1.0], [2.0, 2.0], [2.0, -2.0]])
    >>> effective_noises(X, [0, 0, 1, 1])
    EffectiveNoises(signal=0.0, orthogonal=0.75)
    """
    codes, means = _classes(X, y)
    xp = array_namespace(X)
    basis = signal_basis(X, y)
    spread = X - xp.take(means, xp.asarray(codes, device=device(X)), axis=0)
    along = spread @ basis
    across = spread - along @ xp.matrix_transpose(basis)
    dimensions = basis.shape[1], X.shape[1] - basis.shape[1]
    counts = np.bincount(codes)
    noises = []
    for part, dimension in zip((along, across), dimensions, strict=True):
        squares = on_host(xp.sum(part * part, axis=1)).astype(np.float64)
        traces = np.bincount(codes, squares) / counts
        noises.append(float(np.mean(np.sqrt(traces / dimension))) if dimension else 0.0)
    centres = on_host(means).astype(np.float64)
    first, second = np.triu_indices(len(centres), 1)
    distance = float(np.mean(np.linalg.norm(centres[first] - centres[second], axis=1)))
    return EffectiveNoises(noises[0] / distance, noises[1] / distance)


def rescale_orthogonal(X: Any, basis: Any, factor: float) -> Any:
    """x <- (1 - P) x + gamma P x, with P = 1 - Q_1 Q_1^T: multiplies sigma_n by gamma.

    Parameters
    ----------
    X : (n_samples, n_features), the data that ``basis`` was found on, or fresh data.
    basis : Q_1, from :func:`signal_basis` on the training data.
    factor : gamma.

    References
    ----------
    Beck et al. 2026, eq. (36).

    Examples
    --------
    >>> rescale_orthogonal(np.array([[1.0, 5.0]]), np.array([[1.0], [0.0]]), 3.0)
    array([[ 1., 15.]])
    """
    xp = array_namespace(X)
    if X.shape[-1:] != basis.shape[:1]:
        raise ShapeError(
            f"X has {X.shape[-1]} features and the basis {basis.shape[0]}; expected the same number"
        )
    along = (X @ basis) @ xp.matrix_transpose(basis)
    return along + factor * (X - along)


def _classes(X: Any, y: ArrayLike) -> tuple[NDArray[np.intp], Any]:
    """The class of each sample, 0 to K - 1, and the class means (K, n_features)."""
    labels = on_host(y)
    if not is_array_api_obj(X) or X.ndim != 2 or labels.shape != X.shape[:1]:
        raise ShapeError(
            f"X has shape {np.shape(X)} and y {labels.shape}; expected an array (n_samples, "
            "n_features) and (n_samples,)"
        )
    xp = array_namespace(X)
    if not xp.isdtype(X.dtype, "real floating"):
        raise DataError(f"X has dtype {X.dtype}; expected a real floating dtype")
    if not bool(xp.all(xp.isfinite(X))):
        raise NonFiniteError("X holds NaN or infinity; expected finite numbers")
    classes, codes = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise DataError(f"y holds the single label {classes[0]}; expected two classes or more")
    shares = np.eye(len(classes))[:, codes] / np.bincount(codes)[:, None]
    return codes, xp.asarray(shares, dtype=X.dtype, device=device(X)) @ X

"""The minimiser's direction from the moments of the data: Fisher's, corrected for higher cumulants.

Fisher's direction is that of Gaussian data. The third and fourth cumulants bend it by means of l'''
and l'''' over the Gaussian law of the logits; see :mod:`logitreg.theory.cumulant_correction`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.polynomial.hermite_e import hermeval
from numpy.typing import ArrayLike
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import brentq

from ..errors import (
    DataError,
    NoFiniteTargetError,
    NonFiniteError,
    RankDeficientError,
    ShapeError,
    UnsupportedPenaltyError,
)
from .concise import concise_repr
from .design import design
from .host import from_host, on_host, real_array
from .kernels import kernel
from .losses import check_alpha
from .proximal_moments import CellLosses, break_points, cell_losses, mean_loss
from .rounding import Matrix

__all__ = ["DirectionCorrection", "direction_correction", "sample_direction_correction"]

_ORDER = 512
_DOUBLINGS = 60
# Of cumulants whose entries come from sums in several orders.
_ASYMMETRY = 1e-9
_EPSILON = float(np.finfo(np.float64).eps)
_OVERFLOW = (
    "the cumulants overflow float64; expected features of moderate size; divide each feature by "
    "its deviation"
)
# A start for logits whose target is far away, or infinite.
_FAR = 3.0


@dataclass(frozen=True)
class DirectionCorrection:
    """A predicted direction, term by term; all arrays have the shape (n_features,), and the library
    and device of the data.

    Attributes
    ----------
    fisher : the unit vector along Sigma^-1 mu.
    third : what the third cumulant adds to it to first order.
    second : what the third cumulant adds to second order, and the fourth to first. Both are
        orthogonal to ``fisher`` in the metric of Sigma.
    direction : the unit vector along fisher + third + second.
    """

    fisher: Any
    third: Any
    second: Any
    direction: Any

    def __repr__(self) -> str:
        return concise_repr(self)


def direction_correction(
    mean: ArrayLike,
    covariance: ArrayLike,
    third: ArrayLike,
    fourth: ArrayLike | None = None,
    *,
    penalty: Any = "quadratic",
    alpha: float = 0.1,
) -> DirectionCorrection:
    """The direction that minimises E l(x^T S), l = (1 - alpha) CE + alpha f, from cumulants of x.

    The error is of third order, where kappa_n counts as n - 2, and zero for Gaussian data, whatever
    l is, and for a quadratic l, whatever the data is.

    Parameters
    ----------
    mean, covariance : mu (d,), not zero, and Sigma (d, d) of the samples x, labels absorbed.
    third : kappa_3 (d, d, d), the mean of the products of three centred features.
    fourth : kappa_4 (d, d, d, d), the mean of the products of four less what a Gaussian has; None
        for zero. Like Sigma and kappa_3, it is symmetric.
    penalty : name, expression or Penalty. If it is not convex, the direction is that of a
        stationary point of the loss.
    alpha : in [0, 1).

    Raises
    ------
    ShapeError : other shapes.
    DataError : a cumulant does not hold real numbers or is not symmetric, or the mean is zero.
    NonFiniteError : a cumulant holds NaN or infinity, or the correction overflows.
    RankDeficientError : the covariance is not positive definite.
    NoFiniteTargetError : the minimiser for Gaussian data is zero, infinite or against the mean.
    NotConvexError : the penalty is not convex, and the target of the loss not known.
    UnsupportedPenaltyError : the penalty is infinite somewhere.
    AlphaError : alpha is outside its interval.

    Examples
    --------
    >>> skew = np.zeros((2, 2, 2))
    >>> skew[1, 1, 1] = 0.5
    >>> found = direction_correction(
    ...     [1.0, 1.0], np.eye(2), skew, penalty="label-smoothing", alpha=0.2)
    >>> bool(found.third[1] > 0 > found.third[0])  # towards the skewed feature
    True
    >>> bool(abs(found.third @ found.fisher) < 1e-15)
    True
    """
    given = {"mean": mean, "covariance": covariance, "third": third}
    if fourth is not None:
        given["fourth"] = fourth
    arrays = {name: _array(name, v) for name, v in given.items()}
    mu, sigma, k3 = (arrays[name] for name in ("mean", "covariance", "third"))
    shapes = [v.shape for v in arrays.values()]
    if mu.size == 0 or shapes != [mu.shape * n for n in range(1, len(shapes) + 1)] or mu.ndim != 1:
        raise ShapeError(
            f"mean, covariance, third and fourth have the shapes {shapes}; expected (d,), (d, d), "
            "(d, d, d) and (d, d, d, d), d >= 1"
        )
    _require_symmetry(arrays)
    k4 = arrays.get("fourth", np.zeros(mu.shape * 4))
    return _corrected(
        from_host(mean),
        mu,
        sigma,
        lambda u, v: k3 @ v @ u,
        lambda u: k4 @ u @ u @ u,
        *_loss(penalty, alpha),
    )


def sample_direction_correction(
    X: ArrayLike, y: ArrayLike | None = None, *, penalty: Any = "quadratic", alpha: float = 0.1
) -> DirectionCorrection:
    """The same from samples, whose minimiser is that of :func:`logitreg.fit`.

    It takes four passes over the data and no tensors: only the cumulants along a few directions
    are needed. So it tells by how much skewness and kurtosis turn trained weights from Fisher's
    direction, without training.

    Parameters
    ----------
    X : (n_samples, n_features), absorbed (x <- y x) if ``y`` is None.
    y : (n_samples,) labels of two classes.
    penalty, alpha : as for :func:`direction_correction`, with the same errors.

    Examples
    --------
    >>> from .fit import fit
    >>> rng = np.random.default_rng(0)
    >>> X = rng.gamma(16.0, size=(5000, 2)) / 4 - 4 + np.array([0.4, 1.2])
    >>> weights = fit(X, alpha=0.2).weights
    >>> found = sample_direction_correction(X, alpha=0.2)
    >>> misses = [np.linalg.norm(v - weights / np.linalg.norm(weights))
    ...           for v in (found.fisher, found.direction)]
    >>> bool(misses[1] < misses[0] / 5)
    True
    """
    data = design(X, y)
    if data.codes is not None:
        raise DataError("y holds more than two classes; expected two: the direction is one vector")
    with np.errstate(over="ignore", invalid="ignore"):
        mean = np.mean(data.matrix, axis=0)
        centred = data.matrix - mean
        covariance = centred.T @ centred / len(centred)

    def third(u: Matrix, v: Matrix) -> Matrix:
        return np.asarray(((centred @ u) * (centred @ v)) @ centred / len(centred))

    def fourth(u: Matrix) -> Matrix:
        along = centred @ u
        gaussian = 3 * np.mean(along**2) * (covariance @ u)
        return np.asarray(along**3 @ centred / len(centred) - gaussian)

    return _corrected(from_host(X), mean, covariance, third, fourth, *_loss(penalty, alpha))


def _array(name: str, values: ArrayLike) -> Matrix:
    array = on_host(real_array(values, name))
    if not np.all(np.isfinite(array)):
        raise NonFiniteError(f"{name} holds NaN or infinity; expected finite numbers")
    return array.astype(np.float64)


def _require_symmetry(arrays: dict[str, Matrix]) -> None:
    """Neighbouring indices may be exchanged, and so all."""
    for name, array in arrays.items():
        for axis in range(array.ndim - 1):
            gap = np.max(np.abs(array / 2 - array.swapaxes(axis, axis + 1) / 2))
            if gap > _ASYMMETRY * np.max(np.abs(array)):
                raise DataError(
                    f"{name} changes when its indices {axis} and {axis + 1} are exchanged; "
                    "expected a symmetric array, as cumulants are; average it over the orders of "
                    "its indices"
                )


def _loss(penalty: Any, alpha: float) -> tuple[CellLosses, str]:
    f = kernel(penalty)
    strength = check_alpha(alpha, zero=True)
    return cell_losses(np, f, break_points(f), np.array([[strength]])), f.name


@np.errstate(over="ignore", invalid="ignore")
def _corrected(
    home: Callable[[Matrix], Any],
    mean: Matrix,
    covariance: Matrix,
    third: Callable[[Matrix, Matrix], Matrix],
    fourth: Callable[[Matrix], Matrix],
    loss: CellLosses,
    name: str,
) -> DirectionCorrection:
    """From kappa_3(u, v, .) and kappa_4(u, u, u, .) as functions of directions."""
    if not np.all(np.isfinite(covariance)):
        raise NonFiniteError(_OVERFLOW)
    try:
        root = cho_factor(covariance, lower=True)
    except np.linalg.LinAlgError as error:
        raise RankDeficientError(
            "the covariance is not positive definite; expected one that is: drop features that "
            "depend on others"
        ) from error
    weights = cho_solve(root, mean, check_finite=False)
    effect = float(np.sqrt(mean @ weights))
    if effect < _EPSILON:
        raise DataError(
            "the mean is zero, as far as float64 can tell beside the noise; expected a signal, "
            "without which there is no direction"
        )
    if not effect <= 1 / _EPSILON:
        raise DataError(
            f"the mean is {effect:.1e} deviations from zero, where float64 cannot tell the noise "
            f"from none; expected at most {1 / _EPSILON:.0e}; check the units of the features"
        )
    u = weights / effect
    a = _gaussian_scale(loss, effect, name)
    means = _derivative_means(loss, effect, a)

    def across(covector: Matrix) -> Matrix:
        """Sigma^-1 times it, less the part along u."""
        return np.asarray(cho_solve(root, covector, check_finite=False) - (covector @ u) * u)

    bend = third(u, u)
    skewness, aside = float(bend @ u), across(bend)

    def change(n: int, scale_change: float) -> float:
        """Of L_n, to first order."""
        moved = scale_change * (effect * means[n + 1] + a * means[n + 2])
        return moved + a**3 * skewness * means[n + 3] / 6

    along = effect**2 * means[2] + 2 * effect * a * means[3] + means[2] + a**2 * means[4]
    pull = effect * a * means[4] + 3 * means[3] + a**2 * means[5]
    scale_change = -skewness * a**2 * pull / (6 * along)
    first = -a * means[3] / (2 * means[2]) * aside
    second = (
        (scale_change / a - change(2, scale_change) / means[2]) * first
        - a * change(3, scale_change) / (2 * means[2]) * aside
        - a * means[3] / means[2] * across(third(u, first))
        - a**2 * means[4] / (6 * means[2]) * across(fourth(u))
    )
    length = np.linalg.norm(u)
    total = u + first + second
    if not np.all(np.isfinite(total)):
        raise NonFiniteError(_OVERFLOW)
    terms = (u / length, first / length, second / length, total / np.linalg.norm(total))
    return DirectionCorrection(*map(home, terms))


def _mean(loss: CellLosses, function: Callable[[Any], Any], effect: float, scale: float) -> float:
    """E function(a Delta + a G)."""
    at = np.array([scale])
    return float(mean_loss(np, replace(loss, value=function), at * effect, at, _ORDER)[0])


def _gaussian_scale(loss: CellLosses, effect: float, name: str) -> float:
    """The a > 0 with Delta E l' + a E l'' = E (Delta + G) l'(a Delta + a G) = 0."""

    def slope(scale: float) -> float:
        return _mean(loss, lambda z: z / scale * loss.slope(z), effect, scale)

    if any(np.isinf(side).any() for _, *sides in loss.breaks for side in sides):
        raise UnsupportedPenaltyError(
            f"the penalty {name!r} is infinite on part of the line, so that Gaussian logits have "
            "no finite loss; expected a finite penalty, such as 'quadratic'"
        )
    target = min(float(loss.minimiser[0, 0]), _FAR)
    # The solution for a quadratic loss with the same target, and around it.
    low = high = effect * target / (1 + effect**2)
    for _ in range(_DOUBLINGS if target > 0 else 0):
        if slope(low) > 0:
            low /= 2
        elif slope(high) <= 0:
            high *= 2
        else:
            return float(brentq(slope, low, high, xtol=1e-300, rtol=1e-15))
    raise NoFiniteTargetError(
        f"the minimiser for Gaussian data under {name!r} is zero, infinite or against the mean, as "
        "far as float64 can tell; expected a loss that falls at zero and rises far out; choose "
        "another alpha"
    )


def _derivative_means(loss: CellLosses, effect: float, scale: float) -> tuple[float, ...]:
    """L_0, ..., L_6 (the first not used): s^n E l^(n+1)(m + s G) = E He_n(G) l'(m + s G)."""

    def hermite(n: int) -> float:
        coefficients = np.eye(7)[n]
        return _mean(
            loss,
            lambda z: hermeval(z / scale - effect, coefficients) * loss.slope(z),
            effect,
            scale,
        )

    return (np.nan, *(hermite(n) / scale**n for n in range(6)))

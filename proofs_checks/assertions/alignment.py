"""assert_fisher_alignment: trained weights align with Fisher's direction as far as is proved."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Any

import numpy as np
from hypothesis import reject
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ...errors import DataError
from ...numerics.alignment import AlignmentCertificate, alignment
from ...numerics.design import design, factor
from ...numerics.rounding import Matrix
from .failures import ContradictionError, number
from .search import smallest
from .stationary import data_shown, not_a_minimiser
from .trained import as_trainer
from .training import TrainedOn, train_on

__all__ = ["assert_fisher_alignment"]

Example = Matrix | tuple[Matrix, Any]

_SMALLEST_SCALE = 0.25


def assert_fisher_alignment(
    trainer: Any,
    *,
    penalty: Any,
    alpha: float,
    classes: int = 2,
    bias: bool = False,
    data: Any = None,
    tolerance: float | None = None,
    max_examples: int | None = None,
) -> None:
    """Assert that a trainer ends within the proven angle of Fisher's direction, on any data.

    The theorem: for weights that minimise mean((1 - alpha) CE + alpha f), the angle to Fisher's
    solution, in the metric of the data, has a sine of at most r eps/sqrt(1 - eps^2), where r is
    the coefficient of variation of Fisher's logits and eps the relative spread of the curvatures.
    Away from a minimiser the gradient widens the bound until it says nothing. So Hypothesis looks
    for data on which the trainer fails in one of two ways: it does not minimise the stated loss,
    or its angle is beyond the bound, which the gradient then hardly widens.

    Parameters
    ----------
    trainer : a function of (X, y) that returns weights or (weights, bias), in any array library;
        or an estimator with fit. For data without labels, a function of X.
    penalty, alpha : the loss that it is said to minimise.
    classes : of the data. Labels are 0, ..., classes - 1.
    bias : whether the trainer has a bias.
    data : a Hypothesis strategy of (X, y), or of absorbed X; by default small data sets
        of moderate scale and condition number, on which any sound method converges.
    tolerance : the largest relative gradient of a minimiser, as in :func:`assert_stationary`: by
        default 1e-6, and 1e-4 for float32 weights.
    max_examples : that of Hypothesis's profile by default.

    Raises
    ------
    ContradictionError : the trainer fails; the message says in which way, on the smallest data
        set found. It is an AssertionError.
    ShapeError, DataError, AlphaError, UnsupportedPenaltyError

    Examples
    --------
    >>> from ...numerics.fit import fit
    >>> def train(X, y):
    ...     return fit(X, y, penalty="log-cosh", alpha=0.3).weights
    >>> assert_fisher_alignment(train, penalty="log-cosh", alpha=0.3, max_examples=10)
    """
    train = as_trainer(trainer)

    runs: dict[Hashable, TrainedOn] = {}

    def run(example: Example) -> TrainedOn:
        return train_on(train, *_parts(example), penalty=penalty, alpha=alpha, bias=bias)

    def fails(example: Example) -> bool:
        try:
            factor(design(*_parts(example), bias=bias).matrix)
        except DataError:
            # The data determines no weights: one class alone, or dependent features.
            reject()
        # A trainer may be random: the failure is that of this run, not of another one.
        found = runs[_key(example)] = run(example)
        return not found.residual <= found.tolerance(tolerance) or _beyond(found)

    strategy = _moderate_data(classes, bias) if data is None else data
    example = smallest(strategy, fails, _key, max_examples)
    if example is None:
        return
    found = runs[_key(example)]
    telling = run(_telling_data(classes)) if data is None else found
    allowed = found.tolerance(tolerance)
    if telling.residual <= allowed:
        telling = found
    if not found.residual <= allowed:
        raise not_a_minimiser(found, telling, allowed, _angle(telling))
    raise ContradictionError(
        "the weights minimise the loss, and are farther from Fisher's direction than is proved",
        {"example": data_shown(found), "angle": _angle(found) or "unknown"},
        "no trainer can do this: please report the example",
        "lead.alignment-bound",
    )


def _parts(example: Example) -> tuple[Matrix, Any]:
    return example if isinstance(example, tuple) else (example, None)


def _certificate(run: TrainedOn) -> AlignmentCertificate | None:
    """None where Fisher's direction or that of the weights is lost."""
    try:
        return alignment(
            run.X,
            run.found.weights,
            run.y,
            penalty=run.penalty,
            alpha=run.alpha,
            bias=run.found.bias,
        )
    except DataError:
        return None


def _beyond(run: TrainedOn) -> bool:
    certificate = _certificate(run)
    if certificate is None:
        return False
    smallest_angle = max(0.0, certificate.angle - certificate.angle_error)
    bound = min(certificate.bound, certificate.linearity_bound, 1.0)
    return smallest_angle > math.asin(bound)


def _angle(run: TrainedOn) -> str | None:
    """The angle that was found and the one that is proved for a minimiser, in words."""
    certificate = _certificate(run) if np.all(np.isfinite(run.solution)) else None
    if certificate is None:
        return None
    samples, features = run.X.shape
    found = (
        f"{number(math.degrees(certificate.angle))} degrees from Fisher's direction, on {samples} "
        f"samples of {features} features"
    )
    epsilon = certificate.epsilon
    if not epsilon < 1:
        return found
    sine = certificate.variation * epsilon / math.sqrt(1 - epsilon**2)
    if sine >= 1:
        return found
    proved = number(math.degrees(math.asin(sine)))
    beyond = "beyond" if certificate.angle > math.asin(sine) else "within"
    return f"{found}, {beyond} the {proved} proved for a minimiser of such curvatures"


def _moderate_data(classes: int, bias: bool) -> st.SearchStrategy[tuple[Matrix, Any]]:
    """Small full-rank data, with every class in it."""

    def of_shape(shape: tuple[int, int]) -> st.SearchStrategy[tuple[Matrix, Any]]:
        samples, features = shape
        X = arrays(np.int64, (samples, features), elements=st.integers(-4, 4)).map(lambda n: n / 2)
        others = arrays(np.int64, (samples - classes,), elements=st.integers(0, classes - 1))
        y = others.map(lambda rest: np.concatenate([np.arange(classes), rest]))
        return st.tuples(X, y)

    def well_conditioned(example: tuple[Matrix, Any]) -> bool:
        matrix = design(*example, bias=bias).matrix
        smallest_scale = np.linalg.svd(matrix, compute_uv=False)[-1] / np.sqrt(len(matrix))
        return bool(smallest_scale > _SMALLEST_SCALE and np.all(np.ptp(example[0], axis=0) > 0))

    least = classes + 3
    shapes = st.tuples(st.integers(least, least + 8), st.integers(1, 3))
    return shapes.flatmap(of_shape).filter(well_conditioned)


def _telling_data(classes: int) -> tuple[Matrix, Any]:
    """Data on which known faults can be told from each other."""
    rng = np.random.default_rng(2)
    y = np.arange(10 * classes) % classes
    means = 1.2 * rng.standard_normal((classes, 4))
    X = means[y] + rng.standard_normal((len(y), 4)) * [1.0, 0.5, 2.0, 1.0] + 0.3
    return np.round(64 * X) / 64, y


def _key(example: Example) -> Hashable:
    X, y = _parts(example)
    return np.shape(X), np.asarray(X).tobytes(), None if y is None else tuple(y)

"""The array functions away from main memory: the numbers of NumPy, left on the device.

On a GPU where there is one; and anywhere on the second device of array-api-strict, which holds its
arrays to the rules of one: they do not mix with those of another device, nor turn into NumPy's.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any

import array_api_strict
import logitreg as lr
import numpy as np
import pytest
from array_api_compat import device, is_array_api_obj, is_torch_array
from logitreg.numerics.catalogue import CATALOGUE
from logitreg.numerics.fisher import discriminant_subspace, fisher_criterion
from logitreg.numerics.host import on_host
from numpy.testing import assert_allclose

Place = Callable[[Any], Any]


def _strict(values: Any) -> Any:
    return array_api_strict.asarray(values, device=array_api_strict.Device("device1"))


def _gpus() -> dict[str, Place]:
    """Of each library that sees one."""
    found: dict[str, Place] = {}
    if find_spec("torch"):
        import torch

        if torch.cuda.is_available():
            found["torch"] = partial(torch.asarray, device="cuda")
    if find_spec("cupy"):
        import cupy

        found["cupy"] = cupy.asarray
    if find_spec("jax"):
        import jax

        if jax.default_backend() == "gpu":
            jax.config.update("jax_enable_x64", True)
            found["jax"] = jax.numpy.asarray
    return found


_PLACES: dict[str, Place] = {"strict": _strict, **_gpus()}


@pytest.fixture(params=_PLACES)
def place(request: pytest.FixtureRequest) -> Place:
    return _PLACES[request.param]


@pytest.mark.skipif(len(_PLACES) == 1, reason="no library sees a GPU")
def test_some_places_are_gpus() -> None:
    assert all(str(device(put(np.zeros(1)))) != "cpu" for put in _PLACES.values())


def _agree(found: Any, expected: Any, home: Any, tolerance: float) -> None:
    """Arrays lie where ``home`` does, and all numbers are those that NumPy gives."""
    if is_array_api_obj(found):
        assert device(found) == device(home)
    assert_allclose(on_host(found), expected, rtol=tolerance, atol=tolerance)


X, Y = lr.signal_plus_noise(60, 12, seed=1)
LABELS = np.arange(60) % 3
BATCH = np.random.default_rng(0).normal(size=(8, 40, 4)) + 1
RATIOS = np.array([0.2, 0.7, 1.5])


def test_arrays_of_another_device_do_not_mix_or_turn_into_those_of_numpy() -> None:
    away = _strict(np.zeros(2))
    with pytest.raises(RuntimeError, match="Can't convert"):
        np.asarray(away)
    with pytest.raises(ValueError, match="different devices"):
        away + array_api_strict.zeros(2)


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("penalty", [*CATALOGUE, "z^2 + z^4"])
def test_targets(place: Place, penalty: str, classes: int) -> None:
    alpha = np.geomspace(1e-8, 0.97, 50)
    here = place(alpha)
    tolerance = 2e-15
    _agree(lr.target(penalty, here, classes), lr.target(penalty, alpha, classes), here, tolerance)
    if classes == 2:
        _agree(lr.sensitivity(penalty, here), lr.sensitivity(penalty, alpha), here, tolerance)


@pytest.mark.parametrize("labels", [None, LABELS], ids=["two", "three"])
@pytest.mark.parametrize("penalty", ["label-smoothing", "elastic"])
def test_minimisers(place: Place, labels: Any, penalty: str) -> None:
    there = None if labels is None else place(labels)
    here = place(X)
    _agree(
        lr.fit(here, there, penalty=penalty, alpha=0.2).weights,
        lr.fit(X, labels, penalty=penalty, alpha=0.2).weights,
        here,
        1e-10,
    )


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("classes", [2, 3])
def test_batches(place: Place, classes: int, weighted: bool) -> None:
    labels = np.arange(40) % classes
    weights = np.linspace(1.0, 2.0, 40) if weighted else None
    alpha = np.linspace(0.1, 0.5, 8)
    found = lr.fit_batch(
        place(BATCH),
        place(labels),
        alpha=place(alpha),
        bias=True,
        sample_weight=None if weights is None else place(weights),
    )
    expected = lr.fit_batch(BATCH, labels, alpha=alpha, bias=True, sample_weight=weights)
    for name in ("weights", "bias", "logits", "loss"):
        _agree(getattr(found, name), getattr(expected, name), place(BATCH), 1e-11)


@pytest.mark.parametrize("labels", [Y, LABELS], ids=["two", "three"])
def test_training(place: Place, labels: Any) -> None:
    alphas = [0.1, 0.4]
    found = lr.train(place(X), place(labels), alpha=alphas, epochs=100)
    expected = lr.train(X, labels, alpha=alphas, epochs=100)
    _agree(found.weights, expected.weights, place(X), 1e-9)


@pytest.mark.parametrize("more", [{}, {"weight_decay": 0.1}, {"noise_spectrum": [0.5, 1.5]}])
def test_limits(place: Place, more: dict[str, Any]) -> None:
    for alpha in (0.0, 0.2):
        found = lr.asymptotics(place(RATIOS), alpha=alpha, signal_noise=0.3, **more)
        expected = lr.asymptotics(RATIOS, alpha=alpha, signal_noise=0.3, **more)
        _agree(found.accuracy, expected.accuracy, place(RATIOS), 1e-9)
        _agree(found.calibration_error, expected.calibration_error, place(RATIOS), 1e-9)


def test_limits_with_a_bias(place: Place) -> None:
    found = lr.asymptotics_with_bias(place(RATIOS[:2]), positive_fraction=0.3, alpha=0.1)
    expected = lr.asymptotics_with_bias(RATIOS[:2], positive_fraction=0.3, alpha=0.1)
    _agree(found.accuracy, expected.accuracy, place(RATIOS), 1e-9)


@pytest.mark.parametrize("shrinkage", [None, 0.1, "auto"])
@pytest.mark.parametrize("labels", [Y, LABELS], ids=["two", "three"])
def test_discriminants(place: Place, labels: Any, shrinkage: Any) -> None:
    here, there = place(X), place(labels)
    for bias in (False, True):
        found = lr.fisher_direction(here, there, bias=bias, shrinkage=shrinkage)
        expected = lr.fisher_direction(X, labels, bias=bias, shrinkage=shrinkage)
        _agree(found, expected, here, 1e-9)
    subspace = discriminant_subspace(here, there, shrinkage=shrinkage)
    expected_subspace = discriminant_subspace(X, labels, shrinkage=shrinkage)
    _agree(subspace.directions, expected_subspace.directions, here, 1e-9)
    criterion = fisher_criterion(here, subspace.directions, there)
    assert criterion == pytest.approx(fisher_criterion(X, expected_subspace.directions, labels))


def test_streams(place: Place) -> None:
    here, there = lr.StreamingStatistics(), lr.StreamingStatistics()
    for half in (slice(0, 30), slice(30, 60)):
        here.partial_fit(place(X[half]), place(LABELS[half]))
        there.partial_fit(X[half], LABELS[half])
    _agree(here.fisher_direction(), there.fisher_direction(), place(X), 1e-9)


def test_directions_from_cumulants(place: Place) -> None:
    found = lr.sample_direction_correction(place(X), place(Y), alpha=0.2)
    expected = lr.sample_direction_correction(X, Y, alpha=0.2)
    _agree(found.direction, expected.direction, place(X), 1e-9)


def test_certificates_and_metrics(place: Place) -> None:
    weights = lr.fit(X, LABELS, alpha=0.2).weights
    probabilities = np.full((60, 3), 0.2) + 0.4 * np.eye(3)[LABELS]
    given = [X, LABELS, weights, probabilities]
    here = [place(values) for values in given]

    def numbers(X: Any, labels: Any, weights: Any, probabilities: Any) -> list[float]:
        certificate = lr.alignment(X, weights, labels, alpha=0.2)
        metrics = lr.collapse_metrics(X, labels, weights)
        return [
            certificate.angle,
            certificate.bound,
            metrics.within,
            lr.calibration_error(probabilities, labels),
        ]

    assert_allclose(numbers(*here), numbers(*given), rtol=1e-9)


@pytest.mark.parametrize("library", ["numpy", "array_api_strict", "torch", "jax.numpy"])
def test_directions_have_the_library_and_the_width_of_the_data(library: str) -> None:
    xp = pytest.importorskip(library)
    features = xp.asarray(X, dtype=xp.float32)
    found = lr.fisher_direction(features, xp.asarray(Y))
    assert type(found) is type(features)
    assert found.dtype == features.dtype
    assert isinstance(lr.fisher_direction(X.tolist(), Y.tolist()), np.ndarray)
    assert not is_torch_array(features) or not found.requires_grad

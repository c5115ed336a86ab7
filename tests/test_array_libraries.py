"""Arrays in, arrays of the same library, dtype and device out, with the same numbers."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import logitreg as lr
import numpy as np
import pytest

LIBRARIES = ("array_api_strict", "torch", "jax.numpy")
ALPHAS = np.asarray([5e-324, 1e-300, 1e-12, 0.01, 0.2, 1 / 3, 0.5, 0.9, 1 - 2**-53])


@pytest.fixture(params=LIBRARIES)
def xp(request: pytest.FixtureRequest) -> ModuleType:
    module: ModuleType = pytest.importorskip(request.param)
    if request.param.startswith("jax"):
        import jax

        jax.config.update("jax_enable_x64", True)
    return module


def converted(xp: ModuleType, numbers: np.ndarray) -> Any:
    return xp.asarray(numbers) if xp.__name__ != "torch" else xp.from_numpy(numbers.copy())


def strengths(xp: ModuleType) -> np.ndarray:
    """XLA flushes subnormal numbers to zero, the low halves of tiny double-doubles among them."""
    return ALPHAS[ALPHAS > 1e-290] if xp.__name__.startswith("jax") else ALPHAS


@pytest.mark.parametrize("classes", [2, 10])
@pytest.mark.parametrize("name", lr.penalties())
def test_targets_are_the_same_in_every_library(xp: ModuleType, name: str, classes: int) -> None:
    alpha = strengths(xp)
    found = lr.target(name, converted(xp, alpha), classes=classes)
    expected = lr.target(name, alpha, classes=classes)
    assert type(found) is type(converted(xp, alpha))
    assert found.dtype == converted(xp, alpha).dtype
    numbers = np.asarray(found)
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(numbers[~finite], expected[~finite])
    # Each library has its own exp and log; both results are within 2 ulp of the exact target.
    np.testing.assert_allclose(numbers[finite], expected[finite], rtol=4 * 2**-52, atol=0)


@pytest.mark.parametrize("name", ["quadratic", "huber", "log-cosh"])
def test_float32_targets_are_those_of_float64_rounded(xp: ModuleType, name: str) -> None:
    alpha = np.asarray([1e-30, 1e-3, 0.25, 0.75, 0.999], dtype=np.float32)
    found = lr.target(name, converted(xp, alpha))
    assert found.dtype == converted(xp, alpha).dtype
    expected = lr.target(name, alpha.astype(np.float64))
    np.testing.assert_allclose(np.asarray(found), expected, rtol=2 * 2**-23)


@pytest.mark.parametrize("part", ["value", "slope", "curvature"])
@pytest.mark.parametrize("name", lr.penalties())
def test_kernels_are_the_same_in_every_library(xp: ModuleType, name: str, part: str) -> None:
    from logitreg.numerics.kernels import kernel

    function: Callable[[Any], Any] = getattr(kernel(name), part)
    z = np.linspace(-40, 40, 33)
    found = np.asarray(function(converted(xp, z)))
    np.testing.assert_allclose(found, function(z), rtol=1e-14, atol=1e-300)


def test_formulas_take_arrays_of_every_library(xp: ModuleType) -> None:
    formula = lr.formula("catalogue.target-elastic-multiclass")
    alpha = ALPHAS[3:]
    found = formula(converted(xp, alpha), 10)
    assert type(found) is type(converted(xp, alpha))
    np.testing.assert_allclose(np.asarray(found), formula(alpha, 10), rtol=1e-13, atol=1e-15)


def batch(jax: Any, X: Any, *labels: Any, **more: Any) -> Any:
    """The shape of the result: products are known before anything is computed."""
    return jax.eval_shape(lambda X: lr.fit_batch(X, *labels, alpha=0.2, **more).weights, X)


def trained(jax: Any, X: Any, *labels: Any) -> Any:
    return lr.train(X, *labels, alpha=0.2, epochs=3)


JOBS_WITH_PRODUCTS: dict[str, Callable[[Any, Any], Any]] = {
    "batch": batch,
    "batch of classes": lambda jax, X: batch(jax, X, np.arange(6) % 3, classes=3),
    "batch with kinks": lambda jax, X: batch(jax, X, penalty="absolute"),
    "training": lambda jax, X: trained(jax, X[0]),
    "training on wide data": lambda jax, X: trained(jax, X[0].T, np.arange(2)),
}


def precisions(jax: Any, job: Callable[[Any, Any], Any]) -> set[Any]:
    """The precisions of the matrix products that JAX does for a job."""
    product, found = jax.lax.dot_general_p, set()

    def bind(*args: Any, **settings: Any) -> Any:
        found.add(settings["precision"])
        return type(product).bind(product, *args, **settings)

    jax.clear_caches()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(product, "bind", bind)
        job(jax, jax.numpy.asarray(np.linspace(-1, 2, 24, dtype=np.float32).reshape(2, 6, 2) ** 3))
    return found


@pytest.mark.parametrize("job", JOBS_WITH_PRODUCTS)
def test_products_of_jax_keep_all_digits_of_float32_on_gpus(job: str) -> None:
    jax = pytest.importorskip("jax")
    assert precisions(jax, JOBS_WITH_PRODUCTS[job]) == {(jax.lax.Precision.HIGHEST,) * 2}
    assert precisions(jax, lambda jax, X: X[0] @ X[1].T) == {None}


@pytest.mark.parametrize(
    "function",
    [
        lambda X: lr.fit(X, alpha=0.1).weights,
        lambda X: lr.fisher_direction(X),
        lambda X: lr.alignment(X, X[0], alpha=0.1).sine,
        lambda X: lr.collapse_metrics(X, np.arange(6) % 2, X[:2]).within,
        lambda X: lr.calibration_error(X, np.arange(6) % 2),
        lambda X: lr.asymptotics(X[:, 0], alpha=0.1).accuracy,
    ],
    ids=["fit", "fisher", "alignment", "collapse", "calibration", "asymptotics"],
)
def test_what_decides_by_numbers_says_that_traced_arrays_have_none(
    function: Callable[[Any], Any],
) -> None:
    jax = pytest.importorskip("jax")
    with pytest.raises(lr.errors.DataError, match="is traced"):
        jax.jit(function)(jax.numpy.ones((6, 2)))

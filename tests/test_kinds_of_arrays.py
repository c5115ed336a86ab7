"""Arrays that are not dense real numbers in float32 or float64 get the same answer everywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import logitreg as lr
import numpy as np
import pytest
from logitreg.errors import DataError, ShapeError
from logitreg.numerics.gradient_flow import gradient_flow
from logitreg.numerics.host import real_array
from scipy.sparse import csr_array, csr_matrix

X, Y = np.random.default_rng(0).standard_normal((20, 3)) + 0.3, np.arange(20) % 2

ENTRANCES: dict[str, Callable[[Any], Any]] = {
    "fit": lambda X: lr.fit(X, Y),
    "fit_path": lambda X: lr.fit_path(X, Y, alphas=[0.1]),
    "fit_batch": lambda X: lr.fit_batch(X, Y),
    "precise_fit": lambda X: lr.precise_fit(X, Y, digits=10),
    "train": lambda X: lr.train(X, Y, epochs=2),
    "gradient_flow": lambda X: gradient_flow(X, Y, time=1.0, record=2),
    "fisher_direction": lambda X: lr.fisher_direction(X, Y),
    "alignment": lambda X: lr.alignment(X, np.ones(3), Y),
    "StreamingStatistics": lambda X: lr.StreamingStatistics().partial_fit(X, Y),
    "sample_direction_correction": lambda X: lr.sample_direction_correction(X),
    "collapse_metrics": lambda X: lr.collapse_metrics(X, Y, np.ones((2, 3))),
}

KINDS: dict[str, tuple[Any, str]] = {
    "half precision": (X.astype(np.float16), "float16"),
    "complex": (X.astype(complex), "complex128"),
    "objects": (X.astype(object), "object"),
    "text": (X.astype(str), "dtype str"),
    "dates": (np.zeros((20, 3), "M8[s]"), "datetime64"),
    "masked": (np.ma.masked_array(X, mask=X > 2), "masked array"),
    "sparse": (csr_array(X), "sparse csr_array"),
    "sparse matrix": (csr_matrix(X), "sparse csr_matrix"),
}


@pytest.mark.parametrize("entrance", ENTRANCES)
def test_every_entrance_refuses_other_kinds_of_numbers_by_name(entrance: str) -> None:
    enter = ENTRANCES[entrance]
    for kind, words in KINDS.values():
        with pytest.raises(DataError, match=words) as failure:
            enter(kind)
        assert "expected" in str(failure.value)
        assert "convert it" in str(failure.value) or "fill in" in str(failure.value)
    with pytest.raises(ShapeError, match="different lengths"):
        enter([[1.0, 2.0], [3.0]])
    enter(X)
    enter(X.astype(np.float32))
    enter(X.astype(">f8"))


@pytest.mark.parametrize("entrance", ENTRANCES)
def test_tensors_in_half_precision_and_sparse_ones_are_refused(entrance: str) -> None:
    torch = pytest.importorskip("torch")
    enter, tensor = ENTRANCES[entrance], torch.tensor(X)
    for dtype in ("bfloat16", "float16", "complex128"):
        with pytest.raises(DataError, match=dtype):
            enter(tensor.to(getattr(torch, dtype)))
    with pytest.raises(DataError, match="sparse Tensor"):
        enter(tensor.to_sparse())
    enter(tensor)


@pytest.mark.skipif(np.dtype(np.longdouble) == np.float64, reason="no wider floats here")
def test_extended_precision_is_not_cut_silently() -> None:
    for enter in ENTRANCES.values():
        with pytest.raises(DataError, match="float32 or float64"):
            enter(X.astype(np.longdouble))


def test_weights_of_samples_have_to_be_plain_real_numbers_too() -> None:
    masked = np.ma.masked_array(np.ones(20), mask=Y)
    with pytest.raises(DataError, match="sample_weight is a masked array"):
        lr.fit(X, Y, sample_weight=masked)
    with pytest.raises(DataError, match="sample_weight has dtype complex128"):
        lr.fit(X, Y, sample_weight=np.ones(20) + 0j)


@pytest.mark.parametrize("given", [[[1, 2]], ((True, False),), [[1.0, 2.0]], np.ones((1, 2), "u1")])
def test_real_numbers_of_every_kind_are_taken(given: Any) -> None:
    np.testing.assert_array_equal(real_array(given), np.asarray(given))


def test_results_are_shown_on_one_line() -> None:
    many, labels = lr.signal_plus_noise(500, 8, seed=0)
    results = [
        lr.signal_plus_noise(500, 8),
        lr.fit(many, labels),
        lr.fit(many, np.arange(500) % 3, bias=True),
        lr.train(many, labels, epochs=20),
        lr.precise_fit(many[:30, :2], labels[:30], digits=10),
        lr.sample_direction_correction(many, labels),
        gradient_flow(many, labels, time=2.0, record=20),
    ]
    for result in results:
        shown = repr(result)
        assert len(shown) < 600
        assert "\n" not in shown
        assert shown.startswith(type(result).__name__ + "(")
    assert "logits=<float64, shape (500, 3)>" in repr(results[2])
    assert "classes=array([0, 1, 2])" in repr(results[2])
    assert "logits=<30 entries>" in repr(results[4])
    # The control: what NumPy makes of these arrays alone is longer.
    assert len(np.array_repr(results[1].logits)) > 600


def test_what_is_small_is_shown_whole_also_in_a_mapping() -> None:
    assert repr(lr.fit([[1.0, 2.0]])).startswith("FitResult(weights=array([")
    record = {"record": [0, 1, 2], "watch": {"norm": lambda w: np.linalg.norm(w) * 0 + 1}}
    assert "watched={'norm': array([1., 1., 1.])}" in repr(lr.train(X, Y, epochs=2, **record))
    record["record"] = list(range(9))
    assert "watched={'norm': <float64, shape (9,)>}" in repr(lr.train(X, Y, epochs=8, **record))

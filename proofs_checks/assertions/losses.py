"""assert_loss: a loss function is the logit-regularised loss that it is said to be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import ArrayLike

from ...numerics.kernels import kernel
from ...numerics.rounding import Matrix
from .failures import ContradictionError, number, shown
from .frameworks import LossCall, loss_caller
from .loss_faults import batch_fault, gradient_fault, sample_fault
from .probes import probe
from .search import smallest
from .stated_loss import Codes, LabelForm, StatedLoss, stated_loss

__all__ = ["Reduction", "assert_loss"]

Reduction = Literal["mean", "sum", "none"]

_PRECISION = {"float64": 1e-9, "float32": 1e-5}
_LARGEST_LOGIT = 40


def assert_loss(
    loss: Callable[..., Any],
    *,
    penalty: Any,
    alpha: float,
    classes: int = 2,
    labels: LabelForm | None = None,
    reduction: Reduction | None = None,
    scale: bool = False,
    class_weights: ArrayLike | None = None,
    rtol: float | None = None,
    max_examples: int | None = None,
) -> None:
    """Assert that a loss function is (1 - alpha) CE + alpha f, up to an additive constant.

    Hypothesis looks for logits between -40 and 40 and labels on which the loss, less its value at
    zero logits, is another; for PyTorch and JAX the gradient is compared too. Where the loss is a
    known mistake instead, the message names it.

    Parameters
    ----------
    loss : function of logits and labels, or of signed logits alone, on arrays of NumPy, PyTorch or
        JAX. It returns a number, or one per sample.
    penalty, alpha : the loss that it is said to be. Label smoothing by eps is the penalty
        "label-smoothing" with alpha = eps.
    classes : K. Logits have shape (n, K), labels are integers from 0; for two classes see below.
    labels : for two classes, "01": logits (n,) of the second class, labels 0.0 and 1.0; "signed":
        the same with labels -1.0 and 1.0; "absorbed": signed logits (n,) and no labels; "index":
        logits (n, 2) and integers. By default "absorbed" for a function of one argument, "01" for
        one of two.
    reduction : "mean", "sum" or "none"; by default, what the loss is seen to do.
    scale : let the loss be multiplied by any positive number.
    class_weights : (K,) weights w of the samples of each class. A mean is then weighted,
        sum w_y l / sum w_y.
    rtol : tolerance relative to the size of logits and losses; by default 1e-9 for results in
        float64 and 1e-5 in float32. Half precision fails.
    max_examples : that of Hypothesis's profile by default.

    Raises
    ------
    ContradictionError : the loss is another one. It is an AssertionError.
    DataError : the loss cannot be called, or returns an array of another shape.
    AlphaError, ValueError, UnknownNameError : the statement makes no sense.

    Examples
    --------
    >>> def smoothed(z, eps=0.2):
    ...     return np.mean((1 - eps / 2) * np.logaddexp(0, -z) + eps / 2 * np.logaddexp(0, z))
    >>> assert_loss(smoothed, penalty="label-smoothing", alpha=0.2)
    """
    stated = stated_loss(penalty, alpha, classes, labels, loss)
    weights = None if class_weights is None else np.asarray(class_weights, dtype=np.float64)
    test = _prepare(loss, stated, weights, reduction, scale, rtol)
    example = smallest(_batches(stated), test.fails, _key, max_examples)
    if example is not None and not test.fails_in_value(example):
        example = smallest(_batches(stated), test.fails_in_value, _key, max_examples) or example
    if example is not None:
        raise test.contradiction(*example)


@dataclass(frozen=True)
class _Test:
    stated: StatedLoss
    weights: Matrix | None
    call: LossCall
    reduction: str
    factor: float
    rtol: float

    def fails(self, example: tuple[Matrix, Codes]) -> bool:
        return self.fails_in_value(example) or self.fails_in_gradient(example)

    def fails_in_value(self, example: tuple[Matrix, Codes]) -> bool:
        expected = self.expected_rise(*example)
        if not np.all(np.isfinite(expected)):
            return False
        size = 1 + np.max(np.abs(example[0])) + np.max(np.abs(expected))
        return not np.all(np.abs(self.rise(*example) - expected) <= self.rtol * size)

    def fails_in_gradient(self, example: tuple[Matrix, Codes]) -> bool:
        kinks = np.abs(np.array(kernel(self.stated.penalty).kinks))
        if np.any(np.abs(np.abs(example[0])[..., None] - kinks) < 1e-3):
            return False
        found, expected = self.gradient(*example), self.expected_gradient(*example)
        if found is None or not np.all(np.isfinite(expected)):
            return False
        size = 1 + np.max(np.abs(expected))
        return not np.all(np.abs(found - expected) <= self.rtol * size)

    def rise(self, logits: Matrix, codes: Codes) -> Matrix:
        """The loss less its value at zero logits of the last class."""
        anchor = np.full_like(codes, self.stated.classes - 1)
        return np.asarray(self._value(logits, codes) - self._value(0 * logits, anchor))

    def _value(self, logits: Matrix, codes: Codes) -> Matrix:
        with np.errstate(all="ignore"):
            return self.call.value(logits, self.stated.passed(codes))[0]

    def gradient(self, logits: Matrix, codes: Codes) -> Matrix | None:
        return self.call.gradient(logits, self.stated.passed(codes))

    def expected_gradient(self, logits: Matrix, codes: Codes) -> Matrix:
        shares = _shares(self.weights, self.reduction, codes)
        return np.asarray(self.factor * (self.stated.gradients(logits, codes).T * shares).T)

    def expected_rise(self, logits: Matrix, codes: Codes) -> Matrix:
        anchor = np.full_like(codes, self.stated.classes - 1)
        at_zero = _reduced(self.stated, self.weights, self.reduction, 0 * logits, anchor)
        value = _reduced(self.stated, self.weights, self.reduction, logits, codes)
        return np.asarray(self.factor * (value - at_zero))

    def contradiction(self, logits: Matrix, codes: Codes) -> ContradictionError:
        stated = self.stated
        passed = stated.passed(codes)
        facts = {
            "example": f"logits {shown(logits)}"
            + ("" if passed is None else f", labels {shown(passed)}")
        }
        found, expected = self.rise(logits, codes), self.expected_rise(logits, codes)
        right_value = not self.fails_in_value((logits, codes))
        if right_value:
            facts |= {
                "expected": f"gradient {shown(self.expected_gradient(logits, codes))}",
                "found": f"gradient {shown(self.gradient(logits, codes))}; the value is right",
            }
        else:
            facts |= {
                "expected": f"{shown(expected)} above the loss at zero logits",
                "found": shown(found),
                "off by": number(np.max(np.abs(found - expected))),
            }
        diagnosis, claim = self._diagnosis(logits, codes, found, right_value)
        return ContradictionError(f"the loss is not {stated.name}", facts, diagnosis, claim)

    def _diagnosis(
        self, logits: Matrix, codes: Codes, found: Matrix, right_value: bool
    ) -> tuple[str | None, str]:
        if not np.all(np.isfinite(found)):
            reach = number(np.max(np.abs(logits)))
            return (
                f"the loss is not finite at logits up to {reach}: an exponential overflows, or it "
                "takes log(0); compute log p from the logits (log_softmax, logsumexp, softplus)",
                self.stated.claim,
            )
        probes = probe(self.stated, self._single, self.rtol)
        if right_value:
            at = [slice(i, i + 1) for i in range(len(probes.codes))]
            slopes = [self.gradient(probes.logits[i], probes.codes[i]) for i in at]
            return gradient_fault(probes, np.concatenate([s for s in slopes if s is not None]))
        if not probes.matches(self.stated.values(probes.logits, probes.codes)):
            return sample_fault(probes) or (None, self.stated.claim)
        if len(codes) > 1:
            return batch_fault(probes, self.rise, self.expected_rise)
        return None, self.stated.claim

    def _single(self, logits: Matrix, codes: Codes) -> float:
        share = self.factor * _shares(self.weights, self.reduction, codes)
        return float(np.sum(self.rise(logits, codes) / share))


def _prepare(
    loss: Callable[..., Any],
    stated: StatedLoss,
    weights: Matrix | None,
    reduction: Reduction | None,
    scale: bool,
    rtol: float | None,
) -> _Test:
    rng = np.random.default_rng(0)
    # Not as many samples as classes, so that a loss per class is not taken for one per sample.
    samples = 4 if stated.classes != 4 else 5
    codes = np.arange(samples) % stated.classes
    if stated.labels == "absorbed":
        codes = np.ones_like(codes)
    logits = np.round(8 * rng.standard_normal(stated.shape(samples))) / 8
    call = loss_caller(loss, logits, stated.passed(codes))
    value, dtype = call.value(logits, stated.passed(codes))
    if value.shape not in ((), (samples,)):
        raise ContradictionError(
            f"the loss is not {stated.name}",
            {
                "expected": f"a number, or one per sample, ({samples},)",
                "found": f"shape {value.shape} for logits of shape {logits.shape}",
            },
            "the loss is reduced along the wrong axis: sum over the classes (axis 1), average over "
            "the samples (axis 0)",
            stated.claim,
        )
    if rtol is None and dtype not in _PRECISION:
        raise ContradictionError(
            f"the loss is not {stated.name}",
            {"expected": "a loss in float32 or float64", "found": f"a loss in {dtype}"},
            f"it is computed in {dtype}, which keeps two or three digits: raise the "
            "logits to float32 before the loss, or pass rtol if that is meant",
            stated.claim,
        )
    seen = _reduction(call, stated, weights, logits, codes, value)
    if reduction is not None and seen != reduction:
        raise ContradictionError(
            f"the loss is not a {reduction} over samples",
            {
                "expected": f"reduction {reduction!r}",
                "found": f"reduction {seen!r} on a batch of {len(codes)}",
            },
            "a sum in place of a mean multiplies the learning rate by the batch size and divides "
            "the weight decay by it; a mean does the reverse",
            stated.claim,
        )
    test = _Test(stated, weights, call, seen, 1.0, rtol or _PRECISION[dtype])
    if not scale:
        return test
    rises = test.rise(logits, codes), test.expected_rise(logits, codes)
    factor = float(np.sum(rises[0] * rises[1]) / np.sum(rises[1] ** 2))
    return _Test(stated, weights, call, seen, max(factor, 0.0), test.rtol)


def _reduction(
    call: LossCall,
    stated: StatedLoss,
    weights: Matrix | None,
    logits: Matrix,
    codes: Codes,
    value: Matrix,
) -> str:
    """What the loss does over the samples of a batch; "mean" if it is none of the three."""
    if value.shape == (len(codes),):
        return "none"
    with np.errstate(all="ignore"):
        singles = np.array(
            [
                call.value(logits[i : i + 1], stated.passed(codes[i : i + 1]))[0].sum()
                for i in range(len(codes))
            ]
        )
    gap = {
        "mean": abs(np.sum(_shares(weights, "mean", codes) * singles) - value),
        "sum": abs(np.sum(singles) - value),
    }
    return "sum" if gap["sum"] < 1e-4 * abs(value) and gap["sum"] < gap["mean"] else "mean"


def _shares(weights: Matrix | None, reduction: str, codes: Codes) -> Matrix:
    """The factor with which each sample's loss enters."""
    shares = np.ones(len(codes)) if weights is None else weights[codes]
    return shares / np.sum(shares) if reduction == "mean" else shares


def _reduced(
    stated: StatedLoss, weights: Matrix | None, reduction: str, logits: Matrix, codes: Codes
) -> Matrix:
    parts = _shares(weights, reduction, codes) * stated.values(logits, codes)
    return parts if reduction == "none" else np.asarray(np.sum(parts))


def _batches(stated: StatedLoss) -> st.SearchStrategy[tuple[Matrix, Codes]]:
    numbers = st.floats(-_LARGEST_LOGIT, _LARGEST_LOGIT, width=16)
    lowest = 1 if stated.labels == "absorbed" else 0

    def batch(samples: int) -> st.SearchStrategy[tuple[Matrix, Codes]]:
        labels = st.integers(lowest, stated.classes - 1)
        return st.tuples(
            arrays(np.float64, stated.shape(samples), elements=numbers),
            arrays(np.int64, (samples,), elements=labels),
        )

    return st.integers(1, 4).flatmap(batch)


def _key(example: tuple[Matrix, Codes]) -> tuple[tuple[int, ...], bytes, bytes]:
    logits, codes = example
    return logits.shape, logits.tobytes(), codes.tobytes()

"""Losses that were implemented wrongly, in public and here: the suite catches and names each."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from logitreg.errors import DataError
from logitreg.proofs_checks import ContradictionError, assert_loss
from scipy.special import expit, log_expit, log_softmax, logsumexp, softmax

EPS = 0.1
SMOOTHING: dict[str, Any] = {"penalty": "label-smoothing", "alpha": EPS}
QUADRATIC: dict[str, Any] = {"penalty": "quadratic", "alpha": EPS}
THREE: dict[str, Any] = {**SMOOTHING, "classes": 3}
WEIGHTS = np.array([0.2, 0.3, 0.5])

Loss = Callable[..., Any]


def one_hot(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.eye(z.shape[1])[y]


def against(targets: np.ndarray, z: np.ndarray) -> float:
    return float(-np.mean(np.sum(targets * log_softmax(z, axis=1), axis=1)))


def cross_entropy(z: np.ndarray, y: np.ndarray) -> float:
    return against(one_hot(z, y), z)


def label_smoothing(z: np.ndarray, y: np.ndarray, eps: float = EPS) -> float:
    return against((1 - eps) * one_hot(z, y) + eps / z.shape[1], z)


def quadratic(z: np.ndarray, y: np.ndarray, ce: float = 1 - EPS, f: float = EPS) -> float:
    return ce * cross_entropy(z, y) + f * float(np.mean(np.sum(z**2, axis=1)))


# Six that were published.


def fastai_pull_1814(z: np.ndarray, y: np.ndarray) -> float:
    """(1 - eps K/(K - 1)) H(q, p) + eps H(u, p): the scaled eps in one of the two places."""
    K = z.shape[1]
    uniform = against(np.full(z.shape, 1 / K), z)
    return (1 - EPS * K / (K - 1)) * cross_entropy(z, y) + EPS * uniform


def aprender_pull_2199(z: np.ndarray, y: np.ndarray) -> float:
    """(1 - eps)/K in place of eps/K."""
    return against((1 - EPS) * one_hot(z, y) + (1 - EPS) / z.shape[1], z)


def utils_pytorch_issue_13(z: np.ndarray, y: np.ndarray) -> float:
    """The binary target gets eps added and is halved, label and all."""
    target = (y + EPS) / 2
    return float(-np.mean(target * log_expit(z) + (1 - target) * log_expit(-z)))


def pytorch_issue_104776(z: np.ndarray, y: np.ndarray) -> float:
    """Class weights multiply the log-probabilities before the smoothed targets do."""
    log_p = WEIGHTS * log_softmax(z, axis=1)
    targets = (1 - EPS) * one_hot(z, y) + EPS / z.shape[1]
    return float(-np.sum(targets * log_p) / np.sum(WEIGHTS[y]))


def pytorch_issue_148884(z: np.ndarray, y: np.ndarray) -> float:
    """The minimum is expected at probabilities (1 - eps, eps): eps as off-target mass."""
    on = one_hot(z, y)
    return against(on * (1 - EPS) + (1 - on) * EPS / (z.shape[1] - 1), z)


def timm_issue_1040(z: np.ndarray, y: np.ndarray) -> float:
    """Confidence 1 - eps for the label, the rest shared by the others: another definition.

    Only the title of the issue is known here: this common other definition stands in for it.
    """
    log_p = log_softmax(z, axis=1)
    own = log_p[np.arange(len(y)), y]
    others = (np.sum(log_p, axis=1) - own) / (z.shape[1] - 1)
    return float(-np.mean((1 - EPS) * own + EPS * others))


PUBLISHED: list[tuple[Loss, dict[str, Any], str]] = [
    (fastai_pull_1814, THREE, r"scaled by K/\(K - 1\) in the weight of the cross-entropy"),
    (aprender_pull_2199, THREE, r"off-target mass is \(1 - eps\)/K, not eps/K"),
    (utils_pytorch_issue_13, SMOOTHING, r"\(y \+ eps\)/2.*\(1 - eps\) y \+ eps/2"),
    (
        pytorch_issue_104776,
        {**THREE, "class_weights": WEIGHTS},
        r"class weights, in the ratio \[0.2, 0.3, 0.5\], change the smoothing",
    ),
    (
        pytorch_issue_148884,
        {**SMOOTHING, "labels": "index"},
        "eps is taken for the whole off-target mass.*divide by K",
    ),
    (timm_issue_1040, THREE, r"each other class has eps/\(K - 1\).*divide by K"),
]


@pytest.mark.parametrize(("loss", "stated", "words"), PUBLISHED, ids=lambda v: _name(v))
def test_a_published_mistake_is_named(loss: Loss, stated: dict[str, Any], words: str) -> None:
    with pytest.raises(ContradictionError) as failure:
        assert_loss(loss, **stated, max_examples=25)
    assert re.search(words, failure.value.diagnosis or "")
    assert failure.value.claim in ("primer.ls-formula", "beck.ls-binary")


def test_the_published_number_of_aprender_is_reproduced() -> None:
    z, y = np.array([[2.0, 1.0, 0.0, -1.0, 0.5]]), np.array([0])
    assert aprender_pull_2199(z, y) == pytest.approx(2.383988, abs=1e-6)
    assert label_smoothing(z, y) == pytest.approx(0.7244379, abs=1e-7)


# More, made here.


def binary(z: np.ndarray, y: np.ndarray, eps: float = EPS) -> float:
    t = (1 - eps) * y + eps / 2
    return float(-np.mean(t * log_expit(z) + (1 - t) * log_expit(-z)))


def probability_one_minus_p(z: np.ndarray, y: np.ndarray) -> float:
    p, t = expit(z), (1 - EPS) * y + EPS / 2
    return float(-np.mean(t * np.log(p) + (1 - t) * np.log(1 - p)))


def guarded(z: np.ndarray, y: np.ndarray) -> float:
    targets = (1 - EPS) * one_hot(z, y) + EPS / z.shape[1]
    return float(-np.mean(np.sum(targets * np.log(softmax(z, axis=1) + 1e-7), axis=1)))


def one_sided(z: np.ndarray, y: np.ndarray) -> float:
    t = y * (1 - EPS)
    return float(-np.mean(t * log_expit(z) + (1 - t) * log_expit(-z)))


def over_the_batch(z: np.ndarray, y: np.ndarray) -> float:
    targets = (1 - EPS) * one_hot(z, y) + EPS / z.shape[1]
    return float(-np.mean(np.sum(targets * log_softmax(z, axis=0), axis=1)))


def per_class(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    targets = (1 - EPS) * one_hot(z, y) + EPS / z.shape[1]
    return -np.mean(targets * log_softmax(z, axis=1), axis=0)


def centred_batch(z: np.ndarray, y: np.ndarray) -> float:
    return label_smoothing(z - np.mean(z, axis=0) * (len(z) > 1), y)


def without_the_last(z: np.ndarray, y: np.ndarray) -> float:
    kept = slice(0, max(1, len(y) - 1))
    return label_smoothing(z[kept], y[kept])


def in_float16(z: np.ndarray, y: np.ndarray) -> float:
    half = (z - np.max(z, axis=1, keepdims=True)).astype(np.float16)
    log_p = half - np.log(np.sum(np.exp(half), axis=1, keepdims=True))
    targets = (1 - EPS) * one_hot(z, y) + EPS / z.shape[1]
    return float(-np.mean(np.sum(targets.astype(np.float16) * log_p, axis=1)))


def rebalanced(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    targets = (1 - EPS) * one_hot(z, y) + EPS / z.shape[1]
    return np.asarray(-WEIGHTS[y] * np.sum(targets * log_softmax(z, axis=1), axis=1))


def summed(z: np.ndarray, y: np.ndarray) -> float:
    return label_smoothing(z, y) * len(y)


def penalised(penalty: Callable[[np.ndarray], np.ndarray]) -> Loss:
    return lambda z, y: 0.9 * cross_entropy(z, y) + 0.1 * float(np.mean(penalty(z)))


Q3 = {**QUADRATIC, "classes": 3}

BROKEN: dict[str, tuple[Loss, dict[str, Any], str]] = {
    "no smoothing": (cross_entropy, THREE, "no smoothing"),
    "half of eps": (lambda z, y: label_smoothing(z, y, EPS / 2), THREE, r"eps is 0.05, .*eps/2"),
    "eps and 1 - eps swapped": (lambda z, y: label_smoothing(z, y, 1 - EPS), THREE, "1 - eps"),
    "one-hot times 1 - eps/K": (
        lambda z, y: against((1 - EPS / 3) * one_hot(z, y) + EPS / 3, z),
        THREE,
        "1 - eps/K, not 1 - eps",
    ),
    "1/K for eps/K": (
        lambda z, y: against((1 - EPS) * one_hot(z, y) + 1 / 3, z),
        THREE,
        "a factor eps is missing",
    ),
    "the true class without its share": (
        lambda z, y: against(np.where(one_hot(z, y) == 1, 1 - EPS, EPS / 3), z),
        THREE,
        "lacks its share",
    ),
    "1 - eps missing": (
        lambda z, y: against(one_hot(z, y) + EPS / 3, z),
        THREE,
        "factor 1 - eps of the cross-entropy is missing",
    ),
    "binary eps for each side": (
        lambda z, y: binary(z, y, 2 * EPS),
        SMOOTHING,
        "eps is taken for the whole off-target mass",
    ),
    "one-sided": (one_sided, SMOOTHING, "one-sided"),
    "flipped": (lambda z, y: binary(-z, y), SMOOTHING, "flipped"),
    "sigmoid twice": (lambda z, y: binary(expit(z), y), SMOOTHING, "sigmoid is applied twice"),
    "log(1 - p)": (probability_one_minus_p, SMOOTHING, "right for logits below .* from the logits"),
    "log(p + 1e-7)": (guarded, THREE, r"log\(p \+ 1e-07\)"),
    "softmax twice": (
        lambda z, y: label_smoothing(softmax(z, axis=1), y),
        THREE,
        "softmax is applied twice",
    ),
    "clipped": (lambda z, y: label_smoothing(np.clip(z, -4, 4), y), THREE, r"clipped to \[-4, 4\]"),
    "temperature": (lambda z, y: label_smoothing(z / 1.7, y), THREE, "temperature of 1.7"),
    "labels from 1": (lambda z, y: label_smoothing(z, (y + 1) % 3), THREE, "off by one"),
    "softmax over the batch": (over_the_batch, THREE, "along the batch axis"),
    "a loss per class": (per_class, THREE, "wrong axis"),
    "centred over the batch": (centred_batch, THREE, "coupled"),
    "last sample dropped": (without_the_last, THREE, "last sample of a batch is dropped"),
    "averaged over classes": (
        lambda z, y: label_smoothing(z, y) / 3,
        THREE,
        "multiplied by 0.333333: it is averaged over the classes",
    ),
    "in bits": (lambda z, y: label_smoothing(z, y) / np.log(2), THREE, "multiplied by 1.4427"),
    "negated": (lambda z, y: -label_smoothing(z, y), THREE, "sign"),
    "float16": (in_float16, THREE, "float16"),
    "rebalanced": (rebalanced, {**THREE, "reduction": "none"}, "class_weights"),
    "sum": (summed, {**THREE, "reduction": "mean"}, "learning rate"),
    "quadratic, 1 - alpha missing": (
        lambda z, y: quadratic(z, y, 1.0), Q3, "factor 1 - alpha of the cross-entropy is missing"
    ),
    "quadratic, swapped": (lambda z, y: quadratic(z, y, 0.1, 0.9), Q3, "swapped"),
    "quadratic, subtracted": (lambda z, y: quadratic(z, y, f=-0.1), Q3, "subtracted"),
    "quadratic, halved": (lambda z, y: quadratic(z, y, f=0.05), Q3, "halved"),
    "quadratic, mean over classes": (
        lambda z, y: quadratic(z, y, f=0.1 / 3), Q3, "averaged over the classes"
    ),
    "quadratic, missing": (lambda z, y: quadratic(z, y, 1.0, 0.0), Q3, "penalty is missing"),
    "absolute for square": (
        penalised(lambda z: np.sum(np.abs(z), axis=1)), Q3, "penalty is absolute, not quadratic"
    ),
    "norm not squared": (
        penalised(lambda z: np.sqrt(np.sum(z**2, axis=1))), Q3, "norm of the logits, not squared"
    ),
    "of probabilities": (
        penalised(lambda z: np.sum(softmax(z, axis=1) ** 2, axis=1)), Q3, "the probabilities"
    ),
    "of the largest logit": (
        penalised(lambda z: np.max(z, axis=1) ** 2), Q3, "largest logit alone"
    ),
    "of log-probabilities": (
        penalised(lambda z: np.sum(log_softmax(z, axis=1) ** 2, axis=1)), Q3, "log-probabilities"
    ),
    "of logsumexp": (penalised(lambda z: logsumexp(z, axis=1) ** 2), Q3, ""),
    "binary, another penalty": (
        lambda z: np.mean(-0.9 * log_expit(z) + 0.1 * np.log(np.cosh(z))), QUADRATIC, "log-cosh"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("loss", "stated", "words"), BROKEN.values(), ids=BROKEN)
def test_a_broken_loss_is_caught_and_named(loss: Loss, stated: dict[str, Any], words: str) -> None:
    with pytest.raises(ContradictionError) as failure:
        assert_loss(loss, **stated, max_examples=25)
    diagnosis = failure.value.diagnosis
    assert (diagnosis is None) == (words == "")
    assert re.search(words, diagnosis or "")
    assert f"logitreg show {failure.value.claim}" in str(failure.value)


CORRECT: dict[str, tuple[Loss, dict[str, Any]]] = {
    "label smoothing": (label_smoothing, THREE),
    "two columns": (label_smoothing, {**SMOOTHING, "labels": "index"}),
    "with another constant": (lambda z, y: label_smoothing(z, y) - 7.5, THREE),
    "sum": (summed, {**THREE, "reduction": "sum"}),
    "scaled": (lambda z, y: 3 * label_smoothing(z, y), {**THREE, "scale": True}),
    "weighted": (rebalanced, {**THREE, "class_weights": WEIGHTS}),
    "binary": (binary, SMOOTHING),
    "binary, signed": (
        lambda z, y: -np.mean((1 - EPS / 2) * log_expit(y * z) + EPS / 2 * log_expit(-y * z)),
        {**SMOOTHING, "labels": "signed"},
    ),
    "quadratic": (quadratic, Q3),
    "quadratic, absorbed": (lambda z: -0.9 * log_expit(z) + 0.1 * z**2, QUADRATIC),
    "absolute": (
        penalised(lambda z: np.sum(np.abs(z), axis=1)),
        {**Q3, "penalty": "absolute"},
    ),
    "forty classes": (label_smoothing, {**SMOOTHING, "classes": 40}),
}


@pytest.mark.parametrize(("loss", "stated"), CORRECT.values(), ids=CORRECT)
def test_a_correct_loss_passes(loss: Loss, stated: dict[str, Any]) -> None:
    assert_loss(loss, **stated, max_examples=40)


def test_the_example_is_the_smallest() -> None:
    with pytest.raises(ContradictionError) as failure:
        assert_loss(lambda z: np.mean(-0.9 * log_expit(z) + 0.1 * np.abs(z)), **QUADRATIC)
    assert failure.value.facts["example"] == "logits [2]"


def test_a_loss_that_cannot_be_called_is_explained() -> None:
    with pytest.raises(DataError, match=r"could not be called .*KeyError"):
        assert_loss(lambda z, y: {}["missing"], **THREE)


@pytest.mark.parametrize(
    ("stated", "message"),
    [({"classes": 1}, "at least 2"), ({"labels": "soft"}, "expected one of"),
     ({"classes": 3, "labels": "01"}, "expected 'index'"), ({"alpha": 1.5}, "alpha")],
)  # fmt: skip
def test_a_senseless_statement_is_refused(stated: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        assert_loss(label_smoothing, **{**SMOOTHING, **stated})


def _name(value: Any) -> str | None:
    return getattr(value, "__name__", None)

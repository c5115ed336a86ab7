"""The loss that code is said to compute: on logits and labels in the form that the code takes."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ...numerics.losses import check_alpha, penalty_name, sample_loss
from ...numerics.rounding import Matrix
from .failures import target_claim

__all__ = ["Codes", "LabelForm", "StatedLoss", "stated_loss"]

LabelForm = Literal["index", "01", "signed", "absorbed"]
Codes = NDArray[np.int64]


@dataclass(frozen=True)
class StatedLoss:
    """(1 - alpha) CE + alpha f of each sample.

    Attributes
    ----------
    classes : K.
    labels : "index", logits (n, K) and integer labels; "01" and "signed", logits (n,) of the
        second class and labels 0.0, 1.0 or -1.0, 1.0; "absorbed", signed logits (n,) alone.
    """

    penalty: Any
    alpha: float
    classes: int
    labels: LabelForm

    @property
    def name(self) -> str:
        """The loss in words.

        >>> stated_loss("label-smoothing", 0.1, 3, None, len).name
        'label smoothing of strength 0.1 over 3 classes'
        """
        what = penalty_name(self.penalty)
        loss = (
            f"label smoothing of strength {self.alpha:g}"
            if what == "label-smoothing"
            else f"(1 - alpha) CE + alpha f with f = {what} and alpha = {self.alpha:g}"
        )
        return f"{loss} over {self.classes} classes"

    @property
    def smooths_labels(self) -> bool:
        return penalty_name(self.penalty) == "label-smoothing"

    @property
    def claim(self) -> str:
        """The claim that says what the loss is, or where it is least."""
        if not self.smooths_labels:
            return target_claim(penalty_name(self.penalty), self.classes)
        return "beck.ls-multiclass" if self.labels == "index" else "beck.ls-binary"

    def shape(self, samples: int) -> tuple[int, ...]:
        """The shape of the logits of so many samples."""
        return (samples, self.classes) if self.labels == "index" else (samples,)

    def passed(self, codes: Codes) -> NDArray[Any] | None:
        """The labels as the code takes them."""
        if self.labels == "absorbed":
            return None
        if self.labels == "index":
            return codes
        return codes.astype(np.float64) if self.labels == "01" else 2.0 * codes - 1.0

    def values(self, logits: Matrix, codes: Codes) -> Matrix:
        """(n_samples,) losses."""
        return self._on(logits, codes, lambda loss, z: loss.value(z))

    def gradients(self, logits: Matrix, codes: Codes) -> Matrix:
        """The gradient of each sample's loss, in the shape of the logits."""
        found = self._on(logits, codes, lambda loss, z: loss.gradient(z))
        return found if self.labels == "index" else found[:, 0] * (2 * codes - 1)

    def _on(self, logits: Matrix, codes: Codes, part: Callable[[Any, Matrix], Matrix]) -> Matrix:
        with np.errstate(all="ignore"):
            if self.labels == "index":
                loss = sample_loss(self.penalty, self.alpha, codes.astype(np.intp), self.classes)
                return part(loss, logits)
            signed = (logits * (2 * codes - 1))[:, None]
            return part(sample_loss(self.penalty, self.alpha), signed)

    def of_strength(self, alpha: float) -> StatedLoss:
        """The same loss at another alpha: 0 is cross-entropy alone, 1 the penalty alone."""
        return replace(self, alpha=alpha)

    def of_penalty(self, penalty: Any) -> StatedLoss:
        """The penalty alone of another kind."""
        return replace(self, penalty=penalty, alpha=1.0)

    def surprisals(self, logits: Matrix) -> Matrix:
        """(n_samples, K): minus the log-probabilities of the classes."""
        z = logits if self.labels == "index" else np.stack([np.zeros_like(logits), logits], axis=1)
        top = np.max(z, axis=1, keepdims=True)
        return np.asarray(top + np.log(np.sum(np.exp(z - top), axis=1, keepdims=True)) - z)


def stated_loss(
    penalty: Any,
    alpha: float,
    classes: int,
    labels: LabelForm | None,
    loss: Callable[..., Any],
) -> StatedLoss:
    """Check the statement; the form of the labels follows from the classes and the signature.

    Raises
    ------
    AlphaError : alpha is not in (0, 1).
    ValueError : fewer than two classes, or labels of another form than the classes allow.
    """
    if not isinstance(classes, int) or classes < 2:
        raise ValueError(f"classes is {classes!r}; expected an integer of at least 2")
    if labels is not None and labels not in get_args(LabelForm):
        raise ValueError(f"labels is {labels!r}; expected one of {', '.join(get_args(LabelForm))}")
    if labels is None:
        labels = "index" if classes > 2 else "absorbed" if _takes_one(loss) else "01"
    if classes > 2 and labels != "index":
        raise ValueError(f"labels is {labels!r} for {classes} classes; expected 'index'")
    return StatedLoss(penalty, check_alpha(alpha, zero=False), classes, labels)


def _takes_one(loss: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(loss).parameters.values()
    except (TypeError, ValueError):
        return False
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    variadic = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    return not variadic and sum(p.default is p.empty for p in positional) <= 1

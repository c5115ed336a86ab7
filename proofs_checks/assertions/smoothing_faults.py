"""Wrong smoothed targets and wrong weights of cross-entropy and penalty, in words."""

from __future__ import annotations

import numpy as np

from ...numerics.rounding import Matrix
from .failures import number, shown
from .probes import Probes
from .stated_loss import Codes, StatedLoss

__all__ = ["of_targets", "of_two_weights", "strength_in_words"]

_MOST_CLASSES = 30


def of_targets(probes: Probes) -> tuple[str, str] | None:
    """The fault in the targets, if the loss is cross-entropy against some constant targets."""
    stated = probes.stated
    classes = stated.classes
    if classes > _MOST_CLASSES:
        return None
    labels = np.unique(probes.codes)
    rows = []
    for label in labels:
        own = probes.where(probes.codes == label)
        rows.append(own.fit(*stated.surprisals(own.logits).T))
    if any(row is None for row in rows):
        return None
    fitted = np.array(rows)
    targets = np.asarray(np.where(np.abs(fitted) < 1e-6, 0.0, fitted), dtype=np.float64)
    right = (1 - stated.alpha) * np.eye(classes)[labels] + stated.alpha / classes
    text = _text(targets, right, labels, stated.alpha)
    errors = np.max(np.abs(targets - right), axis=1)
    worst = int(np.argmax(errors > 0.99 * np.max(errors)))
    return (
        f"{text}. For label {labels[worst]} the targets are {shown(targets[worst])}; label "
        f"smoothing has (1 - eps) y + eps/K = {shown(right[worst])}",
        "beck.ls-binary" if stated.labels != "index" else "primer.ls-formula",
    )


def _text(targets: Matrix, right: Matrix, labels: Codes, eps: float) -> str:
    classes = targets.shape[1]
    for text, mapped in {
        "the labels are flipped" if classes == 2 else "the classes are in reverse order": (
            classes - 1 - labels
        ),
        "the labels are off by one: classes count from 0": (labels + 1) % classes,
        "the labels are off by one, downwards": (labels - 1) % classes,
    }.items():
        if _close(targets, (1 - eps) * np.eye(classes)[mapped] + eps / classes):
            return text
    own = np.eye(classes)[labels]
    on = float(np.mean(targets[own == 1]))
    off = float(np.mean(targets[own == 0]))
    if not _close(targets, np.where(own == 1, on, off)):
        return _of_unequal_targets(targets, right, eps)
    for text, wrong_on, wrong_off in _mistakes(eps, classes):
        if _close([on, off], [wrong_on, wrong_off]):
            return text
    if _close(on + (classes - 1) * off, 1):
        return f"eps is {strength_in_words(classes * off, eps, classes)}"
    total = on + (classes - 1) * off
    if _close(np.array([on, off]) / total, [right.max(), right.min()]):
        return _multiplied(total, classes)
    return (
        f"the true class has target {number(on)} and each other one {number(off)}, which sum to "
        f"{number(total)}"
    )


def _mistakes(eps: float, classes: int) -> list[tuple[str, float, float]]:
    """Mistakes that were made, with the targets of the true class and of another one."""
    K, rest = classes, classes - 1
    return [
        ("there is no smoothing: this is plain cross-entropy", 1.0, 0.0),
        (
            "eps is taken for the whole off-target mass: each other class has eps/(K - 1) and the "
            "true one 1 - eps, as if eps were scaled by K/(K - 1); the uniform part includes the "
            "true class, so divide by K",
            1 - eps,
            eps / rest,
        ),
        (
            "eps is scaled by K/(K - 1) in the weight of the cross-entropy alone, which is to be "
            "1 - eps",
            1 - eps * K / rest + eps / K,
            eps / K,
        ),
        (
            "the off-target mass is (1 - eps)/K, not eps/K: eps and 1 - eps are mixed up in the "
            "uniform part",
            (1 - eps) + (1 - eps) / K,
            (1 - eps) / K,
        ),
        ("the factor 1 - eps of the cross-entropy is missing", 1 + eps / K, eps / K),
        ("the true class lacks its share eps/K: 1 - eps is not all of its mass", 1 - eps, eps / K),
        ("one-hot targets are multiplied by 1 - eps/K, not 1 - eps", 1.0, eps / K),
        ("the uniform part is 1/K, not eps/K: a factor eps is missing", 1 - eps + 1 / K, 1 / K),
        ("each other class has all of eps: divide it by K", 1 - eps, eps),
        ("the uniform part is eps, not eps/K: divide it by K", 1.0, eps),
        (
            "the uniform part is eps/(K - 1), not eps/K, on the true class too, so that the "
            "targets sum to more than one",
            1 - eps + eps / rest,
            eps / rest,
        ),
        ("the uniform part is missing: eps shrinks the one-hot targets alone", 1 - eps, 0.0),
        ("the smoothing is subtracted, where it is to be added", 1 - eps - eps / K, -eps / K),
        ("the sign of the loss is reversed", -(1 - eps + eps / K), -eps / K),
    ]


def _of_unequal_targets(targets: Matrix, right: Matrix, eps: float) -> str:
    """Targets that differ from class to class."""
    if targets.shape == (2, 2):
        # Of two classes, column 1 holds the target of a positive sample and of a negative one.
        if _close(targets[:, 1], [eps / 2, (1 + eps) / 2]):
            return (
                "the targets of the second class are (y + eps)/2: the label is halved too, so that "
                "positive samples are pulled to a probability near 1/2; for two classes "
                "y' = (1 - eps) y + eps/2"
            )
        if _close(targets[:, 1], [0, 1 - eps]) or _close(targets[:, 1], [0, 1 - eps / 2]):
            return "only the positive labels are smoothed (one-sided): the negative ones stay at 0"
    ratio = targets / right
    relative = ratio / ratio[:, :1]
    if _close(relative, np.broadcast_to(relative[0], relative.shape)):
        if _close(relative, np.ones_like(relative)):
            return (
                f"the samples of each class are weighted, by {shown(ratio[:, 0])}: pass "
                "class_weights if that is meant"
            )
        weights = relative[0] / np.sum(relative[0])
        return (
            f"class weights, in the ratio {shown(weights)}, change the smoothing: each class's "
            "share of it is multiplied by the weight of that class; the weight of the true class "
            "is to multiply all of its sample's loss (weight the losses of reduction 'none')"
        )
    return "the targets differ from class to class"


def _multiplied(factor: float, classes: int) -> str:
    why = ": it is averaged over the classes too" if _close(factor * classes, 1) else ""
    why = ": the sign is reversed" if factor < 0 else why
    return f"the whole loss is multiplied by {number(factor)}{why}; pass scale=True if it is meant"


def strength_in_words(found: float, eps: float, classes: int) -> str:
    """A strength and how it may have come from the one that is meant.

    >>> strength_in_words(0.2, 0.1, 10)
    '0.2, that is 2 eps, not 0.1'
    """
    rest = classes - 1
    known = {
        "2 eps": 2 * eps,
        "eps/2": eps / 2,
        "1 - eps": 1 - eps,
        "eps K/(K - 1)": eps * classes / rest,
        "eps (K - 1)/K": eps * rest / classes,
        "eps K": eps * classes,
        "eps/K": eps / classes,
        "eps/(K - 1)": eps / rest,
        "eps^2": eps**2,
        "eps/(1 + eps)": eps / (1 + eps),
    }
    origin = next(
        (f", that is {text}" for text, value in known.items() if _close(value, found)), ""
    )
    return f"{number(found)}{origin}, not {number(eps)}"


def of_two_weights(stated: StatedLoss, ce: float, f: float) -> tuple[str, str]:
    """The fault in a loss that is ce * CE + f * penalty."""
    alpha, classes = stated.alpha, stated.classes
    known = {
        "the penalty is missing: this is cross-entropy alone": (1.0, 0.0),
        "the penalty is missing, and cross-entropy has kept its factor": (1 - alpha, 0.0),
        "the factor 1 - alpha of the cross-entropy is missing": (1.0, alpha),
        "the factor alpha of the penalty is missing": (1 - alpha, 1.0),
        "both factors are missing, 1 - alpha and alpha": (1.0, 1.0),
        "alpha and 1 - alpha are swapped": (alpha, 1 - alpha),
        "the penalty is subtracted, where it is to be added": (1 - alpha, -alpha),
        "the sign of the loss is reversed": (alpha - 1, -alpha),
        "the sign of the cross-entropy is reversed": (alpha - 1, alpha),
        "the penalty is halved, as weight decay often is": (1 - alpha, alpha / 2),
        "the penalty is doubled": (1 - alpha, 2 * alpha),
        "the penalty is averaged over the classes, where it is to be summed": (
            1 - alpha,
            alpha / classes,
        ),
        "the cross-entropy is averaged over the classes too": ((1 - alpha) / classes, alpha),
        "the strength of the penalty is squared": (1 - alpha, alpha**2),
    }
    same = [text for text, weights in known.items() if _close([ce, f], weights)]
    if same:
        text = same[0]
    elif _close(ce * alpha, f * (1 - alpha)):
        text = _multiplied(ce / (1 - alpha), classes)
    elif _close(ce + f, 1):
        text = f"alpha is {strength_in_words(f, alpha, classes).replace('eps', 'alpha')}"
    else:
        text = "the weights are wrong"
    return (
        f"{text}. The loss is {number(ce)} CE + {number(f)} f; with alpha = {number(alpha)} it is "
        f"to be {number(1 - alpha)} CE + {number(alpha)} f",
        stated.claim,
    )


def _close(found: object, wanted: object) -> bool:
    return bool(np.allclose(np.asarray(found), np.asarray(wanted), rtol=1e-3, atol=1e-4))

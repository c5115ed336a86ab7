"""What a wrong loss computes instead: known mistakes, each fitted exactly or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from ...errors import LogitregError
from ...numerics.kernels import kernel, penalties
from ...numerics.losses import penalty_name
from ...numerics.rounding import Matrix
from .failures import number
from .probes import Probes
from .smoothing_faults import of_targets, of_two_weights

__all__ = ["Diagnosis", "batch_fault", "gradient_fault", "sample_fault"]

Diagnosis = tuple[str, str]
"""The fault in words, and the claim that it contradicts."""


def sample_fault(probes: Probes) -> Diagnosis | None:
    """The mistake that explains the loss of single samples, if a known one does."""
    stated = probes.stated
    if probes.matches(np.zeros(len(probes.codes))):
        return (
            "the loss of a single sample does not depend on its logits: the softmax runs along the "
            "batch axis (axis 0), where it is to run along the classes (axis 1)",
            probes.stated.claim,
        )
    cross_entropy = stated.of_strength(0.0).values(probes.logits, probes.codes)
    penalty = stated.of_strength(1.0).values(probes.logits, probes.codes)
    if stated.smooths_labels and (found := of_targets(probes)) is not None:
        return found
    weights = probes.fit(cross_entropy, penalty)
    if weights is not None:
        return of_two_weights(stated, float(weights[0]), float(weights[1]))
    for text, values in _transformations(probes):
        if probes.matches(values):
            return text, stated.claim
    found = _other_penalty(probes, cross_entropy)
    for fault in (_temperature, _far_away, _rounding):
        found = found or fault(probes)
    return found


def _transformations(probes: Probes) -> Iterator[tuple[str, Matrix]]:
    """Right losses of wrong logits, labels or probabilities."""
    stated, z, codes = probes.stated, probes.logits, probes.codes
    yield "the labels are flipped: the loss is right for -z", stated.values(-z, codes)
    if stated.labels == "index":
        squashed, name = np.exp(-stated.surprisals(z)), "softmax"
        shifted = "the labels are off by one: classes count from 0"
        yield shifted, stated.values(z, (codes + 1) % stated.classes)
        yield shifted, stated.values(z, (codes - 1) % stated.classes)
        yield "the classes are in reverse order", stated.values(z, stated.classes - 1 - codes)
    else:
        squashed, name = 1 / (1 + np.exp(-z)), "sigmoid"
    yield (
        f"{name} is applied twice: the loss takes logits, and is given probabilities",
        stated.values(squashed, codes),
    )
    for bound in (1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 25, 30):
        yield (
            f"the logits are clipped to [-{bound}, {bound}]: beyond, the loss is flat and teaches "
            "nothing; drop the clipping, the penalty holds the logits back",
            stated.values(np.clip(z, -bound, bound), codes),
        )
    if stated.smooths_labels:
        yield from _guarded_logarithms(probes)


def _guarded_logarithms(probes: Probes) -> Iterator[tuple[str, Matrix]]:
    stated = probes.stated
    p = np.exp(-stated.surprisals(probes.logits))
    eps = stated.alpha
    targets = (1 - eps) * np.eye(stated.classes)[probes.codes] + eps / stated.classes
    for exponent in range(1, 17):
        delta = 10.0**-exponent
        guards = {
            f"log(p + {delta:g})": p + delta,
            f"log of p clipped at {delta:g}": np.clip(p, delta, 1 - delta),
        }
        for name, guarded in guards.items():
            yield (
                f"the loss takes the {name}: it is flat where p is smaller; compute log p from "
                "the logits (log_softmax, logsumexp, softplus)",
                -np.sum(targets * np.log(guarded), axis=1),
            )


def _other_penalty(probes: Probes, cross_entropy: Matrix) -> Diagnosis | None:
    """Another penalty in place of the stated one, or the stated one of something else."""
    stated = probes.stated
    name = penalty_name(stated.penalty)
    for text, values in _penalised_instead(probes):
        weights = probes.fit(cross_entropy, values)
        if weights is not None and abs(weights[1]) > 1e-6:
            return (
                f"the penalty is {text}, not {name}: the loss is {number(weights[0])} CE + "
                f"{number(weights[1])} times that",
                stated.claim,
            )
    return None


def _penalised_instead(probes: Probes) -> Iterator[tuple[str, Matrix]]:
    stated, z, codes = probes.stated, probes.logits, probes.codes
    for other in penalties():
        if other != penalty_name(stated.penalty):
            try:
                yield other, stated.of_penalty(other).values(z, codes)
            except LogitregError:
                continue
    p = np.exp(-stated.surprisals(z))
    columns = z if stated.labels == "index" else z[:, None]
    yield "the norm of the logits, not squared", np.sqrt(np.sum(columns**2, axis=1))
    if stated.smooths_labels:
        return
    f = kernel(stated.penalty)
    on_probabilities = p if stated.labels == "index" else p[:, 1:]
    yield "applied to the probabilities", np.sum(f.value(on_probabilities), axis=1)
    if stated.labels == "index":
        rows = np.arange(len(z))
        yield "applied to the logit of the true class alone", f.value(z[rows, codes])
        yield "applied to the largest logit alone", f.value(np.max(z, axis=1))
        centred = z - np.mean(z, axis=1, keepdims=True)
        yield "applied to the logits less their mean", np.sum(f.value(centred), axis=1)
        yield "applied to the log-probabilities", np.sum(f.value(-stated.surprisals(z)), axis=1)


def _temperature(probes: Probes) -> Diagnosis | None:
    """The stated loss of z/T, by the T that fits best."""
    stated = probes.stated

    def misfit(scale: float) -> float:
        return probes.misfit(stated.values(probes.logits * scale, probes.codes))

    scales = np.geomspace(0.05, 20, 121)
    best = int(np.argmin([misfit(scale) for scale in scales]))
    low, high = scales[max(best - 1, 0)], scales[min(best + 1, len(scales) - 1)]
    for _ in range(120):
        third = (high - low) / 3
        if misfit(low + third) < misfit(high - third):
            high -= third
        else:
            low += third
    scale = (low + high) / 2
    if misfit(scale) > 1:
        return None
    return (
        f"the logits are divided by a temperature of {number(1 / scale)} first, which multiplies "
        "their target by it",
        "beck.finite-target",
    )


def _rounding(probes: Probes) -> Diagnosis | None:
    """The stated loss, but to few digits."""
    values = probes.stated.values(probes.logits, probes.codes)
    own = probes.stated.claim
    reach = np.max(np.abs(probes.logits.reshape(len(values), -1)), axis=1)
    size = 1 + reach + np.abs(values)
    for name, unit in (("float32", 2.0**-23), ("float16", 2.0**-10), ("bfloat16", 2.0**-7)):
        if replace(probes, tolerance=2 * unit * size).matches(values):
            return (
                f"the loss is right to {'six' if name == 'float32' else 'two or three'} digits and "
                f"no more: it is probably computed in {name}; raise the logits to a wider type "
                "before the loss, or pass rtol if that is meant",
                own,
            )
    return None


def _far_away(probes: Probes) -> Diagnosis | None:
    """The stated loss near zero, and not beyond."""
    reach = np.max(np.abs(probes.logits.reshape(len(probes.codes), -1)), axis=1)
    order = np.sort(reach)
    near = reach <= order[len(order) // 4]
    values = probes.stated.values(probes.logits, probes.codes)
    if not probes.where(near).matches(values[near]):
        return None
    for limit in order:
        near = reach <= limit
        if not probes.where(near).matches(values[near]):
            break
    return (
        f"the loss is right for logits below {number(limit)} and not beyond: it is formed from "
        "probabilities that have been rounded; compute log p and log(1 - p) from the logits "
        "(log_softmax, logsumexp, softplus)",
        probes.stated.claim,
    )


def batch_fault(
    probes: Probes,
    rise: Callable[[Matrix, Any], Matrix],
    expected_rise: Callable[[Matrix, Any], Matrix],
) -> Diagnosis:
    """The mistake that shows on several samples at once, each of them right alone."""
    own = probes.stated.claim
    logits, codes = probes.logits[:6:2], probes.codes[:6:2]
    for dropped, name in ((slice(0, -1), "last"), (slice(1, None), "first")):
        part = float(np.sum(expected_rise(logits[dropped], codes[dropped])))
        if abs(np.sum(rise(logits, codes)) - part) < 1e-6 * (1 + abs(part)):
            return f"the {name} sample of a batch is dropped", own
    return (
        "each sample alone is right, and several together are not: the samples are coupled; look "
        "for a softmax, mean or norm along the batch axis (axis 0), and for labels that are "
        "broadcast against the wrong axis",
        own,
    )


def gradient_fault(probes: Probes, gradients: Matrix) -> Diagnosis:
    """The mistake in a gradient, (n, ...), whose loss has the right values."""
    stated = probes.stated
    own = probes.stated.claim
    parts = [stated.of_strength(a).gradients(probes.logits, probes.codes) for a in (0.0, 1.0)]
    columns = np.column_stack([part.ravel() for part in parts])
    size = np.linalg.norm(columns, axis=1) + 1e-3
    weights = np.linalg.lstsq(columns / size[:, None], gradients.ravel() / size, rcond=None)[0]
    cut = "; look for detach, item, stop_gradient, no_grad, or a copy through NumPy"
    missing = np.abs(weights) < 1e-3
    if not np.any(gradients):
        return f"the gradient is zero: the loss is cut from the graph{cut}", own
    if missing[1]:
        return f"the gradient of the penalty is missing: it is detached from the graph{cut}", own
    if missing[0]:
        return f"the gradient of the cross-entropy is missing: it is detached{cut}", own
    return f"part of the loss is detached from the graph{cut}", own

"""The list of all exports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache

from ...errors import UnknownNameError
from ...theory.formulas import SEVERAL, formula, formula_ids, target_formula_id
from ...theory.penalties import CATALOGUE, Penalty
from ...theory.symbols import K, alpha
from .class_losses import class_loss_parts
from .losses import loss_parts
from .models import CLASSES, FEW_CLASSES, LOGIT, LOGITS, model_exports
from .program import Argument, Export, Part
from .targets import target_routine

__all__ = ["CLASS_LOSS_ULP", "export", "export_ids"]

_MEANINGS = {
    "label-smoothing": "the strength of the penalty: epsilon of labels (1 - epsilon) y + epsilon/K"
}
_USUAL_MEANING = "the strength of the penalty"
_PARAMETERS = {
    "delta": (1e-3, 1e3, "where the penalty turns from quadratic to linear", r"\delta > 0"),
    "p": (2, 10, "the power", r"p \geq 1"),
    "b": (1e-3, 700, "the largest |z| allowed", "b > 0"),
}
# What was measured at thousands of random points in all languages, and rounded up.
_TARGET_ULP = {
    "label-smoothing": 3,
    "absolute": 3,
    "entropy": 3,
    "box": 0,
    "log-cosh": 5,
    "cosh": 5,
}
_USUAL_TARGET_ULP = 4
_LOSS_ULP = {"log-cosh": (6, 4, 5)}
_USUAL_LOSS_ULP = (4, 4, 5)
CLASS_LOSS_ULP = (10, 16)
"""Most of it is from sums of up to a thousand terms in pairs."""


def _strength(name: str) -> Argument:
    """Where there is a target."""
    meaning = _MEANINGS.get(name, _USUAL_MEANING)
    return Argument(alpha, 1e-300, 1 - 2.0**-53, meaning, r"0 < \alpha < 1")


def _weight(name: str) -> Argument:
    return Argument(alpha, 0, 1, _MEANINGS.get(name, _USUAL_MEANING), r"0 \leq \alpha \leq 1")


def _targets() -> Iterator[Export]:
    for name, penalty in CATALOGUE.items():
        ulp = _TARGET_ULP.get(name, _USUAL_TARGET_ULP)
        for classes in (2, SEVERAL):
            id = target_formula_id(name, classes)
            if id not in formula_ids():
                continue
            found = formula(id)
            several = K in found.symbols
            least = (
                "for K classes: z_c - z_k at the logits of least (1 - alpha) (log sum exp(z_k) - "
                f"z_c) + alpha f, c the right class, f = {penalty.multiclass_expression}"
                if several
                else "for two classes: the z of least (1 - alpha) log(1 + exp(-z)) + alpha f(z), "
                f"f(z) = {penalty.expression}"
            )
            yield Export(
                id,
                f"the target of the penalty {name} {least}",
                id,
                (_strength(name), CLASSES) if several else (_strength(name),),
                (Part(target_routine(name, found), found.expression, ulp),),
            )


def _losses() -> Iterator[Export]:
    for name, penalty in CATALOGUE.items():
        claim, meaning = _claim_of_loss(name)
        yield Export(
            f"loss.{name}",
            f"the per-sample loss of the penalty {name}, {penalty.family}, its slope and its "
            f"curvature in z; the claim is {meaning}",
            claim,
            (LOGIT, *_numbers(penalty)),
            loss_parts(penalty, name.replace("-", "_"), _LOSS_ULP.get(name, _USUAL_LOSS_ULP)),
        )


def _class_losses() -> Iterator[Export]:
    for name, penalty in CATALOGUE.items():
        claim, meaning = _claim_of_loss(name)
        yield Export(
            f"multiclass-loss.{name}",
            f"the loss of a sample of K classes for the penalty {name}, "
            f"{penalty.multiclass}, and its derivative in every logit; the claim is {meaning}",
            claim,
            (LOGITS, FEW_CLASSES, *_numbers(penalty)),
            class_loss_parts(penalty, name.replace("-", "_"), CLASS_LOSS_ULP),
        )


def _numbers(penalty: Penalty) -> tuple[Argument, ...]:
    """The strength and the parameters of a penalty."""
    parameters = (Argument(p.symbol, *_PARAMETERS[p.symbol.name]) for p in penalty.parameters)
    name = penalty.name
    return (_strength(name) if name == "box" else _weight(name), *parameters)


def _claim_of_loss(name: str) -> tuple[str, str]:
    """Convexity or, for a penalty without that claim, the target; with what it says."""
    if name in ("entropy", "box"):
        return target_formula_id(name, 2), "the closed form of the minimiser"
    return f"catalogue.convex-{name}", "that the penalty is convex"


def _all() -> Iterator[Export]:
    yield from _targets()
    yield from _losses()
    yield from _class_losses()
    yield from model_exports()


@cache
def _exports() -> Mapping[str, Export]:
    return {found.id: found for found in _all()}


def export_ids() -> tuple[str, ...]:
    """The ids of all exports."""
    return tuple(_exports())


def export(id: str) -> Export:
    """The export of an id.

    Raises
    ------
    UnknownNameError : there is none; the message names the nearest ids.

    Examples
    --------
    >>> [part.routine.name for part in export("loss.huber").parts]
    ['huber_loss', 'huber_loss_slope', 'huber_loss_curvature']
    """
    known = _exports()
    if id not in known:
        near = get_close_matches(id, known, n=3)
        hint = (
            f"did you mean {' or '.join(near)}?" if near else "`logitreg export --list` lists them"
        )
        raise UnknownNameError(f"no export {id!r}; {hint}")
    return known[id]

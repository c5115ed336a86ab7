"""The list of all exports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache

from ...errors import UnknownNameError
from ...theory.formulas import SEVERAL, formula, formula_ids, target_formula_id
from ...theory.penalties import CATALOGUE
from ...theory.symbols import K, alpha
from .losses import loss_parts
from .models import CLASSES, LOGIT, model_exports
from .program import Argument, Export, Part
from .targets import target_routine

__all__ = ["export", "export_ids"]

_WEIGHT = Argument(alpha, 0, 1, "the strength of the penalty")
_STRENGTH = Argument(alpha, 1e-300, 1 - 2.0**-53, "the strength of the penalty")
_PARAMETERS = {
    "delta": (1e-3, 1e3, "where the penalty turns from quadratic to linear"),
    "p": (2, 10, "the power"),
    "b": (1e-3, 700, "the largest |z| allowed"),
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


def _targets() -> Iterator[Export]:
    for name, penalty in CATALOGUE.items():
        ulp = _TARGET_ULP.get(name, _USUAL_TARGET_ULP)
        for classes in (2, SEVERAL):
            id = target_formula_id(name, classes)
            if id not in formula_ids():
                continue
            found = formula(id)
            several = K in found.symbols
            whose = "K classes: the gap of the logits" if several else "two classes: the logit"
            yield Export(
                id,
                f"the target of the penalty {name}, {penalty.expression}, for {whose} of least "
                "per-sample loss",
                id,
                (_STRENGTH, CLASSES) if several else (_STRENGTH,),
                (Part(target_routine(name, found), found.expression, ulp),),
            )


def _losses() -> Iterator[Export]:
    for name, penalty in CATALOGUE.items():
        parameters = tuple(
            Argument(p.symbol, *_PARAMETERS[p.symbol.name]) for p in penalty.parameters
        )
        claim, meaning = _claim_of_loss(name)
        yield Export(
            f"loss.{name}",
            f"the per-sample loss of the penalty {name}, {penalty.family}, its slope and its "
            f"curvature in z; the claim is {meaning}",
            claim,
            (LOGIT, _STRENGTH if name == "box" else _WEIGHT, *parameters),
            loss_parts(penalty, name.replace("-", "_"), _LOSS_ULP.get(name, _USUAL_LOSS_ULP)),
        )


def _claim_of_loss(name: str) -> tuple[str, str]:
    """Convexity or, for a penalty without that claim, the target; with what it says."""
    if name in ("entropy", "box"):
        return target_formula_id(name, 2), "the closed form of the minimiser"
    return f"catalogue.convex-{name}", "that the penalty is convex"


@cache
def _exports() -> Mapping[str, Export]:
    return {found.id: found for found in (*_targets(), *_losses(), *model_exports())}


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
        near = get_close_matches(id, known, n=3, cutoff=0.3) or list(known)[:3]
        raise UnknownNameError(f"no export {id!r}; did you mean {' or '.join(near)}?")
    return known[id]

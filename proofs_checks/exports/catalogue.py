"""The list of all exports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache

from ...errors import UnknownNameError
from ...theory.formulas import SEVERAL, formula, formula_ids, target_formula_id
from ...theory.penalties import CATALOGUE
from ...theory.symbols import K, alpha, z
from .losses import loss_parts
from .models import CLASSES, model_exports
from .program import Argument, Export, Part
from .targets import target_routine

__all__ = ["LOGIT", "WEIGHT", "export", "export_ids"]

LOGIT = Argument(z, -700, 700, "the logit, positive where the class is right")
WEIGHT = Argument(alpha, 0, 1, "the strength of the penalty")
_STRENGTH = Argument(alpha, 1e-300, 1 - 2.0**-53, "the strength of the penalty")
_PARAMETERS = {
    "delta": (1e-3, 1e3, "where the penalty turns from quadratic to linear"),
    "p": (2, 10, "the power"),
    "b": (1e-3, 700, "the largest |z| allowed"),
}
_TARGET_ULP = 6
_LOSS_ULP = (8, 8, 8)


def _targets() -> Iterator[Export]:
    for name, penalty in CATALOGUE.items():
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
                (Part(target_routine(name, found), found.expression, _TARGET_ULP),),
            )


def _losses() -> Iterator[Export]:
    for name, penalty in CATALOGUE.items():
        parameters = tuple(
            Argument(p.symbol, *_PARAMETERS[p.symbol.name]) for p in penalty.parameters
        )
        yield Export(
            f"loss.{name}",
            f"the per-sample loss of the penalty {name}, its slope and its curvature in z",
            _claim_of_loss(name),
            (LOGIT, _STRENGTH if name == "box" else WEIGHT, *parameters),
            loss_parts(penalty, name.replace("-", "_"), _LOSS_ULP),
        )


def _claim_of_loss(name: str) -> str:
    """Convexity; for the penalties without that claim, the target."""
    target = target_formula_id(name, 2)
    return target if name in ("entropy", "box") else f"catalogue.convex-{name}"


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

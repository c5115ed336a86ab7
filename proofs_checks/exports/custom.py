"""The export of a penalty of one's own: its losses and, in closed form, its target."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace

from sympy import Expr, LambertW

from ...theory.formulas import target_formula_id
from ...theory.penalties import CATALOGUE, Penalty
from ...theory.special import RLambertW
from ...theory.symbols import alpha, odds, z
from ...theory.targets import closed_form
from .catalogue import CLASS_LOSS_ULP, export, export_ids
from .class_losses import class_loss_parts
from .losses import loss_parts
from .measure import measured_class_error, measured_error
from .models import FEW_CLASSES, LOGITS
from .program import Argument, Export, Part, Routine
from .special import r_lambert
from .stable import stable

__all__ = ["class_exports_of_penalty", "exports_of_penalty"]

_LOGIT = Argument(z, -30, 30, "the logit, positive where the class is right", r"z \in \mathbb{R}")
_STRENGTH = Argument(alpha, 1e-8, 1 - 2.0**-53, "the strength of the penalty", r"0 < \alpha < 1")


def exports_of_penalty(penalty: Penalty) -> tuple[Export, ...]:
    """The loss of a penalty f(z), its slope and curvature, and its binary target in closed form.

    A penalty of the catalogue is exported as in the catalogue. For any other the error is measured,
    on a grid of about a thousand points; a function that is not finite there is left out.

    Examples
    --------
    >>> from logitreg.theory import penalty
    >>> [found.id for found in exports_of_penalty(penalty("log(cosh(z))"))]
    ['loss.log-cosh', 'catalogue.target-log-cosh']
    """
    name = _name_in_catalogue(penalty)
    if name is not None:
        ids = (f"loss.{name}", target_formula_id(name, 2))
        return tuple(export(id) for id in ids if id in export_ids())
    parts = list(loss_parts(penalty, "penalty", (0, 0, 0)))
    form = closed_form(penalty, 2)
    if form is not None:
        exact = form.subs(odds, (1 - alpha) / alpha)
        routine = Routine("penalty_target", (alpha,), (), _in_helpers(exact))
        parts.append(Part(routine, exact, 0, 1 + exact, "1 + the value"))
    arguments = (_LOGIT, _STRENGTH)
    measured = _with_errors(parts, lambda part: measured_error(part, arguments))
    summary = f"the per-sample loss of the penalty f(z) = {penalty.expression}"
    return (Export(penalty.name, summary, "", arguments, measured),)


def class_exports_of_penalty(penalty: Penalty) -> tuple[Export, ...]:
    """The loss of K classes with the penalty f(z_1) + ... + f(z_K), and its gradient.

    The error is measured for up to a thousand classes; it is not stated to be less than that of the
    catalogue's penalties, whose sums are the same.

    Examples
    --------
    >>> from logitreg.theory import penalty
    >>> [found.id for found in class_exports_of_penalty(penalty("log(cosh(z))"))]
    ['multiclass-loss.log-cosh']
    """
    name = _name_in_catalogue(penalty)
    if name is not None:
        return (export(f"multiclass-loss.{name}"),)
    parts = class_loss_parts(penalty, "penalty", CLASS_LOSS_ULP)
    logits = replace(LOGITS, low=_LOGIT.low, high=_LOGIT.high)
    measured = _with_errors(parts, lambda part: measured_class_error(part, logits.high))
    summary = (
        "the loss of a sample of K classes for the sum of the penalties f(z[k]), "
        f"f(z) = {penalty.expression}, and its derivative in every logit"
    )
    arguments = (logits, FEW_CLASSES, _STRENGTH)
    return (Export(f"multiclass-loss of {penalty.name}", summary, "", arguments, measured),)


def _name_in_catalogue(penalty: Penalty) -> str | None:
    same = (name for name, known in CATALOGUE.items() if known.expression == penalty.expression)
    return next(same, None)


def _with_errors(parts: Iterable[Part], error_of: Callable[[Part], float]) -> tuple[Part, ...]:
    """The parts that are finite, with their errors, or what they state where that is more."""
    errors = ((part, error_of(part)) for part in parts)
    return tuple(
        replace(part, ulp=max(part.ulp, math.ceil(error)))
        for part, error in errors
        if math.isfinite(error)
    )


def _in_helpers(form: Expr) -> Expr:
    """Lambert's functions as calls."""
    form = form.replace(RLambertW, r_lambert).replace(LambertW, lambda y: r_lambert(0 * y, y))
    return stable(form)

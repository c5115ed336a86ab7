"""The export of a penalty of one's own: its per-sample loss and, in closed form, its target."""

from __future__ import annotations

import math
from dataclasses import replace

from sympy import Expr, LambertW

from ...theory.formulas import target_formula_id
from ...theory.penalties import CATALOGUE, Penalty
from ...theory.special import RLambertW
from ...theory.symbols import alpha, odds, z
from ...theory.targets import closed_form
from .catalogue import export, export_ids
from .losses import loss_parts
from .measure import measured_error
from .program import Argument, Export, Part, Routine
from .special import r_lambert
from .stable import stable

__all__ = ["exports_of_penalty"]

_LOGIT = Argument(z, -30, 30, "the logit, positive where the class is right")
_STRENGTH = Argument(alpha, 1e-8, 1 - 2.0**-53, "the strength of the penalty")


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
    for name, known in CATALOGUE.items():
        if known.expression == penalty.expression:
            ids = (f"loss.{name}", target_formula_id(name, 2))
            return tuple(export(id) for id in ids if id in export_ids())
    parts = list(loss_parts(penalty, "penalty", (0, 0, 0)))
    form = closed_form(penalty, 2)
    if form is not None:
        exact = form.subs(odds, (1 - alpha) / alpha)
        routine = Routine("penalty_target", (alpha,), (), _in_helpers(exact))
        parts.append(Part(routine, exact, 0, 1 + exact, "1 + the value"))
    arguments = (_LOGIT, _STRENGTH)
    errors = [measured_error(part, arguments) for part in parts]
    measured = tuple(
        replace(part, ulp=math.ceil(error))
        for part, error in zip(parts, errors, strict=True)
        if math.isfinite(error)
    )
    summary = f"the per-sample loss of the penalty f(z) = {penalty.expression}"
    return (Export(penalty.name, summary, "", arguments, measured),)


def _in_helpers(form: Expr) -> Expr:
    """Lambert's functions as calls, whose arguments have to be non-negative."""
    form = form.replace(RLambertW, r_lambert).replace(LambertW, lambda y: r_lambert(0 * y, y))
    return stable(form)

"""A page to play with: loss, target, clustering and benefit, computed in the browser by exports."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from markupsafe import Markup

from ..errors import ExpressionError, NotConvexError
from ..numerics.kernels import kernel
from ..numerics.proximal_moments import break_points
from ..theory.penalties import CATALOGUE, Penalty, coordinatewise, penalty
from .exports.catalogue import export, export_ids
from .exports.custom import exports_of_penalty
from .exports.program import Export
from .exports.source import source
from .templates import template

__all__ = ["CONTROLS", "Control", "explore_page", "model_script", "write_explore_page"]

_PACKAGE = __name__.rpartition(".")[0]
_MODELS = ("beck.eq-4", "beck.eq-5", "lead.least-norm")
_MODEL_SCRIPTS = ("explore_losses", "explore_typed", "explore_saddle", "explore_model")
_VIEW_SCRIPTS = ("explore_figures", "explore")


class Control(NamedTuple):
    """A number that the page lets one choose.

    Attributes
    ----------
    name, symbol, meaning : its key in the state of the page, LaTeX, words.
    low, high, step, start : of the slider; a typed number may lie anywhere in [low, high].
    group : "penalty" or "data".
    of : the penalties that have it; empty for all.
    """

    name: str
    symbol: str
    meaning: str
    low: float
    high: float
    step: float
    start: float
    group: str
    of: tuple[str, ...] = ()


def _parameter(name: str, meaning: str, low: float, high: float, step: float) -> Control:
    owners = tuple(p.name for p in CATALOGUE.values() if name in p.values)
    start = float(CATALOGUE[owners[0]].values[name])
    tex = rf"\{name}" if len(name) > 1 else name
    return Control(name, tex, meaning, low, high, step, start, "penalty", owners)


CONTROLS = (
    _parameter("delta", "where it turns linear", 0.05, 10, 0.05),
    _parameter("p", "its power", 2, 10, 0.1),
    _parameter("b", "the largest logit it allows", 0.05, 10, 0.05),
    Control("alpha", r"\alpha", "strength of the penalty", 0, 0.999, 0.001, 0.1, "penalty"),
    Control("K", "K", "number of classes", 2, 100, 1, 10, "penalty"),
    Control("lambda", r"\lambda = d/N", "features per sample", 0.02, 3, 0.01, 0.7, "data"),
    Control("mu_f", r"\mu_f", "mean of the signal", 0.1, 3, 0.01, 1, "data"),
    Control("sigma_f", r"\sigma_f", "noise along the signal", 0.05, 3, 0.01, 0.5, "data"),
    Control("sigma_n", r"\sigma_n", "noise across the signal", 0.05, 6, 0.01, 3, "data"),
)


def explore_page(penalties: Sequence[str] = (), *, beside_report: bool = False) -> str:
    """The page as one HTML text that needs no network.

    Parameters
    ----------
    penalties : expressions f(z), whose exported functions are put beside those of the catalogue;
        the page opens on the first.
    beside_report : link to report.html.

    Raises
    ------
    ExpressionError : an expression that the parser refuses, or whose functions are not finite.
    NotConvexError : f'' is negative somewhere.

    Examples
    --------
    >>> explore_page().startswith("<!DOCTYPE html>")
    True
    """
    named = {p.expression: p.name for p in (*_own(penalties), *CATALOGUE.values())}
    page = template("explore.html.jinja").render(
        controls=CONTROLS,
        start=named[penalty(penalties[0] if penalties else "quadratic").expression],
        beside_report=beside_report,
        penalties=(*CATALOGUE.values(), *_own(penalties)),
        model=Markup(model_script(penalties)),
        view=Markup("\n".join(map(_file, _VIEW_SCRIPTS))),
    )
    return page.lstrip()


def write_explore_page(path: str | Path, penalties: Sequence[str] = ()) -> Path:
    """Write :func:`explore_page` to `path` in UTF-8, linked to a report.html there; the path."""
    path = Path(path)
    page = explore_page(penalties, beside_report=path.with_name("report.html").exists())
    path.write_text(page, encoding="utf-8")
    return path


def model_script(penalties: Sequence[str] = ()) -> str:
    """The JavaScript that needs no document: exports, the table of penalties, and the model.

    Its ``numbers_of(state)`` gives every number that the page shows.
    """
    return _model_script(tuple(penalties))


@cache
def _model_script(penalties: tuple[str, ...]) -> str:
    targets = [export(id) for id in export_ids() if ".target-" in id]
    losses = [export(f"loss.{name}") for name in CATALOGUE]
    own = {p.name: _numbered(p, number) for number, p in enumerate(_own(penalties), 1)}
    exports = source([*targets, *losses, *map(export, _MODELS), *own.values()], "js")
    entries = {name: _catalogue_entry(found) for name, found in CATALOGUE.items()}
    entries |= {name: _own_entry(name, found) for name, found in own.items()}
    table = "\n".join(f"    {_quoted(name)}: {entry}," for name, entry in entries.items())
    scripts = "\n".join(map(_file, _MODEL_SCRIPTS))
    return f"{exports}\nconst PENALTIES = {{\n{table}\n}};\n\n{scripts}"


def _own(penalties: Sequence[str]) -> tuple[Penalty, ...]:
    """The penalties that the catalogue does not have, each once."""
    known = {found.expression for found in CATALOGUE.values()}
    given = (penalty(text) for text in penalties)
    own = {found.expression: found for found in given if found.expression not in known}
    for found in own.values():
        concave_at = kernel(found).concave_at
        if concave_at is not None:
            raise NotConvexError(
                f"the penalty {found.name!r} is not convex: f'' is negative at z = {concave_at!r}; "
                "expected a convex f(z), since the limits on the page rest on convexity"
            )
    return tuple(own.values())


def _catalogue_entry(found: Penalty) -> str:
    """The exported functions of a penalty, as JavaScript; null where none is exported."""
    loss, slope, curvature = (p.routine.name for p in export(f"loss.{found.name}").parts)
    return _entry(
        parameters=json.dumps({name: float(value) for name, value in found.values.items()}),
        loss=loss,
        slope=slope,
        curvature=curvature,
        target=_target(found.name),
        gap=_target(f"{found.name}-multiclass"),
        coordinatewise=json.dumps(found.multiclass == coordinatewise(found.family)),
        concave=json.dumps(kernel(found.name).concave_at),
        # With parameters they move, and the page looks for them.
        breaks="null" if found.values else json.dumps(break_points(kernel(found.name))),
    )


def _target(name: str) -> str:
    found = [id for id in export_ids() if id.endswith(f".target-{name}")]
    return export(found[0]).parts[0].routine.name if found else "null"


def _numbered(found: Penalty, number: int) -> Export:
    """The export of a penalty of one's own, with its functions named after its number."""
    (loss,) = exports_of_penalty(found)
    stem = f"own_{number}"
    parts = (
        replace(p, routine=replace(p.routine, name=p.routine.name.replace("penalty", stem, 1)))
        for p in loss.parts
    )
    return replace(loss, parts=tuple(parts))


def _own_entry(name: str, found: Export) -> str:
    names = {p.routine.name.split("_", 2)[2]: p.routine.name for p in found.parts}
    if not {"loss", "loss_slope", "loss_curvature"} <= set(names):
        raise ExpressionError(
            f"the penalty {name!r} cannot be put into the page: its loss, slope or curvature is "
            "not finite in float64 somewhere on |z| <= 30; expected one that is"
        )
    return _entry(
        parameters="{}",
        loss=names["loss"],
        slope=names["loss_slope"],
        curvature=names["loss_curvature"],
        target=names.get("target", "null"),
        gap="null",
        coordinatewise="true",
        own="true",
        concave="null",
        breaks=json.dumps(break_points(kernel(name))),
    )


def _entry(**fields: str) -> str:
    return "{ " + ", ".join(f"{name}: {text}" for name, text in fields.items()) + " }"


def _quoted(text: str) -> str:
    """A JavaScript string that cannot end the script it stands in."""
    return json.dumps(text).replace("<", "\\u003c")


def _file(name: str) -> str:
    return files(_PACKAGE).joinpath(f"{name}.js").read_text(encoding="utf-8")

"""A page to play with: loss, target, clustering and benefit, computed in the browser by exports."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ..theory.penalties import CATALOGUE, Penalty
from .exports.catalogue import export, export_ids
from .exports.source import source
from .mathml import expression_to_mathml, text_to_html

__all__ = ["CONTROLS", "Control", "explore_page", "model_script", "write_explore_page"]

_PACKAGE = __name__.rpartition(".")[0]
_MODELS = ("beck.eq-4", "beck.eq-5", "lead.high-dimensional-quadratic", "lead.least-norm")


class Control(NamedTuple):
    """A number that the page lets one choose, in [low, high]; the symbol is LaTeX."""

    name: str
    symbol: str
    meaning: str
    low: float
    high: float
    step: float
    start: float


CONTROLS = (
    Control("alpha", r"\alpha", "strength of the penalty", 0.001, 0.999, 0.001, 0.1),
    Control("K", "K", "number of classes", 2, 100, 1, 10),
    Control("lambda", r"\lambda = d/N", "features per sample", 0.02, 3, 0.01, 0.7),
    Control("mu_f", r"\mu_f", "mean of the signal", 0.1, 3, 0.01, 1),
    Control("sigma_f", r"\sigma_f", "noise along the signal", 0.05, 3, 0.01, 0.5),
    Control("sigma_n", r"\sigma_n", "noise across the signal", 0.05, 6, 0.01, 3),
)


def explore_page() -> str:
    """The page as one HTML text that needs no network.

    Examples
    --------
    >>> explore_page().startswith("<!DOCTYPE html>")
    True
    """
    environment = Environment(
        loader=PackageLoader(_PACKAGE, "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(formula=expression_to_mathml, text=text_to_html)
    page = environment.get_template("explore.html.jinja").render(
        controls=CONTROLS,
        penalties=CATALOGUE.values(),
        model=Markup(model_script()),
        view=Markup(_file("explore.js")),
    )
    return page.lstrip()


def write_explore_page(path: str | Path) -> Path:
    """Write :func:`explore_page` to `path` in UTF-8 and return the path."""
    path = Path(path)
    path.write_text(explore_page(), encoding="utf-8")
    return path


@cache
def model_script() -> str:
    """The JavaScript that needs no document: exports, the table of penalties, and the model.

    Its ``numbers_of(state)`` gives every number that the page shows.
    """
    ids = [id for id in export_ids() if id.startswith("loss.") or ".target-" in id]
    exports = source([export(id) for id in (*ids, *_MODELS)], "js")
    table = "\n".join(f"    {json.dumps(p.name)}: {_entry(p)}," for p in CATALOGUE.values())
    return f"{exports}\nconst PENALTIES = {{\n{table}\n}};\n\n{_file('explore_model.js')}"


def _entry(penalty: Penalty) -> str:
    """The functions of a penalty at the values of its parameters; null where none is exported."""
    loss, slope, _ = (part.routine.name for part in export(f"loss.{penalty.name}").parts)
    values = "".join(f", {float(value)!r}" for value in penalty.values.values())
    functions = {
        "loss": f"(z, alpha) => {loss}(z, alpha{values})",
        "slope": f"(z, alpha) => {slope}(z, alpha{values})",
        "target": _target(penalty.name),
        "gap": _target(f"{penalty.name}-multiclass"),
    }
    return "{ " + ", ".join(f"{name}: {text}" for name, text in functions.items()) + " }"


def _target(name: str) -> str:
    found = [id for id in export_ids() if id.endswith(f".target-{name}")]
    return export(found[0]).parts[0].routine.name if found else "null"


def _file(name: str) -> str:
    return files(_PACKAGE).joinpath(name).read_text(encoding="utf-8")

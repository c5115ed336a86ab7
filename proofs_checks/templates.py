"""The templates of the pages, which set mathematics as MathML."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from .mathml import expression_to_mathml, text_to_html

__all__ = ["template"]


def template(name: str, **filters: Callable[..., Any]) -> Template:
    """A template of this package, with the filters ``text`` and ``formula`` and those given.

    What it is given is escaped, and what it lacks is an error.
    """
    environment = Environment(
        loader=PackageLoader(__name__.rpartition(".")[0], "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(text=text_to_html, formula=expression_to_mathml, **filters)
    return environment.get_template(name)

"""``logitreg export``: formulas as source text in another language."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ...errors import ExpressionError, UnknownNameError
from ..terminal import out

if TYPE_CHECKING:
    from ..exports.program import Export

__all__ = ["command"]


# An expression may begin with a minus sign, which is no option.
@click.command("export", context_settings={"ignore_unknown_options": True})
@click.argument("formulas", nargs=-1, metavar="[FORMULA]...")
@click.option(
    "--to",
    "target",
    type=click.Choice(["numpy", "torch", "jax", "c", "js", "latex"]),
    default="numpy",
    show_default=True,
    help="The language of the source.",
)
@click.option("--list", "listed", is_flag=True, help="List what can be exported (the default).")
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write into this file."
)
def command(formulas: tuple[str, ...], target: str, listed: bool, output: Path | None) -> None:
    """Write each FORMULA as a self-contained function: its name, a pattern, or a penalty f(z).

    \b
    logitreg export lead.target-quadratic --to torch
    logitreg export multiclass-loss.quadratic --to c
    logitreg export 'loss.*' --to js --output losses.js
    logitreg export "z^2 + abs(z)/3" --to c
    """
    from ..exports.source import source

    if listed or not formulas:
        return _list(formulas)
    found = {export.id: export for name in formulas for export in _exports(name)}
    text = source(list(found.values()), target)
    if output is None:
        click.echo(text, nl=False)
        return
    output.write_text(text, encoding="utf-8")
    out.print(f"Wrote {output}.", soft_wrap=True)


def _exports(name: str) -> tuple[Export, ...]:
    """The exports of a name or a pattern, else of a penalty's name or expression."""
    from ...theory.penalties import penalty
    from ..exports.catalogue import export
    from ..exports.custom import class_exports_of_penalty, exports_of_penalty

    if matching := _matching(name):
        return tuple(export(id) for id in matching)
    try:
        own = penalty(name)
    except ExpressionError as error:
        try:
            return (export(name),)
        except UnknownNameError as unknown:
            raise UnknownNameError(f"{unknown}\nAs a penalty f(z): {error}") from None
    return *exports_of_penalty(own), *class_exports_of_penalty(own)


def _matching(pattern: str) -> list[str]:
    from ..exports.catalogue import export_ids

    return [id for id in export_ids() if fnmatch(id, pattern)]


def _list(patterns: tuple[str, ...]) -> None:
    from ..exports.catalogue import export, export_ids
    from ..exports.source import call, evidence

    chosen = {id: None for name in patterns for id in _matching(name) or (export(name).id,)}
    for id in chosen or export_ids():
        found = export(id)
        domain = ", ".join(argument.interval for argument in found.arguments)
        click.secho(id, bold=True)
        for line in (*(call(part.routine) for part in found.parts), domain, evidence(found)):
            click.echo(f"    {line}")

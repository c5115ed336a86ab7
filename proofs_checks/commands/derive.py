"""``logitreg derive``: everything that follows from a penalty."""

from __future__ import annotations

from pathlib import Path

import click

from ..terminal import out, progress, say_all

__all__ = ["command"]


# An expression may begin with a minus sign, which is no option.
@click.command("derive", context_settings={"ignore_unknown_options": True})
@click.argument("expression")
@click.option(
    "--set",
    "values",
    multiple=True,
    metavar="NAME=VALUE",
    help="The value of a parameter of a catalogue penalty, such as delta=2.",
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Also write the derivation as a page, derivation.html, into this folder.",
)
def command(expression: str, values: tuple[str, ...], output: Path | None) -> None:
    """Derive everything that follows from a penalty f(z): EXPRESSION in z, or a catalogue name.

    \b
    logitreg derive quadratic
    logitreg derive "log(cosh(z))"
    logitreg derive huber --set delta=2
    """
    from ...theory.penalties import penalty
    from ..analysis import STAGES, analyse, facts

    with progress(len(STAGES), "deriving") as advance:
        analysis = analyse(penalty(expression, **_parameters(values)), advance)
    say_all(facts(analysis))
    if output is not None:
        from ..gallery import derivation_page

        output.mkdir(parents=True, exist_ok=True)
        page = output / "derivation.html"
        page.write_text(derivation_page(analysis), encoding="utf-8")
        out.print(f"\nWrote {page}.")


def _parameters(values: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for text in values:
        name, equals, value = text.partition("=")
        try:
            float(value)
        except ValueError:
            equals = ""
        if not equals:
            raise click.BadParameter(f"{text!r}; expected NAME=NUMBER, such as delta=2")
        found[name.strip()] = value.strip()
    return found

"""``logitreg explore``: a page to play with in a browser."""

from __future__ import annotations

from pathlib import Path

import click

from ..terminal import out

__all__ = ["command"]


@click.command("explore")
@click.option(
    "--penalty",
    "penalties",
    multiple=True,
    metavar="F(Z)",
    help="A penalty of your own, beside the catalogue's; may be repeated. The first is shown.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("explore.html"),
    show_default=True,
    help="The page.",
)
def command(penalties: tuple[str, ...], output: Path) -> None:
    """Write one self-contained page: choose a penalty, move its strength and the data, and watch.

    \b
    logitreg explore
    logitreg explore --penalty "z^2 + log(cosh(z/2))"

    The functions of a --penalty are exported, their error measured. Where there is a report.html
    beside it, the page links to it.
    """
    from ..explore import write_explore_page

    out.print(f"Wrote {write_explore_page(output, penalties)}.")

"""``logitreg figures``: the source's figures, theory as lines, simulation as points."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from ..terminal import counted, err, out

__all__ = ["command"]

_INTERRUPTED = 130


@click.command("figures")
@click.argument("numbers", nargs=-1, type=int, metavar="[FIG]...")
@click.option("--list", "listed", is_flag=True, help="List the figures and their settings.")
@click.option(
    "--small", is_flag=True, help="Simulate small samples: each figure takes minutes at most."
)
@click.option(
    "--data",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Embeddings (.npz, .csv, .parquet) for figures 3 and 9; by default the digits.",
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("logitreg-figures"),
    show_default=True,
    help="The folder for NN.svg, NN.png, NN.txt and index.html.",
)
def command(
    numbers: tuple[int, ...], listed: bool, small: bool, data: Path | None, output: Path
) -> None:
    """Draw the figures FIG of Beck et al. 2026, or all, with their theory.

    \b
    logitreg figures --list
    logitreg figures 6 15 --small
    logitreg figures 9 --data embeddings.npz

    A caption says what was simulated, with its seeds, and where the source's text and its settings
    disagree. Full size takes as long as the source's simulations; finished figures are kept when it
    is interrupted.
    """
    from rich.text import Text

    from ..figures.catalogue import FIGURES, entry

    chosen = [entry(number) for number in (sorted(set(numbers)) or FIGURES)]
    if listed:
        for figure in chosen:
            out.print(Text.assemble((f"{figure.number:>2}", "bold"), f"  {figure.title}"))
            out.print(f"    {figure.settings}")
        return
    if data is not None:
        _check_data(data, chosen, [n for n in FIGURES if FIGURES[n].data])
    from ..figures.page import write_page

    output.mkdir(parents=True, exist_ok=True)
    done = []
    try:
        for figure in chosen:
            svg, caption = _draw(figure, small, data, output)
            done.append((figure.number, figure.title, svg, caption))
            write_page(done, output / "index.html")
    except KeyboardInterrupt:
        kept = f"{len(done)} of {counted(len(chosen), 'figure')}"
        err.print(f"Interrupted: kept {kept} in {output}.", soft_wrap=True)
        raise SystemExit(_INTERRUPTED) from None
    out.print(f"Wrote {counted(len(done), 'figure')} and index.html to {output}.", soft_wrap=True)


def _check_data(data: Path, chosen: Sequence[Any], drawn_from_data: Sequence[int]) -> None:
    """Refuse, before anything is simulated, a file that is not used or cannot be read."""
    from ...numerics.datasets import read_file

    if not any(figure.data for figure in chosen):
        expected = " or ".join(map(str, drawn_from_data))
        raise click.UsageError(f"no figure here is drawn from --data; expected figure {expected}")
    read_file(data)


def _draw(figure: Any, small: bool, data: Path | None, output: Path) -> tuple[Path, str]:
    from rich.progress import Progress

    from ..figures.catalogue import compute
    from ..figures.draw import save

    size = figure.small if small else figure.full
    with Progress(console=err, transient=True) as bar:

        def track(items: Sequence[Any]) -> Iterable[Any]:
            return bar.track(items, description=f"figure {figure.number}")

        found = compute(figure, size, track, data)
    name = f"{figure.number:02d}"
    svg, _ = save(found, name, output)
    text = f"Figure {figure.number}. {figure.title}. {found.caption}"
    (output / f"{name}.txt").write_text(text + "\n", encoding="utf-8")
    out.print(f"Figure {figure.number}: {figure.title}")
    return svg, found.caption

"""What the commands share: where they print, how a fact looks, and progress."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console

__all__ = ["err", "out", "progress", "say", "say_all"]

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def say_all(facts: Sequence[tuple[str, Sequence[tuple[str, str]]]]) -> None:
    """Print titles, each with its labelled facts."""
    for title, lines in facts:
        out.rule(f"[bold]{title}", align="left")
        for label, text in lines:
            say(label, text)


def say(label: str, text: str) -> None:
    """Print one labelled fact, wrapped beside its label."""
    from rich.table import Table
    from rich.text import Text

    line = Table.grid(padding=(0, 1))
    line.add_column(width=16, style="bold", no_wrap=True)
    line.add_column(overflow="fold")
    line.add_row(label, Text(text))
    out.print(line)


@contextmanager
def progress(total: int | None) -> Iterator[Callable[[str], None]]:
    """A bar on the error stream; call what it gives with the name of each finished piece."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("verifying"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[latest]}"),
    )
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("", total=total, latest="")
        yield lambda latest: bar.update(task, advance=1, latest=latest)

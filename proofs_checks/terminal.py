"""What the commands share: where they print, how a fact looks, and progress."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

__all__ = ["counted", "err", "out", "progress", "say", "say_all"]

# Paths and expressions are printed as they are: brackets and colons mean nothing here.
out = Console(highlight=False, markup=False, emoji=False)
err = Console(stderr=True, highlight=False, markup=False, emoji=False)


def counted(number: int, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "row"), counted(0, "row")
    ('1 row', '0 rows')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def say_all(facts: Sequence[tuple[str, Sequence[tuple[str, str]]]]) -> None:
    """Print titles, each with its labelled facts."""
    for title, lines in facts:
        out.rule(Text(title, "bold"), align="left")
        for label, text in lines:
            say(label, text)


def say(label: str, text: str) -> None:
    """Print one labelled fact, wrapped beside its label."""
    from rich.table import Table

    line = Table.grid(padding=(0, 1))
    line.add_column(width=16, style="bold", no_wrap=True)
    line.add_column(overflow="fold")
    line.add_row(label, Text(text))
    out.print(line)


@contextmanager
def progress(total: int | None, doing: str = "verifying") -> Iterator[Callable[[str], None]]:
    """A bar on the error stream; call what it gives with the name of each finished piece."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn(doing),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[latest]}"),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task("", total=total, latest="")
        yield lambda latest: bar.update(task, advance=1, latest=latest)

"""``logitreg verify``: judge every claim, write the ledger and its report."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..terminal import counted, err, out, progress

if TYPE_CHECKING:
    from ..ledger import Ledger
    from ..mutants import MutantReport
    from ..plots import Figure

__all__ = ["command"]

_DEVIATION = 1


@click.command("verify")
@click.argument("claims", nargs=-1, metavar="[CLAIM]...")
@click.option(
    "--claim",
    "more",
    multiple=True,
    metavar="CLAIM",
    help="The same as the argument CLAIM, for scripts.",
)
@click.option(
    "--quick",
    is_flag=True,
    help="Leave out controls and figures and, unless named, claims that rest on simulations.",
)
@click.option(
    "--mutants", is_flag=True, help="Test the checks instead: do they notice a changed formula?"
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("logitreg-report"),
    show_default=True,
    help="The folder for report.html, ledger.json and explore.html, or for mutants.json.",
)
def command(
    claims: tuple[str, ...], more: tuple[str, ...], quick: bool, mutants: bool, output: Path
) -> None:
    """Derive, check and judge every claim, or those that match CLAIM (such as 'beck.*').

    With --mutants, change one symbol, sign or number of each formula that is supported, and see
    that the checks reject it.

    Exit status: 0 if every verdict and grade is the one that this version records and every control
    is rejected, or every mutant that is not proved true is rejected; 1 if not; 2 for bad input.
    """
    from ..workers import start

    start()
    from ..ledger import select, verify

    ids = select(claims + more) if claims + more else None
    output.mkdir(parents=True, exist_ok=True)
    if mutants:
        return _verify_mutants(ids, output)
    with progress(len(ids) if ids is not None else None) as advance:
        ledger = verify(
            ids,
            controls=not quick,
            simulations=ids is not None or not quick,
            workers=os.cpu_count() or 1,
            on_entry=lambda entry: advance(entry.id),
        )
    out.print(_ledger_table(ledger))
    ledger.write(output / "ledger.json")
    _write_pages(ledger, output, quick=quick)
    beside = "ledger.json" if quick else "ledger.json and explore.html"
    out.print(f"\nWrote {output / 'report.html'}, with {beside} beside it.", soft_wrap=True)
    if ledger.left_out:
        out.print(f"Left out, since they rest on simulations: {', '.join(ledger.left_out)}.")
    deviations = ledger.deviations()
    for deviation in deviations:
        err.print(f"DEVIATION {deviation}", style="bold red")
    if deviations:
        raise SystemExit(_DEVIATION)
    verdicts = "The verdict is" if len(ledger) == 1 else f"All {len(ledger)} verdicts are"
    out.print(f"{verdicts} as recorded; {_controls_line(ledger)}.")


def _verify_mutants(ids: tuple[str, ...] | None, output: Path) -> None:
    from ..mutants import try_mutants, write

    with progress(len(ids) if ids is not None else None) as advance:
        reports = try_mutants(
            ids, workers=os.cpu_count() or 1, on_report=lambda report: advance(report.id)
        )
    out.print(_mutants_table(reports))
    write(reports, output / "mutants.json")
    out.print(f"\nWrote {output / 'mutants.json'}.", soft_wrap=True)
    survivors = [(report.id, trial) for report in reports for trial in report.survivors]
    for id, trial in survivors:
        err.print(f"SURVIVOR {id}: {trial.change}", style="bold red")
    if survivors:
        raise SystemExit(_DEVIATION)
    tried = counted(sum(map(len, reports)), "mutant")
    out.print(f"Of {tried}, none survived that is not proved true.")


def _mutants_table(reports: Sequence[MutantReport]) -> object:
    from rich.table import Table

    from ..mutants import Fate

    table = Table(box=None, pad_edge=False, header_style="bold", show_footer=True)
    totals = [str(sum(report.count(fate) for report in reports)) for fate in Fate]
    table.add_column("claim", "total", overflow="fold")
    table.add_column("mutants", str(sum(map(len, reports))), justify="right", no_wrap=True)
    for fate, total in zip(Fate, totals, strict=True):
        width = max(map(len, fate.value.split()))
        table.add_column(fate.value, total, justify="right", width=width)
    for report in reports:
        counts = (str(report.count(fate)) for fate in Fate)
        table.add_row(report.id, str(len(report)), *counts)
    return table


def _ledger_table(ledger: Ledger) -> object:
    from rich.table import Table
    from rich.text import Text

    style = {
        "holds": "green",
        "holds if": "yellow",
        "misprinted": "magenta",
        "refuted": "red",
        "open": "bold red",
    }
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("claim", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("grade")
    table.add_column("controls", justify="right")
    table.add_column("seconds", justify="right")
    for entry in ledger:
        verdict, controls = entry.verdict.value, entry.controls
        table.add_row(
            entry.id,
            Text(verdict, style[verdict]),
            entry.grade,
            f"{controls.rejected}/{controls.total}" if controls.total else "-",
            f"{entry.seconds:.2f}",
        )
    return table


def _controls_line(ledger: Ledger) -> str:
    total = sum(entry.controls.total for entry in ledger)
    if total == 0:
        return "no controls were tried"
    return "its control was rejected" if total == 1 else f"all {total} controls were rejected"


def _write_pages(ledger: Ledger, output: Path, *, quick: bool) -> None:
    """The report and, unless in a hurry, its figures and the page to play with."""
    from ..recorded_sections import recorded_sections
    from ..report import render_report

    figures: tuple[Figure, ...] = ()
    if not quick:
        from ..gallery import catalogue_figures

        figures = catalogue_figures()
    page = render_report(
        ledger,
        figures=figures,
        left_out=ledger.left_out,
        recorded=recorded_sections(),
        explore=not quick,
    )
    (output / "report.html").write_text(page, encoding="utf-8")
    if not quick:
        from ..explore import write_explore_page

        # After the report, to which it links if it is there.
        write_explore_page(output / "explore.html")

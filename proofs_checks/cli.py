"""The command ``logitreg``: verify, show, derive, align."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from .. import __version__
from ..errors import LogitregError

if TYPE_CHECKING:
    from .claim import Entry
    from .ledger import Ledger
    from .mutants import MutantReport

__all__ = ["main"]

_DEVIATION = 1
_BAD_INPUT = 2
_INTERRUPTED = 130

_out = Console(highlight=False)
_err = Console(stderr=True, highlight=False)


class _Commands(click.Group):
    """A group that turns typed errors into one clear message and an exit status."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except LogitregError as error:
            _err.print(f"[bold red]{type(error).__name__}[/]: ", end="")
            _err.print(str(error), markup=False)
            ctx.exit(_BAD_INPUT)
        except KeyboardInterrupt:
            _err.print("Interrupted; nothing was written.")
            ctx.exit(_INTERRUPTED)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="logitreg")
def main() -> None:
    """Verified theory of logit regularisation.

    Derive, check and report the statements of the literature; do the same for a penalty of your
    own; certify how far a linear classifier is from Fisher's discriminant.
    """


@main.command()
@click.argument("claims", nargs=-1, metavar="[CLAIM]...")
@click.option(
    "--claim", "more", multiple=True, metavar="CLAIM", help="A claim, like the arguments."
)
@click.option("--quick", is_flag=True, help="Leave out the controls (the false variants).")
@click.option(
    "--mutants", is_flag=True, help="Test the checks instead: do they notice a changed formula?"
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("logitreg-report"),
    show_default=True,
    help="The folder for report.html and ledger.json, or mutants.json.",
)
def verify(
    claims: tuple[str, ...], more: tuple[str, ...], quick: bool, mutants: bool, output: Path
) -> None:
    """Derive, check and judge every claim, or those that match CLAIM (such as 'beck.*').

    With --mutants, change one symbol, sign or number of each formula that is supported, and see
    that the checks reject it.

    Exit status: 0 if every verdict and grade is the one that this version records and every control
    is rejected, or every mutant that is not proved true is rejected; 1 if not; 2 for bad input.
    """
    from .ledger import select, verify

    ids = select(claims + more) if claims + more else None
    output.mkdir(parents=True, exist_ok=True)
    if mutants:
        return _verify_mutants(ids, output)
    with _progress(len(ids) if ids is not None else None) as advance:
        ledger = verify(
            ids,
            controls=not quick,
            workers=os.cpu_count() or 1,
            on_entry=lambda entry: advance(entry.id),
        )
    _out.print(_ledger_table(ledger))
    ledger.write(output / "ledger.json")
    _write_report(ledger, output / "report.html")
    _out.print(f"\nWrote {output / 'report.html'} and {output / 'ledger.json'}.")
    deviations = ledger.deviations()
    for deviation in deviations:
        _err.print(f"DEVIATION {deviation}", style="bold red", markup=False)
    if deviations:
        raise SystemExit(_DEVIATION)
    _out.print(f"All {len(ledger)} verdicts are as recorded; {_controls_line(ledger)}.")


@contextmanager
def _progress(total: int | None) -> Iterator[Callable[[str], None]]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("verifying"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[latest]}"),
    )
    with Progress(*columns, console=_err, transient=True) as progress:
        task = progress.add_task("", total=total, latest="")
        yield lambda latest: progress.update(task, advance=1, latest=latest)


def _verify_mutants(ids: tuple[str, ...] | None, output: Path) -> None:
    from .mutants import try_mutants, write

    with _progress(len(ids) if ids is not None else None) as advance:
        reports = try_mutants(
            ids, workers=os.cpu_count() or 1, on_report=lambda report: advance(report.id)
        )
    _out.print(_mutants_table(reports))
    write(reports, output / "mutants.json")
    _out.print(f"\nWrote {output / 'mutants.json'}.")
    survivors = [(report.id, trial) for report in reports for trial in report.survivors]
    for id, trial in survivors:
        _err.print(f"SURVIVOR {id}: {trial.change}", style="bold red", markup=False)
    if survivors:
        raise SystemExit(_DEVIATION)
    _out.print(f"No mutant survived that is not proved true, of {sum(map(len, reports))}.")


def _mutants_table(reports: Sequence[MutantReport]) -> object:
    from rich.table import Table

    from .mutants import Fate

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
    table.add_column("rejects", justify="right")
    table.add_column("seconds", justify="right")
    for entry in ledger:
        verdict = entry.verdict.value
        table.add_row(
            entry.id,
            f"[{style[verdict]}]{verdict}[/]",
            entry.grade,
            f"{entry.controls.rejected}/{entry.controls.total}",
            f"{entry.seconds:.2f}",
        )
    return table


def _controls_line(ledger: Ledger) -> str:
    total = sum(entry.controls.total for entry in ledger)
    return f"all {total} controls were rejected" if total else "no controls were tried"


def _write_report(ledger: Ledger, path: Path) -> None:
    from .gallery import catalogue_figures
    from .report import write_report

    write_report(ledger, path, figures=catalogue_figures())


@main.command()
@click.argument("claim")
def show(claim: str) -> None:
    """One claim: its statement, derivation, evidence, witness and controls."""
    from .ledger import verify

    for entry in verify([claim]):
        _print_entry(entry)


def _print_entry(entry: Entry) -> None:
    _out.rule(f"[bold]{entry.id}")
    _say("statement", entry.statement)
    _say("source", entry.source)
    for hypothesis in entry.hypotheses:
        _say("hypothesis", hypothesis)
    _say("verdict", f"{entry.verdict.value}, {entry.grade}")
    if entry.corrected:
        _say("corrected", entry.corrected)
    if entry.witness:
        _say("witness", entry.witness)
    for step in entry.derivation or ():
        _say("step", f"{step.rule}:")
        _say("", f"    {step.expression}")
    for piece in entry.evidence:
        _say("evidence", f"{piece.grade}, {piece.method} ({piece.seconds:.2f} s): {piece.detail}")
    for text, how in entry.controls.details:
        _say("control", f"{text}: {how}")


def _say(label: str, text: str) -> None:
    from rich.table import Table
    from rich.text import Text

    line = Table.grid(padding=(0, 1))
    line.add_column(width=16, style="bold", no_wrap=True)
    line.add_column(overflow="fold")
    line.add_row(label, Text(text))
    _out.print(line)


# An expression may begin with a minus sign, which is no option.
@main.command(context_settings={"ignore_unknown_options": True})
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
def derive(expression: str, values: tuple[str, ...], output: Path | None) -> None:
    """Derive everything that follows from a penalty f(z): EXPRESSION in z, or a catalogue name.

    \b
    logitreg derive quadratic
    logitreg derive "log(cosh(z))"
    logitreg derive huber --set delta=2
    """
    from ..theory.penalties import penalty
    from .analysis import analyse
    from .analysis import facts as penalty_facts

    analysis = analyse(penalty(expression, **_parameters(values)))
    for title, facts in penalty_facts(analysis):
        _out.rule(f"[bold]{title}", align="left")
        for label, text in facts:
            _say(label, text)
    if output is not None:
        from .gallery import derivation_page

        output.mkdir(parents=True, exist_ok=True)
        page = output / "derivation.html"
        page.write_text(derivation_page(analysis), encoding="utf-8")
        _out.print(f"\nWrote {page}.")


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


@main.command()
@click.argument("data", required=False)
@click.option("--dataset", metavar="NAME", help="A set that scikit-learn bundles, such as digits.")
@click.option("--target", metavar="COLUMN", help="The column or array that holds the labels.")
@click.option("--penalty", default="quadratic", show_default=True, help="A name or an expression.")
@click.option(
    "--alpha", type=float, default=0.1, show_default=True, help="The strength, in (0, 1)."
)
@click.option("--no-bias", is_flag=True, help="Train without an intercept.")
def align(
    data: str | None,
    dataset: str | None,
    target: str | None,
    penalty: str,
    alpha: float,
    no_bias: bool,
) -> None:
    """Train on DATA (.npz, .csv, .parquet) and certify the alignment with Fisher's direction.

    Prints the logits, their target and how they cluster around it, and the angle between the
    trained weights and Fisher's direction with a proven bound on it.
    """
    from ..numerics.datasets import bundled, read_file
    from .certificate import certify

    if (data is None) == (dataset is None):
        raise click.UsageError("expected a file, or --dataset NAME, and not both")
    loaded = bundled(dataset) if dataset is not None else read_file(data or "", target)
    for title, facts in certify(loaded, penalty=penalty, alpha=alpha, bias=not no_bias):
        _out.rule(f"[bold]{title}", align="left")
        for label, text in facts:
            _say(label, text)

"""``logitreg show``: one claim with everything that speaks for it or against it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..terminal import out, say

if TYPE_CHECKING:
    from ..claim import Entry

__all__ = ["command"]


@click.command("show")
@click.argument("claim")
def command(claim: str) -> None:
    """Show CLAIM: its statement, derivation, evidence, witness and controls.

    \b
    logitreg show beck.lower-bound
    logitreg show 'primer.*'

    It is derived and checked anew; `logitreg verify` lists the claims.
    """
    from ..ledger import verify

    for entry in verify([claim]):
        _print_entry(entry)


def _print_entry(entry: Entry) -> None:
    from rich.text import Text

    from ..report import hypotheses_and_arguments

    hypotheses, arguments = hypotheses_and_arguments(entry)
    out.rule(Text(entry.id, "bold"))
    say("statement", entry.statement)
    say("source", entry.source)
    for hypothesis in hypotheses:
        say("hypothesis", hypothesis)
    for argument in arguments:
        say("argued in prose", f"{argument} (not checked by machine)")
    say("verdict", f"{entry.verdict.value}, {entry.grade}")
    if entry.corrected:
        say("corrected", entry.corrected)
    if entry.witness:
        say("witness", entry.witness)
    for step in entry.derivation or ():
        say("step", f"{step.rule}:")
        say("", f"    {step.expression}")
    for piece in entry.evidence:
        say("evidence", f"{piece.grade}, {piece.method} ({piece.seconds:.2f} s): {piece.detail}")
    for text, how in entry.controls.details:
        say("control", f"{text}: {how}")

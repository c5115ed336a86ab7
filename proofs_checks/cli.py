"""The command ``logitreg``: a group that loads a subcommand when it is called."""

from __future__ import annotations

from importlib import import_module

import click

from .. import __version__
from ..errors import LogitregError
from .terminal import err

__all__ = ["main"]

_BAD_INPUT = 2
_INTERRUPTED = 130

_SUMMARIES = {
    "verify": "Derive, check and judge every claim; write report.html and ledger.json.",
    "show": "One claim: statement, derivation, evidence, witness and controls.",
    "derive": "Derive everything that follows from a penalty of your own.",
    "export": "Write formulas as source text: NumPy, PyTorch, JAX, C, JavaScript, LaTeX.",
    "figures": "Draw the sources' figures: theory as lines, simulation as points.",
    "explore": "Write a page to play with: loss, target, clustering, accuracy, benefit.",
    "sweep": "Compute a grid of experiments; go on where it was stopped.",
    "align": "Certify how far a linear classifier is from Fisher's discriminant.",
}
"""The subcommands in the order of the help, which imports none of them."""


class _Commands(click.Group):
    """Loads subcommands lazily; turns typed errors into one clear message and an exit status."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_SUMMARIES)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _SUMMARIES:
            return None
        found: click.Command = import_module(f".commands.{name}", __package__).command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_SUMMARIES.items()))

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except LogitregError as error:
            err.print(f"[bold red]{type(error).__name__}[/]: ", end="")
            err.print(str(error), markup=False)
            ctx.exit(_BAD_INPUT)
        except KeyboardInterrupt:
            err.print("Interrupted; nothing was written.")
            ctx.exit(_INTERRUPTED)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="logitreg")
def main() -> None:
    """Verified theory of logit regularisation.

    Derive, check and report the statements of the literature; do the same for a penalty of your
    own; certify how far a linear classifier is from Fisher's discriminant.
    """

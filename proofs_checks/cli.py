"""The command ``logitreg``: a group that loads a subcommand when it is called."""

from __future__ import annotations

import errno
from difflib import get_close_matches
from importlib import import_module

import click
from rich.text import Text

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

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in _SUMMARIES and (near := get_close_matches(args[0], _SUMMARIES, n=1)):
            ctx.fail(f"No such command {args[0]!r}. Did you mean {near[0]!r}?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_SUMMARIES.items()))

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except LogitregError as error:
            _say_error(type(error).__name__, str(error))
            ctx.exit(_BAD_INPUT)
        except OSError as error:
            if error.errno == errno.EPIPE:  # the reader has gone, as in `| head`
                raise
            file = "a file" if error.filename is None else repr(str(error.filename))
            _say_error(
                type(error).__name__,
                f"{file} cannot be used: {error.strerror or error}; expected a place that can be "
                "read and written; check the path, its permissions and the space on the disk",
            )
            ctx.exit(_BAD_INPUT)
        except KeyboardInterrupt:
            err.print("Interrupted; nothing was written.")
            ctx.exit(_INTERRUPTED)


def _say_error(name: str, message: str) -> None:
    err.print(Text.assemble((name, "bold red"), f": {message}"))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="logitreg")
def main() -> None:
    """Verified theory of logit regularisation.

    Derive, check and report the statements of the literature; do the same for a penalty of your
    own; certify how far a linear classifier is from Fisher's discriminant.
    """

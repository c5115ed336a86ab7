"""``logitreg align``: how far a trained classifier is from Fisher's discriminant."""

from __future__ import annotations

import click

from ..terminal import say_all

__all__ = ["command"]


@click.command("align")
@click.argument("data", required=False)
@click.option("--dataset", metavar="NAME", help="A set that scikit-learn bundles, such as digits.")
@click.option("--target", metavar="COLUMN", help="The column or array that holds the labels.")
@click.option("--penalty", default="quadratic", show_default=True, help="A name or an expression.")
@click.option(
    "--alpha", type=float, default=0.1, show_default=True, help="The strength, in (0, 1)."
)
@click.option("--no-bias", is_flag=True, help="Train without an intercept.")
def command(
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
    from ...numerics.datasets import bundled, read_file
    from ..certificate import certify

    if (data is None) == (dataset is None):
        raise click.UsageError("expected a file, or --dataset NAME, and not both")
    loaded = bundled(dataset) if dataset is not None else read_file(data or "", target)
    say_all(certify(loaded, penalty=penalty, alpha=alpha, bias=not no_bias))

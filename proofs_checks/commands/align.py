"""``logitreg align``: how far a trained classifier is from Fisher's discriminant."""

from __future__ import annotations

import click

from ..terminal import say_all

__all__ = ["command"]


@click.command("align")
@click.argument("data", required=False)
@click.option(
    "--dataset",
    metavar="NAME",
    help="A set that comes with scikit-learn: breast_cancer, digits, iris or wine.",
)
@click.option(
    "--target",
    metavar="COLUMN",
    help="The column, or array of a .npz, that holds the labels.  [default: the one called y, "
    "label, target or class, else the last]",
)
@click.option(
    "--penalty",
    metavar="F(Z)",
    default="quadratic",
    show_default=True,
    help="A name in the catalogue, or a convex expression in the logit z.",
)
@click.option(
    "--alpha",
    type=float,
    metavar="NUMBER",
    default=0.1,
    show_default=True,
    help="The strength of the penalty, in (0, 1).",
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

    \b
    logitreg align table.csv --target diagnosis
    logitreg align --dataset breast_cancer --penalty label-smoothing --alpha 0.2

    Prints the logits, their target and how they cluster around it, and the angle between the
    trained weights and Fisher's direction with a proven bound on it.

    A .csv begins with a line of names; labels are words or whole numbers, features are numbers. A
    .npz holds the arrays X (n_samples, n_features) and y (n_samples,).
    """
    from ...numerics.datasets import bundled, load_dataset
    from ...numerics.losses import check_alpha
    from ..certificate import certify

    if (data is None) == (dataset is None):
        raise click.UsageError("expected a file, or --dataset NAME, and not both")
    if dataset is not None and target is not None:
        raise click.UsageError("--target names a column of a file; expected none with --dataset")
    check_alpha(alpha, zero=False)
    loaded = bundled(dataset) if dataset is not None else load_dataset(data or "", target)
    say_all(certify(loaded, penalty=penalty, alpha=alpha, bias=not no_bias))

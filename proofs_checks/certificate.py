"""A data set's certificate: how its logits cluster, how far training is from Fisher's direction."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from decimal import ROUND_CEILING, Context

from ..errors import DataError, RankDeficientError
from ..numerics.alignment import AlignmentCertificate, alignment
from ..numerics.datasets import Dataset
from ..numerics.fit import FitResult, fit

__all__ = ["certify"]

_SHOWN = 10

Facts = tuple[tuple[str, str], ...]


def certify(
    data: Dataset, *, penalty: str, alpha: float, bias: bool
) -> tuple[tuple[str, Facts], ...]:
    """Train on a data set and certify the alignment, as titled lists of (label, text).

    Raises
    ------
    DataError : no two samples have the same label.
    RankDeficientError : the message names the features that depend on others.
    """
    if max(Counter(data.y.tolist()).values()) == 1:
        raise DataError(
            f"every sample of {data.name!r} has a label of its own in {data.target!r}; expected "
            "classes of several samples; name the labels by target"
        )
    try:
        result = fit(data.X, data.y, penalty=penalty, alpha=alpha, bias=bias)
        certificate = alignment(
            data.X, result.weights, data.y, penalty=penalty, alpha=alpha, bias=result.bias
        )
    except RankDeficientError as error:
        raise _with_names(error, data) from error
    return (
        (f"data {data.name}", _data_facts(data, result)),
        (f"training loss, penalty {penalty}, alpha = {alpha}", _fit_facts(result)),
        ("logits: how far they favour the true class", _logit_facts(certificate)),
        ("alignment with Fisher's direction", _angle_facts(certificate)),
    )


def _with_names(error: RankDeficientError, data: Dataset) -> RankDeficientError:
    # A bias is one more column, without a name.
    names = [data.feature_names[i] for i in error.columns if i < len(data.feature_names)]
    if not names:
        return error
    return type(error)(
        f"{data.name!r} has features that are linear combinations of the others (and the bias): "
        f"{_shortened(names)}; expected linearly independent ones; drop these",
        error.columns,
    )


def _shortened(names: Iterable[object]) -> str:
    texts = list(map(str, names))
    return ", ".join(texts[:_SHOWN]) + (", ..." if len(texts) > _SHOWN else "")


def _data_facts(data: Dataset, result: FitResult) -> Facts:
    assert result.classes is not None
    dropped = f" (constant, left out: {_shortened(data.dropped)})" if data.dropped else ""
    return (
        ("samples", str(data.X.shape[0])),
        ("features", f"{data.X.shape[1]}{dropped}"),
        (
            "classes",
            f"{len(result.classes)} in {data.target!r}: {_shortened(result.classes.tolist())}",
        ),
    )


def _fit_facts(result: FitResult) -> Facts:
    return (
        ("loss", f"{result.loss:.12g}"),
        ("residual", f"{result.residual:.1e} of the sample gradients (0 at the minimum)"),
        ("iterations", str(result.iterations)),
    )


def _logit_facts(certificate: AlignmentCertificate) -> Facts:
    target = certificate.target
    if isinstance(target, tuple):
        low, high = target
        shown, margin = f"{high:.6g} for the true class, {low:.6g} for each other", high - low
    else:
        shown, margin = f"{target:.6g}", target
    mean, deviation = certificate.logit_mean, certificate.logit_deviation
    spread = f"deviation/mean = {deviation / mean:.6g} (0 if all margins were equal)"
    return (
        ("target", f"{shown}, where the loss of one sample is least"),
        ("margin", f"mean {mean:.6g}, deviation {deviation:.6g}; at the target {margin:.6g}"),
        ("range", f"{certificate.logit_min:.6g} to {certificate.logit_max:.6g}"),
        ("clustering", spread if mean > 0 else "none: the mean margin is not positive"),
        ("accuracy", f"{certificate.accuracy:.4f} on these samples"),
    )


def _angle_facts(certificate: AlignmentCertificate) -> Facts:
    sine = math.sin(certificate.angle)
    low, high = certificate.curvature
    return (
        ("angle", f"{math.degrees(certificate.angle):.6g} degrees, sine {sine:.6g} (measured)"),
        ("curvature bound", _bound(certificate.bound)),
        ("linearity bound", _bound(certificate.linearity_bound)),
        ("epsilon", f"{certificate.epsilon:.6g}, curvatures from {low:.6g} to {high:.6g}"),
        ("variation r", f"{certificate.variation:.6g} of Fisher's logits"),
        ("gradient", f"adds {certificate.gradient_part:.1e} to the curvature bound"),
        ("verdict", _verdict(certificate)),
    )


def _bound(bound: float) -> str:
    if bound < 1:
        return f"sine <= {_above(bound, 6)}"
    return "says nothing here (at least 1): the logits do not cluster enough"


def _verdict(certificate: AlignmentCertificate) -> str:
    if certificate.vacuous or certificate.angle + certificate.angle_error >= math.pi / 2:
        return "nothing is proved about the angle; try a larger alpha"
    sine = min(certificate.bound, certificate.linearity_bound)
    # The margin covers the rounding of the arc sine.
    degrees = _above(math.degrees(math.asin(sine)) * (1 + 1e-12), 3)
    return f"at most {degrees} degrees off: proved, rounding included"


def _above(value: float, digits: int) -> str:
    """A number rounded up, so that what is proved of it holds as printed.

    >>> _above(0.1361341, 6)
    '0.136135'
    """
    return f"{Context(prec=digits, rounding=ROUND_CEILING).create_decimal_from_float(value):g}"

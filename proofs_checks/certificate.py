"""A data set's certificate: how its logits cluster, how far training is from Fisher's direction."""

from __future__ import annotations

import math

from ..numerics.alignment import AlignmentCertificate, alignment
from ..numerics.datasets import Dataset
from ..numerics.fit import FitResult, fit

__all__ = ["certify"]

Facts = tuple[tuple[str, str], ...]


def certify(
    data: Dataset, *, penalty: str, alpha: float, bias: bool
) -> tuple[tuple[str, Facts], ...]:
    """Train on a data set and certify the alignment, as titled lists of (label, text)."""
    result = fit(data.X, data.y, penalty=penalty, alpha=alpha, bias=bias)
    certificate = alignment(
        data.X, result.weights, data.y, penalty=penalty, alpha=alpha, bias=result.bias
    )
    return (
        (f"data {data.name}", _data_facts(data, result)),
        (f"training loss, penalty {penalty}, alpha = {alpha}", _fit_facts(result)),
        ("logits", _logit_facts(certificate)),
        ("alignment with Fisher's direction", _angle_facts(certificate)),
    )


def _data_facts(data: Dataset, result: FitResult) -> Facts:
    classes = result.classes
    dropped = ", ".join(data.dropped)
    return (
        ("samples", str(data.X.shape[0])),
        (
            "features",
            f"{data.X.shape[1]}" + (f" (constant, left out: {dropped})" if dropped else ""),
        ),
        ("classes", "" if classes is None else f"{len(classes)}: {', '.join(map(str, classes))}"),
    )


def _fit_facts(result: FitResult) -> Facts:
    return (
        ("loss", f"{result.loss:.12g}"),
        ("residual", f"{result.residual:.1e} of the sample gradients"),
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
    return (
        ("target", shown),
        ("margin", f"{mean:.6g} +- {deviation:.6g} (mean, deviation), at the target {margin:.6g}"),
        ("range", f"{certificate.logit_min:.6g} to {certificate.logit_max:.6g}"),
        ("clustering", f"deviation/mean = {deviation / mean:.6g}"),
        ("accuracy", f"{certificate.accuracy:.4f} on these samples"),
    )


def _angle_facts(certificate: AlignmentCertificate) -> Facts:
    sine = math.sin(certificate.angle)
    low, high = certificate.curvature
    return (
        ("angle", f"{math.degrees(certificate.angle):.6g} degrees, sine {sine:.6g}"),
        ("bound", _bound(certificate.bound)),
        ("linearity bound", _bound(certificate.linearity_bound)),
        ("epsilon", f"{certificate.epsilon:.6g}, curvatures from {low:.6g} to {high:.6g}"),
        ("variation r", f"{certificate.variation:.6g} of Fisher's logits"),
        ("gradient", f"adds {certificate.gradient_part:.1e} to the bound"),
    )


def _bound(bound: float) -> str:
    if bound < 1:
        return f"sine <= {bound:.6g}, proved, rounding included"
    return "says nothing here (at least 1): the logits do not cluster enough"

"""logitreg: verified theory of logit regularisation.

A convex penalty on the logits gives every sample a finite target logit; training clusters the
logits around it, and clustered logits align the weights with Fisher's linear discriminant. Here
SymPy derives these statements, numerics computes them to the last bits, and proofs, certificates
and tests say why they may be believed.

>>> import logitreg as lr
>>> round(lr.target("quadratic", alpha=0.1), 6)
1.112948
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .numerics.alignment import AlignmentCertificate as AlignmentCertificate
    from .numerics.alignment import alignment as alignment
    from .numerics.fisher import fisher_direction as fisher_direction
    from .numerics.fit import FitResult as FitResult
    from .numerics.fit import fit as fit
    from .numerics.high_dimension import Asymptotics as Asymptotics
    from .numerics.high_dimension import asymptotics as asymptotics
    from .numerics.kernels import penalties as penalties
    from .numerics.signal_noise import signal_plus_noise as signal_plus_noise
    from .numerics.targets import target as target
    from .numerics.training import train as train
    from .proofs_checks.formulas import formula as formula
    from .proofs_checks.ledger import Ledger as Ledger
    from .proofs_checks.ledger import verify as verify
    from .theory.penalties import Penalty as Penalty
    from .theory.penalties import penalty as penalty

__version__ = "0.1.0"

_HOME = {
    "AlignmentCertificate": "numerics.alignment",
    "Asymptotics": "numerics.high_dimension",
    "FitResult": "numerics.fit",
    "Ledger": "proofs_checks.ledger",
    "Penalty": "theory.penalties",
    "alignment": "numerics.alignment",
    "asymptotics": "numerics.high_dimension",
    "fisher_direction": "numerics.fisher",
    "fit": "numerics.fit",
    "formula": "proofs_checks.formulas",
    "penalties": "numerics.kernels",
    "penalty": "theory.penalties",
    "signal_plus_noise": "numerics.signal_noise",
    "target": "numerics.targets",
    "train": "numerics.training",
    "verify": "proofs_checks.ledger",
}

__all__ = ["__version__", *sorted(_HOME)]


def __getattr__(name: str) -> Any:
    """Import a public name on its first use, so that ``import logitreg`` costs nothing."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

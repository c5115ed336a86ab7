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

from typing import TYPE_CHECKING

from .lazy import lazy_names

if TYPE_CHECKING:
    from .numerics.alignment import AlignmentCertificate as AlignmentCertificate
    from .numerics.alignment import alignment as alignment
    from .numerics.batched import fit_batch as fit_batch
    from .numerics.calibration import calibration_error as calibration_error
    from .numerics.class_imbalance import BiasedAsymptotics as BiasedAsymptotics
    from .numerics.class_imbalance import asymptotics_with_bias as asymptotics_with_bias
    from .numerics.classifier import LogitRegularizedClassifier as LogitRegularizedClassifier
    from .numerics.cumulant_correction import DirectionCorrection as DirectionCorrection
    from .numerics.cumulant_correction import direction_correction as direction_correction
    from .numerics.cumulant_correction import (
        sample_direction_correction as sample_direction_correction,
    )
    from .numerics.fisher import fisher_direction as fisher_direction
    from .numerics.fit import FitResult as FitResult
    from .numerics.fit import fit as fit
    from .numerics.high_dimension import Asymptotics as Asymptotics
    from .numerics.high_dimension import asymptotics as asymptotics
    from .numerics.high_precision import precise_fit as precise_fit
    from .numerics.jax_losses import (
        logit_regularized_cross_entropy as logit_regularized_cross_entropy,
    )
    from .numerics.kernels import penalties as penalties
    from .numerics.many_classes_limit import ClassAsymptotics as ClassAsymptotics
    from .numerics.many_classes_limit import asymptotics_many_classes as asymptotics_many_classes
    from .numerics.neural_collapse import collapse_metrics as collapse_metrics
    from .numerics.path import fit_path as fit_path
    from .numerics.signal_noise import signal_plus_noise as signal_plus_noise
    from .numerics.streaming import StreamingStatistics as StreamingStatistics
    from .numerics.targets import sensitivity as sensitivity
    from .numerics.targets import target as target
    from .numerics.torch_losses import LogitRegularizedCrossEntropy as LogitRegularizedCrossEntropy
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
    "BiasedAsymptotics": "numerics.class_imbalance",
    "ClassAsymptotics": "numerics.many_classes_limit",
    "DirectionCorrection": "numerics.cumulant_correction",
    "FitResult": "numerics.fit",
    "Ledger": "proofs_checks.ledger",
    "LogitRegularizedClassifier": "numerics.classifier",
    "LogitRegularizedCrossEntropy": "numerics.torch_losses",
    "Penalty": "theory.penalties",
    "StreamingStatistics": "numerics.streaming",
    "alignment": "numerics.alignment",
    "asymptotics": "numerics.high_dimension",
    "asymptotics_many_classes": "numerics.many_classes_limit",
    "asymptotics_with_bias": "numerics.class_imbalance",
    "calibration_error": "numerics.calibration",
    "collapse_metrics": "numerics.neural_collapse",
    "direction_correction": "numerics.cumulant_correction",
    "fisher_direction": "numerics.fisher",
    "fit": "numerics.fit",
    "fit_batch": "numerics.batched",
    "fit_path": "numerics.path",
    "formula": "proofs_checks.formulas",
    "logit_regularized_cross_entropy": "numerics.jax_losses",
    "penalties": "numerics.kernels",
    "penalty": "theory.penalties",
    "precise_fit": "numerics.high_precision",
    "sample_direction_correction": "numerics.cumulant_correction",
    "sensitivity": "numerics.targets",
    "signal_plus_noise": "numerics.signal_noise",
    "target": "numerics.targets",
    "train": "numerics.training",
    "verify": "proofs_checks.ledger",
}

__all__ = ["__version__", *sorted(_HOME)]

__getattr__, __dir__ = lazy_names(__name__, _HOME)

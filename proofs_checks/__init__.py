"""Why the statements may be believed, and the property-based suite for other people's code.

>>> from logitreg.proofs_checks import assert_loss
>>> import numpy as np
>>> assert_loss(lambda z: np.mean(np.logaddexp(0, -z) * 0.9 + 0.1 * z**2), penalty="quadratic",
...             alpha=0.1)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import lazy_names

if TYPE_CHECKING:
    from .assertions.alignment import assert_fisher_alignment as assert_fisher_alignment
    from .assertions.failures import ContradictionError as ContradictionError
    from .assertions.losses import assert_loss as assert_loss
    from .assertions.stationary import assert_stationary as assert_stationary
    from .assertions.targets import assert_target as assert_target
    from .strategies import alphas as alphas
    from .strategies import clustered_logits as clustered_logits
    from .strategies import embeddings as embeddings
    from .strategies import label_absorbed_data as label_absorbed_data
    from .strategies import labelled_data as labelled_data
    from .strategies import penalties as penalties

_HOME = {
    "ContradictionError": "assertions.failures",
    "alphas": "strategies",
    "assert_fisher_alignment": "assertions.alignment",
    "assert_loss": "assertions.losses",
    "assert_stationary": "assertions.stationary",
    "assert_target": "assertions.targets",
    "clustered_logits": "strategies",
    "embeddings": "strategies",
    "label_absorbed_data": "strategies",
    "labelled_data": "strategies",
    "penalties": "strategies",
}

__all__ = [*sorted(_HOME)]

__getattr__, __dir__ = lazy_names(__name__, _HOME)

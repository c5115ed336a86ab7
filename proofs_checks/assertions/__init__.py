"""Assertions for other people's code: losses, targets, trainers.

Each runs a search of Hypothesis of its own, the same in every run: call it in a plain test, with
``pytest.mark.parametrize`` for several strengths or penalties, rather than under ``@given``.
"""

from __future__ import annotations

from .alignment import assert_fisher_alignment
from .failures import ContradictionError
from .losses import assert_loss
from .stationary import assert_stationary
from .targets import assert_target

__all__ = [
    "ContradictionError",
    "assert_fisher_alignment",
    "assert_loss",
    "assert_stationary",
    "assert_target",
]

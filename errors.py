"""Typed errors: each says what was wrong, what was expected and what to do."""

from __future__ import annotations

from typing import Any

__all__ = [
    "AlphaError",
    "DataError",
    "ExpressionError",
    "FewerSamplesThanFeaturesError",
    "LogitregError",
    "MissingDependencyError",
    "NoFiniteTargetError",
    "NonFiniteError",
    "NotConvergedError",
    "NotConvexError",
    "ParameterError",
    "RankDeficientError",
    "SeparableError",
    "ShapeError",
    "SweepError",
    "UnknownNameError",
    "UnsupportedPenaltyError",
]


class LogitregError(Exception):
    """Base class of every error that logitreg raises on purpose."""


class ExpressionError(LogitregError, ValueError):
    """The text of an expression is not one of the formulas that the parser admits."""


class UnknownNameError(LogitregError, KeyError):
    """No penalty, claim, formula or data set bears this name."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class NotConvexError(LogitregError, ValueError):
    """The penalty is not convex in the logit; the message carries a witness."""


class NoFiniteTargetError(LogitregError, ValueError):
    """The per-sample loss has no finite minimiser."""


class AlphaError(LogitregError, ValueError):
    """The strength alpha is outside its interval."""


class ParameterError(LogitregError, ValueError):
    """A parameter of a penalty is outside its domain."""


class DataError(LogitregError, ValueError):
    """A data set cannot be read or used."""


class ShapeError(DataError):
    """Arrays do not have the shapes that belong together."""


class NonFiniteError(DataError):
    """An array holds NaN or infinity."""


class RankDeficientError(DataError):
    """The features are linearly dependent, so that the weights are not determined.

    Attributes
    ----------
    columns : indices of features that depend on the others, the bias last; empty if unknown.
    """

    def __init__(self, message: str, columns: tuple[int, ...] = ()) -> None:
        super().__init__(message)
        self.columns = columns


class FewerSamplesThanFeaturesError(RankDeficientError):
    """There are fewer samples than features."""


class SeparableError(DataError):
    """The data is separable and alpha is zero, so that no finite minimiser exists.

    Attributes
    ----------
    witness : weights of a separating direction, (n_features,) for two classes and
        (n_classes, n_features) for more, the bias last if one is fitted; None if unknown.
    """

    def __init__(self, message: str, witness: Any = None) -> None:
        super().__init__(message)
        self.witness = witness


class NotConvergedError(LogitregError, ArithmeticError):
    """An iteration stopped before it reached its goal."""


class MissingDependencyError(LogitregError, ImportError):
    """An optional library is needed; the message names the extra that brings it."""


class UnsupportedPenaltyError(LogitregError, ValueError):
    """The method does not apply to this penalty; the message says what does."""


class SweepError(LogitregError, ValueError):
    """A sweep cannot begin, or cannot go on; what was computed is kept."""

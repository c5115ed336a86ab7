"""Identities of matrices of symbolic size, as outcomes."""

from __future__ import annotations

from sympy import Expr

from .evidence import Outcome

__all__ = ["vanishes"]

_METHOD = "matrix algebra, symbolic size"


def vanishes(name: str, rest: Expr) -> Outcome:
    """The identity ``name`` holds if its normal form, left less right side, is zero.

    >>> from sympy import S
    >>> vanishes("P P = P", S.Zero).grade.name
    'PROVED'
    """
    if rest == 0:
        return Outcome.proved(_METHOD, name)
    return Outcome.undecided(_METHOD, f"{name} leaves {rest}")

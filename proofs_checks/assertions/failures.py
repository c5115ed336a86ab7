"""How an assertion fails: what was expected, what came, on which example, and what to read next."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["CLAIMS", "ContradictionError", "number", "shown", "target_claim"]

CLAIMS: Mapping[str, str] = {
    "beck.finite-target": "for alpha > 0 the loss has one finite minimiser",
    "beck.ls-binary": "two classes: targets (1 - eps, eps) are the loss of strength alpha = 2 eps",
    "beck.ls-multiclass": "label smoothing is (1 - alpha) CE + alpha (logsumexp(z) - mean(z))",
    "beck.weight-decay": "weight decay is another loss than a penalty on the logits",
    "catalogue.target-absolute": "f = |z|: where (1 - alpha) CE + alpha f is least",
    "catalogue.target-box": "f = box: where (1 - alpha) CE + alpha f is least",
    "catalogue.target-cosh": "f = cosh z: where (1 - alpha) CE + alpha f is least",
    "catalogue.target-elastic": "f = elastic: where (1 - alpha) CE + alpha f is least",
    "catalogue.target-huber": "f = huber: where (1 - alpha) CE + alpha f is least",
    "catalogue.target-log-cosh": "f = log cosh z: where (1 - alpha) CE + alpha f is least",
    "lead.alignment-bound": "the angle to Fisher's direction is within the proven bound",
    "lead.equivariance": "X -> X A turns the minimiser into A^-1 S and keeps the logits",
    "lead.target-derivative": "the target changes continuously with alpha, by the implicit formula",
    "lead.target-label-smoothing": "two classes: z* = log((2 - alpha)/alpha)",
    "lead.target-label-smoothing-multiclass": "K classes: the gap is log(K/alpha - K + 1)",
    "lead.target-quadratic": "f = z^2: z* (1 + exp(z*)) = (1 - alpha)/(2 alpha)",
    "lead.target-quadratic-multiclass": "f = |z|^2: g (exp(g) + K - 1) = K (1 - alpha)/(2 alpha)",
    "primer.ls-formula": "smoothed targets are (1 - eps) y + eps/K, and sum to one",
}
"""The claims that code is held against, in words that can be read aloud."""


def target_claim(penalty: str, classes: int) -> str:
    """The claim that says where the loss of a penalty, by name, is least.

    >>> target_claim("quadratic", 3), target_claim("log(cosh(z))", 2)
    ('lead.target-quadratic-multiclass', 'beck.finite-target')
    """
    several = "-multiclass" if classes > 2 else ""
    ids = [f"{origin}.target-{penalty}{several}" for origin in ("lead", "catalogue")]
    return next((id for id in ids if id in CLAIMS), "beck.finite-target")


class ContradictionError(AssertionError):
    """Code under test contradicts a claim of the ledger.

    Attributes
    ----------
    facts : what was expected and what came, by label, in the order of the message.
    diagnosis : the fault that explains it, or None if no known fault does.
    claim : the id of the claim, for ``logitreg show``.

    Examples
    --------
    >>> print(ContradictionError("3 is not 4", {"found": "3"}, "an odd one", "primer.ls-formula"))
    3 is not 4
      found:       3
      diagnosis:   an odd one
      contradicts: primer.ls-formula (smoothed targets are (1 - eps) y + eps/K, and sum to one)
      next:        logitreg show primer.ls-formula
    """

    def __init__(
        self, headline: str, facts: Mapping[str, str], diagnosis: str | None, claim: str
    ) -> None:
        lines = dict(facts)
        if diagnosis is not None:
            lines["diagnosis"] = diagnosis
        lines["contradicts"] = f"{claim} ({CLAIMS[claim]})"
        lines["next"] = f"logitreg show {claim}"
        body = (_wrapped(f"  {label + ':':<13}{text}") for label, text in lines.items())
        super().__init__("\n".join([headline, *body]))
        self.facts = dict(facts)
        self.diagnosis = diagnosis
        self.claim = claim


# The name under which users import it, in tracebacks too.
ContradictionError.__module__ = __name__.removesuffix(".assertions.failures")


def _wrapped(line: str) -> str:
    return textwrap.fill(
        line, 100, subsequent_indent=" " * 15, break_long_words=False, break_on_hyphens=False
    )


def number(value: Any) -> str:
    """A number in at most six digits.

    >>> number(0.30000000000000004), number(1 / 3)
    ('0.3', '0.333333')
    """
    return f"{float(value):.6g}"


def shown(array: Any) -> str:
    """An array as nested lists of short numbers, cut after eight entries of a row.

    >>> shown(np.array([[1.0, 0.5], [2.0, 1 / 3]]))
    '[[1, 0.5], [2, 0.333333]]'
    """
    values = np.asarray(array)
    if values.ndim == 0:
        return number(values)
    cut = ", ..." if len(values) > 8 else ""
    return f"[{', '.join(shown(row) for row in values[:8])}{cut}]"

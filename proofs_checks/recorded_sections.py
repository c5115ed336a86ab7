"""Sections of the report from what is recorded: long simulations and the long property run."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from .agreement import QUANTITIES, Agreement, Comparison, agreement
from .grokking_time import GrokkingTime, grokking_time
from .property_tests import PropertyRun, property_run
from .report import Section, mean_text, part

__all__ = ["agreement_section", "grokking_section", "properties_section", "recorded_sections"]

_HEADINGS = ("accuracy", "$\\rho$", "$S_1$", "$\\|S_\\perp\\|$", "margin")


class _Group(NamedTuple):
    """One penalty in one regime: the comparison that is farthest off, and the largest bias."""

    penalty: str
    regime: str
    cells: int
    comparisons: int
    worst: Comparison
    bias: float


def recorded_sections() -> list[Section]:
    """What is recorded in this version."""
    sections = [agreement_section(agreement()), grokking_section(grokking_time())]
    run = property_run()
    return sections if run is None else [*sections, properties_section(run)]


def agreement_section(found: Agreement) -> Section:
    """Theory against trained weights: facts, a row for each penalty and regime, and every cell."""
    beyond = found.beyond()
    square = sum(c.deviation**2 for c in found.comparisons) / len(found.comparisons)
    bias = sum(c.bias**2 for c in found.comparisons) / len(found.comparisons)
    facts = {
        "Data sets": f"{found.seeds} of $N = {found.samples}$ in each cell",
        "Within four standard errors": f"{len(found.comparisons) - len(beyond)} of "
        f"{len(found.comparisons)}",
        "Root mean square deviation": f"{math.sqrt(square):.2f} standard errors; "
        f"{math.sqrt((found.seeds - 1) / (found.seeds - 3)):.2f} by chance",
        "Finite size": f"{math.sqrt(bias):.2f} standard errors, root mean square, from "
        f"{found.small_seeds} data sets of $N = {found.small_samples}$",
        "Simulated": found.date,
    }
    body = part("facts", facts) + part("agreement_groups", _groups(found.comparisons))
    if beyond:
        body += part("agreement_beyond", beyond, found.fresh_seeds)
    rows: dict[object, dict[str, Comparison]] = {}
    for comparison in found.comparisons:
        rows.setdefault(comparison.cell, {})[comparison.quantity] = comparison
    body += part("agreement_cells", _HEADINGS, QUANTITIES, rows)
    return Section("Theory against simulation", body, id="agreement")


def grokking_section(found: GrokkingTime) -> Section:
    """Measured exponents and constants of the time until gradient descent generalises."""
    facts = {
        "Time": f"the epoch $T$ of {found.accuracy:.0%} accuracy on fresh data; in theory "
        "$T = \\tau/(\\eta\\, \\ell''(z^*))$",
        "Exponent of the learning rate": f"{mean_text(*found.exponent_in_rate)}; in theory −1",
        "Exponent of the theory’s time": f"{mean_text(*found.exponent_in_tau)}; in theory 1",
        "Data sets": f"{found.seeds} of $N = {found.samples}$",
        "Simulated": found.date,
    }
    body = part("facts", facts) + part("grokking", found)
    return Section("When gradient descent generalises", body, id="grokking")


def properties_section(run: PropertyRun) -> Section:
    """How many examples of each property passed."""
    facts = {
        "Examples that passed": f"{run.total:,}",
        "Properties": str(len(run.examples)),
        "Outcome": "no property failed" if run.passed else "a property failed",
        "Run": run.date,
    }
    body = part("facts", facts) + part("properties", run.examples)
    return Section("Property tests", body, id="properties")


def _groups(comparisons: Iterable[Comparison]) -> list[_Group]:
    members: dict[tuple[str, str], list[Comparison]] = {}
    for c in comparisons:
        penalty = c.cell.penalty if c.cell.alpha > 0 else "none"
        members.setdefault((penalty, _regime(c)), []).append(c)
    return [
        _Group(
            penalty,
            regime,
            len({c.cell for c in group}),
            len(group),
            max(group, key=lambda c: abs(c.deviation)),
            max((c.bias for c in group), key=abs),
        )
        for (penalty, regime), group in members.items()
    ]


def _regime(comparison: Comparison) -> str:
    cell = comparison.cell
    penalty = "$\\alpha > 0$" if cell.alpha > 0 else "$\\alpha = 0$"
    return f"{penalty}, " + ("$\\lambda < 1$" if cell.aspect_ratio < 1 else "$\\lambda > 1$")

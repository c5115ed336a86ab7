"""The ledger or a derivation as one HTML page that needs no network, no script and no fonts."""

from __future__ import annotations

import math
import platform
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from .claim import Entry, Verdict
from .evidence import Grade
from .mathml import text_to_html
from .templates import template

if TYPE_CHECKING:
    from ..theory.derivations import Derivation
    from .ledger import Ledger
    from .plots import Figure

__all__ = [
    "Section",
    "derivation_section",
    "facts_section",
    "gallery_section",
    "hypotheses_and_arguments",
    "mean_text",
    "part",
    "render_page",
    "render_report",
    "text_section",
]

_ARGUED = "not by machine: "
_SOURCES = {
    "beck": "Beck, Bar-Sinai and Levi, The Implicit Bias of Logit Regularization (arXiv "
    "2602.12039)",
    "guo": "Guo, Andriopoulos, Zhao, Dong, Ling and Ross, Cross Entropy versus Label Smoothing: A "
    "Neural Collapse Perspective (arXiv 2402.03979), of which the abstract is at hand",
    "primer": "Chadha, Regularization, Distilled AI (2020)",
    "lead": "statements of this project",
    "catalogue": "the same, of the catalogue’s penalties",
    "weights": "the same, of penalties on the weights",
}
_GRADES = {
    Grade.PROVED: "proved by algebra or an SMT solver",
    Grade.CERTIFIED: "certified by ball arithmetic over the whole domain",
    Grade.TESTED: "tested against independent numbers",
    Grade.OBSERVED: "observed in simulations",
}
_LIBRARIES = ("numpy", "scipy", "sympy", "mpmath", "python-flint", "z3-solver", "hypothesis")


@dataclass(frozen=True)
class Section:
    """One section of a page: its title, its content as safe HTML, and its anchor."""

    title: str
    body: Markup
    id: str = ""
    heading: bool = True


def text_section(title: str, text: str) -> Section:
    r"""Paragraphs, divided by blank lines, with mathematics between dollar signs.

    Examples
    --------
    >>> print(text_section("Result", "The target $z$ is finite.").body)
    <p>The target <math><mi>z</mi></math> is finite.</p>
    """
    paragraphs = re.split(r"\n\s*\n", text.strip())
    return Section(
        title, Markup("\n").join(map(Markup("<p>{}</p>").format, map(text_to_html, paragraphs)))
    )


def facts_section(title: str, facts: Mapping[str, str]) -> Section:
    """Names and values, the values with mathematics between dollar signs."""
    return Section(title, part("facts", facts))


def derivation_section(derivation: Derivation) -> Section:
    """The steps of a derivation: the rule in words, then the formula."""
    return Section(derivation.title, part("steps", derivation))


def gallery_section(title: str, figures: Sequence[Figure]) -> Section:
    """Figures side by side, or one below the other on a phone."""
    return Section(title, part("gallery", figures), id="figures")


def render_page(
    title: str, sections: Sequence[Section], *, lead: str = "", colophon: str = ""
) -> str:
    """A complete HTML page.

    Parameters
    ----------
    title : str
        The page's title, plain text.
    sections : sequence of Section
        What it shows, in order.
    lead : str
        A sentence or two below the title, with mathematics between dollar signs.
    colophon : str
        Plain text at the foot.

    Examples
    --------
    >>> page = render_page("A penalty", [text_section("Target", "$z = 1$")])
    >>> page.startswith("<!DOCTYPE html>"), "<title>A penalty</title>" in page
    (True, True)
    """
    return str(part("page", title, lead, sections, colophon)) + "\n"


def hypotheses_and_arguments(entry: Entry) -> tuple[list[str], list[str]]:
    """What a claim supposes, and which of its steps are argued in prose, not checked by machine.

    Examples
    --------
    >>> from .ledger import verify
    >>> (entry,) = verify(["beck.finite-target"])
    >>> hypotheses_and_arguments(entry)[1]
    ['a continuous function that grows on both sides has a minimum']
    """
    hypotheses, arguments = [], []
    for text in entry.hypotheses:
        if text.startswith(_ARGUED):
            arguments.append(text.removeprefix(_ARGUED))
        else:
            hypotheses.append(text)
    return hypotheses, arguments


def render_report(
    ledger: Ledger,
    *,
    figures: Sequence[Figure] = (),
    left_out: Sequence[str] = (),
    recorded: Sequence[Section] = (),
    explore: bool = False,
    generated: datetime | None = None,
    versions: Mapping[str, str] | None = None,
) -> str:
    """The ledger as a page: summary, table of the claims, each claim in full, records and figures.

    Parameters
    ----------
    ledger : Ledger
        The claims with their verdicts and evidence.
    figures : sequence of Figure
        Plots for the gallery at the end.
    left_out : sequence of str
        The ids of claims that this run did not judge.
    recorded : sequence of Section
        What long runs have found, to stand after the claims.
    explore : bool
        Whether to link to the page explore.html beside this one.
    generated : datetime, optional
        When the ledger was made; now, in UTC, by default.
    versions : mapping of str to str, optional
        What it was made with; by default Python and the libraries installed here.
    """
    entries = list(ledger.entries)
    tried = any(entry.controls.total for entry in entries)
    summary = Section(
        "Summary",
        part("counts", _cross_table(entries), tuple(Verdict), _used_grades(entries))
        + part("grades", _meanings(entries))
        + part("facts", _run_facts(entries, left_out, generated or datetime.now(UTC)))
        + (part("explore_link") if explore else Markup()),
        id="summary",
        heading=False,
    )
    table = Section(
        "Claims",
        part("sources", _sources(entries))
        + part("filter", _totals(entries))
        + part("claims_table", entries, tried),
        id="claims",
    )
    full = Section(
        "Claims in full",
        Markup("\n").join(
            part("claim", entry, *hypotheses_and_arguments(entry), tried) for entry in entries
        ),
        id="in-full",
    )
    sections = [summary, table, full, *recorded]
    if figures:
        sections.append(gallery_section("Penalties: loss and target", figures))
    return render_page(
        "What holds in logit regularisation",
        sections,
        lead=_lead(entries),
        colophon=" · ".join(
            f"{name} {version}" for name, version in (versions or _versions()).items()
        ),
    )


def _lead(entries: Sequence[Entry]) -> str:
    totals = _totals(entries)
    phrases = {
        Verdict.HOLDS: ("holds", "hold"),
        Verdict.HOLDS_IF: (
            "holds under a hypothesis that its statement leaves out",
            "hold under a hypothesis that their statement leaves out",
        ),
        Verdict.MISPRINTED: (
            "is misprinted and holds as corrected",
            "are misprinted and hold as corrected",
        ),
        Verdict.REFUTED: ("is refuted by a witness", "are refuted by a witness"),
        Verdict.OPEN: ("is open", "are open"),
    }  # fmt: skip
    parts = [f"{n} {phrases[name][n > 1]}" for name, n in totals.items()]
    if not parts:
        return "No claims were checked."
    listed = parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]
    return f"Of {totals.total()} claims, {listed}."


def _run_facts(
    entries: Sequence[Entry], left_out: Sequence[str], generated: datetime
) -> dict[str, str]:
    rejected = sum(entry.controls.rejected for entry in entries)
    total = sum(entry.controls.total for entry in entries)
    kept = [entry.id for entry in entries if entry.controls.rejected < entry.controls.total]
    bare = [entry.id for entry in entries if entry.controls.total == 0]
    facts = {"False variants rejected": f"{rejected} of {total}" if total else "none was tried"}
    if kept:
        facts["Variants not rejected in"] = ", ".join(kept)
    if bare and total:
        facts["Claims without controls"] = ", ".join(bare)
    if left_out:
        facts["Claims left out"] = ", ".join(left_out)
    seconds = _seconds(sum(entry.seconds for entry in entries))
    facts["Computing time"] = f"{seconds} s, summed over the claims"
    facts["Date"] = f"{generated.day} {generated:%B %Y, %H:%M} {generated.tzname() or ''}".strip()
    return facts


def _totals(entries: Sequence[Entry]) -> Counter[Verdict]:
    counted = Counter(entry.verdict for entry in entries)
    return Counter({verdict: counted[verdict] for verdict in Verdict if counted[verdict]})


def _cross_table(entries: Sequence[Entry]) -> dict[Verdict, Counter[str]]:
    table: dict[Verdict, Counter[str]] = {verdict: Counter() for verdict in Verdict}
    for entry in entries:
        table[entry.verdict][entry.grade] += 1
    return table


def _used_grades(entries: Sequence[Entry]) -> list[str]:
    used = {entry.grade for entry in entries}
    return [grade.name for grade in sorted(Grade, reverse=True) if grade.name in used]


def _meanings(entries: Sequence[Entry]) -> list[str]:
    used = _used_grades(entries)
    return [text for grade, text in _GRADES.items() if grade.name in used]


def _sources(entries: Sequence[Entry]) -> dict[str, str]:
    used = {entry.id.partition(".")[0] for entry in entries}
    return {name: text for name, text in _SOURCES.items() if name in used}


def _versions() -> dict[str, str]:
    versions = {"Python": platform.python_version()}
    for library in ("logitreg", *_LIBRARIES):
        try:
            versions[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _slug(verdict: str) -> str:
    return re.sub("[^a-z]+", "-", verdict)


def _seconds(value: float) -> str:
    return "<0.01" if value < 0.01 else f"{value:.2f}" if value < 10 else f"{value:,.0f}"


def _signed(value: float) -> str:
    return f"{value:+.1f}".replace("-", "−")


def mean_text(mean: float, error: float, shown: bool = True) -> str:
    """A mean with its standard error, or a value beside it, to two digits of the error.

    >>> mean_text(-0.99731, 0.00321), mean_text(-0.99731, 0.00321, shown=False)
    ('−0.9973 ± 0.0032', '−0.9973')
    """
    digits = max(0, 1 - math.floor(math.log10(error))) if error > 0 else 6
    text = f"{mean:.{digits}f}" + (f" ± {error:.{digits}f}" if shown else "")
    return text.replace("-", "−")


def part(name: str, *arguments: Any) -> Markup:
    """One macro of the template as safe HTML."""
    return Markup(getattr(_macros(), name)(*arguments).strip())


@cache
def _macros() -> Any:
    found = template(
        "report.html.jinja", slug=_slug, seconds=_seconds, mean=mean_text, signed=_signed
    )
    return found.module

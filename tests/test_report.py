"""The report: complete, self-contained, safe against hostile text, deterministic, small."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import sympy as sp
from logitreg.errors import NoFiniteTargetError
from logitreg.proofs_checks.agreement import Agreement, Cell, Comparison, Mean
from logitreg.proofs_checks.grokking_time import GrokkingTime, Setting
from logitreg.proofs_checks.ledger import verify
from logitreg.proofs_checks.mathml import expression_to_mathml, latex_to_mathml, text_to_html
from logitreg.proofs_checks.plots import penalty_figure
from logitreg.proofs_checks.property_tests import PropertyRun
from logitreg.proofs_checks.recorded_sections import (
    agreement_section,
    grokking_section,
    properties_section,
    recorded_sections,
)
from logitreg.proofs_checks.report import (
    derivation_section,
    facts_section,
    gallery_section,
    mean_text,
    render_page,
    render_report,
    text_section,
    write_report,
)

GENERATED = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
VERSIONS = {"Python": "3.12.1", "sympy": "1.14.0", "python-flint": "0.9.0"}
VOID = {"meta", "link", "br", "wbr", "input", "img", "hr"}

z, alpha = sp.Symbol("z", real=True), sp.Symbol("alpha", positive=True)
k, classes = sp.symbols("k K", integer=True, positive=True)


@dataclass(frozen=True)
class Evidence:
    method: str
    detail: str
    grade: str
    seconds: float


@dataclass(frozen=True)
class Controls:
    rejected: int
    total: int
    details: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Step:
    rule: str
    expression: sp.Basic


@dataclass(frozen=True)
class Derivation:
    title: str
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Entry:
    id: str
    statement: str
    source: str = "Beck, Bar-Sinai, Levi 2026, eq. (1)"
    verdict: str = "holds"
    grade: str = "PROVED"
    hypotheses: tuple[str, ...] = ()
    corrected: str | None = None
    witness: str | None = None
    evidence: tuple[Evidence, ...] = (Evidence("symbolic", "residual 0", "PROVED", 0.12),)
    controls: Controls = Controls(
        2, 2, (("sign of $f$ changed", "residual $2 z$"), ("factor 2", ""))
    )
    seconds: float = 0.12
    derivation: Derivation | None = None


@dataclass(frozen=True)
class Ledger:
    entries: tuple[Entry, ...] = field(default_factory=tuple)


def loss_of_quadratic(logit: np.ndarray, strength: float) -> np.ndarray:
    return (1 - strength) * np.logaddexp(0, -logit) + strength * logit**2


def target_of_label_smoothing(strength: np.ndarray) -> np.ndarray:
    return np.log((2 - strength) / strength)


def loss_of_label_smoothing(logit: np.ndarray, strength: float) -> np.ndarray:
    return (1 - strength / 2) * np.logaddexp(0, -logit) + strength / 2 * np.logaddexp(0, logit)


def demo_derivation() -> Derivation:
    penalty, loss = sp.Function("f"), sp.Function("ell")
    smoothing = sp.log(2 + 2 * sp.cosh(z)) / 2
    return Derivation(
        "The target of label smoothing",
        (
            Step(
                "the per-sample loss at $f(z) = \\frac12 \\log(2 + 2\\cosh z)$",
                sp.Eq(loss(z), (1 - alpha) * sp.log(1 + sp.exp(-z)) + alpha * smoothing),
            ),
            Step("its derivative vanishes", sp.Eq(sp.Derivative(loss(z), z), 0)),
            Step(
                "differentiate term by term",
                sp.Eq(sp.Derivative(penalty(z), z) * (1 + sp.exp(z)) * sp.tanh(z / 2) ** 2
                      + sp.erf(z / sp.sqrt(2)), (1 - alpha) / alpha),
            ),
            Step("solve for z", sp.Eq(sp.Symbol("z^{*}"), sp.log((2 - alpha) / alpha))),
            Step("for K classes", sp.Sum(sp.exp(sp.IndexedBase("z")[k]), (k, 1, classes)) / classes),
            Step(
                "a piecewise penalty",
                sp.Piecewise((z**2 / 2, sp.Abs(z) <= 1), (sp.Abs(z) - sp.Rational(1, 2), True)),
            ),
            Step("Gaussian mean", sp.Integral(sp.exp(-z**2 / 2) / sp.sqrt(2 * sp.pi), (z, -sp.oo, sp.oo))),
            Step("by hinges", sp.Max(0, 1 - z) + sp.Min(z, sp.LambertW((1 - alpha) / (2 * alpha)))),
        ),
    )  # fmt: skip


def demo_ledger() -> Ledger:
    special = (
        Entry(
            "beck.ls-main",
            "Standard label smoothing is the instance $f(z) = \\log(2 + 2\\cosh z)$ of (1).",
            source="Beck, Bar-Sinai, Levi 2026, section 3.1",
            verdict="misprinted",
            corrected="Standard label smoothing is the instance $f(z) = \\frac{1}{2}\\log(2 + 2\\cosh z)$ "
            "with $\\alpha = 2\\varepsilon$.",
            witness="z = 1, alpha = 1/5:\n  l_LS(z)  in [0.413261687518, 0.413261687519]\n"
            "  (1) at z in [0.694338687518, 0.694338687519]",
            evidence=(
                Evidence("symbolic identity", "the two losses agree identically in z", "PROVED", 0.41),
                Evidence("Arb", "difference $\\le 10^{-28}$ on $[-40, 40]$ and both tails", "CERTIFIED", 3.2),
            ),
            controls=Controls(
                3, 3,
                (
                    ("$f(z) = \\log(2 + 2\\cosh z)$ with $\\alpha = 2\\varepsilon$", "residual at $z = 1$ is $0.28$"),
                    ("$\\alpha = \\varepsilon$", "residual $\\frac{\\varepsilon}{2}\\tanh\\frac{z}{2}$"),
                    ("$\\cosh$ replaced by $\\sinh$", "not defined for $z < -0.88$"),
                ),
            ),
            seconds=3.61,
            derivation=demo_derivation(),
        ),
        Entry(
            "beck.finite-target",
            "For $\\alpha > 0$, $\\ell$ has a unique finite global minimiser $z^*$.",
            verdict="holds if",
            hypotheses=("$f$ is convex and even", "$\\lim_{z \\to \\infty} f(z)/z > 0$ or $f$ is not constant"),
            witness="f(z) = 0",
            seconds=12.4,
        ),
        Entry(
            "beck.lower-bound",
            "$L \\ge z^*$, attained only if $z_i = z^*$ for all $i$.",
            verdict="refuted",
            grade="CERTIFIED",
            witness="N = 1, alpha = 1/2, f(z) = z^2, S = z*: L in [0.29, 0.30] < z* in [0.35, 0.36]",
            seconds=0.004,
        ),
        Entry(
            "beck.lemma-C1",
            "For zero-mean $x$ and convex $f$, $\\mathbb{E} f(\\lambda x)$ is non-decreasing in $\\lambda > 0$.",
            grade="TESTED",
            evidence=(Evidence("Hypothesis", "1000 examples, no counterexample", "TESTED", 8.1),),
            controls=Controls(0, 0),
        ),
        Entry(
            "beck.grokking",
            "For 1/2 < λ < 1, σ_f = 0 and small α, gradient descent first overfits, then generalises.",
            verdict="open",
            grade="NONE",
            evidence=(),
            controls=Controls(2, 3, (("$\\lambda > 1$", "accuracy 0.71"), ("$\\alpha = 0$", "accuracy 0.83"))),
            seconds=142.0,
        ),
    )  # fmt: skip
    filler = tuple(
        replace(
            special[number % 4],
            id=f"beck.more-{number}",
            statement="$\\sin\\angle(S, S_F) \\le \\frac{r\\varepsilon}{\\sqrt{1 - \\varepsilon^2}}$",
            verdict="holds",
            corrected=None,
            witness=None,
        )
        for number in range(55)
    )
    return Ledger(special + filler)


def demo_figures() -> list[Any]:
    return [
        penalty_figure(f"penalty {number}", loss_of_label_smoothing, target_of_label_smoothing)
        for number in range(11)
    ]


class Page(HTMLParser):
    """Reads a page and records elements, attributes and text; raises where tags do not match."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(source)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        assert len(dict(attrs)) == len(attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1:] == [tag], f"</{tag}> closes something else"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.text += data

    def tags(self) -> Counter[str]:
        return Counter(tag for tag, _ in self.elements)

    def ids(self) -> list[str]:
        return [value for _, attributes in self.elements if (value := attributes.get("id"))]


@pytest.fixture(scope="module")
def html() -> str:
    return render_report(
        demo_ledger(), figures=demo_figures(), generated=GENERATED, versions=VERSIONS
    )


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_every_claim_has_a_row_that_links_to_its_section(page: Page) -> None:
    targets = {attributes.get("href") for tag, attributes in page.elements if tag == "a"}
    articles = {attributes["id"] for tag, attributes in page.elements if tag == "article"}
    expected = {entry.id for entry in demo_ledger().entries}
    assert articles == expected
    assert {f"#{claim}" for claim in expected} <= targets


def test_summary_counts_verdicts_grades_controls_and_seconds(page: Page) -> None:
    ledger = demo_ledger()
    holds = sum(entry.verdict == "holds" for entry in ledger.entries)
    rejected = sum(entry.controls.rejected for entry in ledger.entries)
    total = sum(entry.controls.total for entry in ledger.entries)
    words = " ".join(page.text.split())
    assert f"Of 60 claims, {holds} hold, 1 holds under a hypothesis" in words
    assert f"{rejected} of {total}" in words
    assert rejected < total
    assert "Variants not rejected in beck.grokking" in words
    assert "Claims without controls beck.lemma-C1" in words
    assert "21 November 2026, 08:00 UTC" in words
    assert "python-flint 0.9.0" in words


def test_ids_are_unique_and_every_internal_link_has_a_target(page: Page) -> None:
    ids = page.ids()
    assert [name for name, n in Counter(ids).items() if n > 1] == []
    links = {a["href"] for _, a in page.elements if (a.get("href") or "").startswith("#")}
    assert {link[1:] for link in links if link} <= set(ids)


def test_page_loads_nothing_and_runs_nothing(html: str, page: Page) -> None:
    namespaces = r'xmlns="http://www\.w3\.org/2000/svg"'
    assert re.findall(r"https?:|@import|url\((?!#)|javascript:", re.sub(namespaces, "", html)) == []
    assert not {"script", "iframe", "object", "embed", "link", "img"} & set(page.tags())
    assert all(not name.startswith("on") for _, attributes in page.elements for name in attributes)


def test_page_has_landmarks_language_header_scopes_and_named_plots(page: Page) -> None:
    assert ("html", {"lang": "en"}) in page.elements
    assert all(page.tags()[tag] for tag in ("main", "header", "footer", "h1", "h2"))
    assert page.tags()["h1"] == 1
    assert all(a.get("scope") in ("col", "row") for tag, a in page.elements if tag == "th")
    plots = [a for tag, a in page.elements if tag == "svg"]
    assert len(plots) == 11
    assert all(
        a["role"] == "img" and "z* = 3.66 for α = 0.05" in (a["aria-label"] or "") for a in plots
    )


def test_report_is_small_and_the_same_each_time(html: str, tmp_path: Any) -> None:
    path = write_report(
        demo_ledger(), tmp_path / "report.html", figures=demo_figures(), generated=GENERATED, versions=VERSIONS
    )  # fmt: skip
    assert path.read_text(encoding="utf-8") == html
    assert len(html.encode()) < 2_000_000


HOSTILE = [
    '</code></pre><script>alert("1")</script>',
    r"$\text{</math><script>alert(1)</script>}$",
    r"$\href{javascript:alert(1)}{x}$ and $\style{background:url(//x)}{x}$",
    r"$\text{&lt;script&gt;}$ &lt;script&gt;",
    '" onmouseover="alert(1)',
    r"$\class{skip}{x} \color{red}{y}$",
    "{{ 7 * 7 }} {% include 'report.css' %}",
    "$\\frac{1$ $ \\unknown $ $$ \\$5",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_brings_no_markup_into_the_page(text: str) -> None:
    plain, hostile = (
        Page(
            render_report(
                Ledger((Entry("x.y", t, source=t, hypotheses=(t,), corrected=t, witness=t,
                              evidence=(Evidence(t, t, "PROVED", 0.1),), controls=Controls(1, 1, ((t, t),)),
                              derivation=Derivation(t, (Step(t, z),))),)),
                generated=GENERATED,
                versions={t: t},
            )
        )
        for t in ("harmless", text)
    )  # fmt: skip
    mathematics = {"math", "mrow", "mi", "mn", "mo", "mtext", "mspace", "mfrac", "mstyle", "wbr"}
    added = hostile.tags() - plain.tags()
    assert set(added) <= mathematics | {"code"}
    for tag, attributes in hostile.elements:
        assert not any(name.startswith("on") for name in attributes)
        if tag in mathematics:
            assert set(attributes) <= {
                "displaystyle",
                "form",
                "stretchy",
                "fence",
                "width",
                "scriptlevel",
            }
    assert text in hostile.text  # the witness, word for word


def test_hostile_identifier_stays_inside_its_attribute() -> None:
    source = render_report(Ledger((Entry('"><script>x</script>', "s"),)), generated=GENERATED)
    assert "script" not in Page(source).tags()


@pytest.mark.parametrize("latex", [r"\frac{1", r"\nonsense x", "", r"\left( x", "x^2^3", r"\sqrt"])
def test_latex_that_cannot_be_read_is_shown_as_it_is(latex: str) -> None:
    assert latex_to_mathml(latex).startswith("<code>")


def test_dollar_signs_delimit_mathematics_or_stand_for_themselves() -> None:
    assert text_to_html("costs \\$5 & more") == "costs $5 &amp; more"
    assert text_to_html("one $ sign") == "one $ sign"
    assert text_to_html("$x$ and $y$").count("<math>") == 2


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (sp.Sum(z**k, (k, 1, classes)), "<munderover><mo>∑</mo>"),
        (sp.Max(0, -z), 'lspace="0" rspace="0">max</mo><mrow>'),
        (alpha * sp.log(z), '<mi>α</mi><mspace width="0.167em" /><mi>log</mi>'),
        (sp.sign(z), "<mi>sign</mi>"),
        (sp.Symbol("sigma_eff"), "<msub><mi>σ</mi><mi>eff</mi></msub>"),
        (sp.Piecewise((0, z < 0), (z, True)), '<mtd class="left"><mtext>otherwise</mtext></mtd>'),
        (sp.Limit(sp.Function("f")(z), z, sp.oo), "<munder><mo"),
    ],
)
def test_sympy_expressions_are_set_as_in_tex(expression: sp.Basic, expected: str) -> None:
    assert expected in expression_to_mathml(expression)


def test_a_long_formula_may_break_before_its_outermost_relations_and_terms() -> None:
    terms = [sp.Function(f"f_{n}")(z) * alpha**n for n in range(5)]
    pieces = expression_to_mathml(sp.Eq(sp.Function("ell")(z), sp.Add(*terms))).split("<wbr>")
    assert len(pieces) == 6
    assert pieces[1].startswith('<math displaystyle="true"><mo form="infix">=</mo>')
    assert expression_to_mathml(sp.Eq(z, 1)).count("<math") == 1


def test_figure_marks_minimisers_where_the_loss_is_least() -> None:
    root = sp.nsolve(2 * z * (1 + sp.exp(z)) - 4, z, 0.7)
    figure = penalty_figure(
        "quadratic",
        loss_of_quadratic,
        lambda a: np.where(a == 0.2, float(root), np.inf),
        alphas=(0.2, 0.5),
    )
    assert f"z* = {float(root):.3g} for α = 0.2;" in figure.description
    assert "0.5" not in figure.description.split(";")[0]


def test_figure_takes_its_colours_and_fonts_from_the_page() -> None:
    svg = penalty_figure("a", loss_of_label_smoothing, target_of_label_smoothing).svg
    assert "currentColor" in svg
    assert "var(--series-3, #008563)" in svg
    assert "font-family" not in svg
    assert "<style" not in svg
    assert "<metadata" not in svg
    assert "stroke-dasharray" in svg
    assert ">strength α</text>" in svg


def test_figure_without_a_finite_target_is_refused() -> None:
    with pytest.raises(NoFiniteTargetError, match="no finite target"):
        penalty_figure("zero", loss_of_quadratic, lambda a: np.full_like(a, np.inf))


def test_parts_make_other_pages() -> None:
    figure = penalty_figure("log(cosh(z))", loss_of_quadratic, target_of_label_smoothing)
    source = render_page(
        "log(cosh(z))",
        [
            facts_section("Certificate", {"Angle": "at most $0.01$", "Samples": "<2000>"}),
            derivation_section(demo_derivation()),
            gallery_section("Plots", [figure]),
            text_section("Notes", "One.\n\nTwo < three."),
        ],
        lead="A penalty $f$.",
    )
    page = Page(source)
    assert page.tags()["section"] == 4
    assert page.tags()["svg"] == 1
    assert "<2000>" in page.text
    assert "Two < three." in page.text


def test_verdicts_and_grades_may_be_enumerations() -> None:
    from enum import IntEnum, StrEnum

    verdict = StrEnum("Verdict", {"HOLDS_IF": "holds if"})
    grade = IntEnum("Grade", {"PROVED": 4})
    entry = SimpleNamespace(**vars(Entry("a.b", "s")))
    entry.verdict, entry.grade = verdict.HOLDS_IF, grade.PROVED
    source = render_report(SimpleNamespace(entries=[entry]), generated=GENERATED)
    assert 'class="verdict holds-if">holds if<' in source
    assert '<span class="grade">proved</span>' in source


def test_an_empty_ledger_says_so() -> None:
    assert "No claims were checked." in Page(render_report(Ledger(), generated=GENERATED)).text


def test_the_report_links_to_the_page_to_play_with_only_where_it_was_written() -> None:
    ledger = verify(["primer.ls-example"], controls=False)
    assert 'href="explore.html"' in render_report(ledger, explore=True)
    assert "explore.html" not in render_report(ledger)


def demo_agreement() -> Agreement:
    near, far = (Cell(0.4, 0.5, 1.0, "huber", alpha) for alpha in (0.1, 0.0))
    comparisons = (
        Comparison(near, "accuracy", 0.81, Mean(0.8121, 0.001), Mean(0.82, 0.01), 4.0),
        Comparison(near, "noise_weight", 2.5, Mean(2.4, 0.1), Mean(2.1, 0.1), 4.0),
        Comparison(far, "margin", 0.5, Mean(0.55, 0.01), Mean(0.5, 0.1), 4.0, Mean(0.51, 0.01)),
    )
    return Agreement("2026-11-21", 2000, 20, 60, 500, 60, comparisons)


def test_agreement_shows_every_cell_its_groups_and_what_was_beyond() -> None:
    page = Page(render_page("x", [agreement_section(demo_agreement())]))
    text = " ".join(page.text.split())
    assert "2 of 3" in text
    assert "0.8121 ± 0.0010" in text
    assert "+2.1" in text
    assert "−1.0" in text
    assert "+5.0; agrees on fresh data sets" in text
    assert "none" in text
    groups, cells = [n for n, a in page.elements if n == "table"], page.tags()["tr"]
    assert (len(groups), cells) == (2, 2 * 1 + 2 + 2)


def test_times_and_properties_are_shown_with_their_dates() -> None:
    times = GrokkingTime(
        "2026-11-20", 500, 16, 0.99, (0.01, 0.3), Mean(-0.9973, 0.0031), Mean(1.02, 0.13),
        (Setting(0.7, 0.5, 22.995, Mean(-0.94, 0.02), (Mean(0.8, 0.03), Mean(1.0, 0.03))),),
    )  # fmt: skip
    run = PropertyRun("2026-11-19", True, {"test_a.py::test_b": 2700, "test_a.py::test_c": 900})
    page = Page(render_page("x", [grokking_section(times), properties_section(run)]))
    text = " ".join(page.text.split())
    assert "−0.9973 ± 0.0031" in text
    assert "1.000 ± 0.030" in text
    assert "2026-11-20" in text
    assert "3,600" in text
    assert "no property failed" in text
    assert "2026-11-19" in text
    failed = render_page("x", [properties_section(PropertyRun("2026-11-19", False, {}))])
    assert "a property failed" in failed


def test_records_stand_between_the_claims_and_the_figures() -> None:
    recorded = recorded_sections()
    page = render_report(demo_ledger(), recorded=recorded, figures=demo_figures()[:1])
    ids = [
        name for name in Page(page).ids() if name in ("in-full", "agreement", "grokking", "figures")
    ]
    assert ids == ["in-full", "agreement", "grokking", "figures"]
    assert len(page.encode()) < 2_000_000


@pytest.mark.parametrize(
    ("mean", "error", "text"),
    [
        (1234.5, 67.0, "1234 ± 67"),
        (-0.5, 0.00214, "−0.5000 ± 0.0021"),
        (0.25, 0.0, "0.250000 ± 0.000000"),
    ],
)
def test_means_are_shown_to_two_digits_of_their_error(mean: float, error: float, text: str) -> None:
    assert mean_text(mean, error) == text

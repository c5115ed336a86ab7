"""The report: complete, self-contained, safe against hostile text, deterministic, small."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime

import pytest
from demo_report import (
    Controls,
    Derivation,
    Entry,
    Evidence,
    Ledger,
    Page,
    Step,
    demo_derivation,
    demo_figures,
    demo_ledger,
    loss_of_label_smoothing,
    target_of_label_smoothing,
    z,
)
from logitreg.proofs_checks.ledger import verify
from logitreg.proofs_checks.plots import penalty_figure
from logitreg.proofs_checks.recorded_sections import recorded_sections
from logitreg.proofs_checks.report import (
    derivation_section,
    facts_section,
    gallery_section,
    render_page,
    render_report,
    text_section,
)

GENERATED = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
VERSIONS = {"Python": "3.12.1", "sympy": "1.14.0", "python-flint": "0.9.0"}


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


def test_no_label_changes_the_case_of_mathematics(html: str) -> None:
    assert "text-transform" not in html


def test_prefixes_and_grades_are_explained_before_the_table(page: Page) -> None:
    words = " ".join(page.text.split())
    source = "beck Beck, Bar-Sinai and Levi, The Implicit Bias of Logit Regularization"
    assert words.index(source) < words.index("Controls rejected")
    assert "guo" not in words
    assert "proved by algebra or an SMT solver; certified by ball arithmetic" in words
    assert "observed in simulations" not in words
    assert "384 s, summed over the claims" in words


def test_what_is_argued_in_prose_stands_apart_from_the_hypotheses() -> None:
    entry = Entry("beck.x", "$f$", hypotheses=("f even", "not by machine: a limit exists"))
    words = " ".join(Page(render_report(Ledger((entry,)))).text.split())
    assert "Hypotheses f even Argued in prose Not checked by machine: a limit exists" in words
    assert "not by machine" not in words


def test_without_controls_tried_the_report_raises_no_alarm() -> None:
    untried = Ledger(tuple(Entry(f"beck.x{i}", "$f$", controls=Controls(0, 0)) for i in range(3)))
    html = render_report(untried)
    assert 'class="alarm"' not in html
    words = " ".join(Page(html).text.split())
    assert "False variants rejected none was tried" in words
    assert "Claims without controls" not in words


def test_report_is_small_and_the_same_each_time(html: str) -> None:
    again = render_report(
        demo_ledger(), figures=demo_figures(), generated=GENERATED, versions=VERSIONS
    )
    assert again == html
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


def page_that_says(text: str) -> str:
    """The text wherever a ledger may hold one."""
    entry = Entry(
        "x.y",
        text,
        source=text,
        hypotheses=(text,),
        corrected=text,
        witness=text,
        evidence=(Evidence(text, text, "PROVED", 0.1),),
        controls=Controls(1, 1, ((text, text),)),
        derivation=Derivation(text, (Step(text, z),)),
    )
    return render_report(Ledger((entry,)), generated=GENERATED, versions={text: text})


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_brings_no_markup_into_the_page(text: str) -> None:
    plain, hostile = (Page(page_that_says(t)) for t in ("harmless", text))
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


def test_parts_make_other_pages() -> None:
    figure = penalty_figure("log(cosh(z))", loss_of_label_smoothing, target_of_label_smoothing)
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


def test_a_judged_claim_bears_its_verdict_and_grade() -> None:
    source = render_report(verify(["beck.lower-bound"], controls=False), generated=GENERATED)
    assert 'class="verdict misprinted">misprinted<' in source
    assert '<span class="grade">certified</span>' in source


def test_an_empty_ledger_says_so() -> None:
    assert "No claims were checked." in Page(render_report(Ledger(), generated=GENERATED)).text


def test_the_report_links_to_the_page_to_play_with_only_where_it_was_written() -> None:
    ledger = verify(["primer.ls-example"], controls=False)
    assert 'href="explore.html"' in render_report(ledger, explore=True)
    assert "explore.html" not in render_report(ledger)


def test_records_stand_between_the_claims_and_the_figures() -> None:
    recorded = recorded_sections()
    page = render_report(demo_ledger(), recorded=recorded, figures=demo_figures()[:1])
    ids = [
        name for name in Page(page).ids() if name in ("in-full", "agreement", "grokking", "figures")
    ]
    assert ids == ["in-full", "agreement", "grokking", "figures"]
    assert len(page.encode()) < 2_000_000

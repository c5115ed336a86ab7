"""The page to play with as a text: self-contained, labelled, linked to the report."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from click.testing import CliRunner
from logitreg import penalties
from logitreg.errors import ExpressionError, NotConvexError
from logitreg.proofs_checks.commands.explore import command
from logitreg.proofs_checks.explore import CONTROLS, explore_page, write_explore_page


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def all(self, *names):
        return [attributes for tag, attributes in self.tags if tag in names]


@pytest.fixture(scope="module")
def page():
    return explore_page()


def test_the_page_needs_no_network_and_runs_no_text(page):
    assert not re.search(r"https?:|\bsrc=|@import|url\((?!#)|\bfetch\(|\beval\(|\bFunction\(", page)
    (policy,) = (m["content"] for m in Page(page).all("meta") if "http-equiv" in m)
    assert policy.startswith("default-src 'none';")
    # Without it the browser itself refuses to run a text as code.
    assert "unsafe-eval" not in policy
    assert not Page(page).all("link", "img", "iframe")


def test_every_input_has_a_label_and_every_figure_a_title_and_a_note(page):
    found = Page(page)
    ids = [a["id"] for _, a in found.tags if "id" in a]
    assert len(ids) == len(set(ids))
    labelled = {a["for"] for a in found.all("label") if "for" in a}
    inputs = found.all("input", "select")
    assert len(inputs) == 2 + 2 * len(CONTROLS) + 3
    assert all("aria-label" in a or a["id"] in labelled for a in inputs)
    figures = found.all("svg")
    assert len(figures) == 6
    assert all({f["aria-labelledby"], f["aria-describedby"]} <= set(ids) for f in figures)
    told = [a["id"] for a in found.all("p") if a.get("role") == "status"]
    assert told == ["typed-note", "summary"]


def test_every_penalty_can_be_chosen_completed_and_read(page):
    found = Page(page)
    names = [*penalties(), ""]
    assert [a["data-penalty"] for a in found.all("p") if "data-penalty" in a] == names
    # The names are in the list to choose from, and in that which completes what is typed.
    assert [a["value"] for a in found.all("option")] == names + names[:-1]


def test_every_parameter_of_a_penalty_has_a_control(page):
    owners = {a["data-of"] for a in Page(page).all("div") if "data-of" in a}
    assert owners == {"huber pseudo-huber", "power", "box"}


def test_the_page_links_to_a_report_beside_it(tmp_path, page):
    link = {"href": "report.html"}
    assert link not in Page(page).all("a")
    (tmp_path / "report.html").touch()
    written = write_explore_page(tmp_path / "explore.html").read_text(encoding="utf-8")
    assert link in Page(written).all("a")


@pytest.mark.parametrize(
    ("given", "first"),
    [
        ((), "quadratic"),
        (("z^4 + z^2/3", "z^6 + z^2"), "z^4 + z^2/3"),
        (("abs(z)",), "absolute"),
    ],
)
def test_the_page_opens_on_the_first_penalty_that_is_given(given, first):
    chosen = [a["value"] for a in Page(explore_page(given)).all("option") if "selected" in a]
    assert chosen == [first]


def test_the_command_writes_the_page(tmp_path, page):
    done = CliRunner().invoke(command, ["--output", str(tmp_path / "page.html")])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == page


def test_the_command_puts_a_penalty_of_ones_own_into_the_page(tmp_path):
    path = tmp_path / "page.html"
    done = CliRunner().invoke(command, ["--penalty", "z^4 + z^2/3", "--output", str(path)])
    assert done.exit_code == 0, done.output
    written = path.read_text(encoding="utf-8")
    assert "z^4 + z^2/3" in [a["value"] for a in Page(written).all("option")]
    assert '"z^4 + z^2/3": {' in written


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("-z^2", NotConvexError, "not convex"),
        ("z^2</script>", ExpressionError, "not admitted"),
        ("log(cosh(40*z))", ExpressionError, "cannot be put into the page"),
    ],
)
def test_a_penalty_that_the_page_cannot_show_is_refused(text, error, message):
    with pytest.raises(error, match=message):
        explore_page((text,))

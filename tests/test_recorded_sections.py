"""What was recorded elsewhere, as the report shows it."""

from __future__ import annotations

import pytest
from demo_report import Page
from logitreg.proofs_checks.agreement import Agreement, Cell, Comparison, Mean
from logitreg.proofs_checks.grokking_time import GrokkingTime, Setting
from logitreg.proofs_checks.property_tests import PropertyRun
from logitreg.proofs_checks.recorded_sections import (
    agreement_section,
    grokking_section,
    properties_section,
)
from logitreg.proofs_checks.report import mean_text, render_page


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

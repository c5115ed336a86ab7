"""The README says what is recorded, and its examples run."""

from __future__ import annotations

import doctest
import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_the_table_of_verdicts_is_the_recorded_one() -> None:
    spec = importlib.util.spec_from_file_location("verdicts", ROOT / "docs" / "verdicts.py")
    assert spec is not None
    assert spec.loader is not None
    verdicts = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(verdicts)
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert verdicts.verdict_table() in text, "stale: run python docs/verdicts.py"
    stale = text.replace("| `beck.ls-main` | misprinted |", "| `beck.ls-main` | holds |")
    assert verdicts.verdict_table() not in stale


@pytest.mark.filterwarnings("ignore")
def test_the_examples_of_the_readme_run() -> None:
    result = doctest.testfile(str(ROOT / "README.md"), module_relative=False)
    assert result.attempted > 5
    assert result.failed == 0

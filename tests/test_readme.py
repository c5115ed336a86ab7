"""The README says what is recorded, and its examples run."""

from __future__ import annotations

import doctest
import importlib.util
import os
import re
import subprocess
import sys
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


def test_the_pytorch_example_of_the_readme_passes_as_a_test_file(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    example = next(
        block for block in re.findall(r"```python\n(.*?)```", text, re.S) if "import torch" in block
    )
    (tmp_path / "test_probe.py").write_text(example, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "--strict-markers", "-p", "no:cacheprovider"]
    plugin = ["-p", "logitreg.proofs_checks.pytest_plugin"]
    run = subprocess.run(
        [*command, *plugin, "test_probe.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "2 passed" in run.stdout, run.stdout

"""The command line: what it prints, what it writes, and its exit statuses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from logitreg.proofs_checks import ledger as ledger_module
from logitreg.proofs_checks.cli import main


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, catch_exceptions=False)


def test_help_names_every_command() -> None:
    result = run("--help")
    assert result.exit_code == 0
    for command in ("verify", "show", "derive", "export", "figures", "explore", "sweep", "align"):
        assert command in result.output
        assert run(command, "--help").exit_code == 0


def test_verify_writes_report_and_ledger(tmp_path: Path) -> None:
    claims = ("beck.ls-binary", "--claim", "primer.ls-example")
    result = run("verify", *claims, "--output", str(tmp_path))
    assert result.exit_code == 0
    assert "All 2 verdicts are as recorded; all 7 controls were rejected." in result.output
    entries = json.loads((tmp_path / "ledger.json").read_text(encoding="utf-8"))
    assert [entry["id"] for entry in entries] == ["beck.ls-binary", "primer.ls-example"]
    assert set(entries[0]) == {
        "id",
        "statement",
        "source",
        "verdict",
        "grade",
        "hypotheses",
        "corrected",
        "witness",
        "evidence",
        "controls",
        "seconds",
    }
    assert entries[1]["verdict"] == "misprinted"
    assert "[14/15, 1/30, 1/30]" in entries[1]["witness"]
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<math" in page
    assert "<svg" in page
    assert "primer.ls-example" in page


def test_quick_leaves_out_the_controls(tmp_path: Path) -> None:
    result = run("verify", "--quick", "primer.ls-example", "--output", str(tmp_path))
    assert result.exit_code == 0
    assert "no controls were tried" in result.output


def test_an_unexpected_verdict_gives_exit_status_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = {**ledger_module.expected_verdicts(), "primer.ls-example": ("holds", "PROVED")}
    monkeypatch.setattr(ledger_module, "expected_verdicts", lambda: recorded)
    result = run("verify", "primer.ls-example", "--output", str(tmp_path))
    assert result.exit_code == 1
    assert "DEVIATION primer.ls-example: misprinted PROVED, recorded: holds PROVED" in result.output
    assert (tmp_path / "ledger.json").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("verify", "beck.nothing"), "did you mean"),
        (("show", "beck.ls-binry"), "did you mean beck.ls-binary"),
        (("derive", "__import__('os')"), "Allowed"),
        (("derive", "-z**2"), "not convex"),
        (("derive", "2"), "constant"),
        (("derive", "huber", "--set", "gamma=2"), "no parameter 'gamma'"),
        (("align", "no-such-file.csv"), "no-such-file.csv"),
        (("align", "--dataset", "mnist"), "digits"),
        (("align", "--dataset", "iris", "--alpha", "1.5"), "alpha"),
    ],
)
def test_bad_input_is_one_clear_message_and_exit_status_two(
    arguments: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())
    assert "Traceback" not in result.output


def test_show_tells_statement_evidence_and_witness() -> None:
    output = run("show", "beck.lower-bound").output
    for part in ("misprinted", "witness", "label smoothing, alpha = 1/10", "control", "PROVED"):
        assert part in output


def test_derive_reports_a_users_penalty(tmp_path: Path) -> None:
    result = run("derive", "z**2/2 + abs(z)", "--output", str(tmp_path))
    assert result.exit_code == 0
    text = " ".join(result.output.split())
    assert "Piecewise((0, c <= 2), (RLambertW(E, E*c) - 1, True))" in text
    assert "holds, PROVED by substitution" in text
    page = (tmp_path / "derivation.html").read_text(encoding="utf-8")
    assert "<math" in page


def test_derive_takes_parameters_of_the_catalogue() -> None:
    assert "log(c/2 - 1)" in run("derive", "huber", "--set", "delta=2").output


@pytest.mark.parametrize("suffix", ["npz", "csv", "parquet"])
def test_align_certifies_a_file_of_the_users(tmp_path: Path, suffix: str) -> None:
    rng = np.random.default_rng(5)
    y = np.repeat([0, 1], 40)
    X = rng.normal(size=(80, 3)) + np.outer(2 * y - 1, [1.0, 0.5, 0.0])
    file = tmp_path / f"data.{suffix}"
    if suffix == "npz":
        np.savez(file, X=X, y=y)
    elif suffix == "csv":
        table = np.column_stack([X, y])
        np.savetxt(file, table, delimiter=",", header="a,b,c,label", comments="")
    else:
        pa = pytest.importorskip("pyarrow")
        parquet = pytest.importorskip("pyarrow.parquet")
        columns = {name: X[:, i] for i, name in enumerate("abc")} | {"label": y}
        parquet.write_table(pa.table(columns), file)
    result = run("align", str(file), "--penalty", "label-smoothing", "--alpha", "0.2")
    assert result.exit_code == 0, result.output
    text = " ".join(result.output.split())
    assert "samples 80" in text
    assert "features 3" in text
    assert "target 2.19722" in text
    assert "proved, rounding included" in text


def test_the_module_runs_as_a_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "logitreg", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("logitreg, version ")

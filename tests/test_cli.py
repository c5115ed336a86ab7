"""The command line: what it prints, what it writes, and its exit statuses."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import logitreg as lr
import numpy as np
import pytest
from click.testing import CliRunner, Result
from logitreg.numerics.datasets import load_dataset
from logitreg.proofs_checks import certificate as certificate_module
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
    assert "The verdict is as recorded; no controls were tried." in result.output
    assert re.search(r"primer\.ls-example +misprinted +PROVED +- ", result.output)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "none was tried" in page
    assert "Claims without controls" not in page


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
        (("derive", "huber", "--set", "delta=nan"), "is nan; expected delta > 0"),
        (("derive", "power", "--set", "p=0.5"), "expected p >= 1"),
        (("derive", "quadratc"), "Did you mean the penalty 'quadratic'? As an expression: cannot"),
        (("show", "xyzzy"), "no claim 'xyzzy'; `logitreg verify` lists all claims"),
        (("export", "xyzzy"), "no export 'xyzzy'; `logitreg export --list` lists them"),
        (("align", "ids.csv"), "every sample of 'ids' has a label of its own in 'name'"),
        (("align", "no-such-file.csv"), "no-such-file.csv"),
        (("align", "--dataset", "mnist"), "digits"),
        (
            ("align", "--dataset", "iris", "--alpha", "1.5"),
            "alpha is 1.5; expected a strength in (0, 1)",
        ),
        (("align", "--dataset", "iris", "--alpha", "nan"), "in (0, 1)"),
        (("align", "--dataset", "iris", "--target", "y"), "none with --dataset"),
        (("align",), "expected a file"),
        (("align", "."), "no suffix"),
        (("verfy",), "Did you mean 'verify'?"),
        (("nothing",), "No such command 'nothing'."),
        (("export", "--list", "no.such*"), "no export 'no.such*'"),
        (("export", "lead.target-quadratic", "--output", "no/such/folder"), "No such file"),
        (("explore", "--output", "no/such/page.html"), "'no/such/page.html' cannot be used"),
        (("figures", "99"), "no figure 99"),
        (("figures", "6", "--data", "table.csv"), "figure 3 or 9"),
        (("figures", "9", "--data", "no-such-file.csv"), "no file 'no-such-file.csv'"),
        (("verify", "primer.ls-example", "--output", "taken/report"), "cannot be used"),
        (("sweep", "no-such-file.toml"), "cannot be read"),
        (("sweep", "taken"), "describes no data"),
    ],
)
def test_bad_input_is_one_clear_message_and_exit_status_two(
    arguments: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("taken").touch()
    Path("ids.csv").write_text("a,name\n1,x\n2,y\n3,z\n", encoding="utf-8")
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())
    assert "Traceback" not in result.output


def test_show_tells_statement_evidence_and_witness() -> None:
    output = run("show", "beck.lower-bound").output
    for part in ("misprinted", "witness", "label smoothing, alpha = 1/10", "control", "PROVED"):
        assert part in output


def test_show_tells_what_is_argued_in_prose_apart_from_the_hypotheses() -> None:
    text = " ".join(run("show", "beck.finite-target").output.split())
    assert "hypothesis f convex hypothesis f even" in text
    assert "argued in prose a continuous function that grows on both sides has a minimum" in text
    assert "not by machine" not in text


def test_paths_are_printed_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    output = run("export", "lead.target-quadratic", "--output", "a[red]:key:.py").output
    assert output == "Wrote a[red]:key:.py.\n"
    assert Path("a[red]:key:.py").exists()


def test_export_lists_what_matches() -> None:
    listed = run("export", "--list", "lead.target-quadratic*", "loss.huber").output
    assert [line for line in listed.splitlines() if not line.startswith(" ")] == [
        "lead.target-quadratic",
        "lead.target-quadratic-multiclass",
        "loss.huber",
    ]


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


def test_align_prints_bounds_that_hold_as_printed_and_a_verdict() -> None:
    text = " ".join(run("align", "iris", "--alpha", "0.3").output.split())
    printed = re.findall(r"(?:bound sine <=|at most) ([0-9.e-]+)", text)
    data = load_dataset("iris")
    found = lr.fit(data.X, data.y, alpha=0.3, bias=True)
    certificate = lr.alignment(data.X, found.weights, data.y, alpha=0.3, bias=found.bias)
    bounds = (certificate.bound, certificate.linearity_bound)
    exact = (*bounds, math.degrees(math.asin(min(bounds))))
    for number, bound, digits in zip(map(float, printed), exact, (6, 6, 3), strict=True):
        assert bound <= number <= bound * (1 + 10 ** (1 - digits))
    assert "degrees off: proved, rounding included" in text
    assert "classes 3 in 'target': 0, 1, 2" in text


@pytest.mark.parametrize(
    "change", [{"bound": math.inf, "linearity_bound": 1.0}, {"angle": 3.0, "linearity_bound": 0.2}]
)
def test_align_says_when_nothing_is_proved(
    change: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    def weaker(*data: Any, **stated: Any) -> lr.AlignmentCertificate:
        return replace(lr.alignment(*data, **stated), **change)

    monkeypatch.setattr(certificate_module, "alignment", weaker)
    text = " ".join(run("align", "iris").output.split())
    assert "verdict nothing is proved about the angle; try a larger alpha" in text
    assert "proved, rounding included" not in text


def test_align_names_the_features_that_depend_on_others(tmp_path: Path) -> None:
    rows = [f"{i * i % 7},{i * 3 % 11},{2 * (i * 3 % 11)},{i % 2}" for i in range(20)]
    table = tmp_path / "t.csv"
    table.write_text("\n".join(["age,metres,feet,y", *rows]), encoding="utf-8")
    result = run("align", str(table))
    assert result.exit_code == 2
    assert re.search(r"and the bias\): (metres|feet); ", " ".join(result.output.split()))


def test_align_takes_the_name_of_a_bundled_set() -> None:
    assert run("align", "iris").output == run("align", "--dataset", "iris").output


def test_the_module_runs_as_a_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "logitreg", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("logitreg, version ")

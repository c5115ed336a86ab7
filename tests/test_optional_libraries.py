"""Without the libraries that the extras bring: what works, and what says which extra to install."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from logitreg.errors import MissingDependencyError
from logitreg.lazy import lazy_names, optional
from logitreg.proofs_checks.cli import main

WITHOUT = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {
            "torch", "jax", "sklearn", "pyarrow", "joblib", "distributed", "dask", "pandas", "cupy"
        }:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
"""
SPEC = "seeds = 2\n[data]\nn_samples = 20\nn_features = 2\n"
TABLE = "a,b,y\n1,2,no\n2,1,yes\n3,5,no\n5,3,yes\n4,4,no\n"


def without(code: str, folder: Path) -> str:
    """What code prints where no extra is installed."""
    command = [sys.executable, "-c", WITHOUT + code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder)
    return done.stdout


def test_public_names_are_there_or_name_their_extra(tmp_path: Path) -> None:
    code = """
import logitreg as lr
from logitreg.errors import MissingDependencyError
for name in lr.__all__:
    try:
        getattr(lr, name)
    except MissingDependencyError as error:
        print(name, str(error).rpartition(" ")[2])
"""
    assert without(code, tmp_path).splitlines() == [
        "LogitRegularizedClassifier 'logitreg[sklearn]'",
        "LogitRegularizedCrossEntropy 'logitreg[torch]'",
        "logit_regularized_cross_entropy 'logitreg[jax]'",
    ]


def test_commands_work_or_name_the_extra_before_anything_is_begun(tmp_path: Path) -> None:
    (tmp_path / "grid.toml").write_text(SPEC, encoding="utf-8")
    (tmp_path / "table.csv").write_text(TABLE, encoding="utf-8")
    (tmp_path / "table.parquet").write_text("x", encoding="utf-8")
    code = """
from click.testing import CliRunner
from logitreg.proofs_checks.cli import main

for arguments in (
    "verify --quick primer.ls-example",
    "export lead.target-quadratic --to torch",
    "figures 10 --list",
    "align table.csv",
    "align table.parquet",
    "align --dataset iris",
    "sweep grid.toml --workers 2 --dry-run",
    "sweep grid.toml --workers 2",
    "sweep grid.toml --dask tcp://host:8786",
    "sweep grid.toml --workers 1 --export table.parquet",
    "sweep grid.toml --workers 1 --dry-run",
):
    result = CliRunner().invoke(main, arguments.split(), catch_exceptions=False)
    extra = result.output.partition("logitreg[")[2].partition("]")[0]
    print(result.exit_code, extra)
"""
    assert without(code, tmp_path).splitlines() == [
        *["0 "] * 4,
        "2 parquet",
        "2 sklearn",
        *["2 sweep"] * 3,
        "2 parquet",
        "0 ",
    ]
    assert not (tmp_path / "grid.sqlite").exists()


def test_a_sweep_without_joblib_says_how_to_do_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "joblib", None)
    spec = tmp_path / "grid.toml"
    spec.write_text(SPEC, encoding="utf-8")
    result = CliRunner().invoke(main, ["sweep", str(spec), "--workers", "2", "--dry-run"])
    assert result.exit_code == 2
    assert "or compute one by one: --workers 1" in " ".join(result.output.split())


def test_other_failures_of_an_import_are_not_hidden(tmp_path: Path) -> None:
    code = """
from logitreg.lazy import lazy_names
import sys, types
package = types.ModuleType("package")
package.__path__ = ["."]
sys.modules["package"] = package
get, _ = lazy_names("package", {"name": "module"})
try:
    get("name")
except ModuleNotFoundError as error:
    print(type(error).__name__, error.name)
"""
    (tmp_path / "module.py").write_text("import no_such_library", encoding="utf-8")
    assert without(code, tmp_path).split() == ["ModuleNotFoundError", "no_such_library"]
    with pytest.raises(MissingDependencyError, match=r"a sum needs jax, .*'logitreg\[jax\]'$"):
        optional("jax.no_such_part", "a sum")
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        lazy_names("logitreg", {})[0]("nothing")

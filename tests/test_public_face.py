"""The public face: lazy, complete, typed, and independent of where it is called."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import array_api_strict
import logitreg as lr
import numpy as np
import pytest
from logitreg import errors


def in_a_fresh_process(code: str, cwd: Path | None = None) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=cwd
    )
    return done.stdout.strip()


def test_import_brings_neither_sympy_nor_numpy() -> None:
    heavy = "{'sympy', 'numpy', 'scipy', 'z3'}"
    code = f"import sys, logitreg; print(sorted({heavy} & set(sys.modules)))"
    assert in_a_fresh_process(code) == "[]"


@pytest.mark.parametrize(
    "use",
    [
        "lr.target('quadratic', 0.1)",
        "lr.target('cosh', 0.1, classes=10)",
        "lr.penalties()",
        "lr.fit([[1.0], [2.0], [0.5]])",
        "lr.fisher_direction([[1.0], [2.0], [0.5]])",
    ],
)
def test_a_penalty_by_name_does_without_sympy(use: str) -> None:
    code = f"import sys, logitreg as lr; {use}; print('sympy' in sys.modules)"
    assert in_a_fresh_process(code) == "False"


def test_every_public_name_is_there() -> None:
    for name in lr.__all__:
        assert getattr(lr, name) is not None
    assert set(lr.__all__) <= set(dir(lr))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        lr.nonsense  # noqa: B018


def test_formula_is_callable_with_its_evidence() -> None:
    formula = lr.formula("lead.target-quadratic")
    assert (formula.verdict, formula.grade) == ("holds", "PROVED")
    alpha = np.linspace(0.01, 0.99, 50)
    np.testing.assert_allclose(formula(alpha), lr.target("quadratic", alpha), rtol=1e-14)
    strict = formula(array_api_strict.asarray(alpha))
    assert isinstance(strict, array_api_strict.asarray(0.0).__class__)
    np.testing.assert_array_equal(np.asarray(strict), formula(alpha))
    gap = lr.formula("lead.target-quadratic-multiclass")
    exact = lr.target("quadratic", alpha, classes=10)
    np.testing.assert_allclose(gap(alpha, 10), exact, rtol=1e-13)
    with pytest.raises(TypeError, match=r"expected 2 arguments \(alpha, K\), got 1"):
        gap(0.1)
    with pytest.raises(errors.UnknownNameError, match="did you mean"):
        lr.formula("lead.target-quadrati")


def test_every_error_is_a_logitreg_error_and_a_builtin_one() -> None:
    for name in errors.__all__:
        error = getattr(errors, name)
        assert issubclass(error, errors.LogitregError)
        if error is not errors.LogitregError:
            builtin = (ValueError, KeyError, ArithmeticError, ImportError)
            assert issubclass(error, builtin), name


def test_works_from_a_folder_that_has_its_own_theory(tmp_path: Path) -> None:
    for name in ("theory", "numerics", "proofs_checks"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('not this one')")
    code = (
        "import logitreg as lr; "
        "print(lr.penalty('quadratic').expression, lr.target('quadratic', 0.5) > 0)"
    )
    assert in_a_fresh_process(code, tmp_path) == "z**2 True"


def test_the_wheel_holds_the_package_alone(tmp_path: Path) -> None:
    checkout = Path(__file__).parents[1]
    if not (checkout / "pyproject.toml").exists():
        pytest.skip("the tests run apart from the checkout")
    source = tmp_path / "source"
    files = subprocess.run(
        ["git", "ls-files"], cwd=checkout, capture_output=True, text=True, check=False
    ).stdout.split("\n")
    for name in filter(None, files):
        if (checkout / name).is_file():
            copy = source / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes((checkout / name).read_bytes())
    if not source.exists():
        pytest.skip("not a git checkout")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path), str(source)],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    inside = {name.split("/")[1] for name in names if name.startswith("logitreg/")}
    assert all(name.startswith(("logitreg/", "logitreg-")) for name in names)
    assert inside == {
        "__init__.py",
        "__main__.py",
        "errors.py",
        "lazy.py",
        "py.typed",
        "theory",
        "numerics",
        "proofs_checks",
    }
    assert "logitreg/proofs_checks/expected.json" in names
    assert any(name.endswith(".jinja") for name in names)

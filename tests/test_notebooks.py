"""The notebooks, run again: no errors, and the same text and LaTeX as stored."""

from __future__ import annotations

import copy
import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from logitreg.proofs_checks.ledger import expected_verdicts
from logitreg.theory.derivations import Derivation, Step
from sympy import Symbol

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"


def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


pytest.importorskip("nbclient", reason="nbclient and ipykernel run the notebooks")
pytest.importorskip("ipykernel", reason="nbclient and ipykernel run the notebooks")
run = _module("run")
NOTEBOOKS = run.notebooks()
PICTURE = 60 * 1024


def _outputs(notebook: Any) -> list[Any]:
    return [output for cell in notebook.cells for output in cell.get("outputs", ())]


@pytest.mark.notebooks
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_fresh_run_shows_what_is_stored(path: Path) -> None:
    assert run.differences(run.stored(path), run.run(path)) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_stored_outputs_are_complete_small_and_free_of_the_machine(path: Path) -> None:
    notebook = run.stored(path)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert not any(output.output_type == "error" for output in _outputs(notebook))
    assert not any(output.get("name") == "stderr" for output in _outputs(notebook))
    assert not any(cell.metadata for cell in notebook.cells)
    pictures = [
        output.data["image/png"]
        for output in _outputs(notebook)
        if "data" in output and "image/png" in output.data
    ]
    assert pictures
    assert max(map(len, pictures)) * 3 / 4 <= PICTURE
    text = json.dumps(list(notebook.cells))
    for picture in pictures:
        text = text.replace(json.dumps(picture)[1:-1], "")
    assert re.findall(r"/(?:home|root|tmp|usr|opt|work|Users)/|0x[0-9a-f]{6,}", text) == []


def test_the_index_has_every_notebook() -> None:
    index = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"\]\(([0-9]{2}-.*?\.ipynb)\)", index) == [path.name for path in NOTEBOOKS]


def test_each_claim_that_does_not_hold_is_in_the_last_notebook() -> None:
    shown = "\n".join(
        output.data.get("text/markdown", "")
        for output in _outputs(run.stored(NOTEBOOKS[-1]))
        if "data" in output
    )
    listed = set(re.findall(r"^\*\*`(.*?)`\*\*", shown, flags=re.MULTILINE))
    failing = {id for id, (verdict, _) in expected_verdicts().items() if verdict != "holds"}
    assert listed == failing


def test_a_changed_digit_a_lost_picture_and_an_error_are_differences() -> None:
    stored = run.stored(NOTEBOOKS[0])
    assert run.differences(stored, copy.deepcopy(stored)) == []

    streams = [
        c for c in stored.cells if any(o.output_type == "stream" for o in c.get("outputs", ()))
    ]
    position = stored.cells.index(streams[0])
    changed = copy.deepcopy(stored)
    changed.cells[position].outputs[0].text += "0"
    assert len(run.differences(stored, changed)) == 1

    changed = copy.deepcopy(stored)
    changed.cells[position].outputs.append(
        run.nbformat.v4.new_output("error", ename="ValueError", evalue="", traceback=[])
    )
    assert len(run.differences(stored, changed)) == 1

    pictured = next(
        number
        for number, cell in enumerate(stored.cells)
        if any("image/png" in output.get("data", {}) for output in cell.get("outputs", ()))
    )
    changed = copy.deepcopy(stored)
    changed.cells[pictured].outputs = []
    assert len(run.differences(stored, changed)) == 1

    changed = copy.deepcopy(stored)
    for output in changed.cells[pictured].outputs:
        if "image/png" in output.get("data", {}):
            output.data["image/png"] = "another"
    assert run.differences(stored, changed) == []


def test_a_derivation_with_a_wrong_step_is_not_shown() -> None:
    reading = _module("reading")
    x = Symbol("x", real=True)
    right = Derivation(
        "square", (Step("start", (x + 1) ** 2, "start"), Step("expanded", x**2 + 2 * x + 1))
    )
    assert "x^{2} + 2 x + 1" in reading.steps(right).data
    wrong = Derivation(
        "square", (Step("start", (x + 1) ** 2, "start"), Step("expanded", x**2 + x + 1))
    )
    with pytest.raises(ValueError, match=r"steps \(1,\)"):
        reading.steps(wrong)


def test_formulas_in_sentences_are_typeset_and_words_are_left() -> None:
    typeset = _module("reading").typeset
    assert typeset("at a minimiser beta = 0, and ||P rho|| <= epsilon ||rho|| + beta") == (
        r"at a minimiser $\beta = 0$, and $\|P \rho\| \le \epsilon \|\rho\| + \beta$"
    )
    assert typeset("X^T X S_F = z* X^T 1 gives <X S, X S_F> = z* N mu, a mean") == (
        r"$X^{T} X S_{F} = z^* X^{T} 1$ gives $\langle X S, X S_{F}\rangle = z^* N \mu$, a mean"
    )
    assert typeset("(I - P) rho: a third class, by L2 and Bayes' rule") == (
        r"$(I - P) \rho$: a third class, by L2 and Bayes' rule"
    )
    assert typeset("l > 0, and |w - 1| >= f'(z*)") == (
        r"$l \gt 0$, and $\vert w - 1\vert \ge f'(z^*)$"
    )

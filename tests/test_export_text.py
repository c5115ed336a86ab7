"""The text of exports: headers, names, LaTeX, and the command that writes them."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import latex2mathml.converter
import logitreg as lr
import pytest
from click.testing import CliRunner
from logitreg.errors import ExpressionError, UnknownNameError
from logitreg.proofs_checks.commands.export import command
from logitreg.proofs_checks.exports.catalogue import export, export_ids
from logitreg.proofs_checks.exports.custom import exports_of_penalty
from logitreg.proofs_checks.exports.program import Export
from logitreg.proofs_checks.exports.source import TARGETS, source
from logitreg.theory import penalty
from logitreg.theory.formulas import formula_ids


@cache
def all_exports() -> tuple[Export, ...]:
    return tuple(export(id) for id in export_ids())


@pytest.mark.parametrize("target", TARGETS)
def test_the_text_stands_alone(target: str) -> None:
    text = source(all_exports(), target)
    imports = re.findall(r"^\s*(?:import|from|#include|const .* = require).*$", text, re.M)
    allowed = {
        "numpy": ["import numpy as np"],
        "torch": ["import torch"],
        "jax": ["import jax.numpy as jnp"],
        "c": ["#include <math.h>"],
    }
    assert imports == allowed.get(target, [])
    assert "import logitreg" not in text


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("id", export_ids())
def test_the_header_names_the_claim_and_the_domain(id: str, target: str) -> None:
    found = export(id)
    text = " ".join(re.sub(r"(?m)^(#|//|%) +", "", source((found,), target)).split())
    assert text.startswith(f"{id}: ")
    assert f"Claim: {found.claim}, " in text
    assert "evidence " in text
    for argument in found.arguments:
        assert argument.meaning in text
    if target != "latex":
        for part in found.parts:
            error = f"Error of {part.routine.name}: at most {part.ulp} units in the last place"
            assert error in text


def test_the_grade_in_a_header_is_that_of_the_ledger() -> None:
    assert "Claim: lead.alignment-bound, holds, evidence PROVED." in source(
        [export("lead.alignment-bound")], "c"
    )


def test_an_error_of_many_units_is_also_stated_as_a_share() -> None:
    found = export("lead.alignment-bound")
    lossy = replace(found, parts=(replace(found.parts[0], ulp=2**22),))
    text = " ".join(source([lossy], "c").replace("//", "").split())
    assert "at most 4194304 units in the last place of the value, which is 9e-10 of it." in text


def test_every_formula_exports_itself() -> None:
    assert set(formula_ids()) <= set(export_ids())
    found = lr.formula("lead.target-quadratic")
    assert found.to("js") == source([export(found.id)], "js")
    with pytest.raises(UnknownNameError, match="no target 'fortran'; expected one of numpy"):
        found.to("fortran")


def test_names_of_functions_are_unique() -> None:
    names = [part.routine.name for found in all_exports() for part in found.parts]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("id", export_ids())
def test_latex_is_well_formed(id: str) -> None:
    found = export(id)
    formulas = re.findall(r"\\\[(.*?)\\\]", source((found,), "latex"), re.S)
    assert len(formulas) == len(found.parts)
    for formula in formulas:
        ElementTree.fromstring(latex2mathml.converter.convert(formula))
        assert "RLambertW" not in formula


def test_a_penalty_of_the_catalogue_is_exported_with_its_claims() -> None:
    ids = [found.id for found in exports_of_penalty(penalty("log(cosh(z))"))]
    assert ids == ["loss.log-cosh", "catalogue.target-log-cosh"]


def invoke(*arguments: str) -> str:
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


@pytest.mark.parametrize("target", TARGETS)
def test_the_command_prints_the_text_or_writes_it(target: str, tmp_path: Path) -> None:
    text = source([export("lead.target-quadratic"), export("beck.eq-5")], target)
    arguments = ("lead.target-quadratic", "beck.eq-5", "--to", target)
    assert invoke(*arguments) == text
    path = tmp_path / "formulas"
    invoke(*arguments, "--output", str(path))
    assert path.read_text(encoding="utf-8") == text


def test_the_command_takes_patterns_and_expressions() -> None:
    assert invoke("loss.*", "--to", "js").count("function ") == 33
    assert invoke("multiclass-loss.*", "--to", "js").count("_multiclass") == 22 * 3
    text = invoke("log(cosh(z))", "--to", "js")
    assert "function log_cosh_target(alpha)" in text
    assert "function log_cosh_loss_multiclass_gradient(logits, label, alpha)" in text


def test_the_command_lists_claims_and_domains() -> None:
    listed = invoke()
    assert listed == invoke("--list")
    assert set(export_ids()) <= set(listed.split())
    assert "1e-300 <= alpha <= 1 - 2^-53" in listed
    assert "Claim: beck.eq-5, holds, evidence PROVED." in listed


def test_an_unknown_name_is_told_its_neighbours() -> None:
    with pytest.raises(UnknownNameError, match=r"did you mean lead\.target-quadratic"):
        invoke("lead.target-quadratc")
    with pytest.raises(ExpressionError, match="cannot read"):
        penalty("lead.target-quadratc")

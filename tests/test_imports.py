"""Who imports whom: floors in one direction, and no circle, not even of late imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import logitreg as lr
import pytest

ROOT = Path(lr.__file__).parent
FLOORS = ("theory", "numerics", "proofs_checks")
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path
    for floor in FLOORS
    for path in (ROOT / floor).rglob("*.py")
}


def imported(module: str, source: str) -> Iterator[str]:
    """The modules of the package that a source imports, at once or late, but for type checkers."""
    tree = ast.parse(source)
    idle = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level and node not in idle:
            parent = module.split(".")[: -node.level]
            base = ".".join([*parent, *(node.module or "").split(".")]).rstrip(".")
            names = {f"{base}.{alias.name}" for alias in node.names}
            yield from (names | {base}) & MODULES.keys()


def graph() -> dict[str, set[str]]:
    return {name: set(imported(name, path.read_text())) for name, path in MODULES.items()}


def test_no_modules_import_each_other_in_a_circle() -> None:
    edges = graph()
    order = list(TopologicalSorter(edges).static_order())
    assert set(order) == set(MODULES)
    assert edges["numerics.kernels"] >= {"theory.penalties", "numerics.catalogue"}
    with pytest.raises(CycleError):
        TopologicalSorter({**edges, "numerics.catalogue": {"numerics.targets"}}).prepare()


def test_no_floor_imports_one_above() -> None:
    for name, others in graph().items():
        height = FLOORS.index(name.partition(".")[0])
        assert all(FLOORS.index(other.partition(".")[0]) <= height for other in others), name

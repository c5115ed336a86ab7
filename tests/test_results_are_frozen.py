"""What a function returned stays what it was: no dataclass of the package can be changed."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator
from importlib import import_module
from pkgutil import walk_packages
from types import ModuleType

import logitreg.numerics
import logitreg.theory


def modules() -> Iterator[ModuleType]:
    """Without those that need an optional library, which have none."""
    for package in (logitreg.theory, logitreg.numerics):
        for found in walk_packages(package.__path__, package.__name__ + "."):
            if not found.name.rpartition(".")[2].startswith(("jax", "torch")):
                yield import_module(found.name)


def dataclasses_of(module: ModuleType) -> list[type]:
    found = [kind for kind in vars(module).values() if inspect.isclass(kind)]
    return [k for k in found if k.__module__ == module.__name__ and dataclasses.is_dataclass(k)]


def changeable(kinds: list[type]) -> list[str]:
    return [kind.__name__ for kind in kinds if not vars(kind)["__dataclass_params__"].frozen]


def test_no_dataclass_can_be_changed() -> None:
    kinds = [kind for module in modules() for kind in dataclasses_of(module)]
    assert len(kinds) > 30
    assert not changeable(kinds)


def test_one_that_can_is_found() -> None:
    assert changeable([dataclasses.make_dataclass("Loose", ["x"])]) == ["Loose"]

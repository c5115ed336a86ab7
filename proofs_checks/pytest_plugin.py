"""A pytest plugin: the ``logitreg`` fixture and its marker. It imports nothing until a test asks.

Hypothesis's profiles "logitreg-fast" and "logitreg-thorough" come with
:mod:`logitreg.proofs_checks.hypothesis_plugin`.
"""

from __future__ import annotations

import sys
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

__all__ = ["logitreg", "pytest_collection_finish", "pytest_configure"]

_MARKER = (
    "logitreg(penalty, alpha, classes, max_examples, ...): arguments of the assertions of the "
    "logitreg fixture, for a test, a class or a module"
)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", _MARKER)


def pytest_collection_finish() -> None:
    """Register strategies for the types that the collected tests have imported."""
    if "hypothesis" in sys.modules:
        from .hypothesis_plugin import register_types

        register_types()


@pytest.fixture
def logitreg(request: pytest.FixtureRequest) -> SimpleNamespace:
    """The assertions of :mod:`logitreg.proofs_checks`, with the arguments of the test's marker.

    ``@pytest.mark.logitreg(penalty="label-smoothing", alpha=0.1)`` gives every assertion that
    takes them these arguments. A marker of a test adds to those of its class and its module.
    """
    from inspect import signature

    from . import assertions

    given: dict[str, Any] = {}
    for marker in reversed(list(request.node.iter_markers("logitreg"))):
        given.update(marker.kwargs)
    bound = {}
    unused = set(given)
    for name in (name for name in assertions.__all__ if name.startswith("assert_")):
        function = getattr(assertions, name)
        taken = given.keys() & signature(function).parameters.keys()
        bound[name] = partial(function, **{key: given[key] for key in taken})
        unused -= taken
    if unused:
        raise pytest.UsageError(
            f"the marker logitreg has {', '.join(sorted(unused))}; no assertion takes that"
        )
    return SimpleNamespace(**bound)

"""Hypothesis profiles, and the control of a property: a broken variant that it must refute."""

from __future__ import annotations

import os
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import Phase, find, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

# The processes of pytest-xdist share the cores. NumPy, which reads this, is not loaded yet.
os.environ.setdefault("OMP_NUM_THREADS", "1")

settings.register_profile("fast", max_examples=30, deadline=None, derandomize=True, database=None)
# The suites of tests/properties together: more than 10^5 examples.
settings.register_profile("thorough", max_examples=2700, deadline=None, print_blob=True)
settings.load_profile("fast")

Refutes = Callable[..., None]


@pytest.fixture
def refutes() -> Refutes:
    """refutes(check, *strategies, within=n): the check fails on one of n examples."""

    def refutes(
        check: Callable[..., None], *strategies: st.SearchStrategy[Any], within: int
    ) -> None:
        def fails(case: tuple[Any, ...]) -> bool:
            try:
                check(*case)
            except AssertionError:
                return True
            return False

        # No shrinking: that the check fails is all that is asked.
        options = settings(max_examples=within, phases=[Phase.generate], database=None)
        try:
            find(st.tuples(*strategies), fails, settings=options, random=Random(0))
        except NoSuchExample:
            pytest.fail(f"the broken variant passed {within} examples: the property has no teeth")

    return refutes

"""The smallest example on which a property fails, found and shrunk by Hypothesis."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar

from hypothesis import HealthCheck, Phase, find, settings
from hypothesis.errors import NoSuchExample
from hypothesis.strategies import SearchStrategy

__all__ = ["smallest"]

T = TypeVar("T")

_MOST_SHRINKS = 150


def smallest(
    strategy: SearchStrategy[T],
    fails: Callable[[T], bool],
    key: Callable[[T], Hashable],
    max_examples: int | None,
) -> T | None:
    """The smallest example for which ``fails``, or None if none of ``max_examples`` does.

    Every example is tried once: a trainer may be slow, and random. ``max_examples`` is that of
    Hypothesis's profile if None; shrinking takes at most 150 more.

    Examples
    --------
    >>> from hypothesis import strategies as st
    >>> smallest(st.integers(), lambda n: n > 12, lambda n: n, 100)
    13
    """
    tried: dict[Hashable, bool] = {}
    failed, left = False, _MOST_SHRINKS

    def condition(example: T) -> bool:
        nonlocal failed, left
        name = key(example)
        if name not in tried:
            left -= failed
            if left < 0:
                return False
            tried[name] = fails(example)
            failed = failed or tried[name]
        return tried[name]

    quiet = settings(
        max_examples=settings().max_examples if max_examples is None else max_examples,
        database=None,
        deadline=None,
        derandomize=True,
        phases=(Phase.generate, Phase.shrink),
        # A slow machine is no fault of the code under test.
        suppress_health_check=[HealthCheck.too_slow],
    )
    try:
        return find(strategy, condition, settings=quiet)
    except NoSuchExample:
        return None

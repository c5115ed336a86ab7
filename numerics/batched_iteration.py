"""Steps for all problems of a batch at once, until every one of them has arrived."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import numpy as np
from array_api_compat import is_numpy_array

from .batched_problems import Problems

__all__ = ["choose", "counted", "in_blocks", "repeat"]

_BLOCK = 2**19

T = TypeVar("T")


def in_blocks(problems: Problems, solve: Callable[[Problems], T]) -> T:
    """What ``solve`` gives for the problems: a named tuple of arrays (batch, ...).

    NumPy makes many temporaries of the size of its operands: there it is called for blocks of the
    batch that stay in the cache.
    """
    xp, shape = problems.xp, problems.shape
    if not is_numpy_array(problems.q) or 0 in (len(shape), *shape):
        return solve(problems)
    size = math.prod(shape[1:]) * math.prod(problems.q.shape[-2:]) * problems.outputs
    length = max(1, _BLOCK // size)
    starts = range(0, shape[0], length)
    parts: list[Any] = [solve(problems.part(slice(i, i + length))) for i in starts]
    kind: Any = type(parts[0])
    whole: T = kind(*(xp.concat(field) for field in zip(*parts, strict=True)))
    return whole


def repeat(
    problems: Problems, stepper: Callable[[Problems], Callable[[T], T]], state: T, traced: bool
) -> T:
    """The state after as many steps as it takes until all problems are ``done``.

    In NumPy those that are done make room, once they are half, for the others.

    Parameters
    ----------
    stepper : problems -> what advances their state, a named tuple of arrays (batch, ...), by a step
        that leaves problems alone that are done.
    traced : let JAX repeat the steps.
    """
    xp, advance = problems.xp, stepper(problems)

    def unfinished(state: Any) -> Any:
        return xp.any(~state.done)

    if traced:
        from jax.lax import while_loop

        result: T = while_loop(unfinished, advance, state)
        return result
    makes_room = is_numpy_array(problems.q) and problems.shape
    while bool(unfinished(state)):
        going: Any = ~state.done  # type: ignore[attr-defined]
        if makes_room:
            going = np.any(going, axis=tuple(range(1, going.ndim)))
        if makes_room and 2 * np.sum(going) <= len(going):
            rest = _each(partial(_picked, going), state)
            rest = repeat(problems.part(going), stepper, rest, traced)
            return _each(partial(_replaced, going), state, rest)  # type: ignore[no-any-return]
        state = advance(state)
    return state


def _picked(chosen: Any, whole: Any) -> Any:
    return whole[chosen]


def _replaced(chosen: Any, whole: Any, part: Any) -> Any:
    found = whole.copy()
    found[chosen] = part
    return found


def _each(function: Callable[..., Any], *trees: Any) -> Any:
    """Tuples of tuples of what a function makes of the arrays in them."""
    if not isinstance(trees[0], tuple):
        return function(*trees)
    parts = [_each(function, *branches) for branches in zip(*trees, strict=True)]
    kind: Any = type(trees[0])
    return kind(*parts) if hasattr(kind, "_fields") else kind(parts)


def counted(xp: Any, steps: Any, done: Any) -> Any:
    """One more for every problem that is not done."""
    return steps + xp.astype(~done, steps.dtype)


def choose(xp: Any, mask: Any, new: Any, old: Any) -> Any:
    extra = len(new.shape) - len(mask.shape)
    return xp.where(xp.reshape(mask, (*mask.shape, *(1,) * extra)), new, old)

"""assert_target: a function gives the target logit of a penalty, on the whole range of alpha."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from flint import arb
from hypothesis import strategies as st

from ...errors import LogitregError
from ...numerics.balls import precision
from ...numerics.enclosures import ball_above
from ...numerics.kernels import penalties
from ...numerics.losses import penalty_name
from ...numerics.target_enclosures import target_enclosure
from ...numerics.targets import target
from .failures import ContradictionError, number, target_claim
from .frameworks import as_numpy
from .search import smallest

__all__ = ["assert_target"]

_ENDS = (5e-324, 1e-300, 1e-100, 1e-16, 1e-6, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1 - 1e-9)
_LARGEST = math.nextafter(1.0, 0.0)


def assert_target(
    function: Callable[[float], Any],
    *,
    penalty: Any,
    classes: int = 2,
    rtol: float = 1e-9,
    ulp: float | None = None,
    domain: tuple[float, float] = (5e-324, _LARGEST),
    max_examples: int | None = None,
) -> None:
    """Assert that alpha -> function(alpha) is the target z* of a penalty, to the stated accuracy.

    The function is held against certified enclosures of the target: at fixed strengths from one
    end of the domain to the other, and at those that Hypothesis finds.

    Parameters
    ----------
    function : of one float. It returns a number of any library.
    penalty : as for :func:`logitreg.target`.
    classes : 2 for the signed logit, K > 2 for the gap z_high - z_low.
    rtol : largest error relative to the target.
    ulp : largest error in units in the last place of float64, in place of ``rtol``.
    domain : the smallest and the largest alpha; by default those of float64.
    max_examples : that of Hypothesis's profile by default.

    Raises
    ------
    ContradictionError : the function is another one, or loses digits. It is an AssertionError.
    ValueError, UnknownNameError, NotConvexError, NoFiniteTargetError

    Examples
    --------
    >>> assert_target(lambda alpha: math.log1p(2 * (1 - alpha) / alpha),
    ...               penalty="label-smoothing", domain=(1e-300, 0.999))
    """
    low, high = domain
    if not 0 < low <= high < 1:
        raise ValueError(f"domain is {domain}; expected 0 < smallest <= largest < 1")

    def error(alpha: float) -> tuple[float, float]:
        """The error of the function, bounded from below, and what is allowed."""
        with precision(128):
            exact = target_enclosure(penalty, alpha, classes, digits=25)
            middle = float(exact.mid())
            allowed = abs(middle) * rtol if ulp is None else ulp * math.ulp(middle)
            found = _evaluate(function, alpha)
            if not math.isfinite(found):
                return math.inf, allowed
            return -ball_above(-abs(arb(found) - exact)), allowed

    def fails(alpha: float) -> bool:
        found, allowed = error(alpha)
        return found > allowed

    grid = sorted({low, high, *(alpha for alpha in _ENDS if low < alpha < high)})
    # The middle of the domain first: a wrong formula is better seen there than at an end.
    example = next(filter(fails, sorted(grid, key=lambda alpha: abs(alpha - 0.1))), None)
    if example is None:
        strengths = st.floats(low, high)
        example = smallest(strengths, fails, lambda alpha: alpha, max_examples)
    if example is None:
        return
    found, allowed = error(example)
    expected = target_enclosure(penalty, example, classes, digits=25)
    diagnosis, claim = _diagnose(function, penalty, classes, domain, example)
    name = penalty_name(penalty)
    raise ContradictionError(
        f"the function is not the target of {name} for {classes} classes",
        {
            "example": f"alpha = {example!r}",
            "expected": f"{float(expected.mid())!r}, to {number(allowed)}",
            "found": f"{_evaluate(function, example)!r}",
            "off by": number(found),
        },
        diagnosis,
        claim,
    )


def _evaluate(function: Callable[[float], Any], alpha: float) -> float:
    with np.errstate(all="ignore"):
        try:
            return float(as_numpy(function(alpha)))
        except (OverflowError, ZeroDivisionError):
            # What Python's own floats do where an array would hold infinity.
            return math.inf
        except ValueError as domain_error:
            if "math domain error" in str(domain_error) or "positive" in str(domain_error):
                return math.nan
            raise


_PLACES = (0.03, 0.1, 0.2, 0.35, 0.6)


def _diagnose(
    function: Callable[[float], Any],
    penalty: Any,
    classes: int,
    domain: tuple[float, float],
    example: float,
) -> tuple[str | None, str]:
    claim = target_claim(penalty_name(penalty), classes)
    places = [a for a in _PLACES if domain[0] <= a <= domain[1]]
    found = [_evaluate(function, alpha) for alpha in places]

    def fits(hypothesis: Callable[[float], float], rel_tol: float = 1e-5) -> bool:
        compared = 0
        for alpha, value in zip(places, found, strict=True):
            try:
                wanted = hypothesis(alpha)
            except (LogitregError, ValueError):
                continue
            if not math.isclose(value, wanted, rel_tol=rel_tol):
                return False
            compared += 1
        return compared >= min(3, len(places)) > 0

    def star(alpha: float) -> float:
        return float(target(penalty, alpha, classes=classes))

    if fits(star):
        if 1e-3 < example < 0.999:
            return "the formula is right, and has few digits: is it computed in float32?", claim
        end = "small" if example < 0.5 else "large"
        return (
            f"the formula is right, and loses digits or overflows for {end} alpha: rewrite it "
            "there (log1p; the log of (1 - alpha)/alpha in two parts), or state the domain",
            claim,
        )
    rest = classes - 1
    strengths: dict[str, Callable[[float], float]] = {
        "2 alpha": lambda a: 2 * a,
        "alpha/2": lambda a: a / 2,
        "1 - alpha": lambda a: 1 - a,
        "alpha K/(K - 1)": lambda a: a * classes / rest,
        "alpha/(1 + alpha), as without the factor 1 - alpha": lambda a: a / (1 + a),
        "alpha/(2 - alpha), as with a halved penalty": lambda a: a / (2 - a),
        "2 alpha/(1 + alpha), as with a doubled penalty": lambda a: 2 * a / (1 + a),
    }
    for text, strength in strengths.items():
        if fits(lambda a, strength=strength: star(strength(a))):  # type: ignore[misc]
            return f"it is the target at strength {text}", claim
    multiples = {
        "with the sign reversed": -1.0,
        "half of it": 0.5,
        "twice it": 2.0,
        "the level of the true class, z_high, not the gap z_high - z_low": rest / classes,
        "the level of the other classes, z_low, not the gap z_high - z_low": -1 / classes,
    }
    for text, multiple in multiples.items():
        if fits(lambda a, multiple=multiple: multiple * star(a)):  # type: ignore[misc]
            return f"it is {text}", claim
    for other in penalties():
        for number_of_classes in {classes, 2}:
            if fits(lambda a, p=other, k=number_of_classes: float(target(p, a, classes=k))):  # type: ignore[misc]
                return f"it is the target of {other} for {number_of_classes} classes", claim
    if fits(star, rel_tol=1e-2):
        return "it is right to few digits: does an iteration stop early?", claim
    return None, claim

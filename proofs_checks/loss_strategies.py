"""Hypothesis strategies for losses: penalties and strengths."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ..numerics.kernels import kernel
from ..numerics.kernels import penalties as catalogue_names

__all__ = ["alphas", "penalties"]

_SMALLEST_ALPHA = 1e-300
_LARGEST_ALPHA = 1 - 2.0**-53


def penalties(*, smooth: bool | None = None, names_only: bool = False) -> SearchStrategy[str]:
    """Convex, even penalties with a finite target at every strength: names and expressions in z.

    Parameters
    ----------
    smooth : True for a continuous slope, False for a slope that jumps, None for both.
    names_only : leave out the expressions, whose first use costs up to a second of SymPy.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(penalties(), lambda penalty: True)
    'quadratic'
    >>> "cosh" in find(penalties(smooth=False), lambda penalty: "cosh" in penalty)
    True
    """
    names = sorted(filter(_is_convex, catalogue_names()), key=lambda name: name != "quadratic")
    if smooth is not None:
        names = [name for name in names if smooth == (not kernel(name).kinks)]
    named = st.sampled_from(names)
    return named if names_only else named | _expressions(smooth)


def _is_convex(name: str) -> bool:
    return kernel(name).convex


def _expressions(smooth: bool | None) -> SearchStrategy[str]:
    rounded = _terms("z**2", "z**4/12", "abs(z)**3", "cosh(z)", "log(cosh(z))", "sqrt(1 + z**2)")
    kinked = _terms("abs(z)", "abs(z - 1) + abs(z + 1)")
    sums = st.lists(rounded, min_size=1, max_size=2, unique=True).map(" + ".join)
    with_kink = st.tuples(kinked, rounded).map(" + ".join)
    if smooth is None:
        return sums | with_kink
    return sums if smooth else with_kink


def _terms(*functions: str) -> SearchStrategy[str]:
    scaled = [f"{factor}*({f})" for factor in ("2", "1/2") for f in functions]
    return st.sampled_from([*functions, *scaled])


def alphas(
    min_value: float = _SMALLEST_ALPHA, max_value: float = _LARGEST_ALPHA
) -> SearchStrategy[float]:
    """Strengths in [min_value, max_value] within (0, 1): usual ones, small ones, ones next to 1.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(alphas(), lambda alpha: alpha > 0)
    0.5
    >>> find(alphas(), lambda alpha: alpha < 1e-200)
    1e-300
    """
    if not 0 < min_value <= max_value < 1:
        raise ValueError(
            f"alphas from {min_value} to {max_value}; expected 0 < min_value <= max_value < 1"
        )

    def clipped(alpha: float) -> float:
        return min(max(alpha, min_value), max_value)

    usual = [a for a in (0.5, 0.1, 0.9, 0.01, 0.2, 0.001) if min_value <= a <= max_value]
    return st.one_of(
        st.sampled_from([*usual, min_value, max_value]),
        st.floats(min_value, max_value),
        st.integers(1, 300).map(lambda k: clipped(10.0**-k)),
        st.integers(1, 53).map(lambda k: clipped(1 - 2.0**-k)),
    )

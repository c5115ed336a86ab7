"""Which figures there are, their settings, and how large they are simulated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from ...errors import UnknownNameError
from .data import FigureData, Track
from .simulation import Size

__all__ = ["FIGURES", "Entry", "compute", "entry"]


@dataclass(frozen=True)
class Entry:
    """A figure of the source: the module with its function, and its size, small and full."""

    number: int
    title: str
    settings: str
    module: str
    small: Size
    full: Size
    data: bool = False


_GD = "GD 0.1"
_ENTRIES = (
    Entry(
        1,
        "Histograms of logits at three times",
        f"N = 2000, d = 1400; σ_f = 0.5, σ_n = 1; α = 0, 0.2; {_GD}, 20000 epochs",
        "histograms",
        Size(400, 1, 20000),
        Size(2000, 1, 20000),
    ),
    Entry(
        2,
        "Cosine and norm against α, Student-t noise",
        "N = 1500, d = 1000; σ_f = σ_n = 1; ν = 2.1, 3, 20",
        "alignment",
        Size(150, 20),
        Size(1500, 20),
    ),
    Entry(
        3,
        "Accuracy against α for several penalties, on embeddings",
        "not in the source's table; digits or --data FILE",
        "embeddings",
        Size(300, 3),
        Size(1000, 10),
        data=True,
    ),
    Entry(
        4,
        "Histograms of logits without noise along the signal",
        f"N = 2000, d = 1400; σ_f = 0, σ_n = 1; α = 0, 0.2; {_GD}, 20000 epochs",
        "histograms",
        Size(400, 1, 20000),
        Size(2000, 1, 20000),
    ),
    Entry(
        5,
        "Grokking: accuracy and loss against the epoch",
        f"N = 2000, d = 1400; μ_f = 0.1, σ_f = 0; α = 0, 0.001, 0.01, 0.1; {_GD}, 200000 epochs",
        "grokking",
        Size(100, 1, 200000),
        Size(2000, 1, 200000),
    ),
    Entry(
        6,
        "Accuracy against σ_n and the boundary of benefit, λ = 0.7",
        f"N = 2000, d = 1400; σ_f = 0.5, 0.8; σ_n = 0.1 to 6; α = 0, 0.4; {_GD}, 20000 epochs",
        "noise_level",
        Size(200, 20, 20000),
        Size(2000, 20, 20000),
    ),
    Entry(
        7,
        "Three classes projected on the plane of their targets",
        f"N = 2000, d = 1400, K = 10; σ_f = 0.1, σ_n = 1; α = 0, 0.2; {_GD}, 20000 epochs",
        "many_classes",
        Size(300, 1, 20000),
        Size(2000, 1, 20000),
    ),
    Entry(
        8,
        "Grokking with ten classes",
        f"N = 2000, d = 1400, K = 10; σ_f = 0, σ_n = 1; α = 0.04; {_GD}, epochs not given",
        "grokking",
        Size(300, 1, 20000),
        Size(2000, 1, 40000),
    ),
    Entry(
        9,
        "Accuracy against α and γ on embeddings",
        "512 features, 1000 training samples; digits or --data FILE",
        "embeddings",
        Size(300, 3, 2000),
        Size(1000, 10, 30000),
        data=True,
    ),
    Entry(
        10,
        "Angle to the quadratic solution against α, by N",
        "N varies, d = 2; Gaussian; α ≥ 1e-5",
        "finite_samples",
        Size(100, 100),
        Size(100, 400),
    ),
    Entry(
        13,
        "Cosine and norm against α, by λ",
        f"N = 2000, d = 200, 1400, 1800; σ_f = 0.5, σ_n = 1; {_GD}, 20000 epochs",
        "alignment",
        Size(200, 20),
        Size(2000, 20),
    ),
    Entry(
        14,
        "Mean and deviation of logits against σ_f",
        "λ = 0.7; σ_n = 1; α not given",
        "signal_noise_sweeps",
        Size(200, 20),
        Size(2000, 20),
    ),
    Entry(
        15,
        "Accuracy against σ_n and the boundary of benefit, λ = 0.4",
        f"N = 2000, d = 800; σ_f = 0.5, 0.8; α = 0, 0.4; {_GD}, 20000 epochs",
        "noise_level",
        Size(200, 20, 20000),
        Size(2000, 20, 20000),
    ),
    Entry(
        16,
        "Accuracy and cosine against λ",
        f"N = 2000; σ_f = 0, 0.5, 1; σ_n = 0.2, 4 (caption: 1, 2); α = 0, 0.4; {_GD}, 20000 epochs",
        "aspect_ratio",
        Size(200, 20),
        Size(2000, 20),
    ),
    Entry(
        17,
        "Accuracy and cosine against σ_n",
        "not given; here λ = 0.4, 0.7; σ_f = 0.5; α = 0, 0.4",
        "noise_level",
        Size(200, 20),
        Size(2000, 20),
    ),
    Entry(
        18,
        "Accuracy and cosine against λ with weight decay",
        f"N = 2000; σ_f = 0, 0.5, 1; σ_n = 1, 2; γ = 0.2; {_GD}, 2000 epochs",
        "aspect_ratio",
        Size(80, 20),
        Size(2000, 20),
    ),
    Entry(
        19,
        "1/ρ² against 1/σ_n²",
        f"N = 2000, d = 1400; σ_f = 0.5; σ_n = 0.5 to 3; α = 0.2; {_GD}, 2000 epochs",
        "noise_invariance",
        Size(200, 20, 2000),
        Size(2000, 20, 2000),
    ),
    Entry(
        20,
        "Weights against σ_f",
        "N = 2000, d = 1400; σ_f = 0 to 0.5; σ_n = 1; α = 0.4; Adam 0.01, 1000 epochs",
        "signal_noise_sweeps",
        Size(200, 20),
        Size(2000, 20),
    ),
)

FIGURES = {entry.number: entry for entry in _ENTRIES}
"""By number, ascending."""


def entry(number: int) -> Entry:
    """The figure with this number.

    Raises
    ------
    UnknownNameError : there is none.

    Examples
    --------
    >>> entry(19).title
    '1/ρ² against 1/σ_n²'
    """
    if number not in FIGURES:
        why = (
            "figures 11 and 12 are three points in the plane, decided exactly: logitreg show "
            "beck.toy-quadratic, or beck.toy-hinge"
            if number in (11, 12)
            else "the source's table of settings has no other"
        )
        numbers = ", ".join(map(str, FIGURES))
        raise UnknownNameError(f"there is no figure {number}; expected one of {numbers}; {why}")
    return FIGURES[number]


def compute(chosen: Entry, size: Size, track: Track, data: Path | None = None) -> FigureData:
    """The numbers of a figure; a file of embeddings for the figures that draw one."""
    module = import_module(f".{chosen.module}", __package__)
    function: Callable[..., FigureData] = getattr(module, f"figure_{chosen.number}")
    extra: tuple[Any, ...] = (module.load(data),) if chosen.data else ()
    return function(size, track, *extra)

"""Drawing: panels of lines, points, histograms and clouds, as SVG and PNG."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .data import Cloud, FigureData, Histogram, Line, Panel, Points

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

__all__ = ["save"]

# Okabe and Ito's palette without its yellow, which is too light for lines; dashes and markers tell
# the series apart without colour.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_DASHES: tuple[Any, ...] = ("-", (0, (5, 1.8)), (0, (1.2, 1.4)))
_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "logitreg",
    "font.size": 8.0,
    "axes.titlesize": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "lines.linewidth": 1.3,
    "legend.frameon": False,
    "legend.handlelength": 2.4,
    "mathtext.fontset": "dejavusans",
}
_PANEL = {1: (4.6, 3.1), 2: (3.3, 2.5), 3: (2.5, 2.1), 4: (2.2, 2.0)}
_DOTS_PER_INCH = 160


def save(data: FigureData, name: str, folder: Path) -> tuple[Path, Path]:
    """Write NAME.svg and NAME.png; return their paths."""
    import matplotlib as mpl

    paths = folder / f"{name}.svg", folder / f"{name}.png"
    with mpl.rc_context(_STYLE):
        canvas = _canvas(data)
        canvas.savefig(paths[0], metadata={"Date": None, "Description": data.caption})
        canvas.savefig(paths[1], dpi=_DOTS_PER_INCH, metadata={"Description": data.caption})
    return paths


def _canvas(data: FigureData) -> Canvas:
    from matplotlib.figure import Figure as Canvas

    rows = -(-len(data.panels) // data.columns)
    width, height = _PANEL[data.columns]
    # In the order of the marks, each once.
    labels = list(dict.fromkeys(m.label for p in data.panels for m in p.marks if m.label))
    per_row = 2 if data.columns < 3 else 3
    legend = 0.19 * -(-len(labels) // per_row)
    canvas = Canvas(
        figsize=(max(width * data.columns, 4.6), height * rows + legend), layout="constrained"
    )
    axes = np.ravel(canvas.subplots(rows, data.columns, squeeze=False))
    for ax, panel in zip(axes, data.panels, strict=False):
        _draw(ax, panel)
    for ax in axes[len(data.panels) :]:
        ax.set_axis_off()
    handles: dict[str, Any] = {}
    for ax in axes:
        handles = dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True)) | handles
    if handles:
        shown = [handles[label] for label in labels]
        canvas.legend(
            shown, [_mathematics(v) for v in labels], loc="outside lower center", ncols=per_row
        )
    return canvas


def _mathematics(text: str) -> str:
    """Letters with a subscript as matplotlib's mathematics.

    >>> _mathematics("noise across, σ_n")
    'noise across, $σ_n$'
    """
    return re.sub(r"([^\W_]+)_(\w|⊥)", r"$\1_\2$", text)


def _draw(ax: Axes, panel: Panel) -> None:
    for mark in panel.marks:
        colour = _COLOURS[mark.series % len(_COLOURS)]
        if isinstance(mark, Line):
            ax.plot(
                mark.x,
                np.where(np.isfinite(mark.y), mark.y, np.nan),
                color=colour,
                linestyle=_DASHES[mark.dash],
                label=mark.label or "_",
                zorder=2,
            )
        elif isinstance(mark, Points):
            ax.errorbar(
                mark.x,
                mark.y,
                yerr=None if np.all(np.isnan(mark.error)) else mark.error,
                fmt=_MARKERS[mark.series % len(_MARKERS)],
                color=colour,
                markerfacecolor="white" if mark.hollow else colour,
                markersize=3.6,
                elinewidth=0.9,
                capsize=1.8,
                label=mark.label,
                zorder=3,
            )
        elif isinstance(mark, Histogram):
            ax.stairs(
                mark.density, mark.edges, fill=True, color=colour, alpha=0.35, label=mark.label
            )
        elif isinstance(mark, Cloud):
            ax.plot(
                mark.x,
                mark.y,
                _MARKERS[mark.series % len(_MARKERS)],
                color=colour,
                markersize=2.4,
                markeredgewidth=0,
                alpha=0.6,
                label=mark.label,
            )
    words = (panel.x_label, panel.y_label, panel.title)
    ax.set(**dict(zip(("xlabel", "ylabel", "title"), map(_mathematics, words), strict=True)))
    _scale(ax, panel)
    if panel.x_limits is not None:
        ax.set_xlim(panel.x_limits)
    if panel.y_limits is not None:
        ax.set_ylim(panel.y_limits)
    if panel.equal:
        ax.set_aspect("equal", adjustable="datalim")


def _scale(ax: Axes, panel: Panel) -> None:
    ax.set_yscale(panel.y_scale)
    if panel.x_scale != "log2":
        ax.set_xscale(panel.x_scale)
        return
    from matplotlib.ticker import FuncFormatter

    ax.set_xscale("log", base=2)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))

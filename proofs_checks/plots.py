"""Plots as inline SVG that follow the page: its colours, its fonts, light and dark."""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from ..errors import NoFiniteTargetError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

__all__ = ["Figure", "penalty_figure"]

FloatArray = NDArray[np.float64]

# Placeholders that matplotlib draws with, and what the page makes of them. The series are the blue,
# vermilion and green of Okabe and Ito; the page may lighten them in dark mode. Dashes tell them
# apart without colour.
_INK, _RULE = "#010101", "#020202"
_SERIES = ("#0072b2", "#d55e00", "#008563")
_DASHES = ("-", (0, (5, 1.6)), (0, (1.2, 1.4)))
_CSS_COLOURS = {
    _INK: "currentColor",
    _RULE: "var(--rule, #999999)",
    **{colour: f"var(--series-{n}, {colour})" for n, colour in enumerate(_SERIES, start=1)},
}
_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "logitreg",
    "font.size": 8.0,
    "axes.edgecolor": _RULE,
    "axes.labelcolor": _INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": _INK,
    "xtick.color": _RULE,
    "ytick.color": _RULE,
    "xtick.labelcolor": _INK,
    "ytick.labelcolor": _INK,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.minor.size": 0.0,
    "lines.linewidth": 1.3,
    "legend.frameon": False,
    "legend.handlelength": 2.2,
}
_SVG = "http://www.w3.org/2000/svg"
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Figure:
    """A drawing for a page: its title, its SVG, and what it shows in words."""

    title: str
    svg: str
    description: str


def penalty_figure(
    name: str,
    loss: Callable[[FloatArray, float], FloatArray],
    target: Callable[[FloatArray], FloatArray],
    *,
    alphas: Sequence[float] = (0.05, 0.2, 0.6),
) -> Figure:
    """Per-sample loss with its minimiser, above; target against strength, below.

    Parameters
    ----------
    name : str
        The penalty's name, the title of the figure.
    loss : callable
        l(z, alpha) for an array of logits z, of any shape, and one alpha.
    target : callable
        z*(alpha) for an array of alphas in (0, 1); where it is not finite, nothing is drawn.
    alphas : sequence of at most three floats
        The strengths at which the loss is drawn.

    Raises
    ------
    NoFiniteTargetError
        If the target is finite at none of `alphas`.

    Examples
    --------
    >>> import numpy as np
    >>> figure = penalty_figure(
    ...     "label smoothing",
    ...     lambda z, a: (1 - a / 2) * np.logaddexp(0, -z) + a / 2 * np.logaddexp(0, z),
    ...     lambda a: np.log((2 - a) / a),
    ... )
    >>> figure.title
    'label smoothing'
    >>> figure.description.split(", with its minimum at ")[0]
    'Per-sample loss against the logit z'
    """
    strengths = np.asarray(alphas, dtype=np.float64)
    sweep = np.union1d(np.geomspace(1e-4, 0.99, 121), strengths)
    with np.errstate(all="ignore"):
        targets = np.asarray(target(sweep), dtype=np.float64)
    minimisers = targets[np.searchsorted(sweep, strengths)]
    finite = np.isfinite(minimisers)
    if not finite.any():
        raise NoFiniteTargetError(
            f"the penalty {name!r} has no finite target at any of alpha = {list(alphas)}; "
            "expected one at least; choose other alphas or leave this figure out"
        )
    import matplotlib as mpl

    description = _describe(strengths[finite], minimisers[finite], sweep, targets)
    with mpl.rc_context(_STYLE):
        canvas, (above, below) = _canvas(rows=2)
        _draw_losses(above, loss, strengths[finite], minimisers[finite])
        _draw_target(below, sweep, targets, strengths[finite], minimisers[finite])
        svg = _to_svg(canvas, name, description)
    return Figure(title=name, svg=svg, description=description)


def _canvas(rows: int) -> tuple[Canvas, Sequence[Axes]]:
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas(figsize=(3.4, 1.95 * rows), layout="constrained")
    axes: Any = canvas.subplots(rows, 1)
    return canvas, axes


def _draw_losses(
    axes: Axes,
    loss: Callable[[FloatArray, float], FloatArray],
    alphas: FloatArray,
    minimisers: FloatArray,
) -> None:
    right = 1.6 * max(float(minimisers.max()), 1.0)
    z = np.linspace(-0.5 * right, right, 161)
    for alpha, minimiser, colour, dash in zip(alphas, minimisers, _SERIES, _DASHES, strict=False):
        with np.errstate(all="ignore"):
            values = np.asarray(loss(z, float(alpha)), dtype=np.float64)
            least = float(loss(np.array([minimiser]), float(alpha))[0])
        axes.plot(z, _finite(values), color=colour, linestyle=dash, label=f"α = {alpha:g}")
        axes.plot([minimiser], [least], "o", color=colour, markersize=4.5)
    with np.errstate(all="ignore"):
        at_zero = max(float(loss(np.zeros(1), float(alpha))[0]) for alpha in alphas)
    lowest = axes.dataLim.ymin
    # The logits near zero and the target are what matters; the far branches would flatten them.
    if np.isfinite(at_zero) and at_zero > lowest:
        axes.set_ylim(lowest - 0.12 * (at_zero - lowest), lowest + 1.6 * (at_zero - lowest))
    axes.set_xlim(float(z[0]), float(z[-1]))
    axes.set_xlabel("logit z")
    axes.set_ylabel("loss ℓ(z)")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(alphas), columnspacing=1.2)


def _draw_target(
    axes: Axes, sweep: FloatArray, targets: FloatArray, alphas: FloatArray, minimisers: FloatArray
) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter

    axes.plot(sweep, _finite(targets), color=_INK)
    for alpha, minimiser, colour in zip(alphas, minimisers, _SERIES, strict=False):
        axes.plot([alpha], [minimiser], "o", color=colour, markersize=4.5)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator([1e-4, 1e-3, 1e-2, 1e-1, 1.0]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _power_of_ten(value)))
    axes.set_xlim(float(sweep[0]), 1.0)
    axes.set_ylim(bottom=min(0.0, float(np.nanmin(minimisers))))
    axes.set_xlabel("strength α")
    axes.set_ylabel("target z*")


def _finite(values: FloatArray) -> FloatArray:
    return np.where(np.isfinite(values), values, np.nan)


def _power_of_ten(value: float) -> str:
    exponent = round(np.log10(value))
    return "1" if exponent == 0 else "10" + str(exponent).translate(_SUPERSCRIPTS)


def _describe(
    alphas: FloatArray, minimisers: FloatArray, sweep: FloatArray, targets: FloatArray
) -> str:
    minima = ", ".join(f"{z:.3g} for α = {a:g}" for a, z in zip(alphas, minimisers, strict=True))
    drawn = np.flatnonzero(np.isfinite(targets))
    first, last = drawn[0], drawn[-1]
    return (
        f"Per-sample loss against the logit z, with its minimum at z* = {minima}; "
        f"target z* against α, from {targets[first]:.3g} at α = {sweep[first]:.3g} "
        f"to {targets[last]:.3g} at α = {sweep[last]:.3g}."
    )


def _to_svg(canvas: Canvas, name: str, description: str) -> str:
    """The drawing as SVG: colours of the page, ids of its own, no metadata, no style sheet."""
    buffer = io.BytesIO()
    canvas.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    # Only matplotlib's own output is parsed here, never a file from elsewhere.
    root = ElementTree.fromstring(buffer.getvalue())
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag.endswith("}metadata") or child.tag.endswith("}style"):
                parent.remove(child)
    _own_ids(root, prefix=f"figure-{zlib.crc32(name.encode()):08x}")
    for element in root.iter():
        element.tag = element.tag.removeprefix(f"{{{_SVG}}}")
        for attribute, value in element.attrib.items():
            if attribute == "style":
                element.set(attribute, _page_style(value))
            elif attribute in ("d", "x", "y", "transform"):
                element.set(attribute, re.sub(r"(\.\d\d)\d+", r"\1", value))
    width, height = root.attrib["viewBox"].split()[2:]
    root.attrib = {
        "xmlns": _SVG,
        "viewBox": f"0 0 {width} {height}",
        "role": "img",
        "aria-label": description,
        "stroke-linejoin": "round",
    }
    return re.sub(r">\s+<", "><", ElementTree.tostring(root, encoding="unicode"))


def _own_ids(root: ElementTree.Element, prefix: str) -> None:
    """Drop ids that nothing refers to; prefix the others, lest they collide within a page."""
    href = "{http://www.w3.org/1999/xlink}href"
    used: set[str] = set()
    for element in root.iter():
        for name, value in list(element.attrib.items()):
            references = re.findall(r"url\(#([^)]+)\)", value)
            if name == href:
                references = [value.removeprefix("#")]
                element.attrib.pop(name)
                name, value = "href", f"#{prefix}-{references[0]}"
            else:
                value = re.sub(r"url\(#", f"url(#{prefix}-", value)
            element.set(name, value)
            used.update(references)
    for element in root.iter():
        if (identifier := element.attrib.pop("id", None)) in used:
            element.set("id", f"{prefix}-{identifier}")


def _page_style(style: str) -> str:
    for placeholder, colour in _CSS_COLOURS.items():
        style = style.replace(placeholder, colour)
    return re.sub(r"font-family: [^;]+;? ?", "", style)

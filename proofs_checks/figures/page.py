"""All figures with their captions on one page that needs no other file."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from pathlib import Path

__all__ = ["write_page"]

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
figure { margin: 2.5rem 0; } svg { max-width: 100%; height: auto; background: white; }
figcaption { max-width: 46rem; color: #333; }
"""


def write_page(figures: Sequence[tuple[int, str, Path, str]], path: Path) -> None:
    """Write a page of (number, title, SVG file, caption)."""
    parts = [
        f'<figure id="figure-{number}"><h2>Figure {number}. {html.escape(title)}</h2>'
        f"{_inline(svg, number, title)}<figcaption>{html.escape(caption)}</figcaption></figure>"
        for number, title, svg, caption in figures
    ]
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>Figures</title><style>{_STYLE}</style></head><body>"
        "<h1>Theory and simulation</h1>"
        "<p>Lines are theory; points are simulations with standard errors.</p>"
        f"{''.join(parts)}</body></html>\n"
    )
    path.write_text(page, encoding="utf-8")


def _inline(svg: Path, number: int, title: str) -> str:
    """The drawing without its prologue, its ids its own."""
    text = svg.read_text(encoding="utf-8")
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    prefix = f"f{number}-"
    text = re.sub(r'(\sid=")', rf"\1{prefix}", text)
    text = re.sub(r'((?:xlink:)?href="#)', rf"\1{prefix}", text)
    text = re.sub(r"(url\(#)", rf"\1{prefix}", text)
    label = html.escape(title, quote=True)
    return text.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)

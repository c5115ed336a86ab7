r"""Formulas for the web: LaTeX and SymPy expressions as MathML, which needs no script.

`latex2mathml` does the translation. Its tree is then cut down to the elements and attributes of
presentation MathML (so that no formula can carry a link, a style or a script into a page) and its
spacing is corrected to that of TeX.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from latex2mathml import converter, exceptions
from markupsafe import Markup, escape

if TYPE_CHECKING:
    from sympy import Basic

__all__ = ["expression_to_mathml", "latex_to_mathml", "text_to_html"]

# latex2mathml's errors have no base class, and some malformed input ends in plain ones.
_UNREADABLE: tuple[type[Exception], ...] = (
    *(kind for kind in vars(exceptions).values() if isinstance(kind, type)),
    IndexError,
    KeyError,
    ValueError,
    RecursionError,
)
# Elements of presentation MathML with the number of children each must have (None: any).
_ELEMENTS = {
    "math": None, "mrow": None, "mi": 0, "mn": 0, "mo": 0, "mtext": 0, "mspace": 0, "mstyle": None,
    "mfrac": 2, "msqrt": None, "mroot": 2, "msub": 2, "msup": 2, "msubsup": 3, "munder": 2,
    "mover": 2,
    "munderover": 3, "mtable": None, "mtr": None, "mtd": None, "mpadded": None, "mphantom": None,
}  # fmt: skip
_ATTRIBUTES = {
    "accent", "accentunder", "columnalign", "displaystyle", "fence", "form", "linethickness",
    "lspace",
    "mathvariant", "movablelimits", "rspace", "scriptlevel", "stretchy", "width",
}  # fmt: skip
_SCRIPTS = ("msub", "msup", "msubsup", "munder", "mover", "munderover")
_LIMITS = {"msub": "munder", "msup": "mover", "msubsup": "munderover"}
_TAKES_LIMITS = {"lim", "max", "min", "sup", "inf", "arg\u2009max", "arg\u2009min", "∑", "∏"}
_RELATIONS = set("=≠<>≤≥≈∈⇒⇔⟹⟺→↦∧∨≡∝∼")
_TERMS = set("+−±")
_LONG = 28
_NAMES = {"perp": "⊥"}


def latex_to_mathml(latex: str, *, display: bool = False) -> Markup:
    r"""LaTeX mathematics as MathML, safe to place in a page.

    A long formula becomes several ``<math>`` elements, cut before its outermost relations and
    terms, so that it wraps on a narrow screen. LaTeX that cannot be translated is shown as it is,
    in a ``<code>`` element.

    Parameters
    ----------
    latex : str
        Mathematics without the dollar signs.
    display : bool
        Whether fractions and sums are set at full size.

    Examples
    --------
    >>> print(latex_to_mathml("z^2"))
    <math><msup><mi>z</mi><mn>2</mn></msup></math>
    >>> print(latex_to_mathml(r"\nonsense"))
    <code>\nonsense</code>
    """
    latex = re.sub(r"\\arg\s*\\(min|max)\b", r"\\arg\1", latex)
    try:
        row = converter.convert_to_element(latex)[0]
        _check(row)
    except _UNREADABLE:
        return Markup("<code>{}</code>").format(latex)
    _set_like_tex(row)
    attributes = {"displaystyle": "true"} if display else {}
    pieces = []
    for children in _lines(row):
        math = ElementTree.Element("math", attributes)
        math.extend(children)
        pieces.append(ElementTree.tostring(math, encoding="unicode"))
    # Safe: `tostring` escapes all text, and `_check` admits known elements and attributes alone.
    return Markup("<wbr>".join(pieces))


def expression_to_mathml(expression: Basic) -> Markup:
    """A SymPy expression, equation or other object as MathML at full size.

    Examples
    --------
    >>> import sympy
    >>> print(expression_to_mathml(sympy.Symbol("z") / 2))
    <math displaystyle="true"><mfrac><mi>z</mi><mn>2</mn></mfrac></math>
    """
    from sympy import latex

    return latex_to_mathml(latex(expression), display=True)


def text_to_html(text: str) -> Markup:
    r"""Plain text with mathematics between dollar signs as HTML; ``\$`` is a dollar sign.

    Everything outside the mathematics is escaped. A dollar sign without a partner is itself.

    Examples
    --------
    >>> print(text_to_html("a < b, and $z$"))
    a &lt; b, and <math><mi>z</mi></math>
    """
    parts = re.split(r"(?<!\\)\$((?:[^$\\]|\\.)+)\$", text, flags=re.DOTALL)
    return Markup("").join(
        latex_to_mathml(part) if index % 2 else escape(part.replace(r"\$", "$"))
        for index, part in enumerate(parts)
    )


def _check(element: ElementTree.Element) -> None:
    """Keep what presentation MathML knows; raise ValueError where a formula was lost."""
    if element.tag not in _ELEMENTS:
        raise ValueError(element.tag)
    arity = _ELEMENTS[element.tag]
    if arity is not None and len(element) != arity:
        raise ValueError(element.tag)
    for name in set(element.attrib) - _ATTRIBUTES:
        del element.attrib[name]
    if element.text:
        element.text = html.unescape(element.text)
        if element.tag == "mi" and element.text.startswith("\\"):
            raise ValueError(element.text)
    element.tail = None
    for child in element:
        _check(child)


def _set_like_tex(element: ElementTree.Element) -> None:
    """Correct names of functions, limits, alignment and spacing, from the leaves upwards."""
    for index, child in enumerate(element):
        _set_like_tex(child)
        # A group of one is no group; without it `z^{2}` and `z^2` read alike to a screen reader.
        if child.tag == "mrow" and len(child) == 1:
            element[index] = child[0]
    if element.tag == "mo" and len(element.text or "") > 1 and element.text not in _TAKES_LIMITS:
        element.tag = "mi"
        element.attrib.clear()
    elif element.text in _TAKES_LIMITS and len(element.text) > 1:
        element.tag = "mo"
        element.attrib.update(movablelimits="true", lspace="0", rspace="0")
    if element.tag in _LIMITS and element[0].tag == "mo" and element[0].text in _TAKES_LIMITS:
        element.tag = _LIMITS[element.tag]
    if element.tag in _SCRIPTS:
        element[1] = _word(element[1])
    if element.tag == "mtd" and element.attrib.pop("columnalign", "") == "left":
        element.set("class", "left")
    if element.tag in ("mrow", "mtd", "math", "msqrt", "mstyle"):
        _space_functions(element)


def _word(script: ElementTree.Element) -> ElementTree.Element:
    """A script of three letters or more is a word (`min`, `eff`), not a product of letters."""
    letters = [child.text or "" for child in script]
    if (
        script.tag != "mrow"
        or len(letters) < 3
        or not all(re.fullmatch("[A-Za-z]", x) for x in letters)
    ):
        return script
    word = "".join(letters)
    merged = ElementTree.Element("mo" if word in _NAMES else "mi")
    merged.text = _NAMES.get(word, word)
    return merged


def _space_functions(row: ElementTree.Element) -> None:
    """Thin spaces before a function's name and, if no bracket follows, after it."""
    spaced: list[ElementTree.Element] = []
    children = list(row)
    for index, child in enumerate(children):
        if _is_function(child):
            if index and children[index - 1].tag not in ("mo", "mspace"):
                spaced.append(_thin_space())
            spaced.append(child)
            if index + 1 < len(children) and not _starts_with_operator(children[index + 1]):
                spaced.append(_thin_space())
        else:
            spaced.append(child)
    row[:] = spaced


def _thin_space() -> ElementTree.Element:
    return ElementTree.Element("mspace", width="0.167em")


def _is_function(element: ElementTree.Element) -> bool:
    base = element[0] if element.tag in _SCRIPTS else element
    return (
        base.tag in ("mi", "mo")
        and re.fullmatch(r"[A-Za-z\u2009]{2,}", base.text or "") is not None
    )


def _starts_with_operator(element: ElementTree.Element) -> bool:
    while element.tag == "mrow" and len(element):
        element = element[0]
    return element.tag in ("mo", "mspace")


def _lines(row: ElementTree.Element) -> Iterable[list[ElementTree.Element]]:
    """The children of `row`, cut before outermost relations and terms where the whole is long."""
    children = list(row) if row.tag == "mrow" else [row]
    if sum(len(leaf.text or "") for leaf in row.iter()) < _LONG:
        return [children]
    lines: list[list[ElementTree.Element]] = [[]]
    depth = 0
    for child in children:
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(child.text or "", 0)
        cut = child.tag == "mo" and child.text in _RELATIONS | _TERMS and depth == 0
        after_operator = not lines[-1] or lines[-1][-1].tag == "mo"
        if cut and lines[-1] and (child.text in _RELATIONS or not after_operator):
            child.set("form", "infix")
            lines.append([])
        lines[-1].append(child)
    return lines

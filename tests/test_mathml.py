"""Mathematics in a page: LaTeX and SymPy's expressions as MathML."""

from __future__ import annotations

import pytest
import sympy as sp
from logitreg.proofs_checks.mathml import expression_to_mathml, latex_to_mathml, text_to_html

z, alpha = sp.Symbol("z", real=True), sp.Symbol("alpha", positive=True)
k, classes = sp.symbols("k K", integer=True, positive=True)


@pytest.mark.parametrize("latex", [r"\frac{1", r"\nonsense x", "", r"\left( x", "x^2^3", r"\sqrt"])
def test_latex_that_cannot_be_read_is_shown_as_it_is(latex: str) -> None:
    assert latex_to_mathml(latex).startswith("<code>")


def test_dollar_signs_delimit_mathematics_or_stand_for_themselves() -> None:
    assert text_to_html("costs \\$5 & more") == "costs $5 &amp; more"
    assert text_to_html("one $ sign") == "one $ sign"
    assert text_to_html("$x$ and $y$").count("<math>") == 2


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (sp.Sum(z**k, (k, 1, classes)), "<munderover><mo>∑</mo>"),
        (sp.Max(0, -z), 'lspace="0" rspace="0">max</mo><mrow>'),
        (alpha * sp.log(z), '<mi>α</mi><mspace width="0.167em" /><mi>log</mi>'),
        (sp.sign(z), "<mi>sign</mi>"),
        (sp.Symbol("sigma_eff"), "<msub><mi>σ</mi><mi>eff</mi></msub>"),
        (sp.Piecewise((0, z < 0), (z, True)), '<mtd class="left"><mtext>otherwise</mtext></mtd>'),
        (sp.Limit(sp.Function("f")(z), z, sp.oo), "<munder><mo"),
    ],
)
def test_sympy_expressions_are_set_as_in_tex(expression: sp.Basic, expected: str) -> None:
    assert expected in expression_to_mathml(expression)


def test_a_long_formula_may_break_before_its_outermost_relations_and_terms() -> None:
    terms = [sp.Function(f"f_{n}")(z) * alpha**n for n in range(5)]
    pieces = expression_to_mathml(sp.Eq(sp.Function("ell")(z), sp.Add(*terms))).split("<wbr>")
    assert len(pieces) == 6
    assert pieces[1].startswith('<math displaystyle="true"><mo form="infix">=</mo>')
    assert expression_to_mathml(sp.Eq(z, 1)).count("<math") == 1

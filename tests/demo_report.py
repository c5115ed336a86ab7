"""A ledger of invented claims for the report, and a parser that reads the page."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
import sympy as sp
from logitreg.proofs_checks.plots import penalty_figure

VOID = {"meta", "link", "br", "wbr", "input", "img", "hr"}

z, alpha = sp.Symbol("z", real=True), sp.Symbol("alpha", positive=True)
k, classes = sp.symbols("k K", integer=True, positive=True)


@dataclass(frozen=True)
class Evidence:
    method: str
    detail: str
    grade: str
    seconds: float


@dataclass(frozen=True)
class Controls:
    rejected: int
    total: int
    details: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Step:
    rule: str
    expression: sp.Basic


@dataclass(frozen=True)
class Derivation:
    title: str
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Entry:
    id: str
    statement: str
    source: str = "Beck, Bar-Sinai, Levi 2026, eq. (1)"
    verdict: str = "holds"
    grade: str = "PROVED"
    hypotheses: tuple[str, ...] = ()
    corrected: str | None = None
    witness: str | None = None
    evidence: tuple[Evidence, ...] = (Evidence("symbolic", "residual 0", "PROVED", 0.12),)
    controls: Controls = Controls(
        2, 2, (("sign of $f$ changed", "residual $2 z$"), ("factor 2", ""))
    )
    seconds: float = 0.12
    derivation: Derivation | None = None


@dataclass(frozen=True)
class Ledger:
    entries: tuple[Entry, ...] = field(default_factory=tuple)


def target_of_label_smoothing(strength: np.ndarray) -> np.ndarray:
    return np.log((2 - strength) / strength)


def loss_of_label_smoothing(logit: np.ndarray, strength: float) -> np.ndarray:
    return (1 - strength / 2) * np.logaddexp(0, -logit) + strength / 2 * np.logaddexp(0, logit)


def demo_derivation() -> Derivation:
    penalty, loss = sp.Function("f"), sp.Function("ell")
    smoothing = sp.log(2 + 2 * sp.cosh(z)) / 2
    return Derivation(
        "The target of label smoothing",
        (
            Step(
                "the per-sample loss at $f(z) = \\frac12 \\log(2 + 2\\cosh z)$",
                sp.Eq(loss(z), (1 - alpha) * sp.log(1 + sp.exp(-z)) + alpha * smoothing),
            ),
            Step("its derivative vanishes", sp.Eq(sp.Derivative(loss(z), z), 0)),
            Step(
                "differentiate term by term",
                sp.Eq(
                    sp.Derivative(penalty(z), z) * (1 + sp.exp(z)) * sp.tanh(z / 2) ** 2
                    + sp.erf(z / sp.sqrt(2)),
                    (1 - alpha) / alpha,
                ),
            ),
            Step("solve for z", sp.Eq(sp.Symbol("z^{*}"), sp.log((2 - alpha) / alpha))),
            Step(
                "for K classes", sp.Sum(sp.exp(sp.IndexedBase("z")[k]), (k, 1, classes)) / classes
            ),
            Step(
                "a piecewise penalty",
                sp.Piecewise((z**2 / 2, sp.Abs(z) <= 1), (sp.Abs(z) - sp.Rational(1, 2), True)),
            ),
            Step(
                "Gaussian mean",
                sp.Integral(sp.exp(-(z**2) / 2) / sp.sqrt(2 * sp.pi), (z, -sp.oo, sp.oo)),
            ),
            Step("by hinges", sp.Max(0, 1 - z) + sp.Min(z, sp.LambertW((1 - alpha) / (2 * alpha)))),
        ),
    )


def demo_ledger() -> Ledger:
    special = (
        Entry(
            "beck.ls-main",
            "Standard label smoothing is the instance $f(z) = \\log(2 + 2\\cosh z)$ of (1).",
            source="Beck, Bar-Sinai, Levi 2026, section 3.1",
            verdict="misprinted",
            corrected="Standard label smoothing is the instance "
            "$f(z) = \\frac{1}{2}\\log(2 + 2\\cosh z)$ with $\\alpha = 2\\varepsilon$.",
            witness="z = 1, alpha = 1/5:\n  l_LS(z)  in [0.413261687518, 0.413261687519]\n"
            "  (1) at z in [0.694338687518, 0.694338687519]",
            evidence=(
                Evidence(
                    "symbolic identity", "the two losses agree identically in z", "PROVED", 0.41
                ),
                Evidence(
                    "Arb",
                    "difference $\\le 10^{-28}$ on $[-40, 40]$ and both tails",
                    "CERTIFIED",
                    3.2,
                ),
            ),
            controls=Controls(
                3,
                3,
                (
                    (
                        "$f(z) = \\log(2 + 2\\cosh z)$ with $\\alpha = 2\\varepsilon$",
                        "residual at $z = 1$ is $0.28$",
                    ),
                    (
                        "$\\alpha = \\varepsilon$",
                        "residual $\\frac{\\varepsilon}{2}\\tanh\\frac{z}{2}$",
                    ),
                    ("$\\cosh$ replaced by $\\sinh$", "not defined for $z < -0.88$"),
                ),
            ),
            seconds=3.61,
            derivation=demo_derivation(),
        ),
        Entry(
            "beck.finite-target",
            "For $\\alpha > 0$, $\\ell$ has a unique finite global minimiser $z^*$.",
            verdict="holds if",
            hypotheses=(
                "$f$ is convex and even",
                "$\\lim_{z \\to \\infty} f(z)/z > 0$ or $f$ is not constant",
            ),
            witness="f(z) = 0",
            seconds=12.4,
        ),
        Entry(
            "beck.lower-bound",
            "$L \\ge z^*$, attained only if $z_i = z^*$ for all $i$.",
            verdict="refuted",
            grade="CERTIFIED",
            witness="N = 1, alpha = 1/2, f(z) = z^2, S = z*: "
            "L in [0.29, 0.30] < z* in [0.35, 0.36]",
            seconds=0.004,
        ),
        Entry(
            "beck.lemma-C1",
            "For zero-mean $x$ and convex $f$, $\\mathbb{E} f(\\lambda x)$ is non-decreasing in "
            "$\\lambda > 0$.",
            grade="TESTED",
            evidence=(Evidence("Hypothesis", "1000 examples, no counterexample", "TESTED", 8.1),),
            controls=Controls(0, 0),
        ),
        Entry(
            "beck.grokking",
            "For 1/2 < λ < 1, σ_f = 0 and small α, gradient descent first overfits, then "
            "generalises.",
            verdict="open",
            grade="NONE",
            evidence=(),
            controls=Controls(
                2, 3, (("$\\lambda > 1$", "accuracy 0.71"), ("$\\alpha = 0$", "accuracy 0.83"))
            ),
            seconds=142.0,
        ),
    )
    filler = tuple(
        replace(
            special[number % 4],
            id=f"beck.more-{number}",
            statement="$\\sin\\angle(S, S_F) \\le "
            "\\frac{r\\varepsilon}{\\sqrt{1 - \\varepsilon^2}}$",
            verdict="holds",
            corrected=None,
            witness=None,
        )
        for number in range(55)
    )
    return Ledger(special + filler)


def demo_figures() -> list[Any]:
    return [
        penalty_figure(f"penalty {number}", loss_of_label_smoothing, target_of_label_smoothing)
        for number in range(11)
    ]


class Page(HTMLParser):
    """Reads a page and records elements, attributes and text; raises where tags do not match."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(source)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        assert len(dict(attrs)) == len(attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1:] == [tag], f"</{tag}> closes something else"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.text += data

    def tags(self) -> Counter[str]:
        return Counter(tag for tag, _ in self.elements)

    def ids(self) -> list[str]:
        return [value for _, attributes in self.elements if (value := attributes.get("id"))]

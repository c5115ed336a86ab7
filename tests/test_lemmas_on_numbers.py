"""The lemmas of the theory on numbers: hypotheses that are met, and conclusions that are attained.

A proof says nothing of a lemma that assumes too much, or of one that concludes too little. So each
is tried on small numbers that meet its hypotheses with nothing to spare where it has an inequality
that can be an equation; there its conclusion has to be an equation as well.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from logitreg.proofs_checks.lemmas import lemma_is_valid, lemmas_hold
from logitreg.theory import alignment as aligned
from logitreg.theory import clustering, cover, gap_reduction, max_margin, separability
from logitreg.theory import delayed_generalisation as delayed
from logitreg.theory.alignment import Lemma
from sympy import And, Expr, Rational, S, Symbol, sqrt

CONE = frozenset(
    {
        "l convex",
        "l has a unique minimum z*",
        "z* > 0",
        "logits of the minimiser not all zero",
    }
)

Lemmas = Callable[[], tuple[Lemma, ...]]


def linearity_lemmas() -> tuple[Lemma, ...]:
    return aligned.linearity_lemmas(aligned.linearity_bound())


def exchange_in_probabilities() -> tuple[Lemma, ...]:
    return gap_reduction.exchange_lemmas(in_probabilities=True)


def cone_lemmas() -> tuple[Lemma, ...]:
    return clustering.cone_lemmas(CONE)


def pointwise_lemmas() -> tuple[Lemma, ...]:
    return clustering.pointwise_lemmas(frozenset({"f convex"}))


# Equality in the hypotheses, and in the conclusion.
ATTAINED: list[tuple[Lemmas, int, str]] = [
    (aligned.lemmas, 0, "m=1/10 M=1/5 w=1/5"),
    (aligned.lemmas, 0, "m=1/10 M=1/5 w=1/10"),
    (aligned.lemmas, 2, "t=1/10 cosine=1/10"),
    (linearity_lemmas, 0, "p=1/10 E=1/5 e=1/5 c=-1/50"),
    (delayed.fitting_lemmas, 0, "A=1/10 kappa=2 M=1/5 sigma=1/3 mu=1/7 o=1/15"),
    (delayed.fitting_lemmas, 1, "A=1/10 kappa=2 sigma=1/3 mu=1/7 o=1/15"),
    (delayed.descent_lemmas, 0, "F=1/10 G=1/100 L=1/2 eta=2 F_next=9/100"),
    (
        delayed.descent_lemmas,
        1,
        "T=3 eta=1/10 F=1/10 F_u=0 F_next=1/10 D_0=1 D=94/100 D_next=92/100",
    ),
    (delayed.descent_lemmas, 1, "T=0 eta=1/10 F=1/10 F_u=0 F_next=1/10 D_0=1 D=1 D_next=98/100"),
    (
        delayed.descent_lemmas,
        3,
        "eta=1/10 G=1/5 p=1/7 F_u=0 F=1/7 F_next=93/700 D=1 D_next=3407/3500",
    ),
    (separability.vanishing_signal_lemmas, 0, "S_1=1/5 sigma=1/2 m=1/10 w=0"),
    (separability.vanishing_signal_lemmas, 1, "S_1=1/5 sigma=1/2 m=1/10 X=5/2"),
    (separability.vanishing_signal_lemmas, 2, "S_1=1/5 X=5/2 b=1/10 w=5"),
    (separability.vanishing_signal_lemmas, 3, "S_1=1/5 sigma=1/2 m=1/10 b=1/10 w=5"),
    (separability.regularisation_wins_lemmas, 0, "S_1=1/5 mu=1/7 s=0 w=1/9"),
    (separability.saturation_lemmas, 0, "S_1=1/5 h=5"),
    (separability.saturation_lemmas, 1, "p=1/4 q=1/9 w=1/2 u=1/2 s=1/3 t=1/3"),
    (separability.saturation_lemmas, 2, "p=1/4 s=1/10 c=1/10 v=1/3 w=1/3"),
    (separability.saturation_lemmas, 3, "c=1/10 s=1/10 w=1/3 v=1/3 t=1/7"),
    (max_margin.margin_lemmas, 0, "a=1 b=1/10"),
    (max_margin.margin_lemmas, 0, "a=0 b=1"),
    (max_margin.margin_lemmas, 1, "norm=1/10 G=1/5 path=1/10 C=-1/10 margin=-4/5"),
    (max_margin.margin_lemmas, 2, "G=1/10 margin=1/20 share=3/4 delta=sqrt(7)/2"),
    (pointwise_lemmas, 0, "s=1/10 u=1/5 f_left=1 f_0=1 f_right=1"),
]

# Strict inequalities, met closely.
MET: list[tuple[Lemmas, int, str]] = [
    (gap_reduction.exchange_lemmas, 0, "w_i=1/100 w_j=1/50 S=31/1000"),
    (gap_reduction.exchange_lemmas, 1, "C_mid=0 C=1/1000 f_mid=1/5 f=1/5 alpha=1/100"),
    (gap_reduction.exchange_lemmas, 1, "C_mid=0 C=1/1000 f_mid=1/5 f=1/5 alpha=99/100"),
    (exchange_in_probabilities, 0, "w_i=1/100 w_j=98/100"),
    (
        exchange_in_probabilities,
        1,
        "C_mid=1/5 C=1/5 f_mid=0 f=1/1000 alpha=1/100",
    ),
    (delayed.descent_lemmas, 2, "N_F=69/100 log_2=7/10 l_i=69/100 rest=0 z=1/100"),
    (delayed.descent_lemmas, 2, "N_F=69/100 log_2=7/10 l_i=3/10 rest=39/100 z=1/100"),
    (separability.max_margin_lemmas, 0, "m=1/10 t=10/11"),
    (separability.max_margin_lemmas, 0, "m=100 t=1/101"),
    (separability.max_margin_lemmas, 1, "S_1=2 mu=1/2 o=0"),
    (separability.max_margin_lemmas, 1, "S_1=2 mu=1/2 o=1/100"),
    (separability.regularisation_wins_lemmas, 1, "a=1/10 k=1/50 p=21/100 q=2/21"),
    (cone_lemmas, 0, "s=1/10 mu=1/20 z_star=1/10 l_min=0 l_mu=1/40 l_0=1/20 L=1/20 u=0"),
    (cone_lemmas, 1, "t=0 r=1/10 r_2=0 mu=1/10 l_mu=1/20 L=51/1000 L_rival=1/20"),
    (
        cone_lemmas,
        1,
        "t=9/10 r=1/10 r_2=9/100 mu=1/10 l_mu=0 L=1/10 L_rival=9/100",
    ),
    (cover.splitting_lemmas, 0, "z=1/10 z_2=1/20 p=1/10 q=-1/30 t=1/4"),
    (cover.splitting_lemmas, 1, "z=51/1000 M=1/2 e=1/10 w=1/2"),
    (cover.splitting_lemmas, 1, "z=51/1000 M=1/2 e=1/10 w=-1/2"),
    (
        pointwise_lemmas,
        1,
        "s=1/10 u=1/5 f_left=1 f_0=1/2 f_right=1 g=-5 f_u=1",
    ),
    (aligned.lemmas, 3, "mu=1"),
    (aligned.lemmas, 3, "mu=1/10"),
]


def numbers(lemma: Lemma, text: str) -> dict[Symbol, Expr]:
    """The numbers for the symbols of a lemma, which are what the symbols are assumed to be."""
    given = dict(part.split("=") for part in text.split())
    symbols = And(*lemma.hypotheses).free_symbols | lemma.conclusion.free_symbols
    values = {"sqrt(7)/2": sqrt(7) / 2}
    assert {symbol.name for symbol in symbols} == set(given)
    found = {s: values.get(given[s.name]) or Rational(given[s.name]) for s in symbols}
    for symbol, value in found.items():
        for assumed in ("real", "positive", "nonnegative", "negative"):
            assert getattr(symbol, f"is_{assumed}") in (None, getattr(value, f"is_{assumed}"))
    return found


@pytest.mark.parametrize(("lemmas", "number", "text"), ATTAINED + MET)
def test_a_lemma_holds_of_numbers_that_meet_its_hypotheses(
    lemmas: Lemmas, number: int, text: str
) -> None:
    lemma = lemmas()[number]
    at = numbers(lemma, text)
    assert [h for h in lemma.hypotheses if h.subs(at) != S.true] == []
    assert lemma.conclusion.subs(at) == S.true


@pytest.mark.parametrize(("lemmas", "number", "text"), ATTAINED)
def test_its_conclusion_is_attained(lemmas: Lemmas, number: int, text: str) -> None:
    lemma = lemmas()[number]
    at = numbers(lemma, text)
    sides = [(part.lhs.subs(at), part.rhs.subs(at)) for part in And.make_args(lemma.conclusion)]
    assert any(left == right for left, right in sides)


def test_several_lemmas_are_judged_as_one_is_at_their_extremal_points() -> None:
    sharper = aligned.lemmas(displacement=aligned.displacement_bound() / 2)
    refuted = [lemma for lemma in sharper if lemma_is_valid(lemma).refutes]
    assert len(refuted) == 1
    assert lemmas_hold(sharper) == lemma_is_valid(refuted[0])
    assert lemmas_hold(aligned.lemmas()).grade.name == "PROVED"

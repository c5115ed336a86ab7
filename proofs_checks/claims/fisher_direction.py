"""Claims: where the optimal direction is Sigma^-1 mu (Beck et al. sec. 3.3, App. C)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from sympy import (
    Eq,
    Ge,
    Gt,
    Identity,
    Matrix,
    MatrixExpr,
    Rational,
    Symbol,
    ZeroMatrix,
    diag,
    eye,
    zeros,
)

from ...theory import fisher_direction as theory
from ...theory.clustering import cone_lemmas
from ...theory.fisher_direction import (
    class_mean_gap,
    covariance,
    rival,
    transformation,
    weights,
)
from ...theory.quadratic_loss import moments, squared_ratio
from ...theory.symbols import z
from ..checks import all_of
from ..claim import Claim, Correction, Repair, Variant
from ..counterexamples import Population, counterexample, evaluated, needs
from ..evidence import Outcome
from ..lemmas import lemma_is_valid
from ..smt import prove_implication
from .clustering import LOSSES_AND_POPULATIONS

__all__ = ["CLAIMS"]


# The optimal direction is Sigma^-1 mu.


class _Optimum(NamedTuple):
    """A direction in terms of Sigma and delta, and hypotheses on the law and the loss."""

    direction: MatrixExpr
    hypotheses: frozenset[str]


_EXACT_MEAN, _EXACT_COVARIANCE = Matrix([1, 2]), Matrix([[2, 1], [1, 3]])


def _has_the_smallest_squared_ratio(optimum: _Optimum) -> Outcome:
    """Cauchy-Schwarz: with S = c Sigma^-1 mu + D, mu^T D = 0, and kappa = mu^T Sigma^-1 mu,

    S^T Sigma S = c^2 kappa + D^T Sigma D and S^T mu = c kappa, so that r^2 >= 1/kappa, with
    equality for D = 0 alone. Every S with S^T mu != 0 is of this form.
    """
    exact = _at_the_exact_example(optimum.direction)
    best = _EXACT_COVARIANCE.LUsolve(_EXACT_MEAN)
    found, smallest = (squared_ratio(s, _EXACT_MEAN, _EXACT_COVARIANCE) for s in (exact, best))
    if found > smallest:
        witness = (
            f"mu = (1, 2), Sigma = [[2, 1], [1, 3]]: {tuple(exact)} has r^2 = {found}, "
            f"{tuple(best)} has {smallest}"
        )
        return Outcome.refuted("exact rationals", "not the smallest ratio", witness)
    candidate = optimum.direction
    spread = theory.simplified((candidate + rival).T * covariance * (candidate + rival))
    one = Identity(1)
    expected = theory.square * one + rival.T * covariance * rival
    center = theory.simplified(class_mean_gap.T * (candidate + rival))
    if spread != expected or center != theory.square * one:
        return Outcome.undecided("matrix algebra", f"S^T Sigma S = {spread}, S^T mu = {center}")
    c, kappa, rest = (Symbol(n, real=True) for n in ("c", "kappa", "D_Sigma_D"))
    squared = (c**2 * kappa + rest) / (c * kappa) ** 2
    given = [Gt(c, 0), Gt(kappa, 0), Ge(rest, 0)]
    return all_of(
        (
            Outcome.proved("matrix algebra", f"S^T Sigma S = {spread} for S = Sigma^-1 mu + D"),
            prove_implication(given, Ge(squared, 1 / kappa)),
            prove_implication([*given, Eq(squared, 1 / kappa)], Eq(rest, 0)),
        )
    )


def _at_the_exact_example(direction: MatrixExpr) -> Matrix:
    names = {"Sigma": _EXACT_COVARIANCE, "delta": _EXACT_MEAN}
    return evaluated(direction, names)


_SINGULAR = Population(
    "l = (z - 1)^2, mean (1, 1), Sigma = diag(1, 0)",
    (z - 1) ** 2,
    Matrix([1, 1]),
    diag(1, 0),
    Matrix([0, 1]),
)
_HEAVY_TAILED = Population(
    "l = (z - 1)^2, Cauchy data (Student-t, nu = 1) about (1, 0)",
    (z - 1) ** 2,
    Matrix([1, 0]),
    eye(2),
    zeros(2, 1),
    "Cauchy",
)
_ON_A_LINE = Matrix([[1, 1], [2, 2], [4, 4]])
_COLLINEAR = Population(
    "l = (z - 1)^2, samples (1, 1), (2, 2), (4, 4), d/N = 2/3",
    (z - 1) ** 2,
    *moments(_ON_A_LINE),
    Matrix([Rational(1, 3), 0]),
    "finite",
    _ON_A_LINE,
)
_POPULATIONS = (_COLLINEAR, *LOSSES_AND_POPULATIONS, _SINGULAR, _HEAVY_TAILED)

_FACTS: Mapping[str, Callable[[Population], bool]] = {
    "Gaussian data or quadratic loss": lambda p: (
        p.law == "Gaussian" or (p.law == "finite" and p.loss.is_polynomial(z))
    ),
    "elliptical data": lambda p: p.law in ("Gaussian", "Cauchy"),
    "mean not zero": lambda p: any(p.mean),
    "l convex": lambda p: p.is_convex,
    "l has a unique minimum z*": lambda p: p.has_unique_minimum,
    "z* > 0": lambda p: p.has_positive_target,
    "logits of the minimiser not all zero": lambda p: p.separates,
    "Sigma nonsingular": lambda p: p.is_nonsingular,
}


def _departs_from_fisher(example: Population) -> str | None:
    shown = f"the minimiser is S = {tuple(example.optimum)}"
    if not example.separates:
        return f"{shown} and has no direction"
    if not example.is_nonsingular:
        return f"{shown} and Sigma has no inverse"
    if example.optimal_mean <= 0:
        return f"{shown}, opposite to Sigma^-1 mu"
    fisher = example.covariance.LUsolve(example.mean)
    smallest = squared_ratio(fisher, example.mean, example.covariance)
    return f"{shown}, not along {tuple(fisher)}" if example.squared_ratio > smallest else None


def _minimisers_have_it(optimum: _Optimum) -> Outcome:
    """A minimiser has the smallest ratio: the cone argument, for any law z = m + s Y.

    The projections of elliptical data have such a law, Y symmetric: S^T x = S^T mu + (A^T S)^T R u
    with u uniform on the sphere, and |A^T S|^2 = S^T A A^T S. For the quadratic loss any law will
    do (beck.cor-3.2). A finite E l(S^T x) at S != 0 makes E Y finite, hence zero.
    """
    hypotheses = optimum.hypotheses
    refutation = counterexample(
        hypotheses - {"opposite class means"}, _POPULATIONS, _FACTS, _departs_from_fisher
    )
    if refutation is not None:
        return refutation
    if not hypotheses & {"Gaussian data or quadratic loss", "elliptical data"}:
        return Outcome.undecided("cone", "no proof: the law of the logits is not m + s Y")
    inner = transformation.T * weights
    norm = (inner.T * inner - weights.T * (transformation * transformation.T) * weights).doit()
    if norm not in (0, ZeroMatrix(1, 1)):
        return Outcome.undecided("matrix algebra", f"left over: {norm}")
    return all_of(needs(lemma_is_valid(lemma), hypotheses) for lemma in cone_lemmas(hypotheses))


_MEANS = (Matrix([2, 1]), Matrix([0, 1]))


def _is_the_discriminant_of_two_classes(optimum: _Optimum) -> Outcome:
    """With absorbed labels mu = p m_1 - (1 - p) m_2, and the covariance exceeds the classes' own

    by p (1 - p)(m_1 + m_2)(m_1 + m_2)^T: entry by entry, u and v being any two coordinates.
    """
    if "opposite class means" not in optimum.hypotheses:
        absorbed = theory.without_bias(Rational(1, 2), _MEANS, (eye(2), eye(2)))
        gap = _MEANS[0] - _MEANS[1]
        if absorbed.row_join(gap).det() != 0:
            witness = (
                "quadratic loss, class means (2, 1), (0, 1) of equal weight, Sigma = I: "
                f"the minimiser is along {tuple(absorbed)}, the discriminant along {tuple(gap)}"
            )
            return Outcome.refuted("exact rationals", "not Fisher's discriminant", witness)
    p, u1, u2, v1, v2 = (Symbol(n, real=True) for n in ("p", "u_1", "u_2", "v_1", "v_2"))
    second = p * u1 * v1 + (1 - p) * u2 * v2
    means = [p * first - (1 - p) * other for first, other in ((u1, u2), (v1, v2))]
    excess = second - means[0] * means[1]
    opposite = [Eq(u2, -u1), Eq(v2, -v1)]
    return all_of(
        (
            prove_implication([], Eq(excess, p * (1 - p) * (u1 + u2) * (v1 + v2))),
            prove_implication(opposite, Eq(excess, 0)),
            prove_implication(opposite, Eq(means[0], (u1 - u2) / 2)),
        )
    )


_PRINTED_33 = frozenset(
    {
        "Gaussian data or quadratic loss",
        "mean not zero",
        "l convex",
        "l has a unique minimum z*",
    }
)
_FULL = frozenset(
    {"z* > 0", "logits of the minimiser not all zero", "Sigma nonsingular", "opposite class means"}
)
_FULL_33 = _PRINTED_33 | _FULL

_COR_33 = Claim(
    id="beck.cor-3.3",
    printed=Variant(
        "Gaussian data: the optimal direction is $\\Sigma^{-1} \\mu$, whatever the convex $f$. "
        "Quadratic loss and $\\lambda < 1$: it is $\\hat\\Sigma^{-1} \\hat\\mu$ with the empirical "
        "mean and centred covariance, whatever $z^*$. This is Fisher's linear discriminant.",
        _Optimum(theory.fisher(), _PRINTED_33),
    ),
    source="Beck et al. 2026, cor. 3.3 = thm C.2",
    hypotheses=(
        "mu != 0",
        "l convex with a unique minimum",
        "quadratic loss on samples: by beck.cor-3.2",
    ),
    checks=(
        _has_the_smallest_squared_ratio,
        _minimisers_have_it,
        _is_the_discriminant_of_two_classes,
    ),
    correction=Correction(
        Repair.HYPOTHESIS,
        Variant(
            "Both hold if $\\Sigma$ ($\\hat\\Sigma$) is nonsingular, which $\\lambda < 1$ alone "
            "does not give, $z^* > 0$, and the logits of the minimiser are not all zero ($\\ell$ "
            "differentiable at 0 suffices). It is Fisher's discriminant of the two classes if "
            "their means are opposite.",
            _Optimum(theory.fisher(), _FULL_33),
        ),
    ),
    controls=(
        Variant("mu", _Optimum(class_mean_gap, _FULL_33)),
        Variant("Sigma mu", _Optimum(covariance * class_mean_gap, _FULL_33)),
        *(
            Variant(f"without: {name}", _Optimum(theory.fisher(), _FULL_33 - {name}))
            for name in (*sorted(_FULL), "Gaussian data or quadratic loss")
        ),
    ),
)

_PRINTED_ELLIPTICAL = _PRINTED_33 - {"Gaussian data or quadratic loss"} | {"elliptical data"}
_FULL_ELLIPTICAL = _PRINTED_ELLIPTICAL | _FULL - {"opposite class means"}

_ELLIPTICAL = Claim(
    id="lead.elliptical",
    printed=Variant(
        "Elliptical data (multivariate Student-t included): $(\\mu(S), s(S))$ still determine the "
        "law of $z$, so the cone argument gives $\\Sigma^{-1} \\mu$ exactly.",
        _Optimum(theory.fisher(), _PRINTED_ELLIPTICAL),
    ),
    source="lead: exact alignment, beyond Gaussians",
    hypotheses=(
        "x = mu + R A u, Sigma = A A^T",
        "mu != 0",
        "l convex with a unique minimum",
        "not by machine: for u uniform on the sphere the law of v^T u depends on |v| alone",
        "not by machine: E l has at S = 0 the slope l'(0) mu(S) where l is differentiable",
    ),
    checks=(_has_the_smallest_squared_ratio, _minimisers_have_it),
    correction=Correction(
        Repair.HYPOTHESIS,
        Variant(
            "It holds if the scatter $\\Sigma$ is nonsingular, $z^* > 0$ and the logits of the "
            "minimiser are not all zero. They are where $E |x|$ is infinite (Student-t, "
            "$\\nu \\leq 1$), for then only $S = 0$ has a finite loss.",
            _Optimum(theory.fisher(), _FULL_ELLIPTICAL),
        ),
    ),
    controls=(
        Variant("mu", _Optimum(class_mean_gap, _FULL_ELLIPTICAL)),
        *(
            Variant(f"without: {name}", _Optimum(theory.fisher(), _FULL_ELLIPTICAL - {name}))
            for name in (
                "elliptical data",
                "z* > 0",
                "logits of the minimiser not all zero",
                "Sigma nonsingular",
            )
        ),
    ),
)


CLAIMS = (_COR_33, _ELLIPTICAL)

"""Claims: exact alignment with two classes and a bias, and changes of features."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from sympy import (
    Eq,
    Expr,
    Ge,
    Gt,
    Inverse,
    Le,
    Lt,
    Matrix,
    MatrixExpr,
    Or,
    Rational,
    Symbol,
    Transpose,
    ZeroMatrix,
    diag,
    eye,
)

from ...theory import fisher_direction as theory
from ...theory.clustering import at_larger_scale, at_smaller_scale
from ...theory.fisher_direction import (
    class_mean_gap,
    covariance,
    data,
    rival,
    transformation,
    weights,
)
from ...theory.symbols import z
from ..checks import all_of
from ..claim import Claim, Correction, Repair, Variant
from ..counterexamples import evaluated, needs
from ..evidence import Outcome
from ..smt import prove_implication
from .clustering import LOSSES_AND_POPULATIONS

__all__ = ["CLAIMS"]

_EXACT = "exact rationals"


# Two classes with a bias and a shared covariance.


class _Classes(NamedTuple):
    """A direction in terms of Sigma and delta = mu_+ - mu_-, and hypotheses."""

    direction: MatrixExpr
    hypotheses: frozenset[str]


_THIRD = Rational(1, 3)


@dataclass(frozen=True)
class _Example:
    """Two classes and the quadratic loss (z - aim)^2; the first class has weight ``share``."""

    name: str
    share: Rational = _THIRD
    means: tuple[Matrix, Matrix] = (Matrix([1, 2]), Matrix([0, 1]))
    covariances: tuple[Matrix, Matrix] = (diag(1, 2), diag(1, 2))
    aim: int = 1
    has_bias: bool = True

    @property
    def loss(self) -> Expr:
        return (z - self.aim) ** 2

    def minimiser(self) -> Matrix:
        if self.has_bias:
            return theory.with_bias(self.share, self.means, self.covariances, self.aim)
        return self.aim * theory.without_bias(self.share, self.means, self.covariances)


_TWO_CLASSES = (
    _Example("l = z^2", aim=0),
    _Example("l = (z + 1)^2", aim=-1),
    _Example("weights 1/3, 2/3, no bias", has_bias=False),
    _Example("Sigma_+ = diag(1, 2), Sigma_- = I", covariances=(diag(1, 2), eye(2))),
    _Example("one class", share=Rational(1)),
    _Example("weights 1/3, 2/3"),
)
_OF_THE_CLASSES: Mapping[str, Callable[[_Example], bool]] = {
    "bias": lambda e: e.has_bias,
    "shared covariance": lambda e: e.covariances[0] == e.covariances[1],
    "both classes": lambda e: 0 < e.share < 1,
    "l strictly convex": lambda e: e.loss.diff(z, 2) == 2,
    "l differentiable": lambda e: e.loss.is_polynomial(z),
    "z* > 0": lambda e: e.aim > 0,
}


def _is_the_minimisers_direction(classes: _Classes) -> Outcome:
    """S = c Sigma^-1 delta + D with delta^T D = 0: D adds noise, and noise costs.

    D^T x has the same mean in both classes, which the bias absorbs, and a Gaussian noise that is
    independent of the rest, since its covariance with it is c delta^T D = 0. Given the rest, the
    expected loss grows strictly (Jensen), so that D = 0. At c = 0 and the best bias b the slopes
    l'(b), l'(-b) are of one sign, and positive or zero only if z* <= 0: c > 0. Row by row of W the
    same holds for K classes, delta running over the differences of their means.
    """
    for example in _TWO_CLASSES:
        if all(_OF_THE_CLASSES[name](example) for name in sorted(classes.hypotheses)):
            found = example.minimiser()
            names = {"Sigma": example.covariances[0], "delta": example.means[0] - example.means[1]}
            claimed = evaluated(classes.direction, names)
            if found.row_join(claimed).det() != 0 or (found.T * claimed)[0] <= 0:
                witness = f"{example.name}: S = {tuple(found)}, claimed {tuple(claimed)}"
                return Outcome.refuted(_EXACT, "not a positive multiple", witness)
    if "l differentiable" not in classes.hypotheses and (stuck := _stuck_at_zero()) is not None:
        return stuck
    missing = set(_OF_THE_CLASSES) - classes.hypotheses
    if missing:
        return Outcome.undecided("Jensen's inequality", f"no proof without: {sorted(missing)}")
    cross = theory.simplified(classes.direction.T * covariance * rival)
    if cross not in (0, ZeroMatrix(1, 1)):
        return Outcome.undecided("matrix algebra", f"covariance of the noise: {cross}")
    independent = Outcome.proved("matrix algebra", "(Sigma^-1 delta)^T Sigma D = delta^T D = 0")
    return all_of((independent, *map(needs, _noise_costs_and_slopes_fall())))


def _noise_costs_and_slopes_fall() -> tuple[Outcome, ...]:
    at_zero, p, b, z_star, plus, minus = (
        Symbol(n, real=True) for n in ("l_0", "p", "b", "z_star", "l'(b)", "l'(-b)")
    )
    middle = Lt(at_smaller_scale, (at_larger_scale + at_zero) / 2)
    slopes = [
        statement
        for at, slope in ((b, plus), (-b, minus))
        for statement in (
            Or(Lt(at, z_star), Ge(slope, 0)),
            Or(Gt(at, z_star), Le(slope, 0)),
            Or(at <= z_star, Gt(slope, 0)),
            Or(at >= z_star, Lt(slope, 0)),
        )
    ]
    best_bias = Eq(p * plus, (1 - p) * minus)
    return (
        prove_implication([middle, Ge(at_smaller_scale, at_zero)], Gt(at_larger_scale, at_zero)),
        prove_implication(
            [*slopes, best_bias, Gt(p, 0), Lt(p, 1), Gt(z_star, 0)], Lt(plus, 0) & Lt(minus, 0)
        ),
    )


def _stuck_at_zero() -> Outcome | None:
    """Two classes N(+-1, 9) of equal weight with f = |z|: no slope at (S, b) = 0 is negative.

    A bias v alone has the slope alpha |v| > 0. With S the slope is convex and even in v, hence
    least at v = 0, where it is that of the absorbed population N(1, 9).
    """
    kinked = next(p for p in LOSSES_AND_POPULATIONS if not p.is_differentiable_at_zero)
    grade = kinked.minimality()
    if kinked.separates or not grade or not kinked.has_positive_target:
        return None
    witness = f"classes x | y ~ N(y, 9) of equal weight, {kinked.name}: S = 0, b = 0"
    return Outcome.refuted("exact counterexample", "S = 0 has no direction", witness, grade)


_PRINTED = frozenset({"bias", "shared covariance", "both classes", "l strictly convex"})
_CORRECTED = _PRINTED | {"z* > 0", "l differentiable"}

_BIAS = Claim(
    id="lead.bias-exact",
    printed=Variant(
        "With a bias, any class proportions and a covariance shared by the (Gaussian) classes, "
        "every strictly convex $\\ell$ gives $\\Sigma^{-1} (\\mu_+ - \\mu_-)$ exactly; "
        "$K$ classes: the rows of $W$ lie in the span of $\\Sigma^{-1} (\\mu_c - \\bar\\mu)$.",
        _Classes(theory.fisher(), _PRINTED),
    ),
    source="lead: exact alignment, beyond Gaussians",
    hypotheses=(
        "Gaussian classes",
        "mu_+ != mu_-",
        "Sigma nonsingular",
        "E l finite",
        "not by machine: K classes, by the same argument row by row",
    ),
    checks=(_is_the_minimisers_direction,),
    correction=Correction(
        Repair.HYPOTHESIS,
        Variant(
            "The minimiser is always a multiple of $\\Sigma^{-1} (\\mu_+ - \\mu_-)$; the multiple "
            "is positive if $\\ell$ is differentiable and $z^* > 0$, and can be 0 or negative "
            "otherwise. ($K$ classes: where $\\ell$ ignores the level of the logits, the rows are "
            "in the span up to a common vector.)",
            _Classes(theory.fisher(), _CORRECTED),
        ),
    ),
    controls=(
        Variant("delta", _Classes(class_mean_gap, _CORRECTED)),
        Variant("Sigma delta", _Classes(covariance * class_mean_gap, _CORRECTED)),
        Variant("-Sigma^-1 delta", _Classes(-theory.fisher(), _CORRECTED)),
        *(
            Variant(f"without: {name}", _Classes(theory.fisher(), _CORRECTED - {name}))
            for name in (
                "bias",
                "shared covariance",
                "both classes",
                "z* > 0",
                "l differentiable",
            )
        ),
    ),
)


# A change of features.


class _Transformed(NamedTuple):
    """Weights claimed for the samples X A in terms of A and S, the decay, and which minimiser."""

    weights: MatrixExpr
    decay: int = 0
    least_norm: bool = False


_CHANGE = Matrix([[2, 1], [0, 3]])
_TALL, _WIDE = Matrix([[1, 0], [1, 1], [0, 2]]), Matrix([[1, 1]])


def _minimiser(samples: Matrix, case: _Transformed) -> Matrix:
    """For l = (z - 1)^2 and decay |S|^2."""
    ones = Matrix([1] * samples.rows)
    if case.least_norm:
        return samples.T * (samples * samples.T).LUsolve(ones)
    return (samples.T * samples + case.decay * eye(samples.cols)).LUsolve(samples.T * ones)


def _logits_are_unchanged(case: _Transformed) -> Outcome:
    """(X A)(A^-1 S) = X S: the losses of S on X and of A^-1 S on X A are equal, for every S."""
    samples = _WIDE if case.least_norm else _TALL
    before, after = _minimiser(samples, case), _minimiser(samples * _CHANGE, case)
    claimed = evaluated(case.weights, {"A": _CHANGE, "S": before})
    if claimed != after:
        witness = (
            f"l = (z - 1)^2, X = {samples.tolist()}, A = {_CHANGE.tolist()}: "
            f"S(XA) = {tuple(after)}, not {tuple(claimed)}"
        )
        return Outcome.refuted(_EXACT, "not equivariant", witness)
    difference = (data * transformation * case.weights - data * weights).doit()
    if case.decay or case.least_norm or difference not in (0, ZeroMatrix(*difference.shape)):
        return Outcome.undecided("matrix algebra", f"X A S(XA) - X S(X) = {difference}")
    g, first, rest = (Symbol(n, nonzero=True) for n in ("gamma", "S_1", "S_2"))
    scaled = evaluated(case.weights, {"A": diag(1, g), "S": Matrix([first, rest])})
    if scaled != Matrix([first, rest / g]):
        return Outcome.undecided(_EXACT, f"rescaled noise gives {tuple(scaled)}")
    algebra = Outcome.proved(
        "matrix algebra", "X A A^-1 S = X S; A = diag(1, gamma, ...): S_1 unchanged, S_perp/gamma"
    )
    return all_of((algebra, *_minimisers_are_carried_over()))


def _minimisers_are_carried_over() -> tuple[Outcome, ...]:
    """With F the loss on X and G that on X A: G(A^-1 S) = F(S), and F(A T) = G(T) for every T.

    S minimises F iff A^-1 S minimises G, so that the sets of minimisers correspond.
    """
    at, moved, rival, carried = (Symbol(n, real=True) for n in ("F_S", "G_AiS", "G_T", "F_AT"))
    same = [Eq(moved, at), Eq(carried, rival)]
    return (
        prove_implication([*same, Le(at, carried)], Le(moved, rival)),
        prove_implication([*same, Le(moved, rival)], Le(at, carried)),
    )


_INVERSE = Inverse(transformation)

_EQUIVARIANCE = Claim(
    id="lead.equivariance",
    printed=Variant(
        "The invariance to $\\sigma_n$ is a case of equivariance: for invertible $A$, "
        "$S(XA) = A^{-1} S(X)$, logits unchanged.",
        _Transformed(_INVERSE * weights),
    ),
    source="lead: exact alignment, beyond Gaussians",
    hypotheses=("the loss is a function of the logits alone", "S(X): the set of its minimisers"),
    checks=(_logits_are_unchanged,),
    controls=(
        Variant("A^T S", _Transformed(Transpose(transformation) * weights)),
        Variant("A S", _Transformed(transformation * weights)),
        Variant("A^-T S", _Transformed(Transpose(_INVERSE) * weights)),
        Variant("with weight decay", _Transformed(_INVERSE * weights, decay=1)),
        Variant("the least-norm minimiser", _Transformed(_INVERSE * weights, least_norm=True)),
    ),
)


CLAIMS = (_BIAS, _EQUIVARIANCE)

"""Populations and losses on which a hypothesis can be dropped: their properties are decided here.

A statement about all populations and losses that keep certain hypotheses is refuted by one that
keeps them and breaks the conclusion. Nothing about an example is declared: its hypotheses and its
minimiser are checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from sympy import (
    Abs,
    Add,
    Dummy,
    Expr,
    Ge,
    Gt,
    Interval,
    Matrix,
    MatrixExpr,
    MatrixSymbol,
    Max,
    Rational,
    Symbol,
    erf,
    exp,
    integrate,
    limit,
    oo,
    pi,
    sqrt,
)

from ..theory.clustering import gaussian_expectation
from ..theory.quadratic_loss import deviation, hinge_minimiser, in_moments, squared_ratio
from ..theory.quadratic_loss import mean as mean_symbol
from ..theory.symbols import z
from .checks import all_of
from .evidence import Grade, Outcome
from .prover import prove

__all__ = ["Population", "counterexample", "evaluated", "is_convex_loss", "needs"]

_LINE = {z: Interval(-oo, oo)}


def counterexample(
    hypotheses: frozenset[str],
    examples: Iterable[Population],
    facts: Mapping[str, Callable[[Population], bool]],
    violation: Callable[[Population], str | None],
) -> Outcome | None:
    """The refutation by the first example that keeps the hypotheses and breaks the conclusion."""
    for example in examples:
        if not all(facts[name](example) for name in sorted(hypotheses)):
            continue
        grade = example.minimality()
        broken = violation(example) if grade else None
        if broken is not None:
            witness = f"{example.name}: {broken}"
            return Outcome.refuted("exact counterexample", "the conclusion fails", witness, grade)
    return None


def needs(outcome: Outcome, hypotheses: Iterable[str] = ()) -> Outcome:
    """A proof, or no decision: a lemma that fails does not refute what it was meant to prove."""
    if not outcome.refutes:
        return outcome
    given = ", ".join(sorted(hypotheses))
    return Outcome.undecided(outcome.method, f"no proof from: {given} ({outcome.detail})")


def evaluated(expression: MatrixExpr, names: Mapping[str, Matrix]) -> Matrix:
    """The expression with explicit matrices for its matrix symbols, by their names."""
    if isinstance(expression, MatrixSymbol):
        return names[expression.name]
    if not expression.args or expression.is_number:
        return expression
    return expression.func(*(evaluated(argument, names) for argument in expression.args)).doit()


def is_convex_loss(loss: Expr) -> bool:
    """Whether l is proved convex: a smooth convex part plus hinges and moduli of affine terms.

    >>> is_convex_loss(z**2 + 6 * Max(0, -z)), is_convex_loss(z**2 - Abs(z))
    (True, False)
    """
    kinks = [term for term in Add.make_args(loss) if term.has(Max, Abs)]
    smooth = loss - Add(*kinks)
    if not all(_is_convex_kink(term) for term in kinks):
        return False
    return prove(Ge(smooth.diff(z, 2), 0), _LINE).supported


def _is_convex_kink(term: Expr) -> bool:
    factor, function = term.as_independent(z)
    affine = isinstance(function, (Max, Abs)) and all(e.diff(z, 2) == 0 for e in function.args)
    return affine and bool(factor.is_nonnegative)


def _branch(loss: Expr, side: int) -> tuple[Expr, Symbol]:
    """The loss on one side of 0, in t = |z| > 0."""
    t = Dummy("t", positive=True)
    return loss.subs(z, side * t), t


def _slope(loss: Expr, side: int, at: Expr) -> Expr:
    """The limit of l' at 0 or at infinity, from the given side."""
    on_side, t = _branch(loss, side)
    return limit(side * on_side.diff(t), t, at)


@dataclass(frozen=True)
class Population:
    """Signed samples x with a mean and a covariance, a loss, and weights that minimise E l(S^T x).

    ``law`` is ``Gaussian``, ``Cauchy`` (elliptical, centre and scatter for mean and covariance), or
    ``finite``: the uniform law on ``samples``.
    """

    name: str
    loss: Expr
    mean: Matrix
    covariance: Matrix
    optimum: Matrix
    law: Literal["Gaussian", "Cauchy", "finite"] = "Gaussian"
    samples: Matrix | None = None

    @property
    def optimal_mean(self) -> Expr:
        return (self.optimum.T * self.mean)[0]

    @property
    def optimal_variance(self) -> Expr:
        return (self.optimum.T * self.covariance * self.optimum)[0]

    @property
    def separates(self) -> bool:
        """The logits of the minimiser are not all zero."""
        return bool(self.optimal_mean != 0 or self.optimal_variance != 0)

    @property
    def squared_ratio(self) -> Expr:
        return squared_ratio(self.optimum, self.mean, self.covariance)

    @property
    def is_nonsingular(self) -> bool:
        return bool(self.covariance.det() != 0)

    @cached_property
    def is_convex(self) -> bool:
        return is_convex_loss(self.loss)

    @cached_property
    def has_unique_minimum(self) -> bool:
        """Strictly convex smooth part, falling at -infinity and rising at infinity."""
        kinks = [term for term in Add.make_args(self.loss) if term.has(Max, Abs)]
        bend = (self.loss - Add(*kinks)).diff(z, 2)
        strict = prove(Gt(bend, 0), _LINE).supported
        falls, rises = _slope(self.loss, -1, oo), _slope(self.loss, 1, oo)
        return self.is_convex and strict and bool(falls < 0) and bool(rises > 0)

    @cached_property
    def has_positive_target(self) -> bool:
        """z* > 0: the convex loss still falls to the right of 0."""
        return self.has_unique_minimum and bool(_slope(self.loss, 1, Rational(0)) < 0)

    @cached_property
    def _slopes_at_zero(self) -> tuple[Expr, Expr]:
        return _slope(self.loss, -1, Rational(0)), _slope(self.loss, 1, Rational(0))

    @property
    def is_differentiable_at_zero(self) -> bool:
        left, right = self._slopes_at_zero
        return bool(left == right)

    def minimality(self) -> Grade:
        """How well the weights are shown to minimise the expected convex loss; NONE if not."""
        if not self.is_convex:
            return Grade.NONE
        if self.law == "Cauchy":
            shown = self._is_zero_with_a_finite_loss_alone()
        elif self.samples is not None and self.loss.has(Max):
            shown = self._minimises_with_a_hinge(self.samples)
        elif self.loss.is_polynomial(z):
            shown = self._is_stationary()
        else:
            return self._rising_from_zero()
        return Grade.PROVED if shown else Grade.NONE

    def _minimises_with_a_hinge(self, samples: Matrix) -> bool:
        """The loss (z - aim)^2 + slope max(0, -z), by its cases."""
        (hinge,) = self.loss.atoms(Max)
        slope = self.loss.coeff(hinge)
        quadratic = (self.loss - slope * hinge).as_poly(z)
        if hinge != Max(0, -z) or quadratic.degree() != 2 or quadratic.nth(2) != 1:
            return False
        return bool(self.optimum == hinge_minimiser(samples, -quadratic.nth(1) / 2, slope))

    def _is_stationary(self) -> bool:
        """The gradient of a polynomial of the moments, for quadratic losses or Gaussian data."""
        s = Matrix([Symbol(f"S_{i}", real=True) for i in range(self.mean.rows)])
        center, variance = (s.T * self.mean)[0], (s.T * self.covariance * s)[0]
        if self.loss.as_poly(z).degree() <= 2:
            value = in_moments(self.loss).subs({mean_symbol: center, deviation: sqrt(variance)})
        elif self.law == "Gaussian":
            value = gaussian_expectation(self.loss, center, sqrt(variance))
        else:
            return False
        gradient = Matrix([value.expand().diff(entry) for entry in s])
        at_optimum = gradient.subs(dict(zip(s, self.optimum, strict=True)))
        return all(entry == 0 for entry in at_optimum)

    def _rising_from_zero(self) -> Grade:
        """One feature: E l(s x) rises from s = 0 both ways, with slopes E [l'(0+-) x] for s -> 0+-.

        For x = mu + sigma Y, E |x| = sigma sqrt(2/pi) exp(-mu^2/(2 sigma^2))
        + mu erf(mu/(sigma sqrt 2)).
        """
        if self.separates or self.mean.rows != 1 or self.law != "Gaussian":
            return Grade.NONE
        mu, sigma = self.mean[0], sqrt(self.covariance[0])
        modulus = sigma * sqrt(2 / pi) * exp(-((mu / sigma) ** 2) / 2) + mu * erf(
            mu / (sigma * sqrt(2))
        )
        left, right = self._slopes_at_zero
        above, below = (modulus + mu) / 2, (modulus - mu) / 2
        rises = (right * above - left * below, right * below - left * above)
        shown = all_of(prove(Gt(rise, 0, evaluate=False), {}) for rise in rises)
        return shown.grade if shown.supported else Grade.NONE

    def _is_zero_with_a_finite_loss_alone(self) -> bool:
        """E |Y| is infinite, and the loss grows at least linearly on both sides."""
        t = Symbol("t", positive=True)
        infinite = integrate(2 * t / (pi * (1 + t**2)), (t, 0, oo)) == oo
        grows = self.has_unique_minimum and self.is_nonsingular
        return not self.separates and bool(infinite) and grows

"""Two-class softmax regression in exact numbers, for examples on which a hypothesis is dropped.

With two classes only the difference v = u.x + beta of the logits matters. Label smoothing of
strength alpha has the gradient sigmoid(v) - t, t = 1 - alpha/2 for the first class, alpha/2 for the
second; so whether weights are a minimiser is decided exactly, the loss being convex.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

from sympy import Expr, Matrix, Ne, Rational, S, Symbol, exp, eye, log, simplify, sqrt

from ..theory.fisher import signal_differences, signal_projector
from .evidence import Outcome
from .smt import prove_implication

__all__ = [
    "SMOOTHED_GAP",
    "Fit",
    "Penalised",
    "standardised_margin",
    "strictly_convex_in_the_differences",
]

SMOOTHED_GAP = log(3)
"""The target of label smoothing at alpha = 1/2: sigmoid(log 3) = 3/4."""


@dataclass(frozen=True)
class Penalised:
    """The strength alpha, and whether f is label smoothing's, |z_1| + |z_2| or zero."""

    alpha: Rational
    f: str = "label smoothing"

    def target(self) -> Rational:
        """The probability of the true class that label smoothing asks for."""
        return 1 - (self.alpha / 2 if self.f == "label smoothing" else S.Zero)

    def gap_vanishes(self) -> bool:
        """Zero logits minimise the loss: (1 - alpha)/2 is a subgradient of alpha |z| there."""
        return self.f == "absolute value" and (1 - self.alpha) / 2 <= self.alpha

    def attracts(self) -> bool:
        """The loss of a sample grows without bound with the gap, on both sides."""
        return self.alpha > 0 and self.f != "zero"


@dataclass(frozen=True)
class Fit:
    """Means (d x 2), samples (d x N) with their classes 1 or 2, a penalty, and weights."""

    name: str
    means: Matrix
    samples: Matrix
    classes: tuple[int, ...]
    penalty: Penalised
    weights: Matrix
    bias: Expr = S.Zero
    has_bias: bool = True

    @property
    def size(self) -> int:
        return len(self.classes)

    @property
    def features(self) -> int:
        return int(self.samples.rows)

    @cached_property
    def logits(self) -> list[Expr]:
        """The difference of the logits of each sample."""
        return list(self.weights * self.samples + self.bias * Matrix([[1] * self.size]))

    def margins(self) -> list[Expr]:
        """The difference of the logits, its sign changed for the second class."""
        return [v if c == 1 else -v for v, c in zip(self.logits, self.classes, strict=True)]

    def is_minimised(self) -> bool:
        """The gradient vanishes; where nothing attracts, the margin is the largest there is."""
        if self.penalty.gap_vanishes():
            return all(v == 0 for v in self.logits)
        if not self.penalty.attracts() and self.is_separated():
            return self._has_largest_margin()
        target = self.penalty.target()
        residuals = Matrix(
            [
                simplify(1 / (1 + exp(-v)) - (target if c == 1 else 1 - target))
                for v, c in zip(self.logits, self.classes, strict=True)
            ]
        )
        stationary = (self.samples * residuals).applyfunc(simplify).is_zero_matrix
        return bool(stationary and (not self.has_bias or simplify(sum(residuals)) == 0))

    def is_separated(self) -> bool:
        """Every sample lies on its side."""
        return all(m.is_positive for m in self.margins())

    def _has_largest_margin(self) -> bool:
        """Margins of at least one, u the sum of equal shares of the signed samples at margin one.

        With equal shares of the two classes the bias is optimal as well (Karush, Kuhn, Tucker).
        """
        margins = self.margins()
        least = min(margins)
        support = [i for i, m in enumerate(margins) if m == least]
        signs = [1 if self.classes[i] == 1 else -1 for i in support]
        total = sum(
            (s * self.samples[:, i] for s, i in zip(signs, support, strict=True)),
            Matrix([0] * self.features),
        )
        ratio = (self.weights * total)[0] / (total.T * total)[0]
        return bool(sum(signs) == 0 and ratio > 0 and ratio * total == self.weights.T)

    def signal(self) -> Matrix:
        """The projector on the span of the difference of the means."""
        return signal_projector(signal_differences(self.means))

    def signal_noise_in(self, points: Matrix, classes: tuple[int, ...]) -> bool:
        """Whether some point is off the mean of its class along the signal."""
        off = [self.signal() * (points[:, i] - self.means[:, c - 1]) for i, c in enumerate(classes)]
        return any(not deviation.is_zero_matrix for deviation in off)

    def is_wrong(self, point: Matrix, label: int) -> bool:
        """Whether a test point does not lie on its side (a tie is an error)."""
        v = (self.weights * point)[0] + self.bias
        return not (v if label == 1 else -v).is_positive


def standardised_margin(fit: Fit, signal_noise: Expr, noise: Expr) -> tuple[Expr, Expr]:
    """Mean over standard deviation of the signed test logit of each class, Gaussian noise.

    The accuracy on a class is Phi of it: sigma_f along the signal, sigma_n across it.
    """
    projector = fit.signal()
    rest = eye(fit.features) - projector
    u = fit.weights.T
    variance = signal_noise**2 * (u.T * projector * u)[0] + noise**2 * (u.T * rest * u)[0]
    at_means = [(fit.weights * fit.means[:, i])[0] + fit.bias for i in (0, 1)]
    deviation = sqrt(variance)
    return simplify(at_means[0] / deviation), simplify(-at_means[1] / deviation)


@cache
def strictly_convex_in_the_differences() -> Outcome:
    """Cross-entropy bends along v by the sum over pairs of classes of p_i p_j (v_i - v_j)^2."""
    p, q, v, w = (Symbol(name, real=True) for name in ("p", "q", "v", "w"))
    return prove_implication([p > 0, q > 0, Ne(v, w)], p * q * (v - w) ** 2 > 0)

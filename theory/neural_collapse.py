"""The unconstrained feature model at its global minimisers, for symbolic K, n and d.

Minimise over W (K x d), H (d x N) and b, N = K n, with K balanced classes,

    N^-1 sum CE(W h_i + b, (1 - delta) y_i + delta/K)
        + (lambda_W/2) ||W||^2 + (lambda_H/2) ||H||^2 + (lambda_b/2) ||b||^2.

1. For W H = M the weight decay is at least tau ||M||_*, tau = sqrt(lambda_W lambda_H), with
   equality at W = (lambda_H/lambda_W)^(1/4) U S^(1/2) R, H = (lambda_W/lambda_H)^(1/4) R^T S^(1/2)
   V^T (M = U S V^T, R R^T = 1): ||M||_* = <U^T W, V^T H^T> <= ||W|| ||H||. The factors exist iff
   rank M <= d. What is left is convex in (M, b).
2. Let G be the gradient of the cross-entropy at M. If ||G||_2 <= tau and <G, M> = -tau ||M||_*,
   then M is a minimiser: loss(M') >= loss(M) + <G, M' - M> and tau ||M'||_* >= -<G, M'>.
3. At M = g P (x) 1_n^T, P = I - J/K, the residuals p - y' are -(K - 1) e at the true class and e
   at each other one, e = p_o - delta/K, so that G = -(K e/N) P (x) 1_n^T. P^2 = P has the trace
   K - 1, so the singular values of P (x) 1_n^T are sqrt(n), K - 1 times: ||G||_2 = K e sqrt(n)/N.
   So M is a minimiser iff K e sqrt(n)/N = tau (g > 0) or <= tau (g = 0).
4. Any other minimiser has the same logits up to a shift of each sample, and by 2. its columns are
   orthogonal to 1 and its rows to 1_N (those spaces are the null spaces of G): it is M, and b is 0,
   or any multiple of 1 where lambda_b = 0.
"""

from __future__ import annotations

from sympy import Eq, Expr, Rational, Symbol, exp, log, sqrt

from .derivations import Derivation, Step
from .symbols import K
from .words import letters

__all__ = [
    "calibration_gap",
    "centring_relations",
    "condition_number",
    "confidence",
    "decay_strength",
    "decay_weights",
    "delta",
    "feature_decay",
    "features_scale",
    "gap_at_minimiser",
    "gradient_norm",
    "growth_at_minimiser",
    "hessian_eigenpairs",
    "per_sample_loss",
    "regularised_condition_number",
    "samples",
    "scalar_objective",
    "scalar_slope",
    "threshold_derivation",
    "total_strength",
    "weight_decay",
    "weights_squared_norm",
    "within_hessian",
]

delta = Symbol("delta", nonnegative=True)
"""The smoothing of the labels, in [0, 1)."""

weight_decay = Symbol("lambda_W", positive=True)
feature_decay = Symbol("lambda_H", positive=True)

samples = Symbol("n", integer=True, positive=True)
"""Samples of each class, N = K n in all."""

decay_strength = Symbol("c", positive=True)
"""c = sqrt(K N lambda_W lambda_H)."""

total_strength = Symbol("t", positive=True)
"""t = c + delta, in (0, 1) where the classes collapse onto a simplex."""

_gap = Symbol("g", positive=True)
_p = Symbol("p", positive=True)


def decay_weights() -> Expr:
    """c in terms of the weight decays: sqrt(K N lambda_W lambda_H) with N = K n.

    >>> decay_weights()
    K*sqrt(lambda_H)*sqrt(lambda_W)*sqrt(n)
    """
    return sqrt(K * (K * samples) * weight_decay * feature_decay)


def gap_at_minimiser() -> Expr:
    """g, the logit of the true class over the others: log(K/(c + delta) - K + 1)."""
    return log(growth_at_minimiser())


def weights_squared_norm(gap: Expr = _gap) -> Expr:
    """||W||^2 = tau ||M||_*/lambda_W at M = g P (x) 1_n^T."""
    return gap * (K - 1) * sqrt(samples * feature_decay / weight_decay)


def features_scale(gap: Expr = _gap) -> Expr:
    """s^2 where the class means are s P e_c: ||H||^2 = tau ||M||_*/lambda_H = s^2 n (K - 1).

    >>> features_scale()
    g*sqrt(lambda_W)/(sqrt(lambda_H)*sqrt(n))
    """
    return gap * sqrt(weight_decay / (samples * feature_decay))


def confidence(strength: Expr = total_strength) -> Expr:
    """The probability of the true class at the minimiser: 1 - (K - 1) (c + delta)/K."""
    return 1 - (K - 1) * strength / K


def per_sample_loss(gap: Expr = _gap) -> Expr:
    """Smoothed cross-entropy where the true logit is ``gap`` above the others.

    >>> per_sample_loss().subs(delta, 0)
    log((K - 1)*exp(-g) + 1)
    """
    return log(1 + (K - 1) * exp(-gap)) + (K - 1) * delta / K * gap


def scalar_objective(gap: Expr = _gap) -> Expr:
    """The convex problem on the ray g P (x) 1_n^T, with tau ||M||_* = (K - 1) (c/K) g."""
    return per_sample_loss(gap) + (K - 1) * decay_strength / K * gap


def scalar_slope(growth: Expr) -> Expr:
    """The derivative of :func:`scalar_objective` in g, as a function of exp(g)."""
    return (K - 1) * ((decay_strength + delta) / K - 1 / (growth + K - 1))


def growth_at_minimiser() -> Expr:
    """exp(g) at the minimiser: K/(c + delta) - K + 1."""
    return K / (decay_strength + delta) - K + 1


def gradient_norm(growth: Expr) -> Expr:
    """||G||_2 = K e sqrt(n)/N at g P (x) 1_n^T, e = 1/(exp(g) + K - 1) - delta/K."""
    excess = 1 / (growth + K - 1) - delta / K
    return K * excess * sqrt(samples) / (K * samples)


def centring_relations() -> tuple[Expr, dict[tuple[Symbol, ...], Expr]]:
    """P = I - J/K as a polynomial in J = 1 1^T, and the relation J J = K J."""
    (ones,) = letters("J")
    return 1 - ones / K, {(ones, ones): K * ones}


def hessian_eigenpairs() -> tuple[tuple[Expr, Expr, tuple[Expr, Expr, Expr]], ...]:
    """(eigenvalue, multiplicity, vector) of diag(p) - p p^T, p_c = p at the true class.

    A vector is given by its entry at the true class and at the first two other classes; the first
    two kinds are constant on the others, of the third kind only these two entries are not zero.
    """
    other = (1 - _p) / (K - 1)
    return (
        (Rational(0), Rational(1), (Rational(1), Rational(1), Rational(1))),
        (K * _p * other, Rational(1), (Rational(1), -1 / (K - 1), -1 / (K - 1))),
        (other, K - 2, (Rational(0), Rational(1), Rational(-1))),
    )


def condition_number(strength: Expr = total_strength) -> Expr:
    """K p_c at the minimiser: K - (K - 1) (c + delta), on the non-null space, K > 2."""
    return K - (K - 1) * strength


def within_hessian(strength: Expr = total_strength) -> tuple[Expr, Expr, Expr]:
    """Eigenvalues, over s^2/K, of the Hessian of the cross-entropy with respect to W.

    With the class means s P e_c, and V = P V P, v_c = V e_c, the second derivative along V is
    (s^2/K) (q ||V||^2 + r (1 - r) sum V_cc^2), q = p_o and r = p_c - p_o = 1 - K q = 1 - c - delta.
    V -> P diag(V_cc) P maps P diag(a) P, sum a = 0, to (K - 2)/K of itself, P to (K - 1)/K of
    itself, and the V of zero diagonal to zero. In this order: zero diagonal (dimension
    K^2 - 3 K + 1), sum a = 0 (K - 1), V = P (1).
    """
    q, r = strength / K, 1 - strength
    return q, q + r * (1 - r) * (K - 2) / K, q + r * (1 - r) * (K - 1) / K


def regularised_condition_number(on_the_range: bool, strength: Expr, decay: Expr) -> Expr:
    """The condition number with lambda_W/2 ||W||^2 in the loss, H fixed at the minimiser.

    The weight decay adds lambda_W to every eigenvalue; s^2 q/(K lambda_W) = g (c + delta)/(K c).
    Off the range of the data's part the eigenvalue is lambda_W alone.
    """
    gap = log(K / strength - K + 1)
    data = gap * strength / (K * decay)
    largest = 1 + data * condition_number(strength)
    return largest / (1 + data) if on_the_range else largest


def calibration_gap(strength: Expr, accuracy: Expr) -> Expr:
    """Confidence minus accuracy where every test point bears the logits of the minimiser."""
    return confidence(strength) - accuracy


def threshold_derivation() -> Derivation:
    """From the scalar convex problem to the gap at the global minimiser."""
    strength = decay_strength + delta
    return Derivation(
        "the gap at the global minimiser of the unconstrained feature model",
        (
            Step(
                "the derivative in g of cross-entropy plus tau times the nuclear norm",
                Eq(scalar_objective().diff(_gap), 0, evaluate=False),
                "start",
            ),
            Step("collected", Eq(scalar_slope(exp(_gap)), 0, evaluate=False)),
            Step(
                "divided by -(K - 1)",
                Eq(1 / (exp(_gap) + K - 1), strength / K, evaluate=False),
                "implied",
            ),
            Step("solved for g", Eq(_gap, gap_at_minimiser(), evaluate=False), "implied"),
        ),
    )

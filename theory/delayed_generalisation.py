"""Delayed generalisation: what gradient descent from zero does without signal noise.

Data x_i = (mu, sigma_n xi_i) with absorbed labels, sigma_f = 0. Without a penalty descent fits all
samples; where the noise vectors are separable it stays off the signal. With a penalty it ends at
the minimiser, along the signal where N >= d.
"""

from __future__ import annotations

from sympy import Add, Eq, Expr, Ge, Gt, Le, Lt, Matrix, Or, Symbol, exp, log
from sympy.core.relational import Relational

from .alignment import Lemma
from .symbols import z

__all__ = ["comparator_excess", "descent_lemmas", "fitting_lemmas", "noise_weight_is_confined"]


def fitting_lemmas() -> tuple[Lemma, ...]:
    """alpha = sigma_f = 0: gradient descent stays off the signal if the noise is separable.

    From zero S = sum a_i x_i with a_i > 0, as -l' > 0. With v^T xi_i >= kappa > 0, ||v|| = 1:
    A = sum a_i, v^T S_perp = sigma_n M with M - kappa A = sum a_i (v^T xi_i - kappa) >= 0. So
    ||S_perp||/S_1 >= sigma_n kappa/mu at every step, and the test accuracy of Gaussian data never
    exceeds Phi(mu^2/(sigma_n^2 kappa)).
    """
    A, M, kappa, mu, sigma = (Symbol(s, positive=True) for s in ("A", "M", "kappa", "mu", "sigma"))
    off = Symbol("o", nonnegative=True)
    return (
        Lemma(
            "||S_perp|| >= sigma M and S_1 = mu A bound the ratio from below",
            (Ge(M - kappa * A, 0), Ge(off, sigma * M)),
            Ge(off / (mu * A), sigma * kappa / mu),
        ),
        Lemma(
            "so that mean over deviation of a test logit is at most mu^2/(sigma^2 kappa)",
            (Ge(off / (mu * A), sigma * kappa / mu),),
            Le(mu * A * mu, mu**2 / (sigma**2 * kappa) * sigma * off),
        ),
    )


def noise_weight_is_confined(noise: Matrix) -> tuple[Relational, Relational]:
    """d = 2, alpha = sigma_f = 0: at w = 1 and w = -1, for any S_1 = z >= 0, descent steps inwards.

    The step is sum xi_i sigmoid(-z - xi_i w), which decreases in w at a rate of at most
    sum xi_i^2/4. So a step size below 4/sum xi_i^2 keeps |w| <= 1, while S_1 grows by
    sum sigmoid(-z - xi_i w) > 0, without end.

    >>> noise_weight_is_confined(Matrix([1, -1]))[0]
    1/(exp(z + 1) + 1) - 1/(exp(z - 1) + 1) < 0
    """
    at_plus, at_minus = (Add(*(xi / (1 + exp(z + xi * w)) for xi in noise)) for w in (1, -1))
    return Lt(at_plus, 0), Gt(at_minus, 0)


def descent_lemmas() -> tuple[Lemma, ...]:
    """Gradient descent, eta <= 1/smoothness, convex F: F(S_T) <= F(u) + ||u||^2/(2 eta T).

    By induction over the steps: G = ||g||^2, D = ||S - u||^2, D_0 = ||u||^2. Comparators u = t e_1
    have all logits t mu, so that at alpha = 0 the loss comes below log(2)/N and every sample is
    fitted. At alpha > 0 the comparator is the minimiser, which is e_1 z*/mu alone where [1 | Xi]
    has rank d. S_T is continuous in alpha at each T, so that for alpha small enough it fits and is
    as far from the signal as at alpha = 0: the delay diverges.
    """
    before, after, at_u = (Symbol(s, real=True) for s in ("F", "F_next", "F_u"))
    slope, smoothness = Symbol("p", real=True), Symbol("L", positive=True)
    gradient, eta = Symbol("G", nonnegative=True), Symbol("eta", positive=True)
    distance, next_distance = Symbol("D", real=True), Symbol("D_next", real=True)
    first_distance, steps = Symbol("D_0", real=True), Symbol("T", nonnegative=True)
    total, one, rest = (Symbol(s, real=True) for s in ("N_F", "l_i", "rest"))
    log_2, logit = Symbol("log_2", positive=True), Symbol("z", real=True)
    return (
        Lemma(
            "F falls: F(S - eta g) <= F - eta G + L (eta^2 G)/2, L the smoothness",
            (
                Le(after, before - eta * gradient + smoothness * eta**2 * gradient / 2),
                Le(eta * smoothness, 1),
            ),
            Le(after, before - eta * gradient / 2),
        ),
        Lemma(
            "2 eta T (F_T - F_u) <= D_0 - D_T goes over from T to T + 1",
            (
                Le(2 * eta * steps * (before - at_u), first_distance - distance),
                Le(2 * eta * (after - at_u), distance - next_distance),
                Le(after, before),
            ),
            Le(2 * eta * (steps + 1) * (after - at_u), first_distance - next_distance),
        ),
        Lemma(
            "a total loss below log(2) fits every sample: l > 0, and l >= log(2) where z <= 0",
            (
                Lt(total, log_2),
                Eq(total, one + rest),
                Ge(rest, 0),
                Or(Gt(logit, 0), Ge(one, log_2)),
            ),
            Gt(logit, 0),
        ),
        Lemma(
            "2 eta (F(S_next) - F(u)) <= ||S - u||^2 - ||S_next - u||^2, where p = g^T (S - u)",
            (
                Le(after, before - eta * gradient / 2),
                Le(before, at_u + slope),
                Eq(next_distance, distance - 2 * eta * slope + eta**2 * gradient),
            ),
            Le(2 * eta * (after - at_u), distance - next_distance),
        ),
    )


def comparator_excess() -> Expr:
    """F(u) + ||u||^2/(2 eta T) at u = t e_1 and T = t^3, which has to vanish as t grows.

    >>> from sympy import limit, oo
    >>> limit(comparator_excess(), Symbol("t", positive=True), oo)
    0
    """
    t, mu, eta = (Symbol(name, positive=True) for name in ("t", "mu", "eta"))
    return log(1 + exp(-t * mu)) + t**2 / (2 * eta * t**3)

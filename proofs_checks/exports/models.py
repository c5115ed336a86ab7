"""The alignment bound, the model of signal plus noise and label smoothing as programs.

Differences are taken where they are exact or in factors: 1 - rho^2 = (1 - rho)(1 + rho), and with
D = mu_f^2 + sigma_f^2 + sigma_n^2 (lambda - 1) the least-norm z* - S_1 mu_f is
z* (sigma_f^2 + sigma_n^2 (lambda - 1))/D.
"""

from __future__ import annotations

from sympy import Abs, Expr, Piecewise, Symbol, exp, sqrt
from sympy import erfc as erfc_exact
from sympy.codegen.cfunctions import log1p

from ...theory import alignment, high_dimension, signal_noise
from ...theory.formulas import formula
from ...theory.label_smoothing import epsilon, smoothed_cross_entropy
from ...theory.losses import high, low, multiclass_loss, per_sample_loss
from ...theory.penalties import CATALOGUE
from ...theory.symbols import K, alpha, gap, z
from .program import Argument, Export, Let, Part, Routine
from .special import erfc
from .stable import stable

__all__ = ["CLASSES", "FEW_CLASSES", "LOGIT", "LOGITS", "model_exports"]

_LAST = 1 - 2.0**-53
_FIRST_ABOVE_ONE = 1 + 2.0**-52
CLASSES = Argument(K, 3, 2**20, "the number of classes, a whole number", r"K \in \{3, 4, \ldots\}")

_mu_f, _sigma_f, _sigma_n = signal_noise.mu_f, signal_noise.sigma_f, signal_noise.sigma_n
_rho = signal_noise.rho
_aspect_ratio = Symbol("aspect_ratio", positive=True)
_effect = Symbol("effect", positive=True)
_target = Symbol("target", positive=True)
_bound_symbols = {alignment.epsilon: Symbol("spread", nonnegative=True)}
_names = {
    high_dimension.aspect_ratio: _aspect_ratio,
    high_dimension.effect: _effect,
    high_dimension.target: _target,
    high_dimension.excess: _aspect_ratio - 1,
}
_DEVIATIONS = (
    Argument(_mu_f, 1e-30, 1e30, "the mean of the signal", r"\mu_f > 0"),
    Argument(_sigma_f, 1e-30, 1e30, "the standard deviation of the signal", r"\sigma_f > 0"),
)
LOGIT = Argument(z, -700, 700, "the logit, positive where the class is right", r"z \in \mathbb{R}")
LOGITS = Argument(
    Symbol("logits"), -700, 700, "the logits z[1], ..., z[K] of a sample", r"z \in \mathbb{R}^K"
)
FEW_CLASSES = Argument(K, 2, 1000, "the number of classes", r"K \in \{2, 3, \ldots\}")
_NOISE = Argument(
    _sigma_n, 1e-30, 1e30, "the standard deviation of every other feature", r"\sigma_n > 0"
)

_SMOOTHING = "the smoothing of the labels: the probability of a wrong class is epsilon"


def model_exports() -> tuple[Export, ...]:
    """All exports of this module."""
    return (
        _alignment_bound(),
        _cosine(),
        _accuracy(),
        _high_dimension(),
        _least_norm(),
        _binary_label_smoothing(),
        _label_smoothing_of_classes(),
    )


def _alignment_bound() -> Export:
    spread = _bound_symbols[alignment.epsilon]
    exact = formula("lead.alignment-bound").expression.subs(_bound_symbols)
    routine = Routine("alignment_bound", (alignment.variation, spread), (), stable(exact))
    return Export(
        "lead.alignment-bound",
        "an upper bound on the sine of the angle between the weights S of least mean loss l(z), "
        "z = X S, and Fisher's direction S_F, the least-squares solution of X S = z* 1; the rows "
        "of X are the samples times their labels +1 or -1, z* is the target, and the angle is that "
        "of the inner product (X u)^T (X v)",
        "lead.alignment-bound",
        (
            Argument(
                alignment.variation,
                0,
                1e150,
                "||X S_F - z* 1||/||X S_F||, the variation of Fisher's logits",
                r"r \geq 0",
            ),
            Argument(
                spread,
                0,
                _LAST,
                "(M - m)/(M + m), where l'(z)/(z - z*) is in [m, M] at the logits of S",
                r"0 \leq \epsilon < 1",
                r"\epsilon",
            ),
        ),
        (Part(routine, exact, 4),),
    )


def _cosine() -> Export:
    found = formula("beck.eq-4")
    ratio = Symbol("ratio", nonnegative=True)
    exact = found.expression.subs(signal_noise.ratio, ratio)
    quotient = Symbol("quotient", real=True)
    body = (Let(quotient, ratio / _sigma_n),)
    routine = Routine("cosine", (ratio, _sigma_n), body, 1 / sqrt(1 + quotient**2))
    return Export(
        found.id,
        "the cosine of the angle between the minimiser and the signal in signal plus noise",
        found.id,
        (
            Argument(
                ratio,
                0,
                1e30,
                "C = ||w||/S_1 at sigma_n = 1, for the minimiser's weight S_1 on the signal and w "
                "on all else",
                r"C \geq 0",
                "C",
            ),
            _NOISE,
        ),
        (Part(routine, exact, 3),),
    )


def _probability(argument: Expr) -> tuple[tuple[Let, ...], Expr]:
    """Phi of a number, as one less a number in [0, 2]."""
    normal = Symbol("normal", real=True)
    return (Let(normal, argument),), 1 - erfc(normal / sqrt(2)) / 2


def _accuracy() -> Export:
    exact = formula("beck.eq-5").expression
    spread = Symbol("deviation", real=True)
    across = (1 - _rho) * (1 + _rho)
    deviation = sqrt((_rho * _sigma_f) ** 2 + across * _sigma_n**2)
    body, result = _probability(_rho * _mu_f / spread)
    routine = Routine(
        "accuracy",
        (_rho, _mu_f, _sigma_f, _sigma_n),
        (Let(spread, deviation), *body),
        result,
    )
    return Export(
        "beck.eq-5",
        "the share of samples y x, y = 1 or -1, that weights classify right, where x is normal of "
        "mean mu_f and deviation sigma_f along the signal, of mean 0 and deviation sigma_n in "
        "every other direction",
        "beck.eq-5",
        (
            Argument(
                _rho,
                -1,
                1,
                "the cosine of the angle between weights and signal",
                r"-1 \leq \rho \leq 1",
            ),
            *_DEVIATIONS,
            _NOISE,
        ),
        (
            Part(
                routine,
                exact,
                3,
                Piecewise((exact, _rho >= 0), (1, True)),
                "the value, or of one if rho < 0",
            ),
        ),
    )


def _high_dimension() -> Export:
    exact = formula("lead.high-dimensional-quadratic").expression.subs(_names)
    body, result = _probability(
        _effect**2 * sqrt((1 - _aspect_ratio) / (_effect**2 + _aspect_ratio))
    )
    normal = body[0].symbol
    tail = erfc_exact(high_dimension.accuracy_argument().subs(_names) / sqrt(2)) / 2
    arguments = (_aspect_ratio, _effect)
    noise = high_dimension.noise_ratio().subs(_names)
    ratio = _sigma_f / _mu_f * sqrt(_aspect_ratio * (_mu_f**2 + _sigma_f**2) / (1 - _aspect_ratio))
    square = (high_dimension.accuracy_argument() ** 2).subs(_names)
    return Export(
        "lead.high-dimensional-quadratic",
        "the accuracy for a quadratic loss, and C = sigma_n ||S_perp||/S_1, as N, d -> infinity",
        "lead.high-dimensional-quadratic",
        (
            Argument(_aspect_ratio, 1e-30, _LAST, "lambda = d/N", r"0 < \lambda < 1", r"\lambda"),
            Argument(_effect, 1e-30, 1e30, "mu_f/sigma_f", r"\Delta > 0", r"\Delta"),
            *_DEVIATIONS,
        ),
        (
            Part(Routine("limit_accuracy", arguments, body, result), exact, 3),
            Part(
                Routine("limit_error_rate", arguments, body, erfc(normal / sqrt(2)) / 2),
                tail,
                5,
                tail * (1 + square),
                "the value times 1 + x^2, where it is Phi(-x)",
            ),
            Part(
                Routine("limit_noise_ratio", (_aspect_ratio, _mu_f, _sigma_f), (), ratio), noise, 4
            ),
        ),
    )


def _least_norm() -> Export:
    first = formula("lead.least-norm").expression.subs(_names)
    signal = high_dimension.least_norm_signal()
    norm = sqrt(high_dimension.least_norm_noise(signal)).subs(_names)
    excess, within, total = (Symbol(name, positive=True) for name in ("excess", "within", "total"))
    arguments = (_target, _mu_f, _sigma_f, _sigma_n, _aspect_ratio)
    body = (
        Let(excess, _aspect_ratio - 1),
        Let(within, _sigma_f**2 + _sigma_n**2 * excess),
        Let(total, _mu_f**2 + within),
    )
    root = sqrt(within**2 + (_mu_f * _sigma_f) ** 2)
    return Export(
        "lead.least-norm",
        "the shortest weights with all logits equal to the target, as N, d -> infinity",
        "lead.least-norm",
        (
            Argument(
                _target, 1e-30, 1e30, "the target of the logits", r"z^{\star} > 0", r"z^{\star}"
            ),
            *_DEVIATIONS,
            _NOISE,
            Argument(
                _aspect_ratio, _FIRST_ABOVE_ONE, 1e30, "lambda = d/N", r"\lambda > 1", r"\lambda"
            ),
        ),
        (
            Part(Routine("least_norm_signal", arguments, body, _target * _mu_f / total), first, 4),
            Part(
                Routine(
                    "least_norm_noise",
                    arguments,
                    body,
                    _target * (root / total) / (_sigma_n * sqrt(excess)),
                ),
                norm,
                4,
            ),
        ),
    )


_t, _inner, _tail, _hinge = (
    Symbol(name, nonnegative=True) for name in ("t", "inner", "tail", "hinge")
)
_right, _wrong = Symbol("for_right", nonnegative=True), Symbol("for_wrong", nonnegative=True)


def _cross_entropies(logit: Symbol, inner: Expr) -> tuple[Let, ...]:
    """The log-sum-exp less the logit of the right class, and less that of another one, 0.

    max(-g, 0) is a number of its own before the small logarithm is added to it.
    """
    return (
        Let(_t, exp(-Abs(logit))),
        Let(_inner, inner),
        Let(_tail, log1p(_inner)),
        Let(_hinge, (Abs(logit) - logit) / 2),
        Let(_right, _hinge + _tail),
        Let(_hinge, (Abs(logit) + logit) / 2),
        Let(_wrong, _hinge + _tail),
    )


def _binary_label_smoothing() -> Export:
    smoothed = Routine(
        "smoothed_cross_entropy",
        (z, epsilon),
        _cross_entropies(z, _t),
        (1 - epsilon) * _right + epsilon * _wrong,
    )
    regularised = Routine(
        "smoothing_as_regularisation",
        (z, epsilon),
        _cross_entropies(z, _t)[:-2],
        (1 - 2 * epsilon) * _right + 2 * epsilon * (Abs(z) / 2 + _tail),
    )
    penalised = per_sample_loss(CATALOGUE["label-smoothing"]).subs(alpha, 2 * epsilon)
    return Export(
        "beck.ls-binary",
        "cross-entropy of smoothed labels, and the same as logit regularisation of strength "
        "2 epsilon",
        "beck.ls-binary",
        (LOGIT, Argument(epsilon, 0, 0.5, _SMOOTHING, r"0 \leq \epsilon \leq 1/2")),
        (Part(smoothed, smoothed_cross_entropy(), 3), Part(regularised, penalised, 3)),
    )


def _label_smoothing_of_classes() -> Export:
    """The log-sum-exp of the logits (g, 0, ..., 0) is max(g, 0) + log(1 + inner)."""
    inner = Piecewise(((K - 1) * _t, gap >= 0), (_t + K - 2, True))
    body = _cross_entropies(gap, inner)
    exact = multiclass_loss(CATALOGUE["label-smoothing"]).subs({alpha: epsilon, high: gap, low: 0})
    result = (1 - epsilon) * _right + epsilon * (_wrong - gap / K)
    routine = Routine("smoothed_cross_entropy_multiclass", (gap, epsilon, K), body, result)
    return Export(
        "beck.ls-multiclass",
        "cross-entropy of smoothed labels at the logits (g, 0, ..., 0), which is logit "
        "regularisation of strength epsilon",
        "beck.ls-multiclass",
        (
            Argument(
                gap,
                -700,
                700,
                "the logit of the right class less that of each other",
                r"g \in \mathbb{R}",
            ),
            Argument(epsilon, 0, 1, f"{_SMOOTHING}/K", r"0 \leq \epsilon \leq 1"),
            CLASSES,
        ),
        (Part(routine, exact, 4),),
    )

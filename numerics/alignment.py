"""A proven bound on the angle between given weights and Fisher's discriminant.

Theorem. Let X (N x d) have full column rank, T (N x K) hold the target logits (K = 1 and z* 1 for
two classes), P project on the range of X, and W_F be the least-squares solution of X W_F^T = T.
For any weights W, with Z = X W^T and V the per-sample gradients l'(z_i) of the loss,

    v_i = l'(t_i) + A_i (z_i - t_i),   A_i the Hessian averaged over the segment from t_i to z_i.

If m I <= A_i <= M I with m > 0, put w = (M + m)/2 and eps = (M - m)/(M + m), so that
A_i = w (I + E_i) with ||E_i|| <= eps. Applying P to the rows' equation gives, for R = T - Z,

    P R = -P E R + P (L' - V)/w,   hence   ||P R|| <= eps ||R|| + beta,
    beta = (||P V|| + ||l'(T)||)/w,

where L' collects l'(t_i), zero at an exact target, and P V is zero at an exact minimiser. Since
(I - P) R = (I - P) T has norm q and P R = X (W_F - W)^T norm p, p <= eps sqrt(p^2 + q^2) + beta:

    p <= [beta + eps sqrt(beta^2 + (1 - eps^2) q^2)] / (1 - eps^2).

The distance of X W_F^T = P T from the line through X W^T is at most p, so that in the metric
<U, V> = trace((X U^T)^T (X V^T)) of the data

    sin angle(W, W_F) <= p / ||P T||.

For K = 1 and beta = 0 this is r eps / sqrt(1 - eps^2), with r = q/||P T|| the coefficient of
variation of Fisher's logits.

Second bound. For any numbers a and b != 0 put E = V - a T - b Z. Then b Z = P V - a P T - P E, and
the distance of Z from the line through P T gives

    sin angle(W, W_F) <= (||P V|| + ||E||) / (|b| ||Z||).

It needs neither convexity nor the target's being exact: the gradients have only to be nearly linear
in the logits. Here 1/b and -a/b are the least-squares coefficients of Z as a combination of V and
T, so that ||E||/|b| is the smallest; 1/b = 0 is allowed, as its limit.

A loss that leaves the common level of the logits free has its A_i, T, Z, W and W_F considered on
the logits that sum to zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from flint import arb
from numpy.typing import ArrayLike

from ..errors import DataError, NoFiniteTargetError, NonFiniteError, ShapeError
from .balls import precision
from .curvature import GradientBounds, binary_bounds, multiclass_bounds
from .design import Design, Factors, design, factor, signed_margins
from .enclosures import ball_above
from .host import on_host, real_array
from .losses import check_alpha, is_shift_invariant, penalty_name, target_levels
from .projection import angle, arcsine, certified_projection, inner_below, sine_below
from .rounding import Enclosed, Matrix, norm_above, product
from .targets import target

__all__ = ["AlignmentCertificate", "alignment", "stacked_weights", "target_logits"]

_LARGEST = 1e120


@dataclass(frozen=True)
class AlignmentCertificate:
    """How far weights are from Fisher's discriminant, with proof.

    Attributes
    ----------
    angle : angle between the weights and Fisher's solution in the metric of the data, in radians.
    angle_error : the true angle lies within this distance of ``angle``, rounding included.
    bound : upper bound of the sine of the angle, rounding included; infinite if the curvature is
        not positive on all samples.
    linearity_bound : the second bound of the sine, rounding included.
    epsilon : (M - m)/(M + m), the relative spread of the averaged curvatures.
    curvature : (m, M), their range.
    variation : upper bound of q/||P T||: for two classes the coefficient of variation r of
        Fisher's logits.
    gradient_part : the part of ``bound`` that is due to the gradient not being zero (rounding
        included): small for a minimiser.
    target : z*; (z_low, z_high) for more than two classes.
    logit_mean, logit_deviation, logit_min, logit_max : of the signed logits; for more than two
        classes, of the margins: true logit minus the largest other one.
    accuracy : fraction of samples with a positive margin.
    """

    angle: float
    angle_error: float
    bound: float
    linearity_bound: float
    epsilon: float
    curvature: tuple[float, float]
    variation: float
    gradient_part: float
    target: float | tuple[float, float]
    logit_mean: float
    logit_deviation: float
    logit_min: float
    logit_max: float
    accuracy: float

    @property
    def sine_below(self) -> float:
        """Lower bound of the sine of the angle, rounding included.

        So ``certificate.sine_below <= certificate.bound`` tests the theorem with no tolerance.
        """
        return sine_below(self.angle, self.angle_error)

    @property
    def vacuous(self) -> bool:
        """Whether both bounds say nothing: every sine is at most 1."""
        return not min(self.bound, self.linearity_bound) < 1


def alignment(
    X: ArrayLike,
    weights: ArrayLike,
    y: ArrayLike | None = None,
    *,
    penalty: Any = "quadratic",
    alpha: float = 0.1,
    bias: ArrayLike | None = None,
) -> AlignmentCertificate:
    """Certify the angle between any weights and Fisher's solution; see the module's theorem.

    The bound is rigorous in floating point: matrix products carry a-priori error bounds, the loss
    is enclosed by Arb balls, and no factorisation or solve is trusted.

    Parameters
    ----------
    X : (n_samples, n_features), absorbed (x <- y x) if ``y`` is None.
    weights : (n_features,) for two classes, (n_classes, n_features) for more.
    y : (n_samples,) labels, or None.
    penalty, alpha : the loss; alpha in (0, 1).
    bias : the intercept, a float or (n_classes,); None without one. It counts as one more weight,
        of a feature that is 1 before the labels are absorbed.

    Returns
    -------
    AlignmentCertificate

    Raises
    ------
    NoFiniteTargetError : the target is zero and has no direction.
    UnsupportedPenaltyError : the target sits on a kink of the penalty, or the penalty has no
        convex form for more than two classes.
    RankDeficientError : full column rank could not be certified.
    AlphaError, ShapeError, NonFiniteError, DataError, FewerSamplesThanFeaturesError

    Examples
    --------
    >>> from .fit import fit
    >>> X = [[1.0, 0.2], [0.8, -0.3], [1.3, 0.1]]
    >>> certificate = alignment(X, fit(X, alpha=0.2).weights, alpha=0.2)
    >>> math.sin(certificate.angle) <= certificate.bound < 0.02
    True
    """
    alpha = check_alpha(alpha, zero=False)
    data = design(X, y, bias=bias is not None)
    solution = stacked_weights(data, weights, bias)
    factors = factor(data.matrix)
    logits = product(factors.scaled, factors.rescale(solution))
    if not np.any(logits.mid):
        raise DataError("all logits are zero; expected weights that have a direction")
    targets = target_logits(data, penalty, alpha)
    levels = targets.levels
    largest = max(float(np.max(np.abs(z))) for z in (logits.mid, targets.matrix))
    if largest > _LARGEST:
        raise DataError(
            f"logits or targets reach {largest:.1e}, whose squares overflow; expected at most "
            f"{_LARGEST:.0e}; rescale the weights (the angle does not change), or raise alpha"
        )
    with precision(96):
        if data.codes is None or not isinstance(levels, tuple):
            loss = binary_bounds(penalty, alpha, levels, logits)
        else:
            loss = multiclass_bounds(penalty, alpha, levels, data.codes, logits)
        if targets.centred:
            logits = _centred(logits)
        return _certificate(data, factors, logits, targets, loss)


class Targets(NamedTuple):
    """Target logits of the samples, (n_samples, n_outputs), exact to ``radius`` each.

    ``levels`` is z*, or (z_low, z_high) for several classes; ``centred`` says that the loss leaves
    the level of the logits free, so that targets, logits and weights sum to zero over the classes.
    """

    matrix: Matrix
    radius: float
    levels: Any
    centred: bool


def target_logits(data: Design, penalty: Any, alpha: float) -> Targets:
    """The target logits that the samples have under a loss."""
    if data.codes is None:
        level = _binary_target(penalty, alpha)
        return Targets(np.full((len(data.matrix), 1), level), 0.0, level, False)
    low, high = target_levels(penalty, alpha, data.outputs)
    matrix = np.full((len(data.matrix), data.outputs), low)
    matrix[np.arange(len(matrix)), data.codes] = high
    centred = is_shift_invariant(penalty, alpha)
    with precision(96):
        mean = abs(arb(high) + (data.outputs - 1) * arb(low)) / data.outputs
    return Targets(matrix, ball_above(mean) if centred else 0.0, (low, high), centred)


def stacked_weights(data: Design, weights: ArrayLike, bias: ArrayLike | None) -> Matrix:
    """Checked weights and bias as one matrix, (n_columns, n_outputs)."""
    slopes = on_host(real_array(weights, "weights")).astype(np.float64)
    features = data.matrix.shape[1] - data.bias
    expected = (features,) if data.codes is None else (data.outputs, features)
    if slopes.shape != expected:
        raise ShapeError(f"weights have shape {slopes.shape}; expected {expected}")
    solution = slopes.reshape(-1, features).T
    if bias is not None:
        intercept = on_host(bias).astype(np.float64)
        if intercept.size != data.outputs:
            raise ShapeError(f"bias has shape {intercept.shape}; expected {data.outputs} number(s)")
        solution = np.vstack([solution, intercept.reshape(1, -1)])
    if not np.all(np.isfinite(solution)):
        raise NonFiniteError("weights or bias hold NaN or infinity; expected finite numbers")
    return np.ascontiguousarray(solution)


def _binary_target(penalty: Any, alpha: float) -> float:
    level = float(target(penalty, alpha))
    if not math.isfinite(level) or level == 0:
        raise NoFiniteTargetError(
            f"the target of {penalty_name(penalty)!r} at alpha = {alpha} is {level}; expected a "
            "finite number other than zero: every direction meets a zero target; choose a smaller "
            "alpha"
        )
    return level


def _centred(logits: Enclosed) -> Enclosed:
    """The part of the logits that sums to zero over the classes."""
    mid = logits.mid - np.mean(logits.mid, axis=1, keepdims=True)
    classes = mid.shape[1]
    rounding = (classes + 4) * 2.0**-53 * np.sum(np.abs(logits.mid), axis=1, keepdims=True)
    radius = logits.radius + np.mean(logits.radius, axis=1, keepdims=True) + 2 * rounding
    return Enclosed(mid, radius * (1 + 1e-9))


def _certificate(
    data: Design,
    factors: Factors,
    logits: Enclosed,
    targets: Targets,
    loss: GradientBounds,
) -> AlignmentCertificate:
    """Evaluate the theorem."""
    projection = certified_projection(factors)
    fisher = product(factors.scaled, factors.weights(factors.q.T @ targets.matrix))

    # ||T - U|| >= ||(I - P) T|| = q and <T, U> <= ||P T|| ||U|| for every U in the range of X.
    residue = targets.matrix - fisher.mid
    residue_radius = fisher.radius + targets.radius + 2.0**-52 * np.abs(residue)
    q = arb(norm_above(np.abs(residue) + residue_radius))
    overlap = arb(inner_below(targets.matrix, targets.radius, fisher))
    fisher_norm = overlap / arb(norm_above(np.abs(fisher.mid) + fisher.radius))
    if not fisher_norm > 0:
        raise DataError(
            "Fisher's direction is lost in rounding: the targets are orthogonal to the features; "
            "expected features that are correlated with the classes"
        )

    bound, epsilon, gradient_part = math.inf, 1.0, math.inf
    m, M = arb(loss.low), arb(loss.high)
    # Gradients that would overflow when squared leave both bounds infinite.
    tame = bool(np.all(np.abs(loss.gradient.mid) + loss.gradient.radius <= _LARGEST))
    gradient = arb(projection.norm_above(loss.gradient)) if tame else arb("inf")
    if tame and loss.low > 0 and math.isfinite(loss.high):
        exact_epsilon = (M - m) / (M + m)
        beta = 2 * (gradient + arb(len(targets.matrix)).sqrt() * loss.at_target) / (M + m)
        rest = 1 - exact_epsilon**2
        distance = (beta + exact_epsilon * (beta**2 + rest * q**2).sqrt()) / rest
        bound = ball_above(distance / fisher_norm)
        epsilon = ball_above(exact_epsilon)
        gradient_part = ball_above((distance - exact_epsilon * q / rest.sqrt()) / fisher_norm)

    measured, rounding = angle(logits.mid, fisher.mid)
    projected = projection.norm_above(Enclosed(residue, residue_radius))
    sines = (
        arb(norm_above(logits.radius)) / float(np.linalg.norm(logits.mid)),
        arb(norm_above(fisher.radius)) / float(np.linalg.norm(fisher.mid)),
        arb(projected) / fisher_norm,
    )
    errors = sum((arcsine(sine) for sine in sines), arb(rounding)) * (1 + arb(2) ** -20)
    margins = signed_margins(logits.mid, data)
    return AlignmentCertificate(
        angle=measured,
        angle_error=ball_above(errors),
        bound=bound,
        linearity_bound=_linearity_bound(loss.gradient, logits, targets, gradient)
        if tame
        else math.inf,
        epsilon=epsilon,
        curvature=(loss.low, loss.high),
        variation=ball_above(q / fisher_norm),
        gradient_part=gradient_part,
        target=targets.levels,
        logit_mean=float(np.mean(margins)),
        logit_deviation=float(np.std(margins)),
        logit_min=float(np.min(margins)),
        logit_max=float(np.max(margins)),
        accuracy=float(np.mean(margins > 0)),
    )


def _linearity_bound(
    gradients: Enclosed, logits: Enclosed, targets: Targets, projected: arb
) -> float:
    columns = np.stack([targets.matrix.ravel(), gradients.mid.ravel()], axis=1)
    scales = np.maximum(np.max(np.abs(columns), axis=0), 1e-200)
    scaled = np.linalg.lstsq(columns / scales, logits.mid.ravel(), rcond=None)[0]
    on_targets, on_gradients = scaled / scales
    terms = logits.mid, -on_targets * targets.matrix, -on_gradients * gradients.mid
    rounding = 2.0**-51 * np.sum([np.abs(term) for term in terms], axis=0)
    radius = logits.radius + rounding
    radius += abs(on_targets) * targets.radius + abs(on_gradients) * gradients.radius
    misfit = norm_above(np.abs(np.sum(terms, axis=0)) + radius * (1 + 1e-9))
    size = arb(inner_below(logits.mid, 0.0, logits)) / arb(norm_above(logits.mid))
    across = abs(float(on_gradients)) * projected + misfit
    return ball_above(across / size) if size > 0 else math.inf

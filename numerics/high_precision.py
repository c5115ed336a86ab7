"""Minimisers of the training loss to any number of digits, each with a proven enclosure."""

from __future__ import annotations

import math
from functools import reduce
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from flint import arb, arb_mat, ctx
from numpy.typing import ArrayLike

from ..errors import NotConvergedError, UnsupportedPenaltyError
from .ball_losses import BallLoss, ball_loss
from .balls import precision
from .concise import concise_repr
from .design import Design, checked_weights, design
from .enclosures import only_zero
from .fit import fit
from .host import on_host, real_array
from .kernels import kernel
from .losses import check_alpha
from .rounding import Matrix

__all__ = ["PreciseFit", "precise_fit"]

_NEWTON_STEPS = 60
_DOUBLINGS = 4
_WIDENINGS = 4


class PreciseFit(NamedTuple):
    """A minimiser of the training loss as Arb balls: the exact numbers lie in them.

    Attributes
    ----------
    weights : n_features balls for two classes, n_classes tuples of them for more.
    bias : a ball, or n_classes of them; None without one.
    logits : n_samples signed logits, or n_samples tuples of n_classes.
    loss : the training loss.
    """

    weights: tuple[Any, ...]
    bias: Any
    logits: tuple[Any, ...]
    loss: arb

    def __repr__(self) -> str:
        return concise_repr(self)


def precise_fit(
    X: ArrayLike,
    y: ArrayLike | None = None,
    *,
    penalty: Any = "quadratic",
    alpha: float = 0.1,
    bias: bool = False,
    sample_weight: ArrayLike | None = None,
    digits: int = 50,
) -> PreciseFit:
    """What :func:`logitreg.fit` approximates, to any number of digits and with proof.

    From the minimiser in float64, Newton's method runs in arbitrary precision; then interval
    Newton proves that a small box holds exactly one stationary point. X, alpha and the weights of
    the samples are taken for the exact values of their floats. The work grows as
    (K d)^3 + N (K d)^2: for small data.

    Parameters
    ----------
    X, y, penalty, alpha, bias, sample_weight : as for :func:`logitreg.fit`; full column rank.
    digits : every weight, times the largest entry of its column of X, is known to within
        10^-digits of the largest such product.

    Returns
    -------
    PreciseFit : the minimiser if the loss is convex, a stationary point near that of ``fit`` if
        not. Where the loss leaves the common level of the K logits free, that with levels zero.

    Raises
    ------
    NotConvergedError : no box could be proven, as when the Hessian is singular at the minimiser.
    UnsupportedPenaltyError : the slope of the penalty jumps.
    As :func:`logitreg.fit`.

    Examples
    --------
    >>> result = precise_fit([[1.0], [2.0]], alpha=0.5, digits=30)
    >>> result.weights[0].str(30, radius=False)
    '0.133407575770208341407654810402'
    """
    alpha = check_alpha(alpha, zero=True)
    f = kernel(penalty)
    if f.kinks and alpha > 0:
        raise UnsupportedPenaltyError(
            f"the slope of the penalty {f.name!r} jumps at z = {f.kinks[0]:g}; expected a penalty "
            "with continuous slope, such as 'quadratic' or 'pseudo-huber'"
        )
    features = on_host(real_array(X))
    data = design(features, y, bias=bias)
    shares = checked_weights(sample_weight, len(features))
    start = fit(features, y, penalty=penalty, alpha=alpha, bias=bias, sample_weight=sample_weight)
    columns = start.weights.reshape(data.outputs, -1).tolist()
    if bias:
        intercepts = [start.bias] if data.outputs == 1 else start.bias
        columns = [[*row, float(b)] for row, b in zip(columns, intercepts, strict=True)]
    floats = [weight for row in columns for weight in row]
    bits = math.ceil(digits * math.log2(10)) + 64
    for _ in range(_DOUBLINGS):
        with precision(bits):
            loss = ball_loss(f, arb(alpha), data.outputs)
            system = _System(data, loss, shares)
            unknowns = _enclosed(system, [arb(w) for w in floats], arb(10) ** -digits)
            if unknowns is not None:
                return _result(data, system, unknowns)
        bits *= 2
    raise NotConvergedError(
        f"no enclosure of the minimiser to {digits} digits was proven with {bits // 2} bits: its "
        "Hessian is singular or nearly so; expected linearly independent features, and a penalty "
        "that holds the logits near the minimiser; choose fewer digits or another alpha"
    )


class _System:
    """The equations sum_i w_i x_i g_i = 0 for K classes of d weights after each other."""

    def __init__(self, data: Design, loss: BallLoss, shares: Matrix) -> None:
        self.loss = loss
        self.outputs = data.outputs
        self.columns = data.matrix.shape[1]
        self.codes = [0] * len(data.matrix) if data.codes is None else data.codes.tolist()
        self.matrix = arb_mat(data.matrix.tolist())
        self.shares = [arb(share) for share in shares.tolist()]
        weighted = zip(self.matrix.tolist(), self.shares, strict=True)
        self.weighted = arb_mat([[share * x for x in row] for row, share in weighted]).transpose()
        largest = np.max(np.abs(data.matrix), axis=0)
        self.sizes = [arb(size) for size in largest.tolist()] * self.outputs

    def logits(self, unknowns: list[arb]) -> list[list[arb]]:
        by_class = arb_mat(self.outputs, self.columns, unknowns)
        return [list(row) for row in (self.matrix * by_class.transpose()).tolist()]

    def gradient(self, unknowns: list[arb]) -> list[arb]:
        samples = zip(self.logits(unknowns), self.codes, strict=True)
        slopes = arb_mat([self.loss.gradient(z, code) for z, code in samples])
        pull = (self.weighted * slopes).transpose().entries()
        if not self.loss.level_is_free:
            return list(pull)
        # The gradient does not see the common level of the logits: ask for level zero as well.
        by_class = arb_mat(self.outputs, self.columns, unknowns)
        levels = (arb_mat([[1] * self.outputs]) * by_class).entries() * self.outputs
        return [g + s**2 * b for g, b, s in zip(pull, levels, self.sizes, strict=True)]

    def hessian(self, unknowns: list[arb]) -> arb_mat:
        curvatures = [self.loss.hessian(z) for z in self.logits(unknowns)]
        rows = self.matrix.tolist()
        d, size = self.columns, self.outputs * self.columns
        whole = arb_mat(size, size)
        for k, other in product(range(self.outputs), repeat=2):
            weighted = [
                [x * h[k][other] for x in row] for row, h in zip(rows, curvatures, strict=True)
            ]
            block = self.weighted * arb_mat(weighted)
            for i, j in product(range(d), repeat=2):
                level = self.sizes[i] ** 2 if self.loss.level_is_free and i == j else 0
                whole[k * d + i, other * d + j] = block[i, j] + level
        return whole

    def reach(self, weights: list[arb]) -> arb:
        """The largest logit that one of the weights can make."""
        reaches = [abs(w) * size for w, size in zip(weights, self.sizes, strict=True)]
        return reduce(arb.max, reaches)


def _enclosed(system: _System, start: list[arb], tolerance: arb) -> list[arb] | None:
    try:
        centre, distance = _newton(system, start)
    except ZeroDivisionError:
        return None
    for _ in range(_WIDENINGS):
        distance = 64 * distance
        radii = [distance / size for size in system.sizes]
        image = only_zero(system.gradient, system.hessian, centre, radii)
        if image is not None:
            spread = system.reach([arb(w.rad()) for w in image])
            return image if spread <= tolerance * system.reach(image) else None
    return None


def _newton(system: _System, start: list[arb]) -> tuple[list[arb], arb]:
    """Newton's method until rounding stops it: a point, and about how far it is from the zero."""
    centre, last, length = start, arb("inf"), arb(0)
    for _ in range(_NEWTON_STEPS):
        gradient = arb_mat([[g] for g in system.gradient(centre)])
        step = system.hessian(centre).solve(gradient).entries()
        centre = [arb((w - s).mid()) for w, s in zip(centre, step, strict=True)]
        length = system.reach(step)
        if not 2 * length < last:
            break
        last = length
    return centre, system.reach(centre) * arb(2) ** (8 - ctx.prec) + length


def _result(data: Design, system: _System, unknowns: list[arb]) -> PreciseFit:
    logits = system.logits(unknowns)
    samples = zip(logits, system.codes, system.shares, strict=True)
    losses = [share * system.loss.value(z, code) for z, code, share in samples]
    rows = arb_mat(system.outputs, system.columns, unknowns).tolist()
    binary = data.outputs == 1
    slopes = [tuple(row[:-1] if data.bias else row) for row in rows]
    intercepts = tuple(row[-1] for row in rows)
    return PreciseFit(
        weights=slopes[0] if binary else tuple(slopes),
        bias=(intercepts[0] if binary else intercepts) if data.bias else None,
        logits=tuple(z[0] if binary else tuple(z) for z in logits),
        loss=sum(losses, arb(0)) / sum(system.shares, arb(0)),
    )

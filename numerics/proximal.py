"""Penalties with kinks, or infinite: the method of multipliers around the smooth solver.

min sum CE(z_i) + alpha f(v_i) subject to v = z. For multipliers y and a stiffness s the minimum
over v of f(v) + y (z - v) + s (z - v)^2/2 is smooth in z, with the slope y' = y + s (z - v) at
v = prox(z + y/s), which is a subgradient of f at v. Newton's method finds the z, y' replaces y,
and so on until v = z: then the subgradients y balance the gradients of the cross-entropy, and where
a logit came to rest on a kink, y is inside the jump of the slope.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lstsq

from .coordinates import Coordinates
from .loss_terms import Curvature, Logits, Term, penalised
from .losses import Pointwise, SampleLoss
from .newton import ACCEPTED, GOAL, Minimum, newton, norms
from .rounding import Matrix

__all__ = ["Multipliers", "entropy_scale", "gap_size", "multipliers", "proximal_point"]

_ROUNDS = 60
_PATIENCE = 4
_PROX_STEPS = 200
_STIFFNESS, _STIFFEST = 10.0, 1e9
_ROUNDING = 2.0**-51
_NEARLY = 1e-9


@dataclass(frozen=True)
class Multipliers:
    """Subgradients y of f for the logits of every sample, and the stiffness of each alpha."""

    f: Pointwise
    y: Matrix
    stiffness: Matrix

    def at(self, logits: Matrix) -> tuple[Matrix, Matrix]:
        """(v, y'): y' is a subgradient of f at v, and v = z at a minimiser z."""
        v = proximal_point(self.f, logits + self.y / self.stiffness, self.stiffness)
        # Off the kinks y' is f'(v), which the stiffness does not lift above rounding.
        resting = np.isin(v, self.f.kinks)
        return v, np.where(resting, self.y + self.stiffness * (logits - v), self.f.slope(v))

    def restrict(self, columns: NDArray[np.intp]) -> Multipliers:
        """The same for some of the alphas."""
        return Multipliers(self.f, self.y[..., columns], self.stiffness[columns])

    def term(self) -> Term:
        """The smooth penalty in place of f."""

        last: list[tuple[Matrix, Matrix, Matrix]] = []

        def at(z: Matrix) -> tuple[Matrix, Matrix]:
            # Newton's method asks for the value, slope and curvature at the same logits.
            if not last or last[0][0] is not z:
                last[:] = [(z, *self.at(z))]
            return last[0][1:]

        def value(logits: Logits) -> Matrix:
            v, _ = at(logits.z)
            gap = logits.z - v
            return np.asarray(
                logits.sum(self.f.value(v) + gap * (self.y + self.stiffness * gap / 2))
            )

        def curvature(logits: Logits) -> Curvature:
            return Curvature(logits, _softened(self.f, at(logits.z)[0], self.stiffness))

        return Term(
            value,
            lambda logits: at(logits.z)[1],
            curvature,
            lambda columns: self.restrict(columns).term(),
        )


def _softened(f: Pointwise, v: Matrix, stiffness: Matrix) -> Matrix:
    """The curvature 1/(1/f'' + 1/s), which is s where f'' is infinite or f has a kink."""
    bend = np.asarray(f.curvature(v))
    with np.errstate(divide="ignore"):
        soft = 1 / (1 / bend + 1 / stiffness)
    return np.asarray(np.where(np.isin(v, f.kinks), stiffness, soft))


def multipliers(
    basis: Coordinates, loss: SampleLoss, f: Pointwise, start: Matrix, max_steps: int
) -> tuple[Minimum, Matrix, Matrix]:
    """Minimise the loss, whose penalty acts on each logit as the convex f, for every alpha.

    Parameters
    ----------
    loss : with an array of n_alphas strengths; its penalty is ignored in favour of f.
    start : (rank, n_outputs, n_alphas).
    max_steps : limit on Newton steps, all rounds together.

    Returns
    -------
    minimum, and for the logits of every sample the point v and the subgradient y of f at v.
    """
    alphas = start.shape[2]
    c, steps = start.copy(), np.zeros(alphas, dtype=int)
    z = basis.weighted(basis.spread(c), -1)
    one = np.zeros_like(z)
    one[:, 0] = 1
    bend = np.mean(loss.entropy.curvature(loss.at(z))(one)[:, 0], axis=0)
    v, y = np.zeros_like(z), np.zeros_like(z)
    stiffness = _STIFFNESS * np.maximum(bend, 1e-8) * (1 - loss.alpha) / loss.alpha
    # Next to alpha = 1 the penalty is all there is, and the cross-entropy no measure.
    stiffest = _STIFFEST * np.maximum(stiffness, 1)
    best, gap, stalled = np.full(alphas, np.inf), np.full(alphas, np.inf), np.zeros(alphas, int)
    # On kinks what the stiffness makes of rounding is taken out in the end.
    nearly = _NEARLY if f.kinks else ACCEPTED
    result = c.copy(), v.copy(), y.copy()
    active = np.arange(alphas)
    for _ in range(_ROUNDS):
        part = loss.restrict(active)
        state = Multipliers(f, y[..., active], stiffness[active])
        found = newton(
            basis,
            SampleLoss(part.alpha, part.entropy, state.term()),
            c[..., active],
            max(max_steps - int(np.max(steps[active])), 0),
            goal=np.clip(1e-3 * gap[active], GOAL, 1e-4),
            accepted=nearly,
            scale=partial(_scale, basis, part, state),
        )
        c[..., active] = found.coordinates
        steps[active] += found.steps
        z = basis.weighted(basis.spread(found.coordinates), -1)
        v[..., active], y[..., active] = state.at(z)
        distance = gap_size(basis, part, z, v[..., active], y[..., active])
        stiffness[active] = np.where(
            distance > 0.1 * gap[active],
            np.minimum(10 * state.stiffness, stiffest[active]),
            state.stiffness,
        )
        merit = np.maximum(distance, found.relative)
        stalled[active] = np.where(merit < 0.5 * best[active], 0, stalled[active] + 1)
        better = active[merit <= best[active]]
        for kept, latest in zip(result, (c, v, y), strict=True):
            kept[..., better] = latest[..., better]
        best[active] = np.minimum(merit, best[active])
        gap[active] = distance
        going = (merit > GOAL) & ((best[active] > nearly) | (stalled[active] < _PATIENCE))
        active = active[going & (steps[active] < max_steps)]
        if not len(active):
            break
    c, v, y = result
    # Newton's method adds its logits up; the stiffness magnifies how their rounding differs.
    z = basis.weighted(basis.spread(c), -1)
    best = np.maximum(best, norms(_pull(basis, loss, z, y)) / entropy_scale(basis, loss, z, y))
    rough = np.flatnonzero(best > GOAL)
    if len(rough):
        part, parts = loss.restrict(rough), [array[..., rough] for array in result]
        y[..., rough], relative = _balanced(basis, part, f, *parts)
        z = basis.weighted(basis.spread(parts[0]), -1)
        best[rough] = np.maximum(relative, gap_size(basis, part, z, parts[1], y[..., rough]))
    return Minimum(c, steps, best, best <= ACCEPTED), v, y


def _balanced(
    basis: Coordinates, loss: SampleLoss, f: Pointwise, c: Matrix, v: Matrix, y: Matrix
) -> tuple[Matrix, Matrix]:
    """The subgradients on the kinks with rounding taken out, which the stiffness has magnified,
    and the relative gradient that is left.

    They are free within the jumps: they move by the least amount that makes the gradient zero.
    """
    z = basis.weighted(basis.spread(c), -1)
    rest = _pull(basis, loss, z, y)
    low, high = np.full_like(y, np.inf), np.full_like(y, -np.inf)
    for kink in f.kinks:
        low = np.where(v == kink, _image(f, kink, -1, v), low)
        high = np.where(v == kink, _image(f, kink, 1, v), high)
    resting, balanced = low < high, y.copy()
    root = basis.weighted(np.ones((len(y), 1)))
    for output, alpha in np.argwhere(np.any(resting, axis=0)):
        rows = np.flatnonzero(resting[:, output, alpha])
        effects = loss.alpha[alpha] * (basis.q[rows] * root[rows]).T
        change = lstsq(effects, -rest[:, output, alpha], lapack_driver="gelsy")[0]
        balanced[rows, output, alpha] += change
    balanced = np.where(resting, np.clip(balanced, low, high), y)
    left = norms(_pull(basis, loss, z, balanced))
    return balanced, left / entropy_scale(basis, loss, z, balanced)


def _pull(basis: Coordinates, loss: SampleLoss, z: Matrix, y: Matrix) -> Matrix:
    """The gradient in the coordinates, with the subgradients y in place of f'."""
    per_sample = penalised(loss.alpha, loss.entropy.gradient(loss.at(z)), y)
    return basis.collect(basis.weighted(per_sample))


def _scale(
    basis: Coordinates,
    loss: SampleLoss,
    state: Multipliers,
    z: Matrix,
    columns: NDArray[np.intp],
) -> Matrix:
    return entropy_scale(basis, loss.restrict(columns), z, state.restrict(columns).at(z)[1])


def entropy_scale(basis: Coordinates, loss: SampleLoss, z: Matrix, y: Matrix) -> Matrix:
    """(n_alphas,) ||CE'|| + ||alpha y|| + ||CE'' z||, to which gradient and gap are relative."""
    entropy, at = 1 - loss.alpha, loss.at(z)
    parts = (
        entropy * loss.entropy.gradient(at),
        loss.alpha * y,
        entropy * loss.entropy.curvature(at)(z),
    )
    return np.asarray(sum(norms(basis.weighted(part)) for part in parts))


def gap_size(basis: Coordinates, loss: SampleLoss, z: Matrix, v: Matrix, y: Matrix) -> Matrix:
    """(n_alphas,) ||CE'' (z - v)||, relative, and ||z - v|| / (||z|| + ||1||): how far z is from
    the v with the subgradients y, also where the cross-entropy next to vanishes."""
    change = (1 - loss.alpha) * loss.entropy.curvature(loss.at(z))(z - v)
    size = norms(basis.weighted(z)) + norms(basis.weighted(np.ones_like(z)))
    bent = norms(basis.weighted(change)) / entropy_scale(basis, loss, z, y)
    return np.asarray(bent + norms(basis.weighted(z - v)) / size)


def proximal_point(f: Pointwise, t: Matrix, stiffness: Matrix) -> Matrix:
    """The v with v + f'(v)/s = t, or the kink between whose one-sided slopes that holds.

    Parameters
    ----------
    f : convex.
    t : (n_samples, n_outputs, n_alphas).
    stiffness : (n_alphas,) s.

    Examples
    --------
    >>> from .losses import pointwise
    >>> proximal_point(pointwise("absolute"), np.array([[[-3.0], [0.5]]]), np.ones(1)).ravel()
    array([-2.,  0.])
    """
    low, high = np.full(t.shape, -np.inf), np.full(t.shape, np.inf)
    for anchor in f.kinks or (0.0,):
        left, right = (_image(f, anchor, side, t) / stiffness + anchor for side in (-1, 1))
        # The map is nonexpansive: what is that far from an image is no farther from the anchor.
        low = np.maximum(low, anchor - np.maximum(left - t, 0))
        high = np.minimum(high, anchor + np.maximum(t - right, 0))
        low = np.where(t > right, np.maximum(low, anchor), low)
        high = np.where(t < left, np.minimum(high, anchor), high)
    point = low + (high - low) / 2
    settled = low == high
    for _ in range(_PROX_STEPS):
        slope = f.slope(point) / stiffness
        excess = point + slope - t
        settled |= np.abs(excess) <= _ROUNDING * (np.abs(point) + np.abs(slope) + np.abs(t))
        if np.all(settled):
            break
        low = np.where(excess < 0, point, low)
        high = np.where(excess > 0, point, high)
        step = point - excess / (1 + f.curvature(point) / stiffness)
        useful = (step >= low) & (step <= high) & (step != point)
        step = np.where(useful, step, low + (high - low) / 2)
        ended = np.abs(step - point) <= _ROUNDING * np.abs(point)
        point = np.where(settled, point, step)
        settled |= ended
    return np.asarray(point)


def _image(f: Pointwise, anchor: float, side: int, like: Matrix) -> Matrix:
    """The slope of f beside an anchor; infinite where f ends there."""
    beside = np.full_like(like, anchor + side * max(abs(anchor) * 2.0**-52, 1e-300))
    return np.where(np.isinf(f.value(beside)), side * np.inf, f.slope(beside))

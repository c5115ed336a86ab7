"""The scalar problem that the training problem concentrates on in high dimension, and its slopes.

Over S_1 and q = sigma_n ||S_perp|| minimise, over the envelope gamma maximise,

    E M_gamma(Z) - tau(gamma) q^2/2 + kappa S_1^2/2,

Z = S_1 mu_f + sqrt(S_1^2 sigma_f^2 + q^2) G, with Moreau's envelope M_gamma of the per-sample loss,
weight decay kappa, and the pull tau of the noise, lambda/gamma - kappa/sigma_n^2 if it is white. It
is concave in 1/gamma and, that maximised, convex in (S_1, q).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from .correlated_noise import Pull, Spectrum, noise_pull
from .parameter_grid import CellParameters
from .proximal_moments import CellLosses, Moments, moments

__all__ = ["Cells", "Problem", "Slopes", "State", "defect", "slopes", "steepness"]


@dataclass(frozen=True)
class Cells(CellParameters):
    """The parameters of each cell, arrays of shape (cells,)."""

    aspect_ratio: Any
    signal: Any
    signal_noise: Any
    orthogonal_noise: Any
    weight_decay: Any
    alpha: Any


class State(NamedTuple):
    """``offset`` is the mean S_1 mu_f of Z, counted from the origin of the problem."""

    signal_weight: Any
    noise: Any
    envelope: Any
    offset: Any
    pull: Pull
    moments: Moments


class Problem(NamedTuple):
    xp: Any
    loss: CellLosses
    cells: Cells
    order: int
    spectrum: Spectrum | None = None

    @property
    def origin(self) -> Any:
        """(cells,) or zero, from which the loss counts logits."""
        origin = self.loss.origin
        return origin if isinstance(origin, float) else origin[:, 0]

    def spread(self, signal_weight: Any, noise: Any) -> Any:
        """The deviation of Z."""
        along = signal_weight * self.cells.signal_noise
        return self.xp.sqrt(along**2 + noise**2)

    def state(
        self, signal_weight: Any, noise: Any, envelope: Any, start: Any = None, offset: Any = None
    ) -> State:
        """The offset is given where it has digits that S_1 has not."""
        if offset is None:
            offset = signal_weight * self.cells.signal - self.origin
        spread = self.spread(signal_weight, noise)
        found = moments(self.xp, self.loss, offset, spread, envelope, self.order, start)
        decay = self.cells.weight_decay / self.cells.orthogonal_noise**2
        pull = noise_pull(self.xp, self.spectrum, self.cells.aspect_ratio, decay, envelope)
        return State(signal_weight, noise, envelope, offset, pull, found)


class Slopes(NamedTuple):
    """The slopes of the scalar problem in S_1 and q, times gamma, and what gamma makes zero.

    Attributes
    ----------
    gradient : in S_1 and q.
    surplus : E r^2 + gamma^2 tau' q^2, minus 2 gamma times the slope in log gamma.
    hessian : in S_1, in both, in q.
    of_surplus : the slopes of the surplus in S_1 and q.
    curvature : half its slope in log gamma.
    """

    gradient: tuple[Any, Any]
    surplus: Any
    hessian: tuple[Any, Any, Any]
    of_surplus: tuple[Any, Any]
    curvature: Any


def slopes(problem: Problem, state: State) -> Slopes:
    cells = problem.cells
    first, q, gamma, _, spectral, found = state
    s = problem.spread(first, q)
    lack, g_lack, gg_lack, r_lack, gr_lack, _ = found.products
    variance = cells.signal_noise**2
    decay = cells.weight_decay * gamma
    # How s moves with S_1 and with q; Z moves by mu_f + s_first G and by s_q G.
    s_first, s_q = first * variance / s, q / s
    pull = -found.normal_step
    # dr/dZ = p' - 1, dr/dlog gamma = r p'.
    mu, bend = cells.signal, pull / s
    rate = steepness(problem.xp, found)
    return Slopes(
        (decay * first - mu * found.step + s_first * pull, s_q * pull - spectral.pull * q),
        found.square - spectral.level * q**2,
        (
            mu**2 * lack
            + 2 * mu * s_first * g_lack
            + s_first**2 * gg_lack
            + variance * bend * (1 - s_first * first / s)
            + decay,
            s_q * (mu * g_lack + s_first * (gg_lack - bend)),
            s_q**2 * gg_lack + bend * (1 - s_q**2) - spectral.pull,
        ),
        (-2 * (mu * r_lack + s_first * gr_lack), -2 * (s_q * gr_lack + spectral.level * q)),
        rate + spectral.level * spectral.bend * q**2,
    )


def steepness(xp: Any, found: Moments) -> Any:
    """E r^2 p', half the slope of E r^2 in log gamma; kept off zero, where all p rest on kinks."""
    return xp.maximum(found.products[-1], 1e-14 * found.square)


def defect(problem: Problem, state: State) -> Any:
    """By how much the quadrature misses E G r = s (E p' - 1)."""
    spread = problem.spread(state.signal_weight, state.noise)
    return problem.xp.abs(state.moments.normal_step / spread + 1 - state.moments.slope)

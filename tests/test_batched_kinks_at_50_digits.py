"""Many small problems with kinks in one call, against minimisers to 50 digits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import mpmath as mp
import numpy as np
import pytest
from logitreg.numerics.batched import fit_batch
from logitreg.numerics.kernels import kernel


class Reference(NamedTuple):
    """f' and f'' between the kinks, and the bounds of f' at each of them."""

    slope: Callable[[Any], Any]
    bend: float
    sides: dict[float, tuple[float, float]]


REFERENCES = {
    "absolute": Reference(mp.sign, 0, {0: (-1, 1)}),
    "elastic": Reference(lambda z: 2 * z + mp.sign(z), 2, {0: (-1, 1)}),
    "box": Reference(lambda z: 0, 0, {-1: (-mp.inf, 0), 1: (0, mp.inf)}),
    "abs(z) + z^2/4": Reference(lambda z: mp.sign(z) + z / 2, 0.5, {0: (-1, 1)}),
    "abs(z) + abs(z - 1)": Reference(
        lambda z: mp.sign(z) + mp.sign(z - 1), 0, {0: (-2, 0), 1: (0, 2)}
    ),
}


def certified(
    X: np.ndarray, penalty: str, alpha: float, start: np.ndarray, kinks: np.ndarray
) -> tuple[list[Any], bool]:
    """To 50 digits the minimiser among weights for which logits are at given kinks (NaN where they
    are free), and whether it is one among all: whether subgradients balance the gradient there."""
    f = REFERENCES[penalty]
    held = np.flatnonzero(~np.isnan(kinks))
    count, size = X.shape[1], X.shape[1] + len(held)
    with mp.workdps(50):
        rows, strength = mp.matrix(X.tolist()), mp.mpf(alpha)
        unknowns = mp.matrix([*start.tolist(), *[0.0] * len(held)])
        for _ in range(60):
            z = rows * unknowns[:count]
            system, right = mp.zeros(size), mp.zeros(size, 1)
            for i in range(len(X)):
                decay = mp.exp(-z[i])
                slope = -(1 - strength) * decay / (1 + decay)
                bend = (1 - strength) * decay / (1 + decay) ** 2
                if i not in held:
                    slope, bend = slope + strength * f.slope(z[i]), bend + strength * f.bend
                for j in range(count):
                    right[j] -= rows[i, j] * slope
                    for k in range(count):
                        system[j, k] += rows[i, j] * rows[i, k] * bend
            for place, i in enumerate(held, start=count):
                right[place] = mp.mpf(float(kinks[i])) - z[int(i)]
                for j in range(count):
                    system[place, j] = system[j, place] = rows[int(i), j]
                    right[j] -= rows[int(i), j] * unknowns[place]
            step = mp.lu_solve(system, right)
            unknowns += step
            if mp.norm(step, mp.inf) < mp.mpf(10) ** -40:
                break
        else:
            return list(unknowns[:count]), False
        inside = (
            strength * f.sides[kinks[i]][0] <= unknowns[place] <= strength * f.sides[kinks[i]][1]
            for place, i in enumerate(held, start=count)
        )
        walls = [k for k, sides in f.sides.items() if mp.inf in map(abs, sides)]
        z = rows * unknowns[:count]
        free = (abs(z[i]) < 1 for i in range(len(X)) if i not in held) if walls else ()
        return list(unknowns[:count]), all(inside) and all(free)


@pytest.mark.parametrize("alpha", [0.03, 0.2])
@pytest.mark.parametrize("penalty", REFERENCES)
def test_minimisers_are_those_of_fifty_digits(penalty: str, alpha: float) -> None:
    X = np.random.default_rng(0).standard_normal((8, 30, 4)) + 0.4
    found = fit_batch(X, penalty=penalty, alpha=alpha)
    rests = np.isin(found.logits, kernel(penalty).kinks)
    assert np.any(rests)
    refuted = 0
    for i, x in enumerate(X):
        kinks = np.where(rests[i], found.logits[i], np.nan)
        exact, least = certified(x, penalty, alpha, found.weights[i], kinks)
        assert least
        errors = [abs(mp.mpf(float(w)) - e) for w, e in zip(found.weights[i], exact, strict=True)]
        assert max(errors) < 1e-13
        # The control: with a logit of another sample on the kink it is not the minimiser.
        free = np.flatnonzero(~rests[i])
        if np.sum(rests[i]) < 4:
            kinks[free[np.argmin(np.abs(found.logits[i][free]))]] = next(
                iter(kernel(penalty).kinks)
            )
            refuted += not certified(x, penalty, alpha, found.weights[i], kinks)[1]
    assert refuted > 0

"""Figure 7: the logits of three of ten classes, projected on the plane of their targets."""

from __future__ import annotations

from functools import partial

import numpy as np

from ...numerics.fit import fit
from ...numerics.signal_noise import signal_plus_noise
from ...numerics.targets import target
from ...numerics.training import train
from .data import Array, Cloud, FigureData, Panel, Points, Track
from .simulation import RATE, Size

__all__ = ["figure_7", "projection"]

_CLASSES, _SHOWN, _ALPHA = 10, 3, 0.2
_FRESH = 2000


def figure_7(size: Size, track: Track) -> FigureData:
    """Training and fresh samples, without and with a penalty."""
    features = round(0.7 * size.samples)
    draw = partial(signal_plus_noise, signal_noise=0.1, classes=_CLASSES)
    data = {
        "training": draw(size.samples, features, seed=0),
        "fresh": draw(_FRESH, features, seed=1),
    }
    X, y = data["training"]
    gap = float(target("quadratic", _ALPHA, classes=_CLASSES))
    vertices = gap * projection(np.eye(_CLASSES)[:_SHOWN])
    nothing = np.full(_SHOWN, np.nan)
    targets = Points(vertices[:, 0], vertices[:, 1], nothing, "targets, theory", 6, hollow=True)
    panels = []
    for alpha in track((0.0, _ALPHA)):
        if alpha > 0:
            weights = np.asarray(fit(X, y, alpha=alpha).weights)
        else:
            run = train(X, y, alpha=alpha, learning_rate=RATE, epochs=size.epochs, record=2)
            weights = np.asarray(run.weights)
        for words, (Z, labels) in data.items():
            marks: list[Cloud | Points] = []
            for c in range(_SHOWN):
                at = projection((Z @ weights.T)[labels == c])
                marks.append(Cloud(at[:, 0], at[:, 1], f"class {c + 1}", c))
            if alpha > 0:
                marks.append(targets)
            title = f"α = {alpha:g}, {words} samples"
            axes = "first coordinate in the plane", "second coordinate"
            panels.append(Panel(*axes, tuple(marks), title, equal=True))
    caption = (
        "Logits of three of K = 10 classes, projected on the plane through their three target "
        "vectors, at λ = 0.7, μ_f = 1, σ_f = 0.1, σ_n = 1. Black crosses: the targets, vertices of "
        f"a triangle with sides √2 (z_high − z_low), for f = ‖z‖² at α = 0.2. One data set: "
        f"N = {size.samples}, seed 0; {_FRESH} fresh samples, seed 1. α = 0: gradient descent, "
        f"rate 0.1, {size.epochs} epochs; α = 0.2: the minimiser. The source speaks of the "
        "plane of the templates; in the space of the logits that is this plane."
    )
    return FigureData(caption, tuple(panels), 2)


def projection(logits: Array) -> Array:
    """Coordinates (n, 2) in the plane spanned by the differences of e_1, e_2 and e_3.

    Examples
    --------
    >>> projection(np.eye(10)[:3]).round(3).tolist()
    [[0.707, 0.408], [-0.707, 0.408], [0.0, -0.816]]
    """
    basis = np.array([[1.0, -1.0, 0.0], [1.0, 1.0, -2.0]])
    basis /= np.linalg.norm(basis, axis=1, keepdims=True)
    return np.asarray(logits[:, :_SHOWN] @ basis.T)

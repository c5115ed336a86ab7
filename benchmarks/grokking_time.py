"""When gradient descent generalises, against theory: exponents and constants with uncertainties.

    python benchmarks/grokking_time.py [--output FILE]

Data without noise along the signal, f = z^2, descent from zero: T is the epoch at which the
accuracy on fresh samples, exact given the weights, passes 99 %. For a quadratic loss, and so as
alpha -> 1, T = tau/(eta l''(z*)) with the tau of ``generalisation_time``: exponents -1 in eta and
in l''(z*), 1 in tau. Recorded are the exponents, of lines fitted to log T data set by data set, and
the constants eta l''(z*) T/tau: means over the data sets with standard errors. Two minutes of a
core.
"""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from logitreg.numerics.delayed_generalisation import generalisation_time
from logitreg.numerics.losses import sample_loss
from logitreg.numerics.signal_noise import signal_plus_noise
from logitreg.numerics.targets import target
from logitreg.numerics.training import train
from numpy.typing import NDArray
from rich.progress import track
from scipy.special import ndtri

Array = NDArray[np.float64]

_ROOT = Path(__file__).resolve().parent.parent
_SAMPLES, _SEEDS, _ACCURACY = 500, 16, 0.99
_ALPHAS = (0.01, 0.03, 0.1, 0.3, 0.6)
_RATE = 0.4
_SETTINGS = ((0.6, 0.5), (0.7, 0.5), (0.8, 0.5), (0.7, 0.2))
"""lambda and mu_f, at sigma_n = 1; the last signal is weak: an eigenvalue lies below the bulk."""
_RATES, _ALPHA_OF_RATES = (0.05, 0.1, 0.2, 0.4), 0.1
_STRONG = 0.3
"""The alpha at which times of different lambda are compared."""


def _curvature(alpha: float) -> float:
    """l''(z*)."""
    goal = np.array([[target("quadratic", alpha)]])
    return float(sample_loss("quadratic", alpha).curvature(goal)(np.ones((1, 1)))[0, 0])


def _score(signal: float, weights: Array) -> Array:
    """Mean over deviation of a fresh logit; zero before the first step."""
    across = np.linalg.norm(weights[:, 1:], axis=1)
    moved = across > 0
    return np.where(moved, signal * weights[:, 0] / np.where(moved, across, 1.0), 0.0)


def _times(X: Array, alphas: Sequence[float], rate: float, signal: float, epochs: int) -> Array:
    """The epochs at which the accuracy is passed, between the recorded ones by interpolation."""
    watch = {"score": partial(_score, signal)}
    run = train(X, alpha=alphas, learning_rate=rate, epochs=epochs, record=400, watch=watch)
    scores, wanted = run.watched["score"], float(ndtri(_ACCURACY))
    if not (scores[-1] > wanted).all():
        raise SystemExit(f"accuracy {_ACCURACY} is not reached in {epochs} epochs: allow more")
    first = np.argmax(scores > wanted, axis=0)
    return np.array(
        [
            np.exp(np.interp(wanted, scores[k - 1 : k + 1, j], np.log(run.epochs[k - 1 : k + 1])))
            for j, k in enumerate(first)
        ]
    )


def _absorbed(ratio: float, signal: float, seed: int) -> Array:
    features = round(ratio * _SAMPLES)
    X, y = signal_plus_noise(_SAMPLES, features, signal=signal, signal_noise=0.0, seed=seed)
    return np.asarray(X * y[:, None])


def _mean(values: Array) -> tuple[float, float]:
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))


def _exponents(x: Sequence[float], times: Array) -> tuple[float, float]:
    """The slope of log T in log x, T of shape (seeds, len(x)): mean and standard error."""
    centred = np.log(x) - np.mean(np.log(x))
    return _mean(np.log(times) @ centred / (centred @ centred))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=_ROOT / "proofs_checks/grokking_time.json")
    output = parser.parse_args().output
    curvatures = np.array([_curvature(alpha) for alpha in _ALPHAS])
    taus = [generalisation_time(ratio, signal=signal) for ratio, signal in _SETTINGS]
    times, rates = np.empty((len(_SETTINGS), _SEEDS, len(_ALPHAS))), []
    for seed in track(range(_SEEDS), "data sets"):
        for i, (ratio, signal) in enumerate(_SETTINGS):
            epochs = round(2 * taus[i] / (_RATE * curvatures[0]))
            times[i, seed] = _times(_absorbed(ratio, signal, seed), _ALPHAS, _RATE, signal, epochs)
        X, curvature = _absorbed(*_SETTINGS[1], seed), _curvature(_ALPHA_OF_RATES)
        rates.append(
            [
                _times(X, [_ALPHA_OF_RATES], rate, _SETTINGS[1][1], round(3 * taus[1] / scale))[0]
                for rate in _RATES
                for scale in [rate * curvature]
            ]
        )
    constants = times * _RATE * curvatures / np.array(taus)[:, None, None]
    same = [i for i, (_, signal) in enumerate(_SETTINGS) if signal == _SETTINGS[0][1]]
    strong = times[same, :, _ALPHAS.index(_STRONG)].T
    settings: list[dict[str, Any]] = [
        {
            "aspect_ratio": ratio,
            "signal": signal,
            "tau": taus[i],
            "exponent": _exponents(curvatures.tolist(), times[i]),
            "constants": [_mean(constants[i, :, j]) for j in range(len(_ALPHAS))],
        }
        for i, (ratio, signal) in enumerate(_SETTINGS)
    ]
    record = {
        "date": datetime.now(UTC).date().isoformat(),
        "samples": _SAMPLES,
        "seeds": _SEEDS,
        "accuracy": _ACCURACY,
        "learning_rate": _RATE,
        "alphas": _ALPHAS,
        "curvatures": curvatures.tolist(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("numpy", "scipy")},
        "exponent_in_rate": _exponents(_RATES, np.array(rates)),
        "exponent_in_tau": _exponents([taus[i] for i in same], strong),
        "settings": settings,
    }
    output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()

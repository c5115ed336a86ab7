"""The README's picture: targets, clustered logits and the proven bound, on real data.

    python docs/picture.py

Trains on scikit-learn's breast_cancer set (needs ``logitreg[sklearn]``) and writes picture.svg
beside this file.
"""

from __future__ import annotations

import math
from pathlib import Path

import logitreg as lr
import matplotlib as mpl
import numpy as np
from logitreg.numerics.datasets import bundled

mpl.use("svg")
mpl.rcParams.update({"svg.hashsalt": "logitreg", "font.size": 9, "axes.spines.top": False})
mpl.rcParams.update({"axes.spines.right": False, "legend.frameon": False})

import matplotlib.pyplot as plt  # noqa: E402

BLUE, VERMILION, GREEN = "#0072B2", "#D55E00", "#009E73"


def main() -> None:
    data = bundled("breast_cancer")
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(10, 3), layout="constrained")

    alphas = np.geomspace(1e-4, 0.99, 300)
    for name, colour, dash in (
        ("label-smoothing", VERMILION, "--"),
        ("quadratic", BLUE, "-"),
        ("cosh", GREEN, "-."),
    ):
        left.semilogx(alphas, lr.target(name, alphas), color=colour, ls=dash, label=name)
    left.set(xlabel="strength α", ylabel="target logit z*", title="Every penalty sets a target")
    left.legend()

    for alpha, colour in ((0.001, VERMILION), (0.02, GREEN), (0.3, BLUE)):
        result = lr.fit(data.X, data.y, alpha=alpha, bias=True)
        counts = {"bins": 70, "range": (-3, 11), "density": True, "color": colour, "alpha": 0.55}
        middle.hist(result.logits, **counts, label=f"α = {alpha}")
        middle.axvline(lr.target("quadratic", alpha), color=colour, lw=1.2)
    middle.set(xlabel="logit (lines: targets)", ylabel="density", title="Logits cluster around it")
    middle.legend()

    sines, bounds = [], []
    strengths = np.geomspace(0.005, 0.9, 15)
    for alpha in strengths:
        result = lr.fit(data.X, data.y, alpha=alpha, bias=True)
        certificate = lr.alignment(data.X, result.weights, data.y, alpha=alpha, bias=result.bias)
        sines.append(math.sin(certificate.angle))
        bounds.append(min(certificate.bound, certificate.linearity_bound))
    right.loglog(strengths, bounds, color=VERMILION, ls="--", label="proven bound")
    right.loglog(strengths, sines, "o", ms=4, color=BLUE, label="measured")
    right.set(xlabel="strength α", ylabel="sine of the angle", title="Weights align with Fisher")
    right.legend()

    figure.savefig(Path(__file__).with_name("picture.svg"), metadata={"Date": None})


if __name__ == "__main__":
    main()

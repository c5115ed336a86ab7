"""A path of 50 strengths next to single solves of a full Newton method, at rounding level all.

    python -m pytest benchmarks/bench_path.py

The goal is below two solves: a ratio above 0.5. The accuracy is the largest relative gradient.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from logitreg import fit_path
from objective import Objective, absorbed, full_newton

PATHS = [("quadratic", 1e-2), ("quadratic", 1e-3), ("quadratic", 1e-4), ("huber", 1e-2)]


@pytest.mark.parametrize("job", ["logitreg", "full Newton, middle alpha", "full Newton, lowest"])
@pytest.mark.parametrize(("penalty", "lowest"), PATHS)
def bench_path(measure: Any, small: bool, penalty: str, lowest: float, job: str) -> None:
    shape = (200, 140) if small else (2000, 1400)
    X, alphas = absorbed(*shape), np.geomspace(lowest, 0.9, 50)
    group = f"{shape[0]} x {shape[1]}, {penalty}, 50 alphas from {lowest:g}"
    if job == "logitreg":
        run = lambda: fit_path(X, penalty=penalty, alphas=alphas)  # noqa: E731
        measure(group, job, run, accuracy=lambda path: f"{max(r.residual for r in path):.0e}")
    else:
        loss = Objective(X, penalty, float(alphas[25] if "middle" in job else alphas[0]))
        run = lambda: loss.least_gradient(full_newton)  # noqa: E731
        measure(group, job, run, accuracy="{:.0e}".format)

"""The suite for other people's code: targets, libraries, the plugins, and what importing costs."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import logitreg as lr
import numpy as np
import pytest
from hypothesis import find, settings
from hypothesis import strategies as st
from logitreg import proofs_checks
from logitreg.numerics.kernels import Kernel
from logitreg.proofs_checks import (
    ContradictionError,
    assert_loss,
    assert_stationary,
    assert_target,
    hypothesis_plugin,
)
from logitreg.proofs_checks.assertions.failures import CLAIMS
from logitreg.proofs_checks.assertions.search import smallest

SMOOTHING: dict[str, Any] = {"penalty": "label-smoothing", "alpha": 0.1}


# Targets.


@pytest.mark.parametrize(
    ("function", "stated"),
    [
        (lambda a: lr.target("quadratic", a), {"penalty": "quadratic", "ulp": 2}),
        (lambda a: lr.target("huber", a, classes=5), {"penalty": "huber", "classes": 5, "ulp": 2}),
        (
            lambda a: math.log1p(2 * (1 - a) / a),
            {"penalty": "label-smoothing", "domain": (1e-300, 1 - 1e-9)},
        ),
        (
            lambda a: np.float32(lr.target("log-cosh", a)),
            {"penalty": "log-cosh", "rtol": 1e-6, "domain": (1e-30, 0.999)},
        ),
    ],
)
def test_a_correct_target_passes(function: Callable[[float], Any], stated: dict[str, Any]) -> None:
    assert_target(function, **stated, max_examples=20)


BROKEN_TARGETS: dict[str, tuple[Callable[[float], Any], dict[str, Any], str]] = {
    "eps is not alpha": (
        lambda a: math.log((1 - a) / a),
        {"penalty": "label-smoothing", "domain": (1e-9, 0.5)},
        "strength 2 alpha",
    ),
    "eps/(K - 1)": (
        lambda a: math.log(9 * (1 - a) / a),
        {"penalty": "label-smoothing", "classes": 10, "domain": (1e-9, 0.9)},
        r"alpha K/\(K - 1\)",
    ),
    "half the square": (
        lambda a: lr.target("quadratic", a / (2 - a)),
        {"penalty": "quadratic"},
        "halved penalty",
    ),
    "level for gap": (
        lambda a: 0.75 * lr.target("quadratic", a, classes=4),
        {"penalty": "quadratic", "classes": 4},
        "z_high, not the gap",
    ),
    "sign": (lambda a: -lr.target("cosh", a), {"penalty": "cosh"}, "sign reversed"),
    "two classes for ten": (
        lambda a: lr.target("quadratic", a),
        {"penalty": "quadratic", "classes": 10},
        "quadratic for 2 classes",
    ),
    "another penalty": (
        lambda a: lr.target("log-cosh", a), {"penalty": "quadratic"}, "target of log-cosh"
    ),
    "overflow": (
        lambda a: math.log((2 - a) / a), {"penalty": "label-smoothing"}, "small alpha.*two parts"
    ),
    "cancellation": (
        lambda a: math.log(2 / a - 1),
        {"penalty": "label-smoothing", "domain": (0.01, 1 - 2**-50)},
        "large alpha.*log1p",
    ),
    "float32": (
        lambda a: np.float32(lr.target("quadratic", a)), {"penalty": "quadratic"}, "float32"
    ),
    "three digits": (
        lambda a: round(lr.target("quadratic", a), 3), {"penalty": "quadratic"}, "few digits"
    ),
    "not a target": (lambda a: 1 / a, {"penalty": "quadratic"}, "no known fault"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("function", "stated", "words"), BROKEN_TARGETS.values(), ids=BROKEN_TARGETS
)
def test_a_broken_target_is_caught_and_named(
    function: Callable[[float], Any], stated: dict[str, Any], words: str
) -> None:
    with pytest.raises(ContradictionError) as failure:
        assert_target(function, **stated, max_examples=20)
    diagnosis = failure.value.diagnosis or "no known fault"
    assert re.search(words, diagnosis)


def test_the_target_is_compared_with_an_exact_enclosure() -> None:
    exact = lr.target("quadratic", 0.1)
    for steps, passes in ((1, True), (3, False)):
        value = exact
        for _ in range(steps):
            value = math.nextafter(value, math.inf)
        try:
            assert_target(lambda a, v=value: v, penalty="quadratic", ulp=2.0, domain=(0.1, 0.1))
        except ContradictionError:
            assert not passes
        else:
            assert passes


def test_an_empty_domain_is_refused() -> None:
    with pytest.raises(ValueError, match="domain is"):
        assert_target(lambda a: a, penalty="quadratic", domain=(0.5, 0.1))


# Libraries.


def test_pytorch_losses_are_taken_with_their_gradients() -> None:
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    torch.set_num_threads(1)
    loss = torch.nn.CrossEntropyLoss(label_smoothing=0.1)
    assert_loss(loss, classes=3, **SMOOTHING, max_examples=15)
    for reduction in ("none", "sum"):
        assert_loss(
            torch.nn.CrossEntropyLoss(label_smoothing=0.1, reduction=reduction),
            classes=3,
            reduction=reduction,
            **SMOOTHING,
            max_examples=10,
        )

    def in_half(z: Any, y: Any) -> Any:
        return functional.cross_entropy(z.bfloat16(), y, label_smoothing=0.1)

    with pytest.raises(ContradictionError, match="computed in bfloat16"):
        assert_loss(in_half, classes=3, **SMOOTHING)

    def detached(z: Any, y: Any) -> Any:
        return 0.9 * functional.cross_entropy(z, y) + 0.1 * (z.detach() ** 2).sum(1).mean()

    with pytest.raises(ContradictionError, match="gradient of the penalty is missing"):
        assert_loss(detached, penalty="quadratic", alpha=0.1, classes=3, max_examples=15)

    def cut(z: Any, y: Any) -> Any:
        return torch.tensor(loss(z, y).item())

    with pytest.raises(ContradictionError, match="cut from the graph"):
        assert_loss(cut, classes=3, **SMOOTHING, max_examples=15, rtol=1e-5)


def test_pytorch_class_weights_change_the_smoothing() -> None:
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    for dtype in (torch.float32, torch.float64):
        weight = torch.tensor([0.2, 0.3, 0.5], dtype=dtype)
        loss = torch.nn.CrossEntropyLoss(weight=weight, label_smoothing=0.1)
        with pytest.raises(ContradictionError) as failure:
            assert_loss(loss, classes=3, class_weights=weight, **SMOOTHING, max_examples=10)
        assert "ratio [0.2, 0.3, 0.5], change the smoothing" in (failure.value.diagnosis or "")


def test_jax_losses_are_taken_with_their_gradients() -> None:
    jax = pytest.importorskip("jax")

    def smoothed(z: Any, y: Any, stop: Callable[[Any], Any] = lambda z: z) -> Any:
        targets = 0.9 * jax.nn.one_hot(y, 3) + 0.1 / 3
        return -(targets * jax.nn.log_softmax(stop(z))).sum(axis=1).mean()

    assert_loss(smoothed, classes=3, **SMOOTHING, max_examples=6)
    with pytest.raises(ContradictionError, match="cut from the graph"):
        assert_loss(
            lambda z, y: smoothed(z, y, jax.lax.stop_gradient),
            classes=3,
            **SMOOTHING,
            max_examples=6,
        )


def test_weights_of_pytorch_and_jax_are_read() -> None:
    X = np.array([[1.0, 0.2], [0.8, -0.3], [1.3, 0.1]])
    w = lr.fit(X, alpha=0.2).weights
    torch, jax = pytest.importorskip("torch"), pytest.importorskip("jax")
    linear = torch.nn.Linear(2, 1, bias=False, dtype=torch.float64)
    linear.weight.data = torch.tensor(w)[None, :]
    for form in (torch.tensor(w, requires_grad=True), linear):
        assert_stationary(form, X, penalty="quadratic", alpha=0.2)
    assert_stationary(jax.numpy.asarray(w), X, penalty="quadratic", alpha=0.2, tolerance=1e-5)


# Failures.


def test_every_claim_that_failures_name_is_in_the_ledger() -> None:
    text = files("logitreg.proofs_checks").joinpath("expected.json").read_text(encoding="utf-8")
    assert set(CLAIMS) <= set(json.loads(text))


def test_a_failure_reads_as_a_short_report() -> None:
    with pytest.raises(AssertionError) as failure:
        assert_loss(lambda z: np.mean(np.logaddexp(0, -z)), **SMOOTHING)
    headline, *lines = str(failure.value).splitlines()
    assert headline == "the loss is not label smoothing of strength 0.1 over 2 classes"
    labels = [line.split(":")[0].strip() for line in lines if not line.startswith("   ")]
    assert labels == ["example", "expected", "found", "off by", "diagnosis", "contradicts", "next"]


def test_every_example_is_tried_once_and_shrinking_ends() -> None:
    tried: list[tuple[int, ...]] = []

    def fails(numbers: list[int]) -> bool:
        tried.append(tuple(numbers))
        return len(tried) > 3 and sum(numbers) > 5

    found = smallest(st.lists(st.integers(0, 1000), min_size=5), fails, tuple, 50)
    assert found is not None
    assert sum(found) > 5
    assert len(tried) == len(set(tried)) < 400


# Plugins.


PROJECT = """
import math
import numpy as np
import pytest

def cross_entropy(z):
    return np.mean(np.logaddexp(0, -z))

@pytest.mark.logitreg(penalty="label-smoothing", alpha=0.1)
class TestLoss:
    def test_bound(self, logitreg):
        logitreg.assert_loss(lambda z: 0.95 * cross_entropy(z) + 0.05 * cross_entropy(-z))

    @pytest.mark.logitreg(alpha=0.3)
    def test_nearest_marker_wins(self, logitreg):
        with pytest.raises(AssertionError, match="strength 0.3"):
            logitreg.assert_loss(cross_entropy)

    @pytest.mark.logitreg(beta=0.3)
    def test_unknown(self, logitreg):
        pass

def test_unbound(logitreg):
    logitreg.assert_target(lambda a: math.log(3), penalty="label-smoothing", domain=(0.5, 0.5))
"""


def run(code: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
    return subprocess.run(
        [sys.executable, *code], cwd=folder, env=environment, capture_output=True, text=True
    )


def test_the_fixture_binds_the_arguments_of_the_markers(tmp_path: Path) -> None:
    (tmp_path / "test_project.py").write_text(PROJECT)
    plugin = "logitreg.proofs_checks.pytest_plugin"
    done = run(["-m", "pytest", "-q", "--strict-markers", "-p", plugin, "."], tmp_path)
    assert "3 passed" in done.stdout, done.stdout
    assert "the marker logitreg has beta; no assertion takes that" in done.stdout


def test_plugins_import_neither_numpy_nor_sympy_nor_hypothesis(tmp_path: Path) -> None:
    code = """
import sys, logitreg.proofs_checks.pytest_plugin, logitreg.proofs_checks.hypothesis_plugin
print([m for m in ("numpy", "sympy", "hypothesis", "scipy", "flint") if m in sys.modules])
"""
    assert run(["-c", code], tmp_path).stdout.strip() == "[]"


def test_hypothesis_learns_profiles_and_types() -> None:
    hypothesis_plugin.register()
    fast, thorough = (settings.get_profile(f"logitreg-{name}") for name in ("fast", "thorough"))
    assert fast.max_examples < settings.get_profile("default").max_examples < thorough.max_examples
    assert find(st.from_type(Kernel), lambda kernel: bool(kernel.kinks)).name
    assert find(st.from_type(lr.Penalty), lambda penalty: True).name == "quadratic"


def test_the_face_names_assertions_and_strategies() -> None:
    for name in proofs_checks.__all__:
        assert getattr(proofs_checks, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'assert_truth'"):
        _ = proofs_checks.assert_truth

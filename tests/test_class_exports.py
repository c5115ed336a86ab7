"""Exported losses of K classes are executed in every language, against hundreds of digits."""

from __future__ import annotations

import ctypes
import json
import platform
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from logitreg.numerics.loss_functions import regularized_cross_entropy
from logitreg.proofs_checks.exports.catalogue import export, export_ids
from logitreg.proofs_checks.exports.custom import class_exports_of_penalty
from logitreg.proofs_checks.exports.measure import measured_class_error
from logitreg.proofs_checks.exports.printers import LANGUAGES
from logitreg.proofs_checks.exports.program import Part
from logitreg.proofs_checks.exports.source import source
from logitreg.theory import penalty
from logitreg.theory.label_smoothing import true_class
from logitreg.theory.symbols import K, k, logits
from mpmath import mpf
from sympy import Sum, Symbol, exp, lambdify
from ulp import error_in_ulp

IDS = [id for id in export_ids() if id.startswith("multiclass-loss.")]
J = Symbol("j", integer=True, positive=True)
SUM_OF_EXP, INVERSE_OF_K = Symbol("sum_of_exp"), Symbol("inverse_of_K")

Point = tuple[tuple[float, ...], int, tuple[float, ...]]
"""Logits, label, numbers."""
Run = Callable[[str, list[Point]], list[list[float]]]


@cache
def sum_of_exp(z: tuple[float, ...], digits: int) -> mpf:
    with mpmath.workdps(digits):
        return mpmath.fsum(mpmath.exp(mpf(x)) for x in z)


def values_of(part: Part, expression: Any) -> Callable[..., mpf]:
    """(z, label, j, numbers) -> the expression; the sum of exponentials is evaluated once."""
    inner = Sum(exp(logits[k]), (k, 1, K))
    names = (logits, K, true_class, J, SUM_OF_EXP, INVERSE_OF_K, *part.routine.arguments)
    # K is an index of Python, whose quotients are float64.
    expression = expression.xreplace({inner: SUM_OF_EXP, 1 / K: INVERSE_OF_K})
    function = lambdify(names, expression, "mpmath")

    def value(z: tuple[float, ...], label: int, j: int, numbers: tuple[float, ...]) -> mpf:
        shared = sum_of_exp(z, mpmath.mp.dps), 1 / mpf(len(z))
        # Classes are counted from one.
        exact = [None, *map(mpf, z)]
        return function(exact, len(z), label + 1, j + 1, *shared, *map(mpf, numbers))

    return value


@cache
def points_of(id: str) -> list[Point]:
    found = export(id)
    rng = np.random.default_rng(1)
    parameters = [a for a in found.arguments if a.symbol.name not in ("logits", "K", "alpha")]
    strengths = [0.0, 1.0, 1e-9, 0.1, 0.5, 0.9]
    if found.id.endswith("box"):
        strengths = strengths[2:]
    rows = [
        np.zeros(3),
        np.full(2, 0.3),
        np.array([2.5, -0.4, -0.4]),
        np.array([700.0, -700.0, 699.9]),
        np.array([-700.0, -700.0]),
        np.array([37.1, -300.3, 36.9]),
        np.array([1e-300, -1e-20, 1e-8]),
        np.array([40.0, 0.1, 0.1]),
        *(rng.normal(size=K) * scale for K, scale in ((2, 1), (3, 1e-3), (3, 1), (3, 5), (3, 99))),
        np.full(1000, 0.3),
        np.array([6.1, *np.full(999, -0.7)]),
        rng.normal(size=1000) * 3,
    ]
    points: list[Point] = []
    for n, row in enumerate(rows):
        z = tuple(float(x) for x in np.clip(row, -700, 700))
        numbers = [strengths[n % len(strengths)]]
        numbers += [float(np.clip((0.5, 1.0, 2.5, 8.0)[n % 4], a.low, a.high)) for a in parameters]
        points += [(z, label, tuple(numbers)) for label in {0, int(rng.integers(len(z)))}]
    return points


@cache
def references(id: str) -> list[tuple[Part, list[dict[int, tuple[mpf, mpf]]]]]:
    """Of every part at every point of its export: values with their scales.

    Of a gradient at some classes, among them the label and the largest logit.
    """
    found, result = export(id), []
    for part in found.parts:
        value, scale = values_of(part, part.exact), values_of(part, part.scale)
        rows = []
        for z, label, numbers in points_of(id):
            one = part.routine.each is None
            pairs = {}
            # Logits that are hundreds apart differ by as many digits.
            with mpmath.workdps(650 if max(map(abs, z)) > 50 else 50):
                for j in {0} if one else {label, int(np.argmax(z)), len(z) - 1}:
                    # At a kink there is no derivative.
                    with suppress(ZeroDivisionError):
                        exact = value(z, label, j, numbers)
                        pairs[j] = exact, abs(scale(z, label, j, numbers))
            rows.append(pairs)
        result.append((part, rows))
    return result


def worst_errors(run: Run, id: str) -> dict[str, float]:
    """The largest error of every function, in ulp."""
    worst: dict[str, float] = {}
    points = points_of(id)
    for part, rows in references(id):
        one, errors = part.routine.each is None, [0.0]
        computed = run(part.routine.name, points)
        for found, (z, _, _), pairs in zip(computed, points, rows, strict=True):
            assert len(found) == (1 if one else len(z))
            errors += (error_in_ulp(found[j], *pair) for j, pair in pairs.items())
        worst[part.routine.name] = max(errors)
    return worst


@cache
def text_of(target: str) -> str:
    return source([export(id) for id in IDS], target)


def in_python(text: str) -> dict[str, Any]:
    namespace: dict[str, Any] = {}
    exec(text, namespace)
    return namespace


def on_arrays(namespace: dict[str, Any]) -> Run:
    """All samples with the same number of classes at once.

    There is one length for all, since JAX compiles each operation for its shape.
    """

    def run(name: str, points: list[Point]) -> list[list[float]]:
        results: dict[Point, list[float]] = {}
        for length in {len(z) for z, _, _ in points}:
            batch = [point for point in points if len(point[0]) == length]
            padded = batch + batch[:1] * (len(points) - len(batch))
            z, labels, numbers = (np.array(column) for column in zip(*padded, strict=True))
            found = np.asarray(namespace[name](z, labels, *numbers.T)).reshape(len(padded), -1)
            results.update(zip(padded, found.tolist(), strict=True))
        return [results[point] for point in points]

    return run


def in_c(text: str, folder: Path, *options: str) -> Run:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler: cc is not installed")
    (folder / "losses.c").write_text(text, encoding="utf-8")
    strict = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Werror", *options]
    command = [compiler, *strict, "-shared", "-fPIC", "losses.c", "-o", "losses.so", "-lm"]
    subprocess.run(command, check=True, cwd=folder)
    loaded = ctypes.CDLL(str(folder / "losses.so"))

    def call(
        name: str, z: tuple[float, ...], label: int, numbers: tuple[float, ...]
    ) -> list[float]:
        array, function = ctypes.c_double * len(z), getattr(loaded, name)
        given = (array(*z), len(z), label, *map(ctypes.c_double, numbers))
        if name.endswith("_gradient"):
            filled = array()
            function(*given, filled)
            return list(filled)
        function.restype = ctypes.c_double
        return [function(*given)]

    return lambda name, points: [call(name, *point) for point in points]


def in_javascript(text: str, folder: Path) -> Run:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no JavaScript engine: node is not installed")
    calls = [
        (part.routine.name, point)
        for id in IDS
        for part in export(id).parts
        for point in points_of(id)
    ]
    script = folder / "losses.js"
    script.write_text(
        f"{text}\nconst calls = {json.dumps(calls)};\n"
        "for (const [name, [z, label, numbers]] of calls) {\n"
        "    console.log([eval(name)(z, label, ...numbers)].flat().join(' '));\n}\n",
        encoding="utf-8",
    )
    done = subprocess.run([node, str(script)], check=True, capture_output=True, text=True)
    rows = [
        [float(word.replace("Infinity", "inf")) for word in line.split()]
        for line in done.stdout.splitlines()
    ]
    results = dict(zip(calls, rows, strict=True))
    return lambda name, points: [results[name, point] for point in points]


def fused(folder: Path) -> Run:
    """As compilers for other processors contract a product and a sum into one."""
    if platform.machine() not in ("x86_64", "AMD64"):
        pytest.skip("the compiler option for fused multiply-add is that of x86")
    if "fma" not in Path("/proc/cpuinfo").read_text(encoding="utf-8"):
        pytest.skip("this processor has no fused multiply-add")
    return in_c(text_of("c"), folder, "-mfma", "-ffp-contract=fast")


@pytest.fixture(scope="module", params=[*LANGUAGES, "c with fused multiply-add"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    language, folder = request.param, tmp_path_factory.mktemp("language")
    if language == "c":
        yield in_c(text_of("c"), folder)
    elif language == "js":
        yield in_javascript(text_of("js"), folder)
    elif language == "jax":
        with pytest.importorskip("jax").enable_x64(True):
            yield on_arrays(in_python(text_of("jax")))
    elif language in LANGUAGES:
        pytest.importorskip(language)
        yield on_arrays(in_python(text_of(language)))
    else:
        yield fused(folder)


@pytest.mark.parametrize("id", IDS)
def test_the_error_is_within_what_the_header_states(run: Run, id: str) -> None:
    stated = {part.routine.name: part.ulp for part in export(id).parts}
    found = worst_errors(run, id)
    assert {name: error for name, error in found.items() if error > stated[name]} == {}


@pytest.mark.parametrize(
    ("language", "stable", "plain"),
    [
        # Differences that are rounded; many terms; a share near one.
        ("numpy", "exp_of_difference(z, top)", "np.exp(z - top)"),
        ("c", "others_lost = (next - others) - term;", "others_lost = 0;"),
        ("numpy", "np.where(k == label, -rest, ", "np.where(k == label, np.exp(z - top) - total, "),
    ],
)
def test_a_plainer_program_is_not_within_that_error(
    language: str, stable: str, plain: str, tmp_path: Path
) -> None:
    """The control."""
    text = text_of(language).replace(stable, plain)
    assert text != text_of(language)
    run = in_c(text, tmp_path) if language == "c" else on_arrays(in_python(text))
    stated = {part.routine.name: part.ulp for id in IDS for part in export(id).parts}
    found = {name: error for id in IDS for name, error in worst_errors(run, id).items()}
    assert max(found[name] - stated[name] for name in stated) > 0


def test_the_error_is_the_same_for_logits_in_columns() -> None:
    """NumPy adds in pairs only what lies side by side; the control lies as it is given."""
    logits, label = np.full((1000, 40), 0.3).T, np.zeros(40, dtype=int)
    text = text_of("numpy")
    exact = 1000 * mpf(0.3) ** 2
    errors = []
    for program in (text, text.replace(', order="C"', "")):
        found = in_python(program)["quadratic_loss_multiclass"](logits, label, 1.0)
        errors.append(error_in_ulp(float(found[0]), exact, exact))
    assert errors[0] <= 10 < errors[1]


@pytest.mark.parametrize("id", IDS)
def test_the_gradient_is_that_of_the_loss(id: str) -> None:
    """The expressions in the header, by central differences with fifty digits."""
    value, gradient = (values_of(part, part.exact) for part in export(id).parts)
    z, step = (0.3, -0.8, 0.75), mpf(10) ** -20
    numbers = tuple(0.9 for _ in export(id).parts[0].routine.arguments)
    with mpmath.workdps(70):
        for j in range(len(z)):
            above, below = (
                value(tuple(x + s * (i == j) for i, x in enumerate(z)), 1, 0, numbers)
                for s in (step, -step)
            )
            exact = gradient(z, 1, j, numbers)
            assert abs((above - below) / (2 * step) - exact) < mpf(10) ** -30 * (1 + abs(exact))


@pytest.mark.parametrize("id", IDS)
def test_an_exported_loss_is_that_of_the_loss_layer(id: str) -> None:
    """On a batch, with a strength for every sample."""
    part, _ = export(id).parts
    rng = np.random.default_rng(2)
    z, labels = rng.uniform(-0.9, 0.9, (4, 5, 3)), rng.integers(3, size=(4, 5))
    alpha, parameters = rng.uniform(0.1, 0.9, (4, 5)), [s.name for s in part.routine.arguments[1:]]
    values = dict.fromkeys(parameters, 2.5)
    found = in_python(text_of("numpy"))[part.routine.name](z, labels, alpha, *values.values())
    expected = regularized_cross_entropy(id.partition(".")[2], alpha, z, labels, **values)
    np.testing.assert_allclose(found, expected, rtol=1e-14)


@pytest.mark.parametrize("name", ["label_smoothing", "quadratic", "entropy", "huber"])
def test_autograd_of_an_exported_loss_is_its_exported_gradient(name: str) -> None:
    torch = pytest.importorskip("torch")
    namespace = in_python(text_of("torch"))
    z = torch.tensor([[0.0, 0.0, 0.0], [2.5, -0.4, -0.4], [600.0, -3.0, 0.2]], dtype=torch.float64)
    z.requires_grad_(True)
    given = (torch.tensor([0, 0, 2]), 0.3, *([1.5] if name == "huber" else []))
    namespace[f"{name}_loss_multiclass"](z, *given).sum().backward()
    gradient = namespace[f"{name}_loss_multiclass_gradient"](z.detach(), *given)
    np.testing.assert_allclose(z.grad.numpy(), gradient.numpy(), rtol=1e-13, atol=1e-15)


def test_label_smoothing_is_that_of_pytorch() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(4)
    z, labels = rng.normal(size=(8, 5)) * 3, rng.integers(5, size=8)
    expected = torch.nn.functional.cross_entropy(
        torch.tensor(z), torch.tensor(labels), label_smoothing=0.1, reduction="none"
    )
    found = in_python(text_of("numpy"))["label_smoothing_loss_multiclass"](z, labels, 0.1)
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-14)


def test_a_penalty_of_ones_own_has_its_loss_of_classes() -> None:
    """Equal to that of the loss layer, and the measured error is not that of another function."""
    text = "z^2/2 + log(cosh(z))"
    (found,) = class_exports_of_penalty(penalty(text))
    loss, gradient = found.parts
    assert max(loss.ulp, gradient.ulp) <= 16
    rng = np.random.default_rng(6)
    z, labels = rng.normal(size=(7, 4)) * 3, rng.integers(4, size=7)
    computed = in_python(source([found], "numpy"))["penalty_loss_multiclass"](z, labels, 0.3)
    expected = regularized_cross_entropy(text, 0.3, z, labels)
    np.testing.assert_allclose(computed, expected, rtol=1e-14)
    assert measured_class_error(replace(loss, exact=loss.exact * (1 + 1e-9)), 5.0) > 1e6
    assert measured_class_error(replace(gradient, exact=-gradient.exact), 5.0) > 1e6

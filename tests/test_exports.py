"""Exports of numbers are executed in every language and compared with the theory's expressions.

The references evaluate the expression as it stands, with so many digits that nothing cancels.
"""

from __future__ import annotations

import ctypes
import itertools
import json
import platform
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from logitreg.proofs_checks.exports.catalogue import export, export_ids
from logitreg.proofs_checks.exports.custom import exports_of_penalty
from logitreg.proofs_checks.exports.measure import measured_error
from logitreg.proofs_checks.exports.printers import LANGUAGES
from logitreg.proofs_checks.exports.program import Argument, Export, Part, Routine
from logitreg.proofs_checks.exports.source import source
from logitreg.theory import penalty
from mpmath import mpf
from sympy import lambdify
from ulp import error_in_ulp

IDS = [id for id in export_ids() if not id.startswith("multiclass-loss.")]
DIGITS = 650
JAX_LENGTH = 64
Points = list[tuple[float, ...]]
Run = Callable[[str, Points], list[float]]


def r_lambert(r: mpf, y: mpf) -> mpf:
    """The root of w (e^w + r) = y to 60 digits, by Newton from above; the left side is convex."""
    with mpmath.workdps(70):
        w = mpmath.log1p(y)
        while True:
            e = mpmath.exp(w)
            step = (w * (e + r) - y) / (e * (1 + w) + r)
            if abs(step) <= w * mpf(10) ** -60:
                return w
            w -= step


def high_precision(part: Part, expression: Any) -> Callable[..., mpf]:
    names = {"RLambertW": r_lambert, "LambertW": lambda y: r_lambert(mpf(0), y)}
    found: Callable[..., mpf] = lambdify(part.routine.arguments, expression, [names, "mpmath"])
    return found


def axis(argument: Argument) -> list[float]:
    """Both ends and, between them, what is tiny, moderate, huge and close to one."""
    low, high = argument.low, argument.high
    if argument.symbol.name == "K":
        return [3.0, 4.0, 10.0, 1000.0, 2.0**20]
    if low < 0:
        half = [*np.geomspace(1e-300, high, 5), *np.linspace(0.05, 4, 12), 20.0, 37.5, 300.0]
        return [x for x in (0.0, low, *half, *(-x for x in half)) if low <= x <= high]
    points = [low, high, *np.geomspace(max(low, 1e-300), high, 7)]
    points += [0.02, 0.1, 0.25, 0.5, 0.7, 0.9, 0.98, 1.0, 1.7, 3.0, 10.0]
    points += [1 - 10.0**-n for n in (3, 8, 13)] + [1 + 10.0**-n for n in (3, 8, 13)]
    return [float(x) for x in points if low <= x <= high]


def grid(arguments: tuple[Argument, ...], count: int = 20) -> Points:
    """Every corner of the domain, points drawn from the axes, and neighbours of thresholds."""
    axes = [axis(argument) for argument in arguments]
    corners = itertools.product(*((a.low, a.high) for a in arguments))
    if len(axes) == 1:
        points = [(x,) for x in axes[0]]
    else:
        rng = np.random.default_rng(len(arguments))
        draws = (tuple(a[rng.integers(len(a))] for a in axes) for _ in range(count))
        points = list(dict.fromkeys([*corners, *draws]))
    if [a.symbol.name for a in arguments] in (["alpha"], ["alpha", "K"]):
        for K in (3.0, 1000.0):
            for edge in (1 / 3, (K - 1) / (2 * K - 1)):
                near = (edge, np.nextafter(edge, 0), np.nextafter(edge, 1), edge * (1 - 1e-9))
                points += [(float(x), K)[: len(arguments)] for x in near]
    return points


def exact_values(part: Part, points: Points) -> tuple[Points, list[tuple[mpf, mpf]]]:
    """Values and scales, at the points where the expression is defined (not at a kink)."""
    value, kept, found = high_precision(part, part.exact), [], []
    scale = value if part.scale is None else high_precision(part, part.scale)
    with mpmath.workdps(DIGITS):
        for point in points:
            numbers = [mpf(x) for x in point]
            try:
                truth, unit = mpmath.re(value(*numbers)), abs(scale(*numbers))
            except ZeroDivisionError:
                continue
            kept.append(point)
            found.append((truth, unit))
    return kept, found


@cache
def references(id: str) -> list[tuple[Part, Points, list[tuple[mpf, mpf]]]]:
    found, result = export(id), []
    names = [a.symbol for a in found.arguments]
    points = grid(found.arguments)
    for part in found.parts:
        order = [names.index(symbol) for symbol in part.routine.arguments]
        own = list(dict.fromkeys(tuple(point[i] for i in order) for point in points))
        kept, values = exact_values(part, own)
        assert len(kept) > len(own) * 0.8
        result.append((part, kept, values))
    return result


def worst_error(run: Run, part: Part, points: Points, values: list[tuple[mpf, mpf]]) -> float:
    computed = run(part.routine.name, points)
    return max(error_in_ulp(x, *v) for x, v in zip(computed, values, strict=True))


@cache
def all_exports() -> tuple[Export, ...]:
    return tuple(export(id) for id in IDS)


text_of = cache(source)


def in_python(exports: tuple[Export, ...], target: str) -> dict[str, Any]:
    namespace: dict[str, Any] = {}
    exec(text_of(exports, target), namespace)
    return namespace


def on_arrays(namespace: dict[str, Any], convert: Callable[[np.ndarray], Any]) -> Run:
    def run(name: str, points: Points) -> list[float]:
        columns = [convert(np.array(column)) for column in zip(*points, strict=True)]
        return [float(x) for x in np.asarray(namespace[name](*columns))]

    return run


def in_c(exports: tuple[Export, ...], folder: Path, *options: str) -> Run:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler: cc is not installed")
    text, library = folder / "exports.c", folder / "exports.so"
    text.write_text(text_of(exports, "c"), encoding="utf-8")
    strict = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Werror", *options]
    subprocess.run(
        [compiler, *strict, "-shared", "-fPIC", str(text), "-o", str(library), "-lm"], check=True
    )
    loaded = ctypes.CDLL(str(library))

    def run(name: str, points: Points) -> list[float]:
        function = getattr(loaded, name)
        function.restype = ctypes.c_double
        function.argtypes = [ctypes.c_double] * len(points[0])
        return [function(*point) for point in points]

    return run


@contextmanager
def in_javascript(exports: tuple[Export, ...], folder: Path) -> Iterator[Run]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no JavaScript engine: node is not installed")
    script = folder / "exports.js"
    script.write_text(
        text_of(exports, "js")
        + "require('readline').createInterface({ input: process.stdin }).on('line', (line) => {\n"
        + "    const [name, points] = JSON.parse(line);\n"
        + "    console.log(points.map((point) => eval(name)(...point)).join(' '));\n"
        + "});\n",
        encoding="utf-8",
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([node, str(script)], text=True, **pipes) as process:

        def run(name: str, points: Points) -> list[float]:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps([name, points]) + "\n")
            process.stdin.flush()
            words = process.stdout.readline().split()
            return [float(word.replace("Infinity", "inf")) for word in words]

        yield run


def in_jax(exports: tuple[Export, ...]) -> Run:
    jax = pytest.importorskip("jax")
    namespace = in_python(exports, "jax")

    def run(name: str, points: Points) -> list[float]:
        # One length for all, since each operation is compiled for its shape.
        padded = points + [points[0]] * (JAX_LENGTH - len(points))
        with jax.enable_x64(True):
            return on_arrays(namespace, jax.numpy.asarray)(name, padded)[: len(points)]

    return run


@contextmanager
def runner(language: str, exports: tuple[Export, ...], folder: Path) -> Iterator[Run]:
    if language == "c":
        yield in_c(exports, folder)
    elif language == "js":
        with in_javascript(exports, folder) as run:
            yield run
    elif language == "numpy":
        yield on_arrays(in_python(exports, "numpy"), np.asarray)
    elif language == "torch":
        torch = pytest.importorskip("torch")
        yield on_arrays(in_python(exports, "torch"), torch.from_numpy)
    else:
        yield in_jax(exports)


@pytest.fixture(scope="module", params=list(LANGUAGES))
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder = tmp_path_factory.mktemp(request.param)
    with runner(request.param, all_exports(), folder) as running:
        yield running


@pytest.mark.parametrize("id", IDS)
def test_the_error_is_within_what_the_header_states(run: Run, id: str) -> None:
    for part, points, values in references(id):
        assert worst_error(run, part, points, values) <= part.ulp, part.routine.name


def test_fused_multiply_add_does_no_harm(tmp_path: Path) -> None:
    """Compilers for other processors, and of graphs, contract a product and a sum into one."""
    if platform.machine() not in ("x86_64", "AMD64"):
        pytest.skip("the compiler option for fused multiply-add is that of x86")
    if "fma" not in Path("/proc/cpuinfo").read_text(encoding="utf-8"):
        pytest.skip("this processor has no fused multiply-add")
    run = in_c(all_exports(), tmp_path, "-mfma", "-ffp-contract=fast")
    for id in IDS:
        for part, points, values in references(id):
            assert worst_error(run, part, points, values) <= part.ulp, part.routine.name


@pytest.mark.parametrize(
    "id",
    [
        "lead.target-label-smoothing",
        "catalogue.target-absolute",
        "catalogue.target-absolute-multiclass",
        "catalogue.target-log-cosh",
        "catalogue.target-cosh",
        "loss.label-smoothing",
        "loss.pseudo-huber",
        "loss.entropy",
        "lead.alignment-bound",
        "lead.least-norm",
        "beck.ls-binary",
        "beck.ls-multiclass",
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_expression_as_it_stands_is_not_within_that_error(id: str) -> None:
    """The control: the same printer, points and bound, without the stable form."""
    errors = []
    for part, points, values in references(id):
        plain = Routine(part.routine.name, part.routine.arguments, (), part.exact)
        namespace: dict[str, Any] = {"np": np}
        exec(LANGUAGES["numpy"].routine(plain, True), namespace)
        run = on_arrays(namespace, np.asarray)
        errors.append(worst_error(run, part, points, values) / part.ulp)
    assert max(errors) > 2


@pytest.mark.parametrize("id", ["lead.target-quadratic-multiclass", "catalogue.target-huber"])
def test_a_target_for_another_constant_is_not_within_that_error(id: str) -> None:
    """The control for targets whose expression is an iteration, which no language has."""
    ((part, points, values),) = references(id)
    text = source([export(id)], "numpy")
    name = part.routine.name
    wrong = text.replace("(grown + r + 1)", "(grown + r + 1 + 1e-14)")
    assert wrong != text
    namespace: dict[str, Any] = {}
    exec(wrong, namespace)
    run = on_arrays(namespace, np.asarray)
    assert worst_error(run, part, points, values) > part.ulp, name


@pytest.mark.parametrize("name", ["label-smoothing", "quadratic", "huber", "cosh", "entropy"])
def test_autograd_of_an_exported_loss_is_its_exported_slope(name: str) -> None:
    torch = pytest.importorskip("torch")
    namespace = in_python((export(f"loss.{name}"),), "torch")
    stem = f"{name.replace('-', '_')}_loss"
    extra = [1.5] if name == "huber" else []
    z = torch.tensor([-600.0, -3.0, -1e-9, 0.0, 0.2, 2.5, 600.0], dtype=torch.float64)
    z.requires_grad_(True)
    namespace[stem](z, 0.3, *extra).sum().backward()
    slope = namespace[f"{stem}_slope"](z.detach(), 0.3, *extra)
    np.testing.assert_allclose(z.grad.numpy(), slope.numpy(), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("id", ["catalogue.target-elastic-multiclass", "beck.eq-5"])
def test_jax_compiles_an_export_within_the_error(id: str) -> None:
    jax = pytest.importorskip("jax")
    ((part, points, values),) = references(id)
    name = part.routine.name
    compiled = {name: jax.jit(in_python((export(id),), "jax")[name])}
    with jax.enable_x64(True):
        run = on_arrays(compiled, jax.numpy.asarray)
        assert worst_error(run, part, points, values) <= part.ulp


def test_a_target_keeps_the_shape_of_alpha() -> None:
    namespace = in_python((export("catalogue.target-box"), export("loss.box")), "numpy")
    assert namespace["box_target"](np.full((2, 3), 0.5)).shape == (2, 3)
    assert namespace["box_loss"](np.zeros((4, 1)), np.full(3, 0.5), 1.0).shape == (4, 3)


OWN = ["z^2 + abs(z)/3", "z*tanh(z) + log(1 + z^2) + max(abs(z) - 1, 0)"]


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_a_penalty_of_ones_own_is_within_the_measured_error(
    language: str, tmp_path: Path, own_exports: dict[str, Export]
) -> None:
    """On other points than those of the measurement, and in every language: within 3 ulp of it."""
    for number, (text, found) in enumerate(own_exports.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        names = [a.symbol for a in found.arguments]
        drawn = np.random.default_rng(1).uniform((-9, 0.01), (9, 0.99), (12, 2))
        with runner(language, (found,), folder) as run:
            for part in found.parts:
                order = [names.index(symbol) for symbol in part.routine.arguments]
                points = [tuple(float(p[i]) for i in order) for p in drawn]
                kept, values = exact_values(part, points)
                assert worst_error(run, part, kept, values) <= part.ulp + 3, text


@pytest.fixture(scope="module")
def own_exports() -> dict[str, Export]:
    return {text: exports_of_penalty(penalty(text))[0] for text in OWN}


def test_a_penalty_of_ones_own_has_its_target_where_there_is_a_closed_form(
    own_exports: dict[str, Export],
) -> None:
    with_target = {
        text
        for text, found in own_exports.items()
        if any(part.routine.name == "penalty_target" for part in found.parts)
    }
    assert with_target == {"z^2 + abs(z)/3"}
    assert "Claim: none of the ledger." in source([own_exports["z^2 + abs(z)/3"]], "c")


@pytest.mark.parametrize(
    "text", ["z**2 + log(cosh(z/2))", "-log(sech(z))*2 + log(2 - exp(-z^2))", "-log(sigmoid(z))"]
)
def test_a_logarithm_near_one_loses_no_digits(text: str) -> None:
    """The control is the loss as it stands."""
    (found,) = exports_of_penalty(penalty(text))
    assert max(part.ulp for part in found.parts) <= 6
    loss, *_ = found.parts
    plain = replace(loss, routine=replace(loss.routine, body=(), result=loss.exact))
    assert measured_error(plain, found.arguments) > 1e6


def test_a_target_that_the_helpers_cannot_compute_is_left_out() -> None:
    (found,) = exports_of_penalty(penalty("abs(z) - log(1 + abs(z))"))
    assert [part.routine.name for part in found.parts] == [
        "penalty_loss",
        "penalty_loss_slope",
        "penalty_loss_curvature",
    ]

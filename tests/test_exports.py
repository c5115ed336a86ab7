"""Exports are executed in every language and compared with the theory's expressions.

The references evaluate the expression as it stands, with so many digits that nothing cancels.
"""

from __future__ import annotations

import ctypes
import itertools
import json
import math
import re
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import latex2mathml.converter
import logitreg as lr
import mpmath
import numpy as np
import pytest
from click.testing import CliRunner
from logitreg.errors import ExpressionError, UnknownNameError
from logitreg.proofs_checks.commands.export import command
from logitreg.proofs_checks.exports.catalogue import export, export_ids
from logitreg.proofs_checks.exports.custom import exports_of_penalty
from logitreg.proofs_checks.exports.printers import LANGUAGES
from logitreg.proofs_checks.exports.program import Argument, Export, Part, Routine
from logitreg.proofs_checks.exports.source import TARGETS, source
from logitreg.theory import penalty
from logitreg.theory.formulas import formula_ids
from mpmath import mpf
from sympy import lambdify

DIGITS = 650
SMALLEST_NORMAL = 2.0**-1022
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
        return [0.0, low, *half, *(-x for x in half)]
    points = [low, high, *np.geomspace(max(low, 1e-300), high, 7)]
    points += [0.02, 0.1, 0.25, 0.5, 0.7, 0.9, 0.98, 1.0, 1.7, 3.0, 10.0]
    points += [1 - 2.0**-n for n in (3, 20, 52)] + [1 + 2.0**-n for n in (3, 20, 51)]
    return [float(x) for x in points if low <= x <= high]


def grid(arguments: tuple[Argument, ...], count: int = 40) -> Points:
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


def error_in_ulp(computed: float, exact: mpf, scale: mpf) -> float:
    """In units of the last place of the scale; what is below 2^-1022 may be flushed to zero."""
    if not (math.isfinite(computed) and math.isfinite(float(exact))):
        return 0.0 if computed == float(exact) else math.inf
    with mpmath.workdps(40):
        error = max(abs(mpf(computed) - exact) - SMALLEST_NORMAL, 0)
        return float(error / mpf(math.ulp(float(scale))))


def worst_error(run: Run, part: Part, points: Points, values: list[tuple[mpf, mpf]]) -> float:
    computed = run(part.routine.name, points)
    return max(error_in_ulp(x, *v) for x, v in zip(computed, values, strict=True))


def all_exports() -> list[Export]:
    return [export(id) for id in export_ids()]


def in_python(exports: list[Export], target: str) -> dict[str, Any]:
    namespace: dict[str, Any] = {}
    exec(source(exports, target), namespace)
    return namespace


def on_arrays(namespace: dict[str, Any], convert: Callable[[np.ndarray], Any]) -> Run:
    def run(name: str, points: Points) -> list[float]:
        columns = [convert(np.array(column)) for column in zip(*points, strict=True)]
        return [float(x) for x in np.asarray(namespace[name](*columns))]

    return run


def in_c(exports: list[Export], folder: Path) -> Run:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler: cc is not installed")
    text, library = folder / "exports.c", folder / "exports.so"
    text.write_text(source(exports, "c"), encoding="utf-8")
    strict = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
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


def in_javascript(exports: list[Export], folder: Path) -> Run:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no JavaScript engine: node is not installed")
    script = folder / "exports.js"
    script.write_text(
        source(exports, "js")
        + "const [name, points] = JSON.parse(require('fs').readFileSync(0, 'utf-8'));\n"
        + "console.log(points.map((point) => eval(name)(...point)).join(' '));\n",
        encoding="utf-8",
    )

    def run(name: str, points: Points) -> list[float]:
        text = json.dumps([name, points])
        done = subprocess.run(
            [node, str(script)], input=text, capture_output=True, text=True, check=True
        )
        return [float(word.replace("Infinity", "inf")) for word in done.stdout.split()]

    return run


def runner(language: str, exports: list[Export], folder: Path) -> Run:
    if language == "c":
        return in_c(exports, folder)
    if language == "js":
        return in_javascript(exports, folder)
    if language == "numpy":
        return on_arrays(in_python(exports, "numpy"), np.asarray)
    if language == "torch":
        torch = pytest.importorskip("torch")
        return on_arrays(in_python(exports, "torch"), torch.from_numpy)
    jax = pytest.importorskip("jax")
    namespace = in_python(exports, "jax")

    def run(name: str, points: Points) -> list[float]:
        with jax.enable_x64(True):
            return on_arrays(namespace, jax.numpy.asarray)(name, points)

    return run


@pytest.fixture(scope="module", params=list(LANGUAGES))
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return runner(request.param, all_exports(), tmp_path_factory.mktemp(request.param))


@pytest.mark.parametrize("id", export_ids())
def test_the_error_is_within_what_the_header_states(run: Run, id: str) -> None:
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
        "lead.high-dimensional-quadratic",
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
        text = LANGUAGES["numpy"].routine(plain, True).replace("np.erf", "erf")
        namespace["erf"] = np.vectorize(math.erf)
        namespace["erfc"] = np.vectorize(math.erfc)
        exec(text, namespace)
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


@pytest.mark.parametrize("target", TARGETS)
def test_the_text_stands_alone(target: str) -> None:
    text = source(all_exports(), target)
    imports = re.findall(r"^\s*(?:import|from|#include|const .* = require).*$", text, re.M)
    allowed = {
        "numpy": ["import numpy as np"],
        "torch": ["import torch"],
        "jax": ["import jax.numpy as jnp"],
        "c": ["#include <math.h>"],
    }
    assert imports == allowed.get(target, [])
    assert "import logitreg" not in text


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("id", export_ids())
def test_the_header_names_the_claim_and_the_domain(id: str, target: str) -> None:
    found = export(id)
    text = " ".join(re.sub(r"(?m)^(#|//|%) +", "", source([found], target)).split())
    assert text.startswith(f"{id}: ")
    assert f"Claim: {found.claim}, " in text
    assert "evidence " in text
    for argument in found.arguments:
        assert argument.meaning in text
    if target != "latex":
        for part in found.parts:
            error = f"Error of {part.routine.name}: at most {part.ulp} units in the last place"
            assert error in text


def test_the_grade_in_a_header_is_that_of_the_ledger() -> None:
    assert "Claim: lead.alignment-bound, holds, evidence PROVED." in source(
        [export("lead.alignment-bound")], "c"
    )


def test_every_formula_exports_itself() -> None:
    assert set(formula_ids()) <= set(export_ids())
    found = lr.formula("lead.target-quadratic")
    assert found.to("js") == source([export(found.id)], "js")
    with pytest.raises(UnknownNameError, match="no target 'fortran'; expected one of numpy"):
        found.to("fortran")


def test_names_of_functions_are_unique() -> None:
    names = [part.routine.name for found in all_exports() for part in found.parts]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("id", export_ids())
def test_latex_is_well_formed(id: str) -> None:
    found = export(id)
    formulas = re.findall(r"\\\[(.*?)\\\]", source([found], "latex"), re.S)
    assert len(formulas) == len(found.parts)
    for formula in formulas:
        ElementTree.fromstring(latex2mathml.converter.convert(formula))
        assert "RLambertW" not in formula


@pytest.mark.parametrize("name", ["label-smoothing", "quadratic", "huber", "cosh", "entropy"])
def test_autograd_of_an_exported_loss_is_its_exported_slope(name: str) -> None:
    torch = pytest.importorskip("torch")
    namespace = in_python([export(f"loss.{name}")], "torch")
    stem = f"{name.replace('-', '_')}_loss"
    extra = [1.5] if name == "huber" else []
    z = torch.tensor([-600.0, -3.0, -1e-9, 0.0, 0.2, 2.5, 600.0], dtype=torch.float64)
    z.requires_grad_(True)
    namespace[stem](z, 0.3, *extra).sum().backward()
    slope = namespace[f"{stem}_slope"](z.detach(), 0.3, *extra)
    np.testing.assert_allclose(z.grad.numpy(), slope.numpy(), rtol=1e-13, atol=1e-15)


def test_jax_compiles_an_exported_target() -> None:
    jax = pytest.importorskip("jax")
    with jax.enable_x64(True):
        target = in_python([export("lead.target-quadratic")], "jax")["quadratic_target"]
        alpha = jax.numpy.asarray([1e-300, 0.1, 1 - 2.0**-53])
        np.testing.assert_allclose(jax.jit(target)(alpha), target(alpha), rtol=1e-15)


def test_a_target_keeps_the_shape_of_alpha() -> None:
    namespace = in_python([export("catalogue.target-box"), export("loss.box")], "numpy")
    assert namespace["box_target"](np.full((2, 3), 0.5)).shape == (2, 3)
    assert namespace["box_loss"](np.zeros((4, 1)), np.full(3, 0.5), 1.0).shape == (4, 3)


OWN = ["z^2 + abs(z)/3", "3*z^2", "log(1 + z^2)", "z*tanh(z)", "max(abs(z) - 1, 0)", "asinh(z)*z"]


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_a_penalty_of_ones_own_is_within_the_measured_error(
    language: str, tmp_path: Path, own_exports: dict[str, Export]
) -> None:
    """On other points than those of the measurement, and in every language: within 3 ulp of it."""
    for text, found in own_exports.items():
        run = runner(language, [found], tmp_path)
        names = [a.symbol for a in found.arguments]
        drawn = np.random.default_rng(1).uniform((-9, 0.01), (9, 0.99), (12, 2))
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
    assert with_target == {"z^2 + abs(z)/3", "3*z^2"}
    assert "Claim: none of the ledger." in source([own_exports["3*z^2"]], "c")


def test_a_penalty_of_the_catalogue_is_exported_with_its_claims() -> None:
    ids = [found.id for found in exports_of_penalty(penalty("log(cosh(z))"))]
    assert ids == ["loss.log-cosh", "catalogue.target-log-cosh"]


def invoke(*arguments: str) -> str:
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_the_command_prints_the_text_or_writes_it(tmp_path: Path) -> None:
    text = source([export("lead.target-quadratic"), export("beck.eq-5")], "c")
    assert invoke("lead.target-quadratic", "beck.eq-5", "--to", "c") == text
    path = tmp_path / "formulas.c"
    invoke("lead.target-quadratic", "beck.eq-5", "--to", "c", "--output", str(path))
    assert path.read_text(encoding="utf-8") == text


def test_the_command_takes_patterns_and_expressions() -> None:
    assert invoke("loss.*", "--to", "js").count("function ") == 33
    assert "function log_cosh_target(alpha)" in invoke("log(cosh(z))", "--to", "js")


def test_the_command_lists_claims_and_domains() -> None:
    listed = invoke()
    assert listed == invoke("--list")
    assert set(export_ids()) <= set(listed.split())
    assert "1e-300 <= alpha <= 1 - 2^-53" in listed
    assert "Claim: beck.eq-5, holds, evidence PROVED." in listed


def test_an_unknown_name_is_told_its_neighbours() -> None:
    with pytest.raises(UnknownNameError, match=r"did you mean lead\.target-quadratic"):
        invoke("lead.target-quadratc")
    with pytest.raises(ExpressionError, match="cannot read"):
        penalty("lead.target-quadratc")

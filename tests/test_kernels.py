"""Kernels of penalties: generated from theory, stable on the whole line, exact against mpmath."""

from __future__ import annotations

import ast
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import array_api_strict
import logitreg.numerics.catalogue as catalogue
import mpmath
import numpy as np
import pytest
from flint import arb
from logitreg.errors import ExpressionError, UnknownNameError
from logitreg.numerics import generate
from logitreg.numerics.array_source import printed
from logitreg.numerics.balls import precision
from logitreg.numerics.catalogue import CATALOGUE
from logitreg.numerics.convexity import concave_point
from logitreg.numerics.kernels import kernel
from logitreg.theory import symbols
from logitreg.theory.penalties import Penalty, coordinatewise, penalty
from sympy import Rational, Symbol, lambdify, oo
from sympy.codegen.cfunctions import log1p

Z = symbols.z
POINTS = [1e-12, 1e-6, 0.01, 0.3, 0.75, 0.999, 1.001, 2.5, 9.0, 40.0, 300.0, 700.0]


def test_the_committed_catalogue_is_what_the_generator_writes() -> None:
    committed = Path(catalogue.__file__).read_text(encoding="utf-8")
    assert ast.dump(ast.parse(committed)) == ast.dump(ast.parse(generate.catalogue_source()))


def test_every_inverse_slope_is_proved_to_invert_the_theory() -> None:
    assert generate.check_inverse_slopes() == []


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("quadratic", generate._s),
        ("pseudo-huber", generate.atanh(generate._s)),
        ("cosh", generate.atanh(generate._s)),
        ("absolute", generate.S.One),
    ],
)
def test_a_wrong_inverse_slope_is_not_proved(
    name: str, wrong: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(generate.INVERSE_SLOPES, name, wrong)
    assert generate.check_inverse_slopes() == [name]


@pytest.mark.parametrize("name", generate.INVERSE_SLOPES)
def test_the_inverse_slope_inverts_the_slope(name: str) -> None:
    k = kernel(name)
    assert k.inverse_slope is not None
    s = np.array([1e-9, 0.1, 0.4])
    z = k.inverse_slope(s)
    if k.kinks:
        assert set(z) <= set(k.kinks)
    else:
        np.testing.assert_allclose(k.slope(z), s, rtol=1e-14)


def test_every_stable_form_is_proved_equal_to_the_theory() -> None:
    assert generate.check_stable_forms() == []


@pytest.mark.parametrize(
    ("name", "order", "wrong"),
    [
        ("label-smoothing", 0, abs(Z) / 2 + 2 * log1p(generate.exp(-abs(Z)))),
        ("label-smoothing", 1, generate.tanh(Z) / 2),
        ("log-cosh", 2, 1 - generate.tanh(Z)),
        ("entropy", 1, Z * generate.exp(-abs(Z)) / (1 + generate.exp(-abs(Z)))),
    ],
)
def test_a_wrong_stable_form_is_found(
    monkeypatch: pytest.MonkeyPatch, name: str, order: int, wrong: Any
) -> None:
    monkeypatch.setitem(generate.STABLE, name, {**generate.STABLE[name], order: wrong})
    assert (name, order) in generate.check_stable_forms()


def exact_derivatives(name: str, point: float) -> list[mpmath.mpf]:
    """f, f' and f'' by mpmath from the theory's expression, the derivatives by SymPy."""
    x = Symbol("x", positive=True)
    f = penalty(name).expression.subs(Z, x)
    with mpmath.workdps(400 + int(2 * point)):
        return [
            mpmath.re(lambdify(x, f.diff(x, n) if n else f, "mpmath")(mpmath.mpf(point)))
            for n in range(3)
        ]


@pytest.mark.parametrize("name", [n for n in CATALOGUE if n != "box"])
def test_value_slope_and_curvature_are_accurate_on_the_whole_line(name: str) -> None:
    f = kernel(name)
    for point in POINTS:
        value, slope, curvature = exact_derivatives(name, point)
        for sign in (1, -1):
            z = sign * point
            assert f.value(z) == pytest.approx(float(value), rel=4e-15, abs=0)
            assert f.slope(z) == pytest.approx(sign * float(slope), rel=4e-15, abs=0)
            # The entropy's curvature changes sign: there it is small beside its two terms.
            slack = 1e-17 if name == "entropy" else 0
            assert f.curvature(z) == pytest.approx(float(curvature), rel=2e-14, abs=slack)


@pytest.mark.parametrize("name", CATALOGUE)
def test_nothing_is_nan_however_large_the_logit(name: str) -> None:
    z = np.array([-1e300, -1e155, -800.0, -1e-300, 0.0, 1e-300, 800.0, 1e155, 1e300])
    f = kernel(name)
    for function in (f.value, f.slope, f.curvature):
        assert not np.any(np.isnan(function(z)))


def test_kinks_and_parameters_are_known() -> None:
    assert kernel("absolute").kinks == kernel("elastic").kinks == (0.0,)
    assert kernel("power", p=1).kinks == (0.0,)
    assert kernel("power").kinks == kernel("huber").kinks == ()
    assert kernel("box", b=3).kinks == (-3.0, 3.0)
    assert kernel("box", b=3).value(np.array([2.9, 3.1])).tolist() == [0.0, math.inf]
    assert kernel("huber", delta=2).slope(5.0) == 2.0
    assert kernel("abs(z - 1) + z^2").kinks == (1.0,)
    assert kernel("max(0, z - 1) + z^2/2").kinks == (1.0,)
    assert kernel("log(cosh(z))").kinks == ()


def test_at_a_kink_the_slope_is_the_middle_of_the_jump() -> None:
    # From 2 on the inside to 3 on the outside.
    f = kernel("max(abs(z) - 1, 0) + z^2")
    assert f.slope(np.array([-1.0, 1.0, 1 + 2.0**-52])).tolist() == [-2.5, 2.5, 3 + 2.0**-51]
    assert kernel("abs(z) + z^4").slope(0.0) == 0.0


def test_only_the_entropy_is_not_convex() -> None:
    assert [name for name in CATALOGUE if not kernel(name).convex] == ["entropy"]
    witness = kernel("entropy").concave_at
    assert witness is not None
    assert kernel("entropy").curvature(witness) < 0


def test_a_narrow_dip_of_the_curvature_is_found() -> None:
    # f'' = 12 z^2 - 1/50 is negative for |z| < 0.041 only.
    witness = kernel("z^4 - z^2/100").concave_at
    assert witness is not None
    assert 12 * witness**2 < 1 / 50
    assert concave_point(lambda z: 12 * z**2) is None


def test_bad_parameters_and_names_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="delta"):
        kernel("huber", p=2)
    for values in ({"delta": 0.0}, {"delta": -1.0}, {"delta": math.nan}, {"delta": math.inf}):
        with pytest.raises(ValueError, match="delta"):
            kernel("huber", **values)
    with pytest.raises(ValueError, match="p >= 1"):
        kernel("power", p=0.5)
    with pytest.raises(ExpressionError):
        kernel("quadratc(")


def test_a_penalty_of_the_catalogue_gives_the_catalogues_kernel() -> None:
    f = kernel(penalty("huber", delta=Rational(5, 2)))
    assert f.name == "huber"
    assert f.parameters == {"delta": 2.5}
    assert f is kernel("huber", delta=2.5)


def test_enclosures_are_for_the_rational_parameter_not_for_its_nearest_float() -> None:
    tenth = kernel(penalty("huber", delta=Rational(1, 10)))
    assert tenth.parameters == {"delta": 0.1}
    with precision(200):
        assert tenth.balls.slope(arb(1)).contains(arb(1) / 10)
        assert not kernel("huber", delta=0.1).balls.slope(arb(1)).contains(arb(1) / 10)


def test_a_foreign_family_under_a_name_of_the_catalogue_is_not_mistaken_for_it() -> None:
    impostor = Penalty("huber", 3 * Z**2, coordinatewise(3 * Z**2))
    assert kernel(impostor).name == "3*z**2"
    assert kernel(impostor).slope(5.0) == 30.0


def test_expressions_that_overflow_on_the_way_are_computed_all_the_same() -> None:
    f = kernel("log(cosh(z))")
    z = np.array([-800.0, 0.5, 800.0, 1e5])
    assert f.value(z)[[0, 2, 3]] == pytest.approx(
        [800 - math.log(2), 800 - math.log(2), 1e5 - math.log(2)], rel=1e-15
    )
    assert f.slope(z)[2:].tolist() == [1.0, 1.0]
    assert f.curvature(z)[[0, 2]].tolist() == [0.0, 0.0]
    assert f.curvature(0.5) == pytest.approx(1 / math.cosh(0.5) ** 2, rel=1e-14)


@pytest.mark.parametrize("name", ["quadratic", "pseudo-huber", "label-smoothing", "entropy"])
def test_balls_contain_the_derivatives_of_every_point_inside(name: str) -> None:
    f = kernel(name)
    for centre in (-3.0, 0.0, 0.4, 20.0):
        wide = arb(centre, 0.25)
        for offset in (-0.25, -0.1, 0.0, 0.2, 0.25):
            point = arb(centre + offset)
            assert f.balls.slope(wide).contains(f.balls.slope(point).mid())
            assert f.balls.curvature(wide).contains(f.balls.curvature(point).mid())
            assert float(f.balls.slope(point)) == pytest.approx(
                f.slope(centre + offset), rel=1e-14, abs=1e-300
            )


@pytest.mark.parametrize("name", CATALOGUE)
def test_arrays_of_the_standard_stay_in_their_library(name: str) -> None:
    xp = array_api_strict
    z = np.array([[-2.0, -0.5], [0.25, 3.0]])
    f = kernel(name)
    for function in (f.value, f.slope, f.curvature):
        image = function(xp.asarray(z))
        assert image.dtype == xp.float64
        assert np.array_equal(np.asarray(image), function(z))
        assert function(xp.asarray(z, dtype=xp.float32)).dtype == xp.float32
        assert function(xp.asarray([1, 2])).dtype == xp.float64


def test_printed_source_has_the_value_of_the_expression() -> None:
    text = "z^4/12 - z/3 + max(0, z - 1)^2 - log(sech(z)) + sqrt(1 + z^2)/3 + atan(z)*2^(-2)"
    expression = penalty(text).expression
    z = np.linspace(-3, 3, 13)
    reference = [float(expression.subs(Z, Rational(float(x))).evalf(30)) for x in z]
    assert kernel(text).value(z) == pytest.approx(reference, rel=1e-14, abs=1e-15)


def test_a_maximum_of_a_shifted_absolute_value_has_its_branches() -> None:
    """SymPy writes its condition as a choice between conditions."""
    f = kernel("max(abs(z)-1,0)+z**2")
    z = np.array([-2.0, -1.5, -0.5, 0.0, 0.5, 1.5, 2.0])
    np.testing.assert_array_equal(f.value(z), np.maximum(abs(z) - 1, 0) + z**2)
    np.testing.assert_array_equal(f.slope(z), np.sign(z) * (abs(z) > 1) + 2 * z)
    assert f.kinks == (-1.0, 1.0)
    assert f.convex
    with precision(96):
        for x in z:
            assert f.balls.curvature(arb(float(x) + 0.1)) == 2


def test_an_infinite_value_is_printed_as_infinity() -> None:
    assert printed(oo * Symbol("z", positive=True)) == "xp.full_like(z, math.inf)"


def test_kernels_of_the_catalogue_need_no_sympy() -> None:
    code = (
        "import sys, logitreg.numerics.kernels as k; "
        "[k.kernel(n).slope(0.5) for n in k.CATALOGUE]; assert 'sympy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

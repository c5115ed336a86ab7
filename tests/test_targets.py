"""The targets against 60-digit bisection on the optimality conditions.

The references share nothing with the solvers: they invert the slope of each penalty explicitly and
bisect on the gap, z_high(t) - z_low(t) = gap, t = c/(exp(gap) + K - 1).
"""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import array_api_strict
import mpmath
import numpy as np
import pytest
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st
from logitreg.errors import AlphaError, NoFiniteTargetError, NotConvexError
from logitreg.numerics import solved_targets
from logitreg.numerics.balls import precision
from logitreg.numerics.catalogue import CATALOGUE
from logitreg.numerics.kernels import kernel
from logitreg.numerics.target_enclosures import target_enclosure
from logitreg.numerics.targets import sensitivity, target
from mpmath import mpf

CASES: list[tuple[str, dict[str, float]]] = [
    ("label-smoothing", {}),
    ("quadratic", {}),
    ("absolute", {}),
    ("huber", {"delta": 1.0}),
    ("huber", {"delta": 0.01}),
    ("pseudo-huber", {"delta": 1.0}),
    ("pseudo-huber", {"delta": 0.01}),
    ("pseudo-huber", {"delta": 30.0}),
    ("log-cosh", {}),
    ("cosh", {}),
    ("power", {"p": 3.0}),
    ("power", {"p": 1.5}),
    ("power", {"p": 1.0}),
    ("elastic", {}),
    ("entropy", {}),
    ("box", {"b": 2.5}),
]
CLASSES = (2, 3, 10, 1000)
MAX_ULP = 2.0


def inverse_slope(name: str, values: dict[str, float]) -> Callable[[mpf], mpf]:
    """t -> the z >= 0 with t in the subdifferential of f at z; infinite if f' stays below t."""
    delta = mpf(values.get("delta", 1.0))
    order = mpf(values.get("p", 1.0)) - 1
    inverses: dict[str, Callable[[mpf], mpf]] = {
        "quadratic": lambda t: t / 2,
        "absolute": lambda t: mpf(0) if t <= 1 else mpmath.inf,
        "huber": lambda t: t if t <= delta else mpmath.inf,
        "pseudo-huber": lambda t: (
            t / mpmath.sqrt(1 - (t / delta) ** 2) if t < delta else mpmath.inf
        ),
        "log-cosh": lambda t: mpmath.atanh(t) if t < 1 else mpmath.inf,
        "cosh": mpmath.asinh,
        "power": lambda t: (t / (order + 1)) ** (1 / order),
        "elastic": lambda t: max((t - 1) / 2, mpf(0)),
    }
    return inverses["absolute" if order == 0 and name == "power" else name]


def surplus(name: str, alpha: mpf, classes: int, values: dict[str, float]) -> Callable[[mpf], mpf]:
    """A function that is negative below the target and positive above it."""
    c, rest = (1 - alpha) / alpha, classes - 1
    if name == "label-smoothing":
        # The derivative of the loss in the gap, up to the factor alpha/(exp(g) + K - 1) > 0.
        return lambda g: mpmath.exp(g) - (mpmath.exp(g) + rest) / classes - c * rest
    if name == "entropy":
        return lambda g: g - c * (1 + rest * mpmath.exp(-g))
    inverse = inverse_slope(name, values)
    if classes == 2:
        return lambda z: z - inverse(c / (1 + mpmath.exp(z)))

    def gap_surplus(g: mpf) -> mpf:
        t = c / (mpmath.exp(g) + rest)
        return g - inverse(rest * t) - inverse(t)

    return gap_surplus


def reference(name: str, alpha: float, classes: int, values: dict[str, float]) -> mpf:
    """The target to some 40 digits; zero if it lies below 1e-330."""
    if name == "box":
        return mpf(values["b"]) * (1 if classes == 2 else 2)
    function = surplus(name, mpf(alpha), classes, values)
    low, high = mpf(10) ** -330, mpf(2000)
    if name == "entropy":
        high = classes * (1 - mpf(alpha)) / mpf(alpha) + 1
    at_low, at_high = function(low), function(high)
    if at_low >= 0:
        return mpf(0)
    assert at_high > 0
    while high - low > high * mpf(10) ** -40:
        middle = mpmath.sqrt(low * high) if high > 2 * low else (low + high) / 2
        points = [(middle, function(middle))]
        if mpmath.isfinite(at_low) and mpmath.isfinite(points[0][1]):
            points.append(_ridders(low, at_low, *points[0], at_high, function))
        for x, value in points:
            if low < x < high:
                if value < 0:
                    low, at_low = x, value
                else:
                    high, at_high = x, value
    return (low + high) / 2


def _ridders(
    low: mpf, at_low: mpf, x: mpf, at_x: mpf, at_high: mpf, function: Callable[[mpf], mpf]
) -> tuple[mpf, mpf]:
    root = mpmath.sqrt(at_x * at_x - at_low * at_high)
    # Nudged outwards, so that the root ends up between this point and the next one.
    new = x + (x - low) * (-at_x) / root * -1 if at_low > 0 else x - (x - low) * at_x / root
    return new, function(new)


def error_in_ulp(computed: float, exact: mpf) -> float:
    """|computed - exact| in units of the last place of the float64 nearest to exact."""
    nearest = float(exact)
    if not math.isfinite(nearest) or not math.isfinite(computed):
        return 0.0 if nearest == computed else math.inf
    return float(abs(mpf(computed) - exact) / mpf(math.ulp(nearest)))


def condition(name: str, alpha: float, classes: int, values: dict[str, float]) -> float:
    """|c g'(c)/g|: the relative change of the target per relative change of c.

    alpha is an exact float and the solvers hold c to twice the precision, so not even a large
    condition number is an excuse; it serves to show which cases are hard.
    """
    step = mpf(10) ** -15
    c = (1 - mpf(alpha)) / mpf(alpha)
    ends = [reference(name, 1 / (1 + c * (1 + s)), classes, values) for s in (-step, step)]
    return float(abs(ends[1] - ends[0]) / (2 * step) / ends[0]) if ends[0] else math.inf


def strengths(classes: int, scale: float) -> np.ndarray:
    """A grid dense at both ends, and the neighbours of the thresholds where targets vanish."""
    rng = np.random.default_rng(classes)
    ends = [5e-324, 1e-323, 3e-310, 5.56e-309, 5.6e-309, 2.2250738585072014e-308, 1e-300]
    ends += [2.0**-600, np.nextafter(2.0**-600, 0), 1 - 2.0**-53, 1 - 2.0**-52]
    thresholds = [1 / 3, 0.5, (classes - 1) / (2 * classes - 1), 1 / (1 + scale)]
    thresholds.append(1 / (1 + scale * classes / (classes - 1)))
    thresholds.append(1 / (math.exp(min((classes - 2) / 2, 700.0)) + classes))
    near = [x for t in thresholds for x in (t, np.nextafter(t, 0), np.nextafter(t, 1))]
    near += [t * (1 + s) for t in thresholds for s in (-1e-3, -1e-9, 1e-9, 1e-3)]
    small, middle = 10 ** rng.uniform(-323.3, 0, 16), 10 ** rng.uniform(-8, 0, 20)
    large = 1 - 10 ** rng.uniform(-15.9, 0, 10)
    grid = np.unique(np.concatenate([ends, near, small, middle, large]))
    return grid[(grid > 0) & (grid < 1)]


@pytest.fixture(autouse=True)
def sixty_digits() -> Any:
    with mpmath.workdps(60):
        yield


@pytest.mark.parametrize("classes", CLASSES)
@pytest.mark.parametrize(("name", "values"), CASES, ids=str)
def test_target_is_within_two_ulp_from_the_smallest_to_the_largest_alpha(
    name: str, values: dict[str, float], classes: int
) -> None:
    alpha = strengths(classes, values.get("delta", 1.0))
    computed = target(name, alpha, classes, **values)
    errors = [
        error_in_ulp(float(z), reference(name, float(a), classes, values))
        for a, z in zip(alpha, computed, strict=True)
    ]
    worst = int(np.argmax(errors))
    assert errors[worst] <= MAX_ULP, (alpha[worst], computed[worst], errors[worst])


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.sampled_from(CASES),
    st.sampled_from([2, 3, 5, 10, 1000]),
    st.floats(5e-324, 1 - 2**-53),
)
def test_target_is_within_two_ulp_at_arbitrary_floats(
    case: tuple[str, dict[str, float]], classes: int, alpha: float
) -> None:
    name, values = case
    with mpmath.workdps(60):
        exact = reference(name, alpha, classes, values)
        assert error_in_ulp(target(name, alpha, classes, **values), exact) <= MAX_ULP


def naive_quadratic(alpha: np.ndarray) -> np.ndarray:
    """Newton's method in plain float64 on 2 z (1 + exp(z)) = c."""
    c = (1 - alpha) / alpha
    z = np.log1p(c)
    for _ in range(60):
        grown = np.exp(z)
        z = z - (2 * z * (1 + grown) - c) / (2 * (1 + grown) + 2 * z * grown)
    return z


def naive_absolute(alpha: np.ndarray) -> np.ndarray:
    return np.log(np.maximum((1 - alpha) / alpha - 1, 1))


def naive_label_smoothing(alpha: np.ndarray) -> np.ndarray:
    return np.log((2 - alpha) / alpha)


@pytest.mark.parametrize(
    ("name", "naive"),
    [
        ("quadratic", naive_quadratic),
        ("absolute", naive_absolute),
        ("label-smoothing", naive_label_smoothing),
    ],
)
def test_the_criterion_rejects_a_naive_implementation(name: str, naive: Any) -> None:
    alpha = strengths(2, 1.0)
    with np.errstate(all="ignore"):
        computed = naive(alpha)
    errors = [
        error_in_ulp(float(z), reference(name, float(a), 2, {}))
        for a, z in zip(alpha, computed, strict=True)
    ]
    assert max(errors) > MAX_ULP


def test_the_criterion_rejects_a_neighbour_three_ulp_away() -> None:
    exact = reference("cosh", 0.3, 10, {})
    z = target("cosh", 0.3, 10)
    assert error_in_ulp(z + 3 * math.ulp(z), exact) > MAX_ULP
    assert error_in_ulp(z, reference("cosh", 0.3, 11, {})) > MAX_ULP


def test_accuracy_holds_where_the_target_is_ill_conditioned() -> None:
    alpha = float(np.nextafter(1 / 3, 0))
    assert condition("absolute", alpha, 2, {}) > 1e15
    assert condition("quadratic", alpha, 2, {}) < 1
    assert error_in_ulp(target("absolute", alpha), reference("absolute", alpha, 2, {})) <= 1


@pytest.mark.parametrize("delta", [1e-8, 1e-3, 1e3, 1e8])
@pytest.mark.parametrize("classes", [2, 7, 10**6])
def test_pseudo_huber_converges_on_its_plateau(delta: float, classes: int) -> None:
    threshold = delta * classes / (classes - 1)
    offsets = np.concatenate([-np.logspace(-14, -0.01, 10), np.logspace(-14, 3, 12)])
    alpha = 1 / (1 + threshold * (1 + offsets))
    for a, z in zip(alpha, target("pseudo-huber", alpha, classes, delta=delta), strict=True):
        exact = reference("pseudo-huber", float(a), classes, {"delta": delta})
        assert error_in_ulp(float(z), exact) <= MAX_ULP


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("name", CATALOGUE)
def test_enclosure_contains_the_reference(name: str, classes: int) -> None:
    values = kernel(name).parameters
    for alpha in (1e-300, 0.02, 0.4, 1 - 2.0**-53):
        ball = target_enclosure(name, alpha, classes, digits=35)
        exact = reference(name, alpha, classes, dict(values))
        with precision(200):
            gap = abs(ball - arb(mpmath.nstr(exact, 50)))
            assert gap.abs_upper() <= arb(10) ** -33 * arb(mpmath.nstr(exact + mpf(10) ** -300, 10))


def test_enclosure_is_as_narrow_as_asked() -> None:
    ball = target_enclosure("quadratic", 0.5, digits=300)
    with precision(1100):
        w = arb(1) / 2
        assert ball.rad() < arb(10) ** -300
        # z (1 + e^z) = c/2 at alpha = 1/2.
        assert (ball * (1 + ball.exp()) - w).contains(0)
        assert not ((ball + arb(10) ** -299) * (1 + (ball + arb(10) ** -299).exp()) - w).contains(0)


@pytest.mark.parametrize(
    ("expression", "name"),
    [
        ("z^2", "quadratic"),
        ("log(cosh(z))", "log-cosh"),
        ("abs(z)", "absolute"),
        ("z^2 + abs(z)", "elastic"),
        ("cosh(z) - 1", "cosh"),
        ("sqrt(1+z^2)", "pseudo-huber"),
    ],
)
@pytest.mark.parametrize("classes", [2, 4])
def test_expression_gives_the_correctly_rounded_target(
    expression: str, name: str, classes: int
) -> None:
    for alpha in (1e-12, 0.2, 0.45, 0.999):
        exact = reference(name, alpha, classes, dict(kernel(name).parameters))
        assert target(expression, alpha, classes) == float(exact)


def test_expression_that_is_not_even_may_have_a_negative_target() -> None:
    # f = exp(z): u (1 + u) = c for u = exp(z).
    for alpha in (0.1, 0.5, 0.9):
        c = (1 - mpf(alpha)) / mpf(alpha)
        exact = mpmath.log((mpmath.sqrt(1 + 4 * c) - 1) / 2)
        assert target("exp(z)", alpha) == float(exact)
    assert target("exp(z)", 0.9) < 0


def test_expression_with_a_kink_off_zero_keeps_its_logit_there() -> None:
    assert target("z^2 + max(0, z - 1)", 0.1) == 1.0
    assert target("abs(z - 1)", 0.9) == 1.0


@pytest.mark.parametrize("expression", ["z^3", "z^4 - z^2/100", "-abs(z) + z^2", "sin_free"])
def test_expression_that_is_not_convex_is_refused_with_a_witness(expression: str) -> None:
    if expression == "sin_free":
        expression = "z^2 - log(1 + z^2)*2"
    with pytest.raises(NotConvexError, match="at z = "):
        target(expression, 0.5)
    witness = kernel(expression).concave_at
    assert witness is not None
    h = 1e-3
    value = kernel(expression).value
    assert value(witness + h) + value(witness - h) < 2 * value(witness)


@pytest.mark.parametrize("expression", ["0", "5", "-2*z", "5*z", "exp(-z)"])
def test_penalty_that_does_not_hold_the_logit_is_refused(expression: str) -> None:
    with pytest.raises(NoFiniteTargetError):
        target(expression, 0.5)


def test_sum_over_classes_whose_low_logits_run_away_is_refused() -> None:
    with pytest.raises(NoFiniteTargetError):
        target("exp(z)", 0.5, classes=3)


@pytest.mark.parametrize("alpha", [-0.1, 1.0, 2.0, math.nan, math.inf, "a"])
def test_alpha_outside_its_interval_is_refused(alpha: Any) -> None:
    with pytest.raises(AlphaError):
        target("quadratic", alpha)
    if not isinstance(alpha, str):
        with pytest.raises(AlphaError):
            target("quadratic", np.array([0.5, alpha]))


def test_alpha_zero_has_no_finite_target() -> None:
    with pytest.raises(NoFiniteTargetError, match="alpha is 0"):
        target("quadratic", 0.0)


@pytest.mark.parametrize("name", CATALOGUE)
def test_arrays_of_the_standard_keep_their_library_shape_and_dtype(name: str) -> None:
    xp = array_api_strict
    numbers = np.array([[5e-324, 1e-200], [0.3, 0.9]])
    for classes in (2, 5):
        wide = target(name, xp.asarray(numbers), classes)
        assert wide.dtype == xp.float64
        assert np.array_equal(np.asarray(wide), target(name, numbers, classes))
    narrow = target(name, xp.asarray(numbers[1], dtype=xp.float32))
    assert narrow.dtype == xp.float32
    single = numbers[1].astype(np.float32)
    assert np.array_equal(
        np.asarray(narrow), target(name, single.astype(np.float64)).astype(np.float32)
    )


def test_numbers_give_floats_and_blocks_do_not_show() -> None:
    assert type(target("quadratic", 0.3)) is float
    assert type(target("quadratic", np.float64(0.3))) is float
    alpha = np.linspace(0.01, 0.99, 2 * solved_targets._BLOCK + 7)
    whole = target("quadratic", alpha)
    assert whole[solved_targets._BLOCK] == target("quadratic", float(alpha[solved_targets._BLOCK]))
    assert target("quadratic", alpha[:0]).shape == (0,)


@pytest.mark.parametrize("name", ["quadratic", "log-cosh", "entropy", "power"])
def test_sensitivity_is_the_derivative_of_the_target(name: str) -> None:
    h = mpf(10) ** -12
    ends = []
    for a in (mpf("0.25") - h, mpf("0.25") + h):
        f = surplus(name, a, 2, {"p": 3.0})
        ends.append(mpmath.findroot(f, target(name, 0.25)))
    assert abs(sensitivity(name, 0.25) / float((ends[1] - ends[0]) / (2 * h)) - 1) < 1e-12


def test_names_of_the_catalogue_need_no_sympy() -> None:
    code = (
        "import sys; from logitreg.numerics.targets import target; "
        "target('huber', 0.3, 4, delta=2); assert 'sympy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

"""dz*/dalpha against 50-digit derivatives along curves (gap, c) of solutions.

With the slope s of the low logits as the parameter, z_high and -z_low are inverses of f' at
(K - 1) s and at s, and c = s (exp(gap) + K - 1): no equation is solved, no theorem is used.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import logitreg as lr
import mpmath
import numpy as np
import pytest
from logitreg.errors import AlphaError, NoFiniteTargetError, UnsupportedPenaltyError
from logitreg.numerics.kernels import kernel
from logitreg.numerics.sensitivity import target_derivative
from logitreg.numerics.targets import sensitivity
from logitreg.theory import symbols
from logitreg.theory import target_response as response
from logitreg.theory.losses import sigmoid
from mpmath import mpf
from sympy import Expr, simplify

Curve = Callable[[mpf], tuple[mpf, mpf]]
CLASSES = (2, 3, 10)
NAMES = tuple(name for name in lr.penalties() if name != "box")


@pytest.fixture(autouse=True)
def fifty_digits() -> Any:
    with mpmath.workdps(50):
        yield


def inverse_slopes() -> dict[str, Callable[[mpf], mpf]]:
    return {
        "quadratic": lambda s: s / 2,
        "huber": lambda s: s,
        "pseudo-huber": lambda s: s / mpmath.sqrt(1 - s**2),
        "log-cosh": mpmath.atanh,
        "cosh": mpmath.asinh,
        "power": lambda s: mpmath.sqrt(s / 3),
        "elastic": lambda s: (s - 1) / 2,
    }


def curves(name: str, classes: int) -> list[tuple[Curve, list[str]]]:
    """Curves t -> (gap, c), one for each regime, and values of t on them."""
    rest = mpf(classes - 1)

    def with_odds(gap: mpf, s: mpf) -> tuple[mpf, mpf]:
        return gap, s * (mpmath.exp(gap) + rest)

    def saturated(t: mpf) -> tuple[mpf, mpf]:
        # f' is 1 on the high logit, whatever the gap t is.
        return with_odds(t, 1 / rest)

    gaps = ["0.02", "1.5", "6", "25"]
    if name == "label-smoothing":
        return [(lambda t: (t, (mpmath.exp(t) - 1) / classes), gaps)]
    if name == "entropy":
        return [(lambda t: (t, t / (1 + rest * mpmath.exp(-t))), [*gaps, "1e6"])]
    if name == "absolute":
        return [(saturated, gaps)]
    inverse = inverse_slopes()[name]

    def both(t: mpf) -> tuple[mpf, mpf]:
        s = t / rest
        return with_odds(inverse(t) + (inverse(s) if classes > 2 else 0), s)

    if name == "huber":
        return [(both, ["0.01", "0.5", "0.99"]), (saturated, ["2.5", "25"])]
    if name == "elastic":
        alone = (lambda t: with_odds(t, (2 * t + 1) / rest), ["0.02", "0.4"])
        return [alone] if classes == 2 else [alone, (both, [str(classes + 1), "30"])]
    bounded = name in ("pseudo-huber", "log-cosh")
    return [(both, ["1e-4", "0.3", "0.99", *([] if bounded else ["4", "30"])])]


def points(name: str, classes: int) -> list[tuple[float, mpf, mpf]]:
    """(alpha rounded, dg/dalpha, d2g/dalpha2)."""
    found = []
    for curve, parameters in curves(name, classes):

        def strength(t: mpf, curve: Curve = curve) -> mpf:
            return 1 / (1 + curve(t)[1])

        def rate(t: mpf, curve: Curve = curve) -> mpf:
            return mpmath.diff(lambda u: curve(u)[0], t) / mpmath.diff(strength, t)

        for t in map(mpf, parameters):
            second = mpmath.diff(rate, t, h=mpf(10) ** -15) / mpmath.diff(strength, t)
            rounded = float(strength(t))
            found.append((rounded, rate(t) + second * (rounded - strength(t)), second))
    return found


def relative_error(found: Any, exact: list[mpf]) -> float:
    return max(float(abs(mpf(float(x)) / y - 1)) for x, y in zip(found, exact, strict=True))


@pytest.mark.parametrize("classes", CLASSES)
@pytest.mark.parametrize("name", NAMES)
def test_sensitivity_is_the_derivative_of_the_target(name: str, classes: int) -> None:
    alphas, first, _ = zip(*points(name, classes), strict=True)
    assert relative_error(sensitivity(name, np.array(alphas), classes), list(first)) < 1e-13
    assert relative_error([sensitivity(name, alphas[0], classes)], [first[0]]) < 1e-13


def test_the_form_for_two_classes_is_the_derivative_of_the_theory() -> None:
    p, strength = sigmoid(symbols.z), symbols.alpha

    def form(share: Expr) -> Expr:
        return -1 / (strength * (1 - strength) * (response.bend / response.slope + share))

    def agrees(share: Expr) -> bool:
        at_the_target = form(share).subs(response.slope, response.slope_at_the_target())
        return bool(simplify(at_the_target - response.derivative()) == 0)

    assert agrees(p)
    assert not agrees(1 - p)


def test_the_criterion_rejects_the_derivative_for_another_number_of_classes() -> None:
    alphas, first, _ = zip(*points("log-cosh", 3), strict=True)
    assert relative_error(sensitivity("log-cosh", np.array(alphas), 4), list(first)) > 1e-3
    gaps = lr.target("log-cosh", np.array(alphas), 3)
    wrong = target_derivative(kernel("log-cosh"), np.array(alphas), gaps, 2)
    assert relative_error(wrong, list(first)) > 1e-3


@pytest.mark.parametrize("classes", CLASSES)
def test_a_target_held_by_a_kink_does_not_move(classes: int) -> None:
    assert sensitivity("box", 0.3, classes) == 0.0
    assert sensitivity("absolute", 0.9, classes) == 0.0
    assert sensitivity("elastic", 0.99, classes) == 0.0


@pytest.mark.parametrize(("text", "name"), [("log(cosh(z))", "log-cosh"), ("z^2 + 0", "quadratic")])
@pytest.mark.parametrize("classes", [2, 5])
def test_the_sensitivity_of_an_expression_is_that_of_its_namesake(
    text: str, name: str, classes: int
) -> None:
    expected = sensitivity(name, 0.3, classes)
    assert sensitivity(text, 0.3, classes) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("name", NAMES)
def test_torch_differentiates_the_target_twice(name: str, classes: int) -> None:
    torch = pytest.importorskip("torch")
    alphas, first, second = zip(*points(name, classes), strict=True)
    alpha = torch.tensor(alphas, dtype=torch.float64, requires_grad=True)
    (rate,) = torch.autograd.grad(lr.target(name, alpha, classes).sum(), alpha, create_graph=True)
    (bend,) = torch.autograd.grad(rate.sum(), alpha)
    assert relative_error(rate.detach(), list(first)) < 1e-12
    assert relative_error(bend, list(second)) < 1e-8


@pytest.mark.parametrize(
    ("name", "classes"), [("quadratic", 2), ("entropy", 2), ("elastic", 3), ("pseudo-huber", 10)]
)
def test_jax_differentiates_the_target_twice(name: str, classes: int) -> None:
    jax = pytest.importorskip("jax")
    alphas, first, second = zip(*points(name, classes), strict=True)

    def gap(a: Any) -> Any:
        return lr.target(name, a, classes)

    with jax.enable_x64(True):
        at = jax.numpy.asarray(alphas)
        ones = jax.numpy.ones_like(at)
        rate, bend = jax.jit(
            lambda a: jax.jvp(lambda b: jax.jvp(gap, (b,), (ones,))[1], (a,), (ones,))
        )(at)
    assert relative_error(rate, list(first)) < 1e-12
    assert relative_error(bend, list(second)) < 1e-8


def test_jax_composes_jit_vmap_and_grad() -> None:
    jax = pytest.importorskip("jax")
    with jax.enable_x64(True):
        at = jax.numpy.asarray([[0.1, 0.2], [0.3, 0.4]])
        each = jax.value_and_grad(lambda a: lr.target("cosh", a, 4))
        values, rates = jax.jit(jax.vmap(jax.vmap(each)))(at)
    np.testing.assert_allclose(rates, sensitivity("cosh", np.asarray(at), 4), rtol=1e-13)
    np.testing.assert_allclose(values, lr.target("cosh", np.asarray(at), 4), rtol=1e-15)


@pytest.mark.parametrize("name", ["quadratic", "pseudo-huber", "elastic"])
def test_torch_agrees_with_its_own_differences(name: str) -> None:
    torch = pytest.importorskip("torch")
    alpha = torch.tensor([0.11, 0.27], dtype=torch.float64, requires_grad=True)
    for classes in (2, 3):
        assert torch.autograd.gradcheck(lambda a, k=classes: lr.target(name, a, k), alpha)
        assert torch.autograd.gradgradcheck(lambda a, k=classes: lr.target(name, a, k), alpha)


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_torch_func_transforms_the_target() -> None:
    torch = pytest.importorskip("torch")
    alpha = torch.tensor([0.1, 0.4], dtype=torch.float64)
    rates = torch.func.vmap(torch.func.grad(lambda a: lr.target("quadratic", a)))(alpha)
    forward = torch.func.jvp(
        lambda a: lr.target("quadratic", a), (alpha,), (torch.ones_like(alpha),)
    )
    expected = sensitivity("quadratic", alpha.numpy())
    np.testing.assert_allclose(rates, expected, rtol=1e-14)
    np.testing.assert_allclose(forward[1], expected, rtol=1e-14)


@pytest.mark.parametrize(
    ("name", "classes"), [("quadratic", 2), *((name, 3) for name in lr.penalties())]
)
def test_jit_of_jax_gives_the_numbers_of_numpy(name: str, classes: int) -> None:
    jax = pytest.importorskip("jax")
    alpha = np.concatenate([np.logspace(-280, -1, 40), np.linspace(0.105, 0.999, 40)])
    with jax.enable_x64(True):
        found = np.asarray(jax.jit(lambda a: lr.target(name, a, classes))(alpha))
    expected = lr.target(name, alpha, classes)
    # XLA may fuse a product with a sum, which two_sum and two_prod do not expect.
    np.testing.assert_allclose(found, expected, rtol=8 * 2**-52, atol=0)


@pytest.mark.parametrize("name", ["quadratic", "label-smoothing"])
def test_jax_without_x64_rounds_the_target_to_float32(name: str) -> None:
    jax = pytest.importorskip("jax")
    alpha = np.asarray([1e-30, 1e-6, 0.01, 0.3, 0.6, 0.999], dtype=np.float32)
    with jax.enable_x64(False), warnings.catch_warnings():
        warnings.simplefilter("error")
        plain = [] if name == "quadratic" else [lambda f: f, jax.vmap]
        for transform in (*plain, jax.jit):
            found = transform(lambda a: lr.target(name, a))(jax.numpy.asarray(alpha))
            assert found.dtype == np.float32
            expected = lr.target(name, alpha.astype(np.float64)).astype(np.float32)
            np.testing.assert_array_max_ulp(np.asarray(found), expected, maxulp=1)
        rates = jax.jit(jax.vmap(jax.grad(lambda a: lr.target(name, a))))(alpha[1:])
    assert rates.dtype == np.float32
    exact = sensitivity(name, alpha[1:].astype(np.float64))
    np.testing.assert_allclose(rates, exact, rtol=1e-5)


INVALID = [-0.5, 0.0, 1.0, 2.0, np.nan]


def test_invalid_alpha_raises_in_eager_mode_and_is_nan_when_traced() -> None:
    jax = pytest.importorskip("jax")
    torch = pytest.importorskip("torch")
    for value in INVALID:
        expected = NoFiniteTargetError if value == 0 else AlphaError
        for library in (jax.numpy.asarray, torch.tensor):
            with pytest.raises(expected):
                lr.target("quadratic", library([0.5, value]))
    for transform in (jax.jit, jax.vmap, jax.grad):
        if transform is jax.grad:
            with pytest.raises(AlphaError):
                transform(lambda a: lr.target("quadratic", a))(2.0)
        else:
            traced = transform(lambda a: lr.target("absolute", a))(jax.numpy.asarray(INVALID))
            assert np.all(np.isnan(traced))
    batched = torch.func.vmap(lambda a: lr.target("quadratic", a))(torch.tensor([*INVALID, 0.5]))
    assert np.all(np.isnan(batched[:-1].numpy()))
    assert np.isfinite(batched[-1].item())


def test_an_expression_cannot_be_traced_and_says_so() -> None:
    jax = pytest.importorskip("jax")
    with pytest.raises(UnsupportedPenaltyError, match="penalty of the catalogue"):
        jax.jit(lambda a: lr.target("z^2 + z^4", a))(0.5)


@pytest.mark.parametrize(
    ("name", "classes"), [("quadratic", 2), ("elastic", 3), ("pseudo-huber", 3)]
)
def test_torch_compiles_the_target_into_one_graph(name: str, classes: int) -> None:
    torch = pytest.importorskip("torch")
    compiled = torch.compile(
        lambda a: lr.target(name, a, classes), fullgraph=True, backend="aot_eager"
    )
    alpha = torch.tensor([1e-6, 0.1, 0.3], dtype=torch.float64, requires_grad=True)
    found = compiled(alpha)
    (rate,) = torch.autograd.grad(found.sum(), alpha)
    numbers = alpha.detach().numpy()
    np.testing.assert_allclose(found.detach(), lr.target(name, numbers, classes), rtol=1e-15)
    np.testing.assert_allclose(rate, sensitivity(name, numbers, classes), rtol=1e-14)
    assert torch.isnan(compiled(torch.tensor([2.0, 0.5, 0.0], dtype=torch.float64))).tolist() == [
        True,
        False,
        True,
    ]


def test_steps_without_end_are_one_call_for_the_compiler() -> None:
    torch = pytest.importorskip("torch")
    sizes = []

    def count(module: Any, _: Any) -> Any:
        sizes.append(len(module.graph.nodes))
        return module.forward

    def target(alpha: Any) -> Any:
        return lr.target("log-cosh", alpha, classes=10)

    aot = pytest.importorskip("torch._dynamo.backends.common").aot_autograd
    alpha = torch.tensor([0.1, 0.3], dtype=torch.float64)
    found = torch.compile(target, fullgraph=True, backend=aot(fw_compiler=count))(alpha)
    np.testing.assert_allclose(found, target(alpha.numpy()), rtol=1e-15)
    assert max(sizes) < 10


def test_torch_exports_the_target() -> None:
    torch = pytest.importorskip("torch")

    class Target(torch.nn.Module):  # type: ignore[misc, name-defined]
        def forward(self, alpha: Any) -> Any:
            return lr.target("huber", alpha)

    alpha = torch.tensor([0.1, 0.3], dtype=torch.float64)
    exported = torch.export.export(Target(), (alpha,)).module()
    np.testing.assert_allclose(exported(alpha), lr.target("huber", alpha.numpy()), rtol=1e-15)

"""The differentiable losses against gradients and Hessians that SymPy derives from the theory."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import logitreg as lr
import numpy as np
import pytest
from logitreg.errors import AlphaError, ShapeError, UnknownNameError
from logitreg.numerics.loss_functions import regularized_cross_entropy
from logitreg.numerics.losses import sample_loss
from logitreg.theory.label_smoothing import (
    epsilon,
    multiclass_cross_entropy,
    smoothed_cross_entropy,
    true_class,
)
from logitreg.theory.losses import cross_entropy
from logitreg.theory.penalties import CATALOGUE
from logitreg.theory.symbols import K, logits, z
from sympy import DiracDelta, Expr, Float, Indexed, Rational, Symbol, diff

jax = pytest.importorskip("jax")
torch = pytest.importorskip("torch")

from logitreg.numerics.jax_losses import logit_regularized_cross_entropy  # noqa: E402
from logitreg.numerics.torch_losses import LogitRegularizedCrossEntropy  # noqa: E402

ALPHA = Rational(1, 8)
SIGNED = (-3.75, -0.5, 0.25, 6.0)
ROWS = ((0.5, -1.25, 3.0), (-2.0, 0.375, -0.75))
LABELS = (2, 0)
NAMES = tuple(name for name in lr.penalties() if name != "box")


def at(form: Expr, values: dict[Symbol, float]) -> float:
    exact = {symbol: Rational(value) for symbol, value in values.items()}
    # The curvature is compared away from the kinks.
    return float(Float(form.replace(DiracDelta, lambda *_: Rational(0)).subs(exact).evalf(50), 50))


@lru_cache
def signed_derivatives(name: str) -> tuple[Expr, Expr, Expr]:
    loss = (1 - ALPHA) * cross_entropy() + ALPHA * CATALOGUE[name].expression
    return loss, diff(loss, z), diff(loss, z, 2)


_places = [Symbol(f"z_{k}", real=True) for k in range(3)]


@lru_cache
def softmax_derivatives(name: str, label: int) -> tuple[Expr, list[Expr], list[list[Expr]]]:
    symbolic = (1 - ALPHA) * multiclass_cross_entropy() + ALPHA * (
        CATALOGUE[name].multiclass_expression
    )
    loss = symbolic.subs({true_class: label + 1, K: 3}).doit()
    loss = loss.replace(
        lambda e: isinstance(e, Indexed) and e.base.label == logits.label,
        lambda e: _places[int(e.indices[0]) - 1],
    )
    gradient = [diff(loss, a) for a in _places]
    return loss, gradient, [[diff(slope, b) for b in _places] for slope in gradient]


@pytest.fixture(autouse=True)
def float64_in_jax() -> Any:
    with jax.enable_x64(True):
        yield


@pytest.mark.parametrize("name", NAMES)
def test_signed_losses_have_the_symbolic_derivatives(name: str) -> None:
    expected = np.array([[at(f, {z: x}) for x in SIGNED] for f in signed_derivatives(name)])
    module = LogitRegularizedCrossEntropy(name, float(ALPHA), reduction="none")
    t = torch.tensor(SIGNED, dtype=torch.float64, requires_grad=True)
    values = module(t)
    (slopes,) = torch.autograd.grad(values.sum(), t, create_graph=True)
    bends = np.zeros(len(SIGNED))
    if slopes.requires_grad:
        bends = torch.autograd.grad(slopes.sum(), t)[0].numpy()
    found = np.array([values.detach().numpy(), slopes.detach().numpy(), bends])
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-16)

    def loss(x: Any) -> Any:
        return logit_regularized_cross_entropy(x, penalty=name, alpha=float(ALPHA))

    points = jax.numpy.asarray(SIGNED)
    for order, transformed in enumerate((loss, jax.grad(loss), jax.grad(jax.grad(loss)))):
        np.testing.assert_allclose(
            jax.vmap(transformed)(points), expected[order], rtol=1e-13, atol=1e-16
        )


@pytest.mark.parametrize("name", NAMES)
def test_softmax_losses_have_the_symbolic_gradient_and_hessian(name: str) -> None:
    module = LogitRegularizedCrossEntropy(name, float(ALPHA), reduction="sum")
    for row, label in zip(ROWS, LABELS, strict=True):
        point = dict(zip(_places, row, strict=True))
        loss, gradient, hessian = softmax_derivatives(name, label)
        expected = [at(f, point) for f in gradient]
        bends = [[at(f, point) for f in line] for line in hessian]
        t, target = torch.tensor([row], dtype=torch.float64), torch.tensor([label])
        t.requires_grad_()
        value = module(t, target)
        assert value.item() == pytest.approx(at(loss, point), rel=1e-14)
        (slopes,) = torch.autograd.grad(value, t, create_graph=True)
        np.testing.assert_allclose(slopes.detach()[0], expected, rtol=1e-13, atol=1e-15)
        lines = [torch.autograd.grad(s, t, retain_graph=True)[0][0].numpy() for s in slopes[0]]
        np.testing.assert_allclose(lines, bends, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("name", ["quadratic", "entropy"])
def test_jax_has_the_symbolic_gradient_and_hessian(name: str) -> None:
    def loss(x: Any, label: Any) -> Any:
        return logit_regularized_cross_entropy(x, label, penalty=name, alpha=float(ALPHA))

    rows, labels = jax.numpy.asarray(ROWS), jax.numpy.asarray(LABELS)
    slopes = jax.jit(jax.vmap(jax.grad(loss)))(rows, labels)
    bends = jax.jit(jax.vmap(jax.hessian(loss)))(rows, labels)
    for i, (row, label) in enumerate(zip(ROWS, LABELS, strict=True)):
        point = dict(zip(_places, row, strict=True))
        _, gradient, hessian = softmax_derivatives(name, label)
        np.testing.assert_allclose(slopes[i], [at(f, point) for f in gradient], rtol=1e-13)
        expected = [[at(f, point) for f in line] for line in hessian]
        np.testing.assert_allclose(bends[i], expected, rtol=1e-12, atol=1e-15)


def test_the_comparison_rejects_the_loss_without_its_penalty() -> None:
    value = at(softmax_derivatives("quadratic", 2)[0], dict(zip(_places, ROWS[0], strict=True)))
    plain = regularized_cross_entropy("quadratic", 0.0, np.asarray(ROWS[0]), np.asarray(2))
    assert abs(plain / value - 1) > 0.01


def test_curvature_at_zero_is_the_formula_and_not_that_of_abs() -> None:
    def bend(loss: Callable[[Any], Any]) -> float:
        t = torch.zeros((), dtype=torch.float64, requires_grad=True)
        (slope,) = torch.autograd.grad(loss(t), t, create_graph=True)
        return float(torch.autograd.grad(slope, t)[0])

    assert bend(LogitRegularizedCrossEntropy("label-smoothing", 0.5)) == 0.25
    assert bend(lambda t: t.abs() / 2 + torch.log1p(torch.exp(-t.abs()))) != 0.25


@pytest.mark.parametrize("smoothing", [0.05, 0.3])
@pytest.mark.parametrize("classes", [2, 7])
def test_label_smoothing_is_that_of_torch(smoothing: float, classes: int) -> None:
    generator = torch.Generator().manual_seed(0)
    t = torch.randn(6, classes, dtype=torch.float64, generator=generator)
    target = torch.arange(6) % classes
    soft = torch.softmax(torch.randn(6, classes, dtype=torch.float64, generator=generator), 1)
    for reduction in ("none", "mean", "sum"):
        ours = LogitRegularizedCrossEntropy("label-smoothing", smoothing, reduction)
        theirs = torch.nn.CrossEntropyLoss(reduction=reduction, label_smoothing=smoothing)
        for labels in (target, soft):
            torch.testing.assert_close(ours(t, labels), theirs(t, labels), rtol=1e-14, atol=0)
    wrong = LogitRegularizedCrossEntropy("label-smoothing", smoothing / 2)
    assert abs(wrong(t, target) / theirs(t, target) * 6 - 1) > 1e-3


def test_signed_label_smoothing_has_twice_the_weight_of_the_smoothed_targets() -> None:
    weight = 0.125
    t = torch.tensor(SIGNED, dtype=torch.float64)
    ours = LogitRegularizedCrossEntropy("label-smoothing", 2 * weight, "none")(t)
    smoothed = smoothed_cross_entropy()
    expected = [at(smoothed, {z: x, epsilon: weight}) for x in SIGNED]
    np.testing.assert_allclose(ours, expected, rtol=1e-14)


@pytest.mark.parametrize("name", NAMES)
def test_numpy_gives_the_loss_that_fit_minimises(name: str) -> None:
    signed = np.array([[-3.0], [0.5]])
    found = regularized_cross_entropy(name, 0.3, signed[:, 0])
    np.testing.assert_allclose(found, sample_loss(name, 0.3).value(signed), rtol=1e-14)
    found = regularized_cross_entropy(name, 0.3, np.asarray(ROWS), np.asarray(LABELS))
    expected = sample_loss(name, 0.3, np.asarray(LABELS), 3).value(np.asarray(ROWS))
    np.testing.assert_allclose(found, expected, rtol=1e-14)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [name for name in NAMES if name != "cosh"])
def test_large_logits_give_finite_losses_and_gradients(name: str, dtype: str) -> None:
    module = LogitRegularizedCrossEntropy(name, 0.25)
    for rows in ([[1e4, -1e4, 0.0]], [[-1e4, 1e4, 1e4]]):
        t = torch.tensor(rows, dtype=getattr(torch, dtype), requires_grad=True)
        for loss in (module(t, torch.tensor([0])), module(t)):
            (slopes,) = torch.autograd.grad(loss, t, create_graph=True)
            assert loss.dtype == slopes.dtype == t.dtype
            assert torch.isfinite(loss)
            assert torch.isfinite(slopes).all()
            bends = torch.autograd.grad(slopes.sum(), t, allow_unused=True)[0]
            assert bends is None or torch.isfinite(bends).all()


def test_a_confident_signed_logit_keeps_the_digits_of_its_loss() -> None:
    loss = regularized_cross_entropy("quadratic", 0.0, np.array([40.0, 700.0]))
    np.testing.assert_allclose(loss, np.exp([-40.0, -700.0]), rtol=1e-14)


def test_autocast_gives_a_loss_in_float32() -> None:
    module = LogitRegularizedCrossEntropy("pseudo-huber", 0.1, delta=2.0)
    layer = torch.nn.Linear(3, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        t = layer(torch.ones(5, 3))
        loss = module(t, torch.arange(5) % 4)
    loss.backward()
    assert t.dtype == torch.bfloat16
    assert loss.dtype == torch.float32
    wide = module(t.detach().to(torch.float32), torch.arange(5) % 4)
    assert loss.item() == wide.item()
    assert torch.isfinite(layer.weight.grad).all()


def test_torch_compiles_the_module_into_one_graph() -> None:
    module = LogitRegularizedCrossEntropy("log-cosh", 0.2)
    compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
    t = torch.tensor(ROWS, dtype=torch.float64, requires_grad=True)
    target = torch.tensor(LABELS)
    slopes = [torch.autograd.grad(m(t, target), t)[0] for m in (module, compiled)]
    torch.testing.assert_close(*slopes, rtol=1e-14, atol=0)


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_torch_func_maps_and_differentiates_the_module() -> None:
    module = LogitRegularizedCrossEntropy("power", 0.2, "sum", p=4)
    t, target = torch.tensor(ROWS, dtype=torch.float64), torch.tensor(LABELS)
    each = torch.func.vmap(torch.func.grad(module))(t, target)
    t.requires_grad_()
    (together,) = torch.autograd.grad(module(t, target), t)
    torch.testing.assert_close(each, together, rtol=1e-14, atol=0)
    bends = torch.func.vmap(torch.func.hessian(module))(t.detach(), target)
    torch.testing.assert_close(bends, bends.mT, rtol=1e-13, atol=1e-15)


def test_one_hot_probabilities_are_class_indices() -> None:
    one_hot = np.eye(3)[list(LABELS)]
    for name in ("quadratic", "entropy"):
        indexed = regularized_cross_entropy(name, 0.3, np.asarray(ROWS), np.asarray(LABELS))
        mixed = regularized_cross_entropy(name, 0.3, np.asarray(ROWS), one_hot)
        np.testing.assert_allclose(mixed, indexed, rtol=1e-15)


def test_expressions_serve_as_penalties() -> None:
    t = torch.tensor(ROWS, dtype=torch.float64, requires_grad=True)
    target = torch.tensor(LABELS)
    slopes = [
        torch.autograd.grad(LogitRegularizedCrossEntropy(f, 0.2)(t, target), t)[0]
        for f in ("log(cosh(z))", "log-cosh")
    ]
    torch.testing.assert_close(*slopes, rtol=1e-13, atol=0)

    def loss(x: Any) -> Any:
        return logit_regularized_cross_entropy(x, penalty="log(cosh(z))", alpha=0.2)

    slope = jax.jit(jax.grad(loss))(1.5)
    assert float(slope) == pytest.approx(0.2 * np.tanh(1.5) - 0.8 / (1 + np.exp(1.5)), rel=1e-14)


def test_jax_differentiates_in_alpha_under_jit() -> None:
    def loss(alpha: Any) -> Any:
        return logit_regularized_cross_entropy(2.0, penalty="quadratic", alpha=alpha)

    assert float(jax.jit(jax.grad(loss))(0.5)) == pytest.approx(4 - np.log1p(np.exp(-2)), rel=1e-15)


def test_the_module_is_copied_pickled_and_described() -> None:
    module = LogitRegularizedCrossEntropy("huber", 0.2, "sum", delta=0.5)
    t = torch.tensor(ROWS)
    for twin in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert twin(t) == module(t)
    assert "delta=0.5" in repr(module)


def test_misuse_is_refused() -> None:
    with pytest.raises(AlphaError, match=r"\[0, 1\)"):
        LogitRegularizedCrossEntropy("quadratic", 1.0)
    with pytest.raises(AlphaError):
        logit_regularized_cross_entropy(jax.numpy.zeros(3), alpha=-0.1)
    with pytest.raises(ValueError, match="reduction"):
        LogitRegularizedCrossEntropy(reduction="max")
    with pytest.raises(UnknownNameError):
        LogitRegularizedCrossEntropy("huber", epsilon=1.0)
    module = LogitRegularizedCrossEntropy()
    with pytest.raises(ShapeError, match="probabilities"):
        module(torch.zeros(4, 3), torch.zeros(4))
    with pytest.raises(ShapeError, match="one integer"):
        module(torch.zeros(4, 3), torch.zeros(5, dtype=torch.int64))

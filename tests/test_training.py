"""Gradient descent: exact trajectories, many alphas, records, checkpoints, array libraries."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import logitreg as lr
import numpy as np
import pytest
from logitreg.errors import (
    AlphaError,
    DataError,
    NonFiniteError,
    NotConvergedError,
    ShapeError,
    UnsupportedPenaltyError,
)
from logitreg.numerics import training
from logitreg.numerics.checkpoints import load_checkpoint, save_checkpoint
from logitreg.numerics.descent import descent
from logitreg.numerics.kernels import kernel
from logitreg.numerics.losses import sample_loss
from logitreg.numerics.slopes import mean_slopes
from logitreg.numerics.stable_rate import largest_stable_rate
from logitreg.numerics.training import recorded_epochs, train
from mpmath import mp

# At alpha = 1/2 this even convex penalty makes the loss (z - 1)^2/8, up to a number.
LEAST_SQUARES = "z^2/4 - log(2*cosh(z/2))"
SMOOTH = [name for name in lr.penalties() if name != "box"]


def data(samples: int, features: int, seed: int = 0) -> np.ndarray:
    X = np.random.default_rng(seed).standard_normal((samples, features))
    X[:, 0] += 1
    return X


def labelled(samples: int, features: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    y = np.arange(samples) % classes
    X = np.random.default_rng(5).standard_normal((samples, features))
    X[:, :classes] += 2 * np.eye(classes)[y]
    return X, y


def exact_least_squares(X: np.ndarray, rate: float, epochs: int) -> np.ndarray:
    """The epoch-th iterate from zero at 40 digits: S = (1 - (1 - eta H)^t) S_infinity."""
    with mp.workdps(40):
        matrix = mp.matrix(X.tolist())
        hessian = matrix.T * matrix / (4 * len(X))
        right = matrix.T * mp.ones(len(X), 1) / (4 * len(X))
        S = mp.zeros(X.shape[1], 1)
        for _ in range(epochs):
            S = S - mp.mpf(rate) * (hessian * S - right)
        return np.array([float(value) for value in S])


@pytest.mark.parametrize(("samples", "features"), [(9, 3), (4, 5), (3, 8)])
def test_least_squares_iterates_equal_exact_ones(samples: int, features: int) -> None:
    X = data(samples, features)
    run = train(X, penalty=LEAST_SQUARES, alpha=0.5, learning_rate=0.25, epochs=60)
    np.testing.assert_allclose(run.weights, exact_least_squares(X, 0.25, 60), rtol=0, atol=2e-14)
    wrong = exact_least_squares(X, 0.25, 59)
    assert np.abs(run.weights - wrong).max() > 1e-6


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("penalty", SMOOTH)
def test_slopes_are_the_gradients_of_the_loss(penalty: str, classes: int) -> None:
    z = np.random.default_rng(1).normal(0, 3, (12, classes))
    codes = np.arange(12) % classes
    alphas = [0.0, 0.3, 0.9]
    if classes == 2:
        codes, z = None, z[:, :1]
    slopes = mean_slopes(penalty, alphas, np.ones((12, 1)), codes, classes)
    found = slopes(np.tile(z.T, (3, 1)), slice(None)).reshape(3, -1, 12)
    for alpha, slope in zip(alphas, found, strict=True):
        expected = sample_loss(penalty, alpha, codes, classes).gradient(z) / 12
        np.testing.assert_allclose(slope.T, expected, rtol=1e-13, atol=1e-16)


@pytest.mark.parametrize("classes", [2, 4])
def test_many_alphas_at_once_train_as_each_by_itself(classes: int) -> None:
    X, y = labelled(60, 7, classes)
    together = train(X, y, alpha=[0.0, 0.1, 0.5], epochs=80, record=7)
    for i, alpha in enumerate((0.0, 0.1, 0.5)):
        alone = train(X, y, alpha=alpha, epochs=80, record=7)
        np.testing.assert_allclose(together.weights[i], alone.weights, rtol=0, atol=1e-13)
        for name in ("loss", "accuracy", "norm"):
            both = getattr(together, name)[:, i], getattr(alone, name)
            np.testing.assert_allclose(*both, rtol=0, atol=1e-13)


def test_blocks_of_rows_give_the_gradient_of_all_rows() -> None:
    X = data(1500, 700)
    slopes = mean_slopes("quadratic", [0.0, 0.2, 0.5], X, None)
    W = np.random.default_rng(3).normal(0, 0.03, (3, 700))
    blocked = descent(X, slopes, 0.1, traceable=True)(W, 1)
    np.testing.assert_allclose(
        blocked, W - 0.1 * slopes(W @ X.T, slice(None)) @ X, rtol=0, atol=1e-15
    )


@pytest.mark.parametrize("classes", [2, 3])
def test_training_ends_at_the_minimiser(classes: int) -> None:
    X, y = labelled(80, 4, classes)
    run = train(X, y, alpha=0.3, learning_rate=0.5, epochs=3000, record=4)
    signed, codes = (X * (2 * y - 1)[:, None], None) if classes == 2 else (X, y)
    logits = signed @ run.weights.reshape(-1, 4).T
    slopes = sample_loss("quadratic", 0.3, codes, classes).gradient(logits)
    assert np.abs(signed.T @ slopes).max() / 80 < 1e-15
    assert run.loss[0] > run.loss[1] > run.loss[2] >= run.loss[3] - 1e-15


def test_more_features_than_samples_do_not_change_the_iterates() -> None:
    X = data(6, 15)
    start = np.random.default_rng(2).standard_normal(15)
    run = train(X, alpha=0.2, epochs=40, start=start)
    S = start.copy()
    loss = sample_loss("quadratic", 0.2)
    for _ in range(40):
        S = S - 0.1 * X.T @ loss.gradient((X @ S)[:, None])[:, 0] / 6
    np.testing.assert_allclose(run.weights, S, rtol=0, atol=1e-13)


def test_records_hold_loss_accuracy_norm_and_what_is_watched() -> None:
    X, y = labelled(30, 5, 3)
    run = train(
        X,
        y,
        alpha=[0.1, 0.2],
        epochs=20,
        record=[0, 3],
        watch={"weights": lambda W: W, "cosine": lambda W: W[:, 0, 0] / (1 + abs(W).sum())},
    )
    assert run.epochs.tolist() == [0, 3, 20]
    assert run.completed
    assert run.watched["weights"].shape == (3, 2, 3, 5)
    assert run.watched["cosine"].shape == (3, 2)
    np.testing.assert_array_equal(run.watched["weights"][-1], run.weights)
    W = run.watched["weights"][1, 1]
    logits = X @ W.T
    assert run.loss[1, 1] == pytest.approx(
        np.mean(sample_loss("quadratic", 0.2, y, 3).value(logits)), rel=1e-14
    )
    assert run.accuracy[1, 1] == np.mean(logits.argmax(axis=1) == y)
    assert run.norm[1, 1] == pytest.approx(np.linalg.norm(W), rel=1e-14)
    assert run.norm[0].tolist() == [0, 0]


def test_records_are_evenly_spaced_in_the_logarithm() -> None:
    epochs = recorded_epochs(10**6, 61)
    assert (epochs[0], epochs[1], epochs[-1]) == (0, 1, 10**6)
    late = np.diff(np.log([epoch for epoch in epochs if epoch > 1000]))
    assert late.max() / late.min() < 1.01
    assert recorded_epochs(0, 5) == [0]
    assert recorded_epochs(9, 2) == [0, 9]
    assert recorded_epochs(100, 3) == [0, 1, 100]


class _Interrupted:
    """Watches, and raises KeyboardInterrupt at the nth record."""

    def __init__(self, at: int) -> None:
        self.calls, self.at = 0, at

    def __call__(self, weights: Any) -> float:
        self.calls += 1
        if self.calls == self.at:
            raise KeyboardInterrupt
        return float(weights[0, 0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(300, 70), (20, 50)])
def test_an_interrupted_run_resumes_bit_for_bit(
    tmp_path: Path, shape: tuple[int, int], dtype: Any
) -> None:
    X = data(*shape).astype(dtype)
    settings: dict[str, Any] = {"alpha": [0.0, 0.2], "epochs": 1500, "record": 12}
    whole = train(X, **settings, watch={"first": _Interrupted(99)})
    file = tmp_path / "run.npz"
    for at in (5, 4):
        part = train(X, **settings, watch={"first": _Interrupted(at)}, checkpoint=file)
        assert not part.completed
        np.testing.assert_array_equal(part.loss, whole.loss[: len(part.epochs)])
    assert len(part.epochs) == 7
    rest = train(X, **settings, watch={"first": _Interrupted(99)}, checkpoint=file)
    assert rest.completed
    for name in ("epochs", "loss", "accuracy", "norm", "weights"):
        np.testing.assert_array_equal(getattr(rest, name), getattr(whole, name))
    np.testing.assert_array_equal(rest.watched["first"], whole.watched["first"])
    again = train(X, **settings, watch={"first": _Interrupted(1)}, checkpoint=file)
    np.testing.assert_array_equal(again.weights, whole.weights)


def test_a_run_interrupted_between_records_resumes_bit_for_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    X = data(50, 6)
    settings: dict[str, Any] = {"alpha": 0.1, "epochs": 3000, "record": [0]}
    whole = train(X, **settings)
    calls = []

    def interrupting(*arguments: Any, **keywords: Any) -> Any:
        step = descent(*arguments, **keywords)

        def run(weights: Any, epochs: int) -> Any:
            calls.append(epochs)
            if len(calls) == 4:
                raise KeyboardInterrupt
            return step(weights, epochs)

        return run

    file = tmp_path / "run.npz"
    with monkeypatch.context() as patch:
        patch.setattr(training, "descent", interrupting)
        part = train(X, **settings, checkpoint=file)
    with np.load(file) as archive:
        assert int(archive["epoch"]) == sum(calls[:3])
    assert part.epochs.tolist() == [0]
    np.testing.assert_array_equal(train(X, **settings, checkpoint=file).weights, whole.weights)


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    X = data(30, 3)
    file = tmp_path / "run.npz"
    train(X, alpha=0.1, epochs=5, checkpoint=file)
    train(X, alpha=0.1, epochs=5, checkpoint=file)
    other = X.copy()
    other[7, 1] = np.nextafter(other[7, 1], 9)
    for changed in (
        {"alpha": 0.2},
        {"learning_rate": 0.2},
        {"penalty": "huber"},
        {"penalty": kernel("huber", delta=2.0)},
        {"epochs": 6},
        {"start": np.ones(3)},
        {"watch": {"norm": lambda W: 0.0}},
    ):
        with pytest.raises(DataError, match="other data or settings"):
            train(X, checkpoint=file, **({"alpha": 0.1, "epochs": 5} | changed))
    with pytest.raises(DataError, match="other data or settings"):
        train(other, alpha=0.1, epochs=5, checkpoint=file)
    file.write_bytes(b"not a checkpoint")
    with pytest.raises(DataError, match="cannot be read as a checkpoint"):
        train(X, alpha=0.1, epochs=5, checkpoint=file)


def test_a_failed_write_leaves_the_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "run.npz"
    save_checkpoint(file, "me", {"a": np.arange(3)})

    def failing(stream: Any, **arrays: Any) -> None:
        stream.write(b"half of it")
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", failing)
        with pytest.raises(OSError, match="disk full"):
            save_checkpoint(file, "me", {"a": np.arange(4)})
    found = load_checkpoint(file, "me")
    assert found is not None
    assert found["a"].tolist() == [0, 1, 2]
    assert [path.name for path in tmp_path.iterdir()] == ["run.npz"]


@pytest.mark.parametrize("shape", [(5, 1), (30, 4)])
def test_the_largest_stable_rate_is_that_of_the_hessian(shape: tuple[int, int]) -> None:
    X = data(*shape)
    bend = 0.8 / 4 + 2 * 0.2
    exact = 2 / (bend * np.linalg.eigvalsh(X.T @ X / len(X))[-1])
    assert largest_stable_rate(X, alpha=0.2) == pytest.approx(exact, rel=1e-6)


def test_the_largest_stable_rate_for_classes_and_weights() -> None:
    X, y = labelled(24, 3, 3)
    W = np.random.default_rng(4).standard_normal((3, 3))

    def gradient(flat: np.ndarray) -> np.ndarray:
        logits = X @ flat.reshape(3, 3).T
        return (sample_loss("cosh", 0.2, y, 3).gradient(logits).T @ X / 24).reshape(-1)

    step = 1e-6
    hessian = [(gradient(W.ravel() + e) - gradient(W.ravel() - e)) / (2 * step) for e in
               step * np.eye(9)]  # fmt: skip
    exact = 2 / np.linalg.eigvalsh(np.array(hessian))[-1]
    found = largest_stable_rate(X, y, penalty="cosh", alpha=0.2, weights=W)
    assert found == pytest.approx(exact, rel=1e-5)


def test_descent_is_stable_just_below_that_rate_and_overflows_just_above() -> None:
    X = data(40, 5)
    rate = largest_stable_rate(X, alpha=0.9)
    run = train(X, alpha=0.9, epochs=20_000, learning_rate=0.999 * rate)
    assert np.all(np.diff(run.loss) <= 1e-16)
    with pytest.raises(NotConvergedError, match=f"below .* which is {rate:.3g}"):
        train(X, alpha=0.9, epochs=20_000, learning_rate=1.05 * rate)


@pytest.fixture(params=["array_api_strict", "torch", "jax.numpy"])
def xp(request: pytest.FixtureRequest) -> ModuleType:
    module: ModuleType = pytest.importorskip(request.param)
    if request.param.startswith("jax"):
        import jax

        jax.config.update("jax_enable_x64", True)
    return module


@pytest.mark.parametrize(
    ("penalty", "classes"), [("quadratic", 2), ("huber", 3), ("entropy", 3), ("z^2 + abs(z)", 2)]
)
def test_every_array_library_trains_alike(xp: ModuleType, penalty: str, classes: int) -> None:
    X, y = labelled(24, 4, classes)
    settings: dict[str, Any] = {"penalty": penalty, "alpha": [0.0, 0.3], "epochs": 30, "record": 5}
    expected = train(X, y, **settings)
    for dtype, tolerance in ((xp.float64, 1e-13), (xp.float32, 3e-6)):
        run = train(xp.asarray(X, dtype=dtype), xp.asarray(y), **settings)
        assert run.weights.dtype == dtype
        assert type(run.weights) is type(xp.asarray(X))
        np.testing.assert_allclose(np.asarray(run.weights), expected.weights, atol=tolerance)
        np.testing.assert_allclose(run.loss, expected.loss, atol=tolerance)


def test_wide_data_trains_alike_in_every_library(xp: ModuleType) -> None:
    X = data(5, 12)
    run = train(xp.asarray(X), alpha=0.1, epochs=20)
    expected = train(X, alpha=0.1, epochs=20).weights
    np.testing.assert_allclose(np.asarray(run.weights), expected, rtol=0, atol=1e-13)


def test_float32_stays_float32() -> None:
    run = train(data(20, 3).astype(np.float32), alpha=0.1, epochs=10)
    assert run.weights.dtype == np.float32


def test_the_progress_bar_tells_the_epochs(capsys: pytest.CaptureFixture[str]) -> None:
    train(data(20, 3), alpha=0.1, epochs=10)
    assert capsys.readouterr().out == ""
    train(data(20, 3), alpha=0.1, epochs=10, progress=True)
    assert "100%" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "changed"),
    [
        (AlphaError, {"alpha": [0.1, 1.0]}),
        (UnsupportedPenaltyError, {"penalty": "box"}),
        (ShapeError, {"start": np.zeros(4)}),
        (NonFiniteError, {"start": np.full(3, np.nan)}),
        (NonFiniteError, {"X": np.full((4, 3), np.inf)}),
        (ValueError, {"learning_rate": -0.1}),
        (ValueError, {"record": 1}),
        (ValueError, {"record": [11]}),
        (ValueError, {"epochs": -1}),
    ],
)
def test_errors_come_before_any_work(error: type[Exception], changed: dict[str, Any]) -> None:
    with pytest.raises(error, match="expected"):
        train(**({"X": data(9, 3), "alpha": 0.1, "epochs": 10} | changed))

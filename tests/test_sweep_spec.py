"""The specification of a sweep, and what is computed in its cells."""

from __future__ import annotations

import inspect
import json
import math
import re
from pathlib import Path

import logitreg as lr
import numpy as np
import pytest
from logitreg.errors import DataError, SweepError
from logitreg.proofs_checks.commands.sweep import command
from logitreg.proofs_checks.sweeps.jobs import digest, fit_cell
from logitreg.proofs_checks.sweeps.spec import cell_key, read_spec
from sweep_grids import spec_of, written

MODEL = {
    "n_samples": 200,
    "n_features": 60,
    "signal": 1.0,
    "signal_noise": 0.5,
    "orthogonal_noise": 2.0,
    "penalty": "quadratic",
    "alpha": 0.2,
    "bias": False,
    "seed": 0,
}


# The specification


def test_a_grid_is_the_product_of_its_axes_in_their_order(tmp_path: Path) -> None:
    spec = spec_of(
        tmp_path,
        """
        job = "fit"
        seeds = [3, 1]
        [data]
        n_samples = { geomspace = [10, 1000, 3] }
        aspect_ratio = { linspace = [0.5, 1.5, 3] }
        signal = 2
        [loss]
        alpha = { geomspace = [0.001, 0.1, 3] }
        """,
    )
    cells = list(spec.cells())
    assert len(spec) == len(cells) == 54
    assert spec.size() == "54 = 3 n_samples x 3 aspect_ratio x 3 alpha x 2 seed"
    assert cells[0] == {
        "job": "fit",
        "n_samples": 10,
        "n_features": 5,
        "signal": 2.0,
        "signal_noise": 0.5,
        "orthogonal_noise": 1.0,
        "penalty": "quadratic",
        "alpha": 0.001,
        "bias": False,
        "seed": 3,
    }
    assert [cell["seed"] for cell in cells[:3]] == [3, 1, 3]
    assert cells[2]["alpha"] == 0.01
    assert (cells[-1]["n_samples"], cells[-1]["n_features"]) == (1000, 1500)


def test_a_cell_has_one_key_however_its_numbers_are_written(tmp_path: Path) -> None:
    text = "[data]\nn_samples = 10\nn_features = 2\nsignal = {}\n"
    keys = {
        cell_key(cell)
        for signal in ("1", "1.0", "1e0", "{ linspace = [1, 1, 1] }")
        for cell in spec_of(tmp_path, text.format(signal)).cells()
    }
    assert len(keys) == 1
    (other,) = spec_of(tmp_path, text.format("1.0000000000000002")).cells()
    assert cell_key(other) not in keys
    assert list(json.loads(cell_key(other))) == sorted(other)


def test_the_examples_of_the_help_are_specifications(tmp_path: Path) -> None:
    help_text = inspect.cleandoc(command.help or "")
    model, file = re.findall(r"\x08\n(.*?)\n\n", help_text, re.DOTALL)
    assert len(spec_of(tmp_path, model)) == 20 * 2 * 2 * 6
    defaults = re.findall(r"^(\w+) = (\S+) +# the default", model, re.MULTILINE)
    assert len(defaults) == 4
    (bare,) = spec_of(tmp_path, "[data]\nn_samples = 4\nn_features = 2\n").cells()
    assert {name: json.dumps(bare[name]) for name, _ in defaults} == dict(defaults)
    written(tmp_path, "a,label\n1,no\n2,yes\n", "data.csv")
    (cell,) = spec_of(tmp_path, file).cells()
    assert (cell["target"], cell["train_fraction"]) == ("label", 0.8)


SHAPE = "[data]\nn_samples = 10\nn_features = 2\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seeds = ", "not a TOML file"),
        ("sedes = 3\n" + SHAPE, "unknown key 'sedes' above the first table; .* 'seeds'"),
        (SHAPE + "seeds = 3\n", "did you mean 'seeds', which belongs above the first table"),
        (SHAPE + "sigma_noise = 1\n", "did you mean 'signal_noise'"),
        (SHAPE + "alpha = 0.1\n", r"did you mean 'alpha', which belongs in \[loss\]"),
        (SHAPE + "[loss]\nqqq = 1\n", "expected penalty, alpha, bias$"),
        ("data = 3\n", r"expected a table \[data\]"),
        ('job = "fly"\n' + SHAPE, "job is 'fly'; expected one of: fit"),
        ("job = [1]\n" + SHAPE, "job is"),
        ("seeds = 0\n" + SHAPE, "at least 1"),
        ("seeds = true\n" + SHAPE, "at least 1"),
        ("seeds = []\n" + SHAPE, "seeds is an empty list"),
        ("seeds = [0, -1]\n" + SHAPE, "seeds is -1; expected an integer, not negative"),
        ("seeds = [2, 2]\n" + SHAPE, "seeds holds 2 twice"),
        ("", "describes no data"),
        ("[data]\nn_samples = 10\n", "n_features or aspect_ratio"),
        (SHAPE + "aspect_ratio = 0.5\n", "not both"),
        (SHAPE + "signal = []\n", "data.signal is an empty list"),
        (SHAPE + "signal = -1\n", "data.signal is -1; expected a finite number, not negative"),
        (SHAPE + "signal = nan\n", "data.signal is nan"),
        (SHAPE + "signal = true\n", "data.signal is True"),
        (SHAPE + 'signal = "1"\n', "data.signal is '1'"),
        (SHAPE + "signal = [1, 1.0]\n", "holds 1.0 twice"),
        ("[data]\nn_samples = 10.5\nn_features = 2\n", "n_samples is 10.5; expected an integer"),
        ("[data]\nn_samples = 10\naspect_ratio = [0.5, 0.51]\n", "both 5 features at 10 samples"),
        (SHAPE + "[loss]\nalpha = 1.0\n", r"a number in \[0, 1\)"),
        (SHAPE + "[loss]\nbias = 1\n", "true or false"),
        (SHAPE + '[loss]\npenalty = "quadratc"\n', "loss.penalty 'quadratc'"),
        (SHAPE + "[loss]\nalpha = { logspace = [1, 2, 3] }\n", "linspace"),
        (SHAPE + "[loss]\nalpha = { linspace = [0.1, 0.2] }\n", "first, last, count"),
        (SHAPE + "[loss]\nalpha = { linspace = [0.1, 0.2, 0] }\n", "first, last, count"),
        (SHAPE + "[loss]\nalpha = { geomspace = [0, 0.2, 3] }\n", "positive"),
        (SHAPE + "[loss]\npenalty = { linspace = [0, 1, 2] }\n", "an expression in z, or a list"),
        ('[data]\nfile = "none.csv"\n', "no file"),
        ('[data]\nfile = "none.csv"\nsignal = 1\n', "unknown key 'signal' in .data. with a file"),
        ("seeds = 10000001\n" + SHAPE, "expected at most 10000000"),
        (
            "seeds = 10000000\n" + SHAPE + "signal = [1, 2]\n",
            "the grid .* expected at most 10000000",
        ),
        ("seeds = 99999999999999\n" + SHAPE, "expected at most 10000000"),
        (SHAPE + "[loss]\nalpha = { linspace = [0, 0.5, 99999999999] }\n", "from 1 to 10000000"),
    ],
)
def test_a_specification_that_cannot_be_used_is_refused_early(
    text: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises((SweepError, DataError), match=message):
        spec_of(tmp_path, text)


def test_a_specification_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SweepError, match="cannot be read"):
        read_spec(tmp_path / "none.toml")


def test_another_content_of_a_data_file_makes_other_cells(tmp_path: Path) -> None:
    file = tmp_path / "data.npz"
    text = '[data]\nfile = "data.npz"\n'
    np.savez(file, X=np.arange(12.0).reshape(6, 2), y=[0, 1] * 3)
    (first,) = spec_of(tmp_path, text).cells()
    np.savez(file, X=np.arange(12.0).reshape(6, 2) + 1, y=[0, 1] * 3)
    (second,) = spec_of(tmp_path, text).cells()
    assert cell_key(first) != cell_key(second)
    with pytest.raises(DataError, match="has changed since the sweep began"):
        fit_cell(first, tmp_path)


# What is computed


def fresh_share(values: dict[str, float], **noises: float) -> tuple[float, float]:
    """The share of fresh samples that weights (S_1, |S_perp|, 0, ...) classify, and its error."""
    draws = np.random.default_rng(9).standard_normal((2, 200_000))
    along = values["signal_weight"] * (1 + noises["signal_noise"] * draws[0])
    share = float(
        np.mean(along + values["noise_weight"] * noises["orthogonal_noise"] * draws[1] > 0)
    )
    return share, math.sqrt(share * (1 - share) / draws.shape[1])


def test_accuracy_is_that_on_fresh_samples() -> None:
    values = fit_cell(MODEL, Path())
    share, error = fresh_share(values, signal_noise=0.5, orthogonal_noise=2.0)
    assert abs(values["accuracy"] - share) < 4 * error
    swapped, error = fresh_share(values, signal_noise=2.0, orthogonal_noise=0.5)
    assert abs(values["accuracy"] - swapped) > 4 * error


def test_accuracy_counts_the_bias_against_one_of_the_classes() -> None:
    cell = {**MODEL, "n_samples": 21, "n_features": 3, "bias": True}
    X, y = lr.numerics.signal_noise.signal_plus_noise(21, 3, orthogonal_noise=2.0, seed=0)
    fitted = lr.fit(X, y, alpha=0.2, bias=True)
    fresh = lr.numerics.signal_noise.signal_plus_noise(200_000, 3, orthogonal_noise=2.0, seed=1)
    right = fresh.y * (fresh.X @ fitted.weights + fitted.bias) > 0
    error = float(np.std(right)) / math.sqrt(len(right))
    values = fit_cell(cell, Path())
    assert abs(values["accuracy"] - np.mean(right)) < 4 * error
    assert "theory_accuracy" not in values


def test_the_theory_stands_beside_what_was_measured() -> None:
    runs = [fit_cell({**MODEL, "n_samples": 400, "seed": seed}, Path()) for seed in range(6)]
    for name in ("accuracy", "cosine", "signal_weight", "noise_weight", "train_loss"):
        measured = np.array([values[name] for values in runs])
        error = float(np.std(measured, ddof=1)) / math.sqrt(len(runs))
        assert abs(np.mean(measured) - runs[0][f"theory_{name}"]) < 4 * error, name
        if name in ("accuracy", "cosine", "noise_weight"):
            other = fit_cell({**MODEL, "n_samples": 100}, Path())[f"theory_{name}"]
            assert abs(np.mean(measured) - other) > 4 * error, name


def test_separable_data_without_a_penalty_has_weights_of_infinite_length() -> None:
    values = fit_cell({**MODEL, "n_features": 190, "alpha": 0.0}, Path())
    assert values["signal_weight"] == values["noise_weight"] == math.inf
    assert values["train_loss"] == 0.0
    assert values["cosine"] == pytest.approx(values["theory_cosine"], abs=0.05)


def test_without_a_direction_accuracy_is_a_half_and_cosines_are_undefined() -> None:
    cell = {**MODEL, "n_samples": 20, "n_features": 2, "bias": True}
    values = fit_cell({**cell, "penalty": "absolute", "alpha": 0.9}, Path())
    assert values["accuracy"] == 0.5
    assert math.isnan(values["cosine"])
    assert math.isnan(values["fisher_cosine"])


def test_where_the_theory_does_not_apply_its_line_is_left_out() -> None:
    assert not any(
        name.startswith("theory") for name in fit_cell({**MODEL, "penalty": "entropy"}, Path())
    )


@pytest.fixture
def three_classes(tmp_path: Path) -> Path:
    rng = np.random.default_rng(4)
    y = np.arange(240) % 3
    X = rng.normal(size=(240, 5)) + 2.5 * np.eye(5)[y]
    np.savez(tmp_path / "three.npz", X=X, y=np.array(["a", "b", "c"])[y])
    return tmp_path / "three.npz"


def test_a_file_is_split_by_the_seed_and_tested_on_what_was_held_out(three_classes: Path) -> None:
    text = '[data]\nfile = "three.npz"\ntrain_fraction = 0.75\n[loss]\nbias = true\n'
    (cell,) = spec_of(three_classes.parent, text).cells()
    values = fit_cell(cell, three_classes.parent)
    with np.load(three_classes) as arrays:
        order = np.random.default_rng(0).permutation(240)
        X, y = arrays["X"][order], arrays["y"][order]
    fitted = lr.fit(X[:180], y[:180], alpha=0.1, bias=True)
    right = fitted.classes[np.argmax(X @ fitted.weights.T + fitted.bias, axis=1)] == y
    assert values["accuracy"] == np.mean(right[180:])
    assert values["accuracy"] != np.mean(right[:180])
    certificate = lr.alignment(X[:180], fitted.weights, y[:180], bias=fitted.bias, alpha=0.1)
    assert values["fisher_cosine"] == pytest.approx(math.cos(certificate.angle), abs=1e-9)


def test_the_cosine_with_fisher_is_that_of_the_certificate() -> None:
    X, y = lr.numerics.signal_noise.signal_plus_noise(200, 60, orthogonal_noise=2.0, seed=0)
    fitted = lr.fit(X, y, penalty="label-smoothing", alpha=0.2)
    certificate = lr.alignment(X, fitted.weights, y, penalty="label-smoothing", alpha=0.2)
    values = fit_cell({**MODEL, "penalty": "label-smoothing"}, Path())
    assert values["fisher_cosine"] == pytest.approx(math.cos(certificate.angle), abs=1e-9)
    assert 1 - values["fisher_cosine"] > 1e-4


def test_a_digest_is_that_of_the_content(tmp_path: Path) -> None:
    path = written(tmp_path, "abc", "abc")
    assert digest(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

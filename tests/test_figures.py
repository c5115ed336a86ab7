"""Figures: theory against simulation at every point, wrong theories, drawing and the command."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import mpmath
import numpy as np
import pytest
from click.testing import CliRunner
from logitreg.errors import UnknownNameError
from logitreg.numerics.fisher import fisher_direction
from logitreg.numerics.fit import fit
from logitreg.proofs_checks.commands.figures import command
from logitreg.proofs_checks.figures import (
    alignment,
    aspect_ratio,
    embeddings,
    finite_samples,
    grokking,
    histograms,
    many_classes,
    noise_invariance,
    noise_level,
    signal_noise_sweeps,
)
from logitreg.proofs_checks.figures.catalogue import FIGURES, entry
from logitreg.proofs_checks.figures.data import (
    FigureData,
    Histogram,
    Line,
    Points,
    Track,
    deviations,
    untracked,
)
from logitreg.proofs_checks.figures.draw import save
from logitreg.proofs_checks.figures.simulation import (
    Setting,
    Size,
    limits,
    measured,
    over_seeds,
    samples_of,
)

Function = Callable[[Size, Track], FigureData]

_COMPARED: list[tuple[Function, Size, int]] = [
    (noise_level.figure_15, Size(100, 12), 32),
    (noise_level.figure_17, Size(50, 10), 56),
    (alignment.figure_13, Size(100, 12), 42),
    (aspect_ratio.figure_16, Size(80, 12), 120),
    (noise_invariance.figure_19, Size(100, 12), 6),
    (signal_noise_sweeps.figure_14, Size(100, 12), 28),
    (signal_noise_sweeps.figure_20, Size(100, 12), 18),
    (finite_samples.figure_10, Size(60, 30), 18),
]


@cache
def _computed(function: Function, size: Size) -> FigureData:
    return function(size, untracked)


def _points(data: FigureData) -> list[Points]:
    return [m for p in data.panels for m in p.marks if isinstance(m, Points)]


def _with_theory_of(data: FigureData, change: float) -> FigureData:
    """The same figure with every expected number off by a factor."""
    panels = tuple(
        p._replace(
            marks=tuple(
                m._replace(expected=change * m.expected)
                if isinstance(m, Points) and m.expected is not None
                else m
                for m in p.marks
            )
        )
        for p in data.panels
    )
    return FigureData(data.caption, panels, data.columns)


@pytest.mark.parametrize(
    ("function", "size", "points"), _COMPARED, ids=lambda v: getattr(v, "__name__", "")
)
def test_theory_is_within_four_standard_errors_of_simulation(
    function: Function, size: Size, points: int
) -> None:
    data = _computed(function, size)
    found = deviations(data)
    assert found.size == points
    assert np.max(np.abs(found)) < 4
    assert np.max(np.abs(deviations(_with_theory_of(data, 1.5)))) > 4


def test_weight_decay_agrees_in_both_readings_where_the_theory_is_solved() -> None:
    data = aspect_ratio.figure_18(Size(50, 12), untracked)
    assert "sum over samples" in data.caption
    found = deviations(data)
    assert found.size > 100
    assert np.max(np.abs(found)) < 4


def test_theory_of_another_setting_is_rejected() -> None:
    setting, other = Setting(0.7), Setting(0.7, signal_noise=0.6)

    def run(seed: int) -> list[float]:
        weights = np.asarray(fit(samples_of(setting, 100, seed), alpha=0.4).weights)
        return [measured(weights, setting).accuracy]

    mean, error = over_seeds(run, 20)
    right, wrong = (
        abs(mean[0] - limits([s], 0.4).accuracy[0]) / error[0] for s in (setting, other)
    )
    assert right < 4 < wrong


def test_exact_accuracy_is_that_of_many_fresh_samples() -> None:
    setting = Setting(0.1, 0.8, 0.5, 1.5)
    weights = np.linspace(1.0, -0.3, 10)
    fresh = samples_of(Setting(1e-4, 0.8, 0.5, 1.5), 100_000, 3)[:, :1] @ weights[:1]
    rng = np.random.default_rng(4)
    fresh = fresh + 1.5 * rng.standard_normal((100_000, 9)) @ weights[1:]
    expected = measured(weights, setting).accuracy
    error = np.sqrt(expected * (1 - expected) / 100_000)
    assert abs(np.mean(fresh > 0) - expected) < 4 * error


def test_boundary_of_benefit_has_equal_accuracies_and_can_be_absent() -> None:
    (crossing,) = noise_level.boundary(0.7, np.array([0.5]))
    settings = [Setting(0.7, 1.0, 0.5, crossing * factor) for factor in (0.9, 1.0, 1.1)]
    surplus = limits(settings, 0.4).accuracy - limits(settings, 0.0).accuracy
    assert surplus[0] < -1e-3
    assert abs(surplus[1]) < 1e-6
    assert surplus[2] > 1e-3
    assert np.isnan(noise_level.boundary(0.4, np.array([1.1])))[0]


def test_penalised_accuracy_is_the_same_at_every_noise_across() -> None:
    data = _computed(noise_level.figure_17, Size(50, 10))
    for panel in data.panels:
        for mark in panel.marks:
            if isinstance(mark, Points) and "0.4" in mark.label and panel.y_label == "accuracy":
                assert np.ptp(mark.y) < 1e-9


def test_weight_decay_minimiser_has_no_gradient_and_another_decay_has() -> None:
    X = samples_of(Setting(1.5), 40, 0)
    S = aspect_ratio.decayed(X, 0.2)

    def gradient(decay: float) -> float:
        return float(np.max(np.abs(decay * S - (1 / (1 + np.exp(X @ S))) @ X / len(X))))

    assert gradient(0.2) < 1e-6 < gradient(0.25)


def test_training_law_has_the_deviation_of_the_limit() -> None:
    """Its gamma is found from the mean alone; the deviation is an independent check."""
    limit = limits([Setting(0.7)], 0.2)
    mean, spread, train = (
        float(getattr(limit, n)[0]) for n in ("logit_mean", "logit_deviation", "train_logit_mean")
    )
    p, density = histograms.training_density(mean, spread, train, 0.2)
    weights = density / density.sum()
    deviation = np.sqrt(weights @ p**2 - (weights @ p) ** 2)
    assert deviation == pytest.approx(float(limit.train_logit_deviation[0]), rel=1e-2)
    assert deviation < 0.5 * spread


def test_histograms_have_mass_one_and_collapse_without_signal_noise() -> None:
    for function in (histograms.figure_1, histograms.figure_4):
        data = function(Size(100, 1, 5000), untracked)
        assert len(data.panels) == 6
        for panel in data.panels:
            for mark in panel.marks:
                if isinstance(mark, Histogram):
                    assert mark.density @ np.diff(mark.edges) == pytest.approx(1)
    last = [m for m in data.panels[-1].marks if isinstance(m, Histogram)]
    target = next(m for m in data.panels[-1].marks if isinstance(m, Line)).x[0]
    assert all(m.edges[0] < target < m.edges[-1] for m in last)
    assert np.ptp(last[0].edges) < 0.05


def test_tangent_against_fifty_digits() -> None:
    with mpmath.workdps(20):
        a = mpmath.mpf("0.1")

        def slope(z: mpmath.mpf) -> mpmath.mpf:
            return 2 * a * z - (1 - a) / (1 + mpmath.exp(z))

        def bend(z: mpmath.mpf) -> mpmath.mpf:
            p = 1 / (1 + mpmath.exp(-z))
            return 2 * a + (1 - a) * p * (1 - p)

        def mean(f: Callable[[mpmath.mpf], mpmath.mpf]) -> mpmath.mpf:
            return mpmath.quad(lambda g: f(1 + g) * mpmath.npdf(g), [-9, -4, -2, 0, 2, 4, 9])

        s = mpmath.findroot(lambda s: mean(lambda x: slope(s * x) * x), (0.3, 1), solver="anderson")
        scale = s * mean(lambda x: bend(s * x))
        variance = mean(lambda x: (slope(s * x) / scale - (x / 2 - 1) * 2) ** 2)
        assert finite_samples.tangent(0.1) == pytest.approx(float(mpmath.sqrt(variance)), rel=1e-8)


def test_quadratic_solution_is_fishers_direction_of_the_same_data() -> None:
    X = samples_of(Setting(2 / 200, 1.0, 1.0, 1.0), 200, 0)
    direct = np.linalg.solve(X.T @ X, X.sum(axis=0))
    fisher = np.asarray(fisher_direction(X))
    assert direct @ fisher == pytest.approx(np.linalg.norm(direct) * np.linalg.norm(fisher))


def test_late_decay_of_the_noise_weights_has_the_rate_of_the_smallest_eigenvalue() -> None:
    data = grokking.figure_5(Size(40, 1, 40_000), untracked)
    (panel,) = (p for p in data.panels if "S_" in p.y_label)
    seen = next(m for m in panel.marks if isinstance(m, Points) and "0.1," in m.label)
    line = next(m for m in panel.marks if isinstance(m, Line) and "0.1," in m.label)
    late = seen.y[-len(line.y) :]
    measured_rate, theory = (np.log(v[-3] / v[-1]) for v in (late, line.y))
    assert measured_rate == pytest.approx(theory, rel=0.01)
    accuracy = [m for m in data.panels[0].marks if isinstance(m, Points)]
    fresh, training = (
        next(m for m in accuracy if m.label == f"α = 0.1, {words}")
        for words in ("fresh samples", "training")
    )
    first = [int(np.argmax(m.y > 0.95)) for m in (training, fresh)]
    assert first[0] < first[1]


def test_ten_classes_reach_the_gap_of_their_target() -> None:
    data = grokking.figure_8(Size(100, 1, 8000), untracked)
    gaps = data.panels[1].marks
    line = next(m for m in gaps if isinstance(m, Line))
    training = next(m for m in gaps if isinstance(m, Points) and "training" in m.label)
    assert training.y[-1] == pytest.approx(line.y[0], rel=0.02)
    assert training.y[0] < 0.5 * line.y[0]


def test_late_decay_of_ten_classes_comes_down_to_the_slowest_mode() -> None:
    """At N = 100 the slowest eigenvalues are spread over +-40 % of their limit, which is drawn."""
    data = grokking.figure_8(Size(100, 1, 20_000), untracked)
    deviations_of_gaps = data.panels[2].marks
    line = next(m for m in deviations_of_gaps if isinstance(m, Line))
    fresh = next(m for m in deviations_of_gaps if isinstance(m, Points) and "fresh" in m.label)
    assert line.y[-1] == pytest.approx(fresh.y[-1])
    steps = np.diff(line.x)
    drawn = -np.diff(np.log(line.y)) / steps
    assert drawn == pytest.approx(0.1 * grokking.slowest_mode_of_classes(0.04, 10, 0.7))
    seen = -np.diff(np.log(fresh.y[-len(line.y) :])) / steps
    assert 0.5 * drawn[-1] < seen[-1] < drawn[-1]
    assert "eigenvalues below the bulk" in data.caption


def test_projected_targets_lie_amid_their_classes() -> None:
    data = many_classes.figure_7(Size(150, 1, 50), untracked)
    *clouds, targets = data.panels[2].marks
    centres = np.array([[np.mean(c.x), np.mean(c.y)] for c in clouds])
    corners = np.stack([targets.x, targets.y], axis=1)
    near = np.linalg.norm(centres[:, None] - corners, axis=2).argmin(axis=1)
    assert near.tolist() == [0, 1, 2]
    assert np.max(np.linalg.norm(centres - corners, axis=1)) < 0.15 * np.linalg.norm(corners[0])


def test_student_noise_has_no_theory_and_says_so() -> None:
    data = alignment.figure_2(Size(60, 3), untracked)
    assert deviations(data).size == 0
    assert "no theory" in data.caption


def test_embeddings_of_a_file_are_split_and_classified(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    y = np.arange(120) % 2
    file = tmp_path / "two.npz"
    np.savez(file, X=rng.standard_normal((120, 5)) + 3 * y[:, None], y=y)
    data = embeddings.load(file)
    for found in (
        embeddings.figure_3(Size(60, 2), untracked, data),
        embeddings.figure_9(Size(60, 2, 200), untracked, data),
    ):
        assert all(np.all((p.y > 0.9) & (p.y <= 1)) for p in _points(found))
        assert "two: 5 features" in found.caption


def test_captions_name_what_source_and_settings_disagree_on() -> None:
    found = {function: _computed(function, size).caption for function, size, _ in _COMPARED}
    assert "0.2 and 4, its caption says 1 and 2" in found[aspect_ratio.figure_16]
    # By another minimiser of E (-c Delta - sqrt(1 + c^2) G)_+^2 at Delta = 2 and 1.25.
    assert "0.048 at σ_f = 0.5 and 0.194 at σ_f = 0.8" in found[noise_level.figure_15]
    assert "Adam" in found[signal_noise_sweeps.figure_20]


def test_deviation_is_infinite_where_all_seeds_agree_on_another_number() -> None:
    one, two = np.array([1.0]), np.array([2.0])
    for expected, deviation in ((one, 0.0), (two, -np.inf)):
        mark = Points(one, one, np.zeros(1), "", expected=expected)
        (panel,) = (noise_level.Panel("", "", (mark,)),)
        assert deviations(FigureData("", (panel,))).tolist() == [deviation]


def test_missing_figures_say_which_there_are_and_why() -> None:
    with pytest.raises(UnknownNameError, match=r"no figure 11; expected one of 1, 2, 3.*toy"):
        entry(11)
    with pytest.raises(UnknownNameError, match="no figure 21"):
        entry(21)


def test_catalogue_names_a_function_for_every_figure() -> None:
    assert list(FIGURES) == [*range(1, 11), *range(13, 21)]


def test_drawings_are_the_same_each_time_and_hold_their_words(tmp_path: Path) -> None:
    data = _computed(alignment.figure_13, Size(100, 12))
    texts = []
    for name in ("a", "b"):
        svg, png = save(data, name, tmp_path)
        texts.append(svg.read_bytes())
        assert png.read_bytes().startswith(b"\x89PNG")
    assert texts[0] == texts[1]
    words = "".join(ElementTree.fromstring(texts[0]).itertext())
    assert "strength of the penalty" in words
    assert "λ = 0.7, theory" in words


def test_command_lists_draws_and_writes_one_page(tmp_path: Path) -> None:
    runner = CliRunner()
    listed = runner.invoke(command, ["--list"], catch_exceptions=False)
    assert listed.exit_code == 0
    drawn = runner.invoke(
        command, ["20", "--small", "--output", str(tmp_path)], catch_exceptions=False
    )
    assert drawn.exit_code == 0, drawn.output
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"20.svg", "20.png", "20.txt", "index.html"}
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "seeds 0 to 19" in page
    assert 'href="http' not in page
    assert 'src="' not in page


def test_interruption_keeps_finished_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(size: Size, track: Track) -> FigureData:
        raise KeyboardInterrupt

    monkeypatch.setattr(signal_noise_sweeps, "figure_20", interrupted)
    result = CliRunner().invoke(command, ["14", "20", "--small", "--output", str(tmp_path)])
    assert result.exit_code == 130
    assert {path.name for path in tmp_path.iterdir()} == {
        "14.svg",
        "14.png",
        "14.txt",
        "index.html",
    }

"""The page to play with: self-contained, labelled, and its numbers those of Python."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from urllib.parse import urlencode

import mpmath
import numpy as np
import pytest
from click.testing import CliRunner
from logitreg import asymptotics, target
from logitreg.numerics.kernels import penalties
from logitreg.numerics.separable_limit import largest_margin, separability_threshold
from logitreg.proofs_checks.commands.explore import command
from logitreg.proofs_checks.explore import CONTROLS, explore_page, model_script

CLOSE = 1e-12
STATES = [
    {
        "penalty": name,
        "alpha": alpha,
        "K": 10,
        "lambda": ratio,
        "mu_f": mean,
        "sigma_f": along,
        "sigma_n": across,
    }
    for name, alpha, ratio, mean, along, across in (
        ("quadratic", 0.1, 0.7, 1.0, 0.5, 3.0),
        ("label-smoothing", 0.3, 0.1, 1.0, 1.0, 0.4),
        ("power", 0.02, 1.8, 1.0, 0.5, 1.0),
        ("pseudo-huber", 0.4, 2.9, 0.3, 0.8, 5.0),
        ("huber", 0.05, 0.45, 2.0, 1.5, 0.1),
        ("elastic", 0.2, 1.2, 1.5, 0.7, 2.0),
    )
]
WITHOUT_GAP = ("power", "pseudo-huber")


def least_squares(state, z):
    """By 50 digits: the normal equations in the limit, where noise takes lambda of the freedom."""
    with mpmath.workdps(50):
        ratio, mu, along = (mpmath.mpf(state[name]) for name in ("lambda", "mu_f", "sigma_f"))
        signal = z * mu / (mu**2 + along**2)
        residual = (z - signal * mu) ** 2 + (signal * along) ** 2
        noise = mpmath.sqrt(ratio * residual / (1 - ratio))
        mean, deviation = signal * mu, mpmath.sqrt((signal * along) ** 2 + noise**2)
        return {
            "mean": float(mean),
            "deviation": float(deviation),
            "accuracy": float(mpmath.ncdf(mean / deviation)),
            "train_mean": float(ratio * z + (1 - ratio) * mean),
            "train_deviation": float((1 - ratio) * deviation),
            "cosine": float(signal / mpmath.hypot(signal, noise / state["sigma_n"])),
        }


def least_norm(state, z):
    data = data_of(state)
    limit = asymptotics(**data, penalty=state["penalty"], alpha=state["alpha"])
    return {
        "mean": limit.logit_mean,
        "deviation": limit.logit_deviation,
        "accuracy": limit.accuracy,
        "train_mean": z,
        "train_deviation": 0.0,
        "cosine": limit.cosine,
    }


def data_of(state):
    return {
        "aspect_ratio": state["lambda"],
        "signal": state["mu_f"],
        "signal_noise": state["sigma_f"],
        "orthogonal_noise": state["sigma_n"],
    }


def expected(state):
    name, alpha, K = state["penalty"], state["alpha"], state["K"]
    z = target(name, alpha)
    found = (least_squares if state["lambda"] < 1 else least_norm)(state, z)
    found |= {"target": z, "gap": None if name in WITHOUT_GAP else target(name, alpha, K)}
    found["threshold"] = float(separability_threshold(state["mu_f"] / state["sigma_f"]))
    if state["lambda"] <= found["threshold"]:
        return found | dict.fromkeys(("margin", "margin_cosine", "margin_accuracy", "benefit"))
    widest = asymptotics(**data_of(state), alpha=0.0)
    margin = largest_margin(*data_of(state).values())[1]
    return found | {
        "margin": float(margin),
        "margin_cosine": widest.cosine,
        "margin_accuracy": widest.accuracy,
        "benefit": found["accuracy"] - widest.accuracy,
    }


def differences(found, state):
    """The names of the numbers that are off by more than 1e-12, relative to 1 or the number."""
    wrong = []
    for name, value in expected(state).items():
        if value is None or found[name] is None:
            agree = value is found[name]
        else:
            agree = abs(found[name] - value) <= CLOSE * max(1, abs(value))
        if not agree:
            wrong.append(f"{name}: {found[name]} for {value}")
    return wrong


def in_node(script, expression):
    node = shutil.which("node")
    if node is None:
        pytest.skip("no JavaScript engine: node is not installed")
    text = f"{script}\nconsole.log(JSON.stringify({expression}));\n"
    done = subprocess.run([node, "-"], input=text, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_the_numbers_of_the_page_are_those_of_python():
    found = in_node(model_script(), f"{json.dumps(STATES)}.map(numbers_of)")
    assert [differences(n, s) for n, s in zip(found, STATES, strict=True)] == [[]] * len(STATES)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("rest * deviation", "rest * rest * deviation"),
        ("- 2 * lambda * sigma_n ** 2", "- lambda * sigma_n ** 2"),
        ("Math.cos(angle) ** 2;", "Math.cos(angle);"),
        ("target * mu_f / (mu_f ** 2 + sigma_f ** 2)", "target / mu_f"),
    ],
)
def test_a_wrong_formula_in_the_page_is_noticed(right, wrong):
    script = model_script()
    assert right in script
    found = in_node(script.replace(right, wrong), f"{json.dumps(STATES)}.map(numbers_of)")
    assert any(differences(n, s) for n, s in zip(found, STATES, strict=True))


def test_at_the_crossing_both_solutions_are_equally_accurate():
    (crossing,) = in_node(model_script(), "crossings(0.7, 1, 0.5, 0.05, 6)")
    sides = asymptotics(
        0.7, orthogonal_noise=np.array([0.99, 1.0, 1.01]) * crossing, signal_noise=0.5, alpha=0.0
    ).accuracy
    state = STATES[0] | {"sigma_n": crossing}
    benefit = least_squares(state, 1.0)["accuracy"] - np.asarray(sides)
    assert benefit[0] < 0 < benefit[2]
    assert abs(benefit[1]) < CLOSE


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def all(self, *names):
        return [attributes for tag, attributes in self.tags if tag in names]


@pytest.fixture(scope="module")
def page():
    return explore_page()


def test_the_page_needs_no_network(page):
    assert not re.search(r"https?:|\bsrc=|@import|url\(|\bfetch\(", page)
    (policy,) = (m["content"] for m in Page(page).all("meta") if "http-equiv" in m)
    assert policy.startswith("default-src 'none';")
    assert not Page(page).all("link", "img", "iframe")


def test_every_input_has_a_label_and_every_figure_a_title_and_a_note(page):
    found = Page(page)
    ids = {a["id"] for _, a in found.tags if "id" in a}
    labelled = {a["for"] for a in found.all("label")}
    inputs = found.all("input", "select")
    assert len(inputs) == 1 + 2 * len(CONTROLS)
    assert all("aria-label" in a or a["id"] in labelled for a in inputs)
    figures = found.all("svg")
    assert len(figures) == 6
    assert all({f["aria-labelledby"], f["aria-describedby"]} <= ids for f in figures)
    assert [a["aria-live"] for a in found.all("p") if a.get("id") == "summary"] == ["polite"]


def test_every_penalty_can_be_chosen_and_the_report_is_linked(page):
    found = Page(page)
    assert {a["data-penalty"] for a in found.all("p") if "data-penalty" in a} == set(penalties())
    assert {"href": "report.html"} in found.all("a")


def test_the_command_writes_the_page(tmp_path, page):
    done = CliRunner().invoke(command, ["--output", str(tmp_path / "page.html")])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == page


@pytest.mark.parametrize("state", [STATES[0], STATES[3]], ids=lambda s: s["penalty"])
def test_a_browser_shows_the_numbers_of_the_address(state, tmp_path, page):
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no browser: neither chromium nor google-chrome is installed")
    path = tmp_path / "explore.html"
    path.write_text(page, encoding="utf-8")
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-sync",
        "--disable-background-networking",
        "--disable-component-update",
        "--virtual-time-budget=3000",
    ]
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    address = f"{path.as_uri()}#{urlencode(state)}"
    done = subprocess.run(
        [browser, *flags, profile, "--dump-dom", address],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    shown = dict(re.findall(r'<data id="n-(\w+)" value="([^"]*)"', done.stdout))
    numbers = {name: None if v == "null" else float(v) for name, v in shown.items()}
    assert differences(numbers, state) == []
    assert f"With the penalty {state['penalty']} at α = {state['alpha']}" in done.stdout

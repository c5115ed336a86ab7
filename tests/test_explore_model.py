"""The model of the page to play with, run by node: its numbers are those of Python."""

from __future__ import annotations

import json
import shutil
import subprocess
from functools import cache
from importlib.resources import files
from itertools import product

import logitreg as lr
import numpy as np
import pytest
from logitreg.errors import ExpressionError
from logitreg.numerics.kernels import kernel
from logitreg.numerics.separable_limit import separability_threshold
from logitreg.proofs_checks.explore import model_script
from logitreg.theory.parsing import parse_expression

CLOSE = 1e-12
PARAMETERS = {"delta": 1.0, "p": 3.0, "b": 1.0}


def state_of(penalty="quadratic", alpha=0.1, ratio=0.7, mean=1.0, along=0.5, across=3.0, **others):
    data = {"lambda": ratio, "mu_f": mean, "sigma_f": along, "sigma_n": across}
    return {"penalty": penalty, "alpha": alpha, "K": 10, **PARAMETERS, **data, **others}


STATES = [
    state_of(),
    state_of("label-smoothing", 0.3, 0.1, 1.0, 1.0, 0.4),
    state_of("power", 0.02, 1.8, 1.0, 0.5, 1.0),
    state_of("pseudo-huber", 0.4, 2.9, 0.3, 0.8, 5.0, delta=0.4),
    state_of("huber", 0.05, 0.45, 2.0, 1.5, 0.1, delta=0.3),
    state_of("box", 0.05, 0.45, 1.0, 1.5, 0.1, b=2.5),
    state_of("elastic", 0.2, 1.2, 1.5, 0.7, 2.0),
    state_of("z^2/3 + log(cosh(z/2)) + abs(z)/5", 0.1, 0.3, 1.0, 1.2, 3.0),
    # Without a penalty: beyond separability, and below it.
    state_of(alpha=0.0),
    state_of(alpha=0.0, ratio=0.04),
]


def penalty_of(state):
    """The penalty in Python."""
    name = state["penalty"]
    known = kernel(name).parameters if name in lr.penalties() else {}
    return kernel(name, **{key: state[key] for key in known})


def limit_of(state):
    return lr.asymptotics(
        state["lambda"],
        signal=state["mu_f"],
        signal_noise=state["sigma_f"],
        orthogonal_noise=state["sigma_n"],
        penalty=penalty_of(state),
        alpha=state["alpha"],
    )


def expected(state):
    return _expected(json.dumps(state))


@cache
def _expected(text):
    state = json.loads(text)
    alpha, effect = state["alpha"], state["mu_f"] / state["sigma_f"]
    limit, threshold = limit_of(state), float(separability_threshold(effect))
    found = {
        "mean": limit.logit_mean,
        "deviation": limit.logit_deviation,
        "train_mean": limit.train_logit_mean,
        "train_deviation": limit.train_logit_deviation,
        "train_loss": limit.train_loss,
        "cosine": limit.cosine,
        "accuracy": limit.accuracy,
        "threshold": threshold,
    }
    if alpha > 0:
        f = penalty_of(state)
        found |= {"target": lr.target(f, alpha), "gap": lr.target(f, alpha, state["K"])}
    if state["lambda"] <= threshold:
        return found | dict.fromkeys(("margin", "margin_cosine", "margin_accuracy", "benefit"))
    widest = limit_of(state | {"alpha": 0.0, "penalty": "quadratic"})
    return found | {
        "margin": widest.margin,
        "margin_cosine": widest.cosine,
        "margin_accuracy": widest.accuracy,
        "benefit": limit.accuracy - widest.accuracy,
    }


def differences(found, state):
    """The names of the numbers that are off by more than 1e-12, relative to 1 or the number."""
    wrong = []
    for name, value in expected(state).items():
        # JSON has no infinity, and writes null.
        if value is None or np.isinf(value) or found[name] is None:
            agree = found[name] is None and (value is None or np.isinf(value))
        else:
            agree = abs(found[name] - value) <= CLOSE * max(1, abs(value))
        if not agree:
            wrong.append(f"{name}: {found[name]} for {value}")
    return wrong


@cache
def script():
    figures = files("logitreg.proofs_checks").joinpath("explore_figures.js")
    return f"{model_script()}\n{figures.read_text(encoding='utf-8')}"


def in_node(expression, text=None):
    node = shutil.which("node")
    if node is None:
        pytest.skip("no JavaScript engine: node is not installed")
    program = f"{text or script()}\nconsole.log(JSON.stringify({expression}));\n"
    done = subprocess.run([node, "-"], input=program, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def numbers_of(states, text=None):
    return in_node(f"{json.dumps(states)}.map((state) => numbers_of(state))", text)


def test_the_numbers_of_the_page_are_those_of_python():
    found = numbers_of(STATES)
    assert [differences(n, s) for n, s in zip(found, STATES, strict=True)] == [[]] * len(STATES)


@pytest.mark.parametrize(
    ("state", "right", "wrong"),
    [
        (0, "- 2 * lambda * sigma_n ** 2", "- lambda * sigma_n ** 2"),
        (0, "Math.cos(angle) ** 2;", "Math.cos(angle);"),
        (0, "pull - lambda * q + surplus", "pull - q + surplus"),
        (4, "surplus = found.square - lambda * q ** 2", "surplus = found.square - q ** 2"),
        (7, "finish: at(point, right), low: point", "finish: at(point, left), low: point"),
        (4, "(alpha * s) - 1)", "(alpha * s))"),
        (7, "Math.sign(u[0]) * u[1]", "u[1]"),
    ],
)
def test_a_wrong_formula_in_the_page_is_noticed(state, right, wrong):
    assert right in script()
    (found,) = numbers_of([STATES[state]], script().replace(right, wrong))
    assert differences(found, STATES[state])


MOVED = {"huber": {"delta": 0.3}, "pseudo-huber": {"delta": 2}, "power": {"p": 4}, "box": {"b": 2}}


def test_the_saddle_of_the_page_is_that_of_python_on_a_grid():
    cells = np.array(list(product((0.03, 0.2), (0.1, 0.5, 0.9), (0.3, 1.5)))).T
    alpha, ratio, along = cells
    names = [name for name in lr.penalties() if name != "entropy"] + ["max(z^2 - 1, 0)"]
    states = [
        [state_of(f, a, r, along=s, **MOVED.get(f, {})) for a, r, s in zip(*cells, strict=True)]
        for f in names
    ]
    found = in_node(f"{json.dumps(states)}.map((row) => row.map((state) => numbers_of(state)))")
    for name, row in zip(names, found, strict=True):
        limit = lr.asymptotics(
            ratio,
            signal_noise=along,
            orthogonal_noise=3.0,
            penalty=kernel(name, **MOVED.get(name, {})),
            alpha=alpha,
        )
        for key, values in (
            ("mean", limit.logit_mean),
            ("deviation", limit.logit_deviation),
            ("train_mean", limit.train_logit_mean),
            ("train_deviation", limit.train_logit_deviation),
            ("train_loss", limit.train_loss),
            ("cosine", limit.cosine),
            ("accuracy", limit.accuracy),
        ):
            shown = np.array([numbers[key] for numbers in row], dtype=float)
            np.testing.assert_allclose(shown, values, rtol=CLOSE, err_msg=f"{key} of {name}")


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (state_of("entropy"), "The penalty is not convex: f″ is negative at z = −1.889"),
        (state_of("absolute", 0.5), "The target is zero"),
        (state_of("absolute", 0.3, 0.1, along=1.5), "A kink of the penalty holds every logit"),
        (state_of("exp(z)", 0.9), "The target is negative"),
        (state_of("softplus(-z)"), "does not hold the logits back"),
        (state_of(alpha=0.0, ratio=0.04825), "solved only to"),
    ],
    ids=lambda x: x["penalty"] if isinstance(x, dict) else "",
)
def test_the_page_says_why_it_shows_no_limit(state, why):
    found, numbers = in_node(f"[solution_of({json.dumps(state)}), numbers_of({json.dumps(state)})]")
    assert why in found["why"]
    assert [numbers[name] for name in ("mean", "cosine", "accuracy", "benefit")] == [None] * 4


def test_the_residual_is_told_where_it_is_larger_than_asked_for():
    """The page shows numbers up to a residual of 1e-9, but says so above 1e-12."""
    state = json.dumps(state_of())
    said = in_node(
        "[2e-13, 3e-11].map((residual) => summary_of("
        f"{state}, numbers_of({state}), {{ saddle: {{ residual }} }}))"
    )
    assert ["solved to 3e−11 only" in text for text in said] == [False, True]


def test_the_gap_of_k_classes_is_found_without_a_closed_form():
    names = [name for name in lr.penalties() if name not in ("label-smoothing", "entropy")]
    names += ["z^2 - z + abs(z - 1)", "max(z^2 - 1, 0)"]
    cases = [(name, alpha, K) for name in names for alpha, K in ((0.01, 10), (0.7, 3))]
    found = in_node(
        f"{json.dumps(cases)}.map(([penalty, alpha, K]) => {{"
        f" const usual = penalty_of({{ ...{json.dumps(state_of())}, penalty }});"
        " return gap_of({ ...usual, gap: null }, alpha, K); })"
    )
    exact = [lr.target(name, alpha, K) for name, alpha, K in cases]
    np.testing.assert_allclose(found, exact, rtol=CLOSE, atol=CLOSE)


def test_at_a_crossing_both_solutions_are_equally_accurate():
    state = state_of()
    (crossing,) = in_node(
        f"crossings('sigma_n', {json.dumps(state)},"
        f" [...accuracies_along('sigma_n', {json.dumps(state)}, places(0.05, 6, 60))])"
    )
    across = np.array([0.99, 1.0, 1.01]) * crossing
    sides = lr.asymptotics(0.7, orthogonal_noise=across, signal_noise=0.5, alpha=0.0).accuracy
    benefit = limit_of(state).accuracy - np.asarray(sides)
    assert benefit[0] < 0 < benefit[2]
    assert abs(benefit[1]) < CLOSE


@pytest.mark.parametrize(
    ("axis", "points", "state"),
    [
        ("sigma_n", [0.1, 2, 5], state_of("huber")),
        ("sigma_n", [0.1, 2, 5], state_of("huber", 0.0)),
        ("lambda", [0.03, 0.4, 1, 1.7], state_of("huber")),
        ("alpha", [0, 0.05, 0.8], state_of("huber")),
        ("alpha", [0, 0.2, 0.3], state_of("absolute", ratio=1.5)),
    ],
)
def test_a_path_of_accuracies_is_that_of_python(axis, points, state):
    path = in_node(f"[...accuracies_along('{axis}', {json.dumps(state)}, {points})]")
    for x, here in zip(points, path, strict=True):
        exact = expected(state | {axis: x})
        assert here["regularised"] == pytest.approx(exact["accuracy"], rel=CLOSE)
        widest = exact["margin_accuracy"]
        assert here["widest"] == (widest if widest is None else pytest.approx(widest, rel=CLOSE))


@pytest.mark.parametrize(("ratio", "alpha"), [(0.3, 0.1), (1.4, 0.1), (0.3, 0.0)])
def test_the_phase_diagram_is_that_of_python(ratio, alpha):
    columns, rows = [0.2, 1.1, 2.5], [0.5, 4.0]
    state = state_of("log-cosh", alpha, ratio)
    found = in_node(f"[...benefits({json.dumps(state)}, {columns}, {rows}, BISECTIONS)]")
    for along, column in zip(columns, found, strict=True):
        for across, value in zip(rows, column, strict=True):
            exact = expected(state | {"sigma_f": along, "sigma_n": across})["benefit"]
            assert value == (exact if exact is None else pytest.approx(exact, abs=CLOSE))


def test_the_density_of_training_logits_has_their_mean_deviation_and_mass():
    state = state_of("z^2/3 + abs(z)/2", 0.2, 0.4, along=1.2)
    total, mean, square, resting = in_node(
        f"(() => {{ const state = {json.dumps(state)}, found = solution_of(state);"
        " const { density, resting } = training_law(found, state), sums = [0, 0, 0], h = 1e-4;"
        " for (let z = -12 + h / 2; z < 12; z += h)"
        "   [1, z, z * z].forEach((x, i) => { sums[i] += h * x * density(z); });"
        " return [...sums, resting]; })()"
    )
    (at_zero,) = resting
    assert at_zero["point"] == 0
    assert at_zero["share"] > 0.01
    limit = limit_of(state)
    found = [total + at_zero["share"], mean, (square - mean**2) ** 0.5]
    exact = [1, limit.train_logit_mean, limit.train_logit_deviation]
    assert found == pytest.approx(exact, abs=1e-7)


@pytest.mark.parametrize("state", [STATES[4], STATES[7]], ids=["huber", "typed"])
def test_the_line_of_python_gives_the_numbers_shown(state):
    line, numbers = in_node(f"[python_of({json.dumps(state)}), numbers_of({json.dumps(state)})]")
    limit = eval(line, {"lr": lr})
    assert limit.accuracy == pytest.approx(numbers["accuracy"], rel=CLOSE)
    assert limit.train_loss == pytest.approx(numbers["train_loss"], rel=CLOSE)


ADMITTED = [
    "z**2/2 - -z + 3.5e-1*abs(z-1)^3",
    "-z^2 + 2*(z+1)*(z-1)",
    "z^2^3/100 + 2^-1*z",
    "asinh(z)*z - sqrt(1 + z^2)",
    "z*atan(z) - log(1 + z^2)/2",
    "log(cosh(z/2)) + cosh(z/5)",
    "exp(z/3) + exp(-z/4)*e^2",
    "-sech(z) + sigmoid(z)*z + sigmoid(-z)^2",
    "sinh(z/3)*z + tanh(z)*z + softplus(2*z) - pi*z",
    "max(z - 1, -z, z^2/9) + Max(0, z) + min(z, 2)*-1",
    "sqrt(4 + z^2)^3/7 + abs(z)^2.5",
]


def test_a_typed_penalty_has_the_derivatives_of_python():
    points = [-7.3, -1.9, -0.4, 0.3, 1.1, 2.7, 6.2]
    found = in_node(f"{json.dumps(ADMITTED)}.map((text) => {points}.map(parsed(text).jet))")
    for text, jets in zip(ADMITTED, found, strict=True):
        f = kernel(text)
        exact = [[float(d(z)) for d in (f.value, f.slope, f.curvature)] for z in points]
        np.testing.assert_allclose(jets, exact, rtol=1e-12, atol=1e-12, err_msg=text)


REFUSED = [
    "",
    "2z",
    "z z",
    "(z",
    "z)",
    "z^z",
    "2^z",
    "cosh",
    "cosh()",
    "cosh(z, z)",
    "z +",
    "* z",
    "sin(z)",
    "x^2",
    "z[0]",
    "z.constructor",
    "constructor(z)",
    "__proto__",
    "toString(z)",
    "alert(1)",
    "z;1",
    "z=2",
    "'z'",
    "`z`",
    "z^999",
    "|z|",
    "ζ",
    "(" * 30 + "z" + ")" * 30,
    "z+" * 600 + "z",
]


def refusals(texts):
    """Why the page refuses each text; None where it does not, "crash" for any other exception."""
    return in_node(
        f"{json.dumps(texts)}.map((text) => {{ try {{ typed_penalty(text); return null; }}"
        " catch (error) { return error instanceof TypingError ? error.message : 'crash'; } })"
    )


def test_what_python_does_not_read_the_page_does_not_read():
    for text, why in zip(REFUSED, refusals(REFUSED), strict=True):
        assert why not in (None, "crash"), text
        with pytest.raises(ExpressionError):
            parse_expression(text)


def test_a_typed_function_is_finite_on_the_whole_line():
    said = refusals(["log(z)", "sqrt(z)", "1/z", "exp(exp(z))", "z^2"])
    assert [why is not None and "finite" in why for why in said] == [True] * 4 + [False]


def test_a_typed_penalty_is_seen_to_be_concave_or_convex():
    texts = ["z^2", "-z^2", "z^4 - z^2", "-abs(z - 2)", "log(cosh(z))", "abs(z)", "exp(z) - z"]
    found = in_node(f"{json.dumps(texts)}.map((text) => typed_penalty(text).concave)")
    assert [where is None for where in found] == [kernel(text).convex for text in texts]


def test_kinks_of_a_typed_penalty_are_found_to_the_last_digit():
    texts = ["abs(z - 1/3)", "max(z^2 - 2, 0)", "abs(z)^3 + z^2", "z^2", "abs(z) + abs(z + 1.7)"]
    found = in_node(f"{json.dumps(texts)}.map((text) => typed_penalty(text).breaks)")
    root = 2**0.5
    exact = [[1 / 3], [-root, root], [0], [], [-1.7, 0]]
    assert [len(points) for points in found] == [len(points) for points in exact]
    np.testing.assert_allclose(np.concatenate(found), np.concatenate(exact), rtol=3e-16)


def test_a_penalty_of_ones_own_is_exported_into_the_page():
    text = "z**2 + log(cosh(z/2))"
    states = [state_of(text), state_of(text, ratio=1.3)]
    own = model_script((text, "log(cosh(z))"))
    assert "own_1_target" in own
    # Another form of log-cosh is the catalogue's.
    assert "own_2" not in own
    found = numbers_of(states, own)
    assert [differences(n, s) for n, s in zip(found, states, strict=True)] == [[], []]

"""The page to play with in a browser, driven through its debugging pipe: hands, eyes and ears."""

from __future__ import annotations

import fcntl
import json
import os
import select
import shutil
from urllib.parse import parse_qs, urlencode, urlsplit

import logitreg as lr
import pytest
from logitreg.proofs_checks.explore import explore_page

STATE = {
    "penalty": "huber",
    "delta": 0.3,
    "alpha": 0.05,
    "K": 7,
    "lambda": 0.45,
    "mu_f": 2,
    "sigma_f": 1.5,
    "sigma_n": 0.7,
    "axis": "lambda",
}
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
KEYS = {"Tab": 9, "Enter": 13, "ArrowRight": 39}


class Browser:
    """A headless Chromium behind two pipes, with one page."""

    def __init__(self, program, profile):
        to_browser, self.commands = os.pipe()
        self.answers, from_browser = os.pipe()
        # The browser reads commands from descriptor 3 and answers on 4; copies beyond them are
        # safe to put there.
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in (to_browser, from_browser)]
        silent = [(os.POSIX_SPAWN_OPEN, output, os.devnull, os.O_WRONLY, 0) for output in (1, 2)]
        pipes = [(os.POSIX_SPAWN_DUP2, end, place) for end, place in zip(ends, (3, 4), strict=True)]
        flags = [*FLAGS, "--remote-debugging-pipe", f"--user-data-dir={profile}"]
        self.process = os.posix_spawn(
            program, [program, *flags], os.environ, file_actions=[*silent, *pipes]
        )
        for end in (to_browser, from_browser, *ends):
            os.close(end)
        self.session, self.number, self.rest, self.events = {}, 0, b"", []
        page = self.send("Target.createTarget", url="about:blank")["targetId"]
        attached = self.send("Target.attachToTarget", targetId=page, flatten=True)
        self.session = {"sessionId": attached["sessionId"]}
        for domain in ("Page", "Runtime", "Log", "Network", "Accessibility"):
            self.send(f"{domain}.enable")

    def close(self):
        self.session = {}
        self.send("Browser.close")
        os.waitpid(self.process, 0)
        os.close(self.commands)
        os.close(self.answers)

    def receive(self):
        while b"\0" not in self.rest:
            ready, _, _ = select.select([self.answers], [], [], 120)
            more = os.read(self.answers, 1 << 20) if ready else b""
            assert more, "the browser has ended, or does not answer"
            self.rest += more
        message, _, self.rest = self.rest.partition(b"\0")
        return json.loads(message)

    def send(self, method, **params):
        self.number += 1
        command = {"id": self.number, "method": method, "params": params, **self.session}
        os.write(self.commands, json.dumps(command).encode() + b"\0")
        while (answer := self.receive()).get("id") != self.number:
            self.events.append(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def run(self, script):
        how = {"returnByValue": True, "awaitPromise": True}
        found = self.send("Runtime.evaluate", expression=script, **how)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def open(self, path, state=None, width=1280, scheme="light"):
        self.events.clear()
        screen = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
        self.send("Emulation.setDeviceMetricsOverride", **screen)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.send("Emulation.setEmulatedMedia", features=features)
        self.load("Page.navigate", url="about:blank")
        self.load("Page.navigate", url=f"{path.as_uri()}#{urlencode(state or {})}")

    def load(self, method, **params):
        """Go to a page, and wait until it shows all figures."""
        known = len(self.events)
        self.send(method, **params)
        while all(event["method"] != "Page.loadEventFired" for event in self.events[known:]):
            self.events.append(self.receive())
        if params.get("url") != "about:blank":
            self.settle()

    def settle(self):
        """Until all figures belong to the choices."""
        self.run(
            "new Promise((done) => { const look = () => "
            "(document.body.dataset.busy === 'false' ? done() : setTimeout(look, 20)); look(); })"
        )

    def press(self, key, times=1):
        for _ in range(times):
            for kind in ("rawKeyDown", "keyUp"):
                self.send(
                    "Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=KEYS[key]
                )
            if key == "Enter":
                self.send("Input.dispatchKeyEvent", type="char", key=key, text="\r")

    def type(self, text):
        self.send("Input.insertText", text=text)

    def focused(self):
        return self.run("document.activeElement.id || document.activeElement.tagName")

    def text(self, id):
        return self.run(f"document.getElementById('{id}').textContent")

    def number_shown(self, name):
        return self.run(f"Number(document.getElementById('n-{name}').value)")

    def address(self):
        found = parse_qs(urlsplit(self.run("location.href")).fragment)
        return {name: values[0] for name, values in found.items()}

    def complaints(self):
        """Exceptions, messages on the console, and requests for anything but the page."""
        found = []
        for event in self.events:
            method, params = event.get("method"), event.get("params", {})
            if method in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"):
                found.append(f"{method} {json.dumps(params)[:300]}")
            elif method == "Network.requestWillBeSent" and params["type"] != "Document":
                found.append(f"request for {params['request']['url']}")
        return found


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "explore.html"
    path.write_text(explore_page(), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no browser: neither chromium nor google-chrome is installed")
    found = Browser(program, tmp_path_factory.mktemp("profile"))
    yield found
    found.close()


@pytest.fixture(autouse=True)
def quiet(request):
    """After each test: nothing on the console, no request."""
    yield
    if "broken" not in request.fixturenames and "browser" in request.fixturenames:
        assert request.getfixturevalue("browser").complaints() == []


@pytest.fixture
def broken(page, tmp_path):
    """broken(right, wrong): the page with a fault."""

    def make(right, wrong):
        text = page.read_text(encoding="utf-8")
        assert right in text
        path = tmp_path / "broken.html"
        path.write_text(text.replace(right, wrong), encoding="utf-8")
        return path

    return make


def test_the_address_holds_all_choices_until_one_starts_again(browser, page):
    browser.open(page, STATE)
    assert browser.address() == {name: str(value) for name, value in STATE.items()}
    limit = lr.asymptotics(
        0.45,
        signal=2.0,
        signal_noise=1.5,
        orthogonal_noise=0.7,
        penalty=lr.penalty("huber", delta=0.3),
        alpha=0.05,
    )
    assert browser.number_shown("accuracy") == pytest.approx(limit.accuracy, rel=1e-12)
    before = browser.text("summary")
    assert "With the penalty huber at α = 0.05" in before
    browser.load("Page.reload")
    assert browser.text("summary") == before
    assert browser.run("document.querySelector('[name=axis]:checked').value") == "lambda"
    browser.run("document.querySelector('button[type=reset]').click()")
    browser.settle()
    assert [browser.address()[name] for name in ("penalty", "lambda")] == ["quadratic", "0.7"]


def test_an_address_with_nonsense_opens_the_page_all_the_same(browser, page):
    nonsense = {"penalty": "<img src=x onerror=alert(1)>", "alpha": "7", "lambda": "NaN", "x": "1"}
    browser.open(page, nonsense)
    assert "With the penalty quadratic at α = 0.999" in browser.text("summary")
    assert browser.text("typed-note") == "Not f(z): the character at column 1 is not admitted."
    assert browser.run("document.querySelectorAll('img').length") == 0


def test_a_slider_moves_the_numbers_the_summary_and_the_address(browser, page):
    browser.open(page)
    before = browser.number_shown("accuracy")
    browser.run("document.getElementById('lambda-slider').focus()")
    browser.press("ArrowRight", 13)
    browser.settle()
    limit = lr.asymptotics(0.83, orthogonal_noise=3.0)
    assert before != browser.number_shown("accuracy") == pytest.approx(limit.accuracy, rel=1e-12)
    assert browser.run("document.getElementById('lambda').value") == "0.83"
    assert browser.address()["lambda"] == "0.83"
    assert f"{100 * limit.accuracy:.2f} %" in browser.text("summary")


def test_the_keyboard_alone_reaches_and_moves_everything(browser, page):
    browser.open(page)
    order = []
    for _ in range(20):
        browser.press("Tab")
        order.append(browser.focused())
    data = [
        f"{name}{part}"
        for name in ("lambda", "mu_f", "sigma_f", "sigma_n")
        for part in ("", "-slider")
    ]
    strength = ["alpha", "alpha-slider", "K", "K-slider"]
    start = ["A", "penalty", "typed"]
    expected = [*start, *strength, *data, "BUTTON"]
    assert order[: len(expected)] == expected
    browser.run("document.getElementById('alpha-slider').focus()")
    browser.press("ArrowRight", 2)
    browser.settle()
    assert browser.address()["alpha"] == "0.109"
    assert browser.run("document.activeElement.getAttribute('aria-valuetext')") == "0.109"
    browser.run("document.querySelector('[name=axis]').focus()")
    browser.press("ArrowRight")
    browser.settle()
    assert browser.address()["axis"] == "lambda"


def test_a_penalty_can_be_typed_by_name_or_as_a_formula(browser, page):
    browser.open(page)
    browser.run("document.getElementById('typed').focus()")
    browser.type("huber")
    browser.settle()
    assert browser.address()["penalty"] == "huber"
    assert browser.run("document.getElementById('delta').checkVisibility()")
    browser.run("document.getElementById('typed').select()")
    browser.type("z^2/3 + abs(z)/5")
    browser.settle()
    limit = lr.asymptotics(0.7, orthogonal_noise=3.0, penalty="z^2/3 + abs(z)/5")
    assert browser.number_shown("accuracy") == pytest.approx(limit.accuracy, rel=1e-12)
    assert "With f(z) = z^2/3 + abs(z)/5 at α = 0.1" in browser.text("summary")
    assert browser.text("typed-formula") == "z23+|z|5"
    assert not browser.run("document.getElementById('delta').checkVisibility()")


def test_a_text_that_is_no_penalty_is_told_and_changes_nothing(browser, page):
    browser.open(page)
    before = browser.text("summary")
    browser.run("document.getElementById('typed').focus()")
    browser.type("alert(1)")
    browser.run("new Promise((done) => setTimeout(done, 700))")
    assert browser.text("typed-note") == "Not f(z): unknown name 'alert' at column 1."
    assert browser.run("document.getElementById('typed').ariaInvalid") == "true"
    assert browser.text("summary") == before
    # What is being mended survives other choices, until one starts again.
    browser.run("document.getElementById('K-slider').focus()")
    browser.press("ArrowRight")
    browser.settle()
    assert browser.address()["penalty"] == "quadratic"
    assert browser.run("document.getElementById('typed').value") == "alert(1)"
    browser.run("document.querySelector('button[type=reset]').click()")
    assert browser.run("document.getElementById('typed').value") == browser.text("typed-note") == ""


def test_choosing_label_smoothing_speaks_of_its_labels(browser, page):
    browser.open(page, {"penalty": "label-smoothing", "alpha": 0.1, "K": 3})
    assert browser.run("document.getElementById('labels').checkVisibility()")
    said = browser.text("labels")
    assert "0.9333 for the true class and 0.03333 for each of the other 2." in said
    assert said.endswith("over the others alone call this ε = 0.06667.")


def test_a_click_into_the_phase_diagram_moves_the_data(browser, page):
    browser.open(page)
    browser.run("document.getElementById('phase').scrollIntoView({ behavior: 'instant' })")
    left, top, width, height = browser.run(
        "((b) => [b.left, b.top, b.width, b.height])"
        "(document.getElementById('phase').getBoundingClientRect())"
    )
    place = {"x": left + 0.5 * width, "y": top + 0.4 * height, "button": "left", "clickCount": 1}
    for kind in ("mousePressed", "mouseReleased"):
        browser.send("Input.dispatchMouseEvent", type=kind, **place)
    browser.settle()
    moved = browser.address()
    assert float(moved["sigma_f"]) == pytest.approx(1.37, abs=0.02)
    assert float(moved["sigma_n"]) == pytest.approx(3.39, abs=0.02)


def test_a_solver_that_fails_says_so(browser, page):
    browser.open(page, {"alpha": 0, "lambda": 0.04825})
    assert "solved only to" in browser.text("summary")
    assert "solved only to" in browser.text("logits-note")
    assert browser.text("n-accuracy") == "–"


def test_at_phone_width_nothing_overflows_and_the_controls_unfold(browser, page):
    browser.open(page, {"penalty": "label-smoothing", "axis": "alpha"}, width=375)
    overflow = "document.documentElement.scrollWidth - innerWidth"
    assert browser.run(overflow) <= 0
    assert not browser.run("document.getElementById('alpha').checkVisibility()")
    browser.run("document.querySelector('#panel > summary').focus()")
    browser.press("Enter")
    assert browser.run("document.getElementById('alpha').checkVisibility()")
    assert browser.run(overflow) <= 0


# Of every text: its contrast with the nearest background, where that is below 4.5.
FAINT = """[...document.querySelectorAll('body *')].flatMap((node) => {
    const written = [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
    if (!written || !node.checkVisibility() || node.closest('script, style, option')) return [];
    const light = (color) => {
        const parts = color.match(/[\\d.]+/g).slice(0, 3).map((x) => x / 255);
        const even = (x) => (x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
        const [r, g, b] = parts.map(even);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    let back = node;
    const behind = () => getComputedStyle(back).backgroundColor;
    while (/, 0\\)$/.test(behind())) back = back.parentElement;
    const style = getComputedStyle(node), ink = node.ownerSVGElement ? style.fill : style.color;
    const pair = [light(ink), light(behind())].sort((a, b) => a - b);
    const ratio = (pair[1] + 0.05) / (pair[0] + 0.05);
    return ratio < 4.5 ? [`${node.tagName} ${node.textContent.slice(0, 30)} ${ratio}`] : [];
})"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_background(browser, page, scheme):
    browser.open(page, STATE, scheme=scheme)
    assert browser.run(FAINT) == []


def nameless(browser):
    """Roles of what a screen reader would announce without a name."""
    spoken = ("slider", "spinbutton", "combobox", "textbox", "radio", "button", "link", "image")
    tree = browser.send("Accessibility.getFullAXTree")["nodes"]
    shown = [node for node in tree if not node["ignored"]]
    roles = [(n["role"]["value"], n.get("name", {}).get("value", "")) for n in shown if "role" in n]
    assert {"slider", "spinbutton", "image", "status"} <= {role for role, _ in roles}
    return [role for role, name in roles if role in spoken and not name]


def test_everything_has_a_name_for_a_screen_reader(browser, page):
    browser.open(page)
    assert nameless(browser) == []
    notes = browser.run(
        "[...document.querySelectorAll('svg')].map((figure) =>"
        " document.getElementById(figure.getAttribute('aria-describedby')).textContent)"
    )
    assert [note != "" for note in notes] == [True] * 6


def test_a_faint_text_is_noticed(browser, broken):
    browser.open(broken("--soft: #5d574e", "--soft: #b0aba2"))
    assert browser.run(FAINT)


def test_a_missing_label_is_noticed(browser, broken):
    browser.open(broken('<label for="K">', "<label>"))
    assert nameless(browser) == ["spinbutton"]


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        ("console.log(1)", "Runtime.consoleAPICalled"),
        ("setTimeout(() => { throw 1; })", "Runtime.exceptionThrown"),
        ("new Image().src = 'picture.png'", "Content Security Policy"),
    ],
)
def test_a_complaint_of_the_browser_is_noticed(browser, broken, fault, complaint):
    browser.open(broken("\ntake_address();", f"\ntake_address();\n{fault};"))
    assert any(complaint in found for found in browser.complaints())

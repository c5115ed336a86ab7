"""Forks, records of what tests reach, and mutated code: the runner of mutation_score.py."""

from __future__ import annotations

import ast
import json
import math
import os
import resource
import signal
import tempfile
import time
import traceback
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest
from coverage import Coverage
from hypothesis import Phase, settings

PYTEST = ["-q", "--assert=plain", "-p", "no:cacheprovider", "-n0", "--hypothesis-profile=mutation"]
Functions = dict[str, list[FunctionType]]


def forked(action: Callable[[], str], wall: float) -> str:
    """What the action returns in a process of its own, or "timed out", or "crashed"."""
    with tempfile.TemporaryFile() as answer:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # JAX warns of threads
            child = os.fork()
        if not child:
            os.setsid()
            try:
                answer.write(action().encode())
                answer.flush()
            except BaseException:
                traceback.print_exc()
            os._exit(0)
        deadline = time.monotonic() + wall
        while not (ended := os.waitpid(child, os.WNOHANG))[0] and time.monotonic() < deadline:
            time.sleep(0.01)
        if not ended[0]:
            os.killpg(child, signal.SIGKILL)
            ended = os.waitpid(child, 0)
        answer.seek(0)
        late = os.WIFSIGNALED(ended[1]) and os.WTERMSIG(ended[1]) in (
            signal.SIGXCPU,
            signal.SIGKILL,
        )
        return "timed out" if late else answer.read().decode() or "crashed"


def in_parallel(actions: list[Callable[[], None]], workers: int) -> None:
    """Each worker, a process, takes every workers-th action."""
    children = []
    for worker in range(workers):
        if not (child := os.fork()):
            try:
                for action in actions[worker::workers]:
                    action()
            except BaseException:
                traceback.print_exc()
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)


class Plugin:
    """Hypothesis does not shrink: that a test fails is all that is asked."""

    failed = ""

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self) -> None:
        phases = (Phase.explicit, Phase.generate)
        settings.register_profile("mutation", settings.get_profile("fast"), phases=phases)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.failed = report.nodeid if report.failed else self.failed

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self.failed = f"importing {report.nodeid}" if report.failed else self.failed

    def run(self, *arguments: str) -> None:
        with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
            pytest.main([*PYTEST, *arguments], plugins=[self])


class Recorder(Plugin):
    """Of each test: which lines it reaches, its processor time, and whether it passes."""

    def __init__(self, coverage: Coverage) -> None:
        self.coverage = coverage
        self.tests: dict[str, dict[str, Any]] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.coverage.switch_context(item.nodeid)
        start = time.process_time()
        outcome = yield
        seconds = round(time.process_time() - start, 4)
        self.tests[item.nodeid] = {"seconds": seconds, "passed": self.failed != item.nodeid}
        self.coverage.switch_context("")
        return outcome


def record_reach(copy: Path, tests: str) -> str:
    """Of one file of tests, as JSON: the lines that run at import and those of each test."""
    sources = [str(copy / folder / "*") for folder in ("theory", "numerics")]
    coverage = Coverage(data_file=None, include=sources, config_file=False)
    recorder = Recorder(coverage)
    coverage.start()
    recorder.run(tests)
    coverage.stop()
    data = coverage.get_data()
    reach: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for file in sorted(data.measured_files()):
        for line, contexts in data.contexts_by_lineno(file).items():
            for context in contexts:
                reach[context][str(Path(file).relative_to(copy))].append(line)
    for name, test in recorder.tests.items():
        test["reaches"] = reach[name]
    return json.dumps({"import": reach[""], "tests": recorder.tests})


def statement(source: str, line: int) -> tuple[range, bool]:
    """Lines of the smallest statement there, of a compound one its header; whether a call runs it.

    Of a function's own header, which runs when the function is defined, all lines of the function.
    """
    spans = [(range(1, source.count("\n") + 2), False)]
    for node in ast.walk(ast.parse(source)):
        inner: list[ast.stmt] = getattr(node, "body", [])
        if isinstance(node, ast.FunctionDef):
            start = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            spans.append((range(start, (node.end_lineno or start) + 1), inner[0].lineno <= line))
        elif isinstance(node, ast.stmt):
            end = inner[0].lineno if inner else (node.end_lineno or node.lineno) + 1
            spans.append((range(node.lineno, end), False))
    around = [(span, called) for span, called in spans if line in span]
    return min((span for span, _ in around), key=len), any(called for _, called in around)


class Reach:
    """Which tests have to notice a mutant, and whether it has to be there before the import."""

    def __init__(self, records: list[Path]) -> None:
        self.seconds: dict[str, float] = {}
        self.tests: dict[tuple[str, int], set[str]] = defaultdict(set)
        self.at_import: dict[tuple[str, int], set[str]] = defaultdict(set)
        for record in map(json.loads, map(Path.read_text, records)):
            passing = {name: test for name, test in record["tests"].items() if test["passed"]}
            for name, test in passing.items():
                self.seconds[name] = test["seconds"]
                for path, lines in test["reaches"].items():
                    for line in lines:
                        self.tests[path, line].add(name)
            for path, lines in record["import"].items():
                for line in lines:
                    self.at_import[path, line].update(passing)

    def of(self, path: str, line: int, source: str, limit: float) -> tuple[list[str], bool, bool]:
        """The tests, within the limit in seconds; whether these are all; whether at import."""
        (lines, called), everywhere = statement(source, line), range(1, source.count("\n") + 2)
        named = set().union(*(self.tests.get((path, n), ()) for n in lines))
        importing = set().union(*(self.at_import.get((path, n), ()) for n in lines))
        if importing or not called:
            near = named.union(*(self.tests.get((path, n), ()) for n in everywhere))
            queue = [*self.quick_first(near), *self.quick_first(importing - near)]
        else:
            queue = self.quick_first(named)
        chosen, total = [], 0.0
        for name in queue:
            if total + self.seconds[name] <= limit:
                total += self.seconds[name]
                chosen.append(name)
        return chosen, len(chosen) == len(queue), bool(importing) or not called

    def quick_first(self, names: set[str]) -> list[str]:
        """By files, so that no fixture of a file is made twice; the quickest files first."""
        files = defaultdict(list)
        for name in names:
            files[name.partition("::")[0]].append(self.seconds[name])
        mean = {file: (sum(seconds) / len(seconds), file) for file, seconds in files.items()}
        return sorted(names, key=lambda n: (mean[n.partition("::")[0]], self.seconds[n], n))


class Trial(Plugin):
    """Runs given tests until one fails. With an action, that runs in the place of the tests."""

    outcome = "crashed"

    def __init__(
        self, reach: Reach, names: list[str], action: Callable[[Trial], None] | None = None
    ):
        self.reach, self.names, self.action = reach, names, action
        self.items: dict[str, pytest.Item] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.items = {item.nodeid: item for item in session.items}
        if self.action:
            self.action(self)
        else:
            self.outcome = self.first_failure(self.names)
        return True

    def first_failure(self, names: list[str]) -> str:
        items = [self.items[name] for name in names if name in self.items]
        for item, following in zip(items, [*items[1:], None], strict=True):
            if self.failed:
                break
            allowed = time.process_time() + 10 * self.reach.seconds[item.nodeid] + 10
            resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(allowed), resource.RLIM_INFINITY))
            item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
        return f"killed by {self.failed}" if self.failed else "survived"


def codes(source: str, file: str) -> list[CodeType]:
    """Of a module: its own code, and that of every function in it."""

    def below(code: CodeType) -> list[CodeType]:
        return [code, *(c for k in code.co_consts if isinstance(k, CodeType) for c in below(k))]

    return below(compile(source, file, "exec", dont_inherit=True))


def exchange(module: Path, text: str, functions: list[FunctionType]) -> bool:
    """Give the functions of a module their mutated code; whether there is any to give it to."""
    old, new = codes(module.read_text(), str(module)), codes(text, str(module))
    changed = {a: b for a, b in zip(old, new, strict=True) if a != b}
    found = [f for f in functions if f.__code__ in changed]
    for function in found:
        function.__code__ = changed[function.__code__]
    return bool(found)


def load_mutated(module: Path, text: str) -> None:
    """Whoever imports the module from now on gets the mutated one."""
    original = SourceFileLoader.get_code

    def get_code(self: SourceFileLoader, name: str) -> CodeType | None:
        if self.path == str(module):
            return compile(text, self.path, "exec", dont_inherit=True)
        return original(self, name)

    SourceFileLoader.get_code = get_code  # type: ignore[method-assign, assignment]

"""Mutation testing of theory/ and numerics/: small faults are made, and the tests must notice.

The faults are those of Cosmic Ray's operators. Its own runner starts Python anew for each fault,
which takes seconds where the tests take milliseconds; here, a process in which all tests have been
collected is forked for each mutant, the code of the mutated functions is exchanged, and the tests
that reach the mutated statement run, the files of quick tests first, until one fails. A statement
that already runs at import is mutated before the import, in a fork of a process that has imported
nothing of the project. All this happens in a copy of the package, of which no file is changed.

    python benchmarks/mutation_score.py --sample 300     # or every mutant, without --sample
    python benchmarks/mutation_score.py --sample 300 --again --limit 1000

The second line tries the survivors again, with new tests or more time. The record has an entry for
each --seed, with the score of its first run: that is the one for mutants that nobody has looked at.
What is known is kept in --work: which tests reach which lines (recorded again for files of tests
that are newer) and what became of each mutant (while its module stays the same), so an interrupted
run goes on where it stopped. Needs cosmic-ray and coverage, and POSIX.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import gc
import hashlib
import json
import math
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from types import FunctionType
from typing import Any, NamedTuple

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names
from mutation_runner import (
    Functions,
    Reach,
    Trial,
    exchange,
    forked,
    in_parallel,
    load_mutated,
    record_reach,
)
from scipy.stats import binomtest

ROOT = Path(__file__).resolve().parent.parent
RECORD = ROOT / "benchmarks" / "mutation-score.json"
EQUIVALENT = ROOT / "benchmarks" / "mutation-equivalents.json"
# Imported before any fork, so that no mutant waits for them.
PRELOADED = ("scipy.optimize", "scipy.stats", "sympy", "mpmath", "flint", "hypothesis.extra.numpy")
FAMILIES = (
    {"Add", "Sub", "Mul", "Div", "FloorDiv", "Mod", "Pow"},
    {"BitAnd", "BitOr", "BitXor"},
    {"Eq", "NotEq", "Lt", "LtE", "Gt", "GtE"},
    {"Is", "IsNot"},
    {"Delete", "Invert"},
    {"Delete", "Not"},
    {"Delete", "USub", "UAdd"},
)


class Mutant(NamedTuple):
    path: str
    digest: str  # of the module's text: a result holds for this text only
    operator: str
    occurrence: int
    line: int

    @property
    def key(self) -> str:
        return f"{self.path}@{self.digest}:{self.operator}#{self.occurrence}"


def operators() -> list[str]:
    """Exchanges stay in a family: a shift in the place of a sum would fail wherever it runs."""

    def fits(name: str) -> bool:
        change = set(name.partition("Operator_")[2].split("_"))
        return change == {""} or any(change <= family for family in FAMILIES)

    return sorted(name for name in operator_names() if fits(name) and "/Variable" not in name)


def never_run(tree: ast.Module) -> Iterator[ast.expr | ast.stmt]:
    """Annotations, and what only type checkers import."""
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            yield from node.body
        for field in ("annotation", "returns"):
            if isinstance(annotation := getattr(node, field, None), ast.expr):
                yield annotation


def mutants_of(source: str, path: str) -> list[Mutant]:
    digest = hashlib.sha256(source.encode()).hexdigest()[:8]
    idle = [
        ((node.lineno, node.col_offset), (node.end_lineno or 0, node.end_col_offset or 0))
        for node in never_run(ast.parse(source))
    ]
    nodes = list(ast_nodes(get_ast(source)))
    found = []
    for name in operators():
        operator = get_operator(name)()
        places = [start for node in nodes for start, _ in operator.mutation_positions(node)]
        found += [
            Mutant(path, digest, name, occurrence, place[0])
            for occurrence, place in enumerate(places)
            if not any(start <= place < end for start, end in idle)
        ]
    return found


def systematic(mutants: list[Mutant], size: int | None, seed: int) -> list[Mutant]:
    """Equal chances for all mutants, and of each module its share to within one; shuffled."""
    generator = random.Random(seed)
    modules = defaultdict(list)
    for mutant in mutants:
        modules[mutant.path].append(mutant)
    queue = [m for group in modules.values() for m in generator.sample(group, len(group))]
    size = min(size or len(queue), len(queue))
    start = generator.random()
    chosen = [queue[int((i + start) * len(queue) / size)] for i in range(size)]
    return generator.sample(chosen, size)


class Campaign:
    """Tries mutants and writes down, a line of JSON for each, what became of them."""

    def __init__(self, copy: Path, reach: Reach, results: Path, limit: float) -> None:
        self.copy, self.reach, self.results, self.limit = copy, reach, results, limit

    def attempt(self, mutant: Mutant, collected: Trial | None, functions: Functions) -> None:
        """Nothing is written where a collected test would come too late."""
        module = self.copy / mutant.path
        source = module.read_text()
        text = str(mutate_code(source, get_operator(mutant.operator)(), mutant.occurrence))
        names, every, at_import = self.reach.of(mutant.path, mutant.line, source, self.limit)

        def exchanged() -> str:
            assert collected is not None
            load_mutated(module, text)  # for imports inside functions
            if not exchange(module, text, functions[str(module)]):
                return "too late"
            return collected.first_failure(names)

        def imported(part: list[str]) -> str:
            load_mutated(module, text)
            return tried(self.reach, part)

        start = time.monotonic()
        if not is_python(text):
            outcome = "not Python"
        elif ast.dump(ast.parse(source)) == ast.dump(ast.parse(text)):
            outcome = "same code"
        elif not names:
            outcome = "survived"
        elif collected and at_import:
            outcome = "too late"
        elif collected:
            outcome = forked(exchanged, self.patience(names))
        else:
            # To collect a file takes longer than most tests: a few files first.
            files = list(dict.fromkeys(name.partition("::")[0] for name in names))
            for chosen in filter(None, (files[:2], files[2:10], files[10:])):
                part = [name for name in names if name.partition("::")[0] in chosen]
                outcome = forked(partial(imported, part), self.patience(part))
                if outcome != "survived":
                    break
        if outcome != "too late":
            before, after = difference(source, text)
            result = mutant._asdict() | {"key": mutant.key, "before": before, "after": after}
            result |= {"outcome": outcome, "tests": len(names), "every test": every}
            result |= {"seconds": round(time.monotonic() - start, 1)}
            with self.results.open("a") as file:
                file.write(json.dumps(result) + "\n")

    def patience(self, names: list[str]) -> float:
        return 300 + 20 * sum(self.reach.seconds[name] for name in names)

    def work_off(self, mutants: list[Mutant]) -> None:
        def exchanging(collected: Trial) -> None:
            functions: Functions = defaultdict(list)
            for candidate in gc.get_objects():
                if isinstance(candidate, FunctionType):
                    functions[candidate.__code__.co_filename].append(candidate)
            for mutant in mutants:
                self.attempt(mutant, collected, functions)

        files = sorted({name.partition("::")[0] for name in self.reach.seconds})
        forked(lambda: str(Trial(self.reach, [], exchanging).run(*files)), math.inf)
        done = known(self.results)
        for mutant in mutants:
            if mutant.key not in done:
                self.attempt(mutant, None, {})


def is_python(text: str) -> bool:
    """Cosmic Ray takes the * before keyword-only parameters for a product."""
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def tried(reach: Reach, names: list[str]) -> str:
    trial = Trial(reach, names)
    trial.run(*dict.fromkeys(name.partition("::")[0] for name in names))
    return f"killed by {trial.failed}" if trial.failed else trial.outcome


def difference(source: str, text: str) -> tuple[str, str]:
    lines = list(difflib.unified_diff(source.splitlines(), text.splitlines(), n=0))[3:]
    before, after = (" ".join(s[1:].strip() for s in lines if s[0] == sign) for sign in "-+")
    return before, after


def known(results: Path) -> dict[str, dict[str, Any]]:
    lines = results.read_text().splitlines() if results.exists() else []
    return {result["key"]: result for result in map(json.loads, lines)}


@cache
def reasons() -> dict[str, str]:
    """Why survivors change nothing that a test could notice, by path and change."""
    return dict(json.loads(EQUIVALENT.read_text())) if EQUIVALENT.exists() else {}


def change(result: dict[str, Any]) -> str:
    return f"{result['path']}: {result['before']}  ->  {result['after']}"


def unexplained(result: dict[str, Any]) -> bool:
    return result["outcome"] == "survived" and change(result) not in reasons()


def proportion(part: int, whole: int) -> dict[str, Any]:
    interval = binomtest(part, whole).proportion_ci(0.95, "exact")
    return {
        "score": round(part / whole, 4),
        "95 % interval (Clopper-Pearson)": [round(interval.low, 4), round(interval.high, 4)],
    }


def report(
    sample: list[Mutant], results: dict[str, dict[str, Any]], total: int, at_first: int | None
) -> dict[str, Any]:
    """Score: of the mutants tried and not explained as equivalent, those noticed.

    The first run of a sample says how many the tests notice that were written without it.
    """
    found = [results[m.key] for m in sample if m.key in results]
    tried = [result for result in found if result["outcome"] != "not Python"]
    modules: dict[str, Counter[str]] = defaultdict(Counter)
    survivors = []
    for result in tried:
        kind = result["outcome"].partition(" by ")[0]
        if kind == "same code":
            kind = "equivalent"
        elif kind == "survived":
            reason = reasons().get(change(result))
            kind = "equivalent" if reason else kind
            survivors.append(
                {
                    "where": f"{result['path']}:{result['line']}",
                    "change": change(result).partition(": ")[2],
                    "tests tried": result["tests"],
                    "every reaching test tried": result["every test"],
                    "equivalent because": reason,
                }
            )
        modules[result["path"]][kind] += 1
    counts = sum(modules.values(), Counter())
    judged = len(tried) - counts["equivalent"]
    noticed = judged - counts["survived"]
    at_first = noticed if at_first is None else at_first
    return {
        "date": time.strftime("%Y-%m-%d"),
        "mutants of the modules": total,
        "sampled": len(sample),
        "tried": len(tried),
        "outcomes": dict(counts),
        **proportion(noticed, judged),
        "with equivalents counted as survivors": proportion(noticed, len(tried)),
        "noticed in the first run": at_first,
        "first run": proportion(at_first, judged),
        "first run with equivalents counted as survivors": proportion(at_first, len(tried)),
        "timed out": [change(r) for r in tried if r["outcome"] == "timed out"],
        "survivors": sorted(survivors, key=lambda s: (bool(s["equivalent because"]), s["where"])),
        "modules": {path: dict(modules[path]) for path in sorted(modules)},
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sample", type=int, help="how many mutants; every one without it")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=float, default=60, help="seconds of tests for a mutant")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "mutation-score")
    parser.add_argument("--without", nargs="*", default=[], help="modules left out")
    parser.add_argument("--again", action="store_true", help="try survivors again")
    options = parser.parse_args()
    copy, reach, results = (options.work / n for n in ("logitreg", "reach", "results.jsonl"))
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(
        ROOT, copy, ignore=shutil.ignore_patterns(".git", ".venv", "build", "*.egg-info")
    )
    reach.mkdir(exist_ok=True)
    os.environ |= {"PYTHONPATH": str(options.work), "OMP_NUM_THREADS": "1"}
    sys.path.insert(0, str(options.work))
    os.chdir(copy)
    for name in PRELOADED:
        import_module(name)

    def record(tests: Path) -> None:
        file = reach / f"{tests.stem}.json"
        if not file.exists() or file.stat().st_mtime < tests.stat().st_mtime:
            said = forked(lambda: record_reach(copy, str(tests.relative_to(copy))), 3600)
            file.write_text(said if said.startswith("{") else '{"import": {}, "tests": {}}')
            print(f"recorded {tests.name}", flush=True)

    suite = sorted(copy.glob("tests/**/test_*.py"))
    in_parallel([partial(record, tests) for tests in suite], options.workers)
    paths = [
        str(p.relative_to(copy)) for f in ("theory", "numerics") for p in (copy / f).glob("*.py")
    ]
    paths = sorted(set(paths) - set(options.without))
    mutants = [m for path in paths for m in mutants_of((copy / path).read_text(), path)]
    sample = systematic(mutants, options.sample, options.seed)
    done = known(results)
    again = {key for key in done if options.again and unexplained(done[key])}
    left = [m for m in sample if m.key not in done or m.key in again]
    if again:
        results.write_text("".join(json.dumps(done[k]) + "\n" for k in done if k not in again))
    print(f"{len(mutants)} mutants, {len(sample)} in the sample, {len(left)} to try", flush=True)
    tests = Reach(list(reach.glob("*.json")))
    campaign = Campaign(copy, tests, results, options.limit)
    shares = [left[k :: options.workers] for k in range(options.workers)]
    in_parallel([partial(campaign.work_off, share) for share in shares], options.workers)
    outcomes = [known(results)[m.key]["outcome"] for m in sample if m.key in known(results)]
    killers = sorted({text.partition("killed by ")[2] for text in outcomes} & set(tests.seconds))
    control = forked(lambda: tried(tests, killers), math.inf)
    print(f"control: without a mutant, the {len(killers)} tests that killed one: {control}")
    records = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    name = f"seed {options.seed}"
    at_first = records.get(name, {}).get("noticed in the first run")
    records[name] = summary = report(sample, known(results), len(mutants), at_first)
    RECORD.write_text(json.dumps(records, indent=1, ensure_ascii=False) + "\n")
    print(json.dumps({k: v for k, v in summary.items() if k != "modules"}, indent=1))


if __name__ == "__main__":
    main()

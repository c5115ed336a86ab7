"""Run the property suite at length and record how many examples passed.

    python benchmarks/thorough_properties.py [--output FILE]
    python benchmarks/thorough_properties.py --again

Runs `pytest tests/properties --hypothesis-profile=thorough` and writes the examples of each
property, their sum, which tests failed, the date and the versions as JSON. With --again only the
tests that failed run, and what is found of them replaces what was. Exits as pytest does; takes a
quarter of an hour on two cores.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_PROPERTY = re.compile(r"^(tests/properties/\S+::.+):$")
_FAILED = re.compile(r"^FAILED (tests/properties/\S+)", re.MULTILINE)
_COUNTS = re.compile(r"(\d+) passing.*?, (\d+) failing.*?, and (\d+) invalid")
_LIBRARIES = ("hypothesis", "numpy", "scipy", "python-flint", "scikit-learn", "torch")


def examples(statistics: str) -> dict[str, int]:
    """The passing examples of each property, from what --hypothesis-show-statistics prints."""
    found: dict[str, int] = {}
    name = ""
    for line in statistics.splitlines():
        if match := _PROPERTY.match(line):
            name = match[1].removeprefix("tests/properties/")
        elif match := _COUNTS.search(line):
            found[name] = found.get(name, 0) + int(match[1])
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=_ROOT / "proofs_checks/thorough.json")
    parser.add_argument("--again", action="store_true", help="only what failed")
    arguments = parser.parse_args()
    output: Path = arguments.output
    before = json.loads(output.read_text(encoding="utf-8")) if arguments.again else {}
    if arguments.again and not before["failed"]:
        print(f"no test failed in {output}")
        return 0
    command = [sys.executable, "-m", "pytest", "-q", "-n", "auto", "--dist=load"]
    command += ["--hypothesis-profile=thorough", "--hypothesis-show-statistics"]
    command += before.get("failed", ["tests/properties"])
    start = time.monotonic()
    run = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)
    properties = before.get("properties", {}) | examples(run.stdout)
    record = {
        "date": datetime.now(UTC).date().isoformat(),
        "passed": run.returncode == 0,
        "failed": _FAILED.findall(run.stdout),
        "examples": sum(properties.values()),
        "seconds": before.get("seconds", 0) + round(time.monotonic() - start),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in _LIBRARIES},
        "properties": properties,
    }
    output.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    print(f"{record['examples']} examples of {len(properties)} properties -> {output}")
    if run.returncode:
        print(run.stdout)
    return run.returncode


if __name__ == "__main__":
    sys.exit(main())

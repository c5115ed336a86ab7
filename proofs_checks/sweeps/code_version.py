"""Which code computed a result: the version of the package and a hash of the sources behind it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ... import __version__

__all__ = ["CODE_VERSION"]

_SOURCES = ("errors.py", "numerics/*.py", "theory/*.py", "proofs_checks/sweeps/jobs.py")


def _code_version() -> str:
    package = Path(__file__).parents[2]
    sources = sorted(path for pattern in _SOURCES for path in package.glob(pattern))
    found = hashlib.sha256()
    for source in sources:
        found.update(source.relative_to(package).as_posix().encode())
        found.update(source.read_bytes())
    return f"{__version__}+{found.hexdigest()[:12]}"


# Read on import: a process that lives long keeps the version of the code that it runs.
CODE_VERSION = _code_version()

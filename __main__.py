"""``python -m logitreg`` is the command ``logitreg``."""

from __future__ import annotations

from .proofs_checks.cli import main

if __name__ == "__main__":
    main(prog_name="logitreg")

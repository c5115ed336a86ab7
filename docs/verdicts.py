"""The README's table of verdicts, from what the repository records.

    python docs/verdicts.py

rewrites the table between its marks; ``logitreg verify`` compares the record with the evidence.
"""

from __future__ import annotations

from pathlib import Path

from logitreg.proofs_checks.ledger import expected_verdicts

README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- verdicts -->", "<!-- end of verdicts -->"


def verdict_table() -> str:
    """One row for each claim: id, verdict, grade."""
    rows = [
        f"| `{id}` | {verdict} | {grade} |" for id, (verdict, grade) in expected_verdicts().items()
    ]
    return "\n".join(["| claim | verdict | grade |", "|---|---|---|", *rows])


def with_table(text: str) -> str:
    """The text of a README with the table put between its marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{verdict_table()}\n\n{END}{after}"


if __name__ == "__main__":
    README.write_text(with_table(README.read_text(encoding="utf-8")), encoding="utf-8")

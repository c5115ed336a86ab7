"""Run the notebooks and store what they show: ``python notebooks/run.py [NOTEBOOK...]``.

The test of the notebooks takes from here how one is run, and where two runs of it differ.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
from nbclient import NotebookClient

__all__ = ["differences", "notebooks", "run", "stored"]

HERE = Path(__file__).resolve().parent
_SECONDS_A_CELL = 120
_KERNEL = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def notebooks() -> list[Path]:
    """The notebooks, in the order of their numbers."""
    return sorted(HERE.glob("[0-9][0-9]-*.ipynb"))


def stored(path: Path) -> Any:
    """The notebook as it is stored."""
    return nbformat.read(path, as_version=4)


def run(path: Path) -> Any:
    """The notebook, run from top to bottom in a fresh kernel."""
    notebook = stored(path)
    notebook.metadata = nbformat.from_dict(_KERNEL)
    client = NotebookClient(
        notebook,
        timeout=_SECONDS_A_CELL,
        kernel_name="python3",
        resources={"metadata": {"path": str(HERE)}},
        record_timing=False,
        coalesce_streams=True,
    )
    with TemporaryDirectory() as scratch:
        # Pictures inline and one thread, whatever the user's settings; nothing left beside them.
        client.execute(
            env={
                **os.environ,
                "MPLBACKEND": "module://matplotlib_inline.backend_inline",
                "IPYTHONDIR": scratch,
                "HYPOTHESIS_STORAGE_DIRECTORY": scratch,
                "PYTHONDONTWRITEBYTECODE": "1",
                "OMP_NUM_THREADS": "1",
                "OPENBLAS_NUM_THREADS": "1",
            }
        )
    notebook.metadata = nbformat.from_dict(_KERNEL)
    for number, cell in enumerate(notebook.cells):
        cell.id, cell.metadata = f"cell-{number}", nbformat.from_dict({})
    return notebook


def differences(old: Any, new: Any) -> list[str]:
    """Where two runs show different text or LaTeX; of pictures only that there is one."""
    if len(old.cells) != len(new.cells):
        return [f"{len(old.cells)} cells stored, {len(new.cells)} run"]
    found = []
    for number, (before, after) in enumerate(zip(old.cells, new.cells, strict=True)):
        if before.source != after.source:
            found.append(f"cell {number}: another source")
        elif before.cell_type == "code" and _texts(before) != _texts(after):
            found.append(f"cell {number}: stored {_texts(before)}, now {_texts(after)}")
    return found


def _texts(cell: Any) -> list[Any]:
    return [_text(output) for output in cell.outputs]


def _text(output: Any) -> Any:
    if output.output_type == "stream":
        return output.name, output.text
    if output.output_type == "error":
        return "error", output.ename, output.evalue
    kinds = sorted(output.data)
    pictured = any(kind.startswith("image/") for kind in kinds)
    return kinds, None if pictured else {kind: output.data[kind] for kind in kinds}


def main(names: list[str]) -> None:
    """Run the named notebooks, or all, and store them."""
    for path in [HERE / Path(name).name for name in names] or notebooks():
        notebook = run(path)
        text = nbformat.writes(notebook) + "\n"
        # A kernel may show an object by its address, which is another one each time.
        if match := re.search(r" at 0x[0-9a-f]{6,}", text):
            raise SystemExit(f"{path.name} shows{match.group()}; expected the same each time")
        path.write_text(text, encoding="utf-8")
        print(path.name)


if __name__ == "__main__":
    main(sys.argv[1:])

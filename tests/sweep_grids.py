"""Specifications of sweeps, written where a test wants them."""

from __future__ import annotations

from pathlib import Path

from logitreg.proofs_checks.sweeps.spec import Spec, read_spec


def written(folder: Path, text: str, name: str = "grid.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def spec_of(folder: Path, text: str) -> Spec:
    return read_spec(written(folder, text))


def seeds(folder: Path, count: int) -> Spec:
    return spec_of(folder, f"seeds = {count}\n[data]\nn_samples = 20\nn_features = 3\n")

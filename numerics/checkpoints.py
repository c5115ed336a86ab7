"""Checkpoints: arrays in a .npz file, which is the old one or the new one, never half of it."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError

__all__ = ["fingerprint", "load_checkpoint", "save_checkpoint"]

_KEY = "fingerprint"


def fingerprint(*parts: Any) -> str:
    """A hash of arrays, byte for byte, and of other values, by their ``repr``.

    Examples
    --------
    >>> fingerprint(np.zeros(2), 0.1) == fingerprint(np.zeros(2), 0.1)
    True
    >>> fingerprint(np.zeros(2), 0.1) == fingerprint(np.zeros(2), 0.2)
    False
    """
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype}{part.shape}".encode())
            digest.update(np.ascontiguousarray(part).tobytes())
        else:
            digest.update(repr(part).encode())
    return digest.hexdigest()


def save_checkpoint(path: str | Path, owner: str, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays and the fingerprint of the job they belong to, replacing the file at once."""
    target = Path(path)
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    everything: dict[str, Any] = {_KEY: np.asarray(owner), **arrays}
    try:
        with partial.open("wb") as stream:
            np.savez(stream, **everything)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def load_checkpoint(path: str | Path, owner: str) -> dict[str, NDArray[Any]] | None:
    """The arrays of a checkpoint, or None if there is no file.

    Raises
    ------
    DataError : the file is no checkpoint, or belongs to a job with another fingerprint.
    """
    file = Path(path)
    if not file.exists():
        return None
    try:
        with np.load(file, allow_pickle=False) as archive:
            arrays = dict(archive)
            found = str(arrays.pop(_KEY))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{str(file)!r} cannot be read as a checkpoint ({error}); expected a .npz that an "
            "earlier run wrote; choose another path"
        ) from error
    if found != owner:
        raise DataError(
            f"the checkpoint {str(file)!r} belongs to other data or settings; expected the same "
            "data, penalty, alpha, learning rate, epochs and records; choose another path or "
            "delete it"
        )
    return arrays

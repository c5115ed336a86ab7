"""Public names and optional libraries, imported on their first use."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from .errors import MissingDependencyError

__all__ = ["lazy_names", "optional"]

_EXTRAS = {
    "distributed": "sweep",
    "jax": "jax",
    "joblib": "sweep",
    "pyarrow": "parquet",
    "sklearn": "sklearn",
    "torch": "torch",
}
"""The libraries that not every installation has, each with the extra that brings it."""


def lazy_names(
    package: str, home: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The ``__getattr__`` and ``__dir__`` of a package.

    A name whose module needs a library that is not installed raises MissingDependencyError.

    Parameters
    ----------
    package : its ``__name__``.
    home : for each public name the module that defines it, relative to the package.

    Examples
    --------
    >>> get, names = lazy_names("logitreg", {"DataError": "errors"})
    >>> get("DataError")
    <class 'logitreg.errors.DataError'>
    >>> "DataError" in names()
    True
    """

    def get(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        try:
            module = import_module(f".{home[name]}", package)
        except ModuleNotFoundError as error:
            library = _library(error.name or "")
            if library not in _EXTRAS:
                raise
            raise _missing(library, name, error) from error
        value = getattr(module, name)
        setattr(sys.modules[package], name, value)
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *home})

    return get, names


def optional(module: str, purpose: str, otherwise: str = "") -> Any:
    """A module of a library that not every installation has.

    Parameters
    ----------
    module : its name, such as ``"pyarrow.parquet"``.
    purpose : what needs it, to begin the message.
    otherwise : how to do without, to end it.

    Raises
    ------
    MissingDependencyError : it cannot be imported; the message names the extra that brings it.

    Examples
    --------
    >>> try:
    ...     optional("joblib.nonsense", "a sweep", "compute one by one")
    ... except MissingDependencyError as error:
    ...     print(str(error).partition("; ")[2])
    run: pip install 'logitreg[sweep]', or compute one by one
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise _missing(_library(module), purpose, error, otherwise) from error


def _library(module: str) -> str:
    return module.partition(".")[0]


def _missing(
    library: str, purpose: str, error: ImportError, otherwise: str = ""
) -> MissingDependencyError:
    return MissingDependencyError(
        f"{purpose} needs {library}, which cannot be imported ({error}); run: "
        f"pip install 'logitreg[{_EXTRAS[library]}]'" + (f", or {otherwise}" if otherwise else "")
    )
